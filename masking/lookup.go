package masking

import (
	"maps"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// lookupLimit bounds the table of a recipe: it is written and read by people.
const lookupLimit = 1024

// A lookup replaces each value by the one that the recipe's table gives for it,
// a domain generalization hierarchy of one step (Sweeney 2002). Values that are
// not in the table are redacted.
type lookup struct {
	table   map[string]string
	longest int // bytes of a replacement, or of Redacted
}

func newLookup(table map[string]string) *lookup {
	l := &lookup{maps.Clone(table), len(Redacted)}
	for _, to := range table {
		l.longest = max(l.longest, len(to))
	}
	return l
}

func (l *lookup) mask(_ *work, v span, out *text) {
	dst := out.room(v.len() * l.longest)
	for i := range v.len() {
		if to, known := l.table[string(v.value(i))]; known {
			dst = append(dst, to...)
		} else {
			dst = out.redact(dst, i)
		}
		out.ends[i] = int32(len(dst))
	}
	out.took(dst)
}

func lookupProblem(table map[string]string, t arrow.DataType) string {
	if t.ID() != arrow.STRING {
		return needsString
	}
	if len(table) == 0 || len(table) > lookupLimit {
		return "values must hold 1 to " + strconv.Itoa(lookupLimit) + " pairs"
	}
	for from, to := range table {
		switch {
		case !printable(from) || to == "" || !printable(to):
			return "values must be printable UTF-8 of at most 128 bytes, replacements not empty"
		case from == to:
			return "a value that becomes itself is not masked"
		}
	}
	return ""
}
