package query_test

import (
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// looks counts the looks at outputs in the log.
func looks(d *querytest.Domain) (n int) {
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "review.shown" {
			n++
		}
	}
	return n
}

// Records of level 3 wait for two people of two organizations. Each sees why, and the
// table as it would leave while it waits; whoever asked sees it when it has left. One
// signature releases nothing, and each look is in the log before it.
func TestTwoPeopleLookAtRecordsBeforeTheyLeave(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT name, birth_date, district FROM persons ORDER BY name LIMIT 5")
	run := querytest.RunOf(t, err)
	rows := func(who string, from int64, n int) (*query.ReviewRows, string) {
		r, err := d.Engine.ReviewRows(t.Context(), d.Subject(who), run, from, n)
		return r, querytest.Code(err)
	}
	settle := func(who, want string) {
		t.Helper()
		if _, err := d.Engine.Settle(t.Context(), d.Subject(who), run, true, "NJ24-15"); querytest.Code(err) != want {
			t.Fatalf("%s approves: %q, want %q", who, querytest.Code(err), want)
		}
	}
	resume := func(want string) {
		t.Helper()
		if _, err := d.Resume("li.op", run); querytest.Code(err) != want {
			t.Fatalf("li.op resumes: %q, want %q", querytest.Code(err), want)
		}
	}
	if _, code := rows("sun.health", 1, 5); code != "RUN_STATE" {
		t.Errorf("rows before it ran: %q, want RUN_STATE", code)
	}
	settle("sun.health", "")
	resume("OUTPUT_IN_REVIEW")

	items, err := d.Engine.Reviews(t.Context(), d.Subject("sun.health"))
	if err != nil || len(items) != 1 {
		t.Fatalf("sun.health is to review %+v, %v", items, err)
	}
	var why []string
	for _, w := range items[0].Why {
		why = append(why, w.Code)
		if len(w.Articles) == 0 || w.ZH == "" || w.EN == "" {
			t.Errorf("a reason without article or text: %+v", w)
		}
	}
	if items[0].Level != 4 || items[0].Due == nil || !slices.Equal(why, []string{"RELEASE_REVIEW", "RELEASE_REVIEW"}) {
		t.Errorf("it waits with %+v", items[0])
	}

	// That people approved the statement does not have one of them run another of it.
	if _, err := coarsen(t, d, "sun.health", run, query.Coarsening{K: 100}); querytest.Code(err) != "COARSEN_REFUSED" {
		t.Errorf("made coarser: %v, want COARSEN_REFUSED", err)
	}

	for _, c := range []struct {
		who     string
		from    int64
		n, want int
		code    string
	}{
		{"sun.health", 1, 5, 5, ""}, {"zheng.police", 4, 10, 2, ""}, {"sun.health", 9, 5, 0, ""},
		{"sun.health", 0, 5, 0, "BAD_REQUEST"}, {"sun.health", 1, 0, 0, "BAD_REQUEST"}, {"sun.health", 1, 1001, 0, "BAD_REQUEST"},
		{"li.op", 1, 5, 0, "ROLE_REQUIRED"}, {"qian.hospital", 1, 5, 0, "NOT_FOUND"}, {"wu.dc", 1, 5, 0, "NOT_FOUND"}, {querytest.Founder, 1, 5, 0, "NOT_FOUND"},
	} {
		before := looks(d)
		r, code := rows(c.who, c.from, c.n)
		if code != c.code || code == "" && (r.Total != 5 || r.Rows != c.want || len(r.Columns[0].Cells) != c.want) {
			t.Errorf("%s sees rows from %d: %+v, %q, want %d, %q", c.who, c.from, r, code, c.want, c.code)
		}
		if got := looks(d) - before; (code == "") != (got == 1) {
			t.Errorf("%s looked: %d entries in the log", c.who, got)
		}
	}

	settle("li.op", "NOT_FOUND")
	seen, _ := rows("sun.health", 1, 5)
	settle("sun.health", "")
	resume("OUTPUT_IN_REVIEW")
	settle("sun.health", "ROLE_REQUIRED")
	settle("zheng.police", "")
	if _, code := rows("zheng.police", 1, 5); code != "RUN_STATE" {
		t.Errorf("rows after the last word: %q, want RUN_STATE", code)
	}
	a, err := d.Resume("li.op", run)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for i, row := range d.Open("li.op", a).Rows {
		for j, cell := range row {
			if *seen.Columns[j].Cells[i] != cell {
				t.Errorf("row %d column %d left as %q and was shown as %q", i, j, cell, *seen.Columns[j].Cells[i])
			}
		}
	}
}

