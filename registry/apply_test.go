package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/masking"
	"zonebox/registry"
)

func TestEmptyRegistryAcceptsOnlyTheSignedCityAuthority(t *testing.T) {
	org, first := organization("city", "city_authority"), person("carol", "city", "city_authority")
	forge := func(w *world, d registry.Document) registry.Document {
		d.Sign("carol", keyOf("mallory"), w.clock.t)
		return d
	}
	for _, tc := range []struct {
		name string
		by   string
		code string // "" means accepted
		path string // "" means any
		docs func(w *world) []registry.Document
	}{
		{"both signed", "carol", "", "", func(w *world) []registry.Document {
			return []registry.Document{w.signed(first, "carol"), w.signed(org, "carol")}
		}},
		{"unsigned", "carol", registry.CodeSignature, "", func(w *world) []registry.Document { return []registry.Document{org, first} }},
		{"person unsigned", "carol", registry.CodeSignature, "", func(w *world) []registry.Document {
			return []registry.Document{w.signed(org, "carol"), first}
		}},
		{"signed with another key", "carol", registry.CodeSignature, "", func(w *world) []registry.Document {
			return []registry.Document{forge(w, org), forge(w, first)}
		}},
		{"applied by somebody else", "mallory", registry.CodeSyntax, "", func(w *world) []registry.Document {
			return []registry.Document{w.signed(org, "carol"), w.signed(first, "carol")}
		}},
		{"an operator", "carol", registry.CodeRole, "/spec/kind", func(w *world) []registry.Document {
			return []registry.Document{w.signed(organization("city", "operator"), "carol"), w.signed(person("carol", "city", "operator"), "carol")}
		}},
		{"the authority's regulator alone", "carol", registry.CodeRole, "/spec/roles", func(w *world) []registry.Document {
			return []registry.Document{w.signed(org, "carol"), w.signed(person("carol", "city", "zone_regulator"), "carol")}
		}},
		{"something else besides", "carol", registry.CodeSyntax, "", func(w *world) []registry.Document {
			return []registry.Document{w.signed(org, "carol"), w.signed(first, "carol"), organization("medco", "operator")}
		}},
		{"a lone organization", "carol", registry.CodeSyntax, "", func(w *world) []registry.Document {
			return []registry.Document{w.signed(org, "carol")}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			if tc.code != "" {
				if f := w.refused(tc.code, tc.by, tc.docs(w)...); tc.path != "" && f.Path != tc.path {
					t.Errorf("path = %s, want %s", f.Path, tc.path)
				}
				return
			}
			w.must(tc.by, tc.docs(w)...)
			// The door is shut behind the first.
			_, err := w.Apply(t.Context(), "eve", []registry.Document{
				w.signed(organization("other", "city_authority"), "eve"), w.signed(person("eve", "other", "city_authority"), "eve")})
			if !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("a second founder: %v, want ErrNotFound", err)
			}
		})
	}
}

func TestEachRoleAppliesOnlyItsKinds(t *testing.T) {
	w := granted(t)
	w.must("carol", organization("guard", "security"), person("sam", "guard", "security"), person("aud", "assessors", "auditor"))
	people := map[string]string{"operator": "olga", "zone_regulator": "zoe", "city_authority": "carol", "provider": "paul",
		"data_centre": "dave", "auditor": "aud", "security": "sam"}
	docs := map[string]registry.Document{"Organization": organization("medco", "operator"), "Person": person("oscar", "medco", "operator"),
		"Zone": zone(), "Dataset": visits(), "License": license(), "Scenario": scenario(), "Grant": grant()}
	allowed := map[string][]string{
		"Organization": {"city_authority"},
		"Person":       {"city_authority"},
		"Zone":         {"city_authority", "data_centre", "zone_regulator"},
		"Dataset":      {"provider", "city_authority"},
		"License":      {"city_authority", "zone_regulator", "operator"},
		"Scenario":     {"city_authority", "zone_regulator", "operator"},
		"Grant":        {"city_authority", "zone_regulator", "operator", "provider"},
	}
	for kind, d := range docs {
		stored, _, err := w.Get(t.Context(), kind, d.Name)
		if err != nil {
			t.Fatal(err)
		}
		for role, name := range people {
			_, err := w.Apply(t.Context(), name, []registry.Document{stored})
			if want := slices.Contains(allowed[kind], role); (err == nil) != want {
				t.Errorf("%s applying the %s in force: %v, want allowed %v", role, kind, err, want)
			}
			if err != nil && !registry.HasCode(err, registry.CodeRole) {
				t.Errorf("%s applying %s: %v, want %s", role, kind, err, registry.CodeRole)
			}
		}
	}
}

func TestTheSameDocumentAgainChangesNothing(t *testing.T) {
	w := granted(t)
	revision, epoch := w.revision(), w.epoch()
	stored, _, err := w.Get(t.Context(), "Grant", "flu-visits")
	if err != nil {
		t.Fatal(err)
	}
	a := w.must("zoe", stored)
	if a[0].Changed || a[0].Version != 1 {
		t.Errorf("Apply again = %+v, want version 1 unchanged", a[0])
	}
	if w.revision() != revision || w.epoch() != epoch {
		t.Errorf("revision, epoch = %d, %d, want %d, %d", w.revision(), w.epoch(), revision, epoch)
	}
}

