package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/query"
	"zonebox/registry"
)

func (a *app) switchCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "switch",
		Short: a.say("即时限制或关闭:运营单位、协议、场景、专区、数据集或列", "restrict or close at once: an operator, license, scenario, zone, dataset or column"),
		Long: a.say(`限制或关闭数据获取权限(NJ24-12、NJ24-23、YC22-35)。同一动作内:执行中的查询被终止,
排队与待审的作废,待放行的结果冻结。解除之后不自动恢复:原审批失效,冻结的结果须重新审核。

须两方共同作出的措施(协议),由一方 --draft 输出已签文本,另一方 switch sign 签署并生效。

`, `Restricts or closes access (NJ24-12, NJ24-23, YC22-35). In the same act running
statements are killed, what is queued or in review is void, and held outputs are
frozen. Lifting resumes nothing: old approvals are void, and what is frozen is
reviewed again.

What two parties do together (a license) one draws up with --draft, and the other
signs and puts in force with switch sign.

`),
	}
	c.AddCommand(a.switchSetCmd("suspend", a.say("暂停:关闭至 --until 或解除为止", "close until --until, or until it is lifted")),
		a.switchSetCmd("restrict", a.say("限制频次、级别或只准汇总", "limit the rate, the level, or to aggregates")),
		a.switchSetCmd("close", a.say("关闭", "close")),
		a.switchSignCmd(), a.switchLiftCmd(), a.switchListCmd())
	return c
}

// switchLevels are the levels, as the command line takes them.
var switchLevels = []string{registry.LevelOperator, registry.LevelLicense, registry.LevelScenario, registry.LevelZone, registry.LevelDataset, registry.LevelColumn}

func (a *app) switchSetCmd(verb, short string) *cobra.Command {
	var name string
	var draft bool
	r := registry.Restriction{Degree: registry.DegreeClose, Status: registry.StatusActive}
	c := &cobra.Command{
		Use:     verb + " LEVEL TARGET",
		Short:   short,
		Long:    short + "\n\nLEVEL: " + strings.Join(switchLevels, ", ") + "\n",
		Example: fmt.Sprintf("  zonebox switch %s --as zhao.city operator huiyi --clause YC22-35 --reason 违规使用", verb),
		Args:    nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			r.Level, r.Target = args[0], args[1]
			if verb == "restrict" {
				r.Degree = registry.DegreeRestrict
			}
			spec, err := json.Marshal(r)
			if err != nil {
				return fmt.Errorf("zonebox: write measure: %w", err)
			}
			return a.signSwitch(c.Context(), registry.Document{Kind: registry.KindRestriction, Name: cmp.Or(name, a.switchName(r.Level, r.Target)), Spec: spec}, draft)
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", a.say("措施名称,缺省由对象与时间构成", "name of the measure; of target and time by default"))
	f.StringVar(&r.Reason, "reason", "", a.say("理由", "reason"))
	f.StringVar(&r.Clause, "clause", "", a.say("依据的条款", "clause or article it rests on"))
	f.StringVar(&r.Alert, "alert", "", a.say("所依据的告警", "alert that it answers"))
	f.BoolVar(&draft, "draft", false, a.say("只签署,文本写到标准输出,由另一方 switch sign", "sign only and print it, for another party to switch sign"))
	if verb != "close" {
		f.StringVar(&r.Until, "until", "", a.say("最后一日", "last day (2006-01-02)"))
	}
	if verb == "restrict" {
		f.IntVar(&r.Rate, "rate", 0, a.say("该单位每小时的语句数", "statements an hour of the operator"))
		f.IntVar(&r.MaxLevel, "max-level", 0, a.say("可读的最高级别", "highest level that a statement reads"))
		f.BoolVar(&r.AggregatesOnly, "aggregates-only", false, a.say("只准汇总", "aggregates only"))
	}
	return c
}

func (a *app) switchSignCmd() *cobra.Command {
	var file string
	var draft bool
	c := &cobra.Command{
		Use:     "sign -f FILE",
		Short:   a.say("签署另一方拟定的措施并生效", "sign a measure that another party drew up and put it in force"),
		Example: "  zonebox switch sign --as zhao.city -f measure.yaml",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			docs, err := readDocuments(file)
			if err != nil {
				return err
			}
			if len(docs) != 1 || docs[0].Kind != registry.KindRestriction {
				return usageError{errors.New(a.say("文件须为一份 Restriction 文档", "the file must be one document Restriction"))}
			}
			return a.signSwitch(c.Context(), docs[0], draft)
		},
	}
	fileFlag(a, c, &file)
	c.Flags().BoolVar(&draft, "draft", false, a.say("只签署,文本写到标准输出", "sign only and print it"))
	return c
}

func (a *app) switchLiftCmd() *cobra.Command {
	var reason string
	var draft bool
	c := &cobra.Command{
		Use:     "lift NAME",
		Short:   a.say("解除一项措施,须由设定方签名并说明理由;不恢复任何运行", "lift a measure, by those who set it, for a reason; it resumes nothing"),
		Example: "  zonebox switch lift --as zhao.city operator-huiyi-20260211t010000 --reason 整改完成",
		Args:    nArgs(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.liftMeasure(c.Context(), args[0], reason, draft) },
	}
	c.Flags().StringVar(&reason, "reason", "", a.say("解除的理由", "why it is lifted"))
	c.Flags().BoolVar(&draft, "draft", false, a.say("只签署,文本写到标准输出,由另一方 switch sign", "sign only and print it, for another party to switch sign"))
	return c
}

