package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Meta tells of one stored version of a document.
type Meta struct {
	Kind, Name string
	// Parent is the zone of a dataset or license, the license of a scenario,
	// the scenario of a grant or template, the organization of a person, the level
	// of a restriction that is not lifted.
	Parent   string
	Version  int64
	Revision int64
	By       string
	At       time.Time
}

// stored is a document as it lies in the registry, with those whose signatures
// Apply verified: what they were then stays true when they move on.
type stored struct {
	Document
	Meta    Meta `json:"-"`
	Signers []Signer
	// Submitted is when it was handed in, of what waited for its time; else zero.
	Submitted time.Time `json:",omitzero"`
}

// dates says of each consent when who gave it signed.
func (s stored) dates(given ...*Consent) {
	for _, sig := range s.Signers {
		for _, c := range given {
			if sig.By == c.By {
				c.At = sig.At
			}
		}
	}
}

const selectDocument = `SELECT kind, name, parent, version, revision, applied_by, applied_at, body FROM documents d `

// newest limits a statement on documents d to the version in force.
const newest = `version = (SELECT max(version) FROM documents n WHERE n.kind = d.kind AND n.name = d.name)`

// documentParts names the row of a document for its AEAD: every plain column.
func documentParts(m Meta) []string {
	return []string{"document", m.Kind, m.Name, m.Parent, strconv.FormatInt(m.Version, 10),
		strconv.FormatInt(m.Revision, 10), m.By, strconv.FormatInt(m.At.UnixNano(), 10)}
}

// documents returns the rows the condition selects, in its order.
func (r *Registry) documents(ctx context.Context, q querier, where string, args ...any) ([]stored, error) {
	rows, err := q.QueryContext(ctx, selectDocument+where, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: read documents: %w", err)
	}
	defer rows.Close()
	var all []stored
	for rows.Next() {
		var s stored
		var at int64
		var body []byte
		m := &s.Meta
		if err := rows.Scan(&m.Kind, &m.Name, &m.Parent, &m.Version, &m.Revision, &m.By, &at, &body); err != nil {
			return nil, fmt.Errorf("registry: read documents: %w", err)
		}
		m.At = time.Unix(0, at).UTC()
		if err := r.openRow(body, &s, documentParts(*m)...); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read documents: %w", err)
	}
	return all, nil
}

// get returns the version in force, or ErrNotFound.
func (r *Registry) get(ctx context.Context, q querier, kind, name string) (stored, error) {
	all, err := r.documents(ctx, q, `WHERE kind = ? AND name = ? ORDER BY version DESC LIMIT 1`, kind, name)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("registry: get %s %s: %w", kind, name, ErrNotFound)
	}
	if err != nil {
		return stored{}, err
	}
	return all[0], nil
}

// load decodes the version in force of a document into its spec.
func load[T any](ctx context.Context, r *Registry, q querier, kind, name string) (Versioned[T], error) {
	s, err := r.get(ctx, q, kind, name)
	if err != nil {
		return Versioned[T]{}, err
	}
	return decoded[T](s)
}

func decoded[T any](s stored) (Versioned[T], error) {
	spec, err := SpecOf[T](s.Document)
	return Versioned[T]{Name: s.Name, Version: s.Meta.Version, Spec: spec}, err
}

// put stores s as the version its Meta names, in this transaction's name.
func (tx *Tx) put(s stored) error {
	m := s.Meta
	m.Revision, m.At = tx.revision, tx.at
	tx.learned = true
	if s.Kind == KindPerson {
		p, err := SpecOf[Person](s.Document)
		if err != nil {
			return err
		}
		if err := tx.endShown(m.By, s.Name, p); err != nil {
			return err
		}
	}
	body, err := tx.r.sealRow(s, documentParts(m)...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO documents
		(kind, name, version, parent, revision, applied_by, applied_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		m.Kind, m.Name, m.Version, m.Parent, m.Revision, m.By, m.At.UnixNano(), body)
	if err != nil {
		return fmt.Errorf("registry: store %s %s: %w", m.Kind, m.Name, err)
	}
	return nil
}

// Get returns the version in force of a document, or ErrNotFound.
func (r *Registry) Get(ctx context.Context, kind, name string) (Document, Meta, error) {
	s, err := r.get(ctx, r.reader, kind, name)
	return s.Document, s.Meta, err
}

// GetVersion returns one version of a document, or ErrNotFound.
func (r *Registry) GetVersion(ctx context.Context, kind, name string, version int64) (Document, Meta, error) {
	all, err := r.documents(ctx, r.reader, `WHERE kind = ? AND name = ? AND version = ?`, kind, name, version)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("registry: get %s %s version %d: %w", kind, name, version, ErrNotFound)
	}
	if err != nil {
		return Document{}, Meta{}, err
	}
	return all[0].Document, all[0].Meta, nil
}

// VersionMeta tells of one version of a document: what Meta does, who signed it, and
// its effective time if it waited for one.
type VersionMeta struct {
	Meta
	Signers   []Signer
	Effective time.Time
}

// Versions returns every version of a document that ever was in force, the oldest
// first.
func (r *Registry) Versions(ctx context.Context, kind, name string) ([]VersionMeta, error) {
	all, err := r.documents(ctx, r.reader, `WHERE kind = ? AND name = ? ORDER BY version`, kind, name)
	if err != nil {
		return nil, err
	}
	metas := make([]VersionMeta, len(all))
	for i, s := range all {
		metas[i] = VersionMeta{Meta: s.Meta, Signers: s.Signers}
		if !s.Submitted.IsZero() {
			if metas[i].Effective, err = s.effectiveTime(); err != nil {
				return nil, fmt.Errorf("registry: %s %s version %d: %w", kind, name, s.Meta.Version, ErrCorrupt)
			}
		}
	}
	return metas, nil
}

// List returns the documents of a kind in force, by name. An empty kind means
// every kind.
func (r *Registry) List(ctx context.Context, kind string) ([]Meta, error) {
	all, err := r.documents(ctx, r.reader, `WHERE (?1 = '' OR kind = ?1) AND `+newest+` ORDER BY kind, name`, kind)
	if err != nil {
		return nil, err
	}
	metas := make([]Meta, len(all))
	for i, s := range all {
		metas[i] = s.Meta
	}
	return metas, nil
}

// Person returns the person of that name, whose signing key requests are
// checked with. A disabled person is ErrInactive, an unknown one ErrNotFound.
func (r *Registry) Person(ctx context.Context, name string) (Person, error) {
	p, err := load[Person](ctx, r, r.reader, KindPerson, name)
	if err != nil {
		return Person{}, err
	}
	if p.Spec.Status != personActive {
		return Person{}, fmt.Errorf("registry: person %s: %w", name, ErrInactive)
	}
	return p.Spec, nil
}

// Snapshot writes a copy of the registry as it is at one moment to a new file at
// path. Bodies in it are encrypted as they are here.
func (r *Registry) Snapshot(ctx context.Context, path string) error {
	if _, err := r.writer.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("registry: snapshot: %w", err)
	}
	return nil
}

// isEmpty reports whether no document was ever applied.
func (tx *Tx) isEmpty() (bool, error) {
	var one int
	err := tx.sql.QueryRowContext(tx.ctx, `SELECT 1 FROM documents LIMIT 1`).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("registry: read documents: %w", err)
	}
	return false, nil
}
