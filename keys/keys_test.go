package keys_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

func TestMain(m *testing.M) {
	keys.Cheap()
	os.Exit(m.Run())
}

// create returns an open folder and its path.
func create(t *testing.T) (*keys.Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	p, err := keys.Create(dir, keys.Passphrase([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, dir
}

// reopen closes p and opens its folder again.
func reopen(t *testing.T, p *keys.Folder, dir string) *keys.Folder {
	t.Helper()
	p.Close()
	q, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

func TestEveryKeySurvivesReopening(t *testing.T) {
	p, dir := create(t)
	if err := p.CreateZone("健康"); err != nil {
		t.Fatal(err)
	}
	dek := []byte("0123456789abcdef0123456789abcdef")
	wrapped := must(p.Wrap("健康", dek, []byte("col")))(t)
	token := must(p.TokenKey("健康"))(t)
	release := must(p.ReleaseKey("lic-1"))(t)
	blob := must(p.RegistryAEAD().Encrypt([]byte("blob"), nil))(t)
	sig := p.Signer().Sign([]byte("msg"))
	hold := saved(p.NewHold("run-1"))(t)
	held := must(hold.Encrypt([]byte("rows"), nil))(t)
	skey, vkey, err := p.AuditSigner("nanjing.example/zonebox")
	if err != nil {
		t.Fatal(err)
	}

	p = reopen(t, p, dir)
	if got := must(p.Unwrap("健康", wrapped, []byte("col")))(t); !bytes.Equal(got, dek) {
		t.Errorf("Unwrap = %x, want %x", got, dek)
	}
	if got := must(p.TokenKey("健康"))(t); !bytes.Equal(got, token) || len(got) != 32 {
		t.Errorf("TokenKey = %x, want %x", got, token)
	}
	if got := must(p.ReleaseKey("lic-1"))(t); !bytes.Equal(got, release) || len(got) != 32 {
		t.Errorf("ReleaseKey = %x, want %x", got, release)
	}
	if got := must(p.RegistryAEAD().Decrypt(blob, nil))(t); string(got) != "blob" {
		t.Errorf("registry Decrypt = %q, want %q", got, "blob")
	}
	if !p.Signer().Verify([]byte("msg"), sig) {
		t.Error("signature made before reopening does not verify")
	}
	hold = must(p.Hold("run-1"))(t)
	if got := must(hold.Decrypt(held, nil))(t); string(got) != "rows" {
		t.Errorf("hold Decrypt = %q, want %q", got, "rows")
	}
	s2, v2, err := p.AuditSigner("nanjing.example/zonebox")
	if err != nil || s2 != skey || v2 != vkey {
		t.Errorf("AuditSigner after reopening = %q, %v, want %q", v2, err, vkey)
	}
}

func TestWrongPassphraseIsRefused(t *testing.T) {
	p, dir := create(t)
	p.Close()
	for _, wrong := range []string{"", "correct hors", "correct horse ", "Correct horse"} {
		_, err := keys.Open(dir, keys.Passphrase([]byte(wrong)))
		wantErr(t, "Open("+wrong+")", err, keys.ErrPassphrase)
	}
	// The allowed twin, and proof that a refused Open lets go of the folder.
	q, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	q.Close()
}

func TestEmptyPassphraseMakesNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	for _, empty := range [][]byte{nil, {}} {
		_, err := keys.Create(dir, keys.Passphrase(empty))
		wantErr(t, "Create without a passphrase", err, keys.ErrPassphrase)
	}
	left, _ := os.ReadDir(filepath.Dir(dir))
	if len(left) != 0 {
		t.Errorf("refused Create left %v", left)
	}
}

// RFC 9106 §4, the second recommended option.
func TestAGuessCostsWhatTheStandardRecommends(t *testing.T) {
	if c := keys.RealCost; c.Time != 3 || c.Memory != 64<<10 || c.Lanes != 4 {
		t.Errorf("a guess costs %+v", c)
	}
}

// The parameters stand in the clear; they are bound to the wrapped key, so a
// weaker set does not open it.
func TestParametersCannotBeAltered(t *testing.T) {
	p, dir := create(t)
	p.Close()
	path := filepath.Join(dir, "root.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, old, new string
		want           error
	}{
		{"more time", `"time": 1`, `"time": 2`, keys.ErrPassphrase},
		{"no time", `"time": 1`, `"time": 0`, keys.ErrDamaged},
		{"endless time", `"time": 1`, `"time": 4000000000`, keys.ErrDamaged},
		{"endless memory", `"memory_kib": 64`, `"memory_kib": 4294967295`, keys.ErrDamaged},
		{"no lanes", `"lanes": 1`, `"lanes": 0`, keys.ErrDamaged},
		{"endless lanes", "\"memory_kib\": 64,\n    \"lanes\": 1", "\"memory_kib\": 2048,\n    \"lanes\": 65", keys.ErrDamaged},
		{"less memory than the lanes need", `"memory_kib": 64`, `"memory_kib": 7`, keys.ErrDamaged},
		{"a longer salt", `"salt": "`, `"salt": "AAAA`, keys.ErrDamaged},
		{"another function", `argon2id`, `argon2i`, keys.ErrDamaged},
		{"another format", `zonebox-keys-1`, `zonebox-keys-2`, keys.ErrDamaged},
		{"an unknown member", `"kdf"`, `"x": 1, "kdf"`, keys.ErrDamaged},
		{"trailing data", "\n}\n", "\n}}\n", keys.ErrDamaged},
	} {
		changed := strings.Replace(string(data), c.old, c.new, 1)
		if changed == string(data) {
			t.Fatalf("%s: %q is not in the file", c.name, c.old)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
		wantErr(t, c.name, err, c.want)
	}
}

func TestFolderIsReachableByItsOwnerAlone(t *testing.T) {
	p, dir := create(t)
	if err := p.CreateZone("health"); err != nil {
		t.Fatal(err)
	}
	saved(p.NewHold("run-1"))(t)
	p.Close()
	var files int
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", d.Name(), info.Mode().Perm(), want)
		}
		return nil
	})
	if files != 8 {
		t.Errorf("folder holds %d files, want 8", files)
	}

	for _, name := range []string{"", "root.json", "registry.key", "derive.key", "release.key", "audit.key", "zones", "holds"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, info.Mode().Perm()|0o040)
		_, err = keys.Open(dir, keys.Passphrase([]byte("correct horse")))
		wantErr(t, "Open with "+name+" open to the group", err, keys.ErrPermission)
		os.Chmod(path, info.Mode().Perm())
	}
}

