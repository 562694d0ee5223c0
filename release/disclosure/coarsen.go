package disclosure

import (
	"math/big"
	"slices"
	"strings"
)

// Sheet is an answer of one block as its reviewers have it: what each total came to,
// and the rows behind.
type Sheet struct {
	Totals []Total
	Cells  []Cell
}

// Cell is one row of a sheet.
type Cell struct {
	Keys   []string
	Values []*big.Rat // by total; nil did not leave
	Rows   Group
}

// Merge returns the sheet in which categories of a key are one, of those that into
// names the category they go to. Cells keep the order in which their keys first come.
//
// Rows are united, counts and sums added. An average is worked out of the sum and the
// count over its rows where the sheet has both; otherwise it is gone, as is whatever
// cannot be put together again or was not there in one of the parts. The sheet is to be
// judged anew, by larger groups if wanted.
func (s Sheet) Merge(key int, into map[string]string) Sheet {
	out := Sheet{Totals: s.Totals}
	at := map[string]int{}
	for _, c := range s.Cells {
		keys := slices.Clone(c.Keys)
		if category, ok := into[keys[key]]; ok {
			keys[key] = category
		}
		name := identity(keys)
		i, ok := at[name]
		if !ok {
			at[name] = len(out.Cells)
			out.Cells = append(out.Cells, Cell{keys, slices.Clone(c.Values), c.Rows})
			continue
		}
		s.unite(&out.Cells[i], c)
	}
	return out
}

// identity is a text that no other keys have.
func identity(keys []string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(strings.ReplaceAll(k, "\x00", "\x00\x01"))
		b.WriteString("\x00\x00")
	}
	return b.String()
}

// unite adds from to c.
func (s Sheet) unite(c *Cell, from Cell) {
	for i, t := range s.Totals {
		a, b := c.Values[i], from.Values[i]
		c.Values[i] = nil
		if (t.Function == Count || t.Function == Sum) && a != nil && b != nil {
			c.Values[i] = new(big.Rat).Add(a, b)
		}
	}
	for i, t := range s.Totals {
		if t.Function == Average {
			c.Values[i] = s.average(c, t)
		}
	}
	rows := make(Group, len(c.Rows))
	for set := range rows {
		rows[set] = make([][]uint32, len(c.Rows[set]))
		for r := range rows[set] {
			rows[set][r] = slices.Concat(c.Rows[set][r], from.Rows[set][r])
			slices.Sort(rows[set][r])
		}
	}
	c.Rows = rows
}

// average returns the average of t's column over its rows, nil if c does not tell.
func (s Sheet) average(c *Cell, t Total) *big.Rat {
	var sum, count *big.Rat
	for i, o := range s.Totals {
		switch {
		case o.Set != t.Set:
		case o.Function == Count:
			count = c.Values[i]
		case o.Function == Sum && o.Column == t.Column:
			sum = c.Values[i]
		}
	}
	if sum == nil || count == nil || count.Sign() == 0 {
		return nil
	}
	return new(big.Rat).Quo(sum, count)
}

// Hide returns the sheet without the values that were hit.
func (s Sheet) Hide(hits []Hit) Sheet {
	out := s.clone()
	for _, h := range hits {
		out.Cells[h.Group].Values[h.Total] = nil
	}
	return out
}

// Round returns the sheet with counts and sums rounded to the nearest multiple of base,
// halves away from 0. Hide comes first: a count that is rounded before it is hidden tells
// that it was near the limit. A total is rounded from itself, so that parts need not add
// up to it; an average is worked out of the rounded sum and count, or gone.
func (s Sheet) Round(base int64) Sheet {
	out := s.clone()
	for g := range out.Cells {
		c := &out.Cells[g]
		for i, t := range s.Totals {
			if v := c.Values[i]; v != nil && (t.Function == Count || t.Function == Sum) {
				c.Values[i] = round(v, base)
			}
		}
		for i, t := range s.Totals {
			if c.Values[i] != nil && t.Function != Count && t.Function != Sum {
				c.Values[i] = nil
				if t.Function == Average {
					c.Values[i] = out.average(c, t)
				}
			}
		}
	}
	return out
}

// round returns the multiple of base that is nearest to v.
func round(v *big.Rat, base int64) *big.Rat {
	b := new(big.Rat).SetInt64(base)
	steps := new(big.Rat).Quo(v, b)
	half := big.NewRat(1, 2)
	if steps.Sign() < 0 {
		half.Neg(half)
	}
	steps.Add(steps, half)
	whole := new(big.Int).Quo(steps.Num(), steps.Denom()) // toward 0
	return b.Mul(b, new(big.Rat).SetInt(whole))
}

func (s Sheet) clone() Sheet {
	out := Sheet{s.Totals, slices.Clone(s.Cells)}
	for g := range out.Cells {
		out.Cells[g].Values = slices.Clone(out.Cells[g].Values)
	}
	return out
}
