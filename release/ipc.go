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
//
// The Arrow reader believes the lengths a stream declares, up to running out of
// memory: give it only what a signature or an authenticated decryption has let
// through.
func decode(stream []byte, alloc memory.Allocator) (*arrow.Schema, []arrow.RecordBatch, error) {
	r, err := ipc.NewReader(bytes.NewReader(stream), ipc.WithAllocator(alloc))
	if err != nil {
		return nil, nil, fmt.Errorf("read Arrow stream: %w", ErrContent)
	}
	defer r.Release()
	var batches []arrow.RecordBatch
	for r.Next() {
		b := r.RecordBatch()
		b.Retain()
		batches = append(batches, b)
	}
	if r.Err() != nil {
		releaseAll(batches)
		return nil, nil, fmt.Errorf("read Arrow stream: %w", ErrContent)
	}
	return r.Schema(), batches, nil
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
