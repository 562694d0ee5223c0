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

func (a *app) printExplanation(x *query.Explanation) error {
	w := a.stdout
	fmt.Fprintf(w, "%s: %s\n", a.say("裁决", "verdict"), x.Verdict)
	for _, r := range x.Reasons {
		fmt.Fprintf(w, "  - %s %s [%s]\n", r.Code, a.say(r.ZH, r.EN), strings.Join(r.Articles, ", "))
	}
	for _, r := range x.Warnings {
		fmt.Fprintf(w, "  ! %s %s [%s]\n", r.Code, a.say(r.ZH, r.EN), strings.Join(r.Articles, ", "))
	}
	if x.Verdict == query.VerdictDeny && len(x.Outputs) == 0 {
		return nil
	}
	t := newTable(a.say("读取的列", "column read"), a.say("级别", "level"), a.say("形态", "form"), a.say("脱敏方式或许可", "recipe or permissions"))
	for _, c := range x.Columns {
		t.AppendRow([]any{c.Column, c.Level, c.Form, c.How})
	}
	fmt.Fprintln(w, t.Render())
	t = newTable(a.say("输出列", "output"), a.say("形态", "form"), a.say("最高级别", "max level"), a.say("血缘", "lineage"))
	for _, o := range x.Outputs {
		t.AppendRow([]any{printable(o.Name), o.Form, o.MaxLevel, strings.Join(o.Lineage, ", ")})
	}
	fmt.Fprintln(w, t.Render())
	for _, g := range x.Groups {
		fmt.Fprintf(w, a.say("最小分组: %s 至少 %d 个主体\n", "minimum group: %s at least %d entities\n"), g.Table, g.K)
	}
	_, err := fmt.Fprintf(w, "%s:\n%s\n", a.say("将要执行", "would run"), printableText(x.SQL))
	return err
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
