package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

func (a *app) applyCmd() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "apply -f FILE",
		Short:   a.say("登记文档(机构、人员、专区、目录、协议、场景、授权、模板、数据申请),全部生效或全不生效", "register documents (organizations, people, zones, catalogue, licenses, scenarios, grants, templates, data requests), all or none"),
		Example: "  zonebox apply --as zhao.city -f zone.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			text, err := readFile(file, a.stdin)
			if err != nil {
				return err
			}
			applied, err := client.Apply(c.Context(), text)
			if err != nil {
				return err
			}
			for _, d := range applied {
				state := a.say("未变", "unchanged")
				switch {
				case d.Effective != nil:
					state = fmt.Sprintf(a.say("待生效,自 %s 起", "pending, in force from %s"), d.Effective.In(china).Format(instant))
				case d.Changed:
					state = fmt.Sprintf(a.say("第 %d 版", "version %d"), d.Version)
				}
				fmt.Fprintf(a.stderr, "%s %s: %s\n", d.Kind, d.Name, state)
				a.printEnded(d.Stopped)
			}
			return nil
		},
	}
	fileFlag(a, c, &file)
	return c
}

func readFile(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("zonebox: read %s: %w", name, err)
	}
	return b, nil
}

func (a *app) getCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "get KIND [NAME]",
		Short:   a.say("列出或显示您可见的文档", "list or show the documents visible to you"),
		Example: "  zonebox get license\n  zonebox get dataset visits",
		Args:    nArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			docs, err := client.Documents(c.Context(), args[0], name)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(docs)
			}
			if name != "" && len(docs) == 1 {
				text, err := yaml.JSONToYAML(docs[0].Document)
				if err != nil {
					return fmt.Errorf("zonebox: print document: %w", err)
				}
				if _, err = a.stdout.Write(text); err != nil {
					return err
				}
				a.printLookalikes(a.stderr, docs[0].Lookalikes) // beside the document, which people keep
				return nil
			}
			t := newTable(a.say("类别", "kind"), a.say("名称", "name"), a.say("标题", "title"), a.say("版本", "version"), a.say("登记人", "applied by"), a.say("时间", "at"))
			for _, d := range docs {
				t.AppendRow([]any{d.Kind, d.Name, printable(d.Title), d.Version, d.By, d.At.Format("2006-01-02 15:04")})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}
