package query_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/keys/keystest"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/zone"
)

const (
	perDistrict  = "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district"
	acrossTokens = "SELECT count(*) AS n FROM persons p JOIN visits v ON p.id_number = v.id_number"
)

// answers asks both questions and returns what came.
func answers(t *testing.T, d *querytest.Domain) string {
	t.Helper()
	var out string
	for _, sql := range []string{perDistrict, acrossTokens} {
		a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if err != nil {
			t.Fatalf("ask: %v", err)
		}
		out += d.Open("li.op", a).String()
	}
	return out
}

func rotate(t *testing.T, d *querytest.Domain, purpose string) int {
	t.Helper()
	done, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), query.KeyOrder{Purpose: purpose, Zone: "medical"})
	if err != nil {
		t.Fatalf("rotate %s: %v", purpose, err)
	}
	return done.Version
}

func destroy(t *testing.T, d *querytest.Domain, user string, version int) error {
	t.Helper()
	_, err := d.Engine.DestroyKey(t.Context(), d.Subject(user), query.KeyOrder{Purpose: keys.PurposeZoneData, Zone: "medical", Version: version})
	return err
}

func inventory(t *testing.T, d *querytest.Domain) *query.KeyReport {
	t.Helper()
	r, err := d.Engine.Keys(t.Context(), d.Subject("wu.dc"))
	if err != nil {
		t.Fatalf("keys: %v", err)
	}
	return r
}

// keyEntries returns what the log says of keys, in short.
func keyEntries(t *testing.T, d *querytest.Domain) (out []string) {
	t.Helper()
	for _, e := range d.Audit("feng.audit") {
		if strings.HasPrefix(e.Kind, "key.") {
			out = append(out, strings.TrimSpace(fmt.Sprint(e.Kind, " ", e.Actor, " ", e.Zone, " ", e.Fields["purpose"], " ", e.Fields["version"], " ", e.Fields["reasons"])))
		}
	}
	return out
}

// later loads a register once more, as one delivered on a later day of November: what
// is in use already would not be loaded again.
func later(d *querytest.Domain, day int, dataset string) {
	data := querytest.Registers()
	rows := map[string]querytest.Table{"persons": data.Persons, "visits": data.Visits, "beds": data.Beds}[dataset]
	m := querytest.Delivery("medical", dataset, dataset+"-statistics", rows.CSV(), len(rows.Rows))
	m.Acquired = fmt.Sprintf("2026-11-%02d", day)
	d.Load("wu.dc", m, rows.CSV())
}

// Data written before a rotation answer as they did, beside data written after.
func TestARotationChangesNoAnswer(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := answers(t, d)
	if n := rotate(t, d, keys.PurposeZoneData); n != 2 {
		t.Errorf("rotated to version %d, want 2", n)
	}
	check := func(when string) {
		t.Helper()
		if got := answers(t, d); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
		}
	}
	check("after a rotation of the zone's key")
	later(d, 2, "visits")
	check("with one dataset under each version")
	rotate(t, d, keys.PurposeZoneTokens)
	check("after a rotation of its tokens")
	d.Reopen()
	check("after a restart")

	got := keyEntries(t, d)
	wantEntries := []string{
		"key.rotating wu.dc medical zone-data", "key.rotated wu.dc medical zone-data 2",
		"key.rotating wu.dc medical zone-tokens", "key.rotated wu.dc medical zone-tokens 3",
	}
	if !slices.Equal(got, wantEntries) {
		t.Errorf("audit:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantEntries, "\n"))
	}
}

