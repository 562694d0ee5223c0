package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

// RequestView is a data request as a line of a list: what is asked for, where it is
// on its way, and who takes the next step.
type RequestView struct {
	Name     string      `json:"name"`
	Scenario string      `json:"scenario"`
	Zone     string      `json:"zone"`
	Operator string      `json:"operator"`
	State    string      `json:"state"`
	Datasets []string    `json:"datasets"`
	From     string      `json:"from"`
	Until    string      `json:"until"`
	FiledBy  string      `json:"filed_by,omitempty"`
	FiledAt  *time.Time  `json:"filed_at,omitempty"`
	Next     RequestStep `json:"next"`
}

// RequestStep says who is to do what; Roles is empty where nobody is to do anything.
// Yours says that the person who asks is one who may.
type RequestStep struct {
	Roles []string `json:"roles,omitempty"`
	Moves []string `json:"moves,omitempty"`
	ZH    string   `json:"zh"`
	EN    string   `json:"en"`
	Yours bool     `json:"yours,omitempty"`
}

// RequestDetail is a data request with its document, the grants it is decided on and
// its whole course (JM19-21).
type RequestDetail struct {
	RequestView
	Document json.RawMessage     `json:"document"`
	Grants   []registry.Document `json:"grants"`
	History  []RequestMoveView   `json:"history"`
}

