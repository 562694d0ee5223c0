package query

import (
	"slices"
	"strings"

	"zonebox/policy"
	"zonebox/query/analysis"
)

// explanation is what a reviewer and the asking person see of the decision.
func (d *decided) explanation() *Explanation {
	x := &Explanation{
		Verdict: string(d.decision.Verdict), Reasons: reasonViews(d.decision.Reasons), Warnings: reasonViews(d.decision.Warnings),
		Columns: []ColumnView{}, Outputs: []OutputView{}, SQL: d.asked.SQL,
	}
	for _, scan := range d.Scans {
		for _, t := range d.catalog.Tables {
			if t.Name != scan.Table {
				continue
			}
			for _, c := range t.Columns {
				if !slices.Contains(scan.Columns, c.Name) {
					continue
				}
				how := c.Recipe
				if how == "" {
					how = strings.Join(c.Permissions, " ")
				}
				x.Columns = append(x.Columns, ColumnView{Column: t.Name + "." + c.Name, Level: c.Level, Form: string(c.Mode), How: how})
			}
		}
	}
	bases := d.bases(d.Statement)
	for i, o := range d.Outputs {
		x.Outputs = append(x.Outputs, OutputView{Name: o.Name, Form: o.Form, Round: bases[i], MaxLevel: o.MaxLevel, Lineage: lineage(o), Path: o.Path})
	}
	for _, ref := range d.References {
		if d.RecordLevel {
			break // rows leave one by one: caps and reviews hold them, not a group
		}
		x.Groups = append(x.Groups, MinimumView{Table: ref.Table, K: ref.K})
	}
	if d.decision.Verdict != policy.Deny {
		o := d.decision.Obligations
		x.Release = &ReleaseView{Rows: o.RowCap, ByRecords: d.RecordLevel}
		if d.RecordLevel && o.RecordCap > 0 {
			x.Release.Rows = min(o.RowCap, o.RecordCap)
		}
		x.Release.Reviewers = reviewersOf(o)
	}
	for _, c := range analysis.Changes(d.request.SQL, d.found.tree, d.asked) {
		v := ChangeView{Code: c.Code, ZH: c.ZH, EN: c.EN}
		if c.Start >= 0 {
			v.Span = &Span{c.Start, c.End}
		}
		x.Changes = append(x.Changes, v)
	}
	x.Graph = graphView(analysis.Lineage(d.Statement, d.catalog.Catalog))
	return x
}

// reviewersOf returns how many people look at an output before it leaves.
func reviewersOf(o policy.Obligations) int {
	switch {
	case !o.ReleaseReview:
		return 0
	case o.SecondPerson:
		return 2
	}
	return 1
}

func graphView(g analysis.Graph) *GraphView {
	if len(g.Nodes) == 0 {
		return nil
	}
	out := &GraphView{Nodes: []NodeView{}, Edges: []EdgeView{}}
	for _, n := range g.Nodes {
		out.Nodes = append(out.Nodes, NodeView{string(n.Kind), n.Name})
	}
	for _, e := range g.Edges {
		out.Edges = append(out.Edges, EdgeView{e.From, e.To, string(e.Kind)})
	}
	return out
}

// refusal explains why the statement of a run is refused: why has every reason.
func (e *Engine) refusal(r *run, why *Error) *Explanation {
	return &Explanation{Verdict: string(policy.Deny), Reasons: views(why.Details), Columns: []ColumnView{}, Outputs: []OutputView{}}
}

func views(details []Detail) []ReasonView {
	out := []ReasonView{}
	for _, d := range details {
		out = append(out, ReasonView{Code: d.Code, ZH: d.ZH, EN: d.EN, HintZH: d.HintZH, HintEN: d.HintEN,
			Articles: list(d.Articles), Span: d.Span, Path: d.Path})
	}
	return out
}

// viewsOf returns the reasons of an error, itself if it has no other.
func viewsOf(why *Error) []ReasonView {
	if len(why.Details) > 0 {
		return views(why.Details)
	}
	return views([]Detail{{Code: why.Code, ZH: why.ZH, EN: why.EN, HintZH: why.HintZH, HintEN: why.HintEN, Articles: why.Articles}})
}

// codesOfViews returns the codes of reasons, each once.
func codesOfViews(reasons []ReasonView) string {
	var codes []string
	for _, r := range reasons {
		if !slices.Contains(codes, r.Code) {
			codes = append(codes, r.Code)
		}
	}
	return clip(strings.Join(codes, " "))
}