func TestAVersionIsDestroyedOnceNoCurrentDataNeedIt(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := answers(t, d)
	refused := func(what, user string, version int, code string) {
		t.Helper()
		if err := destroy(t, d, user, version); querytest.Code(err) != code {
			t.Errorf("destroy %s = %v, want %s", what, err, code)
		}
	}
	refused("the only version", "wu.dc", 1, "KEY_IN_USE")
	rotate(t, d, keys.PurposeZoneData)
	refused("a version with data", "wu.dc", 1, "KEY_IN_USE")
	later(d, 2, "visits")
	later(d, 2, "beds")
	refused("a version with some data", "wu.dc", 1, "KEY_IN_USE")
	copied := filepath.Join(t.TempDir(), "zones")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(d.Config.Domain, "zones"))); err != nil {
		t.Fatal(err)
	}
	for _, dataset := range []string{"persons", "visits", "beds"} {
		later(d, 3, dataset)
	}
	refused("the newest version", "wu.dc", 2, "KEY_IN_USE")
	refused("a version there is not", "wu.dc", 7, "NOT_FOUND")
	refused("a version below zero", "wu.dc", -1, "BAD_REQUEST")
	if got := answers(t, d); got != want {
		t.Errorf("before the destruction:\n%s\nwant\n%s", got, want)
	}
	refused("a version that kept data need", "wu.dc", 1, "KEY_IN_USE")
	if _, err := d.Engine.Rewrap(t.Context(), d.Subject("wu.dc"), "medical"); err != nil {
		t.Fatalf("rewrap: %v", err)
	}
	letGo := query.Sealing(d.Engine)
	refused("a version while a backup may need it", "wu.dc", 1, "KEY_IN_USE")
	letGo()
	if err := destroy(t, d, "wu.dc", 1); err != nil {
		t.Fatalf("destroy: %v", err)
	}
	refused("it again", "wu.dc", 1, "NOT_FOUND")
	d.Reopen()
	if got := answers(t, d); got != want {
		t.Errorf("after the destruction:\n%s\nwant\n%s", got, want)
	}
	r := inventory(t, d)
	i := slices.IndexFunc(r.Keys, func(k query.KeyView) bool { return k.Purpose == keys.PurposeZoneData && k.Version == 1 })
	if i < 0 || r.Keys[i].State != keys.StateDestroyed || r.Keys[i].Destroyed == nil {
		t.Errorf("the inventory says %+v, want version 1 destroyed", r.Keys)
	}
	entries := keyEntries(t, d)
	for _, want := range []string{"key.destroying wu.dc medical zone-data 1", "key.destroyed wu.dc medical zone-data 1",
		"key.failed wu.dc medical zone-data 7 NOT_FOUND"} {
		if !slices.Contains(entries, want) {
			t.Errorf("the log lacks %q:\n%s", want, strings.Join(entries, "\n"))
		}
	}

	// What is kept of them still opens, should a copy of before come back.
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	for dataset, opens := range copies(t, d, copied) {
		if !opens {
			t.Errorf("the copy of %s does not open", dataset)
		}
	}
}

// A load that a rotation meets has columns under the earlier version and its
// manifest under the later one: both are needed.
func TestAVersionThatALoadBeganWithIsNeeded(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := answers(t, d)
	beds := querytest.Registers().Beds
	file := &meanwhile{r: bytes.NewReader(beds.CSV()), do: func() {
		rotate(t, d, keys.PurposeZoneData)
		if err := destroy(t, d, "wu.dc", 1); querytest.Code(err) != "KEY_IN_USE" || !strings.Contains(querytest.Text(err), "loads of the zone are under way") {
			t.Errorf("destroy during a load = %v, want KEY_IN_USE", err)
		}
	}}
	m := d.Delivery("medical", "beds", "beds-statistics", beds.CSV(), len(beds.Rows))
	m.Acquired = "2026-11-02"
	if r, err := d.Engine.Load(t.Context(), d.Subject("wu.dc"), m, file); err != nil || r.Already {
		t.Fatal(r, err)
	}
	for _, dataset := range []string{"persons", "visits"} { // retention lets go what was before
		later(d, 3, dataset)
		later(d, 4, dataset)
	}
	later(d, 3, "beds")
	if err := destroy(t, d, "wu.dc", 1); querytest.Code(err) != "KEY_IN_USE" || !strings.Contains(querytest.Text(err), "dataset beds") {
		t.Errorf("destroy what columns need = %v, want KEY_IN_USE", err)
	}
	later(d, 4, "beds")
	if err := destroy(t, d, "wu.dc", 1); err != nil {
		t.Errorf("destroy what nothing needs = %v", err)
	}
	if got := answers(t, d); got != want {
		t.Errorf("answers\n%s\nwant\n%s", got, want)
	}
}

