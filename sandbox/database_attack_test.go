package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"zonebox/sandbox"
)

// TestAPasswordIsForNoKeyOfTheServers has a rogue of MySQL's ask, in the clear, for
// the password under a key of its own, which is how accounts of MySQL 8 log in
// where there is no TLS. Nothing it gets holds the password.
func TestAPasswordIsForNoKeyOfTheServers(t *testing.T) {
	p := pool(t, sandbox.Config{Load: 20 * time.Second})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	const seed = "abcdefghijklmnopqrst"
	for _, c := range []struct {
		plugin string
		ask    func(c net.Conn, in []byte) // after the switch to plugin was answered
	}{
		{"caching_sha2_password", func(c net.Conn, in []byte) {
			_, _ = c.Write(myPacket(4, "\x01\x04")) // the whole password, please
			n, _ := c.Read(in)
			if n > 4 && n < 10 { // the key, please
				_, _ = c.Write(myPacket(6, "\x01"+public))
			}
		}},
		{"sha256_password", func(c net.Conn, _ []byte) {
			_, _ = c.Write(myPacket(4, "\x01"+public))
		}},
	} {
		t.Run(c.plugin, func(t *testing.T) {
			said := make(chan []byte, 1)
			d := rogue(t, "mysql", func(conn net.Conn) {
				var all bytes.Buffer
				defer func() { said <- all.Bytes() }()
				in := make([]byte, 1<<16)
				_, _ = conn.Write(welcome)
				n, _ := conn.Read(in)
				all.Write(in[:n])
				_, _ = conn.Write(myPacket(2, "\xfe"+c.plugin+"\x00"+seed+"\x00"))
				n, _ = conn.Read(in)
				all.Write(in[:n])
				c.ask(conn, in)
				rest, _ := io.ReadAll(io.TeeReader(conn, &all))
				all.Write(rest)
			})
			_, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: "VARCHAR"}}, Table: "t", Database: d})
			if err == nil {
				t.Fatal("a rogue was read")
			}
			_ = d.Conn.Close()
			b := <-said
			for at := 0; at+256 <= len(b); at++ {
				plain, err := rsa.DecryptOAEP(sha1.New(), nil, key, b[at:at+256], nil)
				if err != nil {
					continue
				}
				for i := range plain {
					plain[i] ^= (seed + "\x00")[i%20]
				}
				t.Fatalf("the rogue reads %q", plain)
			}
			if bytes.Contains(b, []byte(d.Password)) {
				t.Error("the rogue reads the password")
			}
		})
	}
}

// TestWhatIsSaidBeforeTLSIsNotHeard has somebody on the way add packets to the
// greeting of a server of MySQL's, which then speaks TLS as agreed.
func TestWhatIsSaidBeforeTLSIsNotHeard(t *testing.T) {
	p := pool(t, sandbox.Config{Load: 20 * time.Second})
	proxied := func(t *testing.T, kind string, between func(server, client net.Conn)) *sandbox.Database {
		address := addressOf(t, kind)
		d := rogue(t, kind, func(client net.Conn) {
			server, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			between(server, client)
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			_, _ = io.Copy(client, server)
		})
		d.Name, d.User, d.Password = "zonebox", "zonebox", os.Getenv("ZONEBOX_DB_PASSWORD")
		if kind == "postgres" {
			d.Name = "postgres"
		}
		d.CA, d.Server = authority(t), "localhost"
		return d
	}
	for _, kind := range servers {
		fill(t, kind, "DROP TABLE IF EXISTS plain", "CREATE TABLE plain(v int)", "INSERT INTO plain VALUES (7)")
	}
	greeting := func(server net.Conn) []byte {
		b := make([]byte, 4096)
		n, _ := server.Read(b)
		return b[:n]
	}
	for _, c := range []struct {
		kind, rule string
		between    func(server, client net.Conn)
		code       string
	}{
		{"mysql", "nothing is added", func(s, c net.Conn) { _, _ = c.Write(greeting(s)) }, ""},
		{"mysql", "an answer to the login", func(s, c net.Conn) {
			_, _ = c.Write(append(greeting(s), myPacket(3, "\x00\x00\x00\x02\x00\x00\x00")...))
		}, "protocol"},
		{"mysql", "a server that has no TLS", func(s, c net.Conn) {
			g := greeting(s)
			end := 5 + bytes.IndexByte(g[5:], 0) // of the version; 4 of a number, 8 of a seed, a zero, then what it can
			g[end+1+4+8+1+1] &^= 0x08
			_, _ = c.Write(g)
		}, "tls"},
		{"postgres", "nothing is added", func(_, _ net.Conn) {}, ""},
		{"postgres", "a server that has no TLS", func(_, c net.Conn) {
			_, _ = c.Read(make([]byte, 8))
			_, _ = c.Write([]byte("N"))
		}, "tls"},
		{"postgres", "an answer to the login", func(s, c net.Conn) {
			b := make([]byte, 8)
			_, _ = c.Read(b)
			_, _ = s.Write(b)
			_, _ = s.Read(b[:1])
			_, _ = c.Write(append(b[:1], append(pgMessage('R', "\x00\x00\x00\x00"), pgMessage('Z', "I")...)...))
		}, "tls"},
	} {
		t.Run(c.kind+" "+c.rule, func(t *testing.T) {
			got, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: "BIGINT"}}, Table: "plain", Database: proxied(t, c.kind, c.between)})
			var refused *sandbox.DeliveryError
			switch {
			case c.code == "" && (err != nil || len(got) != 1):
				t.Errorf("Read() = %v, %v, want a row", got, err)
			case c.code != "" && (!errors.As(err, &refused) || refused.Code != c.code && refused.Code != "protocol"):
				t.Errorf("Read() = %v, %v, want %s", got, err, c.code)
			}
		})
	}
}

