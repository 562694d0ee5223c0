package query_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/query/querytest"
	"zonebox/registry"
)

const drawnGrant = `kind: Grant
name: visits-second
spec:
  scenario: second
  dataset: visits
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: sun.health, org: health-commission}
  prov: {by: qian.hospital, org: hospital-group}
  columns:
    - {name: visit_id, mode: MASKED, recipe: {kind: partial, keep_last: 4}}
    - {name: visit_date, mode: MASKED, recipe: {kind: shift, days: 30}}
    - {name: cost, mode: MASKED, recipe: {kind: noise, spread: 20}}
    - {name: district, mode: CLEAR}
`

// drawnCity is a city with the scenario second of the city's license and the
// scenario other of another, both with the visits masked by draws.
func drawnCity(t *testing.T) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 2})
	another(t, d, "second", drawnGrant)
	license := changed(t, d, registry.KindLicense, "medical-2026", `"name":"medical-2026"`, `"name":"medical-other"`)
	d.Apply(querytest.Founder, license, "sun.health", querytest.Founder, "li.op")
	scenario := strings.ReplaceAll(strings.TrimSpace(cityScenario(t, "medical-2026", "medical-other")), querytest.Scenario, "other")
	d.Apply("sun.health", scenario)
	d.Apply("sun.health", strings.ReplaceAll(drawnGrant, "second", "other"))
	return d
}

// afterReview asks for records, has them approved by all who must, and returns them.
func afterReview(t *testing.T, d *querytest.Domain, scenario, sql string) [][]string {
	t.Helper()
	_, err := d.Ask("li.op", scenario, querytest.Purpose, sql)
	if querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatalf("%s\ngave %s", sql, querytest.Text(err))
	}
	run := querytest.RunOf(t, err)
	d.Approve("sun.health", run)
	d.Approve("qian.hospital", run)
	a, err := d.Resume("li.op", run)
	if err != nil {
		t.Fatalf("%s\ngave %s", sql, querytest.Text(err))
	}
	return d.Open("li.op", a).Rows
}

// A visit as it was delivered, and as it was loaded.
type drawnVisit struct {
	person, date string
	cost         float64
	move         int // days
	noise        float64
	month        time.Month
}

// everyVisit asks for all visits and finds the raw row of each by the digits that
// its id keeps.
func everyVisit(t *testing.T, d *querytest.Domain, scenario string) []drawnVisit {
	t.Helper()
	raw := map[string][]string{}
	for _, row := range querytest.Registers().Visits.Rows {
		raw[row[0][4:]] = row
	}
	var out []drawnVisit
	for _, row := range afterReview(t, d, scenario, "SELECT visit_id, visit_date, cost FROM visits") {
		was := raw[row[0][len(row[0])-4:]]
		from, err1 := time.Parse(time.DateOnly, was[2])
		to, err2 := time.Parse(time.DateOnly, row[1])
		paid, err3 := strconv.ParseFloat(was[6], 64)
		cost, err4 := strconv.ParseFloat(row[2], 64)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			t.Fatalf("row %q, loaded as %q", row, was)
		}
		out = append(out, drawnVisit{was[1], row[1], cost, int(to.Sub(from).Hours()) / 24, cost - paid, to.Month()})
	}
	if len(out) != len(raw) {
		t.Fatalf("%d of %d visits", len(out), len(raw))
	}
	return out
}

// What a license masks by draws it is given as dates and numbers that are not the
// raw ones, alike for each person, the same however often it asks, after a reload
// and a restart as before; another license is given others.
func TestAnswersHoldTheDrawsOfTheirLicense(t *testing.T) {
	t.Parallel()
	d := drawnCity(t)
	first := everyVisit(t, d, "second")
	moves, noises := map[string]int{}, map[string]float64{}
	for _, v := range first {
		if v.move == 0 || v.move > 30 || v.move < -30 || math.Abs(v.noise) > 20 {
			t.Fatalf("a visit moved by %d days and %v", v.move, v.noise)
		}
		if was, known := moves[v.person]; known && (was != v.move || math.Abs(noises[v.person]-v.noise) > 1e-9) {
			t.Fatalf("visits of one person moved by %d and %d days, %v and %v", was, v.move, noises[v.person], v.noise)
		}
		moves[v.person], noises[v.person] = v.move, v.noise
	}
	if len(slices.Compact(slices.Sorted(maps.Values(moves)))) < 20 {
		t.Errorf("200 people draw few moves: %v", moves)
	}
	same := func(what string) {
		if again := everyVisit(t, d, "second"); !slices.Equal(again, first) {
			t.Errorf("%s: the masks are others", what)
		}
	}
	same("asked again")
	others, alike := everyVisit(t, d, "other"), 0
	for i, v := range others {
		if v.move == 0 {
			t.Error("a date stays under the other license")
		}
		if math.Abs(v.noise-noises[v.person]) < 1e-9 {
			t.Errorf("visit %d has the same noise under both licenses", i)
		}
		if v.move == moves[v.person] {
			alike++
		}
	}
	if alike > len(others)/4 { // one of sixty would be by chance
		t.Errorf("%d of %d dates are alike under two licenses", alike, len(others))
	}
	d.Load("wu.dc", querytest.Delivery("medical", "visits", "visits-statistics", querytest.Registers().Visits.CSV(), len(first)), querytest.Registers().Visits.CSV())
	same("loaded again")
	d.Reopen()
	same("after a restart")
}

