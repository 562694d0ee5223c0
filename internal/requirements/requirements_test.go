package requirements_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "../../docs/REQUIREMENTS.md"

// whole lists the parts of the matrix whose EXPECTED rows are accounted for
// beside the CORE ones.
var whole = []string{"zone", "catalogue", "quality"}

// A row is one line of a table of the page.
type row struct {
	id, shownBy, status string
	tests               []string // "package Test"
}

var (
	rowID    = regexp.MustCompile(`^R-[A-Z]+[0-9]*-[0-9]+[a-z]?$`)
	testName = regexp.MustCompile(`(?:([a-z][a-z/]*): )?((?:Test|Fuzz|Benchmark)[A-Z]\w*)`)
)

func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return parse(string(text))
}

// parse reads the tables: the first cell is the id, the last two are the tests
// and the status. A package named once goes for the names after it.
func parse(text string) []row {
	var all []row
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) < 4 || !rowID.MatchString(cells[0]) {
			continue
		}
		r := row{id: cells[0], shownBy: cells[len(cells)-2], status: cells[len(cells)-1]}
		r.tests = tests(r.shownBy + "; " + r.status)
		all = append(all, r)
	}
	return all
}

func tests(cell string) []string {
	var out []string
	pkg := ""
	for _, m := range testName.FindAllStringSubmatch(cell, -1) {
		if m[1] != "" {
			pkg = m[1]
		}
		out = append(out, pkg+" "+m[2])
	}
	return out
}

// fault returns what is wrong with what a row claims, or "".
func (r row) fault() string {
	state, missing, _ := strings.Cut(r.status, " · ")
	switch {
	case !slices.Contains([]string{"shown", "shown, by absence", "partly", "not yet", "interface"}, state):
		return "the status " + state + " is none"
	case strings.HasPrefix(state, "shown") && len(r.tests) == 0 && !strings.Contains(r.shownBy, "policy cases"):
		return "is shown by no test"
	case !strings.HasPrefix(state, "shown") && missing == "" && !strings.Contains(r.shownBy, "no test"):
		return "does not say what is missing"
	}
	return ""
}

func TestEveryOwedRowIsAccountedFor(t *testing.T) {
	stands := map[string]int{}
	for _, r := range rows(t) {
		stands[r.id]++
		if why := r.fault(); why != "" {
			t.Errorf("%s: %s", r.id, why)
		}
	}
	known := map[string]bool{}
	owed := 0
	for _, f := range matrix(t) {
		id, part, class := f[0], f[1], f[2]
		known[id] = true
		if class != "CORE" && (class != "EXPECTED" || !slices.Contains(whole, part)) {
			continue
		}
		owed++
		if stands[id] != 1 {
			t.Errorf("%s (%s, %s) stands %d times on the page, want once", id, part, class, stands[id])
		}
	}
	for id := range stands {
		if !known[id] {
			t.Errorf("%s is no row of the matrix", id)
		}
	}
	if owed < 95 {
		t.Errorf("%d rows are owed, want the 65 CORE ones and those of %v", owed, whole)
	}
}

// matrix returns id, part and class of every row of the requirements.
func matrix(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/rows.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			t.Fatalf("testdata/rows.tsv: line %q", line)
		}
		all = append(all, f)
	}
	return all
}

// TestNamedTestsRan reads what the test runner wrote while the others ran:
// ZONEBOX_RAN is the folder of its files, one JSON event a line.
func TestNamedTestsRan(t *testing.T) {
	dir := os.Getenv("ZONEBOX_RAN")
	if dir == "" {
		t.Skip("make test says where the results are")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no results in %s: %v", dir, err)
	}
	ended := map[string]string{} // "package Test" → pass, skip or fail
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := outcomes(f, ended); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := needs(string(text))
	for _, r := range rows(t) {
		for _, name := range r.tests {
			if got := ended[name]; !shows(got, elsewhere[name]) {
				t.Errorf("%s names %s, whose outcome was %q", r.id, name, got)
			}
		}
		if strings.Contains(r.shownBy, "policy cases") && ended["policy TestEachRuleDeniesAndItsTwinPasses"] != "pass" {
			t.Errorf("%s names the policy cases, which did not pass", r.id)
		}
	}
}

