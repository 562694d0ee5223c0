package worker

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"

	"zonebox/sandbox/internal/wire"
)

const (
	// maxSheetRow and maxSheetColumn are the size of a sheet (ECMA-376, 18.3.1.73
	// leaves them open; these are the limits every spreadsheet program has).
	maxSheetRow    = 1 << 20
	maxSheetColumn = 1 << 14
	// maxParts bounds the files in a workbook, maxXMLDepth the elements around
	// one, and maxXMLToken the bytes of one tag or text.
	maxParts    = 10_000
	maxXMLDepth = 64
	maxXMLToken = 4 << 20
)

// readSheet streams one sheet of an Office Open XML workbook (ECMA-376): the
// sheet named in m, or the first. Its first row that is not empty is the header.
//
// The reader is our own, on archive/zip and encoding/xml: a streaming reader
// that gives text alone cannot tell a number from a date, a formula's last
// result from a value, or a merged cell from an empty one, and one that can
// holds the sheet in memory. encoding/xml knows no entities but the five of XML,
// and nothing here reads what a part names outside the workbook.
func readSheet(src *io.SectionReader, m wire.DeliverMessage, out *emitter) error {
	b, err := openBook(src, m)
	if err != nil {
		return err
	}
	out.found(func(s *wire.Shape) {
		for _, sheet := range b.sheets {
			s.Tables = append(s.Tables, strings.ToValidUTF8(sheet.name, "?"))
		}
	})
	part, err := b.open(m.Sheet)
	if err != nil {
		return err
	}
	rows := &sheetRows{book: b, xml: part}
	position, slots, err := rows.header(out)
	if err != nil {
		return err
	}
	for row := int64(1); ; row++ {
		cells, err := rows.next()
		if err == io.EOF {
			break
		}
		if f, is := err.(*fault); is && f.code == "merged" {
			return f // it stands behind all rows
		}
		if err != nil {
			return atRow(err, row)
		}
		next := 0
		for at, i := range position {
			c := sheetCell{}
			if next < len(cells) && cells[next].column == at {
				c = cells[next]
				next++
			}
			if i < 0 {
				if c.kind != cellEmpty {
					return &fault{code: "fields", offset: -1, row: row, column: -1, cell: rows.name(c)}
				}
				continue
			}
			out.size += len(c.text) + 1
			code := c.fault()
			if code == "" {
				code = c.put(b, slots[i])
			}
			if code != "" {
				return &fault{code: code, offset: -1, row: row, column: slots[i].column, cell: rows.name(c)}
			}
		}
		if next < len(cells) {
			return &fault{code: "fields", offset: -1, row: row, column: -1, cell: rows.name(cells[next])}
		}
		if err := out.added(1); err != nil {
			return err
		}
	}
	return out.done()
}

// oleMagic begins a compound file: a workbook of a program before 2007, or an
// encrypted one.
const oleMagic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

// isWorkbook reports whether a zip file is a workbook.
func isWorkbook(data []byte) bool {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return false
	}
	for _, f := range z.File {
		if f.Name == "[Content_Types].xml" {
			return true
		}
	}
	return false
}

// A book is an opened workbook.
type book struct {
	parts    map[string]*zip.File
	left     *bounded // what all parts together may still decode to
	memory   int64
	base1904 bool
	sheets   []bookSheet
	texts    sharedTexts
	dates    []bool // by cell style: whether it shows a date
}

type bookSheet struct {
	name, part string
	hidden     bool
}

// openBook reads all of a workbook but its sheets.
func openBook(src *io.SectionReader, m wire.DeliverMessage) (*book, error) {
	start := make([]byte, len(oleMagic))
	if n, _ := src.ReadAt(start, 0); string(start[:n]) == oleMagic {
		return nil, faulted("xls")
	}
	z, err := zip.NewReader(src, src.Size())
	if err != nil || len(z.File) > maxParts {
		return nil, faulted("format")
	}
	b := &book{parts: make(map[string]*zip.File, len(z.File)), left: &bounded{left: m.Decoded}, memory: m.Memory}
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, faulted("encrypted")
		}
		if b.parts[f.Name] != nil {
			return nil, faulted("format")
		}
		b.parts[f.Name] = f
	}
	main, err := b.relations("")
	if err != nil {
		return nil, err
	}
	workbook := ""
	for _, r := range main {
		if r.kind == "officeDocument" {
			workbook = r.target
		}
	}
	if workbook == "" {
		return nil, faulted("format")
	}
	if err := b.workbook(workbook); err != nil {
		return nil, err
	}
	return b, nil
}

// A relation leads from one part to another.
type relation struct{ id, kind, target string }

// relations returns where the part named leads to, "" standing for the workbook
// as a whole. Targets outside the file are left out.
func (b *book) relations(part string) ([]relation, error) {
	dir, name := path.Split(part)
	p, err := b.part(dir + "_rels/" + name + ".rels")
	if err != nil {
		return nil, err
	}
	var all []relation
	for {
		start, err := p.element()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if start.Name.Local != "Relationship" || attribute(start, "TargetMode") == "External" {
			continue
		}
		target := attribute(start, "Target")
		if !strings.HasPrefix(target, "/") {
			target = "/" + dir + target
		}
		all = append(all, relation{attribute(start, "Id"), path.Base(attribute(start, "Type")), strings.TrimPrefix(path.Clean(target), "/")})
	}
}

