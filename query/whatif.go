package query

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"zonebox/policy"
	"zonebox/registry"
)

// maxReplayed is how many decisions one what-if looks at.
const maxReplayed = 5000

// WhatIf asks what the decisions of a period would have been under drafts.
type WhatIf struct {
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`               // not included
	Documents string    `json:"documents,omitempty"` // License, Supply, Scenario, Grant, Partner or NegativeList, as apply reads them
	Bundle    []byte    `json:"bundle,omitempty"`    // signed or not
}

// WhatIfReport is what drafts would have changed. Every decision of the period is
// counted once: it is the same, or in Flips, or in Unknown, or in LeftOut.
type WhatIfReport struct {
	Digest  string    `json:"digest"` // of the drafts
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Same    int       `json:"same"`
	Flips   []Flip    `json:"flips"`
	Unknown []Flip    `json:"unknown"`  // whose facts cannot be rebuilt, and why
	LeftOut bool      `json:"left_out"` // older decisions of the period were not looked at
}

// Flip is a decision that would have been another.
type Flip struct {
	At       time.Time    `json:"at"`
	Run      string       `json:"run"`
	Action   string       `json:"action"`
	Operator string       `json:"operator"`
	Scenario string       `json:"scenario"`
	Columns  []string     `json:"columns"`
	Before   string       `json:"before"`
	Codes    []string     `json:"codes"` // of the reasons before
	After    string       `json:"after,omitempty"`
	Reasons  []ReasonView `json:"reasons,omitempty"` // after
	Why      string       `json:"why,omitempty"`     // it is unknown: REFUSED_BEFORE, ANALYSIS, FACTS or ENGINE
}

// WhatIf decides the recorded decisions of a period again under drafts and tells
// which would have been others. Nothing is executed and nothing changes.
//
// Recorded are the facts of the statement, the host, the clock, the catalogue and
// whoever asked; they are replayed as they were. Recomputed, by the code that fills
// them for a question, is what the drafts say. Reviews that were given count as
// given, and the parties of a drafted license as having signed. What would need the
// statement to be analyzed again is unknown, and so is what was refused before a
// decision.
func (e *Engine) WhatIf(ctx context.Context, s Subject, in WhatIf) (*WhatIfReport, error) {
	if !s.any(registry.RoleCityAuthority, registry.RoleZoneRegulator, registry.RoleAuditor) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if !in.From.Before(in.Until) || in.Documents == "" && len(in.Bundle) == 0 {
		return nil, BadRequest("须给出时段,以及文档草案或策略包草案", "give a period, and drafts of documents or of a bundle")
	}
	drafts, err := e.drafts(ctx, in)
	if err != nil {
		return nil, err
	}
	evaluator := e.policy()
	if len(in.Bundle) > 0 {
		b, err := policy.ReadDraft(in.Bundle)
		if err != nil {
			return nil, fail("POLICY_BUNDLE_REFUSED", err)
		}
		if evaluator, err = policy.New(ctx, policy.Config{Now: e.cfg.Now, Bundle: b}); err != nil {
			return nil, fail("POLICY_BUNDLE_REFUSED", err)
		}
	}
	recorded, err := e.registry.Decisions(ctx, in.From, in.Until, maxReplayed+1)
	if err != nil {
		return nil, asError(err)
	}
	sum := sha256.Sum256(append([]byte(in.Documents+"\x00"), in.Bundle...))
	out := &WhatIfReport{Digest: hex.EncodeToString(sum[:]), From: in.From, Until: in.Until, Flips: []Flip{}, Unknown: []Flip{}}
	if out.LeftOut = len(recorded) > maxReplayed; out.LeftOut {
		recorded = recorded[1:]
	}
	for _, d := range recorded {
		if !s.any(registry.RoleCityAuthority, registry.RoleAuditor) && !e.competent(ctx, s, d.Zone) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fail("STOPPED", err)
		}
		e.replay(ctx, evaluator, drafts, d, out)
	}
	slices.SortStableFunc(out.Flips, func(a, b Flip) int {
		return cmp.Or(cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Scenario, b.Scenario))
	})
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "policy.whatif", Actor: s.user, Fields: map[string]string{"org": s.organization, "digest": out.Digest,
			"from": in.From.UTC().Format(time.RFC3339), "until": in.Until.UTC().Format(time.RFC3339),
			"decisions": strconv.Itoa(out.Same + len(out.Flips) + len(out.Unknown)), "flips": strconv.Itoa(len(out.Flips))}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// replay puts one recorded decision into the report.
func (e *Engine) replay(ctx context.Context, evaluator *policy.Evaluator, drafts *drafts, d registry.RecordedDecision, out *WhatIfReport) {
	f := Flip{At: d.At, Run: d.Run, Action: d.Action, Operator: d.Operator, Scenario: d.Scenario, Columns: []string{}, Before: d.Verdict, Codes: list(d.Codes)}
	unknown := func(why string) {
		f.Why = why
		out.Unknown = append(out.Unknown, f)
	}
	if d.Input == nil {
		f.Before = string(policy.Deny)
		unknown("REFUSED_BEFORE")
		return
	}
	in, err := inputOf(d)
	if err != nil {
		unknown("FACTS")
		return
	}
	if in.Query != nil {
		used := slices.Concat(in.Query.ColumnsRead, in.Query.FilterCols, in.Query.JoinCols, in.Query.GroupCols)
		slices.Sort(used)
		f.Columns = append(f.Columns, slices.Compact(used)...)
	}
	if why := drafts.put(e, &in, f.Columns); why != "" {
		unknown(why)
		return
	}
	after, err := evaluator.Replay(ctx, in, d.Binding)
	if err != nil {
		unknown("ENGINE")
		return
	}
	if string(after.Verdict) == d.Verdict {
		out.Same++
		return
	}
	f.After, f.Reasons = string(after.Verdict), reasonViews(after.Reasons)
	out.Flips = append(out.Flips, f)
}

// drafts are documents to be put in place of those that were in force.
type drafts struct {
	licenses  map[string]registry.License
	scenarios map[string]registry.Scenario
	grants    map[string]registry.Grant
	supplies  map[string]registry.Supply
	partners  map[string]registry.Partner
	negative  []registry.Versioned[registry.NegativeList] // all lists with the drafts; nil if none is drafted
	datasets  map[string]registry.Dataset                 // as they are now, for the lists
	people    map[string]string                           // recipients of the scenarios that may receive, with their organizations
}

// drafts reads the drafts of a what-if.
func (e *Engine) drafts(ctx context.Context, in WhatIf) (*drafts, error) {
	d := &drafts{licenses: map[string]registry.License{}, scenarios: map[string]registry.Scenario{}, grants: map[string]registry.Grant{},
		supplies: map[string]registry.Supply{}, partners: map[string]registry.Partner{}, datasets: map[string]registry.Dataset{}, people: map[string]string{}}
	if in.Documents == "" {
		return d, nil
	}
	docs, err := registry.Decode(bytes.NewReader([]byte(in.Documents)))
	if err != nil {
		return nil, documentError(err)
	}
	lists := map[string]registry.NegativeList{}
	for _, doc := range docs {
		switch doc.Kind {
		case registry.KindLicense:
			d.licenses[doc.Name], err = registry.SpecOf[registry.License](doc)
		case registry.KindScenario:
			d.scenarios[doc.Name], err = registry.SpecOf[registry.Scenario](doc)
			for _, name := range d.scenarios[doc.Name].Recipients {
				if p, gone := e.registry.Person(ctx, name); gone == nil {
					d.people[name] = p.Organization
				}
			}
		case registry.KindGrant:
			d.grants[doc.Name], err = registry.SpecOf[registry.Grant](doc)
		case registry.KindPartner:
			d.partners[doc.Name], err = registry.SpecOf[registry.Partner](doc)
		case registry.KindSupply:
			d.supplies[doc.Name], err = registry.SpecOf[registry.Supply](doc)
		case registry.KindNegativeList:
			lists[doc.Name], err = registry.SpecOf[registry.NegativeList](doc)
		default:
			return nil, BadRequest("草案须为 License、Supply、Scenario、Grant、Partner 或 NegativeList", "a draft is a License, Supply, Scenario, Grant, Partner or NegativeList")
		}
		if err != nil {
			return nil, asError(err)
		}
	}
	if len(lists) == 0 {
		return d, nil
	}
	err = e.each(ctx, registry.KindNegativeList, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.NegativeList](doc)
		if _, drafted := lists[doc.Name]; !drafted {
			d.negative = append(d.negative, registry.Versioned[registry.NegativeList]{Name: doc.Name, Spec: l})
		}
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	for name, l := range lists {
		d.negative = append(d.negative, registry.Versioned[registry.NegativeList]{Name: name, Spec: l})
	}
	err = e.each(ctx, registry.KindDataset, func(doc registry.Document) (err error) {
		d.datasets[doc.Name], err = registry.SpecOf[registry.Dataset](doc)
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	return d, nil
}

// put puts the drafts in place of what in holds, and returns why that cannot be told
// of a statement that uses the columns; "" if it can.
func (d *drafts) put(e *Engine, in *policy.Input, columns []string) string {
	if in.License != nil {
		if l, ok := d.licenses[in.License.ID]; ok {
			now := e.policyFacts(in.Action, registry.Facts{License: registry.LicenseFacts{Versioned: registry.Versioned[registry.License]{Name: in.License.ID, Spec: l}}}).License
			now.Signatures = in.License.Signatures
			in.License = now
		}
	}
	if in.Subject != nil && in.Subject.Partner != nil {
		if p, ok := d.partners[in.Subject.Partner.ID]; ok {
			subject := *in.Subject
			subject.Partner = partnerFacts(registry.Versioned[registry.Partner]{Name: subject.Partner.ID, Spec: p})
			in.Subject = &subject
		}
	}
	if in.Scenario != nil {
		if s, ok := d.scenarios[in.Scenario.ID]; ok {
			if in.License == nil || s.License != in.License.ID {
				return "FACTS" // of a license that was not read
			}
			now := e.policyFacts(in.Action, registry.Facts{Scenario: registry.Versioned[registry.Scenario]{Name: in.Scenario.ID, Spec: s}}).Scenario
			for _, name := range s.Recipients {
				if org, ok := d.people[name]; ok && (org == in.License.Operator || org == in.Subject.Org) {
					now.Recipients = append(now.Recipients, name)
				}
			}
			in.Scenario = now
		}
	}
	if why := d.putGrants(in, columns); why != "" {
		return why
	}
	if why := d.putSupplies(in); why != "" {
		return why
	}
	return d.putLists(in)
}

// putSupplies replaces the supplies that are drafted. Their zones are as they were, and
// who agreed counts as having agreed.
func (d *drafts) putSupplies(in *policy.Input) string {
	var supplies []policy.Supply
	left := maps.Clone(d.supplies)
	for _, old := range in.Supply {
		if s, ok := left[old.ID]; ok {
			delete(left, old.ID)
			if s.Status == registry.StatusRevoked {
				continue
			}
			old.Columns, old.From, old.Until = list(s.Columns), s.From, s.Until
		}
		supplies = append(supplies, old)
	}
	in.Supply = supplies
	for _, s := range left {
		if in.Zone != nil && s.ToZone == in.Zone.ID && in.Query != nil && slices.Contains(in.Query.Tables, s.Dataset) {
			return "FACTS"
		}
	}
	return ""
}

// putGrants replaces the grants that are drafted. Another mode, recipe or permission
// of a column that is used would have changed what the analysis found.
func (d *drafts) putGrants(in *policy.Input, columns []string) string {
	in.Grants = slices.Clone(in.Grants)
	known := map[string]bool{}
	for i, old := range in.Grants {
		known[old.ID] = true
		g, ok := d.grants[old.ID]
		if !ok {
			continue
		}
		now := grantFacts(registry.GrantFacts{Versioned: registry.Versioned[registry.Grant]{Name: old.ID, Spec: g}})
		now.EntryChanged, now.Regulator, now.Provider = old.EntryChanged, old.Regulator, old.Provider
		for _, c := range old.Columns {
			if !slices.Contains(columns, old.Dataset+"."+c.Name) {
				continue
			}
			at := slices.IndexFunc(now.Columns, func(n policy.GrantColumn) bool { return n.Name == c.Name })
			if at >= 0 && (now.Columns[at].Mode != c.Mode || now.Columns[at].Recipe != c.Recipe || !slices.Equal(now.Columns[at].Permissions, c.Permissions)) {
				return "ANALYSIS"
			}
		}
		in.Grants[i] = now
	}
	for name, g := range d.grants {
		if !known[name] && in.Scenario != nil && g.Scenario == in.Scenario.ID && in.Query != nil && slices.Contains(in.Query.Tables, g.Dataset) {
			return "ANALYSIS" // it would have read other columns, or two grants of one dataset
		}
	}
	return ""
}

// putLists says of every dataset and column whether the negative lists name it.
func (d *drafts) putLists(in *policy.Input) string {
	if d.negative == nil {
		return ""
	}
	datasets, columns := map[string]policy.Dataset{}, map[string]policy.Column{}
	for name, old := range in.Datasets {
		spec, ok := d.datasets[name]
		if !ok {
			return "FACTS"
		}
		whole, _ := registry.Listed(d.negative, name, spec)
		old.NegativeListed = &whole
		datasets[name] = old
	}
	for name, old := range in.Columns {
		spec, ok := d.datasets[old.Dataset]
		if !ok {
			return "FACTS"
		}
		whole, listed := registry.Listed(d.negative, old.Dataset, spec)
		is := whole || slices.Contains(listed, old.Name)
		old.NegativeListed = &is
		columns[name] = old
	}
	in.Datasets, in.Columns = datasets, columns
	return ""
}
