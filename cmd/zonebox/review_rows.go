package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) reviewRowsCmd() *cobra.Command {
	var output string
	var from int64
	var rows int
	c := &cobra.Command{
		Use:   "rows RUN",
		Short: a.say("查看待审结果将放行的样子,规则隐去之处标出规则", "see what waits as it would leave, and which rules hid what"),
		Long: a.say(`显示待审结果将放行的样子,至多 1000 行,自 --from 行起。规则隐去的单元格标出规则,
不显示数值:[少于k人] [(n,k)] [p%] [覆盖全部] 等。
仅专区监管部门与所读数据的提供单位在待审期间可见;每次查看先入审计日志 (不含任何值)。`,
			`Shows what waits as it would leave, at most 1000 rows, from --from on. A cell that a
rule hides shows the rule and never its value: [<k] [(n,k)] [p%] [class] and so on.
It is for the zone regulator and the providers of what was read while it waits; each look
is in the audit log, without a value, before it is shown.`),
		Example: "  zonebox review rows --as sun.health run-06f4… --rows 50",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			r, err := client.ReviewRows(c.Context(), args[0], from, rows)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(r)
			}
			return a.printReviewRows(r)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().IntVar(&rows, "rows", 100, a.say("至多显示几行", "show so many rows at most"))
	c.Flags().Int64Var(&from, "from", 1, a.say("自第几行起", "from this row on"))
	return c
}

// reviewTable lists what waits, each on two lines.
func (a *app) reviewTable(items []query.ReviewItem) string {
	t := newTable(a.say("运行 / 专区与场景", "run / zone and scenario"), a.say("阶段", "stage"), a.say("级别", "level"), a.say("申请人", "requester"),
		a.say("等待", "waits"), a.say("原因", "why"))
	for _, i := range items {
		var codes, articles []string
		for _, w := range i.Why {
			if !slices.Contains(codes, w.Code) {
				codes = append(codes, w.Code)
			}
			for _, article := range w.Articles {
				if !slices.Contains(articles, article) {
					articles = append(articles, article)
				}
			}
		}
		waits := a.span(i.Waited)
		if i.Due != nil {
			waits += "\n" + a.say("至 ", "to ") + i.Due.Format("01-02 15:04")
		}
		level := "-"
		if i.Level > 0 {
			level = strconv.Itoa(i.Level)
		}
		t.AppendRow(table.Row{i.Run + "\n" + printable(i.Zone) + "/" + printable(i.Scenario), i.Stage, level, printable(i.Requester), waits,
			strings.Join(append(codes, strings.Join(articles, " ")), "\n")})
	}
	return t.Render()
}

