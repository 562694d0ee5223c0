package worker

import (
	"encoding/binary"
	"io"

	"zonebox/sandbox/internal/wire"
)

// maxParquetFooter bounds the footer of a file: hundreds of columns in
// thousands of row groups take a tenth of it.
const maxParquetFooter = 64 << 20

// verifyFooter refuses, before anything else reads it, a Parquet footer whose
// schema is not flat: groups and repeated fields are of no type a delivery has,
// and a reader of schemas allocates the children that an element announces. It
// panics on a footer that is cut short.
func verifyFooter(src io.ReaderAt, size int64, columns []wire.Column) error {
	tail := make([]byte, 8)
	if _, err := src.ReadAt(tail, size-8); err != nil {
		return faulted("format")
	}
	if string(tail[4:]) == "PARE" {
		return faulted("encrypted")
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if string(tail[4:]) != "PAR1" || n > maxParquetFooter || n > size-8 {
		return faulted("format")
	}
	footer := make([]byte, n)
	if _, err := src.ReadAt(footer, size-8-n); err != nil {
		return faulted("format")
	}
	var elements []schemaElement
	t := &compact{rest: footer}
	t.fields(func(id, kind int) {
		if id != 2 || kind != compactList { // FileMetaData.schema
			t.skip(kind, 0)
			return
		}
		of, n := t.list()
		for range n {
			if of != compactStruct {
				panic("worker: thrift")
			}
			elements = append(elements, t.schemaElement())
		}
	})
	if len(elements) == 0 || elements[0].children != int64(len(elements)-1) {
		return nestedColumn(elements, columns)
	}
	for _, e := range elements[1:] {
		if e.children != 0 || e.repeated {
			return nestedColumn(elements, columns)
		}
	}
	return nil
}

// nestedColumn is the fault of a schema that is not flat, with the column if the
// first nested element is one.
func nestedColumn(elements []schemaElement, columns []wire.Column) error {
	f := faulted("column_type")
	for _, e := range elements[min(1, len(elements)):] {
		if e.children == 0 && !e.repeated {
			continue
		}
		for i, c := range columns {
			if c.Name == e.name {
				f.column = i
			}
		}
		return f
	}
	return faulted("format")
}

// A schemaElement is what matters here of parquet.thrift's SchemaElement.
type schemaElement struct {
	name     string
	repeated bool
	children int64
}

func (t *compact) schemaElement() (e schemaElement) {
	t.fields(func(id, kind int) {
		switch {
		case id == 3 && kind == compactI32: // repetition_type
			e.repeated = t.zigzag() == 2
		case id == 4 && kind == compactBinary:
			e.name = string(t.binary())
		case id == 5 && kind == compactI32:
			e.children = t.zigzag()
		default:
			t.skip(kind, 0)
		}
	})
	return e
}
