package query_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// bedsManifest is the manifest of the register of beds, and its bytes.
func bedsManifest(d *querytest.Domain) (query.Manifest, []byte) {
	beds := querytest.Registers().Beds
	data := beds.CSV()
	m := querytest.Delivery("medical", "beds", "beds-statistics", data, len(beds.Rows))
	m.SchemaSHA256, m.Acquired = d.Schema("beds"), "2026-11-02" // the city has those of another day
	return m, data
}

// start begins a load of what comes from data and returns its id and its end.
func start(ctx context.Context, d *querytest.Domain, by string, m query.Manifest, data io.Reader, size int64) (string, chan error) {
	subject := d.Subject(by)
	id, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := d.Engine.LoadIncoming(ctx, subject, m, query.Incoming{Data: data, Size: size, Entered: func(name string) { id <- name }})
		ended <- err
	}()
	return <-id, ended
}

// eventually waits until the load is as is says.
func eventually(t *testing.T, d *querytest.Domain, by, id string, is func(query.LoadView) bool) query.LoadView {
	t.Helper()
	var v *query.LoadView
	for range 500 {
		var err error
		if v, err = d.Engine.LoadByID(t.Context(), d.Subject(by), id); err != nil {
			t.Fatalf("load %s: %v", id, err)
		}
		if is(*v) {
			return *v
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in the end load %s is %+v", id, *v)
	return *v
}

func TestALoadTellsHowItStandsToItsLoaderAndToSupervisors(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Loads: 1}})
	d.Register(querytest.Person{User: "he.dc", RealName: "何数据", Organization: "data-centre", Role: registry.RoleDataCentre},
		querytest.Person{User: "an.sec", RealName: "安网信", Organization: "third-party", Role: registry.RoleAuditor})
	m, data := bedsManifest(d)
	read, write := io.Pipe()
	first, firstEnded := start(t.Context(), d, "wu.dc", m, read, int64(len(data)))
	half := len(data) / 2
	if _, err := write.Write(data[:half]); err != nil {
		t.Fatal(err)
	}
	v := eventually(t, d, "wu.dc", first, func(v query.LoadView) bool { return v.Step == query.StepParse && v.Bytes == int64(half) })
	if v.State != query.LoadRunning || v.Dataset != "beds" || v.Zone != "medical" || v.By != "wu.dc" || v.Size != int64(len(data)) ||
		v.Expected != m.Rows || v.Began == nil || v.Over() {
		t.Errorf("a load that is read is %+v", v)
	}
	second, secondEnded := start(t.Context(), d, "he.dc", m, bytes.NewReader(data), 0)
	if v := eventually(t, d, "he.dc", second, func(v query.LoadView) bool { return v.State == query.LoadWaiting }); v.Place != 1 || v.Step != "" {
		t.Errorf("one that waits is %+v", v)
	}
	for _, c := range []struct {
		by   string
		sees []string
	}{
		{"wu.dc", []string{first}},
		{"he.dc", []string{second}},
		{"sun.health", []string{second, first}}, // regulates the zone
		{querytest.Founder, []string{second, first}},
		{"feng.audit", []string{second, first}},
	} {
		got, err := d.Engine.Loads(t.Context(), d.Subject(c.by))
		if err != nil {
			t.Fatalf("%s: %v", c.by, err)
		}
		var ids []string
		for _, l := range got.Loads {
			ids = append(ids, l.ID)
		}
		if !slices.Equal(ids[:min(len(ids), len(c.sees))], c.sees) || got.AtOnce != 1 {
			t.Errorf("%s sees %q of %d at once, want %q first", c.by, ids, got.AtOnce, c.sees)
		}
		for _, id := range []string{first, second} {
			if _, err := d.Engine.LoadByID(t.Context(), d.Subject(c.by), id); slices.Contains(c.sees, id) != (err == nil) {
				t.Errorf("%s asks for %s and gets %v", c.by, id, err)
			} else if err != nil && querytest.Code(err) != "NOT_FOUND" {
				t.Errorf("%s learns from %v that there is such a load", c.by, err)
			}
		}
	}
	for _, by := range []string{"li.op", "qian.hospital"} {
		if _, err := d.Engine.Loads(t.Context(), d.Subject(by)); querytest.Code(err) != "ROLE_REQUIRED" {
			t.Errorf("%s lists loads: %v", by, err)
		}
		if _, err := d.Engine.LoadByID(t.Context(), d.Subject(by), first); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("%s sees a load: %v", by, err)
		}
	}
	if _, err := write.Write(data[half:]); err != nil {
		t.Fatal(err)
	}
	write.Close()
	for _, ended := range []chan error{firstEnded, secondEnded} {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	if v := eventually(t, d, "wu.dc", first, query.LoadView.Over); v.State != query.LoadLoaded || v.Version == "" || v.Rows != m.Rows || v.Step != "" {
		t.Errorf("one that ended is %+v", v)
	}
	// The first became current while the second waited, and it is the same delivery.
	if v := eventually(t, d, "he.dc", second, query.LoadView.Over); v.State != query.LoadAlready {
		t.Errorf("the same delivery in the queue ends %+v", v)
	}
}

