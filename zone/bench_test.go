package zone_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

const benchRows = 2 << 20

var benchSpec = zone.Spec{Zone: "z", Dataset: "d", Entity: "id", Columns: []zone.ColumnSpec{
	{"id", "string"}, {"district", "string"}, {"cost", "float64"}, {"day", "date"},
}}

// benchBatches are visits of a tenth as many persons, in 300 districts.
func benchBatches() []arrow.RecordBatch {
	r := rand.New(rand.NewPCG(1, 2))
	var out []arrow.RecordBatch
	for done := 0; done < benchRows; done += 1 << 16 {
		id, district := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
		cost, day := array.NewFloat64Builder(memory.DefaultAllocator), array.NewDate32Builder(memory.DefaultAllocator)
		for range 1 << 16 {
			id.Append(fmt.Sprintf("320106%012d", r.IntN(benchRows/10)))
			district.Append(fmt.Sprintf("%06d", 320000+r.IntN(300)))
			cost.Append(r.Float64() * 1000)
			day.Append(arrow.Date32(19000 + r.IntN(1000)))
		}
		columns := []arrow.Array{id.NewArray(), district.NewArray(), cost.NewArray(), day.NewArray()}
		fields := []arrow.Field{{Name: "id", Type: columns[0].DataType()}, {Name: "district", Type: columns[1].DataType()},
			{Name: "cost", Type: columns[2].DataType()}, {Name: "day", Type: columns[3].DataType()}}
		out = append(out, array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 1<<16))
	}
	return out
}

