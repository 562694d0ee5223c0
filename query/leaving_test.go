package query_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// remarks are beds whose hospital holds, in the first row of each district, what a
// remark must not. Nobody has these numbers; their check characters are right.
var remarks = map[string]string{
	"甲": "床位紧张,请联系手机13912345678",
	"乙": "家属身份证 320102195001010119 已核对",
	"丙": "退款至银行卡 6222021234567890128",
	"丁": "外籍医师护照号 E12345678",
	"戊": "一切正常,编号 20240501123456,批次 6222021234567890128",
}

func bedsWith(notes func(district string, row int) string) querytest.Table {
	t := querytest.Table{Columns: querytest.Registers().Beds.Columns}
	for _, district := range []string{"甲", "乙", "丙", "丁", "戊"} {
		for row := range 60 {
			t.Rows = append(t.Rows, []string{district, notes(district, row), fmt.Sprint(10 + row), "1990-01-01", ""})
		}
	}
	return t
}

// released asks of the city's one scenario. It returns the rows, or every code of
// the refusal.
func released(d *querytest.Domain, sql string) (string, error) {
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if err != nil {
		e, _ := errors.AsType[*query.Error](err)
		codes := []string{e.Code}
		for _, r := range e.Details {
			codes = append(codes, r.Code)
		}
		return strings.Join(slices.Compact(codes), " "), err
	}
	return d.Open("li.op", a).String(), nil
}

const identifierFound = "WITHHELD RELEASE_IDENTIFIER"

// An identifier of a person that nobody knew to be in a column does not leave,
// whatever the grant says of the column; rows without one do.
func TestIdentifiersDoNotLeaveUnseen(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	report := d.LoadTable("beds", bedsWith(func(district string, row int) string {
		if row == 0 {
			return remarks[district]
		}
		return "无"
	}))
	if report.Lookalikes != nil {
		t.Fatalf("the load sees %v already", report.Lookalikes)
	}
	for _, c := range []struct{ sql, want string }{
		{"SELECT hospital FROM beds WHERE district = '甲' AND beds = 10", identifierFound},
		{"SELECT hospital FROM beds WHERE district = '乙' AND beds = 10", identifierFound},
		{"SELECT hospital FROM beds WHERE district = '丙' AND beds = 10", identifierFound},
		{"SELECT hospital FROM beds WHERE district = '丁' AND beds = 10", identifierFound},
		{"SELECT hospital FROM beds WHERE district = '戊' AND beds = 10", remarks["戊"] + "\n"},
		{"SELECT hospital AS order_no, beds FROM beds", identifierFound},
		{"SELECT min(hospital) AS m FROM beds WHERE district = '甲'", identifierFound},
		{"SELECT replace(hospital, '床位', '位') AS n FROM beds WHERE district = '甲' AND beds = 10", identifierFound},
		{"SELECT CAST(right(hospital, 11) AS BIGINT) AS 手机 FROM beds WHERE district = '甲' AND beds = 10", identifierFound},
		{"SELECT CAST(right(hospital, 11) AS HUGEINT) AS 手机 FROM beds WHERE district = '甲' AND beds = 10", identifierFound},
		{"SELECT CAST(right(hospital, 11) AS DOUBLE) AS 手机 FROM beds WHERE district = '甲' AND beds = 10", identifierFound},
		// A text of digits in the statement makes no number known that is among them.
		{"SELECT hospital FROM beds WHERE district = '甲' AND beds = 10 AND hospital <> '1391234567813912345679'", identifierFound},
		// Nothing of it leaves.
		{"SELECT count(hospital) AS n FROM beds WHERE district = '甲'", "60\n"},
		{"SELECT district, beds FROM beds WHERE hospital LIKE '%手机%'", "甲|10\n"},
		{"SELECT hospital FROM beds WHERE district = '甲' ORDER BY beds DESC LIMIT 1", "无\n"},
		// What the asking person wrote is no answer.
		{"SELECT '手机13987654321' AS c FROM beds WHERE district = '甲' AND beds = 10", "手机13987654321\n"},
		{"SELECT CASE WHEN beds > 5 THEN '手机13987654321' ELSE district END AS c FROM beds WHERE district = '甲' AND beds = 10", "手机13987654321\n"},
		{"SELECT district || '手机13987654321' AS c FROM beds WHERE district = '甲' AND beds = 10", "甲手机13987654321\n"},
	} {
		if got, err := released(d, c.sql); got != c.want {
			t.Errorf("%s\ngave %q (%v)\nwant %q", c.sql, got, err, c.want)
		}
	}
}

