package query

import (
	"context"
	"errors"
	"io"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/repeats"
	"zonebox/sandbox"
)

// loading is a delivery on its way in.
type loading struct {
	engine   *Engine
	ctx      context.Context
	subject  Subject
	manifest Manifest
	id       string
	trial    bool // nothing is to be kept

	facts   registry.Facts        // of one moment; from enter on
	dataset registry.DatasetFacts // the entry the delivery is for
	grant   registry.Grant        // it is delivered under
	signed  *policy.DeliverySignature
	ruled   *ruled          // by policy, last; nil before it was asked
	repeats []string        // scenarios whose releases were found in the content; nil before the end
	told    []policy.Reason // what policy warns of
	turn    *loadTurn
	sender  *sender // nil if its data are here
	book    *loadEntry
	size    int64            // of the file as its sender says; 0 if it does not
	worker  *sandbox.Session // attested for the decisions; it parses the file
	check   *check           // of the quality of what is read

	watch    *repeats.Watch    // for results that were released; nil if there is nothing to look for
	released map[string]string // scenario by run, of those
	seen     []string          // "scenario run marks" of what the delivery repeats
}

// Load brings a delivery into its zone, all of it or nothing. Until the registry
// names the new version the dataset is as it was, and plain values stay in
// memory. Every refusal of a delivery has an audit entry. Load is safe for
// concurrent use; the end of ctx ends it.
func (e *Engine) Load(ctx context.Context, s Subject, m Manifest, data io.Reader) (*LoadReport, error) {
	return e.LoadIncoming(ctx, s, m, Incoming{Data: data})
}

// LoadIncoming is Load for a sender who says more of the delivery.
func (e *Engine) LoadIncoming(ctx context.Context, s Subject, m Manifest, in Incoming) (report *LoadReport, err error) {
	book, ctx, err := e.book.enter(ctx, s, m.view(in.Size))
	if err != nil {
		return nil, err
	}
	defer func() { e.book.end(book, report, err) }()
	if in.Entered != nil {
		in.Entered(book.id())
	}
	l := &loading{engine: e, ctx: ctx, subject: s, manifest: m, id: book.id(), book: book, size: in.Size}
	defer l.leave()
	report, err = l.bring(in)
	if err != nil {
		return nil, l.refuse(err)
	}
	return report, nil
}

// bring is all that happens to a delivery, in order.
func (l *loading) bring(in Incoming) (*LoadReport, error) {
	read, err := l.judge(in.Data) // everything that could refuse it
	if err != nil {
		return nil, err
	}
	defer read.abort()
	return l.commit(read) // the dataset has its new version, and the audit log an entry
}

// judge reads a delivery and finds out whether it may be loaded. What it returns
// lies in the store as a temporary folder, to be committed or aborted. A trial is
// judge alone.
func (l *loading) judge(data io.Reader) (*delivered, error) {
	if err := l.enter(); err != nil { // who loads, by which grant, into which entry
		return nil, err
	}
	l.book.belongs(l.facts.Zone.Spec.Regulator)
	if err := l.contract(); err != nil { // the manifest against catalogue and grant; of the file, not a byte
		return nil, err
	}
	data, err := l.begin(data) // whose sender has something to give
	if err != nil {
		return nil, err
	}
	if err := l.admit(); err != nil { // its turn among deliveries, and an attested worker
		return nil, err
	}
	if err := l.decide(l.claimed()); err != nil { // OPA, on what the manifest says
		return nil, err
	}
	if err := l.intend(); err != nil { // the audit log knows of it before it begins
		return nil, err
	}
	l.book.step(StepParse)
	bring := l.read   // worker → store and observers, uncommitted
	if l.standing() { // the same delivery as the version in use: it is compared, not read again
		bring = l.compare
	}
	read, err := bring(data)
	if err != nil {
		return nil, err
	}
	l.book.step(StepStore)
	if err = l.reconcile(read); err == nil { // nothing changed meanwhile
		l.complete(read.found)
		err = l.decide(read.found) // OPA again, on what was found
	}
	if err == nil {
		err = l.withinQuota(read)
	}
	if err != nil {
		read.abort()
		return nil, err
	}
	return read, nil
}

// begin returns the delivery once a part of it is there.
func (l *loading) begin(data io.Reader) (io.Reader, error) {
	if data == nil || l.manifest.Source != "" {
		return nil, nil
	}
	var err error
	data, l.sender, err = l.engine.steady(l.ctx, data)
	if err != nil {
		l.book.gone()
		return nil, err
	}
	return l.book.counted(data), nil
}

// admit waits for the turn of the delivery and starts its worker.
func (l *loading) admit() error {
	e := l.engine
	t, waited, err := e.loads.join(l.ctx, l.dataset.Spec.Provider, dataset{l.manifest.Zone, l.manifest.Dataset}, l.needs(), l.book.wait)
	if errors.Is(err, errQueueFull) {
		return busyLoads(err)
	}
	if errors.Is(err, errStopped) {
		return fail("STOPPING", err)
	}
	if err != nil {
		return fail("STOPPED", err)
	}
	l.turn = t
	e.sealing.RLock() // its data keys are wrapped by one version
	l.book.begin(e.cfg.Now())
	if waited { // perhaps for hours: person, grant and catalogue may be others by now
		if err := l.enter(); err != nil {
			return err
		}
		if err := l.contract(); err != nil {
			return err
		}
	}
	l.worker, err = e.worker(l.ctx)
	return err
}

// needs is how many bytes of memory the load may take: its worker's, and the
// file, where its format is read as a whole.
func (l *loading) needs() int64 {
	need := l.engine.cfg.Memory
	if l.manifest.whole() {
		if l.size <= 0 {
			return need + sandbox.DefaultSpool
		}
		return need + l.size
	}
	return need
}

// leave gives back what admit took.
func (l *loading) leave() {
	l.sender.end()
	if l.worker != nil {
		l.worker.Close()
	}
	if l.turn != nil {
		l.engine.sealing.RUnlock()
		l.turn.leave()
	}
}

// intend records that a delivery will be read, and whether that is for a trial.
func (l *loading) intend() error {
	var fields map[string]string
	if l.trial {
		fields = map[string]string{"trial": "true"}
	}
	return l.engine.update(l.ctx, func(tx *registry.Tx) error { return tx.Emit(l.event("load.intent", fields)) })
}

// claimed is what the manifest says of a delivery, by the entry of today: what is
// known before the file is read.
func (l *loading) claimed() policy.Receipt {
	r := l.stated()
	r.SchemaSHA256 = l.dataset.Spec.SchemaSHA256()
	return r
}
