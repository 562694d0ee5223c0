package query

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/policy/calendar"
	"zonebox/registry"
	"zonebox/workflow"
)

// ClockView is an open term: what runs since when, under which article, and the day
// it is due. Days are of Asia/Shanghai, terms in working days.
type ClockView struct {
	Timer   string `json:"timer"`
	TitleZH string `json:"title_zh"`
	TitleEN string `json:"title_en"`
	Kind    string `json:"kind"` // request, ticket, catalogue, alert or evidence
	On      string `json:"on"`   // name of what it runs on
	State   string `json:"state"`
	Zone    string `json:"zone"`
	Pack    string `json:"pack"`
	Article string `json:"article"`
	Origin  string `json:"origin"` // statutory, agreement or local
	Started string `json:"started"`
	Days    int    `json:"days"`
	Due     string `json:"due"`
	Left    int    `json:"left"` // working days, negative once it is overdue
	Overdue bool   `json:"overdue,omitempty"`
	// Missing are the years whose announcement it would take to be sure of Due.
	Missing []int `json:"missing,omitempty"`

	began time.Time
	in    workflow.Instance
}

// timed is a machine whose steps start and stop terms of packs.
type timed struct {
	machine workflow.Machine
	open    []workflow.State
	timers  []string
	events  map[string][]string // of packs, by move
	// first is the move that sets it going. An instance that never made it is another
	// row's. After each of again all begins anew but the terms that began with first:
	// those run on as if nothing had stopped them.
	first string
	again []string
}

// timedMachines are the machines with terms. A state that is not open has none. A
// dispute stops no term: none of them pauses.
var timedMachines = []timed{
	{machine: workflow.DataRequest, open: []workflow.State{workflow.ZregAssessing, workflow.ProvReviewing, workflow.Disputed},
		timers: []string{"share.conditional.assess", "share.conditional.reply"}, first: "submit", again: []string{"resume"},
		events: map[string][]string{"submit": {"request_received"}, "assess": {"assessed"}, "approve": {"opinion_given", "replied"},
			"reject": {"assessed", "opinion_given", "replied"}, "return": {"assessed", "opinion_given", "replied"}}},
	{machine: workflow.QualityTicket, open: []workflow.State{workflow.Assigned, workflow.Replied, workflow.Conflict},
		timers: []string{"quality.reply", "quality.correct"}, first: "assign", again: []string{"uphold"},
		events: map[string][]string{"assign": {"feedback_received"}, "return": {"feedback_received"}, "reply": {"replied"},
			"correct": {"corrected"}, "deny": {"corrected"}}},
	// A task: it is late from its receipt, however often it is sent back.
	{machine: workflow.QualityTicket, open: []workflow.State{workflow.Assigned, workflow.Replied, workflow.Conflict},
		timers: []string{"quality.rectification"}, first: "order", again: []string{"uphold", "return"},
		events: map[string][]string{"order": {"task_received"}, "correct": {"corrected"}, "deny": {"corrected"}}},
	{machine: workflow.CatalogueEdition, open: []workflow.State{workflow.Changed}, timers: []string{"catalogue.update"}, first: "change",
		events: map[string][]string{"change": {"circumstance_arose"}}},
	{machine: workflow.Alert, open: []workflow.State{workflow.Restricted}, timers: []string{policy.AlertDecide}, first: "restrict",
		events: map[string][]string{"restrict": {"alert_raised"}, "confirm": {"alert_decided"}, "lift": {"alert_decided"}}},
}

// running returns when a term that starts and stops on those events began, false if
// it does not run.
func (m timed) running(in workflow.Instance, startOn, stopOn string) (time.Time, bool) {
	var began time.Time
	runs := false
	for _, s := range in.History {
		events := m.events[s.Move]
		if slices.Contains(events, startOn) && !runs {
			began, runs = s.At, true
		}
		if slices.Contains(events, stopOn) {
			runs = false
		}
		if slices.Contains(m.again, s.Move) {
			runs = slices.Contains(m.events[m.first], startOn)
		}
	}
	return began, runs
}

