package quality

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Options bound a Checker. The zero value is fit for a load.
type Options struct {
	// Memory bounds the tables of all rules together, bytes; 0 means 256 MiB,
	// which holds some 12 million different keys in one pass.
	Memory int64
	// Positions is how many rows each outcome names; 0 means 10, enough to find
	// the fault in a file and too few to be a list of people.
	Positions int
	// Now is the time of the check: no birthday is later. It must be set.
	Now time.Time
}

const (
	defaultMemory    = 256 << 20
	defaultPositions = 10
)

// A Checker measures the rows of one version. It is not safe for concurrent use.
//
// Prepare, then Add every batch in the order of the rows, then Finish, then
// Report. Prepare and Finish ask for columns that lie in a store: of datasets
// that rules refer to, and of the rows that were added, once more, where memory
// did not suffice.
type Checker struct {
	plan      *Plan
	budget    *budget
	marker    marker
	positions int
	today     int
	now       time.Time

	counts []*count // by rule of the plan
	steps  []func(rec arrow.RecordBatch, before int64)
	later  []*pending
	keys   []*keys

	rows   int64
	filled int64 // cells with a value
	empty  int64 // cells without one, in columns that may have none
	gaps   []int64
}

// count is what one rule has counted so far.
type count struct {
	n       int64
	rows    []int64 // the first, ascending
	reasons [reasonEnd]int64
	unknown string
}

// A Pass wants columns of a dataset, from the first row to the last.
type Pass struct {
	Dataset string   // "" for the rows that are being checked
	Columns []string // in this order
	add     func(columns []arrow.Array, before int64) error
	rows    int64
	absent  bool
}

// Add takes the next rows: a batch with the columns of the pass, in their order.
// It keeps nothing of it.
func (p *Pass) Add(columns []arrow.Array) error {
	if len(columns) != len(p.Columns) {
		return fmt.Errorf("quality: %d columns in a pass of %d", len(columns), len(p.Columns))
	}
	for _, c := range columns {
		if c.Len() != columns[0].Len() {
			return fmt.Errorf("quality: columns of a pass differ in length")
		}
	}
	before := p.rows
	p.rows += int64(columns[0].Len())
	return p.add(columns, before)
}

// Absent says that the dataset has no data.
func (p *Pass) Absent() { p.absent = true }

// Start returns a checker of new rows.
func (p *Plan) Start(o Options) *Checker {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Positions == 0 {
		o.Positions = defaultPositions
	}
	y, m, d := o.Now.Date()
	c := &Checker{plan: p, budget: &budget{o.Memory}, marker: newMarker(), positions: o.Positions, now: o.Now,
		today: y*10000 + int(m)*100 + d, gaps: []int64{}}
	for i := range p.rules {
		n := &count{}
		c.counts = append(c.counts, n)
		c.steps = append(c.steps, c.step(&p.rules[i], n))
	}
	return c
}

// step returns what a rule does with each batch, nil if that is nothing.
func (c *Checker) step(r *planned, n *count) func(arrow.RecordBatch, int64) {
	switch {
	case r.Metric == RowCount:
		return nil
	case r.Metric == NullValues:
		return func(rec arrow.RecordBatch, before int64) { c.nulls(rec.Column(r.at[0]), before, n) }
	case r.Metric == MissingValues:
		return func(rec arrow.RecordBatch, before int64) { c.missing(r, rec.Column(r.at[0]), before, n) }
	case r.Metric == DuplicateValues:
		return c.duplicates(r, n)
	case r.References != nil:
		return c.references(r, n)
	}
	return func(rec arrow.RecordBatch, before int64) { c.invalid(r, rec.Column(r.at[0]), before, n) }
}

// Prepare reads what the rules refer to.
func (c *Checker) Prepare(feed func(*Pass) error) error {
	for _, k := range c.keys {
		if err := k.read(feed); err != nil {
			return err
		}
	}
	return nil
}

// Add measures the next rows: a batch with the columns of the entry, in order.
// It keeps no reference to it.
func (c *Checker) Add(rec arrow.RecordBatch) error {
	if int(rec.NumCols()) != len(c.plan.columns) {
		return fmt.Errorf("quality: %d columns, rules are of %d", rec.NumCols(), len(c.plan.columns))
	}
	for i, col := range c.plan.columns {
		if rec.ColumnName(i) != col.Name || !sameType(col.Type, rec.Column(i).DataType()) {
			return fmt.Errorf("quality: column %d is not %q of type %s", i, col.Name, col.Type)
		}
		nulls := int64(rec.Column(i).NullN())
		c.filled += rec.NumRows() - nulls
		if nulls > 0 && !col.Nullable {
			c.empty += nulls
			c.gap(rec.Column(i), c.rows)
		}
	}
	for _, step := range c.steps {
		if step != nil {
			step(rec, c.rows)
		}
	}
	c.rows += rec.NumRows()
	return nil
}

