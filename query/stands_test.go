package query_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// slow is a file of others in whose midst something happens.
type slow struct {
	io.Reader
	happens func()
}

// Read has it happen with the first bytes.
func (s *slow) Read(p []byte) (int, error) {
	if s.happens != nil {
		s.happens()
		s.happens = nil
	}
	return s.Reader.Read(p[:min(len(p), 16)])
}

// TestNobodyActsByADocumentThatChangedMeanwhile: between the moment in which a person was
// recognised and that in which what they did is committed the document of theirs may end;
// what is committed is done by somebody who still is who they were.
func TestNobodyActsByADocumentThatChangedMeanwhile(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	byConsent(t, d)
	n := 0
	change := func(name, organization, role string) {
		n++
		d.Register(querytest.Person{User: name, RealName: fmt.Sprintf("某人%d", n), Organization: organization, Role: role})
	}
	centre := func() { change("wu.dc", "data-centre", "data_centre") }
	again := func(what string, do func(s query.Subject, r func(io.Reader) io.Reader) error) {
		t.Helper()
		var f func(io.Reader) io.Reader = func(r io.Reader) io.Reader { return &slow{r, centre} }
		if err := do(d.Subject("wu.dc"), f); querytest.Code(err) != "AUTH_FAILED" {
			t.Errorf("%s by a document that changed: %v", what, err)
		}
		f = func(r io.Reader) io.Reader { return &slow{r, func() {}} }
		if err := do(d.Subject("wu.dc"), f); err != nil {
			t.Errorf("%s, which stays: %s", what, querytest.Text(err))
		}
	}
	var consents consentFile
	consents.consent("1", querytest.Scenario, "2026-10-01", "2027-12-31")
	again("consents", func(s query.Subject, r func(io.Reader) io.Reader) error {
		got, err := d.Engine.ImportConsents(t.Context(), s, query.ConsentImport{Scenario: querytest.Scenario, Format: "csv", SHA256: consents.digest()}, query.Incoming{Data: r(bytes.NewReader(consents.Bytes()))})
		if err == nil && (got.Already || got.Added != 1) {
			t.Errorf("the consents of an import that was refused count: %+v", got)
		}
		return err
	})
	subjects := []byte("subject\n1\n")
	sum := sha256.Sum256(subjects)
	again("a withdrawal", func(s query.Subject, r func(io.Reader) io.Reader) error {
		got, err := d.Engine.WithdrawConsents(t.Context(), s, query.ConsentWithdrawal{Scenario: querytest.Scenario, Format: "csv", SHA256: hex.EncodeToString(sum[:])}, query.Incoming{Data: r(bytes.NewReader(subjects))})
		if err == nil && got.Withdrawn != 1 {
			t.Errorf("a withdrawal that was refused took them: %+v", got)
		}
		return err
	})
	file := []byte("id,age\n1,30\n2,40\n")
	sum = sha256.Sum256(file)
	again("a proposal", func(s query.Subject, r func(io.Reader) io.Reader) error {
		_, err := d.Engine.Propose(t.Context(), s, query.ProposalRequest{Format: "csv", Encoding: "utf-8", SHA256: hex.EncodeToString(sum[:])}, r(bytes.NewReader(file)))
		return err
	})

	run := waiting(t, d, false)
	before := d.Subject("sun.health")
	change("sun.health", "health-commission", "zone_regulator")
	if _, err := d.Engine.Settle(t.Context(), before, run, true, "NJ24-14"); querytest.Code(err) != "AUTH_FAILED" {
		t.Errorf("an approval by a document that changed: %v", err)
	}
	if v, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), run); err != nil || slices.ContainsFunc(v.History, func(m query.MoveView) bool { return m.By == "sun.health" }) {
		t.Errorf("the review has moved: %+v, %v", v, err)
	}
	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), run, true, "NJ24-14"); err != nil {
		t.Errorf("an approval by the one that is: %s", querytest.Text(err))
	}
	asker := d.Subject("li.op")
	change("li.op", "huiyi", "operator")
	if _, err := d.Engine.Submit(t.Context(), asker, "changed", query.Request{Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: "SELECT sum(beds) AS n FROM beds"}); querytest.Code(err) != "AUTH_FAILED" {
		t.Errorf("a question by a document that changed: %v", err)
	}
}
