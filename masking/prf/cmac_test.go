package prf_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/cbcmac"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"zonebox/masking/lanes"
	"zonebox/masking/prf"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// summer is what CMAC and HMAC have in common.
type summer interface {
	Sum(dst, data []byte, offsets []int32)
}

func aesCMAC(t testing.TB, key []byte) *prf.CMAC {
	t.Helper()
	c, err := lanes.NewAES(key)
	if err != nil {
		t.Fatal(err)
	}
	return prf.NewCMAC(c)
}

func sm4CMAC(t testing.TB, key []byte) *prf.CMAC {
	t.Helper()
	c, err := lanes.NewSM4(key)
	if err != nil {
		t.Fatal(err)
	}
	return prf.NewCMAC(c)
}

func hmacOf(t testing.TB, make func([]byte) (*prf.HMAC, error), key []byte) *prf.HMAC {
	t.Helper()
	m, err := make(key)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// column lays messages out in one buffer, behind three bytes of another.
func column(messages [][]byte) (data []byte, offsets []int32) {
	data = []byte("xyz")
	offsets = append(offsets, int32(len(data)))
	for _, m := range messages {
		data = append(data, m...)
		offsets = append(offsets, int32(len(data)))
	}
	return data, offsets
}

func tags(m summer, messages [][]byte) []byte {
	data, offsets := column(messages)
	dst := make([]byte, len(messages)*prf.TagSize)
	m.Sum(dst, data, offsets)
	return dst
}

const nistMessage = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

// NIST SP 800-38B, appendix D.1 to D.3; those of AES-128 are also RFC 4493 §4.
func TestAESCMACVectors(t *testing.T) {
	msg := unhex(t, nistMessage)
	for _, v := range []struct {
		key  string
		want map[int]string
	}{
		{"2b7e151628aed2a6abf7158809cf4f3c", map[int]string{
			0: "bb1d6929e95937287fa37d129b756746", 16: "070a16b46b4d4144f79bdd9dd04a287c",
			40: "dfa66747de9ae63030ca32611497c827", 64: "51f0bebf7e3b9d92fc49741779363cfe"}},
		{"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", map[int]string{
			0: "d17ddf46adaacde531cac483de7a9367", 16: "9e99a7bf31e710900662f65e617c5184",
			40: "8a1de5be2eb31aad089a82e6ee908b0e", 64: "a1d5df0eed790f794d77589659f39a11"}},
		{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", map[int]string{
			0: "028962f61b7bf89efc6b551f4667d983", 16: "28a7023f452e8f82bd4bf28d8c37c35c",
			40: "aaf3d8f1de5640c232f5b169b9c911e6", 64: "e1992190549f6ed5696a2c056c315410"}},
	} {
		m := aesCMAC(t, unhex(t, v.key))
		for n, want := range v.want {
			if got := hex.EncodeToString(tags(m, [][]byte{msg[:n]})); got != want {
				t.Errorf("AES-%d-CMAC of %d bytes = %s, want %s", 4*len(v.key), n, got, want)
			}
		}
	}
}

// No vectors of SM4-CMAC are published. These are ours, made once and equal to
// those of gmsm: the messages of SP 800-38B under the key of GB/T 32907.
func TestSM4CMACVectors(t *testing.T) {
	key, msg := unhex(t, "0123456789abcdeffedcba9876543210"), unhex(t, nistMessage)
	b, err := sm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{
		0:  "29e154322e5c7bd8ee6a25ba549b24bc",
		16: "07a0861ededd5cfcead8489011600b9c",
		40: "67a8e59526f59125b5d91e626d23a37a",
		64: "cc8eda3eeed4cd37b55fa09b06c6f630",
	} {
		if got := hex.EncodeToString(tags(sm4CMAC(t, key), [][]byte{msg[:n]})); got != want {
			t.Errorf("SM4-CMAC of %d bytes = %s, want %s", n, got, want)
		}
		if got := hex.EncodeToString(cbcmac.NewCMAC(b, 16).MAC(msg[:n])); got != want {
			t.Errorf("gmsm's SM4-CMAC of %d bytes = %s, want %s", n, got, want)
		}
	}
}

