package query_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/sandbox"
)

// opened is the catalogue of tables without personal information.
func opened(tables []bruteTable) analysis.Catalog {
	cat := catalogOf(tables)
	for i := range cat.Tables {
		t := &cat.Tables[i]
		t.Personal, t.Entity, t.K = false, "", 0
		for j := range t.Columns {
			c := &t.Columns[j]
			*c = analysis.Column{Name: c.Name, Type: c.Type, Level: 1, Mode: analysis.Clear, Nullable: c.Nullable, Granted: true}
		}
	}
	return cat
}

// The statements of the grammar over open tables run as they were written; the
// rows of which the analysis says that nobody needs them change no answer.
func TestOpenStatementsNeedNoMoreThanTheyAreSaidTo(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	seed := seedOf(t)
	g := &grammar{Rand: rand.New(rand.NewPCG(seed, 3))}
	ran, refused := 0, 0
	for set := 0; ran < 60; set++ {
		g.names = [3]string{fmt.Sprintf("visits%d", set), fmt.Sprintf("persons%d", set), fmt.Sprintf("codes%d", set)}
		tables := g.tables()
		for i := range tables {
			tables[i].K, tables[i].Entity = 0, ""
		}
		for range 8 {
			q := posed{sql: g.statement(), tables: tables}
			var err error
			if q.tree, err = liveTree(t, parser, q.sql); err != nil {
				t.Fatalf("%s\n%v", q.sql, err)
			}
			if q.st, err = analysis.Analyze(q.sql, q.tree, opened(tables), analysis.Options{}); err != nil {
				t.Fatalf("%s\n%v", q.sql, err)
			}
			if !q.st.Plain || !ast.Equal(q.st.Tree, q.tree) {
				t.Errorf("%v\nis not what was written", q)
			}
			if _, err := parser.Bind(t.Context(), q.scans(), q.st.SQL); err != nil {
				if _, engine := errors.AsType[*sandbox.StatementError](err); !engine {
					t.Fatalf("%v\nBind() = %v", q, err)
				}
				refused++
				continue
			}
			fewer, dropped := q.without()
			if dropped == 0 {
				continue
			}
			ran++
			all := sortedRows(runAlone(t, p, parser, q.st.SQL, tables, q.scans()), func(v *string) any { return cellValue(v) })
			some := sortedRows(runAlone(t, p, parser, q.st.SQL, fewer, q.scans()), func(v *string) any { return cellValue(v) })
			if !slices.EqualFunc(all, some, sameCells) {
				t.Errorf("ZONEBOX_SEED=%d\n%v\nall rows %s\nthose needed %s", seed, q, showRows(all), showRows(some))
			}
		}
	}
	t.Logf("%d statements need fewer rows; %d were refused by the engine", ran, refused)
}
