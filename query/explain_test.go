package query_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

func explain(t testing.TB, d *querytest.Domain, purpose, sql string) (*query.Explanation, error) {
	t.Helper()
	return d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: purpose, SQL: sql})
}

func codesOf(reasons []query.ReasonView) []string {
	var out []string
	for _, r := range reasons {
		out = append(out, r.Code)
	}
	return out
}

// A refusal tells what analysis, load profile, engine and policy hold against the
// statement, all at once: explain and answer the same.
// Of a function that the list refuses, or keeps to open data, a refusal says so.
func TestARefusedFunctionTellsWhy(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	plainOnly := "it may stand in statements that read no protected data only; use a function that the list allows"
	for sql, want := range map[string]string{
		"SELECT hospital, random() FROM beds":                                   "it gives another answer each time, so that no answer can be checked and suppression can be averaged out; use a function that the list allows",
		"SELECT count(*) FROM persons WHERE version() = name":                   "it tells of the connection, the engine or the host; use a function that the list allows",
		"SELECT median(income) FROM persons":                                    plainOnly,
		"SELECT count(*) FROM persons WHERE birth_date < strftime(now(), '%Y')": plainOnly,
		"SELECT no_such_function(hospital) FROM beds":                           "use a function that the list allows",
		"SELECT count(*) FROM persons WHERE other.upper(name) = 'X'":            "use a function that the list allows",
	} {
		x, err := explain(t, d, querytest.Purpose, sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		i := slices.IndexFunc(x.Reasons, func(r query.ReasonView) bool { return r.Code == "FUNCTION_NOT_ALLOWED" })
		if i < 0 || x.Reasons[i].HintEN != want || x.Reasons[i].HintZH == "" {
			t.Errorf("%s: %+v, want the hint %q", sql, x.Reasons, want)
		}
	}
}

func TestAComparisonOfTwoTypesIsNamedAsItIsWritten(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	for _, op := range []string{"=", "<>", "<", ">", "<=", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"} {
		x, err := explain(t, d, querytest.Purpose, "SELECT count(*) FROM persons WHERE birth_date "+op+" 1960")
		if err != nil || len(x.Reasons) != 1 || x.Reasons[0].Code != "TYPE_MISMATCH" || !strings.HasSuffix(x.Reasons[0].EN, ": "+op) {
			t.Errorf("%s: %+v, %v, want TYPE_MISMATCH of %s", op, x, err, op)
		}
	}
}

func TestARefusalTellsEveryReason(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	d.Apply("sun.health", strings.Replace(mustRead(t, "querytest/city/grants.yaml"), "{name: district, mode: CLEAR}\n---\nkind: Grant\nname: visits-statistics",
		"{name: district, mode: MASKED, recipe: {kind: token}}\n---\nkind: Grant\nname: visits-statistics", 1))
	for _, c := range []struct {
		name, purpose, sql string
		want               []string
	}{
		{"analysis alone", querytest.Purpose, "SELECT income, adress FROM persons ORDER BY income",
			[]string{"COMPUTE_ONLY_PROJECTED", "UNKNOWN_NAME", "COMPUTE_ONLY_ORDER", "COMPUTE_ONLY_RECORDS"}},
		{"policy alone", "AD-TARGETING", "SELECT count(*) FROM beds", []string{"PURPOSE_MISMATCH"}},
		{"analysis and policy", "AD-TARGETING", "SELECT address FROM persons", []string{"NOT_GRANTED", "PURPOSE_MISMATCH"}},
		{"syntax and policy", "AD-TARGETING", "SELECT FROM WHERE", []string{"SYNTAX", "PURPOSE_MISMATCH"}},
		{"no SELECT and policy", "AD-TARGETING", "DROP TABLE persons", []string{"NOT_A_SELECT", "PURPOSE_MISMATCH"}},
		{"load profile alone", querytest.Purpose, "SELECT district FROM persons", []string{"TOKEN_LOW_ENTROPY"}},
		{"load profile and policy", "AD-TARGETING", "SELECT district FROM persons", []string{"TOKEN_LOW_ENTROPY", "PURPOSE_MISMATCH"}},
		{"analysis before the load profile, and policy", "AD-TARGETING", "SELECT district, round(birth_date) AS r FROM persons", []string{"TYPE_MISMATCH", "PURPOSE_MISMATCH"}},
	} {
		x, err := explain(t, d, c.purpose, c.sql)
		if err != nil || x.Verdict != "DENY" {
			t.Errorf("%s: explain %s = %+v, %v, want DENY", c.name, c.sql, x, err)
			continue
		}
		got := codesOf(x.Reasons)
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: %s is refused for %q, want %s among them", c.name, c.sql, got, w)
			}
		}
		for _, r := range x.Reasons {
			if r.ZH == "" || r.EN == "" || r.HintZH == "" || r.HintEN == "" {
				t.Errorf("%s: reason %+v lacks a text or a hint", c.name, r)
			}
		}
		_, err = d.Ask("li.op", querytest.Scenario, c.purpose, c.sql)
		e := query.AsError(err)
		var answered []string
		for _, r := range e.Details {
			answered = append(answered, r.Code)
		}
		if !slices.Equal(answered, got) {
			t.Errorf("%s: answer refuses %s for %q, explain for %q", c.name, c.sql, answered, got)
		}
		if e.Code != got[0] {
			t.Errorf("%s: the error's code is %s, want the first reason's, %s", c.name, e.Code, got[0])
		}
	}
}

