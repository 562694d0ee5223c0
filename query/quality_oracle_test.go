package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"sigs.k8s.io/yaml"

	"zonebox/quality"
)

// oracleRules are rules and what SQL says of the same.
var oracleRules = []struct{ column, rule, sql string }{
	{"", "metric: rowCount", "SELECT count(*) FROM visits"},
	{"", "metric: duplicateValues, arguments: {properties: [s, i]}",
		"SELECT (SELECT count(*) FROM visits WHERE s IS NOT NULL AND i IS NOT NULL) - (SELECT count(*) FROM (SELECT DISTINCT s, i FROM visits WHERE s IS NOT NULL AND i IS NOT NULL) x)"},
	{"", "metric: invalidValues, arguments: {properties: [s, i], references: {dataset: others, properties: [s, i]}}",
		"SELECT count(*) FROM visits v WHERE v.s IS NOT NULL AND v.i IS NOT NULL AND NOT EXISTS (SELECT 1 FROM others o WHERE o.s = v.s AND o.i = v.i)"},
	{"s", "metric: nullValues", "SELECT count(*) FROM visits WHERE s IS NULL"},
	{"s", "metric: missingValues, arguments: {missingValues: [null, '', N/A]}", "SELECT count(*) FROM visits WHERE s IS NULL OR s IN ('', 'N/A')"},
	{"s", "metric: invalidValues, arguments: {validValues: [a, b]}", "SELECT count(*) FROM visits WHERE s NOT IN ('a', 'b')"},
	{"s", "metric: invalidValues, arguments: {pattern: '^[ab玄]+$'}", "SELECT count(*) FROM visits WHERE NOT regexp_matches(s, '^[ab玄]+$')"},
	{"s", "metric: invalidValues, arguments: {pattern: 'b'}", "SELECT count(*) FROM visits WHERE NOT regexp_matches(s, 'b')"},
	{"s", "metric: duplicateValues", "SELECT count(s) - count(DISTINCT s) FROM visits"},
	{"s", "metric: invalidValues, arguments: {references: {dataset: others, properties: [s]}}", "SELECT count(*) FROM visits WHERE s IS NOT NULL AND s NOT IN (SELECT s FROM others WHERE s IS NOT NULL)"},
	{"i", "metric: invalidValues, arguments: {min: -1, max: 2}", "SELECT count(*) FROM visits WHERE NOT (i BETWEEN -1 AND 2)"},
	{"i", "metric: invalidValues, arguments: {validValues: [1, 2]}", "SELECT count(*) FROM visits WHERE i NOT IN (1, 2)"},
	{"i", "metric: duplicateValues", "SELECT count(i) - count(DISTINCT i) FROM visits"},
	{"f", "metric: invalidValues, arguments: {min: 0, max: 1.5}", "SELECT count(*) FROM visits WHERE f < 0 OR f > 1.5"},
	{"f", "metric: duplicateValues", "SELECT count(f) - count(DISTINCT f) FROM visits"},
	{"b", "metric: invalidValues, arguments: {validValues: [true]}", "SELECT count(*) FROM visits WHERE NOT b"},
	{"d", "metric: invalidValues, arguments: {min: 2026-01-02}", "SELECT count(*) FROM visits WHERE d < DATE '2026-01-02'"},
	{"d", "metric: invalidValues, arguments: {validValues: ['2026-01-02']}", "SELECT count(*) FROM visits WHERE d <> DATE '2026-01-02'"},
	{"t", "metric: invalidValues, arguments: {max: '2026-01-02T12:00:00'}", "SELECT count(*) FROM visits WHERE t > TIMESTAMP '2026-01-02 12:00:00'"},
	{"m", "metric: invalidValues, arguments: {min: -0.25, max: 1.5}", "SELECT count(*) FROM visits WHERE NOT (m BETWEEN -0.25 AND 1.5)"},
	{"m", "metric: duplicateValues", "SELECT count(m) - count(DISTINCT m) FROM visits"},
}

