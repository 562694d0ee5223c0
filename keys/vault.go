package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// VaultConfig says which transit engine of HashiCorp Vault (or OpenBao, which has
// the same interface) keeps keys, and where the credentials are found. It holds
// no secret itself.
type VaultConfig struct {
	Address   string `json:"address"`             // https://HOST:PORT; http only for an address of this host, as of a local agent
	CAFile    string `json:"ca_file,omitempty"`   // PEM; "" trusts what the host trusts
	Namespace string `json:"namespace,omitempty"` // of Vault Enterprise and OpenBao
	Mount     string `json:"mount,omitempty"`     // of the transit engine; "" is transit
	Prefix    string `json:"prefix,omitempty"`    // that the name of every key begins with; "" is zonebox

	// Credentials: a token, or the role id and secret id of an AppRole. Each is
	// read from its file, which its owner alone may reach, or else from
	// VAULT_TOKEN, VAULT_ROLE_ID and VAULT_SECRET_ID.
	TokenFile    string `json:"token_file,omitempty"`
	RoleIDFile   string `json:"role_id_file,omitempty"`
	SecretIDFile string `json:"secret_id_file,omitempty"`
	AppRole      string `json:"approle_mount,omitempty"` // "" is approle

	// LeaseSeconds is how long keys of zones stay in memory before Vault is asked
	// again, and so how long the gate goes on without it; 0 is 300.
	LeaseSeconds int `json:"lease_seconds,omitempty"`

	// Timeout is that of one request; 0 is five seconds.
	Timeout time.Duration `json:"-"`
	// Now is the clock of the lease of an AppRole's token; nil is time.Now.
	Now func() time.Time `json:"-"`
	// Getenv reads the environment; nil reads nothing.
	Getenv func(string) string `json:"-"`
}

// vaultFormat names the version of what Wrap returns.
const vaultFormat = "zonebox-vault-1"

// vault is a KeyProvider. Each secret has a transit key of its own, which never
// leaves the server and which Destroy deletes there.
type vault struct {
	c vaultClient
	d Description

	prefix string
}

type vaultDocument struct {
	Format     string `json:"format"`
	Key        string `json:"key"`        // name of the transit key
	Ciphertext string `json:"ciphertext"` // vault:v1:…
}

var (
	vaultPath = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)
	vaultName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// Vault returns the KeyProvider that asks a transit engine. It reads no
