package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
)

func (a *app) reportUnusedCmd() *cobra.Command {
	return a.reportVerb("unused", a.say("期间内无人读取的已授权列", "granted columns that nobody read"), func(ctx context.Context, client *api.Client, r reporting) error {
		report, err := client.Unused(ctx, r.period)
		if err != nil {
			return err
		}
		s := sheet{Numbers: []int{5, 6}, Head: []string{a.say("协议", "license"), a.say("场景", "scenario"), a.say("授权", "grant"), a.say("数据集", "dataset"),
			a.say("已授权列", "granted"), a.say("完成的执行", "runs"), a.say("未使用的列", "unused columns")}}
		for _, g := range report.Grants {
			s.Rows = append(s.Rows, []any{g.License, g.Scenario, g.Grant, g.Dataset, g.Granted, g.Runs, strings.Join(g.Unused, " ")})
		}
		a.sayForgotten(report.Forgotten)
		return a.printReport(r, a.titled("闲置授权", "unused grants", r.period), report, s)
	})
}
