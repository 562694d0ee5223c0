package worker

import (
	"bytes"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"zonebox/sandbox/internal/wire"
)

// readJSON streams an array of flat objects, or with lines one such object per
// line. Every object names every column exactly once, in any order.
//
// The reader is our own because encoding/json replaces bytes that are not UTF-8
// and lone surrogates with U+FFFD, keeps the last of two equal keys, and holds a
// token of any size in memory. Numbers stay the digits they are (RFC 8259 §6
// leaves precision to the reader).
func readJSON(src io.Reader, lines bool, columns []wire.Column, out *emitter) error {
	parse, err := parsersFor(columns, out)
	if err != nil {
		return err
	}
	r := &jsonReader{in: newWindow(src), columns: columns, index: make(map[string]int, len(columns)), cells: make([]jsonCell, len(columns))}
	for i, c := range columns {
		r.index[c.Name] = i
	}
	c, err := r.token()
	if err == nil && !lines {
		if c != '[' {
			return faulted("format")
		}
		r.in.pos++
		c, err = r.token()
	}
	if err == io.EOF {
		return faulted("format")
	}
	for row := int64(1); err == nil && (lines || c != ']'); row++ {
		if err := r.object(); err != nil {
			return atRow(err, row)
		}
		for i, cell := range r.cells {
			out.size += len(cell.text) + 1
			if code := cell.put(parse[i], out.builder.Field(i).AppendNull, columns[i].Type); code != "" {
				return &fault{code: code, offset: -1, row: row, column: i}
			}
		}
		if err := out.added(1); err != nil {
			return err
		}
		if lines {
			c, err = r.newline()
		} else {
			c, err = r.next()
		}
		if err != nil && err != io.EOF {
			return atRow(err, row)
		}
	}
	if !lines && err == nil {
		r.in.pos++ // the closing bracket
		if _, err = r.token(); err == nil {
			return faulted("format")
		}
	}
	if err != io.EOF {
		return err
	}
	return out.done()
}

// atRow places a fault that knows no row yet.
func atRow(err error, row int64) error {
	if f, ok := err.(*fault); ok && f.row == 0 {
		f.row = row
	}
	return err
}

// A jsonReader reads objects whose values are no objects or arrays.
type jsonReader struct {
	in      *window
	columns []wire.Column
	index   map[string]int
	cells   []jsonCell
}

type jsonKind byte

const (
	jsonAbsent jsonKind = iota
	jsonNull
	jsonString
	jsonNumber
	jsonTrue
	jsonFalse
)

// A jsonCell is one value: a string's characters or a number's digits.
type jsonCell struct {
	kind jsonKind
	text []byte
}

