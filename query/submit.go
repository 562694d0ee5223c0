package query

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"zonebox/registry"
	"zonebox/workflow"
)

const (
	// mostSubmitted is how many bytes a question may have: so many of an organization
	// wait in memory.
	mostSubmitted = 1 << 20
	// keptSubmissions is how long it is told how a submission ended, and its key is known;
	// of one person of no more than mostKept.
	keptSubmissions = 30 * 24 * time.Hour
	mostKept        = 5000
	// mostAgain is how many gates after the first may begin with a question and end out of
	// order before it left anything: then it is asked no more.
	mostAgain = 2
)

// submitted is what the registry keeps of the question of a submission.
type submitted struct {
	stored
	Resume string `json:",omitempty"`
}

// outcome is how a submission ended: the run whose answer there is, or why there is none.
type outcome struct {
	Answered string `json:",omitempty"`
	Failed   *Error `json:",omitempty"`
}

// Submit hands a question in and returns at once: it is durable, and will be answered by
// Answer in its turn, whether or not anybody waits, and across a stop of the gate. key is
// the asker's own name for it: the same question under the same key is the submission
// that there is, another one IDEMPOTENCY_CONFLICT. Keys are remembered for 30 days, of
// one person's the latest 5000.
//
// Of a submission each question has one outcome. What had not become an intent when the
// gate ended is asked when there is one again, on the facts of then. What had is never
// run twice: its intent is closed, what it was charged stays, and it ends ABANDONED, or
// STOPPED, for its asker to ask anew. Nothing is asked in the name of a person whose
// document, or by an API key that, is no more what it was.
func (e *Engine) Submit(ctx context.Context, s Subject, key string, req Request) (*Submission, error) {
	req.Subject = s
	if !keyed(key) {
		return nil, fail("BAD_REQUEST", nil).because("幂等键须为 1 至 64 个字母、数字、- 或 _", "the idempotency key has 1 to 64 letters, digits, - or _")
	}
	text, err := json.Marshal(submitted{stored{req.Scenario, req.Purpose, req.SQL, req.Recipient, req.Template, 0, req.Parameters, req.Form}, req.Resume})
	if err != nil {
		return nil, asError(fmt.Errorf("query: submit: %w", err))
	}
	if len(text) > mostSubmitted {
		return nil, fail("BAD_REQUEST", nil).because("查询超过 1 MiB", "the question has more than 1 MiB")
	}
	digest := sha256.Sum256(text)
	if v, err := e.submittedBefore(ctx, s, key, digest[:]); v != nil || err != nil {
		return v, err
	}
	if err := e.Stands(ctx, s); err != nil {
		return nil, err
	}
	kept := registry.Submission{ID: newID("sub", e.cfg.Now()), User: s.user, Key: key, Run: newID("run", e.cfg.Now()),
		SubmissionBody: registry.SubmissionBody{Request: text, Digest: digest[:], Person: s.version, APIKey: s.key}}
	scenario := req.Scenario
	if req.Resume != "" {
		r := &run{engine: e, request: req, id: req.Resume, ctx: ctx}
		if err := r.load(); err != nil {
			return nil, asError(err)
		}
		kept.Run, scenario = req.Resume, r.request.Scenario
	} else if err := req.whole(); err != nil {
		return nil, err
	}
	if err := e.ready(ctx); err != nil {
		return nil, asError(err)
	}
	// It lies where its run will; to whom the scenario is not there, no run is kept.
	f, err := e.factsOf(ctx, s, registry.Query{User: s.user, Scenario: scenario})
	switch {
	case err == nil:
		kept.Organization = f.License.Spec.Operator
	case !errors.Is(err, registry.ErrNotFound) && !errors.Is(err, errOtherOperator):
		return nil, asError(err)
	}
	sub := e.submission(kept, s, req)
	if err := e.submissions.enter(sub, e.cfg.Now()); err != nil {
		sub.cancel(nil)
		return nil, err
	}
	err = e.registry.Update(context.WithoutCancel(ctx), func(tx *registry.Tx) error {
		sub.kept.CreatedAt = tx.Now()
		return errors.Join(tx.ForgetSubmissions(tx.Now().Add(-keptSubmissions), s.user, mostKept), tx.SaveSubmission(kept))
	})
	if err != nil {
		sub.cancel(nil)
		e.submissions.leave(sub)
		if errors.Is(err, registry.ErrConflict) { // the same key came twice at once
			return e.submittedBefore(ctx, s, key, digest[:])
		}
		return nil, asError(err)
	}
	v, _ := e.submissions.view(sub)
	go e.pursue(sub)
	return &v, nil
}

