package worker

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"zonebox/sandbox/internal/wire"
)

// readSQLite streams a plain table of a SQLite 3 database file: the one named, or
// the only one. Views, virtual tables and tables with generated columns are
// refused; indexes and triggers are not looked at.
//
// The reader is our own, of the public file format (sqlite.org/fileformat2.html):
// a load needs the rows of one tree in order, and the engine behind them would
// come with a SQL compiler that reads the schema of a hostile file, locks, a
// journal and a file system. Every page is read once: a page that leads to itself
// is a fault, and no file takes longer than its size.
func readSQLite(src *io.SectionReader, table string, out *emitter) error {
	db, err := openSQLite(src)
	if err != nil {
		return err
	}
	t, err := db.table(table, out)
	if err != nil {
		return err
	}
	slots, err := out.open(t.names)
	if err != nil {
		return err
	}
	row := int64(0)
	return sqliteEnd(out, db.walk(t.root, t.rowid, func(id int64, payload []byte) error {
		row++
		return atRow(t.row(db, id, payload, slots, out), row)
	}))
}

// sqliteEnd closes the rows of a table.
func sqliteEnd(out *emitter, err error) error {
	if err != nil {
		return err
	}
	return out.done()
}

const sqliteMagic = "SQLite format 3\x00"

// A sqliteFile is an open database.
type sqliteFile struct {
	src      *io.SectionReader
	size     int // of a page
	usable   int // bytes of a page that hold anything
	pages    uint32
	encoding uint32
	seen     []uint64 // a bit for every page that has been read
	cells    []sqliteCell
}

// openSQLite reads the file's header.
func openSQLite(src *io.SectionReader) (*sqliteFile, error) {
	head := make([]byte, 100)
	if _, err := src.ReadAt(head, 0); err != nil || string(head[:16]) != sqliteMagic {
		return nil, faulted("format")
	}
	db := &sqliteFile{src: src, size: int(binary.BigEndian.Uint16(head[16:])), encoding: binary.BigEndian.Uint32(head[56:])}
	if db.size == 1 {
		db.size = 64 << 10
	}
	db.usable = db.size - int(head[20])
	if db.size < 512 || db.size&(db.size-1) != 0 || db.usable < 480 {
		return nil, faulted("format")
	}
	switch {
	case head[18] == 2 || head[19] == 2:
		return nil, faulted("wal")
	case head[18] != 1 || head[19] != 1 || db.encoding > 3:
		return nil, faulted("format")
	}
	pages := src.Size() / int64(db.size)
	// The header counts pages too, if its writer knew to.
	if stated := binary.BigEndian.Uint32(head[28:]); stated > 0 && binary.BigEndian.Uint32(head[24:]) == binary.BigEndian.Uint32(head[92:]) {
		if int64(stated) > pages {
			return nil, faulted("damaged")
		}
		pages = int64(stated)
	}
	if pages < 1 || pages > math.MaxUint32 {
		return nil, faulted("format")
	}
	db.pages = uint32(pages)
	db.seen = make([]uint64, pages/64+1)
	return db, nil
}

// page returns a page that has not been read before.
func (db *sqliteFile) page(n uint32) ([]byte, error) {
	if n == 0 || n > db.pages || db.seen[n/64]>>(n%64)&1 == 1 {
		return nil, faulted("damaged")
	}
	db.seen[n/64] |= 1 << (n % 64)
	p := make([]byte, db.size)
	if _, err := db.src.ReadAt(p, int64(n-1)*int64(db.size)); err != nil {
		return nil, faulted("damaged")
	}
	return p[:db.usable], nil
}

// Kinds of pages in a tree.
const (
	pageIndexInner = 2
	pageTableInner = 5
	pageIndexLeaf  = 10
	pageTableLeaf  = 13
)

// maxTreeDepth is twice what the largest file has.
const maxTreeDepth = 40

// A sqliteStep is a page on the way down a tree.
type sqliteStep struct {
	page  []byte
	head  int // where its header begins
	cell  int // the next
	cells int
	inner bool
	fed   bool // of an inner page: the child left of the cell has been read
}

