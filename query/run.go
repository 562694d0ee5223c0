package query

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/sandbox"
	"zonebox/workflow"
	"zonebox/zone"
)

// worker is an intent with a confined process that holds its rows.
type worker struct {
	*intent
	session *sandbox.Session
	cut     map[string]string // digests of who tables were cut to
	given   map[string][]int  // segments of each table that it has, or is given if it asks
	read    map[string]*versionRows
}

// rows are the answer of the engine, unchecked.
type rows struct {
	*worker
	result *sandbox.Result

	// Set by judge.
	totals   []RuledTotal
	evidence *evidence // nil of records, and of rows that nothing protects
}

// checked are the rows that passed the release rules.
type checked struct {
	*rows
	checked *release.Checked
	report  release.Report
	raw     int64 // raw rows that hold a value that would leave
	matches []Match
	found   *leaving

	reserved reserved // by the ledgers of what was read
}

// attach projects what the grants give, masked and sealed, into a fresh worker,
// and reads the epoch again: a suspension that came in between wins.
func (e *Engine) attach(i *intent) (*worker, error) {
	defer i.lap(&i.took.attach)
	s, err := e.startWorker(i.run)
	if err != nil {
		return nil, err
	}
	w := &worker{intent: i, session: s, cut: map[string]string{}, given: map[string][]int{}}
	tables, err := i.tables()
	if err == nil {
		err = w.touch()
	}
	if err == nil {
		for _, t := range tables {
			if err = w.project(t); err != nil {
				break
			}
		}
	}
	if err == nil {
		if err = stands(e.registry.Overtaken(i.ctx, i.facts)); err != nil {
			e.evict(sandbox.Tag{}) // it may have filled the cache after the change emptied it
		}
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// storeError maps an error of the zone store.
func (e *Engine) storeError(err error) *Error {
	var broken *zone.IntegrityError
	if errors.As(err, &broken) {
		return fail("DATA_DAMAGED", err).because(broken.Dataset+" "+broken.Version+" "+broken.File, broken.Dataset+" "+broken.Version+" "+broken.File)
	}
	if errors.Is(err, zone.ErrShredded) {
		return fail("DATA_SHREDDED", err)
	}
	if errors.Is(err, zone.ErrEntity) {
		return fail("DATA_WITHOUT_ENTITY", err)
	}
	return asError(err)
}

func (w *worker) close() {
	if err := w.session.Close(); err != nil {
		w.engine.log.WarnContext(w.ctx, "close run worker", "query_id", w.id, "cause", err)
	}
}

// execute has the worker run the approved statement. If that fails the worker
// is gone when it returns.
func (w *worker) execute() (*rows, error) {
	defer w.lap(&w.took.execute)
	r, err := w.start()
	if err != nil {
		w.close()
		return nil, err
	}
	return &rows{worker: w, result: r}, nil
}

func (w *worker) start() (*sandbox.Result, error) {
	if err := errors.Join(w.session.SetParameters(w.values(w.Statement)), w.session.SetRowSets(w.rowSets())); err != nil {
		return nil, err
	}
	var err error
	if w.read, err = w.versions(); err != nil {
		return nil, err
	}
	return w.session.Execute(w.ctx, w.SQL, w.hash, sandbox.Limits{Schema: w.schema, Noted: w.notes(w.read)}, w.Groups()...)
}

// batches yields the engine's answer.
func (r *rows) batches() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for {
			r.lap(&r.took.check)
			b, err := r.result.Next()
			r.lap(&r.took.execute) // results stream: the engine works while they are read
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			named := r.named(b)
			more := yield(named, nil)
			named.Release()
			b.Release()
			if !more {
				return
			}
		}
	}
}

// named is b with the names of the outputs, which the text that ran may not give
// them. The caller releases it.
func (r *rows) named(b arrow.RecordBatch) arrow.RecordBatch {
	fields := b.Schema().Fields()
	for i, o := range r.Outputs {
		fields[i].Name = o.Name
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), b.Columns(), b.NumRows())
}

