package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"
)

// certificateLife is how long a certificate of Certificate is valid, from an hour
// before it is made: clocks differ.
const certificateLife = 7 * 24 * time.Hour

// successions is how a certificate of a signing key tells which keys that one
// followed: a URI with JSON in base64url behind it.
const successions = "urn:zonebox:successions:"

// UnknownGateError says that a server is not one that is known. Key is what it shows,
// nil if that is no gate's.
type UnknownGateError struct{ Key ed25519.PublicKey }

// Error names the key that was shown.
func (e *UnknownGateError) Error() string {
	return "keys: a gate of another key: " + base64.StdEncoding.EncodeToString(e.Key)
}

// Certificate returns a certificate for TLS with a new key of P-256, which browsers
// take, valid for a week. The signing key signs it; a certificate of that key with its
// successions comes behind it. What is signed is ASN.1, as nothing else is that the
// key signs.
func (s *Signer) Certificate(now time.Time) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	followed, err := json.Marshal(s.former)
	if err != nil {
		return nil, fmt.Errorf("keys: certificate: %w", err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("keys: certificate: %w", err)
	}
	gate := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "zonebox gate"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		URIs: []*url.URL{{Scheme: "urn", Opaque: strings.TrimPrefix(successions, "urn:") + base64.RawURLEncoding.EncodeToString(followed)}},
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "zonebox"}, DNSNames: []string{"localhost"},
		NotBefore: gate.NotBefore, NotAfter: gate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	behind, err := x509.CreateCertificate(rand.Reader, gate, gate, s.key.Public(), s.key)
	if err != nil {
		return nil, fmt.Errorf("keys: certificate: %w", err)
	}
	front, err := x509.CreateCertificate(rand.Reader, leaf, gate, leafKey.Public(), s.key)
	if err != nil {
		return nil, fmt.Errorf("keys: certificate: %w", err)
	}
	out := &tls.Certificate{Certificate: [][]byte{front, behind}, PrivateKey: leafKey}
	if out.Leaf, err = x509.ParseCertificate(front); err != nil {
		return nil, fmt.Errorf("keys: certificate: %w", err)
	}
	return out, nil
}

func serial() *big.Int { return new(big.Int).SetBytes([]byte(rand.Text())) }

// VerifyGate checks the certificates that a server shows, its own first, for those of
// a gate whose signing key is the one known or followed it. A gate is known by its key
// and not by a name. It returns the keys that it went by, the gate's first and the one
// known last, or *UnknownGateError for another's, and where none is known.
func VerifyGate(shown []*x509.Certificate, now time.Time, known ed25519.PublicKey) ([]ed25519.PublicKey, error) {
	if len(shown) != 2 || shown[0].IsCA || shown[0].Equal(shown[1]) {
		return nil, &UnknownGateError{}
	}
	key, ok := shown[1].PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, &UnknownGateError{}
	}
	roots := x509.NewCertPool()
	roots.AddCert(shown[1])
	if _, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil { // for servers, in its time
		return nil, fmt.Errorf("keys: certificate of the gate: %w", err)
	}
	former, err := successionsOf(shown[1])
	if err != nil {
		return nil, err
	}
	by := []ed25519.PublicKey{known}
	for _, s := range former {
		if s.Key.Equal(by[0]) && s.Holds() {
			by = slices.Insert(by, 0, s.Next)
		}
	}
	if !key.Equal(by[0]) {
		return nil, &UnknownGateError{Key: key}
	}
	return by, nil
}

func successionsOf(c *x509.Certificate) (out []Succession, err error) {
	if len(c.URIs) != 1 {
		return nil, errors.New("keys: certificate of the gate: no successions")
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(c.URIs[0].String(), successions))
	if err != nil {
		return nil, fmt.Errorf("keys: certificate of the gate: %w", err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("keys: certificate of the gate: %w", err)
	}
	return out, nil
}
