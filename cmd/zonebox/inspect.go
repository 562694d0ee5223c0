package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"zonebox/audit"
	"zonebox/query"
	"zonebox/release"
)

// inspection is what inspect tells of a sealed file.
type inspection struct {
	Digest string         `json:"digest"`          // SHA-256 of the file
	Signed bool           `json:"signed"`          // false where no key of the gate was at hand
	Header release.Header `json:"header"`          // what the file says of itself
	Entry  *uint64        `json:"entry,omitempty"` // index of its release in the audit log, by the proof
	Log    *audit.Head    `json:"log,omitempty"`   // that the proof leads to
}

func (a *app) inspectCmd() *cobra.Command {
	var proof, gateKey, verifier, output string
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: a.say("不用私钥查看密封结果的标签与证据,核对签名与审计证明", "show label and evidence of a sealed artifact without its key; check its signature and its proof"),
		Long: a.say(`显示密封结果的来源、许可、使用要求、生成时所依据的规则与版本,以及各列,不解密。
以钥匙串中记录的网关公钥(或 --gate-key)核对签名;没有公钥则注明未核对。
--proof 核对 audit prove 写出的证明:该文件的放行在审计日志签名检查点之下。日志公钥取钥匙串所记,或 --verifier-key。`,
			`Shows sources, license, terms of use, the rules and versions a sealed artifact was made
under, and its columns; it decrypts nothing. The signature is checked by the gate's key
in the keyring, or --gate-key; without one it says that it was not.
--proof checks what audit prove wrote: that the release of this very file stands under a
signed checkpoint of the audit log, by the log's key in the keyring, or --verifier-key.`),
		Example: `  zonebox inspect visits.zbx
  zonebox inspect visits.zbx --proof visits.proof.json -o json`,
		Args: nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("zonebox: read artifact: %w", err)
			}
			i, err := a.inspect(file, gateKey)
			if err != nil {
				return err
			}
			if proof != "" {
				if err := a.proven(i, proof, verifier); err != nil {
					return err
				}
			}
			if output == "json" || a.json {
				return a.printJSON(i)
			}
			return a.printInspection(i)
		},
	}
	f := c.Flags()
	f.StringVar(&proof, "proof", "", a.say("audit prove 写出的证明", "the proof that audit prove wrote"))
	f.StringVar(&gateKey, "gate-key", "", a.say("网关公钥(base64),缺省取钥匙串所记", "public key of the gate in base64; that in the keyring by default"))
	f.StringVar(&verifier, "verifier-key", "", a.say("审计日志公钥,缺省取钥匙串所记", "verifier key of the audit log; that in the keyring by default"))
	f.StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// inspect reads what a file says of itself and checks its signature, if a key of the
// gate is at hand.
func (a *app) inspect(file []byte, gateKey string) (*inspection, error) {
	head, digest, err := release.Inspect(file)
	if err != nil {
		return nil, err
	}
	i := &inspection{Digest: digest, Header: head}
	var gate []ed25519.PublicKey
	if gateKey != "" {
		key, err := base64.StdEncoding.DecodeString(gateKey)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, usageError{errors.New(a.say("--gate-key 不是网关公钥", "--gate-key is not a key of a gate"))}
		}
		gate = append(gate, key)
	} else if gate, err = a.pinnedGate(); errors.Is(err, fs.ErrNotExist) {
		return i, nil
	} else if err != nil {
		return nil, err
	}
	for _, public := range gate {
		if _, err = release.Verify(file, public); !errors.Is(err, release.ErrSignature) {
			break
		}
	}
	i.Signed = err == nil
	return i, err
}

