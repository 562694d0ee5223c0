package masking_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"zonebox/masking"
)

// by masks arr under a scope, as values of the entities.
func by(t testing.TB, columnType string, r masking.Recipe, scope string, arr, entities arrow.Array) (arrow.Array, int64) {
	t.Helper()
	k, err := masking.Compile(columnType, r, masking.Keys{Token: zoneKeys.Token, Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	out, misfits, err := k.ApplyBy(memory.DefaultAllocator, arr, entities)
	if err != nil {
		t.Fatal(err)
	}
	return out, misfits
}

func repeated(text string, n int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for range n {
		b.Append(text)
	}
	return b.NewArray()
}

// However often and in whatever order an entity's numbers are asked for, they
// move by one amount, which lies in the spread that the recipe states; another
// scope moves them by another.
func TestNoiseIsOfTheEntityAndTheScopeAndWithinItsSpread(t *testing.T) {
	for _, c := range []struct {
		column string
		spread float64
		move   func(from, to arrow.Array, i int) float64
		build  func(b array.Builder, i int)
		exact  bool
	}{
		{"int64", 5, func(a, b arrow.Array, i int) float64 {
			return float64(b.(*array.Int64).Value(i) - a.(*array.Int64).Value(i))
		}, func(b array.Builder, i int) { b.(*array.Int64Builder).Append(int64(i * 37 % 1000)) }, true},
		{"float64", 0.5, func(a, b arrow.Array, i int) float64 {
			return b.(*array.Float64).Value(i) - a.(*array.Float64).Value(i)
		}, func(b array.Builder, i int) { b.(*array.Float64Builder).Append(float64(i*37%1000) / 8) }, false},
		{"decimal(10,2)", 0.05, func(a, b arrow.Array, i int) float64 {
			x, y := a.(*array.Decimal128).Value(i), b.(*array.Decimal128).Value(i)
			return float64(int64(y.Sub(x).LowBits())) / 100
		}, func(b array.Builder, i int) { _ = b.AppendValueFromString(fmt.Sprintf("%d.%02d", i%90, i%100)) }, true},
	} {
		const n, entities = 6000, 600
		values := array.NewBuilder(memory.DefaultAllocator, types[c.column])
		ids := array.NewInt64Builder(memory.DefaultAllocator)
		for i := range n {
			c.build(values, i)
			ids.Append(int64(i % entities))
		}
		arr, who := values.NewArray(), ids.NewArray()
		r := masking.Recipe{Kind: "noise", Spread: c.spread}
		out, misfits := by(t, c.column, r, "license 1, release 1, cost", arr, who)
		other, _ := by(t, c.column, r, "license 1, release 2, cost", arr, who)
		if misfits != 0 {
			t.Errorf("%s: %d misfits, want 0", c.column, misfits)
		}
		least, most, differ := math.Inf(1), math.Inf(-1), 0
		for i := range n {
			move := c.move(arr, out, i)
			if math.Abs(move) > c.spread {
				t.Fatalf("%s: row %d moved by %v, more than %v", c.column, i, move, c.spread)
			}
			if first := c.move(arr, out, i%entities); math.Abs(move-first) > 1e-9 || c.exact && move != first {
				t.Fatalf("%s: rows of one entity moved by %v and %v", c.column, first, move)
			}
			if move != c.move(arr, other, i) {
				differ++
			}
			least, most = min(least, move), max(most, move)
		}
		if least > -0.98*c.spread || most < 0.98*c.spread {
			t.Errorf("%s: moves from %v to %v of %d entities, want the whole spread of %v", c.column, least, most, entities, c.spread)
		}
		if differ < n/2 {
			t.Errorf("%s: another scope moved only %d of %d rows otherwise", c.column, differ, n)
		}
		part := array.NewSlice(arr, 100, 200)
		asked, _ := by(t, c.column, r, "license 1, release 1, cost", part, array.NewSlice(who, 100, 200))
		if want := array.NewSlice(out, 100, 200); !array.Equal(asked, want) {
			t.Errorf("%s: asked again for some rows, the noise is another", c.column)
		}
	}
}

func TestEveryAmountOfNoiseIsAsLikely(t *testing.T) {
	const n = 11 * 2000
	values, ids := array.NewInt64Builder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	for i := range n {
		values.Append(0)
		ids.Append(int64(i))
	}
	out, _ := by(t, "int64", masking.Recipe{Kind: "noise", Spread: 5}, "s", values.NewArray(), ids.NewArray())
	counts := map[int64]int{}
	for i := range n {
		counts[out.(*array.Int64).Value(i)]++
	}
	chi := 0.0
	for move := int64(-5); move <= 5; move++ {
		d := float64(counts[move] - 2000)
		chi += d * d / 2000
	}
	if len(counts) != 11 || chi > 29.6 { // the 0.1 % point of chi-square with 10 degrees of freedom
		t.Errorf("amounts %v, chi-square %.1f", counts, chi)
	}
}

// Whatever the entity draws: of a value that stands for none, as the greatest of a
// type often does, a draw that leads inward would be told by what it leads to.
func TestNumbersThatNoiseWouldNotHideAreNull(t *testing.T) {
	for _, c := range []struct {
		column, hidden, inside string
		spread                 float64
	}{
		{"int64", `[9223372036854775807, -9223372036854775808, 9223372036854775803, -9223372036854775804]`, `[9223372036854775802, -9223372036854775803, 5]`, 5},
		{"float64", `[1e300, -1e16]`, `[1e10, 0]`, 0.5},
		{"float64", `[1e300, -1e16]`, `[0]`, 5e-324},
		{"decimal(10,2)", `["99999999.99", "-99999999.99", "99999989.00", "-99999989.00"]`, `["99999988.99", "-99999988.99", "0.00"]`, 11},
	} {
		arr := column(t, memory.DefaultAllocator, types[c.column], c.hidden)
		inside := column(t, memory.DefaultAllocator, types[c.column], c.inside)
		r := masking.Recipe{Kind: "noise", Spread: c.spread}
		for entity := range 60 { // some draw inward
			out, misfits := by(t, c.column, r, "s", arr, repeated(fmt.Sprint(entity), arr.Len()))
			if out.NullN() != arr.Len() || misfits != int64(arr.Len()) {
				t.Errorf("%s: noise of %s = %v, %d misfits", c.column, c.hidden, out, misfits)
			}
			if out, misfits := by(t, c.column, r, "s", inside, repeated(fmt.Sprint(entity), inside.Len())); out.NullN() != 0 || misfits != 0 {
				t.Errorf("%s: noise of %s = %v, %d misfits", c.column, c.inside, out, misfits)
			}
		}
	}
}

// The last bits of a float64 that was moved are not those of the raw one: whoever
// knows which numbers a column may hold would read off which it was (Mironov, On
// Significance of the Least Significant Bits For Differential Privacy, CCS 2012).
func TestNoiseLeavesNoBitsOfTheRawNumber(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	raw := []float64{0.1, 1.0 / 3, -0.7, 1e-9, 1e-300, math.Pi, 36.6, 1e5 / 3}
	const n = 8000
	ids := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range n {
		b.Append(raw[i%len(raw)])
		ids.Append(int64(i))
	}
	arr, who := b.NewArray(), ids.NewArray()
	for _, spread := range []float64{0.05, 0.3, 1, 20} {
		out, _ := by(t, "float64", masking.Recipe{Kind: "noise", Spread: spread}, "s", arr, who)
		step := math.Ldexp(1, math.Ilogb(spread)-36)
		for i := range n {
			got := out.(*array.Float64).Value(i)
			if steps := got / step; steps != math.Trunc(steps) {
				t.Fatalf("noise(%v) of %v = %b, no multiple of %b", spread, raw[i%len(raw)], got, step)
			}
			if move := math.Abs(got - raw[i%len(raw)]); move > spread {
				t.Fatalf("noise(%v) moved %v by %v", spread, raw[i%len(raw)], move)
			}
		}
	}
}

// All dates of a subject move by one number of days, which is never none.
func TestAShiftKeepsTheTimeBetweenTheDatesOfASubject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.IntRange(1, 3653).Draw(t, "days")
		at := rapid.SliceOfN(rapid.Int32Range(-200_000, 200_000), 1, 40).Draw(t, "dates")
		who := rapid.SliceOfN(rapid.IntRange(0, 3), len(at), len(at)).Draw(t, "subjects")
		dates, times, ids := array.NewDate32Builder(memory.DefaultAllocator), array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond}), array.NewInt64Builder(memory.DefaultAllocator)
		for i, d := range at {
			dates.Append(arrow.Date32(d))
			times.Append(arrow.Timestamp(int64(d)*86_400_000_000 + int64(i)))
			ids.Append(int64(who[i]))
		}
		r := masking.Recipe{Kind: "shift", Days: days}
		subjects := ids.NewArray()
		moved, _, err := kernelOf(r, "date").ApplyBy(memory.DefaultAllocator, dates.NewArray(), subjects)
		if err != nil {
			t.Fatal(err)
		}
		stamps, _, err := kernelOf(r, "timestamp").ApplyBy(memory.DefaultAllocator, times.NewArray(), subjects)
		if err != nil {
			t.Fatal(err)
		}
		by := map[int]int64{}
		for i, d := range at {
			move := int64(moved.(*array.Date32).Value(i)) - int64(d)
			if move == 0 || move > int64(days) || -move > int64(days) {
				t.Fatalf("shift(%d) moved by %d days", days, move)
			}
			if first, known := by[who[i]]; known && first != move {
				t.Fatalf("dates of one subject moved by %d and %d days", first, move)
			}
			by[who[i]] = move
			if got := int64(stamps.(*array.Timestamp).Value(i)); got != (int64(d)+move)*86_400_000_000+int64(i) {
				t.Fatalf("a timestamp of the subject moved otherwise than a date")
			}
		}
	})
}