// TestATableIsItsOwnRowsAndNoOthers names tables whose rows stand elsewhere.
func TestATableIsItsOwnRowsAndNoOthers(t *testing.T) {
	p := pool(t, sandbox.Config{})
	fill(t, "postgres", `DROP TABLE IF EXISTS parent, divided CASCADE; DROP SCHEMA IF EXISTS rogue CASCADE; DROP FOREIGN DATA WRAPPER IF EXISTS elsewhere CASCADE;
		CREATE TABLE parent(v int); CREATE TABLE child(w int) INHERITS (parent); INSERT INTO child VALUES (1, 2);
		CREATE TABLE divided(v int) PARTITION BY LIST (v); CREATE TABLE divided_1 PARTITION OF divided FOR VALUES IN (1); INSERT INTO divided VALUES (1);
		CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;
		DROP TABLE IF EXISTS spread CASCADE; CREATE TABLE spread(v int) PARTITION BY LIST (v); CREATE TABLE spread_1 PARTITION OF spread FOR VALUES IN (1) PARTITION BY LIST (v);
		CREATE FOREIGN TABLE spread_2 PARTITION OF spread_1 FOR VALUES IN (1) SERVER elsewhere;
		DROP TABLE IF EXISTS typed; CREATE SCHEMA rogue; CREATE TYPE rogue.int4 AS (a int, b int); CREATE TABLE typed(v rogue.int4);
		DROP SEQUENCE IF EXISTS numbers; CREATE SEQUENCE numbers; DROP INDEX IF EXISTS plainly; DROP TABLE IF EXISTS plain; CREATE TABLE plain(v int); CREATE INDEX plainly ON plain(v)`)
	statements := []string{"DROP TABLE IF EXISTS plain", "CREATE TABLE plain(v int)"}
	port := addressOf(t, "mysql")
	fill(t, "mysql", append(statements, "INSTALL SONAME 'ha_federatedx'", "DROP TABLE IF EXISTS far",
		"CREATE TABLE far(v int) ENGINE=FEDERATED CONNECTION='mysql://zonebox:"+os.Getenv("ZONEBOX_DB_PASSWORD")+"@"+port+"/zonebox/plain'",
		"DROP SEQUENCE IF EXISTS numbers", "CREATE SEQUENCE numbers", "DROP TABLE IF EXISTS kept", "CREATE TABLE kept(v int) WITH SYSTEM VERSIONING")...)
	t.Cleanup(func() { // t's context is gone
		conn, err := pgconn.Connect(context.Background(), "postgres://zonebox:"+os.Getenv("ZONEBOX_DB_PASSWORD")+"@"+addressOf(t, "postgres")+"/postgres")
		if err == nil {
			_, _ = conn.Exec(context.Background(), "DROP TABLE IF EXISTS parent, divided, spread, typed CASCADE; DROP SCHEMA IF EXISTS rogue CASCADE; DROP FOREIGN DATA WRAPPER IF EXISTS elsewhere CASCADE").ReadAll()
			_ = conn.Close(context.Background())
		}
	})
	for _, c := range []struct{ kind, rule, table, code string }{
		{"postgres", "a table with tables that inherit from it", "parent", "table_kind"},
		{"postgres", "a table in parts", "divided", ""},
		{"postgres", "a table with a part on another server", "spread", "table_kind"},
		{"postgres", "a type that is called after another", "typed", "column_type"},
		{"postgres", "a sequence", "numbers", "table_kind"},
		{"postgres", "an index", "plainly", "table_kind"},
		{"mysql", "a table of another server", "far", "table_kind"},
		{"mysql", "a sequence", "numbers", "table_kind"},
		{"mysql", "a table that keeps what was", "kept", "table_kind"},
	} {
		t.Run(c.kind+" "+c.rule, func(t *testing.T) {
			got, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: "BIGINT"}}, Table: c.table, Database: database(t, c.kind, addressOf(t, c.kind))})
			var refused *sandbox.DeliveryError
			switch {
			case c.code == "" && (err != nil || len(got) != 1):
				t.Errorf("Read() = %v, %v, want a row", got, err)
			case c.code != "" && (!errors.As(err, &refused) || refused.Code != c.code):
				t.Errorf("Read() = %v, %v, want %s", got, err, c.code)
			}
		})
	}
}

