package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// HoldKey encrypts one held result. It asks the Folder at every use, so it
// stops working the moment its key is blocked or destroyed, wherever it is kept.
type HoldKey struct {
	folder *Folder
	id     string
}

// NewHold makes the key of the hold id, in memory until Save; ErrExists if it
// has one. A result that leaves at once never needs it on disk.
func (f *Folder) NewHold(id string) (*HoldKey, error) { return f.NewHoldIn("", id) }

// NewHoldIn is NewHold for a key that is sealed in a space besides: it is lost with
// the keys of the space, in copies of the folder as well if the provider keeps
// separate keys.
func (f *Folder) NewHoldIn(space, id string) (*HoldKey, error) {
	if err := f.newHold(id, space); err != nil {
		return nil, fmt.Errorf("keys: create hold key: %w", err)
	}
	return &HoldKey{f, id}, nil
}

func (f *Folder) newHold(id, space string) error {
	if err := checkName(id); err != nil {
		return err
	}
	name := member(holdFolder, id)
	data, err := newKeyset(aead.AES256GCMKeyTemplate(), f.root, name)
	if err != nil {
		return err
	}
	opened, err := openAEAD(data, f.root, name)
	if err != nil {
		return err
	}
	if space != "" {
		sealed, err := f.Seal(space, data, place(name))
		if err != nil {
			return err
		}
		if data, err = json.Marshal(holdDocument{holdFormat, space, sealed}); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := os.Lstat(filepath.Join(f.dir, name)); err == nil || f.unsaved[id] != nil {
		return ErrExists
	}
	f.holds[id], f.unsaved[id] = opened, data
	return nil
}

// holdFormat names what a file of a hold key begins with that lies in a space.
const holdFormat = "zonebox-hold-1"

type holdDocument struct {
	Format string `json:"format"`
	Space  string `json:"space"`
	Key    []byte `json:"key"` // the file of a hold key without space, sealed
}

// Save writes the key to the key folder and returns once it is durable; the key
// of a hold that is saved already stays as it is. ErrNoKey once it is destroyed.
func (h *HoldKey) Save() error {
	f := h.folder
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.unsaved[h.id]
	if !ok {
		if _, err := os.Lstat(filepath.Join(f.dir, member(holdFolder, h.id))); err != nil {
			return fmt.Errorf("keys: save hold key: %w", ErrNoKey)
		}
		return nil
	}
	if err := writeFile(filepath.Join(f.dir, member(holdFolder, h.id)), data); err != nil {
		return fmt.Errorf("keys: save hold key: %w", err)
	}
	delete(f.unsaved, h.id)
	return nil
}

// Hold returns the key of the hold id; ErrNoKey if it has none, ErrBlocked if it is
// blocked.
func (f *Folder) Hold(id string) (*HoldKey, error) {
	if _, err := f.hold(id); err != nil {
		return nil, fmt.Errorf("keys: open hold key: %w", err)
	}
	return &HoldKey{f, id}, nil
}

// DestroyHold destroys the key of the hold id for good: no copy of the held
// result can be read again. ErrNoKey if there is none; a key that an interrupted
// DestroyHold left behind overwritten is removed by the next call.
func (f *Folder) DestroyHold(id string) (err error) {
	if err := checkName(id); err != nil {
		return fmt.Errorf("keys: destroy hold key: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unsaved := f.unsaved[id] != nil
	delete(f.holds, id)
	delete(f.unsaved, id)
	f.ended++
	if _, ok := f.blocked[id]; ok { // what stays written of it blocks nothing
		blocked := maps.Clone(f.blocked)
		delete(blocked, id)
		defer func() { err = errors.Join(err, f.setBlocked(blocked)) }()
	}
	err = destroyFile(filepath.Join(f.dir, member(holdFolder, id)))
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
	a, err := h.folder.hold(h.id)
	if err != nil {
		return nil, fmt.Errorf("keys: encrypt hold: %w", err)
	}
	return a.Encrypt(plaintext, bind("hold", h.id, string(associatedData)))
}

// Decrypt returns what Encrypt was given. ErrNoKey once the key is destroyed,
// ErrDamaged if ciphertext was not made by this key for associatedData.
func (h *HoldKey) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	a, err := h.folder.hold(h.id)
	if err != nil {
		return nil, fmt.Errorf("keys: decrypt hold: %w", err)
	}
	plaintext, err := a.Decrypt(ciphertext, bind("hold", h.id, string(associatedData)))
	if err != nil {
		return nil, fmt.Errorf("keys: decrypt hold: %w", ErrDamaged)
	}
	return plaintext, nil
}

func (f *Folder) hold(id string) (tink.AEAD, error) {
	if err := checkName(id); err != nil {
		return nil, err
	}
	f.mu.Lock()
	a, ok := f.holds[id]
	ended := f.ended
	_, blocked := f.blocked[id]
	f.mu.Unlock()
	if blocked {
		return nil, ErrBlocked
	}
	if ok {
		return a, nil
	}
	a, err := f.readHold(id)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended == ended { // else the keys it lies under may be gone by now
		f.holds[id] = a
	}
	return a, nil
}

// readHold reads a hold key; ErrNoKey if the keys of its space were destroyed.
// The provider may be asked.
func (f *Folder) readHold(id string) (tink.AEAD, error) {
	name := member(holdFolder, id)
	data, err := readPrivate(filepath.Join(f.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	var d holdDocument
	if decodeStrict(data, &d) == nil && d.Format == holdFormat {
		if data, err = f.Unseal(d.Space, d.Key, place(name)); err != nil {
			return nil, err
		}
	}
	return openAEAD(data, f.root, name)
}
