package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// maxLine bounds a line of text in a sealed file, in bytes.
const maxLine = 1 << 20

// Opened is the content of a sealed file. The caller releases it.
type Opened struct {
	Label   Label
	Columns []HeaderColumn
	Schema  *arrow.Schema
	Rows    []arrow.RecordBatch // none if the result has no rows
}

// Release frees the batches.
func (o *Opened) Release() { releaseAll(o.Rows) }

// Open checks a sealed file against the gate's public key and decrypts it with
// the recipient's private keyset.
//
// It returns ErrFormat if the file is not a sealed release, ErrSignature if
// its label, its other lines or its gate are not what was signed, ErrDigest if
// the encrypted part was changed, ErrRecipient if it is sealed to someone else,
// and ErrContent if what decrypts is not what the header says.
func Open(file []byte, recipient *keyset.Handle, gate ed25519.PublicKey) (*Opened, error) {
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

// Reload returns the artifact that an earlier Seal wrote, so that its recipient
// can be handed the same file again. Errors are those of Verify.
func Reload(file []byte, gate ed25519.PublicKey) (*Artifact, error) {
	head, err := Verify(file, gate)
	if err != nil {
		return nil, err
	}
	return &Artifact{file: file, digest: hexSHA256(file), header: head}, nil
}

// envelope is a sealed file whose signature and digest hold.
type envelope struct {
	head       Header
	header     []byte // canonical JSON of head
	ciphertext []byte
}

func verify(file []byte, gate ed25519.PublicKey) (envelope, error) {
	rest, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok {
		return envelope{}, ErrFormat
	}
	header, rest, ok1 := bytes.Cut(rest, []byte("\n"))
	foot, ciphertext, ok2 := bytes.Cut(rest, []byte("\n"))
	if !ok1 || !ok2 || len(header) > maxLine || len(foot) > maxLine || len(gate) != ed25519.PublicKeySize {
		return envelope{}, ErrFormat
	}
	var s seal
	if err := decodeCanonical(foot, &s); err != nil {
		return envelope{}, err
	}
	if !ed25519.Verify(gate, statement(header, s.Digest), s.Signature) {
		return envelope{}, ErrSignature
	}
	if hexSHA256(ciphertext) != s.Digest {
		return envelope{}, ErrDigest
	}
	e := envelope{header: header, ciphertext: ciphertext}
	if err := decodeCanonical(header, &e.head); err != nil {
		return envelope{}, err
	}
	return e, nil
}

func open(file []byte, recipient *keyset.Handle, gate ed25519.PublicKey) (*Opened, error) {
	e, err := verify(file, gate)
	if err != nil {
		return nil, err
	}
	public, err := recipient.Public()
	if err != nil {
		return nil, ErrRecipientKey
	}
	id, err := keyID(public)
	if err != nil {
		return nil, err
	}
	if id != e.head.RecipientKey {
		return nil, ErrRecipient
	}
	dec, err := hybrid.NewHybridDecrypt(recipient)
	if err != nil {
		return nil, ErrRecipientKey
	}
	info := sha256.Sum256(e.header)
	stream, err := dec.Decrypt(e.ciphertext, info[:])
	if err != nil {
		return nil, ErrContent
	}
	schema, batches, err := decode(stream, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	o := &Opened{Label: e.head.Label, Columns: e.head.Columns, Schema: schema, Rows: batches}
	if !describes(e.head.Columns, schema) {
		o.Release()
		return nil, ErrContent
	}
	return o, nil
}

func describes(columns []HeaderColumn, schema *arrow.Schema) bool {
	if len(columns) != schema.NumFields() {
		return false
	}
	for i, f := range schema.Fields() {
		if columns[i] != columnOfField(f) {
			return false
		}
	}
	return true
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
