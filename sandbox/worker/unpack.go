package worker

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow is the largest window a zstd frame may ask for: what
// `zstd --long=27`, the largest a decoder takes unasked, writes.
const maxZstdWindow = 128 << 20

// unpacked returns the content of one packed file. The file comes as the stream
// src, or as data for zip. What a zip calls its file is never looked at.
//
// gzip and zip carry a CRC-32 and zstd may carry an xxHash of the content; the
// reader returned checks them at its end.
func unpacked(packing string, src io.Reader, data []byte) (io.Reader, error) {
	switch packing {
	case "":
		if src == nil {
			src = bytes.NewReader(data)
		}
		return src, nil
	case "gzip":
		r, err := gzip.NewReader(src)
		return &content{src: r}, openingFault(err)
	case "zstd":
		// One decoder goroutine less is one stack less: the input is read and
		// decoded by the caller.
		r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		return &content{src: r}, openingFault(err)
	case "zip":
		return unzipped(data)
	}
	return nil, faulted("packing")
}

// unzipped returns the only file of an archive.
func unzipped(data []byte) (io.Reader, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, faulted("damaged")
	}
	if len(z.File) != 1 {
		return nil, faulted("members")
	}
	f := z.File[0]
	if f.Flags&1 != 0 {
		return nil, faulted("encrypted")
	}
	r, err := f.Open()
	return &content{src: r}, openingFault(err)
}

// openingFault is packingFault for the beginning of a file, where an end is as
// wrong as anything else.
func openingFault(err error) error {
	if err == io.EOF {
		return faulted("damaged")
	}
	return packingFault(err)
}

// packingFault tells what is wrong with a packed file; faults and the loss of
// the gate stay what they are.
func packingFault(err error) error {
	var f *fault
	switch {
	case err == nil, err == io.EOF, errors.As(err, &f), errors.Is(err, errDead):
		return err
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		return faulted("checksum")
	case errors.Is(err, zip.ErrAlgorithm):
		return faulted("packing")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return faulted("too_large")
	}
	return faulted("damaged")
}

// content is what an unpacker yields, its errors turned into faults.
type content struct{ src io.Reader }

func (c *content) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	return n, packingFault(err)
}

// bounded ends with a fault where more than left bytes have been read.
type bounded struct {
	src  io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, faulted("too_large")
	}
	return n, err
}

// magics are what packed files begin with. Only the first three are unpacked.
var magics = []struct{ packing, start string }{
	{"gzip", "\x1f\x8b"},
	{"zstd", "\x28\xb5\x2f\xfd"},
	{"zip", "PK\x03\x04"},
	{"", "PK\x05\x06"}, // an empty zip
	{"", "BZh"},
	{"", "\xfd7zXZ\x00"},
	{"", "7z\xbc\xaf\x27\x1c"},
	{"", "Rar!\x1a\x07"},
}

// checkStart refuses content that is itself packed: an archive in an archive, or
// a packing nobody announced. An xlsx file is a zip.
func checkStart(r *bufio.Reader, format, packing string) error {
	start, _ := r.Peek(8)
	for _, m := range magics {
		if !bytes.HasPrefix(start, []byte(m.start)) || format == "xlsx" && m.packing == "zip" {
			continue
		}
		if packing != "" {
			return faulted("nested_archive")
		}
		return faulted("packing")
	}
	return nil
}

// A held is unpacked content in memory, in blocks so that it grows without
// being copied.
type held struct {
	blocks [][]byte
	size   int64
}

const blockSize = 1 << 20

// hold reads src to its end, at most limit bytes.
func hold(src io.Reader, limit int64) (*io.SectionReader, error) {
	h := &held{}
	src = &bounded{src, limit}
	for {
		block := make([]byte, blockSize)
		n, err := io.ReadFull(src, block)
		h.blocks = append(h.blocks, block[:n])
		h.size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return io.NewSectionReader(h, 0, h.size), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// ReadAt implements io.ReaderAt.
func (h *held) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at < 0 || at >= h.size {
			return n, io.EOF
		}
		m := copy(p[n:], h.blocks[at/blockSize][at%blockSize:])
		n += m
		at += int64(m)
	}
	return n, nil
}
