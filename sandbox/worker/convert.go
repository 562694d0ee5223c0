package worker

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// convertRows is how many rows of a file's batch are converted at a time: a
// file may hold one batch of any length.
const convertRows = 32 << 10

// A carrier sends the batches of a columnar file in the announced columns' types.
type carrier struct {
	out      *emitter
	position []int // of each announced column in the file
	convert  []converter
	slots    intake // of an inspection, which converts nothing
}

// newCarrier matches the columns of schema with the announced ones by name. mem
// bounds what a conversion may allocate.
func newCarrier(schema *arrow.Schema, out *emitter, mem memory.Allocator) (*carrier, error) {
	names := make([]string, schema.NumFields())
	for i, field := range schema.Fields() {
		names[i] = field.Name
	}
	if out.inspection != nil {
		return inspectColumns(schema, names, out)
	}
	position, err := match(names, out.columns)
	if err != nil {
		return nil, err
	}
	c := &carrier{out: out, position: position, convert: make([]converter, len(position))}
	for i, at := range position {
		if c.convert[i] = converterFor(schema.Field(at).Type, out.schema.Field(i).Type, mem); c.convert[i] == nil {
			return nil, &fault{code: "column_type", offset: -1, column: i}
		}
	}
	return c, nil
}

// inspectColumns returns a carrier that notes what the columns of schema hold.
func inspectColumns(schema *arrow.Schema, names []string, out *emitter) (*carrier, error) {
	for _, name := range names {
		if code := nameFault([]byte(name)); code != "" {
			return nil, faulted(code)
		}
	}
	slots, err := out.open(names)
	if err != nil {
		return nil, err
	}
	c := &carrier{out: out, slots: slots}
	for i, field := range schema.Fields() {
		c.position = append(c.position, i)
		out.inspection.columns[i].fixed, out.inspection.columns[i].typ = true, deliveryType(field.Type)
	}
	return c, nil
}

