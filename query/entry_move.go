package query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"zonebox/registry"
	"zonebox/workflow"
)

// EntryOrder asks for one move of a catalogue entry. Document is the entry: needed
// to draft; to submit, concur or approve it is the edition's own with the
// signature of whoever asks. Basis is needed to return, reject, change and retire.
type EntryOrder struct {
	Move     string             `json:"move"`
	Document *registry.Document `json:"document,omitempty"`
	Basis    string             `json:"basis,omitempty"`
	// Trigger says why an entry is to change (NJ19-18): LAW, FUNCTION, SYSTEM or OTHER.
	Trigger string `json:"trigger,omitempty"`
}

// The moves that need words, and the triggers of a change.
var (
	withBasis = []string{"return", "reject", "change", "retire"}
	triggers  = []string{"LAW", "FUNCTION", "SYSTEM", "OTHER"}

	entryName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// orderedMoves are the moves that people may ask for.
var orderedMoves = []string{"draft", "submit", "concur", "approve", "return", "reject", "withdraw", "publish", "change", "retire"}

// MoveEntry makes one move of a catalogue entry in one transaction with its audit
// event. Publishing applies the signed document in the same transaction; all other
// moves but retiring change nothing that is in force.
func (e *Engine) MoveEntry(ctx context.Context, s Subject, name string, o EntryOrder) (*EntryDetail, error) {
	if !slices.Contains(orderedMoves, o.Move) {
		return nil, BadRequest("move 须为 "+strings.Join(orderedMoves, "、"), "move must be one of "+strings.Join(orderedMoves, ", "))
	}
	if !entryName.MatchString(name) || o.Document != nil && (o.Document.Kind != registry.KindDataset || o.Document.Name != name) {
		return nil, BadRequest("条目名称与文档不符", "the name is not that of the entry")
	}
	if o.Document != nil && registry.NoDuplicates(o.Document.Spec) != nil { // two readers may read two entries
		return nil, BadRequest("条目文档的字段重复", "the entry has a field twice")
	}
	if slices.Contains(withBasis, o.Move) && strings.TrimSpace(o.Basis) == "" {
		return nil, BadRequest("须说明依据(--basis)", "say on what basis (--basis)")
	}
	if o.Document != nil && o.Document.Effective != "" { // its edition says when it is published
		return nil, BadRequest("经 catalogue 办理的条目不写 effective,发布即生效", "an entry on its way has no effective time; publish puts it into force")
	}
	if o.Move == "change" && !slices.Contains(triggers, o.Trigger) {
		return nil, BadRequest("trigger 须为 "+strings.Join(triggers, "、"), "trigger must be one of "+strings.Join(triggers, ", "))
	}
	m := &entryMove{engine: e, ctx: ctx, subject: s, name: name, order: o}
	if !s.any(workflow.CatalogueEdition.Movers(o.Move)...) { // before anything is looked up: it is told of whatever name
		return nil, m.refuse(fail("ROLE_REQUIRED", nil))
	}
	if err := m.before(); err != nil {
		return nil, m.refuse(err)
	}
	if err := e.update(ctx, m.make); err != nil {
		return nil, m.refuse(err)
	}
	if len(m.applied) > 0 {
		e.overtake(ctx, m.applied, m.documents)
	}
	return e.Entry(ctx, s, name)
}

// entryMove is one move on its way.
type entryMove struct {
	engine    *Engine
	ctx       context.Context
	subject   Subject
	name      string
	order     EntryOrder
	applied   []registry.Applied
	documents []registry.Document
}

// before refuses, outside of the transaction, what an entry must not be to go on.
func (m *entryMove) before() error {
	if m.order.Move != "submit" && m.order.Move != "approve" || m.order.Document == nil {
		return nil
	}
	faults, err := m.engine.entryFaults(m.ctx, m.subject.user, *m.order.Document)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		refused := fail("DOCUMENT_REFUSED", nil).because(faults[0].ZH, faults[0].EN)
		refused.Details = faults
		return refused
	}
	if m.order.Move == "submit" {
		return nil
	}
	like, err := m.engine.duplicates(m.ctx, m.subject, *m.order.Document)
	if err != nil {
		return err
	}
	return refuseUnruled(like)
}

