package keys

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/emmansun/gmsm/sm3"
)

// The functions that derive keys.
const (
	KDFSHA256 = "HKDF-SHA256" // RFC 5869, the default
	KDFSM3    = "SM3-KDF"     // GB/T 32918.4-2016 §5.4.3, for primitives of the SM suite
)

// The uses of derived keys.
const (
	UseToken   = "token"   // tokens, and draws of shifts and noise
	UsePreview = "preview" // masks that show what a recipe does, and link to nothing
	UseConsent = "consent" // tokens of people in the registry of consents
)

// Purpose says what a derived key is for. Two purposes that differ in any field
// have unrelated keys.
type Purpose struct {
	Use     string // what is done with it, such as UseToken
	Zone    string // whose secret it is derived from
	Domain  string // the semantic domain: values of columns in one are comparable; "" is the zone's own
	Version int    // 0 is the zone's current version of token keys
	KDF     string // "" is KDFSHA256
}

// Derive returns the 32-byte key of a purpose, the same for the life of the
// zone's keys. ErrNoKey if the zone has none, has not come to that version, or
// was made before there was a secret for KDFSM3, which its next rotation makes.
func (f *Folder) Derive(p Purpose) ([]byte, error) {
	z, err := f.zone(p.Zone)
	if err != nil {
		return nil, fmt.Errorf("keys: derive key: %w", err)
	}
	v := z.live[0]
	if p.Version == 0 {
		if v, err = z.current(); err != nil {
			return nil, fmt.Errorf("keys: derive key: %w", err)
		}
		p.Version = v.token
	}
	if p.Use == "" || p.Version < 1 || p.Version > v.token {
		return nil, fmt.Errorf("keys: derive key for %q version %d: %w", p.Use, p.Version, ErrNoKey)
	}
	switch p.KDF {
	case "", KDFSHA256:
		key, err := v.derive.ComputePrimaryPRF(p.info(), derivedSize)
		if err != nil {
			return nil, fmt.Errorf("keys: derive key: %w", err)
		}
		return key, nil
	case KDFSM3:
		if v.sm3 == nil {
			return nil, fmt.Errorf("keys: derive key by SM3: %w", ErrNoKey)
		}
		// The KDF hashes what it is given from the left. With the digest of the
		// purpose all inputs are equally long, so that no key can be extended to
		// another one.
		info := sm3.Sum(p.info())
		return sm3.Kdf(slices.Concat(v.sm3, info[:]), derivedSize), nil
	}
	return nil, fmt.Errorf("keys: derive key by %q: %w", p.KDF, ErrNoKey)
}

// info is what a key is derived for. The first token key of a zone has the form
// that it had before there were domains and versions.
func (p Purpose) info() []byte {
	if p.Use == UseToken && p.Domain == "" && p.Version == 1 && p.KDF != KDFSM3 {
		return bind("token", p.Zone)
	}
	return bind("purpose", p.Use, p.Zone, p.Domain, strconv.Itoa(p.Version))
}

// TokenKey returns the 32-byte key of the zone's tokens, which changes when they
// are rotated only.
func (f *Folder) TokenKey(zone string) ([]byte, error) {
	return f.Derive(Purpose{Use: UseToken, Zone: zone})
}
