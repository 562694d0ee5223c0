package release_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/emmansun/gmsm/sm2"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"

	"zonebox/release"
)

// gate is a signing key that every test knows.
type gate struct{ key ed25519.PrivateKey }

func newGate(seed byte) gate {
	return gate{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}
func (g gate) Sign(msg []byte) []byte    { return ed25519.Sign(g.key, msg) }
func (g gate) public() ed25519.PublicKey { return g.key.Public().(ed25519.PublicKey) }

// SignSM2 signs with the key whose 32 bytes are the seed's.
func (g gate) SignSM2(msg []byte) (signature, public []byte, err error) {
	key, err := sm2.NewPrivateKey(g.key.Seed())
	if err != nil {
		return nil, nil, err
	}
	point, err := sm2.PublicKeyToECDH(&key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	public = point.Bytes()
	signature, err = key.Sign(nil, msg, sm2.DefaultSM2SignerOpts)
	return signature, public, err
}

// approved are the columns of sample.
var approved = []release.HeaderColumn{{Name: "district", Type: "utf8"}, {Name: "n", Type: "int64"}, {Name: "s", Type: "float64"}}

// to seals the sample to a recipient.
func to(public string) release.Sealing {
	return release.Sealing{Label: label(), Recipient: public, Columns: approved}
}

func newRecipient(t testing.TB, template *tinkpb.KeyTemplate) (*keyset.Handle, string) {
	t.Helper()
	h, err := keyset.NewHandle(template)
	if err != nil {
		t.Fatal(err)
	}
	return h, publish(t, h)
}

func publish(t testing.TB, h *keyset.Handle) string {
	t.Helper()
	public, err := h.Public()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := public.WriteWithNoSecrets(keyset.NewBinaryWriter(&buf)); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes())
}

var suite = hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Key_Template()

func label() release.Label {
	return release.Label{
		Release: "rel-1", Run: "run-1", Zone: "health", License: "lic-1", Scenario: "prevention",
		Sources: []release.Source{
			{Dataset: "visits", Provider: "南京市卫生健康委员会", Version: "v3", Acquired: "2025-03-01"},
			{Dataset: "persons", Provider: "Bureau <A & B>", Version: "v1", Acquired: "2025-02-01"},
		},
		Recipient: "li.wei", Pack: "nanjing-2024",
		IssuedAt: time.Date(2025, 6, 1, 8, 30, 0, 0, time.FixedZone("CST", 8*3600)),
		Warnings: []string{"pack lapsed on 2026-05-23"},
		Notes:    []string{"an empty cell may be a withheld one"},
	}
}

func newAEAD(t testing.TB) tink.AEAD {
	t.Helper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	a, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// plain stands for an encryption that hides nothing, so that a test can look at
// the bytes a hold keeps.
type plain struct{}

func (plain) Encrypt(pt, _ []byte) ([]byte, error) { return bytes.Clone(pt), nil }
func (plain) Decrypt(ct, _ []byte) ([]byte, error) { return bytes.Clone(ct), nil }

// content returns the bytes that would be sealed.
func content(t *testing.T, c *release.Checked) []byte {
	t.Helper()
	dir := t.TempDir()
	if _, err := saved(c, "run-1", dir, plain{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "run-1.hold"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// roundTrip holds, seals and opens c.
func roundTrip(t *testing.T, c *release.Checked) *release.Opened {
	t.Helper()
	private, public := newRecipient(t, suite)
	h, err := saved(c, "run-1", t.TempDir(), newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	how := to(public)
	how.Columns = release.ColumnsOf(c.Schema())
	a, err := h.Seal(how, newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	o, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(1).public())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// sample returns a small checked result.
func sample(t testing.TB) *release.Checked {
	t.Helper()
	alloc := memory.DefaultAllocator
	p, _ := visits(alloc)
	p.Hidden = nil
	fields := []arrow.Field{field("district", str), field("n", i64), field("s", f64)}
	c, _, err := release.Check(stream(batch(t, alloc, fields, `{"district": "320102", "n": 40, "s": 4.5}`)), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sealed returns a sealed sample and the private key that opens it.
func sealed(t testing.TB) (*release.Artifact, *keyset.Handle) {
	t.Helper()
	private, public := newRecipient(t, suite)
	h, err := saved(sample(t), "run-1", t.TempDir(), newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Seal(to(public), newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	return a, private
}

func TestSealedResultOpensForItsRecipient(t *testing.T) {
	a, private := sealed(t)
	o, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(1).public())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	want := label()
	want.IssuedAt = time.Date(2025, 6, 1, 0, 30, 0, 0, time.UTC)
	if got, _ := json.Marshal(o.Label); string(got) != mustJSON(t, want) {
		t.Errorf("label = %s, want %s", got, mustJSON(t, want))
	}
	rows, _ := o.Rows[0].MarshalJSON()
	if got, want := strings.TrimSpace(string(rows)), `[{"district":"320102","n":40,"s":4.5}
]`; got != want {
		t.Errorf("rows = %s, want %s", got, want)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The label can be read without any key, and it is the whole label.
func TestLabelStandsInTheClear(t *testing.T) {
	a, _ := sealed(t)
	lines := strings.SplitN(string(a.Bytes()), "\n", 4)
	if lines[0] != "zonebox-release-2" {
		t.Errorf("first line = %q", lines[0])
	}
	const want = `{"columns":[{"name":"district","type":"utf8"},{"name":"n","type":"int64"},{"name":"s","type":"float64"}],"encryption":"hpke-x25519-sha256-aes256gcm","form":"arrow",` +
		`"label":{"issued_at":"2025-06-01T00:30:00Z","license":"lic-1","notes":["an empty cell may be a withheld one"],"pack":"nanjing-2024","recipient":"li.wei",` +
		`"release":"rel-1","run":"run-1","scenario":"prevention","sources":[` +
		`{"acquired":"2025-03-01","dataset":"visits","provider":"南京市卫生健康委员会","version":"v3"},` +
		`{"acquired":"2025-02-01","dataset":"persons","provider":"Bureau <A & B>","version":"v1"}],` +
		`"warnings":["pack lapsed on 2026-05-23"],"zone":"health"},"recipient_key":"`
	if !strings.HasPrefix(lines[1], want) {
		t.Errorf("header = %s\nwant      %s…", lines[1], want)
	}
	if strings.Contains(string(a.Bytes()), "320102") {
		t.Error("a cell stands in the clear")
	}
	h, err := release.Verify(a.Bytes(), newGate(1).public())
	if err != nil || h.Label.Sources[0].Provider != "南京市卫生健康委员会" || h.Columns[2] != (release.HeaderColumn{Name: "s", Type: "float64"}) {
		t.Errorf("Verify = %+v, %v", h, err)
	}
	if a.Header().RecipientKey != h.RecipientKey || len(h.RecipientKey) != 64 {
		t.Errorf("recipient key = %q and %q", a.Header().RecipientKey, h.RecipientKey)
	}
}

func TestEveryFlippedByteIsRefused(t *testing.T) {
	a, private := sealed(t)
	file := a.Bytes()
	count := map[error]int{}
	for i := range file {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			bad := bytes.Clone(file)
			bad[i] ^= flip
			o, err := release.Open(bad, release.Key{HPKE: private}, newGate(1).public())
			if err == nil {
				o.Release()
				t.Fatalf("byte %d of %d flipped by %#x still opens", i, len(file), flip)
			}
			named := false
			for _, want := range []error{release.ErrFormat, release.ErrSignature, release.ErrDigest} {
				if errors.Is(err, want) {
					count[want]++
					named = true
				}
			}
			if !named {
				t.Errorf("byte %d: %v has no name", i, err)
			}
			if _, err := release.Verify(bad, newGate(1).public()); err == nil {
				t.Errorf("byte %d: Verify accepts it", i)
			}
		}
	}
	if len(count) != 3 {
		t.Errorf("refusals by name = %v, want all three", count)
	}
	for _, n := range []int{0, 1, 17, 18, 19, len(file) / 2, len(file) - 1} {
		if _, err := release.Open(file[:n], release.Key{HPKE: private}, newGate(1).public()); err == nil {
			t.Errorf("the first %d bytes open", n)
		}
	}
	if _, err := release.Open(append(bytes.Clone(file), 0), release.Key{HPKE: private}, newGate(1).public()); !errors.Is(err, release.ErrDigest) {
		t.Errorf("a byte more = %v, want %v", err, release.ErrDigest)
	}
}

func TestAnotherRecipientIsRefused(t *testing.T) {
	a, _ := sealed(t)
	other, _ := newRecipient(t, suite)
	_, err := release.Open(a.Bytes(), release.Key{HPKE: other}, newGate(1).public())
	wantErr(t, "Open", err, release.ErrRecipient)

	// Even when the gate itself names that recipient over the same ciphertext,
	// the content does not open.
	lines := bytes.SplitN(a.Bytes(), []byte("\n"), 4)
	from, to := a.Header().RecipientKey, idOf(t, other)
	header := bytes.Replace(lines[1], []byte(from), []byte(to), 1)
	_, err = release.Open(resign(t, newGate(1), header, lines[2], lines[3]), release.Key{HPKE: other}, newGate(1).public())
	wantErr(t, "Open of the relabeled file", err, release.ErrContent)
}

// idOf returns the id of a recipient's key, as a file sealed to it shows.
func idOf(t *testing.T, private *keyset.Handle) string {
	t.Helper()
	h, err := saved(sample(t), "run-2", t.TempDir(), newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Seal(to(publish(t, private)), newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	return a.Header().RecipientKey
}

// resign signs another header over the digest in foot, as of the second version.
func resign(t *testing.T, g gate, header, foot, ciphertext []byte) []byte {
	t.Helper()
	return resignAs(t, "zonebox-release-2", g, header, foot, ciphertext)
}

// resignAs signs with the suite that the header names, if it names one.
func resignAs(t *testing.T, version string, g gate, header, foot, ciphertext []byte) []byte {
	t.Helper()
	var s struct {
		Digest    string `json:"digest"`
		Key       []byte `json:"key,omitempty"`
		Signature []byte `json:"signature"`
		Voucher   []byte `json:"voucher,omitempty"`
	}
	if err := json.Unmarshal(foot, &s); err != nil {
		t.Fatal(err)
	}
	message := fmt.Appendf(nil, "%s\n%s\n%s\n", version, header, s.Digest)
	s.Key, s.Voucher, s.Signature = nil, nil, g.Sign(message)
	if bytes.Contains(header, []byte(`"signature":"sm2-sm3"`)) {
		der, public, err := g.SignSM2(message)
		if err != nil {
			t.Fatal(err)
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &rs); err != nil {
			t.Fatal(err)
		}
		s.Key, s.Voucher = public, g.Sign(release.Voucher(public))
		s.Signature = append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
	}
	foot, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{[]byte(version), header, foot, ciphertext}, []byte("\n"))
}

func TestForeignGateIsRefused(t *testing.T) {
	a, private := sealed(t)
	_, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(2).public())
	wantErr(t, "Open", err, release.ErrSignature)
	_, err = release.Verify(a.Bytes(), newGate(2).public())
	wantErr(t, "Verify", err, release.ErrSignature)
	_, err = release.Open(a.Bytes(), release.Key{HPKE: private}, nil)
	if err == nil {
		t.Error("Open without a gate key succeeds")
	}
	// A forger who signs with another key does not pass for the gate.
	lines := bytes.SplitN(a.Bytes(), []byte("\n"), 4)
	forged := resign(t, newGate(2), lines[1], lines[2], lines[3])
	_, err = release.Open(forged, release.Key{HPKE: private}, newGate(1).public())
	wantErr(t, "Open of the forged file", err, release.ErrSignature)
}

func TestTamperedLabelIsRefused(t *testing.T) {
	a, private := sealed(t)
	for _, edit := range [][2]string{
		{"lic-1", "lic-2"}, {"li.wei", "wu.fan"}, {"visits", "visitz"}, {"2025-03-01", "2025-03-02"},
		{`"warnings":["pack lapsed on 2026-05-23"]`, `"warnings":[]`}, {`"district"`, `"address"`},
	} {
		bad := bytes.Replace(a.Bytes(), []byte(edit[0]), []byte(edit[1]), 1)
		if bytes.Equal(bad, a.Bytes()) {
			t.Fatalf("%q is not in the file", edit[0])
		}
		_, err := release.Open(bad, release.Key{HPKE: private}, newGate(1).public())
		wantErr(t, "Open with "+edit[1], err, release.ErrSignature)
	}
	// Even the gate cannot put another label on the same content.
	lines := bytes.SplitN(a.Bytes(), []byte("\n"), 4)
	header := bytes.Replace(lines[1], []byte("lic-1"), []byte("lic-2"), 1)
	_, err := release.Open(resign(t, newGate(1), header, lines[2], lines[3]), release.Key{HPKE: private}, newGate(1).public())
	wantErr(t, "Open of the relabeled file", err, release.ErrContent)
	// The control: signed again over the true header it opens.
	o, err := release.Open(resign(t, newGate(1), lines[1], lines[2], lines[3]), release.Key{HPKE: private}, newGate(1).public())
	if err != nil {
		t.Fatal(err)
	}
	o.Release()
}

func TestHeaderHasOneSpelling(t *testing.T) {
	a, private := sealed(t)
	lines := bytes.SplitN(a.Bytes(), []byte("\n"), 4)
	for name, header := range map[string][]byte{
		"a space":           bytes.Replace(lines[1], []byte(`":`), []byte(`": `), 1),
		"an unknown member": bytes.Replace(lines[1], []byte(`{"columns"`), []byte(`{"a":1,"columns"`), 1),
		"a member twice":    bytes.Replace(lines[1], []byte(`"zone":"health"`), []byte(`"zone":"health","zone":"health"`), 1),
		"an escape":         bytes.Replace(lines[1], []byte(`"health"`), []byte(`"\u0068ealth"`), 1),
	} {
		_, err := release.Open(resign(t, newGate(1), header, lines[2], lines[3]), release.Key{HPKE: private}, newGate(1).public())
		wantErr(t, name, err, release.ErrFormat)
	}
}

func TestIncompleteLabelIsNotSealed(t *testing.T) {
	_, public := newRecipient(t, suite)
	h, err := saved(sample(t), "run-1", t.TempDir(), newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*release.Label){
		"release":   func(l *release.Label) { l.Release = "" },
		"run":       func(l *release.Label) { l.Run = "" },
		"zone":      func(l *release.Label) { l.Zone = "" },
		"license":   func(l *release.Label) { l.License = "" },
		"scenario":  func(l *release.Label) { l.Scenario = "" },
		"recipient": func(l *release.Label) { l.Recipient = "" },
		"pack":      func(l *release.Label) { l.Pack = "" },
		"time":      func(l *release.Label) { l.IssuedAt = time.Time{} },
		"sources":   func(l *release.Label) { l.Sources = nil },
		"provider":  func(l *release.Label) { l.Sources[1].Provider = "" },
		"dataset":   func(l *release.Label) { l.Sources[1].Dataset = "" },
		"version":   func(l *release.Label) { l.Sources[1].Version = "" },
		"acquired":  func(l *release.Label) { l.Sources[1].Acquired = "" },
	} {
		l := label()
		spoil(&l)
		_, err := h.Seal(release.Sealing{Label: l, Recipient: public, Columns: approved}, newGate(1))
		wantErr(t, "Seal without "+name, err, release.ErrLabel)
	}
	l := label()
	l.Warnings, l.Notes = nil, nil
	if _, err := h.Seal(release.Sealing{Label: l, Recipient: public, Columns: approved}, newGate(1)); err != nil {
		t.Errorf("Seal without warnings and notes = %v", err)
	}
}

func TestRecipientKeyMustBeOfTheSuite(t *testing.T) {
	h, err := saved(sample(t), "run-1", t.TempDir(), newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	private, good := newRecipient(t, suite)
	var secret bytes.Buffer
	if err := insecurecleartextkeyset.Write(private, keyset.NewBinaryWriter(&secret)); err != nil {
		t.Fatal(err)
	}
	two := keyset.NewManagerFromHandle(private)
	if _, err := two.Add(suite); err != nil {
		t.Fatal(err)
	}
	pair, err := two.Handle()
	if err != nil {
		t.Fatal(err)
	}
	_, ecies := newRecipient(t, hybrid.ECIESHKDFAES128GCMKeyTemplate())
	_, aes128 := newRecipient(t, hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_128_GCM_Key_Template())
	_, p256 := newRecipient(t, hybrid.DHKEM_P256_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Key_Template())
	for name, key := range map[string]string{
		"empty": "", "not base64": "…", "not a keyset": "AAAA", "a private keyset": base64.StdEncoding.EncodeToString(secret.Bytes()),
		"two keys": publish(t, pair), "ECIES": ecies, "AES-128": aes128, "P-256": p256,
	} {
		_, err := h.Seal(to(key), newGate(1))
		wantErr(t, "Seal to "+name, err, release.ErrRecipientKey)
	}
	if _, err := h.Seal(to(good), newGate(1)); err != nil {
		t.Errorf("Seal = %v", err)
	}
}
