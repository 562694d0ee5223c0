//go:build zonebox_probe

package worker

import (
	"bytes"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

var errLeave = errors.New("worker: left")

// rogue answers the probe and then, by answer, the next request, whatever it is.
func (s *server) rogue(answer func(*server, []byte) error, frames []byte) error {
	if err := s.reply(wire.Done, wire.DoneMessage{}); err != nil {
		return err
	}
	return answer(s, frames)
}

// asked waits for the next request.
func (s *server) asked() error {
	_, _, err := wire.Read(s.buf)
	return err
}

// deaf waits for the gate to end the process, whatever it sends.
func (s *server) deaf() error {
	time.Sleep(time.Hour)
	return nil
}

// rogues are ways to answer a request with given bytes.
var rogues = map[string]func(s *server, frames []byte) error{
	// The bytes, then silence.
	"rogue": func(s *server, frames []byte) error {
		return errors.Join(s.asked(), s.in.send(frames), s.deaf())
	},
	// The bytes before there is a request.
	"early": func(s *server, frames []byte) error {
		if err := s.in.send(frames); err != nil {
			return err
		}
		return s.deaf()
	},
	// The bytes, then the end of the process.
	"leave": func(s *server, frames []byte) error {
		return errors.Join(s.asked(), s.in.send(frames), errLeave)
	},
	// The bytes, then the end of the connection, but not of the process.
	"hangup": func(s *server, frames []byte) error {
		return errors.Join(s.asked(), s.in.send(frames), unix.Close(gateFD), s.deaf())
	},
	// The bytes, of which the last frame repeats for ever.
	"endless": func(s *server, frames []byte) error {
		if err := s.asked(); err != nil {
			return err
		}
		last := frames
		for rest := frames; len(rest) > 0; {
			n := 5 + int(rest[0]) + int(rest[1])<<8 + int(rest[2])<<16 + int(rest[3])<<24
			last, rest = rest, rest[n:]
		}
		many := bytes.Repeat(last, 1+(64<<10)/len(last))
		err := s.in.send(frames)
		for err == nil {
			err = s.in.send(many)
		}
		return err
	},
	// The bytes one by one.
	"drip": func(s *server, frames []byte) error {
		err := s.asked()
		for i := 0; err == nil && i < len(frames); i++ {
			err = s.in.send(frames[i : i+1])
			time.Sleep(10 * time.Millisecond)
		}
		return err
	},
	// The bytes, and with each write as many descriptors as the kernel takes.
	// Only without the filter, which refuses the call.
	"rights": func(s *server, frames []byte) error {
		if err := s.asked(); err != nil {
			return err
		}
		rights := unix.UnixRights(make([]int, 253)...)
		for n := max(len(frames)/20, 1); len(frames) > n; {
			err := unix.Sendmsg(gateFD, frames[:n], rights, nil, 0)
			if errors.Is(err, unix.ETOOMANYREFS) {
				time.Sleep(time.Millisecond) // until the gate has read some
				continue
			}
			if err != nil {
				return err
			}
			frames = frames[n:]
		}
		return errors.Join(s.in.send(frames), s.deaf())
	},
	// The frames one by one. Of what comes for a wish it maps a page and keeps it.
	"keep": func(s *server, frames []byte) error {
		err := s.asked()
		for err == nil && len(frames) > 0 {
			n := 5 + int(frames[0]) + int(frames[1])<<8 + int(frames[2])<<16 + int(frames[3])<<24
			kind := wire.Kind(frames[4])
			err, frames = s.in.send(frames[:n]), frames[n:]
			if err != nil || kind != wire.Want {
				continue
			}
			var files []int
			if err = s.asked(); err == nil {
				files, err = s.in.take(1)
			}
			if err == nil {
				_, err = unix.Mmap(files[0], 0, 1, unix.PROT_READ, unix.MAP_SHARED)
				err = errors.Join(err, unix.Close(files[0]))
			}
		}
		return errors.Join(err, s.deaf())
	},
	// More of a parse tree than there may be.
	"trees": func(s *server, _ []byte) error {
		err := s.asked()
		full := wire.Append(nil, wire.Tree, make([]byte, wire.MaxFrame))
		for range wire.MaxTree/wire.MaxFrame + 1 {
			if err == nil {
				err = s.in.send(full)
			}
		}
		return errors.Join(err, s.reply(wire.Done, wire.DoneMessage{}))
	},
}
