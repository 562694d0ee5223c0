package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// What fails to authenticate is in the log, by the minute and not by the request: how
// many, and the names of people that were claimed. What else a stranger says is not.
func TestStrangersAreCountedAndFillNothing(t *testing.T) {
	t.Parallel()
	d := querytest.New(t, querytest.Options{})
	d.Config.Worker = ""
	d.Reopen()
	told := func() (out []query.AuditEntry) {
		t.Helper()
		if err := d.Engine.TellRefused(t.Context()); err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(d.Audit(querytest.Founder), func(e query.AuditEntry) bool { return e.Kind != "auth.refused" })
	}
	flood := func() {
		for i := range 500 {
			d.Engine.Unrecognised(t.Context(), fmt.Sprint("mallory-", i))
		}
		for range 3 {
			d.Engine.Unrecognised(t.Context(), querytest.Founder)
		}
	}
	flood()
	if n := len(told()); n != 0 {
		t.Errorf("within the minute the log has %d entries", n)
	}
	for minute := range 3 {
		d.Advance(61 * time.Second)
		all := told()
		if len(all) != minute+1 {
			t.Fatalf("after minute %d the log has %d entries, want one each", minute+1, len(all))
		}
		got := all[minute].Fields
		if got["requests"] != "503" || got["claimed"] != querytest.Founder+" 3" || got["people"] != "1" || all[minute].Actor != "gate" || got["from"] >= got["until"] {
			t.Errorf("the entry says %v", got)
		}
		if len(told()) != minute+1 {
			t.Error("nobody came and the log tells of it")
		}
		flood()
	}
	d.Reopen() // the end of the gate tells the rest
	all := told()
	if len(all) != 4 || all[3].Fields["requests"] != "503" {
		t.Errorf("after a restart the log has %d entries", len(all))
	}
	for _, e := range all {
		if strings.Contains(fmt.Sprint(e), "mallory") {
			t.Errorf("the log repeats what a stranger says: %v", e)
		}
	}
}
