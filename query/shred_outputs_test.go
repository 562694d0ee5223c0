package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// waitsIn has an output of a statement wait for its reviewers.
func waitsIn(t *testing.T, d *querytest.Domain, sql string) (run string) {
	t.Helper()
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	if run = querytest.RunOf(t, err); querytest.Code(err) == "QUERY_IN_REVIEW" {
		d.Approve("sun.health", run)
		_, err = d.Resume("li.op", run)
	}
	if querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatalf("%s = %v", sql, querytest.Text(err))
	}
	return run
}

// leaves has an output that waits released.
func leaves(t *testing.T, d *querytest.Domain, run string) {
	t.Helper()
	d.Approve("sun.health", run)
	d.Approve("zheng.police", run)
	if _, err := d.Resume("li.op", run); err != nil {
		t.Fatal(querytest.Text(err))
	}
}

// endedIn reports whether nothing of a held output is left in the domain, its key
// included, and its requester is told why.
func endedIn(t *testing.T, d *querytest.Domain, run, shred string) bool {
	t.Helper()
	_, err := d.Resume("li.op", run)
	told := querytest.Code(err) == "DATA_SHREDDED" && strings.Contains(querytest.Text(err), shred)
	for _, path := range []string{filepath.Join(d.Config.Domain, "holds", run+".hold"), filepath.Join(d.Config.Keys, "holds", run+".key")} {
		if _, err := os.Stat(path); err == nil == told {
			t.Errorf("%s told %v (%s), and %s is there: %v", run, told, querytest.Text(err), path, err == nil)
		}
	}
	return told
}

// What was made of shredded data and waits ends with them, keys too, and nothing else
// does; what has left before is named as what nobody calls back.
func TestOutputsMadeOfWhatIsShreddedEndWithIt(t *testing.T) {
	t.Parallel()
	const withName, withYear = "SELECT name, district FROM persons LIMIT 3", "SELECT birth_date, district FROM persons LIMIT 3"
	for _, c := range []struct {
		order      query.ShredOrder
		year, beds bool // whether those end too
	}{
		{query.ShredOrder{Kind: "column", Dataset: "persons", Column: "name"}, false, false},
		{query.ShredOrder{Kind: "version", Dataset: "persons"}, true, false},
		{query.ShredOrder{Kind: "dataset", Dataset: "persons"}, true, false},
	} {
		t.Run(c.order.Kind, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{Idle: 1})
			left := waitsIn(t, d, withName)
			leaves(t, d, left)
			name, year := waitsIn(t, d, withName), waitsIn(t, d, withYear)
			if c.order.Kind == "version" {
				all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: "persons"})
				if err != nil {
					t.Fatal(err)
				}
				c.order.Version = all[0].Version
			}
			c.order.Zone = "medical"
			cert := shred(t, d, "sun.health", c.order)
			want := []string{name}
			if c.year {
				want = append(want, year)
			}
			slices.Sort(want)
			got := cert.Outputs
			if got == nil || !slices.Equal(slices.Sorted(slices.Values(got.Withdrawn)), want) || !slices.Equal(got.Released, []string{left}) || len(got.Unknown) != 0 {
				t.Fatalf("outputs = %+v, want %v withdrawn and %s released before", got, want, left)
			}
			verified(t, d, cert)
			var page strings.Builder
			if err := cert.Page(&page); err != nil || !strings.Contains(page.String(), left) || !strings.Contains(page.String(), name) {
				t.Errorf("page = %v, without the outputs", err)
			}
			for range 2 {
				if !endedIn(t, d, name, cert.ID) {
					t.Error("an output of what is shredded did not end")
				}
				if c.year && !endedIn(t, d, year, cert.ID) {
					t.Error("another output of it did not end")
				}
				d.Reopen()
			}
			if kinds := auditKinds(d, name); !slices.Equal(kinds[len(kinds)-2:], []string{"output.withdrawn", "hold.destroyed"}) {
				t.Errorf("the log of %s ends with %v", name, kinds)
			}
			if !c.year {
				leaves(t, d, year) // what was not made of it goes its way
			}
		})
	}
}

// An output that ended without its key being destroyed yet, as a gate leaves it that is
// killed in between, is named and ends with what it was made of.
func TestOutputsThatEndedAndAreKeptStillEndWithTheirData(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	before := pends(t, d, counted)
	rows, key := filepath.Join(d.Config.Domain, "holds", before+".hold"), filepath.Join(d.Config.Keys, "holds", before+".key")
	left := map[string][]byte{}
	for _, path := range []string{rows, key} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		left[path] = data
	}
	after, err := coarsen(t, d, "sun.health", before, query.Coarsening{K: 20})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for path, data := range left {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := coarsen(t, d, "sun.health", pends(t, d, counted+" ORDER BY street"), query.Coarsening{K: 20}) // its key is gone
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	cert := shred(t, d, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "persons", Column: "street"})
	want := []string{before, after, gone}
	if got := cert.Outputs; got == nil || !slices.Equal(slices.Sorted(slices.Values(got.Withdrawn)), want) || len(got.Released)+len(got.Unknown) != 0 {
		t.Errorf("outputs = %+v, want %v withdrawn", got, want)
	}
	if exists(rows) || exists(key) {
		t.Error("its rows or their key are left")
	}
}

