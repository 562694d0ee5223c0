package main

import (
	"context"

	"github.com/spf13/cobra"

	"zonebox/api"
)

func (a *app) reportUseCmd() *cobra.Command {
	return a.reportVerb("use", a.say("各协议、场景、人员的使用量", "use by license, scenario and person"), func(ctx context.Context, client *api.Client, r reporting) error {
		report, err := client.Use(ctx, r.period)
		if err != nil {
			return err
		}
		s := sheet{Numbers: []int{6, 7, 8, 9, 10, 11, 12}, Head: []string{a.say("协议", "license"), a.say("场景", "scenario"), a.say("运营单位", "operator"), a.say("合作方", "partner"), a.say("人员", "person"),
			a.say("执行", "runs"), a.say("拒绝", "denied"), a.say("失败", "failed"), a.say("扫描行", "scanned"), a.say("放行", "outputs"), a.say("出域行", "rows out"), a.say("再下载", "downloads")}}
		for _, u := range report.Rows {
			s.Rows = append(s.Rows, []any{u.License, u.Scenario, u.Operator, dash(u.Partner != "", u.Partner), u.Person, u.Runs, u.Denied, u.Failed, u.Scanned, u.Outputs, u.Released, u.Downloads})
		}
		a.sayForgotten(report.Forgotten)
		return a.printReport(r, a.titled("使用报告", "use", r.period), report, s)
	})
}
