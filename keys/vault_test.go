package keys_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

// eachVault runs a test on providers of a server as documented and of the
// program, where there is one.
func eachVault(t *testing.T, test func(t *testing.T, p keys.KeyProvider)) {
	t.Helper()
	t.Run("as documented, token", func(t *testing.T) { test(t, must(keys.Vault(keystest.NewTransit(t).Config()))(t)) })
	t.Run("as documented, role", func(t *testing.T) { test(t, must(keys.Vault(keystest.NewTransit(t).AppRole()))(t)) })
	t.Run("the program", func(t *testing.T) {
		token, role := keystest.Server(t)
		t.Run("token", func(t *testing.T) { test(t, must(keys.Vault(token))(t)) })
		t.Run("role", func(t *testing.T) { test(t, must(keys.Vault(role))(t)) })
	})
}

var secret = []byte("a secret of thirty-two bytes ....")

func TestVaultWrapsUnwrapsAndDestroys(t *testing.T) {
	eachVault(t, func(t *testing.T, p keys.KeyProvider) {
		one, two := must(p.Wrap(secret, []byte("one")))(t), must(p.Wrap(secret, []byte("two")))(t)
		for _, w := range [][]byte{one, two} {
			if bytes.Contains(w, secret) || strings.Contains(string(w), base64.StdEncoding.EncodeToString(secret)[:20]) {
				t.Errorf("what is wrapped holds the secret: %s", w)
			}
		}
		if got := must(p.Unwrap(one, []byte("one")))(t); !bytes.Equal(got, secret) {
			t.Errorf("Unwrap = %q, want %q", got, secret)
		}
		_, err := p.Unwrap(one, []byte("two"))
		wantErr(t, "Unwrap elsewhere", err, keys.ErrDamaged)
		wantErr(t, "Destroy with the aad of another", p.Destroy(one, []byte("two")), keys.ErrDamaged)
		if err := p.Destroy(one, []byte("one")); err != nil {
			t.Fatal(err)
		}
		_, err = p.Unwrap(one, []byte("one"))
		wantErr(t, "Unwrap after Destroy", err, keys.ErrNoKey)
		wantErr(t, "Destroy again", p.Destroy(one, []byte("one")), keys.ErrNoKey)
		if got := must(p.Unwrap(two, []byte("two")))(t); !bytes.Equal(got, secret) {
			t.Errorf("Unwrap of the other = %q", got)
		}
	})
}

// A file of a key is an attacker's as much as the disk is: nothing it says makes
// the provider open or delete what it should not.
func TestAnAlteredWrappedKeyIsRefused(t *testing.T) {
	eachVault(t, func(t *testing.T, p keys.KeyProvider) {
		one, two := must(p.Wrap(secret, []byte("one")))(t), must(p.Wrap(secret, []byte("one")))(t)
		name := func(w []byte) string {
			_, rest, _ := strings.Cut(string(w), `"key":"`)
			return rest[:strings.Index(rest, `"`)]
		}
		for what, bad := range map[string]string{
			"the key of another":    strings.Replace(string(one), name(one), name(two), 1),
			"a key of others":       strings.Replace(string(one), name(one), "payroll", 1),
			"a path":                strings.Replace(string(one), name(one), "zonebox-x/../../sys", 1),
			"a flipped bit":         strings.Replace(string(one), `vault:v1:`, `vault:v1:AAAA`, 1),
			"no ciphertext":         strings.Replace(string(one), `vault:v1:`, ``, 1),
			"another format":        strings.Replace(string(one), "zonebox-vault-1", "zonebox-vault-2", 1),
			"an unknown member":     strings.Replace(string(one), `{`, `{"x":1,`, 1),
			"nothing":               "",
			"trailing data":         string(one) + "{}",
			"the ciphertext of two": strings.Replace(string(two), name(two), name(one), 1),
		} {
			if bad == string(one) {
				t.Fatalf("%s: nothing was altered", what)
			}
			_, err := p.Unwrap([]byte(bad), []byte("one"))
			wantErr(t, "Unwrap of "+what, err, keys.ErrDamaged)
			wantErr(t, "Destroy of "+what, p.Destroy([]byte(bad), []byte("one")), keys.ErrDamaged)
		}
		for _, w := range [][]byte{one, two} {
			must(p.Unwrap(w, []byte("one")))(t)
		}
	})
}

