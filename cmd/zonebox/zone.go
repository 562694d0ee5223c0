package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zonebox/api"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) zoneCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "zone",
		Short: a.say("专区里有什么:版本、校验、比较、回退", "what lies in zones: versions, verification, comparison, rollback"),
	}
	c.AddCommand(a.zoneLsCmd(), a.zoneVersionsCmd(), a.zoneShowCmd(), a.zoneVerifyCmd(), a.zoneDiffCmd(),
		a.zoneOrderCmd("rollback", (*api.Client).Rollback), a.zoneOrderCmd("retire", (*api.Client).Retire))
	return c
}

// versionTitles are what people call the states and modes of versions and what
// happens to them.
var versionTitles = map[string][2]string{
	registry.DataCurrent: {"现行", "current"}, registry.DataKept: {"保留", "kept"}, registry.DataQuarantined: {"隔离", "quarantined"},
	registry.DataRetired: {"已退役", "retired"}, registry.DataShredded: {"已销毁", "shredded"},
	query.ModeFull: {"完整", "full"}, query.ModeAppend: {"追加", "append"}, query.ModeUpsert: {"按键更新", "upsert"},
	"LOADED": {"装载", "loaded"}, "HELD": {"装载并隔离", "loaded into quarantine"}, "REWRAPPED": {"密钥重新加密", "keys rewrapped"}, "ORDERED": {"提出", "ordered"},
	registry.OrderRollback: {"回退", "rollback"}, registry.OrderRetire: {"退役", "retire"},
}

