package feed

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// acknowledged returns an error unless the other host acknowledged n bytes of a
// connection that its other end has closed. Whoever read them did, at the latest with
// the closing; one that was closed before they came answers them with a reset, which
// may arrive after the closing or not be seen behind it.
func acknowledged(conn *net.TCPConn, n int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var info *unix.TCPInfo
	var asked error
	if err := raw.Control(func(fd uintptr) { info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil {
		return err
	}
	if asked != nil {
		return asked
	}
	if info.Bytes_acked < uint64(n) {
		return errors.New("closed before it had the batch")
	}
	return nil
}
