package keys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// HoldKey encrypts one held result. It asks the Provider at every use, so it
// stops working the moment its key is destroyed, wherever it is kept.
type HoldKey struct {
	provider *Provider
	id       string
}

// NewHold makes the key of the hold id, in memory until Save; ErrExists if it
// has one. A result that leaves at once never needs it on disk.
func (p *Provider) NewHold(id string) (*HoldKey, error) {
	if err := p.newHold(id); err != nil {
		return nil, fmt.Errorf("keys: create hold key: %w", err)
	}
	return &HoldKey{p, id}, nil
}

func (p *Provider) newHold(id string) error {
	if err := checkName(id); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := member(holdFolder, id)
	if _, err := os.Lstat(filepath.Join(p.dir, name)); err == nil || p.unsaved[id] != nil {
		return ErrExists
	}
	data, err := newKeyset(aead.AES256GCMKeyTemplate(), p.root, name)
	if err != nil {
		return err
	}
	if p.holds[id], err = openAEAD(data, p.root, name); err != nil {
		return err
	}
	p.unsaved[id] = data
	return nil
}

// Save writes the key to the key folder and returns once it is durable; the key
// of a hold that is saved already stays as it is. ErrNoKey once it is destroyed.
func (h *HoldKey) Save() error {
	p := h.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	data, ok := p.unsaved[h.id]
	if !ok {
		if p.holds[h.id] == nil {
			return fmt.Errorf("keys: save hold key: %w", ErrNoKey)
		}
		return nil
	}
	if err := writeFile(filepath.Join(p.dir, member(holdFolder, h.id)), data); err != nil {
		return fmt.Errorf("keys: save hold key: %w", err)
	}
	delete(p.unsaved, h.id)
	return nil
}

// Hold returns the key of the hold id; ErrNoKey if it has none.
func (p *Provider) Hold(id string) (*HoldKey, error) {
	if _, err := p.hold(id); err != nil {
		return nil, fmt.Errorf("keys: open hold key: %w", err)
	}
	return &HoldKey{p, id}, nil
}

// DestroyHold destroys the key of the hold id for good: no copy of the held
// result can be read again. ErrNoKey if there is none; a key that an interrupted
// DestroyHold left behind overwritten is removed by the next call.
func (p *Provider) DestroyHold(id string) error {
	if err := checkName(id); err != nil {
		return fmt.Errorf("keys: destroy hold key: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	unsaved := p.unsaved[id] != nil
	delete(p.holds, id)
	delete(p.unsaved, id)
	err := destroyFile(filepath.Join(p.dir, member(holdFolder, id)))
	if unsaved && errors.Is(err, ErrNoKey) {
		return nil // but for a Save that failed late, it never was on disk
	}
	if err != nil {
		return fmt.Errorf("keys: destroy hold key: %w", err)
	}
	return nil
}

// Encrypt encrypts plaintext and binds it to associatedData and to the hold.
func (h *HoldKey) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	a, err := h.provider.hold(h.id)
	if err != nil {
		return nil, fmt.Errorf("keys: encrypt hold: %w", err)
	}
	return a.Encrypt(plaintext, bind("hold", h.id, string(associatedData)))
}

// Decrypt returns what Encrypt was given. ErrNoKey once the key is destroyed,
// ErrDamaged if ciphertext was not made by this key for associatedData.
func (h *HoldKey) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	a, err := h.provider.hold(h.id)
	if err != nil {
		return nil, fmt.Errorf("keys: decrypt hold: %w", err)
	}
	plaintext, err := a.Decrypt(ciphertext, bind("hold", h.id, string(associatedData)))
	if err != nil {
		return nil, fmt.Errorf("keys: decrypt hold: %w", ErrDamaged)
	}
	return plaintext, nil
}

func (p *Provider) hold(id string) (tink.AEAD, error) {
	if err := checkName(id); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.holds[id]; ok {
		return a, nil
	}
	a, err := p.readAEAD(member(holdFolder, id))
	if err != nil {
		return nil, err
	}
	p.holds[id] = a
	return a, nil
}
