package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// binding digests what an approval binds: every fact but the clock, the state
// of this host, what the person did before, who consents today, and the approvals
// themselves. Of
// the catalogue and the grants it takes the datasets the statement reads, so
// that another dataset's new version does not void the approval.
func (in Input) binding() string {
	in.Now, in.Runtime, in.History, in.Approvals, in.Capabilities = time.Time{}, nil, nil, nil, nil
	if in.Query != nil {
		elsewhere := func(dataset string) bool { return !slices.Contains(in.Query.Tables, dataset) }
		tables, columns := map[string]bool{}, map[string]Column{}
		for _, name := range in.Query.Tables {
			tables[name] = true
		}
		for name, c := range in.Columns {
			if tables[c.Dataset] {
				columns[name] = c
			}
		}
		in.Datasets, in.Columns, in.Grants = those(in.Datasets, tables), columns, slices.Clone(in.Grants)
		in.Grants = slices.DeleteFunc(in.Grants, func(g Grant) bool { return elsewhere(g.Dataset) })
		in.Restrictions = slices.DeleteFunc(slices.Clone(in.Restrictions), func(r Restriction) bool {
			name, _, _ := strings.Cut(r.Target, ".")
			away := in.Zone != nil && r.Target != in.Zone.ID && !slices.ContainsFunc(in.Supply, func(s Supply) bool { return s.FromZone == r.Target && !elsewhere(s.Dataset) })
			return r.Level == "dataset" && elsewhere(r.Target) || r.Level == "column" && elsewhere(name) || r.Level == "zone" && away
		})
		in.Supply = slices.DeleteFunc(slices.Clone(in.Supply), func(s Supply) bool { return elsewhere(s.Dataset) })
		in.Exceptions = slices.DeleteFunc(slices.Clone(in.Exceptions), func(x Exception) bool {
			return elsewhere(x.Dataset) || x.Scenario != "" && x.Scenario != in.Query.ScenarioID
		})
	}
	if in.Consent != nil { // whose rows they are differs by the day: that they are cut is what is approved
		c := *in.Consent
		c.RegistryVersion, c.WithdrawnAt = "", ""
		in.Consent = &c
	}
	in.Datasets = maps.Clone(in.Datasets)
	for name, d := range in.Datasets { // a day older is the clock's doing
		d.AgeDays = nil
		in.Datasets[name] = d
	}
	doc, err := json.Marshal(in)
	if err != nil {
		panic("policy: encode input: " + err.Error()) // Input holds only types that encode
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// Binding digests what an approval binds under the rules of e: an approval that was
// given under other rules is void, and so is one that was given while an exception
// was in force that is over.
func (e *Evaluator) Binding(in Input) string {
	if in.Zone != nil {
		day := in.Now.UTC().Add(time.Duration(e.packs[in.Zone.Pack].UTCOffsetMinutes) * time.Minute).Format(time.DateOnly)
		in.Exceptions = slices.DeleteFunc(slices.Clone(in.Exceptions), func(x Exception) bool { return day < x.From || day > x.Until })
	}
	sum := sha256.Sum256([]byte(e.hash + " " + in.binding()))
	return hex.EncodeToString(sum[:])
}
