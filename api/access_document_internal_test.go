package api

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/width"
)

var update = flag.Bool("update", false, "write docs/ACCESS.md anew")

const accessHead = `# Who may ask what / 谁可以做什么

The table that a test asserts cell by cell against a running gate (api: TestAccess); this page is written by another with
` + "`-update`" + ` (api: TestAccessDocument). A route without a row fails the test; a path that is no route, a
person whom the registry does not know and a request with neither signature nor key are refused. What the command line asks goes
through these routes, but for the verbs that open the domain folder themselves (init, serve, demo, audit verify,
audit witness --log, backup restore, backup accept) and need its files or keys.

本表由测试逐格核对。无此路径、未登记人员、既未签名又无密钥的请求一律拒绝。

Persons: **city** city authority 市数据主管部门 · **reg** regulator of the zone 专区监管部门 · **reg2** of another zone ·
**prov** provider of the dataset 数据提供单位 · **prov2** another provider · **dc** data centre 数据中心 ·
**sec** security 安全保密 · **op** operator of the zone 运营单位 · **op2** another operator · **aud** auditor 审计.

Key: the scopes of which an API key of the person needs one for the route (query: AuthenticateKey); – none is for it, and
the person signs the request. API 密钥所须范围;– 为须本人签名。

Answers: ok · role: not in this role · none: as if it did not exist · bad: malformed · perm: needs a permission of the
person · doc: documents refused · gone: allowed, and there are no such data · use, state, refused, policy: allowed to
ask, refused for what it is about · – not asked.
`

const verbsHead = `
## Verbs of the command line / 命令行各命令

Which routes a verb asks is found in its source (cmd/zonebox: TestEveryVerbHasItsRoutes), and who may follows from the
tables above: of one route the most that any of its rows answers a person, for what concerns them; of several the least.
What is about others, or not there, the tables above refuse. A verb that is not in this table and asks a gate fails the
test. A verb that applies documents shows doc where the rows hold no document that the person may apply.

各命令所经路由由源码得出;何人可用由上表推出:一条路由取其各行中对该人最宽者,多条路由取最严者。
`

// accessDocument is the table as a page, with that of the verbs.
func accessDocument(verbs string) string {
	short := []string{"city", "reg", "reg2", "prov", "prov2", "dc", "sec", "op", "op2", "aud"}
	var out strings.Builder
	out.WriteString(accessHead)
	var rows [][]string
	flush := func(head ...string) {
		if len(rows) == 0 {
			return
		}
		rows = append([][]string{append(head, short...)}, rows...)
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
			flush("route", "on", "key")
			fmt.Fprintf(&out, "\n## %s\n", strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
		default:
			row := []string{"`" + f[0] + " " + f[1] + "`", "`" + strings.ReplaceAll(f[2], "|", "\\|") + "`", cmp.Or(strings.Join(scopesFor(f[0]+" "+f[1]), " "), "–")}
			for _, cell := range f[3:] {
				row = append(row, strings.Replace(cell, "-", "–", 1))
			}
			rows = append(rows, row)
		}
	}
	flush("route", "on", "key")
	out.WriteString(verbsHead)
	rows = verbRows(verbs)
	flush("verb", "routes")
	return out.String()
}

// grades are the answers of a route from the most to the least. Any other code stands
// among those of what is asked for, and what is malformed says nothing of the person.
var grades = []string{"ok", "gone", "use", "state", "refused", "bundle", "", "doc", "perm", "policy", "none", "role", "bad", "-"}

func gradeOf(word string) int {
	if i := slices.Index(grades, word); i >= 0 {
		return i
	}
	return slices.Index(grades, "")
}

// mostOf returns, for each person, the most that any row of a route answers; nil of a
// route without a row.
func mostOf(route string) (most []string) {
	for line := range strings.Lines(access) {
		f := strings.Fields(line)
		if len(f) < 3+len(persons) || f[0]+" "+f[1] != route {
			continue
		}
		if most == nil {
			most = slices.Clone(f[3:])
			continue
		}
		for i, word := range f[3:] {
			if gradeOf(word) < gradeOf(most[i]) {
				most[i] = word
			}
		}
	}
	return most
}

// verbRows are the rows of the verbs, a line "verb: route, route" each. Of a verb with a
// route that has no row nothing is allowed to anybody.
func verbRows(verbs string) (rows [][]string) {
	for line := range strings.Lines(verbs) {
		verb, routes, _ := strings.Cut(strings.TrimSpace(line), ": ")
		cells := slices.Repeat([]string{"ok"}, len(persons))
		for route := range strings.SplitSeq(routes, ", ") {
			most := mostOf(route)
			for i := range cells {
				switch {
				case most == nil:
					cells[i] = "-"
				case gradeOf(most[i]) > gradeOf(cells[i]):
					cells[i] = most[i]
				}
			}
		}
		for i, cell := range cells {
			cells[i] = strings.Replace(cell, "-", "–", 1)
		}
		rows = append(rows, append([]string{"`" + strings.ReplaceAll(verb, "/", " ") + "`", "`" + strings.ReplaceAll(routes, ", ", "` `") + "`"}, cells...))
	}
	return rows
}

// TestAVerbWithoutARowIsNobodys: what nobody has said who may ask, nobody may.
func TestAVerbWithoutARowIsNobodys(t *testing.T) {
	for line, want := range map[string]string{
		"keys/list: GET /v1/keys\n":                    "ok role role role role ok ok role role ok",
		"keys/all: GET /v1/keys, GET /v1/everything\n": "– – – – – – – – – –",
		"everything: GET /v1/everything\n":             "– – – – – – – – – –",
		"what-if: POST /v1/what-if, GET /v1/domain\n":  "bundle bundle bundle role role role role role role bundle",
		"both: POST /v1/submissions, GET /v1/keys\n":   "policy role role role role policy policy role role policy",
	} {
		rows := verbRows(line)
		if len(rows) != 1 || strings.Join(rows[0][2:], " ") != want {
			t.Errorf("%q: %q, want %s", line, rows, want)
		}
	}
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
	verbs, err := os.ReadFile(filepath.Join("..", "cmd", "zonebox", "testdata", "verbs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	path, want := filepath.Join("..", "docs", "ACCESS.md"), accessDocument(string(verbs))
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
