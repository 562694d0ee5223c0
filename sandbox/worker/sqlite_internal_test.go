package worker

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"zonebox/sandbox/internal/wire"
)

// sqliteBytes returns the file that SQLite itself makes of statements.
func sqliteBytes(t testing.TB, statements ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%.80s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sqliteRows returns what SQLite itself reads of a table.
func sqliteRows(t testing.TB, file []byte, query string) (rows []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	names, _ := r.Columns()
	for r.Next() {
		values, at := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			at[i] = &values[i]
		}
		if err := r.Scan(at...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			if !v.Valid {
				v.String = "(null)"
			}
			row = append(row, v.String)
		}
		rows = append(rows, strings.Join(row, "|"))
	}
	return rows
}

func sqliteMessage(table string, columns ...wire.Column) wire.DeliverMessage {
	return wire.DeliverMessage{Format: "sqlite", Table: table, Columns: columns, Decoded: 256 << 20, Memory: 256 << 20}
}

// TestSQLiteFilesAreReadAsSQLiteReadsThem has SQLite as oracle.
func TestSQLiteFilesAreReadAsSQLiteReadsThem(t *testing.T) {
	id, name, n := wire.Column{Name: "id", Type: "BIGINT"}, wire.Column{Name: "name", Type: "VARCHAR"}, wire.Column{Name: "n", Type: "BIGINT"}
	const many = `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 5000) INSERT INTO t SELECT i, '张三' || i || substr('%s', 1, i %% 300), i*i*i*i - 1000 FROM c`
	fill := fmt.Sprintf(many, strings.Repeat("填", 300))
	var cases []struct {
		rule       string
		statements []string
	}
	add := func(rule string, statements ...string) {
		cases = append(cases, struct {
			rule       string
			statements []string
		}{rule, statements})
	}
	for _, size := range []int{512, 1024, 4096, 65536} {
		add(fmt.Sprint("pages of ", size), fmt.Sprintf("PRAGMA page_size=%d", size), "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", fill)
		add(fmt.Sprint("without row numbers, pages of ", size), fmt.Sprintf("PRAGMA page_size=%d", size), "CREATE TABLE t(id INT, name TEXT, n INT, PRIMARY KEY(name, n)) WITHOUT ROWID", fill)
	}
	add("UTF-16LE", "PRAGMA encoding='UTF-16le'", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", fill)
	add("UTF-16BE", "PRAGMA encoding='UTF-16be'", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", fill)
	add("pages that move", "PRAGMA auto_vacuum=FULL", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", fill, "DELETE FROM t WHERE id%3=1", "UPDATE t SET name = name || name WHERE id%5=0")
	add("texts over many pages", "PRAGMA page_size=512", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", "INSERT INTO t VALUES (1, printf('%.*c', 100000, 'x'), 1), (2, '', NULL), (3, NULL, 0), (4, 'a', 9223372036854775807), (5, 'b', -9223372036854775808)")
	add("every width of a number", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", "INSERT INTO t(name, n) VALUES ('a',0),('b',1),('c',-1),('d',127),('e',-128),('f',32767),('g',8388607),('h',-8388608),('i',2147483647),('j',140737488355327),('k',-140737488355328),('l',140737488355328)")
	add("a key in another place, quoted names, comments", "CREATE TABLE \"t\"(/* , */ [name] varchar(10) DEFAULT ('a,b') CHECK(length(name) > 0), `n` BIGINT -- , x\n, 'id' INTEGER, CONSTRAINT pk PRIMARY KEY(id DESC), FOREIGN KEY(n) REFERENCES t(id))", "INSERT INTO t(name, n, id) VALUES ('x', 1, 7), ('y', 2, -3)")
	add("INTEGER PRIMARY KEY DESC is no alias", "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, name TEXT, n INT)", "INSERT INTO t VALUES (9, 'x', 1), (4, 'y', 2)")
	add("INT PRIMARY KEY is no alias", "CREATE TABLE t(id INT PRIMARY KEY, name TEXT, n INT)", "INSERT INTO t VALUES (9, 'x', 1), (4, 'y', 2)")
	add("columns that were added", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'x')", "ALTER TABLE t ADD COLUMN n INT", "INSERT INTO t VALUES (2, 'y', 3)")
	add("columns that were dropped and renamed", "CREATE TABLE t(id INTEGER PRIMARY KEY, gone TEXT, old TEXT, n INT)", "INSERT INTO t VALUES (1, 'x', 'y', 2)", "ALTER TABLE t DROP COLUMN gone", "ALTER TABLE t RENAME COLUMN old TO name")
	add("a table made of a query", "CREATE TABLE s(a INT, b TEXT)", "INSERT INTO s VALUES (1, 'x')", "CREATE TABLE t AS SELECT a AS id, b AS name, a AS n FROM s")
	add("beside indexes, views and triggers", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)", "CREATE UNIQUE INDEX i ON t(name)", "CREATE VIEW v AS SELECT * FROM t", "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END", "DROP TRIGGER g", "INSERT INTO t VALUES (1, 'x', 2)")
	add("nothing", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)")
	add("strict", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INTEGER) STRICT", "INSERT INTO t VALUES (1, 'x', 2)")
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			file := sqliteBytes(t, c.statements...)
			got, err := deliverTo(t, sqliteMessage("t", id, name, n), file)
			if err != nil {
				t.Fatalf("read = %v", err)
			}
			order := "rowid"
			if strings.Contains(strings.Join(c.statements, ""), "WITHOUT ROWID") {
				order = "name, n"
			}
			if want := sqliteRows(t, file, "SELECT id, name, n FROM t ORDER BY "+order); !slices.Equal(got, want) {
				t.Errorf("%d rows, want %d, or other values", len(got), len(want))
			}
		})
	}
}

func TestSQLiteValuesAreExactOrRefused(t *testing.T) {
	for _, c := range []struct{ rule, value, typ, want string }{
		{"text", "'a'", "VARCHAR", "a"},
		{"a number is no text", "1", "VARCHAR", "!value"},
		{"an empty text is one", "''", "VARCHAR", ""},
		{"a text that is a number", "'7'", "BIGINT", "7"},
		{"a real number is no whole one", "7.0", "BIGINT", "!value"},
		{"a whole number is a real one", "7", "DOUBLE", "7"},
		{"a whole number beyond 2^53", "9007199254740993", "DOUBLE", "!value"},
		{"infinity", "9e999", "DOUBLE", "!value"},
		{"an amount", "1.1", "DECIMAL(6,2)", "1.1"},
		{"an amount of too many digits", "1.123", "DECIMAL(6,2)", "!value"},
		{"an amount that doubles do not hold", "123456789012345678.5", "DECIMAL(30,2)", "!value"},
		{"a day", "'2024-02-29'", "DATE", "2024-02-29"},
		{"a day in seconds", "1709164800", "DATE", "!value"},
		{"a Julian day", "2460369.5", "TIMESTAMP", "!value"},
		{"truth", "1", "BOOLEAN", "true"},
		{"bytes", "x'00ff'", "VARCHAR", "!value"},
		{"text that is not UTF-8", "CAST(x'ff' AS TEXT)", "VARCHAR", "!encoding"},
		{"a zero character", "'a' || char(0)", "VARCHAR", "!encoding"},
	} {
		file := sqliteBytes(t, "CREATE TABLE t(v)", "INSERT INTO t VALUES ("+c.value+")")
		got, err := deliverTo(t, sqliteMessage("", wire.Column{Name: "v", Type: c.typ}), file)
		if want, refused := strings.CutPrefix(c.want, "!"); refused {
			checkFault(t, err, fault{code: want, row: 1})
		} else if err != nil || got[0] != want {
			t.Errorf("%s: %q, %v, want %q", c.rule, got, err, want)
		}
	}
}

func TestSQLiteFilesThatAreRefused(t *testing.T) {
	column := wire.Column{Name: "v", Type: "VARCHAR"}
	one := []string{"CREATE TABLE t(v)", "INSERT INTO t VALUES ('x')"}
	good := sqliteBytes(t, one...)
	changed := func(change func(b []byte)) []byte {
		b := bytes.Clone(good)
		change(b)
		return b
	}
	for _, c := range []struct {
		rule, table string
		file        []byte
		code        string
	}{
		{"a table that is not there", "s", good, "table"},
		{"none of two tables", "", sqliteBytes(t, append(one, "CREATE TABLE s(v)")...), "table"},
		{"no table", "", sqliteBytes(t, append(one, "DROP TABLE t")...), "table"},
		{"a view", "w", sqliteBytes(t, append(one, "CREATE VIEW w AS SELECT v FROM t")...), "table_kind"},
		{"a virtual table", "f", sqliteBytes(t, append(one, "CREATE VIRTUAL TABLE f USING fts5(v)")...), "table_kind"},
		{"a generated column", "g", sqliteBytes(t, append(one, "CREATE TABLE g(a, v AS (a || 'x'))")...), "table_kind"},
		{"an index", "i", sqliteBytes(t, append(one, "CREATE INDEX i ON t(v)")...), "table"},
		{"the schema", "sqlite_schema", good, "table"},
		{"a default older rows do not hold", "t", sqliteBytes(t, "CREATE TABLE t(a)", "INSERT INTO t VALUES (1)", "ALTER TABLE t ADD COLUMN v TEXT DEFAULT 'x'"), "header_unknown"},
		{"write-ahead logging", "t", sqliteBytes(t, append([]string{"PRAGMA journal_mode=WAL"}, one...)...), "wal"},
		{"cut off", "t", good[:len(good)-1], "damaged"},
		{"a page of its own child", "t", changed(func(b []byte) {
			b[4096], b[4096+3], b[4096+4] = pageTableInner, 0, 0
			binary.BigEndian.PutUint32(b[4096+8:], 2)
		}), "damaged"},
		{"a page beyond the file", "t", changed(func(b []byte) {
			b[4096], b[4096+3], b[4096+4] = pageTableInner, 0, 0
			binary.BigEndian.PutUint32(b[4096+8:], 1<<31)
		}), "damaged"},
		{"a page of two parents", "t", func() []byte { // and so of a billion, in a tree of such pages
			b := append(bytes.Clone(good), good[4096:8192]...)
			binary.BigEndian.PutUint32(b[28:], 3)
			copy(b[4096:], []byte{pageTableInner, 0, 0, 0, 1, 0x0f, 0xf0, 0, 0, 0, 0, 3, 0x0f, 0xf0})
			copy(b[4096+0xff0:], []byte{0, 0, 0, 3, 1})
			return b
		}(), "damaged"},
		{"a payload of gigabytes", "t", changed(func(b []byte) {
			copy(b[4096+2000:], "\x8f\xff\xff\xff\x7f\x01\x02\x0f")
			binary.BigEndian.PutUint16(b[4096+8:], 2000)
		}), "too_long"},
		{"a page size of three", "t", changed(func(b []byte) { b[16], b[17] = 0, 3 }), "format"},
		{"not SQLite", "t", []byte("SQLite format 2\x00" + strings.Repeat("\x00", 100)), "format"},
		{"nothing", "t", nil, "format"},
	} {
		m := sqliteMessage(c.table, column)
		if _, err := deliverTo(t, m, c.file); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.rule, err, c.code)
		}
	}
	older := sqliteBytes(t, "CREATE TABLE t(a TEXT)", "INSERT INTO t VALUES ('x')", "ALTER TABLE t ADD COLUMN v TEXT DEFAULT 'x'")
	_, err := deliverTo(t, sqliteMessage("t", wire.Column{Name: "a", Type: "VARCHAR"}, column), older)
	checkFault(t, err, fault{code: "value", row: 1, column: 1})
}

