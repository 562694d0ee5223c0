package query_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// Who writes the number of a person where a name belongs does not bring it into logs,
// refusals or the audit log; the log is told of it, and an alert raised. Another name
// that is none is told as it is.
func TestANumberInPlaceOfANameIsWithheld(t *testing.T) {
	t.Parallel()
	const number, name = "320102195001010119", "no-such-scenario"
	d := querytest.City(t, querytest.Options{Idle: 1})
	told := ""
	for _, scenario := range []string{number, name} {
		_, err := d.Ask("li.op", scenario, querytest.Purpose, "SELECT 1")
		e := d.Engine.Told(err)
		if e == nil || e.Code != "NOT_FOUND" {
			t.Fatalf("scenario %s: %v, want NOT_FOUND", scenario, err)
		}
		told += e.ZH + e.EN
	}
	if err := d.Engine.TellWithheld(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := json.Marshal(d.Audit("feng.audit"))
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := d.Engine.Alerts(t.Context(), d.Subject("wu.dc"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(alerts, func(a query.AlertView) bool { return a.Rule == "withheld_text" && a.Subject == "li.op" }) {
		t.Errorf("alerts are %+v, want withheld_text about li.op", alerts)
	}
	raised, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"told": told, "logged": d.Log.String(), "in the audit log": string(entries), "in an alert": string(raised)} {
		if strings.Contains(text, number) {
			t.Errorf("the number is %s", what)
		}
	}
	if !strings.Contains(told, name) || !strings.Contains(string(entries), name) || !strings.Contains(string(entries), "text.withheld") {
		t.Errorf("told is %s, in the log %s", told, entries)
	}
}
