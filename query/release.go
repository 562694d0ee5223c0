package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"zonebox/keys"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/workflow"
)

// output is an answer that passed the release rules, with its course. A fresh
// one is in memory only and its intent is open: settle ends both at once.
type output struct {
	*run
	held   *release.Held // nil once released, and while it is frozen
	digest string        // of what is held
	key    *keys.HoldKey
	record record
	state  workflow.State
	fresh  *checked // nil once its course is stored
}

// cleared is an output that policy lets go to its recipient.
type cleared struct {
	*output
	decision  policy.Decision
	word      *ruled // the decision with its facts
	recipient string // public keyset
	label     release.Label
}

// sealed is an artifact without a release entry: nobody has it yet.
type sealed struct {
	*cleared
	artifact *release.Artifact
	contents registry.ReleaseContents
}

// kindReleased is the kind of the entry without which no byte of an output leaves.
const kindReleased = "output.released"

// formDataset is the one form in which answers leave: a table (数据集).
const formDataset = "dataset"

func (e *Engine) holds() string     { return filepath.Join(e.cfg.Domain, holdsDir) }
func (e *Engine) artifacts() string { return filepath.Join(e.cfg.Domain, artifactsDir) }

func (e *Engine) holdFile(run string) string { return filepath.Join(e.holds(), run+".hold") }

func (e *Engine) artifactFile(run string) string { return filepath.Join(e.artifacts(), run+".zbx") }

// outputOf returns what an earlier call left of the run, nil if that is
// nothing yet, and an error if it is not this call's turn.
func (e *Engine) outputOf(r *run) (*output, error) {
	if !r.resumed {
		return nil, nil
	}
	course, err := e.approvalOf(r.ctx, r.id)
	if err != nil {
		return nil, r.stopped(courseError(err))
	}
	switch course.State {
	case workflow.Approved:
		return nil, nil
	case workflow.DecidedReview:
		return nil, fail("QUERY_IN_REVIEW", nil).of(r.id)
	case workflow.Expired:
		return nil, fail("APPROVAL_EXPIRED", nil).of(r.id)
	case workflow.Done:
	default:
		return nil, fail("RUN_STATE", nil).because(string(course.State), string(course.State)).of(r.id)
	}
	if course, err = e.instance(r.ctx, workflow.OutputRelease, r.id); err != nil {
		return nil, r.stopped(courseError(err))
	}
	out := &output{run: r, state: course.State}
	if out.record, err = e.recordOf(r.ctx, r.id); err != nil {
		return nil, r.stopped(err)
	}
	switch course.State {
	case workflow.Released, workflow.Downloaded:
		return out, nil
	case workflow.Frozen:
		if last := course.History[len(course.History)-1]; last.Role != workflow.Engine { // people froze this one, not the switch: it stays so
			return nil, fail("WITHHELD", nil).because(string(course.State), string(course.State)).of(r.id)
		}
		if err := e.accessOpen(r, out.record); err != nil {
			return nil, err
		}
		if out.digest, err = release.HeldDigest(e.holds(), r.id); err != nil {
			return nil, fail("DATA_DAMAGED", err).because("留存结果", "held output").of(r.id)
		}
		return out, nil
	case workflow.Held, workflow.Approved:
		if err := e.unblock(out, course); err != nil {
			return nil, err
		}
		key, err := e.keys.Hold(r.id)
		if err == nil {
			out.held, err = release.LoadHeld(e.holds(), r.id, key)
		}
		switch {
		case errors.Is(err, keys.ErrNoKey):
			return nil, fail("DATA_SHREDDED", err).because("留存结果", "held output").of(r.id)
		case errors.Is(err, keys.ErrBlocked):
			return nil, fail("WITHHELD", err).because("密钥已停用,须重新审核", "its key is blocked until it is reviewed anew").of(r.id)
		case err != nil:
			return nil, fail("DATA_DAMAGED", err).because("留存结果", "held output").of(r.id)
		}
		out.digest = out.held.Digest()
		return out, nil
	case workflow.Reviewing, workflow.ReviewingFirst, workflow.ReviewingSecond:
		return nil, fail("OUTPUT_IN_REVIEW", nil).of(r.id)
	case workflow.Coarsened:
		to := coarsenedTo(course)
		return nil, fail("OUTPUT_COARSENED", nil).because(to, to).of(to)
	case workflow.Destroyed:
		why := course.History[len(course.History)-1].Code // the shred
		return nil, fail("DATA_SHREDDED", nil).because("留存结果已随其数据销毁:"+why, "the held output ended with the data it was made of: "+why).of(r.id)
	}
	return nil, fail("WITHHELD", nil).because(string(course.State), string(course.State)).of(r.id)
}

