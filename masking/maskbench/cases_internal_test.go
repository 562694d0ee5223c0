package maskbench

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

func TestEveryKindHasACase(t *testing.T) {
	types := map[string]string{}
	tables, err := Options{Rows: 1000}.tables()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, c := range table.columns {
			types[c.name] = c.typ
		}
	}
	var kinds []string
	for _, c := range techniques {
		kinds = append(kinds, c.recipe.Kind)
		if len(c.columns) == 0 {
			t.Errorf("%s is measured on no column", c.recipe)
		}
		for _, column := range c.columns {
			if err := c.recipe.Validate(types[column]); err != nil {
				t.Errorf("%s on %s: %v", c.recipe, column, err)
			}
		}
	}
	for _, a := range masking.Algorithms()[1:] {
		if !slices.ContainsFunc(techniques, func(t technique) bool { return t.algorithm == a }) {
			t.Errorf("no case of tokens by %s", a)
		}
	}
	for _, kind := range masking.Kinds() {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no case of %s: the benchmark does not measure it", kind)
		}
		if chinese[kind] == "" {
			t.Errorf("the report has no Chinese name of %s", kind)
		}
	}
}

func TestQuantiles(t *testing.T) {
	times := []float64{40, 10, 30, 20, 50}
	if got := median(times); got != 30 {
		t.Errorf("median = %v, want 30", got)
	}
	if got := median(times[:4]); got != 25 {
		t.Errorf("median of four = %v, want 25", got)
	}
	if got := spread(times); got < 66.6 || got > 66.7 { // 20 to 40 of 30
		t.Errorf("spread = %v, want 66.7", got)
	}
	if got := repeatability([]float64{9, 10, 11}); got < 2.26 || got > 2.27 { // 2.776·√(2/3)·1
		t.Errorf("repeatability = %v, want 2.27", got)
	}
	if got := spread([]float64{7}); got != 0 {
		t.Errorf("spread of one = %v, want 0", got)
	}
}

// A digest is of values: not of layouts, nor of where a column is divided, nor of
// what lies under a null.
func TestADigestIsOfValues(t *testing.T) {
	texts := func(values ...string) arrow.Array {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for _, v := range values {
			if v == "null" {
				b.AppendNull()
			} else {
				b.Append(v)
			}
		}
		return b.NewArray()
	}
	whole := texts("a", "bc", "null", "", "a")
	codes := array.NewUint16Builder(memory.DefaultAllocator)
	codes.AppendValues([]uint16{2, 0, 1, 1, 2}, []bool{true, true, false, true, true})
	dict := array.NewDictionaryArray(masking.DictionaryType, codes.NewArray(), texts("bc", "", "a"))
	want := digest([]arrow.Array{whole})
	for name, arrs := range map[string][]arrow.Array{
		"divided":    {array.NewSlice(whole, 0, 2), array.NewSlice(whole, 2, 5)},
		"dictionary": {dict},
	} {
		if digest(arrs) != want {
			t.Errorf("%s: another digest", name)
		}
	}
	for name, arr := range map[string]arrow.Array{
		"null for none": texts("a", "bc", "", "", "a"), "joined": texts("ab", "c", "null", "", "a"), "fewer": texts("a", "bc", "null", ""),
	} {
		if digest([]arrow.Array{arr}) == want {
			t.Errorf("%s: the same digest", name)
		}
	}
}

// The floor of a technique is the blocks that its definition takes: a CMAC has one
// for every 16 bytes and one at least, FF1 ten rounds.
func TestTheFloorIsWhatTheDefinitionTakes(t *testing.T) {
	texts := func(lengths ...int) arrow.Array {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for _, n := range lengths {
			if n < 0 {
				b.AppendNull()
			} else {
				b.Append(strings.Repeat("7", n))
			}
		}
		return b.NewArray()
	}
	values, entities := texts(0, 1, 15, 16, 17, 32, 33, -1), texts(18, 18, 18, 18, 18, 18, 18, 18)
	for _, tt := range []struct {
		t      technique
		cipher string
		blocks int64
	}{
		{technique{recipe: masking.Recipe{Kind: "token"}}, "AES-256", 1 + 1 + 1 + 1 + 2 + 2 + 3},
		{technique{recipe: masking.Recipe{Kind: "token"}, algorithm: masking.SM4CMAC}, "SM4", 11},
		{technique{recipe: masking.Recipe{Kind: "token"}, algorithm: masking.HMACSHA256}, "", 0},
		{technique{recipe: masking.Recipe{Kind: "ff1"}}, "AES-256", 70},
		{technique{recipe: masking.Recipe{Kind: "identifier", Cipher: "sm4"}}, "SM4", 70},
		{technique{recipe: masking.Recipe{Kind: "shift"}}, "AES-256", 16},
		{technique{recipe: masking.Recipe{Kind: "shuffle"}}, "AES-256", 7},
		{technique{recipe: masking.Recipe{Kind: "partial"}}, "", 0},
	} {
		cipher, blocks, err := tt.t.floor(values, entities)
		name := ""
		if cipher != nil {
			name = cipher.Name()
		}
		if err != nil || name != tt.cipher || blocks != tt.blocks {
			t.Errorf("%s: %d blocks of %q, %v, want %d of %q", tt.t, blocks, name, err, tt.blocks, tt.cipher)
		}
	}
}