// The same of a zone, and of an operator's workspace.
func TestOutputsEndWithTheirZoneAndWorkspace(t *testing.T) {
	t.Parallel()
	for _, o := range []query.ShredOrder{{Kind: "zone", Zone: "medical"}, {Kind: "workspace", Organization: "huiyi"}} {
		d := querytest.City(t, querytest.Options{Idle: 1})
		left := waitsIn(t, d, "SELECT name, district FROM persons LIMIT 3")
		leaves(t, d, left)
		waits := waitsIn(t, d, "SELECT name, district FROM persons LIMIT 3")
		d.Apply("sun.health", changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
		d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
			querytest.Founder, "sun.health")
		cert := shred(t, d, querytest.Founder, o)
		if got := cert.Outputs; got == nil || !slices.Equal(got.Withdrawn, []string{waits}) || !slices.Equal(got.Released, []string{left}) {
			t.Errorf("%s: outputs = %+v, want %s withdrawn and %s released", o.Kind, got, waits, left)
		}
		for _, path := range []string{filepath.Join(d.Config.Domain, "holds", waits+".hold"), filepath.Join(d.Config.Keys, "holds", waits+".key")} {
			if exists(path) {
				t.Errorf("%s: %s is left", o.Kind, path)
			}
		}
	}
}

// A shred is not certified, and no key destroyed, while something still reads.
func TestAShredWaitsForThoseWhoRead(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"a statement", "a statement that just begins", "a verification"} {
		d := querytest.City(t, querytest.Options{Idle: 1})
		v, err := orderShred(t, d, "wu.dc", department)
		if err != nil {
			t.Fatal(err)
		}
		query.BoundPatience(d.Engine, 50*time.Millisecond)
		ended, leave := query.Reads(d.Engine, what, "medical")
		if _, err := confirmed(t, d, v.ID); querytest.Code(err) != "KEY_IN_USE" || !strings.Contains(querytest.Text(err), "shred confirm") {
			t.Errorf("while %s reads = %v, want KEY_IN_USE", what, err)
		}
		if ended() != (what != "a statement that just begins") {
			t.Errorf("%s was ended: %v", what, ended())
		}
		if s := orderState(t, d); s != registry.ShredSwitched {
			t.Errorf("while %s reads it is %s, want it switched and not done", what, s)
		}
		for _, k := range inventory(t, d).Keys {
			if k.Zone == "medical" && k.State == keys.StateDestroyed {
				t.Errorf("a key is destroyed while %s reads: %+v", what, k)
			}
		}
		if c := code(d, byDepartment); c != "DATA_SHREDDED" {
			t.Errorf("meanwhile the column = %q", c)
		}
		leave()
		if done, err := confirmed(t, d, v.ID); err != nil || done.State != registry.ShredDone {
			t.Errorf("after %s left = %v, %v", what, done, err)
		}
	}
	d := querytest.City(t, querytest.Options{Idle: 1})
	query.BoundPatience(d.Engine, 50*time.Millisecond)
	_, leave := query.Reads(d.Engine, "a verification", "another")
	defer leave()
	shred(t, d, "sun.health", department) // who reads another zone stops nothing
}

// Reading rows leaves an entry, whoever reads them and whatever for, before the first
// is read; comparing digests reads none.
func TestReadingRowsIsLogged(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	bedsIn(d, "222")
	reads := func() (out []string) {
		for _, e := range d.Audit("feng.audit") {
			if e.Kind == "zone.read" {
				out = append(out, strings.Join([]string{e.Actor, e.Zone, e.Fields["dataset"], e.Fields["version"][:1], e.Fields["what"]}, " "))
			}
		}
		return out
	}
	if _, err := d.Engine.Verify(t.Context(), d.Subject("feng.audit"), query.VerifyRequest{Dataset: "beds"}); err != nil {
		t.Fatal(err)
	}
	if got := reads(); len(got) != 0 {
		t.Errorf("comparing digests: %v", got)
	}
	if _, err := d.Engine.Verify(t.Context(), d.Subject("feng.audit"), query.VerifyRequest{Dataset: "beds", Decrypt: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Engine.Diff(t.Context(), d.Subject("wu.dc"), query.DiffRequest{Dataset: "beds"}); err != nil {
		t.Fatal(err)
	}
	if got, want := reads(), []string{"feng.audit medical beds v verify", "wu.dc medical beds v diff", "wu.dc medical beds v diff"}; !slices.Equal(got, want) {
		t.Errorf("entries = %q, want %q", got, want)
	}
	// A log that takes nothing: nothing is read.
	logs := filepath.Join(d.Config.Domain, "audit")
	if err := os.Rename(logs, logs+"-away"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Rename(logs+"-away", logs); err != nil {
			t.Error(err)
		}
	}()
	if _, err := d.Engine.Diff(t.Context(), d.Subject("wu.dc"), query.DiffRequest{Dataset: "beds"}); querytest.Code(err) != "AUDIT_UNAVAILABLE" {
		t.Errorf("without a log = %v, want AUDIT_UNAVAILABLE", err)
	}
}
