package worker

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
)

// A sqliteCell is a value as it is stored.
type sqliteCell struct {
	kind sqliteKind
	text []byte // of a number, its shortest decimal
}

type sqliteKind byte

const (
	sqliteNull sqliteKind = iota
	sqliteWhole
	sqliteReal
	sqliteText
	sqliteBlob
)

// record returns the values of a record, valid until the next call. There may be
// limit of them.
func (db *sqliteFile) record(payload []byte, limit int) ([]sqliteCell, error) {
	size, n := sqliteVarint(payload)
	if n == 0 || size < int64(n) || size > int64(len(payload)) {
		return nil, faulted("damaged")
	}
	head, body := payload[n:size], payload[size:]
	cells := db.cells[:0]
	for len(head) > 0 {
		typ, n := sqliteVarint(head)
		if n == 0 || typ < 0 || len(cells) == limit {
			return nil, faulted("damaged")
		}
		head = head[n:]
		length := int64(0)
		switch {
		case typ >= 12:
			length = (typ - 12) / 2
		case typ == 10 || typ == 11:
			return nil, faulted("damaged")
		default:
			length = int64([...]byte{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[typ])
		}
		if length > int64(len(body)) {
			return nil, faulted("damaged")
		}
		c, err := db.value(typ, body[:length])
		if err != nil {
			return nil, err
		}
		cells = append(cells, c)
		body = body[length:]
	}
	db.cells = cells
	return cells, nil
}

// value returns the value of a serial type.
func (db *sqliteFile) value(typ int64, b []byte) (sqliteCell, error) {
	switch {
	case typ == 0:
		return sqliteCell{}, nil
	case typ == 7:
		v := math.Float64frombits(binary.BigEndian.Uint64(b))
		return sqliteCell{sqliteReal, strconv.AppendFloat(nil, v, 'g', -1, 64)}, nil
	case typ < 10:
		v := int64(0)
		if len(b) > 0 && b[0] >= 0x80 {
			v = -1
		}
		for _, c := range b {
			v = v<<8 | int64(c)
		}
		if len(b) == 0 {
			v = typ - 8
		}
		return sqliteCell{sqliteWhole, strconv.AppendInt(nil, v, 10)}, nil
	case typ%2 == 0:
		return sqliteCell{kind: sqliteBlob}, nil
	case db.encoding <= 1:
		return sqliteCell{sqliteText, b}, nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	if db.encoding == 3 {
		order = binary.BigEndian
	}
	text, err := io.ReadAll(&roomyReader{src: &utf16Reader{src: strings.NewReader(string(b)), order: order}})
	if err != nil {
		return sqliteCell{sqliteText, []byte{0xff}}, nil // its column's parser refuses it
	}
	return sqliteCell{sqliteText, text}, nil
}

// put hands the cell to a column and returns "" or a code. Nothing is taken for a
// text but a text, and for a number column nothing that a number would have to be
// rounded for.
func (c sqliteCell) put(s slot) string {
	if c.kind == sqliteNull {
		s.null()
		return ""
	}
	fits := c.kind == sqliteText
	switch s.typ {
	case "":
		if fits = true; c.kind != sqliteText {
			return s.bare(c.text)
		}
	case "VARCHAR", "DATE", "TIMESTAMP":
	case "BIGINT", "BOOLEAN":
		fits = fits || c.kind == sqliteWhole
	case "DOUBLE":
		n, err := strconv.ParseInt(string(c.text), 10, 64)
		v, _ := strconv.ParseFloat(string(c.text), 64)
		fits = fits || c.kind == sqliteReal && !math.IsInf(v, 0) || c.kind == sqliteWhole && err == nil && -1<<53 <= n && n <= 1<<53
	default: // DECIMAL
		if c.kind == sqliteReal {
			v, _ := strconv.ParseFloat(string(c.text), 64)
			c.text = strconv.AppendFloat(nil, v, 'f', -1, 64)
			fits = math.Abs(v) < 1e15 && len(strings.Trim(strings.Replace(string(c.text), ".", "", 1), "-0")) <= maxExactDigits
		}
		fits = fits || c.kind == sqliteWhole
	}
	if !fits || c.kind == sqliteBlob || len(c.text) == 0 && s.typ != "VARCHAR" && s.typ != "" {
		return "value"
	}
	return s.text(c.text)
}
