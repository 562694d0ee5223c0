package zone

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// A memo keeps what is cheap to keep and dear to find out again, up to limit
// bytes, the longest unused dropped first. It is safe for concurrent use.
type memo[V any] struct {
	limit int64

	mu    sync.Mutex
	used  int64
	byID  map[[sha256.Size]byte]*list.Element
	order list.List // of *known[V], last used first
}

type known[V any] struct {
	id    [sha256.Size]byte
	zone  string
	value V
	size  int64
}

func newMemo[V any](limit int64) *memo[V] {
	return &memo[V]{limit: limit, byID: map[[sha256.Size]byte]*list.Element{}}
}

func (m *memo[V]) get(id [sha256.Size]byte) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byID[id]
	if !ok {
		return v, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*known[V]).value, true
}

// put keeps v, about size bytes. Equal ids have equal values.
func (m *memo[V]) put(id [sha256.Size]byte, zone string, v V, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, have := m.byID[id]; have || size > m.limit {
		return
	}
	m.byID[id] = m.order.PushFront(&known[V]{id, zone, v, size})
	m.used += size
	for m.used > m.limit {
		m.drop(m.order.Back())
	}
}

// forget drops what is known of a zone, or everything if zone is "".
func (m *memo[V]) forget(zone string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.order.Front(); e != nil; {
		next := e.Next()
		if zone == "" || e.Value.(*known[V]).zone == zone {
			m.drop(e)
		}
		e = next
	}
}

func (m *memo[V]) drop(e *list.Element) {
	k := m.order.Remove(e).(*known[V])
	m.used -= k.size
	delete(m.byID, k.id)
}
