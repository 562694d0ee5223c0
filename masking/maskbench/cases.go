package maskbench

import (
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/masking"
	"zonebox/masking/lanes"
)

// technique is a recipe, for tokens with an algorithm, and the invented columns
// it is made for.
type technique struct {
	recipe    masking.Recipe
	columns   []string
	algorithm masking.Algorithm
}

func (t technique) String() string {
	return strings.TrimSpace(t.recipe.String() + " " + string(t.algorithm))
}

// techniques are recipes of every kind and tokens by every algorithm. A column of
// a file is masked by all that take its type.
var techniques = []technique{
	{masking.Recipe{Kind: "redact"}, []string{"phone", "address"}, ""},
	{masking.Recipe{Kind: "fixed", Text: "保密"}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "nullify"}, []string{"phone", "income"}, ""},
	{masking.Recipe{Kind: "partial", KeepFirst: 3, KeepLast: 4}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "partial", KeepFirst: 6, KeepLast: 4}, []string{"id_number"}, ""},
	{masking.Recipe{Kind: "partial", KeepFirst: 1}, []string{"name"}, ""},
	{masking.Recipe{Kind: "pattern", Pattern: "###0000####"}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "display", Field: "phone"}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "display", Field: "id"}, []string{"id_number"}, ""},
	{masking.Recipe{Kind: "display", Field: "name"}, []string{"name"}, ""},
	{masking.Recipe{Kind: "display", Field: "address"}, []string{"address"}, ""},
	{masking.Recipe{Kind: "display", Field: "card"}, []string{bankCard}, ""},
	{masking.Recipe{Kind: "display", Field: "uscc"}, []string{"uscc"}, ""},
	{masking.Recipe{Kind: "map", Values: map[string]string{"320102": "江苏", "320106": "江苏", "310115": "上海"}}, []string{"district"}, ""},
	{masking.Recipe{Kind: "region", Digits: 4}, []string{"district"}, ""},
	{masking.Recipe{Kind: "geohash", Digits: 5}, []string{position}, ""},
	{masking.Recipe{Kind: "token"}, []string{"phone", "id_number", "address", "employees", "revenue", "income", "birth_date", "board_time"}, ""},
	{masking.Recipe{Kind: "token"}, []string{"phone", "id_number"}, masking.SM4CMAC},
	{masking.Recipe{Kind: "token"}, []string{"id_number"}, masking.HMACSHA256},
	{masking.Recipe{Kind: "token"}, []string{"id_number"}, masking.HMACSM3},
	{masking.Recipe{Kind: "ff1", Alphabet: "digits"}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "ff1", Alphabet: "digits", Cipher: "sm4"}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "identifier", Field: "mobile"}, []string{"phone"}, ""},
	{masking.Recipe{Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 2030}, []string{"id_number"}, ""},
	{masking.Recipe{Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 2030, Cipher: "sm4"}, []string{"id_number"}, ""},
	{masking.Recipe{Kind: "identifier", Field: "card"}, []string{bankCard}, ""},
	{masking.Recipe{Kind: "identifier", Field: "social_credit"}, []string{"uscc"}, ""},
	{masking.Recipe{Kind: "free_text"}, []string{"address"}, ""},
	{masking.Recipe{Kind: "shuffle"}, []string{"phone", "income"}, ""},
	{masking.Recipe{Kind: "number", Width: 10}, []string{"employees", "revenue", "income"}, ""},
	{masking.Recipe{Kind: "top_bottom", High: new(500.0)}, []string{"employees", "revenue", "income"}, ""},
	{masking.Recipe{Kind: "noise", Spread: 5}, []string{"employees", "revenue", "income"}, ""},
	{masking.Recipe{Kind: "date", Part: "month"}, []string{"birth_date", "board_time"}, ""},
	{masking.Recipe{Kind: "shift", Days: 30}, []string{"birth_date", "board_time"}, ""},
}

// cases are the techniques that c is measured with.
func (o Options) cases(c *column) []technique {
	var out []technique
	for _, t := range techniques {
		if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, t.recipe.Kind) {
			continue
		}
		if o.File == nil && slices.Contains(t.columns, c.name) || o.File != nil && t.recipe.Validate(c.typ) == nil {
			out = append(out, t)
		}
	}
	return out
}

// floor returns the block cipher behind a technique, nil if none is, and how many
// of its blocks the values of arr take, of which no way around is known: those of
// their CMAC, or of their entities' (SP 800-38B), one for each round of FF1, or one
// for each place of a shuffle. A dictionary has none: it costs its codes.
func (t technique) floor(arr, entities arrow.Array) (cipher *lanes.Cipher, blocks int64, err error) {
	if _, ok := arr.(*array.Dictionary); ok {
		return nil, 0, nil
	}
	cipher, err = lanes.NewAES(make([]byte, 32))
	switch t.recipe.Kind {
	case "token":
		switch t.algorithm {
		case masking.HMACSHA256, masking.HMACSM3:
			return nil, 0, nil
		case masking.SM4CMAC:
			cipher, err = lanes.NewSM4(make([]byte, 16))
		}
		return cipher, macBlocks(arr), err
	case "ff1", "identifier":
		if t.recipe.Cipher == "sm4" {
			cipher, err = lanes.NewSM4(make([]byte, 16))
		}
		return cipher, 10 * int64(arr.Len()-arr.NullN()), err
	case "shift", "noise":
		return cipher, macBlocks(entities), err
	case "shuffle":
		return cipher, int64(arr.Len() - arr.NullN()), err
	}
	return nil, 0, nil
}

// macBlocks is how many blocks the CMACs of all values have.
func macBlocks(arr arrow.Array) int64 {
	canonical, sum := masking.Canonical(arr), int64(0)
	var scratch [64]byte
	for i := range arr.Len() {
		if arr.IsValid(i) {
			sum += int64(max(1, (len(canonical(scratch[:0], i))+15)/16))
		}
	}
	return sum
}
