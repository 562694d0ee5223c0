package worker

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// gateFD is the worker's end of the socket pair.
const gateFD = 3

// A socket reads from the gate with plain blocking system calls: the fewer of
// them the runtime needs, the shorter the list the filter allows. Descriptors
// that arrive are kept until take.
type socket struct {
	files []int
	oob   [4096]byte
}

// Read implements io.Reader.
func (s *socket) Read(p []byte) (int, error) {
	for {
		n, oobn, _, _, err := unix.Recvmsg(gateFD, p, s.oob[:], unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if oobn > 0 {
			if err := s.keep(s.oob[:oobn]); err != nil {
				return 0, err
			}
		}
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
}

func (s *socket) keep(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range messages {
		files, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return err
		}
		s.files = append(s.files, files...)
	}
	return nil
}

// take returns the n oldest descriptors.
func (s *socket) take(n int) ([]int, error) {
	if n > len(s.files) {
		return nil, errors.New("worker: descriptors missing")
	}
	taken := s.files[:n]
	s.files = s.files[n:]
	return taken, nil
}

// send writes whole frames.
func (s *socket) send(frames []byte) error {
	for len(frames) > 0 {
		n, err := unix.Write(gateFD, frames)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}
