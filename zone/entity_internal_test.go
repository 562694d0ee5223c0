package zone

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func drawTest(b []byte) error { rand.Read(b); return nil }

// The table says what a map of Go says, whatever order keys come in, full of
// repeats or without, and counts rows beyond what a slot counts.
func TestEntityCodesAreThoseOfAMap(t *testing.T) {
	for _, keys := range []uint64{1, 7, 300, 40_000, 1 << 40} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			b := &budget{left: 1 << 30}
			e, err := newEntities(0, b, drawTest)
			if err != nil {
				t.Fatal(err)
			}
			random := mathrand.New(mathrand.NewPCG(keys, 2))
			code, rows, most := map[uint64]uint32{}, map[uint32]uint32{}, uint32(0)
			for range 200_000 {
				key := random.Uint64N(keys)
				var text [8]byte
				binary.BigEndian.PutUint64(text[:], key)
				got, _, err := e.code(sha256.Sum256(text[:]))
				if err != nil {
					t.Fatal(err)
				}
				want, known := code[key]
				if !known {
					want = uint32(len(code))
					code[key] = want
				}
				if got != want {
					t.Fatalf("code = %d, want %d", got, want)
				}
				rows[want]++
				most = max(most, rows[want])
			}
			if e.count != int64(len(code)) || e.most != most {
				t.Errorf("%d entities, one with %d rows; want %d and %d", e.count, e.most, len(code), most)
			}
			e.release()
			if b.left != 1<<30 {
				t.Errorf("%d bytes of the budget were not given back", 1<<30-b.left)
			}
		})
	}
}

// Hashes that all fall on one place are pushed behind the last: the table grows
// until there is room.
func TestEntitiesOfOneHashPrefix(t *testing.T) {
	e, err := newEntities(0, &budget{left: 1 << 30}, drawTest)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		for i := range 1000 {
			var sum [sha256.Size]byte
			for j := range sum {
				sum[j] = 0xff
			}
			binary.BigEndian.PutUint16(sum[11:], uint16(i*40503)) // in no order
			code, _, err := e.code(sum)
			if err != nil {
				t.Fatal(err)
			}
			if code != uint32(i) {
				t.Fatalf("round %d: code = %d, want %d", round, code, i)
			}
		}
	}
}

func TestLoadsShareTheMemoryOfEntities(t *testing.T) {
	b := &budget{left: 1 << 20}
	fill := func(e *entities, from, to int) error {
		for i := from; i < to; i++ {
			if _, _, err := e.code(sha256.Sum256(fmt.Append(nil, i))); err != nil {
				return err
			}
		}
		return nil
	}
	one, err := newEntities(0, b, drawTest)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(one, 0, 25_000); err != nil {
		t.Fatal(err)
	}
	two, err := newEntities(0, b, drawTest)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(two, 0, 25_000); !errors.Is(err, ErrEntities) {
		t.Errorf("beyond the budget: %v, want ErrEntities", err)
	}
	if err := fill(one, 0, 25_000); err != nil {
		t.Errorf("entities that are known need no memory: %v", err)
	}
	two.release()
	one.release()
	if b.left != 1<<20 {
		t.Errorf("%d bytes left, want %d", b.left, 1<<20)
	}
}

func TestAnEntityTakesSome25Bytes(t *testing.T) {
	const n = 2_000_000
	b := &budget{left: 1 << 30}
	e, err := newEntities(0, b, drawTest)
	if err != nil {
		t.Fatal(err)
	}
	defer e.release()
	for i := range n {
		if _, _, err := e.code(sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))); err != nil {
			t.Fatal(err)
		}
	}
	if each := float64(1<<30-b.left) / n; each > 29 {
		t.Errorf("%.1f bytes an entity", each)
	} else {
		t.Logf("%.1f bytes an entity", each)
	}
}

// Codes of keys as they come in a load: half of them seen before.
func BenchmarkEntityCodes(b *testing.B) {
	const rows = 1 << 16
	for _, entities := range []uint64{1 << 17, 10_000_000} {
		b.Run(fmt.Sprint(entities), func(b *testing.B) {
			e, err := newEntities(0, &budget{left: 1 << 30}, drawTest)
			if err != nil {
				b.Fatal(err)
			}
			random := mathrand.New(mathrand.NewPCG(1, 2))
			batch := func(key func(i int) uint64) arrow.Array {
				keys := array.NewStringBuilder(memory.DefaultAllocator)
				defer keys.Release()
				for i := range rows {
					keys.Append(fmt.Sprintf("%018d", key(i)))
				}
				return keys.NewArray()
			}
			code := func(arr arrow.Array) {
				codes, err := e.codes(memory.DefaultAllocator, arr)
				if err != nil {
					b.Fatal(err)
				}
				codes.Release()
			}
			for from := uint64(0); from < entities; from += rows {
				arr := batch(func(i int) uint64 { return from + uint64(i) })
				code(arr)
				arr.Release()
			}
			runtime.GC()
			arr := batch(func(int) uint64 { return random.Uint64N(entities) })
			defer arr.Release()
			for b.Loop() {
				code(arr)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
