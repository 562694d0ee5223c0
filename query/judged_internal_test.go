package query

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/sandbox"
)

// fine is what a self-check measures of a gate of which everything is as the standards
// have it.
func fine() *examined {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return &examined{
		now: now, people: 9, lockout: 5, secondFactor: true, supervising: 6, withCodes: 5, apart: true, searched: 9, chunks: 12, zones: 2, nationalZone: 2,
		network: network{address: "127.0.0.1:8443", version: tls.VersionTLS13, suite: "TLS_SM4_GCM_SM3", until: now.Add(5 * 24 * time.Hour)},
		log:     audit.Report{Size: 100}, oldest: now.AddDate(0, -7, 0), witnesses: 1,
		host: sandbox.Survey{Clock: sandbox.ClockSynchronized},
		worker: &sandbox.Attestation{Landlock: 6, Seccomp: 2, NoNewPrivs: true, Binary: strings.Repeat("a", 64),
			Limits: map[string]string{"Max file size": "0", "Max core file size": "0", "Max cpu time": "5", "Max open files": "256"}},
		backup: now.Add(-24 * time.Hour), certified: true,
		keys: []keys.Entry{
			{Purpose: keys.PurposeReleaseSign, State: keys.StateCurrent, Algorithm: "Ed25519, SM2", Certificate: "GM000", Count: 1},
			{Purpose: keys.PurposeZoneData, State: keys.StateCurrent, Created: now.Add(-30 * 24 * time.Hour), Certificate: "GM000", Count: 1},
			{Purpose: keys.PurposeZoneData, State: keys.StateDestroyed, Created: now.Add(-900 * 24 * time.Hour), Count: 1},
		},
	}
}

