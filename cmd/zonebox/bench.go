package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zonebox/masking/maskbench"
)

func (a *app) benchCmd() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: a.say("在本机测速", "measure this machine")}
	c.AddCommand(a.benchMaskingCmd())
	return c
}

// measuring is the flags of bench masking.
type measuring struct {
	options                               maskbench.Options
	file, output, html, save, compare, no string
}

func (a *app) benchMaskingCmd() *cobra.Command {
	var m measuring
	o := &m.options
	c := &cobra.Command{
		Use:   "masking",
		Short: a.say("脱敏测速:技术 × 列类型 × 基数 × 线程,与内存复制和密码下限并列", "measure masks: technique × column type × cardinality × threads, beside memcpy and the cipher floor"),
		Long: a.say(`在虚构城市的列上,或在 --file 的一列上,逐一测量各种脱敏技术。

每一轮把整列各脱敏、复制、加密一次,次序轮换;比值取各轮之比的中位数。
时间是最慢线程占用处理器的时间。每项在全程中先后测三次;离散度取各轮四分位距与
三次中位数的重复性限 (ISO 5725-6) 的较大者,占中位数的百分比。
输出的摘要由脱敏后的每个值算得:同样的数据与配方,在任何机器、任何线程数下都相同。
--compare 与保存的基线逐项比较:变化不超过两次离散度中较大者,即为相同。`,
			`Measures every masking technique on columns of an invented city, or on a column of --file.

Each round masks, copies and enciphers the whole column once, in rotating order;
ratios are medians over rounds. Time is that which the slowest thread had on a
processor. Each result is visited three times during the run; its spread is the
larger of the distance of the rounds' quartiles and the repeatability limit of the
visits' medians (ISO 5725-6), in percent of the median. The digest is of every masked value: equal data and recipes have one digest
on any machine by any number of threads. --compare sets each result beside a saved
baseline: a change within the larger of both spreads is none.`),
		Example: `  zonebox bench masking --time 60s --html masking.html --save masking.json
  zonebox bench masking --compare masking.json --fail-slower 10%
  zonebox bench masking --file visits.csv --column phone --technique partial,token`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.benchMasking(c, m) },
	}
	f := c.Flags()
	f.Int64Var(&o.Rows, "rows", 1<<20, a.say("每列至多这么多行", "rows of each column at most"))
	f.Uint64Var(&o.Seed, "seed", 1, a.say("虚构列的种子", "seed of invented columns"))
	f.StringVar(&m.file, "file", "", a.say("CSV 文件 (UTF-8,有表头)", "CSV file (UTF-8, with a header)"))
	f.StringVar(&o.Column, "column", "", a.say("文件的列", "column of the file"))
	f.StringVar(&o.Type, "type", "string", strings.Join(maskbench.Types(), "|"))
	f.StringSliceVar(&o.Kinds, "technique", nil, a.say("只测这些技术,如 partial,token", "only these techniques, such as partial,token"))
	f.DurationVar(&o.Time, "time", time.Minute, a.say("测量用时的预算;每项至少九轮", "budget of measuring time; each result has nine rounds at least"))
	f.StringVarP(&m.output, "output", "o", "table", "table|json")
	f.StringVar(&m.html, "html", "", a.say("写一份自成一体的 HTML 报告", "write a self-contained HTML report"))
	f.StringVar(&m.save, "save", "", a.say("保存为基线 (JSON)", "save as a baseline (JSON)"))
	f.StringVar(&m.compare, "compare", "", a.say("与保存的基线比较", "compare with a saved baseline"))
	f.StringVar(&m.no, "fail-slower", "", a.say("有任何一项慢于基线这么多 (如 10%) 即以 1 退出", "exit 1 if any result is slower than the baseline by so much, such as 10%"))
	return c
}

func (a *app) benchMasking(c *cobra.Command, m measuring) error {
	limit, err := m.limit()
	if err != nil {
		return err
	}
	var base maskbench.Report
	if m.compare != "" { // before minutes of measuring, and before --save to the same file
		if base, err = readReport(m.compare); err != nil {
			return err
		}
	}
	if m.file != "" {
		f, err := os.Open(m.file)
		if err != nil {
			return fmt.Errorf("zonebox: open data: %w", err)
		}
		defer f.Close()
		m.options.File = f
	}
	var finish func()
	m.options.Progress, finish = a.measured()
	report, err := maskbench.Run(c.Context(), m.options)
	finish()
	if errors.Is(err, maskbench.ErrOptions) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if m.compare != "" {
		report.Compared = report.Compare(base)
		if !report.Machine.Like(base.Machine) {
			report.Notes = append(report.Notes, fmt.Sprintf("基线测自另一台机器 (%s, %d 核, AES %s): 速度之差未必出自代码。 The baseline is of another machine (%s, %d cores, AES %s): the code need not be why speeds differ.",
				base.Machine.CPU, base.Machine.Cores, base.Machine.AES, base.Machine.CPU, base.Machine.Cores, base.Machine.AES))
		}
	}
	for path, write := range map[string]func(io.Writer) error{m.save: report.Write, m.html: report.WriteHTML} {
		if path != "" {
			if err := writeReport(path, write); err != nil {
				return err
			}
		}
	}
	if m.output == "json" {
		err = report.Write(a.stdout)
	} else {
		a.printMeasured(report)
		if m.compare != "" {
			a.printCompared(report)
		}
	}
	if err != nil {
		return err
	}
	slow := 0
	for _, change := range report.Compared {
		if limit > 0 && change.Verdict == maskbench.Slower && -change.Percent > limit {
			slow++
		}
	}
	if slow > 0 {
		return fmt.Errorf(a.say("%d 项慢于基线超过 %g%%", "%d results are slower than the baseline by more than %g%%"), slow, limit)
	}
	return nil
}

