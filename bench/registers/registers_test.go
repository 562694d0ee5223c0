package registers_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/bench/registers"
)

func TestRowsDoNotDependOnTheBatch(t *testing.T) {
	for _, r := range registers.City(1000) {
		whole := r.Batch(0, 200%r.Rows+1)
		part := r.Batch(5, 9)
		if cut := whole.NewSlice(5, 9); !array.RecordEqual(cut, part) {
			t.Errorf("%s: rows 5 to 9 of a larger batch are other rows", r.Name)
		} else {
			cut.Release()
		}
		whole.Release()
		part.Release()
	}
}

func TestCSVHoldsTheRowsOfTheBatches(t *testing.T) {
	for _, r := range registers.City(400) {
		var text bytes.Buffer
		if err := r.CSV(&text); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&text).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		if got := int64(len(rows) - 1); got != r.Rows {
			t.Fatalf("%s: %d rows in the file, want %d", r.Name, got, r.Rows)
		}
		batch := r.Batch(0, r.Rows)
		for c, column := range r.Columns {
			if rows[0][c] != column.Name {
				t.Errorf("%s: header %q, want %q", r.Name, rows[0][c], column.Name)
			}
			nulls := 0
			for row := range int(r.Rows) {
				cell := rows[row+1][c]
				if batch.Column(c).IsNull(row) {
					nulls++
				}
				if batch.Column(c).IsNull(row) != (cell == "") {
					t.Fatalf("%s.%s row %d: file has %q", r.Name, column.Name, row, cell)
				}
				if column.Type == "string" && cell != "" && batch.Column(c).ValueStr(row) != cell {
					t.Fatalf("%s.%s row %d: file has %q, batch %q", r.Name, column.Name, row, cell, batch.Column(c).ValueStr(row))
				}
			}
			if nulls > 0 && !column.Nullable || nulls == 0 && column.Nullable && r.Rows >= 400 {
				t.Errorf("%s.%s: %d nulls, nullable %v", r.Name, column.Name, nulls, column.Nullable)
			}
		}
		batch.Release()
	}
}

// Parking joins one row of crossings each, and no row twice.
func TestParkingNamesEachFourthPassageOnce(t *testing.T) {
	city := registers.City(4000)
	parking := city[2]
	batch := parking.Batch(0, parking.Rows)
	defer batch.Release()
	seen := map[int64]bool{}
	for _, p := range batch.Column(0).(*array.Int64).Int64Values() {
		if p < 1_000_000 || p >= 1_004_000 || seen[p] {
			t.Fatalf("passage %d is out of range or twice there", p)
		}
		seen[p] = true
	}
}

func TestCityIsTheSameEachTime(t *testing.T) {
	var first, second strings.Builder
	for _, out := range []*strings.Builder{&first, &second} {
		for _, r := range registers.City(100) {
			if err := r.CSV(out); err != nil {
				t.Fatal(err)
			}
		}
	}
	if first.String() != second.String() {
		t.Error("two cities differ")
	}
	if want := "1000000,2025-01-01 00:00:00,2025-01-01,"; !strings.Contains(first.String(), want) {
		t.Errorf("the first crossing does not start with %q", want)
	}
}