func TestALoadWhoseSenderGoesAwayLeavesTheDatasetAsItWas(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Loads: 1}})
	m, data := bedsManifest(d)
	before := cityAnswer(t, d, "SELECT sum(beds) FROM beds")
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	id, ended := start(ctx, d, "wu.dc", m, read, 0)
	if _, err := write.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
	waiting, waited := start(ctx, d, "wu.dc", m, bytes.NewReader(data), 0)
	eventually(t, d, "wu.dc", waiting, func(v query.LoadView) bool { return v.State == query.LoadWaiting })
	cancel()
	write.CloseWithError(context.Canceled) // as the connection of the sender does
	for _, c := range []struct {
		id    string
		ended chan error
	}{{id, ended}, {waiting, waited}} {
		if err := <-c.ended; querytest.Code(err) != "STOPPED" {
			t.Errorf("it ends with %v, want STOPPED", err)
		}
		if v := eventually(t, d, "wu.dc", c.id, query.LoadView.Over); v.State != query.LoadStopped || v.Code != "STOPPED" || v.Version != "" {
			t.Errorf("it is %+v", v)
		}
		if _, err := d.Engine.LoadReceipt(t.Context(), d.Subject("wu.dc"), c.id); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("it has a receipt: %v", err)
		}
		if !slices.ContainsFunc(d.Audit("feng.audit"), func(e query.AuditEntry) bool {
			return e.Kind == "load.refused" && e.Fields["load"] == c.id && e.Fields["reasons"] == "STOPPED"
		}) {
			t.Errorf("the log does not say how %s ended", c.id)
		}
	}
	if got := cityAnswer(t, d, "SELECT sum(beds) FROM beds"); got != before {
		t.Errorf("the dataset holds %s, before %s", got, before)
	}
}

// TestALoadIsCalledOffByItsLoaderAlone, whether it waits or runs.
func TestALoadIsCalledOffByItsLoaderAlone(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2, Limits: query.Limits{Loads: 1}})
	m, data := bedsManifest(d)
	read, write := io.Pipe()
	defer write.Close()
	running, ranEnded := start(t.Context(), d, "wu.dc", m, read, 0)
	if _, err := write.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
	waiting, waitedEnded := start(t.Context(), d, "wu.dc", m, bytes.NewReader(data), 0)
	eventually(t, d, "wu.dc", waiting, func(v query.LoadView) bool { return v.State == query.LoadWaiting })
	for _, c := range []struct{ by, want string }{{"sun.health", "ROLE_REQUIRED"}, {"feng.audit", "ROLE_REQUIRED"}, {"li.op", "NOT_FOUND"}, {"qian.hospital", "NOT_FOUND"}} {
		if _, err := d.Engine.StopLoad(t.Context(), d.Subject(c.by), running); querytest.Code(err) != c.want {
			t.Errorf("%s calls off a load of another: %v, want %s", c.by, err, c.want)
		}
	}
	for _, c := range []struct {
		id    string
		ended chan error
	}{{waiting, waitedEnded}, {running, ranEnded}} {
		if _, err := d.Engine.StopLoad(t.Context(), d.Subject("wu.dc"), c.id); err != nil {
			t.Fatal(err)
		}
		if err := <-c.ended; querytest.Code(err) != "STOPPED" {
			t.Errorf("it ends with %v", err)
		}
		if v := eventually(t, d, "wu.dc", c.id, query.LoadView.Over); v.State != query.LoadStopped {
			t.Errorf("it is %+v", v)
		}
	}
}

