package ff1_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"zonebox/masking/ff1"
)

// Any key, radix, length and tweak: the reference agrees, both ways.
func FuzzReference(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("tweak"), uint16(10), uint8(11), uint64(1), true)
	f.Add([]byte("0123456789abcdef"), []byte(""), uint16(2), uint8(64), uint64(2), false)
	f.Add([]byte("0123456789abcdef"), []byte("0123456789abcdef0"), uint16(65535), uint8(2), uint64(3), true)
	f.Add([]byte("0123456789abcdef"), []byte("0123456789ab"), uint16(256), uint8(15), uint64(0), false)
	f.Fuzz(func(t *testing.T, key, tw []byte, radix uint16, length uint8, seed uint64, sm bool) {
		if len(key) < 16 || radix < 2 || len(tw) > ff1.MaxTweak {
			return
		}
		alphabet := letters(int(radix))
		n := int(length)
		least := 2
		for d := int(radix) * int(radix); d < 1_000_000; d *= int(radix) {
			least++
		}
		if n < least || n > ff1.MaxLength {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		againstReference(t, sm, key[:16], alphabet, tweak(tw), [][]int{
			numerals(rng, n, int(radix), 0), make([]int, n), numerals(rng, n, 1, int(radix)-1), numerals(rng, least, int(radix), 0)})
	})
}

// Any bytes as values: what fits comes out as letters, as many, and comes back;
// what does not comes out empty.
func FuzzValues(f *testing.F) {
	f.Add([]byte("13800138000,欧阳娜娜,\xff\xfe,,１２３４５６"), uint8(7))
	f.Add([]byte("王小明 110101194910010021"), uint8(3))
	digits := ff1.New(blocks(f, false, make([]byte, 16)), alphabet(f, "0123456789"))
	hanzi := ff1.New(blocks(f, true, make([]byte, 16)), alphabet(f, letters(20902)))
	some := ff1.New(blocks(f, false, make([]byte, 16)), alphabet(f, mixed(60)))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		src := ff1.Column{Data: data, Offsets: []int32{0}}
		for at := 0; at < len(data); {
			at = min(at+1+int(cut)%80, len(data))
			src.Offsets = append(src.Offsets, int32(at))
		}
		for _, c := range []*ff1.Cipher{digits, hanzi, some} {
			var dst, back ff1.Column
			fits, again := make([]bool, src.Len()), make([]bool, src.Len())
			misfits := c.Encrypt(&dst, src, ff1.Tweaks{}, fits)
			c.Decrypt(&back, dst, ff1.Tweaks{}, again)
			plain, masked, returned := strs(src), strs(dst), strs(back)
			for i, fit := range fits {
				if !fit {
					misfits--
					if masked[i] != "" {
						t.Fatalf("%q does not fit and comes out as %q", plain[i], masked[i])
					}
					continue
				}
				if utf8.RuneCountInString(masked[i]) != utf8.RuneCountInString(plain[i]) || returned[i] != plain[i] {
					t.Fatalf("%q → %q → %q", plain[i], masked[i], returned[i])
				}
			}
			if misfits != 0 || !slices.Equal(fits, again) {
				t.Fatalf("of %q: %v and %v fit, %d too few counted", plain, fits, again, misfits)
			}
		}
	})
}
