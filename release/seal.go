package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/gowebpki/jcs"
)

// The first line of a sealed file: its kind and version. Files of the first version
// hold an Arrow stream, are signed with Ed25519 and encrypted by HPKE, and do not say
// so.
const (
	magicFirst = "zonebox-release-1\n"
	magic      = "zonebox-release-2\n"
)

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

	// Purpose is the code of the purpose it was asked for.
	Purpose string `json:"purpose,omitempty"`

	// Uses say what may be done with it, in the words of the documents it rests on.
	Uses []Use `json:"uses,omitempty"`

	// Evidence is what it was made under; nil in files of the first version.
	Evidence *Evidence `json:"evidence,omitempty"`

	Warnings []string `json:"warnings"` // of the decision, such as a lapsed pack
	Notes    []string `json:"notes"`    // how to read and use the result
}

// Use is a text of a document that says how data may be used.
type Use struct {
	Of   string `json:"of"` // the document: kind, name and version
	Text string `json:"text"`
}

// Evidence says under what a result was made, so that it can be shown later: by
// versions and digests, no value. The digest of the statement is keyed, for who
// knows the catalogue could try statements; the gate alone can compare it.
type Evidence struct {
	Statement string   `json:"statement"` // keyed digest of the statement with its parameters
	Decision  string   `json:"decision"`  // on the release
	Policy    string   `json:"policy"`    // SHA-256 of the rules that allowed the run
	Catalogue string   `json:"catalogue"` // SHA-256 of the documents and data versions it stood on, one a line
	Documents []string `json:"documents"` // kind, name and version of license, scenario and zone
	Revision  string   `json:"revision"`  // of the registry, when it was sealed: as Number writes it
	Worker    string   `json:"worker"`    // SHA-256 of what the worker attested of its isolation
	Intent    string   `json:"intent"`    // index of the audit entry that the run began with: as Number writes it
	Rules     []Rule   `json:"rules"`     // that were applied
}

// Number writes a count of what happened in the domain in ten digits, so that the size
// of a file does not tell it.
func Number[T int64 | uint64](n T) string { return fmt.Sprintf("%010d", n) }

// Rule is a rule of the release with its figures, as text.
type Rule struct {
	Rule    string            `json:"rule"`
	Figures map[string]string `json:"figures,omitempty"`
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
	RecipientKey string         `json:"recipient_key"`        // digest of the recipient's public point, in hex: SHA-256, of an SM2 key SM3
	Form         string         `json:"form,omitempty"`       // of the content: one of Forms
	Signature    string         `json:"signature,omitempty"`  // Ed25519 or SM2
	Encryption   string         `json:"encryption,omitempty"` // HPKE or SM2SM4
}

// first reports whether h says what a header of the first version says: nothing of
// forms and suites.
func (h Header) first() bool { return h.Form == "" && h.Signature == "" && h.Encryption == "" }

// explained is h with what the first version left unsaid.
func (h Header) explained() Header {
	if h.first() {
		h.Form, h.Signature, h.Encryption = FormArrow, Ed25519, HPKE
	}
	return h
}

// known reports whether there are the form and the suites that h names.
func (h Header) known() bool {
	return slices.Contains(Forms(), h.Form) && (h.Signature == Ed25519 || h.Signature == SM2) &&
		(h.Encryption == HPKE || h.Encryption == SM2SM4)
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
	Digest    string `json:"digest"`            // of the ciphertext, in hex
	Key       []byte `json:"key,omitempty"`     // of SM2 that signed
	Signature []byte `json:"signature"`         // over statement
	Voucher   []byte `json:"voucher,omitempty"` // Ed25519 over Voucher(Key)
}

// statement is what the gate signs: the first two lines and the digest of the
// rest. It starts with the magic, so that no other document the gate signs can
// pass for it.
func statement(version string, header []byte, digest string) []byte {
	return fmt.Appendf(nil, "%s%s\n%s\n", version, header, digest)
}

// Signer signs with the gate's keys.
type Signer interface {
	// Sign returns an Ed25519 signature.
	Sign(msg []byte) []byte
	// SignSM2 returns a signature by GB/T 32918.2 in ASN.1 under the default
	// identity, and the public key, uncompressed, that it verifies by.
	SignSM2(msg []byte) (signature, public []byte, err error)
}

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

// Sealing says how a result is sealed.
type Sealing struct {
	Label Label
	// Recipient is the public key of the recipient in base64, as the Person document
	// holds it: an HPKE keyset, or the uncompressed point of an SM2 key.
	Recipient string
	// Columns are those that the statement was approved with: see Approved.
	Columns   []HeaderColumn
	Form      string // one of Forms; FormArrow when empty
	Signature string // Ed25519 or SM2; Ed25519 when empty
}

// Seal labels and encrypts the held result for one recipient and signs it.
//
// The label's time is written in UTC to the second. ErrApproved if the result has
// other columns than were approved, ErrLabel if a part of the label is missing
// (warnings and notes may be none), ErrRecipientKey if the key is of no suite, and
// ErrForm or ErrSuite if there is no such form or signature.
func (h *Held) Seal(s Sealing, gate Signer) (*Artifact, error) {
	a, err := h.seal(s, gate)
	if err != nil {
		return nil, fmt.Errorf("release: seal result: %w", err)
	}
	return a, nil
}

func (h *Held) seal(s Sealing, gate Signer) (*Artifact, error) {
	label := s.Label
	label.IssuedAt = label.IssuedAt.UTC().Truncate(time.Second)
	if err := label.check(); err != nil {
		return nil, err
	}
	// Canonical JSON tells null from [].
	label.Warnings = append([]string{}, label.Warnings...)
	label.Notes = append([]string{}, label.Notes...)
	columns := ColumnsOf(h.schema)
	if !slices.Equal(columns, s.Columns) {
		return nil, ErrApproved
	}
	to, err := readRecipient(s.Recipient)
	if err != nil {
		return nil, err
	}
	head := Header{Label: label, Columns: columns, RecipientKey: to.id, Form: cmp.Or(s.Form, FormArrow),
		Signature: cmp.Or(s.Signature, Ed25519), Encryption: to.encryption()}
	header, err := canonical(head)
	if err != nil {
		return nil, err
	}
	content, err := formed(head.Form, h.stream)
	if err != nil {
		return nil, err
	}
	ciphertext, err := to.seal(content, header)
	if err != nil {
		return nil, err
	}
	signed, err := sign(head.Signature, header, digestOf(head.Signature, ciphertext), gate)
	if err != nil {
		return nil, err
	}
	foot, err := canonical(signed)
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
