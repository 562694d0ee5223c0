package registry_test

import (
	"strings"
	"testing"
	"time"

	"zonebox/registry"
)

// restriction closes what it names; edits make it another.
func restriction(name, level, target string, edits ...edit) registry.Document {
	return document("Restriction", name, `{"level":"`+level+`","target":"`+target+`","degree":"CLOSE","reason":"违反约定","clause":"NJ24-12","status":"ACTIVE"}`, edits...)
}

// guarded adds people of the security bureau to the complete medical zone, and a
// provider and a regulator that have nothing to do with it.
func guarded(t *testing.T) *world {
	t.Helper()
	w := granted(t)
	w.must("carol", organization("bureau", "security"), organization("clinic", "provider"), organization("finance", "industry_authority"),
		person("sven", "bureau", "security"), person("petra", "clinic", "provider"), person("finn", "finance", "zone_regulator"), person("cora", "city", "city_authority"))
	return w
}

var switched = map[string]string{"operator": "medco", "license": "medical-2026", "scenario": "flu", "zone": "medical", "dataset": "visits", "column": "visits.cost"}

// Who switches at which level: every level by every role, alone and together.
func TestWhoMayCloseAtWhichLevel(t *testing.T) {
	signers := []string{"carol", "zoe", "zoe carol", "finn", "finn carol", "paul", "petra", "dave", "sven", "olga", "carol cora"}
	may := map[string]string{ // by level, those of signers who may
		"operator": "carol|zoe carol|finn carol|carol cora",
		"license":  "zoe carol",
		"scenario": "carol|zoe|zoe carol|finn carol|carol cora",
		"zone":     "carol|zoe|zoe carol|finn carol|dave|carol cora",
		"dataset":  "carol|paul|zoe carol|finn carol|carol cora",
		"column":   "carol|paul|zoe carol|finn carol|carol cora",
	}
	w := guarded(t)
	for level, target := range switched {
		for _, by := range signers {
			people, want := strings.Fields(by), false
			for one := range strings.SplitSeq(may[level], "|") {
				want = want || one == by
			}
			epoch := w.epoch()
			d := w.signed(restriction(level+"-"+strings.ReplaceAll(by, " ", "-"), level, target), people...)
			_, err := w.Apply(t.Context(), people[0], []registry.Document{d})
			if (err == nil) != want {
				t.Errorf("%s closed by %s: %v, want accepted %v", level, by, err, want)
			}
			if after := w.epoch(); (after > epoch) != want {
				t.Errorf("%s closed by %s: the epoch went from %d to %d", level, by, epoch, after)
			}
			w.clock.tick()
		}
	}
}

// Security and the data centre restrict at any level on an alert that they name;
// they close nothing but, as the data centre may, a zone. Nobody does unsigned.
func TestWatchersRestrictForATimeOnly(t *testing.T) {
	w := guarded(t)
	w.refused(registry.CodeSignature, "carol", restriction("m", "operator", "medco"))
	w.refused(registry.CodeReference, "sven", w.signed(restriction("m", "operator", "medco", set("degree", "RESTRICT"), set("rate", 5), set("alert", "al-1")), "sven"))
	raise(t, w, registry.Alert{ID: "al-1", Rule: "probing", Pack: "nanjing-2024", Subject: "olga"})
	mild := []edit{set("degree", "RESTRICT"), set("rate", 5)}
	on := append(mild[:2:2], set("alert", "al-1"))
	for _, by := range []string{"sven", "dave"} {
		for _, level := range []string{"operator", "license", "scenario", "dataset"} {
			name, target := level+"-"+by, switched[level]
			w.refused(registry.CodeRole, by, w.signed(restriction(name, level, target, set("alert", "al-1")), by))
			w.refused(registry.CodeRole, by, w.signed(restriction(name, level, target, mild...), by))
			w.must(by, w.signed(restriction(name, level, target, on...), by))
		}
	}
	lift := append(on[:3:3], set("status", "LIFTED"), set("status_reason", "误报"))
	w.must("sven", w.signed(restriction("operator-sven", "operator", "medco", lift...), "sven"))
	w.must("carol", w.signed(restriction("operator-dave", "operator", "medco", lift...), "carol"))
}

