package query_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// minGroup is k of the pack nanjing-2024.
const minGroup = 10

// real is a domain that holds files written by others, with everything it gave
// its operator. The documents that license them are in testdata/real.
type real struct {
	*querytest.Domain
	files   map[string][]byte
	visible *strings.Builder // every output and error text
}

// TestRealData loads published files and compares every answer with one this
// test computes from the files themselves. Afterwards it looks for each of the
// 30,000 people in everything that was written.
func TestRealData(t *testing.T) {
	t.Parallel()
	r := openReal(t)
	demographic, medical := r.table(t, "demographic.csv"), r.table(t, "medical.csv")
	diagnosisOf := map[string]string{}
	for _, p := range medical {
		diagnosisOf[p["ID"]] = p["Diagnosis"]
	}

	t.Run("people by diagnosis, joined on ID", func(t *testing.T) {
		want := map[string]int{}
		for _, p := range demographic {
			want[diagnosisOf[p["ID"]]]++
		}
		const sql = "SELECT m.Diagnosis, count(*) AS people FROM demographic d JOIN medical m ON d.ID = m.ID GROUP BY m.Diagnosis"
		r.in(t).wantCounts("medical", sql, want, 10, 0)
	})
	for name, sql := range map[string]string{
		"as delivered":       "SELECT Diagnosis, Treatment, Age, count(*) FROM medical GROUP BY Diagnosis, Treatment, Age",
		"age as generalized": "SELECT m.Diagnosis, m.Treatment, d.Age, count(*) FROM demographic d JOIN medical m ON d.ID = m.ID GROUP BY m.Diagnosis, m.Treatment, d.Age",
		"people counted":     "SELECT Diagnosis, Treatment, Age, count(DISTINCT ID) FROM medical GROUP BY ALL",
	} {
		t.Run("people by diagnosis, treatment and age, "+name, func(t *testing.T) {
			want := map[string]int{}
			for _, p := range medical {
				want[p["Diagnosis"]+"|"+p["Treatment"]+"|"+p["Age"]]++
			}
			r.in(t).wantCounts("medical", sql, want, 2477, 865)
		})
	}
	t.Run("average income by education and marriage", func(t *testing.T) {
		sum, people, earning := map[string]float64{}, map[string]int{}, map[string]int{}
		for _, p := range r.table(t, "pums_pid.csv") {
			income, err := strconv.ParseFloat(p["income"], 64)
			if err != nil {
				t.Fatal(err)
			}
			key := p["educ"] + "|" + p["married"]
			sum[key] += income
			people[key]++
			if income != 0 {
				earning[key]++
			}
		}
		few, fewBear := 0, 0
		maps.DeleteFunc(people, func(key string, n int) bool {
			switch {
			case n < minGroup:
				few++
			case earning[key] < minGroup:
				fewBear++
			default:
				return false
			}
			return true
		})
		if len(people) != 22 || few != 7 || fewBear != 3 {
			t.Fatalf("the file has %d groups in which %d people earn, %d smaller ones and %d in which fewer earn, want 22, 7 and 3", len(people), minGroup, few, fewBear)
		}
		got := r.in(t).ask("census", "SELECT educ, married, avg(income) AS income FROM pums GROUP BY educ, married ORDER BY educ, married")
		if len(got.Rows) != len(people) {
			t.Errorf("got %d groups, want %d", len(got.Rows), len(people))
		}
		for _, row := range got.Rows {
			key := row[0] + "|" + row[1]
			avg, err := strconv.ParseFloat(row[2], 64)
			if want := sum[key] / float64(people[key]); err != nil || people[key] == 0 || math.Abs(avg-want) > 1e-6*want {
				t.Errorf("average of %s = %s, want %v", key, row[2], want)
			}
		}
	})
	t.Run("February totals by province, from either file", func(t *testing.T) {
		want := map[string][4]int{}
		for _, d := range r.table(t, "epidemic.csv") {
			if strings.HasPrefix(d["date"], "2020-02-") {
				total := want[d["province"]]
				for i, column := range []string{"confirmed", "suspected", "cured", "dead"} {
					n, err := strconv.Atoi(d[column])
					if err != nil {
						t.Fatal(err)
					}
					total[i] += n
				}
				want[d["province"]] = total
			}
		}
		if len(want) != 35 { // 34 provinces and the whole country
			t.Fatalf("the file has %d provinces in February, want 35", len(want))
		}
		d := r.in(t)
		utf8 := d.ask("health", "SELECT province, sum(confirmed), sum(suspected), sum(cured), sum(dead) FROM epidemic WHERE date >= DATE '2020-02-01' AND date < DATE '2020-03-01' GROUP BY province")
		gb18030 := d.ask("health", `SELECT "省份", sum("累计确诊"), sum("疑似"), sum("累计治愈"), sum("累计死亡") FROM epidemic_february GROUP BY "省份"`)
		for name, got := range map[string]querytest.Result{"UTF-8": utf8, "GB18030": gb18030} {
			if len(got.Rows) != len(want) {
				t.Errorf("%s: %d provinces, want %d", name, len(got.Rows), len(want))
			}
			for _, row := range got.Rows {
				total := want[strings.ReplaceAll(row[0], querytest.Null, "")]
				if want := fmt.Sprint(total[0], total[1], total[2], total[3]); strings.Join(row[1:], " ") != want {
					t.Errorf("%s: totals of %s = %v, want %s", name, row[0], row[1:], want)
				}
			}
		}
	})
	t.Run("names and IDs leave masked, after three approvals by two people", func(t *testing.T) {
		want := map[string]int{}
		for _, p := range demographic {
			if strings.HasPrefix(p["Zip"], "654") && p["Gender"] == "F" {
				want[p["Name"][:1]+"****"]++
			}
		}
		const sql = "SELECT Name, ID, Age, Zip FROM demographic WHERE Zip = '654****' AND Gender = 'F' ORDER BY Name"
		got := r.in(t).askReviewed(sql)
		names := map[string]int{}
		tokens := map[string]bool{}
		for _, row := range got.Rows {
			names[row[0]]++
			tokens[row[1]] = true
			if len(row[1]) < 22 || diagnosisOf[row[1]] != "" || !strings.HasSuffix(row[2], "9") || len(row[2]) != 5 || row[3] != "654****" {
				t.Errorf("a row left as %d token characters, %s, %s", len(row[1]), row[2], row[3])
			}
		}
		if !maps.Equal(names, want) || len(want) < 5 {
			t.Errorf("masked names = %v, want %v", names, want)
		}
		if len(tokens) != len(got.Rows) {
			t.Errorf("%d tokens for %d people", len(tokens), len(got.Rows))
		}
	})
	t.Run("a name is not found by asking for it", func(t *testing.T) {
		d := r.in(t)
		if demographic[0]["Name"] != "Lynn Romero" {
			t.Fatal("the file does not begin with Lynn Romero")
		}
		if got := d.askReviewed("SELECT Name, ID FROM demographic WHERE Name = 'Lynn Romero'"); len(got.Rows) != 0 {
			t.Errorf("%d people found under a raw name, want none", len(got.Rows))
		}
		if got := d.ask("medical", "SELECT count(*) FROM demographic WHERE Name = 'Lynn Romero'"); len(got.Rows) != 0 {
			t.Errorf("counting a raw name gave %v, want no row", got.Rows)
		}
		if got := d.ask("medical", "SELECT count(*) FROM demographic WHERE Name = 'L****'"); len(got.Rows) != 1 {
			t.Errorf("counting a masked name gave %v, want a count", got.Rows)
		}
	})
	t.Run("what is refused is told without a value", func(t *testing.T) {
		d := r.in(t)
		for _, q := range []struct{ sql, code string }{
			{"SELECT Outcome FROM medical", "NOT_GRANTED"},
			{"SELECT max(income) FROM pums", "UNKNOWN_NAME"},
			{"SELECT CAST(Name AS INTEGER) FROM demographic", "QUERY_IN_REVIEW"}, // as TRY_CAST, of the masked name
			{"SELECT count(*) FROM demographic WHERE error(Name)", "FUNCTION_NOT_ALLOWED"},
			{"SELECT count(*) FROM demographic WHERE Name = 'Shelly Green", "SYNTAX"},
		} {
			_, err := d.Ask("li.op", "medical-research", "MED-STAT", q.sql)
			d.refused(err, q.code)
		}
		_, err := d.Ask("li.op", "medical-research", "MED-STAT", "SELECT Name, ID FROM demographic")
		d.refused(err, "QUERY_IN_REVIEW")
		run := querytest.RunOf(t, err)
		d.Approve("sun.health", run)
		_, err = d.Resume("li.op", run)
		d.refused(err, "ROW_LIMIT")
		if !strings.Contains(r.Log.String(), run) {
			t.Error("a run that failed is not in the log")
		}
	})

	people := newNeedles()
	for _, p := range demographic {
		people.add(p["Name"])
		people.add(p["ID"])
	}
	if people.n < 50000 {
		t.Fatalf("looking for %d names and IDs, want all of them", people.n)
	}
	if _, err := os.Stat(filepath.Join(r.Config.Domain, "registry.db-wal")); err != nil {
		t.Errorf("the registry has no log to look at: %v", err)
	}
	if _, found := people.search(t, r.Config.Domain, r.Config.Keys); len(found) > 0 {
		t.Errorf("while the gate runs, a person of the file stands in %v", found)
	}
	r.Reopen()
	t.Run("nobody is found in what was written", func(t *testing.T) {
		for where, text := range map[string]string{"log": r.Log.String(), "outputs and errors": r.visible.String()} {
			if len(text) < 100 {
				t.Errorf("the %s have %d bytes: nothing was gathered", where, len(text))
			}
			if at := people.find([]byte(text)); at >= 0 {
				t.Errorf("a person of the file stands in the %s", where)
			}
		}
		files, found := people.search(t, r.Config.Domain, r.Config.Keys)
		if len(found) > 0 {
			t.Errorf("a person of the file stands in %v", found)
		}
		if files < 40 {
			t.Errorf("searched %d files, want the whole domain", files)
		}
		// The control: the same search finds one person in the middle of a file.
		planted := filepath.Join(r.Config.Domain, "zones", "planted")
		text := bytes.Repeat([]byte{0x80, 'L', 'y', 'n', 0}, 1000)
		copy(text[2500:], demographic[17]["Name"])
		if err := os.WriteFile(planted, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found = people.search(t, r.Config.Domain); len(found) != 1 {
			t.Errorf("the search finds %v, want the planted file", found)
		}
		if err := os.Remove(planted); err != nil {
			t.Fatal(err)
		}
	})
}

// openReal makes a domain with the files of ZONEBOX_REAL_DATA, or of the folder
// beside the module, and skips where there are none.
func openReal(t *testing.T) *real {
	t.Helper()
	root := querytest.Root(t)
	folder := os.Getenv("ZONEBOX_REAL_DATA")
	if folder == "" {
		folder = filepath.Join(root, "..", "shared", "data")
	}
	names := []string{"demographic.csv", "medical.csv", "pums_pid.csv", "epidemic.csv", "epidemic_gb18030.csv"}
	files := map[string][]byte{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Skipf("skipped: the folder of real data has no %s; set ZONEBOX_REAL_DATA to the folder that holds it", name)
		}
		files[name] = text
	}
	r := &real{querytest.New(t, querytest.Options{Idle: 2}), files, &strings.Builder{}}
	doc := func(by, name string, signers ...string) {
		r.ApplyFile(by, filepath.Join(root, "testdata", "real", name+".yaml"), signers...)
	}
	doc(querytest.Founder, "organizations")
	r.Register(querytest.Cast...)
	r.Register(
		querytest.Person{User: "ma.stat", RealName: "马发改", Organization: "statistics-commission", Role: registry.RoleZoneRegulator},
		querytest.Person{User: "chen.cdc", RealName: "陈疾控", Organization: "disease-control", Role: registry.RoleProvider},
		querytest.Person{User: "han.stat", RealName: "韩统计", Organization: "statistics-bureau", Role: registry.RoleProvider},
	)
	doc(querytest.Founder, "zones")
	doc("zheng.police", "demographic")
	doc("qian.hospital", "medical")
	doc("chen.cdc", "epidemic")
	doc("han.stat", "pums")
	for _, l := range []struct{ name, regulator string }{{"medical", "sun.health"}, {"health", "sun.health"}, {"census", "ma.stat"}} {
		doc(querytest.Founder, "license-"+l.name, l.regulator, querytest.Founder, "li.op")
		doc(l.regulator, "grants-"+l.name)
	}
	for _, f := range []struct{ zone, dataset, grant, encoding, file string }{
		{"medical", "demographic", "demographic-research", "utf-8", "demographic.csv"},
		{"medical", "medical", "medical-research", "utf-8", "medical.csv"},
		{"health", "epidemic", "epidemic-research", "utf-8", "epidemic.csv"},
		{"health", "epidemic_february", "epidemic-february-research", "gb18030", "epidemic_gb18030.csv"},
		{"census", "pums", "pums-research", "utf-8", "pums_pid.csv"},
	} {
		m := querytest.Delivery(f.zone, f.dataset, f.grant, files[f.file], bytes.Count(files[f.file], []byte("\n"))-1)
		m.Encoding = f.encoding
		r.Load("wu.dc", m, files[f.file])
	}
	return r
}

