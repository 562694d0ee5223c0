package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"zonebox/query/querytest"
)

// A randomWorld is a city with random registers and random grants, and how to ask
// about it.
type randomWorld struct {
	*rand.Rand
	data   querytest.Data
	forms  map[string]string // of table.column: as a grant writes them, "" if it is not granted
	scope  []string          // districts of persons that are granted, nil for all
	small  string            // a district of fewer than ten people
	bounds bool              // every group lies within one district
}

func (w *randomWorld) chance(percent int) bool { return w.IntN(100) < percent }

func (w *randomWorld) pick(options ...string) string { return options[w.IntN(len(options))] }

func newRandomWorld(seed, n uint64) *randomWorld {
	w := &randomWorld{Rand: rand.New(rand.NewPCG(seed, n)), forms: map[string]string{}, small: "320106", bounds: n%2 == 1}
	w.data = querytest.Data{
		Persons: querytest.Table{Columns: []string{"id_number", "name", "phone", "address", "birth_date", "income", "district"}},
		Visits:  querytest.Table{Columns: []string{"visit_id", "id_number", "visit_date", "district", "department", "diagnosis", "cost"}},
		Beds:    querytest.Table{Columns: []string{"district", "hospital", "beds", "opened", "note"}},
	}
	people := 60 + w.IntN(120)
	for i := range people {
		district := querytest.Districts[w.IntN(3)]
		if i < 3+w.IntN(7) {
			district = w.small
		}
		income := fmt.Sprint(20000 + w.IntN(100000))
		if w.chance(30) {
			income = ""
		}
		id := fmt.Sprintf("32010%d%04d0101%04d", 1+i%6, 1950+i%40, 1000+i)
		w.data.Persons.Rows = append(w.data.Persons.Rows, []string{id, w.name(), w.phone(), w.text(), w.date("19"+w.pick("50", "60", "61"), w.pick("01", "06")), income, district})
		for range w.IntN(4) {
			w.data.Visits.Rows = append(w.data.Visits.Rows, []string{fmt.Sprintf("MZ%06d", len(w.data.Visits.Rows)), id, w.date("2026", w.pick("01", "02", "03")),
				district, w.pick("内科", "外科", "急诊科"), w.pick("I10", "E11", "G12", "A15"), fmt.Sprintf("%d.5", w.IntN(900))})
		}
	}
	for i := range 4 + w.IntN(20) {
		w.data.Beds.Rows = append(w.data.Beds.Rows, []string{w.pick(querytest.Districts...), fmt.Sprint("医院", i), fmt.Sprint(w.IntN(70)), w.date("1980", "01"), w.text()})
	}
	masked := func(kinds ...string) string {
		if k := w.pick(kinds...); k != "" {
			return "mode: MASKED, recipe: {" + k + "}"
		}
		return ""
	}
	secret := func(permissions ...string) string {
		w.Shuffle(len(permissions), func(i, j int) { permissions[i], permissions[j] = permissions[j], permissions[i] })
		return `mode: COMPUTE_ONLY, permissions: ["` + strings.Join(permissions[:1+w.IntN(len(permissions))], `", "`) + `"]`
	}
	w.forms["persons.id_number"], w.forms["visits.id_number"] = masked("kind: token"), masked("kind: token")
	w.forms["persons.name"] = masked("", "kind: redact", "kind: partial, keep_first: 1", "kind: display, field: name")
	w.forms["persons.phone"] = masked("", "kind: redact", "kind: partial, keep_first: 3", "kind: partial, keep_first: 3, keep_last: 4",
		`kind: pattern, pattern: "###********"`, "kind: display, field: phone")
	w.forms["persons.address"] = masked("", "", "kind: redact", "kind: nullify", "kind: fixed, text: 保密")
	w.forms["persons.birth_date"] = masked("", "kind: date, part: year", "kind: date, part: month", "kind: date, part: decade", "kind: date, part: quarter")
	w.forms["persons.income"] = secret("agg:avg", "agg:count", "agg:sum", "cmp_lit:<")
	w.forms["persons.district"], w.forms["visits.district"] = "mode: CLEAR", "mode: CLEAR"
	w.forms["visits.visit_id"] = masked("", "kind: redact")
	w.forms["visits.visit_date"] = masked("", "kind: date, part: month")
	w.forms["visits.department"] = w.pick("", "mode: CLEAR")
	w.forms["visits.diagnosis"] = secret("groupkey", "cmp_lit:=", "cmp_lit:in")
	w.forms["visits.cost"] = secret("agg:avg", "agg:sum", "agg:count")
	for _, c := range w.data.Beds.Columns {
		w.forms["beds."+c] = w.pick("mode: CLEAR", "mode: CLEAR", "")
	}
	w.forms["beds.district"], w.forms["beds.beds"] = "mode: CLEAR", "mode: CLEAR"
	if w.chance(50) {
		w.scope = []string{querytest.Districts[0], querytest.Districts[1], w.small}[w.IntN(2):]
	}
	return w
}

