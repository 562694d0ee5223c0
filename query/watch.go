package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"zonebox/audit"
	"zonebox/policy"
	"zonebox/registry"
)

// watch counts entries of the audit log by the alert rules of the pack of their zone:
// as they are logged, and again when a domain is opened. It reads each zone once.
type watch struct {
	engine *Engine
	again  bool // at the start: explains, which count when they begin, count here
	packs  map[string]policy.Pack
}

func (e *Engine) watch() *watch { return &watch{engine: e, packs: map[string]policy.Pack{}} }

// call is an alert that is to be raised.
type call struct {
	rule     policy.AlertRule
	pack     string
	subject  string
	zone     string // "" for none
	operator string // "" if it is about none
	count    int64
	at       time.Time
}

func (c call) key() called { return called{c.rule.ID, c.subject} }

// observe counts entries that the log has taken and raises the alerts they call for.
// What goes wrong here is logged and tried again: it is no fault of what was logged.
func (e *Engine) observe(ctx context.Context, entries []audit.Entry) {
	if !e.whole {
		return // what recover logs is counted when it reads the log
	}
	w := e.watch()
	for _, entry := range entries {
		if err := w.count(ctx, entry); err != nil {
			e.log.ErrorContext(ctx, "an entry was not counted for alerts", "kind", entry.Kind, "cause", err)
		}
	}
	e.raiseCalled(ctx)
}

// amount is how much an entry counts of a counter.
type amount struct {
	counter tallied
	n       int64
}

// amounts returns what an entry counts as. What a reviewer had run in place of an
// output is nobody's question: it counts where a worker broke, and no more.
func amounts(entry audit.Entry) []amount {
	all := amountsOf(entry)
	if entry.Fields[fieldCoarsens] != "" {
		all = slices.DeleteFunc(all, func(a amount) bool { return a.counter != ofBreaches })
	}
	return all
}

// amountsOf is that by the kind of the entry alone. A refusal by the host, or for want
// of a turn, is none.
func amountsOf(entry audit.Entry) []amount {
	one := func(c tallied) []amount { return []amount{{c, 1}} }
	switch entry.Kind {
	case "query.denied":
		if entry.Fields[fieldCause] == "" {
			return one(ofRefusals)
		}
	case kindExplained:
		if entry.Fields["refused"] == "EXPLAIN_RATE" {
			return one(ofTurned)
		}
		if entry.Fields["verdict"] == string(policy.Deny) || entry.Fields["refused"] != "" && entry.Fields[fieldCause] == "" {
			return append(one(ofExplains), amount{ofRefusals, 1})
		}
		return one(ofExplains)
	case "query.intent":
		if entry.Fields[fieldLapsed] != "" {
			return append(one(ofQuestions), amount{ofLapsedRuns, 1})
		}
		return one(ofQuestions)
	case kindRepeated:
		return one(ofQuestions)
	case "query.failed":
		switch cause := entry.Fields[fieldCause]; {
		case slices.Contains([]string{"ISOLATION", "PROTOCOL", "TREE"}, cause), cause == "DATA" && entry.Fields["reasons"] != "DATA_WITHOUT_ENTITY":
			return one(ofBreaches)
		case cause == "RAW_MATCH":
			return append(one(ofBlocked), amount{ofRawMatches, 1})
		case cause == "OVERLAP":
			return append(one(ofOverlaps), amount{ofRefusals, 1})
		case cause == "FEW": // policy's warnings, which the asker sees, count it as an overlap
			return one(ofRefusals)
		case slices.Contains([]string{"TIME", "MEMORY", "OUTPUT", "ROWS", "ENGINE", "KILLED"}, cause):
			return one(ofFailures)
		}
	case "output.blocked":
		if entry.Fields[fieldMatches] != "" {
			return append(one(ofBlocked), amount{ofRawMatches, 1})
		}
		return one(ofBlocked)
	case "output.released":
		var out []amount
		if n, err := strconv.ParseInt(entry.Fields["rows"], 10, 64); err == nil {
			out = append(out, amount{ofRows, n})
		}
		if n, err := strconv.ParseInt(entry.Fields["bytes"], 10, 64); err == nil {
			out = append(out, amount{ofBytes, n})
		}
		return out
	case kindWithheld:
		if n, err := strconv.ParseInt(entry.Fields["count"], 10, 64); err == nil {
			return []amount{{ofWithheld, n}}
		}
	case "zone.damaged":
		return one(ofBreaches)
	}
	return nil
}

