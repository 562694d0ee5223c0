package query_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

const (
	peopleOfDistrict = "SELECT name, birth_date, district FROM persons WHERE district = $district ORDER BY name, birth_date LIMIT $most"
	otherDistrict    = "SELECT name, birth_date, district FROM persons WHERE district <> $district ORDER BY name, birth_date LIMIT $most"
)

func peopleTemplate(name, sql string) string {
	return templateText(name, sql, districtParameter, mostParameter)
}

// waits asks for records by template and returns the run that waits for approval.
func waits(t *testing.T, d *querytest.Domain, name, district string) string {
	t.Helper()
	_, err := askTemplate(d, name, map[string]string{"district": district, "most": "3"})
	if querytest.Code(err) != "QUERY_IN_REVIEW" {
		t.Fatalf("records of %s by %s = %v, want them to wait", district, name, err)
	}
	return querytest.RunOf(t, err)
}

// resumed goes on with a run and returns what became of it.
func resumed(d *querytest.Domain, run string) string {
	a, err := d.Resume("li.op", run)
	return became(d, a, err)
}

func revoked(text string) string {
	return text + "  status: REVOKED\n  status_reason: 停用\n"
}

// An approval stands for one statement with one set of values.
func TestAnApprovalForOneValueRunsNoOther(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	publish(d, peopleTemplate("people", peopleOfDistrict))
	first, second, again := waits(t, d, "people", "320102"), waits(t, d, "people", "320104"), waits(t, d, "people", "320102")
	bindings := map[string]string{}
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "query.review" {
			bindings[e.Run] = e.Fields["binding"]
		}
	}
	if bindings[first] == "" || bindings[first] == bindings[second] || bindings[first] != bindings[again] {
		t.Errorf("bindings of two districts and of the first again are %q, %q and %q", bindings[first], bindings[second], bindings[again])
	}
	seen, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), first)
	if err != nil || seen.Template != "people 1" || len(seen.Parameters) != 2 || seen.Parameters[0] != (query.ValueView{Name: "district", Value: "320102"}) || seen.SQL != peopleOfDistrict+"\n" {
		t.Errorf("the reviewer sees %+v, %v", seen, err)
	}
	d.Approve("sun.health", first)
	if got := resumed(d, second); got != "QUERY_IN_REVIEW" {
		t.Errorf("the run of another value = %s, want it to wait", got)
	}
	for _, req := range []query.Request{
		{Resume: first, Parameters: map[string]string{"district": "320104"}},
		{Resume: first, Template: "people"},
		{Resume: first, Template: "people", Parameters: map[string]string{"district": "320104", "most": "3"}},
	} {
		req.Subject = d.Subject("li.op")
		if _, err := d.Engine.Answer(t.Context(), req); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("resuming with other values = %v", err)
		}
	}
	if got := resumed(d, first); got != "OUTPUT_IN_REVIEW" {
		t.Fatalf("the approved run = %s", got)
	}
	d.Approve("sun.health", first)
	d.Approve("zheng.police", first)
	got := resumed(d, first)
	if rows := strings.Split(strings.TrimSpace(got), "\n"); len(rows) != 4 || strings.Count(got, "|320102") != 3 {
		t.Errorf("the approved run gives %q", got)
	}
}

// What waits stands on the template as it was approved: changed, revoked or past
// its days, it goes no further. What stands on something else goes on.
func TestATemplateChangedMeanwhile(t *testing.T) {
	t.Parallel()
	city := querytest.City(t, querytest.Options{})
	for i, c := range []struct {
		what   string
		change func(d *querytest.Domain, name string)
		query  string // becomes of a statement that was approved before
		output string // of an output that waits for its reviewers
	}{
		{"the statement", func(d *querytest.Domain, name string) { publish(d, peopleTemplate(name, otherDistrict)) }, "APPROVAL_VOID", "WITHHELD"},
		{"a domain", func(d *querytest.Domain, name string) {
			publish(d, strings.Replace(peopleTemplate(name, peopleOfDistrict), "3201", "3202", 1))
		}, "APPROVAL_VOID", "WITHHELD"},
		{"its title", func(d *querytest.Domain, name string) {
			publish(d, strings.Replace(peopleTemplate(name, peopleOfDistrict), "模板", "另一标题", 1))
		}, "APPROVAL_VOID", "WITHHELD"},
		{"revoked by the regulator", func(d *querytest.Domain, name string) {
			d.Apply("sun.health", revoked(peopleTemplate(name, peopleOfDistrict)))
		}, "TEMPLATE_NOT_IN_FORCE", "WITHHELD"},
		{"another template", func(d *querytest.Domain, name string) {
			publish(d, peopleTemplate("another", otherDistrict))
		}, "OUTPUT_IN_REVIEW", "name|birth_date|district"},
		{"past its days", func(d *querytest.Domain, name string) { d.Advance(5 * 24 * time.Hour) }, "TEMPLATE_NOT_IN_FORCE", "WITHHELD"},
	} {
		t.Run(c.what, func(t *testing.T) {
			d, name := city.In(t), fmt.Sprintf("people-%d", i)
			publish(d, peopleTemplate(name, peopleOfDistrict))
			if c.what == "past its days" {
				d.Advance(400 * 24 * time.Hour) // four of its days are left, and approvals last for seven
			}
			_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT name FROM persons ORDER BY name LIMIT 2")
			bystander := querytest.RunOf(t, err)
			run, output := waits(t, d, name, "320102"), waits(t, d, name, "320102")
			for _, r := range []string{run, output, bystander} {
				d.Approve("sun.health", r)
			}
			if got := resumed(d, output); got != "OUTPUT_IN_REVIEW" {
				t.Fatalf("output = %s", got)
			}
			d.Approve("sun.health", output)
			d.Approve("zheng.police", output)
			c.change(d, name)
			if got := resumed(d, run); got != c.query {
				t.Errorf("an approved statement = %s, want %s", got, c.query)
			}
			if got, _, _ := strings.Cut(resumed(d, output), "\n"); got != c.output {
				t.Errorf("an approved output = %s, want %s", got, c.output)
			}
			if got := resumed(d, bystander); got != "OUTPUT_IN_REVIEW" {
				t.Errorf("a statement of no template = %s, want it to go on", got)
			}
			if c.query == "OUTPUT_IN_REVIEW" {
				return
			}
			if got := resumed(d, run); got != "RUN_STATE" {
				t.Errorf("the statement again = %s, want it over", got)
			}
		})
	}
}

