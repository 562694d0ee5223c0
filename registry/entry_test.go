package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

// An entry is in force once its author and its approver signed it: nobody else's
// word stands for either, and either of the two hands it in.
func TestAPublishedEntryIsSignedByProviderAndCityAuthority(t *testing.T) {
	for _, c := range []struct {
		by      string
		signers []string
		code    string
	}{
		{"paul", []string{"paul"}, registry.CodeSignature},
		{"paul", []string{"carol"}, registry.CodeSignature},
		{"paul", []string{"paul", "pete"}, registry.CodeSignature}, // two of the provider
		{"carol", []string{"carol", "cora"}, registry.CodeSignature},
		{"paul", []string{"paul", "zoe"}, registry.CodeSignature},  // the regulator is not the city
		{"paul", []string{"pia", "carol"}, registry.CodeSignature}, // another provider
		{"paul", []string{"olga", "carol"}, registry.CodeSignature},
		{"pia", []string{"paul", "carol"}, registry.CodeRole},
		{"zoe", []string{"paul", "carol"}, registry.CodeRole},
		{"olga", []string{"paul", "carol"}, registry.CodeRole},
		{"dave", []string{"paul", "carol"}, registry.CodeRole},
		{"paul", []string{"pete", "carol"}, ""},
		{"carol", []string{"paul", "cora"}, ""},
	} {
		w := peopled(t)
		w.must("carol", person("pete", "hospital", "provider"), person("cora", "city", "city_authority"),
			organization("clinic", "provider"), person("pia", "clinic", "provider"))
		d := w.signed(visits(), c.signers...)
		if c.code == "" {
			w.must(c.by, d)
			continue
		}
		if f := w.refused(c.code, c.by, d); c.code == registry.CodeSignature && f.Article != "NJ19-16" {
			t.Errorf("by %s signed by %v: %+v, want NJ19-16", c.by, c.signers, f)
		}
	}
	w := peopled(t)
	_, err := w.Apply(t.Context(), "paul", []registry.Document{visits()})
	var r *registry.Refusal
	if !errors.As(err, &r) || len(r.Faults) != 2 || !strings.Contains(r.Faults[0].ZH, "hospital") || !strings.Contains(r.Faults[1].ZH, "city_authority") {
		t.Errorf("unsigned: %v, want both signatures named", err)
	}
}

// Either of the two stops an entry alone; it takes both to bring it back, and what
// they approved of before counts once.
func TestSuspendingAndRetiringAnEntry(t *testing.T) {
	stop, gone := set("status", "SUSPENDED"), func(spec map[string]any) { spec["status"], spec["status_reason"] = "RETIRED", "机构改革" }
	for _, by := range []string{"paul", "carol"} {
		w := catalogued(t)
		first, _, err := w.Get(t.Context(), registry.KindDataset, "visits")
		if err != nil {
			t.Fatal(err)
		}
		w.must(by, visits(stop))
		w.refused(registry.CodeSignature, "paul", first)
		w.refused(registry.CodeImmutable, by, visits(stop, set("title", "其他")))
		w.must("paul", visits())
		w.refused(registry.CodeSchema, by, visits(set("status", "RETIRED"))) // no reason
		w.must(by, visits(gone))
	}
	w := catalogued(t)
	for _, by := range []string{"zoe", "olga", "dave"} {
		w.refused(registry.CodeRole, by, visits(stop))
	}
	fresh := visits(stop)
	fresh.Name = "births"
	w.refused(registry.CodeImmutable, "paul", fresh)
	if f := w.refused(registry.CodeSchema, "paul", visits(set("status", "DRAFT"))); !strings.Contains(f.ZH, "catalogue submit") {
		t.Errorf("a draft: %+v, want the next step", f)
	}
}

