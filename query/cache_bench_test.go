package query_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

	"zonebox/masking"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/sandbox"
	"zonebox/zone"
)

// benchKeys wraps nothing: data keys are not what is measured.
type benchKeys struct{}

func (benchKeys) Wrap(_ string, dek, _ []byte) ([]byte, error) { return append([]byte{}, dek...), nil }
func (benchKeys) Unwrap(_ string, wrapped, _ []byte) ([]byte, error) {
	return append([]byte{}, wrapped...), nil
}
func (benchKeys) Sign([]byte) []byte         { return []byte{1} }
func (benchKeys) Verify([]byte, []byte) bool { return true }

const benchRows = 4 << 20

// benchStore holds visits of four columns in four segments.
func benchStore(b *testing.B) (*zone.Store, zone.Info) {
	b.Helper()
	s, err := zone.Open(b.TempDir(), benchKeys{}, benchKeys{})
	if err != nil {
		b.Fatal(err)
	}
	l, err := s.Begin(zone.Spec{Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{Name: "id", Type: "string"}, {Name: "district", Type: "string"},
		{Name: "cost", Type: "float64"}, {Name: "day", Type: "date"}}})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
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
		var fields []arrow.Field
		for i, name := range []string{"id", "district", "cost", "day"} {
			fields = append(fields, arrow.Field{Name: name, Type: columns[i].DataType()})
		}
		if err := l.Append(array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 1<<16)); err != nil {
			b.Fatal(err)
		}
	}
	info, err := l.Commit(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return s, info
}

// fill takes every column of a projection through the cache, as attaching does,
// and returns the bytes of the sealed columns.
func fill(b *testing.B, s *zone.Store, cache *sandbox.Cache, p zone.Projection) int64 {
	b.Helper()
	sizes := make(chan int64, 1024)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for piece, err := range s.Project(b.Context(), p) {
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range piece.Columns {
			group.Go(func() error {
				h, err := cache.Get(b.Context(), c.ID, sandbox.Tag{}, func() (*sandbox.Sealed, error) {
					arr, err := c.Array()
					if err != nil {
						return nil, err
					}
					defer arr.Release()
					return sandbox.Seal(arr)
				})
				if err != nil {
					return err
				}
				sizes <- h.Column().Size()
				return h.Release()
			})
		}
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	close(sizes)
	total := int64(0)
	for n := range sizes {
		total += n
	}
	return total
}

func BenchmarkFill(b *testing.B) {
	s, info := benchStore(b)
	clear := []zone.Project{{Name: "id"}, {Name: "district"}, {Name: "cost"}, {Name: "day"}}
	masked := []zone.Project{{Name: "id", Recipe: &masking.Recipe{Kind: "token"}}, {Name: "district", Recipe: &masking.Recipe{Kind: "region", Digits: 4}},
		{Name: "cost", Recipe: &masking.Recipe{Kind: "number", Width: 10}}, {Name: "day", Recipe: &masking.Recipe{Kind: "date", Part: "month"}}}
	scope := []zone.Condition{{Column: "district", In: []string{"320001", "320002", "320003"}}}
	for _, c := range []struct {
		name    string
		columns []zone.Project
		scope   []zone.Condition
		keep    int64
	}{
		{"clear", clear, nil, 1}, {"id", clear[:1], nil, 1}, {"cost", clear[2:3], nil, 1}, {"masked", masked, nil, 1}, {"scope", clear, scope, 1},
		{"hit", clear, nil, 4 << 30}, {"hit-scope", clear, scope, 4 << 30},
	} {
		b.Run(c.name, func(b *testing.B) {
			cache := sandbox.NewCache(sandbox.CacheConfig{Bytes: c.keep})
			defer cache.Evict(sandbox.Tag{})
			p := zone.Projection{Zone: info.Zone, Dataset: info.Dataset, Version: info.Version, Manifest: info.Manifest,
				Columns: c.columns, Scope: c.scope, Keys: masking.Keys{Token: make([]byte, 32)}}
			size := fill(b, s, cache, p)
			b.SetBytes(size)
			for b.Loop() {
				fill(b, s, cache, p)
			}
			b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// BenchmarkFillLimits is what a fill cannot do without, on as many processors.
func BenchmarkFillLimits(b *testing.B) {
	const size = 32 << 20
	each := func(b *testing.B, f func(buf []byte)) {
		bufs := make([][]byte, runtime.GOMAXPROCS(0))
		for i := range bufs {
			bufs[i] = make([]byte, size+16)
		}
		b.SetBytes(int64(size * len(bufs)))
		for b.Loop() {
			var group errgroup.Group
			for _, buf := range bufs {
				group.Go(func() error { f(buf); return nil })
			}
			_ = group.Wait()
		}
	}
	block, _ := aes.NewCipher(make([]byte, 32))
	gcm, _ := cipher.NewGCM(block)
	b.Run("aes-gcm", func(b *testing.B) {
		each(b, func(buf []byte) { gcm.Seal(buf[:0], make([]byte, 12), buf[:size], nil) })
	})
	b.Run("sha256", func(b *testing.B) { each(b, func(buf []byte) { sha256.Sum256(buf) }) })
	b.Run("memcpy", func(b *testing.B) {
		to := make([]byte, size+16)
		each(b, func(buf []byte) { copy(to, buf) })
	})
	b.Run("seal", func(b *testing.B) {
		each(b, func(buf []byte) {
			data := array.NewData(arrow.PrimitiveTypes.Int64, size/8, []*memory.Buffer{nil, memory.NewBufferBytes(buf[:size])}, nil, 0, 0)
			arr := array.NewInt64Data(data)
			c, err := sandbox.Seal(arr)
			if err == nil {
				err = c.Close()
			}
			if err != nil {
				b.Error(err)
			}
		})
	})
}

// BenchmarkSelective asks for a tenth of a table in ten segments, the others of
// which pruning leaves out, or not; cold and from the cache.
func BenchmarkSelective(b *testing.B) {
	const rows = 1_000_000
	data := querytest.Registers()
	data.Beds.Rows = nil
	for i := range rows {
		data.Beds.Rows = append(data.Beds.Rows, []string{querytest.Districts[i%4], fmt.Sprint("医院", i%5000), fmt.Sprint(i), fmt.Sprintf("19%02d-01-01", i%100), ""})
	}
	d := querytest.City(b, querytest.Options{Idle: 4})
	for _, pruned := range []bool{true, false} {
		for _, cached := range []bool{false, true} {
			d.Config = query.Segmented(d.Config, rows/10, pruned)
			d.Config.Cache = 1
			if cached {
				d.Config.Cache = 0
			}
			d.Reopen()
			if pruned && !cached {
				d.LoadTable("beds", data.Beds)
			}
			b.Run(fmt.Sprintf("pruned=%v/cached=%v", pruned, cached), func(b *testing.B) {
				for b.Loop() {
					_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT hospital, sum(beds) AS n FROM beds WHERE beds BETWEEN 310000 AND 380000 GROUP BY hospital ORDER BY n DESC LIMIT 5")
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