func TestOneApplyIsOneRevisionAndAllOrNothing(t *testing.T) {
	w := founded(t)
	before := w.revision()
	w.refused(registry.CodeReference, "carol", organization("health", "industry_authority"), person("zoe", "nowhere", "zone_regulator"))
	if _, _, err := w.Get(t.Context(), "Organization", "health"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("half of a refused Apply is there: %v", err)
	}
	w.must("carol", person("zoe", "health", "zone_regulator"), organization("health", "industry_authority"))
	if got := w.revision(); got != before+1 {
		t.Errorf("revision after one Apply of two documents = %d, want %d", got, before+1)
	}
	// A new name withdraws nothing; a new version of an old one does.
	if w.epoch() != 0 {
		t.Errorf("epoch after new documents = %d, want 0", w.epoch())
	}
	w.must("carol", person("zoe", "health", "zone_regulator", set("status", "disabled")))
	if w.epoch() != 1 {
		t.Errorf("epoch after disabling a person = %d, want 1", w.epoch())
	}
	if _, err := w.Person(t.Context(), "zoe"); !errors.Is(err, registry.ErrInactive) {
		t.Errorf("Person(disabled) = %v, want ErrInactive", err)
	}
}

func TestPeopleAndRoles(t *testing.T) {
	w := peopled(t)
	w.must("carol", person("zoe", "health", "zone_regulator", set("oidc", identity("17")), set("certificates", []any{pinA})))
	for _, tc := range []struct {
		name, by, code, article string
		doc                     registry.Document
	}{
		{"two roles in one person", "carol", registry.CodeExclusion, "NJ24-04",
			person("eve", "health", "zone_regulator", set("roles", []string{"zone_regulator", "provider"}))},
		{"an operator in the data centre", "carol", registry.CodeExclusion, "NJ24-04", person("eve", "centre", "operator")},
		{"a regulator in the operator", "carol", registry.CodeExclusion, "NJ24-04", person("eve", "medco", "zone_regulator")},
		{"an auditor in the data centre", "carol", registry.CodeExclusion, "NJ24-04", person("eve", "centre", "auditor")},
		{"one's own document", "carol", registry.CodeRole, "NJ24-04",
			person("carol", "city", "city_authority", set("roles", []string{"city_authority", "zone_regulator"}))},
		{"another person's key", "carol", registry.CodeExclusion, "NJ24-15", person("eve", "hospital", "provider", set("signing_key", publicOf("zoe")))},
		{"a key spelled otherwise", "carol", registry.CodeSchema, "", person("eve", "hospital", "provider", set("signing_key", otherwise(publicOf("zoe"))))},
		{"another person's identity", "carol", registry.CodeExclusion, "NJ24-15", person("eve", "hospital", "provider", set("oidc", identity("17")))},
		{"an identity of an issuer in the clear", "carol", registry.CodeSchema, "", person("eve", "hospital", "provider", set("oidc", map[string]any{"issuer": "http://id.test", "subject": "18"}))},
		{"another person's certificate", "carol", registry.CodeExclusion, "NJ24-15", person("eve", "hospital", "provider", set("certificates", []any{pinB, pinA}))},
		{"a certificate spelled otherwise", "carol", registry.CodeSchema, "", person("eve", "hospital", "provider", set("certificates", []any{strings.ToUpper(pinA)}))},
		{"a certificate twice", "carol", registry.CodeSchema, "", person("eve", "hospital", "provider", set("certificates", []any{pinB, pinB}))},
		{"a move to another organization", "carol", registry.CodeImmutable, "", person("olga", "hospital", "provider")},
		{"an organization of another kind", "carol", registry.CodeImmutable, "", organization("medco", "provider")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := w.refused(tc.code, tc.by, tc.doc)
			if f.Article != tc.article {
				t.Errorf("article = %q, want %q", f.Article, tc.article)
			}
		})
	}
	// The allowed twins: the city authority may be a regulator too, and a key
	// may be renewed but never handed on.
	w.must("carol", person("cora", "city", "city_authority", set("roles", []string{"city_authority", "zone_regulator"})))
	w.must("carol", person("zoe", "health", "zone_regulator", set("signing_key", publicOf("zoe's new"))))
	w.refused(registry.CodeExclusion, "carol", person("eve", "hospital", "provider", set("signing_key", publicOf("zoe"))))
	w.must("carol", person("eve", "hospital", "provider", set("oidc", identity("18"))))
	w.must("carol", person("zoe", "health", "zone_regulator", set("signing_key", publicOf("zoe's new"))))
	w.refused(registry.CodeExclusion, "carol", person("eve", "hospital", "provider", set("oidc", identity("17"))))
	// zoe has none by now, and what was hers is nobody else's.
	w.must("carol", person("eve", "hospital", "provider", set("certificates", []any{pinB})))
	w.refused(registry.CodeExclusion, "carol", person("eve", "hospital", "provider", set("certificates", []any{pinA})))
	if p, err := w.PersonOfCertificate(t.Context(), pinB); p.Name != "eve" || err != nil {
		t.Errorf("PersonOfCertificate(eve's) = %q, %v", p.Name, err)
	}
	for what, pin := range map[string]string{"that zoe no longer has": pinA, "nobody's": strings.Repeat("c", 64)} {
		if p, err := w.PersonOfCertificate(t.Context(), pin); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("PersonOfCertificate(%s) = %q, %v, want ErrNotFound", what, p.Name, err)
		}
	}
	w.must("carol", person("eve", "hospital", "provider", set("certificates", []any{pinB}), set("status", "disabled")))
	if p, err := w.PersonOfCertificate(t.Context(), pinB); !errors.Is(err, registry.ErrInactive) {
		t.Errorf("PersonOfCertificate(of a disabled person) = %q, %v, want ErrInactive", p.Name, err)
	}
}

// Keys of client certificates: SHA-256 as documents hold them.
var pinA, pinB = strings.Repeat("0a", 32), strings.Repeat("b1", 32)

