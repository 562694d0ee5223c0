package query

import (
	"errors"

	"zonebox/policy"
)

// regroup considers what the parser reads and, if the rules want larger groups than
// the pack, once more with those: the rewrite suppresses by the figure that it is
// analyzed with. Rules that want still larger ones then are refused.
func (e *Engine) regroup(p *parser) (*decided, error) {
	d, err := e.consider(p)
	if err != nil || d.decision.Verdict == policy.Deny || d.decision.Obligations.MinGroup <= p.pack.MinGroup {
		return d, err
	}
	p.pack.MinGroup = d.decision.Obligations.MinGroup
	if p.catalog, err = newCatalog(p.facts, p.pack, e.cfg.Now()); err != nil {
		return nil, asError(err).of(p.id)
	}
	p.found.against, p.ruled = nil, nil
	if d, err = e.consider(p); err != nil {
		return nil, err
	}
	if d.decision.Verdict != policy.Deny && d.decision.Obligations.MinGroup > p.pack.MinGroup {
		return nil, fail("STOPPED", errors.New("query: the rules want larger groups of what has them")).of(p.id)
	}
	return d, nil
}
