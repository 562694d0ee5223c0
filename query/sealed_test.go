package query_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/release"
)

// formed asks as li.op for a file of a form.
func formed(t *testing.T, d *querytest.Domain, form, sql string) (*query.Answer, error) {
	t.Helper()
	return d.Engine.Answer(t.Context(), query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: sql, Form: form})
}

func gateKey(t *testing.T, d *querytest.Domain) ed25519.PublicKey {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(d.Engine.Domain().GateKey)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const people = "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district LIMIT 3"

// An answer leaves in the form that was asked for, the same rows in each; a run that
// waited remembers it. Whatever the form, it can be called back, and its requester is
// told by whom and why (R-JM19-31).
func TestAnAnswerLeavesInTheFormThatWasAskedFor(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := ""
	for _, form := range append([]string{""}, release.Forms()...) {
		a, err := formed(t, d, form, people)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		if got := a.Artifact.Header().Form; got != form && (form != "" || got != "arrow") {
			t.Errorf("asked for %q the form is %s", form, got)
		}
		if rows := d.Open("li.op", a).String(); want == "" {
			want = rows
		} else if rows != want {
			t.Errorf("%s: rows\n%s\nwant\n%s", form, rows, want)
		}
		again, err := d.Resume("li.op", a.Run)
		if err != nil || again.Artifact.Digest() != a.Artifact.Digest() {
			t.Errorf("%s: collected again: %v", form, err)
		}
		if _, err := d.Engine.MoveOutput(t.Context(), d.Subject("sun.health"), a.Run, "recall", "NJ24-23 泄露风险"); err != nil {
			t.Fatal(querytest.Text(err))
		}
		if _, err := d.Resume("li.op", a.Run); querytest.Code(err) != "WITHHELD" {
			t.Errorf("%s: a recalled output is collected: %v", form, err)
		}
		shown, err := d.Engine.Review(t.Context(), d.Subject("li.op"), a.Run)
		if err != nil || shown.State != "RECALLED" || shown.History[len(shown.History)-1].By != "sun.health" || shown.History[len(shown.History)-1].Basis != "NJ24-23 泄露风险" {
			t.Errorf("%s: the requester sees %+v, %v", form, shown, err)
		}
	}
	if strings.Count(want, "\n") < 3 {
		t.Errorf("rows are\n%s", want)
	}
	for _, form := range []string{"xlsx", "CSV", "arrow "} {
		if _, err := formed(t, d, form, people); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("form %q = %v", form, err)
		}
	}

	// One that waits for people: for its statement first, then for its output.
	_, err := formed(t, d, "csv", "SELECT name, birth_date, district FROM persons ORDER BY name LIMIT 5")
	run := querytest.RunOf(t, err)
	d.Approve("sun.health", run)
	if _, err := d.Engine.Answer(t.Context(), query.Request{Subject: d.Subject("li.op"), Resume: run, Form: "arrow"}); querytest.Code(err) != "BAD_REQUEST" {
		t.Errorf("a resumed run takes another form: %v", err)
	}
	if _, err := d.Resume("li.op", run); querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	d.Approve("sun.health", run)
	d.Approve("zheng.police", run)
	a, err := d.Resume("li.op", run)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if h := a.Artifact.Header(); h.Form != "csv" || h.Columns[0].Technique == "" {
		t.Errorf("the header is %+v", h)
	}
}

