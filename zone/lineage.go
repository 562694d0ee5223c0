package zone

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/masking"
)

// NoEntity is the entity of a row that has none.
const NoEntity = math.MaxUint32

// A Lineage numbers the rows of a version for one measure, so that what was said of
// rows of one version can be compared with what is said of another's. Rows of two
// versions that have one number are of one entity and have one value of the measure.
// Numbers say nothing of values; they mean something within a chain of lineages alone.
type Lineage struct {
	Rows     []uint32 // by row of the version
	Entities []uint32 // by row of the version: whose it is; NoEntity, or the row's own number where the dataset has none
}

// A Numbered is a version with its lineage. One whose rows cannot be read any more has
// no Manifest: its numbers are not given again, and nothing is compared with it.
type Numbered struct {
	Ref
	Lineage *Lineage
}

// Follow numbers the rows of a version for a measure, in a chain of those that were
// numbered before, the newest first. The first of a chain has the numbers of its rows.
//
// A row keeps its number if a row of before is equal to it in every column that both
// versions have, one for one; then if one of the same entity has the same value of the
// measure, in the order of the rows. Any other is new. measure are the columns that a
// figure is computed from, none of what has one value in every row, as a count has.
// Entities are the same where their keys are.
//
// What is equal is told by 64-bit hashes under keys that are drawn for the call and
// forgotten. Errors are those of Project.
func (s *Store) Follow(ctx context.Context, ref Ref, measure []string, earlier []Numbered) (*Lineage, error) {
	m, err := s.manifest(ref.Zone, ref.Dataset, ref.Version, ref.Manifest)
	if err != nil {
		return nil, err
	}
	f := &follower{store: s, m: m, measure: measure, seeds: map[string]maphash.Seed{}}
	if err := f.begin(ctx, earlier); err != nil {
		return nil, err
	}
	for _, before := range earlier {
		if before.Manifest == "" {
			continue
		}
		if err := f.follow(ctx, before); err != nil {
			return nil, err
		}
	}
	return f.end()
}

// follower gives the rows of a version their numbers.
type follower struct {
	store   *Store
	m       *manifest
	measure []string
	seeds   map[string]maphash.Seed // by column

	codes    []uint32 // by row: the version's own code of its entity; nil if there is none
	entities []uint32 // by code: its number, unnumbered at first
	rows     []uint32 // by row: its number, unnumbered at first

	nextRow, nextEntity      uint32
	takenRows, takenEntities []bool // by number of before: it was given
}

const unnumbered = math.MaxUint32

// keyed is a row or an entity by its number, with the hash of what it is compared by.
type keyed struct {
	hash uint64
	id   uint32
}

func (f *follower) begin(ctx context.Context, earlier []Numbered) error {
	total := 0
	for _, n := range f.m.Segments {
		total += n
	}
	f.rows = filled(total)
	for _, e := range earlier {
		for i, row := range e.Lineage.Rows {
			f.nextRow = max(f.nextRow, row+1)
			if who := e.Lineage.Entities[i]; who != NoEntity {
				f.nextEntity = max(f.nextEntity, who+1)
			}
		}
	}
	f.takenRows, f.takenEntities = make([]bool, f.nextRow), make([]bool, f.nextEntity)
	if f.m.column(EntityColumn) < 0 {
		return nil
	}
	f.codes = make([]uint32, 0, total)
	count := uint32(0)
	err := f.store.eachChunk(ctx, f.m, EntityColumn, func(arr arrow.Array) {
		codes := arr.(*array.Uint32)
		for i := range codes.Len() {
			if codes.IsNull(i) {
				f.codes = append(f.codes, NoEntity)
				continue
			}
			f.codes = append(f.codes, codes.Value(i))
			count = max(count, codes.Value(i)+1)
		}
	})
	f.entities = filled(int(count))
	return err
}

func filled(n int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = unnumbered
	}
	return out
}

