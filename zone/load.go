package zone

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"

	"zonebox/internal/raw"
	"zonebox/masking/detect"
)

// EntityColumn is the name of the hidden column of dense entity codes. No
// dataset column may start with its first two bytes.
const EntityColumn = "__entity"

// A Spec says what a dataset holds.
type Spec struct {
	Zone, Dataset string
	Columns       []ColumnSpec
	Entity        string // column that names the person or enterprise; "" if none
	Suite         Suite
	// Key names the columns whose values tell rows apart: no two rows of a delivery
	// have the same, and none is null. Empty: rows are not told apart.
	Key []string
	// Base is the version that the delivery adds to, nil for a full one.
	Base *Base
	// Titles are what the catalogue calls columns besides their names, by name.
	// They say, with the names, what values may look like.
	Titles map[string]string
}

// A ColumnSpec is one column, with its type as the catalogue spells it.
type ColumnSpec struct{ Name, Type string }

// Info describes a committed version.
type Info struct {
	Zone, Dataset, Version string
	Rows                   int64
	Delivered              int64 // of the rows
	Replaced               int64 // rows of the base that the delivery has others for
	Segments               int
	Manifest               string // digest of the manifest file in the suite of the version, hexadecimal
	Stats                  Stats
}

// A Load builds one version. It is not safe for concurrent use.
//
// Append rows, then Commit; Abort at any time, and after Commit without
// effect. Nothing can be read before Commit. After an error only Abort helps.
type Load struct {
	store     *Store
	schema    *arrow.Schema
	name      string // of the version and of its temporary folder
	dir       string
	manifest  manifest
	keys      []dataKey          // by column of the manifest
	sketches  []*sketch          // by column of the schema
	profilers []*detect.Profiler // the same; nil where there is nothing to be found
	entity    *entities          // nil if the dataset has none
	unique    *unique            // of the delivery; nil if its rows are not told apart
	base      *base              // nil if the delivery is full

	pending      []arrow.RecordBatch // rows of the next segment
	pendingRows  int
	pendingBytes int64
	ahead        *ahead // of the pending rows
	rows         int64
	delivered    int64 // rows, once complete
	replaced     int64
	complete     bool // no more rows are appended
	closed       bool
	broken       error
}

// Begin starts a load of a new version of the dataset that spec describes. It
// returns an error wrapping ErrSpec if spec has no or unknown or repeated
// columns, or an entity that is none of them.
func (s *Store) Begin(spec Spec) (*Load, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	suite, err := spec.Suite.parts()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, err := s.name()
	if err != nil {
		return nil, err
	}
	l := &Load{
		store: s, name: name, dir: filepath.Join(s.tmp(), name),
		manifest: manifest{zone: spec.Zone, dataset: spec.Dataset, version: name, suite: suite},
	}
	columns := spec.Columns
	var fields []arrow.Field
	for _, c := range columns {
		t, _ := raw.Type(c.Type) // validate has judged it
		fields = append(fields, arrow.Field{Name: c.Name, Type: t, Nullable: true})
		l.sketches = append(l.sketches, newSketch())
		l.profilers = append(l.profilers, newProfiler(c, spec.Titles[c.Name]))
	}
	l.schema = arrow.NewSchema(fields, nil)
	if spec.Entity != "" {
		if l.entity, err = newEntities(l.schema.FieldIndices(spec.Entity)[0], s.entities, s.draw); err != nil {
			return nil, err
		}
		l.manifest.Entity = spec.Entity
		columns = append(columns[:len(columns):len(columns)], ColumnSpec{EntityColumn, "uint32"})
	}
	for _, c := range columns {
		key, wrapped, err := s.newKey(spec.Zone, suite, l.manifest.keyBinding(c.Name))
		if err != nil {
			return nil, err
		}
		l.keys = append(l.keys, key)
		l.manifest.Columns = append(l.manifest.Columns, columnBody{Name: c.Name, Type: c.Type, Key: wrapped})
	}
	if len(spec.Key) > 0 {
		if l.unique, err = newUnique(spec, s.entities, s.draw); err != nil {
			return nil, err
		}
	}
	if spec.Base != nil {
		if l.base, err = s.openBase(spec); err != nil {
			return nil, err
		}
	}
	l.ahead = newAhead(l)
	if err := s.disk.mkdir(l.dir); err != nil {
		return nil, fmt.Errorf("zone: begin load of %s/%s: %w", spec.Zone, spec.Dataset, err)
	}
	s.loads[name] = true
	return l, nil
}

