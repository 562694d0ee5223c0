package query_test

import (
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// Two readers may read two entries where a field stands twice: neither a check nor a
// move takes one.
func TestAnEntryHasEachFieldOnce(t *testing.T) {
	t.Parallel()
	d := founded(t)
	good := text(t, bedsEntry(t))
	for name, twice := range map[string][2]string{
		"a field of the entry":     {`"spec":{`, `"spec":{"title":"其他",`},
		"a field in other letters": {`"spec":{`, `"spec":{"Title":"其他",`},
		"a field of a column":      {`"level":1,`, `"level":1,"level":3,`},
		"a field of the document":  {`"kind":"Dataset"`, `"kind":"Dataset","kind":"Dataset"`},
	} {
		body := strings.Replace(good, twice[0], twice[1], 1)
		if body == good {
			t.Fatalf("%s: nothing to change in %s", name, good)
		}
		if _, err := d.Engine.CheckEntry(t.Context(), d.Subject("qian.hospital"), strings.NewReader(body)); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("%s checked: %v", name, err)
		}
		doc := bedsEntry(t)
		doc.Spec = []byte(strings.Replace(string(doc.Spec), strings.TrimPrefix(twice[0], `"spec":`), strings.TrimPrefix(twice[1], `"spec":`), 1))
		if _, err := move(t, d, "qian.hospital", "beds", "draft", document(doc)); querytest.Code(err) != "BAD_REQUEST" && name != "a field of the document" {
			t.Errorf("%s drafted: %v", name, err)
		}
	}
	if _, err := d.Engine.CheckEntry(t.Context(), d.Subject("qian.hospital"), strings.NewReader(good)); err != nil {
		t.Errorf("control: %s", querytest.Text(err))
	}
}

// Who may retire no entry is told the same of one in force, of one on its way and of
// none.
func TestWhoMayNotRetireLearnsOfNoEntry(t *testing.T) {
	t.Parallel()
	d := founded(t)
	try := func(when string) {
		t.Helper()
		for _, user := range []string{"li.op", "wu.dc", "feng.audit", "sun.health"} {
			for _, name := range []string{"beds", "nothing"} {
				if _, err := move(t, d, user, name, "retire", basis("x")); querytest.Code(err) != "ROLE_REQUIRED" {
					t.Errorf("%s: %s retires %s: %s", when, user, name, querytest.Text(err))
				}
			}
		}
		for _, m := range []string{"withdraw", "publish", "change"} {
			codes := map[string]bool{}
			for _, name := range []string{"beds", "nothing"} {
				_, err := move(t, d, "li.op", name, m, basis("x"), func(o *query.EntryOrder) { o.Trigger = "LAW" })
				codes[querytest.Code(err)] = true
			}
			if len(codes) != 1 || codes[""] {
				t.Errorf("%s: an operator's %s of an entry and of none: %v", when, m, codes)
			}
		}
	}
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	try("on its way")
	moved(t, d, "qian.hospital", "beds", "submit")
	moved(t, d, querytest.Founder, "beds", "approve")
	moved(t, d, "qian.hospital", "beds", "publish")
	try("in force")
}

// What is published bears signatures of people who may sign today, each made for this
// edition: not of somebody disabled since, nor one that another edition has used.
func TestAnEditionIsPublishedUnderSignaturesOfToday(t *testing.T) {
	t.Parallel()
	d := founded(t)
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	moved(t, d, "qian.hospital", "beds", "submit")
	out := moved(t, d, querytest.Founder, "beds", "approve")
	kept := string(out.Document)
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "qian.hospital", `"status":"active"`, `"status":"disabled"`))
	for _, user := range []string{querytest.Founder, "wang.hospital"} {
		if _, err := move(t, d, user, "beds", "publish"); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "qian.hospital 已停用") {
			t.Errorf("published by %s, its author disabled: %s", user, querytest.Text(err))
		}
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "qian.hospital", `"status":"disabled"`, `"status":"active"`))
	moved(t, d, querytest.Founder, "beds", "publish")

	// The next edition goes back to the text of the first: its signatures are used up.
	d.Advance(time.Minute)
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t, "title: 医院床位", "title: 床位")))
	moved(t, d, "qian.hospital", "beds", "submit")
	moved(t, d, querytest.Founder, "beds", "approve")
	moved(t, d, "qian.hospital", "beds", "publish")
	if _, err := d.Engine.Apply(t.Context(), d.Subject("qian.hospital"), strings.NewReader(kept)); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "DOC_SIGNATURE") {
		t.Errorf("the first edition's document again: %s", querytest.Text(err))
	}
	moved(t, d, "qian.hospital", "beds", "draft", document(bedsEntry(t)))
	old := func(o *query.EntryOrder) {
		docs, err := registry.DecodeDrafts(strings.NewReader(kept))
		if err != nil {
			t.Fatal(err)
		}
		o.Document = &docs[0]
	}
	if _, err := move(t, d, "qian.hospital", "beds", "submit", old); querytest.Code(err) != "DOCUMENT_REFUSED" {
		t.Errorf("submitted under the signature of the first edition: %s", querytest.Text(err))
	}
}

// A ruling of the city authority admits what seems to be the same by either door; a
// document that is handed in again is no second one.
func TestApplyIsNoWayRoundARuling(t *testing.T) {
	t.Parallel()
	d := founded(t)
	d.Apply("qian.hospital", text(t, bedsEntry(t)))
	again := bedsEntry(t)
	again.Name = "places"
	if err := d.TryApply("qian.hospital", text(t, again)); querytest.Code(err) != "ENTRY_DUPLICATE" {
		t.Errorf("the same under another name: %s", querytest.Text(err))
	}
	both := bedsEntry(t, "title: 医院床位", "title: 停车场")
	both.Name = "garages"
	twin := both
	twin.Name = "parking"
	d.Apply("qian.hospital", text(t, bedsEntry(t, "title: 医院床位", "title: 医院床位数"))) // its own next version
	ruling := `kind: SourceRuling
name: places
spec: {datasets: [beds, places], collector: hospital-group, basis: NJ19-17}
`
	d.Apply(querytest.Founder, ruling, querytest.Founder)
	if err := d.TryApply("qian.hospital", text(t, again)); err != nil {
		t.Errorf("after the ruling: %s", querytest.Text(err))
	}
	if err := d.TryApply("qian.hospital", "["+text(t, both)+","+text(t, twin)+"]"); querytest.Code(err) != "ENTRY_DUPLICATE" {
		t.Errorf("two of one hand-in: %s", querytest.Text(err))
	}
}
