package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// TestABodyHasOneReading: what another reader may read otherwise is no request.
func TestABodyHasOneReading(t *testing.T) {
	h := shared
	good := `{"scenario":"s","purpose":"p","sql":"SELECT 1"}`
	for name, body := range map[string]string{
		"nothing":                    "",
		"no JSON":                    "scenario: s",
		"a list":                     "[" + good + "]",
		"cut off":                    good[:len(good)-1],
		"a second value":             good + good,
		"text behind":                good + " x",
		"a field twice":              `{"scenario":"s","sql":"SELECT 1","sql":"SELECT 2"}`,
		"a field twice in capitals":  `{"scenario":"s","sql":"SELECT 1","SQL":"SELECT 2"}`,
		"a field twice beyond ASCII": `{"scenario":"s","sql":"SELECT 1","ſql":"SELECT 2"}`,
		"a value's field twice":      `{"scenario":"s","sql":"SELECT 1","parameters":{"a":"1","a":"2"}}`,
		"an unknown field":           `{"scenario":"s","sql":"SELECT 1","limit":1}`,
		"a number for a text":        `{"scenario":"s","sql":1e400}`,
		"a text that is no UTF-8":    "{\"scenario\":\"s\",\"sql\":\"SELECT '\xff'\"}",
		"an open escape":             `{"scenario":"s","sql":"\u12"}`,
		"deep":                       `{"scenario":"s","parameters":` + strings.Repeat(`{"a":`, 100_000),
	} {
		res := h.do(h.signed("li.op", h.operator, http.MethodPost, "/v1/explain", body))
		if res.Code != http.StatusBadRequest || problem(t, res).Code != "BAD_REQUEST" {
			t.Errorf("%s = %d %s, want 400 BAD_REQUEST", name, res.Code, res.Body)
		}
	}
	if res := h.do(h.signed("li.op", h.operator, http.MethodPost, "/v1/explain", good)); problem(t, res).Code != "NOT_FOUND" {
		t.Errorf("the request itself = %d %s, want NOT_FOUND", res.Code, res.Body)
	}
}

// TestNoPathStandsForAnother: what is no route is told in the terms of the gate, to
// those alone who sign, and a name with a slash in it is one name.
func TestNoPathStandsForAnother(t *testing.T) {
	h := shared
	for _, c := range []struct{ method, uri string }{
		{http.MethodGet, "/"}, {http.MethodGet, "/v1"}, {http.MethodGet, "/v1/loads/"}, {http.MethodGet, "/V1/loads"}, {http.MethodGet, "//v1/loads"},
		{http.MethodGet, "/v1/../v1/loads"}, {http.MethodGet, "/v1/loads%2f"}, {http.MethodHead, "/v1/domain"}, {http.MethodPut, "/v1/domain"},
		{http.MethodPost, "/v1/domain"}, {http.MethodOptions, "/v1/domain"}, {http.MethodTrace, "/v1/domain"}, {http.MethodGet, "/debug/pprof/"},
		{http.MethodGet, "/v1/documents/organization/city/x"}, {http.MethodGet, "/v1/documents/organization%2fcity"},
		{http.MethodGet, "/v1/documents/organization/..%2forganization%2fcity"}, {http.MethodGet, "/v1/documents/organization/city%00"},
		{http.MethodGet, "/v1/documents/organization/%2e%2e"}, {http.MethodGet, "/v1/loads/x%2freceipt"}, {http.MethodGet, "/v1/quality/x%2fhistory"},
	} {
		if res := h.do(httptest.NewRequest(c.method, c.uri, nil)); res.Code != http.StatusForbidden || problem(t, res).Code != "AUTH_FAILED" {
			t.Errorf("%s %s unsigned = %d %s, want AUTH_FAILED", c.method, c.uri, res.Code, res.Body)
		}
		res := h.do(h.signed("zhao.city", h.founder, c.method, c.uri, ""))
		if code := problem(t, res).Code; res.Code != http.StatusBadRequest || code != "NOT_FOUND" && code != "BAD_REQUEST" {
			t.Errorf("%s %s = %d %s, want 400 NOT_FOUND or BAD_REQUEST", c.method, c.uri, res.Code, res.Body)
		}
	}
	if res := h.do(h.signed("zhao.city", h.founder, http.MethodGet, "/v1/documents/organization/city", "")); res.Code != http.StatusOK {
		t.Errorf("the path itself = %d %s", res.Code, res.Body)
	}
}

// TestNothingIsReadOfAStranger: the body of a request stays unread until its sender
// is known.
func TestNothingIsReadOfAStranger(t *testing.T) {
	h := shared
	for _, uri := range []string{"/v1/documents", "/v1/submissions", "/v1/loads", "/v1/trials", "/v1/proposals", "/v1/consents", "/v1/consents/withdrawals", "/v1/nothing"} {
		r := h.signed("zhao.city", h.operator, http.MethodPost, uri, newOrg)
		var read readFlag
		r.Body = io.NopCloser(&read)
		if res := h.do(r); problem(t, res).Code != "AUTH_FAILED" || read {
			t.Errorf("%s = %d %s, body read: %v", uri, res.Code, res.Body, read)
		}
	}
	long := h.signedAt("zhao.city", h.founder, http.MethodGet, "/v1/domain", "", clock, strings.Repeat("n", 129))
	if res := h.do(long); problem(t, res).Code != "AUTH_FAILED" {
		t.Errorf("a nonce of 129 bytes = %d %s, want AUTH_FAILED", res.Code, res.Body)
	}
}

