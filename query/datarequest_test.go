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
	doc := registry.Document{Kind: registry.KindRequest, Name: a.name, Spec: text}
	doc.Sign("li.op", a.Key("li.op").Private(), a.Now())
	body, err := json.Marshal(doc)
	if err != nil {
		a.t.Fatal(err)
	}
	_, err = a.Engine.Apply(a.t.Context(), a.Subject("li.op"), bytes.NewReader(body))
	return err
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