// walk calls each with the number and the payload, valid until it returns, of every
// row of a tree in order. rowid tells a table's tree from that of a table without
// row numbers.
func (db *sqliteFile) walk(root uint32, rowid bool, each func(id int64, payload []byte) error) error {
	var path []*sqliteStep
	down := func(n uint32) error {
		step, err := db.step(n, rowid)
		if err == nil && len(path) == maxTreeDepth {
			err = faulted("damaged")
		}
		path = append(path, step)
		return err
	}
	if err := down(root); err != nil {
		return err
	}
	for len(path) > 0 {
		s := path[len(path)-1]
		switch {
		case s.cell > s.cells || s.cell == s.cells && !s.inner:
			path = path[:len(path)-1]
		case s.cell == s.cells: // the child behind the last cell
			s.cell++
			if err := down(binary.BigEndian.Uint32(s.page[s.head+8:])); err != nil {
				return err
			}
		default:
			cell, err := s.content()
			if err != nil {
				return err
			}
			if s.inner && !s.fed {
				s.fed = true
				if len(cell) < 4 {
					return faulted("damaged")
				}
				if err := down(binary.BigEndian.Uint32(cell)); err != nil {
					return err
				}
				continue
			}
			s.cell++
			s.fed = false
			if s.inner && rowid {
				continue // a key alone
			}
			if s.inner {
				cell = cell[4:]
			}
			if err := db.cell(cell, rowid, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// step reads a page of a tree.
func (db *sqliteFile) step(n uint32, rowid bool) (*sqliteStep, error) {
	p, err := db.page(n)
	if err != nil {
		return nil, err
	}
	s := &sqliteStep{page: p}
	if n == 1 {
		s.head = 100
	}
	switch kind := p[s.head]; {
	case rowid && kind == pageTableInner, !rowid && kind == pageIndexInner:
		s.inner = true
	case rowid && kind == pageTableLeaf, !rowid && kind == pageIndexLeaf:
	default:
		return nil, faulted("damaged")
	}
	s.cells = int(binary.BigEndian.Uint16(p[s.head+3:]))
	if s.pointers()+2*s.cells > len(p) {
		return nil, faulted("damaged")
	}
	return s, nil
}

// pointers returns where the places of the cells stand.
func (s *sqliteStep) pointers() int {
	if s.inner {
		return s.head + 12
	}
	return s.head + 8
}

// content returns the page from the next cell on.
func (s *sqliteStep) content() ([]byte, error) {
	first := s.pointers()
	at := int(binary.BigEndian.Uint16(s.page[first+2*s.cell:]))
	if at < first+2*s.cells || at >= len(s.page) {
		return nil, faulted("damaged")
	}
	return s.page[at:], nil
}

// cell calls each with what a cell holds, gathered from the pages it goes on in.
func (db *sqliteFile) cell(cell []byte, rowid bool, each func(id int64, payload []byte) error) error {
	size, n := sqliteVarint(cell)
	var id int64
	if cell = cell[n:]; rowid && n > 0 {
		id, n = sqliteVarint(cell)
		cell = cell[n:]
	}
	if n == 0 || size < 0 {
		return faulted("damaged")
	}
	if size > maxRecord {
		return faulted("too_long")
	}
	most := db.usable - 35
	if !rowid {
		most = (db.usable-12)*64/255 - 23
	}
	local := int(size)
	if local > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (int(size)-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local == int(size) {
		if len(cell) < local {
			return faulted("damaged")
		}
		return each(id, cell[:local])
	}
	if len(cell) < local+4 {
		return faulted("damaged")
	}
	payload := append(make([]byte, 0, size), cell[:local]...)
	for next := binary.BigEndian.Uint32(cell[local:]); len(payload) < int(size); {
		p, err := db.page(next)
		if err != nil {
			return err
		}
		payload = append(payload, p[4:4+min(int(size)-len(payload), len(p)-4)]...)
		next = binary.BigEndian.Uint32(p)
	}
	return each(id, payload)
}

// sqliteVarint returns the number that b begins with and its length, 0 if it is
// cut off.
func sqliteVarint(b []byte) (v int64, n int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | int64(b[i]), 9
		}
		v = v<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// row hands a row to the slots of the table's columns.
func (t *sqliteTable) row(db *sqliteFile, id int64, payload []byte, slots intake, out *emitter) error {
	cells, err := db.record(payload, len(t.stored))
	if err != nil {
		return err
	}
	for at, column := range t.stored {
		c := sqliteCell{}
		switch {
		case at < len(cells):
			c = cells[at]
		case t.defaults[column]:
			// The column is younger than the row: its value stands in the schema alone.
			return &fault{code: "value", offset: -1, column: slots[column].column}
		}
		if column == t.alias {
			c = sqliteCell{sqliteWhole, strconv.AppendInt(nil, id, 10)}
		}
		out.size += len(c.text) + 1
		if c.kind == sqliteBlob && out.inspection != nil {
			out.inspection.columns[column].fixed, out.inspection.columns[column].typ = true, ""
			c.text = nil
		}
		if code := c.put(slots[column]); code != "" && (c.kind != sqliteBlob || out.inspection == nil) {
			return &fault{code: code, offset: -1, column: slots[column].column}
		}
	}
	return out.added(1)
}

// table finds a plain table in the schema.
func (db *sqliteFile) table(name string, out *emitter) (*sqliteTable, error) {
	var found *sqliteTable
	var plain []string
	kind := ""
	rows := 0
	err := db.walk(1, true, func(_ int64, payload []byte) error {
		if rows++; rows > 10_000 {
			return faulted("too_large")
		}
		cells, err := db.record(payload, 5)
		if err != nil {
			return err
		}
		if len(cells) < 5 || cells[0].kind != sqliteText || cells[1].kind != sqliteText {
			return faulted("damaged")
		}
		own := string(cells[1].text)
		if !utf8.ValidString(own) {
			return faulted("encoding")
		}
		root, err := strconv.ParseUint(string(cells[3].text), 10, 32)
		isTable := string(cells[0].text) == "table" && !strings.HasPrefix(own, "sqlite_")
		if isTable && err == nil && root > 0 {
			plain = append(plain, own)
		}
		if name != "" && own != name || name == "" && !isTable {
			return nil
		}
		if string(cells[0].text) == "index" || string(cells[0].text) == "trigger" {
			return nil
		}
		if kind = string(cells[0].text); !isTable || err != nil || root == 0 {
			kind = "other"
			return nil
		}
		found, err = sqliteTableOf(string(cells[4].text))
		if found != nil {
			found.root = uint32(root)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil && kind == "other":
		return nil, faulted("table_kind")
	case found == nil || name == "" && len(plain) > 1:
		return nil, faulted("table")
	}
	out.found(func(s *wire.Shape) { s.Tables = append(s.Tables, plain...) })
	return found, nil
}
