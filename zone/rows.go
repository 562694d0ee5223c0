package zone

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// RowColumn is the name of the hidden column of row numbers. No column of a
// dataset may have it.
const RowColumn = "__row"

// numbers is the column of a piece that has the place of RowColumn: the rows'
// numbers in the version, counted from 0 over all its segments, whatever scope and
// consents leave out.
type numbers struct {
	alloc memory.Allocator
	first int // of the segment
	rows  *selection
}

func (v *view) numbered(segment int, rows *selection) Column {
	first := 0
	for _, n := range v.Segments[:segment] {
		first += n
	}
	id := sha256.Sum256(binding("row numbers", strconv.Itoa(first), strconv.Itoa(rows.count), string(rows.digest[:])))
	return Column{Name: RowColumn, ID: id, numbers: &numbers{v.store.alloc, first, rows}}
}

// array makes the column. A version has at most 2^32 rows here, or none.
func (n *numbers) array() (arrow.Array, error) {
	if n.first+8*len(n.rows.bits)+n.rows.count >= NoEntity {
		return nil, fmt.Errorf("zone: row numbers exceed uint32: %w", ErrProjection)
	}
	b := array.NewUint32Builder(n.alloc)
	defer b.Release()
	b.Reserve(n.rows.count)
	if n.rows.bits == nil {
		for i := range n.rows.count {
			b.UnsafeAppend(uint32(n.first + i))
		}
		return b.NewArray(), nil
	}
	for _, i := range n.rows.list() {
		b.UnsafeAppend(uint32(n.first) + uint32(i))
	}
	return b.NewArray(), nil
}

// Entities returns the dense code of the entity of each row of a version, by the
// row's number, NoEntity where it names none. Codes count from 0 and mean nothing
// outside the version. manifest is the digest the registry holds. The caller does
// not change what it is given.
func (s *Store) Entities(ctx context.Context, zone, dataset, version, manifest string) ([]uint32, error) {
	v, err := s.view(Projection{Zone: zone, Dataset: dataset, Version: version, Manifest: manifest, Entity: true})
	if err != nil {
		return nil, err
	}
	at := v.column(EntityColumn)
	if v.Columns[at].Shredded {
		return nil, v.shreddedError(at)
	}
	id := sha256.Sum256(binding("entities", zone, dataset, version))
	if codes, ok := s.codes.get(id); ok {
		return codes, nil
	}
	rows := 0
	for _, n := range v.Segments {
		rows += n
	}
	codes := make([]uint32, 0, rows)
	for segment := range v.Segments {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("zone: entities of %s/%s: %w", zone, dataset, err)
		}
		arr, err := v.decode(at, segment)
		if err != nil {
			return nil, err
		}
		column := arr.(*array.Uint32)
		codes = append(codes, column.Uint32Values()...)
		last := codes[len(codes)-column.Len():]
		for i := range last {
			if column.IsNull(i) {
				last[i] = NoEntity
			}
		}
		arr.Release()
	}
	s.codes.put(id, zone, codes, 4*int64(len(codes))+256)
	return codes, nil
}
