package query_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

const aims = 6 // targets of most bots

// individualTracker asks for a district, and for the district without one person
// (Denning, Denning, Schwartz 1979).
func individualTracker(a *attacker) {
	for _, p := range only(a.city.in("320102"), byPhone)[:aims] {
		a.target(p.id, p.income)
		a.combined(p.id, "income", []float64{1, -1}, "FROM persons WHERE district = '320102'", "FROM persons WHERE district = '320102' AND phone <> '"+p.phone+"'")
	}
}

// generalTracker needs no group around its target: sex divides everybody, and everybody
// is taken off what the target's two unions come to (Denning, Schlörer 1980).
func generalTracker(a *attacker) {
	for _, p := range only(a.city.people, byPhone)[200 : 200+aims] {
		a.target(p.id, p.income)
		a.combined(p.id, "income", []float64{1, 1, -1}, "FROM persons WHERE phone = '"+p.phone+"' OR sex = '男'",
			"FROM persons WHERE phone = '"+p.phone+"' OR sex = '女'", "FROM persons")
	}
}

// unlike asks for one set in two forms of words, of which one has the person in it: a
// prefix and a value, a list and its values, a register looked up and one that is not.
func unlike(a *attacker) {
	people := only(a.city.people, byPhone)
	in := func(district string) (out []resident) {
		for _, p := range people {
			if p.district == district {
				out = append(out, p)
			}
		}
		return out[:2]
	}
	for _, p := range in("320105") {
		a.target(p.id, p.income)
		a.combined(p.id, "income", []float64{1, -1}, "FROM persons WHERE district LIKE '320105%'", "FROM persons WHERE district = '320105' AND phone <> '"+p.phone+"'")
	}
	for _, p := range in("320104") {
		a.target(p.id, p.income)
		a.combined(p.id, "income", []float64{1, -1, -1}, "FROM persons WHERE district IN ('320102', '320104')", "FROM persons WHERE district = '320102'",
			"FROM persons WHERE district = '320104' AND phone <> '"+p.phone+"'")
	}
	for _, p := range people {
		of := slices.DeleteFunc(slices.Clone(p.visits), func(v seen) bool { return v.department != "呼吸内科" })
		if len(of) != 1 {
			continue
		}
		a.target(p.id+" cost", of[0].cost)
		a.combined(p.id+" cost", "cost", []float64{1, -1}, "FROM visits WHERE department = '呼吸内科'",
			"FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.department = '呼吸内科' AND p.phone <> '"+p.phone+"'")
		if len(a.truth) == aims {
			return
		}
	}
}

// movingBoundary asks for those born before a day, and before the next.
func movingBoundary(a *attacker) {
	people := only(a.city.in("320104"), byBirth)
	for _, p := range people[:aims] {
		a.target(p.id, p.income)
		day, err := time.Parse(time.DateOnly, p.birth)
		if err != nil {
			a.t.Fatal(err)
		}
		before := func(day time.Time) string {
			return "FROM persons WHERE district = '320104' AND birth_date < '" + day.Format(time.DateOnly) + "'"
		}
		a.combined(p.id, "income", []float64{1, -1}, before(day.AddDate(0, 0, 1)), before(day))
	}
}

// oneVisit takes one visit of a person with many out of a department's: as many people
// are behind either answer.
func oneVisit(a *attacker) {
	n := map[[3]string]int{}
	for _, p := range a.city.people {
		for _, v := range p.visits {
			n[[3]string{v.month, v.district, v.department}]++
		}
	}
	for _, p := range a.city.people {
		of := map[string]int{}
		for _, v := range p.visits {
			of[v.department]++
		}
		for _, v := range p.visits {
			if of[v.department] < 3 || n[[3]string{v.month, v.district, v.department}] != 1 {
				continue
			}
			name := p.id + " " + v.month + " " + v.department
			a.target(name, v.cost)
			from := "FROM visits WHERE department = '" + v.department + "'"
			a.combined(name, "cost", []float64{1, -1}, from, fmt.Sprintf("%s AND NOT (visit_date = '%s' AND district = '%s')", from, v.month, v.district))
			break
		}
		if len(a.truth) == aims {
			return
		}
	}
}

// ownList counts a department's visits of its own customers, and of the same and one
// more. Joined to the register as VALUES, the list is not taken.
func ownList(a *attacker) {
	customers := only(a.city.people[:400], byPhone)
	list := func(n int) string {
		var quoted []string
		for _, p := range customers[:n] {
			quoted = append(quoted, "'"+p.phone+"'")
		}
		return strings.Join(quoted, ", ")
	}
	count := func(n int) ([]float64, bool) {
		return a.figures("SELECT count(*) FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.department = '呼吸内科' AND p.phone IN (" + list(n) + ")")
	}
	rows, _ := a.askAs("li.op", "statistics", "SELECT count(*) FROM visits v JOIN persons p ON v.id_number = p.id_number JOIN (VALUES ('"+customers[0].phone+"')) l(phone) ON p.phone = l.phone")
	if rows != nil {
		a.t.Error("a list of one's own joins")
	}
	// The first that is asked about is nobody's target: the list before it is the base.
	last, known := count(300)
	for i, p := range customers[300 : 300+aims] {
		n := 0
		for _, v := range p.visits {
			if v.department == "呼吸内科" {
				n++
			}
		}
		a.target(p.id, fmt.Sprint(n))
		next, ok := count(301 + i)
		if ok && known {
			a.knows(p.id, fmt.Sprint(next[0]-last[0]))
		}
		last, known = next, ok
	}
}

