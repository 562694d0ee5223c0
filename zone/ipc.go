package zone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var errChunk = errors.New("zone: chunk is not one array")

// decodeIPC returns the one array of plain, an Arrow IPC stream. The array lies
// in plain, which is erased once it is released, and at once if decodeIPC fails.
func decodeIPC(alloc memory.Allocator, plain []byte) (_ arrow.Array, err error) {
	whole := memory.NewBufferWithAllocator(plain, erasing{})
	defer whole.Release()
	defer func() {
		if p := recover(); p != nil { // metadata that authenticated and is no metadata
			err = fmt.Errorf("%w: %v", errChunk, p)
		}
	}()
	messages := &messages{whole: whole, rest: plain}
	defer messages.Release()
	r, err := ipc.NewReaderFromMessageReader(messages, ipc.WithAllocator(alloc))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if !r.Next() || r.RecordBatch().NumCols() != 1 {
		return nil, errors.Join(errChunk, r.Err())
	}
	arr := r.RecordBatch().Column(0)
	arr.Retain()
	return arr, nil
}

// erasing frees memory of the Go heap by erasing it.
type erasing struct{}

func (erasing) Allocate(size int) []byte { return make([]byte, size) }
func (erasing) Reallocate(int, []byte) []byte {
	panic("zone: a decrypted chunk does not grow")
}
func (erasing) Free(b []byte) { clear(b[:cap(b)]) }

// messages reads the messages of an IPC stream without copying their bodies.
type messages struct {
	whole *memory.Buffer // of which bodies are parts
	rest  []byte
	last  *ipc.Message
}

// Message returns the next message, which is valid until the next call.
func (m *messages) Message() (*ipc.Message, error) {
	m.Release()
	if len(m.rest) < 8 || binary.LittleEndian.Uint32(m.rest) != 1<<32-1 {
		return nil, errChunk
	}
	size := int(binary.LittleEndian.Uint32(m.rest[4:]))
	if size == 0 {
		return nil, io.EOF
	}
	if size < 0 || size > len(m.rest)-8 {
		return nil, errChunk
	}
	meta := memory.NewBufferBytes(m.rest[8 : 8+size])
	m.rest = m.rest[8+size:]
	m.last = ipc.NewMessage(meta, m.whole)
	n := m.last.BodyLen()
	if n < 0 || n > int64(len(m.rest)) {
		return nil, errChunk
	}
	at := int64(m.whole.Len() - len(m.rest))
	body := memory.SliceBuffer(m.whole, int(at), int(n))
	defer body.Release()
	m.rest = m.rest[n:]
	m.last.Release()
	m.last = ipc.NewMessage(meta, body)
	return m.last, nil
}

// Retain does nothing: decodeIPC is the only holder.
func (m *messages) Retain() {}

// Release gives the last message back.
func (m *messages) Release() {
	if m.last != nil {
		m.last.Release()
		m.last = nil
	}
}