// No clause is met but by a measurement: each of what is measured, turned bad, is not met
// where it counts, and every clause that can be met is turned by one of them.
func TestNoClauseIsMetButByAMeasurement(t *testing.T) {
	results := func(x *examined) map[string]string {
		out := map[string]string{}
		for _, r := range judged(x) {
			key := r.Clause + " " + r.Title.EN
			if out[key] != "" || r.Title.ZH == "" || r.Evidence.ZH == "" || r.Evidence.EN == "" {
				t.Errorf("row %+v stands twice or lacks a text", r)
			}
			out[key] = r.Result
		}
		return out
	}
	well := results(fine())
	turned := map[string]bool{}
	for key, result := range well {
		if result == ResultNotMet {
			t.Errorf("%s is not met though all is fine", key)
		}
	}
	const tlsRows = "8.1.4.1 c) 8.1.4.8 a)"
	for _, tt := range []struct {
		name string
		turn func(x *examined)
		want string // the clauses, by the beginning of what follows their standard
	}{
		{"nobody", func(x *examined) { x.people = 0 }, "8.1.4.1 a) 8.1.4.2 d)"},
		{"a key of two people", func(x *examined) { x.sharedKeys = 1 }, "8.1.4.1 a)"},
		{"no lockout", func(x *examined) { x.lockout = 0 }, "8.1.4.1 b)"},
		{"one factor", func(x *examined) { x.secondFactor = false }, "8.1.4.1 d)"},
		{"nobody of whom two are asked", func(x *examined) { x.supervising, x.withCodes = 0, 0 }, "8.1.4.1 d)"},
		{"mixed duties", func(x *examined) { x.mixed = 1 }, "8.1.4.2 d)"},
		{"an old TLS", func(x *examined) { x.network.version = tls.VersionTLS12 }, tlsRows},
		{"an old TLS as well", func(x *examined) { x.network.older = true }, tlsRows},
		{"plain HTTP", func(x *examined) { x.network.plain = true }, tlsRows},
		{"a certificate that ends", func(x *examined) { x.network.until = x.now.Add(time.Hour) }, tlsRows},
		{"no TLS", func(x *examined) { x.network.err = errors.New("none") }, tlsRows + " 8.2"},
		{"a foreign suite", func(x *examined) { x.network.suite = "TLS_AES_128_GCM_SHA256" }, "8.2"},
		{"a source in the clear", func(x *examined) { x.clear = 1 }, "8.1.4.8 a)"},
		{"no network, and a source in the clear", func(x *examined) { x.network, x.clear = network{}, 1 }, "8.1.4.8 a) 8.2"},
		{"a backup of a time to come", func(x *examined) { x.backup = x.now.Add(time.Hour) }, "8.1.4.9 a)"},
		{"no key of a zone", func(x *examined) { x.keys = x.keys[:1] }, "附录"},
		{"no network", func(x *examined) { x.network = network{} }, "8.2"},
		{"a broken log", func(x *examined) { x.logErr = errors.New("broken") }, "8.1.4.3 c) audit: not 8.1.5.4 8.4 日志"},
		{"an empty log", func(x *examined) { x.log = audit.Report{} }, "8.1.4.3 c) audit: not 8.1.5.4 8.4 日志"},
		{"no first entry", func(x *examined) { x.oldest = time.Time{} }, "8.1.5.4"},
		{"no witness", func(x *examined) { x.witnesses = 0 }, "8.1.4.3 c) audit: witnessed"},
		{"a clock by itself", func(x *examined) { x.host.Clock = sandbox.ClockAlone }, "8.1.4.3 audit: the clock"},
		{"no worker", func(x *examined) { x.worker = nil }, "8.1.4.4 intrusion: what"},
		{"a worker without a filter", func(x *examined) { x.worker.Seccomp = 0 }, "8.1.4.4 intrusion: what"},
		{"folders that others enter", func(x *examined) { x.readable = true }, "8.1.4.8 b) 8.1.5 keys 8.4 存储"},
		{"keys within", func(x *examined) { x.apart = false }, "8.1.5 keys"},
		{"a plain chunk", func(x *examined) { x.plainChunks = 1 }, "8.1.4.8 b) 8.4 存储"},
		{"nothing stored", func(x *examined) { x.chunks = 0 }, "8.1.4.8 b) 8.4 存储"},
		{"a text in the clear", func(x *examined) { x.inClear = 1 }, "8.1.4.8 b) 8.4 存储"},
		{"nothing looked for", func(x *examined) { x.searched = 0 }, "8.1.4.8 b) 8.4 存储"},
		{"no backup", func(x *examined) { x.backup = time.Time{} }, "8.1.4.9 a)"},
		{"an old backup", func(x *examined) { x.backup = x.now.Add(-8 * 24 * time.Hour) }, "8.1.4.9 a)"},
		{"swap", func(x *examined) { x.host.PlainSwap = []string{"/dev/sda2"} }, "8.1.4.10"},
		{"dumps", func(x *examined) { x.host.Dumpable = true }, "8.1.4.10"},
		{"a zone by AES", func(x *examined) { x.nationalZone = 1 }, "8.4 存储"},
		{"no SM2", func(x *examined) { x.keys[0].Algorithm = "Ed25519" }, "8.4 不可否认性"},
		{"an old key", func(x *examined) { x.keys[1].Created = x.now.Add(-366 * 24 * time.Hour) }, "附录"},
		{"no key", func(x *examined) { x.keys = nil }, "8.4 不可否认性 附录 密码产品"},
		{"software", func(x *examined) { x.keys[1].Certificate = "" }, "密码产品"},
		{"a provider of no certificate", func(x *examined) { x.certified = false }, "密码产品"},
	} {
		x := fine()
		tt.turn(x)
		got := results(x)
		want := map[string]bool{}
		rest := tt.want
		for key := range got { // a clause may hold spaces: compare by what stands behind the standard
			_, place, _ := strings.Cut(strings.TrimPrefix(key, "GB/T "), " ")
			for _, w := range split(tt.want) {
				if strings.HasPrefix(place, w) {
					want[key] = true
					rest = strings.Replace(rest, w, "", 1)
				}
			}
		}
		if strings.TrimSpace(rest) != "" {
			t.Errorf("%s: no clause is %q", tt.name, rest)
		}
		for key := range got {
			if bad := got[key] == ResultNotMet; bad != want[key] {
				t.Errorf("%s: %s is %s, want it not met: %v", tt.name, key, got[key], want[key])
			} else if bad {
				turned[key] = true
			}
		}
	}
	young := fine()
	young.oldest = young.now.AddDate(0, -5, 0)
	if got := results(young)[protection+"8.1.5.4 d) logs are kept for six months at least"]; got != ResultDeployer {
		t.Errorf("of a log of five months six are %s", got)
	}
	for key, result := range well {
		if result == ResultMet && !turned[key] {
			t.Errorf("%s is met whatever is measured", key)
		}
	}
}

