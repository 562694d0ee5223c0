package query_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
)

// plainCatalog has open tables, one with a keyed token, one of which nothing is
// granted, one that holds nothing else than tokens, and a protected one.
func plainCatalog() analysis.Catalog {
	clear := func(name, typ string) analysis.Column {
		return analysis.Column{Name: name, Type: typ, Level: 1, Mode: analysis.Clear, Nullable: true, Granted: true}
	}
	token := func(name string) analysis.Column {
		return analysis.Column{Name: name, Type: "VARCHAR", Level: 2, Mode: analysis.Masked, Recipe: "token", Token: true, Nullable: true, Granted: true}
	}
	withheld := analysis.Column{Name: "note", Type: "VARCHAR", Level: 2, Nullable: true}
	return analysis.Catalog{Tables: []analysis.Table{
		{Name: "wards", Columns: []analysis.Column{clear("ward", "BIGINT"), clear("code", "VARCHAR"), clear("user", "VARCHAR"), withheld}},
		{Name: "firms", Columns: []analysis.Column{clear("size", "BIGINT"), clear("code", "VARCHAR"), token("reg_no")}},
		{Name: "keys", Columns: []analysis.Column{token("reg_no")}},
		{Name: "closed", Columns: []analysis.Column{withheld}},
		{Name: "persons", Personal: true, Entity: "id", K: 10, Columns: []analysis.Column{token("id"), clear("code", "VARCHAR"),
			{Name: "income", Type: "BIGINT", Level: 4, Mode: analysis.ComputeOnly, Permissions: []string{"agg:avg"}, Granted: true}}},
	}}
}

