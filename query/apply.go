package query

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"zonebox/keys"
	"zonebox/registry"
)

// Apply puts documents into force, all or none. The registry checks shape,
// role, signatures and references; policy decides what a license or catalogue
// entry may say under the zone's pack; a new zone gets its keys.
func (e *Engine) Apply(ctx context.Context, s Subject, body io.Reader) ([]Applied, error) {
	docs, err := registry.Decode(body)
	if err != nil {
		return nil, documentError(err)
	}
	var done []Applied
	if err = e.readable(ctx, s, docs); err == nil {
		err = e.fit(ctx, s, docs)
	}
	if err == nil {
		done, err = e.apply(ctx, s.user, docs)
	}
	if err != nil {
		return nil, e.refusedDocuments(ctx, s, docs, asError(err))
	}
	return done, nil
}

// refusedDocuments records a refusal of documents and returns it.
func (e *Engine) refusedDocuments(ctx context.Context, s Subject, docs []registry.Document, refused *Error) error {
	if refused.Class != ClassDenied {
		return refused
	}
	err := e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "documents.refused", Actor: s.user, Fields: map[string]string{
			"reasons": codesOf(refused), "documents": fmt.Sprint(len(docs)), "org": s.organization}})
	})
	if err != nil {
		return asError(err)
	}
	return refused
}

// fit refuses documents that do not fit what they speak of: columns that a recipe
// does not mask, rules that cannot be checked, entries that nobody ruled on.
func (e *Engine) fit(ctx context.Context, s Subject, docs []registry.Document) error {
	if err := e.recipesFit(ctx, s, docs); err != nil {
		return err
	}
	if err := e.rulesFit(ctx, s, docs); err != nil {
		return err
	}
	return e.unruled(ctx, s, docs)
}

// mayApply refuses licenses, what stands on them, entries and exceptions that the zone's
// pack does not allow.
func (e *Engine) mayApply(ctx context.Context, by string, docs []registry.Document) error {
	for _, d := range docs {
		if d.Kind == registry.KindLicense {
			if err := e.mayActivate(ctx, by, d, docs); err != nil {
				return err
			}
		}
		if d.Kind == registry.KindGrant {
			if err := e.mayGrant(ctx, by, d, docs); err != nil {
				return err
			}
		}
		if err := e.mayBegin(ctx, d, docs); err != nil {
			return err
		}
		if d.Kind == registry.KindScenario {
			if err := e.mayPursue(ctx, by, d, docs); err != nil {
				return err
			}
		}
		var faults []registry.Fault
		var err error
		switch d.Kind {
		case registry.KindDataset:
			faults, err = e.packFaults(ctx, d, docs)
		case registry.KindException:
			faults, err = e.exceptionFaults(ctx, d, docs)
		}
		if err != nil {
			return asError(err)
		}
		if len(faults) > 0 {
			return documentError(&registry.Refusal{Faults: faults})
		}
	}
	return nil
}

func (e *Engine) apply(ctx context.Context, by string, docs []registry.Document) ([]Applied, error) {
	if err := e.mayApply(ctx, by, docs); err != nil {
		return nil, err
	}
	if err := e.ready(ctx); err != nil {
		return nil, asError(err)
	}
	began := time.Now()
	done, reports, err := e.applyDocuments(ctx, by, docs)
	if err != nil {
		return nil, documentError(err)
	}
	return e.appliedNow(ctx, done, docs, began, reports)
}

// appliedNow has the engine act on what the registry took, and tells of it.
func (e *Engine) appliedNow(ctx context.Context, done []registry.Applied, docs []registry.Document, began time.Time, reports map[registry.Ref]*Ended) ([]Applied, error) {
	if err := e.inForce(ctx, done, docs, began, reports); err != nil {
		return nil, err
	}
	out := []Applied{}
	for _, a := range done {
		v := Applied{Kind: a.Kind, Name: a.Name, Version: a.Version, Changed: a.Changed,
			Stopped: reports[registry.Ref{Kind: a.Kind, Name: a.Name, Version: a.Version}]}
		if !a.Effective.IsZero() {
			v.Effective = &a.Effective
		}
		out = append(out, v)
	}
	return out, nil
}

