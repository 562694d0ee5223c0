package query

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"slices"
	"time"

	"zonebox/keys"
	"zonebox/registry"
)

// Certificate proves that something was destroyed: what, when, by whom and why,
// signed by the gate's key that signs results.
type Certificate struct {
	Format string `json:"format"`
	Domain string `json:"domain"`
	ID     string `json:"id"`
	ShredOrder
	OrderedBy    string    `json:"ordered_by"`
	OrderedOrg   string    `json:"ordered_org"`
	OrderedAt    time.Time `json:"ordered_at"`
	ConfirmedBy  string    `json:"confirmed_by"`
	ConfirmedOrg string    `json:"confirmed_org"`
	ConfirmedAt  time.Time `json:"confirmed_at"`
	DoneAt       time.Time `json:"done_at"`

	Keys      DestroyedKeys       `json:"keys"`
	Manifests []DestroyedManifest `json:"manifests"`
	Runs      []string            `json:"runs"` // whose statements and results are destroyed
	// Outputs are what was made of it; nil in a certificate of before gates looked for it.
	Outputs *DestroyedOutputs `json:"outputs,omitempty"`
	Log     LogPlace          `json:"log"`

	GateKey   string `json:"gate_key"`  // base64 Ed25519
	Signature []byte `json:"signature"` // over the rest
}

// DestroyedKeys are the key versions that were destroyed. Separate says that the
// provider had a key for each, so that copies of the key folder do not open either.
type DestroyedKeys struct {
	Space    string `json:"space"`
	Versions []int  `json:"versions"`
	Provider string `json:"provider"`
	Separate bool   `json:"separate"`
}

// DestroyedManifest is the digest of a data version's manifest before and after;
// After is empty if nothing of the version can be read.
type DestroyedManifest struct {
	Dataset string `json:"dataset"`
	Version string `json:"version"`
	Before  string `json:"before"`
	After   string `json:"after,omitempty"`
}

// DestroyedOutputs names the runs whose outputs were made of what was destroyed.
// Those that waited were withdrawn, and their keys destroyed too. Those that were
// released before are with their recipients: nobody calls them back. Of those that
// are unknown, released before as well, the statement is destroyed, so that nothing
// says whether they were made of it.
type DestroyedOutputs struct {
	Withdrawn []string `json:"withdrawn"`
	Released  []string `json:"released_before"`
	Unknown   []string `json:"released_unknown"`
}

// LogPlace is where the audit log says that it was confirmed and done.
type LogPlace struct {
	Origin    string `json:"origin"`
	Confirmed uint64 `json:"confirmed"`
	Done      uint64 `json:"done"`
}

const certificateFormat = "zonebox-shred-1"

// ErrCertificate says that a certificate is not one that the key signed.
var ErrCertificate = errors.New("query: not a certificate that this gate signed")

// signedText is what the signature is over. It begins with what nothing else
// begins with that the key signs.
func (c Certificate) signedText() ([]byte, error) {
	c.Signature = nil
	text, err := json.Marshal(c)
	return append([]byte("zonebox certificate of destruction 1\n"), text...), err
}

// certify makes the certificate of a shred that is done: the same each time, but
// for the key that signs it.
func (e *Engine) certify(sh registry.Shred) (*Certificate, error) {
	p := e.keys.Provider()
	c := Certificate{Format: certificateFormat, Domain: e.info.ID, ID: sh.ID, ShredOrder: orderOf(sh),
		OrderedBy: sh.OrderedBy, OrderedOrg: sh.OrderedOrg, OrderedAt: sh.OrderedAt.UTC(), ConfirmedBy: sh.ConfirmedBy, ConfirmedOrg: sh.ConfirmedOrg,
		ConfirmedAt: sh.ConfirmedAt.UTC(), DoneAt: sh.DoneAt.UTC(), Keys: DestroyedKeys{sh.Space, sh.Keys, p.Kind, p.Separate},
		Manifests: []DestroyedManifest{}, Runs: append([]string{}, sh.Runs...), GateKey: e.Domain().GateKey}
	if o := sh.Outputs; o != nil {
		c.Outputs = &DestroyedOutputs{append([]string{}, o.Withdrawn...), append([]string{}, o.Released...), append([]string{}, o.Unknown...)}
	}
	for _, m := range sh.Manifests {
		c.Manifests = append(c.Manifests, DestroyedManifest(m))
	}
	var ok, done bool
	c.Log.Origin = e.info.ID
	c.Log.Confirmed, ok = e.audit.Find(shredEvent(sh, "shred.confirmed", "", "").ID)
	c.Log.Done, done = e.audit.Find(shredEvent(sh, "shred.done", "", "").ID)
	if !ok || !done {
		return nil, fail("AUDIT_UNAVAILABLE", errors.New("query: a shred is not in the log"))
	}
	text, err := c.signedText()
	if err != nil {
		return nil, err
	}
	c.Signature = e.keys.Signer().Sign(text)
	return &c, nil
}

// EncodeCertificate returns the file that VerifyCertificate takes.
func EncodeCertificate(c *Certificate) ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	return append(text, '\n'), err
}

// VerifyCertificate returns the certificate that a file holds, if the gate's key
// signed it that d names or one that this followed. It asks nobody.
func VerifyCertificate(file []byte, d DomainInfo) (*Certificate, error) {
	var c Certificate
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, ErrCertificate
	}
	if _, err := dec.Token(); err != io.EOF || c.Format != certificateFormat || c.Domain != d.ID {
		return nil, ErrCertificate
	}
	text, err := c.signedText()
	if err != nil || !spelled(file, c) {
		return nil, ErrCertificate
	}
	for _, key := range d.gateKeys() {
		if c.GateKey == base64.StdEncoding.EncodeToString(key) && ed25519.Verify(key, text, c.Signature) {
			return &c, nil
		}
	}
	return nil, ErrCertificate
}