// identity is a name at a provider of identities.
func identity(subject string) map[string]any {
	return map[string]any{"issuer": "https://id.test", "subject": subject}
}

// otherwise spells a key of 32 bytes with bits that no byte has.
func otherwise(key string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := len(key) - 2
	return key[:last] + string(digits[strings.IndexByte(digits, key[last])+1]) + key[last+1:]
}

func TestZoneHasTheRegulatorOfItsKind(t *testing.T) {
	w := peopled(t)
	if f := w.refused(registry.CodeReference, "carol", zone(set("responsible.0.person", "nobody"))); f.Path != "/spec/responsible/0/person" {
		t.Errorf("fault = %+v, want that nobody is responsible", f)
	}
	f := w.refused(registry.CodeReference, "carol", zone(set("regulator", "city")))
	if f.Path != "/spec/regulator" || f.Article != "NJ24-06" {
		t.Errorf("fault = %+v, want /spec/regulator NJ24-06", f)
	}
	all := zone(set("kind", "COMPREHENSIVE"), set("regulator", "city"))
	all.Name = "all"
	w.must("dave", all)
	w.refused(registry.CodeImmutable, "carol", zone(set("kind", "COMPREHENSIVE"), set("regulator", "city")))
}

// Industry zones are of the six domains that the regulation begins with, or another
// that the city names; one without a domain is none (NJ24-05).
func TestIndustryZonesAreOfADomain(t *testing.T) {
	w := peopled(t)
	for _, domain := range []string{"finance", "medical", "transport", "credit", "culture_tourism", "sports", "water"} {
		d := zone(set("domain", domain))
		d.Name = domain
		w.must("carol", d)
	}
	f := w.refused(registry.CodeSchema, "carol", zone(set("domain", nil)))
	if f.Path != "/spec/domain" || f.Article != "NJ24-05" {
		t.Errorf("without a domain: %+v", f)
	}
}

// What the tokens of a zone are made with is for the city authority to change.
func TestTheTokenAlgorithmOfAZone(t *testing.T) {
	w := peopled(t)
	for _, a := range masking.Algorithms() {
		w.must("carol", zone(set("token_algorithm", string(a))))
	}
	for _, by := range []string{"zoe", "dave", "olga"} {
		w.refused(registry.CodeRole, by, zone(set("token_algorithm", "sm4-cmac")))
	}
	for _, a := range []string{"", "md5", "AES-CMAC"} {
		f := w.refused(registry.CodeSchema, "carol", zone(set("token_algorithm", a)))
		if f.Path != "/spec/token_algorithm" || f.Article != "NJ24-14" || !strings.Contains(f.EN, "must be one of") || !strings.Contains(f.ZH, "须为") {
			t.Errorf("%q: fault = %+v", a, f)
		}
	}
}

func TestSuspendingAZone(t *testing.T) {
	for _, tc := range []struct {
		by   string
		doc  registry.Document
		code string
	}{
		{"carol", zone(set("status", "SUSPENDED")), ""},
		{"zoe", zone(set("status", "SUSPENDED")), ""},
		{"dave", zone(set("status", "SUSPENDED")), ""},
		{"zoe", zone(set("status", "SUSPENDED"), set("pack", "other")), registry.CodeRole},
		{"dave", zone(set("pack", "other")), registry.CodeRole},
		{"dave", zone(set("status", "SUSPENDED"), set("pack", "other")), registry.CodeRole},
		{"olga", zone(set("status", "SUSPENDED")), registry.CodeRole},
		{"zita", zone(set("status", "SUSPENDED")), registry.CodeRole}, // another zone's regulator
	} {
		w := peopled(t)
		w.must("carol", organization("transport", "industry_authority"), person("zita", "transport", "zone_regulator"))
		before := w.epoch()
		if tc.code != "" {
			w.refused(tc.code, tc.by, tc.doc)
			continue
		}
		w.must(tc.by, tc.doc)
		if w.epoch() != before+1 {
			t.Errorf("%s suspended the zone: epoch = %d, want %d", tc.by, w.epoch(), before+1)
		}
	}
	// The data centre stops a zone; it does not start one again.
	w := peopled(t)
	w.must("dave", zone(set("status", "SUSPENDED")))
	w.refused(registry.CodeRole, "dave", zone())
	w.must("zoe", zone())
}

