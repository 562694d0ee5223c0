package query_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// streetsPage is a register of people by street. k is 10.
const streetsPage = `# streets

政策包 pack: nanjing-2024
最小人数 k: 10
保护级别 threshold: 3

## persons · register of persons

提供单位 provider: public-security
个人信息 personal: yes
主体 entity: id_number

| 列 column | 含义 meaning | 类型 type | 级别 level | 可空 nullable | 公开代码 codes |
|---|---|---|---|---|---|
| id_number | 证件号 identity number | string | 4 | | |
| district | 区划 district | string | 2 | | |
| street | 街道 street | string | 2 | | |
| sex | 性别 sex | string | 2 | | |
| income | 年收入 income | int64 | 3 | yes | |
| phone | 手机号 telephone | string | 3 | | |

## scenario statistics · 统计 statistics

| 列 column | 形态 form | 许可 permissions |
|---|---|---|
| persons.id_number | MASKED token | |
| persons.district | CLEAR | |
| persons.street | CLEAR | |
| persons.sex | CLEAR | |
| persons.phone | MASKED partial(3,4) | |
| persons.income | COMPUTE_ONLY | agg:sum agg:avg agg:count |
`

// streets are how many people live in each street, by district.
var streets = []struct {
	district, street string
	people           int
}{
	{"甲", "east", 40}, {"甲", "west", 30}, {"甲", "lane", 3}, {"甲", "gate", 15},
	{"乙", "north", 50}, {"乙", "court", 4}, {"乙", "square", 20},
}

// streetsTable has a row for each person; every other one is a woman. Those of the
// square gave their telephone numbers in the form of the mask.
func streetsTable() querytest.Table {
	t := querytest.Table{Columns: []string{"id_number", "district", "street", "sex", "income", "phone"}}
	for _, s := range streets {
		for range s.people {
			t.Rows = append(t.Rows, streetsRow(len(t.Rows), s.district, s.street))
		}
	}
	return t
}

func streetsRow(n int, district, street string) []string {
	phone := fmt.Sprintf("1390000%04d", n)
	if street == "square" {
		phone = "138****9999"
	}
	return []string{fmt.Sprintf("3201%014d", n), district, street, []string{"女", "男"}[n%2], fmt.Sprint(1000 + 7*n%5000), phone}
}

// streetsWorld has li.op ask in statistics, and jin.op of another operator, under a
// license of its own, the same in studies. Releases are compared.
func streetsWorld(t *testing.T) *querytest.Domain { return streetsWorldOf(t, streetsTable()) }

func streetsWorldOf(t *testing.T, persons querytest.Table) *querytest.Domain {
	t.Helper()
	facts, err := querytest.ParseFacts(streetsPage)
	if err != nil {
		t.Fatal(err)
	}
	d := querytest.World(t, querytest.Options{Idle: 2, Ledger: true}, facts, map[string]querytest.Table{"persons": persons})
	d.Apply(querytest.Founder, `kind: Organization
name: jinrong
spec: {title: 金融数据运营有限公司, kind: operator, org_form: legal_person, credit_code: 91610131MA6U1G5X2J, incident_3y: false, dishonesty_3y: false, security_officer: 吴安全,
  security_department: 安全部, evidence: [{kind: mlps-3, valid_until: "2029-12-31"}, {kind: crypto-assessment, valid_until: "2029-12-31"}]}
`)
	d.Register(querytest.Person{User: "jin.op", RealName: "金运营", Organization: "jinrong", Role: registry.RoleOperator})
	theirs := strings.NewReplacer(`"statistics-2026"`, `"studies-2026"`, `"statistics"`, `"studies"`, `"statistics-persons"`, `"studies-persons"`, `"huiyi"`, `"jinrong"`, `"li.op"`, `"jin.op"`)
	same := func(kind, name string) string { return theirs.Replace(changed(t, d, kind, name, "{", "{ ")) }
	d.Apply(querytest.Founder, same(registry.KindLicense, "statistics-2026")+same(registry.KindScenario, "statistics"), "sun.health", querytest.Founder, "jin.op")
	d.Apply("sun.health", same(registry.KindGrant, "statistics-persons"))
	return d
}

