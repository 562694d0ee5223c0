// Package city invents the registers of a city: people, hospital visits,
// enterprises and bus trips. Nobody in them exists; identity numbers, credit
// codes and region codes are valid by their standards, so that whatever checks,
// detects or masks them has something real to work on.
//
// It guarantees that the same register, format, encoding, seed and number of
// rows give the same CSV bytes on every machine, and that memory does not grow
// with the rows. Each row is computed from its index alone. Numbers are drawn
// and scaled as integers: no result depends on how a platform rounds.
//
// It does not imitate any real distribution: skew, shares and seasons are there
// to be seen by a query, not to be believed. Read [Write] first.
package city

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Register names one of the tables.
type Register string

const (
	Persons     Register = "persons"
	Visits      Register = "visits"
	Enterprises Register = "enterprises"
	Trips       Register = "trips"
)

// Registers returns all registers.
func Registers() []Register { return []Register{Persons, Visits, Enterprises, Trips} }

// Format is a file format.
type Format string

const (
	CSV     Format = "csv"     // with a header line, LF, quotes where needed, NULL as nothing
	Parquet Format = "parquet" // zstd, row groups of 64 Ki rows
)

// Encoding is the character encoding of a CSV file. Parquet is always UTF-8.
type Encoding string

const (
	UTF8    Encoding = "utf-8"
	GB18030 Encoding = "gb18030"
)

// Column describes a column in the catalogue's words.
type Column struct {
	Name     string
	Type     string // string, date, timestamp, int64 or float64
	Nullable bool
}

// Columns returns the columns of r in file order, nil if there is no such register.
func Columns(r Register) []Column {
	switch r {
	case Persons:
		return []Column{
			{Name: "id_number", Type: "string"}, {Name: "name", Type: "string"}, {Name: "phone", Type: "string"},
			{Name: "address", Type: "string"}, {Name: "birth_date", Type: "date"},
			{Name: "income", Type: "float64", Nullable: true}, {Name: "district", Type: "string"},
		}
	case Visits:
		return []Column{
			{Name: "visit_id", Type: "string"}, {Name: "id_number", Type: "string"}, {Name: "visit_date", Type: "date"},
			{Name: "district", Type: "string"}, {Name: "department", Type: "string"}, {Name: "diagnosis", Type: "string"},
			{Name: "cost", Type: "float64"},
		}
	case Enterprises:
		return []Column{
			{Name: "uscc", Type: "string"}, {Name: "name", Type: "string"}, {Name: "district", Type: "string"},
			{Name: "industry", Type: "string"}, {Name: "revenue", Type: "float64"}, {Name: "employees", Type: "int64"},
		}
	case Trips:
		return []Column{
			{Name: "card_no", Type: "string"}, {Name: "id_number", Type: "string"}, {Name: "line", Type: "string"},
			{Name: "board_time", Type: "timestamp"}, {Name: "fare", Type: "float64"},
		}
	}
	return nil
}

// MaxRows is the most rows a register can have: identity numbers and credit
// codes are distinct.
const MaxRows = 500_000_000

// Population returns how many people the rows of Visits or Trips are about:
// with the same seed they are the first ones of Persons. Visits average three a
// person and trips ten, some people have many times more.
func Population(r Register, rows int64) int64 {
	switch r {
	case Visits:
		return max(1, (rows+2)/3)
	case Trips:
		return max(1, (rows+9)/10)
	}
	return rows
}

var (
	// ErrRegister says that the register, format or encoding is unknown, or that
	// they do not go together.
	ErrRegister = errors.New("unknown register, format or encoding")

	// ErrRows says that the number of rows is negative or above MaxRows.
	ErrRows = errors.New("number of rows out of range")
)

// sink takes the cells of a row in column order. The bytes given to text are
// only valid during the call.
type sink interface {
	text(b []byte)
	date(day int64)    // since 1970-01-01
	second(unix int64) // wall clock, without zone
	money(cents int64) // a float64 of two decimals
	integer(n int64)
	null()
	endRow() error
}

// Write writes rows rows of r to w.
//
// It returns an error wrapping ErrRegister or ErrRows, or w's error. Write is
// safe for concurrent use with different writers.
func Write(w io.Writer, r Register, f Format, e Encoding, seed uint64, rows int64) error {
	if rows < 0 || rows > MaxRows {
		return fmt.Errorf("city: write %d rows: %w", rows, ErrRows)
	}
	columns := Columns(r)
	if columns == nil {
		return fmt.Errorf("city: write register %q: %w", r, ErrRegister)
	}
	var err error
	switch {
	case f == CSV && (e == UTF8 || e == GB18030):
		b := bufio.NewWriterSize(w, 1<<16)
		s := newCSVSink(b, columns, e)
		if err = fill(s, r, seed, rows); err == nil {
			if err = s.flush(); err == nil {
				err = b.Flush()
			}
		}
	case f == Parquet && e == UTF8:
		var s *parquetSink
		if s, err = newParquetSink(w, columns); err == nil {
			err = errors.Join(fill(s, r, seed, rows), s.close())
		}
	default:
		return fmt.Errorf("city: write %s as %s: %w", f, e, ErrRegister)
	}
	if err != nil {
		return fmt.Errorf("city: write %s: %w", r, err)
	}
	return nil
}

// fill writes all rows to s.
func fill(s sink, r Register, seed uint64, rows int64) error {
	g := newGenerator(seed, Population(r, rows))
	row := g.person
	switch r {
	case Visits:
		row = g.visit
	case Enterprises:
		row = g.enterprise
	case Trips:
		row = g.trip
	}
	for i := range rows {
		row(s, i)
		if err := s.endRow(); err != nil {
			return err
		}
	}
	return nil
}
