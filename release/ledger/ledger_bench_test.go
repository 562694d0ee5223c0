package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"zonebox/internal/stopwatch"
	"zonebox/release/ledger"
)

// register is a million visits of 400,000 people, by what is asked of them.
type register struct {
	entity []uint32
	column map[string][]uint32
	values map[string]int
}

var visits = sync.OnceValue(func() *register {
	const rows, people = 1_000_000, 400_000
	r := rand.New(rand.NewPCG(1, 2))
	g := &register{entity: make([]uint32, rows), column: map[string][]uint32{}, values: map[string]int{}}
	of := func(name string, values int) {
		person := make([]uint32, people)
		for i := range person {
			person[i] = uint32(r.IntN(values))
		}
		c := make([]uint32, rows)
		for i, e := range g.entity {
			c[i] = person[e]
		}
		g.column[name], g.values[name] = c, values
	}
	on := func(name string, values int) {
		c := make([]uint32, rows)
		for i := range c {
			c[i] = uint32(r.IntN(values))
		}
		g.column[name], g.values[name] = c, values
	}
	for i := range g.entity {
		g.entity[i] = uint32(r.IntN(people))
	}
	of("district", 23)
	of("sex", 2)
	of("age", 90)
	of("income", 10_000)
	of("street", 20_000)
	on("month", 24)
	on("clinic", 5_000)
	of("band", 26)
	return g
})

// condition is rows whose column is from low up to, not including, high.
type condition struct {
	column    string
	low, high uint32
}

// ask returns a release of those cells of a grouping that k people stand behind.
func (g *register) ask(k int, where []condition, by ...string) ledger.Release {
	keys := 1
	for _, b := range by {
		keys *= g.values[b]
	}
	cells, people := make([][]uint32, keys), make([][]uint32, keys)
rows:
	for row, e := range g.entity {
		for _, c := range where {
			if v := g.column[c.column][row]; v < c.low || v >= c.high {
				continue rows
			}
		}
		key := 0
		for _, b := range by {
			key = key*(g.values[b]) + int(g.column[b][row])
		}
		cells[key] = append(cells[key], uint32(row))
		if len(people[key]) < k && !slices.Contains(people[key], e) {
			people[key] = append(people[key], e)
		}
	}
	population := fmt.Sprint(where)
	r := ledger.Release{ID: fmt.Sprint(population, by), Population: population, Cells: map[string][][]uint32{ledger.Counts: nil}}
	for key, rows := range cells {
		if len(people[key]) == k {
			r.Cells[ledger.Counts] = append(r.Cells[ledger.Counts], rows)
		}
	}
	return r
}

