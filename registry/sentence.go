package registry

import (
	"fmt"
	"strings"
)

// Titles returns what people call a document that another one names: its title, or
// its name where whoever reads may not see it.
type Titles func(kind, name string) string

// Sentence returns what a document says as one sentence in Chinese and one in
// English. Long texts and lists are cut; what people wrote stands in it as they wrote
// it, for whoever shows it to make harmless. It returns an error if d is of no known
// kind or not of its shape.
func Sentence(d Document, titles Titles) (zh, en string, err error) {
	say, ok := sentences[d.Kind]
	if !ok {
		return "", "", fmt.Errorf("registry: render %s %s: no such kind", d.Kind, d.Name)
	}
	t, err := say(d, func(kind, name string) string { return short(titles(kind, name)) })
	return t.zh, t.en, err
}

// sentences has one renderer for each kind.
var sentences = map[string]func(Document, Titles) (text, error){
	KindOrganization: rendered(organizationSentence),
	KindPerson:       rendered(personSentence),
	KindZone:         rendered(zoneSentence),
	KindDataset:      rendered(datasetSentence),
	KindCall:         rendered(callSentence),
	KindLicense:      rendered(licenseSentence),
	KindSupply:       rendered(supplySentence),
	KindScenario:     rendered(scenarioSentence),
	KindGrant:        rendered(grantSentence),
	KindPartner:      rendered(partnerSentence),
	KindTemplate:     rendered(templateSentence),
	KindRequest:      rendered(requestSentence),
	KindNegativeList: rendered(negativeSentence),
	KindSourceRuling: rendered(rulingSentence),
	KindQualityRules: rendered(qualitySentence),
	KindRetention:    rendered(retentionSentence),
	KindRestriction:  rendered(restrictionSentence),
	KindException:    rendered(exceptionSentence),
}

func rendered[T any](f func(string, T, Titles) text) func(Document, Titles) (text, error) {
	return func(d Document, titles Titles) (text, error) {
		spec, err := SpecOf[T](d)
		if err != nil {
			return text{}, err
		}
		return f(d.Name, spec, titles), nil
	}
}

// short cuts a text that somebody wrote to what a sentence has room for.
func short(s string) string {
	const most = 60 // characters
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// some joins the first items of a list and says how many there are.
func some(all []string, comma, rest string) string {
	const most = 6
	cut := make([]string, 0, most)
	for _, s := range all[:min(len(all), most)] {
		cut = append(cut, short(s))
	}
	joined := strings.Join(cut, comma)
	if len(all) > most {
		joined += fmt.Sprintf(rest, len(all))
	}
	return joined
}

func listZH(all []string) string { return some(all, "、", " 等 %d 项") }
func listEN(all []string) string { return some(all, ", ", " and others, %d in all") }

func called(titles Titles, kind string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = titles(kind, n)
	}
	return out
}

// words are codes as people say them.
var words = map[string]text{
	orgOperator: {"operator", "运营单位"}, orgIndustryAuthority: {"industry authority", "行业主管部门"}, orgCityAuthority: {"city authority", "市数据主管部门"},
	orgProvider: {"data provider", "数据提供单位"}, orgDataCentre: {"data centre", "数据中心"}, orgThirdParty: {"third party", "第三方机构"}, orgSecurity: {"security office", "安全保密部门"},
	RoleZoneRegulator: {"zone regulator", "专区监管"}, RoleAuditor: {"auditor", "审计"},
	PermissionCopy: {"copy", "复制"}, PermissionExport: {"export", "导出"}, PermissionRecipe: {"recipe", "脱敏规则"}, PermissionDestroy: {"destroy", "销毁"},
	zoneIndustry: {"industry", "行业"}, zoneComprehensive: {"comprehensive", "综合"},
	StatusActive: {"in force", "有效"}, StatusSuspended: {"suspended", "已暂停"}, StatusTerminated: {"terminated", "已终止"}, StatusExpired: {"past its term", "已期满"}, StatusRevoked: {"revoked", "已撤销"},
	StatusPublished: {"published", "已发布"}, StatusRetired: {"retired", "已下架"}, "active": {"active", "启用"}, "disabled": {"disabled", "已停用"},
	StatusDraft: {"a draft", "草稿"}, StatusSubmitted: {"submitted", "已提交"}, "": {"in force", "有效"},
	"UNCONDITIONAL": {"unconditionally", "无条件"}, "CONDITIONAL": {"conditionally", "有条件"}, "NONE": {"not", "不予"}, openProhibited: {"never", "禁止"},
	"CLEAR": {"clear", "明文"}, "MASKED": {"masked", "脱敏"}, "COMPUTE_ONLY": {"for computing only", "仅参与计算"},
	"OPERATION": {"operate", "运营"}, "UTILISATION": {"use", "使用"},
}

