package masking_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"zonebox/masking"
)

var update = flag.Bool("update", false, "add the digests of new kernel versions to testdata")

// specimens are inputs on which every kind of recipe shows what it does, by
// catalogue type, and the recipes that take them.
var specimens = []struct {
	column, values string
	recipes        []masking.Recipe
	later          string // tells those apart that a version got after its digest was written
}{
	{"string", `["320106197001010015", "张三", "欧阳娜娜", "", "a", null, "320106", "320106001", "not a code", "e\u0301", "13912345678"]`,
		[]masking.Recipe{{Kind: "redact"}, {Kind: "partial", KeepFirst: 1}, {Kind: "partial", KeepFirst: 3, KeepLast: 4},
			{Kind: "partial", KeepLast: 2}, {Kind: "token"}, {Kind: "region", Digits: 2}, {Kind: "region", Digits: 4},
			{Kind: "region", Digits: 6}, {Kind: "region", Digits: 9}}, ""},
	{"int64", `[0, -1, 9, 10, 11, null, 9223372036854775807, -9223372036854775808]`,
		[]masking.Recipe{{Kind: "redact"}, {Kind: "token"}, {Kind: "number", Width: 10}, {Kind: "number", Width: 1000}}, ""},
	{"float64", `[0, -0.5, 9.99, 10, null, 1e300]`, []masking.Recipe{{Kind: "token"}, {Kind: "number", Width: 0.5}, {Kind: "number", Width: 10}}, ""},
	{"decimal(10,2)", `["1.50", "-0.05", null, "99999999.99"]`, []masking.Recipe{{Kind: "token"}, {Kind: "number", Width: 10}}, ""},
	{"date", `["2024-02-29", "1969-12-31", null, "0001-01-01"]`, []masking.Recipe{{Kind: "redact"}, {Kind: "token"}, {Kind: "date", Part: "year"}, {Kind: "date", Part: "month"}}, ""},
	{"timestamp", `["2024-02-29 23:59:59.999999", "1969-12-31 23:59:59", null]`, []masking.Recipe{{Kind: "token"}, {Kind: "date", Part: "year"}, {Kind: "date", Part: "month"}}, ""},
	{"bool", `[true, false, null]`, []masking.Recipe{{Kind: "token"}, {Kind: "redact"}}, ""},

	{"date", `["2024-02-29", "1969-12-31", "2024-12-30", null]`, []masking.Recipe{{Kind: "date", Part: "decade"}, {Kind: "date", Part: "quarter"}, {Kind: "date", Part: "week"}}, " parts"},
	{"timestamp", `["2024-02-29 23:59:59.999999", "1969-12-31 23:59:59", null]`, []masking.Recipe{{Kind: "date", Part: "day"}}, " parts"},
	{"string", `["张三", "欧阳娜娜", "11010519491231002X", "13812345678", "6222021234567890128", "江苏省南京市鼓楼区中山北路1号", "苏A·D12345", "zhang.san@example.com",
		"E12345678", "91350100M000100Y43", "10.1.2.3", "2001:db8::1", "116.397,39.908", "", null]`,
		[]masking.Recipe{{Kind: "nullify"}, {Kind: "fixed", Text: "保密"}, {Kind: "pattern", Pattern: "###****####"}, {Kind: "pattern", Pattern: "?*"},
			{Kind: "display", Field: "name"}, {Kind: "display", Field: "id"}, {Kind: "display", Field: "phone"}, {Kind: "display", Field: "card"},
			{Kind: "display", Field: "address"}, {Kind: "display", Field: "plate"}, {Kind: "display", Field: "email"}, {Kind: "display", Field: "passport"},
			{Kind: "display", Field: "uscc"}, {Kind: "display", Field: "ip"}, {Kind: "map", Values: map[string]string{"张三": "一人", "": "空"}},
			{Kind: "geohash", Digits: 5}, {Kind: "shuffle"}}, ""},
	{"string", `["11010519491231002X", "13812345678", "4111111111111111", "91350100M000100Y43", "00000000", "", "张三李四王五", null]`,
		[]masking.Recipe{{Kind: "ff1", Alphabet: "digits"}, {Kind: "ff1", Alphabet: "digits", Cipher: "sm4"}, {Kind: "ff1", Alphabet: "张王李三四五"},
			{Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 2030}, {Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 2030, Keep: []string{"region", "sex"}},
			{Kind: "identifier", Field: "mobile"}, {Kind: "identifier", Field: "mobile", Keep: []string{"prefix"}, Cipher: "sm4"},
			{Kind: "identifier", Field: "card"}, {Kind: "identifier", Field: "social_credit"}}, ""},
	{"string", `["患者张三,电话13812345678,主诉头痛三天。", "请发邮件至 zhang.san@example.com", "11010519491231002X", "血压 120/80", "", null]`,
		[]masking.Recipe{{Kind: "free_text"}, {Kind: "free_text", Classes: []string{"mobile", "email"}}}, ""},
	{"int64", `[0, -1, 9, 1000, null, 9223372036854775807]`, []masking.Recipe{{Kind: "top_bottom", High: new(9.0)}, {Kind: "noise", Spread: 5}, {Kind: "shuffle"}}, ""},
	{"float64", `[0, -0.5, 9.99, null, 1e300]`, []masking.Recipe{{Kind: "top_bottom", Low: new(0.0)}, {Kind: "noise", Spread: 0.5}}, ""},
	{"decimal(10,2)", `["1.50", "-0.05", null, "99999999.99"]`, []masking.Recipe{{Kind: "top_bottom", Low: new(0.0)}, {Kind: "noise", Spread: 0.05}}, ""},
	{"date", `["2024-02-29", "1969-12-31", null, "0001-01-01"]`, []masking.Recipe{{Kind: "shift", Days: 30}}, ""},
	{"timestamp", `["2024-02-29 23:59:59.999999", "1969-12-31 23:59:59", null]`, []masking.Recipe{{Kind: "shift", Days: 30}}, ""},
}

