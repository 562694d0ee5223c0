package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/gowebpki/jcs"
	"github.com/tink-crypto/tink-go/v2/hybrid"
)

// magic is the first line of a sealed file: its kind and version.
const magic = "zonebox-release-1\n"

// Label says what a result is and where it comes from. It stands in the clear
// inside the file (NJ19-27e, YC22-34b) and holds no cell value.
type Label struct {
	Release   string    `json:"release"`
	Run       string    `json:"run"`
	Zone      string    `json:"zone"`
	License   string    `json:"license"`
	Scenario  string    `json:"scenario"`
	Sources   []Source  `json:"sources"`
	Recipient string    `json:"recipient"`
	Pack      string    `json:"pack"`
	IssuedAt  time.Time `json:"issued_at"`

	// Template is the name and version of the approved analysis that was asked,
	// and Parameters the digest of the values it was asked with; both are empty
	// for a statement of the operator's own.
	Template   string `json:"template,omitempty"`
	Parameters string `json:"parameters,omitempty"`

	// Effect is of a result of protected data; nil of others, and of those that
	// were sealed before results were graded.
	Effect *Effect `json:"effect,omitempty"`

	Warnings []string `json:"warnings"` // of the decision, such as a lapsed pack
	Notes    []string `json:"notes"`    // how to read and use the result
}

// Source is one dataset a result was made from.
type Source struct {
	Dataset  string `json:"dataset"`
	Provider string `json:"provider"`
	Version  string `json:"version"`
	Acquired string `json:"acquired"` // date of acquisition, as the catalogue gives it
}

func (l Label) check() error {
	if l.Release == "" || l.Run == "" || l.Zone == "" || l.License == "" || l.Scenario == "" ||
		l.Recipient == "" || l.Pack == "" || l.IssuedAt.IsZero() || len(l.Sources) == 0 {
		return ErrLabel
	}
	for _, s := range l.Sources {
		if s.Dataset == "" || s.Provider == "" || s.Version == "" || s.Acquired == "" {
			return ErrLabel
		}
	}
	return nil
}

// Header is the readable part of a sealed file.
type Header struct {
	Label        Label          `json:"label"`
	Columns      []HeaderColumn `json:"columns"`
	RecipientKey string         `json:"recipient_key"` // SHA-256 of the recipient's public key, in hex
}

// Effect grades how well a result hides the people in it (GB/T 42460) and says
// what the grade rests on, as masking/effect found it in the rows that leave.
type Effect struct {
	Level     int     `json:"level"` // 1 to 4
	Rule      string  `json:"rule"`
	K         int64   `json:"k,omitempty"`         // people at least whom no row tells apart
	L         int64   `json:"l,omitempty"`         // different values at least of a sensitive column among them
	Risk      float64 `json:"risk,omitempty"`      // of naming a row, 0 to 1
	Threshold float64 `json:"threshold,omitempty"` // the highest acceptable
	// TokenMatched is the share of the rows whose token somebody names who knows how
	// often each value occurs; of the column where it is greatest.
	TokenMatched float64 `json:"token_matched,omitempty"`
}

// HeaderColumn is the name and Arrow type of one column inside, and the technique
// by which it was masked (GB/T 37964), if it was.
type HeaderColumn struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Technique string `json:"technique,omitempty"`
}

// techniqueKey is the field metadata that carries the technique of a column.
const techniqueKey = "technique"

func columnOfField(f arrow.Field) HeaderColumn {
	c := HeaderColumn{Name: f.Name, Type: f.Type.String()}
	c.Technique, _ = f.Metadata.GetValue(techniqueKey)
	return c
}

// seal is the third line of a sealed file.
type seal struct {
	Digest    string `json:"digest"`    // SHA-256 of the ciphertext, in hex
	Signature []byte `json:"signature"` // Ed25519 over statement
}

// statement is what the gate signs: the first two lines and the digest of the
// rest. It starts with the magic, so that no other document the gate signs can
// pass for it.
func statement(header []byte, digest string) []byte {
	return fmt.Appendf(nil, "%s%s\n%s\n", magic, header, digest)
}

// Signer signs with the gate's Ed25519 key.
type Signer interface{ Sign(msg []byte) []byte }

// Artifact is a sealed result, ready to be handed to its recipient.
type Artifact struct {
	file   []byte
	digest string
	header Header
}

// Bytes returns the sealed file.
func (a *Artifact) Bytes() []byte { return a.file }

// Digest returns the SHA-256 of the sealed file, in hex.
func (a *Artifact) Digest() string { return a.digest }

// Header returns the readable part of the file.
func (a *Artifact) Header() Header { return a.header }

// Seal labels and encrypts the held result for one recipient and signs it.
//
// recipient is the public keyset in base64, as the Person document holds it.
// The label's time is written in UTC to the second. ErrLabel if a part of the
// label is missing (warnings and notes may be none), ErrRecipientKey if the key is not of
// the suite.
func (h *Held) Seal(label Label, recipient string, gate Signer) (*Artifact, error) {
	a, err := h.seal(label, recipient, gate)
	if err != nil {
		return nil, fmt.Errorf("release: seal result: %w", err)
	}
	return a, nil
}

func (h *Held) seal(label Label, recipient string, gate Signer) (*Artifact, error) {
	label.IssuedAt = label.IssuedAt.UTC().Truncate(time.Second)
	if err := label.check(); err != nil {
		return nil, err
	}
	// Canonical JSON tells null from [].
	label.Warnings = append([]string{}, label.Warnings...)
	label.Notes = append([]string{}, label.Notes...)
	key, id, err := readRecipient(recipient)
	if err != nil {
		return nil, err
	}
	head := Header{Label: label, Columns: []HeaderColumn{}, RecipientKey: id}
	for _, f := range h.schema.Fields() {
		head.Columns = append(head.Columns, columnOfField(f))
	}
	header, err := canonical(head)
	if err != nil {
		return nil, err
	}

	enc, err := hybrid.NewHybridEncrypt(key)
	if err != nil {
		return nil, ErrRecipientKey
	}
	info := sha256.Sum256(header)
	ciphertext, err := enc.Encrypt(h.stream, info[:])
	if err != nil {
		return nil, err
	}
	digest := hexSHA256(ciphertext)
	foot, err := canonical(seal{digest, gate.Sign(statement(header, digest))})
	if err != nil {
		return nil, err
	}
	file := fmt.Appendf(nil, "%s%s\n%s\n%s", magic, header, foot, ciphertext)
	return &Artifact{file: file, digest: hexSHA256(file), header: head}, nil
}

// canonical returns v as canonical JSON (RFC 8785): one line, sorted members.
func canonical(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(data)
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
