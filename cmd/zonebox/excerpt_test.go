package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"zonebox/query"
)

// Whatever the statement, an excerpt takes two lines of an 80-column terminal, the
// mark stands below what it marks, and what was cut off is told.
func TestAnExcerptFitsATerminal(t *testing.T) {
	long := strings.Repeat("长名 AND ", 30)
	for _, sql := range []string{
		"SELECT x FROM t",
		"SELECT 收入 AS 年收入 FROM t",
		"SELECT " + long + "x FROM t",
		"SELECT x FROM t WHERE " + long,
		"SELECT " + long + "x FROM t WHERE " + long,
		"SELECT\n  x\nFROM t",
	} {
		for _, marked := range []string{"x", "年收入", sql, "WHERE " + long} {
			at := strings.Index(sql, marked)
			if at < 0 {
				continue
			}
			var out bytes.Buffer
			a := &app{stdout: &out}
			a.printExcerpt(&out, sql, &query.Span{Start: at, End: at + len(marked)})
			lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
			if len(lines) != 2 {
				t.Errorf("%q: %d lines, want 2", sql, len(lines))
				continue
			}
			for _, line := range lines {
				if w := text.StringWidthWithoutEscSequences(line); w > 80 {
					t.Errorf("%q is %d columns wide, want at most 80", line, w)
				}
			}
			mark := lines[1]
			from := text.StringWidthWithoutEscSequences(strings.TrimRight(mark, "^"))
			first, _, _ := strings.Cut(marked, "\n")
			shown := text.Trim(first, strings.Count(mark, "^")-1)
			if i := strings.Index(lines[0], shown); i < 0 || text.StringWidthWithoutEscSequences(lines[0][:i]) > from {
				t.Errorf("the mark is not below %q:\n%s\n%s", shown, lines[0], mark)
			}
			whole, _, _ := strings.Cut(sql[at:], "\n")
			if !strings.HasSuffix(lines[0], "…") && !strings.HasSuffix(lines[0], whole) {
				t.Errorf("nothing tells that this was cut: %q of %q", lines[0], sql)
			}
		}
	}
}
