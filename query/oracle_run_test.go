package query_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/sandbox"
)

// posed is one accepted statement over one set of tables.
type posed struct {
	sql    string
	tables []bruteTable
	tree   ast.Query
	st     *analysis.Statement
	want   bruteAnswer
}

func (q posed) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nrewritten as\n%s\n", q.sql, q.st.SQL)
	for _, t := range q.tables {
		fmt.Fprintf(&b, "%s %v\n", t.Name, t.Columns)
		for _, r := range t.Rows {
			fmt.Fprintf(&b, "\t%v\n", r)
		}
	}
	return b.String()
}

// catalogOf is the catalogue of tables that are called as those of a grammar,
// with or without a number behind the name.
func catalogOf(tables []bruteTable) analysis.Catalog {
	clear := func(name, typ string, null bool) analysis.Column {
		return analysis.Column{Name: name, Type: typ, Level: 2, Mode: analysis.Clear, Nullable: null, Granted: true}
	}
	tokens := func(name string) analysis.Column {
		return analysis.Column{Name: name, Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "token", Token: true, Nullable: true, Granted: true}
	}
	secret := func(name, typ string, public bool, permissions ...string) analysis.Column {
		return analysis.Column{Name: name, Type: typ, Level: 3, Mode: analysis.ComputeOnly, Permissions: permissions, PublicCodes: public, Nullable: true, Granted: true}
	}
	var cat analysis.Catalog
	for _, t := range tables {
		at := analysis.Table{Name: t.Name, Personal: t.K > 0, Entity: t.Entity, K: t.K}
		switch strings.TrimRight(t.Name, "0123456789") {
		case "visits":
			at.Columns = []analysis.Column{tokens("id"), tokens("ph"), clear("g", "string", true), clear("h", "int64", false), clear("x", "int64", true),
				secret("s", "int64", false, "agg:sum", "agg:avg", "agg:count", "cmp_lit:<"),
				secret("d", "string", true, "groupkey", "joinkey", "cmp_lit:=", "cmp_lit:in", "order")}
		case "persons":
			at.Columns = []analysis.Column{tokens("id"), clear("g", "string", true), clear("b", "int64", false),
				secret("pay", "int64", false, "agg:sum", "agg:avg", "cmp_lit:<")}
		case "codes":
			at.Columns = []analysis.Column{clear("code", "string", true), clear("title", "string", true), clear("pop", "int64", true)}
		}
		cat.Tables = append(cat.Tables, at)
	}
	return cat
}

// pose prepares sql and finds out what may leave.
func pose(t *testing.T, s *sandbox.Session, sql string, tables []bruteTable) (posed, error) {
	t.Helper()
	q, err := prepare(t, s, sql, tables)
	if err == nil {
		q.want, err = (&brute{tables: tables}).answer(q.tree)
	}
	return q, err
}

// prepare takes sql through the steps before a run: parse, analysis, the reparse
// of the print, and the engine's binding over empty tables.
func prepare(t *testing.T, s *sandbox.Session, sql string, tables []bruteTable) (posed, error) {
	t.Helper()
	q := posed{sql: sql, tables: tables}
	var err error
	if q.tree, err = liveTree(t, s, sql); err != nil {
		return q, err
	}
	if q.st, err = analysis.Analyze(sql, q.tree, catalogOf(tables), analysis.Options{}); err != nil {
		return q, err
	}
	again, err := liveTree(t, s, q.st.SQL)
	if err != nil || !ast.Equal(again, q.st.Tree) {
		t.Errorf("%v\nprint parses to another tree (%v)", q, err)
	}
	if err := s.SetRowSets(rowSetsIn(q.st.SQL)); err != nil {
		t.Fatal(err)
	}
	bound, err := s.Bind(t.Context(), q.scans(), q.st.SQL, q.st.Groups()...)
	if _, refused := errors.AsType[*sandbox.StatementError](err); refused && q.st.Plain {
		return q, err // it was not looked at, but for what it reads
	}
	if err != nil {
		t.Fatalf("%v\nBind() = %v", q, err)
	}
	if q.st.Plain {
		var columns []analysis.Column
		for _, c := range bound {
			columns = append(columns, analysis.Column{Name: c.Name, Type: c.Type})
		}
		q.st.Named(columns)
	}
	if len(bound) != len(q.st.Outputs)+len(q.st.Hidden) {
		t.Fatalf("%v\nbinds to %d columns, want %d and %d hidden", q, len(bound), len(q.st.Outputs), len(q.st.Hidden))
	}
	for i, h := range q.st.Hidden {
		if got, want := bound[len(q.st.Outputs)+i], (sandbox.Column{Name: h.Name, Type: "UINTEGER"}); got != want {
			t.Errorf("%v\nhidden column binds to %v, want %v", q, got, want)
		}
	}
	for i, o := range q.st.Outputs {
		if bound[i].Name != o.Name || o.Type != "" && bound[i].Type != o.Type {
			t.Errorf("%v\ncolumn %d binds to %v, analysis says %s %s", q, i+1, bound[i], o.Name, o.Type)
		}
	}
	if g := analysis.Lineage(q.st, catalogOf(tables)); len(g.Nodes) < len(q.st.Outputs) {
		t.Errorf("%v\nits lineage has %d nodes for %d outputs", q, len(g.Nodes), len(q.st.Outputs))
	}
	analysis.Changes(sql, q.tree, q.st)
	return q, nil
}

