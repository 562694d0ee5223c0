package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zonebox/registry"
)

var fluQuery = registry.Query{User: "olga", Zone: "medical", Scenario: "flu"}

func TestEnterCarriesEveryFact(t *testing.T) {
	w := granted(t)
	if err := w.SetVersion(t.Context(), registry.DataVersion{Zone: "medical", Dataset: "visits", Version: "v1", Manifest: "ab12", Rows: 7, LoadedBy: "dave"}); err != nil {
		t.Fatal(err)
	}
	f, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	if f.Subject.Spec.RealName != "真名-olga" || f.SubjectOrg.Name != "medco" || f.Operator.Name != "medco" || f.Regulator.Name != "health" {
		t.Errorf("subject, organization, operator, regulator = %s, %s, %s, %s", f.Subject.Spec.RealName, f.SubjectOrg.Name, f.Operator.Name, f.Regulator.Name)
	}
	if f.Zone.Spec.Kind != "INDUSTRY" || f.License.Name != "medical-2026" || f.License.Version != 1 || f.Scenario.Spec.PurposeCode != "PH-01" {
		t.Errorf("zone, license, scenario = %+v, %s %d, %+v", f.Zone, f.License.Name, f.License.Version, f.Scenario)
	}
	if want := []string{"zone_regulator", "city_authority", "operator"}; !slices.Equal(f.License.SignersRequired, want) {
		t.Errorf("signers required = %v, want %v", f.License.SignersRequired, want)
	}
	wantSigners := []registry.Signer{
		{By: "zoe", Org: "health", Role: "zone_regulator", At: "2026-03-02T09:03:00Z"},
		{By: "carol", Org: "city", Role: "city_authority", At: "2026-03-02T09:03:01Z"},
		{By: "olga", Org: "medco", Role: "operator", At: "2026-03-02T09:03:02Z"},
	}
	if d := cmp.Diff(wantSigners, f.License.Signatures); d != "" {
		t.Errorf("license signatures (-want +got):\n%s", d)
	}
	if len(f.Recipients) != 1 || f.Recipients[0].Name != "olga" {
		t.Errorf("recipients = %+v, want olga", f.Recipients)
	}
	if len(f.Grants) != 1 {
		t.Fatalf("grants = %d, want 1", len(f.Grants))
	}
	g := f.Grants[0]
	if want := (registry.Consent{By: "zoe", Org: "health", At: "2026-03-02T09:05:00Z"}); g.Spec.ZReg != want {
		t.Errorf("zreg = %+v, want %+v", g.Spec.ZReg, want)
	}
	if want := (registry.Consent{By: "paul", Org: "hospital", At: "2026-03-02T09:05:01Z"}); g.Spec.Prov != want {
		t.Errorf("prov = %+v, want %+v", g.Spec.Prov, want)
	}
	if len(f.Datasets) != 1 || f.Datasets[0].Level != 4 || f.Datasets[0].Data == nil || f.Datasets[0].Data.Version != "v1" || f.Datasets[0].Data.Catalogue != 1 {
		t.Errorf("datasets = %+v, want visits of level 4 with data v1", f.Datasets)
	}
	if f.Revision != w.revision() || f.Epoch != w.epoch() {
		t.Errorf("revision, epoch = %d, %d, want %d, %d", f.Revision, f.Epoch, w.revision(), w.epoch())
	}
}

func TestEnterNeedsAPersonAZoneAndAScenario(t *testing.T) {
	w := granted(t)
	for _, q := range []registry.Query{
		{User: "nobody", Zone: "medical", Scenario: "flu"},
		{User: "olga", Zone: "nowhere", Scenario: "flu"},
		{User: "olga", Zone: "medical", Scenario: "none"},
		{},
	} {
		if _, err := w.Enter(t.Context(), q); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("Enter(%+v) = %v, want ErrNotFound", q, err)
		}
	}
	w.must("carol", person("olga", "medco", "operator", set("status", "disabled")))
	if _, err := w.Enter(t.Context(), fluQuery); !errors.Is(err, registry.ErrInactive) {
		t.Errorf("Enter by a disabled person = %v, want ErrInactive", err)
	}
}