// inForce has the engine act on documents that came into force: runs that stand on
// what was overtaken end, what was kept of it is evicted, the log is told. reports
// are of what waited, by document, and are completed by what ran.
func (e *Engine) inForce(ctx context.Context, done []registry.Applied, docs []registry.Document, began time.Time, reports map[registry.Ref]*Ended) error {
	done = slices.DeleteFunc(slices.Clone(done), func(a registry.Applied) bool { return !a.Effective.IsZero() })
	ended := e.overtake(ctx, done, docs)
	err := e.flush(ctx)
	if len(reports) > 0 {
		reap(began, ended, reports)
	}
	if err != nil {
		return asError(err)
	}
	if len(done) == 0 {
		return nil
	}
	if slices.ContainsFunc(docs, func(d registry.Document) bool { return d.Kind == registry.KindLicense }) {
		if err := e.lapseRequests(ctx); err != nil {
			return asError(err)
		}
	}
	// Whoever lost a role is to be known to have lost it whatever state of the registry
	// is restored. Should it fail, the next start does it.
	if slices.ContainsFunc(docs, func(d registry.Document) bool { return d.Kind == registry.KindPerson }) {
		if err := e.remember(ctx); err != nil {
			e.log.ErrorContext(ctx, "the key folder was not told who may take a restored state up", "cause", err)
		}
	}
	// A zone gets its keys once its document stands. If that fails here, nothing
	// can be loaded until the document is applied again.
	for _, d := range docs {
		if d.Kind == registry.KindZone {
			if err := e.keys.CreateZone(d.Name); err != nil && !errors.Is(err, keys.ErrExists) {
				return asError(err)
			}
		}
	}
	return nil
}

// recipesFit refuses a grant with a recipe that no column of that type can be
// masked by: no statement of its scenario could be answered. What is revoked need
// not fit.
func (e *Engine) recipesFit(ctx context.Context, s Subject, docs []registry.Document) error {
	for _, d := range docs {
		if d.Kind != registry.KindGrant {
			continue
		}
		if err := e.recipesOf(ctx, s, d, docs); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) recipesOf(ctx context.Context, s Subject, doc registry.Document, batch []registry.Document) error {
	g, err := registry.SpecOf[registry.Grant](doc)
	if err != nil || g.Status == registry.StatusRevoked {
		return err
	}
	data, err := find[registry.Dataset](ctx, lookup{e, batch}, registry.KindDataset, g.Dataset)
	if errors.Is(err, registry.ErrNotFound) {
		return nil // the registry names the missing reference
	}
	if err != nil {
		return asError(err)
	}
	if s.any(registry.RoleOperator) { // it learns no types of a catalogue that it does not see
		if r, err := e.reach(ctx, s.organization); err != nil || !r.catalogued(g.Dataset, data) {
			return err
		}
	}
	refusal := &registry.Refusal{}
	for i, c := range g.Columns {
		at := slices.IndexFunc(data.Columns, func(col registry.Column) bool { return col.Name == c.Name })
		if c.Recipe == nil || at < 0 || recipeOf(c.Recipe).Validate(data.Columns[at].Type) == nil {
			continue
		}
		refusal.Faults = append(refusal.Faults, registry.Fault{Code: registry.CodeScope, Kind: doc.Kind, Name: doc.Name, Path: fmt.Sprintf("/spec/columns/%d/recipe", i),
			ZH:      fmt.Sprintf("列 %s 的类型为 %s,不能以该方式脱敏;请改用其他方式或参数", c.Name, data.Columns[at].Type),
			EN:      fmt.Sprintf("column %s is of type %s, which this recipe does not mask; name another, or other parameters", c.Name, data.Columns[at].Type),
			Article: "NJ24-14"})
	}
	if len(refusal.Faults) > 0 {
		return documentError(refusal)
	}
	return nil
}

// documentError maps the registry's refusal of documents, every fault of it.
func documentError(err error) error {
	var refusal *registry.Refusal
	if !errors.As(err, &refusal) {
		return asError(err)
	}
	out := fail("DOCUMENT_REFUSED", nil)
	for _, f := range refusal.Faults {
		place := strings.TrimSpace(f.Kind + " " + f.Name + " " + f.Path)
		article := cmp.Or(f.Article, codes[out.Code].articles[0]) // of a fault of shape: where documents are asked for
		if !slices.Contains(out.Articles, article) {
			out.Articles = append(out.Articles, article)
		}
		out.Details = append(out.Details, Detail{Code: f.Code, ZH: place + ":" + f.ZH, EN: place + ": " + f.EN, Articles: []string{article}})
	}
	if len(out.Details) > 0 {
		out.because(out.Details[0].ZH, out.Details[0].EN)
	}
	return out
}

// overtake has the engine act on documents that came into force, whatever applied
// them: what stands on those before ends, the keys of what they froze are blocked, what
// was kept of it is evicted, no reader goes on with them. It returns the runs that it
// ended.
func (e *Engine) overtake(ctx context.Context, changed []registry.Applied, docs []registry.Document) []cut {
	ended := e.endOvertaken(changed, docs)
	e.blockNow(ctx)
	e.forget(changed, docs)
	e.readers.dismiss()
	return ended
}

// endOvertaken kills the runs that stand on a document that was changed, those
// that wait for their turn too, and returns them. A run that reads its facts just
// now sees the change, or meets it at its next step.
func (e *Engine) endOvertaken(changed []registry.Applied, docs []registry.Document) (ended []cut) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		if !r.known {
			continue
		}
		for _, a := range changed {
			var doc registry.Document
			if i := slices.IndexFunc(docs, func(d registry.Document) bool { return d.Kind == a.Kind && d.Name == a.Name }); i >= 0 {
				doc = docs[i]
			}
			if !a.Changed || !r.overtakenBy(a, doc) {
				continue
			}
			r.cancel(&revoked{registry.Ref{Kind: a.Kind, Name: a.Name, Version: a.Version}})
			ended = append(ended, cut{r.gone, r.request.explain, r.intended})
			break
		}
	}
	return ended
}

