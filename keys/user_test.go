package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"zonebox/keys"
)

func TestUserKeyRoundTrip(t *testing.T) {
	u := must(keys.Generate("li.wei"))(t)
	path := filepath.Join(t.TempDir(), "li.wei.json")
	if err := keys.SaveUser(path, u); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600 (%v)", info.Mode(), err)
	}
	got := must(keys.LoadUser(path))(t)
	if got.Name() != "li.wei" || got.SigningKey() != u.SigningKey() || got.RecipientKey() != u.RecipientKey() {
		t.Errorf("LoadUser = %v, want the public parts of %v", got, u)
	}

	// The published signing key checks what the loaded key signs.
	public, err := base64.StdEncoding.DecodeString(u.SigningKey())
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(public, []byte("msg"), got.Sign([]byte("msg"))) {
		t.Error("signature of the loaded key does not verify")
	}
	// What is encrypted to the published keyset, the loaded key opens.
	raw, err := base64.StdEncoding.DecodeString(u.RecipientKey())
	if err != nil {
		t.Fatal(err)
	}
	handle, err := keyset.ReadWithNoSecrets(keyset.NewBinaryReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	enc := must(hybrid.NewHybridEncrypt(handle))(t)
	ct := must(enc.Encrypt([]byte("rows"), []byte("info")))(t)
	dec := must(hybrid.NewHybridDecrypt(got.Recipient()))(t)
	if pt, err := dec.Decrypt(ct, []byte("info")); err != nil || string(pt) != "rows" {
		t.Errorf("Decrypt = %q, %v, want %q", pt, err, "rows")
	}
}

func TestUserKeyFileOpenToOthersIsRefused(t *testing.T) {
	u := must(keys.Generate("li.wei"))(t)
	path := filepath.Join(t.TempDir(), "key.json")
	if err := keys.SaveUser(path, u); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666} {
		os.Chmod(path, mode)
		_, err := keys.LoadUser(path)
		wantErr(t, fmt.Sprintf("LoadUser with mode %o", mode), err, keys.ErrPermission)
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		os.Chmod(path, mode)
		must(keys.LoadUser(path))(t)
	}
}

func TestSaveUserNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	first := must(keys.Generate("a"))(t)
	if err := keys.SaveUser(path, first); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "SaveUser", keys.SaveUser(path, must(keys.Generate("b"))(t)), keys.ErrExists)
	if got := must(keys.LoadUser(path))(t); got.SigningKey() != first.SigningKey() {
		t.Error("the first key was replaced")
	}
}

func TestDamagedUserKeyIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	if err := keys.SaveUser(path, must(keys.Generate("a"))(t)); err != nil {
		t.Fatal(err)
	}
	good, _ := os.ReadFile(path)
	for name, bad := range map[string]string{
		"empty":          "",
		"not json":       "key",
		"another format": strings.Replace(string(good), "zonebox-user-1", "zonebox-user-2", 1),
		"unknown member": strings.Replace(string(good), `"name"`, `"x": 1, "name"`, 1),
		"no name":        strings.Replace(string(good), `"name": "a"`, `"name": ""`, 1),
		"short seed":     strings.Replace(string(good), `"signing_key": "`, `"signing_key": "AAAA`, 1),
		"no keyset":      strings.Replace(string(good), `"recipient_key": "`, `"recipient_key": "AAAA`, 1),
	} {
		os.WriteFile(path, []byte(bad), 0o600)
		_, err := keys.LoadUser(path)
		wantErr(t, name, err, keys.ErrDamaged)
	}
	_, err := keys.LoadUser(filepath.Join(t.TempDir(), "none"))
	wantErr(t, "missing file", err, keys.ErrNoKey)
}

// A key that could not be written does not keep its name.
func TestAUserKeyThatIsNotWrittenCanBeSavedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	u := must(keys.Generate("a"))(t)
	restore := keys.OnSync(func(string) error { return errors.New("no space left") })
	err := keys.SaveUser(path, u)
	restore()
	if err == nil {
		t.Fatal("a key that is not durable was saved")
	}
	if err := keys.SaveUser(path, u); err != nil {
		t.Errorf("SaveUser again = %v", err)
	}
}

func TestUserKeyNeverPrints(t *testing.T) {
	u := must(keys.Generate("li.wei"))(t)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "user", u)
	seed := u.Private().Seed()
	for _, text := range []string{
		fmt.Sprint(u), fmt.Sprintf("%+v", u), fmt.Sprintf("%#v", u), u.String(), log.String(),
	} {
		if !strings.Contains(text, "li.wei") ||
			strings.Contains(text, base64.StdEncoding.EncodeToString(seed)) ||
			strings.Contains(text, fmt.Sprint([]byte(seed[:4]))[1:8]) || len(text) > 120 {
			t.Errorf("printed as %q", text)
		}
	}
}

// A person may have a key of SM2 to open results with: the file keeps it, and nothing
// else opens as one.
func TestUserKeyOfSM2RoundTrip(t *testing.T) {
	u := must(keys.GenerateSM2("li.wei"))(t)
	path := filepath.Join(t.TempDir(), "li.wei.json")
	if err := keys.SaveUser(path, u); err != nil {
		t.Fatal(err)
	}
	got := must(keys.LoadUser(path))(t)
	if got.RecipientKey() != u.RecipientKey() || got.SigningKey() != u.SigningKey() || got.Recipient() != nil || !got.RecipientSM2().Equal(u.RecipientSM2()) {
		t.Errorf("LoadUser = %v, want the key that was saved", got)
	}
	if point, err := base64.StdEncoding.DecodeString(u.RecipientKey()); err != nil || len(point) != 65 || point[0] != 4 {
		t.Errorf("public key = %x, %v, want an uncompressed point", point, err)
	}
	if hpke := must(keys.Generate("li.wei"))(t); hpke.RecipientSM2() != nil || hpke.Recipient() == nil {
		t.Error("a key of HPKE has one of SM2")
	}
	good, _ := os.ReadFile(path)
	both := must(keys.Generate("li.wei"))(t)
	other := filepath.Join(t.TempDir(), "both.json")
	if err := keys.SaveUser(other, both); err != nil {
		t.Fatal(err)
	}
	hpke, _ := os.ReadFile(other)
	_, keyset, _ := strings.Cut(string(hpke), `"recipient_key"`)
	_, sm2Key, _ := strings.Cut(string(good), `"sm2_key": "`)
	sm2Key, _, _ = strings.Cut(sm2Key, `"`)
	for name, bad := range map[string]string{
		"zero":    strings.Replace(string(good), sm2Key, base64.StdEncoding.EncodeToString(make([]byte, 32)), 1),
		"short":   strings.Replace(string(good), sm2Key, base64.StdEncoding.EncodeToString(make([]byte, 31)), 1),
		"neither": strings.Replace(string(good), "sm2_key", "recipient_key", 1),
		"both":    strings.Replace(strings.TrimSuffix(strings.TrimSpace(string(good)), "}"), "\n  \"sm2_key\"", "\n  \"sm2_key\"", 1) + ", \"recipient_key\"" + keyset,
	} {
		os.WriteFile(path, []byte(bad), 0o600)
		_, err := keys.LoadUser(path)
		wantErr(t, name, err, keys.ErrDamaged)
	}
}
