package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/transparency-dev/tessera"
)

// The integrator moves entries from the tail to the tree, in order, one batch
// at a time: each costs Tessera about three synced files however many entries
// it has, so it lets them gather. Tessera's own batching would not do: its queue
// goes on after a failed batch and would give the next one its place.
const (
	// gather is how long an entry waits for company, and eager how many do not.
	gather = 50 * time.Millisecond
	eager  = 64

	// retryWait bounds the wait after a batch that failed.
	retryWait = 500 * time.Millisecond

	// maxLag bounds the entries that are only in the tail: 4 MB of leaves, and
	// what may be dropped unseen while the tree cannot be written.
	maxLag = 4096
)

// signal wakes the one that receives from c, now or later.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// integrate is the goroutine that feeds the tree; Close ends it.
func (l *Log) integrate(ctx context.Context) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ended = true
		l.moved.Broadcast()
		close(l.idle)
	}()
	wait := gather
	for {
		select {
		case <-l.some:
		case <-ctx.Done():
			return
		}
		select {
		case <-l.many:
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		l.feeding.Lock()
		err := l.feed()
		l.feeding.Unlock()
		if wait = gather; err != nil {
			wait = retryWait
		}
		l.mu.Lock()
		l.stuck = err
		l.tries++
		l.call()
		size := l.treeSize()
		l.mu.Unlock()
		l.moved.Broadcast()
		l.tail.drop(size)
	}
}

// call wakes the integrator if there is something to do. The caller holds mu.
func (l *Log) call() {
	if len(l.pending) > 0 {
		signal(l.some)
	}
	if len(l.pending) >= eager && l.stuck == nil {
		signal(l.many)
	}
}

// treeSize returns the number of entries known to be in the tree. The caller
// holds mu.
func (l *Log) treeSize() uint64 { return l.chain.size - uint64(len(l.pending)) }

// feed adds the next batch to the tree.
func (l *Log) feed() error {
	if l.stuck != nil { // changed by this goroutine alone
		if err := l.recover(); err != nil {
			return err
		}
	}
	l.mu.RLock()
	first, leaves := l.treeSize(), l.pending[:min(len(l.pending), maxBatch)]
	l.mu.RUnlock()
	if len(leaves) == 0 {
		return nil
	}
	// Tessera would start over in a folder without a tree state.
	if state, err := readState(l.dir); err != nil || state.Size != first {
		return errors.Join(err, fmt.Errorf("tree has %d entries, not %d", state.Size, first))
	}
	// Tessera writes a batch when it reaches the size of its Appender, so each
	// batch has its own, which costs a few small reads. It publishes nothing.
	ctx, cancel := context.WithCancel(l.background)
	defer cancel()
	appender, err := l.appender(ctx, tessera.NewAppendOptions().
		WithBatching(uint(len(leaves)), time.Hour).
		WithCheckpointInterval(math.MaxInt64).WithGarbageCollectionInterval(0))
	if err != nil {
		return err
	}
	futures := make([]tessera.IndexFuture, len(leaves))
	for i, b := range leaves {
		futures[i] = appender.Add(ctx, tessera.NewEntry(b))
	}
	for i, f := range futures {
		index, e := f()
		if want := first + uint64(i); e == nil && index.Index != want {
			e = fmt.Errorf("entry %d was written as %d", want, index.Index)
		}
		err = errors.Join(err, e)
	}
	if err == nil {
		l.settle(len(leaves))
	}
	return err
}

// settle notes that the tree holds the first n pending entries.
func (l *Log) settle(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = l.pending[n:]
}

// recover finds out what a failed batch left. A write can fail after the tree
// state was replaced, when only the folder could not be synced: then the entries
// are in the tree although the batch failed.
func (l *Log) recover() error {
	state, err := readState(l.dir)
	if err != nil {
		return err
	}
	l.mu.RLock()
	first, leaves := l.treeSize(), l.pending
	l.mu.RUnlock()
	if state.Size < first {
		return &BrokenError{Code: Truncated, Entry: int64(state.Size), File: stateFile}
	}
	err = readEntries(l.dir, first, state.Size, state.Size, func(i uint64, b []byte) error {
		if k := i - first; k >= uint64(len(leaves)) || !bytes.Equal(b, leaves[k]) {
			return &BrokenError{Code: Changed, Entry: int64(i), File: bundleAt(i/tileWidth*tileWidth, state.Size).path()}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := sweep(l.dir, tilesOnly); err != nil {
		return err
	}
	l.settle(int(state.Size - first))
	return nil
}

// makeRoom waits until n more entries may be in the tail alone. It returns an
// error if the integrator tried and failed, or found the tree broken.
func (l *Log) makeRoom(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var broken *BrokenError
	if errors.As(l.stuck, &broken) {
		return broken
	}
	for len(l.pending)+n > maxLag {
		if l.stuck == nil {
			signal(l.many)
			l.moved.Wait()
		} else if err := l.retry(); err != nil {
			return err
		}
	}
	return nil
}

// retry waits, if the last batch failed, for the next, and returns how that
// went. The caller holds mu.
func (l *Log) retry() error {
	for tries := l.tries; l.stuck != nil && l.tries == tries && !l.ended; l.moved.Wait() {
		signal(l.some)
		signal(l.many)
	}
	return l.stuck
}

// appender returns a new Appender, which lives as long as ctx.
func (l *Log) appender(ctx context.Context, opts *tessera.AppendOptions) (*tessera.Appender, error) {
	// The shutdown function only waits for a checkpoint, as Close does.
	a, _, _, err := tessera.NewAppender(ctx, l.driver, opts.WithCheckpointSigner(l.signer).WithCheckpointRepublishInterval(0))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	return a, nil
}
