package main

import (
	"fmt"
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
		Long: a.say(`重放登记的裁决事实:语句、主机、时刻、目录与提问人依记录不变;协议 (License)、场景 (Scenario)、授权 (Grant)、
负面清单 (NegativeList) 与策略包以草案代替。已给出的审批视为有效,协议视为各方已签。不执行任何语句,不作任何更改,查阅记入审计日志。
须重新分析语句才能得知的、裁决之前即被拒绝的,列为未知。`,
			`The recorded facts are replayed: statement, host, time, catalogue and person as they
were, with drafts in place of the License, Scenario, Grant, NegativeList or rules.
Approvals given count as given, and a drafted license as signed. Nothing is executed
or changed; the reading is logged. What would need the statement to be analyzed
again, or was refused before a decision, is listed as unknown.`),
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
	t := newTable(a.say("运营单位", "operator"), a.say("场景", "scenario"), a.say("运行", "run"), a.say("环节", "action"), a.say("列", "columns"),
		a.say("原裁决", "before"), a.say("草案下", "after"))
	for _, f := range append(r.Flips, r.Unknown...) {
		var after []string
		for _, reason := range f.Reasons {
			after = append(after, reason.Code)
		}
		verdict := f.After
		if f.Why != "" {
			verdict = a.say("未知: ", "unknown: ") + f.Why
		}
		t.AppendRow([]any{f.Operator, f.Scenario, f.Run, f.Action, listed(f.Columns), strings.TrimSpace(f.Before + " " + strings.Join(f.Codes, " ")), strings.TrimSpace(verdict + " " + strings.Join(after, " "))})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
