package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"zonebox/api"
	"zonebox/drop"
	"zonebox/query"
)

// parcel is one file of a folder on its way into a zone.
type parcel struct {
	file     string // its name in the folder
	manifest query.Manifest
	size     int64

	state string // of the load, when it has ended; "" if it never began
	rows  int64
	took  time.Duration
	err   error
}

// loadFolder loads every file of dir that has a manifest beside it. It returns a
// *partialError if some were loaded, or were before, and some were not.
func (a *app) loadFolder(ctx context.Context, client *api.Client, dir string) error {
	parcels, err := a.parcels(ctx, dir)
	if err != nil {
		return err
	}
	view, err := client.Loads(ctx)
	if err != nil {
		return err
	}
	meter := a.startMeter(ctx, client)
	a.bringAll(ctx, client, meter, dir, parcels, view.AtOnce)
	meter.stop()
	return a.summary(ctx, parcels)
}

// parcels reads and checks all manifests of a folder before anything is loaded:
// every fault is told, and any is an error.
func (a *app) parcels(ctx context.Context, dir string) ([]*parcel, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("zonebox: read folder: %w", err)
	}
	var out []*parcel
	var faults []error
	full := map[[2]string]string{} // what a whole dataset comes from
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), drop.ManifestSuffix)
		if !ok || e.IsDir() {
			continue
		}
		p := &parcel{file: name}
		if err := p.check(ctx, dir); err != nil {
			if ctx.Err() != nil {
				return nil, &stoppedLoads{}
			}
			faults = append(faults, fmt.Errorf("%s: %w", e.Name(), a.explained(err)))
			continue
		}
		key := [2]string{p.manifest.Zone, p.manifest.Dataset}
		if other, twice := full[key]; twice && p.manifest.Mode != query.ModeAppend && p.manifest.Mode != query.ModeUpsert {
			faults = append(faults, fmt.Errorf(a.say("%s: 与 %s 都是数据集 %s 的全量交付,后者会取代前者;请只留一个", "%s: both it and %s are the whole of dataset %s, and one would replace the other; leave one of them"),
				e.Name(), other+drop.ManifestSuffix, key[1]))
			continue
		}
		full[key] = name
		out = append(out, p)
	}
	if len(faults) > 0 {
		return nil, usageError{fmt.Errorf(a.say("%d 个清单有误,未装载任何文件:\n%w", "%d manifests are wrong; nothing was loaded:\n%w"), len(faults), errors.Join(faults...))}
	}
	if len(out) == 0 {
		return nil, usageError{fmt.Errorf(a.say("%s 中没有 文件名%s", "%s holds no FILE%s"), dir, drop.ManifestSuffix)}
	}
	return out, nil
}

// What a manifest and its file may have wrong before the gate is asked.
var (
	errNoFile = errors.New("no such file beside the manifest")
	errDigest = errors.New("the file has another SHA-256 than its manifest says")
)

// explained puts an error of check into the invocation's language.
func (a *app) explained(err error) error {
	switch {
	case errors.Is(err, errNoFile):
		return errors.New(a.say("旁边没有它所指的数据文件 (清单名 = 数据文件名 + .manifest.yaml)", "the file it is of is not beside it (a manifest is called FILE.manifest.yaml)"))
	case errors.Is(err, errDigest):
		return errors.New(a.say("文件的 SHA-256 与清单不符;文件被截断或改动过,请提供单位重新交付", "the file's SHA-256 is not the manifest's: it was cut off or changed; have the provider deliver it again"))
	}
	return err
}

// check reads the manifest of p and compares the file with its digest.
func (p *parcel) check(ctx context.Context, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, p.file+drop.ManifestSuffix))
	if err != nil {
		return err
	}
	if p.manifest, err = manifestOf(text); err != nil {
		return err
	}
	if p.manifest.Source != "" { // of a database: there is no file
		return nil
	}
	f, err := os.Open(filepath.Join(dir, p.file))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoFile
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNoFile
	}
	p.size = info.Size()
	sum := sha256.New()
	if _, err := io.Copy(sum, interruptible{ctx, f}); err != nil {
		return err
	}
	if !strings.EqualFold(hex.EncodeToString(sum.Sum(nil)), p.manifest.SHA256) {
		return errDigest
	}
	return nil
}

// interruptible is a reader that ends with a context.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// bringAll brings parcels to the gate, so many at once, those of one dataset one
// after the other in the order of their names.
func (a *app) bringAll(ctx context.Context, client *api.Client, meter *meter, dir string, parcels []*parcel, atOnce int) {
	var mu sync.Mutex
	left, busy := slices.Clone(parcels), map[string]bool{}
	freed := sync.NewCond(&mu)
	take := func() *parcel { // nil when there are none any more
		mu.Lock()
		defer mu.Unlock()
		for len(left) > 0 && ctx.Err() == nil {
			for i, p := range left {
				if !busy[p.manifest.Dataset] {
					busy[p.manifest.Dataset] = true
					left = slices.Delete(left, i, i+1)
					return p
				}
			}
			freed.Wait()
		}
		return nil
	}
	var wg sync.WaitGroup
	for range max(1, min(atOnce, len(parcels))) {
		wg.Go(func() {
			for p := take(); p != nil; p = take() {
				began := time.Now()
				p.bring(ctx, a, client, meter, dir)
				p.took = time.Since(began)
				meter.say("%s", a.ended(p))
				mu.Lock()
				delete(busy, p.manifest.Dataset)
				mu.Unlock()
				freed.Broadcast()
			}
		})
	}
	wg.Wait()
}

