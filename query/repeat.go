package query

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"zonebox/keys"
	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/workflow"
)

// useQuestion is the use of the zone keys by which questions are known again.
const useQuestion = "question"

// kindRepeated is the entry of a question that an earlier output answers.
const kindRepeated = "query.repeated"

// repeat answers a question by the output that it got before, with nothing computed: the
// stored artifact, if policy allows both the statement and the release today, and the
// wait of an output that is in review, or of the statement itself, so that people have it
// before them once. It returns nil if the question is to run, or to wait by itself.
//
// An answer that is always the same tells nothing more however often it is asked for;
// one that is made anew could, by what differs between the two.
func (e *Engine) repeat(d *decided) (*Answer, error) {
	answer, err := e.answerAgain(d)
	if err != nil && asError(err).Class == ClassFailure && !errors.Is(err, errUnlogged) {
		err = e.refuse(d.run, err) // an end, too, that is to be durable
	}
	return answer, err
}

func (e *Engine) answerAgain(d *decided) (*Answer, error) {
	if e.cfg.Forgetful || d.decision.Verdict != policy.Allow && d.decision.Verdict != policy.Review {
		return nil, nil
	}
	var err error
	if d.identity, err = d.identify(); err != nil {
		return nil, d.stopped(err)
	}
	if d.resumed || d.identity == "" { // what was approved runs
		return nil, nil
	}
	if d.decision.Verdict == policy.Review {
		return nil, e.repeatWaiting(d)
	}
	o, err := e.answeredBefore(d)
	if o == nil || err != nil {
		return nil, err
	}
	switch o.state {
	case workflow.Released, workflow.Downloaded:
		return e.repeatReleased(d, o)
	case workflow.Held, workflow.Reviewing, workflow.ReviewingFirst, workflow.ReviewingSecond, workflow.Approved:
		err := e.update(d.ctx, func(tx *registry.Tx) error {
			if err := d.current(tx); err != nil {
				return err
			}
			return d.repeated(tx, o.id, map[string]string{"state": string(o.state)})
		})
		if err != nil {
			return nil, asError(err).of(d.id)
		}
		return nil, fail("OUTPUT_IN_REVIEW", nil).of(o.id)
	}
	return nil, nil
}

// repeatWaiting returns the error that points to the same statement of before, which
// waits for its approval or has it and was not resumed; nil if there is none.
func (e *Engine) repeatWaiting(d *decided) error {
	of, err := e.registry.AnsweredBy(d.ctx, d.identity)
	if of == "" || err != nil {
		return err
	}
	course, err := e.approvalOf(d.ctx, of)
	if err != nil || !slices.Contains(awaited, course.State) {
		return err
	}
	if course.Requester != d.request.Subject.user {
		return fail("INTERNAL", errors.New("query: a question is named like another's")).of(d.id)
	}
	err = e.update(d.ctx, func(tx *registry.Tx) error {
		if err := errors.Join(d.current(tx), e.sameRules(d.decision)); err != nil {
			return err
		}
		return d.repeated(tx, of, map[string]string{"state": string(course.State)})
	})
	if err != nil {
		return asError(err).of(d.id)
	}
	return inReview("QUERY_IN_REVIEW", d.decision).of(of)
}

// repeatReleased hands out a released output if policy, asked about its release anew,
// allows it; nil if it does not, or the artifact cannot be read.
func (e *Engine) repeatReleased(d *decided, o *output) (*Answer, error) {
	c, err := e.askRelease(o)
	if err != nil || c.decision.Verdict != policy.Allow {
		return nil, err
	}
	if _, err := e.stored(o); err != nil {
		e.log.WarnContext(d.ctx, "a stored artifact cannot answer its question again", "query_id", d.id, "of", o.id, "cause", err)
		return nil, nil
	}
	answer, err := e.collect(o, func(tx *registry.Tx, artifact *release.Artifact) error {
		if err := errors.Join(e.sameRules(d.decision), e.sameRules(c.decision)); err != nil {
			return err
		}
		if err := o.keepDecision(tx, policy.ActionRelease, c.word); err != nil {
			return err
		}
		return d.repeated(tx, o.id, relying(c.decision, map[string]string{"state": string(workflow.Downloaded), "artifact": artifact.Digest()}))
	})
	if err != nil {
		return nil, err
	}
	e.log.InfoContext(d.ctx, "answered again", "query_id", d.id, "of", o.id, "zone", d.facts.Zone.Name, "scenario", d.request.Scenario,
		"user_id", d.request.Subject.user, "decision_id", d.decision.ID, "bundle_hash", d.decision.BundleHash)
	return answer, nil
}

