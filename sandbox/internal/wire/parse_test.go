package wire_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/sandbox/internal/wire"
)

func TestATypeHasOneSpelling(t *testing.T) {
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"BIGINT", true},
		{"TIMESTAMP WITH TIME ZONE", true},
		{"DECIMAL(18,2)", true},
		{"DECIMAL(38,38)", true},
		{"VARCHAR[][3]", true},
		{`STRUCT("a" INTEGER, "b ""x""" MAP(VARCHAR, DATE[]))`, true},
		{"INTEGER" + strings.Repeat("[]", 8), true},
		{"INTEGER" + strings.Repeat("[]", 9), false},
		{"", false},
		{"bigint", false},
		{"BIGINT ", false},
		{"INT", false},
		{"DECIMAL(39,0)", false},
		{"DECIMAL(0,0)", false},
		{"DECIMAL(4,5)", false},
		{"DECIMAL(4, 2)", false},
		{"DECIMAL(04,2)", false},
		{"INTEGER[0]", false},
		{"INTEGER[01]", false},
		{"INTEGER[", false},
		{"STRUCT()", false},
		{"STRUCT(a INTEGER)", false},
		{`STRUCT("" INTEGER)`, false},
		{`STRUCT("a" INTEGER`, false},
		{"MAP(VARCHAR)", false},
		{"ENUM('a')", false},
		{"BIGINT); DROP TABLE people", false},
	} {
		typ, err := wire.ParseType(c.name)
		if (err == nil) != c.ok {
			t.Errorf("ParseType(%q) = %v", c.name, err)
		}
		if err == nil && typ.String() != c.name {
			t.Errorf("ParseType(%q).String() = %q", c.name, typ)
		}
	}
}

func TestArrowTypesMatchEngineTypes(t *testing.T) {
	text := arrow.BinaryTypes.String
	coded := func(index, value arrow.DataType) arrow.DataType {
		return &arrow.DictionaryType{IndexType: index, ValueType: value}
	}
	pair := func(a, b arrow.DataType) arrow.DataType {
		return arrow.StructOf(arrow.Field{Name: "x", Type: a}, arrow.Field{Name: "y", Type: b})
	}
	for _, c := range []struct {
		typ  string
		dt   arrow.DataType
		want bool
	}{
		{"BIGINT", arrow.PrimitiveTypes.Int64, true},
		{"BIGINT", arrow.PrimitiveTypes.Int32, true},
		{"BIGINT", arrow.PrimitiveTypes.Int8, true},
		{"BIGINT", arrow.PrimitiveTypes.Uint64, false},
		{"BIGINT", arrow.PrimitiveTypes.Uint8, false},
		{"INTEGER", arrow.PrimitiveTypes.Int64, false},
		{"UBIGINT", arrow.PrimitiveTypes.Uint16, true},
		{"UBIGINT", arrow.PrimitiveTypes.Int16, false},
		{"DATE", arrow.PrimitiveTypes.Int16, true},
		{"DATE", arrow.PrimitiveTypes.Int64, false},
		{"DATE", arrow.PrimitiveTypes.Uint16, false},
		{"DECIMAL(4,1)", arrow.PrimitiveTypes.Int16, true},
		{"DECIMAL(4,1)", arrow.PrimitiveTypes.Int32, false},
		{"DECIMAL(18,2)", arrow.PrimitiveTypes.Int64, true},
		{"DECIMAL(19,2)", arrow.PrimitiveTypes.Int64, false},
		{"HUGEINT", arrow.PrimitiveTypes.Int64, false},
		{"TIMESTAMP", arrow.PrimitiveTypes.Int32, false},
		{"DOUBLE", arrow.PrimitiveTypes.Int32, false},
		{"BOOLEAN", arrow.PrimitiveTypes.Int8, false},
		{"UUID", arrow.PrimitiveTypes.Uint8, false},
		{"VARCHAR", text, true},
		{"VARCHAR", arrow.BinaryTypes.Binary, false},
		{"VARCHAR", coded(arrow.PrimitiveTypes.Uint8, text), true},
		{"VARCHAR", coded(arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int64), false},
		{"BIGINT", coded(arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int64), false},
		{"BLOB", text, false},
		{"DECIMAL(9,2)", &arrow.Decimal32Type{Precision: 9, Scale: 2}, true},
		{"DECIMAL(9,2)", &arrow.Decimal128Type{Precision: 9, Scale: 3}, false},
		{"DECIMAL(9,2)", &arrow.Decimal256Type{Precision: 9, Scale: 2}, false},
		{"TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond}, true},
		{"TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, false},
		{"TIMESTAMP WITH TIME ZONE", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, true},
		{"TIMESTAMP_MS", &arrow.TimestampType{Unit: arrow.Second}, false},
		{"UUID", &arrow.FixedSizeBinaryType{ByteWidth: 16}, true},
		{"UUID", &arrow.FixedSizeBinaryType{ByteWidth: 15}, false},
		{"TIME", arrow.FixedWidthTypes.Time64ns, false},
		{"BIGINT[]", arrow.ListOf(arrow.PrimitiveTypes.Int64), true},
		{"BIGINT[]", arrow.ListOf(text), false},
		{"BIGINT[2]", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int64), true},
		{"BIGINT[2]", arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Int64), false},
		{"MAP(VARCHAR, BIGINT)", arrow.MapOf(text, arrow.PrimitiveTypes.Int64), true},
		{"MAP(VARCHAR, BIGINT)", arrow.ListOf(pair(text, arrow.PrimitiveTypes.Int64)), false},
		{`STRUCT("a" VARCHAR, "b" BIGINT)`, pair(text, arrow.PrimitiveTypes.Int64), true},
		{`STRUCT("a" VARCHAR)`, pair(text, arrow.PrimitiveTypes.Int64), false},
		{"NO TYPE", text, false},
	} {
		if got := wire.Matches(c.dt, c.typ); got != c.want {
			t.Errorf("Matches(%v, %s) = %v, want %v", c.dt, c.typ, got, c.want)
		}
	}
}
