package main

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"zonebox/api"
	"zonebox/config"
	"zonebox/keys"
	"zonebox/query"
)

// gateAddress is where the gate is, when it is on another host, and how it is known.
type gateAddress struct {
	url string // https://HOST:PORT
	key string // Ed25519, base64
	ca  string // a file of certificates

	cert, certKey string // files of the client's own, PEM; without them requests are signed
}

func (g *gateAddress) settings() []config.Setting {
	return []config.Setting{
		{Name: "gate", Value: config.NewText(&g.url), ZH: "网关地址 https://主机:端口,代替套接字", EN: "address of the gate, https://HOST:PORT, instead of a socket"},
		{Name: "gate-key", Value: config.NewText(&g.key), ZH: "首次联系时核实过的网关公钥", EN: "public key of the gate, for first contact"},
		{Name: "gate-ca", Value: config.NewPath(&g.ca), ZH: "签发网关证书的机构 (PEM),网关用自备证书时", EN: "who issued the gate's certificate (PEM), where it has one of its own"},
		{Name: "client-cert", Value: config.NewPath(&g.cert), ZH: "以此客户端证书 (PEM) 代替签名,与 --gate 同用;只可读取与提问", EN: "show this client certificate (PEM) instead of signing, with --gate; it reads and asks alone"},
		{Name: "client-key", Value: config.NewPath(&g.certKey), ZH: "其私钥 (PEM,权限 0600)", EN: "its private key (PEM, mode 0600)"},
	}
}

// remote reports whether the gate is reached over the network: an address stands back
// behind a socket or a folder that is said nearer, as on the command line beside an
// address of the environment.
func (a *app) remote() bool {
	return a.gate.url != "" && a.from["gate"] >= max(a.from["socket"], a.from["domain"])
}

// unknownGate is a server that is not the gate that is known, or the first to be seen.
type unknownGate struct {
	*keys.UnknownGateError
	first bool
}

// gateTrust returns how a gate on another host is recognized: by its key, which is the
// pinned one or was given, or by who issued its certificate. Nobody is trusted for
// being the first.
func (a *app) gateTrust() (*tls.Config, error) {
	if u, err := url.Parse(a.gate.url); err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return nil, usageError{errors.New(a.say("--gate 须为 https://主机:端口", "--gate must be https://HOST:PORT"))}
	}
	out := &tls.Config{MinVersion: tls.VersionTLS13, Time: a.now}
	if a.gate.ca != "" && a.gate.key != "" {
		return nil, usageError{errors.New(a.say("--gate-ca 与 --gate-key 只用其一", "--gate-ca or --gate-key, not both"))}
	}
	if a.gate.ca != "" {
		var err error
		out.RootCAs, err = a.issuers("gate-ca", a.gate.ca)
		return out, err
	}
	pinned, err := a.pinnedGate()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	given, err := a.givenGate()
	if err != nil {
		return nil, err
	}
	anchor := given
	if len(pinned) > 0 {
		anchor = pinned[0] // the newest alone: whoever has a retired key is not the gate
	}
	out.InsecureSkipVerify = true // by names and roots: VerifyConnection verifies by the key
	out.VerifyConnection = func(s tls.ConnectionState) error {
		by, err := keys.VerifyGate(s.PeerCertificates, a.now(), anchor)
		var unknown *keys.UnknownGateError
		if errors.As(err, &unknown) {
			return &unknownGate{unknown, anchor == nil}
		}
		if err != nil {
			return err
		}
		all := by
		if len(pinned) > 1 {
			all = append(slices.Clone(by), pinned[1:]...)
		}
		if given != nil && !slices.ContainsFunc(all, func(k ed25519.PublicKey) bool { return k.Equal(given) }) {
			return &unknownGate{&keys.UnknownGateError{Key: by[0]}, false}
		}
		if len(all) == len(pinned) {
			return nil
		}
		return a.keepGate(all, len(pinned) == 0)
	}
	return out, nil
}

// issuers returns the certificates in the file that a flag names.
func (a *app) issuers(flag, path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf(a.say("zonebox: 读取 --%s: %w", "zonebox: read --%s: %w"), flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usageError{fmt.Errorf(a.say("--%s 中没有证书", "--%s holds no certificate"), flag)}
	}
	return pool, nil
}

