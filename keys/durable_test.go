package keys_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

// change is something that a folder does to its files: what is made durable, in
// which order, and what stands then. NEW is a temporary name.
var changes = []struct {
	name   string
	do     func(f *keys.Folder) error
	synced []string
}{
	{"create zone", func(f *keys.Folder) error { return f.CreateZone("new") }, []string{"zones/NEW", "zones has new.key"}},
	{"rotate zone", func(f *keys.Folder) error { _, err := f.RotateZone("a"); return err }, []string{"zones/NEW", "zones has a.key.3"}},
	{"rotate signer", func(f *keys.Folder) error { _, err := f.RotateSigner(); return err }, []string{"NEW", ". has release.key", "release.key"}},
	{"destroy version", func(f *keys.Folder) error { return f.DestroyZoneVersion("a", 1) },
		[]string{"zones/NEW", "zones has a.key.gone", "zones/a.key", "zones has no a.key"}},
	{"destroy zone", func(f *keys.Folder) error { return f.DestroyZone("a") },
		[]string{"zones/NEW", "zones has a.key.gone", "zones/NEW", "zones has a.key.2.gone",
			"zones/a.key.2", "zones has no a.key.2", "zones/a.key", "zones has no a.key"}},
	{"save hold", func(f *keys.Folder) error {
		h, err := f.NewHold("new")
		if err != nil {
			return err
		}
		return h.Save()
	}, []string{"holds/NEW", "holds has new.key"}},
	{"destroy hold", func(f *keys.Folder) error { return f.DestroyHold("run") }, []string{"holds/run.key", "holds has no run.key"}},
}

// furnished returns a folder with a zone of two versions and a hold.
func furnished(t *testing.T) (*keys.Folder, string) {
	t.Helper()
	f, dir := create(t)
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	must(f.RotateTokens("a"))(t)
	saved(f.NewHold("run"))(t)
	return f, dir
}

// A change has happened when the call returns, also for a machine that loses its
// power then; and what a file holds is durable before the file has its name.
func TestAChangeIsDurableOnceItIsSaid(t *testing.T) {
	for _, c := range changes {
		f, dir := furnished(t)
		var got []string
		restore := keys.OnSync(func(path string) error {
			name := must(filepath.Rel(dir, path))(t)
			at := len(got)
			if at < len(c.synced) {
				if folder, file, ok := strings.Cut(c.synced[at], " has "); ok && folder == name {
					file, none := strings.CutPrefix(file, "no ")
					if _, err := os.Lstat(filepath.Join(path, file)); err == nil != none {
						name = c.synced[at]
					}
				}
			}
			if i := strings.Index(name, ".new-"); i >= 0 {
				name = name[:i] + "NEW"
				for _, later := range c.synced[at+1:] {
					if folder, file, ok := strings.Cut(later, " has "); ok && !strings.HasPrefix(file, "no ") && file != "release.key" {
						if _, err := os.Lstat(filepath.Join(dir, folder, file)); err == nil {
							t.Errorf("%s: %s has its name before it is durable", c.name, file)
						}
					}
				}
			}
			got = append(got, name)
			return nil
		})
		err := c.do(f)
		restore()
		if err != nil || !slices.Equal(got, c.synced) {
			t.Errorf("%s made durable %v, %v, want %v", c.name, got, err, c.synced)
		}
	}
}

// With a server nothing is overwritten; that the file is gone is durable all the
// same.
func TestADestructionAtTheServerIsDurable(t *testing.T) {
	f := must(keys.Create(filepath.Join(t.TempDir(), "keys"), must(keys.Vault(keystest.NewTransit(t).Config()))(t)))(t)
	defer f.Close()
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	var gone bool
	defer keys.OnSync(func(path string) error {
		_, err := os.Lstat(filepath.Join(path, "a.key"))
		gone = filepath.Base(path) == "zones" && errors.Is(err, os.ErrNotExist)
		return nil
	})()
	if err := f.DestroyZone("a"); err != nil {
		t.Fatal(err)
	}
	if !gone {
		t.Error("nothing made the end of the file durable")
	}
}

func TestANewFolderIsDurable(t *testing.T) {
	parent := t.TempDir()
	var last string
	defer keys.OnSync(func(path string) error {
		last = path
		return nil
	})()
	f := must(keys.Create(filepath.Join(parent, "keys"), keys.Passphrase([]byte("correct horse"))))(t)
	defer f.Close()
	if last != parent {
		t.Errorf("made durable %s last, want %s", last, parent)
	}
}

