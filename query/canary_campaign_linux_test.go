package query_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// silence is a campaign over a domain whose register holds canaries: everything that is
// said to anybody is kept to be searched.
type silence struct {
	*querytest.Domain
	t     *testing.T
	said  bytes.Buffer
	calls int
}

// hear keeps what a call returned, as a client would get it.
func (s *silence) hear(v any, err error) error {
	s.t.Helper()
	s.calls++
	if err != nil {
		s.said.WriteString(querytest.Text(err) + "\n")
		return err
	}
	text, jsonErr := json.Marshal(v)
	if jsonErr != nil {
		s.t.Fatal(jsonErr)
	}
	s.said.Write(append(text, '\n'))
	return nil
}

// asks asks a statement and hears the answer, as it is sealed and as it is opened.
func (s *silence) asks(sql string) (run string) {
	s.t.Helper()
	a, err := s.Ask("li.op", "statistics", querytest.Purpose, sql)
	if s.hear(nil, err) != nil {
		if e := query.AsError(err); e != nil {
			return e.Run
		}
		return ""
	}
	s.takes(a)
	return a.Run
}

func (s *silence) takes(a *query.Answer) {
	s.t.Helper()
	r := s.Open("li.op", a)
	s.said.WriteString(strings.Join(r.Columns, "|") + "\n" + r.String())
	s.said.Write(a.Artifact.Bytes())
}

// plantedRows are rows of the register, each cell but the district a canary.
func plantedRows(r *rand.Rand, rows int) (querytest.Table, []string) {
	table := querytest.Table{Columns: []string{"id_number", "note", "account", "balance", "moment", "district"}}
	var all []string
	at := time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC)
	hans := []rune("鹤霁筠翊澜珩蘅骁榕曦岚琮潼舟野棠璟漪衡峤笙弈溪榆晗祎昀彧铮")
	for i := range rows {
		note := make([]rune, 8)
		for j := range note {
			note[j] = hans[r.IntN(len(hans))]
		}
		row := []string{
			fmt.Sprintf("32010%d%08d%04d", 1+r.IntN(6), r.IntN(1e8), i),
			string(note) + fmt.Sprintf("%07d", r.IntN(1e7)),
			fmt.Sprint(1e13 + r.Int64N(9e13)),
			fmt.Sprintf("%d.%03d", 1e8+r.Int64N(9e8), 1+r.IntN(999)),
			at.Add(time.Duration(r.Int64N(200*365*24*3600)) * time.Second).Format(time.DateTime),
			querytest.Districts[i%len(querytest.Districts)],
		}
		table.Rows, all = append(table.Rows, row), append(all, row[:5]...)
	}
	return table, all
}

// prying are statements that would have an engine say a value.
var prying = []string{
	"SELECT CAST(note AS INTEGER) FROM secrets",
	"SELECT count(error(note)) FROM secrets",
	"SELECT strptime(note, '%Y') FROM secrets",
	"SELECT sum(CASE WHEN district = '320102' THEN CAST(note AS INT) ELSE 0 END) FROM secrets",
	"SELECT 1 / (balance - balance) FROM secrets",
	"SELECT min(balance), max(account), any_value(note), list(moment) FROM secrets",
	"SELECT * FROM secrets ORDER BY balance LIMIT 1",
	"SELECT account, count(*) AS n FROM secrets GROUP BY account",
	"SELECT balance FROM secrets WHERE balance < 200000000",
	"SELECT string_agg(note, ',') FROM secrets",
	"SELECT (SELECT note FROM secrets) AS x",
	"SELECT id_number || note FROM secrets",
	"SELECT count(*) FROM secrets a JOIN secrets b ON a.account = b.account WHERE a.balance < 500000000",
	"SELECT * FROM read_csv('/etc/passwd')",
	"EXPLAIN ANALYZE SELECT * FROM secrets",
	"SUMMARIZE secrets",
	"COPY secrets TO '/tmp/x.csv'",
	"SELECT * FROM duckdb_columns()",
	"PIVOT secrets ON note USING count(*)",
	"SELECT histogram(moment) FROM secrets",
	"SELECT note FROM secrets WHERE district = '320102' GROUP BY note HAVING count(*) > 0",
	"SELECT regexp_extract(note, '.*'), count(*) FROM secrets GROUP BY 1",
	"SELECT hash(account), count(*) FROM secrets GROUP BY 1",
	"SELECT to_json(secrets) FROM secrets",
	"SELECT district, sum(balance) AS s, avg(balance) AS a, count(account) AS n FROM secrets GROUP BY district",
	"SELECT moment, count(*) AS n FROM secrets GROUP BY moment",
	"SELECT count(*) AS n FROM secrets WHERE note LIKE '鹤%'",
	"SELECT FROM secrets WHERE",
}

