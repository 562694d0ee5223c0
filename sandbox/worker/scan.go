package worker

/*
#include <stdlib.h>
#include <stdint.h>

extern void zoneboxScanBind(void*);
extern void zoneboxScanInit(void*);
extern void zoneboxScanLocal(void*);
extern void zoneboxScanNext(void*, void*);
extern void zoneboxScanDrop(void*);

static void *zonebox_handle(uintptr_t h) {
	uintptr_t *p = malloc(sizeof *p);
	if (p != NULL) *p = h;
	return p;
}
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"strconv"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// scanName is the table function behind every attached table. Statements reach
// it only through the table's view; the gate's analysis refuses table functions.
const scanName = "__zonebox_scan"

const (
	vectorSize = 2048
	// morselRows is how much of a batch one thread claims at a time: the
	// engine's own row group, which its scheduling is tuned for.
	morselRows = 60 * vectorSize
)

// A table is what one view scans. It does not change while a statement runs.
type table struct {
	index    int64
	columns  []wire.Column
	segments []segment
	partial  segment // whose columns are still coming
	rows     int64
}

// A segment is a run of rows over mapped files.
type segment struct {
	columns []arrow.Array
	rows    int64
}

// A scan is one use of a table in a plan. Threads claim morsels from it.
type scan struct {
	table   *table
	columns []int // of the table, -1 for one that carries no data
	morsels []morsel
	next    atomic.Int64
}

type morsel struct {
	segment    *segment
	start, end int
}

// A cursor is one thread's place in a scan.
type cursor struct{ morsel }

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
	duckdb.TableFunctionSetLocalInit(f, C.zoneboxScanLocal)
	duckdb.TableFunctionSetFunction(f, C.zoneboxScanNext)
	duckdb.TableFunctionSupportsProjectionPushdown(f, true)
	if duckdb.RegisterTableFunction(e.conn, f) != duckdb.StateSuccess {
		return fmt.Errorf("worker: register scan")
	}
	return nil
}

// view makes t visible to statements under name.
func (e *engine) view(name string, t *table) error {
	return e.run("CREATE VIEW " + quote(name) + " AS SELECT * FROM " + scanName + "(" + strconv.FormatInt(t.index, 10) + ")")
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
	for _, c := range t.columns {
		lt, err := logicalType(c.Type)
		if err != nil {
			duckdb.BindSetError(info, "no such type")
			return
		}
		duckdb.BindAddResultColumn(info, c.Name, lt)
		duckdb.DestroyLogicalType(&lt)
	}
	duckdb.BindSetCardinality(info, duckdb.IdxT(t.rows), true)
	duckdb.BindSetBindData(info, handle(t), C.zoneboxScanDrop)
}

//export zoneboxScanInit
func zoneboxScanInit(p unsafe.Pointer) {
	info := duckdb.InitInfo{Ptr: p}
	t := value[*table](duckdb.InitGetBindData(info))
	s := &scan{table: t, columns: make([]int, duckdb.InitGetColumnCount(info))}
	for i := range s.columns {
		c := duckdb.InitGetColumnIndex(info, duckdb.IdxT(i))
		s.columns[i] = -1 // a row id, asked for when a statement reads no column
		if c < duckdb.IdxT(len(t.columns)) {
			s.columns[i] = int(c)
		}
	}
	for i := range t.segments {
		g := &t.segments[i]
		rows := int(g.rows)
		for start := 0; start < rows; start += morselRows {
			s.morsels = append(s.morsels, morsel{g, start, min(start+morselRows, rows)})
		}
	}
	duckdb.InitSetMaxThreads(info, duckdb.IdxT(max(1, len(s.morsels))))
	duckdb.InitSetInitData(info, handle(s), C.zoneboxScanDrop)
}

//export zoneboxScanLocal
func zoneboxScanLocal(p unsafe.Pointer) {
	duckdb.InitSetInitData(duckdb.InitInfo{Ptr: p}, handle(&cursor{}), C.zoneboxScanDrop)
}

//export zoneboxScanNext
func zoneboxScanNext(p, out unsafe.Pointer) {
	info, chunk := duckdb.FunctionInfo{Ptr: p}, duckdb.DataChunk{Ptr: out}
	s := value[*scan](duckdb.FunctionGetInitData(info))
	c := value[*cursor](duckdb.FunctionGetLocalInitData(info))
	if c.start >= c.end {
		i := s.next.Add(1) - 1
		if i >= int64(len(s.morsels)) {
			duckdb.DataChunkSetSize(chunk, 0)
			return
		}
		c.morsel = s.morsels[i]
	}
	n := min(vectorSize, c.end-c.start)
	for i, column := range s.columns {
		v := duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i))
		if column >= 0 {
			fill(v, c.segment.columns[column], s.table.columns[column].Type, c.start, n)
		}
	}
	c.start += n
	duckdb.DataChunkSetSize(chunk, duckdb.IdxT(n))
}

//export zoneboxScanDrop
func zoneboxScanDrop(p unsafe.Pointer) {
	cgo.Handle(*(*C.uintptr_t)(p)).Delete()
	C.free(p)
}

// handle returns C memory that stands for a Go value until zoneboxScanDrop.
func handle(v any) unsafe.Pointer {
	p := C.zonebox_handle(C.uintptr_t(cgo.NewHandle(v)))
	if p == nil {
		panic("worker: out of memory")
	}
	return p
}

func value[T any](p unsafe.Pointer) T { return cgo.Handle(*(*C.uintptr_t)(p)).Value().(T) }

// fill writes rows [start, start+n) of arr into the vector v of the engine type
// typ. Strings are shared with arr, everything else is copied: a vector's worth
// stays in the first-level cache.
func fill(v duckdb.Vector, arr arrow.Array, typ string, start, n int) {
	if arr.NullN() > 0 {
		duckdb.VectorEnsureValidityWritable(v)
		mask := vector[byte](duckdb.VectorGetValidity(v), vectorSize/8)
		bitutil.CopyBitmap(arr.NullBitmapBytes(), arr.Data().Offset()+start, n, mask, 0)
	}
	data := duckdb.VectorGetData(v)
	switch a := arr.(type) {
	case *array.Boolean:
		out := vector[byte](data, n)
		bits, offset := a.Data().Buffers()[1].Bytes(), a.Data().Offset()+start
		for i := range out {
			out[i] = bits[(offset+i)/8] >> ((offset + i) % 8) & 1
		}
	case *array.String:
		out := vector[stringT](data, n)
		bytes, offsets := a.ValueBytes(), a.ValueOffsets()
		first := offsets[0]
		offsets = offsets[start : start+n+1]
		for i := range out {
			out[i].set(bytes[offsets[i]-first : offsets[i+1]-first])
		}
	case *array.Decimal128:
		fillDecimal(data, a, typ, start, n)
	default:
		width := arr.DataType().(arrow.FixedWidthDataType).Bytes()
		from := (arr.Data().Offset() + start) * width
		copy(vector[byte](data, n*width), arr.Data().Buffers()[1].Bytes()[from:from+n*width])
	}
}

// fillDecimal narrows Arrow's 16-byte decimals to the width the engine stores
// them in: 2, 4, 8 or 16 bytes for up to 4, 9, 18 or 38 digits.
func fillDecimal(data unsafe.Pointer, a *array.Decimal128, typ string, start, n int) {
	precision, _, ok := wire.Decimal(typ)
	if !ok {
		precision = 38 // HUGEINT
	}
	values := a.Values()[start : start+n]
	switch {
	case precision <= 4:
		out := vector[int16](data, n)
		for i, v := range values {
			out[i] = int16(v.LowBits())
		}
	case precision <= 9:
		out := vector[int32](data, n)
		for i, v := range values {
			out[i] = int32(v.LowBits())
		}
	case precision <= 18:
		out := vector[int64](data, n)
		for i, v := range values {
			out[i] = int64(v.LowBits())
		}
	default:
		out := vector[[2]uint64](data, n)
		for i, v := range values {
			out[i] = [2]uint64{v.LowBits(), uint64(v.HighBits())}
		}
	}
}
