//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"sigs.k8s.io/yaml"
)

// fileOfOthers is one file and the question that is asked of it: rows by a column.
type fileOfOthers struct {
	name    string
	by      string         // the column that rows are counted by
	levels  map[string]int // what the provider decides where the draft leaves it open
	granted string         // columns of a grant in YAML; empty: every column CLEAR
	least   int            // of people in a group that leaves; its label is declared a public code
}

const (
	countedBy = "{name: %s, mode: COMPUTE_ONLY, permissions: [groupkey]}"
	asToken   = "{name: %s, mode: MASKED, recipe: {kind: token}}"
)

var filesOfOthers = []fileOfOthers{
	{name: "provinces.csv", by: "name", levels: map[string]int{"name": 1}},
	{name: "cities.csv", by: "provinceCode", levels: map[string]int{"name": 1}},
	{name: "areas.csv", by: "cityCode", levels: map[string]int{"name": 1}},
	{name: "streets.csv", by: "provinceCode", levels: map[string]int{"name": 1}},
	{name: "epidemic.csv", by: "province"},
	{name: "epidemic_gb18030.csv", by: "省份"},
	{name: "demographic.csv", by: "Gender", levels: map[string]int{"ID": 4, "Name": 4, "Zip": 3}, granted: fmt.Sprintf(asToken+", "+countedBy, "ID", "Gender"), least: 10},
	{name: "medical.csv", by: "Diagnosis", levels: map[string]int{"ID": 4, "Zip": 3}, granted: fmt.Sprintf(asToken+", "+countedBy, "ID", "Diagnosis"), least: 10},
	{name: "pums_pid.csv", by: "educ", levels: map[string]int{"pid": 4}, granted: fmt.Sprintf(asToken+", "+countedBy, "pid", "educ"), least: 10},
}

func (f fileOfOthers) dataset() string { return strings.TrimSuffix(f.name, ".csv") }

// TestFilesOfOthersFromDraftToAnswer takes every file of others through the
// commands: propose, completed draft, submit, approve, publish, license and grant,
// load, query. Each answer is the count that this test makes from the file.
func TestFilesOfOthersFromDraftToAnswer(t *testing.T) {
	folder := samples(t)
	h := newHome(t)
	h.serveWatched(t)
	for _, f := range filesOfOthers {
		file := h.path(f.name)
		text, err := os.ReadFile(filepath.Join(folder, f.name))
		if err != nil {
			t.Skipf("skipped: the folder of files of others has no %s", f.name)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		h.typed(t, "propose", "--as", "qian.hospital", "--zone", "medical", "--provider", "hospital-group",
			"--grant", f.dataset(), "--acquired", "2026-11-01", file)
		completeDraft(t, f, file+entryDraft)
		h.typed(t, "catalogue", "check", "--as", "qian.hospital", "-f", file+entryDraft)
		h.typed(t, "catalogue", "submit", "--as", "qian.hospital", "-f", file+entryDraft)
		h.typed(t, "catalogue", "approve", "--as", "zhao.city", f.dataset())
		h.typed(t, "catalogue", "publish", "--as", "qian.hospital", f.dataset())
	}
	h.license(t)
	for _, f := range filesOfOthers {
		t.Run(f.name, func(t *testing.T) {
			h.typed(t, "load", "--as", "wu.dc", h.path(f.name), "--manifest", h.path(f.name)+manifestDraft)
			sql := fmt.Sprintf(`SELECT "%s", count(*) AS n FROM %s GROUP BY "%s"`, f.by, f.dataset(), f.by)
			answer := h.typed(t, "query", "--as", "li.op", "--scenario", "files", "--purpose", "MED-STAT", "-o", "csv", sql)
			want := countedRows(t, f, filepath.Join(folder, f.name))
			got := map[string]int{}
			for _, row := range tableRows(t, []byte(answer)) {
				n, err := strconv.Atoi(row[1])
				if err != nil || got[row[0]] != 0 {
					t.Fatal("a group has no count, or two")
				}
				got[row[0]] = n
			}
			if len(want) < 2 || !maps.Equal(got, want) {
				t.Errorf("%d groups, want the %d of the file with their counts", len(got), len(want))
			}
		})
	}
}

// typed runs a command line in a process of its own, as it would be typed, and
// returns its stdout; it must succeed.
func (h *home) typed(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "/proc/self/exe", append(slices.Clone(args), h.flags()...)...)
	c.Env = append(os.Environ(), "ZONEBOX_TEST_PROCESS=zonebox")
	var errout bytes.Buffer
	c.Stderr = &errout
	out, err := c.Output()
	if err != nil {
		t.Fatalf("zonebox %s: %v\n%s%s", strings.Join(args, " "), err, out, errout.String())
	}
	return string(out)
}

