package query

import "time"

// took is how long the parts of a run took by the gate's clock, for the one
// line the log has of it and for its trace. They add up to the run's whole time.
type took struct {
	mark                                    time.Time // where the part under way began
	decide, attach, execute, check, release part
}

// part is a part of a run. What takes turns with another began with its first turn.
type part struct {
	began time.Time // zero if it never did
	took  time.Duration
}

// lap gives the time since the last lap to p.
func (r *run) lap(p *part) {
	now := r.engine.cfg.Now()
	if p.began.IsZero() {
		p.began = r.took.mark
	}
	p.took += now.Sub(r.took.mark)
	r.took.mark = now
}
