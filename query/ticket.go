package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

// TraceView leads from a run back to where its data come from, link by link
// (YC22-16, NJ24-20).
type TraceView struct {
	Run       string        `json:"run"`
	Requester string        `json:"requester"`
	Scenario  string        `json:"scenario"`
	Zone      string        `json:"zone"`
	State     string        `json:"state"` // of the query, or of the release if there is one
	Sources   []TraceSource `json:"sources"`
}

// TraceSource is one data version that a run read, with each version it was made
// from.
type TraceSource struct {
	Dataset  string    `json:"dataset"`
	Version  string    `json:"version"`
	State    string    `json:"state"`
	Provider string    `json:"provider"`
	Grant    string    `json:"grant"`
	Delivery string    `json:"delivery"` // SHA-256 of the file as delivered
	Acquired string    `json:"acquired"`
	LoadedBy string    `json:"loaded_by"`
	LoadedAt time.Time `json:"loaded_at"`
	Mode     string    `json:"mode,omitempty"`
	Base     string    `json:"base,omitempty"`
	Score    *float64  `json:"score,omitempty"` // of its newest report
}

// Trace answers where the figures of a run come from. It is for the data centre
// and those who supervise; providers and operators read it from their tickets.
func (e *Engine) Trace(ctx context.Context, s Subject, run string) (*TraceView, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleAuditor, registry.RoleCityAuthority, registry.RoleZoneRegulator, registry.RoleSecurity) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	t, err := e.trace(ctx, run)
	if err != nil {
		return nil, asError(err)
	}
	if !s.any(registry.RoleDataCentre, registry.RoleAuditor, registry.RoleSecurity) && !e.competent(ctx, s, t.Zone) {
		return nil, fail("NOT_FOUND", nil) // another zone's
	}
	return t, nil
}

func (e *Engine) trace(ctx context.Context, run string) (*TraceView, error) {
	_, in, err := e.present(ctx, run)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, err
	}
	r, err := e.registry.LoadRun(ctx, run)
	if err != nil {
		return nil, err
	}
	out := &TraceView{Run: run, Requester: in.Requester, Scenario: r.Scenario, Zone: r.Zone, State: string(in.State), Sources: []TraceSource{}}
	rec, err := e.recordOf(ctx, run)
	if err != nil {
		return nil, err
	}
	for _, src := range rec.Sources {
		links, err := e.links(ctx, src.Dataset, src.Version)
		if err != nil {
			return nil, err
		}
		out.Sources = append(out.Sources, links...)
	}
	return out, nil
}

// links returns a data version and those it was made from, the newest first.
func (e *Engine) links(ctx context.Context, dataset, version string) ([]TraceSource, error) {
	entry, err := find[registry.Dataset](ctx, lookup{e, nil}, registry.KindDataset, dataset)
	if err != nil {
		return nil, err
	}
	var out []TraceSource
	for version != "" && !slices.ContainsFunc(out, func(l TraceSource) bool { return l.Version == version }) {
		v, err := e.registry.DataVersion(ctx, entry.Zone, dataset, version)
		if err != nil {
			return nil, err
		}
		l := TraceSource{Dataset: dataset, Version: version, State: v.State, Provider: v.Lineage.Provider, Grant: v.Lineage.Grant, Delivery: v.Lineage.Delivery,
			Acquired: v.Lineage.Acquired, LoadedBy: v.LoadedBy, LoadedAt: v.LoadedAt, Mode: v.Lineage.Mode, Base: v.Lineage.Base}
		reports, err := e.registry.QualityReports(ctx, entry.Zone, dataset, version, 1)
		if err != nil {
			return nil, err
		}
		if len(reports) > 0 {
			r, err := reportOf(reports[0])
			if err != nil {
				return nil, err
			}
			l.Score = &r.Score
		}
		out, version = append(out, l), v.Lineage.Base
	}
	return out, nil
}

// TicketRequest is a doubt about the data of a dataset: of a run that read them, or
// of what is in use now. Or it is a task to put them right (YC22-16), which comes of a
// ticket or of the quality report of a version.
type TicketRequest struct {
	Dataset string   `json:"dataset"`
	Run     string   `json:"run,omitempty"`
	Columns []string `json:"columns,omitempty"`
	Text    string   `json:"text"`
	Task    bool     `json:"task,omitempty"`
	Ticket  string   `json:"ticket,omitempty"`
	Report  string   `json:"report,omitempty"` // the version that was measured
}

