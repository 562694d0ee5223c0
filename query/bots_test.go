package query_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// bot is a stranger with a license who wants what no statement shows: the income, cost
// or diagnosis of persons it names beforehand.
type bot struct {
	name   string
	attack func(*attacker)
	alone  int  // targets of which it learns where no release is compared with those before it
	whole  bool // each statement of it is refused: what it is after is in one
}

var bots = []bot{
	{"an individual tracker", individualTracker, 6, false},
	{"a general tracker", generalTracker, 6, false},
	{"one set in other words", unlike, 6, false},
	{"a boundary that moves day by day", movingBoundary, 6, false},
	{"one visit of a person with many", oneVisit, 6, false},
	{"a list of its own customers", ownList, 6, false},
	{"random subsets, solved as equations", randomSubsets, 12, false},
	{"a difference within one statement", nestedDifference, 4, true},
	{"a search by HAVING", searchByHaving, 1, true},
	{"answered or refused", answeredOrRefused, 6, false},
	{"nothing or refused, for ten of a list", nothingOrRefused, 6, false},
	{"in the place of the tenth, by another figure", inPlaceOfTheTenth, 4, false},
	{"two operators of two licenses", twoOperators, 6, false},
	{"a join of each with itself", joinedOnce, 0, true},
	{"a join that counts one twice", joinedTwice, 6, false},
	{"repeats, to average noise away", averagedNoise, 0, false},
	{"the same question before and after a delivery", acrossVersions, 3, false},
}

// attacker is a bot at work. It sees what people of operators are shown, and what it
// knew of its targets before; how it did is scored when it is done.
type attacker struct {
	t    *testing.T
	d    *querytest.Domain
	city *attackedCity

	asked, answered int
	codes           map[string]int
	told            map[string]bool // of what earlier releases forbid, without the run
	truth, said     map[string]string
}

// target names something that the bot is after, with the value that it is scored by.
func (a *attacker) target(name, truth string) { a.truth[name] = truth }

// knows has the bot say what the value is, for certain.
func (a *attacker) knows(name, value string) { a.said[name] = value }

// askAs asks as a person in a scenario and returns the rows, or the code of a refusal.
func (a *attacker) askAs(user, scenario, sql string) ([][]string, string) {
	a.t.Helper()
	a.asked++
	answer, err := a.d.Ask(user, scenario, querytest.Purpose, sql)
	if err != nil {
		code := querytest.Code(err)
		if code == "INTERNAL" {
			a.t.Fatalf("%s\n%s", sql, querytest.Text(err))
		}
		if code == "RELEASE_HISTORY" {
			a.told[strings.ReplaceAll(querytest.Text(err), querytest.RunOf(a.t, err), "RUN")] = true
		}
		a.codes[strings.Join(append([]string{code}, deniedFor(err)...), " ")]++
		return nil, code
	}
	a.answered++
	return a.d.Open(user, answer).Rows, ""
}

// figures asks for one row of numbers; false unless all of them were shown.
func (a *attacker) figures(sql string) ([]float64, bool) {
	a.t.Helper()
	return a.figuresAs("li.op", sql)
}

func (a *attacker) figuresAs(user, sql string) ([]float64, bool) {
	a.t.Helper()
	scenario := map[string]string{"li.op": "statistics", "jin.op": "studies"}[user]
	rows, _ := a.askAs(user, scenario, sql)
	if len(rows) != 1 {
		return nil, false
	}
	out := make([]float64, len(rows[0]))
	for i, cell := range rows[0] {
		x, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			return nil, false
		}
		out[i] = x
	}
	return out, true
}

// figuresOf are the ways to ask for how many rows there are, how many of them have a
// value, and what the values come to: the statements, and what their rows in turn say.
var figuresOf = []func(measure string) (columns []string, of func([]float64) [3]float64){
	func(m string) ([]string, func([]float64) [3]float64) {
		return []string{fmt.Sprintf("count(*), count(%s), sum(%[1]s)", m)}, func(x []float64) [3]float64 { return [3]float64(x) }
	},
	func(m string) ([]string, func([]float64) [3]float64) {
		return []string{fmt.Sprintf("count(*), count(%s), avg(%[1]s)", m)}, func(x []float64) [3]float64 { return [3]float64{x[0], x[1], x[1] * x[2]} }
	},
	func(m string) ([]string, func([]float64) [3]float64) {
		return []string{"count(*)", fmt.Sprintf("count(%s), sum(%[1]s)", m)}, func(x []float64) [3]float64 { return [3]float64(x) }
	},
	func(m string) ([]string, func([]float64) [3]float64) {
		return []string{fmt.Sprintf("sum(%s), avg(%[1]s)", m)}, func(x []float64) [3]float64 {
			n := math.Round(x[0] / x[1])
			return [3]float64{n, n, x[0]}
		}
	},
}

