package query_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

const negativeList = `kind: NegativeList
name: city
spec:
  title: 负面清单
  items:
    - {ITEM, reason: 国家规定不得提供, basis: YC22-18}
`

func listed(item string) string { return strings.Replace(negativeList, "ITEM", item, 1) }

// whyRefused returns the codes of a refusal.
func whyRefused(err error) []string {
	var e *query.Error
	if !errors.As(err, &e) {
		return nil
	}
	all := []string{e.Code}
	for _, d := range e.Details {
		all = append(all, d.Code)
	}
	return all
}

// bedsAgain loads the city's beds once more.
func bedsAgain(t *testing.T, d *querytest.Domain) error {
	t.Helper()
	table := querytest.Registers().Beds
	data := table.CSV()
	_, err := d.TryLoad("wu.dc", querytest.Delivery("medical", "beds", "beds-statistics", data, len(table.Rows)), data)
	return err
}

// A8, first half: what must not be opened, is secret or on the negative list, or has
// no level does not come in, whatever was granted before.
func TestForbiddenDataAreNotLoaded(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	if err := bedsAgain(t, d); err != nil {
		t.Fatalf("control: %s", querytest.Text(err))
	}
	entry := changed(t, d, registry.KindDataset, "beds", `"spec":`, ` "spec":`)
	for name, c := range map[string][2]string{
		"a secret dataset":       {`"secret_flag":false,"share_mode"`, `"secret_flag":true,"share_mode"`},
		"a column with no level": {`"level":1,`, ``},
	} {
		changed := strings.Replace(entry, c[0], c[1], 1)
		if changed == entry {
			t.Fatalf("%s: nothing to change in %s", name, entry)
		}
		if _, err := d.Engine.Apply(t.Context(), d.Subject("qian.hospital"), strings.NewReader(changed)); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "NJ24-02") && !strings.Contains(querytest.Text(err), "level is missing") {
			t.Errorf("%s: %s", name, querytest.Text(err))
		}
	}
	d.Apply(querytest.Founder, listed("dataset: beds, column: opened"), querytest.Founder)
	if err := bedsAgain(t, d); !slices.Contains(whyRefused(err), "COLUMN_NEGATIVE_LISTED") {
		t.Errorf("a listed column: %s", querytest.Text(err))
	}
	d.Apply(querytest.Founder, strings.Replace(listed("dataset: beds"), "title:", "change_reason: 改列整个数据集\n  title:", 1), querytest.Founder, "sun.health")
	if err := bedsAgain(t, d); !slices.Contains(whyRefused(err), "DATASET_NEGATIVE_LISTED") {
		t.Errorf("a listed dataset: %s", querytest.Text(err))
	}
	d.Apply(querytest.Founder, strings.Replace(listed("dataset: nothing"), "title:", "change_reason: 复核后移出\n  title:", 1), querytest.Founder, "sun.health")
	if err := bedsAgain(t, d); err != nil {
		t.Errorf("off the list again: %s", querytest.Text(err))
	}
	d.Apply("qian.hospital", strings.Replace(changed(t, d, registry.KindDataset, "beds", `"open_type":"UNCONDITIONAL"`,
		`"open_type":"PROHIBITED","open_reason":"x","open_ground":"PUBLIC_SAFETY"`), `"review_due"`, `"review_due"`, 1))
	if err := bedsAgain(t, d); !slices.Contains(whyRefused(err), "DATASET_PROHIBITED") {
		t.Errorf("a prohibited dataset: %s", querytest.Text(err))
	}
}

// The list ends what runs and what is asked then, of a dataset, of a column of one,
// of an element and of a class; what it does not have goes on.
func TestTheNegativeListStopsQueries(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Wall: time.Minute})
	const ofBeds, ofVisits = "SELECT district, sum(beds) FROM beds GROUP BY district", "SELECT department, count(*) FROM visits GROUP BY department"
	for i, c := range []struct{ item, code string }{
		{"dataset: beds", "DATASET_NEGATIVE_LISTED"}, {"dataset: beds, column: Beds", "COLUMN_NEGATIVE_LISTED"},
		{"class: health-capacity", ""}, {"element: DE-1", ""},
	} {
		why := strings.Replace(listed(c.item), "title:", "change_reason: 第"+string(rune('a'+i))+"次\n  title:", 1)
		d.Apply(querytest.Founder, why, querytest.Founder, "sun.health")
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, ofBeds)
		if c.code == "" && err != nil || c.code != "" && !slices.Contains(whyRefused(err), c.code) {
			t.Errorf("%s: %s", c.item, querytest.Text(err))
		}
		if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, ofVisits); err != nil {
			t.Errorf("%s: visits: %s", c.item, querytest.Text(err))
		}
	}
	running := askBeside(t, d, "li.op", long)
	defer running.stop()
	running.runs(t, d)
	another := strings.Replace(listed("dataset: persons"), "name: city", "name: province", 1)
	d.Apply(querytest.Founder, another, querytest.Founder)
	if err := running.ends(t); querytest.Code(err) != "STOPPED" {
		t.Errorf("what ran on persons ended with %s, want STOPPED", querytest.Text(err))
	}
}

