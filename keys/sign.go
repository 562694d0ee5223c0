package keys

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Signer is the gate's Ed25519 key. It signs release headers and store
// manifests; each of them starts with bytes that name what it is, so that one
// never passes for the other.
type Signer struct{ key ed25519.PrivateKey }

// Signer returns the gate's signing key. It lives as long as the folder.
func (p *Provider) Signer() *Signer { return p.release }

// Sign returns the Ed25519 signature of msg.
func (s *Signer) Sign(msg []byte) []byte { return ed25519.Sign(s.key, msg) }

// Verify tells whether sig is this key's signature of msg.
func (s *Signer) Verify(msg, sig []byte) bool { return ed25519.Verify(s.Public(), msg, sig) }

// Public returns the public key that recipients check releases with.
func (s *Signer) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// AuditSigner returns the key of the audit log under the given origin, as the
// signer and verifier strings of signed notes (golang.org/x/mod/sumdb/note):
// skey is secret, vkey is handed to auditors. One folder has one audit key; the
// origin, unique to the domain, becomes the key's name. ErrName if note does not
// allow it.
func (p *Provider) AuditSigner(origin string) (skey, vkey string, err error) {
	if checkName(origin) != nil {
		return "", "", fmt.Errorf("keys: audit signer: %w", ErrName)
	}
	// GenerateKey reads exactly the seed, so the same folder and origin always
	// give the same strings.
	skey, vkey, err = note.GenerateKey(bytes.NewReader(p.audit), origin)
	if err != nil {
		return "", "", fmt.Errorf("keys: audit signer: %w", err)
	}
	if _, err := note.NewSigner(skey); err != nil {
		return "", "", fmt.Errorf("keys: audit signer: %w", ErrName)
	}
	return skey, vkey, nil
}
