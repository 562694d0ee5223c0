package query_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/workflow"
)

// applied returns the city with an open call and the id of li.op's course under it.
func applied(t *testing.T) (*querytest.Domain, string) {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Apply(querytest.Founder, querytest.CallText(d.Now()), querytest.Founder, "sun.health")
	v, err := d.Engine.ApplyForLicense(t.Context(), d.Subject("li.op"), querytest.Application(d.Now()))
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	return d, v.ID
}

func courseMove(t *testing.T, d *querytest.Domain, by, id string, o query.AgreementOrder) (*query.AgreementDetail, string) {
	t.Helper()
	v, err := d.Engine.MoveAgreement(t.Context(), d.Subject(by), id, o)
	return v, querytest.Code(err)
}

// step makes a move that must lead to a state.
func courseStep(t *testing.T, d *querytest.Domain, by, id string, o query.AgreementOrder, state workflow.State) *query.AgreementDetail {
	t.Helper()
	v, err := d.Engine.MoveAgreement(t.Context(), d.Subject(by), id, o)
	if err != nil {
		t.Fatalf("%s by %s: %s", o.Move, by, querytest.Text(err))
	}
	if v.State != string(state) {
		t.Fatalf("%s by %s leads to %s, want %s", o.Move, by, v.State, state)
	}
	return v
}

func experts(opinion string) *query.ExpertResult {
	return &query.ExpertResult{Experts: []string{"张三", "李四", "王五"}, Passed: true, Opinion: opinion, Date: "2026-03-01"}
}

// theText returns the license of the demo as a text of the course, with what the test
// changes.
func theText(t *testing.T, d *querytest.Domain, course string, replace ...string) *registry.Document {
	t.Helper()
	text := changed(t, d, registry.KindLicense, "medical-2026", `"medical-2026"`, `"medical-course"`)
	text = strings.Replace(text, `"operator":"huiyi"`, `"operator":"huiyi","course":"`+course+`"`, 1)
	var doc registry.Document
	if err := json.Unmarshal([]byte(strings.NewReplacer(replace...).Replace(text)), &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

func signedText(t *testing.T, d *querytest.Domain, doc registry.Document, by string) *registry.Document {
	t.Helper()
	doc.Signatures = nil
	doc.Sign(by, d.Key(by).Private(), d.Now())
	return &doc
}

// drafted leads a course to its draft.
func drafted(t *testing.T, d *querytest.Domain, id string) registry.Document {
	t.Helper()
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "check", Basis: "材料齐全"}, workflow.MaterialsOK)
	courseStep(t, d, "sun.health", id, query.AgreementOrder{Move: "assess", Result: experts("通过")}, workflow.MaterialsOK)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "review", Result: experts("通过")}, workflow.Reviewed)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "consent", Ref: "宁政复〔2026〕9号", Date: "2026-03-02"}, workflow.GovConsented)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "publish", Ref: "市政府网站", Date: "2026-03-02"}, workflow.Published)
	doc := theText(t, d, id)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "draft", Document: doc}, workflow.Drafted)
	return *doc
}

// active leads a course to its license in force.
func active(t *testing.T, d *querytest.Domain, id string) registry.Document {
	t.Helper()
	doc := drafted(t, d, id)
	for _, by := range []string{"li.op", "sun.health", querytest.Founder} {
		courseStep(t, d, by, id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, by)}, workflow.Signing)
	}
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "activate"}, workflow.Active)
	return doc
}

