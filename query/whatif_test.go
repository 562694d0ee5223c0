package query_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/policy"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// deed is something that policy decides on, and what came of it.
type deed struct {
	name string
	do   func(d *querytest.Domain) (run string, err error)

	run, verdict string
}

// verdictOf returns what a deed came to.
func verdictOf(t *testing.T, name string, err error) string {
	t.Helper()
	var e *query.Error
	switch {
	case err == nil:
		return "ALLOW"
	case errors.As(err, &e) && (e.Code == "QUERY_IN_REVIEW" || e.Code == "OUTPUT_IN_REVIEW"):
		return "REVIEW"
	case errors.As(err, &e) && e.Class == query.ClassDenied, querytest.Code(err) == "NOT_FOUND":
		return "DENY"
	}
	t.Fatalf("%s: %s", name, querytest.Text(err))
	return ""
}

func asking(user, sql string) deed {
	return deed{name: user + " " + sql, do: func(d *querytest.Domain) (string, error) {
		who, err := d.TrySubject(user)
		if err != nil {
			return "", err
		}
		a, err := d.Engine.Answer(context.Background(), query.Request{Subject: who, Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql})
		var e *query.Error
		switch {
		case err == nil:
			return a.Run, nil
		case errors.As(err, &e):
			return e.Run, err
		}
		return "", err
	}}
}

func askingBy(template string) deed {
	return deed{name: "template " + template, do: func(d *querytest.Domain) (string, error) {
		who, err := d.TrySubject("li.op")
		if err != nil {
			return "", err
		}
		a, err := d.Engine.Answer(context.Background(), query.Request{Subject: who, Scenario: querytest.Scenario, Purpose: querytest.Purpose, Template: template})
		if err != nil {
			return query.AsError(err).Run, err
		}
		return a.Run, nil
	}}
}

// bringing loads the visits again as they are.
func bringing() deed {
	return deed{name: "load", run: "load", do: func(d *querytest.Domain) (string, error) {
		rows := querytest.Registers().Visits
		file := rows.CSV()
		who, err := d.TrySubject("wu.dc")
		if err != nil {
			return "load", err
		}
		m := querytest.Delivery("medical", "visits", "visits-statistics", file, len(rows.Rows))
		m.SchemaSHA256 = deliveredSchema
		_, err = d.Engine.Load(context.Background(), who, m, strings.NewReader(string(file)))
		return "load", err
	}}
}

func previewing(user, grant string) deed {
	return deed{name: user + " preview " + grant, do: func(d *querytest.Domain) (string, error) {
		who, err := d.TrySubject(user)
		if err != nil {
			return "", err
		}
		_, err = d.Engine.Preview(context.Background(), who, query.PreviewRequest{Grant: grant})
		return "preview " + user, err
	}}
}

// deliveredSchema is the digest of the columns of the city's visits.
var deliveredSchema string

const (
	visitsPerDistrict = "SELECT district, count(*) AS n FROM visits GROUP BY district ORDER BY district"
	bedsOfAll         = "SELECT district, beds FROM beds ORDER BY district"
	personsListed     = "SELECT name, district FROM persons ORDER BY name LIMIT 3"
	byTheTemplate     = "by-department"
)

// deeds are what the tests of what-if have decided.
func deeds() []*deed {
	var all []*deed
	for _, d := range []deed{asking("li.op", visitsPerDistrict), asking("li.op", bedsOfAll), asking("li.op", personsListed),
		asking("zhou.kj", bedsOfAll), asking("yu.kj", bedsOfAll), askingBy(byTheTemplate), bringing(),
		previewing("sun.health", "visits-statistics"), previewing("zheng.police", "persons-statistics")} {
		all = append(all, &d)
	}
	return all
}

