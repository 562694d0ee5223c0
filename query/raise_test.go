package query_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/query/querytest"
	"zonebox/sandbox"
)

// extreme is a column of values that make functions raise.
type extreme struct {
	name, delivered, engine string
	letters                 string // of the shapes that take it
	arrow                   arrow.DataType
	values                  []any
}

var extremes = []extreme{
	{"i", "int64", "BIGINT", "inajkx", arrow.PrimitiveTypes.Int64, []any{int64(math.MinInt64), int64(math.MaxInt64), int64(0), int64(-1), int64(1), int64(math.MaxInt32) + 1}},
	{"f", "float64", "DOUBLE", "nfax", arrow.PrimitiveTypes.Float64, []any{math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, math.Inf(1), math.NaN(), -1.0, 0.0, math.SmallestNonzeroFloat64}},
	{"s", "string", "VARCHAR", "sax", arrow.BinaryTypes.String, []any{"", "a", "数据", "2024-13-45", "9223372036854775808", "1e999", "%", strings.Repeat("x", 5000), "İß\u0301👨‍👩‍👧\x00\u200b", "-infinity"}},
	{"b", "bool", "BOOLEAN", "bax", arrow.FixedWidthTypes.Boolean, []any{true, false}},
	{"d", "date", "DATE", "dtuax", arrow.FixedWidthTypes.Date32, []any{arrow.Date32(2147483646), arrow.Date32(-2147483646), arrow.Date32(0), arrow.Date32(2147483647), arrow.Date32(-2147483647)}},
	{"t", "timestamp", "TIMESTAMP", "tuax", &arrow.TimestampType{Unit: arrow.Microsecond}, []any{arrow.Timestamp(math.MaxInt64 - 1), arrow.Timestamp(-9223372022400000000), arrow.Timestamp(0), arrow.Timestamp(math.MaxInt64), arrow.Timestamp(-math.MaxInt64)}},
	{"m", "decimal(18,2)", "DECIMAL(18,2)", "nax", &arrow.Decimal128Type{Precision: 18, Scale: 2}, []any{decimal128.FromI64(999999999999999999), decimal128.FromI64(-999999999999999999), decimal128.FromI64(0)}},
	{"w", "decimal(38,10)", "DECIMAL(38,10)", "nax", &arrow.Decimal128Type{Precision: 38, Scale: 10}, []any{decimal128.MaxDecimal128, decimal128.MaxDecimal128.Negate(), decimal128.FromI64(1)}},
}

// derived are values of types that columns do not have.
var derived = []string{"TRY_CAST(w AS HUGEINT)", "TRY_CAST(i AS UBIGINT)", "TRY_CAST(w AS DECIMAL(38,30))", "TRY_CAST(i AS DECIMAL(38,0))", "170141183460469231731687303715884105727"}

// huge reports whether e computes with integers of more than 64 bits, or unsigned ones.
func huge(e string) bool {
	return strings.Contains(e, "HUGEINT") || strings.Contains(e, "UBIGINT") || strings.Contains(e, derived[4])
}

// crossing makes of e what crosses the worker's border: no INTERVAL, no integer of
// more than 38 digits.
func crossing(e, typ string) string {
	switch {
	case typ == "INTERVAL":
		return "(" + e + ") IS NULL"
	case (typ == "" || typ == "HUGEINT") && huge(e):
		return "(" + e + ") // 7"
	}
	return e
}

func columnNames() []string {
	var out []string
	for _, c := range extremes {
		out = append(out, c.name)
	}
	return out
}

