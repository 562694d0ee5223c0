package release_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"zonebox/release"
)

var update = flag.Bool("update", false, "write files in testdata that are not there yet")

// recorded are files sealed by earlier builds: testdata/NAME.zbx. The gate is
// newGate(1). None is ever written again: a format that changes gets files of its own.
var recorded = []struct {
	name, first                 string // its first line
	form, signature, encryption string
}{
	{"sealed", "zonebox-release-1", "arrow", "ed25519", "hpke-x25519-sha256-aes256gcm"},
	{"second-arrow", "zonebox-release-2", "arrow", "ed25519", "hpke-x25519-sha256-aes256gcm"},
	{"second-csv", "zonebox-release-2", "csv", "ed25519", "hpke-x25519-sha256-aes256gcm"},
	{"second-parquet", "zonebox-release-2", "parquet", "sm2-sm3", "hpke-x25519-sha256-aes256gcm"},
	{"second-sm2", "zonebox-release-2", "csv-bom", "sm2-sm3", "sm2-sm4gcm-sm3"},
	{"second-sm2-arrow", "zonebox-release-2", "arrow", "sm2-sm3", "sm2-sm4gcm-sm3"},
	{"second-mixed", "zonebox-release-2", "csv", "ed25519", "sm2-sm4gcm-sm3"},
}

// recipientSM2 is the recipient of the recorded files that are encrypted by SM2.
func recipientSM2(t testing.TB) (*sm2.PrivateKey, []byte) {
	t.Helper()
	key, err := sm2.NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	public, err := sm2.PublicKeyToECDH(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, public.Bytes()
}

// fixture reads a recorded file and the key that opens it.
func fixture(t testing.TB, name, encryption string) ([]byte, release.Key) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name+".zbx"))
	if err != nil {
		t.Fatal(err)
	}
	if encryption == release.SM2SM4 {
		key, _ := recipientSM2(t)
		return file, release.Key{SM2: key}
	}
	return file, release.Key{HPKE: recipientHPKE(t)}
}

func recipientHPKE(t testing.TB) *keyset.Handle {
	t.Helper()
	key, err := os.ReadFile(filepath.Join("testdata", "recipient.json"))
	if err != nil {
		t.Fatal(err)
	}
	private, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(key)))
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// evidence is that of the recorded files of the second version.
func evidence() *release.Evidence {
	return &release.Evidence{Statement: strings.Repeat("a1", 32), Decision: "dec-1", Policy: strings.Repeat("b2", 32), Catalogue: strings.Repeat("c3", 32),
		Documents: []string{"License lic-1 3", "Scenario prevention 2", "Zone health 1"}, Revision: "0000000042", Worker: strings.Repeat("d4", 32), Intent: "0000000117",
		Rules: []release.Rule{{Rule: "min_group", Figures: map[string]string{"k": "10"}}, {Rule: "row_cap", Figures: map[string]string{"rows": "100000"}}}}
}

// A file sealed by an earlier build opens in this one. If a file has to be written
// again, so has the first line of the format.
func TestRecordedFilesStillOpen(t *testing.T) {
	for _, r := range recorded {
		t.Run(r.name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join("testdata", r.name+".zbx")); *update && os.IsNotExist(err) {
				write(t, r.name, r.form, r.signature, r.encryption)
			}
			file, key := fixture(t, r.name, r.encryption)
			o, err := release.Open(file, key, newGate(1).public())
			if err != nil {
				t.Fatal(err)
			}
			defer o.Release()
			rows, err := o.Rows[0].MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(bytes.TrimSpace(rows)), "[{\"district\":\"320102\",\"n\":40,\"s\":4.5}\n]"; got != want {
				t.Errorf("rows = %s, want %s", got, want)
			}
			if first, _, _ := strings.Cut(string(file), "\n"); first != r.first || o.Form != r.form || o.Signature != r.signature || o.Encryption != r.encryption {
				t.Errorf("file says %s, %s, %s, %s; want %+v", first, o.Form, o.Signature, o.Encryption, r)
			}
			if o.Label.License != "lic-1" || o.Label.Sources[0].Provider != "南京市卫生健康委员会" || len(o.Columns) != 3 {
				t.Errorf("label = %+v", o.Label)
			}
			if r.first == "zonebox-release-2" && (o.Label.Evidence.Intent != "0000000117" || o.Label.Uses[0].Text != "仅限本场景") {
				t.Errorf("label = %+v", o.Label)
			}
			if want := "district,n,s\n320102,40,4.5\n"; r.form == "csv" && string(o.Content) != want || r.form == "csv-bom" && string(o.Content) != "\xef\xbb\xbf"+want {
				t.Errorf("content = %q", o.Content)
			}
		})
	}
}

