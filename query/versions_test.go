package query_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// bedsIn loads the register of beds with a number in place of the first.
func bedsIn(d *querytest.Domain, beds string) *query.LoadReport {
	rows := querytest.Registers().Beds.Clone()
	rows.Rows[0][rows.Column("beds")] = beds
	return d.LoadTable("beds", rows)
}

// bedsOf asks how many beds the first district has.
func bedsOf(t *testing.T, d *querytest.Domain) string {
	t.Helper()
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT beds FROM beds WHERE district = '320102'")
	if err != nil {
		t.Fatalf("ask: %s", querytest.Text(err))
	}
	return d.Open("li.op", a).Rows[0][0]
}

func states(t *testing.T, d *querytest.Domain, dataset string) string {
	t.Helper()
	all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: dataset})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range all {
		out = append(out, v.State)
		stored := v.State != registry.DataRetired && v.State != registry.DataShredded
		if folder := filepath.Join(d.Config.Domain, "zones", "medical", dataset, v.Version); stored != exists(folder) || stored != (v.Bytes > 0) {
			t.Errorf("%s is %s, and its folder is there: %v, %d bytes", v.Version, v.State, exists(folder), v.Bytes)
		}
	}
	return strings.Join(out, " ")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestVersionsAreKeptRolledBackAndRetired(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	second, third := bedsIn(d, "222"), bedsIn(d, "333")
	if got := states(t, d, "beds"); got != "RETIRED KEPT CURRENT" {
		t.Errorf("after three loads: %s", got)
	}
	if got := bedsOf(t, d); got != "333" {
		t.Errorf("%s beds", got)
	}
	d.Reopen()
	if got := states(t, d, "beds"); got != "RETIRED KEPT CURRENT" {
		t.Errorf("after a start: %s", got)
	}

	plain, err := json.Marshal(registry.Person{RealName: "何数据", Organization: "data-centre", Roles: []string{registry.RoleDataCentre}, Status: "active",
		SigningKey: d.Key("he.dc").SigningKey(), RecipientKey: d.Key("he.dc").RecipientKey()})
	if err != nil {
		t.Fatal(err)
	}
	d.Apply(querytest.Founder, `{"kind":"Person","name":"he.dc","spec":`+string(plain)+`}`)

	order := func(do func(query.Subject, query.VersionOrder) (*query.VersionChange, error), who, version string) (bool, string) {
		t.Helper()
		c, err := do(d.Subject(who), query.VersionOrder{Dataset: "beds", Version: version, Reason: "数据有误"})
		if err != nil {
			return false, querytest.Code(err)
		}
		return c.Waiting, c.State
	}
	rollback := func(s query.Subject, o query.VersionOrder) (*query.VersionChange, error) {
		return d.Engine.Rollback(t.Context(), s, o)
	}
	retire := func(s query.Subject, o query.VersionOrder) (*query.VersionChange, error) {
		return d.Engine.Retire(t.Context(), s, o)
	}
	for _, c := range []struct {
		what, who, version string
		do                 func(query.Subject, query.VersionOrder) (*query.VersionChange, error)
		waiting            bool
		want               string
	}{
		{"an operator", "li.op", second.Version, rollback, false, "ROLE_REQUIRED"},
		{"the provider of others", "zheng.police", second.Version, rollback, false, "NOT_FOUND"},
		{"an auditor", "feng.audit", second.Version, rollback, false, "ROLE_REQUIRED"},
		{"to the current one", "wu.dc", third.Version, rollback, false, "DATA_STATE"},
		{"to what is not there", "wu.dc", "vaaaaaaaaaaaaaaaa", rollback, false, "NOT_FOUND"},
		{"the current one retired", "wu.dc", third.Version, retire, false, "DATA_STATE"},
		{"without the permission to destroy", "he.dc", second.Version, retire, false, "PERMISSION_REQUIRED"},
		{"the first person", "wu.dc", second.Version, rollback, true, "KEPT"},
		{"the same once more", "wu.dc", second.Version, rollback, false, "SECOND_PERSON"},
		{"another order", "sun.health", second.Version, retire, true, "KEPT"},
		{"the second person", "qian.hospital", second.Version[:6], rollback, false, "CURRENT"},
	} {
		waiting, got := order(c.do, c.who, c.version)
		if waiting != c.waiting || got != c.want {
			t.Errorf("%s: %v %s, want %v %s", c.what, waiting, got, c.waiting, c.want)
		}
	}
	if got := states(t, d, "beds"); got != "RETIRED CURRENT QUARANTINED" {
		t.Errorf("rolled back: %s", got)
	}
	if got := bedsOf(t, d); got != "222" { // nothing remembered answers
		t.Errorf("rolled back: %s beds", got)
	}
	// An order of before is void, and two of one side are one.
	if waiting, got := order(retire, "qian.hospital", third.Version); !waiting {
		t.Errorf("retire: %s", got)
	}
	if waiting, got := order(retire, "sun.health", third.Version); waiting || got != "SECOND_PERSON" {
		t.Errorf("retired by regulator and provider: %v %s", waiting, got)
	}
	d.Advance(7*24*time.Hour + time.Second)
	if waiting, got := order(retire, "wu.dc", third.Version); !waiting {
		t.Errorf("an order that waited too long was taken: %s", got)
	}
	if waiting, got := order(retire, "sun.health", third.Version); waiting || got != "RETIRED" {
		t.Errorf("retired: %v %s", waiting, got)
	}
	if got := states(t, d, "beds"); got != "RETIRED CURRENT RETIRED" {
		t.Errorf("retired: %s", got)
	}
	v, err := d.Engine.Versions(t.Context(), d.Subject("feng.audit"), query.VersionQuery{Dataset: "beds", Version: third.Version})
	if err != nil || len(v) != 1 || v[0].Provider != "hospital-group" || v[0].Delivery == "" || v[0].Acquired != "2026-11-01" || v[0].Mode != "full" {
		t.Fatalf("show = %+v, %v", v, err)
	}
	var events []string
	for _, e := range v[0].History {
		events = append(events, e.Event+" "+e.By)
	}
	if want := []string{"LOADED wu.dc", "QUARANTINED qian.hospital", "ORDERED qian.hospital", "ORDERED wu.dc", "RETIRED sun.health"}; !slices.Equal(events, want) {
		t.Errorf("history = %q, want %q", events, want)
	}
	d.Reopen()
	for _, e := range d.Audit("feng.audit") {
		for _, f := range e.Fields {
			if strings.Contains(f, "数据有误") {
				t.Errorf("the log holds a reason: %+v", e)
			}
		}
	}
}

