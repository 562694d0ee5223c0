package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// witnessFile holds a Witness, encrypted.
const witnessFile = "witness.key"

// A Witness is how long the audit log of the domain was when the folder last
// heard of it, and who might take up a restored state then. A shorter log is of an
// older state.
type Witness struct {
	Origin string `json:"origin"` // of the log
	Size   uint64 `json:"size"`   // entries
	// Restored is when the order was signed by which a restored state was taken up
	// last: none of before is good once more.
	Restored time.Time `json:"restored,omitzero"`
	// Takers are who might order then that a restored state is taken up, nil in a
	// folder that never heard of them.
	Takers []Taker `json:"takers"`
	// Cosigned are the newest checkpoints of the log that auditors cosigned, one for
	// each of them, the longest first.
	Cosigned []Cosigned `json:"cosigned,omitempty"`
}

// Cosigned is a checkpoint that somebody who watches the log from elsewhere
// cosigned.
type Cosigned struct {
	By         string    `json:"by"`
	Key        string    `json:"key"` // base64 Ed25519, of then
	Size       uint64    `json:"size"`
	Root       string    `json:"root"` // base64
	At         time.Time `json:"at"`
	Checkpoint string    `json:"checkpoint"` // the note
}

// A Taker is a person with a role in which one orders that a restored state is taken
// up.
type Taker struct {
	Name  string   `json:"name"`
	Key   string   `json:"key"` // base64 Ed25519
	Roles []string `json:"roles"`
}

// Witness returns what Remember wrote last, the zero Witness if it never did.
func (f *Folder) Witness() (Witness, error) {
	plain, err := f.readWrapped(witnessFile)
	if errors.Is(err, ErrNoKey) {
		return Witness{}, nil
	}
	if err != nil {
		return Witness{}, fmt.Errorf("keys: witness: %w", err)
	}
	var w Witness
	if err := decodeStrict(plain, &w); err != nil {
		return Witness{}, fmt.Errorf("keys: witness: %w", ErrDamaged)
	}
	return w, nil
}

// Remember replaces what the folder knows of the log and returns once that is
// durable.
func (f *Folder) Remember(w Witness) error {
	plain, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("keys: remember: %w", err)
	}
	sealed, err := f.root.Encrypt(plain, place(witnessFile))
	if err != nil {
		return fmt.Errorf("keys: remember: %w", err)
	}
	if err := writeFile(filepath.Join(f.dir, witnessFile), sealed); err != nil {
		return fmt.Errorf("keys: remember: %w", err)
	}
	return nil
}
