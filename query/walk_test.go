package query

import "context"

// Walk is Answer one step at a time: between is called after each with its name, so
// that tests act at every boundary. The steps are those of Answer.
func Walk(ctx context.Context, e *Engine, req Request, between func(step string)) (_ *Answer, err error) {
	r, err := e.enter(ctx, req)
	if err != nil {
		return nil, e.turnAway(ctx, req, err)
	}
	defer r.leave()
	defer func() { err = e.ended(r, err) }()
	between("enter")
	out, err := e.outputOf(r)
	if err != nil {
		return nil, err
	}
	between("output")
	if out == nil {
		d, err := walkDecide(e, r, between)
		if err != nil {
			return nil, e.refuse(r, e.everyReason(r, err))
		}
		if a, err := e.repeat(d); a != nil || err != nil {
			return a, err
		}
		between("repeat")
		i, err := e.intend(d)
		if err != nil {
			return nil, err
		}
		between("intend")
		if out, err = walkRun(e, i, between); err != nil {
			return nil, err
		}
	}
	c, err := e.decideRelease(out)
	if err != nil {
		return nil, e.unsettled(out, err)
	}
	between("decide release")
	s, err := c.seal()
	if err != nil {
		return nil, e.unsettled(out, err)
	}
	between("seal")
	a, err := e.publish(s)
	if err != nil {
		return nil, e.unsettled(out, err)
	}
	return a, nil
}

func walkDecide(e *Engine, r *run, between func(string)) (*decided, error) {
	a, err := e.admit(r)
	if err != nil {
		return nil, err
	}
	between("admit")
	posed, err := a.pose()
	if err != nil {
		return nil, err
	}
	between("pose")
	p, err := e.startParser(posed)
	if err != nil {
		return nil, err
	}
	defer p.close()
	between("start parser")
	tree, err := p.parse()
	if err != nil {
		return nil, err
	}
	between("parse")
	s, err := tree.analyze()
	if err != nil {
		return nil, err
	}
	between("analyze")
	approved, err := s.reparse()
	if err != nil {
		return nil, err
	}
	between("reparse")
	b, err := approved.bind()
	if err != nil {
		return nil, err
	}
	between("bind")
	d, err := e.decide(b)
	if err == nil {
		between("decide")
	}
	return d, err
}

func walkRun(e *Engine, i *intent, between func(string)) (*output, error) {
	w, err := e.attach(i)
	if err != nil {
		return nil, e.close(i, err)
	}
	between("attach")
	rows, err := w.execute()
	if err != nil {
		return nil, e.close(i, err)
	}
	between("execute")
	c, err := rows.check()
	if err != nil {
		return nil, e.close(i, err)
	}
	between("check")
	o, err := e.hold(c)
	if err == nil {
		between("hold")
	}
	return o, err
}
