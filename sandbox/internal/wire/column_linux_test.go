package wire_test

import (
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// BenchmarkWriteColumn writes a million values into memory as sealing does. The
// rate counts bytes of the array given, not of the file.
func BenchmarkWriteColumn(b *testing.B) {
	const n = 1 << 20
	mem := memory.DefaultAllocator
	longs := func(bits, nulls int) arrow.Array {
		r := rand.New(rand.NewPCG(1, 1))
		build := array.NewInt64Builder(mem)
		for range n {
			if nulls > 0 && r.IntN(nulls) == 0 {
				build.AppendNull()
				continue
			}
			build.Append(int64(r.Uint64()) >> (64 - bits))
		}
		return build.NewArray()
	}
	days := array.NewDate32Builder(mem)
	paid := array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: 12, Scale: 2})
	for i := range n {
		days.Append(arrow.Date32(11000 + i%5000))
		paid.Append(decimal128.FromI64(int64(i) * 900))
	}
	for _, c := range []struct {
		rule string
		arr  arrow.Array
	}{
		{"8 bits", longs(8, 0)},
		{"16 bits", longs(16, 0)},
		{"32 bits", longs(32, 0)},
		{"64 bits", longs(64, 0)},
		{"32 bits with nulls", longs(32, 10)},
		{"64 bits with nulls", longs(64, 10)},
		{"dates", days.NewArray()},
		{"decimals", paid.NewArray()},
	} {
		b.Run(c.rule, func(b *testing.B) {
			fd, err := unix.MemfdCreate("column", unix.MFD_CLOEXEC)
			if err != nil {
				b.Fatal(err)
			}
			f := os.NewFile(uintptr(fd), "column")
			defer f.Close()
			b.SetBytes(int64(n * c.arr.DataType().(arrow.FixedWidthDataType).Bytes()))
			var size int64
			for b.Loop() {
				if err := f.Truncate(0); err != nil {
					b.Fatal(err)
				}
				if _, err := f.Seek(0, io.SeekStart); err != nil {
					b.Fatal(err)
				}
				if err := wire.WriteColumn(f, c.arr); err != nil {
					b.Fatal(err)
				}
				if size, err = f.Seek(0, io.SeekEnd); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)/n, "bytes/value")
		})
	}
}
