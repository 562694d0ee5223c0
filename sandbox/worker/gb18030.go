package worker

import (
	"io"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// The code space of GB18030: two bytes, 0x81 to 0xFE and 0x40 to 0xFE without
// 0x7F; four bytes, of which the first 39,420 in order are the rest of the basic
// plane and those from 189,000 on the other planes in order.
const (
	gbPairs         = 126 * 190
	gbBasic         = 39_420
	gbSupplementary = 189_000
)

// gbMoved are the two-byte codes that golang.org/x/text v0.43.0 turns into U+FFFD
// and GB18030-2022 gives a character: 18 that the edition of 2022 moved out of
// Unicode's private use area, A8BC, which that of 2005 moved, and six whose
// characters came with plane 2 and are private use only in name. Sources: GB
// 18030-2022, table of changes; WHATWG index-gb18030.txt of 2024-09-18 for the
// first 19; glibc 2.36 for all 25, which the tests ask where it is installed.
var gbMoved = map[uint16]rune{
	0xA6D9: 0xFE10, 0xA6DA: 0xFE12, 0xA6DB: 0xFE11, 0xA6DC: 0xFE13, 0xA6DD: 0xFE14,
	0xA6DE: 0xFE15, 0xA6DF: 0xFE16, 0xA6EC: 0xFE17, 0xA6ED: 0xFE18, 0xA6F3: 0xFE19,
	0xA8BC: 0x1E3F,
	0xFE59: 0x9FB4, 0xFE61: 0x9FB5, 0xFE66: 0x9FB6, 0xFE67: 0x9FB7,
	0xFE6D: 0x9FB8, 0xFE7E: 0x9FB9, 0xFE90: 0x9FBA, 0xFEA0: 0x9FBB,
	0xFE51: 0x20087, 0xFE52: 0x20089, 0xFE53: 0x200CC, 0xFE6C: 0x215D7, 0xFE76: 0x2298F, 0xFE91: 0x241FE,
}

// gbRefused is 8135F437, which the edition of 2005 moved into the private use
// area and x/text reads by that of 2000.
const gbRefused = 7457

// gbTable maps codes to characters; 0 is none. A code whose character stands for
// nothing that two parties could agree on without each other, in the private use
// area, has none.
type gbTable struct {
	pairs [gbPairs]rune
	basic [gbBasic]rune
}

// gbCodes builds the table, some milliseconds, when the first text needs it.
var gbCodes = sync.OnceValue(func() *gbTable {
	t := &gbTable{}
	decoder := simplifiedchinese.GB18030.NewDecoder()
	one := func(code ...byte) rune {
		var out [8]byte
		decoder.Reset()
		n, _, err := decoder.Transform(out[:], code, true)
		c, size := utf8.DecodeRune(out[:n])
		if err != nil || size != n || c == utf8.RuneError || isPrivate(c) {
			return 0
		}
		return c
	}
	for i := range gbPairs {
		lead, trail := byte(0x81+i/190), byte(0x40+i%190)
		if trail >= 0x7F {
			trail++
		}
		t.pairs[i] = one(lead, trail)
		if c, moved := gbMoved[uint16(lead)<<8|uint16(trail)]; moved {
			t.pairs[i] = c
		}
	}
	for i := range gbBasic {
		t.basic[i] = one(byte(0x81+i/12600), byte(0x30+i/1260%10), byte(0x81+i/10%126), byte(0x30+i%10))
	}
	t.basic[gbRefused] = 0
	return t
})

// isPrivate reports whether c is a private use code point or a noncharacter.
func isPrivate(c rune) bool {
	return 0xE000 <= c && c <= 0xF8FF || c >= 0xF0000 || 0xFDD0 <= c && c <= 0xFDEF || c&0xFFFE == 0xFFFE
}

// pair returns the character of a two-byte code, 0 if there is none.
func (t *gbTable) pair(lead, trail byte) rune {
	if trail < 0x40 || trail == 0x7F || trail == 0xFF {
		return 0
	}
	i := int(lead-0x81)*190 + int(trail) - 0x40
	if trail > 0x7F {
		i--
	}
	return t.pairs[i]
}

// four returns the character of a four-byte code, 0 if there is none.
func (t *gbTable) four(b []byte) rune {
	if b[1]-0x30 > 9 || b[2]-0x81 > 0xFE-0x81 || b[3]-0x30 > 9 {
		return 0
	}
	i := ((int(b[0]-0x81)*10+int(b[1]-0x30))*126+int(b[2]-0x81))*10 + int(b[3]-0x30)
	switch {
	case i < gbBasic:
		return t.basic[i]
	case i >= gbSupplementary && !isPrivate(rune(i-gbSupplementary+0x10000)):
		if c := rune(i - gbSupplementary + 0x10000); c <= utf8.MaxRune {
			return c
		}
	}
	return 0
}

// A gbReader reads GB18030-2022 as UTF-8, or GBK as Windows has it (code page
// 936): the two-byte codes and a euro sign in one byte.
//
// It ends with the fault undecodable where a code has no character, and with
// encoding_utf8 where the text is UTF-8: most of that is GB18030 by accident, of
// characters nobody wrote.
type gbReader struct {
	src   io.Reader
	table *gbTable
	gbk   bool
	buf   []byte
	from  int // unread input is buf[from:to]
	to    int
	utf8  utf8Watch
	err   error
}

func newGBReader(src io.Reader, gbk bool) *gbReader {
	return &gbReader{src: src, table: gbCodes(), gbk: gbk, buf: make([]byte, 64<<10)}
}

// Read implements io.Reader for p of at least utf8.UTFMax bytes; a roomyReader
// asks for no fewer.
func (r *gbReader) Read(p []byte) (int, error) {
	for {
		if n, err := r.decode(p); n > 0 || err != nil {
			return n, err
		}
		if r.err != nil {
			return 0, r.err
		}
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
		n, err := r.src.Read(r.buf[r.to:])
		r.utf8.see(r.buf[r.to : r.to+n])
		r.to += n
		if r.err = err; r.utf8.sure(err == io.EOF) {
			return 0, faulted("encoding_utf8")
		}
	}
}

// decode decodes what is unread into p. It returns 0 where more input is needed.
func (r *gbReader) decode(p []byte) (n int, err error) {
	in := r.buf[r.from:r.to]
	at := 0
	for at < len(in) && n+utf8.UTFMax <= len(p) {
		first := in[at]
		if first < utf8.RuneSelf {
			p[n] = first
			n++
			at++
			continue
		}
		size, c := 2, rune(0)
		switch {
		case first == 0x80 && r.gbk:
			size, c = 1, '€'
		case first == 0x80 || first == 0xFF:
		case at+1 == len(in):
			size = 0
		case in[at+1]-0x30 <= 9 && !r.gbk:
			if size = 4; at+4 <= len(in) {
				c = r.table.four(in[at : at+4])
			} else {
				size = 0
			}
		default:
			c = r.table.pair(first, in[at+1])
		}
		if size == 0 && r.err != io.EOF {
			break
		}
		if c == 0 {
			if n > 0 {
				break // what is good comes first
			}
			if r.utf8.likely() {
				return 0, faulted("encoding_utf8")
			}
			return 0, faulted("undecodable")
		}
		n += utf8.EncodeRune(p[n:], c)
		at += size
	}
	r.from += at
	return n, nil
}

// A utf8Watch notes whether bytes are UTF-8 with characters beyond ASCII.
type utf8Watch struct {
	broken bool
	weight int // 1 for every two-byte character, 2 for every longer one
	part   [utf8.UTFMax]byte
	parts  int
}

// see takes the next bytes.
func (w *utf8Watch) see(b []byte) {
	if w.broken || w.weight > utf8Certain {
		return
	}
	for w.parts > 0 && len(b) > 0 && !utf8.FullRune(w.part[:w.parts]) {
		w.part[w.parts] = b[0]
		w.parts++
		b = b[1:]
	}
	if w.parts > 0 && utf8.FullRune(w.part[:w.parts]) {
		_, size := utf8.DecodeRune(w.part[:w.parts])
		w.count(size)
		w.broken = w.broken || size != w.parts
		w.parts = 0
	}
	for i := 0; i < len(b) && !w.broken && w.weight <= utf8Certain; {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		if !utf8.FullRune(b[i:]) {
			w.parts = copy(w.part[:], b[i:])
			return
		}
		_, size := utf8.DecodeRune(b[i:])
		w.count(size)
		i += size
	}
}

func (w *utf8Watch) count(size int) {
	switch size {
	case 1:
		w.broken = true
	case 2:
		w.weight++
	default:
		w.weight += 2
	}
}

// A pair of GB18030 that is common in Chinese text is a two-byte character of
// UTF-8 about once in ten, and three bytes of such pairs are a character once in
// a thousand. A text that is nothing but UTF-8 is therefore not GB18030 with
// certainty after some ten characters, and very likely not after two.
const (
	utf8Certain = 64
	utf8Enough  = 4
)

// sure reports whether the text must be UTF-8, of which this is the end or not.
func (w *utf8Watch) sure(end bool) bool {
	return !w.broken && (w.weight > utf8Certain || end && w.parts == 0 && w.weight >= utf8Enough)
}

// likely reports the same of a text that is not GB18030.
func (w *utf8Watch) likely() bool { return !w.broken && w.weight > 1 }
