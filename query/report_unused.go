package query

import (
	"context"
	"slices"

	"zonebox/audit"
	"zonebox/registry"
)

// UnusedReport lists what was granted and not read.
type UnusedReport struct {
	Period
	Grants []UnusedGrant `json:"grants"`
	// Forgotten are runs whose record was destroyed: what they read counts as unused.
	Forgotten int `json:"forgotten"`
}

// UnusedGrant is a grant in force with the columns that no finished run of its
// scenario read in the period.
type UnusedGrant struct {
	License  string   `json:"license"`
	Operator string   `json:"operator"`
	Scenario string   `json:"scenario"`
	Grant    string   `json:"grant"`
	Dataset  string   `json:"dataset"`
	Granted  int      `json:"granted"` // columns
	Runs     int      `json:"runs"`    // finished, of the scenario
	Unused   []string `json:"unused"`
}

// Unused reports which columns of the grants of today nobody read in a period, so that
// they can shrink (NJ24-13). It is for whom Use is for.
func (e *Engine) Unused(ctx context.Context, s Subject, p Period) (*UnusedReport, error) {
	r, err := e.reportFor(ctx, s, p, true)
	if err != nil {
		return nil, err
	}
	out, books := &UnusedReport{Period: p, Grants: []UnusedGrant{}}, e.newBooks()
	read, runs := map[string]bool{}, map[string]int{}
	err = e.entries(ctx, r, func(entry audit.Entry) error {
		if entry.Kind != "query.done" || entry.Fields[fieldCoarsens] != "" { // a reviewer's
			return nil
		}
		b, err := books.of(ctx, entry.Run)
		if b.forgotten {
			out.Forgotten++
		}
		runs[entry.Scenario]++
		for _, c := range b.columns {
			read[entry.Scenario+" "+c] = true
		}
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	licenses := map[string]registry.License{}
	err = e.each(ctx, registry.KindLicense, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.License](doc)
		licenses[doc.Name] = l
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	scenarios, err := e.licensesOf(ctx)
	if err != nil {
		return nil, asError(err)
	}
	err = e.each(ctx, registry.KindGrant, func(doc registry.Document) error {
		g, err := registry.SpecOf[registry.Grant](doc)
		if err != nil || g.Status == registry.StatusRevoked {
			return err
		}
		l := licenses[scenarios[g.Scenario]]
		if r.own != "" && l.Operator != r.own || r.own == "" && !r.all && !r.zones[l.Zone] || p.Zone != "" && l.Zone != p.Zone {
			return nil
		}
		u := UnusedGrant{License: scenarios[g.Scenario], Operator: l.Operator, Scenario: g.Scenario, Grant: doc.Name, Dataset: g.Dataset,
			Granted: len(g.Columns), Runs: runs[g.Scenario], Unused: []string{}}
		for _, c := range g.Columns {
			if !read[g.Scenario+" "+g.Dataset+"."+c.Name] {
				u.Unused = append(u.Unused, c.Name)
			}
		}
		out.Grants = append(out.Grants, u)
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	slices.SortFunc(out.Grants, func(a, b UnusedGrant) int {
		return slices.Compare([]string{a.License, a.Scenario, a.Grant}, []string{b.License, b.Scenario, b.Grant})
	})
	return out, nil
}
