package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
)

// ticketStates are what people call the states of a quality ticket.
var ticketStates = map[string][2]string{
	"OPENED": {"已提出", "opened"}, "TRACED": {"已溯源", "traced"}, "ASSIGNED": {"已转办", "assigned"}, "REPLIED": {"已答复", "replied"},
	"CORRECTED": {"已更正", "corrected"}, "NOT_AN_ERROR": {"无误", "not an error"}, "VERIFIED": {"已核实", "verified"}, "CLOSED": {"已办结", "closed"},
	"CONFLICT": {"有争议", "conflict"},
}

// ticketMoves are the moves people make, by verb.
var ticketMoves = []struct{ move, zh, en string }{
	{"reply", "提供单位答复", "the provider replies"},
	{"correct", "提供单位称已更正", "the provider has corrected it"},
	{"deny", "提供单位称无误", "the provider says that nothing is wrong"},
	{"dispute", "提供单位或数据中心提出争议, 由市数据主管部门裁定", "the provider or the data centre disputes it: the city authority decides"},
	{"verify", "提出单位核实, 随即办结", "whoever opened it verifies; it is closed then"},
	{"return", "提出单位退回重办", "whoever opened it sends it back"},
	{"uphold", "市数据主管部门裁定须更正", "the city authority decides that it be corrected"},
	{"dismiss", "市数据主管部门裁定无误", "the city authority decides that nothing is wrong"},
}

func (a *app) ticketCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "ticket",
		Short: a.say("数据质量工单: 提出、逐级倒查、答复、更正、核实; 数据照常使用", "quality tickets: opened, traced back, replied to, corrected, verified; the data stay in use"),
	}
	c.AddCommand(a.ticketOpenCmd(), a.ticketListCmd(), a.ticketShowCmd())
	for _, m := range ticketMoves {
		c.AddCommand(a.ticketMoveCmd(m.move, a.say(m.zh, m.en)))
	}
	return c
}

func (a *app) ticketOpenCmd() *cobra.Command {
	var r query.TicketRequest
	c := &cobra.Command{
		Use:   "open DATASET --text TEXT",
		Short: a.say("就一个数据集提出疑问, 或下达整改任务", "open a ticket about a dataset, or order a task to put it right"),
		Long: a.say(`就一个数据集提出疑问; 运营单位须写明本单位的运行。
专区监管部门、市数据主管部门、数据中心可以下达整改任务 (--task), 须写明来源: 一张工单 (--ticket) 或一个版本的质量报告 (--report)。
提供单位在期限内核实 (reply)、更正 (correct); 由下达单位核实 (verify) 后办结, 退回不重新计时。
`, `Opens a ticket about a dataset; an operator names a run of its own.
The zone's regulator, the city authority and the data centre may order a task (--task), which
names what it comes of: a ticket (--ticket) or the quality report of a version (--report).
The provider looks into it (reply) and corrects it (correct) within the term; whoever ordered
it verifies, which closes it, or sends it back, which starts no new term.
`),
		Example: "  zonebox quality ticket open visits --as li.op --run run-06f4… --text \"三月的费用偏低\"\n" +
			"  zonebox quality ticket open visits --as sun.health --task --report vp55bkq3m6ihznfm5 --text \"缺三月数据, 限期更正\"",
		Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			r.Dataset = args[0]
			t, err := client.OpenTicket(c.Context(), r)
			if err != nil {
				return err
			}
			return a.printTicket(t)
		},
	}
	c.Flags().StringVar(&r.Run, "run", "", a.say("所疑结果的运行", "the run whose result is in doubt"))
	c.Flags().StringSliceVar(&r.Columns, "column", nil, a.say("所疑的列", "columns in doubt"))
	c.Flags().StringVar(&r.Text, "text", "", a.say("疑问或任务; 加密保存", "the doubt or the task; it is kept encrypted"))
	c.Flags().BoolVar(&r.Task, "task", false, a.say("整改任务", "a task to put the data right"))
	c.Flags().StringVar(&r.Ticket, "ticket", "", a.say("任务所由来的工单", "the ticket that the task comes of"))
	c.Flags().StringVar(&r.Report, "report", "", a.say("任务所由来的质量报告: 数据版本", "the version whose quality report the task comes of"))
	if err := c.MarkFlagRequired("text"); err != nil {
		panic("zonebox: " + err.Error())
	}
	return c
}

