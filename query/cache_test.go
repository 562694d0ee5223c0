package query_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
	"zonebox/sandbox"
)

// cacheOf returns the figures of the gate's cache.
func cacheOf(t *testing.T, d *querytest.Domain) sandbox.CacheStats {
	t.Helper()
	s, err := d.Engine.Status(t.Context(), d.Subject("wu.dc"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Figures.Cache
}

// chunks returns the files of rows of a dataset.
func chunks(t *testing.T, d *querytest.Domain, dataset string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", dataset, "v*", "c*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files of %s: %v, %v", dataset, files, err)
	}
	return files
}

const byDistrict = "SELECT district, count(*) AS n FROM persons GROUP BY district ORDER BY district"

// What was projected once is neither read nor decrypted again; what was not is
// checked as ever. After an eviction everything is.
func TestAColumnInTheCacheIsNotReadAgain(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	want := cityAnswer(t, d, byDistrict)
	first := cacheOf(t, d)
	if first.Misses == 0 || first.Hits != 0 || first.Entries != first.Misses {
		t.Fatalf("after one question the cache is %+v", first)
	}
	for _, f := range chunks(t, d, "persons") {
		if err := os.WriteFile(f, []byte("not what was committed"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := cityAnswer(t, d, byDistrict); got != want {
		t.Errorf("from the cache: %s, want %s", got, want)
	}
	if got := cacheOf(t, d); got.Hits != first.Misses || got.Misses != first.Misses {
		t.Errorf("after the same question the cache is %+v, want %d hits", got, first.Misses)
	}
	cityRefuses(t, d, "SELECT birth_date, count(*) AS n FROM persons GROUP BY birth_date", "DATA_DAMAGED")
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics", `"until":"2030-12-31"`, `"until":"2029-12-31"`))
	if got := cacheOf(t, d); got.Entries != 0 || got.Bytes != 0 {
		t.Errorf("after a change of the grant the cache is %+v, want it empty", got)
	}
	cityRefuses(t, d, byDistrict, "DATA_DAMAGED")
}

// another adds a scenario of the license with a grant like secondGrant.
func another(t *testing.T, d *querytest.Domain, name, grant string) {
	t.Helper()
	d.Apply("sun.health", strings.ReplaceAll(strings.TrimSpace(cityScenario(t, "", "")), querytest.Scenario, name))
	d.Apply("sun.health", strings.ReplaceAll(grant, "second", name))
}

const secondGrant = `kind: Grant
name: persons-second
spec:
  scenario: second
  dataset: persons
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: sun.health, org: health-commission}
  prov: {by: zheng.police, org: public-security}
  scope: [{column: district, in: ["320102", "320104"]}]
  columns:
    - {name: id_number, mode: MASKED, recipe: {kind: token}}
    - {name: birth_date, mode: MASKED, recipe: {kind: date, part: month}}
    - {name: name, mode: MASKED, recipe: {kind: redact}}
    - {name: income, mode: COMPUTE_ONLY, permissions: ["agg:avg", "agg:count"]}
    - {name: district, mode: MASKED, recipe: {kind: region, digits: 4}}
`

// ask is Ask in any scenario, as text: the code of a refusal, or the rows.
func ask(t *testing.T, d *querytest.Domain, scenario, sql string) string {
	t.Helper()
	a, err := d.Ask("li.op", scenario, querytest.Purpose, sql)
	if err != nil {
		return querytest.Code(err)
	}
	return d.Open("li.op", a).String()
}

// Whoever may not have a column does not get it although it lies in the cache:
// authorization comes first, and the cache is not even asked.
func TestALostColumnIsNotServedFromTheCache(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	another(t, d, "second", strings.Replace(secondGrant, "    - {name: district, mode: MASKED, recipe: {kind: region, digits: 4}}\n", "    - {name: district, mode: CLEAR}\n", 1))
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics", `{"mode":"CLEAR","name":"district"}`, `{"mode":"CLEAR","name":"district"},{"mode":"MASKED","name":"address","recipe":{"kind":"redact"}}`))
	if got := ask(t, d, querytest.Scenario, byDistrict); !strings.HasPrefix(got, "320102|60\n") {
		t.Fatalf("control: %s", got)
	}
	d.Apply("sun.health", changed(t, d, registry.KindGrant, "persons-statistics", `{"mode":"CLEAR","name":"district"},`, ""))
	if got := ask(t, d, "second", byDistrict); got != "320102|60\n320104|60\n" {
		t.Fatalf("the scenario that keeps the column: %s", got)
	}
	before := cacheOf(t, d)
	if before.Entries == 0 {
		t.Fatal("nothing is cached")
	}
	if got := ask(t, d, querytest.Scenario, byDistrict); got != "NOT_GRANTED" {
		t.Errorf("the scenario that lost the column: %s, want NOT_GRANTED", got)
	}
	if after := cacheOf(t, d); after != before {
		t.Errorf("a refused question moved the cache from %+v to %+v", before, after)
	}
}

// Three scenarios see one dataset by different scopes, recipes, or both. Whatever
// they ask in whatever order, with a cache they get what they get without.
func TestAnswersAreTheSameWithAndWithoutACache(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	cached, plain := querytest.CityOf(t, querytest.Options{}, data), querytest.CityOf(t, querytest.Options{}, data)
	plain.Config.Cache = 1
	plain.Reopen()
	for _, d := range []*querytest.Domain{cached, plain} {
		another(t, d, "second", secondGrant)
		another(t, d, "third", strings.Replace(secondGrant, "  scope: [{column: district, in: [\"320102\", \"320104\"]}]\n", "", 1))
	}
	statements := []string{
		byDistrict,
		"SELECT birth_date, count(*) AS n FROM persons GROUP BY birth_date ORDER BY birth_date",
		"SELECT district, birth_date, avg(income) AS a, count(DISTINCT id_number) AS n FROM persons GROUP BY ALL ORDER BY ALL",
		"SELECT count(*) AS n FROM persons",
		"SELECT name, count(*) AS n FROM persons GROUP BY name ORDER BY name",
		"SELECT count(income) AS n, avg(income) AS a FROM persons WHERE district >= '320104'",
	}
	r := rand.New(rand.NewPCG(3, 9))
	for range 24 {
		scenario, sql := []string{querytest.Scenario, "second", "third"}[r.IntN(3)], statements[r.IntN(len(statements))]
		if x, y := ask(t, cached, scenario, sql), ask(t, plain, scenario, sql); x != y {
			t.Errorf("%s in %s\ngives with a cache\n%s\nand without\n%s", sql, scenario, x, y)
		}
	}
	if got := cacheOf(t, cached); got.Hits < got.Misses {
		t.Errorf("the cache was hardly used: %+v", got)
	}
	if got := cacheOf(t, plain); got.Hits != 0 || got.Entries != 0 {
		t.Errorf("the gate without a cache has %+v", got)
	}
}

func TestTwoFirstQuestionsFillOnce(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 4})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if got := ask(t, d, querytest.Scenario, byDistrict); !strings.HasPrefix(got, "320102|60\n") {
				t.Errorf("the answer is %s", got)
			}
		})
	}
	wg.Wait()
	if got := cacheOf(t, d); got.Misses != 3 || got.Hits != 6 {
		t.Errorf("three questions of a column, with whose the rows are and their numbers, make %+v, want 3 misses and 6 hits", got)
	}
}

