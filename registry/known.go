package registry

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// keptMost bounds what is kept at one count; beyond it all is forgotten. A
// question needs some twenty parts, most of them the same ones as the one before.
const keptMost = 50_000

// known keeps what was read of documents, data and consents, so that one question
// after another need not open and decode what nobody changed: it is the only place
// where something that was read is read no more. The registry counts the changes of
// these in its file, and what is kept of one count is given to whoever reads at that
// count, so that it is what their own transaction would read.
//
// Whatever is kept was authentic when it was read, once for each version. Of what
// somebody writes past the registry while it is open, all that the count tells of is
// seen at once, and what they hide from it after the next change or start.
type known struct {
	mu      sync.Mutex
	now     *kept
	ours    [2]int64                    // counts before and after this Registry's last change, which may be about to be committed
	entries map[string]map[string]entry // by zone and name: what their versions say, at whatever count of ours
}

// kept is what is known at one count. Its values are shared and not to be changed.
type kept struct {
	changes int64
	mu      sync.Mutex
	parts   map[part]any
}

// part names something that is kept: what it is and of what.
type part struct{ what, of, by string }

// entry is a catalogue entry with its data, after the event of the data at revision.
type entry struct {
	revision int64
	DatasetFacts
}

func newKnown() *known {
	return &known{now: &kept{changes: -1}, entries: map[string]map[string]entry{}}
}

// found says at which count a write transaction begins. If that is none of ours,
// somebody else wrote, and what entries say is read again.
func (k *known) found(changes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.ours[:], changes) {
		k.entries = map[string]map[string]entry{}
	}
	k.ours = [2]int64{changes, changes}
}

// leaves says at which count the transaction leaves that is about to be committed.
func (k *known) leaves(changes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ours[1] = changes
}

// at returns what is kept at a count, nil if nothing is: there is a later one.
func (k *known) at(changes int64) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.ours[:], changes) {
		k.entries = map[string]map[string]entry{}
	}
	switch {
	case changes < k.now.changes:
		return nil
	case changes > k.now.changes:
		k.now = &kept{changes: changes}
	}
	return k.now
}

func (k *known) entriesOf(zone string) map[string]entry {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.entries[zone]
}

func (k *known) keepEntries(zone string, all map[string]entry) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.entries[zone] = all
}

// look returns the part p if it is kept.
func look[T any](k *kept, p part) (v T, ok bool) {
	if k == nil {
		return v, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok = k.parts[p].(T)
	return v, ok
}

// keep returns the part p, by reading it unless it is kept. An error is not kept.
func keep[T any](k *kept, p part, read func() (T, error)) (T, error) {
	if v, ok := look[T](k, p); ok {
		return v, nil
	}
	v, err := read()
	if err != nil || k == nil {
		return v, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.parts == nil || len(k.parts) >= keptMost {
		k.parts = map[part]any{}
	}
	k.parts[p] = v
	return v, nil
}

// moment is what is read from, with what is known of it.
type moment struct {
	ctx   context.Context
	r     *Registry
	q     querier
	known *known // nil of what is not the registry's own present: nothing is kept of it
	kept  *kept  // at the count of q; nil: nothing is
}

// document returns the version in force of a document.
func document[T any](m moment, kind, name string) (Versioned[T], error) {
	return keep(m.kept, part{kind, name, ""}, func() (Versioned[T], error) { return load[T](m.ctx, m.r, m.q, kind, name) })
}

// Current returns the version in force of a document, which is shared and not to be
// changed, or ErrNotFound. T is the spec of its kind.
func Current[T any](ctx context.Context, r *Registry, kind, name string) (v Versioned[T], err error) {
	err = r.View(ctx, func(tx *sql.Tx) error {
		_, _, changes, err := state(ctx, tx)
		if err == nil {
			v, err = document[T](moment{ctx, r, tx, r.known, r.known.at(changes)}, kind, name)
		}
		return err
	})
	return v, err
}

// datasets returns the entries of a zone and of the grants with their data, by name.
func (m moment) datasets(zone string, grants []GrantFacts) ([]DatasetFacts, error) {
	all, err := keep(m.kept, part{"datasets", zone, ""}, func() ([]DatasetFacts, error) { return m.ofZone(zone) })
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		i, there := slices.BinarySearchFunc(all, g.Spec.Dataset, func(d DatasetFacts, name string) int { return strings.Compare(d.Name, name) })
		if there {
			continue
		}
		d, err := keep(m.kept, part{"dataset", g.Spec.Dataset, ""}, func() (DatasetFacts, error) { return m.dataset(g.Spec.Dataset) })
		if err != nil {
			return nil, err
		}
		all = slices.Insert(slices.Clip(all), i, d)
	}
	return all, nil
}

func (m moment) dataset(name string) (d DatasetFacts, err error) {
	if d.Versioned, err = load[Dataset](m.ctx, m.r, m.q, KindDataset, name); err != nil {
		return d, err
	}
	d.Level = d.Spec.Level()
	d.Data, err = m.r.usableVersion(m.ctx, m.q, d.Versioned)
	return d, err
}

// ofZone returns the entries of a zone with their data, by name. It reads those alone
// that have another version, or other data, than when they were read last.
func (m moment) ofZone(zone string) ([]DatasetFacts, error) {
	before := m.known.entriesOf(zone)
	type standing struct {
		name              string
		version, revision int64
	}
	// An entry stays in its zone, so that its newest version there is the newest: the index
	// by parent says which, and no body is read for it.
	rows, err := m.q.QueryContext(m.ctx, `SELECT name, max(version),
		(SELECT coalesce(max(revision), 0) FROM data_events e WHERE e.zone = ?2 AND e.dataset = d.name)
		FROM documents d WHERE kind = ?1 AND parent = ?2 GROUP BY name ORDER BY name`, KindDataset, zone)
	if err != nil {
		return nil, fmt.Errorf("registry: list entries of %s: %w", zone, err)
	}
	defer rows.Close()
	var now []standing
	for rows.Next() {
		var s standing
		if err := rows.Scan(&s.name, &s.version, &s.revision); err != nil {
			return nil, fmt.Errorf("registry: list entries of %s: %w", zone, err)
		}
		now = append(now, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: list entries of %s: %w", zone, err)
	}
	all, after := make([]DatasetFacts, 0, len(now)), make(map[string]entry, len(now))
	for _, s := range now {
		e, ok := before[s.name]
		if !ok || e.Version != s.version || e.revision != s.revision {
			e.revision = s.revision
			if e.DatasetFacts, err = m.dataset(s.name); err != nil {
				return nil, err
			}
		}
		all, after[s.name] = append(all, e.DatasetFacts), e
	}
	m.known.keepEntries(zone, after)
	return all, nil
}
