package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/policy"
)

// cities are the packs that come with the rules, with the code and the number of
// articles of each regulation.
var cities = []struct {
	id, code string
	articles int
}{
	{"nanjing-2024", "NJ24", 24},
	{"nanjing-2019", "NJ19", 42},
	{"jiangmen-2019-draft", "JM19", 43},
	{"shenyang-2020", "SY20", 38},
	{"yancheng-2022", "YC22", 55},
}

func pack(t testing.TB, e *policy.Evaluator, id string) policy.Pack {
	t.Helper()
	p, err := e.Pack(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEveryFigureOfTheRegulationsIsInItsPackAndNoOther compares the packs with
// testdata/figures.txt, both ways.
func TestEveryFigureOfTheRegulationsIsInItsPackAndNoOther(t *testing.T) {
	want := map[string][]string{}
	id := ""
	for line := range strings.Lines(string(readFile(t, "testdata/figures.txt"))) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "== "):
			id = strings.TrimPrefix(line, "== ")
		case line != "" && !strings.HasPrefix(line, "#"):
			want[id] = append(want[id], line)
		}
	}
	e := newEvaluator(t, policy.Config{})
	if len(want) != len(cities) {
		t.Fatalf("figures of %d packs, want %d", len(want), len(cities))
	}
	for _, c := range cities {
		got := figures(pack(t, e, c.id))
		for _, line := range want[c.id] {
			if !slices.Contains(got, line) {
				t.Errorf("%s does not have: %s", c.id, line)
			}
		}
		for _, line := range got {
			if !slices.Contains(want[c.id], line) {
				t.Errorf("%s has what the regulation does not say: %s", c.id, line)
			}
		}
	}
}

// figures returns what p says of its regulation, a line a figure; what is local
// is not among it, but for timers, which say their origin themselves.
func figures(p policy.Pack) []string {
	out := []string{fmt.Sprintf("status %s %s %s", p.Status, dash(p.Validity.From), dash(p.Validity.Until))}
	say := func(key, value string) {
		if !slices.Contains(p.Local, key) {
			out = append(out, fmt.Sprintf("%s %s %s", key, value, strings.Join(p.Articles[key], " ")))
		}
	}
	say("level_threshold", strconv.Itoa(p.LevelThreshold))
	say("max_term_years", strconv.Itoa(p.MaxTermYears))
	if x := p.Eligibility; x != nil {
		say("eligibility", fmt.Sprintf("credit %d incidents %d audit report %d", x.CreditYears, x.IncidentYears, x.AuditReportYears))
	}
	for _, class := range inKeys(p.Award) {
		say("award", class+" "+inOrder(p.Award[class]))
	}
	if p.Evaluation != nil {
		say("evaluation", fmt.Sprintf("poor %d", p.Evaluation.TerminateAfterPoor))
	}
	say("sections", inOrder(p.Sections))
	for _, kind := range inKeys(p.Signers) {
		say("signers", kind+" "+inOrder(p.Signers[kind]))
	}
	say("purposes", strings.Join(inKeys(p.Purposes), " "))
	say("provider_types", inOrder(p.ProviderTypes))
	say("share_types", classes(p.ShareTypes))
	say("open_types", classes(p.OpenTypes))
	say("open_grounds", strings.Join(inKeys(p.OpenGrounds), " "))
	say("base_libraries", strings.Join(inKeys(p.BaseLibraries), " "))
	say("copy_mode", p.CopyMode)
	say("negative_list", strconv.FormatBool(p.NegativeList))
	say("label", strconv.FormatBool(p.Label))
	say("watermark", strconv.FormatBool(p.Watermark))
	if p.Objection != nil {
		say("objection", p.Objection.Effect+" "+inOrder(p.Objection.Outcomes))
	}
	if c := p.ConsentRequired; c != nil && c.PersonalInfo {
		say("consent_required", "personal_info")
	}
	if len(p.PriorityDomains) > 0 {
		say("priority_domains", strings.Join(inKeys(p.PriorityDomains), " "))
	}
	if len(p.Violations) > 0 {
		say("violations", strconv.Itoa(len(p.Violations)))
	}
	for what, b := range p.RefusalBasis {
		if len(b.Articles) > 0 {
			out = append(out, fmt.Sprintf("refusal_basis %s %s %s", what, inOrder(b.Kinds), strings.Join(b.Articles, " ")))
		}
	}
	for key, t := range p.Timers {
		words := []string{"timer", key, strconv.Itoa(t.Days), t.Article, t.StartOn, t.StopOn, t.Origin}
		for _, x := range t.StartMayBe {
			if x != t.StartOn {
				words = append(words, "or-from:"+x)
			}
		}
		for _, x := range t.StopMayBe {
			if x != t.StopOn {
				words = append(words, "or-until:"+x)
			}
		}
		for word, is := range map[string]bool{"on-the-spot": t.OnTheSpot, "or-promised-date": t.OrPromisedDate, "unless-other-law": t.UnlessOtherLaw} {
			if is {
				words = append(words, word)
			}
		}
		out = append(out, strings.Join(append(words, slices.Sorted(slices.Values(t.Triggers))...), " "))
	}
	for key, u := range p.Untimed {
		out = append(out, "untimed "+key+" "+u.Article)
	}
	return out
}

