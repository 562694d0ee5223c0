//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/text/width"
	"sigs.k8s.io/yaml"

	"zonebox/query/querytest"
	"zonebox/release"
)

// lastCode is where a script keeps the exit code of its last command line.
type lastCode struct{}

// scriptClock is the clock of a script: the host's until it is set, and then it goes
// on from there. It is safe for concurrent use.
type scriptClock struct {
	mu    sync.Mutex
	ahead time.Duration // of the host
}

func (c *scriptClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *scriptClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = time.Until(at)
}

// ownGate is where a script keeps the gate of its own.
type ownGate struct{ home *home }

func clockOf(ts *testscript.TestScript) *scriptClock { return ts.Value(scriptClock{}).(*scriptClock) }

// TestScripts runs testdata/script. Each script is a conversation with the
// command line, in this process:
//
//	zonebox …           runs a command line that must succeed; ! if it must fail
//	times N zonebox …   runs it N times; times N ! zonebox … if each must fail
//	typed FILE …        the same with FILE as standard input
//	exits N             the last command line exited N
//	take NAME REGEXP    sets $NAME to the first match in its stdout or stderr
//	aligned             every line of its stdout is equally wide on a terminal
//	rows FORMAT FILE    prints the rows of a file of -o arrow or parquet as CSV
//	edit FILE PATH VAL  changes one field of a YAML file; null removes it
//	sign FILE WHO …     has each of them sign the documents of FILE, one after the other
//	account FILE        makes a key for the Person of FILE and enters it there
//	beside NAME zonebox …  starts a command line that goes on beside the script
//	ended NAME REGEXP   waits for its end, and for a match in what it said
//	until N KIND        waits until the audit log has N entries of a kind
//	gate                gives the script a domain and a gate of its own
//	clock TIME          sets the script's clock, by which its command lines and its own
//	                    gate go from then on; RFC 3339
//	city                founds a city of the script's own by its clock, and its gate,
//	                    which backs up to $BACKUPS
//	halt                stops the script's own gate
//	serve               starts it again
//	unlog N             takes the last N entries off the log on its disk
//
// Nothing that stands once in the city's registers may be said to a script, nor stand on a
// disk of its gate.
//
// Scripts share one gate unless they ask for their own. With $PROCESS set, each
// command line is a process of its own: a lock that one closes may live on in a
// worker that another gate of this process is about to start.
func TestScripts(t *testing.T) {
	shared := newHome(t)
	shared.serve(t)
	find := querytest.NewCanaries(t, canaries(t)...)
	if n := len(find.Below(t, founded)); n < 10_000 { // the deliveries themselves lie there
		t.Fatalf("%d canaries are found where they stand in the open", n)
	}
	t.Cleanup(func() {
		if found := shared.sings(t, find); len(found) > 0 {
			t.Errorf("the shared gate: %d canaries, %q", len(found), found[:min(3, len(found))])
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values[lastCode{}] = new(int)
			env.Values[scriptClock{}] = new(scriptClock)
			env.Values[ownGate{}] = new(ownGate)
			env.Values[besides{}] = map[string]*beside{}
			env.Values[heard{}] = new(syncBuffer)
			env.Defer(func() { keepsSilent(t, env, find) })
			setHome(env.Setenv, shared)
			env.Setenv("ZONEBOX_WORKER", workerBinary)
			env.Setenv("HEAVY", heavy)
			env.Setenv("TODAY", time.Now().Format(time.DateOnly)) // as deliveries of the city say
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"zonebox": func(ts *testscript.TestScript, neg bool, args []string) { zoneboxCmd(ts, neg, "", args) },
			"typed": func(ts *testscript.TestScript, neg bool, args []string) {
				zoneboxCmd(ts, neg, ts.ReadFile(args[0]), args[1:])
			},
			"times": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[0])
				ts.Check(err)
				neg := args[1] == "!"
				if args = args[1:]; neg {
					args = args[1:]
				}
				for range n {
					zoneboxCmd(ts, neg, "", args[1:])
				}
			},
			"exits":   exitsCmd,
			"beside":  besideCmd,
			"ended":   endedCmd,
			"until":   untilCmd,
			"take":    takeCmd,
			"aligned": alignedCmd,
			"rows":    rowsCmd,
			"edit":    editCmd,
			"sign":    signCmd,
			"account": accountCmd,
			"gate": func(ts *testscript.TestScript, _ bool, _ []string) {
				own := newHome(t)
				own.serveAt(t, clockOf(ts).now)
				setOwn(ts, own)
			},
			"city": func(ts *testscript.TestScript, _ bool, _ []string) {
				own := newCity(t, clockOf(ts).now)
				own.serveAt(t, clockOf(ts).now, own.backups(t))
				setOwn(ts, own)
			},
			"halt": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value(ownGate{}).(*ownGate).home.stop(t) },
			"serve": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Value(ownGate{}).(*ownGate).home.serveAt(t, clockOf(ts).now)
			},
			"unlog": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[0])
				ts.Check(err)
				bundle := newestBundle(t, ts.Value(ownGate{}).(*ownGate).home.domain("audit"))
				data, mode := read(t, bundle)
				spans := leaves(t, data)
				write(t, bundle, data[:spans[len(spans)-n][0]-2], mode)
			},
			"clock": func(ts *testscript.TestScript, _ bool, args []string) {
				at, err := time.Parse(time.RFC3339, args[0])
				ts.Check(err)
				clockOf(ts).set(at)
				ts.Setenv("TODAY", at.Format(time.DateOnly))
			},
		},
	})
}

