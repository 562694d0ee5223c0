package zone

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/internal/raw"
	"zonebox/masking"
)

// A Projection says what of a version a statement may see: columns, the form
// of each, and rows.
type Projection struct {
	Zone, Dataset, Version string
	Manifest               string // digest that Commit returned and the registry holds; required
	Columns                []Project
	Entity                 bool        // add EntityColumn, uint32, behind the columns
	Rows                   bool        // add RowColumn, uint32, as the last column
	Scope                  []Condition // rows must meet all
	// Consented leaves out the rows of every person who is not in it, before any
	// mask. Nil leaves out none; an empty set leaves out all.
	Consented *Consented
	// Only leaves out every row but these, by their numbers in the version,
	// ascending. Nil leaves out none.
	Only []int64
	// Keys are those of the zone; their scope is the license and the kind of the
	// entities, which all draws of shift and noise are of.
	Keys masking.Keys
	// Bridges are the keys of other zones, by their names: of tokens whose recipe
	// names that domain.
	Bridges map[string]masking.Keys

	// Needs lets Project leave segments out: each list says what one reference
	// of the statement needs of a row. A segment is left out if no row of it
	// could meet all needs of any list. No list: every segment is given.
	Needs [][]Need
}

// A Project is one column of the output.
type Project struct {
	Name   string
	Recipe *masking.Recipe // nil: the values as they are
}

// A Condition holds for rows whose value of Column is one of In, written as
// the catalogue writes constants: dates as 2006-01-02, bools as true and false.
// A null meets no condition, and an empty In is met by no row.
type Condition struct {
	Column string
	In     []string
}

// A Piece is what a projection gives of one segment: at least one row.
type Piece struct {
	Segment int // its number in the version
	Rows    int
	Columns []Column // in the order of the projection; then EntityColumn and RowColumn, if asked for
}

// A Column is one column of a piece, made when Array is called. It is safe for
// concurrent use, also beside the other columns of the piece.
type Column struct {
	Name string
	// ID names the delivered values: SHA-256 over the digest of the encrypted
	// chunk, of the rows in scope, and of the form they take, with the key, the
	// scope and the version of its kernel, and over the digest of the chunk of
	// entity keys where those decide. Columns of equal ID are equal to the byte.
	ID [sha256.Size]byte

	view    *view
	at      int // in view.plan
	segment int
	rows    *selection
	numbers *numbers // instead of all these, if it is RowColumn
}

// Project returns the pieces of a projection in order of the segments; a
// segment without rows in scope gives none. It reads the manifest and, unless
// an earlier projection has, the columns that the scope looks at, and nothing
// else: see Column.Array.
//
// Every byte is checked before it is used: the sequence ends with an
// *IntegrityError at the first file that is not what was committed. Other errors
// wrap ErrNotFound, ErrProjection, ErrEntity (of shift and noise, where the
// version names no entity), ErrKey, masking.ErrRecipe, masking.ErrKey (of shuffle
// always: a column has no scope to deal its values out in), or are those of ctx.
// After an error the sequence ends.
func (s *Store) Project(ctx context.Context, p Projection) iter.Seq2[*Piece, error] {
	return func(yield func(*Piece, error) bool) {
		v, err := s.view(p)
		if err != nil {
			yield(nil, err)
			return
		}
		for segment := range v.Segments {
			if err := ctx.Err(); err != nil {
				yield(nil, fmt.Errorf("zone: project %s/%s: %w", p.Zone, p.Dataset, err))
				return
			}
			rows, err := v.selected(segment)
			if err != nil {
				yield(nil, err)
				return
			}
			if rows.count == 0 || v.unneeded(segment, rows) {
				continue
			}
			piece := v.piece(segment, rows)
			if p.Rows {
				piece.Columns = append(piece.Columns, v.numbered(segment, rows))
			}
			if !yield(piece, nil) {
				return
			}
		}
	}
}

// Count returns how many rows of a projection are in scope; its columns and
// needs do not matter. It leaves no trace of the conditions behind.
func (s *Store) Count(ctx context.Context, p Projection) (int64, error) {
	p.Columns, p.Entity, p.Rows = nil, false, false
	v, err := s.view(p)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	for segment := range v.Segments {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("zone: count %s/%s: %w", p.Zone, p.Dataset, err)
		}
		rows, err := v.resolve(segment)
		if err != nil {
			return 0, err
		}
		n += int64(rows.count)
	}
	return n, nil
}

