package keys

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// vaultAnswer bounds an answer of the server, in bytes.
const vaultAnswer = 1 << 20

// errRejected says that the server rejects the request itself.
var errRejected = errors.New("key provider rejected the request")

// vaultClient sends requests to one server. It is plain net/http: transit needs
// five calls, and a client of our own never shows an answer in an error, follows
// no redirect with the token, uses no proxy of the environment, and does not take
// an answer without a plaintext for an empty one.
type vaultClient struct {
	base, mount string
	config      VaultConfig
	http        *http.Client

	login *vaultLogin
}

// vaultLogin is the token an AppRole gave.
type vaultLogin struct {
	mu    sync.Mutex
	token string
	until time.Time
}

func newVaultClient(c VaultConfig) (vaultClient, error) {
	u, err := url.Parse(c.Address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return vaultClient{}, errors.New("keys: vault: address must be https://HOST:PORT")
	}
	if host, err := netip.ParseAddr(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || err != nil || !host.IsLoopback()) {
		return vaultClient{}, errors.New("keys: vault: address must be https, or http of 127.0.0.1 or [::1]")
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return vaultClient{}, fmt.Errorf("keys: vault: read CA: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return vaultClient{}, errors.New("keys: vault: the CA file holds no certificate")
		}
	}
	return vaultClient{
		base: u.Scheme + "://" + u.Host, mount: c.Mount, config: c, login: new(vaultLogin),
		http: &http.Client{
			Timeout: c.Timeout,
			Transport: &http.Transport{
				TLSClientConfig: trust, DialContext: (&net.Dialer{Timeout: c.Timeout}).DialContext, TLSHandshakeTimeout: c.Timeout,
				ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// call sends a request with the token and decodes the data of the answer into
// out, if that is not nil. A token of an AppRole that the server no longer takes
// is fetched anew, once.
func (c vaultClient) call(method, path string, in, out any) error {
	token, fetched, err := c.token(false)
	if err != nil {
		return err
	}
	err = c.send(method, path, token, in, envelope{Data: out})
	if fetched && errors.Is(err, ErrForbidden) {
		if token, _, err = c.token(true); err != nil {
			return err
		}
		err = c.send(method, path, token, in, envelope{Data: out})
	}
	return err
}

// token returns the token to ask with, and whether an AppRole gave it.
func (c vaultClient) token(again bool) (token string, fetched bool, err error) {
	if c.config.RoleIDFile == "" && c.getenv("VAULT_ROLE_ID") == "" {
		token, err = c.credential(c.config.TokenFile, "VAULT_TOKEN")
		return token, false, err
	}
	c.login.mu.Lock()
	defer c.login.mu.Unlock()
	if !again && c.login.token != "" && c.config.Now().Before(c.login.until) {
		return c.login.token, true, nil
	}
	role, err := c.credential(c.config.RoleIDFile, "VAULT_ROLE_ID")
	if err != nil {
		return "", false, err
	}
	secret, err := c.credential(c.config.SecretIDFile, "VAULT_SECRET_ID")
	if err != nil {
		return "", false, err
	}
	var auth struct {
		Token string `json:"client_token"`
		Lease int    `json:"lease_duration"`
	}
	err = c.send(http.MethodPost, "auth/"+c.config.AppRole+"/login", "", map[string]any{"role_id": role, "secret_id": secret}, envelope{Auth: &auth})
	if errors.Is(err, errRejected) {
		err = ErrForbidden // what the server says to a wrong role or secret id
	}
	if err == nil && auth.Token == "" {
		err = ErrForbidden
	}
	if err != nil {
		return "", false, fmt.Errorf("log in: %w", err)
	}
	// A tenth of the lease is left for what is under way; a lease of 0 has no end.
	c.login.token, c.login.until = auth.Token, c.config.Now().Add(time.Duration(auth.Lease)*time.Second*9/10)
	if auth.Lease == 0 {
		c.login.until = c.config.Now().Add(time.Hour)
	}
	return auth.Token, true, nil
}

func (c vaultClient) getenv(name string) string {
	if c.config.Getenv == nil {
		return ""
	}
	return c.config.Getenv(name)
}

// credential reads a secret anew each time: an agent may have renewed it. Without
// it the server cannot be asked, which says nothing of any key: never ErrNoKey.
func (c vaultClient) credential(file, variable string) (string, error) {
	if file == "" {
		if v := c.getenv(variable); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("no %s: %w", variable, ErrForbidden)
	}
	data, err := readPrivate(file)
	if errors.Is(err, ErrNoKey) {
		return "", fmt.Errorf("no file %s: %w", filepath.Base(file), ErrForbidden)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// envelope is what an answer is decoded into.
type envelope struct {
	Data any `json:"data,omitempty"`
	Auth any `json:"auth,omitempty"`
}

// send sends one request. Errors tell the status, or why there is no answer, and
// never a part of an answer or of the request.
func (c vaultClient) send(method, path, token string, in any, out envelope) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return errors.New("encode request")
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.base+"/v1/"+path, body)
	if err != nil {
		return errors.New("build request")
	}
	req.Header.Set("X-Vault-Request", "true")
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	if c.config.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.config.Namespace)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAway, c.whyNot(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, vaultAnswer))
	if err != nil {
		return fmt.Errorf("%w: the answer broke off", ErrAway)
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusNoContent:
	case http.StatusBadRequest:
		return errRejected
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		// Of a key that it does not have, the server says no more than that; of a
		// path that no engine serves, it says so.
		var missing struct{ Errors []string }
		if json.Unmarshal(answer, &missing) == nil && missing.Errors != nil && len(missing.Errors) == 0 {
			return ErrNoKey
		}
		return fmt.Errorf("%w: status 404: no engine of Vault at this mount and namespace", ErrAway)
	default:
		return fmt.Errorf("%w: status %d", ErrAway, res.StatusCode)
	}
	if out.Data == nil && out.Auth == nil {
		return nil
	}
	if json.Unmarshal(answer, &out) != nil {
		return fmt.Errorf("%w: not an answer of Vault", ErrAway)
	}
	return nil
}

// whyNot tells why a request has no answer. What net/http says may quote the
// server, which knows the token and the request.
func (c vaultClient) whyNot(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		dial    *net.OpError
		late    net.Error
	)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS"
	case errors.As(err, &unknown):
		return "the certificate is signed by an unknown authority"
	case errors.As(err, &name):
		return "the certificate is of another host"
	case errors.As(err, &invalid):
		return "the certificate is not valid"
	case errors.As(err, &dial) && dial.Op == "dial":
		return dial.Error()
	case errors.As(err, &late) && late.Timeout():
		return fmt.Sprintf("no answer in %v", c.config.Timeout)
	}
	return "the connection failed"
}
