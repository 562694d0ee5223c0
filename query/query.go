// Package query is the product: one question goes in, one sealed answer comes
// out, and nothing else does.
//
// It guarantees that every answer passed every step of Answer in order: facts
// of one moment, analysis of the parse tree, a policy decision, a durable
// intent, an attested worker that got only what the grants give, release rules
// on the actual rows, a durable release entry. Whatever is doubtful ends in an
// *Error and no rows.
//
// It does not parse SQL or data files itself, hold masks or rules of its own,
// or keep more than one consistent copy of state: that is the leaves' work, and
// this package translates between them.
//
// Read Engine.Answer first; each of its steps has a file of its own.
package query

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zonebox/audit"
	"zonebox/feed"
	"zonebox/keys"
	"zonebox/openid"
	"zonebox/policy/calendar"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// Config says where a domain lives and what its gate may use.
type Config struct {
	Domain     string // domain folder
	Keys       string // key folder, outside the domain folder
	Passphrase []byte // opens the key folder, unless Provider does
	Provider   keys.KeyProvider
	Worker     string        // path of zonebox-worker
	Memory     int64         // bytes a worker may use beyond its input; 0 is the sandbox's default
	Spill      int64         // bytes a worker may overflow into; 0 is the sandbox's default, below 0 none
	Attached   int64         // bytes of tables a statement has attached while the rest streams; 0 is the sandbox's default, below 0 none
	Wall       time.Duration // time a statement may take; 0 is the sandbox's default
	Idle       int           // workers kept ready; 0 is two, what one statement uses
	Limits     Limits        // what runs at once
	Cache      int64         // bytes of columns kept for further statements; 0 is the sandbox's default, below 0 none
	Sources    Sources       // databases that deliveries may come from
	Log        *slog.Logger  // nil discards
	// BackupRoots are the folders that backups are written to and read from: each
	// its owner's alone, and apart from the domain and the keys.
	BackupRoots []string
	AlertsTo    *feed.Receiver   // of those who supervise; nil is nobody
	SignIn      *openid.Provider // by which browsers sign in; nil is that none does
	ClientCA    *x509.CertPool   // who issues the certificates of clients; nil is nobody
	// SecondFactor has whoever approves, supervises or administers give a one-time code
	// before anything that they sign is answered. In a browser they give one anyhow.
	SecondFactor bool
	TracesTo     *feed.Receiver // of what runs took; nil is nobody
	Now          func() time.Time

	segment int // rows of a segment; tests make it small
	// Calendar tells working days; nil is what was announced.
	Calendar *calendar.Table

	// Unrestrained lets alerts restrict nothing by themselves. Tests set it, since their
	// clock stands nearly still and they ask more in its hour than any operator does.
	Unrestrained bool

	// Forgetful lets outputs go whatever was released before, and runs every question.
	// Tests set it, since they ask all there is to ask of the same few people.
	Forgetful bool

	unpruned bool // tests compare with what pruning gives

	patience time.Duration // of a shred with those that read; 0 is shredPatience
}

// provider returns what opens the key folder.
func (c Config) provider() keys.KeyProvider {
	if c.Provider != nil {
		return c.Provider
	}
	return keys.Passphrase(c.Passphrase)
}

