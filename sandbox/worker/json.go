package worker

import (
	"bytes"
	"io"

	"zonebox/sandbox/internal/wire"
)

// readJSON streams an array of flat objects, or with lines one such object per
// line. Every object names every column exactly once, in any order.
//
// The reader is our own because encoding/json replaces bytes that are not UTF-8
// and lone surrogates with U+FFFD, keeps the last of two equal keys, and holds a
// token of any size in memory. Numbers stay the digits they are (RFC 8259 §6
// leaves precision to the reader).
//
// An inspection finds the columns in the first object.
func readJSON(src io.Reader, lines bool, out *emitter) error {
	r := &jsonReader{in: newWindow(src)}
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
	if err != nil {
		return err
	}
	slots, err := r.open(out)
	if err != nil {
		return atRow(err, 1)
	}
	for row := int64(1); err == nil && (lines || c != ']'); row++ {
		if err := r.object(); err != nil {
			return atRow(err, row)
		}
		for i, cell := range r.cells {
			out.size += len(cell.text) + 1
			if code := cell.put(slots[i]); code != "" {
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
	in    *window
	index map[string]int
	cells []jsonCell
	at    int // the column that was begun last, -1 before the first
}

// open prepares for the columns of the delivery, or of the first object.
func (r *jsonReader) open(out *emitter) (intake, error) {
	names := out.names()
	if out.inspection != nil {
		var err error
		if names, err = r.keys(); err != nil {
			return nil, err
		}
	}
	r.index, r.cells = make(map[string]int, len(names)), make([]jsonCell, len(names))
	for i, name := range names {
		r.index[name] = i
	}
	return out.open(names)
}

// keys returns the keys of the object that comes next, in their order, without
// using it.
func (r *jsonReader) keys() ([]string, error) {
	for {
		var names []string
		_, err := splitObject(r.in.rest(), func(key []byte) (*jsonCell, error) {
			if code := nameFault(key); code != "" {
				return nil, faulted(code)
			}
			if names = append(names, string(key)); len(names) > wire.MaxColumns {
				return nil, faulted("columns")
			}
			return new(jsonCell), nil
		})
		if f, ok := err.(*fault); ok {
			f.column = -1
		}
		if err == nil {
			return names, nil
		}
		if err != errMore {
			return nil, err
		}
		if r.in.eof {
			return nil, faulted("format")
		}
		if err := r.in.fill(); err != nil {
			return nil, err
		}
	}
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
func (c jsonCell) put(s slot) string {
	want := c.kind
	switch s.typ {
	case "":
		if c.kind != jsonString && c.kind != jsonNull {
			return s.bare(c.text)
		}
	case "VARCHAR":
		if c.kind == jsonString {
			return s.text(c.text)
		}
		want = jsonNull
	case "BOOLEAN":
		if c.kind == jsonTrue || c.kind == jsonFalse {
			return s.text(c.text)
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
		s.null()
		return ""
	}
	return s.text(c.text)
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
			err := r.in.fill()
			if f, is := err.(*fault); is && f.code == "undecodable" {
				f.column = r.at
			}
			if err != nil {
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
	r.at = -1
	n, err := splitObject(in, func(key []byte) (*jsonCell, error) {
		column, known := r.index[string(key)]
		if !known {
			return nil, faulted("key_unknown")
		}
		cell := &r.cells[column]
		if cell.kind != jsonAbsent {
			return nil, &fault{code: "key_duplicate", offset: -1, column: column}
		}
		r.at = column
		return cell, nil
	})
	if f, ok := err.(*fault); ok && f.column == inValue {
		f.column = r.at
	}
	return n, err
}

// inValue is the column of a fault in a value, for who knows which it is.
const inValue = -2

// splitObject reads the object in starts with, asking for the cell of each key,
// and returns how many bytes it took.
func splitObject(in []byte, cellOf func(key []byte) (*jsonCell, error)) (int, error) {
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
		cell, err := cellOf(key)
		if err != nil {
			return 0, err
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
				f.column = inValue
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
