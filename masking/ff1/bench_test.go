package ff1_test

import (
	"math/rand/v2"
	"testing"

	capitalone "github.com/capitalone/fpe/ff1"

	"zonebox/internal/interleave"
	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

const values = 1024

// cost is FF1 over a column beside the ten blocks of a value that no way around
// is known for.
func cost(b *testing.B, sm bool, letters string, length func(i int) int, tweaks ff1.Tweaks) (whole, floor func()) {
	rng := rand.New(rand.NewPCG(1, 1))
	set := newSet(letters)
	plain := make([]string, values)
	for i := range plain {
		plain[i] = set.value(numerals(rng, length(i), len(set.runes), 0))
	}
	src, fits := column(plain...), make([]bool, values)
	c := blocks(b, sm, make([]byte, 16))
	f := ff1.New(c, alphabet(b, letters))
	var dst ff1.Column
	whole = func() {
		dst.Data, dst.Offsets = dst.Data[:0], dst.Offsets[:0]
		f.Encrypt(&dst, src, tweaks, fits)
	}
	return whole, tenBlocks(c)
}

func tenBlocks(c *lanes.Cipher) func() {
	buf := make([]byte, 64*lanes.BlockSize)
	return func() {
		for range 10 * values / 64 {
			c.Blocks(buf, buf)
		}
	}
}

func of(n int) func(int) int { return func(int) int { return n } }

// The figures of the design: phones of 11 digits by capitalone/fpe, by a batch,
// and the cipher's part of it; 18 letters of base 36 likewise.
func BenchmarkFF1(b *testing.B) {
	theirs, err := capitalone.NewCipher(10, 16, make([]byte, 16), nil)
	if err != nil {
		b.Fatal(err)
	}
	phone, floor := cost(b, false, "0123456789", of(11), ff1.Tweaks{})
	id17, _ := cost(b, false, "0123456789", of(17), ff1.Tweaks{})
	mixed, _ := cost(b, false, "0123456789", func(i int) int { return 6 + i*7%13 }, ff1.Tweaks{})
	each, _ := cost(b, false, "0123456789", of(11), ff1.Tweaks{Data: make([]byte, 8*values), Width: 8})
	wide, _ := cost(b, false, base36, of(18), ff1.Tweaks{})
	name, _ := cost(b, false, letters(20902), of(3), ff1.Tweaks{})
	interleave.Bench(b, values,
		interleave.Row{Name: "capitalone-phone", Call: func() {
			for range values {
				theirs.Encrypt("13800138000")
			}
		}},
		interleave.Row{Name: "phone", Call: phone},
		interleave.Row{Name: "phone-tweak-each", Call: each},
		interleave.Row{Name: "id17", Call: id17},
		interleave.Row{Name: "mixed-6-18", Call: mixed},
		interleave.Row{Name: "base36-18", Call: wide},
		interleave.Row{Name: "hanzi-3", Call: name},
		interleave.Row{Name: "ten-blocks", Call: floor},
	)
}

func BenchmarkFF1SM4(b *testing.B) {
	phone, floor := cost(b, true, "0123456789", of(11), ff1.Tweaks{})
	id17, _ := cost(b, true, "0123456789", of(17), ff1.Tweaks{})
	wide, _ := cost(b, true, base36, of(18), ff1.Tweaks{})
	rest, _ := cost(b, true, base36, of(40), ff1.Tweaks{})
	p := permutation(b, true, 160_000_000_000)
	x := make([]uint64, values)
	interleave.Bench(b, values,
		interleave.Row{Name: "ten-blocks", Call: floor},
		interleave.Row{Name: "phone", Call: phone},
		interleave.Row{Name: "id17", Call: id17},
		interleave.Row{Name: "base36-18", Call: wide},
		interleave.Row{Name: "base36-40", Call: rest},
		interleave.Row{Name: "rank-1.6e11", Call: func() { p.Encrypt(x, x, ff1.Tweaks{}) }},
	)
}
