package query

import "testing"

// A base is raised to the least odd multiple that is as large as is wished.
func TestABaseIsRaisedByOddMultiples(t *testing.T) {
	for _, c := range []struct{ base, wish, want int64 }{
		{0, 0, 0}, {0, 6, 6}, {5, 0, 5}, {5, 5, 5}, {5, 6, 15}, {5, 10, 15}, {5, 15, 15}, {5, 16, 25}, {8, 3, 8}, {1_000_000, 999_999, 1_000_000},
	} {
		if got := oddMultiple(c.base, c.wish); got != c.want {
			t.Errorf("%d raised to %d or more = %d, want %d", c.base, c.wish, got, c.want)
		}
	}
}
