package sandbox

import (
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
	// Format is "csv" or "parquet".
	Format string
	// Columns is what the file must carry, no more and no less: VARCHAR, BIGINT,
	// DOUBLE, BOOLEAN, DATE, TIMESTAMP or DECIMAL(p,s). The batches have these
	// columns in this order, whatever their order in the file.
	Columns []Column
	// Source is the file, UTF-8 for CSV. It is read to its end or to the first
	// error.
	Source io.Reader
	// Delimiter separates CSV fields; default comma.
	Delimiter byte
}

// Read parses a delivery in the worker and streams it as batches of exactly
// d.Columns. Nothing is written to a disk: CSV is piped to the worker, Parquet
// is spooled in sealed memory.
//
// A CSV file has a header; quotes are strict (RFC 4180); an empty field is null;
// values are ISO 8601 dates and timestamps without zone, decimal numbers, true
// or false. A Parquet file may be narrower than asked (int32 for BIGINT) but not
// of another kind; one with a Brotli chunk is refused (CVE-2026-111497 shows why
// the codec is not worth its risk).
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
	if d.Delimiter == 0 {
		d.Delimiter = ','
	}
	m := wire.DeliverMessage{Format: d.Format, Columns: d.Columns, Delimiter: d.Delimiter}
	s.extend(s.cfg.Load)
	stop := s.watch(ctx)
	var err error
	switch d.Format {
	case "csv":
		err = s.send(wire.AppendJSON(nil, wire.Deliver, m), nil)
		if err == nil {
			go s.pump(d.Source)
		}
	case "parquet":
		m.Files = 1
		err = s.spool(m, d.Source)
	default:
		err = &DeliveryError{Code: "format"}
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
	return newResult(s, columns, Limits{}, d.Columns, stop)
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

// pump sends source to the worker. It ends with the source, or with the session:
// a worker that is gone fails its write.
func (s *Session) pump(source io.Reader) {
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
