package query

import (
	"errors"
	"slices"
	"strings"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/query/ast"
)

// Remedies are looked for where a person would read them: for a statement of at
// most so many bytes and faults. So often a changed statement is parsed and
// judged for one explain.
const (
	remedyBytes  = 16 << 10
	remedyFaults = 40
	remedyTries  = 24
)

// remedy looks for a statement near the one that was refused that passes. It
// changes the text, one fault after the other, and asks after every change what
// is left; what it offers has been through every step that decides, so that it
// passes as long as the facts stay what they are.
type remedy struct {
	*parser
	engine *Engine
	tries  int
	tried  map[string][]analysis.Fault // what each statement lacks
}

// Alternative is a statement near the one that was refused, and what would be
// decided on it.
type Alternative struct {
	SQL     string `json:"sql"`
	Verdict string `json:"verdict"`
}

// instead returns a statement that passes instead of the run's, nil if none was
// found. p is a parser for explains of the run's person.
func (e *Engine) instead(p *parser) *Alternative {
	m := &remedy{parser: p, engine: e, tried: map[string][]analysis.Fault{}}
	sql, faults := p.request.SQL, m.faults(p.request.SQL)
	been := map[string]bool{sql: true}
	for len(faults) > 0 {
		better := m.improve(sql, faults, been)
		if better == "" {
			return nil
		}
		sql, faults, been[better] = better, m.faults(better), true
	}
	if sql == p.request.SQL {
		return nil
	}
	return m.passes(sql)
}

// improve returns a statement with fewer faults, or else one that has others in
// place of one of them: a fault can hide behind another. It returns "" if it
// finds none where the search has not been.
func (m *remedy) improve(sql string, faults []analysis.Fault, been map[string]bool) string {
	other := ""
	for _, f := range faults {
		for _, edits := range m.candidates(sql, f, faults) {
			next, ok := edited(sql, edits)
			if !ok || been[next] {
				continue
			}
			left := m.faults(next)
			switch {
			case left == nil:
			case len(left) < len(faults):
				return next
			case other == "" && len(left) == len(faults) && !slices.ContainsFunc(left, func(g analysis.Fault) bool { return g.Code == f.Code && g.About == f.About }):
				other = next
			}
		}
	}
	return other
}

// faults returns what the analysis finds against a statement: an empty list if
// nothing, nil if it is no statement or nothing is tried any more.
func (m *remedy) faults(sql string) []analysis.Fault {
	if left, ok := m.tried[sql]; ok || m.tries >= remedyTries {
		return left
	}
	m.tries++
	m.tried[sql] = m.lacks(sql)
	return m.tried[sql]
}

func (m *remedy) lacks(sql string) []analysis.Fault {
	text, err := m.session.Parse(m.ctx, sql)
	if err != nil {
		return nil
	}
	tree, err := ast.Decode(text)
	if err != nil {
		return nil
	}
	_, err = analysis.Analyze(sql, tree, m.catalog.Catalog, analysis.Options{Threshold: m.pack.LevelThreshold})
	var refusal *analysis.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Faults
	case err != nil:
		return nil
	}
	return []analysis.Fault{}
}

// passes decides on a statement as if it had been asked, and returns it unless
// the decision is DENY.
func (m *remedy) passes(sql string) *Alternative {
	r := *m.run
	r.request.SQL, r.found = sql, found{runtime: m.run.found.runtime}
	p := &parser{run: &r, session: m.session, ctx: m.ctx}
	d, err := m.engine.consider(p)
	if err != nil || d.decision.Verdict == policy.Deny {
		return nil
	}
	return &Alternative{SQL: sql, Verdict: string(d.decision.Verdict)}
}

// aggregates that a grant can permit, those first that tell most.
var aggregates = []string{"avg", "sum", "count"}