// scans are the tables and columns that the statement is said to read.
func (q posed) scans() []sandbox.Table {
	var out []sandbox.Table
	for _, sc := range q.st.Scans {
		b := q.table(sc.Table)
		out = append(out, b.attached(func(c string) bool {
			return slices.Contains(sc.Columns, c) || c == "__entity" && sc.Entity || c == "__row" && sc.Row
		}))
	}
	return out
}

func (q posed) table(name string) *bruteTable {
	return &q.tables[slices.IndexFunc(q.tables, func(b bruteTable) bool { return b.Name == name })]
}

// attached is the table as the engine sees it, cut to the columns of keep.
func (b *bruteTable) attached(keep func(string) bool) sandbox.Table {
	out := sandbox.Table{Name: b.Name}
	for _, c := range b.Columns {
		typ := "VARCHAR"
		if slices.Contains([]string{"h", "x", "s", "b", "pay", "pop"}, c) {
			typ = "BIGINT"
		}
		if keep(c) {
			out.Columns = append(out.Columns, sandbox.Column{Name: c, Type: typ})
		}
	}
	if b.K > 0 && keep("__entity") {
		out.Columns = append(out.Columns, sandbox.Column{Name: "__entity", Type: "UINTEGER"})
	}
	if b.K > 0 && keep("__row") {
		out.Columns = append(out.Columns, sandbox.Column{Name: "__row", Type: "UINTEGER"})
	}
	return out
}

// attach hands the rows of b to s, with a dense code for every entity.
func (b *bruteTable) attach(t *testing.T, s *sandbox.Session, as sandbox.Table) {
	t.Helper()
	var fields []arrow.Field
	for _, c := range as.Columns {
		fields = append(fields, arrow.Field{Name: c.Name, Type: map[string]arrow.DataType{"VARCHAR": arrow.BinaryTypes.String,
			"BIGINT": arrow.PrimitiveTypes.Int64, "UINTEGER": arrow.PrimitiveTypes.Uint32}[c.Type], Nullable: true})
	}
	rec := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer rec.Release()
	codes := map[any]uint32{}
	for n, row := range b.Rows {
		for i, c := range as.Columns {
			name := c.Name
			if name == "__row" {
				rec.Field(i).(*array.Uint32Builder).Append(uint32(n))
				continue
			}
			if name == "__entity" {
				name = b.Entity
			}
			v := row[slices.Index(b.Columns, name)]
			switch f := rec.Field(i).(type) {
			case *array.StringBuilder:
				if s, ok := v.(string); ok {
					f.Append(s)
					continue
				}
			case *array.Int64Builder:
				if n, ok := v.(int64); ok {
					f.Append(n)
					continue
				}
			case *array.Uint32Builder:
				if v != nil {
					if _, ok := codes[v]; !ok {
						codes[v] = uint32(len(codes))
					}
					f.Append(codes[v])
					continue
				}
			}
			rec.Field(i).AppendNull()
		}
	}
	batch := rec.NewRecordBatch()
	defer batch.Release()
	var segs []sandbox.Segment
	if len(b.Rows) > 0 {
		g, err := sandbox.SealBatch(batch)
		if err != nil {
			t.Fatalf("SealBatch() = %v", err)
		}
		defer g.Close()
		segs = append(segs, g)
	}
	if err := s.Attach(t.Context(), as, segs); err != nil {
		t.Fatalf("Attach() = %v", err)
	}
}

// oracleGroups are the k of the oracle's tables, and those that mutants make of them.
var oracleGroups = []int{1, 2, 3}

var rowSetName = regexp.MustCompile(`"__rows_(\d+)_(\d+)"`)

