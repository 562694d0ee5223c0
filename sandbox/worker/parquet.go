package worker

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// readParquet streams a file of which memory may hold that many bytes at once.
func readParquet(src *io.SectionReader, memory int64, out *emitter) error {
	if err := verifyFooter(src, src.Size(), out.columns); err != nil {
		return err
	}
	mem := newLimiter(memory / 4)
	props := parquet.NewReaderProperties(mem)
	props.BufferedStreamEnabled = true // else a chunk is read whole, at the size its footer claims
	props.MaxCompressedPageSize = memory / 4
	props.MaxUncompressedPageSize = memory / 4
	f, err := file.NewParquetReader(src, file.WithReadProps(props))
	if err != nil {
		return mem.fault()
	}
	if err := checkChunks(f); err != nil {
		return err
	}
	if err := checkPages(f, src); err != nil {
		return err
	}
	// A schema of Arrow's in the footer would be believed in its sizes; Parquet's
	// own types say all that a delivery may hold.
	f.MetaData().FileMetaData.KeyValueMetadata = nil
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: convertRows}, mem)
	if err != nil {
		return mem.fault()
	}
	schema, err := r.Schema()
	if err != nil {
		return mem.fault()
	}
	c, err := newCarrier(schema, out, mem)
	if err != nil {
		return err
	}
	rr, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return mem.fault()
	}
	defer rr.Release()
	for rr.Next() {
		if err := c.send(rr.RecordBatch()); err != nil {
			return err
		}
	}
	if rr.Err() != nil {
		return mem.fault()
	}
	if out.read() != f.NumRows() {
		return faulted("format")
	}
	return out.done()
}

// checkChunks refuses, before any page is touched, a file with a chunk in
// Brotli or in a codec nobody reads, and row groups that do not add up to the
// file. The codec in the footer is the only one the reader goes by.
func checkChunks(f *file.Reader) error {
	meta := f.MetaData()
	var rows int64
	for g := range meta.RowGroups {
		group := meta.RowGroup(g)
		if group.NumRows() < 0 {
			return faulted("format")
		}
		rows += group.NumRows()
		if group.NumColumns() != meta.Schema.NumColumns() {
			return faulted("format")
		}
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
	if rows != f.NumRows() {
		return faulted("format")
	}
	return nil
}
