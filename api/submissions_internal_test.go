package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"zonebox/query"
)

// TestTheEventsOfASubmissionEndWithItsEnd: whoever comes back with the last event is
// told nothing twice, with any other how it stands.
func TestTheEventsOfASubmissionEndWithItsEnd(t *testing.T) {
	h := shared
	res := h.do(h.signed("li.op", h.operator, http.MethodPost, "/v1/submissions", `{"key":"events","scenario":"nothing","purpose":"x","sql":"SELECT 1"}`))
	if res.Code != http.StatusOK {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	s, err := decode[Submission](res.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	follow := func(last string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		r := h.signed("li.op", h.operator, http.MethodGet, "/v1/submissions/"+s.ID+"/events", "").WithContext(ctx)
		r.Header.Set("Last-Event-ID", last)
		res := h.do(r)
		if res.Code != http.StatusOK || res.Header().Get("Content-Type") != "text/event-stream" || res.Header().Get("X-Accel-Buffering") != "no" || ctx.Err() != nil {
			t.Fatalf("%d %v %s", res.Code, res.Header(), res.Body)
		}
		return res.Body.String()
	}
	events := follow("")
	ids := regexp.MustCompile(`(?m)^id: ([0-9a-f]{16})\nevent: submission\ndata: (.*)$`).FindAllStringSubmatch(events, -1)
	if len(ids) == 0 || strings.Count(events, `"state":"ENDED"`) != 1 || !strings.Contains(ids[len(ids)-1][2], `"code":"NOT_FOUND"`) {
		t.Fatalf("the events are %s", events)
	}
	if again := follow(ids[len(ids)-1][1]); again != "" {
		t.Errorf("to who has seen all, %q is told", again)
	}
	if again := follow("0000000000000000"); !strings.Contains(again, "id: "+ids[len(ids)-1][1]) {
		t.Errorf("to who has seen another, %q is told", again)
	}
}

// TestWhoIsTurnedAwayIsToldWhenToComeAgain names each code of that class.
func TestWhoIsTurnedAwayIsToldWhenToComeAgain(t *testing.T) {
	for code, want := range map[string]string{"BUSY": "5", "DOCUMENT_DUE": "5", "EXPLAIN_RATE": "60", "SUBMIT_RATE": "60", "STOPPING": "30"} {
		if got := answer(&query.Error{Code: code, Class: query.ClassBusy, EN: "text"}).Header().Get("Retry-After"); got != want {
			t.Errorf("%s says %q, want %q seconds", code, got, want)
		}
	}
	if got := answer(&query.Error{Code: "NOT_FOUND", Class: query.ClassUsage, EN: "text"}).Header().Get("Retry-After"); got != "" {
		t.Errorf("what is no question of time says %q", got)
	}
}

// TestWhatIsReadComesWithoutABody: a body of a request that reads is refused, whatever it
// says of its size, so that none has a place of large ones for as long as a stream goes on.
func TestWhatIsReadComesWithoutABody(t *testing.T) {
	h := shared
	for size, want := range map[int64]int{2: http.StatusBadRequest, -1: http.StatusBadRequest, 1 << 20: http.StatusBadRequest, 0: http.StatusOK} {
		body := ""
		if size != 0 {
			body = "{}"
		}
		r := h.signed("li.op", h.operator, http.MethodGet, "/v1/domain", body)
		r.ContentLength = size
		if res := h.do(r); res.Code != want {
			t.Errorf("with a body of %d bytes it is %d %s, want %d", size, res.Code, res.Body, want)
		}
	}
}
