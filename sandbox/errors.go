package sandbox

import (
	"errors"
	"fmt"
)

// What can go wrong with a worker. Test with errors.Is.
var (
	// ErrKilled: the worker died and none of the reasons below is known. A call
	// that the filter kills for is among them.
	ErrKilled = errors.New("worker died")
	// ErrMemory: the statement needed more than Config.Memory.
	ErrMemory = errors.New("memory limit reached")
	// ErrTime: the session outlived its time limit.
	ErrTime = errors.New("time limit reached")
	// ErrOutput: the result is larger than its limits.
	ErrOutput = errors.New("result too large")
	// ErrProtocol: the worker sent what no honest worker sends.
	ErrProtocol = errors.New("worker broke the protocol")
	// ErrTree: the statement is not the approved one.
	ErrTree = errors.New("statement differs from the approved tree")
	// ErrIsolation: a layer of isolation is not in force.
	ErrIsolation = errors.New("isolation not in force")
	// ErrUse: the calls came in an order a session does not serve.
	ErrUse = errors.New("session does not serve this call now")
)

// A StatementError is the engine's refusal of a statement. It holds no text: the
// engine's messages quote the statement and print cell values.
type StatementError struct {
	// Code is one of
	//	syntax not_select multiple empty encoding too_long too_large
	//	parameter catalog binder type table conversion out_of_range
	//	invalid_input not_implemented permission engine
	Code string
	// Offset is the byte in the statement the engine points at, -1 if none.
	Offset int
	// Column is the column of the result, from 0, whose type does not cross the
	// border (code type), -1 if none.
	Column int
}

func (e *StatementError) Error() string {
	if e.Offset < 0 {
		return "sandbox: statement: " + e.Code
	}
	return fmt.Sprintf("sandbox: statement: %s at byte %d", e.Code, e.Offset)
}

// A DeliveryError is the refusal of a file. It holds no cell value.
type DeliveryError struct {
	// Code is one of
	//	header_missing header_unknown header_duplicate header_absent
	//	key_missing key_unknown key_duplicate nested_value
	//	fields quote encoding undecodable value too_long too_large
	//	format column_type brotli
	//	packing damaged checksum members encrypted nested_archive
	//	sheet formula merged cell_error xls
	//	encoding_utf8 encoding_utf16 encoding_mark mark
	//	columns line_ends table table_kind wal
	//	login tls server protocol
	Code string
	// Row counts records after the header from 1; 0 stands for the header or
	// the whole file.
	Row int64
	// Column is a name from the expected columns, or empty.
	Column string
	// Cell is the cell of a sheet, such as B7, or empty.
	Cell string
	// Field is the place, from 1, of a column in the file's header that is not
	// expected, or 0. What it is called is data, and not told.
	Field int
}

func (e *DeliveryError) Error() string {
	text := "sandbox: delivery: " + e.Code
	if e.Row > 0 {
		text += fmt.Sprintf(", row %d", e.Row)
	}
	if e.Column != "" {
		text += fmt.Sprintf(", column %q", e.Column)
	}
	if e.Field > 0 {
		text += fmt.Sprintf(", field %d", e.Field)
	}
	if e.Cell != "" {
		text += ", cell " + e.Cell
	}
	return text
}

var statementCodes = codes("syntax", "not_select", "multiple", "empty", "encoding", "too_long", "too_large",
	"parameter", "catalog", "binder", "type", "table", "conversion", "out_of_range",
	"invalid_input", "not_implemented", "permission", "engine")

var deliveryCodes = codes("header_missing", "header_unknown", "header_duplicate", "header_absent",
	"key_missing", "key_unknown", "key_duplicate", "nested_value",
	"fields", "quote", "encoding", "undecodable", "value", "too_long", "too_large",
	"format", "column_type", "brotli",
	"packing", "damaged", "checksum", "members", "encrypted", "nested_archive",
	"sheet", "formula", "merged", "cell_error", "xls",
	"encoding_utf8", "encoding_utf16", "encoding_mark", "mark",
	"columns", "line_ends", "table", "table_kind", "wal",
	"login", "tls", "server", "protocol")

func codes(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}
