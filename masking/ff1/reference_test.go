package ff1_test

import (
	"crypto/cipher"
	"math/big"
	"math/rand/v2"
	"testing"

	"zonebox/masking/ff1"
)

// reference is FF1 word by word after NIST SP 800-38G, algorithms 6, 7 and 8,
// with math/big and one block at a time: slow, and as near to the text as Go can
// be written.
type reference struct {
	block cipher.Block
	radix int64
}

// prf is algorithm 6: CBC-MAC of whole blocks.
func (f reference) prf(x []byte) []byte {
	y := make([]byte, 16)
	for ; len(x) > 0; x = x[16:] {
		for i := range y {
			y[i] ^= x[i]
		}
		f.block.Encrypt(y, y)
	}
	return y
}

func (f reference) num(x []int) *big.Int {
	n := new(big.Int)
	for _, d := range x {
		n.Mul(n, big.NewInt(f.radix)).Add(n, big.NewInt(int64(d)))
	}
	return n
}

func (f reference) str(m int, n *big.Int) []int {
	x := make([]int, m)
	n = new(big.Int).Set(n)
	for i := m - 1; i >= 0; i-- {
		d := new(big.Int)
		n.DivMod(n, big.NewInt(f.radix), d)
		x[i] = int(d.Int64())
	}
	return x
}

func (f reference) power(m int) *big.Int {
	return new(big.Int).Exp(big.NewInt(f.radix), big.NewInt(int64(m)), nil)
}

// bytes is [x] with s bytes.
func bytesOf(x *big.Int, s int) []byte { return x.FillBytes(make([]byte, s)) }

// y is steps 6.i to 6.iv of algorithm 7.
func (f reference) y(n, u, v, i int, tweak []byte, fed []int) *big.Int {
	// b = ceil(ceil(v·LOG(radix))/8): the bits of radix^v - 1, since radix^v - 1 < 2^k
	// exactly if v·log2(radix) ≤ k.
	b := (new(big.Int).Sub(f.power(v), big.NewInt(1)).BitLen() + 7) / 8
	d := 4*((b+3)/4) + 4
	p := []byte{1, 2, 1}
	p = append(p, bytesOf(big.NewInt(f.radix), 3)...)
	p = append(p, 10, byte(u%256))
	p = append(p, bytesOf(big.NewInt(int64(n)), 4)...)
	p = append(p, bytesOf(big.NewInt(int64(len(tweak))), 4)...)
	q := append([]byte{}, tweak...)
	for (len(q)+1+b)%16 != 0 {
		q = append(q, 0)
	}
	q = append(q, byte(i))
	q = append(q, bytesOf(f.num(fed), b)...)
	r := f.prf(append(p, q...))
	s := append([]byte{}, r...)
	for j := 1; len(s) < d; j++ {
		x := bytesOf(big.NewInt(int64(j)), 16)
		for k := range x {
			x[k] ^= r[k]
		}
		f.block.Encrypt(x, x)
		s = append(s, x...)
	}
	return new(big.Int).SetBytes(s[:d])
}

// encrypt is algorithm 7.
func (f reference) encrypt(tweak []byte, x []int) []int {
	n := len(x)
	u := n / 2
	v := n - u
	a, b := x[:u], x[u:]
	for i := range 10 {
		m := v
		if i%2 == 0 {
			m = u
		}
		c := new(big.Int).Add(f.num(a), f.y(n, u, v, i, tweak, b))
		a, b = b, f.str(m, c.Mod(c, f.power(m)))
	}
	return append(append([]int{}, a...), b...)
}

// decrypt is algorithm 8.
func (f reference) decrypt(tweak []byte, x []int) []int {
	n := len(x)
	u := n / 2
	v := n - u
	a, b := x[:u], x[u:]
	for i := 9; i >= 0; i-- {
		m := v
		if i%2 == 0 {
			m = u
		}
		c := new(big.Int).Sub(f.num(b), f.y(n, u, v, i, tweak, a))
		b, a = a, f.str(m, c.Mod(c, f.power(m)))
	}
	return append(append([]int{}, a...), b...)
}

// Random radices, lengths, keys and tweaks, a tweak of its own for every value, of
// which every fourth has a half or all of zeros or of greatest numerals. 5,000
// values; ZONEBOX_LONG=1 takes 1,000,000.
func TestRandomValuesAgreeWithTheReference(t *testing.T) {
	total := 5_000
	if long {
		total = 1_000_000
	}
	rng := rand.New(rand.NewPCG(2026, 22))
	for done := 0; done < total; {
		radix := 2 + rng.IntN(1<<rng.IntN(11))
		least := 2
		for d := radix * radix; d < ff1.MinDomain; d *= radix {
			least++
		}
		var plain [][]int
		for i := range 250 {
			n := least + rng.IntN(min(ff1.MaxLength, least+30)-least+1)
			x := numerals(rng, n, radix, 0)
			part := [][]int{x[:n/2], x[n/2:], x}[rng.IntN(3)]
			if i%4 == 0 {
				copy(part, numerals(rng, len(part), 1, []int{0, radix - 1}[i/4%2]))
			}
			plain = append(plain, x)
		}
		width := rng.IntN(40)
		againstReference(t, rng.IntN(2) == 0, random(rng, 16), letters(radix), ff1.Tweaks{Data: random(rng, width*len(plain)), Width: width}, plain)
		done += len(plain)
	}
}