// RFC 4231 §4.7, a key longer than a block; HMAC-SM3 is that of GM/T 0042-2015,
// which has no vector of a key we take, so crypto/hmac over SM3 stands for it below.
func TestHMACSHA256Vector(t *testing.T) {
	m := hmacOf(t, prf.NewHMACSHA256, bytes.Repeat([]byte{0xaa}, 131))
	msg := "Test Using Larger Than Block-Size Key - Hash Key First"
	if got, want := hex.EncodeToString(tags(m, [][]byte{[]byte(msg)})), "60e431591ee0b67f0d8a26aacbf5b77f"; got != want {
		t.Errorf("HMAC-SHA256 = %s, want %s", got, want)
	}
}

// kinds are the functions of this package, each with another hand's.
func kinds(t testing.TB, key []byte) map[string]struct {
	ours   summer
	theirs func(msg []byte) []byte
} {
	a, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sm4.NewCipher(key[:16])
	if err != nil {
		t.Fatal(err)
	}
	// A new one each time: at v0.44.0 MAC of a second message, if that ends in part
	// of a block, reads what the first one left behind.
	gmsm := func(b cipher.Block) func([]byte) []byte {
		return func(msg []byte) []byte { return cbcmac.NewCMAC(b, 16).MAC(msg) }
	}
	keyed := func(h func() hash.Hash) func([]byte) []byte {
		return func(msg []byte) []byte {
			m := hmac.New(h, key)
			m.Write(msg)
			return m.Sum(nil)[:prf.TagSize]
		}
	}
	return map[string]struct {
		ours   summer
		theirs func(msg []byte) []byte
	}{
		"AES-CMAC":    {aesCMAC(t, key), gmsm(a)},
		"SM4-CMAC":    {sm4CMAC(t, key[:16]), gmsm(s)},
		"HMAC-SHA256": {hmacOf(t, prf.NewHMACSHA256, key), keyed(sha256.New)},
		"HMAC-SM3":    {hmacOf(t, prf.NewHMACSM3, key), keyed(sm3.New)},
	}
}

func check(t *testing.T, key []byte, messages [][]byte) {
	t.Helper()
	for name, k := range kinds(t, key) {
		got := tags(k.ours, messages)
		for i, m := range messages {
			if want := k.theirs(bytes.Clone(m)); !bytes.Equal(got[i*16:][:16], want) {
				t.Fatalf("%s: tag %d of %d, of %d bytes, = %x, want %x", name, i, len(messages), len(m), got[i*16:][:16], want)
			}
		}
	}
}

