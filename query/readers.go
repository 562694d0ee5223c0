package query

import (
	"context"
	"errors"
	"sync"
	"time"

	"zonebox/sandbox"
)

// A person's explains are read by one worker, one after the other, as long as
// none of these is reached. The worker has never held a row and never will: a
// session that has parsed refuses to attach.
const (
	readerStatements = 200              // explains
	readerIdle       = 15 * time.Second // since the last
)

// readers keeps the workers that read the explains of one person each. A worker
// that read for one person never reads for another, nor for a question that
// runs: what a statement may have done to it stays with who wrote it. It is safe
// for concurrent use.
type readers struct {
	most       int           // kept at once
	age        time.Duration // of the oldest that still reads
	idle       time.Duration // since its last explain
	statements int           // explains of one

	mu        sync.Mutex
	kept      map[string]*reader // idle ones, by person
	dismissed int                // how often
	closed    bool
}

// reader is a worker of one person.
type reader struct {
	session    *sandbox.Session
	user       string
	began      time.Time
	statements int
	idle       *time.Timer
	dismissed  int // of readers, when it was taken
}

// newReaders keeps at most most workers, whose sessions end after wall. No
// explain may take longer than half of that, so that none is begun which its
// worker's end would cut short.
func newReaders(most int, wall time.Duration) *readers {
	return &readers{most: most, age: wall / 2, idle: readerIdle, statements: readerStatements, kept: map[string]*reader{}}
}

// take returns the worker that reads for user, a fresh one from the pool if none
// is idle. Its session ends with the pool, not with a context.
func (k *readers) take(ctx context.Context, pool *sandbox.Pool, user string) (*reader, error) {
	k.mu.Lock()
	r, dismissed := k.kept[user], k.dismissed
	delete(k.kept, user)
	k.mu.Unlock()
	if r != nil {
		if r.idle.Stop() && !r.session.Ended() && time.Since(r.began) < k.age {
			return r, nil
		}
		_ = r.session.Close()
	}
	s, err := start(ctx, pool)
	if err != nil {
		return nil, err
	}
	return &reader{session: s, user: user, began: time.Now(), dismissed: dismissed}, nil
}

// start takes a worker whose session outlives ctx: only the wait for it does not.
func start(ctx context.Context, pool *sandbox.Pool) (*sandbox.Session, error) {
	living, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	s, err := pool.Start(living)
	if !stop() && err == nil { // ctx ended meanwhile, and the session with it
		return nil, errors.Join(context.Cause(ctx), s.Close())
	}
	return s, err
}

// give hands a worker back that has read one more explain; well says that nothing
// happened that would end it.
func (k *readers) give(r *reader, well bool) error {
	r.statements++
	if !well || r.statements >= k.statements || time.Since(r.began) >= k.age || r.session.Ended() {
		return r.session.Close()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || r.dismissed != k.dismissed || len(k.kept) >= k.most || k.kept[r.user] != nil {
		return r.session.Close()
	}
	k.kept[r.user] = r
	r.idle = time.AfterFunc(k.idle, func() { k.drop(r) })
	return nil
}

// drop ends a worker that is still idle.
func (k *readers) drop(r *reader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept[r.user] == r {
		delete(k.kept, r.user)
		_ = r.session.Close()
	}
}

// dismiss ends every worker: a document changed, and with it perhaps who may ask
// what. One that is reading ends when it is given back, or with its run.
func (k *readers) dismiss() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dismissed++
	for user, r := range k.kept {
		r.idle.Stop()
		delete(k.kept, user)
		_ = r.session.Close()
	}
}

// close ends every idle worker, and those that are given back from now on.
func (k *readers) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.dismiss()
}
