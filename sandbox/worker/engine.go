package worker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// An engine is one in-memory DuckDB database with one connection.
type engine struct {
	db      duckdb.Database
	conn    duckdb.Connection
	version string
	scans   bool // the table function of scan.go is registered
	tables  map[string]*table
	schemas map[string]duckdb.ArrowConvertedSchema // of types whose values are not copied

	counters map[int]bool            // by k: the aggregates of kset.go that are registered
	rows     map[wire.RowSet]*rowSet // those of rows.go that are

	// How scans ask for announced segments, and tell that they need one no more.
	ask  func(m wire.SegmentMessage, columns int, take func(fd int)) error
	drop func(m wire.SegmentMessage)
}

// openEngine opens the database with every setting that shrinks its surface.
// The settings are defense in depth: DuckDB's own security page calls running
// SQL of others unsafe by design, and several of them can be side-stepped.
//
// What depends on the worker's use, and the lock on all of them, is set by
// settle. The engine keeps in the directory spill what does not fit its memory; without
// one a statement that needs more fails.
func openEngine(opt wire.Options, spill string) (*engine, error) {
	var config duckdb.Config
	if duckdb.CreateConfig(&config) != duckdb.StateSuccess {
		return nil, fmt.Errorf("worker: create engine config")
	}
	defer duckdb.DestroyConfig(&config)
	for _, s := range [][2]string{
		{"threads", strconv.Itoa(opt.Threads)},
		{"memory_limit", strconv.FormatInt(engineMemory(opt.Memory)>>20, 10) + "MiB"},
		{"temp_directory", spill},
		// Less than the directory holds, so that the engine reports the
		// shortage itself.
		{"max_temp_directory_size", strconv.FormatInt(opt.Spill-opt.Spill/8, 10) + "B"},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"allow_persistent_secrets", "false"},
	} {
		if duckdb.SetConfig(config, s[0], s[1]) != duckdb.StateSuccess {
			return nil, fmt.Errorf("worker: set engine option %s", s[0])
		}
	}
	e := &engine{tables: map[string]*table{}, schemas: map[string]duckdb.ArrowConvertedSchema{}, counters: map[int]bool{}, rows: map[wire.RowSet]*rowSet{}, version: duckdb.LibraryVersion()}
	var text string
	if duckdb.OpenExt(":memory:", &e.db, config, &text) != duckdb.StateSuccess {
		return nil, fmt.Errorf("worker: open engine")
	}
	if duckdb.Connect(e.db, &e.conn) != duckdb.StateSuccess {
		return nil, fmt.Errorf("worker: connect engine")
	}
	for _, sql := range []string{
		"SET TimeZone = 'UTC'",
		"SET errors_as_json = true",
		// Whatever the engine loads lazily it loads now, while it may read files.
		"SELECT json_serialize_sql('SELECT 1'), timezone('UTC', TIMESTAMP '2020-01-01'), sum(x) FROM range(100000) t(x)",
	} {
		if err := e.run(sql); err != nil {
			return nil, fmt.Errorf("worker: prepare engine: %w", err)
		}
	}
	return e, nil
}

// engineMemory is what the engine may count of the address space: so much less
// that it reports most shortages itself, or makes room in the overflow directory,
// instead of meeting a failed allocation. What it does not count takes 192 MiB,
// for thread stacks, what the allocator holds back and the runtime, and half as
// much again as it counts: a join that overflows at 384, 819 or 1638 MiB takes
// 545, 1219 or 2462.
func engineMemory(memory int64) int64 {
	return max((memory-192<<20)*2/3, memory/4)
}

// run executes a statement of our own and drops its result.
func (e *engine) run(sql string) error {
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(e.conn, sql, &res) != duckdb.StateSuccess {
		return engineFault(duckdb.ResultErrorType(&res), duckdb.ResultError(&res))
	}
	return nil
}

// engineFault turns an error of the engine into a code. The text is read for its
// position and then dropped. Positions count from the text's first byte.
func engineFault(kind duckdb.ErrorType, text string) *fault {
	f := faulted("engine")
	var detail struct {
		Type     string `json:"exception_type"`
		Message  string `json:"exception_message"`
		Position string `json:"position"`
		Errno    string `json:"errno"`
	}
	if json.Unmarshal([]byte(text), &detail) == nil {
		if n, err := strconv.Atoi(detail.Position); err == nil && n >= 0 {
			f.offset = n
		}
	}
	if kind == duckdb.ErrorTypeInvalid && detail.Type != "" {
		kind = exceptionTypes[detail.Type]
	}
	switch kind {
	case duckdb.ErrorTypeOutOfMemory:
		f.code = "memory"
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax:
		f.code = "syntax"
	case duckdb.ErrorTypeCatalog:
		f.code = "catalog"
	case duckdb.ErrorTypeBinder, duckdb.ErrorTypePlanner, duckdb.ErrorTypeParameterNotResolved:
		f.code = "binder"
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeMismatchType:
		f.code = "conversion"
	case duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeDecimal, duckdb.ErrorTypeDivideByZero:
		f.code = "out_of_range"
	case duckdb.ErrorTypeInvalidInput:
		f.code = "invalid_input"
	case duckdb.ErrorTypeNotImplemented:
		f.code = "not_implemented"
	case duckdb.ErrorTypePermission, duckdb.ErrorTypeErrorIO:
		f.code = "permission"
	}
	// ENOSPC and EFBIG: the overflow directory is full.
	if detail.Errno == "28" || detail.Errno == "27" {
		f.code = "memory"
	}
	// A failed allocation inside the C library arrives as bad_alloc under
	// another type; its fixed text holds no value.
	if strings.Contains(detail.Message, "std::bad_alloc") || strings.Contains(text, "std::bad_alloc") {
		f.code = "memory"
	}
	return f
}

