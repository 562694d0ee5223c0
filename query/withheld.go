package query

import (
	"cmp"
	"slices"

	"zonebox/release"
	"zonebox/release/disclosure"
)

// withheld puts the cells that rules took from the answer in order by column and rule.
func (c *checked) withheld() (out []WithheldCells) {
	rule := func(w release.Withheld) string { return cmp.Or(w.Rule, string(disclosure.Few)) }
	cells := slices.Clone(c.report.Withheld)
	slices.SortFunc(cells, func(a, b release.WithheldCell) int {
		return cmp.Or(cmp.Compare(a.Output, b.Output), cmp.Compare(rule(a.Withheld), rule(b.Withheld)), cmp.Compare(a.Row, b.Row))
	})
	for _, cell := range cells {
		row := int64(cell.Row) + 1
		last := len(out) - 1
		if last < 0 || out[last].Output != cell.Output+1 || out[last].Rule != rule(cell.Withheld) {
			out = append(out, WithheldCells{Column: outputName(cell.Output, c.Outputs[cell.Output].Name), Output: cell.Output + 1, Rule: rule(cell.Withheld), Rows: [][2]int64{{row, row}}})
			continue
		}
		rows := out[last].Rows
		switch run := &rows[len(rows)-1]; row {
		case run[1]: // two counts of entities are behind it
		case run[1] + 1:
			run[1] = row
		default:
			out[last].Rows = append(rows, [2]int64{row, row})
		}
	}
	return out
}

// few counts the groups of the answer that fewer entities than the least group are in.
func (e *evidence) few() (n int64) {
	if e == nil {
		return 0
	}
	for _, c := range e.cells {
		if !c.Root {
			continue
		}
		for group := uint32(1); group <= c.gathered.groups; group++ {
			if c.gathered.find(group) == group {
				n++
			}
		}
		n -= int64(len(c.groups))
	}
	return n
}
