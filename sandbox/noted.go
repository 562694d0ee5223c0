package sandbox

import (
	"fmt"

	"zonebox/sandbox/internal/wire"
)

// Noted is what a row set noted: of each of its columns which row is in which
// group. It is what the worker says: numbers may be out of any range.
type Noted struct {
	Groups  uint32 // groups are numbered from 1 to it
	Columns []NotedColumn
	// Same are pairs of numbers that stand for one group.
	Same []uint32
}

// A NotedColumn tells the groups of rows: Group has, by row, one of them, 0 for none,
// and More pairs of a row and a group in which it is once more: another, or one that it
// is in already, as often as a join repeats it.
type NotedColumn struct {
	Group []Run
	More  []uint32
}

// A Run is numbers of a list from place First on. Those of a list follow one
// another; between them all are 0.
type Run struct {
	First  uint32
	Values []uint32
}

// Noted returns what the statement's row sets noted, by their place in
// SetRowSets. It is whole once Next has returned io.EOF.
func (r *Result) Noted() []Noted { return r.noting.noted }

// noting gathers what a worker sends of row sets.
type noting struct {
	sets   []RowSet
	limit  int64
	noted  []Noted
	heads  int // sets of which the head has come
	frames int
	bytes  int64
}

func (n *noting) whole() bool { return n.heads == len(n.sets) }

// take adds a frame. Frames come set by set, the head of each first.
func (n *noting) take(payload []byte) error {
	n.frames++
	f, numbers, err := wire.ParseRows(payload)
	if err != nil {
		return errNoted("frame")
	}
	if n.bytes += int64(len(payload)) + batchCost; n.bytes > n.limit {
		return fmt.Errorf("sandbox: %w", ErrOutput)
	}
	set := int(f.Set)
	if f.Part == wire.RowsHead {
		if set != n.heads || set >= len(n.sets) || len(numbers) != 1 {
			return errNoted("head")
		}
		n.heads++
		n.noted[set] = Noted{Groups: numbers[0], Columns: make([]NotedColumn, n.sets[set].Columns)}
		return nil
	}
	if set != n.heads-1 || int(f.Column) >= n.sets[set].Columns {
		return errNoted("set")
	}
	to, column := &n.noted[set], &n.noted[set].Columns[f.Column]
	ok := false
	switch f.Part {
	case wire.RowsGroup:
		column.Group, ok = follow(column.Group, f.First, numbers)
	case wire.RowsMore:
		column.More, ok = pairs(column.More, f.First, numbers)
	case wire.RowsSame:
		to.Same, ok = pairs(to.Same, f.First, numbers)
	}
	if !ok {
		return errNoted("part")
	}
	return nil
}

func errNoted(what string) error { return fmt.Errorf("sandbox: rows: %s: %w", what, ErrProtocol) }

// follow adds a run that lies behind all before it.
func follow(runs []Run, first uint32, numbers []uint32) ([]Run, bool) {
	if n := len(runs); n > 0 && uint64(first) < uint64(runs[n-1].First)+uint64(len(runs[n-1].Values)) {
		return nil, false
	}
	return append(runs, Run{first, numbers}), uint64(first)+uint64(len(numbers)) <= 1<<32
}

// pairs adds numbers at place first, which must be the next.
func pairs(all []uint32, first uint32, numbers []uint32) ([]uint32, bool) {
	if int64(first) != int64(len(all)) || len(numbers)%2 != 0 {
		return nil, false
	}
	return append(all, numbers...), true
}
