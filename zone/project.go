package zone

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"

	"zonebox/internal/raw"
	"zonebox/masking"
)

// A Projection says what of a version a statement may see: columns, the form
// of each, and rows.
type Projection struct {
	Zone, Dataset, Version string
	Manifest               string // digest that Commit returned and the registry holds; required
	Columns                []Project
	Entity                 bool        // add EntityColumn, uint32, as the last column
	Scope                  []Condition // rows must meet all
	Keys                   masking.Keys
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

// Project returns the batches of a projection, at most one per segment, in
// order of the segments; a segment without rows in scope gives none. Columns
// come in the order of the projection, all nullable, as plain Arrow types. The
// caller releases each batch.
//
// Every byte is checked before it is used: the sequence ends with an
// *IntegrityError at the first file that is not what was committed, and yields
// no row of that segment. Other errors wrap ErrNotFound, ErrProjection, ErrKey,
// masking.ErrRecipe, or are those of ctx. After an error the sequence ends.
//
// Raw rows of one segment at a time are in memory, decrypted by as many
// goroutines as there are processors, which end before a batch is yielded.
func (s *Store) Project(ctx context.Context, p Projection) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
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
			rec, err := v.segment(segment)
			if err != nil {
				yield(nil, err)
				return
			}
			if rec != nil && !yield(rec, nil) {
				return
			}
		}
	}
}

// A view is a projection bound to a version: columns found, keys unwrapped,
// kernels compiled.
type view struct {
	*manifest
	store *Store
	need  []int     // columns to decrypt, each once: those of plan in order, then those only scope reads
	keys  []dataKey // by need
	plan  masking.Plan
	scope []filter
}

func (s *Store) view(p Projection) (*view, error) {
	m, err := s.manifest(p.Zone, p.Dataset, p.Version, p.Manifest)
	if err != nil {
		return nil, err
	}
	v := &view{manifest: m, store: s}
	for _, c := range p.Columns {
		column, err := v.project(c, p.Keys)
		if err != nil {
			return nil, err
		}
		v.plan = append(v.plan, column)
	}
	if p.Entity {
		entity := m.column(EntityColumn)
		if entity < 0 {
			return nil, fmt.Errorf("zone: project %s/%s: no entity: %w", p.Zone, p.Dataset, ErrProjection)
		}
		v.need = append(v.need, entity)
		v.plan = append(v.plan, masking.Column{Name: EntityColumn})
	}
	for _, c := range p.Scope {
		f, err := v.filter(c)
		if err != nil {
			return nil, err
		}
		v.scope = append(v.scope, f)
	}
	for _, c := range v.need {
		key, err := s.unwrap(m.zone, m.Columns[c].Key, m.keyBinding(m.Columns[c].Name))
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, key)
	}
	return v, nil
}

func (v *view) project(c Project, keys masking.Keys) (masking.Column, error) {
	at := v.column(c.Name)
	if at < 0 || strings.HasPrefix(c.Name, EntityColumn[:2]) {
		return masking.Column{}, fmt.Errorf("zone: project column %q: no such column: %w", c.Name, ErrProjection)
	}
	for _, n := range v.need {
		if n == at {
			return masking.Column{}, fmt.Errorf("zone: project column %q: named twice: %w", c.Name, ErrProjection)
		}
	}
	v.need = append(v.need, at)
	if c.Recipe == nil {
		return masking.Column{Name: c.Name}, nil
	}
	kernel, err := masking.Compile(v.Columns[at].Type, *c.Recipe, keys)
	if err != nil {
		return masking.Column{}, fmt.Errorf("zone: project column %q: %w", c.Name, err)
	}
	return masking.Column{Name: c.Name, Kernel: &kernel}, nil
}

