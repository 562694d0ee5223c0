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
	out, err := s.intake(m)
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
	if m.Database != nil {
		return readServer(m, files[0], out)
	}
	data, err := mapFile(files[0])
	if err != nil {
		return faulted("format")
	}
	return readDelivery(m, nil, data, out)
}

// intake returns what takes the rows of a delivery. The columns of one that is
// inspected are announced when they are found.
func (s *server) intake(m wire.DeliverMessage) (*emitter, error) {
	if !m.Inspect {
		return s.emit(m.Columns, 0, m.Decoded)
	}
	out := &emitter{write: s.send, allowed: m.Decoded}
	out.inspection = newInspection(m, out)
	return out, nil
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
	if m.Format == "" && m.Packing == "zip" && isWorkbook(data) {
		m.Format, m.Packing = "xlsx", ""
	}
	plain, err := unpacked(m.Packing, src, data)
	if err != nil {
		return err
	}
	content := bufio.NewReaderSize(&bounded{plain, m.Decoded}, 64<<10)
	if m.Format == "" {
		m.Format = formatOf(content, m.Encoding)
	}
	if err := checkStart(content, m.Format, m.Packing); err != nil {
		return err
	}
	out.found(func(s *wire.Shape) { s.Format, s.Packing = m.Format, m.Packing })
	switch m.Format {
	case "csv", "json", "jsonl":
		text, err := decoded(content, m.Encoding)
		if err != nil {
			return err
		}
		if out.inspection != nil {
			out.inspection.encoding = text.encoding
		}
		if m.Format == "csv" {
			err = readCSV(text, m.Delimiter, out)
		} else {
			err = readJSON(text, m.Format == "jsonl", out)
		}
		var f *fault
		if errors.As(err, &f) && text.garbled() {
			f.code = "encoding_utf8" // whatever was wrong was wrong with what nobody wrote
		}
		return out.end(err)
	case "parquet", "arrow", "xlsx", "sqlite":
		file := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
		if m.Packing != "" || data == nil {
			if file, err = hold(content, m.Memory/2); err != nil {
				return err
			}
		}
		switch m.Format {
		case "parquet":
			err = readParquet(file, m.Memory, out)
		case "arrow":
			err = readArrow(file, m.Memory, out)
		case "sqlite":
			err = readSQLite(file, m.Table, out)
		default:
			err = readSheet(file, m, out)
		}
		return out.end(err)
	}
	return faulted("format")
}

// formatOf returns the format of what r begins with. What is none of the others is
// a CSV file.
func formatOf(r *bufio.Reader, encoding string) string {
	start, _ := r.Peek(1024)
	for _, f := range []struct{ format, start string }{
		{"parquet", "PAR1"}, {"arrow", "ARROW1"}, {"arrow", "\xff\xff\xff\xff"}, {"sqlite", sqliteMagic}, {"xlsx", oleMagic},
	} {
		if bytes.HasPrefix(start, []byte(f.start)) {
			return f.format
		}
	}
	text, err := decoded(bytes.NewReader(start), encoding)
	if err != nil {
		return "csv"
	}
	first, _ := io.ReadAll(text)
	first = bytes.TrimLeft(first, " \t\r\n")
	switch {
	case bytes.HasPrefix(first, []byte("[")):
		return "json"
	case bytes.HasPrefix(first, []byte("{")):
		return "jsonl"
	}
	return "csv"
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
