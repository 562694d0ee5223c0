package masking_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"zonebox/internal/raw"
	"zonebox/masking"
	"zonebox/masking/maskingtest"
)

// values draws a nullable string column; nil is null.
func values(t *rapid.T) []*string {
	text := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[0-9]{0,13}`),
		rapid.StringMatching(`[张李王欧𠮷é́]{0,6}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 24), func(b []byte) string { return string(b) }),
	)
	return rapid.SliceOfN(rapid.Ptr(text, true), 0, 40).Draw(t, "values")
}

func stringArray(alloc memory.Allocator, values []*string) arrow.Array {
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append(*v)
		}
	}
	return b.NewArray()
}

func dictArray(alloc memory.Allocator, values []*string) arrow.Array {
	b := array.NewDictionaryBuilder(alloc, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String}).(*array.BinaryDictionaryBuilder)
	defer b.Release()
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else if err := b.AppendString(*v); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

// Nothing of a value is in its mask but what the recipe names, for any bytes.
func TestAMaskShowsNothingBeyondItsWindow(t *testing.T) {
	samples := slices.DeleteFunc(slices.Clone(maskingtest.Samples), func(s maskingtest.Sample) bool { return s.Shows == nil })
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(samples).Draw(t, "sample")
		in := values(t)
		arr := stringArray(memory.DefaultAllocator, in)
		k, err := masking.Compile("string", s.Recipe, zoneKeys)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := k.Apply(memory.DefaultAllocator, arr)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range texts(out) {
			if in[i] == nil {
				if got != "(null)" || !out.IsNull(i) {
					t.Fatalf("row %d: null became %q", i, got)
				}
				continue
			}
			if out.IsNull(i) || !s.Allows(*in[i], got) {
				t.Fatalf("row %d: %s of %q = %q", i, s.Recipe, *in[i], got)
			}
		}
	})
}

func TestTokensAreEqualExactlyWhenValuesAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := values(t)
		k, err := masking.Compile("string", token, zoneKeys)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := k.Apply(memory.DefaultAllocator, stringArray(memory.DefaultAllocator, in))
		if err != nil {
			t.Fatal(err)
		}
		got := texts(out)
		for i := range in {
			for j := range in {
				if in[i] != nil && in[j] != nil && (*in[i] == *in[j]) != (got[i] == got[j]) {
					t.Fatalf("%q and %q: tokens %s and %s", *in[i], *in[j], got[i], got[j])
				}
			}
		}
	})
}

func TestANumberLiesInTheBucketItIsPutIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.IntRange(0, 9).Draw(t, "places")
		step := rapid.Int64Range(1, 1_000_000).Draw(t, "step")
		width, _ := strconv.ParseFloat(fmt.Sprintf("%de-%d", step, places), 64)
		v := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1000, 1000), rapid.Map(rapid.Int64Range(-10000, 10000),
			func(k int64) float64 { return float64(k*step) / math.Pow10(places) })).Draw(t, "value")
		v = rapid.SampledFrom([]float64{v, math.Nextafter(v, math.Inf(-1)), math.Nextafter(v, math.Inf(1))}).Draw(t, "neighbor")
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		b.Append(v)
		k, err := masking.Compile("float64", masking.Recipe{Kind: "number", Width: width}, masking.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := k.Apply(memory.DefaultAllocator, b.NewArray())
		if err != nil {
			t.Fatal(err)
		}
		label := texts(out)[0]
		if label == "****" {
			if math.Abs(v/width)*float64(step) < 1<<52 {
				t.Fatalf("%v in buckets of %v is redacted", v, width)
			}
			return
		}
		low, high, _ := strings.Cut(strings.Trim(label, "[)"), ",")
		l, err1 := strconv.ParseFloat(low, 64)
		h, err2 := strconv.ParseFloat(high, 64)
		if err1 != nil || err2 != nil || !(l <= v && v < h) {
			t.Fatalf("%v in buckets of %v is in %s", v, width, label)
		}
	})
}

func TestAWholeNumberLiesInTheBucketItIsPutIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.Int64Range(2, 1e15).Draw(t, "width")
		v := rapid.Int64().Draw(t, "value")
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.Append(v)
		k, err := masking.Compile("int64", masking.Recipe{Kind: "number", Width: float64(width)}, masking.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := k.Apply(memory.DefaultAllocator, b.NewArray())
		if err != nil {
			t.Fatal(err)
		}
		label := texts(out)[0]
		if label == "****" {
			if v > math.MinInt64+width && v < math.MaxInt64-width {
				t.Fatalf("%d in buckets of %d is redacted", v, width)
			}
			return
		}
		at := strings.Index(label[1:], "-") + 1
		l, err1 := strconv.ParseInt(label[:at], 10, 64)
		h, err2 := strconv.ParseInt(label[at+1:], 10, 64)
		if err1 != nil || err2 != nil || v < l || v > h || h-l != width-1 || l%width != 0 {
			t.Fatalf("%d in buckets of %d is in %s", v, width, label)
		}
	})
}

func TestAPlanIsTheWayOutOfABatch(t *testing.T) {
	alloc := checked(t)
	name := column(t, alloc, arrow.BinaryTypes.String, `["张三", null, "李"]`)
	district := dictArray(alloc, []*string{new("320106"), nil, new("110101")})
	defer district.Release()
	fields := []arrow.Field{{Name: "name", Type: name.DataType()}, {Name: "district", Type: district.DataType()}}
	batch := raw.Seal(array.NewRecordBatch(arrow.NewSchema(fields, nil), []arrow.Array{name, district}, 3))
	defer batch.Release()
	k, err := masking.Compile("string", masking.Recipe{Kind: "partial", KeepFirst: 1}, masking.Keys{})
	if err != nil {
		t.Fatal(err)
	}

	rec, misfits, err := masking.Plan{{Name: "name", Kernel: &k}, {Name: "district"}}.Apply(alloc, batch)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if got := fmt.Sprint(rec.ColumnName(0), texts(rec.Column(0)), rec.ColumnName(1), texts(rec.Column(1))); got != "name[张**** (null) ****]district[320106 (null) 110101]" || misfits != 1 {
		t.Errorf("Plan.Apply = %s, %d misfits", got, misfits)
	}

	perEntity, err := masking.Compile("date", masking.Recipe{Kind: "shift", Days: 3}, zoneKeys)
	if err != nil {
		t.Fatal(err)
	}
	for why, p := range map[string]masking.Plan{
		"a kernel per entity": {{Name: "name", Kernel: &perEntity}, {Name: "district"}},
		"a column missing":    {{Name: "name", Kernel: &k}},
		"columns exchanged":   {{Name: "district"}, {Name: "name", Kernel: &k}},
		"a column too many":   {{Name: "name", Kernel: &k}, {Name: "district"}, {Name: "x"}},
		"nothing for a name":  {},
	} {
		if rec, _, err := p.Apply(alloc, batch); err == nil {
			rec.Release()
			t.Errorf("Plan.Apply with %s gives rows", why)
		}
	}
}
