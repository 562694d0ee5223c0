package policy

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// faultsOf returns what an independent reader of JSON Schema holds against input.
func faultsOf(t *testing.T, schemas map[string]*jsonschema.Schema, input any) []fault {
	t.Helper()
	action, _ := input.(map[string]any)["action"].(string)
	schema, ok := schemas[action]
	if !ok {
		return []fault{{codeMissing, "action"}}
	}
	err := schema.Validate(input)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var faults []fault
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
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
				faults = append(faults, fault{codeMissing, at})
			}
		}
		for _, cause := range e.Causes {
			collect(cause)
		}
	}
	collect(invalid)
	slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.code+" "+a.about, b.code+" "+b.about) })
	return slices.Compact(faults)
}

// What check says of facts is what the schema says by another reader of it, over
// random changes of every case's facts; and facts without a fault are given to the
// rules as they are.
func TestFactsAreCheckedAsTheSchemaSays(t *testing.T) {
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := compileInputSchema(b.inputSchema)
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[string]*jsonschema.Schema{}
	for action := range own {
		if schemas[action], err = compileSchema("input.schema.json", b.inputSchema, "/$defs/"+action); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	whole, faulty := 0, 0
	for _, c := range judgedCases(t) {
		given, err := ast.JSON(c.input)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			var doc any
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			for range min(n, 3) {
				doc = changed(r, doc)
			}
			if _, ok := doc.(map[string]any); !ok {
				continue
			}
			value, got := own.check(doc)
			if want := faultsOf(t, schemas, doc); !slices.Equal(got, want) {
				t.Fatalf("%s: check = %q, the schema says %q", c.name, got, want)
			}
			if len(got) > 0 {
				faulty++
				continue
			}
			whole++
			want, err := ast.InterfaceToValue(doc)
			if err != nil {
				t.Fatal(err)
			}
			if value.Compare(want) != 0 {
				t.Fatalf("%s: the rules would see %v of %v", c.name, value, want)
			}
		}
	}
	t.Logf("%d whole, %d faulty", whole, faulty)
	if whole < 300 || faulty < 500 {
		t.Error("one side was hardly tried")
	}
}

// changed returns doc with one change somewhere in it.
func changed(r *rand.Rand, doc any) any {
	other := []any{nil, true, "", "x", 0.0, -1.0, 1.5, 3.0, 1e15, []any{}, []any{"x"}, []any{""}, map[string]any{}, map[string]any{"x": 1.0}}
	if r.IntN(12) == 0 {
		return other[r.IntN(len(other))]
	}
	switch v := doc.(type) {
	case map[string]any:
		if len(v) == 0 || r.IntN(10) == 0 {
			v["surprise"] = true
			return v
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		name := names[r.IntN(len(names))]
		if r.IntN(8) == 0 {
			delete(v, name)
			return v
		}
		v[name] = changed(r, v[name])
	case []any:
		if len(v) > 0 {
			at := r.IntN(len(v))
			v[at] = changed(r, v[at])
		}
	default:
		return other[r.IntN(len(other))]
	}
	return doc
}

// A number that JSON does not give exactly is no fact, whatever the schema admits.
func TestANumberThatIsNotExactIsNoFact(t *testing.T) {
	e := testEvaluator(t)
	for number, want := range map[string]Verdict{"2": Allow, "9007199254740991": Deny, "9007199254740993": Deny, "1e300": Deny, "2.5": Deny} {
		raw, err := json.Marshal(allowed(t))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(raw), `"level":2`, `"level":`+number, 1)
		if d, _ := e.decide(t.Context(), []byte(changed), Input{}); d.Verdict != want {
			t.Errorf("level %s = %v, want %v", number, d.Verdict, want)
		}
	}
	of := &shape{types: []string{"integer"}, least: -maxWhole, most: maxWhole}
	for number, want := range map[float64]bool{0: true, -5: true, maxWhole: true, maxWhole + 1: false, -maxWhole - 1: false, 1.5: false} {
		if _, faults := of.read(number, nil); (len(faults) == 0) != want {
			t.Errorf("%v is a fact: %v, want %v", number, !want, want)
		}
	}
}

func TestASchemaWithAWordThatChecksNothingIsRefused(t *testing.T) {
	for _, schema := range []string{
		`{"type": "string", "pattern": "^a$"}`,
		`{"type": "object", "properties": {"a": {"oneOf": []}}}`,
		`{"$ref": "#/$defs/none"}`,
		`{"type": "array", "items": true}`,
		`{"type": "object", "additionalProperties": true}`,
		`{"type": 1}`, `{"minLength": "x"}`, `[]`,
	} {
		var doc any
		if err := json.Unmarshal([]byte(schema), &doc); err != nil {
			t.Fatal(err)
		}
		if _, err := compileShape(doc, nil); err == nil {
			t.Errorf("%s compiled", schema)
		}
	}
}
