package query_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/release"
)

// reviewedStreets are the streets as data that touch public safety: whatever is made of
// them waits for people. It says whether releases are compared.
func reviewedStreets(t *testing.T, compared bool) *querytest.Domain {
	t.Helper()
	return streetsOf(t, streetsPage, compared)
}

func streetsOf(t *testing.T, page string, compared bool) *querytest.Domain {
	t.Helper()
	facts, err := querytest.ParseFacts(page)
	if err != nil {
		t.Fatal(err)
	}
	facts.Datasets[0].Spec.PublicSafety = true
	return querytest.World(t, querytest.Options{Idle: 2, Ledger: compared}, facts, map[string]querytest.Table{"persons": streetsTable()})
}

// counted shows how many live in a street, by sun.health alone; earned what they earn
// beside, which the provider of the register looks at too.
const (
	counted = "SELECT street, count(*) AS n FROM persons GROUP BY street"
	earned  = "SELECT street, count(*) AS n, sum(income) AS s FROM persons GROUP BY street"
)

// pends asks and returns the run, whose output waits.
func pends(t *testing.T, d *querytest.Domain, sql string) string {
	t.Helper()
	_, err := d.Ask("li.op", "statistics", querytest.Purpose, sql)
	if querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatalf("%s = %s", sql, querytest.Text(err))
	}
	return querytest.RunOf(t, err)
}

func merges(column, into string, categories ...string) query.Coarsening {
	return query.Coarsening{Merges: []query.Merge{{Column: column, Categories: categories, Into: into}}}
}

// coarsen has a person make an output coarser and returns the run in its place.
func coarsen(t *testing.T, d *querytest.Domain, who, run string, how query.Coarsening) (string, error) {
	t.Helper()
	item, err := d.Engine.Coarsen(t.Context(), d.Subject(who), run, query.CoarsenOrder{Coarsening: how, Basis: "NJ24-14 组太小"})
	if err != nil {
		return "", err
	}
	return item.Run, nil
}

