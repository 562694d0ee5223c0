package query_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// filedRequest is a data request of the city that li.op has filed.
type filedRequest struct {
	*querytest.Domain
	t    *testing.T
	name string
}

// askFor files a request for columns of datasets of the city.
func askFor(t *testing.T, d *querytest.Domain, name, datasets string) *filedRequest {
	t.Helper()
	a := &filedRequest{d, t, name}
	if err := a.file(datasets, nil); err != nil {
		t.Fatal(querytest.Text(err))
	}
	return a
}

func (a *filedRequest) file(datasets string, change func(*registry.DataRequest)) error {
	a.t.Helper()
	return a.handIn("li.op", a.document(datasets, change))
}

// handIn signs a document and hands it in.
func (a *filedRequest) handIn(by string, doc registry.Document) error {
	a.t.Helper()
	doc.Signatures = nil
	doc.Sign(by, a.Key(by).Private(), a.Now())
	body, err := json.Marshal(doc)
	if err != nil {
		a.t.Fatal(err)
	}
	_, err = a.Engine.Apply(a.t.Context(), a.Subject(by), bytes.NewReader(body))
	return err
}

func (a *filedRequest) document(datasets string, change func(*registry.DataRequest)) registry.Document {
	a.t.Helper()
	spec := registry.DataRequest{Scenario: querytest.Scenario, PurposeCode: querytest.Purpose, Statement: strings.Repeat("0a", 32), From: "2026-01-01", Until: "2030-12-31",
		Access: "REQUEST_RESPONSE", Status: registry.StatusSubmitted, Commitments: registry.Commitments{Truthful: true, Compliant: true, Secure: true}}
	if err := json.Unmarshal([]byte(datasets), &spec.Datasets); err != nil {
		a.t.Fatal(err)
	}
	if change != nil {
		change(&spec)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		a.t.Fatal(err)
	}
	return registry.Document{Kind: registry.KindRequest, Name: a.name, Spec: text}
}

// move makes a move as a person who signs what is shown to them.
func (a *filedRequest) move(who, move string, o query.RequestOrder) (*query.RequestDetail, error) {
	o.Move = move
	if o.Basis == "" {
		o.Basis = "NJ24-15"
	}
	if (move == "assess" || move == "approve") && o.Grants == nil {
		d, err := a.Engine.DataRequest(a.t.Context(), a.Subject(who), a.name)
		if err == nil {
			o.Grants = d.Grants
		}
		for i := range o.Grants {
			o.Grants[i].Sign(who, a.Key(who).Private(), a.Now())
		}
	}
	return a.Engine.MoveRequest(a.t.Context(), a.Subject(who), a.name, o)
}

// must makes a move that leads to a state.
func (a *filedRequest) must(who, move, state string) *query.RequestDetail {
	a.t.Helper()
	d, err := a.move(who, move, query.RequestOrder{})
	if err != nil {
		a.t.Fatalf("%s: %s: %s", who, move, querytest.Text(err))
	}
	if d.State != state {
		a.t.Fatalf("%s: %s leads to %s, want %s", who, move, d.State, state)
	}
	return d
}

func (a *filedRequest) refused(who, move, code string) {
	a.t.Helper()
	if _, err := a.move(who, move, query.RequestOrder{}); querytest.Code(err) != code {
		a.t.Errorf("%s: %s = %v, want %s", who, move, err, code)
	}
}

func (a *filedRequest) moves(kind string) (out []string) {
	for _, x := range a.Audit(querytest.Founder) {
		if x.Kind == kind && x.Fields["request"] == a.name {
			out = append(out, x.Actor+" "+x.Fields["move"]+" "+x.Fields["state"]+x.Fields["reasons"])
		}
	}
	return out
}

const (
	wantAddress = `[{"dataset":"persons","grant":"persons-statistics","columns":[{"name":"address","mode":"COMPUTE_ONLY","permissions":["agg:count"]}]}]`
	askAddress  = "SELECT count(address) AS n FROM persons"
)