// gap keeps the first rows of columns that must be filled and are not.
func (c *Checker) gap(col arrow.Array, before int64) {
	for i := 0; i < col.Len() && len(c.gaps) < c.positions; i++ {
		if row := before + int64(i) + 1; col.IsNull(i) && !slices.Contains(c.gaps, row) {
			c.gaps = append(c.gaps, row)
		}
	}
}

func sameType(catalogue string, t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.StringType:
		return catalogue == "string"
	case *arrow.Int64Type:
		return catalogue == "int64"
	case *arrow.Float64Type:
		return catalogue == "float64"
	case *arrow.BooleanType:
		return catalogue == "bool"
	case *arrow.Date32Type:
		return catalogue == "date"
	case *arrow.TimestampType:
		return catalogue == "timestamp" && t.Unit == arrow.Microsecond
	case *arrow.Decimal128Type:
		var p, s int32
		n, _ := fmt.Sscanf(catalogue, "decimal(%d,%d)", &p, &s)
		return n == 2 && p == t.Precision && s == t.Scale
	}
	return false
}

// Whole is a pass over all columns of rows that lie in a store: it does what Add
// does with a delivery.
func (c *Checker) Whole() *Pass {
	p := &Pass{}
	var fields []arrow.Field
	for _, col := range c.plan.columns {
		p.Columns = append(p.Columns, col.Name)
	}
	p.add = func(columns []arrow.Array, _ int64) error {
		if fields == nil {
			for i, col := range columns {
				fields = append(fields, arrow.Field{Name: p.Columns[i], Type: col.DataType(), Nullable: true})
			}
		}
		rec := newBatch(arrow.NewSchema(fields, nil), columns)
		defer rec.Release()
		return c.Add(rec)
	}
	return p
}

// Finish makes the further passes that memory made necessary.
func (c *Checker) Finish(feed func(*Pass) error) error {
	var open []*pending
	for _, p := range c.later { // first room, then the rest
		if !p.counted() {
			open = append(open, p)
		}
		p.free()
	}
	for _, p := range open {
		if err := p.do(feed); err != nil {
			return err
		}
	}
	return nil
}

// Broken says that the rows could not be read: no rule was measured.
func (c *Checker) Broken() {
	for _, n := range c.counts {
		*n = count{unknown: "unreadable"}
	}
}

// hit counts a row, the number of which is row.
func (c *Checker) hit(n *count, row int64) {
	n.n++
	if len(n.rows) < c.positions {
		n.rows = append(n.rows, row)
	}
}

func (c *Checker) nulls(col arrow.Array, before int64, n *count) {
	nulls := col.NullN()
	if nulls == 0 {
		return
	}
	if len(n.rows) == c.positions {
		n.n += int64(nulls)
		return
	}
	for i := range col.Len() {
		if col.IsNull(i) {
			c.hit(n, before+int64(i)+1)
		}
	}
}

func (c *Checker) missing(r *planned, col arrow.Array, before int64, n *count) {
	var text func(int) string
	if len(r.valid) > 0 {
		text = texts(col)
	}
	some := col.NullN() > 0
	for i := range col.Len() {
		if some && col.IsNull(i) {
			if !r.NotNull {
				c.hit(n, before+int64(i)+1)
			}
		} else if text != nil && r.valid[text(i)] {
			c.hit(n, before+int64(i)+1)
		}
	}
}

// invalid judges values by every criterion of the rule; the first that they do
// not meet is the reason. A null is no value.
func (c *Checker) invalid(r *planned, col arrow.Array, before int64, n *count) {
	judge := c.judge(r, col)
	some := col.NullN() > 0
	for i := range col.Len() {
		if some && col.IsNull(i) {
			continue
		}
		if why := judge(i); why != fine {
			n.reasons[why]++
			c.hit(n, before+int64(i)+1)
		}
	}
}

func (c *Checker) judge(r *planned, col arrow.Array) func(i int) reason {
	var all []func(i int) reason
	if r.valid != nil {
		text := texts(col)
		all = append(all, func(i int) reason {
			if r.valid[text(i)] {
				return fine
			}
			return list
		})
	}
	if r.match != nil {
		text := texts(col)
		all = append(all, func(i int) reason {
			if r.match.MatchString(text(i)) {
				return fine
			}
			return form
		})
	}
	if check := validators[r.Validator]; check != nil {
		text := texts(col)
		all = append(all, func(i int) reason { return check(text(i), c.today) })
	}
	if r.within != nil {
		all = append(all, r.within(col))
	}
	if len(all) == 1 {
		return all[0]
	}
	return func(i int) reason {
		for _, one := range all {
			if why := one(i); why != fine {
				return why
			}
		}
		return fine
	}
}
