package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/registry"
)

// What people call the states and severities of alerts, and what is next in a state.
var (
	alertStates = map[string][2]string{
		"RAISED": {"已发出", "raised"}, "RESTRICTED": {"已自动限制,待确认", "restricts, undecided"}, "CONFIRMED": {"已确认", "confirmed"},
		"LIFTED": {"已解除", "lifted"}, "CLOSED": {"已办结", "closed"},
	}
	alertNext = map[string][2]string{
		"RESTRICTED": {"由可设定该级措施者 alert confirm 或 alert lift", "who may set a measure of that level: alert confirm or alert lift"},
		"RAISED":     {"核实后 alert close", "alert close, once it is looked into"}, "CONFIRMED": {"alert close", "alert close"}, "LIFTED": {"alert close", "alert close"},
	}
	alertSeverities = map[string][2]string{"NOTICE": {"提示", "notice"}, "WARNING": {"警示", "warning"}, "MAJOR": {"重大", "major"}}
)

func (a *app) alertCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "alert",
		Short: a.say("告警:查看、确认或解除自动限制、办结", "alerts: read, confirm or lift what they restrict, close"),
		Long: a.say(`告警由专区政策包的规则发出(NJ24-21),只送规则所列的收件人与所涉运营单位的数据安全负责人。
规则可自动作出临时限制:限制一直有效,直到有人以签名措施确认(取代之),或说明理由解除(NJ24-23)。
逾期未决上报市数据主管部门,限制不变。谁可设定该级措施,谁方可确认或解除;被限制者不可。

`, `Alerts are raised by the rules of the zone's policy pack (NJ24-21) and sent to the
recipients of the rule and to the data-security officer of the operator concerned.
A rule may restrict by itself: that stays until a person confirms it by a signed measure,
which takes its place, or lifts it and says why (NJ24-23). Undecided after its term, the
city authority is called on, and it stays. Those confirm and lift who may set a measure of
that level; the restricted may not.

`),
	}
	c.AddCommand(a.alertListCmd(), a.alertShowCmd(), a.alertConfirmCmd(), a.alertLiftCmd(), a.alertCloseCmd())
	return c
}

