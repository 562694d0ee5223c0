package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/quality"
	"zonebox/query"
)

func (a *app) qualityCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "quality",
		Short: a.say("数据质量: 六性得分、规则、历史与隔离版本的处置", "data quality: scores, rules, history, and what becomes of versions held back"),
	}
	c.AddCommand(a.qualityListCmd(), a.qualityShowCmd(), a.qualityRunCmd(), a.qualityHistoryCmd(), a.qualityRulesCmd(),
		a.qualitySettleCmd("release", true), a.qualitySettleCmd("reject", false), a.ticketCmd(), a.traceCmd())
	return c
}

func (a *app) qualityListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("各数据集最近一次检查的结果、等待处置的版本与数据时效", "the last check of each dataset, versions that wait, and how old the data are"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			items, err := client.Qualities(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(items)
			}
			t := newTable(a.say("数据集", "dataset"), a.say("版本", "version"), a.say("状态", "state"), a.say("得分", "score"), a.say("等级", "grade"),
				a.say("未通过", "failed"), a.say("数据天数", "age"), a.say("工单", "tickets"), a.say("待处置", "waiting"))
			t.SetColumnConfigs(right(4, 6, 7, 8))
			for _, i := range items {
				if i.Version == "" {
					t.AppendRow([]any{i.Dataset, "–", "–", "–", "–", "–", a.ageOf(i), i.Tickets, "–"})
					continue
				}
				t.AppendRow([]any{i.Dataset, i.Version, a.stateOf(i.State), scoreOf(i.Score), a.gradeOf(i.Grade), i.Failed, a.ageOf(i), i.Tickets, orDash(strings.Join(i.Waiting, " "))})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// ageOf is the age of an item's data in days, marked if they are stale.
func (a *app) ageOf(i query.QualityItem) string {
	switch {
	case i.AgeDays == nil:
		return "–"
	case i.Stale:
		return strconv.FormatInt(*i.AgeDays, 10) + " " + a.say("逾期", "stale")
	}
	return strconv.FormatInt(*i.AgeDays, 10)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// scoreOf writes a score.
func scoreOf(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func (a *app) stateOf(state string) string { return a.called(versionTitles, state) }

func (a *app) gradeOf(grade string) string { return grade + " " + quality.GradeTitle(grade, a.lang) }

func (a *app) qualityShowCmd() *cobra.Command {
	var output, version, page string
	c := &cobra.Command{
		Use:   "show DATASET",
		Short: a.say("最近一次检查: 得分、各规则的计数与行号; 不含数据值", "the last check: scores, counts and rows of each rule; no value of the data"),
		Example: `  zonebox quality show visits --as qian.hospital
  zonebox quality show visits --as wu.dc --html visits.html`,
		Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.Quality(c.Context(), args[0], version)
			if err != nil {
				return err
			}
			return a.writeQuality(v, output, page)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().StringVar(&page, "html", "", a.say("另存为网页文件", "write it as a page to this file"))
	c.Flags().StringVar(&version, "version", "", a.say("数据版本, 缺省为最近检查的", "data version; the one checked last by default"))
	return c
}

func (a *app) qualityRunCmd() *cobra.Command {
	var output, page string
	c := &cobra.Command{
		Use:   "run DATASET",
		Short: a.say("按今日的规则重新检查现行版本; 不改变数据", "check the current version again under today's rules; it changes no data"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.RunQuality(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.writeQuality(v, output, page)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().StringVar(&page, "html", "", a.say("另存为网页文件", "write it as a page to this file"))
	return c
}

// writeQuality prints a report, and writes its page if one was asked for.
func (a *app) writeQuality(v *query.QualityView, output, page string) error {
	if page != "" {
		f, err := os.OpenFile(page, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("zonebox: write page: %w", err)
		}
		if err := errors.Join(quality.HTML(f, v.Report, v.History, a.lang), f.Close()); err != nil {
			return fmt.Errorf("zonebox: write page: %w", err)
		}
	}
	if output == "json" {
		return a.printJSON(v)
	}
	fmt.Fprintf(a.stdout, a.say("%s 版本 %s (%s), %d 行, %s\n", "%s version %s (%s), %d rows, %s\n"),
		printable(v.Report.Dataset), v.Report.Version, a.stateOf(v.State), v.Report.Rows, v.Report.At.Format("2006-01-02 15:04"))
	return a.printQuality(a.stdout, v.Report, false)
}

// printQuality prints scores and rules; brief leaves out the rules that passed.
func (a *app) printQuality(w io.Writer, r *quality.Report, brief bool) error {
	t := newTable(a.say("维度", "dimension"), a.say("得分", "score"), a.say("规则", "rules"), a.say("未通过", "failed"))
	t.SetColumnConfigs(right(2, 3, 4))
	for _, d := range r.Dimensions {
		score := a.say("未评", "not assessed")
		if d.Assessed {
			score = scoreOf(d.Score)
		}
		t.AppendRow([]any{d.Dimension.Title(a.lang), score, d.Rules, d.Failed})
	}
	fmt.Fprintf(w, a.say("总分 %s, 等级 %s\n%s\n", "score %s, grade %s\n%s\n"), scoreOf(r.Score), a.gradeOf(r.Grade), t.Render())
	rules := slices.Clone(r.Rules)
	slices.SortStableFunc(rules, func(x, y quality.Outcome) int {
		switch {
		case x.Passed == y.Passed:
			return 0
		case x.Passed:
			return 1
		}
		return -1
	})
	t = newTable("", a.say("规则", "rule"), a.say("维度", "dimension"), a.say("级别", "severity"), a.say("数目", "count"), a.say("基数", "of"), a.say("要求", "limit"), a.say("得分", "score"), a.say("原因与行号", "reasons and rows"))
	t.SetColumnConfigs(right(5, 6, 8))
	for _, o := range rules {
		if brief && o.Passed {
			continue
		}
		mark := "✗"
		if o.Passed {
			mark = "✓"
		}
		limit := o.Test
		if o.Percent && limit != "" {
			limit += " %"
		}
		t.AppendRow([]any{mark, printable(o.ID), o.Dimension.Title(a.lang), o.Severity.Title(a.lang), o.Count, o.Base, limit, scoreOf(o.Score), a.findings(o)})
	}
	if t.Length() > 0 {
		fmt.Fprintln(w, t.Render())
	}
	return nil
}

// findings says in words why and where a rule counted.
func (a *app) findings(o quality.Outcome) string {
	var out []string
	if o.Unknown != "" {
		out = append(out, quality.Reason(o.Unknown, a.lang))
	}
	var reasons []string
	for why := range o.Reasons {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		out = append(out, fmt.Sprintf("%s %d", quality.Reason(why, a.lang), o.Reasons[why]))
	}
	if len(o.Rows) > 0 {
		var rows []string
		for _, n := range o.Rows[:min(5, len(o.Rows))] {
			rows = append(rows, strconv.FormatInt(n, 10))
		}
		more := ""
		if int64(len(rows)) < o.Count {
			more = "…"
		}
		out = append(out, a.say("行 ", "rows ")+strings.Join(rows, " ")+more)
	}
	return strings.Join(out, "; ")
}

func (a *app) qualityHistoryCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "history DATASET",
		Short: a.say("历次检查的得分与走势", "the scores of earlier checks, and their trend"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.QualityHistory(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("时间", "time"), a.say("版本", "version"), a.say("状态", "state"), a.say("得分", "score"), a.say("变化", "change"), a.say("等级", "grade"), "")
			t.SetColumnConfigs(right(4, 5))
			for i, p := range all {
				change := ""
				if i+1 < len(all) {
					change = fmt.Sprintf("%+.1f", p.Score-all[i+1].Score)
				}
				t.AppendRow([]any{p.At.Format("2006-01-02 15:04"), p.Version, a.stateOf(p.State), scoreOf(p.Score), change, a.gradeOf(p.Grade), strings.Repeat("█", int(p.Score/5+0.5))})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) qualityRulesCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "rules DATASET",
		Short: a.say("一个数据集的现行规则与门禁, 及其与目录条目不符之处", "the rules and the gate of a dataset, and where they do not fit its entry"),
		Long: a.say(`列出现行规则。规则由提供单位提交 (apply), 文档类别为 QualityRules, 名称即数据集:
spec.contract 是 ODCS v3.1 数据契约, 其 schema 下的 quality、required、unique、primaryKey、
relationships 即规则; spec.gate 为门禁 (minimum_score 最低分, errors 错误级规则须全部通过)。
invalidValues 的 arguments 可为 validValues、pattern、min、max、references 或 validator:
`, `Lists the rules in force. The provider applies them as a document of kind
QualityRules that bears the dataset's name: spec.contract is an ODCS v3.1 data
contract, of which quality, required, unique, primaryKey and relationships under
schema are the rules; spec.gate holds minimum_score, and errors (no rule of that
severity may fail). The arguments of invalidValues are validValues, pattern, min,
max, references, or validator:
`) + "  " + strings.Join(quality.Validators(), " ") + "\n",
		Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.QualityRules(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			return a.printRules(v)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printRules(v *query.QualityRulesView) error {
	if v.Version == 0 {
		_, err := fmt.Fprintln(a.stdout, a.say("没有自己的规则; 只作内置检查", "no rules of its own; it is measured by what every dataset is"))
		return err
	}
	gate := a.say("无", "none")
	var parts []string
	if v.Gate.Minimum > 0 {
		parts = append(parts, fmt.Sprintf(a.say("最低 %s 分", "at least %s"), scoreOf(v.Gate.Minimum)))
	}
	if v.Gate.Errors {
		parts = append(parts, a.say("错误级规则须全部通过", "no error may fail"))
	}
	if len(parts) > 0 {
		gate = strings.Join(parts, a.say(", ", ", "))
	}
	fmt.Fprintf(a.stdout, a.say("%s 的规则, 版本 %d, %s 于 %s 提交; 门禁: %s\n", "rules of %s, version %d, by %s on %s; gate: %s\n"),
		v.Dataset, v.Version, v.By, v.At.Format(time.DateOnly), gate)
	t := newTable(a.say("规则", "rule"), a.say("维度", "dimension"), a.say("级别", "severity"), a.say("列", "columns"), a.say("计数", "counts"), a.say("要求", "limit"))
	for _, r := range v.Rules {
		what := r.Metric.Title(a.lang)
		switch {
		case r.Validator != "":
			what += " " + r.Validator
		case r.References != "":
			what += " → " + r.References
		}
		limit := r.Test
		if r.Percent {
			limit += " %"
		}
		t.AppendRow([]any{printable(r.ID), r.Dimension.Title(a.lang), r.Severity.Title(a.lang), printable(strings.Join(r.Columns, ", ")), what, limit})
	}
	fmt.Fprintln(a.stdout, t.Render())
	for _, f := range v.Faults {
		fmt.Fprintf(a.stdout, "! %s\n", printable(a.say(f.ZH, f.EN)))
	}
	return nil
}

func (a *app) qualitySettleCmd(verb string, release bool) *cobra.Command {
	var o query.QualityOrder
	short := a.say("提供单位弃用被隔离的版本, 不再启用", "the provider rejects a version held back, for good")
	if release {
		short = a.say("提供单位放行被隔离的版本, 使其成为现行版本", "the provider releases a version held back: it becomes the current one")
	}
	c := &cobra.Command{
		Use:     verb + " DATASET --version VERSION --reason TEXT",
		Short:   short,
		Example: fmt.Sprintf("  zonebox quality %s visits --as qian.hospital --version v7ll5… --reason 已核实", verb),
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			o.Release = release
			r, err := client.SettleQuality(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "%s %s: %s\n", r.Dataset, r.Version, a.stateOf(r.State))
			return nil
		},
	}
	c.Flags().StringVar(&o.Version, "version", "", a.say("被隔离的数据版本", "the version held back"))
	c.Flags().StringVar(&o.Reason, "reason", "", a.say("理由, 记入登记库", "why; it is kept"))
	for _, name := range []string{"version", "reason"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic("zonebox: " + err.Error())
		}
	}
	return c
}

// quarantinedError says that a delivery was stored and is not in use.
type quarantinedError struct{ dataset, version string }

func (e quarantinedError) Error() string {
	return "zonebox: quarantined: " + e.dataset + " " + e.version
}

// loadedQuality prints what a load found of the quality of its data, and returns a
// quarantinedError if that keeps the version from use.
func (a *app) loadedQuality(r *query.LoadReport) error {
	if r.Quality == nil {
		return nil
	}
	if !r.Quarantined {
		fmt.Fprintf(a.stderr, a.say("质量 %s 分, 等级 %s; 详见 quality show %s\n", "quality %s, grade %s; see quality show %s\n"), scoreOf(r.Quality.Score), a.gradeOf(r.Quality.Grade), r.Dataset)
		return nil
	}
	if err := a.printQuality(a.stderr, r.Quality, true); err != nil {
		return err
	}
	return quarantinedError{r.Dataset, r.Version}
}
