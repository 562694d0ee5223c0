package registry_test

import (
	"slices"
	"testing"
	"time"

	"zonebox/registry"
)

// partner is allyco under the license of medco, with the scenario flu.
func partner(edits ...edit) registry.Document {
	return document("Partner", "medco-allyco", `{"organization":"allyco","license":"medical-2026","scenarios":["flu"],"from":"2026-02-01","until":"2026-12-31",
		"security_officer":"某某","confidentiality_ref":"保密协议〔2026〕3号","status":"ACTIVE"}`, edits...)
}

// allied adds the organizations that may be partners, and their people, to the
// complete medical zone.
func allied(t *testing.T) *world {
	t.Helper()
	w := granted(t)
	w.must("carol", organization("allyco", "operator"), organization("solo", "operator", set("org_form", "natural_person")), organization("otherco", "operator"),
		person("pia", "allyco", "operator", set("confidentiality_ref", "保密协议〔2026〕4号")), person("pete", "allyco", "operator", set("status", "disabled")),
		person("oona", "otherco", "operator"), organization("finance", "industry_authority"), person("finn", "finance", "zone_regulator"))
	return w
}

// partnered has the partner in force.
func partnered(t *testing.T) *world {
	t.Helper()
	w := allied(t)
	w.must("zoe", w.signed(partner(), "zoe", "olga"))
	return w
}

func (w *world) partnerStatus(name string) string {
	w.t.Helper()
	doc, _, err := w.Get(w.t.Context(), registry.KindPartner, name)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := registry.SpecOf[registry.Partner](doc)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Status
}

// A partner is put in force by the word of the operator and of the zone's regulator
// together, whoever hands it in.
func TestAPartnerIsSignedByTheOperatorAndTheRegulator(t *testing.T) {
	w := allied(t)
	for _, c := range []struct {
		by      string
		signers []string
		want    string
	}{
		{"zoe", []string{"zoe"}, registry.CodeSignature},
		{"olga", []string{"olga"}, registry.CodeSignature},
		{"carol", []string{"carol", "olga"}, registry.CodeSignature},
		{"carol", []string{"carol", "zoe"}, registry.CodeSignature},
		{"olga", []string{"olga", "finn"}, registry.CodeSignature},
		{"pia", []string{"pia", "zoe"}, registry.CodeSignature}, // a partner is no party of the license
		{"zoe", []string{"zoe", "oona"}, registry.CodeSignature},
		{"paul", []string{"olga", "zoe"}, registry.CodeRole},
		{"dave", []string{"olga", "zoe"}, registry.CodeRole},
	} {
		w.refused(c.want, c.by, w.signed(partner(), c.signers...))
	}
	for i, by := range []string{"zoe", "olga", "carol"} {
		d := partner(set("security_officer", []string{"甲", "乙", "丙"}[i]))
		w.must(by, w.signed(d, "olga", "zoe"))
	}
}

// A partner has a part of what its license gives, and no more.
func TestAPartnerHasAPartOfTheLicense(t *testing.T) {
	w := allied(t)
	other := second(set("operator", "otherco"))
	other.Name = "other-2026"
	w.must("carol", w.signed(other, "zoe", "carol", "oona"))
	theirs := scenario(set("license", "other-2026"), set("recipients", []string{"oona"}))
	theirs.Name = "cold"
	w.must("zoe", theirs)
	mine := scenario(set("title", "第二场景"))
	mine.Name = "cough"
	w.must("zoe", mine)
	for name, c := range map[string]struct {
		change edit
		want   string
	}{
		"longer than the license":     {set("until", "2029-01-01"), registry.CodeScope},
		"before the license":          {set("from", "2025-12-31"), registry.CodeScope},
		"a scenario of another":       {set("scenarios", []string{"flu", "cold"}), registry.CodeScope},
		"a scenario that is not":      {set("scenarios", []string{"none"}), registry.CodeReference},
		"no scenario":                 {set("scenarios", []string{}), registry.CodeSchema},
		"a grant of none of its own":  {func(s map[string]any) { s["scenarios"], s["grants"] = []any{"cough"}, []any{"flu-visits"} }, registry.CodeScope},
		"a grant that is not":         {set("grants", []string{"none"}), registry.CodeReference},
		"the operator itself":         {set("organization", "medco"), registry.CodeExclusion},
		"a provider":                  {set("organization", "hospital"), registry.CodeReference},
		"a natural person":            {set("organization", "solo"), registry.CodeReference},
		"nobody who answers for data": {set("security_officer", nil), registry.CodeSchema},
		"no word on confidentiality":  {set("confidentiality_ref", nil), registry.CodeSchema},
		"ended by somebody's word":    {func(s map[string]any) { s["status"], s["status_reason"] = "EXPIRED", "期满" }, registry.CodeForbidden},
		"a license of another":        {set("license", "other-2026"), registry.CodeSignature},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.refused(c.want, "zoe", w.signed(partner(c.change), "zoe", "olga"))
		})
	}
	w.t = t
	w.must("zoe", w.signed(partner(set("grants", []string{"flu-visits"})), "zoe", "olga"))
	again := partner()
	again.Name = "medco-allyco-2"
	w.refused(registry.CodeScope, "zoe", w.signed(again, "zoe", "olga"))
	for _, field := range []string{"organization", "license"} {
		w.refused(registry.CodeImmutable, "zoe", w.signed(partner(set(field, map[string]string{"organization": "otherco", "license": "other-2026"}[field])), "zoe", "olga"))
	}
}

