package ledger_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"zonebox/release/ledger"
)

// oracle says by trying everybody what a release may let be worked out.
type oracle struct {
	k      int
	entity []uint32
	rank   func(ones [][]bool) int
	kept   []ledger.Release
}

func (o *oracle) columns(measure, population string, more ...ledger.Release) [][]uint32 {
	var out [][]uint32
	for _, r := range append(slices.Clip(o.kept), more...) {
		if population == "" || r.Population == population {
			out = append(out, r.Cells[measure]...)
		}
	}
	return out
}

// of returns the rank of cells, as columns over the rows of all but some entities.
func (o *oracle) of(cells [][]uint32, without []uint32) int {
	at := map[string]bool{}
	var m [][]bool
	for row, e := range o.entity {
		if slices.Contains(without, e) {
			continue
		}
		v, key := make([]bool, len(cells)), make([]byte, len(cells))
		for i, c := range cells {
			if _, v[i] = slices.BinarySearch(c, uint32(row)); v[i] {
				key[i] = 1
			}
		}
		if !at[string(key)] {
			m = append(m, v)
		}
		at[string(key)] = true
	}
	return o.rank(m)
}

// fractions returns the rank of rows of 0 and 1.
func fractions(ones [][]bool) int {
	var m [][]*big.Rat
	for _, row := range ones {
		v := make([]*big.Rat, len(row))
		for i, one := range row {
			v[i] = new(big.Rat)
			if one {
				v[i].SetInt64(1)
			}
		}
		m = append(m, v)
	}
	n := 0
	for col := 0; n < len(m) && col < len(m[0]); col++ {
		i := slices.IndexFunc(m[n:], func(r []*big.Rat) bool { return r[col].Sign() != 0 })
		if i < 0 {
			continue
		}
		m[n], m[n+i] = m[n+i], m[n]
		for j := n + 1; j < len(m); j++ {
			if m[j][col].Sign() == 0 {
				continue
			}
			f := new(big.Rat).Quo(m[j][col], m[n][col])
			for c := col; c < len(m[j]); c++ {
				m[j][c].Sub(m[j][c], new(big.Rat).Mul(f, m[n][c]))
			}
		}
		n++
	}
	return n
}

// remainders returns the rank of rows of 0 and 1, modulo another prime than the ledger's.
func remainders(ones [][]bool) int {
	const p = 1_000_003
	var m [][]int64
	for _, row := range ones {
		v := make([]int64, len(row))
		for i, one := range row {
			if one {
				v[i] = 1
			}
		}
		m = append(m, v)
	}
	n := 0
	for col := 0; n < len(m) && col < len(m[0]); col++ {
		i := slices.IndexFunc(m[n:], func(r []int64) bool { return r[col] != 0 })
		if i < 0 {
			continue
		}
		m[n], m[n+i] = m[n+i], m[n]
		for j := n + 1; j < len(m); j++ {
			if a, f := m[n][col], m[j][col]; f != 0 {
				for c := range m[j] {
					m[j][c] = ((m[j][c]*a-m[n][c]*f)%p + p) % p
				}
			}
		}
		n++
	}
	return n
}

// few reports whether some combination is over the rows of fewer than k entities.
func (o *oracle) few(measure string, r ledger.Release) bool {
	all := o.columns(measure, "", r)
	full := o.of(all, nil)
	people := slices.Compact(slices.Sorted(slices.Values(o.entity)))
	var try func(out []uint32, from int) bool
	try = func(out []uint32, from int) bool {
		if len(out) == min(o.k-1, len(people)) {
			return o.of(all, out) < full
		}
		for i := from; i < len(people); i++ {
			if try(append(slices.Clip(out), people[i]), i+1) {
				return true
			}
		}
		return false
	}
	return try(nil, 0)
}

// nothing reports whether a combination cancels and the population does not tell so.
func (o *oracle) nothing(measure string, r ledger.Release) bool {
	all := o.of(o.columns(measure, "", r), nil) - o.of(o.columns(measure, ""), nil)
	own := o.of(o.columns(measure, r.Population, r), nil) - o.of(o.columns(measure, r.Population), nil)
	return all < own
}

