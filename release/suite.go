package release

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// How a sealed file is signed.
const (
	Ed25519 = "ed25519" // RFC 8032; digests beside it are SHA-256
	SM2     = "sm2-sm3" // GB/T 32918.2, identity 1234567812345678; digests beside it are SM3
)

// How a sealed file is encrypted: by the kind of its recipient's key.
const (
	HPKE   = "hpke-x25519-sha256-aes256gcm" // RFC 9180
	SM2SM4 = "sm2-sm4gcm-sm3"               // a key of SM4 by GB/T 32918.4, the content by SM4-GCM
)

const (
	sm2Point     = 65 // bytes of a public key: 4, X, Y
	sm2Signature = 64 // R, S
	sm2Wrapped   = sm2Point + sm3.Size + sm4KeySize
	sm4KeySize   = 16
)

// digestOf returns the digest of data that goes with a signature, in hex.
func digestOf(signature string, data []byte) string {
	if signature == SM2 {
		sum := sm3.Sum(data)
		return hex.EncodeToString(sum[:])
	}
	return hexSHA256(data)
}

// Voucher is what a gate signs with its Ed25519 key of its key of SM2, so that who
// knows the one may trust the other. Nothing else that a gate signs begins like it.
func Voucher(public []byte) []byte {
	return fmt.Appendf(nil, "zonebox-sm2-key-1\n%x\n", public)
}

// sign returns the third line of a file.
func sign(signature string, header []byte, digest string, gate Signer) (seal, error) {
	s := seal{Digest: digest}
	switch signature {
	case Ed25519:
		s.Signature = gate.Sign(statement(magic, header, digest))
		return s, nil
	case SM2:
		der, public, err := gate.SignSM2(statement(magic, header, digest))
		if err != nil {
			return s, err
		}
		var rs struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(der, &rs); err != nil || len(rest) > 0 {
			return s, ErrSignature
		}
		s.Signature = make([]byte, sm2Signature)
		rs.R.FillBytes(s.Signature[:sm2Signature/2])
		rs.S.FillBytes(s.Signature[sm2Signature/2:])
		s.Key, s.Voucher = public, gate.Sign(Voucher(public))
		return s, nil
	}
	return s, fmt.Errorf("signature %q: %w", signature, ErrSuite)
}

// holds reports whether the gate signed the header and the digest as s says.
func (s seal) holds(signature, version string, header []byte, gate ed25519.PublicKey) bool {
	said := statement(version, header, s.Digest)
	if signature != SM2 {
		return len(s.Key)+len(s.Voucher) == 0 && ed25519.Verify(gate, said, s.Signature)
	}
	if len(s.Signature) != sm2Signature || !ed25519.Verify(gate, Voucher(s.Key), s.Voucher) {
		return false
	}
	public, err := sm2.NewPublicKey(s.Key)
	if err != nil {
		return false
	}
	za, err := sm2.CalculateSM2Hash(public, said, nil)
	if err != nil {
		return false
	}
	r, t := new(big.Int).SetBytes(s.Signature[:sm2Signature/2]), new(big.Int).SetBytes(s.Signature[sm2Signature/2:])
	return sm2.Verify(public, za, r, t)
}

// sealSM2 encrypts content to the holder of an SM2 key: the key of SM4 by SM2 as
// C1, C3, C2, a nonce, and the content by SM4-GCM bound to the digest of its header.
func sealSM2(to *ecdsa.PublicKey, content, header []byte) ([]byte, error) {
	key, nonce := make([]byte, sm4KeySize), make([]byte, 12)
	rand.Read(key)
	rand.Read(nonce)
	defer clear(key)
	wrapped, err := sm2.Encrypt(rand.Reader, to, key, nil)
	if err != nil {
		return nil, err
	}
	gcm, err := newSM4(key)
	if err != nil {
		return nil, err
	}
	bound := sm3.Sum(header)
	return gcm.Seal(append(wrapped, nonce...), nonce, content, bound[:]), nil
}

func openSM2(from *sm2.PrivateKey, ciphertext, header []byte) ([]byte, error) {
	if len(ciphertext) < sm2Wrapped+12 || ciphertext[0] != 4 {
		return nil, ErrContent
	}
	key, err := sm2.Decrypt(from, ciphertext[:sm2Wrapped])
	if err != nil {
		return nil, ErrContent
	}
	defer clear(key)
	gcm, err := newSM4(key)
	if err != nil {
		return nil, ErrContent
	}
	bound := sm3.Sum(header)
	rest := ciphertext[sm2Wrapped:]
	content, err := gcm.Open(nil, rest[:12], rest[12:], bound[:])
	if err != nil {
		return nil, ErrContent
	}
	return content, nil
}

func newSM4(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
