package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/workflow"
)

// AlertView is an alert as its recipients see it.
type AlertView struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Severity string `json:"severity"`
	Rule     string `json:"rule"`
	TitleZH  string `json:"title_zh"`
	TitleEN  string `json:"title_en"`
	Pack     string `json:"pack,omitempty"`
	// Counter is what was counted by Per for Subject: Count in Window, of which
	// AtLeast raise the alert.
	Counter    string    `json:"counter"`
	Per        string    `json:"per"`
	Subject    string    `json:"subject"`
	Count      int64     `json:"count"`
	AtLeast    int64     `json:"at_least"`
	Window     string    `json:"window"`
	Zone       string    `json:"zone,omitempty"`
	Operator   string    `json:"operator,omitempty"`
	Recipients []string  `json:"recipients"`
	Article    string    `json:"article,omitempty"`
	At         time.Time `json:"at"`
	// Measure is what the alert restricted by itself; the measure has its name. Under is
	// the alert that restricted the subject already.
	Measure  *AlertMeasure `json:"measure,omitempty"`
	Under    string        `json:"under,omitempty"`
	ReportZH string        `json:"report_zh,omitempty"` // to whom it is reported before it is closed
	ReportEN string        `json:"report_en,omitempty"`
	Moves    []MoveView    `json:"moves"`
}

// AlertMeasure is a restriction that an alert set.
type AlertMeasure struct {
	Level          string `json:"level"`
	Target         string `json:"target"`
	Degree         string `json:"degree"`
	Rate           int    `json:"rate,omitempty"`
	MaxLevel       int    `json:"max_level,omitempty"`
	AggregatesOnly bool   `json:"aggregates_only,omitempty"`
}

// AlertClosing is what is said when an alert is closed. Report says when and how it was
// reported, where its rule asks for that.
type AlertClosing struct {
	Reason string `json:"reason"`
	Report string `json:"report,omitempty"`
}

// listedAlerts is how many alerts a list has at most, the newest.
const listedAlerts = 1000

// Alerts lists the newest alerts that were sent to s, the newest first.
func (e *Engine) Alerts(ctx context.Context, s Subject) ([]AlertView, error) {
	if err := e.Look(ctx); err != nil {
		return nil, err
	}
	all, err := e.registry.Alerts(ctx, listedAlerts)
	if err != nil {
		return nil, asError(err)
	}
	out := []AlertView{}
	for _, a := range all {
		sent, err := e.sentTo(ctx, a, s)
		if err != nil {
			return nil, asError(err)
		}
		if !sent {
			continue
		}
		v, err := e.alertView(ctx, a)
		if err != nil {
			return nil, asError(err)
		}
		out = append(out, v)
	}
	return out, nil
}

// Alert returns one alert that was sent to s. To anybody else there is none.
func (e *Engine) Alert(ctx context.Context, s Subject, id string) (*AlertView, error) {
	if err := e.Look(ctx); err != nil {
		return nil, err
	}
	a, err := e.sentAlert(ctx, s, id)
	if err != nil {
		return nil, err
	}
	v, err := e.alertView(ctx, a)
	if err != nil {
		return nil, asError(err)
	}
	return &v, nil
}

func (e *Engine) sentAlert(ctx context.Context, s Subject, id string) (registry.Alert, error) {
	a, err := e.registry.Alert(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return a, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return a, asError(err)
	}
	sent, err := e.sentTo(ctx, a, s)
	if err != nil {
		return a, asError(err)
	}
	if !sent {
		return a, fail("NOT_FOUND", nil)
	}
	return a, nil
}