// TestATableThatIsEmptiedMeanwhile is never read as an empty one: its lock is taken
// before the moment whose rows are read.
func TestATableThatIsEmptiedMeanwhile(t *testing.T) {
	p := pool(t, sandbox.Config{Load: time.Minute})
	for _, kind := range servers {
		t.Run(kind, func(t *testing.T) {
			fill(t, kind, "DROP TABLE IF EXISTS fleeting", "CREATE TABLE fleeting(v int)", "INSERT INTO fleeting VALUES (1)")
			emptied := false
			var over chan struct{}
			ended := make(chan struct{})
			d := rogue(t, kind, func(client net.Conn) {
				defer close(ended)
				server, err := net.Dial("tcp", addressOf(t, kind))
				if err != nil {
					return
				}
				defer func() { _ = server.Close() }()
				go func() { _, _ = io.Copy(client, server) }()
				b := make([]byte, 1<<16)
				for {
					n, err := client.Read(b)
					if err != nil {
						return
					}
					if !emptied && bytes.Contains(b[:n], []byte("SELECT")) && bytes.Contains(b[:n], []byte("fleeting")) && bytes.Contains(b[:n], []byte("FROM")) &&
						!bytes.Contains(b[:n], []byte("pg_catalog")) && !bytes.Contains(b[:n], []byte("information_schema")) {
						emptied = true
						over = make(chan struct{})
						go func() { // waits for the lock, if there is one
							defer close(over)
							fill(t, kind, "TRUNCATE fleeting")
						}()
						select {
						case <-over:
						case <-time.After(300 * time.Millisecond):
						}
					}
					if _, err := server.Write(b[:n]); err != nil {
						return
					}
				}
			})
			d.Name, d.User, d.Password = "zonebox", "zonebox", os.Getenv("ZONEBOX_DB_PASSWORD")
			if kind == "postgres" {
				d.Name = "postgres"
			}
			got, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: "BIGINT"}}, Table: "fleeting", Database: d})
			_ = d.Conn.Close()
			<-ended
			if over != nil {
				<-over
			}
			var refused *sandbox.DeliveryError
			if !emptied || err == nil && len(got) != 1 || err != nil && !errors.As(err, &refused) {
				t.Errorf("Read() = %v, %v (emptied %t), want the row, or a refusal", got, err, emptied)
			}
		})
	}
}