// Either of those who agreed, and the city authority, suspends or ends a partner alone;
// nobody else does, the partner neither. Both take it up again; what has ended stays so.
func TestWhoSuspendsAndEndsAPartner(t *testing.T) {
	suspended := partner(set("status", "SUSPENDED"), set("status_reason", "第十条"))
	w := partnered(t)
	for _, by := range []string{"pia", "oona", "finn"} {
		w.refused(registry.CodeRole, by, w.signed(suspended, by))
	}
	w.refused(registry.CodeSignature, "olga", w.signed(partner(set("status", "SUSPENDED"), set("status_reason", "x"), set("until", "2026-11-30")), "olga"))
	for _, by := range []string{"olga", "zoe", "carol"} {
		w.must(by, w.signed(suspended, by))
		if s := w.status("pia"); s != "active" {
			t.Errorf("pia of a suspended partner is %s", s)
		}
		w.refused(registry.CodeSignature, by, w.signed(partner(set("status_reason", "整改")), by))
		w.must("zoe", w.signed(partner(set("status_reason", "整改")), "zoe", "olga"))
	}
	w.must("olga", w.signed(partner(set("status", "TERMINATED"), set("status_reason", "合同解除")), "olga"))
	if s := w.status("pia"); s != "disabled" {
		t.Errorf("pia of a partner that has ended is %s", s)
	}
	if s := w.status("olga"); s != "active" {
		t.Errorf("olga of its operator is %s", s)
	}
	w.refused(registry.CodeImmutable, "zoe", w.signed(partner(), "zoe", "olga"))
	again := partner(set("security_officer", "丁"))
	again.Name = "medco-allyco-2"
	w.must("zoe", w.signed(again, "zoe", "olga"))
}

// A partner ends with its operator's license in the same act, with the accounts of its
// people, unless something else that is live keeps them. A license that was suspended
// ends nobody's.
func TestPartnersEndWithTheLicense(t *testing.T) {
	for name, c := range map[string]struct {
		keep func(w *world)
		want string // status of pia
	}{
		"nothing else": {func(*world) {}, "disabled"},
		"a license of its own": {func(w *world) {
			own := second(set("operator", "allyco"))
			own.Name = "ally-2026"
			w.must("carol", w.signed(own, "zoe", "carol", "pia"))
		}, "active"},
		"a license of its own that was suspended": {func(w *world) {
			own := second(set("operator", "allyco"))
			own.Name = "ally-2026"
			w.must("carol", w.signed(own, "zoe", "carol", "pia"))
			own = second(set("operator", "allyco"), set("status", "SUSPENDED"), set("status_reason", "第八条"))
			own.Name = "ally-2026"
			w.must("carol", w.signed(own, "zoe", "carol"))
		}, "active"},
		"another operator": {func(w *world) { w.must("zoe", w.underOther("TERMINATED", false)...) }, "active"},
		"another operator's that has ended": {func(w *world) {
			w.must("zoe", w.underOther("TERMINATED", false)...)
			w.must("carol", w.underOther("TERMINATED", true)...)
		}, "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			w := partnered(t)
			c.keep(w)
			w.must("carol", w.signed(license(set("status", "SUSPENDED"), set("status_reason", "第八条")), "zoe", "carol"))
			if s := w.status("pia"); s != "active" {
				t.Errorf("pia is %s while the license is suspended", s)
			}
			before := len(w.eventsOf(0))
			w.must("carol", w.signed(terminated(license()), "zoe", "carol"))
			if s := w.partnerStatus("medco-allyco"); s != "TERMINATED" {
				t.Errorf("the partner is %s", s)
			}
			if s := w.status("pia"); s != c.want {
				t.Errorf("pia is %s, want %s", s, c.want)
			}
			if s := w.status("olga"); s != "disabled" {
				t.Errorf("olga is %s", s)
			}
			events := w.eventsOf(before)
			want := []string{"apply", "apply", "partner.ended", "apply", "account.ended", "apply", "account.ended"}
			if c.want == "disabled" {
				want = append(want, "apply", "account.ended")
			}
			if !slices.Equal(events, want) {
				t.Errorf("events = %q, want %q", events, want)
			}
			w.refused(registry.CodeImmutable, "zoe", w.signed(partner(), "zoe", "olga"))
		})
	}
}

