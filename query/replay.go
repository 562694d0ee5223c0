package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
)

// replaying decides recorded decisions again.
type replaying struct {
	engine    *Engine
	evaluator *policy.Evaluator
	past      *registry.Past // nil if no document is drafted
	known     map[moment]*pair
}

// moment is what facts are asked for, in a state of the registry.
type moment struct {
	state                              int64
	delivery                           bool
	user, zone, scenario, template, by string
}

// pair is what the registry said when something was decided, and what it would have
// said under the drafts. By is who signed the delivery, if anybody.
type pair struct {
	before, after       registry.Facts
	refused             *Error // the drafts let nobody get as far as a decision
	unread              bool   // the drafts name what was not there then
	byBefore, byAfter   registry.Person
	byMissing, byUnmade bool // nobody of that name before, and after
}

// replay puts one recorded decision into the report. The error is of the registry.
func (r *replaying) replay(ctx context.Context, d registry.RecordedDecision, out *WhatIfReport) error {
	f := Flip{At: d.At, Run: d.Run, Action: d.Action, Operator: d.Operator, Scenario: d.Scenario, Columns: []string{}, Before: d.Verdict, Codes: list(d.Codes)}
	unknown := func(why string, about ...string) error {
		f.Why, f.About = why, about
		out.Unknown = append(out.Unknown, f)
		return nil
	}
	if d.Input == nil {
		f.Before = string(policy.Deny)
		return unknown(WhyRefused)
	}
	raw, err := unpacked(d)
	if err != nil {
		return unknown(WhyFacts)
	}
	// What was denied because facts were missing then is denied for it again.
	if !slices.Contains(d.Codes, "FACT_MISSING") {
		if missing := r.evaluator.Missing(raw); len(missing) > 0 {
			return unknown(WhyRecorded, missing...)
		}
	}
	in, err := inputOf(raw)
	if err != nil {
		return unknown(WhyFacts)
	}
	f.Columns = append(f.Columns, columnsOf(in)...)
	var refused *Error
	changed := false
	switch {
	case r.past == nil:
		changed = r.threshold(r.engine.policy(), in.Zone) != r.threshold(r.evaluator, in.Zone)
	case d.Revision == 0:
		return unknown(WhyRecorded, "revision")
	default:
		p, err := r.facts(ctx, d, in)
		if err != nil {
			return err
		}
		if p == nil || p.unread || !same(r.restated(in, p.before, p, false), in) {
			return unknown(WhyFacts)
		}
		if refused = p.refused; refused == nil {
			if changed, refused = r.differs(in, p); refused == nil {
				in = r.restated(in, p.after, p, true)
			}
		}
	}
	if refused != nil {
		return r.tell(f, d, policy.Deny, viewsOf(refused), out)
	}
	if changed {
		if in.Query == nil {
			return unknown(WhyAnalysis)
		}
		in = leastOf(in)
	}
	after, err := r.evaluator.Replay(ctx, in, d.Binding)
	if err != nil {
		return unknown(WhyEngine)
	}
	if changed && after.Verdict != policy.Deny {
		return unknown(WhyAnalysis)
	}
	return r.tell(f, d, after.Verdict, reasonViews(after.Reasons), out)
}

// tell counts a decision that is known.
func (r *replaying) tell(f Flip, d registry.RecordedDecision, after policy.Verdict, reasons []ReasonView, out *WhatIfReport) error {
	if string(after) == d.Verdict {
		out.Same++
		return nil
	}
	f.After, f.Reasons = string(after), reasons
	out.Flips = append(out.Flips, f)
	return nil
}

// columnsOf returns what a decision was about.
func columnsOf(in policy.Input) []string {
	var used []string
	switch {
	case in.Query != nil:
		used = slices.Concat(in.Query.ColumnsRead, in.Query.FilterCols, in.Query.JoinCols, in.Query.GroupCols)
	case in.Preview != nil:
		used = list(in.Preview.Columns)
	case in.Load != nil:
		used = []string{in.Load.Dataset}
	}
	slices.Sort(used)
	return slices.Compact(used)
}

