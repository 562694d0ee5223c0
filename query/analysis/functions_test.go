package analysis_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
)

// overload is a line of the record of what the linked engine lists.
type overload struct{ kind, name, schema, args, result, stability, body string }

func record(t *testing.T) (functions []overload, types, collations []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/duckdb_functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		switch c := strings.Split(line, "\t"); {
		case c[0] == "type" && len(c) == 3:
			types = append(types, c[1])
		case c[0] == "collation" && len(c) == 2:
			collations = append(collations, c[1])
		case len(c) == 7:
			functions = append(functions, overload{c[0], c[1], c[2], c[3], c[4], c[5], c[6]})
		default:
			t.Fatalf("testdata/duckdb_functions.txt: %q", line)
		}
	}
	return functions, types, collations
}

// kindOf is the kind of a row as the engine lists it, "" if it lists no such kind.
func kindOf(f analysis.Function) string {
	switch f.Kind {
	case analysis.WindowKind:
		return "aggregate"
	case analysis.KeywordKind, analysis.SyntaxKind:
		return ""
	}
	return string(f.Kind)
}

// What the engine lists is judged, name by name and kind by kind, and nothing
// else is.
func TestEveryFunctionOfTheEngineIsJudged(t *testing.T) {
	type key struct{ kind, name string }
	listed, judged := map[key]bool{}, map[key]int{}
	functions, _, _ := record(t)
	for _, o := range functions {
		listed[key{o.kind, o.name}] = true
	}
	for _, f := range analysis.Functions() {
		if k := (key{kindOf(f), f.Name}); k.kind != "" {
			if judged[k]++; judged[k] > 1 {
				t.Errorf("%s %s is judged twice", k.kind, k.name)
			}
			if !listed[k] {
				t.Errorf("%s %s is judged, and the engine has none", k.kind, k.name)
			}
		}
	}
	for k := range listed {
		if judged[k] == 0 {
			t.Errorf("%s %s is not judged", k.kind, k.name)
		}
	}
	if len(listed) < 960 {
		t.Errorf("%d functions recorded, want the whole list", len(listed))
	}
}

// The engine's own word for what is not the same every time.
func TestNothingUnstableIsTakenForDeterministic(t *testing.T) {
	functions, _, _ := record(t)
	unstable := 0
	for _, o := range functions {
		if o.stability != "VOLATILE" && o.stability != "CONSISTENT_WITHIN_QUERY" {
			continue
		}
		unstable++
		if f := analysis.LookupCall(o.name); f.Class != analysis.RefusedClass && (!f.ReadsClock || o.stability == "VOLATILE") {
			t.Errorf("%s is %s, and %s", o.name, o.stability, f.Class)
		}
	}
	if unstable < 20 {
		t.Errorf("%d unstable functions recorded", unstable)
	}
	// The clock stands beside protected tables in no shape that reads it.
	for _, f := range analysis.Functions() {
		if f.ReadsClock && f.Class == analysis.ProtectedClass && (f.Name != "age" || !slices.Equal(f.Args, []string{"uu"})) {
			t.Errorf("%s%v reads the clock beside protected tables", f.Name, f.Args)
		}
	}
}

// A macro is no better than what it calls.
func TestMacrosCallNothingRefused(t *testing.T) {
	functions, _, _ := record(t)
	macros := 0
	for _, o := range functions {
		if o.kind != "macro" || analysis.LookupCall(o.name).Class == analysis.RefusedClass {
			continue
		}
		macros++
		body := strings.ToLower(o.body)
		for _, f := range analysis.Functions() {
			if f.Class != analysis.RefusedClass || f.Kind == analysis.PragmaKind || f.Kind == analysis.KeywordKind {
				continue
			}
			if calls := f.Name + "("; strings.Contains(body, " "+calls) || strings.HasPrefix(body, calls) || strings.Contains(body, "("+calls) || strings.Contains(body, "."+calls) || strings.Contains(body, `"`+f.Name+`"(`) {
				if o.name != "json_group_object" || f.Name != "error" { // a key that is NULL
					t.Errorf("%s calls %s", o.name, f.Name)
				}
			}
		}
		if strings.Contains(body, "select") {
			t.Errorf("%s reads a table", o.name)
		}
	}
	if macros < 60 {
		t.Errorf("%d macros that are not refused", macros)
	}
}

