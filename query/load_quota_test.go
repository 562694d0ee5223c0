package query_test

import (
	"fmt"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// A delivery that does not fit into the zone's quota beside what is stored is refused,
// tried or loaded, and the dataset is as before; one that fits is loaded.
func TestAZoneTakesNoMoreThanItsQuota(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Zone: "medical"})
	if err != nil {
		t.Fatal(err)
	}
	held := int64(0)
	for _, v := range all {
		held += v.Bytes
	}
	quota := func(old, now string) {
		t.Helper()
		d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", old, now))
	}
	beds := querytest.Registers().Beds
	beds.Rows[0][1] = "另一医院"
	data := beds.CSV()
	m := d.Delivery("medical", "beds", "beds-statistics", data, len(beds.Rows))
	quota(`"pack":"nanjing-2024"`, fmt.Sprintf(`"pack":"nanjing-2024","quota_bytes":%d`, held+1))
	if trial := d.Trial("wu.dc", m, data); trial.Verdict != query.TrialRefused || trial.Reasons[0].Code != "LOAD_QUOTA" {
		t.Errorf("tried: %+v", trial)
	}
	if _, err := d.TryLoad("wu.dc", m, data); querytest.Code(err) != "LOAD_QUOTA" {
		t.Errorf("loaded: %s", querytest.Text(err))
	}
	const hospitals = "SELECT count(*) AS n FROM beds WHERE hospital = '另一医院'"
	if got := ask(t, d, querytest.Scenario, hospitals); got != "0\n" {
		t.Errorf("after the refusal: %q", got)
	}
	quota(fmt.Sprintf(`"quota_bytes":%d`, held+1), fmt.Sprintf(`"quota_bytes":%d`, 3*held))
	d.Load("wu.dc", m, data)
	if got := ask(t, d, querytest.Scenario, hospitals); got != "1\n" {
		t.Errorf("with room: %q", got)
	}
}
