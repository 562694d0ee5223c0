package api

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
)

// seen is what each person finds in the lists, by route and the field that names it;
// "*" are all persons that are not named.
var seen = []struct {
	method, uri, body, field string
	want                     map[string]string
}{
	{"GET", "/v1/documents/dataset", "", "name", map[string]string{"*": "beds ledgers persons taxes visits", "li.op": "beds persons visits", "jin.op": "taxes"}},
	{"GET", "/v1/documents/zone", "", "name", map[string]string{"*": "finance medical", "li.op": "medical", "jin.op": "finance"}},
	{"GET", "/v1/documents/license", "", "name", map[string]string{"*": "finance-2026 medical-2026", "li.op": "medical-2026", "jin.op": "finance-2026"}},
	{"GET", "/v1/documents/grant", "", "name", map[string]string{"*": "beds-statistics persons-statistics visits-statistics", "jin.op": ""}},
	{"GET", "/v1/documents/person", "", "name", map[string]string{"*": "feng.audit gu.finance he.sec jin.op li.op qian.hospital sun.health tian.tax wu.dc zhao.city zheng.police",
		"sun.health": "sun.health", "gu.finance": "gu.finance", "zheng.police": "zheng.police", "qian.hospital": "qian.hospital", "wu.dc": "wu.dc", "he.sec": "he.sec", "li.op": "li.op", "jin.op": "jin.op"}},
	{"GET", "/v1/documents/qualityrules", "", "name", map[string]string{"*": "persons", "gu.finance": "", "qian.hospital": "", "li.op": "", "jin.op": ""}},
	{"GET", "/v1/pending", "", "name", map[string]string{"*": "later", "li.op": "", "jin.op": ""}},
	{"GET", "/v1/catalogue", "", "name", map[string]string{"*": "beds ledgers persons taxes visits", "zhao.city": "beds ledgers persons taxes visits wards", "sun.health": "beds ledgers persons taxes visits wards",
		"qian.hospital": "beds ledgers persons taxes visits wards", "he.sec": "beds ledgers persons taxes visits wards", "feng.audit": "beds ledgers persons taxes visits wards",
		"li.op": "beds persons visits", "jin.op": "taxes"}},
	{"GET", "/v1/quality", "", "dataset", map[string]string{"*": "beds ledgers persons taxes visits", "sun.health": "beds ledgers persons visits", "gu.finance": "taxes",
		"zheng.police": "persons", "qian.hospital": "beds ledgers visits", "li.op": "", "jin.op": ""}},
	{"POST", "/v1/versions", "{}", "dataset", map[string]string{"*": "beds persons visits", "gu.finance": "", "zheng.police": "persons", "qian.hospital": "beds visits", "li.op": "role", "jin.op": "role"}},
	{"GET", "/v1/alerts", "", "rule", map[string]string{"*": "", "zhao.city": "probing", "sun.health": "probing", "he.sec": "probing"}},
	{"GET", "/v1/tickets", "", "dataset", map[string]string{"*": "persons", "gu.finance": "", "qian.hospital": "", "jin.op": ""}},
	{"GET", "/v1/contacts", "", "person", map[string]string{"zhao.city": "feng.audit gu.finance he.sec jin.op li.op qian.hospital sun.health wu.dc zhao.city zheng.police",
		"feng.audit": "feng.audit gu.finance he.sec jin.op li.op qian.hospital sun.health wu.dc zhao.city zheng.police", "sun.health": "sun.health", "gu.finance": "gu.finance",
		"zheng.police": "zheng.police", "qian.hospital": "qian.hospital", "wu.dc": "wu.dc", "he.sec": "he.sec", "li.op": "li.op", "jin.op": "jin.op"}},
	{"GET", "/v1/api-keys", "", "person", map[string]string{"*": "", "zhao.city": "li.op", "feng.audit": "li.op", "li.op": "li.op"}},
	{"GET", "/v1/loads", "", "dataset", map[string]string{"*": "beds", "gu.finance": "", "zheng.police": "role", "qian.hospital": "role", "li.op": "role", "jin.op": "role"}},
	{"GET", "/v1/reviews", "", "zone", map[string]string{"*": "", "sun.health": "medical"}},
	{"GET", "/v1/shreds", "", "dataset", map[string]string{"*": "beds", "gu.finance": "", "zheng.police": "role", "qian.hospital": "role", "li.op": "role", "jin.op": "role"}},
	{"GET", "/v1/audit?limit=1000", "", "zone", map[string]string{"*": "", "zhao.city": "finance medical", "sun.health": "medical", "gu.finance": "finance", "he.sec": "finance medical", "feng.audit": "finance medical",
		"zheng.police": "medical", "qian.hospital": "medical", "wu.dc": "medical", "li.op": "medical"}},
	{"GET", "/v1/catalogue-exports/all/json", "", "name", map[string]string{"*": "beds persons taxes visits", "li.op": "beds persons visits", "jin.op": "taxes"}},
}

