package main

import (
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) coarsenCmd() *cobra.Command {
	var order query.CoarsenOrder
	var merges []string
	var output string
	c := &cobra.Command{
		Use:   "coarsen RUN",
		Short: a.say("将待放行的结果放粗:提高最小分组、取整或合并类别,重新计算并由全体审核人重新审核", "make an output that waits coarser, by larger groups, rounding or merged categories: it is computed and reviewed anew"),
		Long: a.say("以更大的最小分组、取整的计数与合计或合并后的类别,在同一数据上重新执行原语句。新结果与其他结果一样,须通过各项规则与历史比对,由全体审核人重新审核;原结果随即作废。不能放粗时原结果不变。\n类别按结果中显示的值书写,逗号分隔;含逗号的值加双引号。多项合并依次进行。",
			"The statement runs again on the same data with larger groups, rounded counts and sums or merged categories. What comes of it is judged as any output is and waits for all reviewers anew; the old one ends then. If it cannot be, the old one is as it was.\nCategories are written as the output shows them, divided by commas; one that has a comma stands in double quotes. Merges are done one after the other."),
		Example: "  zonebox review coarsen --as sun.health run-06f4… --raise-k 20 --basis NJ24-14\n  zonebox review coarsen --as sun.health run-06f4… --merge district=320103,320104:其他 --basis NJ24-14",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, text := range merges {
				m, err := a.mergeOf(text)
				if err != nil {
					return err
				}
				order.Merges = append(order.Merges, m)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			i, err := client.Coarsen(c.Context(), args[0], order)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(i)
			}
			fmt.Fprintf(a.stderr, a.say("%s 由 %s 接替: %s\n", "%s is replaced by %s: %s\n"), args[0], i.Run, i.State)
			return nil
		},
	}
	c.Flags().IntVar(&order.K, "raise-k", 0, a.say("新的最小分组,须大于现行值", "the new minimum group, more than that of now"))
	c.Flags().Int64Var(&order.Round, "round", 0, a.say("计数与合计取整为此数的倍数", "counts and sums are rounded to multiples of this"))
	c.Flags().StringArrayVar(&merges, "merge", nil, a.say("合并类别: 列=类别,类别:新类别,可重复", "merge categories: COLUMN=CATEGORY,CATEGORY:NEW; may be given again"))
	c.Flags().StringVar(&order.Basis, "basis", "", a.say("依据", "basis"))
	c.Flags().StringVarP(&output, "output", "o", "text", "text|json")
	return c
}

// mergeOf reads COLUMN=CATEGORY,CATEGORY:NEW. What is odd about it the gate tells.
func (a *app) mergeOf(text string) (query.Merge, error) {
	column, rest, _ := strings.Cut(text, "=")
	at := strings.LastIndexByte(rest, ':')
	if at < 1 {
		return query.Merge{}, query.BadRequest("--merge 须写为 列=类别,类别:新类别", "--merge is COLUMN=CATEGORY,CATEGORY:NEW")
	}
	categories, err := csv.NewReader(strings.NewReader(rest[:at])).Read()
	if err != nil {
		return query.Merge{}, query.BadRequest("--merge 的类别以逗号分隔,含逗号的加双引号", "categories of --merge are divided by commas; one that has a comma stands in double quotes")
	}
	return query.Merge{Column: column, Categories: categories, Into: rest[at+1:]}, nil
}

// printCoarsened tells what a reviewer made of a run, and of which.
func (a *app) printCoarsened(d *query.ReviewDetail) {
	if d.CoarsenedTo != "" {
		fmt.Fprintf(a.stdout, a.say("已放粗,由 %s 接替\n", "made coarser: %s is in its place\n"), d.CoarsenedTo)
	}
	how := d.Coarsened
	if how == nil {
		return
	}
	fmt.Fprintf(a.stdout, a.say("由 %s 放粗而成(%s)\n", "made of %s by %s\n"), how.From, how.By)
	if how.K > 0 {
		fmt.Fprintf(a.stdout, a.say("  最小分组: %d\n", "  minimum group: %d\n"), how.K)
	}
	if how.Round > 0 {
		fmt.Fprintf(a.stdout, a.say("  计数与合计取整: %d 的倍数\n", "  counts and sums: multiples of %d\n"), how.Round)
	}
	for _, m := range how.Merges {
		if m.Into == "" {
			fmt.Fprintf(a.stdout, a.say("  合并类别: 列 %s\n", "  merged categories: column %s\n"), printable(m.Column))
			continue
		}
		fmt.Fprintf(a.stdout, a.say("  合并类别: 列 %s 的 %s 合并为 %s\n", "  merged categories: of column %s, %s into %s\n"), printable(m.Column), printable(strings.Join(m.Categories, ", ")), printable(m.Into))
	}
}