// underOther are the documents by which allyco works under another operator's license
// as well, or by which that license ends.
func (w *world) underOther(end string, ends bool) []registry.Document {
	w.t.Helper()
	lic := second(set("operator", "otherco"))
	lic.Name = "other-2026"
	if ends {
		return []registry.Document{w.signed(document("License", lic.Name, string(lic.Spec), set("status", end), set("status_reason", "第九条")), "zoe", "carol")}
	}
	w.must("carol", w.signed(lic, "zoe", "carol", "oona"))
	sc := scenario(set("license", "other-2026"), set("recipients", []string{"oona"}))
	sc.Name = "cold"
	w.must("zoe", sc)
	p := partner(set("license", "other-2026"), set("scenarios", []string{"cold"}))
	p.Name = "otherco-allyco"
	return []registry.Document{w.signed(p, "zoe", "oona")}
}

// Nobody is made a partner under a license that has ended.
func TestNoPartnerUnderALicenseThatHasEnded(t *testing.T) {
	w := allied(t)
	w.must("carol", w.signed(second(), "zoe", "carol", "olga")) // keeps olga
	w.must("carol", w.signed(terminated(license()), "zoe", "carol"))
	w.refused(registry.CodeScope, "zoe", w.signed(partner(), "zoe", "olga"))
}

