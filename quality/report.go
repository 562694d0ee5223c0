package quality

import "time"

// Facts are what is known of a version besides its rows.
type Facts struct {
	Zone, Dataset, Version string
	Catalogue, Rules       int64 // versions of entry and rules; 0 if there are no rules
	Declared               int64 // rows of the provider's manifest; negative if unknown
	Unreadable             int64 // rows that lie in the store and could not be read
	Acquired               string
	Frequency              string
}

// Report closes the check. Besides the rules it measures what every dataset is
// measured by: that the entry's promises hold, that cells are filled, that the
// manifest is met, that the data are fresh, and that they can be read.
func (c *Checker) Report(f Facts, g Gate) *Report {
	r := &Report{Zone: f.Zone, Dataset: f.Dataset, Version: f.Version, At: c.now.UTC().Truncate(time.Second),
		Catalogue: f.Catalogue, RulesOf: f.Rules, Rows: c.rows}
	for i, rule := range c.plan.rules {
		n := c.counts[i]
		if rule.Metric == RowCount {
			n.n = c.rows
		}
		r.add(rule.Rule, n, c.rows)
	}
	cells := c.rows * int64(len(c.plan.columns))
	none := Test{Operator: MustBe}
	r.add(Rule{ID: "entry", Metric: Entry, Dimension: Conformity, Severity: Error, Test: none}, &count{n: c.empty, rows: c.gaps}, c.rows)
	r.add(Rule{ID: "filled", Metric: Filled, Dimension: Completeness, Severity: Info}, &count{n: cells - c.filled}, cells)
	if f.Declared >= 0 {
		r.add(Rule{ID: "manifest", Metric: Manifest, Dimension: Consistency, Severity: Error, Test: none}, &count{n: abs(c.rows - f.Declared)}, max(c.rows, f.Declared))
	}
	if period, ok := Period(f.Frequency); ok {
		if age, ok := Age(f.Acquired, c.now); ok {
			r.add(Rule{ID: "freshness", Metric: Freshness, Dimension: Timeliness, Severity: Warning, Test: none}, &count{n: max(0, age-period)}, period)
		}
	}
	r.add(Rule{ID: "readable", Metric: Readable, Dimension: Accessibility, Severity: Error, Test: none}, &count{n: f.Unreadable}, c.rows+f.Unreadable)
	r.score(g)
	return r
}

func abs(n int64) int64 { return max(n, -n) }

func (r *Report) add(rule Rule, n *count, base int64) {
	o := Outcome{ID: rule.ID, Path: rule.Path, Description: rule.Description, Dimension: rule.Dimension, Severity: rule.Severity, Metric: rule.Metric,
		Columns: rule.Columns, Test: rule.Test.String(), Percent: rule.Percent, Count: n.n, Base: base, Weight: rule.Severity.Weight(), Rows: n.rows, Unknown: n.unknown}
	for why, k := range n.reasons {
		if k > 0 {
			if o.Reasons == nil {
				o.Reasons = map[string]int64{}
			}
			o.Reasons[reasonNames[why]] = k
		}
	}
	o.measured(rule)
	r.Rules = append(r.Rules, o)
}
