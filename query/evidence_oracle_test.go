package query_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/query"
	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/release"
	"zonebox/sandbox"
	"zonebox/zone"
)

// entities are the codes of b's rows as attach gives them.
func (b *bruteTable) entities() []uint32 {
	codes, out := map[any]uint32{}, []uint32{}
	for _, row := range b.Rows {
		v := row[slices.Index(b.Columns, b.Entity)]
		if v == nil {
			out = append(out, zone.NoEntity)
			continue
		}
		if _, ok := codes[v]; !ok {
			codes[v] = uint32(len(codes))
		}
		out = append(out, codes[v])
	}
	return out
}

// runNoted runs the rewrite of q, or what was made of it, alone, as the gate does, and
// returns what the worker noted and what its hidden columns tell of the answer.
func (q posed) runNoted(t *testing.T, p *sandbox.Pool, parser *sandbox.Session, sql string) ([]sandbox.Noted, []release.Reached) {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	for _, a := range q.scans() {
		q.table(a.Name).attach(t, s, a)
	}
	var sets []sandbox.RowSet
	for _, e := range q.st.Evidence {
		sets = append(sets, sandbox.RowSet{Number: e.Number, Columns: len(e.Columns)})
	}
	if err := s.SetRowSets(sets); err != nil {
		t.Fatal(err)
	}
	r, err := s.Execute(t.Context(), sql, liveHash(t, parser, sql), sandbox.Limits{}, oracleGroups...)
	var answer []release.Reached
	for err == nil {
		batch, e := r.Next()
		if err = e; err != nil {
			break
		}
		for i := range int(batch.NumRows()) {
			var row release.Reached
			for h, hidden := range q.st.Hidden {
				n := batch.Column(len(q.st.Outputs) + h).(*array.Uint32)
				if hidden.Kind == "rows" {
					row.Number = n.Value(i)
				} else {
					row.K = append(row.K, n.IsValid(i) && n.Value(i) == uint32(hidden.K))
				}
			}
			answer = append(answer, row)
		}
		batch.Release()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("%v\nrun = %v", q, err)
	}
	return r.Noted(), answer
}

// entities are those of q's protected tables.
func (q posed) entities() map[string][]uint32 {
	out := map[string][]uint32{}
	for _, b := range q.tables {
		if b.K > 0 {
			out[b.Name] = b.entities()
		}
	}
	return out
}

// blocks are those of q that release groups by brute force, nil if that takes too long.
func (q posed) blocks(t *testing.T) []bruteBlock {
	t.Helper()
	again := &brute{tables: q.tables, every: true}
	if _, err := again.answer(q.tree); errors.Is(err, errBrutePairs) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	return again.blocks
}

