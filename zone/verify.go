package zone

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// A Verification says what of a version is verified. The zero value is every
// digest.
type Verification struct {
	// Column is the one column whose chunks are read; "" is all of them, and the
	// names in the folder.
	Column string
	// Decrypt opens each chunk as well, and drops it: that takes the zone's key.
	Decrypt bool
}

// Verified is what was read and found as it was committed.
type Verified struct {
	Files int
	Bytes int64
}

// Verify reads every file of a version and returns an *IntegrityError naming
// the first that is not what was committed, a file that does not belong there
// included. manifest is the digest the registry holds; it must not be empty.
// It needs no zone key beyond what opens the manifest, and decrypts no rows.
func (s *Store) Verify(zone, dataset, version, manifest string) error {
	_, err := s.VerifyPart(context.Background(), zone, dataset, version, manifest, Verification{})
	return err
}

// VerifyPart is Verify of what v names, on every CPU. The first broken file is
// the first by column and segment.
func (s *Store) VerifyPart(ctx context.Context, zone, dataset, version, manifest string, v Verification) (Verified, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return Verified{}, err
	}
	var chunks [][2]int
	expected := map[string]bool{m.file: true}
	keys := make([]dataKey, len(m.Columns))
	for c, column := range m.Columns {
		for i := range column.Chunks {
			expected[chunkFile(c, i)] = true
		}
		if column.Shredded || v.Column != "" && v.Column != column.Name {
			continue
		}
		if v.Decrypt {
			if keys[c], err = s.unwrap(m.zone, m.suite, column.Key, m.keyBinding(column.Name)); err != nil {
				return Verified{}, err
			}
			if !m.first {
				if _, err := m.detail(c, keys[c]); err != nil {
					return Verified{}, err
				}
			}
		}
		for i := range column.Chunks {
			chunks = append(chunks, [2]int{c, i})
		}
	}
	if v.Column != "" && m.column(v.Column) < 0 {
		return Verified{}, fmt.Errorf("zone: verify column %q: %w", v.Column, ErrProjection)
	}
	done, err := s.verifyChunks(ctx, m, chunks, func(c int) *dataKey {
		if !v.Decrypt {
			return nil
		}
		return &keys[c]
	})
	if err != nil || v.Column != "" {
		return done, err
	}
	done.Files++ // the manifest
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return Verified{}, fmt.Errorf("zone: verify %s/%s/%s: %w", zone, dataset, version, err)
	}
	for _, e := range entries {
		if !expected[e.Name()] && !s.passing(m, e.Name()) {
			return Verified{}, m.corrupt(e.Name())
		}
	}
	return done, nil
}

// verifyChunks reads chunks, and opens those of columns that have a key.
func (s *Store) verifyChunks(ctx context.Context, m *manifest, chunks [][2]int, key func(column int) *dataKey) (Verified, error) {
	var next, size atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	broken, first := error(nil), int64(len(chunks))
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			var buf []byte
			for {
				at := next.Add(1) - 1
				mu.Lock()
				end := first
				mu.Unlock()
				if at >= end {
					return
				}
				c, i := chunks[at][0], chunks[at][1]
				err := ctx.Err()
				if err == nil {
					var file []byte
					if file, err = m.readTo(buf, c, i); err == nil {
						buf = file
						size.Add(int64(len(file)))
						if k := key(c); k != nil {
							err = m.opens(s, *k, c, i, slices.Clip(file)) // no more of buf is erased than was written
						}
					}
				}
				if err != nil {
					mu.Lock()
					if at < first {
						broken, first = err, at
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if broken != nil {
		return Verified{}, broken
	}
	return Verified{Files: len(chunks), Bytes: size.Load()}, nil
}

// opens reports whether a chunk that was read decrypts to what it must hold.
func (m *manifest) opens(s *Store, key dataKey, column, segment int, file []byte) error {
	arr, err := m.decodeFile(s.alloc, key, column, segment, file)
	if err != nil {
		return err
	}
	arr.Release() // and erased
	return nil
}
