package query

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

// Application is what an operator files under a call.
type Application struct {
	Call      string     `json:"call"`
	Title     string     `json:"title"`
	Scenarios []string   `json:"scenarios"` // of those the call names
	Materials []Material `json:"materials"`
}

// Material is one paper of an application, by its digest; the paper itself stays with
// who holds the file.
type Material struct {
	Kind   string `json:"kind"`
	Date   string `json:"date"` // of the report
	SHA256 string `json:"sha256"`
}

// materialKinds are the form and the five materials (NJ24-09), with what people call
// them.
var materialKinds = [][3]string{
	{"APPLICATION_FORM", "授权运营申请表", "application form"},
	{"AUDIT_REPORT", "第三方审计报告", "third-party audit report"},
	{"FINANCIAL_REPORT", "财务会计报告", "financial report"},
	{"SECURITY_COMMITMENT", "数据安全承诺书", "data security commitment"},
	{"RISK_ASSESSMENT", "安全风险自评报告", "own assessment of security risks"},
	{"CREDIT_REPORT", "企业信用报告", "credit report"},
}

// MaterialTitle returns what people call a kind of material, or the kind itself if
// there is none of that name.
func MaterialTitle(kind string) (zh, en string) {
	for _, m := range materialKinds {
		if m[0] == kind {
			return m[1], m[2]
		}
	}
	return kind, kind
}

// datedMaterials are the reports that must be of the pack's last years.
var datedMaterials = []string{"AUDIT_REPORT", "FINANCIAL_REPORT"}

// ExpertResult is what the experts found (NJ24-10).
type ExpertResult struct {
	Experts []string `json:"experts"`
	Passed  bool     `json:"passed"`
	Opinion string   `json:"opinion"`
	Date    string   `json:"date"`
}

// AgreementView is the course of a license as people see it.
type AgreementView struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Zone     string `json:"zone"`
	Operator string `json:"operator"`
	Call     string `json:"call"`
	Title    string `json:"title"`
	License  string `json:"license,omitempty"` // once it is drafted
	// NextZH and NextEN say who does what next.
	NextZH string    `json:"next_zh"`
	NextEN string    `json:"next_en"`
	At     time.Time `json:"at"` // of the last move
}

// AgreementDetail is a course with what was filed and said.
type AgreementDetail struct {
	AgreementView
	Application Application     `json:"application"`
	Result      *ExpertResult   `json:"result,omitempty"`
	Document    json.RawMessage `json:"document,omitempty"` // the license as drafted, with the signatures so far
	Missing     []string        `json:"missing,omitempty"`  // parties that have still to sign, while it is signed
	Shred       string          `json:"shred,omitempty"`    // the order to destroy the workspace
	Notes       []ReasonView    `json:"notes,omitempty"`    // what decisions under it warn of today, while it is in force
	Moves       []AgreementStep `json:"moves"`
}

