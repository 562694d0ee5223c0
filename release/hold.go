package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Held is a checked result that waits for its release. On disk it stands
// encrypted; in memory it is plain as well.
type Held struct {
	id     string
	digest string // of the encrypted form
	schema *arrow.Schema
	stream []byte // Arrow IPC
	sealed []byte // stream, encrypted
}

// ID returns the id the result is held under.
func (h *Held) ID() string { return h.id }

// Digest returns the SHA-256 of the encrypted result, in hex. It names the result
// in approvals and in the audit log, and tells nothing about what is in it.
func (h *Held) Digest() string { return h.digest }

// holdIDs are the ids that can stand as a file name.
var holdIDs = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$`)

// Hold encrypts the checked result with aead, which should be the hold's own
// key: destroying it ends every copy. Nothing is on disk before Save.
func Hold(c *Checked, id string, aead tink.AEAD) (*Held, error) {
	h, err := hold(c, id, aead)
	if err != nil {
		return nil, fmt.Errorf("release: hold result: %w", err)
	}
	return h, nil
}

func hold(c *Checked, id string, aead tink.AEAD) (*Held, error) {
	if !holdIDs.MatchString(id) {
		return nil, ErrNoHold
	}
	stream, err := encode(c.record)
	if err != nil {
		return nil, err
	}
	sealed, err := aead.Encrypt(stream, holdContext(id))
	if err != nil {
		return nil, err
	}
	return &Held{id: id, digest: hexSHA256(sealed), schema: c.Schema(), stream: stream, sealed: sealed}, nil
}

// Rows hands the rows to f, which keeps nothing of them.
func (h *Held) Rows(f func([]arrow.RecordBatch)) error {
	_, rows, err := decode(h.stream, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("release: read held result: %w", err)
	}
	defer releaseAll(rows)
	f(rows)
	return nil
}

// Save writes the encrypted result to a new file in dir and returns once it is
// durable. ErrExists if the id is held there already.
func (h *Held) Save(dir string) error {
	path, err := holdPath(h.id, dir)
	if err == nil {
		err = writeNew(path, h.sealed)
	}
	if err != nil {
		return fmt.Errorf("release: save held result: %w", err)
	}
	return nil
}

// LoadHeld reads a result that Save wrote. ErrNoHold if the file is missing,
// ErrHold if it does not open under this id and key; the cause that the key
// gives is wrapped too.
func LoadHeld(dir, id string, aead tink.AEAD) (*Held, error) {
	h, err := loadHeld(dir, id, aead)
	if err != nil {
		return nil, fmt.Errorf("release: load held result: %w", err)
	}
	return h, nil
}

func loadHeld(dir, id string, aead tink.AEAD) (*Held, error) {
	path, err := holdPath(id, dir)
	if err != nil {
		return nil, err
	}
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoHold
	}
	if err != nil {
		return nil, err
	}
	stream, err := aead.Decrypt(sealed, holdContext(id))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHold, err)
	}
	schema, err := schemaOf(stream)
	if err != nil {
		return nil, ErrHold
	}
	return &Held{id: id, digest: hexSHA256(sealed), schema: schema, stream: stream, sealed: sealed}, nil
}

// RemoveHeld removes the file of a hold and returns once that is durable. The
// key is destroyed by whoever keeps it, first. ErrNoHold if there is no file.
func RemoveHeld(dir, id string) error {
	path, err := holdPath(id, dir)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNoHold
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("release: remove held result: %w", err)
	}
	return nil
}

func holdPath(id, dir string) (string, error) {
	if !holdIDs.MatchString(id) {
		return "", ErrNoHold
	}
	return filepath.Join(dir, id+".hold"), nil
}

// holdContext binds a hold file to its id.
func holdContext(id string) []byte { return []byte("zonebox hold 1 " + id) }

// writeNew puts data at path with mode 0600, whole or not at all, and never in
// the place of another file.
func writeNew(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Link(f.Name(), path) // unlike a rename it replaces nothing
	}
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// HeldDigest returns the digest of a held result as it lies in dir, without its key.
// ErrNoHold if the file is missing.
func HeldDigest(dir, id string) (string, error) {
	path, err := holdPath(id, dir)
	if err != nil {
		return "", fmt.Errorf("release: digest of held result: %w", err)
	}
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNoHold
	}
	if err != nil {
		return "", fmt.Errorf("release: digest of held result: %w", err)
	}
	return hexSHA256(sealed), nil
}
