package worker

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duckdb "github.com/duckdb/duckdb-go-bindings"
	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

const (
	benchRows    = 10_000_000
	benchSegment = 1_000_000
)

var benchColumns = []wire.Column{
	{Name: "id", Type: "BIGINT"}, {Name: "k", Type: "INTEGER"}, {Name: "day", Type: "DATE"}, {Name: "x", Type: "DOUBLE"},
	{Name: "y", Type: "DOUBLE"}, {Name: "paid", Type: "DECIMAL(12,2)"}, {Name: "city", Type: "VARCHAR"}, {Name: "coded", Type: "VARCHAR"},
	{Name: "name", Type: "VARCHAR"}, {Name: "flag", Type: "BOOLEAN"}, {Name: "seen", Type: "TIMESTAMP"},
}

// benchShapes are analytic statements over %s, a table of benchRows rows, and
// %s_side, one of 1,000.
var benchShapes = []struct{ name, sql string }{
	{"count", `SELECT count(*) FROM %[1]s`},
	{"sum", `SELECT sum(x) FROM %[1]s`},
	{"sum of integers", `SELECT sum(id), sum(k) FROM %[1]s`},
	{"range of dates", `SELECT min(day), max(day) FROM %[1]s`},
	{"sum of nulls", `SELECT sum(y), count(y) FROM %[1]s`},
	{"sum of decimals", `SELECT sum(paid), min(paid) FROM %[1]s`},
	{"filter and sum", `SELECT count(*), sum(paid) FROM %[1]s WHERE x > 0.5 AND day >= DATE '2005-01-01'`},
	{"group by number", `SELECT k, count(*), sum(x) FROM %[1]s GROUP BY k`},
	{"group by text", `SELECT city, count(*), sum(x) FROM %[1]s GROUP BY city`},
	{"group by dictionary", `SELECT coded, count(*), sum(x) FROM %[1]s GROUP BY coded`},
	{"group by month", `SELECT year(day), month(day), avg(x), sum(paid) FROM %[1]s WHERE flag GROUP BY ALL`},
	{"count distinct", `SELECT count(DISTINCT id) FROM %[1]s`},
	{"text filter", `SELECT count(*) FROM %[1]s WHERE name LIKE '%%77%%'`},
	{"text length", `SELECT sum(length(name)), max(name) FROM %[1]s`},
	{"join a small table", `SELECT s.label, sum(x) FROM %[1]s t JOIN %[1]s_side s ON t.k = s.k GROUP BY s.label`},
	{"join most of it", `SELECT s.label, sum(x) FROM %[1]s t JOIN %[1]s_side s ON t.k = s.k WHERE s.k <> 500 GROUP BY s.label`},
	{"join itself", `SELECT count(*), sum(a.x * b.y) FROM %[1]s a JOIN %[1]s b ON a.id = b.id`},
	{"top rows", `SELECT id, x, name FROM %[1]s ORDER BY x DESC LIMIT 100`},
	{"sort", `SELECT sum(r * id) FROM (SELECT id, row_number() OVER (ORDER BY seen) r FROM %[1]s) q`},
	{"rows of a filter", `SELECT id, x FROM %[1]s WHERE x > 0.99`},
}

func benchArrays(first, n int) []arrow.Array {
	r := rand.New(rand.NewPCG(1, uint64(first)))
	mem := memory.DefaultAllocator
	id, k, day := array.NewInt64Builder(mem), array.NewInt32Builder(mem), array.NewDate32Builder(mem)
	x, y := array.NewFloat64Builder(mem), array.NewFloat64Builder(mem)
	paid := array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: 12, Scale: 2})
	city, name := array.NewStringBuilder(mem), array.NewStringBuilder(mem)
	codes, cities := array.NewInt32Builder(mem), array.NewStringBuilder(mem)
	flag, seen := array.NewBooleanBuilder(mem), array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Microsecond})
	for c := range 100 {
		cities.Append(fmt.Sprintf("city-%02d", c))
	}
	for i := range n {
		c := r.IntN(100)
		id.Append(int64(first+i) * 7919 % benchRows)
		k.Append(int32(r.IntN(1000)))
		day.Append(arrow.Date32(11000 + r.IntN(5000)))
		x.Append(r.Float64())
		if r.IntN(10) == 0 {
			y.AppendNull()
		} else {
			y.Append(r.Float64())
		}
		paid.Append(decimal128.FromI64(int64(r.IntN(1e9))))
		city.Append(fmt.Sprintf("city-%02d", c))
		codes.Append(int32(c))
		name.Append(fmt.Sprintf("a name of person %09d", r.IntN(1e9)))
		flag.Append(r.IntN(2) == 0)
		seen.Append(arrow.Timestamp(r.Int64N(1e15)))
	}
	coded := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, codes.NewArray(), cities.NewArray())
	return []arrow.Array{id.NewArray(), k.NewArray(), day.NewArray(), x.NewArray(), y.NewArray(), paid.NewArray(), city.NewArray(), coded,
		name.NewArray(), flag.NewArray(), seen.NewArray()}
}

