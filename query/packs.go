package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"zonebox/masking"
	"zonebox/policy"
	"zonebox/policy/calendar"
)

// PackView is a city's policy pack: what regulation it holds, whether that is in
// force, and each figure with where it is from.
type PackView struct {
	Name       string            `json:"name"`
	TitleZH    string            `json:"title_zh"`
	TitleEN    string            `json:"title_en"`
	State      string            `json:"state"` // IN_FORCE | DRAFT | NOT_BEGUN | LAPSED, today
	From       string            `json:"from,omitempty"`
	Until      string            `json:"until,omitempty"`
	LegalBases []string          `json:"legal_bases"`
	Figures    []PackFigure      `json:"figures"`
	Timers     []PackTimer       `json:"timers"`
	Violations map[string]string `json:"violations,omitempty"` // what is called unlawful, by code
	Calendar   CalendarOfPack    `json:"calendar"`
}

// PackFigure is one figure of a pack as people read it.
type PackFigure struct {
	Key      string   `json:"key"`
	TitleZH  string   `json:"title_zh"`
	TitleEN  string   `json:"title_en"`
	ValueZH  string   `json:"value_zh"`
	ValueEN  string   `json:"value_en"`
	Origin   string   `json:"origin"` // statutory | local
	Articles []string `json:"articles"`
}

// PackTimer is a term of a pack, or a duty without one, Days 0.
type PackTimer struct {
	Key     string `json:"key"`
	TitleZH string `json:"title_zh"`
	TitleEN string `json:"title_en"`
	Days    int    `json:"days"` // working days
	Origin  string `json:"origin"`
	Article string `json:"article"`
	StartOn string `json:"start_on,omitempty"`
	StopOn  string `json:"stop_on,omitempty"`
	Due     string `json:"due,omitempty"`     // its last day, where a first one was asked for
	Missing []int  `json:"missing,omitempty"` // years without a holiday table, which leave Due provisional
	NoteZH  string `json:"note_zh,omitempty"`
	NoteEN  string `json:"note_en,omitempty"`
}

// CalendarOfPack is the table that its working days are counted by.
type CalendarOfPack struct {
	Version string `json:"version"`
	Years   []int  `json:"years"`
}

// Packs returns the policy packs of the rules in force, in order of their names.
// Regulations are public: everyone may read them.
func (e *Engine) Packs(_ context.Context, _ Subject) ([]PackView, error) {
	all := []PackView{}
	for _, name := range e.policy().Names() {
		v, err := e.packView(name)
		if err != nil {
			return nil, asError(err)
		}
		all = append(all, v)
	}
	return all, nil
}

// Pack returns the policy pack of that name; where from is a day, each term with
// the day it ends on if it begins then. The error is NOT_FOUND if there is no such
// pack, BAD_REQUEST if from is neither empty nor a day.
func (e *Engine) Pack(_ context.Context, _ Subject, name, from string) (PackView, error) {
	if !slices.Contains(e.policy().Names(), name) {
		return PackView{}, fail("NOT_FOUND", nil)
	}
	v, err := e.packView(name)
	if err != nil {
		return PackView{}, asError(err)
	}
	if from == "" {
		return v, nil
	}
	day, err := calendar.Parse(from)
	if err != nil {
		return PackView{}, fail("BAD_REQUEST", err)
	}
	table, err := calendar.Announced()
	if err != nil {
		return PackView{}, asError(err)
	}
	for i, t := range v.Timers {
		if t.Days == 0 {
			continue
		}
		due, err := table.Add(day, t.Days)
		if err != nil {
			return PackView{}, asError(err)
		}
		v.Timers[i].Due, v.Timers[i].Missing = string(due.Day), due.Missing
	}
	return v, nil
}

func (e *Engine) packView(name string) (PackView, error) {
	p, err := e.policy().Pack(name)
	if err != nil {
		return PackView{}, err
	}
	table, err := calendar.Announced()
	if err != nil {
		return PackView{}, err
	}
	return PackView{Name: p.ID, TitleZH: p.Title.ZH, TitleEN: p.Title.EN, State: p.State(e.cfg.Now()), From: p.Validity.From, Until: p.Validity.Until,
		LegalBases: p.LegalBases, Figures: figuresOf(p), Timers: timersOf(p), Violations: p.Violations, Calendar: CalendarOfPack{Version: table.Version(), Years: table.Years()}}, nil
}

