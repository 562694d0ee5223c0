package ast_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"zonebox/query/ast"
)

var update = flag.Bool("update", false, "rewrite testdata/statements.jsonl from what Decode and Print do")

// statement is a line of testdata/statements.jsonl: a statement and either what
// Print makes of it or how Decode refuses it.
type statement struct {
	SQL     string   `json:"sql"`
	Print   string   `json:"print,omitempty"`
	Refused *refused `json:"refused,omitempty"`
}

type refused struct {
	Node   string `json:"node,omitempty"`
	Field  string `json:"field,omitempty"`
	Offset int    `json:"offset,omitempty"`
	Error  string `json:"error,omitempty"` // when it is no *UnknownError
}

// TestCorpus holds for every statement: Decode and Print do what the reviewed
// file says, and DuckDB 1.5.5 parses what Print wrote to an equal tree.
func TestCorpus(t *testing.T) {
	trees := recorded(t)
	corpus := statements(t)
	if len(corpus) < 300 {
		t.Fatalf("the corpus has %d statements, want at least 300", len(corpus))
	}
	for i, c := range corpus {
		tree, ok := trees[c.SQL]
		if !ok {
			t.Fatalf("%s\nhas no recorded tree: run testdata/record.py", c.SQL)
		}
		got := statement{SQL: c.SQL}
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

func refusal(err error) *refused {
	if u, ok := errors.AsType[*ast.UnknownError](err); ok {
		return &refused{Node: u.Node, Field: u.Field, Offset: u.Offset}
	}
	for _, known := range []error{ast.ErrDocument, ast.ErrStatement, ast.ErrLimit} {
		if errors.Is(err, known) {
			return &refused{Error: known.Error()}
		}
	}
	return &refused{Error: "unexpected: " + err.Error()}
}

func encode(t testing.TB, s statement) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, corpus []statement) {
	t.Helper()
	var b bytes.Buffer
	for _, s := range corpus {
		b.WriteString(encode(t, s))
	}
	if err := os.WriteFile("testdata/statements.jsonl", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func statements(t testing.TB) []statement {
	t.Helper()
	file, err := os.Open("testdata/statements.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var list []statement
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var s statement
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// recorded returns the engine's tree of each statement of the corpus and of
// each printed form.
func recorded(t testing.TB) map[string]string {
	t.Helper()
	file, err := os.Open("testdata/trees.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	trees := map[string]string{}
	for d := json.NewDecoder(text); d.More(); {
		var line struct{ SQL, Tree string }
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		trees[line.SQL] = line.Tree
	}
	return trees
}
