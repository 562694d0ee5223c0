package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
)

func (a *app) reportRiskCmd() *cobra.Command {
	return a.reportVerb("risk", a.say("数据安全风险分析报告", "risk report: alerts, refusals, exceptions, overdue, releases"), func(ctx context.Context, client *api.Client, r reporting) error {
		report, err := client.Risk(ctx, r.period)
		if err != nil {
			return err
		}
		counts := sheet{Numbers: []int{4, 5, 6, 7}, Head: []string{a.say("类别", "heading"), a.say("日志类别", "kind"), a.say("理由", "reason"), a.say("条数", "count"), a.say("人数", "persons"),
			a.say("首条", "first"), a.say("末条", "last")}}
		for _, h := range report.Headings {
			counts.Rows = append(counts.Rows, []any{a.heading(h.Heading), h.Kind, h.Reason, h.Count, h.Persons, h.First, h.Last})
		}
		findings := sheet{Title: a.say("须查看的条目", "entries to look at"), Numbers: []int{1},
			Head: []string{"#", a.say("时间", "at"), a.say("类别", "heading"), a.say("日志类别", "kind"), a.say("人员", "actor"), a.say("专区", "zone"), a.say("运行", "run")}}
		for _, f := range report.Findings {
			findings.Rows = append(findings.Rows, []any{f.Index, f.At.Format(time.DateTime), a.heading(f.Heading), f.Kind, f.Actor, f.Zone, f.Run})
		}
		return a.printReport(r, a.titled("数据安全风险分析报告", "risk report", r.period), report, counts, findings)
	})
}

var riskHeadings = map[string][2]string{
	query.RiskAlert: {"告警", "alerts"}, query.RiskDamage: {"损坏与恢复", "damage, restore"}, query.RiskDenied: {"拒绝", "refusals"}, query.RiskWithheld: {"不予放行", "withheld"},
	query.RiskFailed: {"执行失败", "failed runs"}, query.RiskRestriction: {"限制与关停", "restrictions"}, query.RiskException: {"例外", "exceptions"}, query.RiskOverdue: {"逾期", "overdue"},
	query.RiskQuarantine: {"隔离与退回", "quarantine"}, query.RiskPermission: {"特别权限", "permissions"}, query.RiskReleased: {"出域", "releases"}, query.RiskOther: {"其他", "other"},
}

// heading puts a heading of a risk report into words.
func (a *app) heading(code string) string { return a.say(riskHeadings[code][0], riskHeadings[code][1]) }
