package query_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// The comprehensive zone of a city and what it holds: residents, as many as the
// medical zone's persons and the same, and houses.
const (
	comprehensiveZone = `kind: Zone
name: civic
spec: {title: 综合数据专区, kind: COMPREHENSIVE, regulator: city-data-authority, status: ACTIVE, pack: nanjing-2024, responsible: [{stage: load, person: wu.dc}]}`

	civicGrant = `kind: Grant
name: residents-own
spec:
  scenario: civic-own
  dataset: residents
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: jin.city, org: city-data-authority}
  prov: {by: zheng.police, org: public-security}
  columns: [{name: id_number, mode: MASKED, recipe: {kind: token}}, {name: district, mode: CLEAR}]`

	residentsSupply = `kind: Supply
name: residents-to-medical
spec:
  from_zone: civic
  to_zone: medical
  dataset: residents
  columns: [id_number, name, birth_date, income, district]
  from: "2026-01-01"
  until: "2027-06-30"
  basis: 综合专区向医疗专区提供人口数据支撑
  from_zreg: {by: zhao.city, org: city-data-authority}
  to_zreg: {by: sun.health, org: health-commission}
  prov: {by: zheng.police, org: public-security}`

	suppliedGrant = `kind: Grant
name: residents-medical
spec:
  scenario: outpatient-statistics
  dataset: residents
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2027-06-30"
  zreg: {by: sun.health, org: health-commission}
  prov: {by: zheng.police, org: public-security}
  columns:
    - {name: id_number, mode: MASKED, recipe: {kind: token}}
    - {name: name, mode: MASKED, recipe: {kind: partial, keep_first: 1}}
    - {name: birth_date, mode: MASKED, recipe: {kind: date, part: year}}
    - {name: income, mode: COMPUTE_ONLY, permissions: ["agg:avg", "agg:count"]}
    - {name: district, mode: CLEAR}`

	houseColumns = `{title: 房屋, zone: civic, category: {kind: DEPARTMENT}, provider: public-security, provider_type: administration, collector: public-security, auditor: public-security,
  format: TABLE, share_type: CONDITIONAL, share_mode: REQUEST_RESPONSE, share_reason: 按场景申请, open_type: CONDITIONAL, open_reason: 按场景申请, legal_basis: [NJ24-14], use_requirements: 专区内使用,
  review_due: "2027-06-30", secret_flag: false, personal_info: false, public_safety: false, entity: null, source: {acquired: "2026-11-01", update_frequency: monthly}, status: PUBLISHED,
  columns: [{name: district, type: string, level: 1, class: area, personal_info: false, secret_flag: false}]}`
)

// supplySigners sign a supply to the medical zone, the provider last.
var supplySigners = []string{querytest.Founder, "sun.health", "zheng.police"}

// civic is the city with a comprehensive zone beside its medical zone; nothing is
// supplied yet.
func civic(t *testing.T) *querytest.Domain {
	t.Helper()
	return civicOf(t, querytest.Options{Idle: 2, Wall: time.Minute})
}

func civicOf(t *testing.T, o querytest.Options) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, o)
	d.Register(querytest.Person{User: "jin.city", RealName: "金综合", Organization: "city-data-authority", Role: registry.RoleZoneRegulator})
	d.Apply(querytest.Founder, comprehensiveZone)
	persons, err := os.ReadFile("querytest/city/persons.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, "kind: SourceRuling\nname: residents\nspec: {datasets: [persons, residents], collector: public-security, basis: NJ19-17}", querytest.Founder)
	d.Apply("zheng.police", strings.NewReplacer("name: persons\n", "name: residents\n", "zone: medical", "zone: civic", "title: 人口基本信息", "title: 常住人口").Replace(string(persons)))
	d.Apply("zheng.police", "kind: Dataset\nname: houses\nspec: "+houseColumns)
	text, err := os.ReadFile("querytest/city/license.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.NewReplacer("medical-2026", "civic-2026", "zone: medical", "zone: civic", "datasets: [persons, visits, beds]", "datasets: [residents, houses]",
		querytest.Scenario, "civic-own").Replace(string(text))
	d.Apply(querytest.Founder, own, querytest.Founder, "li.op")
	d.Apply(querytest.Founder, civicGrant)
	data := querytest.Registers().Persons.CSV()
	d.Load("wu.dc", querytest.Delivery("civic", "residents", "residents-own", data, 200), data)
	license := changed(t, d, registry.KindLicense, "medical-2026", `"datasets":["persons","visits","beds"]`, `"datasets":["persons","visits","beds","residents"]`)
	d.Apply(querytest.Founder, license, "sun.health", querytest.Founder, "li.op")
	return d
}

