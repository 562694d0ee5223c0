package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"zonebox/release"
)

// formats are the values of -o.
const formats = "table|json|csv|arrow|parquet"

// render writes rows in a format of -o. Values go to w only.
func render(w io.Writer, format string, schema *arrow.Schema, rows []arrow.RecordBatch) error {
	switch format {
	case "table":
		return renderTable(w, schema, rows)
	case "json":
		return renderJSON(w, schema, rows)
	case "csv":
		return release.WriteCSV(w, schema, rows)
	case "arrow":
		out := ipc.NewWriter(w, ipc.WithSchema(schema))
		for _, r := range rows {
			if err := out.Write(r); err != nil {
				return fmt.Errorf("zonebox: write arrow: %w", err)
			}
		}
		return out.Close()
	case "parquet":
		out, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
		if err != nil {
			return fmt.Errorf("zonebox: write parquet: %w", err)
		}
		for _, r := range rows {
			if err := out.Write(r); err != nil {
				return fmt.Errorf("zonebox: write parquet: %w", err)
			}
		}
		return out.Close()
	}
	return usageError{fmt.Errorf("-o %q: want %s", format, formats)}
}

// newTable returns a table whose columns line up for wide (Chinese) text.
func newTable(header ...string) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	row := make(table.Row, len(header))
	for i, h := range header {
		row[i] = printable(h)
	}
	t.AppendHeader(row)
	return t
}

func renderTable(w io.Writer, schema *arrow.Schema, rows []arrow.RecordBatch) error {
	names := make([]string, schema.NumFields())
	configs := make([]table.ColumnConfig, len(names))
	for i, f := range schema.Fields() {
		names[i] = f.Name
		configs[i] = table.ColumnConfig{Number: i + 1}
		if numeric(f.Type) {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t := newTable(names...)
	t.SetColumnConfigs(configs)
	n := 0
	for _, r := range rows {
		for i := range int(r.NumRows()) {
			row := make(table.Row, r.NumCols())
			for c := range row {
				row[c] = "∅"
				if col := r.Column(c); col.IsValid(i) {
					row[c] = printable(col.ValueStr(i))
				}
			}
			t.AppendRow(row)
			n++
		}
	}
	_, err := fmt.Fprintf(w, "%s\n%d 行 rows\n", t.Render(), n)
	return err
}

func numeric(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
}

// printable replaces what could drive the terminal or turn, hide or break its
// text: control and format characters and line breaks. Whatever another person
// wrote goes through it: cells, names, statements, opinions.
func printable(s string) string { return strings.Map(harmless, s) }

// printableText is printable for a text of several lines.
func printableText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return harmless(r)
	}, s)
}

func harmless(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
		return '·'
	}
	return r
}

// renderJSON writes one array of objects whose keys keep the column order.
func renderJSON(w io.Writer, schema *arrow.Schema, rows []arrow.RecordBatch) error {
	var b strings.Builder
	b.WriteString("[")
	first := true
	for _, r := range rows {
		for i := range int(r.NumRows()) {
			if !first {
				b.WriteString(",")
			}
			first = false
			b.WriteString("\n  {")
			for c, f := range schema.Fields() {
				if c > 0 {
					b.WriteString(", ")
				}
				key, err := json.Marshal(f.Name)
				if err != nil {
					return err
				}
				val, err := json.Marshal(jsonValue(r.Column(c), i))
				if err != nil {
					return err
				}
				b.Write(key)
				b.WriteString(": ")
				b.Write(val)
			}
			b.WriteString("}")
		}
	}
	b.WriteString("\n]\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func jsonValue(col arrow.Array, i int) any {
	if col.IsNull(i) {
		return nil
	}
	switch c := col.(type) {
	case *array.Boolean:
		return c.Value(i)
	case *array.Decimal128, *array.Int8, *array.Int16, *array.Int32, *array.Int64, *array.Uint8, *array.Uint16, *array.Uint32, *array.Uint64:
		return json.Number(col.ValueStr(i))
	case *array.Float64:
		if v := c.Value(i); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
	return col.ValueStr(i)
}