// A load that began before a zone was suspended is waited for.
func TestTheKeysOfAZoneWaitForItsLoads(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	beds := querytest.Registers().Beds
	asked := false
	file := &meanwhile{r: bytes.NewReader(beds.CSV()), do: func() {
		d.Apply("sun.health", changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
		d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
			querytest.Founder, "sun.health")
		if err := destroy(t, d, querytest.Founder, 0); querytest.Code(err) != "KEY_IN_USE" || !strings.Contains(querytest.Text(err), "under way") {
			t.Errorf("destroy during a load = %v, want KEY_IN_USE", err)
		}
		asked = true
	}}
	m := d.Delivery("medical", "beds", "beds-statistics", beds.CSV(), len(beds.Rows))
	m.Acquired = "2026-11-02"
	_, err := d.Engine.Load(t.Context(), d.Subject("wu.dc"), m, file)
	if !asked {
		t.Fatalf("the load read nothing: %v", err)
	}
	if err := destroy(t, d, querytest.Founder, 0); err != nil {
		t.Errorf("destroy after the load = %v", err)
	}
}

// meanwhile does something before its first byte is read.
type meanwhile struct {
	r  io.Reader
	do func()
}

func (m *meanwhile) Read(p []byte) (int, error) {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return m.r.Read(p)
}