type readFlag bool

func (r *readFlag) Read([]byte) (int, error) { *r = true; return 0, io.EOF }

// TestAnOperationNeedsWhoSigned: one that is declared where nobody authenticates does
// nothing.
func TestAnOperationNeedsWhoSigned(t *testing.T) {
	h := shared
	r := gin.New()
	s := &server{engine: h.engine, log: slog.New(slog.DiscardHandler), large: make(chan struct{}, 1)}
	for at, g := range map[string]*gin.RouterGroup{"open": r.Group("/open"), "shut": r.Group("/shut", s.signed)} {
		done := 0
		add(newAPI(r, g), http.MethodGet, "/do", "x", func(call, *nothing) (string, error) { done++; return "done", nil })
		res := httptest.NewRecorder()
		r.ServeHTTP(res, h.signed("zhao.city", h.founder, http.MethodGet, "/"+at+"/do", ""))
		switch at {
		case "open":
			if p := problem(t, res); p.Code != "AUTH_FAILED" || res.Code != http.StatusForbidden || done != 0 {
				t.Errorf("%d %s, done %d times, want AUTH_FAILED and nothing done", res.Code, res.Body, done)
			}
		case "shut":
			if res.Code != http.StatusOK || done != 1 {
				t.Errorf("%d %s, done %d times, want it done", res.Code, res.Body, done)
			}
		}
	}
}

// TestAPanicTellsNothing: neither the answer nor the log has a word of it.
func TestAPanicTellsNothing(t *testing.T) {
	h := shared
	var log bytes.Buffer
	r := router(h.engine, slog.New(slog.NewJSONHandler(&log, nil)))
	s := &server{engine: h.engine, log: slog.New(slog.DiscardHandler), large: make(chan struct{}, 1)}
	r.GET("/v1/broken/:what", s.signed, func(*gin.Context) { panic("110101199003077475") })
	for lang, want := range map[string]string{"en": "internal error; nothing was released", "zh": "内部错误,没有结果放行"} {
		req := h.signed("zhao.city", h.founder, http.MethodGet, "/v1/broken/110101199003077475", "")
		req.Header.Set("Accept-Language", lang)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if p := problem(t, w); w.Code != http.StatusInternalServerError || p.Code != "INTERNAL" || p.Detail != want || p.Class != "failure" {
			t.Errorf("%d %s, want INTERNAL %q", w.Code, w.Body, want)
		}
		if all := w.Body.String() + log.String(); strings.Contains(all, "110101") || !strings.Contains(log.String(), "/v1/broken/:what") {
			t.Errorf("answer and log of a panic: %s", all)
		}
	}
}

// TestEveryAnswerIsNobodysToKeep: no cache keeps it, no browser takes it for what it
// is not called.
func TestEveryAnswerIsNobodysToKeep(t *testing.T) {
	h := shared
	for _, c := range []struct {
		r    *http.Request
		kind string
	}{
		{httptest.NewRequest(http.MethodGet, "/v1/domain", nil), problemType},
		{h.signed("zhao.city", h.founder, http.MethodGet, "/v1/domain", ""), "application/json"},
		{h.signed("zhao.city", h.founder, http.MethodGet, "/v1/nothing", ""), problemType},
		{h.signed("zhao.city", h.founder, http.MethodGet, "/v1/audit?limit=x", ""), problemType},
		{h.signed("zhao.city", h.founder, http.MethodGet, "/v1/alerts/x", ""), problemType},
	} {
		res := h.do(c.r)
		if res.Header().Get("X-Content-Type-Options") != "nosniff" || res.Header().Get("Cache-Control") != "no-store" || res.Header().Get("Content-Type") != c.kind {
			t.Errorf("%s: %v, want %s", c.r.URL, res.Header(), c.kind)
		}
	}
}

// serve answers requests on a socket, as the gate does, and returns a client.
func serve(t *testing.T, handler http.Handler) (socket string, client *http.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "zonebox-api-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(handler)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return socket, client
}

// wire makes a request of a test one that can be sent.
func wire(ctx context.Context, r *http.Request, body io.Reader) *http.Request {
	out, _ := http.NewRequestWithContext(ctx, r.Method, "http://gate"+r.URL.RequestURI(), body)
	out.Header = r.Header
	return out
}