// limit checks the flags and returns --fail-slower in percent, 0 if it is not set.
func (m measuring) limit() (float64, error) {
	var problem error
	limit := 0.0
	switch {
	case m.output != "table" && m.output != "json":
		problem = fmt.Errorf("-o %q: want table|json", m.output)
	case (m.file == "") != (m.options.Column == ""):
		problem = errors.New("--file and --column go together")
	case m.options.Time <= 0:
		problem = errors.New("--time must be more than nothing")
	case m.no != "":
		var err error
		if limit, err = strconv.ParseFloat(strings.TrimSuffix(m.no, "%"), 64); err != nil || !(limit > 0) || m.compare == "" {
			problem = errors.New("--fail-slower takes a percentage such as 10%, and --compare")
		}
	}
	if problem != nil {
		return 0, usageError{problem}
	}
	return limit, nil
}

func readReport(path string) (maskbench.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return maskbench.Report{}, fmt.Errorf("zonebox: open baseline: %w", err)
	}
	defer f.Close()
	return maskbench.Read(f)
}

func writeReport(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("zonebox: write report: %w", err)
	}
	return errors.Join(write(f), f.Close())
}

// measured returns what shows progress on stderr if that is a terminal, and what
// ends it.
func (a *app) measured() (func(maskbench.Progress), func()) {
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	show := func(p maskbench.Progress) {
		if bar == nil {
			bar = progressbar.NewOptions(p.Total, progressbar.OptionSetWriter(f), progressbar.OptionShowCount(), progressbar.OptionFullWidth(),
				progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		}
		bar.Describe(fmt.Sprintf("%-44.44s", p.Doing))
		_ = bar.Set(p.Done)
	}
	return show, func() {
		if bar != nil {
			_ = bar.Finish()
		}
	}
}

func (a *app) printMeasured(r maskbench.Report) {
	t := newTable(a.say("技术", "technique"), a.say("列", "column"), a.say("类型", "type"), a.say("基数", "cardinality"), a.say("线程", "threads"),
		a.say("百万行/秒", "M rows/s"), "GB/s", a.say("占复制", "of memcpy"), a.say("对密码下限", "over floor"), a.say("分配/批", "allocs/batch"), a.say("不合形状", "misfits"), a.say("离散度", "spread"))
	var right []table.ColumnConfig
	for i := 5; i <= 12; i++ {
		right = append(right, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(right)
	for _, x := range r.Results {
		floor := "-"
		if x.OverFloor > 0 {
			floor = fmt.Sprintf("%.1f×", x.OverFloor)
		}
		layout := x.Type
		if x.Layout == "dictionary" {
			layout += a.say(" 字典", " dictionary")
		}
		t.AppendRow(table.Row{printable(x.Short()), printable(x.Column), layout, x.Cardinality, x.Threads, fmt.Sprintf("%.1f", x.RowsPerSecond()/1e6), fmt.Sprintf("%.2f", x.GBPerSecond()),
			fmt.Sprintf("%.1f%%", 100*x.OfMemcpy), floor, fmt.Sprintf("%.0f", x.Allocs), x.Misfits, fmt.Sprintf("±%.1f%%", x.Spread)})
	}
	fmt.Fprintf(a.stdout, "%s\n%s · %d %s · AES %s · %s · %s · %s\n", t.Render(), r.Machine.CPU, r.Machine.Cores, a.say("核", "cores"),
		r.Machine.AES, r.Machine.System, r.Machine.Go, r.Elapsed.Round(time.Second))
	if busy := r.Busy(); busy > 0 {
		fmt.Fprintf(a.stdout, a.say("本机另有负载: %d 项测量中线程只占到处理器不足九成的时间 (已从时间中扣除)\n",
			"the machine did other work: in %d results the threads had a processor for less than nine tenths of the time (left out of it)\n"), busy)
	}
}

// printCompared prints what differs from the baseline.
func (a *app) printCompared(r maskbench.Report) {
	counts := map[string]int{}
	remasked := 0
	t := newTable(a.say("与基线不同", "unlike the baseline"), a.say("结论", "verdict"), a.say("速度", "speed"), a.say("离散度", "spread"))
	verdicts := map[string]string{maskbench.Same: a.say("相同", "same"), maskbench.Faster: a.say("更快", "faster"), maskbench.Slower: a.say("更慢", "slower")}
	for _, c := range r.Compared {
		if counts[c.Verdict]++; c.Verdict != maskbench.Same {
			t.AppendRow(table.Row{printable(c.Name), verdicts[c.Verdict], fmt.Sprintf("%+.1f%%", c.Percent), fmt.Sprintf("±%.1f%%", c.Spread)})
		}
		if c.Remasked {
			remasked++
		}
	}
	if len(r.Compared) > counts[maskbench.Same] {
		fmt.Fprintln(a.stdout, t.Render())
	}
	fmt.Fprintf(a.stdout, a.say("与基线相比: %d 相同 · %d 更快 · %d 更慢 · %d 项基线中没有\n", "beside the baseline: %d same · %d faster · %d slower · %d not in it\n"),
		counts[maskbench.Same], counts[maskbench.Faster], counts[maskbench.Slower], len(r.Results)-len(r.Compared))
	for _, note := range r.Notes {
		fmt.Fprintln(a.stdout, printable(note))
	}
	if remasked > 0 {
		fmt.Fprintf(a.stdout, a.say("其中 %d 项同样的行得到不同的遮盖: 数据或配方已变\n", "in %d of them equal rows have other masks: the data or the recipe changed\n"), remasked)
	}
}