func classes(all map[string]policy.DataClass) string {
	var out []string
	for _, code := range inKeys(all) {
		out = append(out, code+"="+all[code].Class)
	}
	return strings.Join(out, " ")
}

func inOrder(s []string) string { return strings.Join(slices.Sorted(slices.Values(s)), " ") }

func inKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// framing are the keys of a pack that hold no figure, or say beside each figure
// where it is from.
var framing = []string{
	"id", "title", "status", "validity", "utc_offset_minutes", "legal_bases", "role_titles", "timers", "untimed", "roles", "exclusive_roles", "articles", "local",
}

func TestEveryKeyOfAPackIsTheRegulationsOrLocal(t *testing.T) {
	for _, c := range cities {
		var keys map[string]any
		if err := json.Unmarshal(readFile(t, "pack/"+c.id+".json"), &keys); err != nil {
			t.Fatal(err)
		}
		p := pack(t, newEvaluator(t, policy.Config{}), c.id)
		for key := range keys {
			_, cited := p.Articles[key]
			if key == "refusal_basis" {
				cited = !slices.ContainsFunc(slices.Collect(maps.Values(p.RefusalBasis)), func(b policy.Basis) bool { return len(b.Articles) == 0 })
			}
			local := slices.Contains(p.Local, key)
			if !slices.Contains(framing, key) && cited == local {
				t.Errorf("%s: %s is said of the regulation: %v, and to be local: %v", c.id, key, cited, local)
			}
		}
		for _, key := range append(slices.Clone(p.Local), inKeys(p.Articles)...) {
			if _, there := keys[key]; !there || slices.Contains(framing, key) {
				t.Errorf("%s: says where %s is from, which is no figure of it", c.id, key)
			}
		}
	}
}

func TestEveryArticleOfAPackIsOneOfItsRegulation(t *testing.T) {
	for _, c := range cities {
		p := pack(t, newEvaluator(t, policy.Config{}), c.id)
		var all []string
		for _, a := range p.Articles {
			all = append(all, a...)
		}
		for _, b := range p.RefusalBasis {
			all = append(all, b.Articles...)
		}
		for _, x := range p.Timers {
			all = append(all, x.Article)
		}
		for _, x := range p.Untimed {
			all = append(all, x.Article)
		}
		for _, a := range all {
			code, number, _ := strings.Cut(a, "-")
			n, err := strconv.Atoi(number)
			if err != nil || code != c.code || n < 1 || n > c.articles {
				t.Errorf("%s cites %s, which %s does not have", c.id, a, c.code)
			}
		}
		for code := range p.Violations {
			if !strings.HasPrefix(code, c.code+"-") {
				t.Errorf("%s has the violation %s of another regulation", c.id, code)
			}
		}
	}
}