// Wherever a change fails, the folder is as before or as after, for the process
// that goes on and for the next one; and the change can be made again.
func TestAChangeThatFailsLeavesTheFolderWhole(t *testing.T) {
	full := errors.New("no space left")
	for _, c := range changes {
		for at := range c.synced {
			f, dir := furnished(t)
			wrapped, old := must(f.Wrap("a", []byte("dek"), nil))(t), must(f.Derive(keys.Purpose{Use: keys.UseToken, Zone: "a", Version: 1}))(t)
			signature := f.Signer().Sign([]byte("msg"))
			n := 0
			restore := keys.OnSync(func(string) error {
				if n++; n > at {
					return full
				}
				return nil
			})
			err := c.do(f)
			restore()
			if lastly := c.name == "rotate signer" && at == 2; !lastly { // the blocks of the old key, when the new one stands
				wantErr(t, c.name, err, full)
			}
			for range 2 {
				token, err := f.TokenKey("a")
				switch {
				case errors.Is(err, keys.ErrNoKey) && c.name == "destroy zone":
				case err != nil:
					t.Errorf("%s, failed at %d: TokenKey = %v", c.name, at, err)
				case string(token) == string(old):
					t.Errorf("%s, failed at %d: an earlier key makes the tokens", c.name, at)
				default:
					if _, err := f.Unwrap("a", wrapped, nil); err != nil {
						t.Errorf("%s, failed at %d: Unwrap = %v", c.name, at, err)
					}
				}
				if !f.Signer().Verify([]byte("msg"), signature) {
					t.Errorf("%s, failed at %d: a signature does not verify any more", c.name, at)
				}
				must(f.Inventory())(t)
				f = reopen(t, f, dir)
			}
			// Again: it is done now, or was done.
			if err := c.do(f); err != nil && !errors.Is(err, keys.ErrExists) && !errors.Is(err, keys.ErrNoKey) {
				t.Errorf("%s after it failed at %d: %v", c.name, at, err)
			}
			f.Close()
		}
	}
}

// A rotation that fails when all is written but the folder is not durable made a
// version all the same: the process that goes on uses it, and can rotate.
func TestARotationThatFailsLateIsNotForgotten(t *testing.T) {
	f, _ := furnished(t)
	n := 0
	restore := keys.OnSync(func(string) error {
		if n++; n == 2 {
			return errors.New("input/output error")
		}
		return nil
	})
	_, err := f.RotateZone("a")
	restore()
	if err == nil {
		t.Fatal("a rotation that is not durable succeeded")
	}
	if v := must(f.RotateZone("a"))(t); v != 4 {
		t.Errorf("rotated to version %d, want 4", v)
	}
}

// stalled is a provider that does not answer until told so.
type stalled struct {
	keys.KeyProvider
	asked, answer chan struct{}
}

func (p *stalled) Wrap(secret, aad []byte) ([]byte, error) {
	if p.asked != nil {
		close(p.asked)
		<-p.answer
	}
	return p.KeyProvider.Wrap(secret, aad)
}

// While a server does not answer a rotation, the rest of the gate goes on.
func TestARotationThatWaitsStopsNobody(t *testing.T) {
	p := &stalled{KeyProvider: must(keys.Vault(keystest.NewTransit(t).Config()))(t)}
	f := must(keys.Create(filepath.Join(t.TempDir(), "keys"), p))(t)
	defer f.Close()
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
	p.asked, p.answer = make(chan struct{}), make(chan struct{})
	rotated := make(chan error)
	go func() {
		_, err := f.RotateZone("a")
		rotated <- err
	}()
	<-p.asked
	others := make(chan error)
	go func() {
		_, err := f.Unwrap("a", wrapped, nil)
		_, held := f.NewHold("run")
		others <- errors.Join(err, held)
	}()
	select {
	case err := <-others:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody gets a key while the server does not answer")
	}
	close(p.answer)
	if err := <-rotated; err != nil {
		t.Errorf("RotateZone = %v", err)
	}
}

// A process that ends while it writes a key leaves a file without a name; the next
// one destroys it, and touches nothing else.
func TestWhatWasNotPutInPlaceIsDestroyed(t *testing.T) {
	f, dir := furnished(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	left := []string{".new-1", "zones/.new-277137550", "holds/.new-2"}
	for _, name := range left {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half a key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "zones", "new-note"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var synced []string
	restore := keys.OnSync(func(path string) error {
		synced = append(synced, must(filepath.Rel(dir, path))(t))
		return nil
	})
	again, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
	restore()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
		if !slices.Contains(synced, name) || !slices.Contains(synced, filepath.Dir(name)) {
			t.Errorf("%s was not overwritten and its removal made durable: %v", name, synced)
		}
	}
	for _, name := range []string{"zones/new-note", "zones/a.key.2", "holds/run.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("what was in place is gone: %v", err)
		}
	}
}
