package release_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"

	"zonebox/keys"
	"zonebox/release"
)

// saved holds a result and writes it to dir.
func saved(c *release.Checked, id, dir string, key tink.AEAD) (*release.Held, error) {
	h, err := release.Hold(c, id, key)
	if err == nil {
		err = h.Save(dir)
	}
	return h, err
}

func TestNothingIsOnDiskBeforeSave(t *testing.T) {
	dir := t.TempDir()
	h, err := release.Hold(sample(t), "run-1", newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%d files after Hold (%v), want none", len(files), err)
	}
	private, public := newRecipient(t, suite)
	a, err := h.Seal(to(public), newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	o, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(1).public())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	if o.Rows[0].NumRows() != 1 {
		t.Errorf("opened %d rows, want 1", o.Rows[0].NumRows())
	}
}

func TestHeldResultWaitsEncryptedAndSealsLater(t *testing.T) {
	dir, key := t.TempDir(), newAEAD(t)
	if _, err := saved(sample(t), "run-1", dir, key); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "run-1.hold")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("320102")) || bytes.Contains(data, []byte("district")) {
		t.Error("the held file shows what it holds")
	}
	if !bytes.Contains(content(t, sample(t)), []byte("320102")) {
		t.Error("control: the same file without encryption does not show it either")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600 (%v)", info.Mode(), err)
	}

	h, err := release.LoadHeld(dir, "run-1", key)
	if err != nil {
		t.Fatal(err)
	}
	private, public := newRecipient(t, suite)
	a, err := h.Seal(to(public), newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	o, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(1).public())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	if o.Rows[0].NumRows() != 1 || o.Schema.Field(0).Name != "district" || h.ID() != "run-1" {
		t.Errorf("opened %d rows of %v", o.Rows[0].NumRows(), o.Schema)
	}
}

func TestHeldFileIsBoundToItsKeyAndId(t *testing.T) {
	dir, key := t.TempDir(), newAEAD(t)
	if _, err := saved(sample(t), "run-1", dir, key); err != nil {
		t.Fatal(err)
	}
	_, err := release.LoadHeld(dir, "run-1", newAEAD(t))
	wantErr(t, "another key", err, release.ErrHold)

	data, err := os.ReadFile(filepath.Join(dir, "run-1.hold"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run-2.hold"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = release.LoadHeld(dir, "run-2", key)
	wantErr(t, "another id", err, release.ErrHold)

	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if err := os.WriteFile(filepath.Join(dir, "run-1.hold"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = release.LoadHeld(dir, "run-1", key)
		wantErr(t, "flipped bit", err, release.ErrHold)
	}
}

func TestDigestNamesTheHeldFile(t *testing.T) {
	dir, key := t.TempDir(), newAEAD(t)
	h, err := saved(sample(t), "run-1", dir, key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "run-1.hold"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	loaded, err := release.LoadHeld(dir, "run-1", key)
	if err != nil {
		t.Fatal(err)
	}
	if h.Digest() != want || loaded.Digest() != want {
		t.Errorf("Digest = %s, after loading %s, want %s", h.Digest(), loaded.Digest(), want)
	}
}

func TestAHoldIsNeverReplaced(t *testing.T) {
	dir, key := t.TempDir(), newAEAD(t)
	if _, err := saved(sample(t), "run-1", dir, key); err != nil {
		t.Fatal(err)
	}
	_, err := saved(sample(t), "run-1", dir, newAEAD(t))
	wantErr(t, "Hold again", err, release.ErrExists)
	if _, err := release.LoadHeld(dir, "run-1", key); err != nil {
		t.Errorf("LoadHeld = %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("folder holds %d files, want 1 (%v)", len(left), err)
	}
}

func TestRemovedHoldIsGone(t *testing.T) {
	dir, key := t.TempDir(), newAEAD(t)
	wantErr(t, "RemoveHeld of none", release.RemoveHeld(dir, "run-1"), release.ErrNoHold)
	if _, err := saved(sample(t), "run-1", dir, key); err != nil {
		t.Fatal(err)
	}
	if err := release.RemoveHeld(dir, "run-1"); err != nil {
		t.Fatal(err)
	}
	_, err := release.LoadHeld(dir, "run-1", key)
	wantErr(t, "LoadHeld", err, release.ErrNoHold)
}

func TestHoldIdsStayInTheFolder(t *testing.T) {
	dir, key := t.TempDir(), newAEAD(t)
	for _, id := range []string{"", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a.b", "a b", "域"} {
		_, err := saved(sample(t), id, dir, key)
		wantErr(t, "Hold("+id+")", err, release.ErrNoHold)
		_, err = release.LoadHeld(dir, id, key)
		wantErr(t, "LoadHeld("+id+")", err, release.ErrNoHold)
	}
	if _, err := saved(sample(t), "run-01HZX_a", dir, key); err != nil {
		t.Errorf("Hold = %v", err)
	}
}

// Destroying the key of a hold ends every copy of the file, wherever it lies.
func TestDestroyedHoldKeyClosesEveryCopy(t *testing.T) {
	p, err := keys.Create(filepath.Join(t.TempDir(), "keys"), keys.Passphrase([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := t.TempDir()
	key, err := p.NewHold("run-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := saved(sample(t), "run-1", dir, key); err != nil {
		t.Fatal(err)
	}
	backup := t.TempDir()
	data, err := os.ReadFile(filepath.Join(dir, "run-1.hold"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(backup, "run-1.hold"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := release.LoadHeld(backup, "run-1", key); err != nil {
		t.Fatalf("control: the copy does not open while the key lives: %v", err)
	}

	if err := p.DestroyHold("run-1"); err != nil {
		t.Fatal(err)
	}
	_, err = release.LoadHeld(backup, "run-1", key)
	wantErr(t, "the copy", err, release.ErrHold)
	wantErr(t, "the copy", err, keys.ErrNoKey)
	_, err = release.LoadHeld(dir, "run-1", key)
	wantErr(t, "the file", err, release.ErrHold)

	again, err := p.NewHold("run-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = release.LoadHeld(backup, "run-1", again)
	wantErr(t, "the copy under a new key of the same id", err, release.ErrHold)
}
