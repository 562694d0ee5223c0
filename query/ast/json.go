package ast

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The tree comes from a worker, which a hostile statement may have taken over,
// so its size is bounded before anything is built from it. A node of the
// engine takes at most a few dozen JSON values and four levels of nesting.
const (
	maxBytes  = 64 << 20
	maxValues = 3_000_000
	maxLevels = 4 * maxDepth
	maxFields = 64      // of one object; the engine's largest node has 21
	maxText   = 1 << 20 // bytes of one text; a whole statement has no more
)

// Errors of a document that is no tree at all, as opposed to *UnknownError.
var (
	ErrDocument  = errors.New("not a serialized statement")
	ErrStatement = errors.New("not exactly one statement")
	ErrLimit     = errors.New("statement too large")
)

// object is a JSON object in document order. The values of its fields are
// *object, []any, string, json.Number, bool or nil.
type object []field

type field struct {
	name  string
	value any
}

func (o *object) get(name string) (any, bool) {
	for _, f := range *o {
		if f.name == name {
			return f.value, true
		}
	}
	return nil, false
}

// parse reads one JSON value. It is stricter than encoding/json, which lets two
// different documents read alike: repeated names, invalid UTF-8 and escapes of
// anything but ASCII are errors (the engine writes text outside ASCII as it
// is). Numbers keep their digits. It is also some times faster and takes less than
// 400 MB for any document: the tree is built in the process that holds the keys,
// and its values share the text.
func parse(text []byte) (any, error) {
	if len(text) > maxBytes {
		return nil, ErrLimit
	}
	if !utf8.Valid(text) {
		return nil, ErrDocument
	}
	r := reader{text: string(text)}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.next() != 0 || r.at < len(r.text) {
		return nil, ErrDocument
	}
	return v, nil
}

// reader is a recursive descent over RFC 8259's grammar.
type reader struct {
	text   string
	at     int
	values int
}

// next skips white space and returns the byte after it, 0 at the end.
func (r *reader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// skip consumes c if it comes next.
func (r *reader) skip(c byte) bool {
	if r.next() != c || r.at == len(r.text) {
		return false
	}
	r.at++
	return true
}

func (r *reader) value(level int) (any, error) {
	if r.values++; r.values > maxValues || level > maxLevels {
		return nil, ErrLimit
	}
	switch c := r.next(); c {
	case '{':
		return r.object(level)
	case '[':
		return r.array(level)
	case '"':
		return r.string()
	case 't':
		return r.word("true", true)
	case 'f':
		return r.word("false", false)
	case 'n':
		return r.word("null", nil)
	}
	return r.number()
}

func (r *reader) word(word string, value any) (any, error) {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return nil, ErrDocument
	}
	r.at += len(word)
	return value, nil
}

func (r *reader) number() (any, error) {
	start := r.at
	digits := func() bool {
		first := r.at
		for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
			r.at++
		}
		return r.at > first
	}
	is := func(set string) bool {
		if r.at == len(r.text) || strings.IndexByte(set, r.text[r.at]) < 0 {
			return false
		}
		r.at++
		return true
	}
	is("-")
	if !is("0") && !digits() || is(".") && !digits() {
		return nil, ErrDocument
	}
	if is("eE") {
		is("+-")
		if !digits() {
			return nil, ErrDocument
		}
	}
	return json.Number(r.text[start:r.at]), nil
}

// string reads a text, which begins at the quote.
func (r *reader) string() (string, error) {
	r.at++
	rest := r.text[r.at:]
	plain := 0
	for plain < len(rest) && rest[plain] >= ' ' && rest[plain] != '"' && rest[plain] != '\\' {
		plain++
	}
	switch {
	case plain > maxText:
		return "", ErrLimit
	case plain < len(rest) && rest[plain] == '"':
		r.at += plain + 1
		return rest[:plain], nil
	}
	out := []byte(rest[:plain])
	for i := plain; i < len(rest); i++ {
		c := rest[i]
		switch {
		case len(out) > maxText:
			return "", ErrLimit
		case c == '"':
			r.at += i + 1
			return string(out), nil
		case c < ' ':
			return "", ErrDocument
		case c == '\\':
			plain, n := escaped(rest[i:])
			if n == 0 {
				return "", ErrDocument
			}
			c, i = plain, i+n-1
		}
		out = append(out, c)
	}
	return "", ErrDocument
}

// escaped returns the ASCII character that the escape at the start of s stands
// for and the length of the escape, 0 if it is none.
func escaped(s string) (c byte, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return s[1], 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		if len(s) < 6 {
			return 0, 0
		}
		if code, err := strconv.ParseUint(s[2:6], 16, 16); err == nil && code < utf8.RuneSelf {
			return byte(code), 6
		}
	}
	return 0, 0
}

func (r *reader) object(level int) (any, error) {
	o := &object{}
	r.at++
	for !r.skip('}') {
		if len(*o) > 0 && !r.skip(',') || r.next() != '"' {
			return nil, ErrDocument
		}
		if len(*o) == maxFields {
			return nil, ErrLimit
		}
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		if _, twice := o.get(name); twice || !r.skip(':') {
			return nil, ErrDocument
		}
		v, err := r.value(level + 1)
		if err != nil {
			return nil, err
		}
		*o = append(*o, field{name, v})
	}
	return o, nil
}

func (r *reader) array(level int) (any, error) {
	list := []any{}
	r.at++
	for !r.skip(']') {
		if len(list) > 0 && !r.skip(',') {
			return nil, ErrDocument
		}
		v, err := r.value(level + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// UnknownError refuses a statement that uses something this package does not
// know. It holds names of the engine's grammar, never text of the statement.
type UnknownError struct {
	// Node is the kind of the node as the engine spells it: WINDOW,
	// SET_OPERATION_NODE, TABLE_FUNCTION, ARRAY_EXTRACT and so on.
	Node string
	// Field is empty if the whole kind is unknown. Otherwise it is the field,
	// followed by = and its value if that is an enumeration: join_type=SEMI.
	Field string
	// Offset is the byte offset in the statement, NoLocation if the tree
	// gives none.
	Offset int
}

func (e *UnknownError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("ast: decode %s at offset %d: unknown kind of node", e.Node, e.Offset)
	}
	return fmt.Sprintf("ast: decode %s at offset %d: unknown field or value %s", e.Node, e.Offset, e.Field)
}

// word returns s if it could be a name of the engine's grammar. The tree is
// hostile, so nothing else may enter an error.
func word(s string) string {
	if s == "" || len(s) > 40 {
		return "?"
	}
	for _, c := range []byte(s) {
		if c != '_' && c != ' ' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "?"
		}
	}
	return s
}