// Array returns the column in the form it is delivered in: strings as
// masking.Compact makes them, the rest as plain Arrow types. The caller
// releases it.
//
// It reads, checks and decrypts one chunk, of a mask per entity that of the
// entity keys as well: *IntegrityError if a chunk is not what was committed,
// ErrKey if the zone's key no longer opens it.
func (c Column) Array() (arrow.Array, error) {
	arr, _, err := c.Counted()
	return arr, err
}

// Counted is Array, and how many of the values are outside the shape that the
// recipe is made for.
func (c Column) Counted() (arrow.Array, int64, error) {
	if c.numbers != nil {
		arr, err := c.numbers.array()
		return arr, 0, err
	}
	v := c.view
	column := v.plan[c.at].Column
	column.Stored = c.rows.bits == nil
	batch, err := c.raw(v.plan[c.at].chunk)
	if err != nil {
		return nil, 0, err
	}
	defer batch.Release()
	rec, misfits, err := c.mask(column, batch)
	if err != nil {
		return nil, 0, err
	}
	v.store.misfits.Add(misfits)
	defer rec.Release()
	out := rec.Column(0)
	out.Retain()
	c.bound(out)
	return out, misfits, nil
}

// mask applies the plan of one column to its rows.
func (c Column) mask(column masking.Column, batch raw.Batch) (arrow.RecordBatch, int64, error) {
	v := c.view
	if !v.perEntity(c.at) {
		return masking.Plan{column}.Apply(v.store.alloc, batch)
	}
	entities, err := c.raw(v.entity)
	if err != nil {
		return nil, 0, err
	}
	defer entities.Release()
	return masking.Plan{column}.ApplyBy(v.store.alloc, batch, entities)
}

// raw returns the rows in scope of a column of the manifest.
func (c Column) raw(chunk int) (raw.Batch, error) {
	arr, err := c.values(chunk)
	if err != nil {
		return raw.Batch{}, err
	}
	defer arr.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: c.view.Columns[chunk].Name, Type: arr.DataType(), Nullable: true}}, nil)
	return raw.Seal(array.NewRecordBatch(schema, []arrow.Array{arr}, int64(arr.Len()))), nil
}

// values is raw for what stays in this package. The caller releases it.
func (c Column) values(chunk int) (arrow.Array, error) {
	v := c.view
	arr, err := v.decode(chunk, c.segment)
	if err != nil || c.rows.bits == nil {
		return arr, err
	}
	defer arr.Release()
	return take(v.store.alloc, arr, c.rows.list())
}

// A view is a projection bound to a version: columns found, kernels compiled.
type view struct {
	*manifest
	store  *Store
	keys   []func() (dataKey, error) // by column of the manifest
	entity int                       // column of the manifest with the entity keys, below 0 if it names none
	plan   []planned
	scope  []filter
	only   []int64 // see Projection.Only

	consented *Consented // see Projection
	who       func() (*people, error)

	needs [][]need
}

// planned is a column of the output and the column of the manifest it is made of.
type planned struct {
	masking.Column
	chunk    int
	typ      string // catalogue type of the delivered values
	sortable bool   // its bounds tell something
}

func (s *Store) view(p Projection) (*view, error) {
	m, err := s.manifest(p.Zone, p.Dataset, p.Version, p.Manifest)
	if err != nil {
		return nil, err
	}
	v := &view{manifest: m, store: s, entity: m.column(m.Entity), only: p.Only, consented: p.Consented}
	if v.consented != nil {
		if err := v.consentable(); err != nil {
			return nil, err
		}
		v.who = sync.OnceValues(v.consenting)
	}
	for i, c := range m.Columns {
		v.keys = append(v.keys, sync.OnceValues(func() (dataKey, error) {
			if c.Shredded {
				return dataKey{}, m.shreddedError(i)
			}
			return s.unwrap(m.zone, m.suite, c.Key, m.keyBinding(c.Name))
		}))
	}
	for _, c := range p.Columns {
		if err := v.project(c, p.keysOf(c)); err != nil {
			return nil, err
		}
	}
	if p.Entity {
		entity := m.column(EntityColumn)
		if entity < 0 {
			return nil, fmt.Errorf("zone: project %s/%s: no entity: %w", p.Zone, p.Dataset, ErrProjection)
		}
		v.plan = append(v.plan, planned{Column: masking.Column{Name: EntityColumn}, chunk: entity})
	}
	for _, c := range p.Scope {
		f, err := v.filter(c)
		if err != nil {
			return nil, err
		}
		v.scope = append(v.scope, f)
	}
	for _, list := range p.Needs {
		v.needs = append(v.needs, v.bind(list))
	}
	return v, v.openDetails()
}

