package analysis

import (
	"strings"
	"testing"
)

// A list with a slip is no list.
func TestTheListOfFunctionsIsStrict(t *testing.T) {
	const head = "# a comment\ngroup\tfile\t读文件\treads files\nwords\tparts\tyear,month\n"
	const rows = "date_part\tscalar\tprotected\tct\tBIGINT\ttry words:parts\t-\nglob\ttable\trefused\t-\t-\t-\tfile\n"
	if l, err := parseFunctions(head + rows); err != nil || len(l.functions) != 2 {
		t.Fatalf("parseFunctions() = %v", err)
	}
	for _, tt := range []struct{ rule, text string }{
		{"a row twice", head + rows + "glob\ttable\trefused\t-\t-\t-\tfile\n"},
		{"out of order", head + "glob\ttable\trefused\t-\t-\t-\tfile\ndate_part\tscalar\tprotected\tct\tBIGINT\ttry words:parts\t-\n"},
		{"a cell too few", head + rows + "x\tscalar\tplain\t-\t-\t-\n"},
		{"an empty cell", head + rows + "x\tscalar\tplain\t-\t-\t\t-\n"},
		{"a space", head + rows + "x\tscalar\tplain \t-\t-\t-\t-\n"},
		{"an unknown kind", head + rows + "x\tfunction\tplain\t-\t-\t-\t-\n"},
		{"an unknown class", head + rows + "x\tscalar\tallowed\t-\t-\t-\t-\n"},
		{"an unknown mark", head + rows + "x\tscalar\tplain\t-\t-\tsafe\t-\n"},
		{"a mark twice", head + rows + "x\tscalar\tplain\t-\t-\tgrows grows\t-\n"},
		{"an unknown letter", head + rows + "x\tscalar\tprotected\ty\tBIGINT\t-\t-\n"},
		{"an unknown result", head + rows + "x\tscalar\tprotected\ts\tTEXT\t-\t-\n"},
		{"no shapes", head + rows + "x\tscalar\tprotected\t-\tBIGINT\t-\t-\n"},
		{"shapes of a plain function", head + rows + "x\tscalar\tplain\ts\tBIGINT\t-\t-\n"},
		{"words without a place", head + rows + "x\tscalar\tprotected\ts\tBIGINT\twords:parts\t-\n"},
		{"a place without words", head + rows + "x\tscalar\tprotected\tc\tBIGINT\t-\t-\n"},
		{"a growing function beside protected tables", head + rows + "x\tscalar\tprotected\ts\tVARCHAR\tgrows\t-\n"},
		{"refused for no group", head + rows + "x\tscalar\trefused\t-\t-\t-\t-\n"},
		{"refused for an unknown group", head + rows + "x\tscalar\trefused\t-\t-\t-\tbad\n"},
		{"a group nobody is of", head + "group\tsleep\t睡\tsleeps\n" + rows},
		{"words nobody takes", head + "words\tunits\tday\n" + rows},
		{"a group in one language", "group\tsleep\tsleeps\n" + head + rows},
		{"a group twice", "group\tfile\t读\treads\n" + head + rows},
		{"a group after the rows", head + rows + "group\tfile\t读文件\treads files\n"},
		{"called in two ways", head + rows + "x\taggregate\tplain\t-\t-\t-\t-\nx\tscalar\tplain\t-\t-\t-\t-\n"},
		{"refused in one way only", head + rows + "x\tmacro\tplain\t-\t-\t-\t-\nx\tscalar\trefused\t-\t-\t-\tfile\n"},
		{"one name in two spellings", head + "X\tscalar\tplain\t-\t-\t-\t-\n" + rows + "x\tmacro\tplain\t-\t-\t-\t-\n"},
	} {
		if _, err := parseFunctions(tt.text); err == nil {
			t.Errorf("%s: accepted", tt.rule)
		}
	}
}

func TestPatternsAreBounded(t *testing.T) {
	for _, p := range []string{"", "^[0-9]{6}$", `\d{17}[\dXx]`, "(省|市|区)$", "^1[3-9].*", "a{2,}", "(?:ab)+c?", "[^一-龥]", "(a{9}){9}", "a{3}?", "[{]", `\{`} {
		if !boundedPattern(p) {
			t.Errorf("%q is refused", p)
		}
	}
	for _, p := range []string{strings.Repeat("a", 129), `\pL`, `\P{Han}`, "[[:alpha:]]", "(", "a)", "[a", "*", "a**", "a{3,2}", `\`, `\Q`, `\C`, `\1`, "(?i)a", "(?P<n>a)", "(?<n>a)", "(?=a)",
		"(a{32}){32}", "a{1001}", "(((a{9}){9}){9}){9}", "\xff"} {
		if boundedPattern(p) {
			t.Errorf("%q is accepted", p)
		}
	}
}

func TestWildcardsAreFew(t *testing.T) {
	for _, p := range []string{"", "x", "%x%", "%x%y%", "%%%a_%%%", "*a*b", "%*a%*b*%"} {
		if !fewWildcards(p) {
			t.Errorf("%q is refused", p)
		}
	}
	for _, p := range []string{"%a%b%c", "a%b%c%d", "*a*b*c", "%a*b%c_"} {
		if fewWildcards(p) {
			t.Errorf("%q is accepted", p)
		}
	}
}
