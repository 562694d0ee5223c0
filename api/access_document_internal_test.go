package api

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/width"
)

var update = flag.Bool("update", false, "write docs/ACCESS.md anew")

const accessHead = `# Who may ask what / 谁可以做什么

The table that a test asserts cell by cell against a running gate (api: TestAccess); this page is written by another with
` + "`-update`" + ` (api: TestAccessDocument). A route without a row fails the test; a path that is no route, a
person whom the registry does not know and a request without a signature are refused. What the command line asks goes
through these routes, but for the verbs that open the domain folder themselves (init, serve, demo, audit verify,
audit witness --log, backup restore, backup accept) and need its files or keys.

本表由测试逐格核对。无此路径、未登记人员、未签名请求一律拒绝。

Persons: **city** city authority 市数据主管部门 · **reg** regulator of the zone 专区监管部门 · **reg2** of another zone ·
**prov** provider of the dataset 数据提供单位 · **prov2** another provider · **dc** data centre 数据中心 ·
**sec** security 安全保密 · **op** operator of the zone 运营单位 · **op2** another operator · **aud** auditor 审计.

Answers: ok · role: not in this role · none: as if it did not exist · bad: malformed · perm: needs a permission of the
person · doc: documents refused · gone: allowed, and there are no such data · use, state, refused, policy: allowed to
ask, refused for what it is about · – not asked.
`

// accessDocument is the table as a page.
func accessDocument() string {
	short := []string{"city", "reg", "reg2", "prov", "prov2", "dc", "sec", "op", "op2", "aud"}
	var out strings.Builder
	out.WriteString(accessHead)
	var rows [][]string
	flush := func() {
		if len(rows) == 0 {
			return
		}
		rows = append([][]string{append([]string{"route", "on"}, short...)}, rows...)
		widths := make([]int, len(rows[0]))
		for _, r := range rows {
			for i, cell := range r {
				widths[i] = max(widths[i], columns(cell))
			}
		}
		out.WriteString("\n")
		for n, r := range rows {
			for i, cell := range r {
				out.WriteString("| " + cell + strings.Repeat(" ", widths[i]-columns(cell)+1))
			}
			out.WriteString("|\n")
			if n == 0 {
				for _, w := range widths {
					out.WriteString("|" + strings.Repeat("-", w+2))
				}
				out.WriteString("|\n")
			}
		}
		rows = nil
	}
	for line := range strings.Lines(access) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "#":
			flush()
			fmt.Fprintf(&out, "\n## %s\n", strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
		default:
			row := []string{"`" + f[0] + " " + f[1] + "`", "`" + strings.ReplaceAll(f[2], "|", "\\|") + "`"}
			for _, cell := range f[3:] {
				row = append(row, strings.Replace(cell, "-", "–", 1))
			}
			rows = append(rows, row)
		}
	}
	flush()
	return out.String()
}

// columns is how wide a text stands on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}

// TestAccessDocument: docs/ACCESS.md is the table that is asserted, and its tables
// line up.
func TestAccessDocument(t *testing.T) {
	path, want := filepath.Join("..", "docs", "ACCESS.md"), accessDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/ACCESS.md is not the table of this package; write it anew with -update")
	}
	wide := 0
	for line := range strings.Lines(want) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") {
			wide = 0
			continue
		}
		if wide > 0 && columns(line) != wide {
			t.Errorf("a row of %d columns below one of %d: %s", columns(line), wide, line)
		}
		wide = columns(line)
	}
}
