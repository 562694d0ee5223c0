package ast_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zonebox/query/ast"
)

// Every change to a field of a tree is either refused or read as another
// statement: no field is ignored, whatever it holds. Locations are the exception.
func TestDecodeIgnoresNoField(t *testing.T) {
	trees := recorded(t)
	for _, sql := range strictSample {
		tree, ok := trees[sql]
		if !ok {
			t.Fatalf("%q is not in the corpus", sql)
		}
		original := decode(t, tree)
		mutations := 0
		mutate(t, tree, func(what, changed string) {
			mutations++
			s, err := ast.Decode([]byte(changed))
			if err == nil && ast.Equal(s, original) {
				t.Errorf("%s: %s is ignored", sql, what)
			}
		})
		if mutations < 50 {
			t.Errorf("%s: only %d mutations", sql, mutations)
		}
	}
}

var strictSample = []string{
	"select 1",
	"select t.* exclude (a) replace (b + 1 as b) from t",
	"select * rename (a as b) from t",
	"select a is true, a is false, a is not true, a is not false, a is unknown, a is not unknown from t",
	"select 9223372036854775807, 9223372036854775808, -9223372036854775808, -9223372036854775809",
	"select -0.1, -.5, -5., -0.0",
	"select null as a, cast(null as varchar), cast(null as integer), null::date, null::decimal(10,2)",
	"select try_cast(a as int), try_cast(a as decimal(10,2)), try_cast(a as date) from t",
	"select a in (1), a in (1, 2, 3), a not in (1), a not in (1, 2), a in ('x', null), a in (b), a in (b, c) from t",
	"select case when a then b end from t",
	"select try(a / b), try(cast(a as int)), try(a + b) * 2 from t",
	"select count(*) filter (where a > 1), sum(a) filter (where b is not null), sum(distinct a) filter (b) from t",
	"select string_agg(a, ',' order by b desc), array_agg(a order by b nulls first, c asc), first(a order by b) from t",
	"select a collate nocase, a collate nocase.noaccent = b, a collate de from t order by a collate nocase",
	"select a from t where a = any (select b from u)",
	"select exists (from u), not exists (select 1), exists (select 1) and a from t",
	"select a, b from t group by (a, b), c",
	"select a, count(*) from t group by all having sum(b) > 1 and count(*) >= 10",
	"select distinct a, b from t where c group by a, b having d order by a limit 1 offset 2",
	"select a from t limit all",
	"select * from t left join u using (a) right join v using (b)",
	"select * from t natural join (u natural join v)",
	"select * from t x, t y where x.a < y.a",
	"select * from (select a from t) as x(b)",
	"with x(a, b) as (select 1, 2) select a from x",
	"with recursive a(x) using key (x) as (select 1 union select x from a) select * from a",
	"select sum(a order by b) filter (where c) over (partition by d order by e rows between 1 preceding and 2 following exclude ties) from t",
	"select lag(a, 1, 0 ignore nulls) over () from t",
	"select a from t at (version => 1) tablesample system(10%) repeatable (3)",
	"select l[1], l[1:2], l[:], l[1:-:2], (s).a from t",
	"select list_transform(l, x -> x + 1), f(a := 1), #1, default from t",
	"select columns('a'), columns(t.* exclude (t.a)), * rename (t.a as b) from t",
	"select a::struct(b int, c map(date, foo(1))[3])[], a::union(x variant), a::s.foo, a::geometry from t",
	"select * from (from t pivot (sum(a) as s for (b, c) in ((1, date '2020-01-01') as x) d in e group by f) as p(q)) as r",
	"select * from t unpivot include nulls ((v, w) for n in ((a, b) as x, *)) as u(q)",
	"values (1, 'a'), (2, null)",
	"select $a, $b",
	"select $1, $2",
	"select * from f(a, b := 1) with ordinality as t(c)",
	"select distinct on (a) a from t qualify b using sample 3 limit 4 %",
	"select a, b from t group by rollup (a, b)",
	"select * from (show tables from c.s) as x",
	"select array[1], grouping(a), *columns(*), f(a) export_state from t group by cube (a)",
	"select * from t semi join u using (a) positional join v",
	"select 1 union all select 2 union all select 3 union all select 4",
	"summarize select a from t",
}

// mutate calls try with tree after each single change: a field removed, a field
// added, a value replaced by values of every other kind and by its neighbors.
func mutate(t *testing.T, tree string, try func(what, changed string)) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(tree))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	emit := func(what string) {
		text, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		try(what, string(text))
	}
	var visit func(path string, v any)
	visit = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			v["extra"] = nil
			emit(path + " with one more field")
			delete(v, "extra")
			for name, old := range v {
				at := path + "." + name
				delete(v, name)
				emit(at + " removed")
				for _, other := range others(name, old) {
					v[name] = other
					emit(fmt.Sprintf("%s set to %v", at, other))
				}
				v[name] = old
				visit(at, old)
			}
		case []any:
			for i, old := range v {
				at := fmt.Sprintf("%s[%d]", path, i)
				for _, other := range others("", old) {
					v[i] = other
					emit(fmt.Sprintf("%s set to %v", at, other))
				}
				v[i] = old
				visit(at, old)
			}
		}
	}
	visit("", root)
}