// make makes the move.
func (m *entryMove) make(tx *registry.Tx) error {
	all, err := m.engine.editions(m.ctx, tx.SQL(), m.name)
	if err != nil {
		return err
	}
	var ed *edition
	if len(all) > 0 {
		ed = all[len(all)-1]
	}
	if ed != nil && !m.subject.maySee(ed) && m.order.Move != "draft" {
		return fail("NOT_FOUND", nil)
	}
	switch m.order.Move {
	case "draft":
		return m.draft(tx, ed)
	case "retire":
		return m.retire(tx, ed)
	}
	if ed == nil {
		return fail("NOT_FOUND", nil)
	}
	switch m.order.Move {
	case "submit":
		return m.submit(tx, ed)
	case "concur", "approve":
		return m.agree(tx, ed)
	case "publish":
		return m.publish(tx, ed, all)
	}
	return m.do(tx, ed, m.order.Move, entryNote{Basis: m.order.Basis}, m.order.Trigger, "")
}

// draft starts an edition, or writes the draft under way anew.
func (m *entryMove) draft(tx *registry.Tx, ed *edition) error {
	if m.order.Document == nil {
		return BadRequest("缺少条目文档", "the entry is missing")
	}
	spec, err := registry.SpecOf[registry.Dataset](*m.order.Document)
	if err != nil {
		return BadRequest("条目格式有误", "the entry is malformed")
	}
	if spec.Provider != m.subject.organization {
		return fail("ROLE_REQUIRED", nil)
	}
	if err := m.named(ed); err != nil {
		return err
	}
	doc := *m.order.Document
	doc.Signatures = nil // what is signed is submitted
	if !ed.open() {
		z, err := find[registry.Zone](m.ctx, lookup{m.engine, nil}, registry.KindZone, spec.Zone)
		if errors.Is(err, registry.ErrNotFound) {
			return BadRequest("没有该专区", "there is no such zone")
		}
		if err != nil {
			return err
		}
		number := 1
		if ed != nil {
			number = ed.number + 1
		}
		id := editionID(m.name, number)
		err = workflow.Start(m.ctx, tx.SQL(), workflow.CatalogueEdition, id, m.actor(), tx.Now(),
			workflow.Party{Role: registry.RoleProvider, Org: spec.Provider}, workflow.Party{Role: registry.RoleZoneRegulator, Org: z.Regulator})
		if err != nil {
			return entryError(err)
		}
		in, err := workflow.Get(m.ctx, tx.SQL(), workflow.CatalogueEdition, id)
		if err != nil {
			return entryError(err)
		}
		ed = &edition{Instance: in, name: m.name, number: number}
	} else if ed.spec.Zone != spec.Zone {
		return BadRequest("草案的专区不得变更;请先撤回", "the zone of a draft never changes; withdraw it first")
	}
	return m.do(tx, ed, "draft", entryNote{Basis: m.order.Basis, Document: &doc}, "", "")
}

// named refuses a draft under the name of another provider's entry, in force or
// under way: its edition would stand before theirs.
func (m *entryMove) named(ed *edition) error {
	taken := ed.open() && ed.spec.Provider != m.subject.organization
	switch d, err := find[registry.Dataset](m.ctx, lookup{m.engine, nil}, registry.KindDataset, m.name); {
	case err == nil:
		taken = taken || d.Provider != m.subject.organization
	case !errors.Is(err, registry.ErrNotFound):
		return err
	}
	if taken {
		return fail("ROLE_REQUIRED", nil).because("该名称属其他提供单位", "the name is another provider's")
	}
	return nil
}

// submit binds the text, signed by its author, and the version it is to follow.
func (m *entryMove) submit(tx *registry.Tx, ed *edition) error {
	signed, err := m.signed(ed, true)
	if err != nil {
		return err
	}
	base, err := m.base()
	if err != nil {
		return err
	}
	return m.do(tx, ed, "submit", entryNote{Basis: m.order.Basis, Document: &signed}, "", pinned(signed, base))
}