// told asks as a person and returns the rows in one line, or the code of a refusal.
func told(t *testing.T, d *querytest.Domain, user, sql string) string {
	t.Helper()
	a, err := d.Ask(user, map[string]string{"li.op": "statistics", "jin.op": "studies"}[user], querytest.Purpose, sql)
	if err != nil {
		if code := querytest.Code(err); code != "INTERNAL" {
			return code
		}
		t.Fatalf("%s\n%s", sql, querytest.Text(err))
	}
	var lines []string
	for _, row := range d.Open(user, a).Rows {
		lines = append(lines, strings.Join(row, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// inquiry is what somebody asks and what comes of it, one after the other.
type inquiry struct{ user, sql, want string }

func inTurn(t *testing.T, d *querytest.Domain, all ...inquiry) {
	t.Helper()
	for _, a := range all {
		if got := told(t, d, a.user, a.sql); got != a.want {
			t.Errorf("%s asks %s: %s, want %s", a.user, a.sql, got, a.want)
		}
	}
}

const refusedByHistory = "RELEASE_HISTORY"

// What an aggregate leaves out is as what WHERE leaves out: that it leaves out nobody is
// not told apart from three people.
func TestAConditionOfAnAggregateIsAsOneOfTheQuestion(t *testing.T) {
	t.Parallel()
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", "SELECT count(*), sum(income) FROM persons", "162 253287"},
		inquiry{"li.op", "SELECT count(*) FILTER (WHERE street <> 'nowhere') FROM persons", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FILTER (WHERE street <> 'lane') FROM persons", refusedByHistory},
		inquiry{"li.op", "SELECT sum(income) FILTER (WHERE street <> 'nowhere') FROM persons", refusedByHistory},
		inquiry{"li.op", "SELECT count(*), count(*) FILTER (WHERE street <> 'nowhere') FROM persons WHERE sex = '女'", refusedByHistory},
		inquiry{"li.op", "SELECT max(n) FROM (SELECT count(*) FILTER (WHERE street <> 'nowhere') AS n FROM persons)", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FILTER (WHERE street <> 'gate') FROM persons", "147"},
		inquiry{"li.op", "SELECT count(*) FILTER (WHERE district = '甲') FROM persons", "88"}, // as a group of all
	)
}

// A total that did not leave for what one bears of it is not what other totals leave over
// of each other: a patient of the second district pays ten times what all others of it do,
// or nobody does.
func TestATotalThatTellsOfOneIsNotWorkedOut(t *testing.T) {
	t.Parallel()
	usual, dear := querytest.Registers(), querytest.Registers().Clone()
	patient, cost, district := dear.Visits.Column("id_number"), dear.Visits.Column("cost"), dear.Visits.Column("district")
	who := ""
	for _, row := range dear.Visits.Rows {
		if row[district] == querytest.Districts[1] && (who == "" || row[patient] == who) {
			who, row[cost] = row[patient], "250000"
		}
	}
	const groups, all = "SELECT district, sum(cost) FROM visits GROUP BY district", "SELECT sum(cost) FROM visits"
	for _, turn := range []struct {
		world   string
		data    querytest.Data
		sql     []string
		refused bool // the last
	}{
		{"dear", dear, []string{groups, "SELECT count(*) FROM visits", all}, true},
		{"dear, the total first", dear, []string{all, groups}, true},
		{"usual", usual, []string{groups, "SELECT count(*) FROM visits", all}, false},
		{"usual, the total first", usual, []string{all, groups}, false},
	} {
		t.Run(turn.world, func(t *testing.T) {
			t.Parallel()
			d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, turn.data)
			for i, sql := range turn.sql {
				got := toldBy(d, sql)
				if refused := got[0] == refusedByHistory; refused != (turn.refused && i == len(turn.sql)-1) {
					t.Errorf("%s: %q", sql, got)
				}
			}
		})
	}
}

// A list of values is its groups, if each of them has k people: with a street of three, or
// of nobody, it is a choice of the asker's.
func TestAListOfValuesIsItsGroups(t *testing.T) {
	t.Parallel()
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", "SELECT street, count(*) FROM persons GROUP BY street", "east 40; gate 15; north 50; square 20; west 30"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street IN ('east', 'west')", "70"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street IN ('east', 'west', 'nowhere')", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street IN ('east', 'west', 'lane')", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street IN ('east', 'west', 'gate', 'north', 'square')", "155"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street NOT IN ('lane', 'court')", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street IN ('gate', 'square') AND phone <> '138****9999'", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street IN ('gate', 'square') AND sex = '女'", "17"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street = 'gate' AND sex = '女'", ""}, // of fewer than k
	)
}

// A register that has a row for each person adds columns to visits. Visits add none to
// persons, who have several: which persons have any is a choice of the asker's.
func TestARegisterOfOneRowEachIsLookedUp(t *testing.T) {
	t.Parallel()
	d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, querytest.Registers())
	for _, turn := range []struct{ sql, want string }{
		{"SELECT count(*) FROM visits", "399"},
		{"SELECT count(*) FROM visits v JOIN persons p ON v.id_number = p.id_number", "399"},
		{"SELECT count(*) FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.district <> 'nowhere'", refusedByHistory},
		{"SELECT count(DISTINCT id_number) FROM persons", "200"},
		{"SELECT count(DISTINCT p.id_number) FROM persons p JOIN visits v ON p.id_number = v.id_number", refusedByHistory},
	} {
		if got := toldBy(d, turn.sql); !slices.Equal(got, []string{turn.want}) {
			t.Errorf("%s: %q, want %s", turn.sql, got, turn.want)
		}
	}
}

// What a code begins with is a group of it, what a telephone number begins with is not.
func TestThePrefixOfACodeIsAGroup(t *testing.T) {
	t.Parallel()
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", "SELECT street, count(*) FROM persons GROUP BY street", "east 40; gate 15; north 50; square 20; west 30"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street LIKE 'e%'", "40"},
		inquiry{"li.op", "SELECT left(street, 1) AS s, count(*) FROM persons GROUP BY s", "e 40; g 15; n 50; s 20; w 30"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street LIKE '%e%t'", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street LIKE 'e%' OR street LIKE 'nowhere%'", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street LIKE 'e%' OR street LIKE 'lane%'", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE phone LIKE '138%'", refusedByHistory}, // those of the square
	)
}

