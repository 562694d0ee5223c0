package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) historyCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "history KIND NAME",
		Short:   a.say("一份文档的各版:何时起止有效,由谁签署", "the versions of a document: from when to when in force, who signed"),
		Example: "  zonebox history license medical-2026 --as zhao.city",
		Args:    nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			list, err := client.History(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(list)
			}
			t := newTable(a.say("版本", "version"), a.say("生效", "from"), a.say("至", "until"), a.say("提交人", "by"), a.say("签署人", "signed by"))
			for _, v := range list {
				until := a.say("现行", "in force")
				if v.Until != nil {
					until = v.Until.In(china).Format(instant)
				}
				t.AppendRow([]any{v.Version, v.From.In(china).Format(instant), until, v.By, signedBy(v.Signers)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func signedBy(all []query.Signatory) string {
	var names []string
	for _, s := range all {
		names = append(names, fmt.Sprintf("%s (%s: %s)", s.By, s.Org, strings.Join(s.Roles, ", ")))
	}
	return strings.Join(names, "; ")
}
