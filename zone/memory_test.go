package zone_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/zone"
)

// wideSpec is a register of ten columns, about 100 bytes a row as CSV.
var wideSpec = zone.Spec{Zone: "z", Dataset: "d", Entity: "id", Columns: []zone.ColumnSpec{
	{"visit", "int64"}, {"id", "string"}, {"district", "string"}, {"department", "string"}, {"diagnosis", "string"},
	{"cost", "decimal(12,2)"}, {"paid", "float64"}, {"day", "date"}, {"at", "timestamp"}, {"phone", "string"},
}}

// wideBatch returns rows of as many people.
func wideBatch(r *rand.Rand, from, rows, people int) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "visit", Type: arrow.PrimitiveTypes.Int64}, {Name: "id", Type: arrow.BinaryTypes.String}, {Name: "district", Type: arrow.BinaryTypes.String},
		{Name: "department", Type: arrow.BinaryTypes.String}, {Name: "diagnosis", Type: arrow.BinaryTypes.String},
		{Name: "cost", Type: &arrow.Decimal128Type{Precision: 12, Scale: 2}}, {Name: "paid", Type: arrow.PrimitiveTypes.Float64},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32}, {Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond}}, {Name: "phone", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Reserve(rows)
	var text []byte
	digits := func(c int, prefix string, n, width int) {
		text = append(text[:0], prefix...)
		s := strconv.Itoa(n)
		text = append(text, strings.Repeat("0", max(0, width-len(s)))...)
		b.Field(c).(*array.StringBuilder).Append(string(append(text, s...)))
	}
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(from + i))
		digits(1, "320106", r.IntN(people), 12)
		digits(2, "3201", r.IntN(12), 2)
		digits(3, "D", r.IntN(40), 2)
		digits(4, "I", r.IntN(900), 3)
		b.Field(5).(*array.Decimal128Builder).Append(decimal128.FromI64(r.Int64N(1e7)))
		b.Field(6).(*array.Float64Builder).Append(r.Float64() * 1000)
		b.Field(7).(*array.Date32Builder).Append(arrow.Date32(19000 + r.IntN(1000)))
		b.Field(8).(*array.TimestampBuilder).Append(arrow.Timestamp(1.7e15 + r.Int64N(1e13)))
		digits(9, "139", r.IntN(1e8), 8)
	}
	return b.NewRecordBatch()
}

// What a load holds does not grow with its rows: some segments, and 25 bytes for
// each entity. ZONEBOX_LONG makes it fifty million rows.
func TestALoadTakesBoundedMemory(t *testing.T) {
	rows, people := 3_000_000, 500_000
	if os.Getenv("ZONEBOX_LONG") != "" {
		rows, people = 50_000_000, 10_000_000
	}
	s, err := zone.Open(t.TempDir(), keys{}, newSigner("gate"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Begin(wideSpec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Abort(); err != nil {
			t.Error(err)
		}
	}()
	var most uint64
	var inside time.Duration
	r := rand.New(rand.NewPCG(1, 2))
	const batch = 1 << 16
	for from := 0; from < rows; from += batch {
		rec := wideBatch(r, from, min(batch, rows-from), people)
		began := time.Now()
		err := l.Append(rec)
		inside += time.Since(began)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapSys-m.HeapReleased)
	}
	began := time.Now()
	info, err := l.Commit(t.Context())
	inside += time.Since(began)
	if err != nil || info.Rows != int64(rows) {
		t.Fatalf("%d rows, %v", info.Rows, err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for _, line := range strings.Split(string(status), "\n") {
			if strings.HasPrefix(line, "VmHWM") {
				t.Log(strings.Join(strings.Fields(line), " "))
			}
		}
	}
	t.Logf("%d rows, %d entities: heap of at most %d MiB; %.2f Mrows/s inside the store", rows, info.Stats.Entities, most>>20, float64(rows)/inside.Seconds()/1e6)
	if bound := uint64(1 << 30); most > bound {
		t.Errorf("the heap took %s, more than %d MiB", fmt.Sprint(most>>20), bound>>20)
	}
}
