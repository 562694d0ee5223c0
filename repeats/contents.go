package repeats

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/prf"
)

const (
	digestSize = 8       // of a row or cell among Contents, in bytes
	mostCells  = 1 << 16 // kept of a result: of one that has more, as many whole rows
)

// Contents are digests of a result, by which a fragment of it is known again: 64 bits
// each of a keyed function of all rows, ascending, as often as they occur, and of the
// single cells of at most mostCells of them. They depend neither on the order of rows or
// columns nor on what columns are called, and on values only as repeats takes them: as
// numbers, days and texts, however they were spelled. Without the key they are random
// numbers, but that equal cells have equal ones.
type Contents struct {
	rows  []uint64
	cells [][]uint64 // by column, in one order of the rows that they are kept of
	// Whole is of all rows together, in hex.
	Whole string
}

// Contents returns the digests of the rows of batches of one schema. Of a result with
// more cells than are kept, cells are those of the rows of the smallest digests, which is
// a sample that favors nothing.
func (k *Key) Contents(batches ...arrow.RecordBatch) Contents {
	var c Contents
	var kept []uint64 // the digests of the rows that cells are kept of
	for _, b := range batches {
		sums, cells := k.digests(b, nil)
		c.rows = append(c.rows, sums...)
		if c.cells == nil {
			c.cells = make([][]uint64, len(cells))
		}
		kept = append(kept, sums...)
		for i := range cells {
			c.cells[i] = append(c.cells[i], cells[i]...)
		}
		if n := mostCells / max(1, len(cells)); len(kept) > n {
			kept = c.sample(kept, n)
		}
	}
	slices.Sort(c.rows)
	data := c.Bytes()
	tag := make([]byte, 16)
	prf.NewCMAC(k.cipher).Sum(tag, data, []int32{0, int32(len(data))})
	c.Whole = hex.EncodeToString(tag)
	return c
}

// sample keeps the cells of the n rows of the smallest digests, which it returns.
func (c *Contents) sample(rows []uint64, n int) []uint64 {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(rows[i], rows[j]) })
	pick := func(from []uint64) []uint64 {
		out := make([]uint64, n)
		for i, at := range order[:n] {
			out[i] = from[at]
		}
		return out
	}
	for i := range c.cells {
		c.cells[i] = pick(c.cells[i])
	}
	return pick(rows)
}

// digests returns a number for each row of b, and for each cell by column; what the cells
// say goes to said if that is not nil.
func (k *Key) digests(b arrow.RecordBatch, said *[][]int) (sums []uint64, cells [][]uint64) {
	all := make([]int, b.NumRows())
	for i := range all {
		all[i] = i
	}
	sums = make([]uint64, len(all))
	for _, col := range b.Columns() {
		var says *[]int
		if said != nil {
			*said = append(*said, nil)
			says = &(*said)[len(*said)-1]
		}
		cells = append(cells, k.hashes(col, all, says))
		for i, h := range cells[len(cells)-1] {
			sums[i] += h
		}
	}
	return sums, cells
}

// Len returns how many rows there are.
func (c Contents) Len() int { return len(c.rows) }

// Bytes returns the digests of the rows, eight bytes each.
func (c Contents) Bytes() []byte { return appendDigests(nil, c.rows) }

// Columns returns how many columns there are, and Cells the digests of the cells that
// are kept, one column after the other.
func (c Contents) Columns() int { return len(c.cells) }

// Cells is said by Columns.
func (c Contents) Cells() (out []byte) {
	for _, column := range c.cells {
		out = appendDigests(out, column)
	}
	return out
}

// ContentsOf reads what Bytes and Cells wrote; of a result of which no cells are kept,
// columns are none.
func ContentsOf(whole string, rows []byte, columns int, cells []byte) Contents {
	c := Contents{Whole: whole, rows: readDigests(rows)}
	if all := readDigests(cells); columns > 0 {
		n := len(all) / columns
		for i := range columns {
			c.cells = append(c.cells, all[i*n:(i+1)*n])
		}
	}
	return c
}

func appendDigests(dst []byte, digests []uint64) []byte {
	dst = slices.Grow(dst, digestSize*len(digests))
	for _, d := range digests {
		dst = binary.LittleEndian.AppendUint64(dst, d)
	}
	return dst
}

func readDigests(b []byte) []uint64 {
	out := make([]uint64, 0, len(b)/digestSize)
	for ; len(b) >= digestSize; b = b[digestSize:] {
		out = append(out, binary.LittleEndian.Uint64(b))
	}
	return out
}
