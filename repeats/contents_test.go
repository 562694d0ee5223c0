package repeats_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/repeats"
)

// leaked returns rows of texts, one line each, cells by commas.
func leaked(t testing.TB, names string, lines ...string) arrow.RecordBatch {
	t.Helper()
	var fields []arrow.Field
	for name := range strings.SplitSeq(names, ",") {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, line := range lines {
		for i, cell := range strings.Split(line, ",") {
			if cell == "∅" {
				b.Field(i).AppendNull()
			} else {
				b.Field(i).(*array.StringBuilder).Append(cell)
			}
		}
	}
	return b.NewRecordBatch()
}

func keyOf(t testing.TB, b byte) *repeats.Key {
	t.Helper()
	k, err := repeats.NewKey(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A fragment of a result is known again whatever became of its order, names and
// spelling, and another table is not.
func TestAFragmentOfAResultIsKnownAgain(t *testing.T) {
	k := keyOf(t, 1)
	result := leaked(t, "district,people,day", "320102,40,2026-01-02", "320103,41.50,2026-01-03", "320104,42,∅", "320104,42,∅")
	c := k.Contents(result)
	for name, f := range map[string]struct {
		fragment arrow.RecordBatch
		want     int
	}{
		"whole":           {result, 4},
		"other order":     {leaked(t, "a,b,c", "320104,42,∅", "320102,40,2026-01-02", "320104,42,∅", "320103,41.50,2026-01-03"), 4},
		"other columns":   {leaked(t, "people,day,district", "40,2026-01-02,320102", "41.5,2026-01-03 00:00:00,320103"), 2},
		"one row thrice":  {leaked(t, "a,b,c", "320104,42,∅", "320104,42,∅", "320104,42,∅"), 2},
		"a strange row":   {leaked(t, "a,b,c", "320102,40,2026-01-02", "320102,41,2026-01-02"), 1},
		"a column less":   {leaked(t, "a,b", "320102,40", "320103,41.50"), 0},
		"another table":   {leaked(t, "a,b,c", "1,2,3"), 0},
		"nothing":         {leaked(t, "a,b,c"), 0},
		"full width, ' '": {leaked(t, "a,b,c", "３２０１０２, 40 ,2026-01-02"), 1},
	} {
		if got := c.Find(k.Fragment(f.fragment)).Lines; got != f.want {
			t.Errorf("%s: %d rows shared, want %d", name, got, f.want)
		}
	}
	if again := k.Contents(leaked(t, "x,y,z", "320104,42,∅", "320103,41.50,2026-01-03", "320104,42,∅", "320102,40,2026-01-02")); again.Whole != c.Whole || len(c.Whole) != 32 {
		t.Errorf("of the same rows in another order: %s and %s", again.Whole, c.Whole)
	}
	if other := k.Contents(leaked(t, "x,y,z", "320104,42,∅")); other.Whole == c.Whole {
		t.Error("other rows have the same digest")
	}
	if parts := k.Contents(result.NewSlice(0, 1), result.NewSlice(1, 4)); parts.Whole != c.Whole {
		t.Error("in two batches they have another digest")
	}
	// By another key nothing is told.
	if other := keyOf(t, 2).Contents(result); other.Whole == c.Whole || c.Find(keyOf(t, 2).Fragment(result)).Cells != 0 {
		t.Error("the digests are the same by another key")
	}
	if read := repeats.ContentsOf(c.Whole, c.Bytes(), c.Columns(), c.Cells()); read.Find(k.Fragment(result)) != c.Find(k.Fragment(result)) || len(c.Bytes()) != 32 || len(c.Cells()) != 96 {
		t.Errorf("read again they are %d rows of %d bytes and %d of cells", read.Len(), len(c.Bytes()), len(c.Cells()))
	}
}

func BenchmarkContents(b *testing.B) {
	var lines []string
	for i := range 100_000 {
		lines = append(lines, fmt.Sprintf("%d,%d,张*,1985", 320000+i%900, i))
	}
	k, r := keyOf(b, 1), leaked(b, "district,people,name,year", lines...)
	for b.Loop() {
		b.ReportMetric(float64(len(k.Contents(r).Bytes())), "bytes")
	}
}