func TestOneProcessHoldsAFolder(t *testing.T) {
	p, dir := create(t)
	_, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
	wantErr(t, "second Open", err, keys.ErrLocked)
	reopen(t, p, dir)
}

func TestCreateNeverReplaces(t *testing.T) {
	p, dir := create(t)
	p.Close()
	_, err := keys.Create(dir, keys.Passphrase([]byte("other")))
	wantErr(t, "Create over a folder", err, keys.ErrExists)
	if q, err := keys.Open(dir, keys.Passphrase([]byte("correct horse"))); err != nil {
		t.Errorf("Open after refused Create = %v", err)
	} else {
		q.Close()
	}
	empty := t.TempDir()
	q, err := keys.Create(empty, keys.Passphrase([]byte("other")))
	if err != nil {
		t.Fatalf("Create over an empty folder = %v", err)
	}
	q.Close()
}

// What is not an empty folder is not a key folder's place: a file or a link there
// survives, and no server is asked for a key that nothing would need.
func TestCreateTakesThePlaceOfNothing(t *testing.T) {
	dir := t.TempDir()
	file, link, full, target := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "full"), t.TempDir()
	for _, err := range []error{os.WriteFile(file, []byte("a letter"), 0o600), os.Symlink(target, link), os.Mkdir(full, 0o700),
		os.WriteFile(filepath.Join(full, "x"), nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := keystest.NewTransit(t)
	for _, place := range []string{file, link, full} {
		_, err := keys.Create(place, must(keys.Vault(s.Config()))(t))
		wantErr(t, "Create at "+filepath.Base(place), err, keys.ErrExists)
	}
	if text, err := os.ReadFile(file); string(text) != "a letter" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if to, err := os.Readlink(link); to != target {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if left := must(os.ReadDir(dir))(t); len(left) != 3 {
		t.Errorf("refused Create left %v", left)
	}
	if asked := s.Requests(); len(asked) != 0 {
		t.Errorf("the server was asked %v", asked)
	}
}

func TestMissingFolderIsNoKey(t *testing.T) {
	_, err := keys.Open(filepath.Join(t.TempDir(), "none"), keys.Passphrase([]byte("x")))
	wantErr(t, "Open", err, keys.ErrNoKey)
}

// Each wrapped key is bound to its place: a file put in the place of another of
// the same kind does not open.
func TestKeyFilesCannotBeSwapped(t *testing.T) {
	p, dir := create(t)
	for _, z := range []string{"a", "b"} {
		if err := p.CreateZone(z); err != nil {
			t.Fatal(err)
		}
		saved(p.NewHold(z))(t)
	}
	for _, sub := range []string{"zones", "holds"} {
		data, err := os.ReadFile(filepath.Join(dir, sub, "a.key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, sub, "b.key"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p = reopen(t, p, dir)
	_, err := p.TokenKey("b")
	wantErr(t, "TokenKey(b)", err, keys.ErrDamaged)
	_, err = p.Hold("b")
	wantErr(t, "Hold(b)", err, keys.ErrDamaged)
	must(p.TokenKey("a"))(t)
	must(p.Hold("a"))(t)

	p.Close()
	data, _ := os.ReadFile(filepath.Join(dir, "audit.key"))
	if err := os.WriteFile(filepath.Join(dir, "release.key"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = keys.Open(dir, keys.Passphrase([]byte("correct horse")))
	wantErr(t, "Open with the audit key as release key", err, keys.ErrDamaged)
}

func TestWrapIsBoundToZoneAndPlace(t *testing.T) {
	p, _ := create(t)
	for _, z := range []string{"a", "b"} {
		if err := p.CreateZone(z); err != nil {
			t.Fatal(err)
		}
	}
	wrapped := must(p.Wrap("a", []byte("dek"), []byte("column x")))(t)
	_, err := p.Unwrap("b", wrapped, []byte("column x"))
	wantErr(t, "another zone", err, keys.ErrDamaged)
	_, err = p.Unwrap("a", wrapped, []byte("column y"))
	wantErr(t, "another column", err, keys.ErrDamaged)
	for i := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 1
		_, err = p.Unwrap("a", bad, []byte("column x"))
		wantErr(t, "flipped bit", err, keys.ErrDamaged)
	}
	if got := must(p.Unwrap("a", wrapped, []byte("column x")))(t); string(got) != "dek" {
		t.Errorf("Unwrap = %q, want %q", got, "dek")
	}
}

func TestDestroyedZoneIsDead(t *testing.T) {
	p, dir := create(t)
	if err := p.CreateZone("health"); err != nil {
		t.Fatal(err)
	}
	if err := p.CreateZone("other"); err != nil {
		t.Fatal(err)
	}
	wrapped := must(p.Wrap("health", []byte("dek"), nil))(t)
	token := must(p.TokenKey("health"))(t)
	wantErr(t, "CreateZone twice", p.CreateZone("health"), keys.ErrExists)

	if err := p.DestroyZone("health"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := p.Unwrap("health", wrapped, nil)
		wantErr(t, "Unwrap", err, keys.ErrNoKey)
		_, err = p.Wrap("health", []byte("dek"), nil)
		wantErr(t, "Wrap", err, keys.ErrNoKey)
		_, err = p.TokenKey("health")
		wantErr(t, "TokenKey", err, keys.ErrNoKey)
		wantErr(t, "DestroyZone again", p.DestroyZone("health"), keys.ErrNoKey)
		must(p.TokenKey("other"))(t)
		p = reopen(t, p, dir)
	}

	// New keys under the old name open nothing of the old ones.
	if err := p.CreateZone("health"); err != nil {
		t.Fatal(err)
	}
	_, err := p.Unwrap("health", wrapped, nil)
	wantErr(t, "Unwrap with the new key", err, keys.ErrDamaged)
	if bytes.Equal(must(p.TokenKey("health"))(t), token) {
		t.Error("the new zone key makes the old tokens")
	}
}

// saved is must for a hold key that is also written to its folder.
func saved(h *keys.HoldKey, err error) func(*testing.T) *keys.HoldKey {
	if err == nil {
		err = h.Save()
	}
	return must(h, err)
}

// A key that was never saved is a key all the same, and ends without a trace.
func TestUnsavedHoldKeyLivesInMemoryOnly(t *testing.T) {
	p, dir := create(t)
	h := must(p.NewHold("run-1"))(t)
	held := must(h.Encrypt([]byte("rows"), []byte("x")))(t)
	if got := must(must(p.Hold("run-1"))(t).Decrypt(held, []byte("x")))(t); string(got) != "rows" {
		t.Errorf("Decrypt = %q, want rows", got)
	}
	_, err := p.NewHold("run-1")
	wantErr(t, "NewHold twice", err, keys.ErrExists)
	if files := must(os.ReadDir(filepath.Join(dir, "holds")))(t); len(files) != 0 {
		t.Errorf("%d files before Save, want none", len(files))
	}
	if err := p.DestroyHold("run-1"); err != nil {
		t.Fatal(err)
	}
	_, err = h.Decrypt(held, []byte("x"))
	wantErr(t, "Decrypt", err, keys.ErrNoKey)
	wantErr(t, "Save", h.Save(), keys.ErrNoKey)

	h = must(p.NewHold("run-2"))(t)
	held = must(h.Encrypt([]byte("rows"), []byte("x")))(t)
	for range 2 {
		if err := h.Save(); err != nil {
			t.Fatal(err)
		}
	}
	p = reopen(t, p, dir)
	if got := must(must(p.Hold("run-2"))(t).Decrypt(held, []byte("x")))(t); string(got) != "rows" {
		t.Errorf("Decrypt after Save and reopening = %q, want rows", got)
	}
}

// A Save that fails once its file has its name, as when the folder cannot be
// synced, leaves a key on disk that nothing else would look for.
func TestDestroyHoldTakesWhatAFailedSaveLeft(t *testing.T) {
	p, dir := create(t)
	h := must(p.NewHold("run-1"))(t)
	path := filepath.Join(dir, "holds", "run-1.key")
	if err := os.WriteFile(path, []byte("a keyset"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.DestroyHold("run-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after DestroyHold its file: %v, want none", err)
	}
	_, err := h.Encrypt(nil, nil)
	wantErr(t, "Encrypt", err, keys.ErrNoKey)
}

func TestDestroyedHoldStopsEveryHolderOfIt(t *testing.T) {
	p, dir := create(t)
	h := saved(p.NewHold("run-1"))(t)
	held := must(h.Encrypt([]byte("rows"), []byte("x")))(t)
	other := must(p.Hold("run-1"))(t)
	_, err := p.NewHold("run-1")
	wantErr(t, "NewHold twice", err, keys.ErrExists)
	_, err = other.Decrypt(held, []byte("y"))
	wantErr(t, "Decrypt for another place", err, keys.ErrDamaged)

	if err := p.DestroyHold("run-1"); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*keys.HoldKey{h, other} {
		_, err = k.Decrypt(held, []byte("x"))
		wantErr(t, "Decrypt", err, keys.ErrNoKey)
		_, err = k.Encrypt(nil, nil)
		wantErr(t, "Encrypt", err, keys.ErrNoKey)
	}
	wantErr(t, "DestroyHold again", p.DestroyHold("run-1"), keys.ErrNoKey)
	p = reopen(t, p, dir)
	_, err = p.Hold("run-1")
	wantErr(t, "Hold", err, keys.ErrNoKey)
	// A new key under the same id does not open the old copy.
	h = saved(p.NewHold("run-1"))(t)
	_, err = h.Decrypt(held, []byte("x"))
	wantErr(t, "Decrypt with the new key", err, keys.ErrDamaged)
}

// A hard link made before stands for the blocks on disk: after DestroyHold they
// no longer hold the key.
func TestDestroyedKeyIsOverwritten(t *testing.T) {
	p, dir := create(t)
	saved(p.NewHold("run-1"))(t)
	kept := filepath.Join(t.TempDir(), "link")
	if err := os.Link(filepath.Join(dir, "holds", "run-1.key"), kept); err != nil {
		t.Skip("no hard links here")
	}
	before, _ := os.ReadFile(kept)
	if err := p.DestroyHold("run-1"); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(kept)
	if len(after) != len(before) || bytes.Contains(after, before[len(before)/2:]) {
		t.Errorf("blocks of the destroyed key still hold it")
	}
}

func TestNamesThatCannotBeUsed(t *testing.T) {
	p, dir := create(t)
	for _, name := range []string{"", strings.Repeat("x", 81), "a\x00b", "a\nb", "\xff"} {
		wantErr(t, "CreateZone", p.CreateZone(name), keys.ErrName)
		_, err := p.NewHold(name)
		wantErr(t, "NewHold", err, keys.ErrName)
		_, err = keys.Generate(name)
		wantErr(t, "Generate", err, keys.ErrName)
	}
	// The allowed twin: nothing a name says leaves the folder.
	for _, name := range []string{"..", "../../x", "/etc/passwd", ".", "区", strings.Repeat("域", 26)} {
		if err := p.CreateZone(name); err != nil {
			t.Errorf("CreateZone(%q) = %v", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "zones"))
	if err != nil || len(entries) != 6 {
		t.Errorf("zones holds %d files, want 6 (%v)", len(entries), err)
	}
}

func TestDerivedKeysDifferByScope(t *testing.T) {
	p, _ := create(t)
	seen := map[string]string{}
	add := func(what string, key []byte) {
		t.Helper()
		if other, ok := seen[hex.EncodeToString(key)]; ok {
			t.Errorf("%s and %s share a key", what, other)
		}
		seen[hex.EncodeToString(key)] = what
	}
	for _, z := range []string{"a", "b"} {
		if err := p.CreateZone(z); err != nil {
			t.Fatal(err)
		}
		add("token "+z, must(p.TokenKey(z))(t))
		add("license "+z, must(p.ReleaseKey(z))(t))
	}
	add("release a/b", must(p.ReleaseKey("a", "b"))(t))
	add("release ab", must(p.ReleaseKey("ab"))(t))
	add("release a/", must(p.ReleaseKey("a", ""))(t))
	q, _ := create(t)
	add("license a elsewhere", must(q.ReleaseKey("a"))(t))
}

func TestAuditKeyIsAnEd25519NoteKey(t *testing.T) {
	p, _ := create(t)
	skey, vkey, err := p.AuditSigner("nanjing.example/zonebox")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if verifier.Name() != "nanjing.example/zonebox" {
		t.Errorf("verifier name = %q", verifier.Name())
	}
	signed, err := note.Sign(&note.Note{Text: "head\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
		t.Errorf("note.Open = %v", err)
	}
	for _, origin := range []string{"", "a b", "a+b"} {
		_, _, err := p.AuditSigner(origin)
		wantErr(t, "AuditSigner("+origin+")", err, keys.ErrName)
	}
	if bytes.Contains([]byte(skey), p.Signer().Public()) {
		t.Error("audit and release share a key")
	}
}

// Folders that tests make cheaply open as any other does, and under no other
// passphrase.
func TestACheapFolderIsOneOfAPassphrase(t *testing.T) {
	made, cheapened := filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "keys")
	for dir, p := range map[string]keys.KeyProvider{
		made: keystest.Cheap([]byte("correct horse")), cheapened: keys.Passphrase([]byte("correct horse")),
	} {
		f, err := keys.Create(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := keystest.Cheapen(cheapened, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{made, cheapened} {
		f, err := keys.Open(dir, keys.Passphrase([]byte("correct horse")))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		_, err = keys.Open(dir, keys.Passphrase([]byte("battery staple")))
		wantErr(t, "another passphrase", err, keys.ErrPassphrase)
	}
}