// Neither the folder nor a copy of it opens without the server, and a copy from
// before a destruction stays closed with it.
func TestACopyOfAVaultFolderIsOfNoUse(t *testing.T) {
	for name, config := range map[string]func(t *testing.T) keys.VaultConfig{
		"as documented": func(t *testing.T) keys.VaultConfig { return keystest.NewTransit(t).Config() },
		"the program":   func(t *testing.T) keys.VaultConfig { token, _ := keystest.Server(t); return token },
	} {
		t.Run(name, func(t *testing.T) {
			p := must(keys.Vault(config(t)))(t)
			dir := filepath.Join(t.TempDir(), "keys")
			f := must(keys.Create(dir, p))(t)
			for _, z := range []string{"a", "b"} {
				if err := f.CreateZone(z); err != nil {
					t.Fatal(err)
				}
			}
			wrapped, kept := must(f.Wrap("a", []byte("dek"), nil))(t), must(f.Wrap("b", []byte("dek"), nil))(t)
			backup := filepath.Join(t.TempDir(), "backup")
			copyFolder(t, dir, backup)
			// The control: with the server the copy opens everything.
			c := must(keys.Open(backup, p))(t)
			must(c.Unwrap("a", wrapped, nil))(t)
			c.Close()

			if err := f.DestroyZone("a"); err != nil {
				t.Fatal(err)
			}
			f.Close()
			c = must(keys.Open(backup, p))(t)
			defer c.Close()
			_, err := c.Unwrap("a", wrapped, nil)
			wantErr(t, "Unwrap by a copy from before the destruction", err, keys.ErrNoKey)
			must(c.Unwrap("b", kept, nil))(t)

			other := filepath.Join(t.TempDir(), "stolen")
			copyFolder(t, dir, other)
			_, err = keys.Open(other, must(keys.Vault(keystest.NewTransit(t).Config()))(t))
			wantErr(t, "Open with another server", err, keys.ErrNoKey)
			_, err = keys.Open(other, keys.Passphrase([]byte("guess")))
			wantErr(t, "Open with a passphrase", err, keys.ErrOther)
		})
	}
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		mode := os.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
}

func TestAPassphraseFolderIsNotOpenedByVault(t *testing.T) {
	f, dir := create(t)
	f.Close()
	_, err := keys.Open(dir, must(keys.Vault(keystest.NewTransit(t).Config()))(t))
	wantErr(t, "Open", err, keys.ErrOther)
}