func TestWhatTheCatalogueAsksOfAnEntry(t *testing.T) {
	base := func(spec map[string]any) {
		spec["category"], spec["share_type"] = map[string]any{"kind": "BASE", "code": "population"}, "UNCONDITIONAL"
	}
	for _, c := range []struct {
		name, code, path, article string
		edits                     []edit
	}{
		{"no category", registry.CodeSchema, "/spec/category", "JM19-10", []edit{set("category", nil)}},
		{"no format", registry.CodeSchema, "/spec/format", "JM19-10", []edit{set("format", nil)}},
		{"no share mode", registry.CodeSchema, "/spec/share_mode", "JM19-10", []edit{set("share_mode", nil)}},
		{"no share type", registry.CodeSchema, "/spec/share_type", "NJ19-21", []edit{set("share_type", nil)}},
		{"no update frequency", registry.CodeSchema, "/spec/source/update_frequency", "JM19-10", []edit{set("source.update_frequency", nil)}},
		{"no use requirements", registry.CodeSchema, "/spec/use_requirements", "JM19-10", []edit{set("use_requirements", nil)}},
		{"no provider", registry.CodeSchema, "/spec/provider", "", []edit{set("provider", nil)}},
		{"no collector", registry.CodeSchema, "/spec/collector", "YC22-09", []edit{set("collector", nil)}},
		{"no auditor", registry.CodeSchema, "/spec/auditor", "YC22-09", []edit{set("auditor", nil)}},
		{"an unknown collector", registry.CodeReference, "/spec/collector", "", []edit{set("collector", "nobody")}},
		{"conditional without reason", registry.CodeSchema, "/spec/share_reason", "NJ19-21", []edit{set("share_reason", nil)}},
		{"not shared without reason", registry.CodeSchema, "/spec/share_reason", "NJ19-21", []edit{set("share_reason", nil), set("share_type", "NONE")}},
		{"without legal basis", registry.CodeSchema, "/spec/legal_basis", "NJ19-21", []edit{set("legal_basis", []string{})}},
		{"conditional without review date", registry.CodeSchema, "/spec/review_due", "YC22-18", []edit{set("review_due", nil)}},
		{"prohibited without ground", registry.CodeSchema, "/spec/open_ground", "NJ19-24", []edit{set("open_type", "PROHIBITED")}},
		{"theme without lead", registry.CodeSchema, "/spec/category/lead", "", []edit{set("category", map[string]any{"kind": "THEME", "code": "tax"})}},
		{"a state secret", registry.CodeForbidden, "/spec/regime", "NJ19-02", []edit{set("regime", "STATE_SECRET")}},
		{"government information", registry.CodeForbidden, "/spec/regime", "NJ19-02", []edit{set("regime", "GOVERNMENT_INFORMATION")}},
		{"a column that is a state secret", registry.CodeForbidden, "/spec/columns/2/cause_code", "NJ24-02", []edit{set("columns.2.cause_code", "STATE_SECRET")}},
		{"base item outside a base library", registry.CodeSchema, "/spec/columns/0/item", "SY20-19", []edit{set("columns.0.item", "BASE")}},
		{"base item not shared", registry.CodeSchema, "/spec/share_type", "JM19-19", []edit{base, set("columns.0.item", "BASE"), set("share_type", "CONDITIONAL")}},
		{"authoritative of nothing", registry.CodeSchema, "/spec/columns/0", "", []edit{set("columns.0.authoritative", true)}},
		{"a table without columns", registry.CodeSchema, "/spec/columns", "", []edit{set("columns", []any{})}},
		{"base library", "", "", "", []edit{base, set("columns.0.item", "BASE"), set("columns.2.item", "BUSINESS")}},
		{"a document without columns", "", "", "", []edit{set("format", "DOCUMENT"), set("columns", []any{}), set("personal_info", false), set("entity", nil)}},
		{"temporary", "", "", "", []edit{set("temporary", true)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := peopled(t)
			if c.code == "" {
				w.must("paul", visits(c.edits...))
				return
			}
			if f := w.refused(c.code, "paul", visits(c.edits...)); f.Path != c.path || f.Article != c.article {
				t.Errorf("fault = %s %q, want %s %q", f.Path, f.Article, c.path, c.article)
			}
		})
	}
}

