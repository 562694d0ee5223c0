package release

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// byteOrderMark tells Excel that a file is UTF-8.
const byteOrderMark = "\ufeff"

// WriteCSV writes rows as CSV (RFC 4180) with a line of names first. Lines end in one
// line feed. A missing value is nothing between two commas, an empty text is "".
//
// A spreadsheet takes a text for a formula that begins with =, +, -, @ or their full
// width forms, whatever blanks stand before. Such a text, a name too, has a ' put
// before it, and so has one that begins with ': one ' at the start of a text is
// always to be taken away. Numbers, days and truth values stay as they are.
func WriteCSV(w io.Writer, schema *arrow.Schema, rows []arrow.RecordBatch) error {
	data, err := encodeCSV(schema, rows, false)
	if err != nil {
		return fmt.Errorf("release: write CSV: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("release: write CSV: %w", err)
	}
	return nil
}

func encodeCSV(schema *arrow.Schema, rows []arrow.RecordBatch, bom bool) ([]byte, error) {
	var b bytes.Buffer
	if bom {
		b.WriteString(byteOrderMark)
	}
	for i, f := range schema.Fields() {
		if i > 0 {
			b.WriteByte(',')
		}
		writeField(&b, harmless(f.Name))
	}
	b.WriteByte('\n')
	for _, r := range rows {
		for row := range int(r.NumRows()) {
			for c := range int(r.NumCols()) {
				if c > 0 {
					b.WriteByte(',')
				}
				col := r.Column(c)
				if col.IsNull(row) {
					continue
				}
				text, err := cellText(col, row)
				if err != nil {
					return nil, err
				}
				writeField(&b, text)
			}
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), nil
}

// writeField writes a field, in quotes where it needs them.
func writeField(b *bytes.Buffer, text string) {
	if text != "" && !strings.ContainsAny(text, ",\"\r\n") && text[0] != ' ' {
		b.WriteString(text)
		return
	}
	b.WriteByte('"')
	b.WriteString(strings.ReplaceAll(text, `"`, `""`))
	b.WriteByte('"')
}

// formulaStart is what a formula begins with, in half and full width.
const formulaStart = "=+-@\uff1d\uff0b\uff0d\uff20"

// harmless returns text such that no spreadsheet takes it for a formula.
func harmless(text string) string {
	first := strings.TrimLeftFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	})
	if strings.HasPrefix(text, "'") || strings.IndexAny(first, formulaStart) == 0 {
		return "'" + text
	}
	return text
}

// plainText is text of before harmless.
func plainText(text string) string { return strings.TrimPrefix(text, "'") }

// cellText returns the value at a row as CSV has it. Days and moments of years that
// have not four digits are numbers: days, or microseconds, since 1970.
func cellText(col arrow.Array, row int) (string, error) {
	switch c := col.(type) {
	case *array.String:
		return harmless(c.Value(row)), nil
	case *array.Boolean:
		return strconv.FormatBool(c.Value(row)), nil
	case *array.Int8:
		return strconv.FormatInt(int64(c.Value(row)), 10), nil
	case *array.Int16:
		return strconv.FormatInt(int64(c.Value(row)), 10), nil
	case *array.Int32:
		return strconv.FormatInt(int64(c.Value(row)), 10), nil
	case *array.Int64:
		return strconv.FormatInt(c.Value(row), 10), nil
	case *array.Uint8:
		return strconv.FormatUint(uint64(c.Value(row)), 10), nil
	case *array.Uint16:
		return strconv.FormatUint(uint64(c.Value(row)), 10), nil
	case *array.Uint32:
		return strconv.FormatUint(uint64(c.Value(row)), 10), nil
	case *array.Uint64:
		return strconv.FormatUint(c.Value(row), 10), nil
	case *array.Float32:
		return strconv.FormatFloat(float64(c.Value(row)), 'g', -1, 32), nil
	case *array.Float64:
		return strconv.FormatFloat(c.Value(row), 'g', -1, 64), nil
	case *array.Decimal128:
		return c.Value(row).ToString(c.DataType().(*arrow.Decimal128Type).Scale), nil
	case *array.Date32:
		day := time.Unix(0, 0).UTC().AddDate(0, 0, int(c.Value(row)))
		if y := day.Year(); y < 1 || y > 9999 {
			return strconv.FormatInt(int64(c.Value(row)), 10), nil
		}
		return day.Format(time.DateOnly), nil
	case *array.Timestamp:
		moment := time.UnixMicro(int64(c.Value(row))).UTC()
		if y := moment.Year(); y < 1 || y > 9999 {
			return strconv.FormatInt(int64(c.Value(row)), 10), nil
		}
		return moment.Format(timestampText), nil
	}
	return "", ErrSchema
}

const timestampText = "2006-01-02 15:04:05.999999"

