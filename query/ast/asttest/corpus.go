package asttest

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Statement is a statement of the corpus and either what ast.Print makes of it
// or how ast.Decode refuses it.
type Statement struct {
	SQL     string   `json:"sql"`
	Print   string   `json:"print,omitempty"`
	Refused *Refused `json:"refused,omitempty"`
}

// Refused is an *ast.UnknownError or another error of ast.Decode.
type Refused struct {
	Node   string `json:"node,omitempty"`
	Field  string `json:"field,omitempty"`
	Offset int    `json:"offset,omitempty"`
	Error  string `json:"error,omitempty"` // when it is no *ast.UnknownError
}

// Statements returns the corpus, statements.jsonl of the folder testdata of
// package ast.
func Statements(t testing.TB, testdata string) []Statement {
	t.Helper()
	file, err := os.Open(filepath.Join(testdata, "statements.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var list []Statement
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var s Statement
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// Trees returns the engine's tree of each statement of the corpus and of each
// print, from trees.jsonl.gz of the same folder.
func Trees(t testing.TB, testdata string) map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join(testdata, "trees.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
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
