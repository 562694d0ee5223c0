package keystest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	aeadsubtle "github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"golang.org/x/crypto/argon2"

	"zonebox/keys"
)

// Cheap returns a provider that makes folders which keys.Passphrase(text) opens,
// but for next to no work: a folder carries the cost of its own guesses, and
// hundreds of tests open one.
func Cheap(text []byte) keys.KeyProvider { return cheap{keys.Passphrase(text), text} }

// Cheapen makes a folder that keys.Passphrase(text) opens one that Cheap made.
func Cheapen(folder string, text []byte) error {
	path := filepath.Join(folder, "root.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("keystest: %w", err)
	}
	secret, err := keys.Passphrase(text).Unwrap(data, nil)
	if err != nil {
		return fmt.Errorf("keystest: %w", err)
	}
	if data, err = Cheap(text).Wrap(secret, nil); err != nil {
		return fmt.Errorf("keystest: %w", err)
	}
	return os.WriteFile(path, data, 0o600)
}

type cheap struct {
	keys.KeyProvider
	text []byte
}

// Wrap implements keys.KeyProvider for the root of a folder.
func (c cheap) Wrap(secret, _ []byte) ([]byte, error) {
	type cost struct {
		Time   uint32 `json:"time"`
		Memory uint32 `json:"memory_kib"`
		Lanes  uint8  `json:"lanes"`
	}
	d := struct {
		Format string `json:"format"`
		KDF    string `json:"kdf"`
		Cost   cost   `json:"cost"`
		Salt   []byte `json:"salt"`
		Keyset []byte `json:"keyset"`
	}{"zonebox-keys-1", "argon2id", cost{1, 64, 1}, make([]byte, 16), nil}
	rand.Read(d.Salt)
	kek, err := aeadsubtle.NewAESGCM(argon2.IDKey(c.text, d.Salt, d.Cost.Time, d.Cost.Memory, d.Cost.Lanes, 32))
	if err != nil {
		return nil, err
	}
	root, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(secret)))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	aad := fmt.Appendf(nil, "%s %s t=%d m=%d p=%d salt=%x", d.Format, d.KDF, d.Cost.Time, d.Cost.Memory, d.Cost.Lanes, d.Salt)
	if err := root.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), kek, aad); err != nil {
		return nil, err
	}
	d.Keyset = b.Bytes()
	return json.Marshal(d)
}
