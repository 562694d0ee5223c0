package registry

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"
)

// The kinds of documents, in the order in which they build on each other.
const (
	KindOrganization = "Organization"
	KindPerson       = "Person"
	KindZone         = "Zone"
	KindDataset      = "Dataset"
	KindLicense      = "License"
	KindSupply       = "Supply"
	KindScenario     = "Scenario"
	KindGrant        = "Grant"
	KindTemplate     = "Template"
	KindRequest      = "DataRequest"
	KindNegativeList = "NegativeList"
	KindSourceRuling = "SourceRuling"
	KindQualityRules = "QualityRules"
	KindRetention    = "Retention"
	KindRestriction  = "Restriction"
	KindException    = "Exception"
)

// kinds lists the kinds in the order in which Apply takes them.
var kinds = []string{KindOrganization, KindPerson, KindZone, KindNegativeList, KindSourceRuling, KindDataset, KindCall, KindLicense, KindSupply, KindScenario, KindGrant, KindPartner, KindTemplate, KindRequest, KindQualityRules, KindRetention, KindRestriction, KindException}

// Document is one thing the registry knows, as people write and sign it.
type Document struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Effective is when it is to come into force: RFC 3339, or a day, which begins at
	// its midnight in China. Empty, or past when it is applied: at once.
	Effective  string          `json:"effective,omitempty"`
	Spec       json.RawMessage `json:"spec"`
	Signatures []Signature     `json:"signatures,omitempty"`
}

// Signature is one person's signature on a document. It covers the document's
// payload together with By and At.
type Signature struct {
	By  string `json:"by"`  // name of the person
	Key string `json:"key"` // the person's public key, base64 Ed25519
	At  string `json:"at"`  // RFC 3339
	Sig string `json:"sig"` // base64 Ed25519
}

// Payload returns what signatures cover: kind, name, effective time if it has one, and
// spec as canonical JSON (RFC 8785), so that YAML, JSON and key order make no
// difference. It returns nil if the spec is not JSON; nothing verifies against that.
func (d Document) Payload() []byte {
	spec := d.Spec
	if len(spec) == 0 {
		spec = json.RawMessage("null")
	}
	plain, err := json.Marshal(struct {
		Kind      string          `json:"kind"`
		Name      string          `json:"name"`
		Effective string          `json:"effective,omitempty"`
		Spec      json.RawMessage `json:"spec"`
	}{d.Kind, d.Name, d.Effective, spec})
	if err != nil {
		return nil
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return nil
	}
	return canonical
}

// message returns the bytes of one signature: a label that keeps them apart
// from everything else the key signs, who and when, and the payload.
func (d Document) message(by, at string) []byte {
	return append([]byte("zonebox document v1\x00"+by+"\x00"+at+"\x00"), d.Payload()...)
}

// Sign adds the signature of the person named by. A signature that person made
// before is replaced.
func (d *Document) Sign(by string, key ed25519.PrivateKey, at time.Time) {
	s := Signature{
		By:  by,
		Key: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)),
		At:  at.UTC().Format(time.RFC3339Nano),
	}
	s.Sig = base64.StdEncoding.EncodeToString(ed25519.Sign(key, d.message(s.By, s.At)))
	kept := make([]Signature, 0, len(d.Signatures)+1)
	for _, old := range d.Signatures {
		if old.By != by {
			kept = append(kept, old)
		}
	}
	d.Signatures = append(kept, s)
}

// Verify reports whether s was made with s.Key over d.
func (d Document) Verify(s Signature) bool {
	key, err := base64.StdEncoding.DecodeString(s.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	sig, err := base64.StdEncoding.DecodeString(s.Sig)
	if err != nil || d.Payload() == nil {
		return false
	}
	return ed25519.Verify(key, d.message(s.By, s.At), sig)
}

// digest identifies what was signed, by whom and when, whatever the encoding
// of the signature itself.
func (d Document) digest(s Signature) []byte {
	sum := sha256.Sum256(d.message(s.By, s.At))
	return sum[:]
}

// SpecOf decodes the spec of d, whose shape Decode or Apply has checked.
func SpecOf[T any](d Document) (T, error) {
	var v T
	if err := json.Unmarshal(d.Spec, &v); err != nil {
		return v, fmt.Errorf("registry: decode %s %s: not of that kind", d.Kind, d.Name)
	}
	return v, nil
}
