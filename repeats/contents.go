package repeats

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/prf"
)

// digestSize is that of a row among Contents, in bytes.
const digestSize = 8

// Contents are digests of all rows of a result, by which a fragment of it is known
// again: 64 bits each of a keyed function of the row's values, ascending, as often as
// the row occurs. They depend neither on the order of rows or columns nor on what
// columns are called, and on values only as repeats takes them: as numbers, days and
// texts, however they were spelled. Without the key they are random numbers.
type Contents struct {
	rows []uint64
	// Whole is of all rows together, in hex.
	Whole string
}

// Contents returns the digests of the rows of batches.
func (k *Key) Contents(batches ...arrow.RecordBatch) Contents {
	var c Contents
	for _, b := range batches {
		all := make([]int, b.NumRows())
		for i := range all {
			all[i] = i
		}
		sums := make([]uint64, len(all))
		for _, col := range b.Columns() {
			for i, h := range k.hashes(col, all, nil) {
				sums[i] += h
			}
		}
		c.rows = append(c.rows, sums...)
	}
	slices.Sort(c.rows)
	data := c.Bytes()
	tag := make([]byte, 16)
	prf.NewCMAC(k.cipher).Sum(tag, data, []int32{0, int32(len(data))})
	c.Whole = hex.EncodeToString(tag)
	return c
}

// Len returns how many rows there are.
func (c Contents) Len() int { return len(c.rows) }

// Bytes returns the digests of the rows, eight bytes each.
func (c Contents) Bytes() []byte {
	out := make([]byte, 0, digestSize*len(c.rows))
	for _, r := range c.rows {
		out = binary.LittleEndian.AppendUint64(out, r)
	}
	return out
}

// ContentsOf reads what Bytes wrote.
func ContentsOf(whole string, rows []byte) Contents {
	c := Contents{Whole: whole}
	for ; len(rows) >= digestSize; rows = rows[digestSize:] {
		c.rows = append(c.rows, binary.LittleEndian.Uint64(rows))
	}
	return c
}

// Shared returns how many rows of a fragment are rows of c, each counted as often as
// both have it. Both are of one key.
func (c Contents) Shared(fragment Contents) int {
	n, at := 0, 0
	for _, r := range fragment.rows {
		for at < len(c.rows) && c.rows[at] < r {
			at++
		}
		if at < len(c.rows) && c.rows[at] == r {
			n, at = n+1, at+1
		}
	}
	return n
}