// JM19-18: each city publishes the codes of what data may be asked for, as a decision of
// its own; what it strikes off is no purpose any longer, also of a scenario that runs.
func TestAPurposeIsOneThatThePackPublishes(t *testing.T) {
	const published = "AGRI-01 CREDIT-01 CULT-01 EDU-01 EMERG-01 EMP-01 ENV-01 EPI-STAT FIN-01 GEO-01 INCOME-STAT MARKET-01 MED-COST-01 MED-STAT PH-01 POP-01 SCI-01 SPORT-01 TRAFFIC-STAT WEATHER-01"
	e := newEvaluator(t, policy.Config{})
	for _, c := range cities {
		p := pack(t, e, c.id)
		if got := strings.Join(inKeys(p.Purposes), " "); got != published {
			t.Errorf("%s publishes %s, want %s", c.id, got, published)
		}
		if origin, articles := p.Cited("purposes"); origin != policy.OriginLocal || len(articles) > 0 {
			t.Errorf("%s: the list is %s of %q, want it local", c.id, origin, articles)
		}
		titles := map[string]bool{}
		for code, title := range p.Purposes {
			if titles[title.ZH] || titles[title.EN] || !regexp.MustCompile(p.PurposeCode).MatchString(code) {
				t.Errorf("%s: %s %+v is called as another, or is no code", c.id, code, title)
			}
			titles[title.ZH], titles[title.EN] = true, true
		}
	}
	all := packs(t)
	var city map[string]any
	if err := json.Unmarshal(all["nanjing-2024.json"].Data, &city); err != nil {
		t.Fatal(err)
	}
	delete(city["purposes"].(map[string]any), "MED-COST-01")
	raw, err := json.Marshal(city)
	if err != nil {
		t.Fatal(err)
	}
	all["nanjing-2024.json"].Data = raw
	for _, c := range []struct {
		e    *policy.Evaluator
		want policy.Verdict
	}{{e, policy.Allow}, {newEvaluator(t, policy.Config{Packs: all}), policy.Deny}} {
		if d := decide(t, c.e, facts(t)); d.Verdict != c.want || (c.want == policy.Deny) != cites(d.Reasons, "PURPOSE_UNLISTED", "purpose_code") {
			t.Errorf("%v %q, want %v", d.Verdict, codes(d.Reasons), c.want)
		}
	}
}

// No regulation says that silence is consent, and none grants a pause.
func TestNoTimerPausesOrDecides(t *testing.T) {
	e := newEvaluator(t, policy.Config{})
	for _, c := range cities {
		for key, x := range pack(t, e, c.id).Timers {
			if x.Pausable || x.Unit != "WD" || !slices.Equal(x.OnOverdue, []string{"alert", "escalate"}) {
				t.Errorf("%s %s: pausable %v, unit %s, overdue %v", c.id, key, x.Pausable, x.Unit, x.OnOverdue)
			}
			if len(x.StartMayBe) > 0 && !slices.Contains(x.StartMayBe, x.StartOn) || len(x.StopMayBe) > 0 && !slices.Contains(x.StopMayBe, x.StopOn) {
				t.Errorf("%s %s: starts or stops on what is not among its readings", c.id, key)
			}
		}
	}
}