// candidates are the changes that might lift f, the smallest first.
func (m *remedy) candidates(sql string, f analysis.Fault, all []analysis.Fault) [][]edit {
	if f.Start < 0 || f.End > len(sql) {
		return nil
	}
	w, at := write(sql), sql[f.Start:f.End]
	var out [][]edit
	one := func(e edit, ok bool) {
		if ok {
			out = append(out, []edit{e})
		}
	}
	l, listed := w.list(f.Start)
	switch f.Code {
	case analysis.UnknownName:
		for _, name := range m.near(at) {
			out = append(out, w.renamed(at, name))
			for _, alias := range relations(sql) {
				if !strings.Contains(name, ".") {
					out = append(out, w.renamed(at, alias+"."+name))
				}
			}
		}
	case analysis.AmbiguousName:
		for _, alias := range relations(sql) {
			one(edit{f.Start, f.Start, alias + "."}, true)
		}
	case analysis.ComputeOnlyProjected, analysis.GroupLabelNotPublic:
		if at == "*" {
			return append(out, []edit{{f.Start, f.End, "* EXCLUDE (" + strings.Join(excluded(f, all), ", ") + ")"}})
		}
		g, ungrouped := w.grouped(l)
		one(g, listed && ungrouped && f.Code == analysis.ComputeOnlyProjected && m.permits(f.Want, "groupkey"))
		for _, a := range aggregates {
			if f.Code == analysis.GroupLabelNotPublic || !m.permits(f.Want, "agg:"+a) {
				continue
			}
			wrap := []edit{{f.Start, f.Start, a + "("}, {f.End, f.End, ")"}}
			out = append(out, wrap)
			if listed && ungrouped {
				out = append(out, append(wrap, g))
			}
		}
	case analysis.AggregateReveals, analysis.AggregateNotGranted, analysis.FunctionNotAllowed:
		name, arg, ok := w.call(f.Start, f.End)
		for _, a := range aggregates {
			one(edit{f.Start, f.End, a + "(" + arg + ")"}, ok && !strings.EqualFold(a, name))
		}
	case analysis.TokenNotBare:
		one(w.only(l, listed, at))
	case analysis.AggregateArgument, analysis.ComputeOnlyExpression:
		one(unscaled(sql, f))
		for _, a := range aggregates {
			if m.permits(f.Want, "agg:"+a) {
				one(w.only(l, listed, a+"("+at+")"))
			}
		}
	case analysis.NotGrouped:
		if g, ok := w.grouped(l); listed && ok {
			one(g, true)
		}
	case analysis.LimitUnderProtected:
		one(w.clause(f.Start, "LIMIT"))
		one(w.clause(f.Start, "OFFSET"))
	}
	if listed {
		one(w.without(l, l.at))
	}
	return out
}

// permits reports whether the grant gives a column the permission.
func (m *remedy) permits(w *analysis.Want, permission string) bool {
	if w == nil {
		return false
	}
	for _, t := range m.catalog.Tables {
		for _, c := range t.Columns {
			if t.Name == w.Table && c.Name == w.Column {
				return slices.Contains(c.Permissions, permission)
			}
		}
	}
	return false
}

// excluded are the columns of a star that faults like f name.
func excluded(f analysis.Fault, all []analysis.Fault) []string {
	var out []string
	for _, g := range all {
		if g.Start == f.Start && g.Code == f.Code && g.Want != nil && !slices.Contains(out, quoted(g.Want.Column)) {
			out = append(out, quoted(g.Want.Column))
		}
	}
	return out
}

// unscaled takes a constant out of an aggregate that scales its column by it:
// avg(cost * 2) is avg(cost) * 2.
func unscaled(sql string, f analysis.Fault) (edit, bool) {
	w := write(sql)
	i := w.token(f.Start)
	for i >= 0 && !(i+1 < len(w.tokens) && w.tokens[i+1].word == "(" && slices.Contains(aggregates, strings.ToLower(w.tokens[i].word))) {
		i--
	}
	if i < 0 || i+5 >= len(w.tokens) || w.tokens[i+5].word != ")" {
		return edit{}, false
	}
	left, sign, right := w.tokens[i+2], w.tokens[i+3], w.tokens[i+4]
	text := func(t wordAt) string { return sql[t.at:t.end] }
	number := func(t wordAt) bool { return t.word[0] >= '0' && t.word[0] <= '9' }
	name := text(w.tokens[i]) // the aggregate
	whole := edit{start: w.tokens[i].at, end: w.tokens[i+5].end}
	switch {
	case sign.word != "*" && sign.word != "/" || name == "count":
		return edit{}, false
	case number(right) && !number(left):
		whole.text = name + "(" + text(left) + ") " + sign.word + " " + text(right)
	case number(left) && !number(right) && sign.word == "*":
		whole.text = text(left) + " * " + name + "(" + text(right) + ")"
	default:
		return edit{}, false
	}
	return whole, true
}

// relations are the names by which a statement calls its tables.
func relations(sql string) []string {
	w := write(sql)
	var out []string
	for i, t := range w.tokens {
		if (t.word == "FROM" || t.word == "JOIN" || t.word == ",") && i+1 < len(w.tokens) {
			name := w.tokens[i+1]
			if i+2 < len(w.tokens) && w.tokens[i+2].word == "AS" && i+3 < len(w.tokens) {
				name = w.tokens[i+3]
			} else if i+2 < len(w.tokens) && !slices.Contains(append(tails, "ON", "USING", "JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", ",", ")", "."), w.tokens[i+2].word) {
				name = w.tokens[i+2]
			}
			if n := sql[name.at:name.end]; !slices.Contains(out, n) && name.word != "(" {
				out = append(out, n)
			}
		}
	}
	return out
}