// decidedDeeds has every deed done and returns them with what came of it.
func decidedDeeds(t *testing.T, d *querytest.Domain) []*deed {
	t.Helper()
	deliveredSchema = d.Schema("visits")
	all := deeds()
	for _, x := range all {
		run, err := x.do(d)
		x.run, x.verdict = run, verdictOf(t, x.name, err)
	}
	return all
}

// replayed returns what a what-if says that each deed would have come to, and the
// report.
func replayed(t *testing.T, d *querytest.Domain, from time.Time, all []*deed, documents string) (map[string]string, *query.WhatIfReport) {
	t.Helper()
	out, err := d.Engine.WhatIf(t.Context(), d.Subject(querytest.Founder), query.WhatIf{From: from, Until: d.Now().Add(time.Hour), Documents: documents})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	severity := []string{"ALLOW", "REVIEW", "DENY", "UNKNOWN"}
	said := map[string]string{}
	for _, x := range all {
		said[x.name] = ""
		own := func(f query.Flip) bool {
			switch f.Action {
			case policy.ActionLoad:
				return x.run == "load" && slices.Equal(f.Columns, []string{"visits"}) && f.Operator == "data-centre"
			case policy.ActionPreview:
				return x.run == "preview sun.health" && f.Operator == "health-commission" || x.run == "preview zheng.police" && f.Operator == "public-security"
			}
			return f.Run == x.run
		}
		worst := func(v string) {
			if slices.Index(severity, v) > slices.Index(severity, said[x.name]) {
				said[x.name] = v
			}
		}
		for _, f := range out.Flips {
			if own(f) {
				worst(f.After)
				if len(f.Reasons) == 0 && f.After != "ALLOW" {
					t.Errorf("%s would be %s for no reason", x.name, f.After)
				}
			}
		}
		for _, f := range out.Unknown {
			if own(f) {
				worst("UNKNOWN")
			}
		}
		if said[x.name] == "" {
			said[x.name] = x.verdict
		}
	}
	return said, out
}

const templateOfVisits = "SELECT department, count(*) AS n FROM visits GROUP BY department"

// rehearsed is the city with a partner, a template, and a measure that closes nothing
// of what is asked but beds to nobody.
func rehearsed(t *testing.T) *querytest.Domain {
	t.Helper()
	d := partnered(t, querytest.Options{Idle: 2})
	publish(d, templateText(byTheTemplate, templateOfVisits))
	return d
}

