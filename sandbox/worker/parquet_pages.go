package worker

import (
	"hash/crc32"
	"io"

	"github.com/apache/arrow-go/v18/parquet/file"
)

// maxPageHeader bounds the header of a page; statistics are the only long part.
const maxPageHeader = 1 << 20

// checkPages compares the checksum of every page that has one with its bytes:
// the reader that follows does not. It panics on a header that is cut short.
func checkPages(f *file.Reader, src *io.SectionReader) error {
	meta := f.MetaData()
	for g := range meta.RowGroups {
		group := meta.RowGroup(g)
		for c := range group.NumColumns() {
			chunk, err := group.ColumnChunk(c)
			if err != nil {
				return faulted("format")
			}
			start := chunk.DataPageOffset()
			if chunk.HasDictionaryPage() && chunk.DictionaryPageOffset() > 0 {
				start = min(start, chunk.DictionaryPageOffset())
			}
			size := chunk.TotalCompressedSize()
			if start < 0 || size < 0 || start > src.Size() || size > src.Size()-start {
				return faulted("format")
			}
			if err := checkChunkPages(src, start, start+size); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkChunkPages(src io.ReaderAt, at, end int64) error {
	for at < end {
		head := make([]byte, min(end-at, 4<<10))
		if _, err := src.ReadAt(head, at); err != nil && err != io.EOF {
			return faulted("format")
		}
		page, n := pageHeaderOf(head)
		if n == 0 && end-at > int64(len(head)) {
			head = make([]byte, min(end-at, maxPageHeader))
			if _, err := src.ReadAt(head, at); err != nil && err != io.EOF {
				return faulted("format")
			}
			page, n = pageHeaderOf(head)
		}
		if at += int64(n); n == 0 || page.size < 0 || page.size > end-at {
			return faulted("format")
		}
		if page.summed {
			sum := crc32.NewIEEE()
			if _, err := io.Copy(sum, io.NewSectionReader(src, at, page.size)); err != nil {
				return faulted("format")
			}
			if sum.Sum32() != page.sum {
				return faulted("checksum")
			}
		}
		at += page.size
	}
	return nil
}

// A pageHeader is what matters here of parquet.thrift's PageHeader.
type pageHeader struct {
	size   int64 // as stored
	summed bool
	sum    uint32
}

// pageHeaderOf returns the header that in begins with and its length, 0 if in
// holds none.
func pageHeaderOf(in []byte) (h pageHeader, n int) {
	defer func() {
		if recover() != nil {
			n = 0
		}
	}()
	t := &compact{rest: in}
	t.fields(func(id, kind int) {
		switch {
		case id == 3 && kind == compactI32: // compressed_page_size
			h.size = t.zigzag()
		case id == 4 && kind == compactI32: // crc
			h.sum, h.summed = uint32(t.zigzag()), true
		default:
			t.skip(kind, 0)
		}
	})
	return h, len(in) - len(t.rest)
}
