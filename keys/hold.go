package keys

import (
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

// NewHold makes the key of the hold id; ErrExists if it has one.
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
	path := filepath.Join(p.dir, name)
	if _, err := os.Lstat(path); err == nil {
		return ErrExists
	}
	data, err := newKeyset(aead.AES256GCMKeyTemplate(), p.root, name)
	if err != nil {
		return err
	}
	return writeFile(path, data)
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
	delete(p.holds, id)
	if err := destroyFile(filepath.Join(p.dir, member(holdFolder, id))); err != nil {
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
