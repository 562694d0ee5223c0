package query_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// stateOf is what a refused load must leave as it was: the version that answers
// name, an answer, and every file of the zone store.
type stateOf struct {
	version, answer string
	files           map[string]int64
}

func personsState(t *testing.T, d *querytest.Domain) stateOf {
	t.Helper()
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose,
		"SELECT district, count(*) AS people, count(income) AS earners FROM persons GROUP BY district ORDER BY district")
	if err != nil {
		t.Fatalf("ask: %s", querytest.Text(err))
	}
	s := stateOf{answer: d.Open("li.op", a).String(), files: map[string]int64{}}
	for _, source := range a.Artifact.Header().Label.Sources {
		s.version += source.Dataset + " " + source.Version
	}
	storeFiles(t, d, s.files)
	return s
}

// storeFiles fills files with the size of every file of the zone store.
func storeFiles(t *testing.T, d *querytest.Domain, files map[string]int64) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(d.Config.Domain, "zones"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			files[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	t.Run("a code that is not public does not enter", func(t *testing.T) { codeNotPublic(t, d.In(t)) })
	t.Run("only the data centre loads", func(t *testing.T) { onlyTheDataCentre(t, d.In(t)) })
	t.Run("a column without a level is not published", func(t *testing.T) { levelUnset(t, d.In(t)) })
	t.Run("every refusal has an entry", func(t *testing.T) { refusalsAreLogged(t, d.In(t)) })
	t.Run("a delivery that is not as declared changes nothing", func(t *testing.T) { notAsDeclared(t, d.In(t)) })
}

// A delivery that is not what its manifest says does not enter, and the dataset
// is as it was: the same version, the same answer, the same files.
func notAsDeclared(t *testing.T, d *querytest.Domain) {
	t.Helper()
	data := querytest.Registers().Persons
	whole := data.CSV()
	truth := func(data []byte) query.Manifest {
		return querytest.Delivery("medical", "persons", "persons-statistics", data, 200)
	}
	other := func(file []byte, change func(*query.Manifest)) (query.Manifest, []byte) {
		m := truth(file)
		change(&m)
		return m, file
	}
	replaced := func(row int, column, value string) []byte {
		c := data.Clone()
		c.Rows[row][c.Column(column)] = value
		return c.CSV()
	}
	same := func(*query.Manifest) {}
	lastLine := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1

	before := personsState(t, d)
	// That all of them have an income is not told beside how many there are.
	if want := "320106|20|∅\n320102|60|∅\n320104|60|∅\n320105|60|∅\n"; before.answer != want {
		t.Fatalf("before any refusal the answer is\n%swant\n%s", before.answer, want)
	}
	type delivery struct {
		m    query.Manifest
		file []byte
	}
	of := func(m query.Manifest, file []byte) delivery { return delivery{m, file} }
	for i, c := range []struct {
		name     string
		delivery delivery
		code     string
		says     string // in English
	}{
		{"cut within a record, manifest of the whole", delivery{truth(whole), whole[:len(whole)-20]}, "LOAD_DIGEST", "digest"},
		{"cut within a record, digest of what is left", of(other(whole[:len(whole)-20], same)), "LOAD_REFUSED", "cut off"},
		{"cut between records, manifest of the whole", delivery{truth(whole), whole[:lastLine]}, "LOAD_DIGEST", "digest"},
		{"cut between records, digest of what is left", of(other(whole[:lastLine], same)), "LOAD_ROWS", "row count"},
		{"cut within a quoted cell", of(other(append(whole[:lastLine:lastLine], `"3201`...), same)), "LOAD_REFUSED", "quote"},
		{"empty file", of(other(nil, same)), "LOAD_REFUSED", "header is missing"},
		{"header alone", of(other(whole[:bytes.IndexByte(whole, '\n')+1], same)), "LOAD_ROWS", "row count"},
		{"one byte changed after the digest", delivery{truth(whole), bytes.Replace(whole, []byte("30000"), []byte("39000"), 1)}, "LOAD_DIGEST", "digest"},
		{"a byte appended after the digest", delivery{truth(whole), append(bytes.Clone(whole), '\n')}, "LOAD_DIGEST", "digest"},
		{"digest of something else", of(other(whole, func(m *query.Manifest) { m.SHA256 = strings.Repeat("ab", 32) })), "LOAD_DIGEST", "digest"},
		{"no digest", of(other(whole, func(m *query.Manifest) { m.SHA256 = "" })), "LOAD_REFUSED", "SHA-256"},
		{"one row more in the manifest", of(other(whole, func(m *query.Manifest) { m.Rows++ })), "LOAD_ROWS", "row count"},
		{"one row less in the manifest", of(other(whole, func(m *query.Manifest) { m.Rows-- })), "LOAD_ROWS", "row count"},
		{"rows without end", of(other(slices.Concat(whole, bytes.Repeat(whole[lastLine:], 1<<18)), same)), "LOAD_REFUSED", "far more rows"},
		{"no rows in the manifest", of(other(whole, func(m *query.Manifest) { m.Rows = 0 })), "LOAD_ROWS", "row count"},
		{"the columns of another entry", of(other(whole, func(m *query.Manifest) { m.SchemaSHA256 = d.Schema("visits") })), "LOAD_SCHEMA", "schema"},
		{"no digest of the columns", of(other(whole, func(m *query.Manifest) { m.SchemaSHA256 = "none" })), "LOAD_REFUSED", "schema_sha256"},
		{"no date of acquisition", of(other(whole, func(m *query.Manifest) { m.Acquired = "" })), "LOAD_REFUSED", "acquired"},
		{"a date that is none", of(other(whole, func(m *query.Manifest) { m.Acquired = "2026-02-30" })), "LOAD_REFUSED", "acquired"},
		{"rows more of what is there", of(other(whole, func(m *query.Manifest) { m.Mode = query.ModeAppend })), "LOAD_BASE", "base"},
		{"a mode that is none", of(other(whole, func(m *query.Manifest) { m.Mode = "more" })), "LOAD_MODE", "append"},
		{"a base of the whole", of(other(whole, func(m *query.Manifest) { m.Base = "v1" })), "LOAD_MODE", "full delivery"},
		{"a database", of(other(whole, func(m *query.Manifest) { m.Source, m.Table = "hospital", "beds" })), "LOAD_SOURCE", "database"},
		{"a signature of nobody", of(other(whole, func(m *query.Manifest) { m.Signature = &registry.Signature{By: "zheng.police"} })), "LOAD_SIGNATURE", "signature"},
		{"a delimiter that is a letter", of(other(whole, func(m *query.Manifest) { m.Delimiter = "a" })), "LOAD_REFUSED", "delimiter"},
		{"a delimiter it has not", of(other(whole, func(m *query.Manifest) { m.Delimiter = ";" })), "LOAD_REFUSED", "header"},
		{"negative rows", of(other(whole, func(m *query.Manifest) { m.Rows = -1 })), "LOAD_REFUSED", "rows"},
		{"a grant of another dataset", of(other(whole, func(m *query.Manifest) { m.Grant = "visits-statistics" })), "LOAD_REFUSED", "grant"},
		{"a grant that does not exist", of(other(whole, func(m *query.Manifest) { m.Grant = "nobody-gave-it" })), "LOAD_REFUSED", "grant"},
		{"a zone that does not exist", of(other(whole, func(m *query.Manifest) { m.Zone = "elsewhere" })), "LOAD_REFUSED", "zone"},
		{"a dataset of another name", of(other(whole, func(m *query.Manifest) { m.Dataset = "visits" })), "LOAD_REFUSED", "dataset"},
		{"a column more", of(other(bytes.Replace(whole, []byte("district\n"), []byte("district,more\n"), 1), same)), "LOAD_REFUSED", "a column the catalogue lacks (column 8 of the header)"},
		{"a column less", of(other(bytes.Replace(whole, []byte(",district\n"), []byte("\n"), 1), same)), "LOAD_REFUSED", "lacks a column of the catalogue (column district)"},
		{"a column under another name", of(other(bytes.Replace(whole, []byte("income"), []byte("salary"), 1), same)), "LOAD_REFUSED", "(column 6 of the header)"},
		{"a column twice", of(other(bytes.Replace(whole, []byte("income"), []byte("district"), 1), same)), "LOAD_REFUSED", "header"},
		{"text in a number", of(other(replaced(77, "income", "none"), same)), "LOAD_REFUSED", "row 78"},
		{"a day that is none", of(other(replaced(3, "birth_date", "1990-02-30"), same)), "LOAD_REFUSED", "row 4"},
		{"empty where it must not be", of(other(replaced(9, "district", ""), same)), "LOAD_REFUSED", "district"},
		{"not UTF-8", of(other(replaced(9, "name", "\xff\xfe"), same)), "LOAD_REFUSED", "UTF-8"},
		{"not GB18030", of(other(replaced(9, "name", "\xff\xfe"), func(m *query.Manifest) { m.Encoding = "gb18030" })), "LOAD_REFUSED", "encoding"},
		{"an encoding that is not known", of(other(whole, func(m *query.Manifest) { m.Encoding = "utf-16" })), "LOAD_REFUSED", "format"},
		{"a format that is not known", of(other(whole, func(m *query.Manifest) { m.Format = "xls" })), "LOAD_REFUSED", "format"},
		{"a packing that is not known", of(other(whole, func(m *query.Manifest) { m.Packing = "rar" })), "LOAD_REFUSED", "packing"},
		{"a packing it has not", of(other(whole, func(m *query.Manifest) { m.Packing = "gzip" })), "LOAD_REFUSED", "damaged"},
		{"an encoding of what is no text", of(other(whole, func(m *query.Manifest) { m.Format, m.Encoding = "parquet", "gb18030" })), "LOAD_REFUSED", "encoding"},
		{"a sheet of what is no workbook", of(other(whole, func(m *query.Manifest) { m.Sheet = "1" })), "LOAD_REFUSED", "sheet"},
		{"CSV called xlsx", of(other(whole, func(m *query.Manifest) { m.Format, m.Encoding = "xlsx", "" })), "LOAD_REFUSED", "format"},
		{"CSV called JSON", of(other(whole, func(m *query.Manifest) { m.Format = "json" })), "LOAD_REFUSED", "format"},
		{"CSV called Parquet", of(other(whole, func(m *query.Manifest) { m.Format, m.Encoding = "parquet", "" })), "LOAD_REFUSED", "format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := d.In(t)
			_, err := d.TryLoad("wu.dc", c.delivery.m, c.delivery.file)
			if err == nil {
				t.Fatal("it was loaded")
			}
			text := querytest.Text(err)
			if querytest.Code(err) != c.code || !strings.Contains(text, c.says) {
				t.Errorf("it was refused with\n%s\nwant code %s and %q", text, c.code, c.says)
			}
			for _, value := range data.Rows[9][:4] {
				if strings.Contains(text, value) {
					t.Error("the refusal holds a value of the file")
				}
			}
			files := map[string]int64{}
			storeFiles(t, d, files)
			if !maps.Equal(files, before.files) {
				t.Errorf("afterwards the store has %d files, want the same %d", len(files), len(before.files))
			}
			if i%4 != 0 {
				return // asking takes longest
			}
			if after := personsState(t, d); after.version != before.version || after.answer != before.answer {
				t.Errorf("afterwards the dataset is %s with\n%swant %s with\n%s", after.version, after.answer, before.version, before.answer)
			}
		})
	}

	// The allowed twin: the same file under a manifest that tells the truth.
	c := data.Clone()
	c.Rows = c.Rows[:180]
	d.LoadTable("persons", c)
	after := personsState(t, d)
	if want := "320102|60|∅\n320104|60|∅\n320105|60|∅\n"; after.answer != want || after.version == before.version {
		t.Errorf("after a load the dataset is %s with\n%swant a new version with\n%s", after.version, after.answer, want)
	}
	d.Reopen()
	if again := personsState(t, d); again.version != after.version || again.answer != after.answer {
		t.Errorf("after a restart the dataset is %s, want %s", again.version, after.version)
	}
}

