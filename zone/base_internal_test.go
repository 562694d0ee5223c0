package zone

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var baseSpec = Spec{Zone: "z", Dataset: "d", Entity: "who", Columns: []ColumnSpec{
	{"id", "string"}, {"part", "int64"}, {"who", "string"}, {"district", "string"}, {"cost", "decimal(12,2)"}, {"day", "date"}, {"at", "timestamp"}, {"ok", "bool"}, {"x", "float64"},
}}

// baseRow returns a row as JSON; id and part are its key.
func baseRow(r *rand.Rand, ids int) (key, row string) {
	null := func(v string) string {
		if r.IntN(5) == 0 {
			return "null"
		}
		return v
	}
	key = fmt.Sprintf(`"id":"%d","part":%d`, r.IntN(ids), r.IntN(2))
	return key, fmt.Sprintf(`{%s,"who":%s,"district":%s,"cost":%s,"day":%s,"at":%s,"ok":%s,"x":%s}`, key,
		null(fmt.Sprintf(`"p%d"`, r.IntN(9))), null(fmt.Sprintf(`"32%02d"`, r.IntN(3))), null(fmt.Sprintf(`"%d.%02d"`, r.IntN(999), r.IntN(100))),
		null(`"2026-01-0`+fmt.Sprint(1+r.IntN(9))+`"`), null(`"2026-01-02 03:04:0`+fmt.Sprint(r.IntN(9))+`"`), null(fmt.Sprint(r.IntN(2) == 0)), null(fmt.Sprint(r.Float64())))
}

// loadRows loads rows in batches of odd sizes. Sketches of all loads here have one
// seed, so that their figures can be compared.
func loadRows(t *testing.T, s *Store, spec Spec, rows []string, seed uint64) (Info, error) {
	t.Helper()
	l, err := s.Begin(spec)
	if err != nil {
		return Info{}, err
	}
	defer func() {
		if err := l.Abort(); err != nil {
			t.Error(err)
		}
	}()
	for i, k := range l.sketches {
		k.seed = sharedSketches[i].seed
	}
	r := rand.New(rand.NewPCG(seed, 7))
	for len(rows) > 0 {
		n := min(len(rows), 1+r.IntN(9))
		rec, _, err := array.RecordFromJSON(l.store.alloc, l.schema, strings.NewReader("["+strings.Join(rows[:n], ",")+"]"))
		if err != nil {
			t.Fatal(err)
		}
		err = l.Append(rec)
		rec.Release()
		if err != nil {
			return Info{}, err
		}
		rows = rows[n:]
	}
	return l.Commit(t.Context())
}

var sharedSketches = func() (all []*sketch) {
	for range baseSpec.Columns {
		all = append(all, newSketch())
	}
	return all
}()

