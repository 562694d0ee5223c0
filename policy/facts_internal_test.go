package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var clock = time.Date(2025, 6, 2, 10, 0, 0, 0, time.FixedZone("", 8*3600))

func testEvaluator(t testing.TB) *Evaluator {
	t.Helper()
	e, err := New(t.Context(), Config{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// allowed returns the document of the allowed query as the rules see it.
func allowed(t testing.TB) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("testdata/query.json")
	if err != nil {
		t.Fatal(err)
	}
	var in Input
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	in.Capabilities = Capabilities()
	doc, err := json.Marshal(document{Input: in, Binding: in.binding()})
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func verdict(t testing.TB, e *Evaluator, doc any) Decision {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := e.decide(t.Context(), raw, Input{})
	return d
}

// eachValue calls f for every value in doc with a path to it and functions that
// take it out and put it back.
func eachValue(path string, doc any, f func(path string, remove, restore func())) {
	m, ok := doc.(map[string]any)
	if list, isList := doc.([]any); isList {
		for i, v := range list {
			eachValue(fmt.Sprintf("%s.%d", path, i), v, f)
		}
	}
	if !ok {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value, at := m[key], strings.TrimPrefix(path+"."+key, ".")
		f(at, func() { delete(m, key) }, func() { m[key] = value })
		eachValue(at, value, f)
	}
}

// optional names the facts a query can do without, by what their absence means.
var optional = []string{
	"operator.evidence",                                                // none filed
	"zone.responsible",                                                 // recorded, decides nothing
	"grants.0.columns.3.permissions", "grants.1.columns.1.permissions", // analysis enforces them
	"columns.persons.name", "columns.visits.cost", // columns the statement does not read
}

func TestEachMissingFactIsADenial(t *testing.T) {
	e, doc := testEvaluator(t), allowed(t)
	if d := verdict(t, e, doc); d.Verdict != Allow {
		t.Fatalf("complete facts: %v %+v", d.Verdict, d.Reasons)
	}
	n := 0
	eachValue("", doc, func(path string, remove, restore func()) {
		remove()
		defer restore()
		n++
		d := verdict(t, e, doc)
		if want := slices.Contains(optional, path); (d.Verdict == Allow) != want || d.Verdict == Review {
			t.Errorf("without %s: %v %+v", path, d.Verdict, d.Reasons)
		}
	})
	if n < 200 {
		t.Errorf("removed only %d facts", n)
	}
}

func TestEachUnknownFactIsADenial(t *testing.T) {
	e, doc := testEvaluator(t), allowed(t)
	var add func(path string, v any)
	n := 0
	add = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				add(fmt.Sprintf("%s.%d", path, i), item)
			}
		case map[string]any:
			v["surprise"] = true
			d := verdict(t, e, doc)
			delete(v, "surprise")
			n++
			if d.Verdict != Deny {
				t.Errorf("%s.surprise: %v", path, d.Verdict)
			}
			if path != "datasets" && path != "columns" && d.Reasons[0].Code != codeUnknown {
				t.Errorf("%s.surprise: reason %+v, want %s", path, d.Reasons[0], codeUnknown)
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				add(strings.TrimPrefix(path+"."+key, "."), v[key])
			}
		}
	}
	add("", doc)
	if n < 30 {
		t.Errorf("added only %d facts", n)
	}
}

// The schema knows the fields of Input, all of them and no other.
func TestSchemaAndInputHaveTheSameFields(t *testing.T) {
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defs := b.inputSchema.(map[string]any)["$defs"].(map[string]any)
	compareFields(t, "input", reflect.TypeFor[document](), defs["input"].(map[string]any))
}

func compareFields(t *testing.T, path string, typ reflect.Type, schema map[string]any) {
	switch typ.Kind() {
	case reflect.Pointer:
		compareFields(t, path, typ.Elem(), schema)
	case reflect.Slice:
		compareFields(t, path+"[]", typ.Elem(), schema["items"].(map[string]any))
	case reflect.Map:
		compareFields(t, path+"{}", typ.Elem(), schema["additionalProperties"].(map[string]any))
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			return
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s: the schema takes unknown fields", path)
		}
		properties := maps.Clone(schema["properties"].(map[string]any))
		for _, f := range reflect.VisibleFields(typ) {
			if f.Anonymous {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			p, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s.%s is not in the schema", path, name)
				continue
			}
			delete(properties, name)
			compareFields(t, path+"."+name, f.Type, p)
		}
		for name := range properties {
			t.Errorf("%s.%s is not in Input", path, name)
		}
	}
}

func TestMalformedTimeIsADenial(t *testing.T) {
	e := testEvaluator(t)
	for _, path := range [][2]string{{"license", "end"}, {"license", "start"}, {"scenario", "until"}} {
		for _, bad := range []string{"soon", "2029-13-45", "9999-99-99", "2029-5-31", "２０２９-05-31"} {
			doc := allowed(t)
			doc[path[0]].(map[string]any)[path[1]] = bad
			if d := verdict(t, e, doc); d.Verdict != Deny {
				t.Errorf("%s = %q: %v", path, bad, d.Verdict)
			}
		}
	}
}

func TestTimeoutIsADenial(t *testing.T) {
	e := testEvaluator(t)
	e.timeout = time.Nanosecond
	raw, err := json.Marshal(allowed(t))
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.decide(t.Context(), raw, Input{})
	if d.Verdict != Deny || d.Reasons[0].Code != codeTimeout || !errors.Is(err, ErrTimeout) {
		t.Errorf("%v %+v %v, want DENY for %s", d.Verdict, d.Reasons, err, codeTimeout)
	}
}

func TestUndefinedAndOddResultsAreDenials(t *testing.T) {
	e := testEvaluator(t)
	for _, rules := range []string{
		`package zonebox`,
		`package zonebox
		decision := {"verdict": "MAYBE", "reasons": []}`,
		`package zonebox
		decision := {"verdict": "ALLOW", "reasons": [], "surprise": 1}`,
		`package zonebox
		decision := {"verdict": "DENY", "reasons": []}`,
		`package zonebox
		decision := {"verdict": "ALLOW", "reasons": [], "obligations": {"noise": true}}`,
		`package zonebox
		decision := {}`,
		`package zonebox
		decision := true`,
		`package zonebox
		decision := {"verdict": "ALLOW", "n": to_number(input.action)}`,
	} {
		b, err := loadBundle(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.modules = map[string]string{"m.rego": rules}
		if e.query, err = b.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(allowed(t))
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.decide(t.Context(), raw, Input{})
		if d.Verdict != Deny || len(d.Reasons) != 1 || d.Reasons[0].Article == "" || err == nil {
			t.Errorf("%s: %v %+v %v, want DENY and an error", rules, d.Verdict, d.Reasons, err)
		}
	}
}

func TestRuleOverAnUnknownFactDoesNotCompile(t *testing.T) {
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.modules["rego/extra.rego"] = `package zonebox

deny contains ["X", ""] if input.query.no_such_fact`
	if _, err := b.compile(); err == nil {
		t.Error("a rule over input.query.no_such_fact compiled")
	}
}
