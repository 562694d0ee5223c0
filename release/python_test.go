package release_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/keys"
	"zonebox/release"
)

// The example in Python opens what Go sealed, in every form and suite, and refuses what
// was changed or is another's. It shares no code with this package. Without Python and
// its package cryptography the recorded files are what both are held to.
func TestTheExampleInPythonOpensWhatGoSealed(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "from cryptography.hazmat.primitives.hashes import SM3; from cryptography.hazmat.primitives.ciphers.algorithms import SM4").Run() != nil {
		t.Skip("python3 with cryptography is not here")
	}
	script := filepath.Join("..", "docs", "examples", "python", "open_sealed.py")
	dir := t.TempDir()
	gateKey := base64.StdEncoding.EncodeToString(newGate(1).public())
	user := func(generate func(string) (*keys.User, error), name string) (*keys.User, string) {
		t.Helper()
		u, err := generate(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".key")
		if err := keys.SaveUser(path, u); err != nil {
			t.Fatal(err)
		}
		return u, path
	}
	hpke, hpkeFile := user(keys.Generate, "li")
	national, nationalFile := user(keys.GenerateSM2, "ning")
	_, strangerFile := user(keys.Generate, "wu")
	open := func(file []byte, gate, key string) ([]byte, string, error) {
		t.Helper()
		path, out := filepath.Join(dir, "a.zbx"), filepath.Join(dir, "out")
		os.Remove(out)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		c := exec.CommandContext(t.Context(), python, script, path, "--gate", gate, "--key", key, "--save", out)
		c.Stderr = &said
		err := c.Run()
		content, _ := os.ReadFile(out)
		return content, said.String(), err
	}
	h, err := release.Hold(sample(t), "run-1", newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range release.Forms() {
		for signature, c := range map[string]struct {
			to  *keys.User
			key string
		}{release.Ed25519: {hpke, hpkeFile}, release.SM2: {national, nationalFile}} {
			how := to(c.to.RecipientKey())
			how.Form, how.Signature = form, signature
			a, err := h.Seal(how, newGate(1))
			if err != nil {
				t.Fatal(err)
			}
			o, err := release.Open(a.Bytes(), release.Key{HPKE: c.to.Recipient(), SM2: c.to.RecipientSM2()}, newGate(1).public())
			if err != nil {
				t.Fatal(err)
			}
			content, said, err := open(a.Bytes(), gateKey, c.key)
			if err != nil || !bytes.Equal(content, o.Content) || !strings.Contains(said, "南京市卫生健康委员会") {
				t.Errorf("%s by %s: Python opens %q, %v\n%s\nwant %q", form, signature, content, err, said, o.Content)
			}
			o.Release()
			if form != release.FormCSV {
				continue
			}
			bad := bytes.Clone(a.Bytes())
			bad[len(bad)-1] ^= 1
			for name, file := range map[string][]byte{
				"its content changed": bad, "its label changed": bytes.Replace(a.Bytes(), []byte("lic-1"), []byte("lic-2"), 1), "no file": []byte("x"),
			} {
				if content, said, err := open(file, gateKey, c.key); err == nil || content != nil || !strings.Contains(said, "refused") {
					t.Errorf("%s, %s: Python opens it: %s", signature, name, said)
				}
			}
			if content, said, err := open(a.Bytes(), base64.StdEncoding.EncodeToString(newGate(2).public()), c.key); err == nil || content != nil || !strings.Contains(said, "refused") {
				t.Errorf("%s: Python takes another gate's key: %s", signature, said)
			}
			if content, said, err := open(a.Bytes(), gateKey, strangerFile); err == nil || content != nil || !strings.Contains(said, "refused") {
				t.Errorf("%s: Python opens it for a stranger: %s", signature, said)
			}
		}
	}
}
