package worker

/*
#cgo CFLAGS: -O3
#include <stdlib.h>
#include "scan.h"

extern void zoneboxScanBind(void*);
extern void zoneboxScanInit(void*);
*/
import "C"

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// scanName is the table function behind every attached table. Statements reach
// it only through the table's view; the gate's analysis refuses table functions.
const scanName = "__zonebox_scan"

// noMemory is the engine's own text for a failed allocation; engineFault knows it.
const noMemory = "std::bad_alloc"

const (
	vectorSize = 2048
	// morselRows is how much of a segment one thread claims at a time: the
	// engine's own row group, which its scheduling is tuned for.
	morselRows = 60 * vectorSize
)

// A table is what one view scans. It does not change while a statement runs.
type table struct {
	engine   *engine
	index    int64
	columns  []wire.Column
	types    []wire.Type
	segments []*C.zonebox_segment // never freed
	streamed int64                // of them, announced only
	partial  partial
	rows     int64
}

// registered lists the tables of the only engine of this process.
var registered []*table

// registerScan tells the engine about the table function.
//
// DuckDB's own arrow scan (duckdb_arrow_scan, RegisterView) is not used: in
// version 1.5.5 it ignores projection and filters and returns other columns'
// bytes.
func (e *engine) registerScan() error {
	f := duckdb.CreateTableFunction()
	defer duckdb.DestroyTableFunction(&f)
	bigint := duckdb.CreateLogicalType(duckdb.TypeBigInt)
	defer duckdb.DestroyLogicalType(&bigint)
	duckdb.TableFunctionSetName(f, scanName)
	duckdb.TableFunctionAddParameter(f, bigint)
	duckdb.TableFunctionSetBind(f, C.zoneboxScanBind)
	duckdb.TableFunctionSetInit(f, C.zoneboxScanInit)
	duckdb.TableFunctionSetLocalInit(f, C.zonebox_local)
	duckdb.TableFunctionSetFunction(f, C.zonebox_next)
	duckdb.TableFunctionSupportsProjectionPushdown(f, true)
	if duckdb.RegisterTableFunction(e.conn, f) != duckdb.StateSuccess {
		return fmt.Errorf("worker: register scan")
	}
	return nil
}

// view makes t visible to statements under name, without the column that
// nobody reads.
func (e *engine) view(name string, t *table) error {
	return e.run("CREATE VIEW " + quote(name) + " AS SELECT * EXCLUDE (" + quote(t.nothing()) + ") FROM " +
		scanName + "(" + strconv.FormatInt(t.index, 10) + ")")
}

// nothing is the name of a column before all others. A statement that reads no
// column, such as a count, makes the engine ask for the first one; this one is
// never filled.
func (t *table) nothing() string {
	name := "__nothing"
	for _, c := range t.columns {
		if strings.HasPrefix(strings.ToLower(c.Name), name) {
			name = strings.ToLower(c.Name) + "_"
		}
	}
	return name
}

// converted returns the engine's form of the Arrow schema of one column of type
// t, or nil if vectors of t are copied: the engine takes numbers of 8 bytes and
// more where they lie for less than a copy of 16 KB costs, and narrower ones for
// more.
func (e *engine) converted(t wire.Type) unsafe.Pointer {
	var dt arrow.DataType
	switch t.ID {
	case "BIGINT", "UBIGINT", "DOUBLE", "TIMESTAMP":
		dt, _ = wire.Arrow(t.ID)
	case "DECIMAL":
		switch t.Width() {
		case 8:
			dt = &arrow.Decimal64Type{Precision: t.Precision, Scale: t.Scale}
		case 16:
			dt = &arrow.Decimal128Type{Precision: t.Precision, Scale: t.Scale}
		}
	}
	if dt == nil {
		return nil
	}
	s, ok := e.schemas[t.String()]
	if !ok {
		var failed duckdb.ErrorData
		s, failed = duckdb.SchemaFromArrow(e.conn, arrow.NewSchema([]arrow.Field{{Name: "c", Type: dt, Nullable: true}}, nil))
		if duckdb.ErrorDataHasError(failed) {
			duckdb.DestroyErrorData(&failed)
			s.Ptr = nil
		}
		e.schemas[t.String()] = s // for the life of the process
	}
	return s.Ptr
}

