package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Arrow returns the Arrow type in which a result carries the engine type named
// typ. HUGEINT, the type of a sum of integers, travels as decimal(38,0). It
// returns an error for every type that may not leave: a table may have more
// (ParseType).
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

// Matches reports whether a table may have a column of the engine type typ in
// arrays of the Arrow type dt. Names of fields, nullability and metadata do not
// count. Text may come with offsets of either width, as views, or as a
// dictionary; a decimal in any width that holds it. A whole number, a date or a
// decimal of up to 18 digits may also come as the number that the engine stores
// for it, in integers of the same signedness and at most the engine's width.
func Matches(dt arrow.DataType, typ string) bool {
	t, err := ParseType(typ)
	return err == nil && t.matches(dt)
}

// Width returns how many bytes the engine stores t's values in if it stores a
// whole number for each: integers, decimals and dates. It is 0 for other types.
func (t Type) Width() int {
	switch t.ID {
	case "TINYINT", "UTINYINT":
		return 1
	case "SMALLINT", "USMALLINT":
		return 2
	case "INTEGER", "UINTEGER", "DATE":
		return 4
	case "BIGINT", "UBIGINT":
		return 8
	case "HUGEINT":
		return 16
	case "DECIMAL":
		switch {
		case t.Precision <= 4:
			return 2
		case t.Precision <= 9:
			return 4
		case t.Precision <= 18:
			return 8
		}
		return 16
	}
	return 0
}

// narrowed reports whether dt is a form in which whole numbers of t are stored in
// fewer bytes.
func (t Type) narrowed(dt arrow.DataType) bool {
	if !arrow.IsInteger(dt.ID()) || t.Width() > 8 || arrow.IsUnsignedInteger(dt.ID()) != strings.HasPrefix(t.ID, "U") {
		return false
	}
	return dt.(arrow.FixedWidthDataType).Bytes() <= t.Width()
}

func (t Type) matches(dt arrow.DataType) bool {
	if t.narrowed(dt) {
		return true
	}
	switch t.ID {
	case "VARCHAR":
		if d, ok := dt.(*arrow.DictionaryType); ok {
			return isText(d.ValueType) && arrow.IsInteger(d.IndexType.ID())
		}
		return isText(dt) || dt.ID() == arrow.STRING_VIEW
	case "BLOB":
		return dt.ID() == arrow.BINARY || dt.ID() == arrow.LARGE_BINARY || dt.ID() == arrow.BINARY_VIEW
	case "UUID":
		f, ok := dt.(*arrow.FixedSizeBinaryType)
		return ok && f.ByteWidth == 16
	case "TIME":
		f, ok := dt.(*arrow.Time64Type)
		return ok && f.Unit == arrow.Microsecond
	case "INTERVAL":
		return dt.ID() == arrow.INTERVAL_MONTH_DAY_NANO
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE":
		f, ok := dt.(*arrow.TimestampType)
		return ok && f.Unit == timestampUnits[t.ID] && (f.TimeZone != "") == (t.ID == "TIMESTAMP WITH TIME ZONE")
	case "DECIMAL":
		f, ok := dt.(arrow.DecimalType)
		return ok && dt.ID() != arrow.DECIMAL256 && f.GetPrecision() == t.Precision && f.GetScale() == t.Scale
	case "LIST":
		f, ok := dt.(arrow.ListLikeType)
		return ok && (dt.ID() == arrow.LIST || dt.ID() == arrow.LARGE_LIST) && t.Elem[0].matches(f.Elem())
	case "ARRAY":
		f, ok := dt.(*arrow.FixedSizeListType)
		return ok && int(f.Len()) == t.Size && t.Elem[0].matches(f.Elem())
	case "MAP":
		f, ok := dt.(*arrow.MapType)
		return ok && t.Elem[0].matches(f.KeyType()) && t.Elem[1].matches(f.ItemType())
	case "STRUCT":
		f, ok := dt.(*arrow.StructType)
		if !ok || f.NumFields() != len(t.Elem) {
			return false
		}
		for i, e := range t.Elem {
			if !e.matches(f.Field(i).Type) {
				return false
			}
		}
		return true
	}
	want, err := Arrow(t.ID)
	return err == nil && arrow.TypeEqual(dt, want)
}

var timestampUnits = map[string]arrow.TimeUnit{
	"TIMESTAMP": arrow.Microsecond, "TIMESTAMP_S": arrow.Second, "TIMESTAMP_MS": arrow.Millisecond,
	"TIMESTAMP_NS": arrow.Nanosecond, "TIMESTAMP WITH TIME ZONE": arrow.Microsecond,
}

func isText(dt arrow.DataType) bool { return dt.ID() == arrow.STRING || dt.ID() == arrow.LARGE_STRING }
