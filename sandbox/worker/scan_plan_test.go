package worker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// differ returns how many rows of two queries the other has not, duplicates
// counted.
func differ(t testing.TB, e *engine, a, b string) string {
	t.Helper()
	return must(t, e, fmt.Sprintf("SELECT count(*) FROM ((FROM (%[1]s) EXCEPT ALL FROM (%[2]s)) UNION ALL (FROM (%[2]s) EXCEPT ALL FROM (%[1]s)))", a, b))
}

// numbered attaches rows 0 to n-1 in segments of the given size, and makes the
// engine compute the same rows by itself. k is null in every seventh row.
func numbered(t testing.TB, e *engine, n, size int) {
	t.Helper()
	columns := []wire.Column{{Name: "i", Type: "BIGINT"}, {Name: "k", Type: "INTEGER"}, {Name: "name", Type: "VARCHAR"}}
	for first := 0; first < n; first += size {
		i, k, name := array.NewInt64Builder(memory.DefaultAllocator), array.NewInt32Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
		for row := first; row < min(first+size, n); row++ {
			i.Append(int64(row))
			if row%7 == 0 {
				k.AppendNull()
			} else {
				k.Append(int32(row * 31 % 1000))
			}
			name.Append(fmt.Sprintf("row %d of %d", row%5000, row%3))
		}
		attach(t, e, "scanned", columns, []arrow.Array{i.NewArray(), k.NewArray(), name.NewArray()})
	}
	run(t, e, "CREATE TABLE native (i BIGINT, k INTEGER, name VARCHAR)")
	run(t, e, fmt.Sprintf(`INSERT INTO native SELECT i, CASE WHEN i %% 7 <> 0 THEN i * 31 %% 1000 END, 'row ' || (i %% 5000) || ' of ' || (i %% 3) FROM range(%d) t(i)`, n))
}

func TestPlansOverScansEqualPlansOverTheEnginesOwnTables(t *testing.T) {
	for _, threads := range []int{1, 2} {
		e := open(t, threads)
		numbered(t, e, 300_000, 130_000) // several morsels and segments
		for _, c := range []struct{ rule, sql string }{
			{"no column", `SELECT count(*) FROM %[1]s`},
			{"every column", `SELECT * FROM %[1]s`},
			{"columns turned around", `SELECT name, i FROM %[1]s`},
			{"one column twice", `SELECT k, k AS again FROM %[1]s`},
			{"a filter on what is not shown", `SELECT name FROM %[1]s WHERE k > 990`},
			{"a filter that nothing passes", `SELECT i FROM %[1]s WHERE i < 0`},
			{"an existence", `SELECT 1 AS one FROM %[1]s WHERE k IS NULL`},
			{"joined with itself", `SELECT a.i, b.name FROM %[1]s a JOIN %[1]s b ON a.i = b.i + 1`},
			{"joined three times", `SELECT count(*), sum(a.i + c.k) FROM %[1]s a JOIN %[1]s b ON a.i = b.i JOIN %[1]s c ON b.i = c.i`},
			{"united with itself", `SELECT i, name FROM %[1]s UNION ALL SELECT k, name FROM %[1]s`},
			{"a CTE used twice", `WITH c AS (SELECT k, count(*) AS n FROM %[1]s GROUP BY k) SELECT a.k, b.n FROM c a JOIN c b ON a.k = b.k`},
			{"a materialized CTE", `WITH c AS MATERIALIZED (SELECT i, name FROM %[1]s WHERE i %% 3 = 0) SELECT a.name, b.i FROM c a JOIN c b USING (i)`},
			{"a nested query", `SELECT i FROM %[1]s WHERE k IN (SELECT max(k) FROM %[1]s GROUP BY name)`},
			{"a correlated query", `SELECT i, (SELECT max(b.i) FROM %[1]s b WHERE b.k = a.k) AS m FROM %[1]s a WHERE a.i < 100`},
			{"groups and strings", `SELECT name, count(*) AS n, sum(k) AS s, min(i) AS m FROM %[1]s GROUP BY name`},
			{"distinct", `SELECT DISTINCT k, name FROM %[1]s`},
			{"sorted and cut", `SELECT i, name FROM %[1]s ORDER BY name DESC, i LIMIT 1000 OFFSET 500`},
			{"a window", `SELECT i, sum(k) OVER (PARTITION BY name ORDER BY i) AS s FROM %[1]s`},
		} {
			t.Run(fmt.Sprintf("%s, %d threads", c.rule, threads), func(t *testing.T) {
				if n := differ(t, e, fmt.Sprintf(c.sql, "native"), fmt.Sprintf(c.sql, "scanned")); n != "0" {
					t.Errorf("%s: %s rows differ", c.sql, n)
				}
			})
		}
	}
}

func TestACountReadsNoColumn(t *testing.T) {
	e := open(t, 1)
	// Were the first column read, its hostile offsets would end the count.
	attach(t, e, "scanned", []wire.Column{{Name: "__nothing", Type: "VARCHAR"}}, []arrow.Array{backwards()})
	if got := must(t, e, `SELECT count(*) FROM scanned`); got != "2" {
		t.Errorf("count(*) = %s, want 2", got)
	}
	if _, err := ask(e, `SELECT "__nothing" FROM scanned`); err == nil {
		t.Error("a column with offsets that go back was read")
	}
}

