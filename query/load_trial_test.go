package query_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

func TestTryLoad(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	t.Run("a trial says what a load would say and keeps nothing", func(t *testing.T) { trialsKeepNothing(t, d.In(t)) })
	t.Run("only the data centre tries", func(t *testing.T) { onlyTheDataCentreTries(t, d.In(t)) })
	t.Run("a delivery that is in use is compared and not loaded again", func(t *testing.T) { alreadyLoaded(t, d.In(t)) })
}

// trialsKeepNothing: the verdict of a trial is that of the load after it, with all
// its reasons; the dataset and the store are as before, and there is an entry.
func trialsKeepNothing(t *testing.T, d *querytest.Domain) {
	t.Helper()
	data := querytest.Registers().Persons.Clone()
	data.Rows = data.Rows[:150]
	file := data.CSV()
	before := personsState(t, d)
	entries := len(d.Audit("feng.audit"))
	for i, c := range []struct {
		name    string
		change  func(*query.Manifest)
		verdict string
		codes   []string
	}{
		{"as declared", func(*query.Manifest) {}, query.TrialLoad, nil},
		{"another count and digest", func(m *query.Manifest) { m.Rows, m.SHA256 = 149, strings.Repeat("ab", 32) }, query.TrialRefused, []string{"LOAD_DIGEST", "LOAD_ROWS"}},
		{"a grant nobody gave", func(m *query.Manifest) { m.Grant = "nobody-gave-it" }, query.TrialRefused, []string{"LOAD_REFUSED"}},
		{"another encoding", func(m *query.Manifest) { m.Encoding = "utf-16le" }, query.TrialRefused, []string{"LOAD_REFUSED"}},
		{"a day to come, other columns", func(m *query.Manifest) { m.Acquired, m.SchemaSHA256 = "2199-01-01", strings.Repeat("ab", 32) }, query.TrialRefused,
			[]string{"LOAD_FUTURE", "LOAD_SCHEMA"}},
	} {
		m := d.Delivery("medical", "persons", "persons-statistics", file, 150)
		c.change(&m)
		out := d.Trial("wu.dc", m, file)
		var codes []string
		for _, r := range out.Reasons {
			codes = append(codes, r.Code)
		}
		slices.Sort(codes)
		if out.Verdict != c.verdict || !slices.Equal(codes, c.codes) {
			t.Errorf("%s: %s for %v, want %s for %v", c.name, out.Verdict, codes, c.verdict, c.codes)
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range data.Rows[9][:4] {
			if bytes.Contains(text, []byte(value)) {
				t.Errorf("%s: the report holds a value of the file", c.name)
			}
		}
		tried := slices.DeleteFunc(d.Audit("feng.audit")[entries:], func(e query.AuditEntry) bool { return e.Kind != "load.tried" })
		if len(tried) != i+1 || tried[i].Fields["verdict"] != c.verdict || tried[i].Fields["reasons"] != strings.Join(trialCodes(out), ", ") {
			t.Errorf("%s: its entry is %v", c.name, tried)
		}
		if c.verdict != query.TrialLoad {
			if _, err := d.TryLoad("wu.dc", m, file); err == nil {
				t.Errorf("%s: it was loaded after all", c.name)
			}
			continue
		}
		if out.Rows != 150 || out.Columns != 7 || out.Bytes != int64(len(file)) || out.Needed <= 0 || out.Free <= out.Needed || out.Quality == nil || len(out.Responsible) == 0 {
			t.Errorf("%s: the report is %s", c.name, text)
		}
	}
	after := personsState(t, d)
	if after.version != before.version || after.answer != before.answer || !maps.Equal(after.files, before.files) {
		t.Errorf("after trials the dataset is %s with\n%s and %d files, want %s with\n%s and %d", after.version, after.answer, len(after.files),
			before.version, before.answer, len(before.files))
	}
}

func trialCodes(out *query.LoadTrial) (codes []string) {
	for _, r := range out.Reasons {
		codes = append(codes, r.Code)
	}
	return codes
}

func onlyTheDataCentreTries(t *testing.T, d *querytest.Domain) {
	t.Helper()
	file := querytest.Registers().Persons.CSV()
	m := d.Delivery("medical", "persons", "persons-statistics", file, 200)
	for _, user := range []string{"li.op", "zheng.police", "sun.health", "feng.audit", querytest.Founder} {
		if out, err := d.Engine.TryLoad(t.Context(), d.Subject(user), m, bytes.NewReader(file)); querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("%s trying: %+v, %v; want ROLE_REQUIRED", user, out, err)
		}
	}
}

// alreadyLoaded: the very delivery that is in use makes no version, but only if the
// file is the one that the manifest speaks of.
func alreadyLoaded(t *testing.T, d *querytest.Domain) {
	t.Helper()
	file := querytest.Registers().Beds.CSV()
	m := d.Delivery("medical", "beds", "beds-statistics", file, len(querytest.Registers().Beds.Rows))
	first := d.Load("wu.dc", m, file) // as the city was founded, or its first
	again := d.Load("wu.dc", m, file)
	if !again.Already || again.Version != first.Version || again.Rows != first.Rows {
		t.Errorf("the same delivery again: %+v, want version %s already there", again, first.Version)
	}
	if out := d.Trial("wu.dc", m, file); out.Verdict != query.TrialAlready {
		t.Errorf("a trial of it: %s, want %s", out.Verdict, query.TrialAlready)
	}
	other := bytes.Replace(file, []byte("\n"), []byte("\n\n"), 1)
	if _, err := d.TryLoad("wu.dc", m, other); querytest.Code(err) != "LOAD_DIGEST" {
		t.Errorf("another file under the manifest of the one in use: %v, want LOAD_DIGEST", err)
	}
	wrong := m
	wrong.Rows++
	if _, err := d.TryLoad("wu.dc", wrong, file); querytest.Code(err) != "LOAD_ROWS" {
		t.Errorf("the same file with another count: %v, want LOAD_ROWS", err)
	}
	later := m
	later.Acquired = "2026-11-05"
	if r, err := d.TryLoad("wu.dc", later, file); err != nil || r.Already || r.Version == first.Version {
		t.Errorf("the same file of another day: %s, %v; want a version of its own", fmt.Sprint(r), err)
	}
}