// word returns a code as people say it, or the code.
func word(code string) text {
	if t, ok := words[code]; ok {
		return t
	}
	return text{short(code), short(code)}
}

func wordsOf(codes []string) (en, zh []string) {
	for _, c := range codes {
		t := word(c)
		en, zh = append(en, t.en), append(zh, t.zh)
	}
	return en, zh
}

func because(reason string) text {
	if reason == "" {
		return text{}
	}
	return text{" (" + short(reason) + ")", "(" + short(reason) + ")"}
}

func organizationSentence(_ string, o Organization, _ Titles) text {
	kind := word(o.Kind)
	t := say("%s is registered as %s", "“%s”登记为%s", short(o.Title), "")
	t = text{t.en + kind.en, t.zh + kind.zh}
	if o.CreditCode != "" {
		t = text{t.en + ", credit code " + short(o.CreditCode), t.zh + ",统一社会信用代码 " + short(o.CreditCode)}
	}
	if o.SecurityOfficer != "" {
		t = text{t.en + ", security officer " + short(o.SecurityOfficer), t.zh + ",数据安全负责人" + short(o.SecurityOfficer)}
	}
	if o.Incident3Y || o.Dishonesty3Y {
		t = text{t.en + ", with an incident or dishonesty within three years", t.zh + ",三年内有数据安全事件或失信记录"}
	}
	return text{t.en + ".", t.zh + "。"}
}

func personSentence(name string, p Person, titles Titles) text {
	en, zh := wordsOf(p.Roles)
	org, state := titles(KindOrganization, p.Organization), word(p.Status)
	t := say("%s (%s) of %s has the roles: %s", "%s(%s)是%s的人员,角色为%s", short(p.RealName), name, org, "")
	t = text{t.en + listEN(en), t.zh + listZH(zh)}
	if len(p.Permissions) > 0 {
		en, zh := wordsOf(p.Permissions)
		t = text{t.en + ", and may besides: " + listEN(en), t.zh + ",另有权限:" + listZH(zh)}
	}
	return text{t.en + "; the account is " + state.en + ".", t.zh + ";账号" + state.zh + "。"}
}

func zoneSentence(_ string, z Zone, titles Titles) text {
	kind, state, regulator := word(z.Kind), word(z.Status), titles(KindOrganization, z.Regulator)
	return text{
		fmt.Sprintf("The %s zone %s is regulated by %s under the policy pack %s and is %s.", kind.en, short(z.Title), regulator, short(z.Pack), state.en),
		fmt.Sprintf("%s专区“%s”由%s监管,适用政策包 %s,现%s。", kind.zh, short(z.Title), regulator, short(z.Pack), state.zh),
	}
}

func datasetSentence(_ string, d Dataset, titles Titles) text {
	share, open, state, why := word(d.ShareType), word(d.OpenType), word(d.Status), because(d.StatusReason)
	zone, provider := titles(KindZone, d.Zone), titles(KindOrganization, d.Provider)
	return text{
		fmt.Sprintf("%s of %s stands in the catalogue of the zone %s with %d columns up to level %d, %s shared, %s opened, and is %s%s.", short(d.Title), provider, zone, len(d.Columns), d.Level(), share.en, open.en, state.en, why.en),
		fmt.Sprintf("%s提供的“%s”编入%s目录,共 %d 列,最高 %d 级,%s共享,%s开放,现%s%s。", provider, short(d.Title), zone, len(d.Columns), d.Level(), share.zh, open.zh, state.zh, why.zh),
	}
}

func licenseSentence(_ string, l License, titles Titles) text {
	operator, zone, state, why, what := titles(KindOrganization, l.Operator), titles(KindZone, l.Zone), word(l.Status), because(l.StatusReason), word(l.Type)
	en, zh := "the data that are granted", "经授权的数据"
	if s, err := l.Scope(); err == nil {
		if len(s.Datasets) > 0 {
			all := called(titles, KindDataset, s.Datasets)
			en, zh = listEN(all), listZH(all)
		}
		if len(s.Purposes) > 0 {
			en, zh = en+" for "+listEN(s.Purposes), zh+",用途限于 "+listZH(s.Purposes)
		}
	}
	return text{
		fmt.Sprintf("%s may %s in the zone %s from %s to %s: %s; the agreement is %s%s.", operator, what.en, zone, l.Start, l.End, en, state.en, why.en),
		fmt.Sprintf("%s自 %s 至 %s 可在%s%s%s;协议现%s%s。", operator, l.Start, l.End, zone, what.zh, zh, state.zh, why.zh),
	}
}

