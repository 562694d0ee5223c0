//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
)

// TestATableOfASourceIsProposed drafts an entry and a manifest of a table, for those
// who may, and neither holds a value. Nothing is drafted of a table that the source
// does not offer.
func TestATableOfASourceIsProposed(t *testing.T) {
	address := os.Getenv("ZONEBOX_POSTGRES")
	if address == "" && os.Getenv("ZONEBOX_SERVERS") != "" {
		t.Fatal("ZONEBOX_POSTGRES names no server, and there must be one")
	}
	if address == "" {
		t.Skip("ZONEBOX_POSTGRES names no server: run the test by .ci/servers")
	}
	host, port, _ := net.SplitHostPort(address)
	fill := exec.CommandContext(t.Context(), "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", "zonebox", "postgres", "-c",
		`DROP TABLE IF EXISTS drafted; CREATE TABLE drafted("患者编号" text, "手机号" text, stay int, cost numeric, fee numeric(12,2));
		INSERT INTO drafted SELECT 'P' || i, '138836044' || lpad(i::text, 2, '0'), 3, 123.45, 1.5 FROM generate_series(1, 40) i`)
	fill.Env = append(os.Environ(), "PGPASSWORD="+os.Getenv("ZONEBOX_DB_PASSWORD"))
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v %s", err, out)
	}
	h := newHome(t)
	if err := os.WriteFile(h.path("password"), []byte(os.Getenv("ZONEBOX_DB_PASSWORD")), 0o600); err != nil {
		t.Fatal(err)
	}
	err := h.openWith(t, query.Config{
		Sources: query.Sources{"his": {Provider: "hospital-group", Kind: "postgres", Address: "localhost:" + port, Database: "postgres", User: "zonebox",
			PasswordFile: h.path("password"), CAFile: os.Getenv("ZONEBOX_DB_CA"), Tables: []string{"drafted", "gone"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.stop(t) })
	t.Chdir(h.path("."))
	of := func(by string, more ...string) []string {
		return append([]string{"propose", "--as", by, "--source", "his"}, more...)
	}
	for _, c := range []struct {
		rule string
		args []string
		code int
		says string
	}{
		{"an operator", of("li.op", "--table", "drafted"), exitDenied, "ROLE_REQUIRED"},
		{"another provider", of("zheng.police", "--table", "drafted"), exitDenied, "no source of that name"},
		{"a table that is not offered", of("wu.dc", "--table", "pg_authid"), exitDenied, "does not offer"},
		{"a table that is not there", of("wu.dc", "--table", "gone"), exitDenied, "no such table"},
		{"no table", of("wu.dc"), exitUsage, "--table"},
		{"a file too", of("wu.dc", "--table", "drafted", "x.csv"), exitUsage, "--table"},
	} {
		if o := h.zonebox(t, c.args...); o.code != c.code || !strings.Contains(o.errout, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.rule, o.code, o.errout, c.code, c.says)
		}
	}
	for _, by := range []string{"wu.dc", "qian.hospital"} {
		var p query.Proposal
		if o := h.must(t, exitOK, of(by, "--table", "drafted", "-o", "json")...); json.Unmarshal([]byte(o.out), &p) != nil || p.Rows != 40 || !p.Personal || p.SHA256 != "" {
			t.Errorf("%s is told %s", by, o.out)
		}
	}
	h.must(t, exitOK, of("wu.dc", "--table", "drafted", "--zone", "medical", "--provider", "hospital-group")...)
	drafts := map[string][]string{
		entryDraft:    {"name: drafted\n", `name: "手机号"`, "pi_kind: phone", "type: decimal(7,2)", "type: decimal(12,2)", "type: int64"},
		manifestDraft: {`source: "his"`, `table: "drafted"`, "schema_sha256: "},
	}
	for suffix, wants := range drafts {
		text, err := os.ReadFile(filepath.Join(h.path("."), "his.drafted"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %s:\n%s", suffix, want, text)
			}
		}
		for _, never := range []string{"13883604", "P17", "123.45", "rows:", "sha256: \"e3b0", os.Getenv("ZONEBOX_DB_PASSWORD")} {
			if strings.Contains(string(text), never) {
				t.Errorf("%s holds %s", suffix, never)
			}
		}
	}
	told := func(e query.AuditEntry) bool {
		return e.Kind == "delivery.inspected" && e.Actor == "qian.hospital" && strings.Contains(fmt.Sprint(e), "drafted")
	}
	if !slices.ContainsFunc(h.entries(t), told) {
		t.Error("the log does not say who had which table looked at")
	}
}
