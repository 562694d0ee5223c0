package city

import (
	"bufio"
	"bytes"
	"strconv"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// csvSink writes CSV. It collects some rows as UTF-8 and encodes them together:
// always whole characters, so the encoder never has to keep half of one.
type csvSink struct {
	out     *bufio.Writer
	rows    []byte
	encoded []byte
	encoder *encoding.Encoder // nil for UTF-8
	begun   bool              // the row has a cell
}

// A chunk is flushed by the row that fills it; a row is far below maxRow.
const (
	csvChunk = 1 << 15
	maxRow   = 1 << 12
)

func newCSVSink(out *bufio.Writer, columns []Column, e Encoding) *csvSink {
	s := &csvSink{out: out, rows: make([]byte, 0, csvChunk+maxRow)}
	if e == GB18030 {
		// x/text encodes U+E000 to U+E765 to four bytes that no other decoder, nor
		// its own, reads back, and turns bytes that are not UTF-8 into U+FFFD, both
		// without an error. The generator draws neither.
		s.encoder = simplifiedchinese.GB18030.NewEncoder()
		s.encoded = make([]byte, 2*cap(s.rows)) // two bytes of UTF-8 can become four
	}
	for _, c := range columns {
		s.text([]byte(c.Name))
	}
	s.rows = append(s.rows, '\n')
	s.begun = false
	return s
}

func (s *csvSink) cell() {
	if s.begun {
		s.rows = append(s.rows, ',')
	}
	s.begun = true
}

func (s *csvSink) text(b []byte) {
	s.cell()
	if bytes.IndexByte(b, ',') < 0 && bytes.IndexByte(b, '"') < 0 {
		s.rows = append(s.rows, b...)
		return
	}
	s.rows = append(s.rows, '"')
	for _, c := range b {
		if c == '"' {
			s.rows = append(s.rows, '"')
		}
		s.rows = append(s.rows, c)
	}
	s.rows = append(s.rows, '"')
}

func (s *csvSink) date(day int64) {
	s.cell()
	s.rows = appendDate(s.rows, day, '-')
}

func (s *csvSink) second(unix int64) {
	s.cell()
	s.rows = append(appendDate(s.rows, unix/86400, '-'), ' ')
	unix %= 86400
	s.rows = append(appendDigits(s.rows, unix/3600, 2), ':')
	s.rows = append(appendDigits(s.rows, unix/60%60, 2), ':')
	s.rows = appendDigits(s.rows, unix%60, 2)
}

func (s *csvSink) money(cents int64) {
	s.cell()
	s.rows = append(appendNumber(s.rows, cents/100), '.')
	s.rows = appendDigits(s.rows, cents%100, 2)
}

func (s *csvSink) integer(n int64) {
	s.cell()
	s.rows = appendNumber(s.rows, n)
}

func (s *csvSink) null() { s.cell() }

func (s *csvSink) endRow() error {
	s.rows = append(s.rows, '\n')
	s.begun = false
	if len(s.rows) < csvChunk {
		return nil
	}
	return s.flush()
}

// flush encodes and writes the collected rows.
func (s *csvSink) flush() error {
	b := s.rows
	if s.encoder != nil {
		n, _, err := s.encoder.Transform(s.encoded, b, true)
		if err != nil {
			return err
		}
		b = s.encoded[:n]
	}
	s.rows = s.rows[:0]
	_, err := s.out.Write(b)
	return err
}

func appendNumber(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }
