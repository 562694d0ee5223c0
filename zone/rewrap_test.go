package zone_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

// versioned is a Wrapper whose zone keys have versions, which can be destroyed.
type versioned struct {
	newest byte
	gone   map[byte]bool
}

func (v *versioned) aead(zone string, version byte) cipher.AEAD {
	key := sha256.Sum256(fmt.Appendf(nil, "zone key %d of %s", version, zone))
	block, _ := aes.NewCipher(key[:])
	aead, _ := cipher.NewGCM(block)
	return aead
}

func (v *versioned) Wrap(zone string, dek, aad []byte) ([]byte, error) {
	return v.aead(zone, v.newest).Seal([]byte{v.newest}, make([]byte, 12), dek, aad), nil
}

func (v *versioned) Unwrap(zone string, wrapped, aad []byte) ([]byte, error) {
	if v.gone[wrapped[0]] {
		return nil, errors.New("destroyed")
	}
	return v.aead(zone, wrapped[0]).Open(nil, make([]byte, 12), wrapped[1:], aad)
}

func openVersioned(t *testing.T, dir string, v *versioned) *zone.Store {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	s, err := zone.New(zone.Config{Dir: dir, Wrapper: v, Signer: newSigner("gate"), Allocator: alloc, SegmentRows: 3})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// everything reads all columns of a version, entity codes too.
func everything(info zone.Info) zone.Projection {
	p := projection(info, all(spec)...)
	p.Entity = true
	return p
}

func without(columns []zone.Project, name string) []zone.Project {
	return slices.DeleteFunc(columns, func(c zone.Project) bool { return c.Name == name })
}

// Keys are wrapped anew in a manifest beside the old one: both read, no chunk is
// touched, and once the old key is destroyed the new one alone does.
func TestRewrappingTouchesNoChunk(t *testing.T) {
	for _, suite := range zone.Suites() {
		t.Run(string(suite), func(t *testing.T) {
			dir, v := t.TempDir(), &versioned{newest: 1, gone: map[byte]bool{}}
			s := openVersioned(t, dir, v)
			of := spec
			of.Suite = suite
			info := load(t, s, of, visits)
			whole, before := mustRead(t, s, everything(info)), chunksOf(t, versionDir(dir, info.Version))

			v.newest = 2
			r, err := s.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest)
			if err != nil || r.Manifest == info.Manifest || len(r.Shredded) != 0 || len(r.Keys) != 10 {
				t.Fatalf("Rewrap = %+v, %v, want another manifest with nine columns' keys and its own", r, err)
			}
			if after := chunksOf(t, versionDir(dir, info.Version)); after != before {
				t.Errorf("chunks changed:\n%s\nwere\n%s", after, before)
			}
			again := info
			again.Manifest = r.Manifest
			for name, i := range map[string]zone.Info{"old": info, "new": again} {
				if got := mustRead(t, s, everything(i)); got != whole {
					t.Errorf("the %s manifest reads differently", name)
				}
				if err := s.Verify(i.Zone, i.Dataset, i.Version, i.Manifest); err != nil {
					t.Errorf("the %s manifest: %v", name, err)
				}
			}
			v.gone[1] = true
			if got, err := read(t, s, everything(info)); !errors.Is(err, zone.ErrKey) || got != "" {
				t.Errorf("the old manifest under a destroyed key = %q, %v, want ErrKey", got, err)
			}
			if err := s.PruneManifests(info.Zone, info.Dataset, info.Version, r.Manifest); err != nil {
				t.Fatal(err)
			}
			if got := namesIn(t, versionDir(dir, info.Version)); len(got) != 28 || !slices.Contains(got, "manifest-"+r.Manifest) {
				t.Errorf("after pruning the version has %v", got)
			}
			if got := mustRead(t, s, everything(again)); got != whole {
				t.Error("after the old key was destroyed the version reads differently")
			}
			if err := s.Verify(info.Zone, info.Dataset, info.Version, r.Manifest); err != nil {
				t.Error(err)
			}
		})
	}
}

// chunksOf lists the chunk files of a folder with digests and times.
func chunksOf(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	for _, name := range namesIn(t, dir) {
		if !strings.HasPrefix(name, "c") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		info, err2 := os.Stat(filepath.Join(dir, name))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		fmt.Fprintf(&out, "%s %x %d\n", name, sha256.Sum256(data), info.ModTime().UnixNano())
	}
	return out.String()
}

