package zone_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"zonebox/masking"
	"zonebox/zone"
)

// roomy opens a store whose segments have up to 50 rows, so that columns of few
// values are dictionaries.
func roomy(t testing.TB, dir string, alloc memory.Allocator) *zone.Store {
	t.Helper()
	s, err := zone.New(zone.Config{Dir: dir, Wrapper: keys{}, Signer: newSigner("gate"), Allocator: alloc, SegmentRows: 50})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bytesOf returns everything an array holds, as a worker would map it.
func bytesOf(t testing.TB, arr arrow.Array) [sha256.Size]byte {
	t.Helper()
	var out bytes.Buffer
	schema := arrow.NewSchema([]arrow.Field{{Name: "c", Type: arr.DataType(), Nullable: true}}, nil)
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	rec := array.NewRecordBatch(schema, []arrow.Array{arr}, int64(arr.Len()))
	defer rec.Release()
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(out.Bytes())
}

// Of any projections over datasets of several zones, under any keys, columns of
// equal ID are equal to the byte: what is kept by ID is what would be made anew.
func TestColumnsOfEqualIDAreEqual(t *testing.T) {
	s := roomy(t, t.TempDir(), memory.DefaultAllocator)
	var json []string
	for i := range 130 {
		json = append(json, fmt.Sprintf(`{"key":"p%d","code":"32010%d","day":"2024-0%d-1%d","n":%d}`, i%40, i%4, 1+i%3, i%9, i/60))
	}
	rows := "[" + strings.Join(json, ",") + "]"
	columns := []zone.ColumnSpec{{"key", "string"}, {"code", "string"}, {"day", "date"}, {"n", "int64"}}
	var infos []zone.Info
	for _, zoneName := range []string{"a", "a", "b"} { // two versions of one dataset, and another zone
		infos = append(infos, load(t, s, zone.Spec{Zone: zoneName, Dataset: "d", Entity: "key", Columns: columns}, rows))
	}
	recipes := map[string][]*masking.Recipe{
		"key":  {nil, {Kind: "token"}, {Kind: "redact"}, {Kind: "partial", KeepFirst: 1}, {Kind: "partial", KeepLast: 1}},
		"code": {nil, {Kind: "token"}, {Kind: "region", Digits: 4}, {Kind: "region", Digits: 6}, {Kind: "partial", KeepFirst: 2}},
		"day":  {nil, {Kind: "token"}, {Kind: "date", Part: "year"}, {Kind: "date", Part: "month"}},
		"n":    {nil, {Kind: "number", Width: 2}, {Kind: "number", Width: 10}},
	}
	scopes := [][]zone.Condition{
		nil,
		{{"code", []string{"320100", "320101"}}},
		{{"code", []string{"320101", "320100", "320101"}}}, // the same rows
		{{"code", []string{"320102"}}},
		{{"n", []string{"0", "1", "2"}}}, // all rows
		{{"n", []string{"0"}}, {"code", []string{"320100", "320101"}}},
		{{"code", []string{"320100", "320101"}}, {"n", []string{"0"}}},
	}
	type known struct {
		bytes [sha256.Size]byte
		what  string
	}
	seen := map[[sha256.Size]byte]known{}
	repeated := 0
	rapid.Check(t, func(rt *rapid.T) {
		info := infos[rapid.IntRange(0, 2).Draw(rt, "dataset")]
		p := projection(info)
		p.Keys.Token = bytes.Repeat([]byte{byte(rapid.IntRange(1, 2).Draw(rt, "key"))}, 32)
		p.Entity = rapid.Bool().Draw(rt, "entity")
		p.Scope = scopes[rapid.IntRange(0, len(scopes)-1).Draw(rt, "scope")]
		for _, c := range columns {
			if rapid.Bool().Draw(rt, c.Name) {
				p.Columns = append(p.Columns, zone.Project{Name: c.Name, Recipe: rapid.SampledFrom(recipes[c.Name]).Draw(rt, "recipe")})
			}
		}
		for piece, err := range s.Project(t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range piece.Columns {
				arr, err := c.Array()
				if err != nil {
					t.Fatal(err)
				}
				if arr.Len() != piece.Rows {
					t.Fatalf("column %s has %d rows, the piece %d", c.Name, arr.Len(), piece.Rows)
				}
				what := fmt.Sprintf("%s of %s/%s/%s scope %v", c.Name, info.Zone, info.Dataset, info.Version, p.Scope)
				if i < len(p.Columns) {
					what += fmt.Sprintf(" recipe %v", p.Columns[i].Recipe)
				}
				got := known{bytesOf(t, arr), what}
				arr.Release()
				if old, ok := seen[c.ID]; ok {
					repeated++
					if old.bytes != got.bytes {
						t.Fatalf("one ID for different bytes:\n%s\n%s", old.what, got.what)
					}
				}
				seen[c.ID] = got
			}
		}
	})
	if repeated < 50 {
		t.Errorf("only %d IDs came twice", repeated)
	}
}

// ids returns the IDs of the only piece of a projection, by name.
func ids(t *testing.T, s *zone.Store, p zone.Projection) map[string][sha256.Size]byte {
	t.Helper()
	out := map[string][sha256.Size]byte{}
	for piece, err := range s.Project(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range piece.Columns {
			out[c.Name] = c.ID
		}
	}
	return out
}

func TestWhatAnIDDependsOn(t *testing.T) {
	s := roomy(t, t.TempDir(), memory.DefaultAllocator)
	info, other := load(t, s, spec, visits), load(t, s, spec, visits)
	base := func(info zone.Info) zone.Projection {
		return projection(info, zone.Project{Name: "id_number", Recipe: &masking.Recipe{Kind: "token"}}, zone.Project{Name: "cost"})
	}
	want := ids(t, s, base(info))
	for _, tt := range []struct {
		what         string
		change       func(*zone.Projection)
		token, clear bool // stay the same
	}{
		{"nothing", func(*zone.Projection) {}, true, true},
		{"another column beside them", func(p *zone.Projection) { p.Columns = append(p.Columns, zone.Project{Name: "seen"}) }, true, true},
		{"a scope of all rows", func(p *zone.Projection) {
			p.Columns = append(p.Columns, zone.Project{Name: "seen"})
			p.Scope = []zone.Condition{{"visits", []string{"7", "12", "40", "0", "-1", "100", "19"}}, {"insured", []string{"true", "false"}}}
		}, false, false}, // one row has nulls
		{"another key", func(p *zone.Projection) { p.Keys.Token = bytes.Repeat([]byte{8}, 32) }, false, true},
		{"another recipe", func(p *zone.Projection) { p.Columns[0].Recipe = &masking.Recipe{Kind: "redact"} }, false, true},
		{"a recipe for the other", func(p *zone.Projection) { p.Columns[1].Recipe = &masking.Recipe{Kind: "number", Width: 10} }, true, false},
		{"a scope", func(p *zone.Projection) { p.Scope = []zone.Condition{{"insured", []string{"true"}}} }, false, false},
		{"another version", func(p *zone.Projection) { *p = base(other) }, false, false},
	} {
		p := base(info)
		tt.change(&p)
		got := ids(t, s, p)
		if (got["id_number"] == want["id_number"]) != tt.token || (got["cost"] == want["cost"]) != tt.clear {
			t.Errorf("%s: IDs of token and clear column stay %v, %v, want %v, %v", tt.what,
				got["id_number"] == want["id_number"], got["cost"] == want["cost"], tt.token, tt.clear)
		}
	}
}

// chunkFiles returns the files of one column.
func chunkFiles(t *testing.T, dir string, column int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "v*", fmt.Sprintf("c%03d-s*", column)))
	if err != nil || len(files) == 0 {
		t.Fatalf("chunks of column %d: %v, %v", column, files, err)
	}
	return files
}