// TestSQLiteMutants flips bits: every mutant is refused or gives well formed rows.
func TestSQLiteMutants(t *testing.T) {
	file := sqliteBytes(t, "PRAGMA page_size=512", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)",
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 200) INSERT INTO t SELECT i, printf('%.*c', i * 9, 'x') FROM c")
	m := sqliteMessage("t", wire.Column{Name: "id", Type: "BIGINT"}, wire.Column{Name: "name", Type: "VARCHAR"})
	random := rand.New(rand.NewPCG(20261122, 7))
	codes := map[string]int{}
	for range 5000 {
		b := bytes.Clone(file)
		for range 1 + random.IntN(8) {
			bit := random.IntN(8 * len(b))
			if random.IntN(2) == 0 {
				bit = random.IntN(8 * 1024) // the header, the schema
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		_, err := deliverTo(t, m, b)
		codes[code(err)]++
	}
	t.Log(codes)
}

func FuzzSQLite(f *testing.F) {
	f.Add(sqliteBytes(f, "PRAGMA page_size=512", "CREATE TABLE t(name TEXT, n INT)", "INSERT INTO t VALUES ('x', 1), (printf('%.*c', 2000, 'x'), 2)"))
	f.Add(sqliteBytes(f, "PRAGMA page_size=512", "CREATE TABLE t(name TEXT PRIMARY KEY, n INT) WITHOUT ROWID", "INSERT INTO t VALUES ('x', 1)"))
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = readSQLite(io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))), "t", sink(t))
	})
}
