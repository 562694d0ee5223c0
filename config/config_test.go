package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/config"
)

// wanted is what a test sets.
type wanted struct {
	listen, keys string
	memory       int64
	running      int
	wall         time.Duration
	roots        []string
	quiet        bool
}

func (w *wanted) settings() []config.Setting {
	auto := config.Words{"auto": 0}
	return []config.Setting{
		{Name: "listen", Value: config.NewText(&w.listen), ZH: "监听", EN: "listen"},
		{Name: "keys", Value: config.NewPath(&w.keys), ZH: "密钥", EN: "keys"},
		{Name: "worker-memory", Value: config.NewSize(&w.memory, auto), ZH: "内存", EN: "memory"},
		{Name: "max-running", Value: config.NewCount(&w.running, auto), ZH: "条数", EN: "statements"},
		{Name: "worker-time", Value: config.NewDuration(&w.wall, nil), ZH: "时限", EN: "time"},
		{Name: "backup-root", Value: config.NewPaths(&w.roots), ZH: "备份", EN: "backups"},
		{Name: "quiet", Value: config.NewSwitch(&w.quiet), ZH: "安静", EN: "quiet", Env: "ZONEBOX_HUSH"},
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zonebox.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The command line goes before the environment, that before the file, and that before
// what is so by default.
func TestTheNearerWordWins(t *testing.T) {
	w := &wanted{memory: 1, running: 2, listen: "given:1"}
	settings := w.settings()
	f, faults, err := config.ReadFile(file(t, "# of the data centre\nlisten: file:1\nworker-memory: 2GiB\nmax-running: 8\nbackup-root: [/a, /b]\n"), settings)
	if err != nil || len(faults) > 0 {
		t.Fatalf("ReadFile = %v, %v", faults, err)
	}
	env := map[string]string{"ZONEBOX_LISTEN": "env:1", "ZONEBOX_WORKER_MEMORY": "3GiB", "ZONEBOX_WORKER_TIME": "90s", "ZONEBOX_KEYS": "", "ZONEBOX_HUSH": "true"}
	from, faults := config.Apply(settings, func(name string) bool { return name == "listen" }, func(name string) string { return env[name] }, f)
	if len(faults) > 0 {
		t.Fatalf("Apply finds %v", faults)
	}
	got := fmt.Sprintf("%+v", *w)
	if want := "{listen:given:1 keys: memory:3221225472 running:8 wall:90000000000 roots:[/a /b] quiet:true}"; got != want {
		t.Errorf("set to %s\nwant   %s", got, want)
	}
	for name, want := range map[string]config.Source{"listen": config.OnCommandLine, "worker-memory": config.InEnvironment, "max-running": config.InFile, "keys": config.Default, "quiet": config.InEnvironment} {
		if from[name] != want {
			t.Errorf("%s comes from %d, want %d", name, from[name], want)
		}
	}
	if n := f.Line("max-running"); n != 4 {
		t.Errorf("max-running stands on line %d, want 4", n)
	}
}

// Every fault is told at once, with its line and without what was written.
func TestWhatAFileCannotMeanIsRefused(t *testing.T) {
	const secret = "hunter2"
	for _, tt := range []struct{ name, text, want string }{
		{"another key", "worker-memry: 2GiB", "1 worker-memry is no setting; near it is worker-memory"},
		{"a key like none", "zzzzzzzzzzzz: 1", "1 zzzzzzzzzzzz is no setting"},
		{"twice", "listen: a\nlisten: b", "2 listen stands on line 1 as well"},
		{"no unit", "worker-memory: 2048", "1 worker-memory must be a size with its unit: 512MiB, 2GiB, auto"},
		{"another unit", "worker-memory: 2GB", "1 worker-memory must be a size with its unit: 512MiB, 2GiB, auto"},
		{"no size is so large", "worker-memory: 9999999999TiB", "1 worker-memory must be a size with its unit: 512MiB, 2GiB, auto"},
		{"a negative size", "worker-memory: -1GiB", "1 worker-memory must be a size with its unit: 512MiB, 2GiB, auto"},
		{"none where there is none", "worker-time: none", "1 worker-time must be a time with its unit: 90s, 5m"},
		{"a time without a unit", "worker-time: 60", "1 worker-time must be a time with its unit: 90s, 5m"},
		{"no statement", "max-running: 0", "1 max-running must be a whole number from 1 on, auto"},
		{"half a statement", "max-running: 1.5", "1 max-running must be a whole number from 1 on, auto"},
		{"a password for a path", "keys: " + secret, "1 keys must be an absolute path"},
		{"a relative path in a list", "backup-root: [/a, b]", "1 backup-root must be an absolute path"},
		{"no value", "listen:", "1 listen must have one value"},
		{"a list for a value", "listen: [a]", "1 listen must have one value"},
		{"a mapping for a value", "listen: {a: b}", "1 listen must have one value"},
		{"an alias", "listen: &a x\nkeys: *a", "2 keys must have one value"},
		{"yes", "quiet: yes", "1 quiet must be true or false"},
		{"no mapping", "- listen", "1  must be KEY: VALUE"},
		{"two documents", "listen: a\n---\nlisten: b", "0  holds more than one document"},
		{"no YAML", "listen: a\n\t" + secret + ": [", "2  is no YAML"},
		{"all at once", "worker-memory: " + secret + "\nmax-runing: 1\nworker-time: x", "2 max-runing is no setting; near it is max-running\n1 worker-memory must be a size with its unit: 512MiB, 2GiB, auto\n3 worker-time must be a time with its unit: 90s, 5m"},
		{"what is meant", "quiet: true\nworker-memory: auto\nbackup-root: /a\nworker-time: 1h30m", ""},
		{"comments alone", "# listen: a", ""},
		{"nothing", "", ""},
	} {
		settings := new(wanted).settings()
		f, faults, err := config.ReadFile(file(t, tt.text), settings)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		_, more := config.Apply(settings, func(string) bool { return false }, func(string) string { return "" }, f)
		var lines []string
		for _, f := range append(faults, more...) {
			lines = append(lines, fmt.Sprintf("%d %s %s", f.Line, f.Key, f.EN))
			if f.ZH == "" || strings.Contains(f.ZH+f.EN+f.Key, secret) {
				t.Errorf("%s: a fault reads %+v", tt.name, f)
			}
		}
		if got := strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%s: faults\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// A variable that means nothing is told by its name.
func TestAVariableIsAsStrictAsTheFile(t *testing.T) {
	env := map[string]string{"ZONEBOX_WORKER_MEMORY": "hunter2", "ZONEBOX_BACKUP_ROOT": "/a,/b"}
	w := new(wanted)
	_, faults := config.Apply(w.settings(), func(string) bool { return false }, func(name string) string { return env[name] }, nil)
	if len(faults) != 1 || faults[0].Variable != "ZONEBOX_WORKER_MEMORY" || strings.Contains(faults[0].EN+faults[0].ZH, "hunter2") {
		t.Errorf("faults are %+v, want one of ZONEBOX_WORKER_MEMORY", faults)
	}
	if strings.Join(w.roots, " ") != "/a /b" {
		t.Errorf("two folders are read as %q", w.roots)
	}
}

// A file that somebody else may have written sets nothing.
func TestAFileThatOthersMayWriteIsRefused(t *testing.T) {
	settings := new(wanted).settings()
	path := file(t, "listen: a")
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o644: 0, 0o400: 0, 0o664: 1, 0o646: 1, 0o666: 1} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, faults, err := config.ReadFile(path, settings); err != nil || len(faults) != want {
			t.Errorf("mode %o: %d faults, %v, want %d", mode, len(faults), err, want)
		}
	}
	if os.Getuid() == 0 { // nobody else can give a file away
		if err := errors.Join(os.Chmod(path, 0o600), os.Chown(path, 12345, 0)); err != nil {
			t.Fatal(err)
		}
		if _, faults, err := config.ReadFile(path, settings); err != nil || len(faults) != 1 {
			t.Errorf("another's file: %v, %v, want one fault", faults, err)
		}
	}
	if _, faults, err := config.ReadFile(t.TempDir(), settings); err != nil || len(faults) != 1 {
		t.Errorf("a folder: %v, %v, want one fault", faults, err)
	}
	if _, _, err := config.ReadFile(path+".none", settings); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
}

// What is written into an example is what holds without it.
func TestAnExampleSetsWhatHoldsAnyway(t *testing.T) {
	w := &wanted{memory: 2 << 30, wall: 90 * time.Minute}
	text := config.Example(w.settings())
	for _, want := range []string{"# 内存\n# memory\n# --worker-memory · ZONEBOX_WORKER_MEMORY\n# worker-memory: 2GiB\n", "# worker-time: 1h30m\n", "# max-running: auto\n", "# backup-root: []\n", "# quiet: false\n", "ZONEBOX_HUSH"} {
		if !strings.Contains(text, want) {
			t.Errorf("the example lacks %q:\n%s", want, text)
		}
	}
}

// An address may carry a credential.
func TestWhatIsShownHoldsNoCredential(t *testing.T) {
	for text, want := range map[string]string{
		"https://user:hunter2@traces.example:4318/v1?token=hunter2": "https://…@traces.example:4318/v1?…",
		"https://gate.example:8443":                                 "https://gate.example:8443",
		"unix:/run/alerts":                                          "unix:/run/alerts",
	} {
		if got := config.Shown(config.NewText(&text)); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
