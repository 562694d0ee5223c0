package query_test

import (
	"bytes"
	"database/sql"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"zonebox/policy"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

const (
	ruledDistricts = "SELECT district, count(*) AS n FROM persons GROUP BY district"
	ruleOfNothing  = "package zonebox.expert.x\n\nhelp := 1\n"
	noDistrict     = `package zonebox.expert.x

deny contains {
	"code": "EXPERT_DISTRICT",
	"article": "YC22-38",
	"about": "persons.district",
	"zh": "暂不提供分区统计",
	"en": "statistics by district are not given",
} if "persons.district" in input.query.group_cols
`
)

// rules returns a bundle of one expert module, signed by a person of the domain.
func rules(t testing.TB, d *querytest.Domain, signer string, revision int64, module string) []byte {
	t.Helper()
	raw, err := policy.Build(fstest.MapFS{"expert/x.rego": {Data: []byte(module)}}, revision)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = policy.Sign(raw, signer, d.Key(signer).Private()); err != nil {
		t.Fatal(err)
	}
	return raw
}

// inForce publishes as one person and confirms as another.
func inForce(t testing.TB, d *querytest.Domain, revision int64, module string, from time.Time) *query.PolicyOrderView {
	t.Helper()
	o, err := d.Engine.OrderPolicy(t.Context(), d.Subject(querytest.Founder), query.PolicyOrder{Archive: rules(t, d, querytest.Founder, revision, module), From: from})
	if err != nil {
		t.Fatal(err)
	}
	if o, err = d.Engine.ConfirmPolicy(t.Context(), d.Subject("sun.health"), o.ID); err != nil {
		t.Fatal(err)
	}
	return o
}

// denied reports whether the expert rule refuses the statement it is about.
func districtRefused(t testing.TB, d *querytest.Domain) bool {
	t.Helper()
	_, err := d.Ask("li.op", "outpatient-statistics", "MED-STAT", ruledDistricts)
	if err != nil && !strings.Contains(querytest.Text(err), "statistics by district are not given") {
		t.Fatal(err)
	}
	return err != nil
}

// A bundle has its time: before it the earlier rules decide, from it on the new ones,
// in a gate that was restarted in between too.
func TestABundleIsInForceFromItsTimeOn(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	inForce(t, d, 3, noDistrict, d.Now().Add(2*time.Hour))
	if districtRefused(t, d) {
		t.Error("it decided before its time")
	}
	d.Reopen()
	if districtRefused(t, d) {
		t.Error("it decided before its time after a restart")
	}
	d.Advance(3 * time.Hour)
	if !districtRefused(t, d) {
		t.Error("it did not decide when its time had come")
	}
	d.Reopen()
	if !districtRefused(t, d) {
		t.Error("it did not decide after a restart")
	}
	inForce(t, d, 4, ruleOfNothing, time.Time{})
	if districtRefused(t, d) {
		t.Error("the rules before it decide still")
	}
	// Its return brings the one before back.
	o, err := d.Engine.OrderPolicy(t.Context(), d.Subject("sun.health"), query.PolicyOrder{Return: true, Reason: "NJ24-23"})
	if err != nil {
		t.Fatal(err)
	}
	if o, err = d.Engine.ConfirmPolicy(t.Context(), d.Subject(querytest.Founder), o.ID); err != nil || o.Revision != 3 {
		t.Fatal(o, err)
	}
	if !districtRefused(t, d) {
		t.Error("the earlier rules did not come back")
	}
	d.Reopen()
	if !districtRefused(t, d) {
		t.Error("the earlier rules did not come back after a restart")
	}
}

// Whoever orders does not confirm, nor does anybody of the same organization or in
// the same part; every pair of people is tried.
func TestRulesNeedACityAuthorityAndAZoneRegulator(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	d.Register(querytest.Person{User: "zhou.city", RealName: "周市数", Organization: "city-data-authority", Role: registry.RoleCityAuthority},
		querytest.Person{User: "lu.city", RealName: "陆市数", Organization: "city-data-authority", Role: registry.RoleZoneRegulator},
		querytest.Person{User: "song.health", RealName: "宋卫健", Organization: "health-commission", Role: registry.RoleZoneRegulator})
	people := []string{querytest.Founder, "zhou.city", "lu.city", "sun.health", "song.health", "zheng.police", "qian.hospital", "wu.dc", "he.sec", "li.op", "jin.op", "feng.audit"}
	may := map[string]string{querytest.Founder: "city", "zhou.city": "city", "lu.city": "zone", "sun.health": "zone", "song.health": "zone"}
	of := map[string]string{querytest.Founder: "city", "zhou.city": "city", "lu.city": "city"} // organization; the health commission else
	var known []string
	for _, p := range people {
		if hasPerson(t, d, p) {
			known = append(known, p)
		}
	}
	revision := int64(0)
	pairs := 0
	for _, first := range known {
		revision++
		o, err := d.Engine.OrderPolicy(t.Context(), d.Subject(first), query.PolicyOrder{Archive: rules(t, d, first, revision, ruleOfNothing)})
		if (err == nil) != (may[first] != "") {
			t.Errorf("%s orders: %v", first, err)
		}
		if err != nil {
			continue
		}
		// Those who may not come first: the order waits until somebody confirms it.
		for _, second := range known {
			if ok := may[second] != "" && may[second] != may[first] && of[second] != of[first]; ok {
				continue
			}
			pairs++
			if _, err := d.Engine.ConfirmPolicy(t.Context(), d.Subject(second), o.ID); err == nil {
				t.Fatalf("%s confirmed what %s ordered", second, first)
			}
		}
		second := "sun.health"
		switch {
		case first == "lu.city": // no city authority is of another organization than hers
			continue
		case may[first] == "zone":
			second = querytest.Founder
		}
		if _, err := d.Engine.ConfirmPolicy(t.Context(), d.Subject(second), o.ID); err != nil {
			t.Errorf("%s does not confirm what %s ordered: %v", second, first, err)
		}
		if _, err := d.Engine.ConfirmPolicy(t.Context(), d.Subject(second), o.ID); err == nil {
			t.Errorf("%s confirmed it twice", second)
		}
	}
	if pairs < 10 {
		t.Errorf("%d pairs were tried: the test shows nothing", pairs)
	}
}

func hasPerson(t testing.TB, d *querytest.Domain, name string) bool {
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), "person", name)
	return err == nil && len(docs) == 1
}