// Names that no statement may use, whatever it reads, and names that stay away
// from protected tables. The lists are written out on purpose.
func TestWhatIsRefused(t *testing.T) {
	for _, name := range strings.Fields(`nextval currval random setseed uuid gen_random_uuid uuidv7 reservoir_quantile error sleep_ms pg_sleep
		current_setting getvariable current_query current_user session_user version txid_current in_search_path stats vector_type write_log
		json_serialize_sql json_serialize_plan json_deserialize_sql format_type get_block_size pg_get_viewdef combine finalize
		__internal_decompress_string remap_struct`) {
		if f := analysis.LookupCall(name); f == nil || f.Class != analysis.RefusedClass || f.ReasonZH == "" || f.ReasonEN == "" {
			t.Errorf("%s(…) is not refused with a reason", name)
		}
	}
	for _, name := range strings.Fields(`read_csv read_csv_auto read_parquet parquet_scan parquet_metadata read_json read_ndjson read_text read_blob read_duckdb
		glob sniff_csv query query_table json_execute_serialized_sql histogram histogram_values duckdb_settings duckdb_secrets which_secret
		duckdb_functions duckdb_tables duckdb_logs enable_logging duckdb_extensions duckdb_memory duckdb_temporary_files pragma_version
		pragma_storage_info seq_scan arrow_scan arrow_scan_dumb checkpoint force_checkpoint sql_auto_complete`) {
		if f := analysis.LookupTable(name); f == nil || f.Class != analysis.RefusedClass || f.ReasonZH == "" || f.ReasonEN == "" {
			t.Errorf("FROM %s(…) is not refused with a reason", name)
		}
	}
	for _, name := range strings.Fields("current_user session_user user current_role current_schema current_catalog") {
		if f := analysis.LookupKeyword(name); f == nil || f.Class != analysis.RefusedClass {
			t.Errorf("%s is not refused", name)
		}
	}
	for _, name := range []string{"getenv", "no_such_function", "postgres_scan", "__kset_10", "copy_database", ""} {
		if analysis.LookupCall(name) != nil || analysis.LookupTable(name) != nil || analysis.LookupKeyword(name) != nil {
			t.Errorf("%s is judged", name)
		}
	}
	for _, name := range strings.Fields(`any_value arg_max array_agg approx_quantile first histogram last list median mode quantile string_agg stddev variance
		bool_or bit_and repeat printf format regexp_extract_all string_split list_value unnest struct_pack now today current_date ago row_number lag
		levenshtein damerau_levenshtein md5 hash json_extract typeof alias list_aggregate hex url_encode`) {
		if f := analysis.LookupCall(name); f == nil || f.Class != analysis.PlainClass {
			t.Errorf("%s is not kept from protected tables alone", name)
		}
	}
	for _, name := range strings.Fields("range generate_series unnest repeat json_each") {
		if f := analysis.LookupTable(name); f == nil || f.Class != analysis.PlainClass {
			t.Errorf("FROM %s(…) is not plain", name)
		}
	}
	if f := analysis.LookupCall("Lower"); f == nil || f.Class != analysis.ProtectedClass {
		t.Error("Lower is not lower")
	}
}

// Whoever moves a function beside protected tables changes this test too.
func TestReviewedFunctions(t *testing.T) {
	count := map[analysis.Class]int{}
	for _, f := range analysis.Functions() {
		count[f.Class]++
		if f.Class == analysis.ProtectedClass && (f.Grows || f.Ordered || f.Rows || f.NamesAggregate || len(f.Args) == 0) {
			t.Errorf("%s stands beside protected tables", f.Name)
		}
	}
	want := map[analysis.Class]int{analysis.RefusedClass: 245, analysis.PlainClass: 542, analysis.ProtectedClass: 186}
	for class, n := range want {
		if count[class] != n {
			t.Errorf("%d functions are %s, reviewed %d", count[class], class, n)
		}
	}
}

// Types and collations of a new engine are looked at too: whatever a cast or a
// COLLATE may name.
func TestTypesAndCollationsOfTheEngine(t *testing.T) {
	_, types, collations := record(t)
	if len(types) != 82 || len(collations) != 138 {
		t.Errorf("%d names of types and %d collations, reviewed 82 and 138", len(types), len(collations))
	}
}
