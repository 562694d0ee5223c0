package masking

import "github.com/apache/arrow-go/v18/arrow"

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
values:
	for i := range v.len() {
		code := v.value(i)
		if n := len(code); n != 6 && n != 9 && n != 12 || int(digits) >= n {
			dst = out.redact(dst, i)
			out.ends[i] = int32(len(dst))
			continue
		}
		for _, c := range code {
			if c-'0' > 9 {
				dst = out.redact(dst, i)
				out.ends[i] = int32(len(dst))
				continue values
			}
		}
		start := len(dst)
		dst = append(dst, "000000000000"[:len(code)]...)
		copy(dst[start:], code[:digits])
		out.ends[i] = int32(len(dst))
	}
	out.took(dst)
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
