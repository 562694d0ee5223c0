package query_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"zonebox/query/querytest"
)

// randomSubsets pads random halves of a small district with a large one, and solves what
// comes back (Cohen, Nissim 2020). It knows everybody's telephone number.
func randomSubsets(a *attacker) {
	people := only(a.city.in("320118"), byPhone)[:12]
	r := rand.New(rand.NewPCG(attackedSeed, 1))
	var subsets, values, incomes [][]*big.Rat
	for _, p := range people {
		a.target(p.id, p.income)
	}
	for range 2 * len(people) {
		row := make([]*big.Rat, len(people)+1) // the last is the large district
		row[len(people)] = big.NewRat(1, 1)
		var quoted []string
		for i, p := range people {
			row[i] = big.NewRat(r.Int64N(2), 1)
			if row[i].Sign() > 0 {
				quoted = append(quoted, "'"+p.phone+"'")
			}
		}
		if len(quoted) == 0 {
			continue
		}
		x, ok := a.figures("SELECT count(income), sum(income) FROM persons WHERE district = '320115' OR phone IN (" + strings.Join(quoted, ", ") + ")")
		if !ok {
			continue
		}
		subsets = append(subsets, row)
		values = append(values, []*big.Rat{big.NewRat(int64(x[0]), 1)})
		amount, exact := new(big.Rat).SetString(cents(x[1]))
		if !exact {
			a.t.Fatalf("a sum is %v", x[1])
		}
		incomes = append(incomes, []*big.Rat{amount})
	}
	counts, sums := solved(subsets, values), solved(subsets, incomes)
	for i, p := range people {
		switch {
		case counts[i] == nil || sums[i] == nil:
		case counts[i].Sign() == 0:
			a.knows(p.id, missing)
		default:
			a.knows(p.id, sums[i].FloatString(2))
		}
	}
}

// solved returns the unknowns that equations determine, nil where they do not.
func solved(rows, right [][]*big.Rat) map[int]*big.Rat {
	var m [][]*big.Rat
	for i, row := range rows {
		var c []*big.Rat
		for _, x := range append(append([]*big.Rat{}, row...), right[i]...) {
			c = append(c, new(big.Rat).Set(x))
		}
		m = append(m, c)
	}
	out := map[int]*big.Rat{}
	if len(m) == 0 {
		return out
	}
	unknowns, rank := len(m[0])-1, 0
	pivots := make([]int, 0, unknowns)
	for c := range unknowns {
		p := rank
		for p < len(m) && m[p][c].Sign() == 0 {
			p++
		}
		if p == len(m) {
			continue
		}
		m[rank], m[p] = m[p], m[rank]
		by := new(big.Rat).Inv(m[rank][c])
		for j := range m[rank] {
			m[rank][j].Mul(m[rank][j], by)
		}
		for i := range m {
			if i == rank || m[i][c].Sign() == 0 {
				continue
			}
			f := new(big.Rat).Set(m[i][c])
			for j := range m[i] {
				m[i][j].Sub(m[i][j], new(big.Rat).Mul(f, m[rank][j]))
			}
		}
		pivots = append(pivots, c)
		rank++
	}
	for i, c := range pivots {
		alone := true
		for j := range unknowns {
			alone = alone && (j == c || m[i][j].Sign() == 0)
		}
		if alone {
			out[c] = m[i][unknowns]
		}
	}
	return out
}

// searchByHaving asks whether a group shows, never for a figure: each answer halves
// where the difference of two sums lies.
func searchByHaving(a *attacker) {
	p := only(a.city.in("320106"), byPhone)[0]
	for p.income == missing {
		a.t.Fatal("the target has no income")
	}
	a.target(p.id, p.income)
	low, high := int64(0), int64(1)<<34 // cents
	for low < high {
		mid := (low + high + 1) / 2
		rows, code := a.askAs("li.op", "statistics", fmt.Sprintf(`SELECT district FROM persons WHERE district = '320106' GROUP BY district
			HAVING round((sum(income) - (SELECT sum(income) FROM persons WHERE district = '320106' AND phone <> '%s')) * 100) >= %d`, p.phone, mid))
		if code != "" {
			return
		}
		if len(rows) > 0 {
			low = mid
		} else {
			high = mid - 1
		}
	}
	a.knows(p.id, cents(float64(low)/100))
}

// answeredOrRefused asks for a district's patients, and for these or one person more. It
// does so of two people whose diagnoses it knows, and of its targets; if it fares another
// way with one of the two than with the other, it knows of each target which it is like.
func answeredOrRefused(a *attacker) {
	const base = "SELECT count(*) FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.diagnosis = 'J06' AND "
	first, ok := a.figures(base + "p.district = '320102'")
	if !ok {
		return
	}
	fare := func(p resident) string {
		x, ok := a.figures(base + "(p.district = '320102' OR p.phone = '" + p.phone + "')")
		switch {
		case !ok:
			return "refused"
		case x[0] == first[0]:
			return "nothing more"
		}
		return "more"
	}
	ill := func(p resident) string {
		for _, v := range p.visits {
			if v.diagnosis == "J06" {
				return "yes"
			}
		}
		return "no"
	}
	of := map[string][]resident{}
	for _, p := range only(a.city.people, byPhone) {
		if p.district != "320102" {
			of[ill(p)] = append(of[ill(p)], p)
		}
	}
	told := map[string]string{}
	for _, known := range []string{"no", "yes"} {
		told[fare(of[known][0])] = known
	}
	for i := range aims / 2 {
		for _, p := range []resident{of["yes"][i+1], of["no"][i+1]} {
			a.target(p.id, ill(p))
			if is, ok := told[fare(p)]; ok && len(told) == 2 {
				a.knows(p.id, is)
			}
		}
	}
}