// submission returns one that is to be asked. It is nobody's request any more: what ends
// it is its sender's word, the gate's stop, or what ends any run.
func (e *Engine) submission(kept registry.Submission, s Subject, req Request) *submission {
	sub := &submission{kept: kept, subject: s, request: req, operator: cmp.Or(kept.Organization, s.organization)}
	sub.request.Subject, sub.request.of = s, sub
	sub.ctx, sub.cancel = context.WithCancelCause(context.Background())
	return sub
}

// keyed reports whether a text can be an idempotency key.
func keyed(key string) bool {
	return key != "" && len(key) <= 64 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// submittedBefore returns the submission of that key, nil if there is none.
func (e *Engine) submittedBefore(ctx context.Context, s Subject, key string, digest []byte) (*Submission, error) {
	old, err := e.registry.SubmissionByKey(ctx, s.user, key)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, asError(err)
	case old.Shredded:
		return nil, fail("DATA_SHREDDED", nil)
	case !bytes.Equal(old.Digest, digest):
		return nil, fail("IDEMPOTENCY_CONFLICT", nil)
	}
	return e.SubmissionByID(ctx, s, old.ID)
}

// stands returns STOPPED if a question was handed in by a person whose document has
// another version by now, or by an API key that is no more: nobody would be let hand it
// in by it today. A question that was not handed in stands.
func (s *submission) stands(r *run) error {
	if s == nil {
		return nil
	}
	if p := r.facts.Subject; p.Version != s.kept.Person {
		return fail("STOPPED", &revoked{registry.Ref{Kind: registry.KindPerson, Name: p.Name, Version: p.Version}}).of(r.id)
	}
	if s.kept.APIKey == "" {
		return nil
	}
	k, err := r.engine.registry.APIKey(r.ctx, s.kept.APIKey)
	if errors.Is(err, registry.ErrNotFound) || err == nil && expired(k, r.engine.cfg.Now()) {
		return fail("STOPPED", &revoked{keyRef(s.kept.APIKey)}).of(r.id)
	}
	if err != nil {
		return r.stopped(err)
	}
	return nil
}

// pursue answers a submission and keeps how that ended.
func (e *Engine) pursue(sub *submission) {
	defer e.submissions.leave(sub)
	defer sub.cancel(nil)
	began := e.cfg.Now()
	answer, err := e.answerAlone(sub)
	var out outcome
	if err == nil {
		out.Answered = answer.Run
	} else {
		out.Failed = e.Told(err)
	}
	ctx := context.WithoutCancel(sub.ctx)
	level, line := slog.LevelInfo, []any{"query_id", sub.kept.Run, "user_id", sub.kept.User, "elapsed", e.cfg.Now().Sub(began)}
	if out.Failed != nil {
		line = append(line, "code", out.Failed.Code)
		if cause := errors.Unwrap(out.Failed); cause != nil {
			level, line = slog.LevelWarn, append(line, "cause", cause)
		}
	}
	if out.Failed != nil && sub.postponed(out.Failed) {
		// What did not become an intent is asked when the gate is there again.
		open, _, err := e.unasked(ctx, sub.kept, sub.request.Resume != "")
		if err == nil && open {
			err = e.postpone(ctx, sub)
		}
		if err != nil {
			e.log.ErrorContext(ctx, "what became of a submission is for the next gate to see", append(line, "why", err)...)
			return
		}
		if open {
			e.log.InfoContext(ctx, "submission postponed", line...)
			return
		}
	}
	if err := e.endSubmission(ctx, sub.kept, out); err != nil {
		e.log.ErrorContext(ctx, "outcome of a submission not kept", append(line, "why", err)...)
		return
	}
	e.log.Log(ctx, level, "submission ended", line...)
}

