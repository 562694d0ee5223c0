// Package audit keeps the tamper-evident log of a domain: what was asked,
// decided, run, released and changed, by whom, under which registry revision.
//
// A [Log] is a Merkle tree in the tlog-tiles layout (C2SP) with signed
// checkpoints, kept by Tessera on a POSIX file system. Inside the entries runs
// a second, SM3 chain (GB/T 32905): each entry holds the digest of the one
// before. Append writes entries to a tail in front of the tree, with one synced
// write for a batch; a goroutine moves them to the tree and Tessera signs it.
// Read [Log.Append] first, then [Verify].
//
// What it guarantees: an index that Append returned is durable and keeps its
// entry, through kill -9 and a full disk; entries stand in the order in which
// they were chained, without gaps; [Verify] names the first entry or file that
// was edited, removed, inserted, reordered or cut off below the signed
// checkpoint, and among the entries after it everything but a loss at their end.
//
// What it does not: the entries after the newest checkpoint are chained but not
// yet signed, and the newest of them stand in the tail alone, so somebody who can
// write the folder can drop them from the end unseen, or write others. Append
// waits for neither. An entry comes to the tree after at most 50 ms and a batch,
// and Tessera publishes a checkpoint at most ten times a second; [Log.Close] and
// [Open] wait for both, so the unsigned end is under 200 ms of a running or killed
// log. While the tree cannot be written it grows, to 4,096 entries; [Log.Room]
// says so, and then Append refuses more. Restoring the whole folder to an older
// state is consistent in itself. Both are seen only against a checkpoint kept
// elsewhere ([Log.Checkpoint], the last parameter of Verify) or against the
// registry, which knows what it gave to the log ([Log.Find], [Log.LastRevision]).
// The log is not secret: entries hold names and digests, never cell values.
//
// BUG(audit): Tessera panics when it cannot open its lock file, as when the
// process is out of descriptors or the file system turned read-only. The
// process then ends, which keeps the promise that nothing runs unlogged.
//
// BUG(audit): when the clock is set back while the log is open, Tessera
// publishes no checkpoint until it has caught up; Close and Open still do.
package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"
)

var (
	// ErrUnavailable says that the log cannot take entries now: the disk is full
	// or failing, or too many entries wait for the tree. The entry may still be in
	// the log, at the latest when it is opened next ([Log.Find] tells); no index
	// that was returned is lost; later calls work when the cause is gone.
	ErrUnavailable = errors.New("log unavailable")

	// ErrTooLarge says that the entry's leaf would exceed MaxLeaf.
	ErrTooLarge = errors.New("entry too large")

	// ErrInvalid says that an entry lacks an id, a kind or a time, or holds text
	// that is not UTF-8.
	ErrInvalid = errors.New("entry invalid")

	// ErrLocked says that another process has the log open.
	ErrLocked = errors.New("log is open elsewhere")

	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("log closed")
)

const (
	// checkpointInterval is the shortest that Tessera accepts: it bounds the
	// unsigned tail, and costs an idle log ten small reads a second.
	checkpointInterval = 100 * time.Millisecond

	// collectInterval is how often Tessera removes the partial bundles of full
	// ones. Every batch rewrites the last bundle under a new name, up to 256
	// entries long, so at full speed its default of one minute would leave much
	// behind.
	collectInterval = 5 * time.Second

	// publishWait bounds how long Open and Close wait for a checkpoint when the
	// caller's context sets no deadline.
	publishWait = 10 * time.Second
)

// Config holds what Open needs beside the signer.
type Config struct {
	// Verifier is the note verifier key of the signer. Open checks the log
	// against it before adding to it. It is required.
	Verifier string
}

// A Log appends to one audit folder. Its methods are safe for concurrent use.
type Log struct {
	dir        string
	lock       *os.File
	driver     tessera.Driver
	signer     note.Signer
	background context.Context // Tessera's
	stop       context.CancelFunc
	halt       context.CancelFunc // ends the integrator
	idle       chan struct{}      // closed when it ended

	queue queue
	tail  tail
	some  chan struct{} // something is pending
	many  chan struct{} // it is not to wait for company

	feeding sync.Mutex // held while the tree changes

	mu      sync.RWMutex
	chain   chain // of everything in the log
	ids     map[idKey]uint64
	pending [][]byte  // the newest leaves: in the tail, not known to be in the tree
	stuck   error     // of the integrator's last batch
	tries   uint64    // batches it tried
	ended   bool      // the integrator did
	moved   sync.Cond // on mu: tries was raised, or ended set
}