func kernelOf(r masking.Recipe, columnType string) masking.Kernel {
	k, err := masking.Compile(columnType, r, zoneKeys)
	if err != nil {
		panic(err)
	}
	return k
}

// Whatever the subject draws: an end of days often stands for none (9999-12-31),
// and where it is moved inward the draw can be read off.
func TestDatesThatCannotBeShiftedAreNull(t *testing.T) {
	outside := array.NewDate32Builder(memory.DefaultAllocator)
	outside.AppendValues([]arrow.Date32{-719163, 2932897, math.MaxInt32, -math.MaxInt32}, nil) // the day before the first and after the last, infinity as DuckDB writes it
	stamps := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
	stamps.AppendValues([]arrow.Timestamp{-719162*86_400_000_000 - 1, 2932897 * 86_400_000_000, math.MaxInt64, math.MinInt64}, nil)
	for columnType, beyond := range map[string]arrow.Array{"date": outside.NewArray(), "timestamp": stamps.NewArray()} {
		for entity := range 30 {
			out, misfits := by(t, columnType, masking.Recipe{Kind: "shift", Days: 3}, "s", beyond, repeated(fmt.Sprint(entity), beyond.Len()))
			if out.NullN() != beyond.Len() || misfits != int64(beyond.Len()) {
				t.Errorf("shift(3) outside the calendar = %v, %d misfits", out, misfits)
			}
		}
	}
	for columnType, near := range map[string]struct{ hidden, inside string }{
		"date":      {`["0001-01-01", "0001-01-03", "9999-12-29", "9999-12-31"]`, `["0001-01-04", "9999-12-28", "2024-05-01"]`},
		"timestamp": {`["0001-01-03 23:59:59", "9999-12-29 00:00:00", "9999-12-31 00:00:00"]`, `["0001-01-04 00:00:00", "9999-12-28 23:59:59"]`},
	} {
		arr := column(t, memory.DefaultAllocator, types[columnType], near.hidden)
		inside := column(t, memory.DefaultAllocator, types[columnType], near.inside)
		for entity := range 60 { // some draw inward
			r := masking.Recipe{Kind: "shift", Days: 3}
			if out, misfits := by(t, columnType, r, "s", arr, repeated(fmt.Sprint(entity), arr.Len())); out.NullN() != arr.Len() || misfits != int64(arr.Len()) {
				t.Errorf("shift(3) of %s = %v, %d misfits", near.hidden, out, misfits)
			}
			if out, misfits := by(t, columnType, r, "s", inside, repeated(fmt.Sprint(entity), inside.Len())); out.NullN() != 0 || misfits != 0 {
				t.Errorf("shift(3) of %s = %v, %d misfits", near.inside, out, misfits)
			}
		}
	}
}

