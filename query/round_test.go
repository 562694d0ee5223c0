package query_test

import (
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/release"
)

// roundedPack has counts and sums over people leave as multiples of base.
func roundedPack(base int) func(map[string]any) {
	return func(pack map[string]any) {
		pack["release"].(map[string]any)["rules"].(map[string]any)["person"].(map[string]any)["1"].(map[string]any)["round"] = base
	}
}

// Counts and sums leave as multiples where the pack says so, of more where the scenario
// does, each by itself; the same question asked before gets no figure of then. In three
// districts there are 60 people each, in the last 20; of these the visits are 39. 20 by
// the scenario is 24 above 8, so that both together tell no more than 8 does.
func TestCountsAndSumsLeaveAsMultiples(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Ledger: true})
	const (
		people = "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district"
		visits = "SELECT count(*) AS n, sum(cost) AS s, count(DISTINCT id_number) AS p FROM visits WHERE district = '320106'"
	)
	exact := toldBy(d, people)
	if want := []string{"320102 60", "320104 60", "320105 60", "320106 20"}; !slices.Equal(exact, want) {
		t.Fatalf("as they are = %q, want %q", exact, want)
	}
	ownPack(t, d, 1, roundedPack(8))
	for sql, want := range map[string][]string{
		people:                           {"320102 64", "320104 64", "320105 64", "320106 24"},
		visits:                           {"40 11304 24"},
		"SELECT count(*) AS n FROM beds": {"4"}, // nobody is protected there
	} {
		if got := toldBy(d, sql); !slices.Equal(got, want) {
			t.Errorf("%s to multiples of 8 = %q, want %q", sql, got, want)
		}
	}
	// Outputs are compared by their rows, as if each had shown them exactly.
	for _, c := range [][2]string{{"1950", refusedByHistory}, {"1965", "32"}} {
		if got := toldBy(d, "SELECT count(*) AS n FROM persons WHERE district = '320102' AND birth_date > '"+c[0]+"'"); !slices.Equal(got, []string{c[1]}) {
			t.Errorf("of those born after %s = %q, want %s", c[0], got, c[1])
		}
	}
	pack, err := d.Engine.Pack(t.Context(), d.Subject("li.op"), "own", "")
	if err != nil || !slices.ContainsFunc(pack.Figures, func(f query.PackFigure) bool {
		return f.Key == "release" && strings.HasSuffix(f.ValueZH, ";计数与合计取整为 8 的倍数") && strings.HasSuffix(f.ValueEN, "; counts and sums rounded to multiples of 8")
	}) {
		t.Errorf("the pack shows %+v, %v", pack.Figures, err)
	}
	r := newRepeater(t, d, people)
	a := r.again("the same again", r.ask("li.op", nil), nil, true)
	header, _, err := release.Inspect(a.Artifact.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	totals := slices.ContainsFunc(header.Label.Evidence.Rules, func(r release.Rule) bool { return r.Rule == "totals" && r.Figures["base"] == "8" })
	if notes := strings.Join(header.Label.Notes, "\n"); !totals || !strings.Contains(notes, "取整为 8 的倍数") || !strings.Contains(notes, "rounded to multiples of 8") {
		t.Errorf("the label has the rules %v and the notes %q", header.Label.Evidence.Rules, notes)
	}

	d.Apply(querytest.Founder, changed(t, d, registry.KindScenario, querytest.Scenario, `"license"`, `"round":20,"license"`))
	r.again("once the scenario asks for more", a, nil, false)
	if got, want := toldBy(d, people), []string{"320102 72", "320104 72", "320105 72", "320106 24"}; !slices.Equal(got, want) {
		t.Errorf("where the scenario asks for 20 = %q, want %q", got, want)
	}
	x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: people, Recipient: "li.op"})
	if err != nil || x.Verdict != "ALLOW" || x.Outputs[0].Round != 0 || x.Outputs[1].Round != 24 {
		t.Errorf("explained as %+v, %v, want ALLOW and multiples of 24", x, err)
	}
}

