package query_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// joinedOnce asks for a district joined to itself person by person, and for the district
// without one person as it is: where joins are apart from what they join, the two are never
// compared.
func joinedOnce(a *attacker) {
	for _, p := range only(a.city.in("320114"), byPhone)[:aims] {
		a.target(p.id, p.income)
		x, ok := a.figures("SELECT count(*), count(p.income), sum(p.income) FROM persons p JOIN persons q ON p.id_number = q.id_number WHERE p.district = '320114'")
		y, also := a.figures("SELECT count(*), count(income), sum(income) FROM persons WHERE district = '320114' AND phone <> '" + p.phone + "'")
		if ok && also {
			a.conclude(p.id, [3]float64{x[0] - y[0], x[1] - y[1], x[2] - y[2]})
		}
	}
}

// joinedTwice asks for the incomes of those a department saw in a month, of whom one, who
// tells it the income, came twice and so counts twice; and for the same people without its
// target, where everybody counts once: of a part of their visits, or by a list of their
// telephone numbers. It was there, and knows who came when.
func joinedTwice(a *attacker) {
	type place struct{ department, month string }
	type visitor struct {
		resident
		seen
	}
	at, alike := map[place][]visitor{}, map[place]bool{}
	phones := map[string]int{}
	for _, p := range a.city.people {
		phones[p.phone]++
	}
	for _, p := range a.city.people {
		for _, v := range p.visits {
			where := place{v.department, v.month}
			at[where] = append(at[where], visitor{p, v})
			alike[where] = alike[where] || phones[p.phone] > 1
		}
	}
	for _, p := range a.city.people {
		for _, v := range p.visits {
			where := place{v.department, v.month}
			all := at[where]
			if len(all) < 16 || alike[where] || p.income == missing {
				continue
			}
			people, districts := map[string]int{}, map[string]int{}
			for _, o := range all {
				people[o.id]++
				districts[o.seen.district]++
			}
			if people[p.id] != 1 || districts[v.district] != 1 || len(people) != len(all)-1 {
				continue
			}
			for _, o := range all {
				if people[o.id] != 2 || districts[o.seen.district] != 1 || o.income == missing {
					continue
				}
				name := p.id + " " + v.month + " " + v.department
				a.target(name, p.income)
				from := fmt.Sprintf("SELECT sum(p.income) FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.department = '%s' AND v.visit_date = '%s'", where.department, where.month)
				others := map[string]bool{}
				for _, o := range all {
					if o.id != p.id {
						others["'"+o.phone+"'"] = true
					}
				}
				for _, second := range []string{
					from + fmt.Sprintf(" AND v.district NOT IN ('%s', '%s')", v.district, o.seen.district),
					"SELECT sum(income) FROM persons WHERE phone IN (" + strings.Join(slices.Sorted(maps.Keys(others)), ", ") + ")",
				} {
					x, ok := a.figures(from)
					y, also := a.figures(second)
					if own, err := strconv.ParseFloat(o.income, 64); ok && also && err == nil {
						a.knows(name, cents(x[0]-y[0]-own))
					}
				}
				delete(at, where)
				break
			}
		}
		if len(a.truth) == aims {
			return
		}
	}
}
