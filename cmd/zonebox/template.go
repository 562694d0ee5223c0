package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) templateCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "template",
		Short: a.say("查看经批准的分析模板", "see the approved analyses"),
	}
	c.AddCommand(a.templateListCmd(), a.templateShowCmd())
	return c
}

// template is a template document as the gate shows it.
type template struct {
	query.DocumentView
	spec registry.Template
}

func readTemplate(ctx context.Context, client *api.Client, name string) (template, error) {
	docs, err := client.Documents(ctx, registry.KindTemplate, name)
	if err != nil {
		return template{}, err
	}
	if len(docs) != 1 {
		return template{}, fmt.Errorf("zonebox: read template %s: %d documents", name, len(docs))
	}
	t := template{DocumentView: docs[0]}
	var d registry.Document
	if err := json.Unmarshal(docs[0].Document, &d); err != nil {
		return template{}, fmt.Errorf("zonebox: read template %s: %w", name, err)
	}
	t.spec, err = registry.SpecOf[registry.Template](d)
	return t, err
}

func (a *app) templateListCmd() *cobra.Command {
	var scenario, output string
	c := &cobra.Command{
		Use:     "list",
		Short:   a.say("列出您可见的模板", "list the templates visible to you"),
		Example: "  zonebox template list --as li.op --scenario visits",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			names, err := client.Documents(c.Context(), registry.KindTemplate, "")
			if err != nil {
				return err
			}
			all := []query.DocumentView{}
			t := newTable(a.say("名称", "name"), a.say("标题", "title"), a.say("场景", "scenario"), a.say("参数", "parameters"), a.say("有效期", "days"), a.say("状态", "status"))
			for _, n := range names {
				one, err := readTemplate(c.Context(), client, n.Name)
				if err != nil {
					return err
				}
				if scenario != "" && one.spec.Scenario != scenario {
					continue
				}
				all = append(all, one.DocumentView)
				var params []string
				for _, p := range one.spec.Parameters {
					params = append(params, p.Name)
				}
				t.AppendRow([]any{one.Name, printable(a.title(one.spec.Title, one.spec.TitleEN)), one.spec.Scenario, strings.Join(params, ", "),
					one.spec.From + " – " + one.spec.Until, a.status(one.spec.Status)})
			}
			if output == "json" || a.json {
				return a.printJSON(all)
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVar(&scenario, "scenario", "", a.say("只列该场景的模板", "those of one scenario"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// title picks the title of the invocation's language, the Chinese one if there is
// no other.
func (a *app) title(zh, en string) string {
	if en == "" {
		return zh
	}
	return a.say(zh, en)
}

func (a *app) status(status string) string {
	if status == registry.StatusRevoked {
		return a.say("已撤销", "revoked")
	}
	return a.say("有效", "active")
}

func (a *app) templateShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   a.say("显示一个模板:语句、参数及其取值范围", "show a template: its statement, its parameters and their domains"),
		Example: "  zonebox template show --as li.op visits-by-district",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := readTemplate(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			if output == "json" || a.json {
				return a.printJSON(t.DocumentView)
			}
			return a.printTemplate(a.stdout, t)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printTemplate(w io.Writer, t template) error {
	fmt.Fprintf(w, a.say("%s 第 %d 版:%s\n场景 %s · %s 至 %s · %s\n", "%s version %d: %s\nscenario %s · %s to %s · %s\n"),
		t.Name, t.Version, printable(a.title(t.spec.Title, t.spec.TitleEN)), t.spec.Scenario, t.spec.From, t.spec.Until, a.status(t.spec.Status))
	call := "zonebox query --scenario " + t.spec.Scenario + " --purpose … --template " + t.Name
	if len(t.spec.Parameters) > 0 {
		rows := newTable(a.say("参数", "parameter"), a.say("说明", "meaning"), a.say("取值", "takes"), a.say("缺省", "default"))
		for _, p := range t.spec.Parameters {
			en, zh := p.Takes()
			fallback := ""
			if p.Default != nil {
				fallback = *p.Default
			} else {
				call += " --param " + p.Name + "=…"
			}
			rows.AppendRow([]any{p.Name, printable(a.title(p.Title, p.TitleEN)), printable(a.say(zh, en)), printable(fallback)})
		}
		fmt.Fprintln(w, rows.Render())
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s\n", printableText(strings.TrimRight(t.spec.SQL, "\n")), call)
	return err
}
