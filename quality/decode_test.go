package quality_test

import (
	"errors"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"zonebox/quality"
)

// head is the part of a contract that every one has.
const head = `apiVersion: v3.1.0
kind: DataContract
id: 53581432-6c55-4ba2-a65f-72344a91553a
version: 1.0.0
status: active
schema:
- name: visits
`

func decode(t testing.TB, text string) (quality.Rules, error) {
	t.Helper()
	contract, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return quality.Decode(contract, "visits")
}

func mustDecode(t testing.TB, text string) quality.Rules {
	t.Helper()
	r, err := decode(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRulesOfAContract(t *testing.T) {
	r := mustDecode(t, head+`
  description: 就诊
  quality:
  - {metric: rowCount, mustBeBetween: [1, 1000], severity: warning}
  - {id: once, metric: duplicateValues, arguments: {properties: [person, day]}, mustBe: 0, description: 一人一日一次}
  relationships:
  - {from: [visits.person], to: [persons.id]}
  properties:
  - name: person
    required: true
    primaryKey: true
    primaryKeyPosition: 2
    relationships: [{to: persons.id}]
    quality:
    - {metric: invalidValues, arguments: {validator: resident_id}, mustBeLessThan: 1, unit: percent, dimension: accuracy}
  - name: day
    primaryKey: true
    primaryKeyPosition: 1
    unique: true
    quality:
    - {type: text, description: 由医院填写}
    - {type: library, metric: missingValues, arguments: {missingValues: [null, "", 0]}, mustBeLessOrEqualTo: 5}
    - {metric: invalidValues, arguments: {min: 2020-01-01, max: "2030-01-01"}, mustBe: 0, severity: info}
    - {metric: invalidValues, arguments: {references: {dataset: days, properties: [day]}}, mustBe: 0}
servers: []
team: {name: 统计}
`)
	want := []string{
		"rowCount|completeness|warning||∈ [1, 1000]", "once|accuracy|error|person,day|= 0", "person.nullValues.required|completeness|error|person|= 0",
		"person.invalidValues|accuracy|error|person|< 1", "person.invalidValues.relationship|consistency|error|person|= 0",
		"day.duplicateValues.unique|accuracy|error|day|= 0", "day.missingValues|completeness|error|day|≤ 5",
		"day.invalidValues|accuracy|info|day|= 0", "day.invalidValues.2|consistency|error|day|= 0",
		"person.invalidValues.relationship.2|consistency|error|person|= 0",
		"day.nullValues.primaryKey|completeness|error|day|= 0", "person.nullValues.primaryKey|completeness|error|person|= 0",
		"day.person.duplicateValues.primaryKey|accuracy|error|day,person|= 0",
	}
	var got []string
	for _, one := range r.Rules {
		got = append(got, strings.Join([]string{one.ID, string(one.Dimension), string(one.Severity), strings.Join(one.Columns, ","), one.Test.String()}, "|"))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("rules\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatAContractMaySayAndIsNotSupportedIsRefusedWithItsPlace(t *testing.T) {
	property := func(rest string) string { return head + "  properties:\n  - name: a\n    " + rest + "\n" }
	one := func(rule string) string { return property("quality: [" + rule + "]") }
	const at = "/schema/0/properties/0"
	for _, tt := range []struct{ name, text, path, says string }{
		{"sql", one(`{type: sql, query: "SELECT 1", mustBe: 0}`), at + "/quality/0/type", "no statement runs over raw rows"},
		{"another engine", one(`{type: custom, engine: soda, implementation: x}`), at + "/quality/0/type", "other engines"},
		{"no such type", one(`{type: magic}`), at + "/quality/0/type", "library or text"},
		{"no metric", one(`{mustBe: 0}`), at + "/quality/0/metric", "is missing"},
		{"no such metric", one(`{metric: freshRows, mustBe: 0}`), at + "/quality/0/metric", "must be nullValues"},
		{"the old word", one(`{rule: nullCheck, metric: nullValues, mustBe: 0}`), at + "/quality/0/rule", "deprecated"},
		{"schedule", one(`{metric: nullValues, mustBe: 0, schedule: 0 20 * * *}`), at + "/quality/0/schedule", "once a day"},
		{"no comparison", one(`{metric: nullValues}`), at + "/quality/0", "exactly one"},
		{"two comparisons", one(`{metric: nullValues, mustBe: 0, mustBeLessThan: 4}`), at + "/quality/0", "exactly one"},
		{"text compared", one(`{metric: nullValues, mustBe: none}`), at + "/quality/0/mustBe", "number"},
		{"pair", one(`{metric: nullValues, mustBeBetween: [5, 1]}`), at + "/quality/0/mustBeBetween", "the smaller first"},
		{"unit", one(`{metric: nullValues, mustBe: 0, unit: km}`), at + "/quality/0/unit", "rows or percent"},
		{"dimension", one(`{metric: nullValues, mustBe: 0, dimension: beauty}`), at + "/quality/0/dimension", "accuracy"},
		{"severity", one(`{metric: nullValues, mustBe: 0, severity: fatal}`), at + "/quality/0/severity", "error, warning or info"},
		{"unknown field", one(`{metric: nullValues, mustBe: 0, mustbe: 0}`), at + "/quality/0/mustbe", "no such field"},
		{"argument of another metric", one(`{metric: nullValues, mustBe: 0, arguments: {pattern: x}}`), at + "/quality/0/arguments/pattern", "no such field"},
		{"no criterion", one(`{metric: invalidValues, mustBe: 0}`), at + "/quality/0/arguments", "needs validValues"},
		{"many states", one(`{metric: invalidValues, arguments: {pattern: "(?:.*a){60}.{100}x"}, mustBe: 0}`), at + "/quality/0/arguments/pattern", "has 283 states, 256 at most"},
		{"not RE2", one(`{metric: invalidValues, arguments: {pattern: "(?=x)"}, mustBe: 0}`), at + "/quality/0/arguments/pattern", "RE2"},
		{"validator", one(`{metric: invalidValues, arguments: {validator: passport}, mustBe: 0}`), at + "/quality/0/arguments/validator", "resident_id"},
		{"nothing missing", one(`{metric: missingValues, mustBe: 0}`), at + "/quality/0/arguments/missingValues", "is missing"},
		{"rows of a column", one(`{metric: rowCount, mustBe: 0}`), at + "/quality/0/metric", "of the dataset"},
		{"two of one id", one(`{id: x, metric: nullValues, mustBe: 0}, {id: x, metric: nullValues, mustBe: 0}`), at + "/quality/1", "stands twice"},
		{"constraints of a type", property("logicalTypeOptions: {maxLength: 3}"), at + "/logicalTypeOptions", "invalidValues"},
		{"nested", property("properties: []"), at + "/properties", "nested"},
		{"reference", property("relationships: [{to: id}]"), at + "/relationships/0/to", "dataset.column"},
		{"reference of another kind", property("relationships: [{to: p.id, type: join}]"), at + "/relationships/0/type", "foreignKey"},
		{"column metric of the rows", head + "  quality: [{metric: nullValues, mustBe: 0}]", "/schema/0/quality/0/metric", "under properties"},
		{"duplicates of what", head + "  quality: [{metric: duplicateValues, mustBe: 0}]", "/schema/0/quality/0/arguments/properties", "is missing"},
		{"rows in percent", head + "  quality: [{metric: rowCount, mustBe: 0, unit: percent}]", "/schema/0/quality/0/unit", "no percentage"},
		{"another dataset", strings.Replace(head, "visits", "beds", 1), "/schema/0/name", "this dataset, visits"},
		{"two datasets", head + "- name: beds", "/schema", "exactly one"},
		{"another version", strings.Replace(head, "v3.1.0", "v3.0.2", 1), "/apiVersion", "v3.1.0"},
		{"no id", strings.Replace(head, "id: 5", "name: 5", 1), "/id", "is missing"},
		{"unknown section", head + "sla: {}", "/schema/0/sla", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(t, tt.text)
			var faults quality.Faults
			if tt.says == "" {
				tt.path, tt.says = "/sla", "no such field"
				_, err = decode(t, strings.Replace(head, "schema:", "sla: {}\nschema:", 1))
			}
			if !errors.As(err, &faults) {
				t.Fatalf("err = %v, want Faults", err)
			}
			for _, f := range faults {
				if f.Path == tt.path && strings.Contains(f.EN, tt.says) && f.ZH != "" {
					return
				}
			}
			t.Errorf("faults %v, want one at %s that says %q", faults, tt.path, tt.says)
		})
	}
}

func TestBrokenContracts(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", "{", `{"schema":[{}]}`, `{} {}`, strings.Repeat("[", 1<<16), `{"schema":[{"name":"visits","properties":[3,{"name":["x"]}]}]}`} {
		if _, err := quality.Decode([]byte(text), "visits"); err == nil {
			t.Errorf("Decode(%.40q) = nil error", text)
		}
	}
}

// FuzzRules: whatever a contract says, it is refused, or its rules compile or are
// refused, and those that compile measure some rows.
func FuzzRules(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion":"v3.1.0","kind":"DataContract","id":"1","version":"1","status":"active","schema":[{"name":"visits","properties":[{"name":"s","required":true,"unique":true,"primaryKey":true,"quality":[{"metric":"invalidValues","arguments":{"validator":"resident_id","pattern":"^a","validValues":["a",1]},"mustBe":0}],"relationships":[{"to":"visits.s"}]}]}]}`,
		`{"apiVersion":"v3.1.0","kind":"DataContract","id":"1","version":"1","status":"active","schema":[{"name":"visits","quality":[{"metric":"rowCount","mustBeBetween":[1,2]},{"metric":"duplicateValues","arguments":{"properties":["s","i"]},"mustBeLessThan":1,"unit":"percent"}],"properties":[{"name":"i","quality":[{"metric":"invalidValues","arguments":{"min":1,"max":5},"mustBe":0},{"metric":"missingValues","arguments":{"missingValues":[null,0]},"mustNotBe":3}]}]}]}`,
		`{"schema":[{"name":"visits","properties":[{"name":"s","quality":[{"type":"sql"}]}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	columns := []quality.Column{{Name: "s", Type: "string", Nullable: true}, {Name: "i", Type: "int64", Nullable: true}}
	f.Fuzz(func(t *testing.T, contract []byte) {
		rules, err := quality.Decode(contract, "visits")
		if err != nil {
			return
		}
		plan, err := quality.Compile(rules, columns, map[string][]quality.Column{"visits": columns})
		if err != nil {
			return
		}
		rows := &store{own: batches(t, []string{"string", "int64"}, [][]any{{"a", int64(1)}, {nil, int64(5)}, {"a", nil}})}
		r := rows.check(t, plan, quality.Options{Now: today, Memory: 1})
		if r.Rows != 3 || r.Score < 0 || r.Score > 100 {
			t.Errorf("rows %d, score %v", r.Rows, r.Score)
		}
	})
}