// Open opens the log in dir, creating it if dir is missing or empty, and takes
// it for this process alone. signer signs the checkpoints; its name is the
// log's origin.
//
// Open reads and verifies the whole log, about a second for each 100,000
// entries, and returns a *[BrokenError] rather than add to a log that does not
// verify; it removes what interrupted writes left behind, and moves to the tree
// what stands in the tail alone. When it returns, a signed checkpoint covers
// every entry. It returns ErrLocked if the log is open, ErrUnavailable if the
// disk refuses writes.
func Open(ctx context.Context, dir string, signer note.Signer, cfg Config) (*Log, error) {
	verifier, err := note.NewVerifier(cfg.Verifier)
	if err != nil {
		return nil, fmt.Errorf("audit: open log: verifier key: %w", err)
	}
	if verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return nil, errors.New("audit: open log: verifier key is not the signer's")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: open log: %w: %v", ErrUnavailable, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("audit: open log: %w", err)
	}
	l := &Log{dir: dir, lock: lock, signer: signer, ids: map[idKey]uint64{}, tail: tail{dir: dir},
		idle: make(chan struct{}), some: make(chan struct{}, 1), many: make(chan struct{}, 1)}
	l.background, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.queue.init()
	l.moved.L = &l.mu
	if err := l.start(ctx, verifier); err != nil {
		l.end()
		return nil, fmt.Errorf("audit: open log: %w", err)
	}
	go l.sequence()
	return l, nil
}

// start verifies what is on disk, loads the chain's end and the ids, starts
// Tessera and moves to the tree what was only in the tail.
func (l *Log) start(ctx context.Context, verifier note.Verifier) error {
	fresh, err := isFresh(l.dir)
	if err != nil {
		return err
	}
	if !fresh {
		if err := sweep(l.dir, everywhere); err != nil {
			return err
		}
		_, l.pending, err = verify(l.dir, verifier, nil, func(e Entry, c chain) {
			l.chain = c
			l.ids[keyOf(e.ID)] = e.Seq
		})
		if err != nil {
			return err
		}
	}
	if l.driver, err = posix.New(l.background, posix.Config{Path: l.dir}); err != nil {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	publisher := tessera.NewAppendOptions().WithCheckpointInterval(checkpointInterval).WithGarbageCollectionInterval(collectInterval)
	if _, err = l.appender(l.background, publisher); err != nil {
		return err
	}
	if err := makeTail(l.dir); err != nil {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	halting, halt := context.WithCancel(l.background)
	l.halt = halt
	go l.integrate(halting)
	if err := l.awaitCheckpoint(ctx); err != nil {
		return err
	}
	if err := clearTail(l.dir); err != nil {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	return nil
}

// end stops the integrator after its batch, then Tessera, and lets go of the
// folder.
func (l *Log) end() {
	if l.halt != nil {
		l.halt()
		<-l.idle
	}
	l.stop()
	l.tail.close()
	unlockDir(l.lock)
}

// isFresh reports whether dir holds no log yet. A crash while a log was being
// created leaves at most an empty tree state and an empty tail, which Open
// completes. A folder with tiles, segments or a checkpoint but no tree state is
// not fresh: Tessera would start over in it.
func isFresh(dir string) (bool, error) {
	for _, name := range []string{checkpointFile, "tile"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return false, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
	}
	if tail, err := readTail(dir); err != nil || len(tail) > 0 {
		return false, nil // verify names what is wrong
	}
	state, err := readState(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return err == nil && state.Size == 0, err
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return f, nil
}

// unlockDir gives the folder back. Closing the file is not enough: a child that
// is just being started holds a copy of its descriptor until it execs, and the
// lock lives as long as the last copy (flock(2)).
func unlockDir(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	f.Close()
}

// Append adds entries to the log, one after another without any other between
// them, and returns the index of the first once all are durable: in the synced
// tail, from where they come to the tree and under a checkpoint soon after.
// Several cost about what one does.
//
// Append sets Seq and PrevSM3, and raises Revision to that of the entry before
// if it is smaller, so that revisions never fall although callers race.
//
// It returns an error wrapping ErrTooLarge, ErrInvalid, ErrUnavailable or
// ErrClosed, or the context's error; after the latter, and after
// ErrUnavailable, any of the entries may still be in the log: look with Find
// before appending them again.
func (l *Log) Append(ctx context.Context, entries ...Entry) (uint64, error) {
	requests := make([]*request, len(entries))
	for i, e := range entries {
		if err := e.check(); err != nil {
			return 0, fmt.Errorf("audit: append entry: %w", err)
		}
		requests[i] = &request{entry: e.clone(), done: make(chan struct{})}
		if i > 0 {
			requests[i].before = requests[i-1]
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("audit: append entry: %w", err)
	}
	if len(entries) == 0 {
		panic("audit: Append of nothing")
	}
	if !l.queue.put(requests...) {
		return 0, fmt.Errorf("audit: append entry: %w", ErrClosed)
	}
	for _, r := range requests {
		select {
		case <-r.done:
		case <-ctx.Done():
			return 0, fmt.Errorf("audit: append entry: %w", ctx.Err())
		}
		if r.err != nil {
			return 0, fmt.Errorf("audit: append entry: %w", r.err)
		}
	}
	return requests[0].index, nil
}

// Size returns the number of durable entries.
func (l *Log) Size() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.chain.size
}

// Unsigned returns how many durable entries the newest checkpoint does not cover.
func (l *Log) Unsigned() uint64 {
	size, covered := l.Size(), uint64(0)
	if text, err := l.Checkpoint(); err == nil {
		if c, err := parseCheckpoint(text); err == nil {
			covered = c.size
		}
	}
	return size - min(size, covered)
}

// LastRevision returns the registry revision of the newest entry, 0 if the log
// is empty. A registry with a smaller revision is older than its log.
func (l *Log) LastRevision() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.chain.revision
}

// Find returns the index of the newest entry with this id.
func (l *Log) Find(id string) (index uint64, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	index, ok = l.ids[keyOf(id)]
	return index, ok
}

// Contains reports whether the log holds an entry with this id.
func (l *Log) Contains(_ context.Context, id string) bool {
	_, ok := l.Find(id)
	return ok
}

// Entries returns the entries with from <= Seq < to, in order; to is cut to the
// size of the log. It stops at the first error, which it yields. It reads the
// tree without verifying it, see Verify, and the newest entries from memory.
func (l *Log) Entries(ctx context.Context, from, to uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l.mu.RLock()
		size, pending := l.treeSize(), l.pending
		l.mu.RUnlock()
		each := func(_ uint64, leaf []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := decode(leaf)
			if err != nil {
				return err
			}
			if !yield(e, nil) {
				return errStop
			}
			return nil
		}
		err := readEntries(l.dir, from, min(to, size), size, each)
		for i := max(from, size); err == nil && i < min(to, size+uint64(len(pending))); i++ {
			err = each(i, pending[i-size])
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Entry{}, fmt.Errorf("audit: read entries: %w", err))
		}
	}
}

var errStop = errors.New("stop")

// Checkpoint returns the newest signed checkpoint. Kept outside this machine
// and given to Verify later, it shows that nothing up to it was taken back.
func (l *Log) Checkpoint() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, checkpointFile))
	if err != nil {
		return nil, fmt.Errorf("audit: read checkpoint: %w", err)
	}
	return b, nil
}

