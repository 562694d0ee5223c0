package release

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Check judges the rows of a statement and returns those that may leave.
//
// Each batch holds the plan's columns and then its hidden columns. A row goes if
// one of its Group counts is null or under k; a cell becomes null if its Cell
// count is. What is left is re-keyed, put in order, cut by Offset and Limit,
// counted against the caps, scanned for raw values and inspected. No batches, or
// no rows, is a result like any other.
//
// An error of batches or of Inspect is returned wrapped. Otherwise Check returns ErrPlan,
// ErrSchema, a *LimitError or a *RawMatchError. It copies what it needs from a
// batch before it asks for the next one and releases none of them; the caller
// releases the Checked.
func Check(batches iter.Seq2[arrow.RecordBatch, error], p Plan) (*Checked, Report, error) {
	c, report, err := check(batches, p)
	switch err.(type) {
	case nil:
		return c, report, nil
	case *LimitError, *RawMatchError:
		return nil, Report{}, err
	}
	return nil, Report{}, fmt.Errorf("release: check result: %w", err)
}

func check(batches iter.Seq2[arrow.RecordBatch, error], p Plan) (*Checked, Report, error) {
	if err := p.check(); err != nil {
		return nil, Report{}, err
	}
	if p.Allocator == nil {
		p.Allocator = memory.DefaultAllocator
	}
	k := &kept{plan: p}
	defer k.release()
	if err := k.init(); err != nil {
		return nil, Report{}, err
	}
	for batch, err := range batches {
		if err != nil {
			return nil, Report{}, err
		}
		if err := k.judge(batch); err != nil {
			return nil, Report{}, err
		}
	}
	if err := k.join(); err != nil {
		return nil, Report{}, err
	}
	if p.Judge != nil {
		hide, err := p.Judge(k.reached)
		if err == nil {
			err = k.hide(hide)
		}
		if err != nil {
			return nil, Report{}, err
		}
	}
	if err := k.round(); err != nil {
		return nil, Report{}, err
	}
	if err := k.rekey(); err != nil {
		return nil, Report{}, err
	}
	rows, err := k.order()
	if err != nil {
		return nil, Report{}, err
	}
	rows = cut(rows, p.Offset, p.Limit)
	if err := p.caps(len(rows)); err != nil {
		return nil, Report{}, err
	}
	record, err := k.take(rows)
	if err != nil {
		return nil, Report{}, err
	}
	if err = p.size(record); err == nil {
		err = p.scan(record)
	}
	if err == nil && p.Inspect != nil {
		err = p.Inspect(record)
	}
	if err != nil {
		record.Release()
		return nil, Report{}, err
	}
	return &Checked{record}, k.reportOn(rows), nil
}

// kept collects the rows that stay, column by column.
type kept struct {
	plan   Plan
	fields []arrow.Field   // of the outputs
	parts  [][]arrow.Array // per output, one of each batch
	joined []arrow.Array   // per output, once all batches are in

	late    []bool    // per row: a value was suppressed that the engine had at hand
	reached []Reached // per row, if anybody judges
	group   []int64   // per row: its smallest Group count, which is the K it reached
	gone    []bool    // per row: nothing of it is left to leave; nil: no row is

	withheld map[int][]Withheld // by row

	report Report
}

func (k *kept) init() error {
	for _, c := range k.plan.Columns {
		f, err := c.field()
		if err != nil {
			return err
		}
		k.fields = append(k.fields, f)
		k.report.MaxLevel = max(k.report.MaxLevel, c.Level)
	}
	k.parts, k.withheld = make([][]arrow.Array, len(k.fields)), map[int][]Withheld{}
	return nil
}

func (k *kept) release() {
	for _, parts := range k.parts {
		for _, a := range parts {
			a.Release()
		}
	}
	for _, a := range k.joined {
		if a != nil {
			a.Release()
		}
	}
}

