package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/release"
)

func (a *app) fragmentCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "trace FILE",
		Short: a.say("由泄露片段查出放行结果、运营单位与人员", "name release, operator and person of lines that leaked"),
		Long: a.say(`FILE 为泄露表格中的若干行(CSV 或 TSV 文本,UTF-8 或 GB18030;"-" 为标准输入),至多 10,000 行。
以各行各格的带密钥摘要与已放行结果比对,与行序、列序、列名无关。缺列、多列或改动过的,凭其余各列
认出:每行须有足够内容,或半数以上的行合起来足够;很大的结果,缺列时只认得出一部分行。取整、重算过的
数值认不出,专区密钥销毁后什么都认不出;列名行算作一行,不会匹配。内容很少的行(如区划与人数)可能见于
多个结果:所含格数相同的,如实说不能区分。
安全保密部门可查全部专区,监管部门查其专区;先入审计日志,再作答。日志不含片段内容。`,
			`FILE holds lines of a table that leaked: CSV or TSV text in UTF-8 or GB18030, "-" for
standard input, at most 10,000 lines. Keyed digests of its lines and cells are compared
with those of what was released; the order of lines and columns and their names do not
matter. Where a column was left out, added or altered, lines are known by the others, if
each says enough, or at least half of them do together; of very large results some
lines are. Figures that were rounded or computed anew are not known, and nothing is once
the zone's keys are destroyed. A line of column names counts, and matches nothing. Lines
that say little, such as a district and a count, may stand in many results: those that
hold as many of the cells are told as not told apart.
It is for the security officer, and for a regulator in its zones. The audit log is told
before the answer is given; it holds nothing of the lines.`),
		Example: "  zonebox trace leaked.csv --as he.sec\n  zonebox trace - --as sun.health -o json < leaked.tsv",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			text, err := readFile(args[0], a.stdin)
			if err != nil {
				return err
			}
			lines, err := release.Lines(text)
			if err != nil {
				return usageError{errors.New(a.say("文件须为 UTF-8 或 GB18030 的 CSV 或 TSV 文本", "the file must be CSV or TSV text in UTF-8 or GB18030"))}
			}
			found, err := client.TraceFragment(c.Context(), query.Fragment{Lines: lines})
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(found)
			}
			return a.printFragmentTrace(found)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printFragmentTrace(found *query.FragmentTrace) error {
	zones := strings.Join(found.Zones, ", ")
	if found.Tied == 0 {
		_, err := fmt.Fprintf(a.stdout, a.say("专区 %s 的放行结果中没有这 %d 行\n", "no release of zones %s holds any of the %d lines\n"), zones, found.Lines)
		return err
	}
	t := newTable(a.say("行数", "lines"), a.say("整行", "whole"), a.say("格数", "cells"), a.say("结果行数", "of rows"), a.say("运行", "run"), a.say("放行时间", "released"), a.say("运营单位", "operator"), a.say("合作方", "partner"),
		a.say("人员", "person"), a.say("姓名", "name"), a.say("接收人", "recipient"), a.say("场景", "scenario"), a.say("专区", "zone"))
	for _, r := range found.Releases {
		t.AppendRow([]any{fmt.Sprintf("%d/%d", r.Lines, found.Lines), r.Whole, fmt.Sprintf("%d/%d", r.Cells, found.Cells), r.Rows, r.Run, r.Released.Format(time.DateTime), r.Operator, r.Partner, r.Person, r.RealName, r.Recipient, r.Scenario, r.Zone})
	}
	if _, err := fmt.Fprintln(a.stdout, t.Render()); err != nil {
		return err
	}
	if found.Tied > 1 {
		_, err := fmt.Fprintf(a.stdout, a.say("前 %d 个结果所含格数相同,仅凭这些行不能区分\n", "the first %d hold equally many cells: these lines do not tell which of them it was\n"), found.Tied)
		return err
	}
	return nil
}