// What is temporary, no table or a base item that all departments share opens no
// operator a thing without the two who must agree (NJ24-15; D2).
func TestWhatNoGrantOpens(t *testing.T) {
	w := licensed(t)
	for name, c := range map[string]struct {
		edits   []edit
		article string
	}{
		"temporary":    {[]edit{set("temporary", true)}, "NJ19-19"},
		"unstructured": {[]edit{set("format", "IMAGE")}, "JM19-41"},
	} {
		d := visits(c.edits...)
		d.Name = "persons"
		w.must("paul", d)
		w.clock.tick()
		if f := w.refused(registry.CodeForbidden, "zoe", w.signed(grant(set("dataset", "persons")), "zoe", "paul")); f.Article != c.article {
			t.Errorf("%s: %+v, want %s", name, f, c.article)
		}
	}
	base := visits(set("category", map[string]any{"kind": "BASE", "code": "population"}), set("share_type", "UNCONDITIONAL"), set("columns.0.item", "BASE"))
	base.Name = "trips"
	w.must("paul", base)
	w.must("carol", w.signed(license(set("sections.scope.datasets", []string{"trips"})), "zoe", "carol", "olga"))
	w.clock.tick()
	of := grant(set("dataset", "trips"))
	w.refused(registry.CodeSignature, "olga", of)
	w.refused(registry.CodeSignature, "zoe", w.signed(of, "zoe"))
	w.refused(registry.CodeSignature, "paul", w.signed(of, "paul"))
	w.must("zoe", w.signed(of, "zoe", "paul")) // control
}

func TestAnotherLawsColumnIsNeverReclassed(t *testing.T) {
	w := peopled(t)
	w.must("paul", visits(set("columns.2.cause_code", "OTHER_LAW")))
	w.clock.tick()
	why := set("change_reason", "复核")
	for _, e := range []edit{set("columns.2.level", 2), set("columns.2.cause_code", "PRIVACY")} {
		d := w.signed(visits(set("columns.2.cause_code", "OTHER_LAW"), e, why), "paul", "zoe", "carol")
		if f := w.refused(registry.CodeForbidden, "paul", d); f.Path != "/spec/columns/2/cause_code" || f.Article != "JM19-30" {
			t.Errorf("fault = %+v", f)
		}
	}
	w.must("paul", visits(set("columns.2.cause_code", "OTHER_LAW"), set("columns.2.level", 4)))
}

func negative(items ...map[string]any) registry.Document {
	for _, i := range items {
		i["reason"], i["basis"] = "国家规定", "YC22-18"
	}
	all := make([]any, len(items))
	for i := range items {
		all[i] = items[i]
	}
	return document("NegativeList", "city", `{"title":"负面清单","items":[]}`, set("items", all))
}

// The list is the city authority's alone; what it has is granted by nobody, and an
// item leaves it with a reason.
func TestNegativeList(t *testing.T) {
	w := granted(t)
	list := func() registry.Document { return negative(map[string]any{"dataset": "visits", "column": "Cost"}) }
	for _, by := range []string{"zoe", "paul", "olga", "dave"} {
		w.refused(registry.CodeRole, by, w.signed(list(), "carol"))
	}
	for _, signers := range [][]string{nil, {"zoe"}, {"paul", "zoe"}} {
		w.refused(registry.CodeSignature, "carol", w.signed(list(), signers...))
	}
	for path, item := range map[string]map[string]any{
		"/spec/items/0":        {},
		"/spec/items/0/column": {"class": "health", "column": "cost"},
	} {
		if f := w.refused(registry.CodeSchema, "carol", w.signed(negative(item), "carol")); !strings.HasPrefix(f.Path, path) && !strings.HasPrefix(f.Path, "/spec/items/0") {
			t.Errorf("fault at %s, want %s", f.Path, path)
		}
	}
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil || len(f.Negative) != 0 {
		t.Fatalf("Enter: %v with %d lists", err, len(f.Negative))
	}
	epoch := w.epoch()
	w.must("carol", w.signed(list(), "carol"))
	if w.epoch() != epoch+1 {
		t.Error("a new list does not raise the epoch")
	}
	if by, err := w.Overtaken(t.Context(), f); err != nil || by == nil || by.String() != "NegativeList city 1" {
		t.Errorf("overtaken by %v, %v", by, err)
	}
	w.clock.tick()
	if fault := w.refused(registry.CodeForbidden, "zoe", w.signed(grant(), "zoe", "paul")); fault.Path != "/spec/columns/2/name" || fault.Article != "YC22-18" {
		t.Errorf("fault = %+v", fault)
	}
	less := grant(func(spec map[string]any) { spec["columns"] = spec["columns"].([]any)[:2] })
	w.must("zoe", w.signed(less, "zoe", "paul"))
	w.clock.tick()
	w.refused(registry.CodeProtect, "carol", w.signed(negative(), "carol"))
	why := negative()
	why = document("NegativeList", "city", string(why.Spec), set("change_reason", "复核后移出"))
	w.must("carol", w.signed(why, "carol", "zoe"))
	w.clock.tick()
	w.must("zoe", w.signed(grant(), "zoe", "paul"))
}

