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

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/keys"
	"zonebox/query"
)

// gateAddress is where the gate is, when it is on another host, and how it is known.
type gateAddress struct {
	url string // https://HOST:PORT
	key string // Ed25519, base64
	ca  string // a file of certificates
}

func (g *gateAddress) flags(a *app, root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&g.url, "gate", env("ZONEBOX_GATE", ""), a.say("网关地址 https://主机:端口,代替套接字 (ZONEBOX_GATE)", "address of the gate, https://HOST:PORT, instead of a socket (ZONEBOX_GATE)"))
	f.StringVar(&g.key, "gate-key", env("ZONEBOX_GATE_KEY", ""), a.say("首次联系时核实过的网关公钥 (ZONEBOX_GATE_KEY)", "public key of the gate, for first contact (ZONEBOX_GATE_KEY)"))
	f.StringVar(&g.ca, "gate-ca", env("ZONEBOX_GATE_CA", ""), a.say("签发网关证书的机构 (PEM),网关用自备证书时 (ZONEBOX_GATE_CA)", "who issued the gate's certificate (PEM), where it has one of its own (ZONEBOX_GATE_CA)"))
}

// remote reports whether the gate is reached over the network: an address that the
// environment gives stands back behind a socket or a folder that the command line
// names.
func (a *app) remote() bool {
	said := a.top.PersistentFlags().Changed
	return a.gate.url != "" && (said("gate") || !said("socket") && !said("domain"))
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
		text, err := os.ReadFile(a.gate.ca)
		if err != nil {
			return nil, fmt.Errorf(a.say("zonebox: 读取 --gate-ca: %w", "zonebox: read --gate-ca: %w"), err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(text) {
			return nil, usageError{errors.New(a.say("--gate-ca 中没有证书", "--gate-ca holds no certificate"))}
		}
		return out, nil
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
