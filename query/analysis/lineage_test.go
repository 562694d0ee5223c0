package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
)

// sourcesOf returns the columns from which edges lead to the n-th output.
func sourcesOf(g analysis.Graph, n int) []string {
	at := -1
	for i, node := range g.Nodes {
		if node.Kind == analysis.OutputNode {
			if n--; n < 0 {
				at = i
				break
			}
		}
	}
	var out []string
	seen := map[int]bool{at: true}
	for next := []int{at}; len(next) > 0; {
		to := next[len(next)-1]
		next = next[:len(next)-1]
		if to >= 0 && g.Nodes[to].Kind == analysis.SourceNode {
			out = append(out, g.Nodes[to].Name)
		}
		for _, e := range g.Edges {
			if e.To == to && !seen[e.From] {
				seen[e.From] = true
				next = append(next, e.From)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func named(refs ...[]analysis.Ref) []string {
	var out []string
	for _, r := range slices.Concat(refs...) {
		out = append(out, r.Table+"."+r.Column)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The drawing shows for every output just the columns that its labels were judged
// by, and finds them in the rewrite itself.
func TestLineageShowsWhatTheLabelsSay(t *testing.T) {
	cat, recorded := catalog(t), trees(t)
	outputs, found, labels := 0, 0, 0
	for _, c := range cases(t) {
		if c.want != "allow" {
			continue
		}
		st, err := analyze(t, recorded, c.sql, cat)
		if err != nil {
			continue // another test tells
		}
		g := analysis.Lineage(st, cat)
		bare := *st
		bare.Outputs = slices.Clone(st.Outputs)
		for i := range bare.Outputs {
			bare.Outputs[i].Lineage, bare.Outputs[i].Control = nil, nil
		}
		unaided := analysis.Lineage(&bare, cat)
		for i, o := range st.Outputs {
			want := named(o.Lineage, o.Control)
			if got := sourcesOf(g, i); !slices.Equal(got, want) {
				t.Errorf("%s\n\tthe drawing leads from %q to %s, the labels say %q", c.sql, got, o.Name, want)
			}
			drawn := sourcesOf(unaided, i)
			outputs, labels = outputs+1, labels+len(want)
			for _, s := range want {
				if slices.Contains(drawn, s) {
					found++
				}
			}
		}
		for _, e := range g.Edges {
			if e.From < 0 || e.From >= len(g.Nodes) || e.To < 0 || e.To >= len(g.Nodes) || g.Nodes[e.To].Kind == analysis.SourceNode || g.Nodes[e.From].Kind == analysis.OutputNode {
				t.Errorf("%s\n\tedge %+v of %d nodes", c.sql, e, len(g.Nodes))
			}
		}
	}
	if outputs < 100 || found*100 < labels*97 {
		t.Errorf("of the columns behind %d outputs %d of %d were found in the rewrite, want nearly all", outputs, found, labels)
	}
}

// lines writes a graph one edge a line.
func lines(g analysis.Graph) string {
	var b strings.Builder
	for _, e := range g.Edges {
		arrow := "→"
		if e.Kind == analysis.ControlEdge {
			arrow = "⇢"
		}
		name := func(n analysis.Node) string { return strings.TrimSpace(string(n.Kind) + " " + n.Name) }
		fmt.Fprintf(&b, "%s %s %s\n", name(g.Nodes[e.From]), arrow, name(g.Nodes[e.To]))
	}
	return b.String()
}

func TestLineageOfAJoinOfGroups(t *testing.T) {
	cat := catalog(t)
	for _, c := range []struct{ sql, want string }{
		{"select avg(income) from visits", `source visits.income → operator avg
operator avg → operator ≥ 3
operator ≥ 3 → output avg(income)
`},
		{"select name from visits where cost > 5", `clause WHERE ⇢ rows
source visits.cost ⇢ clause WHERE
source visits.name → mask partial(1,0)
mask partial(1,0) → output name
rows ⇢ output name
`},
	} {
		st, err := analyze(t, trees(t), c.sql, cat)
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(analysis.Lineage(st, cat)); got != c.want {
			t.Errorf("%s\n%swant\n%s", c.sql, got, c.want)
		}
	}
}