// Nothing policy says makes a refusal an allowance: under a license that allows,
// what analysis refuses stays refused.
func TestPolicyNeverLiftsARefusal(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1000}})
	for _, s := range shapes {
		if s.twin == "" {
			continue
		}
		x, err := explain(t, d, querytest.Purpose, s.sql)
		if err != nil {
			t.Errorf("explain %s: %v", s.sql, err)
			continue
		}
		_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, s.sql)
		denied := err != nil && (query.AsError(err).Class == query.ClassDenied || query.AsError(err).Class == query.ClassUsage)
		if denied != (x.Verdict == "DENY") {
			t.Errorf("%s\nis explained as %s %q and answered with %v", s.sql, x.Verdict, codesOf(x.Reasons), err)
		}
	}
}

// Explains are counted by person and minute, in the audit log and for policy, and
// one too many is told so, once in the log.
func TestExplainsAreCountedAndLimited(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 5}})
	d.Advance(time.Minute - time.Duration(d.Now().UnixNano())%time.Minute) // all in one minute
	for i := range 9 {
		_, err := explain(t, d, querytest.Purpose, "SELECT count(*) FROM beds")
		if code := querytest.Code(err); i < 5 && err != nil || i >= 5 && code != "EXPLAIN_RATE" {
			t.Errorf("explain %d gives %v", i+1, err)
		}
	}
	if _, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("sun.health"), Scenario: querytest.Scenario, Purpose: querytest.Purpose,
		SQL: "SELECT count(*) FROM beds"}); querytest.Code(err) == "EXPLAIN_RATE" {
		t.Error("one person's explains count for another")
	}
	var log []string
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "query.explained" && e.Actor == "li.op" {
			log = append(log, fmt.Sprint(e.Fields["nth"], e.Fields["verdict"], e.Fields["refused"]))
		}
	}
	if want := []string{"1ALLOW", "2ALLOW", "3ALLOW", "4ALLOW", "5ALLOW", "0EXPLAIN_RATE"}; !slices.Equal(log, want) {
		t.Errorf("the log has %q, want %q", log, want)
	}
	d.Reopen()
	if _, err := explain(t, d, querytest.Purpose, "SELECT count(*) FROM beds"); querytest.Code(err) != "EXPLAIN_RATE" {
		t.Errorf("after a restart within the minute explain gives %v, want EXPLAIN_RATE", err)
	}
	d.Advance(time.Minute)
	if _, err := explain(t, d, querytest.Purpose, "SELECT count(*) FROM beds"); err != nil {
		t.Errorf("a minute later explain gives %v", err)
	}
}

// Refusals of an hour, of explains and of questions, raise the alert of probing
// once, and policy is told of them.
func TestRefusalsOfAnHourRaiseTheAlert(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	warned := func() bool {
		x, err := explain(t, d, querytest.Purpose, "SELECT count(*) FROM beds")
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(codesOf(x.Warnings), "PROBING_SUSPECTED")
	}
	alerts := func() (out []query.AuditEntry) {
		for _, e := range d.Audit("feng.audit") {
			if e.Kind == "alert.raised" && e.Fields["rule"] == "probing" {
				out = append(out, e)
			}
		}
		return out
	}
	for i := range 29 {
		if i%3 == 0 {
			_, _ = d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT address FROM persons")
		} else if _, err := explain(t, d, querytest.Purpose, fmt.Sprintf("SELECT guess%d FROM persons", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(alerts()); n != 0 || warned() {
		t.Errorf("after 29 refusals there are %d alerts", n)
	}
	d.Reopen()
	for range 3 {
		if _, err := explain(t, d, querytest.Purpose, "SELECT address FROM persons"); err != nil {
			t.Fatal(err)
		}
	}
	raised := alerts()
	if len(raised) != 1 || raised[0].Fields["subject"] != "li.op" || raised[0].Zone != "medical" || raised[0].Fields["count"] != "30" {
		t.Errorf("after 32 refusals, with a restart between, the alerts are %+v, want one of 30 refusals", raised)
	}
	if !warned() {
		t.Error("policy is not told of 32 refusals")
	}
	d.Advance(61 * time.Minute)
	if warned() {
		t.Error("policy is told of refusals of the hour before")
	}
	// Whoever tries names of scenarios is told of none, and is seen.
	for i := range 31 {
		req := query.Request{Subject: d.Subject("li.op"), Scenario: fmt.Sprintf("guess-%d", i), Purpose: querytest.Purpose, SQL: "SELECT 1"}
		if i%2 == 1 {
			_, _ = d.Engine.Answer(t.Context(), req)
		} else {
			_, _ = d.Engine.Explain(t.Context(), req)
		}
		if n := len(alerts()); i < 29 && n != 1 || i >= 29 && n != 2 {
			t.Fatalf("after %d names of scenarios that are not there the log has %d alerts, the first of them of the hour before", i+1, n)
		}
	}
}

func mustRead(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
