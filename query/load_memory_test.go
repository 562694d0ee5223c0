package query_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// visitStream is a register of visits as CSV that is made as it is read: of size
// bytes or a little more, of a million people.
type visitStream struct {
	size, made int64
	rows       int64
	buf        []byte
	rest       []byte
}

func (s *visitStream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.made >= s.size {
			return 0, io.EOF
		}
		s.buf = s.buf[:0]
		if s.rows == 0 {
			s.buf = append(s.buf, "visit_id,id_number,visit_date,district,department,diagnosis,cost\n"...)
		}
		for len(s.buf) < 64<<10 {
			n := s.rows
			s.rows++
			person := n * 7919 % 1_000_000
			s.buf = fmt.Appendf(s.buf, "MZ%012d,32010%d%04d0101%04d,2026-%02d-%02d,%s,内科,I10,%d.25\n", n, 1+person%6, 1950+person/6%50, person/300%10000, 1+n%12, 1+n%28,
				querytest.Districts[n%4], 100+n%1000)
		}
		s.made += int64(len(s.buf))
		s.rest = s.buf
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// watchMemory returns what tells the largest resident sets, in bytes, of this
// process and of any worker of its since the call.
func watchMemory(t *testing.T) func() (gate, worker int64) {
	t.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skip("the kernel does not reset the peak of a process")
	}
	peak := func(pid string) int64 {
		b, _ := os.ReadFile("/proc/" + pid + "/status")
		m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
		if m == nil {
			return 0
		}
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		return n << 10
	}
	var most int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			children, _ := filepath.Glob("/proc/self/task/*/children")
			for _, c := range children {
				pids, _ := os.ReadFile(c)
				for pid := range strings.FieldsSeq(string(pids)) {
					most = max(most, peak(pid))
				}
			}
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	})
	return func() (int64, int64) {
		close(done)
		wg.Wait()
		return peak("self"), most
	}
}

// TestALoadOfAnySizeTakesBoundedMemory streams a register through worker and store:
// 150 MB, or 5 GB with ZONEBOX_LONG. Neither gate nor worker may come to 1 GB.
func TestALoadOfAnySizeTakesBoundedMemory(t *testing.T) {
	size := int64(150 << 20)
	if os.Getenv("ZONEBOX_LONG") != "" {
		size = 5 << 30
	}
	d := querytest.City(t, querytest.Options{})
	truth := &visitStream{size: size}
	sum := sha256.New()
	bytes, err := io.Copy(sum, truth)
	if err != nil {
		t.Fatal(err)
	}
	m := query.Manifest{Zone: "medical", Dataset: "visits", Grant: "visits-statistics", Format: "csv", Encoding: "utf-8", Rows: truth.rows,
		SHA256: hex.EncodeToString(sum.Sum(nil)), Acquired: "2026-11-01", SchemaSHA256: d.Schema("visits")}
	debug.FreeOSMemory()
	peaks := watchMemory(t)
	began := time.Now()
	report, err := d.Engine.Load(t.Context(), d.Subject("wu.dc"), m, &visitStream{size: size})
	took := time.Since(began)
	gate, worker := peaks()
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	t.Logf("%d rows, %d MB in %v, %.0f MB/s; resident at most: gate %d MB, worker %d MB", report.Rows, bytes>>20, took.Round(time.Second),
		float64(bytes)/1e6/took.Seconds(), gate>>20, worker>>20)
	if report.Rows != truth.rows {
		t.Errorf("%d rows, want %d", report.Rows, truth.rows)
	}
	if worker == 0 || gate >= 1<<30 || worker >= 1<<30 {
		t.Errorf("resident at most: gate %d MB, worker %d MB, want less than 1024", gate>>20, worker>>20)
	}
}
