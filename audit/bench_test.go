package audit_test

import (
	"fmt"
	"path/filepath"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			k := newKeys(b)
			l := k.open(b, filepath.Join(b.TempDir(), "log"))
			defer closeLog(b, l)
			b.SetParallelism(writers)
			next := make(chan int, 1)
			next <- 0
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := <-next
					next <- i + 1
					if _, err := l.Append(b.Context(), entry(fmt.Sprintf("e-%d", i), 1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
