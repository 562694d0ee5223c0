package quality_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"zonebox/quality"
)

// counting is a contract of every metric over the columns s, i, f, b, d, t, m, s2.
const counting = head + `
  quality:
  - {id: rows, metric: rowCount, mustBeGreaterThan: 10}
  - {id: pairs, metric: duplicateValues, arguments: {properties: [s, i]}, mustBe: 0}
  - {id: texts, metric: duplicateValues, arguments: {properties: [s, s2]}, mustBe: 0}
  - {id: all, metric: duplicateValues, arguments: {properties: [s, i, f, b, d, t, m, s2]}, mustBe: 0}
  - {id: reference2, metric: invalidValues, arguments: {properties: [s, i], references: {dataset: others, properties: [s, i]}}, mustBe: 0}
  properties:
  - name: s
    quality:
    - {id: nulls, metric: nullValues, mustBe: 0}
    - {id: missing, metric: missingValues, arguments: {missingValues: [null, "", N/A]}, mustBeLessThan: 5, unit: percent}
    - {id: missing only, metric: missingValues, arguments: {missingValues: ["a"]}, mustBe: 0}
    - {id: valid, metric: invalidValues, arguments: {validValues: [a, b, "3"]}, mustBe: 0}
    - {id: pattern, metric: invalidValues, arguments: {pattern: "^[ab]$"}, mustBe: 0}
    - {id: unique, metric: duplicateValues, mustBe: 0}
    - {id: reference, metric: invalidValues, arguments: {references: {dataset: others, properties: [s]}}, mustBe: 0}
    - {id: itself, metric: invalidValues, arguments: {references: {dataset: visits, properties: [s2]}}, mustBe: 0}
  - name: i
    quality:
    - {id: range, metric: invalidValues, arguments: {min: -1, max: 3}, mustBe: 0}
    - {id: integers, metric: invalidValues, arguments: {validValues: [1, 2, "3"]}, mustBe: 0}
    - {id: integer unique, metric: duplicateValues, mustBe: 0}
  - name: f
    quality:
    - {id: floats, metric: invalidValues, arguments: {min: 0.5}, mustBe: 0}
    - {id: float unique, metric: duplicateValues, mustBe: 0}
  - name: b
    quality: [{id: bools, metric: invalidValues, arguments: {validValues: [true]}, mustBe: 0}]
  - name: d
    quality: [{id: days, metric: invalidValues, arguments: {min: "2026-01-02", max: "2026-01-03"}, mustBe: 0}]
  - name: t
    quality: [{id: times, metric: invalidValues, arguments: {max: "2026-01-02T12:00:00"}, mustBe: 0}]
  - name: m
    quality: [{id: money, metric: invalidValues, arguments: {min: 1.25, max: 2}, mustBe: 0}]
`

var every = []string{"string", "int64", "float64", "bool", "date", "timestamp", "decimal(10,2)", "string"}

// randomRows draws rows from few values, so that every rule meets both.
func randomRows(r *rand.Rand, n, span int) [][]any {
	maybe := func(v any) any {
		if r.IntN(6) == 0 {
			return nil
		}
		return v
	}
	words := []string{"a", "b", "", "N/A", "3", "ab", "\x01\x00", "长", "ba"}
	word := func() string {
		if span > 0 {
			return fmt.Sprint("w", r.IntN(span))
		}
		return words[r.IntN(len(words))]
	}
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{maybe(word()), maybe(int64(r.IntN(6) - 2)), maybe(float64(r.IntN(4)) / 2), maybe(fmt.Sprint(r.IntN(2) == 0)),
			maybe(fmt.Sprintf("2026-01-0%d", 1+r.IntN(4))), maybe(fmt.Sprintf("2026-01-0%d 12:00:0%d", 1+r.IntN(3), r.IntN(2))),
			maybe(fmt.Sprintf("%d.%02d", 1+r.IntN(2), 25*r.IntN(4))), maybe(word())}
	}
	return rows
}

