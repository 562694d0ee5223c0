package keys_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"zonebox/keys"
)

// before returns a copy of a folder that was made before keys had versions and
// providers, and what was made with its keys then.
func before(t *testing.T) (dir string, made map[string]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "folder-1"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
	text := must(os.ReadFile(filepath.Join("testdata", "folder-1.json")))(t)
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	return dir, made
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	return must(hex.DecodeString(s))(t)
}

// Bytes that a domain derived, wrapped, encrypted and signed earlier are what
// this code derives, unwraps, decrypts and verifies.
func TestAFolderFromBeforeOpensAndDerivesAsItDid(t *testing.T) {
	dir, made := before(t)
	f := must(keys.Open(dir, keys.Passphrase([]byte("correct horse"))))(t)
	t.Cleanup(func() { f.Close() })
	for range 2 {
		for name, key := range map[string][]byte{
			"token medical":       must(f.TokenKey("medical"))(t),
			"token 健康":            must(f.TokenKey("健康"))(t),
			"release lic-1":       must(f.ReleaseKey("lic-1"))(t),
			"release lic-1 run-1": must(f.ReleaseKey("lic-1", "run-1"))(t),
			"signer":              f.Signer().Public(),
		} {
			if hex.EncodeToString(key) != made[name] {
				t.Errorf("%s = %x, want %s", name, key, made[name])
			}
		}
		if dek := must(f.Unwrap("medical", unhex(t, made["wrapped medical"]), []byte("column")))(t); string(dek) != "0123456789abcdef0123456789abcdef" {
			t.Errorf("Unwrap = %q", dek)
		}
		if blob := must(f.RegistryAEAD().Decrypt(unhex(t, made["registry"]), []byte("row")))(t); string(blob) != "blob" {
			t.Errorf("registry = %q", blob)
		}
		if rows := must(must(f.Hold("run-1"))(t).Decrypt(unhex(t, made["hold run-1"]), []byte("x")))(t); string(rows) != "rows" {
			t.Errorf("hold = %q", rows)
		}
		if !f.Signer().Verify([]byte("msg"), unhex(t, made["signature"])) {
			t.Error("the signature does not verify")
		}
		if _, vkey, err := f.AuditSigner("nanjing.example"); err != nil || vkey != made["audit nanjing.example"] {
			t.Errorf("audit key = %s, %v, want %s", vkey, err, made["audit nanjing.example"])
		}
		// The same again after a rotation.
		if _, err := f.RotateZone("medical"); err != nil {
			t.Fatal(err)
		}
		f = reopen(t, f, dir)
	}
}

// A file from before has nothing in the clear, and nothing can be put there.
func TestAFileFromBeforeTakesNoClearMember(t *testing.T) {
	dir, _ := before(t)
	path := filepath.Join(dir, "zones", "medical.key")
	good := string(must(os.ReadFile(path))(t))
	for _, more := range []string{`{"token":2,`, `{"created":"2026-11-22T08:00:00Z",`} {
		if err := os.WriteFile(path, []byte(more+good[1:]), 0o600); err != nil {
			t.Fatal(err)
		}
		f := must(keys.Open(dir, keys.Passphrase([]byte("correct horse"))))(t)
		_, err := f.TokenKey("medical")
		wantErr(t, more, err, keys.ErrDamaged)
		f.Close()
	}
}

// What a rotation makes of a folder from before has a secret for the SM3 KDF,
// which the folder did not have.
func TestAFolderFromBeforeGetsASecretForSM3ByRotation(t *testing.T) {
	dir, _ := before(t)
	f := must(keys.Open(dir, keys.Passphrase([]byte("correct horse"))))(t)
	t.Cleanup(func() { f.Close() })
	sm := keys.Purpose{Use: keys.UseToken, Zone: "medical", KDF: keys.KDFSM3}
	_, err := f.Derive(sm)
	wantErr(t, "Derive before", err, keys.ErrNoKey)
	must(f.RotateZone("medical"))(t)
	first := must(f.Derive(sm))(t)
	must(f.RotateZone("medical"))(t)
	f = reopen(t, f, dir)
	if again := must(f.Derive(sm))(t); !bytes.Equal(again, first) {
		t.Error("a rotation changed the key of the SM3 KDF")
	}
}
