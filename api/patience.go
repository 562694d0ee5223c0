package api

import (
	"net/http"
	"time"
)

// patience is how long the gate waits for a body that is no delivery: a sender who
// holds a place and gives a byte now and then is as one who gives none. So long it
// waits for somebody to take the next part of an answer, too.
const patience = time.Minute

// linger is how long what is left of a body may still come once its request has been
// answered: who sends on and does not read the answer holds no connection by it.
const linger = time.Second

// part is how much of an answer is given at a time.
const part = 64 << 10

// patient is a writer whose reader takes a part of the answer within patience, or the
// connection ends. One that takes no deadline is of a test, without a network.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newPatient(w http.ResponseWriter) *patient {
	return &patient{w, http.NewResponseController(w)}
}

func (p *patient) arm() { _ = p.control.SetWriteDeadline(time.Now().Add(patience)) }

// WriteHeader writes the status.
func (p *patient) WriteHeader(status int) {
	p.arm()
	p.ResponseWriter.WriteHeader(status)
}

// Write writes b, a part after the other.
func (p *patient) Write(b []byte) (n int, err error) {
	for {
		p.arm()
		m, err := p.ResponseWriter.Write(b[n:min(n+part, len(b))])
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Flush sends what was written.
func (p *patient) Flush() {
	p.arm()
	_ = p.control.Flush() // of a writer that cannot, nothing waits
}

// Unwrap returns the writer itself, for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