func others(name string, old any) []any {
	if name == "query_location" {
		return []any{nil, "1", true, -1, json.Number("1.5"), json.Number("1e3"), json.Number("4294967296")}
	}
	all := []any{nil, true, false, "", "X", "CTE", "\x00", json.Number("0"), json.Number("1"), json.Number("-1"), json.Number("1.5"),
		json.Number(strings.Repeat("9", 60)), []any{}, []any{nil}, []any{[]any{}}, map[string]any{}}
	if l, ok := old.([]any); ok && len(l) > 0 {
		all = append(all, l[1:], append(slices.Clone(l), l[0]))
	}
	if s, ok := old.(string); ok {
		all = append(all, strings.ToLower(s)+"_", strings.ToUpper(s)+" ")
	}
	return slices.DeleteFunc(all, func(v any) bool {
		a, _ := json.Marshal(v)
		b, _ := json.Marshal(old)
		return string(a) == string(b)
	})
}

func TestDecodeRefusesWhatIsNoTree(t *testing.T) {
	tree := recorded(t)["select a from t"]
	deep := strings.Repeat(`{"class":"OPERATOR","type":"OPERATOR_NOT","alias":"","query_location":0,"children":[`, 1001)
	for _, c := range []struct {
		name, tree string
		want       error
	}{
		{"nothing", ``, ast.ErrDocument},
		{"no JSON", `select a from t`, ast.ErrDocument},
		{"half of it", tree[:len(tree)/2], ast.ErrDocument},
		{"more after it", tree + `{}`, ast.ErrDocument},
		{"a list", `[` + tree + `]`, nil},
		{"a field twice", strings.Replace(tree, `"error":false`, `"error":false,"error":false`, 1), ast.ErrDocument},
		{"invalid UTF-8", strings.Replace(tree, `"t"`, "\"t\xff\"", 1), ast.ErrDocument},
		{"half a surrogate pair", strings.Replace(tree, `"t"`, `"t\ud800"`, 1), ast.ErrDocument},
		{"an escape the engine never writes", strings.Replace(tree, `"t"`, `"t\u00e9"`, 1), ast.ErrDocument},
		{"a parse error", `{"error":true,"error_type":"parser","error_message":"m","position":"1"}`, ast.ErrDocument},
		{"no statement", `{"error":false,"statements":[]}`, ast.ErrStatement},
		{"too many fields", `{` + fields(65) + `}`, ast.ErrLimit},
		{"too deep JSON", strings.Repeat(`[`, 5000), ast.ErrLimit},
		{"too many values", `[` + strings.Repeat(`0,`, 3_000_001) + `0]`, ast.ErrLimit},
		{"too many levels", insert(tree, deep+column+strings.Repeat(`]}`, 1001)), ast.ErrLimit},
		{"too many nodes", insert(tree, column+strings.Repeat(`,`+column, 100_000)), ast.ErrLimit},
	} {
		s, err := ast.Decode([]byte(c.tree))
		if err == nil || s != nil {
			t.Errorf("Decode of %s is accepted", c.name)
		} else if c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("Decode of %s = %v, want %v", c.name, err, c.want)
		}
	}
}

// The largest statements Decode accepts survive printing, walking and copying.
func TestDecodeAtTheLimit(t *testing.T) {
	tree := recorded(t)["select a from t"]
	deep := strings.Repeat(`{"class":"OPERATOR","type":"OPERATOR_NOT","alias":"","query_location":0,"children":[`, 997)
	for _, changed := range []string{
		insert(tree, deep+column+strings.Repeat(`]}`, 997)),
		insert(tree, column+strings.Repeat(`,`+column, 99_990)),
	} {
		s := decode(t, changed)
		if !ast.Equal(s, ast.Clone(s)) || ast.Print(s) != ast.Print(ast.Clone(s)) {
			t.Error("a copy differs")
		}
	}
}

const column = `{"class":"COLUMN_REF","type":"COLUMN_REF","alias":"","query_location":7,"column_names":["a"]}`

// insert replaces the select list of "select a from t".
func insert(tree, list string) string { return strings.Replace(tree, column, list, 1) }

func fields(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"f%d":0`, i)
	}
	return strings.Join(list, ",")
}

// A join has one condition: with two, one would be lost in printing.
func TestDecodeRefusesAJoinWithTwoConditions(t *testing.T) {
	tree := recorded(t)["select * from t join u using (a)"]
	for _, change := range [][2]string{
		{`"condition":null`, `"condition":` + column},
		{`"using_columns":["a"]`, `"using_columns":[]`},
		{`"ref_type":"REGULAR"`, `"ref_type":"NATURAL"`},
		{`"ref_type":"REGULAR"`, `"ref_type":"CROSS"`},
	} {
		_, err := ast.Decode([]byte(strings.Replace(tree, change[0], change[1], 1)))
		if _, ok := errors.AsType[*ast.UnknownError](err); !ok {
			t.Errorf("Decode with %s = %v, want an UnknownError", change[1], err)
		}
	}
}

// What a tree says about the statement must not come out with the error.
func TestUnknownErrorHoldsNoText(t *testing.T) {
	tree := strings.Replace(recorded(t)["select a from t"], `"SELECT_NODE"`, `"320102199001011234张三"`, 1)
	_, err := ast.Decode([]byte(tree))
	u, ok := errors.AsType[*ast.UnknownError](err)
	if !ok || u.Node != "?" || u.Offset != 7 {
		t.Fatalf("Decode = %#v, want an unknown node ? at 7", err)
	}
	if got, want := u.Error(), "ast: decode ? at offset 7: unknown kind of node"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func decode(t testing.TB, tree string) ast.Query {
	t.Helper()
	q, err := ast.Decode([]byte(tree))
	if err != nil {
		t.Fatal(err)
	}
	return q
}
