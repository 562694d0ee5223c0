package release

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Forms of the content of a sealed file: the same rows in each.
const (
	FormArrow   = "arrow"   // an Arrow IPC stream
	FormParquet = "parquet" // a Parquet file
	FormCSV     = "csv"     // see WriteCSV, UTF-8
	FormCSVBOM  = "csv-bom" // the same behind a byte order mark, by which Excel knows UTF-8
)

// Forms returns the forms of content, the default first.
func Forms() []string { return []string{FormArrow, FormParquet, FormCSV, FormCSVBOM} }

// formed returns the rows of an Arrow IPC stream in a form.
func formed(form string, stream []byte) ([]byte, error) {
	if form == FormArrow {
		return stream, nil
	}
	schema, batches, err := decode(stream, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer releaseAll(batches)
	switch form {
	case FormParquet:
		return encodeParquet(schema, batches)
	case FormCSV, FormCSVBOM:
		return encodeCSV(schema, batches, form == FormCSVBOM)
	}
	return nil, fmt.Errorf("form %q: %w", form, ErrForm)
}

// rowsOf reads content of a form and of the schema that its header describes. The
// caller releases the batches.
func rowsOf(form string, content []byte, columns []HeaderColumn) (*arrow.Schema, []arrow.RecordBatch, error) {
	var schema *arrow.Schema
	var batches []arrow.RecordBatch
	var err error
	switch form {
	case FormArrow:
		schema, batches, err = decode(content, memory.DefaultAllocator)
	case FormParquet, FormCSV, FormCSVBOM:
		if schema, err = schemaOfHeader(columns); err != nil {
			return nil, nil, err
		}
		if form == FormParquet {
			batches, err = decodeParquet(content, schema)
		} else {
			batches, err = decodeCSV(content, schema, form == FormCSVBOM)
		}
	default:
		return nil, nil, ErrFormat
	}
	if err != nil {
		return nil, nil, err
	}
	if !slices.Equal(columns, ColumnsOf(schema)) {
		releaseAll(batches)
		return nil, nil, ErrContent
	}
	return schema, batches, nil
}

// ColumnsOf returns the columns of a schema as a header describes them.
func ColumnsOf(schema *arrow.Schema) []HeaderColumn {
	out := []HeaderColumn{}
	for _, f := range schema.Fields() {
		out = append(out, columnOfField(f))
	}
	return out
}

// Approved returns the columns that a statement was approved with, as its sealed file
// has to describe them. ErrPlan if one is of a type that cannot leave.
func Approved(columns []Column) ([]HeaderColumn, error) {
	out := []HeaderColumn{}
	for _, c := range columns {
		f, err := c.field()
		if err != nil {
			return nil, fmt.Errorf("release: approved columns: %w", err)
		}
		out = append(out, columnOfField(f))
	}
	return out, nil
}

// schemaOfHeader is the schema that columns describe.
func schemaOfHeader(columns []HeaderColumn) (*arrow.Schema, error) {
	var fields []arrow.Field
	for _, c := range columns {
		t, ok := typeNamed(c.Type)
		if !ok {
			return nil, ErrContent
		}
		fields = append(fields, arrowField(c.Name, t, c.Technique))
	}
	return arrow.NewSchema(fields, nil), nil
}

// typeNamed returns the type that a header calls name.
func typeNamed(name string) (arrow.DataType, bool) {
	var precision, scale int32
	if _, err := fmt.Sscanf(name, "decimal(%d, %d)", &precision, &scale); err == nil {
		name = fmt.Sprintf("DECIMAL(%d,%d)", precision, scale)
		t, err := arrowType(name)
		return t, err == nil
	}
	for _, duckdb := range []string{"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
		"FLOAT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP"} {
		if t, err := arrowType(duckdb); err == nil && t.String() == name {
			return t, true
		}
	}
	return nil, false
}

// record makes one batch of columns; it takes them over.
func record(schema *arrow.Schema, columns []arrow.Array, rows int64) arrow.RecordBatch {
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	return array.NewRecordBatch(schema, columns, rows)
}
