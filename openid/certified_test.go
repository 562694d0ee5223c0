package openid_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"zonebox/openid"
)

const certifiedRedirect = "https://gate.example/signin/callback"

// startCertified starts the provider of testdata/provider and returns its issuer.
func startCertified(t *testing.T) (issuer string, ca *x509.CertPool) {
	t.Helper()
	dir := filepath.Join("testdata", "provider")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		if os.Getenv("ZONEBOX_PROVIDER") != "" {
			t.Fatal("the provider is not installed; make oidc installs it")
		}
		t.Skip("the provider is not installed; make oidc installs it")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(tmp, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := exec.CommandContext(t.Context(), "node", "serve.mjs", write("key.pem", "PRIVATE KEY", private), write("cert.pem", "CERTIFICATE", der), "zonebox", "a secret of the client", certifiedRedirect)
	c.Dir, c.Stderr = dir, os.Stderr
	end, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end.Close(); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // however it ends
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "https://") {
			leaf, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			ca = x509.NewCertPool()
			ca.AddCert(leaf)
			return lines.Text(), ca
		}
	}
	t.Fatal("the provider says nothing")
	return "", nil
}

var errBack = errors.New("back at the gate")

// atItsPages is a browser at the provider: it names itself, consents, and returns what it
// is sent back with.
func atItsPages(t *testing.T, ca *x509.CertPool, address, name string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back url.Values
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca}},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), certifiedRedirect) {
				back = r.URL.Query()
				return errBack
			}
			return nil
		}}
	res, err := browser.Get(address)
	for range 3 { // a page to sign in, a page to consent
		if errors.Is(err, errBack) {
			return back
		}
		if err != nil {
			t.Fatal(err)
		}
		page, readErr := io.ReadAll(res.Body)
		if err := errors.Join(readErr, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		action := regexp.MustCompile(`action="([^"]+)"`).FindSubmatch(page)
		prompt := regexp.MustCompile(`name="prompt" value="([^"]+)"`).FindSubmatch(page)
		if action == nil || prompt == nil {
			t.Fatalf("no form: %s %s", res.Status, page)
		}
		res, err = browser.PostForm(string(action[1]), url.Values{"prompt": {string(prompt[1])}, "login": {name}, "password": {"any"}})
	}
	t.Fatalf("the provider sends nobody back: %v", err)
	return nil
}

// TestACertifiedProviderSignsIn: a provider that others wrote, with its discovery, pages,
// keys and tokens. Who signs in there is who it says, once; its own refusal, another's
// ticket, a changed state and another issuer sign nobody in.
func TestACertifiedProviderSignsIn(t *testing.T) {
	issuer, ca := startCertified(t)
	open := func(secret string) *openid.Provider {
		p, err := openid.New(openid.Config{Issuer: issuer, Client: "zonebox", Secret: secret, Redirect: certifiedRedirect, CA: ca, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := open("a secret of the client")
	begin := func() (ticket, address string) {
		t.Helper()
		ticket, address, err := p.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ticket, address
	}
	ticket, address := begin()
	answer := atItsPages(t, ca, address, "zhao-wei-4711")
	if answer.Get("iss") != issuer || answer.Get("code") == "" {
		t.Fatalf("it answers %v", answer)
	}
	if subject, err := p.Finish(t.Context(), ticket, answer); err != nil || subject != "zhao-wei-4711" {
		t.Fatalf("signed in as %q, %v", subject, err)
	}
	refused := func(what string, p *openid.Provider, ticket string, answer url.Values) {
		t.Helper()
		if subject, err := p.Finish(t.Context(), ticket, answer); !errors.Is(err, openid.ErrRefused) || subject != "" {
			t.Errorf("%s: %q, %v", what, subject, err)
		}
	}
	refused("the same answer again", p, ticket, answer)

	ticket, address = begin()
	other, _ := begin()
	answer = atItsPages(t, ca, address, "mallory")
	refused("another browser's ticket", p, other, answer)
	changed := url.Values{"code": answer["code"], "state": {"x" + answer.Get("state")[1:]}, "iss": answer["iss"]}
	if changed.Get("state") == answer.Get("state") {
		changed.Set("state", "y"+answer.Get("state")[1:])
	}
	refused("another state", p, ticket, changed)

	stranger := open("another secret")
	ticket, address, err := stranger.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Finish(t.Context(), ticket, atItsPages(t, ca, address, "mallory")); !errors.Is(err, openid.ErrUnavailable) {
		t.Errorf("by another secret: %v, want ErrUnavailable, which is nobody's guess", err)
	}

	ticket, address = begin()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("code_challenge", strings.Repeat("A", 43)) // of a verifier that the gate does not have
	u.RawQuery = q.Encode()
	refused("a code for another verifier", p, ticket, atItsPages(t, ca, u.String(), "mallory"))

	ticket, address = begin()
	if u, err = url.Parse(address); err != nil {
		t.Fatal(err)
	}
	q = u.Query()
	q.Set("prompt", "none") // nobody is signed in
	u.RawQuery = q.Encode()
	answer = atItsPages(t, ca, u.String(), "nobody")
	if answer.Get("error") != "login_required" {
		t.Fatalf("it answers %v", answer)
	}
	refused("its own refusal", p, ticket, answer)
}
