package query_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"zonebox/query/querytest"
)

// caseGuide is what testdata/queries/README.md lists: the classes of attacks,
// in its order, and the codes it explains.
type caseGuide struct {
	classes []string
	titles  map[string]string
	codes   map[string]bool
}

var (
	guideClass = regexp.MustCompile(`^\| ([0-9A-Za-z-]+) \| ([^|]+) \| ([^|]+) \|$`)
	guideCode  = regexp.MustCompile("^\\| `([A-Z_]+)` \\| ([^|]+) \\| ([^|]+) \\|$")
)

// readGuide reads the README of the corpus. The thirty classes of bypasses and
// the surface of the engine itself must be among those it lists.
func readGuide(t *testing.T, path string) *caseGuide {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &caseGuide{titles: map[string]string{}, codes: map[string]bool{}}
	for _, line := range strings.Split(string(text), "\n") {
		if m := guideClass.FindStringSubmatch(line); m != nil {
			g.classes, g.titles[m[1]] = append(g.classes, m[1]), m[3]
		}
		if m := guideCode.FindStringSubmatch(line); m != nil {
			g.codes[m[1]] = true
		}
	}
	for n := range 31 {
		class := strconv.Itoa(n)
		if n == 0 {
			class = "duckdb"
		}
		if g.titles[class] == "" {
			t.Fatalf("%s lacks class %s", path, class)
		}
	}
	return g
}

// check fails the test if a file names a class or a code that is not explained.
func (g *caseGuide) check(t *testing.T, f *querytest.CaseFile) {
	t.Helper()
	for _, class := range f.Classes {
		if g.titles[class] == "" {
			t.Errorf("%s: class %s is not in the README", f.Name, class)
		}
	}
	for _, c := range f.Cases {
		for _, code := range c.Want.Codes {
			if !g.codes[code] {
				t.Errorf("%s: %s: code %s is not in the README", f.Name, c.Name, code)
			}
		}
	}
}

// caseTally counts cases by class. It is safe for concurrent use.
type caseTally struct {
	mu    sync.Mutex
	of    map[string]*[3]int // attacks, twins, and those that wait for what is not built
	cases int
}

func (y *caseTally) add(classes []string, c querytest.Case) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cases++
	for _, class := range classes {
		if y.of[class] == nil {
			y.of[class] = &[3]int{}
		}
		switch {
		case c.Today != nil:
			y.of[class][2]++
		case c.Attack:
			y.of[class][0]++
		default:
			y.of[class][1]++
		}
	}
}

// finish prints the table of classes and fails the test if one lacks an attack
// or a twin, or if there are too few cases.
func (y *caseTally) finish(t *testing.T, g *caseGuide) {
	t.Helper()
	table := &strings.Builder{}
	fmt.Fprintf(table, "%-8s %7s %7s %7s  %s\n", "class", "attacks", "twins", "later", "")
	for _, class := range g.classes {
		n := y.of[class]
		if n == nil {
			n = &[3]int{}
		}
		fmt.Fprintf(table, "%-8s %7d %7d %7d  %s\n", class, n[0], n[1], n[2], g.titles[class])
		if n[0] == 0 || n[1] == 0 {
			t.Errorf("class %s has %d attacks and %d twins, want both", class, n[0], n[1])
		}
	}
	t.Logf("%d cases\n%s", y.cases, table)
	if y.cases < leastCases {
		t.Errorf("%d cases were asked, want at least %d", y.cases, leastCases)
	}
}