func (e *Engine) recordOf(ctx context.Context, run string) (record, error) {
	var rec record
	old, err := e.registry.LoadRun(ctx, run)
	if err != nil {
		return rec, err
	}
	if old.Shredded {
		return rec, fail("DATA_SHREDDED", nil).of(run)
	}
	if err := json.Unmarshal(old.Decision, &rec); err != nil {
		return rec, fmt.Errorf("query: stored decision of %s: %w", run, err)
	}
	return rec, nil
}

func (o *output) released() bool {
	return o.state == workflow.Released || o.state == workflow.Downloaded
}

// settle stores with f what becomes of an output. For a fresh one the same
// transaction ends its run and opens its course, so that after a crash there is
// either an open intent or an output whose fate is known.
func (e *Engine) settle(o *output, f func(*registry.Tx) error) error {
	if o.fresh != nil {
		if err := o.fresh.reserved.store(e); err != nil {
			return err
		}
	}
	err := e.update(o.ctx, func(tx *registry.Tx) error {
		if o.fresh != nil {
			if err := o.fresh.finish(tx, o.record); err != nil {
				return err
			}
		}
		return f(tx)
	})
	if err == nil || errors.Is(err, errUnlogged) {
		o.fresh = nil
	}
	return err
}

// keep settles an output that must wait: it is on disk, encrypted, before its
// course says so.
func (e *Engine) keep(o *output, f func(*registry.Tx) error) error {
	if o.fresh != nil {
		if err := errors.Join(o.key.Save(), o.held.Save(e.holds())); err != nil {
			return err
		}
	}
	return e.settle(o, f)
}

// unsettled returns err, the failure of a release. A fresh output of which
// nothing is stored yet ends with it, and so does its run.
func (e *Engine) unsettled(o *output, err error) error {
	if o.fresh == nil {
		return err
	}
	return e.close(o.fresh.intent, errors.Join(err, e.destroyHold(o.ctx, o.id)))
}

// askRelease asks policy again, with today's facts, what would leave, and the
// reviewers' approvals.
func (e *Engine) askRelease(o *output) (*cleared, error) {
	c := &cleared{output: o}
	for _, p := range o.facts.Recipients {
		if p.Name == o.request.Recipient {
			c.recipient = p.Spec.RecipientKey
		}
	}
	var err error
	if c.label, err = o.labelOf(); err != nil {
		return nil, o.stopped(err)
	}
	in := e.policyFacts(policy.ActionRelease, about(o.facts, o.record.Query.Datasets()))
	in.Template = o.templateFacts()
	in.Query, in.Masking, in.Output = o.record.Query, o.record.Masking, o.record.Output
	in.Consent = o.consentsOf()
	in.Output.SignatureKey = e.Domain().GateKey
	in.Output.Label = &policy.Label{License: c.label.License, Scenario: c.label.Scenario, Zone: c.label.Zone}
	for _, s := range c.label.Sources {
		in.Output.Label.Sources = append(in.Output.Label.Sources, policy.Source{Dataset: s.Dataset, Provider: s.Provider, Version: s.Version, Acquired: s.Acquired})
	}
	in.Runtime = hostFacts()
	if in.History, err = e.history(o.ctx, o.request.Subject.user, o.facts.Operator.Name); err != nil {
		return nil, o.stopped(err)
	}
	if in.Approvals, err = e.approvals(o.ctx, o.id, stageOutput); err != nil {
		return nil, o.stopped(err)
	}
	in.Now = e.cfg.Now()
	c.decision, err = e.policy().DecideRelease(o.ctx, in)
	if err != nil {
		e.log.ErrorContext(o.ctx, "policy failed", "query_id", o.id, "decision_id", c.decision.ID, "cause", err)
		return nil, o.stopped(err) // no decision: nothing leaves, and nothing is destroyed
	}
	c.word = &ruled{in, c.decision}
	return c, nil
}