func TestCatalogueEntries(t *testing.T) {
	w := peopled(t)
	w.must("carol", organization("clinic", "provider"), person("pia", "clinic", "provider"))
	for _, tc := range []struct {
		name, by, code, path, article string
		edit                          edit
	}{
		{"another provider's person", "pia", registry.CodeRole, "/spec/provider", "NJ24-14", set("title", "门诊")},
		{"level unset", "paul", registry.CodeSchema, "/spec/columns/1/level", "NJ24-14", set("columns.1.level", nil)},
		{"class unset", "paul", registry.CodeSchema, "/spec/columns/1/class", "NJ24-14", set("columns.1.class", nil)},
		{"personal_info unset", "paul", registry.CodeSchema, "/spec/columns/2/personal_info", "NJ24-02", set("columns.2.personal_info", nil)},
		{"secret_flag unset", "paul", registry.CodeSchema, "/spec/columns/2/secret_flag", "NJ24-02", set("columns.2.secret_flag", nil)},
		{"a secret column", "paul", registry.CodeForbidden, "/spec/columns/2/secret_flag", "NJ24-02", set("columns.2.secret_flag", true)},
		{"a secret dataset", "paul", registry.CodeForbidden, "/spec/secret_flag", "NJ24-02", set("secret_flag", true)},
		{"personal column in impersonal dataset", "paul", registry.CodeSchema, "/spec/personal_info", "NJ24-02", set("personal_info", false)},
		{"personal without entity", "paul", registry.CodeSchema, "/spec/entity", "NJ24-16", set("entity", nil)},
		{"entity column missing", "paul", registry.CodeReference, "/spec/entity/column", "", set("entity.column", "nobody")},
		{"hidden column name", "paul", registry.CodeSchema, "/spec/columns/2/name", "", set("columns.2.name", "__entity")},
		{"one name twice apart from case", "paul", registry.CodeSchema, "/spec/columns/2/name", "", set("columns.2.name", "DIAGNOSIS")},
		{"unknown zone", "paul", registry.CodeReference, "/spec/zone", "", set("zone", "nowhere")},
		{"unknown field", "paul", registry.CodeSchema, "/spec/columns/0/levle", "", set("columns.0.levle", 1)},
		{"unknown type", "paul", registry.CodeSchema, "/spec/columns/0/type", "", set("columns.0.type", "varchar")},
		{"impossible decimal", "paul", registry.CodeSchema, "/spec/columns/2/type", "", set("columns.2.type", "decimal(4,6)")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := w.refused(tc.code, tc.by, visits(tc.edit))
			if f.Path != tc.path || f.Article != tc.article {
				t.Errorf("fault = %s %q, want %s %q", f.Path, f.Article, tc.path, tc.article)
			}
		})
	}
	hidden := visits()
	hidden.Name = "__visits"
	w.refused(registry.CodeSchema, "paul", hidden)
	w.must("paul", visits())
}

func TestFaultsNameDocumentPathColumnAndArticle(t *testing.T) {
	w := peopled(t)
	_, err := w.Apply(t.Context(), "paul", []registry.Document{visits(set("columns.1.level", nil))})
	want := "registry: Dataset visits /spec/columns/1/level: column diagnosis: level is missing (NJ24-14)"
	if err == nil || err.Error() != want {
		t.Errorf("Apply = %v\nwant    %s", err, want)
	}
	_, err = w.Apply(t.Context(), "carol", []registry.Document{license(set("sections.termination", nil))})
	want = "registry: License medical-2026 /spec/sections/termination: termination is missing (NJ24-11)"
	if err == nil || err.Error() != want {
		t.Errorf("Apply = %v\nwant    %s", err, want)
	}
}

// prohibited makes an entry one of data that must not be opened.
func prohibited(spec map[string]any) {
	spec["open_type"], spec["open_ground"] = "PROHIBITED", "PUBLIC_SAFETY"
}

func TestLoweringProtectionNeedsProviderAndRegulator(t *testing.T) {
	why := set("change_reason", "复核后降级")
	for _, tc := range []struct {
		name string
		path string
		edit edit
	}{
		{"level", "/spec/columns/1/level", set("columns.1.level", 2)},
		{"personal column", "/spec/columns/1/personal_info", set("columns.1.personal_info", false)},
		{"public codes", "/spec/columns/1/public_codes", set("columns.1.public_codes", []string{"J06", "I10", "B20"})},
		{"entity key", "/spec/entity", set("entity.column", "diagnosis")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := catalogued(t)
			w.clock.tick()
			d := visits(tc.edit, why)
			for _, signers := range [][]string{nil, {"paul"}, {"zoe"}, {"paul", "carol"}, {"paul", "olga"}} {
				w.refused(registry.CodeProtect, "paul", w.signed(d, signers...))
			}
			w.refused(registry.CodeProtect, "paul", w.signed(visits(tc.edit), "paul", "zoe", "carol")) // no reason
			w.refused(registry.CodeSignature, "paul", w.signed(d, "paul", "zoe"))                      // not approved
			w.refused(registry.CodeRole, "zoe", w.signed(d, "paul", "zoe", "carol"))
			w.must("paul", w.signed(d, "paul", "zoe", "carol"))
		})
	}
	// What is declared of the dataset as a whole.
	for _, tc := range []struct {
		path     string
		from, to edit
	}{
		{"/spec/public_safety", set("public_safety", true), set("public_safety", false)},
		{"/spec/open_type", prohibited, set("open_type", "CONDITIONAL")},
		{"/spec/open_type", set("title", "其他"), set("open_type", "UNCONDITIONAL")},
		{"/spec/share_type", set("share_type", "NONE"), set("share_type", "CONDITIONAL")},
		{"/spec/share_type", set("title", "其他"), set("share_type", "UNCONDITIONAL")},
		{"/spec/personal_info", set("title", "其他"), func(spec map[string]any) {
			spec["personal_info"] = false
			spec["columns"] = spec["columns"].([]any)[2:]
			spec["entity"] = nil
		}},
	} {
		w := peopled(t)
		w.must("paul", visits(tc.from))
		w.clock.tick()
		w.refused(registry.CodeProtect, "paul", w.signed(visits(tc.to, why), "paul", "carol"))
		_, err := w.Apply(t.Context(), "paul", []registry.Document{visits(tc.to, why)})
		var r *registry.Refusal
		if !errors.As(err, &r) || !slices.ContainsFunc(r.Faults, func(f registry.Fault) bool { return f.Path == tc.path }) {
			t.Errorf("Apply = %v, want a fault at %s", err, tc.path)
		}
		w.must("paul", w.signed(visits(tc.to, why), "paul", "zoe", "carol"))
	}
	w := catalogued(t)
	w.must("paul", visits(set("columns.1.level", 4))) // raising is the provider's own affair
	// Taking the column out and putting it back lower is lowering.
	without := func(spec map[string]any) {
		cols := spec["columns"].([]any)
		spec["columns"] = []any{cols[0], cols[2]}
	}
	w.must("paul", visits(without))
	w.refused(registry.CodeProtect, "paul", visits(set("columns.1.level", 3)))
	w.must("paul", visits(set("columns.1.level", 4)))
}

