package analysis_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/query/ast"
)

func allowed(t *testing.T, sql string) *analysis.Statement {
	t.Helper()
	st, err := analyze(t, trees(t), sql, catalog(t))
	if err != nil {
		t.Fatalf("%s: %s", sql, show(sql, err))
	}
	return st
}

func TestOutputsTellTheirForm(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"select diagnosis, count(*) from visits group by diagnosis", "diagnosis VARCHAR group_label 3; count(*) BIGINT aggregate 3"},
		{"select name, cost from visits order by cost", "name VARCHAR masked 4; cost DOUBLE clear 2"},
		{"select id_number from visits", "id_number VARCHAR token 4"},
		{"select district, age_band, count(*) from visits group by all", "district VARCHAR clear 3; age_band VARCHAR masked 3; count(*) BIGINT aggregate 3"},
		{"select count(*) from visits where income > 5", "count(*) BIGINT aggregate 3"},
		{"select 1 from visits group by all", "1 INTEGER constant 0"},
	} {
		var got []string
		for _, o := range allowed(t, c.sql).Outputs {
			got = append(got, fmt.Sprintf("%s %s %s %d", o.Name, o.Type, o.Form, o.MaxLevel))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: outputs %s, want %s", c.sql, s, c.want)
		}
	}
}

// A count inherits what decided its rows, though no value of it is in the count.
func TestCountsInheritTheirConditions(t *testing.T) {
	o := allowed(t, "select count(*) from visits where income > 5").Outputs[0]
	if want := []analysis.Ref{{Table: "visits", Column: "income"}}; !reflect.DeepEqual(o.Control, want) || len(o.Lineage) != 0 {
		t.Errorf("lineage %v, control %v, want none and %v", o.Lineage, o.Control, want)
	}
}

func TestOutputsTellTheirPath(t *testing.T) {
	o := allowed(t, "with c as (select income as x from visits) select avg(x) from c").Outputs[0]
	if want := []string{"avg(x)", "c.x", "visits.income"}; !slices.Equal(o.Path, want) {
		t.Errorf("path %v, want %v", o.Path, want)
	}
}

func TestTheGateGetsTheCountsAndTheLimit(t *testing.T) {
	st := allowed(t, "select sum(income), avg(income), count(income) from visits")
	want := []analysis.Hidden{
		{Name: "__c1", Kind: "cell", Table: "visits", K: 3, Output: 0, Column: 1},
		{Name: "__c2", Kind: "cell", Table: "visits", K: 3, Output: 1, Column: 1},
		{Name: "__c3", Kind: "cell", Table: "visits", K: 3, Output: 2, Column: 1},
		{Name: "__g1", Kind: "group", Table: "visits", K: 3, Output: -1},
		{Name: "__s", Kind: "rows", Output: -1, Column: -1},
	}
	if !reflect.DeepEqual(st.Hidden, want) {
		t.Errorf("hidden %v, want %v", st.Hidden, want)
	}
	for i, h := range st.Hidden {
		if got := st.Tree.(*ast.Select).List[len(st.Outputs)+i].As(); got != h.Name {
			t.Errorf("column %d of the rewrite is %q, want %q", len(st.Outputs)+i, got, h.Name)
		}
	}
	st = allowed(t, "select count(*) from visits limit 5 offset 2")
	if st.Limit == nil || st.Limit.N != 5 || st.Offset == nil || st.Offset.N != 2 || st.Tree.(*ast.Select).Limit != nil || st.Tree.(*ast.Select).Offset != nil {
		t.Errorf("limit %v and offset %v, with %s", st.Limit, st.Offset, st.SQL)
	}
}

// Only what is read enters the engine, the entity code and the row's number where they are counted.
func TestScansAreWhatIsRead(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"with c as (select income as x from visits) select avg(x) from c", "[{visits [income] true true}]"},
		{"select id_number from visits", "[{visits [id_number] false false}]"},
		{"select count(*) from visits v join persons p on v.id_number = p.id_number", "[{persons [id_number] true true} {visits [id_number] true true}]"},
	} {
		scans := allowed(t, c.sql).Scans
		for i := range scans {
			if scans[i].Needs != nil {
				t.Errorf("%s: %s needs %v, want every row", c.sql, scans[i].Table, scans[i].Needs)
			}
			scans[i].Needs = nil
		}
		if got := strings.ReplaceAll(fmt.Sprint(scans), " []}", "}"); got != c.want {
			t.Errorf("%s: scans %s, want %s", c.sql, got, c.want)
		}
	}
}

// Every use of a common table counts its own entities.
func TestACommonTableUsedTwiceIsTwoReferences(t *testing.T) {
	st := allowed(t, "with a as (select * from visits where stay > 0) select x.district, count(*) from a x join a y on x.id_number = y.id_number group by all")
	if len(st.References) != 2 || strings.Count(st.SQL, `"__e1"`) == 0 || strings.Count(st.SQL, `"__e2"`) == 0 {
		t.Errorf("references %v in %s", st.References, st.SQL)
	}
}