func (p *parcel) bring(ctx context.Context, a *app, client *api.Client, meter *meter, dir string) {
	var data io.Reader = strings.NewReader("")
	if p.manifest.Source == "" {
		f, err := os.Open(filepath.Join(dir, p.file))
		if err != nil {
			p.state, p.err = query.LoadFailed, err
			return
		}
		defer f.Close()
		data = f
	}
	r, _, err := a.bring(ctx, client, meter, errand{name: p.file, manifest: p.manifest, data: data, size: p.size})
	switch {
	case err == nil && r.Quarantined:
		p.state, p.rows, p.err = query.LoadQuarantined, r.Rows, quarantinedError{r.Dataset, r.Version}
	case err == nil && r.Already:
		p.state, p.rows = query.LoadAlready, r.Rows
	case err == nil:
		p.state, p.rows = query.LoadLoaded, r.Rows
	case errors.Is(err, context.Canceled):
		p.state, p.err = query.LoadStopped, err
	case a.failed(err):
		p.state, p.err = query.LoadFailed, err
	default:
		p.state, p.err = query.LoadRefused, err
	}
}

// ended is the line that says how one file ended.
func (a *app) ended(p *parcel) string {
	if a.json {
		out := map[string]any{"event": "ended", "name": p.file, "dataset": p.manifest.Dataset, "state": p.state, "rows": p.rows, "seconds": p.took.Seconds()}
		if p.err != nil {
			out["error"], _ = a.problem(p.err)
		}
		return jsonLine(out)
	}
	name := printable(p.file)
	if p.err == nil {
		return fmt.Sprintf(a.say("%s  %s  %s 行  %s\n", "%s  %s  %s rows  %s\n"), name, a.called(loadTitles, p.state), grouped(p.rows), p.took.Round(10*time.Millisecond))
	}
	problem, _ := a.problem(p.err)
	out := fmt.Sprintf("%s  %s  %s %s\n", name, a.called(loadTitles, p.state), problem.Code, printableText(problem.Detail))
	if problem.Hint != "" && p.state != query.LoadStopped {
		out += fmt.Sprintf("  hint: %s\n", printableText(problem.Hint))
	}
	return out
}

// named is the error of p with the file it is of.
func (a *app) named(p *parcel) error {
	if p.err == nil || errors.Is(p.err, context.Canceled) || errors.As(p.err, new(*stoppedLoads)) || errors.As(p.err, new(quarantinedError)) {
		return p.err
	}
	problem, _ := a.problem(p.err)
	of := *problem
	of.Detail = printable(p.file) + ": " + of.Detail
	return &of
}

// partialError is the end of a command of which a part succeeded.
type partialError struct{ failed, all int }

func (e *partialError) Error() string {
	return fmt.Sprintf("zonebox: %d of %d failed", e.failed, e.all)
}

// summary prints a table of how every file ended and returns what the command
// ends with.
func (a *app) summary(ctx context.Context, parcels []*parcel) error {
	t := newTable(a.say("文件", "file"), a.say("数据集", "dataset"), a.say("结局", "end"), a.say("行", "rows"), a.say("用时", "took"))
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 4, Align: text.AlignRight, AlignHeader: text.AlignRight}, {Number: 5, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	var failed int
	var first error
	var stopped stoppedLoads
	for _, p := range parcels {
		state, took := a.called(loadTitles, p.state), p.took.Round(10*time.Millisecond).String()
		if p.state == "" {
			state, took = a.say("未开始", "not begun"), "-"
		}
		if p.err != nil {
			problem, _ := a.problem(p.err)
			state += " " + problem.Code
		}
		if p.err != nil || p.state == "" {
			failed++
			if first == nil {
				first = a.named(p)
			}
		}
		if s := new(stoppedLoads); errors.As(p.err, &s) {
			stopped.ended = append(stopped.ended, s.ended...)
		}
		t.AppendRow([]any{printable(p.file), printable(p.manifest.Dataset), state, grouped(p.rows), took})
	}
	if !a.json {
		fmt.Fprintln(a.stdout, t.Render())
	}
	switch {
	case ctx.Err() != nil:
		return &stopped
	case failed == 0:
		return nil
	case failed == len(parcels) && failed == 1:
		return first
	case failed == len(parcels):
		return fmt.Errorf(a.say("zonebox: %d 个文件无一装载,见上", "zonebox: none of the %d files was loaded, see above"), failed)
	}
	return &partialError{failed, len(parcels)}
}
