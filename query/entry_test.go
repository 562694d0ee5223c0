package query_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// founded is the city's domain before its catalogue: organizations, people, zone.
func founded(t *testing.T) *querytest.Domain {
	t.Helper()
	d := querytest.New(t, querytest.Options{})
	d.ApplyFile(querytest.Founder, "querytest/city/organizations.yaml")
	d.Register(querytest.Cast...)
	d.Register(querytest.Person{User: "wang.hospital", RealName: "王医管", Organization: "hospital-group", Role: registry.RoleProvider})
	d.ApplyFile(querytest.Founder, "querytest/city/zone.yaml")
	return d
}

// bedsEntry is the city's entry of beds with replacements, as one document.
func bedsEntry(t *testing.T, replace ...string) registry.Document {
	t.Helper()
	text := strings.NewReplacer(replace...).Replace(mustRead(t, "querytest/city/beds.yaml"))
	docs, err := registry.DecodeDrafts(strings.NewReader(text))
	if err != nil || len(docs) != 1 {
		t.Fatalf("read beds: %v", err)
	}
	return docs[0]
}

// move makes a move, signing the edition's document where the move needs that.
func move(t *testing.T, d *querytest.Domain, user, name, m string, more ...func(*query.EntryOrder)) (*query.EntryDetail, error) {
	t.Helper()
	o := query.EntryOrder{Move: m}
	if m == "submit" || m == "concur" || m == "approve" {
		detail, err := d.Engine.Entry(t.Context(), d.Subject(querytest.Founder), name)
		if err != nil {
			t.Fatalf("read %s: %s", name, querytest.Text(err))
		}
		o.Document = new(registry.Document)
		if err := json.Unmarshal(detail.Document, o.Document); err != nil {
			t.Fatalf("%s has no edition under way: %v", name, err)
		}
		o.Document.Sign(user, d.Key(user).Private(), d.Now())
	}
	for _, f := range more {
		f(&o)
	}
	return d.Engine.MoveEntry(t.Context(), d.Subject(user), name, o)
}

func moved(t *testing.T, d *querytest.Domain, user, name, m string, more ...func(*query.EntryOrder)) *query.EntryDetail {
	t.Helper()
	out, err := move(t, d, user, name, m, more...)
	if err != nil {
		t.Fatalf("%s %s by %s: %s", m, name, user, querytest.Text(err))
	}
	return out
}

func document(doc registry.Document) func(*query.EntryOrder) {
	return func(o *query.EntryOrder) { o.Document = &doc }
}

func basis(text string) func(*query.EntryOrder) { return func(o *query.EntryOrder) { o.Basis = text } }

// eventsOf returns the catalogue's events in the log, "kind move state".
func eventsOf(d *querytest.Domain) []string {
	var out []string
	for _, e := range d.Audit("feng.audit") {
		if strings.HasPrefix(e.Kind, "catalogue.") {
			out = append(out, strings.TrimSpace(e.Kind+" "+e.Fields["move"]+" "+e.Fields["state"]+" "+e.Actor))
		}
	}
	return out
}