// check reads the answer to its end and judges it. The worker is gone when it
// returns, and with it the rows it held: nothing is written about the end of a
// run before that.
func (r *rows) check() (*checked, error) {
	scan, found := newRawScan(r), newLeaving(r)
	c, report, err := r.judged(scan, found)
	r.close()
	if err != nil {
		return nil, err
	}
	raw, err := scan.matches()
	if err != nil {
		c.Release()
		return nil, err
	}
	reserved, err := r.compare(r.evidence.shown())
	if err != nil {
		c.Release()
		return nil, err
	}
	for _, entry := range reserved {
		r.evidence.judgedBy("history", map[string]string{"dataset": entry.Dataset, "k": strconv.Itoa(entry.k)})
	}
	return &checked{r, c, report, raw, scan.found, found, reserved}, nil
}

func (r *rows) judged(scan *rawScan, found *leaving) (*release.Checked, release.Report, error) {
	leaving, err := r.releaseKeys()
	if err != nil {
		return nil, release.Report{}, err
	}
	o := r.decision.Obligations
	plan := release.Plan{
		Protected: r.Protected, RecordLevel: r.RecordLevel, Ordered: r.Ordered, Limit: r.count(r.Limit), Offset: r.count(r.Offset),
		RowCap: int64(o.RowCap), RecordCap: int64(o.RecordCap), CellCap: int64(r.pack.Release.CellCap), ByteCap: int64(r.pack.Release.ByteCap),
		RekeyToken: func(alloc memory.Allocator, output int, tokens arrow.Array) (arrow.Array, error) {
			return masking.Rekey(alloc, tokens, r.catalog.tokenRecipe(r.Outputs[output]), leaving)
		},
	}
	plan.Columns = r.columns()
	for i, base := range r.bases(r.Statement) {
		plan.Columns[i].Round = base
	}
	for _, o := range r.Order {
		plan.Order = append(plan.Order, o.Output)
	}
	for _, h := range r.Hidden {
		plan.Hidden = append(plan.Hidden, release.Hidden{Kind: h.Kind, K: h.K, Output: h.Output})
	}
	plan.Match, plan.Inspect, plan.Judge = scan.add, found.inspect, r.judge
	return release.Check(r.batches(), plan)
}

// columns are the outputs that the statement was approved with, of the types it was
// bound to.
func (d *decided) columns() []release.Column {
	var out []release.Column
	for i, c := range d.Outputs {
		out = append(out, release.Column{Name: c.Name, Type: d.schema[i].Type, Form: c.Form, Level: c.MaxLevel,
			Technique: d.catalog.technique(c), Token: c.Form == release.Token})
	}
	return out
}

// judge looks at what the answer rests on, once all of it has come, and returns what of
// each row must not leave.
func (r *rows) judge(reached []release.Reached) ([][]release.Withheld, error) {
	if len(r.Evidence) == 0 {
		return nil, nil
	}
	var err error
	if r.evidence, err = newEvidence(r.worker, r.read, r.result.Noted(), reached); err != nil {
		return nil, err
	}
	hide, said, err := r.evidence.disclosive(reached)
	r.totals = said
	return hide, err
}

// hold encrypts what passed under a key of its own: from here on the answer is
// an output. Both are in memory only until settle decides what becomes of it.
func (e *Engine) hold(c *checked) (*output, error) {
	defer c.checked.Release()
	c.lap(&c.took.check)
	key, err := e.newHold(c.run)
	if err != nil {
		return nil, e.close(c.intent, err)
	}
	held, err := release.Hold(c.checked, c.id, key)
	if err != nil {
		return nil, e.close(c.intent, errors.Join(err, e.destroyHold(c.ctx, c.id)))
	}
	rec := c.describe(held)
	if rec.Columns, err = release.Approved(c.columns()); err != nil {
		return nil, e.close(c.intent, errors.Join(err, e.destroyHold(c.ctx, c.id)))
	}
	if c.evidence != nil {
		rec.Rules = c.evidence.rules
	}
	return &output{run: c.run, held: held, digest: held.Digest(), key: key, state: workflow.Held, record: rec, fresh: c}, nil
}

