package query_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

func TestLoadContract(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	t.Run("a report says where the data come from and who answers for them", func(t *testing.T) { originOfALoad(t, d.In(t)) })
	t.Run("a manifest is signed by its provider or not at all", func(t *testing.T) { signedByTheProvider(t, d.In(t)) })
	t.Run("data are of a day that has been, and not older than those in use", func(t *testing.T) { daysOfDeliveries(t, d.In(t)) })
	t.Run("a delivery that was replaced does not come back by itself", func(t *testing.T) { aReplacedDelivery(t, d.In(t)) })
}

// bedsNoted returns a delivery of beds with a note of its own, and how many rows it has.
func bedsNoted(note string) (file []byte, rows int) {
	beds := querytest.Registers().Beds.Clone()
	beds.Rows[0][beds.Column("note")] = note
	return beds.CSV(), len(beds.Rows)
}

// signedByTheProvider: a signature that is there has to hold, and one that zone or
// grant demands has to be there.
func signedByTheProvider(t *testing.T, d *querytest.Domain) {
	t.Helper()
	file, rows := bedsNoted("signed")
	plain := d.Delivery("medical", "beds", "beds-statistics", file, rows)
	sign := func(by string) query.Manifest { return plain.Sign(by, d.Key(by).Private(), d.Now()) }
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	try := func(name, code string, m query.Manifest) {
		t.Helper()
		_, err := d.TryLoad("wu.dc", m, file)
		if got := querytest.Code(err); got != code {
			t.Errorf("%s: %q (%v), want %q", name, got, err, code)
		}
	}
	provider := "qian.hospital"
	after := sign(provider)
	after.Acquired = "2026-11-02"
	borrowed := sign("zheng.police")
	borrowed.Signature.By = provider
	refused := map[string]query.Manifest{
		"of a person of another provider": sign("zheng.police"),
		"of the data centre":              sign("wu.dc"),
		"of another key":                  plain.Sign(provider, stranger, d.Now()),
		"of somebody unknown":             plain.Sign("nobody", stranger, d.Now()),
		"of a manifest changed since":     after,
		"under another's name":            borrowed,
		"of a day to come":                plain.Sign(provider, d.Key(provider).Private(), d.Now().Add(time.Hour)),
	}
	for name, m := range refused {
		try(name, "LOAD_SIGNATURE", m)
	}
	kept := sign(provider)
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, provider, `"status":"active"`, `"status":"disabled"`))
	try("of somebody disabled since", "LOAD_SIGNATURE", kept)
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, provider, `"status":"disabled"`, `"status":"active"`))
	try("unsigned, nobody asks", "", plain)
	try("signed, nobody asks", "", sign(provider))

	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"ACTIVE","signed_deliveries":true`))
	try("unsigned, the zone asks", "LOAD_UNSIGNED", plain)
	try("signed, the zone asks", "", sign(provider))
	elsewhere := plain
	elsewhere.Grant = "visits-statistics"
	try("under the grant of another dataset", "LOAD_REFUSED", elsewhere)
	short := plain
	short.SHA256 = short.SHA256[:63]
	try("with a digest that is none", "LOAD_REFUSED", short)
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `,"signed_deliveries":true`, ``))
	try("unsigned, nobody asks any more", "", plain)
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "beds-statistics", `"dataset":`, `"signed_deliveries":true,"dataset":`))
	try("unsigned, the grant asks", "LOAD_UNSIGNED", plain)
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "beds-statistics", `"signed_deliveries":true`, `"signed_deliveries":false`))
}

// daysOfDeliveries: the acquisition date is no day to come, nor before that of the
// data in use.
func daysOfDeliveries(t *testing.T, d *querytest.Domain) {
	t.Helper()
	file, rows := bedsNoted("days")
	m := d.Delivery("medical", "beds", "beds-statistics", file, rows)
	for _, c := range []struct{ acquired, code string }{
		{d.Now().AddDate(0, 0, 2).Format(time.DateOnly), "LOAD_FUTURE"},
		{"2026-10-31", "LOAD_OLDER"},
		{"2026-11-01", ""},
		{"2026-11-03", ""},
		{"2026-11-01", "LOAD_OLDER"},
	} {
		m.Acquired = c.acquired
		if _, err := d.TryLoad("wu.dc", m, file); querytest.Code(err) != c.code {
			t.Errorf("acquired %s: %v, want %q", c.acquired, err, c.code)
		}
	}
	if out := d.Trial("wu.dc", m, file); strings.Contains(strings.Join(out.Warnings, " "), "update frequency") {
		t.Errorf("data of some days ago, updated monthly: %v", out.Warnings)
	}
	d.Advance(60 * 24 * time.Hour)
	m.Acquired = "2026-11-03"
	if out := d.Trial("wu.dc", m, file); out.Verdict != query.TrialLoad && out.Verdict != query.TrialAlready ||
		!strings.Contains(strings.Join(out.Warnings, " "), "update frequency") {
		t.Errorf("data of two months ago, updated monthly: %s %v, want it told", out.Verdict, out.Warnings)
	}
}

// aReplacedDelivery: what another delivery of the day took the place of comes back by a
// rollback alone; under a manifest of a later day it is a new delivery.
func aReplacedDelivery(t *testing.T, d *querytest.Domain) {
	t.Helper()
	day := d.Now().Format(time.DateOnly)
	deliver := func(note, acquired string) error {
		file, rows := bedsNoted(note)
		m := d.Delivery("medical", "beds", "beds-statistics", file, rows)
		m.Acquired = acquired
		_, err := d.TryLoad("wu.dc", m, file)
		return err
	}
	for i, c := range []struct{ note, code string }{{"first", ""}, {"first", ""}, {"second", ""}, {"second", ""}, {"first", "LOAD_REFUSED"}, {"second", ""}} {
		if err := deliver(c.note, day); querytest.Code(err) != c.code || c.code != "" && !strings.Contains(querytest.Text(err), "zone rollback") {
			t.Errorf("delivery %d: %s, want %q", i+1, querytest.Text(err), c.code)
		}
	}
	d.Advance(24 * time.Hour)
	if err := deliver("first", d.Now().Format(time.DateOnly)); err != nil {
		t.Errorf("of the next day: %s", querytest.Text(err))
	}
}

func originOfALoad(t *testing.T, d *querytest.Domain) {
	t.Helper()
	beds := querytest.Registers().Beds.Clone()
	beds.Rows = beds.Rows[1:]
	file := beds.CSV()
	m := d.Delivery("medical", "beds", "beds-statistics", file, len(beds.Rows))
	m = m.Sign("qian.hospital", d.Key("qian.hospital").Private(), d.Now())
	r := d.Load("wu.dc", m, file)
	want := query.Origin{Provider: "hospital-group", Grant: "beds-statistics", Delivery: m.SHA256, Acquired: m.Acquired, Mode: query.ModeFull, SignedBy: "qian.hospital", LoadedBy: "wu.dc"}
	if r.Origin != want || len(r.Responsible) == 0 {
		t.Errorf("the report says %+v, %+v; want %+v and the responsible of the zone", r.Origin, r.Responsible, want)
	}
	entries := slices.DeleteFunc(d.Audit("feng.audit"), func(e query.AuditEntry) bool { return e.Kind != "load.committed" })
	last := entries[len(entries)-1].Fields
	if last["signed_by"] != "qian.hospital" || !strings.Contains(last["responsible"], r.Responsible[0].Person) {
		t.Errorf("the entry of the load holds %v, want the signer and the responsible", last)
	}
}
