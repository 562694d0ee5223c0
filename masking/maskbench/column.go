package maskbench

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/city"
	"zonebox/masking"
)

// types are the catalogue types that a column may have here.
var types = map[string]arrow.DataType{
	"string": arrow.BinaryTypes.String, "int64": arrow.PrimitiveTypes.Int64, "float64": arrow.PrimitiveTypes.Float64,
	"decimal(18,2)": &arrow.Decimal128Type{Precision: 18, Scale: 2},
	"date":          arrow.FixedWidthTypes.Date32, "timestamp": &arrow.TimestampType{Unit: arrow.Microsecond},
}

// Types returns the catalogue types of columns that can be measured, sorted.
func Types() []string {
	var out []string
	for t := range types {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// column is a column to be masked; entities say whom its rows are about.
type column struct {
	name, typ string
	values    arrow.Array
	entities  arrow.Array
}

// table is columns that come from one source, of which entity is another; a file
// has none.
type table struct {
	columns []*column
	entity  string
	open    func() io.Reader
	rows    int64
	seed    uint64
}

func (o Options) tables() ([]*table, error) {
	if o.Rows < 1000 || o.Rows > city.MaxRows {
		return nil, fmt.Errorf("maskbench: %w: %d rows", ErrOptions, o.Rows)
	}
	for _, kind := range o.Kinds {
		if !slices.Contains(masking.Kinds(), kind) {
			return nil, fmt.Errorf("maskbench: %w: technique %q, want some of %s", ErrOptions, kind, strings.Join(masking.Kinds(), " "))
		}
	}
	if o.File != nil {
		if types[o.Type] == nil {
			return nil, fmt.Errorf("maskbench: %w: type %q, want one of %s", ErrOptions, o.Type, strings.Join(Types(), " "))
		}
		return []*table{{columns: []*column{{name: o.Column, typ: o.Type}}, open: func() io.Reader { return o.File }, rows: o.Rows}}, nil
	}
	register := func(r city.Register, entity string, columns ...*column) *table {
		columns = slices.DeleteFunc(columns, func(c *column) bool { return len(o.cases(c)) == 0 })
		return &table{columns: columns, entity: entity, rows: o.Rows, seed: o.Seed, open: func() io.Reader {
			from, to := io.Pipe()
			go func() { to.CloseWithError(city.Write(to, r, city.CSV, city.UTF8, o.Seed, o.Rows)) }()
			return from
		}}
	}
	return []*table{
		register(city.Persons, "id_number", &column{name: "phone", typ: "string"}, &column{name: "id_number", typ: "string"},
			&column{name: "name", typ: "string"}, &column{name: "address", typ: "string"}, &column{name: "district", typ: "string"},
			&column{name: "birth_date", typ: "date"}, &column{name: "income", typ: "float64"}, &column{name: position, typ: "string"}, &column{name: bankCard, typ: "string"}),
		register(city.Enterprises, "uscc", &column{name: "uscc", typ: "string"}, &column{name: "employees", typ: "int64"},
			&column{name: "revenue", typ: "decimal(18,2)"}),
		register(city.Trips, "id_number", &column{name: "board_time", typ: "timestamp"}),
	}, nil
}

// Columns that no register has: longitude and latitude, and numbers of bank cards
// with their check digit (GB/T 17552, Luhn).
const position, bankCard = "position", "bank_card"

var drawn = map[string]func(r *rand.Rand) string{
	position: func(r *rand.Rand) string { return fmt.Sprintf("%.5f,%.5f", 118.3+r.Float64(), 31.2+r.Float64()) },
	bankCard: func(r *rand.Rand) string {
		number := []byte(fmt.Sprintf("622202%012d", r.Int64N(1e12)))
		sum := 0
		for i, c := range number { // of 18 digits the last, the 16th and so on count double
			digit := int(c - '0')
			if i%2 == 1 {
				digit = digit*2/10 + digit*2%10
			}
			sum += digit
		}
		return string(append(number, byte('0'+(10-sum%10)%10)))
	},
}

// byteOrder is the mark that spreadsheets begin a file in UTF-8 with.
const byteOrder = "\ufeff"

// fill reads the columns. Errors name lines and columns, no cells.
func (t *table) fill() error {
	if len(t.columns) == 0 {
		return nil
	}
	builders := make([]array.Builder, len(t.columns)+1)
	for i, c := range t.columns {
		builders[i] = array.NewBuilder(memory.DefaultAllocator, types[c.typ])
	}
	entities := array.NewStringBuilder(memory.DefaultAllocator)
	builders[len(t.columns)] = entities
	from := bufio.NewReader(t.open())
	if mark, _ := from.Peek(len(byteOrder)); string(mark) == byteOrder {
		_, _ = from.Discard(len(byteOrder)) // the header may be in quotes after it
	}
	in := csv.NewReader(from)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return fmt.Errorf("maskbench: read header: %w", cause(err))
	}
	at := make([]int, len(builders))
	for i, c := range t.columns {
		if at[i] = slices.Index(header, c.name); at[i] < 0 && (t.entity == "" || drawn[c.name] == nil) {
			return fmt.Errorf("maskbench: %w: no column %q, but %s", ErrOptions, c.name, strings.Join(header, " "))
		}
	}
	at[len(t.columns)] = -1 // rows of a file are about their number
	if t.entity != "" {
		at[len(t.columns)] = slices.Index(header, t.entity)
	}
	r := rand.New(rand.NewPCG(t.seed, 1))
	for line := int64(0); line < t.rows; line++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("maskbench: read line %d: %w", line+2, cause(err))
		}
		for i, b := range builders {
			cell := ""
			switch {
			case at[i] >= 0:
				cell = record[at[i]]
			case i == len(t.columns):
				cell = strconv.FormatInt(line, 10)
			default:
				cell = drawn[t.columns[i].name](r)
			}
			if cell == "" {
				b.AppendNull()
			} else if err := b.AppendValueFromString(cell); err != nil {
				return fmt.Errorf("maskbench: line %d: column %s is no %s", line+2, t.columns[i].name, t.columns[i].typ)
			}
		}
	}
	about := entities.NewArray()
	if t.rows = int64(about.Len()); t.rows == 0 {
		return fmt.Errorf("maskbench: %w: no rows", ErrOptions)
	}
	for i, c := range t.columns {
		c.values, c.entities = builders[i].NewArray(), about
	}
	return nil
}