// The regulator assesses, then the provider reviews, and with that the grant is in
// force: the statement that was denied is answered (NJ24-15, SY20-20).
func TestADataRequestBecomesAGrantInTheActOfApproval(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, askAddress); err == nil {
		t.Fatal("the column is granted before it was asked for")
	}
	a := askFor(t, d, "want-address", wantAddress)
	// Before the regulator nobody, and whoever has no part nothing.
	a.refused("zheng.police", "approve", "REQUEST_STATE")
	for _, who := range []string{"li.op", "wu.dc", querytest.Founder, "feng.audit"} {
		a.refused(who, "assess", "ROLE_REQUIRED")
	}
	a.refused("qian.hospital", "approve", "NOT_FOUND")
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.refused("sun.health", "assess", "REQUEST_STATE")
	a.refused("sun.health", "approve", "ROLE_REQUIRED")
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, askAddress); err == nil {
		t.Fatal("the assessment alone grants")
	}
	done := a.must("zheng.police", "approve", "APPROVED")
	if len(done.Grants) != 1 || done.Grants[0].Name != "persons-statistics" || len(done.Grants[0].Signatures) != 2 {
		t.Errorf("grants %+v", done.Grants)
	}
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, askAddress); err != nil {
		t.Errorf("what was granted is not answered: %s", querytest.Text(err))
	}
	// What was granted before is still, and who agreed is known though the grant names
	// the provider alone.
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT avg(income) AS a FROM persons"); err != nil {
		t.Errorf("what the grant gave before: %s", querytest.Text(err))
	}
	d.LoadTable("persons", querytest.Registers().Persons)
	shown, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name)
	if err != nil || shown.State != "LOADED" {
		t.Errorf("after a delivery: %+v, %v, want LOADED", shown, err)
	}
	var course []string
	for _, h := range shown.History {
		course = append(course, h.By+" "+h.Move)
	}
	want := []string{"li.op submit", "gate accept", "sun.health assess", "zheng.police approve", "gate share", "gate load"}
	if !slices.Equal(course, want) {
		t.Errorf("course %v, want %v", course, want)
	}
	if got := a.moves("request.moved"); !slices.Equal(got, []string{"li.op submit ZREG_ASSESSING", "sun.health assess PROV_REVIEWING", "zheng.police approve APPROVED", "gate share SHARED", "gate load LOADED"}) {
		t.Errorf("the log has %v", got)
	}
	if got := a.moves("request.refused"); !slices.Contains(got, "zheng.police approve REQUEST_STATE") {
		t.Errorf("the log has refusals %v, want that of the provider before the regulator", got)
	}
	a.must("zheng.police", "revoke", "REVOKED")
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, askAddress); err == nil {
		t.Error("a revoked grant answers")
	}
}

