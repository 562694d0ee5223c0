package worker

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

var update = flag.Bool("update", false, "record what the linked engine lists")

// recorded is where the functions, types and collations of the engine are
// recorded. The rows of query/analysis/functions.tsv are compared with it.
const recorded = "../../query/analysis/testdata/duckdb_functions.txt"

// The engine lists exactly what is recorded: names, kinds, argument types,
// results, stability and the bodies of macros. Whatever is new, gone or changed
// must be judged in functions.tsv; after that, -update records it.
func TestTheEngineListsWhatIsRecorded(t *testing.T) {
	got := listed(t, open(t, 1))
	if *update {
		if err := os.WriteFile(recorded, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("the engine lists, and the record does not:\n%s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the record lists, and the engine does not:\n%s", line)
		}
	}
	if !slices.Equal(got, want) && !t.Failed() {
		t.Error("the record is not in order, or has a line more or less often")
	}
	if len(got) < 2500 {
		t.Errorf("%d lines, want the whole list", len(got))
	}
}

// listed returns a line for each overload, type and collation of e, sorted. Named
// parameters, which the engine lists in no order, are sorted.
func listed(t *testing.T, e *engine) []string {
	t.Helper()
	var lines []string
	for _, sql := range []string{
		`SELECT concat_ws(chr(9), function_type, function_name, schema_name,
			concat('(', array_to_string(CASE
				WHEN macro_definition IS NOT NULL THEN parameters
				WHEN function_type = 'table' THEN list_concat(
					[p.t for p in named if p.n SIMILAR TO 'col[0-9]+'], list_sort([concat_ws(' ', p.n, p.t) for p in named if p.n NOT SIMILAR TO 'col[0-9]+']))
				ELSE parameter_types END, ', '), if(varargs IS NULL, '', ' ' || varargs || '...'), ')'),
			coalesce(return_type, '-'), coalesce(stability, '-'), coalesce(macro_definition, '-'))
			FROM (SELECT *, list_transform(list_zip(parameters, parameter_types), lambda p: {n: p[1], t: p[2]}) AS named FROM duckdb_functions())`,
		`SELECT DISTINCT concat_ws(chr(9), 'type', lower(type_name), logical_type) FROM duckdb_types()`,
		`SELECT concat_ws(chr(9), 'collation', collname) FROM pragma_collations()`,
	} {
		lines = append(lines, texts(t, e, sql)...)
	}
	slices.Sort(lines)
	return lines
}

// texts returns the only column of a result.
func texts(t *testing.T, e *engine, sql string) []string {
	t.Helper()
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(e.conn, sql, &res) != duckdb.StateSuccess {
		t.Fatalf("%.200s: %s", sql, duckdb.ResultError(&res))
	}
	var out []string
	for {
		chunk := duckdb.FetchChunk(res)
		if chunk.Ptr == nil {
			return out
		}
		n := int(duckdb.DataChunkGetSize(chunk))
		v := duckdb.DataChunkGetVector(chunk, 0)
		for i, s := range vector[stringT](duckdb.VectorGetData(v), n) {
			if valid := validity(duckdb.VectorGetValidity(v), n); valid != nil && !valid[i] {
				t.Fatalf("%.200s: a NULL", sql)
			}
			out = append(out, strings.Clone(strings.ReplaceAll(s.text(), "\n", " ")))
		}
		duckdb.DestroyDataChunk(&chunk)
	}
}
