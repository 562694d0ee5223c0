// Package zone stores datasets at rest, encrypted, and hands them out in the
// form a grant allows.
//
// Read Store.Project first, then Load for the way in and manifest.go for what
// lies on disk.
//
// What it guarantees. A committed version is complete and immutable: it comes
// into being by one rename, after every file of it is on disk. Nothing of a
// dataset is on disk in the clear: neither values, statistics, column names nor
// bounds. Each column of each version has its own data key, of AES-256-GCM or
// SM4-GCM as the zone has it, wrapped by the zone key, which never enters this
// package. Rewrap wraps them anew without touching rows, and leaves out those of
// columns that are to be shredded. Every byte read is checked
// against a signed manifest and, if the caller names it, against the manifest
// digest its registry holds; a single differing bit is an *IntegrityError.
// Rows leave only through a masking plan.
//
// What it does not. It does not decide who may read what: Projection says so,
// and query builds it from grants. It does not notice that a whole version was
// replaced by an older one; the registry's manifest digest does. File sizes and
// counts tell how many rows a version has and how wide its columns are. Names
// of zones and datasets are folder names.
package zone

import (
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

// A Wrapper wraps data keys under the key of a zone: a key of AES-256 by AES, one
// of 16 bytes, for SM4, by SM4. aad must be the same when unwrapping.
type Wrapper interface {
	Wrap(zone string, dek, aad []byte) ([]byte, error)
	Unwrap(zone string, wrapped, aad []byte) ([]byte, error)
}

// A Signer signs manifests.
type Signer interface {
	Sign(msg []byte) []byte
	Verify(msg, sig []byte) bool
}

// Errors of this package. None holds a cell value or a key.
var (
	ErrNotFound   = errors.New("no such version")
	ErrSpec       = errors.New("dataset specification not valid")
	ErrBatch      = errors.New("batch does not fit the specification")
	ErrProjection = errors.New("projection not valid for this version")
	ErrEntity     = errors.New("version does not say whom its rows are about")
	ErrKey        = errors.New("data key cannot be wrapped or unwrapped")
	ErrClosed     = errors.New("load is already committed or aborted")
	ErrShredded   = errors.New("the key of the column was destroyed")
)

// An IntegrityError says that a file of a version is not what was committed.
type IntegrityError struct {
	Zone, Dataset, Version string
	File                   string // name inside the version folder
}

func (e *IntegrityError) Error() string {
	return fmt.Sprintf("zone: read %s/%s/%s: file %s is not what was committed", e.Zone, e.Dataset, e.Version, e.File)
}

// SegmentRows is how many rows a segment has unless Config says otherwise:
// enough to make a chunk's fixed costs vanish, few enough that a projection of
// some columns fits the processor's share of memory.
const SegmentRows = 1 << 20

// segmentBytes bounds the raw size of a segment, so that no column of it comes
// near the 2 GiB an Arrow string array holds.
const segmentBytes = 512 << 20

// Config configures a Store.
type Config struct {
	Dir     string // created if missing; the store owns everything in it
	Wrapper Wrapper
	Signer  Signer

	Rand        io.Reader        // source of data keys and version names; nil means crypto/rand
	Allocator   memory.Allocator // nil means the Go allocator
	SegmentRows int              // 0 means SegmentRows
	// EntityBytes is the memory that the tables of entities of all loads under way
	// may take together; 0 means 1 GiB, which holds some 40 million of them.
	EntityBytes int64
}

// A Store keeps the versions of datasets under one folder. It is safe for
// concurrent use; only one Store may own a folder at a time.
type Store struct {
	dir     string
	wrapper Wrapper
	signer  Signer
	rand    io.Reader
	alloc   memory.Allocator
	rows    int
	disk    disk

	mu    sync.Mutex
	loads map[string]bool // names of temporary folders in use

	drawing sync.Mutex // guards rand

	entities *budget // of the loads under way

	selections *memo[*selection]
	subjects   *memo[[]masking.SubjectTag]
	bounds     *memo[*bounds]
	spreads    *memo[spread]
	codes      *memo[[]uint32]
	occurring  *memo[occurrences]
	showings   *memo[showing]
	pruned     atomic.Int64
	misfits    atomic.Int64

	occurrenceKey maphash.Seed
}

// What a store may remember of projections, bytes: rows in scope, a bit each,
// tags of people whose consent counts, bounds of delivered columns, how values are
// spread, codes of entities by row, and how many texts masks show; of which values
// there are, see occurrenceBytes.
const (
	selectionBytes = 64 << 20
	subjectBytes   = 256 << 20
	boundsBytes    = 16 << 20
	spreadBytes    = 1 << 20
	codeBytes      = 256 << 20
)

// Open opens the store at dir with the defaults of Config.
func Open(dir string, w Wrapper, s Signer) (*Store, error) {
	return New(Config{Dir: dir, Wrapper: w, Signer: s})
}

// New opens the store that c describes. Temporary folders of loads that never
// ended stay until Sweep.
func New(c Config) (*Store, error) {
	if c.Dir == "" || c.Wrapper == nil || c.Signer == nil {
		return nil, errors.New("zone: open store: folder, wrapper and signer are required")
	}
	s := &Store{
		dir: c.Dir, wrapper: c.Wrapper, signer: c.Signer,
		rand: c.Rand, alloc: c.Allocator, rows: c.SegmentRows,
		loads: map[string]bool{}, selections: newMemo[*selection](selectionBytes),
		subjects: newMemo[[]masking.SubjectTag](subjectBytes), bounds: newMemo[*bounds](boundsBytes),
		spreads: newMemo[spread](spreadBytes), codes: newMemo[[]uint32](codeBytes), occurring: newMemo[occurrences](occurrenceBytes),
		showings: newMemo[showing](spreadBytes), occurrenceKey: maphash.MakeSeed(),
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.alloc == nil {
		s.alloc = memory.DefaultAllocator
	}
	if s.rows <= 0 {
		s.rows = SegmentRows
	}
	s.entities = &budget{left: cmp.Or(c.EntityBytes, 1<<30)}
	if err := s.disk.mkdir(s.tmp()); err != nil {
		return nil, fmt.Errorf("zone: open store: %w", err)
	}
	return s, nil
}

// tmp is the folder of loads under way, on the file system of the versions so
// that a rename commits. No zone has this folder name: escape doubles no dot.
func (s *Store) tmp() string { return filepath.Join(s.dir, ".tmp") }

func (s *Store) datasetDir(zone, dataset string) string {
	return filepath.Join(s.dir, escape(zone), escape(dataset))
}

// Stats returns the load statistics of a version, those of shredded columns left
// out. manifest is the digest the registry holds.
func (s *Store) Stats(zone, dataset, version, manifest string) (Stats, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return Stats{}, err
	}
	if m.first {
		return m.Stats, nil
	}
	for i, c := range m.Columns {
		if c.Shredded {
			continue
		}
		key, err := s.unwrap(m.zone, m.suite, c.Key, m.keyBinding(c.Name))
		if err != nil {
			return Stats{}, err
		}
		stats, err := m.detail(i, key)
		if err != nil {
			return Stats{}, err
		}
		if stats != nil {
			m.Stats.Columns = append(m.Stats.Columns, *stats)
		}
	}
	return m.Stats, nil
}

// Forget drops what the store remembers of the rows of a zone, or of all zones
// if zone is "".
func (s *Store) Forget(zone string) {
	s.selections.forget(zone)
	s.subjects.forget(zone)
	s.bounds.forget(zone)
	s.spreads.forget(zone)
	s.codes.forget(zone)
	s.occurring.forget(zone)
	s.showings.forget(zone)
}

// Sweep removes versions that keep does not want, and what loads that never
// ended left behind. Loads under way in this Store are left alone. A version
// between Commit and the registry row that names it is unknown to the registry:
// call Sweep when no load is being committed, as at start.
func (s *Store) Sweep(keep func(zone, dataset, version string) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	leftovers, err := os.ReadDir(s.tmp())
	if err != nil {
		return fmt.Errorf("zone: sweep: %w", err)
	}
	for _, e := range leftovers {
		if !s.loads[e.Name()] {
			if err := s.disk.remove(filepath.Join(s.tmp(), e.Name())); err != nil {
				return fmt.Errorf("zone: sweep: %w", err)
			}
		}
	}
	versions, err := fs.Glob(os.DirFS(s.dir), "*/*/*")
	if err != nil {
		return fmt.Errorf("zone: sweep: %w", err)
	}
	for _, v := range versions {
		parts := strings.Split(v, "/")
		if parts[0] == filepath.Base(s.tmp()) {
			continue
		}
		zone, err1 := unescape(parts[0])
		dataset, err2 := unescape(parts[1])
		if err1 == nil && err2 == nil && keep(zone, dataset, parts[2]) {
			continue
		}
		if err := s.retire(filepath.Join(s.dir, v)); err != nil {
			return fmt.Errorf("zone: sweep %s: %w", v, err)
		}
	}
	return nil
}

// Size returns how many bytes the files of a version have, 0 if it has none.
func (s *Store) Size(zone, dataset, version string) (int64, error) {
	if !validName(zone) || !validName(dataset) || !validVersion(version) {
		return 0, fmt.Errorf("zone: size of version: %w", ErrNotFound)
	}
	entries, err := os.ReadDir(filepath.Join(s.datasetDir(zone, dataset), version))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var size int64
	for _, e := range entries {
		info, infoErr := e.Info()
		if infoErr != nil {
			return 0, fmt.Errorf("zone: size of %s/%s/%s: %w", zone, dataset, version, infoErr)
		}
		size += info.Size()
	}
	if err != nil {
		return 0, fmt.Errorf("zone: size of %s/%s/%s: %w", zone, dataset, version, err)
	}
	return size, nil
}

// retire removes a version folder. It renames it away first: a version half
// removed must not look like one that was tampered with.
func (s *Store) retire(dir string) error {
	name, err := s.name()
	if err != nil {
		return err
	}
	gone := filepath.Join(s.tmp(), name)
	if err := s.disk.rename(dir, gone); err != nil {
		return err
	}
	return s.disk.remove(gone)
}

// name returns a fresh random name of 80 bits: versions never take a name that
// an audit entry or a registry row already uses.
func (s *Store) name() (string, error) {
	var b [10]byte
	if err := s.draw(b[:]); err != nil {
		return "", err
	}
	return "v" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])), nil
}

// draw fills b with random bytes.
func (s *Store) draw(b []byte) error {
	s.drawing.Lock()
	defer s.drawing.Unlock()
	if _, err := io.ReadFull(s.rand, b); err != nil {
		return fmt.Errorf("zone: draw random bytes: %w", err)
	}
	return nil
}
