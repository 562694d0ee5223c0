package query_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// registers makes the city with five more registers of the same people, each
// with an entity token, a district and eight compute-only figures.
func registers(t testing.TB) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 2, Timed: true, Limits: query.Limits{Explains: 1 << 30}})
	license, err := os.ReadFile(filepath.Join("querytest", "city", "license.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, strings.Replace(string(license), "datasets: [", "datasets: [r1, r2, r3, r4, r5, ", 1), "sun.health", querytest.Founder, "li.op")
	d.Apply(querytest.Founder, "kind: SourceRuling\nname: registers\nspec: {datasets: [r1, r2, r3, r4, r5], collector: hospital-group, basis: NJ19-17}\n", querytest.Founder)
	for r := range 5 {
		name := fmt.Sprint("r", r+1)
		dataset, grant := datasetText(name), grantText(name)
		table := querytest.Table{Columns: []string{"id_number", "district"}}
		for c := range 8 {
			table.Columns = append(table.Columns, fmt.Sprint("f", c+1))
			dataset += fmt.Sprintf("    - {name: f%d, type: int64, level: 4, class: finance, personal_info: true, secret_flag: false, cause_code: PRIVACY}\n", c+1)
			grant += fmt.Sprintf("    - {name: f%d, mode: COMPUTE_ONLY, permissions: [\"agg:avg\", \"agg:sum\", \"agg:count\"]}\n", c+1)
		}
		for i := range 60 {
			row := []string{fmt.Sprintf("320102%012d", i), querytest.Districts[i%3]}
			for c := range 8 {
				row = append(row, fmt.Sprint(100*i+c))
			}
			table.Rows = append(table.Rows, row)
		}
		d.Apply("qian.hospital", dataset)
		d.Apply("sun.health", grant)
		d.LoadTable(name, table)
	}
	return d
}

func datasetText(name string) string {
	return `kind: Dataset
name: ` + name + `
spec:
  title: 登记册
  zone: medical
  category: {kind: DEPARTMENT}
  provider: hospital-group
  provider_type: authorized_body
  collector: hospital-group
  auditor: hospital-group
  format: TABLE
  share_type: CONDITIONAL
  share_mode: REQUEST_RESPONSE
  share_reason: 含个人信息,按应用场景申请
  open_type: CONDITIONAL
  open_reason: 含个人信息,脱敏后方可提供
  legal_basis: [南京市公共数据授权运营管理暂行办法]
  use_requirements: 仅在专区内按授权场景使用
  review_due: "2027-06-30"
  secret_flag: false
  personal_info: true
  public_safety: false
  entity: {column: id_number, kind: person}
  source: {acquired: "2026-11-01", update_frequency: monthly}
  status: PUBLISHED
  columns:
    - {name: id_number, type: string, level: 4, class: identity, personal_info: true, secret_flag: false, cause_code: PRIVACY}
    - {name: district, type: string, level: 2, class: region, personal_info: false, secret_flag: false}
`
}

func grantText(name string) string {
	return `kind: Grant
name: ` + name + `-statistics
spec:
  scenario: outpatient-statistics
  dataset: ` + name + `
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: sun.health, org: health-commission}
  prov: {by: qian.hospital, org: hospital-group}
  columns:
    - {name: id_number, mode: MASKED, recipe: {kind: token}}
    - {name: district, mode: CLEAR}
`
}

// fiveTables joins the five registers and has forty columns.
func fiveTables() string {
	columns := []string{"r1.district", "count(*) AS people", "round(avg(r1.f1), 1) AS m", "CASE WHEN sum(r2.f2) > 0 THEN 1 ELSE 0 END AS some"}
	for i := range 36 {
		columns = append(columns, fmt.Sprintf("%s(r%d.f%d) AS c%d", []string{"avg", "sum", "count"}[i%3], 1+i%5, 1+i%8, i+5))
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM r1 JOIN r2 USING (id_number) JOIN r3 ON r1.id_number = r3.id_number" +
		" JOIN r4 ON r3.id_number = r4.id_number JOIN r5 ON r4.id_number = r5.id_number WHERE r1.district IN ('320102', '320104') GROUP BY r1.district ORDER BY people"
}

// BenchmarkExplain is the time of an explain of a join of five tables with forty
// columns, of one that is refused, and of a short one: the median and the 99th
// percentile of one person who asks one after the other.
func BenchmarkExplain(b *testing.B) {
	d := registers(b)
	for _, c := range []struct{ name, sql, refused string }{
		{"five tables", fiveTables(), ""},
		{"refused", "SELECT name, income, adress FROM persons ORDER BY income", "UNKNOWN_NAME"},
		{"short", "SELECT district, count(*) FROM persons GROUP BY district", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			ask := query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: c.sql}
			var took []time.Duration
			one := func() {
				began := time.Now()
				_, err := d.Engine.Explain(b.Context(), ask)
				took = append(took, time.Since(began))
				if c.refused == "" && err != nil {
					b.Fatal(querytest.Text(err))
				}
			}
			for range 5 {
				one()
			}
			took = nil
			for b.Loop() {
				one()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
