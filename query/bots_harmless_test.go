package query_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

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
// analysis does not take.
func TestHarmlessQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	const people = 20_000
	d := newAttackedCity(t, people).domain(t, query.Limits{Explains: 1 << 20})
	refused := map[string]int{}
	for _, sql := range harmless(t) {
		if _, err := d.Ask("li.op", "statistics", querytest.Purpose, sql); err != nil {
			code := querytest.Code(err)
			if because := deniedFor(err); len(because) > 0 {
				code = because[0]
			}
			refused[code]++
			t.Logf("%s: %s", code, sql)
		}
	}
	// A window over groups, and a CAST of a masked date.
	want := map[string]int{"UNSUPPORTED_SYNTAX": 1, "TYPE_MISMATCH": 1}
	if !maps.Equal(refused, want) {
		t.Errorf("of 100 are refused %v, want %v", refused, want)
	}
}