func (w *randomWorld) name() string {
	return w.pick("欧阳", "王", "李")[:3] + w.pick("鹤舟", "霁野", "筠", "翊棠澜")
}
func (w *randomWorld) phone() string {
	return "139" + fmt.Sprintf("%04d", w.IntN(10000)) + w.pick("0001", "0002")
}
func (w *randomWorld) text() string {
	return w.pick("梧桐巷", "长江路") + fmt.Sprint(w.IntN(1000)) + "号"
}
func (w *randomWorld) date(year, month string) string {
	return year + "-" + month + fmt.Sprintf("-%02d", 1+w.IntN(28))
}

// other returns registers that differ in whatever the operator was not given:
// columns no grant names, rows out of scope, what a recipe hides of a value and,
// where every group lies within one district, the compute-only values of the
// district whose groups are all too small.
func (w *randomWorld) other() querytest.Data {
	out := w.data.Clone()
	for table, t := range map[string]querytest.Table{"persons": out.Persons, "visits": out.Visits, "beds": out.Beds} {
		for _, row := range t.Rows {
			for c, name := range t.Columns {
				row[c] = w.hidden(table+"."+name, row[c], w.bounds && table != "beds" && row[t.Column("district")] == w.small)
			}
		}
	}
	if w.scope == nil {
		return out
	}
	var rows [][]string
	for i, row := range out.Persons.Rows {
		switch {
		case slices.Contains(w.scope, row[out.Persons.Column("district")]):
			rows = append(rows, row)
		case w.chance(50):
			rows = append(rows, []string{fmt.Sprint("other-key-", i), w.name(), w.phone(), w.text(), w.date("1900", "01"), "99999999", row[out.Persons.Column("district")]})
		}
	}
	out.Persons.Rows = rows
	return out
}

// hidden returns a value that the operator cannot tell from old.
func (w *randomWorld) hidden(column, old string, small bool) string {
	form := w.forms[column]
	switch column {
	case "persons.name":
		switch {
		case strings.Contains(form, "partial"):
			return string([]rune(old)[:1]) + w.pick("某", "某某", "另有其人")
		case strings.Contains(form, "display"): // shows how many there are
			return string([]rune(old)[:1]) + strings.Repeat(w.pick("某", "另"), utf8.RuneCountInString(old)-1)
		}
		return w.name()
	case "persons.phone":
		switch {
		case strings.Contains(form, "keep_last"), strings.Contains(form, "display"):
			return old[:3] + fmt.Sprintf("%04d", w.IntN(10000)) + old[7:]
		case strings.Contains(form, "keep_first"), strings.Contains(form, "pattern"):
			return old[:3] + fmt.Sprintf("%08d", w.IntN(100000000))
		}
		return w.phone()
	case "persons.address", "visits.visit_id":
		return w.text()
	case "persons.birth_date", "visits.visit_date":
		switch {
		case strings.Contains(form, "year"):
			return w.date(old[:4], w.pick("02", "11"))
		case strings.Contains(form, "month"):
			return w.date(old[:4], old[5:7])
		case strings.Contains(form, "decade"):
			return w.date(old[:3]+w.pick("3", "8"), w.pick("02", "11"))
		case strings.Contains(form, "quarter"):
			return w.date(old[:4], map[string]string{"01": "02", "02": "03", "03": "01", "06": "05"}[old[5:7]])
		}
		return w.date("2001", "09")
	case "persons.income":
		if small && old != "" {
			return fmt.Sprint(1000000 + w.IntN(1000000))
		}
	case "visits.cost":
		if small {
			return fmt.Sprint(w.IntN(1000000)) + ".25"
		}
	case "visits.diagnosis":
		if small {
			return w.pick("I10", "E11", "G12", "A15", "B18")
		}
	case "visits.department", "beds.hospital", "beds.note":
		if form == "" {
			return w.text()
		}
	case "beds.opened":
		if form == "" {
			return w.date("2011", "05")
		}
	}
	return old
}