// exceptionTypes serves the few calls that report an error as text only.
var exceptionTypes = map[string]duckdb.ErrorType{
	"Parser": duckdb.ErrorTypeParser, "Syntax": duckdb.ErrorTypeSyntax,
	"Catalog": duckdb.ErrorTypeCatalog, "Binder": duckdb.ErrorTypeBinder,
	"Conversion": duckdb.ErrorTypeConversion, "Out of Range": duckdb.ErrorTypeOutOfRange,
	"Invalid Input": duckdb.ErrorTypeInvalidInput, "Not implemented": duckdb.ErrorTypeNotImplemented,
	"Out of Memory": duckdb.ErrorTypeOutOfMemory, "Permission": duckdb.ErrorTypePermission, "IO": duckdb.ErrorTypeErrorIO,
}

// typeName returns the engine's name of a type, or "" for one that does not
// cross the border.
func typeName(t duckdb.LogicalType) string {
	switch duckdb.GetTypeId(t) {
	case duckdb.TypeBoolean:
		return "BOOLEAN"
	case duckdb.TypeTinyInt:
		return "TINYINT"
	case duckdb.TypeSmallInt:
		return "SMALLINT"
	case duckdb.TypeInteger:
		return "INTEGER"
	case duckdb.TypeBigInt:
		return "BIGINT"
	case duckdb.TypeUTinyInt:
		return "UTINYINT"
	case duckdb.TypeUSmallInt:
		return "USMALLINT"
	case duckdb.TypeUInteger:
		return "UINTEGER"
	case duckdb.TypeUBigInt:
		return "UBIGINT"
	case duckdb.TypeHugeInt:
		return "HUGEINT"
	case duckdb.TypeFloat:
		return "FLOAT"
	case duckdb.TypeDouble:
		return "DOUBLE"
	case duckdb.TypeVarchar:
		if duckdb.LogicalTypeGetAlias(t) == "" {
			return "VARCHAR"
		}
	case duckdb.TypeDate:
		return "DATE"
	case duckdb.TypeTimestamp:
		return "TIMESTAMP"
	case duckdb.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", duckdb.DecimalWidth(t), duckdb.DecimalScale(t))
	}
	return ""
}

// logicalType returns the engine's form of t. The caller destroys it.
func logicalType(t wire.Type) duckdb.LogicalType {
	elem := make([]duckdb.LogicalType, len(t.Elem))
	for i, e := range t.Elem {
		elem[i] = logicalType(e)
		defer duckdb.DestroyLogicalType(&elem[i])
	}
	switch t.ID {
	case "DECIMAL":
		return duckdb.CreateDecimalType(uint8(t.Precision), uint8(t.Scale))
	case "LIST":
		return duckdb.CreateListType(elem[0])
	case "ARRAY":
		return duckdb.CreateArrayType(elem[0], duckdb.IdxT(t.Size))
	case "MAP":
		return duckdb.CreateMapType(elem[0], elem[1])
	case "STRUCT":
		return duckdb.CreateStructType(elem, t.Names)
	}
	return duckdb.CreateLogicalType(scalarTypes[t.ID])
}

var scalarTypes = map[string]duckdb.Type{
	"BOOLEAN": duckdb.TypeBoolean, "TINYINT": duckdb.TypeTinyInt, "SMALLINT": duckdb.TypeSmallInt,
	"INTEGER": duckdb.TypeInteger, "BIGINT": duckdb.TypeBigInt, "UTINYINT": duckdb.TypeUTinyInt,
	"USMALLINT": duckdb.TypeUSmallInt, "UINTEGER": duckdb.TypeUInteger, "UBIGINT": duckdb.TypeUBigInt,
	"HUGEINT": duckdb.TypeHugeInt, "FLOAT": duckdb.TypeFloat, "DOUBLE": duckdb.TypeDouble,
	"VARCHAR": duckdb.TypeVarchar, "BLOB": duckdb.TypeBlob, "UUID": duckdb.TypeUUID,
	"DATE": duckdb.TypeDate, "TIME": duckdb.TypeTime, "INTERVAL": duckdb.TypeInterval,
	"TIMESTAMP": duckdb.TypeTimestamp, "TIMESTAMP_S": duckdb.TypeTimestampS, "TIMESTAMP_MS": duckdb.TypeTimestampMS,
	"TIMESTAMP_NS": duckdb.TypeTimestampNS, "TIMESTAMP WITH TIME ZONE": duckdb.TypeTimestampTZ,
}

// quote returns name as a quoted identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