// RequestMoveView is one move of a data request.
type RequestMoveView struct {
	Move      string    `json:"move"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Org       string    `json:"org,omitempty"`
	Role      string    `json:"role"`
	Basis     string    `json:"basis,omitempty"`
	BasisKind string    `json:"basis_kind,omitempty"`
}

// requestSteps says of each state who takes the next step.
var requestSteps = map[workflow.State]RequestStep{
	workflow.Draft: {Roles: []string{registry.RoleOperator}, Moves: []string{"submit"},
		ZH: "运营单位签署三项承诺后提交", EN: "the operator signs the three commitments and submits it"},
	workflow.Submitted: {Roles: []string{registry.RoleZoneRegulator}, Moves: []string{"assess", "return", "reject"},
		ZH: "专区监管部门评估", EN: "the zone's regulator assesses it"},
	workflow.ZregAssessing: {Roles: []string{registry.RoleZoneRegulator}, Moves: []string{"assess", "return", "reject", "dispute"},
		ZH: "专区监管部门评估", EN: "the zone's regulator assesses it"},
	workflow.ProvReviewing: {Roles: []string{registry.RoleProvider}, Moves: []string{"approve", "return", "reject", "dispute"},
		ZH: "数据提供单位审核", EN: "the provider reviews it"},
	workflow.Disputed: {Roles: []string{registry.RoleCityAuthority}, Moves: []string{"uphold", "resume"},
		ZH: "市数据主管部门协调处理;其间冻结", EN: "the city authority decides; frozen until then"},
	workflow.Approved: {Roles: []string{registry.RoleDataCentre}, Moves: []string{"load"},
		ZH: "授权已生效;数据中心按授权装载交付", EN: "the grant is in force; the data centre loads a delivery under it"},
	workflow.Shared: {Roles: []string{registry.RoleDataCentre}, Moves: []string{"load"},
		ZH: "数据中心装载交付", EN: "the data centre loads the delivery"},
	workflow.Loaded:   {ZH: "可以查询", EN: "it can be queried"},
	workflow.Returned: {ZH: "已退回;运营单位补正后另行申请", EN: "returned; the operator mends it and files another"},
	workflow.Rejected: {Roles: []string{registry.RoleOperator}, Moves: []string{"dispute"},
		ZH: "未获同意;运营单位有异议的,可提请市数据主管部门协调", EN: "refused; the operator may bring it before the city authority"},
	workflow.Revoked: {ZH: "授权已撤销", EN: "the grant was revoked"},
	workflow.Lapsed:  {ZH: "协议或期限届满,已失效", EN: "lapsed with the agreement or its term"},
}

// dataRequest is a data request with what it belongs to and its course.
type dataRequest struct {
	workflow.Instance
	document registry.Document
	meta     registry.Meta
	spec     registry.DataRequest
	scenario registry.Scenario
	license  registry.License
	zone     registry.Zone
	begun    bool // it has a course
	notes    []requestNote
}

// requestNote is what a move of a data request keeps, sealed.
type requestNote struct {
	Basis     string              `json:"basis,omitempty"`
	BasisKind string              `json:"basis_kind,omitempty"`
	Grants    []registry.Document `json:"grants,omitempty"`
}

// dataRequest returns the request of that name.
func (e *Engine) dataRequest(ctx context.Context, name string) (*dataRequest, error) {
	var r *dataRequest
	err := e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		r, err = e.dataRequestIn(ctx, tx, name)
		return err
	})
	return r, err
}

// dataRequestIn is dataRequest with its course as q sees it.
func (e *Engine) dataRequestIn(ctx context.Context, q workflow.Querier, name string) (*dataRequest, error) {
	r := &dataRequest{}
	var err error
	if r.document, r.meta, err = e.registry.Get(ctx, registry.KindRequest, name); err != nil {
		return nil, err
	}
	if r.spec, err = registry.SpecOf[registry.DataRequest](r.document); err != nil {
		return nil, err
	}
	all := lookup{e, nil}
	if r.scenario, err = find[registry.Scenario](ctx, all, registry.KindScenario, r.spec.Scenario); err != nil {
		return nil, err
	}
	if r.license, err = find[registry.License](ctx, all, registry.KindLicense, r.scenario.License); err != nil {
		return nil, err
	}
	if r.zone, err = find[registry.Zone](ctx, all, registry.KindZone, r.license.Zone); err != nil {
		return nil, err
	}
	r.Instance, err = workflow.Get(ctx, q, workflow.DataRequest, name)
	if errors.Is(err, workflow.ErrNotFound) {
		r.ID, r.State = name, workflow.State(r.spec.Status)
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.begun = true
	r.notes, err = notesOf[requestNote](e, requestNotes, r.Instance)
	return r, err
}

// bound returns the grants as they were last signed, none before the assessment.
func (r *dataRequest) bound() []registry.Document {
	for i := len(r.notes) - 1; i >= 0; i-- {
		if r.notes[i].Grants != nil {
			return r.notes[i].Grants
		}
	}
	return nil
}

// maySeeRequest reports whether s has a part in a request, or supervises. A draft is
// its operator's alone.
func (s Subject) maySeeRequest(r *dataRequest) bool {
	if s.any(registry.RoleOperator) || r.State == workflow.Draft {
		return s.any(registry.RoleOperator) && s.organization == r.license.Operator
	}
	return s.any(registry.RoleCityAuthority, registry.RoleAuditor, registry.RoleSecurity, registry.RoleDataCentre) ||
		s.any(registry.RoleZoneRegulator) && s.organization == r.zone.Regulator || s.party(r.Instance, registry.RoleProvider)
}

// next says who takes the next step, and whether it is s.
func (s Subject) next(r *dataRequest) RequestStep {
	step := requestSteps[r.State]
	for _, role := range step.Roles {
		if !s.any(role) {
			continue
		}
		switch role {
		case registry.RoleOperator:
			step.Yours = s.organization == r.license.Operator
		case registry.RoleZoneRegulator:
			step.Yours = s.organization == r.zone.Regulator
		case registry.RoleProvider:
			step.Yours = s.party(r.Instance, role) && slices.Contains(r.waiting(), s.organization)
		default:
			step.Yours = true
		}
	}
	return step
}

// waiting returns the providers that have still to agree, in the order of the grants.
func (r *dataRequest) waiting() []string {
	var out []string
	for _, doc := range r.bound() {
		g, err := registry.SpecOf[registry.Grant](doc)
		if err == nil && r.agreed(g.Prov.Org) == "" && !slices.Contains(out, g.Prov.Org) {
			out = append(out, g.Prov.Org)
		}
	}
	return out
}

// agreed returns who agreed for a provider since the request was last assessed, "" if
// nobody has.
func (r *dataRequest) agreed(org string) string {
	for i := len(r.History) - 1; i >= 0 && r.History[i].Move != "assess"; i-- {
		if s := r.History[i]; (s.Move == "agree" || s.Move == "approve") && s.Org == org {
			return s.User
		}
	}
	return ""
}

func (e *Engine) requestView(s Subject, r *dataRequest) RequestView {
	v := RequestView{Name: r.document.Name, Scenario: r.spec.Scenario, Zone: r.license.Zone, Operator: r.license.Operator,
		State: string(r.State), From: r.spec.From, Until: r.spec.Until, Next: s.next(r)}
	for _, d := range r.spec.Datasets {
		v.Datasets = append(v.Datasets, d.Dataset)
	}
	switch {
	case r.begun:
		v.FiledBy, v.FiledAt = r.Requester, &r.StartedAt
	case r.State == workflow.Submitted:
		v.FiledBy, v.FiledAt = r.meta.By, &r.meta.At
	}
	return v
}

// DataRequests lists the data requests that s has a part in or supervises, by name.
func (e *Engine) DataRequests(ctx context.Context, s Subject) ([]RequestView, error) {
	metas, err := e.registry.List(ctx, registry.KindRequest)
	if err != nil {
		return nil, asError(err)
	}
	out := []RequestView{}
	for _, m := range metas {
		r, err := e.dataRequest(ctx, m.Name)
		if err != nil {
			return nil, asError(err)
		}
		if s.maySeeRequest(r) {
			out = append(out, e.requestView(s, r))
		}
	}
	return out, nil
}

// DataRequest returns a data request with its course. Whoever is to assess it is
// shown the grants to sign, whoever reviews it those that were assessed.
func (e *Engine) DataRequest(ctx context.Context, s Subject, name string) (*RequestDetail, error) {
	r, err := e.dataRequest(ctx, name)
	if errors.Is(err, registry.ErrNotFound) || err == nil && !s.maySeeRequest(r) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	d := &RequestDetail{RequestView: e.requestView(s, r), Grants: r.bound(), History: []RequestMoveView{}}
	if d.Document, err = json.Marshal(r.document); err != nil {
		return nil, asError(err)
	}
	if d.Next.Yours && (r.State == workflow.ZregAssessing || r.State == workflow.Submitted) {
		if d.Grants, err = e.draftGrants(ctx, s, r); err != nil {
			return nil, asError(err)
		}
	}
	for i, step := range r.History {
		d.History = append(d.History, RequestMoveView{Move: step.Move, From: string(step.From), To: string(step.To), At: step.At,
			By: step.User, Org: step.Org, Role: step.Role, Basis: r.notes[i].Basis, BasisKind: r.notes[i].BasisKind})
	}
	return d, nil
}
