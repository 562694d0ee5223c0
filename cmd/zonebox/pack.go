package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) packCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "pack",
		Short: a.say("城市政策包:各地法规的条文依据、数值和办理期限", "city policy packs: the articles, figures and terms of each regulation"),
	}
	c.AddCommand(a.packListCmd(), a.packShowCmd())
	return c
}

// packStates are what people call the states of a regulation.
var packStates = map[string][2]string{
	"IN_FORCE": {"施行中", "in force"}, "DRAFT": {"草案", "draft"}, "NOT_BEGUN": {"尚未施行", "not yet in force"}, "LAPSED": {"有效期已过", "lapsed"},
}

// origins are where a figure is from.
var origins = map[string][2]string{"statutory": {"法规", "regulation"}, "agreement": {"协议约定", "agreement"}, "local": {"本地", "local"}}

// courseEvents are what a term starts and ends with.
var courseEvents = map[string][2]string{
	"circumstance_arose": {"情形发生", "circumstance arose"}, "catalogue_updated": {"更新目录", "catalogue updated"}, "request_received": {"收到申请", "request received"},
	"assessed": {"评估确认", "assessed"}, "opinion_given": {"提出意见", "opinion given"}, "replied": {"答复", "replied"}, "delivered": {"完成共享", "delivered"},
	"objection_received": {"收到异议材料", "objection received"}, "marked": {"标注", "marked"}, "decided": {"作出决定", "decided"}, "transferred": {"转交", "transferred"},
	"transfer_received": {"收到转交材料", "transfer received"}, "feedback_received": {"收到反馈", "feedback received"}, "corrected": {"更正", "corrected"},
	"task_received": {"收到整改任务", "task received"}, "report_received": {"收到举报", "report received"}, "handled": {"处理", "handled"},
	"evaluation_concluded": {"评估结束", "evaluation concluded"}, "reminded": {"提醒或约谈", "reminded or interviewed"},
	"product_formed": {"形成产品或服务", "product formed"}, "product_notified": {"告知", "notified"}, "alert_raised": {"发出告警", "alert raised"}, "alert_decided": {"确认或解除", "confirmed or lifted"},
}

func (a *app) packListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "list",
		Short:   a.say("列出政策包:法规、今天是否施行、有效期", "list the packs: regulation, whether it is in force today, validity"),
		Example: "  zonebox pack list --as zhao.city",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Packs(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("名称", "name"), a.say("法规", "regulation"), a.say("状态", "state"), a.say("有效期", "validity"), a.say("期限数", "terms"))
			t.SetColumnConfigs(right(5))
			for _, p := range all {
				t.AppendRow([]any{p.Name, printable(a.say(p.TitleZH, p.TitleEN)), a.called(packStates, p.State), a.validity(p), countTimed(p.Timers)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// validity prints the first and last day of a regulation.
func (a *app) validity(p query.PackView) string {
	from, until := p.From, p.Until
	if from == "" {
		return a.say("施行日期留白", "day left blank")
	}
	if until == "" {
		until = a.say("无期限", "open")
	}
	return from + " – " + until
}

// countTimed counts the timers that have a figure.
func countTimed(all []query.PackTimer) int {
	n := 0
	for _, t := range all {
		if t.Days > 0 {
			n++
		}
	}
	return n
}

func (a *app) packShowCmd() *cobra.Command {
	var output, from string
	var timers bool
	c := &cobra.Command{
		Use:   "show NAME [--timers] [--from DAY]",
		Short: a.say("显示一个政策包:各数值、期限及其出处", "show a pack: each figure and term, and where it is from"),
		Long: a.say(`显示一个政策包。每个数值旁注明出处:"法规" 附条号;"协议约定"、"本地" 不是法规规定的数值。
期限按工作日计算,收到当日不计,节假日和调休上班日依国务院办公厅通知。
加 --from 给出起算日时列出各期限的截止日;尚无节假日安排的年份,截止日标为暂定。`,
			`Shows a policy pack. Beside each figure stands where it is from: a regulation, with
its article; an agreement and local are no figures of a regulation. Terms are in
working days, the day of receipt not counted, holidays and make-up working days as
announced. With --from each term is shown with its last day, which is provisional
in a year whose holidays are not announced.`),
		Example: "  zonebox pack show --as zhao.city yancheng-2022\n  zonebox pack show --as zhao.city nanjing-2019 --timers --from 2026-02-11",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			p, err := client.Pack(c.Context(), args[0], from)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(p)
			}
			return a.printPack(*p, timers, from)
		},
	}
	c.Flags().BoolVar(&timers, "timers", false, a.say("只列办理期限", "the terms only"))
	c.Flags().StringVar(&from, "from", "", a.say("起算日,如 2026-02-11", "the day the terms begin, such as 2026-02-11"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printPack(p query.PackView, timersOnly bool, from string) error {
	fmt.Fprintf(a.stdout, a.say("%s:%s\n%s · %s · 依据 %s\n", "%s: %s\n%s · %s · under %s\n"), p.Name, printable(a.say(p.TitleZH, p.TitleEN)),
		a.called(packStates, p.State), a.validity(p), printable(strings.Join(p.LegalBases, a.say("、", ", "))))
	if !timersOnly {
		t := newTable(a.say("项目", "figure"), a.say("取值", "value"), a.say("出处", "from"))
		for _, f := range p.Figures {
			source := strings.Join(f.Articles, " ")
			if source == "" {
				source = a.called(origins, "local")
			}
			t.AppendRow([]any{printable(a.say(f.TitleZH, f.TitleEN)), printableText(wrapped(a.say(f.ValueZH, f.ValueEN), a.say("、", ", "))), source})
		}
		fmt.Fprintln(a.stdout, t.Render())
	}
	header := []string{a.say("期限", "term"), a.say("工作日", "working days"), a.say("起算", "from"), a.say("止算", "until"), a.say("出处", "source")}
	if from != "" {
		header = append(header, a.say("截止日", "due"))
	}
	t := newTable(append(header, a.say("说明", "note"))...)
	t.SetColumnConfigs(right(2))
	missing := map[int]bool{}
	for _, x := range p.Timers {
		days, source := strconv.Itoa(x.Days), x.Article
		if x.Days == 0 {
			days = "-"
		}
		if x.Origin != "statutory" {
			source += " " + a.called(origins, x.Origin)
		}
		row := []any{printable(a.say(x.TitleZH, x.TitleEN)), days, dash(x.StartOn != "", a.called(courseEvents, x.StartOn)), dash(x.StopOn != "", a.called(courseEvents, x.StopOn)), source}
		if from != "" {
			due := dash(x.Due != "", x.Due)
			if len(x.Missing) > 0 {
				due += a.say(" 暂定", " provisional")
			}
			row = append(row, due)
		}
		for _, year := range x.Missing {
			missing[year] = true
		}
		t.AppendRow(append(row, printable(a.say(x.NoteZH, x.NoteEN))))
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	for year := range missing {
		fmt.Fprintf(a.stderr, a.say("警告:尚无 %d 年节假日安排,有关截止日为暂定\n", "warning: the holidays of %d are not announced; days that rest on them are provisional\n"), year)
	}
	return err
}

// wrapped breaks a list after every sixth of its items.
func wrapped(list, comma string) string {
	items := strings.Split(list, comma)
	for i := 6; i < len(items); i += 6 {
		items[i] = "\n" + items[i]
	}
	return strings.Join(items, comma)
}