// overtakenBy reports whether the run's facts are no longer those of now, now that
// doc is in force. The caller holds engine.mu.
func (r *run) overtakenBy(a registry.Applied, doc registry.Document) bool {
	switch {
	case a.Kind == registry.KindNegativeList && a.Version == 1:
		return true
	case a.Kind == registry.KindRestriction && a.Version == 1:
		m, err := registry.SpecOf[registry.Restriction](doc)
		return err != nil || m.Concerns(r.facts)
	}
	return slices.ContainsFunc(r.facts.Documents(), func(seen registry.Ref) bool {
		return a.Kind == seen.Kind && a.Name == seen.Name && a.Version > seen.Version
	})
}

// kinds are what Documents lists.
var kinds = []string{registry.KindOrganization, registry.KindPerson, registry.KindZone, registry.KindDataset, registry.KindCall, registry.KindLicense, registry.KindSupply,
	registry.KindScenario, registry.KindGrant, registry.KindPartner, registry.KindTemplate, registry.KindRequest, registry.KindNegativeList, registry.KindSourceRuling,
	registry.KindQualityRules, registry.KindRetention, registry.KindRestriction, registry.KindException}

// Documents returns the newest documents of a kind that s may see, or the one
// named. What s may not see does not exist.
func (e *Engine) Documents(ctx context.Context, s Subject, kind, name string) ([]DocumentView, error) {
	i := slices.IndexFunc(kinds, func(k string) bool { return strings.EqualFold(k, kind) || strings.EqualFold(k+"s", kind) })
	if i < 0 {
		return nil, BadRequest("类别须为 "+strings.Join(kinds, "、"), "kind must be one of "+strings.Join(kinds, ", "))
	}
	kind = kinds[i]
	metas, err := e.registry.List(ctx, kind)
	if err != nil {
		return nil, asError(err)
	}
	var r reach
	if s.any(registry.RoleOperator) {
		if r, err = e.reach(ctx, s.organization); err != nil {
			return nil, asError(err)
		}
	}
	out := []DocumentView{}
	for _, m := range metas {
		if name != "" && m.Name != name {
			continue
		}
		doc, meta, err := e.registry.Get(ctx, kind, m.Name)
		if err != nil {
			return nil, asError(err)
		}
		visible, err := s.visible(doc, r)
		if err != nil {
			return nil, asError(err)
		}
		if visible && kind == registry.KindQualityRules { // they are seen by whoever sees what they find
			_, err := e.measurable(ctx, s, m.Name)
			if visible = err == nil; err != nil && AsError(err).Code != "NOT_FOUND" {
				return nil, err
			}
		}
		if !visible {
			continue
		}
		v := DocumentView{Kind: kind, Name: m.Name, Version: meta.Version, By: meta.By, At: meta.At, Title: titleOf(doc)}
		if name != "" {
			if v.Document, err = json.Marshal(doc); err != nil {
				return nil, asError(err)
			}
			if entry, err := registry.SpecOf[registry.Dataset](doc); kind == registry.KindDataset && err == nil {
				v.SchemaSHA256 = entry.SchemaSHA256()
			}
			if v.Lookalikes, err = e.lookalikesOf(ctx, s, doc); err != nil {
				return nil, asError(err)
			}
		}
		out = append(out, v)
	}
	if name != "" && len(out) == 0 {
		return nil, fail("NOT_FOUND", nil)
	}
	return out, nil
}

func titleOf(doc registry.Document) string {
	var t struct {
		Title string `json:"title"`
	}
	if json.Unmarshal(doc.Spec, &t) != nil {
		return ""
	}
	return t.Title
}

