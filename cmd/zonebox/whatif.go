package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) whatIfCmd() *cobra.Command {
	var from, until, bundle, output string
	var documents []string
	c := &cobra.Command{
		Use:   "what-if --from DAY --until DAY [--document FILE]… [--bundle FILE]",
		Short: a.say("在草案下重新裁决一段时间内的裁决,列出会改变的", "decide the decisions of a period again under drafts, and list those that would be others"),
		Long: a.say(`重放登记的提问、放行、装载与预览的裁决:语句、交付、主机与时刻依登记不变;登记簿依当时的状态读取,并以草案代替
(机构、人员、专区、目录、协议、供数、场景、授权、合作方、模板、负面清单、限制),策略包以 --bundle 代替。
已给出的审批视为有效,草案视为所列各方已签。不执行任何语句,不作任何更改,查阅记入审计日志。
不能得知的列为未知,并说明原因;其余照常重放。

退出码: 0 完成; 2 用法错误或草案不影响任何裁决; 3 被拒绝`,
			`The recorded decisions on questions, releases, loads and previews are replayed. Statement,
delivery, host and time are as recorded; the registry is read as it was then, with the
drafts in place of its documents (organizations, people, zones, entries, licenses,
supplies, scenarios, grants, partners, templates, negative lists, restrictions), and
--bundle in place of the rules. Approvals given count as given, and drafts as signed by
all they name. Nothing is executed or changed; the reading is logged. What cannot be
told is listed as unknown, and why; the rest goes on.

Exit codes: 0 done; 2 usage, or no decision rests on the draft; 3 denied`),
		Example: "  zonebox what-if --from 2026-11-01 --until 2026-12-01 --document license.yaml --as zhao.city",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var in query.WhatIf
			var err error
			if in.From, err = instantOf(from); err != nil {
				return usageError{err}
			}
			if in.Until, err = instantOf(until); err != nil {
				return usageError{err}
			}
			var texts []string
			for _, name := range documents {
				text, err := readFile(name, a.stdin)
				if err != nil {
					return err
				}
				texts = append(texts, string(text))
			}
			in.Documents = strings.Join(texts, "\n---\n")
			if bundle != "" {
				if in.Bundle, err = readFile(bundle, a.stdin); err != nil {
					return err
				}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			r, err := client.WhatIf(c.Context(), in)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(r)
			}
			return a.printWhatIf(r)
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", a.say("起始日或时刻", "first day, or time"))
	f.StringVar(&until, "until", "", a.say("截止日或时刻 (不含)", "day or time before which it ends"))
	f.StringArrayVar(&documents, "document", nil, a.say("文档草案,可重复", "draft of a document; may be repeated"))
	f.StringVar(&bundle, "bundle", "", a.say("策略包草案,可未签署", "draft of a bundle, which need not be signed"))
	f.StringVarP(&output, "output", "o", "table", "table|json")
	for _, name := range []string{"from", "until"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic("zonebox: " + err.Error())
		}
	}
	return c
}

func (a *app) printWhatIf(r *query.WhatIfReport) error {
	fmt.Fprintf(a.stdout, a.say("不变 %d, 改变 %d, 未知 %d; 草案 sha256:%s\n", "same %d, flips %d, unknown %d; drafts sha256:%s\n"), r.Same, len(r.Flips), len(r.Unknown), r.Digest)
	if r.LeftOut {
		fmt.Fprintln(a.stdout, a.say("该时段更早的裁决未予重放,请缩短时段", "older decisions of the period were not looked at; take a shorter one"))
	}
	if len(r.Flips)+len(r.Unknown) == 0 {
		return nil
	}
	t := newTable(a.say("单位", "organization"), a.say("场景", "scenario"), a.say("运行", "run"), a.say("环节", "action"), a.say("列", "columns"),
		a.say("原裁决", "before"), a.say("草案下", "after"))
	for _, f := range append(r.Flips, r.Unknown...) {
		var after []string
		for _, reason := range f.Reasons {
			after = append(after, reason.Code)
		}
		verdict := f.After
		if f.Why != "" {
			verdict = strings.TrimSpace(a.say("未知: ", "unknown: ") + f.Why + " " + strings.Join(f.About, " "))
		}
		t.AppendRow([]any{f.Operator, f.Scenario, f.Run, f.Action, listed(f.Columns), strings.TrimSpace(f.Before + " " + strings.Join(f.Codes, " ")), strings.TrimSpace(verdict + " " + strings.Join(after, " "))})
	}
	fmt.Fprintln(a.stdout, t.Render())
	for _, why := range unknownWhys {
		if slices.ContainsFunc(r.Unknown, func(f query.Flip) bool { return f.Why == why.code }) {
			fmt.Fprintln(a.stdout, why.code+": "+a.say(why.zh, why.en))
		}
	}
	return nil
}

// unknownWhys says why it cannot be told what a decision would have been.
var unknownWhys = []struct{ code, zh, en string }{
	{query.WhyRefused, "当时即被拒绝,且非出于规则", "it was refused, and not by a rule"},
	{query.WhyRecorded, "不能重放:登记于所列事实设立之前", "cannot be replayed: recorded before the facts named existed"},
	{query.WhyAnalysis, "须重新分析语句或重新读取交付", "the statement would have to be analyzed again, or the delivery read"},
	{query.WhyFacts, "登记的事实出自其他版本的程序,或当时的登记簿不可还原,或草案引用了当时没有的文档", "its facts are of another release, or the registry of then cannot be read again, or the drafts name what was not there then"},
	{query.WhyEngine, "规则未给出裁决", "the rules gave no decision"},
}