// An application is under an open call of the city, within its window, with the form
// and the five materials of the days that count, by who has a clean record.
func TestWhatAnApplicationMustBring(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	if err := d.TryApply(querytest.Founder, querytest.CallText(d.Now()), querytest.Founder); querytest.Code(err) != "DOCUMENT_REFUSED" {
		t.Errorf("a call of an industry zone without its regulator = %v", err)
	}
	d.Apply(querytest.Founder, querytest.CallText(d.Now()), querytest.Founder, "sun.health")
	apply := func(by string, change func(*query.Application)) ([]string, string) {
		t.Helper()
		a := querytest.Application(d.Now())
		change(&a)
		_, err := d.Engine.ApplyForLicense(t.Context(), d.Subject(by), a)
		var codes []string
		if err != nil {
			for _, detail := range query.AsError(err).Details {
				codes = append(codes, detail.Code)
			}
		}
		return codes, querytest.Code(err)
	}
	for name, c := range map[string]struct {
		change func(*query.Application)
		want   []string
	}{
		"whole":            {func(*query.Application) {}, nil},
		"no audit report":  {func(a *query.Application) { a.Materials = slices.Delete(a.Materials, 1, 2) }, []string{"MATERIAL_MISSING"}},
		"no form":          {func(a *query.Application) { a.Materials = a.Materials[1:] }, []string{"MATERIAL_MISSING"}},
		"no digest":        {func(a *query.Application) { a.Materials[2].SHA256 = "" }, []string{"MATERIAL_MISSING"}},
		"an old audit":     {func(a *query.Application) { a.Materials[1].Date = d.Now().AddDate(-1, 0, -2).Format(time.DateOnly) }, []string{"MATERIAL_OLD"}},
		"an old finance":   {func(a *query.Application) { a.Materials[2].Date = d.Now().AddDate(-1, 0, -2).Format(time.DateOnly) }, []string{"MATERIAL_OLD"}},
		"an old form":      {func(a *query.Application) { a.Materials[0].Date = d.Now().AddDate(-2, 0, 0).Format(time.DateOnly) }, nil},
		"a report to come": {func(a *query.Application) { a.Materials[1].Date = d.Now().AddDate(0, 0, 2).Format(time.DateOnly) }, []string{"MATERIAL_DATE"}},
		"another scenario": {func(a *query.Application) { a.Scenarios = []string{"征信"} }, []string{"APPLICATION_SCENARIO"}},
		"one more of them": {func(a *query.Application) { a.Scenarios = append(a.Scenarios, "征信") }, []string{"APPLICATION_SCENARIO"}},
		"no scenario":      {func(a *query.Application) { a.Scenarios = nil }, []string{"APPLICATION_SCENARIO"}},
		"a short digest":   {func(a *query.Application) { a.Materials[2].SHA256 = strings.Repeat("a", 63) }, []string{"MATERIAL_MISSING"}},
		"no hexadecimal":   {func(a *query.Application) { a.Materials[2].SHA256 = strings.Repeat("g", 64) }, []string{"MATERIAL_MISSING"}},
		"no day":           {func(a *query.Application) { a.Materials[0].Date = "2026-1-1" }, []string{"MATERIAL_DATE"}},
		"a paper more": {func(a *query.Application) {
			a.Materials = append(a.Materials, query.Material{Kind: "OTHER", Date: "2026-11-01", SHA256: strings.Repeat("a", 64)})
		}, []string{"MATERIAL_EXTRA"}},
	} {
		got, code := apply("li.op", c.change)
		if !slices.Equal(got, c.want) || (code == "APPLICATION_REFUSED") != (len(c.want) > 0) {
			t.Errorf("%s = %v %q, want %v", name, got, code, c.want)
		}
	}
	if _, code := apply("sun.health", func(*query.Application) {}); code != "ROLE_REQUIRED" {
		t.Errorf("by a regulator = %q", code)
	}
	// An incident of the last three years, by its day: of two years ago it counts, of four it does not.
	for days, want := range map[int][]string{-2 * 365: {"OPERATOR_NOT_ELIGIBLE"}, -4 * 365: nil} {
		for _, field := range []string{"incidents", "dishonesty"} {
			d.Apply(querytest.Founder, withRecord(t, d, field, d.Now().AddDate(0, 0, days)))
			if got, _ := apply("li.op", func(*query.Application) {}); !slices.Equal(got, want) {
				t.Errorf("%s %d days ago = %v, want %v", field, days, got, want)
			}
			d.Apply(querytest.Founder, withRecord(t, d, "", time.Time{}))
		}
	}
	for _, field := range []string{`"incident_3y":`, `"dishonesty_3y":`} {
		d.Apply(querytest.Founder, changed(t, d, registry.KindOrganization, "huiyi", field+"false", field+"true"))
		if got, _ := apply("li.op", func(*query.Application) {}); !slices.Equal(got, []string{"OPERATOR_NOT_ELIGIBLE"}) {
			t.Errorf("with %s true = %v", field, got)
		}
		d.Apply(querytest.Founder, changed(t, d, registry.KindOrganization, "huiyi", field+"true", field+"false"))
	}
	d.Advance(40 * 24 * time.Hour)
	if got, _ := apply("li.op", func(*query.Application) {}); !slices.Equal(got, []string{"CALL_CLOSED"}) {
		t.Errorf("after the window = %v", got)
	}
}