func TestLicenseNeedsEveryParty(t *testing.T) {
	w := catalogued(t)
	w.clock.tick()
	for _, signers := range [][]string{nil, {"zoe", "carol"}, {"zoe", "olga"}, {"carol", "olga"}, {"carol", "olga", "paul"}, {"carol", "olga", "dave"}} {
		f := w.refused(registry.CodeSignature, "carol", w.signed(license(), signers...))
		if f.Article != "NJ24-10" {
			t.Errorf("signed by %v: article %s, want NJ24-10", signers, f.Article)
		}
	}
	w.must("carol", w.signed(license(), "zoe", "carol", "olga"))

	// In the comprehensive zone the city authority is the regulator.
	all := zone(set("kind", "COMPREHENSIVE"), set("regulator", "city"))
	all.Name = "all"
	w.must("carol", all)
	l := license(set("zone", "all"))
	l.Name = "all-2026"
	w.refused(registry.CodeSignature, "carol", w.signed(l, "carol"))
	w.must("carol", w.signed(l, "carol", "olga"))
}

func TestSignaturesMustBeGenuine(t *testing.T) {
	w := catalogued(t)
	w.clock.tick()
	good := func() registry.Document { return w.signed(license(), "zoe", "carol", "olga") }
	for _, tc := range []struct {
		name  string
		spoil func(*registry.Document)
	}{
		{"another text", func(d *registry.Document) { d.Spec = license(set("end", "2030-12-31")).Spec }},
		{"another name", func(d *registry.Document) { d.Name = "medical-2027" }},
		{"another signer's name", func(d *registry.Document) { d.Signatures[0].By = "zack" }},
		{"another time", func(d *registry.Document) {
			d.Signatures[0].At = w.clock.t.Add(time.Second / 2).UTC().Format(time.RFC3339Nano)
		}},
		{"another key", func(d *registry.Document) { d.Sign("zoe", keyOf("mallory"), w.clock.t) }},
		{"another signature", func(d *registry.Document) { d.Signatures[0].Sig = d.Signatures[1].Sig }},
		{"signed twice", func(d *registry.Document) { d.Signatures = append(d.Signatures, d.Signatures[0]) }},
		{"a future time", func(d *registry.Document) { d.Sign("zoe", keyOf("zoe"), w.clock.t.Add(time.Hour)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := good()
			tc.spoil(&d)
			w.refused(registry.CodeSignature, "carol", d)
		})
	}
	w.must("carol", person("zoe", "health", "zone_regulator", set("status", "disabled")))
	w.refused(registry.CodeSignature, "carol", good())
	w.must("carol", person("zoe", "health", "zone_regulator"))
	w.must("carol", good())
}

func TestOldSignaturesDoNotUndoASuspension(t *testing.T) {
	w := licensed(t)
	first, _, err := w.Get(t.Context(), "License", "medical-2026")
	if err != nil {
		t.Fatal(err)
	}
	w.clock.tick()
	// Signed by all before the suspension, and kept in a drawer.
	kept := w.signed(license(set("status_reason", "恢复")), "zoe", "carol", "olga")
	w.clock.tick()
	w.clock.tick()
	suspended := license(set("status", "SUSPENDED"), set("status_reason", "第八条"))
	w.must("carol", w.signed(suspended, "zoe", "carol"))
	w.clock.tick()
	w.refused(registry.CodeSignature, "olga", first)
	w.refused(registry.CodeSignature, "olga", kept)
	w.must("carol", w.signed(license(set("status_reason", "整改完成")), "zoe", "carol"))
}

// A signer's clock may run ahead: the signature under the old version is then
// younger than the suspension, and still counts only once.
func TestASignatureCountsOnce(t *testing.T) {
	w := catalogued(t)
	w.clock.tick()
	first := license()
	for _, p := range []string{"zoe", "carol", "olga"} {
		first.Sign(p, keyOf(p), w.clock.t.Add(4*time.Minute))
	}
	w.must("carol", first)
	stop := license(set("status", "SUSPENDED"), set("status_reason", "第八条"))
	for _, p := range []string{"zoe", "carol"} {
		stop.Sign(p, keyOf(p), w.clock.t.Add(time.Minute))
	}
	w.must("carol", stop)
	f := w.refused(registry.CodeSignature, "olga", first)
	if f.Path != "/signatures/0/sig" {
		t.Errorf("fault = %+v, want a used signature", f)
	}
}

func TestADisabledPersonAppliesNothing(t *testing.T) {
	w := catalogued(t)
	w.must("carol", person("paul", "hospital", "provider", set("status", "disabled")))
	if _, err := w.Apply(t.Context(), "paul", []registry.Document{visits(set("title", "其他"))}); !errors.Is(err, registry.ErrInactive) {
		t.Errorf("Apply = %v, want ErrInactive", err)
	}
}

func TestApplyChecksTheShapeItself(t *testing.T) {
	w := peopled(t)
	d := visits()
	d.Spec = append([]byte(`{"secret_flag":true,`), d.Spec[1:]...)
	w.refused(registry.CodeSchema, "paul", d)
	w.refused(registry.CodeSyntax, "paul", visits(), visits())
	w.refused(registry.CodeSyntax, "paul")
}

func TestSuspendingAndTerminatingALicense(t *testing.T) {
	w := licensed(t)
	epoch := w.epoch()
	w.clock.tick()
	stop := license(set("status", "SUSPENDED"), set("status_reason", "第八条"))
	for _, signers := range [][]string{nil, {"carol"}, {"zoe"}, {"zoe", "olga"}, {"carol", "olga"}} {
		w.refused(registry.CodeSignature, "carol", w.signed(stop, signers...))
	}
	f := w.refused(registry.CodeSchema, "carol", w.signed(license(set("status", "SUSPENDED")), "zoe", "carol"))
	if f.Path != "/spec/status_reason" || f.Article != "NJ24-12" {
		t.Errorf("fault = %s %s, want /spec/status_reason NJ24-12", f.Path, f.Article)
	}
	// A suspension is no occasion to rewrite the agreement without the operator.
	w.refused(registry.CodeSignature, "carol", w.signed(license(set("status", "SUSPENDED"), set("status_reason", "第八条"), set("end", "2026-06-30")), "zoe", "carol"))
	w.must("carol", w.signed(stop, "zoe", "carol"))
	if w.epoch() != epoch+1 {
		t.Errorf("epoch = %d, want %d", w.epoch(), epoch+1)
	}
	w.clock.tick()
	w.must("carol", w.signed(license(set("status", "TERMINATED"), set("status_reason", "第九条")), "zoe", "carol"))
	w.clock.tick()
	w.refused(registry.CodeImmutable, "carol", w.signed(license(set("status_reason", "恢复")), "zoe", "carol", "olga"))
}

func TestLicenseHolder(t *testing.T) {
	for _, tc := range []struct {
		name, article string
		edit          edit
	}{
		{"a natural person", "NJ24-03", set("org_form", "natural_person")},
		{"no security officer", "NJ24-08", set("security_officer", nil)},
		{"no security department", "NJ24-08", set("security_department", nil)},
	} {
		w := catalogued(t)
		w.must("carol", organization("medco", "operator", tc.edit))
		f := w.refused(registry.CodeReference, "carol", w.signed(license(), "zoe", "carol", "olga"))
		if f.Path != "/spec/operator" || f.Article != tc.article {
			t.Errorf("%s: fault = %s %s, want /spec/operator %s", tc.name, f.Path, f.Article, tc.article)
		}
	}
}

func TestScenarioLiesInsideItsLicense(t *testing.T) {
	w := licensed(t)
	w.must("carol", person("otto", "medco", "operator", set("recipient_key", nil)), organization("rival", "operator"), person("rita", "rival", "operator"))
	for _, tc := range []struct {
		name, by, code, path string
		edit                 edit
	}{
		{"another purpose class", "zoe", registry.CodeScope, "/spec/purpose_class", set("purpose_class", "marketing")},
		{"a purpose outside the scope", "zoe", registry.CodeScope, "/spec/purpose_code", set("purpose_code", "PH-99")},
		{"beyond the term", "zoe", registry.CodeScope, "/spec/period", set("period.until", "2029-01-01")},
		{"before the term", "zoe", registry.CodeScope, "/spec/period", set("period.from", "2025-12-31")},
		{"backwards", "zoe", registry.CodeSchema, "/spec/period", set("period.until", "2025-01-01")},
		{"recipient of another operator", "zoe", registry.CodeScope, "/spec/recipients/0", set("recipients", []string{"rita"})},
		{"recipient without key", "zoe", registry.CodeReference, "/spec/recipients/0", set("recipients", []string{"otto"})},
		{"unknown recipient", "zoe", registry.CodeReference, "/spec/recipients/0", set("recipients", []string{"nobody"})},
		{"by the operator alone", "olga", registry.CodeRole, "", set("title", "其他")},
		{"by another operator", "rita", registry.CodeRole, "", set("title", "其他")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := scenario(tc.edit)
			d.Name = "other"
			if f := w.refused(tc.code, tc.by, d); f.Path != tc.path {
				t.Errorf("path = %s, want %s", f.Path, tc.path)
			}
		})
	}
	for i, e := range []edit{set("license", "other"), set("purpose_code", "PH-02"), set("purpose_class", "marketing")} {
		if w.refused(registry.CodeImmutable, "zoe", scenario(e)); t.Failed() {
			t.Fatalf("edit %d", i)
		}
	}
	d := scenario(set("recipients", []string{"olga", "oscar"}))
	w.clock.tick()
	w.refused(registry.CodeRole, "rita", w.signed(d, "zoe"))
	w.refused(registry.CodeRole, "olga", w.signed(d, "oscar"))
	w.must("olga", w.signed(d, "zoe"))
}

