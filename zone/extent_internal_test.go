package zone

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/raw"
)

// The bounds of a chunk are the least and the greatest sort key of all its values,
// however many batches they came in.
func TestBoundsAreTheEndsOfAllSortKeys(t *testing.T) {
	values := map[string][]string{
		"int64":         {"0", "-1", "1", "9223372036854775807", "-9223372036854775808", "77"},
		"date":          {`"1970-01-01"`, `"1969-12-31"`, `"9999-12-31"`, `"0001-01-01"`},
		"timestamp":     {`"1970-01-01T00:00:00"`, `"1969-12-31T23:59:59.999999"`, `"2026-11-22T08:00:00"`},
		"float64":       {"0", "-0", "-1.5", "1.5", "1e300", "-1e300"},
		"decimal(38,2)": {`"0"`, `"-0.01"`, `"0.01"`, `"123456789012345678901234567890.12"`, `"-123456789012345678901234567890.12"`},
		"string":        {`""`, `"a"`, `"b"`, `"张"`, `"` + strings.Repeat("z", boundsLimit) + `"`, `"` + strings.Repeat("z", boundsLimit+1) + `"`},
		"bool":          {"true", "false"},
	}
	random := rand.New(rand.NewPCG(1, 9))
	for name, pool := range values {
		typ, err := raw.Type(name)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 200 {
			var got extent
			var keys [][]byte
			for range random.IntN(4) {
				row := make([]string, random.IntN(6))
				for i := range row {
					row[i] = "null"
					if random.IntN(4) > 0 {
						row[i] = pool[random.IntN(len(pool))]
					}
				}
				arr, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader("["+strings.Join(row, ",")+"]"))
				if err != nil {
					t.Fatal(err)
				}
				got.add(arr)
				for i := range arr.Len() {
					if key := sortKey(arr); key != nil && arr.IsValid(i) {
						keys = append(keys, bytes.Clone(key(nil, i)))
					}
				}
			}
			var want *bounds
			for _, k := range keys {
				if want == nil {
					want = &bounds{k, k}
				}
				if bytes.Compare(k, want.Min) < 0 {
					want.Min = k
				}
				if bytes.Compare(k, want.Max) > 0 {
					want.Max = k
				}
			}
			if want != nil && (len(want.Min) > boundsLimit || len(want.Max) > boundsLimit) {
				want = nil
			}
			if b := got.known(); fmt.Sprintf("%x", b) != fmt.Sprintf("%x", want) {
				t.Fatalf("%s, round %d: bounds = %x, want %x of %x", name, round, b, want, keys)
			}
		}
	}
}

// One NaN, which has no place in the order, leaves a chunk without bounds, whatever
// comes before and after it.
func TestANaNHasNoBounds(t *testing.T) {
	for _, batches := range [][][]float64{{{math.NaN()}}, {{1}, {math.NaN(), 2}, {3}}, {{1, math.NaN()}}} {
		var e extent
		for _, values := range batches {
			b := array.NewFloat64Builder(memory.DefaultAllocator)
			b.AppendValues(values, nil)
			e.add(b.NewArray())
		}
		if got := e.known(); got != nil {
			t.Errorf("bounds of %v = %x, want none", batches, got)
		}
	}
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{1, math.NaN(), 2}, []bool{true, false, true})
	var e extent
	if e.add(b.NewArray()); e.known() == nil {
		t.Error("a NaN under a null leaves no bounds")
	}
}

// Equal values fall into one cell of a sketch, others hardly ever do, in each type.
func TestASketchCountsEqualValuesTogether(t *testing.T) {
	for typ, rows := range map[string]string{
		"int64": `[1, 2, 1, null]`, "decimal(38,2)": `["1.10", "123456789012345678901234567890.12", "1.1", null]`, "float64": `[0, 7, 0, null]`,
		"string": `["a", "", "a", null]`, "date": `["2026-01-01", "2026-01-02", "2026-01-01", null]`, "bool": `[true, false, true, null]`,
	} {
		dt, err := raw.Type(typ)
		if err != nil {
			t.Fatal(err)
		}
		arr, _, err := array.FromJSON(memory.DefaultAllocator, dt, strings.NewReader(rows))
		if err != nil {
			t.Fatal(err)
		}
		want := map[uint32]int{2: 1, 1: 1}
		var got map[uint32]int
		for range 3 { // two values share a cell in one of 65,536 sketches
			k := newSketch()
			for i := range int64(arr.Len()) {
				k.add(array.NewSlice(arr, i, i+1))
			}
			got = map[uint32]int{}
			for _, n := range k.cells {
				if n > 0 {
					got[n]++
				}
			}
			if k.nulls != 1 {
				t.Errorf("%s: %d nulls, want 1", typ, k.nulls)
			}
			if reflect.DeepEqual(got, want) {
				break
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: cells by rows = %v, want %v", typ, got, want)
		}
	}
}