func (spec Spec) validate() error {
	if !validName(spec.Zone) || !validName(spec.Dataset) || len(spec.Columns) == 0 || len(spec.Columns) > 999 {
		return fmt.Errorf("zone: begin load: names and 1 to 999 columns are required: %w", ErrSpec)
	}
	seen := map[string]bool{}
	for _, c := range spec.Columns {
		if _, err := raw.Type(c.Type); err != nil {
			return fmt.Errorf("zone: begin load: column %q: %w: %w", c.Name, ErrSpec, err)
		}
		if c.Name == "" || seen[c.Name] || strings.HasPrefix(c.Name, EntityColumn[:2]) {
			return fmt.Errorf("zone: begin load: column name %q is empty, repeated or reserved: %w", c.Name, ErrSpec)
		}
		seen[c.Name] = true
	}
	if spec.Entity != "" && !seen[spec.Entity] {
		return fmt.Errorf("zone: begin load: entity %q is not a column: %w", spec.Entity, ErrSpec)
	}
	for i, k := range spec.Key {
		if !seen[k] || slices.Contains(spec.Key[:i], k) {
			return fmt.Errorf("zone: begin load: key %q is repeated or not a column: %w", k, ErrSpec)
		}
	}
	if spec.Base != nil && spec.Base.Upsert && len(spec.Key) == 0 {
		return fmt.Errorf("zone: begin load: an upsert without key: %w", ErrSpec)
	}
	return nil
}

// Append adds the rows of rec, whose columns must be those of the spec in
// order, names and types alike. It keeps a reference to rec until the segment
// the rows belong to is written, and leaves the caller's in place.
//
// Append returns an error wrapping ErrBatch if rec does not fit, and validates
// rec in full: offsets in range, strings UTF-8. It returns a *KeyError if the spec
// has a key and a row of the delivery has none or that of another.
func (l *Load) Append(rec arrow.RecordBatch) error {
	if err := l.ready(); err != nil {
		return err
	}
	if l.complete {
		return fmt.Errorf("zone: append to a load that is complete: %w", ErrClosed)
	}
	if err := l.append(rec); err != nil {
		l.broken = err
		return err
	}
	return nil
}

func (l *Load) ready() error {
	if l.closed {
		return fmt.Errorf("zone: load %s: %w", l.name, ErrClosed)
	}
	return l.broken
}

func (l *Load) append(rec arrow.RecordBatch) error {
	if err := l.check(rec); err != nil {
		return err
	}
	return l.push(rec)
}

