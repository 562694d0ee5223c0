package query_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// templateText is a template of the city's scenario as people would write it.
// Every line of parameters is one parameter.
func templateText(name, sql string, parameters ...string) string {
	text := "kind: Template\nname: " + name + "\nspec:\n  scenario: " + querytest.Scenario + "\n  title: 模板\n  sql: |\n    " +
		strings.ReplaceAll(sql, "\n", "\n    ") + "\n  from: \"2026-01-01\"\n  until: \"2027-12-31\"\n"
	if len(parameters) > 0 {
		text += "  parameters:\n    - " + strings.Join(parameters, "\n    - ") + "\n"
	}
	return text
}

// publish applies a template with the signatures it needs.
func publish(d *querytest.Domain, text string) { d.Apply("li.op", text, "li.op", "sun.health") }

const (
	districtParameter = `{name: district, type: string, domain: {region: "3201"}}`
	codeParameter     = `{name: code, type: string, domain: {list: [I10, E11, G12, J06]}}`
	yearParameter     = `{name: year, type: string, domain: {pattern: {expression: "[0-9]{4}", max_length: 4}}}`
	leastParameter    = `{name: least, type: int64, domain: {range: {min: "-5", max: "300"}}}`
	mostParameter     = `{name: most, type: int64, domain: {range: {min: "0", max: "5"}}}`
	skipParameter     = `{name: skip, type: int64, domain: {range: {min: "0", max: "3"}}}`
	dayParameter      = `{name: day, type: date, domain: {range: {min: "1940-01-01", max: "1999-12-31"}}}`
	anyText           = `{name: text, type: string, domain: {pattern: {expression: "(?s).*", max_length: 200}}}`
)

func askTemplate(d *querytest.Domain, name string, parameters map[string]string) (*query.Answer, error) {
	return d.AskTemplate("li.op", querytest.Scenario, querytest.Purpose, name, parameters)
}

// became is what the asking person has of a question.
func became(d *querytest.Domain, a *query.Answer, err error) string {
	if err != nil {
		return querytest.Code(err)
	}
	r := d.Open("li.op", a)
	return strings.Join(r.Columns, "|") + "\n" + r.String()
}

