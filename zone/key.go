package zone

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// A dataKey encrypts the chunks of one column of one version and what the
// manifest tells of its values, or the manifests of one version.
//
// The nonce of a chunk is its segment number: the key is fresh and each number is
// used once, the deterministic construction of NIST SP 800-38D §8.2.1. The nonce
// of the column's detail begins with another byte; those of manifests are random,
// for one key seals each manifest of a version.
type dataKey struct{ aead cipher.AEAD }

// newKey draws a data key of the suite and wraps it under the key of the zone. A
// key of SM4 is wrapped by SM4, see Wrapper.
func (s *Store) newKey(zone string, p suiteParts, aad []byte) (k dataKey, wrapped []byte, err error) {
	dek := make([]byte, p.keySize)
	defer clear(dek)
	if err := s.draw(dek); err != nil {
		return dataKey{}, nil, err
	}
	wrapped, err = s.wrapper.Wrap(zone, dek, aad)
	if err != nil {
		return dataKey{}, nil, fmt.Errorf("zone: wrap data key: %w: %w", ErrKey, err)
	}
	k, err = p.key(dek)
	return k, wrapped, err
}

func (s *Store) unwrap(zone string, p suiteParts, wrapped, aad []byte) (dataKey, error) {
	dek, err := s.wrapper.Unwrap(zone, wrapped, aad)
	if err != nil {
		return dataKey{}, fmt.Errorf("zone: unwrap data key: %w: %w", ErrKey, err)
	}
	defer clear(dek)
	return p.key(dek)
}

// rewrap returns a wrapped key under the newest key of the zone, and what it
// opens.
func (s *Store) rewrap(zone string, p suiteParts, wrapped, aad []byte) (dataKey, []byte, error) {
	dek, err := s.wrapper.Unwrap(zone, wrapped, aad)
	if err != nil {
		return dataKey{}, nil, fmt.Errorf("zone: unwrap data key: %w: %w", ErrKey, err)
	}
	defer clear(dek)
	again, err := s.wrapper.Wrap(zone, dek, aad)
	if err != nil {
		return dataKey{}, nil, fmt.Errorf("zone: wrap data key: %w: %w", ErrKey, err)
	}
	k, err := p.key(dek)
	return k, again, err
}

// chunkNonce is the nonce of a segment.
func (k dataKey) chunkNonce(n int) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	binary.BigEndian.PutUint64(nonce[len(nonce)-8:], uint64(n))
	return nonce
}

// detailNonce is the nonce of what a manifest tells of a column's values: the
// same bytes each time it is sealed, for a column's values never change.
func (k dataKey) detailNonce() []byte {
	nonce := make([]byte, k.aead.NonceSize())
	nonce[0] = 1
	return nonce
}

// seal encrypts plain in place where its capacity allows.
func (k dataKey) seal(plain, nonce, aad []byte) []byte {
	return k.aead.Seal(plain[:0], nonce, plain, aad)
}

// open decrypts sealed in place.
func (k dataKey) open(sealed, nonce, aad []byte) ([]byte, error) {
	return k.aead.Open(sealed[:0], nonce, sealed, aad)
}

// WrappedKey is a data key as it lies in a manifest, and what it is bound to.
type WrappedKey struct{ Key, Binding []byte }

// WrappedKeys returns every data key of a version, wrapped. manifest is the digest
// the registry holds.
func (s *Store) WrappedKeys(zone, dataset, version, manifest string) ([]WrappedKey, error) {
	m, err := s.manifest(zone, dataset, version, manifest)
	if err != nil {
		return nil, err
	}
	return m.wrappedKeys(), nil
}

func (m *manifest) wrappedKeys() []WrappedKey {
	out := []WrappedKey{{m.wrapped, m.binding()}}
	for _, c := range m.Columns {
		if !c.Shredded {
			out = append(out, WrappedKey{c.Key, m.keyBinding(c.Name)})
		}
	}
	return out
}
