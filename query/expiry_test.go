package query_test

import (
	"encoding/json"
	"testing"
	"time"

	"zonebox/query/querytest"
	"zonebox/registry"
)

// authenticates reports whether a person's key is good for anything.
func authenticates(t *testing.T, d *querytest.Domain, user string) bool {
	t.Helper()
	_, err := d.TrySubject(user)
	if err != nil && querytest.Code(err) != "AUTH_FAILED" {
		t.Fatalf("%s: %v", user, err)
	}
	return err == nil
}

// A license that ends takes the accounts of its operator with it in the same act: the
// very next request is nobody's. Others are as before, and a restart changes nothing.
func TestAccountsDieWithTheLicense(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	if c := code(d, perDistrict); c != "" {
		t.Fatalf("before: %s", c)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
		querytest.Founder, "sun.health")
	for range 2 {
		if authenticates(t, d, "li.op") {
			t.Error("li.op is let in after the license ended")
		}
		if !authenticates(t, d, "sun.health") || !authenticates(t, d, "feng.audit") {
			t.Error("the end of a license shut somebody else out")
		}
		d.Reopen() // the log has an entry for each version that the end made
	}
	d.Register(querytest.Person{User: "li.op", RealName: "李运营", Organization: "huiyi", Role: registry.RoleOperator})
	if !authenticates(t, d, "li.op") {
		t.Error("a new version of the person does not take li.op up again")
	}
	if c := code(d, perDistrict); c != "LICENSE_INACTIVE" && c != "DENIED" {
		t.Errorf("under the terminated license = %q", c)
	}
}

// On the last day a license answers; on the next it has ended, by the clock of the
// city and by nobody's word, at whichever comes first: a question, the hour, a start.
func TestALicenseEndsWithItsLastDay(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]func(t *testing.T, d *querytest.Domain){
		"a question": func(t *testing.T, d *querytest.Domain) {
			if c := code(d, perDistrict); c == "" {
				t.Error("the day after the last is answered")
			}
		},
		"the hour": func(t *testing.T, d *querytest.Domain) {
			if err := d.Engine.ExpireDue(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"a start": func(_ *testing.T, d *querytest.Domain) { d.Reopen() },
	} {
		t.Run(name, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{Idle: 1})
			last := time.Date(2030, 12, 31, 23, 0, 0, 0, time.FixedZone("CST", 8*60*60))
			d.Advance(last.Sub(d.Now()))
			if err := d.Engine.ExpireDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c := code(d, perDistrict); c != "" {
				t.Fatalf("on the last day = %s", c)
			}
			d.Advance(time.Hour)
			look(t, d)
			docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindLicense, "medical-2026")
			if err != nil {
				t.Fatal(err)
			}
			var doc registry.Document
			if err := json.Unmarshal(docs[0].Document, &doc); err != nil {
				t.Fatal(err)
			}
			l, err := registry.SpecOf[registry.License](doc)
			if err != nil {
				t.Fatal(err)
			}
			if l.Status != registry.StatusExpired || docs[0].By != "gate" {
				t.Errorf("the license is %s by %s", l.Status, docs[0].By)
			}
			if authenticates(t, d, "li.op") {
				t.Error("li.op is let in after the license expired")
			}
		})
	}
}
