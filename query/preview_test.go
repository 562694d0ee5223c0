package query_test

import (
	"encoding/json"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// draftGrant masks columns of persons by recipes of one's own choice.
const draftGrant = `kind: Grant
name: draft
spec:
  scenario: outpatient-statistics
  dataset: persons
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: sun.health, org: health-commission}
  prov: {by: zheng.police, org: public-security}
  columns:
    - {name: id_number, mode: MASKED, recipe: {kind: token}}
    - {name: name, mode: MASKED, recipe: {kind: partial, keep_first: 2}}
    - {name: phone, mode: MASKED, recipe: {kind: pattern, pattern: "###****####"}}
    - {name: birth_date, mode: MASKED, recipe: {kind: shift, days: 60}}
    - {name: income, mode: MASKED, recipe: {kind: noise, spread: 500}}
`

// previewed asks for a preview by the name of a grant, or of a draft.
func previewed(t *testing.T, d *querytest.Domain, user, grant string) (*query.Preview, string) {
	t.Helper()
	req := query.PreviewRequest{Grant: grant}
	if strings.HasPrefix(grant, "kind:") {
		req = query.PreviewRequest{Draft: []byte(grant)}
	}
	p, err := d.Engine.Preview(t.Context(), d.Subject(user), req)
	if err != nil {
		t.Log(querytest.Text(err))
	}
	return p, querytest.Code(err)
}

// column returns a column of a preview, "∅" for what is missing.
func column(t *testing.T, p *query.Preview, name string) (before, after []string) {
	t.Helper()
	i := slices.IndexFunc(p.Columns, func(c query.PreviewColumn) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("the preview has no column %s", name)
	}
	texts := func(values []*string) (out []string) {
		for _, v := range values {
			if v == nil {
				out = append(out, querytest.Null)
			} else {
				out = append(out, *v)
			}
		}
		return out
	}
	return texts(p.Columns[i].Before), texts(p.Columns[i].After)
}

// Who sees what of a preview: the provider of the dataset its rows and any mask of
// them, the regulator of the zone what a grant in force gives, nobody else a thing.
func TestWhoSeesWhatOfAPreview(t *testing.T) {
	t.Parallel()
	d := bridged(t) // with a regulator of another zone
	another(t, d, "ended", strings.Replace(secondGrant, `"2030-12-31"`, `"2026-02-01"`, 1))
	another(t, d, "revoked", secondGrant)
	d.Apply("zheng.police", changed(t, d, registry.KindGrant, "persons-revoked", `"scenario":`, `"status":"REVOKED","status_reason":"NJ24-15","scenario":`))
	draftOfVisits := strings.NewReplacer("dataset: persons", "dataset: visits", "name, mode", "visit_id, mode", "phone, mode", "department, mode", "birth_date", "visit_date", "income", "cost",
		"pattern, pattern: \"###****####\"", "redact").Replace(draftGrant)
	grants := []string{"persons-statistics", "visits-statistics", draftGrant, draftOfVisits, "persons-ended", "persons-revoked", "nobodys"}
	const no = "ROLE_REQUIRED"
	for user, want := range map[string][]string{
		"zheng.police":    {"raw", no, "raw", no, "GRANT_PERIOD", "NOT_FOUND", "NOT_FOUND"},
		"qian.hospital":   {no, "raw", no, "raw", no, "NOT_FOUND", "NOT_FOUND"},
		"sun.health":      {"masked", "masked", no, no, "PREVIEW_NO_GRANT", "NOT_FOUND", "NOT_FOUND"},
		"han.stat":        {no, no, no, no, no, "NOT_FOUND", "NOT_FOUND"},
		"li.op":           {no, no, no, no, no, no, no},
		"wu.dc":           {no, no, no, no, no, no, no},
		"feng.audit":      {no, no, no, no, no, no, no},
		querytest.Founder: {no, no, no, no, no, no, no},
	} {
		for i, grant := range grants {
			p, got := previewed(t, d, user, grant)
			if p != nil {
				got = "masked"
				before := 0
				for _, c := range p.Columns {
					before += len(c.Before)
				}
				if p.Raw != (before > 0) {
					t.Errorf("%s, %s: raw is %v, with %d values", user, grant, p.Raw, before)
				}
				if p.Raw {
					got = "raw"
				}
			}
			if got != want[i] && !(want[i] == "PREVIEW_NO_GRANT" && got == "GRANT_PERIOD") {
				t.Errorf("%s previews %.60s: %s, want %s", user, grant, got, want[i])
			}
		}
	}
}

// The rows are those of the version, whoever asks for whatever: a recipe or scope
// of another choice shows no others. What the regulator is shown is what the
// provider is, without the rows as they are, and the same each time.
func TestAPreviewAlwaysShowsTheSameRows(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	first, code := previewed(t, d, "zheng.police", draftGrant)
	if first == nil {
		t.Fatal(code)
	}
	rows, tokens := column(t, first, "id_number")
	_, dates := column(t, first, "birth_date")
	people := querytest.Registers().Persons
	if first.Rows != 20 || first.Sample != 20 || first.Total != 200 || len(rows) != 20 {
		t.Fatalf("%d rows of %d of %d", first.Rows, first.Sample, first.Total)
	}
	raw := map[string][]string{}
	for _, r := range people.Rows {
		raw[r[0]] = r
	}
	names, _ := column(t, first, "name")
	for i, id := range rows {
		if raw[id] == nil || raw[id][1] != names[i] {
			t.Errorf("row %d: before is not a row of the register", i)
		}
	}
	own := tokensOf(t, d, "medical", people.Rows)
	for _, token := range tokens {
		if len(token) != 32 || strings.Contains(own, token) {
			t.Errorf("the token %s is the zone's", token)
		}
	}
	for what, draft := range map[string]string{
		"again": draftGrant, "other recipes": strings.Replace(draftGrant, "kind: token", "kind: redact", 1), "fewer columns": draftGrant[:strings.Index(draftGrant, "    - {name: phone")],
	} {
		p, _ := previewed(t, d, "zheng.police", draft)
		if again, _ := column(t, p, "id_number"); !slices.Equal(again, rows) {
			t.Errorf("%s: other rows", what)
		}
	}
	p, _ := previewed(t, d, "zheng.police", draftGrant)
	if _, again := column(t, p, "birth_date"); !slices.Equal(again, dates) {
		t.Error("asked again the dates move otherwise")
	}
	var inside []string
	for _, id := range rows {
		if district := raw[id][6]; district == "320102" || district == "320104" {
			inside = append(inside, id)
		}
	}
	scoped, _ := previewed(t, d, "zheng.police", strings.Replace(draftGrant, "  columns:", "  scope: [{column: district, in: [\"320102\", \"320104\"]}]\n  columns:", 1))
	if got, _ := column(t, scoped, "id_number"); !slices.Equal(got, inside) || scoped.Sample != 20 || len(inside) == 0 || len(inside) == 20 {
		t.Errorf("in scope %d rows, want %d", len(got), len(inside))
	}

	another(t, d, "second", strings.NewReplacer("name: draft", "name: persons-second", "outpatient-statistics", "second").Replace(draftGrant))
	masked, code := previewed(t, d, "sun.health", "persons-second")
	if masked == nil {
		t.Fatal(code)
	}
	for i, c := range masked.Columns {
		if len(c.Before) > 0 || c.Name == "name" {
			continue
		}
		_, of := column(t, first, c.Name)
		if _, got := column(t, masked, c.Name); !slices.Equal(got, of) {
			t.Errorf("column %d: the regulator is shown other masks than the provider", i)
		}
	}
	text := people.CSV()
	later := d.Delivery("medical", "persons", "persons-statistics", text, len(people.Rows))
	later.Acquired = "2026-11-02" // the same delivery again is the same version
	d.Load("wu.dc", later, text)
	reloaded, _ := previewed(t, d, "zheng.police", draftGrant)
	if reloaded.Version == first.Version {
		t.Fatal("control: it is the same version")
	}
	again, _ := column(t, reloaded, "id_number")
	_, after := column(t, reloaded, "birth_date")
	for i, id := range again { // whoever is in both samples has the same masks
		if k := slices.Index(rows, id); k >= 0 && after[i] != dates[k] {
			t.Error("a reload draws anew: masks of several versions could be averaged")
		}
	}
}

// What the regulator is shown holds no value that a mask hides.
func TestTheRegulatorIsShownNoRawValue(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	p, code := previewed(t, d, "sun.health", "persons-statistics")
	if p == nil {
		t.Fatal(code)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	own, _ := previewed(t, d, "zheng.police", "persons-statistics")
	whole, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, row := range querytest.Registers().Persons.Rows {
		for _, value := range row[:5] { // id, name, phone, address, birth
			if strings.Contains(string(text), value) {
				t.Errorf("the preview holds %s", value)
			}
			if strings.Contains(string(whole), value) {
				found++
			}
		}
	}
	if found < 20*4 {
		t.Errorf("control: the provider is shown %d values", found)
	}
	for _, c := range p.Columns {
		if c.Name == "name" && (c.Recipe != "partial(1,0)" || c.Kind != "partial" || c.Technique == "" || c.Misfits != 0) {
			t.Errorf("column %+v", c)
		}
	}
}

// A preview is in the log before it is shown, by names and digests; so is a
// refusal.
func TestAPreviewIsInTheLog(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	last := func() query.AuditEntry {
		all := d.Audit("feng.audit")
		return all[len(all)-1]
	}
	p, _ := previewed(t, d, "sun.health", "persons-statistics")
	e := last()
	if e.Kind != "mask.previewed" || e.Actor != "sun.health" || e.Role != registry.RoleZoneRegulator || e.Org != "health-commission" || e.Zone != "medical" || e.Decision == "" ||
		e.Fields["dataset"] != "persons" || e.Fields["grant"] != "persons-statistics" || e.Fields["version"] != p.Version || e.Fields["raw"] != "false" ||
		e.Fields["columns"] != "id_number name phone birth_date" || len(e.Fields["recipes"]) != 64 || len(e.Fields) != 6 {
		t.Errorf("entry %+v", e)
	}
	previewed(t, d, "zheng.police", draftGrant)
	if own := last(); own.Kind != "mask.previewed" || own.Fields["raw"] != "true" || own.Fields["grant"] != "" || own.Role != registry.RoleProvider || own.Fields["recipes"] == e.Fields["recipes"] {
		t.Errorf("entry %+v", own)
	}
	previewed(t, d, "sun.health", draftGrant)
	if e := last(); e.Kind != "mask.refused" || e.Actor != "sun.health" || e.Fields["reasons"] != "ROLE_REQUIRED" {
		t.Errorf("entry %+v", e)
	}
	previewed(t, d, "li.op", "persons-statistics")
	if e := last(); e.Kind != "mask.refused" || e.Actor != "li.op" {
		t.Errorf("entry %+v", e)
	}
}

// What comes in between ends a preview: nothing is shown.
func TestAChangeDuringAPreviewEndsIt(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	between, now := func() {}, d.Config.Now
	d.Config.Now = func() time.Time {
		if f := between; strings.Contains(string(debug.Stack()), "(*previewing).decide") {
			between = func() {}
			f()
		}
		return now()
	}
	d.Reopen()
	between = func() {
		d.Apply("zheng.police", changed(t, d, registry.KindGrant, "persons-statistics", `"scenario":`, `"status":"REVOKED","status_reason":"NJ24-15","scenario":`))
	}
	if p, code := previewed(t, d, "sun.health", "persons-statistics"); p != nil || code != "STOPPED" {
		t.Errorf("a preview of a grant that was revoked meanwhile: %v, %s", p, code)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
	if p, code := previewed(t, d, "zheng.police", draftGrant); p != nil || code != "ZONE_SUSPENDED" {
		t.Errorf("a preview in a suspended zone: %v, %s", p, code)
	}
}

// A draft that fits no dataset is refused as such.
func TestDraftsThatFitNothingAreRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for why, tt := range map[string]struct{ old, now, code string }{
		"another kind of document": {draftGrant, strings.TrimSpace(cityScenario(t, "", "")), "BAD_REQUEST"},
		"no document":              {draftGrant, "kind: [", "DOCUMENT_REFUSED"},
		"an unknown column":        {"name: phone", "name: soul", "BAD_REQUEST"},
		"a recipe of another type": {"kind: noise, spread: 500", "kind: shift, days: 3", "BAD_REQUEST"},
		"a library kind":           {"kind: token", "kind: shuffle", "DOCUMENT_REFUSED"},
		"an unknown scope":         {"  columns:", "  scope: [{column: soul, in: [x]}]\n  columns:", "BAD_REQUEST"},
		"an unknown scenario":      {"scenario: outpatient-statistics", "scenario: nobodys", "NOT_FOUND"},
		"an unknown dataset":       {"dataset: persons", "dataset: nobodys", "NOT_FOUND"},
	} {
		if p, code := previewed(t, d, "zheng.police", strings.Replace(draftGrant, tt.old, tt.now, 1)); p != nil || code != tt.code {
			t.Errorf("%s: %v, %s, want %s", why, p, code, tt.code)
		}
	}
	for why, req := range map[string]query.PreviewRequest{"nothing": {}, "both": {Grant: "persons-statistics", Draft: []byte(draftGrant)}} {
		if _, err := d.Engine.Preview(t.Context(), d.Subject("zheng.police"), req); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("%s: %v", why, err)
		}
	}
}