// TestValuesOfAServerAreThoseItPrints holds what is read against what the servers'
// own clients print.
func TestValuesOfAServerAreThoseItPrints(t *testing.T) {
	p := pool(t, sandbox.Config{Memory: 512 << 20})
	long := strings.Repeat("长", 1<<20) // 3 MB
	for _, c := range []struct {
		kind, rule, column, value, typ, want string
	}{
		{"postgres", "a char keeps its blanks", "char(5)", "'a'", "VARCHAR", "a    "},
		{"postgres", "a uuid", "uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "VARCHAR", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"postgres", "line ends, quotes and backslashes", "text", "E'a\\r\\n\"b\\\\\\t'''", "VARCHAR", "a\r\n\"b\\\t'"},
		{"postgres", "a number of 38 digits", "numeric(38,10)", "-1234567890123456789012345678.0123456789", "DECIMAL(38,10)", "-1234567890123456789012345678.0123456789"},
		{"postgres", "the least whole number", "bigint", "-9223372036854775808", "BIGINT", "-9223372036854775808"},
		{"postgres", "the least double", "double precision", "5e-324", "DOUBLE", "5e-324"},
		{"postgres", "seventeen digits", "double precision", "0.30000000000000004", "DOUBLE", "0.30000000000000004"},
		{"postgres", "no sign of zero lost", "double precision", "'-0'", "DOUBLE", "-0"},
		{"postgres", "a long text", "text", "repeat('长', 1048576)", "VARCHAR", long},
		{"mysql", "a char loses its blanks", "char(5)", "'a'", "VARCHAR", "a"},
		{"mysql", "a GBK column", "varchar(9) CHARACTER SET gbk", "'镕〇'", "VARCHAR", "镕〇"},
		{"mysql", "a latin column", "varchar(9) CHARACTER SET latin1", "'é€'", "VARCHAR", "é€"},
		{"mysql", "beyond the basic plane", "varchar(9) CHARACTER SET utf8mb4", "'\U0002A6D6😀'", "VARCHAR", "\U0002A6D6😀"},
		{"mysql", "a set", "set('a','b','c')", "'c,a'", "VARCHAR", "a,c"},
		{"mysql", "a year", "year", "1999", "BIGINT", "1999"},
		{"mysql", "zeros that fill", "int(8) unsigned zerofill", "42", "BIGINT", "42"},
		{"mysql", "a number of 38 digits", "decimal(38,10)", "-1234567890123456789012345678.0123456789", "DECIMAL(38,10)", "-1234567890123456789012345678.0123456789"},
		{"mysql", "the least double", "double", "5e-324", "DOUBLE", "5e-324"},
		{"mysql", "seventeen digits", "double", "0.30000000000000004", "DOUBLE", "0.30000000000000004"},
		{"mysql", "line ends, quotes and backslashes", "text", "'a\\r\\n\"b\\\\\\t'''", "VARCHAR", "a\r\n\"b\\\t'"},
		{"mysql", "a long text", "longtext CHARACTER SET utf8mb4", "repeat(CONVERT('长' USING utf8mb4), 1048576)", "VARCHAR", long},
	} {
		t.Run(c.kind+" "+c.rule, func(t *testing.T) {
			fill(t, c.kind, "DROP TABLE IF EXISTS one", "CREATE TABLE one(v "+c.column+")", "INSERT INTO one VALUES ("+c.value+")")
			got, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: c.typ}}, Table: "one", Database: database(t, c.kind, addressOf(t, c.kind))})
			if err != nil {
				t.Fatalf("Read() = %v", err)
			}
			if diff := cmp.Diff([][]string{{c.want}}, got); diff != "" {
				t.Errorf("Read() (-want +got):\n%.300s", diff)
			}
		})
	}
}

// TestOddNamesAreNamesAndNoSQL reads tables, schemas and columns that are called as
// attacks are written.
func TestOddNamesAreNamesAndNoSQL(t *testing.T) {
	p := pool(t, sandbox.Config{})
	const table, column = `t"; DROP TABLE x; --'`, "c\"`');--"
	fill(t, "postgres", `DROP SCHEMA IF EXISTS "s""'." CASCADE; CREATE SCHEMA "s""'."; CREATE TABLE "s""'."."t""; DROP TABLE x; --'"("c""`+"`"+`');--" int);
		INSERT INTO "s""'."."t""; DROP TABLE x; --'" VALUES (7)`)
	fill(t, "mysql", "DROP TABLE IF EXISTS `"+table+"`", "CREATE TABLE `"+table+"`(`c\"``');--` int)", "INSERT INTO `"+table+"` VALUES (7)")
	for _, kind := range servers {
		d := database(t, kind, addressOf(t, kind))
		if kind == "postgres" {
			d.Schema = `s"'.`
		}
		got, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: column, Type: "BIGINT"}}, Table: table, Database: d})
		_ = d.Conn.Close() // with it the lock goes
		if err != nil || len(got) != 1 || got[0][0] != "7" {
			t.Errorf("%s: Read() = %v, %v, want a 7", kind, got, err)
		}
	}
	fill(t, "postgres", `DROP SCHEMA "s""'." CASCADE`)
}

// TestARowOfAServerHasItsBound: one beyond it is told by its code and place, as one of
// a file is.
func TestARowOfAServerHasItsBound(t *testing.T) {
	p := pool(t, sandbox.Config{Memory: 512 << 20})
	fill(t, "mysql", "SET GLOBAL max_allowed_packet = 67108864")
	for kind, typ := range map[string]string{"postgres": "text", "mysql": "longtext"} {
		fill(t, kind, "DROP TABLE IF EXISTS one", "CREATE TABLE one(v "+typ+", w "+typ+")", "INSERT INTO one VALUES ('a', 'b')",
			"INSERT INTO one VALUES (repeat('x', 9000000), repeat('y', 9000000))")
		d := database(t, kind, addressOf(t, kind))
		_, err := read(t, p, sandbox.Delivery{Columns: []sandbox.Column{{Name: "v", Type: "VARCHAR"}, {Name: "w", Type: "VARCHAR"}}, Table: "one", Database: d})
		_ = d.Conn.Close()
		var refused *sandbox.DeliveryError
		if want := (sandbox.DeliveryError{Code: "too_long", Row: 2}); !errors.As(err, &refused) || *refused != want {
			t.Errorf("%s: Read() = %v, want %v", kind, err, &want)
		}
	}
	fill(t, "mysql", "SET GLOBAL max_allowed_packet = 16777216")
}
