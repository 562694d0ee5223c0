package zone_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"zonebox/masking"
	"zonebox/zone"
)

type row struct {
	key  *string
	n    *int64
	code string
}

// For any rows, cut into any batches and segments, a projection is what a
// filter over the rows themselves gives; entity codes are equal exactly when
// keys are, and dense; rows out of scope change nothing but those codes.
func TestAProjectionIsAFilterOverTheRows(t *testing.T) {
	dir := t.TempDir()
	spec := zone.Spec{Zone: "z", Dataset: "d", Entity: "key",
		Columns: []zone.ColumnSpec{{"key", "string"}, {"n", "int64"}, {"code", "string"}}}
	rapid.Check(t, func(t *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		s, err := zone.New(zone.Config{Dir: dir, Wrapper: keys{}, Signer: newSigner("gate"), Allocator: alloc,
			SegmentRows: rapid.IntRange(1, 20).Draw(t, "segment rows")})
		if err != nil {
			t.Fatal(err)
		}
		in := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
			return row{
				rapid.Ptr(rapid.SampledFrom([]string{"", "a", "b", "张三", strings.Repeat("x", 70)}), true).Draw(t, "key"),
				rapid.Ptr(rapid.Int64Range(-2, 2), true).Draw(t, "n"),
				rapid.SampledFrom([]string{"320106", "320105", "110101"}).Draw(t, "code"),
			}
		}), 0, 40).Draw(t, "rows")
		l, err := s.Begin(spec)
		if err != nil {
			t.Fatal(err)
		}
		for rest := in; len(rest) > 0; {
			size := rapid.IntRange(1, len(rest)).Draw(t, "batch rows")
			if err := l.Append(rowBatch(rest[:size])); err != nil {
				t.Fatal(err)
			}
			rest = rest[size:]
		}
		info, err := l.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		p := projection(info, zone.Project{Name: "code", Recipe: &masking.Recipe{Kind: "region", Digits: 4}}, zone.Project{Name: "key"})
		p.Entity = true
		scope := rapid.SampledFrom([][]zone.Condition{
			nil, {{"key", []string{"a", "张三"}}}, {{"n", []string{"0", "2"}}}, {{"key", []string{""}}, {"n", []string{"-1", "0", "1"}}},
		}).Draw(t, "scope")
		p.Scope = scope
		var want []string
		for _, r := range in {
			if !inScope(r, scope) {
				continue
			}
			want = append(want, r.code[:4]+"00|"+show(r.key))
		}
		codeOf, got := map[string]string{}, []string{}
		for rec, err := range batches(s, t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range int(rec.NumRows()) {
				key, code := "-", "-"
				if !rec.Column(1).IsNull(i) {
					key, code = "+"+rec.Column(1).ValueStr(i), rec.Column(2).ValueStr(i)
				}
				if known, ok := codeOf[key]; ok && known != code || (key == "-") != rec.Column(2).IsNull(i) {
					t.Fatalf("key %q has codes %s and %s", key, known, code)
				}
				codeOf[strings.Clone(key)] = code
				got = append(got, rec.Column(0).ValueStr(i)+"|"+strings.Clone(key))
			}
			rec.Release()
		}
		if !slices.Equal(got, want) {
			t.Fatalf("scope %v: rows %q, want %q", scope, got, want)
		}
		distinct := map[string]bool{}
		for key, code := range codeOf {
			if distinct[code] || key != "-" && code >= fmt.Sprint(info.Stats.Entities) {
				t.Fatalf("codes %v of %d entities", codeOf, info.Stats.Entities)
			}
			distinct[code] = true
		}
		if err := s.Sweep(func(string, string, string) bool { return false }); err != nil {
			t.Fatal(err)
		}
		if left := alloc.CurrentAlloc(); left != 0 {
			t.Fatalf("%d bytes left", left)
		}
	})
}

func inScope(r row, scope []zone.Condition) bool {
	for _, c := range scope {
		value := r.key
		if c.Column == "n" {
			value = nil
			if r.n != nil {
				value = new(fmt.Sprint(*r.n))
			}
		}
		if value == nil || !slices.Contains(c.In, *value) {
			return false
		}
	}
	return true
}

func show(key *string) string {
	if key == nil {
		return "-"
	}
	return "+" + *key
}

func rowBatch(rows []row) arrow.RecordBatch {
	key, n, code := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for _, r := range rows {
		code.Append(r.code)
		if r.key == nil {
			key.AppendNull()
		} else {
			key.Append(*r.key)
		}
		if r.n == nil {
			n.AppendNull()
		} else {
			n.Append(*r.n)
		}
	}
	fields := []arrow.Field{{Name: "key", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "code", Type: arrow.BinaryTypes.String}}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), []arrow.Array{key.NewArray(), n.NewArray(), code.NewArray()}, int64(len(rows)))
}
