package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/query/querytest"
)

// canaries are what stands once in the registers that the founded city was delivered:
// identity numbers, telephone numbers, addresses, numbers of visits, and amounts of nine
// digits or more.
func canaries(t *testing.T) (values []string) {
	t.Helper()
	for _, r := range []struct {
		file    string
		columns []int
	}{{"persons.csv", []int{0, 2, 3, 5}}, {"visits.csv", []int{0, 6}}} {
		text, err := os.ReadFile(filepath.Join(founded, r.file))
		if err != nil {
			t.Fatal(err)
		}
		if r.file == "persons.csv" {
			if text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			for _, c := range r.columns {
				if len(row[c]) >= 9 {
					values = append(values, row[c])
				}
			}
		}
	}
	slices.Sort(values)
	if values = slices.Compact(values); len(values) < 10_000 {
		t.Fatalf("%d canaries, want 10,000", len(values))
	}
	return values
}

// heard is where a script keeps what its command lines said, on both streams.
type heard struct{}

// showsRaw reports whether a command line shows rows as they were delivered: a preview of
// masks, to their provider.
func showsRaw(args []string) bool {
	line := strings.Join(args, " ")
	return strings.HasPrefix(line, "mask preview") && (strings.Contains(line, "zheng.police") || strings.Contains(line, "qian.hospital"))
}

// keepsSilent fails a script if a canary stands in what it was told, or on the disks of a
// gate of its own.
func keepsSilent(t *testing.T, env *testscript.Env, find *querytest.Canaries) {
	found := find.In([]byte(env.Values[heard{}].(*syncBuffer).String()))
	for _, b := range env.Values[besides{}].(map[string]*beside) {
		found = append(found, find.In(b.out.Bytes())...)
	}
	if h := env.Values[ownGate{}].(*ownGate).home; h != nil {
		found = append(found, h.sings(t, find)...)
	}
	if len(found) > 0 {
		t.Errorf("script in %s: %d canaries, %q", env.WorkDir, len(found), found[:min(3, len(found))])
	}
}

// sings returns where canaries stand in the domain, its keys, its backups, or what its
// gate logged.
func (h *home) sings(t *testing.T, find *querytest.Canaries) []string {
	t.Helper()
	return append(find.Below(t, h.domain(), h.path("domain.keys"), h.path("backups")), find.In([]byte(h.log.String()))...)
}
