package querytest

import (
	"strings"
	"time"

	"zonebox/query"
)

// CallText is a call of the zone medical that takes applications for a month from the
// day of now.
func CallText(now time.Time) string {
	return `kind: Call
name: medical-call
spec:
  title: 医疗健康数据专区授权运营公告
  zone: medical
  scenarios: [门诊就诊统计]
  conditions: [近三年无严重失信行为记录]
  window: {from: "` + now.Format(time.DateOnly) + `", until: "` + now.AddDate(0, 1, 0).Format(time.DateOnly) + `"}
  status: OPEN
`
}

// Application is a whole one under the call, its papers of a week before now.
func Application(now time.Time) query.Application {
	a := query.Application{Call: "medical-call", Title: "门诊统计运营申请", Scenarios: []string{"门诊就诊统计"}}
	for _, kind := range []string{"APPLICATION_FORM", "AUDIT_REPORT", "FINANCIAL_REPORT", "SECURITY_COMMITMENT", "RISK_ASSESSMENT", "CREDIT_REPORT"} {
		a.Materials = append(a.Materials, query.Material{Kind: kind, Date: now.AddDate(0, 0, -7).Format(time.DateOnly), SHA256: strings.Repeat("a", 64)})
	}
	return a
}