// workbook reads the part that lists the sheets, and the shared texts and
// styles it names.
func (b *book) workbook(name string) error {
	relations, err := b.relations(name)
	if err != nil {
		return err
	}
	target := make(map[string]string, len(relations))
	for _, r := range relations {
		target[r.id] = r.target
	}
	p, err := b.part(name)
	if err != nil {
		return err
	}
	for {
		start, err := p.element()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch start.Name.Local {
		case "workbookPr":
			b.base1904 = xmlTrue(attribute(start, "date1904"))
		case "sheet":
			id := ""
			for _, a := range start.Attr {
				if a.Name.Local == "id" && strings.HasSuffix(a.Name.Space, "/relationships") {
					id = a.Value
				}
			}
			b.sheets = append(b.sheets, bookSheet{attribute(start, "name"), target[id], strings.HasSuffix(strings.ToLower(attribute(start, "state")), "hidden")})
		}
	}
	for _, r := range relations {
		switch r.kind {
		case "sharedStrings":
			err = b.readTexts(r.target)
		case "styles":
			err = b.readStyles(r.target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open returns the part of the sheet named, of the first if name is empty.
func (b *book) open(name string) (*xmlPart, error) {
	for _, s := range b.sheets {
		if name == "" && s.hidden {
			return nil, faulted("sheet") // the first that a person sees is another
		}
		if name == "" || s.name == name {
			return b.part(s.part)
		}
	}
	return nil, faulted("sheet")
}

// part opens the part named.
func (b *book) part(name string) (*xmlPart, error) {
	f := b.parts[name]
	if f == nil {
		return nil, faulted("format")
	}
	r, err := f.Open()
	if err != nil {
		return nil, openingFault(err)
	}
	p := &xmlPart{in: bufio.NewReaderSize(&shared{&content{src: r}, b.left}, 64<<10)}
	p.decoder = xml.NewDecoder(p)
	return p, nil
}

// shared reads src on the account of another.
type shared struct {
	src     io.Reader
	account *bounded
}

func (s *shared) Read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	if s.account.left -= int64(n); s.account.left < 0 {
		return 0, faulted("too_large")
	}
	return n, err
}

// An xmlPart reads the tokens of one part.
type xmlPart struct {
	in      *bufio.Reader
	decoder *xml.Decoder
	length  int // of the token being read
	depth   int
	rooted  bool // the root element has begun
}

// Read implements io.Reader; the decoder reads by ReadByte.
func (p *xmlPart) Read([]byte) (int, error) { return 0, errors.New("worker: read by bytes") }

// ReadByte implements io.ByteReader.
func (p *xmlPart) ReadByte() (byte, error) {
	if p.length++; p.length > maxXMLToken {
		return 0, faulted("too_long")
	}
	return p.in.ReadByte()
}

// token returns the next token, or io.EOF behind the last one. Document type
// definitions are refused.
func (p *xmlPart) token() (xml.Token, error) {
	p.length = 0
	t, err := p.decoder.Token()
	var f *fault
	switch {
	case err == io.EOF, errors.As(err, &f):
		return nil, err
	case err != nil:
		return nil, faulted("format")
	}
	switch t.(type) {
	case xml.Directive:
		return nil, faulted("format")
	case xml.StartElement:
		if p.depth == 0 && p.rooted {
			return nil, faulted("format") // a second root
		}
		p.rooted = true
		if p.depth++; p.depth > maxXMLDepth {
			return nil, faulted("format")
		}
	case xml.EndElement:
		p.depth--
	}
	return t, nil
}

// element returns the next start of an element.
func (p *xmlPart) element() (xml.StartElement, error) {
	for {
		t, err := p.token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := t.(xml.StartElement); ok {
			return start, nil
		}
	}
}

// skip reads to the end of the element whose start was read last.
func (p *xmlPart) skip() error {
	for depth := p.depth; p.depth >= depth; {
		if _, err := p.token(); err != nil {
			return unfinished(err)
		}
	}
	return nil
}

// text appends the characters of the element whose start was read last to dst.
func (p *xmlPart) text(dst []byte) ([]byte, error) {
	for {
		t, err := p.token()
		if err != nil {
			return nil, unfinished(err)
		}
		switch t := t.(type) {
		case xml.CharData:
			dst = append(dst, t...)
		case xml.StartElement:
			if err := p.skip(); err != nil {
				return nil, err
			}
		case xml.EndElement:
			return dst, nil
		}
		if len(dst) > maxXMLToken {
			return nil, faulted("too_long")
		}
	}
}

// unfinished is the error of an element whose end is missing.
func unfinished(err error) error {
	if err == io.EOF {
		return faulted("format")
	}
	return err
}

// attribute returns the value of an attribute without namespace, "" if absent.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

func xmlTrue(s string) bool { return s == "1" || s == "true" }
