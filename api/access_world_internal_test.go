package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// world is a city of two zones behind its handler, with something of each kind in
// it.
type world struct {
	*querytest.Domain
	handler http.Handler
	names   map[string]string // what is known only once it is there
	bodies  map[string]string
	last    []byte // body of the last answer
	status  int    // its status

	canaries *querytest.Canaries // what stands once in the registers
	shown    *int                // answers with some of them, to who may see them
}

// registered are the identity numbers, names, telephone numbers and addresses of the
// registers.
func registered() (out []string) {
	for _, row := range querytest.Registers().Persons.Rows {
		out = append(out, row[:4]...)
	}
	return out
}

const rules = `kind: QualityRules
name: persons
spec:
  contract:
    apiVersion: v3.1.0
    kind: DataContract
    id: persons-quality
    version: 1.0.0
    status: active
    schema:
      - name: persons
        properties:
          - {name: id_number, required: true}
`

const request = `kind: DataRequest
name: want-address
spec:
  scenario: outpatient-statistics
  purpose_code: MED-STAT
  statement_sha256: "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
  datasets: [{dataset: persons, grant: persons-statistics, columns: [{name: address, mode: COMPUTE_ONLY, permissions: ["agg:count"]}]}]
  from: "2026-01-01"
  until: "2030-12-31"
  access: REQUEST_RESPONSE
  status: SUBMITTED
  commitments: {truthful: true, compliant: true, secure: true}
`

