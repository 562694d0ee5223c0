package query

import (
	"crypto/ed25519"
	"crypto/tls"
	"sync"
	"time"
)

// served is the certificate that the gate shows at present.
type served struct {
	mu   sync.Mutex
	cert *tls.Certificate
	by   ed25519.PublicKey
	made time.Time
}

// ServerTLS returns how the gate speaks TLS: 1.3 alone, by certificates that its signing
// key signs and that are made anew each day and when that key is rotated. keys.VerifyGate checks them.
// Clients are asked for a certificate of their own where somebody was named who issues those.
func (e *Engine) ServerTLS() *tls.Config {
	s := new(served)
	out := &tls.Config{MinVersion: tls.VersionTLS13, Time: e.cfg.Now, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now, signer := e.cfg.Now(), e.keys.Signer()
		if by := signer.Public(); s.cert == nil || !by.Equal(s.by) || now.Before(s.made) || now.Sub(s.made) > 24*time.Hour {
			cert, err := signer.Certificate(now)
			if err != nil {
				return nil, err
			}
			s.cert, s.by, s.made = cert, by, now
		}
		return s.cert, nil
	}}
	if e.cfg.ClientCA != nil {
		out.ClientAuth, out.ClientCAs = tls.VerifyClientCertIfGiven, e.cfg.ClientCA
	}
	return out
}
