package registry_test

import (
	"testing"

	"zonebox/registry"
)

// Who says how a column is masked must have the permission, besides the role: both
// who consent to a grant that is new or shows a column otherwise.
func TestMasksAreChangedByThePermissionOnly(t *testing.T) {
	w := licensed(t)
	lacking := func(name, org, role string) registry.Document {
		return person(name, org, role, set("permissions", nil), set("real_name", "x"))
	}
	having := func(name, org, role string) registry.Document { return person(name, org, role) }
	for _, who := range [][3]string{{"zoe", "health", "zone_regulator"}, {"paul", "hospital", "provider"}} {
		w.must("carol", lacking(who[0], who[1], who[2]))
		f := w.refused(registry.CodePermit, "zoe", w.signed(grant(), "zoe", "paul"))
		if f.Article != "YC22-39" {
			t.Errorf("%s without the permission: %v, want YC22-39", who[0], f)
		}
		w.must("carol", person(who[0], who[1], who[2], set("permissions", []any{"copy", "export", "destroy"})))
		w.refused(registry.CodePermit, "zoe", w.signed(grant(), "zoe", "paul"))
		w.must("carol", having(who[0], who[1], who[2]))
		w.clock.tick()
	}
	w.must("zoe", w.signed(grant(), "zoe", "paul"))

	// What is not about masks takes no permission; what is takes it again.
	w.must("carol", lacking("zoe", "health", "zone_regulator"))
	w.clock.tick()
	w.must("zoe", w.signed(grant(set("until", "2026-11-30")), "zoe", "paul"))
	for what, e := range map[string]edit{
		"a weaker mask":  set("columns.0.recipe.kind", "nullify"),
		"another form":   func(s map[string]any) { set("columns.0.mode", "CLEAR")(s); set("columns.0.recipe", nil)(s) },
		"in the clear":   func(s map[string]any) { set("columns.2.mode", "CLEAR")(s); set("columns.2.permissions", nil)(s) },
		"another column": set("columns.1.name", "district"),
	} {
		w.clock.tick()
		_, err := w.Apply(t.Context(), "zoe", []registry.Document{w.signed(grant(e), "zoe", "paul")})
		if !registry.HasCode(err, registry.CodePermit) {
			t.Errorf("%s: %v, want %s", what, err, registry.CodePermit)
		}
	}
	events, err := w.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, e := range events {
		if e.Kind == "recipe.changed" {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("the log is told of %d changes of masks, want 1", changed)
	}

	w.must("carol", person("carol2", "city", "city_authority", set("permissions", nil)))
	w.refused(registry.CodePermit, "carol2", zone(set("token_algorithm", "sm4-cmac")))
	w.must("carol2", zone(set("storage_algorithm", "sm4-gcm")))
	w.must("carol", zone(set("token_algorithm", "sm4-cmac"), set("storage_algorithm", "sm4-gcm")))
	w.refused(registry.CodeSchema, "carol", zone(set("storage_algorithm", "des")))
}

func TestPermissionsAreGivenByTheCityAuthority(t *testing.T) {
	w := licensed(t)
	give := func(name, org, role string, permissions ...any) registry.Document {
		return person(name, org, role, set("permissions", permissions))
	}
	for _, by := range []string{"zoe", "paul", "dave", "olga"} {
		w.refused(registry.CodeRole, by, give("dave", "centre", "data_centre", "export"))
	}
	w.refused(registry.CodeRole, "carol", give("carol", "city", "city_authority", "export")) // not to oneself
	for _, p := range []any{"copy", "export", "recipe", "destroy"} {
		w.refused(registry.CodeForbidden, "carol", give("olga", "medco", "operator", p))
	}
	w.refused(registry.CodeSchema, "carol", give("dave", "centre", "data_centre", "everything"))
	w.must("carol", give("dave", "centre", "data_centre", "copy", "export"))
	p, err := w.Person(t.Context(), "dave")
	if err != nil || !p.Permits(registry.PermissionExport) || p.Permits(registry.PermissionDestroy) || p.Permits("") {
		t.Errorf("dave = %+v, %v, want copy and export only", p, err)
	}
}

// The data centre can make the log be kept for longer, and never for less time.
func TestTheRetentionOfTheLogIsNotShortenedByTheDataCentre(t *testing.T) {
	w := licensed(t)
	w.must("carol", organization("guard", "security"), person("sam", "guard", "security"), organization("assessors", "third_party"))
	keep := func(months int) registry.Document {
		d := document("Retention", "audit", `{"months":1,"reason":"市档案规定第八条"}`, set("months", months))
		return d
	}
	w.refused(registry.CodeSchema, "carol", w.signed(keep(5), "carol", "sam"))
	refusedShort := func(months int) {
		t.Helper()
		for _, by := range []string{"dave", "carol", "sam", "zoe"} {
			for _, signers := range [][]string{nil, {"dave"}, {"carol"}, {"sam"}, {"zoe"}, {"sam", "zoe"}, {"dave", "sam"}, {"dave", "carol"}, {"carol", "paul"}} {
				w.clock.tick()
				w.refused(registry.CodeSignature, by, w.signed(keep(months), signers...))
			}
		}
		for _, by := range []string{"paul", "olga"} {
			w.refused(registry.CodeRole, by, w.signed(keep(months), "carol", "sam"))
		}
	}
	refusedShort(60) // shorter than for ever
	w.clock.tick()
	w.must("dave", w.signed(keep(36), "carol", "sam"))
	refusedShort(35)
	w.must("dave", keep(48))
	w.refused(registry.CodeRole, "sam", keep(60))
	refusedShort(36) // the longer one binds now
	// One person with both roles is one person.
	w.must("carol", person("cora", "city", "city_authority", set("roles", []any{"city_authority", "zone_regulator"})))
	w.clock.tick()
	w.refused(registry.CodeSignature, "carol", w.signed(keep(6), "cora"))
	w.clock.tick()
	w.must("carol", w.signed(keep(6), "carol", "zoe"))
}
