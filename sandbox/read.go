package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"zonebox/sandbox/internal/wire"
)

// A Delivery is a file that nobody has checked.
type Delivery struct {
	// Format is "csv", "tsv", "json" (one array of objects), "jsonl" (one object
	// per line), "parquet", "arrow" (an IPC file or stream) or "xlsx".
	Format string
	// Columns is what the file must carry, no more and no less: VARCHAR, BIGINT,
	// DOUBLE, BOOLEAN, DATE, TIMESTAMP or DECIMAL(p,s). The batches have these
	// columns in this order, whatever their order in the file.
	Columns []Column
	// Source is the file. It is read to its end or to the first error.
	Source io.Reader
	// Packing is "none", "gzip", "zstd", or "zip" for an archive of one file.
	// Empty: the first bytes tell, but a workbook, being a zip itself, is not
	// taken for a packed one.
	Packing string
	// Encoding is that of a text: "utf-8" (default), "gb18030", "utf-16le" or
	// "utf-16be". A byte order mark may stand first.
	Encoding string
	// Delimiter separates CSV fields; default comma, or tab for tsv.
	Delimiter byte
	// Sheet names a sheet of a workbook; empty is the first.
	Sheet string
}

// Read parses a delivery in the worker and streams it as batches of exactly
// d.Columns. The gate looks at four bytes at most. Nothing is written to a disk:
// texts and what gzip or zstd packed are piped to the worker, the rest is
// spooled in sealed memory, at most Config.Spool. The content, unpacked, may have
// Config.Decoded bytes, and so may the batches together.
//
// Columns are matched by name. Values of a text are ISO 8601 dates and timestamps
// without zone, decimal numbers, true or false. Not one is rounded, truncated or
// replaced on its way:
//   - CSV has a header; quotes are strict (RFC 4180); an empty field is null.
//   - JSON objects are flat and name every column once; null is null, an empty
//     string is not. Numbers keep their digits; without exponent for BIGINT and
//     DECIMAL.
//   - Parquet and Arrow may be narrower than asked (int32 for BIGINT) but not of
//     another kind. Nested columns and timestamps with a zone are other kinds. A
//     file with a Brotli chunk is refused before any page is read
//     (CVE-2026-111497 shows why the codec is not worth its risk).
//   - xlsx cells are taken by what they store: numbers of up to 15 digits, dates
//     by the cell's style, texts as in CSV. Formulas, merged cells and error
//     values are refused.
//
// The first fault ends the reading: a *DeliveryError, from Read or from
// Result.Next. An error of Source is returned as it is, wrapped.
func (s *Session) Read(ctx context.Context, d Delivery) (*Result, error) {
	if err := s.enter("read", spent, fresh); err != nil {
		return nil, err
	}
	for _, c := range d.Columns {
		if !deliverable(c.Type) {
			return nil, fmt.Errorf("sandbox: read: type %q is not one of a delivery", c.Type)
		}
	}
	if len(d.Columns) == 0 {
		return nil, errors.New("sandbox: read: delivery without columns")
	}
	m, err := s.announce(&d)
	if err != nil {
		return nil, err
	}
	s.extend(s.cfg.Load)
	stop := s.watch(ctx)
	var drained chan struct{}
	if spooled(m) {
		m.Files = 1
		err = s.spool(m, d.Source)
	} else if err = s.send(wire.AppendJSON(nil, wire.Deliver, m), nil); err == nil {
		drained = make(chan struct{})
		go s.pump(d.Source, drained)
	}
	if err != nil {
		stop()
		return nil, err
	}
	columns, err := s.receiveSchema(d.Columns)
	if err != nil {
		stop()
		return nil, err
	}
	if !equalColumns(columns, d.Columns) {
		stop()
		return nil, s.broken("schema")
	}
	// An honest worker has counted the same bytes and ended with a fault.
	r, err := newResult(s, columns, Limits{Bytes: s.cfg.Decoded}, d.Columns, stop)
	if err == nil {
		r.drained = drained
	}
	return r, err
}

