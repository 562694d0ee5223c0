package query_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// consentFile is a file of consents on its way.
type consentFile struct{ bytes.Buffer }

const (
	consentHeader = "subject,scenario,valid_from,valid_until,given_at,service_condition,evidence_kind,evidence_date,evidence_sha256\n"
	evidence      = "SIGNED_FORM,2026-10-01,5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
)

// consent adds a good consent, with some of its fields otherwise.
func (f *consentFile) consent(subject, scenario, from, until string) {
	f.row(subject, scenario, from, until, "2026-10-01", "false", evidence)
}

func (f *consentFile) row(fields ...string) {
	if f.Len() == 0 {
		f.WriteString(consentHeader)
	}
	f.WriteString(strings.Join(fields, ",") + "\n")
}

func (f *consentFile) digest() string {
	sum := sha256.Sum256(f.Bytes())
	return hex.EncodeToString(sum[:])
}

func bringConsents(t *testing.T, d *querytest.Domain, f *consentFile, scenario string) *query.ConsentReceipt {
	t.Helper()
	r, err := d.Engine.ImportConsents(t.Context(), d.Subject("wu.dc"), query.ConsentImport{Scenario: scenario, Format: "csv", SHA256: f.digest()}, query.Incoming{Data: bytes.NewReader(f.Bytes())})
	if err != nil {
		t.Fatalf("import consents: %s", querytest.Text(err))
	}
	return r
}

func withdraw(t *testing.T, d *querytest.Domain, scenario string, subjects ...string) *query.WithdrawalReceipt {
	t.Helper()
	file := []byte("subject\n" + strings.Join(subjects, "\n") + "\n")
	sum := sha256.Sum256(file)
	r, err := d.Engine.WithdrawConsents(t.Context(), d.Subject("wu.dc"), query.ConsentWithdrawal{Scenario: scenario, Format: "csv", SHA256: hex.EncodeToString(sum[:])}, query.Incoming{Data: bytes.NewReader(file)})
	if err != nil {
		t.Fatalf("withdraw consents: %s", querytest.Text(err))
	}
	return r
}

// byConsent makes the grant of persons one by consent, and grants persons by
// consent to a second scenario.
func byConsent(t *testing.T, d *querytest.Domain) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("querytest", "city", "grants.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "---\n")
	first = strings.Replace(first, "  columns:\n", "  basis: CONSENT\n  columns:\n", 1)
	d.Apply("sun.health", first)
	d.Apply(querytest.Founder, `
kind: Scenario
name: other-use
spec:
  license: medical-2026
  title: 另一场景
  purpose_code: MED-STAT
  purpose_class: COMMERCIAL
  output_forms: [dataset]
  recipients: [li.op]
  period: {from: "2026-01-01", until: "2030-12-31"}
`)
	second := strings.NewReplacer("persons-statistics", "persons-other", "scenario: outpatient-statistics", "scenario: other-use").Replace(first)
	d.Apply("sun.health", second)
}

const countPersons = "SELECT count(*) AS n FROM persons"

// thousand returns a register of 1,000 people, in four districts.
func thousand() querytest.Data {
	data := querytest.Registers()
	one := data.Persons.Rows
	data.Persons.Rows = nil
	for i := range 1000 {
		row := slices.Clone(one[i%len(one)])
		row[0] = fmt.Sprintf("3201021970%08d", i)
		row[data.Persons.Column("district")] = querytest.Districts[i%4]
		data.Persons.Rows = append(data.Persons.Rows, row)
	}
	return data
}

// A7: of 1,000 people 600 consented, 50 of whose consent is over, and 200 gave a
// blanket one, which is rejected. The scenario sees 550, another none; 540 when ten
// have withdrawn, and what is held from before waits for a reviewer again.
func TestAScenarioSeesThePeopleWhoConsented(t *testing.T) {
	t.Parallel()
	data := thousand()
	d := querytest.CityOf(t, querytest.Options{}, data)
	byConsent(t, d)
	if got := ask(t, d, querytest.Scenario, countPersons); got != "" {
		t.Errorf("before there is a consent: %q, want no group", got)
	}
	var f consentFile
	id := func(i int) string { return data.Persons.Rows[i][0] }
	for i := range 600 {
		until := "2027-12-31"
		if i < 50 {
			until = "2026-11-22" // the day before
		}
		f.consent(id(i), querytest.Scenario, "2026-10-01", until)
	}
	for i := 600; i < 800; i++ {
		f.consent(id(i), "*", "2026-10-01", "2027-12-31")
	}
	r := bringConsents(t, d, &f, querytest.Scenario)
	if r.Rows != 800 || r.Accepted != 600 || r.Added != 600 || r.Rejected != 200 || len(r.Reasons) != 1 || r.Reasons[0].Code != "CONSENT_BLANKET" ||
		r.Reasons[0].Rows != 200 || r.Reasons[0].First[0] != 601 {
		t.Errorf("receipt %+v, want 600 of 800 and 200 blanket ones from row 601 on", r)
	}
	if again := bringConsents(t, d, &f, querytest.Scenario); !again.Already || again.Version != r.Version {
		t.Errorf("the file again: %+v, want nothing done", again)
	}
	if got := ask(t, d, querytest.Scenario, countPersons); got != "550\n" {
		t.Errorf("the scenario sees %q, want 550", got)
	}
	if got := ask(t, d, "other-use", countPersons); got != "" {
		t.Errorf("another scenario sees %q, want nobody", got)
	}

	const records = "SELECT district, phone FROM persons ORDER BY phone LIMIT 30"
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, records)
	if querytest.Code(err) != "OUTPUT_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	held := querytest.RunOf(t, err)
	_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, records)
	approved := querytest.RunOf(t, err)
	d.Approve("sun.health", approved)
	d.Approve("zheng.police", approved)
	gone := reviewedRun(t, d, records)

	var leaving []string
	for i := 100; i < 110; i++ {
		leaving = append(leaving, id(i))
	}
	w := withdraw(t, d, querytest.Scenario, append(leaving, id(999))...)
	if w.Withdrawn != 10 || w.Unknown != 1 || !slices.Contains(w.Review, held) || !slices.Contains(w.Review, approved) || !slices.Contains(w.Released, gone) {
		t.Errorf("withdrawal %+v, want 10 and 1 unknown, %s and %s to review, %s released", w, held, approved, gone)
	}
	if got := ask(t, d, querytest.Scenario, countPersons); got != "540\n" {
		t.Errorf("the next query sees %q, want 540", got)
	}
	if detail, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), held); err != nil || detail.ConsentWithdrawn == nil || !detail.ConsentWithdrawn.Equal(w.At) {
		t.Errorf("Review() = %+v, %v, want it to say when consents were withdrawn", detail, err)
	}
	// Approved before, it does not leave; approved since, it does.
	if _, err := d.Resume("li.op", approved); querytest.Code(err) != "WITHHELD" || !slices.Contains(whyRefused(err), "CONSENT_WITHDRAWN") {
		t.Errorf("an output approved before the withdrawal: %q, want WITHHELD by CONSENT_WITHDRAWN", querytest.Code(err))
	}
	d.Approve("sun.health", held)
	d.Approve("zheng.police", held)
	if _, err := d.Resume("li.op", held); err != nil {
		t.Errorf("an output approved since the withdrawal: %s, want it released", querytest.Text(err))
	}
}

// reviewedRun asks, has both reviewers agree, and returns the run once it left.
func reviewedRun(t *testing.T, d *querytest.Domain, sql string) string {
	t.Helper()
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
	return reviewed(t, d, err).Run
}