func newWorld(t *testing.T) *world {
	t.Helper()
	d := querytest.City(t, querytest.Options{})
	roots := filepath.Join(t.TempDir(), "backups")
	if err := os.Mkdir(roots, 0o700); err != nil {
		t.Fatal(err)
	}
	d.Config.BackupRoots = []string{roots}
	d.Reopen()
	city := func(name string, replace ...string) string {
		text, err := os.ReadFile(filepath.Join("..", "query", "querytest", "city", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(replace...).Replace(string(text))
	}
	d.Apply(querytest.Founder, `kind: Organization
name: finance-bureau
spec: {title: 市财政局, kind: industry_authority, org_form: unincorporated}
---
kind: Organization
name: tax-bureau
spec: {title: 市税务局, kind: provider, org_form: unincorporated, provider_type: administration}
---
kind: Organization
name: security-office
spec: {title: 市安全保密办, kind: security, org_form: unincorporated}
---
kind: Organization
name: jinrong
spec: {title: 金融数据运营有限公司, kind: operator, org_form: legal_person, credit_code: 91610131MA6U1G5X2J, security_officer: 吴安全, security_department: 安全部, incident_3y: false, dishonesty_3y: false,
  evidence: [{kind: mlps-3, valid_until: "2029-12-31"}, {kind: crypto-assessment, valid_until: "2029-12-31"}]}
`)
	d.Register(querytest.Person{User: "gu.finance", RealName: "顾财政", Organization: "finance-bureau", Role: registry.RoleZoneRegulator},
		querytest.Person{User: "tian.tax", RealName: "田税务", Organization: "tax-bureau", Role: registry.RoleProvider},
		querytest.Person{User: "he.sec", RealName: "何保密", Organization: "security-office", Role: registry.RoleSecurity},
		querytest.Person{User: "jin.op", RealName: "金运营", Organization: "jinrong", Role: registry.RoleOperator})
	d.Apply(querytest.Founder, city("zone", "medical", "finance", "MEDICAL", "FINANCE", "health-commission", "finance-bureau", "医疗健康", "财税金融", "sun.health", "gu.finance", "li.op", "jin.op"))
	d.Apply("tian.tax", city("beds", "name: beds\n", "name: taxes\n", "医院床位", "企业纳税", "zone: medical", "zone: finance", "hospital-group", "tax-bureau", "authorized_body", "administration"))
	d.Apply(querytest.Founder, city("license", "medical-2026", "finance-2026", "zone: medical", "zone: finance", "operator: huiyi", "operator: jinrong",
		"[persons, visits, beds]", "[taxes]", "outpatient-statistics", "tax-statistics", "li.op", "jin.op"), "gu.finance", querytest.Founder, "jin.op")
	ledgers := city("beds", "name: beds\n", "name: ledgers\n", "医院床位", "旧台账")
	d.Apply("qian.hospital", ledgers)
	d.Apply("qian.hospital", strings.Replace(ledgers, "status: PUBLISHED", "status: RETIRED\n  status_reason: NJ19-18", 1))
	d.Apply("zheng.police", rules)
	d.Apply(querytest.Founder, "kind: Organization\nname: later\neffective: \"2099-01-01\"\nspec: {title: 后来的单位, kind: third_party, org_form: legal_person}\n")
	d.Apply("li.op", request, "li.op")
	return w(t, d, city)
}

// w gives the world its handler, a draft, runs, a load, a ticket and orders.
func w(t *testing.T, d *querytest.Domain, city func(string, ...string) string) *world {
	t.Helper()
	out := &world{Domain: d, handler: New(d.Engine, d.Config.Log), names: map[string]string{}, bodies: map[string]string{},
		canaries: querytest.NewCanaries(t, registered()...), shown: new(int)}
	as := d.Subject
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(querytest.Text(err))
		}
	}
	for _, person := range persons {
		_, err := d.Engine.SetContact(t.Context(), as(person), query.ContactOrder{Phone: "13812345678"})
		must(err)
	}
	drafts, err := registry.DecodeDrafts(strings.NewReader(city("beds", "name: beds\n", "name: wards\n", "医院床位", "住院病区")))
	must(err)
	_, err = d.Engine.MoveEntry(t.Context(), as("qian.hospital"), "wards", query.EntryOrder{Move: "draft", Document: &drafts[0]})
	must(err)
	entry, err := json.Marshal(drafts[0])
	must(err)
	const count = "SELECT count(*) AS n FROM persons"
	answer, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, count)
	must(err)
	_, err = d.Ask("li.op", querytest.Scenario, querytest.Purpose, "SELECT name, birth_date, district FROM persons ORDER BY name LIMIT 5")
	if querytest.Code(err) != "QUERY_IN_REVIEW" {
		t.Fatal(querytest.Text(err))
	}
	review := querytest.RunOf(t, err)
	d.LoadTable("beds", querytest.Registers().Beds)
	loads, err := d.Engine.Loads(t.Context(), as("wu.dc"))
	must(err)
	ticket, err := d.Engine.OpenTicket(t.Context(), as("li.op"), query.TicketRequest{Dataset: "persons", Run: answer.Run, Text: "x"})
	must(err)
	disputed, err := d.Engine.OpenTicket(t.Context(), as("wu.dc"), query.TicketRequest{Dataset: "persons", Text: "x"})
	must(err)
	_, err = d.Engine.MoveTicket(t.Context(), as("zheng.police"), disputed.ID, query.TicketMove{Move: "dispute", Text: "x"})
	must(err)
	d.Apply(querytest.Founder, querytest.CallText(d.Now()), querytest.Founder, "sun.health")
	course, err := d.Engine.ApplyForLicense(t.Context(), as("li.op"), querytest.Application(d.Now()))
	must(err)
	order, err := d.Engine.OrderShred(t.Context(), as(querytest.Founder), query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "beds", Column: "note", Reason: "x"})
	must(err)
	other, err := d.Engine.OrderShred(t.Context(), as(querytest.Founder), query.ShredOrder{Kind: "column", Zone: "medical", Dataset: "beds", Column: "opened", Reason: "x"})
	must(err)
	backup, err := d.Engine.CreateBackup(t.Context(), as("wu.dc"), "")
	must(err)
	key, err := d.Engine.IssueAPIKey(t.Context(), as("li.op"), query.APIKeyOrder{Purpose: "x", Scopes: []string{"read"}})
	must(err)
	pending, err := d.Engine.PendingDocuments(t.Context(), as(querytest.Founder), false)
	must(err)
	out.names = map[string]string{"PENDING": pending[0].Batch, "REVIEW": review, "RUN": answer.Run, "LOAD": loads.Loads[0].ID, "TICKET": ticket.ID, "DISPUTED": disputed.ID, "SHRED": order.ID, "ORDER": other.ID, "BACKUP": backup.ID, "COURSE": course.ID, "APIKEY": key.ID}
	handedIn, err := d.Engine.Submit(t.Context(), as("li.op"), "k", query.Request{Scenario: querytest.Scenario, Purpose: querytest.Purpose, SQL: count})
	must(err)
	for over := false; !over; {
		v, moved, err := d.Engine.WatchSubmission(t.Context(), as("li.op"), handedIn.ID)
		must(err)
		if over = v.Ended != nil; !over {
			<-moved
		}
	}
	out.names["SUBMISSION"] = handedIn.ID
	question := func(scenario string) string {
		text, err := json.Marshal(QueryRequest{Scenario: scenario, Purpose: querytest.Purpose, SQL: count, Recipient: "li.op"})
		must(err)
		return string(text)
	}
	submit := func(scenario string) string { return `{"key":"` + scenario + `",` + question(scenario)[1:] }
	for range 30 { // names of scenarios that are not there: the alert of probing
		_, _ = d.Engine.Answer(t.Context(), query.Request{Subject: as("li.op"), Scenario: "nothing", Purpose: querytest.Purpose, SQL: "SELECT 1"})
	}
	alerts, err := d.Engine.Alerts(t.Context(), as("he.sec"))
	must(err)
	if len(alerts) != 1 {
		t.Fatalf("there are %d alerts, want that of probing", len(alerts))
	}
	out.names["ALERT"] = alerts[0].ID
	out.bodies = map[string]string{
		"SUBMIT": submit(querytest.Scenario), "SUBMIT-UNKNOWN": submit("nothing"), "QUERY": question(querytest.Scenario), "QUERY-UNKNOWN": question("nothing"), "ENTRY": string(entry),
		"ORGANIZATION":    "kind: Organization\nname: new-org\nspec: {title: 新单位, kind: third_party, org_form: legal_person}\n",
		"ZONE":            city("zone", "医疗健康数据专区", "医疗健康专区"),
		"RETENTION-SHORT": "kind: Retention\nname: log\nspec: {months: 12}\n",
	}
	return out
}

