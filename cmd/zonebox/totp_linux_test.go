package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"zonebox/query"
)

// TestTwoFactorsOnTheCommandLine: with serve --second-factor whoever supervises is told
// how to come to a code, gives one, and goes on; an operator notices nothing; the
// self-check tells of it.
func TestTwoFactorsOnTheCommandLine(t *testing.T) {
	h := newHome(t)
	if err := h.openWith(t, query.Config{SecondFactor: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.stop(t) })
	refused := h.must(t, exitDenied, "get", "zone", "--as", "wu.dc")
	if !strings.Contains(refused.errout, "SECOND_FACTOR") || !strings.Contains(refused.errout, "totp new") || refused.out != "" {
		t.Fatalf("before a code: %s%s", refused.out, refused.errout)
	}
	h.must(t, exitOK, "get", "zone", "--as", "li.op")

	shown := h.must(t, exitOK, "totp", "new", "--as", "wu.dc")
	uri := regexp.MustCompile(`(?m)^otpauth://totp/.*$`).FindString(shown.out)
	if uri == "" || strings.Count(shown.out, "\x1b[0m\n") < 20 || !strings.Contains(shown.errout, "not shown again") {
		t.Fatalf("no code to scan: %s%s", shown.out, shown.errout)
	}
	key, err := otp.NewKeyFromURL(uri)
	if err != nil {
		t.Fatal(err)
	}
	if o := h.must(t, exitOK, "totp", "list", "--as", "wu.dc", "-o", "json"); !strings.Contains(o.out, `"active": false`) || strings.Contains(o.out, key.Secret()) {
		t.Errorf("listed as %s", o.out)
	}
	if o := h.must(t, exitDenied, "totp", "give", "00000x", "--as", "wu.dc"); !strings.Contains(o.errout, "CODE_REFUSED") {
		t.Errorf("a wrong code: %s", o.errout)
	}
	code, err := totp.GenerateCode(key.Secret(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if o := h.must(t, exitOK, "totp", "give", code, "--as", "wu.dc"); !strings.Contains(o.out, "taken, until ") {
		t.Errorf("a code: %s", o.out)
	}
	h.must(t, exitOK, "get", "zone", "--as", "wu.dc")
	h.must(t, exitDenied, "get", "zone", "--as", "zhao.city")
	h.must(t, exitUsage, "totp", "new", "--as", "wu.dc")

	var report struct {
		Rows []struct {
			Clause, Result string
			Evidence       struct{ EN string }
		}
	}
	o := h.must(t, exitOK, "selfcheck", "--as", "wu.dc", "-o", "json")
	if err := json.Unmarshal([]byte(o.out), &report); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range report.Rows {
		if strings.HasSuffix(r.Clause, "8.1.4.1 d)") {
			found = true
			if r.Result != query.ResultMet || !regexp.MustCompile(`; 1 of [0-9]+ have given one`).MatchString(r.Evidence.EN) {
				t.Errorf("the self-check says %+v", r)
			}
		}
	}
	if !found {
		t.Errorf("the self-check says nothing: %s", o.out)
	}
}
