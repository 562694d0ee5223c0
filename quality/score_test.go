package quality_test

import (
	"math"
	"testing"
	"time"

	"zonebox/quality"
)

// TestScoreIsTheFormula works one report out by hand: 10 rows of two columns, of
// which s is null in two and repeats once, n is out of range in five.
func TestScoreIsTheFormula(t *testing.T) {
	plan := compile(t, columns("string", "int64"), nil, head+`
  properties:
  - name: s
    quality:
    - {id: nulls, metric: nullValues, mustBeLessThan: 25, unit: percent, severity: warning}
    - {id: unique, metric: duplicateValues, mustBe: 0, severity: error}
  - name: i
    quality:
    - {id: range, metric: invalidValues, arguments: {max: 5}, mustBe: 0, severity: info}
    - {id: some, metric: invalidValues, arguments: {min: 5}, mustBeGreaterThan: 3, severity: info, dimension: accuracy}
`)
	rows := [][]any{{nil, int64(1)}, {nil, int64(2)}, {"a", int64(3)}, {"a", int64(4)}}
	for i := range 6 {
		rows = append(rows, []any{string(rune('b' + i)), int64(5 + i)})
	}
	c := plan.Start(quality.Options{Now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)})
	for _, rec := range batches(t, []string{"string", "int64"}, rows) {
		if err := c.Add(rec); err != nil {
			t.Fatal(err)
		}
	}
	s := &store{own: batches(t, []string{"string", "int64"}, rows)}
	if err := c.Finish(s.feed); err != nil {
		t.Fatal(err)
	}
	r := c.Report(quality.Facts{Declared: 8, Acquired: "2026-10-01", Frequency: "monthly"}, quality.Gate{Minimum: 90})
	for id, want := range map[string]struct {
		count  int64
		score  float64
		passed bool
	}{
		"nulls": {2, 80, true}, "unique": {1, 90, false}, "range": {5, 50, false}, "some": {4, 100, true}, "entry": {0, 100, true},
		"filled": {2, 90, true}, "manifest": {2, 80, false}, "freshness": {52 - 31, 100 * (1 - 21.0/31), false}, "readable": {0, 100, true},
	} {
		if o := outcome(t, r, id); o.Count != want.count || math.Abs(o.Score-want.score) > 1e-9 || o.Passed != want.passed {
			t.Errorf("%s: count %d, score %v, passed %v, want %+v", id, o.Count, o.Score, o.Passed, want)
		}
	}
	want := map[quality.Dimension]float64{
		quality.Conformity: 100, quality.Completeness: (2*80 + 1*90) / 3.0, quality.Accuracy: (3*90 + 1*50 + 1*100) / 5.0,
		quality.Consistency: 80, quality.Timeliness: 100 * (1 - 21.0/31), quality.Accessibility: 100,
	}
	total := 0.0
	for i, d := range r.Dimensions {
		if d.Dimension != quality.Dimensions[i] || !d.Assessed || math.Abs(d.Score-want[d.Dimension]) > 1e-9 {
			t.Errorf("%s: %+v, want %v", d.Dimension, d, want[d.Dimension])
		}
		total += want[d.Dimension]
	}
	if math.Abs(r.Score-total/6) > 1e-9 || r.Grade != "C" {
		t.Errorf("score %v grade %s, want %v and C", r.Score, r.Grade, total/6)
	}
	if r.Gate.Passed || len(r.Gate.Failed) != 2 || r.Gate.Failed[0] != "manifest" || r.Gate.Failed[1] != "unique" {
		t.Errorf("gate %+v, want closed by manifest and unique", r.Gate)
	}
}

func TestGradesAndGates(t *testing.T) {
	clean := [][]any{{"a"}, {"b"}}
	for _, tt := range []struct {
		name, rule string
		gate       quality.Gate
		grade      string
		passed     bool
	}{
		{"clean", "{id: r, metric: nullValues, mustBe: 0}", quality.Gate{Minimum: 100, Errors: true}, "A", true},
		{"an error is no better than C", "{id: r, metric: nullValues, mustBe: 1}", quality.Gate{Errors: true}, "C", false},
		{"an error without a gate", "{id: r, metric: nullValues, mustBe: 1}", quality.Gate{}, "C", true},
		{"a warning", "{id: r, metric: nullValues, mustBe: 1, severity: warning}", quality.Gate{Errors: true}, "B", true},
		{"under the minimum", "{id: r, metric: nullValues, mustBe: 1, severity: warning}", quality.Gate{Minimum: 89}, "B", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan := compile(t, columns("string"), nil, head+"  properties:\n  - {name: s, quality: ["+tt.rule+"]}\n")
			c := plan.Start(quality.Options{Now: today})
			for _, rec := range batches(t, []string{"string"}, clean) {
				if err := c.Add(rec); err != nil {
					t.Fatal(err)
				}
			}
			r := c.Report(quality.Facts{Declared: 2}, tt.gate)
			if r.Grade != tt.grade || r.Gate.Passed != tt.passed {
				t.Errorf("score %.1f grade %s passed %v, want %s %v", r.Score, r.Grade, r.Gate.Passed, tt.grade, tt.passed)
			}
		})
	}
}

func TestABatchOfOtherColumnsIsRefused(t *testing.T) {
	plan := compile(t, columns("string", "int64"), nil, head)
	c := plan.Start(quality.Options{Now: today})
	for _, types := range [][]string{{"string"}, {"int64", "string"}, {"string", "float64"}} {
		if err := c.Add(batches(t, types, [][]any{make([]any, len(types))})[0]); err == nil {
			t.Errorf("Add(%v) = nil", types)
		}
	}
}

func TestEmptyColumnsThatMustNotBeAreCounted(t *testing.T) {
	cols := columns("string", "int64")
	cols[1].Nullable = false
	plan := compile(t, cols, nil, head)
	c := plan.Start(quality.Options{Now: today})
	for _, rec := range batches(t, []string{"string", "int64"}, [][]any{{nil, int64(1)}, {"a", nil}, {"b", nil}}) {
		if err := c.Add(rec); err != nil {
			t.Fatal(err)
		}
	}
	o := outcome(t, c.Report(quality.Facts{Declared: 3}, quality.Gate{}), "entry")
	if o.Count != 2 || len(o.Rows) != 2 || o.Rows[0] != 2 || o.Rows[1] != 3 {
		t.Errorf("entry %+v, want rows 2 and 3", o)
	}
}

func TestAgeIsInDaysOfTheCalendar(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	for _, tt := range []struct {
		acquired string
		at       time.Time
		want     int64
		ok       bool
	}{
		{"2026-11-01", today, 21, true},
		{"2026-11-22", time.Date(2026, 11, 23, 0, 30, 0, 0, shanghai), 1, true},
		{"2026-11-22", time.Date(2026, 11, 22, 23, 30, 0, 0, shanghai), 0, true},
		{"", today, 0, false}, {"22.11.2026", today, 0, false},
	} {
		if got, ok := quality.Age(tt.acquired, tt.at); got != tt.want || ok != tt.ok {
			t.Errorf("Age(%q, %v) = %d, %v, want %d, %v", tt.acquired, tt.at, got, ok, tt.want, tt.ok)
		}
	}
}
