package masking

import (
	"fmt"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

	"zonebox/internal/raw"
)

// A Plan is the form each column of a batch leaves in, in order.
type Plan []Column

// A Column is one column of the output: the kernel's, or the raw values when
// the grant is CLEAR or COMPUTE_ONLY.
type Column struct {
	Name   string
	Kernel *Kernel // nil: as it is
	Stored bool    // the batch has all rows that Compact saw when they were stored
}

// Apply returns the rows of b in the form the plan gives each column, and how
// many values were outside the shapes of their recipes (see Kernel.Apply). It is
// the only way out of a raw.Batch. Columns of strings leave as Compact makes
// them. The caller releases the batch it returns, and still owns b.
//
// Apply returns an error wrapping ErrInput unless plan and batch have the same
// columns in the same order, and for a kernel per entity: see ApplyBy.
func (p Plan) Apply(alloc memory.Allocator, b raw.Batch) (arrow.RecordBatch, int64, error) {
	return p.apply(alloc, b, nil)
}

// ApplyBy is Apply for rows of which the one column of entities says whom they
// are about; kernels per entity draw by it (see Kernel.ApplyBy). A dictionary
// will do.
func (p Plan) ApplyBy(alloc memory.Allocator, b, entities raw.Batch) (arrow.RecordBatch, int64, error) {
	rec := entities.Open()
	if rec.NumCols() != 1 {
		return nil, 0, fmt.Errorf("masking: entities of %d columns: %w", rec.NumCols(), ErrInput)
	}
	dict, ok := rec.Column(0).(*array.Dictionary)
	if !ok {
		return p.apply(alloc, b, rec.Column(0))
	}
	plain, err := expand(alloc, dict)
	if err != nil {
		return nil, 0, err
	}
	defer plain.Release()
	return p.apply(alloc, b, plain)
}

// apply is Apply, and ApplyBy where there are entities.
func (p Plan) apply(alloc memory.Allocator, b raw.Batch, entities arrow.Array) (arrow.RecordBatch, int64, error) {
	rec := b.Open()
	if rec.NumCols() != int64(len(p)) {
		return nil, 0, fmt.Errorf("masking: plan of %d columns on a batch of %d: %w", len(p), rec.NumCols(), ErrInput)
	}
	columns := make([]arrow.Array, len(p))
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	misfits := make([]int64, len(p))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range p {
		if rec.ColumnName(i) != c.Name {
			return nil, 0, fmt.Errorf("masking: plan column %q differs from the batch: %w", c.Name, ErrInput)
		}
	}
	for i, c := range p {
		group.Go(func() (err error) {
			columns[i], misfits[i], err = c.apply(alloc, rec.Column(i), entities)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	sum := int64(0)
	for _, n := range misfits {
		sum += n
	}
	fields := make([]arrow.Field, len(p))
	for i, c := range p {
		fields[i] = arrow.Field{Name: c.Name, Type: columns[i].DataType(), Nullable: true}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, rec.NumRows()), sum, nil
}

// Apply is Plan.Apply of one column: arr is masked by distinct value if it is a
// dictionary, and leaves as Compact makes it. The caller releases the array.
func (c Column) Apply(alloc memory.Allocator, arr arrow.Array) (arrow.Array, int64, error) {
	return c.apply(alloc, arr, nil)
}

func (c Column) apply(alloc memory.Allocator, arr, entities arrow.Array) (arrow.Array, int64, error) {
	if k := c.Kernel; k != nil {
		if k.PerEntity() && entities != nil {
			return k.ApplyBy(alloc, arr, entities)
		}
		masked, misfits, err := k.mask(alloc, arr)
		if err != nil {
			return nil, 0, err
		}
		if masked.DataType().ID() != arrow.STRING && masked.DataType().ID() != arrow.DICTIONARY {
			return masked, misfits, nil
		}
		defer masked.Release()
		compact, err := Compact(alloc, masked)
		return compact, misfits, err
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		if !c.Stored || a.Dictionary().Len() == 0 {
			compact, err := Compact(alloc, arr)
			return compact, 0, err
		}
	case *array.String:
		if !c.Stored {
			compact, err := Compact(alloc, arr)
			return compact, 0, err
		}
	}
	arr.Retain()
	return arr, 0, nil
}
