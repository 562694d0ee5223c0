package masking_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/interleave"
	"zonebox/internal/raw"
	"zonebox/masking"
)

// benchRows of 11 bytes are more than the caches hold.
const benchRows = 4 << 20

func benchColumn(b *testing.B, n int, value func(r *rand.Rand) string) *array.String {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	s := array.NewStringBuilder(memory.DefaultAllocator)
	defer s.Release()
	for range n {
		s.Append(value(r))
	}
	return s.NewStringArray()
}

func phone(r *rand.Rand) string    { return fmt.Sprintf("1%d%09d", 3+r.IntN(7), r.IntN(1e9)) }
func district(r *rand.Rand) string { return fmt.Sprintf("32%02d%02d", r.IntN(13)+1, r.IntN(20)+1) }
func citizen(r *rand.Rand) string {
	return fmt.Sprintf("3201%02d19%02d%02d%02d%04d", r.IntN(20)+1, r.IntN(100), r.IntN(12)+1, r.IntN(28)+1, r.IntN(10000))
}

func surnamed(r *rand.Rand) string {
	names := []rune("王李张刘陈杨黄赵吴周伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂华红")
	name := []rune{names[r.IntN(10)], names[r.IntN(len(names))], names[r.IntN(len(names))]}
	return string(name[:2+r.IntN(2)])
}

// recycler gives memory again that was given back, without clearing it: what a
// mask takes beside the copy, which has its memory, too.
type recycler struct{ free [][]byte }

func (r *recycler) Allocate(size int) []byte {
	for i, b := range r.free {
		if cap(b) >= size && cap(b) <= 2*size+4096 {
			r.free = slices.Delete(r.free, i, i+1)
			return b[:size]
		}
	}
	return memory.DefaultAllocator.Allocate(size)
}

func (r *recycler) Reallocate(size int, b []byte) []byte {
	if cap(b) >= size {
		return b[:size]
	}
	to := r.Allocate(size)
	copy(to, b)
	r.Free(b)
	return to
}

func (r *recycler) Free(b []byte) { r.free = append(r.free, b) }

// Each mask beside a copy of the same bytes, in turns: nanoseconds per value of
// both, and how much of the copy's speed the mask has (mask-x). "mask" makes its
// column anew each time, of memory that Go clears; "again" has memory that is
// used again, as the copy has. allocs is how often mask asks for memory, for all
// rows.
func BenchmarkMask(b *testing.B) {
	for _, c := range []struct {
		name   string
		recipe masking.Recipe
		value  func(r *rand.Rand) string
	}{
		{"partial-phone", masking.Recipe{Kind: "partial", KeepFirst: 3, KeepLast: 4}, phone},
		{"partial-name", masking.Recipe{Kind: "partial", KeepFirst: 1}, surnamed},
		{"partial-id", masking.Recipe{Kind: "partial", KeepFirst: 6, KeepLast: 4}, citizen},
		{"token-phone", masking.Recipe{Kind: "token"}, phone},
		{"token-id", masking.Recipe{Kind: "token"}, citizen},
		{"region", masking.Recipe{Kind: "region", Digits: 4}, district},
		{"redact", masking.Recipe{Kind: "redact"}, phone},
		{"pattern", masking.Recipe{Kind: "pattern", Pattern: "###0000####"}, phone},
		{"map", masking.Recipe{Kind: "map", Values: map[string]string{"320101": "a", "320202": "b"}}, district},
		{"display-phone", masking.Recipe{Kind: "display", Field: "phone"}, phone},
		{"display-id", masking.Recipe{Kind: "display", Field: "id"}, citizen},
		{"display-name", masking.Recipe{Kind: "display", Field: "name"}, surnamed},
		{"geohash", masking.Recipe{Kind: "geohash", Digits: 5}, func(r *rand.Rand) string {
			return fmt.Sprintf("%.4f,%.4f", 100+r.Float64()*20, 20+r.Float64()*20)
		}},
		{"shuffle", masking.Recipe{Kind: "shuffle"}, phone},
	} {
		b.Run(c.name, func(b *testing.B) {
			arr := benchColumn(b, benchRows, c.value)
			defer arr.Release()
			k, err := masking.Compile("string", c.recipe, zoneKeys)
			if err != nil {
				b.Fatal(err)
			}
			copied := make([]byte, len(arr.ValueBytes()))
			with := func(alloc memory.Allocator) func() {
				return func() {
					out, _, err := k.Apply(alloc, arr)
					if err != nil {
						b.Fatal(err)
					}
					out.Release()
				}
			}
			mask := with(memory.DefaultAllocator)
			interleave.Bench(b, benchRows,
				interleave.Row{Name: "memcpy", Call: func() { copy(copied, arr.ValueBytes()) }},
				interleave.Row{Name: "mask", Call: mask},
				interleave.Row{Name: "again", Call: with(new(recycler))})
			b.ReportMetric(testing.AllocsPerRun(1, mask), "allocs")
		})
	}
}

