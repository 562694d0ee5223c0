package worker

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
)

// readArrow streams an IPC stream or an IPC file (Feather V2), which is a stream
// between a magic and a footer. Compressed buffers are decoded one by one, none
// larger than a quarter of memory.
func readArrow(src *io.SectionReader, memory int64, out *emitter) error {
	mem := newLimiter(memory / 4)
	m := &arrowMessages{src: src, end: src.Size(), limit: memory / 4, out: out}
	footer, err := m.enclosed()
	if err != nil {
		return err
	}
	// The fault of m is told before what Arrow makes of it.
	failed := func() error {
		if m.err != nil {
			return m.err
		}
		return mem.fault()
	}
	r, err := ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(mem))
	if err != nil {
		return failed()
	}
	defer r.Release()
	c, err := newCarrier(r.Schema(), out, mem)
	if err != nil {
		return err
	}
	for r.Next() {
		if err := c.send(r.RecordBatch()); err != nil {
			return err
		}
	}
	if r.Err() != nil || m.err != nil || !m.ended {
		return failed()
	}
	if footer != nil && !slices.Equal(m.batches, footerBatches(footer)) {
		return faulted("format")
	}
	return out.done()
}

// arrowMessages hands the messages of a stream to Arrow's reader, each verified
// as far as that reader believes it: it allocates what a message announces.
type arrowMessages struct {
	src     *io.SectionReader
	at, end int64
	limit   int64 // bytes of one message
	file    bool
	out     *emitter
	schema  bool // the schema has been read
	ended   bool
	batches []int64 // where the record batches stand
	err     error
}

// maxArrowMeta bounds the description of one message.
const maxArrowMeta = 16 << 20

// continuation begins a message since Arrow 0.15.
var continuation = []byte{0xff, 0xff, 0xff, 0xff}

// enclosed finds the stream in a file and returns the file's footer, nil for a
// bare stream.
func (m *arrowMessages) enclosed() ([]byte, error) {
	magic := make([]byte, len(ipc.Magic))
	if _, err := m.src.ReadAt(magic, 0); err != nil {
		return nil, faulted("format")
	}
	if !bytes.Equal(magic, ipc.Magic) {
		return nil, nil
	}
	tail := make([]byte, 4+len(ipc.Magic))
	if _, err := m.src.ReadAt(tail, m.end-int64(len(tail))); err != nil || !bytes.Equal(tail[4:], ipc.Magic) {
		return nil, faulted("format")
	}
	size := int64(binary.LittleEndian.Uint32(tail))
	m.at, m.end, m.file = 8, m.end-int64(len(tail))-size, true
	if size > maxArrowMeta || m.end < m.at {
		return nil, faulted("format")
	}
	footer := make([]byte, size)
	if _, err := m.src.ReadAt(footer, m.end); err != nil {
		return nil, faulted("format")
	}
	return footer, nil
}

// Message implements ipc.MessageReader. A stream ends with a mark: without it
// one that was cut between two batches would pass for a whole one.
func (m *arrowMessages) Message() (*ipc.Message, error) {
	msg, err := m.next()
	if err == io.EOF {
		m.ended = true
	} else if err != nil && m.err == nil {
		m.err = err
	}
	return msg, err
}

func (m *arrowMessages) Retain()  {}
func (m *arrowMessages) Release() {}

func (m *arrowMessages) next() (*ipc.Message, error) {
	if m.file && m.at == m.end {
		return nil, io.EOF
	}
	start := m.at
	head := m.take(8)
	if head == nil || !bytes.Equal(head[:4], continuation) {
		return nil, faulted("format")
	}
	n := int64(binary.LittleEndian.Uint32(head[4:]))
	if n == 0 && m.at == m.end {
		return nil, io.EOF
	}
	if n < 4 || n > maxArrowMeta {
		return nil, faulted("format")
	}
	meta := m.take(n)
	if meta == nil {
		return nil, faulted("format")
	}
	kind, length, err := m.verify(meta)
	if err != nil {
		return nil, err
	}
	if length > m.limit {
		return nil, faulted("too_large")
	}
	body := m.take(length)
	if body == nil {
		return nil, faulted("format")
	}
	if kind == ipc.MessageRecordBatch {
		m.batches = append(m.batches, start)
	}
	return ipc.NewMessage(arrowmemory.NewBufferBytes(meta), arrowmemory.NewBufferBytes(body)), nil
}