func TestAShuffleDealsOutTheSameValues(t *testing.T) {
	for columnType, in := range map[string]string{
		"string": `["a", "b", null, "c", "c", "d", "e", null, "f"]`, "int64": `[1, 2, null, 3, 3, 4, 5, null, 6]`,
		"bool": `[true, false, null, true, true, false, false, null, true]`, "date": `["2024-05-01", "2024-05-02", null, "2024-05-03", "2024-05-04", null]`,
	} {
		arr := column(t, memory.DefaultAllocator, types[columnType], in)
		got := apply(t, memory.DefaultAllocator, columnType, masking.Recipe{Kind: "shuffle"}, arr)
		count := map[string]int{}
		for i, v := range texts(arr) {
			count[v]++
			count[got[i]]--
			if (v == "(null)") != (got[i] == "(null)") {
				t.Errorf("shuffle of %s: row %d: %s became %s", in, i, v, got[i])
			}
		}
		for v, n := range count {
			if n != 0 {
				t.Errorf("shuffle of %s = %v: %s stands %d times too few", in, got, v, n)
			}
		}
	}
	for _, in := range []string{`["a"]`, `[null, "a", null]`} {
		if got := strings.Join(apply(t, memory.DefaultAllocator, "string", masking.Recipe{Kind: "shuffle"}, column(t, memory.DefaultAllocator, types["string"], in)), " "); strings.Contains(got, "a") {
			t.Errorf("shuffle of %s = %s: a lone value is shown", in, got)
		}
	}
}

func TestEveryDealIsAsLikely(t *testing.T) {
	arr := column(t, memory.DefaultAllocator, types["int64"], `[1, 2, 3, 4]`)
	const n = 24 * 500
	counts := map[string]int{}
	for scope := range n {
		k, err := masking.Compile("int64", masking.Recipe{Kind: "shuffle"}, masking.Keys{Token: zoneKeys.Token, Scope: fmt.Sprint(scope)})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := k.Apply(memory.DefaultAllocator, arr)
		if err != nil {
			t.Fatal(err)
		}
		counts[strings.Join(texts(out), "")]++
	}
	chi := 0.0
	for _, c := range counts {
		d := float64(c - 500)
		chi += d * d / 500
	}
	if len(counts) != 24 || chi > 49.7 { // the 0.1 % point of chi-square with 23 degrees of freedom
		t.Errorf("%d deals of 24, chi-square %.1f", len(counts), chi)
	}
}