// figuresOf returns the figures of p in the order in which a regulation has them.
func figuresOf(p policy.Pack) []PackFigure {
	var out []PackFigure
	say := func(key, titleZH, titleEN, zh, en string) {
		f := PackFigure{Key: key, TitleZH: titleZH, TitleEN: titleEN, ValueZH: zh, ValueEN: en, Articles: []string{}}
		var articles []string
		f.Origin, articles = p.Cited(key)
		f.Articles = append(f.Articles, articles...)
		out = append(out, f)
	}
	number := func(key, titleZH, titleEN string, n int) {
		say(key, titleZH, titleEN, strconv.Itoa(n), strconv.Itoa(n))
	}
	list := func(key, titleZH, titleEN string, codes []string) {
		say(key, titleZH, titleEN, strings.Join(codes, "、"), strings.Join(codes, ", "))
	}
	number("level_threshold", "脱敏起始级别", "masked from level", p.LevelThreshold)
	number("min_group", "最小分组人数", "smallest group", p.MinGroup)
	for _, level := range sortedKeys(p.LevelControls) {
		zh, en := levelControl(p.LevelControls[level], p.MinGroup)
		say("level_controls", level+" 级", "level "+level, zh, en)
	}
	if c := p.ConsentRequired; c != nil {
		zh, en := consentWanted(c)
		say("consent_required", "须获本人授权或另有法律依据", "by consent, or by another legal basis", zh, en)
	}
	number("row_cap", "结果行数上限", "rows at most", p.RowCap)
	number("record_cap", "明细行数上限", "records at most", p.RecordCap)
	number("release", "结果单元格数上限", "cells at most", p.Release.CellCap)
	number("release", "结果字节数上限", "bytes at most", p.Release.ByteCap)
	for _, kind := range sortedKeys(p.Release.Rules) {
		for _, level := range sortedKeys(p.Release.Rules[kind]) {
			zh, en := disclosive(p.Release.Rules[kind][level])
			say("release", fmt.Sprintf("%s合计的披露规则(%s 级起)", entityKinds[kind], level), fmt.Sprintf("totals over %ss, from level %s", kind, level), zh, en)
		}
	}
	number("ttl_seconds", "批准有效秒数", "approval holds for seconds", p.TTLSeconds)
	say("working_hours", "工作时间", "working hours", p.WorkingHours.From+"–"+p.WorkingHours.Until, p.WorkingHours.From+"–"+p.WorkingHours.Until)
	var alertsZH, alertsEN []string
	for _, r := range p.Alerts {
		figure := ""
		if r.Per != policy.PerCase {
			figure = fmt.Sprintf(" %d/%s", r.AtLeast, r.Window)
		}
		alertsZH, alertsEN = append(alertsZH, r.Title.ZH+figure), append(alertsEN, r.ID+figure)
	}
	say("alerts", "告警规则", "alert rules", strings.Join(alertsZH, "、"), strings.Join(alertsEN, ", "))
	number("evidence_warn_days", "证明材料到期前提示天数", "days ahead that the end of evidence is told", p.EvidenceWarnDays)
	say("raw_match", "原始数据比对:他列最短字节数、他列最小信息熵、掩码露出比例上限", "raw match: bytes of a text and entropy of a column where it is another's, and the share a mask may show",
		fmt.Sprintf("%d、%g、%g", p.RawMatch.Length, p.RawMatch.Bits, p.RawMatch.Share), fmt.Sprintf("%d, %g bits, %g", p.RawMatch.Length, p.RawMatch.Bits, p.RawMatch.Share))
	number("max_term_years", "协议最长年限", "longest term in years", p.MaxTermYears)
	for _, relaxes := range sortedKeys(p.Exceptions) {
		x := p.Exceptions[relaxes]
		say("exceptions", "可放宽 "+relaxes, "may be raised: "+relaxes, fmt.Sprintf("不超过 %d,每次不超过 %d 天", x.Ceiling, x.Days), fmt.Sprintf("to %d at most, for %d days at a time", x.Ceiling, x.Days))
	}
	if x := p.Eligibility; x != nil {
		say("eligibility", "申报条件回溯年限", "years looked back on an application",
			fmt.Sprintf("信用 %d、安全事件 %d、审计报告 %d", x.CreditYears, x.IncidentYears, x.AuditReportYears),
			fmt.Sprintf("credit %d, incidents %d, audit report %d", x.CreditYears, x.IncidentYears, x.AuditReportYears))
	}
	for _, code := range sortedKeys(p.Purposes) {
		say("purposes", "用途 "+code, "purpose "+code, p.Purposes[code].ZH, p.Purposes[code].EN)
	}
	for _, class := range sortedKeys(p.Award) {
		list("award", class+" 类协议的授权方式", "awards of "+class, p.Award[class])
	}
	if x := p.Evaluation; x != nil {
		say("evaluation", "终止程序", "case of termination", fmt.Sprintf("连续 %d 次评估较差", x.TerminateAfterPoor), fmt.Sprintf("%d poor results in a row", x.TerminateAfterPoor))
	}
	classes := func(key, titleZH, titleEN string, all map[string]policy.DataClass) {
		var zh, en []string
		for _, code := range sortedKeys(all) {
			zh, en = append(zh, all[code].Title.ZH), append(en, all[code].Title.EN)
		}
		say(key, titleZH, titleEN, strings.Join(zh, "、"), strings.Join(en, ", "))
	}
	titles := func(key, titleZH, titleEN string, all map[string]string) {
		if len(all) == 0 {
			return
		}
		codes := sortedKeys(all)
		var zh []string
		for _, code := range codes {
			zh = append(zh, all[code])
		}
		say(key, titleZH, titleEN, strings.Join(zh, "、"), strings.Join(codes, ", "))
	}
	classes("share_types", "共享类型", "classes of sharing", p.ShareTypes)
	classes("open_types", "开放类型", "classes of opening", p.OpenTypes)
	titles("open_grounds", "不予开放事由", "grounds against opening", p.OpenGrounds)
	titles("base_libraries", "基础数据库", "base libraries", p.BaseLibraries)
	list("provider_types", "提供单位类型", "types of providers", p.ProviderTypes)
	for _, what := range sortedKeys(p.RefusalBasis) {
		b, t := p.RefusalBasis[what], basisTitles[what]
		var zh, en []string
		for _, kind := range b.Kinds {
			zh, en = append(zh, grounds[kind][0]), append(en, grounds[kind][1])
		}
		say("refusal_basis", t[0], t[1], strings.Join(zh, "、"), strings.Join(en, ", "))
		out[len(out)-1].Articles = append([]string{}, b.Articles...)
	}
	say("copy_mode", "数据拷贝", "copies", copies[p.CopyMode][0], copies[p.CopyMode][1])
	if p.NegativeList {
		say("negative_list", "负面清单", "negative list", "有", "yes")
	} else {
		say("negative_list", "负面清单", "negative list", "未规定", "none of its own")
	}
	if x := p.Objection; x != nil {
		say("objection", "异议的效力", "effect of an objection", objections[x.Effect][0], objections[x.Effect][1])
	}
	titles("priority_domains", "优先领域", "domains that go first", p.PriorityDomains)
	if n := len(p.Violations); n > 0 {
		say("violations", "违规情形", "violations", fmt.Sprintf("%d 项", n), fmt.Sprintf("%d kinds", n))
	}
	return out
}

