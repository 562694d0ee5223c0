package bench_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"zonebox/bench/registers"
	"zonebox/query"
	"zonebox/query/querytest"
)

// A whole load (CSV, parsed in a worker, checked, measured, encrypted, flushed)
// beside what the engine alone makes of the same file: Parquet with zstd. In turns;
// the ratio is of processor time, all processes of the gate counted.
func BenchmarkWholeLoad(b *testing.B) {
	const rows = 1_000_000
	d := streets(b, querytest.Options{Idle: 1}, 10_000)
	n := startNative(b, 1000)
	r := registers.City(rows)[0]
	path := filepath.Join(b.TempDir(), "delivery.csv")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.New()
	if err := r.CSV(io.MultiWriter(file, sum)); err != nil {
		b.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	round := 0 // each is of a later day: what is in use already is not read again
	load := func() {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		m := query.Manifest{Zone: "transport", Dataset: r.Name, Grant: grantOf(r), Format: "csv", Encoding: "utf-8", Rows: r.Rows,
			SHA256: hex.EncodeToString(sum.Sum(nil)), Acquired: fmt.Sprintf("2026-11-%02d", min(23, 2+round)), SchemaSHA256: d.Schema(r.Name)}
		if _, err := d.Engine.Load(b.Context(), d.Subject("wu.dc"), m, f); err != nil {
			b.Fatalf("%s (%v)", querytest.Text(err), err)
		}
	}
	var ours, theirs, wall, theirWall time.Duration
	for b.Loop() {
		used, began := used(b), time.Now()
		load()
		ours, wall = ours+usedSince(b, used), wall+time.Since(began)
		a := n.ask(map[string]any{"sql": fmt.Sprintf("COPY (SELECT * FROM read_csv('%s')) TO '%s' (FORMAT parquet, COMPRESSION zstd)", path, path+".parquet")})
		theirs, theirWall = theirs+time.Duration(a.Processor), theirWall+time.Duration(a.Nanoseconds)
		round++
	}
	b.ReportMetric(float64(info.Size())*float64(round)/ours.Seconds()/1e6, "load-MB/s-of-a-core")
	b.ReportMetric(float64(info.Size())*float64(round)/theirs.Seconds()/1e6, "engine-MB/s-of-a-core")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "load-x")
	b.ReportMetric(theirWall.Seconds()/wall.Seconds(), "load-x-wall")
}

// used returns the processor time of this process and of those it waited for.
func used(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

func usedSince(b *testing.B, before time.Duration) time.Duration { return used(b) - before }