func TestGrantNeedsTwoPeopleOfTwoOrganizationsInOrder(t *testing.T) {
	w := licensed(t)
	w.must("carol", person("pam", "health", "provider"), organization("transport", "industry_authority"), person("zita", "transport", "zone_regulator"))
	w.clock.tick()
	for _, tc := range []struct {
		name, code string
		edit       edit
		signers    []string
	}{
		{"no signature", registry.CodeSignature, nil, nil},
		{"regulator alone", registry.CodeSignature, nil, []string{"zoe"}},
		{"provider alone", registry.CodeSignature, nil, []string{"paul"}},
		{"provider first", registry.CodeSignature, nil, []string{"paul", "zoe"}},
		{"another regulator's signature than named", registry.CodeSignature, nil, []string{"zack", "paul"}},
		{"regulator for the provider", registry.CodeExclusion, set("prov", map[string]string{"by": "zoe", "org": "hospital"}), []string{"zoe", "paul"}},
		{"two of the regulator", registry.CodeExclusion, set("prov", map[string]string{"by": "pam", "org": "health"}), []string{"zoe", "pam"}},
		{"operator for the provider", registry.CodeExclusion, set("prov", map[string]string{"by": "olga", "org": "medco"}), []string{"zoe", "olga"}},
		{"operator for the regulator", registry.CodeExclusion, set("zreg", map[string]string{"by": "olga", "org": "medco"}), []string{"olga", "paul"}},
		{"operator under the regulator's name", registry.CodeRole, set("zreg", map[string]string{"by": "olga", "org": "health"}), []string{"olga", "paul"}},
		{"another zone's regulator", registry.CodeRole, set("zreg", map[string]string{"by": "zita", "org": "transport"}), []string{"zita", "paul"}},
		{"city for the regulator", registry.CodeRole, set("zreg", map[string]string{"by": "carol", "org": "city"}), []string{"carol", "paul"}},
		{"the provider for another organization", registry.CodeRole, set("prov", map[string]string{"by": "paul", "org": "transport"}), []string{"zoe", "paul"}},
		{"a time that is not the signature's", registry.CodeSignature, set("zreg.at", "2026-01-01T00:00:00Z"), []string{"zoe", "paul"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var edits []edit
			if tc.edit != nil {
				edits = append(edits, tc.edit)
			}
			w.refused(tc.code, "zoe", w.signed(grant(edits...), tc.signers...))
		})
	}
	w.must("carol", organization("rival", "operator"), person("rita", "rival", "operator"))
	w.clock.tick()
	w.refused(registry.CodeRole, "rita", w.signed(grant(), "zoe", "paul"))
	w.refused(registry.CodeRole, "zita", w.signed(grant(), "zoe", "paul"))
	w.must("olga", w.signed(grant(), "zoe", "paul"))
}

