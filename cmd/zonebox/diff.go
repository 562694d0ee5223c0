package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/registry"
)

func (a *app) diffCmd() *cobra.Command {
	var file, output string
	var pending bool
	c := &cobra.Command{
		Use:   "diff KIND NAME [FROM TO]",
		Short: a.say("逐字段比较一份文档的两版、现行版与草案或与待生效版", "what differs between two versions of a document, or with a draft or what waits"),
		Long: a.say(`缺省比较现行版与其前一版。收紧:给予更少、更短、更少的人,或保护更强;放宽:相反,或有可能相反。`,
			`By default the version in force is compared with the one before. What gives less, for
less time, to fewer, or protects more, tightens; the contrary, or what may be it, loosens.`),
		Example: "  zonebox diff license medical-2026 --as zhao.city\n  zonebox diff license medical-2026 1 3 --as zhao.city\n  zonebox diff license medical-2026 -f draft.yaml --as zhao.city",
		Args:    nArgs(2, 4),
		RunE: func(c *cobra.Command, args []string) error {
			q, err := a.diffRequest(args, file, pending)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.DiffDocument(c.Context(), q)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			return a.printDocumentDiff(d)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", a.say("草案 (YAML 或 JSON)", "draft (YAML or JSON)"))
	c.Flags().BoolVar(&pending, "pending", false, a.say("与下一份待生效的比较", "compare with the next that waits for its effective time"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) diffRequest(args []string, file string, pending bool) (query.DocumentDiffRequest, error) {
	q := query.DocumentDiffRequest{Kind: args[0], Name: args[1], Pending: pending}
	for i, into := range []*int64{&q.From, &q.To} {
		if len(args) <= 2+i {
			continue
		}
		n, err := strconv.ParseInt(args[2+i], 10, 64)
		if err != nil || n < 1 {
			return q, usageError{fmt.Errorf(a.say("%q 不是版本号", "%q is no version"), args[2+i])}
		}
		*into = n
	}
	if file == "" {
		return q, nil
	}
	docs, err := readDocuments(file)
	if err != nil {
		return q, err
	}
	for _, d := range docs {
		if strings.EqualFold(d.Kind, q.Kind) && d.Name == q.Name {
			q.Document = &d
			return q, nil
		}
	}
	return q, usageError{fmt.Errorf(a.say("文件中没有 %s %s", "the file has no %s %s"), q.Kind, q.Name)}
}

func (a *app) printDocumentDiff(d *query.DocumentDiff) error {
	t := newTable(a.say("字段", "field"), a.say("名称", "in Chinese"), a.say("原", "before"), a.say("新", "after"), a.say("影响", "effect"))
	effects := map[string]string{registry.Tightens: a.say("收紧", "tightens"), registry.Loosens: a.say("放宽", "loosens"), registry.Neutral: a.say("中性", "neutral")}
	for _, c := range d.Changes {
		t.AppendRow([]any{printable(c.Path), printable(c.ZH), printable(c.Before), printable(c.After), effects[c.Effect]})
	}
	to := fmt.Sprintf(a.say("第 %d 版", "version %d"), d.To)
	who := signedBy(d.Signers)
	if d.To == 0 {
		to, who = a.say("草案或待生效版", "the draft or pending one"), strings.Join(d.SignedBy, " ")
	}
	_, err := fmt.Fprintf(a.stdout, a.say("%s %s: 第 %d 版与%s相差 %d 处,签署人: %s\n%s\n", "%s %s: version %d and %s differ in %d places, signed by: %s\n%s\n"),
		d.Kind, d.Name, d.From, to, len(d.Changes), dash(who != "", printable(who)), t.Render())
	return err
}
