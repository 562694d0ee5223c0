package sandbox

import (
	"bufio"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// A Segment is a run of record batches in memory that nobody can change any
// more, the gate included. Any number of workers may map it.
type Segment struct {
	file *os.File
	size int64
	rows int64
}

// Seal copies recs into a segment. They must share one schema, and there must be
// at least one. The caller keeps its batches and closes the segment.
func Seal(recs ...arrow.RecordBatch) (*Segment, error) {
	if len(recs) == 0 {
		panic("sandbox: Seal of nothing")
	}
	g := &Segment{}
	file, err := sealedFile("zonebox-segment", func(f *os.File) error {
		buf := bufio.NewWriterSize(f, 1<<20)
		w, err := ipc.NewFileWriter(buf, ipc.WithSchema(recs[0].Schema()))
		if err != nil {
			return err
		}
		for _, r := range recs {
			if err := w.Write(r); err != nil {
				return err
			}
			g.rows += r.NumRows()
		}
		if err := w.Close(); err != nil {
			return err
		}
		return buf.Flush()
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: seal segment: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("sandbox: seal segment: %w", err)
	}
	g.file, g.size = file, info.Size()
	return g, nil
}

// Size returns the bytes of memory the segment holds.
func (g *Segment) Size() int64 { return g.size }

// Rows returns the rows of the segment.
func (g *Segment) Rows() int64 { return g.rows }

// Close gives up the gate's hold. Workers that mapped the segment keep it until
// they end.
func (g *Segment) Close() error { return g.file.Close() }
