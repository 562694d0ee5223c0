package registry

import (
	"encoding/json"
	"fmt"
	"strings"
)

// aad names a row: the kind of row and the values of its plain columns. A body
// decrypts only under the name it was written for. The parts hold no NUL byte.
func aad(parts ...string) []byte { return []byte("zonebox\x00" + strings.Join(parts, "\x00")) }

// Seal encrypts text that another package stores beside the registry, such as
// a reviewer's note, bound to its purpose and id.
func (r *Registry) Seal(purpose, id string, text []byte) ([]byte, error) {
	b, err := r.cfg.AEAD.Encrypt(text, aad("note", purpose, id))
	if err != nil {
		return nil, fmt.Errorf("registry: seal %s %s: %w", purpose, id, err)
	}
	return b, nil
}

// Unseal returns what Seal encrypted for the same purpose and id, or
// ErrCorrupt.
func (r *Registry) Unseal(purpose, id string, sealed []byte) ([]byte, error) {
	b, err := r.cfg.AEAD.Decrypt(sealed, aad("note", purpose, id))
	if err != nil {
		return nil, fmt.Errorf("registry: unseal %s %s: %w", purpose, id, ErrCorrupt)
	}
	return b, nil
}

// sealRow encrypts the JSON form of v for the row named by parts.
func (r *Registry) sealRow(v any, parts ...string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("registry: encode %s: %w", parts[0], err)
	}
	b, err := r.cfg.AEAD.Encrypt(plain, aad(parts...))
	if err != nil {
		return nil, fmt.Errorf("registry: encrypt %s: %w", parts[0], err)
	}
	return b, nil
}

// openRow decrypts the body of the row named by parts into v. Neither the
// cause nor the text of a body that fails goes into the error.
func (r *Registry) openRow(sealed []byte, v any, parts ...string) error {
	plain, err := r.cfg.AEAD.Decrypt(sealed, aad(parts...))
	if err != nil {
		return fmt.Errorf("registry: decrypt %s %s: %w", parts[0], strings.Join(parts[1:], "/"), ErrCorrupt)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("registry: decode %s %s: %w", parts[0], strings.Join(parts[1:], "/"), ErrCorrupt)
	}
	return nil
}
