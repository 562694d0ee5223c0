package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Arrow returns the Arrow type that carries the engine type named typ. HUGEINT,
// the type of a sum of integers, travels as decimal(38,0). It returns an error
// for every type that may not cross the border.
func Arrow(typ string) (arrow.DataType, error) {
	switch typ {
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
	if p, s, ok := Decimal(typ); ok {
		return &arrow.Decimal128Type{Precision: p, Scale: s}, nil
	}
	return nil, fmt.Errorf("wire: type %q does not cross the border", typ)
}

// Decimal splits DECIMAL(p,s). ok is false for any other type and for widths the
// engine has not.
func Decimal(typ string) (precision, scale int32, ok bool) {
	inner, found := strings.CutPrefix(typ, "DECIMAL(")
	inner, closed := strings.CutSuffix(inner, ")")
	p, s, comma := strings.Cut(inner, ",")
	if !found || !closed || !comma {
		return 0, 0, false
	}
	pn, err1 := strconv.Atoi(p)
	sn, err2 := strconv.Atoi(s)
	if err1 != nil || err2 != nil || pn < 1 || pn > 38 || sn < 0 || sn > pn ||
		typ != fmt.Sprintf("DECIMAL(%d,%d)", pn, sn) {
		return 0, 0, false
	}
	return int32(pn), int32(sn), true
}

// ArrowSchema returns the schema of columns. All fields are nullable.
func ArrowSchema(columns []Column) (*arrow.Schema, error) {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		dt, err := Arrow(c.Type)
		if err != nil {
			return nil, err
		}
		fields[i] = arrow.Field{Name: c.Name, Type: dt, Nullable: true}
	}
	return arrow.NewSchema(fields, nil), nil
}

// Matches reports whether an array of the Arrow type dt may be scanned as the
// engine type typ.
func Matches(dt arrow.DataType, typ string) bool {
	want, err := Arrow(typ)
	return err == nil && arrow.TypeEqual(dt, want)
}
