package query_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// repeats returns how much a random test does: usual with the other tests, and
// long where ZONEBOX_LONG is set, as by make test-long.
func repeats(usual, long int) int {
	if os.Getenv("ZONEBOX_LONG") != "" {
		return long
	}
	return usual
}

// seedOf returns the seed of a random test, ZONEBOX_SEED if that is set, and logs it.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if fixed := os.Getenv("ZONEBOX_SEED"); fixed != "" {
		var err error
		if seed, err = strconv.ParseUint(fixed, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ZONEBOX_SEED=%d", seed)
	return seed
}
