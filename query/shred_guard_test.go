package query_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/zone"
)

var department = query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"}

// confirmed has the founder confirm what wu.dc ordered.
func confirmed(t *testing.T, d *querytest.Domain, id string) (*query.ShredView, error) {
	t.Helper()
	return d.Engine.ConfirmShred(t.Context(), d.Subject(querytest.Founder), id)
}

// withoutRoom has f run while no manifest can be written.
func withoutRoom(t *testing.T, d *querytest.Domain, f func()) {
	t.Helper()
	tmp := filepath.Join(d.Config.Domain, "zones", ".tmp")
	if err := os.Rename(tmp, tmp+"-away"); err != nil {
		t.Fatal(err)
	}
	f()
	if err := os.Rename(tmp+"-away", tmp); err != nil {
		t.Fatal(err)
	}
}

// orderState returns the state of the only order.
func orderState(t *testing.T, d *querytest.Domain) string {
	t.Helper()
	all, err := d.Engine.Shreds(t.Context(), d.Subject("feng.audit"))
	if err != nil || len(all) != 1 {
		t.Fatalf("Shreds = %v, %v", all, err)
	}
	return all[0].State
}

// A shred that failed half way is repeated. What was wrapped meanwhile, by whichever
// key, opens as little as what was wrapped before.
func TestWhatIsWrappedAnewBeforeAShredIsRepeatedEndsWithIt(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	v, err := orderShred(t, d, "wu.dc", department)
	if err != nil {
		t.Fatal(err)
	}
	withoutRoom(t, d, func() {
		if _, err := confirmed(t, d, v.ID); err == nil {
			t.Fatal("confirmed without room")
		}
	})
	if s := orderState(t, d); s != registry.ShredConfirmed {
		t.Fatalf("after it failed it is %s", s)
	}
	if _, err := d.Engine.Rewrap(t.Context(), d.Subject("wu.dc"), "medical"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	old := filepath.Join(t.TempDir(), "zones")
	if err := os.CopyFS(old, os.DirFS(filepath.Join(d.Config.Domain, "zones"))); err != nil {
		t.Fatal(err)
	}
	done, err := confirmed(t, d, v.ID)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, m := range done.Certificate.Manifests {
		left, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", m.Dataset, m.Version, "manifest*"))
		if err != nil || len(left) != 1 || filepath.Base(left[0]) != "manifest-"+m.After {
			t.Errorf("manifests of %s are %v, %v, want the one in force", m.Dataset, left, err)
		}
	}
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	defer d.Reopen()
	folder, err := keys.Open(d.Config.Keys, providerOf(d))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	store, err := zone.Open(old, folder, folder.Signer())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range done.Certificate.Manifests {
		if m.Dataset != "visits" {
			continue
		}
		if err := readColumn(t, store, m, "department"); err == nil {
			t.Errorf("the column opens in a copy of %s; destroyed are %v", m.Before, done.Certificate.Keys.Versions)
		}
		if err := readColumn(t, store, m, "district"); err != nil { // control
			t.Errorf("another column of the copy = %v", err)
		}
	}
}

// damage breaks the manifest in force of a dataset's only version and returns what
// mends it.
func damage(t *testing.T, d *querytest.Domain, dataset string) func() {
	t.Helper()
	all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: dataset})
	if err != nil || len(all) != 1 {
		t.Fatalf("versions = %v, %v", all, err)
	}
	path := filepath.Join(d.Config.Domain, "zones", "medical", dataset, all[0].Version, "manifest-"+all[0].Manifest)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file []byte) {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	write(bad)
	return func() { write(good) }
}

// A version that a shred leaves and that cannot be read stops it before it is
// confirmed; one that broke since stops neither the domain nor, once it is mended,
// the shred.
func TestADamagedVersionDoesNotLockTheDomain(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	v, err := orderShred(t, d, "wu.dc", department)
	if err != nil {
		t.Fatal(err)
	}
	mend := damage(t, d, "beds")
	if _, err := confirmed(t, d, v.ID); querytest.Code(err) != "DATA_DAMAGED" {
		t.Errorf("beside a damaged version = %v, want DATA_DAMAGED", err)
	}
	if s := orderState(t, d); s != registry.ShredOrdered {
		t.Errorf("it is %s, want it still ordered", s)
	}
	mend()
	withoutRoom(t, d, func() {
		if _, err := confirmed(t, d, v.ID); err == nil {
			t.Fatal("confirmed without room")
		}
	})
	mend = damage(t, d, "beds")
	d.Reopen()
	if s := orderState(t, d); s != registry.ShredConfirmed {
		t.Errorf("it is %s, want it confirmed and not done", s)
	}
	mend()
	d.Reopen()
	if s := orderState(t, d); s != registry.ShredDone {
		t.Errorf("once it is mended it is %s, want it done", s)
	}
}

