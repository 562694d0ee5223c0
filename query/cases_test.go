package query_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"zonebox/policy"
	"zonebox/query"
	"zonebox/query/querytest"
)

var updateRows = flag.Bool("update", false, "rewrite the released rows of allowed twins in testdata/queries; never a verdict")

// leastCases is how many statements the corpus must hold.
const leastCases = 300

// TestCases asks every statement of testdata/queries, attacks and their allowed
// twins, and compares verdict, reasons and released rows.
func TestCases(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(querytest.Root(t), "testdata", "queries")
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	guide := readGuide(t, filepath.Join(dir, "README.md"))
	worlds := &caseWorlds{made: map[string]*caseWorld{}}
	tally := &caseTally{of: map[string]*[3]int{}}
	t.Run("files", func(files *testing.T) {
		for _, path := range paths {
			file, err := querytest.ReadCaseFile(path)
			if err != nil {
				files.Error(err)
				continue
			}
			guide.check(files, file)
			w := worlds.of(t, file)
			files.Run(strings.TrimSuffix(file.Name, ".txtar"), func(t *testing.T) {
				t.Parallel()
				runCases(t, w.In(t), file, path, w.secrets, tally)
			})
		}
	})
	worlds.silent(t)
	if !strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // of a part there is nothing to say
		tally.finish(t, guide)
	}
}

// runCases asks the statements of one file in their order.
func runCases(t *testing.T, d *querytest.Domain, file *querytest.CaseFile, path string, secrets map[string]bool, tally *caseTally) {
	for _, c := range file.Cases {
		got, text := askCase(t, d, c)
		ordered := strings.Contains(strings.ToUpper(c.SQL), "ORDER BY")
		got = got.Comparable(ordered)
		if got.Verdict == querytest.Denied {
			text += explainCase(t, d, c, got)
		}
		looksClean(t, secrets, c, got, text)
		want := c.Want.Comparable(ordered)
		switch {
		case c.Today != nil && got.Equal(want):
			t.Errorf("%s ends as wanted now: take its .today out", c.Name)
		case c.Today != nil && got.Equal(c.Today.Comparable(ordered)):
		case got.Equal(want):
		case *updateRows && !c.Attack && c.Today == nil && got.Verdict == want.Verdict && slices.Equal(got.Codes, want.Codes):
			rewriteRows(t, path, c.Name, got)
		default:
			t.Errorf("%s %s\n%s\n%.400s\nends with\n%s\nwant\n%s", file.Name, c.Name, c.Note, c.SQL, got, want)
		}
		tally.add(file.Classes, c)
	}
}

