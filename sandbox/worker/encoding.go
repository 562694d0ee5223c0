package worker

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decoded returns the text src as UTF-8 without a byte order mark, nil for an
// encoding nobody reads. A byte sequence that has no character is a fault, the
// code points that GB18030-2022 moved among them: a delivery must not be changed
// silently on its way in. UTF-8 itself is checked value by value.
func decoded(src io.Reader, name string) io.Reader {
	var e encoding.Encoding
	switch name {
	case "", "utf-8":
	case "gb18030":
		e = simplifiedchinese.GB18030
	case "utf-16le":
		e = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf-16be":
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	default:
		return nil
	}
	if e != nil {
		src = &strictReader{src: transform.NewReader(src, e.NewDecoder()), buf: make([]byte, 64<<10)}
	}
	text := bufio.NewReaderSize(src, 64<<10)
	if mark, _ := text.Peek(len(byteOrderMark)); bytes.Equal(mark, byteOrderMark) {
		_, _ = text.Discard(len(mark))
	}
	return text
}

var byteOrderMark = []byte("\uFEFF")

// replacement is U+FFFD, which decoders write for what they cannot map.
var replacement = []byte("\uFFFD")

// strictReader ends with a fault where the first replacement character stands;
// what comes before it is read as it is.
type strictReader struct {
	src  io.Reader
	buf  []byte
	from int // unread input is buf[from:to]
	to   int
	err  error
}

func (r *strictReader) Read(p []byte) (int, error) {
	for {
		if n := r.clean(); n > 0 {
			n = copy(p, r.buf[r.from:r.from+n])
			r.from += n
			return n, nil
		}
		if bytes.HasPrefix(r.buf[r.from:r.to], replacement) {
			return 0, faulted("undecodable")
		}
		if r.err != nil {
			return 0, r.err
		}
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
		n, err := r.src.Read(r.buf[r.to:])
		r.to += n
		r.err = err
	}
}

// clean returns how many unread bytes are known to hold no replacement
// character, in whole or in part.
func (r *strictReader) clean() int {
	in := r.buf[r.from:r.to]
	if i := bytes.Index(in, replacement); i >= 0 {
		return i
	}
	if r.err == nil {
		for n := len(replacement) - 1; n > 0; n-- {
			if bytes.HasSuffix(in, replacement[:n]) {
				return len(in) - n
			}
		}
	}
	return len(in)
}
