package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	html "html/template"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
)

func (a *app) reportCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: a.say("使用、闲置授权、风险与抽查报告", "reports on use, unused grants and risk; samples for re-checks"),
		Long: a.say(`报告出自审计日志与登记处,不含数据值与语句。审计、市数据主管部门与安全保密人员可看全部,
专区监管部门只看本专区,运营单位只看本单位的使用与闲置授权。`,
			`Reports are made of the audit log and the registry, and hold no value and no
statement. Auditors, the city authority and security read all of it, a regulator
its zones, an operator its own use and its own unused grants.`),
		Example: `  zonebox report use --from 2026-01-01 --to 2026-03-31 --as feng.audit
  zonebox report risk --from 2026-01-01 --to 2026-03-31 -o html --as zhao.city > risk.html
  zonebox report sample --from 2026-01-01 --to 2026-03-31 --size 20 --seed spring --as feng.audit
  zonebox report verdict sample-… --entry 1234 --verdict SOUND --reason "材料齐全" --as feng.audit`,
	}
	c.AddCommand(a.reportUseCmd(), a.reportUnusedCmd(), a.reportRiskCmd(), a.reportSampleCmd(), a.reportShowCmd(), a.reportVerdictCmd())
	return c
}

// reporting holds the flags that reports share.
type reporting struct {
	period query.Period
	output string
}

func (r *reporting) flags(a *app, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&r.period.From, "from", "", a.say("起始日 YYYY-MM-DD", "first day, YYYY-MM-DD"))
	f.StringVar(&r.period.To, "to", "", a.say("终止日 (含)", "last day, included"))
	f.StringVar(&r.period.Zone, "zone", "", a.say("只报告该专区", "of this zone only"))
	r.outputFlag(c)
}

func (r *reporting) outputFlag(c *cobra.Command) {
	c.Flags().StringVarP(&r.output, "output", "o", "table", "table|json|html")
}

func (r *reporting) check(a *app) error {
	if r.period.From == "" || r.period.To == "" {
		return usageError{errors.New(a.say("缺少 --from 或 --to", "--from or --to is missing"))}
	}
	return nil
}

// reportVerb returns a verb that asks the gate for a report on a period and prints it.
func (a *app) reportVerb(use, short string, show func(ctx context.Context, client *api.Client, r reporting) error) *cobra.Command {
	var r reporting
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := r.check(a); err != nil {
				return err
			}
			return show(c.Context(), client, r)
		},
	}
	r.flags(a, c)
	return c
}

// sheet is one table of a report.
type sheet struct {
	Title   string
	Head    []string
	Rows    [][]any
	Numbers []int // columns that are numbers, from 1
}

// Number reports whether a column, from 0, is of numbers.
func (s sheet) Number(column int) bool { return slices.Contains(s.Numbers, column+1) }

// printReport prints a report in the form that was asked for.
func (a *app) printReport(r reporting, title string, report any, sheets ...sheet) error {
	switch r.output {
	case "json":
		return a.printJSON(report)
	case "html":
		return reportPage.Execute(a.stdout, struct {
			Lang, Title string
			Sheets      []sheet
		}{map[string]string{"zh": "zh-CN", "en": "en"}[a.lang], title, sheets})
	case "table":
	default:
		return usageError{errors.New(a.say("输出格式须为 table、json 或 html", "the output is table, json or html"))}
	}
	fmt.Fprintln(a.stdout, printableText(title))
	for _, s := range sheets {
		if s.Title != "" {
			fmt.Fprintln(a.stdout, s.Title)
		}
		t := newTable(s.Head...)
		var columns []table.ColumnConfig
		for _, n := range s.Numbers {
			columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
		t.SetColumnConfigs(columns)
		for _, row := range s.Rows {
			for i, cell := range row {
				if s, ok := cell.(string); ok {
					row[i] = printable(cmp.Or(s, "-"))
				}
			}
			t.AppendRow(row)
		}
		if _, err := fmt.Fprintln(a.stdout, t.Render()); err != nil {
			return err
		}
	}
	return nil
}

// reportPage is a report as a page that needs nothing else and runs nothing.
var reportPage = html.Must(html.New("report").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}}</title>
<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}th,td{border:1px solid #999;padding:.3em .6em;text-align:left}.n{text-align:right}</style>
</head><body>
<h1>{{.Title}}</h1>
{{range $s := .Sheets}}{{with .Title}}<h2>{{.}}</h2>
{{end}}<table>
<tr>{{range $i, $h := .Head}}<th{{if $s.Number $i}} class="n"{{end}}>{{$h}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range $i, $c := .}}<td{{if $s.Number $i}} class="n"{{end}}>{{$c}}</td>{{end}}</tr>
{{end}}</table>
{{end}}</body></html>
`))

// titled is the heading of a report.
func (a *app) titled(zh, en string, p query.Period) string {
	t := fmt.Sprintf("%s %s – %s", a.say(zh, en), p.From, p.To)
	if p.Zone != "" {
		t += " · " + p.Zone
	}
	return t
}

// sayForgotten tells of runs whose record is gone.
func (a *app) sayForgotten(n int) {
	if n > 0 {
		fmt.Fprintf(a.stderr, a.say("%d 次执行的记录已随工作空间销毁,其读取未计入\n", "%d runs were destroyed with their workspace; what they read is not counted\n"), n)
	}
}
