package query_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/query"
	"zonebox/query/ast"
	"zonebox/query/querytest"
	"zonebox/sandbox"
)

// Outcomes of a statement beside the codes of refusals.
const (
	answered = "answered" // at once
	masked   = "masked"   // record by record, after its reviews
	nothing  = "nothing"  // at once, and every row or cell is withheld
)

// shapes are the ways of A2 to pull a raw value out through an answer. Each
// stands beside a twin that is nearly the same and allowed.
var shapes = []struct{ sql, outcome, twin string }{
	// Names and forms of a column.
	{"SELECT address FROM persons", "NOT_GRANTED", "SELECT district, count(*) FROM persons GROUP BY district"},
	{"SELECT p.address AS district FROM persons p", "NOT_GRANTED", "SELECT p.district AS address, count(*) FROM persons p GROUP BY p.district"},
	{"SELECT * FROM persons", "COMPUTE_ONLY_PROJECTED", ""},
	{"SELECT count(*) FROM persons WHERE address LIKE '梧桐巷1%'", "NOT_GRANTED", "SELECT count(*) FROM persons WHERE district LIKE '3201%'"},
	{"SELECT name, phone FROM persons ORDER BY name, phone LIMIT 5", masked, ""},
	{"SELECT name AS n, id_number AS i FROM persons ORDER BY n LIMIT 5", masked, ""},
	{"SELECT birth_date FROM persons ORDER BY birth_date LIMIT 5", masked, ""},
	{"SELECT __entity FROM persons", "RESERVED_NAME", ""},
	{"SELECT __row FROM persons", "RESERVED_NAME", ""},
	{"SELECT district AS __s, count(*) FROM persons GROUP BY district", "RESERVED_NAME", "SELECT district AS s, count(*) FROM persons GROUP BY district"},
	{"SELECT __rows_1_1(income) FROM persons", "FUNCTION_NOT_ALLOWED", "SELECT avg(income) FROM persons"},
	{"SELECT rowid FROM persons", "UNKNOWN_NAME", ""},
	{"SELECT income FROM persons", "COMPUTE_ONLY_PROJECTED", "SELECT avg(income) FROM persons"},
	// Expressions over it.
	{"SELECT CAST(income AS VARCHAR) FROM persons", "COMPUTE_ONLY_EXPRESSION", "SELECT CAST(avg(income) AS VARCHAR) FROM persons"},
	{"SELECT TRY_CAST(id_number AS BIGINT) FROM persons LIMIT 5", "TOKEN_NOT_BARE", "SELECT TRY_CAST(district AS BIGINT) AS d, count(*) FROM persons GROUP BY 1"},
	{"SELECT income + 0 FROM persons", "COMPUTE_ONLY_EXPRESSION", "SELECT avg(income) + 0 FROM persons"},
	{"SELECT avg(income * 1000000007) FROM persons", "AGGREGATE_ARGUMENT", "SELECT avg(income) * 3 FROM persons"},
	{"SELECT name || '|' || phone FROM persons ORDER BY 1 LIMIT 5", masked, ""},
	{"SELECT concat(name, address) FROM persons", "NOT_GRANTED", ""},
	{"SELECT substr(phone, 4, 4) AS s FROM persons ORDER BY s LIMIT 5", masked, "SELECT substr(district, 1, 4) AS s, count(*) FROM persons GROUP BY s"},
	{"SELECT substring(id_number FROM 7 FOR 8) FROM persons LIMIT 5", "TOKEN_NOT_BARE", ""},
	{"SELECT reverse(replace(name, '*', '')) AS n FROM persons ORDER BY n LIMIT 5", masked, ""},
	{"SELECT lower(id_number) FROM persons LIMIT 5", "TOKEN_NOT_BARE", "SELECT count(DISTINCT id_number) FROM persons"},
	{"SELECT CASE WHEN income > 50000 THEN 'y' ELSE 'n' END AS rich FROM persons", "COMPUTE_ONLY_EXPRESSION", "SELECT CASE WHEN district = '320102' THEN 'y' ELSE 'n' END AS c, count(*) FROM persons GROUP BY c"},
	{"SELECT CASE WHEN district = '320102' THEN income END FROM persons", "COMPUTE_ONLY_EXPRESSION", "SELECT avg(income) FILTER (WHERE district = '320102') FROM persons"},
	{"SELECT coalesce(NULL, income) FROM persons", "COMPUTE_ONLY_EXPRESSION", "SELECT coalesce(avg(income), 0) FROM persons"},
	{"SELECT md5(name) FROM persons LIMIT 5", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT hash(income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	// Around it.
	{"WITH p AS (SELECT address AS a FROM persons) SELECT count(*) FROM p GROUP BY a", "NOT_GRANTED", "WITH p AS (SELECT district AS a FROM persons) SELECT a, count(*) FROM p GROUP BY a"},
	{"WITH p AS MATERIALIZED (SELECT income AS v, district FROM persons) SELECT district, max(v) FROM p GROUP BY district", "AGGREGATE_REVEALS", "WITH p AS MATERIALIZED (SELECT income AS v, district FROM persons) SELECT district, avg(v) FROM p GROUP BY district"},
	{"SELECT x FROM (SELECT income AS x FROM persons) s", "COMPUTE_ONLY_PROJECTED", "SELECT avg(x) FROM (SELECT income AS x FROM persons) s"},
	{"WITH persons AS (SELECT 1 AS income) SELECT income FROM main.persons", "UNKNOWN_NAME", "WITH persons AS (SELECT beds AS income FROM beds) SELECT income FROM persons"},
	{"CREATE VIEW v AS SELECT * FROM persons", "NOT_A_SELECT", ""},
	{"CREATE TEMP MACRO f(x) AS x", "NOT_A_SELECT", ""},
	{"SELECT row_number() OVER (ORDER BY income) FROM persons", "UNSUPPORTED_SYNTAX", "SELECT count(*) FROM persons"},
	{"SELECT first_value(name) OVER (PARTITION BY id_number) FROM persons", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT income FROM persons QUALIFY row_number() OVER () = 1", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT district FROM persons UNION ALL SELECT address FROM persons", "NOT_GRANTED", "SELECT district FROM persons GROUP BY district"},
	{"SELECT district FROM persons EXCEPT SELECT district FROM persons WHERE phone LIKE '1391%'", "SET_OVER_PROTECTED", ""},
	{"SELECT (SELECT max(income) FROM persons)", "AGGREGATE_REVEALS", ""},
	{"SELECT count(*) FROM persons p WHERE EXISTS (SELECT 1 FROM visits v WHERE v.id_number = p.id_number AND v.cost > 100)", "SUBQUERY_PROTECTED",
		"SELECT count(*) FROM persons p JOIN visits v ON v.id_number = p.id_number"},
	{"SELECT x.i FROM persons p, LATERAL (SELECT p.income AS i) x", "UNKNOWN_NAME", ""},
	{"WITH RECURSIVE r AS (SELECT income FROM persons UNION ALL SELECT income FROM r) SELECT * FROM r", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT unnest([name, address]) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	// Aggregates that return a value.
	{"SELECT min(income), max(income) FROM persons", "AGGREGATE_REVEALS", "SELECT avg(income), count(income) FROM persons"},
	{"SELECT max(name) FROM persons", "AGGREGATE_REVEALS", "SELECT count(name) FROM persons"},
	{"SELECT __kset_10(income) FROM persons", "FUNCTION_NOT_ALLOWED", "SELECT avg(income) FROM persons"},
	{"SELECT string_agg(name, ',') FROM persons", "FUNCTION_NOT_ALLOWED", "SELECT count(DISTINCT name) FROM persons"},
	{"SELECT list(income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT array_agg(struct_pack(n := name, i := income)) FROM persons", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT histogram(income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT arg_max(name, income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT any_value(income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT first(phone) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT mode(income), median(income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT quantile_cont(income, 0.5) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT sum(income) FROM persons", "AGGREGATE_NOT_GRANTED", "SELECT sum(cost) FROM visits"},
	{"SELECT avg(DISTINCT income) FROM persons", "AGGREGATE_REVEALS", "SELECT avg(income) FROM persons"},
	{"SELECT bit_xor(CAST(income AS BIGINT)) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	// Which rows, how many, in what order.
	{"SELECT count(*) FROM persons WHERE income = 30000", "COMPUTE_ONLY_PREDICATE", "SELECT count(*) FROM visits WHERE diagnosis = 'I10'"},
	{"SELECT count(*) FROM persons WHERE income > 79000", "COMPUTE_ONLY_PREDICATE", ""},
	{"SELECT name FROM persons ORDER BY income DESC LIMIT 1", "COMPUTE_ONLY_ORDER", "SELECT district, avg(income) AS a FROM persons GROUP BY district ORDER BY a DESC LIMIT 1"},
	{"SELECT district FROM persons GROUP BY district, income", "COMPUTE_ONLY_GROUP", "SELECT diagnosis, count(*) FROM visits GROUP BY diagnosis"},
	{"SELECT count(*) FROM persons GROUP BY district HAVING max(income) > 50000", "AGGREGATE_REVEALS", "SELECT count(*) FROM persons GROUP BY district HAVING avg(income) > 50000"},
	{"SELECT count(*) FROM persons p JOIN persons q ON p.income = q.income", "COMPUTE_ONLY_PREDICATE", "SELECT count(*) FROM persons p JOIN persons q ON p.id_number = q.id_number"},
	{"SELECT avg(income) FROM (SELECT income FROM persons ORDER BY district LIMIT 1) s", "LIMIT_UNDER_PROTECTED", "SELECT avg(income) FROM (SELECT income FROM persons) s"},
	{"SELECT avg(income) FROM persons TABLESAMPLE 1 ROWS", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT avg(income) FROM persons USING SAMPLE 1", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT count(*) FROM persons WHERE phone = '13910002000'", nothing, "SELECT count(*) FROM persons WHERE phone LIKE '139%'"},
	{"SELECT avg(income) FROM persons WHERE name = '欧阳鹤舟'", nothing, "SELECT avg(income) FROM persons WHERE name = '欧****'"},
	{"SELECT birth_date, district, count(*), avg(income) FROM persons GROUP BY birth_date, district", nothing, "SELECT birth_date < '1990' AS young, count(*) FROM persons GROUP BY young"},
	{"SELECT diagnosis, count(*) FROM visits WHERE diagnosis = 'G12' GROUP BY diagnosis", nothing, "SELECT diagnosis, count(*) FROM visits WHERE diagnosis = 'I10' GROUP BY diagnosis"},
	{"SELECT id_number, avg(cost) FROM visits GROUP BY id_number", nothing, "SELECT department, avg(cost) FROM visits GROUP BY department"},
	{"SELECT avg(income) FROM persons LIMIT 1 OFFSET 3", nothing, "SELECT avg(income) FROM persons LIMIT 1"},
	// Errors and plans as answers.
	{"SELECT count(*) FROM persons WHERE 1 / (CAST(substr(phone, 4, 1) AS INTEGER) - 1) > 0", nothing, ""},
	{"SELECT CAST(name AS INTEGER) FROM persons LIMIT 1", masked, ""},
	{"SELECT count(*) FROM persons WHERE CAST(name AS DATE) IS NULL", answered, ""},
	{"SELECT error(name) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"SELECT exp(avg(income)) FROM persons", "MAY_RAISE", ""},
	{"EXPLAIN SELECT name FROM persons", "NOT_A_SELECT", ""},
	{"EXPLAIN ANALYZE SELECT name FROM persons", "NOT_A_SELECT", ""},
	{"DESCRIBE persons", "UNSUPPORTED_SYNTAX", ""},
	{"SUMMARIZE persons", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT * FROM (SUMMARIZE persons)", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT stats(income) FROM persons", "FUNCTION_NOT_ALLOWED", ""},
	{"PIVOT persons ON district USING first(name)", "NOT_A_SELECT", ""},
	{"SELECT persons FROM persons", "UNKNOWN_NAME", ""},
	{"SELECT COLUMNS('.*') FROM persons", "UNSUPPORTED_SYNTAX", ""},
	{"SELECT columns(c -> true) FROM persons", "UNSUPPORTED_SYNTAX", ""},
	{"FROM persons", "COMPUTE_ONLY_PROJECTED", "FROM (SELECT district, count(*) AS n FROM persons GROUP BY district) s"},
}

const inside = "/* inside */ "

// escapes are the ways of A3 out of the engine. None is a statement that the
// gate runs, and the sandbox refuses each when it is sent straight to it.
// FILE stands for a file that exists, NEW for one that does not, URL for a
// listening address. What begins with inside reads settings and names of the
// worker itself, which hold nothing it was not given: there it may run.
var escapes = []struct{ sql, outcome string }{
	{"COPY persons TO 'NEW'", "NOT_A_SELECT"},
	{"COPY (SELECT 42 AS a) TO 'NEW' (FORMAT csv)", "NOT_A_SELECT"},
	{"COPY persons FROM 'FILE'", "NOT_A_SELECT"},
	{"EXPORT DATABASE 'NEW'", "NOT_A_SELECT"},
	{"IMPORT DATABASE 'FILE'", "NOT_A_SELECT"},
	{"ATTACH 'NEW' AS other", "NOT_A_SELECT"},
	{"ATTACH 'FILE' (READ_ONLY)", "NOT_A_SELECT"},
	{"DETACH memory", "NOT_A_SELECT"},
	{"USE other", "NOT_A_SELECT"},
	{"INSTALL httpfs", "NOT_A_SELECT"},
	{"LOAD httpfs", "NOT_A_SELECT"},
	{"LOAD 'FILE'", "NOT_A_SELECT"},
	{"SELECT * FROM read_csv('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM read_csv_auto('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM read_parquet('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM read_json('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM read_text('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM read_blob('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM glob('/*')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM sniff_csv('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM 'FILE'", "UNKNOWN_NAME"},
	{`SELECT * FROM "FILE"`, "UNKNOWN_NAME"},
	{"SELECT * FROM read_csv('URL/a.csv')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM 'URL/a.parquet'", "UNKNOWN_NAME"},
	{"SELECT count(*) FROM (SELECT * FROM read_text('FILE')) s", "FUNCTION_NOT_ALLOWED"},
	{"WITH q AS (SELECT * FROM read_text('FILE')) SELECT count(*) FROM q", "FUNCTION_NOT_ALLOWED"},
	{"SELECT (SELECT content FROM read_text('FILE'))", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM query('SELECT * FROM read_text(''FILE'')')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM query_table(['FILE'])", "FUNCTION_NOT_ALLOWED"},
	{"SELECT getenv('HOME')", "FUNCTION_NOT_ALLOWED"},
	{inside + "SELECT current_setting('home_directory')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM duckdb_settings()", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM duckdb_secrets()", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM duckdb_tables()", "FUNCTION_NOT_ALLOWED"},
	{inside + "SELECT * FROM information_schema.columns", "UNKNOWN_NAME"},
	{inside + "SELECT * FROM pragma_table_info('persons')", "FUNCTION_NOT_ALLOWED"},
	{"SET enable_external_access = true", "NOT_A_SELECT"},
	{"SET home_directory = '/'", "NOT_A_SELECT"},
	{"RESET lock_configuration", "NOT_A_SELECT"},
	{"PRAGMA database_list", "NOT_A_SELECT"},
	{"PRAGMA enable_profiling", "NOT_A_SELECT"},
	{"CALL pragma_version()", "NOT_A_SELECT"},
	{"CREATE TABLE t AS SELECT * FROM read_text('FILE')", "NOT_A_SELECT"},
	{"CREATE SECRET s (TYPE s3)", "NOT_A_SELECT"},
	{"INSERT INTO persons SELECT * FROM persons", "NOT_A_SELECT"},
	{"DELETE FROM persons", "NOT_A_SELECT"},
	{"UPDATE persons SET district = ''", "NOT_A_SELECT"},
	{"DROP TABLE persons", "NOT_A_SELECT"},
	{"CHECKPOINT", "NOT_A_SELECT"},
	{"BEGIN", "NOT_A_SELECT"},
	{"PREPARE q AS SELECT 1", "NOT_A_SELECT"},
	{"SELECT 1; SELECT * FROM read_text('FILE')", "NOT_A_SELECT"},
	{"SELECT 1; COPY (SELECT 1) TO 'NEW'", "NOT_A_SELECT"},
	{"SELECT 1 /* ; */ ; /* */ ATTACH 'NEW'", "NOT_A_SELECT"},
	{"SELECT * FROM/**/read_text('FILE') -- persons", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM RE\u0041D_TEXT('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM read_text\u00a0('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM \uff52\uff45\uff41\uff44_text('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM \"read_text\"('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT * FROM main.read_text('FILE')", "FUNCTION_NOT_ALLOWED"},
	{"SELECT 'a' \x00; COPY (SELECT 1) TO 'NEW'", "SYNTAX"},
}

// TestAttacks sends every shape and escape as an authenticated operator and
// looks for every original value in everything that came of it.
func TestAttacks(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	dictionary, numbers := rawDictionary(querytest.Registers())
	var seen strings.Builder // what the operator saw
	look := func(t *testing.T, sql, text string) {
		t.Helper()
		if at := dictionary.find([]byte(text)); at >= 0 {
			t.Errorf("%s\nshows an original value", sql)
		}
		seen.WriteString(text)
	}
	result := func(t *testing.T, sql string, r querytest.Result) {
		t.Helper()
		look(t, sql, r.String())
		for _, row := range r.Rows {
			for _, cell := range row {
				if slices.Contains(numbers, cell) {
					t.Errorf("%s\nshows an original number", sql)
				}
			}
		}
	}
	allowed := func(t *testing.T, sql string) {
		t.Helper()
		a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
		if err != nil {
			t.Errorf("%s\nis the allowed twin, and gave %v", sql, err)
			return
		}
		r := d.Open("li.op", a)
		if empty(r) {
			t.Errorf("%s\nis the allowed twin, and shows nothing", sql)
		}
		result(t, sql, r)
	}

	t.Run("shapes", func(t *testing.T) {
		for _, s := range shapes {
			answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, s.sql)
			outcome := querytest.Code(err)
			if err != nil {
				look(t, s.sql, querytest.Text(err))
			}
			if outcome == "QUERY_IN_REVIEW" || outcome == "OUTPUT_IN_REVIEW" {
				outcome = masked
				answer = reviewed(t, d, err)
			}
			if answer != nil {
				r := d.Open("li.op", answer)
				result(t, s.sql, r)
				switch {
				case outcome == "" && empty(r):
					outcome = nothing
				case outcome == "":
					outcome = answered
				case len(r.Rows) == 0:
					t.Errorf("%s\nshows no row after its reviews", s.sql)
				}
			}
			if outcome != s.outcome {
				t.Errorf("%s\nends with %s, want %s", s.sql, outcome, s.outcome)
			}
			if s.twin != "" {
				allowed(t, s.twin)
			}
		}
	})
	t.Run("escapes", func(t *testing.T) {
		p := newProbe(t, "persons.csv")
		for _, s := range escapes {
			sql := p.fill(s.sql)
			answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, sql)
			if answer != nil || querytest.Code(err) != s.outcome {
				t.Errorf("%s\nends with %v, want %s", s.sql, err, s.outcome)
			}
			if err != nil {
				look(t, s.sql, querytest.Text(err))
				if strings.Contains(querytest.Text(err), p.content) {
					t.Errorf("%s\nshows a file of the host", s.sql)
				}
			}
			p.untouched(t, s.sql)
		}
	})
	t.Run("what was left behind", func(t *testing.T) {
		look(t, "the log", d.Log.String())
		for _, e := range d.Audit("feng.audit") {
			for _, v := range e.Fields {
				look(t, "the audit log", v)
			}
		}
		people, _ := rawDictionary(querytest.Data{Persons: querytest.Registers().Persons})
		if files, found := people.search(t, d.Config.Domain); len(found) > 0 || files < 30 {
			t.Errorf("of %d files in the domain, original values stand in %v", files, found)
		}
		// The control: the dictionary knows what the register holds.
		if dictionary.find(querytest.Registers().Persons.CSV()) < 0 || dictionary.n < 1000 {
			t.Error("the search does not find the register itself")
		}
		if seen.Len() < 10000 {
			t.Errorf("only %d bytes were looked at", seen.Len())
		}
	})
}

// The same escapes, sent past the policy: each to a session of its own that
// holds a table, as the approved statement of a run is. The control is that the
// session still runs SELECT.
func TestEscapesFailInTheSandboxToo(t *testing.T) {
	t.Parallel()
	pool, err := sandbox.NewPool(sandbox.Config{Worker: querytest.Worker(t), Pool: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	p := newProbe(t, "host.csv")
	for _, s := range escapes {
		sql := p.fill(s.sql)
		out, err := straight(t, pool, sql)
		if err == nil && !strings.HasPrefix(s.sql, inside) {
			t.Errorf("%s\nruns in the sandbox and gives %q", s.sql, out)
		}
		if err != nil && strings.Contains(err.Error(), p.content) || strings.Contains(out, p.content) {
			t.Errorf("%s\nshows a file of the host", s.sql)
		}
		p.untouched(t, s.sql)
	}
	if out, err := straight(t, pool, "SELECT district FROM persons"); err != nil {
		t.Errorf("a plain SELECT gives %q, %v", out, err)
	}
	p.works(t)
}

// empty reports whether a result shows nothing: no row, or no cell with a value.
func empty(r querytest.Result) bool {
	for _, row := range r.Rows {
		for _, cell := range row {
			if cell != querytest.Null {
				return false
			}
		}
	}
	return true
}

// reviewed approves whatever the run waits for until it is released.
func reviewed(t *testing.T, d *querytest.Domain, err error) *query.Answer {
	t.Helper()
	return reviewedBy(t, d, err, "zheng.police")
}

// reviewedBy is reviewed where second is who reviews second.
func reviewedBy(t *testing.T, d *querytest.Domain, err error, second string) *query.Answer {
	t.Helper()
	run := querytest.RunOf(t, err)
	var answer *query.Answer
	for range 3 {
		switch querytest.Code(err) {
		case "QUERY_IN_REVIEW":
			d.Approve("sun.health", run)
		case "OUTPUT_IN_REVIEW":
			if d.Approve("sun.health", run) == "REVIEWING_SECOND" {
				d.Approve(second, run)
			}
		}
		if answer, err = d.Resume("li.op", run); err == nil {
			return answer
		}
	}
	t.Fatalf("run %s is not released after its reviews: %v", run, err)
	return nil
}

// rawDictionary returns every original value of the columns at level 3 and
// above: texts to be found anywhere, and numbers to be found as cells. Public
// codes are not among them.
func rawDictionary(data querytest.Data) (*needles, []string) {
	texts, numbers := newNeedles(), []string{}
	add := func(t querytest.Table, columns ...string) {
		for _, row := range t.Rows {
			for _, c := range columns {
				if v := row[t.Column(c)]; len(v) >= needleHead {
					texts.add(v)
				} else if v != "" {
					numbers = append(numbers, v)
				}
			}
		}
	}
	add(data.Persons, "id_number", "name", "phone", "address", "birth_date", "income")
	if len(data.Visits.Rows) > 0 {
		add(data.Visits, "visit_id", "id_number", "visit_date", "cost")
	}
	return texts, numbers
}

// probe is a file of the host, a place where none is, and an address that
// listens: what an escape would read, write and call.
type probe struct {
	file, fresh, url, content string
	called                    chan struct{}
}

func newProbe(t *testing.T, name string) *probe {
	t.Helper()
	dir := t.TempDir()
	p := &probe{file: filepath.Join(dir, name), fresh: filepath.Join(dir, "new"), content: "secret of the host", called: make(chan struct{}, 100)}
	for path := dir; path != filepath.Dir(path) && path != os.TempDir(); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil { // nothing but the sandbox keeps it from being read
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(p.file, []byte("a\n"+p.content+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p.url = "http://" + l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.called <- struct{}{}
			c.Close()
		}
	}()
	return p
}

func (p *probe) fill(sql string) string {
	return strings.NewReplacer("FILE", p.file, "NEW", p.fresh, "URL", p.url).Replace(sql)
}

// untouched fails the test if anything was written or called.
func (p *probe) untouched(t *testing.T, sql string) {
	t.Helper()
	if _, err := os.Stat(p.fresh); err == nil {
		t.Errorf("%s\nwrote a file", sql)
		_ = os.RemoveAll(p.fresh)
	}
	select {
	case <-p.called:
		t.Errorf("%s\ncalled out", sql)
	default:
	}
}

// works is the control: this process can do what the sandbox must not.
func (p *probe) works(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil || !strings.Contains(string(text), p.content) {
		t.Errorf("the file of the host cannot be read here: %v", err)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatalf("the address does not answer here: %v", err)
	}
	c.Close()
	select {
	case <-p.called:
	case <-time.After(5 * time.Second):
		t.Error("a call is not seen")
	}
}

// straight runs a statement in the sandbox as if policy and analysis had
// approved it, whatever it is: bound over the granted schema, and executed
// under the hash of its own tree, beside a table with a row.
func straight(t *testing.T, pool *sandbox.Pool, sql string) (string, error) {
	t.Helper()
	table := sandbox.Table{Name: "persons", Columns: []sandbox.Column{{Name: "district", Type: "VARCHAR"}}}
	first, err := pool.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, bindErr := first.Bind(t.Context(), []sandbox.Table{table}, sql)
	tree, err := first.Parse(t.Context(), sql)
	hash := [32]byte{}
	if err == nil {
		if hash, err = ast.HashJSON(tree); err != nil {
			t.Fatal(err)
		}
	}

	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "district", Type: arrow.BinaryTypes.String, Nullable: true}}, nil))
	defer b.Release()
	b.Field(0).(*array.StringBuilder).Append("320102")
	batch := b.NewRecordBatch()
	defer batch.Release()
	segment, err := sandbox.SealBatch(batch)
	if err != nil {
		t.Fatal(err)
	}
	defer segment.Close()
	second, err := pool.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Attach(t.Context(), table, []sandbox.Segment{segment}); err != nil {
		t.Fatal(err)
	}
	result, err := second.Execute(t.Context(), sql, hash, sandbox.Limits{})
	if err != nil {
		return "", errors.Join(err, bindErr)
	}
	var out strings.Builder
	for {
		rows, err := result.Next()
		if errors.Is(err, io.EOF) {
			return out.String(), bindErr
		}
		if err != nil {
			return out.String(), err
		}
		for _, c := range rows.Columns() {
			out.WriteString(c.String())
		}
		rows.Release()
	}
}
