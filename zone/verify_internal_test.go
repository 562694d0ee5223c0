package zone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
)

func compareRows(n int, row func(i int) string) (rows []string) {
	for i := range n {
		rows = append(rows, row(i))
	}
	return rows
}

func TestVerifyNamesTheFirstBrokenFile(t *testing.T) {
	s := baseStore(t, 10)
	info, err := loadRows(t, s, baseSpec, compareRows(95, func(i int) string { return fmt.Sprintf(`{"id":"%d","part":%d}`, i, i) }), 1)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(v Verification) (Verified, string) {
		t.Helper()
		done, err := s.VerifyPart(t.Context(), "z", "d", info.Version, info.Manifest, v)
		var broken *IntegrityError
		if err != nil && !errors.As(err, &broken) {
			t.Fatal(err)
		}
		if broken != nil {
			return done, broken.File
		}
		return done, ""
	}
	size, err := s.Size("z", "d", info.Version)
	if err != nil {
		t.Fatal(err)
	}
	for _, decrypt := range []bool{false, true} {
		if done, file := verify(Verification{Decrypt: decrypt}); file != "" || done.Files != 10*10+1 || done.Bytes == 0 || done.Bytes >= size {
			t.Errorf("as committed: %+v, %q of %d bytes", done, file, size)
		}
		if done, file := verify(Verification{Column: "part", Decrypt: decrypt}); file != "" || done.Files != 10 {
			t.Errorf("one column: %+v, %q", done, file)
		}
	}
	if _, err := s.VerifyPart(t.Context(), "z", "d", info.Version, info.Manifest, Verification{Column: "y"}); !errors.Is(err, ErrProjection) {
		t.Errorf("a column that is not there: %v", err)
	}
	path := func(name string) string { return filepath.Join(s.dir, "z", "d", info.Version, name) }
	for _, name := range []string{chunkFile(7, 3), chunkFile(4, 9), chunkFile(4, 8)} {
		file, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatal(err)
		}
		file[20] ^= 1
		if err := os.WriteFile(path(name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 { // whichever of them is met first
		if _, file := verify(Verification{}); file != chunkFile(4, 8) {
			t.Fatalf("first broken file = %q, want %s", file, chunkFile(4, 8))
		}
	}
	if _, file := verify(Verification{Column: "part"}); file != "" {
		t.Errorf("of another column: %q", file)
	}
	// A link is not the file, whatever it leads to.
	if err := errors.Join(os.Rename(path(chunkFile(0, 0)), path("x")), os.Symlink("x", path(chunkFile(0, 0)))); err != nil {
		t.Fatal(err)
	}
	if _, file := verify(Verification{}); file != chunkFile(0, 0) {
		t.Errorf("a link in place of a file: %q", file)
	}
}

func TestVersionsAreComparedByCounts(t *testing.T) {
	s := baseStore(t, 1000)
	load := func(spec Spec, n int, row func(i int) string) Ref {
		t.Helper()
		info, err := loadShaped(t, s, spec, compareRows(n, row))
		if err != nil {
			t.Fatal(err)
		}
		return Ref{"z", "d", info.Version, info.Manifest}
	}
	visits := func(cost, days int) func(i int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"id":"marker_%d","part":%d,"who":"p%d","district":"32%02d","cost":"%d.50","day":"2026-01-%02d"}`,
				i, i, i%300, i%7, cost+i%100, 1+i%days)
		}
	}
	before := load(baseSpec, 3000, visits(0, 28))
	compare := func(after Ref, told ...string) map[string]ColumnChange {
		t.Helper()
		c, err := s.Compare(t.Context(), before, after, 10, told)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%+v", c); strings.Contains(text, "marker") {
			t.Errorf("the comparison holds a value: %s", text)
		}
		out := map[string]ColumnChange{}
		for _, col := range c.Columns {
			out[col.Name] = col
		}
		return out
	}
	drift := func(c ColumnChange) float64 {
		if c.Drift == nil {
			return -1
		}
		return *c.Drift
	}
	same := compare(load(baseSpec, 3000, visits(0, 28)))
	for _, name := range []string{"who", "district", "cost", "day"} {
		if drift(same[name]) != 0 {
			t.Errorf("%s of the same rows drifts by %v", name, drift(same[name]))
		}
	}
	if c := same["id"]; c.Before.Distinct != 10000 || c.Before.Min != "" || c.Before.Type != "string" {
		t.Errorf("id = %+v", c)
	}
	if c := same["cost"]; c.Before.Min+c.Before.Max+c.After.Min+c.After.Max != "" {
		t.Errorf("cost = %+v: values that nobody may be told", c)
	}
	if c := same["district"]; c.Before.Distinct != 10 || c.Before.Nulls != 0 {
		t.Errorf("district = %+v", c)
	}
	moved := compare(load(baseSpec, 3000, visits(50, 14)), "cost", "day", "id")
	if drift(moved["cost"]) < .25 || drift(moved["day"]) < .25 || drift(moved["district"]) != 0 {
		t.Errorf("drift = %v %v %v", drift(moved["cost"]), drift(moved["day"]), drift(moved["district"]))
	}
	if c := moved["cost"]; c.Before.Min != "0.5" && c.Before.Min != "0.50" || !strings.HasPrefix(c.After.Max, "149.5") {
		t.Errorf("cost = %+v", c)
	}
	if c := moved["day"]; c.After.Min != "2026-01-01" || c.After.Max != "2026-01-14" {
		t.Errorf("day = %+v", c)
	}
	// Text is told by nobody's leave: it may be anything.
	if c := moved["id"]; c.Before.Min != "" || c.Before.Max != "" {
		t.Errorf("id = %+v", c)
	}
	few := compare(load(baseSpec, 9, visits(0, 28)))
	for name, c := range few {
		if c.Drift != nil {
			t.Errorf("%s: %d rows drift by %v", name, 9, drift(c))
		}
	}
	someNulls := compare(load(baseSpec, 3000, func(i int) string {
		if i < 9 {
			return `{"id":"x"}`
		}
		return visits(0, 28)(i)
	}))
	if c := someNulls["cost"]; c.After.Nulls != -1 || c.Before.Nulls != 0 {
		t.Errorf("nulls = %+v: fewer than the minimum group were told", c)
	}
	// Nor is how few have a value, and what these are.
	fewValues := compare(load(baseSpec, 3000, func(i int) string {
		if i >= 9 {
			return `{"id":"x"}`
		}
		return visits(0, 28)(i)
	}), "cost", "day")
	for _, name := range []string{"cost", "day", "district"} {
		if c := fewValues[name].After; c.Nulls != -1 || c.Distinct != -1 || c.Min != "" || c.Max != "" {
			t.Errorf("%s = %+v: nine values were told", name, c)
		}
	}
	less := baseSpec
	less.Columns = []ColumnSpec{{"id", "string"}, {"who", "string"}, {"cost", "float64"}, {"new", "int64"}}
	info := load(less, 100, func(i int) string { return fmt.Sprintf(`{"id":"%d","cost":%d,"new":%d}`, i, i, i) })
	changed := compare(info)
	if c := changed["cost"]; c.Before.Type != "decimal(12,2)" || c.After.Type != "float64" || c.Drift != nil {
		t.Errorf("cost = %+v", c)
	}
	if c := changed["day"]; c.Before.Type != "date" || c.After.Type != "" || c.Drift != nil {
		t.Errorf("day = %+v", c)
	}
	if c := changed["new"]; c.Before.Type != "" || c.After.Type != "int64" {
		t.Errorf("new = %+v", c)
	}
	c, err := s.Compare(t.Context(), before, Ref{"z", "d", info.Version, info.Manifest}, 1000, nil)
	if err != nil || c.Before.Rows != 3000 || c.After.Rows != -1 || c.Before.Entities != -1 {
		t.Errorf("extents = %+v, %v", c, err)
	}
}

// loadShaped is loadRows of whatever columns.
func loadShaped(t *testing.T, s *Store, spec Spec, rows []string) (Info, error) {
	t.Helper()
	l, err := s.Begin(spec)
	if err != nil {
		return Info{}, err
	}
	rec, _, err := array.RecordFromJSON(s.alloc, l.schema, strings.NewReader("["+strings.Join(rows, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if err := l.Append(rec); err != nil {
		return Info{}, errors.Join(err, l.Abort())
	}
	return l.Commit(t.Context())
}