// A total that differs from an earlier one by the rows of three people is refused,
// whoever asked before; one that differs by those of fifteen is not.
func TestADifferenceOfFewPeopleIsNotReleased(t *testing.T) {
	t.Parallel()
	for _, second := range []string{"li.op", "jin.op"} {
		t.Run(second, func(t *testing.T) {
			t.Parallel()
			d := streetsWorld(t)
			inTurn(t, d,
				inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"},
				inquiry{second, "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'", refusedByHistory},
				inquiry{second, "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'gate'", "73"},
				inquiry{second, "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'nowhere'", refusedByHistory}, // of nobody
				inquiry{second, "SELECT count(*) FROM persons WHERE district = '甲'", "88"},                                     // the same again
				inquiry{second, "SELECT count(income) FROM persons WHERE district = '甲' AND street <> 'lane'", refusedByHistory},
				inquiry{second, "SELECT count(*) FROM persons WHERE street IN ('east', 'lane')", "43"},
				inquiry{"li.op", "SELECT count(*) FROM persons WHERE street = 'east'", refusedByHistory},
				inquiry{second, "SELECT sum(income) FROM persons WHERE street = 'north'", fmt.Sprint(sumOf(func(r []string) bool { return r[2] == "north" }))}, // of nobody else before
				inquiry{second, "SELECT sum(income) FROM persons WHERE district = '乙'", fmt.Sprint(sumOf(func(r []string) bool { return r[1] == "乙" }))},
				inquiry{"li.op", "SELECT sum(income) FROM persons WHERE street IN ('north', 'square')", refusedByHistory})
		})
	}
}

// Groups that are chosen by their keys are those of everybody: asked in parts, then
// whole, they leave. By what is no key they are others.
func TestGroupsMayBeAskedInParts(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT street, count(*) FROM persons WHERE street IN ('east', 'gate') GROUP BY street", "east 40; gate 15"},
		inquiry{"jin.op", "SELECT street, count(*) FROM persons WHERE street > 'f' GROUP BY street", "gate 15; north 50; square 20; west 30"},
		inquiry{"jin.op", "SELECT street, count(*) FROM persons GROUP BY street", "east 40; gate 15; north 50; square 20; west 30"},
		inquiry{"jin.op", "SELECT street, count(*) FROM persons WHERE district = '甲' GROUP BY street", "east 40; gate 15; west 30"},
		inquiry{"jin.op", "SELECT street, count(*) FROM persons WHERE district > '乙' GROUP BY street", refusedByHistory},
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲'", refusedByHistory}) // the lane's three
}

func sumOf(which func([]string) bool) (n int) {
	for _, r := range streetsTable().Rows {
		if which(r) {
			x := 0
			_, _ = fmt.Sscan(r[4], &x)
			n += x
		}
	}
	return n
}

