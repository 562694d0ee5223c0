package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// inputSchema holds the facts each action needs.
type inputSchema map[string]*shape

// fault is a denial that needs no rule: a fact is missing or unknown. About is
// its path in the input.
type fault struct{ code, about string }

// shape is a part of rego/input.schema.json, made to be read by: one walk says
// what is wrong with a value and gives it as the rules see it. It knows the few
// words of JSON Schema that the file uses, and refuses any other.
type shape struct {
	types            []string
	enum             []string // texts; nil if any of the types will do
	fields           map[string]field
	required         []string
	others           *shape // of members that are no fields; nil if there may be none
	items            *shape
	least, most      float64
	shortest, fewest int
}

type field struct {
	key   *ast.Term
	shape *shape
}

// compileInputSchema compiles the definition of each action's input.
func compileInputSchema(doc any) (inputSchema, error) {
	root, _ := doc.(map[string]any)
	defs, _ := root["$defs"].(map[string]any)
	s := inputSchema{}
	for _, action := range []string{ActionQuery, ActionExplain, ActionRelease, ActionLoad, ActionApply, ActionPreview, ActionReview} {
		compiled, err := compileShape(defs[action], defs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", action, err)
		}
		s[action] = compiled
	}
	return s, nil
}

// compileShape returns the shape that a schema states. Defs are what it may refer to.
func compileShape(schema any, defs map[string]any) (*shape, error) {
	doc, ok := schema.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no schema: %v", schema)
	}
	s := &shape{fields: map[string]field{}, least: -maxWhole, most: maxWhole}
	if ref, ok := doc["$ref"].(string); ok {
		base, err := compileShape(defs[strings.TrimPrefix(ref, "#/$defs/")], defs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref, err)
		}
		s = base
	}
	for word, value := range doc {
		var err error
		switch word {
		case "$ref":
		case "type":
			s.types, err = texts(value)
		case "enum", "const":
			s.types = []string{"string"}
			s.enum, err = texts(value)
		case "required":
			var more []string
			more, err = texts(value)
			s.required = append(s.required, more...)
		case "minimum":
			s.least, err = figure(value)
		case "maximum":
			s.most, err = figure(value)
		case "minLength":
			s.shortest, err = size(value)
		case "minItems":
			s.fewest, err = size(value)
		case "items":
			s.items, err = compileShape(value, defs)
		case "additionalProperties":
			if value != false {
				s.others, err = compileShape(value, defs)
			}
		case "properties":
			err = s.compileFields(value, defs)
		default:
			err = fmt.Errorf("%q is not a word that facts are checked by", word)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *shape) compileFields(properties any, defs map[string]any) error {
	all, _ := properties.(map[string]any)
	for name, schema := range all {
		f, err := compileShape(schema, defs)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.fields[name] = field{ast.StringTerm(name), f}
	}
	return nil
}

// texts reads one text or a list of them.
func texts(value any) (all []string, err error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, one := range list {
		text, ok := one.(string)
		if !ok {
			return nil, fmt.Errorf("%v is no text", one)
		}
		all = append(all, text)
	}
	return all, nil
}

func figure(value any) (float64, error) { return strconv.ParseFloat(fmt.Sprint(value), 64) }

func size(value any) (int, error) { return strconv.Atoi(fmt.Sprint(value)) }

// maxWhole bounds the numbers that JSON gives exactly: beyond it, either way, a
// number is no fact.
const maxWhole = 1<<53 - 1

// check returns input as the rules see it, and every fact of it that is missing,
// of the wrong shape, or not known, sorted by code and path. Input is as
// encoding/json reads it.
func (s inputSchema) check(input any) (ast.Value, []fault) {
	doc, _ := input.(map[string]any)
	action, _ := doc["action"].(string)
	shape, ok := s[action]
	if !ok {
		return nil, []fault{{codeMissing, "action"}}
	}
	term, faults := shape.read(input, nil)
	for i := range faults {
		faults[i].about = strings.TrimSuffix(faults[i].about, ".")
	}
	slices.SortFunc(faults, func(a, b fault) int {
		return strings.Compare(a.code+" "+a.about, b.code+" "+b.about)
	})
	return term.Value, slices.Compact(faults)
}

// read returns value as the rules see it, and faults with those of value. Their
// paths begin at value and end in a dot.
func (s *shape) read(value any, faults []fault) (*ast.Term, []fault) {
	wrong := func() (*ast.Term, []fault) { return ast.InternedNullTerm, append(faults, fault{code: codeMissing}) }
	switch v := value.(type) {
	case map[string]any:
		if !slices.Contains(s.types, "object") {
			return wrong()
		}
		return s.readObject(v, faults)
	case []any:
		if !slices.Contains(s.types, "array") || s.items == nil || len(v) < s.fewest {
			return wrong()
		}
		terms := make([]*ast.Term, len(v))
		for i, item := range v {
			before := len(faults)
			terms[i], faults = s.items.read(item, faults)
			under(faults[before:], strconv.Itoa(i))
		}
		return ast.ArrayTerm(terms...), faults
	case string:
		if !slices.Contains(s.types, "string") || utf8.RuneCountInString(v) < s.shortest || s.enum != nil && !slices.Contains(s.enum, v) {
			return wrong()
		}
		return ast.InternedTerm(v), faults
	case bool:
		if !slices.Contains(s.types, "boolean") {
			return wrong()
		}
		return ast.InternedTerm(v), faults
	case float64:
		if !slices.Contains(s.types, "integer") || v != math.Trunc(v) || v < max(s.least, -maxWhole) || v > min(s.most, maxWhole) {
			return wrong()
		}
		return ast.InternedTerm(int64(v)), faults
	case nil:
		if !slices.Contains(s.types, "null") {
			return wrong()
		}
		return ast.InternedNullTerm, faults
	}
	return wrong()
}

func (s *shape) readObject(value map[string]any, faults []fault) (*ast.Term, []fault) {
	for _, name := range s.required {
		if _, ok := value[name]; !ok {
			faults = append(faults, fault{codeMissing, name + "."})
		}
	}
	members := make([][2]*ast.Term, 0, len(value))
	for name, member := range value {
		f, ok := s.fields[name]
		switch {
		case !ok && s.others == nil:
			faults = append(faults, fault{codeUnknown, name + "."})
			continue
		case !ok:
			f = field{ast.StringTerm(name), s.others}
		}
		before := len(faults)
		var term *ast.Term
		term, faults = f.shape.read(member, faults)
		under(faults[before:], name)
		members = append(members, [2]*ast.Term{f.key, term})
	}
	return ast.ObjectTerm(members...), faults
}

// under puts name before the paths of faults.
func under(faults []fault, name string) {
	for i := range faults {
		faults[i].about = name + "." + faults[i].about
	}
}
