package query

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/sandbox"
	"zonebox/zone"
)

// bind has the engine bind the statement over empty tables, and compares names
// and, where analysis knows them, types of the result with ours.
func (a *approved) bind() (*bound, error) {
	if a.word != nil {
		defer a.word() // however it ends
	}
	tables, err := a.tables()
	if err != nil {
		return nil, asError(err).of(a.id)
	}
	values := a.values(a.Statement)
	if err := a.session.SetParameters(values); err != nil {
		return nil, asError(err).of(a.id)
	}
	if err := a.session.SetRowSets(a.rowSets()); err != nil {
		return nil, asError(err).of(a.id)
	}
	if a.Plain {
		if err := a.named(tables, len(values) == 0); err != nil {
			return nil, err
		}
	}
	word := a.word
	if word == nil {
		word = a.engine.asking(a.analyzed, a.hash)
	}
	schema, err := a.session.Bind(a.ctx, tables, a.SQL, a.Groups()...)
	said := word()
	if err != nil {
		return nil, a.unbound(err, false)
	}
	if len(schema) != len(a.Outputs)+len(a.Hidden) {
		return nil, fail("INTERNAL", errors.New("query: bind gives another number of columns")).of(a.id)
	}
	for i, o := range a.Outputs {
		if schema[i].Name != o.Name && !a.Plain || o.Type != "" && schema[i].Type != o.Type {
			return nil, fail("INTERNAL", fmt.Errorf("query: bind gives column %d another name or type", i)).of(a.id)
		}
	}
	for i, h := range a.Hidden {
		if got := schema[len(a.Outputs)+i]; got.Name != h.Name || got.Type != "UINTEGER" {
			return nil, fail("INTERNAL", fmt.Errorf("query: bind gives hidden column %d another name or type", i)).of(a.id)
		}
	}
	return &bound{a, schema, said}, nil
}

// named has the engine name the outputs of a plain statement, and give their
// types, by the person's own text where it can: the print may give a column
// without an alias another name, since the tree does not tell lambda x: y from
// x -> y. Errors have their places in that text.
func (a *approved) named(tables []sandbox.Table, own bool) error {
	sql := a.SQL
	if own {
		sql = a.request.SQL
	}
	schema, err := a.session.Bind(a.ctx, tables, sql)
	if err != nil {
		return a.unbound(err, own)
	}
	columns := make([]analysis.Column, len(schema))
	for i, c := range schema {
		columns[i] = analysis.Column{Name: c.Name, Type: c.Type}
	}
	a.Named(columns)
	return nil
}

// unbound is the error of a statement that does not bind. own says that the engine
// was given the person's own text.
func (a *approved) unbound(err error, own bool) *Error {
	var s *sandbox.StatementError
	if !errors.As(err, &s) {
		return a.statementError("BIND", err)
	}
	if s.Code == "type" {
		n := strconv.Itoa(s.Column + 1)
		e := fail("RESULT_TYPE", err).because("第 "+n+" 列", "column "+n).of(a.id)
		e.Span = a.item(s.Column)
		return e
	}
	if len(a.Unclear) > 0 {
		return denied(reasons(a.Unclear)).of(a.id)
	}
	e := a.statementError("BIND", err)
	if own && e.Code == "BIND" {
		e.Span = a.around(s.Offset)
	}
	return e
}

// around is the part of the person's text that the engine points into, nil if it
// points at none.
func (a *approved) around(offset int) *Span {
	at := placed(a.request.SQL, offset)
	if at == nil {
		return nil
	}
	ast.Walk(a.found.tree, func(n ast.Node) bool {
		if n.Pos() != offset {
			return true
		}
		start, end, ok := ast.Span(a.request.SQL, n)
		if ok {
			at = &Span{start, end}
		}
		return !ok
	})
	return at
}

// item is where the person's text lists a column of the result, nil where that is
// not plain to see.
func (a *approved) item(column int) *Span {
	s, ok := a.Tree.(*ast.Select)
	if !ok || !a.Plain || column >= len(s.List) {
		return nil
	}
	for _, x := range s.List[:column+1] {
		many := false
		ast.Walk(x, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Star, *ast.Columns:
				many = true
			case *ast.Function:
				f := analysis.LookupCall(n.Name)
				many = many || f == nil || f.Rows // of a struct unnest makes columns
			}
			return !many
		})
		if many {
			return nil
		}
	}
	start, end, ok := ast.Span(a.request.SQL, s.List[column])
	if !ok {
		return nil
	}
	return &Span{start, end}
}

// tables returns what the statement scans as the engine sees it.
func (a *analyzed) tables() ([]sandbox.Table, error) {
	var out []sandbox.Table
	for _, scan := range a.Scans {
		i := slices.IndexFunc(a.catalog.Tables, func(t analysis.Table) bool { return t.Name == scan.Table })
		if i < 0 {
			return nil, fmt.Errorf("query: statement scans %q, which the catalogue lacks", scan.Table)
		}
		t := sandbox.Table{Name: scan.Table}
		for _, name := range scan.Columns {
			j := slices.IndexFunc(a.catalog.Tables[i].Columns, func(c analysis.Column) bool { return c.Name == name })
			if j < 0 || !a.catalog.Tables[i].Columns[j].Granted {
				return nil, fmt.Errorf("query: statement scans %q.%q, which is not granted", scan.Table, name)
			}
			t.Columns = append(t.Columns, sandbox.Column{Name: name, Type: a.catalog.Tables[i].Columns[j].Type})
		}
		if scan.Entity {
			t.Columns = append(t.Columns, sandbox.Column{Name: zone.EntityColumn, Type: "UINTEGER"})
		}
		if scan.Row {
			t.Columns = append(t.Columns, sandbox.Column{Name: zone.RowColumn, Type: "UINTEGER"})
		}
		out = append(out, t)
	}
	return out, nil
}
