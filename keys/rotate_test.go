package keys_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

// house is a key folder under one of the providers.
type house struct {
	dir      string
	provider keys.KeyProvider
	*keys.Folder
}

// eachProvider runs a test on folders of every provider there is.
func eachProvider(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	run := func(name string, provider func(t *testing.T) keys.KeyProvider) {
		t.Run(name, func(t *testing.T) {
			h := &house{dir: filepath.Join(t.TempDir(), "keys"), provider: provider(t)}
			h.Folder = must(keys.Create(h.dir, h.provider))(t)
			t.Cleanup(func() { h.Close() })
			test(t, h)
		})
	}
	run("passphrase", func(*testing.T) keys.KeyProvider { return keys.Passphrase([]byte("correct horse")) })
	run("vault, as documented", func(t *testing.T) keys.KeyProvider { return must(keys.Vault(keystest.NewTransit(t).Config()))(t) })
	run("vault, the program", func(t *testing.T) keys.KeyProvider {
		_, role := keystest.Server(t)
		return must(keys.Vault(role))(t)
	})
}

func (h *house) reopen(t *testing.T) {
	t.Helper()
	h.Close()
	h.Folder = must(keys.Open(h.dir, h.provider))(t)
}

func (h *house) create(t *testing.T, zones ...string) {
	t.Helper()
	for _, z := range zones {
		if err := h.CreateZone(z); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARotatedZoneKeyOpensWhatItsEarlierVersionsWrapped(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		h.create(t, "a", "b")
		token, other := must(h.TokenKey("a"))(t), must(h.TokenKey("b"))(t)
		var wrapped [][]byte
		for n := 1; n <= 3; n++ {
			wrapped = append(wrapped, must(h.Wrap("a", []byte{byte(n)}, []byte("x")))(t))
			if got := must(h.RotateZone("a"))(t); got != n+1 {
				t.Errorf("RotateZone = %d, want %d", got, n+1)
			}
		}
		for range 2 {
			for i, w := range wrapped {
				if dek := must(h.Unwrap("a", w, []byte("x")))(t); len(dek) != 1 || int(dek[0]) != i+1 {
					t.Errorf("Unwrap of version %d = %v", i+1, dek)
				}
				if v := must(h.WrappedBy("a", w, []byte("x")))(t); v != i+1 {
					t.Errorf("WrappedBy = %d, want %d", v, i+1)
				}
				_, err := h.Unwrap("b", w, []byte("x"))
				wantErr(t, "another zone", err, keys.ErrDamaged)
			}
			if v := must(h.WrappedBy("a", must(h.Wrap("a", []byte("new"), nil))(t), nil))(t); v != 4 {
				t.Errorf("what is new is wrapped by version %d, want 4", v)
			}
			if !bytes.Equal(must(h.TokenKey("a"))(t), token) || !bytes.Equal(must(h.TokenKey("b"))(t), other) {
				t.Error("the rotation of a zone key changed tokens")
			}
			h.reopen(t)
		}
		_, err := h.RotateZone("none")
		wantErr(t, "RotateZone of no zone", err, keys.ErrNoKey)
	})
}

func TestRotatedTokensAreOthersAndTheEarlierKeyCanBeDerived(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		h.create(t, "a")
		first := must(h.TokenKey("a"))(t)
		wrapped := must(h.Wrap("a", []byte("dek"), nil))(t)
		must(h.RotateTokens("a"))(t)
		for range 2 {
			second := must(h.TokenKey("a"))(t)
			if bytes.Equal(first, second) {
				t.Fatal("the tokens stayed as they were")
			}
			for version, want := range map[int][]byte{0: second, 1: first, 2: second} {
				if got := must(h.Derive(keys.Purpose{Use: keys.UseToken, Zone: "a", Version: version}))(t); !bytes.Equal(got, want) {
					t.Errorf("Derive version %d = %x, want %x", version, got, want)
				}
			}
			_, err := h.Derive(keys.Purpose{Use: keys.UseToken, Zone: "a", Version: 3})
			wantErr(t, "a version to come", err, keys.ErrNoKey)
			if dek := must(h.Unwrap("a", wrapped, nil))(t); string(dek) != "dek" {
				t.Errorf("Unwrap = %q", dek)
			}
			h.reopen(t)
		}
	})
}