// domain makes a city with registers and the world's grants.
func (w *randomWorld) domain(t *testing.T, data querytest.Data) *querytest.Domain {
	t.Helper()
	d := querytest.CityOf(t, querytest.Options{Idle: 2}, data)
	var docs []string
	for _, g := range []struct {
		dataset, by, org string
		columns          []string
	}{{"persons", "zheng.police", "public-security", data.Persons.Columns}, {"visits", "qian.hospital", "hospital-group", data.Visits.Columns}, {"beds", "qian.hospital", "hospital-group", data.Beds.Columns}} {
		doc := "kind: Grant\nname: " + g.dataset + "-statistics\nspec:\n  scenario: outpatient-statistics\n  dataset: " + g.dataset +
			"\n  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]\n  from: \"2026-01-01\"\n  until: \"2030-12-31\"\n  zreg: {by: sun.health, org: health-commission}\n  prov: {by: " + g.by + ", org: " + g.org + "}\n"
		if g.dataset == "persons" && w.scope != nil {
			doc += "  scope: [{column: district, in: [\"" + strings.Join(w.scope, `", "`) + "\"]}]\n"
		}
		doc += "  columns:\n"
		for _, c := range g.columns {
			if form := w.forms[g.dataset+"."+c]; form != "" {
				doc += "    - {name: " + c + ", " + form + "}\n"
			}
		}
		docs = append(docs, doc)
	}
	d.Apply("sun.health", strings.Join(docs, "---\n"))
	return d
}

// statement is one the operator might ask; some are refused.
func (w *randomWorld) statement() string {
	switch n := w.IntN(100); {
	case n < 55:
		sql, keys := w.groups()
		return sql + w.tail(keys)
	case n < 65:
		sql, keys := w.groups()
		return "SELECT " + w.pick("*", "count(*) AS n", "max(c1) AS m") + " FROM (" + sql + ") AS q" + w.pick("", " WHERE c1 > "+fmt.Sprint(w.IntN(60)), " WHERE "+keys[0]+" IS NOT NULL")
	case n < 73:
		sql, keys := w.groups()
		return "WITH c AS (" + sql + ") SELECT x." + keys[0] + ", x.c1 + y.c1 AS s FROM c x " + w.pick("JOIN", "LEFT JOIN") + " c y ON x." + keys[0] + " = y." + keys[0] + " ORDER BY 1, 2"
	case n < 81:
		one, _ := w.groups()
		two, _ := w.groups()
		return one + w.pick(" UNION ALL ", " UNION ", " EXCEPT ") + two + " ORDER BY ALL"
	case n < 89:
		return w.pick("SELECT district, beds, rank() OVER (PARTITION BY district ORDER BY beds DESC) AS r FROM beds QUALIFY r <= 2 ORDER BY ALL",
			"SELECT district, list(beds ORDER BY beds)::VARCHAR AS l FROM beds GROUP BY ROLLUP (district) ORDER BY ALL",
			"SELECT * FROM beds ORDER BY ALL LIMIT "+fmt.Sprint(1+w.IntN(9)), "SELECT note, hospital FROM beds ORDER BY ALL",
			"SELECT sum(beds) AS s FROM beds WHERE beds "+w.pick("<", ">", "=")+" "+fmt.Sprint(w.IntN(70)))
	case n < 97:
		return w.pick("SELECT name, income FROM persons", "SELECT count(*) FROM persons p, visits v", "SELECT district, rank() OVER (ORDER BY income) FROM persons",
			"SELECT address FROM persons", "SELECT max(income) FROM persons", "SELECT count(*) FROM persons WHERE name = '王鹤舟'", "SELECT cost::VARCHAR FROM visits",
			"SELECT district FROM persons WHERE income > (SELECT avg(income) FROM persons)", "SELECT error(name) FROM persons", "SELECT district, count(*) FROM persons GROUP BY ROLLUP (district)")
	}
	return "SELECT " + strings.Join(w.shown("persons", ""), ", ") + " FROM persons ORDER BY ALL LIMIT " + fmt.Sprint(1+w.IntN(20))
}

