package zone

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/quality"
)

// Feed gives a checker columns of the rows appended so far, as they lie in the
// temporary folder of the load: what a check needs more than once, or needs of
// rows that no delivery held. Append no more rows afterwards.
//
// The checker is the one concrete type that is ever given rows of a store in the
// clear. It lets out counts and row numbers.
func (l *Load) Feed(ctx context.Context, p *quality.Pass) error {
	if err := l.ready(); err != nil {
		return err
	}
	if l.pendingRows > 0 {
		if err := l.flush(); err != nil {
			l.broken = err
			return err
		}
	}
	m := l.manifest
	m.dir = l.dir
	return m.feed(ctx, l.store.alloc, p, func(column int) (dataKey, error) { return l.keys[column], nil })
}

// Feed gives a checker columns of a committed version. manifest is the digest
// the registry holds. Every byte is checked before it is used; the error is an
// *IntegrityError at the first file that is not what was committed, or wraps
// ErrNotFound, ErrProjection (a column that the version has not) or ErrKey.
func (s *Store) Feed(ctx context.Context, zone, dataset, version, manifest string, p *quality.Pass) error {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return err
	}
	return m.feed(ctx, s.alloc, p, func(column int) (dataKey, error) {
		return s.unwrap(zone, m.suite, m.Columns[column].Key, m.keyBinding(m.Columns[column].Name))
	})
}

func (m *manifest) feed(ctx context.Context, alloc memory.Allocator, p *quality.Pass, keyOf func(column int) (dataKey, error)) error {
	at, keys := make([]int, len(p.Columns)), make([]dataKey, len(p.Columns))
	for i, name := range p.Columns {
		at[i] = m.column(name)
		if at[i] < 0 || name == EntityColumn {
			return fmt.Errorf("zone: check column %q of %s/%s: no such column: %w", name, m.zone, m.dataset, ErrProjection)
		}
		var err error
		if keys[i], err = keyOf(at[i]); err != nil {
			return err
		}
	}
	for segment := range m.Segments {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("zone: check %s/%s: %w", m.zone, m.dataset, err)
		}
		if err := m.feedSegment(alloc, p, at, keys, segment); err != nil {
			return err
		}
	}
	return nil
}

func (m *manifest) feedSegment(alloc memory.Allocator, p *quality.Pass, at []int, keys []dataKey, segment int) error {
	columns := make([]arrow.Array, 0, len(at))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, c := range at {
		arr, err := m.decode(alloc, keys[i], c, segment)
		if err != nil {
			return err
		}
		columns = append(columns, plain(alloc, arr))
		arr.Release()
	}
	return p.Add(columns)
}