func oracleContract() string {
	var b strings.Builder
	b.WriteString("apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\nschema:\n- name: visits\n")
	column := "-"
	for i, o := range oracleRules {
		if o.column != column {
			if o.column == "" {
				b.WriteString("  quality:\n")
			} else {
				if column == "" {
					b.WriteString("  properties:\n")
				}
				fmt.Fprintf(&b, "  - name: %s\n    quality:\n", o.column)
			}
			column = o.column
		}
		fmt.Fprintf(&b, "    - {id: r%d, %s, mustBeGreaterOrEqualTo: 0}\n", i, o.rule)
	}
	return b.String()
}

// randomOpenTable draws rows from few values, so that every rule meets both.
func randomOpenTable(r *rand.Rand, name string, n int) openTable {
	o := openTable{name: name, columns: []openColumn{{"s", "string"}, {"i", "int64"}, {"f", "float64"}, {"b", "bool"}, {"d", "date"}, {"t", "timestamp"}, {"m", "decimal(10,2)"}}}
	pick := func(of ...string) any {
		if r.IntN(7) == 0 {
			return nil
		}
		return of[r.IntN(len(of))]
	}
	for range n {
		o.rows = append(o.rows, []any{pick("a", "b", "ab", "玄a", "", "N/A", "c\n", "É"), pick("-2", "-1", "0", "1", "2", "9223372036854775807"), pick("-0", "0", "-2.5", "1.5", "1e300"), pick("true", "false"),
			pick("2026-01-01", "2026-01-02", "1969-12-31"), pick("2026-01-02 12:00:00", "2026-01-02 12:00:00.000001", "1969-12-31 23:59:59"), pick("-0.25", "-0.26", "1.50", "1.51", "0.00")})
	}
	return o
}

// TestQualityCountsAreThoseOfTheEngine: each metric on random tables beside the
// same in SQL, counted by DuckDB in a worker.
func TestQualityCountsAreThoseOfTheEngine(t *testing.T) {
	t.Parallel()
	pool := livePool(t, 2)
	contract, err := yaml.YAMLToJSONStrict([]byte(oracleContract()))
	if err != nil {
		t.Fatalf("%v\n%s", err, oracleContract())
	}
	rules, err := quality.Decode(contract, "visits")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i, o := range oracleRules {
		all = append(all, fmt.Sprintf("(%s) AS r%d", o.sql, i))
	}
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 2317))
		visits, others := randomOpenTable(r, "visits", r.IntN(200)), randomOpenTable(r, "others", r.IntN(8))
		var cols []quality.Column
		for _, c := range visits.columns {
			cols = append(cols, quality.Column{Name: c.name, Type: c.typ, Nullable: true})
		}
		plan, err := quality.Compile(rules, cols, map[string][]quality.Column{"others": cols})
		if err != nil {
			t.Fatal(err)
		}
		feed := func(p *quality.Pass) error {
			from := visits
			if p.Dataset != "" {
				from = others
			}
			batch := from.batch(t)
			defer batch.Release()
			var columns []arrow.Array
			for _, name := range p.Columns {
				columns = append(columns, batch.Column(batch.Schema().FieldIndices(name)[0]))
			}
			return p.Add(columns)
		}
		c := plan.Start(quality.Options{Now: time.Now(), Memory: int64(seed % 2)}) // with passes, and in one
		if err := c.Prepare(feed); err != nil {
			t.Fatal(err)
		}
		if err := feed(c.Whole()); err != nil {
			t.Fatal(err)
		}
		if err := c.Finish(feed); err != nil {
			t.Fatal(err)
		}
		report := c.Report(quality.Facts{Declared: -1}, quality.Gate{})
		engine := &loneEngine{pool: pool, tables: []openTable{visits, others}}
		got, err := engine.run(t, "SELECT "+strings.Join(all, ", "))
		if err != nil || len(got.rows) != 1 {
			t.Fatalf("seed %d: %v %v", seed, got, err)
		}
		for i, o := range oracleRules {
			found := report.Rules[i]
			if found.ID != fmt.Sprintf("r%d", i) {
				t.Fatalf("rule %d is %s", i, found.ID)
			}
			if want := got.rows[0][i]; fmt.Sprint(found.Count) != want {
				t.Errorf("seed %d, %d rows: %s of %q counts %d, the engine %s", seed, len(visits.rows), o.rule, o.column, found.Count, want)
			}
		}
	}
}