func TestWhatANegativeItemLists(t *testing.T) {
	d := registry.Dataset{Columns: []registry.Column{{Name: "ID", Class: "identity", Element: "DE001"}, {Name: "name", Class: "identity"}, {Name: "cost", Class: "economy"}}}
	for _, c := range []struct {
		item  registry.NegativeItem
		whole bool
		cols  []string
	}{
		{registry.NegativeItem{Dataset: "visits"}, true, nil},
		{registry.NegativeItem{Dataset: "visit"}, false, nil},
		{registry.NegativeItem{Dataset: "visits", Column: "id"}, false, []string{"ID"}},
		{registry.NegativeItem{Dataset: "visits", Column: "other"}, false, nil},
		{registry.NegativeItem{Element: "DE001"}, false, []string{"ID"}},
		{registry.NegativeItem{Element: "DE002"}, false, nil},
		{registry.NegativeItem{Class: "identity"}, false, []string{"ID", "name"}},
		{registry.NegativeItem{}, false, nil},
	} {
		whole, cols := c.item.Lists("visits", d)
		if whole != c.whole || !slices.Equal(cols, c.cols) {
			t.Errorf("%+v lists %v %v, want %v %v", c.item, whole, cols, c.whole, c.cols)
		}
	}
}

// A grant holds for the entry its two signers saw: the moves of the entry since are
// told, whatever came after them, until both sign again.
func TestAGrantKnowsWhatItsEntryCameToSay(t *testing.T) {
	why := set("change_reason", "复核")
	for _, c := range []struct {
		name  string
		edits [][]edit
		want  []string
	}{
		{"nothing", nil, nil},
		{"another title", [][]edit{{set("title", "其他")}}, nil},
		{"suspended and back", [][]edit{{set("status", "SUSPENDED")}, {}}, nil},
		{"a level raised", [][]edit{{set("columns.1.level", 4)}}, []string{"visits.diagnosis level 3 4"}},
		{"a level lowered", [][]edit{{set("columns.1.level", 2), why}}, []string{"visits.diagnosis level 3 2"}},
		{"raised and back", [][]edit{{set("columns.1.level", 4)}, {set("columns.1.level", 3), why}}, []string{"visits.diagnosis level 3 4"}},
		{"taken out and put back", [][]edit{{func(s map[string]any) { c := s["columns"].([]any); s["columns"] = []any{c[0], c[2]} }}, {set("columns.1.level", 4)}}, []string{"visits.diagnosis level 3 4"}},
		{"opened", [][]edit{{set("open_type", "UNCONDITIONAL"), why}}, []string{"visits open_type CONDITIONAL UNCONDITIONAL"}},
		{"closed", [][]edit{{prohibited}}, []string{"visits open_type CONDITIONAL PROHIBITED"}},
		{"shared less", [][]edit{{set("share_type", "NONE")}}, []string{"visits share_type CONDITIONAL NONE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := granted(t)
			for _, e := range c.edits {
				w.clock.tick()
				d := visits(e...)
				if spec, err := registry.SpecOf[registry.Dataset](d); err == nil && spec.Status == registry.StatusPublished {
					d = w.signed(d, "paul", "carol", "zoe")
				}
				w.must("paul", d)
			}
			if got := movesOf(t, w); !slices.Equal(got, c.want) {
				t.Errorf("moves = %q, want %q", got, c.want)
			}
			if c.want == nil || c.name == "closed" {
				return
			}
			w.clock.tick()
			w.must("zoe", w.signed(grant(), "zoe", "paul"))
			if got := movesOf(t, w); len(got) != 0 {
				t.Errorf("after both signed again: %q", got)
			}
		})
	}
}

// The level of a column that the grant does not give is none of its concern.
func TestAnotherColumnsLevelMovesNoGrant(t *testing.T) {
	w := licensed(t)
	w.clock.tick()
	w.must("zoe", w.signed(grant(func(s map[string]any) { s["columns"] = s["columns"].([]any)[:1] }), "zoe", "paul"))
	w.must("paul", visits(set("columns.1.level", 4)))
	if got := movesOf(t, w); len(got) != 0 {
		t.Errorf("moves = %q", got)
	}
}

