package query_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// What was released to one scenario does not come in again under a grant of
// another (NJ24-13), however its columns are called, unless that grant admits it;
// and the log says so to those who supervise.
func TestAReleasedResultDoesNotComeInAgain(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	d.Apply("sun.health", strings.ReplaceAll(changed(t, d, registry.KindScenario, querytest.Scenario, `"title":"`, `"title":"保险`), querytest.Scenario, "insurance"))
	grant := strings.ReplaceAll(changed(t, d, registry.KindGrant, "beds-statistics", `"scenario":"`+querytest.Scenario, `"scenario":"insurance`), "beds-statistics", "beds-insurance")
	d.Apply("sun.health", grant, "sun.health", "qian.hospital")

	answer := releasedAnswer(t, d, "SELECT id_number, birth_date FROM persons ORDER BY birth_date LIMIT 60")
	rows := d.Open("li.op", answer).Rows
	beds := querytest.Table{Columns: []string{"district", "hospital", "beds", "opened", "note"}}
	for i, r := range rows {
		beds.Rows = append(beds.Rows, []string{"320102", r[0], fmt.Sprint(i), "2020-01-02", ""})
	}
	file := beds.CSV()
	m := d.Delivery("medical", "beds", "beds-insurance", file, len(beds.Rows))
	if _, err := d.TryLoad("wu.dc", m, file); querytest.Code(err) != "LOAD_REPEATS" || !strings.Contains(querytest.Text(err), querytest.Scenario) {
		t.Errorf("the result as hospitals of another scenario: %v, want LOAD_REPEATS", err)
	}
	refused := slices.DeleteFunc(d.Audit("sun.health"), func(e query.AuditEntry) bool { return e.Kind != "load.refused" })
	if last := refused[len(refused)-1]; !strings.Contains(last.Fields["repeats"], querytest.Scenario) {
		t.Errorf("the entry of the refusal holds %v, want the scenario and run that are repeated", last.Fields)
	}
	if strings.Contains(d.Log.String(), rows[0][0]) {
		t.Error("the log of the gate holds a value")
	}
	// Its own scenario may have it again; so may a grant that says so.
	own := m
	own.Grant = "beds-statistics"
	if _, err := d.TryLoad("wu.dc", own, file); err != nil {
		t.Errorf("under a grant of the same scenario: %s", querytest.Text(err))
	}
	d.Apply("sun.health", strings.Replace(grant, `"dataset":`, `"repeats":["`+querytest.Scenario+`"],"dataset":`, 1), "sun.health", "qian.hospital")
	m.Acquired = "2026-11-02"
	r, err := d.TryLoad("wu.dc", m, file)
	if err != nil || !strings.Contains(strings.Join(r.Warnings, " "), querytest.Scenario) {
		t.Errorf("under a grant that admits it: %+v, %v; want it loaded with a warning", r, err)
	}
}

// releasedAnswer asks and has every review approve until the answer is there.
func releasedAnswer(t *testing.T, d *querytest.Domain, sql string) *query.Answer {
	t.Helper()
	answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	for range 3 {
		var e *query.Error
		if !errors.As(err, &e) || e.Class != query.ClassInReview {
			break
		}
		d.Approve("sun.health", e.Run)
		if e.Code == "OUTPUT_IN_REVIEW" {
			d.Approve("zheng.police", e.Run)
		}
		answer, err = d.Resume("li.op", e.Run)
	}
	if err != nil {
		t.Fatalf("ask: %s", querytest.Text(err))
	}
	return answer
}
