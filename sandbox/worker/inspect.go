package worker

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// errEnough ends the reading of a file of which only the first rows are wanted.
var errEnough = errors.New("worker: enough rows")

// An inspection finds out what a file looks like while a reader reads it as it
// reads any other.
type inspection struct {
	out      *emitter
	limit    int64 // rows; 0 for all
	sample   int64 // rows that the gate gets
	encoding func() string
	shape    wire.Shape
	columns  []*columnNotes
	rows     int64
	sampled  int64
}

func newInspection(m wire.DeliverMessage, out *emitter) *inspection {
	return &inspection{out: out, limit: m.Limit, sample: m.Sample, shape: wire.Shape{Tables: []string{}}}
}

// found lets note add to the shape of a file that is inspected.
func (e *emitter) found(note func(*wire.Shape)) {
	if e.inspection != nil {
		note(&e.inspection.shape)
	}
}

// read returns how many rows of a file have been taken.
func (e *emitter) read() int64 {
	if e.inspection != nil {
		return e.inspection.rows
	}
	return e.rows + int64(e.pending)
}

// end closes the answer where an inspection has seen enough.
func (e *emitter) end(err error) error {
	if e.inspection == nil || err != errEnough {
		return err
	}
	return e.inspection.done(false)
}

// open announces the columns of a file, all of text.
func (n *inspection) open(names []string) (intake, error) {
	size := 0
	for _, name := range names {
		size += len(name)
	}
	if len(names) == 0 {
		return nil, faulted("header_absent")
	}
	if len(names) > wire.MaxColumns || size > wire.MaxNames {
		return nil, faulted("columns")
	}
	e := n.out
	slots := make(intake, len(names))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, faulted("header_duplicate")
		}
		e.columns = append(e.columns, wire.Column{Name: name, Type: "VARCHAR"})
	}
	var err error
	if e.schema, err = wire.ArrowSchema(e.columns); err != nil {
		return nil, faulted("type")
	}
	if err := e.write(wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: e.columns})); err != nil {
		return nil, err
	}
	e.builder = array.NewRecordBuilder(memory.DefaultAllocator, e.schema)
	for i := range names {
		c := &columnNotes{}
		n.columns = append(n.columns, c)
		b := e.builder.Field(i).(*array.StringBuilder)
		take := func(v []byte, bare bool) string {
			if code := textFault(v); code != "" {
				return code
			}
			c.value(v, bare)
			if n.rows < n.sample {
				b.BinaryBuilder.Append(v)
			}
			return ""
		}
		slots[i] = slot{column: i,
			text: func(v []byte) string { return take(v, false) },
			bare: func(v []byte) string { return take(v, true) },
			null: func() {
				c.nulls++
				if n.rows < n.sample {
					b.AppendNull()
				}
			}}
	}
	return slots, nil
}

// added counts a row that the slots have taken.
func (n *inspection) added() error {
	e := n.out
	if n.rows < n.sample {
		n.sampled++
		if e.pending++; e.pending >= batchRows || e.size >= batchBytes {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	if n.rows++; n.rows == n.limit {
		return errEnough
	}
	return nil
}

// batch takes the rows of a columnar file, whose columns have types.
func (n *inspection) batch(rec arrow.RecordBatch, slots intake) error {
	for r := range int(rec.NumRows()) {
		for i, c := range rec.Columns() {
			if c.IsNull(r) {
				slots[i].null()
			} else if n.rows < n.sample {
				v := c.ValueStr(r)
				n.out.size += len(v) + 1
				if code := slots[i].text([]byte(v)); code != "" {
					return &fault{code: code, offset: -1, row: n.rows + 1, column: i}
				}
			}
		}
		if err := n.added(); err != nil {
			return err
		}
	}
	return nil
}

// done closes the answer.
func (n *inspection) done(whole bool) error {
	e := n.out
	if err := e.flush(); err != nil {
		return err
	}
	n.shape.Rows, n.shape.Whole = n.rows, whole
	if n.encoding != nil {
		n.shape.Encoding = n.encoding()
	}
	n.shape.Columns = []wire.ShapeColumn{}
	for i, c := range n.columns {
		n.shape.Columns = append(n.shape.Columns, wire.ShapeColumn{Name: e.columns[i].Name, Type: c.inferred(), Stated: c.fixed && c.typ != "", Nulls: c.nulls})
	}
	size := 0
	for _, t := range n.shape.Tables {
		size += len(t)
	}
	if len(n.shape.Tables) > wire.MaxColumns || size > wire.MaxNames {
		n.shape.Tables = n.shape.Tables[:0]
	}
	if err := e.write(wire.AppendJSON(nil, wire.Seen, n.shape)); err != nil {
		return err
	}
	return e.write(wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: e.rows}))
}

