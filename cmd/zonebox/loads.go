package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) loadsCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "loads",
		Short: a.say("查看、终止装载", "see and stop loads"),
	}
	c.AddCommand(a.loadsListCmd(), a.loadsShowCmd(), a.loadsStopCmd())
	return c
}

func (a *app) loadsListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   a.say("列出在装载、在排队与已结束的装载", "list what is loaded, waits and has ended"),
		Long: a.say(`列出网关启动以来您可见的装载:装载人见自己的,监管与审计人员见其监管范围内的。
更早的见审计日志 (audit list)。`,
			`Lists the loads since the gate started that you may see: your own, or those you
supervise. Earlier ones stand in the audit log (audit list).`),
		Example: "  zonebox loads ls --as wu.dc\n  zonebox loads ls --as feng.audit -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.Loads(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			t := newTable(a.say("装载", "load"), a.say("数据集", "dataset"), a.say("状态", "state"), a.say("行", "rows"), a.say("用时", "took"))
			t.SetColumnConfigs([]table.ColumnConfig{
				{Number: 4, Align: text.AlignRight, AlignHeader: text.AlignRight}, {Number: 5, Align: text.AlignRight, AlignHeader: text.AlignRight},
			})
			for _, l := range v.Loads {
				state := a.stepOf(l)
				if l.Code != "" {
					state += " " + l.Code
				}
				t.AppendRow([]any{l.ID, printable(a.brought(l)), state, grouped(l.Rows), took(l)})
			}
			_, err = fmt.Fprintf(a.stdout, a.say("%s\n同时装载至多 %d 个\n", "%s\nat most %d at once\n"), t.Render(), v.AtOnce)
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// brought is what a load is of.
func (a *app) brought(v query.LoadView) string {
	if v.Consents != "" {
		return a.consentsTo(v.Consents)
	}
	return v.Dataset
}

// took is how long a load has taken since its turn came.
func took(v query.LoadView) string {
	switch {
	case v.Began == nil:
		return "-"
	case v.Ended == nil:
		return time.Since(*v.Began).Round(time.Second).String()
	}
	d := v.Ended.Sub(*v.Began)
	if d >= 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func (a *app) loadsShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "show LOAD",
		Short:   a.say("显示一个装载 (JSON)", "show a load (JSON)"),
		Long:    a.say("以 JSON 显示一个装载的状态、步骤、行数与时间;不含任何取值。", "Shows state, step, rows and times of a load as JSON. It holds no value."),
		Example: "  zonebox loads show --as wu.dc load-06h0…",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.LoadByID(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printJSON(v)
		},
	}
}

func (a *app) loadsStopCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "stop LOAD",
		Short:   a.say("终止自己的一个装载;数据集保持原样", "stop a load of your own; the dataset stays as it was"),
		Long:    a.say("终止自己的一个在排队或在装载的交付;数据集保持原样。正在生效的可能仍会生效,以打印的结局为准。", "Stops a load of your own that waits or runs; the dataset stays as it was. One that is being\ncommitted may end loaded all the same: what is printed is how it ended."),
		Example: "  zonebox loads stop --as wu.dc load-06h0…",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if _, err := client.StopLoad(c.Context(), args[0]); err != nil {
				return err
			}
			v, err := lastWord(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "%s %s: %s\n", v.ID, printable(a.brought(*v)), a.called(loadTitles, v.State))
			return nil
		},
	}
}
