package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emmansun/gmsm/sm3"
	"github.com/gowebpki/jcs"
)

// MaxLeaf is the largest leaf in bytes. Each batch rewrites the last bundle of
// up to 256 leaves, so large content belongs into a blob that an entry names by
// its digest.
const MaxLeaf = 1024

// maxInteger is the largest integer that survives a JSON number (RFC 8785).
const maxInteger = 1<<53 - 1

// Entry is one line of the log. ID, Kind and At are required. At is kept to the
// microsecond, in UTC.
type Entry struct {
	At       time.Time
	Actor    string
	Decision string
	Fields   map[string]string
	ID       string
	Kind     string
	Org      string
	Role     string
	Run      string
	Scenario string
	Zone     string

	// Revision is the registry revision under which the entry was made; from 0
	// to 2^53-1.
	Revision int64

	// Seq is the entry's index and PrevSM3 the digest of the leaf before it in
	// hex, 64 zeros for the first. Append sets both.
	Seq     uint64
	PrevSM3 string
}

// leaf is the form of an Entry in the log: one JSON object in canonical form
// (JCS, RFC 8785).
type leaf struct {
	Actor    string            `json:"actor,omitempty"`
	At       string            `json:"at"`
	Decision string            `json:"decision,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	Org      string            `json:"org,omitempty"`
	PrevSM3  string            `json:"prev_sm3"`
	Revision int64             `json:"revision"`
	Role     string            `json:"role,omitempty"`
	Run      string            `json:"run,omitempty"`
	Scenario string            `json:"scenario,omitempty"`
	Seq      uint64            `json:"seq"`
	Zone     string            `json:"zone,omitempty"`
}

const timeFormat = "2006-01-02T15:04:05.000000Z"

// check reports whether e can be appended, at whatever index and revision.
func (e Entry) check() error {
	switch {
	case e.ID == "" || e.Kind == "" || e.At.IsZero():
		return fmt.Errorf("%w: id, kind and time are required", ErrInvalid)
	case e.At.UTC().Year() < 1 || e.At.UTC().Year() > 9999:
		return fmt.Errorf("%w: year out of range", ErrInvalid)
	case e.Revision < 0 || e.Revision > maxInteger:
		return fmt.Errorf("%w: revision out of range", ErrInvalid)
	}
	texts := []string{e.Actor, e.Decision, e.ID, e.Kind, e.Org, e.Role, e.Run, e.Scenario, e.Zone}
	for k, v := range e.Fields {
		texts = append(texts, k, v)
	}
	size := 0
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%w: text is not UTF-8", ErrInvalid)
		}
		size += len(s)
	}
	if size > MaxLeaf {
		return ErrTooLarge
	}
	// The widest numbers, so that an entry is not refused for its place.
	e.Seq, e.Revision, e.PrevSM3 = maxInteger, maxInteger, genesis
	b, err := e.encode()
	if err != nil {
		return err
	}
	if len(b) > MaxLeaf {
		return ErrTooLarge
	}
	return nil
}

// Fits reports whether the log has room for an entry with the fields of e, in
// whatever place: id and time may be missing yet, an id of 24 bytes is assumed.
func (e Entry) Fits() bool {
	if e.ID == "" {
		e.ID = strings.Repeat("x", 24)
	}
	if e.At.IsZero() {
		e.At = time.Unix(0, 0)
	}
	return e.check() == nil
}

func (e Entry) clone() Entry {
	e.Fields = maps.Clone(e.Fields)
	return e
}

// encode returns the leaf of e.
func (e Entry) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(leaf{
		Actor: e.Actor, At: e.At.UTC().Format(timeFormat), Decision: e.Decision, Fields: e.Fields, ID: e.ID, Kind: e.Kind,
		Org: e.Org, PrevSM3: e.PrevSM3, Revision: e.Revision, Role: e.Role, Run: e.Run, Scenario: e.Scenario, Seq: e.Seq, Zone: e.Zone,
	}); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if isCanonical(out, e.Fields) {
		return out, nil
	}
	if out, err := jcs.Transform(out); err == nil {
		return out, nil
	}
	return nil, fmt.Errorf("%w: no canonical form", ErrInvalid)
}

// isCanonical reports whether the JSON of a leaf is certainly in canonical form
// as encoding/json wrote it: the members of leaf stand in order, but json sorts
// the keys of fields by byte where RFC 8785 sorts by UTF-16 unit, and escapes
// U+2028 and U+2029 where it does not.
func isCanonical(b []byte, fields map[string]string) bool {
	for k := range fields {
		for i := range len(k) {
			if k[i] >= utf8.RuneSelf {
				return false
			}
		}
	}
	return !bytes.Contains(b, []byte(`\u202`))
}

// decode reads a leaf, which must be exactly what encode writes.
func decode(b []byte) (Entry, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var f leaf
	if err := d.Decode(&f); err != nil {
		return Entry{}, fmt.Errorf("leaf is not an entry")
	}
	if _, err := d.Token(); err != io.EOF {
		return Entry{}, fmt.Errorf("leaf is longer than its entry")
	}
	at, err := time.Parse(timeFormat, f.At)
	if err != nil {
		return Entry{}, fmt.Errorf("leaf has no valid time")
	}
	e := Entry{
		At: at, Actor: f.Actor, Decision: f.Decision, Fields: f.Fields, ID: f.ID, Kind: f.Kind, Org: f.Org, Role: f.Role,
		Run: f.Run, Scenario: f.Scenario, Zone: f.Zone, Revision: f.Revision, Seq: f.Seq, PrevSM3: f.PrevSM3,
	}
	if again, err := e.encode(); err != nil || !bytes.Equal(again, b) {
		return Entry{}, fmt.Errorf("leaf is not in canonical form")
	}
	return e, nil
}

// genesis stands for the digest of the entry before the first.
var genesis = strings.Repeat("0", 2*sm3.Size)

// chain is the end of the SM3 chain: what the next entry must continue.
type chain struct {
	size     uint64
	digest   string // hex SM3 of the last leaf
	revision int64
}

// next returns the chain after e, whose leaf is b.
func (c chain) next(e Entry, b []byte) chain {
	sum := sm3.Sum(b)
	return chain{size: c.size + 1, digest: hex.EncodeToString(sum[:]), revision: e.Revision}
}

// prev returns the PrevSM3 of the next entry.
func (c chain) prev() string {
	if c.size == 0 {
		return genesis
	}
	return c.digest
}

// idKey is a shortened digest of an entry id: a million ids take 50 MB, and two
// of them never meet by accident.
type idKey [16]byte

func keyOf(id string) idKey {
	sum := sha256.Sum256([]byte(id))
	return idKey(sum[:16])
}
