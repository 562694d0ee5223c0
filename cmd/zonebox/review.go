package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
)

func (a *app) reviewCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "review",
		Short: a.say("审批查询与放行结果", "approve queries and outputs"),
	}
	c.AddCommand(a.reviewListCmd(), a.reviewShowCmd(), a.reviewRowsCmd(), a.settleCmd("approve", true), a.settleCmd("reject", false), a.coarsenCmd(),
		a.outputMoveCmd("recall", a.say("召回已放行的结果:不得再领取,申请人可见依据", "call back a released output: it is collected no more, and its requester sees why")),
		a.outputMoveCmd("freeze", a.say("冻结待放行的结果,此后不再放行", "freeze an output that waits: it is never released")))
	return c
}

func (a *app) reviewListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("列出待您审核的运行:已等时间、期限、级别与原因", "list the runs that wait for your review: how long, until when, level and why"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			items, err := client.Reviews(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(items)
			}
			_, err = fmt.Fprintln(a.stdout, a.reviewTable(items))
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) reviewShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "show RUN",
		Short: a.say("显示一个运行:语句、裁决、血缘、结果概况与经过", "show a run: statement, decision, lineage, output facts and history"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.Review(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			fmt.Fprintf(a.stdout, "%s  %s  %s  %s\n", d.Run, d.Stage, d.State, d.Requester)
			a.printWaits(d.ReviewItem)
			fmt.Fprintf(a.stdout, "%s: %s\n", a.say("语句", "statement"), printableText(d.SQL))
			if d.Template != "" {
				fmt.Fprintf(a.stdout, "%s: %s\n", a.say("模板", "template"), printable(d.Template))
				for _, v := range d.Parameters {
					fmt.Fprintf(a.stdout, "  %s = %s\n", v.Name, printable(v.Value))
				}
			}
			if d.Explanation != nil {
				if err := a.printExplanation(d.Explanation, d.SQL); err != nil {
					return err
				}
			}
			if d.Output != nil {
				fmt.Fprintf(a.stdout, a.say("结果: %d 行,%d 列\n", "output: %d rows, %d columns\n"), d.Output.Rows, d.Output.Columns)
				if k := d.Output.MinGroup; k > 0 {
					fmt.Fprintf(a.stdout, a.say("每行不少于 %d 个主体\n", "at least %d entities behind every row\n"), k)
				}
				a.printEffect(a.stdout, d.Output.Effect)
				for _, i := range d.Output.Identifiers {
					fmt.Fprintf(a.stdout, a.say("来源未许可: 列 %s 有 %d 行含%s,首见于第 %d 行\n", "not permitted by its source: column %s has %d rows with a %s, the first is row %d\n"), printable(i.Column), i.Rows, a.called(classTitles, i.Class), i.Row)
				}
				for _, m := range d.Output.Matches {
					if m.Row == 0 {
						fmt.Fprintf(a.stdout, a.say("掩码露出原始数据: 列 %s 由其算出,类别 %s\n", "a mask shows raw data: column %s is computed from it, class %s\n"), printable(m.Column), printable(m.Class))
						continue
					}
					fmt.Fprintf(a.stdout, a.say("与原始数据相符: 列 %s 有 %d 行,类别 %s,首见于第 %d 行\n", "raw data: column %s has %d rows of them, class %s, the first is row %d\n"), printable(m.Column), m.Rows, printable(m.Class), m.Row)
				}
				a.printTotals(d.Output.Totals)
				a.printWithheld(d.Output)
			}
			a.printBeside(d.Compared)
			if at := d.ConsentWithdrawn; at != nil {
				fmt.Fprintf(a.stdout, a.say("结果形成之后有个人撤回授权: %s\n", "consents were withdrawn since the output was made: %s\n"), at.Format("2006-01-02 15:04:05"))
			}
			a.printCoarsened(d)
			for _, h := range d.History {
				fmt.Fprintf(a.stdout, "  %s  %s → %s  %s %s\n", h.At.Format("2006-01-02 15:04:05"), h.From, h.To, h.By, printable(strings.TrimSpace(h.Basis)))
			}
			if d.Shows {
				fmt.Fprintf(a.stdout, a.say("查看结果表: zonebox review rows %s\n", "see the rows: zonebox review rows %s\n"), d.Run)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// totalRules are the rules on what a total tells, zh and en.
var totalRules = map[string][2]string{
	"FEW_ENTITIES":       {"少于最小分组的主体", "fewer entities than the least group"},
	"FEW_NONZERO":        {"非零者过少", "few bear any of it"},
	"DOMINANCE":          {"少数主体占绝大部分", "few bear nearly all of it"},
	"P_PERCENT":          {"次大者可推知最大者", "the second largest knows the largest"},
	"CLASS_DISCLOSURE":   {"条件覆盖全部或几乎全部主体", "it takes in all of a group, or nearly"},
	"SUPPRESSION_UNDONE": {"与合计一并可推出未放行的计数", "with the sum it gives back a count that is hidden"},
	"NOT_FINITE":         {"含无穷大或非数值", "a value is infinite or no number"},
	"NEGATIVE_VALUES":    {"含负值,请人工判断", "values below zero, for people to judge"},
}

func (a *app) printTotals(totals []query.RuledTotal) {
	for _, t := range totals {
		word := a.say("未放行", "hidden")
		if t.Rule == "NEGATIVE_VALUES" {
			word = a.say("已保留", "left as it is")
		}
		fmt.Fprintf(a.stdout, a.say("合计规则: 列 %s 有 %d 组%s(%s)\n", "rule on totals: column %s in %d groups %s (%s)\n"), printable(t.Column), t.Groups, word, a.called(totalRules, t.Rule))
	}
}

func (a *app) settleCmd(verb string, approve bool) *cobra.Command {
	var basis string
	short := a.say("驳回一个运行,须说明依据", "reject a run; the basis is required")
	if approve {
		short = a.say("同意一个运行", "approve a run")
	}
	c := &cobra.Command{
		Use:     verb + " RUN",
		Short:   short,
		Example: fmt.Sprintf("  zonebox review %s --as sun.health run-06f4… --basis NJ24-14", verb),
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			i, err := client.Settle(c.Context(), args[0], api.Settlement{Approve: approve, Basis: basis})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "%s %s: %s\n", i.Run, i.Stage, i.State)
			return nil
		},
	}
	c.Flags().StringVar(&basis, "basis", "", a.say("依据或意见", "basis or opinion"))
	return c
}

func (a *app) outputMoveCmd(move, short string) *cobra.Command {
	var basis string
	c := &cobra.Command{
		Use:     move + " RUN",
		Short:   short,
		Example: fmt.Sprintf("  zonebox review %s --as sun.health run-06f4… --basis NJ24-23", move),
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			i, err := client.MoveOutput(c.Context(), args[0], api.OutputOrder{Move: move, Basis: basis})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "%s %s: %s\n", i.Run, i.Stage, i.State)
			return nil
		},
	}
	c.Flags().StringVar(&basis, "basis", "", a.say("依据", "basis"))
	return c
}
