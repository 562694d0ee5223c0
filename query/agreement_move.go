package query

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

// AgreementOrder asks for one move of the course of a license.
type AgreementOrder struct {
	Move        string        `json:"move"`
	Basis       string        `json:"basis,omitempty"`
	Application *Application  `json:"application,omitempty"` // to apply
	Result      *ExpertResult `json:"result,omitempty"`      // to assess and to review
	// Ref and Date say where consent and publication are on record.
	Ref  string `json:"ref,omitempty"`
	Date string `json:"date,omitempty"`
	// Document is the license: unsigned to draft, with the signature of whoever asks to
	// sign.
	Document *registry.Document `json:"document,omitempty"`
}

// orderedCourseMoves are the moves that people ask for by name; suspension,
// resumption and termination are the document's, and expiry the clock's.
var orderedCourseMoves = []string{"apply", "check", "assess", "review", "consent", "publish", "draft", "sign", "activate", "offboard", "close", "reject", "withdraw"}

// courseMove is one move of a course on its way.
type courseMove struct {
	engine  *Engine
	ctx     context.Context
	subject Subject
	course  *course
	order   AgreementOrder
	shred   registry.Shred // of an offboarding
}

// ApplyForLicense files an operator's application under an open call: the form, five
// materials, and a clean record by the days on file (NJ24-07, NJ24-08, NJ24-09).
func (e *Engine) ApplyForLicense(ctx context.Context, s Subject, a Application) (*AgreementDetail, error) {
	m := &courseMove{engine: e, ctx: ctx, subject: s, order: AgreementOrder{Move: "apply"}}
	if !s.any(registry.RoleOperator) {
		return nil, m.refuse(fail("ROLE_REQUIRED", nil))
	}
	call, err := find[registry.Call](ctx, lookup{e, nil}, registry.KindCall, a.Call)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, m.refuse(fail("NOT_FOUND", nil).because("没有该公告", "there is no such call"))
	}
	if err != nil {
		return nil, asError(err)
	}
	faults, err := e.applicationFaults(ctx, s, a, call)
	if err != nil {
		return nil, asError(err)
	}
	if len(faults) > 0 {
		why := fail("APPLICATION_REFUSED", nil).because(faults[0].ZH, faults[0].EN)
		why.Details = faults
		return nil, m.refuse(why)
	}
	z, err := e.zoneOf(ctx, call.Zone)
	if err != nil {
		return nil, err
	}
	id := newID("course", e.cfg.Now())
	err = e.update(ctx, func(tx *registry.Tx) error {
		err := workflow.Start(ctx, tx.SQL(), workflow.Agreement, id, m.actor(), tx.Now(),
			workflow.Party{Role: registry.RoleZoneRegulator, Org: z.spec.Regulator})
		if err != nil {
			return courseMoveError(err)
		}
		if m.course, err = e.courseOf(ctx, tx.SQL(), id); err != nil {
			return err
		}
		return m.do(tx, courseNote{Application: &a, Zone: call.Zone}, "")
	})
	if err != nil {
		return nil, m.refuse(err)
	}
	return e.AgreementCourse(ctx, s, id)
}