func TestADestroyedVersionIsDeadAndTheOthersLive(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		h.create(t, "a", "b")
		token := must(h.TokenKey("a"))(t)
		first := must(h.Wrap("a", []byte("1"), nil))(t)
		wantErr(t, "DestroyZoneVersion of the only one", h.DestroyZoneVersion("a", 1), keys.ErrNewest)
		must(h.RotateZone("a"))(t)
		second := must(h.Wrap("a", []byte("2"), nil))(t)
		wantErr(t, "DestroyZoneVersion of the newest", h.DestroyZoneVersion("a", 2), keys.ErrNewest)
		wantErr(t, "DestroyZoneVersion of none", h.DestroyZoneVersion("a", 3), keys.ErrNoKey)
		wantErr(t, "DestroyZoneVersion of 0", h.DestroyZoneVersion("a", 0), keys.ErrNoKey)
		if err := h.DestroyZoneVersion("a", 1); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := h.Unwrap("a", first, nil)
			wantErr(t, "Unwrap of what it wrapped", err, keys.ErrDamaged)
			if dek := must(h.Unwrap("a", second, nil))(t); string(dek) != "2" {
				t.Errorf("Unwrap of the other version = %q", dek)
			}
			if !bytes.Equal(must(h.TokenKey("a"))(t), token) {
				t.Error("the tokens changed")
			}
			wantErr(t, "DestroyZoneVersion again", h.DestroyZoneVersion("a", 1), keys.ErrNoKey)
			must(h.TokenKey("b"))(t)
			h.reopen(t)
		}
		// The number of a destroyed version is not given again.
		if err := h.DestroyZone("a"); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "DestroyZone again", h.DestroyZone("a"), keys.ErrNoKey)
		_, err := h.RotateZone("a")
		wantErr(t, "RotateZone", err, keys.ErrNoKey)
		h.create(t, "a")
		if v := must(h.WrappedBy("a", must(h.Wrap("a", []byte("3"), nil))(t), nil))(t); v != 3 {
			t.Errorf("the new keys are version %d, want 3", v)
		}
		for _, w := range [][]byte{first, second} {
			_, err := h.Unwrap("a", w, nil)
			wantErr(t, "Unwrap with the new key", err, keys.ErrDamaged)
		}
		if bytes.Equal(must(h.TokenKey("a"))(t), token) {
			t.Error("the new keys make the old tokens")
		}
	})
}