// push adds rows that were checked.
func (l *Load) push(rec arrow.RecordBatch) error {
	for from := int64(0); from < rec.NumRows(); {
		to := min(rec.NumRows(), from+int64(l.store.rows-l.pendingRows))
		part := rec.NewSlice(from, to)
		size := rawSize(part)
		if l.pendingRows > 0 && l.pendingBytes+size > segmentBytes {
			part.Release()
			if err := l.flush(); err != nil {
				return err
			}
			continue
		}
		l.pending = append(l.pending, part)
		l.ahead.add(part)
		l.pendingRows += int(to - from)
		l.pendingBytes += size
		from = to
		if l.pendingRows == l.store.rows {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Load) check(rec arrow.RecordBatch) error {
	if rec.NumCols() != int64(l.schema.NumFields()) {
		return fmt.Errorf("zone: append %d columns of %d: %w", rec.NumCols(), l.schema.NumFields(), ErrBatch)
	}
	if err := l.room(rec.NumRows()); err != nil {
		return err
	}
	for i, f := range l.schema.Fields() {
		c := rec.Column(i)
		if rec.ColumnName(i) != f.Name || !arrow.TypeEqual(c.DataType(), f.Type) {
			return fmt.Errorf("zone: append: column %d is not %q of type %s: %w", i, f.Name, f.Type, ErrBatch)
		}
		if err := array.ValidateFull(c); err != nil { // its text quotes values, so it stays here
			return fmt.Errorf("zone: append: column %q is not a valid array: %w", f.Name, ErrBatch)
		}
	}
	return nil
}

// room returns an error if a version cannot have rows more.
func (l *Load) room(rows int64) error {
	if l.rows+int64(l.pendingRows)+rows > math.MaxUint32 {
		return fmt.Errorf("zone: append: more than %d rows: %w", uint32(math.MaxUint32), ErrBatch)
	}
	return nil
}

// flush writes the pending rows as one segment.
func (l *Load) flush() error {
	if err := l.ahead.wait(); err != nil {
		return err
	}
	segment := len(l.manifest.Segments)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for c := range l.manifest.Columns {
		l.manifest.Columns[c].Chunks = append(l.manifest.Columns[c].Chunks, chunk{})
		group.Go(func() error {
			written, err := l.writeColumn(c, segment)
			if err != nil {
				return fmt.Errorf("zone: write %s: %w", chunkFile(c, segment), err)
			}
			l.manifest.Columns[c].Chunks[segment] = written
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	l.manifest.Segments = append(l.manifest.Segments, l.pendingRows)
	l.rows += int64(l.pendingRows)
	l.release()
	return nil
}

// writeColumn encodes, encrypts and writes the pending rows of one column,
// the entity codes being the last.
func (l *Load) writeColumn(c, segment int) (chunk, error) {
	codes := c == l.schema.NumFields()
	parts := l.ahead.codes
	if !codes {
		parts = make([]arrow.Array, len(l.pending))
		for i, rec := range l.pending {
			parts[i] = rec.Column(c)
		}
	}
	arr, err := array.Concatenate(parts, l.store.alloc)
	if err != nil {
		return chunk{}, err
	}
	defer arr.Release()
	var low *bounds
	if !codes {
		if p := l.profilers[c]; p != nil {
			if err := p.Add(arr); err != nil {
				return chunk{}, err
			}
		}
		low = l.ahead.ranges[c].known()
	}
	file, err := encode(l.store.alloc, arr)
	if err != nil {
		return chunk{}, err
	}
	file = l.keys[c].seal(file, l.keys[c].chunkNonce(segment), l.manifest.chunkBinding(l.manifest.Columns[c].Name, segment))
	if err := l.store.disk.write(filepath.Join(l.dir, chunkFile(c, segment)), file); err != nil {
		return chunk{}, err
	}
	return chunk{Digest: l.manifest.suite.sum(file), Size: int64(len(file)), Bounds: low}, nil
}

// Commit makes the version readable, after all of it is on disk. If it returns
// an error the version may exist without anyone knowing its digest; Sweep
// removes it.
func (l *Load) Commit(ctx context.Context) (Info, error) {
	if err := l.ready(); err != nil {
		return Info{}, err
	}
	info, err := l.commit(ctx)
	if err != nil {
		l.broken = err
		return Info{}, err
	}
	l.close()
	return info, nil
}

func (l *Load) commit(ctx context.Context) (Info, error) {
	if !l.complete {
		if err := l.merge(ctx); err != nil {
			return Info{}, err
		}
	}
	if l.pendingRows > 0 {
		if err := l.flush(); err != nil {
			return Info{}, err
		}
	}
	m := &l.manifest
	m.Stats = l.stats()
	for i, key := range l.keys {
		if err := m.describe(i, key); err != nil {
			return Info{}, err
		}
	}
	file, digest, err := l.store.seal(m, dataKey{})
	if err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, fmt.Errorf("zone: commit %s/%s: %w", m.zone, m.dataset, err)
	}
	if err := l.publish(file); err != nil {
		return Info{}, fmt.Errorf("zone: commit %s/%s: %w", m.zone, m.dataset, err)
	}
	return Info{
		Zone: m.zone, Dataset: m.dataset, Version: m.version,
		Rows: l.rows, Delivered: l.delivered, Replaced: l.replaced, Segments: len(m.Segments), Manifest: digest, Stats: m.Stats,
	}, nil
}

// publish is the order that makes a load all or nothing: every chunk is on
// disk already (disk.write); then the manifest, then the names of both, then
// the one rename, then its name.
func (l *Load) publish(manifest []byte) error {
	d, parent := l.store.disk, l.store.datasetDir(l.manifest.zone, l.manifest.dataset)
	if err := d.write(filepath.Join(l.dir, l.manifest.file), manifest); err != nil {
		return err
	}
	if err := d.sync(l.dir); err != nil {
		return err
	}
	if err := d.mkdir(parent); err != nil {
		return err
	}
	if err := d.rename(l.dir, filepath.Join(parent, l.name)); err != nil {
		return err
	}
	return d.sync(parent)
}

// Abort drops the load and what it has written. After Commit it does nothing.
func (l *Load) Abort() error {
	if l.closed {
		return nil
	}
	l.close()
	if err := l.store.disk.remove(l.dir); err != nil {
		return fmt.Errorf("zone: abort load %s: %w", l.name, err)
	}
	return nil
}

func (l *Load) close() {
	l.release() // what counts rows is at rest then
	if l.entity != nil {
		l.entity.release()
	}
	if l.unique != nil {
		l.unique.release()
	}
	l.closed = true
	l.store.mu.Lock()
	delete(l.store.loads, l.name)
	l.store.mu.Unlock()
}

func (l *Load) release() {
	l.ahead.release()
	for _, rec := range l.pending {
		rec.Release()
	}
	l.pending, l.pendingRows, l.pendingBytes = nil, 0, 0
}
