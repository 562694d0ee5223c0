package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
)

func (a *app) reportSampleCmd() *cobra.Command {
	var o query.SampleOrder
	c := a.reportVerb("sample", a.say("随机抽取审批与放行供人工复查,同一种子与期间抽出同样的条目", "draw approvals and releases for a re-check; same seed and period, same sample"), func(ctx context.Context, client *api.Client, r reporting) error {
		o.Period = r.period
		s, err := client.DrawSample(ctx, o)
		if err != nil {
			return err
		}
		return a.printSample(r, s)
	})
	c.Flags().StringVar(&o.Seed, "seed", "", a.say("种子,缺省为随机并显示出来", "seed; random by default, and shown"))
	c.Flags().IntVar(&o.Size, "size", 10, a.say("抽取条数", "how many entries"))
	return c
}

func (a *app) reportShowCmd() *cobra.Command {
	var r reporting
	c := &cobra.Command{
		Use:   "show SAMPLE",
		Short: a.say("显示一次抽查及其结论", "show a sample with its verdicts"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s, err := client.Sample(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printSample(r, s)
		},
	}
	r.outputFlag(c)
	return c
}

func (a *app) reportVerdictCmd() *cobra.Command {
	var r reporting
	var o query.VerdictOrder
	c := &cobra.Command{
		Use:   "verdict SAMPLE",
		Short: a.say("记录对抽中一条的复查结论,不得复查本人或本单位参与的事项", "record what a re-check of one entry found; nobody re-checks their own"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s, err := client.Judge(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			return a.printSample(r, s)
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.Index, "entry", 0, a.say("条目编号", "index of the entry"))
	f.StringVar(&o.Verdict, "verdict", "", "SOUND|FINDING")
	f.StringVar(&o.Reason, "reason", "", a.say("理由", "reason"))
	r.outputFlag(c)
	return c
}

func (a *app) printSample(r reporting, s *query.Sample) error {
	t := sheet{Numbers: []int{1}, Head: []string{"#", a.say("时间", "at"), a.say("日志类别", "kind"), a.say("人员", "actor"), a.say("专区", "zone"), a.say("运行", "run"), a.say("结论", "verdict"), a.say("复查人", "by")}}
	for _, item := range s.Items {
		row := []any{item.Index, item.At.Format(time.DateTime), item.Kind, item.Actor, item.Zone, item.Run}
		if len(item.Verdicts) == 0 {
			t.Rows = append(t.Rows, append(row, "", ""))
		}
		for _, v := range item.Verdicts {
			t.Rows = append(t.Rows, append(row[:6:6], v.Verdict, v.By))
		}
	}
	title := fmt.Sprintf(a.say("%s · 抽查 %s · 种子 %s · 总体 %d 条", "%s · sample %s · seed %s · of %d entries"), a.titled("抽查", "sample", s.Period), s.ID, s.Seed, s.Population)
	return a.printReport(r, title, s, t)
}
