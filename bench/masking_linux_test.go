package bench_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/masking/maskbench"
)

// dramRows of 11 bytes are more than the caches of most machines hold.
const dramRows = 4 << 20

// TestMaskingReport measures all masks, and some of them beside other ways to do
// the same, and writes what it found to the folder ZONEBOX_BENCH_RESULTS as
// masking-<date>.json, .html and .md. It fails if two ways that should mask alike
// do not; a target that is missed is written down.
func TestMaskingReport(t *testing.T) {
	folder := os.Getenv("ZONEBOX_BENCH_RESULTS")
	if folder == "" {
		t.Skip("make bench-masking runs it")
	}
	defer turn(t)()
	report, err := maskbench.Run(t.Context(), maskbench.Options{Rows: setting(t, "ZONEBOX_BENCH_ROWS", 1<<19), Seed: 1, Time: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	phones, to := io.Pipe()
	go func() {
		_, err := to.Write([]byte("phone\n"))
		for i := 0; i < dramRows && err == nil; i++ {
			_, err = fmt.Fprintf(to, "1%d%09d\n", 3+i%7, uint32(i)*2654435761%1_000_000_000)
		}
		to.CloseWithError(err)
	}()
	dram, err := maskbench.Run(t.Context(), maskbench.Options{Rows: dramRows, Seed: 1, File: phones, Column: "phone", Type: "string", Kinds: []string{"partial"}, Time: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p := newPeople(t)
	report.Beside = slices.Concat(p.partial(t), p.fpe(t), p.tokens(t), p.tags(t))
	report.Targets = targets(t, report, dram)
	report.Notes = append(report.Notes, "并列各法: 一个线程的处理器时间; DuckDB 含取回为 Arrow 的时间。 Side by side: processor time of one thread; DuckDB's includes its rows' way into Arrow memory.")
	base := filepath.Join(folder, "masking-"+report.Began.Format(time.DateOnly))
	for ending, write := range map[string]func(io.Writer) error{".json": report.Write, ".html": report.WriteHTML, ".md": func(w io.Writer) error { return summary(w, report) }} {
		f, err := os.Create(base + ending)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range report.Targets {
		t.Logf("%s: want %s, got %s, met %v", target.What, target.Want, target.Got, target.Met)
	}
}

// targets are the figures set for masks.
func targets(t *testing.T, r, dram maskbench.Report) []maskbench.Target {
	t.Helper()
	result := func(r maskbench.Report, technique, column, layout string) maskbench.Result {
		i := slices.IndexFunc(r.Results, func(x maskbench.Result) bool {
			return x.Technique == technique && x.Column == column && x.Layout == layout && x.Cardinality != "1%" && x.Threads == 1
		})
		if i < 0 {
			t.Fatalf("no result of %s on %s, %s", technique, column, layout)
		}
		return r.Results[i]
	}
	partial := result(dram, "partial(3,4)", "phone", "plain")
	fpe := find(t, r.Beside, "FF1", "capitalone")
	sm := find(t, r.Beside, "SM4-CMAC", "gmsm: HMAC-SM3")
	most := slices.MaxFunc(r.Results, func(a, b maskbench.Result) int { return int(a.Allocs - b.Allocs) })
	token, redact, plain := result(r, "token", "phone", "dictionary"), result(r, "redact", "phone", "dictionary"), result(r, "token", "phone", "plain")
	return []maskbench.Target{
		{What: fmt.Sprintf("部分遮盖手机号 partial(3,4) on phones, %d MB of them", partial.Bytes>>20), Want: "≥ 15% of memcpy",
			Got: fmt.Sprintf("%.1f%% of %.1f GB/s", 100*partial.OfMemcpy, partial.MemcpyGBPerSecond()), Met: partial.OfMemcpy >= 0.15},
		{What: "FF1-AES 成批 in batches, beside capitalone/fpe", Want: "≥ 25×", Got: fmt.Sprintf("%.1f×", fpe.Times), Met: fpe.Times >= 25},
		{What: "SM4-CMAC 成批 in batches, beside HMAC-SM3 per value", Want: "≥ 10×", Got: fmt.Sprintf("%.1f×", sm.Times), Met: sm.Times >= 10},
		{What: "每值的内存分配 allocations per value", Want: "0", Met: most.Allocs < maskbench.BatchRows/1000,
			Got: fmt.Sprintf("≤ %.0f per batch of %d rows", most.Allocs, maskbench.BatchRows)},
		{What: "字典列的代价随不同值 dictionary columns cost by distinct value: tokens of 100 values", Want: "as cheap as redact (≤ 1.5×)",
			Got: fmt.Sprintf("%.2f× redact; %.1f× the speed of plain", token.Median/redact.Median, plain.Median/token.Median), Met: token.Median <= 1.5*redact.Median},
	}
}

// summary writes the report as Markdown, without its charts.
func summary(w io.Writer, r maskbench.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# 脱敏测速 Masking benchmark, %s\n\n%s · %d 核 cores · AES %s · %s · %s · 负载 load %s\n", r.Began.Format(time.DateOnly),
		r.Machine.CPU, r.Machine.Cores, r.Machine.AES, r.Machine.System, r.Machine.Go, r.Machine.Load)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	if busy := r.Busy(); busy > 0 {
		fmt.Fprintf(&b, "\n本机另有负载: %d/%d 项测量中线程只占到处理器不足九成的时间,已从时间中扣除。 The machine did other work: in %d of %d results the threads had a processor for less than nine tenths of the time, which is left out.\n",
			busy, len(r.Results), busy, len(r.Results))
	}
	fmt.Fprint(&b, "\n| 目标 target | | 实测 measured | |\n|---|---|---|---|\n")
	for _, t := range r.Targets {
		met := "**未达到 missed**"
		if t.Met {
			met = "达到 met"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.What, t.Want, t.Got, met)
	}
	fmt.Fprint(&b, "\n| 任务 task | 做法 way | ns/行 row | 用时 time | ± | 分配 allocs/row | 不同之处 unlike |\n|---|---|--:|--:|--:|--:|---|\n")
	for _, x := range r.Beside {
		allocs := "–"
		if x.Allocs != nil {
			allocs = fmt.Sprintf("%.1f", *x.Allocs)
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f | %.2f× | %.0f%% | %s | %s |\n", x.Task, strings.ReplaceAll(x.What, "|", "\\|"), x.NsRow, x.Times, x.Spread, allocs, x.Unlike)
	}
	fmt.Fprint(&b, "\n一个线程,原样的列 one thread, columns as they are:\n\n| 技术 technique | 列 column | M 行/秒 rows/s | GB/s | 占复制 of memcpy | 对密码下限 over floor | 分配/批 allocs | ± |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	for _, x := range r.Results {
		if x.Threads != 1 || x.Cardinality != "full" {
			continue
		}
		floor := "–"
		if x.OverFloor > 0 {
			floor = fmt.Sprintf("%.1f× %s", x.OverFloor, x.Cipher)
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f | %.2f | %.1f%% | %s | %.0f | %.1f%% |\n", x.Short(), x.Column, x.RowsPerSecond()/1e6, x.GBPerSecond(), 100*x.OfMemcpy, floor, x.Allocs, x.Spread)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
