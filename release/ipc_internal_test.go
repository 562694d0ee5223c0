package release

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestEncodedRecordDecodesAndNothingStaysAllocated(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	record, _, err := array.RecordFromJSON(alloc, schema, strings.NewReader(`[{"a": "x"}, {"a": null}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	stream, err := encode(record)
	if err != nil {
		t.Fatal(err)
	}
	got, batches, err := decode(stream, alloc)
	if err != nil {
		t.Fatal(err)
	}
	defer releaseAll(batches)
	if !got.Equal(schema) || len(batches) != 1 || !array.RecordEqual(batches[0], record) {
		t.Errorf("decode = %v, %v", got, batches)
	}
}

func TestACutStreamIsRefusedAndNothingStaysAllocated(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	record, _, err := array.RecordFromJSON(alloc, schema, strings.NewReader(`[{"a": "x"}, {"a": null}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	stream, err := encode(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 10, len(stream) / 2, len(stream) - 20} {
		if _, _, err := decode(stream[:n], alloc); !errors.Is(err, ErrContent) {
			t.Errorf("decode of %d bytes of %d = %v, want %v", n, len(stream), err, ErrContent)
		}
	}
}
