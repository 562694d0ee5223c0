package registry_test

import (
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

// What takes something off the negative list takes two people, what puts something on
// it one.
func TestWhatLeavesTheNegativeListTakesTwoPeople(t *testing.T) {
	list := func(why string, items ...any) registry.Document {
		return document("NegativeList", "city", `{"title":"负面清单","items":[]}`, set("items", items), set("change_reason", why))
	}
	item := func(dataset, column string) any {
		m := map[string]any{"dataset": dataset, "reason": "x", "basis": "y"}
		if column != "" {
			m["column"] = column
		}
		return m
	}
	for _, c := range []struct {
		name          string
		before, after []any
		two           bool
	}{
		{"one more", []any{item("births", "")}, []any{item("births", ""), item("deaths", "")}, false},
		{"the same in another order", []any{item("births", ""), item("deaths", "")}, []any{item("deaths", ""), item("births", "")}, false},
		{"the first", nil, []any{item("births", "")}, false},
		{"one less", []any{item("births", ""), item("deaths", "")}, []any{item("births", "")}, true},
		{"none", []any{item("births", "")}, nil, true},
		{"a column for the whole", []any{item("births", "")}, []any{item("births", "name")}, true},
		{"another in its place", []any{item("births", "")}, []any{item("deaths", "")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := catalogued(t)
			if c.before == nil {
				c.before = []any{}
			}
			if c.after == nil {
				c.after = []any{}
			}
			w.must("carol", w.signed(list("初次", c.before...), "carol"))
			w.clock.tick()
			after := list("复核", c.after...)
			if !c.two {
				w.must("carol", w.signed(after, "carol"))
				return
			}
			for _, signers := range [][]string{{"carol"}, {"carol", "paul"}, {"carol", "dave"}, {"carol", "olga"}} {
				if f := w.refused(registry.CodeSignature, "carol", w.signed(after, signers...)); f.Path != "/signatures" || f.Article != "YC22-18" {
					t.Errorf("signed by %q: %+v, want a fault of the signatures by YC22-18", signers, f)
				}
			}
			w.must("carol", w.signed(after, "carol", "zoe"))
		})
	}
}

// Whatever gives a person more takes somebody of a third organization beside the city
// authority; what takes away, or gives nothing, is one step.
func TestWhatGivesAPersonMoreTakesTwoPeople(t *testing.T) {
	const article = "YC22-39"
	dave := func(edits ...edit) registry.Document { return person("dave", "centre", "data_centre", edits...) }
	olga := func(edits ...edit) registry.Document { return person("olga", "medco", "operator", edits...) }
	for _, c := range []struct {
		name          string
		before, after registry.Document
		two           bool
	}{
		{"a permission", dave(), dave(set("permissions", []any{"export"})), true},
		{"one more permission", dave(set("permissions", []any{"export"})), dave(set("permissions", []any{"export", "destroy"})), true},
		{"another permission", dave(set("permissions", []any{"export"})), dave(set("permissions", []any{"copy"})), true},
		{"one permission less", dave(set("permissions", []any{"export", "destroy"})), dave(set("permissions", []any{"export"})), false},
		{"no permission any more", dave(set("permissions", []any{"export"})), dave(), false},
		{"a role", person("cora", "city", "city_authority"), person("cora", "city", "city_authority", set("roles", []any{"city_authority", "zone_regulator"})), true},
		{"one role less", person("cora", "city", "city_authority", set("roles", []any{"city_authority", "zone_regulator"})), person("cora", "city", "city_authority"), false},
		{"disabled", olga(), olga(set("status", "disabled")), false},
		{"taken up again", olga(set("status", "disabled")), olga(), true},
		{"a new signing key", olga(), olga(set("signing_key", publicOf("olga's new"))), true},
		{"a new recipient key", olga(), olga(set("recipient_key", "bmV3")), true},
		{"a first recipient key", olga(set("recipient_key", nil)), olga(), true},
		{"no recipient key any more", olga(), olga(set("recipient_key", nil)), false},
		{"a first identity", olga(), olga(set("oidc", identity("1"))), true},
		{"another identity", olga(set("oidc", identity("1"))), olga(set("oidc", identity("2"))), true},
		{"no identity any more", olga(set("oidc", identity("1"))), olga(), false},
		{"a first certificate", olga(), olga(set("certificates", []any{pinA})), true},
		{"another certificate", olga(set("certificates", []any{pinA})), olga(set("certificates", []any{pinB})), true},
		{"one more certificate", olga(set("certificates", []any{pinA})), olga(set("certificates", []any{pinA, pinB})), true},
		{"one certificate less", olga(set("certificates", []any{pinA, pinB})), olga(set("certificates", []any{pinA})), false},
		{"a name", olga(), olga(set("real_name", "x")), false},
		{"a new operator", registry.Document{}, person("oleg", "medco", "operator"), false},
		{"a new provider without permission", registry.Document{}, person("pete", "hospital", "provider", set("permissions", nil)), false},
		{"a new provider with a permission", registry.Document{}, person("pete", "hospital", "provider"), true},
		{"a new regulator", registry.Document{}, person("zara", "health", "zone_regulator", set("permissions", nil)), true},
		{"a new person of the city authority", registry.Document{}, person("cleo", "city", "city_authority", set("permissions", nil)), true},
		{"a new security officer", registry.Document{}, person("sven", "guard", "security"), true},
		{"a new regulator who is disabled", registry.Document{}, person("zara", "health", "zone_regulator", set("permissions", nil), set("status", "disabled")), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := peopled(t)
			if c.before.Kind != "" {
				w.must("carol", c.before)
			}
			w.clock.tick()
			if !c.two {
				if _, err := w.Apply(t.Context(), "carol", []registry.Document{c.after}); err != nil {
					t.Errorf("in one step: %v, want it in force", err)
				}
				return
			}
			// carol's own word twice, that of the operator, and nobody's.
			for _, signers := range [][]string{nil, {"carol"}, {"paul"}, {"olga", "dave"}} {
				if _, err := w.Apply(t.Context(), "carol", []registry.Document{w.signed(c.after, signers...)}); !registry.HasCode(err, registry.CodeSignature) {
					t.Errorf("signed by %q: %v, want %s", signers, err, registry.CodeSignature)
				}
			}
			if f := w.refused(registry.CodeSignature, "carol", w.signed(c.after, "carol")); f.Path != "/signatures" || f.Article != article {
				t.Errorf("%+v, want a fault of the signatures by %s", f, article)
			}
			second := "sam"
			if c.after.Name == "sven" {
				second = "zoe"
			}
			w.must("carol", w.signed(c.after, second))
		})
	}
}

