package maskbench

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/internal/stopwatch"
	"zonebox/masking"
	"zonebox/masking/lanes"
)

// threads are the numbers of threads that are measured: one, and all, each with a
// batch of the rows at least.
func threads(rows int64) []int {
	batches := (rows + BatchRows - 1) / BatchRows
	return slices.Compact([]int{1, min(runtime.GOMAXPROCS(0), int(batches))})
}

// measurement is what one result comes from: a column in batches, its mask, its
// copy and its floor, in order the ways of a round.
type measurement struct {
	result   Result
	kernel   masking.Kernel
	cipher   *lanes.Cipher // nil: no floor
	batches  []arrow.Array
	entities []arrow.Array
	bytes    [][]byte // of the values of each batch
	times    [3][]float64
	ran      []float64 // see Result.Ran
	medians  []float64 // of the mask, by visit
}

const maskWay, copyWay, floorWay = 0, 1, 2

// prepare returns the measurements of a column: each technique on each variant by
// each number of threads.
func (o Options) prepare(c *column) ([]*measurement, error) {
	vs, err := c.build(o.Seed)
	if err != nil {
		return nil, err
	}
	var out []*measurement
	for _, t := range o.cases(c) {
		k := keys
		k.Algorithm = t.algorithm
		kernel, err := masking.Compile(c.typ, t.recipe, k)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			m := measurement{kernel: kernel, result: Result{
				Technique: t.String(), Kind: t.recipe.Kind, Column: c.name, Type: c.typ,
				Layout: v.layout, Cardinality: v.cardinality, Distinct: v.distinct, Rows: int64(v.values.Len()),
			}}
			for from := int64(0); from < m.result.Rows; from += BatchRows {
				to := min(m.result.Rows, from+BatchRows)
				b := array.NewSlice(v.values, from, to)
				m.batches = append(m.batches, b)
				m.entities = append(m.entities, array.NewSlice(c.entities, from, to))
				m.bytes = append(m.bytes, valueBytes(b))
				m.result.Bytes += int64(len(m.bytes[len(m.bytes)-1]))
			}
			if m.cipher, m.result.Blocks, err = t.floor(v.values, c.entities); err != nil {
				return nil, err
			}
			if m.result.Blocks == 0 { // no value to encipher, no floor
				m.cipher = nil
			}
			if m.cipher != nil {
				m.result.Cipher = m.cipher.Name()
			}
			for _, n := range threads(m.result.Rows) {
				by := m
				by.result.Threads = n
				out = append(out, &by)
			}
		}
	}
	return out, nil
}

// valueBytes returns the bytes of the values of arr, which is of one of types, or
// those of a dictionary's codes.
func valueBytes(arr arrow.Array) []byte {
	switch a := arr.(type) {
	case *array.String:
		return a.ValueBytes()
	case *array.Dictionary:
		return valueBytes(a.Indices())
	}
	width, at := arr.DataType().(arrow.FixedWidthDataType).Bytes(), arr.Data().Offset()
	return arr.Data().Buffers()[1].Bytes()[at*width : (at+arr.Len())*width]
}

// space is the memory that the rounds of a visit write to.
type space struct {
	masked  []arrow.Array // by batch
	misfits []int64
	allocs  []recycler // by thread
	copied  []byte
	blocks  [][]byte // by thread
}

// visit measures rounds until the share of time is over or their spread is small.
// The first round warms up. The last visit keeps what was masked as a digest.
func (m *measurement) visit(share time.Duration) error {
	runtime.GC() // not in between
	n := m.result.Threads
	mem := &space{masked: make([]arrow.Array, len(m.batches)), misfits: make([]int64, len(m.batches)),
		allocs: make([]recycler, n), copied: make([]byte, m.result.Bytes), blocks: make([][]byte, n)}
	for i := range mem.blocks {
		mem.blocks[i] = make([]byte, 64*lanes.BlockSize)
	}
	ways := []func() (float64, error){func() (float64, error) { return m.mask(mem) }, func() (float64, error) { return m.copy(mem) }, func() (float64, error) { return m.encipher(mem) }}
	if m.cipher == nil {
		ways = ways[:floorWay]
	}
	before := len(m.times[maskWay])
	for end, round := stopwatch.Wall()+share.Nanoseconds(), 0; ; round++ {
		for i := range ways {
			way := (i + round) % len(ways)
			start := stopwatch.Wall()
			took, err := ways[way]()
			if err != nil {
				return err
			}
			if round > 0 {
				m.times[way] = append(m.times[way], max(took, 1))
			}
			if way == maskWay {
				m.ran = append(m.ran, took/float64(max(1, stopwatch.Wall()-start)))
				mem.release()
			}
		}
		rounds := m.times[maskWay][before:]
		if len(rounds) >= mostRounds || len(rounds) >= leastRounds && stopwatch.Wall() > end || len(rounds) >= 9 && spread(rounds) < 1 {
			break
		}
	}
	m.medians = append(m.medians, median(m.times[maskWay][before:]))
	if len(m.medians) < visits {
		return nil
	}
	return m.keep(mem)
}