// shows reports whether a test that ended so shows what it is named for. One that
// needs more may be skipped, and that is all: it must be there and not fail.
func shows(outcome string, needsMore bool) bool {
	return outcome == "pass" || outcome == "skip" && needsMore
}

// needs returns the tests that the section "Tests that need more" lists.
func needs(text string) map[string]bool {
	_, section, _ := strings.Cut(text, "\n## Tests that need more")
	section, _, _ = strings.Cut(section, "\n## ")
	out := map[string]bool{}
	for line := range strings.Lines(section) {
		for _, name := range tests(line) {
			out[name] = true
		}
	}
	return out
}

// outcomes adds how each top-level test of a file of events ended. One whose parts
// were all skipped was skipped itself, whatever the runner calls it.
func outcomes(r io.Reader, into map[string]string) error {
	in := bufio.NewReader(r)
	skipped, other := map[string]bool{}, map[string]bool{} // tests with such a part
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var e struct{ Action, Package, Test string }
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		switch e.Action {
		case "pass", "skip", "fail":
			test, _, part := strings.Cut(e.Test, "/")
			name := strings.TrimPrefix(e.Package, "zonebox/") + " " + test
			switch {
			case test == "":
			case part && e.Action == "skip":
				skipped[name] = true
			case part:
				other[name] = true
			case e.Action == "pass" && skipped[name] && !other[name]:
				into[name] = "skip"
			default:
				into[name] = e.Action
			}
		}
	}
}

func TestWhatARowClaimsIsJudged(t *testing.T) {
	for _, tt := range []struct {
		line  string
		fault string
		tests []string
	}{
		{"| R-U-01 | x | zone: TestA, TestB; query/ast: FuzzC | shown |", "", []string{"zone TestA", "zone TestB", "query/ast FuzzC"}},
		{"| R-U-01 | x | `zone` | shown |", "is shown by no test", nil},
		{"| R-U-01 | x | – | partly |", "does not say what is missing", nil},
		{"| R-U-01 | x | – | not yet · nobody asks |", "", nil},
		{"| R-U-01 | x | zone: TestA | shown · b too (query: TestB) |", "", []string{"zone TestA", "query TestB"}},
		{"| R-U-01 | x | zone: TestA | done |", "the status done is none", []string{"zone TestA"}},
	} {
		all := parse(tt.line)
		if len(all) != 1 {
			t.Fatalf("%s: %d rows", tt.line, len(all))
		}
		if got := all[0].fault(); got != tt.fault || !slices.Equal(all[0].tests, tt.tests) {
			t.Errorf("%s: fault %q, tests %q", tt.line, got, all[0].tests)
		}
	}
	got := map[string]string{}
	err := outcomes(strings.NewReader(`{"Action":"pass","Package":"zonebox/zone","Test":"TestA"}
{"Action":"fail","Package":"zonebox/zone","Test":"TestB/one"}
{"Action":"skip","Package":"zonebox/zone","Test":"TestB"}
{"Action":"skip","Package":"zonebox/zone","Test":"TestC/one"}
{"Action":"pass","Package":"zonebox/zone","Test":"TestC"}
{"Action":"skip","Package":"zonebox/zone","Test":"TestD/one"}
{"Action":"pass","Package":"zonebox/zone","Test":"TestD/two"}
{"Action":"pass","Package":"zonebox/zone","Test":"TestD"}
`), got)
	want := map[string]string{"zone TestA": "pass", "zone TestB": "skip", "zone TestC": "skip", "zone TestD": "pass"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("outcomes are %v, %v, want %v", got, err, want)
	}
	for _, tt := range []struct {
		outcome string
		needs   bool
		want    bool
	}{{"pass", false, true}, {"pass", true, true}, {"skip", false, false}, {"skip", true, true}, {"fail", false, false}, {"fail", true, false}, {"", false, false}, {"", true, false}} {
		if got := shows(tt.outcome, tt.needs); got != tt.want {
			t.Errorf("a test that ended %q and needs more %v: shows %v, want %v", tt.outcome, tt.needs, got, tt.want)
		}
	}
	if !needs("x\n## Tests that need more\n| query: TestReal | a folder |\n## Next\nzone: TestA")["query TestReal"] {
		t.Error("a listed test is not found")
	}
}