// Signed under one entry and handed in under the next is signed under the first.
func TestAGrantSignedBeforeItsEntryMovedIsRefused(t *testing.T) {
	w := licensed(t)
	w.clock.tick()
	kept := w.signed(grant(), "zoe", "paul")
	w.clock.tick()
	w.must("paul", visits(set("columns.1.level", 4)))
	w.clock.tick()
	if f := w.refused(registry.CodeSignature, "zoe", kept); f.Article != "YC22-25" || !strings.Contains(f.ZH, "visits.diagnosis level 3 4") {
		t.Errorf("fault = %+v", f)
	}
	w.must("zoe", w.signed(grant(), "zoe", "paul"))
}

func movesOf(t *testing.T, w *world) []string {
	t.Helper()
	f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: "flu"})
	if err != nil || len(f.Grants) != 1 {
		t.Fatalf("Enter: %v with %d grants", err, len(f.Grants))
	}
	var all []string
	for _, m := range f.Grants[0].Moves {
		all = append(all, m.String("visits"))
	}
	return all
}

func ruling(edits ...edit) registry.Document {
	return document("SourceRuling", "de-1", `{"datasets":["visits","persons"],"element":"DE-1","authoritative":"persons","collector":"hospital","basis":"NJ19-19"}`, edits...)
}

// A data element has one authoritative source; a second takes the city authority's
// ruling that names it (NJ19-19).
func TestADataElementHasOneSource(t *testing.T) {
	source := func(spec map[string]any) {
		c := spec["columns"].([]any)[0].(map[string]any)
		c["element"], c["authoritative"] = "DE-1", true
	}
	second := func(edits ...edit) registry.Document {
		d := visits(edits...)
		d.Name = "persons"
		return d
	}
	w := peopled(t)
	w.must("paul", visits(source))
	w.must("paul", visits(source, set("title", "门诊就诊"))) // its own next version is no second source
	w.must("paul", second(set("columns.0.element", "DE-1")))
	w.clock.tick()
	f := w.refused(registry.CodeScope, "paul", second(source))
	if f.Path != "/spec/columns/0/authoritative" || f.Article != "NJ19-19" || !strings.Contains(f.ZH, "visits") || !strings.Contains(f.ZH, "SourceRuling") {
		t.Errorf("fault = %+v", f)
	}
	for _, by := range []string{"paul", "zoe", "olga"} {
		w.refused(registry.CodeRole, by, w.signed(ruling(), "carol"))
	}
	w.refused(registry.CodeSignature, "carol", ruling())
	w.refused(registry.CodeReference, "carol", w.signed(ruling(set("authoritative", "births")), "carol"))
	w.refused(registry.CodeReference, "carol", w.signed(ruling(set("collector", "nobody")), "carol"))
	w.refused(registry.CodeSchema, "carol", w.signed(ruling(set("authoritative", nil)), "carol"))
	w.must("carol", w.signed(ruling(set("authoritative", "visits")), "carol"))
	w.clock.tick()
	w.refused(registry.CodeScope, "paul", second(source)) // ruled for the other
	w.must("carol", w.signed(ruling(), "carol"))
	w.clock.tick()
	w.must("paul", second(source))
	w.clock.tick()
	w.refused(registry.CodeScope, "paul", visits(source, set("title", "其他"))) // the one of before no longer is
	w.must("paul", visits(set("columns.0.element", "DE-1")))
}

// A check tells the faults of an apply and leaves no trace.
func TestACheckChangesNothing(t *testing.T) {
	w := peopled(t)
	before := w.revision()
	faults, err := w.Check(t.Context(), "paul", visits())
	if err != nil || len(faults) != 2 || faults[0].Path != "/signatures" {
		t.Errorf("unsigned: %v, %+v", err, faults)
	}
	w.clock.tick()
	faults, err = w.Check(t.Context(), "paul", w.signed(visits(), "paul", "carol"))
	if err != nil || len(faults) != 0 {
		t.Errorf("signed: %v, %+v", err, faults)
	}
	if _, _, err := w.Get(t.Context(), "Dataset", "visits"); !errors.Is(err, registry.ErrNotFound) || w.revision() != before {
		t.Errorf("the check left a trace: %v, revision %d", err, w.revision())
	}
}