// A pack is closed: what the rules do not know, and what would pause, decide or
// open by itself, is not read.
func TestAPackThatSaysMoreThanItsSchemaIsNotRead(t *testing.T) {
	set := func(path string, value any) func(map[string]any) {
		return func(p map[string]any) {
			parts := strings.Split(path, "/")
			for _, part := range parts[:len(parts)-1] {
				p = p[part].(map[string]any)
			}
			p[parts[len(parts)-1]] = value
		}
	}
	for name, change := range map[string]func(map[string]any){
		"unknown key":               set("grace_days", 3),
		"silence approves":          set("timers/share.conditional.reply/on_overdue", []string{"approve"}),
		"no escalation":             set("timers/share.conditional.reply/on_overdue", []string{"alert"}),
		"pausable":                  set("timers/share.conditional.reply/pausable", true),
		"calendar days":             set("timers/share.conditional.reply/unit", "D"),
		"no days":                   set("timers/share.conditional.reply/days", 0),
		"a fraction of a day":       set("timers/share.conditional.reply/days", 1.5),
		"unknown origin":            set("timers/share.conditional.reply/origin", "custom"),
		"unknown event":             set("timers/share.conditional.reply/start_on", "whenever"),
		"unknown article":           set("timers/share.conditional.reply/article", "XX24-15"),
		"another key of a timer":    set("timers/share.conditional.reply/weekends", true),
		"class none may be granted": set("share_types/NONE/operable", true),
		"unknown class":             set("open_types/UNCONDITIONAL/class", "SOMETIMES"),
		"a class as before":         set("open_types/UNCONDITIONAL", true),
		"unknown ground of refusal": set("refusal_basis/sharing/kinds", []string{"INTERNAL_RULE"}),
		"unknown way of copying":    set("copy_mode", "ANYONE"),
		"unknown role":              set("role_titles/mayor", map[string]string{"zh": "市长", "en": "mayor"}),
		"in force without a day":    set("validity/from", ""),
		"evaluation after one":      set("evaluation/terminate_after_poor", 1),
		"an overlap told to whom it is about": func(p map[string]any) {
			for _, a := range p["alerts"].([]any) {
				if a := a.(map[string]any); a["counter"] == "overlaps" {
					a["recipients"] = append(a["recipients"].([]any), "security_officer")
				}
			}
		},
		"an award nobody knows":      set("award", map[string][]string{"COMMERCIAL": {"FRIENDSHIP"}}),
		"an award by no method":      set("award", map[string][]string{"COMMERCIAL": {}}),
		"a mask may show most":       set("raw_match/share", 0.6),
		"a match without a length":   set("raw_match/length", 0),
		"a figure of no match":       set("raw_match/rows", 1),
		"no day ahead of expiry":     set("evidence_warn_days", 0),
		"no purpose":                 set("purposes", map[string]any{}),
		"a purpose in words":         set("purposes/market research", map[string]string{"zh": "市场研究", "en": "market research"}),
		"a purpose without a title":  set("purposes/MED-STAT", map[string]string{"zh": "医疗服务统计", "en": ""}),
		"eligibility without a year": set("eligibility/credit_years", 0),
		"no cap of cells":            set("release/cell_cap", 0),
		"another key of a release":   set("release/round_base", 5),
		"rules of another kind":      set("release/rules/city", map[string]any{}),
		"rules of one kind":          set("release/rules", map[string]any{"person": map[string]any{}}),
		"rules of no level":          set("release/rules/person/0", map[string]any{"dominance": []any{}, "p_percent": 10}),
		"dominance of none":          set("release/rules/person/1/dominance", []any{map[string]any{"n": 0, "percent": 90}}),
		"dominance over all":         set("release/rules/person/1/dominance", []any{map[string]any{"n": 2, "percent": 101}}),
		"more than the largest":      set("release/rules/person/1/p_percent", 101),
		"rounded to ones":            set("release/rules/person/1/round", 1),
		"rounded to less than none":  set("release/rules/person/1/round", -5),
		"rounded to a fraction":      set("release/rules/person/1/round", 2.5),
	} {
		all := packs(t)
		var p map[string]any
		if err := json.Unmarshal(all["nanjing-2024.json"].Data, &p); err != nil {
			t.Fatal(err)
		}
		change(p)
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		all["nanjing-2024.json"].Data = raw
		if _, err := policy.New(t.Context(), policy.Config{Packs: all}); err == nil {
			t.Errorf("%s: the pack is read", name)
		}
	}
}

