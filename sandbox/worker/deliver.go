package worker

import (
	"errors"
	"io"

	"zonebox/sandbox/internal/wire"
)

// deliver reads a file of others and streams it as batches of the announced
// columns. The engine has no part in it: both readers are Go.
func (s *server) deliver(m wire.DeliverMessage) error {
	out, err := s.emit(m.Columns, 0, 0)
	if err != nil {
		return err
	}
	switch m.Format {
	case "csv":
		return readCSV(&frames{in: s.buf}, m.Delimiter, m.Columns, out)
	case "parquet":
		files, err := s.in.take(1)
		if err != nil {
			return errDead
		}
		return readParquet(files[0], m.Columns, out)
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
			return 0, err
		case kind == wire.Data:
			f.rest = payload
		case kind == wire.End:
			f.end = true
		default:
			return 0, errors.New("worker: unexpected frame")
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