// shown are columns of a table that may leave as the grant gives them.
func (w *randomWorld) shown(table, alias string) []string {
	t := w.data.Persons
	if table == "visits" {
		t = w.data.Visits
	}
	var out []string
	for _, c := range t.Columns {
		if form := w.forms[table+"."+c]; strings.Contains(form, "MASKED") && !strings.Contains(form, "token") || strings.Contains(form, "CLEAR") {
			out = append(out, alias+c)
		}
	}
	return out
}

// may adds what a grant allows, and now and then what it does not.
func (w *randomWorld) may(list []string, column, allowance string, more ...string) []string {
	if strings.Contains(w.forms[column], allowance) || w.chance(6) {
		return append(list, more...)
	}
	return list
}

// groups writes a query for groups with the cells c1 and c2, and its keys.
func (w *randomWorld) groups() (sql string, keys []string) {
	var from string
	var columns, wheres, cells []string
	persons := func(alias string) {
		columns = append(columns, w.shown("persons", alias)...)
		wheres = append(wheres, alias+"district "+w.pick("=", "<", ">=", "<>")+" '"+w.pick(querytest.Districts...)+"'")
		wheres = w.may(wheres, "persons.birth_date", "MASKED", alias+"birth_date >= '"+w.pick("1950", "1960", "1960-06")+"'")
		wheres = w.may(wheres, "persons.income", "cmp_lit:<", alias+"income < "+fmt.Sprint(20000+w.IntN(100000)))
		wheres = w.may(wheres, "persons.name", "MASKED", alias+"name LIKE '"+w.pick("王%", "%*%")+"'")
		cells = append(cells, "count(DISTINCT "+alias+"id_number)", "count(*) FILTER (WHERE "+alias+"district > '320104')")
		cells = w.may(cells, "persons.income", "agg:avg", "avg("+alias+"income)", "avg("+alias+"income) FILTER (WHERE "+alias+"district <> '320104')")
		cells = w.may(cells, "persons.income", "agg:sum", "sum("+alias+"income)")
		cells = w.may(cells, "persons.income", "agg:count", "count("+alias+"income)")
	}
	visits := func(alias string) {
		columns = append(columns, w.shown("visits", alias)...)
		if strings.Contains(w.forms["visits.diagnosis"], "groupkey") {
			columns = append(columns, alias+"diagnosis")
		}
		wheres = append(wheres, alias+"district IN (SELECT district FROM beds WHERE beds > "+fmt.Sprint(w.IntN(70))+")")
		wheres = w.may(wheres, "visits.diagnosis", "cmp_lit:in", alias+"diagnosis IN ('"+w.pick("I10", "G12")+"', 'E11')")
		wheres = w.may(wheres, "visits.diagnosis", "cmp_lit:=", alias+"diagnosis = '"+w.pick("I10", "A15")+"'")
		wheres = w.may(wheres, "visits.visit_date", "MASKED", alias+"visit_date = '2026-0"+w.pick("1", "2")+"'")
		cells = append(cells, "count(DISTINCT "+alias+"id_number)")
		cells = w.may(cells, "visits.cost", "agg:sum", "sum("+alias+"cost)", "sum("+alias+"cost) FILTER (WHERE "+alias+"district < '320105')")
		cells = w.may(cells, "visits.cost", "agg:avg", "avg("+alias+"cost)")
		cells = w.may(cells, "visits.cost", "agg:count", "count("+alias+"cost)")
	}
	district := "district"
	switch n := w.IntN(10); {
	case n < 4:
		from = "persons"
		persons("")
	case n < 7:
		from = "visits"
		visits("")
	default:
		from, district = "persons p "+w.pick("JOIN", "LEFT JOIN")+" visits v ON p.id_number = v.id_number", "p.district"
		persons("p.")
		visits("v.")
	}
	cells = append(cells, "count(*)")
	if w.bounds || w.chance(40) {
		keys = []string{district}
	}
	for len(keys) == 0 || w.chance(35) {
		if c := w.pick(columns...); !slices.Contains(keys, c) {
			keys = append(keys, c)
		} else if len(keys) == len(columns) {
			break
		}
	}
	sql = "SELECT "
	for i, k := range keys {
		sql += k + " AS k" + fmt.Sprint(i+1) + ", "
	}
	sql += w.pick("count(*)", w.pick(cells...)) + " AS c1, " + w.pick(cells...) + " AS c2 FROM " + from
	if w.chance(50) {
		sql += " WHERE " + w.pick(wheres...)
		if w.chance(30) {
			sql += w.pick(" AND ", " OR ") + w.pick(wheres...)
		}
	}
	sql += " GROUP BY " + strings.Join(keys, ", ")
	if w.chance(20) {
		sql += " HAVING " + w.pick(cells...) + " > " + fmt.Sprint(w.IntN(60000))
	}
	for i := range keys {
		keys[i] = "k" + fmt.Sprint(i+1)
	}
	return sql, keys
}

