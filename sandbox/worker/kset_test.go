package worker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"zonebox/sandbox/internal/wire"
)

// counted makes counters of ks known to e.
func counted(t testing.TB, e *engine, ks ...int) {
	t.Helper()
	if err := e.count(ks); err != nil {
		t.Fatalf("count(%v) = %v", ks, err)
	}
}

// A crowd is a random table t of rows with groups g and h, entity codes e, and a
// value x: all but the codes' distribution is drawn from a hash of the row.
type crowd struct {
	rows, groups, entities int
	nulls                  int // one row in so many has no code; 0 for none
	stride                 int // between codes; 0 for 1
	skew                   bool
	sorted                 bool // by code, so that threads meet different entities
}

func (c crowd) String() string { return fmt.Sprintf("%+v", struct{ crowd }{c}) }

func (c crowd) create(t testing.TB, e *engine, seed uint64) {
	t.Helper()
	share := func(i int) string {
		return fmt.Sprintf("(hash(i * 7 + %d) %% 1000003) / 1000003.0", seed%1000+uint64(i))
	}
	code := fmt.Sprintf("floor(%s * %d)", share(1), c.entities)
	if c.skew {
		code = fmt.Sprintf("floor(pow(%s, 6) * %d)", share(1), c.entities)
	}
	null := "false"
	if c.nulls > 0 {
		null = fmt.Sprintf("hash(i + %d) %% %d = 0", seed%977, c.nulls)
	}
	order := ""
	if c.sorted {
		order = "ORDER BY e"
	}
	run(t, e, fmt.Sprintf(`CREATE OR REPLACE TABLE t AS SELECT floor(%s * %d)::INTEGER AS g, (hash(i + 5) %% 3)::INTEGER AS h,
		CASE WHEN %s THEN NULL ELSE (%s * %d + 4294967295) %% 4294967296 END::UINTEGER AS e, CASE WHEN hash(i) %% 4 > 0 THEN i %% 100 END AS x
		FROM range(%d) r(i) %s`, share(2), c.groups, null, code, max(1, c.stride), c.rows, order))
}

// countedForms are the places of a count of entities: FROM t with %[1]s the
// aggregate. Every row starts with its keys. The halves of a UNION ALL have sets
// of their own, which are combined.
var countedForms = []string{
	`SELECT g, 0 AS h, %[1]s AS n, 0 AS m FROM (FROM t UNION ALL FROM t) t GROUP BY g`,
	`SELECT g, 0 AS h, %[1]s AS n, 0 AS m FROM t GROUP BY g`,
	`SELECT g, h, %[1]s AS n, %[1]s FILTER (WHERE x > 50 AND x IS NOT NULL) AS m FROM t GROUP BY g, h`,
	`SELECT g, h, %[1]s AS n, 0 AS m FROM t GROUP BY ROLLUP (g, h)`,
	`SELECT 0 AS g, 0 AS h, %[1]s AS n, %[1]s FILTER (WHERE x = 7) AS m FROM t`,
	`SELECT a.g, 0 AS h, %[1]s AS n, 0 AS m FROM t JOIN (SELECT g, x FROM t WHERE x < 3 LIMIT 2000) a USING (g) GROUP BY a.g`,
	`SELECT 0 AS g, 0 AS h, %[1]s AS n, 0 AS m FROM t WHERE e IS NULL OR x = -1`,
	`SELECT g, 0 AS h, %[1]s AS n, 0 AS m FROM (SELECT g, h, max(e) AS e FROM t GROUP BY g, h, e) t GROUP BY g`,
}

