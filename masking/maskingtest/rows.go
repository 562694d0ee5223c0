package maskingtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

func shapes(t *testing.T, s Subject) {
	for _, nulls := range []bool{false, true} {
		arr := s.column(t, rows, nulls)
		out, _ := s.mask(t, arr, 0)
		if out.Len() != arr.Len() || !arrow.TypeEqual(out.DataType(), s.output()) {
			t.Fatalf("%d rows of %s, want %d of %s", out.Len(), out.DataType(), arr.Len(), s.output())
		}
		for i := range arr.Len() {
			if arr.IsNull(i) != out.IsNull(i) && (arr.IsNull(i) || !s.Recipe.Typed()) {
				t.Fatalf("row %d: null %v became %v", i, arr.IsNull(i), out.IsNull(i))
			}
		}
	}
}

func empties(t *testing.T, s Subject) {
	typ := Types[s.Column]
	without := array.NewData(typ, 0, make([]*memory.Buffer, len(s.column(t, 0, false).Data().Buffers())), nil, 0, 0)
	defer without.Release()
	bare := array.MakeFromData(without)
	defer bare.Release()
	null := array.MakeArrayOfNull(memory.DefaultAllocator, typ, rows)
	defer null.Release()
	for what, arr := range map[string]arrow.Array{"no rows": s.column(t, 0, false), "no buffers": bare, "no values": null} {
		out, misfits := s.mask(t, arr, 0)
		if out.Len() != arr.Len() || out.NullN() != arr.Len() || misfits != 0 {
			t.Errorf("%s: %d rows, %d nulls, %d misfits", what, out.Len(), out.NullN(), misfits)
		}
	}
}

func slices(t *testing.T, s Subject) {
	arr := s.column(t, rows, true)
	whole, _ := s.mask(t, arr, 0)
	for _, cut := range [][2]int64{{0, 1}, {3, 3}, {1, rows}, {7, 2055}, {2047, 2049}, {2048, 4096}, {rows - 1, rows}} {
		part := array.NewSlice(arr, cut[0], cut[1])
		defer part.Release()
		got, _ := s.mask(t, part, int(cut[0]))
		copied, err := array.Concatenate([]arrow.Array{part}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		defer copied.Release()
		alone, _ := s.mask(t, copied, int(cut[0]))
		equal(t, fmt.Sprint("rows ", cut, " beside their copy"), got, alone)
		if !s.Whole {
			want := array.NewSlice(whole, cut[0], cut[1])
			defer want.Release()
			equal(t, fmt.Sprint("rows ", cut), got, want)
		}
	}
}

func determinism(t *testing.T, s Subject) {
	arr := s.column(t, rows, true)
	want, _ := s.mask(t, arr, 0)
	k := s.kernel(t, theKeys)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			out, _, err := apply(memory.DefaultAllocator, k, arr, 0)
			if err != nil || differ(out, want) >= 0 {
				t.Errorf("the same column gives other masks, %v", err)
			}
		})
	}
	wg.Wait()
}

func keys(t *testing.T, s Subject) {
	arr := s.column(t, rows, false)
	mine, _ := s.mask(t, arr, 0)
	others := []masking.Keys{{Token: []byte(strings.Repeat("x", masking.KeySize)), Scope: theKeys.Scope}}
	if s.scoped() {
		others = append(others, masking.Keys{Token: theKeys.Token, Scope: "another release"})
	}
	for _, k := range others {
		other, _ := s.maskWith(t, s.kernel(t, k), arr, 0)
		if differ(mine, other) < 0 == s.Keyed {
			t.Errorf("another key gives the same masks: %v, want %v", !s.Keyed, s.Keyed)
		}
	}
	if s.Keyed {
		lacking := []masking.Keys{{Scope: "a release"}, {Token: make([]byte, 16), Scope: "a release"}}
		if s.scoped() {
			lacking = append(lacking, masking.Keys{Token: theKeys.Token})
		}
		for _, k := range lacking {
			if _, err := masking.Compile(s.Column, s.Recipe, k); !errors.Is(err, masking.ErrKey) {
				t.Errorf("Compile with a key of %d bytes for scope %q = %v, want ErrKey", len(k.Token), k.Scope, err)
			}
		}
	}
}

// scoped reports whether masks differ in another scope.
func (s Sample) scoped() bool {
	switch s.Recipe.Kind {
	case "shift", "noise", "shuffle":
		return true
	}
	return false
}

