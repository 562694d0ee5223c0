package worker

import "encoding/binary"

// Types of the Thrift compact protocol
// (github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	compactTrue = 1 + iota
	compactFalse
	compactByte
	compactI16
	compactI32
	compactI64
	compactDouble
	compactBinary
	compactList
	compactSet
	compactMap
	compactStruct
)

// compact reads the Thrift compact protocol. Its methods panic where the input
// ends too early.
type compact struct{ rest []byte }

func (t *compact) byte() byte {
	b := t.rest[0]
	t.rest = t.rest[1:]
	return b
}

func (t *compact) varint() uint64 {
	v, n := binary.Uvarint(t.rest)
	if n <= 0 {
		panic("worker: thrift")
	}
	t.rest = t.rest[n:]
	return v
}

func (t *compact) zigzag() int64 {
	v := t.varint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *compact) binary() []byte {
	n := t.varint()
	if n > uint64(len(t.rest)) {
		panic("worker: thrift")
	}
	b := t.rest[:n]
	t.rest = t.rest[n:]
	return b
}

// list reads a list's head: the type of its elements and how many there are,
// each at least a byte long.
func (t *compact) list() (kind int, n uint64) {
	head := t.byte()
	if n = uint64(head >> 4); n == 15 {
		n = t.varint()
	}
	if n > uint64(len(t.rest)) {
		panic("worker: thrift")
	}
	return int(head & 15), n
}

// fields calls field for every field of a struct; field reads its value.
func (t *compact) fields(field func(id, kind int)) {
	for id := 0; ; {
		head := t.byte()
		if head == 0 {
			return
		}
		if delta := int(head >> 4); delta > 0 {
			id += delta
		} else {
			id = int(t.zigzag())
		}
		field(id, int(head&15))
	}
}

// skip reads over a value.
func (t *compact) skip(kind, depth int) {
	if depth > 32 {
		panic("worker: thrift")
	}
	switch kind {
	case compactTrue, compactFalse: // in the head of the field
	case compactByte:
		t.byte()
	case compactI16, compactI32, compactI64:
		t.varint()
	case compactDouble:
		t.rest = t.rest[8:]
	case compactBinary:
		t.binary()
	case compactList, compactSet:
		of, n := t.list()
		for range n {
			t.element(of, depth+1)
		}
	case compactMap:
		n := t.varint()
		if n == 0 {
			return
		}
		if n > uint64(len(t.rest)) {
			panic("worker: thrift")
		}
		kinds := t.byte()
		for range n {
			t.element(int(kinds>>4), depth+1)
			t.element(int(kinds&15), depth+1)
		}
	case compactStruct:
		t.fields(func(_, kind int) { t.skip(kind, depth+1) })
	default:
		panic("worker: thrift")
	}
}

// element reads over a value in a collection, where a boolean is a byte.
func (t *compact) element(kind, depth int) {
	if kind == compactTrue || kind == compactFalse {
		t.byte()
		return
	}
	t.skip(kind, depth)
}