// agrees compares the counter of k with count(DISTINCT) cut off at k, group by
// group, and returns how many groups it saw.
func agrees(t testing.TB, e *engine, k int, form string) int {
	t.Helper()
	counted(t, e, k)
	got := fmt.Sprintf(form, wire.Counter(k)+"(e)")
	want := fmt.Sprintf(form, "count(DISTINCT e)")
	differ := must(t, e, fmt.Sprintf(`SELECT count(*) FROM (%s) a FULL JOIN (%s) b ON a.g IS NOT DISTINCT FROM b.g AND a.h IS NOT DISTINCT FROM b.h
		WHERE a.n IS DISTINCT FROM least(b.n, %[3]d) OR a.m IS DISTINCT FROM least(b.m, %[3]d)`, got, want, k))
	if differ != "0" {
		t.Errorf("k = %d: %s groups differ from count(DISTINCT): %s", k, differ, got)
	}
	if t.Failed() && testing.Short() {
		t.FailNow()
	}
	groups, err := strconv.Atoi(must(t, e, "SELECT count(*) FROM ("+got+")"))
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// The counter is the number of distinct codes, cut off at k: for any k, number of
// threads, distribution, FILTER, nesting, and with rows that have no code.
func TestCounterEqualsCountDistinct(t *testing.T) {
	seed := rand.Uint64()
	if fixed := os.Getenv("ZONEBOX_SEED"); fixed != "" {
		var err error
		if seed, err = strconv.ParseUint(fixed, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ZONEBOX_SEED=%d", seed)
	crowds := []crowd{
		{rows: 300_000, groups: 16, entities: 5000, nulls: 10},
		{rows: 100_000, groups: 14_000, entities: 8, nulls: 3},
		{rows: 100_000, groups: 3000, entities: 40, stride: 1 << 24, nulls: 50, sorted: true},
		{rows: 120_000, groups: 900, entities: 50_000, skew: true},
		{rows: 80_000, groups: 1, entities: 100, nulls: 2, sorted: true},
		{rows: 80_000, groups: 60_000, entities: 3},
	}
	r := rand.New(rand.NewPCG(seed, 1))
	groups, compared := 0, 0
	for _, threads := range []int{8, 1, 2} {
		if testing.Short() && threads < 8 {
			break
		}
		e := open(t, threads)
		for _, c := range crowds {
			if testing.Short() {
				c.rows /= 4
			}
			c.create(t, e, r.Uint64())
			for _, form := range countedForms {
				k := []int{1, 2, 3, 5, 10, 11, 31, 100}[r.IntN(8)]
				groups += agrees(t, e, k, form)
				compared++
			}
		}
	}
	t.Logf("%d comparisons, %d groups", compared, groups)
}

// Sets are moved between memory and the overflow directory like any other value.
func TestCounterSpills(t *testing.T) {
	for _, spill := range []string{t.TempDir(), ""} {
		e, err := openEngine(wire.Options{Threads: 2, Memory: 512 << 20, Spill: 4 << 30}, spill)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeEngine(e) })
		counted(t, e, 2, 60)
		// Every group has three codes, an equal number of rows apart.
		run(t, e, `CREATE TABLE t AS SELECT i % 700000 AS g, (i // 700000 * 5 + i % 3)::UINTEGER AS e FROM range(2100000) r(i)`)
		run(t, e, `SET memory_limit = '120MiB'`)
		for k, want := range map[int]string{2: "1400000", 60: "2100000"} {
			got, err := ask(e, fmt.Sprintf(`SELECT sum(n) FROM (SELECT g, %s(e) AS n FROM t GROUP BY g)`, wire.Counter(k)))
			switch {
			case spill != "" && got != want:
				t.Errorf("k = %d: the counts add up to %s, %v, want %s", k, got, err, want)
			case spill == "" && k == 60 && err == nil:
				t.Errorf("k = %d: the sets fit the memory, so that nothing overflowed", k)
			}
		}
	}
}

// Only what was asked for exists, under its own name and for codes alone.
func TestCounterExistsForItsGroupsOnly(t *testing.T) {
	e := open(t, 2)
	run(t, e, `CREATE TABLE t AS SELECT i::UINTEGER AS e, i::VARCHAR AS s FROM range(50) r(i)`)
	if _, err := ask(e, `SELECT __kset_10(e) FROM t`); err == nil {
		t.Error("a counter nobody asked for exists")
	}
	counted(t, e, 1, 10)
	counted(t, e, 10, 1000) // a second message
	for sql, want := range map[string]string{
		`SELECT __kset_1(e) FROM t`:                       "1",
		`SELECT __kset_10(e) FROM t`:                      "10",
		`SELECT __kset_1000(e) FROM t`:                    "50",
		`SELECT __kset_10(e) FROM t WHERE e > 47`:         "2",
		`SELECT __kset_10(e) FROM t WHERE e > 100`:        "0",
		`SELECT __kset_10(NULL::UINTEGER) FROM t`:         "0",
		`SELECT __kset_10(e) FILTER (WHERE e < 3) FROM t`: "3",
		`SELECT __kset_1(e) FROM t WHERE e > 100`:         "0",
		`SELECT __kset_10(7::UINTEGER) FROM t`:            "1",
		`SELECT __kset_10(e::BIGINT) FROM t`:              "",
		`SELECT __kset_10(s) FROM t`:                      "",
		`SELECT __kset_9(e) FROM t`:                       "",
		`SELECT __kset_100(e) FROM t`:                     "",
		`SELECT __kset_010(e) FROM t`:                     "",
		`SELECT __kset_10() FROM t`:                       "",
		`SELECT __kset_10(e, e) FROM t`:                   "",
		`SELECT __kset_(e) FROM t`:                        "",
		`SELECT __kset_10(DISTINCT e) FROM t WHERE e < 4`: "4",
	} {
		got, err := ask(e, sql)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s = %q, %v, want %q", sql, got, err, want)
		}
	}
}

// What no gate asks for ends the worker, and nothing is registered.
func TestCounterOfHostileGroups(t *testing.T) {
	e := open(t, 1)
	many := make([]int, wire.MaxGroups+1)
	for i := range many {
		many[i] = i + 1
	}
	for _, ks := range [][]int{{0}, {-1}, {wire.MaxGroup + 1}, {1 << 40}, {10, 10}, {10, 2}, {1, 2, 0}, many} {
		if err := e.count(ks); !errors.Is(err, errDead) {
			t.Errorf("count(%v) = %v, want the worker to end", ks, err)
		}
	}
	if len(e.counters) != 0 {
		t.Errorf("%d counters are registered, want none", len(e.counters))
	}
	if err := e.count(many[:wire.MaxGroups]); err != nil {
		t.Errorf("count of %d groups = %v", wire.MaxGroups, err)
	}
}

// Windows move states about and combine them in other ways than groups do.
func TestCounterInWindows(t *testing.T) {
	e := open(t, 4)
	crowd{rows: 20_000, groups: 20, entities: 60, nulls: 5}.create(t, e, 3)
	counted(t, e, 10)
	for _, frame := range []string{"", "ORDER BY x, e", "ORDER BY x, e ROWS BETWEEN 30 PRECEDING AND 5 FOLLOWING"} {
		over := strings.TrimSpace("PARTITION BY g " + frame)
		differ := must(t, e, fmt.Sprintf(`SELECT count(*) FILTER (WHERE a IS DISTINCT FROM least(b, 10)) FROM
			(SELECT __kset_10(e) OVER (%[1]s) AS a, count(DISTINCT e) OVER (%[1]s) AS b FROM t)`, over))
		if differ != "0" {
			t.Errorf("OVER (%s): %s rows differ from count(DISTINCT)", over, differ)
		}
	}
}