// openers are the roles that open a ticket: doubts are theirs who use or hold the
// data, tasks theirs who answer for the zone.
func (r TicketRequest) openers() []string {
	if r.Task {
		return []string{registry.RoleZoneRegulator, registry.RoleCityAuthority, registry.RoleDataCentre}
	}
	return []string{registry.RoleOperator, registry.RoleDataCentre, registry.RoleProvider}
}

// Ticket is a quality ticket. What was said is sealed in the registry.
type Ticket struct {
	ID       string        `json:"id"`
	State    string        `json:"state"`
	Dataset  string        `json:"dataset"`
	Zone     string        `json:"zone"`
	Provider string        `json:"provider"`
	Run      string        `json:"run,omitempty"`
	Columns  []string      `json:"columns,omitempty"`
	Text     string        `json:"text"`
	Task     bool          `json:"task,omitempty"`
	Ticket   string        `json:"ticket,omitempty"` // that a task comes of
	Report   string        `json:"report,omitempty"`
	By       string        `json:"by"`
	Org      string        `json:"org"`
	At       time.Time     `json:"at"`
	Links    []TraceSource `json:"links,omitempty"` // the newest first
	Moves    []MoveView    `json:"moves"`

	final bool // a task that the city authority ordered, who decides on disputes
}

// openStates are those of a ticket that is not settled.
var openStates = []workflow.State{workflow.Opened, workflow.Traced, workflow.Assigned, workflow.Replied, workflow.Corrected, workflow.NotAnError, workflow.Verified, workflow.Conflict}

// ticketBody is what the trace of a ticket keeps, sealed.
type ticketBody struct {
	Request  TicketRequest `json:"request"`
	Final    bool          `json:"final,omitempty"`
	Zone     string        `json:"zone"`
	Provider string        `json:"provider"`
	Links    []TraceSource `json:"links"`
}