// A column whose key was left out is read by nobody: not its values, bounds or
// figures, by the new manifest at once and by the old one when its key is gone.
// The other columns and the entity codes stay.
func TestAShreddedColumnIsGone(t *testing.T) {
	for _, shred := range []string{"cost", "id_number"} {
		t.Run(shred, func(t *testing.T) {
			dir, v := t.TempDir(), &versioned{newest: 1, gone: map[byte]bool{}}
			s := openVersioned(t, dir, v)
			info := load(t, s, spec, visits)
			rest := everything(info)
			rest.Columns = without(all(spec), shred)
			whole := mustRead(t, s, rest)
			v.newest = 2
			r, err := s.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest, shred)
			if err != nil || !slices.Equal(r.Shredded, []string{shred}) || len(r.Keys) != 9 {
				t.Fatalf("Rewrap = %+v, %v", r, err)
			}
			v.gone[1] = true
			after := info
			after.Manifest = r.Manifest
			rest.Manifest = r.Manifest
			for round := range 2 {
				if got := mustRead(t, s, rest); got != whole {
					t.Errorf("the rest reads\n%s\nwant\n%s", got, whole)
				}
				one := projection(after, zone.Project{Name: shred})
				scoped := projection(after, zone.Project{Name: "district"})
				scoped.Scope = []zone.Condition{{Column: shred, In: []string{"1"}}}
				byEntity := projection(after, zone.Project{Name: "visits", Recipe: &masking.Recipe{Kind: "noise", Spread: 3}})
				byEntity.Keys.Scope = "license person"
				for what, p := range map[string]zone.Projection{"the column": one, "a scope on it": scoped, "a mask by it": byEntity} {
					if what == "a mask by it" && shred != "id_number" {
						continue
					}
					if got, err := read(t, s, p); !errors.Is(err, zone.ErrShredded) || got != "" {
						t.Errorf("%s = %q, %v, want ErrShredded", what, got, err)
					}
				}
				stats, err := s.Stats(info.Zone, info.Dataset, info.Version, r.Manifest)
				if _, ok := stats.Column(shred); err != nil || ok || len(stats.Columns) != 7 || stats.Rows != 8 {
					t.Errorf("figures = %+v, %v, want those of seven columns", stats, err)
				}
				if got, err := s.Shredded(info.Zone, info.Dataset, info.Version, r.Manifest); err != nil || !slices.Equal(got, []string{shred}) {
					t.Errorf("Shredded = %v, %v", got, err)
				}
				if err := s.Verify(info.Zone, info.Dataset, info.Version, r.Manifest); err != nil {
					t.Errorf("Verify: %v", err)
				}
				if round > 0 {
					break
				}
				if err := s.PruneManifests(info.Zone, info.Dataset, info.Version, r.Manifest); err != nil {
					t.Fatal(err)
				}
				if got := namesIn(t, versionDir(dir, info.Version)); len(got) != 28-3 {
					t.Errorf("after pruning the version has %v, want no chunk of %s", got, shred)
				}
			}
			if _, err := s.Rewrap(info.Zone, info.Dataset, info.Version, r.Manifest, "__entity"); !errors.Is(err, zone.ErrNotFound) {
				t.Errorf("shredding the codes alone = %v, want ErrNotFound", err)
			}
			again, err := s.Rewrap(info.Zone, info.Dataset, info.Version, r.Manifest, shred)
			if err != nil || !slices.Equal(again.Shredded, r.Shredded) {
				t.Errorf("once more = %+v, %v", again, err)
			}
		})
	}
}

// testdata/first was written before manifests had digests in their names.
func TestVersionsOfTheFirstFormStayReadable(t *testing.T) {
	text, err := os.ReadFile("testdata/first.txt")
	if err != nil {
		t.Fatal(err)
	}
	version, rest, _ := strings.Cut(string(text), "\n")
	manifest, whole, _ := strings.Cut(rest, "\n")
	info := zone.Info{Zone: "health", Dataset: "city.Visits", Version: version, Manifest: manifest}
	reads := func(s *zone.Store, info zone.Info) {
		t.Helper()
		if got := mustRead(t, s, everything(info)); got != whole {
			t.Errorf("reads\n%s\nwant\n%s", got, whole)
		}
		if err := s.Verify(info.Zone, info.Dataset, info.Version, info.Manifest); err != nil {
			t.Error(err)
		}
		if stats, err := s.Stats(info.Zone, info.Dataset, info.Version, info.Manifest); err != nil || len(stats.Columns) != 8 || stats.Entities != 4 {
			t.Errorf("figures = %+v, %v", stats, err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/first")); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	reads(s, info)
	r, err := s.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	reads(s, info)
	again := info
	again.Manifest = r.Manifest
	reads(s, again)
	if err := s.PruneManifests(info.Zone, info.Dataset, info.Version, r.Manifest); err != nil {
		t.Fatal(err)
	}
	reads(s, again)
	if _, err := os.Stat(filepath.Join(versionDir(dir, version), "manifest")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the manifest of the first form is still there: %v", err)
	}

	// The key of a manifest of the first form opens what that one tells of values:
	// it does not live on where some of them are shredded.
	wrapped, err := s.WrappedKeys(info.Zone, info.Dataset, info.Version, r.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS("testdata/first")); err != nil {
		t.Fatal(err)
	}
	first := open(t, old)
	shredded, err := first.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest, "cost")
	if err != nil {
		t.Fatal(err)
	}
	key := func(w zone.WrappedKey) string {
		dek, err := keys{}.Unwrap("health", w.Key, w.Binding)
		if err != nil {
			t.Fatal(err)
		}
		return string(dek)
	}
	if key(wrapped[0]) == key(shredded.Keys[0]) {
		t.Error("the key that opens the bounds of a shredded column lives on")
	}
}