func TestGrantLiesInsideScenarioLicenseAndCatalogue(t *testing.T) {
	w := licensed(t)
	w.clock.tick()
	closed, stopped, foreign := visits(prohibited), visits(), visits()
	closed.Name, stopped.Name, foreign.Name = "persons", "drafts", "trips"
	w.must("paul", closed, stopped, foreign)
	stopped = visits(set("status", "SUSPENDED"))
	stopped.Name = "drafts"
	w.must("paul", stopped)
	w.clock.tick()
	for _, tc := range []struct {
		name, code, path, article string
		edit                      edit
	}{
		{"unknown column", registry.CodeScope, "/spec/columns/2/name", "NJ24-13", set("columns.2.name", "salary")},
		{"one column twice", registry.CodeSchema, "/spec/columns/2/name", "NJ24-14", set("columns.2.name", "diagnosis")},
		{"masked without recipe", registry.CodeSchema, "/spec/columns/0/recipe", "NJ24-14", set("columns.0.recipe", nil)},
		{"compute-only without permissions", registry.CodeSchema, "/spec/columns/1/permissions", "NJ24-14", set("columns.1.permissions", nil)},
		{"clear with permissions", registry.CodeSchema, "/spec/columns/1/permissions", "NJ24-14", set("columns.1.mode", "CLEAR")},
		{"copy", registry.CodeSchema, "/spec/columns/1/mode", "NJ24-14", set("columns.1.mode", "COPY")},
		{"date recipe without part", registry.CodeSchema, "/spec/columns/0/recipe/part", "", set("columns.0.recipe", map[string]string{"kind": "date"})},
		{"beyond the scenario", registry.CodeScope, "/spec/from", "NJ24-11", set("until", "2027-06-30")},
		{"prohibited dataset", registry.CodeForbidden, "/spec/dataset", "NJ24-02", set("dataset", "persons")},
		{"unpublished dataset", registry.CodeForbidden, "/spec/dataset", "NJ24-15", set("dataset", "drafts")},
		{"outside the license's scope", registry.CodeScope, "/spec/dataset", "NJ24-11", set("dataset", "trips")},
		{"row scope on an unknown column", registry.CodeScope, "/spec/scope/0/column", "NJ24-13",
			set("scope", []any{map[string]any{"column": "district", "in": []string{"320102"}}})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := w.refused(tc.code, "zoe", w.signed(grant(tc.edit), "zoe", "paul"))
			if f.Path != tc.path || f.Article != tc.article {
				t.Errorf("fault = %s %q, want %s %q", f.Path, f.Article, tc.path, tc.article)
			}
		})
	}
	w.must("zoe", w.signed(grant(), "zoe", "paul"))
	second := grant(set("columns.1.permissions", []string{"groupkey", "order"}))
	second.Name = "flu-visits-too"
	w.clock.tick()
	w.refused(registry.CodeScope, "zoe", w.signed(second, "zoe", "paul"))
}

// What a mask leaves readable, or somebody could undo, is no mask to grant.
func TestRecipesThatHideNothingForGoodAreNotGranted(t *testing.T) {
	w := licensed(t)
	w.must("paul", visits())
	w.clock.tick()
	for _, recipe := range []map[string]any{
		{"kind": "ff1"}, {"kind": "encrypt"}, {"kind": "identifier"}, {"kind": "shuffle"}, {"kind": "free_text"},
		{"kind": "top_bottom", "low": 0}, {"kind": "shift"}, {"kind": "shift", "days": 0}, {"kind": "shift", "days": 3654},
		{"kind": "noise"}, {"kind": "noise", "spread": 0}, {"kind": "noise", "spread": -1}, {"kind": "noise", "spread": 5, "days": 5},
	} {
		f := w.refused(registry.CodeSchema, "zoe", w.signed(grant(set("columns.0.recipe", recipe)), "zoe", "paul"))
		if !strings.HasPrefix(f.Path, "/spec/columns/0/recipe") {
			t.Errorf("%v: fault at %s", recipe, f.Path)
		}
	}
	for _, recipe := range []map[string]any{
		{"kind": "nullify"}, {"kind": "fixed", "text": "保密"}, {"kind": "pattern", "pattern": "###****####"}, {"kind": "display", "field": "phone"},
		{"kind": "map", "values": map[string]string{"a": "b"}}, {"kind": "geohash", "digits": 5}, {"kind": "date", "part": "quarter"},
		{"kind": "shift", "days": 30}, {"kind": "noise", "spread": 2.5},
	} {
		w.must("zoe", w.signed(grant(set("columns.0.recipe", recipe)), "zoe", "paul"))
		w.clock.tick()
	}
}

