package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Cosigner is who cosigns checkpoints of a log: the name on the signature and
// the Ed25519 key it is made with.
type Cosigner struct {
	Name string
	Key  ed25519.PublicKey
}

// Head is what a checkpoint says of a log: how many entries it has, and the root
// of their tree in base64.
type Head struct {
	Size uint64 `json:"size"`
	Root string `json:"root"`
}

// cosignatureV1 is the signature type of timestamped Ed25519 cosignatures, the
// first byte of what the key's hash is made over (https://c2sp.org/tlog-cosignature).
const cosignatureV1 = 4

// ErrCosignature says that a checkpoint has not one valid signature of its log
// and one valid cosignature of who should have made it.
var ErrCosignature = errors.New("cosignature is not valid")

// Cosign returns the note of a checkpoint with a cosignature/v1 of by at its end
// and no other cosignature. sign returns the Ed25519 signature of by's key. at is
// kept to the second.
//
// It checks nothing of the checkpoint: see [Extension.Check].
func Cosign(checkpointNote []byte, by Cosigner, at time.Time, sign func(message []byte) []byte) ([]byte, error) {
	end := bytes.Index(checkpointNote, []byte("\n\n"))
	if end < 0 {
		return nil, fmt.Errorf("audit: cosign: %w", errForm)
	}
	text, signatures := checkpointNote[:end+1], checkpointNote[end+2:]
	own, _, ok := bytes.Cut(signatures, []byte("\n")) // the log's
	if !ok {
		return nil, fmt.Errorf("audit: cosign: %w", errForm)
	}
	stamp := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))
	blob := binary.BigEndian.AppendUint32(nil, cosignerHash(by))
	blob = append(append(blob, stamp...), sign(cosigned(stamp, text))...)
	return fmt.Appendf(nil, "%s\n%s\n— %s %s\n", text, own, by.Name, base64.StdEncoding.EncodeToString(blob)), nil
}

// cosigned is the message of a cosignature/v1 over the text of a checkpoint.
func cosigned(stamp, text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(stamp), text)
}

// cosignerHash is the key id of a cosigner.
func cosignerHash(c Cosigner) uint32 {
	sum := sha256.Sum256(slices.Concat([]byte(c.Name), []byte{'\n', cosignatureV1}, c.Key))
	return binary.BigEndian.Uint32(sum[:])
}

// Cosigned returns the head that a note of Cosign speaks of, and when it was
// cosigned. It returns ErrCosignature unless exactly two signatures stand below
// it, both valid: of the log, whose note verifier key is given, and of by.
func Cosigned(b []byte, verifierKey string, by Cosigner) (Head, time.Time, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Head{}, time.Time{}, fmt.Errorf("audit: read cosigned checkpoint: verifier key: %w", err)
	}
	c, err := openCheckpoint(b, v)
	if err != nil {
		return Head{}, time.Time{}, fmt.Errorf("audit: read cosigned checkpoint: %w", ErrCosignature)
	}
	w := &cosignatureVerifier{by: by}
	n, err := note.Open(b, note.VerifierList(v, w))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		return Head{}, time.Time{}, fmt.Errorf("audit: read cosigned checkpoint: %w", ErrCosignature)
	}
	return c.head(), w.at, nil
}

func (c checkpoint) head() Head { return Head{Size: c.size, Root: c.root.String()} }

// cosignatureVerifier is a note.Verifier of one cosigner; at is the time of the
// signature it accepted last.
type cosignatureVerifier struct {
	by Cosigner
	at time.Time
}

// Name is that of the cosigner.
func (v *cosignatureVerifier) Name() string { return v.by.Name }

// KeyHash is the id of the cosigner's key.
func (v *cosignatureVerifier) KeyHash() uint32 { return cosignerHash(v.by) }

// Verify reports whether sig, a time and a signature, is the cosigner's of text.
func (v *cosignatureVerifier) Verify(text, sig []byte) bool {
	if len(v.by.Key) != ed25519.PublicKeySize || len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(sig)
	if seconds > maxInteger || !ed25519.Verify(v.by.Key, cosigned(sig[:8], text), sig[8:]) {
		return false
	}
	v.at = time.Unix(int64(seconds), 0).UTC()
	return true
}

// SignedHead returns the head of a checkpoint that the log's key signed, cosigned or
// not; ErrCosignature if it did not.
func SignedHead(b []byte, verifierKey string) (Head, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Head{}, fmt.Errorf("audit: read checkpoint: verifier key: %w", err)
	}
	c, err := openCheckpoint(b, v)
	if err != nil {
		return Head{}, fmt.Errorf("audit: read checkpoint: %w", ErrCosignature)
	}
	return c.head(), nil
}

// OriginOf returns the name in a note verifier key, the log's origin.
func OriginOf(verifierKey string) string {
	name, _, _ := strings.Cut(verifierKey, "+")
	return name
}
