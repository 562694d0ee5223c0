package workflow_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"zonebox/workflow"
)

// toSigning leads the course that olga starts to its last signature.
var toSigning = []step{
	{"apply", olga, ""}, {"check", carol, ""}, {"assess", zoe, "r1"}, {"review", carol, "r1"}, {"consent", carol, ""}, {"publish", carol, ""},
	{"draft", carol, "d1"}, {"sign", olga, "d1"}, {"sign", zoe, "d1"}, {"sign", carol, "d1"},
}

func courseTo(n int, more ...step) []step { return append(slices.Clone(toSigning[:n]), more...) }

// agreementWays leads to every state of the course of a license.
var agreementWays = map[workflow.State][]step{
	"CALL_OPEN":     nil,
	"APPLIED":       courseTo(1),
	"MATERIALS_OK":  courseTo(2),
	"REVIEWED":      courseTo(4),
	"GOV_CONSENTED": courseTo(5),
	"PUBLISHED":     courseTo(6),
	"DRAFTED":       courseTo(7),
	"SIGNING":       courseTo(8),
	"ACTIVE":        courseTo(10, step{"activate", carol, "d1"}),
	"SUSPENDED":     courseTo(10, step{"activate", carol, "d1"}, step{"suspend", carol, ""}),
	"TERMINATED":    courseTo(10, step{"activate", carol, "d1"}, step{"terminate", zoe, ""}),
	"EXPIRED":       courseTo(10, step{"activate", carol, "d1"}, step{"expire", engine, ""}),
	"OFFBOARDING":   courseTo(10, step{"activate", carol, "d1"}, step{"expire", engine, ""}, step{"offboard", dave, ""}),
	"CLOSED":        courseTo(10, step{"activate", carol, "d1"}, step{"expire", engine, ""}, step{"offboard", dave, ""}, step{"close", aud, ""}),
	"REJECTED":      courseTo(1, step{"reject", carol, ""}),
	"WITHDRAWN":     courseTo(1, step{"withdraw", olga, ""}),
}

var (
	byCity, byOperator = []string{"city_authority"}, []string{"operator"}
	byBoth             = []string{"city_authority", "zone_regulator"}
	byParties          = []string{"operator", "zone_regulator", "city_authority"}
)

// agreementMoves is requirements 4.1: by state and move, where it leads and who may.
// All else is refused: no step is skipped.
var agreementMoves = map[[2]string]led{
	{"CALL_OPEN", "apply"}:        {"APPLIED", byOperator},
	{"APPLIED", "check"}:          {"MATERIALS_OK", byCity},
	{"APPLIED", "reject"}:         {"REJECTED", byCity},
	{"MATERIALS_OK", "assess"}:    {"MATERIALS_OK", []string{"zone_regulator"}},
	{"MATERIALS_OK", "review"}:    {"REVIEWED", byCity},
	{"MATERIALS_OK", "reject"}:    {"REJECTED", byCity},
	{"REVIEWED", "consent"}:       {"GOV_CONSENTED", byCity},
	{"REVIEWED", "reject"}:        {"REJECTED", byCity},
	{"GOV_CONSENTED", "publish"}:  {"PUBLISHED", byCity},
	{"GOV_CONSENTED", "reject"}:   {"REJECTED", byCity},
	{"PUBLISHED", "draft"}:        {"DRAFTED", byCity},
	{"DRAFTED", "draft"}:          {"DRAFTED", byCity},
	{"SIGNING", "draft"}:          {"DRAFTED", byCity},
	{"DRAFTED", "sign"}:           {"SIGNING", byParties},
	{"SIGNING", "sign"}:           {"SIGNING", byParties},
	{"SIGNING", "activate"}:       {"ACTIVE", byCity},
	{"ACTIVE", "suspend"}:         {"SUSPENDED", byBoth},
	{"ACTIVE", "terminate"}:       {"TERMINATED", byBoth},
	{"ACTIVE", "expire"}:          {"EXPIRED", []string{"engine"}},
	{"SUSPENDED", "resume"}:       {"ACTIVE", byBoth},
	{"SUSPENDED", "terminate"}:    {"TERMINATED", byBoth},
	{"SUSPENDED", "expire"}:       {"EXPIRED", []string{"engine"}},
	{"TERMINATED", "offboard"}:    {"OFFBOARDING", []string{"data_centre"}},
	{"EXPIRED", "offboard"}:       {"OFFBOARDING", []string{"data_centre"}},
	{"OFFBOARDING", "close"}:      {"CLOSED", []string{"auditor", "city_authority"}},
	{"CALL_OPEN", "withdraw"}:     {"WITHDRAWN", byOperator},
	{"APPLIED", "withdraw"}:       {"WITHDRAWN", byOperator},
	{"MATERIALS_OK", "withdraw"}:  {"WITHDRAWN", byOperator},
	{"REVIEWED", "withdraw"}:      {"WITHDRAWN", byOperator},
	{"GOV_CONSENTED", "withdraw"}: {"WITHDRAWN", byOperator},
	{"PUBLISHED", "withdraw"}:     {"WITHDRAWN", byOperator},
	{"DRAFTED", "withdraw"}:       {"WITHDRAWN", byOperator},
	{"SIGNING", "withdraw"}:       {"WITHDRAWN", byOperator},
}

