package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/drop"
	"zonebox/query"
)

func (a *app) dropCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "drop",
		Short: a.say("交换目录:装载共享交换平台的交付并回写回执", "drop folder: load the deliveries of an exchange platform and write receipts back"),
	}
	c.AddCommand(a.dropRunCmd(), a.dropVerifyCmd())
	return c
}

func (a *app) dropRunCmd() *cobra.Command {
	w := &watcher{app: a}
	c := &cobra.Command{
		Use:   "run DIR",
		Short: a.say("看守交换目录,装载完整的交付,回写由网关签名的回执", "watch a drop folder: load complete deliveries and write back receipts that the gate signed"),
		Long: a.say(`看守目录 DIR。先写数据文件 NAME,再把清单改名为 NAME.manifest.yaml,交付即完整 (--marker: 还须有
NAME.done)。每个交付得到网关签名的回执 receipts/NAME.receipt.json,随后移入 done/装载编号/ 或
refused/装载编号/。只读取普通文件,不跟随链接;内容以装载时读到的字节为准,由清单中的摘要决定。
网关或磁盘一时不可用的交付留在原处,稍后再试。中断后重新运行即可;一个目录只能有一个看守者。
本命令是客户端:以 --as 用户的密钥签名,网关不读任何目录。`,
			`Watches DIR. A delivery is complete once the file NAME is written and its manifest
was renamed to NAME.manifest.yaml (with --marker: and NAME.done is there). Each gets
a receipt signed by the gate, receipts/NAME.receipt.json, and is then moved to
done/LOAD/ or refused/LOAD/. Only plain files are read, no link is followed; what
counts are the bytes that were read, by the digest in the manifest. A delivery that
failed for want of gate or disk stays where it is and is tried again. After an
interruption run it again; a folder has one watcher at a time. It is a client: it
signs with the key of --as, and the gate reads no folder.`),
		Example: "  zonebox drop run --as wu.dc /srv/exchange/in\n  zonebox drop run --as wu.dc --once /srv/exchange/in",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			w.client = client
			return w.run(c.Context(), args[0])
		},
	}
	f := c.Flags()
	f.BoolVar(&w.once, "once", false, a.say("处理现有的交付后结束", "end when what is there was handled"))
	f.BoolVar(&w.marker, "marker", false, a.say("交付以 NAME.done 为完整标志", "a delivery is complete when NAME.done is there"))
	f.BoolVar(&w.erase, "erase", false, a.say("已装载的数据文件不保留,只留清单与回执", "do not keep data files that were loaded, only manifest and receipt"))
	f.DurationVar(&w.every, "every", 2*time.Second, a.say("查看间隔", "how often to look"))
	return c
}

// A watcher brings the deliveries of a drop folder to the gate.
type watcher struct {
	app    *app
	client *api.Client
	folder *drop.Folder
	meter  *meter

	once, marker, erase bool
	every               time.Duration

	owed []settlement // of a round before; nothing new is taken before they are settled

	mu     sync.Mutex
	later  map[string]time.Time // manifests that are not tried again before
	unpaid []settlement         // of this round
}

// A settlement is a delivery that the gate judged and that could not be moved
// aside. It is not brought again: what was held back would be held back twice.
type settlement struct {
	d       *drop.Delivery
	id      string
	loaded  bool
	receipt *query.SignedReceipt // nil if it has yet to be asked for
	why     error
}

// How many deliveries are looked at in one round, and how long one that failed
// for no fault of its own waits.
const (
	dropRound = 1000
	dropRetry = 30 * time.Second
)

// run watches until ctx ends or, with once, until nothing is left to be done. The
// gate decides how many loads run at once.
func (w *watcher) run(ctx context.Context, dir string) (err error) {
	view, err := w.client.Loads(ctx) // also: does the gate know this person?
	if err != nil {
		return err
	}
	w.folder, err = drop.Open(dir, w.marker)
	if errors.Is(err, drop.ErrTaken) {
		return &query.Error{Code: "DROP_TAKEN", Class: query.ClassBusy, ZH: "该目录已有看守者", EN: "the folder has a watcher already",
			HintZH: "等它结束,或看守另一个目录", HintEN: "wait until it ends, or watch another folder", Articles: []string{"NJ24-15"}}
	}
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range w.owed {
			err = errors.Join(err, s.d.Close())
		}
		err = errors.Join(err, w.folder.Close())
	}()
	w.later = map[string]time.Time{}
	w.meter = w.app.startMeter(ctx, w.client)
	defer w.meter.stop()
	for {
		left, err := w.round(ctx, max(1, view.AtOnce))
		if err != nil {
			return err
		}
		if w.once && left == 0 {
			return w.unfinished()
		}
		select {
		case <-ctx.Done():
			if w.once {
				return ctx.Err()
			}
			return nil // that is how a watcher ends
		case <-time.After(w.every):
		}
	}
}