// caseOf returns the counter of an entry that is an alert by itself, and what it is
// about; "" if it is none.
func caseOf(entry audit.Entry) (counter, about string) {
	switch entry.Kind {
	case "clock.overdue":
		return policy.CountOverdue, entry.Fields["on"] + " " + entry.Fields["timer"]
	case "document.lapsed":
		return policy.CountLapsed, entry.Fields["batch"]
	case kindConflict:
		return policy.CountConflict, entry.Fields["root"]
	}
	return "", ""
}

// count counts one entry and calls for the alerts whose figures it reaches.
func (w *watch) count(ctx context.Context, entry audit.Entry) error {
	if entry.Kind == kindRaised {
		w.engine.pace.answered(called{entry.Fields["rule"], entry.Fields["subject"]}, entry.At, policy.AlertRule{Window: entry.Fields["window"]}.For())
		return nil
	}
	all := amounts(entry)
	kind, about := caseOf(entry)
	if len(all) == 0 && kind == "" {
		return nil
	}
	zone, pack, err := w.place(ctx, entry)
	if err != nil {
		return err
	}
	if kind != "" {
		for _, r := range pack.Alerts {
			if r.Counter == kind {
				w.engine.pace.call(call{r, pack.ID, about, zone, "", 1, entry.At})
			}
		}
		return nil
	}
	if all[0].counter == ofQuestions && pack.ID != "" {
		off, err := pack.OffHours(entry.At, w.engine.cfg.Calendar)
		if err != nil {
			return err
		}
		if off {
			all = append(all, amount{ofOffHours, 1})
		}
	}
	operator, err := w.operator(ctx, entry)
	if err != nil {
		return err
	}
	if shape := entry.Fields[fieldShape]; shape != "" && all[0].counter == ofQuestions {
		if err := w.shaped(ctx, entry, zone, operator, pack); err != nil {
			return err
		}
	}
	for _, a := range all {
		if err := w.add(ctx, entry, a, zone, operator, pack); err != nil {
			return err
		}
	}
	return nil
}

// add counts an amount for the person, and for whom else rules count it.
func (w *watch) add(ctx context.Context, entry audit.Entry, a amount, zone, operator string, pack policy.Pack) error {
	begun := !w.again && (a.counter == ofExplains || a.counter == ofTurned) // of the person they counted when they began
	done := []counted{{policy.PerPerson, entry.Actor}}
	if !begun {
		w.engine.pace.add(done[0], a.counter, a.n, entry.At)
	}
	for _, r := range pack.Alerts {
		if c, known := counterNames[r.Counter]; !known || c != a.counter {
			continue
		}
		who, err := w.subject(ctx, r.Per, entry, zone, operator)
		if err != nil {
			return err
		}
		if who.name == "" {
			continue
		}
		if !slices.Contains(done, who) {
			w.engine.pace.add(who, a.counter, a.n, entry.At)
			done = append(done, who)
		}
		if n := w.engine.pace.total(who, a.counter, r.For(), entry.At); n >= r.AtLeast {
			w.engine.pace.call(call{r, pack.ID, who.name, zone, operator, n, entry.At})
		}
	}
	return nil
}

// shaped counts the questions of a subject that are like this one but for constants,
// and calls for the alerts whose figures they reach.
func (w *watch) shaped(ctx context.Context, entry audit.Entry, zone, operator string, pack policy.Pack) error {
	for _, r := range pack.Alerts {
		if r.Counter != policy.CountBoundaries {
			continue
		}
		who, err := w.subject(ctx, r.Per, entry, zone, operator)
		if err != nil {
			return err
		}
		if who.name == "" {
			continue
		}
		variant := entry.Fields["tree"] + " " + entry.Fields["parameters"] + " " + entry.Fields["asked"]
		if n := w.engine.pace.shaped(who, entry.Fields[fieldShape], variant, r.For(), entry.At); n >= r.AtLeast {
			w.engine.pace.call(call{r, pack.ID, who.name, zone, operator, n, entry.At})
		}
	}
	return nil
}

