package audit

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
)

// Entries are chained, so a batch must not be written after an earlier one
// failed. Tessera's own batching cannot promise that: its queue goes on with
// entries that were chained to the failed ones. So the log batches itself, one
// batch at a time: while one is being written the next gathers. That is also
// the fastest for a single writer, which never waits for company; it pays the
// synced writes and nothing else.
//
// Tessera writes a batch when it reaches its size, and one Appender has one
// size. So there is an Appender per power of two up to maxBatch, all on the same
// storage; a batch is the largest power of two not above the number waiting.
// Only the one of size 1 publishes checkpoints and collects garbage.
const maxBatch = 64

type request struct {
	entry  Entry
	before *request // of the same Append: entries never overtake one that failed
	done   chan struct{}
	index  uint64
	err    error
}

// queue holds the requests that wait for the sequencer.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond
	waiting []*request
	closed  bool
	drained chan struct{}
}

func (q *queue) init() {
	q.more.L = &q.mu
	q.drained = make(chan struct{})
}

// put adds requests, next to each other, and reports whether the queue was open.
func (q *queue) put(requests ...*request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, requests...)
	q.more.Signal()
	return true
}

// close reports whether this call closed the queue.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.closed
	q.closed = true
	q.more.Signal()
	return !was
}

// take returns the next batch, nil when the queue is closed and empty.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.waiting = orderly(q.waiting); len(q.waiting) == 0; q.waiting = orderly(q.waiting) {
		if q.closed {
			return nil
		}
		q.more.Wait()
	}
	n := 1
	for 2*n <= min(len(q.waiting), maxBatch) {
		n *= 2
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// sequence is the goroutine that writes; Close ends it.
func (l *Log) sequence() {
	defer close(l.queue.drained)
	for {
		batch := l.queue.take()
		if batch == nil {
			return
		}
		err := l.commit(batch)
		for _, r := range batch {
			r.err = err
			close(r.done)
		}
	}
}

// orderly fails the requests that follow a failed one of the same Append, and
// returns the others.
func orderly(waiting []*request) []*request {
	rest := waiting[:0:0]
	for _, r := range waiting {
		if b := r.before; b != nil && b.err != nil {
			r.err = b.err
			close(r.done)
			continue
		}
		rest = append(rest, r)
	}
	return rest
}

// commit chains and writes one batch: all of it or, with an error, as far as
// anybody may assume nothing.
func (l *Log) commit(batch []*request) error {
	if l.unsure {
		if err := l.recover(); err != nil {
			return fmt.Errorf("%w: %v", ErrUnavailable, err)
		}
	}
	appender, err := l.appender(len(batch))
	if err != nil {
		return err
	}
	end := l.chain
	leaves := make([]*tessera.Entry, len(batch))
	for i, r := range batch {
		r.entry.Seq = end.size
		r.entry.PrevSM3 = end.prev()
		r.entry.Revision = max(r.entry.Revision, end.revision)
		b, err := r.entry.encode()
		if err != nil {
			return err
		}
		leaves[i] = tessera.NewEntry(b)
		end = end.next(r.entry, b)
	}
	futures := make([]tessera.IndexFuture, len(batch))
	for i, e := range leaves {
		futures[i] = appender.Add(l.background, e)
	}
	for i, f := range futures {
		index, e := f()
		if e == nil && index.Index != batch[i].entry.Seq {
			e = fmt.Errorf("entry %d was written as %d", batch[i].entry.Seq, index.Index)
		}
		if e != nil && err == nil {
			err = e
		}
		batch[i].index = index.Index
	}
	if err != nil {
		l.unsure = true
		_ = l.recover() // tried again before the next batch
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chain = end
	for _, r := range batch {
		l.ids[keyOf(r.entry.ID)] = r.entry.Seq
	}
	return nil
}

// recover finds out what a failed batch left. A write can fail after the tree
// state was replaced, when only the folder could not be synced: then the
// entries are in the log although their Append failed, and the chain goes on
// from them.
func (l *Log) recover() error {
	state, err := readState(l.dir)
	if err != nil {
		return err
	}
	end := l.chain
	found := map[idKey]uint64{}
	err = readEntries(l.dir, end.size, state.Size, state.Size, func(i uint64, b []byte) error {
		e, err := decode(b)
		if err != nil {
			return err
		}
		if code := end.accepts(e); code != "" {
			return &BrokenError{Code: code, Entry: int64(i)}
		}
		end = end.next(e, b)
		found[keyOf(e.ID)] = i
		return nil
	})
	if err != nil {
		return err
	}
	if end.size != state.Size {
		return &BrokenError{Code: Truncated, Entry: int64(state.Size), File: stateFile}
	}
	if err := sweep(l.dir, tilesOnly); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chain = end
	for k, i := range found {
		l.ids[k] = i
	}
	l.unsure = false
	return nil
}

// appender returns the Appender for batches of n.
func (l *Log) appender(n int) (*tessera.Appender, error) {
	if a := l.appenders[n]; a != nil {
		return a, nil
	}
	opts := tessera.NewAppendOptions().
		WithCheckpointSigner(l.signer).
		WithCheckpointRepublishInterval(0).
		WithBatching(uint(n), time.Hour)
	if n == 1 {
		opts = opts.WithCheckpointInterval(checkpointInterval).WithGarbageCollectionInterval(collectInterval)
	} else {
		opts = opts.WithCheckpointInterval(math.MaxInt64).WithGarbageCollectionInterval(0)
	}
	// The shutdown function only waits for a checkpoint, as Close does.
	a, _, _, err := tessera.NewAppender(l.background, l.driver, opts)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	l.appenders[n] = a
	return a, nil
}
