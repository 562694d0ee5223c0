package release

import (
	"bytes"
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// encodeParquet returns rows as a Parquet file that carries its Arrow schema.
func encodeParquet(schema *arrow.Schema, rows []arrow.RecordBatch) ([]byte, error) {
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decodeParquet reads what encodeParquet wrote of a schema. The caller releases the
// batches.
//
// Like the reader of Arrow that of Parquet believes what a file declares: give it only
// what an authenticated decryption has let through.
func decodeParquet(data []byte, schema *arrow.Schema) ([]arrow.RecordBatch, error) {
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return nil, ErrContent
	}
	defer r.Close()
	rows, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, ErrContent
	}
	table, err := rows.ReadTable(context.Background())
	if err != nil {
		return nil, ErrContent
	}
	defer table.Release()
	if int(table.NumCols()) != schema.NumFields() {
		return nil, ErrContent
	}
	if table.NumRows() == 0 {
		return nil, nil
	}
	columns := make([]arrow.Array, 0, table.NumCols())
	release := func() {
		for _, c := range columns {
			c.Release()
		}
	}
	for i, f := range schema.Fields() {
		c := table.Column(i)
		if c.Name() != f.Name || !arrow.TypeEqual(c.DataType(), f.Type) {
			release()
			return nil, ErrContent
		}
		whole, err := array.Concatenate(c.Data().Chunks(), memory.DefaultAllocator)
		if err != nil {
			release()
			return nil, ErrContent
		}
		columns = append(columns, whole)
	}
	return []arrow.RecordBatch{record(schema, columns, table.NumRows())}, nil
}
