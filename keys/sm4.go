package keys

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	"github.com/emmansun/gmsm/sm4"
)

// What a version's SM4 key wrapped begins with wrappedSM4; what its other key
// wrapped begins with the prefix of Tink, whose first byte is 1. A random nonce of
// 12 bytes follows, then the ciphertext (RFC 8998, GB/T 15852.1).
var wrappedSM4 = []byte("SM4\x01")

func newSM4(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// wrapKey encrypts a data key under the version, a key of SM4 with SM4.
func (v zoneVersion) wrapKey(dek, aad []byte) ([]byte, error) {
	if len(dek) != sm4.BlockSize {
		return v.wrap.Encrypt(dek, aad)
	}
	if v.sm4 == nil {
		return nil, fmt.Errorf("version %d has no key of SM4: %w", v.number, ErrRotate)
	}
	nonce := make([]byte, v.sm4.NonceSize())
	rand.Read(nonce)
	return v.sm4.Seal(append(bytes.Clone(wrappedSM4), nonce...), nonce, dek, aad), nil
}

func (v zoneVersion) unwrapKey(wrapped, aad []byte) ([]byte, error) {
	rest, national := bytes.CutPrefix(wrapped, wrappedSM4)
	if !national {
		return v.wrap.Decrypt(wrapped, aad)
	}
	if v.sm4 == nil || len(rest) < v.sm4.NonceSize() {
		return nil, ErrDamaged
	}
	n := v.sm4.NonceSize()
	return v.sm4.Open(nil, rest[:n], rest[n:], aad)
}