// Whatever the server does wrong, no key is made, opened or thought destroyed,
// and what is said of it holds neither keys nor credentials.
func TestAServerThatFailsClosesTheDoor(t *testing.T) {
	for _, c := range []struct {
		fault                 keystest.Fault
		wrap, unwrap, destroy error
	}{
		{keystest.Sealed, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Refusing, keys.ErrForbidden, keys.ErrForbidden, keys.ErrForbidden},
		{keystest.Redirecting, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Garbled, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Chatty, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Stalling, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Empty, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Exportable, keys.ErrForbidden, nil, nil},
		{keystest.Backup, keys.ErrForbidden, nil, nil},
		{keystest.OtherType, keys.ErrForbidden, nil, nil},
		{keystest.Unbound, keys.ErrAway, keys.ErrDamaged, keys.ErrDamaged},
		{keystest.OtherCiphertext, keys.ErrAway, nil, nil},
		{keystest.Undeleting, nil, nil, keys.ErrAway},
		{keystest.Unmounted, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Absent, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Misleading, keys.ErrAway, keys.ErrAway, keys.ErrAway},
		{keystest.Malformed, keys.ErrAway, keys.ErrAway, keys.ErrAway},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			s := keystest.NewTransit(t)
			s.Elsewhere = keystest.NewTransit(t)
			config := s.Config()
			config.Timeout = 300 * time.Millisecond
			p := must(keys.Vault(config))(t)
			wrapped := must(p.Wrap(secret, []byte("x")))(t)
			token := strings.TrimSpace(string(must(os.ReadFile(config.TokenFile))(t)))
			s.Set(c.fault)
			check := func(what string, got []byte, err, want error) {
				t.Helper()
				if want == nil {
					if err != nil {
						t.Errorf("%s = %v", what, err)
					}
					return
				}
				wantErr(t, what, err, want)
				if got != nil {
					t.Errorf("%s returned %q beside its error", what, got)
				}
				for _, hidden := range []string{string(secret), base64.StdEncoding.EncodeToString(secret), token} {
					if err != nil && strings.Contains(err.Error(), hidden) {
						t.Errorf("%s says %q", what, err)
					}
				}
			}
			got, err := p.Wrap(secret, []byte("y"))
			check("Wrap", got, err, c.wrap)
			got, err = p.Unwrap(wrapped, []byte("x"))
			check("Unwrap", got, err, c.unwrap)
			check("Destroy", nil, p.Destroy(wrapped, []byte("x")), c.destroy)
			if asked := s.Elsewhere.Requests(); len(asked) != 0 {
				t.Errorf("another server was asked %v", asked)
			}
		})
	}
}

// An engine that is not where it was has destroyed nothing: no file goes, and no
// key is listed as destroyed, until the server says so of the key itself.
func TestAnEngineThatIsGoneHasDestroyedNothing(t *testing.T) {
	elsewhere := func(c keys.VaultConfig) keys.VaultConfig {
		c.Mount = "elsewhere"
		return c
	}
	t.Run("as documented", func(t *testing.T) {
		c := keystest.NewTransit(t).Config()
		engineGone(t, c, elsewhere(c))
	})
	t.Run("the program", func(t *testing.T) {
		c, _ := keystest.Server(t)
		engineGone(t, c, elsewhere(c))
	})
}

func engineGone(t *testing.T, config, gone keys.VaultConfig) {
	dir := filepath.Join(t.TempDir(), "keys")
	p := &exchanged{KeyProvider: must(keys.Vault(config))(t)}
	f := must(keys.Create(dir, p))(t)
	defer f.Close()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	keys.SetNow(f, func() time.Time { return at })
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
	there := p.KeyProvider
	p.KeyProvider = must(keys.Vault(gone))(t)
	at = at.Add(time.Hour)
	_, err := f.Unwrap("a", wrapped, nil)
	wantErr(t, "Unwrap", err, keys.ErrAway)
	_, err = f.Inventory()
	wantErr(t, "Inventory", err, keys.ErrAway)
	wantErr(t, "DestroyZone", f.DestroyZone("a"), keys.ErrAway)
	if _, err := os.Lstat(filepath.Join(dir, "zones", "a.key")); err != nil {
		t.Errorf("the file of the key: %v", err)
	}
	p.KeyProvider = there
	if err := f.DestroyZone("a"); err != nil {
		t.Errorf("DestroyZone with the engine back = %v", err)
	}
}

// exchanged is a provider that a test puts another in place of.
type exchanged struct{ keys.KeyProvider }

