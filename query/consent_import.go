package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/masking"
	"zonebox/registry"
	"zonebox/sandbox"
)

// consentColumns are what a file of consents has, one person and scenario a row.
var consentColumns = []string{"subject", "scenario", "valid_from", "valid_until", "given_at", "service_condition",
	"evidence_kind", "evidence_date", "evidence_sha256"}

// consentChunk is how many consents one transaction of an import adds, so that
// nobody else waits long for the registry.
const consentChunk = 10_000

// ConsentImport is a file of consents that people gave to one scenario.
type ConsentImport struct {
	Scenario string `json:"scenario"`
	Format   string `json:"format,omitempty"`   // as of a delivery; found out if empty
	Encoding string `json:"encoding,omitempty"` // of a text
	SHA256   string `json:"sha256"`             // of the file
	DryRun   bool   `json:"dry_run,omitempty"`
}

// ConsentReceipt says what became of a file of consents: counts and places, and
// never whom they are of.
type ConsentReceipt struct {
	ID       string            `json:"id"`
	Zone     string            `json:"zone"`
	Scenario string            `json:"scenario"`
	SHA256   string            `json:"sha256"`
	At       time.Time         `json:"at"`
	DryRun   bool              `json:"dry_run,omitempty"`
	Already  bool              `json:"already,omitempty"` // the file was brought in before; nothing was read
	Rows     int64             `json:"rows"`
	Accepted int64             `json:"accepted"`
	Added    int64             `json:"added"` // of the accepted: the others count already
	Rejected int64             `json:"rejected"`
	Reasons  []RejectedConsent `json:"reasons"`
	Version  int64             `json:"version"` // of the scenario's consents, from now on
}

// consenting is a file of consents, or of withdrawals, on its way in.
type consenting struct {
	engine   *Engine
	ctx      context.Context
	subject  Subject
	scope    registry.ConsentScope
	zone     registry.Versioned[registry.Zone]
	at       time.Time
	calendar *time.Location
	subjects masking.Subjects
	known    []string // scenarios
	book     *loadEntry
}

// enter puts the file into the book of loads, until end: there its sender sees how
// far it is.
func (c *consenting) enter(file Incoming, digest string) (err error) {
	c.book, c.ctx, err = c.engine.book.enter(c.ctx, c.subject, LoadView{Zone: c.scope.Zone, Consents: c.scope.Scenario, SHA256: digest, Size: file.Size})
	if err != nil {
		return err
	}
	c.book.belongs(c.zone.Spec.Regulator)
	if file.Entered != nil {
		file.Entered(c.book.id())
	}
	return nil
}

// end says how it ended; already is that the file was brought in before.
func (c *consenting) end(already bool, err error) {
	c.engine.book.end(c.book, &LoadReport{Already: already}, err)
}

// ImportConsents brings in consents of people to have their rows used for a
// scenario: all that are good at once, or none. What is blanket, forced, undated or
// without evidence is rejected, row by row, with the reason. A worker reads the
// file; nothing of it is kept but tokens, times and what evidence there is. The
// same file again changes nothing. While it goes on it is one of the gate's loads.
// It is for people of the data centre.
func (e *Engine) ImportConsents(ctx context.Context, s Subject, in ConsentImport, file Incoming) (out *ConsentReceipt, err error) {
	c, err := e.consenting(ctx, s, in.Scenario, in.SHA256)
	if err != nil {
		return nil, err
	}
	if err := c.enter(file, in.SHA256); err != nil {
		return nil, err
	}
	if in.DryRun {
		defer e.book.leave(c.book)
	} else {
		defer func() { c.end(out != nil && out.Already, err) }()
	}
	return c.bring(in, file.Data)
}

