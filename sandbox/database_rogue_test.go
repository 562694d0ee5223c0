package sandbox_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"zonebox/sandbox"
)

// rogue returns a connection to a server that does as serve says.
func rogue(t *testing.T, kind string, serve func(net.Conn)) *sandbox.Database {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		serve(c)
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &sandbox.Database{Kind: kind, Conn: conn, Name: "n", User: "u", Password: "secret"}
}

// pgMessage is a message of PostgreSQL's protocol.
func pgMessage(kind byte, body string) []byte {
	return append(append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...), body...)
}

// myPacket is a packet of MySQL's protocol.
func myPacket(sequence byte, body string) []byte {
	return append([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), sequence}, body...)
}

// welcome is how a server of MySQL begins.
var welcome = myPacket(0, "\x0a5.7.0\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x21\x02\x00\xff\x81\x15"+string(make([]byte, 10))+"abcdefghijkl\x00mysql_native_password\x00")

// TestARogueServerEndsItsLoadAlone has servers that lie, flood and stall. The gate's
// memory does not grow, the worker's is bounded, and the session ends in time.
func TestARogueServerEndsItsLoadAlone(t *testing.T) {
	const most = 20 * time.Second // of a load: a machine with other work floods a worker slowly
	p := pool(t, sandbox.Config{Memory: 256 << 20, Load: most, Decoded: 1 << 30})
	brief := pool(t, sandbox.Config{Memory: 256 << 20, Load: 2 * time.Second})
	endless := append([]byte{0xff, 0xff, 0xff, 0}, make([]byte, 1<<24-1)...)
	columns := []sandbox.Column{{Name: "v", Type: "VARCHAR"}}
	flood := func(head, piece []byte) func(net.Conn) {
		return func(c net.Conn) {
			if _, err := c.Write(head); err != nil {
				return
			}
			for {
				if _, err := c.Write(piece); err != nil {
					return
				}
			}
		}
	}
	bounded := errors.New("the worker's end by its bound of memory, which its own allocator or its group enforces")
	hello := append(pgMessage('R', "\x00\x00\x00\x00"), pgMessage('Z', "I")...)
	for _, c := range []struct {
		kind, rule string
		serve      func(net.Conn)
		codes      []string
		err        error // or one that has it
	}{
		{"postgres", "garbage", flood(nil, []byte("garbage\x00\xff")), []string{"protocol"}, nil},
		{"postgres", "nothing", func(net.Conn) {}, []string{"protocol"}, nil},
		{"postgres", "silence", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, nil, sandbox.ErrTime},
		{"postgres", "a message of 2 GB", flood([]byte("R\x7f\xff\xff\xff"), make([]byte, 1<<16)), []string{"protocol"}, nil},
		{"postgres", "notices without end", flood(hello, pgMessage('N', "SNOTICE\x00Mx\x00\x00")), []string{"too_large", "protocol"}, sandbox.ErrTime},
		{"postgres", "rows nobody asked for", flood(hello, append(pgMessage('T', "\x00\x01v\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00"), pgMessage('D', "\x00\x01\x00\x00\x00\x01x")...)), []string{"too_large", "protocol"}, sandbox.ErrTime},
		{"postgres", "a password in the clear, please", flood(pgMessage('R', "\x00\x00\x00\x03"), nil), []string{"protocol", "login"}, nil},
		{"mysql", "garbage", flood(nil, []byte("garbage\x00\xff")), []string{"protocol"}, nil},
		{"mysql", "nothing", func(net.Conn) {}, []string{"protocol"}, nil},
		{"mysql", "silence", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, nil, sandbox.ErrTime},
		{"mysql", "a packet without end", func(c net.Conn) {
			_, _ = c.Write(welcome)
			for endless[3] = 2; ; endless[3]++ {
				if _, err := c.Write(endless); err != nil {
					return
				}
			}
		}, []string{"too_large", "protocol"}, bounded},
		{"mysql", "a password in the clear, please", func(c net.Conn) {
			_, _ = c.Write(welcome)
			_, _ = c.Read(make([]byte, 1<<16))
			_, _ = c.Write(myPacket(2, "\xfemysql_clear_password\x00"))
			said, _ := io.ReadAll(c)
			if len(said) > 0 {
				t.Errorf("the worker answered a rogue's question for a password with %d bytes", len(said))
			}
		}, []string{"protocol", "login"}, nil},
		{"mysql", "a file of the client's, please", func(c net.Conn) {
			_, _ = c.Write(welcome)
			_, _ = c.Read(make([]byte, 1<<16))
			_, _ = c.Write(myPacket(2, "\x00\x00\x00\x02\x00\x00\x00"))
			for i := range 5 {
				_, _ = c.Read(make([]byte, 1<<16))
				_, _ = c.Write(myPacket(byte(1+i), "\xfb/etc/passwd"))
			}
		}, []string{"protocol", "server"}, nil},
	} {
		t.Run(c.kind+" "+c.rule, func(t *testing.T) {
			_, before := gatePeak(t)
			began := time.Now()
			p := p
			if c.rule == "silence" {
				p = brief
			}
			err := drain(t, p, sandbox.Delivery{Columns: columns, Table: "t", Database: rogue(t, c.kind, c.serve)})
			var refused *sandbox.DeliveryError
			good := c.err != nil && (errors.Is(err, c.err) || c.err == bounded && (errors.Is(err, sandbox.ErrKilled) || errors.Is(err, sandbox.ErrMemory)))
			if errors.As(err, &refused) {
				for _, code := range c.codes {
					good = good || refused.Code == code
				}
			}
			if !good {
				t.Errorf("Read() = %v, want %v %v", err, c.codes, c.err)
			}
			if took := time.Since(began); took > most+10*time.Second {
				t.Errorf("it took %v", took)
			}
			if _, after := gatePeak(t); after-before > 64<<20 {
				t.Errorf("the gate grew by %d MB", (after-before)>>20)
			}
		})
	}
}

// TestAWorkerWithASocketIsAsConfinedAsOthers gives a worker a connection and has it
// try what it may not; another holds one while it tries.
func TestAWorkerWithASocketIsAsConfinedAsOthers(t *testing.T) {
	columns := []sandbox.Column{{Name: "v", Type: "VARCHAR"}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, c := range []struct {
		escape string
		killed bool
	}{{"tcp " + port, true}, {"open /etc/passwd", false}, {"exec", true}, {"socketpair", true}, {"send_fd", true}, {"dup", false}} {
		t.Run(c.escape, func(t *testing.T) {
			s := start(t, sandbox.Config{})
			r, err := s.Read(t.Context(), sandbox.Delivery{Columns: columns, Table: "t", Database: rogue(t, "postgres", func(c net.Conn) {
				_, _ = c.Read(make([]byte, 8))
			})})
			if err == nil {
				_, err = r.Next()
			}
			if err == nil {
				t.Fatal("a server that says nothing was read")
			}
			files := s.Attestation().Files
			if last := files[len(files)-1]; !strings.HasPrefix(last, "database socket:") {
				t.Errorf("the attestation shows %q, want the socket", files)
			}
			holding := start(t, sandbox.Config{})
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			held, err := conn.(*net.TCPConn).File()
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			for _, s := range []*sandbox.Session{s, holding} {
				var files []*os.File
				if s == holding {
					files = append(files, held)
				}
				errno, err := s.Probe(c.escape, files...)
				if c.killed && !errors.Is(err, sandbox.ErrKilled) || !c.killed && (err != nil || errno == 0) {
					t.Errorf("Probe(%s) = %v, %v", c.escape, errno, err)
				}
			}
		})
	}
}