// split cuts a list of clauses before each that begins with a figure or a Chinese word.
func split(list string) (out []string) {
	for _, word := range strings.Fields(list) {
		if strings.HasPrefix(word, "8.") || strings.HasPrefix(word, "附录") || strings.HasPrefix(word, "密码产品") {
			out = append(out, word)
		} else {
			out[len(out)-1] += " " + word
		}
	}
	return out
}

// A self-check looks at what answers at the gate's address: by which TLS, and whether in
// the clear too.
func TestASelfcheckSeesWhatAnswers(t *testing.T) {
	served := func(least, most uint16) string {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{MinVersion: least, MaxVersion: most}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct {
		name, address string
		met           bool
		want          string
	}{
		{"1.3 alone", served(tls.VersionTLS13, tls.VersionTLS13), true, "TLS 1.3 older=false plain=false"},
		{"1.2 as well", served(tls.VersionTLS12, tls.VersionTLS13), false, "TLS 1.3 older=true plain=false"},
		{"1.2 alone", served(tls.VersionTLS12, tls.VersionTLS12), false, "TLS 1.2 older=true plain=false"},
		{"in the clear", plain.Listener.Addr().String(), false, "error"},
		{"nobody", gone.Listener.Addr().String(), false, "error"},
	} {
		n := probe(t.Context(), tt.address)
		got := "error"
		if n.err == nil {
			got = fmt.Sprintf("%s older=%v plain=%v", tls.VersionName(n.version), n.older, n.plain)
		}
		if met, _, _ := n.sound(time.Now()); met != tt.met || got != tt.want {
			t.Errorf("%s: %s, met %v, want %s, %v", tt.name, got, met, tt.want, tt.met)
		}
	}
	if !answersPlain(t.Context(), plain.Listener.Addr().String()) {
		t.Error("a server that answers in the clear is not seen to")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if n := probe(over, plain.Listener.Addr().String()); n.err == nil {
		t.Error("a look that is over finds something")
	}
}

// Bytes of a cipher are even; those of texts, numbers and files are not.
func TestWhatLooksLikeCiphertext(t *testing.T) {
	for _, size := range []int{2048, 4096, chunkHead} {
		random := make([]byte, size)
		if _, err := rand.Read(random); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			text []byte
			want bool
		}{
			"random":  {random, true},
			"text":    {bytes.Repeat([]byte("丁某某,320104198001011234\n"), size/20), false},
			"zeros":   {make([]byte, size), false},
			"numbers": {bytes.Repeat([]byte{1, 2, 3, 4, 0, 0, 0, 0}, size/8), false},
			"half":    {append(bytes.Clone(random[:size/2]), make([]byte, size/2)...), false},
		} {
			if got := likeCiphertext(tt.text); got != tt.want {
				t.Errorf("%s of %d bytes: like ciphertext %v, want %v", name, size, got, tt.want)
			}
		}
	}
	if likeCiphertext(nil) {
		t.Error("nothing looks like ciphertext")
	}
}
