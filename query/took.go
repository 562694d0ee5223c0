package query

import "time"

// took is how long the parts of a run took by the gate's clock, for the one
// line the log has of it. They add up to the run's whole time.
type took struct {
	mark                                    time.Time // where the part under way began
	decide, attach, execute, check, release time.Duration
}

// lap gives the time since the last lap to part.
func (r *run) lap(part *time.Duration) {
	now := r.engine.cfg.Now()
	*part += now.Sub(r.took.mark)
	r.took.mark = now
}
