package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The states of documents with an effective time.
const (
	PendingState   = "PENDING"   // it counts for nothing yet
	InForceState   = "IN_FORCE"  // its time came
	WithdrawnState = "WITHDRAWN" // one of those who signed took it back
	LapsedState    = "LAPSED"    // at its time it no longer stood up to the rules
)

// ErrDue means that the time of a pending document has come and it is not in force
// yet: what the registry says just now is neither what was nor what is to be.
var ErrDue = errors.New("a document that is due is not in force yet")

// china is the one time zone of the country, in which a day begins.
var china = time.FixedZone("UTC+8", 8*60*60)

// PendingDocument is a document with an effective time, and what became of it. Batch
// names those that come into force together.
type PendingDocument struct {
	Batch     string
	Document  Document
	By        string // who handed it in
	At        time.Time
	Effective time.Time
	State     string
	Settled   time.Time // when it ceased to be pending, zero before
	Reason    string    // codes of the rules that it no longer met, or why it was withdrawn
	Base      int64     // the version in force when it was handed in, 0 for none
	Of        int       // documents that come into force together
}

// pendingBody is what the row of a pending document encrypts.
type pendingBody struct {
	Document Document
	Reason   string
	Base     int64
	Of       int // documents of the batch
}

func (p PendingDocument) parts(position int) []string {
	settled := int64(0)
	if !p.Settled.IsZero() {
		settled = p.Settled.UnixNano()
	}
	return []string{"pending", p.Batch, strconv.Itoa(position), p.Document.Kind, p.Document.Name, strconv.FormatInt(p.Effective.UnixNano(), 10),
		p.By, strconv.FormatInt(p.At.UnixNano(), 10), p.State, strconv.FormatInt(settled, 10)}
}

// effectiveTime returns when d is to come into force, zero if it says nothing.
func (d Document) effectiveTime() (time.Time, error) {
	if d.Effective == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, d.Effective, china); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339Nano, d.Effective)
}

// dueOf returns the one time after now at which docs come into force, zero if they
// do at once.
func dueOf(docs []Document, now time.Time) (time.Time, error) {
	var due time.Time
	var faults []Fault
	for i, d := range docs {
		at, err := d.effectiveTime()
		if err != nil {
			t := say("must be RFC 3339 or a day", "须为 RFC 3339 时间或日期")
			faults = append(faults, Fault{CodeSchema, d.Kind, d.Name, "/effective", t.zh, t.en, ""})
			continue
		}
		if !at.After(now) {
			at = time.Time{}
		}
		if i > 0 && !at.Equal(due) {
			t := say("documents that come into force at different times are handed in apart", "生效时间不同的文档须分别提交")
			faults = append(faults, Fault{CodeSyntax, d.Kind, d.Name, "/effective", t.zh, t.en, ""})
		}
		due = at
	}
	if len(faults) > 0 {
		return time.Time{}, &Refusal{faults}
	}
	return due.UTC(), nil
}

// trial calls f and takes back all that it wrote.
func (tx *Tx) trial(f func() error) error {
	before := *tx
	if _, err := tx.sql.ExecContext(tx.ctx, `SAVEPOINT trial`); err != nil {
		return fmt.Errorf("registry: try documents: %w", err)
	}
	err := f()
	if _, back := tx.sql.ExecContext(tx.ctx, `ROLLBACK TO trial; RELEASE trial`); back != nil {
		return errors.Join(err, fmt.Errorf("registry: try documents: %w", back))
	}
	*tx = before
	return err
}