// TestADeliveryThatBreaksOffEndsAsStopped: nothing is wrong with it, it is not all.
func TestADeliveryThatBreaksOffEndsAsStopped(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	m, data := bedsManifest(d)
	broken := io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(io.ErrUnexpectedEOF))
	id, ended := start(t.Context(), d, "wu.dc", m, broken, 0)
	if err := <-ended; querytest.Code(err) != "STOPPED" {
		t.Errorf("it ends with %v", err)
	}
	if v := eventually(t, d, "wu.dc", id, query.LoadView.Over); v.State != query.LoadStopped {
		t.Errorf("it is %+v", v)
	}
}

func TestAReceiptIsSignedAndHoldsNoValue(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{Idle: 2})
	m, data := bedsManifest(d)
	wrong := m
	wrong.Rows++
	var receipts []*query.SignedReceipt
	for _, m := range []query.Manifest{m, m, wrong} {
		id, ended := start(t.Context(), d, "wu.dc", m, bytes.NewReader(data), 0)
		<-ended
		r, err := d.Engine.LoadReceipt(t.Context(), d.Subject("wu.dc"), id)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
		if _, err := d.Engine.LoadReceipt(t.Context(), d.Subject("li.op"), id); querytest.Code(err) != "NOT_FOUND" {
			t.Errorf("who may not see the load gets its receipt: %v", err)
		}
	}
	turned, err := d.Engine.RefuseDelivery(t.Context(), d.Subject("wu.dc"), query.DeliveryFault{Code: "DROP_KIND", Manifest: m.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(d.Engine.Domain().GateKey)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		status, code string
		rows         int64
	}{{"LOADED", "", m.Rows}, {"ALREADY_LOADED", "", m.Rows}, {"REFUSED", "LOAD_ROWS", 0}, {"REFUSED", "DROP_KIND", 0}} {
		signed := append(receipts, turned)[i]
		printed, err := json.MarshalIndent(signed, "", "    ") // a receipt may be printed otherwise than it was signed
		if err != nil {
			t.Fatal(err)
		}
		read := new(query.SignedReceipt)
		if err := json.Unmarshal(printed, read); err != nil {
			t.Fatal(err)
		}
		r, err := read.Open(key)
		if err != nil {
			t.Fatalf("receipt %d: %v", i, err)
		}
		if r.Status != want.status || r.Code != want.code || r.Rows != want.rows || r.By != "wu.dc" || r.Domain != d.Engine.Domain().ID || (r.Version != "") != (r.Rows > 0) {
			t.Errorf("receipt %d is %+v, want %+v", i, r, want)
		}
		if want.status == "REFUSED" && (len(r.Articles) == 0 || r.MessageZH == "" || r.MessageEN == "") {
			t.Errorf("a refusal without its reason: %+v", r)
		}
		read.Receipt = bytes.Replace(read.Receipt, []byte(`"rows": `), []byte(`"rows": 1`), 1)
		if r, err := read.Open(key); err == nil {
			t.Errorf("a receipt that was changed is believed: %+v", r)
		}
		if _, err := signed.Open(make([]byte, 32)); err == nil {
			t.Error("another key's receipt is believed")
		}
	}
	for _, f := range []query.DeliveryFault{{Code: "LOADED"}, {Code: ""}, {Code: "DROP_KIND", Manifest: "x"}, {Code: "DROP_KIND", Manifest: strings.Repeat("g", 64)}} {
		if _, err := d.Engine.RefuseDelivery(t.Context(), d.Subject("wu.dc"), f); querytest.Code(err) != "BAD_REQUEST" {
			t.Errorf("%+v is signed: %v", f, err)
		}
	}
	if _, err := d.Engine.RefuseDelivery(t.Context(), d.Subject("li.op"), query.DeliveryFault{Code: "DROP_KIND"}); querytest.Code(err) != "ROLE_REQUIRED" {
		t.Errorf("an operator has a receipt signed: %v", err)
	}
}
