package query_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/query"
	"zonebox/query/querytest"
)

// sender returns both ends of a pipe whose reads a deadline ends, as those of a
// connection.
func sender(t *testing.T) (gate, sender *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// manyBeds is a register of beds of more than the gate wants to see before a turn.
func manyBeds(d *querytest.Domain) (query.Manifest, []byte) {
	beds := querytest.Registers().Beds.Clone()
	for i := range 5000 {
		beds.Rows = append(beds.Rows, []string{"320104", fmt.Sprintf("医院%d", i), "7", "2001-01-01", ""})
	}
	data := beds.CSV()
	m := querytest.Delivery("medical", "beds", "beds-statistics", data, len(beds.Rows))
	m.SchemaSHA256, m.Acquired = d.Schema("beds"), "2026-11-02"
	return m, data
}

// A sender that gives nothing has no turn: those of others go on.
func TestALoadTakesItsTurnOnceItsSenderGivesSomething(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1, Limits: query.Limits{Loads: 1, LoadStall: time.Hour}})
	m, data := manyBeds(d)
	for _, given := range []int{0, 1, 60 << 10} {
		read, write := sender(t)
		id, ended := start(t.Context(), d, "wu.dc", m, read, int64(len(data)))
		if _, err := write.Write(data[:given]); err != nil {
			t.Fatal(err)
		}
		d.LoadTable("visits", querytest.Registers().Visits) // already there, or not: it takes the only turn
		v, err := d.Engine.LoadByID(t.Context(), d.Subject("wu.dc"), id)
		if err != nil || v.Began != nil || v.Over() || v.Step != query.StepCheck {
			t.Fatalf("%d bytes given: %+v, %v", given, v, err)
		}
		if given == 1 { // its loader calls it off: nobody waits for the sender
			if _, err := d.Engine.StopLoad(t.Context(), d.Subject("wu.dc"), id); err != nil {
				t.Fatal(err)
			}
		} else if err := write.Close(); err != nil {
			t.Fatal(err)
		}
		if got := querytest.Code(<-ended); got == "" || given == 1 && got != "STOPPED" {
			t.Errorf("%d bytes given and no more: %q", given, got)
		}
	}
	// The twin: whoever gives all of it, however slowly, is loaded.
	read, write := sender(t)
	_, ended := start(t.Context(), d, "wu.dc", m, read, int64(len(data)))
	go func() {
		for part := range slices.Chunk(data, 50<<10) {
			_, _ = write.Write(part)
			time.Sleep(20 * time.Millisecond)
		}
		_ = write.Close()
	}()
	if err := <-ended; err != nil {
		t.Errorf("a slow sender: %s", querytest.Text(err))
	}
}