// What is signed is what was asked for, to the letter; other grants, or somebody
// else's signature, grant nothing.
func TestOnlyTheGrantsThatWereAskedForAreSigned(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-address", wantAddress)
	shown, err := d.Engine.DataRequest(t.Context(), d.Subject("sun.health"), a.name)
	if err != nil || len(shown.Grants) != 1 || !shown.Next.Yours {
		t.Fatalf("%+v, %v", shown, err)
	}
	more := shown.Grants[0]
	more.Spec = bytes.Replace(more.Spec, []byte(`"agg:count"`), []byte(`"agg:count","agg:sum"`), 1)
	more.Sign("sun.health", d.Key("sun.health").Private(), d.Now())
	other := shown.Grants[0]
	other.Sign("zheng.police", d.Key("zheng.police").Private(), d.Now())
	for what, c := range map[string]struct {
		grant registry.Document
		code  string
	}{"another text": {more, "REQUEST_MOVED"}, "another's signature": {other, registry.CodeSignature}} {
		if _, err := a.move("sun.health", "assess", query.RequestOrder{Grants: []registry.Document{c.grant}}); querytest.Code(err) != c.code {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
	}
	a.must("sun.health", "assess", "PROV_REVIEWING")
	if _, err := a.move("zheng.police", "approve", query.RequestOrder{Grants: []registry.Document{more}}); querytest.Code(err) != "REQUEST_MOVED" {
		t.Errorf("approving another text: %v", err)
	}
}

// A refusal stands on a law, a regulation or a rule (JM19-18, SY20-20); a dispute
// freezes until the city authority decides (SY20-21).
func TestARefusalHasItsBasisAndADisputeFreezes(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-address", wantAddress)
	a.must("sun.health", "assess", "PROV_REVIEWING")
	for _, kind := range []string{"", "INTERNAL_RULE", "law"} {
		if _, err := a.move("zheng.police", "reject", query.RequestOrder{BasisKind: kind}); querytest.Code(err) != "REFUSAL_BASIS" {
			t.Errorf("a refusal on %q: %v", kind, err)
		}
	}
	if _, err := a.move("zheng.police", "reject", query.RequestOrder{BasisKind: "LAW", Basis: "《个人信息保护法》"}); err != nil {
		t.Fatal(querytest.Text(err))
	}
	a.refused("zheng.police", "approve", "REQUEST_STATE")
	a.must("li.op", "dispute", "DISPUTED")
	for who, move := range map[string]string{"sun.health": "assess", "zheng.police": "approve", "li.op": "dispute"} {
		a.refused(who, move, "REQUEST_STATE")
	}
	a.refused("sun.health", "resume", "ROLE_REQUIRED")
	a.must(querytest.Founder, "resume", "ZREG_ASSESSING")
	a.refused("zheng.police", "approve", "REQUEST_STATE") // nothing of before counts
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.must("sun.health", "dispute", "DISPUTED")
	a.must(querytest.Founder, "uphold", "REJECTED")
	a.refused("li.op", "dispute", "REQUEST_STATE") // it was decided
}

// Two providers agree each to their own; the last one's word grants all at once.
func TestEveryProviderOfARequestAgreesToItsOwn(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-both", `[{"dataset":"persons","grant":"persons-statistics","columns":[{"name":"address","mode":"COMPUTE_ONLY","permissions":["agg:count"]}]},
		{"dataset":"visits","grant":"visits-statistics","columns":[{"name":"cost","mode":"COMPUTE_ONLY","permissions":["agg:avg","agg:sum","agg:count","cmp_lit:<"]}]}]`)
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.must("qian.hospital", "approve", "PROV_REVIEWING")
	a.refused("qian.hospital", "approve", "ROLE_REQUIRED")
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM visits WHERE cost < 100"); err == nil {
		t.Error("one of two providers grants")
	}
	a.must("zheng.police", "approve", "APPROVED")
	if _, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT count(*) AS n FROM visits WHERE cost < 100"); err != nil {
		t.Error(querytest.Text(err))
	}
	a.must("zheng.police", "revoke", "APPROVED") // of its own data
	a.must("qian.hospital", "revoke", "REVOKED")
}

// Silence grants nothing, and neither does an agreement that is over.
func TestADataRequestLapsesAndIsNeverGrantedByTime(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-address", wantAddress)
	a.must("sun.health", "assess", "PROV_REVIEWING")
	d.Advance(200 * 24 * time.Hour)
	if err := d.Engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name); err != nil || x.State != "PROV_REVIEWING" {
		t.Fatalf("after half a year of silence: %+v, %v", x, err)
	}
	d.Advance(6 * 365 * 24 * time.Hour)
	a.refused("zheng.police", "approve", "REQUEST_STATE") // before anybody looked
	if err := d.Engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name); err != nil || x.State != "LAPSED" {
		t.Errorf("after the agreement's end: %+v, %v", x, err)
	}
}

// Each sees the requests they have a part in, and operators their own alone.
func TestWhoSeesADataRequest(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	askFor(t, d, "want-address", wantAddress)
	for who, want := range map[string][2]bool{"li.op": {true, false}, "sun.health": {true, true}, "zheng.police": {true, false}, "qian.hospital": {false, false},
		"wu.dc": {true, false}, querytest.Founder: {true, false}, "feng.audit": {true, false}} {
		all, err := d.Engine.DataRequests(t.Context(), d.Subject(who))
		if err != nil || (len(all) == 1) != want[0] || len(all) == 1 && all[0].Next.Yours != want[1] {
			t.Errorf("%s sees %+v, %v, want it seen %v, theirs %v", who, all, err, want[0], want[1])
		}
	}
}

// Three commitments, no copy, nothing that must not be opened: or it is not filed.
func TestWhatIsNotFiledAsADataRequest(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for what, change := range map[string]func(*registry.DataRequest){
		"a copy":                func(r *registry.DataRequest) { r.Access = "COPY" },
		"without a commitment":  func(r *registry.DataRequest) { r.Commitments.Secure = false },
		"another purpose":       func(r *registry.DataRequest) { r.PurposeCode = "OTHER" },
		"beyond the agreement":  func(r *registry.DataRequest) { r.Until = "2031-12-31" },
		"a dataset of no entry": func(r *registry.DataRequest) { r.Datasets[0].Dataset = "nothing" },
	} {
		a := &filedRequest{d, t, "want-it"}
		if err := a.file(wantAddress, change); querytest.Code(err) != "DOCUMENT_REFUSED" {
			t.Errorf("%s: %v, want it refused", what, err)
		}
		if _, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("%s: it has a course: %v", what, err)
		}
	}
}

// What the regulator signed stands on the grant as it was then: one that was narrowed,
// widened or revoked since is not brought back by a signature of before. The request
// is returned, and another is decided on what is in force.
func TestAGrantChangedSinceItsAssessmentIsNotBroughtBack(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	const income = "SELECT avg(income) AS a FROM persons"
	first, other := askFor(t, d, "want-address", wantAddress), askFor(t, d, "want-address-too", wantAddress)
	for _, a := range []*filedRequest{first, other} {
		a.must("sun.health", "assess", "PROV_REVIEWING")
	}
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics",
		`{"mode":"COMPUTE_ONLY","name":"income","permissions":["agg:avg","agg:count"]},`, ``))
	if code(d, income) == "" {
		t.Fatal("a narrowed grant gives what it gave")
	}
	first.refused("zheng.police", "approve", "DOCUMENT_REFUSED")
	if code(d, income) == "" || code(d, askAddress) == "" {
		t.Error("a signature of before the change brought the wider grant back")
	}
	first.must("zheng.police", "return", "RETURNED")
	again, beside := askFor(t, d, "want-address-again", wantAddress), askFor(t, d, "want-address-beside", wantAddress)
	again.must("sun.health", "assess", "PROV_REVIEWING")
	beside.must("sun.health", "assess", "PROV_REVIEWING")
	again.must("zheng.police", "approve", "APPROVED")
	if c := code(d, askAddress); c != "" || code(d, income) == "" {
		t.Errorf("what was asked for anew = %q, and what was taken away is given", c)
	}
	beside.refused("zheng.police", "approve", "DOCUMENT_REFUSED") // the grant is not the one it was to widen
	again.must("zheng.police", "revoke", "REVOKED")
	for _, a := range []*filedRequest{other, beside} {
		a.refused("zheng.police", "approve", "DOCUMENT_REFUSED")
	}
	if code(d, askAddress) == "" {
		t.Error("a revoked grant is in force again")
	}
}

// Nobody comes back to a request under another hat: a person stays in the organization
// they were registered in.
func TestNobodyMovesToTheOtherSideOfADataRequest(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-address", wantAddress)
	a.must("sun.health", "assess", "PROV_REVIEWING")
	spec, err := json.Marshal(registry.Person{RealName: "孙卫健", Organization: "public-security", Roles: []string{registry.RoleProvider}, Status: "active",
		SigningKey: d.Key("sun.health").SigningKey(), RecipientKey: d.Key("sun.health").RecipientKey()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.TryApply(querytest.Founder, `{"kind":"Person","name":"sun.health","spec":`+string(spec)+`}`); querytest.Code(err) != "DOCUMENT_REFUSED" {
		t.Errorf("moved to the provider: %v", err)
	}
	a.refused("sun.health", "approve", "ROLE_REQUIRED")
	a.must("zheng.police", "approve", "APPROVED")
}

// A request waits while its license is suspended, and ends with its own days or with
// its license, whether or not anybody looked.
func TestADataRequestStandsOnItsLicenseAndItsDays(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	on(t, d, "2027-01-13")
	status := func(from, to string) {
		d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"`+from, `"status":"`+to), querytest.Founder, "sun.health", "li.op")
	}
	a, short := askFor(t, d, "want-address", wantAddress), &filedRequest{d, t, "want-short"}
	if err := short.file(wantAddress, func(r *registry.DataRequest) { r.Until = "2027-01-14" }); err != nil {
		t.Fatal(querytest.Text(err))
	}
	short.must("sun.health", "assess", "PROV_REVIEWING")
	status(`ACTIVE"`, `SUSPENDED","status_reason":"第十条"`)
	a.refused("sun.health", "assess", "REQUEST_STATE")
	short.refused("zheng.police", "approve", "REQUEST_STATE")
	status(`SUSPENDED"`, `ACTIVE"`)
	a.must("sun.health", "assess", "PROV_REVIEWING")
	on(t, d, "2027-01-15")
	short.refused("zheng.police", "approve", "REQUEST_STATE") // before anybody looked
	ended := func() map[string]string {
		if err := d.Engine.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, x := range d.Audit(querytest.Founder) {
			if x.Kind == "request.moved" && x.Fields["move"] == "lapse" {
				out[x.Fields["request"]] += x.Fields["code"]
			}
		}
		return out
	}
	if got := ended(); len(got) != 1 || got["want-short"] != "GRANT_PERIOD" {
		t.Errorf("past its days ended %v, want want-short alone", got)
	}
	status(`ACTIVE","status_reason":"第十条"`, `TERMINATED","status_reason":"第九条"`)
	a.refused("zheng.police", "approve", "REQUEST_STATE")
	d.Advance(time.Hour)
	if got := ended(); len(got) != 2 || got["want-address"] != "LICENSE_TERMINATED" {
		t.Errorf("with the license ended %v, want want-address too", got)
	}
}