// A what-if tells of every kind of document what really happens when the draft is put
// into force and everybody does again what they did; every kind of document is tried.
func TestWhatIfTellsWhatADraftDoes(t *testing.T) {
	t.Parallel()
	health := []string{"sun.health"}
	parties := []string{"sun.health", querytest.Founder, "li.op"}
	for _, c := range []struct {
		name, kind string
		before     func(t *testing.T, d *querytest.Domain)
		draft      func(t *testing.T, d *querytest.Domain) string
		by         string
		signers    []string
		unknown    []string // deeds that cannot be told
		flips      int      // deeds that come to something else
	}{
		{name: "operator not eligible", kind: registry.KindOrganization, by: querytest.Founder, flips: 5,
			draft: change(registry.KindOrganization, "huiyi", `"legal_person"`, `"natural_person"`)},
		{name: "account disabled", kind: registry.KindPerson, by: querytest.Founder, flips: 4,
			draft: change(registry.KindPerson, "li.op", `"status":"active"`, `"status":"disabled"`)},
		{name: "no agreement on confidentiality any more", kind: registry.KindPerson, by: querytest.Founder, flips: 1,
			draft: change(registry.KindPerson, "zhou.kj", `"confidentiality_ref":"保密协议〔2026〕3-1号",`, ``)},
		{name: "an agreement on confidentiality at last", kind: registry.KindPerson, by: querytest.Founder, flips: 1,
			draft: change(registry.KindPerson, "yu.kj", `"status":"active"`, `"status":"active","confidentiality_ref":"保密协议〔2026〕3-2号"`)},
		{name: "who loads is another", kind: registry.KindPerson, by: querytest.Founder, flips: 1,
			draft: change(registry.KindPerson, "wu.dc", `"status":"active"`, `"status":"disabled"`)},
		{name: "zone suspended", kind: registry.KindZone, by: querytest.Founder, flips: 8,
			draft: change(registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`)},
		{name: "deliveries to be signed", kind: registry.KindZone, by: querytest.Founder, flips: 1,
			draft: change(registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"ACTIVE","signed_deliveries":true`)},
		{name: "entry suspended", kind: registry.KindDataset, by: "qian.hospital", flips: 4,
			draft: change(registry.KindDataset, "visits", `"status":"PUBLISHED"`, `"status":"SUSPENDED","status_reason":"NJ24-20"`)},
		{name: "a level raised", kind: registry.KindDataset, by: "qian.hospital", flips: 4,
			draft: change(registry.KindDataset, "visits", `"level":2`, `"cause_code":"PRIVACY","level":3`)},
		{name: "a code more", kind: registry.KindDataset, by: "qian.hospital", flips: 0,
			draft: change(registry.KindDataset, "visits", `"title":"门诊就诊记录"`, `"title":"门诊记录"`)},
		{name: "license suspended", kind: registry.KindLicense, by: querytest.Founder, signers: parties, flips: 5,
			draft: change(registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"SUSPENDED","status_reason":"NJ24-12"`)},
		{name: "a recipient less", kind: registry.KindScenario, by: "sun.health", signers: health, flips: 1,
			draft: change(registry.KindScenario, querytest.Scenario, `,"zhou.kj"`, ``)},
		{name: "scenario over", kind: registry.KindScenario, by: "sun.health", signers: health, flips: 6,
			draft: change(registry.KindScenario, querytest.Scenario, `"until":"2030-12-31"`, `"until":"2026-10-31"`)},
		{name: "grant revoked", kind: registry.KindGrant, by: "sun.health", flips: 4,
			draft: change(registry.KindGrant, "visits-statistics", `"scenario":`, `"status":"REVOKED","status_reason":"NJ24-15","scenario":`)},
		{name: "a column less", kind: registry.KindGrant, by: "sun.health", flips: 1,
			draft: change(registry.KindGrant, "visits-statistics", `,{"mode":"CLEAR","name":"department"}`, ``)},
		{name: "another mask", kind: registry.KindGrant, by: "sun.health", flips: 0, unknown: []string{"li.op " + personsListed},
			draft: change(registry.KindGrant, "persons-statistics", `"keep_first":1`, `"keep_first":2`)},
		{name: "less for the partner", kind: registry.KindPartner, by: "sun.health", signers: []string{"sun.health", "li.op"}, flips: 1,
			draft: func(*testing.T, *querytest.Domain) string {
				return partnerText(`"until":`, `"grants":["visits-statistics"],"until":`)
			}},
		{name: "template revoked", kind: registry.KindTemplate, by: "li.op", signers: []string{"li.op", "sun.health"}, flips: 1,
			draft: change(registry.KindTemplate, byTheTemplate, `"until":`, `"status":"REVOKED","status_reason":"NJ24-15","until":`)},
		{name: "dataset listed", kind: registry.KindNegativeList, by: querytest.Founder, signers: []string{querytest.Founder}, flips: 4,
			draft: func(*testing.T, *querytest.Domain) string { return listed("dataset: visits") }},
		{name: "dataset closed", kind: registry.KindRestriction, by: "qian.hospital", signers: []string{"qian.hospital"}, flips: 2,
			draft: func(*testing.T, *querytest.Domain) string {
				return `{"kind":"Restriction","name":"m1","spec":{"level":"dataset","target":"visits","degree":"CLOSE","reason":"违反约定","clause":"NJ24-12","status":"ACTIVE"}}`
			}},
		{name: "a measure lifted", kind: registry.KindRestriction, by: "qian.hospital", signers: []string{"qian.hospital"}, flips: 2,
			before: func(t *testing.T, d *querytest.Domain) {
				applyMeasure(t, d, "m2", registry.Restriction{Level: "dataset", Target: "visits", Degree: "CLOSE", Reason: "违反约定", Clause: "NJ24-12", Status: registry.StatusActive}, []string{"qian.hospital"})
			},
			draft: change(registry.KindRestriction, "m2", `"status":"ACTIVE"`, `"status":"LIFTED","status_reason":"整改完成"`)},
	} {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			d := rehearsed(t)
			if c.before != nil {
				c.before(t, d)
			}
			draft := c.draft(t, d)
			d.Advance(time.Second) // the loads of the city are of the second before
			from := d.Now()
			all := decidedDeeds(t, d)
			said, out := replayed(t, d, from, all, draft)
			if n := out.Same + len(out.Flips) + len(out.Unknown); n < len(all) {
				t.Errorf("%d decisions were looked at, of %d deeds", n, len(all))
			}
			if err := d.TryApply(c.by, draft, c.signers...); err != nil {
				t.Fatalf("publish: %s", querytest.Text(err))
			}
			flips := 0
			for _, x := range all {
				_, err := x.do(d)
				now := verdictOf(t, x.name, err)
				if now != x.verdict {
					flips++
				}
				unsure := slices.Contains(c.unknown, x.name)
				if unsure != (said[x.name] == "UNKNOWN") || !unsure && said[x.name] != now {
					t.Errorf("%s: was %s, what-if says %s, and it is %s (%v)", x.name, x.verdict, said[x.name], now, deniedFor(err))
				}
			}
			if flips != c.flips {
				t.Errorf("%d deeds came to something else, want %d", flips, c.flips)
			}
			if t.Failed() {
				t.Logf("%+v\n%+v", out.Flips, out.Unknown)
			}
		})
	}
}

// The drafts of a supply, too: what it gives less is denied.
func TestWhatIfASupplyGaveLess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ draft, want string }{
		"revoked":     {strings.Replace(residentsSupply, "  basis:", "  status: REVOKED\n  status_reason: NJ24-05\n  basis:", 1), "DENY"},
		"over":        {strings.Replace(residentsSupply, `"2027-06-30"`, `"2026-06-30"`, 1), "DENY"},
		"the columns": {strings.Replace(residentsSupply, ", district]", "]", 1), "DENY"},
		"no less":     {strings.Replace(residentsSupply, "支撑", "支持", 1), "ALLOW"},
	} {
		t.Run(name, func(t *testing.T) {
			d := supplied(t)
			d.Advance(time.Second)
			from := d.Now()
			x := asking("li.op", "SELECT district, count(*) AS n FROM residents GROUP BY district")
			run, err := x.do(d)
			x.run, x.verdict = run, verdictOf(t, x.name, err)
			said, out := replayed(t, d, from, []*deed{&x}, c.draft)
			if err := d.TryApply("zheng.police", c.draft, supplySigners...); err != nil {
				t.Fatal(querytest.Text(err))
			}
			_, err = x.do(d)
			if now := verdictOf(t, x.name, err); x.verdict != "ALLOW" || said[x.name] != c.want || now != c.want {
				t.Errorf("was %s, what-if says %s, and it is %s, want %s; %+v %+v", x.verdict, said[x.name], now, c.want, out.Flips, out.Unknown)
			}
		})
	}
}

// What a what-if stands on is the registry of then: documents that were applied since
// change nothing of it, nor does it change anything.
func TestAWhatIfIsOfTheRegistryOfThen(t *testing.T) {
	t.Parallel()
	d := rehearsed(t)
	d.Advance(time.Second)
	from := d.Now()
	all := decidedDeeds(t, d)
	harmless := changed(t, d, registry.KindOrganization, "huiyi", "惠医数据运营有限公司", "惠医公司")
	_, before := replayed(t, d, from, all, harmless)
	if len(before.Flips) != 0 || len(before.Unknown) != 0 || before.Same < len(all) {
		t.Fatalf("same %d, flips %+v, unknown %+v", before.Same, before.Flips, before.Unknown)
	}
	d.Apply(querytest.Founder, listed("dataset: visits"), querytest.Founder)
	d.Apply("sun.health", changed(t, d, registry.KindScenario, querytest.Scenario, `,"zhou.kj"`, ``), "sun.health")
	d.Apply("qian.hospital", changed(t, d, registry.KindDataset, "beds", `"status":"PUBLISHED"`, `"status":"SUSPENDED","status_reason":"NJ24-20"`))
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "li.op", `"status":"active"`, `"status":"disabled"`))
	if _, after := replayed(t, d, from, all, harmless); len(after.Flips) != 0 || len(after.Unknown) != 0 || after.Same != before.Same {
		t.Errorf("same %d, flips %+v, unknown %+v", after.Same, after.Flips, after.Unknown)
	}
	// The control: the same documents as a draft.
	if _, after := replayed(t, d, from, all, listed("dataset: visits")); len(after.Flips) == 0 {
		t.Error("a list that names the visits flips nothing")
	}
	if got := asks(d, "zhou.kj", bedsOfAll); got == "" {
		t.Error("what the drafts do not say counts no more")
	}
}

// A document that no decision rests on is told from one that does.
func TestADraftThatBearsOnNothingIsRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	in := query.WhatIf{From: d.Now().Add(-time.Hour), Until: d.Now().Add(time.Hour)}
	for kind, text := range map[string]string{
		"Retention":    "kind: Retention\nname: audit\nspec: {months: 36, reason: NJ24-21}\n",
		"Organization": "kind: Organization\nname: huiyi\nspec: {title: 惠医, kind: operator, org_form: legal_person, credit_code: 91610103MA6M5AE288, incident_3y: false, dishonesty_3y: false}\n",
	} {
		in.Documents = text
		_, err := d.Engine.WhatIf(t.Context(), d.Subject(querytest.Founder), in)
		if refused := kind == "Retention"; refused != (querytest.Code(err) == "BAD_REQUEST") || err != nil && !strings.Contains(querytest.Text(err), kind) {
			t.Errorf("%s: %v", kind, err)
		}
		in.Documents = text + "---\n" + text
		if _, err := d.Engine.WhatIf(t.Context(), d.Subject(querytest.Founder), in); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("%s twice: %v", kind, err)
		}
	}
}

// A decision of before a fact existed is told as such, and the others go on.
func TestADecisionOfBeforeAFactIsNotReplayed(t *testing.T) {
	t.Parallel()
	d := partnered(t, querytest.Options{Idle: 2})
	d.Advance(time.Second)
	from := d.Now()
	if c := asks(d, "zhou.kj", bedsOfAll); c != "" {
		t.Fatal(c)
	}
	strip := func(facts map[string]any) { delete(facts["subject"].(map[string]any), "partner") }
	if n, err := query.Restated(d.Engine, from, strip); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if c := asks(d, "li.op", bedsOfAll); c != "" {
		t.Fatal(c)
	}
	revoked := partnerText(`"ACTIVE"`, `"SUSPENDED","status_reason":"第十条"`)
	for name, in := range map[string]query.WhatIf{"a document": {Documents: revoked}, "a bundle": {Bundle: rules(t, d, querytest.Founder, 1, ruleOfNothing)}} {
		in.From, in.Until = from, d.Now().Add(time.Hour)
		out, err := d.Engine.WhatIf(t.Context(), d.Subject(querytest.Founder), in)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		flips := 0
		if name == "a document" {
			flips = 2
		}
		// Recorded twice: as it was, and without the fact.
		if len(out.Unknown) != 2 || len(out.Flips) != flips || out.Same != 4-flips {
			t.Errorf("%s: same %d, flips %+v, unknown %+v", name, out.Same, out.Flips, out.Unknown)
		}
		for _, u := range out.Unknown {
			if u.Why != query.WhyRecorded || !slices.Equal(u.About, []string{"subject.partner"}) {
				t.Errorf("%s: unknown for %s %q", name, u.Why, u.About)
			}
		}
	}
}

// Loads and previews are recorded with what they were: by a rule denied or allowed, or
// refused before one was asked.
func TestLoadsAndPreviewsAreReplayed(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	d.Advance(time.Second)
	from := d.Now()
	rows := querytest.Registers().Beds
	rows.Rows[0][2] = "101"
	file := rows.CSV()
	m := querytest.Delivery("medical", "beds", "beds-statistics", file, len(rows.Rows))
	d.Load("wu.dc", m, file)
	wrong := m
	wrong.Rows++
	if _, err := d.TryLoad("wu.dc", wrong, file); querytest.Code(err) != "LOAD_ROWS" {
		t.Fatal(err)
	}
	if _, err := d.TryLoad("li.op", m, file); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Fatal(err)
	}
	broken := append(slices.Clone(file[:len(file)-9]), `"`...)
	if _, err := d.TryLoad("wu.dc", querytest.Delivery("medical", "beds", "beds-statistics", broken, len(rows.Rows)), broken); querytest.Code(err) != "LOAD_REFUSED" {
		t.Fatal(err)
	}
	m.SchemaSHA256 = d.Schema("beds")
	d.Trial("wu.dc", m, file) // tried, and not recorded
	if _, code := previewed(t, d, "sun.health", "persons-statistics"); code != "" {
		t.Fatal(code)
	}
	if _, code := previewed(t, d, "qian.hospital", "persons-statistics"); code != "ROLE_REQUIRED" {
		t.Fatal(code)
	}
	const nothingOfBeds = `package zonebox.expert.x

deny contains {"code": "EXPERT_BEDS", "article": "YC22-38", "about": "beds", "zh": "暂不装载", "en": "not loaded for now"} if input.load.dataset == "beds"

deny contains {"code": "EXPERT_PREVIEW", "article": "YC22-38", "about": "persons", "zh": "暂不预览", "en": "not shown for now"} if input.preview.dataset == "persons"
`
	told := func(flips []query.Flip) (all []string) {
		for _, f := range flips {
			all = append(all, strings.Join([]string{f.Action, f.Operator, strings.Join(f.Columns, " "), f.Before, strings.Join(f.Codes, " "), f.After + f.Why}, "|"))
		}
		slices.Sort(all)
		return all
	}
	out, err := d.Engine.WhatIf(t.Context(), d.Subject(querytest.Founder), query.WhatIf{From: from, Until: d.Now().Add(time.Hour),
		Bundle: rules(t, d, querytest.Founder, 1, nothingOfBeds)})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got, want := told(out.Flips), []string{"load|data-centre|beds|ALLOW||DENY",
		"preview|health-commission|persons.birth_date persons.id_number persons.name persons.phone|ALLOW||DENY"}; !slices.Equal(got, want) {
		t.Errorf("flips %q, want %q", got, want)
	}
	if got, want := told(out.Unknown), []string{"load|data-centre||DENY|LOAD_REFUSED|REFUSED_BEFORE", "load|huiyi||DENY|ROLE_REQUIRED|REFUSED_BEFORE",
		"preview|hospital-group||DENY|ROLE_REQUIRED|REFUSED_BEFORE"}; !slices.Equal(got, want) {
		t.Errorf("unknown %q, want %q", got, want)
	}
	if out.Same != 1 { // of wrong rows
		t.Errorf("%d the same, want 1", out.Same)
	}
}

// change is a draft of a document with something else in it.
func change(kind, name, old, now string) func(*testing.T, *querytest.Domain) string {
	return func(t *testing.T, d *querytest.Domain) string { return changed(t, d, kind, name, old, now) }
}
