package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// The destruction of what was held is in the log, once and after what it follows from;
// of what never was on disk there is none (R-YC22-34a).
func TestTheDestructionOfAHoldIsInTheLog(t *testing.T) {
	t.Parallel()
	d := reviewedStreets(t, false)
	held := func(run string) string { return filepath.Join(d.Config.Domain, "holds", run+".hold") }
	ends := func(run string, want ...string) {
		t.Helper()
		if kinds := auditKinds(d, run); !slices.Equal(kinds[max(0, len(kinds)-len(want)):], want) {
			t.Errorf("the log of %s is %v, want it to end with %v", run, kinds, want)
		}
	}
	waits, rejected, released := pends(t, d, counted), pends(t, d, counted+" ORDER BY n"), pends(t, d, counted+" ORDER BY street")
	coarse, err := coarsen(t, d, "sun.health", pends(t, d, counted+" ORDER BY street DESC"), query.Coarsening{K: 20})
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	if _, err := d.Engine.Settle(t.Context(), d.Subject("sun.health"), rejected, false, "NJ24-14"); err != nil {
		t.Fatal(querytest.Text(err))
	}
	d.Approve("sun.health", released)
	if _, err := d.Resume("li.op", released); err != nil {
		t.Fatal(querytest.Text(err))
	}
	detail, err := d.Engine.Review(t.Context(), d.Subject("sun.health"), coarse)
	if err != nil {
		t.Fatal(querytest.Text(err))
	}
	for range 2 {
		ends(waits, "output.review")
		ends(coarse, "output.review")
		ends(rejected, "review.rejected", "hold.destroyed")
		ends(released, "output.released", "hold.destroyed")
		ends(detail.Coarsened.From, "review.coarsened", "hold.destroyed")
		d.Reopen()
	}
	// A gate that was killed between the two leaves the file; the next start says so, once.
	refused := pends(t, d, "SELECT count(*) AS n FROM persons")
	if err := query.Withdraw(t.Context(), d.Engine, refused); err != nil {
		t.Fatal(err)
	}
	ends(refused, "output.review", "output.withdrawn")
	for range 2 {
		d.Reopen()
		ends(refused, "output.review", "output.withdrawn", "hold.destroyed")
		if err := os.WriteFile(held(refused), []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Resume("li.op", waits); querytest.Code(err) != "OUTPUT_IN_REVIEW" || !exists(held(waits)) {
		t.Errorf("what waits is gone: %v", err)
	}
}