// uncovers reports whether a cell that was hidden is, but on the rows of fewer than k
// entities, what some combination is, and was not before the release.
func (o *oracle) uncovers(measure string, r ledger.Release) bool {
	people := slices.Compact(slices.Sorted(slices.Values(o.entity)))
	var told func(cells [][]uint32, cell []uint32, out []uint32, from int) bool
	told = func(cells [][]uint32, cell []uint32, out []uint32, from int) bool {
		if len(out) == min(o.k-1, len(people)) {
			return o.of(append(slices.Clip(cells), cell), out) == o.of(cells, out)
		}
		for i := from; i < len(people); i++ {
			if told(cells, cell, append(slices.Clip(out), people[i]), i+1) {
				return true
			}
		}
		return false
	}
	for _, of := range append(slices.Clip(o.kept), r) {
		for _, cell := range of.Hidden[measure] {
			if told(o.columns(measure, "", r), cell, nil, 0) && !told(o.columns(measure, ""), cell, nil, 0) {
				return true
			}
		}
	}
	return false
}

// random returns a release over rows: cells that overlap now and then, of everybody or of
// some, by person or by row, one of which is hidden now and then.
func random(r *rand.Rand, id string, entity []uint32) ledger.Release {
	out := ledger.Release{ID: id, Population: fmt.Sprint(r.IntN(3)), Cells: map[string][][]uint32{}}
	for _, m := range []string{ledger.Counts, "income"} {
		if r.IntN(3) == 0 {
			continue
		}
		people := int(slices.Max(entity)) + 1
		width := 1 + r.IntN(3)
		cells := make([][]uint32, width)
		byPerson, everybody := r.IntN(3) == 0, r.IntN(2) == 0
		for row := range entity {
			cell := r.IntN(width+1) - 1
			if everybody {
				cell = max(cell, 0)
			}
			if byPerson {
				cell = int(entity[row]) * width / people
			}
			if cell >= 0 {
				cells[cell] = append(cells[cell], uint32(row))
			}
			if r.IntN(20) == 0 {
				if other := r.IntN(width); other != cell {
					cells[other] = append(cells[other], uint32(row))
				}
			}
		}
		cells = slices.DeleteFunc(cells, func(c []uint32) bool { return len(c) == 0 })
		if len(cells) > 0 && r.IntN(3) == 0 {
			out.Hidden, cells = map[string][][]uint32{m: cells[:1]}, cells[1:]
		}
		if len(cells) > 0 {
			out.Cells[m] = cells
		}
	}
	return out
}

// butSome returns a release without the rows of n people, at most, that shows what was
// hidden, or not.
func butSome(r *rand.Rand, of ledger.Release, id string, entity []uint32, n int) ledger.Release {
	out := ledger.Release{ID: id, Population: fmt.Sprint(r.IntN(3)), Cells: map[string][][]uint32{}}
	var without []uint32
	for range n {
		without = append(without, entity[r.IntN(len(entity))])
	}
	bold := r.IntN(2) == 0
	for _, m := range []string{ledger.Counts, "income"} {
		cells := of.Cells[m]
		if bold {
			cells = append(slices.Clip(cells), of.Hidden[m]...)
		}
		for _, rows := range cells {
			rows = slices.DeleteFunc(slices.Clone(rows), func(row uint32) bool { return slices.Contains(without, entity[row]) })
			if len(rows) > 0 {
				out.Cells[m] = append(out.Cells[m], rows)
			}
		}
	}
	return out
}

// A thousand histories; with ZONEBOX_LONG 20,000.
func TestTheLedgerIsWhatTryingEverybodyGives(t *testing.T) {
	againstOracle(t, repeats(1_000, 20_000), func(r *rand.Rand) *oracle {
		people := 2 + r.IntN(9)
		return &oracle{k: min(2+r.IntN(3), people), entity: visitors(r, people, r.IntN(people)), rank: fractions}
	})
}

