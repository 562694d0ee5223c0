package ast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The tree comes from a worker, which a hostile statement may have taken over,
// so its size is bounded before anything is built from it. A node of the
// engine takes at most a few dozen JSON values and four levels of nesting.
const (
	maxBytes  = 64 << 20
	maxValues = 3_000_000
	maxLevels = 4 * maxDepth
	maxFields = 64 // of one object; the engine's largest node has 21
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
// is). Numbers keep their digits.
func parse(text []byte) (any, error) {
	if len(text) > maxBytes {
		return nil, ErrLimit
	}
	if !utf8.Valid(text) || !plainEscapes(text) {
		return nil, ErrDocument
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	r := reader{dec: dec}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, ErrDocument
	}
	return v, nil
}

// plainEscapes reports whether every \u escape stands for an ASCII character.
func plainEscapes(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if i < len(text) && text[i] == 'u' {
			if i+3 >= len(text) || text[i+1] != '0' || text[i+2] != '0' || text[i+3] > '7' {
				return false
			}
		}
	}
	return true
}

type reader struct {
	dec    *json.Decoder
	values int
}

func (r *reader) value(level int) (any, error) {
	t, err := r.dec.Token()
	if err != nil {
		return nil, ErrDocument
	}
	if r.values++; r.values > maxValues || level > maxLevels {
		return nil, ErrLimit
	}
	switch t {
	case json.Delim('{'):
		return r.object(level)
	case json.Delim('['):
		return r.array(level)
	}
	return t, nil
}

func (r *reader) object(level int) (any, error) {
	o := &object{}
	for r.dec.More() {
		t, err := r.dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, ErrDocument
		}
		if len(*o) == maxFields {
			return nil, ErrLimit
		}
		if _, twice := o.get(name); twice {
			return nil, ErrDocument
		}
		v, err := r.value(level + 1)
		if err != nil {
			return nil, err
		}
		*o = append(*o, field{name, v})
	}
	return o, r.close()
}

func (r *reader) array(level int) (any, error) {
	list := []any{}
	for r.dec.More() {
		v, err := r.value(level + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, r.close()
}

func (r *reader) close() error {
	if _, err := r.dec.Token(); err != nil {
		return ErrDocument
	}
	return nil
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