// The clock ends a partner past its last day as it ends a license, once.
func TestAPartnerExpiresByTheClockAlone(t *testing.T) {
	w := partnered(t)
	var ended []registry.Applied
	expire := func() {
		t.Helper()
		w.clock.tick()
		err := w.Update(t.Context(), func(tx *registry.Tx) (err error) {
			ended, err = tx.ExpirePartner("gate", "medco-allyco")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	expire()
	if len(ended) != 2 || w.partnerStatus("medco-allyco") != "EXPIRED" || w.status("pia") != "disabled" || w.status("olga") != "active" {
		t.Errorf("ended %v: the partner is %s, pia %s, olga %s", ended, w.partnerStatus("medco-allyco"), w.status("pia"), w.status("olga"))
	}
	if expire(); len(ended) != 0 {
		t.Errorf("ended again: %v", ended)
	}
}

// The facts of a question hold what the subject's organization works by, and are
// overtaken when that changes. The operator's own hold none.
func TestFactsHoldThePartner(t *testing.T) {
	w := partnered(t)
	enter := func(user string) registry.Facts {
		t.Helper()
		f, err := w.Enter(t.Context(), registry.Query{User: user, Zone: "medical", Scenario: "flu"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	of := func(user string) string {
		if f := enter(user); f.Partner != nil {
			return f.Partner.Name
		}
		return ""
	}
	for user, want := range map[string]string{"pia": "medco-allyco", "olga": "", "oona": ""} {
		if got := of(user); got != want {
			t.Errorf("%s asks by %q, want %q", user, got, want)
		}
	}
	theirs, own := enter("pia"), enter("olga")
	w.must("olga", w.signed(partner(set("status", "SUSPENDED"), set("status_reason", "第十条")), "olga"))
	if by, err := w.Overtaken(t.Context(), theirs); err != nil || by == nil || by.String() != "Partner medco-allyco 2" {
		t.Errorf("the partner's facts are overtaken by %v, %v", by, err)
	}
	if by, err := w.Overtaken(t.Context(), own); err != nil || by != nil {
		t.Errorf("the operator's facts are overtaken by %v, %v", by, err)
	}
	// Of one that ended and one that followed, the facts hold the one in force.
	w.must("olga", w.signed(partner(set("status", "TERMINATED"), set("status_reason", "第十条")), "olga"))
	w.must("carol", person("pia", "allyco", "operator"))
	if got := of("pia"); got != "medco-allyco" {
		t.Errorf("after the end pia asks by %q, for policy to deny", got)
	}
	for _, name := range []string{"a-second", "z-third"} {
		next := partner()
		next.Name = name
		w.must("zoe", w.signed(next, "zoe", "olga"))
		if got := of("pia"); got != name {
			t.Errorf("pia asks by %q, want %q", got, name)
		}
		w.must("olga", w.signed(document("Partner", name, string(next.Spec), set("status", "TERMINATED"), set("status_reason", "第十条")), "olga"))
		w.must("carol", person("pia", "allyco", "operator"))
	}
}

// Results may go to people of a partner that has the scenario, and to no others outside
// the operator.
func TestRecipientsOfAPartner(t *testing.T) {
	w := partnered(t)
	both := scenario(set("recipients", []string{"olga", "pia"}))
	w.must("zoe", both)
	w.refused(registry.CodeScope, "zoe", scenario(set("recipients", []string{"olga", "oona"})))
	other := scenario(set("recipients", []string{"pia"}))
	other.Name = "cough"
	w.refused(registry.CodeScope, "zoe", other)
	w.must("olga", w.signed(partner(set("status", "TERMINATED"), set("status_reason", "x")), "olga"))
	w.refused(registry.CodeScope, "zoe", scenario(set("recipients", []string{"olga", "pia"}), set("title", "流感监测二")))
}

// A partner signs and applies nothing of the operator's.
func TestAPartnerIsNoPartyOfTheLicense(t *testing.T) {
	w := partnered(t)
	w.refused(registry.CodeSignature, "carol", w.signed(license(set("end", "2029-12-31")), "zoe", "carol", "pia"))
	w.refused(registry.CodeRole, "pia", w.signed(scenario(set("title", "别的")), "pia"))
	w.refused(registry.CodeRole, "pia", w.signed(grant(set("until", "2026-11-30")), "zoe", "paul"))
	w.refused(registry.CodeSignature, "carol", w.signed(template(), "pia", "zoe"))
	w.refused(registry.CodeReference, "pia", w.signed(request(), "pia"))
	w.must("olga", w.signed(request(), "olga"))
}

// What is asked under a license counts for its operator: the questions of partners
// under its licenses, and none of those they ask under another's.
func TestQuestionsOfPartnersCountForTheOperator(t *testing.T) {
	w := partnered(t)
	w.must("zoe", w.underOther("", false)...)
	since := w.clock.t
	save := func(id, user, scenario string) {
		t.Helper()
		w.clock.tick()
		if err := w.SaveRun(t.Context(), registry.Run{ID: id, User: user, Zone: "medical", Scenario: scenario}); err != nil {
			t.Fatal(err)
		}
	}
	save("r1", "pia", "flu")
	save("r2", "pia", "flu")
	save("r3", "pia", "cold")
	save("r4", "olga", "flu")
	for operator, want := range map[string]int64{"medco": 2, "otherco": 1, "allyco": 0} {
		if n, err := w.PartnersAsked(t.Context(), operator, since); err != nil || n != want {
			t.Errorf("partners asked %d under %s, %v; want %d", n, operator, err, want)
		}
	}
	if n, err := w.PartnersAsked(t.Context(), "medco", w.clock.t.Add(-3*time.Minute+time.Second)); err != nil || n != 1 {
		t.Errorf("lately %d, %v; want 1", n, err)
	}
	// One that ended and one that followed count each question once.
	w.must("olga", w.signed(partner(set("status", "TERMINATED"), set("status_reason", "合同解除")), "olga"))
	next := partner(set("security_officer", "丁"))
	next.Name = "medco-allyco-2"
	w.must("zoe", w.signed(next, "zoe", "olga"))
	if n, err := w.PartnersAsked(t.Context(), "medco", since); err != nil || n != 2 {
		t.Errorf("under one partner after the other %d, %v; want 2", n, err)
	}
}
