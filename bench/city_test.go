package bench_test

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"zonebox/bench"
	"zonebox/bench/registers"
	"zonebox/query"
	"zonebox/query/querytest"
	zones "zonebox/registry"
)

const (
	scenario = "street-statistics"
	purpose  = "TRAFFIC-STAT"
	operator = "he.op"
)

//go:embed city/*.yaml
var documents embed.FS

// streets makes a domain whose one zone holds the registers of a city, with
// every column granted as it is, and loads them the way a data centre does.
func streets(tb testing.TB, o querytest.Options, rows int64) *querytest.Domain {
	tb.Helper()
	d := querytest.New(tb, o)
	d.Apply(querytest.Founder, document(tb, "people"))
	d.Register(
		querytest.Person{User: "sun.transport", RealName: "孙交通", Organization: "transport-bureau", Role: zones.RoleZoneRegulator},
		querytest.Person{User: "zheng.sensors", RealName: "郑感知", Organization: "city-sensors", Role: zones.RoleProvider},
		querytest.Person{User: "wu.dc", RealName: "吴数据", Organization: "data-centre", Role: zones.RoleDataCentre},
		querytest.Person{User: operator, RealName: "何运营", Organization: "lutong", Role: zones.RoleOperator},
	)
	d.Apply(querytest.Founder, document(tb, "zone"))
	for _, r := range registers.City(rows) {
		d.Apply("zheng.sensors", dataset(r))
	}
	d.Apply(querytest.Founder, document(tb, "license"), "sun.transport", querytest.Founder, operator)
	for _, r := range registers.City(rows) {
		d.Apply("sun.transport", grant(r))
		load(tb, d, r)
	}
	return d
}

func document(tb testing.TB, name string) string {
	tb.Helper()
	text, err := documents.ReadFile("city/" + name + ".yaml")
	if err != nil {
		tb.Fatalf("read documents: %v", err)
	}
	return string(text)
}

// dataset writes the catalogue entry of a register.
func dataset(r registers.Register) string {
	var b strings.Builder
	fmt.Fprintf(&b, `kind: Dataset
name: %s
spec:
  title: %s
  zone: transport
  category: {kind: DEPARTMENT}
  provider: city-sensors
  provider_type: authorized_body
  collector: city-sensors
  auditor: city-sensors
  format: TABLE
  share_type: UNCONDITIONAL
  share_mode: REQUEST_RESPONSE
  open_type: UNCONDITIONAL
  legal_basis: [南京市公共数据授权运营管理暂行办法]
  use_requirements: 仅在专区内按授权场景使用
  secret_flag: false
  personal_info: false
  public_safety: false
  entity: null
  source: {acquired: "2026-11-01", update_frequency: daily}
  status: PUBLISHED
  columns:
`, r.Name, r.Title)
	for _, c := range r.Columns {
		fmt.Fprintf(&b, "    - {name: %s, title: %s, type: %q, level: 1, class: transport, personal_info: false, secret_flag: false, nullable: %t}\n",
			c.Name, c.Title, c.Type, c.Nullable)
	}
	return b.String()
}

// grant writes the grant of every column of a register as it is.
func grant(r registers.Register) string {
	var b strings.Builder
	fmt.Fprintf(&b, `kind: Grant
name: %s
spec:
  scenario: %s
  dataset: %s
  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]
  from: "2026-01-01"
  until: "2030-12-31"
  zreg: {by: sun.transport, org: transport-bureau}
  prov: {by: zheng.sensors, org: city-sensors}
  columns:
`, grantOf(r), scenario, r.Name)
	for _, c := range r.Columns {
		fmt.Fprintf(&b, "    - {name: %s, mode: CLEAR}\n", c.Name)
	}
	return b.String()
}

func grantOf(r registers.Register) string { return r.Name + "-open" }

// load delivers a register as CSV. Its rows are made twice, once for the
// manifest's digest and once for the load, and never stand in a file.
func load(tb testing.TB, d *querytest.Domain, r registers.Register) {
	tb.Helper()
	sum := sha256.New()
	if err := r.CSV(sum); err != nil {
		tb.Fatalf("digest of %s: %v", r.Name, err)
	}
	file, in := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		in.CloseWithError(r.CSV(in))
	}()
	m := query.Manifest{Zone: "transport", Dataset: r.Name, Grant: grantOf(r), Format: "csv", Encoding: "utf-8", Rows: r.Rows,
		SHA256: hex.EncodeToString(sum.Sum(nil)), Acquired: "2026-11-01", SchemaSHA256: d.Schema(r.Name)}
	_, err := d.Engine.Load(tb.Context(), d.Subject("wu.dc"), m, file)
	file.CloseWithError(err)
	<-written
	if err != nil {
		tb.Fatalf("load %s: %s (cause %v)", r.Name, querytest.Text(err), err)
	}
}

// TestQueriesAreAnswered holds the list against the analysis and the policy: a
// statement that is refused would be fast.
func TestQueriesAreAnswered(t *testing.T) {
	d := streets(t, querytest.Options{}, 44_000)
	for _, q := range bench.Queries() {
		t.Run(q.Name, func(t *testing.T) {
			a, err := d.In(t).Ask(operator, scenario, purpose, q.SQL)
			if err != nil {
				t.Fatal(querytest.Text(err), err)
			}
			if len(d.Open(operator, a).Rows) == 0 {
				t.Error("no rows, want some")
			}
		})
	}
}
