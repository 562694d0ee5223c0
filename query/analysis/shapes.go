package analysis

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"zonebox/query/ast"
)

// shape returns the first of f's shapes that takes these arguments, one letter
// for each, and whether there is one.
func (f *Function) shape(args []operand) (string, bool) {
	for _, shape := range f.Args {
		body, repeats := strings.CutSuffix(shape, "*")
		for repeats && len(body) < len(args) {
			body += body[len(body)-1:]
		}
		if len(body) == len(args) && f.takesAll(body, args) {
			return body, true
		}
	}
	return "", false
}

func (f *Function) takesAll(letters string, args []operand) bool {
	for i, o := range args {
		if !f.takes(letters[i], o) {
			return false
		}
	}
	return true
}

// takes reports whether o may stand where letter asks for a class. An untyped
// NULL stands nowhere but under an a: the engine would choose a type for it.
func (f *Function) takes(letter byte, o operand) bool {
	t := o.val.typ
	written, _ := o.node.(*ast.Constant)
	switch letter {
	case 's':
		return t.class == text
	case 'n':
		return t.numeric()
	case 'i', 'j', 'k':
		return t.class == integer
	case 'J':
		return t.class == integer && o.val.constant
	case 'f':
		return t.class == float
	case 'b':
		return t.class == boolean
	case 'd':
		return t.class == date
	case 't', 'u':
		return t.class == date || t.class == timestamp
	case 'v':
		return t.class == interval
	case 'x':
		return t.class != null
	case 'c':
		return o.node != nil && f.word(o.node)
	case 'l':
		return written != nil && t.class == integer && upTo(written.Text, 256)
	case 'g':
		return written != nil && t.class == integer && upTo(written.Text, 9)
	case 'p':
		return written != nil && t.class == text && boundedPattern(written.Text)
	case 'q':
		return written != nil && t.class == text && (!strings.Contains(written.Text, "_") || fewWildcards(written.Text))
	case 'Q':
		return written != nil && t.class == text && fewWildcards(written.Text)
	case 'z':
		return written != nil && t.class == text && written.Text == "" && !written.Null
	}
	return letter == 'a'
}

// upTo reports whether text is a whole number from 0 to most.
func upTo(text string, most int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && 0 <= n && n <= most
}

// word reports whether e is one of the words of f, written as a constant.
func (f *Function) word(e ast.Node) bool {
	c, ok := e.(*ast.Constant)
	return ok && c.Type.ID == "VARCHAR" && (slices.Contains(f.Words, c.Text) || slices.Contains(f.Words, fold(c.Text)))
}

// shrinks reports whether replace with these arguments cannot make a text
// longer: replacing a letter by a text of thousands exhausts the memory on the
// rows that have it, and on no others.
func shrinks(args []ast.Expr) bool {
	from, ok1 := args[1].(*ast.Constant)
	to, ok2 := args[2].(*ast.Constant)
	return ok1 && ok2 && len(to.Text) <= len(from.Text)
}

// boundedPattern reports whether p is a regular expression that the engine takes
// and matches in little time on any text. An expression that it does not take
// fails even inside TRY. Its matcher, RE2, takes time linear in the text, but in
// proportion to what the expression compiles to; Go's is of the same origin and
// compiles to the same states, but for classes of Unicode, which take RE2
// hundreds. Of the syntax only what both have always had may stand.
func boundedPattern(p string) bool {
	const size, states = 128, 1024
	if len(p) > size {
		return false
	}
	for i := 0; i+1 < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
			if !strings.ContainsRune(`dDsSwWbB\.+*?()|[]{}^$-/`, rune(p[i])) {
				return false
			}
		case '(':
			if p[i+1] == '?' && !strings.HasPrefix(p[i:], "(?:") {
				return false
			}
		case '[':
			if p[i+1] == ':' { // [[:alpha:]]
				return false
			}
		}
	}
	re, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return false
	}
	prog, err := syntax.Compile(re.Simplify())
	return err == nil && len(prog.Inst) <= states
}

// wildcards is how many a pattern may have that the engine matches by trying every
// place of the text for each: its time is the text's length to that power. On the
// few rows that a condition leaves, a pattern of six runs until the time limit, and
// on none it is done at once.
const wildcards = 2

// fewWildcards reports whether p has at most so many % or * that something follows.
// A pattern of LIKE without _ needs no such bound: the engine looks for its parts
// one after the other.
func fewWildcards(p string) bool {
	n, run := 0, false
	for _, c := range strings.TrimRight(p, "%*") {
		is := c == '%' || c == '*'
		if is && !run {
			n++
		}
		run = is
	}
	return n <= wildcards
}