// A value outside the public code list would leave as a group label.
func codeNotPublic(t *testing.T, d *querytest.Domain) {
	t.Helper()
	visits := querytest.Registers().Visits
	visits.Rows[4][visits.Column("diagnosis")] = "患者王小明"
	file := visits.CSV()
	_, err := d.TryLoad("wu.dc", querytest.Delivery("medical", "visits", "visits-statistics", file, len(visits.Rows)), file)
	text := ""
	if err != nil {
		text = querytest.Text(err)
	}
	if querytest.Code(err) != "LOAD_REFUSED" || !strings.Contains(text, "row 5") || !strings.Contains(text, "diagnosis") {
		t.Errorf("refused with %s, want LOAD_REFUSED naming row 5 and column diagnosis", text)
	}
	if strings.Contains(text+d.Log.String(), "王小明") {
		t.Error("the refusal or the log holds the value")
	}
}

// Only the data centre loads.
func onlyTheDataCentre(t *testing.T, d *querytest.Domain) {
	t.Helper()
	before := personsState(t, d)
	file := querytest.Registers().Persons.CSV()
	for _, user := range []string{"li.op", "zheng.police", "sun.health", "feng.audit", querytest.Founder} {
		_, err := d.TryLoad(user, querytest.Delivery("medical", "persons", "persons-statistics", file, 200), file)
		if querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("%s loading = %v, want ROLE_REQUIRED", user, err)
		}
	}
	if after := personsState(t, d); after.version != before.version {
		t.Error("the dataset has a new version")
	}
}

