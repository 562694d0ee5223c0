package release

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// arrowType returns the Arrow type in which a DuckDB type arrives, for the types
// that may leave.
func arrowType(duckdb string) (arrow.DataType, error) {
	switch duckdb {
	case "BOOLEAN":
		return arrow.FixedWidthTypes.Boolean, nil
	case "TINYINT":
		return arrow.PrimitiveTypes.Int8, nil
	case "SMALLINT":
		return arrow.PrimitiveTypes.Int16, nil
	case "INTEGER":
		return arrow.PrimitiveTypes.Int32, nil
	case "BIGINT":
		return arrow.PrimitiveTypes.Int64, nil
	case "UTINYINT":
		return arrow.PrimitiveTypes.Uint8, nil
	case "USMALLINT":
		return arrow.PrimitiveTypes.Uint16, nil
	case "UINTEGER":
		return arrow.PrimitiveTypes.Uint32, nil
	case "UBIGINT":
		return arrow.PrimitiveTypes.Uint64, nil
	case "HUGEINT":
		return &arrow.Decimal128Type{Precision: 38}, nil
	case "FLOAT":
		return arrow.PrimitiveTypes.Float32, nil
	case "DOUBLE":
		return arrow.PrimitiveTypes.Float64, nil
	case "VARCHAR":
		return arrow.BinaryTypes.String, nil
	case "DATE":
		return arrow.FixedWidthTypes.Date32, nil
	case "TIMESTAMP":
		return &arrow.TimestampType{Unit: arrow.Microsecond}, nil
	}
	var precision, scale int32
	if _, err := fmt.Sscanf(duckdb, "DECIMAL(%d,%d)", &precision, &scale); err == nil &&
		duckdb == fmt.Sprintf("DECIMAL(%d,%d)", precision, scale) &&
		precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision {
		return &arrow.Decimal128Type{Precision: precision, Scale: scale}, nil
	}
	return nil, fmt.Errorf("type %q: %w", duckdb, ErrPlan)
}

// field returns the column as it leaves.
func (c Column) field() (arrow.Field, error) {
	t, err := arrowType(c.Type)
	if err != nil {
		return arrow.Field{}, err
	}
	return arrowField(c.Name, t, c.Technique), nil
}

func arrowField(name string, t arrow.DataType, technique string) arrow.Field {
	f := arrow.Field{Name: name, Type: t, Nullable: true}
	if technique != "" {
		f.Metadata = arrow.MetadataFrom(map[string]string{techniqueKey: technique})
	}
	return f
}

// column is what the checks do with an array of any type that may leave.
type column struct {
	// compare orders two rows: a total order that tells any two values apart
	// that differ in a released bit. Nulls come last.
	compare func(i, j int) int
	// take returns a new array of the given rows. Row n of it is null if
	// blank[n]; a nil blank blanks none. What stood under a null is not copied.
	take func(alloc memory.Allocator, rows []int, blank []bool) arrow.Array
}

func newColumn(a arrow.Array) (column, error) {
	switch a := a.(type) {
	case *array.Boolean:
		return columnOf(a, compareBool), nil
	case *array.Int8:
		return columnOf(a, cmp.Compare[int8]), nil
	case *array.Int16:
		return columnOf(a, cmp.Compare[int16]), nil
	case *array.Int32:
		return columnOf(a, cmp.Compare[int32]), nil
	case *array.Int64:
		return columnOf(a, cmp.Compare[int64]), nil
	case *array.Uint8:
		return columnOf(a, cmp.Compare[uint8]), nil
	case *array.Uint16:
		return columnOf(a, cmp.Compare[uint16]), nil
	case *array.Uint32:
		return columnOf(a, cmp.Compare[uint32]), nil
	case *array.Uint64:
		return columnOf(a, cmp.Compare[uint64]), nil
	case *array.Float32:
		return columnOf(a, compareFloat32), nil
	case *array.Float64:
		return columnOf(a, compareFloat64), nil
	case *array.String:
		return columnOf(a, strings.Compare), nil
	case *array.Date32:
		return columnOf(a, cmp.Compare[arrow.Date32]), nil
	case *array.Timestamp:
		return columnOf(a, cmp.Compare[arrow.Timestamp]), nil
	case *array.Decimal128:
		return columnOf(a, decimal128.Num.Cmp), nil
	}
	return column{}, ErrSchema
}

type values[T any] interface {
	arrow.Array
	Value(int) T
}

type appender[T any] interface {
	array.Builder
	Append(T)
}

func columnOf[T any](a values[T], compare func(x, y T) int) column {
	return column{
		compare: func(i, j int) int {
			if a.IsNull(i) || a.IsNull(j) {
				return compareBool(a.IsNull(i), a.IsNull(j))
			}
			return compare(a.Value(i), a.Value(j))
		},
		take: func(alloc memory.Allocator, rows []int, blank []bool) arrow.Array {
			b := array.NewBuilder(alloc, a.DataType()).(appender[T])
			defer b.Release()
			b.Reserve(len(rows))
			for n, row := range rows {
				if a.IsNull(row) || blank != nil && blank[n] {
					b.AppendNull()
				} else {
					b.Append(a.Value(row))
				}
			}
			return b.NewArray()
		},
	}
}

// comparer orders rows by all columns, the leftmost first.
func comparer(arrays []arrow.Array) (func(i, j int) int, error) {
	cols := make([]column, len(arrays))
	for n, a := range arrays {
		var err error
		if cols[n], err = newColumn(a); err != nil {
			return nil, err
		}
	}
	return func(i, j int) int {
		for _, c := range cols {
			if d := c.compare(i, j); d != 0 {
				return d
			}
		}
		return 0
	}, nil
}

// compareBool puts false first.
func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// compareFloat64 puts NaN last, as DuckDB does, -0 before 0, and tells NaNs
// apart by their bits.
func compareFloat64(x, y float64) int {
	if c := compareBool(math.IsNaN(x), math.IsNaN(y)); c != 0 {
		return c
	}
	if c := cmp.Compare(x, y); c != 0 {
		return c
	}
	if c := compareBool(!math.Signbit(x), !math.Signbit(y)); c != 0 {
		return c
	}
	return cmp.Compare(math.Float64bits(x), math.Float64bits(y))
}

func compareFloat32(x, y float32) int {
	if c := compareFloat64(float64(x), float64(y)); c != 0 {
		return c
	}
	return cmp.Compare(math.Float32bits(x), math.Float32bits(y))
}
