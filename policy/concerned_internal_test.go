package policy

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"
)

// A decision is the same whether or not the facts hold what the statement has
// nothing to do with: over every denial of the suite's query, among entries of
// datasets that nobody asks about.
func TestWhatAStatementDoesNotConcernDecidesNothing(t *testing.T) {
	e, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/query.json")
	if err != nil {
		t.Fatal(err)
	}
	read := func() Input {
		var in Input
		if err := json.Unmarshal(text, &in); err != nil {
			t.Fatal(err)
		}
		return in
	}
	yes := true
	for _, c := range []struct {
		name   string
		change func(*Input)
	}{
		{"as it is", func(*Input) {}},
		{"a level unset elsewhere", func(in *Input) {
			in.Columns["other.a"] = Column{Dataset: "other", Name: "a", SecretFlag: &yes, PersonalInfo: &yes, NegativeListed: &yes, Suspended: &yes}
		}},
		{"a column not granted", func(in *Input) { in.Query.ColumnsRead = append(in.Query.ColumnsRead, "other.b") }},
		{"a column of a table not named", func(in *Input) { in.Query.Tables = in.Query.Tables[:1] }},
		{"a column nobody knows", func(in *Input) { in.Query.FilterCols = append(in.Query.FilterCols, "no.such") }},
		{"a table nobody knows", func(in *Input) { in.Query.Tables = append(in.Query.Tables, "no_such") }},
		{"a secret dataset elsewhere", func(in *Input) { d := in.Datasets["other"]; d.SecretFlag = &yes; in.Datasets["other"] = d }},
		{"a secret dataset", func(in *Input) {
			in.Query.Tables = append(in.Query.Tables, "other")
			d := in.Datasets["other"]
			d.SecretFlag = &yes
			in.Datasets["other"] = d
		}},
		{"a condition on a grant elsewhere", func(in *Input) { in.Grants[len(in.Grants)-1].Conditions = []string{"dance"} }},
		{"an ended grant", func(in *Input) { in.Grants[0].Until = "2020-01-01" }},
	} {
		in := read()
		in.Datasets["other"], in.Columns["other.b"] = in.Datasets[in.Query.Tables[0]], Column{Dataset: "other", Name: "b", Level: 2, Class: "x", SecretFlag: new(bool), PersonalInfo: new(bool), NegativeListed: new(bool), Suspended: new(bool)}
		g := in.Grants[0]
		g.ID, g.Dataset, g.Columns = "elsewhere", "other", []GrantColumn{{Name: "z", Mode: "CLEAR"}}
		in.Grants = append(slices.Clone(in.Grants), g)
		c.change(&in)
		if in.Now.IsZero() {
			in.Now = time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC)
		}
		in.Capabilities = Capabilities()
		whole, err := json.Marshal(document{Input: in, Binding: e.Binding(in)})
		if err != nil {
			t.Fatal(err)
		}
		want, err := e.decide(t.Context(), whole, Input{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got.ID, got.InputSHA256, want.ID, want.InputSHA256 = "", "", "", ""
		x, _ := json.Marshal(got)
		y, _ := json.Marshal(want)
		if string(x) != string(y) {
			t.Errorf("%s: with what it concerns\n%s\nwith everything\n%s", c.name, x, y)
		}
	}
}
