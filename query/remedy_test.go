package query_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// What explain offers instead of a refused statement passes when it is asked.
func TestWhatIsOfferedInsteadPasses(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1000}})
	offered := 0
	for i, s := range shapes {
		x, err := explain(t, d, querytest.Purpose, s.sql)
		if err != nil || x.Verdict != query.VerdictDeny {
			continue
		}
		if x.Instead == nil {
			continue
		}
		offered++
		if x.Instead.SQL == s.sql || x.Instead.Verdict == query.VerdictDeny {
			t.Errorf("%s\nis offered %+v", s.sql, x.Instead)
		}
		if i%2 > 0 {
			continue
		}
		_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, x.Instead.SQL)
		if e := query.AsError(err); err != nil && (e.Class == query.ClassDenied || e.Class == query.ClassUsage || e.Class == query.ClassFailure) {
			t.Errorf("%s\nis offered\n%s\nwhich gives %s", s.sql, x.Instead.SQL, querytest.Text(err))
		}
	}
	if offered < 30 {
		t.Errorf("%d of the refused statements are offered another, want at least 30", offered)
	}
}

func TestTheSmallestChangeThatPasses(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1000}})
	for _, c := range []struct{ sql, want string }{
		{"SELECT income FROM persons", "SELECT avg(income) FROM persons"},
		{"SELECT district, income FROM persons", "SELECT district, avg(income) FROM persons GROUP BY ALL"},
		{"SELECT name, income, adress FROM persons WHERE address LIKE '梧桐%' ORDER BY income", "SELECT name, avg(income) FROM persons GROUP BY ALL"},
		{"SELECT diagnosis FROM visits", "SELECT diagnosis FROM visits GROUP BY ALL"},
		{"SELECT * FROM persons", "SELECT * EXCLUDE (income) FROM persons"},
		{"SELECT districct, count(*) FROM persons GROUP BY districct", "SELECT district, count(*) FROM persons GROUP BY district"},
		{"SELECT district, count(*) FROM persons p JOIN visits v USING (id_number) GROUP BY district", ""},
		{"SELECT department, sum(cost / 100) FROM visits GROUP BY 1", "SELECT department, sum(cost) / 100 FROM visits GROUP BY 1"},
		{"SELECT department, max(cost) FROM visits GROUP BY department", "SELECT department, avg(cost) FROM visits GROUP BY department"},
		{"SELECT district, name FROM persons ORDER BY id_number, name", "SELECT district, name FROM persons ORDER BY name"},
		{"SELECT count(*) FROM persons WHERE district = '320102' AND address = '梧桐巷'", "SELECT count(*) FROM persons WHERE district = '320102'"},
		{"SELECT count(*) FROM (SELECT district FROM persons LIMIT 5) s", "SELECT count(*) FROM (SELECT district FROM persons) s"},
		{"SELECT count(*) FROM nothing_like_it", ""},
	} {
		x, err := explain(t, d, querytest.Purpose, c.sql)
		if err != nil || x.Verdict != query.VerdictDeny {
			t.Errorf("%s: %v, %+v, want it refused", c.sql, err, x)
			continue
		}
		got := ""
		if x.Instead != nil {
			got = x.Instead.SQL
		}
		if c.want != "" && got != c.want || c.sql == "SELECT count(*) FROM nothing_like_it" && got != "" {
			t.Errorf("%s\nis offered\n%s\nwant\n%s", c.sql, got, c.want)
		}
	}
	// Under another purpose nothing passes, and nothing is offered.
	if x, err := explain(t, d, "AD-TARGETING", "SELECT income FROM persons"); err != nil || x.Instead != nil {
		t.Errorf("under another purpose explain offers %+v, %v", x.Instead, err)
	}
}