// All refusals by history are told alike, and the log tells those who supervise alone
// with which runs.
func TestARefusalByHistoryTellsTheOperatorNothingElse(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	a, err := d.Ask("li.op", "statistics", querytest.Purpose, "SELECT count(*) FROM persons WHERE district = '甲'")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	var texts []string
	for _, street := range []string{"lane", "nowhere"} {
		_, err := d.Ask("jin.op", "studies", querytest.Purpose, "SELECT count(*) FROM persons WHERE district = '甲' AND street <> '"+street+"'")
		e := query.AsError(err)
		if e.Code != refusedByHistory || e.HintZH == "" || !slices.Contains(e.Articles, "NJ24-13") || len(e.Details) > 0 {
			t.Fatalf("%s gives %s", street, querytest.Text(err))
		}
		texts = append(texts, strings.ReplaceAll(querytest.Text(err), e.Run, "RUN"))
	}
	if texts[0] != texts[1] || strings.Contains(texts[0], a.Run) {
		t.Errorf("few and nothing are told as\n%s\n%s", texts[0], texts[1])
	}
	overlaps := func(user string) (with []string) {
		for _, entry := range d.Audit(user) {
			if entry.Kind == "output.overlap" {
				with = append(with, entry.Fields["dataset"]+" "+entry.Fields["with"])
			}
		}
		return with
	}
	if got, want := overlaps("sun.health"), []string{"persons " + a.Run, "persons " + a.Run}; !slices.Equal(got, want) {
		t.Errorf("the regulator sees %v, want %v", got, want)
	}
	own, err := d.Engine.Audit(t.Context(), d.Subject("jin.op"), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range own {
		if entry.Kind == "output.overlap" || entry.Fields["cause"] != "" || strings.Contains(fmt.Sprint(entry), a.Run) {
			t.Errorf("jin.op sees %+v", entry)
		}
	}
	alerts, err := d.Engine.Alerts(t.Context(), d.Subject("sun.health"))
	if err != nil || len(alerts) != 1 || alerts[0].Rule != "overlap" || alerts[0].Subject != "jinrong" {
		t.Errorf("the regulator is told %+v, %v, want of jinrong's overlap", alerts, err)
	}
}

// Of a next version, a total is compared with those of the version before: with three
// people more it is refused, with twenty more it is not.
func TestVersionsOfADatasetAreCompared(t *testing.T) {
	t.Parallel()
	for more, want := range map[int]string{3: refusedByHistory, 20: "108"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			d := streetsWorld(t)
			inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"},
				inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '乙'", "74"})
			next := streetsTable()
			for i := range more {
				next.Rows = append(next.Rows, streetsRow(1000+i, "甲", "east"))
			}
			slices.Reverse(next.Rows)
			data := next.CSV()
			for range 2 { // the first is retired with the second of these
				d.Load("wu.dc", querytest.Delivery("medical", "persons", "statistics-persons", data, len(next.Rows)), data)
				next.Rows[0], next.Rows[1] = next.Rows[1], next.Rows[0]
				data = next.CSV()
			}
			inTurn(t, d, inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲'", want},
				inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '乙'", "74"}) // nobody came
		})
	}
}

// Which groups there are is as much as how many are in each: without the three of the
// lane it is refused as the count is.
func TestGroupsWithoutAFigureAreCompared(t *testing.T) {
	t.Parallel()
	for _, groups := range []string{"SELECT district FROM persons WHERE %s GROUP BY district", "SELECT DISTINCT district FROM persons WHERE %s"} {
		inTurn(t, streetsWorld(t),
			inquiry{"li.op", fmt.Sprintf(groups, "street <> 'gate'"), "乙; 甲"},
			inquiry{"jin.op", fmt.Sprintf(groups, "street <> 'gate'"), "乙; 甲"},
			inquiry{"jin.op", fmt.Sprintf(groups, "street <> 'gate' AND street <> 'lane'"), refusedByHistory},
			inquiry{"jin.op", "SELECT district, count(*) FROM persons WHERE street <> 'gate' AND street <> 'lane' GROUP BY district", refusedByHistory},
			inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"})
	}
}

// What shows nothing of whom the asker chose is told as what is refused for the answers
// before it, whether it is of nine or of nobody; the log tells those who supervise, who
// are not alerted. Of groups that nobody chose nothing is shown and nothing is refused.
func TestNothingOfWhomTheAskerChoseIsToldAsARefusal(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"})
	texts := map[string]bool{}
	var indices []uint64 // entries between the two of a question
	for _, sql := range []string{
		"SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'", // refused for the answer before it
		"SELECT count(*) FROM persons WHERE street < 'd' OR street = 'lane'",
		"SELECT count(*) FROM persons WHERE street < 'd' AND street > 'lane'",
		"SELECT (SELECT count(*) FROM persons), (SELECT count(*) FROM persons WHERE street < 'd' AND street > 'lane')",
		"SELECT count(*), count(*) FILTER (WHERE street < 'd' OR street = 'lane') FROM persons",
		"SELECT sex, count(*) FROM persons WHERE street < 'd' OR street = 'lane' GROUP BY sex",
		"SELECT sex, count(*) FROM persons WHERE street < 'd' AND street > 'lane' GROUP BY sex",
		"SELECT sex FROM persons WHERE street < 'd' OR street = 'lane' GROUP BY sex",
	} {
		_, err := d.Ask("jin.op", "studies", querytest.Purpose, sql)
		if err == nil {
			t.Errorf("%s is answered", sql)
			continue
		}
		e := query.AsError(err)
		if e.Code != refusedByHistory {
			t.Fatalf("%s gives %s", sql, querytest.Text(err))
		}
		texts[strings.ReplaceAll(querytest.Text(err), e.Run, "RUN")] = true
		own, err := d.Engine.Audit(t.Context(), d.Subject("jin.op"), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		last := own[len(own)-2:]
		if indices = append(indices, last[1].Index-last[0].Index); last[1].Run != e.Run || last[1].Fields["cause"] != "" || indices[len(indices)-1] != indices[0] {
			t.Errorf("%s: jin.op sees %+v, and of the first question %d", sql, last, indices[0])
		}
	}
	if len(texts) != 1 {
		t.Errorf("jin.op is told %q", slices.Collect(maps.Keys(texts)))
	}
	causes := map[string]int{}
	for _, e := range d.Audit("sun.health") {
		if e.Kind == "output.overlap" {
			causes["few"] += map[bool]int{true: 1}[e.Fields["with"] == ""]
		}
		causes[e.Fields["cause"]]++
	}
	if causes["OVERLAP"] != 1 || causes["FEW"] != 7 || causes["few"] != 7 {
		t.Errorf("the regulator sees %v, want one for an earlier answer and seven of few", causes)
	}
	inTurn(t, d,
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE street = 'lane'", ""},
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE street = 'nowhere'", ""},
		inquiry{"jin.op", "SELECT street, count(*) FROM persons WHERE street < 'd' GROUP BY street", ""})
}

// That a choice shows is as much as its count, whatever figure shows: one column's is refused
// where another's left. Of what nobody chose each column's totals are by themselves.
func TestAChoiceCountsWhateverFigureShows(t *testing.T) {
	t.Parallel()
	const others = "SELECT %s FROM persons WHERE street <> 'gate' AND street <> '%s'"
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", fmt.Sprintf(others, "round(avg(income))", "nowhere"), "1564"},
		inquiry{"jin.op", fmt.Sprintf(others, "count(*)", "lane"), refusedByHistory})
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", "SELECT round(avg(income) FILTER (WHERE street <> 'gate')) FROM persons", "1564"},
		inquiry{"jin.op", fmt.Sprintf(others, "count(*)", "lane"), refusedByHistory})
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", "SELECT sum(income) FROM persons WHERE district = '甲'", "114796"},
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'", "85"})
}

