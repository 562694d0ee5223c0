package worker

import (
	"fmt"
	"os"
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// judged are the rows of the list of functions that are not refused: kind, as the
// engine lists it, and name to marks and, for one that needs OVER, "window".
func judged(t *testing.T) map[[2]string]string {
	t.Helper()
	text, err := os.ReadFile("../../query/analysis/functions.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[[2]string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if c := strings.Split(line, "\t"); len(c) == 7 && !strings.HasPrefix(line, "#") && c[2] != "refused" {
			if c[1] == "window" {
				c[1], c[5] = "aggregate", c[5]+" window"
			}
			out[[2]string{c[1], c[0]}] = c[5]
		}
	}
	return out
}

// argumentsOf are values of a type as the list of functions writes it.
var argumentsOf = map[string][]string{
	"VARCHAR": {"'a-b'", "'[1, {\"a\": 2}]'"}, "JSON": {"JSON '[1, {\"a\": 2}]'"}, "BLOB": {"BLOB 'ab'"}, "BIT": {"BIT '0101'"},
	"TINYINT": {"3::TINYINT"}, "SMALLINT": {"3::SMALLINT"}, "INTEGER": {"3::INTEGER"}, "BIGINT": {"3::BIGINT"}, "HUGEINT": {"3::HUGEINT"},
	"UTINYINT": {"3::UTINYINT"}, "USMALLINT": {"3::USMALLINT"}, "UINTEGER": {"3::UINTEGER"}, "UBIGINT": {"3::UBIGINT"}, "UHUGEINT": {"3::UHUGEINT"},
	"BIGNUM": {"3::BIGNUM"}, "DECIMAL": {"1.5"}, "FLOAT": {"0.5::FLOAT"}, "DOUBLE": {"0.5::DOUBLE"}, "BOOLEAN": {"true"},
	"DATE": {"DATE '2020-02-29'"}, "TIME": {"TIME '12:30:00'"}, "TIME_NS": {"'12:30:00'::TIME_NS"}, "TIME WITH TIME ZONE": {"TIMETZ '12:30:00+01'"},
	"TIMESTAMP": {"TIMESTAMP '2020-02-29 12:30:00'"}, "TIMESTAMP_S": {"'2020-02-29 12:30:00'::TIMESTAMP_S"}, "TIMESTAMP_MS": {"'2020-02-29 12:30:00'::TIMESTAMP_MS"},
	"TIMESTAMP_NS": {"'2020-02-29 12:30:00'::TIMESTAMP_NS"}, "TIMESTAMP WITH TIME ZONE": {"TIMESTAMPTZ '2020-02-29 12:30:00+00'"},
	"INTERVAL": {"INTERVAL 3 DAY"}, "UUID": {"'00112233-4455-7677-8899-aabbccddeeff'::UUID"}, "GEOMETRY": {"'POINT (1 2)'::GEOMETRY"},
	"ANY": {"3", "'a-b'", "[2, 1]", "{'a': 1}"}, "T": {"2"}, "K": {"2"}, "V": {"2"}, "TYPE": {"get_type(3)"}, "VARIANT": {"{'a': 1}::VARIANT"},
	"T[]": {"[3, 2, 1]"}, "ANY[]": {"[3, 2, 1]", "['b', 'a']"}, "K[]": {"[3, 2, 1]"}, "V[]": {"[3, 2, 1]"}, "VARCHAR[]": {"['a', 'b']"}, "BIGINT[]": {"[3, 1]"},
	"BOOLEAN[]": {"[true, false]"}, "T[][]": {"[[3], [2, 1]]"}, "num_rows BIGINT": {"num_rows := 3"}, "DOUBLE[]": {"[0.5::DOUBLE, 1, 2]"}, "FLOAT[]": {"[0.5::FLOAT, 1, 2]"}, "DOUBLE[ANY]": {"[0.5, 1, 2]::DOUBLE[3]"},
	"FLOAT[ANY]": {"[0.5, 1, 2]::FLOAT[3]"}, "DOUBLE[3]": {"[0.5, 1, 2]::DOUBLE[3]"}, "FLOAT[3]": {"[0.5, 1, 2]::FLOAT[3]"},
	"LAMBDA": {"lambda x: x", "lambda x, y: x", "lambda x: x > 1"}, "STRUCT": {"{'a': 1, 'b': 'x'}"}, "UNION": {"union_value(a := 1)"},
	"MAP(K, V)": {"MAP {2: 5}"}, "STRUCT(K, V)[]": {"[{'k': 1, 'v': 2}]"}, `STRUCT("year" BIGINT, "month" BIGINT, "day" BIGINT)`: {"{'year': 2020, 'month': 2, 'day': 3}"},
}