// begin notes, before anything is done of it, that a gate after the first begins with a
// submission. What only waits is not counted.
func (e *Engine) begin(ctx context.Context, sub *submission) error {
	if sub == nil || !sub.again {
		return nil
	}
	sub.began = true
	return e.count(ctx, sub, 1)
}

// postpone takes back what begin noted: the gate ends in order.
func (e *Engine) postpone(ctx context.Context, sub *submission) error {
	if !sub.began {
		return nil
	}
	return e.count(ctx, sub, -1)
}

func (e *Engine) count(ctx context.Context, sub *submission, by int) error {
	return e.registry.Update(ctx, func(tx *registry.Tx) error {
		now, err := tx.SubmissionByID(sub.kept.ID)
		if err != nil || now.Shredded || !now.EndedAt.IsZero() {
			return err
		}
		now.Again += by
		return tx.SaveSubmission(now)
	})
}

// answerAlone is Answer where no server catches what panics.
func (e *Engine) answerAlone(sub *submission) (_ *Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.log.ErrorContext(sub.ctx, "panic in a submission", "query_id", sub.kept.Run)
			err = fail("INTERNAL", errors.New("query: panic in a submission")).of(sub.kept.Run)
		}
	}()
	return e.Answer(sub.ctx, sub.request)
}

// endSubmission keeps how a submission ended; what was asked is no longer kept with it.
func (e *Engine) endSubmission(ctx context.Context, kept registry.Submission, out outcome) error {
	return e.registry.Update(ctx, func(tx *registry.Tx) error { return endIn(tx, kept, out) })
}

func endIn(tx *registry.Tx, kept registry.Submission, out outcome) error {
	now, err := tx.SubmissionByID(kept.ID)
	if err != nil {
		return err
	}
	if now.Shredded { // its workspace takes nothing more
		kept.Organization, kept.Digest = "", nil
	}
	if kept.Outcome, err = json.Marshal(out); err != nil {
		return fmt.Errorf("query: outcome of %s: %w", kept.ID, err)
	}
	kept.Request, kept.EndedAt = nil, tx.Now()
	return tx.SaveSubmission(kept)
}

// unasked tells of a submission that was cut short whether nothing of it became durable,
// so that it may be asked as if it had never been, and otherwise how it ended.
func (e *Engine) unasked(ctx context.Context, kept registry.Submission, resumes bool) (bool, outcome, error) {
	course, err := e.approvalOf(ctx, kept.Run)
	if errors.Is(err, workflow.ErrNotFound) {
		return true, outcome{}, nil
	}
	if err != nil {
		return false, outcome{}, err
	}
	failed := func(name string) (bool, outcome, error) {
		return false, outcome{Failed: fail(name, nil).of(kept.Run)}, nil
	}
	switch course.State {
	case workflow.DecidedReview, workflow.Approved:
		if resumes && course.State == workflow.Approved { // the approval was not used
			return true, outcome{}, nil
		}
		return failed("QUERY_IN_REVIEW")
	case workflow.Expired:
		return failed("APPROVAL_EXPIRED")
	case workflow.Done:
	case workflow.Repeated:
		return failed("ABANDONED") // the course does not say of which run the answer is; the question asked anew finds it
	default:
		return false, outcome{Failed: endOf(course).of(kept.Run)}, nil
	}
	out, err := e.instance(ctx, workflow.OutputRelease, kept.Run)
	if err != nil {
		return false, outcome{}, err
	}
	switch out.State {
	case workflow.Released, workflow.Downloaded:
		return false, outcome{Answered: kept.Run}, nil
	case workflow.Reviewing, workflow.ReviewingFirst, workflow.ReviewingSecond:
		return failed("OUTPUT_IN_REVIEW")
	case workflow.Held, workflow.Approved:
		if resumes { // it is held for whoever asks again
			return true, outcome{}, nil
		}
		return failed("ABANDONED")
	}
	return failed("WITHHELD")
}

