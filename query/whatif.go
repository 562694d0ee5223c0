package query

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/registry"
)

// maxReplayed is how many decisions one what-if looks at.
const maxReplayed = 5000

// WhatIf asks what the decisions of a period would have been under drafts.
type WhatIf struct {
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`               // not included
	Documents string    `json:"documents,omitempty"` // of the kinds that bear on decisions, as apply reads them
	Bundle    []byte    `json:"bundle,omitempty"`    // signed or not
}

// WhatIfReport is what drafts would have changed. Every decision of the period is
// counted once: it is the same, or in Flips, or in Unknown, or in LeftOut.
type WhatIfReport struct {
	Digest  string    `json:"digest"` // of the drafts
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Same    int       `json:"same"`
	Flips   []Flip    `json:"flips"`
	Unknown []Flip    `json:"unknown"`  // whose facts cannot be rebuilt, and why
	LeftOut bool      `json:"left_out"` // older decisions of the period were not looked at
}

// Flip is a decision that would have been another.
type Flip struct {
	At       time.Time    `json:"at"`
	Run      string       `json:"run"`    // or the load, or the version that was previewed
	Action   string       `json:"action"` // query, release, load or preview
	Operator string       `json:"operator"`
	Scenario string       `json:"scenario"`
	Columns  []string     `json:"columns"` // of a delivery its dataset
	Before   string       `json:"before"`
	Codes    []string     `json:"codes"` // of the reasons before
	After    string       `json:"after,omitempty"`
	Reasons  []ReasonView `json:"reasons,omitempty"` // after
	Why      string       `json:"why,omitempty"`     // it is unknown, one of the reasons below
	About    []string     `json:"about,omitempty"`   // the facts that were not recorded
}

// Why it is unknown what a decision would have been.
const (
	WhyRefused  = "REFUSED_BEFORE"  // it was refused, and not by a rule
	WhyRecorded = "RECORDED_BEFORE" // facts that every decision needs today did not exist when it was recorded
	WhyAnalysis = "ANALYSIS"        // the statement would have to be analyzed again, or the delivery read
	WhyFacts    = "FACTS"           // its facts are of another release or not those of the registry of then, or the drafts name what was not there
	WhyEngine   = "ENGINE"          // the rules gave no decision
)

// WhatIf decides the recorded decisions of a period again under drafts and tells
// which would have been others. Nothing is executed and nothing changes.
//
// Recorded are the facts of the statement, the delivery, the host and the clock; they
// are replayed as they were. What the registry said is read as it was then, with the
// drafts in force, by the code that fills the facts of a question. Reviews that were
// given count as given, and drafts as signed by all whom they name. What would need
// the statement to be analyzed again is unknown, unless it would be denied whatever
// the analysis found.
func (e *Engine) WhatIf(ctx context.Context, s Subject, in WhatIf) (*WhatIfReport, error) {
	if !s.any(registry.RoleCityAuthority, registry.RoleZoneRegulator, registry.RoleAuditor) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if !in.From.Before(in.Until) || in.Documents == "" && len(in.Bundle) == 0 {
		return nil, BadRequest("须给出时段,以及文档草案或策略包草案", "give a period, and drafts of documents or of a bundle")
	}
	drafts, err := draftsOf(in.Documents)
	if err != nil {
		return nil, err
	}
	r := &replaying{engine: e, evaluator: e.policy(), known: map[moment]*pair{}}
	if len(in.Bundle) > 0 {
		b, err := policy.ReadDraft(in.Bundle)
		if err != nil {
			return nil, fail("POLICY_BUNDLE_REFUSED", err)
		}
		if r.evaluator, err = policy.New(ctx, policy.Config{Now: e.cfg.Now, Bundle: b}); err != nil {
			return nil, fail("POLICY_BUNDLE_REFUSED", err)
		}
	}
	if len(drafts) > 0 {
		if r.past, err = e.registry.Past(ctx, drafts); err != nil {
			return nil, asError(err)
		}
		defer r.past.Close()
	}
	recorded, err := e.registry.Decisions(ctx, in.From, in.Until, maxReplayed+1)
	if err != nil {
		return nil, asError(err)
	}
	sum := sha256.Sum256(append([]byte(in.Documents+"\x00"), in.Bundle...))
	out := &WhatIfReport{Digest: hex.EncodeToString(sum[:]), From: in.From, Until: in.Until, Flips: []Flip{}, Unknown: []Flip{}}
	if out.LeftOut = len(recorded) > maxReplayed; out.LeftOut {
		recorded = recorded[1:]
	}
	for _, d := range recorded {
		if !s.any(registry.RoleCityAuthority, registry.RoleAuditor) && !e.competent(ctx, s, d.Zone) {
			continue
		}
		err := r.replay(ctx, d, out)
		if ctx.Err() != nil {
			return nil, fail("STOPPED", ctx.Err())
		}
		if err != nil {
			return nil, asError(err)
		}
	}
	slices.SortStableFunc(out.Flips, func(a, b Flip) int {
		return cmp.Or(cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Scenario, b.Scenario))
	})
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "policy.whatif", Actor: s.user, Fields: map[string]string{"org": s.organization, "digest": out.Digest,
			"from": in.From.UTC().Format(time.RFC3339), "until": in.Until.UTC().Format(time.RFC3339),
			"decisions": strconv.Itoa(out.Same + len(out.Flips) + len(out.Unknown)), "flips": strconv.Itoa(len(out.Flips))}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// draftsOf reads the drafts of a what-if.
func draftsOf(text string) ([]registry.Document, error) {
	if text == "" {
		return nil, nil
	}
	docs, err := registry.Decode(strings.NewReader(text))
	if err != nil {
		return nil, documentError(err)
	}
	for i, doc := range docs {
		if !slices.Contains(registry.BearOnFacts, doc.Kind) {
			bear := strings.Join(registry.BearOnFacts, ", ")
			return nil, BadRequest(doc.Kind+" 类文档不影响任何登记的裁决;草案须为 "+bear, "no recorded decision rests on a "+doc.Kind+"; a draft is one of "+bear)
		}
		if slices.ContainsFunc(docs[:i], func(o registry.Document) bool { return o.Kind == doc.Kind && o.Name == doc.Name }) {
			return nil, BadRequest("同一文档有两份草案:"+doc.Kind+" "+doc.Name, "two drafts of one document: "+doc.Kind+" "+doc.Name)
		}
	}
	return docs, nil
}
