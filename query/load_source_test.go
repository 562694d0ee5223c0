package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"zonebox/query"
	"zonebox/query/querytest"
)

// server returns a database server of .ci/servers. Tests without one are skipped,
// but where ZONEBOX_SERVERS says that there must be one.
func server(t *testing.T, variable string) string {
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

// fillPostgres and fillMySQL run statements as the server's administrator.
func fillPostgres(t *testing.T, statements string) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), "postgres://zonebox:"+os.Getenv("ZONEBOX_DB_PASSWORD")+"@"+server(t, "ZONEBOX_POSTGRES")+"/postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), statements).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

func fillMySQL(t *testing.T, statements string) {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName, cfg.MultiStatements = "zonebox", os.Getenv("ZONEBOX_DB_PASSWORD"), "tcp", server(t, "ZONEBOX_MYSQL"), "zonebox", true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// TestATableOfASourceIsLoaded loads a dataset from both servers, by TLS and in the
// clear, and holds what must not be loaded against it.
func TestATableOfASourceIsLoaded(t *testing.T) {
	postgres, maria := server(t, "ZONEBOX_POSTGRES"), server(t, "ZONEBOX_MYSQL")
	password := os.Getenv("ZONEBOX_DB_PASSWORD")
	fillPostgres(t, `DROP TABLE IF EXISTS beds, secrets; CREATE TABLE beds(note text, opened date, beds int, hospital varchar(40), district char(6));
		INSERT INTO beds VALUES (NULL, '1950-01-01', 11, '第一医院', '320102'), ('x', '1960-01-01', 22, '第二医院', '320104'); CREATE TABLE secrets(n int)`)
	fillMySQL(t, `DROP TABLE IF EXISTS beds; CREATE TABLE beds(note text, opened date, beds int, hospital varchar(40), district char(6)) CHARACTER SET utf8mb4;
		INSERT INTO beds VALUES (NULL, '1950-01-01', 111, '第一医院', '320102'), ('x', '1960-01-01', 222, '第二医院', '320104')`)
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(postgres)
	file := filepath.Join(dir, "sources.yaml")
	text := fmt.Sprintf(`
his: {provider: hospital-group, kind: postgres, address: 'localhost:%s', database: postgres, user: zonebox, password_file: %s, ca_file: %s, tables: [beds, gone]}
hr: {provider: hospital-group, kind: mysql, address: '%s', database: zonebox, user: zonebox, password_file: %s, tls: none, tables: [beds]}
off: {provider: hospital-group, kind: mysql, address: '127.0.0.1:1', database: zonebox, user: zonebox, password_file: %s, tls: none, tables: [beds]}
wide: {provider: hospital-group, kind: mysql, address: '%s', database: zonebox, user: nobody, password_file: %s, tls: none, tables: [beds]}
police: {provider: public-security, kind: mysql, address: '%s', database: zonebox, user: zonebox, password_file: %s, tls: none, tables: [beds]}
`, port, secret, os.Getenv("ZONEBOX_DB_CA"), maria, secret, secret, maria, secret, maria, secret)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sources, err := query.ReadSources(file)
	if err != nil {
		t.Fatal(err)
	}
	d := querytest.City(t, querytest.Options{})
	d.Config.Sources = sources
	d.Reopen()
	manifest := func(source, table string) query.Manifest {
		return query.Manifest{Zone: "medical", Dataset: "beds", Grant: "beds-statistics", Source: source, Table: table, Acquired: "2026-11-01"}
	}
	answer := func() string {
		t.Helper()
		a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT district, beds FROM beds ORDER BY district")
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
		return d.Open("li.op", a).String()
	}
	before := answer()
	stated := manifest("hr", "beds")
	stated.Rows = 2
	other, format, digest := stated, stated, stated
	other.Rows, format.Format, digest.SHA256 = 3, "csv", strings.Repeat("ab", 32)
	for rule, c := range map[string]struct {
		m    query.Manifest
		code string
	}{
		"a source that is not there":        {manifest("nowhere", "beds"), "LOAD_SOURCE"},
		"a table the source does not offer": {manifest("his", "secrets"), "LOAD_SOURCE"},
		"a table that is gone":              {manifest("his", "gone"), "LOAD_REFUSED"},
		"a server that is off":              {manifest("off", "beds"), "LOAD_SOURCE"},
		"a login that is refused":           {manifest("wide", "beds"), "LOAD_REFUSED"},
		"a source of another provider":      {manifest("police", "beds"), "LOAD_SOURCE"},
		"no table":                          {manifest("his", ""), "LOAD_REFUSED"},
		"other rows than stated":            {other, "LOAD_ROWS"},
		"the format of a file":              {format, "LOAD_REFUSED"},
		"the digest of a file":              {digest, "LOAD_REFUSED"},
	} {
		_, err := d.TryLoad("wu.dc", c.m, nil)
		if text := querytest.Text(err); err == nil || !strings.Contains(text, c.code) {
			t.Errorf("%s: %s, want %s", rule, text, c.code)
		}
	}
	if got := answer(); got != before {
		t.Errorf("refusals changed the answer to\n%s", got)
	}
	for _, c := range []struct {
		m    query.Manifest
		want string
	}{{manifest("his", "beds"), "320102|11\n320104|22\n"}, {stated, "320102|111\n320104|222\n"}} {
		r := d.Load("wu.dc", c.m, nil)
		if got := answer(); r.Rows != 2 || got != c.want {
			t.Errorf("%s: %d rows, answer\n%swant\n%s", c.m.Source, r.Rows, got, c.want)
		}
	}
	if log := d.Log.String(); strings.Contains(log, password) || strings.Contains(log, "第一医院") {
		t.Error("the log holds the password or a value")
	}
}

func TestASourcesFileIsItsOwnersAndWhole(t *testing.T) {
	const good = "his: {provider: hospital-group, kind: postgres, address: 'db:5432', database: d, user: u, password_file: p, ca_file: c, tables: [t]}\n"
	dir := t.TempDir()
	for _, c := range []struct {
		rule, text string
		mode       os.FileMode
		want       string // in the error; "" for none
	}{
		{"a whole one", good, 0o600, ""},
		{"a socket in the clear", strings.NewReplacer("db:5432", "unix:/run/pg", "ca_file: c", "tls: none").Replace(good), 0o400, ""},
		{"one that others may read", good, 0o644, "0600"},
		{"a kind nobody reads", strings.Replace(good, "postgres", "oracle", 1), 0o600, "kind"},
		{"no port", strings.Replace(good, ":5432", "", 1), 0o600, "address"},
		{"nobody's", strings.Replace(good, "provider: hospital-group, ", "", 1), 0o600, "provider"},
		{"no tables", strings.Replace(good, "[t]", "[]", 1), 0o600, "tables"},
		{"in the clear without a word", strings.Replace(good, "ca_file: c, ", "", 1), 0o600, "tls: none"},
		{"a password in the file", strings.Replace(good, "password_file", "password", 1), 0o600, "YAML"},
		{"a field twice", good + good, 0o600, "YAML"},
	} {
		path := filepath.Join(dir, "sources.yaml")
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := query.ReadSources(path)
		if c.want == "" && (err != nil || !slices.Equal(got["his"].Tables, []string{"t"})) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v, want %q", c.rule, got, err, c.want)
		}
	}
}
