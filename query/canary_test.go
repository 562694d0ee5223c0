package query_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/query"
	"zonebox/query/querytest"
)

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
	if got := querytest.Found(t, canary, temp); len(got) != 1 {
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
		if got := querytest.Found(t, canary, append(dirs, temp, d.Config.Domain, d.Config.Keys, root)...); len(got) != 0 {
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
	orders(t, d, cfg.Domain, 0, "wu.dc", querytest.Founder)
	clean("after a restoration", cfg.Domain)
	d.Config = cfg
	d.Reopen()
	clean("after taking it up", cfg.Domain)
}