func (a *app) ticketListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("与您有关而未办结的工单, 先提出的在前", "tickets that concern you and are not settled, the oldest first"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Tickets(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("工单", "ticket"), a.say("状态", "state"), a.say("数据集", "dataset"), a.say("提供单位", "provider"), a.say("提出单位", "opened by"), a.say("时间", "time"))
			for _, i := range all {
				t.AppendRow([]any{i.ID, a.called(ticketStates, i.State), i.Dataset, i.Provider, i.Org, i.At.Format("2006-01-02 15:04")})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) ticketShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "show TICKET",
		Short: a.say("一张工单: 疑问、溯源与经过", "a ticket: the doubt, where the data come from, and its course"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := client.Ticket(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(t)
			}
			return a.printTicket(t)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) ticketMoveCmd(move, short string) *cobra.Command {
	var text string
	c := &cobra.Command{
		Use:   move + " TICKET --text TEXT",
		Short: short,
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := client.MoveTicket(c.Context(), args[0], query.TicketMove{Move: move, Text: text})
			if err != nil {
				return err
			}
			return a.printTicket(t)
		},
	}
	c.Flags().StringVar(&text, "text", "", a.say("说明; 加密保存", "what there is to say; it is kept encrypted"))
	return c
}

func (a *app) printTicket(t *query.Ticket) error {
	fmt.Fprintf(a.stdout, "%s  %s  %s  %s → %s\n", t.ID, a.called(ticketStates, t.State), printable(t.Dataset), t.Org, t.Provider)
	what := a.say("疑问", "doubt")
	if t.Task {
		what = a.say("整改任务 (来源 ", "task (of ") + t.Ticket + t.Report + ")"
	}
	fmt.Fprintf(a.stdout, "%s: %s\n", what, printableText(t.Text))
	if t.Run != "" || len(t.Columns) > 0 {
		fmt.Fprintf(a.stdout, "%s  %s\n", printable(t.Run), printable(strings.Join(t.Columns, ", ")))
	}
	a.printLinks(t.Links)
	for _, m := range t.Moves {
		fmt.Fprintf(a.stdout, "  %s  %s → %s  %s %s\n", m.At.Format("2006-01-02 15:04:05"), a.called(ticketStates, m.From), a.called(ticketStates, m.To), m.By, printable(m.Basis))
	}
	return nil
}

// printLinks prints where data come from: version, delivery, provider.
func (a *app) printLinks(links []query.TraceSource) {
	if len(links) == 0 {
		return
	}
	t := newTable(a.say("数据集", "dataset"), a.say("版本", "version"), a.say("状态", "state"), a.say("提供单位", "provider"), a.say("取得日期", "acquired"),
		a.say("交付摘要", "delivery"), a.say("装载人", "loaded by"), a.say("质量", "quality"))
	for _, l := range links {
		score := "–"
		if l.Score != nil {
			score = scoreOf(*l.Score)
		}
		t.AppendRow([]any{l.Dataset, l.Version, a.stateOf(l.State), l.Provider, l.Acquired, fmt.Sprintf("%.12s…", l.Delivery), l.LoadedBy, score})
	}
	fmt.Fprintln(a.stdout, t.Render())
}

func (a *app) traceCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "trace RUN",
		Short: a.say("一次结果从何而来: 运行、数据版本、交付、提供单位", "where the figures of a run come from: run, data versions, deliveries, providers"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := client.Trace(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(t)
			}
			fmt.Fprintf(a.stdout, "%s  %s  %s  %s  %s\n", t.Run, t.State, t.Requester, t.Scenario, t.Zone)
			a.printLinks(t.Sources)
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}
