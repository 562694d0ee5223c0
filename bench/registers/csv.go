package registers

import (
	"bufio"
	"io"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// CSV writes the register with a header, as an agency would deliver it: UTF-8,
// empty fields for nulls. No cell holds a comma, a quote or a line break.
func (r Register) CSV(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	for i, c := range r.Columns {
		if i > 0 {
			_ = out.WriteByte(',') // errors stay with the writer until Flush
		}
		_, _ = out.WriteString(c.Name)
	}
	line := []byte{'\n'}
	for from := int64(0); from < r.Rows; from += BatchRows {
		batch := r.Batch(from, min(r.Rows, from+BatchRows))
		cells := make([]func([]byte, int) []byte, batch.NumCols())
		for i, c := range batch.Columns() {
			cells[i] = cellWriter(c)
		}
		for row := range int(batch.NumRows()) {
			for i, cell := range cells {
				if i > 0 {
					line = append(line, ',')
				}
				if !batch.Column(i).IsNull(row) {
					line = cell(line, row)
				}
			}
			line = append(line, '\n')
			if _, err := out.Write(line); err != nil {
				batch.Release()
				return err
			}
			line = line[:0]
		}
		batch.Release()
	}
	return out.Flush()
}

// cellWriter returns a function that appends the text of cell i of c.
func cellWriter(c arrow.Array) func(dst []byte, i int) []byte {
	switch c := c.(type) {
	case *array.Int64:
		return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, c.Value(i), 10) }
	case *array.Float64:
		return func(dst []byte, i int) []byte { return strconv.AppendFloat(dst, c.Value(i), 'g', -1, 64) }
	case *array.String:
		return func(dst []byte, i int) []byte { return append(dst, c.Value(i)...) }
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, c.Value(i)) }
	case *array.Date32:
		return func(dst []byte, i int) []byte {
			return time.Unix(int64(c.Value(i))*86400, 0).UTC().AppendFormat(dst, time.DateOnly)
		}
	case *array.Timestamp:
		return func(dst []byte, i int) []byte {
			return time.UnixMicro(int64(c.Value(i))).UTC().AppendFormat(dst, "2006-01-02 15:04:05.999999")
		}
	case *array.Decimal128:
		scale := c.DataType().(*arrow.Decimal128Type).Scale
		return func(dst []byte, i int) []byte { return append(dst, c.Value(i).ToString(scale)...) }
	}
	panic("registers: no text for " + c.DataType().String())
}
