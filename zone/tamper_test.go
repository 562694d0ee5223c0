package zone_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/zone"
)

// versionDir is the folder of a version of the dataset city.Visits in health.
func versionDir(dir, version string) string {
	return filepath.Join(dir, "health", "city%2e%56isits", version)
}

// A differing byte anywhere in a version is found and named by the projection
// that reads the file, which gives no row of that segment, and by Verify.
func TestAFlippedByteIsFoundAndNamed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	info := load(t, s, spec, visits)
	p := projection(info, all(spec)...)
	p.Entity = true
	whole := mustRead(t, s, p)

	files, err := os.ReadDir(versionDir(dir, info.Version))
	if err != nil || len(files) != 9*3+1 {
		t.Fatalf("files = %d, %v, want 9 columns of 3 segments and the manifest", len(files), err)
	}
	for _, f := range files {
		path := filepath.Join(versionDir(dir, info.Version), f.Name())
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		stride := 1
		if !strings.HasPrefix(f.Name(), "manifest-") {
			stride = 41 // chunks of some hundred bytes: AEAD and digest treat all alike
		}
		for at := 0; at < len(good); at += stride {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			mustWrite(t, path, bad)
			expectIntegrity(t, s, info, p, whole, f.Name())
		}
		for why, bad := range map[string][]byte{
			"cut": good[:len(good)-1], "empty": nil, "longer": append(bytes.Clone(good), 0),
		} {
			mustWrite(t, path, bad)
			t.Log(f.Name(), why)
			expectIntegrity(t, s, info, p, whole, f.Name())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expectIntegrity(t, s, info, p, whole, f.Name())
		mustWrite(t, path, good)
	}
	if got := mustRead(t, s, p); got != whole {
		t.Error("control: the restored version reads differently")
	}
}

func mustWrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func expectIntegrity(t *testing.T, s *zone.Store, info zone.Info, p zone.Projection, whole, file string) {
	t.Helper()
	want := zone.IntegrityError{Zone: "health", Dataset: "city.Visits", Version: info.Version, File: file}
	got, err := read(t, s, p)
	var found *zone.IntegrityError
	if !errors.As(err, &found) || *found != want {
		t.Fatalf("Project = %v, want %v", err, &want)
	}
	if !strings.HasPrefix(whole, got) || strings.Count(got, "\n")%3 != 0 {
		t.Fatalf("%s: Project gave rows of the damaged segment: %s", file, got)
	}
	if err := s.Verify(info.Zone, info.Dataset, info.Version, info.Manifest); !errors.As(err, &found) || *found != want {
		t.Fatalf("Verify = %v, want %v", err, &want)
	}
	if strings.HasPrefix(file, "manifest-") {
		if _, err := s.Stats(info.Zone, info.Dataset, info.Version, info.Manifest); !errors.As(err, &found) || *found != want {
			t.Fatalf("Stats = %v, want %v", err, &want)
		}
	}
}

func TestFilesThatChangedPlacesAreFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := load(t, s, spec, visits), load(t, s, spec, visits)
	p := projection(a, all(spec)...)
	p.Entity = true
	whole := mustRead(t, s, p)
	for _, c := range []struct{ from, to string }{
		{filepath.Join(versionDir(dir, b.Version), "c000-s00000"), "c000-s00000"},                     // same content, other version
		{filepath.Join(versionDir(dir, a.Version), "c000-s00001"), "c000-s00000"},                     // other segment
		{filepath.Join(versionDir(dir, a.Version), "c001-s00000"), "c000-s00000"},                     // other column
		{filepath.Join(versionDir(dir, b.Version), "manifest-"+b.Manifest), "manifest-" + a.Manifest}, // signed, but another version's
	} {
		path := filepath.Join(versionDir(dir, a.Version), c.to)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(c.from)
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, path, other)
		expectIntegrity(t, s, a, p, whole, c.to)
		mustWrite(t, path, good)
	}

	mustWrite(t, filepath.Join(versionDir(dir, a.Version), "stray"), []byte("x"))
	var found *zone.IntegrityError
	if err := s.Verify(a.Zone, a.Dataset, a.Version, a.Manifest); !errors.As(err, &found) || found.File != "stray" {
		t.Errorf("Verify with a file too many = %v", err)
	}
}

