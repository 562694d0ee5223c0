package masking

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
)

// A region generalizes an administrative division code to its first digits, the
// rest becoming 0, which is the code of the division above (GB/T 2260: 320106
// is a district, 320100 its city, 320000 the province).
//
// A value must be 6, 9 or 12 ASCII digits (county; township and village of
// GB/T 10114 and the statistics bureau) and longer than digits; any other is
// redacted as a whole.
type region int

func (digits region) mask(_ *work, v span, out *text) {
	dst := out.room(v.size() + v.len()*len(Redacted))
	keep := uint64(1)<<(8*min(digits, 7)) - 1
	for i := range v.len() {
		if from := int(v.offsets[i]); v.offsets[i+1]-v.offsets[i] == 6 && digits < 6 && from+8 <= len(v.data) {
			// Six digits in a word, with two bytes of what follows.
			w := binary.LittleEndian.Uint64(v.data[from:])
			if w&sixHigh == sixZeros && (w+sixSixes)&sixHigh == sixZeros {
				dst = binary.LittleEndian.AppendUint64(dst, w&keep|sixZeros&^keep)
				dst = dst[:len(dst)-2]
				out.ends[i] = int32(len(dst))
				continue
			}
		}
		if code := v.value(i); digits.divides(code) {
			dst = append(dst, "000000000000"[:len(code)]...)
			rest := dst[len(dst)-len(code):]
			for j := range int(digits) {
				rest[j] = code[j]
			}
		} else {
			dst = out.redact(dst, i)
		}
		out.ends[i] = int32(len(dst))
	}
	out.took(dst)
}

const (
	sixZeros = 0x303030303030
	sixSixes = 0x060606060606 // carries what is above a digit into the high half
	sixHigh  = 0xF0F0F0F0F0F0
)

// divides reports whether code is that of a division that lies below others of
// so many digits.
func (digits region) divides(code []byte) bool {
	switch len(code) {
	case 6, 9, 12:
	default:
		return false
	}
	for _, c := range code {
		if c-'0' > 9 {
			return false
		}
	}
	return int(digits) < len(code)
}

func regionProblem(digits int, t arrow.DataType) string {
	switch {
	case t.ID() != arrow.STRING:
		return needsString
	case digits != 2 && digits != 4 && digits != 6 && digits != 9:
		return "digits must be 2, 4, 6 or 9"
	}
	return ""
}