// withRecord is the organization huiyi with one record, or with none.
func withRecord(t *testing.T, d *querytest.Domain, field string, on time.Time) string {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindOrganization, "huiyi")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(docs[0].Document, &doc); err != nil {
		t.Fatal(err)
	}
	spec := doc["spec"].(map[string]any)
	delete(spec, "incidents")
	delete(spec, "dishonesty")
	delete(doc, "signatures")
	if field != "" {
		spec[field] = []any{map[string]any{"on": on.Format(time.DateOnly), "ref": "通报〔2026〕1号"}}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// No step of the course is skipped, nothing is entered but by whom it is for, and what
// comes into force is what every party signed.
func TestTheCourseOfALicense(t *testing.T) {
	t.Parallel()
	d, id := applied(t)
	move := func(by string, o query.AgreementOrder, want string) {
		t.Helper()
		if _, code := courseMove(t, d, by, id, o); code != want {
			t.Errorf("%s by %s = %q, want %q", o.Move, by, code, want)
		}
	}
	move("li.op", query.AgreementOrder{Move: "check", Basis: "x"}, "ROLE_REQUIRED")
	move(querytest.Founder, query.AgreementOrder{Move: "consent", Ref: "x", Date: "2026-03-02"}, "AGREEMENT_STATE")
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "check", Basis: "材料齐全"}, workflow.MaterialsOK)
	move(querytest.Founder, query.AgreementOrder{Move: "review", Result: experts("通过")}, "AGREEMENT_MOVED") // the regulator has not assessed
	courseStep(t, d, "sun.health", id, query.AgreementOrder{Move: "assess", Result: experts("通过")}, workflow.MaterialsOK)
	move(querytest.Founder, query.AgreementOrder{Move: "review", Result: experts("勉强通过")}, "AGREEMENT_MOVED")
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "review", Result: experts("通过")}, workflow.Reviewed)
	move(querytest.Founder, query.AgreementOrder{Move: "publish", Ref: "x", Date: "2026-03-02"}, "AGREEMENT_STATE")
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "consent", Ref: "宁政复〔2026〕9号", Date: "2026-03-02"}, workflow.GovConsented)
	move(querytest.Founder, query.AgreementOrder{Move: "publish", Ref: "x", Date: "2026-03-01"}, "BAD_REQUEST") // before the consent
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "publish", Ref: "市政府网站", Date: "2026-03-02"}, workflow.Published)

	doc := *theText(t, d, id)
	move(querytest.Founder, query.AgreementOrder{Move: "draft", Document: theText(t, d, "course-other")}, "BAD_REQUEST")
	move(querytest.Founder, query.AgreementOrder{Move: "draft", Document: theText(t, d, id, `"supervision"`, `"oversight"`)}, "DOCUMENT_REFUSED")
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "draft", Document: &doc}, workflow.Drafted)
	move("li.op", query.AgreementOrder{Move: "sign", Document: signedText(t, d, *theText(t, d, id, "随时检查", "从不检查"), "li.op")}, "AGREEMENT_MOVED")
	move("li.op", query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, "sun.health")}, registry.CodeSignature)
	courseStep(t, d, "li.op", id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, "li.op")}, workflow.Signing)
	v := courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, querytest.Founder)}, workflow.Signing)
	if !slices.Equal(v.Missing, []string{"zone_regulator"}) {
		t.Errorf("still to sign: %v", v.Missing)
	}
	// Without the regulator it does not come into force, by the course or past it.
	if _, code := courseMove(t, d, querytest.Founder, id, query.AgreementOrder{Move: "activate"}); code == "" {
		t.Error("a license without the regulator's signature is in force")
	}
	courseStep(t, d, "sun.health", id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, "sun.health")}, workflow.Signing)
	move("sun.health", query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, "sun.health")}, "AGREEMENT_STATE")
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), "随时检查", "从不检查", 1)
	if err := d.TryApply(querytest.Founder, other, "li.op", "sun.health", querytest.Founder); querytest.Code(err) != "AGREEMENT_MOVED" {
		t.Errorf("another text than was drafted, signed by all = %v", err)
	}
	elsewhere := strings.Replace(string(text), id, "course-none", 1)
	if err := d.TryApply(querytest.Founder, elsewhere, "li.op", "sun.health", querytest.Founder); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("a license of a course that is not there = %v", err)
	}
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "activate"}, workflow.Active)

	// What suspends, resumes and ends it is the document of both authorities.
	change := func(from, to, state string, signers ...string) string {
		t.Helper()
		err := d.TryApply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-course", from, to), signers...)
		v, err2 := d.Engine.AgreementCourse(t.Context(), d.Subject("feng.audit"), id)
		if err2 != nil || v.State != state {
			t.Errorf("after %s the course is %v, %v, want %s", to, v, err2, state)
		}
		return querytest.Code(err)
	}
	both := []string{querytest.Founder, "sun.health"}
	suspended := `"status":"SUSPENDED","status_reason":"第十条"`
	if c := change(`"status":"ACTIVE"`, suspended, "ACTIVE", querytest.Founder); c != "DOCUMENT_REFUSED" {
		t.Errorf("suspended by one authority = %q", c)
	}
	if c := change(`"status":"ACTIVE"`, suspended, "SUSPENDED", both...); c != "" {
		t.Errorf("suspended = %q", c)
	}
	if c := change(suspended, `"status":"ACTIVE","status_reason":"第十条"`, "SUSPENDED", "sun.health"); c != "DOCUMENT_REFUSED" { // the operator's signature stands, the city's is missing
		t.Errorf("resumed by one authority = %q", c)
	}
	if c := change(suspended, `"status":"ACTIVE","status_reason":"整改完毕,第十条"`, "ACTIVE", both...); c != "" {
		t.Errorf("resumed = %q", c)
	}
	d.Reopen() // the log and the registry agree
}