// Keys of zones stay in memory for the lease and not longer; without the server
// nothing opens then, and all does again once it is back.
func TestAVaultThatIsAwayClosesTheFolder(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.Config()
	config.LeaseSeconds = 60
	dir := filepath.Join(t.TempDir(), "keys")
	f := must(keys.Create(dir, must(keys.Vault(config))(t)))(t)
	defer func() { f.Close() }()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	keys.SetNow(f, func() time.Time { return at })
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
	s.Set(keystest.Sealed)
	at = at.Add(59 * time.Second)
	must(f.Unwrap("a", wrapped, nil))(t)
	asked := len(s.Requests())
	at = at.Add(2 * time.Second)
	for range 2 {
		_, err := f.Unwrap("a", wrapped, nil)
		wantErr(t, "Unwrap after the lease", err, keys.ErrAway)
		_, err = f.TokenKey("a")
		wantErr(t, "TokenKey after the lease", err, keys.ErrAway)
		_, err = f.Inventory()
		wantErr(t, "Inventory", err, keys.ErrAway)
	}
	if len(s.Requests()) == asked {
		t.Error("the server was not asked again")
	}
	wantErr(t, "CreateZone", f.CreateZone("b"), keys.ErrAway)
	_, err := f.RotateZone("a")
	wantErr(t, "RotateZone", err, keys.ErrAway)
	s.Set(keystest.None)
	must(f.Unwrap("a", wrapped, nil))(t)
	if err := f.CreateZone("b"); err != nil {
		t.Errorf("CreateZone after the server is back = %v", err)
	}

	s.Set(keystest.Sealed)
	f.Close()
	_, err = keys.Open(dir, must(keys.Vault(config))(t))
	wantErr(t, "Open", err, keys.ErrAway)
	s.Set(keystest.None)
	f = must(keys.Open(dir, must(keys.Vault(config))(t)))(t)

	// A destruction that the server does not carry out leaves a version that is
	// dead here and says that it is not done.
	must(f.RotateZone("a"))(t)
	s.Set(keystest.Refusing)
	wantErr(t, "DestroyZoneVersion", f.DestroyZoneVersion("a", 1), keys.ErrForbidden)
	s.Set(keystest.None)
	_, err = f.Unwrap("a", wrapped, nil)
	wantErr(t, "Unwrap of what it wrapped", err, keys.ErrDamaged)
	if e := entryOf(t, &house{Folder: f}, keys.PurposeZoneData, "a", 1); e.State != keys.StateUnfinished {
		t.Errorf("state = %s, want %s", e.State, keys.StateUnfinished)
	}
	before := len(s.Keys())
	if err := f.DestroyZoneVersion("a", 1); err != nil {
		t.Fatal(err)
	}
	if len(s.Keys()) != before-1 {
		t.Errorf("the server has %d keys, want %d", len(s.Keys()), before-1)
	}
}

