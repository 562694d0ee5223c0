package zone

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Rewrapped is what Rewrap wrote.
type Rewrapped struct {
	Manifest string   // digest of the new manifest
	Shredded []string // columns without a key, those of before included
	// Keys are the data keys that live on, wrapped anew. The key of a manifest is
	// among them unless the manifest told something of values that are shredded.
	Keys []WrappedKey
}

// Rewrap writes, beside the manifest of a version, one whose data keys are
// wrapped under the newest key of the zone, without the keys of the columns that
// shred names. It reads and writes no chunk. The version reads by either manifest
// until the key that wrapped the old one is destroyed; which is in force, the
// registry says. A call that was interrupted leaves a file that PruneManifests
// removes.
//
// It returns ErrNotFound if there is no such version or column.
func (s *Store) Rewrap(zone, dataset, version, manifest string, shred ...string) (Rewrapped, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return Rewrapped{}, err
	}
	for _, name := range shred {
		at := m.column(name)
		if at < 0 || strings.HasPrefix(name, EntityColumn[:2]) {
			return Rewrapped{}, fmt.Errorf("zone: rewrap %s/%s: column %q: %w", zone, dataset, name, ErrNotFound)
		}
		c := &m.Columns[at]
		c.Key, c.Chunks, c.Detail, c.Shredded = nil, nil, nil, true
	}
	var out Rewrapped
	for i := range m.Columns {
		c := &m.Columns[i]
		if c.Shredded {
			out.Shredded = append(out.Shredded, c.Name)
			continue
		}
		key, wrapped, err := s.rewrap(zone, m.suite, c.Key, m.keyBinding(c.Name))
		if err != nil {
			return Rewrapped{}, err
		}
		c.Key = wrapped
		if m.first {
			if err := m.describe(i, key); err != nil {
				return Rewrapped{}, err
			}
		}
	}
	var key dataKey
	switch {
	case m.first && len(out.Shredded) > 0: // its key opens what the first form tells of their values
		m.wrapped = nil
	default:
		if key, m.wrapped, err = s.rewrap(zone, m.suite, m.wrapped, m.binding()); err != nil {
			return Rewrapped{}, err
		}
	}
	file, digest, err := s.seal(m, key)
	if err != nil {
		return Rewrapped{}, err
	}
	out.Manifest, out.Keys = digest, m.wrappedKeys()
	if err := s.place(m, file); err != nil {
		return Rewrapped{}, fmt.Errorf("zone: rewrap %s/%s/%s: %w", zone, dataset, version, err)
	}
	return out, nil
}

// place puts a manifest file into the folder of its version, whole or not at all.
func (s *Store) place(m *manifest, file []byte) error {
	name, err := s.name()
	if err != nil {
		return err
	}
	// Under .tmp, where Sweep finds what was interrupted.
	temp := filepath.Join(s.tmp(), name)
	s.mu.Lock()
	s.loads[name] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.loads, name)
		s.mu.Unlock()
	}()
	if err := s.disk.write(temp, file); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := s.disk.rename(temp, filepath.Join(m.dir, m.file)); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return s.disk.sync(m.dir)
}

// PruneManifests removes every manifest of a version but the one in force, and
// the chunks of columns that are shredded in it.
func (s *Store) PruneManifests(zone, dataset, version, manifest string) error {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return fmt.Errorf("zone: prune %s/%s/%s: %w", zone, dataset, version, err)
	}
	removed := false
	for _, e := range entries {
		if name := e.Name(); name != m.file && (isManifest(name) || m.shreddedChunk(name)) {
			if err := s.disk.remove(filepath.Join(m.dir, name)); err != nil {
				return fmt.Errorf("zone: prune %s/%s/%s: %w", zone, dataset, version, err)
			}
			removed = true
		}
	}
	if !removed {
		return nil
	}
	return s.disk.sync(m.dir)
}

func isManifest(name string) bool {
	digest, ok := strings.CutPrefix(name, manifestPrefix)
	return name == firstManifest || ok && validDigest(digest)
}

// shreddedChunk reports whether a file is a chunk of a shredded column.
func (m *manifest) shreddedChunk(name string) bool {
	return slices.ContainsFunc(m.shredded(), func(i int) bool { return strings.HasPrefix(name, fmt.Sprintf("c%03d-s", i)) })
}

func (m *manifest) shredded() (columns []int) {
	for i, c := range m.Columns {
		if c.Shredded {
			columns = append(columns, i)
		}
	}
	return columns
}

// Shredded returns the columns of a version without a key.
func (s *Store) Shredded(zone, dataset, version, manifest string) ([]string, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range m.shredded() {
		out = append(out, m.Columns[i].Name)
	}
	return out, nil
}

// Remove removes a version, of which nothing needs to be there any more.
func (s *Store) Remove(zone, dataset, version string) error {
	if !validName(zone) || !validName(dataset) || !validVersion(version) {
		return fmt.Errorf("zone: remove version: %w", ErrNotFound)
	}
	dir := filepath.Join(s.datasetDir(zone, dataset), version)
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := s.retire(dir); err != nil {
		return fmt.Errorf("zone: remove %s/%s/%s: %w", zone, dataset, version, err)
	}
	return s.disk.sync(filepath.Dir(dir))
}

// passing reports whether a file of a version is there while keys are wrapped
// anew: another manifest of it that the gate signed, or a chunk of a shredded
// column.
func (s *Store) passing(m *manifest, name string) bool {
	if m.shreddedChunk(name) {
		return true
	}
	if !isManifest(name) {
		return false
	}
	other := &manifest{zone: m.zone, dataset: m.dataset, version: m.version, dir: m.dir, file: name}
	file, err := other.load(name)
	if err != nil {
		return false
	}
	if name == firstManifest {
		_, ok := s.signedFirst(other, file)
		return ok
	}
	_, ok := s.signedPart(other, file)
	return ok && name == manifestPrefix+hex.EncodeToString(other.suite.sum(file))
}

func (m *manifest) shreddedError(column int) error {
	return fmt.Errorf("zone: column %q of %s/%s: %w", m.Columns[column].Name, m.zone, m.dataset, ErrShredded)
}

// Columns returns the columns of a version that can be read, by the names of the
// specification.
func (s *Store) Columns(zone, dataset, version, manifest string) ([]string, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range m.Columns {
		if !c.Shredded && c.Name != EntityColumn {
			out = append(out, c.Name)
		}
	}
	return out, nil
}

// Dir returns the folder of a version, whose files are ciphertext.
func (s *Store) Dir(zone, dataset, version string) string {
	return filepath.Join(s.datasetDir(zone, dataset), version)
}

// Lost returns the columns of a version whose keys no key of the zone opens any
// more, and ErrKey if none opens the version itself.
func (s *Store) Lost(zone, dataset, version, manifest string) ([]string, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range m.Columns {
		if c.Shredded {
			continue
		}
		if _, err := s.unwrap(zone, m.suite, c.Key, m.keyBinding(c.Name)); err != nil {
			out = append(out, c.Name)
		}
	}
	return out, nil
}
