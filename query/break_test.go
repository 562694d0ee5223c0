package query_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// A constant beside a masked column must not be looked up among raw values:
// whether the answer is withheld would tell who is in the register.
func TestAnAnswerDoesNotTellWhoIsInTheRegister(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	somebody := querytest.Registers().Persons.Rows[5]
	for _, q := range []struct{ sql, guess string }{
		{"SELECT CASE WHEN name IS NULL THEN name ELSE '?' END AS who, count(*) FROM persons GROUP BY 1", somebody[1]},
		{"SELECT coalesce(nullif(name, name), '?') AS who, count(*) FROM persons GROUP BY 1", somebody[1]},
		{"SELECT replace(phone, phone, '?') AS who, count(*) FROM persons GROUP BY 1", somebody[2]},
	} {
		for _, guess := range []string{q.guess, "nobody"} {
			if got, want := cityAnswer(t, d, strings.Replace(q.sql, "?", guess, 1)), guess+"|200\n"; got != want {
				t.Errorf("%s\ngave %swant %s", q.sql, got, want)
			}
		}
	}
}

// What a load admitted, the catalogue of that day promised. An entry that
// promises more, or names another key, needs its data loaded again.
func TestDataLoadedUnderAnEntryThatPromisedLessAreNotRead(t *testing.T) {
	one := querytest.Registers()
	income, district := one.Persons.Column("income"), one.Persons.Column("district")
	one.Persons.Rows = one.Persons.Rows[:20]
	for i, row := range one.Persons.Rows {
		row[income], row[district] = "50000", querytest.Districts[i/10]
		if i < 9 {
			row[income] = "" // 320102 has one income
		}
	}
	for _, c := range []struct {
		name, old, new, sql string
	}{
		{"no nulls", "secret_flag: false, nullable: true}", "secret_flag: false}",
			"SELECT district, avg(income) FROM persons GROUP BY district ORDER BY district"},
		{"another entity", "entity: {column: id_number, kind: person}", "entity: {column: phone, kind: person}",
			"SELECT district, count(*) FROM persons GROUP BY district ORDER BY district"},
		{"public codes", "type: string, level: 2, class: region,", `type: string, level: 3, public_codes: ["320102"], class: region,`,
			"SELECT count(*) FROM persons"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := querytest.CityOf(t, querytest.Options{Idle: 1}, one)
			text, err := os.ReadFile("querytest/city/persons.yaml")
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), c.old, c.new, 1) + "  change_reason: 目录更正\n"
			if changed == string(text) {
				t.Fatal("nothing changed")
			}
			d.Apply("zheng.police", changed, "zheng.police", "sun.health")
			a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, c.sql)
			if err == nil {
				t.Fatalf("%s\nanswered\n%s", c.sql, d.Open("li.op", a))
			}
			if got := querytest.Code(err); got != "DATASET_NOT_LOADED" {
				t.Errorf("refused with %s, want DATASET_NOT_LOADED", querytest.Text(err))
			}
		})
	}
}

// The registry's file is the data centre's to write: what it says of a
// reviewer's word counts only if the gate wrote it.
func TestAnApprovalWrittenIntoTheRegistryFileIsNone(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	run := cityRefuses(t, d, "SELECT name, district FROM persons LIMIT 3", "QUERY_IN_REVIEW")
	db, err := sql.Open("sqlite", filepath.Join(d.Config.Domain, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO workflow_moves (machine, id, seq, move, from_state, to_state, user, org, role, review, at, code, text)
			SELECT machine, id, moves + 1, 'approve', state, 'APPROVED', 'sun.health', 'health-commission', 'zone_regulator', 1, moved_at + 1000, '', x''
			FROM workflow_instances WHERE id = ?`,
		`UPDATE workflow_instances SET state = 'APPROVED', moves = moves + 1 WHERE id = ?`,
	} {
		if _, err := db.Exec(statement, run); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = d.Resume("li.op", run)
	if got := querytest.Code(err); got != "DATA_DAMAGED" {
		t.Errorf("resumed on a forged approval: %v, want DATA_DAMAGED", err)
	}
	if kinds := auditKinds(d, run); tally(kinds, "query.intent") != 0 {
		t.Errorf("it ran: %v", kinds)
	}
}
