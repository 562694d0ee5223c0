package policy

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

func readJSON(t *testing.T, name string) any {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// testModules returns the modules of rego/tests by file, and puts what they read beside
// the data of b.
func testModules(t *testing.T, b *bundle) map[string]*ast.Module {
	t.Helper()
	modules := map[string]*ast.Module{}
	names, err := filepath.Glob("rego/tests/*_test.rego")
	if err != nil || len(names) == 0 {
		t.Fatalf("no Rego tests: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = ast.MustParseModule(string(text))
	}
	for _, id := range []string{"draft", "levels"} {
		b.data["packs"].(map[string]any)[id] = readJSON(t, "testdata/packs/"+id+".json")
	}
	b.data["fixtures"] = map[string]any{
		"query": readJSON(t, "testdata/query.json"),
		"cases": readJSON(t, "testdata/cases.json"),
	}
	return modules
}

// TestRego runs rego/tests on the embedded rules and asserts that they run every line.
func TestRego(t *testing.T) {
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	modules := testModules(t, b)
	rules := map[string]*ast.Module{}
	for name, text := range b.modules {
		rules[name] = ast.MustParseModule(text)
		modules[name] = rules[name]
	}
	for name := range modules {
		setFile(modules[name], name)
	}
	coverage := cover.New()
	results, err := tester.NewRunner().
		SetStore(inmem.NewFromObjectWithOpts(b.data, inmem.OptReturnASTValuesOnRead(true))).
		SetModules(modules).
		SetCoverageQueryTracer(coverage).
		SetTimeout(5*time.Minute).
		RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range results {
		n++
		if !r.Pass() {
			t.Errorf("%s: %v", r.Name, r.Error)
		}
	}
	if n < 9 {
		t.Errorf("ran only %d Rego tests", n)
	}
	covered, missed := 0, 0
	report := coverage.Report(rules)
	for _, name := range slices.Sorted(maps.Keys(rules)) { // the tests' own lines do not count
		file := report.Files[name]
		covered, missed = covered+file.CoveredLines, missed+file.NotCoveredLines
		for _, r := range file.NotCovered {
			t.Errorf("not covered: %s:%d-%d", name, r.Start.Row, r.End.Row)
		}
	}
	t.Logf("%d Rego tests, %d rule lines", n, covered)
	if missed > 0 {
		t.Errorf("the Rego tests leave out %d rule lines of %d", missed, covered+missed)
	}
}

// setFile names the file in every location of m, as coverage groups by it.
func setFile(m *ast.Module, name string) {
	ast.WalkNodes(m, func(n ast.Node) bool {
		if loc := n.Loc(); loc != nil {
			loc.File = name
		}
		return false
	})
}

func TestRegoIsFormatted(t *testing.T) {
	names, _ := filepath.Glob("rego/*.rego")
	tests, _ := filepath.Glob("rego/tests/*.rego")
	for _, name := range append(names, tests...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := format.Source(path.Base(name), text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s is not formatted", name)
		}
	}
}

var article = regexp.MustCompile(`^(NJ24|NJ19|JM19|SY20|YC22)-[0-9]{2}$`)

// Every code a rule can give has an article and both texts, and no text is
// left over.
func TestEveryReasonHasAnArticleAndBothTexts(t *testing.T) {
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{codeError: true, codeTimeout: true, codeUndefined: true, codeMissing: true, codeUnknown: true, codeExpert: true}
	for _, text := range b.modules {
		for _, m := range regexp.MustCompile(`"([A-Z]+(?:_[A-Z]+)+)"`).FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
	}
	for _, other := range []string{"IN_FORCE", "COMPUTE_ONLY", "REQUEST_RESPONSE"} {
		delete(used, other)
	}
	for code := range used {
		r, ok := b.reasons[code]
		if !ok || !article.MatchString(r.Article) || r.ZH == "" || r.EN == "" {
			t.Errorf("%s: incomplete reason %+v", code, r)
		}
		if strings.Count(r.ZH, "{}") != strings.Count(r.EN, "{}") {
			t.Errorf("%s: one text names what it is about, the other does not", code)
		}
	}
	for code := range b.reasons {
		if !used[code] {
			t.Errorf("%s: no rule gives this reason", code)
		}
	}
}

// No figure of a pack stands in a rule.
func TestNoFigureInTheRules(t *testing.T) {
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range b.modules {
		for i, line := range strings.Split(text, "\n") {
			code, _, _ := strings.Cut(line, "#")
			for _, figure := range regexp.MustCompile(`\b[0-9]+\b`).FindAllString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(code, ""), -1) {
				// 0, 1 and 2 count and index; 10 is the radix and the length of a day
				if !slices.Contains([]string{"0", "1", "2", "10"}, figure) && name != "rego/clock.rego" {
					t.Errorf("%s:%d: figure %s", name, i+1, figure)
				}
			}
		}
	}
}
