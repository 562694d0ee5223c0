package worker

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// parse answers with the engine's own parse tree as JSON. There is no second
// parser whose opinion could differ.
func (s *server) parse(m wire.ParseMessage) error {
	tree, err := s.engine.parse(m.SQL)
	if err != nil {
		return err
	}
	for rest := tree; len(rest) > 0; {
		n := min(len(rest), wire.MaxFrame)
		if err := s.in.send(wire.Append(nil, wire.Tree, rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return s.reply(wire.Done, wire.DoneMessage{})
}

// parse returns the tree of sql, which must be exactly one SELECT.
func (e *engine) parse(sql string) ([]byte, error) {
	// The C API ends a text at its first zero byte.
	if !utf8.ValidString(sql) || strings.IndexByte(sql, 0) >= 0 {
		return nil, faulted("encoding")
	}
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(e.conn, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", &stmt) != duckdb.StateSuccess {
		return nil, engineFault(duckdb.ErrorTypeInvalid, duckdb.PrepareError(stmt))
	}
	duckdb.BindVarchar(stmt, 1, sql)
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePrepared(stmt, &res) != duckdb.StateSuccess {
		return nil, engineFault(duckdb.ResultErrorType(&res), duckdb.ResultError(&res))
	}
	chunk := duckdb.FetchChunk(res)
	defer duckdb.DestroyDataChunk(&chunk)
	if chunk.Ptr == nil || duckdb.DataChunkGetSize(chunk) != 1 {
		return nil, faulted("engine")
	}
	texts := vector[stringT](duckdb.VectorGetData(duckdb.DataChunkGetVector(chunk, 0)), 1)
	tree := []byte(texts[0].text())
	if len(tree) > wire.MaxTree {
		return nil, faulted("too_large")
	}
	return tree, oneSelect(tree)
}

// oneSelect reads the envelope of a serialized statement list.
func oneSelect(tree []byte) error {
	var doc struct {
		Error      bool              `json:"error"`
		Type       string            `json:"error_type"`
		Position   string            `json:"position"`
		Statements []json.RawMessage `json:"statements"`
	}
	if err := json.Unmarshal(tree, &doc); err != nil {
		return faulted("engine")
	}
	switch {
	case doc.Error && strings.EqualFold(doc.Type, "parser"):
		f := faulted("syntax")
		if n, err := strconv.Atoi(doc.Position); err == nil && n >= 0 {
			f.offset = n
		}
		return f
	case doc.Error && strings.EqualFold(doc.Type, "out of memory"): // the function tells of it as of any other
		return faulted("memory")
	case doc.Error:
		return faulted("not_select")
	case len(doc.Statements) == 0:
		return faulted("empty")
	case len(doc.Statements) > 1:
		return faulted("multiple")
	}
	return nil
}
