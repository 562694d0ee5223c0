package query_test

import (
	"testing"

	"zonebox/query/querytest"
)

// A recalled output is collected no more, and its requester sees by whom and why
// (4.4, NJ24-23).
func TestARecalledOutputIsCollectedNoMore(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM persons")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Resume("li.op", a.Run); err != nil {
		t.Fatalf("collected again before: %s", querytest.Text(err))
	}
	recall := func(who, move, basis string) error {
		_, err := d.Engine.MoveOutput(t.Context(), d.Subject(who), a.Run, move, basis)
		return err
	}
	for _, c := range []struct{ who, move, basis, want string }{
		{"sun.health", "recall", " ", "BAD_REQUEST"}, {"sun.health", "publish", "x", "BAD_REQUEST"}, {"li.op", "recall", "x", "ROLE_REQUIRED"},
		{"wu.dc", "recall", "x", "ROLE_REQUIRED"}, {"feng.audit", "recall", "x", "ROLE_REQUIRED"}, {"sun.health", "freeze", "x", "RUN_STATE"},
		{"sun.health", "recall", "NJ24-23 泄露风险", ""}, {querytest.Founder, "recall", "x", "RUN_STATE"},
	} {
		if got := querytest.Code(recall(c.who, c.move, c.basis)); got != c.want {
			t.Errorf("%s: %s = %q, want %q", c.who, c.move, got, c.want)
		}
	}
	if _, err := d.Resume("li.op", a.Run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("a recalled output is collected: %v", err)
	}
	shown, err := d.Engine.Review(t.Context(), d.Subject("li.op"), a.Run)
	if err != nil || shown.State != "RECALLED" {
		t.Fatalf("the requester sees %+v, %v", shown, err)
	}
	if last := shown.History[len(shown.History)-1]; last.By != "sun.health" || last.Basis != "NJ24-23 泄露风险" {
		t.Errorf("the notice is %+v", last)
	}
}

// A frozen output is never taken up again, whoever approves it.
func TestAFrozenOutputIsNeverReleased(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT name, birth_date, district FROM persons ORDER BY name LIMIT 5")
	run := querytest.RunOf(t, err)
	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), run, true, "NJ24-14"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err = d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Engine.MoveOutput(t.Context(), d.Subject("wu.dc"), run, "freeze", "NJ24-23"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), run, true, "NJ24-14"); querytest.Code(err) != "RUN_STATE" {
		t.Errorf("a frozen output is approved: %v", err)
	}
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "WITHHELD" {
		t.Errorf("a frozen output is released: %v", err)
	}
}
