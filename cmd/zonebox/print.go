package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"zonebox/api"
	"zonebox/query"
)

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// gatePin is the file in the keyring that holds the gate's public key, kept on
// first contact and compared ever after. A key that the pinned one signed to
// follow it is put before it: the newest stands first.
func (a *app) gatePin() string { return filepath.Join(a.keyring, "gate.pub") }

func (a *app) pinGate(ctx context.Context, c *api.Client) error {
	d, err := c.Domain(ctx)
	if err != nil {
		return err
	}
	if err := a.pinAudit(d.AuditKey); err != nil {
		return err
	}
	pinned, err := os.ReadFile(a.gatePin())
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(a.gatePin(), []byte(d.GateKey+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("zonebox: read gate key: %w", err)
	}
	known := strings.Fields(string(pinned))
	if len(known) > 0 && known[0] == d.GateKey {
		return nil
	}
	followed := succeed(known, d.Former)
	if len(followed) == 0 || followed[0] != d.GateKey {
		return fmt.Errorf(a.say("网关公钥与 %s 中记录的不同;如确属更换,请核实后删除该文件", "the gate's key differs from %s; if it was replaced, verify that and remove the file"), a.gatePin())
	}
	if err := os.WriteFile(a.gatePin(), []byte(strings.Join(followed, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("zonebox: keep gate key: %w", err)
	}
	fmt.Fprint(a.stderr, a.say("网关签名密钥已轮换,新公钥由原密钥签署,已记录\n", "the gate's signing key was rotated; the new one is signed by the one known, and kept\n"))
	return nil
}

// auditPin is the file in the keyring that holds the verifier key of the audit log,
// kept on first contact. That key does not change.
func (a *app) auditPin() string { return filepath.Join(a.keyring, "audit.pub") }

func (a *app) pinAudit(key string) error {
	pinned, err := os.ReadFile(a.auditPin())
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(a.auditPin(), []byte(key+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("zonebox: read key of the audit log: %w", err)
	}
	if strings.TrimSpace(string(pinned)) != key {
		return fmt.Errorf(a.say("审计日志公钥与 %s 中记录的不同;如确属更换,请核实后删除该文件", "the key of the audit log differs from %s; if it was replaced, verify that and remove the file"), a.auditPin())
	}
	return nil
}

// succeed puts before the known keys those that followed the newest of them, each
// by the word of the one before.
func succeed(known []string, former []query.GateKeySuccession) []string {
	for _, s := range former {
		if len(known) > 0 && base64.StdEncoding.EncodeToString(s.Key) == known[0] && s.Holds() {
			known = append([]string{base64.StdEncoding.EncodeToString(s.Next)}, known...)
		}
	}
	return known
}

// pinnedGate returns the gate's public keys that this user knows, the newest
// first.
func (a *app) pinnedGate() ([]ed25519.PublicKey, error) {
	text, err := os.ReadFile(a.gatePin())
	if err != nil {
		return nil, fmt.Errorf(a.say("zonebox: 没有网关公钥: %w", "zonebox: no gate key: %w"), err)
	}
	var out []ed25519.PublicKey
	for _, line := range strings.Fields(string(text)) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, errors.New("zonebox: the gate key file is damaged")
		}
		out = append(out, key)
	}
	if len(out) == 0 {
		return nil, errors.New("zonebox: the gate key file is damaged")
	}
	return out, nil
}