// clocks returns every open term, overdue ones first, then by the day they are due.
func (e *Engine) clocks(ctx context.Context) ([]ClockView, error) {
	var out []ClockView
	err := e.registry.View(ctx, func(tx *sql.Tx) error {
		for _, m := range timedMachines {
			queue, err := workflow.Queue(ctx, tx, m.machine, m.open...)
			if err != nil {
				return err
			}
			for _, short := range queue {
				in, err := workflow.Get(ctx, tx, m.machine, short.ID)
				if err != nil {
					return err
				}
				found, err := e.clocksOf(ctx, tx, m, in)
				if err != nil {
					return err
				}
				out = append(out, found...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	evidence, err := e.evidenceClocks(ctx)
	out = append(out, evidence...)
	slices.SortStableFunc(out, func(a, b ClockView) int {
		return cmp.Or(strings.Compare(a.Due, b.Due), strings.Compare(a.On, b.On), strings.Compare(a.Timer, b.Timer))
	})
	return out, err
}

// clocksOf returns the terms that run on one instance, by the pack of its zone.
func (e *Engine) clocksOf(ctx context.Context, q workflow.Querier, m timed, in workflow.Instance) ([]ClockView, error) {
	if !slices.ContainsFunc(in.History, func(s workflow.Step) bool { return s.Move == m.first }) {
		return nil, nil
	}
	zone, err := e.zoneOfInstance(ctx, q, in)
	if err != nil {
		return nil, err
	}
	z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, zone)
	if err != nil {
		return nil, err
	}
	pack, err := e.policy().Pack(z.Pack)
	if err != nil {
		return nil, err
	}
	today := calendar.DayOf(e.cfg.Now())
	var out []ClockView
	for _, key := range m.timers {
		t, ok := pack.Timers[key]
		if !ok {
			continue
		}
		began, runs := m.running(in, t.StartOn, t.StopOn)
		if !runs {
			continue
		}
		due, err := pack.Due(key, calendar.DayOf(began), e.cfg.Calendar)
		if err != nil {
			return nil, fmt.Errorf("query: term of %s: %w", in.ID, err)
		}
		left, err := e.cfg.Calendar.Between(today, due.Day)
		if err != nil {
			return nil, fmt.Errorf("query: term of %s: %w", in.ID, err)
		}
		out = append(out, ClockView{Timer: key, TitleZH: t.Title.ZH, TitleEN: t.Title.EN, Kind: in.Machine, On: in.ID, State: string(in.State), Zone: zone, Pack: pack.ID,
			Article: t.Article, Origin: t.Origin, Started: string(calendar.DayOf(began)), Days: t.Days, Due: string(due.Day), Left: left.Days, Overdue: today > due.Day,
			Missing: due.Missing, began: began, in: in})
	}
	return out, nil
}

// zoneOfInstance returns the zone that a request, a ticket, an edition or an alert is of.
func (e *Engine) zoneOfInstance(ctx context.Context, q workflow.Querier, in workflow.Instance) (string, error) {
	switch in.Machine {
	case workflow.DataRequest.Name:
		r, err := e.dataRequestIn(ctx, q, in.ID)
		if err != nil {
			return "", err
		}
		return r.license.Zone, nil
	case workflow.CatalogueEdition.Name:
		ed, err := e.editionOf(ctx, q, in.ID)
		if err != nil {
			return "", err
		}
		return ed.spec.Zone, nil
	case workflow.Alert.Name:
		a, err := e.registry.Alert(ctx, in.ID)
		return a.Zone, err
	}
	i := slices.IndexFunc(in.History, func(s workflow.Step) bool { return s.Move == "trace" })
	if i < 0 {
		return "", fmt.Errorf("query: ticket %s was never traced: %w", in.ID, registry.ErrCorrupt)
	}
	plain, err := e.registry.Unseal("ticket", in.ID, in.History[i].Text)
	if err != nil {
		return "", err
	}
	var body ticketBody
	if err := json.Unmarshal(plain, &body); err != nil {
		return "", fmt.Errorf("query: ticket %s: %w", in.ID, err)
	}
	return body.Zone, nil
}

// Clocks lists the open terms of what s has a part in or supervises, those overdue
// first.
func (e *Engine) Clocks(ctx context.Context, s Subject) ([]ClockView, error) {
	if err := e.Look(ctx); err != nil {
		return nil, err
	}
	all, err := e.clocks(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := []ClockView{}
	for _, c := range all {
		z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, c.Zone)
		if err != nil {
			return nil, asError(err)
		}
		if s.any(registry.RoleCityAuthority, registry.RoleAuditor, registry.RoleSecurity, registry.RoleDataCentre) || s.organization == c.in.RequesterOrg ||
			s.any(registry.RoleZoneRegulator) && s.organization == z.Regulator || s.party(c.in, registry.RoleProvider) {
			out = append(out, c)
		}
	}
	return out, nil
}

// tellOverdue has the log say of each term that passed, once, that it did, and that
// the city authority was called on; of a certificate also, once, that it will. It moves
// nothing: silence never approves. Terms
// are counted anew where the working days were announced otherwise.
func (e *Engine) tellOverdue(ctx context.Context) error {
	all, err := e.clocks(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return nil
	}
	version := e.cfg.Calendar.Version()
	return e.update(ctx, func(tx *registry.Tx) error {
		before, err := workflow.Calendar(tx.Context(), tx.SQL())
		if err != nil {
			return err
		}
		if before != version {
			if err := workflow.SetCalendar(tx.Context(), tx.SQL(), version); err != nil {
				return err
			}
			if before != "" {
				err := tx.Emit(registry.Event{Kind: "clock.recounted", Actor: gate.User, Fields: map[string]string{
					"before": before, "calendar": version, "open": fmt.Sprint(len(all))}})
				if err != nil {
					return err
				}
			}
		}
		for _, c := range all {
			if err := c.tell(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// first notes that the term is told of, and reports whether it was not: a certificate
// ahead and when it has ended, any other once it has passed.
func (c ClockView) first(tx *registry.Tx) (bool, error) {
	if c.Kind == kindEvidence {
		license, kind, _ := strings.Cut(c.On, " ")
		return tx.TellEvidence(license, kind, c.Due, c.State)
	}
	if !c.Overdue {
		return false, nil
	}
	m := timedMachines[slices.IndexFunc(timedMachines, func(m timed) bool { return m.machine.Name == c.Kind })].machine
	return workflow.Overdue(tx.Context(), tx.SQL(), m, c.On, c.Timer, c.began, tx.Now())
}

// tell emits the alert and the escalation of a term that passed, and ahead of it what is
// told of a certificate, unless they were.
func (c ClockView) tell(tx *registry.Tx) error {
	first, err := c.first(tx)
	if err != nil || !first {
		return err
	}
	fields := func(more ...string) map[string]string {
		f := map[string]string{"timer": c.Timer, "on": c.Kind + " " + c.On, "state": c.State, "due": c.Due, "article": c.Article, "origin": c.Origin}
		for i := 0; i < len(more); i += 2 {
			f[more[i]] = more[i+1]
		}
		return f
	}
	if !c.Overdue {
		return tx.Emit(registry.Event{Kind: "clock.ahead", Actor: gate.User, Zone: c.Zone, Fields: fields()})
	}
	if err := tx.Emit(registry.Event{Kind: "clock.overdue", Actor: gate.User, Zone: c.Zone, Fields: fields()}); err != nil {
		return err
	}
	return tx.Emit(registry.Event{Kind: "clock.escalated", Actor: gate.User, Zone: c.Zone, Fields: fields("to", registry.RoleCityAuthority)})
}