func scenarioSentence(_ string, s Scenario, titles Titles) text {
	people := called(titles, KindPerson, s.Recipients)
	var rounded text
	if s.Round > 0 {
		rounded = text{fmt.Sprintf(", counts and sums rounded to multiples of %d or of more", s.Round), fmt.Sprintf(",计数与合计至少取整为 %d 的倍数", s.Round)}
	}
	return text{
		fmt.Sprintf("Under the agreement %s the scenario %s (%s) runs from %s to %s; its results go to %s only%s.", short(s.License), short(s.Title), short(s.PurposeCode), s.Period.From, s.Period.Until, listEN(people), rounded.en),
		fmt.Sprintf("依据协议 %s,场景“%s”(%s)自 %s 至 %s 开展,结果只交付%s%s。", short(s.License), short(s.Title), short(s.PurposeCode), s.Period.From, s.Period.Until, listZH(people), rounded.zh),
	}
}

func columnWords(all []GrantColumn) (en, zh []string) {
	for _, c := range all {
		mode := word(c.Mode)
		kind := ""
		if c.Recipe != nil {
			kind = " " + c.Recipe.Kind
		}
		en, zh = append(en, short(c.Name)+" "+mode.en+kind), append(zh, short(c.Name)+" "+mode.zh+kind)
	}
	return en, zh
}

func grantSentence(_ string, g Grant, titles Titles) text {
	en, zh := columnWords(g.Columns)
	scenario, data, state, why := titles(KindScenario, g.Scenario), titles(KindDataset, g.Dataset), word(g.Status), because(g.StatusReason)
	zreg, prov := titles(KindPerson, g.ZReg.By), titles(KindPerson, g.Prov.By)
	t := text{
		fmt.Sprintf("From %s to %s the scenario %s may use of %s: %s", g.From, g.Until, scenario, data, listEN(en)),
		fmt.Sprintf("场景“%s”自 %s 至 %s 可使用“%s”的:%s", scenario, g.From, g.Until, data, listZH(zh)),
	}
	if len(g.Scope) > 0 {
		t = text{t.en + fmt.Sprintf(", rows under %d condition(s) only", len(g.Scope)), t.zh + fmt.Sprintf(",仅限符合 %d 项条件的行", len(g.Scope))}
	}
	return text{
		t.en + fmt.Sprintf("; %s assessed and %s reviewed it; it is %s%s.", zreg, prov, state.en, why.en),
		t.zh + fmt.Sprintf(";由%s评估、%s审核,现%s%s。", zreg, prov, state.zh, why.zh),
	}
}

func supplySentence(_ string, s Supply, titles Titles) text {
	from, to, data, state, why := titles(KindZone, s.FromZone), titles(KindZone, s.ToZone), titles(KindDataset, s.Dataset), word(s.Status), because(s.StatusReason)
	return text{
		fmt.Sprintf("From %s to %s the zone %s supplies the zone %s with columns of %s: %s; the data stay where they are, and the supply is %s%s.", s.From, s.Until, from, to, data, listEN(s.Columns), state.en, why.en),
		fmt.Sprintf("自 %s 至 %s,%s向%s提供“%s”的列:%s;数据仍存于原专区,现%s%s。", s.From, s.Until, from, to, data, listZH(s.Columns), state.zh, why.zh),
	}
}

func templateSentence(name string, t Template, titles Titles) text {
	state, why, scenario := word(t.Status), because(t.StatusReason), titles(KindScenario, t.Scenario)
	var parameters []string
	for _, p := range t.Parameters {
		parameters = append(parameters, p.Name)
	}
	en, zh := "nothing to choose", "无可选参数"
	if len(parameters) > 0 {
		en, zh = "only "+listEN(parameters)+" to choose", "只可选参数 "+listZH(parameters)
	}
	return text{
		fmt.Sprintf("From %s to %s the scenario %s may ask by the template %s, with %s; it is %s%s.", t.From, t.Until, scenario, short(t.Title), en, state.en, why.en),
		fmt.Sprintf("场景“%s”自 %s 至 %s 可按模板“%s”提问,%s;现%s%s。", scenario, t.From, t.Until, short(t.Title), zh, state.zh, why.zh),
	}
}

func requestSentence(_ string, r DataRequest, titles Titles) text {
	scenario, state := titles(KindScenario, r.Scenario), word(r.Status)
	var data []string
	for _, d := range r.Datasets {
		data = append(data, titles(KindDataset, d.Dataset))
	}
	return text{
		fmt.Sprintf("The scenario %s (%s) asks for columns of %s from %s to %s; the request is %s and grants nothing.", scenario, short(r.PurposeCode), listEN(data), r.From, r.Until, state.en),
		fmt.Sprintf("场景“%s”(%s)申请自 %s 至 %s 使用%s的列;申请为%s,本身不授予任何权限。", scenario, short(r.PurposeCode), r.From, r.Until, listZH(data), state.zh),
	}
}

