package quality

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// A Column is one of the catalogue entry, with its type as the catalogue spells
// it.
type Column struct {
	Name, Type string
	Nullable   bool
}

// A Plan is rules that fit the columns of a dataset. It is safe for concurrent
// use.
type Plan struct {
	dataset string
	columns []Column
	rules   []planned
}

// planned is a rule with what its words mean for the columns of this dataset.
type planned struct {
	Rule
	at     []int // its columns
	match  *regexp.Regexp
	valid  map[string]bool
	within func(arrow.Array) func(i int) reason // of min and max
}

// Compile fits rules to the columns of an entry. parents are the columns of the
// datasets that rules may refer to. The error is Faults: a column that is not
// there, a rule that its type cannot have.
func Compile(r Rules, columns []Column, parents map[string][]Column) (*Plan, error) {
	p := &Plan{dataset: r.Dataset, columns: columns}
	var faults Faults
	for _, rule := range r.Rules {
		c := planned{Rule: rule}
		if f := c.fit(columns, parents); f != nil {
			f.Path = rule.Path
			faults = append(faults, *f)
		}
		p.rules = append(p.rules, c)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

// fit returns nil, or the fault that keeps the rule from these columns.
func (c *planned) fit(columns []Column, parents map[string][]Column) *Fault {
	for _, name := range c.Columns {
		at := slices.IndexFunc(columns, func(col Column) bool { return col.Name == name })
		if at < 0 {
			return &Fault{ZH: fmt.Sprintf("目录条目没有列 %s", name), EN: fmt.Sprintf("the catalogue entry has no column %s", name)}
		}
		c.at = append(c.at, at)
	}
	if c.References != nil {
		return c.refers(columns, parents)
	}
	if c.Metric != InvalidValues && c.Metric != MissingValues {
		return nil
	}
	column := columns[c.at[0]]
	if (c.Valid != nil || c.Pattern != "" || c.Validator != "" || len(c.Missing) > 0) && !hasText(column.Type) {
		return &Fault{ZH: fmt.Sprintf("列 %s 的类型为 %s,该规则只用于 string、int64、bool 与 date", column.Name, column.Type),
			EN: fmt.Sprintf("column %s is of type %s; this rule is for string, int64, bool and date", column.Name, column.Type)}
	}
	if c.Pattern != "" {
		c.match = regexp.MustCompile(c.Pattern) // Decode has tried it
	}
	values := c.Valid
	if c.Metric == MissingValues {
		values = c.Missing
	}
	if values != nil {
		c.valid = map[string]bool{}
		for _, v := range values {
			c.valid[v] = true
		}
	}
	if c.Min == "" && c.Max == "" {
		return nil
	}
	var ok bool
	if c.within, ok = between(column.Type, c.Min, c.Max); !ok {
		return &Fault{ZH: fmt.Sprintf("列 %s 的类型为 %s:min 与 max 须为该类型的数值或日期,且小者为 min", column.Name, column.Type),
			EN: fmt.Sprintf("column %s is of type %s: min and max must be numbers or dates of that type, the smaller as min", column.Name, column.Type)}
	}
	return nil
}

// refers checks both sides of a reference.
func (c *planned) refers(columns []Column, parents map[string][]Column) *Fault {
	to := c.References
	theirs, ok := parents[to.Dataset]
	if !ok {
		return &Fault{ZH: fmt.Sprintf("本专区没有可供引用的数据集 %s", to.Dataset), EN: fmt.Sprintf("there is no dataset %s in this zone that may be referred to", to.Dataset)}
	}
	for i, name := range to.Columns {
		at := slices.IndexFunc(theirs, func(col Column) bool { return col.Name == name })
		if at < 0 {
			return &Fault{ZH: fmt.Sprintf("数据集 %s 没有可供引用的列 %s", to.Dataset, name), EN: fmt.Sprintf("dataset %s has no column %s that may be referred to", to.Dataset, name)}
		}
		if own := columns[c.at[i]]; own.Type != theirs[at].Type {
			return &Fault{ZH: fmt.Sprintf("列 %s 的类型为 %s,所引用的列为 %s", own.Name, own.Type, theirs[at].Type),
				EN: fmt.Sprintf("column %s is of type %s, the one it refers to of %s", own.Name, own.Type, theirs[at].Type)}
		}
	}
	return nil
}

// References returns the datasets that the rules refer to.
func (p *Plan) References() []string {
	var out []string
	for _, r := range p.rules {
		if r.References != nil && !slices.Contains(out, r.References.Dataset) {
			out = append(out, r.References.Dataset)
		}
	}
	return out
}

// hasText reports whether values of the type have one text form.
func hasText(t string) bool { return t == "string" || t == "int64" || t == "bool" || t == "date" }

// texts returns the function that gives value i, which is not null, as text. It
// is valid until the next call.
func texts(arr arrow.Array) func(i int) string {
	var buffer []byte
	switch a := arr.(type) {
	case *array.String:
		return a.Value
	case *array.Int64:
		return func(i int) string {
			buffer = strconv.AppendInt(buffer[:0], a.Value(i), 10)
			return unsafe.String(&buffer[0], len(buffer))
		}
	case *array.Boolean:
		return func(i int) string { return strconv.FormatBool(a.Value(i)) }
	case *array.Date32:
		return func(i int) string {
			buffer = a.Value(i).ToTime().AppendFormat(buffer[:0], time.DateOnly)
			return unsafe.String(&buffer[0], len(buffer))
		}
	}
	panic("quality: no text form of " + arr.DataType().Name())
}

// between returns what compares the values of a column of the type with both
// bounds, of which either may be empty; false if they are not of that type.
func between(t, low, high string) (func(arrow.Array) func(i int) reason, bool) {
	var scale int32
	var precision int32
	if n, _ := fmt.Sscanf(t, "decimal(%d,%d)", &precision, &scale); n == 2 {
		t = "decimal"
	}
	switch t {
	case "int64":
		return bounded(low, high, math.MinInt64, math.MaxInt64, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) },
			func(a arrow.Array) func(int) int64 { return a.(*array.Int64).Value })
	case "date":
		return bounded(low, high, math.MinInt64, math.MaxInt64, func(s string) (int64, error) {
			d, err := time.Parse(time.DateOnly, s)
			return int64(arrow.Date32FromTime(d)), err
		}, func(a arrow.Array) func(int) int64 {
			return func(i int) int64 { return int64(a.(*array.Date32).Value(i)) }
		})
	case "timestamp":
		return bounded(low, high, math.MinInt64, math.MaxInt64, func(s string) (int64, error) {
			d, err := time.Parse("2006-01-02T15:04:05", s)
			if err != nil {
				d, err = time.Parse(time.DateOnly, s)
			}
			return d.UnixMicro(), err
		}, func(a arrow.Array) func(int) int64 {
			return func(i int) int64 { return int64(a.(*array.Timestamp).Value(i)) }
		})
	case "float64":
		return bounded(low, high, math.Inf(-1), math.Inf(1), func(s string) (float64, error) { return strconv.ParseFloat(s, 64) },
			func(a arrow.Array) func(int) float64 { return a.(*array.Float64).Value })
	case "decimal":
		return decimals(low, high, precision, scale)
	}
	return nil, false
}

