package policy_test

import (
	"fmt"
	"testing"

	"zonebox/policy"
)

// crowded returns the facts of a statement in a zone whose catalogue and grants hold
// so many columns: what a decision is given, of which it looks at what concerns it.
func crowded(t testing.TB, columns int) policy.Input {
	t.Helper()
	in := facts(t)
	model := in.Datasets["persons"]
	var column policy.Column
	for _, c := range in.Columns {
		column = c
	}
	grant := in.Grants[0]
	for d := range columns / 100 {
		name := fmt.Sprintf("other_%d", d)
		in.Datasets[name] = model
		g := grant
		g.ID, g.Dataset, g.Columns = "g-"+name, name, nil
		for c := range 100 {
			col := column
			col.Dataset, col.Name = name, fmt.Sprintf("c%d", c)
			in.Columns[name+"."+col.Name] = col
			g.Columns = append(g.Columns, policy.GrantColumn{Name: col.Name, Mode: "CLEAR"})
		}
		in.Grants = append(in.Grants, g)
	}
	return in
}

// BenchmarkDecideInAFullZone reports one decision where the zone's catalogue has
// 100,000 columns, all granted. Licenses are not among the facts of a decision but
// the one it is under: how many there are is the registry's matter.
func BenchmarkDecideInAFullZone(b *testing.B) {
	e, in := newEvaluator(b, policy.Config{}), crowded(b, 100_000)
	decides(b, e, in)
}