// answeredBefore returns the output that the question got last, as one of now: its own
// id and record, with the facts that d was decided on. nil if there is none, or what was
// asked is destroyed.
func (e *Engine) answeredBefore(d *decided) (*output, error) {
	id, err := e.registry.AnsweredBy(d.ctx, d.identity)
	if id == "" || err != nil {
		return nil, err
	}
	old, err := e.registry.LoadRun(d.ctx, id)
	if err != nil || old.Shredded {
		return nil, err
	}
	if old.User != d.request.Subject.user || old.Scenario != d.facts.Scenario.Name {
		return nil, fail("INTERNAL", errors.New("query: a question is named like another's")).of(d.id)
	}
	course, err := e.instance(d.ctx, workflow.OutputRelease, id)
	if errors.Is(err, workflow.ErrNotFound) { // it waits for its approval, which is not needed any more
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &output{state: course.State, run: &run{engine: e, id: id, request: d.request, resumed: true, facts: d.facts, filled: d.filled,
		pack: d.pack, catalog: d.catalog, consented: d.consented, ctx: d.ctx}}
	o.record, err = e.recordOf(d.ctx, id)
	return o, err
}

// repeated ends the course of a question that another run answers, or waits for.
func (d *decided) repeated(tx *registry.Tx, of string, fields map[string]string) error {
	if err := d.submit(tx); err != nil {
		return err
	}
	if err := d.save(tx, record{Query: d.input.Query, Masking: d.input.Masking, Decision: d.decision, Explanation: d.explanation()}); err != nil {
		return err
	}
	if err := d.keepDecision(tx, policy.ActionQuery, d.ruled); err != nil {
		return err
	}
	if err := d.move(tx, workflow.QueryApproval, workflow.Note{}, "analyse"); err != nil {
		return err
	}
	decided := map[policy.Verdict]string{policy.Allow: "allow", policy.Review: "review"}[d.decision.Verdict]
	if err := d.move(tx, workflow.QueryApproval, workflow.Note{Input: d.decision.Binding}, decided, "repeat"); err != nil {
		return err
	}
	fields["decision"], fields["of"] = d.decision.ID, of
	return tx.Emit(d.event(kindRepeated, fields))
}

// identify names the question to the gate alone, with all that its answer depends on: who
// asks what, for what, for whom and in which form; the documents, data and consents it
// stands on; the rules and the worker's program; and the keys of the tokens in it. What
// is asked counts as it is read: blanks and comments are no part of it. It is "" where
// there are no such keys, and of a statement that reads the clock.
func (d *decided) identify() (string, error) {
	if slices.ContainsFunc(d.input.Query.Functions, analysis.ReadsClock) {
		return "", nil
	}
	form, refused := d.form()
	if refused != nil {
		return "", refused
	}
	documents, data := d.standsOn()
	text, err := json.Marshal([]any{
		d.request.Subject.user, d.facts.Scenario.Name, d.request.Purpose, d.request.Recipient, form,
		ast.Print(d.found.tree), hex.EncodeToString(d.hash[:]), d.request.Template, d.filled.version, d.filled.parameters,
		documents, data, d.decision.BundleHash, d.pack.ID, d.session.Attestation().Binary,
	})
	if err != nil {
		return "", fmt.Errorf("query: name a question: %w", err)
	}
	secret, err := d.engine.keys.Derive(keys.Purpose{Use: useQuestion, Zone: d.facts.Zone.Name})
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(text)
	for _, scan := range d.Scans {
		owner, ok := d.facts.Owner(d.catalog.datasets[scan.Table])
		if !ok {
			return "", fmt.Errorf("query: dataset %s is not of the zone, and no supply gives it", scan.Table)
		}
		grant := d.catalog.grants[scan.Table]
		for _, z := range append([]registry.Versioned[registry.Zone]{owner}, grant.Bridges...) {
			k, err := d.engine.tokenKeys(z)
			if errors.Is(err, keys.ErrNoKey) {
				return "", nil
			}
			if err != nil {
				return "", err
			}
			mac.Write(k.Token)
		}
		cut, err := d.cutTo(scan.Table)
		if err != nil {
			return "", err
		}
		if cut != nil {
			set := cut.Digest()
			mac.Write(set[:])
		}
	}
	return hex.EncodeToString(mac.Sum(nil)), nil
}
