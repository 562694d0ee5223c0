package zone

import "testing"

// What a manifest says of a shredded column is its name and type: no key, however
// wrapped, and nothing of its values, however encrypted.
func TestAManifestHoldsNothingOfAShreddedColumn(t *testing.T) {
	s, err := Open(t.TempDir(), plainKeys{}, plainKeys{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := loadShaped(t, s, baseSpec, compareRows(20, func(int) string { return `{"id":"x","cost":"1.50"}` }))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Rewrap(info.Zone, info.Dataset, info.Version, info.Manifest, "cost")
	if err != nil {
		t.Fatal(err)
	}
	for digest, shredded := range map[string]bool{info.Manifest: false, r.Manifest: true} {
		m, err := s.manifest(info.Zone, info.Dataset, info.Version, digest)
		if err != nil {
			t.Fatal(err)
		}
		c := m.Columns[m.column("cost")]
		if got := c.Shredded && c.Key == nil && c.Detail == nil && c.Chunks == nil; got != shredded {
			t.Errorf("shredded %v: %+v", shredded, c)
		}
	}
}