// Ten thousand values stand nowhere in the open, whatever is done to a domain that holds
// them: in nothing that anybody is told, in no log, and on no disk.
func TestTenThousandCanariesKeepSilent(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(querytest.Root(t), "testdata", "attacks", "canaries.md"))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := querytest.ParseFacts(string(page))
	if err != nil {
		t.Fatal(err)
	}
	figuresAgree(t, facts)
	r := rand.New(rand.NewPCG(seedOf(t), 1))
	table, planted := plantedRows(r, 2000)
	find := querytest.NewCanaries(t, planted...)
	if len(planted) < 10_000 || len(find.In(table.CSV())) < len(planted) {
		t.Fatalf("%d canaries, and in the open %d are found", len(planted), len(find.In(table.CSV())))
	}
	root := filepath.Join(t.TempDir(), "backups")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &silence{Domain: querytest.World(t, querytest.Options{Idle: 1, Alerts: true}, facts, map[string]querytest.Table{"secrets": table}), t: t}
	s.Config.BackupRoots = []string{root}
	s.Reopen()
	silent := func(when string) {
		t.Helper()
		where := map[string][]string{"in what was said": find.In(s.said.Bytes()), "in the log": find.In([]byte(s.Log.String())), "on disk": find.Below(t, s.Config.Domain, s.Config.Keys, root)}
		for what, found := range where {
			if len(found) > 0 {
				t.Errorf("%s %d canaries stand %s: %q", when, len(found), what, found[:min(3, len(found))])
			}
		}
	}
	s.delivers(table)
	silent("after deliveries")
	s.reviews()
	s.breaks()
	silent("after reviews and faults")
	// As many refusals as raise alerts, which restrict.
	for range repeats(2, 20) {
		for _, sql := range prying {
			s.asks(sql)
			x, err := s.Engine.Explain(t.Context(), query.Request{Subject: s.Subject("li.op"), Scenario: "statistics", Purpose: querytest.Purpose, SQL: sql})
			_ = s.hear(x, err)
		}
	}
	s.oversees()
	b := backUp(t, s.Domain)
	_ = s.hear(s.Engine.VerifyBackup(t.Context(), s.Subject("wu.dc"), b.ID))
	silent("after statements, reports and a backup")
	// A gate that is killed leaves its folder as it stands now.
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(s.Config.Domain)); err != nil {
		t.Fatal(err)
	}
	if found := find.Below(t, killed); len(found) > 0 {
		t.Errorf("a killed gate leaves %q", found)
	}
	shred(t, s.Domain, "sun.health", query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "secrets", Column: "note"})
	silent("after a shred")
	t.Logf("%d canaries, %d calls, %d bytes said", len(planted), s.calls, s.said.Len())
}

// delivers hands over the register again in other formats, and in ways that are refused
// at every stage.
func (s *silence) delivers(table querytest.Table) {
	s.t.Helper()
	bad := table.Clone()
	bad.Rows[1500][2] = bad.Rows[1500][1] // a note where an account is due
	turned := table.Clone()
	slices.Reverse(turned.Rows)
	for _, c := range []struct {
		file   []byte
		change func(*query.Manifest)
		want   string
	}{
		{jsonLines(s.t, table), func(m *query.Manifest) { m.Format = "jsonl" }, ""},
		{workbook(s.t, table), func(m *query.Manifest) { m.Format, m.Encoding, m.Sheet = "xlsx", "", "人口" }, ""},
		{archive(s.t, map[string]string{"a.csv": string(table.CSV())}), func(*query.Manifest) {}, ""},
		{bad.CSV(), func(*query.Manifest) {}, "LOAD_REFUSED"},
		{table.CSV()[:9000], func(*query.Manifest) {}, "LOAD_REFUSED"},
		{append(table.CSV(), "鹤,\xff\xfe\n"...), func(*query.Manifest) {}, "LOAD_REFUSED"},
		{turned.CSV(), func(m *query.Manifest) { m.Rows-- }, "LOAD_ROWS"},
		{table.CSV(), func(m *query.Manifest) { m.Encoding = "utf-16le" }, "LOAD_REFUSED"},
		{[]byte("[" + string(table.CSV())), func(m *query.Manifest) { m.Format = "json" }, "LOAD_REFUSED"},
	} {
		m := querytest.Delivery("medical", "secrets", "statistics-secrets", c.file, len(table.Rows))
		c.change(&m)
		m.SchemaSHA256 = s.Schema("secrets")
		trial, err := s.Engine.TryLoad(s.t.Context(), s.Subject("wu.dc"), m, bytes.NewReader(c.file))
		_ = s.hear(trial, err)
		report, err := s.TryLoad("wu.dc", m, c.file)
		if _ = s.hear(report, err); querytest.Code(err) != c.want {
			s.t.Errorf("a delivery of %s ends with %s, want %q", m.Format, querytest.Text(err), c.want)
		}
	}
	p, err := s.Engine.Propose(s.t.Context(), s.Subject("wu.dc"), query.ProposalRequest{Format: "csv", Encoding: "utf-8"}, bytes.NewReader(table.CSV()))
	_ = s.hear(p, err)
	_ = s.hear(s.Engine.Loads(s.t.Context(), s.Subject("wu.dc")))
}