// spelled are calls of what takes more than its types tell.
var spelled = map[string]string{
	"generate_subscripts": "generate_subscripts([4, 5], 1)", "list_bool_and": "list_bool_and([true, false])", "list_bool_or": "list_bool_or([true, false])",
	"map_contains_entry": "map_contains_entry(MAP {'a': 1}, 'a', 1)", "map_contains_value": "map_contains_value(MAP {'a': 1}, 1)",
	"<->": "([0.5, 1] <-> [1, 2])", "<=>": "([0.5, 1] <=> [1, 2])", "<@": "([1] <@ [1, 2])", "@>": "([1] @> [1, 2])", "ago": "ago(INTERVAL 1 DAY)",
	"aggregate": "aggregate([1, 2], 'sum')", "array_aggr": "array_aggr([1, 2], 'sum')", "array_aggregate": "array_aggregate([1, 2], 'list')",
	"list_aggr": "list_aggr([1, 2], 'string_agg', '-')", "list_aggregate": "list_aggregate([1, 2], 'max')",
	"array_to_json": "array_to_json([1])", "bitstring": "bitstring('0101', 8)", "cardinality": "cardinality(MAP {'a': 1})",
	"create_sort_key": "create_sort_key('b', 'DESC NULLS LAST')", "enum_code": "enum_code('b'::ENUM('a', 'b'))", "enum_first": "enum_first(NULL::ENUM('a', 'b'))",
	"enum_last": "enum_last(NULL::ENUM('a', 'b'))", "enum_range": "enum_range(NULL::ENUM('a', 'b'))",
	"enum_range_boundary": "enum_range_boundary('a'::ENUM('a', 'b'), NULL::ENUM('a', 'b'))",
	"from_base64":         "from_base64('YWI=')", "from_binary": "from_binary('0101')", "unbin": "unbin('0101')", "from_hex": "from_hex('6162')", "unhex": "unhex('6162')",
	"from_json": `from_json('[1]', '["INTEGER"]')`, "from_json_strict": `from_json_strict('[1]', '["INTEGER"]')`,
	"json_transform": `json_transform('{"a": 1}', '{"a": "INTEGER"}')`, "json_transform_strict": `json_transform_strict('{"a": 1}', '{"a": "INTEGER"}')`,
	"json_quote": "json_quote(1)", "row_to_json": "row_to_json({'a': 1})", "to_json": "to_json([1])",
	"like_escape": "like_escape('a%', 'ax%', 'x')", "not_like_escape": "not_like_escape('a%', 'ax%', 'x')",
	"ilike_escape": "ilike_escape('a%', 'Ax%', 'x')", "not_ilike_escape": "not_ilike_escape('a%', 'Ax%', 'x')",
	"make_type": "make_type('DECIMAL', 9, 2)", "map_concat": "map_concat(MAP {'a': 1}, MAP {'b': 2})", "parse_formatted_bytes": "parse_formatted_bytes('1 KB')",
	"set_bit": "set_bit('0101'::BIT, 1, 0)", "st_geomfromwkb": "st_geomfromwkb(st_asbinary('POINT (1 2)'::GEOMETRY))",
	"struct_concat": "struct_concat({'a': 1}, {'b': 2})", "struct_contains": "struct_contains(row(1, 2), 2)", "struct_has": "struct_has(row(1, 2), 2)",
	"struct_indexof": "struct_indexof(row(1, 2), 2)", "struct_position": "struct_position(row(1, 2), 2)", "struct_extract": "struct_extract({'a': 1}, 'a')",
	"struct_extract_at": "struct_extract_at({'a': 1}, 1)", "struct_insert": "struct_insert({'a': 1}, b := 2)", "struct_update": "struct_update({'a': 1}, a := 2)",
	"struct_pack": "struct_pack(a := 1)", "union_extract": "union_extract(union_value(a := 1), 'a')", "union_value": "union_value(a := 1)",
	"repeat_row": "repeat_row(1, 2, num_rows := 3)",
	"date_diff":  "date_diff('day', DATE '2020-02-29', DATE '2021-03-01')", "datediff": "datediff('month', DATE '2020-02-29', DATE '2021-03-01')",
	"date_sub": "date_sub('month', DATE '2020-02-29', DATE '2021-03-01')", "datesub": "datesub('year', DATE '2020-02-29', DATE '2021-02-28')",
	"date_part": "date_part('epoch', DATE '2020-02-29')", "datepart": "datepart(['year', 'month'], DATE '2020-02-29')",
	"date_trunc": "date_trunc('month', DATE '2020-02-29')", "datetrunc": "datetrunc('week', DATE '2020-02-29')",
}

// overloads are the recorded argument types of every function, by kind and name.
// What takes any number of arguments more takes two.
func overloads(t *testing.T) map[[2]string][][]string {
	t.Helper()
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	out := map[[2]string][][]string{}
	for _, line := range strings.Split(string(text), "\n") {
		c := strings.Split(line, "\t")
		if len(c) != 7 {
			continue
		}
		list := strings.TrimSuffix(strings.TrimPrefix(c[3], "("), ")")
		all := types(list)
		if fixed, more := strings.CutSuffix(list, "..."); more {
			at := strings.LastIndexByte(fixed, ' ')
			all = append(types(fixed[:at]), fixed[at+1:], fixed[at+1:])
		}
		key := [2]string{c[0], c[1]}
		out[key] = append(out[key], all)
	}
	return out
}