// send validates rec in full and sends it. The counts and offsets of an array
// are its writer's word until then.
func (c *carrier) send(rec arrow.RecordBatch) error {
	for i, at := range c.position {
		col := rec.Column(at)
		if int64(col.Len()) != rec.NumRows() {
			return faulted("format")
		}
		if col.DataType().ID() != arrow.NULL && array.ValidateFull(col) != nil {
			return c.invalid(col, i)
		}
		if d, ok := col.(*array.Dictionary); ok && !validDictionary(d) {
			return faulted("format")
		}
	}
	for from := int64(0); from < rec.NumRows(); from += convertRows {
		part := rec.NewSlice(from, min(from+convertRows, rec.NumRows()))
		var err error
		if c.slots != nil {
			err = c.out.inspection.batch(part, c.slots)
		} else {
			err = c.rows(part)
		}
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// invalid says what is wrong with a column that is not valid: the first value
// that does not convert, if there is one.
func (c *carrier) invalid(col arrow.Array, i int) (err error) {
	defer func() {
		if recover() != nil {
			err = faulted("format")
		}
	}()
	if c.convert == nil {
		return faulted("format")
	}
	_, row, code := c.convert[i](col)
	if code == "" {
		return faulted("format")
	}
	return &fault{code: code, offset: -1, row: c.out.rows + int64(row) + 1, column: i}
}

func (c *carrier) rows(rec arrow.RecordBatch) error {
	e := c.out
	cols := make([]arrow.Array, len(c.position))
	for i, at := range c.position {
		a, row, code := c.convert[i](rec.Column(at))
		if code != "" {
			return &fault{code: code, offset: -1, row: e.rows + int64(row) + 1, column: i}
		}
		defer a.Release()
		cols[i] = a
	}
	e.rows += rec.NumRows()
	out := array.NewRecordBatch(e.schema, cols, rec.NumRows())
	defer out.Release()
	return e.send(out)
}

// validDictionary reports whether every index has a value and the values are
// well formed.
func validDictionary(d *array.Dictionary) bool {
	if array.ValidateFull(d.Dictionary()) != nil {
		return false
	}
	for i := range d.Len() {
		if d.IsNull(i) {
			continue
		}
		if at := d.GetValueIndex(i); at < 0 || at >= d.Dictionary().Len() {
			return false
		}
	}
	return true
}

// A converter returns an array in the type it was made for, which the caller
// releases, or the row of the first value that does not fit and a code.
type converter func(arrow.Array) (arrow.Array, int, string)

// converterFor returns how to carry from as to without loss, nil if there is no
// way. Timestamps with a zone are another kind than those without, and nested
// types have no way.
func converterFor(from, to arrow.DataType, mem memory.Allocator) converter {
	if from.ID() == arrow.NULL {
		return func(a arrow.Array) (arrow.Array, int, string) {
			return array.MakeArrayOfNull(mem, to, a.Len()), 0, ""
		}
	}
	switch want := to.(type) {
	case *arrow.StringType:
		value := from
		if d, ok := from.(*arrow.DictionaryType); ok {
			value = d.ValueType
		}
		switch value.ID() {
		case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
			return convertStrings(mem)
		}
	case *arrow.Int64Type:
		switch from.ID() {
		case arrow.INT64:
			return unchanged
		case arrow.INT8, arrow.INT16, arrow.INT32, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
			return converted(array.NewInt64Builder, mem, func(a arrow.Array, i int) (int64, string) {
				return ok(parseInt(a.ValueStr(i)))
			})
		}
	case *arrow.Float64Type:
		switch from.ID() {
		case arrow.FLOAT64:
			return unchanged
		case arrow.FLOAT32:
			return converted(array.NewFloat64Builder, mem, func(a arrow.Array, i int) (float64, string) {
				return float64(a.(*array.Float32).Value(i)), ""
			})
		}
	case *arrow.BooleanType:
		if from.ID() == arrow.BOOL {
			return unchanged
		}
	case *arrow.Date32Type:
		switch from.ID() {
		case arrow.DATE32:
			return converted(array.NewDate32Builder, mem, func(a arrow.Array, i int) (arrow.Date32, string) {
				return inDays(int64(a.(*array.Date32).Value(i)), 1)
			})
		case arrow.DATE64: // milliseconds
			return converted(array.NewDate32Builder, mem, func(a arrow.Array, i int) (arrow.Date32, string) {
				return inDays(int64(a.(*array.Date64).Value(i)), 24*time.Hour.Milliseconds())
			})
		}
	case *arrow.TimestampType:
		if have, is := from.(*arrow.TimestampType); is && have.TimeZone == "" {
			create := func(mem memory.Allocator) *array.TimestampBuilder { return array.NewTimestampBuilder(mem, want) }
			return converted(create, mem, func(a arrow.Array, i int) (arrow.Timestamp, string) {
				return inMicros(int64(a.(*array.Timestamp).Value(i)), have.Unit)
			})
		}
	case *arrow.Decimal128Type:
		if have, is := from.(*arrow.Decimal128Type); is && have.Scale == want.Scale && have.Precision <= want.Precision {
			return convertDecimals(want)
		}
	}
	return nil
}

// unchanged is the converter of a column that has its type already.
func unchanged(a arrow.Array) (arrow.Array, int, string) {
	a.Retain()
	return a, 0, ""
}

// converted carries value by value; value returns a code for one that does not
// fit.
func converted[T any, B interface {
	array.Builder
	Append(T)
}](create func(memory.Allocator) B, mem memory.Allocator, value func(a arrow.Array, i int) (T, string)) converter {
	return func(a arrow.Array) (arrow.Array, int, string) {
		b := create(mem)
		defer b.Release()
		b.Reserve(a.Len())
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			v, code := value(a, i)
			if code != "" {
				return nil, i, code
			}
			b.Append(v)
		}
		return b.NewArray(), 0, ""
	}
}

func ok[T any](v T, fits bool) (T, string) {
	if !fits {
		return v, "value"
	}
	return v, ""
}

// The days a date or a timestamp may fall on, those a CSV file can write:
// 0000-01-01 to 9999-12-31. The engine keeps its infinities beyond them.
var (
	firstDay = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
	lastDay  = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix() / 86400
)

const dayMicros = 86400 * 1_000_000

// inDays returns v, in parts of a day, as a whole day.
func inDays(v, perDay int64) (arrow.Date32, string) {
	day := v / perDay
	return ok(arrow.Date32(day), v%perDay == 0 && firstDay <= day && day <= lastDay)
}

// inMicros returns v as microseconds, if it is a whole number of them.
func inMicros(v int64, unit arrow.TimeUnit) (arrow.Timestamp, string) {
	fits := true
	switch unit {
	case arrow.Second:
		fits = v*1_000_000/1_000_000 == v
		v *= 1_000_000
	case arrow.Millisecond:
		fits = v*1000/1000 == v
		v *= 1000
	case arrow.Nanosecond:
		fits = v%1000 == 0
		v /= 1000
	}
	return ok(arrow.Timestamp(v), fits && firstDay*dayMicros <= v && v < (lastDay+1)*dayMicros)
}

// convertStrings copies texts out of whatever holds them.
func convertStrings(mem memory.Allocator) converter {
	return converted(array.NewStringBuilder, mem, func(a arrow.Array, i int) (string, string) {
		if d, is := a.(*array.Dictionary); is {
			a, i = d.Dictionary(), d.GetValueIndex(i)
		}
		s := a.(array.StringLike).Value(i)
		if a.IsNull(i) || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return "", "encoding"
		}
		return s, ""
	})
}

// convertDecimals checks every value: a file may store more digits than its
// schema announces.
func convertDecimals(want *arrow.Decimal128Type) converter {
	return func(a arrow.Array) (arrow.Array, int, string) {
		in := a.(*array.Decimal128)
		for i := range in.Len() {
			if !in.IsNull(i) && !in.Value(i).FitsInPrecision(want.Precision) {
				return nil, i, "value"
			}
		}
		data := array.NewData(want, a.Len(), a.Data().Buffers(), nil, a.NullN(), a.Data().Offset())
		defer data.Release()
		return array.NewDecimal128Data(data), 0, ""
	}
}

// A limiter is an allocator of the Go heap that refuses any single buffer larger
// than limit: a file that announces terabytes asks for one. Refusing is a panic
// with errBuffer. Some of Arrow's readers turn it into an error of their own;
// exceeded tells it from others.
type limiter struct {
	memory.Allocator
	limit    int
	exceeded bool
}

func newLimiter(limit int64) *limiter {
	return &limiter{Allocator: memory.NewGoAllocator(), limit: int(limit)}
}

func (l *limiter) Allocate(size int) []byte {
	l.check(size)
	return l.Allocator.Allocate(size)
}

func (l *limiter) Reallocate(size int, b []byte) []byte {
	l.check(size)
	return l.Allocator.Reallocate(size, b)
}

func (l *limiter) check(size int) {
	if size < 0 || size > l.limit {
		l.exceeded = true
		panic(errBuffer)
	}
}

var errBuffer = errors.New("worker: buffer too large")

// fault returns what a failed reading is to be called.
func (l *limiter) fault() error {
	if l.exceeded {
		return faulted("too_large")
	}
	return faulted("format")
}
