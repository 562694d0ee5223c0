package ast_test

import (
	goast "go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
)

// The corpus uses every kind of node, every field of each, every value of every
// enumeration, every type and every operator. Run with -v for the table.
func TestTheCorpusUsesEverything(t *testing.T) {
	c := asttest.Coverage{}
	symbols := map[string]int{}
	accepted := 0
	trees := recorded(t)
	for _, s := range asttest.Statements(t, "testdata") {
		q, err := ast.Decode([]byte(trees[s.SQL]))
		if err != nil {
			continue
		}
		accepted++
		c.Add(q)
		ast.Walk(q, func(n ast.Node) bool {
			if f, ok := n.(*ast.Function); ok && f.Operator {
				symbols[strconv.Itoa(len(f.Args))+" "+f.Name]++
			}
			return true
		})
	}
	t.Logf("%d statements\n%s", accepted, c.Table())
	if accepted < 1500 {
		t.Errorf("the corpus has %d statements, want at least 1500", accepted)
	}
	words, _ := source(t)
	words["Type"] = []string{"DECIMAL", "LIST", "ARRAY", "MAP", "STRUCT", "UNION", "UNBOUND",
		"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
		"FLOAT", "DOUBLE", "VARCHAR", "BLOB", "BIT", "UUID", "DATE", "TIME", "INTERVAL", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS",
		"TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE", "TIME_NS", "BIGNUM", "VARIANT", "GEOMETRY", "TYPE", "NULL"}
	for _, name := range c.Missing(words) {
		t.Errorf("no statement has %s", name)
	}
	for _, name := range []string{"1 -", "1 +", "1 ~", "1 @", "1 !__postfix", "2 +", "2 -", "2 *", "2 /", "2 //", "2 %", "2 ^", "2 **", "2 &", "2 |",
		"2 <<", "2 >>", "2 ||", "2 ^@", "2 ~~", "2 !~~", "2 ~~*", "2 !~~*", "2 ~~~", "2 ->>", "2 <->", "2 <=>", "2 <@", "2 @>", "2 &&"} {
		if symbols[name] == 0 {
			t.Errorf("no statement has the operator %s", name)
		}
	}
}

// A kind of node that is added to the package must be added to asttest.Kinds, and
// to the documentation of its set.
func TestKindsAreThoseOfTheSource(t *testing.T) {
	_, kinds := source(t)
	var listed []string
	for _, n := range asttest.Kinds() {
		listed = append(listed, asttest.Kind(n))
	}
	slices.Sort(listed)
	if !slices.Equal(listed, kinds) {
		t.Errorf("asttest.Kinds are\n%s\nand the source has\n%s", listed, kinds)
	}
}

// source reads the values of the enumerations and the kinds of nodes from the
// source of the package.
func source(t *testing.T) (words map[string][]string, kinds []string) {
	t.Helper()
	words = map[string][]string{}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *goast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *goast.ValueSpec:
						if typ, ok := s.Type.(*goast.Ident); ok && d.Tok == token.CONST {
							word, err := strconv.Unquote(s.Values[0].(*goast.BasicLit).Value)
							if err != nil {
								t.Fatal(err)
							}
							words[typ.Name] = append(words[typ.Name], word)
						}
					case *goast.TypeSpec:
						if expression(s.Type) {
							kinds = append(kinds, s.Name.Name)
						}
					}
				}
			case *goast.FuncDecl:
				if d.Recv != nil && (d.Name.Name == "query" || d.Name.Name == "from") {
					if star, ok := d.Recv.List[0].Type.(*goast.StarExpr); ok && len(d.Type.Params.List) == 0 {
						kinds = append(kinds, star.X.(*goast.Ident).Name)
					}
				}
			}
		}
	}
	slices.Sort(kinds)
	return words, kinds
}

// expression reports whether t is a structure with a Meta in it, which makes it
// an expression.
func expression(t goast.Expr) bool {
	s, ok := t.(*goast.StructType)
	return ok && slices.ContainsFunc(s.Fields.List, func(f *goast.Field) bool {
		name, ok := f.Type.(*goast.Ident)
		return ok && len(f.Names) == 0 && name.Name == "Meta"
	})
}