// A sender that stalls ends its load, and its turn, whatever the gate was at.
func TestASenderThatStallsEndsItsLoad(t *testing.T) {
	d := querytest.City(t, querytest.Options{Idle: 1, Limits: query.Limits{Loads: 1, LoadStall: 300 * time.Millisecond}})
	m, data := manyBeds(d)
	before := states(t, d, "beds")
	spooled := m
	spooled.Format = "xlsx"
	for _, c := range []struct {
		what  string
		m     query.Manifest
		given int
		drip  bool // a byte each now and then
		trial bool
	}{
		{"before the first byte", m, 0, false, false},
		{"before there is enough for a turn", m, 1000, false, false},
		{"in the middle of what a worker parses", m, len(data) - 10, false, false},
		{"in the middle of what is read as a whole", spooled, len(data) - 10, false, false},
		{"dripping", m, len(data) - 100, true, false},
		{"of a trial", m, len(data) - 10, false, true},
		{"of a trial, before the first byte", m, 0, false, true},
	} {
		read, write := sender(t)
		gone := make(chan struct{})
		go func() {
			_, _ = write.Write(data[:c.given])
			for i := c.given; c.drip; i++ {
				select {
				case <-gone:
					return
				case <-time.After(20 * time.Millisecond):
					_, _ = write.Write(data[i : i+1])
				}
			}
		}()
		began := time.Now()
		var err error
		if c.trial {
			_, err = d.Engine.TryLoad(t.Context(), d.Subject("wu.dc"), c.m, read)
		} else {
			_, err = d.Engine.Load(t.Context(), d.Subject("wu.dc"), c.m, read)
		}
		close(gone)
		if took := time.Since(began); querytest.Code(err) != "LOAD_STALLED" || took > 20*time.Second {
			t.Errorf("%s: %s after %v, want LOAD_STALLED", c.what, querytest.Text(err), took)
		}
		if got := states(t, d, "beds"); got != before {
			t.Errorf("%s: versions %s, before %s", c.what, got, before)
		}
	}
	v, err := d.Engine.Loads(t.Context(), d.Subject("wu.dc"))
	if err != nil || v.Loads[0].State != query.LoadFailed || v.Loads[0].Code != "LOAD_STALLED" {
		t.Errorf("loads = %+v, %v", v.Loads[0], err)
	}
	refused := 0
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "load.refused" && e.Fields["reasons"] == "LOAD_STALLED" {
			refused++
		}
	}
	if refused != 7 {
		t.Errorf("the log has %d of them, want 7", refused)
	}
	// What is in use already is compared, and its sender may stall too.
	if _, err := d.TryLoad("wu.dc", m, data); err != nil {
		t.Fatal(querytest.Text(err))
	}
	read, write := sender(t)
	go func() { _, _ = write.Write(data[:len(data)-1]) }()
	if _, err := d.Engine.Load(t.Context(), d.Subject("wu.dc"), m, read); querytest.Code(err) != "LOAD_STALLED" {
		t.Errorf("of a delivery that is in use: %s", querytest.Text(err))
	}
	// And so is a file that somebody wants proposals for.
	read, write = sender(t)
	go func() { _, _ = write.Write(data[:len(data)-1]) }()
	if _, err := d.Engine.Propose(t.Context(), d.Subject("wu.dc"), query.ProposalRequest{SHA256: m.SHA256}, io.Reader(read)); querytest.Code(err) != "LOAD_STALLED" {
		t.Errorf("of a file that is looked at: %s", querytest.Text(err))
	}
}

// A database that takes the connection and says nothing more ends the load as well.
func TestADatabaseThatStallsEndsItsLoad(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan []net.Conn)
	go func() {
		var held []net.Conn // one that nothing refers to is closed when memory is cleared
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- held
				return
			}
			held = append(held, c)
		}
	}()
	defer func() {
		_ = l.Close()
		for _, c := range <-ended {
			_ = c.Close()
		}
	}()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	sources := query.Sources{}
	for _, kind := range []string{"postgres", "mysql"} {
		sources[kind] = query.Source{Provider: "hospital-group", Kind: kind, Address: l.Addr().String(), Database: "his", User: "zonebox", PasswordFile: secret, Tables: []string{"beds"}}
	}
	d := querytest.City(t, querytest.Options{Idle: 1, Limits: query.Limits{Loads: 1, LoadStall: 300 * time.Millisecond}})
	d.Config.Sources = sources
	d.Reopen()
	for kind := range sources {
		m := query.Manifest{Zone: "medical", Dataset: "beds", Grant: "beds-statistics", Source: kind, Table: "beds", SchemaSHA256: d.Schema("beds"), Acquired: "2026-11-02"}
		began := time.Now()
		_, err := d.Engine.Load(t.Context(), d.Subject("wu.dc"), m, nil)
		if took := time.Since(began); querytest.Code(err) != "LOAD_REFUSED" || !strings.Contains(querytest.Text(err), "the connection broke") || took > 20*time.Second {
			t.Errorf("%s: %s after %v: %v", kind, querytest.Text(err), took, errors.Unwrap(err))
		}
	}
}