// The whole course: nothing is in force before it is published, every move is one
// event, and the next edition takes the place of the first.
func TestTheCourseOfACatalogueEntry(t *testing.T) {
	t.Parallel()
	d := founded(t)
	inForce := func() int64 {
		docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindDataset, "beds")
		if querytest.Code(err) == "NOT_FOUND" {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return docs[0].Version
	}
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	moved(t, d, "wang.hospital", "beds", "draft", document(bedsEntry(t, "title: 医院床位", "title: 医院床位数"))) // a colleague goes on with it
	moved(t, d, "wang.hospital", "beds", "submit")
	moved(t, d, querytest.Founder, "beds", "return", basis("请写明标准"))
	moved(t, d, "qian.hospital", "beds", "submit")
	moved(t, d, querytest.Founder, "beds", "approve")
	if inForce() != 0 {
		t.Error("an approved entry is in force before it is published")
	}
	out := moved(t, d, querytest.Founder, "beds", "publish")
	if inForce() != 1 || out.State != "PUBLISHED" || out.Pending != "" || out.Title != "医院床位数" {
		t.Errorf("published: %+v", out.EntryView)
	}
	moved(t, d, "qian.hospital", "beds", "change", basis("标准修订"), func(o *query.EntryOrder) { o.Trigger = "LAW" })
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t, "title: 医院床位", "title: 床位")))
	out = moved(t, d, "qian.hospital", "beds", "submit")
	if out.State != "CHANGED" || out.ChangedSince == nil || out.Pending != "SUBMITTED" || inForce() != 1 {
		t.Errorf("an edition on its way: %+v", out.EntryView)
	}
	moved(t, d, querytest.Founder, "beds", "approve")
	moved(t, d, "qian.hospital", "beds", "publish")
	out = moved(t, d, querytest.Founder, "beds", "retire", basis("职能调整"))
	if out.State != "RETIRED" || inForce() != 3 {
		t.Errorf("retired: %+v, version %d", out.EntryView, inForce())
	}
	want := []string{
		"draft DRAFT qian.hospital", "draft DRAFT wang.hospital", "submit SUBMITTED wang.hospital", "return DRAFT zhao.city", "submit SUBMITTED qian.hospital",
		"approve APPROVED zhao.city", "publish PUBLISHED zhao.city", "change CHANGED qian.hospital", "draft DRAFT qian.hospital", "submit SUBMITTED qian.hospital",
		"approve APPROVED zhao.city", "publish PUBLISHED qian.hospital", "retire RETIRED zhao.city",
	}
	for i := range want {
		want[i] = "catalogue.moved " + want[i]
	}
	if got := eventsOf(d); !slices.Equal(got, want) {
		t.Errorf("events:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	states := map[string]string{}
	for _, h := range out.History {
		states[h.Edition] = h.To
		if h.Move == "return" && h.Basis != "请写明标准" {
			t.Errorf("the basis of the return is %q", h.Basis)
		}
	}
	if states["beds.1"] != "RETIRED" || states["beds.2"] != "RETIRED" {
		t.Errorf("editions end as %v", states)
	}
}

// Who may do what is refused to all others, and a refusal is on record.
func TestWhoMayMoveAnEntry(t *testing.T) {
	t.Parallel()
	d := founded(t)
	if _, err := move(t, d, "zheng.police", "beds", "draft", document(bedsEntry(t))); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Errorf("another provider's draft: %s", querytest.Text(err))
	}
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	for _, user := range []string{"zheng.police", "li.op", "wu.dc"} {
		if _, err := d.Engine.Entry(t.Context(), d.Subject(user), "beds"); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("%s sees a draft: %v", user, err)
		}
		if all, err := d.Engine.Entries(t.Context(), d.Subject(user)); err != nil || len(all) != 0 {
			t.Errorf("%s sees %d entries, %v", user, len(all), err)
		}
		want := "ROLE_REQUIRED" // of whatever name
		if user == "zheng.police" {
			want = "NOT_FOUND"
		}
		for _, name := range []string{"beds", "nothing"} {
			if _, err := move(t, d, user, name, "withdraw"); querytest.Code(err) != want {
				t.Errorf("%s withdraws %s: %s, want %s", user, name, querytest.Text(err), want)
			}
		}
	}
	moved(t, d, "qian.hospital", "beds", "submit")
	for _, c := range [][3]string{
		{"qian.hospital", "approve", "ROLE_REQUIRED"}, {"sun.health", "approve", "ROLE_REQUIRED"}, {"feng.audit", "reject", "ROLE_REQUIRED"},
		{"qian.hospital", "return", "ROLE_REQUIRED"}, {querytest.Founder, "publish", "ENTRY_STATE"}, {"qian.hospital", "draft", "ENTRY_STATE"},
		{querytest.Founder, "withdraw", "ROLE_REQUIRED"}, {querytest.Founder, "retire", "NOT_FOUND"}, {"qian.hospital", "supersede", "BAD_REQUEST"},
	} {
		_, err := move(t, d, c[0], "beds", c[1], basis("x"), func(o *query.EntryOrder) {
			if c[1] == "draft" {
				doc := bedsEntry(t)
				o.Document = &doc
			}
		})
		if querytest.Code(err) != c[2] {
			t.Errorf("%s by %s: %s, want %s", c[1], c[0], querytest.Text(err), c[2])
		}
	}
	if got := eventsOf(d); !slices.Contains(got, "catalogue.refused approve  qian.hospital") {
		t.Errorf("no refusal on record: %q", got)
	}
}

