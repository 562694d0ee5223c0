package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Value is what a setting is set to. It is a value of a flag as well (pflag.Value).
// Set returns a *ValueError.
type Value interface {
	String() string
	Set(text string) error
	Type() string
}

// A ValueError says what a value must be, and not what it was.
type ValueError struct{ ZH, EN string }

// Error says it in English.
func (e *ValueError) Error() string { return e.EN }

func wrong(zh, en string) error { return &ValueError{zh, en} }

// Text is a value of any text.
type Text struct{ at *string }

// NewText returns a Text that is kept in at.
func NewText(at *string) *Text { return &Text{at} }

// String returns the text.
func (v *Text) String() string { return value(v.at) }

// Set sets it.
func (v *Text) Set(text string) error { *v.at = text; return nil }

// Type is what help calls it.
func (v *Text) Type() string { return "string" }

// Path is a value that names a file or folder; in a file of settings it is absolute.
type Path struct{ Text }

// NewPath returns a Path that is kept in at.
func NewPath(at *string) *Path { return &Path{Text{at}} }

// Type is what help calls it.
func (v *Path) Type() string { return "path" }

// Choice is one of a few words.
type Choice struct {
	at    *string
	words []string
}

// NewChoice returns a Choice of words that is kept in at.
func NewChoice(at *string, words ...string) *Choice { return &Choice{at, words} }

// String returns the word.
func (v *Choice) String() string { return value(v.at) }

// Set sets it.
func (v *Choice) Set(text string) error {
	if !slices.Contains(v.words, text) {
		all := strings.Join(v.words, "|")
		return wrong("须为 "+all, "must be "+all)
	}
	*v.at = text
	return nil
}

// Type is what help calls it.
func (v *Choice) Type() string { return strings.Join(v.words, "|") }

// Switch is true or false.
type Switch struct{ at *bool }

// NewSwitch returns a Switch that is kept in at.
func NewSwitch(at *bool) *Switch { return &Switch{at} }

// String returns true or false.
func (v *Switch) String() string { return strconv.FormatBool(value(v.at)) }

// Set sets it.
func (v *Switch) Set(text string) error {
	if text != "true" && text != "false" {
		return wrong("须为 true 或 false", "must be true or false")
	}
	*v.at = text == "true"
	return nil
}

// Type is what help calls it.
func (v *Switch) Type() string { return "bool" }

// IsBoolFlag has the flag alone mean true.
func (v *Switch) IsBoolFlag() bool { return true }

// Words are values that are written as a word: auto for what follows from the host, none
// for nothing.
type Words map[string]int64

// word returns how n is written, "" if it has no word.
func (w Words) word(n int64) string {
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if w[name] == n {
			return name
		}
	}
	return ""
}

// or returns an error that says what a value must be, with the words behind it.
func (w Words) or(zh, en string) error {
	for _, name := range slices.Sorted(maps.Keys(w)) {
		zh, en = zh+"、"+name, en+", "+name
	}
	return wrong("须为"+zh, "must be "+en)
}

// units are the units of a size, the greatest first.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// Size is a number of bytes, written with its unit: 2GiB.
type Size struct {
	at    *int64
	words Words
}

// NewSize returns a Size that is kept in at and may be one of words too.
func NewSize(at *int64, words Words) *Size { return &Size{at, words} }

// String returns the size with the greatest unit of which it is a whole number.
func (v *Size) String() string {
	n := value(v.at)
	if w := v.words.word(n); w != "" {
		return w
	}
	for _, u := range units {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// Set sets it.
func (v *Size) Set(text string) error {
	if n, ok := v.words[text]; ok {
		*v.at = n
		return nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 0 && n <= math.MaxInt64/u.bytes {
			*v.at = n * u.bytes
			return nil
		}
	}
	return v.words.or("带单位的大小,如 512MiB、2GiB", "a size with its unit: 512MiB, 2GiB")
}

// Type is what help calls it.
func (v *Size) Type() string { return "size" }

// Count is a number of at least one.
type Count struct {
	at    *int
	words Words
}

// NewCount returns a Count that is kept in at and may be one of words too.
func NewCount(at *int, words Words) *Count { return &Count{at, words} }

// String returns the number.
func (v *Count) String() string {
	if w := v.words.word(int64(value(v.at))); w != "" {
		return w
	}
	return strconv.Itoa(value(v.at))
}

// Set sets it.
func (v *Count) Set(text string) error {
	if n, ok := v.words[text]; ok {
		*v.at = int(n)
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return v.words.or("1 以上的整数", "a whole number from 1 on")
	}
	*v.at = int(n)
	return nil
}

// Type is what help calls it.
func (v *Count) Type() string { return "count" }

// Duration is a time, written with its unit: 90s, 5m, 1h30m.
type Duration struct {
	at    *time.Duration
	words Words
}

// NewDuration returns a Duration that is kept in at and may be one of words too.
func NewDuration(at *time.Duration, words Words) *Duration { return &Duration{at, words} }

// String returns the time without the units of which it has none.
func (v *Duration) String() string {
	d := value(v.at)
	if w := v.words.word(int64(d)); w != "" {
		return w
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Set sets it.
func (v *Duration) Set(text string) error {
	if n, ok := v.words[text]; ok {
		*v.at = time.Duration(n)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return v.words.or("带单位的时间,如 90s、5m", "a time with its unit: 90s, 5m")
	}
	*v.at = d
	return nil
}

// Type is what help calls it.
func (v *Duration) Type() string { return "duration" }

// List is any number of values: a flag that is repeated, a list in a file, a variable
// with commas.
type List struct {
	at    *[]string
	paths bool
}

// NewList returns a List that is kept in at.
func NewList(at *[]string) *List { return &List{at: at} }

// NewPaths returns a List of paths that is kept in at.
func NewPaths(at *[]string) *List { return &List{at, true} }

// String returns the values with commas between them.
func (v *List) String() string { return strings.Join(value(v.at), ",") }

// Set adds one.
func (v *List) Set(text string) error {
	if text == "" {
		return wrong("须写一个值", "must have one value")
	}
	*v.at = append(*v.at, text)
	return nil
}

// Type is what help calls it.
func (v *List) Type() string {
	if v.paths {
		return "paths"
	}
	return "strings"
}

// value returns what p points to; the zero value of a kind, which help makes, has none.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Shown returns the text of v as it may be shown: what stands before the host of an
// address, and behind its path, may be a credential.
func Shown(v Value) string {
	text := v.String()
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	rest, _, query := strings.Cut(rest, "?")
	authority, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = "…" + authority[i:]
	}
	out := fmt.Sprintf("%s://%s", scheme, authority)
	if slash {
		out += "/" + path
	}
	if query {
		out += "?…"
	}
	return out
}
