// Package identifier enciphers the identifiers of China into valid ones of the
// same kind: resident identity numbers, unified social credit codes, mobile
// numbers and bank card numbers. What comes out passes every check that this
// package made of what went in: form, checksums, dates and listed regions, and not
// whether a prefix of mobile numbers or an issuer of cards was ever given out.
// Whoever holds the key gets back what went in, its x as X.
//
// A kind numbers its valid values without gaps, from 0 on; the number is
// enciphered among them by ff1.Permutation, and the value with the new number
// written (rank, then encipher: Bellare, Ristenpart, Rogaway and Stegers,
// Format-Preserving Encryption, SAC 2009). Check characters are left out of the
// number and computed anew. Parts that an option keeps are the tweak, so that the
// values with one prefix are enciphered unlike those with another.
//
// An identifier that comes out may be somebody's: it is valid, and nearly all
// valid mobile numbers have an owner. Mark such columns as masked.
package identifier

import (
	"errors"
	"math"
	"sync"

	"zonebox/masking/ff1"
)

// ErrOptions says that the options of a kind make no sense.
var ErrOptions = errors.New("identifier: options")

// Identifier enciphers the values of one kind under one key. It is safe for
// concurrent use.
type Identifier struct {
	kind         kind
	permutations []*ff1.Permutation // by class
}

// kind is what numbers the valid values of a kind of identifier. They fall into
// classes by their length.
type kind interface {
	// mark tells the kind and its options from all others that share a key.
	mark() byte
	// rank returns the class of value and its number in that, and writes what else
	// tells values apart that are enciphered apart. It returns false if value is
	// not valid.
	rank(value []byte, kept *[maxKept]byte) (class int, rank uint64, ok bool)
	// put writes into value, one of the class, what the number rank says, and its
	// check characters; what is kept stays.
	put(value []byte, class int, rank uint64)
}

// maxKept is the most that a kind keeps; with the mark of the kind and the class
// a tweak then has ten bytes, and every round of FF1 one block.
const (
	maxKept = 8
	width   = 2 + maxKept
)

// The kinds, first in the tweak together with their options, 16 for each: under
// one key every one is enciphered apart.
const (
	residentMark = 0x10 * (1 + iota)
	mobileMark
	cardMark
	creditMark
)

// option returns bit if it is taken.
func option(taken bool, bit byte) byte {
	if taken {
		return bit
	}
	return 0
}

// chunk is how many values are worked on together.
const chunk = 512

// work is the memory of one call.
type work struct {
	class  [chunk]int8 // none: does not fit
	rank   [chunk]uint64
	kept   [chunk][maxKept]byte
	number [chunk]uint64 // those of one class, together
	tweaks [chunk * width]byte
}

const none = -1

var workPool = sync.Pool{New: func() any { return new(work) }}

// Encrypt appends the enciphered values of src to dst, in order, and returns how
// many are not valid. Those are appended as empty values and are false in fits,
// which has a place for each value; the caller masks them whole. All others keep
// their length.
//
// dst does not share memory with src. Encrypt allocates nothing but the room that
// dst lacks. It panics if fits does not fit src, or if dst grew beyond what its
// offsets can say.
func (f *Identifier) Encrypt(dst *ff1.Column, src ff1.Column, fits []bool) int {
	return f.crypt(dst, src, fits, (*ff1.Permutation).Encrypt)
}

// Decrypt is the inverse of Encrypt.
func (f *Identifier) Decrypt(dst *ff1.Column, src ff1.Column, fits []bool) int {
	return f.crypt(dst, src, fits, (*ff1.Permutation).Decrypt)
}

type permute func(p *ff1.Permutation, dst, src []uint64, tweaks ff1.Tweaks)

func (f *Identifier) crypt(dst *ff1.Column, src ff1.Column, fits []bool, do permute) int {
	n := src.Len()
	if len(fits) != n {
		panic("identifier: fits does not fit the batch")
	}
	if len(dst.Offsets) == 0 {
		dst.Offsets = append(dst.Offsets, int32(len(dst.Data)))
	}
	w := workPool.Get().(*work)
	defer workPool.Put(w)
	misfits := 0
	for from := 0; from < n; from += chunk {
		to := min(from+chunk, n)
		for i := range to - from {
			v := src.Data[src.Offsets[from+i]:src.Offsets[from+i+1]]
			w.kept[i] = [maxKept]byte{}
			class, rank, ok := f.kind.rank(v, &w.kept[i])
			fits[from+i] = ok
			if !ok {
				class = none
				misfits++
			}
			w.class[i], w.rank[i] = int8(class), rank
		}
		f.permute(w, to-from, do)
		for i := range to - from {
			if w.class[i] != none {
				end := len(dst.Data)
				dst.Data = append(dst.Data, src.Data[src.Offsets[from+i]:src.Offsets[from+i+1]]...)
				f.kind.put(dst.Data[end:], int(w.class[i]), w.rank[i])
			}
			if len(dst.Data) > math.MaxInt32 {
				panic("identifier: a column of more than 2 GiB")
			}
			dst.Offsets = append(dst.Offsets, int32(len(dst.Data)))
		}
	}
	return misfits
}

// permute takes the ranks of the first n values through the permutations of
// their classes.
func (f *Identifier) permute(w *work, n int, do permute) {
	for class, p := range f.permutations {
		m := 0
		for i := range n {
			if int(w.class[i]) == class {
				w.number[m] = w.rank[i]
				tweak := w.tweaks[m*width:][:width]
				tweak[0], tweak[1] = f.kind.mark(), byte(class)
				copy(tweak[2:], w.kept[i][:])
				m++
			}
		}
		if m == 0 {
			continue
		}
		do(p, w.number[:m], w.number[:m], ff1.Tweaks{Data: w.tweaks[:m*width], Width: width})
		m = 0
		for i := range n {
			if int(w.class[i]) == class {
				w.rank[i] = w.number[m]
				m++
			}
		}
	}
}

// digits returns the number that v writes in decimal, and whether v holds
// nothing but ASCII digits, 19 at most.
func digits(v []byte) (uint64, bool) {
	var x uint64
	ok := true
	for _, c := range v {
		d := c - '0'
		ok = ok && d <= 9
		x = x*10 + uint64(d)
	}
	return x, ok
}

// putDigits writes x in decimal, with zeros in front.
func putDigits(dst []byte, x uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = '0' + byte(x%10)
		x /= 10
	}
}

// powers are those of 10 that 64 bits hold.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := range len(p) - 1 {
		p[i+1] = 10 * p[i]
	}
	return p
}()