// With the grants that explain says are lacking the statement passes, and without
// any one permission of them it does not.
func TestTheGrantsAskedForAreEnoughAndNeeded(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1000}})
	standing := map[string]string{}
	for _, doc := range strings.Split(mustRead(t, "querytest/city/grants.yaml"), "---\n") {
		standing[strings.TrimSpace(strings.Split(strings.SplitN(doc, "name: ", 2)[1], "\n")[0])] = doc
	}
	for _, c := range []struct{ sql, want string }{
		{"SELECT count(*) FROM persons WHERE income > 50000", "income COMPUTE_ONLY agg:avg agg:count cmp_lit:<"},
		{"SELECT district, sum(income) FROM persons GROUP BY district", "income COMPUTE_ONLY agg:avg agg:count agg:sum"},
		{"SELECT address FROM persons", "address MASKED partial(1,0)"},
		{"SELECT count(address) FROM persons", "address COMPUTE_ONLY agg:count"},
		{"SELECT department, cost FROM visits", "cost MASKED number(1000)"},
		{"SELECT hospital, note FROM beds", "note CLEAR"},
		{"SELECT diagnosis FROM visits WHERE visit_id = 'x'", "diagnosis MASKED partial(1,0) visit_id MASKED partial(1,0)"},
		{"SELECT max(income) FROM persons", ""},       // no grant permits it
		{"SELECT address, typo FROM persons", ""},     // grants alone do not help
		{"SELECT count(*) FROM persons", ""},          // nothing is lacking
		{"SELECT hospital, note, x FROM beds, y", ""}, // nothing is said of y
	} {
		x, err := explain(t, d, querytest.Purpose, c.sql)
		if err != nil {
			t.Fatalf("explain %s: %v", c.sql, err)
		}
		var got []string
		for _, g := range x.Grants {
			for _, col := range g.Columns {
				got = append(got, strings.TrimSpace(strings.Join(append([]string{col.Name, col.Mode, col.Recipe}, col.Permissions...), " ")))
			}
		}
		if text := strings.Join(strings.Fields(strings.Join(got, " ")), " "); text != c.want {
			t.Errorf("%s\nlacks %q, want %q", c.sql, text, c.want)
			continue
		}
		if c.want == "" {
			if x.Request != nil {
				t.Errorf("%s: a request of nothing: %+v", c.sql, x.Request)
			}
			continue
		}
		again, err := explain(t, d, querytest.Purpose, c.sql)
		if err != nil || !bytes.Equal(encoded(t, again.Request), encoded(t, x.Request)) {
			t.Errorf("%s: the data request differs from one explain to the next", c.sql)
		}
		spec, err := registry.SpecOf[registry.DataRequest](*x.Request)
		if err != nil {
			t.Fatal(err)
		}
		with := func(columns []registry.GrantColumn, dataset, grant string) string {
			d.Apply("sun.health", extended(t, standing[grant], columns))
			x, err := explain(t, d, querytest.Purpose, c.sql)
			if err != nil {
				t.Fatalf("explain %s: %v", c.sql, err)
			}
			return x.Verdict
		}
		for _, asked := range spec.Datasets {
			if v := with(asked.Columns, asked.Dataset, asked.Grant); v == query.VerdictDeny {
				t.Errorf("%s\nis refused under the grants that it lacks: %+v", c.sql, asked)
			}
			for i, col := range asked.Columns {
				for _, p := range col.Permissions {
					if strings.Contains(standing[asked.Grant], "name: "+col.Name+",") && strings.Contains(grantLine(standing[asked.Grant], col.Name), p) {
						continue // it has that one already
					}
					less := slices.Clone(asked.Columns)
					less[i].Permissions = slices.DeleteFunc(slices.Clone(col.Permissions), func(q string) bool { return q == p })
					if len(less[i].Permissions) == 0 {
						less = slices.Delete(less, i, i+1)
					}
					if v := with(less, asked.Dataset, asked.Grant); v != query.VerdictDeny {
						t.Errorf("%s\npasses without %s on %s", c.sql, p, col.Name)
					}
				}
			}
			d.Apply("sun.health", standing[asked.Grant])
		}
	}
}

