package worker

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/sandbox/internal/wire"
)

// readCSV streams UTF-8 with a header. Empty fields are null, quoted or not.
// delimiter is found if it is 0.
func readCSV(src *textReader, delimiter byte, out *emitter) error {
	sample, err := src.Peek(sampleSize)
	if len(sample) == 0 && err != nil && err != io.EOF {
		return err
	}
	d := dialectOf(sample, err != nil, delimiter)
	if delimiter == 0 && out.inspection == nil {
		d.delimiter = out.delimiterOf(sample, err != nil, d.delimiter)
	}
	out.found(func(s *wire.Shape) { d.describe(s) })
	r := &csvReader{in: newWindow(src), delimiter: d.delimiter, strict: true}
	var names []string
	if out.inspection != nil && !d.header {
		names = unnamed(d.width)
	} else {
		fields, err := r.record()
		if err == io.EOF {
			return faulted("header_absent")
		}
		if err != nil {
			return inHeader(err)
		}
		for _, f := range fields {
			if code := nameFault(f); code != "" {
				return faulted(code)
			}
			names = append(names, string(f))
		}
	}
	cells, err := out.open(names)
	if err != nil {
		return err
	}
	r.width = len(names)
	for row := int64(1); ; row++ {
		fields, err := r.record()
		if err == io.EOF {
			return out.done()
		}
		if f, ok := err.(*fault); ok {
			f.row, f.column = row, cells.expected(f.column)
		}
		if err != nil {
			return err
		}
		for at, field := range fields {
			out.size += len(field) + 1
			if len(field) == 0 {
				cells[at].null()
			} else if code := cells[at].text(field); code != "" {
				return &fault{code: code, offset: -1, row: row, column: cells[at].column}
			}
		}
		if err := out.added(1); err != nil {
			return err
		}
	}
}

// inHeader is the error of a header, which has no columns yet.
func inHeader(err error) error {
	if f, ok := err.(*fault); ok {
		f.column = -1
	}
	return err
}

// A csvReader splits records by RFC 4180, strictly: a quote may stand only around
// a whole field, doubled inside. Records end with LF or CRLF.
type csvReader struct {
	in        *window
	delimiter byte
	width     int  // fields of a record, 0 until the header is known
	strict    bool // a CR of no line end is a fault; a sample is looked at as it is
	fields    [][]byte
}

// record returns the next record's fields, valid until the next call, or io.EOF.
// Blank lines are skipped unless a record has one field only.
func (r *csvReader) record() ([][]byte, error) {
	for {
		fields, n, err := r.split(r.in.rest())
		if err == errMore {
			err := r.in.fill()
			if f, ok := err.(*fault); ok && f.code == "undecodable" {
				f.column = len(r.fields) // of the field that is under way
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		blank := len(fields) == 1 && len(fields[0]) == 0 && r.in.rest()[0] != '"'
		r.in.pos += n
		if blank && r.width != 1 {
			continue
		}
		if r.width > 0 && len(fields) != r.width {
			return nil, faulted("fields")
		}
		return fields, nil
	}
}

// split cuts the first record off in and returns how many bytes it took.
func (r *csvReader) split(in []byte) ([][]byte, int, error) {
	r.fields = r.fields[:0]
	delimiter := r.delimiter
	if len(in) == 0 {
		if r.in.eof {
			return nil, 0, io.EOF
		}
		return nil, 0, errMore
	}
	for at := 0; ; {
		var field []byte
		if at < len(in) && in[at] == '"' {
			var n int
			if field, n = unquote(in[at:]); n < 0 {
				if r.in.eof {
					return nil, 0, faulted("quote")
				}
				return nil, 0, errMore
			}
			at += n
		} else {
			start := at
			for at < len(in) {
				c := in[at]
				if c == delimiter || c == '\n' {
					break
				}
				if c == '"' {
					return nil, 0, faulted("quote")
				}
				if c == '\r' && r.strict && at+1 < len(in) && in[at+1] != '\n' {
					return nil, 0, faulted("line_ends") // a line to others, and no character of a value
				}
				at++
			}
			field = in[start:at]
			if at < len(in) && in[at] == '\n' || at == len(in) {
				// The end of a record, not of a value: its CR is not part of it.
				field = bytes.TrimSuffix(field, []byte("\r"))
			}
		}
		r.fields = append(r.fields, field)
		switch {
		case at == len(in) && r.in.eof:
			return r.fields, at, nil
		case at == len(in):
			return nil, 0, errMore
		case in[at] == delimiter:
			at++
			if at == len(in) && !r.in.eof {
				return nil, 0, errMore
			}
		case in[at] == '\n':
			return r.fields, at + 1, nil
		case in[at] == '\r' && at+1 < len(in) && in[at+1] == '\n':
			return r.fields, at + 2, nil
		case in[at] == '\r' && at+1 == len(in) && !r.in.eof:
			return nil, 0, errMore
		case in[at] == '\r' && at+1 == len(in):
			return r.fields, at + 1, nil
		default:
			return nil, 0, faulted("quote") // something after a closing quote
		}
	}
}

// unquote returns the field whose opening quote in starts with and how many
// bytes it took, or -1 if its closing quote is not in in. It does not change in:
// the record may be split again when more input has come.
func unquote(in []byte) ([]byte, int) {
	var joined []byte
	for start, at := 1, 1; ; {
		i := bytes.IndexByte(in[at:], '"')
		if i < 0 {
			return nil, -1
		}
		at += i + 1
		if at < len(in) && in[at] == '"' {
			joined = append(joined, in[start:at]...)
			at++
			start = at
			continue
		}
		if joined == nil {
			return in[start : at-1], at
		}
		return append(joined, in[start:at-1]...), at
	}
}

// A valueParser appends the value of a field that is not empty to its column
// and returns "", or the code of what is wrong with it.
type valueParser func(field []byte) string

func parserFor(typ string, b array.Builder) valueParser {
	switch b := b.(type) {
	case *array.StringBuilder:
		return func(f []byte) string {
			if code := textFault(f); code != "" {
				return code
			}
			b.BinaryBuilder.Append(f)
			return ""
		}
	case *array.Int64Builder:
		return appendParsed(b.Append, parseInt)
	case *array.Float64Builder:
		return appendParsed(b.Append, parseDouble)
	case *array.BooleanBuilder:
		return appendParsed(b.Append, parseBool)
	case *array.Date32Builder:
		return appendParsed(b.Append, parseDate)
	case *array.TimestampBuilder:
		return appendParsed(b.Append, parseTimestamp)
	case *array.Decimal128Builder:
		precision, scale, ok := wire.Decimal(typ)
		if !ok {
			return nil
		}
		return appendParsed(b.Append, decimalParser(int(precision), int(scale)))
	}
	return nil
}

// textFault returns the code of what no text may hold, or "": bytes that are not
// UTF-8, a zero character, and a byte order mark.
func textFault(f []byte) string {
	if !utf8.Valid(f) || bytes.IndexByte(f, 0) >= 0 {
		return "encoding"
	}
	if i := bytes.IndexByte(f, byteOrderMark[0]); i >= 0 && bytes.Contains(f[i:], byteOrderMark) {
		return "mark"
	}
	return ""
}

func appendParsed[T any](appendValue func(T), parse func(string) (T, bool)) valueParser {
	return func(f []byte) string {
		v, ok := parse(string(f))
		if !ok {
			return "value"
		}
		appendValue(v)
		return ""
	}
}
