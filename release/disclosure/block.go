package disclosure

import "slices"

// Function is what a total does with its rows.
type Function string

// The functions that aggregate rows of protected tables.
const (
	Count    Function = "count"    // how many rows
	Entities Function = "entities" // how many of them have rows
	Sum      Function = "sum"      // of a column
	Average  Function = "avg"      // of a column
	Other    Function = "another"  // which tells neither: min, max, count(DISTINCT …)
)

// Total is one aggregate of a block.
type Total struct {
	Function Function
	Column   int // index into Columns of a Sum or an Average
	Set      int // which rows of a group it is taken over
}

// counts reports whether t says how many there are.
func (t Total) counts() bool { return t.Function == Count || t.Function == Entities }

// Reference is one use of a protected table. Its figures are those of counts.
type Reference struct {
	Table   *Table
	Figures Figures
}

// Measure is a column of a reference, with the figures of its sums and averages.
type Measure struct {
	Reference int
	Figures   Figures
	Column    Column
}

// Group is one row of a block: by set and reference the rows behind it, ascending. A
// row that a join repeats stands there as often.
type Group [][][]uint32

// Block is one SELECT that aggregates protected rows, with all its groups.
type Block struct {
	References []Reference
	Columns    []Measure
	Totals     []Total
	Groups     []Group
}

// Hit says that a total of a group breaks a rule.
type Hit struct {
	Group, Total int
	Rule         Rule
}

// Finding is what the rules say of a block.
type Finding struct {
	// Hits are in order of groups and totals.
	Hits []Hit
	// Review lists, in that order, totals of columns with values below zero that the
	// rules let pass. Their Rule is "".
	Review []Hit
}

// Judge returns the totals that must not leave, and those that people should look at.
//
// Each total is judged by itself: a count by the rows that each entity of each
// reference has behind it, a sum or an average by what each entity of the column's
// table bears. Then those of a group are judged by each other: rows that are all of
// others but fewer than K entities' break Class, and an average breaks Undone if it
// would give a count back.
//
// The error is ErrFigures or ErrBlock. The tables are in use until it returns.
func (b *Block) Judge() (Finding, error) {
	if err := b.check(); err != nil {
		return Finding{}, err
	}
	j := &judgement{Block: b, hits: make([][][]Rule, len(b.Groups)), review: make([][]bool, len(b.Groups))}
	for g := range b.Groups {
		j.hits[g], j.review[g] = make([][]Rule, len(b.Totals)), make([]bool, len(b.Totals))
	}
	if err := j.alone(); err != nil {
		return Finding{}, err
	}
	for g := range b.Groups {
		j.together(g)
	}
	return j.finding(), nil
}

func (b *Block) check() error {
	for _, c := range b.Columns {
		if c.Reference < 0 || c.Reference >= len(b.References) {
			return ErrBlock
		}
	}
	for _, t := range b.Totals {
		ok := t.counts() || t.Function == Other || (t.Function == Sum || t.Function == Average) && t.Column >= 0 && t.Column < len(b.Columns)
		if !ok || t.Set < 0 {
			return ErrBlock
		}
		for _, g := range b.Groups {
			if t.Set >= len(g) || len(g[t.Set]) != len(b.References) {
				return ErrBlock
			}
		}
	}
	return nil
}

// judgement is a block with what was found so far.
type judgement struct {
	*Block
	hits   [][][]Rule // by group and total
	review [][]bool
}

func (j *judgement) add(g, total int, rules ...Rule) {
	for _, r := range rules {
		if !slices.Contains(j.hits[g][total], r) {
			j.hits[g][total] = append(j.hits[g][total], r)
		}
	}
}

// alone judges each total by itself. Those of one column over one set are one.
func (j *judgement) alone() error {
	type what struct {
		reference, column, set int
		f                      Function
	}
	known := map[what][]Verdict{}
	for i, t := range j.Totals {
		var of []what
		switch {
		case t.counts():
			for r := range j.References {
				of = append(of, what{r, -1, t.Set, t.Function})
			}
		case t.Function != Other:
			of = []what{{j.Columns[t.Column].Reference, t.Column, t.Set, Sum}}
		}
		for _, w := range of {
			if _, ok := known[w]; !ok {
				verdicts, err := j.verdicts(w.reference, w.column, w.set, w.f)
				if err != nil {
					return err
				}
				known[w] = verdicts
			}
			for g, v := range known[w] {
				j.add(g, i, v.Rules...)
				j.review[g][i] = j.review[g][i] || v.Review
			}
		}
	}
	return nil
}