// decideRelease asks policy and does what it says. It returns an error unless the
// answer is ALLOW.
func (e *Engine) decideRelease(o *output) (*cleared, error) {
	c, err := e.askRelease(o)
	if err != nil {
		return nil, err
	}
	c.label.Evidence.Decision = c.decision.ID
	for _, w := range c.decision.Warnings {
		c.label.Warnings = append(c.label.Warnings, w.ZH+" / "+w.EN)
	}
	if o.record.Query.Protected != nil && *o.record.Query.Protected {
		c.label.Notes = []string{"少于最小分组的分组与单元格不予显示 / groups and cells below the minimum group are not shown"}
	}
	c.label.Notes = append(c.label.Notes, o.record.Coarsened.notes()...)
	c.label.Notes = append(c.label.Notes, o.record.roundedNotes()...)
	if !o.roundedNow() {
		return nil, fail("WITHHELD", nil).because("现须更大程度地取整,请重新提问", "figures are to be rounded to more by now: ask again").of(o.id)
	}
	switch {
	case o.state == workflow.Frozen && c.decision.Verdict == policy.Deny:
		why := fail("WITHHELD", nil).because("已冻结", "it is frozen").of(o.id)
		why.Details = details(c.decision.Reasons)
		return nil, why
	case o.state == workflow.Frozen: // whatever policy says, people look again first
		return nil, e.queueOutput(c, "thaw")
	case c.decision.Verdict == policy.Allow:
		return c, nil
	case c.decision.Verdict == policy.Review && o.state == workflow.Held:
		return nil, e.queueOutput(c, "check")
	}
	return nil, e.block(c)
}

// thawed is why an output waits that was frozen, whatever policy says of it.
var thawed = ReasonView{Code: "OUTPUT_THAWED", ZH: "曾因数据获取权限中止而冻结,须重新审核", EN: "it was frozen while access was closed, and is reviewed anew", Articles: []string{"NJ24-23"}}

// queueOutput sends an output to the people who must agree, by the move that leads
// to their review.
func (e *Engine) queueOutput(c *cleared, first string) error {
	move := "review"
	if c.decision.Obligations.SecondPerson {
		move = "review_two"
	}
	c.record.Waits = reasonViews(c.decision.Reasons)
	if first == "thaw" {
		c.record.Waits = append(c.record.Waits, thawed)
	}
	stored := c.fresh == nil
	err := e.keep(c.output, func(tx *registry.Tx) error {
		note := workflow.Note{Input: c.decision.Binding, Until: tx.Now().Add(time.Duration(c.decision.Obligations.TTLSeconds) * time.Second)}
		if err := c.current(tx); err != nil {
			return err // it would wait under facts that are no longer those of now
		}
		if stored {
			if err := c.save(tx, c.record); err != nil {
				return err
			}
		}
		if err := c.move(tx, workflow.OutputRelease, note, first); err != nil {
			return err
		}
		if err := c.move(tx, workflow.OutputRelease, workflow.Note{}, move); err != nil {
			return err
		}
		if err := c.keepDecision(tx, policy.ActionRelease, c.word); err != nil {
			return err
		}
		if err := c.replace(tx); err != nil {
			return err
		}
		return tx.Emit(c.event("output.review", map[string]string{"decision": c.decision.ID, "output": c.digest, "reasons": reasonCodes(c.decision.Reasons)}))
	})
	if err != nil {
		return asError(err).of(c.id)
	}
	return inReview("OUTPUT_IN_REVIEW", c.decision).of(c.id)
}

// block ends an output that policy does not let go; its key is destroyed with
// it.
func (e *Engine) block(c *cleared) error {
	err := e.settle(c.output, func(tx *registry.Tx) error {
		if err := c.move(tx, workflow.OutputRelease, workflow.Note{Code: reasonCodes(c.decision.Reasons)}, "block"); err != nil {
			return err
		}
		if err := tx.SettleLedger(c.id, registry.LedgerVoid); err != nil {
			return err
		}
		if err := c.keepDecision(tx, policy.ActionRelease, c.word); err != nil {
			return err
		}
		blocked := c.event("output.blocked", map[string]string{"decision": c.decision.ID, "output": c.digest, "reasons": reasonCodes(c.decision.Reasons)})
		return tx.Emit(identified(blocked, c.record.Facts))
	})
	if err := errors.Join(err, e.destroyHold(c.ctx, c.id)); err != nil {
		return asError(err).of(c.id)
	}
	why := fail("WITHHELD", nil).of(c.id)
	why.Details = details(c.decision.Reasons)
	if h := hintFor(c.decision.Reasons[0].Code); h != hints[""] {
		why.HintZH, why.HintEN = h.zh, h.en
	}
	return why
}

