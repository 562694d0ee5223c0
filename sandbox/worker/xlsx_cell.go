package worker

import (
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type cellKind byte

const (
	cellEmpty cellKind = iota
	cellText
	cellNumber
	cellBool
	cellError
	cellFormula
)

// A sheetCell is one cell as it is stored; nothing of how it looks but whether
// it looks like a date.
type sheetCell struct {
	column int // from 0
	kind   cellKind
	date   bool // a number whose style shows a date or a time
	text   []byte
}

// fault returns the code of a cell that holds no value of its own, or "".
func (c sheetCell) fault() string {
	switch c.kind {
	case cellFormula:
		return "formula"
	case cellError:
		return "cell_error"
	}
	return ""
}

// maxExactDigits is how many decimal digits a cell's number keeps.
const maxExactDigits = 15

// put appends the cell to the column of type typ and returns "" or a code. Text
// is taken as in a CSV file. A number is taken for a number column only, a date
// for a date column only: an identity number that was stored as a number has
// lost its last digits, and showing it as text would hide that.
func (c sheetCell) put(b *book, s slot) string {
	typ, parse := s.typ, s.text
	switch c.kind {
	case cellEmpty:
		s.null()
		return ""
	case cellText:
		return parse(c.text)
	case cellBool:
		if typ == "" && len(c.text) == 1 {
			return s.bare([]byte(strconv.FormatBool(c.text[0] == '1')))
		}
		if typ != "BOOLEAN" || len(c.text) != 1 {
			return "value"
		}
		return parse(c.text)
	}
	number, valid := parseFloat(string(c.text))
	if !valid {
		return "value"
	}
	isDate := typ == "DATE" || typ == "TIMESTAMP"
	switch {
	case typ == "" && c.date:
		text := b.moment(number, false)
		if text == "" {
			return "value"
		}
		return s.bare([]byte(text))
	case typ == "" && math.Abs(number) >= 1e15:
		return parse([]byte(strconv.FormatFloat(number, 'f', -1, 64)))
	case typ == "":
		return s.bare([]byte(strconv.FormatFloat(number, 'f', -1, 64)))
	case isDate != c.date, typ == "VARCHAR", typ == "BOOLEAN":
		return "value"
	case isDate:
		text := b.moment(number, typ == "DATE")
		if text == "" {
			return "value"
		}
		return parse([]byte(text))
	case typ == "DOUBLE":
		return parse(c.text)
	}
	// The shortest decimal that reads back as the number is the one that was
	// typed: programs write 1.1 as 1.1000000000000001.
	shortest := strconv.FormatFloat(number, 'f', -1, 64)
	if digits := strings.Trim(strings.Replace(strings.TrimPrefix(shortest, "-"), ".", "", 1), "0"); len(digits) > maxExactDigits ||
		math.Abs(number) >= 1e15 {
		return "value"
	}
	return parse([]byte(shortest))
}

// Days are counted so that 1 is 1900-01-01 and 61 is 1900-03-01: the day 60
// stands for a 29 February that 1900 did not have (ECMA-376, 18.17.4.1).
const (
	epoch1904     = -24107 // 1904-01-01 in days since 1970-01-01
	epoch1900     = -25568 // 1899-12-31
	phantomDay    = 60
	milliseconds  = 86400 * 1000
	maxSheetDay   = 2958465 // 9999-12-31
	momentPerhaps = 0.05    // of a millisecond: what a day count cannot hold apart
)

// moment returns a day count in ISO 8601, or "" if it is none. A day count is
// exact to the millisecond; one that falls between two is refused.
func (b *book) moment(serial float64, date bool) string {
	if serial < 0 || serial >= maxSheetDay+1 || serial < 1 && !b.base1904 || date && serial != math.Trunc(serial) {
		return ""
	}
	exact := serial * milliseconds
	whole := math.Round(exact)
	if math.Abs(exact-whole) > momentPerhaps {
		return ""
	}
	days, rest := int64(whole)/milliseconds, int64(whole)%milliseconds
	switch {
	case b.base1904:
		days += epoch1904
	case days == phantomDay:
		return ""
	case days > phantomDay:
		days += epoch1900 - 1
	default:
		days += epoch1900
	}
	return isoTime(days, rest, date)
}

// sharedTexts is the table of texts that cells point into.
type sharedTexts struct {
	bytes []byte
	ends  []int
}

func (s *sharedTexts) count() int { return len(s.ends) }

func (s *sharedTexts) at(i int) []byte {
	start := 0
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.bytes[start:s.ends[i]:s.ends[i]]
}

// readTexts reads the shared texts, at most a quarter of the memory.
func (b *book) readTexts(name string) error {
	p, err := b.part(name)
	if err != nil {
		return err
	}
	const endSize = 8
	for {
		start, err := p.element()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if start.Name.Local != "si" {
			continue
		}
		from := len(b.texts.bytes)
		text, err := richText(p, nil)
		if err != nil {
			return err
		}
		b.texts.bytes = append(b.texts.bytes[:from], unescapeSheet(text)...)
		b.texts.ends = append(b.texts.ends, len(b.texts.bytes))
		// Growing a slice needs both its old and its new memory.
		if int64(cap(b.texts.bytes)+endSize*cap(b.texts.ends)) > b.memory/4 {
			return faulted("too_large")
		}
	}
}

// richText appends the text of the element whose start was read last: that of
// its runs, but not of phonetic hints.
func richText(p *xmlPart, dst []byte) ([]byte, error) {
	depth := p.depth
	for p.depth >= depth {
		t, err := p.token()
		if err != nil {
			return nil, unfinished(err)
		}
		start, is := t.(xml.StartElement)
		if !is {
			continue
		}
		switch start.Name.Local {
		case "t":
			dst, err = p.text(dst)
		case "rPh", "phoneticPr", "rPr":
			err = p.skip()
		}
		if err != nil {
			return nil, err
		}
		if len(dst) > maxXMLToken {
			return nil, faulted("too_long")
		}
	}
	return dst, nil
}

// unescapeSheet replaces _xHHHH_ by the UTF-16 unit it stands for (ECMA-376,
// 22.9.2.19). A lone surrogate becomes bytes that are not UTF-8, which the
// value's parser refuses.
func unescapeSheet(text []byte) []byte {
	s := string(text)
	if !strings.Contains(s, "_x") {
		return text
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		unit, is := sheetUnit(s[i:])
		if !is {
			out = append(out, s[i])
			i++
			continue
		}
		i += len("_xHHHH_")
		if utf16.IsSurrogate(unit) {
			low, _ := sheetUnit(s[i:])
			unit = utf16.DecodeRune(unit, low)
			if unit == utf8.RuneError {
				return []byte{0xff}
			}
			i += len("_xHHHH_")
		}
		out = utf8.AppendRune(out, unit)
	}
	return out
}

func sheetUnit(s string) (rune, bool) {
	if len(s) < len("_xHHHH_") || s[:2] != "_x" || s[6] != '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}

// readStyles finds which cell styles show a date.
func (b *book) readStyles(name string) error {
	p, err := b.part(name)
	if err != nil {
		return err
	}
	formats := map[int]bool{}
	inCells := false
	for {
		t, err := p.token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if end, is := t.(xml.EndElement); is && end.Name.Local == "cellXfs" {
			inCells = false
		}
		start, is := t.(xml.StartElement)
		if !is {
			continue
		}
		switch start.Name.Local {
		case "numFmt":
			id, err := strconv.Atoi(attribute(start, "numFmtId"))
			if err != nil || len(formats) > 1<<16 {
				return faulted("format")
			}
			formats[id] = showsDate(attribute(start, "formatCode"))
		case "cellXfs":
			inCells = true
		case "xf":
			if !inCells {
				continue
			}
			id, _ := strconv.Atoi(attribute(start, "numFmtId"))
			own, defined := formats[id]
			if b.dates = append(b.dates, own || !defined && builtInDate(id)); len(b.dates) > 1<<16 {
				return faulted("format")
			}
		}
	}
}

// builtInDate reports whether a number format that has no code of its own in
// the file shows a date or a time: 14 to 22 and 45 to 47 everywhere, 27 to 36
// and 50 to 58 in Chinese, Japanese and Korean (ECMA-376, 18.8.30).
func builtInDate(id int) bool {
	return 14 <= id && id <= 22 || 27 <= id && id <= 36 || 45 <= id && id <= 47 || 50 <= id && id <= 58
}

// showsDate reports whether a format code has a part of a date or a time outside
// its quotes and brackets.
func showsDate(code string) bool {
	for i := 0; i < len(code); i++ {
		switch code[i] {
		case '"':
			i += 1 + strings.IndexByte(code[i+1:]+"\"", '"')
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:]+"]", ']')
			// [h] counts hours past a day; [Red] is a color, [$-804] a locale.
			if inner := strings.ToLower(code[i+1 : min(i+end, len(code))]); inner != "" && strings.Trim(inner, "hms") == "" {
				return true
			}
			i += end
		case 'y', 'Y', 'm', 'M', 'd', 'D', 'h', 'H', 's', 'S':
			return true
		}
	}
	return false
}