// Of more people, so that most of them are never looked at.
func TestTheLedgerOfHundredsOfRowsIsWhatTryingEverybodyGives(t *testing.T) {
	againstOracle(t, repeats(10, 500), func(r *rand.Rand) *oracle {
		people := 20 + r.IntN(60)
		return &oracle{k: 2 + r.IntN(2), entity: visitors(r, people, 100+r.IntN(200)), rank: remainders}
	})
}

func repeats(usual, long int) int {
	if os.Getenv("ZONEBOX_LONG") != "" {
		return long
	}
	return usual
}

// visitors returns whose each row is: one row for each of the people and some more.
func visitors(r *rand.Rand, people, more int) []uint32 {
	out := span(0, uint32(people))
	for range more {
		out = append(out, uint32(r.IntN(people)))
	}
	return out
}

// againstOracle compares n random histories with what an oracle says of them.
func againstOracle(t *testing.T, n int, start func(r *rand.Rand) *oracle) {
	t.Helper()
	const seed = 1
	count := map[string]int{}
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		o := start(r)
		entity := o.entity
		rows := max(1, len(entity)-r.IntN(3))
		o.entity = entity[:rows:rows]
		l := ledger.New(o.k, slices.Clone(o.entity))
		for step := range 1 + r.IntN(6) {
			switch r.IntN(8) {
			case 0:
				if len(o.kept) > 0 {
					at := r.IntN(len(o.kept))
					if !l.Void(o.kept[at].ID) {
						t.Fatalf("%d/%d: %s is not there", seed, i, o.kept[at].ID)
					}
					o.kept = slices.Delete(slices.Clone(o.kept), at, at+1)
				}
			case 1:
				l.Grow(entity[len(o.entity):])
				o.entity = entity
			}
			next := random(r, fmt.Sprint(step), o.entity)
			if len(o.kept) > 0 && r.IntN(3) == 0 {
				next = butSome(r, o.kept[r.IntN(len(o.kept))], fmt.Sprint(step), o.entity, r.IntN(o.k+2))
			}
			got, err := l.Try(next)
			if err != nil {
				t.Fatal(err)
			}
			few, nothing, uncovers := map[string]bool{}, map[string]bool{}, map[string]bool{}
			refused := false
			for _, m := range []string{ledger.Counts, "income"} {
				few[m], nothing[m], uncovers[m] = o.few(m, next), o.nothing(m, next), o.uncovers(m, next)
				refused = refused || few[m] || nothing[m] || uncovers[m]
			}
			switch {
			case got == nil && refused,
				got != nil && got.Kind == ledger.Few && !few[got.Measure],
				got != nil && got.Kind == ledger.Nothing && !nothing[got.Measure],
				got != nil && got.Kind == ledger.Uncovers && !uncovers[got.Measure]:
				t.Fatalf("seed %d/%d: k %d of %v: %v then %v: %+v, want few %v, nothing %v, uncovers %v", seed, i, o.k, o.entity, o.kept, next, got, few, nothing, uncovers)
			case got != nil:
				count[string(got.Kind)]++
			default:
				count["kept"]++
				if err := l.Keep(next); err != nil {
					t.Fatal(err)
				}
				o.kept = append(o.kept, next)
			}
		}
	}
	t.Log(count)
	if count["undecided"] > 0 {
		t.Errorf("%d were not decided", count["undecided"])
	}
}

func TestCellsAreAscendingRowsOfTheLedger(t *testing.T) {
	for name, cells := range map[string][][]uint32{
		"empty":          {{}},
		"not ascending":  {{2, 1}},
		"twice the same": {{1, 1}},
		"beyond":         {{0, 4}},
	} {
		l := ledger.New(2, []uint32{0, 1, 2, 3})
		r := ledger.Release{ID: "a", Cells: map[string][][]uint32{ledger.Counts: cells}}
		if _, err := l.Try(r); !errors.Is(err, ledger.ErrCells) {
			t.Errorf("%s: Try = %v, want %v", name, err, ledger.ErrCells)
		}
		if err := l.Keep(r); !errors.Is(err, ledger.ErrCells) {
			t.Errorf("%s: Keep = %v, want %v", name, err, ledger.ErrCells)
		}
	}
}