// facts reads the registry as it was when d was decided, without the drafts and with
// them. It returns nil if that cannot be read.
func (r *replaying) facts(ctx context.Context, d registry.RecordedDecision, in policy.Input) (*pair, error) {
	state, err := r.past.State(ctx, d.Revision)
	if err != nil {
		return nil, err
	}
	key := moment{state, in.Load != nil, d.User, d.Zone, d.Scenario, d.Template, ""}
	if in.Load != nil && in.Load.Signature != nil {
		key.by = in.Load.Signature.By
	}
	if p, ok := r.known[key]; ok {
		return p, nil
	}
	p, err := r.read(ctx, key)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, registry.ErrInactive):
		p = nil
	case err != nil:
		return nil, err
	}
	r.known[key] = p
	return p, nil
}

func (r *replaying) read(ctx context.Context, key moment) (*pair, error) {
	p := &pair{}
	q := registry.Query{User: key.user, Zone: key.zone, Scenario: key.scenario, Template: key.template}
	person := func() (registry.Person, bool, error) {
		if key.by == "" {
			return registry.Person{}, true, nil
		}
		who, err := r.past.Person(ctx, key.by)
		if errors.Is(err, registry.ErrNotFound) {
			return who, true, nil
		}
		return who, false, err
	}
	err := r.past.At(ctx, key.state)
	if err == nil {
		p.before, err = r.past.Facts(ctx, q)
	}
	if err == nil {
		p.byBefore, p.byMissing, err = person()
	}
	if err == nil {
		err = r.past.Drafted(ctx)
	}
	if err == nil {
		p.byAfter, p.byUnmade, err = person()
	}
	if err != nil {
		return nil, err
	}
	if !key.delivery { // whose manifest names the zone
		q.Zone, err = r.past.Zone(ctx, key.scenario)
	}
	if err == nil {
		p.after, err = r.past.Facts(ctx, q)
	}
	switch {
	case errors.Is(err, registry.ErrNotFound):
		p.unread, err = true, nil
	case errors.Is(err, registry.ErrInactive):
		p.refused, err = fail("AUTH_FAILED", nil), nil
	}
	return p, err
}

// restated returns in with the registry's facts being f: those of p without the drafts,
// or with them.
func (r *replaying) restated(in policy.Input, f registry.Facts, p *pair, drafted bool) policy.Input {
	out := r.engine.policyFacts(in.Action, about(f, datasetsOf(in)))
	out.Now, out.Query, out.Template, out.Consent, out.Masking, out.History, out.Output = in.Now, in.Query, in.Template, in.Consent, in.Masking, in.History, in.Output
	out.Load, out.Change, out.Preview, out.Approvals, out.Runtime, out.Capabilities = in.Load, in.Change, in.Preview, in.Approvals, in.Runtime, in.Capabilities
	for name, d := range out.Datasets { // their age is the clock's
		if old := in.Datasets[name]; old.Version == d.Version {
			d.AgeDays = old.AgeDays
			out.Datasets[name] = d
		}
	}
	if in.Operator == nil {
		out.Operator = nil
	}
	if in.License == nil {
		out.License = nil
	}
	if in.Scenario == nil {
		out.Scenario = nil
	}
	if in.Template != nil && f.Template != nil {
		pack, _ := r.evaluator.Pack(f.Zone.Spec.Pack)
		out.Template = templateFacts(f.Template, pack, in.Now)
	}
	switch {
	case in.Load != nil:
		l := *in.Load
		grant, _ := grantOf(f, l.Manifest.Grant)
		out.Grants = slices.DeleteFunc(out.Grants, func(g policy.Grant) bool { return g.ID != l.Manifest.Grant })
		if d, ok := datasetOf(f, l.Dataset); ok {
			enterFacts(&l, f.Zone.Spec, grant, d)
			if schema := d.Spec.SchemaSHA256(); drafted && l.Found != nil {
				found := *l.Found
				found.SchemaSHA256 = schema
				l.Found = &found
			}
		}
		if drafted {
			l.Repeats = slices.DeleteFunc(slices.Clone(l.Repeats), func(s string) bool { return slices.Contains(grant.Repeats, s) })
			if l.Signature != nil && !p.byUnmade {
				s := *l.Signature
				s.Org, s.Roles = p.byAfter.Organization, p.byAfter.Roles
				s.Valid = s.Valid && p.byAfter.Status == p.byBefore.Status && p.byAfter.SigningKey == p.byBefore.SigningKey
				l.Signature = &s
			}
		}
		out.Load = &l
	case in.Preview != nil && drafted:
		v := *in.Preview
		if d, ok := datasetOf(f, v.Dataset); ok {
			raw, _ := subjectOf(f).sees(d.Spec.Provider, f.Zone.Spec.Regulator, v.Grant)
			v.Raw = &raw
		}
		if g, ok := grantOf(f, v.Grant); ok {
			v.Columns = nil
			for _, c := range g.Columns {
				if c.Recipe != nil {
					v.Columns = append(v.Columns, v.Dataset+"."+c.Name)
				}
			}
		}
		out.Preview = &v
	}
	return out
}