// supplied is civic with the supply in force and the medical scenario's grant on it.
func supplied(t *testing.T) *querytest.Domain {
	t.Helper()
	d := civic(t)
	d.Apply("zheng.police", residentsSupply, supplySigners...)
	d.Apply("sun.health", suppliedGrant)
	return d
}

const (
	countResidents = "SELECT count(*) AS n FROM residents"
	heavyResidents = "SELECT count(*) AS n FROM residents a JOIN residents b ON a.district = b.district JOIN residents c ON b.district = c.district JOIN residents d ON c.district = d.district JOIN residents e ON d.district = e.district JOIN residents f ON e.district = f.district"
	someResidents  = "SELECT birth_date, district FROM residents ORDER BY birth_date, district LIMIT 5"
)

// Another zone's data are nobody's without a supply, and with one they are the named
// dataset's named columns; they stay in their zone.
func TestASupplyLetsAZoneUseTheNamedTableOnly(t *testing.T) {
	t.Parallel()
	d := civic(t)
	if err := d.TryApply("sun.health", suppliedGrant); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "NJ24-05") {
		t.Fatalf("a grant without a supply: %s", querytest.Text(err))
	}
	unknown, there := ask(t, d, querytest.Scenario, "SELECT count(*) FROM no_such_table"), ask(t, d, querytest.Scenario, countResidents)
	if unknown != "UNKNOWN_NAME" || there != unknown {
		t.Errorf("before the supply: %s, and of a table that is not there %s", there, unknown)
	}
	d.Apply("zheng.police", residentsSupply, supplySigners...)
	d.Apply("sun.health", suppliedGrant)
	if got := ask(t, d, querytest.Scenario, countResidents); got != "200\n" {
		t.Errorf("residents: %s", got)
	}
	want := "320102|60|6000\n320104|60|6000\n320105|60|6000\n320106|20|2000\n"
	joined := "SELECT r.district, count(*) AS n, 100 * count(*) AS m FROM residents r JOIN beds b ON r.district = b.district GROUP BY r.district ORDER BY r.district"
	if got := ask(t, d, querytest.Scenario, joined); got != want {
		t.Errorf("joined with the zone's own: %q", got)
	}
	for sql, code := range map[string]string{
		"SELECT count(*) FROM houses":                "UNKNOWN_NAME", // not supplied
		"SELECT phone FROM residents":                "NOT_GRANTED",
		"SELECT name, income FROM residents":         "COMPUTE_ONLY_PROJECTED",
		"SELECT count(*) FROM residents GROUP BY id": "UNKNOWN_NAME",
	} {
		if got := ask(t, d, querytest.Scenario, sql); got != code && !strings.HasPrefix(got, "COMPUTE_ONLY") {
			t.Errorf("%s: %s, want %s", sql, got, code)
		}
	}
	if got := ask(t, d, "civic-own", "SELECT count(*) FROM persons"); got != "UNKNOWN_NAME" {
		t.Errorf("the supplying zone asks back: %s", got)
	}
	if files, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", "residents")); err != nil || len(files) != 0 {
		t.Errorf("the medical zone holds %v, %v", files, err)
	}
}

// The tokens of two zones are of two keys: what is supplied joins the zone's own by
// what both give in the clear, and by tokens only where a bridge makes them under one
// key. A supply makes no link by the way.
func TestASupplyLinksNobody(t *testing.T) {
	t.Parallel()
	d := supplied(t)
	byToken := func(a, b string) string {
		return ask(t, d, querytest.Scenario, "SELECT count(*) AS n FROM "+a+" a JOIN "+b+" b ON a.id_number = b.id_number")
	}
	if got := byToken("persons", "persons"); got != "200\n" {
		t.Fatalf("control: within the zone %q", got)
	}
	if got := byToken("residents", "residents"); got != "200\n" {
		t.Fatalf("control: within what is supplied %q", got)
	}
	if got := byToken("persons", "residents"); got != "" {
		t.Errorf("tokens of two zones join: %q", got)
	}
	people := querytest.Registers().Persons.Rows[:12]
	for zone, want := range map[string]string{"civic": "12\n", "medical": ""} {
		if got := ask(t, d, querytest.Scenario, "SELECT count(*) AS n FROM residents WHERE id_number IN ("+tokensOf(t, d, zone, people)+")"); got != want {
			t.Errorf("tokens of %s: %q, want %q", zone, got, want)
		}
	}
	for _, permission := range []string{"joinkey", "cmp_col"} {
		raw := strings.Replace(suppliedGrant, `id_number, mode: MASKED, recipe: {kind: token}`, `id_number, mode: COMPUTE_ONLY, permissions: [`+permission+`]`, 1)
		if err := d.TryApply("sun.health", raw); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "DOC_PROTECT") {
			t.Errorf("raw values by %s: %s", permission, querytest.Text(err))
		}
	}
	bridge := strings.Replace(suppliedGrant, "recipe: {kind: token}}", "recipe: {kind: token, domain: medical}, permissions: [bridge]}", 1)
	if err := d.TryApply("sun.health", bridge); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "DOC_SIGNATURE") {
		t.Errorf("a bridge without a third person: %s", querytest.Text(err))
	}
	d.Register(querytest.Person{User: "he.health", RealName: "何卫健", Organization: "health-commission", Role: registry.RoleZoneRegulator})
	d.Apply("sun.health", bridge, "he.health")
	if got := byToken("persons", "residents"); got != "200\n" {
		t.Errorf("over the bridge: %q", got)
	}
}

