package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
)

// instant is how a moment is shown to people.
const instant = "2006-01-02 15:04:05 -07:00"

// china is the time in which days begin for documents.
var china = time.FixedZone("UTC+8", 8*60*60)

func (a *app) pendingCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "pending",
		Short: a.say("列出待生效文档,或撤回", "list documents that wait for their effective time, or withdraw them"),
		Long: a.say(`文档写有将来的 effective (RFC 3339 时间,或日期,自北京时间零时起)的,提交后待生效:列出、可撤回,不产生任何效力。
到时按当时的签名与全部规则重新审核后一次生效;不再符合的失效 (LAPSED),现行版本不变,并记入审计。`,
			`A document with an effective time to come (RFC 3339, or a day, which begins at
midnight in China) waits: it is listed, may be withdrawn, and counts for nothing.
At its time every signature and rule is checked again and it comes into force at
once; what no longer holds lapses (LAPSED), and the log tells.`),
		Example: "  zonebox pending list --as zhao.city\n  zonebox pending withdraw pub-0000000042 --reason \"另行签署\" --as zhao.city",
	}
	c.AddCommand(a.pendingListCmd(), a.pendingWithdrawCmd())
	return c
}

func (a *app) pendingListCmd() *cobra.Command {
	var all bool
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("列出待生效文档", "list the documents that wait"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			list, err := client.Pending(c.Context(), all)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(list)
			}
			t := newTable(a.say("批次", "batch"), a.say("类别", "kind"), a.say("名称", "name"), a.say("生效时间", "effective"), a.say("状态", "state"),
				a.say("提交人", "by"), a.say("签署人", "signed by"), a.say("原因", "reason"))
			for _, p := range list {
				t.AppendRow([]any{p.Batch, p.Kind, p.Name, p.Effective.In(china).Format(instant), p.State, p.By, strings.Join(p.Signers, " "), printable(strings.TrimSpace(p.Code + " " + p.Reason))})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().BoolVar(&all, "all", false, a.say("连同已生效、已撤回、已失效的", "those too that came into force, were withdrawn or lapsed"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) pendingWithdrawCmd() *cobra.Command {
	var o query.WithdrawOrder
	c := &cobra.Command{
		Use:   "withdraw BATCH",
		Short: a.say("撤回本人提交或签署的待生效文档,同批一并撤回", "take back pending documents that you signed or handed in, all of a batch"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := client.Withdraw(c.Context(), args[0], o); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("已撤回 %s\n", "withdrawn: %s\n"), printable(args[0]))
			return nil
		},
	}
	c.Flags().StringVar(&o.Reason, "reason", "", a.say("理由", "reason"))
	return c
}