// write seals the sample as a recorded file.
func write(t *testing.T, name, form, signature, encryption string) {
	t.Helper()
	how := to(publish(t, recipientHPKE(t)))
	if encryption == release.SM2SM4 {
		_, public := recipientSM2(t)
		how = to(encoded(public))
	}
	how.Form, how.Signature = form, signature
	how.Label.Evidence, how.Label.Uses = evidence(), []release.Use{{Of: "Dataset visits 4", Text: "仅限本场景"}}
	h, err := release.Hold(sample(t), "run-1", newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Seal(how, newGate(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".zbx"), a.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// FuzzOpen looks for a file other than those recorded that opens, and for panics.
// Half of the inputs are signed by the gate before they are opened, so that what lies
// behind the signature is reached too.
func FuzzOpen(f *testing.F) {
	var files [][][]byte
	var keys []release.Key
	for i, r := range recorded {
		file, key := fixture(f, r.name, r.encryption)
		lines := bytes.SplitN(file, []byte("\n"), 4)
		files, keys = append(files, lines), append(keys, key)
		f.Add(file, uint8(i), false)
		f.Add(append(append(bytes.Clone(lines[1]), '\n'), lines[3]...), uint8(i), true)
	}
	f.Add([]byte("zonebox-release-1\n{}\n{}\n"), uint8(0), false)
	f.Add([]byte("zonebox-release-2\n{}\n{}\n"), uint8(1), false)
	f.Add([]byte("{}\n"), uint8(1), true)
	gate := newGate(1)
	f.Fuzz(func(t *testing.T, data []byte, which uint8, signed bool) {
		n := int(which) % len(files)
		lines := files[n]
		if signed {
			header, ciphertext, _ := bytes.Cut(data, []byte("\n"))
			sum := sha256.Sum256(ciphertext)
			if bytes.Contains(header, []byte(`"signature":"sm2-sm3"`)) {
				sum = sm3.Sum(ciphertext)
			}
			foot := fmt.Appendf(nil, `{"digest":"%s","signature":""}`, hex.EncodeToString(sum[:]))
			if bytes.ContainsAny(header, "\r") {
				return
			}
			data = resignAs(t, string(lines[0]), gate, header, foot, ciphertext)
		}
		o, err := release.Open(data, keys[n], gate.public())
		if err != nil {
			return
		}
		defer o.Release()
		// Only recorded content under its recorded header may open.
		got := bytes.SplitN(data, []byte("\n"), 4)
		for _, lines := range files {
			if bytes.Equal(got[1], lines[1]) && bytes.Equal(got[3], lines[3]) {
				return
			}
		}
		t.Errorf("a file that nobody sealed opens")
	})
}

// What a file says of itself can be read without any key, and is what it says.
func TestInspectReadsWithoutAKeyAndChecksNothing(t *testing.T) {
	file, _ := fixture(t, "second-sm2", release.SM2SM4)
	h, digest, err := release.Inspect(file)
	sum := sha256.Sum256(file)
	if err != nil || digest != hex.EncodeToString(sum[:]) || h.Label.Evidence == nil || mustJSON(t, h.Label.Evidence) != mustJSON(t, evidence()) {
		t.Errorf("Inspect = %+v, %s, %v", h, digest, err)
	}
	forged := bytes.Replace(file, []byte(`"license":"lic-1"`), []byte(`"license":"lic-2"`), 1)
	if h, _, err := release.Inspect(forged); err != nil || h.Label.License != "lic-2" {
		t.Errorf("Inspect of another label = %+v, %v", h.Label, err)
	}
	if _, err := release.Verify(forged, newGate(1).public()); err == nil {
		t.Error("Verify takes the other label")
	}
	if _, _, err := release.Inspect([]byte("zonebox-release-3\n{}\n{}\n")); err == nil {
		t.Error("Inspect reads a version that is not there")
	}
	var all map[string]any
	if err := json.Unmarshal(bytes.Split(file, []byte("\n"))[1], &all); err != nil || strings.Contains(mustJSON(t, all), "320102") {
		t.Errorf("the header holds a cell: %v, %v", all, err)
	}
}