// The regulator of the license's zone and the provider review what leaves; the zone
// that supplies does not.
func TestTheLicensesRegulatorAndTheProviderReviewWhatWasSupplied(t *testing.T) {
	t.Parallel()
	d := supplied(t)
	run := waitsIn(t, d, someResidents)
	if _, err := d.Engine.Settle(t.Context(), d.Subject("jin.city"), run, true, "NJ24-14"); err == nil {
		t.Error("the supplying zone's regulator reviewed it")
	}
	leaves(t, d, run)
}

// A regulator is shown what an output is compared with in its own zone, and not what
// another zone makes of the same data.
func TestARegulatorIsShownOutputsOfItsOwnZones(t *testing.T) {
	t.Parallel()
	d := civicOf(t, querytest.Options{Idle: 2, Ledger: true})
	d.Apply("zheng.police", residentsSupply, supplySigners...)
	d.Apply("sun.health", suppliedGrant)
	asks := func(scenario, sql, wants string) string {
		t.Helper()
		_, err := d.Ask("li.op", scenario, querytest.Purpose, sql)
		if querytest.Code(err) != wants {
			t.Fatalf("%s: %s", sql, querytest.Text(err))
		}
		if err == nil {
			return ""
		}
		return querytest.RunOf(t, err)
	}
	asks("civic-own", countResidents, "")
	asks(querytest.Scenario, countResidents, "")
	inForce(t, d, 3, lookedAt, time.Time{})
	const districts = "SELECT district, count(*) AS n FROM residents GROUP BY district"
	supplied, own := asks(querytest.Scenario, districts, "OUTPUT_IN_REVIEW"), asks("civic-own", districts+" ORDER BY district", "OUTPUT_IN_REVIEW")
	for run, who := range map[string]string{supplied: "sun.health", own: "jin.city"} {
		detail, err := d.Engine.Review(t.Context(), d.Subject(who), run)
		if err != nil || len(detail.Compared) != 1 || detail.Compared[0].Dataset != "residents" {
			t.Fatalf("%s: %+v, %s", who, detail, querytest.Text(err))
		}
		if c := detail.Compared[0]; c.Outputs != 1 || len(c.Latest) != 1 || c.Latest[0].Run == supplied || c.Latest[0].Run == own || !c.Latest[0].Left {
			t.Errorf("%s is shown %+v, want the one that left in its zone", who, c)
		}
	}
}