func agreement(t *testing.T, r database, way []step, f func(*sql.Tx)) {
	t.Helper()
	tx, err := r.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := workflow.Start(t.Context(), tx, workflow.Agreement, "course-1", olga, at, parties...); err != nil {
		t.Fatal(err)
	}
	for _, s := range way {
		if _, err := workflow.Do(t.Context(), tx, workflow.Agreement, "course-1", s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}

func TestEveryStateMoveAndRoleOfAnAgreement(t *testing.T) {
	r := store(t)
	from := func(way []step, f func(*sql.Tx)) { agreement(t, r, way, f) }
	everyMove(t, workflow.Agreement, "course-1", agreementWays, agreementMoves, 42, from, func(move string) string {
		switch move {
		case "draft", "sign", "activate":
			return "d1"
		case "assess":
			return "r1"
		}
		return ""
	})
}

// Another zone's regulator and another operator have no part in a course; what the
// city enters is what the regulator assessed, and what is signed and comes into force
// is what was drafted last.
func TestWhatAnAgreementIsBoundTo(t *testing.T) {
	r, m := store(t), workflow.Agreement
	zita := workflow.Actor{User: "zita", Org: "transport", Roles: []string{"zone_regulator"}}
	oleg := workflow.Actor{User: "oleg", Org: "rival", Roles: []string{"operator"}}
	for _, c := range []struct {
		way   []step
		move  string
		by    workflow.Actor
		input string
		want  error
	}{
		{courseTo(2), "assess", zita, "r1", workflow.ErrParty},
		{courseTo(1), "withdraw", oleg, "", workflow.ErrParty},
		{courseTo(7), "sign", oleg, "d1", workflow.ErrParty},
		{courseTo(7), "sign", zita, "d1", workflow.ErrParty},
		{agreementWays["ACTIVE"], "suspend", zita, "", workflow.ErrParty},
		{courseTo(3), "review", carol, "r2", workflow.ErrInput},
		{courseTo(2), "review", carol, "r1", workflow.ErrInput},
		{courseTo(7), "sign", olga, "d2", workflow.ErrInput},
		{courseTo(8, step{"draft", carol, "d2"}), "sign", zoe, "d1", workflow.ErrInput},
		{courseTo(10), "activate", carol, "d2", workflow.ErrInput},
	} {
		agreement(t, r, c.way, func(tx *sql.Tx) {
			if _, err := workflow.Do(t.Context(), tx, m, "course-1", c.move, c.by, at, workflow.Note{Input: c.input}); !errors.Is(err, c.want) {
				t.Errorf("%s of %q by %s: %v, want %v", c.move, c.input, c.by.User, err, c.want)
			}
		})
	}
}
