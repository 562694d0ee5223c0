package main

import (
	"fmt"
	"strings"

	"zonebox/query"
)

// trialVerdicts are what a trial of a delivery finds.
var trialVerdicts = map[string][2]string{
	query.TrialLoad: {"可装载", "would be loaded"}, query.TrialAlready: {"已是现行版本", "is the version in use"},
	query.TrialQuarantine: {"将入库但暂不启用(质量闸口)", "would be stored and held back by its quality gate"}, query.TrialRefused: {"将被拒绝", "would be refused"},
}

// stageTitles are the stages of the work in a zone that this project knows by
// name; the zone's own are printed as they are.
var stageTitles = map[string][2]string{"load": {"装载", "load"}, "query": {"查询", "query"}, "release": {"放行", "release"}, "operation": {"运行", "operation"}}

// printTrial shows what a load would do. It returns an error if the delivery
// would be refused, so that the exit code says so as well.
func (a *app) printTrial(t *query.LoadTrial, output string) error {
	if output == "json" {
		if err := a.printJSON(t); err != nil {
			return err
		}
	} else if err := a.printTrialTable(t); err != nil {
		return err
	}
	if t.Verdict == query.TrialRefused {
		return refusedError{&query.Explanation{Reasons: t.Reasons}}
	}
	return nil
}

func (a *app) printTrialTable(t *query.LoadTrial) error {
	w := newTable(a.say("试装载", "trial"), printable(t.Dataset))
	add := func(zh, en string, value any) { w.AppendRow([]any{a.say(zh, en), value}) }
	add("结论", "verdict", a.called(trialVerdicts, t.Verdict))
	for _, r := range t.Reasons {
		add("原因", "reason", printable(r.Code+" "+a.say(r.ZH, r.EN)))
		add("依据", "articles", strings.Join(r.Articles, " "))
		if hint := a.say(r.HintZH, r.HintEN); hint != "" {
			add("下一步", "next", printable(hint))
		}
	}
	if t.Current != "" {
		add("现行版本", "version in use", fmt.Sprintf(a.say("%s,%d 行", "%s, %d rows"), t.Current, t.Before))
	}
	if t.Verdict != query.TrialRefused {
		add("行 × 列", "rows × columns", fmt.Sprintf("%d × %d", t.Rows, t.Columns))
		add("文件", "file", size(t.Bytes))
	}
	if t.Needed > 0 {
		add("所需磁盘", "disk needed", fmt.Sprintf(a.say("%s,可用 %s", "%s of %s free"), size(t.Needed), size(t.Free)))
		add("约需时间", "time, about", fmt.Sprintf(a.say("%.1f 秒", "%.1f s"), float64(t.Took)/1e3))
	}
	if o := t.Origin; o != nil {
		add("来源", "origin", fmt.Sprintf(a.say("%s,授权 %s,获取日期 %s", "%s, grant %s, acquired %s"), printable(o.Provider), printable(o.Grant), printable(o.Acquired)))
	}
	for _, r := range t.Responsible {
		add(a.called(stageTitles, r.Stage)+"环节责任人", "answers for "+printable(r.Stage), printable(r.Person))
	}
	if q := t.Quality; q != nil {
		add("质量", "quality", fmt.Sprintf("%.1f %s", q.Score, q.Grade))
	}
	if _, err := fmt.Fprintln(a.stdout, w.Render()); err != nil {
		return err
	}
	for _, warning := range t.Warnings {
		fmt.Fprintf(a.stderr, "  ! %s\n", printable(warning))
	}
	a.printLookalikes(a.stderr, t.Lookalikes)
	return nil
}
