package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/query/querytest"
)

// What an operator sees depends on people who consented alone: of the others
// anything may be otherwise.
func TestPeopleWithoutConsentAreInNoAnswer(t *testing.T) {
	t.Parallel()
	base := querytest.Registers()
	other := base.Clone()
	yes := func(i int) bool { return i%3 != 0 }
	for i, row := range other.Persons.Rows {
		if !yes(i) {
			copy(row, []string{fmt.Sprintf("other-%d", i), "另有其人", fmt.Sprintf("131%08d", i), "无", "1900-01-01", "99999999", "320104"})
		}
	}
	// One of them has for a number what the mask shows of somebody who consented.
	phone := base.Persons.Column("phone")
	masked := base.Persons.Rows[1][phone]
	masked = masked[:3] + "****" + masked[7:]
	other.Persons.Rows[0][phone] = masked
	var seen []string
	for _, data := range []querytest.Data{base, other} {
		d := querytest.CityOf(t, querytest.Options{Idle: 2}, data)
		byConsent(t, d)
		var f consentFile
		for i, row := range data.Persons.Rows {
			if yes(i) {
				f.consent(row[0], querytest.Scenario, "2026-10-01", "2027-12-31")
			}
		}
		bringConsents(t, d, &f, querytest.Scenario)
		var out strings.Builder
		for _, sql := range []string{
			countPersons, perDistrict,
			"SELECT district, avg(income) AS income FROM persons GROUP BY district",
			"SELECT birth_date, count(DISTINCT id_number) AS n FROM persons GROUP BY birth_date",
			"SELECT min(birth_date) AS first, max(birth_date) AS last FROM persons WHERE district = '320104'",
			"SELECT district, phone FROM persons ORDER BY phone LIMIT 40",
			"SELECT phone FROM persons WHERE phone = '" + masked + "'",
			"SELECT v.department, count(*) AS n FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY v.department",
			"SELECT v.department, count(*) AS n FROM visits v LEFT JOIN persons p ON v.id_number = p.id_number WHERE p.district IS NULL GROUP BY v.department",
			"SELECT district, count(*) AS n FROM persons WHERE birth_date < '1950' GROUP BY district",
		} {
			fmt.Fprintf(&out, "%s\n%s%s\n", sql, seenBy(t, d, sql), explained(t, d, sql))
		}
		seen = append(seen, out.String())
	}
	if seen[0] != seen[1] {
		t.Errorf("one world shows\n%s\nthe other\n%s", seen[0], seen[1])
	}
	if !strings.Contains(seen[0], "133\n") {
		t.Errorf("the world shows\n%s\nwant a count of 133 in it", seen[0])
	}
}

// What is counted agrees with counting by hand, through imports, withdrawals and
// days of chance.
func TestQuestionsByConsentAgreeWithBruteForce(t *testing.T) {
	t.Parallel()
	data := thousand()
	d := querytest.CityOf(t, querytest.Options{Idle: 2}, data)
	byConsent(t, d)
	const seed = 11
	draw := rand.New(rand.NewPCG(seed, 1))
	type given struct{ person, from, until int } // days from the first of October
	var all []given
	withdrawn := map[int]bool{}
	day := func(n int) string { return time.Date(2026, 10, 1+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) }
	for step := range 25 {
		switch draw.IntN(3) {
		case 0:
			var f consentFile
			for range 150 {
				g := given{person: draw.IntN(1000), from: draw.IntN(80)}
				g.until = g.from + draw.IntN(60)
				f.consent(data.Persons.Rows[g.person][0], querytest.Scenario, day(g.from), day(g.until))
				all = append(all, g)
			}
			bringConsents(t, d, &f, querytest.Scenario)
		case 1:
			var ids []string
			for range 30 {
				n := draw.IntN(1000)
				withdrawn[n] = true // for good: all were given before
				ids = append(ids, data.Persons.Rows[n][0])
			}
			withdraw(t, d, querytest.Scenario, ids...)
		case 2:
			d.Advance(time.Duration(draw.IntN(72)) * time.Hour)
		}
		today := int(d.Now().Add(8*time.Hour).Sub(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
		people := map[int]bool{}
		for _, g := range all {
			if !withdrawn[g.person] && g.from <= today && today <= g.until {
				people[g.person] = true
			}
		}
		want := fmt.Sprintf("%d\n", len(people))
		if len(people) < 10 {
			want = ""
		}
		if got := ask(t, d, querytest.Scenario, countPersons); got != want {
			t.Fatalf("seed %d step %d: %q, want %q", seed, step, got, want)
		}
	}
}

// A question that begins after a withdrawal has returned does not see those who
// withdrew; one under way is ended, or answers as of before.
func TestAWithdrawalCountsFromTheNextQuery(t *testing.T) {
	t.Parallel()
	data := thousand()
	d := querytest.CityOf(t, querytest.Options{Idle: 3}, data)
	byConsent(t, d)
	var f consentFile
	for _, row := range data.Persons.Rows {
		f.consent(row[0], querytest.Scenario, "2026-10-01", "2027-12-31")
	}
	bringConsents(t, d, &f, querytest.Scenario)
	var mu sync.Mutex
	left := 1000
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				most := left
				mu.Unlock()
				answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, countPersons)
				if err != nil {
					if querytest.Code(err) != "STOPPED" {
						t.Errorf("beside a withdrawal: %s", querytest.Text(err))
					}
					continue
				}
				var n int
				if _, err := fmt.Sscan(d.Open("li.op", answer).String(), &n); err != nil || n > most {
					t.Errorf("a question that began with %d people left saw %d (%v)", most, n, err)
				}
			}
		})
	}
	for i := range 12 {
		withdraw(t, d, querytest.Scenario, data.Persons.Rows[i][0])
		mu.Lock()
		left--
		mu.Unlock()
	}
	close(stop)
	group.Wait()
}
