package query_test

import (
	"testing"

	"zonebox/query/querytest"
)

const maskedGrant = `kind: Grant
name: persons-second
spec:
  scenario: second
  dataset: persons
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: sun.health, org: health-commission}
  prov: {by: zheng.police, org: public-security}
  scope: [{column: district, in: ["320102", "320104"]}]
  columns:
    - {name: id_number, mode: MASKED, recipe: {kind: token}}
    - {name: birth_date, mode: MASKED, recipe: {kind: date, part: decade}}
    - {name: address, mode: MASKED, recipe: {kind: fixed, text: 保密}}
    - {name: phone, mode: MASKED, recipe: {kind: pattern, pattern: "###********"}}
    - {name: name, mode: MASKED, recipe: {kind: nullify}}
    - {name: income, mode: MASKED, recipe: {kind: nullify}}
    - {name: district, mode: MASKED, recipe: {kind: map, values: {"320102": 城中, "320104": 城南}}}
`

// Whatever a grant masks a column by is what every operator of the statement
// works on, and what leaves.
func TestMasksOfEveryKindReachTheAnswer(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	another(t, d, "second", maskedGrant)
	for sql, want := range map[string]string{
		"SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district":                                  "城中|60\n城南|60\n",
		"SELECT count(*) AS n FROM persons WHERE district = '320102'":                                                      "",
		"SELECT address, count(*) AS n FROM persons GROUP BY address":                                                      "保密|120\n",
		"SELECT phone, count(*) AS n FROM persons GROUP BY phone":                                                          "139********|120\n",
		"SELECT birth_date, count(*) AS n FROM persons WHERE birth_date < '1970s' GROUP BY birth_date ORDER BY birth_date": "1950s|30\n1960s|30\n",
		"SELECT income, count(*) AS n FROM persons GROUP BY income":                                                        "∅|120\n",
		"SELECT count(name) AS n, count(*) AS m FROM persons":                                                              "∅|120\n",
	} {
		if got := ask(t, d, "second", sql); got != want {
			t.Errorf("%s\ngave %q, want %q", sql, got, want)
		}
	}
}