// TestAThousandRequestsAtOnceAreBounded sends a thousand, some with large bodies: of
// these no more are in memory at a time than have a place, and each is answered.
func TestAThousandRequestsAtOnceAreBounded(t *testing.T) {
	h := shared
	s := &server{engine: h.engine, log: slog.New(slog.DiscardHandler), large: make(chan struct{}, 4)}
	var mu sync.Mutex
	var now, most, answered int
	r := gin.New()
	r.POST("/v1/echo", s.signed, func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			t.Error(err)
		}
		if len(body) <= smallBody {
			return
		}
		mu.Lock()
		now, answered = now+1, answered+1
		most = max(most, now)
		mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
	})
	_, client := serve(t, r)
	large := strings.Repeat("#", smallBody+1)
	var wg sync.WaitGroup
	for i := range 1000 {
		body := "#"
		if i%10 == 0 {
			body = large
		}
		from := io.Reader(strings.NewReader(body))
		if i%20 == 0 { // it does not say how large it is
			from = io.MultiReader(from)
		}
		req := wire(t.Context(), h.signed("zhao.city", h.founder, http.MethodPost, "/v1/echo", body), from)
		wg.Go(func() {
			res, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	wg.Wait()
	if answered != 100 || most > 4 {
		t.Errorf("%d large bodies were answered, %d at a time; want 100, and at most 4", answered, most)
	}
}

// TestAClientThatGoesLeavesNothingBehind: its request ends, its place is free.
func TestAClientThatGoesLeavesNothingBehind(t *testing.T) {
	h := shared
	s := &server{engine: h.engine, log: slog.New(slog.DiscardHandler), large: make(chan struct{}, 1)}
	r := gin.New()
	r.POST("/v1/echo", s.signed, func(*gin.Context) {})
	_, client := serve(t, r)
	body := strings.Repeat("#", smallBody+1)
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	gone := wire(ctx, h.signed("zhao.city", h.founder, http.MethodPost, "/v1/echo", body), pr)
	failed := make(chan error, 1)
	go func() {
		res, err := client.Do(gone)
		if err == nil {
			res.Body.Close()
		}
		failed <- err
	}()
	if _, err := io.WriteString(pw, body[:1000]); err != nil { // it has its place
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() {
		res, err := client.Do(wire(t.Context(), h.signed("zhao.city", h.founder, http.MethodPost, "/v1/echo", body), strings.NewReader(body)))
		if err == nil {
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				err = fmt.Errorf("status %d", res.StatusCode)
			}
		}
		waits <- err
	}()
	cancel()
	pw.Close()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the client that went: %v", err)
	}
	if err := <-waits; err != nil {
		t.Errorf("the next: %v", err)
	}
}

// TestTheGateWaitsForBytesAndNotForever: a body is there within patience, however
// its sender gives it, and the time that a handler takes does not count.
func TestTheGateWaitsForBytesAndNotForever(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	conn := &deadlineConn{Conn: here}
	go func() { // a byte now and then, and never the last
		for {
			if _, err := there.Write([]byte("a")); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	conn.soon = true
	if _, err := wholeBody(conn, http.NewResponseController(conn)); err == nil || !strings.Contains(err.Error(), "did not come") {
		t.Errorf("a body that does not end = %v, want that it did not come", err)
	}
	if len(conn.set) != 2 || !conn.set[1].IsZero() {
		t.Fatalf("deadlines %v, want one for the body and none after it", conn.set)
	}
	if left := time.Until(conn.set[0]); left <= 0 || left > patience {
		t.Errorf("it waits for %v, want at most %v", left, patience)
	}
}

// deadlineConn is a connection that notes its deadlines, and has them soon.
type deadlineConn struct {
	net.Conn
	http.ResponseWriter
	set  []time.Time
	soon bool
}

func (c *deadlineConn) Write(p []byte) (int, error) { return c.Conn.Write(p) }

func (c *deadlineConn) SetReadDeadline(at time.Time) error {
	c.set = append(c.set, at)
	if c.soon && !at.IsZero() {
		at = time.Now().Add(20 * time.Millisecond)
	}
	return c.Conn.SetReadDeadline(at)
}

// TestChunkedGarbageIsRefused sends what is no body of HTTP behind good headers.
func TestChunkedGarbageIsRefused(t *testing.T) {
	h := shared
	socket, _ := serve(t, h.handler)
	for name, garbage := range map[string]string{
		"no chunk":          "hello\r\n",
		"a length too long": "ffffffffffffffffff\r\n{}\r\n",
		"cut off":           "10\r\n{}",
		"no end":            "2\r\n{}xx",
	} {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		r := h.signed("li.op", h.operator, http.MethodPost, "/v1/explain", "{}")
		fmt.Fprintf(conn, "POST /v1/explain HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n")
		_ = r.Header.Write(conn)
		fmt.Fprintf(conn, "\r\n%s", garbage)
		_ = conn.(*net.UnixConn).CloseWrite()
		text, err := io.ReadAll(conn)
		conn.Close()
		_, answer, ok := strings.Cut(string(text), "\r\n\r\n")
		p := new(Problem)
		if err != nil || !ok || json.Unmarshal([]byte(answer), p) != nil || p.Code != "BAD_REQUEST" {
			t.Errorf("%s: %v %q, want BAD_REQUEST", name, err, text)
		}
	}
}
