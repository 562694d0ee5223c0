package query_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// harmlessRefused is how many usual questions of a hundred may be refused for those before
// them: what protection costs. Most of these are rich tables that with others tell of few, or
// are not decided; some differ in nothing from what was released, as a quarter from its
// months, or figures of people are compared with those of rows.
const harmlessRefused = 17

// harmless are the questions of testdata/attacks/harmless.sql.
func harmless(t *testing.T) (out []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(querytest.Root(t), "testdata", "attacks", "harmless.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			out = append(out, strings.TrimSuffix(line, ";"))
		}
	}
	if len(out) != 100 {
		t.Fatalf("%d questions, want 100", len(out))
	}
	return out
}

// Usual questions are answered where they are asked one after the other, but for two that
// analysis does not take, and those that with earlier answers would tell of few.
func TestHarmlessQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	d := newAttackedCity(t, 20_000).domain(t, querytest.Options{Idle: 2, Ledger: true})
	refused := map[string]int{}
	for i, sql := range harmless(t) {
		if _, err := d.Ask("li.op", "statistics", querytest.Purpose, sql); err != nil {
			code := querytest.Code(err)
			if because := deniedFor(err); len(because) > 0 {
				code = because[0]
			}
			refused[code]++
			t.Logf("question %d: %s: %v: %s", i+1, code, errors.Unwrap(err), sql)
		}
	}
	t.Logf("of 100 are refused %v", refused)
	if n := refused["RELEASE_HISTORY"]; n > harmlessRefused {
		t.Errorf("%d of 100 are refused for those before them, want at most %d", n, harmlessRefused)
	}
	delete(refused, "RELEASE_HISTORY")
	// A window over groups, and a CAST of a masked date.
	if want := map[string]int{"UNSUPPORTED_SYNTAX": 1, "TYPE_MISMATCH": 1}; !maps.Equal(refused, want) {
		t.Errorf("of 100 are otherwise refused %v, want %v", refused, want)
	}
}