// Whatever the values, a template answers as its statement does with constants:
// rows, suppressed groups and cells, order, cut, refusals.
func TestATemplateAnswersAsItsStatementDoes(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	segmented(t, d, querytest.Registers(), 20, true)
	templates := []struct {
		name, sql  string
		parameters []string
	}{
		{"by-diagnosis", "SELECT diagnosis, count(*) AS visits, avg(cost) AS cost FROM visits WHERE district = $district AND diagnosis IN ($code, 'E11') GROUP BY diagnosis ORDER BY visits DESC, diagnosis LIMIT $most OFFSET $skip",
			[]string{districtParameter, codeParameter, mostParameter, skipParameter}},
		{"by-year", "SELECT birth_date, count(*) AS people, count(income) AS known, avg(income) FILTER (WHERE district <> $district) AS elsewhere FROM persons WHERE birth_date BETWEEN $year AND '1975' OR district = $district GROUP BY birth_date HAVING count(*) >= $least ORDER BY birth_date",
			[]string{districtParameter, yearParameter, leastParameter}},
		{"joined", "SELECT p.district, count(*) AS visits FROM persons p JOIN visits v ON p.id_number = v.id_number AND v.diagnosis = $code WHERE p.birth_date > $year GROUP BY p.district ORDER BY p.district",
			[]string{codeParameter, yearParameter}},
		{"whole", "SELECT count(*) AS people, avg(income) AS income FROM persons WHERE district = $district AND birth_date < $year",
			[]string{districtParameter, yearParameter}},
		{"open", "SELECT district, hospital, beds + $least AS beds, opened > $day AS later FROM beds WHERE beds > $least AND opened <= $day ORDER BY hospital LIMIT $most",
			[]string{leastParameter, mostParameter, dayParameter}},
	}
	for _, tp := range templates {
		publish(d, templateText(tp.name, tp.sql, tp.parameters...))
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	empty, rows := 0, 0
	for i := 0; i < 24 || i < 96 && (rows < 5 || empty < 2); i++ {
		tp := templates[r.IntN(len(templates))]
		values := map[string]string{
			"district": pick("320102", "320104", "320105", "320106", "320106", "320199"), "code": pick("I10", "E11", "G12", "J06"),
			"year": pick("1949", "1950", "1960", "1989", "0000", fmt.Sprint(1950+r.IntN(40))), "least": pick("-5", "0", "1", "9", "10", "11", fmt.Sprint(r.IntN(300))),
			"most": pick("0", "1", "2", "5"), "skip": pick("0", "0", "1", "3"), "day": pick("1940-01-01", "1950-01-01", "1960-01-01", "1999-12-31"),
		}
		sql := tp.sql
		for name, v := range values {
			constant := "'" + v + "'"
			switch name {
			case "least", "most", "skip":
				constant = v
			case "day":
				constant = "DATE " + constant
			}
			if !strings.Contains(sql, "$"+name) {
				delete(values, name)
			}
			sql = strings.ReplaceAll(sql, "$"+name, constant)
		}
		a, err := askTemplate(d, tp.name, values)
		got := became(d, a, err)
		b, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if want := became(d, b, err); got != want {
			t.Errorf("%s with %v gives\n%s\n%s gives\n%s", tp.name, values, got, sql, want)
		}
		if strings.Count(got, "\n") > 1 {
			rows++
		} else {
			empty++
		}
	}
	before := pruned(t, d)
	a, err := askTemplate(d, "by-diagnosis", map[string]string{"district": "320106", "code": "E11", "most": "5", "skip": "0"})
	if got := became(d, a, err); got != "diagnosis|visits|cost\nE11|30|287.5833333333333\n" || pruned(t, d) == before {
		t.Errorf("a district of the last segments gives %q, with %d segments left out", got, pruned(t, d)-before)
	}
	if rows < 5 || empty < 2 {
		t.Errorf("%d answers with rows, %d without: the values show too little", rows, empty)
	}
}

// pruned is how many segments were left out so far.
func pruned(t *testing.T, d *querytest.Domain) int64 {
	t.Helper()
	s, err := d.Engine.Status(t.Context(), d.Subject("feng.audit"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Figures.Pruned
}

// hostile are texts that would mean something if they became part of a statement.
var hostile = []string{
	"' OR '1'='1", "'; DROP TABLE beds; --", "320102' UNION SELECT name FROM persons --", "320102'--", "320102'/*", "*/ '320102", "\\'", "''", "'", `"`, "$district", "$1", "?",
	"$$", "$x$", "E'\\x27'", "x' || (SELECT min(note) FROM beds) || '", ") OR (1=1", "320102; SELECT 1", "%", "_", "NULL", "true", "１", "’ OR ’1’=’1", "\u202e' RO", "\ufeff320102",
	"3201\u200b02", "320102\u0000", "320102\n--", strings.Repeat("'", 200), strings.Repeat("(", 200), strings.Repeat("9", 200),
}

// A value is data wherever it goes: it comes back as it was given, or is refused,
// and is compared as it is.
func TestNoValueBecomesPartOfTheStatement(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	publish(d, templateText("echo", "SELECT $text AS echo, count(*) AS beds FROM beds WHERE hospital = $text OR $text = 'all'", anyText))
	publish(d, templateText("people", "SELECT count(*) AS people FROM persons WHERE district = $text", anyText))
	typed := map[string]string{
		"number":  `{name: v, type: int64, domain: {range: {min: "-9223372036854775808", max: "9223372036854775807"}}}`,
		"decimal": `{name: v, type: "decimal(18,2)", domain: {range: {min: "-99999", max: "99999"}}}`,
		"float":   `{name: v, type: float64, domain: {range: {min: "-1e300", max: "1e300"}}}`,
		"date":    `{name: v, type: date, domain: {range: {min: "0001-01-01", max: "9999-12-31"}}}`,
		"moment":  `{name: v, type: timestamp, domain: {range: {min: "0001-01-01 00:00:00", max: "9999-12-31 00:00:00"}}}`,
		"flag":    `{name: v, type: bool}`,
		"region":  `{name: v, type: string, domain: {region: "32"}}`,
		"code":    `{name: v, type: string, domain: {list: [I10]}}`,
		"pattern": `{name: v, type: string, domain: {pattern: {expression: "[0-9]{6}", max_length: 6}}}`,
	}
	for name, p := range typed {
		publish(d, templateText(name, "SELECT $v AS echo, count(*) AS beds FROM beds", p))
	}
	control := func(text string) bool { return strings.ContainsAny(text, "\x00\n") || len([]rune(text)) > 200 }
	for _, text := range hostile {
		a, err := askTemplate(d, "echo", map[string]string{"text": text})
		if control(text) {
			if querytest.Code(err) != "PARAMETER_VALUE" {
				t.Errorf("%q as text = %v, want it refused", text, err)
			}
		} else if got := became(d, a, err); got != "echo|beds\n"+text+"|0\n" {
			t.Errorf("%q as text gives %q", text, got)
		}
	}
	for _, text := range hostile[:3] {
		a, err := askTemplate(d, "people", map[string]string{"text": text})
		if got := became(d, a, err); got != "people\n" {
			t.Errorf("%q as a district gives %q, want no group", text, got)
		}
	}
	a, err := askTemplate(d, "people", map[string]string{"text": "320102"})
	if got := became(d, a, err); got != "people\n60\n" {
		t.Errorf("a district gives %q", got)
	}
	a, err = askTemplate(d, "echo", map[string]string{"text": "第2医院"})
	if got := became(d, a, err); got != "echo|beds\n第2医院|1\n" {
		t.Errorf("a hospital gives %q", got)
	}
	// What a type takes the registry's tests tell; here it is refused by a gate.
	refused := append(slices.Clone(hostile[:4]), "NaN", "1 OR 1=1", "2024-02-30", "TRUE")
	for name := range typed {
		for _, text := range refused {
			a, err := askTemplate(d, name, map[string]string{"v": text})
			if querytest.Code(err) != "PARAMETER_VALUE" {
				t.Errorf("%q as %s = %v, %v", text, name, a, err)
			}
			if len(text) > 5 && err != nil && strings.Contains(querytest.Text(err), text) {
				t.Errorf("the refusal of %q repeats it: %s", text, querytest.Text(err))
			}
		}
	}
	for name, text := range map[string]string{"number": "-9223372036854775808", "decimal": "-0.01", "float": "-1e+300", "date": "0001-01-01",
		"moment": "1999-12-31 23:59:59.999999", "flag": "false", "region": "320102", "code": "I10", "pattern": "320102"} {
		a, err := askTemplate(d, name, map[string]string{"v": text})
		got := strings.ReplaceAll(became(d, a, err), "T", " ")
		if want := "echo|beds\n" + text + "|4\n"; got != want {
			t.Errorf("%q as %s gives %q, want %q", text, name, got, want)
		}
	}
	if log := d.Log.String(); strings.Contains(log, "1'='1") || strings.Contains(log, "DROP TABLE") {
		t.Error("the gate's log holds a value")
	}
}

func TestValuesAtTheEdgesOfTheirDomains(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	publish(d, templateText("edges", "SELECT count(*) AS people FROM persons WHERE district = $district AND birth_date >= $year HAVING count(*) >= $least LIMIT $most",
		districtParameter, yearParameter, leastParameter, strings.Replace(mostParameter, "}}}", `}}, default: "5"}`, 1)))
	ask := func(change ...string) error {
		values := map[string]string{"district": "320102", "year": "1950", "least": "0"}
		for i := 0; i < len(change); i += 2 {
			if values[change[i]] = change[i+1]; change[i+1] == "-" {
				delete(values, change[i])
			}
		}
		_, err := askTemplate(d, "edges", values)
		return err
	}
	for _, c := range []struct {
		change    []string
		code, say string
	}{
		{nil, "", ""},
		{[]string{"least", "-5"}, "", ""}, {[]string{"least", "300"}, "", ""}, {[]string{"most", "0"}, "", ""}, {[]string{"most", "5"}, "", ""}, {[]string{"district", "320199"}, "", ""},
		{[]string{"least", "-6"}, "PARAMETER_VALUE", "least takes int64 from -5 to 300"},
		{[]string{"least", "301"}, "PARAMETER_VALUE", "least takes int64 from -5 to 300"},
		{[]string{"least", "1.0"}, "PARAMETER_VALUE", "least"},
		{[]string{"most", "6"}, "PARAMETER_VALUE", "most takes int64 from 0 to 5"},
		{[]string{"most", "-1"}, "PARAMETER_VALUE", "most takes int64 from 0 to 5"},
		{[]string{"district", "330102"}, "PARAMETER_VALUE", "district takes six-digit division code beginning with 3201"},
		{[]string{"year", "195"}, "PARAMETER_VALUE", "year takes text of at most 4 characters"},
		{[]string{"year", "-"}, "PARAMETER_MISSING", "year (text of at most 4 characters"},
		{[]string{"sql", "SELECT 1"}, "PARAMETER_EXTRA", "sql"},
		{[]string{"District", "320102"}, "PARAMETER_EXTRA", "?"},
		{[]string{"a b' --", "320102"}, "PARAMETER_EXTRA", "?"},
	} {
		err := ask(c.change...)
		if querytest.Code(err) != c.code || c.code != "" && !strings.Contains(err.Error(), c.say) {
			t.Errorf("with %v: %v, want %s %q", c.change, err, c.code, c.say)
		}
	}
	// Every fault is told, the one that is refused for its value first.
	var all *query.Error
	if err := ask("year", "-", "least", "999", "nowhere", "1"); !errors.As(err, &all) || all.Code != "PARAMETER_VALUE" || len(all.Details) != 3 || strings.Contains(querytest.Text(err), "999") {
		t.Errorf("three faults = %s", querytest.Text(err))
	}

	// A domain may let values through that count no rows.
	publish(d, templateText("negative", "SELECT district, count(*) AS people FROM persons GROUP BY district LIMIT $least", leastParameter))
	for value, code := range map[string]string{"-5": "PARAMETER_VALUE", "-1": "PARAMETER_VALUE", "0": "", "1": ""} {
		if _, err := askTemplate(d, "negative", map[string]string{"least": value}); querytest.Code(err) != code {
			t.Errorf("LIMIT %s = %v, want %q", value, err, code)
		}
	}
}