// cause is what the CSV reader found wrong, without the line's text.
func cause(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}

// variant is a column with another number of distinct values.
type variant struct {
	layout, cardinality string
	distinct            int
	values              arrow.Array
}

// variants are those that make builds.
func (c *column) variants() []variant {
	vs := []variant{{layout: "plain", cardinality: "full"}, {layout: "plain", cardinality: "1%"}}
	if c.typ == "string" {
		vs = append(vs, variant{layout: "dictionary", cardinality: "100"})
	}
	return vs
}

// build makes the columns of the variants: the values as they are; every value
// one of the first hundredth of the distinct ones, or of the first 100, drawn
// evenly; a null stays one.
func (c *column) build(seed uint64) ([]variant, error) {
	first := distinct(c.values)
	vs := c.variants()
	for i := range vs {
		v := &vs[i]
		v.distinct = len(first)
		switch v.cardinality {
		case "full":
			v.values = c.values
			continue
		case "1%":
			v.distinct = min(len(first), max(1, c.values.Len()/100))
		default:
			v.distinct = min(len(first), 100)
		}
		if v.distinct == 0 {
			v.values = c.values
			continue
		}
		r := rand.New(rand.NewPCG(seed, 2))
		b := array.NewBuilder(memory.DefaultAllocator, c.values.DataType())
		for row := range c.values.Len() {
			if c.values.IsNull(row) {
				b.AppendNull()
			} else {
				appendFrom(b, c.values, first[r.IntN(v.distinct)])
			}
		}
		v.values = b.NewArray()
		if v.layout == "dictionary" {
			compact, err := masking.Compact(memory.DefaultAllocator, v.values)
			if err != nil {
				return nil, err
			}
			v.values = compact
		}
	}
	return vs, nil
}

// distinct returns the first row of each distinct value of arr.
func distinct(arr arrow.Array) []int {
	canonical := masking.Canonical(arr)
	var scratch [64]byte
	seen := map[string]bool{}
	var rows []int
	for i := range arr.Len() {
		if arr.IsNull(i) {
			continue
		}
		if v := canonical(scratch[:0], i); !seen[string(v)] {
			seen[string(v)] = true
			rows = append(rows, i)
		}
	}
	return rows
}

// appendFrom appends a value of arr, of one of types.
func appendFrom(b array.Builder, arr arrow.Array, row int) {
	switch a := arr.(type) {
	case *array.String:
		b.(*array.StringBuilder).Append(a.Value(row))
	case *array.Int64:
		b.(*array.Int64Builder).Append(a.Value(row))
	case *array.Float64:
		b.(*array.Float64Builder).Append(a.Value(row))
	case *array.Decimal128:
		b.(*array.Decimal128Builder).Append(a.Value(row))
	case *array.Date32:
		b.(*array.Date32Builder).Append(a.Value(row))
	case *array.Timestamp:
		b.(*array.TimestampBuilder).Append(a.Value(row))
	}
}