// Those lift a measure who set it, with a reason; nobody changes what it says, and
// what is lifted stays lifted.
func TestThoseLiftItWhoSetIt(t *testing.T) {
	w := guarded(t)
	lift := []edit{set("status", "LIFTED"), set("status_reason", "整改完成")}
	w.must("carol", w.signed(restriction("license", "license", "medical-2026"), "zoe", "carol"))
	w.must("paul", w.signed(restriction("dataset", "dataset", "visits"), "paul"))
	w.must("carol", w.signed(restriction("by-city", "dataset", "visits"), "carol"))
	for _, by := range []string{"carol", "zoe", "sven", "dave", "paul"} {
		w.refused(registry.CodeSignature, by, w.signed(restriction("license", "license", "medical-2026", lift...), by))
	}
	w.refused(registry.CodeSignature, "carol", w.signed(restriction("dataset", "dataset", "visits", lift...), "carol"))
	w.refused(registry.CodeSignature, "paul", w.signed(restriction("by-city", "dataset", "visits", lift...), "paul"))
	w.refused(registry.CodeSchema, "paul", w.signed(restriction("dataset", "dataset", "visits", set("status", "LIFTED")), "paul"))
	w.refused(registry.CodeImmutable, "paul", w.signed(restriction("dataset", "dataset", "visits", append(lift[:2:2], set("reason", "别的"))...), "paul"))
	w.must("paul", w.signed(restriction("dataset", "dataset", "visits", lift...), "paul"))
	w.must("carol", w.signed(restriction("license", "license", "medical-2026", lift...), "carol", "zoe"))
	w.refused(registry.CodeImmutable, "paul", w.signed(restriction("dataset", "dataset", "visits"), "paul"))
}

