package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/tink-crypto/tink-go/v2/hybrid/hpke"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// readRecipient reads a public keyset in base64, as the Person document holds
// it, and returns it with its key id.
func readRecipient(published string) (*keyset.Handle, string, error) {
	raw, err := base64.StdEncoding.DecodeString(published)
	if err != nil {
		return nil, "", ErrRecipientKey
	}
	// Refuses a keyset with a private key in it: that one is burnt.
	h, err := keyset.ReadWithNoSecrets(keyset.NewBinaryReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, "", ErrRecipientKey
	}
	id, err := keyID(h)
	return h, id, err
}

// keyID names a recipient's key: the SHA-256, in hex, of its public point. It
// accepts one enabled key of the suite DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-256-GCM, and no other.
func keyID(h *keyset.Handle) (string, error) {
	if h.Len() != 1 {
		return "", ErrRecipientKey
	}
	entry, err := h.Primary()
	if err != nil {
		return "", ErrRecipientKey
	}
	public, ok := entry.Key().(*hpke.PublicKey)
	if !ok {
		return "", ErrRecipientKey
	}
	p, ok := public.Parameters().(*hpke.Parameters)
	if !ok || p.KEMID() != hpke.DHKEM_X25519_HKDF_SHA256 || p.KDFID() != hpke.HKDFSHA256 || p.AEADID() != hpke.AES256GCM {
		return "", ErrRecipientKey
	}
	sum := sha256.Sum256(public.PublicKeyBytes())
	return hex.EncodeToString(sum[:]), nil
}
