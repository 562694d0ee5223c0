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

// A Following numbers the rows of one version for one measure after the other: what is
// compared for each of them is read once. It is not safe for concurrent use.
type Following struct {
	store *Store
	ref   Ref
	m     *manifest
	seeds map[string]maphash.Seed // by column
	kept  []keptHashes
}

// keptHashes is the hashes over columns of some rows of a version.
type keptHashes struct {
	version string
	columns []string
	rows    []uint32
	hash    []uint64
}

// maxKept is how many lists of hashes a Following keeps: of the rows and of the entities
// of its version and of the one that most are compared with, the newest of before.
const maxKept = 4

// Following returns the numbering of a version. What is equal is told by 64-bit hashes
// under keys that are drawn for it and forgotten with it.
func (s *Store) Following(ref Ref) *Following {
	return &Following{store: s, ref: ref, seeds: map[string]maphash.Seed{}}
}

// Version returns the version whose rows are numbered.
func (g *Following) Version() string { return g.ref.Version }

// Number numbers the rows for a measure, in a chain of versions that were numbered
// before, the newest first. The first of a chain has the numbers of its rows.
//
// A row keeps its number if a row of before is equal to it in every column that both
// versions have, one for one; then if one of the same entity has the same value of the
// measure, in the order of the rows. Any other is new. measure are the columns that a
// figure is computed from, none of what has one value in every row, as a count has.
// Entities are the same where their keys are.
//
// Of each version those rows alone are read that may still get or give a number.
// Errors are those of Project.
func (g *Following) Number(ctx context.Context, measure []string, earlier []Numbered) (*Lineage, error) {
	if g.m == nil {
		m, err := g.store.manifest(g.ref.Zone, g.ref.Dataset, g.ref.Version, g.ref.Manifest)
		if err != nil {
			return nil, err
		}
		g.m = m
	}
	f := &follower{Following: g, measure: measure}
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

// follower gives the rows of a version their numbers for one measure.
type follower struct {
	*Following
	measure []string

	codes    []uint32 // by row: the version's own code of its entity; nil if there is none
	entities []uint32 // by code: its number, unnumbered at first
	rows     []uint32 // by row: its number, unnumbered at first

	nextRow, nextEntity      uint32
	takenRows, takenEntities []bool // by number of before: it was given
}

const unnumbered = math.MaxUint32

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
	now := firstRows(f.codes, func(code uint32) bool { return f.entities[code] == unnumbered })
	was := firstRows(lineage.Entities, func(number uint32) bool { return !f.takenEntities[number] })
	return f.match(ctx, m, []string{m.Entity}, now, was, func(code, number uint32) {
		f.entities[code], f.takenEntities[number] = number, true
	})
}

// firstRows returns the first row of each entity that is wanted, by whose rows are.
func firstRows(whose []uint32, wanted func(uint32) bool) (out candidates) {
	var seen []bool
	for row, id := range whose {
		if id == NoEntity {
			continue
		}
		if int(id) >= len(seen) {
			seen = slices.Grow(seen, int(id)+1-len(seen))[:int(id)+1]
		}
		if !seen[id] {
			seen[id] = true
			if wanted(id) {
				out.add(row, id)
			} else {
				out.some = true
			}
		}
	}
	return out
}

// followRows gives rows that have no number yet those of rows of before that are equal
// in the columns, and of the same entity if byEntity says so.
func (f *follower) followRows(ctx context.Context, m *manifest, lineage *Lineage, columns []string, byEntity bool) error {
	var now, was candidates
	for row, number := range f.rows {
		var who uint32
		ok := number == unnumbered
		if byEntity && ok {
			if ok = f.codes[row] != NoEntity; ok {
				who = f.entities[f.codes[row]]
				ok = who != unnumbered
			}
		}
		if now.some = now.some || !ok; ok {
			now.add(row, uint32(row))
			if byEntity {
				now.who = append(now.who, who)
			}
		}
	}
	for row, number := range lineage.Rows {
		var who uint32
		if byEntity {
			who = lineage.Entities[row]
		}
		ok := !f.takenRows[number] && who != NoEntity
		if was.some = was.some || !ok; ok {
			was.add(row, number)
			if byEntity {
				was.who = append(was.who, who)
			}
		}
	}
	return f.match(ctx, m, columns, now, was, func(row, number uint32) { f.rows[row], f.takenRows[number] = number, true })
}

// candidates are rows, ascending, or entities, each by a row of theirs.
type candidates struct {
	rows, ids []uint32 // ids are their numbers
	who       []uint32 // whom they have to be of; nil if that is all the same
	some      bool     // there are others
}

func (c *candidates) add(row int, id uint32) {
	c.rows, c.ids = append(c.rows, uint32(row)), append(c.ids, id)
}

// match calls pair with candidates of the version and of m that are equal in columns and
// are of the same, one for one.
func (f *follower) match(ctx context.Context, m *manifest, columns []string, now, was candidates, pair func(now, was uint32)) error {
	if len(now.rows) == 0 || len(was.rows) == 0 {
		return nil
	}
	a, err := f.hash(ctx, f.m, columns, now)
	if err != nil {
		return err
	}
	b, err := f.hash(ctx, m, columns, was)
	if err != nil {
		return err
	}
	join(now.keyed(a), was.keyed(b), pair)
	return nil
}

