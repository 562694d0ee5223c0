package query

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/keys"
	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/sandbox"
	"zonebox/zone"
)

// oldFolder is a key folder of a test.
func oldFolder(t *testing.T) *keys.Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "keys", "testdata", "folder-1"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

// scanned is a run over people whose columns are masked, of level 3, and what is
// said of them: name and phone by a mask, two that are compute-only, one of public
// codes, one below the level, and one with two values only.
type scanned struct {
	*rawScan
	t *testing.T
}

var scannedRows = []struct{ district, name, phone, card, employer, code, remark, kin string }{
	{"320102", "李****", "13800000001", "622202000000001", "第一人民医院", "A15.000000", "13911110001", "是"},
	{"320102", "张三丰", "13800000002", "622202000000002", "第二人民医院", "B18.000000", "13911110002", "否否否否否否"},
	{"320102", "王小明", "13800000003", "622202000000003", "第三人民医院", "B20.000000", "13911110003", "否否否否否否"},
	{"320104", "赵钱孙", "13800000004", "622202000000004", "省院", "C18.000000", "13911110004", "否否否否否否"},
}

func scan(t *testing.T, texts []analysis.Ref, change func(*scanned)) *scanned {
	t.Helper()
	folder := oldFolder(t)
	store, err := zone.New(zone.Config{Dir: filepath.Join(t.TempDir(), "zones"), Wrapper: folder, Signer: folder.Signer()})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"district", "name", "phone", "card", "employer", "code", "remark", "kin"}
	spec := zone.Spec{Zone: "medical", Dataset: "people"}
	var fields []arrow.Field
	builders := make([]*array.StringBuilder, len(names))
	for i, name := range names {
		spec.Columns = append(spec.Columns, zone.ColumnSpec{Name: name, Type: "string"})
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
		builders[i] = array.NewStringBuilder(memory.DefaultAllocator)
	}
	for _, r := range scannedRows {
		for i, v := range []string{r.district, r.name, r.phone, r.card, r.employer, r.code, r.remark, r.kin} {
			builders[i].Append(v)
		}
	}
	columns := make([]arrow.Array, len(names))
	for i, b := range builders {
		columns[i] = b.NewArray()
	}
	l, err := store.Begin(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(len(scannedRows)))); err != nil {
		t.Fatal(err)
	}
	info, err := l.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := intentOf(t.Context(), true)
	i.engine = &Engine{store: store, keys: folder}
	partial := &registry.Recipe{Kind: "partial", KeepFirst: 1}
	d := registry.DatasetFacts{Data: &registry.DataVersion{Version: info.Version, Manifest: info.Manifest}}
	d.Name = "people"
	d.Spec.Zone = "medical"
	var g registry.GrantFacts
	for _, c := range []struct {
		name, class, mode string
		level             int
		recipe            *registry.Recipe
		codes             []string
	}{
		{"district", "region", "CLEAR", 2, nil, nil},
		{"name", "identity", "MASKED", 4, partial, nil},
		{"phone", "contact", "MASKED", 3, partial, nil},
		{"card", "finance", "COMPUTE_ONLY", 3, nil, nil},
		{"employer", "work", "COMPUTE_ONLY", 3, nil, nil},
		{"code", "health", "COMPUTE_ONLY", 3, nil, []string{"A15.000000"}},
		{"remark", "note", "CLEAR", 2, nil, nil},
		{"kin", "family", "COMPUTE_ONLY", 3, nil, nil},
	} {
		d.Spec.Columns = append(d.Spec.Columns, registry.Column{Name: c.name, Type: "string", Class: c.class, Level: c.level, PublicCodes: c.codes})
		g.Spec.Columns = append(g.Spec.Columns, registry.GrantColumn{Name: c.name, Mode: c.mode, Recipe: c.recipe})
	}
	i.facts.Zone.Name = "medical"
	i.catalog = &catalog{datasets: map[string]registry.DatasetFacts{"people": d}, grants: map[string]registry.GrantFacts{"people": g}}
	i.pack = policy.Pack{LevelThreshold: 3, RawMatch: policy.RawMatch{Length: 8, Bits: 1, Share: 0.3}}
	i.Outputs = []analysis.Output{{Name: "who", Form: release.Masked, Texts: texts, Lineage: texts}}
	i.Tree = &ast.Select{From: &ast.Empty{}}
	i.asked = i.Statement
	i.Scans = []analysis.Scan{{Table: "people", Columns: names}}
	i.schema = []sandbox.Column{{Name: "who", Type: "VARCHAR"}}
	s := &scanned{newRawScan(&rows{worker: &worker{intent: i, cut: map[string]string{}}}), t}
	if change != nil {
		change(s)
	}
	return s
}

func refs(columns ...string) (out []analysis.Ref) {
	for _, c := range columns {
		out = append(out, analysis.Ref{Table: "people", Column: c})
	}
	return out
}