// A measure is a fact of what it concerns from its act on, and overtakes every
// decision made before; once lifted it is no fact any more.
func TestAMeasureIsAFactAtOnce(t *testing.T) {
	w := guarded(t)
	enter := func() registry.Facts {
		t.Helper()
		f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for level, target := range switched {
		before := enter()
		w.must("carol", w.signed(restriction("m-"+level, level, target), "zoe", "carol"))
		if by, err := w.Overtaken(t.Context(), before); err != nil || by == nil || by.Name != "m-"+level {
			t.Errorf("%s: a decision of before is overtaken by %v, %v", level, by, err)
		}
		closed := enter()
		if len(before.Restrictions) != 0 || len(closed.Restrictions) != 1 || closed.Restrictions[0].Spec.Level != level {
			t.Errorf("%s: the facts have %v, then %v", level, before.Restrictions, closed.Restrictions)
		}
		if by, err := w.Overtaken(t.Context(), closed); by != nil || err != nil {
			t.Errorf("%s: a decision of after is overtaken by %v, %v", level, by, err)
		}
		w.must("carol", w.signed(restriction("m-"+level, level, target, set("status", "LIFTED"), set("status_reason", "解除")), "zoe", "carol"))
	}
	w.must("carol", organization("rival", "operator"))
	before := enter()
	w.must("carol", w.signed(restriction("m-rival", "operator", "rival"), "carol"))
	if by, err := w.Overtaken(t.Context(), before); by != nil || err != nil {
		t.Errorf("a measure against another operator overtakes: %v, %v", by, err)
	}
}

// What restricts nothing, closes with figures, or names nothing is refused.
func TestAMeasureSaysSomething(t *testing.T) {
	w := guarded(t)
	for name, c := range map[string]struct {
		code string
		d    registry.Document
	}{
		"restricts nothing":   {registry.CodeSchema, restriction("m", "operator", "medco", set("degree", "RESTRICT"))},
		"closes with a rate":  {registry.CodeSchema, restriction("m", "operator", "medco", set("rate", 3))},
		"no reason":           {registry.CodeSchema, restriction("m", "operator", "medco", set("reason", nil))},
		"no clause":           {registry.CodeSchema, restriction("m", "operator", "medco", set("clause", nil))},
		"no such operator":    {registry.CodeReference, restriction("m", "operator", "nobody")},
		"not an operator":     {registry.CodeReference, restriction("m", "operator", "health")},
		"no such column":      {registry.CodeReference, restriction("m", "column", "visits.nothing")},
		"no such license":     {registry.CodeReference, restriction("m", "license", "nothing")},
		"no such zone":        {registry.CodeReference, restriction("m", "zone", "nothing")},
		"no such level":       {registry.CodeSchema, restriction("m", "country", "cn")},
		"begins as lifted":    {registry.CodeSchema, restriction("m", "operator", "medco", set("status", "LIFTED"), set("status_reason", "x"))},
		"a degree of its own": {registry.CodeSchema, restriction("m", "operator", "medco", set("degree", "PAUSE"))},
		"until no day at all": {registry.CodeSchema, restriction("m", "operator", "medco", set("until", "tomorrow"))},
	} {
		t.Run(name, func(t *testing.T) { w.refused(c.code, "carol", w.signed(c.d, "zoe", "carol")) })
	}
}

// A measure at one target leaves the others there in force, and each new one overtakes
// what was decided under those before.
func TestEachMeasureCountsByItself(t *testing.T) {
	w := guarded(t)
	enter := func() registry.Facts {
		t.Helper()
		f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	w.must("carol", w.signed(restriction("first", "scenario", "flu"), "carol"))
	one := enter()
	w.must("zoe", w.signed(restriction("second", "scenario", "flu"), "zoe"))
	if by, err := w.Overtaken(t.Context(), one); err != nil || by == nil || by.Name != "second" {
		t.Errorf("under the first alone: overtaken by %v, %v", by, err)
	}
	if two := enter(); len(two.Restrictions) != 2 {
		t.Errorf("under both the facts have %v", two.Restrictions)
	}
	lift := []edit{set("status", "LIFTED"), set("status_reason", "整改完成")}
	w.must("carol", w.signed(restriction("first", "scenario", "flu", lift...), "carol"))
	left := enter()
	if len(left.Restrictions) != 1 || left.Restrictions[0].Name != "second" {
		t.Errorf("with the first lifted the facts have %v", left.Restrictions)
	}
	// One is lifted and another set in the same act.
	w.must("zoe", w.signed(restriction("second", "scenario", "flu", lift...), "zoe"), w.signed(restriction("third", "zone", "medical"), "zoe"))
	if by, err := w.Overtaken(t.Context(), left); err != nil || by == nil {
		t.Errorf("a lift and a new measure at once overtake nothing: %v", err)
	}
	if now := enter(); len(now.Restrictions) != 1 || now.Restrictions[0].Name != "third" {
		t.Errorf("then the facts have %v", now.Restrictions)
	}
}

// A measure is about its operator's people wherever they work, and about whoever works
// under a license of the operator.
func TestAMeasureOfAnOperatorIsAboutItsPeopleAndItsLicenses(t *testing.T) {
	m := registry.Restriction{Level: registry.LevelOperator, Target: "medco"}
	for _, c := range []struct {
		operator, subject string
		want              bool
	}{{"medco", "medco", true}, {"medco", "partner", true}, {"other", "medco", true}, {"other", "partner", false}} {
		var f registry.Facts
		f.Operator.Name, f.SubjectOrg.Name = c.operator, c.subject
		if got := m.Concerns(f); got != c.want {
			t.Errorf("a license of %s, a person of %s: concerned %v, want %v", c.operator, c.subject, got, c.want)
		}
	}
}

// From the moment at which a measure is due nothing decided before stands, whether or
// not it has been brought into force.
func TestAMeasureThatIsDueOvertakesAtOnce(t *testing.T) {
	w := guarded(t)
	at := w.clock.t.Add(24 * time.Hour)
	w.must("carol", w.signed(effective(restriction("later", "scenario", "flu"), at.Format(time.RFC3339)), "carol"))
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil {
		t.Fatal(err)
	}
	if by, err := w.Overtaken(t.Context(), f); by != nil || err != nil {
		t.Errorf("before its time it overtakes: %v, %v", by, err)
	}
	w.clock.t = at.Add(time.Second)
	if by, err := w.Overtaken(t.Context(), f); err != nil || by == nil || by.Name != "later" {
		t.Errorf("at its time it overtakes nothing: %v, %v", by, err)
	}
}

// A provider sets what lasts at its own datasets, and watches over nobody. In a
// comprehensive zone the city authority is the regulator, and signs once.
func TestWhoRestrictsWhereTheCityRegulates(t *testing.T) {
	w := guarded(t)
	on := []edit{set("degree", "RESTRICT"), set("rate", 5), set("alert", "al-1")}
	w.refused(registry.CodeSignature, "paul", w.signed(restriction("m", "operator", "medco", on...), "paul"))
	all := zone(set("kind", "COMPREHENSIVE"), set("regulator", "city"))
	all.Name = "all"
	w.must("dave", all)
	w.refused(registry.CodeSignature, "zoe", w.signed(restriction("m", "zone", "all"), "zoe"))
	w.must("carol", w.signed(restriction("m", "zone", "all"), "carol"))
	w.refused(registry.CodeReference, "carol", w.signed(restriction("x", "operator", "health"), "carol"))
}
