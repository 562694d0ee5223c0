package worker

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// readPostgres reads a plain or partitioned table over the protocol of PostgreSQL,
// by simple queries, which servers that speak it in part know best. Row security
// that would hide rows fails the reading (row_security off).
func (s *serverTable) readPostgres(ctx context.Context) error {
	cfg, err := pgconn.ParseConfig("host=database port=5432 sslmode=disable require_auth=scram-sha-256,md5,none")
	if err != nil {
		return faulted("protocol")
	}
	if s.secure != nil {
		cfg.RequireAuth = "" // a password in the clear is not in the clear
	}
	cfg.Database, cfg.User, cfg.Password = s.database.Name, s.database.User, s.database.Password
	cfg.TLSConfig, cfg.Fallbacks, cfg.ConnectTimeout = s.secure, nil, 0
	cfg.MaxProtocolMessageBodyLen = maxServerRow
	cfg.RuntimeParams = map[string]string{"client_encoding": "UTF8"}
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return s.conn, nil }
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	run := func(sql string) ([][][]byte, error) { return postgresRows(conn.Exec(ctx, sql)) }
	schema := s.database.Schema
	if schema == "" {
		schema = "public"
	}
	if strings.ContainsRune(schema+s.table, 0) {
		return faulted("table")
	}
	name := quoted(schema, `"`) + "." + quoted(s.table, `"`)
	// The lock comes before the first statement that reads, which is the moment
	// whose rows are read: TRUNCATE and some forms of ALTER TABLE empty a table for
	// moments before them too (PostgreSQL, 13.6, caveats).
	_, err = run(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog;
		SET LOCAL standard_conforming_strings = on; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL row_security = off; SET LOCAL extra_float_digits = 3;
		LOCK TABLE ` + name + ` IN ACCESS SHARE MODE`)
	if err != nil {
		return err
	}
	where := " n.nspname = " + quoted(schema, "'") + " AND c.relname = " + quoted(s.table, "'")
	// Rows of tables that inherit from the one named are those of other tables, and
	// a part may stand on another server.
	kinds, err := run(`WITH RECURSIVE below(relid) AS (SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
			JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE` + where + `
			UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN below b ON i.inhparent = b.relid)
		SELECT c.relkind, (SELECT count(*) FROM below WHERE c.relkind = 'r'),
			(SELECT count(*) FROM below b JOIN pg_catalog.pg_class k ON k.oid = b.relid WHERE k.relkind NOT IN ('r', 'p'))
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE` + where)
	switch {
	case err != nil:
		return err
	case len(kinds) == 0:
		return faulted("table")
	case len(kinds) > 1 || len(kinds[0]) != 3 || string(kinds[0][0]) != "r" && string(kinds[0][0]) != "p",
		string(kinds[0][1]) != "0", string(kinds[0][2]) != "0":
		return faulted("table_kind")
	}
	// A type's name says what it is in the server's own schema alone.
	described, err := run(`SELECT a.attname, CASE WHEN o.nspname = 'pg_catalog' THEN t.typname ELSE '' END, t.typtype, a.atttypmod FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace o ON o.oid = t.typnamespace
		WHERE a.attnum > 0 AND NOT a.attisdropped AND` + where + " ORDER BY a.attnum")
	if err != nil {
		return err
	}
	var columns []serverColumn
	var names []string
	for _, d := range described {
		if len(d) != 4 {
			return faulted("protocol")
		}
		modifier, _ := strconv.Atoi(string(d[3]))
		columns = append(columns, postgresColumn(string(d[0]), string(d[1]), string(d[2]), modifier))
		names = append(names, quoted(string(d[0]), `"`))
	}
	if len(columns) == 0 {
		return faulted("header_absent")
	}
	slots, err := s.begin(columns)
	if err != nil {
		return err
	}
	results := conn.Exec(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+name)
	for results.NextResult() {
		rows := results.ResultReader()
		for rows.NextRow() {
			if err := s.row(columns, slots, rows.Values()); err != nil {
				return err // the connection ends with the worker
			}
		}
		_, err := rows.Close()
		if wide := (*pgproto3.ExceededMaxBodyLenErr)(nil); errors.As(err, &wide) {
			return &fault{code: "too_long", offset: -1, row: s.rows + 1, column: -1}
		}
		if err != nil {
			return err
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	return s.out.done()
}

// maxCatalogue bounds the rows that a server's catalogue has of one table.
const maxCatalogue = 10_000

// postgresRows returns a small result.
func postgresRows(results *pgconn.MultiResultReader) (all [][][]byte, err error) {
	for results.NextResult() {
		rows := results.ResultReader()
		for rows.NextRow() {
			if len(all) == maxCatalogue {
				return nil, faulted("protocol")
			}
			var row [][]byte
			for _, v := range rows.Values() {
				row = append(row, bytes.Clone(v))
			}
			all = append(all, row)
		}
		if _, err := rows.Close(); err != nil {
			return nil, err
		}
	}
	return all, results.Close()
}

// postgresColumn returns what a column of a type is to a delivery. Times with a
// zone, bytes, documents, arrays and money are nothing.
func postgresColumn(name, typ, kind string, modifier int) serverColumn {
	c := serverColumn{name: name}
	switch typ {
	case "text", "varchar", "bpchar", "name", "uuid":
		c.typ = "VARCHAR"
	case "int2", "int4", "int8":
		c.typ = "BIGINT"
	case "float4", "float8":
		c.typ, c.float32 = "DOUBLE", typ == "float4"
	case "bool":
		c.typ = "BOOLEAN"
	case "date":
		c.typ = "DATE"
	case "timestamp":
		c.typ = "TIMESTAMP"
	case "numeric":
		c.typ, c.open = "DECIMAL", true
		if modifier >= 4 { // precision and scale, of which the header of four counts
			c.typ, c.open = decimalOf((modifier-4)>>16, (modifier-4)&0xffff), false
		}
	default:
		if kind == "e" {
			c.typ = "VARCHAR"
		}
	}
	return c
}

// postgresCode returns the code of an error of PostgreSQL's driver, "" for another.
func postgresCode(err error) string {
	var said *pgconn.PgError
	switch {
	case errors.As(err, &said) && (said.Code == "42P01" || said.Code == "3F000"):
		return "table"
	case errors.As(err, &said) && said.Code == "42809":
		return "table_kind"
	case errors.As(err, &said) && (strings.HasPrefix(said.Code, "28") || said.Code == "3D000"):
		return "login"
	case errors.As(err, &said):
		return "server"
	case err != nil && strings.Contains(err.Error(), "refused TLS"):
		return "tls"
	}
	return ""
}
