package query_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/query"
	"zonebox/query/ast"
	"zonebox/query/querytest"
	"zonebox/release"
	"zonebox/sandbox"
)

// openTable is a register without personal information. Its cells are texts as a
// delivery spells them, nil for null.
type openTable struct {
	name    string
	columns []openColumn
	rows    [][]any
}

// openColumn has a type of the catalogue.
type openColumn struct{ name, typ string }

// engine returns the engine's name of the type.
func (c openColumn) engine() string {
	if t, ok := map[string]string{"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN"}[c.typ]; ok {
		return t
	}
	return strings.ToUpper(c.typ)
}

// openTables are small registers with every type of the catalogue, nulls, ties,
// negative numbers, empty texts and texts that are not Latin. The first column of
// each is its key.
func openTables() []openTable {
	null := func(yes bool, format string, args ...any) any {
		if yes {
			return nil
		}
		return fmt.Sprintf(format, args...)
	}
	codes := []string{"A", "B", "C", "D", "E"}
	wards := openTable{name: "wards", columns: []openColumn{{"ward_id", "int64"}, {"区名", "string"}, {"code", "string"}, {"beds", "int64"},
		{"rate", "decimal(8,2)"}, {"score", "float64"}, {"opened", "date"}, {"seen", "timestamp"}, {"public", "bool"}, {"tags", "string"}}}
	names := []string{"玄武区", "秦淮区", "建邺区", "鼓楼区", "Ünter", "straße", "", "O'Neil", "浦口区", "b", "B", "é"}
	tags := []any{"x,y", "y", "", "x,y,z", nil, "z,x"}
	for i := range 12 {
		wards.rows = append(wards.rows, []any{fmt.Sprint(i + 1), null(i == 7, "%s", names[i]), null(i == 11, "%s", codes[i%4]),
			null(i%5 == 4, "%d", 100*(i%4)-50), null(i == 3, "%d.%02d", i*i-9, i*7%100), null(i == 5, "%s", []string{"0.1", "-2.5", "1e15", "0", "3.25", "7", "7"}[i%7]),
			null(i == 8, "%d-%02d-%02d", 1965+7*i, 1+i%12, 1+5*i%28), null(i == 2, "2024-%02d-28 %02d:%02d:%02d.%06d", 1+i%3, i*2, i, 59-i, i*70001),
			null(i == 9, "%t", i%2 == 0), tags[i%6]})
	}
	stays := openTable{name: "stays", columns: []openColumn{{"stay_id", "int64"}, {"ward_id", "int64"}, {"code", "string"}, {"days", "int64"},
		{"cost", "decimal(12,3)"}, {"weight", "float64"}, {"start", "date"}, {"moment", "timestamp"}, {"urgent", "bool"}, {"note", "string"}}}
	notes := []any{`{"k":1,"l":["a","b"]}`, "平安", "no", nil, "x=1;y=2", `{"k":null}`, "ab%c_d", "A1b22"}
	for i := range 30 {
		stays.rows = append(stays.rows, []any{fmt.Sprint(100 + i), null(i%7 == 3, "%d", 1+i*5%14), codes[i*3%5], null(i%6 == 5, "%d", i%9),
			null(i%10 == 7, "%d.%03d", 37*i%200-20, i*125%1000), fmt.Sprint(float64(i%8) / 4), fmt.Sprintf("2024-%02d-%02d", 1+i%12, 1+i%28),
			null(i%11 == 10, "2024-03-%02d %02d:30:00", 1+i*7%31, i%24), null(i%4 == 3, "%t", i%3 == 0), notes[i%8]})
	}
	kinds := openTable{name: "kinds", columns: []openColumn{{"code", "string"}, {"title", "string"}, {"parent", "string"}, {"rank", "int64"}},
		rows: [][]any{{"A", "内科", nil, "1"}, {"B", "外科", "A", "1"}, {"C", "儿科", "A", "2"}, {"D", nil, "B", "2"}, {"E", "", "D", nil}, {"F", "中医", "C", "3"}}}
	sums := openTable{name: "sums", columns: []openColumn{{"line", "int64"}, {"code", "string"}, {"jan", "int64"}, {"feb", "int64"}, {"mar", "int64"}}}
	for i := range 8 {
		sums.rows = append(sums.rows, []any{fmt.Sprint(i), codes[i%3], fmt.Sprint(i * 10), null(i%3 == 1, "%d", i*i), null(i == 7, "%d", -i)})
	}
	return []openTable{wards, stays, kinds, sums}
}

