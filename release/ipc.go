package release

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// encode returns record as an Arrow IPC stream. A record without rows is a
// stream of its schema alone.
func encode(record arrow.RecordBatch) ([]byte, error) {
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(record.Schema()))
	if record.NumRows() > 0 {
		if err := w.Write(record); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decode reads what encode wrote. The caller releases the batches.
func decode(stream []byte, alloc memory.Allocator) (_ *arrow.Schema, batches []arrow.RecordBatch, err error) {
	// The Arrow reader panics on some malformed streams.
	defer func() {
		if e := recover(); e != nil || err != nil {
			releaseAll(batches)
			batches, err = nil, fmt.Errorf("read Arrow stream: %w", ErrContent)
		}
	}()
	r, err := ipc.NewReader(bytes.NewReader(stream), ipc.WithAllocator(alloc))
	if err != nil {
		return nil, nil, err
	}
	defer r.Release()
	for r.Next() {
		b := r.RecordBatch()
		b.Retain()
		batches = append(batches, b)
	}
	return r.Schema(), batches, r.Err()
}

func releaseAll(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// schemaOf reads the schema of a stream and checks the rest of it.
func schemaOf(stream []byte) (*arrow.Schema, error) {
	schema, batches, err := decode(stream, memory.DefaultAllocator)
	releaseAll(batches)
	return schema, err
}
