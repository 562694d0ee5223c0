package sandbox

import (
	"bufio"
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// A CacheConfig bounds a Cache.
type CacheConfig struct {
	// Bytes bounds what the columns of the cache hold. Default: an eighth of
	// the memory this process may use, at most 4 GiB. Below 0 nothing is kept.
	Bytes int64
	// Files bounds how many columns there are, each a descriptor. Default: a
	// quarter of the descriptors this process may have.
	Files int
}

func (c CacheConfig) withDefaults() CacheConfig {
	if c.Bytes == 0 {
		c.Bytes = min(HostMemory()/8, 4<<30)
	}
	if c.Files <= 0 {
		c.Files = 256
		var l syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
			c.Files = int(min(l.Cur, 1<<20)) / 4
		}
	}
	return c
}

// HostMemory returns the bytes of memory this process may use: the machine's,
// or those of its control group; 8 GiB if nobody says.
func HostMemory() int64 {
	total := int64(8 << 30)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			var kib int64
			if _, err := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kib); err == nil {
				total = kib << 10
			}
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil {
			total = min(total, n)
		}
	}
	return total
}

// A Key names the content of a column. Equal keys must mean equal bytes: the
// cache believes it.
type Key = [32]byte

// A Tag says whose data a column is made of, for Evict.
type Tag struct{ Zone, Dataset string }

// covers reports whether an eviction by t concerns what has the tag other. An
// empty field stands for all.
func (t Tag) covers(other Tag) bool {
	return (t.Zone == "" || t.Zone == other.Zone) && (t.Dataset == "" || t.Dataset == other.Dataset)
}

// A Cache keeps sealed columns, the longest unused dropped first. It decides
// nothing: whoever asks it for a column must be allowed to have it.
//
// What is larger than the cache passes through it. A column that is dropped
// while somebody holds it is closed when the last holder releases it, so that
// memory in use can exceed the bound by what runs hold at the time. The zero
// Cache is not usable; a Cache is safe for concurrent use.
type Cache struct {
	cfg CacheConfig

	mu      sync.Mutex
	entries map[Key]*entry
	order   list.List // of *entry, last used first
	fills   map[Key]*filling
	stats   CacheStats
}

// CacheStats are figures of a cache since it was made.
type CacheStats struct {
	Hits      int64 `json:"hits"`
	Misses    int64 `json:"misses"` // lookups that made the column, or tried to
	Evictions int64 `json:"evictions"`
	Filling   int64 `json:"filling"` // columns being made right now
	Entries   int64 `json:"entries"`
	Bytes     int64 `json:"bytes"`
	Limit     int64 `json:"limit"` // of Bytes
}

type entry struct {
	key    Key
	tag    Tag
	column *Sealed
	at     *list.Element // nil once it is out of the cache
	held   int           // by callers of Get
}

type filling struct {
	tag     Tag
	done    chan struct{} // closed when the column is made, or is not
	evicted bool
}

// NewCache returns an empty cache.
func NewCache(cfg CacheConfig) *Cache {
	cfg = cfg.withDefaults()
	return &Cache{cfg: cfg, entries: map[Key]*entry{}, fills: map[Key]*filling{}, stats: CacheStats{Limit: cfg.Bytes}}
}

// A Held is a column somebody uses. It stays open until Release, which must be
// called once.
type Held struct {
	cache *Cache
	entry *entry
}

// Column returns the column. The cache closes it, not the caller.
func (h *Held) Column() *Sealed { return h.entry.column }

// Get returns the column named key, which fill makes if the cache has none. Of
// several that ask at once one fills and the others wait. A fill that fails is
// not kept: its caller gets the error, and another of those who wait fills. Nor
// is a column kept whose caller's context has ended or whose tag was evicted in
// the meantime.
//
// Get returns the error of fill, or the cause of ctx.
func (c *Cache) Get(ctx context.Context, key Key, tag Tag, fill func() (*Sealed, error)) (*Held, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c.mu.Lock()
		if e := c.entries[key]; e != nil {
			c.order.MoveToFront(e.at)
			c.stats.Hits++
			e.held++
			c.mu.Unlock()
			return &Held{c, e}, nil
		}
		f := c.fills[key]
		if f == nil {
			f = &filling{tag: tag, done: make(chan struct{})}
			c.fills[key] = f
			c.stats.Misses++
			c.mu.Unlock()
			return c.fill(ctx, key, f, fill)
		}
		c.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// fill makes the column and keeps it if that is still wanted. Whether it is, is
// decided under the lock that Evict takes: whoever ends contexts and then evicts
// leaves nothing behind.
func (c *Cache) fill(ctx context.Context, key Key, f *filling, fill func() (*Sealed, error)) (_ *Held, err error) {
	var column *Sealed
	defer func() { // also if fill panics
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.fills[key] == f {
			delete(c.fills, key)
		}
		close(f.done)
	}()
	if column, err = fill(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &entry{key: key, tag: f.tag, column: column, held: 1}
	if ctx.Err() == nil && !f.evicted && column.Size() <= c.cfg.Bytes {
		e.at = c.order.PushFront(e)
		c.entries[key] = e
		c.stats.Entries++
		c.stats.Bytes += column.Size()
		for c.stats.Bytes > c.cfg.Bytes || c.stats.Entries > int64(c.cfg.Files) {
			err = errors.Join(err, c.drop(c.order.Back().Value.(*entry)))
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.letGo(e))
	}
	return &Held{c, e}, nil
}

// Release gives the column back.
func (h *Held) Release() error {
	h.cache.mu.Lock()
	defer h.cache.mu.Unlock()
	return h.cache.letGo(h.entry)
}

// letGo closes a column that is out of the cache when nobody holds it.
func (c *Cache) letGo(e *entry) error {
	if e.held--; e.held > 0 || e.at != nil {
		return nil
	}
	return e.column.Close()
}

// drop takes an entry out of the cache.
func (c *Cache) drop(e *entry) error {
	delete(c.entries, e.key)
	c.order.Remove(e.at)
	e.at = nil
	c.stats.Entries--
	c.stats.Bytes -= e.column.Size()
	c.stats.Evictions++
	if e.held > 0 {
		return nil
	}
	return e.column.Close()
}

// Evict drops every column whose tag t covers, and keeps none that is being made
// now. An empty field of t stands for all.
func (c *Cache) Evict(t Tag) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for at := c.order.Front(); at != nil; {
		e := at.Value.(*entry)
		at = at.Next()
		if t.covers(e.tag) {
			errs = append(errs, c.drop(e))
		}
	}
	for key, f := range c.fills {
		if t.covers(f.tag) {
			f.evicted = true
			delete(c.fills, key) // who asks from now on makes it anew
		}
	}
	return errors.Join(errs...)
}

// Stats returns the figures of the cache.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Filling = int64(len(c.fills))
	return s
}
