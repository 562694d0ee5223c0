package sandbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"zonebox/sandbox"
)

// server returns the address of a database server of .ci/servers. Tests without
// one are skipped, but where ZONEBOX_SERVERS says that there must be one.
func server(t testing.TB, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" && os.Getenv("ZONEBOX_SERVERS") != "" {
		t.Fatalf("%s names no server, and there must be one", variable)
	}
	if address == "" {
		t.Skipf("%s names no server: run the test by .ci/servers", variable)
	}
	return address
}

// fill runs statements as the server's administrator.
func fill(t testing.TB, kind string, statements ...string) {
	t.Helper()
	password := os.Getenv("ZONEBOX_DB_PASSWORD")
	if kind == "postgres" {
		conn, err := pgconn.Connect(t.Context(), "postgres://zonebox:"+password+"@"+server(t, "ZONEBOX_POSTGRES")+"/postgres")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		for _, s := range statements {
			if _, err := conn.Exec(t.Context(), s).ReadAll(); err != nil {
				t.Fatalf("%.60s: %v", s, err)
			}
		}
		return
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName, cfg.MultiStatements = "zonebox", password, "tcp", server(t, "ZONEBOX_MYSQL"), "zonebox", true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%.60s: %v", s, err)
		}
	}
}

// database returns how a worker reaches a server, over a connection that ends with
// the test.
func database(t testing.TB, kind, address string) *sandbox.Database {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := &sandbox.Database{Kind: kind, Conn: conn, Name: "zonebox", User: "zonebox", Password: os.Getenv("ZONEBOX_DB_PASSWORD")}
	if kind == "postgres" {
		d.Name = "postgres"
	}
	return d
}

func addressOf(t testing.TB, kind string) string {
	return server(t, map[string]string{"postgres": "ZONEBOX_POSTGRES", "mysql": "ZONEBOX_MYSQL"}[kind])
}

