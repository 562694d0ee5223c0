package query

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strconv"
	"time"

	"zonebox/policy"
	"zonebox/registry"
)

// policySet is every version of the rules that may be in force: those of the
// program, and each bundle that was confirmed, from when on. It never changes; a
// confirmation puts another in its place at once.
type policySet struct {
	embedded *policy.Evaluator
	steps    []policyStep // by their order
}

// policyStep is one coming into force.
type policyStep struct {
	order     registry.PolicyOrder // without its archive
	evaluator *policy.Evaluator
}

// at returns what is in force at a time: the last that was confirmed of those whose
// time has come.
func (s *policySet) at(now time.Time) (*policy.Evaluator, *registry.PolicyOrder) {
	for i := len(s.steps) - 1; i >= 0; i-- {
		if !s.steps[i].order.From.After(now) {
			return s.steps[i].evaluator, &s.steps[i].order
		}
	}
	return s.embedded, nil
}

// policy returns the rules in force now.
func (e *Engine) policy() *policy.Evaluator {
	now, _ := e.rules.Load().at(e.cfg.Now())
	return now
}

// sameRules refuses what was decided under rules that are not in force any more.
func (e *Engine) sameRules(d policy.Decision) error {
	if d.BundleHash == e.policy().BundleHash() {
		return nil
	}
	return fail("STOPPED", errOvertakenRules)
}

// errOvertakenRules is why a run ended under which the rules changed.
var errOvertakenRules = &revoked{registry.Ref{Kind: "PolicyBundle"}}

// openRules compiles everything that was ever confirmed. A stored bundle that does
// not open, verify or compile is an error: a gate that went on without it would
// decide by laxer rules.
func openRules(ctx context.Context, cfg Config, r *registry.Registry) (*policySet, error) {
	orders, err := r.PolicyOrders(ctx)
	if err != nil {
		return nil, err
	}
	set := &policySet{}
	if set.embedded, err = policy.New(ctx, policy.Config{Now: cfg.Now}); err != nil {
		return nil, err
	}
	for _, o := range orders {
		if o.Step == 0 {
			continue
		}
		if set, err = set.with(ctx, cfg, o); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// with returns s and one more step.
func (s *policySet) with(ctx context.Context, cfg Config, o registry.PolicyOrder) (*policySet, error) {
	evaluator, err := s.compile(ctx, cfg, o)
	if err != nil {
		return nil, fmt.Errorf("query: policy order %s: %w", o.ID, err)
	}
	o.Archive = nil
	return &policySet{s.embedded, append(s.steps[:len(s.steps):len(s.steps)], policyStep{o, evaluator})}, nil
}

// compile returns what an order brings into force.
func (s *policySet) compile(ctx context.Context, cfg Config, o registry.PolicyOrder) (*policy.Evaluator, error) {
	if !o.Returns() {
		b, err := policy.Restore(o.Archive, map[string]ed25519.PublicKey{o.Signer: o.Key})
		if err != nil {
			return nil, err
		}
		if b.Revision != o.Revision || b.Digest != o.Digest {
			return nil, policy.ErrBundle
		}
		return policy.New(ctx, policy.Config{Now: cfg.Now, Bundle: b})
	}
	if o.Revision == 0 {
		return s.embedded, nil
	}
	for _, step := range s.steps {
		if step.order.Digest == o.Digest && step.order.Revision == o.Revision {
			return step.evaluator, nil
		}
	}
	return nil, policy.ErrBundle
}

// last returns the highest revision that was ever confirmed, and the order that was
// confirmed last.
func (s *policySet) last() (highest int64, newest registry.PolicyOrder) {
	for _, step := range s.steps {
		highest, newest = max(highest, step.order.Revision), step.order
	}
	return highest, newest
}

// before returns the bundle confirmed below a revision, the highest of them; 0 if
// there is none.
func (s *policySet) before(revision int64) (before registry.PolicyOrder) {
	for _, step := range s.steps {
		if step.order.Revision < revision && step.order.Revision > before.Revision {
			before = step.order
		}
	}
	return before
}

// compareRules refuses a registry whose confirmed rules are not those of the log,
// which logged tells by their steps.
func (e *Engine) compareRules(logged map[string]string) error {
	differs := func(step, logged, found string) error {
		return fmt.Errorf("query: open domain: %w: step %s of the policy is at %q, its log at %q; restore the newest registry", ErrRollback, step, found, logged)
	}
	for _, step := range e.rules.Load().steps {
		n, found := strconv.FormatInt(step.order.Step, 10), step.order.ID+" "+step.order.Digest
		if logged[n] != found {
			return differs(n, logged[n], found)
		}
		delete(logged, n)
	}
	for n, what := range logged {
		return differs(n, what, "")
	}
	return nil
}
