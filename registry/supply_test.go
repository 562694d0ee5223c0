package registry_test

import (
	"slices"
	"testing"

	"zonebox/registry"
)

func supply(edits ...edit) registry.Document {
	return document("Supply", "persons-to-medical", `{"from_zone":"all","to_zone":"medical","dataset":"persons","columns":["id_number","cost"],
		"from":"2026-02-01","until":"2026-06-30","basis":"NJ24-05 数据支撑","from_zreg":{"by":"cora","org":"city"},
		"to_zreg":{"by":"zoe","org":"health"},"prov":{"by":"paul","org":"hospital"}}`, edits...)
}

// fromAll is the grant of the medical scenario on what the comprehensive zone has.
func fromAll(edits ...edit) registry.Document {
	d := grant(append([]edit{set("dataset", "persons"), set("until", "2026-06-30"), set("columns", []any{
		map[string]any{"name": "id_number", "mode": "MASKED", "recipe": map[string]any{"kind": "token"}},
		map[string]any{"name": "cost", "mode": "COMPUTE_ONLY", "permissions": []string{"agg:sum"}},
	})}, edits...)...)
	d.Name = "flu-persons"
	return d
}

// supplier adds to the licensed medical zone a comprehensive zone that holds persons,
// and finance, another industry zone.
func supplier(t *testing.T) *world {
	t.Helper()
	w := licensed(t)
	all, finance := zone(set("kind", "COMPREHENSIVE"), set("regulator", "city"), set("domain", nil)), zone(set("domain", "finance"))
	all.Name, finance.Name = "all", "finance"
	w.must("carol", person("cora", "city", "city_authority"), all, finance, organization("bureau", "provider"), person("bob", "bureau", "provider"))
	persons := visits(set("zone", "all"))
	persons.Name = "persons"
	w.must("paul", persons)
	w.clock.tick()
	return w
}

func TestASupplyIsSignedByBothRegulatorsAndThenTheProvider(t *testing.T) {
	w := supplier(t)
	for _, tc := range []struct {
		name, by, code, path string
		doc                  registry.Document
	}{
		{"without the giving regulator", "paul", registry.CodeSignature, "/spec/from_zreg/by", w.signed(supply(), "zoe", "paul")},
		{"without the taking regulator", "paul", registry.CodeSignature, "/spec/to_zreg/by", w.signed(supply(), "cora", "paul")},
		{"without the provider", "zoe", registry.CodeSignature, "/spec/prov/by", w.signed(supply(), "cora", "zoe")},
		{"the provider first", "paul", registry.CodeSignature, "/spec/prov", w.signed(supply(), "paul", "cora", "zoe")},
		{"another provider", "paul", registry.CodeRole, "/spec/prov/by", w.signed(supply(set("prov", map[string]any{"by": "bob", "org": "bureau"})), "cora", "zoe", "bob")},
		{"a provider for the giving regulator", "paul", registry.CodeRole, "/spec/from_zreg/by", w.signed(supply(set("from_zreg", map[string]any{"by": "bob", "org": "bureau"})), "bob", "zoe", "paul")},
		{"one person for two", "zoe", registry.CodeExclusion, "/spec/to_zreg/by", w.signed(supply(set("from_zreg", map[string]any{"by": "zoe", "org": "health"})), "zoe", "paul")},
		{"handed in by another provider", "bob", registry.CodeRole, "", w.signed(supply(), "cora", "zoe", "paul")},
		{"handed in by the operator", "olga", registry.CodeRole, "", w.signed(supply(), "cora", "zoe", "paul")},
		{"from an industry zone", "paul", registry.CodeScope, "/spec/from_zone", w.signed(supply(set("from_zone", "finance"), set("from_zreg", map[string]any{"by": "zack", "org": "health"})), "zack", "zoe", "paul")},
		{"of another zone's dataset", "paul", registry.CodeScope, "/spec/dataset", w.signed(supply(set("dataset", "visits"), set("columns", []string{"cost"})), "cora", "zoe", "paul")},
		{"to itself", "paul", registry.CodeScope, "/spec/to_zone", w.signed(supply(set("to_zone", "all"), set("to_zreg", map[string]any{"by": "carol", "org": "city"})), "cora", "carol", "paul")},
		{"a column that is not there", "paul", registry.CodeScope, "/spec/columns/0", w.signed(supply(set("columns", []string{"name"})), "cora", "zoe", "paul")},
		{"ending before it begins", "paul", registry.CodeSchema, "/spec/until", w.signed(supply(set("until", "2026-01-31")), "cora", "zoe", "paul")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := w.refused(tc.code, tc.by, tc.doc); f.Path != tc.path || f.Article != "NJ24-05" && f.Article != "NJ24-04" {
				t.Errorf("fault = %+v, want %s NJ24-05", f, tc.path)
			}
		})
	}
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	second := supply(set("from", "2026-06-01"), set("until", "2026-12-31"))
	second.Name = "more"
	w.clock.tick()
	w.refused(registry.CodeScope, "paul", w.signed(second, "cora", "zoe", "paul"))
	second = supply(set("from", "2026-07-01"), set("until", "2026-12-31"))
	second.Name = "more"
	w.must("paul", w.signed(second, "cora", "zoe", "paul"))
}