// A column without a level cannot be published, so that nothing of it can be
// loaded; every such column is named.
func levelUnset(t *testing.T, d *querytest.Domain) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("querytest", "city", "persons.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before := personsState(t, d)
	for _, c := range []struct{ name, old, with string }{
		{"level missing", "level: 3, class: economy", "class: economy"},
		{"level 0", "level: 3, class: economy", "level: 0, class: economy"},
		{"level empty", "level: 3, class: economy", "level: null, class: economy"},
		{"level below zero", "level: 3, class: economy", "level: -3, class: economy"},
		{"level as text", "level: 3, class: economy", `level: "3", class: economy`},
	} {
		changed := strings.Replace(string(text), c.old, c.with, 1)
		if changed == string(text) {
			t.Fatalf("%s: nothing was changed", c.name)
		}
		_, err := d.Engine.Apply(t.Context(), d.Subject("zheng.police"), strings.NewReader(changed))
		if got := fmt.Sprint(err); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(got, "level") {
			t.Errorf("%s: applied with %v, want DOCUMENT_REFUSED naming the level", c.name, err)
		}
	}
	if after := personsState(t, d); after.version != before.version || after.answer != before.answer {
		t.Error("the dataset is not as before")
	}
}

// Whatever is refused, and whenever, leaves an entry that holds its code and no
// text.
func refusalsAreLogged(t *testing.T, d *querytest.Domain) {
	t.Helper()
	file := querytest.Registers().Persons.CSV()
	before := len(d.Audit("feng.audit"))
	for i, c := range []struct {
		by     string
		change func(*query.Manifest)
		code   string
	}{
		{"li.op", func(*query.Manifest) {}, "ROLE_REQUIRED"},
		{"wu.dc", func(m *query.Manifest) { m.Zone = "elsewhere" }, "LOAD_REFUSED"},
		{"wu.dc", func(m *query.Manifest) { m.Grant = "nobody-gave-it" }, "LOAD_REFUSED"},
		{"wu.dc", func(m *query.Manifest) { m.Mode = query.ModeAppend }, "LOAD_BASE"},
		{"wu.dc", func(m *query.Manifest) { m.Rows++ }, "LOAD_ROWS"},
	} {
		m := d.Delivery("medical", "persons", "persons-statistics", file, 200)
		c.change(&m)
		if _, err := d.TryLoad(c.by, m, file); querytest.Code(err) != c.code {
			t.Errorf("delivery %d was refused with %v, want %s", i, err, c.code)
		}
		entries := slices.DeleteFunc(d.Audit("feng.audit")[before:], func(e query.AuditEntry) bool { return e.Kind != "load.refused" })
		if len(entries) != i+1 {
			t.Fatalf("after %d refusals there are %d entries", i+1, len(entries))
		}
		if e := entries[i]; e.Actor != c.by || e.Fields["reasons"] != c.code {
			t.Errorf("the entry of delivery %d is of %s with reasons %q, want %s and %s", i, e.Actor, e.Fields["reasons"], c.by, c.code)
		}
	}
}