// shapes are histories as they come about, by what is asked next.
var shapes = []struct {
	name string
	next func(g *register, r *rand.Rand) ledger.Release
}{
	// Single numbers over parts of a grid of 1,196 fields.
	{"sets", func(g *register, r *rand.Rand) ledger.Release {
		part := func(column string, values int) condition {
			low := r.IntN(values)
			return condition{column, uint32(low), uint32(low + 1 + r.IntN(values-low))}
		}
		return g.ask(10, []condition{part("district", 23), part("sex", 2), part("band", 26)})
	}},
	// Tables of 2 to 90 cells of everybody, or of some by the same columns.
	{"tables", func(g *register, r *rand.Rand) ledger.Release {
		by := []string{"district", "sex", "month", "age"}
		var where []condition
		switch r.IntN(4) {
		case 0:
		case 1:
			low := uint32(r.IntN(60))
			where = []condition{{"age", low, low + 10 + uint32(r.IntN(30))}}
		case 2:
			low := uint32(r.IntN(12))
			where = []condition{{"month", low, low + 1 + uint32(r.IntN(12))}, {"district", 0, 1 + uint32(r.IntN(22))}}
		case 3:
			where = []condition{{"income", uint32(r.IntN(20)) * 500, 10_000}}
		}
		one, two := by[r.IntN(4)], by[r.IntN(4)]
		if one < two && (one != "age" || two == "sex") {
			return g.ask(10, where, one, two)
		}
		return g.ask(10, where, one)
	}},
	// Tables of everybody or of some by a column that nothing is grouped by.
	{"incomes", func(g *register, r *rand.Rand) ledger.Release {
		by := []string{"district", "sex", "month", "age", "band"}
		where := []condition{{"income", uint32(r.IntN(60)) * 150, 10_000}}
		return g.ask(10, where, by[r.IntN(5)])
	}},
	// The same six tables month by month and half by half.
	{"dashboard", func(g *register, r *rand.Rand) ledger.Release {
		by := [][]string{{"district"}, {"sex"}, {"age"}, {"band"}, {"district", "sex"}, {"band", "sex"}}
		month, half := uint32(r.IntN(24)), uint32(r.IntN(2))
		where := []condition{{"month", month, month + 1}, {"income", half * 5_000, half*5_000 + 5_000}}
		return g.ask(10, where, by[r.IntN(6)]...)
	}},
	// Hundreds of groups of not many more than ten people.
	{"small", func(g *register, r *rand.Rand) ledger.Release {
		district := uint32(r.IntN(23))
		where := []condition{{"district", district, district + 1}}
		switch r.IntN(4) {
		case 0:
			return g.ask(10, where, "street")
		case 1:
			return g.ask(10, where, "age", "month")
		case 2:
			return g.ask(10, append(where, condition{"month", 0, 1 + uint32(r.IntN(24))}), "age", "sex")
		default:
			return g.ask(10, append(where, condition{"income", uint32(r.IntN(100)) * 50, 10_000}), "age", "sex")
		}
	}},
}

// BenchmarkTry judges releases over a million rows until 300 are kept, or 900 were tried,
// or that took three minutes of processor time, and reports what processor time a
// judgement took in the middle, at the 95th of a hundred and at most, and what a replay of
// all took; and how many were refused, and for what.
func BenchmarkTry(b *testing.B) {
	g := visits()
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				r := rand.New(rand.NewPCG(3, 4))
				l := ledger.New(10, slices.Clone(g.entity))
				var took []int64
				var kept [][]byte
				refused := map[ledger.Kind]int{}
				asked := map[string]bool{}
				cells, spent := 0, int64(0)
				for n := 0; n < 900 && len(l.Releases()) < 300 && spent < 180e9; n++ {
					next := s.next(g, r)
					if asked[next.ID] || len(next.Cells[ledger.Counts]) == 0 {
						continue
					}
					asked[next.ID] = true
					from := stopwatch.Process()
					f, err := l.Try(next)
					if err != nil {
						b.Fatal(err)
					}
					took = append(took, stopwatch.Process()-from)
					spent += took[len(took)-1]
					if f != nil {
						refused[f.Kind]++
						continue
					}
					cells += len(next.Cells[ledger.Counts])
					if err := l.Keep(next); err != nil {
						b.Fatal(err)
					}
					kept = append(kept, next.Append(nil))
				}
				from := stopwatch.Process()
				l = ledger.New(10, slices.Clone(g.entity))
				bytes := 0
				for _, k := range kept {
					bytes += len(k)
					again, err := ledger.Parse(k)
					if err != nil {
						b.Fatal(err)
					}
					if err := l.Keep(again); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(stopwatch.Process()-from)/1e9, "s/replay")
				b.Logf("%d kept, %d cells, %d bytes; refused: %v", len(kept), cells, bytes, refused)
				slices.Sort(took)
				ms := func(d int64) float64 { return float64(d) / 1e6 }
				b.ReportMetric(ms(took[len(took)/2]), "ms/middle")
				b.ReportMetric(ms(took[len(took)*95/100]), "ms/95th")
				b.ReportMetric(ms(took[len(took)-1]), "ms/most")
			}
		})
	}
}