// From the end of a license to the last trace of its operator (A12, without the
// evaluation that leads to it): questions stop, accounts are dead, the workspace and its
// keys are destroyed with a certificate, and the audit trail is still readable. That a
// restored backup opens nothing of it stands with the tests of backups.
func TestFromTerminationToOffboarding(t *testing.T) {
	t.Parallel()
	d, id := applied(t)
	active(t, d, id)
	answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	waitsIn(t, d, "SELECT name, district FROM persons LIMIT 3")
	if _, code := courseMove(t, d, "wu.dc", id, query.AgreementOrder{Move: "offboard"}); code != "KEY_IN_USE" {
		t.Errorf("offboarding an operator with a license = %q", code)
	}
	end := func(name string) {
		t.Helper()
		d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, name, `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条:连续两次评估为差"`),
			querytest.Founder, "sun.health")
	}
	end("medical-course")
	if !authenticates(t, d, "li.op") {
		t.Error("accounts died while another license is live")
	}
	if _, code := courseMove(t, d, "wu.dc", id, query.AgreementOrder{Move: "offboard"}); code != "KEY_IN_USE" {
		t.Errorf("offboarding an operator with another license = %q", code)
	}
	end("medical-2026")
	if authenticates(t, d, "li.op") {
		t.Error("li.op is let in after the last license ended")
	}
	if _, code := courseMove(t, d, querytest.Founder, id, query.AgreementOrder{Move: "close"}); code != "OFFBOARDING_OPEN" {
		t.Errorf("closed before offboarding = %q", code)
	}
	v := courseStep(t, d, "wu.dc", id, query.AgreementOrder{Move: "offboard"}, workflow.Offboarding)
	_, err = d.Engine.MoveAgreement(t.Context(), d.Subject("feng.audit"), id, query.AgreementOrder{Move: "close"})
	if got := detailCodes(err); querytest.Code(err) != "OFFBOARDING_OPEN" || !slices.Equal(got, []string{"OFFBOARDING_WORKSPACE", "OFFBOARDING_KEYS", "OFFBOARDING_OUTPUTS"}) {
		t.Errorf("closed before the destruction = %v, open are %q", err, got)
	}
	shredded, err := d.Engine.ConfirmShred(t.Context(), d.Subject(querytest.Founder), v.Shred)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	file, err := query.EncodeCertificate(shredded.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query.VerifyCertificate(file, d.Engine.Domain()); err != nil {
		t.Error(err)
	}
	if !slices.Contains(shredded.Certificate.Runs, answer.Run) || shredded.Certificate.Keys.Space != keys.Workspace("huiyi") {
		t.Errorf("certificate = %+v", shredded.Certificate)
	}
	// Somebody of the operator taken up again is a trace of it.
	d.Register(querytest.Person{User: "li.op", RealName: "李运营", Organization: "huiyi", Role: registry.RoleOperator})
	if _, code := courseMove(t, d, "feng.audit", id, query.AgreementOrder{Move: "close"}); code != "OFFBOARDING_OPEN" {
		t.Errorf("closed with an account alive = %q", code)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "li.op", `"status":"active"`, `"status":"disabled"`))
	courseStep(t, d, "feng.audit", id, query.AgreementOrder{Move: "close"}, workflow.Closed)
	log, err := d.Engine.Audit(t.Context(), d.Subject("feng.audit"), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range log {
		if e.Kind == "agreement.moved" && e.Fields["course"] == id {
			seen[e.Fields["move"]] = true
		}
	}
	for _, m := range []string{"apply", "check", "assess", "review", "consent", "publish", "draft", "sign", "activate", "terminate", "offboard", "close"} {
		if !seen[m] {
			t.Errorf("the log does not tell of %s", m)
		}
	}
}

