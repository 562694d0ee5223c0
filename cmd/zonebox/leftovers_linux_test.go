package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query/querytest"
)

// noPlainValue fails if a text of a delivery is in any file of the domain, its
// keys or backups.
func (h *home) noPlainValue(t *testing.T, text, when string) {
	t.Helper()
	if where := querytest.Found(t, text, h.domain(), h.path("domain.keys"), h.path("backups")); len(where) > 0 {
		t.Errorf("%s: a value of a delivery is on disk: %v", when, where)
	}
}

// firstPerson returns the identity number in the first row of the founded visits.
func (h *home) firstPerson(t *testing.T) string {
	t.Helper()
	row := strings.Split(strings.Split(string(fileText(t, h.path("visits.csv"))), "\n")[1], ",")
	if len(row[1]) != 18 {
		t.Fatalf("%q is no identity number", row[1])
	}
	return row[1]
}

// kept are the files of a domain and its keys, by their path below the home.
var kept = regexp.MustCompile(`^(domain/(lock|domain\.json|registry\.db(-wal|-shm)?` +
	`|audit/(checkpoint|tail/[0-9]{20}|\.state/[A-Za-z]+(\.lock)?|tile/(entries|[0-9])/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?)` +
	`|holds/run-[0-9a-v]{26}\.hold|artifacts/run-[0-9a-v]{26}\.zbx` +
	`|ledger/(run-[0-9a-v]{26}\.(visits|persons)|lineage-[0-9a-v]{26})\.ledger` +
	`|zones/medical/(visits|persons)/v[a-z2-7]{16}/(c[0-9]{3}-s[0-9]{5}|manifest-[0-9a-f]{64}))` +
	`|domain\.keys/((zones|holds)/)?[A-Za-z0-9%-]+\.(key(\.[0-9]+)?(\.gone)?|key\.heirs|json)|domain\.keys/lock` +
	`|backups/backup-[^/]+/.+)$`)

// nothingLeft fails if a gate that is at rest keeps a file or folder that no
// state of a domain has: half written, of a version that is not stored, or a
// manifest that is not in force.
func (h *home) nothingLeft(t *testing.T, when string) {
	t.Helper()
	var left []string
	for range 50 { // the log writes on for a moment
		if left = h.leftovers(t); len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s: left over: %v", when, left)
}

func (h *home) leftovers(t *testing.T) (left []string) {
	t.Helper()
	versions, manifests := map[string]bool{".tmp": true}, map[string]bool{}
	for _, dataset := range []string{"visits", "persons"} {
		for _, v := range stored(t, h, dataset) {
			if v.State == "RETIRED" || v.State == "SHREDDED" {
				continue
			}
			dir := filepath.Join("medical", dataset, v.Version)
			versions[dir], manifests[filepath.Join(dir, "manifest-"+v.Manifest)] = true, true
		}
	}
	entered := h.ledgerFiles(t)
	for _, dir := range []string{"domain", "domain.keys", "backups"} {
		err := filepath.WalkDir(h.path(dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(h.dir, path)
			if err != nil {
				return err
			}
			in, zones := strings.CutPrefix(rel, "domain/zones/")
			switch {
			case d.IsDir() && zones && (strings.Count(in, "/") == 2 || strings.HasPrefix(in, ".")) && !versions[in],
				!d.IsDir() && !kept.MatchString(rel),
				strings.HasPrefix(rel, "domain/ledger/") && !entered[filepath.Base(rel)],
				!d.IsDir() && zones && strings.Contains(in, "/manifest-") && !manifests[in]:
				left = append(left, rel)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(left)
	return left
}

// ledgerFiles returns the names of the files of which the registry says what they are.
func (h *home) ledgerFiles(t *testing.T) map[string]bool {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+h.path("domain", "registry.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT run || '.' || dataset || '.ledger' FROM ledger_entries UNION ALL SELECT file || '.ledger' FROM ledger_lineages`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}
