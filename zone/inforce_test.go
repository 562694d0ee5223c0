package zone_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"zonebox/zone"
)

// While keys are wrapped anew a version has manifests that the gate signed, each
// under its own digest. None of them passes under the digest of another, and no other
// file passes for one.
func TestNoManifestStandsInForTheOneInForce(t *testing.T) {
	dir, v := t.TempDir(), &versioned{newest: 1, gone: map[byte]bool{}}
	s := openVersioned(t, dir, v)
	info := load(t, s, spec, visits)
	v.newest = 2
	r, err := s.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest, "cost")
	if err != nil {
		t.Fatal(err)
	}
	file := func(digest string) string { return filepath.Join(versionDir(dir, info.Version), "manifest-"+digest) }
	old, err := os.ReadFile(file(info.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	var found *zone.IntegrityError
	verify := func() error { return s.Verify(info.Zone, info.Dataset, info.Version, r.Manifest) }
	if err := verify(); err != nil {
		t.Fatalf("control: %v", err)
	}
	unsigned := append([]byte{}, old...)
	unsigned[len(unsigned)-1] ^= 1
	other := file("0000000000000000000000000000000000000000000000000000000000000000")
	for what, data := range map[string][]byte{"a signed manifest under another digest": old, "no manifest": []byte("x")} {
		mustWrite(t, other, data)
		if err := verify(); !errors.As(err, &found) {
			t.Errorf("Verify beside %s = %v, want an IntegrityError", what, err)
		}
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, file(info.Manifest), unsigned)
	if err := verify(); !errors.As(err, &found) {
		t.Errorf("Verify beside an unsigned manifest = %v, want an IntegrityError", err)
	}
	mustWrite(t, file(r.Manifest), old)
	p := projection(info, zone.Project{Name: "cost"})
	p.Manifest = r.Manifest
	if got, err := read(t, s, p); !errors.As(err, &found) || got != "" {
		t.Errorf("the column by the old manifest under the new digest = %q, %v, want an IntegrityError", got, err)
	}
}

// A base of which a column was shredded is no base: the rows of the new version would
// lack what the entry promises.
func TestAShreddedVersionIsNoBase(t *testing.T) {
	dir, v := t.TempDir(), &versioned{newest: 1, gone: map[byte]bool{}}
	s := openVersioned(t, dir, v)
	info := load(t, s, spec, visits)
	r, err := s.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest, "cost")
	if err != nil {
		t.Fatal(err)
	}
	on := spec
	on.Base = &zone.Base{Version: info.Version, Manifest: r.Manifest}
	if l, err := s.Begin(on); !errors.Is(err, zone.ErrBase) {
		t.Errorf("Begin = %v, want ErrBase", errors.Join(err, abort(l)))
	}
}

func abort(l *zone.Load) error {
	if l == nil {
		return nil
	}
	return l.Abort()
}