// What a kernel gives cannot change under the version it has: columns are kept
// by it. A new version adds lines to the file and changes none.
func TestAKernelThatGivesOtherBytesHasAnotherVersion(t *testing.T) {
	hashes := map[string]*bytes.Buffer{}
	note := func(id, later string, values []string) {
		kind, _, _ := strings.Cut(id, " of ")
		kind += later
		if hashes[kind] == nil {
			hashes[kind] = &bytes.Buffer{}
		}
		fmt.Fprintf(hashes[kind], "%q %q\n", id, values)
	}
	for _, s := range specimens {
		arr := column(t, memory.DefaultAllocator, types[s.column], s.values)
		for _, r := range s.recipes {
			k, err := masking.Compile(s.column, r, zoneKeys)
			if err != nil {
				t.Fatal(err)
			}
			note(masking.Column{Kernel: &k}.Identity(), s.later, apply(t, memory.DefaultAllocator, s.column, r, arr))
		}
	}
	for _, a := range masking.Algorithms()[1:] {
		keys := zoneKeys
		keys.Algorithm = a
		arr := column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `["320106197001010015", "张三", "", null]`)
		note(identity(t, "string", token, keys), " by "+string(a), applyKeys(t, "string", token, keys, arr))
	}
	many := column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `["b", "a", null, "b", "b", "a", "b", "", "b", "b", "b", "b"]`)
	compact, err := masking.Compact(memory.DefaultAllocator, many)
	if err != nil {
		t.Fatal(err)
	}
	defer compact.Release()
	note(masking.Column{}.Identity(), "", []string{compact.DataType().String(), fmt.Sprint(compact)})

	path := filepath.Join("testdata", "kernels.txt")
	old, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(old)) {
		kind, digest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		known[kind] = digest
	}
	for kind, text := range hashes {
		digest := fmt.Sprintf("%x", sha256.Sum256(text.Bytes()))
		switch {
		case known[kind] == "" && *update:
			known[kind] = digest
		case known[kind] != digest:
			t.Errorf("%s gives other bytes than it did: raise its version in identity.go, then run with -update", kind)
		}
	}
	if *update {
		var lines []string
		for kind, digest := range known {
			lines = append(lines, kind+": "+digest+"\n")
		}
		slices.Sort(lines)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIdentitiesTellColumnsApart(t *testing.T) {
	other := masking.Keys{Token: bytes.Repeat([]byte{8}, 32)}
	elsewhere := masking.Keys{Token: zoneKeys.Token, Domain: "elsewhere"}
	seen := map[string]string{masking.Column{}.Identity(): "clear"}
	add := func(what, column string, r masking.Recipe, k masking.Keys) {
		kernel, err := masking.Compile(column, r, k)
		if err != nil {
			t.Fatal(err)
		}
		id := masking.Column{Name: "any", Kernel: &kernel}.Identity()
		if seen[id] != "" {
			t.Errorf("%s and %s share the identity %s", what, seen[id], id)
		}
		seen[id] = what
		if strings.Contains(id, fmt.Sprintf("%x", k.Token[:4])) || strings.Contains(id, string(k.Token[:4])) {
			t.Errorf("the identity of %s holds bytes of the key: %s", what, id)
		}
	}
	for _, s := range specimens {
		for _, r := range s.recipes {
			add(r.String()+" of "+s.column, s.column, r, zoneKeys)
		}
	}
	shift := masking.Recipe{Kind: "shift", Days: 30}
	add("shift under another scope", "date", shift, masking.Keys{Token: zoneKeys.Token, Scope: "elsewhere"})
	add("another table", "string", masking.Recipe{Kind: "map", Values: map[string]string{"张三": "二人", "": "空"}}, zoneKeys)
	add("token under another key", "string", token, other)
	add("token under the key of another domain", "string", token, elsewhere)
	mobile := masking.Recipe{Kind: "identifier", Field: "mobile"}
	for what, k := range map[string]masking.Keys{"another key": other, "the key of another domain": elsewhere} {
		add("ff1 under "+what, "string", masking.Recipe{Kind: "ff1", Alphabet: "digits"}, k)
		add("mobile under "+what, "string", mobile, k)
	}
	for _, a := range masking.Algorithms()[1:] {
		add("token by "+string(a), "string", token, masking.Keys{Token: zoneKeys.Token, Algorithm: a})
	}
	add("partial(1,2)", "string", masking.Recipe{Kind: "partial", KeepFirst: 1, KeepLast: 2}, zoneKeys)
	add("partial(2,1)", "string", masking.Recipe{Kind: "partial", KeepFirst: 2, KeepLast: 1}, zoneKeys)
}

// Whatever dictionary strings come in, they leave in one form: that of the
// values. Else a dictionary would tell raw values of one mask apart.
func TestCompactShowsValuesAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		n := rapid.IntRange(0, 60).Draw(t, "rows")
		entries := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c"}), 1, 9).Draw(t, "entries") // with repetition
		plain, index := array.NewStringBuilder(alloc), array.NewUint16Builder(alloc)
		dictionary := array.NewStringBuilder(alloc)
		dictionary.AppendValues(entries, nil)
		for range n {
			if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
				plain.AppendNull()
				index.AppendNull()
				continue
			}
			at := rapid.IntRange(0, len(entries)-1).Draw(t, "entry")
			plain.Append(entries[at])
			index.Append(uint16(at))
		}
		strs, codes, values := plain.NewArray(), index.NewArray(), dictionary.NewArray()
		dict := array.NewDictionaryArray(masking.DictionaryType, codes, values)
		x, err1 := masking.Compact(alloc, strs)
		y, err2 := masking.Compact(alloc, dict)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if !arrow.TypeEqual(x.DataType(), y.DataType()) || fmt.Sprint(x) != fmt.Sprint(y) {
			t.Fatalf("plain strings become %v, a dictionary of them %v", x, y)
		}
		if d, ok := x.(*array.Dictionary); ok {
			inner := d.Dictionary().(*array.String)
			seen := map[string]bool{}
			for i := range inner.Len() {
				if seen[inner.Value(i)] {
					t.Fatalf("entry %q stands twice in %v", inner.Value(i), d)
				}
				seen[inner.Value(i)] = true
			}
			if 4*inner.Len() > n {
				t.Fatalf("a dictionary of %d for %d rows", inner.Len(), n)
			}
		}
		for i := range n {
			if strs.IsNull(i) != x.IsNull(i) || !strs.IsNull(i) && x.ValueStr(i) != strs.ValueStr(i) {
				t.Fatalf("row %d is %q, want %q", i, x.ValueStr(i), strs.ValueStr(i))
			}
		}
		for _, a := range []arrow.Array{x, y, dict, strs, codes, values} {
			a.Release()
		}
		plain.Release()
		index.Release()
		dictionary.Release()
		if left := alloc.CurrentAlloc(); left != 0 {
			t.Fatalf("%d bytes left", left)
		}
	})
}
