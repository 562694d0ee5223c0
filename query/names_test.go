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

// hidden makes the city with datasets that its operator must not hear of: one
// that is not published, one of another zone, and columns of both.
func hidden(t *testing.T, name string) *querytest.Domain {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1 << 20}})
	d.Apply(querytest.Founder, "kind: Zone\nname: finance\nspec:\n  title: 金融专区\n  kind: COMPREHENSIVE\n  regulator: city-data-authority\n  status: ACTIVE\n  pack: nanjing-2024\n  responsible:\n    - {stage: load, person: wu.dc}\n    - {stage: query, person: li.op}\n    - {stage: release, person: sun.health}\n")
	stopped := strings.Replace(datasetText(name), "status: PUBLISHED", "status: SUSPENDED", 1)
	other := strings.Replace(datasetText(name+"_abroad"), "zone: medical", "zone: finance", 1)
	ruling := "kind: SourceRuling\nname: registers\nspec: {datasets: [NAME, NAME_abroad], collector: hospital-group, basis: NJ19-17}\n"
	d.Apply(querytest.Founder, strings.ReplaceAll(ruling, "NAME", name), querytest.Founder) // two of one form
	for _, doc := range []string{datasetText(name), stopped, other} {
		d.Apply("qian.hospital", doc+"    - {name: secret_figure, type: int64, level: 4, class: finance, personal_info: true, secret_flag: false, cause_code: PRIVACY}\n")
	}
	return d
}

// namesOutside are statements about NAME, a table, and about a column that only
// such tables have, in every place a name can stand.
var namesOutside = []string{
	"SELECT * FROM NAME", "SELECT secret_figure FROM NAME", "SELECT district FROM NAME n", "SELECT count(*) FROM medical.NAME",
	"SELECT count(*) FROM finance.NAME", "SELECT count(*) FROM NAME_abroad", "SELECT p.secret_figure FROM persons p",
	"SELECT count(*) FROM persons p JOIN NAME n ON p.id_number = n.id_number", "SELECT count(*) FROM persons WHERE secret_figure > 5",
	"SELECT NAME.district FROM persons", "SELECT NAME FROM persons", "SELECT avg(income) FROM persons ORDER BY secret_figure",
	"SELECT count(*) FROM persons WHERE district IN (SELECT district FROM NAME)", "WITH n AS (SELECT * FROM NAME) SELECT count(*) FROM n",
	"SELECT district FROM persons UNION ALL SELECT district FROM NAME", "SELECT NAME(income) FROM persons", "SELECT * FROM NAME('x')",
	"SELECT hospital FROM beds, NAME", "SELECT hospital, secret_figure FROM beds", "SELECT beds FROM NAME, beds GROUP BY secret_figure",
}

// nearTo changes the last letter of the names, so that what is suggested for a
// misspelling is looked for.
func nearTo(sql string) string { return strings.ReplaceAll(sql, "NAME", "NAMF") }

// Two worlds: what is not published to the zone may be there or not, and explain
// says the same to the byte; and of two names of which one is there it says the
// same but for the name.
func TestNamesOutsideTheCatalogueAnswerAlike(t *testing.T) {
	t.Parallel()
	const there, gone = "cancer_register", "dancer_register"
	a, b := hidden(t, there), querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1 << 20}})
	var statements []string
	for _, s := range namesOutside {
		statements = append(statements, s, nearTo(s))
	}
	for _, s := range statements {
		sql := strings.NewReplacer("NAME", there, "NAMF", there[:len(there)-1]+"s").Replace(s)
		one := explained(t, a, sql)
		if other := explained(t, b, sql); one != other {
			t.Errorf("%s\nis explained as\n%s\nand where there is no such thing as\n%s", sql, one, other)
		}
		if !strings.HasPrefix(one, `{"verdict":"DENY"`) {
			t.Errorf("%s is explained as %s, want a refusal", sql, one)
		}
		absent := strings.NewReplacer("NAME", gone, "NAMF", gone[:len(gone)-1]+"s").Replace(s)
		if other := explained(t, a, absent); strings.ReplaceAll(other, gone[:len(gone)-1], there[:len(there)-1]) != one {
			t.Errorf("%s\nis explained as\n%s\nand %s as\n%s", sql, one, absent, other)
		}
	}
	// The control: a name that is published and not granted is told apart.
	if x, y := explained(t, a, "SELECT address FROM persons"), explained(t, a, "SELECT aadress FROM persons"); !strings.Contains(x, "NOT_GRANTED") || strings.Contains(y, "NOT_GRANTED") {
		t.Errorf("a published name is explained as %s, another as %s", x, y)
	}
	license, _, _ := strings.Cut(mustRead(t, "querytest/city/license.yaml"), "---")
	a.Apply(querytest.Founder, strings.Replace(license, "datasets: [", "datasets: [cancer_register, ", 1), "sun.health", querytest.Founder, "li.op")
	a.Apply("qian.hospital", datasetText(there)+"    - {name: secret_figure, type: int64, level: 4, class: finance, personal_info: true, secret_flag: false, cause_code: PRIVACY}\n")
	if x := explained(t, a, "SELECT secret_figure FROM "+there); !strings.Contains(x, "NOT_GRANTED") {
		t.Errorf("once it is published the name is explained as %s, want NOT_GRANTED", x)
	}
}

