package disclosure_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"zonebox/release/disclosure"
)

// instance is a small table, one column of it in exact numbers, and cells.
type instance struct {
	entity  []uint32
	value   []*big.Rat // nil: rows are counted
	column  *disclosure.Column
	cells   [][]uint32
	figures disclosure.Figures
}

// TestVerdictsAreThoseOfTheDefinitions compares verdicts with the definitions of the
// rules written down with fractions, on small tables with several rows of an entity,
// rows of nobody, rows that a join repeats, negative values, ties, zeros and flags.
// Of floats a verdict may be stricter, never laxer.
func TestVerdictsAreThoseOfTheDefinitions(t *testing.T) {
	const instances = 10_000
	r := rand.New(rand.NewPCG(11, 4))
	cells, hit, stricter, rules := 0, 0, 0, map[disclosure.Rule]int{}
	for n := range instances {
		in := invent(r)
		got, err := disclosure.NewTable(in.entity).Judge(in.figures, in.column, in.cells)
		if err != nil {
			t.Fatalf("instance %d: %v", n, err)
		}
		for i, cell := range in.cells {
			cells++
			want := in.defined(cell)
			if len(want) > 0 {
				hit++
			}
			for _, rule := range want {
				rules[rule]++
			}
			switch {
			case slices.Equal(got[i].Rules, want):
			case in.column != nil && in.column.Floats != nil && subset(want, got[i].Rules):
				stricter++
			default:
				t.Fatalf("instance %d, cell %v: Judge = %v, want %v\nentity %v\nvalue %v\nfigures %+v", n, cell, got[i].Rules, want, in.entity, in.value, in.figures)
			}
			if want := in.negative(cell); got[i].Review != want {
				t.Fatalf("instance %d, cell %v: Review = %v, want %v", n, cell, got[i].Review, want)
			}
		}
	}
	t.Logf("%d instances, %d cells, %d hit %v, %d of floats stricter than defined", instances, cells, hit, rules, stricter)
	for _, rule := range []disclosure.Rule{disclosure.Few, disclosure.FewNonzero, disclosure.Dominated, disclosure.PPercent, disclosure.Class} {
		if rules[rule] < 200 {
			t.Errorf("rule %s is hit by %d cells, want at least 200", rule, rules[rule])
		}
	}
	if cells-hit < 2000 {
		t.Errorf("%d cells pass, want at least 2000", cells-hit)
	}
}

func subset(a, of []disclosure.Rule) bool {
	for _, r := range a {
		if !slices.Contains(of, r) {
			return false
		}
	}
	return true
}

// invent makes an instance. Values come in eighths of a power of ten of the instance,
// so that floats hold them exactly and their sums need rounding now and then.
func invent(r *rand.Rand) instance {
	in := instance{figures: disclosure.Figures{K: 1 + r.IntN(5), Percent: []int{0, 5, 10, 30}[r.IntN(4)]}}
	for n := range r.IntN(3) {
		in.figures.Dominance = append(in.figures.Dominance, disclosure.Dominance{N: 1 + n + r.IntN(2), Percent: 50 + r.IntN(51)})
	}
	people, rows := 1+r.IntN(20), 1+r.IntN(60)
	for range rows {
		e := uint32(r.IntN(people))
		if r.IntN(2) == 0 {
			e = uint32(len(in.entity) % people) // many tables have about as many rows of everybody
		}
		in.entity = append(in.entity, e)
	}
	if r.IntN(4) == 0 {
		in.entity[r.IntN(rows)] = disclosure.Nobody
	}
	draw := [](func() int64){
		func() int64 { return int64(r.IntN(10)) },
		func() int64 { return int64(r.IntN(2)) },
		func() int64 { return int64(r.IntN(21)) - 4 },
		func() int64 { return -int64(r.IntN(9)) },
		func() int64 { return 1 << r.IntN(40) },
		func() int64 { return 100 + int64(r.IntN(9)) },
	}[r.IntN(6)]
	kind := r.IntN(4)
	for range rows {
		v := draw()
		switch kind {
		case 0:
			in.column = nil
			continue
		case 1:
			if in.column == nil {
				in.column = &disclosure.Column{}
			}
			in.column.Whole = append(in.column.Whole, v)
			in.value = append(in.value, big.NewRat(v, 1))
		case 2:
			if in.column == nil {
				in.column = &disclosure.Column{}
			}
			// v·2^65 + v, which needs more than 64 bits
			in.column.Wide = append(in.column.Wide, disclosure.Int128{Low: uint64(v), High: v<<1 + v>>63})
			x := new(big.Int).Lsh(big.NewInt(v), 65)
			in.value = append(in.value, new(big.Rat).SetInt(x.Add(x, big.NewInt(v))))
		case 3:
			if in.column == nil {
				in.column = &disclosure.Column{}
			}
			f := float64(v) / 10
			in.column.Floats = append(in.column.Floats, f)
			in.value = append(in.value, new(big.Rat).SetFloat64(f))
		}
	}
	for range 1 + r.IntN(4) {
		var cell []uint32
		share := 1 + r.IntN(4)
		for row := range rows {
			if r.IntN(4) < share {
				cell = append(cell, uint32(row))
				if r.IntN(40) == 0 {
					cell = append(cell, uint32(row))
				}
			}
		}
		in.cells = append(in.cells, cell)
	}
	return in
}