// openDetails opens what the manifest tells of the values of columns whose bounds
// are asked for: those of the scope, and those that leave as they are where
// segments may be left out.
func (v *view) openDetails() error {
	if v.first {
		return nil
	}
	asked := map[int]bool{}
	for _, f := range v.scope {
		asked[f.column] = true
	}
	for _, c := range v.plan {
		if len(v.needs) > 0 && c.Kernel == nil {
			asked[c.chunk] = true
		}
	}
	for i := range asked {
		key, err := v.keys[i]()
		if err != nil {
			return err
		}
		if _, err := v.detail(i, key); err != nil {
			return err
		}
	}
	return nil
}

// keysOf returns the keys of a column: the zone's, or those of the domain that its
// recipe names, none if the projection has not got them.
func (p Projection) keysOf(c Project) masking.Keys {
	keys, domain := p.Keys, p.Zone
	if c.Recipe != nil && c.Recipe.Domain != "" {
		domain = c.Recipe.Domain
		keys = p.Bridges[domain]
	}
	keys.Domain = domain
	return keys
}

func (v *view) project(c Project, keys masking.Keys) error {
	at := v.column(c.Name)
	if at < 0 || strings.HasPrefix(c.Name, EntityColumn[:2]) {
		return fmt.Errorf("zone: project column %q: no such column: %w", c.Name, ErrProjection)
	}
	if v.Columns[at].Shredded {
		return v.shreddedError(at)
	}
	for _, p := range v.plan {
		if p.chunk == at {
			return fmt.Errorf("zone: project column %q: named twice: %w", c.Name, ErrProjection)
		}
	}
	out := planned{Column: masking.Column{Name: c.Name}, chunk: at, typ: v.Columns[at].Type, sortable: true}
	if c.Recipe != nil {
		keys.Scope = v.drawn(c, keys.Scope)
		kernel, err := masking.Compile(out.typ, *c.Recipe, keys)
		if err == nil {
			out.typ, err = c.Recipe.OutputType(out.typ)
		}
		if err != nil {
			return fmt.Errorf("zone: project column %q: %w", c.Name, err)
		}
		if kernel.PerEntity() && v.entity >= 0 && v.Columns[v.entity].Shredded {
			return v.shreddedError(v.entity)
		}
		if kernel.PerEntity() && v.entity < 0 {
			return fmt.Errorf("zone: project column %q of %s/%s: %w", c.Name, v.zone, v.dataset, ErrEntity)
		}
		out.Kernel, out.sortable = &kernel, c.Recipe.Kind != "token"
	}
	v.plan = append(v.plan, out)
	return nil
}

// drawn returns the scope of the draws of a column under a license. Dates of a
// subject move alike wherever the license shows them, so that the time between
// them stays; a column has noise of its own. The recipe is part of it: of two
// spreads drawn alike, the difference of the masks would tell the value.
func (v *view) drawn(c Project, license string) string {
	if license == "" {
		return ""
	}
	switch c.Recipe.Kind {
	case "shift":
		return fmt.Sprintf("%s of %q", c.Recipe, license)
	case "noise":
		return fmt.Sprintf("%s of %q %q %q", c.Recipe, license, v.dataset, c.Name)
	}
	return ""
}

// perEntity reports whether masks of a column of the plan are by entity.
func (v *view) perEntity(at int) bool {
	return v.plan[at].Kernel != nil && v.plan[at].Kernel.PerEntity()
}

func (v *view) piece(segment int, rows *selection) *Piece {
	p := &Piece{Segment: segment, Rows: rows.count}
	for at, c := range v.plan {
		p.Columns = append(p.Columns, Column{Name: c.Name, ID: v.id(at, segment, rows), view: v, at: at, segment: segment, rows: rows})
	}
	return p
}

// id is Column.ID.
func (v *view) id(at, segment int, rows *selection) [sha256.Size]byte {
	c := v.plan[at]
	parts := []string{"column", string(v.Columns[c.chunk].Chunks[segment].Digest), string(rows.digest[:]), c.Identity()}
	if v.perEntity(at) {
		parts = append(parts, string(v.Columns[v.entity].Chunks[segment].Digest))
	}
	return sha256.Sum256(binding(parts...))
}

// decode returns a chunk decrypted. The caller releases it.
func (v *view) decode(column, segment int) (arrow.Array, error) {
	key, err := v.keys[column]()
	if err != nil {
		return nil, err
	}
	return v.manifest.decode(v.store.alloc, key, column, segment)
}
