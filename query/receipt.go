package query

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"zonebox/registry"
)

// receiptFormat begins what the gate signs of a receipt. No magic of a release,
// a manifest or a succession of keys begins like it.
const receiptFormat = "zonebox-receipt-v1"

// Receipt is the gate's word on what became of one delivery (NJ19-20, NJ24-15):
// names, counts, digests and codes, never a value.
type Receipt struct {
	Format  string `json:"format"`
	Domain  string `json:"domain"`
	Load    string `json:"load"`
	Status  string `json:"status"` // LOADED, ALREADY_LOADED, QUARANTINED or REFUSED
	Zone    string `json:"zone,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	Grant   string `json:"grant,omitempty"`
	SHA256  string `json:"sha256,omitempty"` // of the file: found if it was loaded, else as its manifest says
	Rows    int64  `json:"rows"`             // loaded
	Version string `json:"version,omitempty"`
	Quality string `json:"quality,omitempty"` // the grade, where rules were checked

	// Manifest is the SHA-256 of the manifest's bytes where that is all that is
	// known of a delivery: it was turned away before it was read.
	Manifest string `json:"manifest,omitempty"`

	Code      string   `json:"code,omitempty"` // of a refusal
	Articles  []string `json:"articles,omitempty"`
	MessageZH string   `json:"message_zh,omitempty"`
	MessageEN string   `json:"message_en,omitempty"`

	By string    `json:"by"` // who brought it
	At time.Time `json:"at"`
}

// SignedReceipt is a receipt and the gate's signature over its bytes, without
// spaces between them.
type SignedReceipt struct {
	Receipt   json.RawMessage `json:"receipt"`
	Key       string          `json:"key"`       // Ed25519 public key of the gate, base64
	Signature string          `json:"signature"` // base64
}

// receiptText is what the gate signs.
func receiptText(receipt []byte) []byte { return append([]byte(receiptFormat+"\n"), receipt...) }

// Open returns the receipt if one of the keys signed it, and an error if none
// did.
func (s *SignedReceipt) Open(known ...ed25519.PublicKey) (*Receipt, error) {
	compact, err := json.Marshal(s.Receipt) // as it was signed, however it was printed since
	if err != nil {
		return nil, errReceipt
	}
	signature, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil {
		return nil, errReceipt
	}
	for _, key := range known {
		if !ed25519.Verify(key, receiptText(compact), signature) {
			continue
		}
		r := new(Receipt)
		if err := json.Unmarshal(compact, r); err != nil || r.Format != receiptFormat {
			return nil, errReceipt
		}
		return r, nil
	}
	return nil, errReceipt
}

var errReceipt = errors.New("query: the receipt is not this gate's, or was changed")

// signReceipt returns r with what the gate says of every receipt.
func (e *Engine) signReceipt(r Receipt) (*SignedReceipt, error) {
	r.Format, r.Domain = receiptFormat, e.info.ID
	text, err := json.Marshal(r)
	if err != nil {
		return nil, asError(fmt.Errorf("query: encode receipt: %w", err))
	}
	signer := e.keys.Signer()
	signature := signer.Sign(receiptText(text))
	for _, public := range signer.Publics() { // a rotation may have come between
		if ed25519.Verify(public, receiptText(text), signature) {
			return &SignedReceipt{Receipt: text, Key: base64.StdEncoding.EncodeToString(public), Signature: base64.StdEncoding.EncodeToString(signature)}, nil
		}
	}
	return nil, fail("INTERNAL", errReceipt)
}

// LoadReceipt returns the receipt of a load that was brought in or refused. One
// that failed for no fault of the delivery, or has not ended, has none.
func (e *Engine) LoadReceipt(_ context.Context, s Subject, id string) (*SignedReceipt, error) {
	l, err := e.book.find(s, id)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	r := l.receipt
	l.mu.Unlock()
	if r.Status == "" {
		return nil, fail("NOT_FOUND", nil)
	}
	return e.signReceipt(r)
}

// receiptOf is what a load that ended leaves. The caller holds l.mu.
func (l *loadEntry) receiptOf(r *LoadReport, err error) Receipt {
	v := l.view
	if v.Consents != "" { // who brings them is told at once, and what became of each row
		return Receipt{}
	}
	out := Receipt{Load: v.ID, Status: v.State, Zone: v.Zone, Dataset: v.Dataset, Grant: v.Grant, SHA256: v.SHA256, By: v.By, At: *v.Ended}
	switch v.State {
	case LoadLoaded, LoadAlready, LoadQuarantined:
		out.Rows, out.Version = r.Rows, r.Version
		if r.Quality != nil {
			out.Quality = r.Quality.Grade
		}
	case LoadRefused:
		e := asError(err)
		out.Code, out.Articles, out.MessageZH, out.MessageEN = e.Code, e.Articles, e.ZH, e.EN
	default:
		return Receipt{}
	}
	return out
}

// A DeliveryFault is why a delivery was turned away before it was a request to
// load: nothing of it could be given to the gate but that it came.
type DeliveryFault struct {
	Code     string `json:"code"`               // of deliveryFaults
	Manifest string `json:"manifest,omitempty"` // SHA-256 of its manifest's bytes, hex; empty if they could not be read
}

// deliveryFaults are the codes of a DeliveryFault.
var deliveryFaults = map[string][2]string{
	"DROP_NAME":     {"交付文件名不合约定", "the delivery has a name that the contract does not allow"},
	"DROP_KIND":     {"交付不是普通文件(链接、管道、目录或多重硬链接)", "the delivery is not a plain file but a link, a pipe, a folder or a file of several names"},
	"DROP_MANIFEST": {"交付清单无法读取", "the manifest of the delivery cannot be read"},
	"DROP_MISSING":  {"清单旁没有它所指的文件", "there is no file beside the manifest that it could be of"},
	"DROP_SIZE":     {"交付清单过大", "the manifest of the delivery is too large"},
}

// RefuseDelivery records that a delivery was turned away before it could be
// loaded, and returns the receipt that says so.
func (e *Engine) RefuseDelivery(ctx context.Context, s Subject, f DeliveryFault) (*SignedReceipt, error) {
	if !s.any(registry.RoleDataCentre) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	text, known := deliveryFaults[f.Code]
	if !known || f.Manifest != "" && !isDigest(f.Manifest) {
		return nil, BadRequest("没有这一退回代码,或摘要格式不正确", "no such code of a delivery, or the digest is none")
	}
	at := e.cfg.Now()
	r := Receipt{Load: newID("load", at), Status: LoadRefused, Manifest: f.Manifest, Code: f.Code, Articles: []string{"NJ24-15", "NJ19-20"},
		MessageZH: text[0], MessageEN: text[1], By: s.user, At: at.UTC()}
	err := e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "load.refused", Actor: s.user, Fields: map[string]string{"load": r.Load, "reasons": f.Code,
			"digest": f.Manifest, "role": registry.RoleDataCentre, "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return e.signReceipt(r)
}
