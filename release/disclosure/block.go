package disclosure

import "slices"

// Function is what a total does with its rows.
type Function string

// The functions that aggregate rows of protected tables.
const (
	Count   Function = "count"   // how many rows
	Sum     Function = "sum"     // of a column
	Average Function = "avg"     // of a column
	Other   Function = "another" // which tells neither: min, max, count(DISTINCT …)
)

// Total is one aggregate of a block.
type Total struct {
	Function Function
	Column   int // index into Columns of a Sum or an Average
	Set      int // which rows of a group it is taken over
}

// Reference is one use of a protected table.
type Reference struct {
	Table   *Table
	Figures Figures
}

// Measure is a column of a reference.
type Measure struct {
	Reference int
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
		ok := t.Function == Count || t.Function == Other || (t.Function == Sum || t.Function == Average) && t.Column >= 0 && t.Column < len(b.Columns)
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
	type what struct{ reference, column, set int }
	known := map[what][]Verdict{}
	for i, t := range j.Totals {
		var of []what
		switch t.Function {
		case Count:
			for r := range j.References {
				of = append(of, what{r, -1, t.Set})
			}
		case Sum, Average:
			of = []what{{j.Columns[t.Column].Reference, t.Column, t.Set}}
		}
		for _, w := range of {
			if _, ok := known[w]; !ok {
				verdicts, err := j.verdicts(w.reference, w.column, w.set)
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

func (j *judgement) verdicts(reference, column, set int) ([]Verdict, error) {
	cells := make([][]uint32, len(j.Groups))
	for g := range j.Groups {
		cells[g] = j.Groups[g][set][reference]
	}
	var c *Column
	if column >= 0 {
		c = &j.Columns[column].Column
	}
	r := j.References[reference]
	return r.Table.Judge(r.Figures, c, cells)
}

// together judges the totals of a group by each other.
func (j *judgement) together(g int) {
	counted := j.sets(Count, 0)
	for i, t := range j.Totals {
		var others []int
		switch t.Function {
		case Count:
			others = counted
		case Sum, Average:
			others = j.sets(t.Function, t.Column)
		}
		if j.nearlyAll(g, t, others) {
			j.add(g, i, Class)
		}
	}
	for i, t := range j.Totals {
		if t.Function == Average && len(j.hits[g][i]) == 0 && j.undoes(g, t, counted) {
			j.add(g, i, Undone)
		}
	}
}

// sets returns the sets that are counted, or over which the column is a sum or an
// average.
func (j *judgement) sets(f Function, column int) (sets []int) {
	for _, t := range j.Totals {
		if (t.Function == Count) == (f == Count) && t.Function != Other && (f == Count || t.Column == column) && !slices.Contains(sets, t.Set) {
			sets = append(sets, t.Set)
		}
	}
	return sets
}

// undoes reports whether an average gives back a count that must not leave: that of its
// set, by the sum over it. Of the sum the rules say what they say of the average.
func (j *judgement) undoes(g int, t Total, counted []int) bool {
	summed, hidden := false, false
	for i, o := range j.Totals {
		if o.Set == t.Set {
			summed = summed || o.Function == Sum && o.Column == t.Column
			hidden = hidden || o.Function == Count && len(j.hits[g][i]) > 0
		}
	}
	return summed && (hidden || !slices.Contains(counted, t.Set) && j.nearlyAll(g, Total{Count, 0, t.Set}, counted))
}

// nearlyAll reports whether t takes in all rows of another of the sets but those of
// fewer than K entities. Of two sets with the same rows it is the later one.
func (j *judgement) nearlyAll(g int, t Total, sets []int) bool {
	for _, other := range sets {
		if other != t.Set && j.allBut(g, t, other) && (other < t.Set || !j.allBut(g, Total{t.Function, t.Column, other}, t.Set)) {
			return true
		}
	}
	return false
}

// allBut reports whether the rows of t are among those of set, and leave fewer than K
// entities out. References whose rows a join repeats say nothing of it where there is
// one whose rows it does not.
func (j *judgement) allBut(g int, t Total, set int) bool {
	part, all := j.Groups[g][t.Set], j.Groups[g][set]
	var judged []int
	if t.Function != Count {
		judged = []int{j.Columns[t.Column].Reference}
	} else {
		for r := range j.References {
			if ascends(all[r]) {
				judged = append(judged, r)
			}
		}
		if judged == nil {
			for r := range j.References {
				judged = append(judged, r)
			}
		}
	}
	for _, r := range judged {
		if within(part[r], all[r]) && !j.References[r].Table.besides(j.References[r].Figures.K, all[r], part[r]) {
			return true
		}
	}
	return false
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
