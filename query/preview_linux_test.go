package query_test

import (
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// A preview that the log does not take is not shown.
func TestAPreviewThatTheLogDidNotTakeIsNotShown(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1})
	now := d.Config.Now
	var repair func()
	d.Config.Now = func() time.Time {
		if stack := string(debug.Stack()); strings.Contains(stack, "(*previewing).preview") && strings.Contains(stack, "(*Registry).Update") && repair == nil {
			repair = failLog(t, query.AuditDir(d.Config.Domain))
		}
		return now()
	}
	d.Reopen()
	if p, code := previewed(t, d, "zheng.police", draftGrant); p != nil || code != "AUDIT_UNAVAILABLE" {
		t.Errorf("while the log fails: %v, %s", p, code)
	}
	if repair == nil {
		t.Fatal("the log did not fail")
	}
	repair()
	d.Reopen()
	if p, code := previewed(t, d, "zheng.police", draftGrant); p == nil {
		t.Errorf("with the log back: %s", code)
	}
}
