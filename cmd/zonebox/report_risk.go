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
		exceptions := sheet{Title: a.say("期内的例外", "exceptions of the period"), Numbers: []int{4, 11},
			Head: []string{a.say("例外", "exception"), a.say("状态", "state"), a.say("放宽事项", "raises"), a.say("放宽至", "to"), a.say("专区", "zone"), a.say("协议", "license"),
				a.say("场景", "scenario"), a.say("数据集", "dataset"), a.say("自", "from"), a.say("至", "until"), a.say("使用次数", "used")}}
		for _, x := range report.Exceptions {
			exceptions.Rows = append(exceptions.Rows, []any{x.Name, a.exceptionState(x.State), x.Relaxes, x.Value, x.Zone, x.License, x.Scenario, x.Dataset, x.From, x.Until, x.Used})
		}
		return a.printReport(r, a.titled("数据安全风险分析报告", "risk report", r.period), report, counts, findings, exceptions)
	})
}

var riskHeadings = map[string][2]string{
	query.RiskAlert: {"告警", "alerts"}, query.RiskDamage: {"损坏与恢复", "damage, restore"}, query.RiskDenied: {"拒绝", "refusals"}, query.RiskWithheld: {"不予放行", "withheld"},
	query.RiskFailed: {"执行失败", "failed runs"}, query.RiskRestriction: {"限制与关停", "restrictions"}, query.RiskException: {"例外", "exceptions"}, query.RiskOverdue: {"逾期", "overdue"},
	query.RiskQuarantine: {"隔离与退回", "quarantine"}, query.RiskPermission: {"特别权限", "permissions"}, query.RiskReleased: {"出域", "releases"}, query.RiskOther: {"其他", "other"},
}

var exceptionStates = map[string][2]string{
	query.ExceptionActive: {"在用", "in force"}, query.ExceptionLapsed: {"到期", "lapsed"}, query.ExceptionRevoked: {"已撤销", "revoked"},
}

// exceptionState puts the state of an exception into words.
func (a *app) exceptionState(code string) string {
	return a.say(exceptionStates[code][0], exceptionStates[code][1])
}

// heading puts a heading of a risk report into words.
func (a *app) heading(code string) string { return a.say(riskHeadings[code][0], riskHeadings[code][1]) }