// take returns the next n bytes of the stream, nil if there are not as many.
func (m *arrowMessages) take(n int64) []byte {
	if n < 0 || n > m.end-m.at {
		return nil
	}
	b := make([]byte, n)
	if _, err := m.src.ReadAt(b, m.at); err != nil && err != io.EOF {
		return nil
	}
	m.at += n
	return b
}

// verify returns the kind and the body length of the message meta describes. Tables
// and fields are those of Message.fbs and Schema.fbs, by number.
func (m *arrowMessages) verify(meta []byte) (kind ipc.MessageType, body int64, err error) {
	defer func() {
		if recover() != nil { // an offset out of range
			err = faulted("format")
		}
	}()
	b := flat(meta)
	message := b.root()
	if at := b.field(message, 1); at != 0 {
		kind = ipc.MessageType(b[at])
	}
	if at := b.field(message, 3); at != 0 {
		body = int64(binary.LittleEndian.Uint64(b[at:]))
	}
	if _, _, ok := b.vector(message, 4, 4); !ok || body < 0 {
		return 0, 0, faulted("format")
	}
	switch kind {
	case ipc.MessageSchema:
		if m.schema || body != 0 {
			return 0, 0, faulted("format")
		}
		m.schema = true
		return kind, 0, m.verifySchema(b, b.table(message, 2))
	case ipc.MessageDictionaryBatch, ipc.MessageRecordBatch:
		return kind, body, nil
	}
	return 0, 0, faulted("format")
}

// verifySchema refuses fields with children: a nested column is of a type no
// delivery has, and reading one recurses as deep as the file says.
func (m *arrowMessages) verifySchema(b flat, schema int) error {
	fields, n, ok := b.vector(schema, 1, 4)
	if _, _, sane := b.vector(schema, 2, 4); !ok || !sane || n > 1<<16 {
		return faulted("format")
	}
	for i := range n {
		at := fields + 4*i
		field := at + b.offset(at)
		if _, _, sane := b.vector(field, 6, 4); !sane {
			return faulted("format")
		}
		_, children, sane := b.vector(field, 5, 4)
		if !sane {
			return faulted("format")
		}
		if children > 0 {
			f := faulted("column_type")
			if name, length, _ := b.vector(field, 0, 1); length > 0 {
				for c, column := range m.out.columns {
					if column.Name == string(b[name:name+length]) {
						f.column = c
					}
				}
			}
			return f
		}
	}
	return nil
}

// footerBatches returns where a file's footer says the record batches stand.
func footerBatches(footer []byte) (at []int64) {
	b := flat(footer)
	blocks, n, ok := b.vector(b.root(), 3, 24)
	if !ok {
		return []int64{-1}
	}
	for i := range n {
		at = append(at, int64(binary.LittleEndian.Uint64(b[blocks+24*i:])))
	}
	return at
}

// flat is a flatbuffer. Its methods panic on offsets out of range.
type flat []byte

func (b flat) offset(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }

func (b flat) root() int { return b.offset(0) }

// field returns where a field of a table stands, 0 if it is absent.
func (b flat) field(table, number int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(b[table:])))
	if slot := 4 + 2*number; slot < int(binary.LittleEndian.Uint16(b[vtable:])) {
		if offset := int(binary.LittleEndian.Uint16(b[vtable+slot:])); offset != 0 {
			return table + offset
		}
	}
	return 0
}

// table returns the table that a field refers to.
func (b flat) table(table, number int) int {
	at := b.field(table, number)
	return at + b.offset(at)
}

// vector returns where the elements of a vector field begin and how many there
// are. It is not ok if they do not fit into the buffer.
func (b flat) vector(table, number, size int) (start, n int, ok bool) {
	at := b.field(table, number)
	if at == 0 {
		return 0, 0, true
	}
	at += b.offset(at)
	start, n = at+4, b.offset(at)
	return start, n, n <= (len(b)-start)/size
}
