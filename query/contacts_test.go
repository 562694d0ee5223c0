package query_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// What people are reached by stands in no file of the domain, no line of the gate's
// log, no entry of the audit log and no refusal; lists show it masked, and the log is
// told before it is shown as it is.
func TestContactsAreSealedMaskedAndShownForAReason(t *testing.T) {
	t.Parallel()
	const phone, email = "13812345678", "li.yunying@example.com"
	d, root := withRoot(t, nil)
	said, err := d.Engine.SetContact(t.Context(), d.Subject("li.op"), query.ContactOrder{Phone: phone, Email: email})
	if err != nil || said.Phone != "138****5678" || said.Email != "l****@example.com" || said.Whole {
		t.Fatalf("%+v, %v, want it masked", said, err)
	}
	for _, who := range []string{querytest.Founder, "feng.audit", "li.op"} {
		all, err := d.Engine.Contacts(t.Context(), d.Subject(who))
		if err != nil || len(all) != 1 || all[0].Phone != "138****5678" || all[0].Email != "l****@example.com" || all[0].Person != "li.op" {
			t.Errorf("as %s: %+v, %v, want one masked", who, all, err)
		}
	}
	for _, who := range []string{"sun.health", "qian.hospital", "wu.dc"} {
		if all, err := d.Engine.Contacts(t.Context(), d.Subject(who)); err != nil || len(all) != 0 {
			t.Errorf("as %s: %+v, %v, want none", who, all, err)
		}
	}
	entries := func() (n int) {
		for _, e := range d.Audit("feng.audit") {
			if e.Kind == "contact.shown" {
				n++
			}
		}
		return n
	}
	for _, c := range []struct{ who, reason, code string }{
		{"sun.health", "x", "NOT_FOUND"}, {"qian.hospital", "x", "NOT_FOUND"}, {"feng.audit", "x", "ROLE_REQUIRED"}, {querytest.Founder, "", "BAD_REQUEST"}, {querytest.Founder, "  ", "BAD_REQUEST"},
	} {
		v, err := d.Engine.ShowContact(t.Context(), d.Subject(c.who), query.ContactRequest{Person: "li.op", Reason: c.reason})
		if v != nil || querytest.Code(err) != c.code {
			t.Errorf("shown to %s for %q: %+v, %s, want %s", c.who, c.reason, v, querytest.Code(err), c.code)
		}
	}
	if n := entries(); n != 0 {
		t.Errorf("the log tells of %d contacts shown, want none", n)
	}
	for i, c := range []struct{ who, reason string }{{"li.op", ""}, {querytest.Founder, "通知整改"}} {
		v, err := d.Engine.ShowContact(t.Context(), d.Subject(c.who), query.ContactRequest{Person: "li.op", Reason: c.reason})
		if err != nil || v.Phone != phone || v.Email != email || !v.Whole {
			t.Errorf("shown to %s: %+v, %v, want it whole", c.who, v, err)
		}
		if n := entries(); n != i+1 {
			t.Errorf("the log tells of %d contacts shown, want %d", n, i+1)
		}
	}
	for _, bad := range []query.ContactOrder{{Phone: "1381234567"}, {Phone: phone + " "}, {Email: "li.yunying"}, {Email: strings.Repeat("a", 250) + "@example.com"}, {Person: "nobody", Phone: phone}} {
		_, err := d.Engine.SetContact(t.Context(), d.Subject("li.op"), bad)
		if code := querytest.Code(err); code != "BAD_REQUEST" && code != "NOT_FOUND" || strings.Contains(querytest.Text(err), "138") {
			t.Errorf("%+v: %s", bad, querytest.Text(err))
		}
	}
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), "person", "li.op")
	if err != nil || bytes.Contains(docs[0].Document, []byte(phone)) {
		t.Errorf("the person document: %v", err)
	}
	backUp(t, d)
	d.Reopen()
	read := 0
	for _, dir := range []string{d.Config.Domain, root} {
		err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, secret := range []string{phone, email, "yunying"} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s holds %s", path, secret)
				}
			}
			read++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 5 {
		t.Errorf("%d files were read", read)
	}
	if strings.Contains(d.Log.String(), phone) || strings.Contains(d.Log.String(), email) {
		t.Error("the gate's log holds a contact")
	}
	if v, err := d.Engine.ShowContact(t.Context(), d.Subject("li.op"), query.ContactRequest{}); err != nil || v.Phone != phone {
		t.Errorf("after a restart: %+v, %v", v, err)
	}
	if _, err := d.Engine.SetContact(t.Context(), d.Subject(querytest.Founder), query.ContactOrder{Person: "li.op"}); err != nil {
		t.Error(querytest.Text(err))
	}
	if all, err := d.Engine.Contacts(t.Context(), d.Subject(querytest.Founder)); err != nil || len(all) != 0 {
		t.Errorf("after it was removed: %+v, %v", all, err)
	}
}