// arguments are what a call may be tried with, by letter of a shape.
func arguments(letter byte, words []string) []string {
	var out []string
	for _, c := range extremes {
		if strings.IndexByte(c.letters, letter) >= 0 {
			out = append(out, c.name)
		}
	}
	switch letter {
	case 'c':
		for _, w := range words {
			out = append(out, "'"+w+"'")
		}
	case 's':
		out = append(out, "'x'", "''")
	case 'i', 'j', 'k':
		out = append(out, "2147483648", "-1", "0", "NULL::BIGINT", derived[0], derived[1])
	case 'J':
		out = append(out, "2", "-1", "40", "-2147483648")
	case 'l':
		out = append(out, "0", "5", "256")
	case 'g':
		out = append(out, "0", "1", "9")
	case 'n':
		out = append(append(out, "0", "-9223372036854775807", "1e308", "0.5"), derived...)
	case 'v':
		out = append(out, "to_days(i)", "to_years(7)", "to_hours(i)")
	case 'p':
		out = append(out, "'^[0-9]{2}'", "'(a|数)+'", "''")
	case 'q':
		out = append(out, "'%a_%据_%'", "'%a%x%x%x%x%x%x%x%x%y'")
	case 'Q':
		out = append(out, "'%a_%据_%'", "'*x*[a-'", "''")
	case 'z':
		out = append(out, "''")
	}
	return out
}

// calls writes calls of f with every combination of arguments, up to a few.
func calls(f analysis.Function) []string {
	var out []string
	for _, shape := range f.Args {
		shape = strings.TrimSuffix(shape, "*")
		combined := []string{""}
		for i := range len(shape) {
			var next []string
			for _, c := range combined {
				for _, arg := range arguments(shape[i], f.Words) {
					next = append(next, strings.TrimPrefix(c+", "+arg, ", "))
				}
			}
			combined = next
		}
		for _, c := range combined {
			args := strings.Split(c, ", ")
			switch {
			case f.Name == "count_star":
				out = append(out, "count(*)")
			case !f.Operator() && f.Name != "position":
				out = append(out, f.Name+"("+c+")")
			case len(args) == 1:
				out = append(out, "("+f.Name+" "+c+")")
			case f.Name == "position":
				out = append(out, "position("+args[0]+" IN "+args[1]+")")
			default:
				out = append(out, "("+args[0]+" "+f.Name+" "+args[1]+")")
			}
		}
	}
	return out
}

// An error tells whether a row was there: beside protected tables nothing on
// the reviewed list raises, whatever the values and whatever else the statement
// computes. What is declared of a result is what the engine makes, and equal rows
// give equal results in another order, in other segments and on other threads.
func TestNothingRaisesBesideProtectedTables(t *testing.T) {
	t.Parallel()
	p := newTrial(t, extremes, 11*8*7)
	var tried []string
	var scalar, aggregate, rounds []string
	for _, f := range analysis.Functions() {
		if f.Class != analysis.ProtectedClass {
			continue
		}
		some := false
		for _, e := range calls(f) {
			st, ok := p.accepted("SELECT " + e + " FROM people")
			if !ok {
				continue
			}
			some = true
			e = crossing(e, st.Outputs[0].Type)
			switch {
			case f.Rounds:
				rounds = append(rounds, e)
			case f.Aggregate:
				aggregate = append(aggregate, e)
			default:
				scalar = append(scalar, e)
			}
		}
		if !some {
			t.Errorf("%s is accepted in no shape", f.Name)
		}
		tried = append(tried, f.Name)
	}
	for _, c := range extremes {
		for _, typ := range []string{"INTEGER", "TINYINT", "BIGINT", "HUGEINT", "DOUBLE", "DECIMAL(9,2)", "DECIMAL(38,30)", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN"} {
			e := "CAST(" + c.name + " AS " + typ + ")"
			if _, ok := p.accepted("SELECT " + e + " FROM people"); ok {
				scalar = append(scalar, "("+e+") IS NULL")
			}
		}
		for _, d := range slices.Concat(columnNames(), derived) {
			for _, e := range []string{c.name + " = " + d, c.name + " IN (" + d + ", NULL)", c.name + " BETWEEN " + d + " AND " + d,
				"coalesce(" + c.name + ", " + d + ")", "CASE WHEN " + c.name + " IS NULL THEN " + d + " ELSE " + c.name + " END"} {
				if st, ok := p.accepted("SELECT " + e + " FROM people"); ok {
					scalar = append(scalar, crossing(e, st.Outputs[0].Type))
				}
			}
		}
	}
	// Neighbors share arguments, and the engine computes once what stands twice.
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(scalar), func(i, j int) { scalar[i], scalar[j] = scalar[j], scalar[i] })
	for batch := range slices.Chunk(scalar, 150) {
		p.check(batch, true)
	}
	for batch := range slices.Chunk(aggregate, 150) {
		p.check(batch, true)
	}
	p.check(rounds, false)
	t.Logf("%d scalar and %d aggregate expressions of %d functions", len(scalar), len(aggregate)+len(rounds), len(tried))
}