// switchName is what a measure is called unless somebody says otherwise.
func (a *app) switchName(level, target string) string {
	return strings.ToLower(strings.ReplaceAll(level+"-"+target, "_", "-")) + a.now().UTC().Format("-20060102t150405")
}

// liftMeasure signs that a measure is lifted, and why.
func (a *app) liftMeasure(ctx context.Context, name, reason string, draft bool) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	views, err := client.Documents(ctx, registry.KindRestriction, name)
	if err != nil {
		return err
	}
	var doc registry.Document
	if err := json.Unmarshal(views[0].Document, &doc); err != nil {
		return fmt.Errorf("zonebox: read measure %s: %w", name, err)
	}
	r, err := registry.SpecOf[registry.Restriction](doc)
	if err != nil {
		return err
	}
	r.Status, r.StatusReason, doc.Signatures = registry.StatusLifted, reason, nil
	if doc.Spec, err = json.Marshal(r); err != nil {
		return fmt.Errorf("zonebox: write measure: %w", err)
	}
	return a.signSwitch(ctx, doc, draft)
}

// signSwitch signs a measure and prints it, or puts it in force and says what it
// stopped.
func (a *app) signSwitch(ctx context.Context, doc registry.Document, draft bool) error {
	key, err := a.userKey()
	if err != nil {
		return err
	}
	doc.Sign(a.user, key.Private(), a.now())
	if draft {
		text, err := yaml.Marshal(doc)
		if err != nil {
			return fmt.Errorf("zonebox: print measure: %w", err)
		}
		_, err = a.stdout.Write(text)
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("zonebox: write measure: %w", err)
	}
	applied, err := client.Apply(ctx, text)
	if err != nil {
		return err
	}
	for _, d := range applied {
		fmt.Fprintf(a.stderr, a.say("%s: 第 %d 版已生效\n", "%s: version %d is in force\n"), d.Name, d.Version)
		a.printEnded(d.Stopped)
	}
	return nil
}

// printEnded says on stderr what a document ended.
func (a *app) printEnded(s *query.Ended) {
	if s == nil {
		return
	}
	fmt.Fprintf(a.stderr, a.say("终止 %d 个执行中的,作废 %d 个排队或待审的,冻结 %d 个待放行的结果,用时 %.2f 秒\n",
		"%d running killed, %d queued or in review voided, %d held outputs frozen, in %.2f seconds\n"), s.Killed, s.Voided, s.Frozen, s.Seconds)
	if s.Ending > 0 {
		fmt.Fprintf(a.stderr, a.say("其中 %d 个已终止,进程尚在清理\n", "of them %d are ended, their processes still being cleared away\n"), s.Ending)
	}
}

func (a *app) switchListCmd() *cobra.Command {
	var output string
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("列出未解除的措施,--all 含已解除的", "list the measures that are not lifted, with --all the others too"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			names, err := client.Documents(c.Context(), registry.KindRestriction, "")
			if err != nil {
				return err
			}
			shown := []registry.Document{}
			t := newTable(a.say("名称", "name"), a.say("级别", "level"), a.say("对象", "target"), a.say("程度", "degree"), a.say("限度", "limits"),
				a.say("依据", "clause"), a.say("截止", "until"), a.say("状态", "status"), a.say("登记人", "applied by"), a.say("时间", "at"))
			for _, n := range names {
				view, err := client.Documents(c.Context(), registry.KindRestriction, n.Name)
				if err != nil {
					return err
				}
				var doc registry.Document
				if err := json.Unmarshal(view[0].Document, &doc); err != nil {
					return fmt.Errorf("zonebox: read measure %s: %w", n.Name, err)
				}
				r, err := registry.SpecOf[registry.Restriction](doc)
				if err != nil {
					return err
				}
				if r.Status == registry.StatusLifted && !all {
					continue
				}
				shown = append(shown, doc)
				t.AppendRow([]any{n.Name, r.Level, printable(r.Target), r.Degree, dash(r.Degree == registry.DegreeRestrict, a.switchLimits(r)), printable(r.Clause),
					dash(r.Until != "", r.Until), r.Status, n.By, n.At.Format("2006-01-02 15:04")})
			}
			if output == "json" {
				return a.printJSON(shown)
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().BoolVar(&all, "all", false, a.say("含已解除的", "those lifted too"))
	return c
}

// switchLimits says what a restriction leaves.
func (a *app) switchLimits(r registry.Restriction) string {
	var all []string
	if r.Rate > 0 {
		all = append(all, fmt.Sprintf(a.say("每小时 %d 条", "%d an hour"), r.Rate))
	}
	if r.MaxLevel > 0 {
		all = append(all, fmt.Sprintf(a.say("不高于 %d 级", "level %d"), r.MaxLevel))
	}
	if r.AggregatesOnly {
		all = append(all, a.say("只准汇总", "aggregates only"))
	}
	return strings.Join(all, ", ")
}