// TestRulesOnTotalsAreThoseOfTheKindAndTheLevel: those of the highest level that a
// column reaches, and no others.
func TestRulesOnTotalsAreThoseOfTheKindAndTheLevel(t *testing.T) {
	of := func(percent int) policy.Disclosiveness { return policy.Disclosiveness{PPercent: percent} }
	p := policy.Pack{Release: policy.Release{Rules: map[string]map[string]policy.Disclosiveness{
		"person": {"2": of(5), "4": of(20)}, "enterprise": {"1": of(10)},
	}}}
	for _, c := range []struct {
		kind        string
		level, want int
	}{
		{"person", 1, 0}, {"person", 2, 5}, {"person", 3, 5}, {"person", 4, 20}, {"person", 9, 20}, {"enterprise", 1, 10}, {"enterprise", 4, 10},
	} {
		if got := p.Disclosive(c.kind, c.level).PPercent; got != c.want {
			t.Errorf("%s of level %d: %d %%, want %d %%", c.kind, c.level, got, c.want)
		}
	}
	e := newEvaluator(t, policy.Config{})
	for _, c := range cities {
		for _, kind := range []string{"person", "enterprise"} {
			for level := 1; level <= 4; level++ {
				got := pack(t, e, c.id).Disclosive(kind, level)
				if got.PPercent != 10 || !slices.Equal(got.Dominance, []policy.Dominance{{N: 2, Percent: 90}}) {
					t.Errorf("%s: totals over a %s of level %d: %+v", c.id, kind, level, got)
				}
			}
		}
	}
}

// The catalogue says a class of the regulation or what stands for it in every
// city; the same entry is judged by each city's own classes.
func TestTheSameEntryIsOpenOrClosedAsItsCitySays(t *testing.T) {
	e := newEvaluator(t, policy.Config{})
	for _, c := range []struct {
		pack, open, share string
		refusal           string
	}{
		{"shenyang-2020", "CONDITIONAL", "CONDITIONAL", ""},
		{"shenyang-2020", "ON_APPLICATION", "CONDITIONAL", ""},
		{"shenyang-2020", "PROHIBITED", "CONDITIONAL", "DATASET_PROHIBITED"},
		{"yancheng-2022", "CONDITIONAL", "UNCONDITIONAL", ""},
		{"yancheng-2022", "ON_APPLICATION", "UNCONDITIONAL", "DATASET_PROHIBITED"},
		{"yancheng-2022", "NONE", "CONDITIONAL", "DATASET_PROHIBITED"}, // what no opening is in every city
		{"nanjing-2019", "CONDITIONAL", "CONDITIONAL", ""},
		{"nanjing-2019", "CONDITIONAL", "NONE", "DATASET_NOT_SHARED"},
		{"nanjing-2019", "CONDITIONAL", "OPEN_TO_SOCIETY", "DATASET_NOT_SHARED"},
		{"jiangmen-2019-draft", "UNCONDITIONAL", "OPEN_TO_SOCIETY", ""},
		{"jiangmen-2019-draft", "CONDITIONAL", "CONDITIONAL", "DATASET_PROHIBITED"}, // there is no such class
		{"jiangmen-2019-draft", "UNCONDITIONAL", "NONE", "DATASET_NOT_SHARED"},
		{"nanjing-2024", "", "CONDITIONAL", "DATASET_PROHIBITED"},
		{"nanjing-2024", "CONDITIONAL", "", "DATASET_NOT_SHARED"},
	} {
		in := facts(t)
		in.Zone.Pack, in.License.RenewedBasis = c.pack, "notice-2026-5"
		for name, d := range in.Datasets {
			d.OpenType, d.ShareType = c.open, c.share
			in.Datasets[name] = d
		}
		d := decide(t, e, in)
		refused := slices.ContainsFunc(d.Reasons, func(r policy.Reason) bool { return r.Code == c.refusal })
		if (c.refusal == "") != (d.Verdict == policy.Allow) || c.refusal != "" && !refused {
			t.Errorf("%s, open %q, share %q = %s %q, want %q", c.pack, c.open, c.share, d.Verdict, codes(d.Reasons), c.refusal)
		}
		p := pack(t, e, c.pack)
		if p.Opens(c.open) != (c.refusal != "DATASET_PROHIBITED") || p.Shares(c.share) != (c.refusal != "DATASET_NOT_SHARED") {
			t.Errorf("%s: opens %q %v, shares %q %v, refused %q", c.pack, c.open, p.Opens(c.open), c.share, p.Shares(c.share), c.refusal)
		}
	}
	// A code that is spelled as what stands for it in every city is that.
	for _, c := range cities {
		p := pack(t, e, c.id)
		for _, types := range []map[string]policy.DataClass{p.ShareTypes, p.OpenTypes} {
			for code, class := range types {
				if slices.Contains([]string{"UNCONDITIONAL", "CONDITIONAL", "NONE"}, code) && class.Class != code {
					t.Errorf("%s: %s is of the class %s", c.id, code, class.Class)
				}
			}
		}
	}
}

