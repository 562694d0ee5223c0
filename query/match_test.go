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
		"SELECT lower(trim(phone)) AS contact FROM persons WHERE phone LIKE '138%9999'",
		"SELECT CASE WHEN district = '0' THEN '无' ELSE phone END AS contact FROM persons WHERE phone LIKE '138%9999'",
		"SELECT coalesce(p, '无') AS contact FROM (SELECT nullif(upper(phone), '无') AS p FROM persons) t WHERE p LIKE '138%9999'",
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
	// Who reviews is told where, and of what class; a person who asks is not.
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, phone FROM persons WHERE phone LIKE '138%9999'")
	e, _ := errors.AsType[*query.Error](err)
	seen, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), e.Run)
	want := []query.Match{{Column: "phone", Class: "contact", Place: query.Place{Row: 1, Rows: 1}}}
	if err != nil || !slices.Equal(seen.Output.Matches, want) {
		t.Errorf("a reviewer sees %+v (%v), want %+v", seen.Output.Matches, err, want)
	}
	if mine, err := d.Engine.Review(t.Context(), d.Subject("li.op"), e.Run); err != nil || mine.Output != nil {
		t.Errorf("the requester sees %+v (%v)", mine, err)
	}
	if blocked := entryOf(t, d, e.Run, "output.blocked").Fields; blocked["raw_matches"] != "contact" || blocked["reasons"] != "RELEASE_RAW_MATCH" {
		t.Errorf("the log says %v", blocked)
	}
	alerts, err := d.Engine.Alerts(t.Context(), d.Subject("sun.health"))
	if err != nil || !slices.ContainsFunc(alerts, func(a query.AlertView) bool { return a.Rule == "raw_match" && a.Subject == "li.op" }) {
		t.Errorf("alerts are %+v (%v), want raw_match about li.op", alerts, err)
	}
	// The control: the masks of others hide theirs.
	other := data.Persons.Rows[8][phone]
	sql := "SELECT phone FROM persons WHERE phone = '" + other[:3] + "****" + other[7:] + "'"
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Errorf("%s\ngave %s, want OUTPUT_IN_REVIEW", sql, querytest.Text(err))
	}
}

// A mask that shows a share of the values that it is to hide lets nothing out that is
// computed from it, whatever that is; one row of them in the form of a mask does not
// hold everything else up.
func TestNothingComputedFromAMaskThatShowsItsValuesLeaves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rows int
		want string
	}{{1, "138|200\n"}, {60, "WITHHELD RELEASE_RAW_MATCH"}} {
		data := querytest.Registers().Clone()
		for i := range c.rows {
			data.Persons.Rows[i][data.Persons.Column("phone")] = "138****9999"
		}
		d := querytest.CityOf(t, querytest.Options{Idle: 1}, data)
		if got, err := released(d, "SELECT CASE WHEN length(left(phone, 3)) = 3 THEN '1' || '38' ELSE left(phone, 3) END AS p, count(*) AS n FROM persons GROUP BY ALL"); got != c.want {
			t.Errorf("with %d rows shown it gave %q (%v), want %q", c.rows, got, err, c.want)
		}
		if got, err := released(d, "SELECT district, count(*) AS n FROM persons WHERE left(phone, 1) = '1' GROUP BY district ORDER BY district LIMIT 1"); got != "320102|60\n" {
			t.Errorf("with %d rows shown a count gave %q (%v)", c.rows, got, err)
		}
	}
}