// endOf is the error with which the gate ended a course, by the code that the course
// keeps: what was said beside it is not kept.
func endOf(course workflow.Instance) *Error {
	last := course.History[len(course.History)-1]
	_, own := codes[last.Code]
	switch {
	case last.Role == workflow.Engine && own:
		return fail(last.Code, nil)
	case last.Role == workflow.Engine && course.State == workflow.DecidedDeny:
		return &Error{Code: last.Code, Class: ClassDenied, ZH: "语句被拒绝", EN: "the statement was refused",
			HintZH: "以 explain 查看全部理由", HintEN: "explain tells every reason", Articles: []string{"NJ24-13"}}
	}
	return fail("RUN_STATE", nil).because(string(course.State), string(course.State))
}

// AskAgain asks, in their order, what was submitted and not ended when the last gate did.
// It is for a gate that serves already, once. What cannot be asked now is logged, and
// stays for the next gate.
func (e *Engine) AskAgain(ctx context.Context) {
	open, err := e.registry.OpenSubmissions(ctx)
	if err != nil {
		e.log.ErrorContext(ctx, "what was submitted to the last gate cannot be read", "cause", err)
	}
	for _, kept := range open {
		if e.submissions.find(kept.User, kept.ID) != nil {
			continue // it came meanwhile
		}
		if err := e.askKept(ctx, kept); err != nil {
			e.log.ErrorContext(ctx, "what was submitted to the last gate is not asked again", "query_id", kept.Run, "user_id", kept.User, "cause", err)
		}
	}
}

func (e *Engine) askKept(ctx context.Context, kept registry.Submission) error {
	if kept.Shredded {
		return e.endSubmission(ctx, kept, outcome{Failed: fail("DATA_SHREDDED", nil).of(kept.Run)})
	}
	var q submitted
	if err := json.Unmarshal(kept.Request, &q); err != nil {
		return err
	}
	if open, out, err := e.unasked(ctx, kept, q.Resume != ""); err != nil || !open {
		if err != nil {
			return err
		}
		return e.endSubmission(ctx, kept, out)
	}
	if kept.CalledOff {
		return e.endSubmission(ctx, kept, outcome{Failed: fail("STOPPED", errCalledOff).of(kept.Run)})
	}
	p, version, err := e.activePerson(ctx, kept.User)
	if err != nil && !errors.Is(err, registry.ErrInactive) {
		return err
	}
	if err != nil || version != kept.Person {
		return e.endSubmission(ctx, kept, outcome{Failed: fail("STOPPED", &revoked{registry.Ref{Kind: registry.KindPerson, Name: kept.User, Version: version}}).of(kept.Run)})
	}
	if kept.Again >= mostAgain {
		return e.endSubmission(ctx, kept, outcome{Failed: fail("ABANDONED", nil).of(kept.Run)})
	}
	s := Subject{user: kept.User, organization: p.Organization, roles: p.Roles, permissions: p.Permissions, key: kept.APIKey}
	sub := e.submission(kept, s, Request{Scenario: q.Scenario, Purpose: q.Purpose, SQL: q.SQL, Recipient: q.Recipient,
		Template: q.Template, Parameters: q.Parameters, Form: q.Form, Resume: q.Resume})
	sub.again = true
	e.submissions.again(sub)
	go e.pursue(sub)
	return nil
}

// SubmissionByID returns a submission of the person's own. Another's is NOT_FOUND, as is
// one that never was.
func (e *Engine) SubmissionByID(ctx context.Context, s Subject, id string) (*Submission, error) {
	v, _, err := e.WatchSubmission(ctx, s, id)
	return v, err
}

// WatchSubmission is SubmissionByID with what the submission's next step or its end
// closes; nil of one that has ended.
func (e *Engine) WatchSubmission(ctx context.Context, s Subject, id string) (*Submission, <-chan struct{}, error) {
	if live := e.submissions.find(s.user, id); live != nil {
		v, moved := e.submissions.view(live)
		return &v, moved, nil
	}
	kept, out, err := e.endedSubmission(ctx, s, id)
	if err != nil {
		return nil, nil, err
	}
	ended := kept.EndedAt
	if ended.IsZero() { // it was called off, which the next gate writes down
		ended = e.cfg.Now().UTC()
	}
	ended = ended.Truncate(time.Second) // the answer was told of, and how long it took is no more than that
	return &Submission{ID: kept.ID, Run: kept.Run, State: SubmissionEnded, Submitted: kept.CreatedAt.Truncate(time.Second), Ended: &ended,
		Answered: out.Answered, Failed: out.Failed}, nil, nil
}

