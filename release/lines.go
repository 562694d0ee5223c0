package release

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// ErrLines means that a text is no table of CSV or TSV. It says no more: the text holds
// what was released.
var ErrLines = errors.New("not lines of CSV or TSV in UTF-8 or GB18030")

// Lines returns the cells of each line of a text as somebody found it: CSV as WriteCSV
// writes it or a spreadsheet saved it, or, if the first line has a tab, TSV. Lines may
// be of different lengths; empty ones are none. One ' at the start of a cell is taken
// away, as WriteCSV says. The error wraps ErrLines and holds nothing of the text.
func Lines(text []byte) ([][]string, error) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if !utf8.Valid(text) {
		var err error
		if text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text); err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			return nil, fmt.Errorf("release: read lines: %w", ErrLines)
		}
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.Contains(first, []byte("\t")) {
		r.Comma = '\t'
	}
	lines, err := r.ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, fmt.Errorf("release: read lines: %w", ErrLines)
	}
	for _, line := range lines {
		for i := range line {
			line[i] = plainText(line[i])
		}
	}
	return lines, nil
}