// The day of a filing is that of the city: a minute before midnight in Shanghai, four
// in the afternoon by Greenwich, is the day before (Asia/Shanghai has no summer time).
func TestATermBeginsOnTheCitysDay(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	for _, c := range []struct{ at, started, due string }{
		{"2027-01-13T23:59:00+08:00", "2027-01-13", "2027-01-20"}, {"2027-01-14T00:01:00+08:00", "2027-01-14", "2027-01-21"},
		{"2027-07-15T23:59:00+08:00", "2027-07-15", "2027-07-22"}, {"2027-07-16T00:01:00+08:00", "2027-07-16", "2027-07-23"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		d.Advance(at.Sub(d.Now()))
		a := askFor(t, d, "want-"+strings.ToLower(c.at[:10]+c.at[11:13]), wantAddress)
		for _, open := range clocksOf(t, d, "sun.health") {
			if open.On == a.name && (open.Started != c.started || open.Due != c.due || open.Overdue) {
				t.Errorf("filed at %s: %+v, want it begun on %s and due on %s", c.at, open, c.started, c.due)
			}
		}
	}
}

const wantBoth = `[{"dataset":"persons","grant":"persons-statistics","columns":[{"name":"address","mode":"COMPUTE_ONLY","permissions":["agg:count"]}]},
	{"dataset":"visits","grant":"visits-statistics","columns":[{"name":"cost","mode":"COMPUTE_ONLY","permissions":["agg:avg","agg:sum","agg:count","cmp_lit:<"]}]}]`

// What a provider agreed to before a dispute counts no more once all is assessed anew;
// and a request whose grants are revoked by documents ends with the last of them.
func TestWhatWasAgreedBeforeADisputeCountsNoMore(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := askFor(t, d, "want-both", wantBoth)
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.must("qian.hospital", "approve", "PROV_REVIEWING")
	a.must("li.op", "dispute", "DISPUTED")
	a.must(querytest.Founder, "resume", "ZREG_ASSESSING")
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.must("zheng.police", "approve", "PROV_REVIEWING")
	a.must("qian.hospital", "approve", "APPROVED")
	state := func() string {
		x, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return x.State
	}
	for _, g := range []struct{ name, by, after string }{{"persons-statistics", "zheng.police", "APPROVED"}, {"visits-statistics", "qian.hospital", "REVOKED"}} {
		text := changed(t, d, registry.KindGrant, g.name, `"scenario":`, `"status":"REVOKED","status_reason":"停用","scenario":`)
		if _, err := d.Engine.Apply(t.Context(), d.Subject(g.by), strings.NewReader(text)); err != nil {
			t.Fatal(querytest.Text(err))
		}
		if got := state(); got != g.after {
			t.Errorf("%s revoked: %s, want %s", g.name, got, g.after)
		}
	}
}

// Nobody but its operator knows of a draft, and no move of it files it; every word
// against a request says why; grants come into force now; and a grant that is asked
// for besides keeps its own days where they are the longer.
func TestWhatAMoveOfADataRequestMustBe(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	draft := &filedRequest{d, t, "want-draft"}
	if err := draft.file(wantAddress, func(r *registry.DataRequest) {
		r.Status, r.Commitments = registry.StatusDraft, registry.Commitments{}
	}); err != nil {
		t.Fatal(querytest.Text(err))
	}
	draft.refused("li.op", "dispute", "REQUEST_STATE")
	draft.refused("sun.health", "assess", "NOT_FOUND")
	if x, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), draft.name); err != nil || x.State != "DRAFT" || len(x.History) != 0 {
		t.Errorf("a draft after it was disputed: %+v, %v", x, err)
	}
	a := &filedRequest{d, t, "want-address"}
	if err := a.file(wantAddress, func(r *registry.DataRequest) { r.From, r.Until = "2026-12-01", "2027-01-31" }); err != nil {
		t.Fatal(querytest.Text(err))
	}
	for _, basis := range []string{" ", strings.Repeat("依", 667)} {
		if _, err := a.move("sun.health", "return", query.RequestOrder{Basis: basis}); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("returned with a reason of %d bytes: %v", len(basis), err)
		}
	}
	shown, err := d.Engine.DataRequest(t.Context(), d.Subject("sun.health"), a.name)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	later := shown.Grants[0]
	later.Effective = "2027-01-01T00:00:00+08:00"
	later.Sign("sun.health", d.Key("sun.health").Private(), d.Now())
	if _, err := a.move("sun.health", "assess", query.RequestOrder{Grants: []registry.Document{later}}); querytest.Code(err) != "BAD_REQUEST" {
		t.Errorf("assessed for a later day: %v", err)
	}
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.must("zheng.police", "approve", "APPROVED")
	docs, err := d.Engine.Documents(t.Context(), d.Subject("li.op"), registry.KindGrant, "persons-statistics")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if text := string(docs[0].Document); !strings.Contains(text, `"2026-01-01"`) || !strings.Contains(text, `"2030-12-31"`) || strings.Contains(text, "2027-01-31") {
		t.Errorf("the grant it widened is of other days now: %s", text)
	}
}