// nothingOrRefused halves a list until it has those before the tenth with a diagnosis: of
// fewer than ten nothing is shown, and of ten either a figure is or it is refused for those
// before it. To the nine it adds one target after the other: by itself, beside a figure
// that everybody gets, in a block within, as a condition of an aggregate.
func nothingOrRefused(a *attacker) {
	people := only(a.city.people, byPhone)
	list, others := people[:300], people[300:]
	ill := func(p resident) string {
		if slices.ContainsFunc(p.visits, func(v seen) bool { return v.diagnosis == "J06" }) {
			return "yes"
		}
		return "no"
	}
	of := map[string][]resident{}
	for _, p := range others {
		of[ill(p)] = append(of[ill(p)], p)
	}
	const from = "FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.diagnosis = 'J06'"
	ways := []string{
		"SELECT count(*) " + from + " AND p.phone IN (%s)",
		"SELECT count(*) " + from + " AND p.phone IN (%s) UNION ALL SELECT -count(*) FROM visits",
		"SELECT n FROM (SELECT count(*) AS n " + from + " AND p.phone IN (%s))",
		"SELECT count(*) FILTER (WHERE p.phone IN (%s)) " + from,
	}
	// shows reports whether something is there, shown or not.
	shows := func(way string, list []resident) bool {
		var quoted []string
		for _, p := range list {
			quoted = append(quoted, "'"+p.phone+"'")
		}
		rows, code := a.askAs("li.op", "statistics", fmt.Sprintf(way, strings.Join(quoted, ", ")))
		return code != "" || slices.ContainsFunc(rows, func(r []string) bool { return r[0] != querytest.Null && !strings.HasPrefix(r[0], "-") })
	}
	low, high := 0, len(list)
	for high-low > 1 {
		if mid := (low + high) / 2; shows(ways[0], list[:mid]) {
			high = mid
		} else {
			low = mid
		}
	}
	for i := range aims / 2 {
		for j, p := range []resident{of["yes"][i], of["no"][i]} {
			a.target(p.id, ill(p))
			if low == 0 { // one person is refused as ten are
				continue
			}
			a.knows(p.id, map[bool]string{true: "yes", false: "no"}[shows(ways[(2*i+j)%len(ways)], append(slices.Clone(list[:low]), p))])
		}
	}
	if low == 0 {
		a.figures("SELECT count(*) FROM visits")
	}
}

// inPlaceOfTheTenth has a list whose last member makes ten with a diagnosis, so that a count
// shows, and puts one target after the other in that one's place, by figures of other
// columns, until one shows too.
func inPlaceOfTheTenth(a *attacker) {
	of := map[bool][]resident{}
	for _, p := range only(a.city.people, byPhone) {
		ill := slices.ContainsFunc(p.visits, func(v seen) bool { return v.diagnosis == "J06" })
		of[ill] = append(of[ill], p)
	}
	const from = "FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.diagnosis = 'J06'"
	shows := func(way string, list ...resident) bool {
		var quoted []string
		for _, p := range list {
			quoted = append(quoted, "'"+p.phone+"'")
		}
		rows, _ := a.askAs("li.op", "statistics", fmt.Sprintf(way, strings.Join(quoted, ", ")))
		return len(rows) == 1 && rows[0][0] != querytest.Null
	}
	nine := append(slices.Clone(of[false][:5]), of[true][:9]...)
	found := shows("SELECT count(*) "+from+" AND p.phone IN (%s)", append(slices.Clone(nine), of[true][9])...)
	targets := append(slices.Clone(of[false][5:8]), of[true][10])
	for _, p := range targets {
		a.target(p.id, map[bool]string{true: "yes", false: "no"}[p.id == of[true][10].id])
	}
	for i, way := range []string{
		"SELECT round(avg(v.cost)) " + from + " AND p.phone IN (%s)",
		"SELECT round(avg(v.cost) FILTER (WHERE p.phone IN (%s))) " + from,
		"SELECT round(avg(p.income)) " + from + " AND p.phone IN (%s)",
		"SELECT round(avg(v.cost) FILTER (WHERE p.phone IN (%s))) " + from,
	} {
		if found && shows(way, append(slices.Clone(nine), targets[i])...) {
			a.knows(targets[i].id, "yes")
			for _, before := range targets[:i] {
				a.knows(before.id, "no")
			}
			return
		}
	}
}