// consentWanted tells which data a pack wants consent of.
func consentWanted(c *policy.ConsentRequired) (zh, en string) {
	var zhs, ens []string
	if c.PersonalInfo {
		zhs, ens = append(zhs, "个人信息"), append(ens, "personal information")
	}
	for _, level := range c.Levels {
		zhs, ens = append(zhs, fmt.Sprintf("%d 级", level)), append(ens, fmt.Sprintf("level %d", level))
	}
	zhs, ens = append(zhs, c.Classes...), append(ens, c.Classes...)
	zh, en = strings.Join(zhs, "、"), strings.Join(ens, ", ")
	if len(c.Purposes) > 0 {
		zh, en = zh+"(用途 "+strings.Join(c.Purposes, "、")+")", en+" (for "+strings.Join(c.Purposes, ", ")+")"
	}
	return zh, en
}

// levelControl tells what a pack asks of a level whose least group is least at any rate.
func levelControl(c policy.LevelControl, least int) (zh, en string) {
	k := max(least, c.MinGroup)
	zhs, ens := []string{fmt.Sprintf("最小分组 %d", k)}, []string{fmt.Sprintf("groups of %d", k)}
	if c.Masks != nil {
		barred := slices.DeleteFunc(masking.Kinds(), func(kind string) bool { return slices.Contains(*c.Masks, kind) })
		zhs, ens = append(zhs, "脱敏不得用 "+strings.Join(barred, "、")), append(ens, "no mask "+strings.Join(barred, ", "))
	}
	for _, shape := range []struct {
		zh, en string
		*policy.Control
	}{{"明细", "records", c.Record}, {"汇总", "aggregates", c.Aggregate}} {
		if shape.Control == nil {
			zhs, ens = append(zhs, shape.zh+"不出域"), append(ens, "no "+shape.en)
			continue
		}
		if n, m := len(shape.QueryReview), len(shape.ReleaseReview); n+m > 0 {
			zhs = append(zhs, fmt.Sprintf("%s执行前 %d 人、出域前 %d 人审核", shape.zh, n, m))
			ens = append(ens, fmt.Sprintf("%s reviewed by %d before they run and %d before they leave", shape.en, n, m))
		}
	}
	return strings.Join(zhs, ";"), strings.Join(ens, "; ")
}

