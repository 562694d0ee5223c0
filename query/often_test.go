package query_test

import (
	"fmt"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// placesPage adds to the register of people what nothing protects: which stations and which
// halls there are in each street. Nobody is without a floor; the lane's three and nobody else
// have no pension.
const placesPage = `# places

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
| floor | 楼层 floor | int64 | 2 | yes | |
| income | 年收入 income | int64 | 3 | | |
| pension | 年金 pension | int64 | 3 | yes | |

## stations · stations

提供单位 provider: public-security
个人信息 personal: no

| 列 column | 含义 meaning | 类型 type | 级别 level | 可空 nullable | 公开代码 codes |
|---|---|---|---|---|---|
| street | 街道 street | string | 1 | | |
| line | 线路 line | string | 1 | | |

## halls · halls

提供单位 provider: public-security
个人信息 personal: no

| 列 column | 含义 meaning | 类型 type | 级别 level | 可空 nullable | 公开代码 codes |
|---|---|---|---|---|---|
| street | 街道 street | string | 1 | | |
| line | 线路 line | string | 1 | | |

## scenario statistics · 统计 statistics

| 列 column | 形态 form | 许可 permissions |
|---|---|---|
| persons.id_number | MASKED token | |
| persons.district | CLEAR | |
| persons.street | CLEAR | |
| persons.floor | CLEAR | |
| persons.income | COMPUTE_ONLY | agg:sum agg:avg agg:count |
| persons.pension | COMPUTE_ONLY | agg:sum agg:count |
| stations.street | CLEAR | |
| stations.line | CLEAR | |
| halls.street | CLEAR | |
| halls.line | CLEAR | |
`

// placesWorld has each street in the list of stations and of halls once for each of two
// lines, but the lane twice for a station of the red one, and the gate and the court twice
// for a hall of it. Everybody earns 1, so that a sum of incomes is a count of them.
func placesWorld(t *testing.T) *querytest.Domain {
	t.Helper()
	facts, err := querytest.ParseFacts(placesPage)
	if err != nil {
		t.Fatal(err)
	}
	persons := querytest.Table{Columns: []string{"id_number", "district", "street", "floor", "income", "pension"}}
	stations, halls := querytest.Table{Columns: []string{"street", "line"}}, querytest.Table{Columns: []string{"street", "line"}}
	for _, s := range streets {
		for range s.people {
			n, pension := len(persons.Rows), "2"
			if s.street == "lane" {
				pension = ""
			}
			persons.Rows = append(persons.Rows, []string{fmt.Sprintf("3201%014d", n), s.district, s.street, fmt.Sprint(n % 7), "1", pension})
		}
		for _, line := range []string{"red", "blue"} {
			stations.Rows, halls.Rows = append(stations.Rows, []string{s.street, line}), append(halls.Rows, []string{s.street, line})
		}
	}
	stations.Rows = append(stations.Rows, []string{"lane", "red"})
	halls.Rows = append(halls.Rows, []string{"gate", "red"}, []string{"court", "red"})
	return querytest.World(t, querytest.Options{Idle: 2, Ledger: true}, facts, map[string]querytest.Table{"persons": persons, "stations": stations, "halls": halls})
}

// A table of which several rows are found for some people counts these as often: a total
// that counts three people once more than everybody is refused, whichever is asked first and
// in one question too. Of nineteen people, or where all count alike, it is not; how
// many of these live in one of two streets tells how many live in the other.
func TestRowsThatATableRepeatsAreCountedApart(t *testing.T) {
	t.Parallel()
	const at = " ON p.street = s.street"
	d := placesWorld(t)
	inTurn(t, d,
		inquiry{"li.op", "SELECT count(*), sum(income) FROM persons", "162 162"},
		inquiry{"li.op", "SELECT sum(p.income) FROM persons p JOIN stations s" + at, refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons p JOIN stations s" + at, refusedByHistory},
		inquiry{"li.op", "SELECT count(s.line) FROM persons p LEFT JOIN stations s" + at, refusedByHistory},
		inquiry{"li.op", "SELECT sum(p.income) FROM persons p JOIN (SELECT street FROM stations) s" + at, refusedByHistory},
		inquiry{"li.op", "SELECT sum(n) FROM (SELECT p.id_number, sum(p.income) AS n FROM persons p JOIN stations s" + at + " GROUP BY p.id_number) q", refusedByHistory},
		inquiry{"li.op", "SELECT s.line, sum(p.income) FROM persons p JOIN stations s" + at + " GROUP BY s.line", refusedByHistory},
		inquiry{"li.op", "SELECT count(DISTINCT p.id_number) FROM persons p JOIN stations s" + at, "162"},
		inquiry{"li.op", "SELECT sum(p.income) FROM persons p JOIN stations s" + at + " WHERE s.line = 'blue'", "162"},
		inquiry{"li.op", "SELECT s.line, sum(p.income) FROM persons p JOIN halls s" + at + " GROUP BY s.line", "blue 162; red 181"},
		inquiry{"li.op", "SELECT count(*), sum(p.income) FROM persons p JOIN halls s" + at, "343 343"},
		inquiry{"li.op", "SELECT count(*) FROM persons p JOIN persons q ON p.id_number = q.id_number JOIN stations s ON p.street = s.street WHERE p.district = '乙'", "148"},
		inquiry{"li.op", "SELECT count(*) FROM persons p JOIN persons q ON p.id_number = q.id_number JOIN stations s ON p.street = s.street", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street = 'gate'", refusedByHistory},
		inquiry{"li.op", "SELECT count(*) FROM persons WHERE street = 'east'", "40"})
}

// How many have a value is how many there are where the catalogue says that all have one.
// Where it says that some may have none, that nobody has none is not told apart from three
// people beside how many there are.
func TestACountOfAColumnWithoutGapsIsOneOfRows(t *testing.T) {
	t.Parallel()
	inTurn(t, placesWorld(t),
		inquiry{"li.op", "SELECT count(*), count(income) FROM persons", "162 162"},
		inquiry{"li.op", "SELECT district, count(income), count(*) FROM persons GROUP BY district", "乙 74 74; 甲 88 88"},
		inquiry{"li.op", "SELECT count(*), count(floor) FROM persons", "162 ∅"},
		inquiry{"li.op", "SELECT count(floor) FROM persons", "162"},
		inquiry{"li.op", "SELECT count(pension) FROM persons", refusedByHistory},
		inquiry{"li.op", "SELECT count(pension) FROM persons WHERE district = '乙'", "74"})
}

// What shows a value is compared by whose values it may show.
func TestTheGreatestOfFewMoreIsNotReleased(t *testing.T) {
	t.Parallel()
	inTurn(t, placesWorld(t),
		inquiry{"li.op", "SELECT max(floor) FROM persons WHERE district = '甲'", "6"},
		inquiry{"li.op", "SELECT max(floor) FROM persons WHERE district = '甲' AND street <> 'lane'", refusedByHistory},
		inquiry{"li.op", "SELECT sum(floor) FROM persons WHERE district = '甲' AND street <> 'lane'", refusedByHistory},
		inquiry{"li.op", "SELECT max(floor) FROM persons WHERE district = '甲' AND street <> 'gate'", "6"})
}

// An entry of another form is one that cannot be read.
func TestAnEntryOfAnotherFormReleasesNothing(t *testing.T) {
	t.Parallel()
	for form, want := range map[int]string{1: "DATA_DAMAGED", 2: "74"} {
		d := streetsWorld(t)
		inTurn(t, d, inquiry{"li.op", "SELECT count(*) FROM persons WHERE district = '甲'", "88"})
		_, err := d.Ask("jin.op", "studies", querytest.Purpose, "SELECT count(*) FROM persons WHERE district = '甲' AND street <> 'lane'")
		if err := query.ReserveForm(d.Engine, query.AsError(err).Run, "persons", form); err != nil {
			t.Fatal(err)
		}
		inTurn(t, d, inquiry{"jin.op", "SELECT count(*) FROM persons WHERE district = '乙'", want})
	}
}
