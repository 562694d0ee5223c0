package audit

import (
	"fmt"
	"sync"
)

// Entries are chained, so a batch must not be written after an earlier one
// failed. The sequencer writes one batch at a time to the tail: while one is
// being synced the next gathers. That is also the fastest for a single writer,
// which never waits for company; it pays one write and one sync and nothing
// else. What is in the tail is in the log; the integrator moves it to the tree.

// maxBatch bounds the entries of one write, to the tail or to the tree.
const maxBatch = 256

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
	n := min(len(q.waiting), maxBatch)
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

// commit chains and writes one batch: all of it or, with an error, nothing that
// anybody may rely on.
func (l *Log) commit(batch []*request) error {
	if err := l.makeRoom(len(batch)); err != nil {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	end := l.chain // changed here alone
	leaves := make([][]byte, len(batch))
	for i, r := range batch {
		r.entry.Seq = end.size
		r.entry.PrevSM3 = end.prev()
		r.entry.Revision = max(r.entry.Revision, end.revision)
		r.index = end.size
		b, err := r.entry.encode()
		if err != nil {
			return err
		}
		leaves[i] = b
		end = end.next(r.entry, b)
	}
	if err := l.tail.write(l.chain.size, leaves); err != nil {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chain = end
	for _, r := range batch {
		l.ids[keyOf(r.entry.ID)] = r.entry.Seq
	}
	l.pending = append(l.pending, leaves...)
	l.call()
	return nil
}
