package query_test

import (
	"bytes"
	"io"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// An import of consents stands among the gate's loads: whoever brings it and those
// who supervise see how far it is, nobody else does, and it can be called off. Of a
// dry run nothing is remembered, and none of them has a receipt of a load.
func TestAnImportOfConsentsTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	byConsent(t, d)
	var f consentFile
	for _, row := range querytest.Registers().Persons.Rows {
		f.consent(row[0], querytest.Scenario, "2026-10-01", "2027-12-31")
	}
	half := f.Len() / 2
	begin := func(dry bool) (id string, rest *io.PipeWriter, ended chan error) {
		t.Helper()
		read, write := io.Pipe()
		entered := make(chan string, 1)
		ended = make(chan error, 1)
		in := query.ConsentImport{Scenario: querytest.Scenario, Format: "csv", SHA256: f.digest(), DryRun: dry}
		by := d.Subject("wu.dc")
		go func() {
			_, err := d.Engine.ImportConsents(t.Context(), by, in, query.Incoming{Data: read, Size: int64(f.Len()), Entered: func(id string) { entered <- id }})
			read.CloseWithError(io.ErrClosedPipe)
			ended <- err
		}()
		id = <-entered
		if _, err := write.Write(f.Bytes()[:half]); err != nil {
			t.Fatal(err)
		}
		v := eventually(t, d, "wu.dc", id, func(v query.LoadView) bool { return v.Step == query.StepParse && v.Bytes == int64(half) })
		if v.State != query.LoadRunning || v.Consents != querytest.Scenario || v.Dataset != "" || v.Zone != "medical" || v.By != "wu.dc" || v.Size != int64(f.Len()) || v.Began == nil || v.Over() {
			t.Errorf("an import that is read is %+v", v)
		}
		return id, write, ended
	}
	finish := func(rest *io.PipeWriter, ended chan error) {
		t.Helper()
		if _, err := rest.Write(f.Bytes()[half:]); err != nil {
			t.Fatal(err)
		}
		rest.Close()
		if err := <-ended; err != nil {
			t.Fatalf("import: %s", querytest.Text(err))
		}
	}

	id, rest, ended := begin(true)
	finish(rest, ended)
	if _, err := d.Engine.LoadByID(t.Context(), d.Subject("wu.dc"), id); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("of a dry run there is %v, want NOT_FOUND", err)
	}

	id, rest, ended = begin(false)
	for by, sees := range map[string]bool{"wu.dc": true, "sun.health": true, "feng.audit": true, "li.op": false, "zheng.police": false} {
		if _, err := d.Engine.LoadByID(t.Context(), d.Subject(by), id); (err == nil) != sees {
			t.Errorf("%s asks for it: %v, want it seen: %v", by, err, sees)
		}
	}
	if _, err := d.Engine.StopLoad(t.Context(), d.Subject("wu.dc"), id); err != nil {
		t.Fatal(err)
	}
	rest.Close()
	if err := <-ended; querytest.Code(err) != "STOPPED" {
		t.Errorf("one that was called off ends with %v, want STOPPED", err)
	}
	if v := eventually(t, d, "wu.dc", id, query.LoadView.Over); v.State != query.LoadStopped {
		t.Errorf("one that was called off is %+v", v)
	}
	if got := ask(t, d, querytest.Scenario, countPersons); got != "" {
		t.Errorf("after it %q, want nobody", got)
	}

	id, rest, ended = begin(false)
	finish(rest, ended)
	if v := eventually(t, d, "wu.dc", id, query.LoadView.Over); v.State != query.LoadLoaded || v.Rows != 200 || v.Code != "" {
		t.Errorf("one that was brought in is %+v, want LOADED, 200 rows", v)
	}
	if _, err := d.Engine.LoadReceipt(t.Context(), d.Subject("wu.dc"), id); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("its receipt is %v, want NOT_FOUND", err)
	}
	if got := ask(t, d, querytest.Scenario, countPersons); got != "200\n" {
		t.Errorf("after it %q, want 200", got)
	}
	again := query.ConsentImport{Scenario: querytest.Scenario, Format: "csv", SHA256: f.digest()}
	var second string
	if r, err := d.Engine.ImportConsents(t.Context(), d.Subject("wu.dc"), again, query.Incoming{Data: bytes.NewReader(f.Bytes()), Entered: func(id string) { second = id }}); err != nil || !r.Already {
		t.Fatalf("the same again: %+v, %v", r, err)
	}
	if v := eventually(t, d, "wu.dc", second, query.LoadView.Over); v.State != query.LoadAlready {
		t.Errorf("the same again is %+v, want ALREADY_LOADED", v)
	}
}