// keep masks once more, and keeps what is not time.
func (m *measurement) keep(mem *space) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := m.mask(mem)
	runtime.ReadMemStats(&after)
	if err != nil {
		return err
	}
	defer mem.release()
	m.result.Allocs = float64(after.Mallocs-before.Mallocs) / float64(len(m.batches))
	for _, n := range mem.misfits {
		m.result.Misfits += n
	}
	m.result.Digest = digest(mem.masked)
	return nil
}

// each calls work for every batch, by the threads of the measurement, and returns
// the processor time of the one that took the longest.
func (m *measurement) each(work func(thread, batch int) error) (float64, error) {
	n := m.result.Threads
	took, errs := make([]int64, n), make([]error, n)
	var wg sync.WaitGroup
	for t := range n {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := stopwatch.Thread()
			for i := t; i < len(m.batches) && errs[t] == nil; i += n {
				errs[t] = work(t, i)
			}
			took[t] = stopwatch.Thread() - start
		})
	}
	wg.Wait()
	return float64(slices.Max(took)), errors.Join(errs...)
}

// mask masks the column as a plan does: a dictionary stays one.
func (m *measurement) mask(mem *space) (float64, error) {
	column := masking.Column{Kernel: &m.kernel}
	return m.each(func(thread, i int) (err error) {
		alloc, b := &mem.allocs[thread], m.batches[i]
		switch {
		case m.kernel.PerEntity():
			mem.masked[i], mem.misfits[i], err = m.kernel.ApplyBy(alloc, b, m.entities[i])
		case m.result.Layout == "dictionary":
			mem.masked[i], mem.misfits[i], err = column.Apply(alloc, b)
		default:
			mem.masked[i], mem.misfits[i], err = m.kernel.Apply(alloc, b)
		}
		return err
	})
}

func (m *measurement) copy(mem *space) (float64, error) {
	return m.each(func(_, i int) error {
		copy(mem.copied[m.offset(i):], m.bytes[i])
		return nil
	})
}

// offset is where the bytes of batch i go.
func (m *measurement) offset(i int) (at int) {
	for _, b := range m.bytes[:i] {
		at += len(b)
	}
	return at
}

// encipher does the blocks of the floor, as many for each batch.
func (m *measurement) encipher(mem *space) (float64, error) {
	calls := m.result.Blocks / 64 / int64(len(m.batches))
	rest := (m.result.Blocks/int64(len(m.batches)) - calls*64) * lanes.BlockSize
	return m.each(func(thread, _ int) error {
		b := mem.blocks[thread]
		for range calls {
			m.cipher.Blocks(b, b)
		}
		m.cipher.Blocks(b[:rest], b[:rest])
		return nil
	})
}

func (mem *space) release() {
	for i, a := range mem.masked {
		a.Release()
		mem.masked[i] = nil
	}
}

// finish returns the result of all visits.
func (m *measurement) finish() Result {
	r, mask := m.result, m.times[maskWay]
	r.Rounds, r.Median, r.Min, r.Spread = len(mask), median(mask), slices.Min(mask), spread(mask)
	r.Spread = max(r.Spread, 100*repeatability(m.medians)/r.Median)
	r.Ran = min(1, median(m.ran))
	r.Memcpy = median(m.times[copyWay])
	r.OfMemcpy = median(ratios(m.times[copyWay], mask))
	if m.cipher != nil {
		r.OverFloor = median(ratios(mask, m.times[floorWay]))
	}
	return r
}

// ratios are those of a to b, round by round.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(times []float64) float64 { return quantile(times, 0.5) }

// spread is the distance of the quartiles in percent of the median.
func spread(times []float64) float64 {
	return 100 * (quantile(times, 0.75) - quantile(times, 0.25)) / median(times)
}

// repeatability returns what two runs differ by at most, with a probability of
// 95 %, if each visits a technique as often as there are times: the repeatability
// limit of ISO 5725-6 for means of three, by Student's t of the four degrees of
// freedom that two runs have.
func repeatability(times []float64) float64 {
	const t = 2.776
	n, mean, squares := float64(len(times)), 0.0, 0.0
	for _, v := range times {
		mean += v / n
	}
	for _, v := range times {
		squares += (v - mean) * (v - mean)
	}
	return t * math.Sqrt(2/n*squares/(n-1))
}

// quantile interpolates between the two nearest of times.
func quantile(times []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// recycler is an allocator for one thread that gives memory again which was given
// back, without clearing it.
type recycler struct{ free [][]byte }

func (r *recycler) Allocate(size int) []byte {
	for i, b := range r.free {
		if cap(b) >= size && cap(b) <= 2*size+4096 {
			r.free[i] = r.free[len(r.free)-1]
			r.free = r.free[:len(r.free)-1]
			return b[:size]
		}
	}
	// Vectors of 64 bytes do not straddle the lines of the cache.
	b := make([]byte, size+64)
	return b[:size]
}

func (r *recycler) Reallocate(size int, b []byte) []byte {
	if cap(b) >= size {
		return b[:size]
	}
	to := r.Allocate(size)
	copy(to, b)
	r.Free(b)
	return to
}

func (r *recycler) Free(b []byte) { r.free = append(r.free, b) }