// Rows in scope are found out once: afterwards the scope's own column is not
// read for them, until the store forgets.
func TestTheRowsInScopeAreRemembered(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	info := load(t, s, spec, visits)
	p := projection(info, zone.Project{Name: "visits"})
	p.Scope = []zone.Condition{{"district", []string{"320106"}}}
	const want = "7\n12\n-1\n19\n"
	if got := mustRead(t, s, p); got != want {
		t.Fatalf("visits in scope = %q, want %q", got, want)
	}
	for _, f := range chunkFiles(t, dir, 1) {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustRead(t, s, p); got != want {
		t.Errorf("with the scope's column gone: %q, want %q", got, want)
	}
	var broken *zone.IntegrityError
	for what, change := range map[string]func(*zone.Projection){
		"another constant":  func(p *zone.Projection) { p.Scope[0].In = []string{"320105"} },
		"another condition": func(p *zone.Projection) { p.Scope = append(p.Scope, zone.Condition{"insured", []string{"true"}}) },
		"the column itself": func(p *zone.Projection) { p.Columns = []zone.Project{{Name: "district"}} },
	} {
		q := p
		q.Scope = []zone.Condition{{"district", []string{"320106"}}}
		change(&q)
		if got, err := read(t, s, q); !errors.As(err, &broken) {
			t.Errorf("%s: %q, %v, want an IntegrityError", what, got, err)
		}
	}
	s.Forget("elsewhere")
	if got := mustRead(t, s, p); got != want {
		t.Errorf("after forgetting another zone: %q, want %q", got, want)
	}
	s.Forget(info.Zone)
	if got, err := read(t, s, p); !errors.As(err, &broken) {
		t.Errorf("after forgetting: %q, %v, want an IntegrityError", got, err)
	}
}

func TestPiecesReadNothingUntilTheyAreAsked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	info := load(t, s, spec, visits)
	files := chunkFiles(t, dir, 2)
	if err := os.WriteFile(files[1], []byte("not what was committed"), 0o600); err != nil {
		t.Fatal(err)
	}
	pieces := 0
	for piece, err := range s.Project(t.Context(), projection(info, zone.Project{Name: "cost"}, zone.Project{Name: "visits"})) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range piece.Columns {
			arr, err := c.Array()
			var broken *zone.IntegrityError
			if damaged := pieces == 1 && c.Name == "cost"; damaged != errors.As(err, &broken) {
				t.Errorf("piece %d column %s: %v, want an IntegrityError: %v", pieces, c.Name, err, damaged)
			}
			if arr != nil {
				arr.Release()
			}
		}
		pieces++
	}
	if pieces != 3 {
		t.Errorf("pieces = %d, want 3", pieces)
	}
}

