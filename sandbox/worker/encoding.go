package worker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// A textReader is the content of a delivery as UTF-8 without a byte order mark.
type textReader struct {
	*bufio.Reader
	encoding func() string // what it was read as
	garbled  func() bool   // whether what was read is very likely UTF-8 under another name
}

// decoded returns src as UTF-8. A byte sequence that has no character is a fault:
// a delivery must not be changed silently on its way in. UTF-8 itself is checked
// value by value.
//
// The encoding "auto" is told by a byte order mark; else by zero bytes, which
// only UTF-16 has; else, where the first byte beyond ASCII stands, UTF-8 if the
// 64 KiB from there on are, GB18030 if they are not.
func decoded(src io.Reader, name string) (*textReader, error) {
	in := bufio.NewReaderSize(src, sampleSize)
	start, _ := in.Peek(1024)
	marked, mark := markOf(start)
	if name == "" {
		name = "utf-8"
	}
	if name == "auto" {
		switch {
		case marked != "":
			name = marked
		case zeros(start) != "":
			name = zeros(start)
		}
	} else if marked != "" && marked != name {
		return nil, faulted("encoding_mark")
	}
	if _, wide := map[string]bool{"utf-16le": true, "utf-16be": true}[name]; !wide && zeros(start) != "" {
		return nil, faulted("encoding_utf16")
	}
	if marked == name {
		_, _ = in.Discard(mark)
	}
	t := &textReader{encoding: func() string { return name }, garbled: func() bool { return false }}
	var out io.Reader
	switch name {
	case "utf-8":
		out = in
	case "gb18030", "gbk":
		gb := newGBReader(in, name == "gbk")
		out, t.garbled = gb, func() bool { return gb.utf8.sure(true) }
	case "utf-16le":
		out = &utf16Reader{src: in, order: binary.LittleEndian}
	case "utf-16be":
		out = &utf16Reader{src: in, order: binary.BigEndian}
	case "auto":
		a := &autoReader{in: in}
		out, t.encoding = a, func() string { return a.name }
	default:
		return nil, faulted("format")
	}
	t.Reader = bufio.NewReaderSize(&roomyReader{src: out}, sampleSize)
	if again, _ := t.Peek(len(byteOrderMark)); bytes.Equal(again, byteOrderMark) {
		return nil, faulted("mark")
	}
	return t, nil
}

// sampleSize is how much of a text is looked at to tell its encoding or dialect.
const sampleSize = 64 << 10

var byteOrderMark = []byte("\uFEFF")

// markOf returns the encoding whose byte order mark start begins with, and the
// length of the mark. UTF-32, which nobody reads, has one too.
func markOf(start []byte) (string, int) {
	for _, m := range []struct{ encoding, mark string }{
		{"utf-8", "\xef\xbb\xbf"}, {"utf-32", "\xff\xfe\x00\x00"}, {"utf-32", "\x00\x00\xfe\xff"},
		{"utf-16le", "\xff\xfe"}, {"utf-16be", "\xfe\xff"}, {"gb18030", "\x84\x31\x95\x33"},
	} {
		if bytes.HasPrefix(start, []byte(m.mark)) {
			return m.encoding, len(m.mark)
		}
	}
	return "", 0
}

// zeros returns the form of UTF-16 that start looks like, "" if like none: digits,
// commas and newlines have a zero byte, on one side only, in that form. Some
// Chinese characters have one on the other.
func zeros(start []byte) string {
	var even, odd int
	for i, c := range start {
		switch {
		case c != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	switch {
	case odd > 1 && odd > 4*even:
		return "utf-16le"
	case even > 1 && even > 4*odd:
		return "utf-16be"
	}
	return ""
}

// A utf16Reader reads UTF-16 as UTF-8. It ends with a fault at half a pair, half a
// unit, and U+FFFD, which somebody wrote for what was lost.
type utf16Reader struct {
	src   io.Reader
	order binary.ByteOrder
	buf   [32 << 10]byte
	from  int
	to    int
	err   error
}

// Read implements io.Reader.
func (r *utf16Reader) Read(p []byte) (int, error) {
	for {
		if n, err := r.decode(p); n > 0 || err != nil {
			return n, err
		}
		if r.err == io.EOF && r.from < r.to {
			return 0, faulted("undecodable")
		}
		if r.err != nil {
			return 0, r.err
		}
		r.to = copy(r.buf[:], r.buf[r.from:r.to])
		r.from = 0
		n, err := r.src.Read(r.buf[r.to:])
		r.to += n
		r.err = err
	}
}

func (r *utf16Reader) decode(p []byte) (n int, err error) {
	for r.to-r.from >= 2 && n+utf8.UTFMax <= len(p) {
		c, size := rune(r.order.Uint16(r.buf[r.from:])), 2
		if utf16.IsSurrogate(c) {
			if r.to-r.from < 4 {
				if r.err == nil {
					return n, nil
				}
				c = utf8.RuneError
			} else {
				c, size = utf16.DecodeRune(c, rune(r.order.Uint16(r.buf[r.from+2:]))), 4
			}
		}
		if c == utf8.RuneError || c&0xFFFE == 0xFFFE {
			if n > 0 {
				return n, nil
			}
			return 0, faulted("undecodable")
		}
		n += utf8.EncodeRune(p[n:], c)
		r.from += size
	}
	return n, nil
}

// A roomyReader asks src for no fewer bytes than a character may have: whoever
// fills a buffer comes to ask for what is left of it, and a decoder that has no
// room for the next character would never give any.
type roomyReader struct {
	src   io.Reader
	left  []byte // of small, read and not given yet
	small [16]byte
}

// Read implements io.Reader.
func (r *roomyReader) Read(p []byte) (int, error) {
	if len(r.left) == 0 && len(p) >= utf8.UTFMax {
		return r.src.Read(p)
	}
	var err error
	if len(r.left) == 0 && len(p) > 0 {
		var n int
		n, err = r.src.Read(r.small[:])
		r.left = r.small[:n]
	}
	n := copy(p, r.left)
	if r.left = r.left[n:]; len(r.left) > 0 {
		err = nil // comes again
	}
	return n, err
}

// An autoReader passes ASCII on and chooses where the first other byte stands.
type autoReader struct {
	in   *bufio.Reader
	rest io.Reader // once chosen
	name string
}

// Read implements io.Reader.
func (r *autoReader) Read(p []byte) (int, error) {
	if r.rest != nil {
		return r.rest.Read(p)
	}
	r.name = "utf-8"
	if _, err := r.in.Peek(1); err != nil {
		return 0, err
	}
	seen, _ := r.in.Peek(r.in.Buffered())
	n := 0
	for n < len(seen) && seen[n] < utf8.RuneSelf {
		n++
	}
	if n > 0 {
		return r.in.Read(p[:min(n, len(p))])
	}
	sample, err := r.in.Peek(sampleSize)
	if isUTF8(sample, err != nil) {
		r.rest = r.in
	} else {
		r.name, r.rest = "gb18030", newGBReader(r.in, false)
	}
	return r.rest.Read(p)
}

// isUTF8 reports whether sample is UTF-8, up to a character that is cut off where
// it is not the end.
func isUTF8(sample []byte, end bool) bool {
	for i := range utf8.UTFMax {
		if n := len(sample) - i; n >= 0 && utf8.Valid(sample[:n]) {
			return i == 0 || !end && !utf8.FullRune(sample[n:])
		}
	}
	return false
}
