package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/keys"
	"zonebox/query"
)

// inForce returns version, rows and base of the visits that are current, and
// fails unless the data answer as many.
func inForce(t *testing.T, h *home) string {
	t.Helper()
	v := current(t, h, "visits")
	if o := h.ask(t, countVisits, "-o", "csv"); o.out != fmt.Sprintf("n\n%d\n", v.Rows) {
		t.Errorf("the data answer %q, and the version has %d rows: %s", o.out, v.Rows, o.errout)
	}
	return strings.Join([]string{v.Version, fmt.Sprint(v.Rows), v.Base, "."}, " ")
}

// increment delivers fifty visits on top of the version in the state before.
func (h *home) increment(t *testing.T, mode, before string) outcome {
	t.Helper()
	base := strings.Fields(before)[0]
	seed := sha256.Sum256([]byte(base))
	file := h.delivery(t, 50, fmt.Sprint(binary.BigEndian.Uint32(seed[:])))
	f, err := os.OpenFile(file+".manifest.yaml", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "mode: %s\nbase: %s\n", mode, base); err != nil {
		t.Fatal(err)
	}
	return h.zonebox(t, "load", "--as", "wu.dc", file, "--manifest", file+".manifest.yaml")
}

// ordered returns what prepare wrote down for do.
func (h *home) ordered(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(h.path("order"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// canary stands in each delivery, so that it can be looked for.
const canary = "金丝雀CANARY0451梧桐"

// delivery writes a register of visits with the canary as the first department,
// and a column of the first row as given, with its manifest.
func (h *home) delivery(t *testing.T, rows int, seed string, change ...string) string {
	t.Helper()
	file := h.path("delivery.csv")
	h.must(t, exitOK, "city", "visits", "--rows", fmt.Sprint(rows), "--seed", seed, "--out", file, "--zone", "medical", "--grant", "visits-statistics")
	h.edit(t, file, append(change, "department", canary)...)
	return file
}

// edit changes cells of the first row of a delivery, given as column and value,
// and has its manifest name the digest of what it is then.
func (h *home) edit(t *testing.T, file string, cells ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(text), "\n", 3)
	names, row := strings.Split(lines[0], ","), strings.Split(lines[1], ",")
	for i := 0; i < len(cells); i += 2 {
		row[slices.Index(names, cells[i])] = cells[i+1]
	}
	lines[1] = strings.Join(row, ",")
	changed := strings.Join(lines, "\n")
	write(t, file, []byte(changed), 0o600)
	manifest, err := os.ReadFile(file + ".manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	was, is := sha256.Sum256(text), sha256.Sum256([]byte(changed))
	named := strings.Replace(string(manifest), hex.EncodeToString(was[:]), hex.EncodeToString(is[:]), 1)
	write(t, file+".manifest.yaml", []byte(named), 0o600)
}

// checkpoint returns the entries that the log's checkpoint covers.
func (h *home) checkpoint(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(h.domain("audit", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Split(string(text), "\n")[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// backups lists what there is to restore.
func backups(t *testing.T, h *home) []string {
	t.Helper()
	var all []query.Backup
	o := h.must(t, exitOK, "backup", "list", "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(all))
	for i, b := range all {
		out[i] = b.ID
	}
	return out
}

// stored returns every version of a dataset.
func stored(t *testing.T, h *home, dataset string) []query.VersionView {
	t.Helper()
	var all []query.VersionView
	o := h.must(t, exitOK, "zone", "versions", dataset, "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// current returns the data version of a dataset that is in force.
func current(t *testing.T, h *home, dataset string) query.VersionView {
	t.Helper()
	all := stored(t, h, dataset)
	i := slices.IndexFunc(all, func(v query.VersionView) bool { return v.State == "CURRENT" })
	if i < 0 {
		t.Fatalf("%s has no current version: %v", dataset, all)
	}
	return all[i]
}

// versionsOf returns the versions of the key that wraps a zone's data keys.
func versionsOf(t *testing.T, h *home, zone string) []int {
	t.Helper()
	var r query.KeyReport
	o := h.must(t, exitOK, "keys", "list", "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, k := range r.Keys {
		if k.Purpose == keys.PurposeZoneData && k.Zone == zone {
			out = append(out, k.Version)
		}
	}
	return out
}