// final records the answer itself, and no informational one before it.
type final struct{ *httptest.ResponseRecorder }

func (f final) WriteHeader(status int) {
	if status >= http.StatusOK {
		f.ResponseRecorder.WriteHeader(status)
	}
}

// ask sends a request of a person and returns what the table calls its answer.
func (w *world) ask(t *testing.T, person, method, uri, body string) string {
	t.Helper()
	at, nonce := w.Now(), fmt.Sprintf("n%d", time.Now().UnixNano())
	sum := sha256.Sum256([]byte(body))
	digest := hex.EncodeToString(sum[:])
	gate := w.Engine.Domain().GateKey
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	for name, value := range map[string]string{headerGate: gate, headerUser: person, headerTime: at.Format(time.RFC3339Nano), headerNonce: nonce, headerDigest: digest, "Accept-Language": "en",
		headerSignature: base64.StdEncoding.EncodeToString(w.Key(person).Sign(signingText(gate, method, uri, person, at, nonce, digest)))} {
		r.Header.Set(name, value)
	}
	res := httptest.NewRecorder()
	w.handler.ServeHTTP(final{res}, r)
	w.last, w.status = res.Body.Bytes(), res.Code
	if found := w.canaries.In(w.last); len(found) > 0 {
		*w.shown++
		if uri != "/v1/previews" || person != "zheng.police" {
			t.Errorf("%s %s as %s shows %q", method, uri, person, found)
		}
	}
	if res.Code == http.StatusOK && method+uri == "POST/v1/submissions" { // what is said of it is how it ended
		var s Submission
		if err := json.Unmarshal(w.last, &s); err != nil {
			t.Fatal(err)
		}
		w.ask(t, person, "GET", "/v1/submissions/"+s.ID+"/events", "")
		return w.ask(t, person, "GET", "/v1/submissions/"+s.ID+"/answer", "")
	}
	if res.Code == http.StatusOK {
		return "ok"
	}
	p := problem(t, res)
	if p.Code == "NOT_FOUND" && (strings.Contains(p.Detail, "version") || p.Hint == "") {
		return "gone"
	}
	if word := words[p.Code]; word != "" {
		return word
	}
	return p.Code
}

// request returns the method, the address and the body of a row of the table.
func (w *world) request(route, on string) (uri, body string) {
	_, path, _ := strings.Cut(route, " ")
	name, rest, split := strings.Cut(on, ":")
	switch {
	case strings.HasPrefix(on, "{"):
		body = on
	case strings.HasPrefix(on, "?"):
		path += on
	case on == ".":
	case path == "/v1/loads" || path == "/v1/trials":
		m := querytest.Delivery("medical", "persons", "nothing", []byte("x"), 1)
		text, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return path + "?request=" + base64.RawURLEncoding.EncodeToString(text), "x"
	case path == "/v1/proposals":
		file := "a,b\n1,2\n"
		sum := sha256.Sum256([]byte(file))
		return path + "?request=" + base64.RawURLEncoding.EncodeToString([]byte(`{"sha256":"`+hex.EncodeToString(sum[:])+`"}`)), file
	case name == "CONSENTS":
		file := "subject\n1\n"
		if path == "/v1/consents" {
			file = "subject,scenario,valid_from,valid_until,given_at,service_condition,evidence_kind,evidence_date,evidence_sha256\n"
		}
		sum := sha256.Sum256([]byte(file))
		return path + "?request=" + base64.RawURLEncoding.EncodeToString([]byte(`{"scenario":"`+rest+`","format":"csv","sha256":"`+hex.EncodeToString(sum[:])+`"}`)), file
	case path == "/v1/tickets":
		of := "run"
		if name == "TICKET" {
			of = "ticket"
		}
		body = strings.Replace(rest, "{", `{"`+of+`":"`+w.names[name]+`",`, 1)
	case strings.HasPrefix(route, "POST") && !strings.Contains(path, ":"):
		body = on
		if w.bodies[on] != "" {
			body = w.bodies[on]
		}
	case split:
		name, body = orElse(w.names[name], name), rest
		path = fill(path, name)
	default:
		path = fill(path, orElse(w.names[on], on))
	}
	return path, body
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// fill puts names in the place of a route's parameters.
func fill(path, names string) string {
	parts := strings.Split(path, "/")
	given := strings.Split(names, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i], given = given[0], given[1:]
		}
	}
	return strings.Join(parts, "/")
}