func authority(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(os.Getenv("ZONEBOX_DB_CA"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var servers = []string{"postgres", "mysql"}

// TestATableOfAServerIsReadAsItIs reads every type that a delivery has, from both
// servers, in the clear and by TLS.
func TestATableOfAServerIsReadAsItIs(t *testing.T) {
	p := pool(t, sandbox.Config{})
	columns := []sandbox.Column{
		{Name: "名称", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "x", Type: "DOUBLE"}, {Name: "f", Type: "DOUBLE"}, {Name: "ok", Type: "BOOLEAN"},
		{Name: "day", Type: "DATE"}, {Name: "at", Type: "TIMESTAMP"}, {Name: "paid", Type: "DECIMAL(12,2)"}, {Name: "k", Type: "VARCHAR"}, {Name: "w", Type: "DECIMAL(20,0)"},
	}
	want := [][]string{
		{"李四 \U00020087", "-7", "0.1", "0.10000000149011612", "true", "2024-02-29", "2024-02-29T08:00:00.25", "-12.3", "甲", "42"},
		{"(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)", "(null)"},
		{"", "9223372036854775807", "1e+300", "0.5", "false", "0001-01-01", "9999-12-31T23:59:59.999999", "9999999999.99", "乙", "-1"},
	}
	fill(t, "postgres", `DROP TABLE IF EXISTS visits; DROP TYPE IF EXISTS kind; CREATE TYPE kind AS ENUM ('甲', '乙');
		CREATE TABLE visits(w int, k kind, paid numeric(12,2), at timestamp, day date, ok boolean, f real, x double precision, n bigint, "名称" text);
		INSERT INTO visits VALUES (42, '甲', -12.3, '2024-02-29 08:00:00.25', '2024-02-29', true, 0.1, 0.1, -7, '李四 `+"\U00020087"+`'),
			(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
			(-1, '乙', 9999999999.99, '9999-12-31 23:59:59.999999', '0001-01-01', false, 0.5, 1e300, 9223372036854775807, '')`)
	fill(t, "mysql", "DROP TABLE IF EXISTS visits", "CREATE TABLE visits(w int, k enum('甲','乙'), paid decimal(12,2), at datetime(6), day date, ok boolean, f float, x double, n bigint, `名称` text) CHARACTER SET utf8mb4",
		`INSERT INTO visits VALUES (42, '甲', -12.3, '2024-02-29 08:00:00.25', '2024-02-29', true, 0.1, 0.1, -7, '李四 `+"\U00020087"+`'),
			(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
			(-1, '乙', 9999999999.99, '9999-12-31 23:59:59.999999', '0001-01-01', false, 0.5, 1e300, 9223372036854775807, '')`)
	for _, kind := range servers {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, " TLS ", secure), func(t *testing.T) {
				d := database(t, kind, addressOf(t, kind))
				if secure {
					d.CA, d.Server = authority(t), "localhost"
				}
				got, err := read(t, p, sandbox.Delivery{Columns: columns, Table: "visits", Database: d})
				if err != nil {
					t.Fatalf("Read() = %v", err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("Read() (-want +got):\n%s", diff)
				}
			})
		}
		t.Run(kind+" inspected", func(t *testing.T) {
			shape, rows, err := inspect(t, p, sandbox.Delivery{Table: "visits", Database: database(t, kind, addressOf(t, kind))}, 0)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range shape.Columns {
				got = append(got, c.Name+" "+c.Type)
			}
			slices.Sort(got)
			found := []string{"at TIMESTAMP", "day DATE", "f DOUBLE", "k VARCHAR", "n BIGINT", "ok BOOLEAN", "paid DECIMAL(12,2)", "w BIGINT", "x DOUBLE", "名称 VARCHAR"}
			if kind == "mysql" {
				found[5] = "ok BIGINT"
			}
			if !slices.Equal(got, found) || shape.Rows != 3 || shape.Format != kind || len(rows) != 3 {
				t.Errorf("Inspect() = %v, %+v, %q", got, shape, rows)
			}
		})
	}
}

// TestWhatAServerHoldsIsExactOrRefused has one table for every value or type that
// no delivery holds.
func TestWhatAServerHoldsIsExactOrRefused(t *testing.T) {
	p := pool(t, sandbox.Config{})
	for _, c := range []struct {
		kind, rule, column, value, typ string
		want                           sandbox.DeliveryError
	}{
		{"postgres", "a moment with a zone", "timestamptz", "now()", "TIMESTAMP", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "bytes", "bytea", `'\x00'`, "VARCHAR", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "a document", "jsonb", `'{}'`, "VARCHAR", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "an array", "int[]", `'{1}'`, "VARCHAR", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "money", "money", `1`, "DECIMAL(12,2)", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "a number for text", "int", `1`, "VARCHAR", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "text for a number", "text", `'1'`, "BIGINT", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"postgres", "numeric NaN", "numeric(12,2)", `'NaN'`, "DECIMAL(12,2)", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"postgres", "a number with more digits behind the point", "numeric", `1.234`, "DECIMAL(12,2)", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"postgres", "a number with more digits", "numeric", `12345678901.5`, "DECIMAL(12,2)", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"postgres", "infinity", "float8", `'Infinity'`, "DOUBLE", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"postgres", "an endless day", "date", `'infinity'`, "DATE", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"postgres", "a day before Christ", "date", `'0044-03-15 BC'`, "DATE", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"postgres", "a mark in a text", "text", "'\uFEFFa'", "VARCHAR", sandbox.DeliveryError{Code: "mark", Row: 1, Column: "v"}},
		{"mysql", "a moment with a zone", "timestamp", "now()", "TIMESTAMP", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"mysql", "bytes", "blob", "'a'", "VARCHAR", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"mysql", "bits", "bit(8)", "1", "BIGINT", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
		{"mysql", "a whole number beyond 2^63", "bigint unsigned", "18446744073709551615", "BIGINT", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"mysql", "no day", "date", "'0000-00-00'", "DATE", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"mysql", "a month without a day", "date", "'2024-02-00'", "DATE", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"mysql", "no moment", "datetime", "'0000-00-00 00:00:00'", "TIMESTAMP", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"mysql", "two for a truth", "tinyint(1)", "2", "BOOLEAN", sandbox.DeliveryError{Code: "value", Row: 1, Column: "v"}},
		{"mysql", "a number for text", "int", "1", "VARCHAR", sandbox.DeliveryError{Code: "column_type", Column: "v"}},
	} {
		t.Run(c.kind+" "+c.rule, func(t *testing.T) {
			setup := []string{"DROP TABLE IF EXISTS one", "CREATE TABLE one(v " + c.column + ")"}
			if c.kind == "mysql" {
				setup = append(setup, "SET SESSION sql_mode = ''")
			}
			fill(t, c.kind, append(setup, "INSERT INTO one VALUES ("+c.value+")")...)
			_, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: c.typ}}, Table: "one", Database: database(t, c.kind, addressOf(t, c.kind))})
			var got *sandbox.DeliveryError
			if !errors.As(err, &got) || *got != c.want {
				t.Errorf("Read() = %v, want %v", err, &c.want)
			}
		})
	}
}

