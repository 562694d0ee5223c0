package query_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/query"
	"zonebox/query/querytest"
)

// spellings returns a text as it could stand on a disk.
func spellings(t *testing.T, text string) map[string][]byte {
	t.Helper()
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var le, be []byte
	for _, u := range utf16.Encode([]rune(text)) {
		le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
	}
	out := map[string][]byte{"UTF-8": []byte(text), "GB18030": gb, "UTF-16LE": le, "UTF-16BE": be}
	for name, raw := range map[string][]byte{"UTF-8": []byte(text), "GB18030": gb} {
		out["hex of "+name], out["HEX of "+name] = []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw)))
		for shift := range 3 { // wherever in a group of three it begins
			enc := base64.StdEncoding.EncodeToString(append(make([]byte, shift), raw...))
			out[name+" in base64"+strings.Repeat("'", shift)] = []byte(enc[4 : len(enc)-4])
		}
	}
	return out
}

// found returns the files below dirs in which the text stands in any spelling.
func found(t *testing.T, text string, dirs ...string) (where []string) {
	t.Helper()
	forms, files := spellings(t, text), 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for name, form := range forms {
				if bytes.Contains(data, form) {
					where = append(where, path+": "+name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 {
		t.Fatalf("no file below %v", dirs)
	}
	return where
}

// What stands in a delivery stands nowhere on a disk: not in the domain, the
// keys, the backups, the temporary folders, nor in what is restored from them,
// before a shred and after it.
func TestNoPlainValueIsOnAnyDisk(t *testing.T) {
	const canary = "金丝雀CANARY0451梧桐"
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if err := os.WriteFile(filepath.Join(temp, "control"), []byte("x"+canary), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := found(t, canary, temp); len(got) != 1 {
		t.Fatalf("control: %v, want the one file", got)
	}
	if err := os.WriteFile(filepath.Join(temp, "control"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, root := withRoot(t, nil)
	data := querytest.Registers()
	persons := data.Persons.Clone()
	for i := range persons.Rows {
		if i%10 == 0 {
			persons.Rows[i][persons.Column("address")] = canary
		}
	}
	clean := func(when string, dirs ...string) {
		t.Helper()
		if got := found(t, canary, append(dirs, temp, d.Config.Domain, d.Config.Keys, root)...); len(got) != 0 {
			t.Errorf("%s the canary is on disk: %v", when, got)
		}
	}
	lines := jsonLines(t, persons)
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes(persons.CSV())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file   []byte
		change func(*query.Manifest)
	}{
		{persons.CSV(), func(*query.Manifest) {}},
		{archive(t, map[string]string{"人口.csv": string(gb)}), func(m *query.Manifest) { m.Encoding = "gb18030" }},
		{[]byte("[" + strings.Join(strings.Split(strings.TrimSpace(string(lines)), "\n"), ",") + "]"), func(m *query.Manifest) { m.Format = "json" }},
		{lines, func(m *query.Manifest) { m.Format = "jsonl" }},
		{workbook(t, persons), func(m *query.Manifest) { m.Format, m.Encoding, m.Sheet = "xlsx", "", "人口" }},
	} {
		m := querytest.Delivery("medical", "persons", "persons-statistics", c.file, len(persons.Rows))
		c.change(&m)
		d.Load("wu.dc", m, c.file)
		clean("after a load of " + m.Format)
	}
	// A delivery that is refused half way leaves nothing either.
	m := querytest.Delivery("medical", "persons", "persons-statistics", persons.CSV(), len(persons.Rows)-1)
	if _, err := d.TryLoad("wu.dc", m, persons.CSV()); err == nil {
		t.Fatal("a wrong count of rows is taken")
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict); err != nil {
		t.Fatal(err)
	}
	b := backUp(t, d)
	clean("after a load, a statement and a backup")
	shred(t, d, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "persons", Column: "address"})
	clean("after a shred")
	cfg := restored(t, d, root, b)
	if err := query.OrderRestored(cfg.Domain, d.Key(querytest.Founder), "演练", d.Now()); err != nil {
		t.Fatal(err)
	}
	clean("after a restoration", cfg.Domain)
	d.Config = cfg
	d.Reopen()
	clean("after taking it up", cfg.Domain)
}
