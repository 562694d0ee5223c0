package query_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/query"
	"zonebox/query/querytest"
)

// jsonLines returns the table as one object per line. Every value is a string,
// as writers do that must not lose digits; an empty cell is null.
func jsonLines(t *testing.T, table querytest.Table) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, row := range table.Rows {
		object := map[string]any{}
		for i, v := range row {
			object[table.Columns[i]] = v
			if v == "" {
				object[table.Columns[i]] = nil
			}
		}
		if err := json.NewEncoder(&out).Encode(object); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// workbook returns the table as a sheet of texts.
func workbook(t *testing.T, table querytest.Table) []byte {
	t.Helper()
	var sheet bytes.Buffer
	sheet.WriteString("<worksheet><sheetData>")
	for _, row := range append([][]string{table.Columns}, table.Rows...) {
		sheet.WriteString("<row>")
		for _, v := range row {
			sheet.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
			if err := xml.EscapeText(&sheet, []byte(v)); err != nil {
				t.Fatal(err)
			}
			sheet.WriteString("</t></is></c>")
		}
		sheet.WriteString("</row>")
	}
	sheet.WriteString("</sheetData></worksheet>")
	return archive(t, map[string]string{
		"_rels/.rels":                `<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="x/relationships"><sheets><sheet name="人口" r:id="s1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="s1" Type="x/worksheet" Target="sheet.xml"/></Relationships>`,
		"xl/sheet.xml":               sheet.String(),
	})
}

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestEveryFormatLoadsTheSameDataset loads one register in each format under a
// manifest that tells the truth; the answer over it is the same.
func TestEveryFormatLoadsTheSameDataset(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	table := querytest.Registers().Persons
	csv := table.CSV()
	before := personsState(t, d)
	lines := jsonLines(t, table)
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes(csv)
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write(lines); err != nil || w.Close() != nil {
		t.Fatal("gzip")
	}
	book := workbook(t, table)
	seen := map[string]bool{before.version: true}
	for _, c := range []struct {
		name   string
		file   []byte
		change func(*query.Manifest)
	}{
		{"csv in GB18030, zip", archive(t, map[string]string{"人口.csv": string(gb)}), func(m *query.Manifest) { m.Encoding = "gb18030" }},
		{"json", []byte("[" + strings.Join(strings.Split(strings.TrimSpace(string(lines)), "\n"), ",") + "]"), func(m *query.Manifest) { m.Format = "json" }},
		{"json lines, gzip", gz.Bytes(), func(m *query.Manifest) { m.Format, m.Packing = "jsonl", "gzip" }},
		{"xlsx", book, func(m *query.Manifest) { m.Format, m.Encoding, m.Sheet = "xlsx", "", "人口" }},
	} {
		m := querytest.Delivery("medical", "persons", "persons-statistics", c.file, len(table.Rows))
		c.change(&m)
		if _, err := d.TryLoad("wu.dc", m, c.file); err != nil {
			t.Errorf("%s: %s", c.name, querytest.Text(err))
			continue
		}
		after := personsState(t, d)
		if after.answer != before.answer || seen[after.version] {
			t.Errorf("%s: dataset is %s with\n%swant a new version with\n%s", c.name, after.version, after.answer, before.answer)
		}
		seen[after.version] = true
	}
	m := querytest.Delivery("medical", "persons", "persons-statistics", book, len(table.Rows))
	m.Format, m.Encoding, m.Sheet = "xlsx", "", "病例"
	if _, err := d.TryLoad("wu.dc", m, book); err == nil || !strings.Contains(querytest.Text(err), "no such sheet") {
		t.Errorf("a sheet that is not there: %v", fmt.Sprint(err))
	}
}