// reviews lets records go, refuses some, and freezes and recalls what went.
func (s *silence) reviews() {
	s.t.Helper()
	for _, approve := range []bool{true, false} {
		run := s.asks("SELECT note, moment, district FROM secrets ORDER BY note LIMIT 5")
		for _, who := range []string{"sun.health", "zheng.police"} {
			_ = s.hear(s.Engine.Reviews(s.t.Context(), s.Subject(who)))
			_ = s.hear(s.Engine.Review(s.t.Context(), s.Subject(who), run))
			_ = s.hear(s.Engine.Settle(s.t.Context(), s.Subject(who), run, approve, "NJ24-14"))
		}
		a, err := s.Resume("li.op", run)
		if s.hear(nil, err) == nil {
			s.takes(a)
		}
		if approve != (err == nil) {
			s.t.Errorf("records are approved: %v, and end with %s", approve, querytest.Code(err))
		}
		_ = s.hear(s.Engine.MoveOutput(s.t.Context(), s.Subject("sun.health"), run, "freeze", "NJ24-21"))
		_ = s.hear(s.Engine.MoveOutput(s.t.Context(), s.Subject("sun.health"), run, "recall", "NJ24-21"))
		_ = s.hear(s.Engine.Trace(s.t.Context(), s.Subject("sun.health"), run))
	}
	for _, who := range []string{"sun.health", "li.op", "wu.dc"} { // the provider alone sees rows as they were delivered
		_ = s.hear(s.Engine.Preview(s.t.Context(), s.Subject(who), query.PreviewRequest{Grant: "statistics-secrets"}))
	}
}

// breaks has workers killed and run out of memory, and a client go away.
func (s *silence) breaks() {
	s.t.Helper()
	const heavy = "SELECT a.id_number AS i, b.id_number AS j, count(*) AS n FROM secrets a JOIN secrets b ON a.district = b.district JOIN secrets c ON a.district = c.district GROUP BY a.id_number, b.id_number"
	for _, end := range []func(q *question){
		func(q *question) { q.stop() },
		func(*question) {
			time.Sleep(300 * time.Millisecond)
			for _, w := range workers(s.t) { // those that wait are replaced
				if err := syscall.Kill(w.pid, syscall.SIGKILL); err != nil {
					s.t.Fatal(err)
				}
			}
		},
	} {
		q := askBesideIn(s.t, s.Domain, "statistics", "li.op", heavy)
		q.runs(s.t, s.Domain)
		end(q)
		_ = s.hear(nil, q.ends(s.t))
		q.stop()
	}
	s.Config.Memory = 200 << 20
	s.Reopen()
	s.asks(heavy)
	s.Reopen()
}

// oversees reads all that those who supervise may.
func (s *silence) oversees() {
	s.t.Helper()
	ctx, day := s.t.Context(), s.Now().UTC().Add(8*time.Hour).Format(time.DateOnly)
	period := query.Period{From: day, To: day}
	for _, who := range []string{querytest.Founder, "sun.health", "zheng.police", "wu.dc", "li.op", "feng.audit"} {
		by := s.Subject(who)
		_ = s.hear(s.Engine.Audit(ctx, by, 0, 1<<20))
		_ = s.hear(s.Engine.Alerts(ctx, by))
		_ = s.hear(s.Engine.Use(ctx, by, period))
		_ = s.hear(s.Engine.Risk(ctx, by, period))
		_ = s.hear(s.Engine.Unused(ctx, by, period))
		_ = s.hear(s.Engine.Status(ctx, by))
		_ = s.hear(s.Engine.Keys(ctx, by))
		_ = s.hear(s.Engine.Qualities(ctx, by))
		_ = s.hear(s.Engine.Quality(ctx, by, "secrets", ""))
		_ = s.hear(s.Engine.RunQuality(ctx, by, "secrets"))
		_ = s.hear(s.Engine.Versions(ctx, by, query.VersionQuery{Zone: "medical", Dataset: "secrets"}))
		_ = s.hear(s.Engine.Verify(ctx, by, query.VerifyRequest{Dataset: "secrets", Decrypt: true}))
		_ = s.hear(s.Engine.Documents(ctx, by, "Dataset", "secrets"))
		_ = s.hear(s.Engine.Entry(ctx, by, "secrets"))
		_ = s.hear(s.Engine.Clocks(ctx, by))
		_ = s.hear(s.Engine.WhatIf(ctx, by, query.WhatIf{From: s.Now().Add(-24 * time.Hour), Until: s.Now(), Documents: changed(s.t, s.Domain, "Grant", "statistics-secrets", `,"order"`, "")}))
		_ = s.hear(s.Engine.DrawSample(ctx, by, query.SampleOrder{Period: period, Size: 20}))
		_ = s.hear(s.Engine.Shreds(ctx, by))
		_ = s.hear(s.Engine.ExportCatalogue(ctx, by, "datasets", "csv"))
		_ = s.hear(s.Engine.Tickets(ctx, by))
	}
}