// delivery returns the rows as JSON lines.
func (o openTable) delivery(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, row := range o.rows {
		object := map[string]any{}
		for i, c := range o.columns {
			if object[c.name] = row[i]; c.typ == "bool" && row[i] != nil {
				object[c.name] = row[i] == "true"
			}
		}
		if err := json.NewEncoder(&out).Encode(object); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// openDomain is a domain that grants everything of tables as it is.
func openDomain(t testing.TB, tables []openTable) *querytest.Domain {
	t.Helper()
	d := querytest.New(t, querytest.Options{Idle: 2})
	d.ApplyFile(querytest.Founder, "querytest/city/organizations.yaml")
	d.Register(querytest.Cast...)
	d.ApplyFile(querytest.Founder, "querytest/city/zone.yaml")
	for _, o := range tables {
		d.Apply("qian.hospital", o.dataset(t))
	}
	var names []string
	for _, o := range tables {
		names = append(names, o.name)
	}
	d.Apply(querytest.Founder, strings.Replace(mustRead(t, "querytest/city/license.yaml"), "[persons, visits, beds]", "["+strings.Join(names, ", ")+"]", 1),
		"sun.health", querytest.Founder, "li.op")
	for _, o := range tables {
		var columns []string
		for _, c := range o.columns {
			columns = append(columns, fmt.Sprintf("{name: %q, mode: CLEAR}", c.name))
		}
		d.Apply("sun.health", fmt.Sprintf("kind: Grant\nname: %s-all\nspec: {scenario: %s, dataset: %s, from: \"2026-01-01\", until: \"2030-12-31\","+
			" zreg: {by: sun.health, org: health-commission}, prov: {by: qian.hospital, org: hospital-group}, columns: [%s]}",
			o.name, querytest.Scenario, o.name, strings.Join(columns, ", ")))
		data := o.delivery(t)
		m := querytest.Delivery("medical", o.name, o.name+"-all", data, len(o.rows))
		m.Format = "jsonl"
		d.Load("wu.dc", m, data)
	}
	return d
}

// dataset is the entry of the catalogue: the city's of beds with other columns.
func (o openTable) dataset(t testing.TB) string {
	t.Helper()
	head, _, ok := strings.Cut(mustRead(t, "querytest/city/beds.yaml"), "    - {")
	if !ok {
		t.Fatal("the entry of beds has no columns")
	}
	var b strings.Builder
	b.WriteString(strings.Replace(head, "name: beds", "name: "+o.name, 1))
	for i, c := range o.columns {
		fmt.Fprintf(&b, "    - {name: %q, title: %q, type: %q, level: %d, class: health, personal_info: false, secret_flag: false, nullable: true}\n", c.name, c.name, c.typ, 1+i%2)
	}
	return b.String()
}

// outcome is what a statement gave: columns with their types and rows of texts,
// or the code of its failure.
type outcome struct {
	code    string
	columns []string // name and Arrow type
	rows    [][]string
	tree    ast.Query // of the statement; nil where it was not parsed apart
}

// differs says how two outcomes of one statement differ, "" if they do not. Rows
// count in their order if the statement orders them.
func (o outcome) differs(p outcome, ordered bool) string {
	if o.code != "" || p.code != "" {
		return "one fails"
	}
	if !slices.Equal(o.columns, p.columns) {
		return fmt.Sprintf("columns %q and %q", o.columns, p.columns)
	}
	if !ordered {
		o.rows, p.rows = slices.SortedFunc(slices.Values(o.rows), slices.Compare[[]string]), slices.SortedFunc(slices.Values(p.rows), slices.Compare[[]string])
	}
	if len(o.rows) != len(p.rows) {
		return fmt.Sprintf("%d and %d rows", len(o.rows), len(p.rows))
	}
	for i, row := range o.rows {
		if !slices.Equal(row, p.rows[i]) {
			return fmt.Sprintf("row %d: %q and %q", i, row, p.rows[i])
		}
	}
	return ""
}

// orderedTree reports whether q orders its rows.
func orderedTree(q ast.Query) bool {
	switch q := q.(type) {
	case *ast.Select:
		return len(q.OrderBy) > 0
	case *ast.SetOperation:
		return len(q.OrderBy) > 0
	}
	return false
}

// governed asks the engine, as an operator does.
func governed(t testing.TB, d *querytest.Domain, sql string) (outcome, error) {
	t.Helper()
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if err != nil {
		return outcome{code: querytest.Code(err)}, err
	}
	return received(t, d, a), nil
}

// received is an answer as its recipient opens it.
func received(t testing.TB, d *querytest.Domain, a *query.Answer) outcome {
	t.Helper()
	gate, err := base64.StdEncoding.DecodeString(d.Engine.Domain().GateKey)
	if err != nil {
		t.Fatal(err)
	}
	o, err := release.Open(a.Artifact.Bytes(), release.Key{HPKE: d.Key("li.op").Recipient()}, gate)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	return outcome{columns: fieldsOf(o.Schema), rows: textRows(o.Rows)}
}

// loneEngine runs statements over open tables without analysis, rewrite or gate.
type loneEngine struct {
	pool   *sandbox.Pool
	tables []openTable

	mu     sync.Mutex
	parser *sandbox.Session
}

// parse returns the engine's tree of sql, from a worker that reads nothing else
// for as long as it lives: as long as the pool, not as the test that asked first.
func (e *loneEngine) parse(t testing.TB, sql string) ([]byte, error) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.parser == nil || e.parser.Ended() {
		var err error
		if e.parser, err = e.pool.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	return e.parser.Parse(t.Context(), sql)
}

// run runs the very statement in a worker of its own over all columns of all
// tables.
func (e *loneEngine) run(t testing.TB, sql string, values ...sandbox.Parameter) (outcome, error) {
	t.Helper()
	raw, err := e.parse(t, sql)
	var refused *sandbox.StatementError
	if errors.As(err, &refused) {
		return outcome{code: refused.Code}, err
	}
	if err != nil {
		t.Fatal(err)
	}
	hash, err := ast.HashJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	var out outcome
	if out.tree, err = ast.Decode(raw); err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	run, err := e.pool.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := run.SetParameters(values); err != nil {
		t.Fatal(err)
	}
	for _, o := range e.tables {
		o.attach(t, run)
	}
	result, err := run.Execute(t.Context(), sql, hash, sandbox.Limits{})
	var batches []arrow.RecordBatch
	for err == nil {
		var b arrow.RecordBatch
		if b, err = result.Next(); err == nil {
			defer b.Release()
			batches = append(batches, b)
		}
	}
	if errors.As(err, &refused) {
		out.code = refused.Code
		return out, err
	}
	if !errors.Is(err, io.EOF) {
		out.code = "failed"
		return out, err
	}
	for _, c := range result.Schema() {
		out.columns = append(out.columns, c.Name+" "+arrowType(t, c.Type).String())
	}
	out.rows = textRows(batches)
	return out, nil
}

// attach hands all rows to a worker.
func (o openTable) attach(t testing.TB, s *sandbox.Session) {
	t.Helper()
	as := sandbox.Table{Name: o.name}
	for _, c := range o.columns {
		as.Columns = append(as.Columns, sandbox.Column{Name: c.name, Type: c.engine()})
	}
	batch := o.batch(t)
	defer batch.Release()
	g, err := sandbox.SealBatch(batch)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := s.Attach(t.Context(), as, []sandbox.Segment{g}); err != nil {
		t.Fatal(err)
	}
}

// batch returns all rows. The caller releases it.
func (o openTable) batch(t testing.TB) arrow.RecordBatch {
	t.Helper()
	var fields []arrow.Field
	for _, c := range o.columns {
		fields = append(fields, arrow.Field{Name: c.name, Type: arrowType(t, c.engine()), Nullable: true})
	}
	rec := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer rec.Release()
	for _, row := range o.rows {
		for i, v := range row {
			if v == nil {
				rec.Field(i).AppendNull()
			} else if err := rec.Field(i).AppendValueFromString(v.(string)); err != nil {
				t.Fatalf("%s.%s: %v", o.name, o.columns[i].name, err)
			}
		}
	}
	return rec.NewRecordBatch()
}

// arrowType is the form in which a column of the engine's type leaves.
func arrowType(t testing.TB, engine string) arrow.DataType {
	t.Helper()
	simple := map[string]arrow.DataType{"BOOLEAN": arrow.FixedWidthTypes.Boolean, "TINYINT": arrow.PrimitiveTypes.Int8, "SMALLINT": arrow.PrimitiveTypes.Int16,
		"INTEGER": arrow.PrimitiveTypes.Int32, "BIGINT": arrow.PrimitiveTypes.Int64, "UTINYINT": arrow.PrimitiveTypes.Uint8, "USMALLINT": arrow.PrimitiveTypes.Uint16,
		"UINTEGER": arrow.PrimitiveTypes.Uint32, "UBIGINT": arrow.PrimitiveTypes.Uint64, "HUGEINT": &arrow.Decimal128Type{Precision: 38},
		"FLOAT": arrow.PrimitiveTypes.Float32, "DOUBLE": arrow.PrimitiveTypes.Float64, "VARCHAR": arrow.BinaryTypes.String,
		"DATE": arrow.FixedWidthTypes.Date32, "TIMESTAMP": &arrow.TimestampType{Unit: arrow.Microsecond}}
	if a, ok := simple[engine]; ok {
		return a
	}
	var p, s int32
	if n, _ := fmt.Sscanf(engine, "DECIMAL(%d,%d)", &p, &s); n != 2 {
		t.Fatalf("type %s has no form", engine)
	}
	return &arrow.Decimal128Type{Precision: p, Scale: s}
}

func fieldsOf(s *arrow.Schema) []string {
	var out []string
	for _, f := range s.Fields() {
		out = append(out, f.Name+" "+f.Type.String())
	}
	return out
}

func textRows(batches []arrow.RecordBatch) [][]string {
	var rows [][]string
	for _, b := range batches {
		for i := range int(b.NumRows()) {
			row := make([]string, b.NumCols())
			for c := range row {
				row[c] = querytest.Null
				if col := b.Column(c); col.IsValid(i) {
					row[c] = col.ValueStr(i)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}
