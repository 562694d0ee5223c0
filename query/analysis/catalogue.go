package analysis

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed functions.tsv
var functionTable string

// catalogue is the list with its indexes.
var catalogue = mustParse(functionTable)

type functionList struct {
	functions               []Function
	calls, tables, keywords map[string]*Function
}

func mustParse(text string) *functionList {
	l, err := parseFunctions(text)
	if err != nil {
		panic("analysis: functions.tsv: " + err.Error())
	}
	return l
}

// parseFunctions reads the list. It is strict: every cell is known, rows are
// sorted and apart, groups and words are declared and used, and a name that is
// called in two ways is refused in both.
func parseFunctions(text string) (*functionList, error) {
	l := &functionList{calls: map[string]*Function{}, tables: map[string]*Function{}, keywords: map[string]*Function{}}
	groups, words := map[string][2]string{}, map[string][]string{}
	used := map[string]bool{}
	l.functions = make([]Function, 0, strings.Count(text, "\n"))
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if slices.Contains(cells, "") {
			return nil, fmt.Errorf("line %d: empty cell", n+1)
		}
		switch {
		case len(cells) == 4 && len(l.functions) == 0 && cells[0] == "group" && groups[cells[1]] == [2]string{}:
			groups[cells[1]] = [2]string{cells[2], cells[3]}
		case len(cells) == 3 && len(l.functions) == 0 && cells[0] == "words" && words[cells[1]] == nil:
			words[cells[1]] = strings.Split(cells[2], ",")
		case len(cells) == 7:
			f, err := parseFunction(cells, groups, words, used)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			if last := len(l.functions) - 1; last >= 0 && !before(&l.functions[last], f) {
				return nil, fmt.Errorf("line %d: %s %s stands twice or not in its place", n+1, f.Name, f.Kind)
			}
			l.functions = append(l.functions, *f)
		default:
			return nil, fmt.Errorf("line %d: %d cells", n+1, len(cells))
		}
	}
	for name := range groups {
		if !used["group "+name] {
			return nil, fmt.Errorf("group %s is of no function", name)
		}
	}
	for name := range words {
		if !used["words "+name] {
			return nil, fmt.Errorf("words %s are of no function", name)
		}
	}
	return l, l.index()
}

// before is the order of rows.
func before(f, g *Function) bool {
	return f.Name < g.Name || f.Name == g.Name && f.Kind < g.Kind
}

func (l *functionList) index() error {
	for i := range l.functions {
		f := &l.functions[i]
		names := l.calls
		switch f.Kind {
		case TableKind, TableMacroKind:
			names = l.tables
		case KeywordKind:
			names = l.keywords
		case PragmaKind:
			continue // no SELECT can name one
		}
		if g := names[fold(f.Name)]; g != nil && (f.Class != RefusedClass || g.Class != RefusedClass) {
			return fmt.Errorf("%s is a %s and a %s, and not refused", f.Name, g.Kind, f.Kind)
		}
		names[fold(f.Name)] = f
	}
	return nil
}

var (
	kinds   = []Kind{ScalarKind, AggregateKind, WindowKind, MacroKind, TableKind, TableMacroKind, PragmaKind, KeywordKind, SyntaxKind}
	classes = []Class{RefusedClass, PlainClass, ProtectedClass}
	results = []string{"=", "arith", "product", "modulus", "whole", "floor", "round", "common", "sum"}
)

// letters are those of shapes.
const letters = "snifbdtuvaxjkJlgcpqQz"

// parseFunction reads a row of seven cells.
func parseFunction(cells []string, groups map[string][2]string, words map[string][]string, used map[string]bool) (*Function, error) {
	f := &Function{Name: cells[0], Kind: Kind(cells[1]), Class: Class(cells[2])}
	shapes, result, marks, note := cells[3], cells[4], cells[5], cells[6]
	if !slices.Contains(kinds, f.Kind) || !slices.Contains(classes, f.Class) {
		return nil, fmt.Errorf("%s: kind %s, class %s", f.Name, f.Kind, f.Class)
	}
	if f.Class == RefusedClass {
		reason, known := groups[note]
		if !known || shapes != "-" || result != "-" || marks != "-" {
			return nil, fmt.Errorf("%s: refused with shapes, or for no group", f.Name)
		}
		f.Group, f.ReasonZH, f.ReasonEN = note, reason[0], reason[1]
		used["group "+note] = true
		return f, nil
	}
	if (shapes != "-") != (f.Class == ProtectedClass) || (result != "-") != (f.Class == ProtectedClass) {
		return nil, fmt.Errorf("%s: shapes and a result are of protected functions", f.Name)
	}
	if f.Class == ProtectedClass {
		if err := f.setShapes(shapes, result); err != nil {
			return nil, err
		}
	}
	if marks != "-" {
		for _, mark := range strings.Split(marks, " ") {
			name, isWords := strings.CutPrefix(mark, "words:")
			flag := f.flag(mark)
			switch {
			case isWords && words[name] != nil && f.Words == nil:
				f.Words = words[name]
				used["words "+name] = true
			case flag == nil || *flag:
				return nil, fmt.Errorf("%s: mark %s", f.Name, mark)
			default:
				*flag = true
			}
		}
	}
	switch f.Kind {
	case AggregateKind:
		if f.Aggregate {
			return nil, fmt.Errorf("%s: an aggregate is one without a mark", f.Name)
		}
		f.Aggregate = true
	case ScalarKind, SyntaxKind:
		if f.Aggregate || f.Reveals {
			return nil, fmt.Errorf("%s: marked as an aggregate", f.Name)
		}
	}
	takesWords := strings.Contains(strings.Join(f.Args, ""), "c")
	if takesWords != (f.Words != nil) || f.Shrinks && !slices.Equal(f.Args, []string{"sss"}) || f.Class == ProtectedClass && f.Grows {
		return nil, fmt.Errorf("%s: shapes and marks disagree", f.Name)
	}
	return f, nil
}

func (f *Function) setShapes(shapes, result string) error {
	for _, shape := range strings.Split(shapes, " ") {
		if shape == "()" {
			shape = ""
		}
		body := strings.TrimSuffix(shape, "*")
		if strings.Trim(body, letters) != "" || body == "" && shape != "" {
			return fmt.Errorf("%s: shape %q", f.Name, shape)
		}
		f.Args = append(f.Args, shape)
	}
	if !slices.Contains(results, result) && engineTypes[result] == unknown {
		return fmt.Errorf("%s: result %q", f.Name, result)
	}
	f.Result = result
	return nil
}

// flag is the field of a mark, nil if there is no such mark.
func (f *Function) flag(mark string) *bool {
	switch mark {
	case "try":
		return &f.Try
	case "double":
		return &f.Double
	case "same":
		return &f.Same
	case "keeps":
		return &f.Keeps
	case "shrinks":
		return &f.Shrinks
	case "joins":
		return &f.Joins
	case "grows":
		return &f.Grows
	case "reveals":
		return &f.Reveals
	case "ordered":
		return &f.Ordered
	case "rounds":
		return &f.Rounds
	case "aggregate":
		return &f.Aggregate
	case "rows":
		return &f.Rows
	case "names":
		return &f.NamesAggregate
	case "clock":
		return &f.ReadsClock
	}
	return nil
}