//export zoneboxScanBind
func zoneboxScanBind(p unsafe.Pointer) {
	info := duckdb.BindInfo{Ptr: p}
	v := duckdb.BindGetParameter(info, 0)
	defer duckdb.DestroyValue(&v)
	i := duckdb.GetInt64(v)
	if i < 0 || i >= int64(len(registered)) {
		duckdb.BindSetError(info, "no such table")
		return
	}
	t := registered[i]
	boolean := duckdb.CreateLogicalType(duckdb.TypeBoolean)
	duckdb.BindAddResultColumn(info, t.nothing(), boolean)
	duckdb.DestroyLogicalType(&boolean)
	for j, c := range t.columns {
		lt := logicalType(t.types[j])
		duckdb.BindAddResultColumn(info, c.Name, lt)
		duckdb.DestroyLogicalType(&lt)
	}
	duckdb.BindSetCardinality(info, duckdb.IdxT(t.rows), true)
	index := (*C.int64_t)(C.malloc(8))
	if index == nil {
		duckdb.BindSetError(info, noMemory)
		return
	}
	*index = C.int64_t(i)
	duckdb.BindSetBindData(info, unsafe.Pointer(index), C.free)
}

//export zoneboxScanInit
func zoneboxScanInit(p unsafe.Pointer) {
	info := duckdb.InitInfo{Ptr: p}
	t := registered[*(*C.int64_t)(duckdb.InitGetBindData(info))]
	count := 0
	for _, g := range t.segments {
		count += int((g.rows + morselRows - 1) / morselRows)
	}
	width := int(duckdb.InitGetColumnCount(info))
	// Zeroed and at least one element long, so that neither is NULL.
	s := (*C.zonebox_scan)(C.calloc(1, C.sizeof_zonebox_scan))
	if s == nil {
		duckdb.InitSetError(info, noMemory)
		return
	}
	s.morsels = (*C.zonebox_morsel)(C.calloc(C.size_t(count+1), C.sizeof_zonebox_morsel))
	s.columns = (*C.int64_t)(C.calloc(C.size_t(width+1), 8))
	s.visits = (*C.zonebox_visit)(C.calloc(C.size_t(t.streamed+1), C.sizeof_zonebox_visit))
	if s.morsels == nil || s.columns == nil || s.visits == nil {
		C.zonebox_drop(unsafe.Pointer(s))
		duckdb.InitSetError(info, noMemory)
		return
	}
	s.width = C.int64_t(width)
	for i := range width {
		c := duckdb.InitGetColumnIndex(info, duckdb.IdxT(i))
		column := C.int64_t(-1)
		if c >= 1 && c <= duckdb.IdxT(len(t.columns)) {
			column = C.int64_t(c - 1)
		}
		unsafe.Slice(s.columns, width)[i] = column
	}
	morsels, visits := unsafe.Slice(s.morsels, count), unsafe.Slice(s.visits, t.streamed)
	for _, g := range t.segments {
		var visit *C.zonebox_visit
		if g.number >= 0 {
			visit = &visits[s.segments]
			*visit = C.zonebox_visit{table: C.int64_t(t.index), segment: g, left: (g.rows + morselRows - 1) / morselRows}
			s.segments++
		}
		for start := C.int64_t(0); start < g.rows; start += morselRows {
			morsels[s.count] = C.zonebox_morsel{segment: g, start: start, end: min(start+morselRows, g.rows), visit: visit}
			s.count++
		}
	}
	duckdb.InitSetMaxThreads(info, duckdb.IdxT(max(1, count)))
	duckdb.InitSetInitData(info, unsafe.Pointer(s), C.zonebox_drop)
}
