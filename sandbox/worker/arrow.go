package worker

import (
	"bytes"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// endOfStream is how an Arrow stream ends. Without it a stream that was cut
// between two batches would pass for a whole one.
var endOfStream = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// readArrow streams an IPC file (Feather V2) or an IPC stream. Compressed
// buffers are decoded one by one, none larger than a quarter of memory.
func readArrow(src *io.SectionReader, memory int64, out *emitter) error {
	mem := newLimiter(memory / 4)
	limits := []ipc.Option{ipc.WithAllocator(mem), ipc.WithMetadataSizeLimit(memory / 16), ipc.WithBodySizeLimit(memory / 4)}
	start := make([]byte, len(ipc.Magic))
	if _, err := src.ReadAt(start, 0); err != nil {
		return faulted("format")
	}
	var err error
	if bytes.Equal(start, ipc.Magic) {
		err = readArrowFile(src, limits, mem, out)
	} else {
		err = readArrowStream(src, limits, mem, out)
	}
	if err == nil {
		return out.done()
	}
	if f, is := err.(*fault); is && f.code == "format" {
		return mem.fault()
	}
	return err
}

func readArrowFile(src *io.SectionReader, limits []ipc.Option, mem *limiter, out *emitter) error {
	r, err := ipc.NewFileReader(src, limits...)
	if err != nil {
		return faulted("format")
	}
	defer func() { _ = r.Close() }()
	c, err := newCarrier(r.Schema(), out, mem)
	if err != nil {
		return err
	}
	for i := range r.NumRecords() {
		rec, err := r.RecordBatchAt(i)
		if err != nil {
			return faulted("format")
		}
		err = c.send(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func readArrowStream(src *io.SectionReader, limits []ipc.Option, mem *limiter, out *emitter) error {
	end := make([]byte, len(endOfStream))
	if _, err := src.ReadAt(end, src.Size()-int64(len(end))); err != nil || !bytes.Equal(end, endOfStream) {
		return faulted("format")
	}
	r, err := ipc.NewReader(src, limits...)
	if err != nil {
		return faulted("format")
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
	if r.Err() != nil {
		return faulted("format")
	}
	// Nothing stands behind the end that the reader stopped at.
	if at, err := src.Seek(0, io.SeekCurrent); err != nil || at != src.Size() {
		return faulted("format")
	}
	return nil
}
