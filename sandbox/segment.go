package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/sandbox/internal/wire"
)

// A Sealed is one column of one run of rows in memory that nobody can change any
// more, the gate included: an Arrow IPC file with one field and one batch. Any
// number of workers may map it.
type Sealed struct {
	file *os.File
	own  *os.File // of a lent column: who has it takes the memory back
	size int64
	rows int64
}

// A Segment is a run of rows of a table: one sealed column per column of the
// table, in its order, each of Rows rows. Segments may share columns.
type Segment struct {
	Rows    int64
	Columns []*Sealed
}

// Seal copies arr, which may be a slice of a longer array. The caller keeps arr
// and closes the column.
//
// It returns an error if text is not UTF-8 or a decimal has more digits than its
// type.
func Seal(arr arrow.Array) (*Sealed, error) {
	file, err := sealedFile("zonebox-column", column(arr))
	if err != nil {
		return nil, fmt.Errorf("sandbox: seal column: %w", err)
	}
	return sealed(arr, file, nil)
}

// Lend is Seal for a column of a Streamed segment. Nobody can change it either,
// but when the worker says that it let the segment go the session takes its memory
// back, whatever the worker keeps.
func Lend(arr arrow.Array) (*Sealed, error) {
	file, own, err := lentFile("zonebox-column", column(arr))
	if err != nil {
		return nil, fmt.Errorf("sandbox: seal column: %w", err)
	}
	return sealed(arr, file, own)
}

// column returns what writes arr to a file.
func column(arr arrow.Array) func(*os.File) error {
	return func(f *os.File) error {
		buf := bufio.NewWriterSize(f, 64<<10)
		if err := wire.WriteColumn(buf, arr); err != nil {
			return err
		}
		return buf.Flush()
	}
}

func sealed(arr arrow.Array, file, own *os.File) (*Sealed, error) {
	c := &Sealed{file: file, own: own, rows: int64(arr.Len())}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("sandbox: seal column: %w", errors.Join(err, c.Close()))
	}
	c.size = info.Size()
	return c, nil
}

// Size returns the bytes of memory the column holds.
func (c *Sealed) Size() int64 { return c.size }

// Rows returns the rows of the column.
func (c *Sealed) Rows() int64 { return c.rows }

// Close gives up the gate's hold. Workers that mapped the column keep it until
// they end.
func (c *Sealed) Close() error {
	err := c.file.Close()
	if c.own != nil {
		err = errors.Join(err, c.own.Close())
	}
	return err
}

// SealBatch seals every column of rec as one segment. The caller keeps rec and
// closes the segment.
func SealBatch(rec arrow.RecordBatch) (Segment, error) {
	g := Segment{Rows: rec.NumRows()}
	for _, arr := range rec.Columns() {
		c, err := Seal(arr)
		if err != nil {
			_ = g.Close()
			return Segment{}, err
		}
		g.Columns = append(g.Columns, c)
	}
	return g, nil
}

// Size returns the bytes of memory the columns hold.
func (g Segment) Size() int64 {
	var n int64
	for _, c := range g.Columns {
		n += c.size
	}
	return n
}

// Close closes every column that was made and returns the first error.
func (g Segment) Close() error {
	var first error
	for _, c := range g.Columns {
		if c == nil {
			continue
		}
		if err := c.Close(); first == nil {
			first = err
		}
	}
	return first
}
