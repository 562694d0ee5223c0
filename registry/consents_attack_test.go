package registry_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"zonebox/registry"
)

// A consent is valid in the first second of its time and in the last, and neither
// before nor after.
func TestAConsentIsValidToTheSecond(t *testing.T) {
	w := granted(t)
	first := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, 24+2, 24+5)}, true)
	for _, c := range []struct {
		at    time.Duration
		want  []int
		until time.Duration // from first, 0 for good
	}{
		{2*time.Hour - time.Second, nil, 2 * time.Hour},
		{2 * time.Hour, []int{1}, 5 * time.Hour},
		{5*time.Hour - time.Nanosecond, []int{1}, 5 * time.Hour},
		{5 * time.Hour, nil, 0},
	} {
		w.clock.t = first.Add(c.at)
		got, until, err := w.valid()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("after %v: %v, %v, want %v", c.at, got, err, c.want)
		}
		if until.IsZero() != (c.until == 0) || !until.IsZero() && !until.Equal(first.Add(c.until)) {
			t.Errorf("after %v it is the same until %v, want %v later", c.at, until, c.until)
		}
	}
}

// Of a consent and a withdrawal in one second the withdrawal counts, whichever was
// first; a consent of the second after is a new one.
func TestAWithdrawalInTheVerySecondCounts(t *testing.T) {
	w := granted(t)
	w.clock.t = time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	w.unconsent(1, 2)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(1, 24, -1, 48), w.consentFrom(3, 24, -1, 48), w.consentFrom(4, 24, -1, 48)}, true)
	w.unconsent(3)
	after := w.consentFrom(2, 24, -1, 48)
	after.Given = after.Given.Add(time.Second)
	w.bring("second", []registry.SubjectConsent{after}, true)
	w.clock.t = w.clock.t.Add(time.Second)
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{2, 4}) {
		t.Errorf("consents: %v, %v, want 2 and 4", got, err)
	}
	if had := w.unconsent(3, 4); had != 1 {
		t.Errorf("%d had consented, want 1: the other withdrew in the second of its consent", had)
	}
}

// Who withdraws, consents anew and withdraws again has withdrawn, and a second
// withdrawal of what was withdrawn already takes nothing back: also to one who knows
// the first and reads what came since.
func TestWhoWithdrawsTwiceHasWithdrawn(t *testing.T) {
	w := granted(t)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9), w.consentFrom(2, -1, -1, 9)}, true)
	w.unconsent(1)
	known, err := w.ReadConsents(t.Context(), flu, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.t = w.clock.t.Add(2 * time.Hour)
	w.bring("anew", []registry.SubjectConsent{w.consentFrom(1, 1, -1, 9)}, true)
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("after it consented anew: %v, %v, want 1 and 2", got, err)
	}
	if had := w.unconsent(1); had != 1 {
		t.Errorf("%d had consented, want 1", had)
	}
	if had := w.unconsent(1); had != 0 {
		t.Errorf("a withdrawal in the same second is of %d, want 0", had)
	}
	for _, after := range []string{"the first withdrawal", "both", "another's"} {
		if known, err = w.ReadConsents(t.Context(), flu, known); err != nil {
			t.Fatal(err)
		}
		var got []byte
		known.Valid(w.clock.now(), func(s [16]byte) { got = append(got, s[0]) })
		if string(got) != "\x02" {
			t.Errorf("to one who read after %s: %v, want 2 alone", after, got)
		}
		w.unconsent(9) // who consented to nothing
		w.clock.t = w.clock.t.Add(time.Second)
	}
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{2}) {
		t.Errorf("read anew: %v, %v, want 2 alone", got, err)
	}
}

// Rows that were written stand for no others: what is copied, exchanged or put back
// so that all counts agree is found all the same.
func TestConsentsThatWereMovedAboutAreNone(t *testing.T) {
	const rebuilt = `CREATE TABLE other AS SELECT * FROM consent_withdrawals; DROP TABLE consent_withdrawals; ALTER TABLE other RENAME TO consent_withdrawals;`
	const one, two = `x'01000000000000000000000000000000'`, `x'02000000000000000000000000000000'`
	for _, c := range []struct {
		what, statement string
		knows           bool // found by one who knows the first batch and withdrawal alone
	}{
		{"another batch counts", `UPDATE consent_batches SET state = CASE state WHEN 'ACTIVE' THEN 'STAGED' ELSE 'ACTIVE' END WHERE name <> 'second'`, false},
		{"another batch has its id", `UPDATE consent_batches SET id = -id; UPDATE consent_batches SET id = id + 4`, false},
		{"a withdrawal twice for another's", rebuilt + `DELETE FROM consent_withdrawals WHERE subject = ` + two + `; INSERT INTO consent_withdrawals SELECT * FROM consent_withdrawals`, false},
		{"a made-up withdrawal of before for another's", `UPDATE consent_withdrawals SET subject = ` + one + `, at = at - 9999 WHERE subject = ` + two, true},
		{"a consent twice for another's", `CREATE TABLE other AS SELECT * FROM consents; DROP TABLE consents; ALTER TABLE other RENAME TO consents;
			DELETE FROM consents WHERE subject = ` + two + `; INSERT INTO consents SELECT * FROM consents WHERE subject = ` + one, false},
		{"a batch gone", `DELETE FROM consents WHERE batch = 1; DELETE FROM consent_batches WHERE id = 1`, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := granted(t)
			w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9), w.consentFrom(2, -1, -1, 9), w.consentFrom(5, -1, -1, 9)}, true)
			w.unconsent(1)
			known, err := w.ReadConsents(t.Context(), flu, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.t = w.clock.t.Add(time.Hour)
			w.unconsent(2)
			w.bring("second", []registry.SubjectConsent{w.consentFrom(6, -1, -1, 9)}, true)
			w.bring("staged", []registry.SubjectConsent{w.consentFrom(3, -1, -1, 9), w.consentFrom(4, -1, -1, 9), w.consentFrom(7, -1, -1, 9)}, false)
			if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{5, 6}) {
				t.Fatalf("before: %v, %v, want 5 and 6", got, err)
			}
			if _, err := raw(t, w.path).Exec(c.statement); err != nil {
				t.Fatal(err)
			}
			if !c.knows {
				known = nil
			}
			if r, err := w.ReadConsents(t.Context(), flu, known); !errors.Is(err, registry.ErrCorrupt) {
				var got []byte
				r.Valid(w.clock.now(), func(s [16]byte) { got = append(got, s[0]) })
				t.Errorf("consents: %v, %v, want ErrCorrupt", got, err)
			}
		})
	}
}