func TestANewVersionIsAnsweredFromItsOwnRows(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	before := cityAnswer(t, d, byDistrict)
	data := querytest.Registers()
	data.Persons.Rows = data.Persons.Rows[:120]
	d.LoadTable("persons", data.Persons)
	if got := cacheOf(t, d); got.Entries != 0 {
		t.Errorf("after a load the cache is %+v, want nothing of the version before", got)
	}
	if got := cityAnswer(t, d, byDistrict); got != "320102|60\n320104|60\n" || got == before {
		t.Errorf("after a load: %s", got)
	}
}

// mapped returns the processes that map a column, this one included, and the
// descriptors of columns that this one holds.
func mapped(t *testing.T) (pids []string, files int) {
	t.Helper()
	maps, err := filepath.Glob("/proc/[0-9]*/maps")
	if err != nil || len(maps) == 0 {
		t.Skip("no /proc")
	}
	mine := fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())
	for _, path := range maps {
		dir := filepath.Dir(path)
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil || !strings.Contains(string(status), mine) && dir != fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrPermission) {
			t.Skip("this user may not look into its workers")
		}
		if err == nil && strings.Contains(string(text), "memfd:zonebox-column") {
			pids = append(pids, filepath.Base(dir))
		}
	}
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.Contains(to, "memfd:zonebox-column") {
			files++
		}
	}
	return pids, files
}

