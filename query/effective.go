package query

import (
	"context"
	"errors"
	"strings"
	"time"

	"zonebox/registry"
)

// TakeEffect brings into force what is due by the gate's clock, as Apply does what
// comes at once: one batch after the other, each judged again as of now. What no
// longer stands up to the rules lapses, and the log tells of it. It is called as often
// as one likes; whoever asks anything has it called first.
func (e *Engine) TakeEffect(ctx context.Context) error {
	if !e.registry.Due() {
		return nil
	}
	// What began is finished whether or not whoever happened to ask still listens.
	ctx = context.WithoutCancel(ctx)
	e.effecting.Lock()
	defer e.effecting.Unlock()
	for e.registry.Due() {
		next, err := e.registry.NextDue(ctx)
		if err != nil {
			return asError(err)
		}
		if len(next) == 0 {
			return nil
		}
		if err := e.takeEffect(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) takeEffect(ctx context.Context, batch []registry.PendingDocument) error {
	if err := e.ready(ctx); err != nil {
		return asError(err)
	}
	docs := make([]registry.Document, len(batch))
	for i, p := range batch {
		docs[i] = p.Document
	}
	faults, err := e.effectFaults(ctx, batch[0].By, docs)
	if err != nil {
		return err
	}
	began := time.Now()
	var reports map[registry.Ref]*Ended
	done, err := e.registry.TakeEffect(ctx, batch[0].Batch, faults, func(tx *registry.Tx, done []registry.Applied) (err error) {
		if err := e.followRequests(tx, batch[0].By, docs, done); err != nil {
			return err
		}
		if reports, err = e.endWaiting(tx, batch[0].By, done, docs); err != nil {
			return err
		}
		return e.followAlerts(tx, done, docs)
	})
	if err != nil {
		return asError(err)
	}
	if len(done.Faults) > 0 {
		e.log.WarnContext(ctx, "documents lapsed when their time came", "batch", done.Batch, "code", "DOCUMENT_LAPSED")
	}
	return e.inForce(ctx, done.Applied, done.Documents, began, reports)
}

// effectFaults judges documents again that the registry alone does not judge. The
// statement of a template was read when it was handed in, and is judged each time it
// is asked.
func (e *Engine) effectFaults(ctx context.Context, by string, docs []registry.Document) ([]registry.Fault, error) {
	p, err := e.registry.Person(ctx, by)
	if errors.Is(err, registry.ErrInactive) || errors.Is(err, registry.ErrNotFound) {
		return nil, nil // the registry says so
	}
	if err != nil {
		return nil, asError(err)
	}
	s := Subject{user: by, organization: p.Organization, roles: p.Roles, permissions: p.Permissions}
	if err = e.fit(ctx, s, docs); err == nil {
		err = e.mayApply(ctx, by, docs)
	}
	refused := asError(err)
	switch {
	case err == nil:
		return nil, nil
	case refused.Class != ClassDenied:
		return nil, refused
	}
	faults := []registry.Fault{}
	for _, code := range strings.Fields(codesOf(refused)) {
		faults = append(faults, registry.Fault{Code: code, Kind: docs[0].Kind, Name: docs[0].Name, ZH: refused.ZH, EN: refused.EN, Article: refused.Articles[0]})
	}
	return faults, nil
}