// A whole version of the same names, signed by the same gate, is not the one
// the registry means.
func TestAManifestMustBeTheOneTheRegistryHolds(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	other := load(t, s, spec, visits)
	for _, digest := range []string{"", other.Manifest, strings.ToUpper(info.Manifest), info.Manifest[:63]} {
		p := projection(info, zone.Project{Name: "cost"})
		p.Manifest = digest
		var found *zone.IntegrityError
		if got, err := read(t, s, p); !errors.As(err, &found) || got != "" {
			t.Errorf("Project with digest %q = %q, %v, want an IntegrityError", digest, got, err)
		}
		if err := s.Verify(info.Zone, info.Dataset, info.Version, digest); !errors.As(err, &found) {
			t.Errorf("Verify with digest %q = %v, want an IntegrityError", digest, err)
		}
	}
}

func TestAManifestNeedsTheGatesSignature(t *testing.T) {
	dir := t.TempDir()
	foreign, err := zone.New(zone.Config{Dir: dir, Wrapper: keys{}, Signer: newSigner("another gate")})
	if err != nil {
		t.Fatal(err)
	}
	info := load(t, foreign, spec, visits)
	if _, err := read(t, foreign, projection(info, zone.Project{Name: "cost"})); err != nil {
		t.Fatalf("control: the signing gate reads its own version: %v", err)
	}
	var found *zone.IntegrityError
	if _, err := read(t, open(t, dir), projection(info, zone.Project{Name: "cost"})); !errors.As(err, &found) {
		t.Errorf("Project of a version signed by another = %v, want an IntegrityError", err)
	}
}

func TestWithoutTheZoneKeyThereAreNoRows(t *testing.T) {
	dir := t.TempDir()
	info := load(t, open(t, dir), spec, visits)
	blocked, err := zone.Open(dir, shredded{}, newSigner("gate"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, blocked, projection(info, zone.Project{Name: "cost"})); !errors.Is(err, zone.ErrKey) || got != "" {
		t.Errorf("Project with the zone key gone = %q, %v, want ErrKey", got, err)
	}
	if _, err := blocked.Begin(spec); !errors.Is(err, zone.ErrKey) {
		t.Errorf("Begin with the zone key gone = %v, want ErrKey", err)
	}
}

type shredded struct{}

var errShredded = errors.New("zone key is destroyed")

func (shredded) Wrap(string, []byte, []byte) ([]byte, error)   { return nil, errShredded }
func (shredded) Unwrap(string, []byte, []byte) ([]byte, error) { return nil, errShredded }

// No value, bound, statistic or column name lies in the clear in any file or
// file name, committed or left by a load that was cut off.
func TestNothingOfADatasetIsOnDiskInTheClear(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	load(t, s, spec, visits)
	unfinished, err := s.Begin(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := unfinished.Append(rows(t, spec, visits)); err != nil { // writes two of three segments
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unfinished.Abort() })

	secrets := []string{"320106197001010005", "320106", "110101", "id_number", "district", "visit_date", "__entity", "float64", "ARROW", "entropy"}
	if found := grep(t, dir, secrets); len(found) > 0 {
		t.Errorf("in the clear: %v", found)
	}
	planted := filepath.Join(dir, ".tmp", "planted")
	for name, content := range map[string][]byte{
		"text":   []byte("x320106197001010005x"),
		"base64": []byte(base64.StdEncoding.EncodeToString([]byte("320106197001010005"))),
		"hex":    []byte(hex.EncodeToString([]byte("320106197001010005"))),
	} {
		mustWrite(t, planted, content)
		if found := grep(t, dir, secrets); len(found) == 0 {
			t.Errorf("control: a value planted as %s is not found", name)
		}
	}
	if err := os.Rename(planted, planted+"-district"); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, planted+"-district", nil)
	if found := grep(t, dir, secrets); len(found) == 0 {
		t.Error("control: a column name planted as file name is not found")
	}
}

// grep lists where any secret appears in a file or a name, also encoded.
func grep(t *testing.T, dir string, secrets []string) []string {
	t.Helper()
	var found []string
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		content := []byte(rel)
		if !d.IsDir() {
			files++
			file, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = append(append(content, 0), file...)
		}
		for _, s := range secrets {
			for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s))} {
				if bytes.Contains(content, []byte(form)) {
					found = append(found, rel+": "+s)
				}
			}
		}
		return nil
	})
	if err != nil || files < 9*5 {
		t.Fatalf("searched %d files, %v", files, err)
	}
	return found
}
