package query_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// A document that came due while no gate was there is in force before the first
// question.
func TestWhatCameDueWhileTheGateSleptIsInForceAtStart(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	const count = "SELECT count(*) AS n FROM persons"
	at := d.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	docs, err := d.Engine.Documents(t.Context(), d.Subject("zhao.city"), "scenario", querytest.Scenario)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	var later registry.Document
	if err := json.Unmarshal(docs[0].Document, &later); err != nil {
		t.Fatal(err)
	}
	later.Effective, later.Signatures = at, nil
	later.Spec = json.RawMessage(strings.Replace(string(later.Spec), `"recipients":["li.op"]`, `"recipients":["chen.op"]`, 1))
	text, err := json.Marshal(later)
	if err != nil || !strings.Contains(string(text), "chen.op") {
		t.Fatalf("no scenario to change: %s, %v", text, err)
	}
	d.Register(querytest.Person{User: "chen.op", RealName: "陈运营", Organization: "huiyi", Role: "operator"})
	if err := d.TryApply("sun.health", string(text)); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, count); err != nil {
		t.Fatalf("before its time: %v", querytest.Text(err))
	}
	d.Advance(72 * time.Hour)
	d.Reopen()
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, count); err == nil {
		t.Error("a recipient of the version before is answered after the time of the next")
	}
	history, err := d.Engine.History(t.Context(), d.Subject("zhao.city"), "scenario", querytest.Scenario)
	if err != nil || len(history) != 2 || history[0].Version != 2 || history[0].Effective == nil {
		t.Errorf("History = %+v, %v, want the second version in force with its effective time", history, err)
	}
	if err := d.Engine.Withdraw(t.Context(), d.Subject("sun.health"), "pub-0000000001", query.WithdrawOrder{Reason: "x"}); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("withdraw of what is not there = %v", err)
	}
}
