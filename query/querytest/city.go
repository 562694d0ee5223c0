package querytest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"zonebox/query"
)

// Scenario and Purpose are those of the city's one scenario, whose recipient is
// li.op.
const (
	Scenario = "outpatient-statistics"
	Purpose  = "MED-STAT"
)

// The documents of the city, as people would write them.
//
//go:embed city/*.yaml
var documents embed.FS

// Data are the three registers of the city as rows of text, without headers.
type Data struct{ Persons, Visits, Beds Table }

// Table is a register as it is delivered. An empty cell of a nullable column
// that is not a string is null.
type Table struct {
	Columns []string
	Rows    [][]string
}

// City makes a domain with the city's people, documents and Registers.
func City(t testing.TB, o Options) *Domain {
	t.Helper()
	return loaded.copy(t, o)
}

// CityOf is City with other registers.
func CityOf(t testing.TB, o Options, data Data) *Domain {
	t.Helper()
	d := licensed.copy(t, o)
	d.loadCity(data)
	return d
}

func (d *Domain) licenseCity() {
	d.t.Helper()
	d.Apply(Founder, cityDocument(d.t, "organizations"))
	d.Register(Cast...)
	d.Apply(Founder, cityDocument(d.t, "zone"))
	d.Apply("zheng.police", cityDocument(d.t, "persons"))
	d.Apply("qian.hospital", cityDocument(d.t, "visits"))
	d.Apply("qian.hospital", cityDocument(d.t, "beds"))
	d.Apply(Founder, cityDocument(d.t, "license"), "sun.health", Founder, "li.op")
	d.Apply("sun.health", cityDocument(d.t, "grants"))
}

func (d *Domain) loadCity(data Data) {
	d.t.Helper()
	d.LoadTable("persons", data.Persons)
	d.LoadTable("visits", data.Visits)
	d.LoadTable("beds", data.Beds)
}

func cityDocument(t testing.TB, name string) string {
	t.Helper()
	text, err := documents.ReadFile("city/" + name + ".yaml")
	if err != nil {
		t.Fatalf("read the city's documents: %v", err)
	}
	return string(text)
}

// LoadTable loads rows into one of the city's datasets.
func (d *Domain) LoadTable(dataset string, rows Table) *query.LoadReport {
	d.t.Helper()
	data := rows.CSV()
	return d.Load("wu.dc", Delivery("medical", dataset, dataset+"-statistics", data, len(rows.Rows)), data)
}

// Delivery returns the manifest of a CSV file in UTF-8 that tells the truth, but
// for the digest of the columns of the domain's entry, which Load and TryLoad fill
// in.
func Delivery(zone, dataset, grant string, data []byte, rows int) query.Manifest {
	sum := sha256.Sum256(data)
	return query.Manifest{Zone: zone, Dataset: dataset, Grant: grant, Format: "csv", Encoding: "utf-8", Rows: int64(rows),
		SHA256: hex.EncodeToString(sum[:]), Acquired: "2026-11-01"}
}

// Delivery returns the manifest of a CSV file in UTF-8 that tells the truth of the
// domain's entry as it is.
func (d *Domain) Delivery(zone, dataset, grant string, data []byte, rows int) query.Manifest {
	d.t.Helper()
	m := Delivery(zone, dataset, grant, data, rows)
	m.SchemaSHA256 = d.Schema(dataset)
	return m
}

// CSV returns the table with its header.
func (t Table) CSV() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	// Writes to a bytes.Buffer do not fail.
	_ = w.Write(t.Columns)
	_ = w.WriteAll(t.Rows)
	return b.Bytes()
}

// Clone returns a copy whose cells can be changed.
func (t Table) Clone() Table {
	out := Table{Columns: t.Columns, Rows: make([][]string, len(t.Rows))}
	for i, r := range t.Rows {
		out.Rows[i] = slices.Clone(r)
	}
	return out
}

// Column returns the index of a column, which must exist.
func (t Table) Column(name string) int {
	i := slices.Index(t.Columns, name)
	if i < 0 {
		panic("querytest: no column " + name)
	}
	return i
}

// Clone returns a copy of all registers whose cells can be changed.
func (d Data) Clone() Data { return Data{d.Persons.Clone(), d.Visits.Clone(), d.Beds.Clone()} }

// Registers returns the registers of 200 people. By construction, with the
// minimum group of 10:
//
//   - districts 320102, 320104, 320105 and 320106 have 60 people each but the
//     last, which has 20; of those 20, nine live on a known income and eleven
//     have none;
//   - person i was born in 1950 + i mod 40 and has 1 + i mod 3 visits;
//   - the diagnosis of a visit is I10 for people 0–119, E11 for 120–194 and the
//     rare G12 for the last five, 195–199.
//
// Every name, number and address is invented, and each stands in one row of
// persons only.
func Registers() Data {
	d := Data{
		Persons: Table{Columns: []string{"id_number", "name", "phone", "address", "birth_date", "income", "district"}},
		Visits:  Table{Columns: []string{"visit_id", "id_number", "visit_date", "district", "department", "diagnosis", "cost"}},
		Beds:    Table{Columns: []string{"district", "hospital", "beds", "opened", "note"}},
	}
	visit := 0
	for i := range 200 {
		id := fmt.Sprintf("32010%d%04d0101%04d", 1+i%6, 1950+i%40, 1000+i*7)
		income := fmt.Sprint(30000 + 250*i + i*i%83)
		if i >= 189 {
			income = ""
		}
		d.Persons.Rows = append(d.Persons.Rows, []string{
			id, surnames[i%len(surnames)] + givenA[i%len(givenA)] + givenB[i/len(givenA)%len(givenB)],
			fmt.Sprintf("139%04d%04d", 1000+i*13, 2000+i*31), fmt.Sprintf("梧桐巷%d号%d室", 100+i, 300+i),
			fmt.Sprintf("%d-%02d-%02d", 1950+i%40, 1+i%12, 1+i%28), income, Districts[i/60],
		})
		diagnosis := "I10"
		if i >= 195 {
			diagnosis = "G12"
		} else if i >= 120 {
			diagnosis = "E11"
		}
		for v := range 1 + i%3 {
			d.Visits.Rows = append(d.Visits.Rows, []string{
				fmt.Sprintf("MZ%06d", 770000+visit), id, fmt.Sprintf("2026-%02d-%02d", 1+v, 1+i%28), Districts[i/60],
				departments[i%len(departments)], diagnosis, fmt.Sprintf("%d.25", 100+i),
			})
			visit++
		}
	}
	for i, district := range Districts {
		d.Beds.Rows = append(d.Beds.Rows, []string{district, fmt.Sprintf("第%d医院", i+1), fmt.Sprint(100 * (i + 1)), fmt.Sprintf("19%d0-01-01", 5+i), ""})
	}
	return d
}

// Districts are the codes of the city's districts.
var Districts = []string{"320102", "320104", "320105", "320106"}

var (
	departments = []string{"内科", "外科", "急诊科", "神经科"}
	surnames    = []string{"欧阳", "司徒", "上官", "诸葛", "皇甫", "尉迟", "公孙", "慕容"}
	givenA      = []string{"鹤", "霁", "筠", "翊", "澜", "珩", "蘅", "骁", "榕", "曦", "岚", "琮", "潼"}
	givenB      = []string{"舟", "野", "棠", "璟", "漪", "衡", "峤", "笙", "弈", "溪", "榆", "晗", "祎", "昀", "彧", "铮"}
)
