package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// bridged is a city with a second zone, census, and the scenario second, to which
// persons come with tokens of that zone.
func bridged(t *testing.T) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute})
	d.Apply(querytest.Founder, "kind: Organization\nname: statistics\nspec: {title: 市统计局, kind: industry_authority, org_form: unincorporated}")
	d.Register(querytest.Person{User: "han.stat", RealName: "韩统计", Organization: "statistics", Role: registry.RoleZoneRegulator})
	census := strings.NewReplacer(`"medical"`, `"census"`, "health-commission", "statistics", "sun.health", "han.stat").
		Replace(changed(t, d, registry.KindZone, "medical", `"name":"medical"`, `"name":"census"`))
	d.Apply(querytest.Founder, census)
	grant := strings.Replace(strings.ReplaceAll(secondGrant, "second", "bridged"), "recipe: {kind: token}", "recipe: {kind: token, domain: census}, permissions: [bridge]", 1)
	d.Apply("sun.health", strings.ReplaceAll(strings.TrimSpace(cityScenario(t, "", "")), querytest.Scenario, "bridged"))
	if err := d.TryApply("sun.health", grant); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "DOC_SIGNATURE") {
		t.Fatalf("without the other regulator: %s", querytest.Text(err))
	}
	d.Apply("sun.health", grant, "han.stat")
	return d
}

// tokensOf returns the tokens that a zone has for some people.
func tokensOf(t *testing.T, d *querytest.Domain, zone string, people [][]string) string {
	t.Helper()
	keys, err := query.TokenKeys(d.Engine, registry.Versioned[registry.Zone]{Name: zone})
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := masking.Compile("string", masking.Recipe{Kind: "token"}, keys)
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for _, row := range people {
		b.Append(row[0])
	}
	out, _, err := kernel.Apply(memory.DefaultAllocator, b.NewArray())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range out.Len() {
		list = append(list, "'"+out.ValueStr(i)+"'")
	}
	return strings.Join(list, ", ")
}

// The tokens of a bridge are those that the other zone has, and stay what tokens
// are: they leave made anew.
func TestABridgeGivesTheTokensOfTheOtherZone(t *testing.T) {
	t.Parallel()
	d := bridged(t)
	people := querytest.Registers().Persons.Rows[:12]
	for zone, want := range map[string]string{"census": "12\n", "medical": ""} {
		sql := "SELECT count(*) AS n FROM persons WHERE id_number IN (" + tokensOf(t, d, zone, people) + ")"
		if got := ask(t, d, "bridged", sql); got != want {
			t.Errorf("tokens of %s: %q people, want %q", zone, got, want)
		}
	}
	_, err := d.Ask("li.op", "bridged", querytest.Purpose, "SELECT id_number FROM persons")
	run := querytest.RunOf(t, err)
	d.Approve("sun.health", run)
	if _, err = d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	d.Approve("sun.health", run)
	d.Approve("zheng.police", run)
	a, err := d.Resume("li.op", run)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	raw := tokensOf(t, d, "census", people) + tokensOf(t, d, "medical", people)
	for _, row := range d.Open("li.op", a).Rows {
		if len(row[0]) != 32 || strings.Contains(raw, row[0]) {
			t.Errorf("the token %s left as it is", row[0])
		}
	}
}

// A suspension of the zone that a bridge leads to ends what runs on it, what
// waits, and what is kept of it.
func TestASuspensionOfTheOtherZoneEndsABridge(t *testing.T) {
	t.Parallel()
	d := bridged(t)
	const counted = "SELECT count(DISTINCT id_number) AS n FROM persons"
	if got := ask(t, d, "bridged", counted); got != "120\n" {
		t.Fatalf("control: %q", got)
	}
	_, err := d.Ask("li.op", "bridged", querytest.Purpose, "SELECT birth_date, district FROM persons")
	if querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	held := querytest.RunOf(t, err)
	d.Approve("sun.health", held)
	d.Approve("zheng.police", held)
	if cacheOf(t, d).Entries == 0 {
		t.Fatal("control: nothing is in the cache")
	}
	running := askBesideIn(t, d, "bridged", "li.op", "SELECT count(*) AS n FROM persons a JOIN persons b ON a.district = b.district JOIN persons c ON b.district = c.district JOIN persons d ON c.district = d.district JOIN persons e ON d.district = e.district JOIN persons f ON e.district = f.district")
	defer running.stop()
	running.runs(t, d)
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "census", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
	err = running.ends(t)
	if e := lastOf(t, d, "feng.audit", querytest.RunOf(t, err)); querytest.Code(err) != "STOPPED" || e.Fields["by"] != "Zone census 2" {
		t.Errorf("the run ended with %s, %v", querytest.Text(err), e.Fields)
	}
	if got := cacheOf(t, d); got.Entries != 0 {
		t.Errorf("after the suspension the cache is %+v", got)
	}
	if got := ask(t, d, "bridged", counted); got != "GRANT_NOT_APPROVED" && got != "COLUMN_NOT_GRANTED" && got != "DATASET_NOT_GRANTED" {
		t.Errorf("after the suspension: %s", got)
	}
	if _, err := d.Resume("li.op", held); querytest.Code(err) != "WITHHELD" {
		t.Errorf("an output that waited: %s", querytest.Text(err))
	}
	if got := ask(t, d, querytest.Scenario, counted); got != "200\n" {
		t.Errorf("control: a scenario without bridge: %s", got)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "census", `"status":"SUSPENDED"`, `"status":"ACTIVE"`))
	if got := ask(t, d, "bridged", counted); got != "120\n" {
		t.Errorf("taken up again: %s", got)
	}
}