// copies tells of each dataset in a copy of the zone store whether some of it
// opens with the keys that the closed domain has now.
func copies(t *testing.T, d *querytest.Domain, dir string) map[string]bool {
	t.Helper()
	f, err := keys.Open(d.Config.Keys, keys.Passphrase(d.Config.Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	store, err := zone.Open(dir, f, f.Signer())
	if err != nil {
		t.Fatal(err)
	}
	versions, err := filepath.Glob(filepath.Join(dir, "*", "*", "v*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, path := range versions {
		dataset := filepath.Base(filepath.Dir(path))
		manifests, err := filepath.Glob(filepath.Join(path, "manifest-*"))
		if err != nil || len(manifests) != 1 {
			t.Fatalf("%s has the manifests %v, want one: %v", dataset, manifests, err)
		}
		_, err = store.Stats("medical", dataset, filepath.Base(path), strings.TrimPrefix(filepath.Base(manifests[0]), "manifest-"))
		if err != nil && !errors.Is(err, zone.ErrKey) {
			t.Errorf("%s = %v, want ErrKey", dataset, err)
		}
		out[dataset] = out[dataset] || err == nil
	}
	if len(out) != 3 {
		t.Fatalf("the copy has %v, want three datasets", out)
	}
	return out
}

// The keys of a zone end by the word of the right person, once nothing may use
// them, and everything of the zone is closed for good.
func TestTheKeysOfAZoneAreDestroyedByTheRules(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	answers(t, d)
	refused := func(what, user, code, why string) {
		t.Helper()
		if err := destroy(t, d, user, 0); querytest.Code(err) != code || !strings.Contains(querytest.Text(err), why) {
			t.Errorf("destroy %s = %v, want %s: %s", what, err, code, why)
		}
	}
	d.Apply(querytest.Founder, `{"kind":"Organization","name":"transport-commission","spec":{"title":"市交通运输局","kind":"industry_authority","org_form":"unincorporated"}}`)
	d.Register(querytest.Person{User: "yu.transport", RealName: "于交通", Organization: "transport-commission", Role: registry.RoleZoneRegulator})
	for _, user := range []string{"li.op", "wu.dc", "feng.audit", "qian.hospital", "yu.transport"} {
		refused("by "+user, user, "ROLE_REQUIRED", "")
	}
	refused("an active zone", querytest.Founder, "KEY_IN_USE", "the zone is not suspended")
	d.Apply("sun.health", changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
	refused("a zone with a license", querytest.Founder, "KEY_IN_USE", "license medical-2026 is not terminated")
	d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
		querytest.Founder, "sun.health")
	refused("by who suspended the zone", "sun.health", "KEY_IN_USE", "who suspended the zone does not destroy its keys")
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `医疗健康数据专区`, `医疗健康专区`))
	refused("by who suspended the zone, which another changed since", "sun.health", "KEY_IN_USE", "who suspended the zone does not destroy its keys")
	if got := keyEntries(t, d); len(got) != 0 {
		t.Errorf("what the rules refuse was ordered: %v", got)
	}

	if err := destroy(t, d, querytest.Founder, 0); err != nil {
		t.Fatalf("destroy: %v", err)
	}
	refused("again", querytest.Founder, "NOT_FOUND", "")
	d.Reopen()
	for _, k := range inventory(t, d).Keys {
		if k.Zone == "medical" && k.State != keys.StateDestroyed {
			t.Errorf("%+v lives", k)
		}
	}
	// Whoever takes the zone up again gets other keys, which open nothing of before.
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"SUSPENDED"`, `"status":"ACTIVE"`))
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	for dataset, opens := range copies(t, d, filepath.Join(d.Config.Domain, "zones")) {
		if opens {
			t.Errorf("%s opens with the new keys", dataset)
		}
	}
	if _, err := audit.Verify(query.AuditDir(d.Config.Domain), d.Engine.Domain().AuditKey); err != nil {
		t.Errorf("the audit log: %v", err)
	}
}

// A new key that signs is the domain's at once, for the gate and in its identity
// file, with how it came to be.
func TestARotatedSigningKeyIsTheDomains(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	first := d.Engine.Domain()
	for version := 2; version <= 3; version++ {
		done, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), query.KeyOrder{Purpose: keys.PurposeReleaseSign})
		if err != nil || done.Version != version {
			t.Fatalf("rotate = %+v, %v, want version %d", done, err, version)
		}
		now := d.Engine.Domain()
		file, err := query.ReadDomain(d.Config.Domain)
		if err != nil {
			t.Fatal(err)
		}
		if now.GateKey == first.GateKey || file.GateKey != now.GateKey || len(file.Former) != version-1 || file.AuditKey != first.AuditKey {
			t.Errorf("version %d: the gate says %+v, its file %+v, before %+v", version, now, file, first)
		}
	}
	if got := keyEntries(t, d); len(got) != 4 || got[3] != "key.rotated wu.dc  release-sign 3" {
		t.Errorf("the log says %q", got)
	}
}

func TestKeysAreListedAndRotatedByTheirRoles(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for user, may := range map[string][2]bool{
		"wu.dc": {true, true}, "feng.audit": {true, false}, querytest.Founder: {true, false},
		"li.op": {}, "sun.health": {}, "qian.hospital": {},
	} {
		_, listed := d.Engine.Keys(t.Context(), d.Subject(user))
		_, rotated := d.Engine.RotateKey(t.Context(), d.Subject(user), query.KeyOrder{Purpose: keys.PurposeZoneData, Zone: "medical"})
		for i, err := range []error{listed, rotated} {
			if want := map[bool]string{true: "", false: "ROLE_REQUIRED"}[may[i]]; querytest.Code(err) != want {
				t.Errorf("%s, list and rotate %d = %v, want %q", user, i, err, want)
			}
		}
	}
	for _, o := range []query.KeyOrder{{Purpose: "root", Zone: "medical"}, {Zone: "medical"}, {Purpose: "audit-sign"}, {Purpose: keys.PurposeReleaseSign, Zone: "medical"}} {
		if _, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), o); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("rotate %+v = %v, want BAD_REQUEST", o, err)
		}
	}
	if _, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), query.KeyOrder{Purpose: keys.PurposeZoneData, Zone: "none"}); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("rotate no zone = %v, want NOT_FOUND", err)
	}
}

// Nothing secret is in the inventory: neither a file of the key folder nor a
// derived key, in any common spelling, is a part of it.
func TestTheInventoryHoldsNoSecret(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	r := inventory(t, d)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Keys) != 7 || r.Provider.Kind != keys.KindPassphrase {
		t.Errorf("inventory %s, want 7 keys of a passphrase", text)
	}
	for _, k := range r.Keys {
		if k.Certified || k.Certificate != "" || k.Module == "" {
			t.Errorf("%+v claims a certificate, or names no module", k)
		}
	}
	if strings.Contains(string(text), string(d.Config.Passphrase)) {
		t.Error("the inventory holds the passphrase")
	}
	allowed := map[string]bool{}
	for _, word := range strings.FieldsFunc(string(text), func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", c) }) {
		if len(word) >= 16 {
			allowed[word] = true
		}
	}
	if len(allowed) != 0 {
		t.Errorf("the inventory holds what may be a key: %v", allowed)
	}
}

// A gate whose keys Vault keeps works as any other; when Vault is away nothing is
// answered, loaded or opened, and when it is back everything is.
func TestAGateUnderVaultStopsWithoutIt(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.Config()
	config.LeaseSeconds, config.Timeout = 1, 300*time.Millisecond
	p, err := keys.Vault(config)
	if err != nil {
		t.Fatal(err)
	}
	d := querytest.City(t, querytest.Options{Idle: 1, Provider: p})
	want := answers(t, d)
	rotate(t, d, keys.PurposeZoneData)
	if r := inventory(t, d); r.Provider.Kind != keys.KindVault || !slices.ContainsFunc(r.Keys, func(k query.KeyView) bool { return k.WrappedBy == "provider" && k.Zone == "medical" }) {
		t.Errorf("inventory %+v, want keys of vault", r)
	}

	s.Set(keystest.Sealed)
	time.Sleep(1100 * time.Millisecond)
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict); err == nil {
		t.Error("a gate without its keys answered")
	}
	beds := querytest.Registers().Beds
	later := querytest.Delivery("medical", "beds", "beds-statistics", beds.CSV(), len(beds.Rows))
	later.Acquired = "2026-11-02" // what is in use already is not loaded again
	if _, err := d.TryLoad("wu.dc", later, beds.CSV()); err == nil {
		t.Error("a gate without its keys took a delivery")
	}
	if _, err := d.Engine.Keys(t.Context(), d.Subject("wu.dc")); querytest.Code(err) != "KEYS_UNAVAILABLE" {
		t.Errorf("keys = %v, want KEYS_UNAVAILABLE", err)
	}
	if _, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), query.KeyOrder{Purpose: keys.PurposeZoneData, Zone: "medical"}); querytest.Code(err) != "KEYS_UNAVAILABLE" {
		t.Errorf("rotate = %v, want KEYS_UNAVAILABLE", err)
	}
	s.Set(keystest.None)
	if got := answers(t, d); got != want {
		t.Errorf("with Vault again:\n%s\nwant\n%s", got, want)
	}
	d.Reopen()
	if got := answers(t, d); got != want {
		t.Errorf("after a restart:\n%s\nwant\n%s", got, want)
	}
	if entries := keyEntries(t, d); !slices.Contains(entries, "key.failed wu.dc medical zone-data  KEYS_UNAVAILABLE") {
		t.Errorf("the log says %q, want a failed rotation", entries)
	}

	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.Set(keystest.Refusing)
	if e, err := query.Open(t.Context(), d.Config); err == nil {
		t.Errorf("a gate that Vault refuses opened: %v", e.Close())
	}
	if strings.Contains(d.Log.String(), "hvs.") {
		t.Error("the log holds a token")
	}
}