func (in instance) at(row uint32) *big.Rat {
	if in.value == nil {
		return big.NewRat(1, 1)
	}
	return in.value[row]
}

func (in instance) negative(cell []uint32) bool {
	return slices.ContainsFunc(cell, func(row uint32) bool { return in.entity[row] != disclosure.Nobody && in.at(row).Sign() < 0 })
}

// defined applies the definitions (research of 2.7: all on contributions per entity).
func (in instance) defined(cell []uint32) (rules []disclosure.Rule) {
	bears := map[uint32]*big.Rat{}
	for _, row := range cell {
		if e := in.entity[row]; e != disclosure.Nobody {
			if bears[e] == nil {
				bears[e] = new(big.Rat)
			}
			bears[e].Add(bears[e], in.at(row))
		}
	}
	var x []*big.Rat
	total, nonzero := new(big.Rat), 0
	for _, c := range bears {
		c.Abs(c)
		x = append(x, c)
		total.Add(total, c)
		nonzero += c.Sign()
	}
	slices.SortFunc(x, func(a, b *big.Rat) int { return b.Cmp(a) })
	first := func(n int) *big.Rat {
		s := new(big.Rat)
		for _, c := range x[:min(n, len(x))] {
			s.Add(s, c)
		}
		return s
	}
	if len(x) < in.figures.K {
		rules = append(rules, disclosure.Few)
	}
	if nonzero < in.figures.K {
		rules = append(rules, disclosure.FewNonzero)
	}
	for _, d := range in.figures.Dominance {
		limit := new(big.Rat).Mul(total, big.NewRat(int64(d.Percent), 100))
		if first(d.N).Cmp(limit) >= 0 {
			rules = append(rules, disclosure.Dominated)
			break
		}
	}
	left := new(big.Rat).Sub(total, first(2))
	if left.Cmp(new(big.Rat).Mul(first(1), big.NewRat(int64(in.figures.Percent), 100))) < 0 {
		rules = append(rules, disclosure.PPercent)
	}
	if in.value == nil {
		return rules
	}
	kinds := map[string]bool{}
	for _, c := range in.cells {
		for _, row := range c {
			kinds[in.value[row].String()] = true
		}
	}
	if len(kinds) != 2 {
		return rules
	}
	for kind := range kinds {
		who := map[uint32]bool{}
		for _, row := range cell {
			if in.value[row].String() == kind && in.entity[row] != disclosure.Nobody {
				who[in.entity[row]] = true
			}
		}
		if len(who) < in.figures.K {
			return append(rules, disclosure.Class)
		}
	}
	return rules
}

