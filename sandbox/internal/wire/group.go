package wire

import "strconv"

const (
	// MaxGroup bounds k of a minimum group: a group whose entities are not yet
	// so many takes 4 k bytes, and up to k comparisons for each row.
	MaxGroup = 1000
	// MaxGroups bounds how many different k one statement uses.
	MaxGroups = 64
)

// Counter is the name of the aggregate that counts distinct codes up to k. No
// statement of an operator can name it: names that start with __ are the gate's,
// and functions are those of a list.
func Counter(k int) string { return "__kset_" + strconv.Itoa(k) }

// ValidGroups reports whether ks is what a message may ask counters for: few, from
// 1 to MaxGroup, ascending.
func ValidGroups(ks []int) bool {
	last := 0
	for _, k := range ks {
		if k <= last || k > MaxGroup {
			return false
		}
		last = k
	}
	return len(ks) <= MaxGroups
}
