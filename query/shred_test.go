package query_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/zone"
)

const shredReason = "协议第九条,期满销毁"

func orderShred(t *testing.T, d *querytest.Domain, by string, o query.ShredOrder) (*query.ShredView, error) {
	t.Helper()
	if o.Reason == "" {
		o.Reason = shredReason
	}
	return d.Engine.OrderShred(t.Context(), d.Subject(by), o)
}

// shred has wu.dc order and the regulator or founder confirm.
func shred(t *testing.T, d *querytest.Domain, confirmer string, o query.ShredOrder) *query.Certificate {
	t.Helper()
	v, err := orderShred(t, d, "wu.dc", o)
	if err != nil {
		t.Fatalf("order: %v (%s)", err, querytest.Text(err))
	}
	v, err = d.Engine.ConfirmShred(t.Context(), d.Subject(confirmer), v.ID)
	if err != nil {
		t.Fatalf("confirm: %v (%s)", err, querytest.Text(err))
	}
	if v.State != registry.ShredDone || v.Certificate == nil {
		t.Fatalf("after the confirmation it is %s, certificate %v", v.State, v.Certificate)
	}
	return v.Certificate
}

// code asks a question and returns the code it is answered with, "" for rows.
func code(d *querytest.Domain, sql string) string {
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	return querytest.Code(err)
}

const byDepartment = "SELECT department, count(*) AS n FROM visits GROUP BY department"

// A column that was shredded is refused by name, the rest answers as before; with
// the keys of today nobody opens it in a copy of before, but everything else.
func TestAShreddedColumnIsReadByNobody(t *testing.T) {
	t.Parallel()
	for name, provider := range map[string]func(t *testing.T) keys.KeyProvider{
		"passphrase": func(*testing.T) keys.KeyProvider { return nil },
		"vault": func(t *testing.T) keys.KeyProvider {
			p, err := keys.Vault(keystest.NewTransit(t).Config())
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{Idle: 1, Provider: provider(t)})
			want := answers(t, d)
			if c := code(d, byDepartment); c != "" {
				t.Fatalf("before: %s", c)
			}
			old := filepath.Join(t.TempDir(), "zones")
			if err := os.CopyFS(old, os.DirFS(filepath.Join(d.Config.Domain, "zones"))); err != nil {
				t.Fatal(err)
			}
			cert := shred(t, d, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"})
			for range 2 {
				if c := code(d, byDepartment); c != "DATA_SHREDDED" {
					t.Errorf("the column = %q, want DATA_SHREDDED", c)
				}
				if got := answers(t, d); got != want {
					t.Errorf("the rest answers\n%s\nwant\n%s", got, want)
				}
				d.Reopen()
			}
			verified(t, d, cert)
			if len(cert.Keys.Versions) != 1 || cert.Keys.Versions[0] != 1 || cert.Keys.Separate != (name == "vault") || len(cert.Manifests) != 3 {
				t.Errorf("certificate = %+v", cert)
			}

			// The copy of before, under the keys of today.
			if err := d.Engine.Close(); err != nil {
				t.Fatal(err)
			}
			folder, err := keys.Open(d.Config.Keys, providerOf(d))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Reopen()
			defer folder.Close()
			store, err := zone.Open(old, folder, folder.Signer())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range cert.Manifests {
				for _, c := range []string{"department", "district"} {
					err := readColumn(t, store, m, c)
					if gone := m.Dataset == "visits" && c == "department"; gone != (err != nil) && (m.Dataset == "visits" || c == "district") {
						t.Errorf("%s.%s of the copy = %v", m.Dataset, c, err)
					}
				}
			}
		})
	}
}

