package masking

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/lanes"
	"zonebox/masking/prf"
)

// tokenLength is the length of a rendered token.
const tokenLength = 32

// tokens computes 128-bit tokens: AES-256-CMAC of the value's canonical bytes
// (NIST SP 800-38B, RFC 4493), rendered as 32 lowercase hexadecimal digits.
// CMAC is a pseudorandom function (Iwata and Kurosawa, OMAC, FSE 2003), so
// without the key a token tells nothing but equality, and 128 bits keep a
// billion values apart with probability 1 - 2^-69. HMAC-SHA256 would do as
// well, several times slower on values of one or two blocks.
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
// Each family has its own key, HKDF-SHA256(zone token key, family): a token of
// one family never equals one of another, whatever the bytes.
//
// Blocks of values are in the cipher at once (masking/prf).
type tokens struct {
	mac *prf.CMAC
	hex *prf.Rendering
}

func newTokens(key []byte, t arrow.DataType) (tokens, error) {
	return deriveTokens(key, "zonebox token v1 "+family(t))
}

func deriveTokens(key []byte, info string) (tokens, error) {
	mac, err := deriveMAC(key, info)
	if err != nil {
		return tokens{}, err
	}
	hex, err := prf.NewRendering(prf.Hex, tokenLength)
	if err != nil {
		return tokens{}, fmt.Errorf("token form: %w", err)
	}
	return tokens{mac, hex}, nil
}

// deriveMAC returns AES-256-CMAC under HKDF-SHA256(key, info).
func deriveMAC(key []byte, info string) (*prf.CMAC, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("token key of %d bytes: %w", len(key), ErrKey)
	}
	derived, err := hkdf.Key(sha256.New, key, nil, info, KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive token key: %v: %w", err, ErrKey)
	}
	cipher, err := lanes.NewAES(derived)
	if err != nil {
		return nil, fmt.Errorf("token key: %v: %w", err, ErrKey)
	}
	return prf.NewCMAC(cipher), nil
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
// leave. key has KeySize bytes.
func Rekey(alloc memory.Allocator, arr arrow.Array, key []byte) (arrow.Array, error) {
	a, ok := arr.(*array.String)
	if !ok {
		return nil, fmt.Errorf("masking: rekey %s: %w", arr.DataType(), ErrInput)
	}
	t, err := deriveTokens(key, "zonebox release token v1")
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
