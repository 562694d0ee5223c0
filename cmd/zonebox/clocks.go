package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// originTitles say where the figure of a term comes from.
var originTitles = map[string][2]string{"statutory": {"法定", "statutory"}, "agreement": {"约定", "agreement"}, "local": {"本地设定", "local"}}

// clockKinds are what terms run on.
var clockKinds = map[string][2]string{"request": {"数据申请", "request"}, "ticket": {"质量工单", "ticket"}, "catalogue": {"目录条目", "entry"}, "alert": {"告警", "alert"},
	"evidence": {"证明材料", "evidence"}}

func (a *app) clocksCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "clocks",
		Short: a.say("列出办理时限:到期日、条文、剩余工作日,逾期在前", "list open terms: due day, article, working days left; overdue ones first"),
		Long: a.say(`列出与您有关的办理时限。收到当日不计,按国务院办公厅公布的放假与调休安排计工作日;
没有当年安排的年份标 * ,到期日待定。逾期只预警并上报市数据主管部门,从不默示同意。
来源: 法定(条文所定)、约定(协议所定)、本地设定(条文未定)。
`, `Lists the open terms that concern you. The day of receipt is not counted; working days
are those of the State Council's announcements. A day that rests on a year without one is
marked * and provisional. A term that passes raises an alert and calls on the city
authority, and never counts as approval. Origin: statutory, agreed, or set locally where
the article gives no figure.
`),
		Example: "  zonebox clocks --as zheng.police",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Clocks(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("到期", "due"), a.say("剩余", "left"), a.say("时限", "term"), a.say("工作日", "days"), a.say("起算", "started"), a.say("事项", "on"),
				a.say("条文", "article"), a.say("来源", "origin"))
			for _, v := range all {
				due, left := v.Due, fmt.Sprint(v.Left)
				if len(v.Missing) > 0 {
					due += "*"
				}
				if v.Overdue {
					left += a.say(" 逾期", " overdue")
				}
				t.AppendRow([]any{due, left, a.say(v.TitleZH, v.TitleEN), v.Days, v.Started, a.called(clockKinds, v.Kind) + " " + printable(v.On), v.Article, a.called(originTitles, v.Origin)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}
