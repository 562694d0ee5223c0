package ast

import (
	"iter"
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
// IS NULL. The definition of a window counts only where it is written out beside
// OVER, of a window function by itself. ok is false if nothing in n has a place
// in sql.
func Span(sql string, n Node) (start, end int, ok bool) {
	first, last, call := NoLocation, NoLocation, false
	var visit func(Node) bool
	visit = func(n Node) bool {
		first = earlier(first, n.Pos())
		if at := n.Pos(); at > last || at == last && at != NoLocation {
			last, call = at, isCall(n)
		}
		w, ok := n.(*Window)
		if !ok {
			return true
		}
		inside := *w
		inside.Partition, inside.Order, inside.Frame = nil, nil, Frame{}
		for _, c := range Children(&inside) {
			Walk(c, visit)
		}
		return false
	}
	Walk(n, visit)
	first, last = Place(sql, first), Place(sql, last)
	if first == NoLocation || last == NoLocation {
		return 0, 0, false
	}
	depth, at, dotted := 0, first, false
	end = first
	for at < len(sql) {
		size, blank := token(sql[at:])
		word := sql[at : at+size]
		more := word == "." || dotted && (word[0] == '"' || !notWord(rune(word[0]))) || call && word == "("
		if at > last && depth == 0 && !blank && !more {
			break
		}
		if !blank {
			end = at + size
			dotted = word == "."
			call = call && !(at > last && word == "(") // the first parenthesis only
		}
		switch {
		case word == "(" || word == "[" || strings.EqualFold(word, "case"):
			depth++
		case depth > 0 && (word == ")" || word == "]" || strings.EqualFold(word, "end")):
			depth--
		case (word == "::" || word == "#") && at == last:
			last = at + size // and the type, or the number
		}
		at += size
	}
	if _, ok := n.(*Window); ok {
		end = over(sql, end)
	}
	return first, end, true
}

// over returns the end of the OVER clause that follows end in sql, with a FILTER
// before it, or end if there is none.
func over(sql string, end int) int {
	depth, named, at := 0, false, end
	for at < len(sql) {
		size, blank := token(sql[at:])
		word := sql[at : at+size]
		at += size
		switch {
		case blank:
		case word == "(":
			depth++
		case word == ")":
			if depth--; depth == 0 && named {
				return at
			}
		case depth > 0:
		case named: // the name of a window
			return at
		case strings.EqualFold(word, "over"):
			named = true
		case !strings.EqualFold(word, "filter"):
			return end
		}
		if depth < 0 {
			return end
		}
	}
	return end
}

// isCall reports whether the place of n is the name of a function.
func isCall(n Node) bool {
	switch n := n.(type) {
	case *Function:
		return !n.Operator
	case *Window, *Columns, *TableFunction:
		return true
	}
	return false
}

// Place returns the offset in sql that a location of its tree means, or
// NoLocation if it means none.
//
// They differ because DuckDB replaces every Unicode space outside quotes and
// line comments by one blank before it parses (Parser::StripUnicodeSpaces), so
// that an ideographic space moves what follows by two bytes.
func Place(sql string, location int) int {
	if location < 0 || location >= len(sql) {
		return NoLocation
	}
	if strings.IndexFunc(sql[:location], func(c rune) bool { return c >= utf8.RuneSelf }) < 0 {
		return location
	}
	for at := 0; at < len(sql); {
		if location <= at {
			break
		}
		size, _ := token(sql[at:])
		if strings.HasPrefix(sql[at:], "/*") {
			size = 2 // the engine looks into block comments
		}
		if c, width := utf8.DecodeRuneInString(sql[at:]); isUnicodeSpace(c) {
			location += width - 1
		}
		at += size
	}
	if location >= len(sql) {
		return NoLocation
	}
	for location > 0 && !utf8.RuneStart(sql[location]) {
		location--
	}
	return location
}

func isUnicodeSpace(c rune) bool {
	return c == 0xa0 || c >= 0x2000 && c <= 0x200b || c == 0x202f || c == 0x205f || c == 0x2060 ||
		c == 0x3000 || c == 0xfeff
}

// Tokens yields the tokens of sql with their offsets, blanks and comments left
// out, by the rules of the engine's scanner as far as places in a statement need
// them: an operator of several signs comes sign by sign.
func Tokens(sql string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for at := 0; at < len(sql); {
			size, blank := token(sql[at:])
			if !blank && !yield(at, sql[at:at+size]) {
				return
			}
			at += size
		}
	}
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
	case strings.ContainsRune(" \t\r\n\f\v", c) || isUnicodeSpace(c):
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
	return isUnicodeSpace(c) || c != '_' && c < utf8.RuneSelf && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}
