package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	aeadsubtle "github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/crypto/argon2"
)

// rootFormat names the version of a root.json that a passphrase opens.
const rootFormat = "zonebox-keys-1"

// passphrase is the KeyProvider that folders have unless they ask for another.
type passphrase struct{ text []byte }

// Passphrase returns the KeyProvider whose key is derived from text with Argon2id
// (RFC 9106). It keeps text, which an open Folder does not, wraps the root of a folder alone and can destroy
// nothing: a copy of the folder opens for whoever knows text.
func Passphrase(text []byte) KeyProvider { return passphrase{text} }

// Describe implements KeyProvider.
func (passphrase) Describe() Description {
	return Description{Kind: KindPassphrase, Place: "key folder", Algorithm: "Argon2id, AES-256-GCM"}
}

// Destroy refuses: the key is in somebody's head.
func (passphrase) Destroy(_, _ []byte) error {
	return fmt.Errorf("keys: destroy the key of a passphrase: %w", errors.ErrUnsupported)
}

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

// Wrap implements KeyProvider for a serialized keyset, the root of a folder. It
// stands at one place only, so that aad adds nothing.
func (p passphrase) Wrap(secret, _ []byte) ([]byte, error) {
	root, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(secret)))
	if err != nil {
		return nil, err
	}
	d := rootDocument{Format: rootFormat, KDF: "argon2id", Cost: newCost, Salt: make([]byte, 16)}
	rand.Read(d.Salt)
	kek, err := d.derive(p.text)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := root.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), kek, d.associatedData()); err != nil {
		return nil, err
	}
	d.Keyset = buf.Bytes()
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// Unwrap implements KeyProvider.
func (p passphrase) Unwrap(data, _ []byte) ([]byte, error) {
	if isVault(data) {
		return nil, ErrOther
	}
	var d rootDocument
	if err := decodeStrict(data, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", rootFile, ErrDamaged)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	kek, err := d.derive(p.text)
	if err != nil {
		return nil, err
	}
	root, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(d.Keyset)), kek, d.associatedData())
	if err != nil {
		return nil, ErrPassphrase
	}
	return serialize(root)
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