// What a statement computes of open data alone may not raise either, if it reads a
// protected table as well: whether the engine computes it can depend on the rows
// there are.
func TestNothingRaisesInOpenPartsOfProtectedStatements(t *testing.T) {
	t.Parallel()
	p := newTrial(t, extremes, 11*8*7)
	tried := 0
	for _, f := range analysis.Functions() {
		if !f.Aggregate || f.Class == analysis.RefusedClass {
			continue
		}
		for _, e := range slices.Concat(calls(f), []string{f.Name + "(w)", f.Name + "(f)", f.Name + "(f, m)"}) {
			sql := "SELECT count(*) FROM people JOIN (SELECT b, " + e + " AS x FROM open GROUP BY b) q ON people.b = q.b WHERE q.x IS NOT NULL"
			raw, err := p.parser.Parse(t.Context(), sql)
			if err != nil {
				continue // a macro may be written in fewer ways
			}
			tree, err := ast.Decode(raw)
			if err != nil {
				continue
			}
			st, err := analysis.Analyze(sql, tree, p.catalog, analysis.Options{})
			if err != nil {
				continue
			}
			tried++
			if err := p.parser.SetRowSets(rowSetsIn(st.SQL)); err != nil {
				t.Fatal(err)
			}
			if _, err := p.parser.Bind(t.Context(), p.tables[:], st.SQL, st.Groups()...); err != nil {
				t.Errorf("%s: bind: %v", e, err)
			} else if err := p.answer(st, true, []string{e}); err != nil {
				t.Errorf("%s: %v", e, err)
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d statements", tried)
	}
}

// Nor does the length of a text matter.
func TestLongTextsDoNotRaise(t *testing.T) {
	t.Parallel()
	long := []extreme{
		{"s", "string", "VARCHAR", "sax", arrow.BinaryTypes.String, []any{strings.Repeat("数", 1<<18), "a"}},
		{"i", "int64", "BIGINT", "inajkx", arrow.PrimitiveTypes.Int64, []any{int64(math.MinInt64), int64(1 << 18), int64(-1 << 18)}},
	}
	p := newTrial(t, long, 8)
	var exprs []string
	for _, f := range analysis.Functions() {
		if f.Class != analysis.ProtectedClass || !strings.Contains(strings.Join(f.Args, ""), "s") || f.Aggregate {
			continue
		}
		for _, e := range calls(f) {
			st, ok := p.accepted("SELECT " + e + " FROM people")
			if !ok || !strings.Contains(e, "s,") && !strings.Contains(e, "(s") && !strings.Contains(e, "s)") {
				continue
			}
			if st.Outputs[0].Type == "VARCHAR" {
				e = "length(" + e + ")"
			}
			exprs = append(exprs, e)
		}
	}
	for batch := range slices.Chunk(exprs, 20) {
		p.check(batch, true)
	}
	t.Logf("%d expressions", len(exprs))
}

// trial tries expressions over the table of extremes.
type trial struct {
	t        *testing.T
	pools    [2]*sandbox.Pool // one thread, two threads
	parser   *sandbox.Session
	catalog  analysis.Catalog
	tables   [2]sandbox.Table     // people, and open, of the same rows and not protected
	segments [2][]sandbox.Segment // one, and the same rows backward in three
}

func newTrial(t *testing.T, extremes []extreme, all int) *trial {
	p := &trial{t: t}
	for i := range p.pools {
		pool, err := sandbox.NewPool(sandbox.Config{Worker: querytest.Worker(t), Pool: 1, Threads: 1 + i, Wall: 5 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pool.Close() })
		p.pools[i] = pool
	}
	p.parser = liveSession(t, p.pools[0])
	id := analysis.Column{Name: "id", Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "token", Token: true, Granted: true}
	row := analysis.Column{Name: "row", Type: "int64", Level: 1, Mode: analysis.Clear, Granted: true}
	open := analysis.Table{Name: "open", Columns: []analysis.Column{row}}
	columns := []sandbox.Column{{Name: "row", Type: "BIGINT"}}
	for _, c := range extremes {
		open.Columns = append(open.Columns, analysis.Column{Name: c.name, Type: c.delivered, Level: 2, Mode: analysis.Clear, Nullable: true, Granted: true})
		columns = append(columns, sandbox.Column{Name: c.name, Type: c.engine})
	}
	columns = append(columns, sandbox.Column{Name: "__entity", Type: "UINTEGER"}, sandbox.Column{Name: "__row", Type: "UINTEGER"})
	people := analysis.Table{Name: "people", Personal: true, Entity: "id", K: 1, Columns: append([]analysis.Column{id}, open.Columns...)}
	p.catalog.Tables = []analysis.Table{people, open}
	p.tables = [2]sandbox.Table{{Name: "people", Columns: columns}, {Name: "open", Columns: columns}}
	rows := func(from, to, step int) {
		g, err := sandbox.SealBatch(extremeRows(extremes, from, to, step))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close() })
		n := 0
		if step < 0 {
			n = 1
		}
		p.segments[n] = append(p.segments[n], g)
	}
	rows(0, all, 1)
	rows(all-1, all/2, -1)
	rows(all/2, all/8, -1)
	rows(all/8, -1, -1)
	return p
}