// A manifest has one reading: a field that is unknown, twice there, or in
// capitals is refused, and so is what follows.
func TestDecodeManifest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text string }{
		{"a field nobody knows", `{"zone":"medical","colour":"red"}`},
		{"a field twice", `{"zone":"medical","zone":"finance"}`},
		{"a field twice apart from case", `{"zone":"medical","ZONE":"finance"}`},
		{"a field in capitals", `{"Zone":"medical"}`},
		{"a field in letters that fold", `{"dataſet":"beds"}`},
		{"a field twice apart from letters that fold", `{"dataset":"beds","dataſet":"persons"}`},
		{"a field of the signature in letters that fold", `{"signature":{"ſig":"x"}}`},
		{"something after it", `{"zone":"medical"}{}`},
		{"a list", `["medical"]`},
		{"nothing", ``},
		{"rows as a text", `{"rows":"3"}`},
		{"rows with a fraction", `{"rows":3.5}`},
		{"a long one", `{"zone":"` + strings.Repeat("x", 1<<17) + `"}`},
	} {
		if m, err := query.DecodeManifest([]byte(c.text)); err == nil {
			t.Errorf("%s: read as %+v", c.name, m)
		}
	}
	m, err := query.DecodeManifest([]byte(`{"zone":"medical","rows":3,"mode":"upsert","base":"v1","source":"his","table":"beds","delimiter":";"} `))
	if want := (query.Manifest{Zone: "medical", Rows: 3, Mode: query.ModeUpsert, Base: "v1", Source: "his", Table: "beds", Delimiter: ";"}); err != nil || m != want {
		t.Errorf("read %+v, %v; want %+v", m, err, want)
	}
}