// A consent counts on its days, in the zone's calendar, and not a moment longer.
func TestAConsentCountsOnItsDays(t *testing.T) {
	t.Parallel()
	data := thousand()
	d := querytest.CityOf(t, querytest.Options{}, data)
	byConsent(t, d)
	var f consentFile
	for i := range 40 { // 20 from tomorrow for a day, 20 today
		from, until := "2026-11-23", "2026-11-23"
		if i < 20 {
			from, until = "2026-11-24", "2026-11-24"
		}
		f.consent(data.Persons.Rows[i][0], querytest.Scenario, from, until)
	}
	for i := 40; i < 60; i++ {
		f.consent(data.Persons.Rows[i][0], querytest.Scenario, "2026-10-01", "2027-01-01")
	}
	bringConsents(t, d, &f, querytest.Scenario)
	midnight := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC) // in Nanjing
	for _, step := range []struct {
		at   time.Time
		want string
	}{
		{d.Now(), "40\n"}, {midnight.Add(-time.Minute), "40\n"}, {midnight.Add(time.Minute), "40\n"},
		{midnight.Add(24*time.Hour - time.Minute), "40\n"}, {midnight.Add(24*time.Hour + time.Minute), "20\n"},
	} {
		d.Advance(step.at.Sub(d.Now()))
		if got := ask(t, d, querytest.Scenario, countPersons); got != step.want {
			t.Errorf("at %v: %q, want %q", step.at, got, step.want)
		}
	}
	if got := ask(t, d, querytest.Scenario, "SELECT district, count(*) AS n FROM persons GROUP BY district"); got != "" {
		t.Errorf("by district %q, want no group: each has five people", got)
	}
}

// Each reason rejects its row and no other; the twin beside it is taken.
func TestConsentsThatAreNoneAreRejected(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	byConsent(t, d)
	good := []string{"1", querytest.Scenario, "2026-10-01", "2027-12-31", "2026-10-01", "false", "SIGNED_FORM", "2026-10-01", strings.Repeat("ab", 32)}
	var f consentFile
	var want []string
	add := func(code string, column int, value string) {
		row := slices.Clone(good)
		row[column] = value
		f.row(row...)
		want = append(want, code)
	}
	add("", 0, "1")
	add("CONSENT_NO_SUBJECT", 0, "")
	for _, s := range []string{"", "*", "all", "ALL", "全部场景", querytest.Scenario + ";other-use", "other-use " + querytest.Scenario, "outpatient-*", querytest.Scenario + "、other-use"} {
		add("CONSENT_BLANKET", 1, s)
	}
	add("CONSENT_SCENARIO_OTHER", 1, "other-use")
	add("CONSENT_SCENARIO_UNKNOWN", 1, "nothing")
	for _, s := range []string{"", "true", "yes", "FALSE", "0"} {
		add("CONSENT_FORCED", 5, s)
	}
	for _, column := range []int{2, 3, 4} {
		for _, s := range []string{"", "soon", "2026-02-30", "2026/10/01"} {
			add("CONSENT_UNDATED", column, s)
		}
	}
	add("CONSENT_PERIOD", 3, "2026-09-30")
	add("", 3, "2026-10-01")
	add("CONSENT_FUTURE", 4, "2026-11-24")
	add("", 4, "2026-11-23")
	add("", 4, "2026-11-23T09:00:00+08:00")
	add("CONSENT_FUTURE", 4, "2026-11-23T23:00:00+08:00")
	add("CONSENT_FUTURE", 7, "2026-11-24")
	for column, values := range map[int][]string{6: {"", "signed form", "x"}, 7: {"", "once"}, 8: {"", "00", strings.Repeat("AB", 32), strings.Repeat("zz", 32)}} {
		for _, s := range values {
			add("CONSENT_NO_EVIDENCE", column, s)
		}
	}
	r := bringConsents(t, d, &f, querytest.Scenario)
	got := make([]string, len(want))
	for _, reason := range r.Reasons {
		for _, row := range reason.First {
			got[row-1] += reason.Code
		}
	}
	for i, code := range want {
		if got[i] != code {
			t.Errorf("row %d is rejected for %q, want %q", i+1, got[i], code)
		}
	}
	if r.Accepted != 4 || r.Rejected != int64(len(want)-4) {
		t.Errorf("%d accepted and %d rejected, want 4 and %d", r.Accepted, r.Rejected, len(want)-4)
	}
}