// behindText writes down rows of several uses of tables, in one order for uses of one
// table.
func behindText(tables []string, rows [][]uint32) string {
	var parts []string
	for i, table := range tables {
		parts = append(parts, fmt.Sprint(table, rows[i]))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// bruteRest is what a group rests on by brute force: all rows, and those of each cell
// that reaches K.
type bruteRest struct {
	all   string
	cells map[string]bool
	shown bool
}

func (b bruteBlock) rests() (out []bruteRest) {
	var tables []string
	for _, u := range b.uses {
		tables = append(tables, u.table.Name)
	}
	text := func(rows []joinedRow) string {
		behind := make([][]uint32, len(b.uses))
		for i, u := range b.uses {
			behind[i] = []uint32{}
			for _, j := range rows {
				behind[i] = append(behind[i], j.behind(u)...)
			}
			slices.Sort(behind[i])
		}
		return behindText(tables, behind)
	}
	for _, g := range b.groups {
		r := bruteRest{text(g.group), map[string]bool{}, g.shown}
		look := func(e ast.Expr) {
			if e == nil {
				return
			}
			ast.Walk(e, func(n ast.Node) bool {
				f, ok := n.(*ast.Function)
				if ok = ok && bruteAggregates(&ast.Function{Name: f.Name}); ok {
					if rows, _ := g.taken(f); enoughEntities(rows, b.uses) {
						r.cells[text(rows)] = true
					}
				}
				_, inner := n.(ast.Query)
				return !ok && !inner
			})
		}
		for _, it := range g.items {
			look(it.expr)
		}
		look(b.query.Having)
		for _, o := range b.query.OrderBy {
			look(o.Expr)
		}
		out = append(out, r)
	}
	return out
}

// evidenceProblem compares what was noted with brute force. Every group of K that was
// noted rests on the rows that it rests on by brute force, and so does every cell of
// it; and every group of the answer was noted. found and all are of groups of blocks
// within, of which the engine need not make those that no condition outside lets pass.
func evidenceProblem(blocks []query.EvidentBlock, q posed, want []bruteBlock, found, all *int) string {
	var rests []bruteRest
	for _, b := range want {
		rests = append(rests, b.rests()...)
	}
	rooted, inner := map[string]bool{}, map[string]bool{}
	for _, b := range blocks {
		var tables []string
		for _, r := range b.References {
			tables = append(tables, q.st.References[r].Table)
		}
		for _, g := range b.Groups {
			text := behindText(tables, g.Rows[0])
			if inner[text] = true; b.Root {
				rooted[text] = true
			}
			cells := []string{}
			for _, a := range b.Aggregates {
				if g.Released[a.Condition] {
					cells = append(cells, behindText(tables, g.Rows[a.Condition]))
				}
			}
			if !slices.ContainsFunc(rests, func(r bruteRest) bool {
				return r.all == text && !slices.ContainsFunc(cells, func(c string) bool { return !r.cells[c] })
			}) {
				return fmt.Sprintf("noted a group of %s with cells of %v, which is none", text, cells)
			}
			if b.Root && !slices.ContainsFunc(rests, func(r bruteRest) bool {
				return r.all == text && !slices.ContainsFunc(mapKeys(r.cells), func(c string) bool { return !slices.Contains(cells, c) })
			}) {
				return fmt.Sprintf("noted a group of %s without all its cells: %v", text, cells)
			}
		}
	}
	for _, b := range want {
		for _, r := range b.rests() {
			if b.root && r.shown && !rooted[r.all] {
				return "did not note the group of " + r.all
			}
			if !b.root {
				*all++
				if inner[r.all] {
					*found++
				}
			}
		}
	}
	return ""
}

func mapKeys(m map[string]bool) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// What the gate knows of the rows behind each group and cell is what brute force finds,
// whatever the statement.
func TestEvidenceEqualsBruteForce(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	poser := newPoser(parser, seedOf(t))
	asked, groups, nested, failed, found, all, repeated := 0, 0, 0, 0, 0, 0, 0
	check := func(q posed) {
		if len(q.st.Evidence) == 0 {
			return
		}
		noted, answer := q.runNoted(t, p, parser, q.st.SQL)
		blocks, err := query.EvidenceOf(q.st, q.entities(), noted, answer)
		if err != nil {
			t.Errorf("%v\nEvidenceOf() = %v", q, err)
			return
		}
		want := q.blocks(t)
		if want == nil {
			return
		}
		asked++
		if problem := evidenceProblem(blocks, q, want, &found, &all); problem != "" {
			if failed++; failed <= 5 {
				t.Errorf("%v%s", q, problem)
			}
		}
		for _, b := range blocks {
			for _, c := range b.Columns {
				nested += one(c.Of > 0)
			}
			for _, g := range b.Groups {
				groups++
				for _, rows := range g.Rows[0] {
					repeated += one(len(slices.Compact(slices.Clone(rows))) < len(rows))
				}
			}
		}
	}
	for _, c := range namedCases(t) {
		if q, err := pose(t, parser, c.sql, c.tables); err == nil {
			check(q)
		}
	}
	for n := asked + repeats(200, 5000); asked < n; {
		for _, q := range poser.next(t, 50) {
			check(q)
		}
	}
	t.Logf("%d statements, %d groups, %d columns over groups within, %d lists with a row twice; of %d groups within %d were made", asked, groups, nested, repeated, all, found)
	if failed > 0 {
		t.Errorf("%d differ", failed)
	}
	if groups < 200 || nested < 10 || repeated < 20 || found*4 < all*3 {
		t.Error("too few of a kind")
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// evidenceMutant is a mistake in what is noted or in how it is read.
type evidenceMutant struct {
	name  string
	tree  func(*ast.Select)
	noted func([]sandbox.Noted, *analysis.Statement)
	agree bool // the answer contradicts it, so that no brute force is needed
}

// rowSets changes every call of a row set.
func rowSets(change func(*ast.Function)) func(*ast.Select) {
	return everyExpr(func(e ast.Expr) ast.Expr {
		if f, ok := e.(*ast.Function); ok && strings.HasPrefix(f.Name, "__rows_") {
			change(f)
		}
		return e
	})
}

var evidenceMutants = []evidenceMutant{
	{name: "all rows for those of a cell", tree: rowSets(func(f *ast.Function) {
		for i, arg := range f.Args {
			if c, ok := arg.(*ast.Case); ok {
				f.Args[i] = c.Whens[0].Then
			}
		}
	})},
	{name: "the rows of the first reference for those of each", tree: rowSets(func(f *ast.Function) {
		for i := range f.Args {
			f.Args[i] = ast.CloneExpr(f.Args[0])
		}
	})},
	{name: "a row once however often a join repeats it", noted: func(all []sandbox.Noted, _ *analysis.Statement) {
		for _, n := range all {
			for i, c := range n.Columns {
				n.Columns[i].More = slices.DeleteFunc(c.More, func(uint32) bool { return true })
			}
		}
	}},
	{name: "groups within for rows", noted: func(_ []sandbox.Noted, st *analysis.Statement) {
		for _, e := range st.Evidence {
			for i := range e.Columns {
				e.Columns[i].Of = 0
			}
		}
	}},
	{name: "a row of another group", agree: true, noted: func(all []sandbox.Noted, st *analysis.Statement) {
		n := all[len(all)-1]
		for _, run := range n.Columns[0].Group {
			for i := range run.Values {
				run.Values[i] = run.Values[i]%n.Groups + 1
			}
		}
	}},
	{name: "nothing noted", agree: true, noted: func(all []sandbox.Noted, _ *analysis.Statement) {
		for i := range all {
			for c := range all[i].Columns {
				all[i].Columns[c] = sandbox.NotedColumn{}
			}
		}
	}},
}

// The comparison finds every mistake, so that its silence says something; those that
// the answer contradicts the gate finds by itself. Its seed is fixed.
func TestBruteForceCatchesWrongEvidence(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	poser := newPoser(parser, 7)
	qs := poser.next(t, 250)
	for _, m := range evidenceMutants {
		caught, tried, agreed := 0, 0, 0
		for _, q := range qs {
			if len(q.st.Evidence) == 0 || caught >= mutantsCaught {
				continue
			}
			sql, st := q.st.SQL, *q.st
			if m.tree != nil {
				tree := ast.Clone(q.st.Tree).(*ast.Select)
				if m.tree(tree); ast.Equal(tree, q.st.Tree) {
					continue
				}
				sql = ast.Print(tree)
			}
			want := q.blocks(t)
			if want == nil {
				continue
			}
			tried++
			noted, answer := q.runNoted(t, p, parser, sql)
			if m.noted != nil {
				st.Evidence = slices.Clone(st.Evidence)
				for i := range st.Evidence {
					st.Evidence[i].Columns = slices.Clone(st.Evidence[i].Columns)
				}
				m.noted(noted, &st)
			}
			blocks, err := query.EvidenceOf(&st, q.entities(), noted, answer)
			if err != nil {
				agreed++
			}
			var found, all int
			if err != nil || !m.agree && evidenceProblem(blocks, q, want, &found, &all) != "" {
				caught++
			}
		}
		t.Logf("%d of %d caught, %d of them by the gate: %s", caught, tried, agreed, m.name)
		if caught < mutantsCaught || m.agree && agreed < mutantsCaught {
			t.Errorf("caught in %d of %d statements: %s", caught, tried, m.name)
		}
	}
}