// A request that comes into force later has its course, and its term, from then on and
// not before; and grants that are revoked for a later time end their request then.
func TestADataRequestFollowsDocumentsOfALaterTime(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	a := &filedRequest{d, t, "want-address"}
	later := func(by string, doc registry.Document) {
		t.Helper()
		doc.Effective = d.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
		if err := a.handIn(by, doc); err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	later("li.op", a.document(wantAddress, nil))
	a.refused("sun.health", "assess", "NOT_FOUND")
	if got := a.moves("request.moved"); got != nil {
		t.Errorf("before its time: %v", got)
	}
	d.Advance(25 * time.Hour)
	if err := d.Engine.TakeEffect(t.Context()); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if got := a.moves("request.moved"); !slices.Equal(got, []string{"li.op submit ZREG_ASSESSING"}) {
		t.Errorf("at its time: %v", got)
	}
	if open := clocksOf(t, d, "sun.health"); !slices.ContainsFunc(open, func(c query.ClockView) bool { return c.On == a.name }) {
		t.Errorf("no term runs for it: %+v", open)
	}
	a.must("sun.health", "assess", "PROV_REVIEWING")
	a.must("zheng.police", "approve", "APPROVED")
	var revoked registry.Document
	if err := json.Unmarshal([]byte(changed(t, d, registry.KindGrant, "persons-statistics", `"scenario":`, `"status":"REVOKED","status_reason":"停用","scenario":`)), &revoked); err != nil {
		t.Fatal(err)
	}
	later("zheng.police", revoked)
	if x, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name); err != nil || x.State != "APPROVED" {
		t.Errorf("before its grant is revoked: %+v, %v", x, err)
	}
	d.Advance(25 * time.Hour)
	if err := d.Engine.TakeEffect(t.Context()); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if x, err := d.Engine.DataRequest(t.Context(), d.Subject("li.op"), a.name); err != nil || x.State != "REVOKED" {
		t.Errorf("its grant is revoked: %+v, %v", x, err)
	}
	if code(d, askAddress) == "" {
		t.Error("a revoked grant answers")
	}
}