// The figures of another pack would not hold where the data are used.
func TestASupplyIsBetweenZonesUnderOnePack(t *testing.T) {
	w := supplier(t)
	other := zone(set("kind", "COMPREHENSIVE"), set("regulator", "city"), set("domain", nil), set("pack", "nanjing-2019"))
	other.Name = "all"
	w.must("carol", other)
	w.clock.tick()
	if f := w.refused(registry.CodeScope, "paul", w.signed(supply(), "cora", "zoe", "paul")); f.Path != "/spec/to_zone" {
		t.Errorf("fault = %+v", f)
	}
}

func TestWhatIsOnTheNegativeListIsNotSupplied(t *testing.T) {
	w := supplier(t)
	list := document("NegativeList", "city", `{"title":"负面清单","items":[{"dataset":"persons","column":"cost","reason":"x","basis":"y"}]}`)
	w.must("carol", w.signed(list, "carol"))
	w.clock.tick()
	w.refused(registry.CodeForbidden, "paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.must("paul", w.signed(supply(set("columns", []string{"id_number"})), "cora", "zoe", "paul"))
}

func TestAGrantOfAnotherZonesDatasetLiesInsideASupply(t *testing.T) {
	w := supplier(t)
	if f := w.refused(registry.CodeScope, "zoe", w.signed(fromAll(), "zoe", "paul")); f.Path != "/spec/dataset" || f.Article != "NJ24-05" {
		t.Errorf("without a supply: %+v", f)
	}
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.clock.tick()
	for _, tc := range []struct {
		name, code, path string
		edit             edit
	}{
		{"a column beside it", registry.CodeScope, "/spec/columns/1/name", set("columns.1.name", "diagnosis")},
		{"rows chosen by a column beside it", registry.CodeScope, "/spec/scope/0/column", set("scope", []any{map[string]any{"column": "diagnosis", "in": []string{"J06"}}})},
		{"a day beyond it", registry.CodeScope, "/spec/from", set("until", "2026-07-01")},
		{"raw values that join", registry.CodeProtect, "/spec/columns/1/permissions", set("columns.1.permissions", []string{"agg:sum", "joinkey"})},
		{"raw values that are compared", registry.CodeProtect, "/spec/columns/1/permissions", set("columns.1.permissions", []string{"cmp_col"})},
		{"tokens of the scenario's zone without a bridge", registry.CodeProtect, "/spec/columns/0/permissions", set("columns.0.recipe.domain", "medical")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := w.refused(tc.code, "zoe", w.signed(fromAll(tc.edit), "zoe", "paul")); f.Path != tc.path {
				t.Errorf("fault = %+v, want %s", f, tc.path)
			}
		})
	}
	// A bridge into the scenario's own zone is one all the same: its regulator signs by
	// a third person.
	bridge := fromAll(set("columns.0.recipe.domain", "medical"), set("columns.0.permissions", []string{"bridge"}))
	w.refused(registry.CodeSignature, "zoe", w.signed(bridge, "zoe", "paul"))
	w.must("zoe", w.signed(bridge, "zoe", "paul", "zack"))
	w.must("zoe", w.signed(fromAll(), "zoe", "paul"))
	// It is of that dataset only: finance's stay where they are.
	loans := visits(set("zone", "finance"))
	loans.Name = "loans"
	w.must("paul", loans)
	w.clock.tick()
	w.refused(registry.CodeScope, "zoe", w.signed(fromAll(set("dataset", "loans")), "zoe", "paul"))
}

