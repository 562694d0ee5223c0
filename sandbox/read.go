package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"zonebox/sandbox/internal/wire"
)

// A Delivery is a file, or a table of a database, that nobody has checked.
type Delivery struct {
	// Format is "csv", "tsv", "json" (one array of objects), "jsonl" (one object
	// per line), "parquet", "arrow" (an IPC file or stream), "xlsx" or "sqlite".
	// That of a Database is empty. Inspect finds one that is empty.
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
	// Encoding is that of a text: "utf-8" (default), "gb18030", "gbk", "utf-16le",
	// "utf-16be", or "auto". A byte order mark may stand first.
	Encoding string
	// Delimiter separates CSV fields. Default: tab for tsv; for csv, the first of
	// comma, tab, semicolon and pipe by which the header has the columns.
	Delimiter byte
	// Sheet names a sheet of a workbook; empty is the first.
	Sheet string
	// Table names a table of a database; empty is the only one of a SQLite file.
	Table string
	// Database, if not nil, is where Table is, instead of Source.
	Database *Database
}

// formats and encodings are what Read takes.
var (
	formats   = []string{"csv", "json", "jsonl", "parquet", "arrow", "xlsx", "sqlite", "postgres", "mysql"}
	encodings = []string{"utf-8", "gb18030", "gbk", "utf-16le", "utf-16be", "auto"}
)

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
//   - SQLite files hold a plain table; whole numbers and texts are taken as they
//     are stored, and texts for numbers and times as in CSV.
//
// GB18030 is that of 2022. A code without a character, or with one of private
// use, is refused, and so is a byte order mark in a value.
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
	if err == nil && d.Format == "" && d.Database == nil {
		err = &DeliveryError{Code: "format"}
	}
	if err != nil {
		return nil, err
	}
	return s.deliver(ctx, m, d, d.Columns)
}

// deliver sends m and what it announces, and returns the batches of the columns
// expected, of whatever columns if that is nil.
func (s *Session) deliver(ctx context.Context, m wire.DeliverMessage, d Delivery, expected []Column) (*Result, error) {
	s.extend(s.cfg.Load)
	stop := s.watch(ctx)
	var drained chan struct{}
	var err error
	switch {
	case d.Database != nil:
		m.Files = 1
		err = s.connect(m, d.Database)
	case spooled(m):
		m.Files = 1
		err = s.spool(m, d.Source)
	default:
		if err = s.send(wire.AppendJSON(nil, wire.Deliver, m), nil); err == nil {
			drained = make(chan struct{})
			go s.pump(d.Source, drained)
		}
	}
	if err != nil {
		stop()
		return nil, err
	}
	named := expected
	if named == nil {
		named = []Column{}
	}
	columns, err := s.receiveSchema(named)
	if err != nil {
		stop()
		return nil, err
	}
	if expected != nil && !equalColumns(columns, expected) {
		stop()
		return nil, s.broken("schema")
	}
	if expected == nil {
		named = columns
	}
	// An honest worker has counted the same bytes and ended with a fault.
	r, err := newResult(s, columns, Limits{Bytes: s.cfg.Decoded}, named, stop)
	if err == nil {
		r.drained = drained
	}
	return r, err
}

// announce returns the message that goes before d, and tells the packing of a
// file that does not say it.
func (s *Session) announce(d *Delivery) (wire.DeliverMessage, error) {
	m := wire.DeliverMessage{Format: d.Format, Columns: d.Columns, Packing: d.Packing, Encoding: d.Encoding,
		Delimiter: d.Delimiter, Sheet: d.Sheet, Table: d.Table, Decoded: s.cfg.Decoded, Memory: s.cfg.Memory}
	if m.Format == "tsv" {
		if m.Format = "csv"; m.Delimiter == 0 {
			m.Delimiter = '\t'
		}
	}
	if d.Database != nil {
		return m, nil
	}
	if m.Format != "" && !slices.Contains(formats[:7], m.Format) {
		return m, &DeliveryError{Code: "format"}
	}
	if m.Encoding != "" && !slices.Contains(encodings, m.Encoding) {
		return m, &DeliveryError{Code: "encoding"}
	}
	var start []byte
	if m.Format == "" || d.Packing == "" { // what is told needs no look, which would wait for the source
		first := bufio.NewReader(d.Source)
		d.Source = first
		start, _ = first.Peek(4)
	}
	if m.Format == "" {
		m.Format = formatOf(start)
	}
	switch d.Packing {
	case "gzip", "zstd", "zip":
	case "none":
		m.Packing = ""
	case "":
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

// formatOf returns the format that begins with start; "" if the worker has to look.
func formatOf(start []byte) string {
	switch string(start) {
	case "PAR1":
		return "parquet"
	case "ARRO", "\xff\xff\xff\xff":
		return "arrow"
	case "SQLi":
		return "sqlite"
	case "\xd0\xcf\x11\xe0":
		return "xlsx"
	}
	return ""
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
	return m.Format == "parquet" || m.Format == "arrow" || m.Format == "xlsx" || m.Format == "sqlite"
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
