package city

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// parquetSink writes Parquet, one row group per batch.
type parquetSink struct {
	writer  *pqarrow.FileWriter
	builder *array.RecordBuilder
	column  int
	rows    int
}

const parquetBatch = 1 << 16

func newParquetSink(w io.Writer, columns []Column) (*parquetSink, error) {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c.Type), Nullable: c.Nullable}
	}
	schema := arrow.NewSchema(fields, nil)
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
	// The file writer closes what has a Close method; w stays the caller's.
	writer, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, err
	}
	return &parquetSink{writer: writer, builder: array.NewRecordBuilder(memory.DefaultAllocator, schema)}, nil
}

func arrowType(t string) arrow.DataType {
	switch t {
	case "date":
		return arrow.FixedWidthTypes.Date32
	case "timestamp":
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case "int64":
		return arrow.PrimitiveTypes.Int64
	case "float64":
		return arrow.PrimitiveTypes.Float64
	}
	return arrow.BinaryTypes.String
}

func (s *parquetSink) next() array.Builder {
	b := s.builder.Field(s.column)
	s.column++
	return b
}

func (s *parquetSink) text(b []byte)   { s.next().(*array.StringBuilder).BinaryBuilder.Append(b) }
func (s *parquetSink) date(day int64)  { s.next().(*array.Date32Builder).Append(arrow.Date32(day)) }
func (s *parquetSink) integer(n int64) { s.next().(*array.Int64Builder).Append(n) }
func (s *parquetSink) null()           { s.next().AppendNull() }

func (s *parquetSink) second(unix int64) {
	s.next().(*array.TimestampBuilder).Append(arrow.Timestamp(unix * 1_000_000))
}

// money appends the float64 nearest to the decimal, as reading it from CSV gives.
func (s *parquetSink) money(cents int64) {
	s.next().(*array.Float64Builder).Append(float64(cents) / 100)
}

func (s *parquetSink) endRow() error {
	s.column = 0
	s.rows++
	if s.rows < parquetBatch {
		return nil
	}
	return s.flush()
}

func (s *parquetSink) flush() error {
	s.rows = 0
	batch := s.builder.NewRecordBatch()
	defer batch.Release()
	return s.writer.Write(batch)
}

// close writes the rest and the footer.
func (s *parquetSink) close() error {
	defer s.builder.Release()
	if s.rows > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.writer.Close()
}
