//go:build !linux

package feed

import (
	"errors"
	"net"
)

// acknowledged refuses: elsewhere nothing tells what the other host took in.
func acknowledged(*net.TCPConn, int) error { return errors.ErrUnsupported }