// nestedDifference asks for the two sets, or for the one person's part, in blocks of one
// statement.
func nestedDifference(a *attacker) {
	const all = "FROM persons WHERE district = '320105'"
	people := only(a.city.in("320105"), byPhone)
	for i, shape := range []string{
		"SELECT (SELECT count(*) %[1]s) - (SELECT count(*) %[2]s), (SELECT count(income) %[1]s) - (SELECT count(income) %[2]s), (SELECT sum(income) %[1]s) - (SELECT sum(income) %[2]s)",
		"SELECT a.n - b.n, a.c - b.c, a.s - b.s FROM (SELECT count(*) AS n, count(income) AS c, sum(income) AS s %[1]s) a, (SELECT count(*) AS n, count(income) AS c, sum(income) AS s %[2]s) b",
		"WITH a AS (SELECT count(*) AS n, count(income) AS c, sum(income) AS s %[1]s), b AS (SELECT count(*) AS n, count(income) AS c, sum(income) AS s %[2]s) SELECT a.n - b.n, a.c - b.c, a.s - b.s FROM a, b",
		"SELECT sum(n), sum(c), sum(s) FROM (SELECT count(*) AS n, count(income) AS c, sum(income) AS s %[1]s UNION ALL SELECT -count(*), -count(income), -sum(income) %[2]s)",
		"SELECT count(*) - count(*) FILTER (WHERE phone <> '%[3]s'), count(income) - count(income) FILTER (WHERE phone <> '%[3]s'), sum(income) - sum(income) FILTER (WHERE phone <> '%[3]s') %[1]s",
		"SELECT max(n) - min(n), max(c) - min(c), max(s) - min(s) FROM (SELECT count(*) AS n, count(income) AS c, sum(income) AS s %[1]s UNION ALL SELECT count(*), count(income), sum(income) %[2]s)",
	} {
		p := people[i]
		a.target(p.id, p.income)
		if x, ok := a.figures(fmt.Sprintf(shape, all, all+" AND phone <> '"+p.phone+"'", p.phone)); ok {
			a.conclude(p.id, [3]float64(x))
		}
	}
}

// twoOperators ask one half each.
func twoOperators(a *attacker) {
	for _, p := range only(a.city.in("320111"), byPhone)[:aims] {
		a.target(p.id, p.income)
		a.combinedBy([]string{"li.op", "jin.op"}, p.id, "income", []float64{1, -1}, "FROM persons WHERE district = '320111'", "FROM persons WHERE district = '320111' AND phone <> '"+p.phone+"'")
	}
}

// acrossVersions asks the same before and after each of the newcomers is delivered.
func acrossVersions(a *attacker) {
	versions, err := a.d.Engine.Versions(a.t.Context(), a.d.Subject("wu.dc"), query.VersionQuery{Zone: "medical", Dataset: "persons"})
	if err != nil || len(versions) != 1 {
		a.t.Fatalf("%d versions, %v", len(versions), err)
	}
	base := versions[0].Version
	for i, p := range a.city.strange {
		a.target(p.id, p.income)
		ask := func() ([]float64, bool) {
			return a.figures("SELECT count(*), count(income), sum(income) FROM persons WHERE district = '" + p.district + "'")
		}
		before, ok := ask()
		one := querytest.Table{Columns: a.city.arriving.Columns, Rows: a.city.arriving.Rows[i : i+1]}
		m := querytest.Delivery("medical", "persons", "statistics-persons", one.CSV(), 1)
		m.Mode, m.Base = query.ModeAppend, base
		base = a.d.Load("wu.dc", m, one.CSV()).Version
		if after, again := ask(); ok && again {
			a.conclude(p.id, [3]float64{after[0] - before[0], after[1] - before[1], after[2] - before[2]})
		}
	}
}

// averagedNoise asks for one district's incomes under noise in other words each time: where
// the noise is new in each answer, the mean of many is the sum without it.
func averagedNoise(a *attacker) {
	people := a.city.in("320113")
	total := 0.0
	for _, p := range people {
		if x, err := strconv.ParseFloat(p.income, 64); err == nil {
			total += x
		}
	}
	a.target("320113", cents(total))
	seen, sum, n := map[string]bool{}, 0.0, 0
	for _, where := range []string{"district = '320113'", "'320113' = district", "district IN ('320113')", "NOT district <> '320113'", "district LIKE '320113'",
		"district >= '320113' AND district <= '320113'", "district = '320113' AND sex IN ('男', '女')", "district = '320113' AND 1 = 1", "district = '320113' OR district = '320113'",
		"district || '' = '320113'", "lower(district) = '320113'", "district = '320113' AND phone LIKE '1%'"} {
		rows, _ := a.askAs("li.op", "noisy", "SELECT sum(income) FROM persons WHERE "+where)
		if len(rows) != 1 {
			continue
		}
		if x, err := strconv.ParseFloat(rows[0][0], 64); err == nil {
			seen[cents(x)], sum, n = true, sum+x, n+1
		}
	}
	if len(seen) > 1 {
		a.knows("320113", cents(sum/float64(n)))
	}
}
