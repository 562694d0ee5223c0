package registry_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"zonebox/registry"
)

// A submission is one of its person's by its key; what is open is never forgotten, and of
// what ended, of each person, the latest are kept.
func TestSubmissionsAreKeptByKeyAndForgottenOnceEnded(t *testing.T) {
	r, err := registry.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), registry.Config{AEAD: newAEAD(t), Workspaces: spaces{}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	save := func(s registry.Submission) error {
		return r.Update(t.Context(), func(tx *registry.Tx) error { return tx.SaveSubmission(s) })
	}
	ended := time.Unix(1000, 0)
	one := func(user string, i int, end time.Time) registry.Submission {
		return registry.Submission{ID: fmt.Sprintf("sub-%s-%d", user, i), User: user, Key: fmt.Sprint("k", i), Run: "run", Organization: "huiyi", EndedAt: end,
			SubmissionBody: registry.SubmissionBody{Request: []byte("q"), Digest: []byte{1}, Person: 3, APIKey: "key"}}
	}
	for i, s := range []registry.Submission{one("olga", 1, time.Time{}), one("olga", 2, ended), one("olga", 3, ended), one("olga", 4, ended), one("ines", 1, ended)} {
		if err := save(s); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	twice := one("olga", 9, time.Time{})
	twice.Key = "k4"
	if err := save(twice); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("another under the key is %v, want ErrConflict", err)
	}
	got, err := r.SubmissionByKey(t.Context(), "olga", "k1")
	if err != nil || got.ID != "sub-olga-1" || got.Organization != "huiyi" || string(got.Request) != "q" || got.Person != 3 || got.APIKey != "key" || !got.EndedAt.IsZero() {
		t.Errorf("it is kept as %+v, %v", got, err)
	}
	left := func() (out string) {
		for _, id := range []string{"sub-olga-1", "sub-olga-2", "sub-olga-3", "sub-olga-4", "sub-ines-1"} {
			if _, err := r.SubmissionByID(t.Context(), id); err == nil {
				out += id[4:] + " "
			} else if !errors.Is(err, registry.ErrNotFound) {
				t.Fatal(err)
			}
		}
		return out
	}
	forget := func(before time.Time, most int) {
		t.Helper()
		err := r.Update(t.Context(), func(tx *registry.Tx) error { return tx.ForgetSubmissions(before, "olga", most) })
		if err != nil {
			t.Fatal(err)
		}
	}
	forget(ended, 4)
	if got := left(); got != "olga-1 olga-2 olga-3 olga-4 ines-1 " {
		t.Errorf("within the bounds %sare left", got)
	}
	forget(ended, 2)
	if got := left(); got != "olga-1 olga-3 olga-4 ines-1 " {
		t.Errorf("of two of a person and what is open %sare left", got)
	}
	forget(ended.Add(time.Second), 2)
	if got := left(); got != "olga-1 " {
		t.Errorf("past the time %sare left", got)
	}
	if open, err := r.OpenSubmissions(t.Context()); err != nil || len(open) != 1 || open[0].ID != "sub-olga-1" {
		t.Errorf("open are %+v, %v", open, err)
	}
}