// put appends the cell to the column of type typ and returns "" or a code. Text
// and times stand in strings, true and false are words, and a number may stand
// in a string as well: that is how writers whose numbers are floats keep digits.
func (c jsonCell) put(parse valueParser, null func(), typ string) string {
	want := c.kind
	switch typ {
	case "VARCHAR":
		if c.kind == jsonString {
			return parse(c.text)
		}
		want = jsonNull
	case "BOOLEAN":
		if c.kind == jsonTrue || c.kind == jsonFalse {
			return parse(c.text)
		}
		want = jsonNull
	case "DATE", "TIMESTAMP":
		if c.kind != jsonString {
			want = jsonNull
		}
	default:
		if c.kind != jsonString && c.kind != jsonNumber {
			want = jsonNull
		}
	}
	switch {
	case c.kind != want:
		return "value"
	case c.kind == jsonNull:
		null()
		return ""
	}
	return parse(c.text)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// token returns the next byte that is no white space without using it.
func (r *jsonReader) token() (byte, error) {
	for {
		for i, c := range r.in.rest() {
			if !isSpace(c) {
				r.in.pos += i
				return c, nil
			}
		}
		r.in.pos = len(r.in.buf)
		if r.in.eof {
			return 0, io.EOF
		}
		if err := r.in.fill(); err != nil {
			return 0, err
		}
	}
}

// next uses what stands between two elements of an array and returns the first
// byte of the next element, or the closing bracket.
func (r *jsonReader) next() (byte, error) {
	c, err := r.token()
	if err == io.EOF {
		return 0, faulted("format")
	}
	if err != nil || c == ']' {
		return c, err
	}
	if c != ',' {
		return 0, faulted("format")
	}
	r.in.pos++
	if c, err = r.token(); err == io.EOF || err == nil && c == ']' {
		return 0, faulted("format")
	}
	return c, err
}

// newline uses what stands between two lines.
func (r *jsonReader) newline() (byte, error) {
	for {
		for i, c := range r.in.rest() {
			if c == '\n' {
				r.in.pos += i
				return r.token()
			}
			if !isSpace(c) {
				return 0, faulted("format")
			}
		}
		r.in.pos = len(r.in.buf)
		if r.in.eof {
			return 0, io.EOF
		}
		if err := r.in.fill(); err != nil {
			return 0, err
		}
	}
}

// object reads one object into r.cells, whose text is valid until the next call.
func (r *jsonReader) object() error {
	for {
		for i := range r.cells {
			r.cells[i] = jsonCell{}
		}
		n, err := r.split(r.in.rest())
		if err == errMore {
			if r.in.eof {
				return faulted("format")
			}
			if err := r.in.fill(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		r.in.pos += n
		for i, c := range r.cells {
			if c.kind == jsonAbsent {
				return &fault{code: "key_missing", offset: -1, column: i}
			}
		}
		return nil
	}
}

// split reads the object in starts with and returns how many bytes it took.
func (r *jsonReader) split(in []byte) (int, error) {
	if len(in) == 0 {
		return 0, errMore
	}
	if in[0] != '{' {
		return 0, faulted("format")
	}
	at, err := skipSpace(in, 1)
	if err != nil {
		return 0, err
	}
	if in[at] == '}' {
		return at + 1, nil
	}
	for {
		var key []byte
		if key, at, err = jsonText(in, at); err != nil {
			return 0, err
		}
		column, known := r.index[string(key)]
		if !known {
			return 0, faulted("key_unknown")
		}
		cell := &r.cells[column]
		if cell.kind != jsonAbsent {
			return 0, &fault{code: "key_duplicate", offset: -1, column: column}
		}
		if at, err = skipSpace(in, at); err != nil {
			return 0, err
		}
		if in[at] != ':' {
			return 0, faulted("format")
		}
		if at, err = skipSpace(in, at+1); err != nil {
			return 0, err
		}
		if at, err = cell.read(in, at); err != nil {
			if f, ok := err.(*fault); ok {
				f.column = column
			}
			return 0, err
		}
		if at, err = skipSpace(in, at); err != nil {
			return 0, err
		}
		switch in[at] {
		case '}':
			return at + 1, nil
		case ',':
		default:
			return 0, faulted("format")
		}
		if at, err = skipSpace(in, at+1); err != nil {
			return 0, err
		}
	}
}

// skipSpace returns where the next token begins.
func skipSpace(in []byte, at int) (int, error) {
	for at < len(in) && isSpace(in[at]) {
		at++
	}
	if at == len(in) {
		return 0, errMore
	}
	return at, nil
}

// read reads the value at in[at] and returns where it ends.
func (c *jsonCell) read(in []byte, at int) (end int, err error) {
	switch first := in[at]; {
	case first == '"':
		c.kind = jsonString
		c.text, end, err = jsonText(in, at)
		return end, err
	case first == '{' || first == '[':
		return 0, faulted("nested_value")
	case first == '-' || '0' <= first && first <= '9':
		c.kind = jsonNumber
		c.text, end, err = jsonDigits(in, at)
		return end, err
	}
	for _, w := range []struct {
		word string
		kind jsonKind
	}{{"null", jsonNull}, {"true", jsonTrue}, {"false", jsonFalse}} {
		rest := in[at:]
		if len(rest) < len(w.word) && bytes.HasPrefix([]byte(w.word), rest) {
			return 0, errMore
		}
		if bytes.HasPrefix(rest, []byte(w.word)) {
			c.kind, c.text = w.kind, rest[:len(w.word)]
			return at + len(w.word), nil
		}
	}
	return 0, faulted("format")
}

// jsonDigits returns the number at in[at], by the grammar of RFC 8259 §6.
func jsonDigits(in []byte, at int) ([]byte, int, error) {
	start := at
	digits := func() bool {
		from := at
		for at < len(in) && '0' <= in[at] && in[at] <= '9' {
			at++
		}
		return at > from
	}
	is := func(set string) bool { return at < len(in) && bytes.IndexByte([]byte(set), in[at]) >= 0 }
	if is("-") {
		at++
	}
	first := at
	ok := digits() && (in[first] != '0' || at == first+1)
	if ok && is(".") {
		at++
		ok = digits()
	}
	if ok && is("eE") {
		at++
		if is("+-") {
			at++
		}
		ok = digits()
	}
	switch {
	case at == len(in):
		return nil, 0, errMore // an object ends with a brace, not with a digit
	case !ok:
		return nil, 0, faulted("format")
	}
	return in[start:at], at, nil
}

// jsonText returns the characters of the string at in[at] and where it ends. It
// does not change in.
func jsonText(in []byte, at int) ([]byte, int, error) {
	if in[at] != '"' {
		return nil, 0, faulted("format")
	}
	at++
	start := at
	var joined []byte
	for ; ; at++ {
		switch {
		case at == len(in):
			return nil, 0, errMore
		case in[at] < ' ':
			return nil, 0, faulted("format")
		case in[at] == '"':
			if joined == nil {
				return in[start:at], at + 1, nil
			}
			return append(joined, in[start:at]...), at + 1, nil
		case in[at] == '\\':
			joined = append(joined, in[start:at]...)
			c, n, err := jsonEscape(in[at:])
			if err != nil {
				return nil, 0, err
			}
			joined = utf8.AppendRune(joined, c)
			at += n - 1
			start = at + 1
		}
	}
}

// jsonEscape returns the character of the escape in starts with and its length.
func jsonEscape(in []byte) (rune, int, error) {
	if len(in) < 2 {
		return 0, 0, errMore
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), in[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2, nil
	}
	c, err := jsonUnit(in)
	if err != nil || !utf16.IsSurrogate(c) {
		return c, 6, err
	}
	low, err := jsonUnit(in[6:])
	if err != nil && err != errMore {
		err = faulted("encoding")
	}
	if c = utf16.DecodeRune(c, low); err == nil && c == utf8.RuneError {
		err = faulted("encoding")
	}
	return c, 12, err
}

// jsonUnit returns the UTF-16 unit of \uXXXX.
func jsonUnit(in []byte) (rune, error) {
	var unit rune
	for i := range 6 {
		if i == len(in) {
			return 0, errMore
		}
		c := in[i]
		switch {
		case i == 0 && c == '\\', i == 1 && c == 'u':
		case i > 1 && '0' <= c && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case i > 1 && 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, faulted("format")
		}
	}
	return unit, nil
}
