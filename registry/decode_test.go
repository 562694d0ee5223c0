package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zonebox/registry"
)

func TestYAMLAndJSONAreOneDocument(t *testing.T) {
	text, err := os.ReadFile("testdata/documents/zone-and-scenario.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := registry.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.Document{zone(), scenario()}
	if len(fromYAML) != 2 {
		t.Fatalf("Decode = %d documents, want 2", len(fromYAML))
	}
	array, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := json.MarshalIndent(want[0], "", "  ")
	two, _ := json.Marshal(want[1])
	for name, text := range map[string]string{"array": string(array), "one after the other": string(one) + "\n" + string(two)} {
		got, err := registry.Decode(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range want {
			if d := cmp.Diff(string(want[i].Payload()), string(got[i].Payload())); d != "" {
				t.Errorf("%s %d (-want +got):\n%s", name, i, d)
			}
			if d := cmp.Diff(string(want[i].Payload()), string(fromYAML[i].Payload())); d != "" {
				t.Errorf("YAML %d (-want +got):\n%s", i, d)
			}
		}
	}
}

func TestPayloadIsCanonical(t *testing.T) {
	a := registry.Document{Kind: "Zone", Name: "z", Spec: json.RawMessage(`{ "b": 1.0, "a": "\u4e2d" }`)}
	if got, want := string(a.Payload()), `{"kind":"Zone","name":"z","spec":{"a":"中","b":1}}`; got != want {
		t.Errorf("Payload = %s, want %s", got, want)
	}
	if p := (registry.Document{Kind: "Zone", Name: "z", Spec: json.RawMessage(`{`)}).Payload(); p != nil {
		t.Errorf("Payload of a broken spec = %q, want none", p)
	}
}

func TestDecodeRefuses(t *testing.T) {
	valid, _ := json.Marshal(zone())
	for _, tc := range []struct{ name, input, code, text string }{
		{"nothing", " \n", registry.CodeSyntax, "no document"},
		{"only dividers", "---\n---\n", registry.CodeSyntax, "no document"},
		{"no YAML", "kind: [", registry.CodeSyntax, "part 1 is not YAML"},
		{"a YAML field twice", "kind: Zone\nname: a\nname: b\nspec: {}\n", registry.CodeSyntax, "given twice"},
		{"a JSON field twice", `{"kind":"Zone","name":"a","name":"b","spec":{}}`, registry.CodeSyntax, "each field once"},
		{"a JSON field twice apart from case", `{"kind":"Zone","name":"a","Name":"b","spec":{}}`, registry.CodeSyntax, "each field once"},
		{"a JSON field twice apart from a letter that folds", `{"kind":"Zone","name":"a","spec":{},"ſpec":{}}`, registry.CodeSyntax, "each field once"},
		{"a field twice deep inside", strings.Replace(string(valid), `"stage"`, `"stage":"x","stage"`, 1), registry.CodeSyntax, "each field once"},
		{"trailing text", string(valid) + "x", registry.CodeSyntax, "not JSON"},
		{"an unknown top field", `{"kind":"Zone","name":"a","spec":{},"status":1}`, registry.CodeSyntax, "kind, name and spec"},
		{"an unknown kind", `{"kind":"Pod","name":"a","spec":{}}`, registry.CodeSchema, "kind must be one of"},
		{"no spec", `{"kind":"Zone","name":"a"}`, registry.CodeSchema, "spec is missing"},
		{"a bad name", `{"kind":"Organization","name":"../a","spec":{"title":"t","kind":"provider","org_form":"legal_person"}}`, registry.CodeSchema, "/name: must match"},
		{"a date that is none", `{"kind":"Scenario","name":"a","spec":{"license":"l","title":"t","purpose_code":"p","purpose_class":"c","output_forms":["x"],"recipients":["r"],"period":{"from":"2026-02-30","until":"2026-03-01"}}}`,
			registry.CodeSchema, "/spec/period/from: must be a date"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := registry.Decode(strings.NewReader(tc.input))
			if !registry.HasCode(err, tc.code) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("Decode = %v, want %s with %q", err, tc.code, tc.text)
			}
		})
	}
}

func TestDecodeReportsEveryFaultWithoutValues(t *testing.T) {
	d := person("eve", "health", "provider", set("real_name", ""), set("status", "王小明"), set("signing_key", "王小明"), set("phone", "13800000000"))
	d.Kind = "Person"
	text, _ := json.Marshal(d)
	_, err := registry.Decode(strings.NewReader(string(text)))
	var r *registry.Refusal
	if !errors.As(err, &r) || len(r.Faults) != 4 {
		t.Fatalf("Decode = %v, want four faults", err)
	}
	for _, f := range r.Faults {
		if strings.Contains(f.EN+f.ZH, "王小明") || strings.Contains(f.EN+f.ZH, "13800000000") {
			t.Errorf("the fault repeats a value: %s", f)
		}
	}
}

func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/documents/*")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("seeds = %v, %v: want some", seeds, err)
	}
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := registry.Decode(strings.NewReader(text))
		if err != nil {
			return
		}
		// What is accepted is one document however it is written down.
		again, err := json.Marshal(docs)
		if err != nil {
			t.Fatal(err)
		}
		back, err := registry.Decode(strings.NewReader(string(again)))
		if err != nil || len(back) != len(docs) {
			t.Fatalf("Decode of its own output = %d documents, %v", len(back), err)
		}
		for i := range docs {
			if docs[i].Payload() == nil || string(docs[i].Payload()) != string(back[i].Payload()) {
				t.Fatalf("payload %d differs", i)
			}
		}
	})
}