// Whatever would tell more of a figure that leaves rounded is refused, in an explain as
// in an answer, with what to ask instead; what shows counts and sums alone is not.
func TestNothingTellsMoreThanTheMultiples(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	ownPack(t, d, 1, roundedPack(8))
	for _, c := range []struct{ sql, want string }{
		{"SELECT district, avg(cost) AS a FROM visits GROUP BY district", "ROUNDED_TOTALS"},
		{"SELECT district, count(*) AS n, sum(cost) AS s, avg(cost) AS a FROM visits GROUP BY district", "ROUNDED_TOTALS"},
		{"SELECT district, count(*) * 8 AS n FROM persons GROUP BY district", "ROUNDED_TOTALS"},
		{"SELECT district, sum(cost) / count(*) AS r FROM visits GROUP BY district", "ROUNDED_TOTALS"},
		{"SELECT district, count(*) > 20 AS more FROM persons GROUP BY district", "ROUNDED_TOTALS"},
		{"SELECT district FROM persons GROUP BY district HAVING count(*) > 20", "ROUNDED_TOTALS"},
		{"SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY n", "ROUNDED_TOTALS"},
		{"SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district, count(*)", "ROUNDED_TOTALS"},
		{"SELECT district FROM persons GROUP BY district ORDER BY count(*)", "ROUNDED_TOTALS"},
		{"SELECT DISTINCT count(*) AS n FROM persons GROUP BY district", "ROUNDED_TOTALS"}, // how many rows there are would tell which are equal
		{"SELECT count(*) AS n FROM persons WHERE (SELECT count(*) FROM visits) > 300", "ROUNDED_TOTALS"},
		{"SELECT max(n) AS n FROM (SELECT district, count(*) AS n FROM persons GROUP BY district) x", "ROUNDED_TOTALS"},
		{"SELECT count(*) AS n FROM (SELECT * FROM persons UNION ALL SELECT * FROM persons) x", "ROUNDED_TOTALS"},
		{"WITH x AS (SELECT district FROM persons UNION ALL SELECT district FROM persons) SELECT count(*) AS n FROM x", "ROUNDED_TOTALS"},
		{"SELECT count(*) AS n FROM persons p JOIN beds b ON b.district = p.district", "ROUNDED_TOTALS"},
		{"SELECT count(*) AS n FROM beds WHERE district IN (SELECT district FROM persons GROUP BY district HAVING count(*) > 20)", "ROUNDED_TOTALS"},
		{"SELECT district, count(*) AS n FROM persons GROUP BY district UNION ALL SELECT 'all', count(*) FROM persons", "ROUNDED_TOTALS"},
		{"SELECT sum(cost * 8) AS s FROM visits", "AGGREGATE_ARGUMENT COMPUTE_ONLY_EXPRESSION"},

		{"SELECT district, count(*) AS n, sum(cost) AS s FROM visits WHERE department = '内科' GROUP BY district ORDER BY district DESC LIMIT 2", ""},
		{"SELECT count(*) FILTER (WHERE district = '320102') AS n, count(cost) AS c FROM visits", ""},
		{"SELECT DISTINCT district FROM persons", ""},
		{"SELECT district, avg(beds) AS a FROM beds GROUP BY district HAVING count(*) > 1 ORDER BY a", ""},
		{"SELECT count(*) AS n FROM beds WHERE district IN (SELECT district FROM persons GROUP BY district)", ""},
	} {
		x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: c.sql, Recipient: "li.op"})
		if err != nil {
			t.Fatalf("%s: %s", c.sql, querytest.Text(err))
		}
		var codes []string
		for _, r := range x.Reasons {
			codes = append(codes, r.Code)
			if r.Code == "ROUNDED_TOTALS" && (r.HintZH == "" || r.HintEN == "" || len(r.Articles) == 0) {
				t.Errorf("%s: %+v", c.sql, r)
			}
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%s: %s %q, want %q", c.sql, x.Verdict, got, c.want)
		}
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT avg(cost) AS a FROM visits"); !slices.Equal(deniedFor(err), []string{"ROUNDED_TOTALS"}) {
		t.Errorf("an average, asked = %v", err)
	}
}

// What waited while access was closed, and has its reviewers decide anew, does not leave
// once more is to be rounded than when it ran. A reviewer rounds to an odd multiple of
// what pack and scenario ask for.
func TestWhatWaitedIsRoundedToWhatIsAskedNow(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	pack := func(revision int64, base int) {
		ownPack(t, d, revision, func(pack map[string]any) {
			roundedPack(base)(pack)
			level(pack, "3")["aggregate"].(map[string]any)["release_review"] = []string{"zone_regulator"}
		})
	}
	waits := func(department string) string {
		return cityRefuses(t, d, "SELECT count(*) AS n, sum(cost) AS s FROM visits WHERE department = '"+department+"'", "OUTPUT_IN_REVIEW")
	}
	leaves := func(run string) string {
		d.Approve("sun.health", run)
		d.Approve("qian.hospital", run)
		return collected(t, d, run)
	}
	pack(1, 0)
	first, second := waits("内科"), waits("外科")
	measure, _ := sets(t, d, closes(registry.LevelOperator, "huiyi"), querytest.Founder)
	lifts(t, d, measure, closes(registry.LevelOperator, "huiyi"), querytest.Founder)
	if got := collected(t, d, first); got != "OUTPUT_IN_REVIEW" {
		t.Errorf("once access is open again = %s, want it in review", got)
	}
	if got := leaves(first); got != "99 19660.75" {
		t.Errorf("where nothing is rounded = %s, want 99 19660.75", got)
	}
	pack(2, 8)
	if got := collected(t, d, second); got != "WITHHELD" || runState(t, d, second) != "FROZEN" {
		t.Errorf("where more is to be rounded by now = %s, want WITHHELD", got)
	}

	run := waits("外科")
	for _, base := range []int64{5, 8, 16, 20} {
		if _, err := coarsen(t, d, "sun.health", run, query.Coarsening{Round: base}); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("a reviewer's %d over 8 = %v, want BAD_REQUEST", base, err)
		}
	}
	run, err := coarsen(t, d, "sun.health", run, query.Coarsening{Round: 24})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got := leaves(run); got != "96 20160" {
		t.Errorf("a reviewer's 24 over 8 = %s, want 96 20160", got)
	}
}
