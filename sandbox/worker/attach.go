package worker

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// attach maps the Arrow files that came with the message and adds their batches
// to the table. The mapping stays for the life of the process: vectors point
// into it.
func (s *server) attach(m wire.AttachMessage) error {
	files, err := s.in.take(m.Files)
	if err != nil {
		return errDead
	}
	e := s.engine
	key := strings.ToLower(m.Table.Name)
	t := e.tables[key]
	if t == nil {
		t = &table{index: int64(len(registered)), columns: m.Table.Columns}
		e.tables[key] = t
		registered = append(registered, t)
		if !e.scans {
			if err := e.registerScan(); err != nil {
				return faulted("table")
			}
			e.scans = true
		}
		if err := e.view(m.Table.Name, t); err != nil {
			return faulted("table")
		}
	}
	for _, fd := range files {
		if err := t.add(fd); err != nil {
			return err
		}
	}
	return s.reply(wire.Done, wire.DoneMessage{Rows: t.rows})
}

// add maps the Arrow file fd, closes fd and appends the file's batches.
func (t *table) add(fd int) error {
	data, err := mapFile(fd)
	if err != nil {
		return err
	}
	r, err := ipc.NewMappedFileReader(data)
	if err != nil {
		return faulted("segment")
	}
	if !wire.Matches(r.Schema(), t.columns) {
		return faulted("segment")
	}
	for i := range r.NumRecords() {
		b, err := r.RecordBatchAt(i)
		if err != nil {
			return faulted("segment")
		}
		if b.NumRows() > 0 {
			t.batches = append(t.batches, b)
			t.rows += b.NumRows()
		}
	}
	return nil
}

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
