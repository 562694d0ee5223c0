package zone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

func TestSpecificationsThatAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	columns := []zone.ColumnSpec{{"a", "string"}}
	for why, spec := range map[string]zone.Spec{
		"no zone":              {Dataset: "d", Columns: columns},
		"no dataset":           {Zone: "z", Columns: columns},
		"a name too long":      {Zone: "z", Dataset: strings.Repeat("d", 81), Columns: columns},
		"no columns":           {Zone: "z", Dataset: "d"},
		"unknown type":         {Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"a", "blob"}}},
		"empty column name":    {Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"", "string"}}},
		"repeated column":      {Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"a", "string"}, {"a", "int64"}}},
		"reserved column":      {Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"__entity", "int64"}}},
		"entity not a column":  {Zone: "z", Dataset: "d", Columns: columns, Entity: "b"},
		"entity is reserved":   {Zone: "z", Dataset: "d", Columns: columns, Entity: "__entity"},
		"decimal out of range": {Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"a", "decimal(39,0)"}}},
	} {
		if _, err := s.Begin(spec); !errors.Is(err, zone.ErrSpec) {
			t.Errorf("Begin with %s = %v, want ErrSpec", why, err)
		}
	}
}

func TestBatchesThatAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	two := zone.Spec{Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"a", "string"}, {"n", "int64"}}}
	good := rows(t, two, `[{"a":"Alice","n":1}]`)
	str, num := good.Column(0), good.Column(1)
	batch := func(names []string, columns ...arrow.Array) arrow.RecordBatch {
		var fields []arrow.Field
		for i, c := range columns {
			fields = append(fields, arrow.Field{Name: names[i], Type: c.DataType(), Nullable: true})
		}
		return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 1)
	}
	for why, rec := range map[string]arrow.RecordBatch{
		"a column missing":                  batch([]string{"a"}, str),
		"a column too many":                 batch([]string{"a", "n", "m"}, str, num, num),
		"columns exchanged":                 batch([]string{"n", "a"}, num, str),
		"a wrong name":                      batch([]string{"a", "m"}, str, num),
		"a wrong type":                      batch([]string{"a", "n"}, str, str),
		"text that is not UTF-8":            batch([]string{"a", "n"}, text("Alice\xff", 0, 6), num),
		"a value that starts mid-character": batch([]string{"a", "n"}, text("张三", 1, 6), num),
		"offsets that go back":              batch([]string{"a", "n"}, text("Alice", 5, 1), num),
	} {
		l, err := s.Begin(two)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(good); err != nil {
			t.Fatalf("control: Append of a good batch = %v", err)
		}
		if err := l.Append(rec); !errors.Is(err, zone.ErrBatch) || strings.Contains(err.Error(), "Alice") {
			t.Errorf("Append of %s = %v, want ErrBatch without values", why, err)
		}
		if _, err := l.Commit(t.Context()); !errors.Is(err, zone.ErrBatch) {
			t.Errorf("Commit after a batch with %s = %v, want the same error", why, err)
		}
		if err := l.Abort(); err != nil {
			t.Errorf("Abort = %v", err)
		}
	}
}

// text is a string array of one value between two offsets, valid or not.
func text(data string, from, to int32) arrow.Array {
	offsets := arrow.Int32Traits.CastToBytes([]int32{from, to})
	d := array.NewData(arrow.BinaryTypes.String, 1, []*memory.Buffer{nil,
		memory.NewBufferBytes(offsets), memory.NewBufferBytes([]byte(data))}, nil, 0, 0)
	defer d.Release()
	return array.NewStringData(d)
}

func TestProjectionsThatAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	plain := load(t, s, zone.Spec{Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"a", "string"}}}, `[{"a":"x"}]`)
	cost := zone.Project{Name: "cost"}
	for _, c := range []struct {
		why    string
		change func(p *zone.Projection)
		want   error
	}{
		{"an unknown column", func(p *zone.Projection) { p.Columns[0].Name = "nobody" }, zone.ErrProjection},
		{"the entity codes as a column", func(p *zone.Projection) { p.Columns[0].Name = "__entity" }, zone.ErrProjection},
		{"a column twice", func(p *zone.Projection) { p.Columns = append(p.Columns, cost) }, zone.ErrProjection},
		{"an unknown scope column", func(p *zone.Projection) { p.Scope = []zone.Condition{{"nobody", []string{"1"}}} }, zone.ErrProjection},
		{"scope over entity codes", func(p *zone.Projection) { p.Scope = []zone.Condition{{"__entity", []string{"1"}}} }, zone.ErrProjection},
		{"a constant of another type", func(p *zone.Projection) { p.Scope = []zone.Condition{{"visits", []string{"Alice"}}} }, zone.ErrProjection},
		{"a null constant", func(p *zone.Projection) { p.Scope = []zone.Condition{{"visits", []string{"(null)"}}} }, zone.ErrProjection},
		{"a recipe for another type", func(p *zone.Projection) { p.Columns[0].Recipe = &masking.Recipe{Kind: "region", Digits: 4} }, masking.ErrRecipe},
		{"a token without key", func(p *zone.Projection) {
			p.Columns[0].Recipe, p.Keys = &masking.Recipe{Kind: "token"}, masking.Keys{}
		}, masking.ErrKey},
		{"another zone", func(p *zone.Projection) { p.Zone = "z" }, zone.ErrNotFound},
		{"another dataset", func(p *zone.Projection) { p.Dataset = "d" }, zone.ErrNotFound},
		{"no version", func(p *zone.Projection) { p.Version = "" }, zone.ErrNotFound},
		{"a path for a version", func(p *zone.Projection) { p.Version = "../city%2e%56isits/" + p.Version }, zone.ErrNotFound},
		{"a version that never was", func(p *zone.Projection) { p.Version = "vaaaaaaaaaaaaaaaa" }, zone.ErrNotFound},
		{"entities of a dataset without", func(p *zone.Projection) {
			*p = projection(plain, zone.Project{Name: "a"})
			p.Entity = true
		}, zone.ErrProjection},
	} {
		p := projection(info, cost)
		c.change(&p)
		got, err := read(t, s, p)
		if !errors.Is(err, c.want) || got != "" || strings.Contains(err.Error(), "Alice") {
			t.Errorf("projection with %s = %q, %v, want no rows and %v", c.why, got, err, c.want)
		}
	}
	if got := mustRead(t, s, projection(info, cost)); strings.Count(got, "\n") != 8 {
		t.Errorf("control: the projection itself gives %q", got)
	}
}

func TestACanceledContextEndsAProjectionAndACommit(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	count := 0
	for rec, err := range batches(s, ctx, projection(info, zone.Project{Name: "cost"})) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v, want context.Canceled", err)
			}
			continue
		}
		count++
		rec.Release()
		cancel()
	}
	if count != 1 {
		t.Errorf("batches = %d, want 1", count)
	}
	l, err := s.Begin(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(rows(t, spec, visits)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v, want context.Canceled", err)
	}
	if err := l.Abort(); err != nil {
		t.Errorf("Abort = %v", err)
	}
}

func TestALoadEndsOnce(t *testing.T) {
	s := open(t, t.TempDir())
	l, err := s.Begin(spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(rows(t, spec, visits)); !errors.Is(err, zone.ErrClosed) {
		t.Errorf("Append after Commit = %v, want ErrClosed", err)
	}
	if _, err := l.Commit(t.Context()); !errors.Is(err, zone.ErrClosed) {
		t.Errorf("Commit after Commit = %v, want ErrClosed", err)
	}
	if err := l.Abort(); err != nil {
		t.Errorf("Abort after Commit = %v, want nil", err)
	}
}

func TestSweepKeepsWhatTheRegistryKnows(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	kept, dropped := load(t, s, spec, visits), load(t, s, spec, visits)
	other := spec
	other.Zone, other.Dataset = "交通", "../../x"
	foreign := load(t, s, other, visits)

	aborted, err := open(t, dir).Begin(spec) // as a process that was killed leaves it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = aborted.Abort() })
	if err := os.WriteFile(filepath.Join(dir, ".tmp", "stray"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	running, err := s.Begin(spec)
	if err != nil {
		t.Fatal(err)
	}

	if err := s.Sweep(func(zone, dataset, version string) bool {
		return zone == "health" && dataset == "city.Visits" && version == kept.Version ||
			zone == "交通" && dataset == "../../x" && version == foreign.Version
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		info zone.Info
		want error
	}{{kept, nil}, {dropped, zone.ErrNotFound}, {foreign, nil}} {
		if err := s.Verify(c.info.Zone, c.info.Dataset, c.info.Version, c.info.Manifest); !errors.Is(err, c.want) {
			t.Errorf("Verify(%s/%s) after Sweep = %v, want %v", c.info.Zone, c.info.Dataset, err, c.want)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	if err != nil || len(entries) != 1 {
		t.Errorf("temporary folders after Sweep = %v, %v, want the running load's", entries, err)
	}
	if err := running.Append(rows(t, spec, visits)); err != nil {
		t.Fatal(err)
	}
	info, err := running.Commit(t.Context())
	if err != nil {
		t.Fatalf("Commit of a load that ran during Sweep = %v", err)
	}
	if err := s.Verify(info.Zone, info.Dataset, info.Version, info.Manifest); err != nil {
		t.Errorf("Verify = %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "..", "x")); err == nil {
		t.Error("a dataset name became a path")
	}
}
