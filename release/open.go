package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// maxLine bounds a line of text in a sealed file, in bytes.
const maxLine = 1 << 20

// Opened is the content of a sealed file. The caller releases it.
type Opened struct {
	Header
	Schema  *arrow.Schema
	Rows    []arrow.RecordBatch // none if the result has no rows
	Content []byte              // as it was sealed, in the form that the header names
}

// Release frees the batches.
func (o *Opened) Release() { releaseAll(o.Rows) }

// Open checks a sealed file against the gate's public key, whatever its form and
// suite, and decrypts it with the recipient's private key.
//
// It returns ErrFormat if the file is not a sealed release, ErrSignature if
// its label, its other lines or its gate are not what was signed, ErrDigest if
// the encrypted part was changed, ErrRecipient if it is sealed to someone else,
// and ErrContent if what decrypts is not what the header says.
func Open(file []byte, recipient Key, gate ed25519.PublicKey) (*Opened, error) {
	o, err := open(file, recipient, gate)
	if err != nil {
		return nil, fmt.Errorf("release: open file: %w", err)
	}
	return o, nil
}

// Verify checks a sealed file against the gate's public key and returns its
// readable part. It needs no private key and tells nothing about the content
// but that the gate sealed it under this header. Errors are those of Open.
func Verify(file []byte, gate ed25519.PublicKey) (Header, error) {
	e, err := verify(file, gate)
	if err != nil {
		return Header{}, fmt.Errorf("release: verify file: %w", err)
	}
	return e.head, nil
}

// Inspect returns the readable part of a sealed file and the digest of the file, by
// which the audit log names it. It checks no signature: what it returns is what the
// file says of itself. ErrFormat if it is not a sealed release.
func Inspect(file []byte) (Header, string, error) {
	e, _, err := read(file)
	if err != nil {
		return Header{}, "", fmt.Errorf("release: inspect file: %w", err)
	}
	return e.head, hexSHA256(file), nil
}

// Reload returns the artifact that an earlier Seal wrote, so that its recipient
// can be handed the same file again. Errors are those of Verify.
func Reload(file []byte, gate ed25519.PublicKey) (*Artifact, error) {
	head, err := Verify(file, gate)
	if err != nil {
		return nil, err
	}
	return &Artifact{file: file, digest: hexSHA256(file), header: head}, nil
}

// envelope is a sealed file in its parts.
type envelope struct {
	version    string // its first line
	head       Header
	header     []byte // canonical JSON of head
	ciphertext []byte
}

// split returns the lines of a file, unread.
func split(file []byte) (e envelope, foot []byte, err error) {
	for _, e.version = range []string{magic, magicFirst} {
		if bytes.HasPrefix(file, []byte(e.version)) {
			var ok1, ok2 bool
			rest := file[len(e.version):]
			e.header, rest, ok1 = bytes.Cut(rest, []byte("\n"))
			foot, e.ciphertext, ok2 = bytes.Cut(rest, []byte("\n"))
			if !ok1 || !ok2 || len(e.header) > maxLine || len(foot) > maxLine {
				return e, nil, ErrFormat
			}
			return e, foot, nil
		}
	}
	return e, nil, ErrFormat
}

// read returns what a file says of itself.
func read(file []byte) (envelope, seal, error) {
	var s seal
	e, foot, err := split(file)
	if err != nil {
		return e, s, err
	}
	if err := decodeCanonical(foot, &s); err != nil {
		return e, s, err
	}
	if err := decodeCanonical(e.header, &e.head); err != nil {
		return e, s, err
	}
	if e.head.first() != (e.version == magicFirst) {
		return e, s, ErrFormat
	}
	if e.head = e.head.explained(); !e.head.known() {
		return e, s, ErrFormat
	}
	return e, s, nil
}

func verify(file []byte, gate ed25519.PublicKey) (envelope, error) {
	if len(gate) != ed25519.PublicKeySize {
		return envelope{}, ErrFormat
	}
	e, s, err := read(file)
	if err != nil {
		return envelope{}, err
	}
	if !s.holds(e.head.Signature, e.version, e.header, gate) {
		return envelope{}, ErrSignature
	}
	if digestOf(e.head.Signature, e.ciphertext) != s.Digest {
		return envelope{}, ErrDigest
	}
	return e, nil
}

func open(file []byte, recipient Key, gate ed25519.PublicKey) (*Opened, error) {
	e, err := verify(file, gate)
	if err != nil {
		return nil, err
	}
	id, err := recipient.id()
	if err != nil {
		return nil, err
	}
	if id != e.head.RecipientKey || recipient.encryption() != e.head.Encryption {
		return nil, ErrRecipient
	}
	content, err := recipient.open(e.ciphertext, e.header)
	if err != nil {
		return nil, err
	}
	schema, rows, err := rowsOf(e.head.Form, content, e.head.Columns)
	if err != nil {
		return nil, err
	}
	return &Opened{Header: e.head, Schema: schema, Rows: rows, Content: content}, nil
}

// decodeCanonical reads v from its canonical JSON and from nothing else: what
// encodes back to other bytes is refused, so every byte of a file counts.
func decodeCanonical[T any](data []byte, v *T) error {
	if err := json.Unmarshal(data, v); err != nil {
		return ErrFormat
	}
	again, err := canonical(*v)
	if err != nil || !bytes.Equal(again, data) {
		return ErrFormat
	}
	return nil
}