// bounded compares numbers. What is neither under nor over nor equal (NaN) is
// below.
func bounded[T int64 | float64](low, high string, least, most T, parse func(string) (T, error), value func(arrow.Array) func(int) T) (func(arrow.Array) func(i int) reason, bool) {
	a, b := least, most
	var err1, err2 error
	if low != "" {
		a, err1 = parse(low)
	}
	if high != "" {
		b, err2 = parse(high)
	}
	if err1 != nil || err2 != nil || !(a <= b) {
		return nil, false
	}
	return func(arr arrow.Array) func(i int) reason {
		at := value(arr)
		return func(i int) reason {
			switch v := at(i); {
			case !(v >= a):
				return below
			case v > b:
				return above
			}
			return fine
		}
	}, true
}

func decimals(low, high string, precision, scale int32) (func(arrow.Array) func(i int) reason, bool) {
	parse := func(s string) (decimal128.Num, bool) {
		whole, fraction, _ := strings.Cut(s, ".")
		if len(fraction) > int(scale) || whole == "" {
			return decimal128.Num{}, false // it would be rounded
		}
		n, err := decimal128.FromString(s, precision, scale)
		return n, err == nil
	}
	a, b, okA, okB := decimal128.Num{}, decimal128.Num{}, true, true
	if low != "" {
		a, okA = parse(low)
	}
	if high != "" {
		b, okB = parse(high)
	}
	if !okA || !okB || low != "" && high != "" && b.Less(a) {
		return nil, false
	}
	return func(arr arrow.Array) func(i int) reason {
		values := arr.(*array.Decimal128)
		return func(i int) reason {
			switch v := values.Value(i); {
			case low != "" && v.Less(a):
				return below
			case high != "" && b.Less(v):
				return above
			}
			return fine
		}
	}, true
}
