package workflow_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"zonebox/workflow"
)

var (
	toAssessing = []step{{"submit", olga, ""}, {"accept", engine, ""}}
	toReviewing = append(slices.Clone(toAssessing), step{"assess", zoe, "d1"})
	toGranted   = append(slices.Clone(toReviewing), step{"approve", paul, "d1"})
	toRejected  = append(slices.Clone(toReviewing), step{"reject", paul, ""})
)

// requestWays leads to every state of a data request, which olga starts.
var requestWays = map[workflow.State][]step{
	"DRAFT":          nil,
	"SUBMITTED":      {{"submit", olga, ""}},
	"ZREG_ASSESSING": toAssessing,
	"PROV_REVIEWING": toReviewing,
	"APPROVED":       toGranted,
	"SHARED":         append(slices.Clone(toGranted), step{"share", engine, ""}),
	"LOADED":         append(slices.Clone(toGranted), step{"share", engine, ""}, step{"load", engine, ""}),
	"RETURNED":       append(slices.Clone(toAssessing), step{"return", zoe, ""}),
	"REJECTED":       toRejected,
	"DISPUTED":       append(slices.Clone(toRejected), step{"dispute", olga, ""}),
	"REVOKED":        append(slices.Clone(toGranted), step{"revoke", paul, ""}),
	"LAPSED":         append(slices.Clone(toGranted), step{"lapse", engine, ""}),
}

// requestMoves is what the requirements allow (4.2; NJ24-15, SY20-20, SY20-21): by
// state and move, where it leads and who may. All else is refused.
var requestMoves = map[[2]string]led{
	{"DRAFT", "submit"}:           {"SUBMITTED", []string{"operator"}},
	{"SUBMITTED", "accept"}:       {"ZREG_ASSESSING", []string{"engine"}},
	{"ZREG_ASSESSING", "assess"}:  {"PROV_REVIEWING", []string{"zone_regulator"}},
	{"ZREG_ASSESSING", "return"}:  {"RETURNED", []string{"zone_regulator"}},
	{"ZREG_ASSESSING", "reject"}:  {"REJECTED", []string{"zone_regulator"}},
	{"ZREG_ASSESSING", "dispute"}: {"DISPUTED", []string{"operator", "zone_regulator", "provider"}},
	{"ZREG_ASSESSING", "lapse"}:   {"LAPSED", []string{"engine"}},
	{"PROV_REVIEWING", "agree"}:   {"PROV_REVIEWING", []string{"provider"}},
	{"PROV_REVIEWING", "approve"}: {"APPROVED", []string{"provider"}},
	{"PROV_REVIEWING", "return"}:  {"RETURNED", []string{"provider"}},
	{"PROV_REVIEWING", "reject"}:  {"REJECTED", []string{"provider"}},
	{"PROV_REVIEWING", "dispute"}: {"DISPUTED", []string{"operator", "zone_regulator", "provider"}},
	{"PROV_REVIEWING", "lapse"}:   {"LAPSED", []string{"engine"}},
	{"REJECTED", "dispute"}:       {"DISPUTED", []string{"operator", "zone_regulator", "provider"}},
	{"DISPUTED", "uphold"}:        {"REJECTED", []string{"city_authority"}},
	{"DISPUTED", "resume"}:        {"ZREG_ASSESSING", []string{"city_authority"}},
	{"DISPUTED", "lapse"}:         {"LAPSED", []string{"engine"}},
	{"APPROVED", "share"}:         {"SHARED", []string{"engine"}},
	{"APPROVED", "revoke"}:        {"REVOKED", []string{"provider", "zone_regulator", "city_authority"}},
	{"APPROVED", "lapse"}:         {"LAPSED", []string{"engine"}},
	{"SHARED", "load"}:            {"LOADED", []string{"engine"}},
	{"SHARED", "revoke"}:          {"REVOKED", []string{"provider", "zone_regulator", "city_authority"}},
	{"SHARED", "lapse"}:           {"LAPSED", []string{"engine"}},
	{"LOADED", "revoke"}:          {"REVOKED", []string{"provider", "zone_regulator", "city_authority"}},
	{"LOADED", "lapse"}:           {"LAPSED", []string{"engine"}},
}

func TestEveryStateMoveAndRoleOfADataRequest(t *testing.T) {
	r := store(t)
	from := func(way []step, f func(*sql.Tx)) { request(t, r, way, f) }
	everyMove(t, workflow.DataRequest, "dr-1", requestWays, requestMoves, 37, from, func(move string) string {
		if move == "assess" || move == "approve" {
			return "d1"
		}
		return ""
	})
}