// sentTo reports whether s is a recipient of an alert: of its roles, a regulator of
// its zone, or the data-security officer of the operator it is about (NJ24-08).
func (e *Engine) sentTo(ctx context.Context, a registry.Alert, s Subject) (bool, error) {
	for _, to := range a.Recipients {
		switch to {
		case registry.RoleZoneRegulator:
			if a.Zone == "" || !s.any(to) {
				continue
			}
			z, err := find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, a.Zone)
			if err != nil {
				return false, err
			}
			if z.Regulator == s.organization {
				return true, nil
			}
		case policy.ToSecurityOfficer:
			if a.Operator == "" || s.organization != a.Operator {
				continue
			}
			org, err := find[registry.Organization](ctx, lookup{e, nil}, registry.KindOrganization, a.Operator)
			if err != nil {
				return false, err
			}
			p, err := e.registry.Person(ctx, s.user)
			if err != nil {
				return false, err
			}
			if slices.Contains([]string{s.user, p.RealName}, org.SecurityOfficer) {
				return true, nil
			}
		default:
			if s.any(to) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (e *Engine) alertView(ctx context.Context, a registry.Alert) (AlertView, error) {
	in, err := e.instance(ctx, workflow.Alert, a.ID)
	if err != nil {
		return AlertView{}, err
	}
	v := AlertView{ID: a.ID, State: string(in.State), Severity: a.Severity, Rule: a.Rule, TitleZH: a.TitleZH, TitleEN: a.TitleEN, Pack: a.Pack, Counter: a.Counter, Per: a.Per,
		Subject: a.Subject, Count: a.Count, AtLeast: a.AtLeast, Window: a.Window, Zone: a.Zone, Operator: a.Operator, Recipients: a.Recipients, Article: a.Article,
		At: a.At, Under: a.Under, ReportZH: a.ReportZH, ReportEN: a.ReportEN, Moves: []MoveView{}}
	if m := a.Measure; m != nil {
		v.Measure = &AlertMeasure{m.Level, m.Target, m.Degree, m.Rate, m.MaxLevel, m.AggregatesOnly}
	}
	said, err := notesOf[AlertClosing](e, alertNotes, in)
	if err != nil {
		return AlertView{}, err
	}
	for i, s := range in.History {
		m := MoveView{At: s.At, From: string(s.From), To: string(s.To), By: s.User, Basis: cmp.Or(said[i].Reason, s.Code)}
		if said[i].Report != "" {
			m.Basis += " · " + said[i].Report
		}
		v.Moves = append(v.Moves, m)
	}
	return v, nil
}

// CloseAlert closes an alert that was sent to s, for a reason. What it restricted a
// person has confirmed or lifted before; what is to be reported has been.
func (e *Engine) CloseAlert(ctx context.Context, s Subject, id string, said AlertClosing) (*AlertView, error) {
	a, err := e.sentAlert(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if !s.any(workflow.Alert.Movers("close")...) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if said.Reason == "" || len(said.Reason)+len(said.Report) > 2000 {
		return nil, BadRequest("须写明理由(不超过 2000 字节)", "say why, in at most 2000 bytes")
	}
	if a.ReportEN != "" && said.Report == "" {
		return nil, BadRequest("须先报告"+a.ReportZH+",并以 report 写明何时、以何文号报告", "report it to "+a.ReportEN+" first, and say in report when and under which reference")
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		in, err := workflow.Get(tx.Context(), tx.SQL(), workflow.Alert, id)
		if err != nil {
			return courseError(err)
		}
		sealed, err := sealedNote(e, alertNotes, in, "close", s, said)
		if err != nil {
			return err
		}
		by := workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
		if _, err := workflow.Do(tx.Context(), tx.SQL(), workflow.Alert, id, "close", by, tx.Now(), workflow.Note{Text: sealed}); err != nil {
			if errors.Is(err, workflow.ErrState) {
				return fail("ALERT_STATE", err)
			}
			return courseError(err)
		}
		fields := alertFields(a)
		if said.Report != "" {
			fields["reported"] = "yes"
		}
		return tx.Emit(registry.Event{Kind: alertMoves["close"], Actor: s.user, Zone: a.Zone, Fields: fields})
	})
	if err != nil {
		return nil, asError(err)
	}
	return e.Alert(ctx, s, id)
}
