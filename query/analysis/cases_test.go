package analysis_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
)

var update = flag.Bool("update", false, "rewrite testdata/rewrites.txt")

func catalog(t testing.TB) analysis.Catalog {
	t.Helper()
	raw, err := os.ReadFile("testdata/catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	var cat analysis.Catalog
	if err := json.Unmarshal(raw, &cat); err != nil {
		t.Fatal(err)
	}
	return cat
}

// trees holds what DuckDB 1.5.5 parses the statements of the fixtures to.
func trees(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	f, err := os.Open("testdata/trees.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]json.RawMessage{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l struct {
			SQL  string          `json:"sql"`
			Tree json.RawMessage `json:"tree"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		out[l.SQL] = l.Tree
	}
	return out
}

// analyze runs sql through decoding and analysis. The tree must be recorded.
func analyze(t *testing.T, trees map[string]json.RawMessage, sql string, cat analysis.Catalog) (*analysis.Statement, error) {
	t.Helper()
	raw, ok := trees[sql]
	if !ok {
		t.Fatalf("testdata/trees.jsonl has no tree of %q", sql)
	}
	tree, err := ast.Decode(raw)
	if err != nil {
		return nil, err
	}
	before := ast.Clone(tree)
	st, err := analysis.Analyze(sql, tree, cat, analysis.Options{})
	if !ast.Equal(before, tree) {
		t.Errorf("Analyze(%q) changed the tree it was given", sql)
	}
	return st, err
}

type statement struct{ sql, want string }

func cases(t *testing.T) []statement {
	t.Helper()
	raw, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []statement
	for _, line := range strings.Split(string(raw), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ':
			out[len(out)-1].want = strings.TrimSpace(line)
		default:
			out = append(out, statement{sql: line})
		}
	}
	return out
}

func TestEveryAttackIsRefusedAndItsTwinAllowed(t *testing.T) {
	cat, recorded := catalog(t), trees(t)
	all := cases(t)
	if len(all) < 120 {
		t.Fatalf("%d cases, want at least 120", len(all))
	}
	for _, c := range all {
		st, err := analyze(t, recorded, c.sql, cat)
		var refusal *analysis.Refusal
		code, text, marked := strings.Cut(strings.TrimPrefix(c.want, "refuse: "), " @ ")
		switch {
		case c.want == "allow":
			if err != nil {
				t.Errorf("%s\n\t%s, want it allowed", c.sql, show(c.sql, err))
			}
		case err == nil:
			t.Errorf("%s\n\tallowed as %s\n\twant %s", c.sql, st.SQL, c.want)
		case !errors.As(err, &refusal):
			t.Errorf("%s\n\t%v, want %s", c.sql, err, c.want)
		default:
			found := false
			for _, f := range refusal.Faults {
				at := ""
				if f.Start >= 0 {
					at = c.sql[f.Start:f.End]
				}
				found = found || f.Code == code && (!marked || strings.HasPrefix(at, strings.TrimSuffix(text, "…")) || strings.HasPrefix(text, at) && at != "")
			}
			if !found {
				t.Errorf("%s\n\t%s, want %s", c.sql, show(c.sql, err), c.want)
			}
		}
	}
}

func show(sql string, err error) string {
	var refusal *analysis.Refusal
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	var out []string
	for _, f := range refusal.Faults {
		at := ""
		if f.Start >= 0 {
			at = sql[f.Start:f.End]
		}
		out = append(out, f.Code+" @ "+at)
	}
	return strings.Join(out, "; ")
}

// The rewrites are golden: a change of one is reviewed as a diff.
func TestRewrites(t *testing.T) {
	cat, recorded := catalog(t), trees(t)
	var b strings.Builder
	for _, c := range cases(t) {
		if c.want != "allow" {
			continue
		}
		st, err := analyze(t, recorded, c.sql, cat)
		if err != nil {
			continue // the other test tells
		}
		b.WriteString(c.sql + "\n  " + st.SQL + "\n")
	}
	if *update {
		if err := os.WriteFile("testdata/rewrites.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/rewrites.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("testdata/rewrites.txt:%d: rewrite differs\n got %s\nwant %s", i+1, at(got, i), line)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// A rewrite is analyzed text no more: every name in it is written in full, so
// that the engine has nothing to resolve.
func TestRewritesNameEverythingInFull(t *testing.T) {
	cat, recorded := catalog(t), trees(t)
	for _, c := range cases(t) {
		if c.want != "allow" {
			continue
		}
		st, err := analyze(t, recorded, c.sql, cat)
		if err != nil || st.Plain {
			continue // a plain statement runs as it was written
		}
		ast.Walk(st.Tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Column:
				if len(n.Names) != 2 {
					t.Errorf("%s: column %v is not qualified", st.SQL, n.Names)
				}
			case *ast.Star:
				t.Errorf("%s: holds %T", st.SQL, n)
			case *ast.Select:
				for _, cte := range n.With {
					if !strings.HasPrefix(cte.Name, "__") {
						t.Errorf("%s: holds the common table %s", st.SQL, cte.Name)
					}
				}
			case *ast.Cast:
				if st.Protected && !n.Try {
					if _, constant := n.Expr.(*ast.Constant); !constant {
						t.Errorf("%s: holds a CAST that can raise", st.SQL)
					}
				}
			}
			return true
		})
	}
}
