package ff1_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/emmansun/gmsm/sm4"

	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// blocks returns the block cipher of a key: AES, or SM4 if it is to be that.
func blocks(t testing.TB, sm bool, key []byte) *lanes.Cipher {
	t.Helper()
	make := lanes.NewAES
	if sm {
		make = lanes.NewSM4
	}
	c, err := make(key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func single(t testing.TB, sm bool, key []byte) cipher.Block {
	t.Helper()
	make := aes.NewCipher
	if sm {
		make = sm4.NewCipher
	}
	c, err := make(key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func alphabet(t testing.TB, letters string) *ff1.Alphabet {
	t.Helper()
	a, err := ff1.NewAlphabet(letters)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func column(values ...string) ff1.Column {
	c := ff1.Column{Data: []byte("xyz"), Offsets: []int32{3}}
	for _, v := range values {
		c.Data = append(c.Data, v...)
		c.Offsets = append(c.Offsets, int32(len(c.Data)))
	}
	return c
}

func strs(c ff1.Column) []string {
	var s []string
	for i := range c.Len() {
		s = append(s, string(c.Data[c.Offsets[i]:c.Offsets[i+1]]))
	}
	return s
}

// encrypt and decrypt expect every value to fit.
func encrypt(t testing.TB, c *ff1.Cipher, tweaks ff1.Tweaks, values ...string) []string {
	t.Helper()
	return crypt(t, c.Encrypt, tweaks, values)
}

func decrypt(t testing.TB, c *ff1.Cipher, tweaks ff1.Tweaks, values ...string) []string {
	t.Helper()
	return crypt(t, c.Decrypt, tweaks, values)
}

func crypt(t testing.TB, f func(*ff1.Column, ff1.Column, ff1.Tweaks, []bool) int, tweaks ff1.Tweaks, values []string) []string {
	t.Helper()
	var dst ff1.Column
	fits := make([]bool, len(values))
	if n := f(&dst, column(values...), tweaks, fits); n != 0 || slices.Contains(fits, false) {
		t.Fatalf("%d of %d values do not fit", n, len(values))
	}
	return strs(dst)
}

func tweak(b []byte) ff1.Tweaks { return ff1.Tweaks{Data: b, Width: len(b)} }

// NIST, FF1samples.pdf (Cryptographic Standards and Guidelines, examples with
// intermediate values): all nine.
func TestNISTVectors(t *testing.T) {
	const k128 = "2b7e151628aed2a6abf7158809cf4f3c"
	const k192 = k128 + "ef4359d8d580aa4f"
	const k256 = k192 + "7f036d6f04fc6a94"
	const t2, t3 = "39383736353433323130", "3737373770717273373737"
	for i, v := range []struct {
		key, tweak    string
		radix         int
		plain, cipher string
	}{
		{k128, "", 10, "0123456789", "2433477484"},
		{k128, t2, 10, "0123456789", "6124200773"},
		{k128, t3, 36, "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
		{k192, "", 10, "0123456789", "2830668132"},
		{k192, t2, 10, "0123456789", "2496655549"},
		{k192, t3, 36, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
		{k256, "", 10, "0123456789", "6657667009"},
		{k256, t2, 10, "0123456789", "1001623463"},
		{k256, t3, 36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	} {
		c := ff1.New(blocks(t, false, unhex(t, v.key)), alphabet(t, base36[:v.radix]))
		tw := tweak(unhex(t, v.tweak))
		if got := encrypt(t, c, tw, v.plain)[0]; got != v.cipher {
			t.Errorf("sample %d = %s, want %s", i+1, got, v.cipher)
		}
		if got := decrypt(t, c, tw, v.cipher)[0]; got != v.plain {
			t.Errorf("sample %d back = %s, want %s", i+1, got, v.plain)
		}
	}
}

// letters returns an alphabet of n: ASCII if that has so many, else CJK and then
// whatever follows, without surrogates.
func letters(n int) string {
	var b strings.Builder
	next := rune('!')
	if n > 94 {
		next = 0x4e00
	}
	for range n {
		if next == 0xd800 {
			next = 0xe000
		}
		b.WriteRune(next)
		next++
	}
	return b.String()
}

// mixed returns n letters of which some have one byte and some three.
func mixed(n int) string {
	return letters(n/2) + string([]rune(letters(200))[:n-n/2])
}

// set is an alphabet of the tests: its letters and the numeral of each.
type set struct {
	runes []rune
	at    map[rune]int
}

func newSet(letters string) set {
	s := set{[]rune(letters), map[rune]int{}}
	for i, r := range s.runes {
		s.at[r] = i
	}
	return s
}

func (s set) numerals(value string) []int {
	var x []int
	for _, r := range value {
		x = append(x, s.at[r])
	}
	return x
}

func (s set) value(numerals []int) string {
	var b strings.Builder
	for _, d := range numerals {
		b.WriteRune(s.runes[d])
	}
	return b.String()
}

// againstReference enciphers a batch and holds each value to the reference, and
// takes it back.
func againstReference(t testing.TB, sm bool, key []byte, letters string, tweaks ff1.Tweaks, plain [][]int) {
	t.Helper()
	set := newSet(letters)
	radix := len(set.runes)
	c := ff1.New(blocks(t, sm, key), alphabet(t, letters))
	ref := reference{single(t, sm, key), int64(radix)}
	var values []string
	for _, x := range plain {
		values = append(values, set.value(x))
	}
	got := encrypt(t, c, tweaks, values...)
	for i, x := range plain {
		tw := tweaks.Data
		if len(tw) > tweaks.Width {
			tw = tw[i*tweaks.Width:][:tweaks.Width]
		}
		want := ref.encrypt(tw, x)
		if g := set.numerals(got[i]); !slices.Equal(g, want) {
			t.Fatalf("radix %d, SM4 %v, tweak of %d bytes, value %d of %d: %v → %v, want %v", radix, sm, len(tw), i, len(plain), x, g, want)
		}
		if back := ref.decrypt(tw, want); !slices.Equal(back, x) {
			t.Fatalf("the reference does not take back %v", x)
		}
	}
	if back := decrypt(t, c, tweaks, got...); !slices.Equal(back, values) {
		t.Fatalf("radix %d, SM4 %v: deciphering does not give the values back", radix, sm)
	}
}

// long asks for the campaigns: minutes instead of seconds.
var long = os.Getenv("ZONEBOX_LONG") != ""

// Every radix where something changes, every length, tweaks on all sides of a
// block, batches of mixed lengths; zero halves and greatest ones.
func TestReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, radix := range []int{2, 3, 4, 10, 16, 26, 31, 36, 62, 64, 94, 255, 256, 257, 1000, 1 << 12, 20902, 65535, 65536} {
		least := 2
		for d := radix * radix; d < 1_000_000; d *= radix {
			least++
		}
		alphabet := letters(radix)
		for _, width := range []int{0, 1, 7, 11, 12, 15, 16, 17, 27, 40, 300} {
			if rng.IntN(4) > 0 && !long {
				continue
			}
			var plain [][]int
			for n := least; n <= ff1.MaxLength; n += 1 + rng.IntN(9) {
				plain = append(plain, make([]int, n), numerals(rng, n, 1, radix-1), numerals(rng, n, radix, 0), numerals(rng, n, radix, 0))
				plain[len(plain)-1] = append(make([]int, n/2), plain[len(plain)-1][n/2:]...)   // A = 0
				plain[len(plain)-2] = append(plain[len(plain)-2][:n/2], make([]int, n-n/2)...) // B = 0
			}
			sm := rng.IntN(2) == 0
			againstReference(t, sm, random(rng, 16), alphabet, tweak(random(rng, width)), plain)
			againstReference(t, sm, random(rng, 16), alphabet, ff1.Tweaks{Data: random(rng, width*len(plain)), Width: width}, plain)
		}
	}
}

// numerals returns n numerals below bound, and least added to each.
func numerals(rng *rand.Rand, n, bound, least int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = rng.IntN(bound) + least
	}
	return x
}

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// A column longer than what is read at a time, its lengths mixed and each with a
// tweak of its own; and one of a single length.
func TestLongColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		letters string
		length  func() int
	}{
		{"0123456789", func() int { return 11 }},
		{"0123456789", func() int { return 6 + rng.IntN(59) }},
		{mixed(40), func() int { return 4 + rng.IntN(30) }},
	} {
		plain := make([][]int, 600)
		for i := range plain {
			plain[i] = numerals(rng, c.length(), utf8.RuneCountInString(c.letters), 0)
		}
		againstReference(t, false, random(rng, 32), c.letters, tweak(random(rng, 5)), plain)
		againstReference(t, true, random(rng, 16), c.letters, ff1.Tweaks{Data: random(rng, 14*len(plain)), Width: 14}, plain)
	}
}

// What does not fit is told, comes out empty, and disturbs nothing beside it.
func TestMisfits(t *testing.T) {
	digits := ff1.New(blocks(t, false, make([]byte, 16)), alphabet(t, "0123456789"))
	hanzi := ff1.New(blocks(t, false, make([]byte, 16)), alphabet(t, letters(20902)))
	marks := ff1.New(blocks(t, false, make([]byte, 16)), alphabet(t, letters(1000)+"\uFFFD"))
	for _, c := range []struct {
		name   string
		cipher *ff1.Cipher
		fit    string
		misfit []string
	}{
		{"digits", digits, "13800138000", []string{"", "1", "12345", strings.Repeat("1", 65), "1380013800x", "13800 138000", "-13800138000",
			"１３８００１３８０００", "1380013800\xff", "\xff\xff\xff\xff\xff\xff\xff", "1380013800\x00", strings.Repeat("1", 40) + "x", "x" + strings.Repeat("1", 40)}},
		{"replacement character", marks, "\uFFFD\uFFFD", []string{"\xff\xfe", "\uFFFD\xff", "\xef\xbf\uFFFD"}},
		{"hanzi", hanzi, "欧阳娜娜", []string{"", "王", "王a", "王\xe7\x8e", "\xff王王", "王\u3000五", "👤王", strings.Repeat("王", 65)}},
	} {
		want := encrypt(t, c.cipher, ff1.Tweaks{}, c.fit)[0]
		var values []string
		var expect []bool
		for _, m := range c.misfit {
			values = append(values, c.fit, m)
			expect = append(expect, true, false)
		}
		fits := make([]bool, len(values))
		var dst ff1.Column
		if n := c.cipher.Encrypt(&dst, column(values...), ff1.Tweaks{}, fits); n != len(c.misfit) {
			t.Errorf("%s: %d misfits, want %d", c.name, n, len(c.misfit))
		}
		for i, got := range strs(dst) {
			if fits[i] != expect[i] {
				t.Errorf("%s: %q fits: %v, want %v", c.name, values[i], fits[i], expect[i])
			}
			if expect[i] && got != want || !expect[i] && got != "" {
				t.Errorf("%s: %q → %q", c.name, values[i], got)
			}
		}
	}
}

func TestMinLengthKeepsTheDomain(t *testing.T) {
	for radix, want := range map[int]int{2: 20, 3: 13, 10: 6, 16: 5, 31: 5, 36: 4, 100: 3, 999: 3, 1000: 2, 20902: 2, 65536: 2} {
		c := ff1.New(blocks(t, false, make([]byte, 16)), alphabet(t, letters(radix)))
		if got := c.MinLength(); got != want {
			t.Errorf("radix %d: MinLength = %d, want %d", radix, got, want)
		}
	}
}

func TestAlphabetsThatAreRefused(t *testing.T) {
	for name, letters := range map[string]string{
		"none": "", "one": "0", "twice": "01230", "twice in hanzi": "王李王", "not UTF-8": "ab\xff", "too many": letters(65536) + "a",
	} {
		if _, err := ff1.NewAlphabet(letters); !errors.Is(err, ff1.ErrAlphabet) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	c := ff1.New(blocks(t, false, make([]byte, 16)), alphabet(t, "0123456789"))
	src := column("123456", "654321", "111111")
	for name, call := range map[string]func(){
		"fits too short":   func() { c.Encrypt(&ff1.Column{}, src, ff1.Tweaks{}, make([]bool, 2)) },
		"fits too long":    func() { c.Encrypt(&ff1.Column{}, src, ff1.Tweaks{}, make([]bool, 4)) },
		"tweaks for two":   func() { c.Encrypt(&ff1.Column{}, src, ff1.Tweaks{Data: make([]byte, 8), Width: 4}, make([]bool, 3)) },
		"no tweak":         func() { c.Encrypt(&ff1.Column{}, src, ff1.Tweaks{Width: 4}, make([]bool, 3)) },
		"tweaks, no width": func() { c.Encrypt(&ff1.Column{}, src, ff1.Tweaks{Data: make([]byte, 4)}, make([]bool, 3)) },
		"tweak too long":   func() { c.Encrypt(&ff1.Column{}, src, tweak(make([]byte, ff1.MaxTweak+1)), make([]bool, 3)) },
		"offsets beside": func() {
			c.Encrypt(&ff1.Column{}, ff1.Column{Data: make([]byte, 3), Offsets: []int32{0, 9}}, ff1.Tweaks{}, make([]bool, 1))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			call()
		}()
	}
	if n := c.Encrypt(&ff1.Column{}, ff1.Column{}, ff1.Tweaks{}, nil); n != 0 {
		t.Errorf("an empty column: %d misfits", n)
	}
}

// Key, cipher, tweak, alphabet and length all separate.
func TestResultsAreSeparated(t *testing.T) {
	seen := map[string]string{}
	for _, sm := range []bool{false, true} {
		for key := range byte(3) {
			for _, tw := range []string{"", "a", "b", "a\x00", "0123456789abcdef", "0123456789abcdefg"} {
				for _, l := range []string{"0123456789", "9876543210", "0123456789a"} {
					c := ff1.New(blocks(t, sm, bytes.Repeat([]byte{key}, 16)), alphabet(t, l))
					name := fmt.Sprint(sm, key, tw, l)
					got := encrypt(t, c, tweak([]byte(tw)), "00000000000000000000")[0]
					if other, ok := seen[got]; ok {
						t.Errorf("%s and %s encipher alike", name, other)
					}
					seen[got] = name
				}
			}
		}
	}
}

func TestOneCipherServesManyGoroutines(t *testing.T) {
	c := ff1.New(blocks(t, true, make([]byte, 16)), alphabet(t, base36))
	values := []string{"abcdefgh", "zzzzzzzzzzzzzzzz", strings.Repeat("q", 50)}
	want := encrypt(t, c, tweak([]byte("t")), values...)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				var dst ff1.Column
				c.Encrypt(&dst, column(values...), tweak([]byte("t")), make([]bool, 3))
				if !slices.Equal(strs(dst), want) {
					t.Error("other results beside others")
				}
			}
		})
	}
	wg.Wait()
}
