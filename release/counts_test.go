package release_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/release"
)

// A worker may say any number. One that no counter gives ends the release, in
// whatever row and beside whatever other counts.
func TestCountsBeyondTheirBoundAreRefused(t *testing.T) {
	for name, rows := range map[string]string{
		"group":                  `{"district": "a", "n": 1, "s": 1, "__g": 11, "__c": 10}`,
		"cell":                   `{"district": "a", "n": 1, "s": 1, "__g": 10, "__c": 11}`,
		"cell of a small group":  `{"district": "a", "n": 1, "s": 1, "__g": 2, "__c": 4294967295}`,
		"the largest":            `{"district": "a", "n": 1, "s": 1, "__g": 4294967295, "__c": 4294967295}`,
		"after many honest rows": `{"district": "a", "n": 1, "s": 1, "__g": 10, "__c": 10}, {"district": "b", "n": 1, "s": 1, "__g": 10, "__c": 90}`,
	} {
		alloc := checked(t)
		p, fields := visits(alloc)
		_, _, err := release.Check(stream(batch(t, alloc, fields, rows)), p)
		wantErr(t, name, err, release.ErrSchema)
	}
}

// FuzzCounts reads pairs of counts, one in so many of them null: either a count
// is beyond its bound and nothing leaves, or exactly the rows at K leave, and
// their cells at K.
func FuzzCounts(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 10, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0}, uint8(3))
	f.Add([]byte{10, 0, 0, 0, 11, 0, 0, 0}, uint8(0))
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 128, 10, 0, 0, 0, 3, 0, 0, 0}, uint8(2))
	f.Add([]byte{10, 0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, nulls uint8) {
		p, fields := visits(memory.DefaultAllocator)
		p.RowCap = int64(len(data))
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
		defer b.Release()
		rows, cells, lies := int64(0), 0, false
		for i := 0; len(data) >= 8; i, data = i+1, data[8:] {
			b.Field(0).(*array.StringBuilder).Append("d")
			b.Field(1).(*array.Int64Builder).Append(int64(i))
			b.Field(2).(*array.Float64Builder).Append(1)
			var counts [2]uint32
			for j := range counts {
				to := b.Field(3 + j).(*array.Uint32Builder)
				if nulls > 0 && (2*i+j)%int(nulls) == 0 {
					to.AppendNull()
					continue
				}
				counts[j] = binary.LittleEndian.Uint32(data[4*j:])
				to.Append(counts[j])
				lies = lies || counts[j] > 10
			}
			if counts[0] == 10 {
				rows++
				if counts[1] == 10 {
					cells++
				}
			}
		}
		c, report, err := release.Check(stream(b.NewRecordBatch()), p)
		if lies || err != nil {
			if !lies || !errors.Is(err, release.ErrSchema) {
				t.Fatalf("Check() = %v, a count beyond its bound: %t", err, lies)
			}
			return
		}
		defer c.Release()
		if got := int(c.NumRows()) - int(report.CellsSuppressed); report.Rows != rows || c.NumRows() != rows || got != cells {
			t.Errorf("%d rows and %d cells leave, want %d and %d", report.Rows, got, rows, cells)
		}
		if want := min(rows, 1) * 10; report.MinGroup != want {
			t.Errorf("MinGroup = %d, want %d", report.MinGroup, want)
		}
	})
}
