package masking

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// KeySize is the size of a token key in bytes.
const KeySize = 32

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
type tokens struct{ mac *cmac }

func newTokens(key []byte, t arrow.DataType) (tokens, error) {
	return deriveTokens(key, "zonebox token v1 "+family(t))
}

func deriveTokens(key []byte, info string) (tokens, error) {
	if len(key) != KeySize {
		return tokens{}, fmt.Errorf("token key of %d bytes: %w", len(key), ErrKey)
	}
	derived, err := hkdf.Key(sha256.New, key, nil, info, KeySize)
	if err != nil {
		return tokens{}, fmt.Errorf("derive token key: %v: %w", err, ErrKey)
	}
	mac, err := newCMAC(derived)
	if err != nil {
		return tokens{}, fmt.Errorf("token key: %v: %w", err, ErrKey)
	}
	return tokens{mac}, nil
}

func family(t arrow.DataType) string {
	switch t.ID() {
	case arrow.STRING:
		return "string"
	case arrow.INT64, arrow.DECIMAL128:
		return "number"
	case arrow.FLOAT64:
		return "float"
	case arrow.BOOL:
		return "bool"
	case arrow.DATE32:
		return "date"
	case arrow.TIMESTAMP:
		return "timestamp"
	}
	panic("masking: no canonical bytes for " + t.Name())
}

func (t tokens) bind(arr arrow.Array) writer {
	canonical := Canonical(arr)
	mac := t.mac.clone()
	scratch := make([]byte, 0, 48) // the longest number: sign, 38 digits, point
	return func(dst []byte, i int) []byte {
		return hex.AppendEncode(dst, mac.compute(canonical(scratch, i)))
	}
}

// Canonical returns the function that gives the canonical bytes of value i of
// arr, which must be of a catalogue type and not null at i. The function may
// use scratch or return bytes of arr itself: the result is read-only and valid
// until scratch is used again or arr is released.
func Canonical(arr arrow.Array) func(scratch []byte, i int) []byte {
	switch a := arr.(type) {
	case *array.String:
		return func(_ []byte, i int) []byte {
			v := a.Value(i)
			return unsafe.Slice(unsafe.StringData(v), len(v)) // a view; PRF and map lookups only read
		}
	case *array.Int64:
		return func(s []byte, i int) []byte { return strconv.AppendInt(s, a.Value(i), 10) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(s []byte, i int) []byte { return appendDecimal(s, a.Value(i), scale) }
	case *array.Float64:
		return func(s []byte, i int) []byte {
			v := a.Value(i)
			switch {
			case v == 0:
				v = 0 // -0 compares equal to 0
			case v != v:
				v = math.NaN()
			}
			return binary.BigEndian.AppendUint64(s, math.Float64bits(v))
		}
	case *array.Boolean:
		return func(s []byte, i int) []byte {
			if a.Value(i) {
				return append(s, 1)
			}
			return append(s, 0)
		}
	case *array.Date32:
		return func(s []byte, i int) []byte { return binary.BigEndian.AppendUint32(s, uint32(a.Value(i))) }
	case *array.Timestamp:
		return func(s []byte, i int) []byte { return binary.BigEndian.AppendUint64(s, uint64(a.Value(i))) }
	}
	panic("masking: no canonical bytes for " + arr.DataType().Name())
}

// appendDecimal appends v / 10^scale without trailing zeros of the fraction.
func appendDecimal(s []byte, v decimal128.Num, scale int32) []byte {
	start := len(s)
	s = append(s, v.ToString(scale)...)
	if scale > 0 {
		for s[len(s)-1] == '0' {
			s = s[:len(s)-1]
		}
		if s[len(s)-1] == '.' {
			s = s[:len(s)-1]
		}
	}
	if string(s[start:]) == "-0" {
		s = append(s[:start], '0')
	}
	return s
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
	return write(alloc, a, t.bind(a), tokenLength)
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