func right(columns ...int) []table.ColumnConfig {
	var out []table.ColumnConfig
	for _, n := range columns {
		out = append(out, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return out
}

func (a *app) zoneLsCmd() *cobra.Command {
	var q query.VersionQuery
	var output string
	c := &cobra.Command{
		Use:   "ls [--zone ZONE]",
		Short: a.say("列出各数据集:现行版本、行数、在库版本数、磁盘占用", "list datasets: current version, rows, stored versions, bytes on disk"),
		Long: a.say(`列出可监督的全部数据集及其数据。"磁盘占用" 为全部在库版本密文文件之和。
数据中心、市数据主管部门、安全与审计人员可见全部;监管部门见本专区;提供单位见本单位。`,
			`Lists the data of every dataset that you oversee. Bytes are those of the encrypted
files of all stored versions. The data centre, the city authority, security and
auditors see all, a regulator its zones, a provider its own datasets.`),
		Example: "  zonebox zone ls --as wu.dc\n  zonebox zone ls --zone medical --as sun.health -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Versions(c.Context(), q)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			return a.printDatasets(all)
		},
	}
	c.Flags().StringVar(&q.Zone, "zone", "", a.say("只列该专区", "this zone only"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// printDatasets prints a line a dataset.
func (a *app) printDatasets(all []query.VersionView) error {
	t := newTable(a.say("专区", "zone"), a.say("数据集", "dataset"), a.say("现行版本", "current"), a.say("行数", "rows"), a.say("装载日期", "loaded"),
		a.say("在库版本", "stored"), a.say("磁盘占用", "on disk"))
	t.SetColumnConfigs(right(4, 6, 7))
	total := int64(0)
	for i := 0; i < len(all); {
		first, current := all[i], query.VersionView{}
		stored, bytes := 0, int64(0)
		for ; i < len(all) && all[i].Zone == first.Zone && all[i].Dataset == first.Dataset; i++ {
			v := all[i]
			bytes += v.Bytes
			if v.State != registry.DataRetired && v.State != registry.DataShredded {
				stored++
			}
			if v.State == registry.DataCurrent {
				current = v
			}
		}
		total += bytes
		name, rows, day := "-", "-", "-"
		if current.Version != "" {
			name, rows, day = current.Version, strconv.FormatInt(current.Rows, 10), current.LoadedAt.Format(time.DateOnly)
		}
		t.AppendRow([]any{printable(first.Zone), printable(first.Dataset), name, rows, day, stored, size(bytes)})
	}
	_, err := fmt.Fprintf(a.stdout, a.say("%s\n磁盘占用共 %s\n", "%s\n%s on disk in all\n"), t.Render(), size(total))
	return err
}

func (a *app) zoneVersionsCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "versions DATASET",
		Short:   a.say("列出一个数据集的全部版本与来源", "list every version of a dataset and where it came from"),
		Example: "  zonebox zone versions visits --as wu.dc",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Versions(c.Context(), query.VersionQuery{Dataset: args[0]})
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("版本", "version"), a.say("状态", "state"), a.say("行数", "rows"), a.say("方式", "mode"), a.say("依据版本", "base"),
				a.say("获取日期", "acquired"), a.say("装载", "loaded"), a.say("装载人", "by"), a.say("磁盘占用", "on disk"))
			t.SetColumnConfigs(right(3, 9))
			for _, v := range all {
				base := "-"
				if v.Base != "" {
					base = v.Base
				}
				t.AppendRow([]any{v.Version, a.called(versionTitles, v.State), v.Rows, a.called(versionTitles, v.Mode), base, printable(v.Acquired),
					v.LoadedAt.Format("2006-01-02 15:04"), printable(v.LoadedBy), size(v.Bytes)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) zoneShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "show DATASET VERSION",
		Short:   a.say("一个版本的来源与全部经过", "where a version came from and all that happened to it"),
		Long:    a.say("版本可只写开头几个字符。", "The first letters of the version are enough."),
		Example: "  zonebox zone show visits vp55bkq --as feng.audit",
		Args:    nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Versions(c.Context(), query.VersionQuery{Dataset: args[0], Version: args[1]})
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all[0])
			}
			a.printVersion(all[0])
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printVersion(v query.VersionView) {
	t := newTable(a.say("版本", "version"), v.Version)
	row := func(zh, en, value string) {
		if value != "" {
			t.AppendRow([]any{a.say(zh, en), printable(value)})
		}
	}
	row("专区 / 数据集", "zone / dataset", v.Zone+" / "+v.Dataset)
	row("状态", "state", a.called(versionTitles, v.State))
	row("行数", "rows", strconv.FormatInt(v.Rows, 10))
	row("磁盘占用", "on disk", size(v.Bytes))
	row("方式", "mode", a.called(versionTitles, v.Mode))
	row("依据版本", "base", v.Base)
	row("提供单位", "provider", v.Provider)
	row("授权", "grant", v.Grant)
	row("获取日期", "acquired", v.Acquired)
	row("交付 SHA-256", "delivery SHA-256", v.Delivery)
	row("清单摘要", "manifest digest", v.Manifest)
	row("目录条目版本", "entry version", strconv.FormatInt(v.Entry, 10))
	fmt.Fprintln(a.stdout, t.Render())
	h := newTable(a.say("时间", "at"), a.say("经过", "event"), a.say("人员", "by"), a.say("理由", "reason"))
	for _, e := range v.History {
		event := a.called(versionTitles, e.Event)
		if e.Order != "" {
			event += " " + a.called(versionTitles, e.Order)
		}
		h.AppendRow([]any{e.At.Format("2006-01-02 15:04:05"), event, printable(e.By), printable(e.Reason)})
	}
	fmt.Fprintln(a.stdout, h.Render())
}

func (a *app) zoneVerifyCmd() *cobra.Command {
	var zone string
	var decrypt, all bool
	c := &cobra.Command{
		Use:   "verify [DATASET [VERSION]] [--decrypt] [--all]",
		Short: a.say("校验在库文件与登记是否一致,指出第一个损坏的文件", "compare stored files with what was committed; names the first broken one"),
		Long: a.say(`逐列核对每个文件的摘要,并核对目录中没有多余文件。--decrypt 另在网关内存中逐块解密后丢弃。
不写数据集则校验全部数据集的现行版本;--all 含保留与隔离的版本。发现损坏即停止,退出码 1,并记入审计日志。`,
			`Compares the digest of every file, column by column, and that the folder holds no
other. --decrypt opens each chunk as well, in the gate's memory, and drops it.
Without a dataset, the current version of every dataset; --all: kept and quarantined
ones too. The first broken file ends it with exit code 1 and an audit entry.`),
		Example: "  zonebox zone verify --as wu.dc\n  zonebox zone verify visits --decrypt --as wu.dc",
		Args:    nArgs(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			q := query.VersionQuery{Zone: zone}
			if len(args) > 0 {
				q.Dataset = args[0]
			}
			if len(args) > 1 {
				q.Version = args[1]
			}
			versions, err := client.Versions(c.Context(), q)
			if err != nil {
				return err
			}
			return a.verifyVersions(c.Context(), client, versions, decrypt, all || q.Version != "")
		},
	}
	c.Flags().StringVar(&zone, "zone", "", a.say("只校验该专区", "this zone only"))
	c.Flags().BoolVar(&decrypt, "decrypt", false, a.say("并解密每个数据块", "open every chunk as well"))
	c.Flags().BoolVar(&all, "all", false, a.say("含保留与隔离的版本", "kept and quarantined versions too"))
	return c
}

// verifyVersions verifies version after version, with a bar of their bytes.
func (a *app) verifyVersions(ctx context.Context, client *api.Client, versions []query.VersionView, decrypt, all bool) error {
	var chosen []query.VersionView
	total := int64(0)
	for _, v := range versions {
		if v.State == registry.DataCurrent || all && (v.State == registry.DataKept || v.State == registry.DataQuarantined) {
			chosen, total = append(chosen, v), total+v.Bytes
		}
	}
	if len(chosen) == 0 {
		return errors.New(a.say("没有可校验的在库版本", "there is no stored version to verify"))
	}
	advance, finish := a.bar(total, a.say("校验", "verify"))
	defer finish()
	files, bytes, began := 0, int64(0), time.Now()
	for _, v := range chosen {
		r, err := client.Verify(ctx, query.VerifyRequest{Dataset: v.Dataset, Version: v.Version, Decrypt: decrypt})
		if err != nil {
			return err
		}
		files, bytes = files+r.Files, bytes+r.Bytes
		advance(v.Bytes)
	}
	finish()
	rate := float64(bytes) / max(time.Since(began).Seconds(), 1e-3)
	fmt.Fprintf(a.stderr, a.say("%d 个版本的 %d 个文件(%s)与登记一致,%s/s\n", "%[2]d files of %[1]d versions (%[3]s) are as committed, %[4]s/s\n"),
		len(chosen), files, size(bytes), size(int64(rate)))
	return nil
}

// bar draws a bar of total bytes on stderr if that is a terminal. finish may be
// called twice.
func (a *app) bar(total int64, title string) (advance func(int64), finish func()) {
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int64) {}, func() {}
	}
	b := progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(title), progressbar.OptionShowBytes(true),
		progressbar.OptionFullWidth(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return func(n int64) { _ = b.Add64(n) }, func() { _ = b.Finish() }
}

func (a *app) zoneDiffCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "diff DATASET [BEFORE [AFTER]]",
		Short: a.say("比较两个版本的概况:行数、空值、取值个数、漂移", "compare two versions: rows, nulls, distinct values, drift"),
		Long: a.say(`只比较计数,不显示取值。"取值" 为不超过的 10 的幂;"漂移" 为总体稳定性指数 (PSI):
0.1 以下视为稳定,0.25 以上为显著变化。少于最小分组的计数显示为 "<K"。
最小与最大值仅对低于保护级别、非个人信息的数值与日期列显示。
BEFORE 省略为依据版本或前一在库版本,AFTER 省略为现行版本。`,
			`Compares counts; no value is shown. Distinct is a power of ten that is not exceeded.
Drift is the population stability index (PSI): below 0.1 is stable, above 0.25 a
marked change. Counts below the minimum group show as "<K". Least and greatest values
are shown of numbers and dates alone, below the protected level and no personal
information. BEFORE is the base or the version before, AFTER the current one.`),
		Example: "  zonebox zone diff visits --as wu.dc",
		Args:    nArgs(1, 3),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			args = append(args, "", "")
			d, err := client.Diff(c.Context(), query.DiffRequest{Dataset: args[0], Before: args[1], After: args[2]})
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			return a.printDiff(d)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printDiff(d *query.VersionDiff) error {
	count := func(n int64) string {
		if n < 0 {
			return fmt.Sprintf("<%d", d.K)
		}
		return strconv.FormatInt(n, 10)
	}
	pair := func(before, after string) string {
		if before == after {
			return before
		}
		return before + " → " + after
	}
	fmt.Fprintf(a.stdout, "%s: %s → %s\n%s\n", printable(d.Dataset), d.Before.Version, d.After.Version,
		fmt.Sprintf(a.say("行数 %s,主体 %s", "rows %s, entities %s"), pair(count(d.Before.Rows), count(d.After.Rows)), pair(count(d.Before.Entities), count(d.After.Entities))))
	t := newTable(a.say("列", "column"), a.say("类型", "type"), a.say("空值", "nulls"), a.say("取值 ≤", "distinct ≤"), a.say("最小", "least"), a.say("最大", "greatest"), a.say("漂移", "drift"))
	t.SetColumnConfigs(right(7))
	kind := func(c query.ColumnExtent) string {
		switch {
		case c.Type == "":
			return a.say("无", "none")
		case c.Shredded:
			return c.Type + a.say("(已销毁)", " (shredded)")
		}
		return c.Type
	}
	for _, c := range d.Columns {
		drift := "-"
		if c.Drift != nil {
			drift = strconv.FormatFloat(*c.Drift, 'f', 2, 64)
		}
		t.AppendRow([]any{printable(c.Name), pair(kind(c.Before), kind(c.After)), pair(count(c.Before.Nulls), count(c.After.Nulls)),
			pair(count(c.Before.Distinct), count(c.After.Distinct)), pair(printable(c.Before.Min), printable(c.After.Min)),
			pair(printable(c.Before.Max), printable(c.After.Max)), drift})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}

// zoneOrderCmd is rollback and retire, which read alike.
func (a *app) zoneOrderCmd(verb string, do func(*api.Client, context.Context, query.VersionOrder) (*query.VersionChange, error)) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:     verb + " DATASET VERSION --reason TEXT",
		Example: "  zonebox zone " + verb + " visits vp55bkq --reason \"…\" --as wu.dc",
		Short:   a.say("恢复较早的版本为现行,原现行版本隔离", "make an earlier version current again; the current one is quarantined"),
		Long: a.say(`须两人各执行一次:数据中心一人,专区监管部门或提供单位一人,七日之内。
第二人执行后生效:正在执行的语句终止,留存结果不再放行,缓存清空。`,
			`Two people each give the order within seven days: one of the data centre, one of the
zone's regulator or the provider. With the second it takes effect: statements under way
end, held outputs are not released, caches are emptied.`),
		Args: nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if reason == "" {
				return usageError{errors.New(a.say("缺少 --reason", "--reason is missing"))}
			}
			done, err := do(client, c.Context(), query.VersionOrder{Dataset: args[0], Version: args[1], Reason: reason})
			if err != nil {
				return err
			}
			if done.Waiting {
				fmt.Fprintf(a.stderr, a.say("已记录,待第二人执行同一命令:%s %s\n", "noted; a second person has to give the same order: %s %s\n"), done.Dataset, done.Version)
				return nil
			}
			fmt.Fprintf(a.stderr, a.say("%s 版本 %s 现为:%s\n", "%s version %s is now %s\n"), done.Dataset, done.Version, a.called(versionTitles, done.State))
			return nil
		},
	}
	if verb == "retire" {
		c.Short = a.say("使非现行版本退役并删除其文件", "retire a version that is not current, and remove its files")
		c.Long = a.say(`须两人各执行一次:数据中心一人,专区监管部门或提供单位一人,七日之内。
第二人执行后文件即删除,不能再回退到该版本。到期的版本由网关按保留期自动退役。`,
			`Two people each give the order within seven days: one of the data centre, one of the
zone's regulator or the provider. With the second its files go, and nobody rolls back
to it any more. Versions past their retention are retired by the gate itself.`)
	}
	c.Flags().StringVar(&reason, "reason", "", a.say("理由", "reason"))
	return c
}