// A worker gets the memory of an array whole: a dictionary must hold no value
// that no delivered row has, and no two entries for one masked value.
func TestADictionaryHoldsDeliveredValuesAlone(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	s := roomy(t, t.TempDir(), alloc)
	var json []string
	for i := range 40 {
		json = append(json, fmt.Sprintf(`{"code":"%s","n":%d}`, []string{"320106", "320105", "110101"}[i%3], i%3/2))
	}
	info := load(t, s, zone.Spec{Zone: "z", Dataset: "d", Columns: []zone.ColumnSpec{{"code", "string"}, {"n", "int64"}}}, "["+strings.Join(json, ",")+"]")
	for _, tt := range []struct {
		scope  []zone.Condition
		recipe *masking.Recipe
		want   []string
	}{
		{nil, nil, []string{"320106", "320105", "110101"}},
		{[]zone.Condition{{"n", []string{"0"}}}, nil, []string{"320106", "320105"}},
		{[]zone.Condition{{"n", []string{"1"}}}, nil, []string{"110101"}},
		{nil, &masking.Recipe{Kind: "region", Digits: 4}, []string{"320100", "110100"}},
		{[]zone.Condition{{"n", []string{"0"}}}, &masking.Recipe{Kind: "region", Digits: 4}, []string{"320100"}},
		{nil, &masking.Recipe{Kind: "redact"}, []string{"****"}},
	} {
		p := projection(info, zone.Project{Name: "code", Recipe: tt.recipe})
		p.Scope = tt.scope
		for piece, err := range s.Project(t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			arr, err := piece.Columns[0].Array()
			if err != nil {
				t.Fatal(err)
			}
			dict, ok := arr.(*array.Dictionary)
			if !ok {
				t.Fatalf("scope %v, recipe %v: %s, want a dictionary", tt.scope, tt.recipe, arr.DataType())
			}
			var got []string
			values := dict.Dictionary().(*array.String)
			for i := range values.Len() {
				got = append(got, strings.Clone(values.Value(i)))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("scope %v, recipe %v: the dictionary holds %q, want %q", tt.scope, tt.recipe, got, tt.want)
			}
			arr.Release()
		}
	}
}

func TestCountIsTheRowsInScope(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	for _, tt := range []struct {
		scope []zone.Condition
		want  int64
	}{{nil, 8}, {[]zone.Condition{{"district", []string{"320106"}}}, 4}, {[]zone.Condition{{"district", nil}}, 0}} {
		p := projection(info)
		p.Scope = tt.scope
		if got, err := s.Count(t.Context(), p); got != tt.want || err != nil {
			t.Errorf("Count in scope %v = %d, %v, want %d", tt.scope, got, err, tt.want)
		}
	}
}
