package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"zonebox/sandbox/internal/wire"
)

// Attach makes segs visible to the statement as table. Their columns may be
// closed when Attach has returned. A table without segments is empty; Attach may
// be called again to add segments. They are the gate's, and the worker's memory is
// not charged with them, but for 16 bytes for each word of a dictionary.
//
// It panics if a segment has not the table's number of columns or a column not
// the segment's rows.
func (s *Session) Attach(ctx context.Context, table Table, segs []Segment) error {
	if err := s.enter("attach", attached, fresh, attached); err != nil {
		return err
	}
	defer s.watch(ctx)()
	for _, g := range segs {
		s.attachedLen += g.space(len(table.Columns))
	}
	if err := s.allow(s.attachedLen); err != nil {
		return err
	}
	s.streams.table(table.Name)
	return parts(table, segs, s.attach)
}

// Room returns how many bytes of tables should still be attached; where there is
// no more, segments are announced.
func (s *Session) Room() int64 { return max(0, s.cfg.Attached-s.attachedLen) }

// parts hands segs to send in messages of as many files as one carries. The
// first message has the columns of table.
func parts(table Table, segs []Segment, send func(wire.AttachMessage, []*os.File) error) error {
	m := wire.AttachMessage{Table: table}
	var files []*os.File
	flush := func() error {
		err := send(m, files)
		m, files = wire.AttachMessage{Table: Table{Name: table.Name}}, nil
		return err
	}
	for _, g := range segs {
		for first := 0; first < len(g.Columns); {
			n := min(len(g.Columns)-first, wire.MaxFiles-len(files))
			m.Parts = append(m.Parts, wire.Part{Rows: g.Rows, First: first, Files: n})
			for _, c := range g.Columns[first : first+n] {
				files = append(files, c.file)
			}
			first += n
			if len(files) == wire.MaxFiles {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	if len(files) > 0 || m.Table.Columns != nil {
		return flush()
	}
	return nil
}

// attach sends one message and waits for the worker to have mapped its files.
func (s *Session) attach(m wire.AttachMessage, files []*os.File) error {
	if err := s.send(wire.AppendJSON(nil, wire.Attach, m), files); err != nil {
		return err
	}
	kind, payload, err := s.receive()
	if err != nil {
		return err
	}
	if kind != wire.Done {
		return s.unexpected(kind, payload, nil)
	}
	return s.done(payload, 0)
}

// space returns the address space that mapping g takes. It panics if g is no
// segment of so many columns.
func (g Segment) space(columns int) (n int64) {
	if len(g.Columns) != columns {
		panic("sandbox: a segment with another number of columns")
	}
	for _, c := range g.Columns {
		if c.rows != g.Rows {
			panic("sandbox: a segment with columns of different lengths")
		}
		n += pages(c.size)
	}
	return n
}

// pages returns the address space that mapping size bytes takes.
func pages(size int64) int64 {
	page := int64(os.Getpagesize())
	return (size + page - 1) / page * page
}

// A Streamed is a segment that reaches the worker when a scan of the statement
// comes to it, and leaves it when the last scan has read it.
type Streamed struct {
	Rows int64 // at least 1
	// Open makes the segment, of lent columns (Lend); the session closes it. It is
	// called from Execute and Result.Next, once for every scan that comes to the
	// segment while no other is in it, and its error is theirs.
	Open func() (Segment, error)
}

// Announce adds segments to a table, after those that are attached, that reach
// the worker when a scan comes to them: what a statement reads may be larger than
// memory. What the worker holds of them at one time is not charged to it either,
// but more than Config.Memory ends it with ErrMemory.
func (s *Session) Announce(ctx context.Context, table Table, segs []Streamed) error {
	if err := s.enter("announce", attached, fresh, attached); err != nil {
		return err
	}
	defer s.watch(ctx)()
	t := s.streams.table(table.Name)
	t.columns = len(table.Columns)
	t.segments = append(t.segments, segs...)
	m := wire.AttachMessage{Table: table}
	for len(segs) > 0 || m.Table.Columns != nil {
		n := min(len(segs), announced)
		for _, g := range segs[:n] {
			m.Parts = append(m.Parts, wire.Part{Rows: g.Rows})
		}
		if err := s.attach(m, nil); err != nil {
			return err
		}
		m, segs = wire.AttachMessage{Table: Table{Name: table.Name}}, segs[n:]
	}
	return nil
}

// announced is how many segments one message announces; each takes less than a
// hundred bytes.
const announced = 10_000

// streams are the announced segments of a session.
type streams struct {
	tables []*streamedTable
	size   int64 // address space of what is lent together
	most   int64 // that size has been

	mu   sync.Mutex // for what the end of the worker may meet
	lent map[wire.SegmentMessage]loan
	over bool // the worker is gone
}

// A loan is the memory of an announced segment that the worker has.
type loan struct {
	files []*os.File
	size  int64 // address space
}

// lend takes the memory of g over from its columns. It panics if they are not of
// Lend.
func (g Segment) lend(size int64) loan {
	l := loan{size: size}
	for _, c := range g.Columns {
		if c.own == nil {
			panic("sandbox: a streamed segment of a column that is not lent")
		}
		l.files = append(l.files, c.own)
		c.own = nil
	}
	return l
}

// end takes the memory back. A worker that still maps it gets a signal where it
// looks; an honest one does not.
func (l loan) end() error {
	var failed error
	for _, f := range l.files {
		failed = errors.Join(failed, f.Truncate(0), f.Close())
	}
	return failed
}

// end takes back what a worker that is gone had.
func (l *streams) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for m, lent := range l.lent {
		delete(l.lent, m)
		_ = lent.end()
	}
}

func (l *streams) has(m wire.SegmentMessage) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.lent[m]
	return ok
}

type streamedTable struct {
	name     string
	columns  int
	segments []Streamed
}

// table returns the table of a name. The worker, too, counts tables in the order
// in which it hears of them.
func (l *streams) table(name string) *streamedTable {
	for _, t := range l.tables {
		if t.name == name {
			return t
		}
	}
	t := &streamedTable{name: name}
	l.tables = append(l.tables, t)
	return t
}

// served receives the next frame that is about the result, and until then gives
// the worker the segments it asks for.
func (s *Session) served() (wire.Kind, []byte, error) {
	for {
		kind, payload, err := s.receive()
		if err != nil {
			return 0, nil, err
		}
		switch kind {
		case wire.Want:
			err = s.stream(payload)
		case wire.Drop:
			err = s.dropped(payload)
		default:
			return kind, payload, nil
		}
		if err != nil {
			return 0, nil, err
		}
	}
}

// stream gives the worker an announced segment.
func (s *Session) stream(payload []byte) error {
	l := &s.streams
	m, err := wire.Decode[wire.SegmentMessage](payload)
	if err != nil || m.Table < 0 || m.Table >= int64(len(l.tables)) {
		return s.broken("segment")
	}
	t := l.tables[m.Table]
	if l.has(m) || m.Segment < 0 || m.Segment >= int64(len(t.segments)) {
		return s.broken("segment")
	}
	g, err := t.segments[m.Segment].Open()
	if err != nil {
		s.kill(err)
		return err
	}
	err = s.give(t, m, g)
	return errors.Join(err, g.Close())
}

func (s *Session) give(t *streamedTable, m wire.SegmentMessage, g Segment) error {
	l := &s.streams
	size := g.space(t.columns)
	if l.size+size > s.cfg.Memory {
		err := fmt.Errorf("sandbox: %w", ErrMemory)
		s.kill(err)
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return s.died()
	}
	if l.lent == nil {
		l.lent = map[wire.SegmentMessage]loan{}
	}
	l.lent[m] = g.lend(size)
	l.size += size
	if l.size > l.most {
		l.most = l.size
		if err := s.allow(s.attachedLen + l.most); err != nil {
			return err
		}
	}
	return parts(Table{Name: t.name}, []Segment{g}, func(m wire.AttachMessage, files []*os.File) error {
		return s.send(wire.AppendJSON(nil, wire.Attach, m), files)
	})
}

// dropped takes a segment back that the worker says it has let go.
func (s *Session) dropped(payload []byte) error {
	l := &s.streams
	m, err := wire.Decode[wire.SegmentMessage](payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	lent, ok := l.lent[m]
	if err != nil || !ok && !l.over {
		return s.broken("segment")
	}
	delete(l.lent, m)
	l.size -= lent.size
	if err := lent.end(); err != nil {
		err = fmt.Errorf("sandbox: take a segment back: %w", err)
		s.kill(err)
		return err
	}
	return nil
}
