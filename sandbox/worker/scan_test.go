package worker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duckdb "github.com/duckdb/duckdb-go-bindings"
	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// open returns an engine of a worker's settings without its confinement.
func open(t testing.TB, threads int) *engine {
	t.Helper()
	return openMemory(t, threads, 2<<30)
}

func openMemory(t testing.TB, threads int, memory int64) *engine {
	t.Helper()
	e, err := openEngine(wire.Options{Threads: threads, Memory: memory}, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeEngine(e) })
	return e
}

func closeEngine(e *engine) {
	duckdb.Disconnect(&e.conn)
	duckdb.Close(&e.db)
}

// sealed returns a descriptor of arr as the gate writes it, and gives arr back.
func sealed(t testing.TB, arr arrow.Array) int {
	t.Helper()
	var b strings.Builder
	if err := wire.WriteColumn(&b, arr); err != nil {
		t.Fatalf("WriteColumn(%v) = %v", arr.DataType(), err)
	}
	arr.Release()
	return memfd(t, b.String())
}

func memfd(t testing.TB, content string) int {
	t.Helper()
	fd, err := unix.MemfdCreate("column", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	for len(content) > 0 {
		n, err := unix.Write(fd, []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		content = content[n:]
	}
	return fd
}

// attach makes segments visible as a table of e and releases them.
func attach(t testing.TB, e *engine, name string, columns []wire.Column, segments ...[]arrow.Array) {
	t.Helper()
	table, err := e.table(wire.Table{Name: name, Columns: columns})
	if err != nil {
		t.Fatalf("table(%v) = %v", columns, err)
	}
	for _, g := range segments {
		part := wire.Part{Rows: int64(g[0].Len()), Files: len(g)}
		var files []int
		for _, arr := range g {
			files = append(files, sealed(t, arr))
		}
		if err := table.add(part, files); err != nil {
			t.Fatalf("add(%v) = %v", columns, err)
		}
	}
}

// stream makes segments visible as a table of e that come when scans ask for them,
// and checks at the end that none is left mapped.
func stream(t testing.TB, e *engine, name string, columns []wire.Column, segments ...[]arrow.Array) {
	t.Helper()
	table, err := e.table(wire.Table{Name: name, Columns: columns})
	if err != nil {
		t.Fatalf("table(%v) = %v", columns, err)
	}
	var contents [][]string
	for _, g := range segments {
		if g[0].Len() == 0 {
			continue
		}
		var files []string
		for _, arr := range g {
			var b strings.Builder
			if err := wire.WriteColumn(&b, arr); err != nil {
				t.Fatal(err)
			}
			files = append(files, b.String())
		}
		contents = append(contents, files)
		if err := table.announce(wire.Part{Rows: int64(g[0].Len())}); err != nil {
			t.Fatalf("announce(%v) = %v", columns, err)
		}
	}
	asked, dropped := 0, 0
	e.ask = func(m wire.SegmentMessage, n int, take func(fd int)) error {
		if m.Table != table.index || n != len(columns) {
			t.Errorf("asked for %d columns of %v", n, m)
		}
		asked++
		for _, content := range contents[m.Segment] {
			take(memfd(t, content))
		}
		return nil
	}
	e.drop = func(wire.SegmentMessage) { dropped++ }
	t.Cleanup(func() {
		if asked == 0 || asked != dropped || len(mapped) != 0 {
			t.Errorf("%d segments asked for, %d dropped, %d left", asked, dropped, len(mapped))
		}
	})
}

// must runs sql and returns the only value of its result as text.
func must(t testing.TB, e *engine, sql string) string {
	t.Helper()
	text, err := ask(e, sql)
	if err != nil {
		t.Fatalf("%.300s: %v", sql, err)
	}
	return text
}

func ask(e *engine, sql string) (string, error) {
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(e.conn, "SELECT x::VARCHAR FROM ("+sql+") q(x)", &res) != duckdb.StateSuccess {
		return "", errors.New(duckdb.ResultError(&res))
	}
	chunk := duckdb.FetchChunk(res)
	defer duckdb.DestroyDataChunk(&chunk)
	if chunk.Ptr == nil || duckdb.DataChunkGetSize(chunk) == 0 {
		return "", nil
	}
	v := duckdb.DataChunkGetVector(chunk, 0)
	if valid := validity(duckdb.VectorGetValidity(v), 1); valid != nil && !valid[0] {
		return "NULL", nil
	}
	return strings.Clone(vector[stringT](duckdb.VectorGetData(v), 1)[0].text()), nil
}

func run(t testing.TB, e *engine, sql string) {
	t.Helper()
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(e.conn, sql, &res) != duckdb.StateSuccess {
		t.Fatalf("%.300s: %s", sql, duckdb.ResultError(&res))
	}
}

// fillNative makes a table of the engine's own out of literals: the oracle.
func fillNative(t testing.TB, e *engine, name string, columns []wire.Column, types []wire.Type, rows [][]any) {
	t.Helper()
	defs := make([]string, len(columns))
	for i, c := range columns {
		defs[i] = quote(c.Name) + " " + c.Type
	}
	run(t, e, "CREATE TABLE "+quote(name)+" ("+strings.Join(defs, ", ")+")")
	var b strings.Builder
	for at, row := range rows {
		b.WriteString(" (")
		for i, cell := range row {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(literal(types[i], cell))
		}
		b.WriteString("),")
		if b.Len() > 1<<20 || at == len(rows)-1 {
			run(t, e, "INSERT INTO "+quote(name)+" VALUES"+strings.TrimSuffix(b.String(), ","))
			b.Reset()
		}
	}
}

// same compares every column of a scan with the oracle's, by value and as text,
// row by row: both have a column i that numbers the rows.
func same(t testing.TB, e *engine, native, scanned string, columns []wire.Column) {
	t.Helper()
	n := must(t, e, "SELECT count(*) FROM "+native)
	if got := must(t, e, "SELECT count(*) FROM "+scanned); got != n {
		t.Errorf("%s has %s rows, want %s", scanned, got, n)
	}
	for _, c := range columns {
		q := quote(c.Name)
		differ := must(t, e, fmt.Sprintf(`SELECT count(*) FROM %[1]s a FULL JOIN %[2]s b ON a.i = b.i
			WHERE a.i IS NULL OR b.i IS NULL OR a.%[3]s IS DISTINCT FROM b.%[3]s OR a.%[3]s::VARCHAR IS DISTINCT FROM b.%[3]s::VARCHAR`, native, scanned, q))
		if differ != "0" {
			first := must(t, e, fmt.Sprintf(`SELECT concat_ws(' ', 'row', a.i, 'want', left(coalesce(a.%[3]s::VARCHAR, 'NULL'), 100), 'got', left(coalesce(b.%[3]s::VARCHAR, 'NULL'), 100))
				FROM %[1]s a FULL JOIN %[2]s b ON a.i = b.i WHERE a.i IS NULL OR b.i IS NULL OR a.%[3]s IS DISTINCT FROM b.%[3]s OR a.%[3]s::VARCHAR IS DISTINCT FROM b.%[3]s::VARCHAR ORDER BY a.i LIMIT 1`, native, scanned, q))
			t.Errorf("%s %s: %s of %s rows differ: %s", c.Name, c.Type, differ, n, first)
		}
	}
}

// A form is one Arrow type in which an engine type may arrive.
type form struct {
	typ string
	dt  arrow.DataType
}

var codeTypes = []arrow.DataType{arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Uint16,
	arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64}

// forms lists every engine type in every Arrow type that carries it.
func forms() []form {
	list := []form{
		{"BOOLEAN", arrow.FixedWidthTypes.Boolean},
		{"TINYINT", arrow.PrimitiveTypes.Int8}, {"SMALLINT", arrow.PrimitiveTypes.Int16},
		{"INTEGER", arrow.PrimitiveTypes.Int32}, {"BIGINT", arrow.PrimitiveTypes.Int64},
		{"UTINYINT", arrow.PrimitiveTypes.Uint8}, {"USMALLINT", arrow.PrimitiveTypes.Uint16},
		{"UINTEGER", arrow.PrimitiveTypes.Uint32}, {"UBIGINT", arrow.PrimitiveTypes.Uint64},
		{"HUGEINT", &arrow.Decimal128Type{Precision: 38}},
		{"FLOAT", arrow.PrimitiveTypes.Float32}, {"DOUBLE", arrow.PrimitiveTypes.Float64},
		{"DATE", arrow.FixedWidthTypes.Date32}, {"TIME", arrow.FixedWidthTypes.Time64us},
		{"TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond}}, {"TIMESTAMP_S", &arrow.TimestampType{Unit: arrow.Second}},
		{"TIMESTAMP_MS", &arrow.TimestampType{Unit: arrow.Millisecond}}, {"TIMESTAMP_NS", &arrow.TimestampType{Unit: arrow.Nanosecond}},
		{"TIMESTAMP WITH TIME ZONE", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{"INTERVAL", arrow.FixedWidthTypes.MonthDayNanoInterval},
		{"UUID", &arrow.FixedSizeBinaryType{ByteWidth: 16}},
		{"VARCHAR", arrow.BinaryTypes.String}, {"VARCHAR", arrow.BinaryTypes.LargeString}, {"VARCHAR", arrow.BinaryTypes.StringView},
		{"BLOB", arrow.BinaryTypes.Binary}, {"BLOB", arrow.BinaryTypes.LargeBinary}, {"BLOB", arrow.BinaryTypes.BinaryView},
		{"DECIMAL(3,1)", &arrow.Decimal128Type{Precision: 3, Scale: 1}}, {"DECIMAL(9,2)", &arrow.Decimal128Type{Precision: 9, Scale: 2}},
		{"DECIMAL(18,6)", &arrow.Decimal128Type{Precision: 18, Scale: 6}}, {"DECIMAL(38,10)", &arrow.Decimal128Type{Precision: 38, Scale: 10}},
		{"DECIMAL(4,0)", &arrow.Decimal32Type{Precision: 4}}, {"DECIMAL(9,9)", &arrow.Decimal32Type{Precision: 9, Scale: 9}},
		{"DECIMAL(2,1)", &arrow.Decimal64Type{Precision: 2, Scale: 1}}, {"DECIMAL(7,3)", &arrow.Decimal64Type{Precision: 7, Scale: 3}},
		{"DECIMAL(12,3)", &arrow.Decimal64Type{Precision: 12, Scale: 3}},
		{"INTEGER[]", arrow.ListOf(arrow.PrimitiveTypes.Int32)}, {"VARCHAR[]", arrow.LargeListOf(arrow.BinaryTypes.String)},
		{"BOOLEAN[3]", arrow.FixedSizeListOf(3, arrow.FixedWidthTypes.Boolean)},
		{"MAP(VARCHAR, DOUBLE)", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64)},
		{`STRUCT("a" BIGINT, "b ""x""" VARCHAR)`, arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
			arrow.Field{Name: "b", Type: arrow.BinaryTypes.StringView, Nullable: true})},
		{"INTEGER[2][]", arrow.ListOf(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32))},
		{"VARCHAR[][3]", arrow.FixedSizeListOf(3, arrow.ListOf(arrow.BinaryTypes.String))},
		{`STRUCT("s" STRUCT("l" BOOLEAN[], "d" DATE), "t" TIME[2])`, arrow.StructOf(
			arrow.Field{Name: "s", Nullable: true, Type: arrow.StructOf(arrow.Field{Name: "l", Nullable: true, Type: arrow.ListOf(arrow.FixedWidthTypes.Boolean)},
				arrow.Field{Name: "d", Nullable: true, Type: arrow.FixedWidthTypes.Date32})},
			arrow.Field{Name: "t", Nullable: true, Type: arrow.FixedSizeListOf(2, arrow.FixedWidthTypes.Time64us)})},
	}
	for _, ct := range codeTypes {
		list = append(list, form{"VARCHAR", &arrow.DictionaryType{IndexType: ct, ValueType: arrow.BinaryTypes.String}})
	}
	return append(list, form{"VARCHAR", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.LargeString}})
}

