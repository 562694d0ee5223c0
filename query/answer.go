package query

import "context"

// Answer is the product. It takes one question through three acts and returns
// the sealed artifact, or an *Error and nothing.
//
// Decide finds out what the statement would reveal and whether the license
// allows it, without a row of data. Run gives a confined worker exactly what
// the grants give, in the form they give it, and checks what comes back.
// Release seals what passed and lets it go once the audit log says so. Each
// step takes what the one before returned, so that none can be skipped.
//
// A person may have to approve the statement before Run, or the output before
// Release; Answer then returns an *Error of ClassInReview, and a later call
// with Request.Resume goes on from there. Answer is safe for concurrent use;
// the end of ctx kills the worker.
func (e *Engine) Answer(ctx context.Context, req Request) (_ *Answer, err error) {
	began := e.cfg.Now()
	defer func() { e.answered.add(err, e.cfg.Now().Sub(began)) }()
	run, err := e.enter(ctx, req) // facts of one moment; registered, so that a suspension finds it
	if err != nil {
		return nil, e.turnAway(ctx, req, err)
	}
	defer run.leave()
	defer func() { e.tell(run, err) }()
	defer func() { err = e.ended(run, err) }() // no text tells what the run read

	output, err := e.outputOf(run) // not nil if an earlier call ran it
	if err != nil {
		return nil, err
	}
	if output == nil {
		decided, err := e.decideRun(run)
		if err != nil {
			return nil, err
		}
		if answer, err := e.repeat(decided); answer != nil || err != nil {
			return answer, err // the same question has an output: nothing runs
		}
		intent, err := e.intend(decided) // DENY and REVIEW end here
		if err != nil {
			return nil, err
		}
		if output, err = e.runIntent(intent); err != nil {
			return nil, err
		}
	}
	return e.release(output)
}

// decideRun is the first act. Its end is durable, whatever it is: an intent, a
// wait for review, a refusal, or a question that was answered before.
func (e *Engine) decideRun(run *run) (*decided, error) {
	decided, err := e.judge(run)
	if err != nil {
		return nil, e.refuse(run, e.everyReason(run, err))
	}
	return decided, nil
}

// judge decides without leaving a trace: Explain is judge alone.
func (e *Engine) judge(run *run) (*decided, error) {
	admitted, err := e.admit(run) // its turn among operators and zones; the end of the run gives it back
	if err != nil {
		return nil, err
	}
	posed, err := admitted.pose() // the SQL as asked, or a template's with values inside their domains
	if err != nil {
		return nil, err
	}
	parser, err := e.startParser(posed) // a worker that never sees a row
	if err != nil {
		return nil, err
	}
	defer parser.close()
	return e.regroup(parser)
}

// consider decides on what the parser reads.
func (e *Engine) consider(parser *parser) (*decided, error) {
	tree, err := parser.parse() // DuckDB's own tree, strictly decoded
	if err != nil {
		return nil, err
	}
	statement, err := tree.analyze() // names, labels, permissions; the rewrite
	if err != nil {
		return nil, err
	}
	approved, err := statement.reparse() // what the print says is what was approved
	if err != nil {
		return nil, err
	}
	bound, err := approved.bind() // DuckDB's second opinion, over empty tables
	if err != nil {
		return nil, err
	}
	return e.decide(bound) // OPA, once
}

// runIntent is the second act. If it fails it closes the intent; what it returns
// is closed by the third.
func (e *Engine) runIntent(intent *intent) (*output, error) {
	intent.lap(&intent.took.decide)
	worker, err := e.attach(intent) // confined, attested, holding masked rows only
	if err != nil {
		return nil, e.close(intent, err)
	}
	rows, err := worker.execute() // refused unless the tree is the approved one
	if err != nil {
		return nil, e.close(intent, err)
	}
	checked, err := rows.check() // disclosure rules on the actual rows; the worker is gone
	if err != nil {
		return nil, e.close(intent, err)
	}
	return e.hold(checked) // encrypted under a key of its own
}

// release is the third act: nothing leaves before its entry is durable.
func (e *Engine) release(output *output) (*Answer, error) {
	if output.released() {
		return e.collect(output, nil) // again, as it was sealed
	}
	cleared, err := e.decideRelease(output) // OPA again, on what would leave
	if err != nil {
		return nil, e.unsettled(output, err)
	}
	sealed, err := cleared.seal() // label, signature, encryption to the recipient
	if err != nil {
		return nil, e.unsettled(output, err)
	}
	answer, err := e.publish(sealed) // RELEASED and its audit entry, then the bytes
	if err != nil {
		return nil, e.unsettled(output, err)
	}
	return answer, nil
}