func TestWhatAServerRefusesIsToldByCode(t *testing.T) {
	p := pool(t, sandbox.Config{})
	column := []sandbox.Column{{Name: "v", Type: "BIGINT"}}
	for _, kind := range servers {
		setup := []string{"DROP VIEW IF EXISTS w", "DROP TABLE IF EXISTS plain", "DROP TABLE IF EXISTS odd", "CREATE TABLE plain(v int)", "CREATE VIEW w AS SELECT v FROM plain"}
		if kind == "mysql" {
			setup = append(setup, "CREATE TABLE odd(v int) ENGINE=MyISAM", "CREATE USER IF NOT EXISTS poor@'%' IDENTIFIED BY 'x'", "GRANT SELECT (v) ON zonebox.w TO poor@'%'")
		} else {
			setup = append(setup, "CREATE TABLE odd(v int); ALTER TABLE odd ENABLE ROW LEVEL SECURITY; ALTER TABLE odd FORCE ROW LEVEL SECURITY",
				"DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN PASSWORD 'x'; GRANT SELECT ON odd TO poor")
		}
		fill(t, kind, setup...)
		for _, c := range []struct {
			rule, table, code string
			change            func(d *sandbox.Database)
		}{
			{"a table that is not there", "nobody's'; DROP TABLE plain; --", "table", func(*sandbox.Database) {}},
			{"a view", "w", "table_kind", func(*sandbox.Database) {}},
			{"a wrong password", "plain", "login", func(d *sandbox.Database) { d.Password = "wrong" }},
			{"a user nobody knows", "plain", "login", func(d *sandbox.Database) { d.User = "nobody" }},
			{"a database nobody knows", "plain", "login", func(d *sandbox.Database) { d.Name = "nothing" }},
			{"a certificate of another name", "plain", "tls", func(d *sandbox.Database) { d.CA, d.Server = authority(t), "example.org" }},
			{"a certificate of another authority", "plain", "tls", func(d *sandbox.Database) { d.CA, d.Server = stranger(t), "localhost" }},
			{"no certificate", "plain", "tls", func(d *sandbox.Database) { d.CA, d.Server = []byte("x"), "localhost" }},
			{"rows that are hidden, or not those of one moment", "odd", map[string]string{"postgres": "server", "mysql": "table_kind"}[kind], func(d *sandbox.Database) {
				if kind == "postgres" {
					d.User, d.Password = "poor", "x"
				}
			}},
		} {
			t.Run(kind+" "+c.rule, func(t *testing.T) {
				d := database(t, kind, addressOf(t, kind))
				c.change(d)
				_, err := read(t, p, sandbox.Delivery{Columns: column, Table: c.table, Database: d})
				var got *sandbox.DeliveryError
				if !errors.As(err, &got) || got.Code != c.code {
					t.Errorf("Read() = %v, want %s", err, c.code)
				}
				if err != nil && strings.Contains(err.Error(), os.Getenv("ZONEBOX_DB_PASSWORD")) {
					t.Error("the error holds the password")
				}
			})
		}
	}
}

// TestALargeTableIsReadAsItWas counts a table to which rows are added while it is
// read, by a worker that could not hold it.
func TestALargeTableIsReadAsItWas(t *testing.T) {
	const rows = 400_000 // some 100 MB
	p := pool(t, sandbox.Config{Memory: 128 << 20})
	generate := map[string]string{
		"postgres": fmt.Sprintf("INSERT INTO large SELECT i, repeat('填', 80) FROM generate_series(1, %d) i", rows),
		"mysql":    fmt.Sprintf("INSERT INTO large SELECT seq, repeat('填', 80) FROM seq_1_to_%d", rows),
	}
	for _, kind := range servers {
		t.Run(kind, func(t *testing.T) {
			fill(t, kind, "DROP TABLE IF EXISTS large", "CREATE TABLE large(n int, s text)", generate[kind])
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			began := time.Now()
			r, err := s.Read(t.Context(), sandbox.Delivery{Columns: []sandbox.Column{{Name: "s", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}}, Table: "large",
				Database: database(t, kind, addressOf(t, kind))})
			if err != nil {
				t.Fatal(err)
			}
			n, size := int64(0), 0
			for {
				rec, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					fill(t, kind, "INSERT INTO large VALUES (0, 'late')")
				}
				n += rec.NumRows()
				size += int(rec.NumRows()) * 244
				rec.Release()
			}
			if n != rows {
				t.Errorf("%d rows, want the %d that there were", n, rows)
			}
			t.Logf("%d rows, %.0f MB/s", n, float64(size)/1e6/time.Since(began).Seconds())
		})
	}
}

// stranger returns the certificate of an authority that nobody knows.
func stranger(t testing.TB) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stranger"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
