package ast

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	maxNodes = 100_000
	maxDepth = 1000
	// maxDigits bounds one number; 128 bits take 40 characters with the sign.
	maxDigits = 40
)

// Decode returns the typed form of tree, the text json_serialize_sql of DuckDB
// 1.5.5 gives for exactly one SELECT under its default compatibility version.
//
// It is strict: each node must have exactly the fields that version writes,
// with values this package knows. Anything else is an *UnknownError, so a newer
// engine or a construct we have not studied is refused rather than
// misunderstood. A document that is no statement gives ErrDocument, several
// statements ErrStatement, more than 100,000 nodes or 1,000 levels ErrLimit.
func Decode(tree []byte) (q Query, err error) {
	v, err := parse(tree)
	if err != nil {
		return nil, fmt.Errorf("ast: decode tree: %w", err)
	}
	d := &decoder{at: NoLocation, parameters: map[string]*Parameter{}}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case refusal:
			q, err = nil, p.err
		default:
			panic(p)
		}
	}()
	return d.document(v), nil
}

// refusal carries the one error that ends a decoding up to Decode, so that the
// hundred places that can find one stay readable.
type refusal struct{ err error }

// decoder counts what it has decoded and remembers the last location it saw,
// for errors about parts that have none.
type decoder struct {
	nodes, depth int
	at           int
	parameters   map[string]*Parameter // by identifier
}

// record is one object while it is decoded: every field must be taken, and
// taken once.
type record struct {
	d    *decoder
	kind string // for errors
	obj  *object
	left map[string]any
}

func (d *decoder) record(kind string, v any) *record {
	o, ok := v.(*object)
	if !ok {
		panic(refusal{&UnknownError{Node: kind, Offset: d.at}})
	}
	left := make(map[string]any, len(*o))
	for _, f := range *o {
		left[f.name] = f.value
	}
	return &record{d: d, kind: kind, obj: o, left: left}
}

// enter counts a node; the caller defers leave.
func (d *decoder) enter() {
	d.count(1)
	d.depth++
	if d.depth > maxDepth {
		d.limit()
	}
}

func (d *decoder) count(nodes int) {
	if d.nodes += nodes; d.nodes > maxNodes {
		d.limit()
	}
}

func (d *decoder) limit() {
	panic(refusal{fmt.Errorf("ast: decode tree: %w", ErrLimit)})
}

func (d *decoder) leave() { d.depth-- }

// fail refuses the record because of a field, or of its kind if field is "".
func (r *record) fail(field string) {
	at := offset(r.obj)
	if at == NoLocation {
		at = r.d.at
	}
	panic(refusal{&UnknownError{Node: r.kind, Field: field, Offset: at}})
}

// offset returns the location of v or else the first location inside it.
func offset(v any) int {
	first := NoLocation
	switch v := v.(type) {
	case *object:
		if own, ok := v.get("query_location"); ok {
			if n, ok := own.(json.Number); ok {
				if at, ok := location(n); ok && at != NoLocation {
					return at
				}
			}
		}
		for _, f := range *v {
			first = earlier(first, offset(f.value))
		}
	case []any:
		for _, e := range v {
			first = earlier(first, offset(e))
		}
	}
	return first
}

func earlier(a, b int) int {
	if a == NoLocation || b != NoLocation && b < a {
		return b
	}
	return a
}

// location reads a query_location; the engine writes the largest uint64 for
// none.
func location(n json.Number) (int, bool) {
	u, err := strconv.ParseUint(n.String(), 10, 64)
	switch {
	case err != nil:
		return 0, false
	case u == math.MaxUint64:
		return NoLocation, true
	case u > math.MaxInt32:
		return 0, false
	}
	return int(u), true
}

func (r *record) take(name string) any {
	v, ok := r.left[name]
	if !ok {
		r.fail(name)
	}
	delete(r.left, name)
	return v
}

// done refuses a record with fields nobody took.
func (r *record) done() {
	for _, f := range *r.obj {
		if _, ok := r.left[f.name]; ok {
			r.fail(word(f.name))
		}
	}
}

func (r *record) text(name string) string {
	s, ok := r.take(name).(string)
	if !ok || strings.ContainsRune(s, 0) {
		r.fail(name)
	}
	return s
}

func (r *record) flag(name string) bool {
	b, ok := r.take(name).(bool)
	if !ok {
		r.fail(name)
	}
	return b
}

func (r *record) integer(name string) json.Number {
	n, ok := r.take(name).(json.Number)
	if !ok || len(n) > maxDigits || strings.ContainsAny(n.String(), ".eE") || n == "-0" {
		r.fail(name)
	}
	return n
}

// small takes an integer between 0 and limit.
func (r *record) small(name string, limit int) int {
	n, err := strconv.Atoi(r.integer(name).String())
	if err != nil || n < 0 || n > limit {
		r.fail(name)
	}
	return n
}

func (r *record) list(name string) []any {
	l, ok := r.take(name).([]any)
	if !ok {
		r.fail(name)
	}
	return l
}

// names takes a list of identifiers, nil if empty.
func (r *record) names(name string) []string {
	var names []string
	for _, v := range r.list(name) {
		s, ok := v.(string)
		if !ok || s == "" || strings.ContainsRune(s, 0) {
			r.fail(name)
		}
		names = append(names, s)
	}
	return names
}

// must refuses a field that has not the one value we can represent.
func (r *record) must(name string, ok bool) {
	if !ok {
		r.fail(name)
	}
}

// null refuses a field that is not null.
func (r *record) null(name string) { r.must(name, r.take(name) == nil) }

// empty refuses a field that is not an empty list.
func (r *record) empty(name string) { r.must(name, len(r.list(name)) == 0) }

func (r *record) location() int {
	at, ok := location(r.integer("query_location"))
	r.must("query_location", ok)
	if at != NoLocation {
		r.d.at = at
	}
	return at
}

// oneOf takes an enumeration.
func oneOf[T ~string](r *record, name string, known ...T) T {
	s := T(r.text(name))
	if !slices.Contains(known, s) {
		r.fail(name + "=" + word(string(s)))
	}
	return s
}

func (d *decoder) document(v any) Query {
	r := d.record("document", v)
	if failed, ok := r.left["error"].(bool); !ok || failed {
		panic(refusal{fmt.Errorf("ast: decode tree: %w", ErrDocument)})
	}
	r.flag("error")
	statements := r.list("statements")
	if len(statements) != 1 {
		panic(refusal{fmt.Errorf("ast: decode tree: %w", ErrStatement)})
	}
	r.done()
	s := d.record("SELECT_STATEMENT", statements[0])
	q := d.query(s.take("node"))
	d.declared(s)
	s.done()
	return q
}

// declared checks the list of parameters of the root: each parameter once, with
// its position or, by name, a number of its own.
func (d *decoder) declared(r *record) {
	seen, numbers := map[string]bool{}, map[int]bool{}
	named := 0
	for _, v := range r.list("named_param_map") {
		p := d.record("PARAMETER", v)
		name, n := fold(p.text("key")), p.small("value", math.MaxInt32)
		p.done()
		known := d.parameters[name]
		r.must("named_param_map", known != nil && !seen[name] && !numbers[n] && n > 0 && (known.Name != "" || known.Position == n))
		seen[name], numbers[n] = true, true
		if known.Name != "" {
			named++
		}
	}
	r.must("named_param_map", len(seen) == len(d.parameters) && (named == 0 || named == len(seen)))
}
