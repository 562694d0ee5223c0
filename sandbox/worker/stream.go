package worker

/*
#include <stdlib.h>
#include "scan.h"
*/
import "C"

import (
	"encoding/json"
	"errors"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// What a statement reads can be larger than memory: of a table's segments the
// gate attaches as many as it likes and announces the others. A scan that comes
// to an announced segment asks the gate for it, and when the last scan that is
// in it has read it to its end, it is unmapped and the gate told so. A later
// scan asks again.

// streams guards what scans of several threads do to announced segments.
var streams sync.Mutex

// refused is why a segment could not be had: after one there are no others.
var refused C.enum_zonebox_entry = C.ZONEBOX_ENTERED

// mapped are the files of the announced segments that some scan is in.
var mapped = map[*C.zonebox_segment][]mapping{}

// announce adds a segment whose columns come when they are asked for.
func (t *table) announce(p wire.Part) error {
	if len(t.partial.columns) > 0 || p.First != 0 || p.Rows < 1 {
		return errSegment
	}
	s, err := newSegment(p.Rows, t.streamed)
	if err != nil {
		return err
	}
	t.segments = append(t.segments, s)
	t.streamed++
	t.rows += p.Rows
	return nil
}

//export zoneboxEnter
func zoneboxEnter(v *C.zonebox_visit) C.enum_zonebox_entry {
	streams.Lock()
	defer streams.Unlock()
	if v.entered || refused != C.ZONEBOX_ENTERED {
		return refused
	}
	if v.segment.visits == 0 {
		if err := registered[v.table].open(v.segment); err != nil {
			refused = C.ZONEBOX_NO_SEGMENT
			if f := (*fault)(nil); errors.As(err, &f) && f.code == "memory" {
				refused = C.ZONEBOX_NO_MEMORY
			}
			return refused
		}
	}
	v.segment.visits++
	v.entered = true
	return C.ZONEBOX_ENTERED
}

//export zoneboxLeave
func zoneboxLeave(v *C.zonebox_visit) {
	streams.Lock()
	defer streams.Unlock()
	if v.left--; v.left > 0 {
		return
	}
	v.entered = false
	if v.segment.visits--; v.segment.visits == 0 {
		registered[v.table].close(v.segment)
	}
}

// open asks for the columns of s and maps them.
func (t *table) open(s *C.zonebox_segment) error {
	var columns []*C.zonebox_array
	var failed error // ends the statement, and the worker with it
	err := t.engine.ask(wire.SegmentMessage{Table: t.index, Segment: int64(s.number)}, len(t.columns), func(fd int) {
		if failed != nil {
			_ = unix.Close(fd)
			return
		}
		m, a, err := t.mapColumn(fd, int64(s.rows), len(columns))
		if err != nil {
			failed = err
			return
		}
		mapped[s] = append(mapped[s], m)
		pass(a)
		columns = append(columns, a)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return fillSegment(s, columns)
}

// close unmaps the columns of s. Nothing points into them: the loop of scan.c
// copies what it reads of an array that is passing.
func (t *table) close(s *C.zonebox_segment) {
	for _, a := range unsafe.Slice(s.columns, len(t.columns)) {
		C.zonebox_forget(a)
	}
	C.free(unsafe.Pointer(s.columns))
	s.columns = nil
	for _, m := range mapped[s] {
		_ = unix.Munmap(m)
	}
	delete(mapped, s)
	t.engine.drop(wire.SegmentMessage{Table: t.index, Segment: int64(s.number)})
}

// pass marks an array and all within it.
func pass(a *C.zonebox_array) {
	a.passing = true
	if a.children != nil {
		for _, c := range unsafe.Slice(a.children, a.count) {
			pass(c)
		}
	}
}

// want asks the gate for a segment of so many columns and hands each descriptor
// to take, which closes it before the next message comes: there may be more
// columns than descriptors. Nothing else is sent until all have come.
func (s *server) want(m wire.SegmentMessage, columns int, take func(fd int)) error {
	s.talk.Lock()
	defer s.talk.Unlock()
	if err := s.in.send(wire.AppendJSON(nil, wire.Want, m)); err != nil {
		return errDead
	}
	for n := 0; n < columns; {
		kind, payload, err := wire.Read(s.buf)
		var m wire.AttachMessage
		if err != nil || kind != wire.Attach || json.Unmarshal(payload, &m) != nil {
			return errDead
		}
		for _, p := range m.Parts {
			files, err := s.in.take(p.Files)
			if err != nil {
				return errDead
			}
			for _, fd := range files {
				take(fd)
			}
			n += len(files)
		}
	}
	return nil
}

// dropped tells the gate that a segment is not mapped any more.
func (s *server) dropped(m wire.SegmentMessage) {
	_ = s.send(wire.AppendJSON(nil, wire.Drop, m)) // a gate that is gone ends the worker
}
