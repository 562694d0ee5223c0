package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// A Result streams record batches from a worker.
type Result struct {
	s        *Session
	columns  []Column
	schema   *arrow.Schema
	expected []Column // of a delivery; nil for a statement
	lim      Limits
	rows     int64
	bytes    int64
	stop     func() bool
	err      error
	drained  <-chan struct{} // closed when a piped delivery's source has been read; nil for any other
	shape    *Shape          // of an inspection, to be received
	partial  bool            // an inspection may end before its source
	noting   *noting         // of a statement: what its row sets noted
}

// newResult takes over stop, which ends the watch on the caller's context.
func newResult(s *Session, columns []Column, lim Limits, expected []Column, stop func() bool) (*Result, error) {
	schema, err := wire.ArrowSchema(columns)
	if err != nil {
		stop()
		return nil, s.broken("schema")
	}
	s.mu.Lock()
	s.unread = stop
	s.mu.Unlock()
	return &Result{s: s, columns: columns, schema: schema, expected: expected, lim: lim, stop: stop}, nil
}

// Schema returns the result's columns.
func (r *Result) Schema() []Column { return r.columns }

// Next returns the next batch, which the caller releases, or io.EOF after the
// last. A batch has at least one row, the result's schema, and no buffer that is
// shared with the worker. After an error every call returns the same one.
func (r *Result) Next() (arrow.RecordBatch, error) {
	if r.err != nil {
		return nil, r.err
	}
	rec, err := r.next()
	if err != nil {
		r.err = err
		r.stop()
	}
	return rec, err
}

