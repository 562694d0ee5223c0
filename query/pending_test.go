package query_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// twoToCome has two organizations wait together, for two days.
func twoToCome(d *querytest.Domain) {
	at := d.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	one := func(name string) string {
		return `{"kind":"Organization","name":"` + name + `","effective":"` + at + `","spec":{"title":"` + name + `","kind":"third_party","org_form":"legal_person"}}` + "\n"
	}
	d.Apply(querytest.Founder, one("first")+one("second"))
}

// statement changes n rows of a closed domain's registry as whoever writes the file can.
func statement(t *testing.T, d *querytest.Domain, n int64, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(d.Config.Domain, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := res.RowsAffected(); err != nil || got != n {
		t.Fatalf("%s changed %d rows: %v, want %d", text, got, err, n)
	}
}

// there reports which of the two are in force.
func there(t *testing.T, d *querytest.Domain) []string {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindOrganization, "")
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	var out []string
	for _, v := range docs {
		if v.Name == "first" || v.Name == "second" {
			out = append(out, v.Name)
		}
	}
	return out
}

// What waits for its time is what the log says waits: a batch that was taken away, and
// one that was withdrawn and put back, are seen at the next start.
func TestPendingDocumentsAreThoseOfTheLog(t *testing.T) {
	t.Parallel()
	for _, withdrawn := range []bool{false, true} {
		d := querytest.New(t, querytest.Options{})
		twoToCome(d)
		d.Reopen() // nothing was touched: the control
		if err := d.Engine.Close(); err != nil {
			t.Fatal(err)
		}
		if !withdrawn {
			statement(t, d, 2, `DELETE FROM pending_documents`)
		} else {
			statement(t, d, 0, `CREATE TABLE kept AS SELECT * FROM pending_documents`)
			d.Reopened()
			waiting, err := d.Engine.PendingDocuments(t.Context(), d.Subject(querytest.Founder), false)
			if err != nil || len(waiting) != 2 {
				t.Fatalf("%d wait: %v, want 2", len(waiting), err)
			}
			if err := d.Engine.Withdraw(t.Context(), d.Subject(querytest.Founder), waiting[0].Batch, query.WithdrawOrder{Reason: "有误"}); err != nil {
				t.Fatal(querytest.Text(err))
			}
			d.Reopen() // withdrawn, as the log says: the control
			if err := d.Engine.Close(); err != nil {
				t.Fatal(err)
			}
			statement(t, d, 2, `INSERT OR REPLACE INTO pending_documents SELECT * FROM kept`)
		}
		e, err := query.Open(t.Context(), d.Config)
		if err == nil {
			err = errors.Join(errors.New("the domain opened"), e.Close())
		}
		if !errors.Is(err, query.ErrRollback) {
			t.Errorf("withdrawn before %v: open = %v, want ErrRollback", withdrawn, err)
		}
	}
}

// A batch from which a document was taken comes into force not at all: what is left of
// it was never agreed to alone. Nobody is answered, and the gate does not start.
func TestABatchWithoutOneOfItsDocumentsComesIntoForceNotAtAll(t *testing.T) {
	t.Parallel()
	for _, taken := range []int64{0, 1} {
		d := querytest.New(t, querytest.Options{})
		twoToCome(d)
		if err := d.Engine.Close(); err != nil {
			t.Fatal(err)
		}
		if taken > 0 {
			statement(t, d, taken, `DELETE FROM pending_documents WHERE position = 1`)
		}
		d.Reopened()
		if got := there(t, d); len(got) > 0 {
			t.Errorf("before its time %q are in force", got)
		}
		d.Advance(72 * time.Hour)
		if taken == 0 {
			if got := there(t, d); !slices.Equal(got, []string{"first", "second"}) {
				t.Errorf("with both %q are in force, want both", got)
			}
			continue
		}
		if _, err := d.TrySubject(querytest.Founder); err == nil {
			t.Error("somebody is let in while a batch that is due is not whole")
		}
		if err := d.Engine.Close(); err != nil {
			t.Fatal(err)
		}
		e, err := query.Open(t.Context(), d.Config)
		if err == nil {
			err = errors.Join(errors.New("the domain opened"), e.Close())
		}
		if !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("open = %v, want ErrCorrupt", err)
		}
	}
}

// What waited when a backup was made may have been withdrawn since: nothing of it comes
// into force in the domain that is restored, and its log says why.
func TestNothingThatWaitedComesIntoForceAfterARestoration(t *testing.T) {
	t.Parallel()
	d, root := withRoot(t, nil)
	twoToCome(d)
	b := backUp(t, d)
	cfg := restored(t, d, root, b)
	orders(t, d, cfg.Domain, 0, "wu.dc", querytest.Founder)
	d.Config.Domain = cfg.Domain
	d.Reopened()
	d.Advance(72 * time.Hour)
	if got := there(t, d); len(got) > 0 {
		t.Errorf("%q are in force, want none", got)
	}
	waiting, err := d.Engine.PendingDocuments(t.Context(), d.Subject(querytest.Founder), true)
	if err != nil || len(waiting) != 2 || waiting[0].State != registry.LapsedState || waiting[1].State != registry.LapsedState {
		t.Errorf("%+v, %v, want two that lapsed", waiting, err)
	}
	d.Register(querytest.Person{User: "feng.audit", RealName: "冯审计", Organization: "third-party", Role: registry.RoleAuditor})
	lapsed := 0
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "document.lapsed" && e.Fields["reasons"] == "RESTORED" {
			lapsed++
		}
	}
	if lapsed != 1 {
		t.Errorf("the log tells %d times that a batch lapsed, want once", lapsed)
	}
}
