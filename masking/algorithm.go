package masking

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/emmansun/gmsm/sm3"

	"zonebox/masking/lanes"
	"zonebox/masking/prf"
)

// An Algorithm is the function that tokens are made with, as documents spell it.
// It belongs to a zone as its key does, and so to Keys: tokens of two functions
// never join, whatever the recipes say.
type Algorithm string

// The algorithms; the zero value is AESCMAC. Each is a pseudorandom function, so
// that without the key a token tells nothing but equality: CMAC (Iwata and
// Kurosawa, OMAC, FSE 2003) costs a block or two of the cipher for a value, HMAC
// (RFC 2104) two blocks of the hash, several times as much. SM4CMAC and HMACSM3
// are for zones that must use national cryptography throughout (GB/T 39786).
const (
	AESCMAC    Algorithm = "aes-cmac"    // AES-256-CMAC, NIST SP 800-38B
	SM4CMAC    Algorithm = "sm4-cmac"    // GB/T 32907 in the mode of GB/T 15852.1
	HMACSHA256 Algorithm = "hmac-sha256" // cut to 128 bits
	HMACSM3    Algorithm = "hmac-sm3"    // GB/T 32905, cut to 128 bits
)

// Algorithms returns all of them, the default first.
func Algorithms() []Algorithm { return []Algorithm{AESCMAC, SM4CMAC, HMACSHA256, HMACSM3} }

// National reports whether a is of the SM suite, so that its key should be
// derived in that suite too.
func (a Algorithm) National() bool { return a == SM4CMAC || a == HMACSM3 }

// A mac computes tags of prf.TagSize bytes, for prf.CMAC and prf.HMAC.
type mac interface {
	Sum(dst, data []byte, offsets []int32)
}

// mac returns the function under a key derived for one use of one family of
// columns: no two algorithms, uses or families share a key. AESCMAC keeps the
// labels that it had when it was the only one.
func (a Algorithm) mac(key []byte, use, family string) (mac, error) {
	label := func(name string) string { return "zonebox " + use + name + " v1" + family }
	switch a {
	case "", AESCMAC:
		return deriveMAC(key, label(""))
	case SM4CMAC:
		derived, err := derive(sm3.New, key, label(" sm4-cmac"), 16)
		if err != nil {
			return nil, err
		}
		cipher, err := lanes.NewSM4(derived)
		if err != nil {
			return nil, fmt.Errorf("token key: %v: %w", err, ErrKey)
		}
		return prf.NewCMAC(cipher), nil
	case HMACSHA256:
		derived, err := derive(sha256.New, key, label(" hmac-sha256"), KeySize)
		if err != nil {
			return nil, err
		}
		return prf.NewHMACSHA256(derived)
	case HMACSM3:
		derived, err := derive(sm3.New, key, label(" hmac-sm3"), KeySize)
		if err != nil {
			return nil, err
		}
		return prf.NewHMACSM3(derived)
	}
	return nil, fmt.Errorf("%w: %q", ErrAlgorithm, a)
}

// deriveMAC returns AES-256-CMAC under HKDF-SHA256(key, info).
func deriveMAC(key []byte, info string) (*prf.CMAC, error) {
	derived, err := derive(sha256.New, key, info, KeySize)
	if err != nil {
		return nil, err
	}
	cipher, err := lanes.NewAES(derived)
	if err != nil {
		return nil, fmt.Errorf("token key: %v: %w", err, ErrKey)
	}
	return prf.NewCMAC(cipher), nil
}

// derive returns size bytes of HKDF(key, info), RFC 5869, by the given hash.
func derive(h func() hash.Hash, key []byte, info string, size int) ([]byte, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("token key of %d bytes: %w", len(key), ErrKey)
	}
	derived, err := hkdf.Key(h, key, nil, info, size)
	if err != nil {
		return nil, fmt.Errorf("derive token key: %v: %w", err, ErrKey)
	}
	return derived, nil
}