// segment returns the masked rows in scope of a segment, nil if there are none.
func (v *view) segment(segment int) (arrow.RecordBatch, error) {
	for _, f := range v.scope {
		if f.excludes(v.Columns[v.need[f.at]].Chunks[segment].Bounds) {
			return nil, nil
		}
	}
	columns := make([]arrow.Array, len(v.need))
	defer func() { release(columns) }()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range v.need {
		group.Go(func() (err error) {
			columns[i], err = v.decode(v.store.alloc, v.keys[i], c, segment)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	rows := v.Segments[segment]
	if len(v.scope) > 0 {
		in := inScope(v.scope, columns, rows)
		if len(in) == 0 {
			return nil, nil
		}
		if len(in) < rows {
			if err := v.take(columns, in); err != nil {
				return nil, err
			}
			rows = len(in)
		}
	}
	batch := v.batch(columns[:len(v.plan)], rows)
	defer batch.Release()
	return v.plan.Apply(v.store.alloc, batch)
}

// take replaces the columns of the plan by their rows in scope.
func (v *view) take(columns []arrow.Array, rows []int32) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range v.plan {
		group.Go(func() error {
			taken, err := take(v.store.alloc, columns[i], rows)
			if err != nil {
				return err
			}
			columns[i].Release()
			columns[i] = taken
			return nil
		})
	}
	return group.Wait()
}

func (v *view) batch(columns []arrow.Array, rows int) raw.Batch {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: v.plan[i].Name, Type: c.DataType(), Nullable: true}
	}
	return raw.Seal(array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(rows)))
}

func release(columns []arrow.Array) {
	for _, c := range columns {
		if c != nil {
			c.Release()
		}
	}
}

// A filter is a condition bound to a view.
type filter struct {
	at   int             // index in view.need
	in   map[string]bool // canonical bytes
	keys [][]byte        // sort keys; nil if the type has no order
}

func (v *view) filter(c Condition) (filter, error) {
	column := v.column(c.Column)
	if column < 0 || strings.HasPrefix(c.Column, EntityColumn[:2]) {
		return filter{}, fmt.Errorf("zone: scope column %q: no such column: %w", c.Column, ErrProjection)
	}
	f := filter{at: -1, in: map[string]bool{}}
	for i, n := range v.need {
		if n == column {
			f.at = i
		}
	}
	if f.at < 0 {
		f.at = len(v.need)
		v.need = append(v.need, column)
	}
	values, err := constants(v.store.alloc, v.Columns[column].Type, c.In)
	if err != nil {
		return filter{}, fmt.Errorf("zone: scope column %q: %w", c.Column, err)
	}
	defer values.Release()
	canonical, key := masking.Canonical(values), sortKey(values)
	for i := range values.Len() {
		f.in[string(canonical(nil, i))] = true
		if key != nil {
			f.keys = append(f.keys, bytes.Clone(key(nil, i)))
		}
	}
	return f, nil
}

// excludes reports whether no value within b can meet the filter.
func (f filter) excludes(b *bounds) bool {
	if b == nil || f.keys == nil {
		return false
	}
	for _, k := range f.keys {
		if bytes.Compare(k, b.Min) >= 0 && bytes.Compare(k, b.Max) <= 0 {
			return false
		}
	}
	return true
}

// test returns the function that reports whether value i of arr meets f.
func (f filter) test(arr arrow.Array) func(i int) bool {
	if dict, ok := arr.(*array.Dictionary); ok {
		values := f.test(dict.Dictionary())
		met := make([]bool, dict.Dictionary().Len())
		for i := range met {
			met[i] = values(i)
		}
		return func(i int) bool { return !dict.IsNull(i) && met[dict.GetValueIndex(i)] }
	}
	canonical := masking.Canonical(arr)
	var scratch [64]byte
	return func(i int) bool { return !arr.IsNull(i) && f.in[string(canonical(scratch[:0], i))] }
}

// inScope returns the rows that meet all filters.
func inScope(filters []filter, columns []arrow.Array, rows int) []int32 {
	tests := make([]func(int) bool, len(filters))
	for i, f := range filters {
		tests[i] = f.test(columns[f.at])
	}
	var in []int32
rows:
	for i := range rows {
		for _, test := range tests {
			if !test(i) {
				continue rows
			}
		}
		in = append(in, int32(i))
	}
	return in
}
