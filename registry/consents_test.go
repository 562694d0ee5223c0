package registry_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zonebox/registry"
)

var flu = registry.ConsentScope{Zone: "medical", Scenario: "flu"}

func subject(n int) [16]byte { return [16]byte{byte(n), byte(n >> 8)} }

// consentFrom is a consent of a subject with times in hours from the world's first.
func (w *world) consentFrom(n, given, from, until int) registry.SubjectConsent {
	at := func(hours int) time.Time {
		return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(hours) * time.Hour)
	}
	return registry.SubjectConsent{Subject: subject(n), Given: at(given), From: at(from), Until: at(until),
		Evidence: registry.ConsentEvidence{Kind: "FORM", Date: "2026-03-01", SHA256: "00"}}
}

// bring brings consents in, unless it is broken off before they count.
func (w *world) bring(name string, all []registry.SubjectConsent, whole bool) int64 {
	w.t.Helper()
	b := &registry.ConsentBatch{Name: name, Scope: flu, Digest: name, By: "dave", Org: "centre"}
	var added int64
	steps := []func(*registry.Tx) error{
		func(tx *registry.Tx) error { return tx.BeginConsents(b) },
		func(tx *registry.Tx) (err error) { added, err = tx.AddConsents(b, all); return err },
	}
	if whole {
		steps = append(steps, func(tx *registry.Tx) error { _, err := tx.ActivateConsents(b, added); return err })
	}
	for _, step := range steps {
		if err := w.Update(w.t.Context(), step); err != nil {
			w.t.Fatal(err)
		}
	}
	return added
}

func (w *world) unconsent(subjects ...int) int64 {
	w.t.Helper()
	var tokens [][16]byte
	for _, n := range subjects {
		tokens = append(tokens, subject(n))
	}
	var had int64
	err := w.Update(w.t.Context(), func(tx *registry.Tx) (err error) {
		_, had, err = tx.WithdrawConsents(flu, tokens)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return had
}

// valid returns who consents now. Who reads all of it anew and who reads what came
// since the last time find the same.
func (w *world) valid() ([]int, time.Time, error) {
	w.t.Helper()
	read := func(known *registry.ConsentReading) (r *registry.ConsentReading, got []int, until time.Time, err error) {
		if r, err = w.ReadConsents(w.t.Context(), flu, known); err != nil {
			return nil, nil, until, err
		}
		until = r.Valid(w.clock.now(), func(s [16]byte) { got = append(got, int(s[0])|int(s[1])<<8) })
		slices.Sort(got)
		return r, slices.Compact(got), until, nil
	}
	_, got, until, err := read(nil)
	if err != nil {
		return nil, until, err
	}
	next, again, untilAgain, err := read(w.consents)
	if err != nil || !slices.Equal(got, again) || !until.Equal(untilAgain) {
		w.t.Errorf("read anew %v until %v; what came since alone %v until %v, %v", got, until, again, untilAgain, err)
	}
	if w.consents == nil || len(got)%3 == 0 { // at times many changes come between two readings
		w.consents = next
	}
	return got, until, nil
}

// Consents count all at once when their batch is activated: of one broken off none
// does, then or after the next.
func TestConsentsCountOnceTheirBatchIsWhole(t *testing.T) {
	w := granted(t)
	w.bring("broken", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9)}, false)
	if got, _, err := w.valid(); err != nil || len(got) != 0 {
		t.Errorf("a batch under way gives %v, %v, want nobody", got, err)
	}
	w.bring("whole", []registry.SubjectConsent{w.consentFrom(2, -1, -1, 9)}, true)
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{2}) {
		t.Errorf("after a broken batch and a whole one: %v, %v, want 2", got, err)
	}
	if n := w.bring("again", []registry.SubjectConsent{w.consentFrom(2, -1, -1, 9), w.consentFrom(3, -1, -1, 9), w.consentFrom(3, -1, -1, 9)}, true); n != 1 {
		t.Errorf("%d consents added, want 1: what counts already is not added again", n)
	}
	other, err := w.ConsentState(t.Context(), registry.ConsentScope{Zone: "medical", Scenario: "cold"})
	if err != nil || other != (registry.ConsentState{}) {
		t.Errorf("another scenario has %v, %v, want none", other, err)
	}
}

