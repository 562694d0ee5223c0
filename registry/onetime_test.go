package registry_test

import (
	"errors"
	"slices"
	"testing"

	"zonebox/registry"
)

// TestOneTimeCodesEndWithTheAccount: they are kept for an active person, outlive another
// signing key, which whoever swaps it lacks, and end with the account.
func TestOneTimeCodesEndWithTheAccount(t *testing.T) {
	w := licensed(t)
	put := func(person string, version int64) error {
		return w.Update(t.Context(), func(tx *registry.Tx) error {
			return tx.PutOneTime(registry.OneTime{Person: person, Secret: []byte(person + " has a secret")}, version)
		})
	}
	holders := func() (out []string) {
		t.Helper()
		all, err := w.OneTimes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			if string(o.Secret) != o.Person+" has a secret" {
				t.Errorf("%s has %q", o.Person, o.Secret)
			}
			out = append(out, o.Person)
		}
		return out
	}
	for _, name := range []string{"olga", "oscar"} {
		if err := put(name, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("olga", 2); !errors.Is(err, registry.ErrInactive) {
		t.Errorf("by another document: %v", err)
	}
	if err := put("nobody", 1); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	w.clock.tick()
	w.must("carol", person("olga", "medco", "operator", set("signing_key", publicOf("olga's new"))))
	if got := holders(); !slices.Equal(got, []string{"olga", "oscar"}) {
		t.Errorf("after another signing key: %v", got)
	}
	w.clock.tick()
	w.must("carol", person("olga", "medco", "operator", set("signing_key", publicOf("olga's new")), set("status", "disabled")))
	if got := holders(); !slices.Equal(got, []string{"oscar"}) {
		t.Errorf("after the account: %v", got)
	}
	if err := put("olga", 3); !errors.Is(err, registry.ErrInactive) {
		t.Errorf("of a suspended person: %v", err)
	}
	end := func() error {
		return w.Update(t.Context(), func(tx *registry.Tx) error { return tx.EndOneTime("carol", "oscar") })
	}
	if err := end(); err != nil || len(holders()) != 0 {
		t.Errorf("ended by the authority: %v", err)
	}
	if err := end(); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
	pending, err := w.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, p := range pending {
		if p.Kind == "onetime.ended" {
			told = append(told, p.Actor+" "+p.Fields["person"])
		}
	}
	if !slices.Equal(told, []string{"carol olga", "carol oscar"}) {
		t.Errorf("the log is told %v", told)
	}
}