// rowSetsIn are the row sets that sql names.
func rowSetsIn(sql string) (out []sandbox.RowSet) {
	for _, m := range rowSetName.FindAllStringSubmatch(sql, -1) {
		number, err1 := strconv.Atoi(m[1])
		columns, err2 := strconv.Atoi(m[2])
		if s := (sandbox.RowSet{Number: number, Columns: columns}); errors.Join(err1, err2) == nil && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// runAlone runs sql in a worker of its own and returns its rows as text, nil for
// null.
func runAlone(t *testing.T, p *sandbox.Pool, parser *sandbox.Session, sql string, tables []bruteTable, as []sandbox.Table) [][]*string {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	defer s.Close()
	for _, a := range as {
		tables[slices.IndexFunc(tables, func(b bruteTable) bool { return b.Name == a.Name })].attach(t, s, a)
	}
	if err := s.SetRowSets(rowSetsIn(sql)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Execute(t.Context(), sql, liveHash(t, parser, sql), sandbox.Limits{}, oracleGroups...)
	if err != nil {
		t.Fatalf("%s\nExecute() = %v", sql, err)
	}
	var out [][]*string
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s\nNext() = %v", sql, err)
		}
		for i := range int(rec.NumRows()) {
			row := make([]*string, rec.NumCols())
			for c := range row {
				if a := rec.Column(c); a.IsValid(i) {
					v := a.ValueStr(i)
					row[c] = &v
				}
			}
			out = append(out, row)
		}
		rec.Release()
	}
}

// runTogether runs the rewrites of many questions in one worker, each wrapped so
// that its rows carry its number. sqls may differ from the approved ones.
func runTogether(t *testing.T, p *sandbox.Pool, parser *sandbox.Session, qs []posed, sqls []string) [][][]*string {
	t.Helper()
	wide := 0
	for _, q := range qs {
		wide = max(wide, len(q.st.Outputs)+len(q.st.Hidden))
	}
	var parts []string
	byName := map[string]bruteTable{}
	for i, q := range qs {
		n := len(q.st.Outputs) + len(q.st.Hidden)
		names, cells := make([]string, n), make([]string, wide)
		for c := range cells {
			cells[c] = "CAST(NULL AS VARCHAR)"
			if c < n {
				names[c] = fmt.Sprintf("c%d", c)
				cells[c] = "CAST(" + names[c] + " AS VARCHAR)"
			}
		}
		parts = append(parts, fmt.Sprintf("SELECT %d, %s FROM (%s) AS q(%s)", i, strings.Join(cells, ", "), sqls[i], strings.Join(names, ", ")))
		for _, b := range q.tables {
			byName[b.Name] = b
		}
	}
	tables := slices.Collect(maps.Values(byName))
	var as []sandbox.Table
	for _, b := range tables {
		as = append(as, b.attached(func(string) bool { return true }))
	}
	out := make([][][]*string, len(qs))
	for _, row := range runAlone(t, p, parser, strings.Join(parts, " UNION ALL "), tables, as) {
		i, err := strconv.Atoi(*row[0])
		if err != nil {
			t.Fatal(err)
		}
		out[i] = append(out[i], row[1:1+len(qs[i].st.Outputs)+len(qs[i].st.Hidden)])
	}
	return out
}

// namedCase is a statement over hand-made tables.
type namedCase struct {
	name, sql string
	refused   bool
	tables    []bruteTable
}

// namedCases reads testdata/oracle.txt. Its tables carry the number of the case.
func namedCases(t *testing.T) []namedCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/oracle.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []namedCase
	for i, part := range strings.Split(string(raw), "\n## ")[1:] {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		c := namedCase{name: lines[0], sql: lines[1], tables: []bruteTable{{Name: "visits", Entity: "id", K: 3}, {Name: "persons", Entity: "id", K: 2}, {Name: "codes"}}}
		for j, columns := range [][]grammarColumn{visitColumns, personColumns, codeColumns} {
			for _, col := range columns {
				c.tables[j].Columns = append(c.tables[j].Columns, col.name)
			}
			for _, line := range lines[2:] {
				fields := strings.Fields(line)
				if fields[0] != c.tables[j].Name {
					continue
				}
				row := make([]any, len(columns))
				for k, v := range fields[1:] {
					if n, err := strconv.ParseInt(v, 10, 64); err == nil {
						row[k] = n
					} else if v != "-" {
						row[k] = v
					}
				}
				c.tables[j].Rows = append(c.tables[j].Rows, row)
			}
			numbered := fmt.Sprintf("%s%d", c.tables[j].Name, 1000+i)
			c.sql = regexp.MustCompile(`\b`+c.tables[j].Name+`\b`).ReplaceAllString(c.sql, numbered)
			c.tables[j].Name = numbered
		}
		c.refused = slices.Contains(lines, "refused")
		out = append(out, c)
	}
	return out
}