// A grant that is asked for besides lasts as long as either.
func TestAWidenedGrantHasTheLongerDaysOfBoth(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	d.Apply("sun.health", strings.Replace(changed(t, d, registry.KindGrant, "persons-statistics", `"2026-01-01"`, `"2026-11-01"`), `"2030-12-31"`, `"2026-12-31"`, 1))
	for _, c := range []struct{ name, from, until, wantFrom, wantUntil string }{
		{"want-later", "2026-11-20", "2027-06-30", "2026-11-01", "2027-06-30"},
		{"want-earlier", "2026-02-01", "2026-11-30", "2026-02-01", "2027-06-30"},
		{"want-within", "2026-12-01", "2026-12-31", "2026-02-01", "2027-06-30"},
	} {
		a := &filedRequest{d, t, c.name}
		if err := a.file(wantAddress, func(r *registry.DataRequest) { r.From, r.Until = c.from, c.until }); err != nil {
			t.Fatal(querytest.Text(err))
		}
		a.must("sun.health", "assess", "PROV_REVIEWING")
		g, err := registry.SpecOf[registry.Grant](a.must("zheng.police", "approve", "APPROVED").Grants[0])
		if err != nil || g.From != c.wantFrom || g.Until != c.wantUntil {
			t.Errorf("%s: the grant is of %s to %s, %v, want %s to %s", c.name, g.From, g.Until, err, c.wantFrom, c.wantUntil)
		}
	}
}