// whoFindsWhatInAList: a list has what its reader may see, and nothing of others.
func whoFindsWhatInAList(t *testing.T, w *world) {
	for _, c := range seen {
		for _, person := range persons {
			want, named := c.want[person]
			if !named {
				want = c.want["*"]
			}
			got := w.ask(t, person, c.method, c.uri, c.body)
			if got == "ok" {
				got = strings.Join(w.found(t, c.field), " ")
			}
			if got != want {
				t.Errorf("%s %s as %s = %q, want %q", c.method, c.uri, person, got, want)
			}
		}
	}
	// What rows are, and who loaded them, is told to few.
	for person, raw := range map[string]bool{"sun.health": false, "zheng.police": true} {
		var p query.Preview
		if got := w.ask(t, person, "POST", "/v1/previews", `{"grant":"persons-statistics"}`); got != "ok" || json.Unmarshal(w.last, &p) != nil || len(p.Columns) == 0 {
			t.Fatalf("preview as %s = %s", person, got)
		}
		for _, col := range p.Columns {
			if p.Raw != raw || (len(col.Before) > 0) != raw {
				t.Errorf("column %s as %s: %d values as they are, want some: %v", col.Name, person, len(col.Before), raw)
			}
		}
	}
	for person, want := range map[string]bool{"zheng.police": true, "wu.dc": true, "sun.health": true, "li.op": false} {
		var ticket query.Ticket
		if got := w.ask(t, person, "GET", "/v1/tickets/"+w.names["TICKET"], ""); got != "ok" || json.Unmarshal(w.last, &ticket) != nil || (len(ticket.Links) > 0) != want {
			t.Errorf("ticket as %s = %s with %d links, want some: %v", person, got, len(ticket.Links), want)
		}
	}
	// A provider may doubt the data of another; what lies in them it is not told.
	var ticket query.Ticket
	if got := w.ask(t, "qian.hospital", "POST", "/v1/tickets", `{"dataset":"persons","text":"x"}`); got != "ok" || json.Unmarshal(w.last, &ticket) != nil || len(ticket.Links) > 0 {
		t.Errorf("ticket on another provider's data = %s with %d links, want none", got, len(ticket.Links))
	}
}

// found returns the values of a field in the last answer, each once, sorted.
func (w *world) found(t *testing.T, field string) []string {
	t.Helper()
	var answer any
	if err := json.Unmarshal(w.last, &answer); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if text, ok := v[field].(string); ok && text != "" {
				all[text] = true
				return
			}
			if text, ok := v["content"].(string); ok { // an export
				content, err := base64.StdEncoding.DecodeString(text)
				if err != nil || json.Unmarshal(content, &answer) != nil {
					t.Fatalf("content %q", text)
				}
				walk(answer)
				return
			}
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(answer)
	return slices.Sorted(maps.Keys(all))
}