// decodeCSV reads what encodeCSV wrote, and nothing else: what encodes back to other
// bytes is ErrContent.
func decodeCSV(data []byte, schema *arrow.Schema, bom bool) ([]arrow.RecordBatch, error) {
	rest := string(data)
	if bom {
		rest = strings.TrimPrefix(rest, byteOrderMark)
	}
	fields := schema.Fields()
	line, rest, ok := readLine(rest, len(fields))
	if !ok {
		return nil, ErrContent
	}
	for i, f := range fields {
		if !line[i].there || plainText(line[i].text) != f.Name {
			return nil, ErrContent
		}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	rows := int64(0)
	for rest != "" {
		if line, rest, ok = readLine(rest, len(fields)); !ok {
			return nil, ErrContent
		}
		for i := range fields {
			if !line[i].there {
				b.Field(i).AppendNull()
			} else if err := appendText(b.Field(i), line[i].text); err != nil {
				return nil, ErrContent
			}
		}
		rows++
	}
	if rows == 0 {
		return nil, sameCSV(data, schema, nil, bom)
	}
	out := []arrow.RecordBatch{b.NewRecordBatch()}
	if err := sameCSV(data, schema, out, bom); err != nil {
		releaseAll(out)
		return nil, err
	}
	return out, nil
}

func sameCSV(data []byte, schema *arrow.Schema, rows []arrow.RecordBatch, bom bool) error {
	again, err := encodeCSV(schema, rows, bom)
	if err != nil || !bytes.Equal(again, data) {
		return ErrContent
	}
	return nil
}

// csvField is one of a line of CSV; a missing value is not there.
type csvField struct {
	text  string
	there bool
}

// readLine reads a line of n fields and returns what follows it.
func readLine(data string, n int) (line []csvField, rest string, ok bool) {
	for {
		f, after, ok := readField(data)
		if !ok || after == "" || len(line) == n {
			return nil, "", false
		}
		line, data = append(line, f), after[1:]
		switch after[0] {
		case ',':
		case '\n':
			return line, data, len(line) == n
		default:
			return nil, "", false
		}
	}
}

// readField reads a field and returns what follows it.
func readField(data string) (csvField, string, bool) {
	if !strings.HasPrefix(data, `"`) {
		end := strings.IndexAny(data, ",\n")
		if end < 0 {
			return csvField{}, "", false
		}
		return csvField{data[:end], end > 0}, data[end:], true
	}
	var text strings.Builder
	for data = data[1:]; ; {
		end := strings.IndexByte(data, '"')
		if end < 0 {
			return csvField{}, "", false
		}
		text.WriteString(data[:end])
		data = data[end+1:]
		if !strings.HasPrefix(data, `"`) {
			return csvField{text.String(), true}, data, true
		}
		text.WriteByte('"')
		data = data[1:]
	}
}

// appendText appends the value that cellText wrote as text.
func appendText(b array.Builder, text string) error {
	number := func(bits int) (int64, error) { return strconv.ParseInt(text, 10, bits) }
	count := func(bits int) (uint64, error) { return strconv.ParseUint(text, 10, bits) }
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(plainText(text))
		return nil
	case *array.BooleanBuilder:
		v, err := strconv.ParseBool(text)
		b.Append(v)
		return err
	case *array.Int8Builder:
		v, err := number(8)
		b.Append(int8(v))
		return err
	case *array.Int16Builder:
		v, err := number(16)
		b.Append(int16(v))
		return err
	case *array.Int32Builder:
		v, err := number(32)
		b.Append(int32(v))
		return err
	case *array.Int64Builder:
		v, err := number(64)
		b.Append(v)
		return err
	case *array.Uint8Builder:
		v, err := count(8)
		b.Append(uint8(v))
		return err
	case *array.Uint16Builder:
		v, err := count(16)
		b.Append(uint16(v))
		return err
	case *array.Uint32Builder:
		v, err := count(32)
		b.Append(uint32(v))
		return err
	case *array.Uint64Builder:
		v, err := count(64)
		b.Append(v)
		return err
	case *array.Float32Builder:
		v, err := strconv.ParseFloat(text, 32)
		b.Append(float32(v))
		return err
	case *array.Float64Builder:
		v, err := strconv.ParseFloat(text, 64)
		b.Append(v)
		return err
	case *array.Decimal128Builder:
		v, ok := new(big.Int).SetString(strings.Replace(text, ".", "", 1), 10)
		if !ok || v.BitLen() > 127 {
			return ErrContent
		}
		b.Append(decimal128.FromBigInt(v))
		return nil
	case *array.Date32Builder:
		if v, err := number(32); err == nil {
			b.Append(arrow.Date32(v))
			return nil
		}
		day, err := time.Parse(time.DateOnly, text)
		b.Append(arrow.Date32(day.Unix() / 86400))
		return err
	case *array.TimestampBuilder:
		if v, err := number(64); err == nil {
			b.Append(arrow.Timestamp(v))
			return nil
		}
		moment, err := time.Parse(timestampText, text)
		b.Append(arrow.Timestamp(moment.UnixMicro()))
		return err
	}
	return ErrContent
}
