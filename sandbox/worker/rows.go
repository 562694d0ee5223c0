package worker

/*
#include <stdlib.h>
#include "rows.h"
*/
import "C"

import (
	"encoding/binary"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// rowSet is what the calls of one aggregate noted.
type rowSet = C.zonebox_rows

// gather makes the aggregates of sets known to statements, each under
// wire.Gatherer. A statement that names another does not bind. Those of earlier
// messages stay. What their calls note is memory that the engine does not count.
func (e *engine) gather(sets []wire.RowSet) error {
	if !wire.ValidRowSets(sets) {
		return errDead // no gate asks for that
	}
	uint := duckdb.CreateLogicalType(duckdb.TypeUInteger)
	defer duckdb.DestroyLogicalType(&uint)
	for _, s := range sets {
		if e.rows[s] != nil {
			continue
		}
		r := C.zonebox_rows_new(C.uint32_t(s.Columns))
		if r == nil {
			return faulted("memory")
		}
		name := C.CString(wire.Gatherer(s))
		ok := C.zonebox_rows_register(e.conn.Ptr, name, r, uint.Ptr)
		C.free(unsafe.Pointer(name))
		if !ok {
			return faulted("engine")
		}
		e.rows[s] = r
	}
	return nil
}

// tellRows sends what the calls of the aggregates of sets noted.
func (s *server) tellRows(sets []wire.RowSet) error {
	for i, set := range sets {
		r := s.engine.rows[set]
		if r.failed {
			return faulted("memory")
		}
		t := teller{s, uint16(i)}
		if err := t.tell(wire.RowsHead, 0, 0, []uint32{uint32(r.given)}); err != nil {
			return err
		}
		for c := range uint32(set.Columns) {
			if err := t.list(wire.RowsGroup, c, r.group[c], -1); err != nil {
				return err
			}
			if err := t.list(wire.RowsMore, c, r.more[c], 2*int(r.extra[c])); err != nil {
				return err
			}
		}
		if err := t.list(wire.RowsSame, 0, r.same, 2*int(r.joined)); err != nil {
			return err
		}
	}
	return nil
}

// A teller sends parts of one set.
type teller struct {
	server *server
	set    uint16
}

// list sends the pages of a list that are there, without the zeros at their ends;
// length is how many numbers it has, below 0 if that is not known.
func (t teller) list(part wire.RowsPart, column uint32, l C.zonebox_list, length int) error {
	if l.pages == nil {
		return nil
	}
	pages := unsafe.Slice(l.pages, C.ZONEBOX_PAGES)
	for i, p := range pages {
		first := i * C.ZONEBOX_PAGE
		if length >= 0 && first >= length {
			return nil
		}
		if p == nil {
			continue
		}
		numbers := unsafe.Slice((*uint32)(unsafe.Pointer(p)), C.ZONEBOX_PAGE)
		if length < 0 {
			for len(numbers) > 0 && numbers[len(numbers)-1] == 0 {
				numbers = numbers[:len(numbers)-1]
			}
		} else {
			numbers = numbers[:min(len(numbers), length-first)]
		}
		if len(numbers) == 0 {
			continue
		}
		if err := t.tell(part, column, uint32(first), numbers); err != nil {
			return err
		}
	}
	return nil
}

func (t teller) tell(part wire.RowsPart, column, first uint32, numbers []uint32) error {
	payload := wire.RowsFrame{Set: t.set, Part: part, Column: uint8(column), First: first}.Append(make([]byte, 0, wire.RowsHeader+4*len(numbers)))
	for _, n := range numbers {
		payload = binary.LittleEndian.AppendUint32(payload, n)
	}
	return t.server.send(wire.Append(nil, wire.Rows, payload))
}