// A total by a mean is how many there are, whoever asked for which of them, and whichever
// was asked for before the count of those without three people.
func TestAMeanIsACount(t *testing.T) {
	t.Parallel()
	const (
		total = "SELECT sum(income) FROM persons WHERE district = '%s'"
		mean  = "SELECT avg(income) FROM persons WHERE district = '%s'"
		both  = "SELECT sum(income), round(avg(income)) FROM persons WHERE district = '%s'"
		each  = "SELECT round(avg(s)) FROM (SELECT id_number, sum(income) AS s FROM persons WHERE district = '%s' GROUP BY id_number) q"
		but   = "SELECT count(*) FROM persons WHERE district = '甲' AND street <> '%s'"
	)
	of := func(sql, what string) string { return fmt.Sprintf(sql, what) }
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", of(both, "甲"), "114796 1305"},
		inquiry{"jin.op", of(but, "lane"), refusedByHistory},
		inquiry{"jin.op", of(but, "gate"), "73"})
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", of(but, "lane"), "85"},
		inquiry{"li.op", of(total, "甲"), "114796"},
		inquiry{"jin.op", of(both, "甲"), refusedByHistory},
		inquiry{"jin.op", of(mean, "甲"), refusedByHistory},
		inquiry{"jin.op", of(each, "甲"), refusedByHistory},
		inquiry{"jin.op", of(each, "乙"), "1872"})
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", of(each, "甲"), "1305"},
		inquiry{"jin.op", of(but, "lane"), refusedByHistory},
		inquiry{"jin.op", of(but, "gate"), "73"})
}

// Beside a count of those that have a value a mean tells of nobody else.
func TestAMeanTellsNothingBesideItsCount(t *testing.T) {
	t.Parallel()
	const (
		both = "SELECT count(income), sum(income), round(avg(income)) FROM persons WHERE district = '甲'"
		but  = "SELECT count(income) FILTER (WHERE street <> 'lane') FROM persons WHERE district = '甲'"
		all  = "SELECT count(*) FROM persons WHERE district = '甲'"
	)
	without := func(t *testing.T, people int) *querytest.Domain {
		table := streetsTable()
		for i := range people {
			table.Rows[i][4] = ""
		}
		return streetsWorldOf(t, table)
	}
	inTurn(t, without(t, 20),
		inquiry{"li.op", both, "68 93466 1375"},
		inquiry{"jin.op", but, refusedByHistory},
		inquiry{"jin.op", all, "88"})
	inTurn(t, without(t, 3),
		inquiry{"li.op", both, "85 111775 1315"},
		inquiry{"jin.op", all, refusedByHistory})
}

// What a condition chooses of rows that the asker chose is a choice of its own, though it
// names a district.
func TestAConditionOfChosenRowsIsAChoice(t *testing.T) {
	t.Parallel()
	for figure, want := range map[string]string{"sum(income)": "23400", "round(avg(income))": "1560"} {
		figure = strings.Replace(figure, "(income)", "(income) FILTER (WHERE district = '甲')", 1)
		inTurn(t, streetsWorld(t),
			inquiry{"li.op", "SELECT " + figure + " FROM persons WHERE district = '乙' OR street = 'gate'", want},
			inquiry{"jin.op", "SELECT count(*) FROM persons WHERE street = 'gate' OR street = 'lane'", refusedByHistory},
			inquiry{"jin.op", "SELECT count(*) FROM persons WHERE street = 'gate' OR street = 'east'", "55"})
	}
}