// setOwn makes h, whose gate is the script's own, where the script is at home.
func setOwn(ts *testscript.TestScript, h *home) {
	ts.Value(ownGate{}).(*ownGate).home = h
	setHome(ts.Setenv, h)
}

func setHome(setenv func(key, value string), h *home) {
	setenv("HOME_DIR", h.dir)
	setenv("DOMAIN", h.domain())
	setenv("KEYRING", h.path("keyring"))
	setenv("BACKUPS", h.path("backups"))
	setenv("LANGUAGE", "en")
	setenv("ASK", "--as=li.op --scenario=outpatient-statistics --purpose=MED-STAT")
}

// zoneboxCmd runs a command line.
func zoneboxCmd(ts *testscript.TestScript, neg bool, stdin string, args []string) {
	args = completed(ts, args)
	var code int
	out, told := ts.Stdout(), ts.Stderr()
	if !showsRaw(args) {
		all := ts.Value(heard{}).(*syncBuffer)
		out, told = io.MultiWriter(out, all), io.MultiWriter(told, all)
	}
	if ts.Getenv("PROCESS") != "" {
		code = process(ts, stdin, args, out, told)
	} else {
		code = runAt(context.Background(), clockOf(ts).now, args, strings.NewReader(stdin), out, told)
	}
	*ts.Value(lastCode{}).(*int) = code
	if (code != 0) != neg {
		ts.Fatalf("zonebox %s exited %d", strings.Join(args, " "), code)
	}
}

// completed adds the script's domain, keyring and language where the command line
// names none.
func completed(ts *testscript.TestScript, args []string) []string {
	if i := slices.Index(args, "ASK"); i >= 0 {
		args = slices.Concat(args[:i], strings.Fields(ts.Getenv("ASK")), args[i+1:])
	}
	for _, f := range [][2]string{{"--domain", "DOMAIN"}, {"--keyring", "KEYRING"}, {"--lang", "LANGUAGE"}} {
		given := slices.ContainsFunc(args, func(arg string) bool { return arg == f[0] || strings.HasPrefix(arg, f[0]+"=") })
		if v := ts.Getenv(f[1]); v != "" && !given && args[0] != "__complete" {
			args = append(slices.Clone(args), f[0]+"="+v)
		}
	}
	return args
}

// process runs a command line in a process of its own and returns its exit code.
func process(ts *testscript.TestScript, stdin string, args []string, out, told io.Writer) int {
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), "ZONEBOX_TEST_PROCESS=zonebox")
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), out, told
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	return c.ProcessState.ExitCode()
}