// Engine owns one open domain. It is safe for concurrent use.
type Engine struct {
	cfg      Config
	info     DomainInfo
	lock     *os.File
	keys     *keys.Folder
	registry *registry.Registry
	store    *zone.Store
	audit    *audit.Log
	rules    atomic.Pointer[policySet]
	ruling   sync.Mutex // of one change of the rules at a time
	pool     *sandbox.Pool
	cache    *sandbox.Cache // columns as workers map them
	log      *slog.Logger

	turns *admission // of statements
	loads *loadTurns // of deliveries
	book  *loadBook

	submissions *submissions

	pace    *pace    // what people, operators, licenses and zones did lately
	readers *readers // workers that read explains
	recall  *recall  // what explains read

	consents *consents // who consented, as last read
	ledgers  *ledgers  // what outputs showed, as last read

	// sealing is held for reading while data are loaded or copied, for writing while
	// keys are wrapped anew or destroyed.
	sealing sync.RWMutex
	// filling is held from when a zone's quota is looked at until what is stored counts.
	filling sync.Mutex
	copying atomic.Int64 // backups under way: no version is removed

	feeding feeding // of alerts to those who supervise

	answered, explains outcomes
	readiness          readiness

	tracing tracing

	strangers strangers // who were not recognised
	accesses  accesses  // who used what today
	guessing  lockout   // who guesses
	sessions  sessions  // browsers that are signed in
	presences presences // who gave a one-time code
	veil      *veil

	listens   atomic.Pointer[string] // where it takes requests over the network
	examining sync.Mutex             // one goroutine at a time makes a self-check

	looking sync.Mutex // guards looked: one goroutine at a time looks what is over
	looked  time.Time  // the hour in which it did last

	raising sync.Mutex // one goroutine at a time raises alerts

	effecting sync.Mutex // one goroutine at a time brings documents into force

	outbox  sync.Mutex  // one goroutine at a time moves events to the log
	witness sync.Mutex  // and changes what the key folder remembers of the log
	behind  atomic.Bool // events are committed that the log did not take

	mu    sync.Mutex
	runs  map[string]*run   // registered runs, by id
	reads map[*rawRead]bool // what else reads rows

	whole    bool // recover came to its end: what is remembered is the domain's
	draining bool // guarded by mu: no run enters any more
	closing  bool // guarded by mu
}

func (e *Engine) underWay() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return max(len(e.runs), e.submissions.underWay()) // of a submission the outcome is kept after its run
}

// Open opens a domain that Init made and takes it for this process. It refuses
// a registry older than its audit log, finishes what an earlier process left
// unlogged, closes its open intents as abandoned, and removes data no registry
// entry knows.
func Open(ctx context.Context, cfg Config) (_ *Engine, err error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Calendar == nil {
		if cfg.Calendar, err = calendar.Announced(); err != nil {
			return nil, err
		}
	}
	if cfg.Idle == 0 {
		cfg.Idle = 2
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := keysOutside(cfg); err != nil {
		return nil, err
	}
	if cfg.patience == 0 {
		cfg.patience = shredPatience
	}
	if cfg.Memory == 0 {
		cfg.Memory = sandbox.DefaultMemory
	}
	if cfg.Limits, err = cfg.Limits.withDefaults(cfg.Memory); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, veil: newVeil(), runs: map[string]*run{}, reads: map[*rawRead]bool{},
		cache: sandbox.NewCache(sandbox.CacheConfig{Bytes: cfg.Cache}), turns: newAdmission(cfg.Limits), loads: newLoadTurns(cfg.Limits), book: newLoadBook(cfg.Now),
		pace: newPace(cfg.Limits.Explains), readers: newReaders(cfg.Limits.All, cmp.Or(cfg.Wall, sandbox.DefaultWall)), recall: newRecall(), consents: newConsents(), ledgers: newLedgers()}
	e.submissions = newSubmissions(cfg.Limits, e.turns)
	e.log = e.Veiled(cfg.Log)
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	for _, root := range cfg.BackupRoots {
		if err := backupRoot(root, cfg.Domain, cfg.Keys); err != nil {
			return nil, err
		}
	}
	if err = feedApart(cfg, "alerts", cfg.AlertsTo); err != nil {
		return nil, err
	}
	if err = feedApart(cfg, "traces", cfg.TracesTo); err != nil {
		return nil, err
	}
	if e.info, err = ReadDomain(cfg.Domain); err != nil {
		return nil, err
	}
	if e.lock, err = lockDomain(cfg.Domain); err != nil {
		return nil, err
	}
	if err = keys.MakeFolder(filepath.Join(cfg.Domain, ledgerDir)); err != nil { // one of before there was a ledger has none
		return nil, err
	}
	if e.keys, err = keys.Open(cfg.Keys, cfg.provider()); err != nil {
		return nil, err
	}
	e.cfg.Passphrase, e.cfg.Provider = nil, nil
	if err = e.identify(); err != nil {
		return nil, err
	}
	if e.audit, err = openAudit(ctx, cfg, e.info.ID, e.keys); err != nil {
		return nil, err
	}
	if e.registry, err = openRegistry(ctx, cfg, e.keys); err != nil {
		return nil, err
	}
	if e.store, err = zone.New(zone.Config{Dir: filepath.Join(cfg.Domain, zonesDir), Wrapper: e.keys, Signer: e.keys.Signer(), SegmentRows: cfg.segment}); err != nil {
		return nil, err
	}
	rules, err := openRules(ctx, cfg, e.registry)
	if err != nil {
		return nil, err
	}
	e.rules.Store(rules)
	if err = e.recover(ctx); err != nil {
		return nil, err
	}
	if cfg.Worker != "" {
		e.pool, err = sandbox.NewPool(sandbox.Config{Worker: cfg.Worker, Pool: cfg.Idle, Memory: cfg.Memory, Spill: cfg.Spill, Attached: cfg.Attached, Wall: cfg.Wall})
		if err != nil {
			return nil, err
		}
	}
	if err = e.TakeEffect(ctx); err != nil { // what came due while no gate was there
		return nil, err
	}
	e.raiseCalled(ctx) // what the last process counted and did not raise
	if cfg.TracesTo != nil {
		e.tracing.begin(cfg.TracesTo)
	}
	return e, nil
}