// completeDraft fills in what the draft leaves to the provider, and nothing else.
func completeDraft(t *testing.T, f fileOfOthers, draft string) {
	t.Helper()
	text, err := os.ReadFile(draft)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("the draft is no YAML: %v", err)
	}
	spec := doc["spec"].(map[string]any)
	for field, value := range map[string]any{
		"title": "公开样例 " + f.name, "provider_type": "authorized_body", "share_reason": "按场景提供", "open_reason": "按场景提供",
		"legal_basis": []string{"南京市公共数据授权运营管理暂行办法"}, "use_requirements": "仅在专区内使用", "review_due": "2030-06-30",
		"secret_flag": false, "public_safety": false,
	} {
		if v, named := spec[field]; !named || v != nil {
			t.Errorf("the draft of %s does not leave %s open", f.name, field)
		}
		spec[field] = value
	}
	spec["source"].(map[string]any)["update_frequency"] = "yearly"
	open := map[string]int{}
	for _, c := range spec["columns"].([]any) {
		col := c.(map[string]any)
		name := col["name"].(string)
		if name == f.by && f.least > 0 { // its values may be labels of groups
			col["public_codes"] = slices.Sorted(maps.Keys(countedRows(t, f, strings.TrimSuffix(draft, entryDraft))))
		}
		if _, decided := col["level"]; decided {
			continue
		}
		open[name] = f.levels[name]
		col["level"], col["personal_info"] = f.levels[name], f.levels[name] > 2
		if f.levels[name] > 2 {
			col["cause_code"] = "PRIVACY"
		}
		if col["class"] == nil {
			col["class"] = "identity"
			if f.levels[name] == 1 {
				col["class"] = "region"
			}
		}
	}
	if !maps.Equal(open, f.levels) {
		t.Errorf("the draft of %s leaves %v open, want %v", f.name, slices.Sorted(maps.Keys(open)), slices.Sorted(maps.Keys(f.levels)))
	}
	if text, err = yaml.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// license signs and applies a license of all files, its scenario, and a grant each.
func (h *home) license(t *testing.T) {
	t.Helper()
	text, err := demoDocuments.ReadFile("demo/license.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range filesOfOthers {
		names = append(names, f.dataset())
	}
	license := strings.NewReplacer("medical-2026", "files-2026", "outpatient-statistics", "files", "[persons, visits]", "["+strings.Join(names, ", ")+"]").Replace(string(text))
	h.signed(t, "license.yaml", license, "zhao.city", "sun.health", "zhao.city", "li.op")
	for _, f := range filesOfOthers {
		granted := f.granted
		if granted == "" {
			var clear []string
			for _, name := range header(t, h.path(f.name)) {
				clear = append(clear, "{name: "+name+", mode: CLEAR}")
			}
			granted = strings.Join(clear, ", ")
		}
		h.signed(t, f.dataset()+".grant.yaml", fmt.Sprintf("kind: Grant\nname: %s\nspec:\n  scenario: files\n  dataset: %s\n  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]\n  from: \"2026-01-01\"\n  until: \"2030-12-31\"\n"+
			"  zreg: {by: sun.health, org: health-commission}\n  prov: {by: qian.hospital, org: hospital-group}\n  columns: [%s]\n", f.dataset(), f.dataset(), granted),
			"zhao.city", "sun.health", "qian.hospital")
	}
}

// signed has each of the signers sign a document, and by apply it.
func (h *home) signed(t *testing.T, name, text, by string, signers ...string) {
	t.Helper()
	for _, signer := range signers {
		if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		text = h.typed(t, "sign", "--as", signer, "-f", h.path(name))
	}
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.typed(t, "apply", "--as", by, "-f", h.path(name))
}

// fileText returns a file's text in UTF-8.
func fileText(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil && strings.Contains(file, "gb18030") {
		text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func header(t *testing.T, file string) []string {
	t.Helper()
	names, err := csv.NewReader(bytes.NewReader(fileText(t, file))).Read()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// tableRows returns the rows below the header. An answer's source stands on stderr.
func tableRows(t *testing.T, text []byte) [][]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(errors.Join(errors.New("no table"), err))
	}
	return all[1:]
}

// countedRows counts the rows of a file by its column, leaving out small groups.
func countedRows(t *testing.T, f fileOfOthers, file string) map[string]int {
	t.Helper()
	at := slices.Index(header(t, file), f.by)
	n := map[string]int{}
	for _, row := range tableRows(t, fileText(t, file)) {
		n[row[at]]++
	}
	maps.DeleteFunc(n, func(_ string, rows int) bool { return rows < f.least })
	return n
}
