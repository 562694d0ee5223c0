package detect_test

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"zonebox/masking/detect"
)

// BenchmarkScan reports, for one core, the best of many short runs by the
// thread's own clock, so that neighbors on the machine count for little:
// MB/s, and the ratios to copying the text and to two regular expressions.
func BenchmarkScan(b *testing.B) {
	text := realistic(b, 1<<20)
	empty := []byte(strings.Repeat(prose, len(text)/len(prose)))
	phone, id := regexp.MustCompile(`1[3-9]\d{9}`), regexp.MustCompile(`\d{17}[\dXx]`)
	dst := make([]byte, len(text))
	var hits []detect.Hit
	numbers := detect.Of(detect.Mobile, detect.ResidentID)
	scan := func(classes detect.Set, text []byte) func() {
		s := detect.New(detect.Options{Classes: classes})
		return func() { hits = s.Scan(hits[:0], text) }
	}
	copying := best(func() { copy(dst, text) })
	matching := best(func() { phone.FindAllIndex(text, -1); id.FindAllIndex(text, -1) })
	for _, bb := range []struct {
		name string
		run  func()
	}{
		{"copy", func() { copy(dst, text) }},
		{"regexps", func() { phone.FindAllIndex(text, -1); id.FindAllIndex(text, -1) }},
		{"phones-and-ids", scan(numbers, text)},
		{"phones-and-ids/prose", scan(numbers, empty)},
		{"numbers", scan(detect.All&^detect.Of(detect.PersonName, detect.PostalAddress), text)},
		{"all", scan(detect.All, text)},
		{"all/prose", scan(detect.All, empty)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bb.run()
			}
			b.StopTimer()
			d := best(bb.run)
			b.ReportMetric(float64(len(text))/d.Seconds()/1e6, "MB/s-cpu")
			b.ReportMetric(d.Seconds()/copying.Seconds(), "copies")
			b.ReportMetric(matching.Seconds()/d.Seconds(), "x-regexps")
		})
	}
}

// BenchmarkProfile reports rows a second of one core, whole columns under a header
// that says nothing.
func BenchmarkProfile(b *testing.B) {
	c := newCorpus(b, 4711)
	for _, bb := range []struct {
		name  string
		value func(person []string) string
	}{
		{"identity", func(p []string) string { return p[0] }},
		{"mobile", func(p []string) string { return p[2] }},
		{"name", func(p []string) string { return p[1] }},
		{"address", func(p []string) string { return p[3] }},
		{"remark", func([]string) string { return prose[:120] }},
	} {
		builder := array.NewStringBuilder(memory.DefaultAllocator)
		for _, p := range c.people {
			builder.Append(bb.value(p))
		}
		column := builder.NewArray()
		b.Run(bb.name, func(b *testing.B) {
			p := detect.NewProfiler("c1", detect.ProfileOptions{})
			add := func() {
				if err := p.Add(column); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				add()
			}
			b.StopTimer()
			b.ReportMetric(float64(column.Len())/best(add).Seconds()/1e6, "Mrows/s-cpu")
		})
		column.Release()
		builder.Release()
	}
}

// best returns the least time of the thread's own that one of 40 runs took.
func best(run func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clock := func() time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
			panic(err)
		}
		return time.Duration(t.Nano())
	}
	least := time.Hour
	for range 40 {
		start := clock()
		run()
		least = min(least, clock()-start)
	}
	return least
}
