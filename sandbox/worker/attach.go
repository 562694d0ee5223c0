package worker

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// attach maps the Arrow files that came with the message and adds their columns
// to the table. The mapping stays for the life of the process: vectors point
// into it.
func (s *server) attach(m wire.AttachMessage) error {
	t, err := s.engine.table(m.Table)
	if err != nil {
		return err
	}
	for _, p := range m.Parts {
		files, err := s.in.take(p.Files)
		if err != nil {
			return errDead
		}
		if err := t.add(p, files); err != nil {
			return err
		}
	}
	return s.reply(wire.Done, wire.DoneMessage{Rows: t.rows})
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
	t = &table{index: int64(len(registered)), columns: m.Columns}
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

// add maps the columns of a part, closes their files, and appends the segment to
// the table when its last column has come.
func (t *table) add(p wire.Part, files []int) error {
	g := &t.partial
	if p.First != len(g.columns) || p.Rows < 0 || len(g.columns) > 0 && p.Rows != g.rows || p.First+len(files) > len(t.columns) {
		return faulted("segment")
	}
	g.rows = p.Rows
	for i, fd := range files {
		arr, err := mapColumn(fd)
		if err != nil {
			return err
		}
		if int64(arr.Len()) != p.Rows || !wire.Matches(arr.DataType(), t.columns[p.First+i].Type) {
			return faulted("segment")
		}
		g.columns = append(g.columns, arr)
	}
	if len(g.columns) < len(t.columns) {
		return nil
	}
	if g.rows > 0 {
		t.segments = append(t.segments, *g)
		t.rows += g.rows
	}
	t.partial = segment{}
	return nil
}

// mapColumn maps the only array of the Arrow file fd and closes fd. The array's
// buffers are parts of the mapping.
func mapColumn(fd int) (arrow.Array, error) {
	data, err := mapFile(fd)
	if err != nil {
		return nil, err
	}
	const magic = "ARROW1\x00\x00"
	if !strings.HasPrefix(string(data[:min(len(data), len(magic))]), magic) {
		return nil, faulted("segment")
	}
	// After its magic a file is a stream, which the footer only indexes.
	r, err := ipc.NewReaderFromMessageReader(&mappedMessages{data[len(magic):]})
	if err != nil || len(r.Schema().Fields()) != 1 || !r.Next() {
		return nil, faulted("segment")
	}
	arr := r.RecordBatch().Column(0)
	arr.Retain() // never released: vectors point into it
	return arr, nil
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
func mapFile(fd int) ([]byte, error) {
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