// follow gives the numbers of one version of before to what is the same.
func (f *follower) follow(ctx context.Context, before Numbered) error {
	m, err := f.store.manifest(before.Zone, before.Dataset, before.Version, before.Manifest)
	if err != nil {
		return err
	}
	shared := f.shared(m)
	if m.Entity != f.m.Entity || m.Entity != "" && !slices.Contains(shared, m.Entity) {
		return nil // whose rows are whose is not known
	}
	if f.codes != nil {
		if err := f.followEntities(ctx, m, before.Lineage); err != nil {
			return err
		}
	}
	for _, name := range f.measure {
		if !slices.Contains(shared, name) {
			return nil // no value of it was there
		}
	}
	if err := f.followRows(ctx, m, before.Lineage, shared, false); err != nil || f.codes == nil {
		return err
	}
	return f.followRows(ctx, m, before.Lineage, f.measure, true)
}

// shared returns the columns that both versions have and that can be read.
func (f *follower) shared(m *manifest) (out []string) {
	for _, c := range f.m.Columns {
		i := m.column(c.Name)
		if c.Name != EntityColumn && !c.Shredded && i >= 0 && !m.Columns[i].Shredded && m.Columns[i].Type == c.Type {
			out = append(out, c.Name)
		}
	}
	return out
}

// followEntities gives entities the numbers of those of before that have their keys.
func (f *follower) followEntities(ctx context.Context, m *manifest, lineage *Lineage) error {
	now, err := f.entityKeys(ctx, f.m, f.codes)
	if err != nil {
		return err
	}
	was, err := f.entityKeys(ctx, m, lineage.Entities)
	if err != nil {
		return err
	}
	join(now, was, func(code, number uint32) {
		if f.entities[code] == unnumbered && !f.takenEntities[number] {
			f.entities[code], f.takenEntities[number] = number, true
		}
	})
	return nil
}

// entityKeys returns the hash of the key of every entity; ids are whose rows are.
func (f *follower) entityKeys(ctx context.Context, m *manifest, ids []uint32) (out []keyed, err error) {
	hashes := make([]uint64, len(ids))
	if err := f.hash(ctx, m, m.Entity, hashes); err != nil {
		return nil, err
	}
	var seen []bool
	for row, id := range ids {
		if id == NoEntity {
			continue
		}
		if int(id) >= len(seen) {
			seen = slices.Grow(seen, int(id)+1-len(seen))[:int(id)+1]
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, keyed{hashes[row], id})
		}
	}
	return out, nil
}

// followRows gives rows that have no number yet those of rows of before that are equal
// in the columns, and of the same entity if byEntity says so.
func (f *follower) followRows(ctx context.Context, m *manifest, lineage *Lineage, columns []string, byEntity bool) error {
	now, err := f.rowKeys(ctx, f.m, columns, len(f.rows), func(row int) (id, who uint32, ok bool) {
		if !byEntity {
			return uint32(row), 0, f.rows[row] == unnumbered
		}
		if code := f.codes[row]; code != NoEntity {
			who = f.entities[code]
			return uint32(row), who, f.rows[row] == unnumbered
		}
		return 0, 0, false
	})
	if err != nil || len(now) == 0 {
		return err
	}
	was, err := f.rowKeys(ctx, m, columns, len(lineage.Rows), func(row int) (id, who uint32, ok bool) {
		if byEntity {
			who = lineage.Entities[row]
		}
		return lineage.Rows[row], who, !f.takenRows[lineage.Rows[row]] && who != NoEntity
	})
	if err != nil {
		return err
	}
	join(now, was, func(row, number uint32) { f.rows[row], f.takenRows[number] = number, true })
	return nil
}

// rowKeys returns the hashes over columns of the rows that which names, and over whom
// it says beside.
func (f *follower) rowKeys(ctx context.Context, m *manifest, columns []string, rows int, which func(row int) (id, who uint32, ok bool)) ([]keyed, error) {
	hashes := make([]uint64, rows)
	for _, name := range columns {
		if err := f.hash(ctx, m, name, hashes); err != nil {
			return nil, err
		}
	}
	out := make([]keyed, 0, rows)
	for row, h := range hashes {
		if id, who, ok := which(row); ok {
			out = append(out, keyed{mix(h, uint64(who)), id})
		}
	}
	return out, nil
}

