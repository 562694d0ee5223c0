package worker

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// answered runs sql, which has one result of one row and text, with values.
func answered(e *engine, sql string, values ...wire.Parameter) (string, error) {
	stmt, columns, err := e.prepare(sql, values)
	defer duckdb.DestroyPrepare(&stmt)
	if err != nil {
		return "", err
	}
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePreparedStreaming(stmt, &res) != duckdb.StateSuccess {
		return "", errors.New(duckdb.ResultError(&res))
	}
	if !typed(&res, columns) {
		return "", faulted("type")
	}
	chunk := duckdb.FetchChunk(res)
	defer duckdb.DestroyDataChunk(&chunk)
	if chunk.Ptr == nil || duckdb.DataChunkGetSize(chunk) != 1 {
		return "", errors.New("not one row")
	}
	return strings.Clone(vector[stringT](duckdb.VectorGetData(duckdb.DataChunkGetVector(chunk, 0)), 1)[0].text()), nil
}

func constantOf(p wire.Parameter) string {
	return "CAST('" + strings.ReplaceAll(p.Text, "'", "''") + "' AS " + p.Type + ")"
}

// What the engine is given is the value that the constant would be, to the bit.
func TestAParameterIsItsConstant(t *testing.T) {
	e := open(t, 1)
	r := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	check := func(typ string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			p := wire.Parameter{Name: "value", Type: typ, Text: text}
			got, err := answered(e, "SELECT typeof(v) || ' ' || v::VARCHAR || ' ' || (v IS NOT DISTINCT FROM "+constantOf(p)+") FROM (SELECT CAST($value AS "+typ+") AS v)", p)
			want := must(t, e, "SELECT typeof(v) || ' ' || v::VARCHAR || ' true' FROM (SELECT "+constantOf(p)+" AS v)")
			if err != nil || got != want {
				t.Errorf("%s %q = %q, %v: want %q", typ, text, got, err, want)
			}
		}
	}
	check("BIGINT", "0", "-1", "9223372036854775807", "-9223372036854775808")
	check("DOUBLE", "0", "1.5", "-1e+300", "5e-324", "0.1", "1.7976931348623157e+308")
	check("BOOLEAN", "true", "false")
	check("DATE", "0001-01-01", "1582-10-15", "1582-10-04", "1969-12-31", "1970-01-01", "2024-02-29", "9999-12-31")
	check("TIMESTAMP", "0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-02-29 08:00:00.25", "9999-12-31 23:59:59.999999")
	check("DECIMAL(38,0)", "0", strings.Repeat("9", 38), "-"+strings.Repeat("9", 38), "18446744073709551615", "-18446744073709551616")
	check("DECIMAL(38,38)", "0."+strings.Repeat("9", 38), "-0."+strings.Repeat("0", 37)+"1")
	check("DECIMAL(4,2)", "99.99", "-99.99", "-0.01")
	check("DECIMAL(9,2)", "-9999999.99")
	check("DECIMAL(18,2)", "-9999999999999999.99")
	check("DECIMAL(19,2)", "-99999999999999999.99", "0.01")
	check("VARCHAR", "", "a", "'", "''", `"`, `\`, `\'`, "'; DROP TABLE t; --", "/*", "*/", "--", "$value", "$$", "$1", "?", "%", "_", "NULL", "E'\\x00'",
		"域盒", "e\u0301", "\u202e", "\u200b", "\ufeff", "😀", "line\nline", "\t", strings.Repeat("长", 1000))
	for range 300 {
		n := r.Int64() >> r.IntN(64)
		check("BIGINT", strconv.FormatInt(n, 10), strconv.FormatInt(-n, 10))
		check("DATE", time.Unix(r.Int64N(200_000_000_000)-60_000_000_000, 0).UTC().Format(time.DateOnly))
		var text strings.Builder
		for range r.IntN(20) {
			text.WriteRune([]rune("'\"\\;-/*$%_\n 0aé域😀\u202e")[r.IntN(18)])
		}
		check("VARCHAR", text.String())
	}
}