func TestATemplateIsAskedOnItsDaysOnly(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	text := strings.NewReplacer("2026-01-01", "2026-11-25", "2027-12-31", "2026-11-26").Replace(templateText("days", "SELECT count(*) AS people FROM persons"))
	publish(d, text)
	// The clock starts on 2026-11-23 at nine in the morning of the city.
	for _, c := range []struct {
		advance time.Duration
		want    string
	}{
		{0, "TEMPLATE_NOT_IN_FORCE"}, {38*time.Hour + 50*time.Minute, "TEMPLATE_NOT_IN_FORCE"}, {20 * time.Minute, "people\n200\n"},
		{47*time.Hour + 30*time.Minute, "people\n200\n"}, {30 * time.Minute, "TEMPLATE_NOT_IN_FORCE"},
	} {
		d.Advance(c.advance)
		a, err := askTemplate(d, "days", nil)
		if got := became(d, a, err); got != c.want {
			t.Errorf("at %s: %s, want %s", d.Now(), got, c.want)
		}
	}
}

// A template serves its scenario, and its name tells nothing to anybody else.
func TestATemplateOfAnotherScenarioOrOperatorIsNotThere(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	publish(d, templateText("people", "SELECT count(*) AS people FROM persons"))
	d.Apply("sun.health", `
kind: Scenario
name: another
spec:
  license: medical-2026
  title: 另一场景
  purpose_code: MED-STAT
  purpose_class: COMMERCIAL
  output_forms: [dataset]
  recipients: [li.op]
  period: {from: "2026-01-01", until: "2030-12-31"}
`)
	d.Apply(querytest.Founder, `
kind: Organization
name: stranger
spec: {title: 另一公司, kind: operator, org_form: legal_person, credit_code: 91320100MA1XXXXX0A, security_officer: 甲, security_department: 乙, incident_3y: false, dishonesty_3y: false}
`)
	d.Register(querytest.Person{User: "wang.op", RealName: "王运营", Organization: "stranger", Role: "operator"})
	said := map[string]string{}
	for _, c := range []struct{ who, scenario, template, code string }{
		{"li.op", querytest.Scenario, "people", ""},
		{"li.op", querytest.Scenario, "no-such", "NOT_FOUND"},
		{"li.op", querytest.Scenario, "PEOPLE' --", "NOT_FOUND"},
		{"li.op", "another", "people", "NOT_FOUND"},
		{"wang.op", querytest.Scenario, "people", "NOT_FOUND"},
		{"wang.op", querytest.Scenario, "no-such", "NOT_FOUND"},
	} {
		for _, explain := range []bool{false, true} {
			req := query.Request{Subject: d.Subject(c.who), Scenario: c.scenario, Purpose: querytest.Purpose, Template: c.template}
			var err error
			if explain {
				var x *query.Explanation
				if x, err = d.Engine.Explain(t.Context(), req); err == nil && x.Verdict == query.VerdictDeny {
					if x.Reasons[0].Code != c.code {
						t.Errorf("explaining %+v = %+v, want %s", c, x.Reasons, c.code)
					}
					continue
				}
			} else {
				_, err = d.Engine.Answer(t.Context(), req)
			}
			if querytest.Code(err) != c.code {
				t.Errorf("%+v, explained %v = %v", c, explain, err)
			}
			if err != nil {
				said[c.who+c.template] = regexp.MustCompile(`run-[0-9a-v]{26}`).ReplaceAllString(querytest.Text(err), "")
			}
		}
	}
	if said["wang.oppeople"] != said["wang.opno-such"] {
		t.Errorf("a stranger is told apart\n%s\n%s", said["wang.oppeople"], said["wang.opno-such"])
	}
	for who, want := range map[string]int{"li.op": 1, "wang.op": 0, "sun.health": 1} {
		docs, err := d.Engine.Documents(t.Context(), d.Subject(who), "template", "")
		if err != nil || len(docs) != want {
			t.Errorf("%s sees %d templates, %v, want %d", who, len(docs), err, want)
		}
	}
	x, err := explain(t, d, querytest.Purpose, "SELECT address FROM persons")
	if err != nil || x.Request == nil {
		t.Fatalf("%+v, %v", x, err)
	}
	d.Apply("li.op", string(encoded(t, x.Request)))
	for who, want := range map[string]int{"li.op": 1, "wang.op": 0, "sun.health": 1} {
		docs, err := d.Engine.Documents(t.Context(), d.Subject(who), "datarequest", "")
		if err != nil || len(docs) != want {
			t.Errorf("%s sees %d data requests, %v, want %d", who, len(docs), err, want)
		}
	}
	if _, err := d.Engine.Documents(t.Context(), d.Subject("wang.op"), "template", "people"); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("a stranger gets the template: %v", err)
	}
}

