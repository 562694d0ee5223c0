package masking_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

// The default form is 05fbbacca70f53d49d35a8b9505c0259 (see
// TestARekeyedTokenIsCutOffFromTheZone); the others are the same number over
// 2^128, 0.0233723401… in decimal and 00000 10111 11101 11011 … by five bits.
func TestATokenLeavesInItsLengthAndAlphabet(t *testing.T) {
	alloc := checked(t)
	arr := column(t, alloc, arrow.BinaryTypes.String, `["6210862db692b9670f9ae81e4a8d9cae", null, "6210862db692b9670f9ae81e4a8d9cae"]`)
	for _, c := range []struct {
		alphabet string
		length   int
		want     string
	}{
		{"", 0, "05fbbacca70f53d49d35a8b9505c0259"},
		{"hex", 32, "05fbbacca70f53d49d35a8b9505c0259"},
		{"hex", 16, "05fbbacca70f53d4"},
		{"base32", 13, "0QXVNK571X9X9"},
		{"digits", 20, "02337234016800709732"},
	} {
		out, err := masking.Rekey(alloc, arr, masking.Recipe{Kind: "token", Alphabet: c.alphabet, Length: c.length}, masking.Keys{Token: bytes.Repeat([]byte{9}, 32)})
		if err != nil {
			t.Fatal(err)
		}
		got := texts(out)
		out.Release()
		if got[0] != c.want || got[1] != "(null)" || got[2] != got[0] {
			t.Errorf("%d of %s = %v, want %s", c.length, c.alphabet, got, c.want)
		}
	}
}

// A form that would let two values come out alike, or that no token fills, is no
// recipe.
func TestTokensLeaveWithBitsEnough(t *testing.T) {
	for _, c := range []struct {
		alphabet          string
		shortest, longest int
	}{{"hex", 16, 32}, {"base32", 13, 25}, {"digits", 20, 24}, {"", 0, 0}, {"letters", -1, -1}, {"0123456789abcdef", -1, -1}} {
		for length := -1; length <= 130; length++ {
			r := masking.Recipe{Kind: "token", Alphabet: c.alphabet, Length: length}
			fits := length >= c.shortest && length <= c.longest && c.shortest >= 0
			if err := r.Validate("string"); (err == nil) != fits || err != nil && !errors.Is(err, masking.ErrRecipe) {
				t.Errorf("%s: Validate = %v, want %v", r, err, fits)
			}
			_, err := masking.Rekey(memory.DefaultAllocator, column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `[]`), r, zoneKeys)
			if (err == nil) != fits || err != nil && !errors.Is(err, masking.ErrRecipe) {
				t.Errorf("%s: Rekey = %v, want %v", r, err, fits)
			}
		}
	}
	if _, err := masking.Rekey(memory.DefaultAllocator, column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `[]`), masking.Recipe{Kind: "redact"}, zoneKeys); !errors.Is(err, masking.ErrRecipe) {
		t.Errorf("Rekey by redact = %v, want ErrRecipe", err)
	}
}

// Inside the engine the form is nothing: columns join, and one column in the
// cache serves all forms.
func TestTheFormOfATokenIsOnlyForTokensThatLeave(t *testing.T) {
	arr := column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `["a", "b", null]`)
	want := apply(t, memory.DefaultAllocator, "string", token, arr)
	for _, r := range []masking.Recipe{{Kind: "token", Alphabet: "digits", Length: 20}, {Kind: "token", Alphabet: "base32", Length: 16}} {
		if got := apply(t, memory.DefaultAllocator, "string", r, arr); strings.Join(got, " ") != strings.Join(want, " ") || !regexp.MustCompile("^[0-9a-f]{32}$").MatchString(got[0]) {
			t.Errorf("%s gives %v inside, want %v", r, got, want)
		}
		if got, want := identity(t, "string", r, zoneKeys), identity(t, "string", token, zoneKeys); got != want {
			t.Errorf("the identity of %s is %s, want %s", r, got, want)
		}
	}
}
