package query

import (
	"errors"

	"zonebox/quality"
	"zonebox/zone"
)

// measuring prepares the check of the delivery: its rules, and what they refer
// to. Rules that do not fit the entry any more refuse the load, since nobody could
// say whether their gate holds.
func (l *loading) measuring(stored *zone.Load) error {
	m, err := l.engine.measuresOf(l.ctx, l.dataset.Versioned)
	var faults quality.Faults
	if errors.As(err, &faults) {
		return fail("QUALITY_RULES", err)
	}
	if err != nil {
		return err
	}
	l.check = l.engine.newCheck(l.ctx, m)
	l.check.own = func(p *quality.Pass) error { return stored.Feed(l.ctx, p) }
	return l.check.Prepare(l.check.feed)
}

// measured ends the check once every row lies in the store. Of an increment the
// delivery holds a part of the rows only: all of them are read back.
func (l *loading) measured() error {
	if l.increment() {
		if err := l.check.own(l.check.Whole()); err != nil {
			return err
		}
	}
	return l.check.Finish(l.check.feed)
}

// increment reports whether the version holds rows that the delivery does not.
func (l *loading) increment() bool { return l.manifest.Mode != "" && l.manifest.Mode != ModeFull }

// stillMeasured refuses a delivery whose rules are not those it was measured by.
func (l *loading) stillMeasured() error {
	m, err := l.engine.measuresOf(l.ctx, l.dataset.Versioned)
	if err != nil && !errors.As(err, new(quality.Faults)) {
		return err
	}
	if err != nil || m.version != l.check.version {
		return refused("装载期间质量规则已更新", "the quality rules changed while the delivery was read", "JM19-14")
	}
	return nil
}

// declared is how many rows the provider says the version has: of an increment
// its manifest does not.
func (l *loading) declared() int64 {
	if l.increment() {
		return -1
	}
	return l.manifest.Rows
}
