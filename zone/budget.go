package zone

import "sync"

// A budget is memory that the loads of a store have together. It is safe for
// concurrent use.
type budget struct {
	mu   sync.Mutex
	left int64
}

// take takes n bytes, or returns ErrEntities if there are not that many.
func (b *budget) take(n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.left {
		return ErrEntities
	}
	b.left -= n
	return nil
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
}