// What masks made is looked for among the raw values of its own column, whatever it
// is, and of the other protected columns where it cannot be there by chance. Nothing
// else is, and of nothing else is anything said.
func TestWhatMasksMadeIsLookedForAmongRawValues(t *testing.T) {
	bare := func(s *scanned) { s.Outputs[0].Bare = true }
	own := func(rows ...int64) []Match { return []Match{{"who", "identity", Place{rows[0], rows[1]}}} }
	for _, c := range []struct {
		name   string
		texts  []analysis.Ref
		change func(*scanned)
		leaves string
		raw    int64
		found  []Match
	}{
		{"masks that hide", refs("name"), bare, "张** 王** 赵**", 0, nil},
		{"a value in the form of a mask", refs("name"), bare, "张** 李**** 李****", 1, own(2, 2)},
		{"a value as it is", refs("name"), bare, "王小明 张** 王小明", 1, own(1, 2)},
		{"in full width", refs("name"), bare, "李＊＊＊＊", 1, own(1, 1)},
		{"of two columns masked alike", refs("name", "phone"), bare, "138 13800000003", 1, []Match{{"who", "contact", Place{2, 1}}}},
		{"another case, hyphens", refs("phone"), nil, "138-0000-0002", 1, []Match{{"who", "contact", Place{1, 1}}}},
		{"what the statement holds", refs("phone"), func(s *scanned) { s.written["13800000002"] = true }, "138-0000-0002", 0, nil},
		{"a column as it is, of which the statement holds a value", refs("phone"), func(s *scanned) { bare(s); s.written["13800000002"] = true }, "138-0000-0002", 1, []Match{{"who", "contact", Place{1, 1}}}},
		{"the sign of what is redacted", refs("name"), bare, "****", 0, nil},
		{"a list in the clear", refs("remark"), bare, "13911110001 13800000001", 0, nil},
		{"a list in the clear among masks", refs("name", "remark"), nil, "王小明", 0, nil},
		{"another protected column", refs("name"), bare, "622202000000003", 1, []Match{{"who", "finance", Place{1, 1}}}},
		{"another with a mask", refs("name"), bare, "13800000003", 1, []Match{{"who", "contact", Place{1, 1}}}},
		{"another below the level", refs("name"), bare, "13911110001", 0, nil},
		{"another of public codes", refs("name"), bare, "A15.000000", 0, nil},
		{"another with few values", refs("name"), bare, "否否否否否否", 0, nil},
		{"another that the statement does not read", refs("name"), func(s *scanned) { bare(s); s.Scans[0].Columns = []string{"name"} }, "622202000000003", 0, nil},
		{"a short text in another", refs("phone"), bare, "是 李**** 省院", 0, nil},
		{"rows outside the scope", refs("name"), func(s *scanned) {
			bare(s)
			g := s.catalog.grants["people"]
			g.Spec.Scope = []registry.Condition{{Column: "district", In: []string{"320102"}}}
			s.catalog.grants["people"] = g
		}, "赵钱孙 622202000000004", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scan(t, c.texts, c.change)
			for row, text := range strings.Fields(c.leaves) {
				if s.add(0, row, text) {
					t.Errorf("%q is refused before it is looked for", text)
				}
			}
			raw, err := s.matches()
			if err != nil || raw != c.raw || !reflect.DeepEqual(s.found, c.found) {
				t.Errorf("%s\ngave %d, %+v, %v\nwant %d, %+v", c.leaves, raw, s.found, err, c.raw, c.found)
			}
		})
	}
}

// What is computed from a masked column is not looked up, whatever it is; where the
// mask itself shows more rows than the pack's share, nothing computed from it leaves.
func TestNothingIsComputedFromAMaskThatShowsItsValues(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*scanned)
		raw    int64
		found  []Match
	}{
		{"under the share", nil, 0, nil},
		{"over the share", func(s *scanned) { s.pack.RawMatch.Share = 0.2 }, 1, []Match{{Column: "who", Class: "identity"}}},
		{"of the rows in scope", func(s *scanned) {
			g := s.catalog.grants["people"]
			g.Spec.Scope = []registry.Condition{{Column: "district", In: []string{"320104"}}}
			s.catalog.grants["people"] = g
			s.pack.RawMatch.Share = 0
		}, 0, nil},
		{"a number", func(s *scanned) { s.pack.RawMatch.Share = 0; s.schema[0].Type = "BIGINT" }, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scan(t, nil, func(s *scanned) {
				s.Outputs[0].Lineage = refs("name", "remark")
				if c.change != nil {
					c.change(s)
				}
			})
			s.add(0, 0, "王小明")
			raw, err := s.matches()
			if err != nil || raw != c.raw || !reflect.DeepEqual(s.found, c.found) {
				t.Errorf("gave %d, %+v, %v, want %d, %+v", raw, s.found, err, c.raw, c.found)
			}
		})
	}
}