// Who consents agrees with what counting by hand gives, on histories of chance; and
// it stays so until the moment that is told.
func TestValidConsentsAgreeWithBruteForce(t *testing.T) {
	for seed := range uint64(40) {
		draw := rand.New(rand.NewPCG(seed, 3))
		w := granted(t)
		start := w.clock.now()
		type withdrawal struct {
			subject int
			at      time.Time
		}
		var given []registry.SubjectConsent
		var gone []withdrawal
		expect := func(at time.Time) []int {
			var want []int
			for _, c := range given {
				if at.Before(c.From) || at.Before(c.Given) || !at.Before(c.Until) {
					continue
				}
				if slices.ContainsFunc(gone, func(g withdrawal) bool { return subject(g.subject) == c.Subject && !g.at.Before(c.Given) }) {
					continue
				}
				want = append(want, int(c.Subject[0]))
			}
			slices.Sort(want)
			return slices.Compact(want)
		}
		for step := range 12 {
			switch draw.IntN(3) {
			case 0:
				var all []registry.SubjectConsent
				for range 1 + draw.IntN(5) {
					from := draw.IntN(20) - 6
					all = append(all, w.consentFrom(draw.IntN(6), draw.IntN(20)-6, from, from+1+draw.IntN(12)))
				}
				whole := draw.IntN(4) > 0
				w.bring(fmt.Sprint("batch-", step), all, whole)
				if whole {
					given = append(given, all...)
				}
			case 1:
				n := draw.IntN(6)
				w.unconsent(n)
				gone = append(gone, withdrawal{n, w.clock.now()})
			case 2:
				w.clock.t = w.clock.t.Add(time.Duration(1+draw.IntN(120)) * time.Minute)
			}
			got, until, err := w.valid()
			if err != nil || !slices.Equal(got, expect(w.clock.now())) {
				t.Fatalf("seed %d step %d at %v: %v, %v, want %v", seed, step, w.clock.now().Sub(start), got, err, expect(w.clock.now()))
			}
			if last := until.Add(-time.Second); !until.IsZero() && !slices.Equal(expect(last), got) {
				t.Fatalf("seed %d step %d: told to hold until %v, and does not", seed, step, until.Sub(start))
			}
		}
	}
}

// A withdrawal counts against every consent of before, one that is brought in later
// too, and not against one that is given after it.
func TestAWithdrawalCountsAgainstConsentsOfBefore(t *testing.T) {
	w := granted(t)
	if had := w.unconsent(1); had != 0 {
		t.Errorf("%d had consented, want 0", had)
	}
	w.bring("late", []registry.SubjectConsent{w.consentFrom(1, -2, -2, 9), w.consentFrom(2, -2, -2, 9)}, true)
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{2}) {
		t.Errorf("consents: %v, %v, want 2 alone", got, err)
	}
	w.clock.t = w.clock.t.Add(time.Hour)
	w.bring("anew", []registry.SubjectConsent{w.consentFrom(1, 1, -2, 9)}, true)
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("consents: %v, %v, want 1 and 2", got, err)
	}
	if had := w.unconsent(1, 2, 3); had != 2 {
		t.Errorf("%d had consented, want 2", had)
	}
}

// Facts are overtaken by a withdrawal, and not by consents that are new.
func TestFactsAreOvertakenByAWithdrawal(t *testing.T) {
	w := granted(t)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9)}, true)
	q := registry.Query{User: "olga", Zone: "medical", Scenario: "flu"}
	f, err := w.Enter(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	w.bring("second", []registry.SubjectConsent{w.consentFrom(2, -1, -1, 9)}, true)
	if by, err := w.Overtaken(t.Context(), f); by != nil || err != nil {
		t.Errorf("overtaken by %v, %v, want by nothing", by, err)
	}
	w.unconsent(2)
	if by, err := w.Overtaken(t.Context(), f); err != nil || by == nil || by.Kind != registry.KindConsents {
		t.Errorf("overtaken by %v, %v, want by the consents", by, err)
	}
}

