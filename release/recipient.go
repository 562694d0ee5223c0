package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/hybrid/hpke"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Key is a private key that results are sealed to: one of the two, the other nil.
type Key struct {
	HPKE *keyset.Handle
	SM2  *sm2.PrivateKey
}

// encryption returns the suite of the key.
func (k Key) encryption() string {
	if k.SM2 != nil {
		return SM2SM4
	}
	return HPKE
}

// id names the key as a header does.
func (k Key) id() (string, error) {
	if k.SM2 != nil {
		return sm2ID(&k.SM2.PublicKey)
	}
	if k.HPKE == nil {
		return "", ErrRecipientKey
	}
	public, err := k.HPKE.Public()
	if err != nil {
		return "", ErrRecipientKey
	}
	return keyID(public)
}

// open decrypts what was sealed to the key under a header.
func (k Key) open(ciphertext, header []byte) ([]byte, error) {
	if k.SM2 != nil {
		return openSM2(k.SM2, ciphertext, header)
	}
	dec, err := hybrid.NewHybridDecrypt(k.HPKE)
	if err != nil {
		return nil, ErrRecipientKey
	}
	info := sha256.Sum256(header)
	content, err := dec.Decrypt(ciphertext, info[:])
	if err != nil {
		return nil, ErrContent
	}
	return content, nil
}

// recipient is a public key that results are sealed to: one of the two.
type recipient struct {
	id   string // as a header names it
	hpke *keyset.Handle
	sm2  *ecdsa.PublicKey
}

func (r recipient) encryption() string {
	if r.sm2 != nil {
		return SM2SM4
	}
	return HPKE
}

// seal encrypts content to the recipient, bound to the digest of its header.
func (r recipient) seal(content, header []byte) ([]byte, error) {
	if r.sm2 != nil {
		return sealSM2(r.sm2, content, header)
	}
	enc, err := hybrid.NewHybridEncrypt(r.hpke)
	if err != nil {
		return nil, ErrRecipientKey
	}
	info := sha256.Sum256(header)
	return enc.Encrypt(content, info[:])
}

// readRecipient reads a public key in base64, as the Person document holds it: a
// point of SM2, which begins with 4, or a keyset, which does not.
func readRecipient(published string) (recipient, error) {
	raw, err := base64.StdEncoding.DecodeString(published)
	if err != nil {
		return recipient{}, ErrRecipientKey
	}
	if len(raw) == sm2Point && raw[0] == 4 {
		public, err := sm2.NewPublicKey(raw)
		if err != nil {
			return recipient{}, ErrRecipientKey
		}
		id, err := sm2ID(public)
		return recipient{id: id, sm2: public}, err
	}
	// Refuses a keyset with a private key in it: that one is burnt.
	h, err := keyset.ReadWithNoSecrets(keyset.NewBinaryReader(bytes.NewReader(raw)))
	if err != nil {
		return recipient{}, ErrRecipientKey
	}
	id, err := keyID(h)
	return recipient{id: id, hpke: h}, err
}

// sm2ID names an SM2 key: the SM3, in hex, of its public point.
func sm2ID(public *ecdsa.PublicKey) (string, error) {
	p, err := sm2.PublicKeyToECDH(public)
	if err != nil {
		return "", ErrRecipientKey
	}
	sum := sm3.Sum(p.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// keyID names an HPKE key: the SHA-256, in hex, of its public point. It
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