// span says how long something waits, in its largest unit.
func (a *app) span(seconds int64) string {
	switch d := time.Duration(seconds) * time.Second; {
	case d >= 48*time.Hour:
		return fmt.Sprintf(a.say("%d 天", "%d days"), int(d.Hours())/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf(a.say("%d 小时", "%d hours"), int(d.Hours()))
	default:
		return fmt.Sprintf(a.say("%d 分钟", "%d minutes"), int(d.Minutes()))
	}
}

// printWaits says for how long a run waits and why, nothing of one that does not.
func (a *app) printWaits(i query.ReviewItem) {
	if i.Due == nil {
		return
	}
	fmt.Fprintf(a.stdout, a.say("所读最高级别 %d,已等 %s,期限 %s\n", "highest level read %d, waiting %s, until %s\n"), i.Level, a.span(i.Waited), i.Due.Format("2006-01-02 15:04"))
	for _, w := range i.Why {
		fmt.Fprintf(a.stdout, a.say("待审原因: %s %s (%s)\n", "waits for: %s %s (%s)\n"), w.Code, printable(a.say(w.ZH, w.EN)), strings.Join(w.Articles, " "))
	}
}

// ruleMarks stand in the cells that rules hide.
var ruleMarks = map[string][2]string{
	"FEW_ENTITIES":       {"少于k人", "<k"},
	"FEW_NONZERO":        {"非零少于k人", "nonzero <k"},
	"DOMINANCE":          {"(n,k)", "(n,k)"},
	"P_PERCENT":          {"p%", "p%"},
	"CLASS_DISCLOSURE":   {"覆盖全部", "class"},
	"SUPPRESSION_UNDONE": {"可反推", "undone"},
	"NOT_FINITE":         {"非有限值", "not finite"},
}

// printWithheld says where rules hid what.
func (a *app) printWithheld(o *query.OutputFacts) {
	if o.Few > 0 {
		fmt.Fprintf(a.stdout, a.say("未放行的分组: %d 组少于最小分组\n", "groups that do not leave: %d below the least group\n"), o.Few)
	}
	for _, w := range o.Withheld {
		var rows []string
		for _, run := range w.Rows {
			rows = append(rows, strconv.FormatInt(run[0], 10))
			if run[1] > run[0] {
				rows[len(rows)-1] += "–" + strconv.FormatInt(run[1], 10)
			}
		}
		fmt.Fprintf(a.stdout, a.say("隐去的单元格: 列 %s 第 %s 行(%s)\n", "cells hidden: column %s row %s (%s)\n"), printable(w.Column), strings.Join(rows, ","), a.called(totalRules, w.Rule))
	}
}

// printBeside says what an output was compared with.
func (a *app) printBeside(all []query.ComparedView) {
	for _, c := range all {
		fmt.Fprintf(a.stdout, a.say("历史比对: 数据集 %s 版本 %s,指标 %s;另有 %d 个结果\n", "compared: dataset %s version %s, figures %s; %d other outputs\n"),
			printable(c.Dataset), printable(c.Version), printable(strings.Join(c.Figures, ", ")), c.Outputs)
		for _, l := range c.Latest {
			state := a.say("待审", "waits")
			if l.Left {
				state = a.say("已放行", "left")
			}
			both := a.say("无相同指标", "no figure in common")
			if len(l.Figures) > 0 {
				both = fmt.Sprintf(a.say("相同指标 %s", "figures in common: %s"), printable(strings.Join(l.Figures, ", ")))
			}
			fmt.Fprintf(a.stdout, "  %s  %s  %s\n", l.Run, state, both)
		}
	}
}

// printReviewRows prints rows as they would leave; a hidden cell shows its rules.
func (a *app) printReviewRows(r *query.ReviewRows) error {
	hidden := map[[2]int64][]string{} // by row and place of the column
	for _, w := range r.Withheld {
		at := [2]int64{w.Row, int64(w.Output)}
		hidden[at] = append(hidden[at], a.called(ruleMarks, w.Rule))
	}
	header := []string{"#"}
	configs := []table.ColumnConfig{{Number: 1, Align: text.AlignRight, AlignHeader: text.AlignRight}}
	for i, c := range r.Columns {
		header = append(header, c.Name)
		if c.Form == "aggregate" {
			configs = append(configs, table.ColumnConfig{Number: i + 2, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t := newTable(header...)
	t.SetColumnConfigs(configs)
	for i := range r.Rows {
		number := r.From + int64(i)
		row := table.Row{number}
		for place, c := range r.Columns {
			cell := cellOf(c.Cells, i)
			if rules := hidden[[2]int64{number, int64(place + 1)}]; len(rules) > 0 {
				cell = "[" + strings.Join(rules, " ") + "]"
			}
			row = append(row, cell)
		}
		t.AppendRow(row)
	}
	_, err := fmt.Fprintf(a.stdout, a.say("%s\n共 %d 行,显示 %d 行;方括号内为隐去该值的规则,∅ 为空值\n", "%s\n%d rows, %d shown; in brackets the rules that hide a value, ∅ is null\n"), t.Render(), r.Total, r.Rows)
	return err
}
