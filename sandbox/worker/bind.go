package worker

import (
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// bind answers with the result columns of a statement over empty tables. The
// tables are gone afterwards.
func (s *server) bind(m wire.BindMessage) error {
	if err := s.engine.count(m.Groups); err != nil {
		return err
	}
	if err := s.engine.gather(m.Sets); err != nil {
		return err
	}
	for _, t := range m.Tables {
		columns := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			if _, err := wire.ParseType(c.Type); err != nil {
				return faulted("type")
			}
			columns[i] = quote(c.Name) + " " + c.Type
		}
		if err := s.engine.run("CREATE TABLE " + quote(t.Name) + " (" + strings.Join(columns, ", ") + ")"); err != nil {
			return faulted("table")
		}
		defer func() { _ = s.engine.run("DROP TABLE " + quote(t.Name)) }()
	}
	stmt, columns, err := s.engine.prepare(m.SQL, m.Parameters)
	duckdb.DestroyPrepare(&stmt)
	if err != nil {
		return err
	}
	return s.reply(wire.Schema, wire.SchemaMessage{Columns: columns})
}

// typed reports whether res has just the types of columns: chunks are read by
// them.
func typed(res *duckdb.Result, columns []wire.Column) bool {
	if int(duckdb.ColumnCount(res)) != len(columns) {
		return false
	}
	for i, c := range columns {
		t := duckdb.ColumnLogicalType(res, duckdb.IdxT(i))
		name := typeName(t)
		duckdb.DestroyLogicalType(&t)
		if name != c.Type {
			return false
		}
	}
	return true
}

// prepare binds sql and the values of its parameters and returns its result
// columns. The caller destroys the statement, also when there is an error.
func (e *engine) prepare(sql string, parameters []wire.Parameter) (duckdb.PreparedStatement, []wire.Column, error) {
	var stmt duckdb.PreparedStatement
	if strings.IndexByte(sql, 0) >= 0 {
		return stmt, nil, faulted("encoding")
	}
	if duckdb.Prepare(e.conn, sql, &stmt) != duckdb.StateSuccess {
		return stmt, nil, engineFault(duckdb.ErrorTypeInvalid, duckdb.PrepareError(stmt))
	}
	if duckdb.PreparedStatementType(stmt) != duckdb.StatementTypeSelect {
		return stmt, nil, faulted("not_select")
	}
	if err := assign(stmt, parameters); err != nil {
		return stmt, nil, err
	}
	columns := make([]wire.Column, duckdb.PreparedStatementColumnCount(stmt))
	if len(columns) > wire.MaxColumns {
		return stmt, nil, faulted("too_large")
	}
	names := 0
	for i := range columns {
		t := duckdb.PreparedStatementColumnLogicalType(stmt, duckdb.IdxT(i))
		columns[i] = wire.Column{Name: duckdb.PreparedStatementColumnName(stmt, duckdb.IdxT(i)), Type: typeName(t)}
		duckdb.DestroyLogicalType(&t)
		if names += len(columns[i].Name); names > wire.MaxNames {
			return stmt, nil, faulted("too_large")
		}
		if columns[i].Type == "" {
			return stmt, nil, &fault{code: "type", offset: -1, column: i}
		}
	}
	return stmt, columns, nil
}
