package worker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"runtime/debug"

	"zonebox/sandbox/internal/wire"
)

// deliver reads a file of others and streams it as batches of the announced
// columns. The engine has no part in it: all readers are Go.
func (s *server) deliver(m wire.DeliverMessage) error {
	// What the runtime may let pile up as garbage counts against the same limit
	// as what is in use.
	debug.SetMemoryLimit(m.Memory * 3 / 4)
	debug.SetGCPercent(100)
	out, err := s.emit(m.Columns, 0, m.Decoded)
	if err != nil {
		return err
	}
	if m.Files == 0 {
		return readDelivery(m, &frames{in: s.buf}, nil, out)
	}
	files, err := s.in.take(m.Files)
	if err != nil || m.Files != 1 {
		return errDead
	}
	data, err := mapFile(files[0])
	if err != nil {
		return faulted("format")
	}
	return readDelivery(m, nil, data, out)
}

// readDelivery reads the file that comes as the stream src, or as data if src is
// nil. Unpacking, decoding and parsing are bounded one by one: content by
// m.Decoded, what is in memory at once by m.Memory.
//
// A file whose reading panics is a bad file, not a bad worker.
func readDelivery(m wire.DeliverMessage, src io.Reader, data []byte, out *emitter) (err error) {
	defer func() {
		switch recover() {
		case nil:
		case errBuffer:
			err = faulted("too_large")
		default:
			err = faulted("format")
		}
		var f *fault
		if errors.As(err, &f) && f.code == "output" {
			err = faulted("too_large") // a small file may name one large value often
		}
	}()
	plain, err := unpacked(m.Packing, src, data)
	if err != nil {
		return err
	}
	content := bufio.NewReaderSize(&bounded{plain, m.Decoded}, 64<<10)
	if err := checkStart(content, m.Format, m.Packing); err != nil {
		return err
	}
	switch m.Format {
	case "csv", "json", "jsonl":
		text := decoded(content, m.Encoding)
		if text == nil {
			return faulted("format")
		}
		if m.Format == "csv" {
			return readCSV(text, m.Delimiter, m.Columns, out)
		}
		return readJSON(text, m.Format == "jsonl", m.Columns, out)
	case "parquet", "arrow", "xlsx":
		file := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
		if m.Packing != "" {
			if file, err = hold(content, m.Memory/2); err != nil {
				return err
			}
		}
		switch m.Format {
		case "parquet":
			return readParquet(file, m.Memory, out)
		case "arrow":
			return readArrow(file, m.Memory, out)
		}
		return readSheet(file, m, out)
	}
	return faulted("format")
}

// frames is the content of Data frames up to End.
type frames struct {
	in   io.Reader
	rest []byte
	end  bool
}

func (f *frames) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.end {
			return 0, io.EOF
		}
		kind, payload, err := wire.Read(f.in)
		switch {
		case err != nil:
			return 0, errDead
		case kind == wire.Data:
			f.rest = payload
		case kind == wire.End:
			f.end = true
		default:
			return 0, errDead
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// A header maps the names a file carries to expected columns.
//
// match returns, for each expected column, its position in names. Missing,
// unknown and repeated names are faults.
func match(names []string, columns []wire.Column) ([]int, error) {
	position := make([]int, len(columns))
	index := make(map[string]int, len(columns))
	for i, c := range columns {
		position[i] = -1
		index[c.Name] = i
	}
	for at, name := range names {
		i, ok := index[name]
		if !ok {
			return nil, faulted("header_unknown")
		}
		if position[i] >= 0 {
			return nil, &fault{code: "header_duplicate", offset: -1, column: i}
		}
		position[i] = at
	}
	for i, at := range position {
		if at < 0 {
			return nil, &fault{code: "header_missing", offset: -1, column: i}
		}
	}
	return position, nil
}