// The log and the label tell which template, which version and a digest of the
// values: of other values another one. They hold no value.
func TestTheLogTellsTheTemplateAndNoValue(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	publish(d, templateText("marked", "SELECT count(*) AS people FROM persons WHERE district <> $text", anyText))
	digests := map[string]bool{}
	for _, secret := range []string{"梧桐巷的秘密", "another secret of the asking person", "梧桐巷的秘密"} {
		a, err := askTemplate(d, "marked", map[string]string{"text": secret})
		if err != nil {
			t.Fatal(querytest.Text(err), err)
		}
		label := a.Artifact.Header().Label
		if label.Template != "marked 1" || len(label.Parameters) != 64 {
			t.Errorf("label = %+v", label)
		}
		digests[label.Parameters] = true
		found := 0
		for _, e := range d.Audit("feng.audit") {
			if e.Run == a.Run {
				if found++; !strings.HasPrefix(e.Kind, "query.") {
					continue
				}
				if e.Fields["template"] != "marked 1" || e.Fields["parameters"] != label.Parameters {
					t.Errorf("entry %s tells %v", e.Kind, e.Fields)
				}
			}
		}
		if found < 3 {
			t.Errorf("%d entries of the run", found)
		}
		if _, err := askTemplate(d, "marked", map[string]string{"text": secret, "other": secret}); querytest.Code(err) != "PARAMETER_EXTRA" {
			t.Errorf("%v", err)
		}
		if _, err := d.Engine.Explain(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose,
			Template: "marked", Parameters: map[string]string{"text": secret}}); err != nil {
			t.Error(err)
		}
		entries, err := json.Marshal(d.Audit("feng.audit"))
		if err != nil {
			t.Fatal(err)
		}
		for where, text := range map[string]string{"audit log": string(entries), "gate's log": d.Log.String(), "artifact": string(a.Artifact.Bytes())} {
			if strings.Contains(text, secret) || strings.Contains(text, "梧桐") {
				t.Errorf("the %s holds the value", where)
			}
		}
	}
	if len(digests) != 2 {
		t.Errorf("%d digests of two values", len(digests))
	}
	if a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) FROM persons"); err != nil || a.Artifact.Header().Label.Template != "" {
		t.Errorf("a statement's own label names a template: %v", err)
	}
}

// What nobody could ask is not published.
func TestATemplateIsReadableBeforeItIsPublished(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	for _, c := range []struct{ sql, say string }{
		{"SELECT count(*) FROM persons WHERE district = $district", ""},
		{"SELECT count(*) FROM persons WHERE district = $District", ""},
		{"SELECT count(*) FROM nowhere WHERE district = $district", ""}, // grants and catalogue change; it is judged when it is asked
		{"SELEC count(*) FROM persons WHERE district = $district", "one SELECT statement"},
		{"SELECT count(*) FROM persons WHERE district = $district; SELECT 1", "one SELECT statement"},
		{"DELETE FROM persons WHERE district = $district", "one SELECT statement"},
		{"SELECT count(*) FROM persons", "does not use the declared parameter $district"},
		{"SELECT count(*) FROM persons WHERE district = '$district'", "does not use the declared parameter $district"},
		{"SELECT count(*) FROM persons -- $district", "does not use the declared parameter $district"},
		{"SELECT count(*) FROM persons WHERE district = $district AND name = $name", "not declared: $name"},
		{"SELECT count(*) FROM persons WHERE district = ?", "does not use the declared parameter $district"},
	} {
		err := d.TryApply("li.op", templateText("t", c.sql, districtParameter), "li.op", "sun.health")
		if c.say == "" && err != nil || c.say != "" && (querytest.Code(err) != "DOCUMENT_REFUSED" || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), "Template t /spec/sql")) {
			t.Errorf("%s = %v, want %q", c.sql, err, c.say)
		}
		d.Advance(time.Second) // a signature is not older than what it replaces
	}
}