// pend keeps documents until their time comes. They have to stand up to every rule
// today, as if they came into force now, and again then.
func (tx *Tx) pend(by string, actor Person, docs []Document, due time.Time) ([]Applied, error) {
	waiting, err := tx.r.pendingDocuments(tx.ctx, tx.sql, `WHERE state = 'PENDING' ORDER BY due, batch, position`)
	if err != nil {
		return nil, err
	}
	all := make([]Applied, len(docs))
	for i, d := range docs {
		all[i] = Applied{Kind: d.Kind, Name: d.Name, Effective: due}
	}
	if kept := slices.IndexFunc(waiting, func(p PendingDocument) bool { return p.sameAs(docs[0]) }); kept >= 0 {
		batch := batchOf(waiting, waiting[kept].Batch)
		if len(batch) == len(docs) && !slices.ContainsFunc(docs, func(d Document) bool {
			return !slices.ContainsFunc(batch, func(p PendingDocument) bool { return p.sameAs(d) })
		}) {
			return all, nil // they wait already
		}
	}
	if err := inOrder(waiting, docs, due); err != nil {
		return nil, err
	}
	base := make([]int64, len(docs))
	err = tx.trial(func() error {
		for i, d := range docs {
			a, err := tx.apply(by, actor, d, nil)
			if err != nil {
				return err
			}
			base[i] = a.Version - 1
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("pub-%010d", tx.revision)
	names := make([]string, len(docs))
	for i, d := range docs {
		p := PendingDocument{Batch: id, Document: d, By: by, At: tx.at, Effective: due, State: PendingState, Base: base[i], Of: len(docs)}
		if err := tx.putPending(p, i); err != nil {
			return nil, err
		}
		if err := (&change{tx: tx, doc: d}).useSignatures(0); err != nil {
			return nil, err
		}
		names[i], all[i].Changed = d.Kind+" "+d.Name, true
	}
	tx.pended = true
	return all, tx.Emit(Event{Kind: "document.pending", Actor: by, Fields: map[string]string{
		"batch": id, "effective": due.Format(time.RFC3339), "documents": clip(strings.Join(names, ", "))}})
}

// clip bounds what goes into a leaf of the log.
func clip(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func (p PendingDocument) sameAs(d Document) bool {
	return string(p.Document.Payload()) == string(d.Payload()) && sameSignatures(p.Document.Signatures, d.Signatures)
}

// inOrder refuses a document that would come into force before another version of it
// that was handed in earlier: that one was signed without knowing of it.
func inOrder(waiting []PendingDocument, docs []Document, due time.Time) error {
	var faults []Fault
	for _, d := range docs {
		for _, p := range waiting {
			if p.Document.Kind == d.Kind && p.Document.Name == d.Name && !due.After(p.Effective) {
				t := say("another version waits until %s; withdraw that one (pending withdraw %s) or name a later time", "另有一版待于 %s 生效;请先撤回 (pending withdraw %s),或另定更晚的时间",
					p.Effective.In(china).Format(time.RFC3339), p.Batch)
				faults = append(faults, Fault{CodeImmutable, d.Kind, d.Name, "/effective", t.zh, t.en, ""})
			}
		}
	}
	if len(faults) > 0 {
		return &Refusal{faults}
	}
	return nil
}

func batchOf(all []PendingDocument, batch string) []PendingDocument {
	return slices.DeleteFunc(slices.Clone(all), func(p PendingDocument) bool { return p.Batch != batch })
}

func (tx *Tx) putPending(p PendingDocument, position int) error {
	body, err := tx.r.sealRow(pendingBody{p.Document, p.Reason, p.Base, p.Of}, p.parts(position)...)
	if err != nil {
		return err
	}
	settled := int64(0)
	if !p.Settled.IsZero() {
		settled = p.Settled.UnixNano()
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT OR REPLACE INTO pending_documents
		(batch, position, kind, name, due, submitted_by, submitted_at, state, settled_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.Batch, position, p.Document.Kind, p.Document.Name, p.Effective.UnixNano(), p.By, p.At.UnixNano(), p.State, settled, body)
	if err != nil {
		return fmt.Errorf("registry: store pending %s %s: %w", p.Document.Kind, p.Document.Name, err)
	}
	return nil
}

// pendingDocuments returns the rows the condition selects, in its order.
func (r *Registry) pendingDocuments(ctx context.Context, q querier, where string, args ...any) ([]PendingDocument, error) {
	rows, err := q.QueryContext(ctx, `SELECT batch, position, kind, name, due, submitted_by, submitted_at, state, settled_at, body FROM pending_documents `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: read pending documents: %w", err)
	}
	defer rows.Close()
	var all []PendingDocument
	for rows.Next() {
		var p PendingDocument
		var kind, name string
		var position int
		var due, at, settled int64
		var sealed []byte
		if err := rows.Scan(&p.Batch, &position, &kind, &name, &due, &p.By, &at, &p.State, &settled, &sealed); err != nil {
			return nil, fmt.Errorf("registry: read pending documents: %w", err)
		}
		p.Document.Kind, p.Document.Name = kind, name
		p.Effective, p.At = time.Unix(0, due).UTC(), time.Unix(0, at).UTC()
		if settled != 0 {
			p.Settled = time.Unix(0, settled).UTC()
		}
		var body pendingBody
		if err := r.openRow(sealed, &body, p.parts(position)...); err != nil {
			return nil, err
		}
		p.Document, p.Reason, p.Base, p.Of = body.Document, body.Reason, body.Base, body.Of
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read pending documents: %w", err)
	}
	return all, nil
}

// PendingDocuments returns the documents that wait for their time, the next to come
// first; with settled those too that no longer wait, after them.
func (r *Registry) PendingDocuments(ctx context.Context, settled bool) ([]PendingDocument, error) {
	return r.pendingDocuments(ctx, r.reader, `WHERE state = 'PENDING' OR ? ORDER BY state <> 'PENDING', due, batch, position`, settled)
}

// due returns the first pending document that ought to be in force at the time now,
// of those that the condition selects, nil if there is none.
func due(ctx context.Context, q querier, now time.Time, where string, args ...any) (*Ref, error) {
	var ref Ref
	err := q.QueryRowContext(ctx, `SELECT kind, name, 1 + (SELECT coalesce(max(version), 0) FROM documents d WHERE d.kind = p.kind AND d.name = p.name)
		FROM pending_documents p WHERE state = 'PENDING' AND due <= ? `+where+` ORDER BY due LIMIT 1`, append([]any{now.UnixNano()}, args...)...).Scan(&ref.Kind, &ref.Name, &ref.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry: read pending documents: %w", err)
	}
	return &ref, nil
}

// settled refuses to say what is in force while a document is due.
func settled(ctx context.Context, q querier, now time.Time) error {
	ref, err := due(ctx, q, now, "")
	if err == nil && ref != nil {
		err = fmt.Errorf("registry: %s %s: %w", ref.Kind, ref.Name, ErrDue)
	}
	return err
}

// Due reports whether the time of a pending document has come.
func (r *Registry) Due() bool {
	next := r.nextDue.Load()
	return next != 0 && r.cfg.Now().UnixNano() >= next
}

// readNextDue returns when the next pending document is due, 0 for never.
func readNextDue(ctx context.Context, q querier) (int64, error) {
	var next int64
	err := q.QueryRowContext(ctx, `SELECT coalesce(min(due), 0) FROM pending_documents WHERE state = 'PENDING'`).Scan(&next)
	if err != nil {
		return 0, fmt.Errorf("registry: read pending documents: %w", err)
	}
	return next, nil
}