func (p *trial) accepted(sql string) (*analysis.Statement, bool) {
	p.t.Helper()
	tree, err := liveTree(p.t, p.parser, sql)
	if err != nil {
		p.t.Fatalf("%s\n%v", sql, err)
	}
	st, err := analysis.Analyze(sql, tree, p.catalog, analysis.Options{})
	if _, refused := errors.AsType[*analysis.Refusal](err); refused {
		return nil, false
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return st, true
}

// check reports what is wrong with exprs in one statement, and narrows it down.
func (p *trial) check(exprs []string, exact bool) bool {
	err := p.run(exprs, exact)
	if err == nil {
		return true
	}
	if len(exprs) == 1 {
		p.t.Errorf("SELECT %s: %v", exprs[0], err)
		return false
	}
	half := len(exprs) / 2
	first, second := p.check(exprs[:half], exact), p.check(exprs[half:], exact)
	if first && second {
		p.t.Errorf("together only: %v: SELECT %s", err, strings.Join(exprs, ", "))
	}
	return false
}

func (p *trial) run(exprs []string, exact bool) error {
	st, ok := p.accepted("SELECT " + strings.Join(exprs, ", ") + " FROM people")
	if rows, plain := p.accepted("SELECT " + strings.Join(exprs, ", ") + ", row FROM people"); plain && st.RecordLevel {
		st, exprs = rows, append(slices.Clone(exprs), "row") // tells which row differs
	}
	if !ok {
		return fmt.Errorf("refused together, not alone")
	}
	if err := p.parser.SetRowSets(rowSetsIn(st.SQL)); err != nil {
		return err
	}
	columns, err := p.parser.Bind(p.t.Context(), p.tables[:], st.SQL, st.Groups()...)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	for i, o := range st.Outputs {
		// Integers of several types make one that depends on the literals.
		integer := strings.HasSuffix(columns[i].Type, "INT") || columns[i].Type == "INTEGER" || columns[i].Type == "UINTEGER"
		if o.Type != columns[i].Type && (o.Type != "" || !integer || columns[i].Type == "HUGEINT" && !huge(exprs[i])) {
			return fmt.Errorf("type %s, declared %q: %s", columns[i].Type, o.Type, exprs[i])
		}
	}
	return p.answer(st, exact, exprs)
}

// answer runs st on both pools.
func (p *trial) answer(st *analysis.Statement, exact bool, exprs []string) (err error) {
	hash := liveHash(p.t, p.parser, st.SQL)
	var answers [2]string
	for i, pool := range p.pools {
		if answers[i], err = p.execute(pool, p.segments[i], st, hash); err != nil {
			return err
		}
	}
	if exact && answers[0] != answers[1] {
		return fmt.Errorf("two answers to one question: %s", difference(answers, exprs))
	}
	return nil
}

func (p *trial) execute(pool *sandbox.Pool, segments []sandbox.Segment, st *analysis.Statement, hash [32]byte) (string, error) {
	s, err := pool.Start(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	for _, table := range p.tables {
		if err := s.Attach(p.t.Context(), table, segments); err != nil {
			p.t.Fatal(err)
		}
	}
	var answer []string // rows, in no order
	if err := s.SetRowSets(rowSetsIn(st.SQL)); err != nil {
		return "", err
	}
	r, err := s.Execute(p.t.Context(), st.SQL, hash, sandbox.Limits{}, st.Groups()...)
	for err == nil {
		var rows arrow.RecordBatch
		if rows, err = r.Next(); err == nil {
			for row := range int(rows.NumRows()) {
				var cells []string
				for i, c := range rows.Columns() {
					if at := i - len(st.Outputs); at >= 0 && st.Hidden[at].Kind == "rows" {
						continue // whichever number the group was given
					}
					cells = append(cells, c.ValueStr(row))
				}
				slices.Reverse(cells)
				answer = append(answer, strings.Join(cells, "|"))
			}
		}
	}
	if errors.Is(err, io.EOF) {
		slices.Sort(answer)
		return strings.Join(answer, "\n"), nil
	}
	return "", err
}

// extremeRows returns rows from up or down to to, which repeat the values of each column so
// that all pairs of neighboring lists meet.
func extremeRows(extremes []extreme, from, to, step int) arrow.RecordBatch {
	fields := []arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64}}
	for _, c := range extremes {
		fields = append(fields, arrow.Field{Name: c.name, Type: c.arrow, Nullable: true})
	}
	for _, hidden := range []string{"__entity", "__row"} {
		fields = append(fields, arrow.Field{Name: hidden, Type: arrow.PrimitiveTypes.Uint32, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for row := from; row != to; row += step {
		b.Field(0).(*array.Int64Builder).Append(int64(row))
		for i, c := range extremes {
			v := any(nil)
			if n := row / (i*i + 1) % (len(c.values) + 1); n > 0 {
				v = c.values[n-1]
			}
			switch f := b.Field(i + 1).(type) {
			case *array.Int64Builder:
				put(f, v)
			case *array.Float64Builder:
				put(f, v)
			case *array.StringBuilder:
				put(f, v)
			case *array.BooleanBuilder:
				put(f, v)
			case *array.Date32Builder:
				put(f, v)
			case *array.TimestampBuilder:
				put(f, v)
			case *array.Decimal128Builder:
				put(f, v)
			}
		}
		b.Field(len(extremes) + 1).(*array.Uint32Builder).Append(uint32(row))
		b.Field(len(extremes) + 2).(*array.Uint32Builder).Append(uint32(row))
	}
	return b.NewRecordBatch()
}

func put[T any](b interface {
	Append(T)
	AppendNull()
}, v any) {
	if x, ok := v.(T); ok {
		b.Append(x)
	} else {
		b.AppendNull()
	}
}

// difference tells of the first row that differs which expression does.
func difference(answers [2]string, exprs []string) string {
	a, b := strings.Split(answers[0], "\n"), strings.Split(answers[1], "\n")
	for i := range min(len(a), len(b)) {
		x, y := strings.Split(a[i], "|"), strings.Split(b[i], "|")
		for j := range min(len(x), len(y)) {
			if x[j] != y[j] {
				return fmt.Sprintf("row %s: %s = %s, %s", x[0], exprs[len(exprs)-1-j], x[j], y[j])
			}
		}
	}
	return fmt.Sprintf("%d and %d rows", len(a), len(b))
}