// AgreementStep is one move that was made.
type AgreementStep struct {
	Move  string    `json:"move"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	Org   string    `json:"org"`
	Basis string    `json:"basis,omitempty"`
	Ref   string    `json:"ref,omitempty"`
	Date  string    `json:"date,omitempty"`
}

// courseNote is what a move keeps, sealed.
type courseNote struct {
	Basis       string              `json:"basis,omitempty"`
	Application *Application        `json:"application,omitempty"`
	Zone        string              `json:"zone,omitempty"`
	Result      *ExpertResult       `json:"result,omitempty"`
	Ref         string              `json:"ref,omitempty"`
	Date        string              `json:"date,omitempty"`
	Document    *registry.Document  `json:"document,omitempty"`
	Signature   *registry.Signature `json:"signature,omitempty"`
	Shred       string              `json:"shred,omitempty"`
}

// course is the stored course of a license with what its moves kept.
type course struct {
	workflow.Instance
	notes       []courseNote
	zone        string
	application Application
	result      *ExpertResult
	document    registry.Document // with the signatures under the last draft
	shred       string
}

// courseOf opens the stored course id.
func (e *Engine) courseOf(ctx context.Context, q workflow.Querier, id string) (*course, error) {
	in, err := workflow.Get(ctx, q, workflow.Agreement, id)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, err
	}
	c := &course{Instance: in}
	if c.notes, err = notesOf[courseNote](e, agreementNotes, in); err != nil {
		return nil, err
	}
	for _, note := range c.notes {
		switch {
		case note.Application != nil:
			c.application, c.zone = *note.Application, note.Zone
		case note.Result != nil:
			c.result = note.Result
		case note.Document != nil: // a new draft has no signatures
			c.document = *note.Document
		case note.Signature != nil:
			c.document.Signatures = append(c.document.Signatures, *note.Signature)
		case note.Shred != "":
			c.shred = note.Shred
		}
	}
	return c, nil
}

// maySeeCourse reports whether s may see a course: the operator that applied, the
// zone's regulator, and who supervises or carries it out.
func (s Subject) maySeeCourse(c *course) bool {
	return s.any(registry.RoleCityAuthority, registry.RoleAuditor, registry.RoleSecurity, registry.RoleDataCentre) ||
		s.party(c.Instance, registry.RoleZoneRegulator) || s.any(registry.RoleOperator) && s.organization == c.RequesterOrg
}

// Agreements lists the courses of licenses that s may see, the oldest first.
func (e *Engine) Agreements(ctx context.Context, s Subject) ([]AgreementView, error) {
	out := []AgreementView{}
	err := e.registry.View(ctx, func(tx *sql.Tx) error {
		queue, err := workflow.Queue(ctx, tx, workflow.Agreement)
		if err != nil {
			return err
		}
		for _, in := range queue {
			c, err := e.courseOf(ctx, tx, in.ID)
			if err != nil {
				return err
			}
			if s.maySeeCourse(c) {
				out = append(out, c.view())
			}
		}
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// AgreementCourse returns one course with its moves.
func (e *Engine) AgreementCourse(ctx context.Context, s Subject, id string) (*AgreementDetail, error) {
	var c *course
	err := e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		c, err = e.courseOf(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	if !s.maySeeCourse(c) {
		return nil, fail("NOT_FOUND", nil)
	}
	out := &AgreementDetail{AgreementView: c.view(), Application: c.application, Result: c.result, Shred: c.shred, Moves: []AgreementStep{}}
	if c.document.Kind != "" {
		if out.Document, err = json.Marshal(c.document); err != nil {
			return nil, asError(err)
		}
	}
	if c.State == workflow.Active {
		if out.Notes, err = e.warnedToday(ctx, c.document); err != nil {
			return nil, asError(err)
		}
	}
	if c.State == workflow.Drafted || c.State == workflow.Signing {
		if out.Missing, err = e.unsigned(ctx, c); err != nil {
			return nil, asError(err)
		}
	}
	for i, h := range c.History {
		n := c.notes[i]
		out.Moves = append(out.Moves, AgreementStep{Move: h.Move, From: string(h.From), To: string(h.To), At: h.At, By: h.User, Org: h.Org,
			Basis: n.Basis, Ref: n.Ref, Date: n.Date})
	}
	return out, nil
}

// unsigned returns the roles of the parties that have not signed the draft.
func (e *Engine) unsigned(ctx context.Context, c *course) ([]string, error) {
	z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, c.zone)
	if err != nil {
		return nil, err
	}
	pack, err := e.policy().Pack(z.Pack)
	if err != nil {
		return nil, err
	}
	missing := slices.Clone(pack.Signers[z.Kind])
	for i, h := range c.History {
		if h.Move == "draft" {
			missing = slices.Clone(pack.Signers[z.Kind])
		}
		if c.notes[i].Signature != nil {
			missing = slices.DeleteFunc(missing, func(r string) bool { return r == h.Role })
		}
	}
	return missing, nil
}

func (c *course) view() AgreementView {
	next := nextSteps[c.State]
	return AgreementView{ID: c.ID, State: string(c.State), Zone: c.zone, Operator: c.RequesterOrg, Call: c.application.Call, Title: c.application.Title,
		License: c.document.Name, NextZH: next[0], NextEN: next[1], At: c.MovedAt}
}

// nextSteps say of each state who does what next.
var nextSteps = map[workflow.State][2]string{
	workflow.CallOpen:     {"运营单位提交申报材料", "the operator files its application"},
	workflow.Applied:      {"市数据主管部门核对申请表与五项材料", "the city authority checks the form and the five materials"},
	workflow.MaterialsOK:  {"专区监管部门登记专家评审结果,市数据主管部门核同", "the zone regulator enters the result of the experts and the city authority the same"},
	workflow.Reviewed:     {"市数据主管部门登记市政府同意", "the city authority enters the consent of the city government"},
	workflow.GovConsented: {"市数据主管部门登记向社会公开的日期与出处", "the city authority enters when and where it was published"},
	workflow.Published:    {"市数据主管部门起草协议", "the city authority drafts the license"},
	workflow.Drafted:      {"各方签署协议", "the parties sign the license"},
	workflow.Signing:      {"其余各方签署;签齐后市数据主管部门使协议生效", "the other parties sign; then the city authority puts it into force"},
	workflow.Active:       {"按协议运营;期满由系统时钟终止", "operate under the license; the clock ends it after its last day"},
	workflow.Suspended:    {"市数据主管部门会同专区监管部门恢复或终止", "the city authority together with the zone regulator resumes or terminates it"},
	workflow.Terminated:   {"数据中心办理退出", "the data centre offboards the operator"},
	workflow.Expired:      {"数据中心办理退出", "the data centre offboards the operator"},
	workflow.Offboarding:  {"确认销毁(shred confirm)后,由审计或市数据主管部门核验并办结", "confirm the destruction (shred confirm); then the auditor or the city authority checks and closes"},
	workflow.Closed:       {"已办结", "closed"},
	workflow.Rejected:     {"已驳回", "rejected"},
	workflow.Withdrawn:    {"已撤回", "withdrawn"},
}

func digestOf(doc registry.Document) string {
	sum := sha256.Sum256(doc.Payload())
	return hex.EncodeToString(sum[:])
}

// digest binds what the experts found.
func (r ExpertResult) digest() (string, error) {
	text, err := json.Marshal(r)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}
