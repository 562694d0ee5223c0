package ast_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"zonebox/query/ast"
)

// A tree that no text parses to is refused, though each of its parts is known:
// what Print would write for it means something else, or nothing.
func TestDecodeRefusesWhatTheParserNeverGives(t *testing.T) {
	trees := recorded(t)
	for _, c := range []struct{ name, sql, old, new string }{
		{"ends of a frame in two units", "select sum(a) over (order by b rows between 3 preceding and current row) from t", `"CURRENT_ROW_ROWS"`, `"CURRENT_ROW_RANGE"`},
		{"a frame that ends before its partition", "select sum(a) over (order by b rows between 3 preceding and current row) from t", `"end":"CURRENT_ROW_ROWS"`, `"end":"UNBOUNDED_PRECEDING"`},
		{"an offset without a bound", "select sum(a) over (order by b rows between 3 preceding and current row) from t", `"start":"EXPR_PRECEDING_ROWS"`, `"start":"UNBOUNDED_PRECEDING"`},
		{"the type of another window function", "select ntile(4) over () from t", `"WINDOW_NTILE"`, `"WINDOW_RANK"`},
		{"a grouping set of nothing known", "select a, b from t group by rollup (a, b)", `[[],[0],[0,1]]`, `[[],[0],[0,2]]`},
		{"a grouping set out of order", "select a, b from t group by rollup (a, b)", `[[],[0],[0,1]]`, `[[],[0],[1,0]]`},
		{"a grouping expression in no set", "select a, b from t group by rollup (a, b)", `[[],[0],[0,1]]`, `[[],[0]]`},
		{"groups without a set", "select a, b from t group by rollup (a, b)", `[[],[0],[0,1]]`, `[]`},
		{"rows of two lengths", "values (1, 'a'), (2, null)", `"values":[[`, `"values":[[` + column + `],[`},
		{"VALUES with a condition", "values (1, 'a'), (2, null)", `"where_clause":null`, `"where_clause":` + column},
		{"DESCRIBE with an order", "describe t", `"modifiers":[]`, `"modifiers":[{"type":"LIMIT_MODIFIER","limit":null,"offset":` + column + `}]`},
		{"a PIVOT to the right of POSITIONAL JOIN", "select * from u, t pivot (sum(a) for y in e)", `"CROSS"`, `"POSITIONAL"`},
		{"a SEMI CROSS JOIN", "select * from t cross join u", `"INNER"`, `"SEMI"`},
		{"a percentage of nothing", "select a from t limit 3 percent offset 1", `"limit":{`, `"limit":null,"x":{`},
		{"a set operation that is distinct", "select a from t union select b from u order by a offset 2", `"modifiers":[{`, `"modifiers":[{"type":"DISTINCT_MODIFIER","distinct_on_targets":[]},{`},
		{"a parameter that is not declared", "select $1, $2", `"identifier":"2"`, `"identifier":"3"`},
		{"a parameter of another number", "select $1, $2", `"value":2`, `"value":3`},
		{"a recursive statement", "with recursive n as (select 1 as i union select i + 1 from n where i < 10) select * from n", `"key":"n"`, `"key":"m"`},
		{"an enumeration beside entries", "select * from t pivot (sum(a) for y in e)", `"entries":[]`, `"entries":[{"values":[{"type":{"id":"NULL","type_info":null},"is_null":true}],"star_expr":null,"alias":""}]`},
		{"a literal of a larger type than it needs", "select 1", `{"id":"INTEGER","type_info":null}`, `{"id":"BIGINT","type_info":null}`},
		{"a number of rows below zero", "select * from t using sample 10", `"value":10`, `"value":-10`},
		{"a position of zero", "select #1, #2 + 1, f(#3) from t order by #1", `"index":2`, `"index":0`},
		{"an operator of letters", "select a + b from t", `"function_name":"+"`, `"function_name":"f"`},
	} {
		tree, ok := trees[c.sql]
		if !ok || !strings.Contains(tree, c.old) {
			t.Errorf("%s: no recorded tree of %q with %s", c.name, c.sql, c.old)
			continue
		}
		refuses(t, c.name, strings.Replace(tree, c.old, c.new, 1))
	}
}

func TestDecodeRefusesParametersOfBothKinds(t *testing.T) {
	tree := recorded(t)["select $a, $b"]
	refuses(t, "$a and $2", strings.ReplaceAll(tree, `"b"`, `"2"`))
	if q := decode(t, strings.ReplaceAll(tree, `"b"`, `"c"`)); ast.Print(q) != `SELECT $"a", $"c"` {
		t.Errorf("$a and $c print as %s", ast.Print(q))
	}
}

// The inputs of a union come as one and a balanced tree of the others.
func TestDecodeRefusesAUnionOfAnotherShape(t *testing.T) {
	tree := recorded(t)["select 1 union all select 2 union all select 3 union all select 4"]
	type node = map[string]any
	for name, change := range map[string]func(root node){
		"leaning right": func(root node) {
			right := root["right"].(node) // (2, 3), 4
			pair := right["left"].(node)
			right["left"], right["right"], pair["left"], pair["right"] = pair["left"], pair, pair["right"], right["right"]
		},
		"leaning left": func(root node) {
			right := root["right"].(node)
			root["left"], root["right"] = right, root["left"]
		},
		"with an order inside": func(root node) {
			root["right"].(node)["modifiers"] = []any{node{"type": "ORDER_MODIFIER", "orders": []any{}}}
		},
	} {
		var doc node
		if err := json.Unmarshal([]byte(tree), &doc); err != nil {
			t.Fatal(err)
		}
		change(doc["statements"].([]any)[0].(node)["node"].(node))
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, name, strings.ReplaceAll(string(text), "18446744073709552000", "18446744073709551615"))
	}
}

// Under RECURSIVE every union is recursive: a WITH clause with one of each is none.
func TestDecodeRefusesARecursiveTableBesideAPlainUnion(t *testing.T) {
	trees := recorded(t)
	recursive := trees["with recursive a as (select 1 union all select 2), b as (select * from a) select * from b"]
	plain := trees["with x as (select 1), y as (select 2) (select * from x union select * from y) except select 3"]
	union := plain[strings.Index(plain, `{"type":"SET_OPERATION_NODE","modifiers":[],"cte_map":{"map":[]},"setop_type":"UNION"`):]
	union = union[:balanced(union)]
	body := recursive[strings.LastIndex(recursive, `"key":"b"`):]
	body = body[strings.Index(body, `{"type":"SELECT_NODE"`):]
	body = body[:balanced(body)]
	refuses(t, "both", strings.Replace(recursive, body, union, 1))
	if _, err := ast.Decode([]byte(recursive)); err != nil {
		t.Errorf("the recursive one alone: %v", err)
	}
}

// balanced returns the length of the JSON object at the start of s.
func balanced(s string) int {
	depth := 0
	for i, c := range s {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

func refuses(t *testing.T, name, tree string) {
	t.Helper()
	q, err := ast.Decode([]byte(tree))
	if _, ok := errors.AsType[*ast.UnknownError](err); !ok || q != nil {
		t.Errorf("Decode of %s = %v, %v, want an UnknownError", name, q, err)
	}
}
