package query

import (
	"os"
	"path/filepath"
	"testing"
)

// A copy of the domain folder carries no keys, whichever way their folder is
// named.
func TestTheKeyFolderIsOutsideTheDomain(t *testing.T) {
	dir := t.TempDir()
	domain, link := filepath.Join(dir, "domain"), filepath.Join(dir, "link")
	if err := os.MkdirAll(filepath.Join(domain, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(domain, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(domain, "to-come"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, c := range []struct {
		domain, keys string
		outside      bool
	}{
		{domain, domain + ".keys", true},
		{domain, filepath.Join(dir, "keys"), true},
		{"domain", "keys", true},
		{"domain", "domain-keys/x", true},
		{link, filepath.Join(dir, "keys"), true},
		{"to/come", "to/come.keys", true},
		{domain, domain, false},
		{domain, filepath.Join(domain, "keys"), false},
		{domain, filepath.Join(domain, "..keys"), false},
		{"domain", "domain/../domain/deep/keys", false},
		{domain, filepath.Join(link, "keys"), false},
		{domain, filepath.Join(link, "deep", "not", "yet"), false},
		{link, filepath.Join(domain, "keys"), false},
		{domain, filepath.Join(dir, "dangling"), false},
		{"to/come", "to/come/keys", false},
	} {
		if err := keysOutside(Config{Domain: c.domain, Keys: c.keys}); (err == nil) != c.outside {
			t.Errorf("keys %s of domain %s: %v", c.keys, c.domain, err)
		}
	}
}
