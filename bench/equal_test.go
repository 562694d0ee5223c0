package bench_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
)

// tolerance is how far two floating-point numbers of equal answers may be apart,
// as a part of the larger: sums depend on the order of their addends, which
// threads do not keep.
const tolerance = 1e-9

// sameRows returns how the rows of two answers differ, nil if they do not.
// types are Arrow's names of the columns' types. Rows count as often as they
// occur; their order counts if ordered.
func sameRows(types []string, one, other [][]string, ordered bool) error {
	if len(one) != len(other) {
		return fmt.Errorf("%d rows and %d", len(one), len(other))
	}
	if !ordered {
		one, other = sorted(types, one), sorted(types, other)
	}
	for i := range one {
		if len(one[i]) != len(types) || len(other[i]) != len(types) {
			return fmt.Errorf("row %d: %d columns and %d, want %d", i, len(one[i]), len(other[i]), len(types))
		}
		for c := range types {
			if one[i][c] != other[i][c] && (types[c] != "float64" || !near(one[i][c], other[i][c])) {
				return fmt.Errorf("row %d column %d: %s and %s", i, c, one[i][c], other[i][c])
			}
		}
	}
	return nil
}

// sorted orders rows by their exact columns first.
func sorted(types []string, rows [][]string) [][]string {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b []string) int {
		for _, float := range []bool{false, true} {
			for c := range types {
				if (types[c] == "float64") == float && a[c] != b[c] {
					if a[c] < b[c] {
						return -1
					}
					return 1
				}
			}
		}
		return 0
	})
	return rows
}

func near(one, other string) bool {
	a, errA := strconv.ParseFloat(one, 64)
	b, errB := strconv.ParseFloat(other, 64)
	return errA == nil && errB == nil && math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
}

func TestRowsAreComparedAsOftenAsTheyOccur(t *testing.T) {
	types := []string{"utf8", "float64"}
	one := [][]string{{"a", "1"}, {"b", "2"}, {"b", "2"}}
	for _, tt := range []struct {
		name    string
		other   [][]string
		ordered bool
		same    bool
	}{
		{"other order", [][]string{{"b", "2"}, {"a", "1"}, {"b", "2"}}, false, true},
		{"other order where it counts", [][]string{{"b", "2"}, {"a", "1"}, {"b", "2"}}, true, false},
		{"last digit of a sum", [][]string{{"a", "1.0000000000000002"}, {"b", "2"}, {"b", "2"}}, true, true},
		{"another number", [][]string{{"a", "1.000001"}, {"b", "2"}, {"b", "2"}}, false, false},
		{"another text", [][]string{{"a", "1"}, {"b", "2"}, {"c", "2"}}, false, false},
		{"another count", [][]string{{"a", "1"}, {"a", "1"}, {"b", "2"}}, false, false},
		{"null", [][]string{{"a", "∅"}, {"b", "2"}, {"b", "2"}}, false, false},
		{"fewer rows", one[:2], false, false},
	} {
		if got := sameRows(types, one, tt.other, tt.ordered) == nil; got != tt.same {
			t.Errorf("%s: same = %v, want %v", tt.name, got, tt.same)
		}
	}
}