func (r *Result) next() (arrow.RecordBatch, error) {
	kind, payload, err := r.s.served()
	for ; err == nil && kind == wire.Rows && r.noting != nil; kind, payload, err = r.s.served() {
		if err := r.noting.take(payload); err != nil {
			r.s.kill(err)
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	switch kind {
	case wire.Batch:
		if r.noting != nil && r.noting.frames > 0 {
			return nil, r.s.broken("frame")
		}
	case wire.Seen:
		if r.shape == nil || r.shape.Columns != nil {
			return nil, r.s.broken("frame")
		}
		shape, err := wire.Decode[Shape](payload)
		if err != nil || shape.Columns == nil {
			return nil, r.s.broken("shape")
		}
		*r.shape = shape
		return r.next()
	case wire.Done:
		if !r.partial && !r.complete() {
			return nil, r.s.broken("early end")
		}
		if r.noting != nil && !r.noting.whole() {
			return nil, r.s.broken("early end")
		}
		if err := r.s.done(payload, r.rows); err != nil {
			return nil, err
		}
		return nil, io.EOF
	default:
		return nil, r.s.unexpected(kind, payload, r.expected)
	}
	rec, err := decode(r.schema, payload)
	if err != nil {
		return nil, r.s.broken("batch")
	}
	r.rows += rec.NumRows()
	r.bytes += int64(len(payload))
	if r.expected == nil {
		r.bytes += batchCost * int64(len(r.columns)+1)
	}
	if r.lim.Rows > 0 && r.rows > r.lim.Rows || r.lim.Bytes > 0 && r.bytes > r.lim.Bytes {
		rec.Release()
		err := fmt.Errorf("sandbox: %w", ErrOutput)
		r.s.kill(err)
		return nil, err
	}
	return rec, nil
}

// complete reports whether nothing reads the source of a delivery any more. An
// honest worker reads up to the frame that tells of its end; the caller may use
// the source again when it is told of the delivery's.
func (r *Result) complete() bool {
	if r.drained == nil {
		return true
	}
	select {
	case <-r.drained:
		return true
	default:
		return false
	}
}

// batchCost is what a batch of a statement and each of its columns are charged
// beside their bytes, for the objects that stand for it in the gate: a worker
// that sends a million batches of one row takes no more memory than the limit
// says. Batches of a delivery are not kept.
const batchCost = 1 << 10

var errBatch = errors.New("sandbox: bad record batch")

// decode reads one encapsulated Arrow message that must be a plain record batch
// of schema, and validates it in full. The batch shares message, which is the
// gate's own memory.
//
// Nothing in message chooses a type, a size to allocate or a codec: the schema
// is the gate's, buffers are slices of message, compression is refused.
func decode(schema *arrow.Schema, message []byte) (rec arrow.RecordBatch, err error) {
	defer func() {
		if recover() != nil {
			rec, err = nil, errBatch
		}
	}()
	if len(message) < 8 || binary.LittleEndian.Uint32(message) != 0xFFFFFFFF {
		return nil, errBatch
	}
	n := int(binary.LittleEndian.Uint32(message[4:]))
	if n > len(message)-8 {
		return nil, errBatch
	}
	meta, body := message[8:8+n], message[8+n:]
	if compressed, err := messageCompressed(meta); err != nil || compressed {
		return nil, errBatch
	}
	batch := ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	defer batch.Release()
	if batch.Type() != ipc.MessageRecordBatch || batch.BodyLen() != int64(len(body)) {
		return nil, errBatch
	}
	r, err := ipc.NewReaderFromMessageReader(&messages{queue: []*ipc.Message{schemaMessage(schema), batch}},
		ipc.WithAllocator(refuser{}), ipc.WithSchema(schema))
	if err != nil {
		return nil, errBatch
	}
	defer r.Release()
	if !r.Next() {
		return nil, errBatch
	}
	rec = r.RecordBatch()
	if err := validate(rec); err != nil {
		return nil, err
	}
	if held(rec) > len(body) {
		return nil, errBatch // columns that share bytes: small here, large in a file
	}
	rec.Retain()
	return rec, nil
}

// held returns the bytes of rec's buffers.
func held(rec arrow.RecordBatch) (size int) {
	for _, c := range rec.Columns() {
		for _, b := range c.Data().Buffers() {
			if b != nil {
				size += b.Len()
			}
		}
	}
	return size
}

// validate adds to Arrow's own checks that every column has the batch's length,
// every string is UTF-8 and every decimal has no more digits than its type.
func validate(rec arrow.RecordBatch) error {
	if rec.NumRows() < 1 || array.ValidateRecordFull(rec) != nil {
		return errBatch
	}
	for _, c := range rec.Columns() {
		if int64(c.Len()) != rec.NumRows() || !validValues(c) {
			return errBatch
		}
	}
	return nil
}

// validValues reports whether c is of a type that crosses the border and holds
// only values of its type.
func validValues(c arrow.Array) bool {
	switch c := c.(type) {
	case *array.Boolean, *array.Int8, *array.Int16, *array.Int32, *array.Int64,
		*array.Uint8, *array.Uint16, *array.Uint32, *array.Uint64,
		*array.Float32, *array.Float64, *array.Date32, *array.Timestamp:
		return true // every pattern of bits is a value
	case *array.String:
		for i := range c.Len() {
			if c.IsValid(i) && !utf8.ValidString(c.Value(i)) {
				return false
			}
		}
		return true
	case *array.Decimal128:
		precision := c.DataType().(*arrow.Decimal128Type).Precision
		for i := range c.Len() {
			if c.IsValid(i) && !c.Value(i).FitsInPrecision(precision) {
				return false
			}
		}
		return true
	}
	return false
}

// messageCompressed reports whether the record batch of a flatbuffers Message
// names a codec. Table fields by number: Message 2 is its header, RecordBatch 3
// its compression (arrow/format/Message.fbs). It panics on offsets out of range.
func messageCompressed(meta []byte) (bool, error) {
	message := int(binary.LittleEndian.Uint32(meta))
	header := tableField(meta, message, 2)
	if header == 0 {
		return false, errBatch
	}
	header += int(binary.LittleEndian.Uint32(meta[header:]))
	return tableField(meta, header, 3) != 0, nil
}

// tableField returns the position of a flatbuffers table's field, 0 if absent.
func tableField(buf []byte, table, field int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(buf[table:])))
	if slot := 4 + 2*field; slot < int(binary.LittleEndian.Uint16(buf[vtable:])) {
		if offset := int(binary.LittleEndian.Uint16(buf[vtable+slot:])); offset != 0 {
			return table + offset
		}
	}
	return 0
}

// schemaMessage encodes schema as the first message of a stream.
func schemaMessage(schema *arrow.Schema) *ipc.Message {
	p := ipc.GetSchemaPayload(schema, memory.DefaultAllocator)
	defer p.Release()
	meta := p.Meta()
	defer meta.Release()
	return ipc.NewMessage(memory.NewBufferBytes(append([]byte(nil), meta.Bytes()...)), memory.NewBufferBytes(nil))
}

// messages hands a fixed list of messages to Arrow's reader.
type messages struct{ queue []*ipc.Message }

func (m *messages) Message() (*ipc.Message, error) {
	if len(m.queue) == 0 {
		return nil, io.EOF
	}
	next := m.queue[0]
	m.queue = m.queue[1:]
	return next, nil
}
func (*messages) Retain()  {}
func (*messages) Release() {}

// refuser is an allocator for code that has no reason to allocate.
type refuser struct{}

func (refuser) Allocate(int) []byte           { panic(errBatch) }
func (refuser) Reallocate(int, []byte) []byte { panic(errBatch) }
func (refuser) Free([]byte)                   {}
