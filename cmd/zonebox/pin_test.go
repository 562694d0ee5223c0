package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"path/filepath"
	"slices"
	"testing"

	"zonebox/keys"
)

// A pinned key is followed by keys that it, and they, signed to follow, and by no
// other.
func TestAPinnedGateKeyIsFollowedByItsOwnWordOnly(t *testing.T) {
	rotated := func() (first string, s *keys.Signer) {
		f, err := keys.Create(filepath.Join(t.TempDir(), "keys"), keys.Passphrase([]byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		first = base64.StdEncoding.EncodeToString(f.Signer().Public())
		for range 2 {
			if _, err := f.RotateSigner(); err != nil {
				t.Fatal(err)
			}
		}
		return first, f.Signer()
	}
	first, s := rotated()
	now := base64.StdEncoding.EncodeToString(s.Public())
	if got := succeed([]string{first}, s.Former()); len(got) != 3 || got[0] != now || got[2] != first {
		t.Errorf("succeed = %v, want from %s back to %s", got, now, first)
	}
	other, theirs := rotated()
	forged := slices.Clone(theirs.Former())
	forged[0].Key = s.Publics()[2] // it claims to follow the pinned one
	for name, former := range map[string][]keys.Succession{"of another gate": theirs.Former(), "forged": forged, "none": nil, "without its beginning": s.Former()[1:]} {
		if got := succeed([]string{first}, former); len(got) != 1 || got[0] != first {
			t.Errorf("%s: succeed = %v, want the pinned key alone", name, got)
		}
	}
	if got := succeed([]string{other}, s.Former()); len(got) != 1 {
		t.Errorf("succeed of another pin = %v", got)
	}
	if got := succeed(nil, s.Former()); len(got) != 0 {
		t.Errorf("succeed of no pin = %v", got)
	}
	if !ed25519.Verify(s.Publics()[0], []byte("m"), s.Sign([]byte("m"))) {
		t.Error("the newest key does not verify")
	}
}
