package workflow_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"zonebox/workflow"
)

var (
	toAssigned = []step{{"trace", engine, ""}, {"assign", engine, ""}}
	toReplied  = append(slices.Clone(toAssigned), step{"reply", paul, ""})
)

// ticketWays leads to every state of a ticket, which olga opens.
var ticketWays = map[workflow.State][]step{
	"OPENED":       nil,
	"TRACED":       {{"trace", engine, ""}},
	"ASSIGNED":     toAssigned,
	"REPLIED":      toReplied,
	"CORRECTED":    append(slices.Clone(toReplied), step{"correct", paul, ""}),
	"NOT_AN_ERROR": append(slices.Clone(toReplied), step{"deny", paul, ""}),
	"VERIFIED":     append(slices.Clone(toReplied), step{"correct", paul, ""}, step{"verify", olga, ""}),
	"CLOSED":       append(slices.Clone(toReplied), step{"deny", paul, ""}, step{"verify", olga, ""}, step{"close", engine, ""}),
	"CONFLICT":     append(slices.Clone(toAssigned), step{"dispute", dave, ""}),
}

// ticketMoves is what the requirements allow (4.6; NJ24-20, JM19-15, JM19-23,
// YC22-16): by state and move, where it leads and who may. All else is refused.
var ticketMoves = map[[2]string]led{
	{"OPENED", "trace"}:        {"TRACED", []string{"engine"}},
	{"TRACED", "assign"}:       {"ASSIGNED", []string{"engine"}},
	{"TRACED", "order"}:        {"ASSIGNED", []string{"engine"}},
	{"ASSIGNED", "reply"}:      {"REPLIED", []string{"provider"}},
	{"ASSIGNED", "dispute"}:    {"CONFLICT", []string{"provider", "data_centre"}},
	{"REPLIED", "correct"}:     {"CORRECTED", []string{"provider"}},
	{"REPLIED", "deny"}:        {"NOT_AN_ERROR", []string{"provider"}},
	{"REPLIED", "dispute"}:     {"CONFLICT", []string{"provider", "data_centre"}},
	{"CORRECTED", "verify"}:    {"VERIFIED", []string{"operator", "data_centre", "provider", "zone_regulator", "city_authority"}},
	{"CORRECTED", "return"}:    {"ASSIGNED", []string{"operator", "data_centre", "provider", "zone_regulator", "city_authority"}},
	{"NOT_AN_ERROR", "verify"}: {"VERIFIED", []string{"operator", "data_centre", "provider", "zone_regulator", "city_authority"}},
	{"NOT_AN_ERROR", "return"}: {"ASSIGNED", []string{"operator", "data_centre", "provider", "zone_regulator", "city_authority"}},
	{"VERIFIED", "close"}:      {"CLOSED", []string{"engine"}},
	{"CONFLICT", "uphold"}:     {"ASSIGNED", []string{"city_authority"}},
	{"CONFLICT", "dismiss"}:    {"NOT_AN_ERROR", []string{"city_authority"}},
}

func TestEveryStateMoveAndRoleOfATicket(t *testing.T) {
	r := store(t)
	from := func(way []step, f func(*sql.Tx)) { ticket(t, r, way, f) }
	everyMove(t, workflow.QualityTicket, "qt-1", ticketWays, ticketMoves, 33, from, func(string) string { return "" })
}

// A provider or an operator of another organization has no part in a ticket.
func TestWhoHasNoPartInATicket(t *testing.T) {
	r := store(t)
	pia := workflow.Actor{User: "pia", Org: "clinic", Roles: []string{"provider"}}
	otto := workflow.Actor{User: "otto", Org: "otherco", Roles: []string{"operator"}}
	for _, c := range []struct {
		way  workflow.State
		move string
		by   workflow.Actor
	}{{"ASSIGNED", "reply", pia}, {"REPLIED", "correct", pia}, {"REPLIED", "dispute", pia}, {"CORRECTED", "verify", otto}, {"NOT_AN_ERROR", "return", otto}} {
		ticket(t, r, ticketWays[c.way], func(tx *sql.Tx) {
			if _, err := workflow.Do(t.Context(), tx, workflow.QualityTicket, "qt-1", c.move, c.by, at, workflow.Note{}); !errors.Is(err, workflow.ErrParty) {
				t.Errorf("%s %s by %s: %v, want ErrParty", c.way, c.move, c.by.User, err)
			}
		})
	}
}

// ticket opens one by olga, makes the moves, calls f and rolls back.
func ticket(t *testing.T, r database, way []step, f func(*sql.Tx)) {
	t.Helper()
	tx, err := r.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := workflow.Start(t.Context(), tx, workflow.QualityTicket, "qt-1", olga, at, parties...); err != nil {
		t.Fatal(err)
	}
	for _, s := range way {
		if _, err := workflow.Do(t.Context(), tx, workflow.QualityTicket, "qt-1", s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}