// beside is the city with people of other organizations, another zone, and li.op's
// course.
func beside(t *testing.T) (*querytest.Domain, string) {
	t.Helper()
	d := watched(t)
	d.Apply(querytest.Founder, comprehensiveZone)
	d.Apply(querytest.Founder, querytest.CallText(d.Now()), querytest.Founder, "sun.health")
	v, err := d.Engine.ApplyForLicense(t.Context(), d.Subject("li.op"), querytest.Application(d.Now()))
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	return d, v.ID
}

// A course is its operator's, its zone's regulator's and those who supervise; to others
// there is none.
func TestWhoSeesACourse(t *testing.T) {
	t.Parallel()
	d, id := beside(t)
	for who, sees := range map[string]bool{"li.op": true, "zhou.officer": true, "sun.health": true, querytest.Founder: true, "feng.audit": true, "he.sec": true, "wu.dc": true,
		"jin.op": false, "wu.officer": false, "gu.finance": false, "zheng.police": false, "qian.hospital": false} {
		all, err := d.Engine.Agreements(t.Context(), d.Subject(who))
		if err != nil || (len(all) == 1) != sees {
			t.Errorf("%s is shown %+v, %v, want it shown %v", who, all, err, sees)
		}
		_, err = d.Engine.AgreementCourse(t.Context(), d.Subject(who), id)
		if sees && err != nil || !sees && querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("%s reads it: %v, want %v", who, err, sees)
		}
	}
	for who, move := range map[string]string{"jin.op": "withdraw", "gu.finance": "assess"} {
		if _, code := courseMove(t, d, who, id, query.AgreementOrder{Move: move, Basis: "x", Result: experts("通过")}); code != "NOT_FOUND" {
			t.Errorf("%s by %s = %q, want NOT_FOUND", move, who, code)
		}
	}
	if _, code := courseMove(t, d, "li.op", id, query.AgreementOrder{Move: "withdraw"}); code != "" {
		t.Errorf("withdrawn by its operator = %q", code)
	}
}