// visible reports whether s may see a document. Supervisors, providers and the
// data centre see all; an operator sees what concerns its own organization:
// its licenses, their partners, scenarios, grants, templates and data requests, the zones,
// catalogue entries of those zones and what is supplied to them, itself; a partner the
// scenarios it has, with their grants and templates, and not the license. Contact data of others is nobody's but their own. r is
// the operator's reach; others have no use for one.
func (s Subject) visible(doc registry.Document, r reach) (bool, error) {
	if doc.Kind == registry.KindPerson {
		p, err := registry.SpecOf[registry.Person](doc)
		return doc.Name == s.user || p.Organization == s.organization || s.any(registry.RoleCityAuthority, registry.RoleAuditor), err
	}
	if !s.any(registry.RoleOperator) {
		return true, nil
	}
	switch doc.Kind {
	case registry.KindCall: // it is public
		return true, nil
	case registry.KindOrganization:
		return doc.Name == s.organization, nil
	case registry.KindZone:
		return r.zones[doc.Name], nil
	case registry.KindDataset:
		d, err := registry.SpecOf[registry.Dataset](doc)
		return r.catalogued(doc.Name, d), err
	case registry.KindSupply:
		s, err := registry.SpecOf[registry.Supply](doc)
		return r.zones[s.ToZone], err
	case registry.KindLicense:
		return r.licenses[doc.Name], nil
	case registry.KindScenario:
		return r.scenarios[doc.Name], nil
	case registry.KindGrant:
		g, err := registry.SpecOf[registry.Grant](doc)
		return r.scenarios[g.Scenario], err
	case registry.KindTemplate:
		t, err := registry.SpecOf[registry.Template](doc)
		return r.scenarios[t.Scenario], err
	case registry.KindPartner:
		p, err := registry.SpecOf[registry.Partner](doc)
		return r.licenses[p.License] || p.Organization == s.organization, err
	case registry.KindException:
		x, err := registry.SpecOf[registry.Exception](doc)
		return r.licenses[x.License], err
	case registry.KindRequest:
		d, err := registry.SpecOf[registry.DataRequest](doc)
		return r.scenarios[d.Scenario] && !r.partners[d.Scenario], err
	}
	return false, nil
}

// reach is what an operator's licenses cover, by name, and what it has as a partner.
type reach struct{ zones, licenses, scenarios, supplied, partners map[string]bool }

// catalogued reports whether a catalogue entry is one of the reach: published in one of
// its zones, or supplied to one.
func (r reach) catalogued(name string, d registry.Dataset) bool {
	return d.Status == registry.StatusPublished && (r.zones[d.Zone] || r.supplied[name])
}

func (e *Engine) reach(ctx context.Context, operator string) (reach, error) {
	r := reach{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	zones := map[string]string{}
	err := e.each(ctx, registry.KindLicense, func(doc registry.Document) error {
		l, err := registry.SpecOf[registry.License](doc)
		if zones[doc.Name] = l.Zone; l.Operator == operator {
			r.licenses[doc.Name], r.zones[l.Zone] = true, true
		}
		return err
	})
	if err != nil {
		return reach{}, err
	}
	err = e.each(ctx, registry.KindPartner, func(doc registry.Document) error {
		p, err := registry.SpecOf[registry.Partner](doc)
		if p.Organization == operator && !p.Ended() {
			r.zones[zones[p.License]] = true
			for _, name := range p.Scenarios {
				r.scenarios[name], r.partners[name] = true, true
			}
		}
		return err
	})
	if err != nil {
		return reach{}, err
	}
	err = e.each(ctx, registry.KindScenario, func(doc registry.Document) error {
		sc, err := registry.SpecOf[registry.Scenario](doc)
		if r.licenses[sc.License] {
			r.scenarios[doc.Name] = true
		}
		return err
	})
	if err != nil {
		return reach{}, err
	}
	err = e.each(ctx, registry.KindSupply, func(doc registry.Document) error {
		s, err := registry.SpecOf[registry.Supply](doc)
		if r.zones[s.ToZone] && s.Status != registry.StatusRevoked {
			r.supplied[s.Dataset] = true
		}
		return err
	})
	return r, err
}

func (e *Engine) each(ctx context.Context, kind string, f func(registry.Document) error) error {
	metas, err := e.registry.List(ctx, kind)
	if err != nil {
		return err
	}
	for _, m := range metas {
		doc, _, err := e.registry.Get(ctx, kind, m.Name)
		if err != nil {
			return err
		}
		if err := f(doc); err != nil {
			return err
		}
	}
	return nil
}
