package query_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// edited returns the entry of a dataset as it is in force, unsigned, with its spec
// changed.
func edited(t *testing.T, d *querytest.Domain, dataset string, edit func(spec map[string]any)) registry.Document {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindDataset, dataset)
	if err != nil {
		t.Fatalf("read %s: %s", dataset, querytest.Text(err))
	}
	var doc registry.Document
	if err := json.Unmarshal(docs[0].Document, &doc); err != nil {
		t.Fatal(err)
	}
	var spec map[string]any
	if err := json.Unmarshal(doc.Spec, &spec); err != nil {
		t.Fatal(err)
	}
	edit(spec)
	if doc.Spec, err = json.Marshal(spec); err != nil {
		t.Fatal(err)
	}
	doc.Signatures = nil
	return doc
}

func text(t *testing.T, doc registry.Document) string {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// columnOf returns a column of a spec.
func columnOf(spec map[string]any, name string) map[string]any {
	for _, c := range spec["columns"].([]any) {
		if c := c.(map[string]any); c["name"] == name {
			return c
		}
	}
	return nil
}

// without takes a column out of a spec.
func without(spec map[string]any, name string) {
	spec["columns"] = slices.DeleteFunc(spec["columns"].([]any), func(c any) bool { return c.(map[string]any)["name"] == name })
}

// filesOf returns every file below a folder.
func filesOf(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A8, forbidden data and a quiet downgrade (NJ24 §2, §14; NJ19 §24; JM19 §35; YC22
// §18, §25), as one course: what must not be opened, is secret, on the negative list
// or without a level does not come in, leaves nothing on the disk and an entry in the
// log; between the approval of a query and its run nobody lowers a column from 3 to 2
// alone, by whatever name; and where provider and regulator do it with a reason, the
// query that was approved is void.
func TestForbiddenDataAndQuietDowngrade(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, recordsOfPersons)
	if querytest.Code(err) != "QUERY_IN_REVIEW" {
		t.Fatalf("ask: %s", querytest.Text(err))
	}
	run := querytest.RunOf(t, err)
	d.Approve("sun.health", run)

	forbidden(t, d)
	quiet(t, d)

	lower := edited(t, d, "persons", func(spec map[string]any) {
		columnOf(spec, "phone")["level"], spec["change_reason"] = 2, "复核后降级"
	})
	d.Apply("zheng.police", text(t, lower), "sun.health")
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics", `"scenario":`, ` "scenario":`))
	if _, err := d.Resume("li.op", run); !slices.Contains(whyRefused(err), "APPROVAL_VOID") {
		t.Errorf("approved before the column was lowered, run after: %s", querytest.Text(err))
	}
	detail, err := d.Engine.Review(t.Context(), d.Subject("li.op"), run)
	if err != nil || detail.State != "VOIDED" {
		t.Errorf("the run is %+v, %v, want VOIDED", detail, err)
	}
}

// forbidden delivers what must not come in: each is refused by its own code.
func forbidden(t *testing.T, d *querytest.Domain) {
	t.Helper()
	const canary = "金丝雀CANARY0808医院"
	table := querytest.Registers().Beds.Clone()
	table.Rows[0][table.Column("hospital")] = canary
	data := table.CSV()
	before := filesOf(t, filepath.Join(d.Config.Domain, "zones"))
	refusals := 0
	refused := func(what, dataset, code string) {
		t.Helper()
		m := querytest.Delivery("medical", dataset, "beds-statistics", data, len(table.Rows))
		m.SchemaSHA256 = d.Schema("beds")
		_, err := d.Engine.Load(t.Context(), d.Subject("wu.dc"), m, strings.NewReader(string(data)))
		if got := whyRefused(err); !slices.Contains(got, code) {
			t.Errorf("%s: %v, want %s", what, got, code)
		}
		refusals++
		var last query.AuditEntry
		n := 0
		for _, e := range d.Audit("feng.audit") {
			if e.Kind == "load.refused" {
				last, n = e, n+1
			}
		}
		if n != refusals || !strings.Contains(last.Fields["reasons"], code) || last.Fields["dataset"] != dataset {
			t.Errorf("%s: the log has %d refusals, the last %+v", what, n, last.Fields)
		}
		if after := filesOf(t, filepath.Join(d.Config.Domain, "zones")); !slices.Equal(before, after) {
			t.Errorf("%s: the store has other files", what)
		}
	}

	// Nobody catalogues a secret, or a column of which nobody said the level: without
	// an entry nothing is loaded (NJ24-02, NJ24-14).
	for _, c := range []struct {
		name, code string
		edit       func(spec map[string]any)
	}{
		{"secret_wards", registry.CodeForbidden, func(spec map[string]any) { columnOf(spec, "beds")["secret_flag"] = true }},
		{"unset_wards", registry.CodeSchema, func(spec map[string]any) { delete(columnOf(spec, "beds"), "level") }},
	} {
		entry := edited(t, d, "beds", func(spec map[string]any) {
			spec["title"], spec["columns"] = "病区", []any{columnOf(spec, "beds")}
			c.edit(spec)
		})
		entry.Name = c.name
		signed := entry
		signed.Sign("qian.hospital", d.Key("qian.hospital").Private(), d.Now())
		signed.Sign(querytest.Founder, d.Key(querytest.Founder).Private(), d.Now())
		if _, err := d.Engine.Apply(t.Context(), d.Subject("qian.hospital"), strings.NewReader(text(t, signed))); !slices.Contains(whyRefused(err), c.code) {
			t.Errorf("an entry of %s: %s, want %s", c.name, querytest.Text(err), c.code)
		}
		moved(t, d, "qian.hospital", c.name, "draft", document(entry))
		if _, err := move(t, d, "qian.hospital", c.name, "submit"); !slices.Contains(whyRefused(err), c.code) {
			t.Errorf("%s submitted: %s, want %s", c.name, querytest.Text(err), c.code)
		}
		moved(t, d, "qian.hospital", c.name, "withdraw")
		refused(c.name, c.name, "LOAD_REFUSED")
	}

	// What is listed, or must not be opened, is refused whatever was granted.
	listed := func(item, why string) {
		t.Helper()
		d.Apply(querytest.Founder, strings.Replace(listed(item), "title:", "change_reason: "+why+"\n  title:", 1), querytest.Founder, "sun.health")
	}
	listed("dataset: beds", "列入")
	refused("a listed dataset", "beds", "DATASET_NEGATIVE_LISTED")
	listed("dataset: beds, column: OPENED", "改列一列")
	refused("a listed column", "beds", "COLUMN_NEGATIVE_LISTED")
	listed("class: region", "改列类别")
	refused("a listed class", "beds", "COLUMN_NEGATIVE_LISTED")
	listed("dataset: nothing", "复核后移出")
	open := edited(t, d, "beds", func(map[string]any) {})
	shut := edited(t, d, "beds", func(spec map[string]any) {
		spec["open_type"], spec["open_reason"], spec["open_ground"] = "PROHIBITED", "不予开放", "PUBLIC_SAFETY"
	})
	d.Apply("qian.hospital", text(t, shut))
	refused("what must not be opened", "beds", "DATASET_PROHIBITED")
	if err := d.TryApply("qian.hospital", text(t, open)); !slices.Contains(whyRefused(err), registry.CodeProtect) {
		t.Errorf("opened again by the provider alone: %s", querytest.Text(err))
	}
	if where := querytest.Found(t, canary, d.Config.Domain, d.Config.Keys); len(where) > 0 {
		t.Errorf("a value of a refused delivery is on the disk: %v", where)
	}
}

// quiet tries to lower a column from 3 to 2 without the regulator.
func quiet(t *testing.T, d *querytest.Domain) {
	t.Helper()
	const reason = "复核后降级"
	lower := func(spec map[string]any) { columnOf(spec, "phone")["level"] = 2 }
	for _, c := range []struct {
		name string
		edit func(spec map[string]any)
	}{
		{"alone", lower},
		{"with another class", func(spec map[string]any) { lower(spec); columnOf(spec, "phone")["class"] = "region" }},
		{"under another name", func(spec map[string]any) { lower(spec); columnOf(spec, "phone")["name"] = "mobile" }},
		{"under another name, title and type", func(spec map[string]any) {
			lower(spec)
			c := columnOf(spec, "phone")
			c["name"], c["title"], c["type"] = "num", "编号", "int64"
		}},
		{"with the name of another column", func(spec map[string]any) {
			phone, district := columnOf(spec, "phone"), columnOf(spec, "district")
			phone["name"], district["name"] = "district", "phone"
		}},
		{"with the title of another column", func(spec map[string]any) {
			phone, district := columnOf(spec, "phone"), columnOf(spec, "district")
			phone["title"], district["title"] = district["title"], phone["title"]
		}},
	} {
		entry := edited(t, d, "persons", func(spec map[string]any) { c.edit(spec); spec["change_reason"] = reason })
		if err := d.TryApply("zheng.police", text(t, entry)); !slices.Contains(whyRefused(err), registry.CodeProtect) {
			t.Errorf("lowered %s: %s", c.name, querytest.Text(err))
		}
		bare := edited(t, d, "persons", c.edit)
		if err := d.TryApply("zheng.police", text(t, bare), "sun.health"); !slices.Contains(whyRefused(err), registry.CodeProtect) {
			t.Errorf("lowered %s, by two without a reason: %s", c.name, querytest.Text(err))
		}
	}
	again := edited(t, d, "persons", func(spec map[string]any) {
		lower(spec)
		spec["title"], spec["entity"] = "居民信息", map[string]any{"column": "name", "kind": "person"}
	})
	again.Name = "residents"
	if err := d.TryApply("zheng.police", text(t, again)); !slices.Contains(whyRefused(err), "ENTRY_DUPLICATE") {
		t.Errorf("lowered as another dataset: %s", querytest.Text(err))
	}
	moved(t, d, "zheng.police", "residents", "draft", document(again))
	moved(t, d, "zheng.police", "residents", "submit")
	if _, err := move(t, d, querytest.Founder, "residents", "approve"); querytest.Code(err) != "ENTRY_DUPLICATE" {
		t.Errorf("lowered as another dataset, by the course: %s", querytest.Text(err))
	}
	moved(t, d, "zheng.police", "residents", "withdraw")

	// Taken out it is gone for all; put back it is what it was.
	out := edited(t, d, "visits", func(spec map[string]any) { without(spec, "cost") })
	d.Apply("qian.hospital", text(t, out))
	for _, name := range []string{"cost", "expense"} {
		back := edited(t, d, "visits", func(spec map[string]any) {
			c := map[string]any{"name": name, "type": "float64", "level": 2, "class": "economy", "personal_info": false, "secret_flag": false, "nullable": true}
			spec["columns"], spec["change_reason"] = append(spec["columns"].([]any), c), reason
		})
		if err := d.TryApply("qian.hospital", text(t, back)); !slices.Contains(whyRefused(err), registry.CodeProtect) {
			t.Errorf("taken out and put back as %s: %s", name, querytest.Text(err))
		}
	}
}

// Data that carry no personal information and touch no public safety, as their
// provider says of both, leave by themselves; of any other a person looks at what
// leaves, also where they are read beside such, and also where the provider says so
// only after the statement was decided on (NJ24-16).
func TestOnlyHarmlessDataLeaveByThemselves(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	const rows, count, join = "SELECT hospital, beds FROM beds ORDER BY hospital", "SELECT count(*) AS n FROM beds",
		"SELECT b.district, count(*) AS n FROM beds b JOIN persons p ON p.district = b.district GROUP BY b.district"
	for _, sql := range []string{rows, count, join} {
		if c := code(d, sql); c != "" {
			t.Errorf("%s = %s, want it answered", sql, c)
		}
	}
	touches := func(is bool) {
		d.Apply("qian.hospital", text(t, edited(t, d, "beds", func(spec map[string]any) {
			spec["public_safety"], spec["change_reason"] = is, fmt.Sprintf("复核后影响公共安全为 %v", is)
		})), querytest.Founder, "sun.health")
		d.Apply("sun.health", changed(t, d, registry.KindGrant, "beds-statistics", `"scenario":`, ` "scenario":`))
	}
	_, err := query.Walk(t.Context(), d.Engine, query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: rows},
		func(step string) {
			if step == "decide" {
				touches(true)
			}
		})
	if err == nil {
		t.Error("decided on while it was harmless, it left after it was not")
	}
	for _, sql := range []string{rows, count, join} {
		if c := code(d, sql); c != "OUTPUT_IN_REVIEW" {
			t.Errorf("%s = %q, want somebody to look at it", sql, c)
		}
	}
	if c := code(d, "SELECT count(*) AS n FROM persons"); c != "" {
		t.Errorf("other data = %s, want them answered as before", c)
	}
	touches(false)
	if c := code(d, rows); c != "" {
		t.Errorf("harmless again = %s", c)
	}
}
