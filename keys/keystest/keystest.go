// Package keystest gives tests a transit engine to keep keys in: Transit, which
// answers as the interface of HashiCorp Vault is documented
// (developer.hashicorp.com/vault/api-docs/secret/transit and auth/approle), and
// Server, the program itself where it is installed.
//
// Transit stands for the contract, not for the product: what it shows of this
// module is that requests have the documented form and that answers of the
// documented form, and others, are handled. It is for tests alone.
package keystest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"zonebox/keys"
)

// Fault is something a server can do wrong.
type Fault string

// The faults of a Transit.
const (
	None            Fault = ""
	Sealed          Fault = "sealed"           // 503 to everything
	Refusing        Fault = "refusing"         // 403 to everything
	Redirecting     Fault = "redirecting"      // 307 to Elsewhere
	Unbound         Fault = "unbound"          // ignores associated data, as before Vault 1.9
	Exportable      Fault = "exportable"       // makes keys that can be exported
	Backup          Fault = "backup"           // makes keys that can be backed up in plain
	OtherType       Fault = "other type"       // makes keys for another algorithm
	Garbled         Fault = "garbled"          // answers no JSON
	Empty           Fault = "empty"            // decrypts to nothing at all
	Undeleting      Fault = "undeleting"       // says that it deleted, and did not
	Stalling        Fault = "stalling"         // does not answer
	Chatty          Fault = "chatty"           // echoes requests in its errors
	OtherCiphertext Fault = "other ciphertext" // encrypts something else
	Unmounted       Fault = "unmounted"        // 404 to everything, as where no engine is mounted
	Absent          Fault = "absent"           // 404 of something else that answers at the address
	Misleading      Fault = "misleading"       // redirects to what echoes the request
	Malformed       Fault = "malformed"        // answers no HTTP, but echoes the request
)

// Transit is a server that keeps keys. It is safe for concurrent use.
type Transit struct {
	// Namespace is where its engines are; requests to another find nothing.
	Namespace string
	// Elsewhere is a server that has the trusted certificate as well, and that
	// nothing secret may reach. It is nil unless a test sets it.
	Elsewhere *Transit

	server *httptest.Server
	dir    string

	mu       sync.Mutex
	fault    Fault
	keys     map[string]*transitKey
	made     []string
	tokens   map[string]bool
	requests []string
	stalled  chan struct{}
}

type transitKey struct {
	aead      cipher.AEAD
	deletable bool
}

// The credentials that a Transit accepts.
const (
	RoleID   = "role-8d1f"
	SecretID = "secret-55aa"
)

// NewTransit starts a server with TLS that ends with the test.
func NewTransit(t testing.TB) *Transit {
	t.Helper()
	s := &Transit{dir: t.TempDir(), keys: map[string]*transitKey{}, tokens: map[string]bool{}, stalled: make(chan struct{})}
	s.server = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.server.Close)
	t.Cleanup(func() { close(s.stalled) })
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	for name, text := range map[string][]byte{"ca.pem": ca, "token": []byte(s.Grant() + "\n"), "role": []byte(RoleID), "secret": []byte(SecretID)} {
		if err := os.WriteFile(filepath.Join(s.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Config returns what a client with the token needs.
func (s *Transit) Config() keys.VaultConfig {
	return keys.VaultConfig{Address: s.server.URL, CAFile: s.file("ca.pem"), TokenFile: s.file("token")}
}

// AppRole returns what a client with a role needs.
func (s *Transit) AppRole() keys.VaultConfig {
	return keys.VaultConfig{Address: s.server.URL, CAFile: s.file("ca.pem"), RoleIDFile: s.file("role"), SecretIDFile: s.file("secret")}
}

func (s *Transit) file(name string) string { return filepath.Join(s.dir, name) }

// Grant returns a new token.
func (s *Transit) Grant() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := "hvs." + rand.Text()
	s.tokens[token] = true
	return token
}

// Revoke ends every token.
func (s *Transit) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Set makes the server behave from now on.
func (s *Transit) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Keys returns the names of its keys.
func (s *Transit) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.keys))
}

// Made returns the names of the keys it ever made, the first first.
func (s *Transit) Made() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.made)
}

// End destroys a key, as an administrator of the server may.
func (s *Transit) End(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, name)
}

// Requests returns method and path of what it was asked so far.
func (s *Transit) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Transit) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	var in map[string]any
	if r.ContentLength > 0 && json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	switch s.fault {
	case Sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
		return
	case Refusing:
		refuse(w, http.StatusForbidden, "permission denied")
		return
	case Redirecting:
		http.Redirect(w, r, s.Elsewhere.server.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return
	case Garbled:
		fmt.Fprint(w, "<html>")
		return
	case Chatty:
		refuse(w, http.StatusInternalServerError, echo(r, in))
		return
	case Unmounted:
		refuse(w, http.StatusNotFound, "no handler for route "+r.URL.Path+". route entry not found.")
		return
	case Absent:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "{}")
		return
	case Misleading:
		w.Header().Set("Location", "https://%zz/"+echo(r, in))
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	case Malformed:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			fmt.Fprint(conn, echo(r, in), "\r\n\r\n")
			conn.Close()
		}
		return
	case Stalling:
		s.mu.Unlock()
		select {
		case <-r.Context().Done():
		case <-s.stalled:
		}
		s.mu.Lock()
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if ok && path == "auth/approle/login" && r.Method == http.MethodPost {
		s.logIn(w, in)
		return
	}
	if r.Header.Get("X-Vault-Namespace") != s.Namespace {
		refuse(w, http.StatusNotFound, "namespace not found")
		return
	}
	if !s.tokens[r.Header.Get("X-Vault-Token")] {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	part := strings.Split(path, "/")
	if len(part) < 3 || part[0] != "transit" {
		refuse(w, http.StatusNotFound, "no handler for route")
		return
	}
	s.transit(w, r.Method, strings.Join(append([]string{part[1]}, part[3:]...), "/"), part[2], in)
}

