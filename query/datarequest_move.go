package query

import (
	"context"
	"errors"
	"slices"
	"strings"

	"zonebox/policy/calendar"
	"zonebox/registry"
	"zonebox/workflow"
)

// RequestOrder asks for one move of a data request. Grants are those that request
// show gave, signed by whoever assesses or approves. Basis is needed for every other
// move, and to reject its kind: LAW, REGULATION or RULE.
type RequestOrder struct {
	Move      string              `json:"move"`
	Grants    []registry.Document `json:"grants,omitempty"`
	Basis     string              `json:"basis,omitempty"`
	BasisKind string              `json:"basis_kind,omitempty"`
}

// requestMoves are the moves that people may ask for; filing is applying the request,
// and which approval is the last the gate knows.
var requestMoves = []string{"assess", "approve", "return", "reject", "dispute", "uphold", "resume", "revoke"}

// MoveRequest makes one move of a data request in one transaction with its audit
// event. The last provider's approval applies the grants in that transaction: nobody
// has to hand them in (SY20-20). A refusal is on record.
func (e *Engine) MoveRequest(ctx context.Context, s Subject, name string, o RequestOrder) (*RequestDetail, error) {
	if !slices.Contains(requestMoves, o.Move) {
		return nil, BadRequest("move 须为 "+strings.Join(requestMoves, "、"), "move must be one of "+strings.Join(requestMoves, ", "))
	}
	if o.Move != "assess" && o.Move != "approve" && strings.TrimSpace(o.Basis) == "" || len(o.Basis) > 2000 {
		return nil, BadRequest("须说明依据(--basis,不超过 2000 字节)", "say on what basis (--basis, at most 2000 bytes)")
	}
	for _, d := range o.Grants {
		if d.Kind != registry.KindGrant || d.Effective != "" || registry.NoDuplicates(d.Spec) != nil {
			return nil, BadRequest("grants 只能是授权文档,且不写 effective", "grants are documents of kind Grant, without an effective time")
		}
	}
	m := &requestMove{engine: e, ctx: ctx, subject: s, name: name, order: o}
	if !s.any(workflow.DataRequest.Movers(o.Move)...) { // before anything is looked up: it is told of whatever name
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
	return e.DataRequest(ctx, s, name)
}

// requestMove is one move on its way.
type requestMove struct {
	engine    *Engine
	ctx       context.Context
	subject   Subject
	name      string
	order     RequestOrder
	request   *dataRequest
	signed    []registry.Document // the grants with the subject's signature, of assess and approve
	revoking  []registry.Document
	applied   []registry.Applied
	documents []registry.Document
}

// before refuses, outside of the transaction, what a move must not be to go on.
func (m *requestMove) before() error {
	r, err := m.engine.dataRequest(m.ctx, m.name)
	if errors.Is(err, registry.ErrNotFound) || err == nil && !m.subject.maySeeRequest(r) {
		return fail("NOT_FOUND", nil)
	}
	if err != nil {
		return err
	}
	m.request = r
	if r.State == workflow.Draft {
		return fail("REQUEST_STATE", nil)
	}
	switch m.order.Move {
	case "assess":
		return m.assessing()
	case "approve":
		return m.approving()
	case "reject":
		return m.rejecting()
	case "dispute":
		if slices.ContainsFunc(r.History, func(s workflow.Step) bool { return s.Move == "uphold" }) {
			return fail("REQUEST_STATE", nil).because("市数据主管部门已就此作出决定", "the city authority has decided on it")
		}
	case "uphold", "resume":
		if slices.ContainsFunc(r.History, func(s workflow.Step) bool { return s.Review && s.User == m.subject.user }) {
			return courseError(workflow.ErrSamePerson)
		}
	case "revoke":
		m.revoking, err = m.engine.revokedGrants(m.ctx, m.subject, r, m.order.Basis)
		return err
	}
	return nil
}

// rejecting refuses a refusal on what the pack does not take for its basis: an
// internal rule of the provider is none (JM19-18, SY20-20). A pack that says nothing
// takes any of the kinds there are.
func (m *requestMove) rejecting() error {
	pack, err := m.engine.policy().Pack(m.request.zone.Pack)
	if err != nil {
		return err
	}
	basis := pack.RefusalBasis["sharing"]
	if len(basis.Kinds) == 0 {
		basis.Kinds = []string{"LAW", "REGULATION", "RULE"}
	}
	if slices.Contains(basis.Kinds, m.order.BasisKind) {
		return nil
	}
	kinds := strings.Join(basis.Kinds, "、")
	return fail("REFUSAL_BASIS", nil).because("须为 "+kinds, "it is one of "+strings.Join(basis.Kinds, ", "))
}

// assessing has the regulator's signature under the grants that were asked for.
func (m *requestMove) assessing() (err error) {
	if err := m.lasting(); err != nil {
		return err
	}
	if m.request.begun && m.request.State != workflow.ZregAssessing {
		return fail("REQUEST_STATE", nil)
	}
	drafts, err := m.engine.draftGrants(m.ctx, m.subject, m.request)
	if err != nil {
		return err
	}
	if m.signed, err = m.subject.countersigned(drafts, m.order.Grants, func(registry.Grant) bool { return true }); err != nil {
		return err
	}
	for _, doc := range m.signed {
		if err := m.engine.grantFaults(m.ctx, m.subject.user, doc, true); err != nil {
			return err
		}
	}
	return m.engine.recipesFit(m.ctx, m.subject, m.signed)
}

// approving has the provider's signature under the grants of its own data.
func (m *requestMove) approving() (err error) {
	if err := m.lasting(); err != nil {
		return err
	}
	if m.request.State != workflow.ProvReviewing {
		return fail("REQUEST_STATE", nil)
	}
	if !slices.Contains(m.request.waiting(), m.subject.organization) {
		return fail("ROLE_REQUIRED", nil).because("没有待您单位审核的授权", "no grant waits for your organization")
	}
	own := func(g registry.Grant) bool { return g.Prov.Org == m.subject.organization }
	if m.signed, err = m.subject.countersigned(m.request.bound(), m.order.Grants, own); err != nil {
		return err
	}
	for _, doc := range m.signed {
		if g, err := registry.SpecOf[registry.Grant](doc); err != nil {
			return err
		} else if !own(g) {
			continue
		}
		if err := m.engine.grantFaults(m.ctx, m.subject.user, doc, false); err != nil {
			return err
		}
	}
	return m.engine.recipesFit(m.ctx, m.subject, m.signed)
}

// lasting refuses to go on where agreement, scenario or request are over, and where the
// pack is and nothing new may begin under the agreement.
func (m *requestMove) lasting() error {
	r, today := m.request, string(calendar.DayOf(m.engine.cfg.Now()))
	if why := m.engine.policy().Begin(r.zone.Pack, m.engine.cfg.Now(), r.license.RenewedBasis); len(why) > 0 {
		return denied(details(why))
	}
	switch {
	case r.license.Status != registry.StatusActive:
		return fail("REQUEST_STATE", nil).because("协议未生效、已暂停或者已终止", "the license is not active")
	case today > r.license.End, today > r.scenario.Period.Until, today > r.spec.Until:
		return fail("REQUEST_STATE", nil).because("协议、场景或所申请的期限已届满", "the license, the scenario or the days asked for are over")
	}
	return nil
}

// make makes the move.
func (m *requestMove) make(tx *registry.Tx) error {
	now, err := m.engine.dataRequestIn(m.ctx, tx.SQL(), m.name)
	if err == nil && !now.begun { // filed before requests had a course
		if err = m.engine.beginRequest(tx, now.document, nil, now.meta.By); err == nil {
			now, err = m.engine.dataRequestIn(m.ctx, tx.SQL(), m.name)
		}
	} else if err == nil && len(now.History) != len(m.request.History) {
		return fail("REQUEST_STATE", nil).because("其间他人已办理", "somebody else moved it meanwhile")
	}
	if err != nil {
		return requestError(err)
	}
	m.request = now
	if m.order.Move == "assess" || m.order.Move == "approve" {
		if err := m.lasting(); err != nil { // the license may have been suspended meanwhile
			return err
		}
	}
	switch m.order.Move {
	case "assess":
		var names []string
		for _, doc := range m.signed {
			names = append(names, doc.Name)
		}
		if err := workflow.Concern(m.ctx, tx.SQL(), workflow.DataRequest, m.name, names...); err != nil {
			return err
		}
		return m.do(tx, "assess", grantsDigest(m.signed))
	case "approve":
		if len(m.request.waiting()) > 1 {
			return m.do(tx, "agree", "")
		}
		if err := m.do(tx, "approve", grantsDigest(m.signed)); err != nil {
			return err
		}
		return m.grant(tx)
	case "revoke":
		return m.revoke(tx)
	}
	return m.do(tx, m.order.Move, "")
}

// grant puts the grants into force, each in the name of who agreed for its provider.
func (m *requestMove) grant(tx *registry.Tx) error {
	m.documents = m.signed
	for _, doc := range m.signed {
		g, err := registry.SpecOf[registry.Grant](doc)
		if err != nil {
			return err
		}
		by := m.subject.user
		if g.Prov.Org != m.subject.organization {
			by = m.request.agreed(g.Prov.Org)
		}
		applied, err := tx.Apply(by, []registry.Document{doc})
		if err != nil {
			return documentError(err)
		}
		m.applied = append(m.applied, applied...)
	}
	return nil
}

// revoke takes the grants out of force that are the subject's to revoke, and ends the
// request with the last of them.
func (m *requestMove) revoke(tx *registry.Tx) error {
	if m.documents = m.revoking; len(m.documents) == 0 {
		return fail("REQUEST_STATE", nil).because("没有可由您撤销的授权", "no grant is yours to revoke")
	}
	var err error
	if m.applied, err = tx.Apply(m.subject.user, m.documents); err != nil {
		return documentError(err)
	}
	live := 0
	for _, doc := range m.request.bound() {
		revoked, err := m.engine.revokedIn(m.ctx, doc.Name, m.documents)
		if err != nil {
			return err
		}
		if !revoked {
			live++
		}
	}
	if live > 0 {
		return m.engine.tellRequest(tx, m.request, m.subject.user, m.subject.organization, "revoke", m.request.State, "")
	}
	return m.do(tx, "revoke", "")
}

// do makes a move of the workflow, keeps what was said and emits its event.
func (m *requestMove) do(tx *registry.Tx, move, input string) error {
	note := requestNote{Basis: m.order.Basis, BasisKind: m.order.BasisKind, Grants: m.signed}
	in, s := m.request.Instance, m.subject
	sealed, err := sealedNote(m.engine, requestNotes, in, move, s, note)
	if err != nil {
		return err
	}
	by := workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
	to, err := workflow.Do(m.ctx, tx.SQL(), workflow.DataRequest, in.ID, move, by, tx.Now(), workflow.Note{Code: m.order.BasisKind, Input: input, Text: sealed})
	if err != nil {
		return requestError(err)
	}
	return m.engine.tellRequest(tx, m.request, s.user, s.organization, move, to, m.order.BasisKind)
}

// tellRequest has the log say that a request was moved.
func (e *Engine) tellRequest(tx *registry.Tx, r *dataRequest, by, org, move string, to workflow.State, code string) error {
	fields := map[string]string{"request": r.document.Name, "scenario": r.spec.Scenario, "move": move, "state": string(to)}
	if org != "" {
		fields["org"] = org
	}
	if code != "" {
		fields["code"] = code
	}
	return tx.Emit(registry.Event{Kind: "request.moved", Actor: by, Zone: r.license.Zone, Fields: fields})
}

// refuse records that a move was refused and returns why.
func (m *requestMove) refuse(cause error) error {
	return m.engine.refuseMove(m.ctx, m.subject, "request.refused", m.order.Move, "request", printName(m.name), cause)
}

// requestError maps a refusal of the workflow.
func requestError(err error) error {
	switch {
	case errors.Is(err, workflow.ErrInput):
		return fail("REQUEST_MOVED", err)
	case errors.Is(err, workflow.ErrState), errors.Is(err, workflow.ErrMove):
		return fail("REQUEST_STATE", err)
	}
	return courseError(err)
}
