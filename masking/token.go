package masking

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/prf"
)

// tokenLength is the length of a token inside the engine.
const tokenLength = 32

// tokens computes 128-bit tokens: the zone's Algorithm over the value's canonical
// bytes, rendered as 32 lowercase hexadecimal digits. 128 bits keep a billion
// values apart with probability 1 - 2^-69.
//
// Equal values of columns of one family get equal tokens in every dataset of a
// zone, so tokens join. Canonical bytes by family:
//
//	string     the UTF-8 bytes as they are, as SQL compares them: no case folding, no Unicode normalization
//	number     int64 and decimal: the shortest decimal text, so 1.50 = 1.5 and 2.00 = 2
//	float      float64: IEEE 754 bits, big endian, after -0 → 0 and every NaN → one NaN
//	bool       one byte, 0 or 1
//	date       days since 1970-01-01, int32 big endian
//	timestamp  microseconds since 1970-01-01, int64 big endian
//
// Each family has its own key, HKDF(zone token key, algorithm, family): a token
// of one family never equals one of another, whatever the bytes.
//
// Blocks of values are in the cipher at once (masking/prf).
type tokens struct {
	mac  mac
	form *prf.Rendering
}

func newTokens(k Keys, t arrow.DataType) (tokens, error) {
	return k.tokens("token", " "+family(t), Recipe{})
}

// tokens returns what makes tokens, under a key for one use of one family, in the
// form of r.
func (k Keys) tokens(use, family string, r Recipe) (tokens, error) {
	mac, err := k.Algorithm.mac(k.Token, use, family)
	if err != nil {
		return tokens{}, err
	}
	form, err := r.form()
	if err != nil {
		return tokens{}, fmt.Errorf("token form: %w", err)
	}
	return tokens{mac, form}, nil
}

func (t tokens) bind(arr arrow.Array) fill {
	read := canonicalReader(arr)
	return func(w *work, b block, out *text) {
		v := read(w, b)
		tags := w.tags[:v.len()*prf.TagSize]
		t.mac.Sum(tags, v.data, v.offsets)
		length := t.form.Len()
		dst := out.room(v.len() * length)
		start := len(dst)
		dst = dst[:start+v.len()*length]
		t.form.Render(dst[start:], tags)
		for i := range out.ends {
			out.ends[i] = int32(start + (i+1)*length)
		}
		out.took(dst)
	}
}

// Rekey returns the tokens of arr, an array of strings, under the release key, in
// the length and alphabet of r, a recipe of tokens: equal tokens stay equal within
// the array and under the same key, and are unlinkable to the zone's tokens and to
// those of other keys. Under one key a token is the same number in every form, so
// the columns of one release join as they did inside. Nulls stay. The caller
// releases the array.
//
// Rekey returns an error wrapping ErrToken if any value is not a token: what
// the analysis said was a token column holds something else, and must not
// leave. It returns one wrapping ErrRecipe if r is not of tokens. Of k it takes the
// release key as Token, and the Algorithm.
func Rekey(alloc memory.Allocator, arr arrow.Array, r Recipe, k Keys) (arrow.Array, error) {
	a, ok := arr.(*array.String)
	if !ok {
		return nil, fmt.Errorf("masking: rekey %s: %w", arr.DataType(), ErrInput)
	}
	if problem := r.problem(arr.DataType()); problem != "" || r.Kind != "token" {
		return nil, fmt.Errorf("masking: rekey by %s: %w: %s", r, ErrRecipe, problem)
	}
	t, err := k.tokens("release token", "", r)
	if err != nil {
		return nil, fmt.Errorf("masking: rekey: %w", err)
	}
	for i := range a.Len() {
		if !a.IsNull(i) && !isToken(a.Value(i)) {
			return nil, fmt.Errorf("masking: rekey row %d: %w", i, ErrToken)
		}
	}
	out, _, err := build(alloc, a, t.bind(a), nil)
	return out, err
}

func isToken(s string) bool {
	if len(s) != tokenLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