// Where it is not known who consented nothing is answered, explained or released.
func TestConsentsThatCannotBeReadRefuse(t *testing.T) {
	t.Parallel()
	data := thousand()
	d := querytest.CityOf(t, querytest.Options{}, data)
	byConsent(t, d)
	var f consentFile
	for i := range 100 {
		f.consent(data.Persons.Rows[i][0], querytest.Scenario, "2026-10-01", "2027-12-31")
	}
	bringConsents(t, d, &f, querytest.Scenario)
	withdraw(t, d, querytest.Scenario, data.Persons.Rows[0][0])
	if got := ask(t, d, querytest.Scenario, countPersons); got != "99\n" {
		t.Fatalf("%q, want 99", got)
	}
	db, err := sql.Open("sqlite", filepath.Join(d.Config.Domain, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE consents SET evidence = x'00' WHERE subject = (SELECT min(subject) FROM consents)`); err != nil {
		t.Fatal(err)
	}
	d.Reopen() // else it knows who consented
	_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, countPersons)
	if !slices.Contains(whyRefused(err), "CONSENT_NOT_FILTERED") {
		t.Errorf("Answer() = %q, want it refused for CONSENT_NOT_FILTERED", querytest.Code(err))
	}
	var e *query.Error
	if !errors.As(err, &e) || e.Class != query.ClassDenied {
		t.Errorf("the refusal is of class %v, want denied", e)
	}
	if got := ask(t, d, querytest.Scenario, "SELECT district, count(*) AS n FROM visits GROUP BY district"); got == "" {
		t.Error("what is not by consent is not answered")
	}
}

// Whoever consented or withdrew stands nowhere on a disk, in no log and in no
// refusal.
func TestNobodyWhoConsentedIsOnAnyDisk(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	byConsent(t, d)
	const canary, second = "CANARY-7741-0451", "CANARY-7741-0452"
	var f consentFile
	f.consent(canary, querytest.Scenario, "2026-10-01", "2027-12-31")
	f.row(canary, "*", canary, canary, canary, canary, canary, canary, canary)
	r := bringConsents(t, d, &f, querytest.Scenario)
	withdraw(t, d, querytest.Scenario, canary, second)
	broken := append(slices.Clone(f.Bytes()), []byte(`"`+second)...)
	sum := sha256.Sum256(broken)
	_, err := d.Engine.ImportConsents(t.Context(), d.Subject("wu.dc"), query.ConsentImport{Scenario: querytest.Scenario, Format: "csv", SHA256: hex.EncodeToString(sum[:])}, query.Incoming{Data: bytes.NewReader(broken)})
	if err == nil {
		t.Error("a broken file is taken")
	}
	for _, name := range []string{canary, second} {
		if got := querytest.Found(t, name, d.Config.Domain, d.Config.Keys); len(got) != 0 {
			t.Errorf("%s is on disk: %v", name, got)
		}
		for what, text := range map[string]string{"the log": d.Log.String(), "the receipt": fmt.Sprintf("%+v", r), "the refusal": querytest.Text(err), "the audit log": fmt.Sprintf("%+v", d.Audit("feng.audit"))} {
			if strings.Contains(text, name) {
				t.Errorf("%s holds %s", what, name)
			}
		}
	}
}

// The cause of a withdrawal and of an import is in the log, by counts.
func TestConsentsAreInTheLog(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	byConsent(t, d)
	var f consentFile
	f.consent("1", querytest.Scenario, "2026-10-01", "2027-12-31")
	f.consent("2", "*", "2026-10-01", "2027-12-31")
	in := query.ConsentImport{Scenario: querytest.Scenario, Format: "csv", SHA256: f.digest(), DryRun: true}
	if r, err := d.Engine.ImportConsents(t.Context(), d.Subject("wu.dc"), in, query.Incoming{Data: bytes.NewReader(f.Bytes())}); err != nil || r.Accepted != 1 || r.Added != 0 || r.Version != 0 {
		t.Fatalf("a dry run: %+v, %v", r, err)
	}
	bringConsents(t, d, &f, querytest.Scenario)
	withdraw(t, d, querytest.Scenario, "1")
	var got []string
	for _, e := range d.Audit("feng.audit") {
		if strings.HasPrefix(e.Kind, "consents.") {
			got = append(got, fmt.Sprint(e.Kind, " ", e.Actor, " ", e.Scenario, " ", e.Fields["rows"], e.Fields["added"], e.Fields["rejected"], e.Fields["withdrawn"], " ", e.Fields["reasons"], " ", e.Fields["version"]))
		}
	}
	want := []string{
		"consents.tried wu.dc outpatient-statistics 201 CONSENT_BLANKET 1 0",
		"consents.imported wu.dc outpatient-statistics 211 CONSENT_BLANKET 1 1",
		"consents.withdrawn wu.dc outpatient-statistics 11  2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