// Whatever a statement does with a drawn column it does with what is delivered of
// it, by its type.
func TestStatementsWorkOnDrawnColumns(t *testing.T) {
	t.Parallel()
	d := drawnCity(t)
	visits := everyVisit(t, d, "second")
	tally := func(keep func(drawnVisit) bool) string {
		n, people := 0, map[string]bool{}
		for _, v := range visits {
			if keep(v) {
				n, people[v.person] = n+1, true
			}
		}
		if len(people) < 10 {
			return "∅"
		}
		return fmt.Sprint(n)
	}
	var months string
	for m := time.January; m <= time.December; m++ {
		if n := tally(func(v drawnVisit) bool { return v.month == m }); n != "∅" {
			months += fmt.Sprintf("%d|%s\n", m, n)
		}
	}
	sum := 0.0
	for _, v := range visits {
		sum += v.cost
	}
	for _, q := range []struct{ sql, want string }{
		{"SELECT count(*) FROM visits WHERE visit_date >= DATE '2026-02-10'", tally(func(v drawnVisit) bool { return v.date >= "2026-02-10" }) + "\n"},
		{"SELECT count(*) FROM visits WHERE visit_date < DATE '2026-01-10'", tally(func(v drawnVisit) bool { return v.date < "2026-01-10" }) + "\n"},
		{"SELECT count(*) FROM visits WHERE visit_date BETWEEN DATE '2026-01-20' AND DATE '2026-02-05'",
			tally(func(v drawnVisit) bool { return v.date >= "2026-01-20" && v.date <= "2026-02-05" }) + "\n"},
		{"SELECT count(*) FROM visits WHERE cost > 200", tally(func(v drawnVisit) bool { return v.cost > 200 }) + "\n"},
		{"SELECT count(*) FROM visits WHERE CAST(visit_date AS VARCHAR) LIKE '2026-02%'", tally(func(v drawnVisit) bool { return strings.HasPrefix(v.date, "2026-02") }) + "\n"},
		{"SELECT month(visit_date) AS m, count(*) AS n FROM visits GROUP BY month(visit_date) ORDER BY m", months},
		{"SELECT round(sum(cost), 6) FROM visits", strconv.FormatFloat(math.Round(sum*1e6)/1e6, 'f', -1, 64) + "\n"},
		{"SELECT count(*) FROM visits WHERE visit_date < DATE '1990-01-01'", ""},
	} {
		for range 2 { // the second time the bounds of the masks are known
			if got := ask(t, d, "second", q.sql); got != q.want {
				t.Errorf("%s\ngave %q, want %q", q.sql, got, q.want)
			}
		}
	}
	for sql, code := range map[string]string{
		"SELECT max(visit_date) FROM visits":                "AGGREGATE_REVEALS",
		"SELECT min(cost) FROM visits":                      "AGGREGATE_REVEALS",
		"SELECT count(*) FROM visits WHERE visit_date = 'x": "SYNTAX",
	} {
		if got := ask(t, d, "second", sql); got != code {
			t.Errorf("%s\ngave %s, want %s", sql, got, code)
		}
	}
	for _, row := range afterReview(t, d, "second", "SELECT visit_id, CAST(visit_date AS VARCHAR) AS day, cost + 0 AS cost FROM visits") {
		i := slices.IndexFunc(visits, func(v drawnVisit) bool { return v.date == row[1] })
		if i < 0 {
			t.Errorf("a date as text is none of those delivered")
		}
	}
	if got := ask(t, d, querytest.Scenario, "SELECT visit_date, count(*) AS n FROM visits GROUP BY visit_date ORDER BY visit_date LIMIT 1"); !strings.HasPrefix(got, "2026-01|") {
		t.Errorf("control: the scenario that is given months is given %q", got)
	}
}

