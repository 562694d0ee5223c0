package ast_test

import (
	"strings"
	"testing"

	"zonebox/query/ast"
)

// The spans of the items of a select list, of WHERE, and of whole tables.
func TestSpanCoversTheSource(t *testing.T) {
	trees := recorded(t)
	for _, c := range []struct {
		sql  string
		want []string // of each select item
	}{
		{"select a, b, c from t", []string{"a", "b", "c"}},
		{"select t.a, t.b from t", []string{"t.a", "t.b"}},
		{"select main.lower(a), \"main\".\"sum\"(a), system.main.abs(a), s.f(a) from t",
			[]string{"main.lower(a)", "\"main\".\"sum\"(a)", "system.main.abs(a)", "s.f(a)"}},
		{"select 0.1, .5, 5., 0.0, .0, 0.10, 00.10, 10.00",
			[]string{"0.1", ".5", "5.", "0.0", ".0", "0.10", "00.10", "10.00"}},
		{"select a as \"a\"\"b\" from t", []string{"a"}},
		{"select count(*), count(), count_star(), COUNT(*), count(a), count(t.*), count(distinct a) from t",
			[]string{"count(*)", "count()", "count_star()", "COUNT(*)", "count(a)", "count(t.*)", "count(distinct a)"}},
		{"select sum(a) / count(*), sum(a) + sum(b), sum(a + b * c), -sum(a) from t",
			[]string{"sum(a) / count(*)", "sum(a) + sum(b)", "sum(a + b * c)", "-sum(a)"}},
		{"select a::int::varchar::date, cast(cast(a as int) as varchar) from t",
			[]string{"a::int::varchar::date", "cast(cast(a as int) as varchar)"}},
		{"select case when a then b end from t", []string{"case when a then b end"}},
		{"select lower(a), UPPER(a), \"Lower\"(a), length(a), substr(a, 1, 2), replace(a, 'x', 'y'), concat(a, b), trim(a) from t",
			[]string{"lower(a)", "UPPER(a)", "\"Lower\"(a)", "length(a)", "substr(a, 1, 2)", "replace(a, 'x', 'y')", "concat(a, b)", "trim(a)"}},
		{"select $tag$a $$ b$tag$", []string{"$tag$a $$ b$tag$"}},
		{"select \"😀\" from \"数据 集\" as \"表\"", []string{"\"😀\""}},
		{"select a\u3000, b from t", []string{"a", "b"}},
		{"select a\u2003,\u3000b from t --\u3000x", []string{"a", "b"}},
		{"select\u00a0a, b from t", []string{"a", "b"}},
		{"\ufeffselect a from t", []string{"a"}},
		{"select \"a\u3000b\" from t", []string{"\"a\u3000b\""}},
		{"select count(*) over () from t", []string{"count(*) over ()"}},
		{"select lag(a, b) over (partition by c, d + 1 order by b desc nulls last) from t",
			[]string{"lag(a, b) over (partition by c, d + 1 order by b desc nulls last)"}},
		{"select sum(a) filter (where b > 1) over (order by c) from t", []string{"sum(a) filter (where b > 1) over (order by c)"}},
		{"select list(a) over w, 1 from t window w as (order by b)", []string{"list(a) over w", "1"}},
		{"select (sum(a) over ()) / 2, -sum(a) over (), coalesce(lag(a) over (order by b), 0) from t",
			[]string{"sum(a) over ()) / 2", "-sum(a)", "lag(a) over (order by b), 0"}},
		{"select a[1], a[-1], a[b], a[1][2], a['k'], (a)[1], f(a)[2], [1, 2][1], {'a': 1}['a'], 'abc'[1], (select [1])[1] from t",
			[]string{"a[1]", "a[-1]", "a[b]", "a[1][2]", "a['k']", "a)[1]", "f(a)[2]", "1, 2][1]", "'a': 1}['a']", "'abc'[1]", "(select [1])[1]"}},
		{"select list_transform(a, x -> x + 1), list_filter(a, lambda x: x > 1), list_reduce(a, (x, y) -> x + y), list_reduce(a, lambda x, y: x + y), apply(a, (x, i) -> x * i) from t",
			[]string{"list_transform(a, x -> x + 1)", "list_filter(a, lambda x: x > 1)", "list_reduce(a, (x, y) -> x + y)", "list_reduce(a, lambda x, y: x + y)", "apply(a, (x, i) -> x * i)"}},
		{"select columns(*) + columns(*) from t", []string{"columns(*) + columns(*)"}},
		{"select #1, #2 + 1, f(#3) from t order by #1", []string{"#1", "#2 + 1", "f(#3)"}},
		{"select (select 1), (select a from t where t.b = u.b) from u", []string{"(select 1)", "(select a from t where t.b = u.b)"}},
	} {
		tree, ok := trees[c.sql]
		if !ok {
			t.Fatalf("%q is not in the corpus", c.sql)
		}
		s, err := ast.Decode([]byte(tree))
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range s.(*ast.Select).List {
			start, end, ok := ast.Span(c.sql, e)
			if got := c.sql[start:end]; !ok || got != c.want[i] {
				t.Errorf("%s: span of item %d = %q, want %q", c.sql, i, got, c.want[i])
			}
		}
	}
}

func TestSpanOfWhatHasNoPlace(t *testing.T) {
	if _, _, ok := ast.Span("select 1", &ast.Column{Meta: ast.Meta{Location: ast.NoLocation}, Names: []string{"a"}}); ok {
		t.Error("a made-up node has a span")
	}
	if _, _, ok := ast.Span("select 1", &ast.Column{Meta: ast.Meta{Location: 8}, Names: []string{"a"}}); ok {
		t.Error("a node past the end has a span")
	}
}

// Every node of every statement has a span inside the statement that starts
// where the engine put it.
func TestSpanStaysInside(t *testing.T) {
	for sql, tree := range recorded(t) {
		s, err := ast.Decode([]byte(tree))
		if err != nil {
			continue
		}
		ast.Walk(s, func(n ast.Node) bool {
			start, end, ok := ast.Span(sql, n)
			if ok && (start >= end || end > len(sql) || strings.TrimSpace(sql[start:end]) != sql[start:end]) {
				t.Errorf("%q: span of %T is %d to %d", sql, n, start, end)
			}
			return true
		})
	}
}