// agree adds the signature of the regulator or of the city authority.
func (m *entryMove) agree(tx *registry.Tx, ed *edition) error {
	signed, err := m.signed(ed, false)
	if err != nil {
		return err
	}
	base, err := m.base()
	if err != nil {
		return err
	}
	return m.do(tx, ed, m.order.Move, entryNote{Basis: m.order.Basis, Document: &signed}, "", pinned(signed, base))
}

// publish puts what was approved into force, and the edition before out of it.
func (m *entryMove) publish(tx *registry.Tx, ed *edition, all []*edition) error {
	base, err := m.base()
	switch {
	case err != nil:
		return err
	case ed.State != workflow.Approved:
		return fail("ENTRY_STATE", nil)
	case pinned(ed.document, base) != ed.Input:
		return fail("ENTRY_MOVED", nil)
	}
	faults, err := m.engine.packFaults(m.ctx, ed.document, nil) // of the pack of today
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return documentError(&registry.Refusal{Faults: faults})
	}
	m.documents = []registry.Document{ed.document}
	if m.applied, err = tx.Apply(m.subject.user, m.documents); err != nil {
		return documentError(err)
	}
	for _, old := range all {
		if old.State == workflow.Published || old.State == workflow.Changed {
			if _, err := workflow.Do(m.ctx, tx.SQL(), workflow.CatalogueEdition, old.ID, "supersede", gate, tx.Now(), workflow.Note{Code: "SUPERSEDED"}); err != nil {
				return entryError(err)
			}
		}
	}
	return m.do(tx, ed, "publish", entryNote{Basis: m.order.Basis}, "VERSION "+strconv.FormatInt(m.applied[0].Version, 10), pinned(ed.document, base))
}

// retire takes the entry in force out of the catalogue, for a reason.
func (m *entryMove) retire(tx *registry.Tx, ed *edition) error {
	doc, _, err := m.engine.registry.Get(m.ctx, registry.KindDataset, m.name)
	if errors.Is(err, registry.ErrNotFound) {
		return fail("NOT_FOUND", err)
	}
	if err != nil {
		return err
	}
	entry, err := registry.SpecOf[registry.Dataset](doc)
	if err != nil {
		return err
	}
	if !m.subject.any(registry.RoleCityAuthority) && !m.subject.providerOf(entry) {
		return fail("ROLE_REQUIRED", nil)
	}
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(doc.Spec, &spec); err != nil {
		return err
	}
	reason, err := json.Marshal(m.order.Basis)
	if err != nil {
		return err
	}
	spec["status"], spec["status_reason"] = json.RawMessage(`"`+registry.StatusRetired+`"`), reason
	doc.Signatures = nil
	if doc.Spec, err = json.Marshal(spec); err != nil {
		return err
	}
	m.documents = []registry.Document{doc}
	if m.applied, err = tx.Apply(m.subject.user, m.documents); err != nil {
		return documentError(err)
	}
	if _, err = m.engine.endWaiting(tx, m.subject.user, m.applied, m.documents); err != nil {
		return err
	}
	if ed != nil && (ed.State == workflow.Published || ed.State == workflow.Changed) {
		return m.do(tx, ed, "retire", entryNote{Basis: m.order.Basis}, "", "")
	}
	return m.tell(tx, "", "retire", string(workflow.Retired))
}