// bring is ImportConsents of a file that stands in the book.
func (c *consenting) bring(in ConsentImport, data io.Reader) (*ConsentReceipt, error) {
	e, ctx, s := c.engine, c.ctx, c.subject
	out := &ConsentReceipt{ID: newID("consent", c.at), Zone: c.scope.Zone, Scenario: in.Scenario, SHA256: in.SHA256, At: c.at.UTC(), DryRun: in.DryRun, Reasons: []RejectedConsent{}}
	brought, err := e.registry.ConsentsBrought(ctx, c.scope, in.SHA256)
	if err != nil {
		return nil, asError(err)
	}
	if brought {
		state, err := e.registry.ConsentState(ctx, c.scope)
		if err != nil {
			return nil, asError(err)
		}
		out.Already, out.Version = true, state.Version
		return out, nil
	}
	batch := &registry.ConsentBatch{Name: out.ID, Scope: c.scope, Digest: in.SHA256, By: s.user, Org: s.organization}
	judged := &consentJudge{consenting: c, rejected: map[string]*RejectedConsent{}, receipt: out}
	add := func(all []registry.SubjectConsent) error {
		return e.registry.Update(ctx, func(tx *registry.Tx) error {
			n, err := tx.AddConsents(batch, all)
			out.Added += n
			return err
		})
	}
	if in.DryRun {
		add = func([]registry.SubjectConsent) error { return nil }
	} else if err := e.registry.Update(ctx, func(tx *registry.Tx) error { return tx.BeginConsents(batch) }); err != nil {
		return nil, asError(err)
	}
	err = c.read(sandbox.Delivery{Format: in.Format, Encoding: in.Encoding}, consentColumns, in.SHA256, data, func(rec arrow.RecordBatch) error {
		all, err := judged.batch(rec)
		for err == nil && len(all) > 0 {
			n := min(len(all), consentChunk)
			err, all = add(all[:n]), all[n:]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out.Reasons = judged.reasons()
	kind := "consents.imported"
	if in.DryRun {
		kind = "consents.tried"
	}
	c.book.step(StepCommit)
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := s.standsIn(tx); err != nil { // a file is long on its way
			return err
		}
		if !in.DryRun {
			state, err := tx.ActivateConsents(batch, out.Added)
			if err != nil {
				return err
			}
			out.Version = state.Version
		}
		return tx.Emit(c.event(kind, map[string]string{"batch": out.ID, "digest": in.SHA256, "rows": fmt.Sprint(out.Rows), "added": fmt.Sprint(out.Added),
			"rejected": fmt.Sprint(out.Rejected), "reasons": judged.codes(), "version": fmt.Sprint(out.Version)}))
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// consenting checks who brings what and into which scenario.
func (e *Engine) consenting(ctx context.Context, s Subject, scenario, digest string) (*consenting, error) {
	if !s.any(registry.RoleDataCentre) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if !isDigest(digest) {
		return nil, BadRequest("缺少文件的 SHA-256", "the SHA-256 of the file is missing")
	}
	c := &consenting{engine: e, ctx: ctx, subject: s, at: e.cfg.Now()}
	l, err := e.licenseOf(ctx, scenario)
	if err == nil {
		c.zone.Name = l.Zone
		c.zone.Spec, err = find[registry.Zone](ctx, lookup{e, nil}, registry.KindZone, l.Zone)
	}
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", err).because("场景 "+printName(scenario), "scenario "+printName(scenario))
	}
	if err != nil {
		return nil, asError(err)
	}
	c.scope = registry.ConsentScope{Zone: l.Zone, Scenario: scenario}
	pack, err := e.policy().Pack(c.zone.Spec.Pack)
	if err == nil {
		c.calendar = time.FixedZone("", pack.UTCOffsetMinutes*60)
		c.subjects, err = e.subjects(c.zone)
	}
	if err == nil {
		err = e.each(ctx, registry.KindScenario, func(d registry.Document) error {
			c.known = append(c.known, d.Name)
			return nil
		})
	}
	if err != nil {
		return nil, asError(err)
	}
	return c, nil
}

func (c *consenting) event(kind string, fields map[string]string) registry.Event {
	fields["scenario"], fields["org"], fields["role"] = c.scope.Scenario, c.subject.organization, registry.RoleDataCentre
	return registry.Event{Kind: kind, Actor: c.subject.user, Zone: c.scope.Zone, Fields: fields}
}

// read has a worker read a file whose digest was signed, all of it, and calls add
// with its rows as texts.
func (c *consenting) read(d sandbox.Delivery, columns []string, digest string, data io.Reader, add func(arrow.RecordBatch) error) error {
	e := c.engine
	data, from, err := e.steady(c.ctx, data)
	defer from.end()
	broken := func(err error) error { return (&loading{engine: e, ctx: c.ctx, sender: from}).loadError(err) }
	if err != nil {
		return broken(err)
	}
	data = c.book.counted(data)
	t, _, err := e.loads.join(c.ctx, c.subject.organization, dataset{c.scope.Zone, "consents to " + c.scope.Scenario}, e.cfg.Memory, c.book.wait)
	if errors.Is(err, errQueueFull) {
		return busyLoads(err)
	}
	if err != nil {
		return fail("STOPPED", err)
	}
	defer t.leave()
	c.book.begin(e.cfg.Now())
	w, err := e.worker(c.ctx)
	if err != nil {
		return asError(err)
	}
	defer w.Close()
	for _, name := range columns {
		d.Columns = append(d.Columns, sandbox.Column{Name: name, Type: "VARCHAR"})
	}
	sum := sha256.New()
	raw := io.TeeReader(data, sum)
	d.Source = raw
	c.book.step(StepParse)
	result, err := w.Read(c.ctx, d)
	if err != nil {
		return broken(err)
	}
	for {
		rec, err := result.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			c.book.rows.Add(rec.NumRows())
			err = add(rec)
			rec.Release()
		}
		if err != nil {
			return broken(err)
		}
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return broken(err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != digest {
		return BadRequest("文件与所签摘要不符", "the file is not the one whose digest was signed")
	}
	return nil
}

// batch judges the rows of a batch and returns the consents that are good.
func (j *consentJudge) batch(rec arrow.RecordBatch) ([]registry.SubjectConsent, error) {
	columns := make([]*array.String, rec.NumCols())
	for i := range columns {
		var ok bool
		if columns[i], ok = rec.Column(i).(*array.String); !ok {
			return nil, fmt.Errorf("query: consents: column %d is of %s", i, rec.Column(i).DataType())
		}
	}
	good := make(map[int]registry.SubjectConsent, rec.NumRows())
	for row := range int(rec.NumRows()) {
		var r consentRow
		for i, c := range columns {
			if c.IsValid(row) {
				r[i] = c.Value(row)
			}
		}
		j.receipt.Rows++
		if consent, ok := j.judge(r); ok {
			good[row] = consent
		}
	}
	var all []registry.SubjectConsent
	err := j.subjects.Tags(columns[0], func(row int) bool { _, ok := good[row]; return ok }, func(row int, tag masking.SubjectTag) {
		c := good[row]
		c.Subject = tag
		all = append(all, c)
	})
	return all, err
}

// reasons returns why rows were rejected, in the order of the codes.
func (j *consentJudge) reasons() []RejectedConsent {
	out := []RejectedConsent{}
	for _, r := range j.rejected {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b RejectedConsent) int { return strings.Compare(a.Code, b.Code) })
	return out
}

// codes is reasons for the log: each code and how many rows.
func (j *consentJudge) codes() string {
	var out []string
	for _, r := range j.reasons() {
		out = append(out, fmt.Sprintf("%s %d", r.Code, r.Rows))
	}
	return strings.Join(out, ", ")
}