func (j *judgement) verdicts(reference, column, set int, f Function) ([]Verdict, error) {
	cells := make([][]uint32, len(j.Groups))
	for g := range j.Groups {
		cells[g] = j.Groups[g][set][reference]
	}
	r := j.References[reference]
	figures := r.Figures
	switch {
	case f == Entities: // each bears one of it, whatever rows there are
		return r.Table.Judge(Figures{K: figures.K}, nil, cells)
	case column < 0:
		return r.Table.Judge(figures, nil, cells)
	}
	return r.Table.Judge(j.Columns[column].Figures, &j.Columns[column].Column, cells)
}

// together judges the totals of a group by each other.
func (j *judgement) together(g int) {
	for i, t := range j.Totals {
		if t.Function != Other && j.nearlyOther(g, t) {
			j.add(g, i, Class)
		}
	}
	for i, t := range j.Totals {
		if t.Function == Average && len(j.hits[g][i]) == 0 && j.undoes(g, t) {
			j.add(g, i, Undone)
		}
	}
}

// sets returns the sets over which there are totals of the kind of t: counts, or sums
// and averages of its column.
func (j *judgement) sets(t Total) (sets []int) {
	for _, o := range j.Totals {
		alike := t.counts() && o.counts() || !t.counts() && !o.counts() && o.Function != Other && o.Column == t.Column
		if alike && !slices.Contains(sets, o.Set) {
			sets = append(sets, o.Set)
		}
	}
	return sets
}

// undoes reports whether an average gives back a count that must not leave: that of its
// set, by the sum over it. Of the sum the rules say what they say of the average.
func (j *judgement) undoes(g int, t Total) bool {
	summed, hidden := false, false
	for i, o := range j.Totals {
		if o.Set == t.Set {
			summed = summed || o.Function == Sum && o.Column == t.Column
			hidden = hidden || o.counts() && len(j.hits[g][i]) > 0
		}
	}
	count := Total{Function: Count, Set: t.Set}
	counted := j.sets(count)
	return summed && (hidden || !slices.Contains(counted, t.Set) &&
		slices.ContainsFunc(counted, func(set int) bool { return j.alike(g, count, set) }))
}

// nearlyOther reports whether there is a total of t's kind over nearly the same rows,
// which is not itself one of nearly the rows of another. Of several the first stays;
// that over all rows of a group is the first.
func (j *judgement) nearlyOther(g int, t Total) bool {
	var stay []int
	sets := j.sets(t)
	slices.Sort(sets)
	for _, set := range sets {
		near := slices.ContainsFunc(stay, func(other int) bool { return j.alike(g, Total{t.Function, t.Column, set}, other) })
		if set == t.Set {
			return near
		}
		if !near {
			stay = append(stay, set)
		}
	}
	return false
}

// alike reports whether the rows of t and of set differ by those of fewer than K
// entities, either being among the other.
func (j *judgement) alike(g int, t Total, set int) bool {
	return j.allBut(g, t, set) || j.allBut(g, Total{t.Function, t.Column, set}, t.Set)
}

// allBut reports whether the rows of t are among those of set, and leave fewer than K
// entities out. A count is judged by references of which each of its rows has one of its
// own; others say of rows that stay away that they are there, by their partners. By all
// of them if there is none.
func (j *judgement) allBut(g int, t Total, set int) bool {
	part, all := j.Groups[g][t.Set], j.Groups[g][set]
	few := func(r int) bool {
		return within(part[r], all[r]) && !j.References[r].Table.besides(j.References[r].Figures.K, all[r], part[r])
	}
	if !t.counts() {
		return few(j.Columns[t.Column].Reference)
	}
	counted := 0
	for r, rows := range all {
		if !within(part[r], rows) {
			return false
		}
		counted = max(counted, len(rows))
	}
	own, near := false, false
	for r, rows := range all {
		if len(rows) == counted && ascends(rows) {
			own, near = true, near || few(r)
		}
	}
	for r := range all {
		near = near || !own && few(r)
	}
	return near
}

func (j *judgement) finding() (f Finding) {
	for g := range j.Groups {
		for i := range j.Totals {
			for _, r := range j.hits[g][i] {
				f.Hits = append(f.Hits, Hit{g, i, r})
			}
			if len(j.hits[g][i]) == 0 && j.review[g][i] {
				f.Review = append(f.Review, Hit{Group: g, Total: i})
			}
		}
	}
	return f
}