// A name belongs to the provider whose entry has it, on its way or in force; who
// does not see an edition is not told of it as a likeness either.
func TestANameIsItsProvidersAlone(t *testing.T) {
	t.Parallel()
	d := founded(t)
	police := bedsEntry(t, "provider: hospital-group", "provider: public-security")
	taken := func(when string) {
		t.Helper()
		if _, err := move(t, d, "zheng.police", "beds", "draft", document(police)); querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("another provider drafts it %s: %s", when, querytest.Text(err))
		}
	}
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	taken("on its way")
	other := police
	other.Name = "places"
	for user, want := range map[string]int{"zheng.police": 0, querytest.Founder: 1} {
		body, err := json.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		out, err := d.Engine.CheckEntry(t.Context(), d.Subject(user), bytes.NewReader(body))
		if err != nil || len(out.Duplicates) != want {
			t.Errorf("%s is told of %d likenesses, %v; want %d", user, len(out.Duplicates), err, want)
		}
	}
	moved(t, d, "qian.hospital", "beds", "submit")
	moved(t, d, querytest.Founder, "beds", "approve")
	moved(t, d, "qian.hospital", "beds", "publish")
	taken("in force")
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t, "title: 医院床位", "title: 床位")))
	moved(t, d, "qian.hospital", "beds", "withdraw")
	taken("in force, with a draft that was withdrawn")
}

// The text that is approved is the text that was submitted, signed by the one who
// approves; what is published is what was approved, on the version it was approved
// for (SY20-12).
func TestAnApprovalPinsTextAndVersion(t *testing.T) {
	t.Parallel()
	d := founded(t)
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	moved(t, d, "qian.hospital", "beds", "submit")
	other := bedsEntry(t, "level: 1", "level: 2")
	other.Sign(querytest.Founder, d.Key(querytest.Founder).Private(), d.Now())
	if _, err := move(t, d, querytest.Founder, "beds", "approve", document(other)); querytest.Code(err) != "ENTRY_MOVED" && querytest.Code(err) != "DOCUMENT_REFUSED" {
		t.Errorf("approving another text: %s", querytest.Text(err))
	}
	unsigned := func(o *query.EntryOrder) { o.Document.Signatures = o.Document.Signatures[:1] }
	if _, err := move(t, d, querytest.Founder, "beds", "approve", unsigned); querytest.Code(err) != registry.CodeSignature {
		t.Errorf("approving without a signature: %s", querytest.Text(err))
	}
	forged := func(o *query.EntryOrder) { o.Document.Sign(querytest.Founder, d.Key("li.op").Private(), d.Now()) }
	if _, err := move(t, d, querytest.Founder, "beds", "approve", forged); querytest.Code(err) != "DOCUMENT_REFUSED" {
		t.Errorf("approving with another's key: %s", querytest.Text(err))
	}
	moved(t, d, querytest.Founder, "beds", "approve")
	text, err := json.Marshal(bedsEntry(t, "title: 医院床位", "title: 床位"))
	if err != nil {
		t.Fatal(err)
	}
	d.Apply("qian.hospital", string(text)) // published by another way meanwhile
	if _, err := move(t, d, querytest.Founder, "beds", "publish"); querytest.Code(err) != "ENTRY_MOVED" {
		t.Errorf("publishing on another version: %s", querytest.Text(err))
	}
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindDataset, "beds")
	if err != nil || docs[0].Version != 1 || docs[0].Title != "床位" {
		t.Errorf("in force: %+v, %v", docs, err)
	}
}

// An edition that lowers protection takes the regulator's signature before it can
// be published (JM19-35).
func TestAnEditionThatLowersTakesTheRegulator(t *testing.T) {
	t.Parallel()
	d := founded(t)
	first := bedsEntry(t, "name: beds, title: 床位数, type: int64, level: 1", "name: beds, title: 床位数, type: int64, level: 2")
	lower := bedsEntry(t, "spec:\n", "spec:\n  change_reason: 复核后降级\n")
	publish := func(doc registry.Document, concur bool) error {
		moved(t, d, "qian.hospital", "beds", "draft", document(doc))
		moved(t, d, "qian.hospital", "beds", "submit")
		if concur {
			moved(t, d, "sun.health", "beds", "concur")
		}
		moved(t, d, querytest.Founder, "beds", "approve")
		_, err := move(t, d, querytest.Founder, "beds", "publish")
		return err
	}
	if err := publish(first, false); err != nil {
		t.Fatalf("control: %s", querytest.Text(err))
	}
	if err := publish(lower, false); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "zone_regulator") {
		t.Errorf("without the regulator: %s", querytest.Text(err))
	}
	out, err := d.Engine.Entry(t.Context(), d.Subject("qian.hospital"), "beds")
	if err != nil || out.Pending != "APPROVED" || out.Level != 2 {
		t.Errorf("a refused publication left %+v, %v", out, err)
	}
	moved(t, d, "qian.hospital", "beds", "withdraw")
	if err := publish(lower, true); err != nil {
		t.Errorf("with the regulator: %s", querytest.Text(err))
	}
}

