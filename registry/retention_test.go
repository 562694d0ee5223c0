package registry_test

import (
	"strings"
	"testing"
	"time"

	"zonebox/registry"
)

func TestRetentionLetsGo(t *testing.T) {
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	// name, state, days ago
	all := func(text string) (out []registry.DataVersion) {
		states := map[string]string{"C": registry.DataCurrent, "K": registry.DataKept, "Q": registry.DataQuarantined, "R": registry.DataRetired, "S": registry.DataShredded}
		for i, s := range strings.Fields(text) {
			age := len(strings.Fields(text)) - 1 - i
			out = append(out, registry.DataVersion{Version: string(rune('a' + i)), State: states[s], LoadedAt: now.AddDate(0, 0, -age)})
		}
		return out
	}
	for _, c := range []struct {
		name, versions string
		retention      registry.DataRetention
		want           string
	}{
		{"the default keeps one before the current", "K K K C", registry.DefaultRetention, "a b"},
		{"a first load", "C", registry.DefaultRetention, ""},
		{"the current one alone", "K K C", registry.DataRetention{Versions: 1}, "a b"},
		{"what is gone is not counted", "K R S K C", registry.DefaultRetention, "a"},
		{"rolled back, the current one is not the newest", "C Q", registry.DataRetention{Versions: 1}, ""},
		{"what is quarantined pushes nothing out", "K Q Q C", registry.DefaultRetention, ""},
		{"and goes after others", "K Q Q Q C", registry.DefaultRetention, "b"},
		{"none is current", "K K Q", registry.DefaultRetention, ""},
		{"days alone: the current one never goes", "K K K C", registry.DataRetention{Days: 2}, "a b"},
		{"either keeps", "K K K K C", registry.DataRetention{Versions: 2, Days: 3}, "a b"},
		{"versions keep what is old", "K K K C", registry.DataRetention{Versions: 3, Days: 1}, "a"},
	} {
		var got []string
		for _, v := range c.retention.Expired(all(c.versions), now) {
			got = append(got, v.Version)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheEntrySaysHowLongVersionsAreKept(t *testing.T) {
	expired := func(w *world) string {
		t.Helper()
		var names []string
		err := w.Update(t.Context(), func(tx *registry.Tx) error {
			all, err := tx.Expired("medical", "visits")
			for _, v := range all {
				names = append(names, v.Version)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, " ")
	}
	w := catalogued(t)
	w.loads("v1", "v2", "v3", "v4")
	if got := expired(w); got != "v1 v2" {
		t.Errorf("by default %q expire", got)
	}
	w.must("carol", zone(set("retention", map[string]any{"versions": 3})))
	if got := expired(w); got != "v1" {
		t.Errorf("by the zone %q expire", got)
	}
	w.must("paul", w.signed(visits(set("retention", map[string]any{"days": 30})), "paul", "carol"))
	if got := expired(w); got != "" {
		t.Errorf("by the entry %q expire", got)
	}
	w.clock.t = w.clock.t.AddDate(0, 0, 30)
	if got := expired(w); got != "v1 v2 v3" {
		t.Errorf("after 30 days %q expire", got)
	}
}

func TestTheKeyOfAnEntry(t *testing.T) {
	w := peopled(t)
	w.refused(registry.CodeReference, "paul", w.signed(visits(set("key", []any{"nothing"})), "paul", "carol"))
	for _, edits := range [][]edit{{set("key", []any{})}, {set("key", []any{"cost"})}, {set("key", []any{"cost"}), set("columns.2.nullable", false)}} {
		w.refused(registry.CodeSchema, "paul", w.signed(visits(edits...), "paul", "carol"))
	}
	w.refused(registry.CodeSchema, "paul", w.signed(visits(set("retention", map[string]any{})), "paul", "carol"))
	w.refused(registry.CodeSchema, "paul", w.signed(visits(set("retention", map[string]any{"versions": 0})), "paul", "carol"))
	w.must("paul", w.signed(visits(set("key", []any{"id_number", "diagnosis"})), "paul", "carol"))
}