// The delivery that a shredded column came with brings it back: it is no longer
// what is in use.
func TestADeliveryBringsAShreddedColumnBack(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	first := d.LoadTable("visits", querytest.Registers().Visits)
	if again := d.LoadTable("visits", querytest.Registers().Visits); !again.Already || again.Version != first.Version {
		t.Fatalf("before: %+v, want version %s already there", again, first.Version)
	}
	shred(t, d, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"})
	if c := code(d, byDepartment); c != "DATA_SHREDDED" {
		t.Fatalf("the column = %q, want DATA_SHREDDED", c)
	}
	if after := d.LoadTable("visits", querytest.Registers().Visits); after.Already || after.Version == first.Version {
		t.Errorf("after: %+v, want another version", after)
	}
	if c := code(d, byDepartment); c != "" {
		t.Errorf("the column = %q", c)
	}
}

func providerOf(d *querytest.Domain) keys.KeyProvider {
	if d.Config.Provider != nil {
		return d.Config.Provider
	}
	return keys.Passphrase(d.Config.Passphrase)
}

// readColumn reads a column of a version by the manifest of before.
func readColumn(t *testing.T, s *zone.Store, m query.DestroyedManifest, column string) error {
	t.Helper()
	for piece, err := range s.Project(t.Context(), zone.Projection{Zone: "medical", Dataset: m.Dataset, Version: m.Version, Manifest: m.Before,
		Columns: []zone.Project{{Name: column}}}) {
		if err != nil {
			return err
		}
		arr, err := piece.Columns[0].Array()
		if err != nil {
			return err
		}
		arr.Release()
	}
	return nil
}

// verified checks a certificate as somebody with the domain's key does, and that
// no other text passes.
func verified(t *testing.T, d *querytest.Domain, c *query.Certificate) {
	t.Helper()
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query.VerifyCertificate(text, d.Engine.Domain()); err != nil {
		t.Errorf("the certificate = %v", err)
	}
	for was, is := range map[string]string{c.OrderedBy: "li.op", shredReason: "其他", `"versions": [`: `"versions": [7,`, `"done": `: `"done": 1`} {
		forged := bytes.Replace(text, []byte(was), []byte(is), 1)
		if bytes.Equal(forged, text) {
			t.Fatalf("no %q in the certificate", was)
		}
		if _, err := query.VerifyCertificate(forged, d.Engine.Domain()); err == nil {
			t.Errorf("a certificate with %q for %q passes", is, was)
		}
	}
	other := d.Engine.Domain()
	other.GateKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	if _, err := query.VerifyCertificate(text, other); err == nil {
		t.Error("a certificate passes under another key")
	}
	var page bytes.Buffer
	if err := c.Page(&page); err != nil || !strings.Contains(page.String(), c.ID) || !strings.Contains(page.String(), shredReason) {
		t.Errorf("page = %v", err)
	}
}

func TestAVersionADatasetAndAZoneAreShredded(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := answers(t, d)
	version := func(dataset string) string {
		found, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", dataset, "v*"))
		if err != nil || len(found) == 0 {
			t.Fatalf("versions of %s: %v, %v", dataset, found, err)
		}
		return filepath.Base(found[0])
	}
	shred(t, d, "sun.health", query.ShredOrder{Kind: "version", Zone: "medical", Dataset: "beds", Version: version("beds")})
	if found, _ := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", "beds", "v*")); len(found) != 0 {
		t.Errorf("files of the version are left: %v", found)
	}
	if got := answers(t, d); got != want {
		t.Errorf("the rest answers\n%s", got)
	}
	if _, err := orderShred(t, d, "wu.dc", query.ShredOrder{Kind: "dataset", Zone: "medical", Dataset: "beds"}); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("shredding what is gone = %v", err)
	}
	d.LoadTable("beds", querytest.Registers().Beds) // a dataset whose version is shredded takes another
	shred(t, d, querytest.Founder, query.ShredOrder{Kind: "dataset", Zone: "medical", Dataset: "visits"})
	if c := code(d, byDepartment); c == "" {
		t.Error("a shredded dataset answers")
	}
	if c := code(d, perDistrict); c != "" {
		t.Errorf("another dataset = %s", c)
	}

	order := query.ShredOrder{Kind: "zone", Zone: "medical"}
	v, err := orderShred(t, d, "wu.dc", order)
	if err != nil {
		t.Fatal(err)
	}
	confirm := func(who, code string) {
		t.Helper()
		if _, err := d.Engine.ConfirmShred(t.Context(), d.Subject(who), v.ID); querytest.Code(err) != code {
			t.Errorf("%s confirming = %v, want %q", who, err, code)
		}
	}
	confirm(querytest.Founder, "KEY_IN_USE") // the zone is active
	d.Apply("sun.health", changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
	confirm(querytest.Founder, "KEY_IN_USE") // with a license
	d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
		querytest.Founder, "sun.health")
	confirm("sun.health", "KEY_IN_USE") // who suspended it
	confirm("wu.dc", "ROLE_REQUIRED")
	confirm(querytest.Founder, "")
	d.Reopen()
	for _, k := range inventory(t, d).Keys {
		if k.Zone == "medical" && k.State != keys.StateDestroyed {
			t.Errorf("a key of the zone is left: %+v", k)
		}
	}
}