// readRows returns every row of a version, codes of entities with it.
func readRows(t *testing.T, s *Store, info Info) (rows []string, segments []int) {
	t.Helper()
	m, err := s.manifest(info.Zone, info.Dataset, info.Version, info.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for segment, n := range m.Segments {
		var columns []arrow.Array
		for c, column := range m.Columns {
			key, err := s.unwrap(m.zone, m.suite, column.Key, m.keyBinding(column.Name))
			if err != nil {
				t.Fatal(err)
			}
			arr, err := m.decode(s.alloc, key, c, segment)
			if err != nil {
				t.Fatal(err)
			}
			columns = append(columns, plain(s.alloc, arr))
			arr.Release()
		}
		for i := range n {
			var row strings.Builder
			for _, c := range columns {
				row.WriteString(c.ValueStr(i) + "|")
			}
			rows = append(rows, row.String())
		}
		for _, c := range columns {
			c.Release()
		}
	}
	return rows, m.Segments
}

func baseStore(t *testing.T, rows int) *Store {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	s, err := New(Config{Dir: t.TempDir(), Wrapper: plainKeys{}, Signer: plainKeys{}, Allocator: alloc, SegmentRows: rows})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sameVersion fails unless two versions hold the same in every respect: rows in
// order, entity codes, segments, figures, looks.
func sameVersion(t *testing.T, s *Store, got, want Info) {
	t.Helper()
	gotRows, gotSegments := readRows(t, s, got)
	wantRows, wantSegments := readRows(t, s, want)
	if !slices.Equal(gotRows, wantRows) || !slices.Equal(gotSegments, wantSegments) {
		t.Errorf("rows and segments differ:\n%v %v\n%v %v", gotSegments, gotRows, wantSegments, wantRows)
	}
	if !reflect.DeepEqual(got.Stats, want.Stats) {
		t.Errorf("stats = %+v, want %+v", got.Stats, want.Stats)
	}
}

// What is appended or put in place of rows of the base is what a full load of the
// same rows is; a map says which rows these are.
func TestAnIncrementEqualsAFullLoadOfItsRows(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := baseStore(t, []int{1, 3, 8, 50}[r.IntN(4)])
		make := func(n, ids int, unique bool) (rows []string, byKey map[string]string) {
			byKey = map[string]string{}
			for range n {
				key, row := baseRow(r, ids)
				if _, taken := byKey[key]; unique && taken {
					continue
				}
				byKey[key] = row
				rows = append(rows, row)
			}
			return rows, byKey
		}
		keyOf := func(row string) string { return row[1:strings.Index(row, `,"who"`)] }
		keyed := baseSpec
		keyed.Key = []string{"id", "part"}

		before, _ := make(r.IntN(60), 20, false)
		added, _ := make(r.IntN(60), 20, false)
		base, err := loadRows(t, s, baseSpec, before, seed)
		if err != nil {
			t.Fatal(err)
		}
		spec := baseSpec
		spec.Base = &Base{Version: base.Version, Manifest: base.Manifest}
		got, err := loadRows(t, s, spec, added, seed+1)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, err := loadRows(t, s, baseSpec, append(slices.Clone(added), before...), seed+2)
		if err != nil {
			t.Fatal(err)
		}
		sameVersion(t, s, got, want)
		if got.Delivered != int64(len(added)) || got.Replaced != 0 {
			t.Errorf("seed %d: delivered %d, replaced %d, want %d and 0", seed, got.Delivered, got.Replaced, len(added))
		}

		unique, _ := make(r.IntN(60), 20, true)
		newer, others := make(r.IntN(40), 20, true)
		if base, err = loadRows(t, s, keyed, unique, seed); err != nil {
			t.Fatal(err)
		}
		spec = keyed
		spec.Base = &Base{Version: base.Version, Manifest: base.Manifest, Upsert: true}
		if got, err = loadRows(t, s, spec, newer, seed+1); err != nil {
			t.Fatalf("seed %d: upsert: %v", seed, err)
		}
		model := slices.Clone(newer)
		for _, row := range unique {
			if _, replaced := others[keyOf(row)]; !replaced {
				model = append(model, row)
			}
		}
		if want, err = loadRows(t, s, keyed, model, seed+2); err != nil {
			t.Fatal(err)
		}
		sameVersion(t, s, got, want)
		if replaced := int64(len(newer) + len(unique) - len(model)); got.Replaced != replaced || got.Delivered != int64(len(newer)) {
			t.Errorf("seed %d: delivered %d, replaced %d, want %d and %d", seed, got.Delivered, got.Replaced, len(newer), replaced)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestKeysTellTheRowsOfADeliveryApart(t *testing.T) {
	row := func(id, part string) string { return fmt.Sprintf(`{"id":%s,"part":%s}`, id, part) }
	full := []string{row(`"a"`, "1"), row(`"a"`, "2"), row(`"b"`, "1"), row(`"ab"`, "1")}
	for _, c := range []struct {
		name   string
		upsert bool
		rows   []string
		want   KeyError
		fails  bool
	}{
		{"repeated", true, []string{row(`"x"`, "1"), row(`"y"`, "1"), row(`"x"`, "1")}, KeyError{Row: 3, First: 1}, true},
		{"null", true, []string{row(`"x"`, "1"), row(`"y"`, "null")}, KeyError{Row: 2, Column: "part"}, true},
		{"in the base that is added to", false, []string{row(`"x"`, "1"), row(`"a"`, "2")}, KeyError{Row: 2}, true},
		{"its twin", true, []string{row(`"x"`, "1"), row(`"a"`, "2")}, KeyError{}, false},
		{"new ones", false, []string{row(`"x"`, "1"), row(`"a"`, "3")}, KeyError{}, false},
	} {
		for _, rows := range []int{2, 100} {
			s := baseStore(t, rows)
			spec := baseSpec
			spec.Key = []string{"id", "part"}
			base, err := loadRows(t, s, spec, full, 1)
			if err != nil {
				t.Fatal(err)
			}
			spec.Base = &Base{base.Version, base.Manifest, c.upsert}
			_, err = loadRows(t, s, spec, c.rows, 1)
			var k *KeyError
			if errors.As(err, &k) != c.fails || k != nil && *k != c.want {
				t.Errorf("%s: %v, want %v", c.name, err, &c.want)
			}
			if there := len(versions(t, s.dir)); (there == 1) != c.fails {
				t.Errorf("%s: %d versions are there", c.name, there)
			}
		}
	}
}

// Two keys of one hash are told apart: nothing is replaced by hash alone.
func TestRowsAreReplacedByKeyAndNotByHash(t *testing.T) {
	s := baseStore(t, 2)
	spec := baseSpec
	spec.Key = []string{"id"}
	base, err := loadRows(t, s, spec, []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`}, 1)
	if err != nil {
		t.Fatal(err)
	}
	spec.Base = &Base{base.Version, base.Manifest, true}
	for id, fails := range map[string]bool{"b": false, "d": true} {
		l, err := s.Begin(spec)
		if err != nil {
			t.Fatal(err)
		}
		l.unique.hash = func(b []byte) [sha256.Size]byte { // of b and d one, of a and c others
			return sha256.Sum256([]byte{b[len(b)-1]&^6 | b[len(b)-1]&1})
		}
		rec, _, err := array.RecordFromJSON(s.alloc, l.schema, strings.NewReader(`[{"id":"`+id+`"}]`))
		if err != nil {
			t.Fatal(err)
		}
		err = l.Append(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		info, err := l.Commit(t.Context())
		if (err != nil) != fails {
			t.Errorf("%s: %v, want an error: %v", id, err, fails)
		}
		if err == nil && (info.Rows != 3 || info.Replaced != 1) {
			t.Errorf("%s: %d rows, %d replaced", id, info.Rows, info.Replaced)
		}
		if err := l.Abort(); err != nil {
			t.Error(err)
		}
	}
}

func TestABaseMustFit(t *testing.T) {
	s := baseStore(t, 2)
	base, err := loadRows(t, s, baseSpec, []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`}, 1)
	if err != nil {
		t.Fatal(err)
	}
	with := func(edit func(*Spec)) Spec {
		spec := baseSpec
		spec.Columns = slices.Clone(spec.Columns)
		spec.Base = &Base{Version: base.Version, Manifest: base.Manifest}
		edit(&spec)
		return spec
	}
	for name, c := range map[string]struct {
		spec Spec
		want error
	}{
		"as it is":           {with(func(*Spec) {}), nil},
		"a column more":      {with(func(s *Spec) { s.Columns = append(s.Columns, ColumnSpec{"y", "int64"}) }), ErrBase},
		"a column less":      {with(func(s *Spec) { s.Columns = s.Columns[:8] }), ErrBase},
		"another type":       {with(func(s *Spec) { s.Columns[8].Type = "int64" }), ErrBase},
		"another order":      {with(func(s *Spec) { s.Columns[0], s.Columns[1] = s.Columns[1], s.Columns[0] }), ErrBase},
		"another entity":     {with(func(s *Spec) { s.Entity = "id" }), ErrBase},
		"no entity":          {with(func(s *Spec) { s.Entity = "" }), ErrBase},
		"not there":          {with(func(s *Spec) { s.Base.Version = "vaaaaaaaaaaaaaaaa" }), ErrNotFound},
		"upsert without key": {with(func(s *Spec) { s.Base.Upsert = true }), ErrSpec},
		"a key that is none": {with(func(s *Spec) { s.Key = []string{"y"} }), ErrSpec},
		"a key twice":        {with(func(s *Spec) { s.Key = []string{"id", "id"} }), ErrSpec},
	} {
		_, err := loadRows(t, s, c.spec, []string{`{"id":"d"}`}, 1)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	chunk := filepath.Join(s.dir, "z", "d", base.Version, chunkFile(3, 1))
	file, err := os.ReadFile(chunk)
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)/2] ^= 1
	if err := os.WriteFile(chunk, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var broken *IntegrityError
	if _, err := loadRows(t, s, with(func(*Spec) {}), []string{`{"id":"d"}`}, 1); !errors.As(err, &broken) || broken.File != chunkFile(3, 1) {
		t.Errorf("on a base that was tampered with: %v", err)
	}
}

// At whatever step of an upsert the process dies, base and other versions stand,
// the new one is absent or complete, and Sweep clears the rest away.
func TestAKilledUpsertLeavesOldOrNew(t *testing.T) {
	spec := baseSpec
	spec.Key = []string{"id"}
	first := baseStore(t, 2)
	base, err := loadRows(t, first, spec, []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`, `{"id":"d"}`, `{"id":"e"}`}, 1)
	if err != nil {
		t.Fatal(err)
	}
	spec.Base = &Base{base.Version, base.Manifest, true}
	complete, kills := 0, 0
	for at := 0; ; at++ {
		dying := killedAt(t, first.dir, at)
		dir := dying.dir
		l, err := dying.Begin(spec)
		if err == nil {
			var rec arrow.RecordBatch
			rec, _, err = array.RecordFromJSON(memory.DefaultAllocator, l.schema, strings.NewReader(`[{"id":"b"},{"id":"x"},{"id":"e"}]`))
			if err != nil {
				t.Fatal(err)
			}
			if err = l.Append(rec); err == nil {
				_, err = l.Commit(t.Context())
			}
			rec.Release()
			_ = l.Abort() // after a kill it reaches the disk no more
		}
		if !dying.dead {
			if err != nil {
				t.Fatalf("without a kill = %v", err)
			}
			break
		}
		kills++
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at step %d: %v, want an error", at, err)
		}
		s := crashStore(t, dir)
		for _, v := range versions(t, dir) {
			manifests, err := filepath.Glob(filepath.Join(v, manifestPrefix+"*"))
			if err != nil || len(manifests) != 1 {
				t.Fatalf("killed at step %d: version %s has the manifests %v: %v", at, v, manifests, err)
			}
			digest := strings.TrimPrefix(filepath.Base(manifests[0]), manifestPrefix)
			if err := s.Verify("z", "d", filepath.Base(v), digest); err != nil {
				t.Fatalf("killed at step %d: %v", at, err)
			}
			if filepath.Base(v) != base.Version {
				complete++
			}
		}
		if err := s.Sweep(func(_, _, version string) bool { return version == base.Version }); err != nil {
			t.Fatal(err)
		}
		if rows, _ := readRows(t, s, base); len(rows) != 5 {
			t.Fatalf("killed at step %d: the base has %d rows", at, len(rows))
		}
		if left, err := os.ReadDir(s.tmp()); err != nil || len(left) != 0 || len(versions(t, dir)) != 1 {
			t.Fatalf("killed at step %d: sweep left %v and %v", at, left, versions(t, dir))
		}
	}
	if kills < 100 || complete != 1 {
		t.Errorf("kills = %d, complete = %d, want over 100 and 1", kills, complete)
	}
}

// At whatever step the removal of a retired version dies, it is whole in its place
// or gone from it, and Sweep ends what was begun.
func TestAKilledRemovalLeavesAllOrNothing(t *testing.T) {
	first := baseStore(t, 2)
	info, err := loadRows(t, first, baseSpec, []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`}, 1)
	if err != nil {
		t.Fatal(err)
	}
	kills, whole := 0, 0
	for at := 0; ; at++ {
		dying := killedAt(t, first.dir, at)
		dir := dying.dir
		err := dying.Remove("z", "d", info.Version)
		if !dying.dead {
			if err != nil {
				t.Fatalf("without a kill = %v", err)
			}
			break
		}
		kills++
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at step %d: %v, want an error", at, err)
		}
		s := crashStore(t, dir)
		if len(versions(t, dir)) == 1 {
			whole++
			if err := s.Verify("z", "d", info.Version, info.Manifest); err != nil {
				t.Fatalf("killed at step %d: %v", at, err)
			}
		}
		if err := s.Sweep(func(_, _, _ string) bool { return false }); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(s.tmp()); err != nil || len(left) != 0 || len(versions(t, dir)) != 0 {
			t.Fatalf("killed at step %d: left %v", at, left)
		}
		if size, err := s.Size("z", "d", info.Version); size != 0 || err != nil {
			t.Fatalf("killed at step %d: %d bytes, %v", at, size, err)
		}
	}
	if kills != 3 || whole != 1 {
		t.Errorf("kills = %d, whole = %d, want 3 and 1", kills, whole)
	}
}