// What the city's pack does not know is refused, at submission as at apply.
func TestAnEntryIsHeldToTheCitysPack(t *testing.T) {
	t.Parallel()
	d := founded(t)
	for name, c := range map[string]struct {
		replace [2]string
		article string
	}{
		"a provider type":     {[2]string{"provider_type: authorized_body", "provider_type: public_enterprise"}, "NJ24-03"},
		"a base library":      {[2]string{"category: {kind: DEPARTMENT}", "category: {kind: BASE, code: oceans}"}, "NJ19-20"},
		"a ground":            {[2]string{"open_type: UNCONDITIONAL", "open_type: PROHIBITED\n  open_reason: x\n  open_ground: WHIM"}, "NJ19-24"},
		"a cause":             {[2]string{"type: int64, level: 1", "type: int64, level: 3"}, "JM19-30"},
		"no level (registry)": {[2]string{"type: int64, level: 1", "type: int64"}, "NJ24-14"},
	} {
		doc := bedsEntry(t, c.replace[0], c.replace[1])
		doc.Name = "beds"
		out, err := move(t, d, "qian.hospital", "beds", "draft", document(doc))
		if err != nil || len(out.Faults) == 0 {
			t.Fatalf("%s: drafted with %v, faults %v", name, err, out)
		}
		_, err = move(t, d, "qian.hospital", "beds", "submit")
		if querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), c.article) {
			t.Errorf("%s: submitted with %s, want %s", name, querytest.Text(err), c.article)
		}
		text, jsonErr := json.Marshal(doc)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if _, err := d.Engine.Apply(t.Context(), d.Subject("qian.hospital"), strings.NewReader(string(text))); !strings.Contains(querytest.Text(err), c.article) {
			t.Errorf("%s: applied with %s, want %s", name, querytest.Text(err), c.article)
		}
	}
}

// What a pack does not know is refused by its own regulation's article, and where the
// regulation leaves it open by the one that asks for it.
func TestAnEntryIsRefusedByTheArticleOfItsPack(t *testing.T) {
	t.Parallel()
	const library, ground = "/spec/category/code", "/spec/open_ground"
	for pack, want := range map[string]map[string]string{
		"nanjing-2024":  {library: "NJ19-20", ground: "NJ19-24"},
		"yancheng-2022": {library: "YC22-15", ground: "YC22-24"},
		"shenyang-2020": {library: "SY20-19", ground: "NJ19-24"},
	} {
		d := founded(t)
		underPack(t, d, pack)
		doc := bedsEntry(t, "category: {kind: DEPARTMENT}", "category: {kind: BASE, code: oceans}", "open_type: UNCONDITIONAL", "open_type: PROHIBITED\n  open_reason: x\n  open_ground: WHIM")
		doc.Name = "beds"
		out, err := move(t, d, "qian.hospital", "beds", "draft", document(doc))
		if err != nil {
			t.Fatalf("%s: %s", pack, querytest.Text(err))
		}
		got := map[string]string{}
		for _, f := range out.Faults {
			for place := range want {
				if strings.Contains(f.EN, place+":") {
					got[place] = strings.Join(f.Articles, " ")
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: refused by %v, want %v", pack, got, want)
		}
	}
}

// A conditional entry whose conditions were to be looked at again is told to
// everybody who lists it (YC22-18).
func TestAnOverdueReviewIsTold(t *testing.T) {
	t.Parallel()
	d := founded(t)
	d.ApplyFile("qian.hospital", "querytest/city/visits.yaml")
	late := func() bool {
		all, err := d.Engine.Entries(t.Context(), d.Subject("qian.hospital"))
		if err != nil || len(all) != 1 {
			t.Fatalf("%d entries, %v", len(all), err)
		}
		return all[0].ReviewLate
	}
	if late() {
		t.Error("late before its day")
	}
	d.Advance(300 * 24 * time.Hour)
	if !late() {
		t.Error("not late after its day")
	}
}