// Kinds over numbers and dates, and of draws by entity.
func BenchmarkMaskNumbers(b *testing.B) {
	for _, c := range []struct {
		name, column string
		recipe       masking.Recipe
	}{
		{"number", "int64", masking.Recipe{Kind: "number", Width: 10}},
		{"token", "int64", masking.Recipe{Kind: "token"}},
		{"top_bottom", "int64", masking.Recipe{Kind: "top_bottom", High: new(500.0)}},
		{"noise", "int64", masking.Recipe{Kind: "noise", Spread: 5}},
		{"month", "date", masking.Recipe{Kind: "date", Part: "month"}},
		{"shift", "date", masking.Recipe{Kind: "shift", Days: 30}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			builder := array.NewBuilder(memory.DefaultAllocator, types[c.column])
			defer builder.Release()
			for range benchRows {
				switch v := builder.(type) {
				case *array.Int64Builder:
					v.Append(r.Int64N(1000))
				case *array.Date32Builder:
					v.Append(arrow.Date32(r.IntN(20000)))
				}
			}
			arr := builder.NewArray()
			defer arr.Release()
			entities := benchColumn(b, benchRows, citizen)
			defer entities.Release()
			k, err := masking.Compile(c.column, c.recipe, zoneKeys)
			if err != nil {
				b.Fatal(err)
			}
			from := arr.Data().Buffers()[1].Bytes()
			copied := make([]byte, len(from))
			mask := func() {
				var out arrow.Array
				var err error
				if k.PerEntity() {
					out, _, err = k.ApplyBy(memory.DefaultAllocator, arr, entities)
				} else {
					out, _, err = k.Apply(memory.DefaultAllocator, arr)
				}
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			interleave.Bench(b, benchRows,
				interleave.Row{Name: "memcpy", Call: func() { copy(copied, from) }},
				interleave.Row{Name: "mask", Call: mask})
			b.ReportMetric(testing.AllocsPerRun(1, mask), "allocs")
		})
	}
}

// A dictionary costs its distinct values.
func BenchmarkMaskDictionary(b *testing.B) {
	arr := benchColumn(b, benchRows, district)
	defer arr.Release()
	dict, err := masking.Compact(memory.DefaultAllocator, arr)
	if err != nil {
		b.Fatal(err)
	}
	defer dict.Release()
	fields := []arrow.Field{{Name: "d", Type: dict.DataType(), Nullable: true}}
	batch := raw.Seal(array.NewRecordBatch(arrow.NewSchema(fields, nil), []arrow.Array{dict}, benchRows))
	defer batch.Release()
	k, err := masking.Compile("string", masking.Recipe{Kind: "region", Digits: 4}, zoneKeys)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			out, _, err := k.Apply(memory.DefaultAllocator, arr)
			if err != nil {
				b.Fatal(err)
			}
			out.Release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/value")
	})
	b.Run("dictionary", func(b *testing.B) { // a plan leaves it one, in goroutines of its own
		for b.Loop() {
			out, _, err := masking.Plan{{Name: "d", Kernel: &k}}.Apply(memory.DefaultAllocator, batch)
			if err != nil {
				b.Fatal(err)
			}
			out.Release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/value")
	})
}