// Close waits for running Append calls, until the tree holds every entry and a
// signed checkpoint covers it, then lets go of the folder. It returns an error
// wrapping ErrUnavailable if no such checkpoint could be written before ctx
// ended; the entries are durable all the same, and the next Open moves and signs
// them.
func (l *Log) Close(ctx context.Context) error {
	if !l.queue.close() {
		return nil
	}
	<-l.queue.drained
	err := l.awaitCheckpoint(ctx)
	if err == nil {
		_ = clearTail(l.dir) // or the next Open does
	}
	l.end()
	if err != nil {
		return fmt.Errorf("audit: close log: %w", err)
	}
	return nil
}

// awaitCheckpoint waits until the published checkpoint covers every entry.
func (l *Log) awaitCheckpoint(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, publishWait)
		defer cancel()
	}
	signal(l.some)
	signal(l.many)
	// Tessera skips a checkpoint that looks younger than its interval, so a clock
	// that was set back would keep it from publishing.
	_ = os.Chtimes(filepath.Join(l.dir, checkpointFile), time.Time{}, time.Unix(0, 0))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(filepath.Join(l.dir, checkpointFile))
		if err == nil {
			if c, err := parseCheckpoint(b); err == nil && c.size >= l.Size() {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			l.mu.RLock()
			defer l.mu.RUnlock()
			if l.stuck != nil {
				return fmt.Errorf("%w: tree is behind the log: %v", ErrUnavailable, l.stuck)
			}
			return fmt.Errorf("%w: checkpoint is behind the log", ErrUnavailable)
		}
	}
}