func negativeSentence(_ string, n NegativeList, titles Titles) text {
	var en, zh []string
	for _, i := range n.Items {
		switch {
		case i.Dataset != "" && i.Column != "":
			en, zh = append(en, "column "+i.Column+" of "+titles(KindDataset, i.Dataset)), append(zh, titles(KindDataset, i.Dataset)+"的列 "+i.Column)
		case i.Dataset != "":
			en, zh = append(en, titles(KindDataset, i.Dataset)), append(zh, titles(KindDataset, i.Dataset))
		case i.Element != "":
			en, zh = append(en, "data element "+i.Element), append(zh, "数据元 "+i.Element)
		default:
			en, zh = append(en, "class "+i.Class), append(zh, "类别 "+i.Class)
		}
	}
	if len(n.Items) == 0 {
		return text{fmt.Sprintf("%s lists nothing.", short(n.Title)), fmt.Sprintf("“%s”未列入任何数据。", short(n.Title))}
	}
	return text{
		fmt.Sprintf("What %s lists is neither granted, loaded nor asked: %s.", short(n.Title), listEN(en)),
		fmt.Sprintf("“%s”所列不得授权、装载或查询:%s。", short(n.Title), listZH(zh)),
	}
}

func rulingSentence(_ string, r SourceRuling, titles Titles) text {
	data, collector := called(titles, KindDataset, r.Datasets), titles(KindOrganization, r.Collector)
	t := text{fmt.Sprintf("%s collects what %s hold", collector, listEN(data)), fmt.Sprintf("认定%s的数据由%s采集", listZH(data), collector)}
	if r.Authoritative != "" {
		source := titles(KindDataset, r.Authoritative)
		t = text{t.en + ", of which " + source + " is the source", t.zh + ",以" + source + "为权威来源"}
	}
	return text{t.en + ", by " + short(r.Basis) + ".", t.zh + ",依据" + short(r.Basis) + "。"}
}

func qualitySentence(name string, q QualityRules, titles Titles) text {
	data := titles(KindDataset, name)
	t := text{"The data of " + data + " are checked by the rules of its provider", "“" + data + "”的数据按提供单位的质量规则检查"}
	switch {
	case q.Gate.MinimumScore > 0 && q.Gate.Errors:
		return text{fmt.Sprintf("%s; a version below %g points, or that fails a rule of severity error, is quarantined.", t.en, q.Gate.MinimumScore), fmt.Sprintf("%s,低于 %g 分或违反严重级规则的版本予以隔离。", t.zh, q.Gate.MinimumScore)}
	case q.Gate.MinimumScore > 0:
		return text{fmt.Sprintf("%s; a version below %g points is quarantined.", t.en, q.Gate.MinimumScore), fmt.Sprintf("%s,低于 %g 分的版本予以隔离。", t.zh, q.Gate.MinimumScore)}
	case q.Gate.Errors:
		return text{t.en + "; a version that fails a rule of severity error is quarantined.", t.zh + ",违反严重级规则的版本予以隔离。"}
	}
	return text{t.en + "; none is quarantined for it.", t.zh + ",不因此隔离版本。"}
}

func retentionSentence(_ string, r Retention, _ Titles) text {
	return text{fmt.Sprintf("Entries of the audit log are kept for %d months, because: %s.", r.Months, short(r.Reason)), fmt.Sprintf("审计日志留存 %d 个月,理由:%s。", r.Months, short(r.Reason))}
}

func restrictionSentence(_ string, r Restriction, _ Titles) text {
	en, zh := "Access is closed", "关闭数据获取权限"
	if r.Degree == DegreeRestrict {
		en, zh = "Access is restricted", "限制数据获取权限"
		if r.Rate > 0 {
			en, zh = en+fmt.Sprintf(", to %d statements an hour", r.Rate), zh+fmt.Sprintf(",每小时不超过 %d 条语句", r.Rate)
		}
		if r.MaxLevel > 0 {
			en, zh = en+fmt.Sprintf(", to level %d", r.MaxLevel), zh+fmt.Sprintf(",只读不高于 %d 级的列", r.MaxLevel)
		}
		if r.AggregatesOnly {
			en, zh = en+", to aggregates", zh+",只准输出汇总"
		}
	}
	until, day := ", until it is lifted", ",至解除为止"
	if r.Until != "" {
		until, day = ", through "+r.Until, ",至 "+r.Until+" 止"
	}
	en = fmt.Sprintf("%s for the %s %s%s, by %s, because: %s", en, r.Level, short(r.Target), until, r.Clause, short(r.Reason))
	zh = fmt.Sprintf("%s:%s %s%s;依据 %s,理由:%s", zh, r.Level, short(r.Target), day, r.Clause, short(r.Reason))
	if r.Status == StatusLifted {
		en, zh = en+"; it is lifted, because: "+short(r.StatusReason), zh+";已解除,理由:"+short(r.StatusReason)
	}
	return text{en + ".", zh + "。"}
}