// Whose zone is of the national suite gets files that SM2 signed; who has a key of SM2
// gets them encrypted by it, wherever they are from.
func TestResultsAreSealedByTheSuitesOfZoneAndRecipient(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	check := func(signature, encryption string, key release.Key) *query.Answer {
		t.Helper()
		a, err := formed(t, d, "csv-bom", people)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		if h := a.Artifact.Header(); h.Signature != signature || h.Encryption != encryption {
			t.Errorf("sealed by %s and %s, want %s and %s", h.Signature, h.Encryption, signature, encryption)
		}
		o, err := release.Open(a.Artifact.Bytes(), key, gateKey(t, d))
		if err != nil {
			t.Fatal(err)
		}
		defer o.Release()
		if !strings.HasPrefix(string(o.Content), "\ufeffdistrict,n\n") {
			t.Errorf("content = %q", o.Content)
		}
		return a
	}
	hpke := release.Key{HPKE: d.Key("li.op").Recipient()}
	check(release.Ed25519, release.HPKE, hpke)
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"ACTIVE","storage_algorithm":"sm4-gcm"`))
	before := check(release.SM2, release.HPKE, hpke)
	national, err := keys.GenerateSM2("li.op")
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "li.op", d.Key("li.op").RecipientKey(), national.RecipientKey()))
	after := check(release.SM2, release.SM2SM4, release.Key{SM2: national.RecipientSM2()})
	if _, err := release.Open(after.Artifact.Bytes(), hpke, gateKey(t, d)); !errors.Is(err, release.ErrRecipient) {
		t.Errorf("the earlier key opens it: %v", err)
	}
	// What was sealed before a rotation of the gate's keys opens by the key that is
	// followed, and the next by the one that follows.
	was := gateKey(t, d)
	if _, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), query.KeyOrder{Purpose: keys.PurposeReleaseSign}); err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := release.Verify(before.Artifact.Bytes(), was); err != nil {
		t.Errorf("what was sealed before the rotation: %v", err)
	}
	next := check(release.SM2, release.SM2SM4, release.Key{SM2: national.RecipientSM2()})
	if _, err := release.Verify(next.Artifact.Bytes(), was); !errors.Is(err, release.ErrSignature) {
		t.Errorf("the key of before signs what came after: %v", err)
	}
}

// The label says under what a result was made, by the log's own words, and no value.
func TestALabelHoldsItsEvidence(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	ask := func(sql string) (release.Label, *query.Answer) {
		t.Helper()
		a, err := formed(t, d, "", sql)
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return a.Artifact.Header().Label, a
	}
	l, a := ask(people)
	e := l.Evidence
	if e == nil {
		t.Fatal("no evidence")
	}
	var intent, released query.AuditEntry
	for _, entry := range d.Audit("feng.audit") {
		if entry.Run == a.Run && entry.Kind == "query.intent" {
			intent = entry
		}
		if entry.Run == a.Run && entry.Kind == "output.released" {
			released = entry
		}
	}
	index, err := strconv.ParseUint(e.Intent, 10, 64)
	if err != nil || index != intent.Index || len(e.Intent) != 10 {
		t.Errorf("intent = %s, %v, want entry %d", e.Intent, err, intent.Index)
	}
	for what, c := range map[string][2]string{
		"decision":    {e.Decision, released.Decision},
		"policy":      {e.Policy, released.Fields["bundle"]},
		"worker":      {e.Worker, released.Fields["attestation"]},
		"catalogue":   {e.Catalogue, released.Fields["catalogue"]},
		"purpose":     {l.Purpose, querytest.Purpose},
		"artifact":    {a.Artifact.Digest(), released.Fields["artifact"]},
		"intent's id": {"int" + a.Run[3:], intent.ID},
	} {
		if c[0] == "" || c[0] != c[1] {
			t.Errorf("%s = %q, want %q", what, c[0], c[1])
		}
	}
	if !slices.ContainsFunc(e.Documents, func(s string) bool { return strings.Contains(s, l.License) }) || len(e.Documents) != 3 {
		t.Errorf("documents = %v", e.Documents)
	}
	if len(e.Rules) < 2 || e.Rules[0].Rule != "min_group" || e.Rules[0].Figures["k"] != "10" {
		t.Errorf("rules = %v", e.Rules)
	}
	var rules []string
	for _, r := range e.Rules {
		rules = append(rules, fmt.Sprint(r.Rule, " ", r.Figures))
	}
	if want := "totals map[dominance:2:90% entity:person k:10 of:counts p:10%]"; !slices.Contains(rules, want) {
		t.Errorf("rules = %v, want %s among them", rules, want)
	}
	if len(l.Uses) < 2 || l.Uses[0].Text == "" || l.Uses[1].Text == "" {
		t.Errorf("uses = %v", l.Uses)
	}
	// The digest of the statement is the same for the same statement, another for
	// another, and none that somebody without the key can make.
	again, _ := ask(people)
	other, _ := ask(strings.Replace(people, "LIMIT 3", "LIMIT 4", 1))
	plain := sha256.Sum256([]byte(people))
	if again.Evidence.Statement != e.Statement || other.Evidence.Statement == e.Statement || len(e.Statement) != 64 || e.Statement == hex.EncodeToString(plain[:]) {
		t.Errorf("digests of statements = %s, %s, %s", e.Statement, again.Evidence.Statement, other.Evidence.Statement)
	}
	text, err := json.Marshal(l)
	if err != nil || strings.Contains(string(text), "count(*)") {
		t.Errorf("the label holds the statement: %s, %v", text, err)
	}
}

// A release is proved to stand in the log to those it concerns, for its own file alone.
func TestAReleaseIsProvedOfItsOwnFile(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	one, err := formed(t, d, "", people)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	two, err := formed(t, d, "csv", people)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	verifier := d.Engine.Domain().AuditKey
	for who, want := range map[string]string{"li.op": "", "sun.health": "", "feng.audit": "", querytest.Founder: "", "wu.dc": "NOT_FOUND", "zheng.police": "NOT_FOUND", "qian.hospital": "NOT_FOUND"} {
		p, err := d.Engine.Prove(t.Context(), d.Subject(who), one.Run)
		if querytest.Code(err) != want {
			t.Errorf("%s: %v, want %q", who, err, want)
		}
		if err != nil {
			continue
		}
		if head, err := p.Of(verifier, one.Run, one.Artifact.Digest()); err != nil || head.Size <= p.Index {
			t.Errorf("%s: the proof leads to %+v, %v", who, head, err)
		}
		if _, err := p.Of(verifier, one.Run, two.Artifact.Digest()); !errors.Is(err, query.ErrOtherFile) {
			t.Errorf("the proof is taken for another file: %v", err)
		}
		if _, err := p.Of(verifier, two.Run, one.Artifact.Digest()); !errors.Is(err, query.ErrOtherFile) {
			t.Errorf("the proof is taken for another run: %v", err)
		}
		p.Leaf = strings.Replace(p.Leaf, one.Artifact.Digest(), two.Artifact.Digest(), 1)
		var broken *audit.BrokenError
		if _, err := p.Of(verifier, one.Run, two.Artifact.Digest()); !errors.As(err, &broken) {
			t.Errorf("an entry that was changed is taken: %v", err)
		}
	}
	for _, run := range []string{"nothing", "run-nothing", one.Run + "x", "int" + one.Run[3:]} {
		if _, err := d.Engine.Prove(t.Context(), d.Subject("feng.audit"), run); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("run %q = %v", run, err)
		}
	}
}