// That a group shows is told by no count that does not show in it.
func TestACountThatDoesNotShowTellsOfNobody(t *testing.T) {
	t.Parallel()
	const (
		counts = "SELECT district, count(*) FILTER (WHERE sex = '男' OR district = '乙') FROM persons WHERE street = 'gate' OR street = 'lane' OR street = 'square' GROUP BY district"
		gate   = "SELECT count(*) FROM persons WHERE street = 'gate' OR street = '%s'"
	)
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", counts, "乙 20; 甲 " + querytest.Null},
		inquiry{"jin.op", fmt.Sprintf(gate, "nowhere"), refusedByHistory},
		inquiry{"jin.op", fmt.Sprintf(gate, "east"), "55"})
}

// Whom the asker chose is told as much by rows that a join repeats.
func TestAChoiceCountsThroughAJoin(t *testing.T) {
	t.Parallel()
	const of = "SELECT count(*) FROM persons WHERE district <> '320106'"
	d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, querytest.Registers())
	inTurnOf(t, d,
		cityInquiry{"SELECT count(*) FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.district <> '320106'", "360"},
		cityInquiry{of + " AND phone <> '139****2000'", refusedByHistory},
		cityInquiry{of + " AND district <> '320105'", "120"})
}

// Beside a group that shows, one of few can be told from one that is refused. What shows
// is spent by that: beside it the next choice is refused, of few and of more.
func TestAGroupThatShowsServesOneChoice(t *testing.T) {
	t.Parallel()
	const groups = "SELECT district, count(*) FROM persons WHERE street IN ('lane', 'north') OR street = '%s' GROUP BY district"
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", fmt.Sprintf(groups, "nowhere"), "乙 50"},
		inquiry{"li.op", fmt.Sprintf(groups, "none"), refusedByHistory},
		inquiry{"li.op", fmt.Sprintf(groups, "gate"), refusedByHistory})
	inTurn(t, streetsWorld(t), inquiry{"li.op", fmt.Sprintf(groups, "gate"), "乙 50; 甲 18"})
}

// What was released stays known to the next process, and to one on a restored folder;
// what a process left half done is forgotten.
func TestTheLedgerIsThereAfterAStart(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"})
	stray := filepath.Join(d.Config.Domain, "ledger", "run-left-behind.persons.ledger")
	if err := os.WriteFile(stray, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Reopen()
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Errorf("what was left half done is there: %v", err)
	}
	inTurn(t, d, inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'", refusedByHistory},
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'gate'", "73"})
	entries, err := query.LedgerEntries(d.Engine, "persons")
	if err != nil || len(entries) != 2 || entries[0].State != registry.LedgerKept || entries[1].State != registry.LedgerKept {
		t.Errorf("the registry has %+v, %v, want two that left", entries, err)
	}
}

// Without a file that the registry names, or with another, nothing is released of the
// dataset.
func TestADamagedLedgerReleasesNothing(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"})
	files, err := filepath.Glob(filepath.Join(d.Config.Domain, "ledger", "*.ledger"))
	if err != nil || len(files) != 2 {
		t.Fatalf("the ledger has %v, %v, want an entry and a lineage", files, err)
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, damage := range map[string]func() error{
			"gone": func() error { return os.Remove(file) },
			"changed": func() error {
				return os.WriteFile(file, append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), 0o600)
			},
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			d.Reopen()
			if got := told(t, d, "jin.op", "SELECT count(*) FROM persons WHERE district = '乙'"); got != "DATA_DAMAGED" {
				t.Errorf("%s is %s: %s, want DATA_DAMAGED", filepath.Base(file), name, got)
			}
			if err := os.WriteFile(file, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.Reopen()
	inTurn(t, d, inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '乙'", "74"})
}

// ledgerStates are what became of the outputs that showed something of the people.
func ledgerStates(t *testing.T, d *querytest.Domain) (out []string) {
	t.Helper()
	entries, err := query.LedgerEntries(d.Engine, "persons")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.State)
	}
	return out
}

// An output that is blocked counts for nothing.
func TestABlockedOutputIsForgotten(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT phone, count(*) FROM persons WHERE street = 'square' GROUP BY phone", "WITHHELD"}, // a mask that shows what it hides
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street = 'square'", "20"},
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '乙' AND street <> 'north' AND street <> 'court'", refusedByHistory})
	if got := ledgerStates(t, d); !slices.Equal(got, []string{registry.LedgerVoid, registry.LedgerKept}) {
		t.Errorf("the entries are %v, want a void and a kept one", got)
	}
}

// One of which people decide counts until they reject it, and for good once it left.
func TestWhatReviewersRejectIsForgotten(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1, Ledger: true})
	var runs []string
	for i := range 3 {
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, fmt.Sprintf("SELECT phone, district FROM persons ORDER BY phone LIMIT %d", 3+i))
		run := querytest.RunOf(t, err)
		if err := query.Reserve(d.Engine, run, "persons"); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), runs[0], false, "第十三条"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, by := range []string{"sun.health", "zheng.police"} {
		if _, err := d.Engine.Settle(t.Context(), d.Subject(by), runs[1], true, ""); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	if _, err := d.Resume("li.op", runs[1]); err != nil {
		t.Fatal(querytest.Text(err))
	}
	slices.Sort(runs)
	if got, want := ledgerStates(t, d), []string{registry.LedgerVoid, registry.LedgerKept, registry.LedgerReserved}; !slices.Equal(got, want) {
		t.Errorf("the entries are %v, want %v", got, want)
	}
}