// finish ends the run of a fresh output and opens the output's own course.
func (c *checked) finish(tx *registry.Tx, rec record) error {
	fields := map[string]string{"decision": c.decision.ID, "output": rec.Facts.Digest}
	if digest := c.reserved.digest(); digest != "" {
		fields[fieldLedger] = digest
	}
	done, err := rec.Proof.proven(c.run, "query.done", fields)
	if err != nil {
		return err
	}
	for _, entry := range c.reserved {
		if err := tx.AddLedgerEntry(entry.LedgerEntry); err != nil {
			return err
		}
	}
	if c.identity != "" {
		if err := tx.SetAnswered(c.identity, c.id); err != nil {
			return err
		}
	}
	if err := c.save(tx, rec); err != nil {
		return err
	}
	if err := c.move(tx, workflow.QueryApproval, workflow.Note{}, "finish"); err != nil {
		return err
	}
	err = workflow.Start(tx.Context(), tx.SQL(), workflow.OutputRelease, c.id, c.actor(), tx.Now(), c.reviewers()...)
	if err != nil {
		return courseError(err)
	}
	return tx.Emit(done)
}

// describe states the held answer as facts for the release: counts, forms,
// sources and the digest of the encrypted hold, no values.
func (c *checked) describe(held *release.Held) record {
	rec := record{Query: c.input.Query, Masking: c.input.Masking, Decision: c.decision, Explanation: c.explanation(), Proof: c.proof(), Marks: c.found.marked, Consent: c.consentRecord(),
		Facts: &OutputFacts{Rows: c.report.Rows, Columns: len(c.Outputs), MinGroup: c.minGroup(), Digest: held.Digest(),
			Identifiers: c.found.identifiers, Matches: c.matches, Effect: c.effect(), Totals: c.totals, Withheld: c.withheld(), Few: c.evidence.few()}}
	if c.coarsens != nil {
		rec.Coarsened = &c.coarsens.done
	}
	// Analysis lets no column at the threshold out as it is; the forms are
	// counted again here, and the caps and groups on the rows themselves.
	unmasked, raw, rows := int64(0), c.raw, c.report.Rows
	for _, o := range c.Outputs {
		if o.Form == release.Clear && c.catalog.level(o.Lineage) >= c.pack.LevelThreshold {
			unmasked += rows
		}
	}
	rec.Output = &policy.Output{Digest: held.Digest(), Form: formDataset, Rows: &rows, UnmaskedCells: &unmasked, RawMatches: &raw, Identifiers: c.found.facts(),
		Recipient: c.request.Recipient}
	if rec.Facts.MinGroup > 0 {
		rec.Output.MinGroup = &rec.Facts.MinGroup
	}
	if e := rec.Facts.Effect; e != nil {
		level := int64(e.Level)
		rec.Output.EffectLevel, rec.Output.EffectK = &level, &e.K
	}
	for _, scan := range c.Scans {
		d := c.catalog.datasets[scan.Table]
		rec.Sources = append(rec.Sources, release.Source{Dataset: d.Name, Provider: d.Spec.Provider, Version: d.Data.Version, Acquired: cmp.Or(d.Data.Lineage.Acquired, d.Spec.Source.Acquired)})
	}
	return rec
}

// minGroup returns how many entities there are at least behind a row that leaves,
// 0 if that is not known: counts stop at K, and no exact number is known to
// anybody. Where the answer is made of groups of a nested block, nothing is
// counted at its root; the rewrite let only groups of K pass, which is the bound.
func (c *checked) minGroup() int64 {
	if c.report.MinGroup > 0 || c.report.Rows == 0 || c.RecordLevel {
		return c.report.MinGroup
	}
	least := int64(0)
	for _, ref := range c.References {
		if !ref.Held {
			return 0
		}
		if k := int64(ref.K); least == 0 || k < least {
			least = k
		}
	}
	return least
}