// disclosive tells when a total does not leave.
func disclosive(d policy.Disclosiveness) (zh, en string) {
	var zhs, ens []string
	for _, x := range d.Dominance {
		zhs = append(zhs, fmt.Sprintf("前 %d 名占 %d%% 及以上不出域", x.N, x.Percent))
		ens = append(ens, fmt.Sprintf("none of which the largest %d bear %d %% or more", x.N, x.Percent))
	}
	if d.PPercent > 0 {
		zhs = append(zhs, fmt.Sprintf("其余之和不足最大者的 %d%% 不出域", d.PPercent))
		ens = append(ens, fmt.Sprintf("none whose rest is under %d %% of the largest", d.PPercent))
	}
	if d.Round > 0 {
		zhs = append(zhs, fmt.Sprintf("计数与合计取整为 %d 的倍数", d.Round))
		ens = append(ens, fmt.Sprintf("counts and sums rounded to multiples of %d", d.Round))
	}
	if zhs == nil {
		return "无", "none"
	}
	return strings.Join(zhs, ";"), strings.Join(ens, "; ")
}

// What the codes of a pack are called.
var (
	entityKinds = map[string]string{"person": "自然人", "enterprise": "企业"}
	basisTitles = map[string][2]string{
		"sharing": {"不予共享的依据", "basis of refusing to share"}, "opening": {"不予开放的依据", "basis of refusing to open"},
		"class": {"非无条件类的依据", "basis of a class not open to all"},
	}
	grounds = map[string][2]string{
		"LAW": {"法律", "law"}, "REGULATION": {"法规", "regulation"}, "RULE": {"规章", "rule"}, "STATE_PROVISION": {"国家有关规定", "state provision"}, "REASON": {"说明理由", "a reason"},
	}
	copies = map[string][2]string{
		"NEVER_TO_OPERATORS": {"不得向运营单位提供", "never to operators"}, "OWN_APPLICATION": {"须另行申请", "by an application of its own"},
		"THIRD_PARTY_BARRED": {"不得提供给第三方", "not to third parties"}, "CITY_AND_PROVIDER_CONSENT": {"须经主管部门和提供单位同意", "with consent of city and provider"},
	}
	objections = map[string][2]string{"MARK": {"标注异议,继续使用", "marked, use goes on"}, "SUSPEND_AT_ONCE": {"立即中止开放", "suspended at once"}}
)

// timersOf returns the terms of p, then the duties for which it gives none.
func timersOf(p policy.Pack) []PackTimer {
	out := []PackTimer{}
	for _, key := range sortedKeys(p.Timers) {
		t := p.Timers[key]
		var zh, en []string
		note := func(is bool, z, e string) {
			if is {
				zh, en = append(zh, z), append(en, e)
			}
		}
		note(t.OnTheSpot, "能当场答复的当场答复", "on the spot where that can be")
		note(t.OrPromisedDate, "需加工的告知具体时间", "or a day told where data must be processed")
		note(t.UnlessOtherLaw, "法律、法规、规章另有期限的从其规定", "unless another law sets a term")
		note(len(t.StartMayBe) > 1, "起算点可依市级决定调整", "the city may choose its start")
		note(len(t.StopMayBe) > 1, "止算点可依市级决定调整", "the city may choose its end")
		note(t.Origin == policy.OriginLocal, "法规未定期限,为本地建议值", "no figure in the regulation; a local one")
		note(t.Origin == policy.OriginAgreement, "法规未定期限,以协议约定为准", "no figure in the regulation; the agreement's goes before")
		out = append(out, PackTimer{Key: key, TitleZH: t.Title.ZH, TitleEN: t.Title.EN, Days: t.Days, Origin: t.Origin, Article: t.Article,
			StartOn: t.StartOn, StopOn: t.StopOn, NoteZH: strings.Join(zh, ";"), NoteEN: strings.Join(en, "; ")})
	}
	for _, key := range sortedKeys(p.Untimed) {
		u := p.Untimed[key]
		out = append(out, PackTimer{Key: key, TitleZH: u.Title.ZH, TitleEN: u.Title.EN, Origin: policy.OriginStatutory, Article: u.Article, NoteZH: u.Note.ZH, NoteEN: u.Note.EN})
	}
	return out
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
