//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

// Whoever reads the help can write a Vault file: each of its members is there.
func TestTheHelpNamesEveryMemberOfAVaultFile(t *testing.T) {
	members := reflect.TypeFor[keys.VaultConfig]()
	for _, verb := range []string{"init", "serve"} {
		for _, lang := range []string{"zh", "en"} {
			var out bytes.Buffer
			if code := run(t.Context(), []string{verb, "--help", "--lang", lang}, strings.NewReader(""), &out, &out); code != exitOK {
				t.Fatalf("%s --help exited %d", verb, code)
			}
			for i := range members.NumField() {
				name, _, _ := strings.Cut(members.Field(i).Tag.Get("json"), ",")
				if name != "-" && !strings.Contains(out.String(), name) {
					t.Errorf("%s --help --lang %s does not name %s", verb, lang, name)
				}
			}
		}
	}
}

// A domain is made under Vault and opens with it alone: no passphrase is asked
// for, and none opens it.
func TestADomainUnderVault(t *testing.T) {
	dir := t.TempDir()
	s := keystest.NewTransit(t)
	config := filepath.Join(dir, "vault.yaml")
	text, err := yaml.Marshal(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("vault.yaml", string(text))
	zonebox := func(args ...string) (code int, said string) {
		var out bytes.Buffer
		args = append(args, "--domain", filepath.Join(dir, "d"), "--keyring", filepath.Join(dir, "ring"), "--lang", "en")
		code = run(t.Context(), args, strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	if code, said := zonebox("init", "--as", "first.person", "--vault", config); code != exitOK {
		t.Fatalf("init exited %d: %s", code, said)
	}
	if n := len(s.Keys()); n != 1 {
		t.Errorf("the server has %d keys, want 1", n)
	}
	for name, args := range map[string][]string{
		"a passphrase":                {"--passphrase-file", write("pass", "guess")},
		"an unknown member":           {"--vault", write("other.yaml", string(text)+"\ntoken: hvs.secret\n")},
		"an address without TLS":      {"--vault", write("plain.yaml", "address: http://vault.example:8200\n")},
		"a configuration there isn't": {"--vault", filepath.Join(dir, "none.yaml")},
	} {
		code, said := zonebox(append([]string{"serve"}, args...)...)
		if code == exitOK || strings.Contains(said, "hvs.secret") {
			t.Errorf("serve with %s exited %d: %s", name, code, said)
		}
	}
	open := write("open", "guess")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, said := zonebox("serve", "--passphrase-file", open); code != exitDenied || !strings.Contains(said, "SECRET_FILE") {
		t.Errorf("serve with a passphrase that others may read exited %d: %s", code, said)
	}
	s.Set(keystest.Sealed)
	code, said := zonebox("serve", "--vault", config)
	if code != exitFailure || !strings.Contains(said, "cannot be reached or is sealed") {
		t.Errorf("serve without the server exited %d: %s", code, said)
	}
}
