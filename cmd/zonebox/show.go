package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) showCmd() *cobra.Command {
	var q query.ShowRequest
	var output string
	c := &cobra.Command{
		Use:     "show KIND NAME",
		Short:   a.say("一句话说明一份文档,并列出各字段", "what a document says in one sentence, and its fields"),
		Example: "  zonebox show license medical-2026 --as zhao.city\n  zonebox show license medical-2026 --version 1 --as zhao.city\n  zonebox show license medical-2026 --pending --as zhao.city",
		Args:    nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			q.Kind, q.Name = args[0], args[1]
			d, err := client.Show(c.Context(), q)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			what := fmt.Sprintf(a.say("第 %d 版", "version %d"), d.Version)
			if d.Effective != nil {
				what = fmt.Sprintf(a.say("待生效,自 %s 起", "pending, in force from %s"), d.Effective.In(china).Format(instant))
			}
			t := newTable(a.say("字段", "field"), a.say("名称", "in Chinese"), a.say("值", "value"))
			for _, p := range d.Parts {
				t.AppendRow([]any{printable(p.Path), printable(p.ZH), printable(p.Value)})
			}
			who := signedBy(d.Signers)
			if d.Version == 0 {
				who = strings.Join(d.SignedBy, " ")
			}
			_, err = fmt.Fprintf(a.stdout, a.say("%s\n%s,签署人: %s\n%s\n", "%s\n%s, signed by: %s\n%s\n"), printable(a.say(d.ZH, d.EN)), what, dash(who != "", printable(who)), t.Render())
			for _, n := range d.Notes {
				a.printReason(a.stdout, "!", n, "")
			}
			return err
		},
	}
	c.Flags().Int64Var(&q.Version, "version", 0, a.say("版本,缺省为现行版本", "version, the one in force by default"))
	c.Flags().BoolVar(&q.Pending, "pending", false, a.say("下一份待生效的", "the next that waits for its effective time"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}
