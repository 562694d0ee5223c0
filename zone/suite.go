package zone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// A Suite is what a version is encrypted and digested with. It belongs to the
// version, which says it: a zone that takes another suite loads with it from then
// on, and what was loaded before stays readable.
type Suite string

// The suites; the zero value is AES256GCM.
const (
	AES256GCM Suite = "aes-256-gcm" // NIST SP 800-38D, with SHA-256
	SM4GCM    Suite = "sm4-gcm"     // GB/T 32907 in the mode of GB/T 15852.1 and RFC 8998, with SM3 (GB/T 32905)
)

// Suites returns all of them, the default first.
func Suites() []Suite { return []Suite{AES256GCM, SM4GCM} }

// suiteParts are what a suite is made of. Its id stands in manifests.
type suiteParts struct {
	suite   Suite
	id      byte
	keySize int
	block   func(key []byte) (cipher.Block, error)
	digest  func() hash.Hash
}

var suites = []suiteParts{
	{AES256GCM, 1, 32, aes.NewCipher, sha256.New},
	{SM4GCM, 2, sm4.BlockSize, sm4.NewCipher, sm3.New},
}

func (s Suite) parts() (suiteParts, error) {
	for _, p := range suites {
		if p.suite == s || s == "" && p.id == 1 {
			return p, nil
		}
	}
	return suiteParts{}, fmt.Errorf("zone: suite %q: %w", s, ErrSpec)
}

func suiteOf(id byte) (suiteParts, bool) {
	for _, p := range suites {
		if p.id == id {
			return p, true
		}
	}
	return suiteParts{}, false
}

// sum returns the digest of file, 32 bytes in either suite.
func (p suiteParts) sum(file []byte) []byte {
	h := p.digest()
	h.Write(file)
	return h.Sum(nil)
}

// key returns the encryption under a data key of the suite.
func (p suiteParts) key(dek []byte) (dataKey, error) {
	if len(dek) != p.keySize {
		return dataKey{}, fmt.Errorf("zone: data key of %d bytes: %w", len(dek), ErrKey)
	}
	block, err := p.block(dek)
	if err != nil {
		return dataKey{}, fmt.Errorf("zone: data key: %w: %w", ErrKey, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return dataKey{}, fmt.Errorf("zone: data key: %w: %w", ErrKey, err)
	}
	return dataKey{aead}, nil
}
