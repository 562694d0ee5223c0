//go:build linux

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/config"
	"zonebox/query"
	"zonebox/sandbox"
)

// states returns what a diagnosis found, by check.
func (d *diagnosis) states() string {
	var out []string
	for _, f := range d.findings {
		out = append(out, f.Check+"="+f.State)
		if (f.State == stateOK) != (f.Advice == "") {
			out = append(out, "!advice of "+f.Check)
		}
	}
	return strings.Join(out, " ")
}

func newDiagnosis() *diagnosis {
	return &diagnosis{app: &app{lang: "en", now: time.Now}}
}

// Each thing that doctor looks at is well, or to be looked into, or fails, by what it is
// and by nothing else.
func TestDoctorJudgesWhatItSees(t *testing.T) {
	host := sandbox.Host{Kernel: "6.1", Landlock: 6, Seccomp: true, Namespaces: true, Mounts: true, Memfd: true}
	survey := sandbox.Survey{CorePattern: "core", PtraceScope: 1, Cgroup: []string{"memory"}, Clock: sandbox.ClockSynchronized}
	const whole = "kernel=ok landlock=ok seccomp=ok namespaces=ok mounts=ok memfd=ok cgroups=ok swap=ok core_dumps=ok clock=ok ptrace=ok root=ok"
	for _, tt := range []struct {
		name   string
		change func(h *sandbox.Host, s *sandbox.Survey)
		want   string // in place of =ok
	}{
		{"all is well", func(*sandbox.Host, *sandbox.Survey) {}, ""},
		{"an old Landlock", func(h *sandbox.Host, _ *sandbox.Survey) { h.Landlock = 1 }, "landlock=warn"},
		{"no Landlock", func(h *sandbox.Host, _ *sandbox.Survey) { h.Landlock = 0 }, "landlock=fail"},
		{"no seccomp", func(h *sandbox.Host, _ *sandbox.Survey) { h.Seccomp = false }, "seccomp=fail"},
		{"no namespaces", func(h *sandbox.Host, _ *sandbox.Survey) { h.Namespaces = false }, "namespaces=warn"},
		{"no mounts", func(h *sandbox.Host, _ *sandbox.Survey) { h.Mounts = false }, "mounts=warn"},
		{"no memfd", func(h *sandbox.Host, _ *sandbox.Survey) { h.Memfd = false }, "memfd=fail"},
		{"no control groups", func(_ *sandbox.Host, s *sandbox.Survey) { s.Cgroup = nil }, "cgroups=warn"},
		{"plain swap", func(_ *sandbox.Host, s *sandbox.Survey) { s.PlainSwap = []string{"/dev/sda2"} }, "swap=warn"},
		{"dumps to a program", func(_ *sandbox.Host, s *sandbox.Survey) { s.CorePattern = "|/usr/bin/apport" }, "core_dumps=warn"},
		{"a clock by itself", func(_ *sandbox.Host, s *sandbox.Survey) { s.Clock = sandbox.ClockAlone }, "clock=warn"},
		{"a clock that nobody can ask", func(_ *sandbox.Host, s *sandbox.Survey) { s.Clock = "" }, "clock=warn"},
		{"tracing", func(_ *sandbox.Host, s *sandbox.Survey) { s.PtraceScope = 0 }, "ptrace=warn"},
		{"root", func(h *sandbox.Host, _ *sandbox.Survey) { h.Root = true }, "root=warn"},
	} {
		h, s, d := host, survey, newDiagnosis()
		tt.change(&h, &s)
		d.host(h, s)
		want := whole
		if check, _, ok := strings.Cut(tt.want, "="); ok {
			want = strings.Replace(whole, check+"=ok", tt.want, 1)
		}
		if got := d.states(); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, want)
		}
	}

	beijing := time.Date(2026, 11, 23, 8, 0, 0, 0, time.FixedZone("CST", 8*3600))
	for _, tt := range []struct {
		name string
		s    surroundings
		want string
	}{
		{"all is well", surroundings{beijing, 65536, 4096, "zh_CN.utf8"}, "time_zone=ok open_files=ok processes=ok locale=ok"},
		{"nothing is", surroundings{beijing.UTC(), 1024, 1000, "C"}, "time_zone=warn open_files=warn processes=warn locale=warn"},
	} {
		d := newDiagnosis()
		if d.process(tt.s); d.states() != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, d.states(), tt.want)
		}
	}

	const g = 1 << 30
	for _, tt := range []struct {
		name string
		p    site
		want string
	}{
		{"all is well", site{0o700, true, 7, 7, "xfs", 50 * g, 100 * g}, "d=ok d_disk=ok"},
		{"others may read", site{0o750, true, 7, 7, "xfs", 50 * g, 100 * g}, "d=fail d_disk=ok"},
		{"another's", site{0o700, true, 8, 7, "xfs", 50 * g, 100 * g}, "d=warn d_disk=ok"},
		{"a file", site{0o600, false, 7, 7, "xfs", 50 * g, 100 * g}, "d=fail d_disk=ok"},
		{"little room", site{0o700, true, 7, 7, "xfs", 9 * g, 100 * g}, "d=ok d_disk=warn"},
		{"no room", site{0o700, true, 7, 7, "xfs", g / 8, 100 * g}, "d=ok d_disk=fail"},
		{"memory", site{0o700, true, 7, 7, "tmpfs", 50 * g, 100 * g}, "d=ok d_disk=warn"},
		{"a network", site{0o700, true, 7, 7, "nfs", 50 * g, 100 * g}, "d=ok d_disk=warn"},
	} {
		d := newDiagnosis()
		if d.room("d", "目录", "folder", "/srv", tt.p); d.states() != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, d.states(), tt.want)
		}
	}

	sound := sandbox.Attestation{Landlock: 6, Seccomp: 2, NoNewPrivs: true, Binary: strings.Repeat("a", 64), Engine: "DuckDB",
		Limits: map[string]string{"Max file size": "0", "Max core file size": "0", "Max cpu time": "5", "Max open files": "256"}}
	bare := sound
	bare.Seccomp = 0
	gate := func(binary string) *query.Status {
		return &query.Status{Worker: map[string]any{"binary_sha256": binary}}
	}
	static := linking{known: true, compiler: "go1.26"}
	for _, tt := range []struct {
		name         string
		w            *sandbox.Attestation
		failed       error
		gate         *query.Status
		self, worker linking
		want         string
	}{
		{"all is well", &sound, nil, gate(sound.Binary), static, static, "worker=ok worker_of_gate=ok build=ok linking=ok"},
		{"it does not start", nil, os.ErrNotExist, nil, static, static, "worker=fail build=ok linking=ok"},
		{"there is none", nil, nil, nil, static, linking{}, "worker=fail linking=ok"},
		{"a layer is missing", &bare, nil, nil, static, static, "worker=fail build=ok linking=ok"},
		{"the gate has another", &sound, nil, gate(strings.Repeat("b", 64)), static, static, "worker=ok worker_of_gate=fail build=ok linking=ok"},
		{"of another release", &sound, nil, nil, static, linking{known: true, compiler: "go1.20"}, "worker=ok build=warn linking=ok"},
		{"the host's libraries", &sound, nil, nil, static, linking{known: true, compiler: "go1.26", dynamic: true}, "worker=ok build=ok linking=warn"},
	} {
		d := newDiagnosis()
		if d.worker(tt.w, tt.failed, tt.gate, tt.self, tt.worker); d.states() != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, d.states(), tt.want)
		}
	}
}

