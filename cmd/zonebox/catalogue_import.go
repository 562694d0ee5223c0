package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/catalogue"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) catalogueImportCmd() *cobra.Command {
	var d catalogue.Defaults
	var check bool
	var levels string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: a.say("读入本市目录文件(CSV 或 JSON,UTF-8 或 GB18030),每个条目存为草案", "read the city's catalogue file (CSV or JSON, UTF-8 or GB18030); every entry becomes a draft"),
		Long: a.say("文件在本机解析,读出的条目以您的名义存为草案,不影响已发布的条目。有任何问题则一条不入,逐一列出行与列。",
			"The file is parsed here; its entries are kept as drafts in your name and change nothing that is published. If anything is wrong no entry is taken, and each fault is told by row and column."),
		Example: "  zonebox catalogue import --as zheng.police catalogue.csv --zone medical --provider public-security --provider-type administration",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.numbering(&d, levels); err != nil {
				return err
			}
			docs, err := a.importedEntries(args[0], d)
			if err != nil || check {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			for _, doc := range docs {
				after, err := client.MoveEntry(c.Context(), doc.Name, query.EntryOrder{Move: "draft", Document: &doc})
				if err != nil {
					return err
				}
				a.moved(after)
				a.printFindings(a.stderr, after)
			}
			return nil
		},
	}
	c.Flags().StringVar(&d.Zone, "zone", "", a.say("文件未写专区时所用的专区", "zone of entries that name none"))
	c.Flags().StringVar(&d.Provider, "provider", "", a.say("文件未写提供单位时所用的单位", "provider of entries that name none"))
	c.Flags().StringVar(&d.ProviderType, "provider-type", "administration", a.say("提供单位类型", "type of the provider"))
	c.Flags().StringVar(&levels, "levels", "", a.say("文件中级别所用的标准:db32-t-4608、db33-t-2350、gbt-43697、jrt-0197", "standard of the file's levels: db32-t-4608, db33-t-2350, gbt-43697, jrt-0197"))
	c.Flags().BoolVar(&check, "check", false, a.say("只核对文件", "only check the file"))
	return c
}

// numbering has levels read as the standard of that name writes them, and says
// how they are numbered in a zone.
func (a *app) numbering(d *catalogue.Defaults, name string) error {
	if name == "" {
		return nil
	}
	all, err := catalogue.LevelSchemes()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID != name {
			continue
		}
		d.Levels = &s
		var numbers []string
		for _, l := range s.Levels {
			to, local := fmt.Sprint(l.Level), ""
			if l.Level == 0 {
				to = a.say("不得进入专区", "not taken")
			}
			if !l.Seen {
				local = "†"
			}
			numbers = append(numbers, l.Codes[0]+" → "+to+local)
		}
		fmt.Fprintf(a.stderr, a.say("级别按 %s 换算:%s(† 为本地判定,未见标准原文)\n", "levels by %s: %s († a local reading, the standard's text not seen)\n"),
			a.say(s.Title.ZH, s.Title.EN), strings.Join(numbers, a.say("、", ", ")))
		return nil
	}
	return usageError{fmt.Errorf(a.say("没有该级别标准:%s", "no such standard of levels: %s"), printable(name))}
}

// importedEntries reads a file and says on stderr, by row and column, what is wrong
// with it.
func (a *app) importedEntries(file string, d catalogue.Defaults) ([]registry.Document, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("zonebox: open catalogue file: %w", err)
	}
	defer f.Close()
	entries, faults, err := catalogue.Read(f, d)
	if err != nil {
		return nil, usageError{err}
	}
	for _, x := range faults {
		place := fmt.Sprintf(a.say("第 %d 行", "row %d"), x.Row)
		if x.Column > 0 {
			place += fmt.Sprintf(a.say("第 %d 列", ", column %d"), x.Column)
		}
		fmt.Fprintf(a.stderr, "%s: %s %s\n", place, x.Name, a.say(x.ZH, x.EN))
	}
	if len(faults) > 0 {
		return nil, &api.Problem{Code: "BAD_REQUEST", Class: string(query.ClassUsage), Detail: fmt.Sprintf(a.say("目录文件有 %d 处问题,未读入任何条目", "the catalogue file has %d faults; no entry was taken"), len(faults)),
			Hint: a.say("按所列行列更正后重试", "mend the rows and columns named and try again")}
	}
	var docs []registry.Document
	for _, e := range entries {
		doc := registry.Document{Kind: registry.KindDataset, Name: e.Name}
		e.Name = ""
		if doc.Spec, err = json.Marshal(e); err != nil {
			return nil, fmt.Errorf("zonebox: import: %w", err)
		}
		docs = append(docs, doc)
	}
	fmt.Fprintf(a.stderr, a.say("读出 %d 个条目\n", "%d entries read\n"), len(docs))
	return docs, nil
}