// table returns the rows of a file by column.
func (r *real) table(t *testing.T, name string) []map[string]string {
	t.Helper()
	text := r.files[name]
	if strings.Contains(name, "gb18030") {
		var err error
		if text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text); err != nil {
			t.Fatal(err)
		}
	}
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	var out []map[string]string
	for _, row := range all[1:] {
		m := map[string]string{}
		for i, column := range all[0] {
			m[column] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// asked is the domain within one subtest.
type asked struct {
	*real
	t *testing.T
}

func (r *real) in(t *testing.T) *asked {
	return &asked{&real{r.In(t), r.files, r.visible}, t}
}

var purposes = map[string]string{"medical": "MED-STAT", "health": "EPI-STAT", "census": "INCOME-STAT"}

// ask returns the answer to a question that nobody has to approve.
func (a *asked) ask(zone, sql string) querytest.Result {
	a.t.Helper()
	answer, err := a.Ask("li.op", zone+"-research", purposes[zone], sql)
	if err != nil {
		a.t.Fatalf("%s\n%s", sql, querytest.Text(err))
	}
	return a.open(answer)
}

func (a *asked) open(answer *query.Answer) querytest.Result {
	a.t.Helper()
	got := a.Open("li.op", answer)
	a.visible.WriteString(strings.Join(got.Columns, "|") + "\n" + got.String())
	header, _, _ := bytes.Cut(answer.Artifact.Bytes()[len("zonebox-release-1\n"):], []byte("\n"))
	a.visible.Write(header)
	return got
}

// askReviewed takes a record-level question of the medical zone through its
// three approvals.
func (a *asked) askReviewed(sql string) querytest.Result {
	a.t.Helper()
	_, err := a.Ask("li.op", "medical-research", "MED-STAT", sql)
	run := querytest.RunOf(a.t, err)
	a.refused(err, "QUERY_IN_REVIEW")
	a.Approve("sun.health", run)
	_, err = a.Resume("li.op", run)
	a.refused(err, "OUTPUT_IN_REVIEW")
	if state := a.Approve("sun.health", run); state != "REVIEWING_SECOND" {
		a.t.Fatalf("after the regulator's approval the output is %s, want REVIEWING_SECOND", state)
	}
	_, err = a.Resume("li.op", run)
	a.refused(err, "OUTPUT_IN_REVIEW")
	if state := a.Approve("zheng.police", run); state != "APPROVED" {
		a.t.Fatalf("after the provider's approval the output is %s, want APPROVED", state)
	}
	answer, err := a.Resume("li.op", run)
	if err != nil {
		a.t.Fatalf("%s\n%s", sql, querytest.Text(err))
	}
	return a.open(answer)
}

// refused checks the code of an error and keeps its text.
func (a *asked) refused(err error, code string) {
	a.t.Helper()
	if querytest.Code(err) != code {
		a.t.Errorf("got %v, want %s", err, code)
	}
	if err != nil {
		a.visible.WriteString(querytest.Text(err) + "\n")
	}
}

// wantCounts asks and compares every group with want, of which small are below
// the minimum group and missing. The last column is the count.
func (a *asked) wantCounts(zone, sql string, want map[string]int, groups, small int) {
	a.t.Helper()
	below := 0
	for _, n := range want {
		if n < minGroup {
			below++
		}
	}
	if len(want) != groups || below != small {
		a.t.Fatalf("the file has %d groups, %d of them small, want %d and %d", len(want), below, groups, small)
	}
	got := a.ask(zone, sql)
	if len(got.Rows) != groups-small {
		a.t.Errorf("%s\ngives %d rows, want %d", sql, len(got.Rows), groups-small)
	}
	seen := map[string]bool{}
	for _, row := range got.Rows {
		key := strings.Join(row[:len(row)-1], "|")
		if seen[key] || want[key] < minGroup || row[len(row)-1] != fmt.Sprint(want[key]) {
			a.t.Errorf("count of %s = %s, want %d", key, row[len(row)-1], want[key])
		}
		seen[key] = true
	}
}

// needles finds any of many texts of at least seven bytes.
type needles struct {
	n     int
	first [1 << 16]bool // by the first two bytes
	texts map[string][]string
}

const needleHead = 7

func newNeedles() *needles { return &needles{texts: map[string][]string{}} }

func (s *needles) add(text string) {
	if len(text) < needleHead {
		panic("needle of fewer bytes than are looked at")
	}
	if head := text[:needleHead]; !slices.Contains(s.texts[head], text) {
		s.first[int(head[0])<<8|int(head[1])] = true
		s.texts[head] = append(s.texts[head], text)
		s.n++
	}
}

// find returns where in b the first text begins, or -1.
func (s *needles) find(b []byte) int {
	for i := 0; i+needleHead <= len(b); i++ {
		if !s.first[int(b[i])<<8|int(b[i+1])] {
			continue
		}
		for _, text := range s.texts[string(b[i:i+needleHead])] {
			if bytes.HasPrefix(b[i:], []byte(text)) {
				return i
			}
		}
	}
	return -1
}

// search looks through every file of the folders and returns how many there are
// and which hold a text, or carry one in their name.
func (s *needles) search(t *testing.T, folders ...string) (files int, found []string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			if s.find(text) >= 0 || s.find([]byte(path)) >= 0 {
				found = append(found, filepath.Base(path))
			}
			return nil
		})
		if err != nil {
			t.Fatalf("search %s: %v", folder, err)
		}
	}
	return files, found
}