// No mutant of a bundle is taken, and the one in force stays, across a restart too.
func TestNoMutantOfABundleComesIntoForce(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	inForce(t, d, 5, noDistrict, time.Time{})
	before, err := d.Engine.Policy(t.Context(), d.Subject(querytest.Founder))
	if err != nil {
		t.Fatal(err)
	}
	whole := rules(t, d, querytest.Founder, 6, ruleOfNothing)
	unsigned, err := policy.Build(fstest.MapFS{"expert/x.rego": {Data: []byte(ruleOfNothing)}}, 6)
	if err != nil {
		t.Fatal(err)
	}
	noKey, err := policy.Sign(unsigned, querytest.Founder, d.Key("li.op").Private())
	if err != nil {
		t.Fatal(err)
	}
	mutants := map[string][]byte{
		"unsigned": unsigned, "another key": noKey, "another signer": rules(t, d, "sun.health", 6, ruleOfNothing),
		"an older revision": rules(t, d, querytest.Founder, 4, ruleOfNothing), "the same revision": rules(t, d, querytest.Founder, 5, ruleOfNothing),
		"half": whole[:len(whole)/2], "more": append(bytes.Clone(whole), 0),
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	for n := range 60 {
		out := bytes.Clone(whole)
		out[r.IntN(len(out))] ^= 1 << r.IntN(8)
		mutants["flipped "+string(rune('a'+n%26))+strings.Repeat("x", n/26)] = out
	}
	for name, raw := range mutants {
		if _, err := d.Engine.OrderPolicy(t.Context(), d.Subject(querytest.Founder), query.PolicyOrder{Archive: raw}); querytest.Code(err) != "POLICY_BUNDLE_REFUSED" {
			t.Errorf("%s: %v, want POLICY_BUNDLE_REFUSED", name, err)
		}
	}
	d.Reopen()
	after, err := d.Engine.Policy(t.Context(), d.Subject(querytest.Founder))
	if err != nil || after.Hash != before.Hash || after.Revision != 5 || len(after.Orders) != 1 {
		t.Errorf("after the mutants %+v, %v, want %+v", after, err, before)
	}
	if !districtRefused(t, d) {
		t.Error("the rules in force do not decide any more")
	}
}

// A registry that lacks confirmed rules, or whose stored bundle does not open, is
// not opened: the gate would decide by laxer rules.
func TestAGateWithoutItsRulesDoesNotStart(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"missing": `DELETE FROM policy_orders WHERE step = 2`,
		"all":     `DELETE FROM policy_orders`,
		"damaged": `UPDATE policy_orders SET body = zeroblob(length(body)) WHERE step = 2`,
		"swapped": `UPDATE policy_orders SET body = (SELECT body FROM policy_orders WHERE step = 1) WHERE step = 2`,
		"undone":  `UPDATE policy_orders SET step = NULL WHERE step = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{})
			inForce(t, d, 1, ruleOfNothing, time.Time{})
			inForce(t, d, 2, noDistrict, time.Time{})
			if err := d.Engine.Close(); err != nil {
				t.Fatal(err)
			}
			e, err := query.Open(t.Context(), d.Config)
			if err != nil {
				t.Fatalf("control: %v", err)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", filepath.Join(d.Config.Domain, "registry.db"))
			if err != nil {
				t.Fatal(err)
			}
			if res, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			} else if n, err := res.RowsAffected(); err != nil || n == 0 {
				t.Fatal("nothing was changed", err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if e, err := query.Open(t.Context(), d.Config); err == nil {
				t.Error("it was opened", errors.Join(e.Close()))
			}
		})
	}
}