// applicationFaults returns everything that stands against an application on this day.
func (e *Engine) applicationFaults(ctx context.Context, s Subject, a Application, call registry.Call) ([]Detail, error) {
	z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, call.Zone)
	if err != nil {
		return nil, err
	}
	org, err := find[registry.Organization](ctx, lookup{e, nil}, registry.KindOrganization, s.organization)
	if err != nil {
		return nil, err
	}
	var out []Detail
	fault := func(code, article, zh, en string) {
		out = append(out, Detail{Code: code, Articles: []string{article}, ZH: zh, EN: en})
	}
	pack, err := e.policy().Pack(z.Pack)
	if err != nil || pack.Eligibility == nil {
		fault("APPLICATION_NO_RULES", "NJ24-08", "政策包未规定申报条件", "the pack has no conditions for applications")
		return out, nil
	}
	now := e.cfg.Now()
	today := dayOf(now, pack)
	back := func(years int) string { return dayOf(now.AddDate(-years, 0, 0), pack) }
	if !call.Open(today) {
		fault("CALL_CLOSED", "NJ24-07", "不在公告的申报期内:"+call.Window.From+" 至 "+call.Window.Until, "the call takes applications from "+call.Window.From+" to "+call.Window.Until)
	}
	if len(a.Scenarios) == 0 || slices.ContainsFunc(a.Scenarios, func(sc string) bool { return !slices.Contains(call.Scenarios, sc) }) {
		fault("APPLICATION_SCENARIO", "NJ24-07", "申报场景须为公告所列:"+strings.Join(call.Scenarios, "、"), "apply for scenarios of the call: "+strings.Join(call.Scenarios, ", "))
	}
	for _, kind := range materialKinds {
		i := slices.IndexFunc(a.Materials, func(m Material) bool { return m.Kind == kind[0] })
		switch {
		case i < 0 || !sha256Hex(a.Materials[i].SHA256):
			fault("MATERIAL_MISSING", "NJ24-09", "缺少"+kind[1]+"或其 SHA-256", "the "+kind[2]+" or its SHA-256 is missing")
		case !civilDay(a.Materials[i].Date) || a.Materials[i].Date > today:
			fault("MATERIAL_DATE", "NJ24-09", kind[1]+"的日期有误", "the date of the "+kind[2]+" is wrong")
		case slices.Contains(datedMaterials, kind[0]) && a.Materials[i].Date < back(pack.Eligibility.AuditReportYears):
			fault("MATERIAL_OLD", "NJ24-09", kind[1]+"早于最近"+strconv.Itoa(pack.Eligibility.AuditReportYears)+"年", "the "+kind[2]+" is older than the rules allow")
		}
	}
	if len(a.Materials) > len(materialKinds) {
		fault("MATERIAL_EXTRA", "NJ24-09", "材料多于要求", "there are more materials than asked for")
	}
	dishonesty, incident := onRecord(org, pack, now)
	if dishonesty {
		fault("OPERATOR_NOT_ELIGIBLE", "NJ24-08", "近年有严重失信行为记录", "an act of dishonesty is on record within the years that count")
	}
	if incident {
		fault("OPERATOR_NOT_ELIGIBLE", "NJ24-08", "近年发生过网络安全或者数据安全事件", "a security incident is on record within the years that count")
	}
	return out, nil
}

func civilDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func sha256Hex(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// MoveAgreement makes one move of a course in one transaction with its audit event.
func (e *Engine) MoveAgreement(ctx context.Context, s Subject, id string, o AgreementOrder) (*AgreementDetail, error) {
	if !slices.Contains(orderedCourseMoves, o.Move) || o.Move == "apply" {
		return nil, BadRequest("move 须为 "+strings.Join(orderedCourseMoves[1:], "、"), "move must be one of "+strings.Join(orderedCourseMoves[1:], ", "))
	}
	m := &courseMove{engine: e, ctx: ctx, subject: s, order: o}
	if !s.any(workflow.Agreement.Movers(o.Move)...) {
		return nil, m.refuse(fail("ROLE_REQUIRED", nil))
	}
	before, err := e.AgreementCourse(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if o.Move == "activate" {
		return m.activate(id, before)
	}
	if err := m.before(before); err != nil {
		return nil, m.refuse(err)
	}
	err = e.update(ctx, func(tx *registry.Tx) (err error) {
		if m.course, err = e.courseOf(ctx, tx.SQL(), id); err != nil {
			return err
		}
		return m.make(tx)
	})
	if err != nil {
		return nil, m.refuse(err)
	}
	return e.AgreementCourse(ctx, s, id)
}

// before refuses, outside of the transaction, what the registry has against a draft,
// and makes the order by which a workspace is destroyed.
func (m *courseMove) before(at *AgreementDetail) (err error) {
	switch {
	case m.order.Move == "draft" && m.order.Document != nil:
		doc := *m.order.Document
		doc.Signatures = nil
		faults, err := m.engine.registry.Check(m.ctx, m.subject.user, doc)
		if err != nil {
			return documentError(err)
		}
		faults = slices.DeleteFunc(faults, func(f registry.Fault) bool { return f.Path == "/signatures" }) // they come later
		if len(faults) > 0 {
			return documentError(&registry.Refusal{Faults: faults})
		}
	case m.order.Move == "offboard":
		m.shred, err = m.engine.newShred(m.ctx, m.subject, ShredOrder{Kind: registry.ShredWorkspace, Organization: at.Operator, Reason: "YC22-40 " + at.ID})
	}
	return err
}

// make makes a move that no document makes.
func (m *courseMove) make(tx *registry.Tx) error {
	o, note := m.order, courseNote{Basis: m.order.Basis}
	switch o.Move {
	case "assess", "review":
		return m.judge(tx)
	case "consent", "publish":
		note.Ref, note.Date = o.Ref, o.Date
		if strings.TrimSpace(o.Ref) == "" || !civilDay(o.Date) {
			return BadRequest("须写明文号 (--ref) 与日期 (--date)", "say where (--ref) and on what day (--date)")
		}
		if err := m.past(o.Date); err != nil {
			return err
		}
		for _, n := range m.course.notes {
			if n.Date > o.Date {
				return BadRequest("公开不得早于市政府同意", "it is not published before the consent")
			}
		}
	case "draft":
		return m.draft(tx)
	case "sign":
		return m.sign(tx)
	case "offboard":
		return m.offboard(tx)
	case "close":
		if err := m.allDone(); err != nil {
			return err
		}
	case "check", "reject":
		if strings.TrimSpace(o.Basis) == "" {
			return BadRequest("须说明依据 (--basis)", "say on what basis (--basis)")
		}
	}
	return m.do(tx, note, "")
}

// past refuses a day that is still to come by the clock of the zone's pack.
func (m *courseMove) past(day string) error {
	z, err := find[registry.Zone](m.ctx, lookup{m.engine, nil}, registry.KindZone, m.course.zone)
	if err != nil {
		return err
	}
	pack, err := m.engine.policy().Pack(z.Pack)
	if err != nil {
		return err
	}
	if day > dayOf(m.engine.cfg.Now(), pack) {
		return BadRequest("日期不得晚于今日", "the day is still to come")
	}
	return nil
}

// judge enters the result of the experts: in an industry zone the regulator binds it
// and the city authority enters the same (NJ24-10). What the experts refused is
// rejected, not entered.
func (m *courseMove) judge(tx *registry.Tx) error {
	r := m.order.Result
	if r == nil || len(r.Experts) == 0 || strings.TrimSpace(r.Opinion) == "" || !civilDay(r.Date) || !r.Passed {
		return BadRequest("须写明专家、意见、日期与通过的结论;未通过的用 reject", "name the experts, their opinion, the day and that they agree; what they do not is rejected")
	}
	if err := m.past(r.Date); err != nil {
		return err
	}
	digest, err := r.digest()
	if err != nil {
		return err
	}
	if m.order.Move == "review" {
		z, err := find[registry.Zone](m.ctx, lookup{m.engine, nil}, registry.KindZone, m.course.zone)
		if err != nil {
			return err
		}
		if z.Kind != zoneIndustry && m.course.Input == "" {
			digest = "" // the city authority is the regulator (NJ24-06)
		}
	}
	return m.do(tx, courseNote{Basis: m.order.Basis, Result: r}, digest)
}

const zoneIndustry = "INDUSTRY"

// draft binds the text of the license: of this operator, this zone and this course.
func (m *courseMove) draft(tx *registry.Tx) error {
	if m.order.Document == nil || m.order.Document.Kind != registry.KindLicense || registry.NoDuplicates(m.order.Document.Spec) != nil {
		return BadRequest("缺少协议文本 (License)", "the text of the license is missing (License)")
	}
	doc := *m.order.Document
	doc.Signatures = nil
	l, err := registry.SpecOf[registry.License](doc)
	if err != nil || l.Operator != m.course.RequesterOrg || l.Zone != m.course.zone || l.Course != m.course.ID || l.Status != registry.StatusActive {
		return BadRequest("协议的运营单位、专区、course 须与本事项一致,status 为 ACTIVE", "operator, zone and course must be those of this course, and the status ACTIVE")
	}
	if _, err := find[registry.License](m.ctx, lookup{m.engine, nil}, registry.KindLicense, doc.Name); !errors.Is(err, registry.ErrNotFound) {
		return errors.Join(err, BadRequest("该名称已有协议", "there is a license of that name"))
	}
	return m.do(tx, courseNote{Basis: m.order.Basis, Document: &doc}, digestOf(doc))
}

// sign adds the signature of one party under the text as it was drafted.
func (m *courseMove) sign(tx *registry.Tx) error {
	given := m.order.Document
	if given == nil {
		return BadRequest("缺少经签名的协议", "the signed license is missing")
	}
	if !bytes.Equal(given.Payload(), m.course.document.Payload()) {
		return fail("AGREEMENT_MOVED", nil)
	}
	i := slices.IndexFunc(given.Signatures, func(s registry.Signature) bool { return s.By == m.subject.user })
	p, err := m.engine.registry.Person(m.ctx, m.subject.user)
	if err != nil {
		return err
	}
	if i < 0 || given.Signatures[i].Key != p.SigningKey || !given.Verify(given.Signatures[i]) {
		return denied([]Detail{{Code: registry.CodeSignature, Articles: []string{"NJ24-10"}, ZH: "缺少 " + m.subject.user + " 的签名", EN: "the signature of " + m.subject.user + " is missing",
			HintZH: "用 zonebox license sign 会自动签名", HintEN: "zonebox license sign signs by itself"}})
	}
	if slices.ContainsFunc(m.course.document.Signatures, func(s registry.Signature) bool { return s.By == m.subject.user }) {
		return fail("AGREEMENT_STATE", nil).because("已签署", "you have signed it")
	}
	return m.do(tx, courseNote{Signature: &given.Signatures[i]}, digestOf(*given))
}

// activate puts the signed license into force by the same door as any document, which
// moves the course with it.
func (m *courseMove) activate(id string, before *AgreementDetail) (*AgreementDetail, error) {
	if before.State != string(workflow.Signing) {
		return nil, m.refuse(fail("AGREEMENT_STATE", nil))
	}
	if _, err := m.engine.Apply(m.ctx, m.subject, bytes.NewReader(before.Document)); err != nil {
		return nil, err
	}
	return m.engine.AgreementCourse(m.ctx, m.subject, id)
}

func (m *courseMove) actor() workflow.Actor {
	return workflow.Actor{User: m.subject.user, Org: m.subject.organization, Roles: m.subject.roles}
}

// do makes the move of the workflow, keeps what was said and emits its event.
func (m *courseMove) do(tx *registry.Tx, note courseNote, input string) error {
	c := m.course
	sealed, err := sealedNote(m.engine, agreementNotes, c.Instance, m.order.Move, m.subject, note)
	if err != nil {
		return err
	}
	to, err := workflow.Do(m.ctx, tx.SQL(), workflow.Agreement, c.ID, m.order.Move, m.actor(), tx.Now(), workflow.Note{Input: input, Text: sealed})
	if err != nil {
		return courseMoveError(err)
	}
	zone := c.zone
	if zone == "" {
		zone = note.Zone
	}
	fields := map[string]string{"course": c.ID, "move": m.order.Move, "state": string(to), "org": m.subject.organization, "operator": c.RequesterOrg}
	for name, value := range map[string]string{"license": c.document.Name, "shred": note.Shred} {
		if value != "" {
			fields[name] = value
		}
	}
	return tx.Emit(registry.Event{Kind: "agreement.moved", Actor: m.subject.user, Zone: zone, Fields: fields})
}

// refuse records that a move was refused and returns why.
func (m *courseMove) refuse(cause error) error {
	id := ""
	if m.course != nil {
		id = m.course.ID
	}
	return m.engine.refuseMove(m.ctx, m.subject, "agreement.refused", m.order.Move, "course", id, cause)
}