func TestRecordLevelStatementsSaySo(t *testing.T) {
	st := allowed(t, "select name, cost from visits order by cost")
	if want := []analysis.Order{{Output: 1}}; !st.RecordLevel || !st.Protected || !st.Ordered || !reflect.DeepEqual(st.Order, want) {
		t.Errorf("record level %v, protected %v, order %v, want %v", st.RecordLevel, st.Protected, st.Order, want)
	}
	if st := allowed(t, "select count(*) from visits limit 5 offset 2"); st.RecordLevel {
		t.Error("an aggregate is record-level")
	}
	if st := allowed(t, "select ln(population), cast(title as int) from districts where title = 5"); st.Protected || strings.Contains(st.SQL, "TRY") {
		t.Errorf("a statement on plain data was rewritten: %s", st.SQL)
	}
}

// All faults are reported at once, in the order of their places.
func TestEveryFaultAtOnce(t *testing.T) {
	sql := "select list(cost), string_agg(name), mode(stay), first(stay), arg_max(name, cost), histogram(stay) from visits"
	_, err := analyze(t, trees(t), sql, catalog(t))
	var r *analysis.Refusal
	if !errors.As(err, &r) || len(r.Faults) != 6 {
		t.Fatalf("%v, want six faults", err)
	}
	for i, f := range r.Faults {
		if f.ZH == "" || f.EN == "" || len(f.Articles) == 0 || f.Start < 0 || i > 0 && f.Start < r.Faults[i-1].Start {
			t.Errorf("fault %d: %+v", i, f)
		}
	}
	if strings.Contains(err.Error(), "cost") {
		t.Errorf("the error names columns: %v", err)
	}
}

// A name that is published but not granted is told from one that is not, and a
// name outside the zone reads the same whether it exists or not.
func TestNamesOutsideTheZoneAreAllAlike(t *testing.T) {
	fault := func(sql string) analysis.Fault {
		_, err := analyze(t, trees(t), sql, catalog(t))
		var r *analysis.Refusal
		if !errors.As(err, &r) {
			t.Fatalf("%s: %v", sql, err)
		}
		return r.Faults[0]
	}
	if f := fault("select doctor from visits"); !strings.Contains(f.HintEN, "visits.doctor") {
		t.Errorf("hint %q names no grant", f.HintEN)
	}
	if f := fault("select 1 from secret_table"); f.EN != "unknown name: secret_table" || f.HintEN != "" {
		t.Errorf("%+v", f)
	}
}

func TestCataloguesThatCannotBeKeptAreErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		cat  analysis.Catalog
	}{
		{"a protected table without a minimum group", analysis.Catalog{Tables: []analysis.Table{{Name: "t", Personal: true, Entity: "id"}}}},
		{"two tables of one name", analysis.Catalog{Tables: []analysis.Table{{Name: "t"}, {Name: "T"}}}},
		{"two columns of one name", analysis.Catalog{Tables: []analysis.Table{{Name: "t", Columns: []analysis.Column{{Name: "a", Level: 1}, {Name: "A", Level: 1}}}}}},
	} {
		_, err := analysis.Analyze("select 1", &ast.Select{List: []ast.Expr{&ast.Constant{Type: ast.Type{ID: "INTEGER"}, Text: "1"}}, From: &ast.Empty{}}, c.cat, analysis.Options{})
		var r *analysis.Refusal
		if err == nil || errors.As(err, &r) {
			t.Errorf("%s: error %v, want one about the catalogue", c.name, err)
		}
	}
}

// A level that was never set, or one too high for CLEAR, closes the column.
func TestClearGrantsAboveTheThresholdStayClosed(t *testing.T) {
	for _, level := range []int{0, 3, 4} {
		cat := catalog(t)
		for i := range cat.Tables[0].Columns {
			if c := &cat.Tables[0].Columns[i]; c.Name == "cost" {
				c.Level = level
			}
		}
		for _, sql := range []string{"select name, cost from visits order by cost", "select min(cost), max(visit_date) from visits"} {
			if st, err := analyze(t, trees(t), sql, cat); err == nil {
				t.Errorf("level %d left in the clear: %s", level, st.SQL)
			}
		}
	}
}

// Doubling common tables cannot make analysis or its rewrite explode.
func TestExpansionIsBounded(t *testing.T) {
	sel := func(from ast.From) *ast.Select {
		return &ast.Select{List: []ast.Expr{&ast.Constant{Type: ast.Type{ID: "INTEGER"}, Text: "1"}}, From: from}
	}
	root := &ast.Select{}
	for i := range 40 {
		name := func(i int) string { return fmt.Sprintf("c%d", i) }
		var from ast.From = &ast.Table{Name: "codes", Location: ast.NoLocation}
		if i > 0 {
			from = &ast.Join{Location: ast.NoLocation, Kind: ast.InnerJoin, Form: ast.CrossJoin,
				Left: &ast.Table{Name: name(i - 1), Alias: "a"}, Right: &ast.Table{Name: name(i - 1), Alias: "b"}}
		}
		root.With = append(root.With, ast.CTE{Name: name(i), Query: sel(from)})
	}
	last := sel(&ast.Table{Name: "c39"})
	root.List, root.From = last.List, last.From
	_, err := analysis.Analyze("", root, catalog(t), analysis.Options{})
	var r *analysis.Refusal
	if !errors.As(err, &r) || len(r.Faults) != 1 || r.Faults[0].Code != analysis.TooComplex {
		t.Errorf("error %v, want %s", err, analysis.TooComplex)
	}
}
