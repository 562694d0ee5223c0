package query

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"zonebox/registry"
)

// Selfcheck is what the gate measured of itself and its host, beside clauses of the
// classified protection of level three (GB/T 22239-2019) and of commercial cryptography
// (GB/T 39786-2021, level three), signed by the gate's key. It certifies nothing: an
// assessment is made by those who are entitled to.
type Selfcheck struct {
	Format    string         `json:"format"`
	Domain    string         `json:"domain"`
	At        time.Time      `json:"at"`
	By        string         `json:"by"` // who had it made
	Claim     Bilingual      `json:"claim"`
	Rows      []SelfcheckRow `json:"rows"`
	GateKey   string         `json:"gate_key"`  // base64 Ed25519
	Signature []byte         `json:"signature"` // over the rest
}

// SelfcheckRow is one clause. Evidence is what was measured, with its figures.
type SelfcheckRow struct {
	Clause   string    `json:"clause"`
	Title    Bilingual `json:"title"`
	Result   string    `json:"result"` // one of the results below
	Evidence Bilingual `json:"evidence"`
}

// Bilingual is a text in both languages.
type Bilingual struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Results of a row. Met and NotMet come of a measurement; what the product cannot measure
// is the deployer's to show.
const (
	ResultMet      = "met"
	ResultNotMet   = "not_met"
	ResultDeployer = "deployer"
)

const selfcheckFormat = "zonebox-selfcheck-1"

// ErrSelfcheck says that a report is not one that the key signed.
var ErrSelfcheck = errors.New("query: not a self-check that this gate signed")

// signedText is what the signature is over. It begins with what nothing else
// begins with that the key signs.
func (s Selfcheck) signedText() ([]byte, error) {
	s.Signature = nil
	text, err := json.Marshal(s)
	return append([]byte("zonebox self-check 1\n"), text...), err
}

// ListensAt tells the engine the address at which its gate takes requests over the
// network, so that a self-check can look at what answers there.
func (e *Engine) ListensAt(address string) { e.listens.Store(&address) }

// MakeSelfcheck measures, now, and signs what it found; its digest is in the audit log
// before it leaves. It is for the data centre and the security officer. The log and a
// sample of what is stored are read, so that they are made one at a time.
func (e *Engine) MakeSelfcheck(ctx context.Context, s Subject) (*Selfcheck, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if !e.examining.TryLock() {
		return nil, fail("BUSY", nil)
	}
	defer e.examining.Unlock()
	seen, err := e.examine(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := &Selfcheck{Format: selfcheckFormat, Domain: e.info.ID, At: e.cfg.Now().UTC(), By: s.user, Rows: judged(seen), GateKey: e.Domain().GateKey, Claim: Bilingual{
		"本报告是网关对自身的测量,不是等级保护测评或密码应用安全性评估的结论,不构成任何认证。条款编号以测评机构所持标准文本为准。",
		"This is what the gate measured of itself. It is no result of an assessment of classified protection or of cryptography, and certifies nothing. Numbers of clauses go by the text that the assessor holds."}}
	text, err := out.signedText()
	if err != nil {
		return nil, asError(err)
	}
	out.Signature = e.keys.Signer().Sign(text)
	sum := sha256.Sum256(text)
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "selfcheck.made", Actor: s.user, Fields: map[string]string{"org": s.organization, "digest": hex.EncodeToString(sum[:])}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// EncodeSelfcheck returns the file that VerifySelfcheck takes.
func EncodeSelfcheck(s *Selfcheck) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(s)
	return b.Bytes(), err
}

// VerifySelfcheck returns the report that a file holds, if the gate's key signed it that d
// names or one that this followed. It asks nobody.
func VerifySelfcheck(file []byte, d DomainInfo) (*Selfcheck, error) {
	var s Selfcheck
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return nil, ErrSelfcheck
	}
	if _, err := dec.Token(); err != io.EOF || s.Format != selfcheckFormat || s.Domain != d.ID {
		return nil, ErrSelfcheck
	}
	text, err := s.signedText()
	if again, wrong := EncodeSelfcheck(&s); err != nil || wrong != nil || !bytes.Equal(again, file) {
		return nil, ErrSelfcheck // another reader might see something else in it
	}
	for _, key := range d.gateKeys() {
		if s.GateKey == base64.StdEncoding.EncodeToString(key) && ed25519.Verify(key, text, s.Signature) {
			return &s, nil
		}
	}
	return nil, ErrSelfcheck
}
