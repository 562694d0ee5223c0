package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"zonebox/api"
	"zonebox/query"
)

// How often a load is asked for and shown: on a terminal, as lines of text, and
// as JSON.
const (
	meterTerminal = 500 * time.Millisecond
	meterLines    = 3 * time.Second
	meterJSON     = time.Second
)

// A meter shows on stderr how loads stand, by what the gate says of them: one
// line that changes on a terminal, else a line each now and then, or an object
// each with --json. It is safe for concurrent use.
type meter struct {
	app    *app
	client *api.Client
	live   bool // stderr is a terminal
	width  int
	end    context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	loads []*metered // under way, in the order they began
	drawn bool       // there is a line to be cleared
}

// metered is one load on the meter.
type metered struct {
	name  string
	id    string
	began time.Time // when it was first seen running
	view  query.LoadView
}

// startMeter returns a meter; stop ends it.
func (a *app) startMeter(ctx context.Context, client *api.Client) *meter {
	m := &meter{app: a, client: client, width: 80, done: make(chan struct{})}
	every := meterLines
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !a.json {
		m.live, every = true, meterTerminal
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			m.width = w
		}
	}
	if a.json {
		every = meterJSON
	}
	ctx, m.end = context.WithCancel(ctx)
	go func() {
		defer close(m.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				m.look(ctx)
			}
		}
	}()
	return m
}

// stop ends the meter and clears its line.
func (m *meter) stop() {
	m.end()
	<-m.done
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

// follow puts a load on the meter until left is called. name is what people call
// it.
func (m *meter) follow(name, id string) (left func()) {
	l := &metered{name: name, id: id}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads = append(m.loads, l)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.loads = slices.DeleteFunc(m.loads, func(o *metered) bool { return o == l })
	}
}

// say prints a line that stays.
func (m *meter) say(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	fmt.Fprintf(m.app.stderr, format, args...)
}

func (m *meter) clear() {
	if m.drawn {
		fmt.Fprint(m.app.stderr, "\r\x1b[K")
		m.drawn = false
	}
}

// look asks the gate how the loads stand and shows it.
func (m *meter) look(ctx context.Context) {
	m.mu.Lock()
	asked := slices.Clone(m.loads)
	m.mu.Unlock()
	for _, l := range asked {
		v, err := m.client.LoadByID(ctx, l.id)
		if err != nil {
			continue // the load itself says what is wrong
		}
		m.mu.Lock()
		l.view = *v
		if v.Began != nil && l.began.IsZero() {
			l.began = time.Now()
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads = slices.DeleteFunc(m.loads, func(l *metered) bool { return l.view.Over() })
	var lines []string
	for _, l := range m.loads {
		switch {
		case l.view.ID == "":
		case m.app.json:
			m.json(l)
		default:
			lines = append(lines, m.app.standing(l))
		}
	}
	if m.live {
		m.clear()
		if len(lines) > 1 { // of several, how far each is
			lines = nil
			for _, l := range m.loads {
				lines = append(lines, printable(l.name)+" "+m.app.stepOf(l.view))
			}
			lines = []string{strings.Join(lines, " · ")}
		}
		if len(lines) == 1 {
			fmt.Fprint(m.app.stderr, text.Trim(lines[0], m.width-1))
			m.drawn = true
		}
		return
	}
	for _, line := range lines {
		fmt.Fprintln(m.app.stderr, line)
	}
}

// speed returns the rows of a second and the seconds that are left, below 0 if
// that cannot be said yet.
func (l *metered) speed() (rows float64, left float64) {
	took := time.Since(l.began).Seconds()
	left = -1
	if l.began.IsZero() || took < 0.5 {
		return 0, left
	}
	if share := l.share(); share > 0 && l.view.Step == query.StepParse {
		left = math.Ceil(took * (1 - share) / share)
	}
	return float64(l.view.Rows) / took, left
}

// share is how much of the file was read, below 0 if its size is unknown.
func (l *metered) share() float64 {
	if l.view.Size <= 0 {
		return -1
	}
	return min(1, float64(l.view.Bytes)/float64(l.view.Size))
}

// standing says in one line how a load stands.
func (a *app) standing(l *metered) string {
	v := l.view
	out := printable(l.name) + "  " + a.stepOf(v)
	if v.State == query.LoadWaiting {
		return out
	}
	rate, left := l.speed()
	out += fmt.Sprintf(a.say("  %s 行", "  %s rows"), grouped(v.Rows))
	if rate > 0 {
		out += fmt.Sprintf(a.say("  %s 行/秒", "  %s rows/s"), grouped(int64(rate)))
	}
	if left >= 0 {
		out += fmt.Sprintf(a.say("  剩余 %s", "  %s left"), (time.Duration(left) * time.Second).String())
	}
	return out
}

// stepOf says what a load does and how far it is.
func (a *app) stepOf(v query.LoadView) string {
	switch {
	case v.State == query.LoadWaiting:
		return fmt.Sprintf(a.say("排队第 %d", "waits, place %d"), v.Place)
	case v.State != query.LoadRunning:
		return a.called(loadTitles, v.State)
	case v.Step == query.StepParse && v.Size > 0:
		return fmt.Sprintf("%s %d%%", a.called(loadTitles, v.Step), 100*min(v.Bytes, v.Size)/v.Size)
	}
	return a.called(loadTitles, v.Step)
}

// loadTitles are what people call the states and steps of a load.
var loadTitles = map[string][2]string{
	query.StepCheck: {"核对", "check"}, query.StepParse: {"解析", "parse"}, query.StepQuality: {"质检", "quality"},
	query.StepStore: {"落盘", "store"}, query.StepCommit: {"生效", "commit"},

	query.LoadWaiting: {"排队", "waits"}, query.LoadRunning: {"装载中", "runs"}, query.LoadLoaded: {"已装载", "loaded"},
	query.LoadAlready: {"此前已装载", "already loaded"}, query.LoadRefused: {"被拒绝", "refused"}, query.LoadFailed: {"失败", "failed"},
	query.LoadStopped: {"已终止", "stopped"}, query.LoadQuarantined: {"已隔离", "quarantined"},
}

// json prints how a load stands as one object.
func (m *meter) json(l *metered) {
	rate, left := l.speed()
	out := struct {
		Event string  `json:"event"`
		Name  string  `json:"name"`
		Share float64 `json:"share"`           // of the file's bytes, below 0 if that is not known
		Rate  float64 `json:"rows_per_second"` // on average
		Left  float64 `json:"seconds_left"`    // below 0 if that is not known
		query.LoadView
	}{"progress", l.name, math.Round(l.share()*1000) / 1000, math.Round(rate), left, l.view}
	fmt.Fprint(m.app.stderr, jsonLine(out))
}

// jsonLine returns v as JSON on one line.
func jsonLine(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return ""
	}
	return b.String()
}

// grouped prints a number in groups of three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
