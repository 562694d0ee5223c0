package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Who announces a body and sends none is answered at once, and loses the connection:
// a stranger's is not waited for, whatever it announced.
func TestAStrangerWhoSendsNoBodyHoldsNothing(t *testing.T) {
	gate := httptest.NewServer(shared.handler)
	defer gate.Close()
	for _, head := range []string{"Content-Length: 1000\r\n", "Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(gate.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		fmt.Fprintf(conn, "POST /v1/documents HTTP/1.1\r\nHost: x\r\n%s\r\n", head)
		if err := conn.SetReadDeadline(began.Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(bufio.NewReader(conn)) // until the gate closes it
		if err != nil || !bytes.HasPrefix(text, []byte("HTTP/1.1 403 ")) || !bytes.Contains(text, []byte("AUTH_FAILED")) {
			t.Errorf("%q: %v %q", head, err, text)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%q: it took %v", head, took)
		}
	}
}

// A body of a thousand faults costs no more than one of the first.
func TestFaultsOfABodyAreNotCollected(t *testing.T) {
	var fields, lines strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&fields, `"%05d.":1,`, i)
		lines.WriteString("1,")
	}
	for route, body := range map[string]string{
		"/v1/explain":   "{" + strings.TrimSuffix(fields.String(), ",") + "}",
		"/v1/fragments": `{"lines":[` + strings.TrimSuffix(lines.String(), ",") + "]}",
	} {
		r := shared.signed("li.op", shared.operator, http.MethodPost, route, body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res := shared.do(r)
		runtime.ReadMemStats(&after)
		if res.Code != http.StatusBadRequest {
			t.Errorf("%s = %d %s", route, res.Code, res.Body)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
			t.Errorf("%s of %d bytes took %d bytes", route, len(body), took)
		}
	}
}

// slow is a connection that notes how long it would wait for its reader.
type slow struct {
	*httptest.ResponseRecorder
	set   []time.Time
	parts []int
}

func (s *slow) SetWriteDeadline(at time.Time) error { s.set = append(s.set, at); return nil }
func (s *slow) Write(b []byte) (int, error) {
	s.parts = append(s.parts, len(b))
	return s.ResponseRecorder.Write(b)
}

// Each part of an answer has its own time, and the whole is given.
func TestAnAnswerWaitsForItsReaderAPartAtATime(t *testing.T) {
	s := &slow{ResponseRecorder: httptest.NewRecorder()}
	answer := bytes.Repeat([]byte("0123456789abcdef"), (2*part+100)/16)
	if n, err := newPatient(s).Write(answer); n != len(answer) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if len(s.parts) != 3 || len(s.set) != 3 || !bytes.Equal(s.Body.Bytes(), answer) {
		t.Errorf("parts %v, %d deadlines", s.parts, len(s.set))
	}
	for _, at := range s.set {
		if left := time.Until(at); left <= 0 || left > patience {
			t.Errorf("it waits for %v, want at most %v", left, patience)
		}
	}
	if n, err := newPatient(s).Write(nil); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
}