// Whoever may write the registry's file can take any row of the history of data
// away. The log knows each.
func TestARegistryWithoutARowOfDataIsRefused(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	first := bedsIn(d, "222")
	bedsIn(d, "333")
	for _, who := range []string{"wu.dc", "sun.health"} {
		if _, err := d.Engine.Rollback(t.Context(), d.Subject(who), query.VersionOrder{Dataset: "beds", Version: first.Version, Reason: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	d.Reopen() // nothing was touched: the control
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Config.Domain, "registry.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{"LOADED": 3, "RETIRED": 1, "ORDERED": 1, "QUARANTINED": 1, "CURRENT": 1}
	for kind, n := range kinds {
		for i := range n {
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			res, err := db.Exec(`DELETE FROM data_events WHERE (zone, dataset, revision, seq) =
				(SELECT zone, dataset, revision, seq FROM data_events WHERE dataset = 'beds' AND kind = ? ORDER BY revision LIMIT 1 OFFSET ?)`, kind, i)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				t.Fatalf("%s %d: took %d rows, %v", kind, i, n, err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			e, err := query.Open(t.Context(), d.Config)
			if err == nil {
				err = errors.Join(errors.New("the domain opened"), e.Close())
			}
			if !errors.Is(err, query.ErrRollback) {
				t.Errorf("without %s %d: %v, want ErrRollback", kind, i, err)
			}
		}
	}
}

func TestIncrementsStandOnTheCurrentVersion(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	beds, err := os.ReadFile(filepath.Join("querytest", "city", "beds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	keyed := strings.Replace(string(beds), "  status: PUBLISHED", "  key: [district, hospital]\n  retention: {versions: 10}\n  status: PUBLISHED", 1)
	base := d.LoadTable("beds", querytest.Registers().Beds)
	try := func(mode, on string, rows [][]string) (*query.LoadReport, error) {
		table := querytest.Registers().Beds
		table.Rows = rows
		m := querytest.Delivery("medical", "beds", "beds-statistics", table.CSV(), len(rows))
		m.Mode, m.Base = mode, on
		return d.TryLoad("wu.dc", m, table.CSV())
	}
	row := func(district, hospital, beds string) []string {
		return []string{district, hospital, beds, "2001-01-01", ""}
	}
	if _, err := try(query.ModeUpsert, base.Version, [][]string{row("320102", "第1医院", "7")}); querytest.Code(err) != "LOAD_MODE" {
		t.Errorf("an upsert where no key is declared: %v", err)
	}
	d.Apply("qian.hospital", keyed)
	var last *query.LoadReport
	for _, c := range []struct {
		what, mode, on string // on: base, "last" or another
		rows           [][]string
		want           string // code, "" for none
		told           string
		total, stands  int64
	}{
		{"the same key twice", query.ModeFull, "", [][]string{row("320102", "甲", "1"), row("320102", "乙", "1"), row("320102", "甲", "2")}, "LOAD_REFUSED", "row 3 has the key of row 1", 0, 0},
		{"an upsert", query.ModeUpsert, "base", [][]string{row("320102", "第1医院", "7"), row("320102", "新建医院", "5")}, "", "", 5, 1},
		{"on what is not current any more", query.ModeAppend, "base", [][]string{row("320104", "又一医院", "5")}, "LOAD_BASE", "", 0, 0},
		{"a key that is there", query.ModeAppend, "last", [][]string{row("320104", "又一医院", "5"), row("320102", "新建医院", "5")}, "LOAD_REFUSED", "row 2: its key is in the current version", 0, 0},
		{"an append", query.ModeAppend, "last", [][]string{row("320104", "又一医院", "5")}, "", "", 6, 0},
		{"without base", query.ModeAppend, "", [][]string{row("320104", "三医院", "5")}, "LOAD_BASE", "", 0, 0},
	} {
		on := c.on
		switch on {
		case "base":
			on = base.Version
		case "last":
			on = last.Version
		}
		r, err := try(c.mode, on, c.rows)
		if querytest.Code(err) != c.want || c.told != "" && !strings.Contains(querytest.Text(err), c.told) {
			t.Errorf("%s: %s, want %s with %q", c.what, querytest.Text(err), c.want, c.told)
		}
		if err == nil {
			if r.Quality.Rows != c.total || r.Rows != c.total || r.Replaced != c.stands || r.Delivered != int64(len(c.rows)) {
				t.Errorf("%s: %d rows, %d delivered, %d replaced, want %d, %d, %d", c.what, r.Rows, r.Delivered, r.Replaced, c.total, len(c.rows), c.stands)
			}
			last = r
		}
	}
	a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT hospital, beds FROM beds ORDER BY hospital")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.Open("li.op", a).String(), "7"; !strings.Contains(got, want) || strings.Contains(got, "第1医院 100") {
		t.Errorf("answer = %s", got)
	}
	all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: "beds", Version: last.Version})
	if err != nil || all[0].Mode != "append" || all[0].Base == "" || all[0].Base == base.Version {
		t.Errorf("the last version is %+v, %v", all, err)
	}
	// What an increment was loaded under is told, and so is that it moved.
	diff, err := d.Engine.Diff(t.Context(), d.Subject("wu.dc"), query.DiffRequest{Dataset: "beds"})
	if err != nil || diff.Before.Version != all[0].Base || diff.K != 10 || diff.Before.Rows != -1 {
		t.Errorf("diff = %+v, %v", diff, err)
	}
	if _, err := d.Engine.Diff(t.Context(), d.Subject("li.op"), query.DiffRequest{Dataset: "beds"}); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Errorf("diff for an operator: %v", err)
	}
}

func TestADamagedFileIsNamedAndLogged(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 1})
	verify := func(who string, q query.VerifyRequest) (*query.VerifyReport, error) {
		return d.Engine.Verify(t.Context(), d.Subject(who), q)
	}
	for _, decrypt := range []bool{false, true} {
		r, err := verify("feng.audit", query.VerifyRequest{Dataset: "visits", Decrypt: decrypt})
		if err != nil || r.Files != 9 || r.Bytes == 0 {
			t.Errorf("verify = %+v, %v", r, err)
		}
	}
	if _, err := verify("li.op", query.VerifyRequest{Dataset: "visits"}); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Errorf("an operator verifies: %v", err)
	}
	if _, err := verify("zheng.police", query.VerifyRequest{Dataset: "visits"}); querytest.Code(err) != "NOT_FOUND" {
		t.Errorf("the provider of others verifies: %v", err)
	}
	found, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", "visits", "*", "c003-s00000"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	file, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	file[0] ^= 1
	if err := os.WriteFile(found[0], file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := verify("wu.dc", query.VerifyRequest{Dataset: "visits"}); querytest.Code(err) != "DATA_DAMAGED" || !strings.Contains(querytest.Text(err), "c003-s00000") {
		t.Errorf("verify = %v", err)
	}
	if !slices.ContainsFunc(d.Audit("feng.audit"), func(e query.AuditEntry) bool {
		return e.Kind == "zone.damaged" && e.Actor == "wu.dc" && e.Fields["file"] == "c003-s00000"
	}) {
		t.Error("the log does not know of it")
	}
}

// An output that waits was made of rows that turn out to be wrong: it is not
// released, whoever agrees.
func TestAnOutputOfDataThatWereRolledBackIsWithheld(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		d := querytest.City(t, querytest.Options{Idle: 1})
		all, err := d.Engine.Versions(t.Context(), d.Subject("wu.dc"), query.VersionQuery{Dataset: "persons"})
		if err != nil {
			t.Fatal(err)
		}
		persons := querytest.Registers().Persons
		persons.Rows[0][persons.Column("phone")] = "13900001111"
		d.LoadTable("persons", persons)
		run := approvedOutput(t, d)
		if back {
			for _, who := range []string{"wu.dc", "zheng.police"} {
				if _, err := d.Engine.Rollback(t.Context(), d.Subject(who), query.VersionOrder{Dataset: "persons", Version: all[0].Version, Reason: "x"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, err = d.Resume("li.op", run)
		if want := map[bool]string{false: "", true: "WITHHELD"}[back]; querytest.Code(err) != want {
			t.Errorf("rolled back %v: resume = %v, want %q", back, querytest.Text(err), want)
		}
	}
}
