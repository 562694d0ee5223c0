package worker

import (
	"bytes"
	"context"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"zonebox/sandbox/internal/wire"
)

// readParquet streams the mapped file fd. A file whose reading panics is a bad
// file, not a bad worker.
func readParquet(fd int, columns []wire.Column, out *emitter) (err error) {
	data, err := mapFile(fd)
	if err != nil {
		return faulted("format")
	}
	defer func() {
		if recover() != nil {
			err = faulted("format")
		}
	}()
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return faulted("format")
	}
	if err := checkCodecs(f); err != nil {
		return err
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 32 << 10}, memory.DefaultAllocator)
	if err != nil {
		return faulted("format")
	}
	schema, err := r.Schema()
	if err != nil {
		return faulted("format")
	}
	names := make([]string, schema.NumFields())
	for i, field := range schema.Fields() {
		names[i] = field.Name
	}
	position, err := match(names, columns)
	if err != nil {
		return err
	}
	convert := make([]converter, len(columns))
	for i, at := range position {
		if convert[i] = converterFor(schema.Field(at).Type, out.schema.Field(i).Type); convert[i] == nil {
			return &fault{code: "column_type", offset: -1, column: i}
		}
	}
	rr, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return faulted("format")
	}
	for rr.Next() {
		if err := out.convert(rr.RecordBatch(), position, convert); err != nil {
			return err
		}
	}
	if rr.Err() != nil {
		return faulted("format")
	}
	return out.done()
}

// checkCodecs refuses a file with a chunk in Brotli or in a codec nobody reads.
func checkCodecs(f *file.Reader) error {
	meta := f.MetaData()
	for g := range meta.RowGroups {
		group := meta.RowGroup(g)
		for c := range group.NumColumns() {
			chunk, err := group.ColumnChunk(c)
			if err != nil {
				return faulted("format")
			}
			switch chunk.Compression() {
			case compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip,
				compress.Codecs.Zstd, compress.Codecs.Lz4Raw:
			case compress.Codecs.Brotli:
				return faulted("brotli")
			default:
				return faulted("format")
			}
		}
	}
	return nil
}

// convert sends one batch of a file in the announced columns' types.
func (e *emitter) convert(rec arrow.RecordBatch, position []int, convert []converter) error {
	if rec.NumRows() == 0 {
		return nil
	}
	cols := make([]arrow.Array, len(position))
	for i, at := range position {
		a, row, code := convert[i](rec.Column(at))
		if code != "" {
			return &fault{code: code, offset: -1, row: e.rows + int64(row) + 1, column: i}
		}
		cols[i] = a
	}
	e.rows += rec.NumRows()
	return e.send(array.NewRecordBatch(e.schema, cols, rec.NumRows()))
}

// A converter returns an array in the type it was made for, or the row of the
// first value that does not fit and a code.
type converter func(arrow.Array) (arrow.Array, int, string)

// converterFor returns how to carry from as to without loss, nil if there is no
// way. Timestamps with a zone are another kind than those without.
func converterFor(from, to arrow.DataType) converter {
	switch want := to.(type) {
	case *arrow.StringType:
		switch from.ID() {
		case arrow.STRING, arrow.LARGE_STRING:
			return convertStrings
		case arrow.DICTIONARY:
			value := from.(*arrow.DictionaryType).ValueType.ID()
			if value == arrow.STRING {
				return convertStrings
			}
		}
		return nil
	case *arrow.Int64Type:
		switch from.ID() {
		case arrow.INT8, arrow.INT16, arrow.INT32, arrow.UINT8, arrow.UINT16, arrow.UINT32:
			return convertParsed(array.NewInt64Builder, func(b *array.Int64Builder, s string) bool {
				v, ok := parseInt(s)
				b.Append(v)
				return ok
			})
		}
	case *arrow.Float64Type:
		if from.ID() == arrow.FLOAT32 {
			return func(a arrow.Array) (arrow.Array, int, string) {
				b := array.NewFloat64Builder(memory.DefaultAllocator)
				in := a.(*array.Float32)
				for i := range in.Len() {
					if in.IsNull(i) {
						b.AppendNull()
					} else {
						b.Append(float64(in.Value(i)))
					}
				}
				return b.NewArray(), 0, ""
			}
		}
	case *arrow.TimestampType:
		if have, ok := from.(*arrow.TimestampType); ok && have.TimeZone == "" && have.Unit != want.Unit {
			return convertTimestamps(have.Unit)
		}
	case *arrow.Decimal128Type:
		if have, ok := from.(*arrow.Decimal128Type); ok && have.Scale == want.Scale && have.Precision <= want.Precision {
			return convertDecimals(want)
		}
		return nil
	}
	if arrow.TypeEqual(from, to) {
		return func(a arrow.Array) (arrow.Array, int, string) { return a, 0, "" }
	}
	return nil
}

func convertStrings(a arrow.Array) (arrow.Array, int, string) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		var s string
		switch a := a.(type) {
		case *array.String:
			s = a.Value(i)
		case *array.LargeString:
			s = a.Value(i)
		case *array.Dictionary:
			s = a.Dictionary().(*array.String).Value(a.GetValueIndex(i))
		}
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return nil, i, "encoding"
		}
		b.Append(s)
	}
	return b.NewArray(), 0, ""
}

// convertDecimals checks every value: a file may store more digits than its
// schema announces.
func convertDecimals(want *arrow.Decimal128Type) converter {
	return func(a arrow.Array) (arrow.Array, int, string) {
		in := a.(*array.Decimal128)
		for i := range in.Len() {
			if !in.IsNull(i) && !in.Value(i).FitsInPrecision(want.Precision) {
				return nil, i, "value"
			}
		}
		return array.NewDecimal128Data(array.NewData(want, a.Len(), a.Data().Buffers(), nil, a.NullN(), a.Data().Offset())), 0, ""
	}
}

func convertTimestamps(from arrow.TimeUnit) converter {
	return func(a arrow.Array) (arrow.Array, int, string) {
		b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
		in := a.(*array.Timestamp)
		for i := range in.Len() {
			v := int64(in.Value(i))
			var micros int64
			exact := true
			switch from {
			case arrow.Second:
				micros = v * 1_000_000
				exact = micros/1_000_000 == v
			case arrow.Millisecond:
				micros = v * 1000
				exact = micros/1000 == v
			case arrow.Nanosecond:
				micros = v / 1000
				exact = v%1000 == 0
			}
			switch {
			case in.IsNull(i):
				b.AppendNull()
			case !exact:
				return nil, i, "value"
			default:
				b.Append(arrow.Timestamp(micros))
			}
		}
		return b.NewArray(), 0, ""
	}
}

// convertParsed carries values by way of their decimal text.
func convertParsed[B array.Builder](create func(memory.Allocator) B, put func(B, string) bool) converter {
	return func(a arrow.Array) (arrow.Array, int, string) {
		b := create(memory.DefaultAllocator)
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else if !put(b, a.ValueStr(i)) {
				return nil, i, "value"
			}
		}
		return b.NewArray(), 0, ""
	}
}