// proven checks a proof that the release of the file stands in the audit log.
func (a *app) proven(i *inspection, path, verifier string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("zonebox: read proof: %w", err)
	}
	var p query.ReleaseProof
	if err := json.Unmarshal(text, &p); err != nil {
		return usageError{errors.New(a.say("不是 audit prove 写出的证明", "it is not a proof that audit prove wrote"))}
	}
	if verifier == "" {
		pinned, err := os.ReadFile(a.auditPin())
		if errors.Is(err, fs.ErrNotExist) {
			return usageError{errors.New(a.say("没有审计日志公钥,请以 --verifier-key 给出", "there is no key of the audit log; give --verifier-key"))}
		}
		if err != nil {
			return fmt.Errorf("zonebox: read key of the audit log: %w", err)
		}
		verifier = strings.TrimSpace(string(pinned))
	}
	head, err := p.Of(verifier, i.Header.Label.Run, i.Digest)
	if broken := new(audit.BrokenError); errors.As(err, &broken) {
		return &tamperedError{broken}
	}
	if errors.Is(err, query.ErrOtherFile) {
		return errors.New(a.say("该证明说的不是这个文件", "the proof is not about this file"))
	}
	if err != nil {
		return err
	}
	i.Entry, i.Log = &p.Index, &head
	return nil
}

func (a *app) printInspection(i *inspection) error {
	h, l := i.Header, i.Header.Label
	t := newTable(a.say("项目", "item"), a.say("内容", "what it says"))
	row := func(zh, en string, what ...string) {
		what = slices.DeleteFunc(what, func(s string) bool { return s == "" })
		if len(what) > 0 {
			t.AppendRow(table.Row{a.say(zh, en), printable(strings.Join(what, " · "))})
		}
	}
	signed := a.say("有效", "valid")
	if !i.Signed {
		signed = a.say("未核对:没有网关公钥", "not checked: no key of the gate")
	}
	row("签名", "signature", signed, h.Signature)
	row("加密", "encryption", h.Encryption)
	row("文件摘要", "digest", i.Digest)
	if i.Entry != nil {
		row("审计证明", "proof", fmt.Sprintf(a.say("放行是审计日志第 %d 条,在 %d 条的签名检查点之下", "its release is entry %d of the audit log, under a signed checkpoint of %d entries"), *i.Entry, i.Log.Size))
	}
	row("放行", "release", l.Release, l.Run, l.IssuedAt.Format("2006-01-02 15:04:05Z"))
	row("专区", "zone", l.Zone)
	row("许可", "license", l.License)
	row("场景与用途", "scenario, purpose", l.Scenario, l.Purpose)
	row("接收人", "recipient", l.Recipient)
	row("模板", "template", l.Template, l.Parameters)
	for _, s := range l.Sources {
		row("来源", "source", s.Dataset, s.Provider, s.Version, s.Acquired)
	}
	for _, u := range l.Uses {
		row("使用要求", "terms of use", u.Of, u.Text)
	}
	row("形式", "form", h.Form)
	for _, c := range h.Columns {
		row("列", "column", c.Name, c.Type, c.Technique)
	}
	var effect strings.Builder
	a.printEffect(&effect, l.Effect)
	_, grade, _ := strings.Cut(strings.TrimSpace(effect.String()), ": ")
	row("去标识化效果", "de-identification", grade)
	row("政策包", "pack", l.Pack)
	if e := l.Evidence; e != nil {
		for _, r := range e.Rules {
			var figures []string
			for name, figure := range r.Figures {
				figures = append(figures, name+"="+figure)
			}
			slices.Sort(figures)
			row("规则", "rule", r.Rule, strings.Join(figures, " "))
		}
		row("裁决", "decision", e.Decision)
		row("规则包摘要", "policy bundle", e.Policy)
		row("文档", "documents", e.Documents...)
		row("目录摘要", "catalogue", e.Catalogue)
		row("登记处版本", "registry revision", e.Revision)
		row("语句摘要(带密钥)", "statement, keyed", e.Statement)
		row("工作进程隔离", "worker isolation", e.Worker)
		row("审计起始条目", "audit entry of intent", e.Intent)
	}
	for _, w := range l.Warnings {
		row("提示", "warning", w)
	}
	for _, n := range l.Notes {
		row("说明", "note", n)
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
