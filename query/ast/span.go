package ast

import (
	"strings"
	"unicode/utf8"
)

// Span returns the bytes of sql that n came from, as [start, end), always at
// rune boundaries.
//
// The parser keeps one offset per node, so the span runs from the first offset
// in n to the end of the last token with one, and on until the parentheses,
// brackets and CASE opened in between are closed. It may leave out words at
// either edge, such as an opening parenthesis, a leading NOT or the NULL of
// IS NULL. ok is false if nothing in n has a place in sql.
func Span(sql string, n Node) (start, end int, ok bool) {
	first, last, call := NoLocation, NoLocation, false
	Walk(n, func(n Node) bool {
		first = earlier(first, n.Pos())
		if at := n.Pos(); at > last || at == last && at != NoLocation {
			f, isFunction := n.(*Function)
			last, call = at, isFunction && !f.Operator
		}
		return true
	})
	if first == NoLocation || last >= len(sql) {
		return 0, 0, false
	}
	depth, at, end := 0, first, first
	for at < len(sql) {
		size, blank := token(sql[at:])
		word := sql[at : at+size]
		if at > last && depth == 0 && !blank && !(call && word == "(") {
			break
		}
		if !blank {
			end = at + size
			call = call && at <= last // the parenthesis right after the name only
		}
		switch {
		case word == "(" || word == "[" || strings.EqualFold(word, "case"):
			depth++
		case depth > 0 && (word == ")" || word == "]" || strings.EqualFold(word, "end")):
			depth--
		case word == "::" && at == last:
			last = at + size // and the type
		}
		at += size
	}
	for first > 0 && !utf8.RuneStart(sql[first]) {
		first--
	}
	return first, end, true
}

// token returns the size of the token or blank that s starts with, by the rules
// of the engine's scanner as far as spans need them; never 0.
func token(s string) (size int, blank bool) {
	rest := func(end string, skip int) int {
		if i := strings.Index(s[skip:], end); i >= 0 {
			return skip + i + len(end)
		}
		return len(s)
	}
	switch {
	case strings.HasPrefix(s, "--"):
		return rest("\n", 2), true
	case strings.HasPrefix(s, "/*"):
		return rest("*/", 2), true
	case strings.HasPrefix(s, "::"):
		return 2, false
	case s[0] == '\'' || s[0] == '"':
		return rest(s[:1], 1), false
	case s[0] == '$':
		if i := strings.IndexByte(s[1:], '$'); i >= 0 && strings.IndexFunc(s[1:1+i], notWord) < 0 {
			return rest(s[:i+2], i+2), false
		}
	}
	c, width := utf8.DecodeRuneInString(s)
	switch {
	case strings.ContainsRune(" \t\r\n\f\v\u00a0\u3000", c):
		return width, true
	case notWord(c):
		return width, false
	}
	if i := strings.IndexFunc(s, notWord); i >= 0 {
		return i, false
	}
	return len(s), false
}

func notWord(c rune) bool {
	return c != '_' && c < utf8.RuneSelf && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}