// Every word of an authority says where it is on record, and of a day that has come.
func TestWhatAMoveOfACourseMustBe(t *testing.T) {
	t.Parallel()
	d, id := beside(t)
	move := func(by string, o query.AgreementOrder, want string) {
		t.Helper()
		if _, code := courseMove(t, d, by, id, o); code != want {
			t.Errorf("%+v by %s = %q, want %q", o, by, code, want)
		}
	}
	for _, name := range []string{"apply", "suspend", "expire", "terminate", "resume", "grant"} {
		move(querytest.Founder, query.AgreementOrder{Move: name, Basis: "x"}, "BAD_REQUEST")
	}
	move(querytest.Founder, query.AgreementOrder{Move: "check", Basis: " "}, "BAD_REQUEST")
	move(querytest.Founder, query.AgreementOrder{Move: "reject"}, "BAD_REQUEST")
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "check", Basis: "材料齐全"}, workflow.MaterialsOK)
	tomorrow := d.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	for what, change := range map[string]func(*query.ExpertResult){
		"nobody": func(r *query.ExpertResult) { r.Experts = nil }, "no opinion": func(r *query.ExpertResult) { r.Opinion = " " },
		"no day": func(r *query.ExpertResult) { r.Date = "2026-02-30" }, "refused": func(r *query.ExpertResult) { r.Passed = false },
		"to come": func(r *query.ExpertResult) { r.Date = tomorrow },
	} {
		r := experts("通过")
		change(r)
		if _, code := courseMove(t, d, "sun.health", id, query.AgreementOrder{Move: "assess", Result: r}); code != "BAD_REQUEST" {
			t.Errorf("experts: %s = %q", what, code)
		}
	}
	move("sun.health", query.AgreementOrder{Move: "assess"}, "BAD_REQUEST")
	courseStep(t, d, "sun.health", id, query.AgreementOrder{Move: "assess", Result: experts("通过")}, workflow.MaterialsOK)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "review", Result: experts("通过")}, workflow.Reviewed)
	for _, c := range []query.AgreementOrder{{Ref: " ", Date: "2026-03-02"}, {Ref: "x", Date: "2026-3-2"}, {Ref: "x"}, {Ref: "x", Date: tomorrow}} {
		c.Move = "consent"
		move(querytest.Founder, c, "BAD_REQUEST")
	}
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "consent", Ref: "宁政复〔2026〕9号", Date: "2026-03-02"}, workflow.GovConsented)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "publish", Ref: "市政府网站", Date: "2026-03-02"}, workflow.Published)
	for what, doc := range map[string]*registry.Document{
		"another operator": theText(t, d, id, `"huiyi"`, `"jinrong"`), "another zone": theText(t, d, id, `"zone":"medical"`, `"zone":"civic"`),
		"suspended": theText(t, d, id, `"status":"ACTIVE"`, `"status":"SUSPENDED","status_reason":"x"`), "longer than it may be": theText(t, d, id, `"2030-12-31"`, `"2025-12-31"`),
		"no license": {Kind: registry.KindScenario, Name: "x", Spec: json.RawMessage(`{}`)}, "nothing": nil,
	} {
		if _, code := courseMove(t, d, querytest.Founder, id, query.AgreementOrder{Move: "draft", Document: doc}); code != "BAD_REQUEST" && code != "DOCUMENT_REFUSED" {
			t.Errorf("drafted: %s = %q", what, code)
		}
	}
	if v, err := d.Engine.AgreementCourse(t.Context(), d.Subject("li.op"), id); err != nil || v.State != string(workflow.Published) {
		t.Fatalf("after what was refused: %+v, %v", v, err)
	}
	move("li.op", query.AgreementOrder{Move: "draft", Document: theText(t, d, id)}, "ROLE_REQUIRED")
	move("li.op", query.AgreementOrder{Move: "sign", Document: theText(t, d, id)}, "AGREEMENT_MOVED")
	var refused []string
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "agreement.refused" && e.Actor == "li.op" {
			refused = append(refused, e.Fields["move"]+" "+e.Fields["reasons"])
		}
	}
	if !slices.Equal(refused, []string{"draft ROLE_REQUIRED", "sign AGREEMENT_MOVED"}) {
		t.Errorf("the log tells of the refusals %q", refused)
	}
}

