package keys

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// zoneKeys are the two secrets of a zone: one wraps the data keys of its
// datasets, the other derives what its tokens are made with. They stand in one
// file and end together.
type zoneKeys struct {
	wrap   tink.AEAD
	derive *prf.Set
}

type zoneDocument struct {
	Wrap   []byte `json:"wrap"`   // Tink encrypted keyset, AES-256-GCM
	Derive []byte `json:"derive"` // Tink encrypted keyset, HKDF-SHA256
}

// CreateZone makes the keys of a zone; ErrExists if it has some.
func (p *Provider) CreateZone(zone string) error {
	if err := p.createZone(zone); err != nil {
		return fmt.Errorf("keys: create zone key: %w", err)
	}
	return nil
}

func (p *Provider) createZone(zone string) error {
	if err := checkName(zone); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := member(zoneFolder, zone)
	path := filepath.Join(p.dir, name)
	if _, err := os.Lstat(path); err == nil {
		return ErrExists
	}
	wrap, err := newKeyset(aead.AES256GCMKeyTemplate(), p.root, name+"#wrap")
	if err != nil {
		return err
	}
	derive, err := newKeyset(prf.HKDFSHA256PRFKeyTemplate(), p.root, name+"#derive")
	if err != nil {
		return err
	}
	data, err := json.Marshal(zoneDocument{Wrap: wrap, Derive: derive})
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

// DestroyZone destroys the keys of a zone for good: every data key they wrapped
// stays closed, also after CreateZone gives the zone new ones. ErrNoKey if the
// zone has none.
func (p *Provider) DestroyZone(zone string) error {
	if err := checkName(zone); err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.zones, zone)
	if err := destroyFile(filepath.Join(p.dir, member(zoneFolder, zone))); err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	return nil
}

// Wrap encrypts a data key of the zone. Unwrap needs the same zone and aad.
func (p *Provider) Wrap(zone string, dek, aad []byte) ([]byte, error) {
	k, err := p.zone(zone)
	if err != nil {
		return nil, fmt.Errorf("keys: wrap data key: %w", err)
	}
	wrapped, err := k.wrap.Encrypt(dek, bind("dek", zone, string(aad)))
	if err != nil {
		return nil, fmt.Errorf("keys: wrap data key: %w", err)
	}
	return wrapped, nil
}

// Unwrap returns the data key that Wrap was given. ErrNoKey if the zone has no
// keys, ErrDamaged if wrapped was not made by them for this zone and aad.
func (p *Provider) Unwrap(zone string, wrapped, aad []byte) ([]byte, error) {
	k, err := p.zone(zone)
	if err != nil {
		return nil, fmt.Errorf("keys: unwrap data key: %w", err)
	}
	dek, err := k.wrap.Decrypt(wrapped, bind("dek", zone, string(aad)))
	if err != nil {
		return nil, fmt.Errorf("keys: unwrap data key: %w", ErrDamaged)
	}
	return dek, nil
}

// TokenKey returns the 32-byte key of the zone's tokens. It is the same for the
// life of the zone's keys.
func (p *Provider) TokenKey(zone string) ([]byte, error) {
	k, err := p.zone(zone)
	if err != nil {
		return nil, fmt.Errorf("keys: derive token key: %w", err)
	}
	key, err := k.derive.ComputePrimaryPRF(bind("token", zone), derivedSize)
	if err != nil {
		return nil, fmt.Errorf("keys: derive token key: %w", err)
	}
	return key, nil
}

func (p *Provider) zone(zone string) (zoneKeys, error) {
	if err := checkName(zone); err != nil {
		return zoneKeys{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.zones[zone]; ok {
		return k, nil
	}
	name := member(zoneFolder, zone)
	data, err := readPrivate(filepath.Join(p.dir, name))
	if err != nil {
		return zoneKeys{}, err
	}
	var d zoneDocument
	if err := decodeStrict(data, &d); err != nil {
		return zoneKeys{}, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	var k zoneKeys
	if k.wrap, err = openAEAD(d.Wrap, p.root, name+"#wrap"); err != nil {
		return zoneKeys{}, err
	}
	if k.derive, err = openPRF(d.Derive, p.root, name+"#derive"); err != nil {
		return zoneKeys{}, err
	}
	p.zones[zone] = k
	return k, nil
}
