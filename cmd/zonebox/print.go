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
)

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// gatePin is the file in the keyring that holds the gate's public key, kept on
// first contact and compared ever after.
func (a *app) gatePin() string { return filepath.Join(a.keyring, "gate.pub") }

func (a *app) pinGate(ctx context.Context, c *api.Client) error {
	d, err := c.Domain(ctx)
	if err != nil {
		return err
	}
	known, err := os.ReadFile(a.gatePin())
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(a.gatePin(), []byte(d.GateKey+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("zonebox: read gate key: %w", err)
	}
	if strings.TrimSpace(string(known)) != d.GateKey {
		return fmt.Errorf(a.say("网关公钥与 %s 中记录的不同;如确属更换,请核实后删除该文件", "the gate's key differs from %s; if it was replaced, verify that and remove the file"), a.gatePin())
	}
	return nil
}

func (a *app) pinnedGate() (ed25519.PublicKey, error) {
	text, err := os.ReadFile(a.gatePin())
	if err != nil {
		return nil, fmt.Errorf(a.say("zonebox: 没有网关公钥: %w", "zonebox: no gate key: %w"), err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("zonebox: the gate key file is damaged")
	}
	return key, nil
}
