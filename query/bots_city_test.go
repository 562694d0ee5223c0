package query_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zonebox/internal/city"
	"zonebox/query/querytest"
	"zonebox/registry"
)

const (
	attackedSeed   = 20261123
	attackedPeople = 1500
	newcomers      = 3 // come to 320102 with later deliveries
)

// resident is what anybody may know of a person.
type resident struct {
	id, phone, birth, district, sex string // phone as it is shown: first three, last four
	income                          string // for scoring alone; missing if there is none
	visits                          []seen
}

// seen is what somebody who was there knows of a visit.
type seen struct {
	month, district, department string
	diagnosis, cost             string // for scoring alone
}

// attackedCity is the city of testdata/attacks, before any domain holds it.
type attackedCity struct {
	facts    querytest.Facts
	rows     map[string]querytest.Table
	arriving querytest.Table // of persons, not loaded yet
	people   []resident      // of whom rows are loaded
	strange  []resident      // who arrive
}

func newAttackedCity(t *testing.T, people int64) *attackedCity {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(querytest.Root(t), "testdata", "attacks", "city.md"))
	if err != nil {
		t.Fatal(err)
	}
	c := &attackedCity{rows: map[string]querytest.Table{}}
	if c.facts, err = querytest.ParseFacts(string(page)); err != nil {
		t.Fatal(err)
	}
	figuresAgree(t, c.facts)
	persons := invented(t, city.Persons, people+100*newcomers)
	persons.Columns = append(persons.Columns, "age", "sex")
	c.arriving.Columns = persons.Columns
	at := map[string]int{}
	for i, r := range persons.Rows {
		sex := []string{"女", "男"}[(r[0][16]-'0')%2]
		year, err := strconv.Atoi(r[4][:4])
		if err != nil {
			t.Fatal(err)
		}
		persons.Rows[i] = append(r, fmt.Sprint(2026-year), sex)
		p := resident{id: r[0], phone: r[2][:3] + "****" + r[2][7:], birth: r[4], income: amount(r[5]), district: r[6], sex: sex}
		if i < int(people) {
			at[p.id] = len(c.people)
			c.people = append(c.people, p)
		} else if p.district == "320102" && len(c.strange) < newcomers {
			c.arriving.Rows, c.strange = append(c.arriving.Rows, persons.Rows[i]), append(c.strange, p)
		}
	}
	visits := invented(t, city.Visits, 3*people)
	for _, r := range visits.Rows {
		p := &c.people[at[r[1]]]
		p.visits = append(p.visits, seen{month: r[2][:7], district: r[3], department: r[4], diagnosis: r[5], cost: amount(r[6])})
	}
	persons.Rows = persons.Rows[:people]
	c.rows["persons"], c.rows["visits"] = persons, visits
	return c
}

func invented(t *testing.T, r city.Register, rows int64) querytest.Table {
	t.Helper()
	var b bytes.Buffer
	if err := city.Write(&b, r, city.CSV, city.UTF8, attackedSeed, rows); err != nil {
		t.Fatal(err)
	}
	table, err := querytest.ReadTable(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// amount is a cell of money as scores write it.
func amount(cell string) string {
	x, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		return missing
	}
	return cents(x)
}

// domain makes a domain of the city, with a second operator: jin.op of jinrong asks
// under a license of its own, in the scenario studies, what li.op may in statistics.
func (c *attackedCity) domain(t *testing.T, o querytest.Options) *querytest.Domain {
	t.Helper()
	d := querytest.World(t, o, c.facts, c.rows)
	d.Apply(querytest.Founder, `kind: Organization
name: jinrong
spec: {title: 金融数据运营有限公司, kind: operator, org_form: legal_person, credit_code: 91610131MA6U1G5X2J, incident_3y: false, dishonesty_3y: false, security_officer: 吴安全,
  security_department: 安全部, evidence: [{kind: mlps-3, valid_until: "2029-12-31"}, {kind: crypto-assessment, valid_until: "2029-12-31"}]}
`)
	d.Register(querytest.Person{User: "jin.op", RealName: "金运营", Organization: "jinrong", Role: registry.RoleOperator})
	theirs := strings.NewReplacer(`"statistics-2026"`, `"studies-2026"`, `"statistics"`, `"studies"`, `"statistics-persons"`, `"studies-persons"`,
		`"statistics-visits"`, `"studies-visits"`, `"huiyi"`, `"jinrong"`, `"li.op"`, `"jin.op"`)
	same := func(kind, name string) string { return theirs.Replace(changed(t, d, kind, name, "{", "{ ")) }
	d.Apply(querytest.Founder, same(registry.KindLicense, "statistics-2026")+same(registry.KindScenario, "statistics"), "sun.health", querytest.Founder, "jin.op")
	d.Apply("sun.health", same(registry.KindGrant, "statistics-persons")+same(registry.KindGrant, "statistics-visits"))
	return d
}

// in returns the residents of a district.
func (c *attackedCity) in(district string) (out []resident) {
	for _, p := range c.people {
		if p.district == district {
			out = append(out, p)
		}
	}
	return out
}

// only returns those who are the only one that key gives what it gives.
func only(people []resident, key func(resident) string) (out []resident) {
	n := map[string]int{}
	for _, p := range people {
		n[key(p)]++
	}
	for _, p := range people {
		if n[key(p)] == 1 {
			out = append(out, p)
		}
	}
	return out
}

func byPhone(p resident) string { return p.phone }
func byBirth(p resident) string { return p.birth }
