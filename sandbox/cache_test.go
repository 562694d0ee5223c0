package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox"
)

// sealedOf seals n numbers.
func sealedOf(n int) (*sandbox.Sealed, error) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(int64(i))
	}
	arr := b.NewArray()
	defer arr.Release()
	return sandbox.Seal(arr)
}

func keyOf(n int) sandbox.Key { return sandbox.Key{byte(n), byte(n >> 8)} }

// take gets a column of n numbers and releases it.
func take(t testing.TB, c *sandbox.Cache, key, n int, tag sandbox.Tag) {
	t.Helper()
	h, err := c.Get(t.Context(), keyOf(key), tag, func() (*sandbox.Sealed, error) { return sealedOf(n) })
	if err != nil {
		t.Fatal(err)
	}
	if h.Column().Rows() != int64(n) {
		t.Fatalf("key %d gives %d rows, want %d", key, h.Column().Rows(), n)
	}
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
}

// sealedFiles counts the descriptors of sealed columns in this process.
func sealedFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(to, "zonebox-column") {
			n++
		}
	}
	return n
}

var anyTag = sandbox.Tag{Zone: "z", Dataset: "d"}

func TestACacheDropsTheLongestUnusedAboveItsBytes(t *testing.T) {
	one, err := sealedOf(1000)
	if err != nil {
		t.Fatal(err)
	}
	size := one.Size()
	_ = one.Close()
	before := sealedFiles(t)
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 3*size + size/2})
	for _, key := range []int{1, 2, 3, 1, 4} { // 4 takes the place of 2
		take(t, c, key, 1000, anyTag)
	}
	want := sandbox.CacheStats{Hits: 1, Misses: 4, Evictions: 1, Entries: 3, Bytes: 3 * size, Limit: 3*size + size/2}
	if got := c.Stats(); got != want {
		t.Errorf("stats = %+v, want %+v", got, want)
	}
	take(t, c, 1, 1000, anyTag)
	take(t, c, 2, 1000, anyTag)
	if got := c.Stats(); got.Hits != 2 || got.Misses != 5 {
		t.Errorf("stats = %+v, want another hit of 1 and another miss of 2", got)
	}
	if n := sealedFiles(t) - before; n != 3 {
		t.Errorf("%d descriptors are open, want 3", n)
	}
	if err := c.Evict(sandbox.Tag{}); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats(); got.Entries != 0 || got.Bytes != 0 || sealedFiles(t) != before {
		t.Errorf("after evicting everything: %+v and %d descriptors", got, sealedFiles(t)-before)
	}
}

func TestACacheIsBoundedByDescriptorsToo(t *testing.T) {
	before := sealedFiles(t)
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 1 << 30, Files: 5})
	for key := range 20 {
		take(t, c, key, 10, anyTag)
	}
	if got := c.Stats(); got.Entries != 5 || sealedFiles(t)-before != 5 {
		t.Errorf("entries = %d, descriptors = %d, want 5", got.Entries, sealedFiles(t)-before)
	}
	_ = c.Evict(sandbox.Tag{})
}

func TestWhatIsLargerThanTheCachePassesThrough(t *testing.T) {
	before := sealedFiles(t)
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 4096})
	take(t, c, 1, 10, anyTag)
	take(t, c, 2, 100_000, anyTag)
	take(t, c, 2, 100_000, anyTag)
	take(t, c, 1, 10, anyTag)
	if got := c.Stats(); got.Hits != 1 || got.Misses != 3 || got.Entries != 1 || sealedFiles(t)-before != 1 {
		t.Errorf("stats = %+v with %d descriptors, want 1 hit, 3 misses, 1 entry", got, sealedFiles(t)-before)
	}
	_ = c.Evict(sandbox.Tag{})
}

func TestAHeldColumnOutlivesItsEviction(t *testing.T) {
	before := sealedFiles(t)
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 1 << 20})
	h, err := c.Get(t.Context(), keyOf(1), anyTag, func() (*sandbox.Sealed, error) { return sealedOf(10) })
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Get(t.Context(), keyOf(1), anyTag, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Evict(anyTag); err != nil {
		t.Fatal(err)
	}
	for i, held := range []*sandbox.Held{h, again} {
		if c.Stats().Entries != 0 || sealedFiles(t) != before+1 {
			t.Errorf("before release %d: %d descriptors, want 1", i, sealedFiles(t)-before)
		}
		if err := held.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if sealedFiles(t) != before {
		t.Errorf("%d descriptors are left", sealedFiles(t)-before)
	}
}

func TestEvictionIsByZoneAndDataset(t *testing.T) {
	for _, tt := range []struct {
		tag  sandbox.Tag
		left int64
	}{
		{sandbox.Tag{Zone: "a", Dataset: "x"}, 3}, {sandbox.Tag{Zone: "a"}, 2}, {sandbox.Tag{Dataset: "x"}, 2}, {sandbox.Tag{}, 0},
		{sandbox.Tag{Zone: "c"}, 4}, {sandbox.Tag{Zone: "b", Dataset: "nothing"}, 4},
	} {
		c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 1 << 20})
		for i, tag := range []sandbox.Tag{{"a", "x"}, {"a", "y"}, {"b", "x"}, {"b", "y"}} {
			take(t, c, i, 10, tag)
		}
		if err := c.Evict(tt.tag); err != nil {
			t.Fatal(err)
		}
		if got := c.Stats().Entries; got != tt.left {
			t.Errorf("evicting %+v leaves %d of 4, want %d", tt.tag, got, tt.left)
		}
		_ = c.Evict(sandbox.Tag{})
	}
}