// hash mixes the values of a column into the hashes of the rows.
func (f *follower) hash(ctx context.Context, m *manifest, name string, hashes []uint64) error {
	seed, ok := f.seeds[name]
	if !ok {
		seed = maphash.MakeSeed()
		f.seeds[name] = seed
	}
	at := 0
	null := maphash.Comparable(seed, struct{}{})
	var scratch [64]byte
	err := f.store.eachChunk(ctx, m, name, func(arr arrow.Array) {
		canonical := masking.Canonical(arr)
		for i := range arr.Len() {
			h := null
			if !arr.IsNull(i) {
				h = maphash.Bytes(seed, canonical(scratch[:0], i))
			}
			hashes[at] = mix(hashes[at], h)
			at++
		}
	})
	if err == nil && at != len(hashes) {
		err = m.corrupt(m.file)
	}
	return err
}

// mix folds b into a; both are hashes under a key, or numbers of before.
func mix(a, b uint64) uint64 {
	a = (a ^ b) * 0x9e3779b97f4a7c15
	return a ^ a>>32
}

// join calls f with each pair that has one hash, one for one, in the order of their
// numbers.
func join(a, b []keyed, f func(a, b uint32)) {
	for _, list := range [][]keyed{a, b} {
		slices.SortFunc(list, func(x, y keyed) int { return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.id, y.id)) })
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].hash < b[0].hash:
			a = a[1:]
		case a[0].hash > b[0].hash:
			b = b[1:]
		default:
			f(a[0].id, b[0].id)
			a, b = a[1:], b[1:]
		}
	}
}

// end numbers what is new.
func (f *follower) end() (*Lineage, error) {
	out := &Lineage{Rows: f.rows, Entities: make([]uint32, len(f.rows))}
	for row, number := range f.rows {
		if number == unnumbered {
			if f.nextRow == unnumbered {
				return nil, fmt.Errorf("zone: number rows of %s/%s: more than %d: %w", f.m.zone, f.m.dataset, uint32(math.MaxUint32), ErrBatch)
			}
			f.rows[row] = f.nextRow
			f.nextRow++
		}
		if f.codes == nil {
			out.Entities[row] = f.rows[row]
			continue
		}
		code := f.codes[row]
		if code == NoEntity {
			out.Entities[row] = NoEntity
			continue
		}
		if f.entities[code] == unnumbered {
			if f.nextEntity == NoEntity {
				return nil, fmt.Errorf("zone: number entities of %s/%s: more than %d: %w", f.m.zone, f.m.dataset, uint32(math.MaxUint32), ErrBatch)
			}
			f.entities[code] = f.nextEntity
			f.nextEntity++
		}
		out.Entities[row] = f.entities[code]
	}
	return out, nil
}

// MarshalBinary returns l in a few bytes a row: how many there are, then of rows and of
// entities how far each is from the one after the one before it.
func (l *Lineage) MarshalBinary() ([]byte, error) {
	out := binary.AppendUvarint(nil, uint64(len(l.Rows)))
	for _, list := range [][]uint32{l.Rows, l.Entities} {
		next := int64(0)
		for _, n := range list {
			out = binary.AppendVarint(out, int64(n)-next)
			next = int64(n) + 1
		}
	}
	return out, nil
}

// UnmarshalBinary is the reverse of MarshalBinary.
func (l *Lineage) UnmarshalBinary(data []byte) error {
	broken := fmt.Errorf("zone: read lineage: %w", ErrBatch)
	n, used := binary.Uvarint(data)
	if used <= 0 || n > uint64(len(data)) {
		return broken
	}
	data = data[used:]
	var lists [2][]uint32
	for i := range lists {
		lists[i] = make([]uint32, n)
		next := int64(0)
		for j := range lists[i] {
			d, used := binary.Varint(data)
			if used <= 0 || next+d < 0 || next+d > math.MaxUint32 {
				return broken
			}
			data = data[used:]
			lists[i][j] = uint32(next + d)
			next += d + 1
		}
	}
	if len(data) > 0 {
		return broken
	}
	l.Rows, l.Entities = lists[0], lists[1]
	return nil
}