// A name that is there takes no other time than one that is not: the medians of
// explains taken in turn are of one class.
func TestNamesOutsideTheCatalogueTakeTheSameTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few hundred explains")
	}
	d := hidden(t, "cancer_register")
	took := map[string][]time.Duration{}
	names := []string{"cancer_register", "dancer_register"}
	for i := range 120 {
		for j := range names {
			name := names[(i+j)%2]
			began := time.Now()
			explained(t, d, "SELECT secret_figure FROM "+name)
			took[name] = append(took[name], time.Since(began))
		}
	}
	var medians []float64
	for _, name := range names {
		slices.Sort(took[name])
		medians = append(medians, took[name][len(took[name])/2].Seconds())
	}
	if ratio := medians[0] / medians[1]; ratio < 0.7 || ratio > 1.43 {
		t.Errorf("a name that is there takes %.2f times as long as one that is not", ratio)
	}
}

// No text of the engine reaches anybody through explain: not what it says of a
// statement that it cannot parse or bind, and no name of its own.
func TestExplainHoldsNoTextOfTheEngine(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1 << 20}})
	statements := []string{
		"SELECT", "SELECT FROM WHERE", "SELECT 'x", "SELECT (", "SELEC 1", "SELECT 1; SELECT 2", "SELECT \x00", "SELECT '\xff'",
		"SELECT hospital::INT[3] FROM beds", "SELECT struct_extract(beds, 'x') FROM beds", "SELECT list_extract(hospital, 1, 2, 3) FROM beds",
		"SELECT beds.x.y FROM beds", "SELECT date_trunc(hospital, opened) FROM beds", "SELECT sum(hospital) FROM beds", "SELECT beds + opened + hospital FROM beds",
		"SELECT max(beds) OVER (ROWS BETWEEN hospital PRECEDING AND CURRENT ROW) FROM beds", "SELECT * FROM beds ORDER BY 99", "SELECT beds FROM beds LIMIT hospital",
		"SELECT beds FROM beds UNION SELECT hospital, beds FROM beds", "SELECT unnest(beds) FROM beds", "SELECT regexp_matches(hospital, '(') FROM beds",
		"SELECT a FROM beds PIVOT (sum(beds) FOR hospital IN ('a'))", "SELECT strptime(hospital, '%Q') FROM beds", "SELECT CAST(beds AS nonsense) FROM beds",
		"SELECT beds FROM beds WHERE hospital", "SELECT beds FROM beds QUALIFY beds", "SELECT list_transform([beds], x -> y) FROM beds", "SELECT $1 FROM beds",
		"WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT 'x' FROM r) SELECT * FROM r, beds", "SELECT * FROM beds b JOIN beds c USING (nothing)",
		// These fail at run time, where the engine's messages hold values.
		"SELECT CAST(hospital AS INTEGER) FROM beds", "SELECT hospital::DATE FROM beds", "SELECT strptime(hospital, '%Y') FROM beds",
		"SELECT (SELECT hospital FROM beds) FROM beds", "SELECT CAST(hospital AS BLOB)::INTEGER FROM beds", "SELECT beds::TINYINT * 100::TINYINT FROM beds",
		"SELECT regexp_replace(hospital, hospital || '(', '') FROM beds", "SELECT repeat(hospital, 100000000000) FROM beds", "SELECT date_part(hospital, opened) FROM beds",
		"SELECT CAST(name AS INTEGER) FROM persons LIMIT 3", "SELECT avg(income) / (count(*) - count(*)) FROM persons",
		"SELECT generate_series(1, beds, hospital) FROM beds", "SELECT json_extract(hospital, '$[') FROM beds", "SELECT 1 FROM beds GROUP BY GROUPING SETS (zz)",
	}
	for _, s := range shapes {
		statements = append(statements, s.sql)
	}
	var values []string
	failed := 0
	data := querytest.Registers()
	for _, row := range data.Beds.Rows {
		values = append(values, row[data.Beds.Column("hospital")])
	}
	for _, sql := range statements {
		x := explained(t, d, sql)
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		said := x
		if err != nil {
			said += querytest.Text(err)
		}
		if e := query.AsError(err); err != nil && e.Class == query.ClassFailure {
			t.Errorf("%s\ngives %s, want a refusal or a limit", sql, e.Code)
		}
		if querytest.Code(err) == "STATEMENT_FAILED" {
			failed++
		}
		for _, phrase := range append(values, enginePhrases...) {
			if strings.Contains(said, phrase) {
				t.Errorf("%s\nis explained or answered with %q of the engine:\n%s", sql, phrase, said)
			}
		}
	}
	if failed < 4 {
		t.Errorf("%d statements failed at run time, want several", failed)
	}
	log := d.Log.String() + fmt.Sprint(d.Audit("feng.audit"))
	for _, phrase := range append(values, enginePhrases...) {
		if strings.Contains(log, phrase) {
			t.Errorf("the logs hold %q of the engine", phrase)
		}
	}
}

// enginePhrases are beginnings and turns of the engine's error messages.
var enginePhrases = []string{
	"Parser Error", "Binder Error", "Catalog Error", "Conversion Error", "Invalid Input", "Out of Range", "Not implemented", "Serialization Error",
	"syntax error at", "LINE 1", "Did you mean", "Candidate bindings", "candidate macros", "does not exist!", "No function matches", "explicit type casts",
	"must appear in the GROUP BY clause or", "Referenced column", "Referenced table", "Could not convert", "unterminated quoted", "duckdb",
}

func TestEnginePhrasesAreTheEngines(t *testing.T) {
	// The list is worth nothing if no message of the engine has any of them: the
	// worker's own binary holds its messages.
	worker, err := os.ReadFile(querytest.Worker(t))
	if err != nil {
		t.Fatal(err)
	}
	text := string(worker)
	for _, phrase := range []string{"syntax error at", "Did you mean", "No function matches", "explicit type casts", "Referenced column", "Could not convert", "unterminated quoted"} {
		if !strings.Contains(text, phrase) {
			t.Errorf("the engine says %q nowhere", phrase)
		}
	}
}