func exitsCmd(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := *ts.Value(lastCode{}).(*int); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func takeCmd(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	found := re.FindString(ts.ReadFile("stdout") + ts.ReadFile("stderr"))
	if found == "" {
		ts.Fatalf("no match of %s", args[1])
	}
	ts.Setenv(args[0], found)
}

func alignedCmd(ts *testscript.TestScript, _ bool, _ []string) {
	if why := misaligned(ts.ReadFile("stdout")); why != "" {
		ts.Fatalf("%s", why)
	}
}

// misaligned returns a line of a table that is not as wide on a terminal as its
// first, or "". Lines without a border are not part of a table.
func misaligned(text string) string {
	want := -1
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if !strings.ContainsAny(line[:min(len(line), 3)], "┌│├└") {
			continue
		}
		n := 0
		for _, r := range line {
			switch width.LookupRune(r).Kind() {
			case width.EastAsianWide, width.EastAsianFullwidth:
				n += 2
			default:
				n++
			}
		}
		if want < 0 || strings.HasPrefix(line, "┌") {
			want = n
		}
		if n != want {
			return "this line is " + strconv.Itoa(n) + " wide, want " + strconv.Itoa(want) + ": " + line
		}
	}
	if want < 0 {
		return "no table"
	}
	return ""
}

func rowsCmd(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "json" {
		ts.Check(jsonAsCSV(ts.Stdout(), ts.ReadFile(args[1])))
		return
	}
	schema, rows, err := readRows(args[0], []byte(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(release.WriteCSV(ts.Stdout(), schema, rows))
}

// jsonAsCSV prints an array of flat objects, in the order of their keys.
func jsonAsCSV(w io.Writer, text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	out := csv.NewWriter(w)
	var header, line []string
	depth := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			out.Flush()
			return out.Error()
		}
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('['):
		case json.Delim(']'):
		case json.Delim('{'):
			line = nil
		case json.Delim('}'):
			if depth++; depth == 1 {
				if err := out.Write(header); err != nil {
					return err
				}
			}
			if err := out.Write(line); err != nil {
				return err
			}
		default:
			if depth == 0 {
				header = append(header, fmt.Sprint(tok))
			}
			var v any
			if err := d.Decode(&v); err != nil {
				return err
			}
			if v == nil {
				v = ""
			}
			line = append(line, fmt.Sprint(v))
		}
	}
}

// readRows reads what -o arrow or parquet wrote with the libraries' own readers.
func readRows(format string, data []byte) (*arrow.Schema, []arrow.RecordBatch, error) {
	if format == "parquet" {
		f, err := file.NewParquetReader(bytes.NewReader(data))
		if err != nil {
			return nil, nil, err
		}
		r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 20}, memory.DefaultAllocator)
		if err != nil {
			return nil, nil, err
		}
		rr, err := r.GetRecordReader(context.Background(), nil, nil)
		if err != nil {
			return nil, nil, err
		}
		return collect(rr.Schema(), rr)
	}
	r, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	return collect(r.Schema(), r)
}

type batchReader interface {
	Next() bool
	RecordBatch() arrow.RecordBatch
	Err() error
}

func collect(schema *arrow.Schema, r batchReader) (*arrow.Schema, []arrow.RecordBatch, error) {
	var rows []arrow.RecordBatch
	for r.Next() {
		b := r.RecordBatch()
		b.Retain()
		rows = append(rows, b)
	}
	return schema, rows, r.Err()
}

// printed runs a command line that must succeed and returns its stdout.
func printed(ts *testscript.TestScript, args ...string) string {
	var out, told bytes.Buffer
	if code := runAt(context.Background(), clockOf(ts).now, completed(ts, args), strings.NewReader(""), &out, &told); code != 0 {
		ts.Fatalf("zonebox %s exited %d: %s", strings.Join(args, " "), code, told.String())
	}
	return out.String()
}

func signCmd(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	for _, who := range args[1:] {
		ts.Check(os.WriteFile(file, []byte(printed(ts, "sign", "--as", who, "-f", file)), 0o600))
	}
}

func accountCmd(ts *testscript.TestScript, _ bool, args []string) {
	var doc map[string]any
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	var public map[string]string
	ts.Check(yaml.Unmarshal([]byte(printed(ts, "user", doc["name"].(string))), &public))
	for field, key := range public {
		editCmd(ts, false, []string{args[0], "spec." + field, key})
	}
}

func editCmd(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	var doc map[string]any
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(name)), &doc))
	var value any
	ts.Check(yaml.Unmarshal([]byte(args[2]), &value))
	at := doc
	path := strings.Split(args[1], ".")
	for _, p := range path[:len(path)-1] {
		at = at[p].(map[string]any)
	}
	if last := path[len(path)-1]; value == nil {
		delete(at, last)
	} else {
		at[last] = value
	}
	text, err := yaml.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(name, text, 0o600))
}
