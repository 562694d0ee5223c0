package feed

import (
	"io"
	"net"
	"testing"
)

// The end of what a receiver says is its word only for what its host took in: one that
// closed before the batch came reads as one that closed behind it.
func TestAClosingIsNoWordForWhatNeverArrived(t *testing.T) {
	batch := make([]byte, 32<<20) // more than the buffers on the way
	for read, want := range map[bool]bool{true: true, false: false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if read {
				_, _ = io.ReadFull(conn, make([]byte, len(batch)))
			}
			_ = conn.(*net.TCPConn).CloseWrite()
			<-t.Context().Done()
		}()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _, _ = conn.Write(batch) }()
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatal(err)
		}
		if err := acknowledged(conn.(*net.TCPConn), len(batch)); (err == nil) != want {
			t.Errorf("of a batch that was read: %v; acknowledged: %v", read, err)
		}
	}
}