// combined asks for a measure over sets of rows, each FROM and WHERE, and adds up what
// comes back with the signs given. If one row is left, the bot knows its value.
func (a *attacker) combined(target, measure string, signs []float64, sets ...string) {
	a.t.Helper()
	a.combinedBy([]string{"li.op"}, target, measure, signs, sets...)
}

// combinedBy is combined by several people, who take turns.
func (a *attacker) combinedBy(users []string, target, measure string, signs []float64, sets ...string) {
	a.t.Helper()
	for _, way := range figuresOf {
		columns, of := way(measure)
		var total [3]float64
		for i, set := range sets {
			x, ok := a.inTurn(users[i%len(users)], columns, set)
			if !ok {
				break
			}
			for j, v := range of(x) {
				total[j] += signs[i] * v
			}
			if i == len(sets)-1 {
				a.conclude(target, total)
				return
			}
		}
	}
}

// inTurn asks for columns of a set by a statement each; false unless all were shown.
func (a *attacker) inTurn(user string, columns []string, set string) (all []float64, ok bool) {
	a.t.Helper()
	for _, c := range columns {
		x, ok := a.figuresAs(user, "SELECT "+c+" "+set)
		if !ok {
			return nil, false
		}
		all = append(all, x...)
	}
	return all, true
}

// conclude says what one row holds, if rows and values say that it is one.
func (a *attacker) conclude(target string, x [3]float64) {
	switch {
	case x[0] == 1 && x[1] == 1:
		a.knows(target, cents(x[2]))
	case x[0] == 1 && x[1] == 0:
		a.knows(target, missing)
	}
}

const missing = "none"

// cents is how an amount is written, of which sums of floats may be off by less.
func cents(x float64) string { return fmt.Sprintf("%.2f", math.Round(x*100)/100) }

// score is how many targets the bot knows.
func (a *attacker) score(name string) int {
	a.t.Helper()
	right := 0
	for target, value := range a.said {
		truth, named := a.truth[target]
		if !named {
			a.t.Errorf("%s claims %s, which it did not name beforehand", name, target)
		}
		if value == truth {
			right++
		} else {
			a.t.Errorf("%s is certain that %s is %s, and it is not", name, target, value)
		}
	}
	var codes []string
	for _, c := range slices.Sorted(maps.Keys(a.codes)) {
		codes = append(codes, fmt.Sprintf("%s %d", c, a.codes[c]))
	}
	a.t.Logf("%-50s knows %2d of %2d targets; asked %3d, answered %3d; %s", name, right, len(a.truth), a.asked, a.answered, strings.Join(codes, ", "))
	return right
}

// sent sets a bot on a domain and returns what it did there.
func (b bot) sent(t *testing.T, city *attackedCity, d *querytest.Domain) *attacker {
	t.Helper()
	a := &attacker{t: t, d: d, city: city, codes: map[string]int{}, told: map[string]bool{}, truth: map[string]string{}, said: map[string]string{}}
	b.attack(a)
	return a
}

// Where releases are not compared with those before them, bots learn of their targets.
func TestBotsLearnFromReleasesThatAreNotCompared(t *testing.T) {
	t.Parallel()
	city := newAttackedCity(t, attackedPeople)
	d := city.domain(t, querytest.Options{Idle: 2})
	for _, b := range bots {
		if got := b.sent(t, city, d).score(b.name); got != b.alone {
			t.Errorf("%s learns of %d targets, want %d", b.name, got, b.alone)
		}
	}
}

// Where they are compared no bot learns of any. Whatever is refused for releases before it
// is told by the same words.
func TestBotsLearnNothing(t *testing.T) {
	t.Parallel()
	city := newAttackedCity(t, attackedPeople)
	told := map[string]bool{}
	for _, b := range bots {
		t.Run(b.name, func(t *testing.T) {
			a := b.sent(t, city, city.domain(t, querytest.Options{Idle: 2, Ledger: true}))
			if got := a.score(b.name); got != 0 {
				t.Errorf("it learns of %d targets", got)
			}
			if (a.answered == 0) != b.whole {
				t.Errorf("it is answered %d times of %d", a.answered, a.asked)
			}
			maps.Copy(told, a.told)
		})
	}
	if len(told) > 1 {
		t.Errorf("of earlier releases operators are told %d things: %q", len(told), slices.Collect(maps.Keys(told)))
	}
}