// recount counts by hand what the rules of counting count: the rows, by rule.
func recount(rows, others [][]any) map[string][]int64 {
	out := map[string][]int64{}
	hit := func(id string, i int, bad bool) {
		if bad {
			out[id] = append(out[id], int64(i+1))
		}
	}
	tuple := func(row []any, at ...int) string {
		var parts []string
		for _, a := range at {
			if row[a] == nil {
				return ""
			}
			parts = append(parts, fmt.Sprintf("%q", fmt.Sprint(row[a])))
		}
		return strings.Join(parts, ",")
	}
	set := func(rows [][]any, at ...int) map[string]bool {
		s := map[string]bool{}
		for _, row := range rows {
			s[tuple(row, at...)] = true
		}
		return s
	}
	in := func(v any, list ...any) bool { return slices.Contains(list, v) }
	seen := map[string]bool{}
	again := func(id string, row []any, at ...int) bool {
		key := tuple(row, at...)
		if key == "" {
			return false
		}
		was := seen[id+key]
		seen[id+key] = true
		return was
	}
	keys, keys2, own := set(others, 0), set(others, 0, 1), set(rows, 7)
	for i, row := range rows {
		s, n, f, b, d, ts, m := row[0], row[1], row[2], row[3], row[4], row[5], row[6]
		hit("nulls", i, s == nil)
		hit("missing", i, in(s, nil, "", "N/A"))
		hit("missing only", i, s == "a")
		hit("valid", i, s != nil && !in(s, "a", "b", "3"))
		hit("pattern", i, s != nil && !in(s, "a", "b"))
		hit("unique", i, again("unique", row, 0))
		hit("pairs", i, again("pairs", row, 0, 1))
		hit("texts", i, again("texts", row, 0, 7))
		hit("all", i, again("all", row, 0, 1, 2, 3, 4, 5, 6, 7))
		hit("reference", i, s != nil && !keys[tuple(row, 0)])
		hit("reference2", i, tuple(row, 0, 1) != "" && !keys2[tuple(row, 0, 1)])
		hit("itself", i, s != nil && !own[tuple(row, 0)])
		hit("range", i, n != nil && (n.(int64) < -1 || n.(int64) > 3))
		hit("integers", i, n != nil && !in(n, int64(1), int64(2), int64(3)))
		hit("integer unique", i, again("integer unique", row, 1))
		hit("floats", i, f != nil && f.(float64) < 0.5)
		hit("float unique", i, again("float unique", row, 2))
		hit("bools", i, b != nil && b != "true")
		hit("days", i, d != nil && !in(d, "2026-01-02", "2026-01-03"))
		hit("times", i, ts != nil && ts.(string) > "2026-01-02 12:00:00")
		hit("money", i, m != nil && (m.(string) < "1.25" || m.(string) > "2.00"))
	}
	return out
}

// TestCountsAreThoseOfARecount: brute force beside the checker, on random tables,
// with memory for everything and with so little that it takes passes.
func TestCountsAreThoseOfARecount(t *testing.T) {
	cols := columns(every...)
	plan := compile(t, cols, map[string][]quality.Column{"others": cols, "visits": cols}, counting)
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 36344))
		n, span := r.IntN(300), 0
		if seed%15 == 0 {
			n, span = 4000+r.IntN(1000), 4000 // more values than the smallest table holds
		}
		rows, others := randomRows(r, n, span), randomRows(r, n/2, span)
		want := recount(rows, others)
		s := &store{own: batches(t, every, rows), others: map[string][]recordBatch{"others": batches(t, every, others)}}
		roomy := s.check(t, plan, quality.Options{Now: today, Positions: 7})
		if s.passes != 2+2 { // two references before, the one to itself after: keys, then rows
			t.Errorf("seed %d: %d passes with memory for everything, want 4: %v", seed, s.passes, s.perPass)
		}
		s.passes = 0
		tight := s.check(t, plan, quality.Options{Now: today, Positions: 7, Memory: 1})
		// Enough for every rule to begin with, and to outgrow.
		growing := s.check(t, plan, quality.Options{Now: today, Positions: 7, Memory: 300 << 10})
		if !reflect.DeepEqual(roomy, tight) || !reflect.DeepEqual(roomy, growing) {
			t.Errorf("seed %d: the report depends on the memory", seed)
		}
		if span > 0 && s.passes < 20 {
			t.Errorf("seed %d: %d passes without memory for 4,000 rows", seed, s.passes)
		}
		for _, o := range roomy.Rules {
			hits, known := want[o.ID]
			if o.Path == "" || o.ID == "rows" {
				continue
			}
			if o.Count != int64(len(hits)) || !slices.Equal(o.Rows, hits[:min(7, len(hits))]) || !known && o.Count != 0 {
				t.Errorf("seed %d: %s counts %d at %v, want %d at %v", seed, o.ID, o.Count, o.Rows, len(hits), hits[:min(7, len(hits))])
			}
		}
		if o := outcome(t, roomy, "rows"); o.Count != int64(n) || o.Passed != (n > 10) {
			t.Errorf("seed %d: rows %d passed %v, want %d", seed, o.Count, o.Passed, n)
		}
	}
}

