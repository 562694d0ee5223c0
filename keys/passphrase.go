package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	aeadsubtle "github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/crypto/argon2"
)

// rootFormat names the version of root.json.
const rootFormat = "zonebox-keys-1"

// cost is the work of one passphrase guess.
type cost struct {
	Time   uint32 `json:"time"`
	Memory uint32 `json:"memory_kib"`
	Lanes  uint8  `json:"lanes"`
}

// newCost is what new folders get: the second recommended option of RFC 9106
// §4 (t=3, m=64 MiB, p=4), for a gate may start on a small machine. Every folder
// carries its own parameters, so a later default does not lock out old folders.
// Tests make it cheaper.
var newCost = cost{Time: 3, Memory: 64 << 10, Lanes: 4}

// maxCost bounds what a foreign root file can make Open spend.
var maxCost = cost{Time: 64, Memory: 4 << 20, Lanes: 64}

type rootDocument struct {
	Format string `json:"format"`
	KDF    string `json:"kdf"`
	Cost   cost   `json:"cost"`
	Salt   []byte `json:"salt"`
	Keyset []byte `json:"keyset"` // Tink encrypted keyset, wrapped by the derived key
}

func (d rootDocument) check() error {
	c := d.Cost
	switch {
	case d.Format != rootFormat, d.KDF != "argon2id", len(d.Salt) != 16,
		c.Time < 1, c.Time > maxCost.Time,
		c.Lanes < 1, c.Lanes > maxCost.Lanes,
		c.Memory < 8*uint32(c.Lanes), c.Memory > maxCost.Memory:
		return fmt.Errorf("%s: %w", rootFile, ErrDamaged)
	}
	return nil
}

// associatedData binds everything else in the file to the wrapped keyset. Cost
// and salt are bound already, by what is derived from them.
func (d rootDocument) associatedData() []byte {
	return fmt.Appendf(nil, "%s %s t=%d m=%d p=%d salt=%x",
		d.Format, d.KDF, d.Cost.Time, d.Cost.Memory, d.Cost.Lanes, d.Salt)
}

// derive returns the encryption that the passphrase stands for.
func (d rootDocument) derive(passphrase []byte) (tink.AEAD, error) {
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("empty passphrase: %w", ErrPassphrase)
	}
	key := argon2.IDKey(passphrase, d.Salt, d.Cost.Time, d.Cost.Memory, d.Cost.Lanes, 32)
	defer clear(key)
	return aeadsubtle.NewAESGCM(key)
}

func writeRoot(dir string, passphrase []byte, root *keyset.Handle) error {
	d := rootDocument{Format: rootFormat, KDF: "argon2id", Cost: newCost, Salt: make([]byte, 16)}
	rand.Read(d.Salt)
	kek, err := d.derive(passphrase)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := root.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), kek, d.associatedData()); err != nil {
		return err
	}
	d.Keyset = buf.Bytes()
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, rootFile), append(data, '\n'))
}

func readRoot(dir string, passphrase []byte) (tink.AEAD, error) {
	data, err := readPrivate(filepath.Join(dir, rootFile))
	if err != nil {
		return nil, err
	}
	var d rootDocument
	if err := decodeStrict(data, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", rootFile, ErrDamaged)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	kek, err := d.derive(passphrase)
	if err != nil {
		return nil, err
	}
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(d.Keyset)), kek, d.associatedData())
	if err != nil {
		return nil, ErrPassphrase
	}
	return aead.New(h)
}

// decodeStrict reads exactly one JSON value without unknown members.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("trailing data")
	}
	return nil
}
