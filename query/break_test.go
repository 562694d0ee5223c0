package query_test

import (
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
