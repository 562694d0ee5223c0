package zone

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"
)

// An ahead counts the rows of a segment while more of them come: a worker parses
// the next batch meanwhile, and little is left to do when the segment is full. What
// it finds depends on the rows and their order alone.
//
// It is used by one goroutine, and has one of its own from add to wait.
type ahead struct {
	load   *Load
	parts  chan arrow.RecordBatch // nil if it has no goroutine
	done   chan struct{}
	err    error         // the first; after it nothing is counted
	ranges []extent      // by column of the schema
	codes  []arrow.Array // of entities, by part; released by release
}

// aheadOf is how many batches may wait to be counted. Batches can be of one row
// and as many as a worker likes, so that there must be a bound.
const aheadOf = 4

func newAhead(l *Load) *ahead { return &ahead{load: l, ranges: make([]extent, l.schema.NumFields())} }

// add counts the rows of part, which stays the load's.
func (t *ahead) add(part arrow.RecordBatch) {
	if t.parts == nil {
		t.parts, t.done = make(chan arrow.RecordBatch, aheadOf), make(chan struct{})
		go t.run(t.parts, t.done)
	}
	t.parts <- part
}

func (t *ahead) run(parts <-chan arrow.RecordBatch, done chan<- struct{}) {
	defer close(done)
	for part := range parts {
		if t.err == nil {
			t.err = t.count(part)
		}
	}
}

// wait returns when all that was added is counted.
func (t *ahead) wait() error {
	if t.parts != nil {
		close(t.parts)
		<-t.done
		t.parts = nil
	}
	return t.err
}

func (t *ahead) count(part arrow.RecordBatch) error {
	l := t.load
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	var keys error
	if l.entity != nil { // first: they take longest
		group.Go(func() error {
			codes, err := l.entity.codes(l.store.alloc, part.Column(l.entity.source))
			if err != nil {
				return fmt.Errorf("zone: code entities: %w", err)
			}
			t.codes = append(t.codes, codes)
			return nil
		})
	}
	if l.unique != nil && !l.unique.whole {
		group.Go(func() error {
			keys = l.unique.add([]arrow.RecordBatch{part})
			return nil
		})
	}
	for c, col := range part.Columns() {
		group.Go(func() error {
			l.sketches[c].add(col)
			t.ranges[c].add(col)
			return nil
		})
	}
	return cmp.Or(group.Wait(), keys)
}

func (t *ahead) release() {
	_ = t.wait() // the load knows, or is given up
	for _, c := range t.codes {
		c.Release()
	}
	*t = *newAhead(t.load)
}