// ownSubmission returns a submission of the person's own as the registry keeps it.
func (e *Engine) ownSubmission(ctx context.Context, s Subject, id string) (registry.Submission, error) {
	kept, err := e.registry.SubmissionByID(ctx, id)
	if errors.Is(err, registry.ErrNotFound) || err == nil && kept.User != s.user {
		return kept, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return kept, asError(err)
	}
	return kept, nil
}

// Watching takes a place for a stream that tells s of a submission, which the caller ends.
func (e *Engine) Watching(s Subject) (end func(), err error) { return e.submissions.watch(s.user) }

// endedSubmission returns a submission of the person's own that has ended. One that has
// not and is not under way is POSTPONED.
func (e *Engine) endedSubmission(ctx context.Context, s Subject, id string) (kept registry.Submission, out outcome, err error) {
	kept, err = e.ownSubmission(ctx, s, id)
	switch {
	case err != nil:
		return kept, out, err
	case kept.EndedAt.IsZero() && kept.CalledOff:
		return kept, outcome{Failed: fail("STOPPED", errCalledOff).of(kept.Run)}, nil
	case kept.EndedAt.IsZero():
		return kept, out, fail("POSTPONED", errStopped).of(kept.Run)
	case kept.Shredded:
		return kept, outcome{Failed: fail("DATA_SHREDDED", nil).of(kept.Run)}, nil
	}
	if err := json.Unmarshal(kept.Outcome, &out); err != nil {
		return kept, out, asError(fmt.Errorf("query: outcome of %s: %w", kept.ID, err))
	}
	return kept, out, nil
}

// CallOff ends a submission of the person's own that waits or runs, and its worker with
// it. That it was called off is durable: no gate asks it any more. One whose answer is just
// being released may end answered all the same; SubmissionByID says how it ended.
func (e *Engine) CallOff(ctx context.Context, s Subject, id string) (*Submission, error) {
	if _, err := e.ownSubmission(ctx, s, id); err != nil {
		return nil, err
	}
	if live := e.submissions.find(s.user, id); live != nil {
		live.cancel(errCalledOff)
	}
	err := e.registry.Update(context.WithoutCancel(ctx), func(tx *registry.Tx) error {
		kept, err := tx.SubmissionByID(id)
		if err != nil || kept.Shredded || kept.CalledOff || !kept.EndedAt.IsZero() {
			return err
		}
		kept.CalledOff = true
		return tx.SaveSubmission(kept)
	})
	if err != nil {
		return nil, asError(err)
	}
	return e.SubmissionByID(ctx, s, id)
}

// Collect hands out the answer of a submission of the person's own, or the error it ended
// with. Each time is a download with an entry of its own. Nothing is handed out to which
// access was closed since. It runs nothing, so that no other question is in its way, nor
// that the gate is stopping.
func (e *Engine) Collect(ctx context.Context, s Subject, id string) (_ *Answer, err error) {
	if e.submissions.find(s.user, id) != nil {
		return nil, fail("RUN_STATE", nil).because("尚未结束", "it has not ended")
	}
	_, out, err := e.endedSubmission(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if out.Failed != nil {
		return nil, out.Failed
	}
	r := &run{engine: e, request: Request{Subject: s, Resume: out.Answered}, id: out.Answered, began: e.cfg.Now()}
	r.ctx, r.cancel = context.WithCancelCause(context.WithValue(ctx, runKey{}, r))
	defer r.cancel(nil)
	defer func() { err = e.ended(r, err) }()
	if err := r.load(); err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	output, err := e.outputOf(r)
	if err != nil {
		return nil, err
	}
	if output == nil || !output.released() {
		return nil, fail("WITHHELD", nil).of(r.id)
	}
	return e.collect(output, nil)
}