// Who orders does not confirm; neither goes without the role and the permission.
func TestAShredTakesTwoPeopleWithThePermission(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Register(querytest.Person{User: "he.health", RealName: "何卫健", Organization: "health-commission", Role: registry.RoleZoneRegulator})
	o := query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"}
	for _, who := range []string{"li.op", "feng.audit", "qian.hospital"} {
		if _, err := orderShred(t, d, who, o); querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("ordered by %s = %v", who, err)
		}
	}
	v, err := orderShred(t, d, "sun.health", o)
	if err != nil {
		t.Fatal(err)
	}
	confirm := func(who, code string) {
		t.Helper()
		if _, err := d.Engine.ConfirmShred(t.Context(), d.Subject(who), v.ID); querytest.Code(err) != code {
			t.Errorf("%s confirming = %v, want %q", who, err, code)
		}
	}
	confirm("sun.health", "KEY_IN_USE")
	confirm("wu.dc", "ROLE_REQUIRED")
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "he.health", `"permissions":["recipe","destroy"]`, `"permissions":["recipe"]`))
	confirm("he.health", "PERMISSION_REQUIRED")
	if _, err := orderShred(t, d, "he.health", o); querytest.Code(err) != "PERMISSION_REQUIRED" {
		t.Errorf("ordered without the permission = %v", err)
	}
	d.Advance(8 * 24 * time.Hour)
	confirm(querytest.Founder, "KEY_IN_USE") // too late
	for what, bad := range map[string]query.ShredOrder{
		"no column":        {Kind: "column", Zone: "medical", Dataset: "visits"},
		"two things":       {Kind: "dataset", Zone: "medical", Dataset: "visits", Column: "department"},
		"an unknown kind":  {Kind: "everything", Zone: "medical"},
		"no reason":        {Kind: "dataset", Zone: "medical", Dataset: "visits", Reason: " "},
		"an unknown thing": {Kind: "dataset", Zone: "medical", Dataset: "nothing"},
		"no operator":      {Kind: "workspace", Organization: "hospital-group"},
	} {
		if _, err := orderShred(t, d, "wu.dc", bad); querytest.Code(err) != "BAD_REQUEST" && querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("%s = %v", what, err)
		}
	}
	if c := code(d, byDepartment); c != "" {
		t.Errorf("what was never confirmed: %s", c)
	}
	denied := 0
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "permission.denied" {
			denied++
		}
	}
	if denied != 2 {
		t.Errorf("the log has %d denials, want 2", denied)
	}
}

// A workspace ends with its statements and results; that they were stays.
func TestAWorkspaceIsShredded(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.Resume("li.op", a.Run); err != nil || !bytes.Equal(again.Artifact.Bytes(), a.Artifact.Bytes()) {
		t.Fatalf("collected again = %v", err)
	}
	o := query.ShredOrder{Kind: "workspace", Organization: "huiyi"}
	if _, err := orderShred(t, d, "wu.dc", o); querytest.Code(err) != "KEY_IN_USE" {
		t.Errorf("with a license = %v, want KEY_IN_USE", err)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
		querytest.Founder, "sun.health")
	cert := shred(t, d, querytest.Founder, o)
	d.Register(querytest.Person{User: "li.op", RealName: "李运营", Organization: "huiyi", Role: registry.RoleOperator}) // the end of the license shut it out
	if len(cert.Runs) == 0 || cert.Keys.Space != keys.Workspace("huiyi") {
		t.Errorf("certificate = %+v", cert)
	}
	for range 2 {
		if _, err := d.Resume("li.op", a.Run); querytest.Code(err) == "" {
			t.Error("a shredded result is collected")
		}
		if _, err := d.Engine.Review(t.Context(), d.Subject("li.op"), a.Run); querytest.Code(err) != "DATA_SHREDDED" {
			t.Errorf("the shredded statement = %v, want DATA_SHREDDED", err)
		}
		for _, dir := range []string{"artifacts", "holds"} {
			if left, err := os.ReadDir(filepath.Join(d.Config.Domain, dir)); err != nil || len(left) != 0 {
				t.Errorf("%s has %v, %v", dir, left, err)
			}
		}
		d.Reopen()
	}
	verified(t, d, cert)
}

// Data keys are wrapped anew without a row being touched, and the version before
// can be destroyed then.
func TestRewrappingLetsAnEarlierKeyBeDestroyed(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := answers(t, d)
	rotate(t, d, keys.PurposeZoneData)
	if err := destroy(t, d, "wu.dc", 1); querytest.Code(err) != "KEY_IN_USE" {
		t.Fatalf("before = %v", err)
	}
	if _, err := d.Engine.Rewrap(t.Context(), d.Subject("li.op"), "medical"); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Errorf("by an operator = %v", err)
	}
	answers(t, d)
	if c := cacheOf(t, d); c.Entries == 0 {
		t.Error("control: nothing is in the cache")
	}
	r, err := d.Engine.Rewrap(t.Context(), d.Subject("wu.dc"), "medical")
	if c := cacheOf(t, d); c.Entries != 0 {
		t.Errorf("%d columns of before are in the cache", c.Entries)
	}
	if err != nil || r.Key != 2 || r.Versions != 3 || r.Keys < 15 {
		t.Fatalf("Rewrap = %+v, %v", r, err)
	}
	if err := destroy(t, d, "wu.dc", 1); err != nil {
		t.Fatalf("after = %v", err)
	}
	for range 2 {
		if got := answers(t, d); got != want {
			t.Errorf("answers\n%s\nwant\n%s", got, want)
		}
		d.Reopen()
	}
}