// askCase asks one statement, has people approve what needs approval, and
// returns what became of it and everything its operator was told.
func askCase(t *testing.T, d *querytest.Domain, c querytest.Case) (querytest.Outcome, string) {
	t.Helper()
	answer, err := d.Ask("li.op", c.Scenario, querytest.Purpose, c.SQL)
	var out querytest.Outcome
	told := ""
	for range 4 {
		e, refused := errors.AsType[*query.Error](err)
		if err != nil && !refused {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if !refused {
			break
		}
		told += querytest.Text(e)
		out.Codes = append(out.Codes, reasonsOf(e)...)
		if e.Class != query.ClassInReview {
			out.Verdict = querytest.Failed
			if e.Class == query.ClassDenied {
				out.Verdict = querytest.Denied
			}
			if e.Class == query.ClassFailure {
				t.Logf("%s: cause: %v", c.Name, errors.Unwrap(e))
			}
			return out, told
		}
		out.Verdict = querytest.Reviewed
		approveStep(t, d, e)
		answer, err = d.Resume("li.op", e.Run)
	}
	if err != nil {
		t.Fatalf("%s: still in review: %v", c.Name, err)
	}
	if out.Verdict == "" {
		out.Verdict = querytest.Allowed
	}
	r := d.Open("li.op", answer)
	out.Columns, out.Rows = r.Columns, r.Rows
	return out, told + r.String()
}

// explainCase compares what explain says of a refused statement with the refusal:
// there is no second door. It returns the explanation as text.
func explainCase(t *testing.T, d *querytest.Domain, c querytest.Case, got querytest.Outcome) string {
	t.Helper()
	x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: c.Scenario, Purpose: querytest.Purpose, SQL: c.SQL})
	if err != nil {
		t.Errorf("%s is refused and not explained: %v", c.Name, err)
		return ""
	}
	said := querytest.Outcome{Verdict: x.Verdict}
	for _, r := range x.Reasons {
		said.Codes = append(said.Codes, r.Code)
	}
	if said = said.Comparable(false); !said.Equal(got) {
		t.Errorf("%s ends with\n%s\nand is explained as\n%s", c.Name, got, said)
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reasonsOf returns the codes of an error's reasons, or its own if it has none.
func reasonsOf(e *query.Error) []string {
	var codes []string
	for _, d := range e.Details {
		codes = append(codes, d.Code)
	}
	if len(codes) == 0 {
		codes = []string{e.Code}
	}
	return codes
}

// approveStep has those approve who must next.
func approveStep(t *testing.T, d *querytest.Domain, e *query.Error) {
	t.Helper()
	state := d.Approve("sun.health", e.Run)
	if state != "REVIEWING_SECOND" {
		return
	}
	for _, provider := range []string{"zheng.police", "qian.hospital"} {
		if _, err := d.Engine.Settle(t.Context(), d.Subject(provider), e.Run, true, "NJ24-15"); err == nil {
			return
		}
	}
	t.Fatal("no provider may approve")
}

// looksClean fails the test if a value of a protected column shows.
func looksClean(t *testing.T, secrets map[string]bool, c querytest.Case, got querytest.Outcome, told string) {
	t.Helper()
	for _, row := range got.Rows {
		for _, cell := range row {
			if secrets[cell] {
				t.Errorf("%s\n%s\nshows an original value", c.Name, c.SQL)
			}
		}
	}
	if holds(told, secrets, 6) {
		t.Errorf("%s\n%s\nshows an original value in what it says", c.Name, c.SQL)
	}
}

// holds reports whether a text holds an original value of at least so many bytes:
// enough not to stand there by chance.
func holds(text string, secrets map[string]bool, bytes int) bool {
	for v := range secrets {
		if len(v) >= bytes && strings.Contains(text, v) {
			return true
		}
	}
	return false
}

// rewriteRows puts the released rows of a twin into its file. Cases of a file
// are asked one after the other, so that nobody else writes it.
func rewriteRows(t *testing.T, path, name string, got querytest.Outcome) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Files {
		if a.Files[i].Name == name+".want" {
			a.Files[i].Data = []byte(got.String() + "\n")
		}
	}
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// caseWorld is a domain and the values in it that must never show.
type caseWorld struct {
	*querytest.Domain
	secrets map[string]bool
}

// caseWorlds keeps one domain for all files of the same facts and rows.
type caseWorlds struct{ made map[string]*caseWorld }

// of returns the domain of a file, which ends with t.
func (w *caseWorlds) of(t *testing.T, file *querytest.CaseFile) *caseWorld {
	t.Helper()
	text, err := json.Marshal([]any{file.Facts, file.Rows})
	if err != nil {
		t.Fatal(err)
	}
	key := string(text)
	if w.made[key] == nil {
		figuresAgree(t, file.Facts)
		w.made[key] = &caseWorld{querytest.World(t, querytest.Options{Idle: 4, Limits: query.Limits{Explains: 1 << 20}}, file.Facts, file.Rows), file.Facts.Secrets(file.Rows)}
	}
	return w.made[key]
}

// silent fails the test if an identity number, a telephone number or an address
// stands in a log. Names and amounts are too short for texts full of numbers.
func (w *caseWorlds) silent(t *testing.T) {
	t.Helper()
	const long = 11
	for _, d := range w.made {
		if holds(d.Log.String(), d.secrets, long) {
			t.Error("the gate's log holds an original value")
		}
		for _, e := range d.Audit("feng.audit") {
			for name, v := range e.Fields {
				if holds(v, d.secrets, long) {
					t.Errorf("the audit log holds an original value in %s of %s", name, e.Kind)
				}
			}
		}
	}
}

// figuresAgree compares the figures a page tells its reader with those of the
// pack.
func figuresAgree(t *testing.T, f querytest.Facts) {
	t.Helper()
	rules, err := policy.New(t.Context(), policy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pack, err := rules.Pack(f.Pack)
	if err != nil {
		t.Fatal(err)
	}
	if pack.MinGroup != f.K || pack.LevelThreshold != f.Threshold {
		t.Errorf("facts say k %d and threshold %d, pack %s has %d and %d", f.K, f.Threshold, f.Pack, pack.MinGroup, pack.LevelThreshold)
	}
}
