package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

// stands sets versions in order; "v3<v2" is an increment on v2, "?" before a name
// means into quarantine.
func (w *world) stands(names ...string) {
	w.t.Helper()
	for _, n := range names {
		held := strings.HasPrefix(n, "?")
		name, base, _ := strings.Cut(strings.TrimPrefix(n, "?"), "<")
		v := registry.DataVersion{Zone: "medical", Dataset: "visits", Version: name, Manifest: "m-" + name, Rows: 3, LoadedBy: "dave"}
		if base != "" {
			v.Lineage = registry.Lineage{Mode: "append", Base: base}
		}
		if held {
			v.State = registry.DataQuarantined
		}
		if err := w.SetVersion(w.t.Context(), v); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Rows of a version that nobody may use are not reached by a version that took
// them over, whatever became of either since.
func TestWhatStandsOnAQuarantinedVersionIsQuarantinedWithIt(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"the increment in use", "v1 v2<v1; quarantine v1", "v1 QUARANTINED, v2 QUARANTINED"},
		{"increments of increments", "v1 v2<v1 v3<v2; quarantine v1", "v1 QUARANTINED, v2 QUARANTINED, v3 QUARANTINED"},
		{"not what is before it", "v1 v2<v1 v3<v2; quarantine v2", "v1 KEPT, v2 QUARANTINED, v3 QUARANTINED"},
		{"not what was delivered whole", "v1 v2<v1 v3; quarantine v1", "v1 QUARANTINED, v2 QUARANTINED, v3 CURRENT"},
		{"through one that is retired", "v1 v2<v1 v3<v2; retire v2; quarantine v1", "v1 QUARANTINED, v2 RETIRED, v3 QUARANTINED"},
		{"the one that a rollback replaces", "v0 v1 v2<v1 v3; rollback v1; rollback v0", "v0 CURRENT, v1 QUARANTINED, v2 QUARANTINED, v3 QUARANTINED"},
		{"no rollback to what stands on the one it replaces", "v1 v2<v1 v3<v2; rollback v1; !rollback v2", "v1 CURRENT, v2 KEPT, v3 QUARANTINED"},
		{"no rollback to an increment of it", "v0 v1 v2<v1 v3; rollback v1; rollback v0; !rollback v2", "v0 CURRENT, v1 QUARANTINED, v2 QUARANTINED, v3 QUARANTINED"},
		{"no release over a base that is quarantined", "v1 v2<v1; quarantine v1; !release v2", "v1 QUARANTINED, v2 QUARANTINED"},
		{"nor over the base of its base", "v1 v2<v1 v3<v2; quarantine v1; !release v3", "v1 QUARANTINED, v2 QUARANTINED, v3 QUARANTINED"},
		{"nor once the base is retired", "v1 v2<v1; quarantine v1; retire v1; !release v2", "v1 RETIRED, v2 QUARANTINED"},
		{"nor shredded", "v1 v2<v1 v3<v2; quarantine v1; retire v2; shred v1; !release v3", "v1 SHREDDED, v2 RETIRED, v3 QUARANTINED"},
		{"nor of one that was held back", "v1 ?v2<v1; quarantine v1; retire v1; !release v2", "v1 RETIRED, v2 QUARANTINED"},
		{"each is lifted by a decision of its own", "v1 v2<v1; quarantine v1; release v1", "v1 CURRENT, v2 QUARANTINED"},
		{"the base first", "v1 v2<v1; quarantine v1; release v1; release v2", "v1 KEPT, v2 CURRENT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := catalogued(t)
			steps := strings.Split(c.steps, "; ")
			w.stands(strings.Fields(steps[0])...)
			for _, step := range steps[1:] {
				what, version, _ := strings.Cut(strings.TrimPrefix(step, "!"), " ")
				err := w.data(what, version)
				if refused := strings.HasPrefix(step, "!"); refused != errors.Is(err, registry.ErrDataState) || !refused && err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			}
			if got := strings.Join(w.states(), ", "); got != c.want {
				t.Errorf("versions = %s, want %s", got, c.want)
			}
		})
	}
}

// Doubtful stays with a version when its files go: what was made of it is as bad
// as it was.
func TestADoubtOutlivesTheVersion(t *testing.T) {
	w := catalogued(t)
	w.stands("v1", "v2<v1", "v3", "?v4<v3", "v5")
	doubtful := func(want ...string) {
		t.Helper()
		all, err := w.DataVersions(t.Context(), "medical", "visits")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range all {
			if v.Doubtful {
				got = append(got, v.Version)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("doubtful = %v, want %v", got, want)
		}
	}
	doubtful("v4")
	for _, c := range []struct {
		step string
		want []string
	}{
		{"retire v4", []string{"v4"}},
		{"quarantine v1", []string{"v1", "v2", "v4"}},
		{"retire v1", []string{"v1", "v2", "v4"}},
		{"shred v2", []string{"v1", "v2", "v4"}},
		{"quarantine v5", []string{"v1", "v2", "v4", "v5"}},
		{"release v5", []string{"v1", "v2", "v4"}},
		{"retire v3", []string{"v1", "v2", "v4"}}, // needed no more, and never doubted
	} {
		what, version, _ := strings.Cut(c.step, " ")
		if err := w.data(what, version); err != nil {
			t.Fatalf("%s: %v", c.step, err)
		}
		doubtful(c.want...)
	}
}
