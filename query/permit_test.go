package query_test

import (
	"strings"
	"testing"

	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// Each verb takes its permission and no other, whatever the role; no verb takes
// that to copy.
func TestEachVerbTakesItsPermission(t *testing.T) {
	t.Parallel()
	d, _ := withRoot(t, nil)
	answers(t, d)
	dc := func(permissions string) {
		t.Helper()
		d.Apply(querytest.Founder, changed(t, d, registry.KindPerson, "wu.dc", `"permissions":[`+permissionList(given(t, d, "wu.dc"))+`]`, `"permissions":[`+permissionList(permissions)+`]`))
	}
	verbs := map[string]struct {
		permission string
		do         func() error
	}{
		"shred order": {"destroy", func() error {
			_, err := orderShred(t, d, "wu.dc", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"})
			return err
		}},
		"keys destroy": {"destroy", func() error { return destroy(t, d, "wu.dc", 9) }},
		"backup create": {"export", func() error {
			_, err := d.Engine.CreateBackup(t.Context(), d.Subject("wu.dc"), "")
			return err
		}},
		"keys rotate": {"", func() error {
			_, err := d.Engine.RotateKey(t.Context(), d.Subject("wu.dc"), query.KeyOrder{Purpose: keys.PurposeZoneData, Zone: "medical"})
			return err
		}},
		"keys rewrap": {"", func() error {
			_, err := d.Engine.Rewrap(t.Context(), d.Subject("wu.dc"), "medical")
			return err
		}},
		"shred list": {"", func() error { _, err := d.Engine.Shreds(t.Context(), d.Subject("wu.dc")); return err }},
		"backup list": {"", func() error {
			_, err := d.Engine.Backups(t.Context(), d.Subject("wu.dc"))
			return err
		}},
	}
	for _, having := range []string{"", "copy", "export", "recipe", "destroy", "copy recipe", "copy export recipe destroy"} {
		dc(having)
		for name, v := range verbs {
			denied := querytest.Code(v.do()) == "PERMISSION_REQUIRED"
			if may := v.permission == "" || strings.Contains(having, v.permission); denied == may {
				t.Errorf("%s with %q: denied is %v", name, having, denied)
			}
		}
	}
}

func given(t *testing.T, d *querytest.Domain, user string) string {
	t.Helper()
	docs, err := d.Engine.Documents(t.Context(), d.Subject(querytest.Founder), registry.KindPerson, user)
	if err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	_, rest, ok := strings.Cut(string(docs[0].Document), `"permissions":[`)
	if !ok {
		t.Fatalf("no permissions in %s", docs[0].Document)
	}
	list, _, _ := strings.Cut(rest, "]")
	return strings.ReplaceAll(strings.ReplaceAll(list, `"`, ""), ",", " ")
}

func permissionList(list string) string {
	if list == "" {
		return ""
	}
	return `"` + strings.Join(strings.Fields(list), `","`) + `"`
}

// A zone that takes SM4-GCM loads with it from then on; what was loaded before
// stays readable, and all of it is wrapped anew and shredded alike.
func TestAZoneChangesItsStorageAlgorithm(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	want := answers(t, d)
	d.Apply(querytest.Founder, changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"ACTIVE","storage_algorithm":"sm4-gcm"`))
	later(d, 2, "visits")
	for _, when := range []string{"one dataset by each", "after a restart"} {
		if got := answers(t, d); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
		}
		d.Reopen()
	}
	rotate(t, d, keys.PurposeZoneData)
	if _, err := d.Engine.Rewrap(t.Context(), d.Subject("wu.dc"), "medical"); err != nil {
		t.Fatal(err)
	}
	shred(t, d, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "visits", Column: "department"})
	if got := answers(t, d); got != want || code(d, byDepartment) != "DATA_SHREDDED" {
		t.Errorf("after a rewrapping and a shred:\n%s", got)
	}
}
