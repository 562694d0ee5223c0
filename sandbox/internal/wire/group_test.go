package wire_test

import (
	"testing"

	"zonebox/sandbox/internal/wire"
)

func TestGroupsAscendInRange(t *testing.T) {
	many := make([]int, wire.MaxGroups+1)
	for i := range many {
		many[i] = i + 1
	}
	for _, c := range []struct {
		ks   []int
		want bool
	}{
		{nil, true}, {[]int{1}, true}, {[]int{2, 10, wire.MaxGroup}, true}, {many[1:], true},
		{[]int{0}, false}, {[]int{-1, 5}, false}, {[]int{wire.MaxGroup + 1}, false}, {[]int{5, 5}, false}, {[]int{5, 4}, false}, {many, false},
	} {
		if got := wire.ValidGroups(c.ks); got != c.want {
			t.Errorf("ValidGroups(%v) = %t, want %t", c.ks, got, c.want)
		}
	}
}