// A reading is of its scope and of its moment: a later one does not change it, and one
// of another scope has nothing of it.
func TestAReadingOfConsentsStays(t *testing.T) {
	w := granted(t)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(2, -1, -1, 9), w.consentFrom(3, -1, -1, 9)}, true)
	w.unconsent(9)
	known, err := w.ReadConsents(t.Context(), flu, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.bring("second", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9)}, true)
	w.unconsent(2)
	for scope, want := range map[registry.ConsentScope]string{flu: "\x01\x03", {Zone: "medical", Scenario: "cold"}: ""} {
		r, err := w.ReadConsents(t.Context(), scope, known)
		if err != nil {
			t.Fatal(err)
		}
		var got, before string
		r.Valid(w.clock.now(), func(s [16]byte) { got += string(s[0]) })
		known.Valid(w.clock.now(), func(s [16]byte) { before += string(s[0]) })
		if got != want || before != "\x02\x03" {
			t.Errorf("%s: %q, and before %q, want %q and 2 and 3", scope.Scenario, got, before, want)
		}
	}
}

// Whoever knows how the consents stood is not told that they stand as before that.
func TestConsentsAreNotPutBackBehindTheirReader(t *testing.T) {
	w := granted(t)
	w.bring("first", []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9), w.consentFrom(2, -1, -1, 9)}, true)
	db := raw(t, w.path)
	var before []byte
	if err := db.QueryRow(`SELECT body FROM consent_scopes`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	w.unconsent(1)
	known, err := w.ReadConsents(t.Context(), flu, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, statement string
		args            []any
	}{
		{"the state of before", `DELETE FROM consent_withdrawals; UPDATE consent_scopes SET body = ?`, []any{before}},
		{"no state", `DELETE FROM consent_scopes`, nil},
	} {
		if _, err := db.Exec(c.statement, c.args...); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ReadConsents(t.Context(), flu, known); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", c.what, err)
		}
	}
}

// What a broken batch left is no obstacle to bringing the same again; nothing is added
// to a batch that counts, and none is activated twice, or after another was begun.
func TestABatchOfConsentsIsActivatedOnce(t *testing.T) {
	w := granted(t)
	one := []registry.SubjectConsent{w.consentFrom(1, -1, -1, 9)}
	w.bring("broken", one, false)
	b := &registry.ConsentBatch{Name: "whole", Scope: flu, Digest: "whole", By: "dave", Org: "centre"}
	var added int64
	add := func(tx *registry.Tx) (err error) { added, err = tx.AddConsents(b, one); return err }
	activate := func(tx *registry.Tx) error { _, err := tx.ActivateConsents(b, added); return err }
	for _, step := range []struct {
		what string
		do   func(*registry.Tx) error
		want error
	}{
		{"begin", func(tx *registry.Tx) error { return tx.BeginConsents(b) }, nil},
		{"add", add, nil},
		{"activate", activate, nil},
		{"add to what counts", add, registry.ErrConflict},
		{"activate again", activate, registry.ErrConflict},
	} {
		if err := w.Update(t.Context(), step.do); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.what, err, step.want)
		}
	}
	if got, _, err := w.valid(); err != nil || !slices.Equal(got, []int{1}) {
		t.Errorf("consents: %v, %v, want 1", got, err)
	}
	late := &registry.ConsentBatch{Name: "late", Scope: flu, Digest: "late", By: "dave", Org: "centre"}
	for _, begun := range []*registry.ConsentBatch{late, {Name: "other", Scope: flu, Digest: "other", By: "dave", Org: "centre"}} {
		if err := w.Update(t.Context(), func(tx *registry.Tx) error { return tx.BeginConsents(begun) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Update(t.Context(), func(tx *registry.Tx) error { _, err := tx.ActivateConsents(late, 0); return err }); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("activated after another was begun: %v, want ErrConflict", err)
	}
}