// Whatever ends the supply, or the zone it comes from, ends questions, runs, what waits
// for its approval and what is held, and evicts.
func TestTheEndOfASupplyEndsWhatStandsOnIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, code string
		by         string // document that runs are ended by
		end        func(*testing.T, *querytest.Domain)
	}{
		{"revoked by the giving zone", "ZONE_NO_SUPPLY", "Supply residents-to-medical 2", func(t *testing.T, d *querytest.Domain) {
			d.Apply(querytest.Founder, revokedSupply)
		}},
		{"revoked by the provider", "ZONE_NO_SUPPLY", "Supply residents-to-medical 2", func(t *testing.T, d *querytest.Domain) {
			d.Apply("zheng.police", revokedSupply)
		}},
		{"a new version", "SUPPLY_COLUMN", "Supply residents-to-medical 2", func(t *testing.T, d *querytest.Domain) {
			d.Apply("zheng.police", strings.Replace(residentsSupply, "birth_date, income, district]", "income]", 1), supplySigners...)
		}},
		{"its zone is suspended", "ZONE_SUSPENDED", "Zone civic 2", func(t *testing.T, d *querytest.Domain) {
			d.Apply(querytest.Founder, strings.Replace(comprehensiveZone, "status: ACTIVE", "status: SUSPENDED", 1))
		}},
		{"its zone is closed", "ACCESS_CLOSED", "Restriction measure", func(t *testing.T, d *querytest.Domain) {
			sets(t, d, closes(registry.LevelZone, "civic"), querytest.Founder)
		}},
		{"the zone it is given to is suspended", "ZONE_SUSPENDED", "Zone medical 2", func(t *testing.T, d *querytest.Domain) {
			d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := supplied(t)
			own := waitsIn(t, d, "SELECT birth_date, district FROM persons ORDER BY birth_date, district LIMIT 5")
			held := waitsIn(t, d, someResidents)
			_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT name, district FROM residents ORDER BY name LIMIT 5")
			asked := querytest.RunOf(t, err)
			if querytest.Code(err) != "QUERY_IN_REVIEW" {
				t.Fatal(querytest.Text(err))
			}
			d.Approve("sun.health", asked)
			if got := ask(t, d, querytest.Scenario, "SELECT district, count(*) AS n FROM residents GROUP BY district ORDER BY district LIMIT 1"); got != "320102|60\n" {
				t.Fatalf("control: %s", got)
			}
			running := askBesideIn(t, d, querytest.Scenario, "li.op", heavyResidents)
			defer running.stop()
			running.runs(t, d)
			c.end(t, d)
			err = running.ends(t)
			if e := lastOf(t, d, "feng.audit", querytest.RunOf(t, err)); querytest.Code(err) != "STOPPED" || !strings.HasPrefix(e.Fields["by"], c.by) {
				t.Errorf("the run ended with %s by %s, want %s", querytest.Text(err), e.Fields["by"], c.by)
			}
			if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, count(*) AS n FROM residents GROUP BY district"); !strings.Contains(querytest.Text(err), c.code) {
				t.Errorf("asked again: %s, want %s", querytest.Text(err), c.code)
			}
			if _, err := d.Resume("li.op", asked); querytest.Code(err) != "RUN_STATE" {
				t.Errorf("what was approved to run: %s", querytest.Text(err))
			}
			if _, err := d.Resume("li.op", held); querytest.Code(err) != "WITHHELD" {
				t.Errorf("an output that waited: %s", querytest.Text(err))
			}
			if c.by == "Zone medical 2" {
				return
			}
			leaves(t, d, own) // the zone's own data are as before
		})
	}
}

const revokedSupply = residentsSupply + "\n  status: REVOKED\n  status_reason: 用途变更"

// A supply past its last day gives nothing, to a question or to an output that waited.
func TestASupplyEndsWithItsLastDay(t *testing.T) {
	t.Parallel()
	d := supplied(t)
	held := waitsIn(t, d, someResidents)
	d.Approve("sun.health", held)
	d.Approve("zheng.police", held)
	day := time.Date(2027, 6, 30, 15, 0, 0, 0, time.UTC) // 23:00 in China
	d.Advance(day.Sub(d.Now()))
	if got := ask(t, d, querytest.Scenario, countResidents); got != "200\n" {
		t.Fatalf("on its last day: %s", got)
	}
	d.Advance(2 * time.Hour)
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, countResidents); err == nil {
		t.Error("a day after its last it is answered")
	}
	if _, err := d.Resume("li.op", held); querytest.Code(err) != "WITHHELD" && querytest.Code(err) != "RELEASE_DENIED" && querytest.Code(err) != "OUTPUT_BLOCKED" {
		t.Errorf("an output that waited: %s", querytest.Text(err))
	}
	if got := ask(t, d, querytest.Scenario, "SELECT count(*) AS n FROM persons"); got != "200\n" {
		t.Errorf("the zone's own: %s", got)
	}
}

// What was made of supplied data ends with them when they are shredded, in whatever
// zone it waits.
func TestAShredReachesWhatWasSupplied(t *testing.T) {
	t.Parallel()
	for _, order := range []query.ShredOrder{{Kind: "dataset", Zone: "civic", Dataset: "residents"}, {Kind: "column", Zone: "civic", Dataset: "residents", Column: "birth_date"}} {
		t.Run(order.Kind, func(t *testing.T) {
			d := supplied(t)
			own, held := waitsIn(t, d, "SELECT birth_date, district FROM persons ORDER BY birth_date, district LIMIT 5"), waitsIn(t, d, someResidents)
			cert := shred(t, d, querytest.Founder, order)
			if !endedIn(t, d, held, cert.ID) {
				t.Error("what was made of the shredded is there still")
			}
			if endedIn(t, d, own, cert.ID) {
				t.Error("what was not made of it is gone")
			}
		})
	}
}
