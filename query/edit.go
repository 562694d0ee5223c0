package query

import (
	"slices"
	"strings"

	"zonebox/query/ast"
)

// edit replaces a range of a statement's text.
type edit struct {
	start, end int
	text       string
}

// edited returns sql with all edits made; false if two of them overlap.
func edited(sql string, edits []edit) (string, bool) {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b edit) int { return b.start - a.start })
	for i, e := range edits {
		if e.start < 0 || e.end < e.start || e.end > len(sql) || i > 0 && e.end > edits[i-1].start {
			return "", false
		}
		sql = sql[:e.start] + e.text + sql[e.end:]
	}
	return strings.TrimSpace(sql), true
}

// written is the text of a statement as tokens: enough to find the clauses and
// lists that a place in it belongs to. It understands no SQL: whatever is made
// with it is parsed and judged again.
type written struct {
	sql    string
	tokens []wordAt
}

// wordAt is one token with the number of parentheses that are open around it.
type wordAt struct {
	at, end int
	depth   int
	word    string // upper case
}

func write(sql string) written {
	w := written{sql: sql}
	depth := 0
	for at, t := range ast.Tokens(sql) {
		if t == ")" || t == "]" {
			depth--
		}
		w.tokens = append(w.tokens, wordAt{at, at + len(t), depth, strings.ToUpper(t)})
		if t == "(" || t == "[" {
			depth++
		}
	}
	return w
}

// heads begin a list, tails end one.
var (
	heads = []string{"SELECT", "WHERE", "HAVING", "BY"}
	tails = []string{"FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT", ";"}
)

// clauseList is the list of a clause that a place belongs to: the select list, sort or
// group keys, or the conditions of WHERE and HAVING.
type clauseList struct {
	head  int // token of SELECT, WHERE, HAVING or BY
	tail  int // token after the list, as many as there are if none
	items []item
	at    int // item of the place
}

// item is a range of tokens.
type item struct{ from, to int }

// token returns the token that the place lies in, -1 if none does.
func (w written) token(at int) int {
	return slices.IndexFunc(w.tokens, func(t wordAt) bool { return t.at <= at && at < t.end })
}

// list finds the innermost list that the place at belongs to.
func (w written) list(at int) (clauseList, bool) {
	i := w.token(at)
	if i < 0 {
		return clauseList{}, false
	}
	for depth := w.tokens[i].depth; depth >= 0; depth-- {
		head := i
		for head >= 0 && w.tokens[head].depth >= depth && !(w.tokens[head].depth == depth && slices.Contains(heads, w.tokens[head].word)) {
			head--
		}
		if head < 0 || w.tokens[head].depth < depth {
			continue
		}
		l := clauseList{head: head, tail: head + 1, at: -1}
		for l.tail < len(w.tokens) && w.tokens[l.tail].depth >= depth && !(w.tokens[l.tail].depth == depth && slices.Contains(tails, w.tokens[l.tail].word)) {
			l.tail++
		}
		l.items = w.items(head, l.tail, depth)
		l.at = slices.IndexFunc(l.items, func(s item) bool { return s.from <= i && i < s.to })
		return l, l.at >= 0
	}
	return clauseList{}, false
}

// items splits a list at its commas, conditions at their ANDs.
func (w written) items(head, tail, depth int) []item {
	separator := ","
	if word := w.tokens[head].word; word == "WHERE" || word == "HAVING" {
		separator = "AND"
	}
	var out []item
	from, between := head+1, false
	if from < tail && (w.tokens[from].word == "DISTINCT" || w.tokens[from].word == "ALL") && w.tokens[head].word == "SELECT" {
		from++
	}
	for i := from; i < tail; i++ {
		t := w.tokens[i]
		switch {
		case t.depth != depth:
		case t.word == "OR" && separator == "AND":
			return []item{{head + 1, tail}} // one condition
		case t.word == "BETWEEN":
			between = true
		case t.word == separator && between:
			between = false
		case t.word == separator:
			out = append(out, item{from, i})
			from = i + 1
		}
	}
	return append(out, item{from, tail})
}

// without takes item n out of a list, the clause with it if it is the only one;
// false if the statement cannot do without.
func (w written) without(l clauseList, n int) (edit, bool) {
	it := l.items[n]
	switch {
	case it.from >= it.to:
		return edit{}, false
	case len(l.items) == 1 && w.tokens[l.head].word == "SELECT":
		return edit{}, false
	case len(l.items) == 1:
		head := l.head
		if w.tokens[head].word == "BY" {
			head--
		}
		return edit{start: w.before(head), end: w.tokens[it.to-1].end}, true
	case n == 0:
		return edit{start: w.tokens[it.from].at, end: w.tokens[l.items[1].from].at}, true
	}
	return edit{start: w.tokens[l.items[n-1].to-1].end, end: w.tokens[it.to-1].end}, true
}

// before is where the token before i ends.
func (w written) before(i int) int {
	if i == 0 {
		return 0
	}
	return w.tokens[i-1].end
}

// grouped adds GROUP BY ALL to the SELECT whose list l is; false if it has a
// GROUP BY.
func (w written) grouped(l clauseList) (edit, bool) {
	depth := w.tokens[l.head].depth
	i := l.tail
	for ; i < len(w.tokens) && w.tokens[i].depth >= depth; i++ {
		t := w.tokens[i]
		if t.depth != depth {
			continue
		}
		if t.word == "GROUP" {
			return edit{}, false
		}
		if slices.Contains([]string{"HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT", ";"}, t.word) {
			break
		}
	}
	at := w.before(i)
	return edit{at, at, " GROUP BY ALL"}, true
}

// renamed replaces a name wherever it stands.
func (w written) renamed(name, by string) []edit {
	var out []edit
	for _, t := range w.tokens {
		if w.sql[t.at:t.end] == name {
			out = append(out, edit{t.at, t.end, by})
		}
	}
	return out
}

// only puts an expression in place of a whole item of a select list; its alias
// stays.
func (w written) only(l clauseList, listed bool, text string) (edit, bool) {
	if !listed || w.tokens[l.head].word != "SELECT" {
		return edit{}, false
	}
	it := l.items[l.at]
	end := w.tokens[it.to-1].end
	for i := it.from; i < it.to; i++ {
		if t := w.tokens[i]; t.word == "AS" && t.depth == w.tokens[it.from].depth {
			end = w.before(i)
		}
	}
	return edit{w.tokens[it.from].at, end, text}, true
}

// call reads a range as a call of a function, and returns its name and the text
// of its first argument.
func (w written) call(start, end int) (name, arg string, ok bool) {
	i := w.token(start)
	if i < 0 || i+2 >= len(w.tokens) || w.tokens[i+1].word != "(" {
		return "", "", false
	}
	from, depth := w.tokens[i+2], w.tokens[i+1].depth+1
	last := from
	for _, t := range w.tokens[i+2:] {
		if t.at >= end || t.depth < depth || t.depth == depth && t.word == "," {
			break
		}
		last = t
	}
	if from.depth < depth || from.word == "DISTINCT" || last.end > end {
		return "", "", false
	}
	return w.sql[w.tokens[i].at:w.tokens[i].end], w.sql[from.at:last.end], true
}

// clause takes out the clause that a keyword before the place begins: LIMIT 5.
func (w written) clause(at int, keyword string) (edit, bool) {
	i := w.token(at)
	if i < 1 || w.tokens[i-1].word != keyword {
		return edit{}, false
	}
	return edit{start: w.before(i - 1), end: w.tokens[i].end}, true
}
