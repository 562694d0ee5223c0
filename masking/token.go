package masking

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/prf"
)

// tokenLength is the length of a rendered token.
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
	mac mac
	hex *prf.Rendering
}

func newTokens(k Keys, t arrow.DataType) (tokens, error) {
	return k.tokens("token", " "+family(t))
}

// tokens returns what makes tokens under a key for one use of one family.
func (k Keys) tokens(use, family string) (tokens, error) {
	mac, err := k.Algorithm.mac(k.Token, use, family)
	if err != nil {
		return tokens{}, err
	}
	hex, err := prf.NewRendering(prf.Hex, tokenLength)
	if err != nil {
		return tokens{}, fmt.Errorf("token form: %w", err)
	}
	return tokens{mac, hex}, nil
}

func (t tokens) bind(arr arrow.Array) fill {
	read := canonicalReader(arr)
	return func(w *work, b block, out *text) {
		v := read(w, b)
		tags := w.tags[:v.len()*prf.TagSize]
		t.mac.Sum(tags, v.data, v.offsets)
		dst := out.room(v.len() * tokenLength)
		start := len(dst)
		dst = dst[:start+v.len()*tokenLength]
		t.hex.Render(dst[start:], tags)
		for i := range out.ends {
			out.ends[i] = int32(start + (i+1)*tokenLength)
		}
		out.took(dst)
	}
}

// Rekey returns the tokens of arr, an array of strings, under the release key:
// equal tokens stay equal within the array and under the same key, and are
// unlinkable to the zone's tokens and to those of other keys. Nulls stay. The
// caller releases the array.
//
// Rekey returns an error wrapping ErrToken if any value is not a token: what
// the analysis said was a token column holds something else, and must not
// leave. Of k it takes the release key as Token, and the Algorithm.
func Rekey(alloc memory.Allocator, arr arrow.Array, k Keys) (arrow.Array, error) {
	a, ok := arr.(*array.String)
	if !ok {
		return nil, fmt.Errorf("masking: rekey %s: %w", arr.DataType(), ErrInput)
	}
	t, err := k.tokens("release token", "")
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
