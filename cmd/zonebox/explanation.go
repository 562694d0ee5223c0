package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"zonebox/query"
)

// verdicts and forms in Chinese; English has the words themselves.
var (
	verdicts = map[string]string{"ALLOW": "允许", "REVIEW": "待审", "DENY": "拒绝"}
	forms    = map[string]string{"clear": "原值", "masked": "脱敏", "token": "令牌", "group_label": "分组标签", "aggregate": "聚合", "constant": "常量"}
)

// printExplanation prints what explain says of sql: for a person to read, in
// columns that line up on a terminal. Whatever others wrote is made harmless.
func (a *app) printExplanation(x *query.Explanation, sql string) error {
	w := a.stdout
	fmt.Fprintf(w, "%s: %s\n", a.say("裁决", "verdict"), strings.TrimSpace(x.Verdict+" "+a.say(verdicts[x.Verdict], "")))
	for _, r := range x.Reasons {
		a.printReason(w, "-", r, sql)
	}
	for _, r := range x.Warnings {
		a.printReason(w, "!", r, sql)
	}
	a.printRemedies(w, x)
	if len(x.Outputs) > 0 {
		a.printForms(w, x)
	}
	for _, g := range x.Groups {
		fmt.Fprintf(w, a.say("最小分组: %s 至少 %d 个主体\n", "minimum group: %s at least %d entities\n"), printable(g.Table), g.K)
	}
	for _, o := range x.Outputs {
		if o.Round > 0 {
			fmt.Fprintf(w, a.say("取整: %s 为 %d 的倍数\n", "rounded: %s to multiples of %d\n"), printable(o.Name), o.Round)
		}
	}
	if r := x.Release; r != nil {
		review := a.say("不需审核", "no review")
		if r.Reviewers > 0 {
			review = fmt.Sprintf(a.say("须由 %d 人审核", "reviewed by %d"), r.Reviewers)
		}
		fmt.Fprintf(w, a.say("放行: 至多 %d 行,%s\n", "release: at most %d rows, %s\n"), r.Rows, review)
	}
	if len(x.Changes) > 0 {
		fmt.Fprintf(w, "%s:\n", a.say("改写", "rewritten"))
	}
	for _, c := range x.Changes {
		fmt.Fprintf(w, "  · %s\n", printable(a.say(c.ZH, c.EN)))
		a.printExcerpt(w, sql, c.Span)
	}
	if x.SQL == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s:\n%s\n", a.say("将要执行", "would run"), printableText(x.SQL))
	return err
}

func (a *app) printReason(w io.Writer, mark string, r query.ReasonView, sql string) {
	articles := ""
	if len(r.Articles) > 0 {
		articles = " [" + strings.Join(r.Articles, ", ") + "]"
	}
	fmt.Fprintf(w, "  %s %s %s%s\n", mark, r.Code, printable(a.say(r.ZH, r.EN)), articles)
	a.printExcerpt(w, sql, r.Span)
	if len(r.Path) > 1 {
		fmt.Fprintf(w, "      %s: %s\n", a.say("由来", "path"), printable(strings.Join(r.Path, " ← ")))
	}
	if hint := a.say(r.HintZH, r.HintEN); hint != "" && mark == "-" {
		fmt.Fprintf(w, "      %s: %s\n", a.say("建议", "hint"), printable(hint))
	}
}

// excerptWidth is how many columns of a terminal an excerpt may take: 80 with its
// indent of six, so that the mark stays below what it marks.
const excerptWidth = 74

// printExcerpt prints the line of the statement that a span begins in, and marks
// the span below it.
func (a *app) printExcerpt(w io.Writer, sql string, span *query.Span) {
	if span == nil || span.Start < 0 || span.End <= span.Start || span.End > len(sql) {
		return
	}
	from := strings.LastIndexByte(sql[:span.Start], '\n') + 1
	line, _, _ := strings.Cut(sql[from:], "\n")
	before, marked := printable(sql[from:span.Start]), printable(sql[span.Start:min(span.End, from+len(line))])
	after := printable(sql[min(span.End, from+len(line)) : from+len(line)])
	for text.StringWidthWithoutEscSequences(before+marked+after) > excerptWidth && text.StringWidthWithoutEscSequences(before) > excerptWidth/3 {
		_, rest := cutRune(strings.TrimPrefix(before, "…"))
		before = "…" + rest
	}
	marked = short(marked, excerptWidth-text.StringWidthWithoutEscSequences(before))
	if !strings.HasSuffix(marked, "…") {
		after = short(after, max(0, excerptWidth-text.StringWidthWithoutEscSequences(before+marked)))
	} else {
		after = ""
	}
	fmt.Fprintf(w, "      %s%s%s\n      %s%s\n", before, marked, after,
		strings.Repeat(" ", text.StringWidthWithoutEscSequences(before)), strings.Repeat("^", max(1, text.StringWidthWithoutEscSequences(marked))))
}

// short cuts s to a width and says so.
func short(s string, width int) string {
	if text.StringWidthWithoutEscSequences(s) <= width {
		return s
	}
	return text.Trim(s, max(0, width-1)) + "…"
}