// signed returns the edition's document with the signature of whoever asks, who
// must have signed the very text; as its author, a text of one's own.
func (m *entryMove) signed(ed *edition, author bool) (registry.Document, error) {
	given := m.order.Document
	if given == nil {
		return registry.Document{}, BadRequest("缺少经签名的条目文档", "the signed entry is missing")
	}
	if !author && !bytes.Equal(given.Payload(), ed.document.Payload()) {
		return registry.Document{}, fail("ENTRY_MOVED", nil)
	}
	i := slices.IndexFunc(given.Signatures, func(s registry.Signature) bool { return s.By == m.subject.user })
	if i < 0 {
		return registry.Document{}, denied([]Detail{{Code: registry.CodeSignature, Articles: []string{"NJ19-16"},
			ZH: "缺少 " + m.subject.user + " 的签名", EN: "the signature of " + m.subject.user + " is missing",
			HintZH: "用 zonebox catalogue 操作会自动签名", HintEN: "zonebox catalogue signs by itself"}})
	}
	out := ed.document
	out.Signatures = slices.DeleteFunc(slices.Clone(ed.document.Signatures), func(s registry.Signature) bool { return s.By == m.subject.user })
	if author {
		spec, err := registry.SpecOf[registry.Dataset](*given)
		if err != nil || spec.Provider != m.subject.organization || spec.Zone != ed.spec.Zone {
			return registry.Document{}, BadRequest("提供单位与专区不得与草案不同", "provider and zone must be those of the draft")
		}
		out = *given
		out.Signatures = nil
	}
	out.Signatures = append(out.Signatures, given.Signatures[i])
	return out, nil
}

// base returns the version in force, 0 if there is none.
func (m *entryMove) base() (int64, error) {
	_, meta, err := m.engine.registry.Get(m.ctx, registry.KindDataset, m.name)
	if errors.Is(err, registry.ErrNotFound) {
		return 0, nil
	}
	return meta.Version, err
}

// pinned digests what an approval binds: the text, and the version it is to follow
// (SY20-12).
func pinned(doc registry.Document, base int64) string {
	h := sha256.New()
	h.Write(doc.Payload())
	fmt.Fprintf(h, "\x00%d", base)
	return hex.EncodeToString(h.Sum(nil))
}

func (m *entryMove) actor() workflow.Actor {
	return workflow.Actor{User: m.subject.user, Org: m.subject.organization, Roles: m.subject.roles}
}

// do makes a move of the workflow, keeps what was said and emits its event.
func (m *entryMove) do(tx *registry.Tx, ed *edition, move string, note entryNote, code, input string) error {
	sealed, err := sealedNote(m.engine, catalogueNotes, ed.Instance, move, m.subject, note)
	if err != nil {
		return err
	}
	to, err := workflow.Do(m.ctx, tx.SQL(), workflow.CatalogueEdition, ed.ID, move, m.actor(), tx.Now(), workflow.Note{Code: code, Input: input, Text: sealed})
	if err != nil {
		return entryError(err)
	}
	return m.tell(tx, ed.ID, move, string(to))
}

func (m *entryMove) tell(tx *registry.Tx, id, move, state string) error {
	fields := map[string]string{"dataset": m.name, "move": move, "state": state, "org": m.subject.organization}
	if id != "" {
		fields["edition"] = id
	}
	if m.order.Trigger != "" {
		fields["trigger"] = m.order.Trigger
	}
	if len(m.applied) > 0 {
		fields["version"] = strconv.FormatInt(m.applied[0].Version, 10)
	}
	return tx.Emit(registry.Event{Kind: "catalogue.moved", Actor: m.subject.user, Fields: fields})
}

// refuse records that a move was refused and returns why.
func (m *entryMove) refuse(cause error) error {
	return m.engine.refuseMove(m.ctx, m.subject, "catalogue.refused", m.order.Move, "dataset", m.name, cause)
}

// refuseMove returns why a move of a course was refused, which is logged first where
// it is the person's doing. field names what was to be moved, id which; empty is left
// out.
func (e *Engine) refuseMove(ctx context.Context, s Subject, kind, move, field, id string, cause error) error {
	why := asError(cause)
	if why.Class != ClassDenied {
		return why
	}
	fields := map[string]string{"move": move, "reasons": codesOf(why), "org": s.organization}
	if id != "" {
		fields[field] = id
	}
	err := e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: kind, Actor: s.user, Fields: fields})
	})
	if err != nil {
		return asError(err)
	}
	return why
}

// entryError maps a refusal of the workflow.
func entryError(err error) error {
	switch {
	case errors.Is(err, workflow.ErrInput):
		return fail("ENTRY_MOVED", err)
	case errors.Is(err, workflow.ErrState), errors.Is(err, workflow.ErrMove):
		return fail("ENTRY_STATE", err)
	}
	return courseError(err)
}