// Close ends every run, signs the audit log and lets go of the domain. A run
// that does not end in time is closed as abandoned by the next Open. A second
// call does nothing.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closing {
		e.mu.Unlock()
		return nil
	}
	e.closing = true
	e.mu.Unlock()
	e.shut()
	e.stopAll()
	e.tracing.end()
	var errs []error
	if e.pool != nil {
		errs = append(errs, e.pool.Close())
	}
	errs = append(errs, e.cache.Evict(sandbox.Tag{}))
	if e.whole {
		if err := e.tellRefused(context.Background(), 0); err != nil {
			e.log.ErrorContext(context.Background(), "requests not authenticated", "cause", err)
		}
		if err := e.TellWithheld(context.Background()); err != nil {
			e.log.ErrorContext(context.Background(), "texts that were withheld", "cause", err)
		}
		errs = append(errs, e.remember(context.Background()))
	}
	if e.registry != nil {
		errs = append(errs, e.registry.Close())
	}
	if e.audit != nil {
		errs = append(errs, e.audit.Close(context.Background()))
	}
	if e.keys != nil {
		errs = append(errs, e.keys.Close())
	}
	if e.lock != nil {
		// A child that is just being started holds a copy of the descriptor, and
		// with it the lock, until it execs: closing alone is not enough.
		errs = append(errs, syscall.Flock(int(e.lock.Fd()), syscall.LOCK_UN), e.lock.Close())
	}
	return errors.Join(errs...)
}

// Domain returns the identity of the domain, with the signing key of now.
func (e *Engine) Domain() DomainInfo { return e.info.signedBy(e.keys.Signer()) }

var errStopped = errors.New("query: the gate is stopping")

// lockWait is how long a gate waits for the domain folder: a child that a killed gate
// was just starting holds its lock until it ends, which takes it a moment.
const lockWait = 2 * time.Second

// lockDomain takes the domain folder for this process until the file is closed.
func lockDomain(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("query: lock domain: %w", err)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK || time.Since(began) > lockWait {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("query: lock domain %s: another gate has it: %w", dir, err), f.Close())
	}
	return f, nil
}