// spelled reports whether a file holds c as EncodeCertificate writes it, but for
// white space: another reader would see something else in a file that names a
// member twice, or in other letters.
func spelled(file []byte, c Certificate) bool {
	want, err := json.Marshal(c)
	var got bytes.Buffer
	return err == nil && json.Compact(&got, file) == nil && bytes.Equal(got.Bytes(), want)
}

// gateKeys returns the gate's key that signs, and those it followed by their own
// word.
func (d DomainInfo) gateKeys() []ed25519.PublicKey {
	key, err := base64.StdEncoding.DecodeString(d.GateKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil
	}
	out := []ed25519.PublicKey{key}
	for _, s := range slices.Backward(d.Former) {
		if !s.Holds() || !bytes.Equal(s.Next, out[len(out)-1]) {
			break
		}
		out = append(out, s.Key)
	}
	return out
}

// Page writes the certificate as one page that people read.
func (c *Certificate) Page(w io.Writer) error { return certificatePage.Execute(w, c) }

var kindTitles = map[string]string{
	registry.ShredColumn: "列 column", registry.ShredVersion: "数据版本 version", registry.ShredDataset: "数据集 dataset",
	registry.ShredZone: "专区 zone", registry.ShredWorkspace: "运营单位工作区 operator workspace",
}

var certificatePage = template.Must(template.New("certificate").Funcs(template.FuncMap{
	"kind": func(k string) string { return kindTitles[k] },
	"time": func(t time.Time) string { return t.Format("2006-01-02 15:04:05 UTC") },
	"separate": func(s bool) string {
		if s {
			return "是:密钥目录的旧副本亦不可读 yes: older copies of the key folder open nothing either"
		}
		return "否:口令密钥目录的旧副本须另行销毁 no: older copies of a passphrase folder must be destroyed too"
	},
	"provider": func(k string) string {
		return map[string]string{keys.KindPassphrase: "口令密钥目录 passphrase folder", keys.KindVault: "Vault", keys.KindDevice: "密码设备 device"}[k]
	},
}).Parse(`<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>数据销毁证明 {{.ID}}</title>
<style>body{font:15px/1.6 sans-serif;max-width:52em;margin:3em auto}table{border-collapse:collapse}td,th{border:1px solid #999;padding:.3em .7em;text-align:left;vertical-align:top}code{word-break:break-all}</style></head><body>
<h1>数据销毁证明 Certificate of destruction</h1>
<table>
<tr><th>编号 id</th><td>{{.ID}}</td></tr>
<tr><th>域 domain</th><td>{{.Domain}}</td></tr>
<tr><th>对象 what</th><td>{{kind .Kind}}{{with .Zone}} · {{.}}{{end}}{{with .Dataset}} / {{.}}{{end}}{{with .Version}} / {{.}}{{end}}{{with .Column}} / {{.}}{{end}}{{with .Organization}} · {{.}}{{end}}</td></tr>
<tr><th>理由 reason</th><td>{{.Reason}}</td></tr>
<tr><th>申请 ordered</th><td>{{.OrderedBy}} ({{.OrderedOrg}}) {{time .OrderedAt}}</td></tr>
<tr><th>确认 confirmed</th><td>{{.ConfirmedBy}} ({{.ConfirmedOrg}}) {{time .ConfirmedAt}}</td></tr>
<tr><th>完成 done</th><td>{{time .DoneAt}}</td></tr>
<tr><th>销毁的密钥 keys destroyed</th><td>{{.Keys.Space}}:{{range .Keys.Versions}} {{.}}{{end}}<br>{{provider .Keys.Provider}}<br>逐版本独立保管 a key of its own for each: {{separate .Keys.Separate}}</td></tr>
<tr><th>审计日志 audit log</th><td>{{.Log.Origin}} #{{.Log.Confirmed}}, #{{.Log.Done}}</td></tr>
</table>
{{if .Manifests}}<h2>数据版本 Data versions</h2>
<table><tr><th>数据集 dataset</th><th>版本 version</th><th>清单摘要 (前) before</th><th>(后) after</th></tr>
{{range .Manifests}}<tr><td>{{.Dataset}}</td><td>{{.Version}}</td><td><code>{{.Before}}</code></td><td><code>{{or .After "不可读 nothing"}}</code></td></tr>
{{end}}</table>{{end}}
{{with .Outputs}}<h2>由其得出的结果 Outputs made of it</h2>
<table>
<tr><th>撤回并销毁密钥 withdrawn, keys destroyed</th><td>{{len .Withdrawn}}:{{range .Withdrawn}} {{.}}{{end}}</td></tr>
<tr><th>此前已放行,无法收回 released before, not to be recalled</th><td>{{len .Released}}:{{range .Released}} {{.}}{{end}}</td></tr>
<tr><th>此前已放行,语句已销毁,无从查明 released before, statement destroyed, not known</th><td>{{len .Unknown}}:{{range .Unknown}} {{.}}{{end}}</td></tr>
</table>{{end}}
{{if .Runs}}<h2>语句与结果 Statements and results</h2><p>{{len .Runs}}:{{range .Runs}} {{.}}{{end}}</p>{{end}}
<p>本页由 JSON 证明生成,以其签名为准:<code>zonebox shred verify</code>。 Made from the JSON certificate, whose signature counts.</p>
</body></html>
`))