func TestAColumnIsMadeOnceForAllWhoAsk(t *testing.T) {
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 1 << 20})
	defer c.Evict(sandbox.Tag{})
	var fills atomic.Int64
	begun, proceed := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	ask := func() {
		h, err := c.Get(t.Context(), keyOf(1), anyTag, func() (*sandbox.Sealed, error) {
			fills.Add(1)
			close(begun)
			<-proceed
			return sealedOf(10)
		})
		if err != nil {
			t.Error(err)
			return
		}
		_ = h.Release()
	}
	wg.Go(ask)
	<-begun
	for range 7 {
		wg.Go(ask)
	}
	if got := c.Stats(); got.Filling != 1 {
		t.Errorf("filling = %d, want 1", got.Filling)
	}
	close(proceed)
	wg.Wait()
	if got := c.Stats(); fills.Load() != 1 || got.Misses != 1 || got.Hits != 7 || got.Filling != 0 {
		t.Errorf("%d fills, stats %+v, want one fill and seven hits", fills.Load(), got)
	}
}

func TestAFillThatFailsIsNotKept(t *testing.T) {
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 1 << 20})
	defer c.Evict(sandbox.Tag{})
	broken := errors.New("broken")
	begun, proceed := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		_, err := c.Get(t.Context(), keyOf(1), anyTag, func() (*sandbox.Sealed, error) {
			close(begun)
			<-proceed
			return nil, broken
		})
		first <- err
	}()
	<-begun
	gone, cancel := context.WithCancelCause(t.Context())
	second, third := make(chan error), make(chan error)
	go func() { // waits, and leaves
		_, err := c.Get(gone, keyOf(1), anyTag, func() (*sandbox.Sealed, error) { return nil, errors.New("filled after all") })
		second <- err
	}()
	away := errors.New("went away")
	cancel(away)
	if err := <-second; !errors.Is(err, away) {
		t.Errorf("who left gets %v, want the cause", err)
	}
	go func() { // waits, and fills
		h, err := c.Get(t.Context(), keyOf(1), anyTag, func() (*sandbox.Sealed, error) { return sealedOf(10) })
		if err == nil {
			err = h.Release()
		}
		third <- err
	}()
	close(proceed)
	if err := <-first; !errors.Is(err, broken) {
		t.Errorf("the first gets %v, want its own error", err)
	}
	if err := <-third; err != nil {
		t.Errorf("who waited gets %v, want the column", err)
	}
}

// Whoever ends runs and then evicts finds nothing left, however far a fill had
// come: a fill whose context has ended, or whose tag was evicted, is not kept.
func TestNothingIsKeptOfAnEndedOrEvictedFill(t *testing.T) {
	before := sealedFiles(t)
	for what, end := range map[string]func(*sandbox.Cache, context.CancelFunc){
		"ended":   func(_ *sandbox.Cache, cancel context.CancelFunc) { cancel() },
		"evicted": func(c *sandbox.Cache, _ context.CancelFunc) { _ = c.Evict(sandbox.Tag{Zone: "z"}) },
	} {
		c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 1 << 20})
		ctx, cancel := context.WithCancel(t.Context())
		h, err := c.Get(ctx, keyOf(1), anyTag, func() (*sandbox.Sealed, error) {
			end(c, cancel)
			return sealedOf(10)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Stats(); got.Entries != 0 || got.Bytes != 0 {
			t.Errorf("%s: stats = %+v, want nothing kept", what, got)
		}
		_ = h.Release()
		cancel()
	}
	if n := sealedFiles(t); n != before {
		t.Errorf("%d descriptors are left", n-before)
	}
}

// Many ask, some leave, and somebody evicts all the time: figures add up, no
// column is closed under its holder, and nothing is left in the end.
func TestACacheUnderPressure(t *testing.T) {
	before := sealedFiles(t)
	c := sandbox.NewCache(sandbox.CacheConfig{Bytes: 40_000, Files: 6})
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 7))
			for range 300 {
				key := r.IntN(12)
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(10) == 0 {
					go cancel()
				}
				h, err := c.Get(ctx, keyOf(key), sandbox.Tag{Zone: "z", Dataset: fmt.Sprint(key % 3)}, func() (*sandbox.Sealed, error) {
					if r.IntN(20) == 0 {
						return nil, errors.New("broken")
					}
					return sealedOf(100 * (key + 1))
				})
				if err == nil {
					if h.Column().Rows() != int64(100*(key+1)) || !sandbox.Open(h.Column()) {
						t.Errorf("key %d gives %d rows, or a closed column", key, h.Column().Rows())
					}
					err = h.Release()
					if err != nil {
						t.Error(err)
					}
				}
				if r.IntN(30) == 0 {
					if err := c.Evict(sandbox.Tag{Dataset: fmt.Sprint(r.IntN(3))}); err != nil {
						t.Error(err)
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
	got := c.Stats()
	if got.Bytes > 40_000 || got.Entries > 6 || got.Filling != 0 || int64(sealedFiles(t)-before) != got.Entries {
		t.Errorf("stats = %+v with %d descriptors", got, sealedFiles(t)-before)
	}
	if err := c.Evict(sandbox.Tag{}); err != nil || sealedFiles(t) != before {
		t.Errorf("Evict = %v, and %d descriptors are left", err, sealedFiles(t)-before)
	}
}