// Nobody seconds themselves, people of their own organization or of the applier's, and
// nobody who is disabled does; whoever is refused learns who may.
func TestWhoSecondsAPerson(t *testing.T) {
	w := peopled(t)
	w.must("carol", person("cora", "city", "city_authority"))
	zoe := person("zoe", "health", "zone_regulator", set("permissions", []any{"recipe", "destroy"}))
	for _, signer := range []string{"zoe", "zack", "cora", "paul", "dave", "olga"} {
		f := w.refused(registry.CodeSignature, "carol", w.signed(zoe, signer))
		if !strings.HasSuffix(f.EN, "one of sam") || !strings.HasSuffix(f.ZH, "可签名者:sam") {
			t.Errorf("signed by %s: %q %q, want sam named", signer, f.EN, f.ZH)
		}
	}
	w.must("carol", w.signed(zoe, "sam"))
	officer := person("sven", "guard", "security")
	if f := w.refused(registry.CodeSignature, "carol", w.signed(officer, "sam")); !strings.HasSuffix(f.EN, "one of zack, zoe") {
		t.Errorf("%q, want zack and zoe named", f.EN)
	}
	w.must("carol", w.signed(officer, "zack"))

	// Those who could are disabled one by one, in one step each. It never comes to the
	// city authority alone.
	for _, d := range []registry.Document{person("sam", "guard", "security", set("status", "disabled")), person("sven", "guard", "security", set("status", "disabled"))} {
		w.clock.tick()
		if _, err := w.Apply(t.Context(), "carol", []registry.Document{d}); err != nil {
			t.Fatal(err)
		}
	}
	again := person("zoe", "health", "zone_regulator", set("signing_key", publicOf("zoe's new")), set("permissions", []any{"recipe", "destroy"}))
	w.clock.tick()
	for _, signer := range []string{"zoe", "zack", "cora"} {
		if f := w.refused(registry.CodeSignature, "carol", w.signed(again, signer)); !strings.Contains(f.EN, "there is none; apply one first") || !strings.HasSuffix(f.EN, ": zack, zoe") {
			t.Errorf("signed by %s: %q, want what to do first", signer, f.EN)
		}
	}
	w.refused(registry.CodeSignature, "carol", w.signed(again, "sam"))
	for _, name := range []string{"zoe", "zack"} {
		if _, err := w.Apply(t.Context(), "carol", []registry.Document{person(name, "health", "zone_regulator", set("status", "disabled"))}); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.tick()
	for _, signers := range [][]string{nil, {"carol"}, {"cora"}, {"carol", "cora"}} {
		if f := w.refused(registry.CodeSignature, "carol", w.signed(person("cleo", "city", "city_authority"), signers...)); !strings.Contains(f.EN, "restore a backup") {
			t.Errorf("signed by %q: %q, want the way out", signers, f.EN)
		}
	}
}

// A domain is founded by one person: until somebody of another organization was made
// known the applier is enough, for all who come in one step.
func TestOnePersonFoundsADomain(t *testing.T) {
	w := founded(t)
	apply := func(docs ...registry.Document) error {
		w.clock.tick()
		_, err := w.Apply(t.Context(), "carol", docs)
		return err
	}
	if err := apply(person("cora", "city", "city_authority")); err != nil {
		t.Errorf("a colleague: %v", err)
	}
	if err := apply(organization("hospital", "provider"), person("paul", "hospital", "provider")); err != nil {
		t.Errorf("a provider: %v", err)
	}
	if err := apply(organization("health", "industry_authority"), organization("guard", "security"), person("zoe", "health", "zone_regulator"), person("sam", "guard", "security")); err != nil {
		t.Errorf("a regulator and a security officer in one step: %v", err)
	}
	if err := apply(person("zack", "health", "zone_regulator")); !registry.HasCode(err, registry.CodeSignature) {
		t.Errorf("a second regulator after that: %v, want %s", err, registry.CodeSignature)
	}
	if err := apply(w.signed(person("zack", "health", "zone_regulator"), "sam")); err != nil {
		t.Errorf("signed by the security officer: %v", err)
	}
}

// What opens a zone takes somebody of another organization than the applier's; what
// closes it is one step.
func TestWhatOpensAZoneTakesTwoPeople(t *testing.T) {
	for _, c := range []struct {
		name, by      string
		before, after registry.Document
		two           bool
	}{
		{"suspended", "carol", zone(), zone(set("status", "SUSPENDED")), false},
		{"suspended by its regulator", "zoe", zone(), zone(set("status", "SUSPENDED")), false},
		{"taken up again", "carol", zone(set("status", "SUSPENDED")), zone(), true},
		{"taken up again by its regulator", "zoe", zone(set("status", "SUSPENDED")), zone(), true},
		{"another pack", "carol", zone(), zone(set("pack", "other")), true},
		{"another regulator", "carol", zone(), zone(set("regulator", "finance")), true},
		{"another token algorithm", "carol", zone(), zone(set("token_algorithm", "sm4-cmac")), true},
		{"another storage algorithm", "carol", zone(), zone(set("storage_algorithm", "sm4-gcm")), true},
		{"how long versions are kept", "carol", zone(), zone(set("retention", map[string]any{"versions": 3})), true},
		{"deliveries are signed", "carol", zone(), zone(set("signed_deliveries", true)), false},
		{"deliveries are not signed any more", "carol", zone(set("signed_deliveries", true)), zone(), true},
		{"a title", "carol", zone(), zone(set("title", "x")), false},
		{"whom to ask", "carol", zone(), zone(set("responsible.0.person", "olga")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := peopled(t)
			w.must("carol", organization("finance", "industry_authority"))
			w.must("carol", c.before)
			w.clock.tick()
			if !c.two {
				if _, err := w.Apply(t.Context(), c.by, []registry.Document{c.after}); err != nil {
					t.Errorf("in one step: %v, want it in force", err)
				}
				return
			}
			own := map[string]string{"carol": "carol", "zoe": "zack"}[c.by]
			for _, signers := range [][]string{nil, {own}, {"paul"}, {"dave", "olga"}} {
				if _, err := w.Apply(t.Context(), c.by, []registry.Document{w.signed(c.after, signers...)}); !registry.HasCode(err, registry.CodeSignature) {
					t.Errorf("signed by %q: %v, want %s", signers, err, registry.CodeSignature)
				}
			}
			f := w.refused(registry.CodeSignature, c.by, w.signed(c.after, own))
			if f.Article != "NJ24-06" || strings.Contains(f.EN, "sam") != (c.by == "carol") {
				t.Errorf("%+v, want NJ24-06 and names for the city authority alone", f)
			}
			w.must(c.by, w.signed(c.after, map[string]string{"carol": "zoe", "zoe": "carol"}[c.by]))
		})
	}
}

// What waits for its time is judged again when it comes: whoever was founded since
// signs, and so does nobody who was disabled since.
func TestASecondIsNeededWhenTheTimeComes(t *testing.T) {
	w := founded(t)
	w.must("carol", organization("hospital", "provider"), organization("health", "industry_authority"))
	paul := person("paul", "hospital", "provider")
	paul.Effective = w.clock.t.Add(48 * 3600e9).UTC().Format("2006-01-02T15:04:05Z")
	w.must("carol", paul)
	w.must("carol", person("zoe", "health", "zone_regulator"))
	w.clock.t = w.clock.t.Add(72 * 3600e9)
	next, err := w.NextDue(t.Context())
	if err != nil || len(next) != 1 {
		t.Fatal(next, err)
	}
	done, err := w.TakeEffect(t.Context(), next[0].Batch, nil, func(*registry.Tx, []registry.Applied) error { return nil })
	if err != nil || len(done.Faults) != 1 || done.Faults[0].Code != registry.CodeSignature {
		t.Errorf("%+v, %v, want it lapsed for the signature", done.Faults, err)
	}
}

// Who signed a version is who signed what it says: one that changes nothing but its
// status keeps them, one that says something else does not.
func TestSignersAreThoseOfTheContent(t *testing.T) {
	w := peopled(t)
	signers := func() []string {
		t.Helper()
		all, err := w.Versions(t.Context(), "Person", "dave")
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, s := range all[len(all)-1].Signers {
			names = append(names, s.By)
		}
		return names
	}
	dave := func(edits ...edit) registry.Document { return person("dave", "centre", "data_centre", edits...) }
	apply := func(d registry.Document) {
		t.Helper()
		w.clock.tick()
		if _, err := w.Apply(t.Context(), "carol", []registry.Document{d}); err != nil {
			t.Fatal(err)
		}
	}
	export := set("permissions", []any{"export"})
	w.clock.tick()
	apply(w.signed(dave(export), "sam"))
	apply(dave(export, set("status", "disabled")))
	if got := signers(); !slices.Equal(got, []string{"sam"}) {
		t.Errorf("disabled: signed by %q, want sam still", got)
	}
	apply(dave(export, set("status", "disabled"), set("real_name", "x")))
	if got := signers(); len(got) > 0 {
		t.Errorf("another name: signed by %q, want nobody", got)
	}
}

// The first documents come into force at once: nothing waits in a registry that knows
// nobody who could take it back.
func TestTheFirstDocumentsDoNotWait(t *testing.T) {
	w := newWorld(t)
	first := []registry.Document{organization("city", "city_authority"), person("carol", "city", "city_authority")}
	for i := range first {
		first[i].Effective = "2026-05-01"
		first[i] = w.signed(first[i], "carol")
	}
	if f := w.refused(registry.CodeSyntax, "carol", first...); !strings.Contains(f.EN, "at once") {
		t.Errorf("%q, want that they come into force at once", f.EN)
	}
}
