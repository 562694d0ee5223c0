package wire

import (
	"encoding/binary"
	"fmt"
)

// A RowSet is an aggregate of a statement that notes of each row in which group
// it is: Number tells those of one statement apart, Columns is how many columns of
// row numbers it takes.
type RowSet struct {
	Number  int `json:"number"`
	Columns int `json:"columns"`
}

const (
	// MaxRowSets bounds the row sets of one statement, MaxRowColumns the columns of
	// one.
	MaxRowSets    = 512
	MaxRowColumns = 32
)

// Gatherer is the name of the aggregate of a row set. No statement of an operator
// can name it, as it cannot name a Counter.
func Gatherer(s RowSet) string { return fmt.Sprintf("__rows_%d_%d", s.Number, s.Columns) }

// ValidRowSets reports whether a message may ask for sets: few, each once, with
// few columns.
func ValidRowSets(sets []RowSet) bool {
	seen := map[RowSet]bool{}
	for _, s := range sets {
		if s.Number < 1 || s.Number > MaxRowSets || s.Columns < 1 || s.Columns > MaxRowColumns || seen[s] {
			return false
		}
		seen[s] = true
	}
	return len(sets) <= MaxRowSets
}

// RowsPart says what the numbers of a Rows frame are.
type RowsPart byte

// Parts of a row set, in the order in which they come: the head first, then, by
// column, groups and what is more of them.
const (
	RowsHead  RowsPart = 1 + iota // one number: groups are numbered from 1 to it
	RowsGroup                     // by row: its group, 0 for none
	RowsMore                      // pairs of a row and the group in which it is once more
	RowsSame                      // pairs of numbers of one group
)

// A RowsFrame is the head of a Rows frame, before numbers of four bytes, little
// endian. First is the place of the first of them in the whole part.
type RowsFrame struct {
	Set    uint16 // index in the message's Sets
	Part   RowsPart
	Column uint8
	First  uint32
}

// RowsHeader is the length of a RowsFrame.
const RowsHeader = 8

// MaxRows bounds the payload of a Rows frame.
const MaxRows = RowsHeader + 4<<16

// Append adds f to dst.
func (f RowsFrame) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, f.Set)
	dst = append(dst, byte(f.Part), f.Column)
	return binary.LittleEndian.AppendUint32(dst, f.First)
}

// ParseRows reads the payload of a Rows frame. It returns an error wrapping
// ErrFrame if there is no whole number.
func ParseRows(payload []byte) (RowsFrame, []uint32, error) {
	if len(payload) <= RowsHeader || len(payload)%4 != 0 {
		return RowsFrame{}, nil, fmt.Errorf("%w: rows", ErrFrame)
	}
	f := RowsFrame{binary.LittleEndian.Uint16(payload), RowsPart(payload[2]), payload[3], binary.LittleEndian.Uint32(payload[4:])}
	numbers := make([]uint32, (len(payload)-RowsHeader)/4)
	for i := range numbers {
		numbers[i] = binary.LittleEndian.Uint32(payload[RowsHeader+4*i:])
	}
	return f, numbers, nil
}
