package worker

import (
	"errors"
	"io"
)

// maxRecord bounds one record of a text: a quote that is never closed must not
// swallow the file into memory.
const maxRecord = 4 << 20

// minRead is how much a window asks for at a time: a source that trickles must
// not have one record scanned again for every byte.
const minRead = 64 << 10

// errMore asks for more input.
var errMore = errors.New("worker: more input needed")

// A window is the part of a text that has been read and not yet used.
type window struct {
	src io.Reader
	buf []byte
	pos int
	eof bool
	err error // of src, to be told when what came before it has been used
}

func newWindow(src io.Reader) *window { return &window{src: src, buf: make([]byte, 0, 512<<10)} }

// rest returns what has been read and not used.
func (w *window) rest() []byte { return w.buf[w.pos:] }

// fill reads more input behind what is unused. It returns a fault if that is
// longer than a record may be.
func (w *window) fill() error {
	if w.err != nil {
		return w.err
	}
	w.buf = w.buf[:copy(w.buf, w.buf[w.pos:])]
	w.pos = 0
	if len(w.buf) > maxRecord {
		return faulted("too_long")
	}
	if cap(w.buf)-len(w.buf) < minRead {
		w.buf = append(make([]byte, 0, 2*cap(w.buf)), w.buf...)
	}
	for start := len(w.buf); len(w.buf)-start < minRead; {
		n, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if err == io.EOF {
			w.eof = true
			return nil
		}
		if err != nil {
			if w.err = err; len(w.buf) == start {
				return err
			}
			return nil
		}
	}
	return nil
}
