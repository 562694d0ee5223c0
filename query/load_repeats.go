package query

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/repeats"
)

// useRepeats is the use of the zone keys that marks of results are made with.
const useRepeats = "repeats"

// marks are what is kept of a result from its check to its release.
type marks struct {
	Key   string        `json:"key"` // keyID of the key they were made with
	Marks repeats.Marks `json:"marks"`
}

// keyID names a key of marks without telling it.
func keyID(secret []byte) string {
	sum := sha256.Sum256(append([]byte("zonebox repeats key\x00"), secret...))
	return hex.EncodeToString(sum[:8])
}

// mark makes the marks of the rows that are to leave.
func (l *leaving) mark(record arrow.RecordBatch) error {
	secret, err := l.engine.keys.Derive(keys.Purpose{Use: useRepeats, Zone: l.rows.facts.Zone.Name})
	if err != nil {
		return err
	}
	key, err := repeats.NewKey(secret)
	if err != nil {
		return err
	}
	derived := make([]bool, len(l.Outputs))
	for i, o := range l.Outputs {
		derived[i] = o.Form == release.Masked || o.Form == release.Token || o.Form == "aggregate"
	}
	if m := key.Of(record, derived); !m.Empty() {
		l.marked = &marks{Key: keyID(secret), Marks: m}
	}
	return nil
}

// keepMarks stores the marks of the output with its release.
func (s *sealed) keepMarks(tx *registry.Tx) error {
	m := s.record.Marks
	if m == nil {
		return nil
	}
	body, err := json.Marshal(m.Marks)
	if err != nil {
		return fmt.Errorf("query: encode marks of %s: %w", s.id, err)
	}
	out := registry.ReleaseMarks{Run: s.id, Zone: s.facts.Zone.Name, Scenario: s.request.Scenario, Key: m.Key, Body: body}
	for _, source := range s.record.Sources {
		out.Sources = append(out.Sources, source.Dataset)
	}
	return tx.AddReleaseMarks(out)
}

// newestKey is how many versions of a zone's keys are looked through.
const newestKey = 256

// digestKeys returns the keys that a zone has for a use of digests, by their IDs.
// Digests of a key that was destroyed are nothing any more.
func (e *Engine) digestKeys(use, zone string) (map[string]*repeats.Key, error) {
	out := map[string]*repeats.Key{}
	for version := range newestKey {
		secret, err := e.keys.Derive(keys.Purpose{Use: use, Zone: zone, Version: version})
		if errors.Is(err, keys.ErrNoKey) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if id := keyID(secret); out[id] == nil {
			if out[id], err = repeats.NewKey(secret); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// watching looks for what was released to other scenarios in what comes in.
func (l *loading) watching() error {
	all, err := l.engine.registry.ReleaseMarks(l.ctx, l.grant.Scenario)
	if err != nil {
		return err
	}
	var known []repeats.Known
	zones := map[string]map[string]*repeats.Key{}
	l.released = map[string]string{}
	for _, m := range all {
		if zones[m.Zone] == nil {
			if zones[m.Zone], err = l.engine.digestKeys(useRepeats, m.Zone); err != nil {
				return err
			}
		}
		key := zones[m.Zone][m.Key]
		if key == nil {
			continue
		}
		k := repeats.Known{ID: m.Run, Key: key, Source: slices.Contains(m.Sources, l.manifest.Dataset)}
		if err := json.Unmarshal(m.Body, &k.Marks); err != nil {
			return fmt.Errorf("query: marks of %s: %w", m.Run, err)
		}
		known = append(known, k)
		l.released[m.Run] = m.Scenario
	}
	l.watch = repeats.NewWatch(known)
	return nil
}

// repeated notes what the delivery repeats: of the scenarios that the grant does
// not admit, for policy, and all of it, for the log.
func (l *loading) repeated() {
	l.repeats, l.seen = nil, nil
	for _, r := range l.watch.Found() {
		scenario := l.released[r.ID]
		l.seen = append(l.seen, fmt.Sprintf("%s %s %d", scenario, r.ID, r.Marks))
		if !slices.Contains(l.grant.Repeats, scenario) && !slices.Contains(l.repeats, scenario) {
			l.repeats = append(l.repeats, scenario)
		}
	}
}
