package ast_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/query/ast"
)

func hash(t *testing.T, tree string) string {
	t.Helper()
	h, err := ast.HashJSON([]byte(tree))
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h[:])
}

// The digests were computed with Python: json.dumps(sort_keys=True,
// separators=(",", ":"), ensure_ascii=False) without query_location.
func TestHashJSONIsTheDigestOfTheCanonicalForm(t *testing.T) {
	trees := recorded(t)
	for sql, want := range map[string]string{
		"select a from t": "def7c29074d05838ff422147b3b54ef928f37c838dfac680ba1e8b2d5ba6b68a",
		"with x(a, b) as (select 1, 2) select a from x":                                               "4d488f79308e5019836244027acb743dddcfe396101418a70c926886a309746b",
		"select 9223372036854775807, 9223372036854775808, -9223372036854775808, -9223372036854775809": "3100bbaca722a81f575768977c27bc05504a126620d791346db6c102b84b75d3",
	} {
		if got := hash(t, trees[sql]); got != want {
			t.Errorf("HashJSON(%s) = %s, want %s", sql, got, want)
		}
	}
}

func TestHashJSONIgnoresSpacingAndComments(t *testing.T) {
	trees := recorded(t)
	want := hash(t, trees["select a from t"])
	for _, sql := range []string{
		"-- leading comment\nselect a from t",
		"select a/**/from/**/t",
		"/* c1 */ select /* c2 */ a /* c3 */ from /* c4 */ t /* c5 */",
		"select all a from t",
		`SELECT "a" FROM "t"`,
	} {
		if got := hash(t, trees[sql]); got != want {
			t.Errorf("HashJSON(%q) differs from that of select a from t", sql)
		}
	}
}

// reordered are parts of statements whose tree is not the one of its print, though
// Equal to it: what the engine keeps unordered, or numbers by first use, Print
// writes in an order of its own, and a number as the name of a column as a name.
var reordered = []string{"exclude", "rename", "cube (a, b), c", "rollup (a), rollup (b)", "(b)), grouping sets", "on 2020, 2021", "from f($b)"}

// Equal and HashJSON agree: what Print wrote has the hash of what was printed,
// statements with different trees have different hashes, and the print of a
// print is that print again, so that it has one hash for good.
func TestHashJSONAgreesWithEqual(t *testing.T) {
	trees := recorded(t)
	first := map[string]ast.Query{}
	for sql, tree := range trees {
		s, err := ast.Decode([]byte(tree))
		if err != nil {
			continue
		}
		h := hash(t, tree)
		print := ast.Print(s)
		printed, ok := trees[print]
		if ok && hash(t, printed) != h && !slices.ContainsFunc(reordered, func(part string) bool { return strings.Contains(sql, part) }) {
			t.Errorf("%s: the printed statement has another hash", sql)
		}
		if ok && ast.Print(decode(t, printed)) != print {
			t.Errorf("%s: the print of its print is another", sql)
		}
		if other, ok := first[h]; ok && !ast.Equal(s, other) {
			t.Errorf("%s: same hash as %s", sql, ast.Print(other))
		}
		first[h] = s
	}
	if len(first) < 1500 {
		t.Errorf("only %d different hashes", len(first))
	}
}

func TestHashJSONRefusesTwoReadings(t *testing.T) {
	for _, tree := range []string{``, `{"a":1,"a":2}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{} {}`, `{"a":Infinity}`} {
		if _, err := ast.HashJSON([]byte(tree)); !errors.Is(err, ast.ErrDocument) {
			t.Errorf("HashJSON(%q) = %v, want ErrDocument", tree, err)
		}
	}
}
