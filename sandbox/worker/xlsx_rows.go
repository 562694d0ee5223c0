package worker

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"

	"zonebox/sandbox/internal/wire"
)

// sheetRows reads the rows of one sheet.
type sheetRows struct {
	book   *book
	xml    *xmlPart
	inData bool
	last   int // number of the last row
	cells  []sheetCell
}

// header reads the first row that is not empty. It returns the slots of its names
// and, for each column of the sheet up to the header's last, the slot it fills, or
// -1.
func (r *sheetRows) header(out *emitter) ([]int, intake, error) {
	cells, err := r.next()
	if err == io.EOF {
		return nil, nil, faulted("header_absent")
	}
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, len(cells))
	position := make([]int, cells[len(cells)-1].column+1)
	for i := range position {
		position[i] = -1
	}
	for i, c := range cells {
		code := c.fault()
		if code == "" {
			code = nameFault(c.text)
		}
		if code != "" {
			return nil, nil, &fault{code: code, offset: -1, column: -1, cell: r.name(c)}
		}
		names[i], position[c.column] = string(c.text), i
	}
	out.found(func(s *wire.Shape) { s.Header = true })
	slots, err := out.open(names)
	if err != nil {
		// Merged cells are the usual reason, and stand behind the data.
		for {
			if _, other := r.next(); other == io.EOF {
				return nil, nil, err
			} else if f, is := other.(*fault); is && f.code == "merged" {
				return nil, nil, f
			} else if other != nil {
				return nil, nil, err
			}
		}
	}
	return position, slots, nil
}

// name returns what the sheet calls a cell of the row that was read last.
func (r *sheetRows) name(c sheetCell) string {
	letters := ""
	for n := c.column + 1; n > 0; n = (n - 1) / 26 {
		letters = string(rune('A'+(n-1)%26)) + letters
	}
	return letters + strconv.Itoa(r.last)
}

// next returns the cells of the next row that has a value, by ascending column,
// valid until the next call, or io.EOF behind the last. Empty cells are left
// out.
func (r *sheetRows) next() ([]sheetCell, error) {
	for {
		t, err := r.xml.token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case t.Name.Local == "sheetData":
				r.inData = true
			case t.Name.Local == "mergeCell":
				first, _, _ := strings.Cut(attribute(t, "ref"), ":")
				return nil, &fault{code: "merged", offset: -1, column: -1, cell: first}
			case t.Name.Local == "row" && r.inData:
				if err := r.row(t); err != nil {
					return nil, err
				}
				if len(r.cells) > 0 {
					return r.cells, nil
				}
			}
		case xml.EndElement:
			if t.Name.Local == "sheetData" {
				r.inData = false
			}
		}
	}
}

// row reads the row that begins with start into r.cells.
func (r *sheetRows) row(start xml.StartElement) error {
	number := r.last + 1
	if s := attribute(start, "r"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < number {
			return faulted("format")
		}
		number = n
	}
	if number > maxSheetRow {
		return faulted("format")
	}
	r.last = number
	r.cells = r.cells[:0]
	next := 0
	for {
		t, err := r.xml.token()
		if err != nil {
			return unfinished(err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if t.Name.Local != "c" {
				if err := r.xml.skip(); err != nil {
					return err
				}
				continue
			}
			c := sheetCell{column: next}
			if ref := attribute(t, "r"); ref != "" {
				if c.column = columnOf(ref, number); c.column < next {
					return faulted("format")
				}
			}
			if c.column >= maxSheetColumn {
				return faulted("format")
			}
			next = c.column + 1
			if err := r.cell(&c, t); err != nil {
				return err
			}
			if c.kind != cellEmpty {
				r.cells = append(r.cells, c)
			}
		}
	}
}

// columnOf returns the column of a reference such as AB12, counted from 0, or
// -1 if it is not one in the given row.
func columnOf(ref string, row int) int {
	letters := strings.TrimRight(ref, "0123456789")
	if len(letters) == 0 || len(letters) > 3 || ref[len(letters):] != strconv.Itoa(row) {
		return -1
	}
	column := 0
	for _, c := range []byte(letters) {
		if c < 'A' || c > 'Z' {
			return -1
		}
		column = column*26 + int(c-'A') + 1
	}
	return column - 1
}

// cell reads the cell that begins with start.
func (r *sheetRows) cell(c *sheetCell, start xml.StartElement) error {
	typ := attribute(start, "t")
	if s := attribute(start, "s"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return faulted("format")
		}
		c.date = n < len(r.book.dates) && r.book.dates[n]
	}
	var value, inline []byte
	var formula bool
	for {
		t, err := r.xml.token()
		if err != nil {
			return unfinished(err)
		}
		if _, end := t.(xml.EndElement); end {
			break
		}
		child, is := t.(xml.StartElement)
		if !is {
			continue
		}
		switch child.Name.Local {
		case "v":
			value, err = r.xml.text(nil)
		case "is":
			inline, err = richText(r.xml, nil)
		case "f":
			formula = true
			err = r.xml.skip()
		default:
			err = r.xml.skip()
		}
		if err != nil {
			return err
		}
	}
	c.kind, c.text = cellEmpty, value
	switch typ {
	case "s":
		if value == nil {
			break
		}
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n >= r.book.texts.count() {
			return faulted("format")
		}
		c.kind, c.text = cellText, r.book.texts.at(n)
	case "inlineStr":
		c.kind, c.text = cellText, unescapeSheet(inline)
	case "str":
		c.kind, c.text = cellText, unescapeSheet(value)
	case "d":
		c.kind = cellText // ISO 8601
	case "b":
		c.kind = cellBool
	case "e":
		c.kind = cellError
	case "", "n":
		c.kind = cellNumber
	default:
		return faulted("format")
	}
	if len(c.text) == 0 && c.kind != cellError {
		c.kind = cellEmpty
	}
	if formula {
		c.kind = cellFormula
	}
	return nil
}