func TestNoDataToReferToIsNoPass(t *testing.T) {
	cols := columns("string")
	plan := compile(t, cols, map[string][]quality.Column{"others": cols}, head+"  properties:\n  - {name: s, relationships: [{to: others.s}]}\n")
	s := &store{own: batches(t, []string{"string"}, [][]any{{"a"}, {nil}})}
	o := outcome(t, s.check(t, plan, quality.Options{Now: today}), "s.invalidValues.relationship")
	if o.Passed || o.Score != 0 || o.Unknown != "no_reference_data" {
		t.Errorf("outcome %+v, want failed, score 0, unknown", o)
	}
}

func TestRulesThatDoNotFitTheEntry(t *testing.T) {
	cols := columns(every...)
	property := func(name, rest string) string {
		return head + "  properties:\n  - name: " + name + "\n    " + rest + "\n"
	}
	for _, tt := range []struct{ name, contract, says string }{
		{"no such column", property("x", "required: true"), "no column x"},
		{"text of a float", property("f", "quality: [{metric: invalidValues, arguments: {pattern: x}, mustBe: 0}]"), "of type float64"},
		{"values of a timestamp", property("t", "quality: [{metric: missingValues, arguments: {missingValues: [x]}, mustBe: 0}]"), "of type timestamp"},
		{"range of text", property("s", "quality: [{metric: invalidValues, arguments: {min: 1}, mustBe: 0}]"), "min and max"},
		{"range of a fraction", property("i", "quality: [{metric: invalidValues, arguments: {min: 0.5}, mustBe: 0}]"), "min and max"},
		{"range that would be rounded", property("m", "quality: [{metric: invalidValues, arguments: {min: 0.125}, mustBe: 0}]"), "min and max"},
		{"range the wrong way round", property("d", `quality: [{metric: invalidValues, arguments: {min: "2026-02-01", max: "2026-01-01"}, mustBe: 0}]`), "the smaller as min"},
		{"reference to nothing", property("s", "relationships: [{to: nowhere.s}]"), "no dataset nowhere"},
		{"reference to no column", property("s", "relationships: [{to: others.x}]"), "no column x"},
		{"reference of another type", property("s", "relationships: [{to: others.i}]"), "refers to of int64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := quality.Compile(mustDecode(t, tt.contract), cols, map[string][]quality.Column{"others": cols})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// TestReportsHoldNoValue: a canary in every column, as value, key, duplicate,
// orphan, in every form a report has.
func TestReportsHoldNoValue(t *testing.T) {
	const canary = "金丝雀7391"
	cols := columns(every...)
	plan := compile(t, cols, map[string][]quality.Column{"others": cols, "visits": cols}, counting)
	var rows [][]any
	for range 200 {
		rows = append(rows, []any{canary, int64(739173917391), 73917391.5, "false", "7391-03-09", "7391-03-09 01:02:03", "73917.39", canary})
	}
	s := &store{own: batches(t, every, rows), others: map[string][]recordBatch{"others": nil}}
	for _, memory := range []int64{0, 1} {
		r := s.check(t, plan, quality.Options{Now: today, Memory: memory})
		for _, o := range r.Rules {
			if o.Path != "" && o.Count == 0 && !slices.Contains([]string{"nulls", "missing", "missing only", "floats", "itself"}, o.ID) {
				t.Errorf("control: rule %s counted nothing", o.ID)
			}
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		forms := map[string]string{"json": string(text), "go": fmt.Sprintf("%+v", *r)}
		for _, lang := range []string{"zh", "en"} {
			var b strings.Builder
			if err := quality.HTML(&b, r, nil, lang); err != nil {
				t.Fatal(err)
			}
			forms["html "+lang] = b.String()
		}
		for form, text := range forms {
			for _, value := range []string{canary, "7391"} {
				if strings.Contains(text, value) {
					t.Errorf("%s holds %s", form, value)
				}
			}
		}
	}
}
