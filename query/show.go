package query

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"zonebox/registry"
)

// Shown is one version of a document in a sentence, and every field of it.
type Shown struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version int64  `json:"version"` // 0 while it is pending
	// Effective is when a pending document comes into force, absent if it is in force.
	Effective *time.Time      `json:"effective,omitempty"`
	ZH        string          `json:"zh"`
	EN        string          `json:"en"`
	Parts     []registry.Part `json:"parts"`
	// Notes are what decisions under a zone or license in force warn of today.
	Notes    []ReasonView    `json:"notes,omitempty"`
	Signers  []Signatory     `json:"signers,omitempty"` // of a version that was in force
	SignedBy []string        `json:"signed_by,omitempty"`
	Document json.RawMessage `json:"document"`
}

// ShowRequest names a document, and a version of it that is not the one in force.
type ShowRequest struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version int64  `json:"version,omitempty"`
	Pending bool   `json:"pending,omitempty"` // the next that waits
}

// Show returns a document that s may see as people read it.
func (e *Engine) Show(ctx context.Context, s Subject, q ShowRequest) (*Shown, error) {
	doc, out, err := e.versionOf(ctx, s, q)
	if err != nil {
		return nil, err
	}
	if out.ZH, out.EN, err = registry.Sentence(doc, e.titles(ctx, s)); err != nil {
		return nil, asError(err)
	}
	if out.Parts, err = registry.Parts(doc); err != nil {
		return nil, asError(err)
	}
	for i := range out.Parts {
		out.Parts[i].Value = clip(out.Parts[i].Value)
	}
	if out.Document, err = json.Marshal(doc); err != nil {
		return nil, asError(err)
	}
	if out.Notes, err = e.warnedToday(ctx, doc); err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// warnedToday returns what decisions under a zone or license in force warn of today: that
// the regulation is none, or ended (NJ24-24); of a license what is on its operator's
// record, and which of its certificates end (NJ24-08).
func (e *Engine) warnedToday(ctx context.Context, doc registry.Document) ([]ReasonView, error) {
	zone, operator := doc.Name, registry.Organization{}
	switch doc.Kind {
	case registry.KindLicense:
		l, err := registry.SpecOf[registry.License](doc)
		if err != nil || l.Status != registry.StatusActive {
			return nil, err
		}
		zone = l.Zone
		if operator, err = find[registry.Organization](ctx, lookup{e, nil}, registry.KindOrganization, l.Operator); err != nil {
			return nil, ignoreMissing(err)
		}
	case registry.KindZone:
	default:
		return nil, nil
	}
	z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, zone)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	pack, err := e.policy().Pack(z.Pack)
	if err != nil {
		return reasonViews(e.policy().Begin(z.Pack, e.cfg.Now(), "")), nil
	}
	return reasonViews(append(e.policy().Begin(z.Pack, e.cfg.Now(), ""), e.operatorNotes(operator, pack)...)), nil
}

// versionOf returns the version of a document that q names and s may see.
func (e *Engine) versionOf(ctx context.Context, s Subject, q ShowRequest) (doc registry.Document, out *Shown, err error) {
	if q.Pending {
		return e.pendingVersion(ctx, s, q)
	}
	if q.Name == "" {
		return doc, nil, fail("NOT_FOUND", nil)
	}
	docs, err := e.Documents(ctx, s, q.Kind, q.Name)
	if err != nil {
		return doc, nil, err
	}
	kind, number := docs[0].Kind, docs[0].Version
	if q.Version != 0 {
		number = q.Version
	}
	if doc, _, err = e.registry.GetVersion(ctx, kind, q.Name, number); errors.Is(err, registry.ErrNotFound) {
		return doc, nil, fail("NOT_FOUND", nil)
	} else if err != nil {
		return doc, nil, asError(err)
	}
	var r reach
	if s.any(registry.RoleOperator) {
		if r, err = e.reach(ctx, s.organization); err != nil {
			return doc, nil, asError(err)
		}
	}
	if visible, err := s.visible(doc, r); err != nil || !visible {
		return doc, nil, errors.Join(err, fail("NOT_FOUND", nil))
	}
	out = &Shown{Kind: kind, Name: q.Name, Version: number}
	all, err := e.registry.Versions(ctx, kind, q.Name)
	if err != nil {
		return doc, nil, asError(err)
	}
	for _, m := range all {
		if m.Version == number {
			out.Signers = signatories(m.Signers)
		}
	}
	return doc, out, nil
}

func (e *Engine) pendingVersion(ctx context.Context, s Subject, q ShowRequest) (doc registry.Document, out *Shown, err error) {
	waiting, err := e.PendingDocuments(ctx, s, false)
	if err != nil {
		return doc, nil, err
	}
	for _, p := range waiting {
		if strings.EqualFold(p.Kind, q.Kind) && p.Name == q.Name {
			if err := json.Unmarshal(p.Document, &doc); err != nil {
				return doc, nil, asError(err)
			}
			return doc, &Shown{Kind: p.Kind, Name: p.Name, Effective: &p.Effective, SignedBy: p.Signers}, nil
		}
	}
	return doc, nil, fail("NOT_FOUND", nil)
}

