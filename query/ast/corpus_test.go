package ast_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

var update = flag.Bool("update", false, "rewrite testdata/statements.jsonl from what Decode and Print do")

// TestCorpus holds for every statement: Decode and Print do what the reviewed
// file says, and DuckDB 1.5.5 parses what Print wrote to an equal tree.
func TestCorpus(t *testing.T) {
	trees := recorded(t)
	corpus := asttest.Statements(t, "testdata")
	if len(corpus) < 300 {
		t.Fatalf("the corpus has %d statements, want at least 300", len(corpus))
	}
	for i, c := range corpus {
		tree, ok := trees[c.SQL]
		if !ok {
			t.Fatalf("%s\nhas no recorded tree: run testdata/record.py", c.SQL)
		}
		got := asttest.Statement{SQL: c.SQL}
		decoded, err := ast.Decode([]byte(tree))
		if err != nil {
			got.Refused = refusal(err)
		} else {
			got.Print = ast.Print(decoded)
		}
		if *update {
			corpus[i] = got
			continue
		}
		if want := encode(t, c); encode(t, got) != want {
			t.Errorf("%s\n got %s\nwant %s", c.SQL, encode(t, got), want)
		}
		if err != nil {
			continue
		}
		again, ok := trees[got.Print]
		if !ok {
			t.Errorf("%s\nprinted as\n%s\nhas no recorded tree", c.SQL, got.Print)
			continue
		}
		reparsed, err := ast.Decode([]byte(again))
		if err != nil {
			t.Errorf("%s\nprinted as\n%s\nparses to a tree Decode refuses: %v", c.SQL, got.Print, err)
		} else if !ast.Equal(decoded, reparsed) {
			t.Errorf("%s\nprinted as\n%s\nparses to another tree", c.SQL, got.Print)
		}
	}
	if *update {
		write(t, corpus)
	}
}

func refusal(err error) *asttest.Refused {
	if u, ok := errors.AsType[*ast.UnknownError](err); ok {
		return &asttest.Refused{Node: u.Node, Field: u.Field, Offset: u.Offset}
	}
	for _, known := range []error{ast.ErrDocument, ast.ErrStatement, ast.ErrLimit} {
		if errors.Is(err, known) {
			return &asttest.Refused{Error: known.Error()}
		}
	}
	return &asttest.Refused{Error: "unexpected: " + err.Error()}
}

func encode(t testing.TB, s asttest.Statement) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, corpus []asttest.Statement) {
	t.Helper()
	var b bytes.Buffer
	for _, s := range corpus {
		b.WriteString(encode(t, s))
	}
	if err := os.WriteFile("testdata/statements.jsonl", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func recorded(t testing.TB) map[string]string {
	t.Helper()
	return asttest.Trees(t, "testdata")
}
