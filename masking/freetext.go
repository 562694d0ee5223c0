package masking

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/detect"
)

const (
	// freeTextThreshold is half of detect.DefaultThreshold, at which most hits are
	// right: a word hidden without need costs less than a name that is shown.
	freeTextThreshold = detect.DefaultThreshold / 2

	// freeTextRounds is how often a text is looked through at most.
	freeTextRounds = 8
)

// freeText hides what package detect finds in a text, of the classes given or of
// all, and leaves the rest as it is. What is found becomes Redacted, never a form
// that keeps a part of it: the detector may have taken it for something else, and
// the parts that may be kept of a telephone number are not those of a name.
//
// What is hidden was context for what stands beside it, so the result is looked
// through again until nothing is found in it. A text in which something is found
// time and again, and one that is not UTF-8, is redacted as a whole.
//
// A detector proves nothing: what it does not find, stands. A column of free text
// is not desensitized by this, and no license may name it for what must be.
type freeText struct{ scanner *detect.Scanner }

func newFreeText(classes []string) freeText {
	var set detect.Set
	for _, name := range classes {
		c, _ := classOf(name) // Validate has judged it
		set |= detect.Of(c)
	}
	return freeText{detect.New(detect.Options{Classes: set, Threshold: freeTextThreshold})}
}

// classOf returns the class that documents spell so.
func classOf(name string) (detect.Class, bool) {
	var c detect.Class
	err := c.UnmarshalText([]byte(name))
	return c, err == nil && c != detect.None
}

func (f freeText) mask(w *work, v span, out *text) {
	for i := range v.len() {
		value := v.value(i)
		masked, ok := f.hide(w, value)
		dst := out.room(max(len(masked), len(Redacted)))
		if ok {
			dst = append(dst, masked...)
		} else {
			dst = out.redact(dst, i)
		}
		out.took(dst)
		out.ends[i] = int32(len(dst))
	}
}

// hide returns the text with everything found in it hidden, in memory of w or of
// value, and false if that cannot be.
func (f freeText) hide(w *work, value []byte) ([]byte, bool) {
	if !utf8.Valid(value) {
		return nil, false
	}
	for round := range freeTextRounds {
		w.hits = f.scanner.Scan(w.hits[:0], value)
		if len(w.hits) == 0 {
			return value, true
		}
		next := w.hidden[round%2][:0]
		from := 0
		for _, h := range w.hits {
			next = append(append(next, value[from:h.Start]...), Redacted...)
			from = h.End
		}
		next = append(next, value[from:]...)
		w.hidden[round%2], value = next, next
	}
	return nil, false
}

func freeTextProblem(classes []string, t arrow.DataType) string {
	if t.ID() != arrow.STRING {
		return needsString
	}
	for i, name := range classes {
		if _, ok := classOf(name); !ok || slices.Contains(classes[:i], name) {
			return "classes must be among " + strings.Join(detectClasses(), " ") + ", each once"
		}
	}
	return ""
}

// detectClasses are the names of all classes.
func detectClasses() []string {
	var names []string
	for c := detect.None + 1; detect.All.Has(c); c++ {
		names = append(names, c.String())
	}
	return names
}