// After a suspension no process maps a column of the zone, and the cache holds
// none: whatever ran was killed, whatever lay there is closed.
func TestASuspensionLeavesNoColumnMapped(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 2})
	_, others := mapped(t)
	subject := d.Subject("li.op")
	ended := make(chan error, 1)
	go func() {
		_, err := d.Engine.Answer(t.Context(), query.Request{Subject: subject, Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: long})
		ended <- err
	}()
	deadline := time.Now().Add(20 * time.Second)
	for {
		pids, files := mapped(t)
		if len(pids) == 1 && files > others {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("control: %v map a column, %d descriptors", pids, files)
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.Apply(querytest.Founder, licenseWith(t, d, "SUSPENDED"), querytest.Founder, "sun.health")
	suspended := time.Now()
	if got := cacheOf(t, d); got.Entries != 0 || got.Bytes != 0 || got.Evictions == 0 {
		t.Errorf("after the suspension the cache is %+v", got)
	}
	if err := <-ended; querytest.Code(err) != "STOPPED" {
		t.Errorf("the statement ended with %v, want STOPPED", err)
	}
	for {
		pids, files := mapped(t)
		if len(pids) == 0 && files == others {
			break
		}
		if time.Since(suspended) > 5*time.Second {
			t.Fatalf("five seconds after the suspension %v map a column, and %d descriptors are open", pids, files-others)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// segmented makes the city in segments of some rows and loads it anew.
func segmented(t *testing.T, d *querytest.Domain, data querytest.Data, rows int, pruned bool) {
	t.Helper()
	d.Config = query.Segmented(d.Config, rows, pruned)
	d.Reopen()
	for name, table := range map[string]querytest.Table{"persons": data.Persons, "visits": data.Visits, "beds": data.Beds} {
		file := table.CSV()
		m := querytest.Delivery("medical", name, name+"-statistics", file, len(table.Rows))
		m.Acquired = "2026-11-02" // a day later: what is in use already is not loaded again
		d.Load("wu.dc", m, file)
	}
}

// prunable returns statements whose conditions leave segments out, or nearly.
func prunable(r *rand.Rand, n int) []string {
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	district := func() string { return pick("'320101'", "'320102'", "'320104'", "'320105'", "'320106'", "'320107'") }
	op := func() string { return pick("=", "<", "<=", ">", ">=") }
	var out []string
	for range n {
		number := fmt.Sprint(r.IntN(70))
		out = append(out, pick(
			"SELECT count(*) AS n, avg(income) AS a FROM persons WHERE district "+op()+" "+district(),
			"SELECT district, count(*) AS n FROM persons WHERE birth_date "+op()+" '19"+fmt.Sprint(50+r.IntN(40))+"' GROUP BY district ORDER BY district",
			"SELECT visit_date, count(*) AS n FROM visits WHERE district IN ("+district()+", "+district()+") GROUP BY visit_date ORDER BY visit_date",
			"SELECT count(*) AS n FROM visits WHERE visit_date BETWEEN '2026-01' AND "+pick("'2026-01'", "'2026-02'", "'2026-03'"),
			"SELECT sum(beds) AS n, count(*) AS m FROM beds WHERE beds "+op()+" "+number,
			"SELECT sum(beds) AS n FROM beds WHERE opened "+op()+" DATE '19"+fmt.Sprint(50+r.IntN(50))+"-01-01' AND beds "+op()+" "+number,
			"SELECT sum(a.beds) AS n, count(*) AS m FROM beds a "+pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")+" beds b ON a.beds = b.beds AND a.beds "+op()+" "+number+" AND b.beds "+op()+" "+number+pick("", " WHERE a.beds > 30", " WHERE b.beds < 20"),
			"WITH c AS (SELECT * FROM beds WHERE beds > "+number+") SELECT count(*) AS n FROM c x LEFT JOIN c y ON x.beds = y.beds AND y.beds < 50",
			"SELECT count(*) AS n FROM (SELECT district, sum(beds) AS s FROM beds GROUP BY district) q WHERE district = "+district(),
			"SELECT count(*) AS n FROM (SELECT beds FROM beds ORDER BY beds LIMIT 10) q WHERE beds > "+number,
			"SELECT v.district, count(*) AS n FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.district "+op()+" "+district()+" AND v.visit_date = '2026-02' GROUP BY v.district ORDER BY v.district",
		))
	}
	return out
}

// For any statement the answer with pruning is the answer without.
func TestAnswersAreTheSameWithAndWithoutPruning(t *testing.T) {
	t.Parallel()
	data := querytest.Registers()
	r := rand.New(rand.NewPCG(5, 2))
	data.Beds.Rows = nil
	for i := range 120 {
		data.Beds.Rows = append(data.Beds.Rows, []string{querytest.Districts[i/40], fmt.Sprint("医院", i), fmt.Sprint(i/2 + r.IntN(5)), fmt.Sprintf("%d-01-01", 1950+i/3), ""})
	}
	pruned, whole := querytest.CityOf(t, querytest.Options{}, data), querytest.CityOf(t, querytest.Options{}, data)
	segmented(t, pruned, data, 10, true)
	segmented(t, whole, data, 10, false)
	for _, sql := range prunable(r, 45) {
		if x, y := ask(t, pruned, querytest.Scenario, sql), ask(t, whole, querytest.Scenario, sql); x != y {
			t.Errorf("%s\ngives with pruning\n%s\nand without\n%s", sql, x, y)
		}
	}
	count := func(d *querytest.Domain) int64 {
		s, err := d.Engine.Status(t.Context(), d.Subject("wu.dc"))
		if err != nil {
			t.Fatal(err)
		}
		return s.Figures.Pruned
	}
	if n := count(pruned); n < 100 {
		t.Errorf("%d segments were left out, want many", n)
	}
	if n := count(whole); n != 0 {
		t.Errorf("%d segments were left out with pruning off", n)
	}
}

// Two worlds that differ in what the operator may not see, in segments so small
// that any bound of theirs would show.
func TestTwoWorldsLookAlikeInSmallSegments(t *testing.T) {
	t.Parallel()
	one := querytest.Registers()
	other := one.Clone()
	notGranted(&other)
	outOfScope(&other)
	alike(&other)
	a, b := world(t, one), world(t, other)
	segmented(t, a, one, 7, true)
	segmented(t, b, other, 7, true)
	for _, sql := range prunable(rand.New(rand.NewPCG(8, 4)), 25) {
		if x, y := seenBy(t, a, sql), seenBy(t, b, sql); x != y {
			t.Errorf("%s\nshows\n%s\nin the other world\n%s", sql, x, y)
		}
	}
}

// A segment that is left out is not even read.
func TestASegmentLeftOutIsNotRead(t *testing.T) {
	d := querytest.City(t, querytest.Options{})
	segmented(t, d, querytest.Registers(), 60, true) // a district a segment
	for _, f := range chunks(t, d, "persons") {
		if !strings.HasSuffix(f, "-s00001") {
			if err := os.WriteFile(f, []byte("not what was committed"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := cityAnswer(t, d, "SELECT count(*) AS n FROM persons WHERE district = '320104'"); got != "60\n" {
		t.Errorf("of the second segment: %s", got)
	}
	cityRefuses(t, d, "SELECT count(*) AS n FROM persons WHERE district >= '320104'", "DATA_DAMAGED")
}