// unfinished is an error if deliveries were left for a later try.
func (w *watcher) unfinished() error {
	if len(w.later) == 0 {
		return nil
	}
	return fmt.Errorf(w.app.say("zonebox: %d 个交付一时无法装载,留在原处", "zonebox: %d deliveries could not be loaded for now and were left"), len(w.later))
}

// round handles the deliveries that are complete, so many at once, and returns
// how many there were.
func (w *watcher) round(ctx context.Context, atOnce int) (int, error) {
	if left := w.pay(ctx); left > 0 || ctx.Err() != nil {
		return left, nil
	}
	now := time.Now()
	names, err := w.folder.Complete(dropRound, func(manifest string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return now.Before(w.later[manifest])
	})
	if err != nil {
		return 0, err
	}
	slices.Sort(names)
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, atOnce)
	last := map[string]chan struct{}{} // closed when the last of a dataset is done: they go in the order of their names
	for _, name := range names {
		d, m, err := w.take(name)
		if err != nil {
			w.put(name, err)
			continue
		}
		if d == nil {
			continue
		}
		if before := last[m.Dataset]; before != nil {
			<-before
		}
		slots <- struct{}{}
		if inner.Err() != nil {
			<-slots
			if err := d.Close(); err != nil {
				return 0, err
			}
			break
		}
		done := make(chan struct{})
		last[m.Dataset] = done
		wg.Go(func() {
			defer func() { <-slots; close(done) }()
			if err := w.handle(inner, d, m); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	w.owed, w.unpaid = w.unpaid, nil
	if err := context.Cause(inner); err != nil && ctx.Err() == nil {
		return 0, err
	}
	return len(names), nil
}

// take opens a delivery and reads its manifest. It returns nil for one that was
// taken back.
func (w *watcher) take(manifest string) (*drop.Delivery, query.Manifest, error) {
	var m query.Manifest
	d, err := w.folder.Take(manifest)
	if errors.Is(err, fs.ErrNotExist) {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.later, manifest)
		return nil, m, nil
	}
	if err != nil {
		return nil, m, err
	}
	if d.Fault == "" {
		m, err = manifestOf(d.Text)
		if sum, odd := hex.DecodeString(m.SHA256); err != nil || odd != nil || len(sum) != sha256.Size || m.Source != "" {
			d.Fault = drop.FaultManifest
		}
	}
	return d, m, nil
}

// handle has the gate judge a delivery, settles it and closes it, unless it is
// owed. It returns an error only if the watcher cannot go on.
func (w *watcher) handle(ctx context.Context, d *drop.Delivery, m query.Manifest) (err error) {
	kept := false
	defer func() {
		if !kept {
			err = errors.Join(err, d.Close())
		}
	}()
	s, err := w.judged(ctx, d, m)
	if err != nil || s == nil {
		return err
	}
	if err := w.settle(ctx, s); err != nil {
		w.put(d.Manifest, err)
		if kept = !w.once; kept {
			w.mu.Lock()
			w.unpaid = append(w.unpaid, *s)
			w.mu.Unlock()
		}
	}
	return nil
}

// pay settles what is owed, and returns how much still is.
func (w *watcher) pay(ctx context.Context) int {
	var left []settlement
	for _, s := range w.owed {
		w.mu.Lock()
		wait := time.Now().Before(w.later[s.d.Manifest])
		w.mu.Unlock()
		if wait {
			left = append(left, s)
			continue
		}
		switch err := w.settle(ctx, &s); {
		case err == nil:
		case w.unknown(err): // the gate started anew and knows nothing of it: it is brought again
		default:
			left = append(left, s)
			w.put(s.d.Manifest, err)
			continue
		}
		_ = s.d.Close()
	}
	w.owed = left
	return len(left)
}

// unknown reports whether the gate has no such load.
func (w *watcher) unknown(err error) bool {
	p, _ := w.app.problem(err)
	return p.Code == "NOT_FOUND"
}

// judged has the gate judge a delivery. It returns nil for one that was left where
// it is.
func (w *watcher) judged(ctx context.Context, d *drop.Delivery, m query.Manifest) (*settlement, error) {
	if d.Fault != "" {
		return w.turnAway(ctx, d)
	}
	_, id, err := w.app.bring(ctx, w.client, w.meter, errand{name: d.Name, manifest: m, data: d.Data, size: d.Size})
	switch {
	case ctx.Err() != nil:
		return nil, nil // the next start goes on with it
	case err != nil && w.app.failed(err):
		return nil, w.postpone(d, err)
	case err != nil && id == "": // it was no request to load at all
		d.Fault = drop.FaultManifest
		return w.turnAway(ctx, d)
	}
	return &settlement{d: d, id: id, loaded: err == nil, why: err}, nil
}

// turnAway has the gate record a delivery that cannot be brought to it.
func (w *watcher) turnAway(ctx context.Context, d *drop.Delivery) (*settlement, error) {
	f := query.DeliveryFault{Code: d.Fault}
	if d.Text != nil {
		sum := sha256.Sum256(d.Text)
		f.Manifest = hex.EncodeToString(sum[:])
	}
	receipt, err := w.client.RefuseDelivery(ctx, f)
	if err != nil {
		return nil, w.postpone(d, err)
	}
	var r query.Receipt
	if err := json.Unmarshal(receipt.Receipt, &r); err != nil {
		return nil, w.postpone(d, err)
	}
	return &settlement{d: d, id: r.Load, receipt: receipt, why: &query.Error{Code: r.Code, Class: query.ClassDenied, ZH: r.MessageZH, EN: r.MessageEN, Articles: r.Articles}}, nil
}

// settle writes the receipt, moves the delivery aside and says so. After an error
// it may be called again.
func (w *watcher) settle(ctx context.Context, s *settlement) (err error) {
	if s.receipt == nil {
		if s.receipt, err = w.client.LoadReceipt(ctx, s.id); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(s.receipt, "", "  ")
	if err != nil {
		return err
	}
	if err := w.folder.Settle(s.d, s.id, s.loaded, append(text, '\n')); err != nil {
		return err
	}
	if s.loaded && w.erase {
		if err := w.folder.Erase(s.d, s.id); err != nil {
			return err
		}
	}
	w.mu.Lock()
	delete(w.later, s.d.Manifest)
	w.mu.Unlock()
	p := &parcel{file: s.d.Name, err: s.why, state: query.LoadRefused}
	var r query.Receipt
	if s.loaded && json.Unmarshal(s.receipt.Receipt, &r) == nil {
		p.state, p.rows = r.Status, r.Rows
	}
	w.meter.say("%s %s", time.Now().Format(time.TimeOnly), w.app.ended(p))
	return nil
}

// postpone leaves a delivery where it is for a later try. Whoever the gate does
// not know, or lets not load, need not try again.
func (w *watcher) postpone(d *drop.Delivery, err error) error {
	p, _ := w.app.problem(err)
	if p.Code == "AUTH_FAILED" || p.Code == "ROLE_REQUIRED" {
		return err
	}
	w.put(d.Manifest, err)
	return nil
}

// put leaves a delivery for a later try and says why.
func (w *watcher) put(manifest string, err error) {
	w.mu.Lock()
	w.later[manifest] = time.Now().Add(dropRetry)
	w.mu.Unlock()
	p, _ := w.app.problem(err)
	why := p.Code
	if p.Code == "FAILED" { // of the folder: its path is not secret, and no code says it
		why = printableText(p.Detail)
	}
	w.meter.say(w.app.say("%s %s  留在原处,稍后再试:%s\n", "%s %s  left for a later try: %s\n"),
		time.Now().Format(time.TimeOnly), printable(strings.TrimSuffix(manifest, drop.ManifestSuffix)), why)
}

func (a *app) dropVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "verify RECEIPT…",
		Short:   a.say("以已记录的网关公钥核验回执", "verify receipts with the gate's key as it was pinned"),
		Long:    a.say("核验回执由网关签名、未被改动,并打印其内容。首次运行时从网关取得并记录公钥。", "Verifies that receipts are the gate's and unchanged, and prints them. The gate's key is pinned on first contact."),
		Example: "  zonebox drop verify --as wu.dc /srv/exchange/in/receipts/persons.csv.receipt.json",
		Args:    nArgs(1, 1000),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := os.Stat(a.gatePin()); errors.Is(err, fs.ErrNotExist) {
				client, err := a.client()
				if err != nil {
					return err
				}
				if err := a.pinGate(c.Context(), client); err != nil {
					return err
				}
			}
			known, err := a.pinnedGate()
			if err != nil {
				return err
			}
			for _, name := range args {
				text, err := os.ReadFile(name)
				if err != nil {
					return fmt.Errorf("zonebox: read receipt: %w", err)
				}
				var s query.SignedReceipt
				if err := json.Unmarshal(text, &s); err != nil {
					return receiptRefused
				}
				r, err := s.Open(known...)
				if err != nil {
					return receiptRefused
				}
				if err := a.printJSON(r); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// receiptRefused is the answer to a receipt that is not the gate's.
var receiptRefused = &query.Error{Code: "RECEIPT_REFUSED", Class: query.ClassFailure, ZH: "回执不是本网关签发,或已被改动", EN: "the receipt is not this gate's, or was changed",
	HintZH: "向数据中心重新索取", HintEN: "ask the data centre for it again", Articles: []string{"NJ24-21"}}