// subject returns whom a rule counts an entry for, no name if nobody. A license is
// its own operator's doing alone: whoever else tries its scenarios counts against
// themselves.
func (w *watch) subject(ctx context.Context, per string, entry audit.Entry, zone, operator string) (counted, error) {
	switch per {
	case policy.PerPerson:
		return counted{per, entry.Actor}, nil
	case policy.PerOperator:
		return counted{per, operator}, nil
	case policy.PerZone:
		return counted{per, entry.Zone}, nil
	case policy.PerLicense:
		if operator == "" {
			return counted{}, nil
		}
		s, err := registry.Current[registry.Scenario](ctx, w.engine.registry, registry.KindScenario, entry.Scenario)
		if err != nil {
			return counted{}, ignoreMissing(err)
		}
		l, err := registry.Current[registry.License](ctx, w.engine.registry, registry.KindLicense, s.Spec.License)
		if err != nil || l.Spec.Operator != operator {
			return counted{}, ignoreMissing(err)
		}
		return counted{per, l.Name}, nil
	}
	return counted{}, fmt.Errorf("query: alert rule counts per %q", per)
}

// operator returns whose doing an entry is: the organization's of whoever did it if it
// is an operator, that under which it asked if it is a partner, "" if it is neither.
func (w *watch) operator(ctx context.Context, entry audit.Entry) (string, error) {
	name := cmp.Or(entry.Fields[fieldPartnerOf], entry.Org)
	if name == "" {
		return "", nil
	}
	org, err := registry.Current[registry.Organization](ctx, w.engine.registry, registry.KindOrganization, name)
	if err != nil || org.Spec.Kind != registry.RoleOperator {
		return "", ignoreMissing(err)
	}
	return name, nil
}

// place returns the zone of an entry and its pack. Where it names none, that is the
// first zone of its organization's licenses; then there is no zone, and the pack is
// that of the first there is.
func (w *watch) place(ctx context.Context, entry audit.Entry) (string, policy.Pack, error) {
	if entry.Zone != "" {
		pack, err := w.pack(ctx, entry.Zone)
		return entry.Zone, pack, err
	}
	if entry.Org != "" {
		r, err := w.engine.reach(ctx, entry.Org)
		if err != nil {
			return "", policy.Pack{}, err
		}
		for _, zone := range sortedKeys(r.zones) {
			if pack, err := w.pack(ctx, zone); err != nil || pack.ID != "" {
				return zone, pack, err
			}
		}
	}
	zones, err := w.engine.registry.List(ctx, registry.KindZone)
	if err != nil {
		return "", policy.Pack{}, err
	}
	for _, z := range zones {
		if pack, err := w.pack(ctx, z.Name); err != nil || pack.ID != "" {
			return "", pack, err
		}
	}
	return "", policy.Pack{}, nil
}

// pack returns the pack of a zone, one without rules if there is no such zone or
// pack: everything is denied there.
func (w *watch) pack(ctx context.Context, zone string) (policy.Pack, error) {
	if p, known := w.packs[zone]; known {
		return p, nil
	}
	z, err := registry.Current[registry.Zone](ctx, w.engine.registry, registry.KindZone, zone)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return policy.Pack{}, err
	}
	p, err := w.engine.policy().Pack(z.Spec.Pack)
	if err != nil {
		p = policy.Pack{}
	}
	w.packs[zone] = p
	return p, nil
}

// recount counts an entry of before the start, if it is of the last day.
func (w *watch) recount(ctx context.Context, entry audit.Entry, now time.Time) error {
	if !apartLess(entry.At, now, 25*time.Hour) {
		return nil
	}
	return w.count(ctx, entry)
}