// Nobody adds, changes or takes out a row without the key: nobody's consent is
// known then.
func TestConsentsThatWereTamperedWithAreNone(t *testing.T) {
	for _, c := range []struct{ what, statement string }{
		{"a withdrawal taken out", `DELETE FROM consent_withdrawals`},
		{"a withdrawal of another", `UPDATE consent_withdrawals SET subject = x'09000000000000000000000000000000'`},
		{"a withdrawal put back", `UPDATE consent_withdrawals SET at = at - 999999`},
		{"a longer consent", `UPDATE consents SET valid_until = valid_until + 1`},
		{"another subject", `UPDATE consents SET subject = x'09000000000000000000000000000000' WHERE subject = x'01000000000000000000000000000000'`},
		{"a consent taken out", `DELETE FROM consents WHERE subject = x'01000000000000000000000000000000'`},
		{"a batch that counts", `UPDATE consent_batches SET state = 'ACTIVE'`},
		{"a batch that does not", `UPDATE consent_batches SET state = 'STAGED'`},
		{"another scope", `UPDATE consent_scopes SET scenario = 'cold'; UPDATE consent_scopes SET scenario = 'flu', body = x'00'`},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := granted(t)
			w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9), w.consentFrom(2, -1, -1, 9)}, true)
			w.unconsent(2)
			w.bring("staged", []registry.SubjectConsent{w.consentFrom(3, -1, -1, 9)}, false)
			if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{1}) {
				t.Fatalf("before: %v, %v, want 1", got, err)
			}
			db, err := sql.Open("sqlite", w.path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(c.statement); err != nil {
				t.Fatal(err)
			}
			if got, _, err := w.valid(); !errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("consents: %v, %v, want ErrCorrupt", got, err)
			}
		})
	}
}

// A grant by consent is of rows of people.
func TestAGrantByConsentIsOfRowsOfPeople(t *testing.T) {
	w := licensed(t)
	w.must("zoe", w.signed(grant(set("basis", "CONSENT")), "zoe", "paul"))
	for _, edit := range []edit{set("entity", map[string]string{"column": "id_number", "kind": "enterprise"})} {
		w := peopled(t)
		w.must("paul", visits(edit))
		w.must("carol", w.signed(license(), "zoe", "carol", "olga"))
		w.must("zoe", scenario())
		w.refused(registry.CodeScope, "zoe", w.signed(grant(set("basis", "CONSENT")), "zoe", "paul"))
	}
}

// What was read and checked once is not read again: after a withdrawal the
// withdrawals are, after an import its batch. What is added is checked all the same.
func TestAChangeOfConsentsReadsWhatChangedAlone(t *testing.T) {
	w := granted(t)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9), w.consentFrom(2, -1, -1, 9), w.consentFrom(3, -1, -1, 9)}, true)
	known, err := w.ReadConsents(t.Context(), flu, nil)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := raw(t, w.path).Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE consents SET evidence = x'00'`) // of the first batch, which nobody reads again
	w.unconsent(2)
	w.bring("second", []registry.SubjectConsent{w.consentFrom(4, -1, -1, 9)}, true)
	if _, err := w.ReadConsents(t.Context(), flu, nil); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("read anew: %v, want ErrCorrupt", err)
	}
	r, err := w.ReadConsents(t.Context(), flu, known)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	r.Valid(w.clock.now(), func(s [16]byte) { got = append(got, s[0]) })
	if string(got) != "\x01\x03\x04" {
		t.Errorf("who consents is %v, want 1, 3 and 4", got)
	}
	w.bring("third", []registry.SubjectConsent{w.consentFrom(5, -1, -1, 9)}, true)
	exec(`UPDATE consents SET valid_until = valid_until + 1 WHERE batch = (SELECT max(batch) FROM consents)`)
	if _, err := w.ReadConsents(t.Context(), flu, r); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a batch that was changed before it was read: %v, want ErrCorrupt", err)
	}
	exec(`DELETE FROM consents WHERE batch = (SELECT max(batch) FROM consents)`)
	if _, err := w.ReadConsents(t.Context(), flu, r); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a batch that is not there: %v, want ErrCorrupt", err)
	}
	w.unconsent(3)
	exec(`UPDATE consent_withdrawals SET body = x'00'`)
	if _, err := w.ReadConsents(t.Context(), flu, known); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("withdrawals that were changed before they were read: %v, want ErrCorrupt", err)
	}
	exec(`UPDATE consent_batches SET state = 'STAGED' WHERE name = 'first'`)
	if _, err := w.ReadConsents(t.Context(), flu, r); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a batch that no longer counts: %v, want ErrCorrupt", err)
	}
}
