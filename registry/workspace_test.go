package registry_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"zonebox/registry"
)

// spaces seal by writing whose it is before what it is.
type spaces struct{}

func (spaces) Seal(organization string, plaintext, _ []byte) ([]byte, error) {
	return append([]byte(organization+"|"), plaintext...), nil
}

func (spaces) Open(organization string, sealed, _ []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, []byte(organization+"|"))
	if !ok {
		return nil, fmt.Errorf("not of %s", organization)
	}
	return plain, nil
}

// A run stays in the workspace of the organization that its asker was of when it was
// asked: a shred of that one finds it, wherever the person is by now.
func TestARunStaysInTheWorkspaceItWasAskedIn(t *testing.T) {
	r, err := registry.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), registry.Config{AEAD: newAEAD(t), Workspaces: spaces{}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	run := registry.Run{ID: "run-1", User: "olga", Zone: "medical", Scenario: "flu", Request: []byte("q"), Organization: "huiyi"}
	if err := r.SaveRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	run.Organization, run.Decision = "others", []byte("d")
	if err := r.SaveRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	got, err := r.LoadRun(t.Context(), "run-1")
	if err != nil || got.Organization != "huiyi" || string(got.Decision) != "d" {
		t.Errorf("LoadRun = %+v, %v, want it in the workspace of huiyi", got, err)
	}
	forget := func(organization string) (n int) {
		err := r.Update(t.Context(), func(tx *registry.Tx) error {
			gone, err := tx.ForgetRuns(organization)
			n = len(gone)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := forget("others"); n != 0 {
		t.Errorf("a shred of another workspace took %d runs", n)
	}
	if n := forget("huiyi"); n != 1 {
		t.Errorf("a shred of its own took %d runs, want it", n)
	}
}
