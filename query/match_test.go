package query_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// A mask that shows the value it is to hide is found in the rows as they leave,
// whatever the statement made of them before: here it does so because the value
// was delivered in the form of its own mask. The second layer holds where the
// first does not.
func TestAMaskThatShowsItsValueEndsTheRelease(t *testing.T) {
	t.Parallel()
	data := querytest.Registers().Clone()
	phone := data.Persons.Column("phone")
	const shown = "138****9999"
	data.Persons.Rows[7][phone] = shown
	d := querytest.CityOf(t, querytest.Options{}, data)
	for _, sql := range []string{
		"SELECT phone FROM persons WHERE phone = '" + shown + "'",
		"SELECT district, p AS contact FROM (SELECT phone AS p, district FROM persons) t WHERE p LIKE '138%9999'",
		"WITH c AS (SELECT phone, district FROM persons) SELECT district, phone FROM c WHERE phone >= '" + shown + "' AND phone <= '" + shown + "'",
	} {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		var e *query.Error
		if !errors.As(err, &e) || e.Code != "WITHHELD" || !slices.ContainsFunc(e.Details, func(r query.Detail) bool { return r.Code == "RELEASE_RAW_MATCH" }) {
			t.Errorf("%s\ngave %s, want WITHHELD by RELEASE_RAW_MATCH", sql, querytest.Text(err))
		}
		if strings.Contains(querytest.Text(err), shown) {
			t.Errorf("%s\nthe refusal shows the value", sql)
		}
	}
	// The control: the masks of others hide theirs.
	other := data.Persons.Rows[8][phone]
	sql := "SELECT phone FROM persons WHERE phone = '" + other[:3] + "****" + other[7:] + "'"
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Errorf("%s\ngave %s, want OUTPUT_IN_REVIEW", sql, querytest.Text(err))
	}
}