// nullPatterns tell which of n values are null.
var nullPatterns = []struct {
	name string
	null func(r *rand.Rand, i, n int) bool
}{
	{"none", func(*rand.Rand, int, int) bool { return false }},
	{"all", func(*rand.Rand, int, int) bool { return true }},
	{"alternating", func(_ *rand.Rand, i, _ int) bool { return i%2 == 0 }},
	{"random", func(r *rand.Rand, _, _ int) bool { return r.IntN(5) == 0 }},
	{"only the first", func(_ *rand.Rand, i, _ int) bool { return i == 0 }},
	{"only the last", func(_ *rand.Rand, i, n int) bool { return i == n-1 }},
	{"runs across words", func(_ *rand.Rand, i, _ int) bool { return i%100 >= 50 && i%100 < 80 }},
	{"a run across vectors", func(_ *rand.Rand, i, _ int) bool { return i >= 2000 && i < 2100 }},
}

// slice builds arr with some rows before and after and cuts them off.
func slice(r *rand.Rand, mem memory.Allocator, dt arrow.DataType, typ wire.Type, cells []any, before, after int) arrow.Array {
	all := make([]any, 0, before+len(cells)+after)
	for range before {
		all = append(all, someCell(r, typ, 0))
	}
	all = append(all, cells...)
	for range after {
		all = append(all, someCell(r, typ, 0))
	}
	arr := build(r, mem, dt, all)
	defer arr.Release()
	return array.NewSlice(arr, int64(before), int64(before+len(cells)))
}