// Wherever the cast that gives a parameter its type stands, and whatever the
// engine converts it to, the answer is the constant's.
func TestAParameterComputesAsItsConstant(t *testing.T) {
	e := open(t, 1)
	run(t, e, "CREATE TABLE t AS SELECT i::BIGINT AS n, (i / 4)::DECIMAL(9,2) AS m, i / 3 AS f, 'x' || i AS s, DATE '2024-01-01' + i::INTEGER AS d FROM range(10) r(i)")
	values := []wire.Parameter{{Name: "n", Type: "BIGINT", Text: "3"}, {Name: "m", Type: "DECIMAL(9,2)", Text: "1.50"}, {Name: "f", Type: "DOUBLE", Text: "0.5"},
		{Name: "s", Type: "VARCHAR", Text: "x3"}, {Name: "d", Type: "DATE", Text: "2024-01-04"}, {Name: "b", Type: "BOOLEAN", Text: "true"}}
	for _, expr := range []string{
		"$n + 0.5", "$n / 2", "$n // 2", "$m * $n", "-$m", "$f + $m", "coalesce($n, 1.5)", "coalesce(NULL, $m)", "CASE WHEN $b THEN $n ELSE 0.25 END",
		"CASE $n WHEN 3 THEN $d END", "$n IN (1, 2.5, 3)", "2.5 IN ($n, $m)", "$n BETWEEN 2.5 AND $f * 10", "greatest($n, $m, 2)", "[$n, 1.5]", "{'a': $m}",
		"$d + 1", "$d - DATE '2024-01-01'", "$d || $s", "$s || $n", "$s LIKE 'x%'", "length($s)", "$d < '2024-02-01'", "date_part('month', $d)",
		"NOT $b", "$b::INTEGER", "$m::BIGINT", "round($m, 1)", "$n IS NULL", "nullif($n, 3.0)", "$n = '3'",
		"(SELECT max(n) FROM t WHERE n < $n)", "(SELECT count(*) FROM t WHERE m >= $n)", "(SELECT count(*) FROM t WHERE f > $m)", "(SELECT count(*) FROM t WHERE s = $s)",
		"(SELECT count(*) FROM t WHERE d BETWEEN $d AND $d + 2)", "(SELECT count(*) FROM (FROM t LIMIT $n))", "(SELECT sum(n) FROM (FROM t ORDER BY n OFFSET $n))",
		"(SELECT max(v) FROM (SELECT n AS v FROM t UNION ALL SELECT $m))", "(SELECT string_agg(s || $s, ',' ORDER BY s) FROM t WHERE n < $n)", "(SELECT sum(n) FILTER (WHERE m < $m) FROM t)",
	} {
		cast, constant := expr, expr
		for _, v := range values {
			cast = strings.ReplaceAll(cast, "$"+v.Name, "CAST(@"+v.Name+" AS "+v.Type+")")
			constant = strings.ReplaceAll(constant, "$"+v.Name, constantOf(v))
		}
		var used []wire.Parameter
		for _, v := range values {
			if strings.Contains(expr, "$"+v.Name) {
				used = append(used, v)
			}
		}
		want := must(t, e, "SELECT typeof(x) || ' ' || coalesce(x::VARCHAR, 'NULL') FROM (SELECT "+constant+" AS x)")
		got, err := answered(e, strings.ReplaceAll("SELECT typeof(x) || ' ' || coalesce(x::VARCHAR, 'NULL') FROM (SELECT "+cast+" AS x)", "@", "$"), used...)
		if err != nil || got != want {
			t.Errorf("%s = %q, %v: want %q", expr, got, err, want)
		}
		stmt, columns, err := e.prepare(strings.ReplaceAll("SELECT "+cast+" AS x", "@", "$"), used)
		var f *fault
		if errors.As(err, &f) && f.code == "type" && columns == nil {
			duckdb.DestroyPrepare(&stmt)
			continue // a type that does not cross the border
		}
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		var res duckdb.Result
		if duckdb.ExecutePreparedStreaming(stmt, &res) != duckdb.StateSuccess || len(columns) != 1 || !strings.HasPrefix(want, columns[0].Type+" ") {
			t.Errorf("%s is bound as %v, want %s", expr, columns, want)
		}
		if !typed(&res, columns) || typed(&res, []wire.Column{{Type: "UUID"}}) || typed(&res, nil) {
			t.Errorf("%s: typed does not tell its types from others", expr)
		}
		duckdb.DestroyResult(&res)
		duckdb.DestroyPrepare(&stmt)
	}
}

func TestEveryWordNamesAParameter(t *testing.T) {
	e := open(t, 1)
	for _, name := range []string{"from", "to", "select", "limit", "order", "null", "true", "date", "end", "table", "user", "a", "x_1", strings.Repeat("n", 63)} {
		p := wire.Parameter{Name: name, Type: "BIGINT", Text: "42"}
		for _, form := range []string{"$" + name, `$"` + name + `"`} {
			if got, err := answered(e, "SELECT CAST(CAST("+form+" AS BIGINT) AS VARCHAR)", p); got != "42" || err != nil {
				t.Errorf("%s = %q, %v", form, got, err)
			}
		}
	}
}

