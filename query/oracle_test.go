package query_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
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

// oracleInstances is how many accepted statements a run compares.
const oracleInstances = 1500

// posed is one accepted statement over one set of tables.
type posed struct {
	sql    string
	tables []bruteTable
	tree   *ast.Select
	st     *analysis.Statement
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

// pose takes sql through the steps before a run: parse, analysis, the reparse
// of the print, and the engine's binding over empty tables.
func pose(t *testing.T, s *sandbox.Session, sql string, tables []bruteTable) (posed, error) {
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
	bound, err := s.Bind(t.Context(), q.scans(), q.st.SQL)
	if err != nil {
		t.Fatalf("%v\nBind() = %v", q, err)
	}
	if len(bound) != len(q.st.Outputs)+len(q.st.Hidden) {
		t.Fatalf("%v\nbinds to %d columns, want %d and %d hidden", q, len(bound), len(q.st.Outputs), len(q.st.Hidden))
	}
	for i, o := range q.st.Outputs {
		if bound[i].Name != o.Name || o.Type != "" && bound[i].Type != o.Type {
			t.Errorf("%v\ncolumn %d binds to %v, analysis says %s %s", q, i+1, bound[i], o.Name, o.Type)
		}
	}
	return q, nil
}

// scans are the tables and columns that the statement is said to read.
func (q posed) scans() []sandbox.Table {
	var out []sandbox.Table
	for _, sc := range q.st.Scans {
		b := q.table(sc.Table)
		out = append(out, b.attached(func(c string) bool { return slices.Contains(sc.Columns, c) || c == "__entity" && sc.Entity }))
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
	for _, row := range b.Rows {
		for i, c := range as.Columns {
			name := c.Name
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
	var segs []*sandbox.Segment
	if len(b.Rows) > 0 {
		g, err := sandbox.Seal(batch)
		if err != nil {
			t.Fatalf("Seal() = %v", err)
		}
		defer g.Close()
		segs = append(segs, g)
	}
	if err := s.Attach(t.Context(), as, segs); err != nil {
		t.Fatalf("Attach() = %v", err)
	}
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
	r, err := s.Execute(t.Context(), sql, liveHash(t, parser, sql), sandbox.Limits{})
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

// verdict compares what the engine made of a rewrite with what may leave. It
// returns "" if they agree.
func (q posed) verdict(got [][]*string) string {
	want := (&brute{q.tables}).answer(q.tree)
	rows := q.gate(got)
	if len(rows) != len(got) {
		return fmt.Sprintf("the rewrite lets %d rows through that its own counts drop", len(got)-len(rows))
	}
	if problem := q.inOrder(rows, want.order); problem != "" {
		return problem
	}
	from, to := 0, len(rows)
	if q.st.Offset != nil {
		from = min(to, int(*q.st.Offset))
	}
	if q.st.Limit != nil {
		to = min(to, from+int(*q.st.Limit))
	}
	a, b := sortedRows(rows[from:to], func(v *string) any { return cellValue(v) }), sortedRows(want.rows, func(v any) any { return v })
	if !slices.EqualFunc(a, b, sameCells) {
		return fmt.Sprintf("engine %s\noracle %s", showRows(a), showRows(b))
	}
	return ""
}

// gate drops rows and blanks cells whose hidden counts are under K, as the
// release does.
func (q posed) gate(got [][]*string) [][]*string {
	var out [][]*string
	outputs := len(q.st.Outputs)
next:
	for _, row := range got {
		kept := slices.Clone(row[:outputs])
		for i, h := range q.st.Hidden {
			n, err := strconv.Atoi(*row[outputs+i])
			switch {
			case err == nil && n >= h.K:
			case h.Kind == "group":
				continue next
			default:
				kept[h.Output] = nil
			}
		}
		out = append(out, kept)
	}
	return out
}

// inOrder checks the leading sort keys that are in the answer, as far as no
// blanked cell is among them.
func (q posed) inOrder(rows [][]*string, order []bruteOrder) string {
	for i := 1; i < len(rows); i++ {
		for _, o := range order {
			if o.output < 0 || slices.ContainsFunc(q.st.Hidden, func(h analysis.Hidden) bool { return h.Kind == "cell" && h.Output == o.output }) {
				break
			}
			c := o.compare(cellValue(rows[i-1][o.output]), cellValue(rows[i][o.output]))
			if c > 0 {
				return fmt.Sprintf("row %d is out of order", i+1)
			}
			if c < 0 {
				break
			}
		}
	}
	return ""
}

// cellValue reads a cell as a number if it is one.
func cellValue(v *string) any {
	if v == nil {
		return nil
	}
	if f, err := strconv.ParseFloat(*v, 64); err == nil {
		return f
	}
	return *v
}

// sortedRows returns rows in one order, with numbers as float64.
func sortedRows[T any](rows [][]T, cell func(T) any) [][]any {
	var out [][]any
	for _, r := range rows {
		var rowLine []any
		for _, v := range r {
			c := cell(v)
			if n, ok := c.(int64); ok {
				c = float64(n)
			}
			rowLine = append(rowLine, c)
		}
		out = append(out, rowLine)
	}
	slices.SortFunc(out, func(a, b []any) int { return strings.Compare(rowLine(a), rowLine(b)) })
	return out
}

// rowLine rounds, so that the last digit of an average does not decide an order.
func rowLine(row []any) string {
	var b strings.Builder
	for _, v := range row {
		if f, ok := v.(float64); ok {
			v = math.Round(f*1e6) / 1e6
		}
		fmt.Fprintf(&b, "%v|", v)
	}
	return b.String()
}

func sameCells(a, b []any) bool {
	return slices.EqualFunc(a, b, func(x, y any) bool {
		f, ok1 := x.(float64)
		g, ok2 := y.(float64)
		if ok1 && ok2 {
			return math.Abs(f-g) <= 1e-9*max(1, math.Abs(f), math.Abs(g))
		}
		return x == y
	})
}

func showRows(rows [][]any) string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, rowLine(r))
	}
	return fmt.Sprintf("%d rows\n\t%s", len(rows), strings.Join(lines, "\n\t"))
}

// poseMany returns n accepted statements over random tables and how often each
// fault refused another.
func poseMany(t *testing.T, s *sandbox.Session, seed uint64, n int) ([]posed, map[string]int) {
	t.Helper()
	g := &grammar{Rand: rand.New(rand.NewPCG(seed, 1))}
	var out []posed
	refused := map[string]int{}
	for set := 0; len(out) < n; set++ {
		g.names = [3]string{fmt.Sprintf("visits%d", set), fmt.Sprintf("persons%d", set), fmt.Sprintf("codes%d", set)}
		tables := g.tables()
		for range 8 {
			q, err := pose(t, s, g.statement(), tables)
			refusal, ok := errors.AsType[*analysis.Refusal](err)
			switch {
			case ok:
				refused[refusal.Faults[0].Code]++
			case err != nil:
				t.Fatalf("%s\n%v", q.sql, err)
			default:
				out = append(out, q)
			}
		}
	}
	return out, refused
}

func oracleSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if fixed := os.Getenv("ZONEBOX_SEED"); fixed != "" {
		var err error
		if seed, err = strconv.ParseUint(fixed, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ZONEBOX_SEED=%d", seed)
	return seed
}

// The answers of the engine to the rewrites are those that brute force finds
// under the rule of the minimum group: equal where a group and a cell may be
// released, absent where not.
func TestRandomAnswersEqualBruteForce(t *testing.T) {
	p := livePool(t, 2)
	parser := liveSession(t, p)
	seed := oracleSeed(t)
	qs, refused := poseMany(t, parser, seed, oracleInstances)
	rows, cells, empty, failed := 0, 0, 0, 0
	check := func(q posed, got [][]*string) {
		if problem := q.verdict(got); problem != "" {
			if failed++; failed <= 5 {
				t.Errorf("ZONEBOX_SEED=%d\n%v%s", seed, q, problem)
			}
		}
		if len(got) == 0 {
			empty++
		}
		rows += len(got)
		for _, r := range got {
			cells += len(r)
		}
	}
	// Most share a worker with others; some run as the gate runs them, alone
	// and with nothing attached but what they are said to read.
	for batch := range slices.Chunk(qs, 50) {
		sqls := make([]string, len(batch))
		for i, q := range batch {
			sqls[i] = q.st.SQL
		}
		for i, got := range runTogether(t, p, parser, batch, sqls) {
			check(batch[i], got)
		}
	}
	for i := 0; i < len(qs); i += len(qs) / 60 {
		check(qs[i], runAlone(t, p, parser, qs[i].st.SQL, qs[i].tables, qs[i].scans()))
	}
	t.Logf("%d statements, %d of them without a row, %d rows and %d cells released; refused: %v", len(qs), empty, rows, cells, refused)
	if failed > 0 {
		t.Errorf("%d statements of %d differ", failed, len(qs))
	}
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

func TestNamedAnswersEqualBruteForce(t *testing.T) {
	p := livePool(t, 2)
	parser := liveSession(t, p)
	for _, c := range namedCases(t) {
		t.Run(c.name, func(t *testing.T) {
			q, err := pose(t, parser, c.sql, c.tables)
			if c.refused != (err != nil) {
				t.Fatalf("%s\n%v, want refused = %v", c.sql, err, c.refused)
			}
			if err != nil {
				return
			}
			if problem := q.verdict(runAlone(t, p, parser, q.st.SQL, q.tables, q.scans())); problem != "" {
				t.Errorf("%v%s", q, problem)
			}
		})
	}
}