func TestEachOfThoseWhoAgreedEndsASupplyAlone(t *testing.T) {
	revoked := func(edits ...edit) registry.Document {
		return supply(append(edits, set("status", "REVOKED"), set("status_reason", "用途变更"))...)
	}
	for _, by := range []string{"cora", "carol", "zoe", "zack", "paul"} {
		w := supplier(t)
		w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
		w.must(by, revoked())
		w.clock.tick()
		w.refused(registry.CodeImmutable, "paul", w.signed(supply(), "cora", "zoe", "paul"))
		w.refused(registry.CodeScope, "zoe", w.signed(fromAll(), "zoe", "paul"))
	}
	w := supplier(t)
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.refused(registry.CodeRole, "bob", revoked())
	w.refused(registry.CodeRole, "olga", revoked())
	w.refused(registry.CodeImmutable, "paul", revoked(set("until", "2026-05-31")))
}

// Facts name the supply that a grant stands on, and whatever takes it away, or the
// zone it comes from, overtakes them.
func TestFactsStandOnTheirSupply(t *testing.T) {
	w := supplier(t)
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.must("zoe", w.signed(fromAll(), "zoe", "paul"))
	enter := func() registry.Facts {
		t.Helper()
		f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := enter()
	if len(f.Supplies) != 1 || f.Supplies[0].Name != "persons-to-medical" || f.Supplies[0].Zone.Name != "all" || f.Supplies[0].Spec.Prov.At == "" || len(f.Supplies[0].Moves) != 0 {
		t.Fatalf("supplies = %+v", f.Supplies)
	}
	for _, d := range f.Datasets {
		want := map[string]string{"visits": "medical", "persons": "all"}[d.Name]
		if owner, ok := f.Owner(d); !ok || owner.Name != want {
			t.Errorf("Owner(%s) = %s, %v, want %s", d.Name, owner.Name, ok, want)
		}
	}
	suspended := zone(set("kind", "COMPREHENSIVE"), set("regulator", "city"), set("domain", nil), set("status", "SUSPENDED"))
	suspended.Name = "all"
	for _, tc := range []struct {
		name, want string
		change     func()
	}{
		{"another zone is changed", "", func() { w.must("carol", changedZone("finance", "SUSPENDED")) }},
		{"the zone it comes from is suspended", "Zone all 2", func() { w.must("carol", suspended) }},
		{"access to that zone is closed", "Restriction halt 1", func() { w.must("carol", w.signed(restriction("halt", "zone", "all"), "carol")) }},
		{"a new version", "Supply persons-to-medical 2", func() { w.must("paul", w.signed(supply(set("columns", []string{"id_number"})), "cora", "zoe", "paul")) }},
		{"it is revoked", "Supply persons-to-medical 3", func() {
			w.must("zoe", supply(set("columns", []string{"id_number"}), set("status", "REVOKED"), set("status_reason", "用途变更")))
		}},
	} {
		seen := enter()
		tc.change()
		by, err := w.Overtaken(t.Context(), seen)
		if err != nil {
			t.Fatal(err)
		}
		if got := refName(by); got != tc.want {
			t.Errorf("%s: overtaken by %q, want %q", tc.name, got, tc.want)
		}
	}
	if f = enter(); len(f.Supplies) != 0 {
		t.Errorf("after its end: %+v", f.Supplies)
	}
}

// A supply agreed to under another level of a column says so, as a grant does.
func TestASupplyKnowsWhatItsEntrySaidThen(t *testing.T) {
	w := supplier(t)
	w.must("paul", w.signed(supply(), "cora", "zoe", "paul"))
	w.must("zoe", w.signed(fromAll(), "zoe", "paul"))
	raised := visits(set("zone", "all"), set("columns.2.level", 4))
	raised.Name = "persons"
	w.must("paul", raised)
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.EntryMove{{Column: "cost", Field: "level", Was: "3", Now: "4"}}
	if len(f.Supplies) != 1 || !slices.Equal(f.Supplies[0].Moves, want) {
		t.Errorf("supplies = %+v, want moves %v", f.Supplies, want)
	}
	w.clock.tick()
	again := w.signed(supply(), "cora", "zoe", "paul")
	w.must("paul", again)
	if f, err = w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"}); err != nil || len(f.Supplies[0].Moves) != 0 {
		t.Errorf("signed anew: %+v, %v", f.Supplies, err)
	}
}

func refName(r *registry.Ref) string {
	if r == nil {
		return ""
	}
	return r.String()
}

func changedZone(name, status string) registry.Document {
	d := zone(set("domain", name), set("status", status))
	d.Name = name
	return d
}
