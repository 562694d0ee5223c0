package query_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// Whether a column has values enough for a token is judged of the people who
// consented, within the grant's scope: of the others, and of rows out of it, anything
// may be otherwise.
func TestTokensAreJudgedOfThePeopleWhoConsented(t *testing.T) {
	t.Parallel()
	const tokens = "SELECT district FROM persons"
	data := querytest.Registers()
	district := data.Persons.Column("district")
	one := data.Persons.Rows
	data.Persons.Rows = nil
	for i := range 1000 { // of the first 100 districts many, of the next few, of the rest as many as people
		row := slices.Clone(one[i%len(one)])
		row[0] = fmt.Sprintf("3201021970%08d", i)
		switch {
		case i < 100:
			row[district] = fmt.Sprintf("32%04d", i)
		case i < 200:
			row[district] = []string{"320102", "320104"}[i%2]
		default:
			row[district] = fmt.Sprintf("33%04d", i)
		}
		data.Persons.Rows = append(data.Persons.Rows, row)
	}
	d := querytest.CityOf(t, querytest.Options{}, data)
	text, err := os.ReadFile("querytest/city/grants.yaml")
	if err != nil {
		t.Fatal(err)
	}
	grant, _, _ := strings.Cut(string(text), "---\n")
	grant = strings.NewReplacer("  columns:\n", "  basis: CONSENT\n  columns:\n", "{name: district, mode: CLEAR}", "{name: district, mode: MASKED, recipe: {kind: token}}").Replace(grant)
	d.Apply("sun.health", grant)
	consent := func(from, until int) {
		var f consentFile
		for _, row := range data.Persons.Rows[from:until] {
			f.consent(row[0], querytest.Scenario, "2026-10-01", "2027-12-31")
		}
		bringConsents(t, d, &f, querytest.Scenario)
	}
	refused := func(what string, want bool) {
		t.Helper()
		x, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), SQL: tokens, Scenario: querytest.Scenario, Purpose: querytest.Purpose})
		if err != nil {
			t.Fatalf("%s: explain: %s", what, querytest.Text(err))
		}
		told := slices.ContainsFunc(x.Reasons, func(r query.ReasonView) bool { return r.Code == "TOKEN_LOW_ENTROPY" })
		_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, tokens)
		if asked := slices.Contains(whyRefused(err), "TOKEN_LOW_ENTROPY"); asked != want || told != want {
			t.Errorf("%s: refused %v and explained so %v, want %v (%s)", what, asked, told, want, querytest.Text(err))
		}
	}
	refused("nobody consented", false)
	consent(100, 200)
	refused("of those who consented one of two districts each", true)
	consent(0, 100)
	refused("of those who consented a hundred districts more", false)
	var gone []string
	for _, row := range data.Persons.Rows[:97] {
		gone = append(gone, row[0])
	}
	withdraw(t, d, querytest.Scenario, gone...)
	refused("nearly all of these withdrew", true)
	consent(200, 1000)
	refused("all the others consented", false)
	d.Apply("sun.health", strings.Replace(grant, "  columns:\n", "  scope: [{column: district, in: [\"320102\", \"320104\"]}]\n  columns:\n", 1))
	refused("rows of two districts alone are granted", true)
}
