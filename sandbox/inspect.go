package sandbox

import (
	"context"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/sandbox/internal/wire"
)

// A Shape is what a file looks like: packing, format, encoding, dialect, names,
// types, nulls, rows. Names of columns, sheets and tables are the file's own
// words; everything else is counts and codes.
type Shape = wire.Shape

// A ShapeColumn is a column of a Shape.
type ShapeColumn = wire.ShapeColumn

// sampleRows is how many rows Inspect hands on.
const sampleRows = 10_000

// Inspect tells what a file looks like that nobody has described. Of d, Source or
// Database is needed; what else it says is taken for granted, what it leaves out
// is found, Format and Encoding among it. It reads at most limit rows, or, with
// 0, the whole file, by the rules of Read: a file that Inspect reads to its end
// without a fault is one that Read reads, if the columns are the Shape's and the
// Shape says that there is a header.
//
// sample, if not nil, receives the first 10,000 rows, in batches whose columns
// are all text, and releases nothing: a batch is valid until it returns.
//
// A type is BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP or DECIMAL(p,s) only where it
// holds every value as it is written: whole numbers with a leading zero and those
// of 15 digits or more are identifiers, and stay VARCHAR.
//
// Faults are those of Read. The source may still be read from when Inspect has
// returned, until the session is closed, if it did not ask for the whole file.
func (s *Session) Inspect(ctx context.Context, d Delivery, limit int64, sample func(arrow.RecordBatch) error) (*Shape, error) {
	if err := s.enter("inspect", spent, fresh); err != nil {
		return nil, err
	}
	if len(d.Columns) > 0 || limit < 0 {
		return nil, errors.New("sandbox: inspect: columns are found, not given")
	}
	m, err := s.announce(&d)
	if err != nil {
		return nil, err
	}
	m.Inspect, m.Limit = true, limit
	if sample != nil {
		m.Sample = sampleRows
	}
	r, err := s.deliver(ctx, m, d, nil)
	if err != nil {
		return nil, err
	}
	r.shape, r.partial = new(Shape), limit > 0
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if sample == nil || r.rows > sampleRows {
			rec.Release()
			return nil, s.broken("sample")
		}
		err = sample(rec)
		rec.Release()
		if err != nil {
			return nil, err
		}
	}
	if !plainShape(r.shape, r.columns) {
		return nil, s.broken("shape")
	}
	return r.shape, nil
}

// plainShape reports whether shape is one of those columns that an honest worker
// may send.
func plainShape(shape *Shape, columns []Column) bool {
	if len(shape.Columns) != len(columns) || shape.Rows < 0 || shape.Score < 0 || shape.Score > 1000 || len(shape.Tables) > wire.MaxColumns ||
		!slices.Contains([]string{"", "gzip", "zstd", "zip"}, shape.Packing) || !slices.Contains(formats, shape.Format) ||
		!slices.Contains(append(encodings, ""), shape.Encoding) || shape.Encoding == "auto" ||
		!slices.Contains([]string{"", "lf", "crlf", "cr", "mixed"}, shape.LineEnd) || shape.Delimiter >= utf8.RuneSelf {
		return false
	}
	for i, c := range shape.Columns {
		if c.Name != columns[i].Name || columns[i].Type != "VARCHAR" || c.Type != "" && !deliverable(c.Type) || c.Nulls < 0 || c.Nulls > shape.Rows {
			return false
		}
	}
	return true
}
