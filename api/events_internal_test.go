package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"zonebox/query"
)

// TestAStreamTellsOfEachChangeOnceAndEnds: by what closes, or by looking; with the end
// last, or with why nothing more is told, as of a person who is nobody any more.
func TestAStreamTellsOfEachChangeOnceAndEnds(t *testing.T) {
	moved := make(chan struct{})
	close(moved)
	load := func(step string) *query.LoadView { return &query.LoadView{ID: "load-1", Step: step} }
	ended := load("")
	at := clock
	ended.Ended = &at
	tell := func(last string, stands []*query.LoadView, then error) string {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		c.Request = httptest.NewRequest(http.MethodGet, "/v1/loads/load-1/events", nil)
		c.Request.Header.Set("Accept-Language", "en")
		looks := 0
		follow(t.Context(), call{Context: c}, shared.engine, "load", last, func(context.Context, call) (*query.LoadView, <-chan struct{}, error) {
			if looks == len(stands) {
				return nil, nil, then
			}
			looks++
			return stands[looks-1], moved, nil
		})
		if looks != len(stands) {
			t.Errorf("it looked %d times, want %d", looks, len(stands))
		}
		return w.Body.String()
	}
	all := tell("", []*query.LoadView{load("parse"), load("parse"), load("commit"), ended}, errors.New("looked at after its end"))
	if strings.Count(all, "event: load\n") != 3 || strings.Count(all, `"step":"parse"`) != 1 || strings.Contains(all, "problem") || !strings.HasSuffix(all, "}\n\n") || !strings.Contains(all[strings.LastIndex(all, "id: "):], `"ended":`) {
		t.Errorf("it tells %s", all)
	}
	last := all[strings.LastIndex(all, "id: ")+4:][:16]
	if again := tell(last, []*query.LoadView{ended}, nil); again != "" {
		t.Errorf("to who has seen the end it tells %s", again)
	}
	gone := tell("", []*query.LoadView{load("parse")}, query.Unauthenticated())
	if strings.Count(gone, "event: load\n") != 1 || !strings.Contains(gone, "event: problem\ndata: {") || !strings.Contains(gone, `"code":"AUTH_FAILED"`) {
		t.Errorf("to who is nobody any more it tells %s", gone)
	}
}