// One person is never both, nor are two of one organization; whoever asked reviews
// nothing, nor does anybody of that organization; who has no part has none (NJ24-15).
func TestWhoMayNotSettleADataRequest(t *testing.T) {
	r := store(t)
	both := workflow.Actor{User: "zoe", Org: "health", Roles: []string{"zone_regulator", "provider"}}
	colleague := workflow.Actor{User: "zack", Org: "health", Roles: []string{"provider"}}
	self := workflow.Actor{User: "olga", Org: "health", Roles: []string{"operator", "zone_regulator"}}
	own := workflow.Actor{User: "oscar", Org: "medco", Roles: []string{"zone_regulator", "provider"}}
	pia := workflow.Actor{User: "pia", Org: "clinic", Roles: []string{"provider"}}
	zita := workflow.Actor{User: "zita", Org: "transport", Roles: []string{"zone_regulator"}}
	otto := workflow.Actor{User: "otto", Org: "otherco", Roles: []string{"operator"}}
	medco := []workflow.Party{{Role: "zone_regulator", Org: "medco"}, {Role: "provider", Org: "medco"}}
	health := []workflow.Party{{Role: "provider", Org: "health"}}
	for _, c := range []struct {
		way     workflow.State
		move    string
		by      workflow.Actor
		parties []workflow.Party
		want    error
	}{
		{"PROV_REVIEWING", "approve", both, health, workflow.ErrSamePerson},
		{"PROV_REVIEWING", "approve", colleague, health, workflow.ErrSameOrg},
		{"ZREG_ASSESSING", "assess", self, nil, workflow.ErrSelf},
		{"ZREG_ASSESSING", "assess", own, medco, workflow.ErrSameOrg},
		{"PROV_REVIEWING", "approve", own, medco, workflow.ErrSameOrg},
		{"ZREG_ASSESSING", "reject", own, medco, workflow.ErrSameOrg},
		{"ZREG_ASSESSING", "return", own, medco, workflow.ErrSameOrg},
		{"PROV_REVIEWING", "approve", pia, nil, workflow.ErrParty},
		{"ZREG_ASSESSING", "assess", zita, nil, workflow.ErrParty},
		{"REJECTED", "dispute", otto, nil, workflow.ErrParty},
		{"LOADED", "revoke", pia, nil, workflow.ErrParty},
		{"ZREG_ASSESSING", "approve", paul, nil, workflow.ErrState}, // before the regulator
	} {
		request(t, r, requestWays[c.way], func(tx *sql.Tx) {
			if _, err := workflow.Do(t.Context(), tx, workflow.DataRequest, "dr-1", c.move, c.by, at, workflow.Note{Input: "d1"}); !errors.Is(err, c.want) {
				t.Errorf("%s %s by %s of %s: %v, want %v", c.way, c.move, c.by.User, c.by.Org, err, c.want)
			}
		}, c.parties...)
	}
}

// What the provider approves is what the regulator assessed; after a dispute all is
// assessed anew, and by whoever did before.
func TestADisputeLetsADataRequestBeAssessedAnew(t *testing.T) {
	r, m := store(t), workflow.DataRequest
	request(t, r, toReviewing, func(tx *sql.Tx) {
		if _, err := workflow.Do(t.Context(), tx, m, "dr-1", "approve", paul, at, workflow.Note{Input: "d2"}); !errors.Is(err, workflow.ErrInput) {
			t.Errorf("approving other grants: %v, want ErrInput", err)
		}
	})
	again := append(slices.Clone(requestWays["DISPUTED"]), step{"resume", carol, ""}, step{"assess", zoe, "d2"})
	request(t, r, again, func(tx *sql.Tx) {
		if _, err := workflow.Do(t.Context(), tx, m, "dr-1", "approve", paul, at, workflow.Note{Input: "d1"}); !errors.Is(err, workflow.ErrInput) {
			t.Errorf("approving the grants of before: %v, want ErrInput", err)
		}
		if to, err := workflow.Do(t.Context(), tx, m, "dr-1", "approve", paul, at, workflow.Note{Input: "d2"}); err != nil || to != "APPROVED" {
			t.Errorf("approving what was assessed anew: %s, %v", to, err)
		}
	})
}

// A grant leads to the request it comes of.
func TestADataRequestConcernsItsGrants(t *testing.T) {
	r := store(t)
	request(t, r, toReviewing, func(tx *sql.Tx) {
		if err := workflow.Concern(t.Context(), tx, workflow.DataRequest, "dr-1", "g-1", "g-2", "g-1"); err != nil {
			t.Fatal(err)
		}
		for subject, want := range map[string][]string{"g-2": {"dr-1"}, "g-3": nil} {
			if got, err := workflow.Concerned(t.Context(), tx, workflow.DataRequest, subject); err != nil || !slices.Equal(got, want) {
				t.Errorf("about %s: %v, %v, want %v", subject, got, err, want)
			}
		}
		if got, err := workflow.Concerned(t.Context(), tx, workflow.CatalogueEdition, "g-1"); err != nil || got != nil {
			t.Errorf("of another machine: %v, %v, want none", got, err)
		}
	})
}

// request starts one by olga, makes the moves, calls f and rolls back.
func request(t *testing.T, r database, way []step, f func(*sql.Tx), more ...workflow.Party) {
	t.Helper()
	tx, err := r.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := workflow.Start(t.Context(), tx, workflow.DataRequest, "dr-1", olga, at, slices.Concat(parties, more)...); err != nil {
		t.Fatal(err)
	}
	for _, s := range way {
		if _, err := workflow.Do(t.Context(), tx, workflow.DataRequest, "dr-1", s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}
