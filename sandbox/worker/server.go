package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// maxServerRow bounds one row of a server, and with it one message.
const maxServerRow = 16 << 20

// readServer streams a table of a database server over fd, a socket that is
// connected. The drivers speak the protocol; they dial nothing, and the filter
// would not let them.
//
// The rows are those of one moment: a transaction that only reads, of repeatable
// reads. The server's words stay here; what it says is told by code.
func readServer(m wire.DeliverMessage, fd int, out *emitter) (err error) {
	defer func() {
		if recover() != nil {
			err = faulted("protocol")
		}
	}()
	conn := &serverConn{fd: fd, left: m.Decoded}
	defer func() { _ = conn.Close() }()
	var secure *tls.Config
	if len(m.Database.CA) > 0 {
		secure = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: m.Database.Server, MinVersion: tls.VersionTLS12}
		if !secure.RootCAs.AppendCertsFromPEM(m.Database.CA) {
			return faulted("tls")
		}
	}
	out.found(func(s *wire.Shape) { s.Format = m.Database.Kind })
	s := &serverTable{database: m.Database, table: m.Table, conn: conn, secure: secure, out: out}
	switch m.Database.Kind {
	case "postgres":
		err = s.readPostgres(context.Background())
	case "mysql":
		err = s.readMySQL(context.Background())
	default:
		return faulted("format")
	}
	if conn.refused {
		return faulted("login")
	}
	return out.end(serverFault(err))
}

// A serverTable is one table of a server.
type serverTable struct {
	database *wire.Database
	table    string
	conn     *serverConn
	secure   *tls.Config // nil for none
	out      *emitter
	rows     int64
}

// A serverColumn is a column as the server's catalogue has it.
type serverColumn struct {
	name string
	// typ is the type of a delivery that the column's own is, "" if there is none;
	// open tells that values have to be looked at.
	typ  string
	open bool
	// text tells that the server writes the type as texts are written.
	float32 bool
}

// begin matches the columns with those of the delivery and returns where their
// values go. What a column is to hold it must be of: only whole numbers are also
// taken for decimals.
func (s *serverTable) begin(columns []serverColumn) (intake, error) {
	var names []string
	for _, c := range columns {
		if code := nameFault([]byte(c.name)); code != "" {
			return nil, faulted(code)
		}
		names = append(names, c.name)
	}
	slots, err := s.out.open(names)
	if err != nil {
		return nil, err
	}
	for i, slot := range slots {
		c := columns[i]
		if in := s.out.inspection; in != nil {
			in.columns[i].fixed, in.columns[i].typ = !c.open, c.typ
			continue
		}
		want, _, _ := strings.Cut(slot.typ, "(")
		have, _, _ := strings.Cut(c.typ, "(")
		if have == "" || want != have && !(want == "DECIMAL" && have == "BIGINT") && !(want == "BOOLEAN" && c.typ == "BIGINT" && c.open) {
			return nil, &fault{code: "column_type", offset: -1, column: slot.column}
		}
	}
	return slots, nil
}

// row hands a row in the server's text form to the slots. Values that are null are
// nil.
func (s *serverTable) row(columns []serverColumn, slots intake, values [][]byte) error {
	s.rows++
	if len(values) != len(slots) {
		return faulted("protocol")
	}
	for i, v := range values {
		slot := slots[i]
		s.out.size += len(v) + 1
		if v == nil {
			slot.null()
			continue
		}
		if columns[i].float32 {
			f, err := strconv.ParseFloat(string(v), 32)
			if err != nil {
				return &fault{code: "value", offset: -1, row: s.rows, column: slot.column}
			}
			v = strconv.AppendFloat(nil, f, 'g', -1, 64)
		}
		take := slot.text
		if columns[i].typ != "VARCHAR" {
			take = slot.bare
		}
		code := ""
		if len(v) == 0 && columns[i].typ != "VARCHAR" {
			code = "value"
		} else {
			code = take(v)
		}
		if code != "" {
			return &fault{code: code, offset: -1, row: s.rows, column: slot.column}
		}
	}
	return s.out.added(1)
}

// serverFault turns what a driver says into a code.
func serverFault(err error) error {
	var f *fault
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case err == nil, errors.As(err, &f), errors.Is(err, errDead), err == errEnough:
		if f != nil {
			return f
		}
		return err
	case errors.As(err, &certificate), errors.As(err, &alert), errors.As(err, &record):
		return faulted("tls")
	}
	if code := postgresCode(err); code != "" {
		return faulted(code)
	}
	if code := mysqlCode(err); code != "" {
		return faulted(code)
	}
	return faulted("protocol")
}

// quoted returns a text between quotes, doubled inside.
func quoted(s, quote string) string {
	return quote + strings.ReplaceAll(s, quote, quote+quote) + quote
}

// decimalOf returns DECIMAL(p,s), or "" if nothing holds as many digits.
func decimalOf(precision, scale int) string {
	if precision < 1 || precision > 38 || scale < 0 || scale > precision {
		return ""
	}
	return fmt.Sprintf("DECIMAL(%d,%d)", precision, scale)
}

// A serverConn is a connected socket, read and written by plain blocking calls: the
// filter knows no other. It has no deadlines; the gate ends a worker that takes too
// long. left bounds what may be read.
type serverConn struct {
	fd     int
	left   int64
	closed bool
	// login, if not nil, decides on what is written before the first command.
	login   *mysqlLogin
	refused bool // it did refuse
}

// Read implements net.Conn.
func (c *serverConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := unix.Read(c.fd, p)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, io.EOF
		}
		if c.left -= int64(n); c.left < 0 {
			return 0, faulted("too_large")
		}
		return n, nil
	}
}

// Write implements net.Conn.
func (c *serverConn) Write(p []byte) (int, error) {
	if c.login != nil && !c.login.allows(p) {
		c.refused = true
		return 0, faulted("login")
	}
	for done := 0; done < len(p); {
		n, err := unix.Write(c.fd, p[done:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// Close implements net.Conn.
func (c *serverConn) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return unix.Close(c.fd)
}

type serverAddress struct{}

func (serverAddress) Network() string { return "tcp" }
func (serverAddress) String() string  { return "database" }

// LocalAddr and the others of net.Conn have nothing to say or to do.
func (*serverConn) LocalAddr() net.Addr              { return serverAddress{} }
func (*serverConn) RemoteAddr() net.Addr             { return serverAddress{} }
func (*serverConn) SetDeadline(time.Time) error      { return nil }
func (*serverConn) SetReadDeadline(time.Time) error  { return nil }
func (*serverConn) SetWriteDeadline(time.Time) error { return nil }