// Signatures under a draft are given in the course, with the signer's own key, under
// that text; drafting anew voids them, though the text be the same.
func TestADraftAnewVoidsItsSignatures(t *testing.T) {
	t.Parallel()
	d, id := applied(t)
	all := []string{registry.RoleOperator, registry.RoleZoneRegulator, registry.RoleCityAuthority}
	unsigned := func(after string, want ...string) {
		t.Helper()
		v, err := d.Engine.AgreementCourse(t.Context(), d.Subject(querytest.Founder), id)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		var doc registry.Document
		if err := json.Unmarshal(v.Document, &doc); err != nil {
			t.Fatal(err)
		}
		want = slices.Sorted(slices.Values(want))
		slices.Sort(v.Missing)
		if !slices.Equal(v.Missing, want) || len(doc.Signatures) != len(all)-len(want) {
			t.Errorf("%s: missing are %q with %d signatures, want %q", after, v.Missing, len(doc.Signatures), want)
		}
	}
	doc := drafted(t, d, id)
	unsigned("drafted", all...)
	if _, code := courseMove(t, d, querytest.Founder, id, query.AgreementOrder{Move: "activate"}); code != "AGREEMENT_STATE" {
		t.Errorf("in force before anybody signed = %q", code)
	}
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "draft", Document: signedText(t, d, doc, "li.op")}, workflow.Drafted)
	unsigned("drafted with a signature", all...)
	stolen, other := doc, *theText(t, d, id, "随时检查", "从不检查")
	stolen.Sign("li.op", d.Key("sun.health").Private(), d.Now())
	moved := doc
	moved.Signatures = signedText(t, d, other, "li.op").Signatures
	for what, forged := range map[string]*registry.Document{"by another's key": &stolen, "of another text": &moved, "none": &doc} {
		if _, code := courseMove(t, d, "li.op", id, query.AgreementOrder{Move: "sign", Document: forged}); code != registry.CodeSignature {
			t.Errorf("a signature %s = %q", what, code)
		}
	}
	courseStep(t, d, "li.op", id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, "li.op")}, workflow.Signing)
	unsigned("signed by the operator", all[1:]...)
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "draft", Document: &doc}, workflow.Drafted)
	unsigned("drafted anew", all...)
	for _, by := range []string{"sun.health", querytest.Founder} {
		courseStep(t, d, by, id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, by)}, workflow.Signing)
	}
	unsigned("signed by the authorities", registry.RoleOperator)
	if _, code := courseMove(t, d, querytest.Founder, id, query.AgreementOrder{Move: "activate"}); code != "LICENSE_SIGNATURE_MISSING" {
		t.Errorf("in force on a signature of before = %q", code)
	}
}

// A license with a course comes into force now or not at all; what is changed of it
// leaves the course where it is; and the clock ends both.
func TestALicenseWithACourse(t *testing.T) {
	t.Parallel()
	d, id := applied(t)
	parties := []string{"li.op", "sun.health", querytest.Founder}
	doc := drafted(t, d, id)
	for _, by := range parties {
		courseStep(t, d, by, id, query.AgreementOrder{Move: "sign", Document: signedText(t, d, doc, by)}, workflow.Signing)
	}
	handIn := func(doc registry.Document) string {
		t.Helper()
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return querytest.Code(d.TryApply(querytest.Founder, string(text), parties...))
	}
	later := doc
	later.Effective = d.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	if code := handIn(later); code != "AGREEMENT_STATE" {
		t.Errorf("for tomorrow = %q", code)
	}
	suspended := *theText(t, d, id, `"status":"ACTIVE"`, `"status":"SUSPENDED","status_reason":"x"`)
	if code := handIn(suspended); code == "" {
		t.Error("a license begins suspended")
	}
	courseStep(t, d, querytest.Founder, id, query.AgreementOrder{Move: "activate"}, workflow.Active)
	state := func() string {
		t.Helper()
		v, err := d.Engine.AgreementCourse(t.Context(), d.Subject("feng.audit"), id)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return v.State
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-course", "随时检查", "每季检查"), parties...)
	if got := state(); got != "ACTIVE" {
		t.Errorf("after a change of its text the course is %s", got)
	}
	d.Advance(5 * 365 * 24 * time.Hour)
	if err := d.Engine.ExpireDue(t.Context()); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got := state(); got != "EXPIRED" {
		t.Errorf("past its last day the course is %s", got)
	}
	courseStep(t, d, "wu.dc", id, query.AgreementOrder{Move: "offboard"}, workflow.Offboarding)
}