// lookedAt has people look at all that leaves.
const lookedAt = `package zonebox.expert.x

demand contains {
	"review": "release_review",
	"code": "EXPERT_LOOKED_AT",
	"article": "NJ24-14",
	"about": "",
	"zh": "须人工审核",
	"en": "people look at it",
}
`

// A cell that a rule hides is shown with the rule and without its value, and what the
// output is compared with is for the zone's regulator alone.
func TestReviewersSeeTheRuleInPlaceOfTheValue(t *testing.T) {
	t.Parallel()
	d := querytest.CityOf(t, querytest.Options{Idle: 1, Ledger: true}, costly())
	inForce(t, d, 3, lookedAt, time.Time{})
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, count(*) AS n, sum(cost) AS s FROM visits GROUP BY district ORDER BY district")
	run := querytest.RunOf(t, err)
	if querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	r, err := d.Engine.ReviewRows(t.Context(), d.Subject("sun.health"), run, 1, 100)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	article := []string{"NJ24-14", "NJ24-16"}
	want := []query.WithheldCell{{Row: 4, Output: 3, Rule: "DOMINANCE", Articles: article}, {Row: 4, Output: 3, Rule: "P_PERCENT", Articles: article}}
	if !reflect.DeepEqual(r.Withheld, want) {
		t.Errorf("withheld %+v, want %+v", r.Withheld, want)
	}
	var sums []string
	for _, cell := range r.Columns[2].Cells {
		if cell == nil {
			sums = append(sums, "∅")
			continue
		}
		sums = append(sums, *cell)
	}
	if got := strings.Join(sums, " "); got != "15610 30010 11303.75 ∅" {
		t.Errorf("sums are shown as %s", got)
	}
	for who, figures := range map[string][]string{"sun.health": {"count", "visits.cost"}, "qian.hospital": nil} {
		detail, err := d.Engine.Review(t.Context(), d.Subject(who), run)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		var got []string
		for _, c := range detail.Compared {
			got = append(got, c.Figures...)
		}
		if !slices.Equal(got, figures) || !detail.Shows {
			t.Errorf("%s: compared %q, shows %t, want %q", who, got, detail.Shows, figures)
		}
	}
	// Made of protected columns: a demand for one review is one for two.
	item, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), run, true, "NJ24-15")
	if err != nil || item.State != "REVIEWING_SECOND" {
		t.Fatalf("after one signature %+v, %v", item, err)
	}
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Errorf("one signature: %q, want OUTPUT_IN_REVIEW", querytest.Code(err))
	}
	if _, err := d.Engine.Settle(t.Context(), d.Subject("qian.hospital"), run, true, "NJ24-15"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Resume("li.op", run); err != nil {
		t.Errorf("two signatures: %s", querytest.Text(err))
	}
}

// during has something done once: when the gate looks at its clock in a function.
func during(d *querytest.Domain, function string, do func()) {
	now, done := d.Config.Now, false
	d.Config.Now = func() time.Time {
		if !done && strings.Contains(string(debug.Stack()), function) {
			done = true
			do()
		}
		return now()
	}
	d.Reopen()
}

// What has stopped waiting is shown to nobody, also if it stopped during the look.
func TestWhatNoLongerWaitsIsNotShown(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	look := func(run, want string) {
		t.Helper()
		before := looks(d)
		r, err := d.Engine.ReviewRows(t.Context(), d.Subject("sun.health"), run, 1, 100)
		if querytest.Code(err) != want || (want == "") != (r != nil) || looks(d)-before != map[bool]int{true: 1}[want == ""] {
			t.Errorf("rows are %v, %v, by %d entries in the log, want %q", r, err, looks(d)-before, want)
		}
	}
	frozen, ran := pends(t, d, counted), pends(t, d, counted+" HAVING count(*) > 15")
	look(frozen, "")
	if _, err := d.Engine.MoveOutput(t.Context(), d.Subject("wu.dc"), frozen, "freeze", "NJ24-23"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	look(frozen, "RUN_STATE")

	signed := pends(t, d, earned)
	look(signed, "")
	during(d, "(*showing).decide", func() { d.Approve("sun.health", signed) })
	look(signed, "RUN_STATE")
	look(signed, "") // as it waits now

	look(ran, "")
	d.Advance(31 * 24 * time.Hour)
	look(ran, "APPROVAL_EXPIRED")
}