func (a *app) alertListCmd() *cobra.Command {
	var output string
	var all bool
	c := &cobra.Command{
		Use:     "list",
		Short:   a.say("列出送给您的未办结告警,--all 含已办结的", "list the alerts sent to you that are not closed, with --all the others too"),
		Example: "  zonebox alert list --as he.sec",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			found, err := client.Alerts(c.Context())
			if err != nil {
				return err
			}
			shown := []query.AlertView{}
			t := newTable(a.say("告警", "alert"), a.say("级别", "severity"), a.say("状态", "state"), a.say("规则", "rule"), a.say("对象", "subject"), a.say("次数", "count"),
				a.say("专区", "zone"), a.say("限制", "restricts"), a.say("时间", "time"))
			for _, v := range found {
				if v.State == "CLOSED" && !all {
					continue
				}
				shown = append(shown, v)
				t.AppendRow([]any{v.ID, a.called(alertSeverities, v.Severity), a.called(alertStates, v.State), v.Rule, printable(v.Subject), v.Count, dash(v.Zone != "", v.Zone),
					dash(v.Measure != nil, a.alertMeasure(v)), v.At.Format("2006-01-02 15:04")})
			}
			if output == "json" {
				return a.printJSON(shown)
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().BoolVar(&all, "all", false, a.say("含已办结的", "those closed too"))
	return c
}

// alertMeasure says what an alert restricts.
func (a *app) alertMeasure(v query.AlertView) string {
	m := v.Measure
	if m == nil {
		return ""
	}
	limits := a.switchLimits(registry.Restriction{Rate: m.Rate, MaxLevel: m.MaxLevel, AggregatesOnly: m.AggregatesOnly})
	return strings.TrimSpace(strings.Join([]string{m.Degree, m.Level, printable(m.Target), limits}, " "))
}

func (a *app) alertShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "show ALERT",
		Short:   a.say("一条告警:所计、对象、限制与经过", "an alert: what was counted, for whom, what it restricts, its course"),
		Example: "  zonebox alert show --as he.sec alert-06f4…",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.Alert(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			return a.printAlert(v)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printAlert(v *query.AlertView) error {
	fmt.Fprintf(a.stdout, "%s  %s  %s\n", v.ID, a.called(alertSeverities, v.Severity), a.called(alertStates, v.State))
	line := func(zh, en, value string) {
		if value != "" {
			fmt.Fprintf(a.stdout, a.say("%s:%s\n", "%s: %s\n"), a.say(zh, en), value)
		}
	}
	line("规则", "rule", v.Rule+" "+a.say(v.TitleZH, v.TitleEN))
	line("对象", "subject", v.Per+" "+printable(v.Subject))
	line("所计", "counted", fmt.Sprintf("%s %d / %s (≥ %d)", v.Counter, v.Count, v.Window, v.AtLeast))
	line("专区", "zone", v.Zone)
	line("运营单位", "operator", v.Operator)
	line("收件人", "recipients", strings.Join(v.Recipients, ", "))
	line("条文", "article", v.Article)
	line("自动限制", "restricts by itself", a.alertMeasure(*v))
	line("已在限制之下", "under the measure of", v.Under)
	line("办结前须报告", "to be reported before it is closed to", a.say(v.ReportZH, v.ReportEN))
	if next, open := alertNext[v.State]; open {
		line("下一步", "next", a.say(next[0], next[1]))
	}
	t := newTable(a.say("时间", "time"), a.say("由", "from"), a.say("至", "to"), a.say("操作人", "by"), a.say("依据", "basis"))
	for _, m := range v.Moves {
		t.AppendRow([]any{m.At.Format("2006-01-02 15:04"), a.called(alertStates, m.From), a.called(alertStates, m.To), m.By, printable(m.Basis)})
	}
	if len(v.Moves) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}

func (a *app) alertConfirmCmd() *cobra.Command {
	var reason, clause, until, name string
	var draft bool
	c := &cobra.Command{
		Use:   "confirm ALERT",
		Short: a.say("以签名措施确认告警的限制并取代之", "confirm what an alert restricts by a signed measure, which takes its place"),
		Long: a.say(`以您签名的措施确认告警的限制,内容照原样,并取代自动限制。需两方共同作出的,
一方 --draft 输出已签文本,另一方 switch sign 签署。

`, `Confirms what an alert restricts by a measure of the same content that you sign and that
takes its place. What two parties do together one draws up with --draft, and the other
signs with switch sign.

`),
		Example: "  zonebox alert confirm --as zhao.city alert-06f4… --reason 频繁试探 --clause NJ24-23",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.Alert(c.Context(), args[0])
			if err != nil {
				return err
			}
			m := v.Measure
			if m == nil {
				return usageError{errors.New(a.say("该告警未作限制,无可确认;可 alert close 办结", "the alert restricts nothing to confirm; close it with alert close"))}
			}
			spec, err := json.Marshal(registry.Restriction{Level: m.Level, Target: m.Target, Degree: m.Degree, Rate: m.Rate, MaxLevel: m.MaxLevel, AggregatesOnly: m.AggregatesOnly,
				Reason: reason, Clause: clause, Until: until, Alert: v.ID, Status: registry.StatusActive})
			if err != nil {
				return fmt.Errorf("zonebox: write measure: %w", err)
			}
			return a.signSwitch(c.Context(), registry.Document{Kind: registry.KindRestriction, Name: cmp.Or(name, a.switchName(m.Level, m.Target)), Spec: spec}, draft)
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", a.say("措施名称,缺省由对象与时间构成", "name of the measure; of target and time by default"))
	f.StringVar(&reason, "reason", "", a.say("理由", "reason"))
	f.StringVar(&clause, "clause", "", a.say("依据的条款", "clause or article it rests on"))
	f.StringVar(&until, "until", "", a.say("最后一日,缺省至解除为止", "last day (2006-01-02); until it is lifted by default"))
	f.BoolVar(&draft, "draft", false, a.say("只签署,文本写到标准输出,由另一方 switch sign", "sign only and print it, for another party to switch sign"))
	return c
}

func (a *app) alertLiftCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:     "lift ALERT",
		Short:   a.say("解除告警的自动限制,须说明理由;不恢复任何运行", "lift what an alert restricts, for a reason; it resumes nothing"),
		Example: "  zonebox alert lift --as zhao.city alert-06f4… --reason 误报",
		Args:    nArgs(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.liftMeasure(c.Context(), args[0], reason, false) },
	}
	c.Flags().StringVar(&reason, "reason", "", a.say("解除的理由", "why it is lifted"))
	return c
}

func (a *app) alertCloseCmd() *cobra.Command {
	var said query.AlertClosing
	c := &cobra.Command{
		Use:     "close ALERT",
		Short:   a.say("办结告警;其限制须先确认或解除,须报告的须先报告", "close an alert; what it restricts is decided first, what is to be reported is reported first"),
		Example: "  zonebox alert close --as zhao.city alert-06f4… --reason 已核实,系测试",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.CloseAlert(c.Context(), args[0], said)
			if err != nil {
				return err
			}
			return a.printAlert(v)
		},
	}
	c.Flags().StringVar(&said.Reason, "reason", "", a.say("理由;加密保存", "why; it is kept encrypted"))
	c.Flags().StringVar(&said.Report, "report", "", a.say("何时、以何文号报告,规则要求报告时必填", "when and under which reference it was reported, where the rule asks for that"))
	return c
}
