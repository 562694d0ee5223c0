package query

import (
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/effect"
	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/release"
	"zonebox/zone"
)

// grade judges how well the rows, as they leave, hide the people in them. Open
// data get no grade.
//
// The catalogue does not say which columns identify people together with others:
// every column that is neither a token nor a statistic is taken for one, which is
// the safe side. Columns that the catalogue says identify a person by themselves,
// and that leave as they are, are direct identifiers. Of rows that are groups of
// people nothing but these is asked.
//
// Tokens are attacked by frequency (see matched). A dictionary is not tried on
// them: without the key no candidate gives a token, which masking/effect shows.
// Tokens of too few values are refused before, by the load profile.
func (l *leaving) grade(record arrow.RecordBatch) error {
	if !l.Protected {
		return nil
	}
	var c effect.Columns
	var tokens []int
	for i, o := range l.Outputs {
		switch o.Form {
		case release.Token:
			tokens = append(tokens, i)
		case release.Clear, release.Masked, release.GroupLabel:
			if l.direct(o) {
				c.Direct = append(c.Direct, i)
			}
			if l.RecordLevel {
				c.Quasi = append(c.Quasi, i)
			}
		}
	}
	each := int64(1)
	if l.RecordLevel {
		var err error
		if each, err = l.rowsEach(); err != nil {
			return err
		}
	}
	a, err := effect.Assess(record, c, effect.Options{Aggregate: !l.RecordLevel, RowsEach: each})
	if err != nil {
		return err
	}
	g := &release.Effect{Level: a.Level, Rule: string(a.Rule)}
	for _, i := range tokens {
		share, err := matched(record.Column(i))
		if err != nil {
			return err
		}
		g.TokenMatched = max(g.TokenMatched, rounded(share))
	}
	l.graded = g
	if !l.RecordLevel {
		return nil
	}
	g.K, g.Risk, g.Threshold = a.People, rounded(a.Risk), a.Threshold
	for i, o := range l.Outputs {
		if !slices.Contains(c.Quasi, i) || l.catalog.level(o.Lineage) < l.pack.LevelThreshold {
			continue
		}
		// Of each sensitive column the others are known to whoever attacks.
		p, err := effect.Group(record, slices.DeleteFunc(slices.Clone(c.Quasi), func(q int) bool { return q == i }))
		if err != nil {
			return err
		}
		d, err := p.Diversity(record.Column(i))
		if err != nil {
			return err
		}
		if g.L == 0 || d.L < g.L {
			g.L = d.L
		}
	}
	return nil
}

// matched attacks tokens as they leave in the name of somebody who knows exactly how
// often each value behind them occurs in the result, and returns the share of the
// rows that this names. As equal values have equal tokens, the tokens stand for the
// values: the attack needs no raw one.
func matched(tokens arrow.Array) (float64, error) {
	known, err := effect.Exact(tokens)
	if err != nil {
		return 0, err
	}
	f, err := effect.MatchFrequency(tokens, tokens, known)
	return f.Share, err
}

// rounded leaves four decimals, which is all that a grade says.
func rounded(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// direct reports whether an output shows a column, by itself or beside others, that
// the license does not mask and of which the catalogue says what personal
// identifier it holds.
func (l *leaving) direct(o analysis.Output) bool {
	return slices.ContainsFunc(o.Lineage, func(ref analysis.Ref) bool {
		g, _ := granted(l.catalog.grants[ref.Table].Spec, ref.Column)
		c, _ := columnOf(l.catalog.datasets[ref.Table].Spec, ref.Column)
		return analysis.Mode(g.Mode) != analysis.Masked && c.PersonalInfo && c.PIKind != ""
	})
}

// rowsEach returns the most rows that one person may have in an answer of records:
// one where the statement reads one register, joins nothing to it, and the
// register has one row of each person. Of others it is not known, and then a class
// may be one person. How many rows the person has who has most is not asked: a
// grade would tell it.
func (l *leaving) rowsEach() (int64, error) {
	const unknown = math.MaxInt64
	s, ok := l.Tree.(*ast.Select)
	if !ok || len(l.Scans) != 1 || len(l.References) != 1 {
		return unknown, nil
	}
	if _, alone := s.From.(*ast.Table); !alone {
		return unknown, nil
	}
	if l.catalog.byConsent(l.Scans[0].Table) { // of those who did not consent nothing is told
		return unknown, nil
	}
	d := l.catalog.datasets[l.Scans[0].Table]
	stats, err := l.engine.store.Stats(d.Spec.Zone, d.Name, d.Data.Version, d.Data.Manifest)
	if err != nil {
		return 0, l.engine.storeError(err)
	}
	if !oneRowEach(stats) {
		return unknown, nil
	}
	return 1, nil
}

// oneRowEach reports whether a register is known to have one row of each person:
// not if it has no key of people, nor if more than one row lacks it, since those
// may all be of one.
func oneRowEach(s zone.Stats) bool { return s.MostRows == 1 && s.Unkeyed <= 1 }

// effect returns the grade, with the least group where the rows are groups.
func (c *checked) effect() *release.Effect {
	if c.found.graded != nil && !c.RecordLevel {
		c.found.graded.K = c.minGroup()
	}
	return c.found.graded
}

// technique names how an output is masked (GB/T 37964), "" if it is not: the
// techniques of the columns it is made of, or that it is a statistic.
func (c *catalog) technique(o analysis.Output) string {
	var kinds []string
	switch o.Form {
	case release.Aggregate:
		kinds = append(kinds, "aggregate")
	case release.Token, release.Masked, release.GroupLabel:
		for _, ref := range o.Lineage {
			if r := c.recipe(ref); r != nil {
				kinds = append(kinds, r.Kind)
			}
		}
	}
	var names []string
	for _, kind := range kinds {
		if t, ok := effect.TechniqueOf(kind); ok && !slices.Contains(names, t.String()) {
			names = append(names, t.String())
		}
	}
	return strings.Join(names, "、")
}