// identifierDigits is from how many digits on a whole number is taken for an
// identifier: people have no counts that large, and identity numbers are.
const identifierDigits = 15

// columnNotes say which types hold every value of a column that was seen.
type columnNotes struct {
	fixed  bool   // the file says what the column is:
	typ    string // "" where that is no type of a delivery
	nulls  int64
	values int64

	not      [6]bool // by kind: a value is not one
	whole    int     // most digits before the point
	fraction int     // digits behind the point, of every value that has a point
	mixed    bool    // values with different numbers of digits behind the point
	point    bool    // a value has a point
}

const (
	isWhole = iota
	isDecimal
	isDouble
	isBool
	isDate
	isTime
)

// value notes a value. A bare one is a number of the file's own kind, and no
// identifier, however long.
func (c *columnNotes) value(v []byte, bare bool) {
	if c.values++; c.fixed {
		return
	}
	if len(v) > 40 {
		c.not = [6]bool{true, true, true, true, true, true}
		return
	}
	if c.not == [6]bool{true, true, true, true, true, true} {
		return
	}
	s := string(v)
	if !c.not[isDouble] {
		c.number(s, bare)
	}
	if !c.not[isBool] {
		l := strings.ToLower(s)
		c.not[isBool] = l != "true" && l != "false"
	}
	if !c.not[isDate] {
		// A sheet stores days as moments.
		day, found := strings.CutSuffix(s, " 00:00:00.000")
		if found && !bare {
			day = s
		}
		_, ok := parseDate(day)
		c.not[isDate] = !ok
	}
	if !c.not[isTime] {
		_, ok := parseTimestamp(s)
		c.not[isTime] = !ok
	}
}

func (c *columnNotes) number(s string, bare bool) {
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	plain := whole != "" && strings.Trim(whole+fraction, "0123456789") == "" && (!point || fraction != "")
	zero := len(whole) > 1 && whole[0] == '0' || s == "-0"
	long := !point && len(whole) >= identifierDigits && !bare
	if _, ok := parseFloat(s); !ok || zero || long || digits != "" && (digits[0] == '+' || digits[0] == '.') {
		c.not[isDouble], c.not[isDecimal], c.not[isWhole] = true, true, true
		return
	}
	if !plain {
		c.not[isDecimal], c.not[isWhole] = true, true
		return
	}
	if _, ok := parseInt(s); !ok {
		c.not[isWhole] = true
	}
	c.whole = max(c.whole, len(whole))
	if point {
		c.mixed = c.mixed || c.point && c.fraction != len(fraction)
		c.point, c.fraction = true, max(c.fraction, len(fraction))
	}
}

// inferred returns the narrowest type that holds every value as it is written:
// DECIMAL where all values with a point have as many digits behind it, as amounts
// do, DOUBLE where they have not.
func (c *columnNotes) inferred() string {
	switch {
	case c.fixed:
		return c.typ
	case c.values == 0:
		return "VARCHAR"
	case !c.not[isBool]:
		return "BOOLEAN"
	case !c.not[isDate]:
		return "DATE"
	case !c.not[isTime]:
		return "TIMESTAMP"
	case !c.not[isWhole]:
		return "BIGINT"
	case !c.not[isDecimal] && (!c.mixed || c.whole+c.fraction > 15) && c.whole+c.fraction <= 38:
		return fmt.Sprintf("DECIMAL(%d,%d)", c.whole+c.fraction, c.fraction)
	case !c.not[isDouble] && c.whole+c.fraction <= 38:
		return "DOUBLE"
	}
	return "VARCHAR"
}

// deliveryType returns the type of a delivery that holds every value of an Arrow
// type, "" if there is none.
func deliveryType(dt arrow.DataType) string {
	if d, is := dt.(*arrow.DictionaryType); is {
		dt = d.ValueType
	}
	switch dt := dt.(type) {
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType, *arrow.NullType:
		return "VARCHAR"
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return "BIGINT"
	case *arrow.Float32Type, *arrow.Float64Type:
		return "DOUBLE"
	case *arrow.BooleanType:
		return "BOOLEAN"
	case *arrow.Date32Type, *arrow.Date64Type:
		return "DATE"
	case *arrow.TimestampType:
		if dt.TimeZone == "" {
			return "TIMESTAMP"
		}
	case *arrow.Decimal128Type:
		if typ := "DECIMAL(" + strconv.Itoa(int(dt.Precision)) + "," + strconv.Itoa(int(dt.Scale)) + ")"; dt.Scale >= 0 && dt.Scale <= dt.Precision {
			return typ
		}
	}
	return ""
}

// unnamed returns the names of n columns that have none.
func unnamed(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "column" + strconv.Itoa(i+1)
	}
	return names
}