// A person and an enterprise may bear one number. Were their dates moved alike, a
// date of the enterprise that anybody can look up would tell those of the person.
func TestAPersonAndAnEnterpriseOfOneNumberDrawApart(t *testing.T) {
	t.Parallel()
	d := drawnCity(t)
	first, alike := everyVisit(t, d, "second"), 0
	d.Apply("qian.hospital", changed(t, d, registry.KindDataset, "visits", `"entity":{"column":"id_number","kind":"person"}`,
		`"change_reason":"更正","entity":{"column":"id_number","kind":"enterprise"}`), "qian.hospital", "sun.health")
	d.Load("wu.dc", querytest.Delivery("medical", "visits", "visits-statistics", querytest.Registers().Visits.CSV(), len(first)), querytest.Registers().Visits.CSV())
	moves := map[string]int{}
	for _, v := range first {
		moves[v.person] = v.move
	}
	for _, v := range everyVisit(t, d, "second") {
		if v.move == moves[v.person] {
			alike++
		}
	}
	if alike > len(first)/4 { // one of sixty would be by chance
		t.Errorf("%d of %d dates move alike", alike, len(first))
	}
}

// Beds are nobody's: nothing of them can be masked by whom they are about.
func TestAGrantByEntityOfADatasetWithoutIsRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	another(t, d, "second", drawnGrant) // control: visits are of people
	err := d.TryApply("sun.health", strings.NewReplacer("visits-second", "beds-second", "dataset: visits", "dataset: beds",
		"visit_id", "hospital", "visit_date", "opened", "cost", "beds").Replace(drawnGrant))
	if text := querytest.Text(err); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(text, "DOC_SCOPE") || !strings.Contains(text, "主体标识列") {
		t.Errorf("a grant of beds by entity: %s", text)
	}
}

// A recipe that the column's type does not take is refused with its grant: no
// statement of the scenario could be answered. It can still be revoked.
func TestAGrantWhoseRecipesDoNotFitIsRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	another(t, d, "second", drawnGrant)
	for _, change := range [][2]string{
		{"kind: shift, days: 30", "kind: noise, spread: 3"}, {"kind: noise, spread: 20", "kind: shift, days: 3"},
		{"kind: partial, keep_last: 4", "kind: partial, keep_last: 90"}, {"kind: partial, keep_last: 4", "kind: shift, days: 3"},
	} {
		err := d.TryApply("sun.health", strings.Replace(drawnGrant, change[0], change[1], 1))
		if text := querytest.Text(err); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(text, "DOC_SCOPE") || !strings.Contains(text, "/recipe") {
			t.Errorf("%s: %s", change[1], text)
		}
	}
	// An operator is told what it may see, and no types of another's catalogue.
	d.Apply(querytest.Founder, "kind: Organization\nname: rival\nspec: {title: 竞争者, kind: operator, org_form: legal_person, credit_code: 91610103MA6M5AE288, security_officer: 王, security_department: 部, incident_3y: false, dishonesty_3y: false}")
	d.Register(querytest.Person{User: "zhou.rival", RealName: "周竞争", Organization: "rival", Role: registry.RoleOperator})
	misfit := strings.Replace(drawnGrant, "kind: noise, spread: 20", "kind: shift, days: 3", 1)
	for user, told := range map[string]bool{"li.op": true, "zhou.rival": false} {
		text := querytest.Text(d.TryApply(user, misfit))
		if !strings.Contains(text, "DOCUMENT_REFUSED") && told || strings.Contains(text, "float64") != told {
			t.Errorf("%s is told %s", user, text)
		}
	}
	if got := ask(t, d, "second", "SELECT district, count(*) AS n FROM visits GROUP BY district ORDER BY district LIMIT 1"); !strings.HasPrefix(got, "320102|") {
		t.Errorf("control: %s", got)
	}
	d.Apply("qian.hospital", changed(t, d, registry.KindDataset, "visits", `"type":"date"`, `"type":"string"`))
	if err := d.TryApply("sun.health", drawnGrant); querytest.Code(err) != "DOCUMENT_REFUSED" {
		t.Errorf("after the column's type changed: %s", querytest.Text(err))
	}
	d.Apply("qian.hospital", changed(t, d, registry.KindGrant, "visits-second", `"scenario":`, `"status":"REVOKED","status_reason":"NJ24-15","scenario":`))
}