// A process that ends between the word that a version is destroyed and the end
// of its file leaves both. The version is dead by its word, and the next call
// finishes.
func TestAnInterruptedDestructionIsDeadAndCanBeFinished(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		h.create(t, "a")
		first := must(h.Wrap("a", []byte("1"), nil))(t)
		must(h.RotateZone("a"))(t)
		word := filepath.Join(h.dir, "zones", "a.key.gone")
		if err := os.WriteFile(word, []byte(`{"created":"2026-11-01T00:00:00Z","destroyed":"2026-11-02T00:00:00Z"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		h.reopen(t)
		_, err := h.Unwrap("a", first, nil)
		wantErr(t, "Unwrap", err, keys.ErrDamaged)
		if e := entryOf(t, h, keys.PurposeZoneData, "a", 1); e.State != keys.StateUnfinished {
			t.Errorf("state = %s, want %s", e.State, keys.StateUnfinished)
		}
		if err := h.DestroyZoneVersion("a", 1); err != nil {
			t.Fatal(err)
		}
		if e := entryOf(t, h, keys.PurposeZoneData, "a", 1); e.State != keys.StateDestroyed {
			t.Errorf("state = %s, want %s", e.State, keys.StateDestroyed)
		}
		if _, err := os.Lstat(filepath.Join(h.dir, "zones", "a.key")); !os.IsNotExist(err) {
			t.Errorf("the file of the key: %v, want none", err)
		}
	})
}

// Whatever interrupts the destruction of a zone's keys, all of them are dead or
// the newest is still the one in use: an earlier version, with an earlier key of
// tokens, is never the zone's again.
func TestAnInterruptedDestructionOfAZoneBringsNoEarlierVersionBack(t *testing.T) {
	s := keystest.NewTransit(t)
	f := must(keys.Create(filepath.Join(t.TempDir(), "keys"), must(keys.Vault(s.Config()))(t)))(t)
	defer f.Close()
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
	must(f.RotateTokens("a"))(t)
	s.Set(keystest.Refusing)
	wantErr(t, "DestroyZone", f.DestroyZone("a"), keys.ErrForbidden)
	s.Set(keystest.None)
	_, err := f.TokenKey("a")
	wantErr(t, "TokenKey", err, keys.ErrNoKey)
	_, err = f.Unwrap("a", wrapped, nil)
	wantErr(t, "Unwrap", err, keys.ErrNoKey)
	if err := f.DestroyZone("a"); err != nil {
		t.Fatal(err)
	}
	if left := s.Keys(); len(left) != 1 {
		t.Errorf("the server has %v, want the root's key alone", left)
	}
}

// Should the server have ended the newest version, an earlier one takes its place
// in nothing: what is new waits for a rotation, which makes tokens like none of
// before; what the earlier one wrapped still opens.
func TestAnEarlierVersionIsNotTheCurrentOneAgain(t *testing.T) {
	s := keystest.NewTransit(t)
	f := must(keys.Create(filepath.Join(t.TempDir(), "keys"), must(keys.Vault(s.Config()))(t)))(t)
	defer f.Close()
	at := time.Now()
	keys.SetNow(f, func() time.Time { return at })
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	wrapped, first := must(f.Wrap("a", []byte("dek"), nil))(t), must(f.TokenKey("a"))(t)
	must(f.RotateTokens("a"))(t)
	second := must(f.TokenKey("a"))(t)
	s.End(s.Made()[2])
	at = at.Add(time.Hour)
	_, err := f.TokenKey("a")
	wantErr(t, "TokenKey", err, keys.ErrNoKey)
	_, err = f.Wrap("a", []byte("dek"), nil)
	wantErr(t, "Wrap", err, keys.ErrNoKey)
	must(f.Unwrap("a", wrapped, nil))(t)
	for _, e := range must(f.Inventory())(t) {
		if e.Zone == "a" && e.State == keys.StateCurrent {
			t.Errorf("%+v is current", e)
		}
	}
	if v := must(f.RotateZone("a"))(t); v != 3 {
		t.Errorf("rotated to version %d, want 3", v)
	}
	if token := must(f.TokenKey("a"))(t); bytes.Equal(token, first) || bytes.Equal(token, second) {
		t.Error("the tokens are those of an earlier version")
	}
	must(f.Unwrap("a", wrapped, nil))(t)
	if err := f.DestroyZoneVersion("a", 2); err != nil {
		t.Errorf("DestroyZoneVersion of what the server ended = %v", err)
	}
}

// However many rotate at once, each rotation counts: no two versions have one key
// of tokens by chance.
func TestRotationsAtOnceAllCount(t *testing.T) {
	f, _ := create(t)
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	const n = 8
	failed := make(chan error, n)
	for range n {
		go func() {
			_, err := f.RotateTokens("a")
			failed <- err
		}()
	}
	for range n {
		if err := <-failed; err != nil {
			t.Errorf("RotateTokens = %v", err)
		}
	}
	for _, purpose := range []string{keys.PurposeZoneData, keys.PurposeZoneTokens} {
		if e := entryOf(t, &house{Folder: f}, purpose, "a", n+1); e.State != keys.StateCurrent {
			t.Errorf("%s version %d is %s", purpose, n+1, e.State)
		}
	}
}

// A number is given once, though files of versions were lost.
func TestANumberIsGivenOnce(t *testing.T) {
	f, dir := create(t)
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	must(f.RotateZone("a"))(t)
	wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
	if err := os.Remove(filepath.Join(dir, "zones", "a.key")); err != nil {
		t.Fatal(err)
	}
	f = reopen(t, f, dir)
	if v := must(f.RotateZone("a"))(t); v != 3 {
		t.Errorf("rotated to version %d, want 3", v)
	}
	must(f.Unwrap("a", wrapped, nil))(t)
}

// Versions are bound to their number, and what stands in the clear beside the
// wrapped keys is bound to them.
func TestVersionsCannotBeSwappedNorTheirClearMembersAltered(t *testing.T) {
	p := keys.Passphrase([]byte("correct horse"))
	dir := filepath.Join(t.TempDir(), "keys")
	f := must(keys.Create(dir, p))(t)
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	must(f.RotateTokens("a"))(t)
	f.Close()
	first, second := filepath.Join(dir, "zones", "a.key"), filepath.Join(dir, "zones", "a.key.2")
	good1, good2 := must(os.ReadFile(first))(t), must(os.ReadFile(second))(t)
	for _, c := range []struct {
		name         string
		one, another string
	}{
		{"as they are", string(good1), string(good2)},
		{"swapped", string(good2), string(good1)},
		{"the first as the second", string(good1), string(good1)},
		{"another version of tokens", string(good1), strings.Replace(string(good2), `"token":2`, `"token":1`, 1)},
		{"no version of tokens", string(good1), strings.Replace(string(good2), `,"token":2`, ``, 1)},
		{"another time", string(good1), strings.Replace(string(good2), `"created":"20`, `"created":"19`, 1)},
	} {
		os.WriteFile(first, []byte(c.one), 0o600)
		os.WriteFile(second, []byte(c.another), 0o600)
		f := must(keys.Open(dir, p))(t)
		_, err := f.TokenKey("a")
		f.Close()
		if c.name == "as they are" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if c.one == string(good1) && c.another == string(good2) {
			t.Fatalf("%s: nothing was altered", c.name)
		}
		wantErr(t, c.name, err, keys.ErrDamaged)
	}
}

// Names of zones and files of versions never meet.
func TestZoneNamesThatLookLikeVersions(t *testing.T) {
	p, dir := create(t)
	names := []string{"a", "a.key", "a.key.2", "a.key.gone", "a.key.2.gone", "a.gone", "a.2", "a%2"}
	tokens := map[string]string{}
	for _, name := range names {
		if err := p.CreateZone(name); err != nil {
			t.Fatalf("CreateZone(%q) = %v", name, err)
		}
		must(p.RotateZone(name))(t)
		tokens[name] = string(must(p.TokenKey(name))(t))
	}
	if err := p.DestroyZoneVersion("a", 1); err != nil {
		t.Fatal(err)
	}
	p = reopen(t, p, dir)
	for _, name := range names {
		if string(must(p.TokenKey(name))(t)) != tokens[name] {
			t.Errorf("the keys of %q changed", name)
		}
		want := 2
		if v := must(p.WrappedBy(name, must(p.Wrap(name, []byte("x"), nil))(t), nil))(t); v != want {
			t.Errorf("%q is at version %d, want %d", name, v, want)
		}
	}
}

func TestDerivedKeysDifferByPurpose(t *testing.T) {
	p, _ := create(t)
	seen := map[string]keys.Purpose{}
	for _, zone := range []string{"a", "b"} {
		if err := p.CreateZone(zone); err != nil {
			t.Fatal(err)
		}
		must(p.RotateTokens(zone))(t)
		for _, use := range []string{keys.UseToken, "shift", "purpose"} {
			for _, domain := range []string{"", "person", "personx", "x"} {
				for _, version := range []int{1, 2} {
					for _, kdf := range []string{keys.KDFSHA256, keys.KDFSM3} {
						purpose := keys.Purpose{Use: use, Zone: zone, Domain: domain, Version: version, KDF: kdf}
						key := string(must(p.Derive(purpose))(t))
						if other, ok := seen[key]; ok || len(key) != 32 {
							t.Errorf("%v and %v share a key of %d bytes", purpose, other, len(key))
						}
						seen[key] = purpose
						if string(must(p.Derive(purpose))(t)) != key {
							t.Errorf("%v has two keys", purpose)
						}
					}
				}
			}
		}
	}
	for _, bad := range []keys.Purpose{{Zone: "a"}, {Use: "x", Zone: "a", Version: -1}, {Use: "x", Zone: "a", KDF: "MD5"}, {Use: "x", Zone: "none"}} {
		_, err := p.Derive(bad)
		wantErr(t, "Derive", err, keys.ErrNoKey)
	}
}
