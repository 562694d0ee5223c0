package repeats_test

import (
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/city"
	"zonebox/repeats"
)

func key(t testing.TB, name string) *repeats.Key {
	secret := sha256.Sum256([]byte(name))
	k, err := repeats.NewKey(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// texts returns a batch of text columns.
func texts(rows [][]string) arrow.RecordBatch {
	columns := len(rows[0])
	fields := make([]arrow.Field, columns)
	for c := range fields {
		fields[c] = arrow.Field{Name: fmt.Sprint(c), Type: arrow.BinaryTypes.String, Nullable: true}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for _, r := range rows {
		for c, v := range r {
			if v == "" {
				b.Field(c).AppendNull()
			} else {
				b.Field(c).(*array.StringBuilder).Append(v)
			}
		}
	}
	return b.NewRecordBatch()
}

// result is an answer of n rows: a token, a masked phone number, a district, a day
// and an average.
func result(n int) (rows [][]string, derived []bool) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		token := sha256.Sum256(fmt.Appendf(nil, "%d", i))
		rows = append(rows, []string{fmt.Sprintf("%x", token[:16]), fmt.Sprintf("130****%04d", r.IntN(10000)), fmt.Sprint(320100 + r.IntN(12)),
			fmt.Sprintf("2025-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)), fmt.Sprintf("%.3f", r.Float64()*90000+10000)})
	}
	return rows, []bool{true, true, false, false, true}
}

func pick(rows [][]string, columns ...int) (out [][]string) {
	for _, r := range rows {
		var row []string
		for _, c := range columns {
			row = append(row, r[c])
		}
		out = append(out, row)
	}
	return out
}

func found(t testing.TB, k repeats.Known, rows [][]string) int {
	w := repeats.NewWatch([]repeats.Known{k})
	for part := range slices.Chunk(rows, 1000) {
		if err := w.Add(texts(part)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range w.Found() {
		return f.Marks
	}
	return 0
}

// Whatever is done to the order, the names, the number of rows or columns, a result
// that comes in again is recognized.
func TestARepetitionIsFoundInAnyDress(t *testing.T) {
	rows, derived := result(2000)
	k := repeats.Known{ID: "run", Key: key(t, "medical")}
	k.Marks = k.Key.Of(texts(rows), derived)
	shuffled := slices.Clone(rows)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	padded := slices.Clone(rows)
	for i := range 20_000 {
		padded = append(padded, []string{fmt.Sprint("other", i), fmt.Sprint("13900", i), "320101", "2025-01-01", fmt.Sprint(i)})
	}
	wider := [][]string{}
	for i, r := range rows {
		wider = append(wider, append([]string{fmt.Sprint("new", i)}, r...))
	}
	for name, in := range map[string][][]string{
		"as it was":                     rows,
		"rows in another order":         shuffled,
		"columns in another order":      pick(rows, 4, 2, 0, 3, 1),
		"a column more":                 wider,
		"without its tokens":            pick(rows, 1, 2, 3, 4),
		"masked number and average":     pick(rows, 4, 1),
		"tokens alone":                  pick(rows, 0),
		"every tenth row":               shuffled[:200],
		"among ten times as many":       padded,
		"averages as texts with zeros":  replaced(rows, 4, func(s string) string { return s + "000" }),
		"tokens in capitals":            pick(replaced(rows, 0, strings.ToUpper), 0),
		"averages in full width":        pick(replaced(rows, 4, wide), 4, 1),
		"white space around the values": replaced(rows, 0, func(s string) string { return " " + s + " " }),
	} {
		if n := found(t, k, in); n < 20 {
			t.Errorf("%s: %d marks, want 20 or more", name, n)
		}
	}
}

// wide returns digits and points in full width.
func wide(s string) string {
	return strings.Map(func(r rune) rune { return r - '!' + '\uff01' }, s)
}

func replaced(rows [][]string, c int, f func(string) string) (out [][]string) {
	for _, r := range rows {
		r = slices.Clone(r)
		r[c] = f(r[c])
		out = append(out, r)
	}
	return out
}

// What is shared by all data is no repetition: codes, days, counts, a few rows of
// the result; nor is what no key made.
func TestWhatIsCommonIsNoRepetition(t *testing.T) {
	rows, derived := result(2000)
	k := repeats.Known{ID: "run", Key: key(t, "medical")}
	k.Marks = k.Key.Of(texts(rows), derived)
	for name, in := range map[string][][]string{
		"districts and days":                pick(rows, 2, 3),
		"19 rows":                           rows[:19],
		"masked numbers alone":              pick(rows, 1),
		"the same row a thousand times":     slices.Repeat(rows[:1], 1000),
		"masked numbers with other columns": pick(rows, 1, 2, 3),
	} {
		if n := found(t, k, in); n != 0 {
			t.Errorf("%s: a repetition of %d marks", name, n)
		}
	}
	other := k
	other.Key = key(t, "finance")
	if n := found(t, other, rows); n != 0 {
		t.Errorf("under another key: %d marks", n)
	}
	small := [][]string{}
	for i := range 2000 {
		small = append(small, []string{fmt.Sprint(320100 + i%12), fmt.Sprint(i % 10)})
	}
	if m := k.Key.Of(texts(small), []bool{false, true}); !m.Empty() {
		t.Errorf("districts and counts below ten have %d marks", len(m.Values)+len(m.Pairs)+len(m.Rows))
	}
	if m := k.Key.Of(texts(rows[:19]), derived); !m.Empty() {
		t.Error("a result of 19 rows has marks")
	}
}

// A result of values as they are recurs in deliveries of its own source.
func TestValuesAsTheyAreRecurInTheirSource(t *testing.T) {
	rows, _ := result(500)
	k := repeats.Known{ID: "run", Key: key(t, "medical"), Source: true}
	k.Marks = k.Key.Of(texts(rows), make([]bool, 5))
	if n := found(t, k, rows); n != 0 || k.Marks.Derived {
		t.Errorf("a delivery of the source: %d marks", n)
	}
	k.Source = false
	if n := found(t, k, rows); n < 20 {
		t.Errorf("a delivery of another dataset: %d marks", n)
	}
}

// Types make no difference.
func TestTypesMakeNoDifference(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64}, {Name: "d", Type: arrow.FixedWidthTypes.Date32}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil))
	var rows [][]string
	for i := range 300 {
		v := 12345.5 + float64(i*i)*7.25
		b.Field(0).(*array.Float64Builder).Append(v)
		b.Field(1).(*array.Date32Builder).Append(arrow.Date32(20000 + i))
		b.Field(2).(*array.Int64Builder).Append(int64(i) * 987_654)
		rows = append(rows, []string{fmt.Sprintf("%.4f", v), arrow.Date32(20000 + i).ToTime().Format("2006-01-02T00:00:00"), fmt.Sprint(i * 987_654)})
	}
	for i := range rows {
		rows[i][1] = strings.Replace(rows[i][1], "T", " ", 1)
	}
	k := repeats.Known{ID: "run", Key: key(t, "medical")}
	k.Marks = k.Key.Of(b.NewRecordBatch(), []bool{true, false, false})
	if n := found(t, k, rows); n < 20 {
		t.Errorf("the result as text: %d marks", n)
	}
}

// Registers of one city share its people, districts and days, and are no
// repetitions of what was released of another: neither of rows as they are nor of
// masked ones.
func TestRegistersOfOneCityAreNoRepetitions(t *testing.T) {
	k := key(t, "medical")
	registers := map[string][][]string{}
	for _, r := range city.Registers() {
		var file strings.Builder
		if err := city.Write(&file, r, city.CSV, city.UTF8, 7, 5000); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(file.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		registers[string(r)] = rows[1:]
	}
	for name, rows := range registers {
		for other, delivery := range registers {
			if other == name {
				continue
			}
			plain := repeats.Known{ID: "plain", Key: k, Marks: k.Of(texts(rows), make([]bool, len(rows[0])))}
			hidden, derived := masked(rows)
			for _, released := range []repeats.Known{plain, {ID: "masked", Key: k, Marks: k.Of(texts(hidden), derived)}} {
				if n := found(t, released, delivery); n != 0 {
					t.Errorf("%s among results of %s, %s: %d marks", other, name, released.ID, n)
				}
			}
		}
	}
}

// masked keeps the first and last of every other column's values.
func masked(rows [][]string) (out [][]string, derived []bool) {
	for _, r := range rows {
		r = slices.Clone(r)
		for c, v := range r {
			if runes := []rune(v); c%2 == 1 && len(runes) > 2 {
				r[c] = string(runes[:1]) + strings.Repeat("*", len(runes)-2) + string(runes[len(runes)-1:])
			}
		}
		out = append(out, r)
	}
	for c := range rows[0] {
		derived = append(derived, c%2 == 1)
	}
	return out, derived
}

// BenchmarkWatch is the cost of looking at a delivery of a million rows and eight
// columns, by the row, where results of one key were released before.
func BenchmarkWatch(b *testing.B) {
	rows, derived := result(5000)
	k := repeats.Known{ID: "run", Key: key(b, "medical")}
	k.Marks = k.Key.Of(texts(rows), derived)
	var known []repeats.Known
	for range 100 {
		known = append(known, k)
	}
	var delivery [][]string
	for i := range 8192 {
		delivery = append(delivery, []string{fmt.Sprint("32010219800101", i), "王小明", "13912345678", "1980-01-01", "320102", fmt.Sprint(i * 17), "中山路1号", "J06"})
	}
	batch := texts(delivery)
	for b.Loop() {
		w := repeats.NewWatch(known)
		for range 122 {
			if err := w.Add(batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(122*8192), "ns/row")
}
