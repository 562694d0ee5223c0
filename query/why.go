package query

import (
	"context"
	"errors"
	"syscall"

	"zonebox/registry"
	"zonebox/release"
	"zonebox/sandbox"
	"zonebox/zone"
)

// revoked is why a run ended that stood on a document of which there is a newer
// version: a suspension, a withdrawal, a correction.
type revoked struct{ by registry.Ref }

func (r *revoked) Error() string { return "query: overtaken by " + r.by.String() }

// The fields of an audit entry that say why something failed. They are for
// those who supervise: beside protected rows, what ended a statement is one bit
// of them.
const (
	fieldCause = "cause" // one of the codes of causeOf
	fieldBy    = "by"    // the document behind REVOKED
)

// ended adds to the fields of an audit entry why the run did not go on.
func (r *run) ended(fields map[string]string, cause error) map[string]string {
	if r.ctx.Err() != nil {
		cause = context.Cause(r.ctx)
	}
	fields[fieldCause] = causeOf(cause)
	if by, ok := errors.AsType[*revoked](cause); ok {
		fields[fieldBy] = by.by.String()
	}
	return fields
}

// current returns an error if a document that the run stands on has a newer
// version.
func (r *run) current(tx *registry.Tx) error { return stands(tx.Overtaken(r.facts)) }

func stands(by *registry.Ref, err error) error {
	if by != nil {
		return fail("STOPPED", &revoked{*by})
	}
	return err
}

// causeOf returns the code of what ended a run or made it fail:
//
//	CLIENT_GONE  whoever asked went away, or called it off
//	REVOKED      a document it stood on has a newer version, or its API key is no more
//	SHUTDOWN     the gate stopped
//	TIME         time limit
//	MEMORY       memory limit
//	OUTPUT       the engine's result is larger than its limits
//	ROWS         more rows, cells or bytes than may leave
//	RAW_MATCH    a raw value would have left
//	OVERLAP      with earlier releases it would have told of few
//	FEW          nothing of what the asker chose was about enough
//	ENGINE       the engine refused or raised
//	KILLED       the worker died of something else
//	PROTOCOL     the worker sent what no honest worker sends
//	TREE         the worker read another statement than the approved one
//	ISOLATION    a layer of isolation was not in force
//	DATA         stored data failed its integrity check, or do not say what a mask goes by
//	DISK         no room on a disk
//	AUDIT        the audit log took nothing
//	HOST         anything else
func causeOf(cause error) string {
	var over *revoked
	var rows *release.LimitError
	var overlap *overlapError
	var statement *sandbox.StatementError
	var broken *zone.IntegrityError
	switch {
	case errors.As(cause, &over):
		return "REVOKED"
	case errors.Is(cause, errStopped):
		return "SHUTDOWN"
	case errors.Is(cause, sandbox.ErrTime):
		return "TIME"
	case errors.Is(cause, sandbox.ErrMemory):
		return "MEMORY"
	case errors.Is(cause, sandbox.ErrOutput):
		return "OUTPUT"
	case errors.As(cause, &rows):
		return "ROWS"
	case errors.Is(cause, release.ErrRawMatch):
		return "RAW_MATCH"
	case errors.As(cause, &overlap):
		if overlap.few {
			return "FEW"
		}
		return "OVERLAP"
	case errors.As(cause, &statement):
		return "ENGINE"
	case errors.Is(cause, sandbox.ErrTree):
		return "TREE"
	case errors.Is(cause, sandbox.ErrProtocol):
		return "PROTOCOL"
	case errors.Is(cause, sandbox.ErrIsolation):
		return "ISOLATION"
	case errors.Is(cause, sandbox.ErrKilled):
		return "KILLED"
	case errors.As(cause, &broken), errors.Is(cause, zone.ErrEntity):
		return "DATA"
	case noRoom(cause):
		return "DISK"
	case errors.Is(cause, errUnlogged):
		return "AUDIT"
	case errors.Is(cause, errCalledOff), errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		return "CLIENT_GONE"
	}
	return "HOST"
}

// noRoom reports whether err says that a disk or a quota had no room left.
func noRoom(err error) bool {
	return registry.Full(err) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