// Where the city authority regulates, one person may have both of its roles: who
// assessed a request does not decide on the dispute of it.
func TestNobodyDecidesOnTheDisputeOfWhatTheyAssessed(t *testing.T) {
	t.Parallel()
	d := civic(t)
	spec, err := json.Marshal(registry.Person{RealName: "闻两职", Organization: "city-data-authority", Roles: []string{registry.RoleZoneRegulator, registry.RoleCityAuthority}, Permissions: []string{registry.PermissionRecipe}, Status: "active",
		SigningKey: d.Key("wen.city").SigningKey(), RecipientKey: d.Key("wen.city").RecipientKey()})
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, `{"kind":"Person","name":"wen.city","spec":`+string(spec)+`}`)
	a := &filedRequest{d, t, "want-birth"}
	const wantBirth = `[{"dataset":"residents","grant":"residents-own","columns":[{"name":"birth_date","mode":"MASKED","recipe":{"kind":"date","part":"year"}}]}]`
	if err := a.file(wantBirth, func(r *registry.DataRequest) { r.Scenario = "civic-own" }); err != nil {
		t.Fatal(querytest.Text(err))
	}
	a.must("wen.city", "assess", "PROV_REVIEWING")
	a.must("li.op", "dispute", "DISPUTED")
	for _, move := range []string{"uphold", "resume"} {
		a.refused("wen.city", move, "WF_SAME_PERSON")
	}
	a.must(querytest.Founder, "resume", "ZREG_ASSESSING")
	a.must("jin.city", "assess", "PROV_REVIEWING")
	a.must("li.op", "dispute", "DISPUTED")
	a.refused("wen.city", "uphold", "WF_SAME_PERSON") // of what was assessed at any time
	a.must(querytest.Founder, "uphold", "REJECTED")
}
