package zone

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// What a chunk costs to verify and to open, in either suite.
func BenchmarkSuites(b *testing.B) {
	for _, p := range suites {
		key, err := p.key(make([]byte, p.keySize))
		if err != nil {
			b.Fatal(err)
		}
		plain := make([]byte, 8<<20, 8<<20+16)
		sealed := key.seal(plain, key.chunkNonce(1), nil)
		scratch := make([]byte, len(sealed))
		b.Run(string(p.suite)+"/digest", func(b *testing.B) {
			b.SetBytes(int64(len(sealed)))
			for b.Loop() {
				p.sum(sealed)
			}
		})
		b.Run(string(p.suite)+"/open", func(b *testing.B) {
			b.SetBytes(int64(len(sealed)))
			for b.Loop() {
				copy(scratch, sealed)
				if _, err := key.open(scratch, key.chunkNonce(1), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Rewrapping costs by columns and versions; rows play no part.
func BenchmarkRewrap(b *testing.B) {
	for _, c := range []struct{ columns, rows int }{{8, 1_000}, {8, 2_000_000}, {64, 1_000}} {
		b.Run(fmt.Sprintf("%d columns/%d rows", c.columns, c.rows), func(b *testing.B) {
			s, err := New(Config{Dir: b.TempDir(), Wrapper: plainKeys{}, Signer: plainKeys{}})
			if err != nil {
				b.Fatal(err)
			}
			spec := Spec{Zone: "z", Dataset: "d"}
			for i := range c.columns {
				spec.Columns = append(spec.Columns, ColumnSpec{fmt.Sprintf("c%d", i), "int64"})
			}
			l, err := s.Begin(spec)
			if err != nil {
				b.Fatal(err)
			}
			build := array.NewRecordBuilder(memory.DefaultAllocator, l.schema)
			defer build.Release()
			for i := range c.rows {
				for f := range c.columns {
					build.Field(f).(*array.Int64Builder).Append(int64(i))
				}
			}
			rec := build.NewRecordBatch()
			defer rec.Release()
			if err := l.Append(rec); err != nil {
				b.Fatal(err)
			}
			info, err := l.Commit(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := s.Rewrap("z", "d", info.Version, info.Manifest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