func TestRevokedGrantIsNoFact(t *testing.T) {
	w := granted(t)
	w.must("paul", grant(set("status", "REVOKED"), set("status_reason", "用途变更")))
	f, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Grants) != 0 {
		t.Errorf("grants = %+v, want none", f.Grants)
	}
}

func TestSignaturesOutliveASuspensionAndTheSigner(t *testing.T) {
	w := granted(t)
	w.clock.tick()
	w.must("carol", w.signed(license(set("status", "SUSPENDED"), set("status_reason", "第八条")), "zoe", "carol"))
	w.clock.tick()
	w.must("carol", w.signed(license(set("status_reason", "整改完成")), "zoe", "carol"))
	w.must("carol", person("zoe", "health", "zone_regulator", set("status", "disabled"), set("signing_key", publicOf("zoe's new"))))
	f, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, s := range f.License.Signatures {
		roles = append(roles, s.Role)
	}
	if want := []string{"zone_regulator", "city_authority", "operator"}; !slices.Equal(roles, want) {
		t.Errorf("signatures = %v, want %v", roles, want)
	}
}

// The city's own regulator of the comprehensive zone signs an industry zone's
// agreement for the city, not for that zone's regulator.
func TestASignatureCountsOnlyForItsParty(t *testing.T) {
	w := catalogued(t)
	w.must("carol", person("cora", "city", "city_authority", set("roles", []string{"zone_regulator", "city_authority"})))
	w.clock.tick()
	w.refused(registry.CodeSignature, "carol", w.signed(license(), "cora", "carol", "olga"))
	w.must("carol", w.signed(license(), "zoe", "cora", "olga"))
	w.must("zoe", scenario())
	f, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range f.License.Signatures {
		got = append(got, s.Role+" "+s.By)
	}
	if want := []string{"zone_regulator zoe", "city_authority cora", "operator olga"}; !slices.Equal(got, want) {
		t.Errorf("signatures = %v, want %v", got, want)
	}
}

// A writer changes a zone and its regulator together; a reader never sees one changed
// without the other, nor with another's epoch.
func TestEnterIsOneSnapshot(t *testing.T) {
	w := granted(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	bare := []string{"A", "B"}
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			title := bare[i%2]
			_, err := w.Apply(ctx, "carol", []registry.Document{
				zone(set("title", title)), organization("health", "industry_authority", set("title", title))})
			if err != nil && ctx.Err() == nil {
				t.Errorf("Apply: %v", err)
				return
			}
		}
	})
	base, err := w.Enter(t.Context(), fluQuery)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for deadline := time.Now().Add(5 * time.Second); len(seen) < 40 && time.Now().Before(deadline); {
		f, err := w.Enter(t.Context(), fluQuery)
		if err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(f.Epoch)] = true
		if f.Zone.Version != f.Regulator.Version {
			t.Fatalf("zone version %d beside regulator version %d", f.Zone.Version, f.Regulator.Version)
		}
		if f.Zone.Version > 1 && f.Zone.Spec.Title != f.Regulator.Spec.Title {
			t.Fatalf("zone title %q beside regulator title %q", f.Zone.Spec.Title, f.Regulator.Spec.Title)
		}
		// Each Apply changed two documents in one revision.
		if changes := f.Zone.Version - base.Zone.Version; f.Epoch-base.Epoch != 2*changes || f.Revision-base.Revision != changes {
			t.Fatalf("after %d changes: epoch %d, revision %d", changes, f.Epoch-base.Epoch, f.Revision-base.Revision)
		}
	}
	if len(seen) < 3 {
		t.Fatalf("only %d moments seen, the test showed nothing", len(seen))
	}
}
