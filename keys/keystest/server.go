package keystest

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"zonebox/keys"
)

// Binary is the environment variable that names the program vault or bao.
const Binary = "ZONEBOX_TEST_VAULT"

// Server starts HashiCorp Vault or OpenBao in its development mode, in memory and
// with TLS on 127.0.0.1, with a transit engine and an AppRole, and stops it with
// the test. It returns what a client with a token needs, and one with a role.
//
// It skips the test if neither is on PATH and Binary names none.
func Server(t testing.TB) (token, role keys.VaultConfig) {
	t.Helper()
	program := os.Getenv(Binary)
	for _, name := range []string{"vault", "bao"} {
		if path, err := exec.LookPath(name); program == "" && err == nil {
			program = path
		}
	}
	if program == "" {
		t.Skipf("neither vault nor bao is on PATH and %s names none: only the documented contract is tested", Binary)
	}
	dir := t.TempDir()
	secret := "root-" + rand.Text()
	address := freeAddress(t)
	cmd := exec.Command(program, "server", "-dev", "-dev-tls", "-dev-tls-cert-dir="+dir, "-dev-no-store-token",
		"-dev-root-token-id="+secret, "-dev-listen-address="+address)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, log.Bytes())
		}
	})
	s := &admin{t: t, base: "https://" + address + "/v1/", token: secret, ca: caIn(t, dir)}
	s.wait()
	s.do(http.MethodPost, "sys/mounts/transit", map[string]any{"type": "transit"})
	s.do(http.MethodPost, "sys/auth/approle", map[string]any{"type": "approle"})
	s.do(http.MethodPut, "sys/policies/acl/zonebox", map[string]any{"policy": Policy})
	s.do(http.MethodPost, "auth/approle/role/zonebox", map[string]any{"token_policies": "zonebox", "token_ttl": "20m"})
	roleID := s.do(http.MethodGet, "auth/approle/role/zonebox/role-id", nil)["role_id"].(string)
	secretID := s.do(http.MethodPost, "auth/approle/role/zonebox/secret-id", map[string]any{})["secret_id"].(string)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token = keys.VaultConfig{Address: "https://" + address, CAFile: s.ca, TokenFile: file("token", secret)}
	role = keys.VaultConfig{Address: "https://" + address, CAFile: s.ca, RoleIDFile: file("role", roleID), SecretIDFile: file("secret", secretID)}
	return token, role
}

// Policy is all that a gate needs of a server.
const Policy = `
path "transit/keys/zonebox-*"    { capabilities = ["create", "read", "update", "delete"] }
path "transit/encrypt/zonebox-*" { capabilities = ["update"] }
path "transit/decrypt/zonebox-*" { capabilities = ["update"] }
`

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// caIn waits for the certificate that the development mode makes.
func caIn(t testing.TB, dir string) string {
	t.Helper()
	for range 200 {
		if found, _ := filepath.Glob(filepath.Join(dir, "*-ca.pem")); len(found) == 1 {
			return found[0]
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the server made no certificate")
	return ""
}

// admin sets the server up.
type admin struct {
	t               testing.TB
	base, token, ca string
}

func (s *admin) client() *http.Client {
	s.t.Helper()
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		s.t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(pem)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}}
}

func (s *admin) wait() {
	s.t.Helper()
	for range 200 {
		if res, err := s.client().Get(s.base + "sys/health"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("the server did not start in ten seconds")
}

func (s *admin) do(method, path string, in any) map[string]any {
	s.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequest(method, s.base+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", s.token)
	res, err := s.client().Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s", method, path, res.Status)
	}
	var out struct{ Data map[string]any }
	if res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			s.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return out.Data
}
