package query

import (
	"errors"

	"zonebox/policy"
)

// regroup considers what the parser reads and, if the rules want larger groups than
// it was analyzed with, once more with those: the rewrite suppresses by that figure.
// Rules that want still larger ones then are refused. A resumed run is considered
// with those that it was approved with at once: an approval binds its rewrite.
func (e *Engine) regroup(p *parser) (*decided, error) {
	if p.resumed {
		rec, err := e.recordOf(p.ctx, p.id)
		if err == nil {
			err = p.groups(rec.Decision.Obligations.MinGroup)
		}
		if err != nil {
			return nil, asError(err).of(p.id)
		}
	}
	if p.coarsens != nil {
		if err := p.groups(p.coarsens.done.K); err != nil {
			return nil, asError(err).of(p.id)
		}
	}
	d, err := e.consider(p)
	if err != nil || !d.wantsLarger() {
		return d, err
	}
	if err := p.groups(d.decision.Obligations.MinGroup); err != nil {
		return nil, asError(err).of(p.id)
	}
	if d, err = e.consider(p); err != nil {
		return nil, err
	}
	if d.wantsLarger() {
		return nil, fail("STOPPED", errors.New("query: the rules want larger groups of what has them")).of(p.id)
	}
	return d, nil
}

// wantsLarger reports whether a decision that is none against it wants larger groups
// than the statement was analyzed with.
func (d *decided) wantsLarger() bool {
	return d.decision.Verdict != policy.Deny && d.decision.Obligations.MinGroup > d.pack.MinGroup
}

// groups has the statement analyzed with groups of k, if that is more than now.
func (p *parser) groups(k int) (err error) {
	if k <= p.pack.MinGroup {
		return nil
	}
	p.pack.MinGroup = k
	p.found.against, p.ruled = nil, nil
	p.catalog, err = newCatalog(p.facts, p.pack, p.engine.cfg.Now())
	return err
}