// judge drops the rows of batch under k, blanks its cells under k, and keeps a
// copy of the rest.
func (k *kept) judge(batch arrow.RecordBatch) error {
	p := k.plan
	if batch.NumCols() != int64(len(p.Columns)+len(p.Hidden)) {
		return ErrSchema
	}
	for i, c := range p.Columns {
		if batch.ColumnName(i) != c.Name || !arrow.TypeEqual(batch.Column(i).DataType(), k.fields[i].Type) {
			return ErrSchema
		}
	}
	counts := make([]func(int) int64, len(p.Hidden))
	for i := range p.Hidden {
		var err error
		if counts[i], err = counter(batch.Column(len(p.Columns) + i)); err != nil {
			return err
		}
	}

	var rows []int
	blank := make([][]bool, len(p.Columns)) // per output and kept row; nil blanks none
	for row := range int(batch.NumRows()) {
		var reached Reached
		group, ok := int64(math.MaxInt64), true
		for i, h := range p.Hidden {
			n := counts[i](row)
			if h.Kind == Numbered {
				reached.Number = uint32(n)
				continue
			}
			if n > int64(h.K) {
				return ErrSchema
			}
			reached.K = append(reached.K, n == int64(h.K))
			if h.Kind == Group {
				group = min(group, n)
				ok = ok && n == int64(h.K)
			}
		}
		if !ok {
			k.report.RowsSuppressed++
			continue
		}
		late := false
		for i, h := range p.Hidden {
			if h.Kind != Cell || counts[i](row) >= int64(h.K) {
				continue
			}
			if blank[h.Output] == nil {
				blank[h.Output] = make([]bool, batch.NumRows())
			}
			if !blank[h.Output][len(rows)] {
				k.report.CellsSuppressed++
			}
			blank[h.Output][len(rows)] = true
			k.withhold(len(k.late), Withheld{Output: h.Output})
			late = late || batch.Column(h.Output).IsValid(row)
		}
		rows = append(rows, row)
		k.late = append(k.late, late)
		k.group = append(k.group, group)
		if p.Judge != nil {
			k.reached = append(k.reached, reached)
		}
	}

	for i := range k.fields {
		col, err := newColumn(batch.Column(i))
		if err != nil {
			return err
		}
		k.parts[i] = append(k.parts[i], col.take(p.Allocator, rows, blank[i]))
	}
	return nil
}

// counter reads a column of entity counts. A null counts as no entity.
func counter(a arrow.Array) (func(int) int64, error) {
	counts, ok := a.(*array.Uint32)
	if !ok {
		return nil, ErrSchema
	}
	return func(i int) int64 {
		if counts.IsNull(i) {
			return 0
		}
		return int64(counts.Value(i))
	}, nil
}

// join makes one array of the parts of each output.
func (k *kept) join() error {
	k.joined = make([]arrow.Array, len(k.fields))
	for i, parts := range k.parts {
		var err error
		if len(parts) == 0 {
			k.joined[i] = array.MakeArrayOfNull(k.plan.Allocator, k.fields[i].Type, 0)
		} else if k.joined[i], err = array.Concatenate(parts, k.plan.Allocator); err != nil {
			return err
		}
	}
	return nil
}

// withhold takes note of why an output of a row is null.
func (k *kept) withhold(row int, w Withheld) {
	if !slices.Contains(k.withheld[row], w) {
		k.withheld[row] = append(k.withheld[row], w)
	}
}

// hide blanks outputs by row, and lets go of the rows with keys of which every aggregate
// is null then.
func (k *kept) hide(outputs [][]Withheld) error {
	if outputs == nil {
		return nil
	}
	if len(outputs) != len(k.late) {
		return ErrSchema
	}
	rows := make([]int, len(outputs))
	blank := make([][]bool, len(k.joined))
	for row, hidden := range outputs {
		rows[row] = row
		for _, w := range hidden {
			k.withhold(row, w)
			output := w.Output
			if blank[output] == nil {
				blank[output] = make([]bool, len(rows))
			}
			if k.joined[output].IsValid(row) {
				k.late[row] = true
				k.report.CellsSuppressed++
			}
			blank[output][row] = true
		}
	}
	for i, b := range blank {
		if b == nil {
			continue
		}
		old := k.joined[i]
		col, err := newColumn(old)
		if err != nil {
			return err
		}
		k.joined[i] = col.take(k.plan.Allocator, rows, b)
		old.Release()
	}
	k.gone = make([]bool, len(rows))
	for row, hidden := range outputs {
		if len(hidden) > 0 && k.empty(row) {
			k.gone[row] = true
			k.report.RowsSuppressed++
		}
	}
	return nil
}

// empty reports whether a row has keys, and every aggregate of it is null.
func (k *kept) empty(row int) bool {
	keys := false
	for i, c := range k.plan.Columns {
		if c.Form == Aggregate && k.joined[i].IsValid(row) {
			return false
		}
		keys = keys || c.Form != Aggregate
	}
	return keys
}

// rekey replaces the tokens by those of the release. It comes before the order:
// sorted by the zone's own tokens, two releases could be laid side by side.
func (k *kept) rekey() error {
	for i, c := range k.plan.Columns {
		if !c.Token {
			continue
		}
		old := k.joined[i]
		a, err := k.plan.RekeyToken(k.plan.Allocator, i, old)
		if err != nil {
			return err
		}
		k.joined[i] = a
		old.Release()
		if a.Len() != len(k.late) || !arrow.TypeEqual(a.DataType(), k.fields[i].Type) {
			return ErrSchema
		}
	}
	return nil
}

