package lanes_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm4"

	"zonebox/masking/lanes"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newCipher(t testing.TB, name string, key []byte) *lanes.Cipher {
	t.Helper()
	make := lanes.NewAES
	if name == "SM4" {
		make = lanes.NewSM4
	}
	c, err := make(key)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != name {
		t.Fatalf("Name = %s, want %s", c.Name(), name)
	}
	return c
}

// FIPS 197, appendix C; GB/T 32907-2016, appendix A.1.
func TestVectors(t *testing.T) {
	for _, v := range []struct{ name, key, plain, cipher string }{
		{"AES-128", "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"},
		{"AES-192", "000102030405060708090a0b0c0d0e0f1011121314151617", "00112233445566778899aabbccddeeff", "dda97ca4864cdfe06eaf70a0ec0d7191"},
		{"AES-256", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089"},
		{"SM4", "0123456789abcdeffedcba9876543210", "0123456789abcdeffedcba9876543210", "681edf34d206965e86b3e94f536e4246"},
	} {
		c := newCipher(t, v.name, unhex(t, v.key))
		for n := 1; n <= 40; n++ {
			src, want := bytes.Repeat(unhex(t, v.plain), n), bytes.Repeat(unhex(t, v.cipher), n)
			got := make([]byte, len(src))
			c.Blocks(got, src)
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: %d blocks = %x, want %x", v.name, n, got, want)
			}
		}
	}
}

// GB/T 32907-2016, appendix A.2: a million times over one block.
func TestSM4MillionTimes(t *testing.T) {
	key := unhex(t, "0123456789abcdeffedcba9876543210")
	c := newCipher(t, "SM4", key)
	block := bytes.Clone(key)
	for range 1_000_000 {
		c.Blocks(block, block)
	}
	if got, want := hex.EncodeToString(block), "595298c7c6fd271f0402f804c33d3f66"; got != want {
		t.Fatalf("a million times = %s, want %s", got, want)
	}
}

// oracle is the cipher of another hand, one block at a time.
func oracle(t testing.TB, name string, key []byte) cipher.Block {
	t.Helper()
	make := aes.NewCipher
	if name == "SM4" {
		make = sm4.NewCipher
	}
	b, err := make(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var ciphers = []struct {
	name string
	key  int
}{{"AES-128", 16}, {"AES-192", 24}, {"AES-256", 32}, {"SM4", 16}}

// Every number of blocks up to four turns of the widest loop, in place and
// apart, at every offset in memory: the blocks are right and nothing beside them
// is touched.
func TestBlocksAreThoseOfTheSingleBlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, k := range ciphers {
		for n := range 70 {
			key := random(rng, k.key)
			c, o := newCipher(t, k.name, key), oracle(t, k.name, key)
			off := n % 17
			src := random(rng, off+n*16+32)
			in := bytes.Clone(src)
			want := bytes.Clone(src)
			for i := range n {
				o.Encrypt(want[off+16*i:], want[off+16*i:])
			}
			dst := bytes.Clone(src)
			c.Blocks(dst[off:off+16*n], src[off:off+16*n])
			if !bytes.Equal(dst, want) {
				t.Fatalf("%s, %d blocks apart: not those of the single block, or memory beside them changed", k.name, n)
			}
			if !bytes.Equal(src, in) {
				t.Fatalf("%s, %d blocks: the source changed", k.name, n)
			}
			c.Blocks(src[off:off+16*n], src[off:off+16*n])
			if !bytes.Equal(src, want) {
				t.Fatalf("%s, %d blocks in place: not those of the single block, or memory beside them changed", k.name, n)
			}
		}
	}
}

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestKeySizes(t *testing.T) {
	for n := range 40 {
		_, err := lanes.NewAES(make([]byte, n))
		if ok := n == 16 || n == 24 || n == 32; (err == nil) != ok || !ok && !errors.Is(err, lanes.ErrKey) {
			t.Errorf("NewAES of %d bytes: %v", n, err)
		}
		_, err = lanes.NewSM4(make([]byte, n))
		if ok := n == 16; (err == nil) != ok || !ok && !errors.Is(err, lanes.ErrKey) {
			t.Errorf("NewSM4 of %d bytes: %v", n, err)
		}
	}
}

func TestMisuseOfBlocksPanics(t *testing.T) {
	b := make([]byte, 64)
	for _, k := range ciphers {
		c := newCipher(t, k.name, make([]byte, k.key))
		for name, call := range map[string]func(){
			"part of a block":   func() { c.Blocks(b[:15], b[:15]) },
			"shorter result":    func() { c.Blocks(b[:16], b[:32]) },
			"longer result":     func() { c.Blocks(b[:32], b[:16]) },
			"overlap":           func() { c.Blocks(b[8:40], b[:32]) },
			"overlap backwards": func() { c.Blocks(b[:32], b[16:48]) },
		} {
			if !panics(call) {
				t.Errorf("%s: %s did not panic", k.name, name)
			}
		}
		c.Blocks(nil, nil)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return
}

func TestBlocksAllocatesNothing(t *testing.T) {
	buf := make([]byte, 16*67)
	for _, k := range ciphers {
		c := newCipher(t, k.name, make([]byte, k.key))
		if n := testing.AllocsPerRun(100, func() { c.Blocks(buf, buf) }); n != 0 {
			t.Errorf("%s: %v allocations a call", k.name, n)
		}
	}
}

func TestOneCipherServesManyGoroutines(t *testing.T) {
	for _, k := range ciphers {
		c := newCipher(t, k.name, make([]byte, k.key))
		src := make([]byte, 16*33)
		want := make([]byte, len(src))
		c.Blocks(want, src)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				dst := make([]byte, len(src))
				for range 200 {
					c.Blocks(dst, src)
					if !bytes.Equal(dst, want) {
						t.Errorf("%s: another result beside others", k.name)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), []byte("block"), uint8(3))
	f.Add(make([]byte, 32), make([]byte, 16*40), uint8(1))
	f.Fuzz(func(t *testing.T, key, src []byte, which uint8) {
		k := ciphers[int(which)%len(ciphers)]
		if len(key) < k.key {
			return
		}
		key, src = key[:k.key], src[:len(src)/16*16]
		c, o := newCipher(t, k.name, key), oracle(t, k.name, key)
		dst, want := make([]byte, len(src)), make([]byte, 16)
		c.Blocks(dst, src)
		for i := 0; i < len(src); i += 16 {
			o.Encrypt(want, src[i:])
			if !bytes.Equal(dst[i:i+16], want) {
				t.Fatalf("%s block %d of %x = %x, want %x", k.name, i/16, src, dst[i:i+16], want)
			}
		}
	})
}