// announce returns the message that goes before d, and tells the packing of a
// file that does not say it.
func (s *Session) announce(d *Delivery) (wire.DeliverMessage, error) {
	m := wire.DeliverMessage{Format: d.Format, Columns: d.Columns, Packing: d.Packing, Encoding: d.Encoding,
		Delimiter: d.Delimiter, Sheet: d.Sheet, Decoded: s.cfg.Decoded, Memory: s.cfg.Memory}
	tab := byte(',')
	if m.Format == "tsv" {
		m.Format, tab = "csv", '\t'
	}
	if m.Delimiter == 0 {
		m.Delimiter = tab
	}
	switch m.Format {
	case "csv", "json", "jsonl", "parquet", "arrow", "xlsx":
	default:
		return m, &DeliveryError{Code: "format"}
	}
	switch m.Encoding {
	case "", "utf-8", "gb18030", "utf-16le", "utf-16be":
	default:
		return m, &DeliveryError{Code: "encoding"}
	}
	switch d.Packing {
	case "gzip", "zstd", "zip":
	case "none":
		m.Packing = ""
	case "":
		first := bufio.NewReader(d.Source)
		d.Source = first
		start, _ := first.Peek(4)
		switch {
		case bytes.HasPrefix(start, []byte("\x1f\x8b")):
			m.Packing = "gzip"
		case bytes.Equal(start, []byte("\x28\xb5\x2f\xfd")):
			m.Packing = "zstd"
		case bytes.Equal(start, []byte("PK\x03\x04")) && m.Format != "xlsx":
			m.Packing = "zip"
		}
	default:
		return m, &DeliveryError{Code: "packing"}
	}
	return m, nil
}

// spooled reports whether the worker needs the whole file to begin: an archive
// and the columnar formats keep their table of contents at the end. Packed, they
// are unpacked by the worker into its own memory.
func spooled(m wire.DeliverMessage) bool {
	switch m.Packing {
	case "zip":
		return true
	case "gzip", "zstd":
		return false
	}
	return m.Format == "parquet" || m.Format == "arrow" || m.Format == "xlsx"
}

// deliverable reports whether a dataset may have columns of the type.
func deliverable(typ string) bool {
	switch typ {
	case "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP":
		return true
	}
	_, _, ok := wire.Decimal(typ)
	return ok
}

// extend replaces what is left of the session's time.
func (s *Session) extend(wall time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Reset(wall)
}

// pump sends source to the worker and closes drained when it has come to the
// source's end, before the worker knows. It ends with the source, or with the
// session: a worker that is gone fails its write.
func (s *Session) pump(source io.Reader, drained chan<- struct{}) {
	buf := make([]byte, 256<<10)
	var frame []byte
	for {
		n, err := source.Read(buf)
		if n > 0 {
			frame = wire.Append(frame[:0], wire.Data, buf[:n])
			if _, err := s.conn.Write(frame); err != nil {
				return
			}
		}
		if err == io.EOF {
			close(drained)
			_, _ = s.conn.Write(wire.Append(nil, wire.End, nil))
			return
		}
		if err != nil {
			s.kill(fmt.Errorf("read source: %w", err))
			return
		}
	}
}

var errSpool = errors.New("too large")

// spool hands the whole source to the worker as one sealed file.
func (s *Session) spool(m wire.DeliverMessage, source io.Reader) error {
	file, err := sealedFile("zonebox-delivery", func(f *os.File) error {
		n, err := io.Copy(f, io.LimitReader(source, s.cfg.Spool+1))
		if err == nil && n > s.cfg.Spool {
			return errSpool
		}
		return err
	})
	if errors.Is(err, errSpool) {
		return &DeliveryError{Code: "too_large"}
	}
	if err != nil {
		return fmt.Errorf("sandbox: read source: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("sandbox: read source: %w", err)
	}
	if err := s.allow(info.Size()); err != nil {
		return err
	}
	return s.send(wire.AppendJSON(nil, wire.Deliver, m), []*os.File{file})
}
