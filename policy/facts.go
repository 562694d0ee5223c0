package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// inputSchema holds the facts each action needs.
type inputSchema map[string]*jsonschema.Schema

// fault is a denial that needs no rule: a fact is missing or unknown. About is
// its path in the input.
type fault struct{ code, about string }

// compileInputSchema compiles the definition of each action's input.
func compileInputSchema(doc any) (inputSchema, error) {
	s := inputSchema{}
	for _, action := range []string{ActionQuery, ActionExplain, ActionRelease, ActionLoad, ActionApply, ActionPreview} {
		compiled, err := compileSchema("input.schema.json", doc, "/$defs/"+action)
		if err != nil {
			return nil, err
		}
		s[action] = compiled
	}
	return s, nil
}

// check returns every fact of input that is missing, of the wrong shape, or
// not known, sorted by code and path.
func (s inputSchema) check(input any) []fault {
	doc, _ := input.(map[string]any)
	action, _ := doc["action"].(string)
	schema, ok := s[action]
	if !ok {
		return []fault{{codeMissing, "action"}}
	}
	err := schema.Validate(input)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []fault{{codeMissing, "input"}}
	}
	faults := collect(nil, invalid)
	slices.SortFunc(faults, func(a, b fault) int {
		return strings.Compare(a.code+" "+a.about, b.code+" "+b.about)
	})
	return slices.Compact(faults)
}

// collect appends the faults at the leaves of a validation error.
func collect(faults []fault, e *jsonschema.ValidationError) []fault {
	at := strings.Join(e.InstanceLocation, ".")
	under := func(name string) string { return strings.TrimPrefix(at+"."+name, ".") }
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			faults = append(faults, fault{codeMissing, under(name)})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			faults = append(faults, fault{codeUnknown, under(name)})
		}
	default:
		if len(e.Causes) == 0 {
			faults = append(faults, fault{codeMissing, fmt.Sprint(at)})
		}
	}
	for _, cause := range e.Causes {
		faults = collect(faults, cause)
	}
	return faults
}