// hash returns the hashes over columns of the candidates. Those of all that a version has
// are kept.
func (g *Following) hash(ctx context.Context, m *manifest, columns []string, c candidates) ([]uint64, error) {
	for _, k := range g.kept {
		if k.version == m.version && slices.Equal(k.columns, columns) && slices.Equal(k.rows, c.rows) {
			return k.hash, nil
		}
	}
	out := make([]uint64, len(c.rows))
	for _, name := range columns {
		if err := g.hashColumn(ctx, m, name, c.rows, out); err != nil {
			return nil, err
		}
	}
	if !c.some && len(g.kept) < maxKept {
		g.kept = append(g.kept, keptHashes{m.version, columns, c.rows, out})
	}
	return out, nil
}

// hashColumn mixes the values of a column into the hashes of rows.
func (g *Following) hashColumn(ctx context.Context, m *manifest, name string, rows []uint32, hashes []uint64) error {
	seed, ok := g.seeds[name]
	if !ok {
		seed = maphash.MakeSeed()
		g.seeds[name] = seed
	}
	end := uint32(0) // of the segment
	wanted := func(segment int) bool {
		end += uint32(m.Segments[segment])
		return len(rows) > 0 && rows[0] < end
	}
	err := g.store.eachStored(ctx, m, name, wanted, func(arr arrow.Array) {
		first := end - uint32(arr.Len())
		value := valueHash(seed, arr)
		n := 0
		for ; n < len(rows) && rows[n] < end; n++ {
			hashes[n] = mix(hashes[n], value(int(rows[n]-first)))
		}
		rows, hashes = rows[n:], hashes[n:]
	})
	if err == nil && len(rows) > 0 {
		err = m.corrupt(m.file)
	}
	return err
}

// valueHash returns the function that gives the hash of value i of arr: that of another
// value of its column is the same if its canonical bytes are.
func valueHash(seed maphash.Seed, arr arrow.Array) func(i int) uint64 {
	null := ^maphash.String(seed, "") // an empty text is not null
	values := func(value func(i int) uint64) func(i int) uint64 {
		if arr.NullN() == 0 {
			return value
		}
		return func(i int) uint64 {
			if arr.IsNull(i) {
				return null
			}
			return value(i)
		}
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		entry := valueHash(seed, a.Dictionary())
		hashes := make([]uint64, a.Dictionary().Len())
		for i := range hashes {
			hashes[i] = entry(i)
		}
		return values(func(i int) uint64 { return hashes[a.GetValueIndex(i)] })
	case *array.String:
		return values(func(i int) uint64 { return maphash.String(seed, a.Value(i)) })
	case *array.Int64:
		return values(func(i int) uint64 { return maphash.Comparable(seed, a.Value(i)) })
	case *array.Date32:
		return values(func(i int) uint64 { return maphash.Comparable(seed, int64(a.Value(i))) })
	case *array.Timestamp:
		return values(func(i int) uint64 { return maphash.Comparable(seed, int64(a.Value(i))) })
	case *array.Decimal128:
		return values(func(i int) uint64 { return maphash.Comparable(seed, a.Value(i)) })
	}
	canonical := masking.Canonical(arr)
	var scratch [64]byte
	return values(func(i int) uint64 { return maphash.Bytes(seed, canonical(scratch[:0], i)) })
}

// mix folds b into a; both are hashes under a key, or numbers of before.
func mix(a, b uint64) uint64 {
	a = (a ^ b) * 0x9e3779b97f4a7c15
	return a ^ a>>32
}

// keyed is a row or an entity by its number, with the hash of what it is compared by.
type keyed struct {
	hash uint64
	id   uint32
}

// joinBits is how many bits of the hash say in which part of a join a row comes: what is
// put in order at a time then stays small.
const joinBits = 4

// keyed returns the candidates of one part of a join, and their hashes, in the order of
// their hashes and their numbers.
func (c candidates) keyed(hashes []uint64) func(part uint64) []keyed {
	var list, spare []keyed
	return func(part uint64) []keyed {
		list = list[:0]
		for i, h := range hashes {
			if c.who != nil {
				h = mix(h, uint64(c.who[i]))
			}
			if h>>(64-joinBits) == part {
				list = append(list, keyed{h, c.ids[i]})
			}
		}
		list, spare = inOrder(list, spare)
		return list
	}
}

// inOrder returns list in the order of hashes and of numbers, and memory to use again: it
// goes through it once for each 11 bits, the lowest first, and keeps the order of before.
func inOrder(list, spare []keyed) ([]keyed, []keyed) {
	const width = 11
	byID := func(x, y keyed) int { return cmp.Compare(x.id, y.id) }
	spare = slices.Grow(spare[:0], len(list))[:len(list)]
	pass := func(digit func(keyed) uint64) {
		var start [1<<width + 1]uint32
		for _, k := range list {
			start[digit(k)+1]++
		}
		for d := range 1 << width {
			start[d+1] += start[d]
		}
		for _, k := range list {
			d := digit(k)
			spare[start[d]] = k
			start[d]++
		}
		list, spare = spare, list
	}
	if !slices.IsSortedFunc(list, byID) {
		for shift := 0; shift < 32; shift += width {
			pass(func(k keyed) uint64 { return uint64(k.id) >> shift & (1<<width - 1) })
		}
	}
	for shift := 0; shift < 64; shift += width {
		pass(func(k keyed) uint64 { return k.hash >> shift & (1<<width - 1) })
	}
	return list, spare
}

// join calls f with each pair that has one hash, one for one, in the order of their
// numbers.
func join(a, b func(part uint64) []keyed, f func(a, b uint32)) {
	for part := range uint64(1 << joinBits) {
		a, b := a(part), b(part)
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