// A grant that names a kind which can be undone is told what is wrong with it, under
// which article, and what would do.
func TestReversibleRecipesAreRefusedWithTheReason(t *testing.T) {
	w := licensed(t)
	w.must("paul", visits())
	w.clock.tick()
	for _, recipe := range []masking.Recipe{
		{Kind: "ff1", Alphabet: "digits"}, {Kind: "ff1", Alphabet: "digits", Cipher: "sm4"},
		{Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 2030}, {Kind: "identifier", Field: "mobile"},
	} {
		if err := recipe.Validate("string"); err != nil || !recipe.Reversible() {
			t.Fatalf("control: %s is reversible: %v, %v", recipe, recipe.Reversible(), err)
		}
		_, err := w.Apply(t.Context(), "zoe", []registry.Document{w.signed(grant(set("columns.0.recipe", recipe)), "zoe", "paul")})
		var r *registry.Refusal
		if !errors.As(err, &r) {
			t.Fatalf("%s: Apply = %v, want a refusal", recipe, err)
		}
		told := false
		for _, f := range r.Faults {
			told = told || f.Code == registry.CodeSchema && f.Path == "/spec/columns/0/recipe/kind" && f.Article == "NJ24-14" &&
				strings.Contains(f.EN, "must be one of redact, ") && strings.Contains(f.EN, "what can be undone") &&
				strings.Contains(f.ZH, "须为 redact, ") && strings.Contains(f.ZH, "可还原")
		}
		if !told {
			t.Errorf("%s: %v", recipe, err)
		}
	}
}

// Who is masked by whom a row is about must be told whom.
func TestAMaskByEntityNeedsAnEntity(t *testing.T) {
	w := licensed(t)
	nobody := visits(set("entity", nil), set("personal_info", false), set("columns.0.personal_info", false), set("columns.1.personal_info", false))
	nobody.Name = "persons"
	w.must("paul", nobody)
	w.clock.tick()
	of := set("dataset", "persons")
	for _, recipe := range []map[string]any{{"kind": "shift", "days": 30}, {"kind": "noise", "spread": 5}} {
		f := w.refused(registry.CodeScope, "zoe", w.signed(grant(of, set("columns.0.recipe", recipe)), "zoe", "paul"))
		if f.Path != "/spec/columns/0/recipe/kind" || f.Article != "NJ24-14" || !strings.Contains(f.ZH, "主体标识列") || !strings.Contains(f.EN, "declare the entity") {
			t.Errorf("%v: fault %+v", recipe, f)
		}
	}
	w.must("zoe", w.signed(grant(of), "zoe", "paul"))
}

// The schema takes the forms of tokens that the masks take, and no other.
func TestTokensLeaveWithBitsEnough(t *testing.T) {
	w := licensed(t)
	w.must("paul", visits())
	w.clock.tick()
	for _, alphabet := range []string{"", "hex", "base32", "digits", "letters"} {
		for _, length := range []int{0, 12, 13, 15, 16, 19, 20, 24, 25, 26, 32, 33} {
			recipe := map[string]any{"kind": "token"}
			if alphabet != "" {
				recipe["alphabet"] = alphabet
			}
			if length != 0 {
				recipe["length"] = length
			}
			document := w.signed(grant(set("columns.0.recipe", recipe)), "zoe", "paul")
			if err := (masking.Recipe{Kind: "token", Alphabet: alphabet, Length: length}).Validate("string"); err == nil {
				w.must("zoe", document)
				w.clock.tick()
				continue
			}
			f := w.refused(registry.CodeSchema, "zoe", document)
			if !strings.HasPrefix(f.Path, "/spec/columns/0/recipe/") || strings.HasSuffix(f.Path, "/length") && f.Article != "NJ24-14" {
				t.Errorf("%v: fault = %+v", recipe, f)
			}
		}
	}
	w.refused(registry.CodeSchema, "zoe", w.signed(grant(set("columns.0.recipe", map[string]any{"kind": "redact", "alphabet": "hex", "length": 32})), "zoe", "paul"))
}

func TestGrantForAnotherZonesDatasetIsRefused(t *testing.T) {
	w := licensed(t)
	other := zone()
	other.Name = "finance"
	w.must("carol", other)
	d := visits(set("zone", "finance"))
	d.Name = "persons"
	w.must("paul", d)
	w.clock.tick()
	f := w.refused(registry.CodeScope, "zoe", w.signed(grant(set("dataset", "persons")), "zoe", "paul"))
	if f.Article != "NJ24-05" {
		t.Errorf("article = %s, want NJ24-05", f.Article)
	}
}

func TestEitherOfThoseWhoAgreedRevokesAGrantAlone(t *testing.T) {
	revoked := func(edits ...edit) registry.Document {
		return grant(append(edits, set("status", "REVOKED"), set("status_reason", "用途变更"))...)
	}
	for _, by := range []string{"zoe", "zack", "paul", "carol"} {
		w := granted(t)
		w.must(by, revoked())
		w.clock.tick()
		w.refused(registry.CodeImmutable, "zoe", w.signed(grant(), "zoe", "paul"))
	}
	w := granted(t)
	w.refused(registry.CodeRole, "olga", revoked())
	w.refused(registry.CodeImmutable, "paul", revoked(set("until", "2026-10-31")))
}