// A version whose rows an increment has taken over is not said to be destroyed while
// they can be read there, through a version that is retired as well.
func TestAVersionIsShreddedAfterThoseThatTookItOver(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	base := d.LoadTable("beds", rowsOf("甲"))
	add := func(on *query.LoadReport, hospital string) *query.LoadReport {
		table := rowsOf(hospital)
		m := querytest.Delivery("medical", "beds", "beds-statistics", table.CSV(), 1)
		m.Mode, m.Base = query.ModeAppend, on.Version
		return d.Load("wu.dc", m, table.CSV())
	}
	first := add(base, "乙")
	second := add(first, "丙") // retention lets the base go
	try := func(v *query.LoadReport) string {
		_, err := orderShred(t, d, "wu.dc", query.ShredOrder{Kind: "version", Zone: "medical", Dataset: "beds", Version: v.Version})
		return querytest.Code(err)
	}
	if got := try(first); got != "KEY_IN_USE" {
		t.Errorf("with an increment on it: %q, want KEY_IN_USE", got)
	}
	if got := try(second); got != "" {
		t.Errorf("the last: %q", got)
	}
	v, err := orderShred(t, d, "wu.dc", query.ShredOrder{Kind: "version", Zone: "medical", Dataset: "beds", Version: second.Version})
	if err != nil {
		t.Fatal(err)
	}
	add(second, "丁") // after the order
	if _, err := confirmed(t, d, v.ID); querytest.Code(err) != "KEY_IN_USE" {
		t.Errorf("an increment came after the order: %v, want KEY_IN_USE", err)
	}
}

// rowsOf is the register of beds with one hospital.
func rowsOf(hospital string) querytest.Table {
	table := querytest.Registers().Beds.Clone()
	table.Rows = table.Rows[:1]
	table.Rows[0][table.Column("hospital")] = hospital
	return table
}

// The word of somebody who left, or lost the permission, counts no more.
func TestAnOrderOfSomebodyWhoMayNotAnyMoreIsVoid(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Register(querytest.Person{User: "he.health", RealName: "何卫健", Organization: "health-commission", Role: registry.RoleZoneRegulator})
	for _, c := range []struct{ who, by, was, is string }{
		{"he.health", querytest.Founder, `"permissions":["recipe","destroy"]`, `"permissions":["recipe"]`},
		{"wu.dc", querytest.Founder, `"status":"active"`, `"status":"disabled"`},
	} {
		v, err := orderShred(t, d, c.who, department)
		if err != nil {
			t.Fatal(err)
		}
		d.Apply(c.by, changed(t, d, registry.KindPerson, c.who, c.was, c.is))
		if _, err := confirmed(t, d, v.ID); querytest.Code(err) != "KEY_IN_USE" {
			t.Errorf("ordered by %s with %s = %v, want KEY_IN_USE", c.who, c.is, err)
		}
	}
	if c := code(d, byDepartment); c != "" {
		t.Errorf("the column = %s", c)
	}
}

// A certificate says one thing to every reader: none that names a member twice, or in
// other letters, passes.
func TestACertificateIsSpelledOneWay(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	c := shred(t, d, "sun.health", department)
	text, err := json.MarshalIndent(c, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query.VerifyCertificate(text, d.Engine.Domain()); err != nil {
		t.Errorf("with other white space = %v", err)
	}
	for was, is := range map[string]string{
		`"kind": "column"`:  `"kind": "zone", "kind": "column"`,
		`"reason":`:         `"Reason":`,
		`"zone": "medical"`: `"zone": "medic\u0061l"`,
	} {
		forged := strings.Replace(string(text), was, is, 1)
		if forged == string(text) {
			t.Fatalf("no %s in the certificate", was)
		}
		if _, err := query.VerifyCertificate([]byte(forged), d.Engine.Domain()); err == nil {
			t.Errorf("a certificate with %s for %s passes", is, was)
		}
	}
	other := d.Engine.Domain()
	other.ID = "zonebox-other" // with the same key
	if _, err := query.VerifyCertificate(text, other); err == nil {
		t.Error("a certificate passes as one of another domain")
	}
	if slices.Contains(c.Keys.Versions, 2) {
		t.Errorf("destroyed = %v, the version that wraps among them", c.Keys.Versions)
	}
}