// collected resumes a run and returns its rows in order, or the code of a refusal.
func collected(t *testing.T, d *querytest.Domain, run string) string {
	t.Helper()
	a, err := d.Resume("li.op", run)
	if err != nil {
		return querytest.Code(err)
	}
	var lines []string
	for _, row := range d.Open("li.op", a).Rows {
		lines = append(lines, strings.Join(row, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// A reviewer makes an output coarser: what comes of it is computed from the rows, of
// groups too small to be shown by themselves too, is told apart from what was asked, and
// waits for all reviewers anew. Nobody gets the old one (disclosure control, one output
// in another's place). Of each person income is 1000 and 7 for each before.
func TestAReviewerMakesAnOutputCoarser(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, true)
	const asShown = "east 40 45460; gate 15 23400; north 50 89375; square 20 41210; west 30 41445"
	before := pends(t, d, earned)
	if state := d.Approve("sun.health", before); state != "REVIEWING_SECOND" {
		t.Fatalf("after the regulator: %s", state)
	}
	merged, err := coarsen(t, d, "zheng.police", before, merges("street", "巷口", "lane", "gate"))
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if state := runState(t, d, before); state != "COARSENED" {
		t.Errorf("what it was made of is %s", state)
	}
	if state := runState(t, d, merged); state != "REVIEWING_FIRST" {
		t.Errorf("what is in its place is %s: those who had signed are to decide anew", state)
	}
	_, err = d.Resume("li.op", before)
	if querytest.Code(err) != "OUTPUT_COARSENED" || querytest.RunOf(t, err) != merged {
		t.Errorf("its requester is told %s", querytest.Text(err))
	}
	if _, err := os.Stat(filepath.Join(d.Config.Domain, "holds", before+".hold")); !os.IsNotExist(err) {
		t.Errorf("its rows are still held: %v", err)
	}
	if got := collected(t, d, merged); got != "OUTPUT_IN_REVIEW" {
		t.Errorf("before anybody agreed = %s", got)
	}
	d.Reopen()

	// Once more, on top of that.
	larger, err := coarsen(t, d, "sun.health", merged, query.Coarsening{K: 20})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, who := range []string{"sun.health", "li.op"} {
		seen, err := d.Engine.Review(t.Context(), d.Subject(who), larger)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		how, err := json.Marshal(seen.Coarsened)
		want := `{"from":"` + merged + `","by":"sun.health","k":20,"merges":[{"column":"street","categories":["lane","gate"],"into":"巷口"}]}`
		if who == "li.op" {
			want = `{"from":"` + merged + `","by":"sun.health","k":20,"merges":[{"column":"street"}]}`
		}
		if err != nil || string(how) != want {
			t.Errorf("%s sees %s, %v, want %s", who, how, err, want)
		}
		if text, err := json.Marshal(seen); err != nil || who == "li.op" && strings.Contains(string(text), "lane") {
			t.Errorf("its requester sees what was merged: %s, %v", text, err)
		}
	}
	d.Approve("sun.health", larger)
	if got := collected(t, d, larger); got != "OUTPUT_IN_REVIEW" {
		t.Errorf("after one of two = %s", got)
	}
	d.Approve("zheng.police", larger)
	a, err := d.Resume("li.op", larger)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got, want := collected(t, d, larger), "east 40 45460; north 50 89375; square 20 41210; west 30 41445"; got != want {
		t.Errorf("with groups of 20 and more = %s, want %s", got, want)
	}
	header, _, err := release.Inspect(a.Artifact.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(header.Label.Notes, "\n")
	if !strings.Contains(notes, "最小分组提高到 20 / on review the minimum group was raised to 20") || !strings.Contains(notes, "列 street 的部分类别已合并 / on review categories of column street were merged") {
		t.Errorf("its notes are %q", notes)
	}
	if k := header.Label.Evidence.Rules[0]; k.Rule != "min_group" || k.Figures["k"] != "20" {
		t.Errorf("its evidence says %+v", header.Label.Evidence.Rules)
	}

	// What is in the place of another is compared as any other is, and the other is not
	// any more: that a statement of the same groups leaves as it was asked is right.
	again := pends(t, d, earned)
	d.Approve("sun.health", again)
	d.Approve("zheng.police", again)
	if got := collected(t, d, again); got != asShown {
		t.Errorf("as it was asked = %s, want %s", got, asShown)
	}
	// What reviewers had run is nobody's question.
	day := d.Now().Format("2006-01-02")
	use, err := d.Engine.Use(t.Context(), d.Subject("li.op"), query.Period{From: day, To: day})
	if err != nil || len(use.Rows) != 1 || use.Rows[0].Runs != 2 || use.Rows[0].Outputs != 2 || use.Rows[0].Scanned != 1000 {
		t.Errorf("its operator's use is %+v, %v, want two runs and two outputs", use, err)
	}
	if person, operator, err := query.Asked(t.Context(), d.Engine, "li.op", "huiyi"); err != nil || person != 2 || operator != 2 {
		t.Errorf("the person asked %d and the operator %d, %v, want two of each", person, operator, err)
	}
	text, err := json.Marshal(d.Audit(querytest.Founder))
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range []string{"lane", "巷口"} {
		if strings.Contains(string(text), cell) || strings.Contains(d.Log.String(), cell) || strings.Contains(notes, cell) {
			t.Errorf("%s, which is a cell, is in the log, the audit log or the label", cell)
		}
	}
	var how []string
	for _, entry := range d.Audit(querytest.Founder) {
		if entry.Kind == "review.coarsened" {
			how = append(how, entry.Actor+" "+entry.Run+" "+entry.Fields["into"]+" "+entry.Fields["how"])
		}
	}
	if want := []string{"zheng.police " + before + " " + merged + " merge=street", "sun.health " + merged + " " + larger + " k=20 merge=street"}; !slices.Equal(how, want) {
		t.Errorf("the log has %q, want %q", how, want)
	}
}

// A merged category has the rows of all that it is made of, in whatever is asked of them.
func TestAMergedCategoryIsComputedFromItsRows(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	for _, c := range []struct {
		name, sql string
		how       query.Coarsening
		want      string
	}{
		{"one hidden makes another larger", counted, query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"lane", "gate"}, Into: "small"}}},
			"east 40; north 50; small 18; square 20; west 30"},
		{"into one that is there", counted, query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"lane"}, Into: "gate"}}},
			"east 40; gate 18; north 50; square 20; west 30"},
		{"two hidden that are too few together", counted, query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"lane", "court"}, Into: "small"}}},
			"east 40; gate 15; north 50; square 20; west 30"},
		{"one after the other", counted, query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"lane", "gate"}, Into: "small"}, {Column: "street", Categories: []string{"small", "court"}, Into: "rest"}}},
			"east 40; north 50; rest 22; square 20; west 30"},
		{"none is called so", counted, query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"nowhere"}, Into: "small"}}},
			"east 40; gate 15; north 50; square 20; west 30"},
		{"an average, a ratio and how many there are of it", "SELECT street, avg(income) AS a, sum(income) / count(income) AS r, count(DISTINCT sex) AS x FROM persons GROUP BY street",
			query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"east", "west", "lane", "gate", "north", "court"}, Into: "all others"}}},
			"all others 1493.5 1493.5 2; square 2060.5 2060.5 2"},
		{"in an order, with a limit", counted + " ORDER BY street DESC LIMIT 2", query.Coarsening{Merges: []query.Merge{{Column: "street", Categories: []string{"lane", "gate"}, Into: "small"}}},
			"square 20; west 30"},
		{"rounded, what is hidden stays so", "SELECT street, count(*) AS n, sum(income) AS s FROM persons GROUP BY street", query.Coarsening{Round: 25},
			"east 50 45450; gate 25 23400; north 50 89375; square 25 41200; west 25 41450"},
		{"rounded once they are merged", counted, query.Coarsening{Round: 5, Merges: []query.Merge{{Column: "street", Categories: []string{"lane", "gate"}, Into: "small"}}},
			"east 40; north 50; small 20; square 20; west 30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := d.In(t)
			run, err := coarsen(t, d, "sun.health", pends(t, d, c.sql), c.how)
			if err != nil {
				t.Fatal(querytest.Text(err))
			}
			d.Approve("sun.health", run)
			if runState(t, d, run) == "REVIEWING_SECOND" {
				d.Approve("zheng.police", run)
			}
			if got := collected(t, d, run); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// What cannot be made coarser is refused with the reason, and stays as it was.
func TestWhatCannotBeMadeCoarserStaysAsItWas(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	run := pends(t, d, counted)
	street := merges("street", "small", "lane", "gate")
	for _, c := range []struct {
		name, who, sql string
		how            query.Coarsening
		want           string
	}{
		{"its requester", "li.op", "", street, "NOT_FOUND"},
		{"who audits", "feng.audit", "", street, "NOT_FOUND"},
		{"the provider before the regulator", "zheng.police", "", street, "ROLE_REQUIRED"},
		{"nothing is done", "sun.health", "", query.Coarsening{}, "BAD_REQUEST"},
		{"groups that are as large", "sun.health", "", query.Coarsening{K: 10}, "BAD_REQUEST"},
		{"a merge of nothing", "sun.health", "", merges("street", "small"), "BAD_REQUEST"},
		{"a merge into nothing", "sun.health", "", merges("street", "", "lane"), "BAD_REQUEST"},
		{"rounded to 1", "sun.health", "", query.Coarsening{Round: 1}, "BAD_REQUEST"},
		{"rounded beside an average", "sun.health", "SELECT street, count(*) AS n, avg(income) AS a FROM persons GROUP BY street", query.Coarsening{Round: 5}, "COARSEN_REFUSED"},
		{"rounded beside what is computed of a count", "sun.health", "SELECT street, count(*) * 100 AS n FROM persons GROUP BY street", query.Coarsening{Round: 5}, "COARSEN_REFUSED"},
		{"rounded in order", "sun.health", counted + " ORDER BY n", query.Coarsening{Round: 5}, "COARSEN_REFUSED"},
		{"rounded and chosen among", "sun.health", counted + " HAVING count(*) > 17", query.Coarsening{Round: 5}, "COARSEN_REFUSED"},
		{"rounded rows", "sun.health", "SELECT street, sex FROM persons ORDER BY street, sex LIMIT 3", query.Coarsening{Round: 5}, "COARSEN_REFUSED"},
		{"no such column", "sun.health", "", merges("sex", "any", "女", "男"), "COARSEN_REFUSED"},
		{"a count", "sun.health", "", merges("n", "many", "40"), "COARSEN_REFUSED"},
		{"no groups", "sun.health", "SELECT count(*) AS n FROM persons", merges("n", "many", "40"), "COARSEN_REFUSED"},
		{"a key that is computed", "sun.health", "SELECT upper(street) AS street, count(*) AS n FROM persons GROUP BY upper(street)", street, "COARSEN_REFUSED"},
		{"a key in another output", "sun.health", "SELECT street, upper(street) AS u, count(*) AS n FROM persons GROUP BY street", street, "COARSEN_REFUSED"},
		{"a key that chooses groups", "sun.health", counted + " HAVING street <> 'gate'", street, "COARSEN_REFUSED"},
		{"a key that an aggregate asks about", "sun.health", "SELECT street, count(*) AS n, count(*) FILTER (WHERE street = 'gate') AS g FROM persons GROUP BY street", street, "COARSEN_REFUSED"},
		{"into what is there no more", "sun.health", "", query.Coarsening{Merges: append(merges("street", "small", "lane", "gate").Merges, merges("street", "lane", "square").Merges...)}, "BAD_REQUEST"},
		{"rounded where a join repeats rows", "sun.health", "SELECT p.street, count(*) AS n FROM persons p JOIN (SELECT DISTINCT street FROM persons) x ON x.street = p.street GROUP BY p.street", query.Coarsening{Round: 2}, "COARSEN_REFUSED"},
		{"rounded where a block within chooses", "sun.health", "SELECT street, count(*) AS n FROM persons WHERE street IN (SELECT street FROM persons GROUP BY street HAVING count(*) > 17) GROUP BY street", query.Coarsening{Round: 5}, "COARSEN_REFUSED"},
		{"rows one by one", "sun.health", "SELECT street, sex FROM persons ORDER BY street, sex LIMIT 3", street, "COARSEN_REFUSED"},
	} {
		of := run
		if c.sql != "" {
			of = pends(t, d, c.sql)
		}
		state := runState(t, d, of)
		_, err := coarsen(t, d, c.who, of, c.how)
		if querytest.Code(err) != c.want {
			t.Errorf("%s = %v, want %s", c.name, err, c.want)
		}
		if err != nil && strings.Contains(querytest.Text(err), "lane") {
			t.Errorf("%s: the refusal names a category: %s", c.name, querytest.Text(err))
		}
		if now := runState(t, d, of); now != state {
			t.Errorf("%s: it was %s and is %s", c.name, state, now)
		}
	}
	if _, err := d.Engine.Coarsen(t.Context(), d.Subject("sun.health"), run, query.CoarsenOrder{Coarsening: street, Basis: " "}); querytest.Code(err) != "BAD_REQUEST" {
		t.Errorf("without a basis = %v", err)
	}
	// What a reviewer calls a category is looked at as what a column holds is.
	if _, err := coarsen(t, d, "sun.health", run, merges("street", "11010519491231002X", "lane", "gate")); querytest.Code(err) != "WITHHELD" {
		t.Errorf("into an identity number = %v", err)
	}
	if state := runState(t, d, run); state != "REVIEWING" {
		t.Errorf("it is %s", state)
	}
	// Other data than it was made of.
	more := streetsTable()
	more.Rows = append(more.Rows, streetsRow(len(more.Rows), "甲", "gate"))
	data := more.CSV()
	d.Load("wu.dc", querytest.Delivery("medical", "persons", "statistics-persons", data, len(more.Rows)), data)
	if _, err := coarsen(t, d, "sun.health", run, street); querytest.Code(err) != "COARSEN_REFUSED" {
		t.Errorf("once other data are current = %v", err)
	}
	if state := runState(t, d, run); state != "REVIEWING" {
		t.Errorf("it is %s", state)
	}
	// Silence lets it lapse.
	d.Advance(31 * 24 * 3600e9)
	if _, err := coarsen(t, d, "sun.health", run, street); querytest.Code(err) != "APPROVAL_EXPIRED" {
		t.Errorf("past its term = %v", err)
	}
}

// An output in the place of another is compared with all that left. One that would tell
// of few with that does not replace anything: the old one stands, and what it may yet show
// counts as before.
func TestACoarserOutputIsComparedWithWhatLeft(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, true)
	gate := pends(t, d, "SELECT count(*) AS n FROM persons WHERE street = 'gate'")
	d.Approve("sun.health", gate)
	if got := collected(t, d, gate); got != "15" {
		t.Fatalf("of the gate = %s", got)
	}
	run := pends(t, d, counted)
	if _, err := coarsen(t, d, "sun.health", run, merges("street", "small", "lane", "gate")); querytest.Code(err) != refusedByHistory {
		t.Errorf("with the gate, it tells of the lane: %v", err)
	}
	if state := runState(t, d, run); state != "REVIEWING" {
		t.Errorf("the old one is %s", state)
	}
	overlaps := func() (n int) {
		all, err := d.Engine.Alerts(t.Context(), d.Subject("sun.health"))
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		for _, a := range all {
			if a.Rule == "overlap" {
				n++
			}
		}
		return n
	}
	if n := overlaps(); n > 0 {
		t.Errorf("what a reviewer tried raised %d alerts on the operator", n)
	}
	if got := told(t, d, "li.op", "SELECT count(*) AS n FROM persons WHERE street IN ('square', 'court')"); got != refusedByHistory {
		t.Errorf("with the square, which the old one may yet show, the court = %s", got)
	}
	if n := overlaps(); n != 1 {
		t.Errorf("what the operator tried raised %d alerts, want 1", n)
	}
	// Larger groups tell of nobody.
	larger, err := coarsen(t, d, "sun.health", run, query.Coarsening{K: 30})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	d.Approve("sun.health", larger)
	if got := collected(t, d, larger); got != "east 40; north 50; west 30" {
		t.Errorf("of 30 and more = %s", got)
	}
	// What it does not show any more may be shown now, and what it shows counts.
	if got := told(t, d, "li.op", "SELECT count(*) AS n FROM persons WHERE street IN ('square', 'court')"); got != "OUTPUT_IN_REVIEW" {
		t.Errorf("the square with the court = %s", got)
	}
	if got := told(t, d, "li.op", "SELECT count(*) AS n FROM persons WHERE street IN ('east', 'lane')"); got != refusedByHistory {
		t.Errorf("the east with the lane = %s", got)
	}
}