func cutRune(s string) (first, rest string) {
	for i := range s {
		if i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// printRemedies prints what would pass instead of a refused statement.
func (a *app) printRemedies(w io.Writer, x *query.Explanation) {
	if x.Instead != nil {
		fmt.Fprintf(w, "%s (%s):\n", a.say("相近的可行语句", "a statement near it that passes"), strings.TrimSpace(x.Instead.Verdict+" "+a.say(verdicts[x.Instead.Verdict], "")))
		for _, line := range strings.Split(x.Instead.SQL, "\n") {
			fmt.Fprintf(w, "      %s\n", printable(line))
		}
	}
	if len(x.Grants) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", a.say("所缺的授权(explain --request 文件 写成数据申请)", "grants it lacks (explain --request FILE writes the data request)"))
	t := newTable(a.say("数据集", "dataset"), a.say("列", "column"), a.say("形态", "form"), a.say("脱敏方式或许可", "recipe or permissions"), a.say("补充于", "adds to"))
	for _, g := range x.Grants {
		for _, c := range g.Columns {
			how := c.Recipe
			if how == "" {
				how = strings.Join(c.Permissions, " ")
			}
			t.AppendRow([]any{printable(g.Dataset), printable(c.Name), c.Mode, printable(how), printable(g.Grant)})
		}
	}
	fmt.Fprintln(w, t.Render())
}

// printForms prints the columns read with the form they have, and the outputs
// with what they are made of.
func (a *app) printForms(w io.Writer, x *query.Explanation) {
	t := newTable(a.say("读取的列", "column read"), a.say("级别", "level"), a.say("形态", "form"), a.say("脱敏方式或许可", "recipe or permissions"))
	for _, c := range x.Columns {
		t.AppendRow([]any{printable(c.Column), c.Level, c.Form, printable(c.How)})
	}
	fmt.Fprintln(w, t.Render())
	g := newLineage(x.Graph)
	t = newTable(a.say("输出列", "output"), a.say("形态", "form"), a.say("最高级别", "max level"), a.say("由来", "lineage"))
	decided, same := make([]string, len(x.Outputs)), true
	for i, o := range x.Outputs {
		chains := g.chains(i)
		if len(chains) == 0 {
			chains = o.Lineage
		}
		t.AppendRow([]any{printable(o.Name), a.say(forms[o.Form], o.Form), o.MaxLevel, printableText(strings.Join(chains, "\n"))})
		decided[i] = printable(strings.Join(g.clauses(i), " · "))
		same = same && decided[i] == decided[0]
	}
	fmt.Fprintln(w, t.Render())
	if same {
		decided = decided[:1]
	}
	for i, d := range decided {
		switch {
		case d == "":
		case same:
			fmt.Fprintf(w, "%s: %s\n", a.say("哪些行,取决于", "rows decided by"), d)
		default:
			fmt.Fprintf(w, "%s %s: %s\n", printable(x.Outputs[i].Name), a.say("哪些行,取决于", "rows decided by"), d)
		}
	}
}

// lineage is a graph as it is walked from its outputs back.
type lineage struct {
	nodes   []query.NodeView
	into    map[int][]query.EdgeView
	outputs []int
}

func newLineage(g *query.GraphView) lineage {
	l := lineage{into: map[int][]query.EdgeView{}}
	if g == nil {
		return l
	}
	l.nodes = g.Nodes
	for _, e := range g.Edges {
		l.into[e.To] = append(l.into[e.To], e)
	}
	for i, n := range g.Nodes {
		if n.Kind == "output" {
			l.outputs = append(l.outputs, i)
		}
	}
	return l
}

// back visits every node that leads to at over edges of the kind, all kinds if it
// is "", nearest first, with the node it leads to.
func (l lineage) back(at int, kind string, visit func(node, to int)) {
	seen := map[int]bool{at: true}
	for next := []int{at}; len(next) > 0; next = next[1:] {
		for _, e := range l.into[next[0]] {
			if (kind == "" || e.Kind == kind) && !seen[e.From] {
				seen[e.From] = true
				visit(e.From, e.To)
				next = append(next, e.From)
			}
		}
	}
}

// chains returns, for each column that an output's value is made of, the way it
// takes: "persons.income → avg → ≥ 10".
func (l lineage) chains(output int) []string {
	if output >= len(l.outputs) {
		return nil
	}
	to := map[int]int{}
	var begins []int
	l.back(l.outputs[output], "value", func(node, next int) {
		to[node] = next
		if !slices.ContainsFunc(l.into[node], func(e query.EdgeView) bool { return e.Kind == "value" }) {
			begins = append(begins, node)
		}
	})
	var out []string
	for _, at := range begins {
		if l.nodes[at].Kind != "source" && len(begins) > 1 {
			continue // made of nothing, beside what is made of columns
		}
		var steps []string
		for next, ok := at, true; ok && next != l.outputs[output]; next, ok = to[next] {
			steps = append(steps, l.nodes[next].Name)
		}
		out = append(out, strings.Join(steps, " → "))
	}
	return out
}

// clauses returns what decides the rows of an output: "WHERE visits.diagnosis".
func (l lineage) clauses(output int) []string {
	if output >= len(l.outputs) {
		return nil
	}
	var out []string
	l.back(l.outputs[output], "", func(node, _ int) {
		if l.nodes[node].Kind != "clause" {
			return
		}
		var columns []string
		l.back(node, "", func(n, _ int) {
			if l.nodes[n].Kind == "source" {
				columns = append(columns, l.nodes[n].Name)
			}
		})
		if len(columns) == 0 {
			return // it looks at counts only
		}
		slices.Sort(columns)
		out = append(out, l.nodes[node].Name+" "+strings.Join(slices.Compact(columns), ", "))
	})
	slices.Sort(out)
	return slices.Compact(out)
}