// backwards is an array of two strings whose offsets go back.
func backwards() arrow.Array {
	bytes, offsets := memory.NewBufferBytes([]byte("abcdef")), memory.NewBufferBytes([]byte{0, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0})
	data := array.NewData(arrow.BinaryTypes.String, 2, []*memory.Buffer{nil, offsets, bytes}, nil, 0, 0)
	return array.NewStringData(data)
}

// TestRandomTables compares random schemas, rows, segments and projections with
// the oracle. A failing seed becomes a case of its own by its number.
func TestRandomTables(t *testing.T) {
	const budget = 5 * time.Second
	all := forms()
	first := uint64(time.Now().UnixNano())
	begun, done := time.Now(), 0
	for seed := first; time.Since(begun) < budget && !t.Failed(); seed++ {
		r := rand.New(rand.NewPCG(seed, 1))
		e := open(t, 1+r.IntN(2))
		columns, types, dts := []wire.Column{{Name: "i", Type: "BIGINT"}}, []wire.Type{{ID: "BIGINT"}}, []arrow.DataType{arrow.PrimitiveTypes.Int64}
		for c := range 1 + r.IntN(6) {
			f := all[r.IntN(len(all))]
			typ, err := wire.ParseType(f.typ)
			if err != nil {
				t.Fatal(err)
			}
			columns, types, dts = append(columns, wire.Column{Name: fmt.Sprintf("c %d", c), Type: f.typ}), append(types, typ), append(dts, f.dt)
		}
		var rows [][]any
		var segments [][]arrow.Array
		for range r.IntN(4) {
			n := []int{0, 1, 63, 64, 65, r.IntN(300), r.IntN(300), 2048 + r.IntN(3)}[r.IntN(8)]
			cells := make([][]any, len(columns))
			for range n {
				row := []any{int64(len(rows))}
				for c := 1; c < len(columns); c++ {
					row = append(row, someCell(r, types[c], 0))
				}
				rows = append(rows, row)
				for c, x := range row {
					cells[c] = append(cells[c], x)
				}
			}
			var g []arrow.Array
			for c := range columns {
				g = append(g, slice(r, memory.DefaultAllocator, dts[c], types[c], cells[c], r.IntN(70), r.IntN(3)))
			}
			segments = append(segments, g)
		}
		fillNative(t, e, "native", columns, types, rows)
		attach(t, e, "scanned", columns, segments...)
		same(t, e, "native", "scanned", columns)
		var shown []string
		for range 1 + r.IntN(4) {
			shown = append(shown, quote(columns[r.IntN(len(columns))].Name)+"::VARCHAR")
		}
		sql := "SELECT " + strings.Join(shown, ", ") + " FROM %s WHERE i % 3 <> " + fmt.Sprint(r.IntN(4))
		a, b := strings.Replace(sql, "%s", "native", 1), strings.Replace(sql, "%s", "scanned", 1)
		if n := differ(t, e, a, b); n != "0" {
			t.Errorf("%s: %s rows differ", sql, n)
		}
		if t.Failed() {
			t.Logf("seed %d, columns %v", seed, columns)
		}
		done++
	}
	t.Logf("%d tables from seed %d on", done, first)
}

// TestFieldsOfANullAreNull: Arrow lets values stand behind a null struct or
// array; the engine takes a field without asking the struct.
func TestFieldsOfANullAreNull(t *testing.T) {
	e := open(t, 1)
	const n = 100
	valid := make([]byte, (n+7)/8)
	for i := range n {
		if i%3 != 0 {
			valid[i/8] |= 1 << (i % 8)
		}
	}
	var values []int64
	for i := range 2 * n {
		values = append(values, int64(i))
	}
	one, two := longs(values[:n]...), longs(values...)
	inner := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	plain := raw(inner, n, []arrow.ArrayData{one.Data()}, []byte(nil))
	outer := array.NewData(arrow.StructOf(arrow.Field{Name: "in", Type: inner, Nullable: true}), n,
		[]*memory.Buffer{memory.NewBufferBytes(valid)}, []arrow.ArrayData{plain}, array.UnknownNullCount, 0)
	pairs := array.NewData(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int64), n,
		[]*memory.Buffer{memory.NewBufferBytes(valid)}, []arrow.ArrayData{two.Data()}, array.UnknownNullCount, 0)
	attach(t, e, "t", []wire.Column{{Name: "s", Type: `STRUCT("in" STRUCT("a" BIGINT))`}, {Name: "p", Type: "BIGINT[2]"}},
		[]arrow.Array{array.MakeFromData(outer), array.MakeFromData(pairs)})
	for _, expr := range []string{`s`, `s."in"`, `s."in".a`, `p`, `p[1]`, `p[2]`} {
		if got := must(t, e, "SELECT count("+expr+") FROM t"); got != "66" {
			t.Errorf("count(%s) = %s, want 66", expr, got)
		}
	}
}
