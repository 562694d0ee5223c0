package worker

/*
#include <stdlib.h>
#include "scan.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// attach maps the Arrow files that came with the message and adds their columns
// to the table. The mapping stays for the life of the process: vectors point
// into it. A part without files announces a segment (stream.go).
func (s *server) attach(m wire.AttachMessage) error {
	t, err := s.engine.table(m.Table)
	if err != nil {
		return err
	}
	for _, p := range m.Parts {
		if p.Files == 0 {
			if err := t.announce(p); err != nil {
				return err
			}
			continue
		}
		files, err := s.in.take(p.Files)
		if err != nil {
			return errDead
		}
		if err := t.add(p, files); err != nil {
			return err
		}
	}
	return s.reply(wire.Done, wire.DoneMessage{})
}

// table returns the table of a name, which becomes visible to statements with
// the message that carries its columns.
func (e *engine) table(m wire.Table) (*table, error) {
	key := strings.ToLower(m.Name)
	t := e.tables[key]
	if t != nil {
		if m.Columns != nil && !slices.Equal(m.Columns, t.columns) {
			return nil, faulted("table")
		}
		return t, nil
	}
	if len(m.Columns) == 0 {
		return nil, faulted("table")
	}
	t = &table{engine: e, index: int64(len(registered)), columns: m.Columns}
	for _, c := range m.Columns {
		ct, err := wire.ParseType(c.Type)
		if err != nil {
			return nil, faulted("table")
		}
		t.types = append(t.types, ct)
	}
	e.tables[key] = t
	registered = append(registered, t)
	if !e.scans {
		if err := e.registerScan(); err != nil {
			return nil, faulted("table")
		}
		e.scans = true
	}
	if err := e.view(m.Name, t); err != nil {
		return nil, faulted("table")
	}
	return t, nil
}

// A partial is a segment whose columns are still coming.
type partial struct {
	rows    int64
	columns []*C.zonebox_array
}

// add maps the columns of a part, closes their files, and appends the segment to
// the table when its last column has come.
func (t *table) add(p wire.Part, files []int) error {
	g := &t.partial
	if p.First != len(g.columns) || p.Rows < 0 || len(g.columns) > 0 && p.Rows != g.rows || p.First+len(files) > len(t.columns) {
		return errSegment
	}
	g.rows = p.Rows
	for i, fd := range files {
		_, a, err := t.mapColumn(fd, p.Rows, p.First+i)
		if err != nil {
			return err
		}
		if a.kind == C.ZONEBOX_FIXED {
			a.connection, a.schema = t.engine.conn.Ptr, t.engine.converted(t.types[p.First+i])
		}
		g.columns = append(g.columns, a)
	}
	if len(g.columns) < len(t.columns) {
		return nil
	}
	if g.rows > 0 {
		s, err := newSegment(g.rows, -1)
		if err == nil {
			err = fillSegment(s, g.columns)
		}
		if err != nil {
			return err
		}
		t.segments = append(t.segments, s)
		t.rows += g.rows
	}
	t.partial = partial{}
	return nil
}

// newSegment returns a segment without columns, where the loop of scan.c reads it.
func newSegment(rows, number int64) (*C.zonebox_segment, error) {
	s := (*C.zonebox_segment)(C.calloc(1, C.sizeof_zonebox_segment))
	if s == nil {
		return nil, faulted("memory")
	}
	s.rows, s.number = C.int64_t(rows), C.int64_t(number)
	return s, nil
}

func fillSegment(s *C.zonebox_segment, columns []*C.zonebox_array) error {
	out := (**C.zonebox_array)(C.calloc(C.size_t(len(columns)), C.size_t(unsafe.Sizeof(uintptr(0)))))
	if out == nil {
		return faulted("memory")
	}
	copy(unsafe.Slice(out, len(columns)), columns)
	s.columns = out
	return nil
}

// mapColumn maps the Arrow file fd, which must hold one array of rows values
// that can be scanned as column at, and closes fd.
func (t *table) mapColumn(fd int, rows int64, at int) (mapping, *C.zonebox_array, error) {
	m, err := mapFile(fd)
	if err != nil {
		return nil, nil, err
	}
	a, err := m.column(rows, t.columns[at].Type, t.types[at])
	return m, a, err
}

func (m mapping) column(rows int64, name string, t wire.Type) (*C.zonebox_array, error) {
	const magic = "ARROW1\x00\x00"
	if !bytes.HasPrefix(m, []byte(magic)) {
		return nil, errSegment
	}
	// After its magic a file is a stream, which the footer only indexes.
	r, err := ipc.NewReaderFromMessageReader(&mappedMessages{m[len(magic):]}, ipc.WithEnsureNativeEndian(false))
	if err != nil || r.Schema().NumFields() != 1 || !r.Schema().IsNativeEndian() || !r.Next() {
		return nil, errSegment
	}
	arr := r.RecordBatch().Column(0)
	if int64(arr.Len()) != rows || !wire.Matches(arr.DataType(), name) {
		return nil, errSegment
	}
	return m.array(arr.Data(), t)
}

// mappedMessages yields the messages of a mapped Arrow stream in place.
type mappedMessages struct{ rest []byte }

// Message implements ipc.MessageReader.
func (m *mappedMessages) Message() (msg *ipc.Message, err error) {
	const head = 8
	if len(m.rest) < head || binary.LittleEndian.Uint32(m.rest) != 0xFFFFFFFF {
		return nil, errSegment
	}
	n := uint64(binary.LittleEndian.Uint32(m.rest[4:]))
	if n == 0 {
		return nil, io.EOF
	}
	if n > uint64(len(m.rest)-head) {
		return nil, errSegment
	}
	defer func() {
		if recover() != nil { // offsets in the metadata that lead out of it
			msg, err = nil, errSegment
		}
	}()
	meta, rest := m.rest[head:head+n], m.rest[head+n:]
	size := ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(nil)).BodyLen()
	if size < 0 || size > int64(len(rest)) {
		return nil, errSegment
	}
	m.rest = rest[size:]
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(rest[:size:size])), nil
}

func (*mappedMessages) Retain()  {}
func (*mappedMessages) Release() {}

var errSegment = faulted("segment")

// mapFile maps a sealed file for reading and closes its descriptor.
func mapFile(fd int) (mapping, error) {
	defer func() { _ = unix.Close(fd) }()
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err != nil || size == 0 {
		return nil, faulted("segment")
	}
	data, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, faulted("memory")
	}
	return data, nil
}