// kindHoldDestroyed is the entry of a held output that cannot be read any more. Why it is
// destroyed stands in an entry before it.
const kindHoldDestroyed = "hold.destroyed"

// destroyHold destroys the key of an output, and then what it closes. That of one that
// was kept on disk has an entry of its own, once: until it is committed the file stays,
// by which the next start knows that it is owed. Of one that is destroyed already it does
// what is left.
func (e *Engine) destroyHold(ctx context.Context, run string) error {
	if err := e.keys.DestroyHold(run); err != nil && !errors.Is(err, keys.ErrNoKey) {
		return err
	}
	if !e.kept(run) {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // whoever asked may be gone
	if _, logged := e.audit.Find(destroyedID(run)); !logged {
		of, err := e.registry.LoadRun(ctx, run)
		if err == nil {
			err = e.record(ctx, func(tx *registry.Tx) error {
				return tx.Emit(registry.Event{ID: destroyedID(run), Kind: kindHoldDestroyed, Actor: gate.User, Zone: of.Zone, Run: run,
					Fields: map[string]string{"scenario": of.Scenario}})
			})
		}
		if err != nil && !errors.Is(err, errUnlogged) && !errors.Is(err, registry.ErrNotFound) {
			return err
		}
	}
	if err := release.RemoveHeld(e.holds(), run); err != nil && !errors.Is(err, release.ErrNoHold) {
		return err
	}
	return nil
}

// kept reports whether the output of a run is on disk.
func (e *Engine) kept(run string) bool {
	_, err := os.Lstat(e.holdFile(run))
	return err == nil
}

// seal labels, signs and encrypts the output to its recipient.
func (c *cleared) seal() (*sealed, error) {
	form, refused := c.form()
	if refused != nil {
		return nil, refused
	}
	artifact, err := c.held.Seal(release.Sealing{Label: c.label, Recipient: c.recipient, Columns: c.record.Columns, Form: form, Signature: c.signature()},
		c.engine.keys.Signer())
	if errors.Is(err, release.ErrRecipientKey) {
		return nil, fail("BAD_REQUEST", err).because("接收人没有可用的公钥", "the recipient has no usable public key").of(c.id)
	}
	if err != nil {
		return nil, asError(err).of(c.id)
	}
	contents, err := c.contents()
	if err != nil {
		return nil, asError(err).of(c.id)
	}
	return &sealed{c, artifact, contents}, nil
}

// publish lets an artifact go: the move to RELEASED, the epoch and the release
// entry commit together, and the entry is durable in the audit log before the
// first byte is handed out.
func (e *Engine) publish(s *sealed) (*Answer, error) {
	released, err := s.record.Proof.proven(s.run, kindReleased, relying(s.decision, map[string]string{"decision": s.decision.ID, "artifact": s.artifact.Digest(),
		"output": s.digest, "recipient": s.request.Recipient, "rows": strconv.FormatInt(int64(s.record.Facts.Rows), 10), "bytes": strconv.Itoa(len(s.artifact.Bytes()))}))
	if err != nil {
		return nil, asError(err).of(s.id)
	}
	released.ID = releaseID(s.id)
	if g := s.label.Effect; g != nil {
		released.Fields["effect"] = strconv.Itoa(g.Level)
		if !entryOf(registry.Pending{Event: released}).Fits() {
			delete(released.Fields, "effect") // the artifact it names tells it
		}
	}
	atRest, err := e.workspaces().Seal(s.workspace(), s.artifact.Bytes(), artifactContext(s.id))
	if err != nil {
		return nil, asError(err).of(s.id)
	}
	if err := writeDurable(e.artifactFile(s.id), atRest); err != nil {
		return nil, fail("INTERNAL", err).of(s.id)
	}
	err = e.settle(s.output, func(tx *registry.Tx) error {
		if err := s.current(tx); err != nil {
			return err
		}
		if err := e.sameRules(s.decision); err != nil {
			return err
		}
		if err := s.sourcesStand(tx); err != nil {
			return err
		}
		if s.state == workflow.Held {
			if err := s.move(tx, workflow.OutputRelease, workflow.Note{Input: s.decision.Binding}, "check"); err != nil {
				return err
			}
		}
		if err := s.move(tx, workflow.OutputRelease, workflow.Note{Input: s.decision.Binding}, "release"); err != nil {
			return err
		}
		if err := s.keepMarks(tx); err != nil {
			return err
		}
		if err := tx.AddReleaseContents(s.contents); err != nil {
			return err
		}
		if err := tx.SettleLedger(s.id, registry.LedgerKept); err != nil {
			return err
		}
		if err := s.keepDecision(tx, policy.ActionRelease, s.word); err != nil {
			return err
		}
		return tx.Emit(released)
	})
	if err == nil || errors.Is(err, errUnlogged) { // what is released lives in the sealed file alone
		if err := e.destroyHold(s.ctx, s.id); err != nil {
			e.log.ErrorContext(s.ctx, "hold of a released output not destroyed", "query_id", s.id, "cause", err)
		}
	}
	if err != nil {
		return nil, asError(err).of(s.id)
	}
	s.lap(&s.took.release)
	e.log.InfoContext(s.ctx, "answered", "query_id", s.id, "zone", s.facts.Zone.Name, "scenario", s.request.Scenario, "user_id", s.request.Subject.user,
		"decision_id", s.decision.ID, "bundle_hash", s.decision.BundleHash, "rows", s.record.Facts.Rows, "bytes", len(s.artifact.Bytes()),
		"elapsed", s.took.mark.Sub(s.began), "decide", s.took.decide.took, "attach", s.took.attach.took, "execute", s.took.execute.took,
		"check", s.took.check.took, "release", s.took.release.took)
	return &Answer{Run: s.id, Artifact: s.artifact}, nil
}

// stored returns the artifact of a released output.
func (e *Engine) stored(o *output) (*release.Artifact, error) {
	file, err := os.ReadFile(e.artifactFile(o.id))
	if err != nil {
		return nil, fail("DATA_DAMAGED", err).because("密封结果", "sealed artifact").of(o.id)
	}
	if opened, err := e.workspaces().Open(o.workspace(), file, artifactContext(o.id)); err == nil {
		file = opened // one of before there were workspaces lies as it was sealed
	} else if !errors.Is(err, registry.ErrShredded) {
		return nil, asError(err).of(o.id)
	}
	artifact, err := e.reload(file)
	if err != nil {
		return nil, fail("DATA_DAMAGED", err).because("密封结果", "sealed artifact").of(o.id)
	}
	return artifact, nil
}

// collect hands out a released artifact again, as it was sealed. What f does, if it is
// not nil, is of the same transaction.
func (e *Engine) collect(o *output, f func(*registry.Tx, *release.Artifact) error) (*Answer, error) {
	if err := e.accessOpen(o.run, o.record); err != nil {
		return nil, err
	}
	artifact, err := e.stored(o)
	if err != nil {
		return nil, err
	}
	err = e.update(o.ctx, func(tx *registry.Tx) error {
		if err := o.current(tx); err != nil {
			return err // access may have been closed since
		}
		if _, err := workflow.Do(tx.Context(), tx.SQL(), workflow.OutputRelease, o.id, "download", o.actor(), tx.Now(), workflow.Note{}); err != nil {
			return courseError(err)
		}
		if f != nil {
			if err := f(tx, artifact); err != nil {
				return err
			}
		}
		return tx.Emit(o.event("output.downloaded", map[string]string{"artifact": artifact.Digest()}))
	})
	if err != nil {
		return nil, asError(err).of(o.id)
	}
	return &Answer{Run: o.id, Artifact: artifact}, nil
}

// reload returns an artifact that was signed by the gate's key of now or by one
// that it followed.
func (e *Engine) reload(file []byte) (artifact *release.Artifact, err error) {
	for _, key := range e.keys.Signer().Publics() {
		if artifact, err = release.Reload(file, key); !errors.Is(err, release.ErrSignature) {
			break
		}
	}
	return artifact, err
}

// writeDurable writes a file that is there as a whole or not at all.
func writeDurable(path string, data []byte) error {
	temp := path + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("query: write artifact: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("query: write artifact: %w", errors.Join(err, os.Remove(temp)))
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("query: write artifact: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("query: write artifact: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