// OpenTicket opens a ticket, traces it and assigns it to the provider of the data
// it is about. The data stay in use (YC22-23). An operator names a run of its own.
// A task is ordered by the regulator of the data's zone, the city authority or the
// data centre, and never of their own organization.
func (e *Engine) OpenTicket(ctx context.Context, s Subject, req TicketRequest) (*Ticket, error) {
	if !s.any(req.openers()...) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if req.Task != (req.Ticket != "" || req.Report != "") || req.Ticket != "" && req.Report != "" || req.Task && req.Run != "" {
		return nil, BadRequest("整改任务 (task) 须写明且只写一项来源:ticket 或 report;疑问不写", "a task names what it comes of, a ticket or a report, and a doubt neither")
	}
	if req.Dataset == "" || req.Text == "" || len(req.Text) > 2000 || len(req.Columns) > 100 {
		return nil, BadRequest("须写明数据集与疑问(不超过 2000 字节)", "name the dataset, and the doubt in at most 2000 bytes")
	}
	if s.any(registry.RoleOperator) && req.Run == "" {
		return nil, BadRequest("运营单位须写明本单位的运行 (run)", "an operator names a run of its own")
	}
	entry, err := find[registry.Dataset](ctx, lookup{e, nil}, registry.KindDataset, req.Dataset)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return nil, asError(err)
	}
	if req.Task {
		if err := e.mayOrder(ctx, s, req, entry); err != nil {
			return nil, asError(err)
		}
	}
	version, err := e.doubted(ctx, s, req, entry)
	if err != nil {
		return nil, asError(err)
	}
	links, err := e.links(ctx, req.Dataset, version)
	if err != nil {
		return nil, asError(err)
	}
	id := newID("qt", e.cfg.Now())
	body, err := json.Marshal(ticketBody{req, req.Task && s.any(registry.RoleCityAuthority), entry.Zone, entry.Provider, links})
	if err != nil {
		return nil, asError(err)
	}
	sealed, err := e.registry.Seal("ticket", id, body)
	if err != nil {
		return nil, asError(err)
	}
	by := workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
	zone, err := e.zoneOf(ctx, entry.Zone)
	if err != nil {
		return nil, err
	}
	parties := []workflow.Party{{Role: registry.RoleProvider, Org: entry.Provider}, {Role: registry.RoleZoneRegulator, Org: zone.spec.Regulator}}
	if s.any(registry.RoleProvider) && s.organization != entry.Provider {
		parties = append(parties, workflow.Party{Role: registry.RoleProvider, Org: s.organization})
	}
	assign, kind := "assign", "doubt"
	if req.Task {
		assign, kind = "order", "task"
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := workflow.Start(tx.Context(), tx.SQL(), workflow.QualityTicket, id, by, tx.Now(), parties...); err != nil {
			return courseError(err)
		}
		for _, step := range []struct {
			move string
			text []byte
		}{{"trace", sealed}, {assign, nil}} {
			if _, err := workflow.Do(tx.Context(), tx.SQL(), workflow.QualityTicket, id, step.move, gate, tx.Now(), workflow.Note{Text: step.text}); err != nil {
				return courseError(err)
			}
		}
		return tx.Emit(registry.Event{Kind: "quality.ticket", Actor: s.user, Zone: entry.Zone, Run: req.Run, Fields: map[string]string{
			"ticket": id, "kind": kind, "dataset": req.Dataset, "version": version, "provider": entry.Provider, "state": string(workflow.Assigned), "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return e.Ticket(ctx, s, id)
}

// mayOrder refuses a task of whoever does not answer for the dataset's zone, or on
// something that is not there or about other data.
func (e *Engine) mayOrder(ctx context.Context, s Subject, req TicketRequest, entry registry.Dataset) error {
	if !s.any(registry.RoleDataCentre) && !e.competent(ctx, s, entry.Zone) {
		return fail("NOT_FOUND", nil)
	}
	if s.organization == entry.Provider {
		return fail("OWN_DECISION", nil)
	}
	if req.Report != "" {
		found, err := e.registry.QualityReports(ctx, entry.Zone, req.Dataset, req.Report, 1)
		if err == nil && len(found) == 0 {
			err = fail("NOT_FOUND", nil).because("该版本没有质量报告", "the version has no quality report")
		}
		return err
	}
	of, err := e.Ticket(ctx, s, req.Ticket)
	if err == nil && of.Dataset != req.Dataset {
		err = fail("NOT_FOUND", nil).because("该工单不是此数据集的", "the ticket is of another dataset")
	}
	return err
}

// doubted returns the version that a ticket is about.
func (e *Engine) doubted(ctx context.Context, s Subject, req TicketRequest, entry registry.Dataset) (string, error) {
	if req.Report != "" {
		return req.Report, nil
	}
	if req.Run == "" {
		v, err := e.registry.CurrentVersion(ctx, entry.Zone, req.Dataset)
		if errors.Is(err, registry.ErrNotFound) {
			return "", fail("NOT_FOUND", err)
		}
		return v.Version, err
	}
	_, in, err := e.present(ctx, req.Run)
	if errors.Is(err, workflow.ErrNotFound) || err == nil && in.RequesterOrg != s.organization && !s.any(registry.RoleDataCentre) && !s.providerOf(entry) {
		return "", fail("NOT_FOUND", err)
	}
	if err != nil {
		return "", err
	}
	rec, err := e.recordOf(ctx, req.Run)
	if err != nil {
		return "", err
	}
	for _, src := range rec.Sources {
		if src.Dataset == req.Dataset {
			return src.Version, nil
		}
	}
	return "", fail("NOT_FOUND", fmt.Errorf("query: run %s did not read %s", req.Run, req.Dataset))
}

// concerned reports whether the person may see a ticket: of its opener's
// organization, of the provider it is about, of the zone's regulator, the data
// centre and those who supervise every zone.
func (s Subject) concerned(in workflow.Instance) bool {
	return in.RequesterOrg == s.organization || s.party(in, registry.RoleProvider) || s.party(in, registry.RoleZoneRegulator) ||
		s.any(registry.RoleDataCentre, registry.RoleCityAuthority, registry.RoleAuditor, registry.RoleSecurity)
}

// Tickets lists the tickets that are not settled and concern the person, the
// oldest first: to a provider, its inbox.
func (e *Engine) Tickets(ctx context.Context, s Subject) ([]Ticket, error) {
	queue, err := e.queue(ctx, workflow.QualityTicket, openStates...)
	if err != nil {
		return nil, asError(err)
	}
	out := []Ticket{}
	for _, short := range queue {
		in, err := e.instance(ctx, workflow.QualityTicket, short.ID)
		if err != nil {
			return nil, asError(err)
		}
		if !s.concerned(in) {
			continue
		}
		t, err := e.ticketOf(in, s)
		if err != nil {
			return nil, asError(err)
		}
		out = append(out, *t)
	}
	return out, nil
}

// Ticket returns one ticket that concerns the person.
func (e *Engine) Ticket(ctx context.Context, s Subject, id string) (*Ticket, error) {
	in, err := e.instance(ctx, workflow.QualityTicket, id)
	if errors.Is(err, workflow.ErrNotFound) || err == nil && !s.concerned(in) {
		return nil, fail("NOT_FOUND", err)
	}
	if err != nil {
		return nil, asError(err)
	}
	t, err := e.ticketOf(in, s)
	if err != nil {
		return nil, asError(err)
	}
	return t, nil
}

func (e *Engine) ticketOf(in workflow.Instance, s Subject) (*Ticket, error) {
	t := &Ticket{ID: in.ID, State: string(in.State), By: in.Requester, Org: in.RequesterOrg, At: in.StartedAt, Moves: []MoveView{}}
	for i, step := range in.History {
		v := MoveView{At: step.At, From: string(step.From), To: string(step.To), By: step.User}
		switch {
		case step.Move == "trace":
			plain, err := e.registry.Unseal("ticket", in.ID, step.Text)
			if err != nil {
				return nil, err
			}
			var body ticketBody
			if err := json.Unmarshal(plain, &body); err != nil {
				return nil, fmt.Errorf("query: ticket %s: %w", in.ID, err)
			}
			req := body.Request
			t.Dataset, t.Zone, t.Provider, t.Run, t.Columns, t.Text = req.Dataset, body.Zone, body.Provider, req.Run, req.Columns, req.Text
			t.Task, t.Ticket, t.Report, t.final = req.Task, req.Ticket, req.Report, body.Final
			// Who loaded what, when, is no operator's business, and no other provider's.
			if !s.any(registry.RoleOperator) && (!s.any(registry.RoleProvider) || s.organization == body.Provider) {
				t.Links = body.Links
			}
		case len(step.Text) > 0:
			plain, err := e.registry.Unseal("ticket move", fmt.Sprintf("%s/%d/%s", in.ID, i, step.User), step.Text)
			if err != nil {
				return nil, err
			}
			v.Basis = string(plain)
		}
		t.Moves = append(t.Moves, v)
	}
	return t, nil
}

// TicketMove is a move on a ticket, with what there is to say.
type TicketMove struct {
	Move string `json:"move"`
	Text string `json:"text,omitempty"`
}

// MoveTicket makes a move: the provider of the data replies, corrects, denies or
// disputes; whoever opened verifies, which closes the ticket, or returns it; the
// city authority decides a conflict.
func (e *Engine) MoveTicket(ctx context.Context, s Subject, id string, m TicketMove) (*Ticket, error) {
	t, err := e.Ticket(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if m.Text == "" && m.Move != "verify" || len(m.Text) > 2000 {
		return nil, BadRequest("须写明说明(不超过 2000 字节)", "say what there is to say, in at most 2000 bytes")
	}
	switch m.Move {
	case "reply", "correct", "deny":
		if s.organization != t.Provider {
			return nil, fail("ROLE_REQUIRED", nil)
		}
	case "verify", "return":
		if s.organization != t.Org {
			return nil, fail("ROLE_REQUIRED", nil)
		}
	case "dispute", "uphold", "dismiss": // but not a task by whoever ordered it, nor one on which nobody else is left to decide
		if t.Task && (t.final || s.organization == t.Org) {
			return nil, fail("OWN_DECISION", nil)
		}
	default:
		return nil, BadRequest("动作须为 reply、correct、deny、dispute、verify、return、uphold 或 dismiss", "the move must be reply, correct, deny, dispute, verify, return, uphold or dismiss")
	}
	by := workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
	err = e.update(ctx, func(tx *registry.Tx) error {
		in, err := workflow.Get(tx.Context(), tx.SQL(), workflow.QualityTicket, id)
		if err != nil {
			return courseError(err)
		}
		sealed, err := e.registry.Seal("ticket move", fmt.Sprintf("%s/%d/%s", id, len(in.History), s.user), []byte(m.Text))
		if err != nil {
			return err
		}
		to, err := workflow.Do(tx.Context(), tx.SQL(), workflow.QualityTicket, id, m.Move, by, tx.Now(), workflow.Note{Text: sealed})
		if err == nil && to == workflow.Verified {
			to, err = workflow.Do(tx.Context(), tx.SQL(), workflow.QualityTicket, id, "close", gate, tx.Now(), workflow.Note{})
		}
		if err != nil {
			return courseError(err)
		}
		return tx.Emit(registry.Event{Kind: "quality.ticket", Actor: s.user, Zone: t.Zone, Run: t.Run, Fields: map[string]string{
			"ticket": id, "dataset": t.Dataset, "move": m.Move, "state": string(to), "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return e.Ticket(ctx, s, id)
}