const recordsOfPersons = "SELECT name, phone, birth_date, district FROM persons WHERE district = '320104' ORDER BY name, phone LIMIT 5"

// A8, second half: a level lowered between approval and run takes provider,
// regulator and a reason, and voids the approval; the grant itself is void until
// both sign it again under the new level.
func TestALoweredLevelVoidsApprovalAndGrant(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		d := querytest.City(t, querytest.Options{Idle: 2})
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, recordsOfPersons)
		if querytest.Code(err) != "QUERY_IN_REVIEW" {
			t.Fatalf("ask: %s", querytest.Text(err))
		}
		run := querytest.RunOf(t, err)
		d.Approve("sun.health", run)
		lower := changed(t, d, registry.KindDataset, "persons", `"level":3,"name":"phone"`, `"level":2,"name":"phone"`)
		why := strings.Replace(lower, `"spec":{`, `"spec":{"change_reason":"复核后降级",`, 1)
		for name, try := range map[string]struct {
			document string
			signers  []string
		}{
			"without the regulator": {why, nil}, "without a reason": {lower, []string{"sun.health"}},
		} {
			if err := d.TryApply("zheng.police", try.document, try.signers...); querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(querytest.Text(err), "DOC_PROTECT") {
				t.Fatalf("lowered %s: %s", name, querytest.Text(err))
			}
		}
		d.Apply("zheng.police", why, "sun.health")
		if again {
			d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics", `"scenario":`, ` "scenario":`))
		}
		_, err = d.Resume("li.op", run)
		if got := whyRefused(err); again && !slices.Contains(got, "APPROVAL_VOID") || !again && !slices.Contains(got, "GRANT_ENTRY_CHANGED") {
			t.Errorf("grant signed again %v: resumed with %s", again, querytest.Text(err))
		}
		detail, err := d.Engine.Review(t.Context(), d.Subject("li.op"), run)
		if err != nil || detail.State != "VOIDED" {
			t.Errorf("grant signed again %v: the run is %+v, %v, want VOIDED", again, detail, err)
		}
	}
}

// The operator is told which grant no longer holds and what to do; once both have
// signed again it does.
func TestAGrantUnderAnotherLevelIsToldWithTheNextStep(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	const sql = "SELECT district, round(avg(income), 0) FROM persons GROUP BY district"
	for _, c := range []struct{ column, want string }{
		{"address", ""}, // which nobody is given
		{"income", "GRANT_ENTRY_CHANGED"},
	} {
		d.Apply("zheng.police", changed(t, d, registry.KindDataset, "persons", `"level":3,"name":"`+c.column+`"`, `"level":4,"name":"`+c.column+`"`))
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if c.want == "" {
			if err != nil {
				t.Fatalf("control: %s", querytest.Text(err))
			}
			continue
		}
		text := querytest.Text(err)
		if !slices.Contains(whyRefused(err), c.want) || !strings.Contains(text, "persons-statistics") || !strings.Contains(text, "重新签署") || !strings.Contains(text, "YC22-25") {
			t.Errorf("the operator is told %s", text)
		}
	}
	table := querytest.Registers().Persons
	data := table.CSV()
	_, err := d.TryLoad("wu.dc", querytest.Delivery("medical", "persons", "persons-statistics", data, len(table.Rows)), data)
	if !slices.Contains(whyRefused(err), "GRANT_ENTRY_CHANGED") {
		t.Errorf("a delivery under it: %s", querytest.Text(err))
	}
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics", `"scenario":`, ` "scenario":`))
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql); err != nil {
		t.Errorf("after both signed again: %s", querytest.Text(err))
	}
}

// An output that is held when its entry changes is decided on anew: it does not
// leave under approvals of before (YC22-25).
func TestAHeldOutputDoesNotOutliveItsEntry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, now string }{
		{`"level":3,"name":"phone"`, `"level":4,"name":"phone"`}, {`"share_type":"CONDITIONAL"`, `"share_type":"NONE"`}, {"", ""},
	} {
		d := querytest.City(t, querytest.Options{Idle: 2})
		_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, recordsOfPersons)
		run := querytest.RunOf(t, err)
		d.Approve("sun.health", run)
		if _, err = d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
			t.Fatalf("resumed with %s, want the output held", querytest.Text(err))
		}
		d.Approve("sun.health", run)
		if c.old != "" {
			d.Apply("zheng.police", changed(t, d, registry.KindDataset, "persons", c.old, c.now))
		}
		d.Approve("zheng.police", run)
		answer, err := d.Resume("li.op", run)
		if c.old == "" {
			if err != nil {
				t.Errorf("control: %s", querytest.Text(err))
			}
			continue
		}
		if answer != nil || querytest.Code(err) == "" {
			t.Errorf("%s: the output left, %v", c.now, err)
		}
	}
}
