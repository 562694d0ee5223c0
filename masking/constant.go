package masking

import (
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

// constant shows nothing of any value: redact puts Redacted in its place, fixed
// a text that the recipe gives (GB/T 37964: suppression, 屏蔽).
func constant(replacement string) binder {
	return func(arrow.Array) fill {
		return func(_ *work, b block, out *text) {
			n := b.values()
			dst := out.room(n * len(replacement))
			start := len(dst)
			dst = append(dst, replacement...)
			for total := n * len(replacement); len(dst)-start < total; {
				dst = append(dst, dst[start:start+min(len(dst)-start, total-(len(dst)-start))]...)
			}
			for i := range out.ends {
				out.ends[i] = int32(start + (i+1)*len(replacement))
			}
			out.took(dst)
		}
	}
}

// replacementLimit bounds texts that a recipe gives, in bytes.
const replacementLimit = 128

func fixedProblem(replacement string) string {
	if replacement == "" || !printable(replacement) {
		return "text must be 1 to 128 bytes of printable UTF-8"
	}
	return ""
}

func printable(s string) bool {
	if len(s) > replacementLimit || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