// Doctor looks at the folders of a domain, at its clock and whether its keys open,
// without a gate.
func TestDoctorLooksAtADomain(t *testing.T) {
	h := newHome(t)
	pass := h.path("passphrase")
	d := func(s secrets, now time.Time) string {
		d := newDiagnosis()
		d.app.domain = h.domain()
		d.folders(s, now)
		var out []string
		for _, one := range strings.Fields(d.states()) {
			if !strings.Contains(one, "_disk") && !strings.Contains(one, "!advice") {
				out = append(out, one)
			}
		}
		return strings.Join(out, " ")
	}
	other := h.path("other")
	if err := os.WriteFile(other, []byte("another passphrase"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := h.path("open")
	if err := os.WriteFile(open, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(h.domain(), "keys")
	now := time.Now()
	if err := os.Chtimes(filepath.Join(query.AuditDir(h.domain()), "checkpoint"), now, now); err != nil { // whenever the city was founded
		t.Fatal(err)
	}
	const well = "domain=ok keys=ok keys_apart=ok clock_log=ok keys_open=ok"
	for _, tt := range []struct {
		name string
		s    secrets
		now  time.Time
		want string
	}{
		{"all is well", secrets{passphraseFile: pass}, now, well},
		{"no passphrase is named", secrets{}, now, well},
		{"another passphrase", secrets{passphraseFile: other}, now, strings.Replace(well, "keys_open=ok", "keys_open=fail", 1)},
		{"a passphrase that others read", secrets{passphraseFile: open}, now, strings.Replace(well, "keys_open=ok", "keys_open=fail", 1)},
		{"a clock that was set back", secrets{}, now.Add(-time.Hour), strings.Replace(well, "clock_log=ok", "clock_log=fail", 1)},
		{"keys within the domain", secrets{keys: inside}, now, "domain=ok keys=fail keys_apart=fail clock_log=ok keys_open=ok"},
	} {
		if got := d(tt.s, tt.now); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	if err := os.Chmod(h.domain(), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := d(secrets{}, now); !strings.HasPrefix(got, "domain=fail ") {
		t.Errorf("a domain that others may enter: %s", got)
	}
	if err := os.Chmod(h.domain(), fs.FileMode(0o700)); err != nil {
		t.Fatal(err)
	}

	_, certText, keyText := issued(t)
	cert, key := h.path("cert.pem"), h.path("key.pem")
	for path, text := range map[string]string{cert: certText, key: keyText} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := func(l listening, at time.Time) string {
		d := newDiagnosis()
		d.app.now = func() time.Time { return at }
		d.settings(settingsFile{}, &serving{web: l})
		return d.states()
	}
	for _, tt := range []struct {
		name string
		l    listening
		at   time.Time
		want string
	}{
		{"all is well", listening{cert: cert, key: key}, now, "settings=ok certificate=ok"},
		{"it ends soon", listening{cert: cert, key: key}, now.Add(80 * 24 * time.Hour), "settings=ok certificate=warn"},
		{"it has ended", listening{cert: cert, key: key}, now.Add(200 * 24 * time.Hour), "settings=ok certificate=fail"},
		{"it is not valid yet", listening{cert: cert, key: key}, now.Add(-48 * time.Hour), "settings=ok certificate=fail"},
		{"no key", listening{cert: cert, key: key + ".none"}, now, "settings=ok certificate=fail"},
		{"no pair", listening{cert: pass, key: key}, now, "settings=ok certificate=fail"},
	} {
		if got := c(tt.l, tt.at); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}

	told := &serving{sources: open, alerts: "mail:somebody"}
	told.cfg.BackupRoots = []string{h.path("nowhere")}
	sick := newDiagnosis()
	sick.settings(settingsFile{path: "f", faults: []config.Fault{{Line: 1, Key: "x", ZH: "没有该键", EN: "is no setting"}}}, told)
	if got, want := sick.states(), "settings=fail sources=fail alerts=fail backup_root=fail"; got != want {
		t.Errorf("settings that do not hold: %s, want %s", got, want)
	}
}
