package query

import (
	"fmt"
	"testing"
)

// Whoever reads many things on a day has an entry for each of the first of them, and one
// for all others.
func TestReadersDoNotFillTheLog(t *testing.T) {
	var a accesses
	told := map[string]int{}
	for range 2 {
		for i := range 300 {
			if u, first := a.new("2026-11-23", access{"li.op", "signature", "", "GET /v1/reviews/:run", fmt.Sprint("run-", i)}); first {
				a.told("2026-11-23", u)
				told[u.of]++
			}
		}
	}
	if len(told) != 201 || told["run-0"] != 1 || told["run-199"] != 1 || told["*"] != 1 {
		t.Errorf("%d entries, %d of the first, %d of the rest, want 201 entries, each once", len(told), told["run-0"], told["*"])
	}
	for name, u := range map[string]access{
		"another person": {"sun.health", "signature", "", "GET /v1/reviews/:run", "run-250"}, "another route": {"li.op", "signature", "", "GET /v1/runs/:run", "run-250"},
	} {
		if got, first := a.new("2026-11-23", u); !first || got != u {
			t.Errorf("%s = %v, %t, want an entry", name, got, first)
		}
	}
	if got, first := a.new("2026-11-24", access{"li.op", "signature", "", "GET /v1/reviews/:run", "run-250"}); !first || got.of != "run-250" {
		t.Errorf("on the next day = %v, %t, want an entry", got, first)
	}
}
