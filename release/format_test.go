package release_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"zonebox/release"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// fixture reads the recorded file and the recipient key that opens it. The gate
// is newGate(1).
func fixture(t testing.TB) ([]byte, *keyset.Handle) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", "sealed.zbx"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join("testdata", "recipient.json"))
	if err != nil {
		t.Fatal(err)
	}
	private, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(key)))
	if err != nil {
		t.Fatal(err)
	}
	return file, private
}

// A file sealed by an earlier build opens in this one. If this test has to be
// changed, so has the first line of the format.
func TestRecordedFileStillOpens(t *testing.T) {
	if *update {
		a, private := sealed(t)
		var key bytes.Buffer
		if err := insecurecleartextkeyset.Write(private, keyset.NewJSONWriter(&key)); err != nil {
			t.Fatal(err)
		}
		os.MkdirAll("testdata", 0o755)
		for name, data := range map[string][]byte{"sealed.zbx": a.Bytes(), "recipient.json": key.Bytes()} {
			if err := os.WriteFile(filepath.Join("testdata", name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	file, private := fixture(t)
	o, err := release.Open(file, private, newGate(1).public())
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
	if o.Label.License != "lic-1" || o.Label.Sources[0].Provider != "南京市卫生健康委员会" {
		t.Errorf("label = %+v", o.Label)
	}
}

// FuzzOpen looks for a file other than the recorded one that opens, and for
// panics. Half of the inputs are signed by the gate before they are opened, so
// that what lies behind the signature is reached too.
func FuzzOpen(f *testing.F) {
	file, private := fixture(f)
	f.Add(file, false)
	lines := bytes.SplitN(file, []byte("\n"), 4)
	f.Add(append(append(bytes.Clone(lines[1]), '\n'), lines[3]...), true)
	f.Add([]byte("zonebox-release-1\n{}\n{}\n"), false)
	f.Add([]byte("{}\n"), true)
	gate := newGate(1)
	f.Fuzz(func(t *testing.T, data []byte, signed bool) {
		if signed {
			header, ciphertext, _ := bytes.Cut(data, []byte("\n"))
			sum := sha256.Sum256(ciphertext)
			foot := fmt.Appendf(nil, `{"digest":"%s","signature":""}`, hex.EncodeToString(sum[:]))
			if bytes.ContainsAny(header, "\r") {
				return
			}
			data = resign(t, gate, header, foot, ciphertext)
		}
		o, err := release.Open(data, private, gate.public())
		if err != nil {
			return
		}
		defer o.Release()
		// Only the recorded content under its recorded header may open.
		if got := bytes.SplitN(data, []byte("\n"), 4); !bytes.Equal(got[1], lines[1]) || !bytes.Equal(got[3], lines[3]) {
			t.Errorf("a file that nobody sealed opens")
		}
	})
}