// A13: a license, and what stands on one, comes into force only under a regulation in
// force or with a recorded basis, and then with a warning. What is asked under a license
// is answered with the warning once the regulation has ended, whatever is on record, and
// under a draft only with a basis (NJ24-24, JM19-43).
func TestNothingBeginsUnderARegulationThatIsNoneWithoutARecordedBasis(t *testing.T) {
	e := newEvaluator(t, policy.Config{})
	for _, c := range []struct {
		pack, day, refusal string // refused without a basis for
		warns              bool   // and allowed with one, with a warning
		answers            bool   // a question without one, with the same warning
	}{
		{"nanjing-2024", "2024-05-23", "PACK_NOT_IN_FORCE", false, false},
		{"nanjing-2024", "2024-06-24", "", false, true},
		{"nanjing-2024", "2026-05-23", "", false, true},
		{"nanjing-2024", "2026-05-24", "PACK_LAPSED", true, true},
		{"yancheng-2022", "2027-11-30", "", false, true},
		{"yancheng-2022", "2027-12-01", "PACK_LAPSED", true, true},
		{"jiangmen-2019-draft", "2026-05-24", "PACK_DRAFT", true, false},
		{"shenyang-2020", "2027-12-01", "", false, true},
		{"nanjing-2019", "2027-12-01", "", false, true},
	} {
		for _, basis := range []string{"", "notice-2026-5"} {
			in := facts(t)
			at, err := time.Parse(time.RFC3339, c.day+"T12:00:00+08:00")
			if err != nil {
				t.Fatal(err)
			}
			in.Now, in.Zone.Pack, in.License.RenewedBasis, in.License.Start = at, c.pack, basis, "2024-05-01"
			in.License.End = "2030-12-31"
			for name, d := range in.Datasets {
				d.OpenType, d.ShareType = "UNCONDITIONAL", "CONDITIONAL"
				in.Datasets[name] = d
			}
			apply := in
			apply.Action, apply.Query = policy.ActionApply, nil
			apply.Change = &policy.Change{Kind: "License", Entity: in.License.ID, Field: "status", New: "ACTIVE", By: []policy.Signer{}}
			for what, asked := range map[string]policy.Input{"question": in, "license": apply} {
				d := decide(t, e, asked)
				told := func(all []policy.Reason) bool { return c.refusal != "" && cites(all, c.refusal, c.pack) }
				refused := c.refusal != "" && (basis == "" || !c.warns) && (what == "license" || !c.answers)
				warned := c.warns && !refused
				if told(d.Reasons) != refused || told(d.Warnings) != warned {
					t.Errorf("%s of %s on %s with basis %q = %s %q, warnings %q", what, c.pack, c.day, basis, d.Verdict, codes(d.Reasons), codes(d.Warnings))
				}
				if c.refusal != "" && refused && d.Verdict != policy.Deny {
					t.Errorf("%s of %s on %s with basis %q = %s", what, c.pack, c.day, basis, d.Verdict)
				}
			}
			begins := e.Begin(c.pack, at, basis)
			if refused := c.refusal != "" && (basis == "" || !c.warns); refused != (len(begins) == 1) || refused && (begins[0].Code != c.refusal || begins[0].About != c.pack || begins[0].Article == "") {
				t.Errorf("what stands on a license of %s begins on %s with basis %q = %+v", c.pack, c.day, basis, begins)
			}
			state := pack(t, e, c.pack).State(at)
			if (state == policy.PackInForce) != (c.refusal == "") {
				t.Errorf("%s on %s is %s, refused for %q", c.pack, c.day, state, c.refusal)
			}
		}
	}
}