func TestTheTokenOfARoleIsFetchedAgainWhenItEnds(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.AppRole()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	config.Now = func() time.Time { return at }
	p := must(keys.Vault(config))(t)
	wrapped := must(p.Wrap(secret, nil))(t)
	logins := func() (n int) {
		for _, r := range s.Requests() {
			if strings.HasSuffix(r, "/login") {
				n++
			}
		}
		return n
	}
	if logins() != 1 {
		t.Errorf("logged in %d times, want once", logins())
	}
	s.Revoke()
	must(p.Unwrap(wrapped, nil))(t)
	if logins() != 2 {
		t.Errorf("after a revocation logged in %d times, want 2", logins())
	}
	at = at.Add(19 * time.Minute)
	must(p.Unwrap(wrapped, nil))(t)
	if logins() != 3 {
		t.Errorf("near the end of the lease logged in %d times, want 3", logins())
	}
	if err := os.WriteFile(config.SecretIDFile, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Revoke()
	_, err := p.Unwrap(wrapped, nil)
	wantErr(t, "Unwrap with a wrong secret id", err, keys.ErrForbidden)
}

func TestCredentialsComeFromAPrivateFileOrTheEnvironment(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.Config()
	wrapped := must(must(keys.Vault(config))(t).Wrap(secret, nil))(t)

	os.Chmod(config.TokenFile, 0o640)
	_, err := must(keys.Vault(config))(t).Unwrap(wrapped, nil)
	wantErr(t, "a token others can read", err, keys.ErrPermission)

	config.TokenFile = ""
	_, err = must(keys.Vault(config))(t).Unwrap(wrapped, nil)
	wantErr(t, "no token", err, keys.ErrForbidden)
	config.Getenv = func(name string) string { return map[string]string{"VAULT_TOKEN": s.Grant()}[name] }
	must(must(keys.Vault(config))(t).Unwrap(wrapped, nil))(t)
	config.Getenv = func(name string) string {
		return map[string]string{"VAULT_ROLE_ID": keystest.RoleID, "VAULT_SECRET_ID": keystest.SecretID}[name]
	}
	must(must(keys.Vault(config))(t).Unwrap(wrapped, nil))(t)
	config.Getenv = func(string) string { return "hvs.wrong" }
	_, err = must(keys.Vault(config))(t).Unwrap(wrapped, nil)
	wantErr(t, "a wrong role", err, keys.ErrForbidden)
}

// Credentials that are not to be had, as while an agent renews them, mean that the
// server was not asked: no key has ended.
func TestCredentialsThatAreGoneEndNoKey(t *testing.T) {
	for name, c := range map[string]struct {
		config func(*keystest.Transit) keys.VaultConfig
		file   func(keys.VaultConfig) string
	}{
		"token":     {(*keystest.Transit).Config, func(c keys.VaultConfig) string { return c.TokenFile }},
		"role id":   {(*keystest.Transit).AppRole, func(c keys.VaultConfig) string { return c.RoleIDFile }},
		"secret id": {(*keystest.Transit).AppRole, func(c keys.VaultConfig) string { return c.SecretIDFile }},
	} {
		s := keystest.NewTransit(t)
		config := c.config(s)
		dir := filepath.Join(t.TempDir(), "keys")
		f := must(keys.Create(dir, must(keys.Vault(config))(t)))(t)
		if err := f.CreateZone("a"); err != nil {
			t.Fatal(err)
		}
		wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
		at := time.Now().Add(time.Hour)
		keys.SetNow(f, func() time.Time { return at })
		s.Revoke()
		text := must(os.ReadFile(c.file(config)))(t)
		for what, spoil := range map[string]func() error{
			"gone":           func() error { return os.Remove(c.file(config)) },
			"open to others": func() error { return os.Chmod(c.file(config), 0o644) },
			"empty":          func() error { return os.WriteFile(c.file(config), nil, 0o600) },
		} {
			os.Chmod(c.file(config), 0o600)
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			_, err := f.Unwrap("a", wrapped, nil)
			wantErr(t, name+" "+what+": Unwrap", err, keys.ErrForbidden)
			_, err = f.Inventory()
			wantErr(t, name+" "+what+": Inventory", err, keys.ErrForbidden)
			if _, err := os.Stat(filepath.Join(dir, "zones", "a.key")); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(c.file(config), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(c.file(config)); err != nil {
			t.Fatal(err)
		}
		wantErr(t, name+": DestroyZone", f.DestroyZone("a"), keys.ErrForbidden)
		if n := len(s.Keys()); n != 2 {
			t.Errorf("%s: the server has %d keys, want 2", name, n)
		}
		if _, err := os.Stat(filepath.Join(dir, "zones", "a.key")); err != nil {
			t.Errorf("%s: DestroyZone without credentials: %v", name, err)
		}
		f.Close()
	}
}

// The certificate of the server is verified, and nothing secret goes over a line
// that others share.
func TestVaultIsTrustedByItsCertificateOnly(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.Config()
	config.CAFile = ""
	_, err := must(keys.Vault(config))(t).Wrap(secret, nil)
	wantErr(t, "a certificate of nobody", err, keys.ErrAway)
	if asked := s.Requests(); len(asked) != 0 {
		t.Errorf("the server was asked %v", asked)
	}
	for _, address := range []string{"http://vault.example:8200", "http://10.0.0.1:8200", "http://localhost:8200", "ftp://127.0.0.1", "127.0.0.1:8200",
		"https://user:pass@vault.example", "https://vault.example/x", "https://vault.example?x=1", "", "https://"} {
		if _, err := keys.Vault(keys.VaultConfig{Address: address}); err == nil {
			t.Errorf("Vault(%q) was accepted", address)
		}
	}
	for _, address := range []string{"https://vault.example:8200", "https://vault.example/", "http://127.0.0.1:8200", "http://[::1]:8200"} {
		if _, err := keys.Vault(keys.VaultConfig{Address: address}); err != nil {
			t.Errorf("Vault(%q) = %v", address, err)
		}
	}
	for _, bad := range []keys.VaultConfig{{Mount: "../sys"}, {Mount: "a//b"}, {Prefix: "a/b"}, {AppRole: "x?"}, {LeaseSeconds: -1}, {LeaseSeconds: 86401}, {CAFile: filepath.Join(t.TempDir(), "none")}} {
		bad.Address = "https://vault.example"
		if _, err := keys.Vault(bad); err == nil {
			t.Errorf("Vault(%+v) was accepted", bad)
		}
	}
}

func TestTheNamespaceIsAsked(t *testing.T) {
	s := keystest.NewTransit(t)
	s.Namespace = "nanjing/zonebox"
	config := s.Config()
	_, err := must(keys.Vault(config))(t).Wrap(secret, nil)
	wantErr(t, "Wrap in another namespace", err, keys.ErrAway)
	config.Namespace = s.Namespace
	p := must(keys.Vault(config))(t)
	must(p.Unwrap(must(p.Wrap(secret, nil))(t), nil))(t)
}

// Nothing older than TLS 1.2 carries a token.
func TestAnOldTLSIsRefused(t *testing.T) {
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") }))
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: old.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	config := keystest.NewTransit(t).Config()
	config.Address, config.CAFile = old.URL, ca
	_, err := must(keys.Vault(config))(t).Wrap(secret, nil)
	wantErr(t, "Wrap", err, keys.ErrAway)
}

// The folder under a server holds what it always held, wrapped; nothing in it is
// the plain form of a key.
func TestTheServerIsAskedForTheRootAndForEachVersion(t *testing.T) {
	s := keystest.NewTransit(t)
	f := must(keys.Create(filepath.Join(t.TempDir(), "keys"), must(keys.Vault(s.Config()))(t)))(t)
	defer f.Close()
	if n := len(s.Keys()); n != 1 {
		t.Errorf("a new folder has %d keys on the server, want 1", n)
	}
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	must(f.RotateZone("a"))(t)
	if n := len(s.Keys()); n != 3 {
		t.Errorf("two versions and the root have %d keys on the server, want 3", n)
	}
	if err := f.DestroyZone("a"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Keys()); n != 1 {
		t.Errorf("after the destruction the server has %d keys, want 1", n)
	}
	for _, r := range s.Requests() {
		if !slices.ContainsFunc([]string{"/v1/transit/keys/zonebox-", "/v1/transit/encrypt/zonebox-", "/v1/transit/decrypt/zonebox-"},
			func(p string) bool { return strings.Contains(r, p) }) {
			t.Errorf("asked %s, outside the policy of the documentation", r)
		}
	}
	if errors.Is(f.DestroyZone("a"), keys.ErrAway) {
		t.Error("a destroyed zone asks the server")
	}
}

// interrupting is a provider whose keys are separate, and that does something
// while it is asked.
type interrupting struct {
	keys.KeyProvider
	meanwhile func()
}

func (p *interrupting) Unwrap(wrapped, aad []byte) ([]byte, error) {
	secret, err := p.KeyProvider.Unwrap(wrapped, aad)
	if p.meanwhile != nil {
		do := p.meanwhile
		p.meanwhile = nil
		do()
	}
	return secret, err
}

// A key that is destroyed while it is on its way from the provider is not kept.
func TestAKeyThatIsDestroyedWhileItIsReadIsGone(t *testing.T) {
	p := &interrupting{KeyProvider: must(keys.Vault(keystest.NewTransit(t).Config()))(t)}
	dir := filepath.Join(t.TempDir(), "keys")
	f := must(keys.Create(dir, p))(t)
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	wrapped := must(f.Wrap("a", []byte("dek"), nil))(t)
	f.Close()
	f = must(keys.Open(dir, p))(t)
	defer f.Close()
	p.meanwhile = func() {
		if err := f.DestroyZone("a"); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		_, err := f.Unwrap("a", wrapped, nil)
		wantErr(t, "Unwrap", err, keys.ErrNoKey)
	}
}