// However many messages there are and however their lengths are mixed, each tag
// is that of its message alone, at its place.
func TestTagsAreThoseOfEachMessageAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	longest := map[string]func() int{
		"one block":   func() int { return rng.IntN(17) },
		"identifiers": func() int { return 11 + rng.IntN(8) },
		"mixed":       func() int { return rng.IntN(100) },
		"a few long":  func() int { return rng.IntN(12) * rng.IntN(2) * (1 + 300*(rng.IntN(30)/29)) },
	}
	for name, length := range longest {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 127, 128, 129, 700} {
			messages := make([][]byte, n)
			for i := range messages {
				messages[i] = random(rng, length())
			}
			t.Logf("%s: %d messages", name, n)
			check(t, random(rng, 32), messages)
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

// As many long messages as are in the cipher at a time, and more: none is
// through when the next one comes.
func TestManyLongMessages(t *testing.T) {
	for _, size := range []int{33, 48, 100, 1000} {
		const n = 300
		data, offsets := make([]byte, n*size), []int32{0}
		for i := range n {
			data[i*size] = byte(i)
			offsets = append(offsets, int32((i+1)*size))
		}
		m := aesCMAC(t, make([]byte, 32))
		tags, one := make([]byte, n*prf.TagSize), make([]byte, prf.TagSize)
		m.Sum(tags, data, offsets)
		for i := range n {
			m.Sum(one, data[i*size:(i+1)*size], []int32{0, int32(size)})
			if !bytes.Equal(one, tags[i*prf.TagSize:][:prf.TagSize]) {
				t.Fatalf("message %d of %d bytes: tag %x among others, %x alone", i, size, tags[i*prf.TagSize:][:prf.TagSize], one)
			}
		}
	}
}

// Keys on both sides of a block of the hash, which longer ones are cut to.
func TestHMACOfEverySizeOfKey(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{16, 31, 32, 33, 63, 64, 65, 128, 200} {
		key, msg := random(rng, n), random(rng, 70)
		for name, k := range map[string]struct {
			ours   *prf.HMAC
			theirs func() hash.Hash
		}{"SHA256": {hmacOf(t, prf.NewHMACSHA256, key), sha256.New}, "SM3": {hmacOf(t, prf.NewHMACSM3, key), sm3.New}} {
			m := hmac.New(k.theirs, key)
			m.Write(msg)
			if got, want := tags(k.ours, [][]byte{msg}), m.Sum(nil)[:prf.TagSize]; !bytes.Equal(got, want) {
				t.Errorf("HMAC-%s under %d bytes = %x, want %x", name, n, got, want)
			}
		}
	}
}

func TestKeysOfHMAC(t *testing.T) {
	for name, make := range map[string]func([]byte) (*prf.HMAC, error){"SHA256": prf.NewHMACSHA256, "SM3": prf.NewHMACSM3} {
		if _, err := make(bytes.Repeat([]byte{1}, 15)); !errors.Is(err, prf.ErrKey) {
			t.Errorf("%s took a key of 15 bytes: %v", name, err)
		}
		if _, err := make(bytes.Repeat([]byte{1}, 16)); err != nil {
			t.Errorf("%s refused a key of 16 bytes: %v", name, err)
		}
	}
}

func TestOffsetsBesideTheDataPanic(t *testing.T) {
	for name, k := range kinds(t, make([]byte, 32)) {
		for what, call := range map[string]func(){
			"past the end":      func() { k.ours.Sum(make([]byte, 16), make([]byte, 5), []int32{0, 6}) },
			"negative":          func() { k.ours.Sum(make([]byte, 16), make([]byte, 5), []int32{-1, 3}) },
			"descending":        func() { k.ours.Sum(make([]byte, 16), make([]byte, 40), []int32{30, 3}) },
			"a result too few":  func() { k.ours.Sum(make([]byte, 16), make([]byte, 5), []int32{0, 1, 2}) },
			"a result too many": func() { k.ours.Sum(make([]byte, 32), make([]byte, 5), []int32{0, 1}) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: offsets %s did not panic", name, what)
					}
				}()
				call()
			}()
		}
		k.ours.Sum(nil, nil, nil)
		k.ours.Sum(nil, nil, []int32{0})
	}
}

// A call that panics leaves nothing behind for the next.
func TestAfterAPanic(t *testing.T) {
	messages := make([][]byte, 40)
	for i := range messages {
		messages[i] = make([]byte, 100)
	}
	data, offsets := column(messages)
	for range 10 { // the pool may hold several
		for name, k := range kinds(t, make([]byte, 32)) {
			func() {
				defer func() { recover() }()
				far := append(slices.Clone(offsets), make([]int32, 300)...)
				for i := range 300 {
					far[len(offsets)+i] = offsets[len(offsets)-1]
				}
				far[len(far)-1] += 1000
				k.ours.Sum(make([]byte, 16*(len(far)-1)), data, far)
				t.Errorf("%s: no panic", name)
			}()
		}
		check(t, make([]byte, 32), messages[:1])
	}
}

func TestSumAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	messages := make([][]byte, 300)
	for i := range messages {
		messages[i] = random(rng, rng.IntN(40))
	}
	data, offsets := column(messages)
	dst := make([]byte, 16*len(messages))
	for name, k := range kinds(t, make([]byte, 32)) {
		if n := testing.AllocsPerRun(50, func() { k.ours.Sum(dst, data, offsets) }); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
	}
}

func TestOneKeyServesManyGoroutines(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for name, k := range kinds(t, random(rng, 32)) {
		messages := make([][]byte, 200)
		for i := range messages {
			messages[i] = random(rng, rng.IntN(40))
		}
		want := tags(k.ours, messages)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					if !bytes.Equal(tags(k.ours, messages), want) {
						t.Errorf("%s: other tags beside others", name)
					}
				}
			})
		}
		wg.Wait()
	}
}

func FuzzTags(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), []byte("the messages, cut at every size"), uint8(5))
	f.Add(make([]byte, 32), make([]byte, 4000), uint8(17))
	f.Fuzz(func(t *testing.T, key, data []byte, seed uint8) {
		if len(key) < 32 || len(data) > 1<<12 {
			return
		}
		var messages [][]byte
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		for len(data) > 0 {
			n := min(rng.IntN(int(seed)+2), len(data))
			messages, data = append(messages, data[:n]), data[max(n, 1):]
		}
		check(t, key[:32], messages)
	})
}
