package worker

import (
	"os"
	"strings"
	"testing"
)

// What the binder makes a call without the list of functions saying so is judged
// as well: bare names (keyword) and calls (syntax). Every name of a function and
// every keyword is tried.
func TestCallsBeyondTheList(t *testing.T) {
	text, err := os.ReadFile("../../query/analysis/functions.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]map[string]bool{"keyword": {}, "syntax": {}}
	for _, line := range strings.Split(string(text), "\n") {
		if c := strings.Split(line, "\t"); len(c) == 7 && rows[c[1]] != nil {
			rows[c[1]][c[0]] = true
		}
	}
	listed, names := map[string]bool{}, map[string]bool{}
	for key := range overloads(t) {
		names[key[1]] = true
		if key[0] == "scalar" || key[0] == "aggregate" || key[0] == "macro" {
			listed[key[1]] = true
		}
	}
	e := open(t, 1)
	for _, w := range texts(t, e, "SELECT keyword_name FROM duckdb_keywords()") {
		names[w] = true
	}
	for kind := range rows {
		for w := range rows[kind] {
			names[w] = true
		}
	}
	bare, calls := 0, 0
	for w := range names {
		if _, err := first(e, "SELECT "+quote(w)+"::VARCHAR"); err == nil != rows["keyword"][w] {
			t.Errorf("the bare name %s answers: %v, judged as a keyword: %v", w, err == nil, rows["keyword"][w])
		} else if err == nil {
			bare++
		}
		if listed[w] {
			continue
		}
		called := false
		for _, args := range []string{"", "1", "[1]", "1, 2", "1, 2, 3", "'a'"} {
			sql := w + "(" + args + ")"
			if _, err := first(e, "SELECT ("+sql+")::VARCHAR"); err != nil {
				continue
			}
			// A keyword may stand for syntax with a node of its own.
			tree, err := first(e, "SELECT json_serialize_sql('SELECT "+strings.ReplaceAll(sql, "'", "''")+"')::VARCHAR")
			called = called || err == nil && strings.Contains(tree, `"function_name":"`+w+`"`)
		}
		if called != rows["syntax"][w] {
			t.Errorf("the call of %s answers: %v, judged as syntax: %v", w, called, rows["syntax"][w])
		} else if called {
			calls++
		}
	}
	t.Logf("%d names, %d bare ones and %d calls answer", len(names), bare, calls)
}