// ended suspends the zone and terminates its license.
func ended(t *testing.T, d *querytest.Domain) {
	t.Helper()
	d.Apply("sun.health", changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
	d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
		querytest.Founder, "sun.health")
}

// A key folder put back to what it was is refused, whichever change it lacks.
func TestAnOlderKeyFolderIsRefused(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(t *testing.T, d *querytest.Domain){
		"a rotation": func(t *testing.T, d *querytest.Domain) { rotate(t, d, keys.PurposeZoneData) },
		"a destruction": func(t *testing.T, d *querytest.Domain) {
			shred(t, d, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"})
		},
		"the end of a zone": func(t *testing.T, d *querytest.Domain) {
			ended(t, d)
			if err := destroy(t, d, querytest.Founder, 0); err != nil {
				t.Fatal(err)
			}
		},
		"the end of a workspace": func(t *testing.T, d *querytest.Domain) {
			ended(t, d)
			shred(t, d, querytest.Founder, query.ShredOrder{Kind: "workspace", Organization: "huiyi"})
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{Idle: 1})
			answers(t, d) // the operator has a workspace
			if err := d.Engine.Close(); err != nil {
				t.Fatal(err)
			}
			old := filepath.Join(t.TempDir(), "keys")
			querytest.CopyFolder(t, d.Config.Keys, old)
			d.Reopen()
			change(t, d)
			if err := d.Engine.Close(); err != nil {
				t.Fatal(err)
			}
			cfg := d.Config
			cfg.Keys = old
			e, err := query.Open(t.Context(), cfg)
			if err == nil {
				e.Close()
			}
			if !isRollback(err) {
				t.Errorf("an older key folder = %v, want ErrRollback", err)
			}
			d.Reopen() // control: the newest one opens
		})
	}
}

func isRollback(err error) bool {
	return err != nil && strings.Contains(err.Error(), query.ErrRollback.Error())
}

// What the keeper of keys stops half way is refused from the switch on, and comes
// to its end by repeating it or when the domain is opened next.
func TestAnInterruptedShredComesToItsEnd(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"repeated", "opened again"} {
		t.Run(how, func(t *testing.T) {
			transit := keystest.NewTransit(t)
			p, err := keys.Vault(transit.Config())
			if err != nil {
				t.Fatal(err)
			}
			d := querytest.City(t, querytest.Options{Idle: 1, Provider: p})
			want := answers(t, d)
			v, err := orderShred(t, d, "wu.dc", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"})
			if err != nil {
				t.Fatal(err)
			}
			transit.Set(keystest.Undeleting)
			if _, err := d.Engine.ConfirmShred(t.Context(), d.Subject("sun.health"), v.ID); querytest.Code(err) != "KEYS_UNAVAILABLE" {
				t.Fatalf("while no key can be deleted = %v, want KEYS_UNAVAILABLE", err)
			}
			if c := code(d, byDepartment); c != "DATA_SHREDDED" {
				t.Errorf("half way the column = %q, want DATA_SHREDDED", c)
			}
			if got := answers(t, d); got != want {
				t.Errorf("half way the rest answers\n%s", got)
			}
			transit.Set(keystest.None)
			if how == "repeated" {
				_, err = d.Engine.ConfirmShred(t.Context(), d.Subject(querytest.Founder), v.ID)
				if err != nil {
					t.Fatal(err)
				}
			}
			d.Reopen()
			all, err := d.Engine.Shreds(t.Context(), d.Subject("feng.audit"))
			if err != nil || len(all) != 1 || all[0].State != registry.ShredDone || all[0].Certificate == nil {
				t.Fatalf("Shreds = %+v, %v, want it done", all, err)
			}
			verified(t, d, all[0].Certificate)
			for _, k := range inventory(t, d).Keys {
				if k.Zone == "medical" && k.Purpose == keys.PurposeZoneData && k.Version == 1 && k.State != keys.StateDestroyed {
					t.Errorf("version 1 is %s", k.State)
				}
			}
		})
	}
}