// Two at once cannot both pass where the second of two could not.
func TestTwoAtOnceAreNotBothReleased(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	var got [2]string
	var both sync.WaitGroup
	for i, sql := range []string{"SELECT count(*) FROM persons WHERE district = '甲'", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'"} {
		both.Go(func() { got[i] = told(t, d, []string{"li.op", "jin.op"}[i], sql) })
	}
	both.Wait()
	if got != [2]string{"88", refusedByHistory} && got != [2]string{refusedByHistory, "85"} {
		t.Errorf("two at once get %v, want one a figure and one a refusal", got)
	}
}

// The log tells questions that differ in constants alone by one shape.
func TestQuestionsThatDifferInConstantsHaveOneShape(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	for _, sql := range []string{
		"SELECT count(*) FROM persons WHERE district = '甲' AND street IN ('east', 'gate')",
		"SELECT count(*) FROM persons WHERE district = '乙' AND street IN ('north', 'court', 'square')",
		"SELECT count(*) FROM persons WHERE district = '乙' OR street IN ('north', 'court', 'square')",
	} {
		told(t, d, "li.op", sql)
	}
	var shapes, trees []string
	for _, e := range d.Audit("sun.health") {
		if e.Kind == "query.intent" {
			shapes, trees = append(shapes, e.Fields["shape"]), append(trees, e.Fields["tree"])
		}
	}
	if len(shapes) != 3 || shapes[0] == "" || shapes[0] != shapes[1] || shapes[1] == shapes[2] || trees[0] == trees[1] {
		t.Errorf("the shapes are %v of %v, want the first two alike", shapes, trees)
	}
}

// A figure of columns put below each other is one of each: what it leaves over of a total
// of one of them is compared with totals of the other.
func TestAFigureOfTwoColumnsIsOneOfEach(t *testing.T) {
	t.Parallel()
	const one = "SELECT round(avg(income)) FROM persons WHERE district = '320102' AND phone <> '139****2000'"
	d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, querytest.Registers())
	inTurnOf(t, d, cityInquiry{one, "37539"})
	d = querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, querytest.Registers())
	inTurnOf(t, d,
		cityInquiry{"SELECT round(avg(x)) FROM (SELECT income AS x FROM persons WHERE district = '320102' UNION ALL SELECT cost FROM visits) u", "5064"},
		cityInquiry{one, refusedByHistory},
		cityInquiry{"SELECT round(avg(income)) FROM persons WHERE district = '320104'", "52413"})
}

// Rows that nothing protects add to a figure what everybody knows.
func TestOpenRowsBelowProtectedOnesAreNoFigureOfAnybody(t *testing.T) {
	t.Parallel()
	d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, querytest.Registers())
	inTurnOf(t, d,
		cityInquiry{"SELECT sum(x) FROM (SELECT cost AS x FROM visits UNION ALL SELECT beds FROM beds) u", "80733.75"},
		cityInquiry{"SELECT sum(cost) FROM visits WHERE district <> '320106'", "68430"}, // without twenty people
		cityInquiry{"SELECT sum(cost) FROM visits WHERE NOT (district = '320106' AND department = '内科')", refusedByHistory})
}

// Rows that one block reads twice are two choices of the asker's: that they leave nobody
// over of each other is not told apart from three people.
func TestRowsReadTwiceAreApart(t *testing.T) {
	t.Parallel()
	const twice = "SELECT count(*) FROM (SELECT sex FROM persons WHERE district = '甲' UNION ALL SELECT sex FROM persons WHERE district = '%s' AND street <> '%s') u"
	d := streetsWorld(t)
	inTurn(t, d,
		inquiry{"li.op", fmt.Sprintf(twice, "甲", "lane"), refusedByHistory},
		inquiry{"li.op", fmt.Sprintf(twice, "甲", "nowhere"), refusedByHistory},
		inquiry{"li.op", fmt.Sprintf(twice, "甲", "gate"), "161"})
	inTurn(t, streetsWorld(t), inquiry{"li.op", fmt.Sprintf(twice, "乙", "nowhere"), "162"})
}