// echo is all that a request told.
func echo(r *http.Request, in map[string]any) string {
	text, _ := json.Marshal(in)
	return r.Header.Get("X-Vault-Token") + " " + string(text)
}

func (s *Transit) logIn(w http.ResponseWriter, in map[string]any) {
	if in["role_id"] != RoleID || in["secret_id"] != SecretID {
		refuse(w, http.StatusBadRequest, "invalid role or secret ID")
		return
	}
	token := "hvs." + rand.Text()
	s.tokens[token] = true
	reply(w, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 1200, "renewable": true}})
}

func (s *Transit) transit(w http.ResponseWriter, method, what, name string, in map[string]any) {
	key := s.keys[name]
	switch method + " " + what {
	case "POST keys":
		if key == nil {
			b, err := aes.NewCipher([]byte(rand.Text() + rand.Text())[:32])
			if err == nil {
				key = new(transitKey)
				key.aead, err = cipher.NewGCM(b)
			}
			if err != nil {
				refuse(w, http.StatusInternalServerError, "cipher")
				return
			}
			s.keys[name] = key
			s.made = append(s.made, name)
		}
		w.WriteHeader(http.StatusNoContent)
	case "GET keys":
		if key == nil {
			refuse(w, http.StatusNotFound)
			return
		}
		kind := "aes256-gcm96"
		if s.fault == OtherType {
			kind = "chacha20-poly1305"
		}
		reply(w, map[string]any{"data": map[string]any{"name": name, "type": kind, "exportable": s.fault == Exportable, "allow_plaintext_backup": s.fault == Backup, "latest_version": 1}})
	case "POST keys/config":
		if key == nil {
			refuse(w, http.StatusBadRequest, "no existing key named "+name+" could be found")
			return
		}
		key.deletable = in["deletion_allowed"] == true
		w.WriteHeader(http.StatusNoContent)
	case "DELETE keys":
		if key == nil || !key.deletable {
			refuse(w, http.StatusBadRequest, "error deleting policy "+name+": deletion is not allowed for this key")
			return
		}
		if s.fault != Undeleting {
			delete(s.keys, name)
		}
		w.WriteHeader(http.StatusNoContent)
	case "POST encrypt":
		s.encrypt(w, key, in)
	case "POST decrypt":
		s.decrypt(w, key, in)
	default:
		refuse(w, http.StatusMethodNotAllowed, "unsupported operation")
	}
}

func (s *Transit) associated(in map[string]any) []byte {
	if s.fault == Unbound {
		return nil
	}
	text, _ := in["associated_data"].(string)
	aad, _ := base64.StdEncoding.DecodeString(text)
	return aad
}

func (s *Transit) encrypt(w http.ResponseWriter, key *transitKey, in map[string]any) {
	text, _ := in["plaintext"].(string)
	plain, err := base64.StdEncoding.DecodeString(text)
	if key == nil || err != nil {
		refuse(w, http.StatusBadRequest, "encryption key not found")
		return
	}
	if s.fault == OtherCiphertext {
		plain = append(plain, 'x')
	}
	nonce := make([]byte, key.aead.NonceSize())
	rand.Read(nonce)
	sealed := key.aead.Seal(nonce, nonce, plain, s.associated(in))
	reply(w, map[string]any{"data": map[string]any{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(sealed), "key_version": 1}})
}

func (s *Transit) decrypt(w http.ResponseWriter, key *transitKey, in map[string]any) {
	if key == nil {
		refuse(w, http.StatusBadRequest, "encryption key not found")
		return
	}
	text, _ := in["ciphertext"].(string)
	sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "vault:v1:"))
	if err != nil || len(sealed) < key.aead.NonceSize() {
		refuse(w, http.StatusBadRequest, "invalid ciphertext: could not decode base64")
		return
	}
	plain, err := key.aead.Open(nil, sealed[:key.aead.NonceSize()], sealed[key.aead.NonceSize():], s.associated(in))
	if err != nil {
		refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
		return
	}
	if s.fault == Empty {
		reply(w, map[string]any{"data": map[string]any{}})
		return
	}
	reply(w, map[string]any{"data": map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// Nothing is left to do for a client that went away.
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, errors ...string) {
	w.WriteHeader(status)
	if errors == nil {
		errors = []string{}
	}
	reply(w, map[string]any{"errors": errors})
}