// attachSide attaches 1,000 keys and their labels.
func attachSide(t testing.TB, e *engine) {
	k, label := array.NewInt32Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 1000 {
		k.Append(int32(i))
		label.Append(fmt.Sprintf("label %d", i%20))
	}
	attach(t, e, "scanned_side", []wire.Column{{Name: "k", Type: "INTEGER"}, {Name: "label", Type: "VARCHAR"}}, []arrow.Array{k.NewArray(), label.NewArray()})
}

// BenchmarkScanAgainstNative runs every shape over an attached table, over the
// same with none of its pages touched yet, as every statement of a new worker
// finds it, and over the engine's own copy, in turns. It reports the quotients of
// the medians.
func BenchmarkScanAgainstNative(b *testing.B) {
	e := openMemory(b, 2, 12<<30)
	for first := 0; first < benchRows; first += benchSegment {
		attach(b, e, "scanned", benchColumns, benchArrays(first, benchSegment))
	}
	attachSide(b, e)
	run(b, e, "CREATE TABLE native AS FROM scanned")
	run(b, e, "CREATE TABLE native_side AS FROM scanned_side")
	for _, shape := range benchShapes {
		b.Run(shape.name, func(b *testing.B) {
			var wall, cpu [3][]float64 // ms: native, scanned, scanned from untouched pages
			for i := 0; b.Loop(); i++ {
				for j := range 3 {
					side := (i + j) % 3
					if side == 2 {
						untouch(b)
					}
					begun, used := time.Now(), cpuTime(b)
					drain(b, e, fmt.Sprintf(shape.sql, []string{"native", "scanned", "scanned"}[side]))
					wall[side] = append(wall[side], time.Since(begun).Seconds()*1e3)
					cpu[side] = append(cpu[side], (cpuTime(b)-used).Seconds()*1e3)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(wall[0]), "native-ms")
			b.ReportMetric(median(wall[1]), "scan-ms")
			b.ReportMetric(median(wall[1])/median(wall[0]), "x-wall")
			b.ReportMetric(median(cpu[1])/median(cpu[0]), "x-cpu")
			b.ReportMetric(median(cpu[2])/median(cpu[0]), "x-cpu-first")
		})
	}
}

// untouch takes the pages of mapped columns out of the process's page tables.
func untouch(t testing.TB) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.Contains(line, "/memfd:column") {
			continue
		}
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			t.Fatal(err)
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); errno != 0 {
			t.Fatal(errno)
		}
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// cpuTime is what all threads of the process have used. Other load on the
// machine stretches the wall clock more than it.
func cpuTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// drain runs sql as execute does.
func drain(t testing.TB, e *engine, sql string) {
	stmt, _, err := e.prepare(sql, nil)
	defer duckdb.DestroyPrepare(&stmt)
	if err != nil {
		t.Fatal(sql, err)
	}
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePreparedStreaming(stmt, &res) != duckdb.StateSuccess {
		t.Fatal(duckdb.ResultError(&res))
	}
	for {
		chunk := duckdb.FetchChunk(res)
		done := chunk.Ptr == nil || duckdb.DataChunkGetSize(chunk) == 0
		duckdb.DestroyDataChunk(&chunk)
		if done {
			return
		}
	}
}