func TestAStatementHasItsParametersAndNoOthers(t *testing.T) {
	e := open(t, 1)
	run(t, e, "CREATE TABLE t AS SELECT 'a' AS s, DATE '2024-01-01' AS d, 1::BIGINT AS n, 1.5::DECIMAL(4,2) AS m")
	n := func(name string) wire.Parameter { return wire.Parameter{Name: name, Type: "BIGINT", Text: "1"} }
	s := func(name, text string) wire.Parameter {
		return wire.Parameter{Name: name, Type: "VARCHAR", Text: text}
	}
	list := func(p ...wire.Parameter) []wire.Parameter { return p }
	for _, c := range []struct {
		sql    string
		values []wire.Parameter
		ok     bool
	}{
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT) LIMIT CAST($b AS BIGINT)", list(n("a"), n("b")), true},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT) LIMIT CAST($b AS BIGINT)", list(n("b"), n("a")), true},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT) AND n < CAST($a AS BIGINT) + 1", list(n("a")), true},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT) LIMIT CAST($b AS BIGINT)", list(n("a")), false},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT)", list(n("a"), n("b")), false},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT)", list(n("b")), false},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT)", nil, false},
		{"SELECT s FROM t", list(n("a")), false},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT)", list(n("a"), n("a")), false},
		{"SELECT s FROM t WHERE n = CAST($1 AS BIGINT)", list(n("a")), false},
		{"SELECT s FROM t WHERE n = CAST(? AS BIGINT)", list(n("a")), false},
		// Never converted: what the engine reads as another type is refused.
		{"SELECT s FROM t WHERE s = CAST($a AS VARCHAR)", list(s("a", "a")), true},
		{"SELECT s FROM t WHERE n = CAST($a AS BIGINT)", list(s("a", "1")), false},
		{"SELECT s FROM t WHERE d = $a", list(s("a", "2024-01-01")), false},
		{"SELECT s FROM t WHERE d = $a", list(wire.Parameter{Name: "a", Type: "DATE", Text: "2024-01-01"}), true},
		{"SELECT $a", list(s("a", "a")), false},
		// Where the engine needs a value before it has one, a parameter is refused.
		{"SELECT s FROM range(CAST($a AS BIGINT)), t", list(n("a")), false},
		{"SELECT string_agg(s, CAST($a AS VARCHAR)) FROM t", list(s("a", ",")), false},
		{"SELECT s FROM t WHERE CAST($a AS VARCHAR) COLLATE NOCASE = 'A'", list(s("a", "a")), false},
		{"SELECT s FROM t WHERE m = CAST($a AS DECIMAL(4,2))", list(wire.Parameter{Name: "a", Type: "DECIMAL(4,2)", Text: "1.50"}), true},
	} {
		_, err := answered(e, c.sql, c.values...)
		if c.ok != (err == nil) {
			t.Errorf("%s with %v = %v, want ok %v", c.sql, c.values, err, c.ok)
		}
		var f *fault
		if !c.ok && (!errors.As(err, &f) || f.code != "parameter" && f.code != "type") {
			t.Errorf("%s: %v, want the code of parameters or types", c.sql, err)
		}
	}
}

func TestOnlyTheGatesOwnSpellingIsAValue(t *testing.T) {
	e := open(t, 1)
	for typ, texts := range map[string][]string{
		"BIGINT":       {"", " 1", "1.0", "01", "+1", "-0", "9223372036854775808", "1e3", "0x1", "NaN", "1;"},
		"DOUBLE":       {"", "NaN", "Inf", "+Inf", "-Inf", "1.50", "1e999", "0x1p3", "1_0", " 1"},
		"BOOLEAN":      {"", "TRUE", "1", "t", "true "},
		"DATE":         {"", "2023-02-29", "2024-1-1", "0000-01-01", "infinity", "2024-01-01 00:00:00", "today"},
		"TIMESTAMP":    {"", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00.500", "2024-01-01 00:00:00.1234567", "infinity", "2024-01-01 24:00:00"},
		"DECIMAL(4,2)": {"", "1", "1.5", "100.00", ".50", "1.500", "+1.00", "1,00", "NaN", "--1.00", "1.-0", "-"},
		"VARCHAR":      {"a\x00b", "\xff", strings.Repeat("x", 5000)},
		"HUGEINT":      {"1"}, "INTEGER": {"1"}, "BLOB": {"a"}, "DECIMAL(39,0)": {"1"}, "VARCHAR[]": {"[a]"},
	} {
		for _, text := range texts {
			var f *fault
			_, err := answered(e, "SELECT CAST(CAST($v AS "+strings.Replace(typ, "(39", "(38", 1)+") AS VARCHAR)", wire.Parameter{Name: "v", Type: typ, Text: text})
			if !errors.As(err, &f) || f.code != "parameter" {
				t.Errorf("%s %.20q = %v, want it refused", typ, text, err)
			}
		}
	}
}
