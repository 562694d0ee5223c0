package ff1

import (
	"math"
	"slices"
)

// Column is a column of values as Arrow lays out strings: value i is
// Data[Offsets[i]:Offsets[i+1]].
type Column struct {
	Data    []byte
	Offsets []int32
}

// Len returns the number of values.
func (c Column) Len() int { return max(len(c.Offsets)-1, 0) }

// Encrypt appends the enciphered values of src to dst, in order, and returns how
// many values do not fit: that are not UTF-8, hold anything but letters of the
// alphabet, or are shorter than MinLength or longer than MaxLength letters. Those
// are appended as empty values and are false in fits, which has a place for each
// value; the caller masks them whole.
//
// Equal values with equal tweaks come out equal. A value keeps its length in
// letters, and in bytes if all letters have as many.
//
// dst does not share memory with src or tweaks. Encrypt allocates nothing but the
// room that dst lacks. It panics if fits or tweaks do not fit src, or if dst grew
// beyond what its offsets can say.
func (c *Cipher) Encrypt(dst *Column, src Column, tweaks Tweaks, fits []bool) int {
	return c.crypt(dst, src, tweaks, fits, false)
}

// Decrypt is the inverse of Encrypt.
func (c *Cipher) Decrypt(dst *Column, src Column, tweaks Tweaks, fits []bool) int {
	return c.crypt(dst, src, tweaks, fits, true)
}

func (c *Cipher) crypt(dst *Column, src Column, tweaks Tweaks, fits []bool, inverse bool) int {
	n := src.Len()
	tweaks.check(n)
	if len(fits) != n {
		panic("ff1: fits does not fit the batch")
	}
	if len(dst.Offsets) == 0 {
		dst.Offsets = append(dst.Offsets, int32(len(dst.Data)))
	}
	w := newWork()
	defer workPool.Put(w)
	if c.long && w.long == nil {
		w.long = new(longWork)
	}
	misfits := 0
	for from := 0; from < n; from += chunk {
		to := min(from+chunk, n)
		misfits += c.read(w, src, from, to, fits)
		c.cipher(w, tweaks, from, to-from, inverse)
		c.write(w, dst, to-from)
	}
	return misfits
}

// read parses the values from to to and returns how many do not fit.
func (c *Cipher) read(w *work, src Column, from, to int, fits []bool) int {
	misfits := 0
	for i := from; i < to; i++ {
		v := src.Data[src.Offsets[i]:src.Offsets[i+1]]
		n := 0
		if c.alphabet.ascii {
			n = c.readASCII(w, i-from, v)
		} else {
			n = c.readRunes(w, i-from, v)
		}
		w.length[i-from] = uint8(n)
		fits[i] = n > 0
		if n == 0 {
			misfits++
		}
	}
	return misfits
}

// readASCII puts the halves of v at i and returns the length of v, 0 if it does
// not fit.
func (c *Cipher) readASCII(w *work, i int, v []byte) int {
	if len(v) < c.minLength || len(v) > MaxLength {
		return 0
	}
	s := &c.shapes[len(v)]
	numerals := &c.alphabet.numerals
	if s.size == long {
		var seen uint16
		for j, x := range v {
			d := numerals[x]
			seen |= d
			w.long.numerals[i][j] = d
		}
		if seen >= none {
			return 0
		}
		return len(v)
	}
	first, second := v[:s.u], v[s.u:]
	var a, b uint64
	var seen uint16
	radix := s.radix.r
	if s.v > s.u {
		seen = numerals[second[0]]
		b = uint64(seen)
		second = second[1:]
	}
	for j, x := range first {
		d, e := numerals[x], numerals[second[j]]
		seen |= d | e
		a = a*radix + uint64(d)
		b = b*radix + uint64(e)
	}
	if seen >= none {
		return 0
	}
	w.a[i], w.b[i] = a, b
	return len(v)
}

func (c *Cipher) readRunes(w *work, i int, v []byte) int {
	var numerals [MaxLength]uint16
	n := c.alphabet.parse(numerals[:], v)
	if n < c.minLength {
		return 0
	}
	s := &c.shapes[n]
	if s.size == long {
		copy(w.long.numerals[i][:], numerals[:n])
		return n
	}
	w.a[i], w.b[i] = s.radix.number(numerals[:s.u]), s.radix.number(numerals[s.u:n])
	return n
}

// cipher enciphers or deciphers the first n values of w, the first of which is
// value number first of the batch: those of one length together.
func (c *Cipher) cipher(w *work, tweaks Tweaks, first, n int, inverse bool) {
	var ends [MaxLength + 2]int
	for _, l := range w.length[:n] {
		ends[l+1]++
	}
	for l := range MaxLength + 1 {
		ends[l+1] += ends[l] // where length l begins
	}
	for i, l := range w.length[:n] {
		w.order[ends[l]] = int32(i)
		ends[l]++
	}
	for l := c.minLength; l <= MaxLength; l++ {
		for from := ends[l-1]; from < ends[l]; from += width {
			group := w.order[from:min(from+width, ends[l])]
			c.group(w, &c.shapes[l], tweaks, first, group, inverse)
		}
	}
}

// group does up to width values of one shape.
func (c *Cipher) group(w *work, s *shape, tweaks Tweaks, first int, group []int32, inverse bool) {
	var values [width]int32
	for lane, i := range group {
		values[lane] = int32(first) + i
	}
	w.begin(c.blocks, s, tweaks, values[:len(group)])
	if s.size == long {
		w.runLong(c.blocks, s, tweaks, values[:len(group)], group, inverse)
		return
	}
	if whole := int(group[len(group)-1]-group[0]) == len(group)-1; whole { // one after the other: where they are
		at := group[0]
		w.run(c.blocks, s, w.a[at:][:len(group)], w.b[at:][:len(group)], inverse)
		return
	}
	x, y := w.x[:len(group)], w.y[:len(group)]
	for lane, i := range group {
		x[lane], y[lane] = w.a[i], w.b[i]
	}
	w.run(c.blocks, s, x, y, inverse)
	for lane, i := range group {
		w.a[i], w.b[i] = x[lane], y[lane]
	}
}

// write appends the first n values of w to dst.
func (c *Cipher) write(w *work, dst *Column, n int) {
	data := dst.Data
	for i, l := range w.length[:n] {
		if l > 0 {
			s := &c.shapes[l]
			switch {
			case s.size == long:
				data = c.alphabet.append(data, w.long.numerals[i][:l])
			case c.alphabet.ascii:
				end := len(data)
				data = slices.Grow(data, int(l))[:end+int(l)]
				s.radix.putLetters(data[end:end+s.u], c.alphabet.pairs, w.a[i])
				s.radix.putLetters(data[end+s.u:], c.alphabet.pairs, w.b[i])
			default:
				var numerals [MaxLength]uint16
				s.radix.put(numerals[:s.u], w.a[i])
				s.radix.put(numerals[s.u:l], w.b[i])
				data = c.alphabet.append(data, numerals[:l])
			}
		}
		if len(data) > math.MaxInt32 {
			panic("ff1: a column of more than 2 GiB")
		}
		dst.Offsets = append(dst.Offsets, int32(len(data)))
	}
	dst.Data = data
}
