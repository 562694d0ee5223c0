package worker

import (
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Where a value is NULL the engine leaves any byte. As a bool of Go it must not be
// looked at: it would change the values of its neighbors.
func TestBooleansBesideNulls(t *testing.T) {
	typ := duckdb.CreateLogicalType(duckdb.TypeBoolean)
	defer duckdb.DestroyLogicalType(&typ)
	chunk := duckdb.CreateDataChunk([]duckdb.LogicalType{typ})
	defer duckdb.DestroyDataChunk(&chunk)
	v := duckdb.DataChunkGetVector(chunk, 0)
	duckdb.VectorEnsureValidityWritable(v)
	mask := duckdb.VectorGetValidity(v)
	const n = 504
	bytes := unsafe.Slice((*byte)(duckdb.VectorGetData(v)), n)
	for i := range n {
		switch i % 4 {
		case 0:
			bytes[i] = byte(0xb7 + i)
			duckdb.ValiditySetRowInvalid(mask, duckdb.IdxT(i))
		case 1:
			bytes[i] = 1
		default:
			bytes[i] = 0
		}
	}
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	if _, err := appendVector(b, v, "BOOLEAN", n); err != nil {
		t.Fatal(err)
	}
	got := b.NewBooleanArray()
	for i := range n {
		if null := i%4 == 0; got.IsNull(i) != null || !null && got.Value(i) != (i%4 == 1) {
			t.Errorf("row %d is %s", i, got.ValueStr(i))
		}
	}
}