// differs reports whether the drafts change what the statement is analyzed over, or the
// delivery is read by; or else why nobody would get as far as a decision.
func (r *replaying) differs(in policy.Input, p *pair) (bool, *Error) {
	switch {
	case in.Load != nil:
		return p.rereads(in.Load), nil
	case in.Preview != nil:
		d, ok := datasetOf(p.after, in.Preview.Dataset)
		_, given := grantOf(p.after, in.Preview.Grant)
		if !ok || d.Data == nil || in.Preview.Grant != "" && !given {
			return false, fail("NOT_FOUND", nil)
		}
		if _, sees := subjectOf(p.after).sees(d.Spec.Provider, p.after.Zone.Spec.Regulator, in.Preview.Grant); !sees {
			return false, fail("ROLE_REQUIRED", nil)
		}
		return false, nil
	}
	if subjectOf(p.after).stranger(p.after) {
		return false, fail("NOT_FOUND", nil)
	}
	before, _ := r.engine.policy().Pack(p.before.Zone.Spec.Pack)
	after, err := r.evaluator.Pack(p.after.Zone.Spec.Pack)
	if err != nil {
		return false, asError(err)
	}
	if in.Template != nil {
		now, was := p.after.Template, p.before.Template
		if now == nil || was == nil {
			return false, fail("NOT_FOUND", nil)
		}
		if in.Action == policy.ActionQuery && !*templateFacts(now, after, in.Now).InForce {
			return false, fail("TEMPLATE_NOT_IN_FORCE", nil)
		}
		if now.Spec.SQL != was.Spec.SQL || !reflect.DeepEqual(now.Spec.Parameters, was.Spec.Parameters) {
			return true, nil
		}
	}
	old, err := newCatalog(p.before, before, in.Now)
	if err != nil {
		return true, nil
	}
	now, err := newCatalog(p.after, after, in.Now)
	if err != nil {
		return false, asError(err)
	}
	used := columnsOf(in)
	for _, name := range in.Query.Tables {
		if old.byConsent(name) != now.byConsent(name) || !reflect.DeepEqual(old.seen(name, before, in.Query, used), now.seen(name, after, in.Query, used)) {
			return true, nil
		}
	}
	return before.LevelThreshold != after.LevelThreshold, nil
}

// seen is a table as a statement is analyzed over it: of the levels it matters which
// are protected, and of columns of a table of personal information that it does
// not name, nothing else.
func (c *catalog) seen(name string, pack policy.Pack, q *policy.Query, used []string) analysis.Table {
	i := slices.IndexFunc(c.Tables, func(t analysis.Table) bool { return t.Name == name })
	if i < 0 {
		return analysis.Table{}
	}
	t := c.Tables[i]
	t.Columns = slices.Clone(t.Columns)
	for i, col := range t.Columns {
		if col.Level >= 1 && col.Level < pack.LevelThreshold {
			col.Level = 1
		} else {
			col.Level = pack.LevelThreshold
		}
		if !q.Star && *q.Protected && t.Personal && !slices.Contains(used, name+"."+col.Name) {
			col = analysis.Column{Name: col.Name, Level: col.Level}
		}
		t.Columns[i] = col
	}
	return t
}