// titles returns what s may call other documents.
func (e *Engine) titles(ctx context.Context, s Subject) registry.Titles {
	return func(kind, name string) string {
		docs, err := e.Documents(ctx, s, kind, name)
		if err != nil {
			return name // it is not there, or not for s
		}
		if kind == registry.KindPerson {
			var p registry.Document
			if json.Unmarshal(docs[0].Document, &p) == nil {
				if spec, err := registry.SpecOf[registry.Person](p); err == nil && spec.RealName != "" {
					return spec.RealName
				}
			}
			return name
		}
		if docs[0].Title == "" {
			return name
		}
		return docs[0].Title
	}
}

// DocumentDiffRequest names two versions of a document, or one and a draft of the next.
type DocumentDiffRequest struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	From int64  `json:"from,omitempty"` // 0 is the version in force, with a draft, and else the one before To
	To   int64  `json:"to,omitempty"`   // 0 is the version in force
	// Document is compared with From in place of To.
	Document *registry.Document `json:"document,omitempty"`
	Pending  bool               `json:"pending,omitempty"` // as Document the next that waits
}

// DocumentDiff is what differs between two versions, by field.
type DocumentDiff struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	From    int64             `json:"from"` // 0 is nothing
	To      int64             `json:"to"`   // 0 is a draft, or pending
	Changes []registry.Change `json:"changes"`
	Signers []Signatory       `json:"signers,omitempty"` // of To
	// SignedBy is who signed a draft or pending document; of a draft nobody verified it.
	SignedBy []string `json:"signed_by,omitempty"`
}

// DiffDocument returns what differs between two versions of a document that s may see.
func (e *Engine) DiffDocument(ctx context.Context, s Subject, q DocumentDiffRequest) (*DocumentDiff, error) {
	draft := q.Document
	out := &DocumentDiff{Kind: q.Kind, Name: q.Name, Changes: []registry.Change{}}
	if draft != nil && (draft.Name != q.Name || !strings.EqualFold(draft.Kind, q.Kind) || registry.NoDuplicates(draft.Spec) != nil) {
		return nil, BadRequest("草案不是该文档", "the draft is of another document")
	}
	if q.Pending {
		doc, shown, err := e.pendingVersion(ctx, s, ShowRequest{Kind: q.Kind, Name: q.Name})
		if err != nil {
			return nil, err
		}
		draft, out.SignedBy = &doc, shown.SignedBy
	}
	now, shown, err := e.versionOf(ctx, s, ShowRequest{Kind: q.Kind, Name: q.Name, Version: q.To})
	if err != nil && (draft == nil || AsError(err).Code != "NOT_FOUND" || q.From != 0) {
		return nil, err
	}
	var before registry.Document
	after := now
	switch {
	case draft != nil:
		after = *draft
		if out.SignedBy == nil {
			out.SignedBy = signersOf(after)
		}
		if q.From == 0 {
			before = now
			if shown != nil {
				out.From = shown.Version
			}
		}
	default:
		out.To, out.Signers = shown.Version, shown.Signers
		if q.From == 0 {
			q.From = shown.Version - 1
		}
	}
	if q.From > 0 {
		out.From = q.From
		if before, _, err = e.versionOf(ctx, s, ShowRequest{Kind: q.Kind, Name: q.Name, Version: q.From}); err != nil {
			return nil, err
		}
	}
	out.Kind = after.Kind
	changes, err := registry.Diff(before, after)
	if err != nil {
		return nil, BadRequest("草案无法读取", "the draft cannot be read")
	}
	for _, c := range changes {
		c.Before, c.After = clip(c.Before), clip(c.After)
		out.Changes = append(out.Changes, c)
	}
	return out, nil
}

// RollbackOrder is an earlier version of a document, signed to be the newest again.
type RollbackOrder struct {
	Document registry.Document `json:"document"`
	To       int64             `json:"to"`
	Reason   string            `json:"reason"`
}

// RollBackDocument makes an earlier version of a document the newest in one step, with
// the status of now. It is judged as Apply judges a new version.
func (e *Engine) RollBackDocument(ctx context.Context, s Subject, o RollbackOrder) ([]Applied, error) {
	if strings.TrimSpace(o.Reason) == "" {
		return nil, BadRequest("须说明理由 (--reason)", "say why (--reason)")
	}
	if registry.NoDuplicates(o.Document.Spec) != nil {
		return nil, BadRequest("文档的字段重复", "the document has a field twice")
	}
	docs := []registry.Document{o.Document}
	if _, _, err := e.versionOf(ctx, s, ShowRequest{Kind: o.Document.Kind, Name: o.Document.Name, Version: o.To}); err != nil {
		return nil, err
	}
	err := e.readable(ctx, s, docs)
	if err == nil {
		err = e.fit(ctx, s, docs)
	}
	if err == nil {
		err = e.mayApply(ctx, s.user, docs)
	}
	if err == nil {
		err = e.ready(ctx)
	}
	var done []registry.Applied
	if err == nil {
		if done, err = e.registry.RollBack(ctx, s.user, o.Document, o.To, o.Reason); err != nil {
			err = documentError(err)
		}
	}
	if err != nil {
		return nil, e.refusedDocuments(ctx, s, docs, asError(err))
	}
	return e.appliedNow(ctx, done, docs, time.Now(), nil)
}
