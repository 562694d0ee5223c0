package feed

import (
	"bytes"
	"fmt"
)

// logAudit is the facility "log audit" (RFC 5424, 6.2.1).
const logAudit = 13

// The bounds of RFC 5424, 6: a receiver may refuse what is longer.
const (
	maxOrigin = 255
	maxKind   = 32
)

// byteOrderMark says that a message is UTF-8 (RFC 5424, 6.4).
const byteOrderMark = "\ufeff"

// framed writes m as a syslog message behind its length (RFC 6587, 3.4.1), so that
// nothing in it can end it. The JSON line is its text; structured data would need an
// enterprise number.
func framed(w *bytes.Buffer, m Message) {
	text := fmt.Sprintf("<%d>1 %s %s zonebox - %s - %s%s", logAudit*8+int(m.Severity), m.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00"),
		m.Origin[:min(len(m.Origin), maxOrigin)], m.Kind[:min(len(m.Kind), maxKind)], byteOrderMark, m.Line)
	fmt.Fprintf(w, "%d %s", len(text), text)
}
