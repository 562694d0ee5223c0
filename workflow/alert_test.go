package workflow_test

import (
	"database/sql"
	"errors"
	"testing"

	"zonebox/workflow"
)

// alertWays leads to every state of an alert.
var alertWays = map[workflow.State][]step{
	"RAISED":     nil,
	"RESTRICTED": {{"restrict", engine, ""}},
	"CONFIRMED":  {{"restrict", engine, ""}, {"confirm", zoe, ""}},
	"LIFTED":     {{"restrict", engine, ""}, {"lift", sam, ""}},
	"CLOSED":     {{"close", carol, ""}},
}

// alertMoves is what the requirements allow (NJ24-06, NJ24-21, NJ24-23): the gate
// restricts, people decide, and an alert that restricts is not closed before. All
// else is refused.
var alertMoves = map[[2]string]led{
	{"RAISED", "restrict"}:    {"RESTRICTED", []string{"engine"}},
	{"RAISED", "close"}:       {"CLOSED", []string{"zone_regulator", "city_authority", "data_centre"}},
	{"RESTRICTED", "confirm"}: {"CONFIRMED", []string{"zone_regulator", "city_authority", "data_centre", "security"}},
	{"RESTRICTED", "lift"}:    {"LIFTED", []string{"zone_regulator", "city_authority", "data_centre", "security"}},
	{"CONFIRMED", "lift"}:     {"LIFTED", []string{"zone_regulator", "city_authority", "data_centre", "security"}},
	{"CONFIRMED", "close"}:    {"CLOSED", []string{"zone_regulator", "city_authority", "data_centre"}},
	{"LIFTED", "close"}:       {"CLOSED", []string{"zone_regulator", "city_authority", "data_centre"}},
}

func TestEveryStateMoveAndRoleOfAnAlert(t *testing.T) {
	r := store(t)
	from := func(way []step, f func(*sql.Tx)) { alert(t, r, way, f) }
	everyMove(t, workflow.Alert, "alert-1", alertWays, alertMoves, 22, from, func(string) string { return "" })
}

// The regulator of another zone has no part in an alert, and nobody but the gate
// raises one.
func TestWhoHasNoPartInAnAlert(t *testing.T) {
	r := store(t)
	gus := workflow.Actor{User: "gus", Org: "finance", Roles: []string{"zone_regulator"}}
	for _, c := range [][2]string{{"RAISED", "close"}, {"RESTRICTED", "confirm"}, {"RESTRICTED", "lift"}, {"LIFTED", "close"}} {
		alert(t, r, alertWays[workflow.State(c[0])], func(tx *sql.Tx) {
			if _, err := workflow.Do(t.Context(), tx, workflow.Alert, "alert-1", c[1], gus, at, workflow.Note{}); !errors.Is(err, workflow.ErrParty) {
				t.Errorf("%s %s by another zone's regulator: %v, want ErrParty", c[0], c[1], err)
			}
		})
	}
	alert(t, r, nil, func(tx *sql.Tx) {
		for _, by := range everyone[1:] {
			if err := workflow.Start(t.Context(), tx, workflow.Alert, "alert-2", by, at); !errors.Is(err, workflow.ErrRole) {
				t.Errorf("%s raises an alert: %v, want ErrRole", by.User, err)
			}
		}
	})
}

// alert raises one, makes the moves, calls f and rolls back.
func alert(t *testing.T, r database, way []step, f func(*sql.Tx)) {
	t.Helper()
	tx, err := r.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := workflow.Start(t.Context(), tx, workflow.Alert, "alert-1", engine, at, parties...); err != nil {
		t.Fatal(err)
	}
	for _, s := range way {
		if _, err := workflow.Do(t.Context(), tx, workflow.Alert, "alert-1", s.move, s.by, at, workflow.Note{}); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}