func benchLoad(b *testing.B, s *zone.Store, batches []arrow.RecordBatch) zone.Info {
	b.Helper()
	l, err := s.Begin(benchSpec)
	if err != nil {
		b.Fatal(err)
	}
	for _, rec := range batches {
		if err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
	info, err := l.Commit(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return info
}

func BenchmarkLoad(b *testing.B) {
	batches := benchBatches()
	s, err := zone.Open(b.TempDir(), keys{}, newSigner("gate"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		benchLoad(b, s, batches)
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkProject(b *testing.B) {
	s, err := zone.Open(b.TempDir(), keys{}, newSigner("gate"))
	if err != nil {
		b.Fatal(err)
	}
	info := benchLoad(b, s, benchBatches())
	clear := []zone.Project{{Name: "id"}, {Name: "district"}, {Name: "cost"}, {Name: "day"}}
	masked := []zone.Project{
		{Name: "id", Recipe: &masking.Recipe{Kind: "token"}},
		{Name: "district", Recipe: &masking.Recipe{Kind: "region", Digits: 4}},
		{Name: "cost", Recipe: &masking.Recipe{Kind: "number", Width: 10}},
		{Name: "day", Recipe: &masking.Recipe{Kind: "date", Part: "month"}},
	}
	scope := []zone.Condition{{Column: "district", In: []string{"320001", "320002", "320003"}}}
	for _, c := range []struct {
		name    string
		columns []zone.Project
		scope   []zone.Condition
	}{
		{"id", clear[:1], nil}, {"district", clear[1:2], nil}, {"clear", clear, nil},
		{"token", masked[:1], nil}, {"region", masked[1:2], nil}, {"number", masked[2:3], nil}, {"month", masked[3:], nil},
		{"masked", masked, nil}, {"scope", clear, scope},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := projection(info, c.columns...)
			p.Entity, p.Scope = true, c.scope
			for b.Loop() {
				for rec, err := range batches(s, b.Context(), p) {
					if err != nil {
						b.Fatal(err)
					}
					rec.Release()
				}
			}
			b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// What verify and decrypt do with a version, beside what bounds them on one core:
// the digest, the cipher and a copy of as many bytes.
func BenchmarkVerify(b *testing.B) {
	s, err := zone.Open(b.TempDir(), keys{}, newSigner("gate"))
	if err != nil {
		b.Fatal(err)
	}
	info := benchLoad(b, s, benchBatches())
	for _, v := range []zone.Verification{{}, {Decrypt: true}} {
		b.Run(fmt.Sprintf("decrypt=%v", v.Decrypt), func(b *testing.B) {
			cpu = processor()
			bytes := int64(0)
			for b.Loop() {
				done, err := s.VerifyPart(b.Context(), info.Zone, info.Dataset, info.Version, info.Manifest, v)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(done.Bytes)
				bytes = done.Bytes
			}
			perCore(b, bytes)
		})
	}
	plain, out := make([]byte, 16<<20), make([]byte, 16<<20+16)
	b.Run("sha256", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		cpu = processor()
		defer perCore(b, int64(len(plain)))
		for b.Loop() {
			sha256.Sum256(plain)
		}
	})
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	sealed := gcm.Seal(nil, make([]byte, 12), plain, nil)
	b.Run("aes-256-gcm", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		cpu = processor()
		defer perCore(b, int64(len(plain)))
		for b.Loop() {
			if _, err := gcm.Open(out[:0], make([]byte, 12), sealed, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("memcpy", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		cpu = processor()
		defer perCore(b, int64(len(plain)))
		for b.Loop() {
			copy(out, plain)
		}
	})
}

// cpu is what the process had used of the processors when a benchmark began.
var cpu time.Duration

func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perCore reports bytes by the time that all processors together spent: what a core
// does, whatever else the machine does.
func perCore(b *testing.B, bytes int64) {
	b.ReportMetric(float64(bytes)*float64(b.N)/(processor()-cpu).Seconds()/1e9, "GB/s-of-a-core")
}

// BenchmarkFollow numbers a version that has the rows of the one before, the last
// thousandth in new ones, for counts and then for two measures, and reports what
// processor time each took.
func BenchmarkFollow(b *testing.B) {
	for _, batches := range []int{16, 160} {
		b.Run(fmt.Sprintf("rows=%d", batches<<16), func(b *testing.B) {
			s, err := zone.Open(b.TempDir(), keys{}, newSigner("gate"))
			if err != nil {
				b.Fatal(err)
			}
			one := benchVersion(b, s, batches, 0)
			first, err := s.Following(one).Number(b.Context(), nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			two := benchVersion(b, s, batches, batches<<16/1000)
			took := make([]float64, 3)
			for b.Loop() {
				f := s.Following(two)
				for i, measure := range [][]string{nil, {"cost"}, {"day"}} {
					from := processor()
					if _, err := f.Number(b.Context(), measure, []zone.Numbered{{Ref: one, Lineage: first}}); err != nil {
						b.Fatal(err)
					}
					took[i] += (processor() - from).Seconds()
				}
			}
			for i, name := range []string{"counts", "cost", "day"} {
				b.ReportMetric(took[i]/float64(b.N), "cpu-s/"+name)
			}
		})
	}
}

// benchVersion loads rows of which the last, so many, are of other people than they
// would be.
func benchVersion(b *testing.B, s *zone.Store, batches, others int) zone.Ref {
	b.Helper()
	l, err := s.Begin(benchSpec)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range batches {
		id, district := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
		cost, day := array.NewFloat64Builder(memory.DefaultAllocator), array.NewDate32Builder(memory.DefaultAllocator)
		for i := range 1 << 16 {
			person := fmt.Sprintf("320106%012d", r.IntN(batches<<13))
			if n<<16+i >= batches<<16-others {
				person = fmt.Sprintf("110106%012d", i)
			}
			id.Append(person)
			district.Append(fmt.Sprintf("%06d", 320000+r.IntN(300)))
			cost.Append(r.Float64() * 1000)
			day.Append(arrow.Date32(19000 + r.IntN(1000)))
		}
		columns := []arrow.Array{id.NewArray(), district.NewArray(), cost.NewArray(), day.NewArray()}
		fields := []arrow.Field{{Name: "id", Type: columns[0].DataType()}, {Name: "district", Type: columns[1].DataType()},
			{Name: "cost", Type: columns[2].DataType()}, {Name: "day", Type: columns[3].DataType()}}
		if err := l.Append(array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 1<<16)); err != nil {
			b.Fatal(err)
		}
	}
	info, err := l.Commit(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return zone.Ref{Zone: info.Zone, Dataset: info.Dataset, Version: info.Version, Manifest: info.Manifest}
}

// BenchmarkOccur looks 1,000 values up that do not occur in a column: the first time,
// when its values are hashed, and once they are known.
func BenchmarkOccur(b *testing.B) {
	s, err := zone.Open(b.TempDir(), keys{}, newSigner("gate"))
	if err != nil {
		b.Fatal(err)
	}
	info := benchLoad(b, s, benchBatches())
	var values []string
	for i := range 1000 {
		values = append(values, fmt.Sprintf("320107%012d", i))
	}
	for _, known := range []bool{false, true} {
		b.Run(map[bool]string{false: "first", true: "again"}[known], func(b *testing.B) {
			for b.Loop() {
				if !known {
					s.Forget("")
				}
				if _, err := s.Occur(b.Context(), projection(info), "id", values); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