// order returns the rows in the order in which they leave.
//
// A protected result that the statement does not order is sorted by what it
// releases, all columns from left to right: stored order, or the order in which
// a hash table met its groups, says something about withheld rows. In an ordered
// result, rows that tie in the outputs it orders by are sorted that way too. A
// row that lost a value which the engine still had goes last, among its like
// sorted that way: its place would tell what was withheld. Statements that
// suppress the cell themselves hand over null and order by that.
func (k *kept) order() ([]int, error) {
	var rows []int
	for i := range k.late {
		if k.gone == nil || !k.gone[i] {
			rows = append(rows, i)
		}
	}
	p := k.plan
	if !p.Protected {
		return rows, nil
	}
	released, err := comparer(k.joined)
	if err != nil {
		return nil, err
	}
	if !p.Ordered {
		slices.SortFunc(rows, released)
		return rows, nil
	}
	var last []int
	rows = slices.DeleteFunc(rows, func(row int) bool {
		if k.late[row] {
			last = append(last, row)
		}
		return k.late[row]
	})
	slices.SortFunc(last, released)
	if len(p.Order) > 0 {
		if err := k.ties(rows, released); err != nil {
			return nil, err
		}
	}
	return append(rows, last...), nil
}

// ties sorts each run of rows that are alike in the outputs of Order.
func (k *kept) ties(rows []int, released func(i, j int) int) error {
	var keys []arrow.Array
	for _, output := range k.plan.Order {
		keys = append(keys, k.joined[output])
	}
	key, err := comparer(keys)
	if err != nil {
		return err
	}
	for start, i := 0, 1; i <= len(rows); i++ {
		if i == len(rows) || key(rows[i], rows[start]) != 0 {
			slices.SortFunc(rows[start:i], released)
			start = i
		}
	}
	return nil
}

// cut applies OFFSET and LIMIT.
func cut(rows []int, offset, limit *int64) []int {
	if offset != nil {
		rows = rows[min(*offset, int64(len(rows))):]
	}
	if limit != nil {
		rows = rows[:min(*limit, int64(len(rows)))]
	}
	return rows
}

func (p Plan) caps(rows int) error {
	if int64(rows) > p.RowCap {
		return &LimitError{RowCap, p.RowCap}
	}
	if p.RecordLevel && int64(rows) > p.RecordCap {
		return &LimitError{RecordCap, p.RecordCap}
	}
	if int64(rows)*int64(len(p.Columns)) > p.CellCap {
		return &LimitError{CellCap, p.CellCap}
	}
	return nil
}

// size refuses a record of more bytes than may leave.
func (p Plan) size(record arrow.RecordBatch) error {
	total := int64(0)
	for _, column := range record.Columns() {
		for _, b := range column.Data().Buffers() {
			if b != nil {
				total += int64(b.Len())
			}
		}
	}
	if total > p.ByteCap {
		return &LimitError{ByteCap, p.ByteCap}
	}
	return nil
}

// take copies the outputs of the given rows into a record that shares no memory
// with anything withheld.
func (k *kept) take(rows []int) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, len(k.plan.Columns))
	for i := range cols {
		col, err := newColumn(k.joined[i])
		if err != nil {
			return nil, err
		}
		cols[i] = col.take(k.plan.Allocator, rows, nil)
		defer cols[i].Release()
	}
	schema := arrow.NewSchema(k.fields[:len(cols)], nil)
	return array.NewRecordBatch(schema, cols, int64(len(rows))), nil
}

// scan asks Match for every string of a masked column.
func (p Plan) scan(record arrow.RecordBatch) error {
	if p.Match == nil {
		return nil
	}
	for i, c := range p.Columns {
		a, ok := record.Column(i).(*array.String)
		if !ok || c.Form != Masked && c.Form != Token {
			continue
		}
		for row := range a.Len() {
			if a.IsValid(row) && p.Match(i, row, a.Value(row)) {
				return &RawMatchError{Column: c.Name, Row: row}
			}
		}
	}
	return nil
}

func (k *kept) reportOn(rows []int) Report {
	r := k.report
	r.Rows = int64(len(rows))
	for i, row := range rows {
		if g := k.group[row]; g != math.MaxInt64 && (i == 0 || g < r.MinGroup) {
			r.MinGroup = g
		}
		for _, w := range k.withheld[row] {
			r.Withheld = append(r.Withheld, WithheldCell{Row: i, Withheld: w})
		}
	}
	return r
}