func TestScanEqualsTheEnginesOwnTables(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	for f, form := range forms() {
		t.Run(strings.ReplaceAll(form.typ+" as "+form.dt.String(), "/", " "), func(t *testing.T) {
			e := open(t, 2)
			typ, err := wire.ParseType(form.typ)
			if err != nil {
				t.Fatal(err)
			}
			const seed = 7
			r := rand.New(rand.NewPCG(seed, uint64(f)))
			columns, types := []wire.Column{{Name: "i", Type: "BIGINT"}}, []wire.Type{{ID: "BIGINT"}}
			for _, p := range nullPatterns {
				columns, types = append(columns, wire.Column{Name: p.name, Type: form.typ}), append(types, typ)
			}
			// Segments that end within, at and behind a vector's border.
			var rows [][]any
			var segments [][]arrow.Array
			for g, n := range []int{2110, 0, 1, 70} {
				cells := make([][]any, len(columns))
				for i := range n {
					row := []any{int64(len(rows))}
					for _, p := range nullPatterns {
						var c any
						if !p.null(r, i, n) {
							c = value(r, typ, 0)
						}
						row = append(row, c)
					}
					rows = append(rows, row)
					for c, x := range row {
						cells[c] = append(cells[c], x)
					}
				}
				var segment []arrow.Array
				for c := range columns {
					dt := form.dt
					if c == 0 {
						dt = arrow.PrimitiveTypes.Int64
					}
					segment = append(segment, slice(r, mem, dt, types[c], cells[c], 3*g+c%5, g%2))
				}
				segments = append(segments, segment)
			}
			fillNative(t, e, "native", columns, types, rows)
			stream(t, e, "streamed", columns, segments...)
			attach(t, e, "scanned", columns, segments...)
			same(t, e, "native", "scanned", columns)
			same(t, e, "native", "streamed", columns)
		})
	}
}
