package zone

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
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
// row's number, NoEntity where it names none and in all segments but those that are
// asked for. Codes count from 0 and mean nothing outside the version. manifest is the
// digest the registry holds.
func (s *Store) Entities(ctx context.Context, zone, dataset, version, manifest string, segments []int) ([]uint32, error) {
	v, err := s.view(Projection{Zone: zone, Dataset: dataset, Version: version, Manifest: manifest, Entity: true})
	if err != nil {
		return nil, err
	}
	at := v.column(EntityColumn)
	if v.Columns[at].Shredded {
		return nil, v.shreddedError(at)
	}
	rows := 0
	for _, n := range v.Segments {
		rows += n
	}
	codes := make([]uint32, rows)
	first := 0
	for segment, n := range v.Segments {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("zone: entities of %s/%s: %w", zone, dataset, err)
		}
		part := codes[first : first+n]
		first += n
		if !slices.Contains(segments, segment) {
			for i := range part {
				part[i] = NoEntity
			}
			continue
		}
		id := sha256.Sum256(binding("entities", zone, dataset, version, strconv.Itoa(segment)))
		known, ok := s.codes.get(id)
		if !ok {
			arr, err := v.decode(at, segment)
			if err != nil {
				return nil, err
			}
			known = codesOf(arr.(*array.Uint32))
			arr.Release()
			s.codes.put(id, zone, known, 4*int64(len(known))+256)
		}
		copy(part, known)
	}
	return codes, nil
}

func codesOf(column *array.Uint32) []uint32 {
	codes := slices.Clone(column.Uint32Values())
	for i := range codes {
		if column.IsNull(i) {
			codes[i] = NoEntity
		}
	}
	return codes
}
