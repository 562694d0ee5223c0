package workflow_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"zonebox/workflow"
)

// editionWays leads to every state of an edition, which paul starts.
var editionWays = map[workflow.State][]step{
	"DRAFT":     nil,
	"SUBMITTED": {{"submit", paul, "d1"}},
	"APPROVED":  {{"submit", paul, "d1"}, {"approve", carol, "d1"}},
	"PUBLISHED": {{"submit", paul, "d1"}, {"approve", carol, "d1"}, {"publish", carol, "d1"}},
	"CHANGED":   {{"submit", paul, "d1"}, {"approve", carol, "d1"}, {"publish", carol, "d1"}, {"change", paul, ""}},
	"RETIRED":   {{"submit", paul, "d1"}, {"approve", carol, "d1"}, {"publish", carol, "d1"}, {"retire", paul, ""}},
	"REJECTED":  {{"submit", paul, "d1"}, {"reject", carol, ""}},
	"WITHDRAWN": {{"withdraw", paul, ""}},
}

// editionMoves is what the requirements allow (4.9; NJ19-16, NJ19-18, JM19-35): by
// state and move, where it leads and who may. All else is refused.
var editionMoves = map[[2]string]led{
	{"DRAFT", "draft"}:         {"DRAFT", []string{"provider"}},
	{"DRAFT", "submit"}:        {"SUBMITTED", []string{"provider"}},
	{"DRAFT", "withdraw"}:      {"WITHDRAWN", []string{"provider"}},
	{"SUBMITTED", "concur"}:    {"SUBMITTED", []string{"zone_regulator"}},
	{"SUBMITTED", "approve"}:   {"APPROVED", []string{"city_authority"}},
	{"SUBMITTED", "return"}:    {"DRAFT", []string{"city_authority"}},
	{"SUBMITTED", "reject"}:    {"REJECTED", []string{"city_authority"}},
	{"SUBMITTED", "withdraw"}:  {"WITHDRAWN", []string{"provider"}},
	{"APPROVED", "return"}:     {"DRAFT", []string{"city_authority"}},
	{"APPROVED", "publish"}:    {"PUBLISHED", []string{"city_authority", "provider"}},
	{"APPROVED", "withdraw"}:   {"WITHDRAWN", []string{"provider"}},
	{"PUBLISHED", "change"}:    {"CHANGED", []string{"provider", "city_authority"}},
	{"PUBLISHED", "retire"}:    {"RETIRED", []string{"provider", "city_authority"}},
	{"PUBLISHED", "supersede"}: {"RETIRED", []string{"engine"}},
	{"CHANGED", "retire"}:      {"RETIRED", []string{"provider", "city_authority"}},
	{"CHANGED", "supersede"}:   {"RETIRED", []string{"engine"}},
}

func TestEveryStateMoveAndRoleOfAnEdition(t *testing.T) {
	r := store(t)
	from := func(way []step, f func(*sql.Tx)) { edition(t, r, way, f) }
	everyMove(t, workflow.CatalogueEdition, "visits.1", editionWays, editionMoves, 20, from, func(move string) string {
		if slices.Contains([]string{"submit", "approve", "publish"}, move) {
			return "d1"
		}
		return ""
	})
}

// Who wrote an edition never approves it, nor does anybody of that organization;
// another provider and another zone's regulator have no part in it.
func TestWhoHasNoPartInAnEdition(t *testing.T) {
	r, m := store(t), workflow.CatalogueEdition
	both := workflow.Actor{User: "paul", Org: "hospital", Roles: []string{"provider", "city_authority"}}
	colleague := workflow.Actor{User: "pete", Org: "hospital", Roles: []string{"city_authority"}}
	pia := workflow.Actor{User: "pia", Org: "clinic", Roles: []string{"provider"}}
	zita := workflow.Actor{User: "zita", Org: "transport", Roles: []string{"zone_regulator"}}
	for _, c := range []struct {
		way  string
		move string
		by   workflow.Actor
		want error
	}{
		{"SUBMITTED", "approve", both, workflow.ErrSelf}, {"SUBMITTED", "approve", colleague, workflow.ErrSameOrg},
		{"SUBMITTED", "reject", both, workflow.ErrSelf}, {"DRAFT", "submit", pia, workflow.ErrParty},
		{"APPROVED", "publish", pia, workflow.ErrParty}, {"PUBLISHED", "retire", pia, workflow.ErrParty},
		{"SUBMITTED", "concur", zita, workflow.ErrParty},
	} {
		edition(t, r, editionWays[workflow.State(c.way)], func(tx *sql.Tx) {
			_, err := workflow.Do(t.Context(), tx, m, "visits.1", c.move, c.by, at, workflow.Note{Input: "d1"})
			if !errors.Is(err, c.want) {
				t.Errorf("%s by %s of %s: %v, want %v", c.move, c.by.User, c.by.Org, err, c.want)
			}
		})
	}
}

// What is published is what was approved, to the letter; after a return it is bound
// anew, and the same reviewer may approve it then.
func TestAnApprovalOfAnEditionPinsWhatItSaw(t *testing.T) {
	r, m := store(t), workflow.CatalogueEdition
	edition(t, r, editionWays["APPROVED"], func(tx *sql.Tx) {
		if _, err := workflow.Do(t.Context(), tx, m, "visits.1", "publish", carol, at, workflow.Note{Input: "d2"}); !errors.Is(err, workflow.ErrInput) {
			t.Errorf("publishing another text: %v, want ErrInput", err)
		}
	})
	again := append(slices.Clone(editionWays["SUBMITTED"]), step{"return", carol, ""}, step{"submit", paul, "d2"})
	edition(t, r, again, func(tx *sql.Tx) {
		if _, err := workflow.Do(t.Context(), tx, m, "visits.1", "approve", carol, at, workflow.Note{Input: "d1"}); !errors.Is(err, workflow.ErrInput) {
			t.Errorf("approving the text of before: %v, want ErrInput", err)
		}
		if _, err := workflow.Do(t.Context(), tx, m, "visits.1", "approve", carol, at, workflow.Note{Input: "d2"}); err != nil {
			t.Errorf("approving what came again: %v", err)
		}
	})
}

// edition starts an edition by paul, makes the moves, calls f and rolls back.
func edition(t *testing.T, r database, way []step, f func(*sql.Tx)) {
	t.Helper()
	tx, err := r.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := workflow.Start(t.Context(), tx, workflow.CatalogueEdition, "visits.1", paul, at, parties...); err != nil {
		t.Fatal(err)
	}
	for _, s := range way {
		if _, err := workflow.Do(t.Context(), tx, workflow.CatalogueEdition, "visits.1", s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}
