package worker

import (
	"bufio"
	"encoding/json"
	"errors"
	"sync"

	"zonebox/sandbox/internal/wire"
)

// A server answers the gate. The requests come in two orders only: Parse and
// Bind any number of times, or Attach any number of times and one Execute, or
// one Deliver. The gate keeps the order; the worker does not rely on it.
type server struct {
	cfg     Config
	options wire.Options
	cell    confinement
	settled bool // see settle
	engine  *engine
	in      *socket
	buf     *bufio.Reader
	talk    sync.Mutex // scans ask for segments while results are sent
}

// A fault is a failure the gate is told about by code and position.
type fault struct {
	code   string
	offset int
	row    int64
	column int
	cell   string // of a sheet
	field  int    // of a header, from 1
}

func (f *fault) Error() string { return "worker: " + f.code }

func faulted(code string) *fault { return &fault{code: code, offset: -1, column: -1} }

// errDead ends the worker without a word: the gate is gone or broke the protocol.
var errDead = errors.New("worker: gate gone")

func (s *server) serve() int {
	s.buf = bufio.NewReaderSize(s.in, 256<<10)
	for {
		kind, payload, err := wire.Read(s.buf)
		if err != nil {
			return exitService
		}
		err = s.answer(kind, payload)
		var f *fault
		if errors.As(err, &f) {
			err = s.reply(wire.Fault, wire.FaultMessage{Code: f.code, Offset: f.offset, Row: f.row, Column: f.column, Cell: f.cell, Field: f.field})
		}
		if err != nil {
			return exitService
		}
	}
}

func (s *server) answer(kind wire.Kind, payload []byte) error {
	if kind != wire.Probe {
		if err := s.settle(kind == wire.Attach); err != nil {
			return errDead
		}
	}
	switch kind {
	case wire.Parse:
		return request(payload, s.parse)
	case wire.Bind:
		return request(payload, s.bind)
	case wire.Attach:
		return request(payload, s.attach)
	case wire.Execute:
		return request(payload, s.execute)
	case wire.Deliver:
		return request(payload, s.deliver)
	case wire.Probe:
		return s.probe(string(payload))
	}
	return errDead
}

func request[M any](payload []byte, do func(M) error) error {
	var m M
	if err := json.Unmarshal(payload, &m); err != nil {
		return errDead
	}
	return do(m)
}

func (s *server) reply(kind wire.Kind, message any) error {
	return s.send(wire.AppendJSON(nil, kind, message))
}

// send writes whole frames.
func (s *server) send(frames []byte) error {
	s.talk.Lock()
	defer s.talk.Unlock()
	return s.in.send(frames)
}
