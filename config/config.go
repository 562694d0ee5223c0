// Package config reads settings: from the command line, from the environment, from a
// file, and else as they are by default, in that order. A Setting is declared once, as
// a row; its flag, its key in the file, its variable and the file that shows them all
// follow from the row.
//
// What a file cannot mean is refused with its line, all of it at once: a key that no
// setting has, one that is written twice, a value without its unit, a path that is not
// absolute, a file that others may write. A fault never repeats a value: a password may
// have been written where a path belongs. No setting holds a secret: those that need one
// name its file.
//
// Read Apply first.
package config

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
)

// A Setting is one thing that can be set: --Name on the command line, Name in the file,
// ZONEBOX_NAME in the environment.
type Setting struct {
	Name   string
	Value  Value
	ZH, EN string
	// Env is the variable where it is called otherwise.
	Env string
}

// Variable returns the setting's name in the environment.
func (s Setting) Variable() string {
	if s.Env != "" {
		return s.Env
	}
	return "ZONEBOX_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// A Source is where a value comes from. The greater one wins.
type Source int

// Sources.
const (
	Default Source = iota
	InFile
	InEnvironment
	OnCommandLine
)

// A Fault is what is wrong with a setting. It holds no value.
type Fault struct {
	Line     int    `json:"line,omitempty"`     // of the file; 0 for the file itself and for a variable
	Key      string `json:"key,omitempty"`      // as it is written there
	Variable string `json:"variable,omitempty"` // in place of a line
	ZH       string `json:"-"`
	EN       string `json:"-"`
}

// Apply sets what the command line does not give, which given reports, from the
// environment or else from file, and returns where each value comes from by its name,
// and every fault. file may be nil. A variable that is empty sets nothing.
func Apply(settings []Setting, given func(name string) bool, getenv func(string) string, file *File) (map[string]Source, []Fault) {
	var faults []Fault
	from := map[string]Source{}
	layers := map[Source]*koanf.Koanf{InFile: layer(file.provider()), InEnvironment: layer(environment{settings, getenv})}
	all := koanf.New(separator)
	for _, at := range []Source{InFile, InEnvironment} {
		if err := all.Merge(layers[at]); err != nil {
			panic("config: " + err.Error()) // values of one kind are merged
		}
	}
	for _, s := range settings {
		if given(s.Name) {
			from[s.Name] = OnCommandLine
			continue
		}
		for at, l := range layers {
			if l.Exists(s.Name) {
				from[s.Name] = max(from[s.Name], at)
			}
		}
		values := all.Strings(s.Name)
		if _, list := s.Value.(*List); list && from[s.Name] == InEnvironment {
			values = strings.Split(values[0], ",")
		}
		for _, v := range values {
			err := s.Value.Set(v)
			if err == nil {
				continue
			}
			f := Fault{Key: s.Name, ZH: err.(*ValueError).ZH, EN: err.(*ValueError).EN}
			if from[s.Name] == InEnvironment {
				f.Variable = s.Variable()
			} else {
				f.Line = file.Line(s.Name)
			}
			faults = append(faults, f)
		}
	}
	return from, faults
}

// separator stands in no name of a setting, which are all of one level.
const separator = "/"

// layer returns what one source sets.
func layer(p koanf.Provider) *koanf.Koanf {
	k := koanf.New(separator)
	if err := k.Load(p, nil); err != nil {
		panic("config: " + err.Error()) // the providers here do not fail
	}
	return k
}

// environment provides the variables that are set.
type environment struct {
	settings []Setting
	getenv   func(string) string
}

// Read returns them by the names of their settings.
func (e environment) Read() (map[string]any, error) {
	out := map[string]any{}
	for _, s := range e.settings {
		if v := e.getenv(s.Variable()); v != "" {
			out[s.Name] = []string{v}
		}
	}
	return out, nil
}

// ReadBytes is not asked for: nothing is parsed.
func (environment) ReadBytes() ([]byte, error) { return nil, os.ErrInvalid }

// near returns the known name that is written most like name, "" if none is.
func near(name string, settings []Setting) string {
	best, least := "", max(2, len(name)/3)+1
	for _, s := range settings {
		if d := distance(name, s.Name); d < least {
			best, least = s.Name, d
		}
	}
	return best
}

// distance is how many letters must be changed, added or left out to make a of b
// (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			here := before
			if a[i] != b[j] {
				here = min(before, row[j], row[j+1]) + 1
			}
			before, row[j+1] = row[j+1], here
		}
	}
	return row[len(b)]
}

// Example returns a file in which every setting stands at its default, behind a #, under
// its descriptions.
func Example(settings []Setting) string {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "\n# %s\n# %s\n# --%s · %s\n", s.ZH, s.EN, s.Name, s.Variable())
		if _, list := s.Value.(*List); list {
			fmt.Fprintf(&b, "# %s: []\n", s.Name)
			continue
		}
		fmt.Fprintf(&b, "# %s: %s\n", s.Name, cmp.Or(s.Value.String(), `""`))
	}
	return b.String()
}

// Sort puts faults in the order of their lines.
func Sort(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
}
