package keys_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

func entryOf(t *testing.T, h *house, purpose, zone string, version int) keys.Entry {
	t.Helper()
	all := must(h.Inventory())(t)
	i := slices.IndexFunc(all, func(e keys.Entry) bool { return e.Purpose == purpose && e.Zone == zone && e.Version == version })
	if i < 0 {
		t.Fatalf("no entry %s %s %d among %v", purpose, zone, version, all)
	}
	return all[i]
}

func TestTheInventoryListsEveryKeyAndItsState(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		keys.SetNow(h.Folder, func() time.Time { return at })
		h.create(t, "医疗", "b")
		at = at.Add(24 * time.Hour)
		must(h.RotateZone("医疗"))(t)
		at = at.Add(24 * time.Hour)
		must(h.RotateTokens("医疗"))(t)
		if err := h.DestroyZoneVersion("医疗", 1); err != nil {
			t.Fatal(err)
		}
		saved(h.NewHold("run-1"))(t)
		saved(h.NewHold("run-2"))(t)
		saved(h.NewHold("run-3"))(t)
		block(t, h.Folder, at, "run-3")

		by := "root"
		if h.provider.Describe().Separate {
			by = "provider"
		}
		var got []string
		for _, e := range must(h.Inventory())(t) {
			line := fmt.Sprintf("%s %s %d %s %s by %s x%d", e.Purpose, e.Zone, e.Version, e.State, e.Algorithm, e.WrappedBy, e.Count)
			if e.Zone != "" && e.State != keys.StateDestroyed {
				line += " " + e.Created.Format("01-02")
			}
			if e.Certificate != "" {
				t.Errorf("%s claims certificate %s", line, e.Certificate)
			}
			if e.Created.IsZero() || e.State == keys.StateDestroyed != !e.Destroyed.IsZero() {
				t.Errorf("%s: created %v, destroyed %v", line, e.Created, e.Destroyed)
			}
			got = append(got, line)
		}
		want := []string{
			"root  1 current AES-256-GCM by provider x1",
			"registry  1 current AES-256-GCM by root x1",
			"release-tokens  1 current HKDF-SHA256 by root x1",
			"release-sign  1 current Ed25519, SM2 by root x1",
			"audit-sign  1 current Ed25519 by root x1",
			"zone-data b 1 current AES-256-GCM, SM4-GCM by " + by + " x1 11-22",
			"zone-tokens b 1 current HKDF-SHA256, SM3-KDF by " + by + " x1 11-22",
			"zone-data 医疗 3 current AES-256-GCM, SM4-GCM by " + by + " x1 11-24",
			"zone-data 医疗 2 earlier AES-256-GCM, SM4-GCM by " + by + " x1 11-23",
			"zone-data 医疗 1 destroyed AES-256-GCM by " + by + " x1",
			"zone-tokens 医疗 2 current HKDF-SHA256, SM3-KDF by " + by + " x1 11-24",
			"zone-tokens 医疗 1 earlier HKDF-SHA256, SM3-KDF by " + by + " x1 11-23",
			"hold  1 current AES-256-GCM by root x2",
			"hold  1 blocked AES-256-GCM by root x1",
		}
		if !slices.Equal(got, want) {
			t.Errorf("inventory:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if d := h.Provider(); d.Certificate != "" || d.Kind == "" || d.Place == "" || d.Algorithm == "" {
			t.Errorf("provider = %+v", d)
		}
	})
}

// A key that ended on the server alone is listed as destroyed, with the date of
// its file, and keeps no other from being listed.
func TestTheInventoryListsWhatTheServerEnded(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.Config()
	config.LeaseSeconds = 60
	f := must(keys.Create(filepath.Join(t.TempDir(), "keys"), must(keys.Vault(config))(t)))(t)
	defer f.Close()
	at := time.Now()
	keys.SetNow(f, func() time.Time { return at })
	root := s.Keys()[0]
	for _, zone := range []string{"a", "b"} {
		if err := f.CreateZone(zone); err != nil {
			t.Fatal(err)
		}
	}
	must(f.RotateZone("a"))(t)
	var states []string
	for ended := range 3 {
		states = states[:0]
		for _, e := range must(f.Inventory())(t) {
			if e.Zone == "" {
				continue
			}
			states = append(states, fmt.Sprint(e.Purpose, e.Zone, e.Version, e.State))
			if e.Created.IsZero() {
				t.Errorf("%+v: no date", e)
			}
		}
		want := [][]string{
			{"zone-dataa2current", "zone-dataa1earlier", "zone-tokensa1current"},
			{"zone-dataa2current", "zone-dataa1destroyed", "zone-tokensa1current"},
			{"zone-dataa2destroyed", "zone-dataa1destroyed"},
		}[ended]
		if want = append(want, "zone-datab1current", "zone-tokensb1current"); !slices.Equal(states, want) {
			t.Errorf("with %d keys of a zone ended: %v, want %v", ended, states, want)
		}
		if ended < 2 { // the older version first
			s.End(s.Made()[map[int]int{0: 1, 1: 3}[ended]])
		}
		at = at.Add(time.Hour)
	}
	if s.Made()[0] != root {
		t.Fatal("the root's key is not the first")
	}
	if err := f.DestroyZone("a"); err != nil {
		t.Errorf("DestroyZone of what the server ended = %v", err)
	}
	for _, e := range must(f.Inventory())(t) {
		if e.Zone == "a" && (e.State != keys.StateDestroyed || e.Destroyed.IsZero()) {
			t.Errorf("after DestroyZone %+v", e)
		}
	}
}

// A key of tokens is as old as the first version that is left and has it.
func TestATokenKeyKeepsADate(t *testing.T) {
	f, _ := create(t)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	keys.SetNow(f, func() time.Time { return at })
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	at = at.AddDate(0, 0, 1)
	must(f.RotateTokens("a"))(t)
	if err := f.DestroyZoneVersion("a", 1); err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{1, 2} {
		if e := entryOf(t, &house{Folder: f}, keys.PurposeZoneTokens, "a", version); !e.Created.Equal(at) {
			t.Errorf("token key %d is of %v, want %v", version, e.Created, at)
		}
	}
}
