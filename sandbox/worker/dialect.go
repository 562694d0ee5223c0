package worker

import (
	"bytes"
	"io"
	"slices"

	"zonebox/sandbox/internal/wire"
)

// delimiters are what may separate fields, the likelier first. The full-width
// comma U+FF0C is punctuation in Chinese text and separates none.
var delimiters = []byte{',', '\t', ';', '|'}

// A dialect is how a CSV file is written, as far as its first 64 KiB show.
type dialect struct {
	delimiter byte
	width     int // fields of the first record
	score     int // thousandths of the records that have as many
	quoted    bool
	header    bool
	lineEnd   string
}

// dialectOf finds the dialect of sample, which is cut off unless it is the end.
// delimiter is taken as given if it is not 0.
//
// A delimiter's score is the share of the records of sample that have as many
// fields as the first; one that gives the first record a single field has none. A
// record that breaks the rules of quotes counts against it and ends its count.
// The highest score wins, then more fields, then the order of delimiters. Where
// none has a score the file has one column.
//
// The first record is a header if no field of it is empty, repeated, a number, a
// date or a time, and none stands again in its column.
func dialectOf(sample []byte, end bool, delimiter byte) dialect {
	best := dialect{delimiter: ',', width: 1, lineEnd: lineEndOf(sample)}
	if delimiter != 0 {
		best, _ = tried(sample, end, delimiter)
	} else {
		for _, c := range delimiters {
			d, records := tried(sample, end, c)
			switch {
			case records == 0 || d.width < 2:
			case d.score > best.score, d.score == best.score && d.width > best.width:
				best = d
			}
		}
		if best.score == 0 {
			best, _ = tried(sample, end, ',')
		}
	}
	best.lineEnd = lineEndOf(sample)
	return best
}

// tried reads sample with one delimiter and returns what comes of it and how many
// records that were.
func tried(sample []byte, end bool, delimiter byte) (d dialect, records int) {
	r := &csvReader{in: &window{buf: sample, eof: end}, delimiter: delimiter}
	d = dialect{delimiter: delimiter}
	var first [][]byte
	even := 0
	for {
		quoted := bytes.IndexByte(r.in.rest(), '"') >= 0
		fields, n, err := r.split(r.in.rest())
		if err == io.EOF || err == errMore {
			break
		}
		if err != nil {
			records++
			break
		}
		d.quoted = d.quoted || quoted && bytes.IndexByte(r.in.rest()[:n], '"') >= 0
		r.in.pos += n
		if len(fields) == 1 && len(fields[0]) == 0 {
			continue // a blank line
		}
		records++
		if first == nil {
			for _, f := range fields {
				first = append(first, bytes.Clone(f))
			}
			d.width, d.header = len(fields), isHeader(first)
		}
		if len(fields) == d.width {
			even++
			for i, f := range fields {
				d.header = d.header && (records == 1 || !bytes.Equal(f, first[i]))
			}
		}
	}
	if records == 0 {
		d.header = true // or no record at all: whoever reads on will see
		return d, 0
	}
	d.score = even * 1000 / records
	return d, records
}

func isHeader(fields [][]byte) bool {
	seen := map[string]bool{}
	for _, f := range fields {
		s := string(f)
		_, number := parseFloat(s)
		_, date := parseDate(s)
		_, moment := parseTimestamp(s)
		if s == "" || seen[s] || number || date || moment {
			return false
		}
		seen[s] = true
	}
	return true
}

func lineEndOf(sample []byte) string {
	lf, crlf, cr := bytes.Count(sample, []byte("\n")), bytes.Count(sample, []byte("\r\n")), bytes.Count(sample, []byte("\r"))
	lf, cr = lf-crlf, cr-crlf
	switch {
	case lf > 0 && crlf == 0:
		return "lf"
	case lf == 0 && crlf > 0:
		return "crlf"
	case lf == 0 && crlf == 0 && cr > 0:
		return "cr"
	case lf > 0:
		return "mixed"
	}
	return ""
}

func (d dialect) describe(s *wire.Shape) {
	s.Delimiter, s.Score, s.Quoted, s.Header, s.LineEnd = d.delimiter, d.score, d.quoted, d.header, d.lineEnd
}

// delimiterOf returns the first delimiter by which the first record of sample has
// the names of the delivery's columns, otherwise if there is none.
func (e *emitter) delimiterOf(sample []byte, end bool, otherwise byte) byte {
	for _, c := range append([]byte{otherwise}, delimiters...) {
		r := &csvReader{in: &window{buf: sample, eof: end}, delimiter: c}
		fields, _, err := r.split(sample)
		if err != nil {
			continue
		}
		names := make([]string, len(fields))
		for i, f := range fields {
			names[i] = string(f)
		}
		if _, err := match(names, e.columns); err == nil {
			return c
		}
	}
	if slices.Contains(delimiters, otherwise) {
		return otherwise
	}
	return ','
}
