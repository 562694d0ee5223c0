//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zonebox/query"
)

// everyVisitColumn reads each column of visits that is granted, and the entity
// codes.
const everyVisitColumn = "SELECT district, department, diagnosis, visit_date, avg(cost) AS cost, count(id_number) AS n FROM visits GROUP BY district, department, diagnosis, visit_date"

// ungranted is the chunk of visits.visit_id, which no statement can read.
const ungranted = "c000-s00000"

// TestAFlippedByteInStoredDataIsRefusedByName flips one byte of each file of a
// dataset version while the gate runs. It keeps no columns: those were checked
// when they were read, and what became of their files does not show.
func TestAFlippedByteInStoredDataIsRefusedByName(t *testing.T) {
	h := newHome(t)
	if err := h.openWith(t, query.Config{Cache: -1}); err != nil {
		t.Fatalf("start gate: %v", err)
	}
	t.Cleanup(func() { h.stop(t) })
	dir := onlyVersion(t, h, "visits")
	files := namesIn(t, dir)
	isManifest := func(name string) bool { return strings.HasPrefix(name, "manifest-") }
	if len(files) != 9 || !slices.ContainsFunc(files, isManifest) {
		t.Fatalf("a version has files %v, want eight chunks and a manifest", files)
	}
	asked := 0
	whole := func() { // another question each time, which reads the data
		t.Helper()
		asked++
		if o := h.ask(t, fmt.Sprintf("%s LIMIT %d", everyVisitColumn, asked)); o.code != exitOK {
			t.Fatalf("undamaged: exit %d: %s", o.code, o.errout)
		}
	}
	whole()
	runs := map[string]bool{}
	for _, name := range files {
		if name == ungranted {
			continue
		}
		data, mode := read(t, filepath.Join(dir, name))
		for _, at := range offsets(len(data), isManifest(name)) {
			broken := slices.Clone(data)
			broken[at] ^= 1
			write(t, filepath.Join(dir, name), broken, mode)
			o := h.ask(t, everyVisitColumn, "--json")
			p := problemOf(t, o)
			if o.code != exitFailure || p.Code != "DATA_DAMAGED" || !strings.Contains(p.Detail, name) || !strings.Contains(p.Detail, "visits") {
				t.Errorf("%s with byte %d flipped: exit %d, %s", name, at, o.code, o.out)
			}
			runs[p.Run] = true
		}
		for how, other := range map[string][]byte{"cut off": data[:len(data)-1], "empty": nil, "longer": append(slices.Clone(data), 0)} {
			write(t, filepath.Join(dir, name), other, mode)
			if p := problemOf(t, h.ask(t, everyVisitColumn, "--json")); p.Code != "DATA_DAMAGED" || !strings.Contains(p.Detail, name) {
				t.Errorf("%s %s: %s %s", name, how, p.Code, p.Detail)
			}
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if p := problemOf(t, h.ask(t, everyVisitColumn, "--json")); p.Code != "DATA_DAMAGED" || !strings.Contains(p.Detail, name) {
			t.Errorf("%s missing: %s %s", name, p.Code, p.Detail)
		}
		write(t, filepath.Join(dir, name), data, mode)
	}
	// The chunk of another column, or of another dataset, is not this one.
	data, mode := read(t, filepath.Join(dir, "c003-s00000"))
	for _, other := range []string{filepath.Join(dir, "c004-s00000"), filepath.Join(onlyVersion(t, h, "persons"), "c006-s00000")} {
		foreign, _ := read(t, other)
		write(t, filepath.Join(dir, "c003-s00000"), foreign, mode)
		if p := problemOf(t, h.ask(t, everyVisitColumn, "--json")); p.Code != "DATA_DAMAGED" || !strings.Contains(p.Detail, "c003-s00000") {
			t.Errorf("a foreign chunk: %s %s", p.Code, p.Detail)
		}
	}
	write(t, filepath.Join(dir, "c003-s00000"), data, mode)
	whole()
	entries := h.entries(t)
	checkIntents(t, entries)
	for run := range runs {
		// A damaged manifest is found before the statement becomes an intent.
		if hasEntry(entries, "query.failed", run) == hasEntry(entries, "query.denied", run) || hasEntry(entries, "output.released", run) {
			t.Errorf("run %s over damaged data is not logged as failed", run)
		}
	}
}

// TestADamagedOutputIsRefused flips a byte of an output that waits for review,
// and of an artifact that is collected again.
func TestADamagedOutputIsRefused(t *testing.T) {
	h := newHome(t)
	h.serve(t)
	o := h.ask(t, "SELECT name, phone FROM persons ORDER BY name, phone LIMIT 3")
	run := runPattern.FindString(o.errout)
	h.must(t, exitOK, "review", "approve", "--as", "sun.health", run, "--basis", "NJ24-14")
	h.must(t, exitReview, "query", "--as", "li.op", "--resume", run)
	h.must(t, exitOK, "review", "approve", "--as", "sun.health", run, "--basis", "NJ24-14")
	h.must(t, exitOK, "review", "approve", "--as", "zheng.police", run, "--basis", "NJ24-15")
	for _, file := range []string{h.domain("holds", run+".hold"), h.domain("artifacts", run+".zbx")} {
		data, mode := read(t, file)
		for _, at := range offsets(len(data), false) {
			broken := slices.Clone(data)
			broken[at] ^= 1
			write(t, file, broken, mode)
			o := h.zonebox(t, "query", "--as", "li.op", "--resume", run, "--json")
			if p := problemOf(t, o); o.code != exitFailure || p.Code != "DATA_DAMAGED" {
				t.Errorf("%s with byte %d flipped: exit %d, %s", filepath.Base(file), at, o.code, o.out)
			}
		}
		write(t, file, data, mode)
		h.must(t, exitOK, "query", "--as", "li.op", "--resume", run)
	}
}

// TestAFlippedByteInTheLogIsNamed flips one byte of each entry and of each head
// of the log with the gate stopped.
func TestAFlippedByteInTheLogIsNamed(t *testing.T) {
	h := newHome(t)
	log := filepath.Join(h.domain("audit"))
	bundle := newestBundle(t, log)
	data, mode := read(t, bundle)
	spans := leaves(t, data)
	if len(spans) < 20 {
		t.Fatalf("the log has %d entries, want at least 20", len(spans))
	}
	h.verify(t)
	for i, span := range spans {
		for _, at := range []int{span[0], (span[0] + span[1]) / 2, span[1] - 1} {
			broken := slices.Clone(data)
			broken[at] ^= 1
			write(t, bundle, broken, mode)
			o := h.zonebox(t, "audit", "verify")
			if o.code != exitFailure || o.out != "" || !regexp.MustCompile(fmt.Sprintf(`at entry %d\b`, i)).MatchString(o.errout) {
				t.Errorf("byte %d of entry %d flipped: exit %d, %q, want it named", at, i, o.code, o.errout)
			}
			if at == span[0] && (campaign() || i == 0 || i == len(spans)/2 || i == len(spans)-1) {
				h.refused(t, "log is broken")
			}
		}
	}
	write(t, bundle, data, mode)
	for _, name := range []string{"checkpoint", ".state/treeState"} {
		file := filepath.Join(log, name)
		data, mode := read(t, file)
		broken := slices.Clone(data)
		broken[len(broken)/2] ^= 1
		write(t, file, broken, mode)
		if o := h.zonebox(t, "audit", "verify"); o.code != exitFailure || !strings.Contains(o.errout, name) {
			t.Errorf("%s damaged: exit %d, %q, want the file named", name, o.code, o.errout)
		}
		h.refused(t, "log is broken")
		write(t, file, data, mode)
	}
	h.verify(t)
	h.serve(t)
}

// TestARegistryRestoredFromAnOlderCopyIsRefused puts back a copy that was taken
// before a query, with the gate stopped.
func TestARegistryRestoredFromAnOlderCopyIsRefused(t *testing.T) {
	h := newHome(t)
	old, mode := read(t, h.domain("registry.db"))
	h.serve(t)
	h.must(t, exitOK, "query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", countVisits)
	h.stop(t)
	newest, _ := read(t, h.domain("registry.db"))
	removeAll(t, h.domain("registry.db-wal"), h.domain("registry.db-shm"))
	write(t, h.domain("registry.db"), old, mode)
	h.refused(t, "restore the newest registry")
	h.refused(t, "restore the newest registry") // and again
	removeAll(t, h.domain("registry.db-wal"), h.domain("registry.db-shm"))
	write(t, h.domain("registry.db"), newest, mode)
	h.serve(t)
	h.verify(t)
}

// TestALostOrOlderLogIsRefused deletes the log, empties it, and puts an older
// copy of it back.
func TestALostOrOlderLogIsRefused(t *testing.T) {
	h := newHome(t)
	older, newest := h.path("older"), h.path("newest")
	copyDir(t, h.domain("audit"), older)
	h.serve(t)
	h.must(t, exitOK, "query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", countVisits)
	h.stop(t)
	copyDir(t, h.domain("audit"), newest)
	for _, lost := range []struct {
		name string
		do   func()
	}{
		{"deleted", func() {}},
		{"emptied", func() {
			if err := os.Mkdir(h.domain("audit"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"an older copy", func() { copyDir(t, older, h.domain("audit")) }},
	} {
		removeAll(t, h.domain("audit"))
		lost.do()
		t.Log(lost.name)
		h.refused(t, "restore the newest log")
		h.refused(t, "restore the newest log")
	}
	removeAll(t, h.domain("audit"))
	copyDir(t, newest, h.domain("audit"))
	h.serve(t)
	h.verify(t)
	checkIntents(t, h.entries(t))
}

// refused fails unless serve ends at once with exit code 1 and says why.
func (h *home) refused(t *testing.T, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var out, errout syncBuffer
	args := append([]string{"serve", "--passphrase-file", h.path("passphrase"), "--worker", workerBinary}, h.flags()...)
	code := run(ctx, args, strings.NewReader(""), &out, &errout)
	if code != exitFailure || !strings.Contains(errout.String(), why) || out.String() != "" {
		t.Errorf("serve exited %d, want %d and %q: %s%s", code, exitFailure, why, out.String(), errout.String())
	}
	if _, err := os.Stat(socketOf(h.domain())); err == nil {
		t.Error("a gate that refused left its socket")
	}
}

// offsets returns where to flip a byte: the first, the last and some between,
// every one of a small file in a campaign.
func offsets(size int, small bool) []int {
	n := 3
	if small {
		n = 12
		if campaign() {
			n = size
		}
	}
	var out []int
	for i := range n {
		out = append(out, i*(size-1)/(n-1))
	}
	return out
}

// newestBundle returns the file of the log that holds all of its entries, which
// are fewer than 256.
func newestBundle(t *testing.T, log string) string {
	t.Helper()
	dir := filepath.Join(log, "tile", "entries", "000.p")
	most := 0
	for _, name := range namesIn(t, dir) {
		if n, err := strconv.Atoi(name); err == nil && n > most {
			most = n
		}
	}
	return filepath.Join(dir, strconv.Itoa(most))
}

// leaves returns the byte range of each entry of a bundle: C2SP tlog-tiles
// prefixes each with its length in two bytes.
func leaves(t *testing.T, bundle []byte) (out [][2]int) {
	t.Helper()
	for at := 0; at < len(bundle); {
		start := at + 2
		at = start + int(binary.BigEndian.Uint16(bundle[at:]))
		if at > len(bundle) {
			t.Fatal("not an entry bundle")
		}
		out = append(out, [2]int{start, at})
	}
	return out
}

// onlyVersion returns the folder of the one version a dataset has.
func onlyVersion(t *testing.T, h *home, dataset string) string {
	t.Helper()
	dir := h.domain("zones", "medical", dataset)
	names := namesIn(t, dir)
	if len(names) != 1 {
		t.Fatalf("%s has versions %v, want one", dataset, names)
	}
	return filepath.Join(dir, names[0])
}

func namesIn(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func read(t *testing.T, file string) ([]byte, os.FileMode) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data, info.Mode()
}

func write(t *testing.T, file string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, data, mode); err != nil {
		t.Fatal(err)
	}
}

func removeAll(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.RemoveAll(p); err != nil {
			t.Fatal(err)
		}
	}
}
