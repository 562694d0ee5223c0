//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
)

// samples is the folder of files by others that the product is tried on. They are
// no part of the project.
func samples(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("ZONEBOX_REAL_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "provinces.csv")); err != nil {
		t.Skip("the sample files of others are not here: name their folder in ZONEBOX_REAL_DATA")
	}
	return dir
}

// TestProposalsForFilesOfOthers: what every sample file is drafted as. A level that
// is 0 is left to the provider. A Zip is a string: 2,811 of demographic.csv begin
// with 0, and those of medical.csv end in **. Every income of pums_pid.csv has one
// decimal place, and the greatest, 420500.0, has seven digits, to which two are added.
func TestProposalsForFilesOfOthers(t *testing.T) {
	dir := samples(t)
	h := newHome(t)
	h.serve(t)
	for _, c := range []struct {
		file, encoding string
		rows           int64
		personal       bool
		entity         string
		columns        map[string]string // name: type class level, "-" for no class
	}{
		{"provinces.csv", "utf-8", 31, false, "", map[string]string{"code": "int64 region 1"}},
		{"cities.csv", "utf-8", 342, false, "", map[string]string{"code": "int64 region 1", "provinceCode": "int64 region 1"}},
		{"demographic.csv", "utf-8", 30000, true, "ID", map[string]string{"ID": "string identity 0", "Name": "string identity 0", "Gender": "string demography 3", "Age": "int64 demography 3", "Zip": "string region 0"}},
		{"medical.csv", "utf-8", 30000, true, "ID", map[string]string{"ID": "string identity 0", "Age": "string demography 3", "Diagnosis": "string health 4", "Treatment": "string health 4", "Outcome": "string health 4"}},
		{"pums_pid.csv", "utf-8", 1000, true, "pid", map[string]string{"age": "int64 demography 3", "income": "decimal(9,1) economy 3", "married": "int64 demography 3", "pid": "int64 identity 0"}},
		{"epidemic_gb18030.csv", "gb18030", -1, false, "", map[string]string{"日期": "date time 1", "省份": "string region 1", "累计确诊": "int64 statistics 1", "累计死亡": "int64 statistics 1"}},
		{"epidemic.csv", "utf-8", 170477, false, "", map[string]string{"date": "date time 1", "province": "string region 1", "confirmed": "int64 statistics 1"}},
		{"areas.csv", "utf-8", 2978, false, "", map[string]string{"code": "int64 region 1", "cityCode": "int64 region 1"}},
		{"streets.csv", "utf-8", 41352, false, "", map[string]string{"code": "int64 region 1", "areaCode": "int64 region 1"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			o := h.must(t, exitOK, "propose", "--as", "wu.dc", "-o", "json", filepath.Join(dir, c.file))
			var p query.Proposal
			if err := json.Unmarshal([]byte(o.out), &p); err != nil {
				t.Fatal(err)
			}
			if p.Encoding != c.encoding || p.Format != "csv" || !p.Header || p.Personal != c.personal || p.Entity != c.entity || c.rows >= 0 && p.Rows != c.rows {
				t.Errorf("it is %s %s, %d rows, header %t, personal %t, entity %q; want %+v", p.Format, p.Encoding, p.Rows, p.Header, p.Personal, p.Entity, c)
			}
			for _, col := range p.Columns {
				got := strings.Join([]string{col.Type, col.Class, string(rune('0' + col.Level))}, " ")
				if want, told := c.columns[col.Name]; told && got != want {
					t.Errorf("%s is proposed as %q, want %q", col.Name, got, want)
				}
				if col.WhyZH == "" || col.WhyEN == "" {
					t.Errorf("%s has no reason", col.Name)
				}
				if c.personal && col.Level == 1 {
					t.Errorf("%s is proposed to be open beside personal information", col.Name)
				}
			}
		})
	}
}

// TestADraftHoldsNoValueAndIsRefusedUntilItIsDecided.
func TestADraftHoldsNoValueAndIsRefusedUntilItIsDecided(t *testing.T) {
	h := newHome(t)
	h.serve(t)
	file := h.path("people.csv")
	rows := "患者编号,姓名,手机号,诊断,备注\n"
	for i := range 40 {
		rows += "P" + string(rune('A'+i%26)) + string(rune('a'+i/26)) + ",王芳,138836044" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ",I10,zzqqxx\n"
	}
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"li.op", "sun.health"} {
		if o := h.zonebox(t, "propose", "--as", by, file); o.code != exitDenied || !strings.Contains(o.errout, "ROLE_REQUIRED") {
			t.Errorf("%s has a file looked at: %d %s", by, o.code, o.errout)
		}
	}
	h.must(t, exitOK, "propose", "--as", "qian.hospital", "--zone", "medical", "--provider", "hospital-group", "--grant", "visits-statistics", file)
	entry, err := os.ReadFile(file + entryDraft)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(file + manifestDraft)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"王芳", "13883604", "I10", "zzqqxx", "PAa"} {
		if bytes.Contains(entry, []byte(value)) || bytes.Contains(manifest, []byte(value)) {
			t.Errorf("a draft holds the value %s", value)
		}
	}
	for _, want := range []string{`name: "手机号"`, `title: "手机号"`, "pi_kind: phone", "class: health", `entity: {column: "患者编号", kind: person}`, "# level: undecided", "personal_info: true"} {
		if !bytes.Contains(entry, []byte(want)) {
			t.Errorf("the draft lacks %s:\n%s", want, entry)
		}
	}
	for _, want := range []string{"rows: 40", "encoding: utf-8", `grant: "visits-statistics"`, "schema_sha256: "} {
		if !bytes.Contains(manifest, []byte(want)) {
			t.Errorf("the draft lacks %s:\n%s", want, manifest)
		}
	}
	// Everything but the doubtful columns is filled in: they alone refuse it.
	filled := strings.NewReplacer("title:  # to be filled in", "title: 患者", "provider_type:  # to be filled in", "provider_type: authorized_body",
		"share_reason:  # to be filled in", "share_reason: 含个人信息", "open_reason:  # to be filled in", "open_reason: 含个人信息", "legal_basis:  # to be filled in []", "legal_basis: [示例]",
		"use_requirements:  # to be filled in", "use_requirements: 仅在专区内", "review_due:  # to be filled in", `review_due: "2027-06-30"`, "secret_flag:  #", "secret_flag: false #",
		"public_safety:  #", "public_safety: false #", "acquired: , update_frequency: ", `acquired: "2026-11-01", update_frequency: monthly`).Replace(string(entry))
	if err := os.WriteFile(h.path("filled.yaml"), []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	o := h.zonebox(t, "apply", "--as", "qian.hospital", "-f", h.path("filled.yaml"))
	if o.code != exitDenied || !strings.Contains(o.errout, "level") {
		t.Errorf("an undecided draft is answered %d: %s", o.code, o.errout)
	}
	if o := h.zonebox(t, "propose", "--as", "qian.hospital", file); o.code == exitOK {
		t.Error("a draft that is there was overwritten")
	}
	if !slices.ContainsFunc(h.entries(t), func(e query.AuditEntry) bool { return e.Kind == "delivery.inspected" && e.Actor == "qian.hospital" }) {
		t.Error("the log does not say who had a file looked at")
	}
}