// A refusal names column and class to all, counts to reviewers, and the value to
// nobody; the held output is gone.
func TestAFoundIdentifierIsToldWithoutIt(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	d.LoadTable("beds", bedsWith(func(district string, row int) string {
		if district == "丙" && row < 2 {
			return remarks["甲"]
		}
		return "无"
	}))
	_, err := released(d, "SELECT beds, hospital, hospital || '另有说明' FROM beds WHERE district = '丙'")
	e, ok := errors.AsType[*query.Error](err)
	if !ok || e.Class != query.ClassWithheld || len(e.Details) != 2 || e.Details[0].EN != "an output column holds identifiers of people that its source does not permit: #3 (mobile)" ||
		e.Details[1].ZH != "输出列中有来源未许可的个人标识:hospital (mobile)" ||
		!strings.Contains(e.HintEN, "have its source masked") || !strings.Contains(e.HintZH, "脱敏") || e.Articles == nil {
		t.Fatalf("refused with %s", querytest.Text(err))
	}
	told := querytest.Text(err) + d.Log.String()
	if strings.Contains(told, "另有说明") {
		t.Error("the statement is told")
	}
	mine, err := d.Engine.Review(t.Context(), d.Subject("li.op"), e.Run)
	if err != nil || mine.Output != nil || mine.State != "BLOCKED" {
		t.Errorf("the requester sees %+v (%v)", mine, err)
	}
	seen, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), e.Run)
	first := query.Place{Row: 1, Rows: 2}
	if err != nil || !slices.Equal(seen.Output.Identifiers, []query.Identifier{{Column: "#3", Class: "mobile", Place: first}, {Column: "hospital", Class: "mobile", Place: first}}) {
		t.Errorf("a reviewer sees %+v (%v)", seen, err)
	}
	text, err := json.Marshal([]any{mine, seen})
	if err != nil {
		t.Fatal(err)
	}
	told += string(text)
	blocked := 0
	for _, entry := range d.Audit("feng.audit") {
		told += fmt.Sprint(entry.Fields)
		if entry.Kind == "output.blocked" {
			blocked++
			if entry.Fields["reasons"] != "RELEASE_IDENTIFIER" || entry.Fields["identifiers"] != "mobile" {
				t.Errorf("the audit entry says %v", entry.Fields)
			}
		}
	}
	if blocked != 1 {
		t.Errorf("%d entries of a blocked output", blocked)
	}
	if strings.Contains(told, "13912345678") {
		t.Error("the number is told")
	}
	if _, err := d.Resume("li.op", e.Run); err == nil {
		t.Error("a blocked output is handed out")
	}
}

// Numbers that the load showed, in a column of a level below protection that is
// granted in the clear, are the provider's to give: those of offices leave.
func TestNumbersThatTheLoadShowedLeave(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	report := d.LoadTable("beds", bedsWith(func(_ string, row int) string { return fmt.Sprintf("值班电话139000%05d", row) }))
	if len(report.Lookalikes) != 1 || report.Lookalikes[0].Class.String() != "mobile" {
		t.Fatalf("the load sees %v", report.Lookalikes)
	}
	if got, err := released(d, "SELECT hospital FROM beds WHERE district = '甲' AND beds = 10"); got != "值班电话13900000000\n" {
		t.Errorf("the number of an office gave %q (%v)", got, err)
	}
	// Of another class nobody was told.
	if got, err := released(d, "SELECT hospital || right('护照号 ', 4) || 'E' || substr(hospital, 8, 8) AS n FROM beds WHERE district = '甲' AND beds = 11"); got != identifierFound {
		t.Errorf("a passport number in the same column gave %q (%v)", got, err)
	}
}

// A mask that lets a number through does not let it out.
func TestAMaskThatLetsANumberThroughIsFound(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	for _, row := range data.Persons.Rows {
		row[data.Persons.Column("address")] = "代收手机13912345678请按门铃,谢谢合作"
	}
	d := querytest.CityOf(t, querytest.Options{}, data)
	grant := strings.Replace(maskedGrant, `{name: address, mode: MASKED, recipe: {kind: fixed, text: 保密}}`, `{name: address, mode: MASKED, recipe: {kind: partial, keep_first: 16}}`, 1)
	another(t, d, "second", grant)
	if got := ask(t, d, "second", "SELECT address, count(*) AS n FROM persons GROUP BY address"); got != "WITHHELD" {
		t.Errorf("a number behind a mask gave %q", got)
		_, e2 := d.Ask("li.op", "second", querytest.Purpose, "SELECT address, count(*) AS n FROM persons GROUP BY address")
		t.Log(querytest.Text(e2), errors.Unwrap(e2))
	}
	if got := ask(t, d, "second", "SELECT left(address, 2) AS a, count(*) AS n FROM persons GROUP BY ALL"); got != "代收|120\n" {
		t.Errorf("the same without the number gave %q", got)
	}
}