// What no grant may give is not asked for.
func TestWhatMayNotBeGrantedIsNotAskedFor(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Explains: 1000}})
	persons, license := mustRead(t, "querytest/city/persons.yaml"), strings.Split(mustRead(t, "querytest/city/license.yaml"), "---\n")[0]
	asked := func() int {
		t.Helper()
		x, err := explain(t, d, querytest.Purpose, "SELECT address FROM persons")
		if err != nil || x.Verdict != query.VerdictDeny || (len(x.Grants) > 0) != (x.Request != nil) {
			t.Fatalf("%+v, %v", x, err)
		}
		return len(x.Grants)
	}
	for _, c := range []struct{ what, old, new string }{
		{"a dataset that must not be opened", "open_type: CONDITIONAL", "open_type: PROHIBITED\n  open_ground: PUBLIC_SAFETY"},
		{"a dataset that is not shared", "share_type: CONDITIONAL", "share_type: NONE"},
	} {
		if !strings.Contains(persons, c.old) {
			t.Fatalf("%s: the catalogue has no %q", c.what, c.old)
		}
		if n := asked(); n != 1 {
			t.Fatalf("before %s: %d grants asked for, want 1", c.what, n)
		}
		d.Apply("zheng.police", strings.Replace(persons, c.old, c.new, 1))
		if n := asked(); n != 0 {
			t.Errorf("%s is asked for", c.what)
		}
		d.Apply("zheng.police", strings.Replace(persons, "  status:", "  change_reason: "+c.what+"\n  status:", 1), "zheng.police", "sun.health")
	}
	d.Apply(querytest.Founder, strings.Replace(license, "datasets: [persons, visits, beds]", "datasets: [visits, beds]", 1), "sun.health", querytest.Founder, "li.op")
	if n := asked(); n != 0 {
		t.Error("a dataset outside the license is asked for")
	}
}

func grantLine(grant, column string) string {
	for line := range strings.Lines(grant) {
		if strings.Contains(line, "name: "+column+",") {
			return line
		}
	}
	return ""
}

// extended is a grant document with columns in place of those it has, or added.
func extended(t *testing.T, grant string, columns []registry.GrantColumn) string {
	t.Helper()
	for _, c := range columns {
		line := "    - " + string(encoded(t, c)) + "\n"
		if old := grantLine(grant, c.Name); old != "" {
			grant = strings.Replace(grant, old, line, 1)
		} else {
			grant = strings.TrimRight(grant, "\n") + "\n" + line
		}
	}
	return grant
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A data request is checked like any document, is loaded by the operator as the
// draft that explain wrote, is filed with its commitments only, and grants nothing.
func TestADataRequestIsADocumentThatGrantsNothing(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	x, err := explain(t, d, querytest.Purpose, "SELECT address FROM persons")
	if err != nil || x.Request == nil {
		t.Fatalf("%+v, %v", x, err)
	}
	draft := string(encoded(t, x.Request))
	for _, c := range []struct {
		what, old, new string
		good           bool
	}{
		{"a draft", "", "", true},
		{"filed without commitments", `"DRAFT"`, `"SUBMITTED"`, false},
		{"filed with commitments", `"status":"DRAFT","commitments":{"truthful":false,"compliant":false,"secure":false}`, `"status":"SUBMITTED","commitments":{"truthful":true,"compliant":true,"secure":true}`, true},
		{"a copy", "REQUEST_RESPONSE", "COPY", false},
		{"a mask without a recipe", `,"recipe":{"kind":"partial","keep_first":1}`, "", false},
		{"no column", draft[strings.Index(draft, `"columns":`):strings.Index(draft, `}],"from"`)], `"columns":[]`, false},
		{"a field more", `"access"`, `"note":"x","access"`, false},
	} {
		if !strings.Contains(draft, c.old) {
			t.Fatalf("%s: the draft has no %s: %s", c.what, c.old, draft)
		}
		if _, err := registry.Decode(strings.NewReader(strings.Replace(draft, c.old, c.new, 1))); (err == nil) != c.good {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	for _, by := range []string{"sun.health", "zheng.police", querytest.Founder, "wu.dc"} {
		if err := d.TryApply(by, draft); querytest.Code(err) != "DOCUMENT_REFUSED" {
			t.Errorf("%s applies a data request: %v", by, err)
		}
	}
	if err := d.TryApply("li.op", draft); err != nil {
		t.Fatalf("li.op applies the draft: %s", querytest.Text(err))
	}
	docs, err := d.Engine.Documents(t.Context(), d.Subject("li.op"), "datarequests", "")
	if err != nil || len(docs) != 1 || docs[0].Name != x.Request.Name {
		t.Errorf("li.op sees data requests %+v, %v: want %s", docs, err, x.Request.Name)
	}
	again, err := explain(t, d, querytest.Purpose, "SELECT address FROM persons")
	if err != nil || again.Verdict != query.VerdictDeny || !bytes.Equal(encoded(t, again.Request), encoded(t, x.Request)) {
		t.Errorf("with the request drawn up: %+v, %v: want what it was", again, err)
	}
}