// callsOf returns calls of a function: one for each overload and choice of
// arguments.
func callsOf(t *testing.T, key [2]string, overloads [][]string) []string {
	t.Helper()
	if call := spelled[key[1]]; call != "" {
		return []string{call}
	}
	var out []string
	for _, o := range overloads {
		calls := []string{""}
		for i, typ := range o {
			values := argumentsOf[strings.TrimSpace(typ)]
			if key[0] == "macro" {
				values = append(append(argumentsOf["ANY"], argumentsOf["DATE"]...), "0.5")
			}
			if values == nil {
				t.Errorf("%s %s: no value of %q", key[0], key[1], typ)
			}
			var next []string
			for _, call := range calls {
				for _, v := range values {
					if i > 0 {
						v = call + ", " + v
					}
					next = append(next, v)
				}
			}
			calls = next
		}
		for _, args := range calls {
			out = append(out, spell(key[1], args))
		}
	}
	return out
}

// spell writes a call as a statement would.
func spell(name, args string) string {
	if !strings.ContainsAny(name[:1], "+-*/%<>=~@^|&!") || name == "!__postfix" {
		return quote(name) + "(" + args + ")"
	}
	if left, right, both := strings.Cut(args, ", "); both && !strings.HasPrefix(args, "[") {
		return left + " " + name + " " + right
	}
	return name + " " + args
}

// types splits a list of types at the commas between them.
func types(list string) []string {
	var out []string
	depth, from := 0, 0
	for i, r := range list {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, list[from:i]), i+1
			}
		}
	}
	if strings.TrimSpace(list) != "" {
		out = append(out, list[from:])
	}
	return out
}

// What is not refused tells nothing of the engine it runs in and is the same
// every time, but for what is said to read the clock: two engines of other
// threads, memory, overflow and search path agree, call by call.
func TestAllowedFunctionsTellNothingOfTheirEngine(t *testing.T) {
	var engines [2]*engine
	for i := range engines {
		e, err := openEngine(wire.Options{Threads: 1 + i, Memory: int64(1+i) << 30, Spill: int64(i) << 30}, []string{"", t.TempDir()}[i])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			duckdb.Disconnect(&e.conn)
			duckdb.Close(&e.db)
		})
		engines[i] = e
	}
	for _, sql := range []string{"CREATE SCHEMA other", "SET search_path = 'other,main'", "SET VARIABLE v = 1", "CREATE TABLE other.t AS SELECT 1 AS a", "SELECT setseed(0.5)"} {
		if err := engines[1].run(sql); err != nil {
			t.Fatal(err)
		}
	}
	listed := overloads(t)
	tried, answered := 0, 0
	for key, marks := range judged(t) {
		if key[0] == "keyword" || key[0] == "syntax" {
			continue
		}
		some := false
		for _, call := range callsOf(t, key, listed[key]) {
			sql := "SELECT (" + call + ")::VARCHAR"
			switch {
			case key[0] == "table":
				sql = "SELECT list(q)::VARCHAR FROM (FROM " + call + " LIMIT 5) q"
			case strings.Contains(marks, "window"):
				sql = "SELECT (" + call + " OVER (ORDER BY x))::VARCHAR FROM (VALUES (1), (3)) t(x)"
			}
			tried++
			a, errA := first(engines[0], sql)
			b, errB := first(engines[1], sql)
			if errA == nil {
				answered++
				some = true
			}
			if (a != b || (errA == nil) != (errB == nil)) && !strings.Contains(marks, "clock") {
				t.Errorf("%s\n%s (%v)\n%s (%v)", sql, a, errA, b, errB)
			}
		}
		if !some {
			t.Errorf("no call of %s %s answers: write one", key[0], key[1])
		}
	}
	t.Logf("%d calls, %d answered", tried, answered)
}

// first returns the first value of a result as text, or the engine's error.
func first(e *engine, sql string) (string, error) {
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(e.conn, sql, &res) != duckdb.StateSuccess {
		return "", fmt.Errorf("%s", duckdb.ResultError(&res))
	}
	chunk := duckdb.FetchChunk(res)
	defer duckdb.DestroyDataChunk(&chunk)
	if chunk.Ptr == nil || duckdb.DataChunkGetSize(chunk) == 0 {
		return "", nil
	}
	v := duckdb.DataChunkGetVector(chunk, 0)
	if valid := validity(duckdb.VectorGetValidity(v), 1); valid != nil && !valid[0] {
		return "NULL", nil
	}
	return strings.Clone(vector[stringT](duckdb.VectorGetData(v), 1)[0].text()), nil
}
