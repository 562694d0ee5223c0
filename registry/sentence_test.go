package registry_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

var update = flag.Bool("update", false, "rewrite golden files")

// documentKinds are the kinds that the schema knows.
func documentKinds(t *testing.T) []string {
	t.Helper()
	var schema struct {
		Defs map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(registry.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for name, d := range schema.Defs {
		if name[0] >= 'A' && name[0] <= 'Z' && len(d.Properties["kind"]) > 0 {
			if len(d.Properties["effective"]) == 0 {
				t.Errorf("%s takes no effective time", name)
			}
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// samples are documents of every kind.
func samples() []registry.Document {
	return []registry.Document{
		organization("medco", "operator"), organization("hospital", "provider", set("security_officer", nil), set("credit_code", nil)), organization("x", "operator", set("incident_3y", true)),
		person("zoe", "health", "zone_regulator"), person("olga", "medco", "operator", set("status", "disabled")),
		zone(), zone(set("status", "SUSPENDED")), visits(), visits(set("status", "RETIRED"), set("status_reason", "NJ19-18")),
		document("Call", "medical-call", `{"title":"医疗专区授权运营公告","zone":"medical","scenarios":["流感监测"],"conditions":["近三年无失信"],"window":{"from":"2026-02-01","until":"2026-02-28"},"status":"OPEN"}`),
		license(), license(set("status", "SUSPENDED"), set("status_reason", "第八条")), license(set("sections.scope", "经授权的数据")),
		scenario(), scenario(set("round", 5)), grant(), grant(set("status", "REVOKED"), set("status_reason", "违约"), set("scope", []any{map[string]any{"column": "cost", "in": []string{"1"}}})),
		partner(), partner(set("grants", []string{"flu-visits"}), set("status", "TERMINATED"), set("status_reason", "合同解除")),
		template(), template(set("parameters", nil)),
		document("DataRequest", "more", `{"scenario":"flu","purpose_code":"PH-01","statement_sha256":"00","datasets":[{"dataset":"visits","columns":[]}],"from":"2026-02-01","until":"2026-12-31","access":"REQUEST_RESPONSE","status":"SUBMITTED","commitments":{"truthful":true,"compliant":true,"secure":true}}`),
		document("NegativeList", "city", `{"title":"负面清单","items":[{"dataset":"births","reason":"x","basis":"y"},{"dataset":"visits","column":"hiv","reason":"x","basis":"y"},{"element":"DE01","reason":"x","basis":"y"},{"class":"genetic","reason":"x","basis":"y"}]}`),
		document("NegativeList", "empty", `{"title":"负面清单","items":[]}`),
		document("SourceRuling", "who", `{"datasets":["visits","clinics"],"element":"DE01","authoritative":"visits","collector":"hospital","basis":"NJ19-17"}`),
		document("QualityRules", "visits", `{"contract":{},"gate":{"minimum_score":90,"errors":true}}`), document("QualityRules", "visits", `{"contract":{}}`),
		document("QualityRules", "visits", `{"contract":{},"gate":{"minimum_score":90}}`), document("QualityRules", "visits", `{"contract":{},"gate":{"errors":true}}`),
		exception(), exception(set("status", "REVOKED"), set("status_reason", "用途变更")), exception(set("relaxes", "license_term"), set("scenario", nil), set("value", 8)),
		supply(), supply(set("status", "REVOKED"), set("status_reason", "用途变更")),
		document("Retention", "domain", `{"months":36,"reason":"JM19-36"}`),
		restriction("halt", "license", "medical-2026"), restriction("slow", "operator", "medco", set("degree", "RESTRICT"), set("rate", 5), set("max_level", 2), set("aggregates_only", true), set("until", "2026-12-31")),
		restriction("over", "dataset", "visits", set("status", "LIFTED"), set("status_reason", "整改完成")),
	}
}

func titles(kind, name string) string {
	return cmp.Or(map[string]string{"medco": "惠医公司", "health": "市卫健委", "hospital": "市医院", "medical": "医疗专区", "visits": "门诊", "flu": "流感监测", "olga": "李运营", "zoe": "孙卫健"}[name], name)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// Every kind of document says what it says in one sentence, in both languages.
func TestEveryKindIsOneSentence(t *testing.T) {
	var b strings.Builder
	said := map[string]bool{}
	for _, d := range samples() {
		zh, en, err := registry.Sentence(d, titles)
		if err != nil {
			t.Errorf("%s %s: %v", d.Kind, d.Name, err)
		}
		if strings.Count(zh, "。") != 1 || !strings.HasSuffix(zh, "。") || !strings.HasSuffix(en, ".") || strings.Contains(zh+en, "%!") {
			t.Errorf("%s %s is not one sentence: %s %s", d.Kind, d.Name, zh, en)
		}
		said[d.Kind] = true
		b.WriteString(d.Kind + " " + d.Name + "\n  " + zh + "\n  " + en + "\n")
	}
	if got, want := slices.Sorted(maps.Keys(said)), documentKinds(t); !slices.Equal(got, want) {
		t.Errorf("sentences of %q, the schema has %q", got, want)
	}
	golden(t, "sentences.golden", b.String())
}

// What somebody wrote at length, or many times, does not make a sentence long.
func TestASentenceIsBounded(t *testing.T) {
	long := strings.Repeat("长", 2000)
	many := make([]any, 500)
	for i := range many {
		many[i] = map[string]any{"dataset": long, "reason": long, "basis": long}
	}
	for _, d := range []registry.Document{
		organization("x", "operator", set("title", long), set("security_officer", long)), person("zoe", long, long, set("real_name", long)), zone(set("title", long)), visits(set("title", long)),
		scenario(set("title", long), set("purpose_code", long)), template(set("title", long)), document("NegativeList", "city", `{"title":"x","items":[]}`, set("items", many)), document("Retention", "domain", `{"months":36,"reason":"`+long+`"}`),
	} {
		zh, en, err := registry.Sentence(d, func(string, string) string { return long })
		if n := len([]rune(zh)); err != nil || n > 800 || len([]rune(en)) > 800 {
			t.Errorf("%s: %d characters, %v", d.Kind, n, err)
		}
	}
	if _, _, err := registry.Sentence(registry.Document{Kind: "Nothing"}, titles); err == nil {
		t.Error("a kind that is not known is rendered")
	}
}

// A diff says of each field what its change does: that less is given to fewer for less
// time, or data are protected more, tightens; the contrary, and what may be it, loosens.
func TestADiffSaysWhatTightensAndWhatLoosens(t *testing.T) {
	item := `{"title":"x","items":[{"dataset":"a","reason":"x","basis":"y"}]}`
	for _, c := range []struct {
		name          string
		before, after registry.Document
		want          map[string]string
	}{
		{"a longer term", license(), license(set("end", "2029-12-31"), set("start", "2025-12-01")), map[string]string{"end": "LOOSENS", "start": "LOOSENS"}},
		{"a shorter term", license(), license(set("end", "2027-12-31"), set("start", "2026-12-01")), map[string]string{"end": "TIGHTENS", "start": "TIGHTENS"}},
		{"suspended", license(), license(set("status", "SUSPENDED"), set("status_reason", "x")), map[string]string{"status": "TIGHTENS", "status_reason": "NEUTRAL"}},
		{"resumed", license(set("status", "SUSPENDED")), license(), map[string]string{"status": "LOOSENS"}},
		{"fewer datasets", license(), license(set("sections.scope.datasets", []string{"visits"})), map[string]string{"sections/scope/datasets": "TIGHTENS"}},
		{"no bound on datasets", license(), license(set("sections.scope.datasets", nil)), map[string]string{"sections/scope/datasets": "LOOSENS"}},
		{"an empty bound is none", license(), license(set("sections.scope.datasets", []string{})), map[string]string{"sections/scope/datasets": "LOOSENS"}},
		{"other words of the agreement", license(), license(set("sections.content", "其他")), map[string]string{"sections/content": "LOOSENS"}},
		{"another recipient", scenario(), scenario(set("recipients", []string{"olga", "oscar"})), map[string]string{"recipients": "LOOSENS"}},
		{"rounded to more", scenario(set("round", 5)), scenario(set("round", 15)), map[string]string{"round": "TIGHTENS"}},
		{"rounded to less", scenario(set("round", 15)), scenario(set("round", 5)), map[string]string{"round": "LOOSENS"}},
		{"rounded", scenario(), scenario(set("round", 5)), map[string]string{"round": "TIGHTENS"}},
		{"not rounded any more", scenario(set("round", 5)), scenario(), map[string]string{"round": "LOOSENS"}},
		{"another recipe", grant(), grant(set("columns.0.recipe.kind", "redact")), map[string]string{"columns/name=id_number/recipe/kind": "LOOSENS"}},
		{"one permission less", grant(), grant(set("columns.2.permissions", []string{"agg:sum"})), map[string]string{"columns/name=cost/permissions": "TIGHTENS"}},
		{"rows no longer cut", grant(set("scope", []any{map[string]any{"column": "cost", "in": []string{"1"}}})), grant(),
			map[string]string{"scope/column=cost/column": "LOOSENS", "scope/column=cost/in": "LOOSENS"}},
		{"a lower level", visits(), visits(set("columns.2.level", 2)), map[string]string{"columns/name=cost/level": "LOOSENS"}},
		{"a higher level", visits(), visits(set("columns.2.level", 4)), map[string]string{"columns/name=cost/level": "TIGHTENS"}},
		{"no personal information", visits(), visits(set("columns.1.personal_info", false)), map[string]string{"columns/name=diagnosis/personal_info": "LOOSENS"}},
		{"opened more widely", visits(), visits(set("open_type", "UNCONDITIONAL")), map[string]string{"open_type": "LOOSENS"}},
		{"not to be opened", visits(), visits(set("open_type", "PROHIBITED")), map[string]string{"open_type": "TIGHTENS"}},
		{"another title", visits(), visits(set("title", "门诊记录")), map[string]string{"title": "NEUTRAL"}},
		{"off the negative list", document("NegativeList", "city", item), document("NegativeList", "city", `{"title":"x","items":[]}`),
			map[string]string{"items": "NEUTRAL", "items/dataset=a/dataset": "LOOSENS", "items/dataset=a/reason": "NEUTRAL", "items/dataset=a/basis": "NEUTRAL"}},
		{"kept for less", document("Retention", "domain", `{"months":36,"reason":"x"}`), document("Retention", "domain", `{"months":12,"reason":"x"}`), map[string]string{"months": "LOOSENS"}},
		{"another scenario of a partner", partner(), partner(set("scenarios", []string{"flu", "cold"})), map[string]string{"scenarios": "LOOSENS"}},
		{"one scenario less of a partner", partner(set("scenarios", []string{"flu", "cold"})), partner(), map[string]string{"scenarios": "TIGHTENS"}},
		{"a partner with some grants alone", partner(), partner(set("grants", []string{"flu-visits"})), map[string]string{"grants": "TIGHTENS"}},
		{"a partner with all grants", partner(set("grants", []string{"flu-visits"})), partner(), map[string]string{"grants": "LOOSENS"}},
		{"a partner for longer", partner(), partner(set("until", "2027-12-31"), set("from", "2026-01-01")), map[string]string{"until": "LOOSENS", "from": "LOOSENS"}},
		{"a partner suspended", partner(), partner(set("status", "SUSPENDED"), set("status_reason", "x")), map[string]string{"status": "TIGHTENS", "status_reason": "NEUTRAL"}},
		{"who answers for a partner", partner(), partner(set("security_officer", "丁"), set("confidentiality_ref", "无")), map[string]string{"security_officer": "LOOSENS", "confidentiality_ref": "LOOSENS"}},
		{"another role", person("zoe", "health", "zone_regulator"), person("zoe", "health", "zone_regulator", set("roles", []string{"zone_regulator", "city_authority"})), map[string]string{"roles": "LOOSENS"}},
		{"another key", person("zoe", "health", "zone_regulator"), person("zoe", "health", "zone_regulator", set("signing_key", publicOf("new"))), map[string]string{"signing_key": "LOOSENS"}},
		{"another pack", zone(), zone(set("pack", "shenyang-2020")), map[string]string{"pack": "LOOSENS"}},
		{"a lower gate", document("QualityRules", "visits", `{"contract":{},"gate":{"minimum_score":90}}`), document("QualityRules", "visits", `{"contract":{},"gate":{"minimum_score":80}}`), map[string]string{"gate/minimum_score": "LOOSENS"}},
		{"an incident of old", organization("x", "operator", set("incident_3y", true)), organization("x", "operator"), map[string]string{"incident_3y": "LOOSENS"}},
		{"no consents any more", grant(set("basis", "CONSENT")), grant(), map[string]string{"basis": "LOOSENS"}},
		{"only who consented", grant(), grant(set("basis", "CONSENT")), map[string]string{"basis": "TIGHTENS"}},
		{"no cause any more", visits(set("columns.1.cause_code", "PRIVACY")), visits(), map[string]string{"columns/name=diagnosis/cause_code": "LOOSENS"}},
		{"a first cause", visits(), visits(set("columns.1.cause_code", "PRIVACY")), map[string]string{"columns/name=diagnosis/cause_code": "TIGHTENS"}},
		{"another cause", visits(set("columns.1.cause_code", "OTHER_LAW")), visits(set("columns.1.cause_code", "PRIVACY")), map[string]string{"columns/name=diagnosis/cause_code": "LOOSENS"}},
		{"shared otherwise", visits(), visits(set("share_mode", "DOWNLOAD")), map[string]string{"share_mode": "LOOSENS"}},
		{"looked at later", visits(), visits(set("review_due", "2028-06-30")), map[string]string{"review_due": "LOOSENS"}},
		{"another use", license(), license(set("purpose_class", "commercial")), map[string]string{"purpose_class": "LOOSENS"}},
		{"no recipient key", person("olga", "medco", "operator"), person("olga", "medco", "operator", set("recipient_key", nil)), map[string]string{"recipient_key": "TIGHTENS"}},
		{"a confidentiality agreement", person("olga", "medco", "operator"), person("olga", "medco", "operator", set("confidentiality_ref", "x")), map[string]string{"confidentiality_ref": "LOOSENS"}},
		{"one column less", visits(), visits(func(spec map[string]any) { spec["columns"] = spec["columns"].([]any)[:2] }), map[string]string{
			"columns/name=cost/class": "LOOSENS", "columns/name=cost/level": "NEUTRAL", "columns/name=cost/name": "NEUTRAL", "columns/name=cost/nullable": "NEUTRAL",
			"columns/name=cost/personal_info": "NEUTRAL", "columns/name=cost/secret_flag": "NEUTRAL", "columns/name=cost/type": "LOOSENS"}},
		{"the order of columns", visits(), visits(func(spec map[string]any) { slices.Reverse(spec["columns"].([]any)) }), map[string]string{}},
	} {
		got, err := registry.Diff(c.before, c.after)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		effects := map[string]string{}
		for _, g := range got {
			effects[g.Path] = g.Effect
		}
		if !maps.Equal(effects, c.want) {
			t.Errorf("%s: %v, want %v", c.name, effects, c.want)
		}
	}
}

// An earlier version comes back with the status of now, by the signatures its kind
// needs; what lowers protection is judged as that.
func TestARollbackMakesAnEarlierVersionTheNewest(t *testing.T) {
	w := granted(t)
	back := func(w *world, by string, to int64, people ...string) error {
		now, _, err := w.Get(t.Context(), "License", "medical-2026")
		if err != nil {
			t.Fatal(err)
		}
		old, _, err := w.GetVersion(t.Context(), "License", "medical-2026", to)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := registry.Earlier(old, now, "误签")
		if err != nil {
			t.Fatal(err)
		}
		w.clock.tick()
		_, err = w.RollBack(t.Context(), by, w.signed(doc, people...), to, "误签")
		return err
	}
	w.must("carol", w.signed(license(set("end", "2029-12-31")), "zoe", "carol", "olga"))
	w.must("carol", w.signed(license(set("end", "2029-12-31"), set("status", "SUSPENDED"), set("status_reason", "第八条")), "zoe", "carol"))
	if err := back(w, "carol", 1, "carol"); !registry.HasCode(err, registry.CodeSignature) {
		t.Errorf("a rollback that one party signed = %v, want it refused", err)
	}
	events := len(w.eventsOf(0))
	if err := back(w, "carol", 1, "zoe", "carol", "olga"); err != nil {
		t.Fatal(err)
	}
	doc, meta, err := w.Get(t.Context(), "License", "medical-2026")
	if err != nil {
		t.Fatal(err)
	}
	if l, err := registry.SpecOf[registry.License](doc); err != nil || meta.Version != 4 || l.End != "2028-12-31" || l.Status != "SUSPENDED" {
		t.Errorf("version %d until %s, %s, want version 4 with the term of the first and the status of now", meta.Version, l.End, l.Status)
	}
	if got := w.eventsOf(events); !slices.Equal(got, []string{"apply", "document.rolledback"}) {
		t.Errorf("events = %q", got)
	}
	w.clock.tick()
	if _, err := w.RollBack(t.Context(), "carol", w.signed(license(set("end", "2031-12-31")), "zoe", "carol", "olga"), 1, "误签"); !registry.HasCode(err, registry.CodeImmutable) {
		t.Errorf("another content under the name of a rollback = %v, want it refused", err)
	}

	w = catalogued(t)
	w.must("paul", visits(set("columns.2.level", 4)))
	old, _, err := w.GetVersion(t.Context(), "Dataset", "visits", 1)
	if err != nil {
		t.Fatal(err)
	}
	now, _, err := w.Get(t.Context(), "Dataset", "visits")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := registry.Earlier(old, now, "级别误定")
	if err != nil {
		t.Fatal(err)
	}
	w.clock.tick()
	if _, err := w.RollBack(t.Context(), "paul", w.signed(entry, "paul", "carol"), 1, "级别误定"); !registry.HasCode(err, registry.CodeProtect) {
		t.Errorf("a rollback that lowers a level without the regulator = %v, want DOC_PROTECT", err)
	}
	if _, err := w.RollBack(t.Context(), "paul", w.signed(entry, "paul", "carol", "zoe"), 1, "级别误定"); err != nil {
		t.Errorf("the same with the regulator's signature: %v", err)
	}
}
