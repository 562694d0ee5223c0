package worker

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// readMySQL reads a base table of a transactional engine over the protocol of
// MySQL and MariaDB.
func (s *serverTable) readMySQL(ctx context.Context) error {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Net, cfg.Addr = s.database.User, s.database.Password, s.database.Name, "tcp", "database:3306"
	cfg.TLS, cfg.Collation, cfg.CheckConnLiveness, cfg.Logger = s.secure, "utf8mb4_general_ci", false, &mysql.NopLogger{}
	switch {
	case s.secure != nil:
		cfg.AllowCleartextPasswords = true
	case s.database.Local:
		cfg.Net = "unix"
	default:
		s.conn.login = &mysqlLogin{}
	}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return s.conn, nil }
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return faulted("protocol")
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"SET SESSION time_zone = '+00:00', SESSION sql_mode = ''", // no quoting rules but the common ones
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if strings.ContainsAny(s.table+s.database.Name, "\x00\\") { // a backslash escapes in a text
		return faulted("table")
	}
	where := " WHERE TABLE_SCHEMA = " + quoted(s.database.Name, "'") + " AND TABLE_NAME = " + quoted(s.table, "'")
	kinds, err := mysqlRows(ctx, conn, "SELECT TABLE_TYPE, TRANSACTIONS, t.ENGINE FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"+where)
	switch {
	case err != nil:
		return err
	case len(kinds) == 0:
		return faulted("table")
	case len(kinds) > 1 || kinds[0][0] != "BASE TABLE" || kinds[0][1] == "NO" || slices.Contains(remoteEngines, strings.ToUpper(kinds[0][2])):
		return faulted("table_kind")
	}
	described, err := mysqlRows(ctx, conn, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE FROM information_schema.COLUMNS"+where+" ORDER BY ORDINAL_POSITION")
	if err != nil {
		return err
	}
	var columns []serverColumn
	var names []string
	for _, d := range described {
		columns = append(columns, mysqlColumn(d))
		name := quoted(d[0], "`")
		if d[1] == "float" {
			name += " + 0e0" // else the server writes six digits
		}
		names = append(names, name)
	}
	if len(columns) == 0 {
		return faulted("header_absent")
	}
	slots, err := s.begin(columns)
	if err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+quoted(s.database.Name, "`")+"."+quoted(s.table, "`"))
	if err != nil {
		return err
	}
	values, raw, at := make([][]byte, len(columns)), make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range raw {
		at[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return err
		}
		size := 0
		for i := range raw {
			values[i] = raw[i]
			size += len(raw[i])
		}
		if size > maxServerRow {
			return &fault{code: "too_long", offset: -1, row: s.rows + 1, column: -1}
		}
		if err := s.row(columns, slots, values); err != nil {
			return err // the connection ends with the worker
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return s.out.done()
}

// remoteEngines keep the rows of a table on another server.
var remoteEngines = []string{"FEDERATED", "SPIDER", "CONNECT"}

// mostProof is the longest proof of knowing a password that does not hold it, that of
// ed25519. One encrypted by RSA has twice as many bytes at least.
const mostProof = 64

// A mysqlLogin watches what is written before the first command of a connection in
// the clear. The driver encrypts the password for whatever key the server sends if
// the account is one of caching_sha2_password or sha256_password, and in the clear
// nobody knows whose key that is: those need TLS or a unix socket.
type mysqlLogin struct {
	greeted bool
	over    bool
}

// allows reports whether a packet may be written.
func (l *mysqlLogin) allows(packet []byte) bool {
	const head, sequence = 4, 3
	if l.over || len(packet) < head || packet[sequence] == 0 { // commands begin anew
		l.over = true
		return true
	}
	first := !l.greeted
	l.greeted = true
	return first || len(packet) <= head+mostProof
}

// mysqlRows returns a small result as text, "" for null.
func mysqlRows(ctx context.Context, conn *sql.Conn, query string) (all [][]string, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		if len(all) == maxCatalogue {
			return nil, faulted("protocol")
		}
		row, at := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range row {
			at[i] = &row[i]
		}
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		var texts []string
		for _, v := range row {
			texts = append(texts, v.String)
		}
		all = append(all, texts)
	}
	return all, rows.Err()
}

// mysqlColumn returns what a column is to a delivery. Moments that the server keeps
// with a zone (timestamp), bytes, bits and documents are nothing.
func mysqlColumn(d []string) serverColumn {
	c := serverColumn{name: d[0]}
	switch d[1] {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid":
		c.typ = "VARCHAR"
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		c.typ = "BIGINT"
		c.open = strings.HasPrefix(d[2], "tinyint(1)") // what BOOLEAN is short for
	case "float", "double":
		c.typ = "DOUBLE"
	case "date":
		c.typ = "DATE"
	case "datetime":
		c.typ = "TIMESTAMP"
	case "decimal":
		precision, okP := parseInt(d[3])
		scale, okS := parseInt(d[4])
		if okP && okS {
			c.typ = decimalOf(int(precision), int(scale))
		}
	}
	return c
}

// mysqlCode returns the code of an error of MySQL's driver, "" for another.
func mysqlCode(err error) string {
	var said *mysql.MySQLError
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return "tls"
	case errors.As(err, &said) && (said.Number == 1044 || said.Number == 1045 || said.Number == 1049 || said.Number == 1698):
		return "login"
	case errors.As(err, &said):
		return "server"
	}
	return ""
}