// A column that a block within computes, or that a join leaves null, is a choice of the
// asker's as a condition is.
func TestAComputedColumnIsAsACondition(t *testing.T) {
	t.Parallel()
	const (
		computed = "SELECT count(*), count(d.k) FROM (SELECT CASE WHEN street <> '%s' THEN 1 END AS k, district FROM persons) d WHERE d.district = '甲'"
		partner  = "SELECT count(*), count(b.district) FROM persons a LEFT JOIN persons b ON a.id_number = b.id_number AND b.street <> '%s'"
	)
	for _, c := range []struct{ sql, street, want string }{
		{computed, "lane", refusedByHistory},
		{computed, "nowhere", refusedByHistory},
		{computed, "gate", "88 73"},
		{partner, "lane", refusedByHistory},
		{partner, "nowhere", refusedByHistory},
	} {
		inTurn(t, streetsWorld(t), inquiry{"li.op", fmt.Sprintf(c.sql, c.street), c.want})
	}
}

// What is added up entity by entity is a total of the rows, and how many people there are
// is how many rows where each has one.
func TestFiguresOfEntitiesAreComparedWithThoseOfRows(t *testing.T) {
	t.Parallel()
	for _, each := range []struct{ within, rows string }{
		{"SELECT sum(s) FROM (SELECT id_number, sum(cost) AS s FROM visits WHERE department = '内科' GROUP BY id_number) q", "sum(cost)"},
		{"SELECT sum(n) FROM (SELECT id_number, count(*) AS n FROM visits WHERE department = '内科' GROUP BY id_number) q", "count(*)"},
	} {
		d := querytest.CityOf(t, querytest.Options{Idle: 2, Ledger: true}, querytest.Registers())
		for _, turn := range []struct {
			sql     string
			refused bool
		}{
			{each.within, false},
			{"SELECT " + each.rows + " FROM visits WHERE department = '内科' AND district <> '320106'", true}, // five people
			{"SELECT " + each.rows + " FROM visits WHERE department = '内科' AND district <> '320105'", false},
		} {
			got := toldBy(d, turn.sql)
			if refused := slices.Equal(got, []string{refusedByHistory}); refused != turn.refused || len(got) != 1 {
				t.Errorf("%s: %q", turn.sql, got)
			}
		}
	}
	inTurn(t, streetsWorld(t),
		inquiry{"li.op", "SELECT count(DISTINCT id_number) FROM persons WHERE district = '甲'", "88"},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'gate'", "73"})
}

// cityInquiry is a question of the city's operator and what comes of it.
type cityInquiry struct{ sql, want string }

func inTurnOf(t *testing.T, d *querytest.Domain, all ...cityInquiry) {
	t.Helper()
	for _, a := range all {
		if got := strings.Join(toldBy(d, a.sql), "; "); got != a.want {
			t.Errorf("%s: %s, want %s", a.sql, got, a.want)
		}
	}
}

// What a run holds that is under way counts, and no more when it has ended without an
// output.
func TestARunThatEndsWithoutAnOutputIsForgotten(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '乙'", "74"})
	end, err := query.Hold(d.Engine, "run-under-way", "persons", 85) // all of 甲 but three of its gate
	if err != nil {
		t.Fatal(err)
	}
	all := inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲'", refusedByHistory}
	inTurn(t, d, all)
	end()
	all.want = "88"
	inTurn(t, d, all)
	if held := query.Held(d.Engine, "run-under-way", "persons"); held != 0 {
		t.Errorf("%d blocks of a run that has ended are held", held)
	}
}

// A file that cannot be read has questions refused, and what runs hold whose outputs are
// not stored yet stays.
func TestAnUnreadableEntryForgetsNoRunUnderWay(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	const all = "SELECT count(*) FROM persons WHERE district = '甲'"
	inTurn(t, d, inquiry{"li.op", all, "88"})
	_, err := d.Ask("jin.op", "studies", querytest.Purpose, all+" AND street <> 'lane'")
	refused := query.AsError(err).Run
	end, err := query.Hold(d.Engine, "run-under-way", "persons", 20)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if err := query.Reserve(d.Engine, refused, "persons"); err != nil {
		t.Fatal(err)
	}
	inTurn(t, d, inquiry{"jin.op", all, "DATA_DAMAGED"})
	if held := query.Held(d.Engine, "run-under-way", "persons"); held != 1 {
		t.Errorf("%d blocks of the run under way are held after a file could not be read, want 1", held)
	}
}

// Without the ledger, the control of the tests above, every total leaves.
func TestWhatIsForgottenIsNotCompared(t *testing.T) {
	t.Parallel()
	d := streetsWorld(t)
	d.Config.Forgetful = true
	d.Reopen()
	inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"},
		inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'", "85"})
}