// reviewers are the organizations whose people may review the output: the
// zone's regulator, and the providers of what is read.
func (c *checked) reviewers() []workflow.Party {
	out := []workflow.Party{{Role: registry.RoleZoneRegulator, Org: c.facts.Zone.Spec.Regulator}}
	for _, scan := range c.Scans {
		out = append(out, workflow.Party{Role: registry.RoleProvider, Org: c.catalog.datasets[scan.Table].Spec.Provider})
	}
	return out
}

// close ends an intent that gave no output and returns what the asking person
// may know of the cause. Its worker is gone by then. The log entry says what
// the cause was, for those who supervise.
func (e *Engine) close(i *intent, cause error) error {
	e.log.WarnContext(i.ctx, "run failed", "query_id", i.id, "user_id", i.request.Subject.user, "cause", cause)
	why := i.runError(cause).of(i.id)
	move, kind := "fail", "query.failed"
	if i.ctx.Err() != nil {
		move, kind = "kill", "query.killed"
	}
	err := e.record(context.WithoutCancel(i.ctx), func(tx *registry.Tx) error {
		if err := i.move(tx, workflow.QueryApproval, workflow.Note{Code: why.Code}, move); err != nil {
			return err
		}
		if overlap, ok := errors.AsType[*overlapError](cause); ok {
			if err := tx.Emit(i.event(kindOverlap, overlap.fields())); err != nil {
				return err
			}
		}
		return tx.Emit(i.event(kind, i.ended(map[string]string{"decision": i.decision.ID, "reasons": why.Code}, cause)))
	})
	if errors.Is(err, errUnlogged) {
		e.log.ErrorContext(i.ctx, "the end of a run is not logged yet", "query_id", i.id, "cause", err)
		return asError(err).of(i.id)
	}
	if err != nil {
		e.log.ErrorContext(i.ctx, "intent left open", "query_id", i.id, "cause", err)
		return asError(err).of(i.id)
	}
	return why
}

// raised says what the engine's error was, where no protected row was read.
var raised = map[string][2]string{
	"conversion":      {"有值不能转换为所需的类型", "a value does not convert to the type that is needed"},
	"out_of_range":    {"有数值超出其类型的范围", "a number is out of the range of its type"},
	"invalid_input":   {"有函数的参数无效", "a function was given a value that it does not take"},
	"not_implemented": {"引擎不支持此运算", "the engine does not do this"},
}

// runError is what the asking person may know of the failure of a run whose
// rows were attached. What ended it beside a protected reference is not told:
// memory, time, size, an error of the engine, a broken worker and a full disk
// are one code with one text.
func (i *intent) runError(cause error) *Error {
	var own *Error
	var limit *release.LimitError
	var statement *sandbox.StatementError
	switch {
	case i.ctx.Err() != nil:
		return fail("STOPPED", cause)
	case errors.As(cause, &own):
		return own
	case errors.As(cause, &limit):
		return fail("ROW_LIMIT", cause)
	case errors.Is(cause, release.ErrRawMatch):
		return fail("WITHHELD", cause)
	case i.Protected:
		return fail("STATEMENT_FAILED", cause)
	case errors.Is(cause, sandbox.ErrTree), errors.Is(cause, sandbox.ErrProtocol), errors.Is(cause, sandbox.ErrIsolation):
		return fail("INTERNAL", cause)
	case errors.Is(cause, sandbox.ErrMemory):
		return fail("MEMORY_LIMIT", cause)
	case errors.Is(cause, sandbox.ErrTime):
		return fail("TIME_LIMIT", cause)
	case errors.Is(cause, sandbox.ErrOutput):
		return fail("ROW_LIMIT", cause)
	case errors.As(cause, &statement):
		e := fail("STATEMENT_FAILED", cause)
		if t, ok := raised[statement.Code]; ok {
			e = e.because(t[0], t[1])
			e.HintZH, e.HintEN = "对出错的值改用 TRY(…) 或 TRY_CAST(… AS …),或加条件排除", "use TRY(…) or TRY_CAST(… AS …) for what fails, or leave it out by a condition"
		}
		return e
	case errors.Is(cause, sandbox.ErrKilled):
		return fail("STATEMENT_FAILED", cause)
	}
	return asError(cause)
}
