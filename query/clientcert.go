package query

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"

	"zonebox/registry"
)

// AuthenticateCertificate returns the active person whose document holds the key of the
// first of the certificates that a client showed, if that is for clients, in its time by
// the gate's clock, and was issued by whom the gate was told to take (Config.ClientCA).
// It is looked at with each request: a connection, or one that it resumes, outlives
// certificates and documents. Every failure is the same error.
func (e *Engine) AuthenticateCertificate(ctx context.Context, shown []*x509.Certificate) (Subject, error) {
	if err := e.TakeEffect(ctx); err != nil {
		return Subject{}, err
	}
	if e.cfg.ClientCA == nil || len(shown) == 0 {
		return Subject{}, Unauthenticated()
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: e.cfg.ClientCA, Intermediates: between, CurrentTime: e.cfg.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return Subject{}, fail("AUTH_FAILED", err)
	}
	pin := sha256.Sum256(shown[0].RawSubjectPublicKeyInfo)
	p, err := e.registry.PersonOfCertificate(ctx, hex.EncodeToString(pin[:]))
	if errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrInactive) {
		return Subject{}, fail("AUTH_FAILED", err)
	}
	if err != nil {
		return Subject{}, asError(err)
	}
	return Subject{user: p.Name, organization: p.Spec.Organization, roles: p.Spec.Roles, permissions: p.Spec.Permissions, version: p.Version, certificate: true, oneFactor: supervises(p.Spec.Roles)}, nil
}