// TestBoundsAreNeverLaxer takes tables in which bounds decide most cells: there too a
// cell that passes is one that the definitions let pass.
func TestBoundsAreNeverLaxer(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 8))
	passed := 0
	for n := range 2000 {
		in := instance{figures: disclosure.Figures{K: 3, Dominance: []disclosure.Dominance{{2, 60 + r.IntN(40)}, {3, 80}}, Percent: 10 * r.IntN(5)}}
		people := 4 + r.IntN(12)
		for row := range people * (1 + r.IntN(3)) {
			in.entity = append(in.entity, uint32(row%people))
			in.value = append(in.value, big.NewRat(int64(r.IntN(30)+r.IntN(2)*r.IntN(60)), 1))
		}
		in.column = &disclosure.Column{}
		for _, v := range in.value {
			if n%2 == 0 {
				in.column.Whole = append(in.column.Whole, v.Num().Int64())
			} else {
				f, _ := v.Float64()
				in.column.Floats = append(in.column.Floats, f)
			}
		}
		for range 3 {
			var cell []uint32
			for row := range in.entity {
				if r.IntN(8) > 0 {
					cell = append(cell, uint32(row))
				}
			}
			in.cells = append(in.cells, cell)
		}
		got, err := disclosure.NewTable(in.entity).Judge(in.figures, in.column, in.cells)
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range in.cells {
			if len(got[i].Rules) > 0 {
				continue
			}
			passed++
			if want := in.defined(cell); len(want) > 0 {
				t.Fatalf("instance %d: cell %v passes, which is %v\nentity %v\nvalue %v", n, cell, want, in.entity, in.value)
			}
		}
	}
	if t.Logf("%d cells passed", passed); passed < 2000 {
		t.Errorf("%d cells passed, want at least 2000", passed)
	}
}

// TestFloatsErrToTheSafeSide puts sums of floats as near to a limit as a float can come:
// one row bears what all others do, to the last bit or so. What the definition refuses is
// refused.
func TestFloatsErrToTheSafeSide(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	refused, passed := 0, 0
	for n := range 4000 {
		in := instance{column: &disclosure.Column{}, figures: disclosure.Figures{K: 1}}
		rest := new(big.Rat)
		add := func(e uint32, v float64) {
			in.entity = append(in.entity, e)
			in.column.Floats = append(in.column.Floats, v)
			in.value = append(in.value, new(big.Rat).SetFloat64(v))
		}
		for row := range 12 {
			v := r.Float64() * float64(int(1)<<r.IntN(20))
			add(uint32(2+row%6), v)
			rest.Add(rest, in.value[row])
		}
		most, _ := rest.Float64()
		switch n % 3 {
		case 0: // it bears 50 %
			in.figures.Dominance = []disclosure.Dominance{{1, 50}}
			add(0, most)
		case 1: // two bear two thirds, about
			in.figures.Dominance = []disclosure.Dominance{{2, 75}}
			add(0, 2*most)
			add(1, most)
		case 2: // the rest is 10 % of the largest
			in.figures.Percent = 10
			add(0, 10*most)
			add(1, 10*most)
		}
		cell := make([]uint32, len(in.entity))
		for row := range cell {
			cell[row] = uint32(row)
		}
		in.cells = [][]uint32{cell}
		got, err := disclosure.NewTable(in.entity).Judge(in.figures, in.column, in.cells)
		if err != nil {
			t.Fatal(err)
		}
		want := in.defined(cell)
		if !subset(want, got[0].Rules) {
			t.Fatalf("instance %d: Judge = %v, want %v", n, got[0].Rules, want)
		}
		if len(want) > 0 {
			refused++
		} else {
			passed++
		}
	}
	t.Logf("%d are over the limit, %d are not", refused, passed)
	if refused < 1000 || passed < 1000 {
		t.Errorf("%d are over the limit and %d are not, want 1000 of each", refused, passed)
	}
}

func ExampleTable_Judge() {
	table := disclosure.NewTable([]uint32{0, 1, 2, 3, 4, 5})
	taxes := &disclosure.Column{Whole: []int64{900, 40, 30, 10, 10, 10}}
	verdicts, err := table.Judge(disclosure.Figures{K: 3, Dominance: []disclosure.Dominance{{N: 2, Percent: 90}}, Percent: 10}, taxes, [][]uint32{{0, 1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}})
	fmt.Println(verdicts, err)
	// Output: [{[DOMINANCE P_PERCENT] false} {[] false}] <nil>
}
