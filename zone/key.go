package zone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// A dataKey encrypts the chunks of one column of one version, or one manifest.
//
// The nonce is the segment number: the key is fresh and each number is used
// once, the deterministic construction of NIST SP 800-38D §8.2.1.
type dataKey struct{ aead cipher.AEAD }

const dataKeySize = 32

// newKey draws a data key and wraps it under the key of the zone.
func (s *Store) newKey(zone string, aad []byte) (k dataKey, wrapped []byte, err error) {
	var dek [dataKeySize]byte
	defer clear(dek[:])
	if err := s.draw(dek[:]); err != nil {
		return dataKey{}, nil, err
	}
	wrapped, err = s.wrapper.Wrap(zone, dek[:], aad)
	if err != nil {
		return dataKey{}, nil, fmt.Errorf("zone: wrap data key: %w: %w", ErrKey, err)
	}
	k, err = newDataKey(dek[:])
	return k, wrapped, err
}

func (s *Store) unwrap(zone string, wrapped, aad []byte) (dataKey, error) {
	dek, err := s.wrapper.Unwrap(zone, wrapped, aad)
	if err != nil {
		return dataKey{}, fmt.Errorf("zone: unwrap data key: %w: %w", ErrKey, err)
	}
	defer clear(dek)
	return newDataKey(dek)
}

func newDataKey(dek []byte) (dataKey, error) {
	if len(dek) != dataKeySize {
		return dataKey{}, fmt.Errorf("zone: data key of %d bytes: %w", len(dek), ErrKey)
	}
	block, err := aes.NewCipher(dek)
	if err != nil {
		return dataKey{}, fmt.Errorf("zone: data key: %w: %w", ErrKey, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return dataKey{}, fmt.Errorf("zone: data key: %w: %w", ErrKey, err)
	}
	return dataKey{aead}, nil
}

func (k dataKey) nonce(n int) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	binary.BigEndian.PutUint64(nonce[len(nonce)-8:], uint64(n))
	return nonce
}

// seal encrypts plain in place where its capacity allows.
func (k dataKey) seal(plain []byte, n int, aad []byte) []byte {
	return k.aead.Seal(plain[:0], k.nonce(n), plain, aad)
}

// open decrypts sealed in place.
func (k dataKey) open(sealed []byte, n int, aad []byte) ([]byte, error) {
	return k.aead.Open(sealed[:0], k.nonce(n), sealed, aad)
}

// WrappedKey is a data key as it lies in a manifest, and what it is bound to.
type WrappedKey struct{ Key, Binding []byte }

// WrappedKeys returns every data key of a version, wrapped. manifest is the digest
// the registry holds.
func (s *Store) WrappedKeys(zone, dataset, version, manifest string) ([]WrappedKey, error) {
	m, file, err := s.readManifest(zone, dataset, version)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(file); manifest != hex.EncodeToString(sum[:]) {
		return nil, m.corrupt(manifestFile)
	}
	if err := s.openManifest(m, file); err != nil {
		return nil, err
	}
	// openManifest found both blocks where they must be.
	_, signed, _ := cutBlock(file[len(manifestMagic):])
	wrapped, _, _ := cutBlock(signed)
	out := []WrappedKey{{wrapped, binding("manifest", zone, dataset, version)}}
	for _, c := range m.Columns {
		out = append(out, WrappedKey{c.Key, m.keyBinding(c.Name)})
	}
	return out, nil
}
