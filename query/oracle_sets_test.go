package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
)

// unionCatalog has columns that are masked in several ways, and one in the clear.
var unionCatalog = analysis.Catalog{Tables: []analysis.Table{
	{Name: "people", Personal: true, Entity: "id", K: 3, Columns: []analysis.Column{
		{Name: "id", Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "token", Token: true, Nullable: true, Granted: true},
		{Name: "mother", Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "token(base32,16)", Token: true, Nullable: true, Granted: true},
		{Name: "name", Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "partial(1,0)", Granted: true},
		{Name: "phone", Type: "string", Level: 4, Mode: analysis.Masked, Recipe: "partial(3,4)", Granted: true},
		{Name: "town", Type: "string", Level: 2, Mode: analysis.Clear, Granted: true},
		{Name: "born", Type: "date", Level: 2, Mode: analysis.Clear, Granted: true},
		{Name: "seen", Type: "timestamp", Level: 2, Mode: analysis.Clear, Granted: true},
		{Name: "pay", Type: "int64", Level: 3, Mode: analysis.ComputeOnly, Permissions: []string{"agg:sum"}},
		{Name: "job", Type: "string", Level: 3, Mode: analysis.ComputeOnly, Permissions: []string{"groupkey"}, PublicCodes: true, Granted: true},
	}},
	{Name: "towns", Columns: []analysis.Column{
		{Name: "name", Type: "string", Level: 1, Mode: analysis.Clear, Granted: true},
		{Name: "pay", Type: "int64", Level: 1, Mode: analysis.Clear, Granted: true},
	}},
}}

func unionStatement(t *testing.T, sql string) *analysis.Statement {
	t.Helper()
	tree, err := liveTree(t, liveSession(t, livePool(t, 1)), sql)
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	st, err := analysis.Analyze(sql, tree, unionCatalog, analysis.Options{})
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	return st
}

// What leaves of a union is looked for among the raw values if every part hands
// out a column masked in the same way. Had one part constants of the statement,
// or a list in the clear, the finding would tell who is in the register.
func TestAUnionIsBareWhereEveryPartIsMaskedAlike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql  string
		bare bool
	}{
		{"select name from people", true},
		{"select name from people union all select name from people", true},
		{"select n from (select name as n from people union all select name from people) q", true},
		{"select * from (select name as n from people union all select name from people) q union all select name from people", true},
		{"select id from people union all select mother from people", true}, // whatever form they leave in
		{"select name from people union all select phone from people", false},
		{"select name from people union all select 'Wang Wu'", false},
		{"select name from people union all values ('Wang Wu'), ('Li Si')", false},
		{"select name from people union all select name from towns", false},
		{"select name from people union all select upper(name) from people", false},
		{"select * from (select name as n from people union all select 'Wang Wu') q union all select name from people", false},
	} {
		if got := unionStatement(t, c.sql).Outputs[0].Bare; got != c.bare {
			t.Errorf("%s: bare %v, want %v", c.sql, got, c.bare)
		}
	}
}

// What an output's texts come from is told where it makes none: of a column as it is,
// or behind letter case and blanks, or chosen among columns and texts of the statement.
func TestAnOutputTellsWhereItsTextsComeFrom(t *testing.T) {
	for _, c := range []struct{ sql, texts string }{
		{"select name from people", "people.name"},
		{"select n from (select name as n from people) q", "people.name"},
		{"select upper(trim(name)) from people", "people.name"},
		{"select lower(rtrim(ltrim(name))) from people", "people.name"},
		{"select case when town = 'x' then name else 'Wang Wu' end from people", "people.name"},
		{"select case when name = 'x' then phone else name end from people", "people.phone people.name"},
		{"select case when phone = 'x' then 'a' else null end from people", ""},
		{"select coalesce(nullif(name, phone), 'Wang Wu') from people", "people.name"},
		{"select greatest(name, phone, 'a') from people", "people.name people.phone"},
		{"select name from people union all select upper(phone) from people", "people.name people.phone"},
		{"select name from people union all select 'Wang Wu'", "people.name"},
		{"select town, name from people group by town, name", "people.town"},
		{"select trim(name, 'W') from people", ""},
		{"select name || '' from people", ""},
		{"select left(name, 9) from people", ""},
		{"select case when town = 'x' then name else left(phone, 3) end from people", ""},
		{"select coalesce(name, 'a' || 'b') from people", ""},
		{"select name from people union all select 'a' || 'b'", ""},
		{"select cast(length(name) as varchar) from people", ""},
	} {
		var got []string
		for _, ref := range unionStatement(t, c.sql).Outputs[0].Texts {
			got = append(got, ref.Table+"."+ref.Column)
		}
		if texts := strings.Join(got, " "); texts != c.texts {
			t.Errorf("%s: texts of %q, want %q", c.sql, texts, c.texts)
		}
	}
}

// The form of a column is that of the rows in it that need most care.
func TestRowsInAUnionAreNoAggregate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, forms string }{
		{"select town, count(*) from people group by town union all select name, pay from towns", "clear aggregate"},
		{"select count(*)::varchar from people union all select name from people", "masked"},
		{"select count(*) from people union all select length(town) from people", "clear"},
		{"select id, count(*) from people group by id union all select id, count(*) from people group by id", "token aggregate"},
		{"select job from people group by job union all select name from towns", "group_label"},
		{"select job from people group by job union all select name from people", "masked"},
		{"select job from people group by job union all select town from people", "clear"},
	} {
		var got []string
		for _, o := range unionStatement(t, c.sql).Outputs {
			got = append(got, o.Form)
		}
		if forms := strings.Join(got, " "); forms != c.forms {
			t.Errorf("%s: %s, want %s", c.sql, forms, c.forms)
		}
	}
}

// A conversion that fails gives NULL, so that a converted column has a guard of
// its own though none of the parts' columns may be NULL.
func TestAConvertedColumnOfAUnionMayBeNull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql  string
		kind []string
	}{
		{"select count(m) from (select born as m from people union all select born from people) u", []string{"group", "group", "rows"}},
		{"select count(m) from (select born as m from people union all select seen from people) u", []string{"cell", "cell", "group", "group", "rows"}},
	} {
		var got []string
		for _, h := range unionStatement(t, c.sql).Hidden {
			got = append(got, h.Kind)
		}
		if !slices.Equal(got, c.kind) {
			t.Errorf("%s: counts %v, want %v", c.sql, got, c.kind)
		}
	}
}

// A query in an expression has tables of its own, whatever it calls them.
func TestAQueryInAnExpressionReadsItsOwnColumns(t *testing.T) {
	t.Parallel()
	st := unionStatement(t, "select p.town, count(*) from people p where exists (select p.pay from towns p) group by p.town")
	if got, want := fmt.Sprint(st.Scans), "[{people [town] true true []} {towns [pay] false false []}]"; got != want {
		t.Errorf("scans %v, want %v", got, want)
	}
}
