package analysis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zonebox/query/analysis"
	"zonebox/query/ast"
)

// A statement with ever so many faults is refused soon, and tells the first few
// hundred of them.
func TestManyFaultsAreRefusedSoon(t *testing.T) {
	list := &ast.Select{From: &ast.Table{Location: ast.NoLocation, Name: "persons"}}
	var sql strings.Builder
	sql.WriteString("SELECT ")
	for i := range 40_000 {
		name := fmt.Sprint("x", i)
		list.List = append(list.List, &ast.Column{Meta: ast.Meta{Location: sql.Len()}, Names: []string{name}})
		sql.WriteString(name + ", ")
	}
	began := time.Now()
	_, err := analysis.Analyze(sql.String(), list, catalog(t), analysis.Options{})
	var refusal *analysis.Refusal
	if !errors.As(err, &refusal) || len(refusal.Faults) < 100 || len(refusal.Faults) > 1000 {
		t.Fatalf("it is not refused with some hundred faults: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second { // on a busy machine
		t.Errorf("it took %v", took)
	}
}

// Columns of one name, of which every one but the first is given a number, take
// time that grows with their number.
func TestManyColumnsOfOneNameAreNumberedSoon(t *testing.T) {
	list := &ast.Select{From: &ast.Table{Location: ast.NoLocation, Name: "persons"}}
	for range 40_000 {
		list.List = append(list.List, &ast.Column{Meta: ast.Meta{Location: ast.NoLocation}, Names: []string{"district"}})
	}
	began := time.Now()
	st, err := analysis.Analyze("", list, catalog(t), analysis.Options{})
	if err != nil || st.Outputs[39_999].Name != "district_39999" {
		t.Fatalf("it is not accepted with its columns numbered: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second { // on a busy machine
		t.Errorf("it took %v", took)
	}
}