// judged is what the analysis says of sql: "plain" with the columns that enter the
// engine, "governed" of a rewrite, or the codes of its faults.
func judged(t *testing.T, sql string, tree ast.Query) string {
	t.Helper()
	st, err := analysis.Analyze(sql, tree, plainCatalog(), analysis.Options{})
	if r, ok := errors.AsType[*analysis.Refusal](err); ok {
		var codes []string
		for _, f := range r.Faults {
			codes = append(codes, f.Code)
		}
		slices.Sort(codes)
		return strings.Join(slices.Compact(codes), " ")
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if !st.Plain {
		return "governed"
	}
	out := "plain"
	for _, sc := range st.Scans {
		out += " " + sc.Table + "(" + strings.Join(sc.Columns, " ") + ")"
		if sc.Entity {
			out += " with entities"
		}
	}
	return out
}

// What a statement that runs as it was written may read and call. Each attack
// stands before its allowed twin. What would read a protected table or a token is
// no plain statement, and is refused for whatever else it does.
func TestWhatAPlainStatementMayReadAndCall(t *testing.T) {
	t.Parallel()
	s := liveSession(t, livePool(t, 1))
	for _, c := range []struct{ rule, sql, want string }{
		// Protected tables, however they are named.
		{"a protected table under windows", "SELECT row_number() OVER () FROM persons", "refused"},
		{"in a subquery of a table function", "SELECT * FROM range((SELECT count(*) FROM persons))", "refused"},
		{"", "SELECT * FROM range((SELECT count(*) FROM wards))", "plain wards(ward code user)"},
		{"in a lambda", "SELECT list_transform([1], x -> x + (SELECT max(income) FROM persons)) FROM wards", "refused"},
		{"in LIMIT", "SELECT [ward] FROM wards LIMIT (SELECT max(income) FROM persons)", "refused"},
		{"in the frame of a window", "SELECT sum(ward) OVER (ORDER BY ward ROWS (SELECT max(income) FROM persons) PRECEDING) FROM wards", "refused"},
		{"in a DESCRIBE", "SELECT * FROM (DESCRIBE persons)", "refused"},
		{"", "SELECT * FROM (DESCRIBE wards)", "plain wards(ward code user)"},
		{"in a PIVOT", "FROM (PIVOT persons ON code IN ('a') USING max(income))", "refused"},
		{"in an UNPIVOT", "UNPIVOT persons ON code", "refused"},
		{"under a name that a common table elsewhere has", "SELECT [1], * FROM persons, (WITH persons AS (SELECT 1 AS income) SELECT * FROM persons) q", "refused"},
		{"", "WITH persons AS (SELECT ward AS income FROM wards) SELECT [income] FROM persons", "plain wards(ward)"},
		{"before the common table of its name", "WITH a AS (SELECT [1], * FROM persons), persons AS (SELECT 1) SELECT * FROM a", "refused"},
		{"inside the common table of its name", "WITH persons AS (SELECT [1], * FROM persons) SELECT * FROM persons", "refused"},
		{"inside a recursive common table", "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, persons WHERE n < 2) SELECT * FROM r", "refused"},
		{"by its schema", "SELECT [1] FROM main.persons", "refused"},
		// Other tables of the engine, files and settings.
		{"a view of the engine", "SELECT [ward], * FROM wards, duckdb_tables", "UNKNOWN_NAME"},
		{"the information schema", "SELECT * FROM wards, information_schema.tables", "UNKNOWN_NAME"},
		{"a catalogue of another system", "SELECT * FROM wards, pg_catalog.pg_class", "UNKNOWN_NAME"},
		{"sqlite's", "SELECT * FROM wards, sqlite_master", "UNKNOWN_NAME"},
		{"a file by its name", "SELECT * FROM wards, '/etc/passwd'", "UNKNOWN_NAME"},
		{"a file by a function", "SELECT * FROM wards, read_text('/etc/passwd')", "FUNCTION_NOT_ALLOWED"},
		{"by one that takes a list", "SELECT * FROM wards, main.read_csv_auto(['/etc/passwd'])", "FUNCTION_NOT_ALLOWED"},
		{"text run as a statement", "SELECT * FROM wards, query('SELECT 1')", "FUNCTION_NOT_ALLOWED"},
		{"a table by a text", "SELECT * FROM wards, query_table('persons')", "FUNCTION_NOT_ALLOWED"},
		{"SHOW", "SELECT * FROM wards, (SHOW TABLES)", "UNSUPPORTED_SYNTAX"},
		{"all of them", "SELECT * FROM wards, (SHOW ALL TABLES)", "UNSUPPORTED_SYNTAX"},
		{"a table as it was", "SELECT * FROM wards AT (VERSION => 1)", "UNSUPPORTED_SYNTAX"},
		{"settings", "SELECT [current_setting('memory_limit')] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"variables", "SELECT [getvariable('x')] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"a set of pragmas", "SELECT * FROM wards, pragma_database_size()", "FUNCTION_NOT_ALLOWED"},
		// Refused functions by other spellings.
		{"in quotes", `SELECT ["random"()] FROM wards`, "FUNCTION_NOT_ALLOWED"},
		{"in capitals", `SELECT ["RANDOM"()] FROM wards`, "FUNCTION_NOT_ALLOWED"},
		{"of schema main", "SELECT [main.random()] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"", "SELECT [main.abs(ward)] FROM wards", "plain wards(ward)"},
		{"of the system", "SELECT [system.main.abs(ward)] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"of another schema", "SELECT [pg_catalog.abs(ward)] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"as a method of a column", "SELECT [code.error()] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"", "SELECT [code.lower()] FROM wards", "plain wards(code)"},
		{"as a method of a column of a table", "SELECT [wards.code.current_setting()] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"", "SELECT [wards.code.upper()] FROM wards", "plain wards(code)"},
		{"as a method of a value", "SELECT [('memory_limit').current_setting()] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"over a window", "SELECT random() OVER () FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"over a window of a schema", "SELECT pg_catalog.sum(ward) OVER () FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"named for an aggregate", "SELECT list_aggregate([1], 'reservoir_quantile', 0.5) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"named in capitals", "SELECT list_aggr([1], 'RESERVOIR_QUANTILE', 0.5) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"named by an expression", "SELECT array_aggregate([1], 'su' || 'm') FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"named by a method", "SELECT code.list_aggregate('reservoir_quantile') FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"", "SELECT list_aggregate([ward], 'sum') FROM wards", "plain wards(ward)"},
		{"in an IN list", "SELECT ward IN (random(), [1][1]) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"in IN without a list", "SELECT 1 IN list_value(random()) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"in the order of an aggregate", "SELECT list(ward ORDER BY random()) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"in a named argument", "SELECT struct_pack(a := random()) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"in a REPLACE", "SELECT * REPLACE (random() AS ward), [1] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"in COLUMNS", "SELECT COLUMNS(c -> c = current_setting('x')) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"in an entry of UNPIVOT", "SELECT * FROM wards UNPIVOT (v FOR n IN (code || random()))", "FUNCTION_NOT_ALLOWED"},
		{"in PIVOT", "FROM (PIVOT wards ON code IN ('a') USING reservoir_quantile(ward, 0.5))", "FUNCTION_NOT_ALLOWED"},
		{"in VALUES", "SELECT [1] FROM wards, (VALUES (random())) v", "FUNCTION_NOT_ALLOWED"},
		{"a state of an aggregate", "SELECT finalize(sum(ward) EXPORT_STATE) FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"a macro over a refused function", "SELECT [pg_get_viewdef(1)] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"an aggregate of the minimum groups", "SELECT [__kset_10(ward)] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"a scan of the worker's memory", "SELECT * FROM wards, arrow_scan(1, 2, 3)", "FUNCTION_NOT_ALLOWED"},
		{"a bare name that is a call", "SELECT [current_user] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"that is given elsewhere", "SELECT [current_user] FROM wards UNION ALL SELECT [current_user] FROM (SELECT code AS current_user FROM wards) q", "FUNCTION_NOT_ALLOWED"},
		{"that another table has", "SELECT [user] FROM firms UNION ALL SELECT [user] FROM wards", "FUNCTION_NOT_ALLOWED"},
		{"", "SELECT [wards.user] FROM wards", "plain wards(user)"},
		{"", "SELECT user FROM wards", "plain wards(user)"},
		{"a clock", "SELECT [current_date] FROM wards", "plain wards(ward)"},
		// Columns that were not granted.
		{"by name", "SELECT [note] FROM wards", "NOT_GRANTED"},
		{"by the row", "SELECT [wards.note] FROM wards", "NOT_GRANTED"},
		{"in a row of the table", "SELECT (wards).note, [1] FROM wards", "plain wards(ward code user)"},
		{"of a table of which nothing is granted", "SELECT [1] FROM closed", "NOT_GRANTED"},
		{"of it and another", "SELECT count(*), [1] FROM closed, wards GROUP BY ALL", "NOT_GRANTED"},
		{"the place of a row", "SELECT [rowid] FROM wards", "UNKNOWN_NAME"},
		// Tokens, which leave only bare.
		{"by name", "SELECT [reg_no] FROM firms", "refused"},
		{"", "SELECT [size] FROM firms", "plain firms(size)"},
		{"by its place", "SELECT #3 FROM firms", "refused"},
		{"by *", "SELECT *, [1] FROM firms", "refused"},
		{"by what is excluded", "SELECT * EXCLUDE (size), [1] FROM firms", "refused"},
		{"by a pattern", "SELECT COLUMNS('reg.*') FROM firms", "refused"},
		{"by the row", "SELECT [firms] FROM firms", "refused"},
		{"by the row of an alias", "SELECT [f] FROM firms f", "refused"},
		{"by the row of a table of a schema", "SELECT [main.firms] FROM firms", "refused"},
		{"by the row of a table of a catalogue", "SELECT [memory.main.firms] FROM firms", "refused"},
		{"by a method of the row", "SELECT firms.to_json()::VARCHAR FROM firms", "refused"},
		{"by the row of a derived table", "SELECT q FROM (SELECT f FROM firms f) q", "refused"},
		{"by an alias of the column", "SELECT [c] FROM firms f(a, b, c)", "refused"},
		{"by NATURAL JOIN", "SELECT [1] FROM firms NATURAL JOIN keys", "refused"},
		{"by USING", "SELECT [1] FROM firms JOIN keys USING (reg_no)", "refused"},
		{"by ORDER BY ALL", "SELECT [size] FROM firms ORDER BY ALL", "refused"},
		{"by SUMMARIZE", "SUMMARIZE firms", "refused"},
		{"by UNPIVOT", "UNPIVOT firms ON reg_no", "refused"},
		{"by PIVOT", "FROM (PIVOT firms ON code IN ('a') USING max(reg_no))", "refused"},
		{"where a table has nothing else", "SELECT [1] FROM keys", "refused"},
		{"in the row of a table that has nothing else", "SELECT main.keys FROM keys", "refused"},
		{"by count of a table that has nothing else", "SELECT count(*) FROM keys", "governed"},
	} {
		tree, err := liveTree(t, s, c.sql)
		if err != nil {
			t.Errorf("%s: %s: %v", c.rule, c.sql, err)
			continue
		}
		got := judged(t, c.sql, tree)
		if refused := got == strings.ToUpper(got); c.want == "refused" && refused {
			continue
		}
		if got != c.want {
			t.Errorf("%s: %s\n is %s, want %s", c.rule, c.sql, got, c.want)
		}
	}
}