// A key that leaves masked is not merged: that categories of it are one would tell what
// was masked. A key beside it that leaves as it is may be.
func TestAMaskedKeyIsNotMerged(t *testing.T) {
	t.Parallel()
	d := streetsOf(t, strings.Replace(streetsPage, "| persons.street | CLEAR | |", "| persons.street | MASKED partial(1,1) | |", 1), false)
	run := pends(t, d, "SELECT district, street, count(*) AS n FROM persons GROUP BY district, street")
	shown, err := d.Engine.ReviewRows(t.Context(), d.Subject("sun.health"), run, 1, 100)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	var masked []string
	for _, cell := range shown.Columns[1].Cells {
		masked = append(masked, *cell)
	}
	if slices.Sort(masked); !slices.Equal(masked, []string{"e****t", "g****e", "n****h", "s****e", "w****t"}) {
		t.Fatalf("streets are shown as %q", masked)
	}
	if _, err := coarsen(t, d, "sun.health", run, merges("street", "small", "l****e", "g****e")); querytest.Code(err) != "COARSEN_REFUSED" {
		t.Errorf("of masked streets = %v", err)
	}
	if _, err := coarsen(t, d, "sun.health", run, merges("district", "丙", "甲", "乙")); err != nil {
		t.Errorf("of districts beside masked streets: %s", querytest.Text(err))
	}
}

// A reviewer who is none anymore when the rows are there replaces nothing.
func TestWhoIsNoReviewerAnymoreReplacesNothing(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	run := pends(t, d, counted)
	during(d, "(*Engine).runIntent", func() {
		d.Apply(querytest.Founder, fmt.Sprintf("kind: Person\nname: sun.health\nspec: {real_name: 孙卫健, organization: health-commission, roles: [zone_regulator], status: disabled, signing_key: %q, recipient_key: %q}",
			d.Key("sun.health").SigningKey(), d.Key("sun.health").RecipientKey()))
	})
	if _, err := coarsen(t, d, "sun.health", run, query.Coarsening{K: 20}); querytest.Code(err) != "AUTH_FAILED" {
		t.Errorf("by who left meanwhile = %v", err)
	}
	if state := runState(t, d, run); state != "REVIEWING" {
		t.Errorf("it is %s", state)
	}
}
