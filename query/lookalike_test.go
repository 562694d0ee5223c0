package query_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// looking is a look-alike as a line: column, class, level, least level, and
// whether the entry denies that it is personal information.
func looking(all []query.Lookalike) string {
	var out []string
	for _, l := range all {
		out = append(out, fmt.Sprintf("%s %s %d<%d %v %d+%d/%d", l.Column, l.Class, l.Level, l.Least, l.Personal, l.Whole, l.Within, l.Looked))
	}
	return strings.Join(out, "\n")
}

// The registers of the city hold what their catalogue entries say: nothing is
// told of them.
func TestRegistersAsTheirEntriesSayLookLikeNothingElse(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	r := querytest.Registers()
	for dataset, table := range map[string]querytest.Table{"persons": r.Persons, "visits": r.Visits, "beds": r.Beds} {
		if got := looking(d.LoadTable(dataset, table).Lookalikes); got != "" {
			t.Errorf("%s look like\n%s", dataset, got)
		}
	}
}

// A column that looks more sensitive than its level is told to who loads, in the
// audit log and later to those who set and supervise levels; the load goes on, the
// level stays, and no value is told. When the provider has raised the level,
// nothing is told any more.
func TestAColumnThatLooksMoreSensitiveIsTold(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	beds := querytest.Registers().Beds
	numbers := []string{"320102195001010119", "320102195102020121", "320102195203030134", "320102195304040147"} // of nobody, and rightly checked
	people := querytest.Registers().Persons
	hospital, note := beds.Column("hospital"), beds.Column("note")
	var secret []string
	for i, row := range beds.Rows {
		row[hospital], row[note] = numbers[i], "请电联"+people.Rows[i][2]
		secret = append(secret, numbers[i], people.Rows[i][2])
	}
	report := d.LoadTable("beds", beds)
	n := len(beds.Rows)
	want := fmt.Sprintf("hospital resident_id 1<4 true %d+0/%d\nnote mobile 1<3 true 0+%d/%d", n, n, n, n)
	if got := looking(report.Lookalikes); got != want {
		t.Errorf("the load tells\n%s\nwant\n%s", got, want)
	}
	view := func(user string) query.DocumentView {
		docs, err := d.Engine.Documents(t.Context(), d.Subject(user), "dataset", "beds")
		if err != nil {
			t.Fatal(err)
		}
		return docs[0]
	}
	for _, user := range []string{"qian.hospital", "wu.dc", "sun.health", querytest.Founder, "feng.audit"} {
		if got := looking(view(user).Lookalikes); got != want {
			t.Errorf("%s is told\n%s\nwant\n%s", user, got, want)
		}
	}
	for _, user := range []string{"li.op", "zheng.police"} { // the operator, and another's provider
		if got := view(user).Lookalikes; got != nil {
			t.Errorf("%s is told %v", user, got)
		}
	}
	if !strings.Contains(string(view("wu.dc").Document), `"level":1`) {
		t.Error("a level was changed")
	}
	told, err := json.Marshal([]any{report, view("wu.dc")})
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, e := range d.Audit("feng.audit") {
		for _, v := range e.Fields {
			told = append(told, v...)
		}
		if e.Kind == "load.committed" {
			last = e.Fields["lookalikes"]
		}
	}
	if last != "hospital resident_id, note mobile" {
		t.Errorf("the audit entry says %q", last)
	}
	for _, v := range secret {
		if strings.Contains(string(told)+d.Log.String(), v) {
			t.Fatal("a value is told")
		}
	}

	text, err := os.ReadFile(filepath.Join("querytest", "city", "beds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	entry := strings.NewReplacer(
		"{name: hospital, title: 医院, type: string, level: 1, class: health, personal_info: false", "{name: hospital, title: 医院, type: string, level: 4, class: identity, cause_code: PRIVACY, personal_info: true",
		"\n  personal_info: false", "\n  personal_info: true", "entity: null", "entity: {column: hospital, kind: person}",
		"{name: note, title: 备注, type: string, level: 1", "{name: note, title: 备注, type: string, cause_code: PRIVACY, level: 3",
	).Replace(string(text))
	d.Apply("qian.hospital", entry)
	if got, want := looking(view("qian.hospital").Lookalikes), fmt.Sprintf("note mobile 3<3 true 0+%d/%d", n, n); got != want {
		t.Errorf("after the levels were raised is told\n%s\nwant\n%s", got, want)
	}
}
