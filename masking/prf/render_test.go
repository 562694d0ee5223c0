package prf_test

import (
	"encoding/hex"
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"zonebox/masking/prf"
)

func rendering(t testing.TB, alphabet string, length int) *prf.Rendering {
	t.Helper()
	r, err := prf.NewRendering(alphabet, length)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const letters64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// The rendering of tag T is floor(T·r^n / 2^128) in base r, by math/big.
func TestRenderingIsTheScaledTag(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, v := range []struct {
		alphabet string
		length   int
	}{
		{prf.Hex, 8}, {prf.Hex, 31}, {prf.Hex, 32}, {prf.Crockford, 7}, {prf.Crockford, 25},
		{prf.Digits, 10}, {prf.Digits, 19}, {prf.Digits, 20}, {prf.Digits, 24}, {"01", 128}, {"abc", 40}, {"abc", 50}, {letters64, 21}, {letters64[:63], 10}, {"0123456789ABCDEFGHJKLMNPQRTUWXY", 12},
	} {
		r := rendering(t, v.alphabet, v.length)
		tags := append(make([]byte, 16), random(rng, 16*20)...)
		tags = append(tags, strings.Repeat("\xff", 16)...)
		radix := big.NewInt(int64(len(v.alphabet)))
		for k := range int64(len(v.alphabet)) { // the first tag of each first letter, and the last of the one before
			first := new(big.Int).Lsh(big.NewInt(k), 128)
			first.Add(first, new(big.Int).Sub(radix, big.NewInt(1))).Div(first, radix)
			tags = append(tags, first.FillBytes(make([]byte, 16))...)
			if k > 0 {
				tags = append(tags, first.Sub(first, big.NewInt(1)).FillBytes(make([]byte, 16))...)
			}
		}
		got := make([]byte, len(tags)/16*r.Len())
		r.Render(got, tags)
		for i := range len(tags) / 16 {
			x := new(big.Int).SetBytes(tags[i*16:][:16])
			x.Mul(x, new(big.Int).Exp(radix, big.NewInt(int64(v.length)), nil)).Rsh(x, 128)
			want := make([]byte, v.length)
			for j := range want {
				digit := new(big.Int)
				x.DivMod(x, radix, digit)
				want[v.length-1-j] = v.alphabet[digit.Int64()]
			}
			if g := string(got[i*v.length:][:v.length]); g != string(want) {
				t.Errorf("%d letters of %d: %x = %s, want %s", v.length, len(v.alphabet), tags[i*16:][:16], g, want)
			}
		}
	}
}

func TestRenderingByHand(t *testing.T) {
	tag := unhex(t, "bb1d6929e95937287fa37d129b756746")
	for _, v := range []struct {
		alphabet string
		length   int
		want     string
	}{
		{prf.Hex, 32, hex.EncodeToString(tag)},
		{prf.Hex, 10, "bb1d6929e9"},
		{prf.Crockford, 8, "QCEPJAF9"}, // 10111 01100 01110 10110 10010 01010 01111 01001
		{"01", 32, "10111011000111010110100100101001"},
		{prf.Digits, 10, "7309175231"}, // 0xbb1d6929e95937287fa37d129b756746 / 2^128 = 0.7309175231…
	} {
		r := rendering(t, v.alphabet, v.length)
		got := make([]byte, v.length)
		r.Render(got, tag)
		if string(got) != v.want {
			t.Errorf("%d of %s: %s, want %s", v.length, v.alphabet, got, v.want)
		}
	}
}

func TestRenderingsTellTheBitsTheyHold(t *testing.T) {
	for _, v := range []struct {
		alphabet     string
		length, want int
	}{
		{prf.Hex, 32, 128}, {prf.Hex, 16, 64}, {prf.Crockford, 13, 65}, {prf.Digits, 10, 33}, {prf.Digits, 19, 63}, {prf.Digits, 20, 66},
		{prf.Digits, 24, 79}, {"abc", 40, 63}, {"abc", 41, 64}, {"abc", 50, 79}, // 3^40 = 2^63.4, 3^41 = 2^64.98, 3^50 = 2^79.2
	} {
		if got := rendering(t, v.alphabet, v.length).Bits(); got != v.want {
			t.Errorf("%d letters of %d hold %d bits, want %d", v.length, len(v.alphabet), got, v.want)
		}
	}
}

func TestRenderingsThatAreRefused(t *testing.T) {
	for name, v := range map[string]struct {
		alphabet string
		length   int
	}{
		"no letter":              {"", 20},
		"one letter":             {"a", 20},
		"65 letters":             {letters64 + "+", 10},
		"a letter twice":         {"0123456789a0", 10},
		"a space":                {"01234567 ", 12},
		"a control character":    {"01234567\x7f", 12},
		"beyond ASCII":           {"零一二三四五六七八九", 10},
		"no length":              {prf.Hex, 0},
		"negative length":        {prf.Hex, -1},
		"under 32 bits":          {prf.Hex, 7},
		"under 32 bits, digits":  {prf.Digits, 9},
		"over 128 bits":          {prf.Hex, 33},
		"over 80 bits, digits":   {prf.Digits, 25},
		"over 80 bits, ternary":  {"abc", 51},
		"a length that is a lot": {prf.Digits, 1 << 40},
	} {
		if _, err := prf.NewRendering(v.alphabet, v.length); !errors.Is(err, prf.ErrRendering) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMisuseOfRenderPanics(t *testing.T) {
	for _, length := range []int{12, 32} {
		r := rendering(t, prf.Hex, length)
		for name, call := range map[string]func(){
			"part of a tag":   func() { r.Render(make([]byte, length), make([]byte, 31)) },
			"a result short":  func() { r.Render(make([]byte, 2*length-1), make([]byte, 32)) },
			"a result beyond": func() { r.Render(make([]byte, 2*length+1), make([]byte, 32)) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%d letters: %s did not panic", length, name)
					}
				}()
				call()
			}()
		}
		r.Render(nil, nil)
	}
}

func TestRenderAllocatesNothing(t *testing.T) {
	tags := make([]byte, 16*100)
	for _, alphabet := range []string{prf.Hex, prf.Digits} {
		r := rendering(t, alphabet, 12)
		dst := make([]byte, 100*r.Len())
		if n := testing.AllocsPerRun(20, func() { r.Render(dst, tags) }); n != 0 {
			t.Errorf("%s: %v allocations", alphabet, n)
		}
	}
}
