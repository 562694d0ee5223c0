package raw

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// ErrType is returned for a column type the catalogue does not have.
var ErrType = errors.New("unknown column type")

// Type returns the Arrow type of a catalogue column type: string int64 float64
// bool date timestamp decimal(p,s). A timestamp has microseconds and no zone.
// A decimal has a precision of 1 to 38 digits and a scale of 0 to precision,
// the range DuckDB has.
func Type(column string) (arrow.DataType, error) {
	switch column {
	case "string":
		return arrow.BinaryTypes.String, nil
	case "int64":
		return arrow.PrimitiveTypes.Int64, nil
	case "float64":
		return arrow.PrimitiveTypes.Float64, nil
	case "bool":
		return arrow.FixedWidthTypes.Boolean, nil
	case "date":
		return arrow.FixedWidthTypes.Date32, nil
	case "timestamp":
		return &arrow.TimestampType{Unit: arrow.Microsecond}, nil
	}
	inner, ok := strings.CutPrefix(column, "decimal(")
	inner, closed := strings.CutSuffix(inner, ")")
	p, s, pair := strings.Cut(inner, ",")
	if !ok || !closed || !pair {
		return nil, fmt.Errorf("raw: type %q: %w", column, ErrType)
	}
	precision, err1 := strconv.ParseInt(p, 10, 32)
	scale, err2 := strconv.ParseInt(strings.TrimPrefix(s, " "), 10, 32)
	if err1 != nil || err2 != nil || precision < 1 || precision > 38 || scale < 0 || scale > precision {
		return nil, fmt.Errorf("raw: type %q: %w", column, ErrType)
	}
	return &arrow.Decimal128Type{Precision: int32(precision), Scale: int32(scale)}, nil
}
