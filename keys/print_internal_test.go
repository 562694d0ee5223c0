package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// However something that holds a key is printed or logged, no key is in it.
func TestNothingThatHoldsAKeyPrintsIt(t *testing.T) {
	defer Cheap()()
	p := Passphrase([]byte("correct horse battery"))
	f, err := Create(filepath.Join(t.TempDir(), "keys"), p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hold, err := f.NewHold("run-1")
	if err != nil {
		t.Fatal(err)
	}
	u, err := Generate("li.wei")
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"passphrase": []byte("correct horse battery"), "audit": f.audit, "release": f.release.key.Seed(), "user": u.signing.Seed()}
	for name, v := range map[string]any{"provider": p, "folder": f, "signer": f.Signer(), "hold": hold, "user": u, "of all": []any{p, f, f.Signer(), hold, u}} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
		for of, secret := range secrets {
			part := secret[4:12]
			for form, text := range map[string]string{
				"as it is": string(part), "in hex": hex.EncodeToString(part), "in HEX": strings.ToUpper(hex.EncodeToString(part)),
				"in base64": base64.StdEncoding.EncodeToString(secret)[8:16], "in numbers": strings.Trim(fmt.Sprint(part), "[]"),
				"in Go": strings.Trim(fmt.Sprintf("%#v", part), "[]byte{}"),
			} {
				if strings.Contains(log.String(), text) {
					t.Errorf("%s shows the %s key %s", name, of, form)
				}
			}
		}
	}
}