func misfits(t *testing.T, s Subject) {
	arr := s.column(t, rows, true)
	out, counted := s.mask(t, arr, 0)
	found := int64(0)
	for i := range arr.Len() {
		switch {
		case arr.IsNull(i) || s.Total:
		case s.Misfit != nil:
			if s.Misfit(arr.ValueStr(i)) {
				found++
				if out.ValueStr(i) != masking.Redacted {
					t.Errorf("%q, outside the shape, became %q", arr.ValueStr(i), out.ValueStr(i))
				}
			}
		case s.Recipe.Typed() && out.IsNull(i), !s.Recipe.Typed() && out.ValueStr(i) == masking.Redacted:
			found++
		}
	}
	switch {
	case found != counted:
		t.Errorf("%d misfits counted, %d values are masked whole", counted, found)
	case found == 0 && !s.Total && s.provokes():
		t.Error("the column has no value outside the shape: the test shows nothing")
	case found == int64(arr.Len()-arr.NullN()) && !s.Total:
		t.Error("the column has no value of the shape: the test shows nothing")
	}
}

// provokes reports whether columns of the subject hold values outside its shape.
func (s Subject) provokes() bool {
	switch s.Recipe.Kind {
	case "top_bottom":
		return s.Column == "float64"
	case "number":
		return s.Column != "decimal(10,2)"
	}
	return true
}

// underNulls looks for bytes that lie where a column is null.
func underNulls(t *testing.T, s Subject) {
	s.underNulls(t, s.column(t, rows, false))
	if s.Column == "string" {
		s.underNulls(t, like(t, s.column(t, rows, false), arrow.BinaryTypes.LargeString))
	}
}

func (s Subject) underNulls(t *testing.T, arr arrow.Array) {
	t.Helper()
	validity := memory.NewBufferBytes(make([]byte, rows/8+1))
	for i := range rows {
		if i%3 == 0 {
			validity.Bytes()[i/8] |= 1 << (i % 8)
		}
	}
	buffers := append([]*memory.Buffer{validity}, arr.Data().Buffers()[1:]...)
	data := array.NewData(arr.DataType(), rows, buffers, nil, array.UnknownNullCount, 0)
	defer data.Release()
	hiding := array.MakeFromData(data)
	defer hiding.Release()
	var clean arrow.Array
	if s.Column == "string" {
		clean = like(t, hiding, arrow.BinaryTypes.String)
	} else {
		var err error
		if clean, err = array.Concatenate([]arrow.Array{hiding}, memory.DefaultAllocator); err != nil {
			t.Fatal(err)
		}
		defer clean.Release()
	}
	got, counted := s.mask(t, hiding, 0)
	want, _ := s.mask(t, clean, 0)
	equal(t, "beside a column with nothing under its nulls", got, want)
	if odd := got.NullN() - hiding.NullN(); s.Recipe.Typed() && s.Recipe.Kind != "nullify" && int64(odd) != counted {
		t.Errorf("%d misfits counted, want %d", counted, odd)
	}
	for i := range rows {
		if !got.IsNull(i) {
			continue
		}
		switch a := got.(type) {
		case *array.String:
			if a.ValueLen(i) > 0 {
				t.Fatalf("row %d: null over %d bytes", i, a.ValueLen(i))
			}
		case *array.Boolean:
		default:
			width := a.DataType().(arrow.FixedWidthDataType).Bytes()
			if strings.Trim(string(a.Data().Buffers()[1].Bytes()[i*width:(i+1)*width]), "\x00") != "" {
				t.Fatalf("row %d: null over bytes that are not 0", i)
			}
		}
	}
}

func allocations(t *testing.T, s Subject) {
	k := s.kernel(t, theKeys)
	if k.PerEntity() { // apply makes the entities
		return
	}
	count := func(n int) float64 {
		arr := s.column(t, n, true)
		return testing.AllocsPerRun(3, func() {
			out, _, err := k.Apply(memory.DefaultAllocator, arr)
			if err != nil {
				t.Fatal(err)
			}
			out.Release()
		})
	}
	// A block of 2048 may find a pool empty, as the race detector has it.
	if few, many := count(1000), count(41_000); many > few+4*40_000/2048 {
		t.Errorf("%v allocations for 1,000 values, %v for 41,000", few, many)
	}
}

func anyText(t *testing.T, s Subject) {
	if s.Column != "string" || s.Recipe.Typed() {
		return
	}
	r := rand.New(rand.NewPCG(1, 2))
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(Texts, nil)
	for range 20_000 {
		b.Append(text(r))
	}
	arr := b.NewArray()
	defer arr.Release()
	out, _ := s.mask(t, arr, 0)
	for i := range arr.Len() {
		if v, mask := arr.(*array.String).Value(i), out.(*array.String).Value(i); !s.Allows(v, mask) {
			t.Fatalf("%q became %q", v, mask)
		}
	}
}

// Allows reports whether a text may have the mask.
func (s Sample) Allows(v, mask string) bool {
	return mask == masking.Redacted && !s.Total || s.Shows(v, mask)
}
