package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"testing"
)

// TestAListIsReadInParts: the parts are the whole, in its order, each with where the next
// one is; a list is whole for who asks for no part; what is no window is refused.
func TestAListIsReadInParts(t *testing.T) {
	h := shared
	get := func(uri string) (names []string, next, total string) {
		t.Helper()
		res := h.do(h.signed("zhao.city", h.founder, http.MethodGet, uri, ""))
		var all []struct{ Name string }
		if err := json.Unmarshal(res.Body.Bytes(), &all); err != nil || res.Code != http.StatusOK || all == nil {
			t.Fatalf("%s: %d %s", uri, res.Code, res.Body)
		}
		for _, d := range all {
			names = append(names, d.Name)
		}
		if m := regexp.MustCompile(`^<(/v1/[^>]+)>; rel="next"$`).FindStringSubmatch(res.Header().Get("Link")); m != nil {
			next = m[1]
		} else if res.Header().Get("Link") != "" {
			t.Errorf("%s: a link %q", uri, res.Header().Get("Link"))
		}
		return names, next, res.Header().Get("X-Total-Count")
	}
	whole, next, total := get("/v1/documents/person")
	if len(whole) < 2 || next != "" || total == "" {
		t.Fatalf("%d people, of %s, and then %q", len(whole), total, next)
	}
	var parts []string
	uri, asked := "/v1/documents/person?limit=1", 0
	for ; uri != ""; asked++ {
		some, next, of := get(uri)
		if len(some) != 1 || of != total {
			t.Fatalf("%s holds %q of %s, want one of %s", uri, some, of, total)
		}
		parts, uri = append(parts, some...), next
	}
	if !slices.Equal(parts, whole) || asked != len(whole) {
		t.Errorf("the parts are %q, the whole is %q", parts, whole)
	}
	if some, next, _ := get("/v1/documents/person?from=1"); !slices.Equal(some, whole[1:]) || next != "" {
		t.Errorf("all but the first are %q, and then %q", some, next)
	}
	if some, next, of := get("/v1/documents/person?from=1000&limit=5"); len(some) != 0 || next != "" || of != total {
		t.Errorf("past the end there are %q of %s, and then %q", some, of, next)
	}
	for _, bad := range []string{"from=-1", "limit=-1", "limit=1001", "limit=x", "from=99999999999999999999", "page=1"} {
		if res := h.do(h.signed("zhao.city", h.founder, http.MethodGet, "/v1/documents/person?"+bad, "")); problem(t, res).Code != "BAD_REQUEST" {
			t.Errorf("%s: %d %s", bad, res.Code, res.Body)
		}
	}
}