// rereads reports whether under the drafts something would count that only the delivery
// itself tells: what else it repeats, whether it fits another entry, or who signed it.
func (p *pair) rereads(l *policy.Load) bool {
	was, _ := grantOf(p.before, l.Manifest.Grant)
	now, _ := grantOf(p.after, l.Manifest.Grant)
	if slices.ContainsFunc(was.Repeats, func(s string) bool { return !slices.Contains(now.Repeats, s) }) {
		return true
	}
	if old, ok := datasetOf(p.before, l.Dataset); ok {
		if d, ok := datasetOf(p.after, l.Dataset); ok && d.Spec.SchemaSHA256() != old.Spec.SchemaSHA256() && d.Spec.SchemaSHA256() == l.Manifest.SchemaSHA256 {
			return true
		}
	}
	if l.Signature == nil || l.Signature.Valid || p.byUnmade {
		return false
	}
	return p.byMissing || p.byAfter.Status != p.byBefore.Status || p.byAfter.SigningKey != p.byBefore.SigningKey
}

// leastOf returns what any analysis would find of the statement of in: the datasets and
// columns that it names. What is denied of that is denied of more.
func leastOf(in policy.Input) policy.Input {
	q, protected := *in.Query, true
	q.Outputs, q.Protected = []policy.QueryOutput{}, &protected
	if q.Star {
		q.ColumnsRead = []string{}
	}
	in.Action, in.Query, in.Output, in.Approvals = policy.ActionQuery, &q, nil, nil
	in.Runtime = &policy.Runtime{EngineHardened: true, NetworkNone: true, ExtensionsLocked: true, SpillEncrypted: true, // a release has no worker
		BinarySHA256: in.Runtime.BinarySHA256, AuditWritable: in.Runtime.AuditWritable, ClockOK: in.Runtime.ClockOK}
	masking := *in.Masking
	masking.Recipes = []policy.Recipe{}
	for _, g := range in.Grants {
		for _, c := range g.Columns {
			if c.Recipe != "" {
				masking.Recipes = append(masking.Recipes, policy.Recipe{Column: g.Dataset + "." + c.Name, Recipe: c.Recipe})
			}
		}
	}
	in.Masking = &masking
	return in
}

// threshold is the level from which columns of a zone are protected under rules, 0 if
// they have no such pack.
func (r *replaying) threshold(rules *policy.Evaluator, z *policy.Zone) int {
	if z == nil {
		return 0
	}
	pack, _ := rules.Pack(z.Pack)
	return pack.LevelThreshold
}

// datasetsOf returns the datasets that a decision was about.
func datasetsOf(in policy.Input) map[string]bool {
	switch {
	case in.Load != nil:
		return map[string]bool{in.Load.Dataset: true}
	case in.Preview != nil:
		return map[string]bool{in.Preview.Dataset: true}
	}
	return in.Query.Datasets()
}

func grantOf(f registry.Facts, name string) (registry.Grant, bool) {
	i := slices.IndexFunc(f.Grants, func(g registry.GrantFacts) bool { return g.Name == name })
	if i < 0 {
		return registry.Grant{}, false
	}
	return f.Grants[i].Spec, true
}

func datasetOf(f registry.Facts, name string) (registry.DatasetFacts, bool) {
	i := slices.IndexFunc(f.Datasets, func(d registry.DatasetFacts) bool { return d.Name == name })
	if i < 0 {
		return registry.DatasetFacts{}, false
	}
	return f.Datasets[i], true
}

// subjectOf is who asked, as the facts have the person.
func subjectOf(f registry.Facts) Subject {
	return Subject{user: f.Subject.Name, organization: f.Subject.Spec.Organization, roles: f.Subject.Spec.Roles}
}

// same reports whether two inputs state the same facts.
func same(a, b policy.Input) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// inputOf returns recorded facts. Facts of another release are none of this one.
func inputOf(raw []byte) (in policy.Input, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, fmt.Errorf("query: recorded facts of another release")
	}
	return in, nil
}