// ownCertificate returns the certificate that the client shows instead of signing, nil if
// it signs: over the network alone, and nothing is half said.
func (a *app) ownCertificate() (*tls.Certificate, error) {
	if (a.gate.cert == "") != (a.gate.certKey == "") {
		return nil, usageError{errors.New(a.say("--client-cert 与 --client-key 须一并给出", "--client-cert and --client-key go together"))}
	}
	if !a.remote() {
		if a.gate.cert != "" && a.from["client-cert"] == config.OnCommandLine {
			return nil, usageError{errors.New(a.say("--client-cert 须与 --gate 同用", "--client-cert goes with --gate"))}
		}
		return nil, nil
	}
	if a.gate.cert == "" {
		return nil, nil
	}
	cert, err := keyPair(a.gate.cert, a.gate.certKey)
	if err != nil {
		return nil, err
	}
	return &cert, nil
}

// keyPair reads a certificate and its key, which is nobody else's to read.
func keyPair(cert, key string) (tls.Certificate, error) {
	private, err := query.ReadSecret(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	defer clear(private)
	chain, err := os.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("zonebox: certificate: %w", err)
	}
	out, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("zonebox: certificate: %w", err)
	}
	return out, nil
}

// givenGate is the key that --gate-key gives, nil without.
func (a *app) givenGate() (ed25519.PublicKey, error) {
	if a.gate.key == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.Strict().DecodeString(a.gate.key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, usageError{errors.New(a.say("--gate-key 不是公钥", "--gate-key is no public key"))}
	}
	return key, nil
}

// gateSignedFor returns the key of the gate that requests are for, in base64: of the
// domain whose folder is named, if that can be read, else the pinned one, else the one
// that --gate-key gives. "" has the gate asked at the first contact.
func (a *app) gateSignedFor() (string, error) {
	if !a.remote() && a.domain != "" {
		if d, err := query.ReadDomain(a.domain); err == nil {
			return d.GateKey, nil
		}
	}
	pinned, err := a.pinnedGate()
	if err == nil {
		return base64.StdEncoding.EncodeToString(pinned[0]), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return a.gate.key, nil
}

// keepGate pins keys of the gate, the newest first; the first pin only where there is
// none meanwhile. The file is whole or not there.
func (a *app) keepGate(all []ed25519.PublicKey, first bool) (err error) {
	var text strings.Builder
	for _, k := range all {
		fmt.Fprintln(&text, base64.StdEncoding.EncodeToString(k))
	}
	f, err := os.CreateTemp(a.keyring, "gate.pub.")
	if err != nil {
		return fmt.Errorf("zonebox: keep gate key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text.String())
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil && first {
		err = os.Link(f.Name(), a.gatePin())
	} else if err == nil {
		err = os.Rename(f.Name(), a.gatePin())
	}
	if err != nil {
		return fmt.Errorf("zonebox: keep gate key: %w", err)
	}
	return nil
}

func (a *app) unknownProblem(u *unknownGate) *api.Problem {
	p := &api.Problem{Code: "GATE_UNKNOWN", Class: string(query.ClassFailure), Articles: []string{"JM19-36"}}
	shown := base64.StdEncoding.EncodeToString(u.Key)
	switch {
	case u.Key == nil:
		p.Detail = a.say("对方出示的不是网关证书", "what answers shows no certificate of a gate")
		p.Hint = a.say("核对 --gate;网关用机构证书时以 --gate-ca 指明签发机构", "check --gate; where the gate has a certificate of its own, name who issued it by --gate-ca")
	case u.first:
		p.Detail = fmt.Sprintf(a.say("首次联系此网关,其公钥为 %s", "this gate has not been met before; its key is %s"), shown)
		p.Hint = a.say("经其他途径与网关的 domain.json 核对,一致后加 --gate-key 公钥", "compare that with the gate's domain.json over another channel, and give it as --gate-key")
	default:
		p.Detail = fmt.Sprintf(a.say("网关公钥 %s 与已知的不同", "the gate's key %s is not the one that is known"), shown)
		p.Hint = fmt.Sprintf(a.say("可能有人冒充网关;如确属更换,请核实后删除 %s", "somebody may stand in for the gate; if it was replaced, verify that and remove %s"), a.gatePin())
	}
	return p
}
