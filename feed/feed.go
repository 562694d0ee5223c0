// Package feed hands alerts to the system of those who supervise a domain: as JSON
// lines to a file or a socket, or as syslog messages (RFC 5424) to a socket. Traces of
// what runs took go the same way, as lines.
//
// What it guarantees: when Deliver returns nil the receiver has every message of the
// batch, in order. Of a file that is one synced write. A socket is given a batch by a
// connection of its own: after the last byte the gate closes its side, and the
// receiver's closing is its word that it read to the end. One that closes with bytes
// unread, dies or says nothing has not got the batch, and Deliver says so.
//
// What it does not: a message may come again, after a fault that left in doubt whether
// it came, so a receiver drops what it knows by id. A line that a crash or a full disk
// cut short stands in the file as a line that is no JSON; the message follows whole.
// Connections are neither encrypted nor authenticated: what leaves the host belongs
// into a tunnel.
//
// Read Parse and Receiver.Deliver first.
package feed

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Message is one alert.
type Message struct {
	Origin   string // of the log, in printable ASCII
	Kind     string // in printable ASCII
	At       time.Time
	Severity Severity
	Line     []byte // one JSON object in one line, without its end
}

// Severity is how grave an alert is, as syslog counts (RFC 5424, 6.2.1).
type Severity int

// The severities of alerts: act at once, be warned, take note.
const (
	Major   Severity = 1
	Warning Severity = 4
	Notice  Severity = 5
)

// Patience is how long a receiver may take for a batch.
const Patience = 10 * time.Second

var (
	// ErrReceiver says that a text names no receiver.
	ErrReceiver = errors.New("not file:PATH, unix:PATH, syslog:unix:PATH or syslog:HOST:PORT")

	// ErrFile says that what stands at the path is not a file of this user's alone.
	ErrFile = errors.New("must be a regular file of this user's, of mode 0600, with one name and no link")
)

// A Receiver takes alerts. It is for one goroutine.
type Receiver struct {
	Patience time.Duration // 0 is Patience

	name             string
	file             string
	network, address string
	syslog           bool
}

// Parse returns the receiver that a text names; it need not be there yet. Paths are
// absolute.
func Parse(text string) (*Receiver, error) {
	r := &Receiver{name: text}
	rest, isFile := strings.CutPrefix(text, "file:")
	if isFile && filepath.IsAbs(rest) {
		r.file = filepath.Clean(rest)
		return r, nil
	}
	rest, r.syslog = strings.CutPrefix(text, "syslog:")
	path, isUnix := strings.CutPrefix(rest, "unix:")
	host, port, err := net.SplitHostPort(rest)
	switch {
	case isUnix && filepath.IsAbs(path):
		r.network, r.address = "unix", filepath.Clean(path)
	case r.syslog && !isUnix && err == nil && host != "" && isPort(port):
		r.network, r.address = "tcp", rest
	default:
		return nil, fmt.Errorf("feed: receiver %q: %w", text, ErrReceiver)
	}
	return r, nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// String returns the text that names the receiver.
func (r *Receiver) String() string { return r.name }

// Syslog reports whether it takes messages of syslog.
func (r *Receiver) Syslog() bool { return r.syslog }

// Path returns where in the file system the receiver is, "" if it is elsewhere.
func (r *Receiver) Path() string {
	if r.network == "unix" {
		return r.address
	}
	return r.file
}

// Deliver hands over a batch, in order, and returns once the receiver has it. After
// an error it may have some of it.
func (r *Receiver) Deliver(ctx context.Context, batch []Message) error {
	var all bytes.Buffer
	for _, m := range batch {
		if r.syslog {
			framed(&all, m)
			continue
		}
		all.Write(m.Line)
		all.WriteByte('\n')
	}
	var err error
	if r.file != "" {
		err = appendTo(r.file, all.Bytes())
	} else {
		err = r.send(ctx, all.Bytes())
	}
	if err != nil {
		return fmt.Errorf("feed: deliver to %s: %w", r.name, err)
	}
	return nil
}

// send gives data to a socket and waits until its other end has read all and closed.
func (r *Receiver) send(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Patience, Patience))
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, r.network, r.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = conn.Write(data)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, conn) // what a receiver says is nothing to us
	}
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		err = acknowledged(tcp, len(data))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