// credentials and connects to nobody yet.
//
// It trusts the server with the keys and with nothing else: an answer that does
// not decrypt to what was encrypted, a key that could be exported, or a server
// that ignores associated data fail.
func Vault(c VaultConfig) (KeyProvider, error) {
	if c.Mount == "" {
		c.Mount = "transit"
	}
	if c.Prefix == "" {
		c.Prefix = "zonebox"
	}
	if c.AppRole == "" {
		c.AppRole = "approle"
	}
	if c.LeaseSeconds == 0 {
		c.LeaseSeconds = 300
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if !vaultPath.MatchString(c.Mount) || !vaultPath.MatchString(c.AppRole) || !vaultName.MatchString(c.Prefix) ||
		c.LeaseSeconds < 1 || c.LeaseSeconds > 86400 {
		return nil, errors.New("keys: vault: mount, prefix or lease cannot be used")
	}
	client, err := newVaultClient(c)
	if err != nil {
		return nil, err
	}
	return &vault{c: client, prefix: c.Prefix + "-", d: Description{
		Kind: KindVault, Place: client.base + "/" + c.Mount, Algorithm: "AES-256-GCM (transit)",
		Separate: true, Lease: time.Duration(c.LeaseSeconds) * time.Second,
	}}, nil
}

// Describe implements KeyProvider.
func (v *vault) Describe() Description { return v.d }

func isVault(data []byte) bool {
	var d vaultDocument
	return decodeStrict(data, &d) == nil && d.Format == vaultFormat
}

func (v *vault) document(data []byte) (vaultDocument, error) {
	var d vaultDocument
	if err := decodeStrict(data, &d); err != nil {
		var root rootDocument
		if decodeStrict(data, &root) == nil && root.Format == rootFormat {
			return d, ErrOther
		}
		return d, ErrDamaged
	}
	// The prefix bounds which keys of a shared server a file can name.
	if d.Format != vaultFormat || !vaultName.MatchString(d.Key) || !strings.HasPrefix(d.Key, v.prefix) || !strings.HasPrefix(d.Ciphertext, "vault:") {
		return d, ErrDamaged
	}
	return d, nil
}

// associated binds a ciphertext to the name of its key besides aad.
func associated(key string, aad []byte) string {
	return base64.StdEncoding.EncodeToString(bind("vault", key, string(aad)))
}

// Wrap implements KeyProvider.
func (v *vault) Wrap(secret, aad []byte) ([]byte, error) {
	d := vaultDocument{Format: vaultFormat, Key: v.prefix + strings.ToLower(rand.Text())}
	if err := v.make(d.Key); err != nil {
		return nil, fmt.Errorf("keys: vault: make key: %w", err)
	}
	var out struct {
		Ciphertext string `json:"ciphertext"`
	}
	err := v.c.call(http.MethodPost, v.c.mount+"/encrypt/"+d.Key, map[string]any{
		"plaintext": base64.StdEncoding.EncodeToString(secret), "associated_data": associated(d.Key, aad),
	}, &out)
	if err != nil {
		return nil, fmt.Errorf("keys: vault: wrap: %w", err)
	}
	d.Ciphertext = out.Ciphertext
	data, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	// Servers before Vault 1.9 ignore associated data. A wrapped key that opens
	// elsewhere, or does not open at all, must be found now.
	again, err := v.Unwrap(data, aad)
	if err != nil || subtle.ConstantTimeCompare(again, secret) != 1 {
		return nil, fmt.Errorf("keys: vault: what was wrapped does not open: %w", errors.Join(ErrAway, err))
	}
	clear(again)
	if _, err := v.Unwrap(data, bytes.Join([][]byte{aad, {0}}, nil)); !errors.Is(err, ErrDamaged) {
		return nil, fmt.Errorf("keys: vault: the server does not bind associated data: %w", ErrAway)
	}
	return data, nil
}

// make makes a key and checks that it is what was asked for.
func (v *vault) make(key string) error {
	path := v.c.mount + "/keys/" + key
	err := v.c.call(http.MethodPost, path, map[string]any{
		"type": "aes256-gcm96", "exportable": false, "allow_plaintext_backup": false, "derived": false,
	}, nil)
	if err != nil {
		return err
	}
	var made struct {
		Type       string `json:"type"`
		Exportable bool   `json:"exportable"`
		Backup     bool   `json:"allow_plaintext_backup"`
	}
	err = v.c.call(http.MethodGet, path, nil, &made)
	if errors.Is(err, ErrNoKey) {
		return fmt.Errorf("the server made none: %w", ErrAway)
	}
	if err != nil {
		return err
	}
	if made.Type != "aes256-gcm96" || made.Exportable || made.Backup {
		return fmt.Errorf("the key could leave the server: %w", ErrForbidden)
	}
	return nil
}

// Unwrap implements KeyProvider.
func (v *vault) Unwrap(wrapped, aad []byte) ([]byte, error) {
	d, err := v.document(wrapped)
	if err != nil {
		return nil, fmt.Errorf("keys: vault: unwrap: %w", err)
	}
	var out struct {
		Plaintext *string `json:"plaintext"`
	}
	err = v.c.call(http.MethodPost, v.c.mount+"/decrypt/"+d.Key, map[string]any{
		"ciphertext": d.Ciphertext, "associated_data": associated(d.Key, aad),
	}, &out)
	if errors.Is(err, errRejected) {
		// The server answers alike whether the key or the ciphertext is wrong.
		if err = v.c.call(http.MethodGet, v.c.mount+"/keys/"+d.Key, nil, nil); err == nil {
			err = ErrDamaged
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keys: vault: unwrap: %w", err)
	}
	if out.Plaintext == nil {
		return nil, fmt.Errorf("keys: vault: unwrap: %w", ErrAway)
	}
	secret, err := base64.StdEncoding.DecodeString(*out.Plaintext)
	if err != nil || len(secret) == 0 {
		return nil, fmt.Errorf("keys: vault: unwrap: %w", ErrAway)
	}
	return secret, nil
}

// Destroy implements KeyProvider. It first opens what it is given, so that no
// altered file makes it delete the key of another.
func (v *vault) Destroy(wrapped, aad []byte) error {
	secret, err := v.Unwrap(wrapped, aad)
	clear(secret)
	if err != nil {
		return err
	}
	d, err := v.document(wrapped)
	if err != nil {
		return fmt.Errorf("keys: vault: destroy: %w", err)
	}
	path := v.c.mount + "/keys/" + d.Key
	err = v.c.call(http.MethodPost, path+"/config", map[string]any{"deletion_allowed": true}, nil)
	if err == nil {
		err = v.c.call(http.MethodDelete, path, nil, nil)
	}
	if err != nil {
		return fmt.Errorf("keys: vault: destroy: %w", err)
	}
	if err := v.c.call(http.MethodGet, path, nil, nil); !errors.Is(err, ErrNoKey) {
		return fmt.Errorf("keys: vault: destroy: the key is still there: %w", errors.Join(ErrAway, err))
	}
	return nil
}