func (w *randomWorld) tail(keys []string) string {
	switch w.IntN(4) {
	case 0:
		return ""
	case 1:
		return " ORDER BY c1" + w.pick("", " DESC") + ", " + strings.Join(keys, ", ") + " LIMIT " + fmt.Sprint(1+w.IntN(5))
	}
	return " ORDER BY " + strings.Join(keys, ", ")
}

// Random people, grants and statements: what was not given to the operator makes
// no difference to anything the operator sees.
func TestRandomWorldsLookAlike(t *testing.T) {
	t.Parallel()
	seed := seedOf(t)
	worlds, statements := repeats(3, 40), repeats(40, 500)
	var mu sync.Mutex
	answered, refused, same := 0, map[string]int{}, 0
	t.Run("world", func(t *testing.T) {
		for n := range worlds {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				w := newRandomWorld(seed, uint64(n))
				hidden := w.other()
				a, b := w.domain(t, w.data), w.domain(t, hidden)
				for range statements {
					sql := w.statement()
					x, y := seenBy(t, a, sql), seenBy(t, b, sql)
					if x != y {
						t.Errorf("ZONEBOX_SEED=%d, world %d\n%s\nshows\n%s\nin the other world\n%s", seed, n, sql, x, y)
					}
					mu.Lock()
					if code, isError := strings.CutPrefix(x, "query: "); isError {
						code, _, _ = strings.Cut(code, ":")
						refused[code]++
					} else {
						answered++
					}
					mu.Unlock()
				}
				// The control: the worlds do differ, and where it may show it does.
				moved := hidden.Clone()
				for _, row := range moved.Persons.Rows[:len(moved.Persons.Rows)/2] {
					row[moved.Persons.Column("district")] = querytest.Districts[0]
				}
				const control = "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY n"
				before := seenBy(t, b, control)
				b.LoadTable("persons", moved.Persons)
				if seenBy(t, b, control) == before {
					mu.Lock()
					same++
					mu.Unlock()
				}
			})
		}
	})
	if t.Logf("%d answered, refused %v", answered, refused); answered < worlds*statements/3 {
		t.Errorf("%d of %d statements were answered, want a third at least", answered, worlds*statements)
	}
	if same > worlds/4 {
		t.Errorf("%d of %d worlds do not show half their people moving", same, worlds)
	}
}
