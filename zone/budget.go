package zone

import (
	"fmt"
	"sync"
	"syscall"
)

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

// table returns n bytes that are zero, or ErrEntities. What is large lies outside
// the Go heap: the collector lets the heap grow to twice what lives on it, and a
// table of ten million entities would count twice.
func (b *budget) table(n int) ([]byte, error) {
	if err := b.take(int64(n)); err != nil {
		return nil, err
	}
	if n < mapped {
		return make([]byte, n), nil
	}
	t, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		b.give(int64(n))
		return nil, fmt.Errorf("%w: %w", ErrEntities, err)
	}
	return t, nil
}

// mapped is from how many bytes a table lies outside the heap.
const mapped = 64 << 10

// drop gives a table back. Nobody uses it any more.
func (b *budget) drop(table []byte) {
	b.give(int64(len(table)))
	if len(table) >= mapped {
		_ = syscall.Munmap(table) // it is one that table made
	}
}
