package worker

/*
#include <stdlib.h>
#include "scan.h"
*/
import "C"

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/sandbox/internal/wire"
)

// putBytes is how far behind the start of a string the loop of scan.c may read.
const putBytes = 12

// A mapping is a mapped file. What is made of it lives no longer.
type mapping []byte

// span returns b as memory of the mapping, and a fault if b is elsewhere, such
// as what was decompressed, shorter than size bytes, or not at a multiple of 8
// bytes, as Arrow demands and loops over whole registers rely on.
func (m mapping) span(b []byte, size int64) (C.zonebox_span, error) {
	if size < 0 || int64(len(b)) < size {
		return C.zonebox_span{}, errSegment
	}
	first := unsafe.Pointer(unsafe.SliceData(m))
	if len(b) == 0 {
		return C.zonebox_span{data: (*C.uint8_t)(first)}, nil
	}
	at := uintptr(unsafe.Pointer(&b[0])) - uintptr(first)
	if at%8 != 0 || at >= uintptr(len(m)) || uintptr(len(b)) > uintptr(len(m))-at {
		return C.zonebox_span{}, errSegment
	}
	return C.zonebox_span{data: (*C.uint8_t)(unsafe.Pointer(&b[0])), size: C.uint64_t(len(b))}, nil
}

// text is span for bytes of strings, behind which the loop reads on a little.
func (m mapping) text(b []byte) (C.zonebox_span, error) {
	s, err := m.span(b, 0)
	if err == nil && uintptr(unsafe.Pointer(s.data))+uintptr(s.size)+putBytes > uintptr(unsafe.Pointer(unsafe.SliceData(m)))+uintptr(len(m)) {
		return s, errSegment
	}
	return s, err
}

// array describes data to the loop of scan.c. Everything but offsets and indices
// is checked here; those are checked as they are used.
func (m mapping) array(data arrow.ArrayData, t wire.Type) (*C.zonebox_array, error) {
	n := int64(data.Len())
	if n < 0 || n > 1<<40 || data.Offset() != 0 || len(data.Buffers()) == 0 {
		return nil, errSegment
	}
	a := (*C.zonebox_array)(C.calloc(1, C.sizeof_zonebox_array))
	if a == nil {
		return nil, faulted("memory")
	}
	a.length = C.int64_t(n)
	if data.NullN() != 0 {
		valid, err := m.span(buffer(data, 0), (n+7)/8)
		if err != nil {
			return nil, err
		}
		a.valid = valid.data
	}
	var err error
	switch t.ID {
	case "VARCHAR", "BLOB":
		err = m.strings(a, data)
	case "LIST", "MAP":
		err = m.list(a, data, t)
	case "STRUCT":
		a.kind = C.ZONEBOX_STRUCT
		err = m.parts(a, data, t.Elem, n)
	case "ARRAY":
		a.kind, a.width = C.ZONEBOX_ARRAY, C.int64_t(t.Size)
		err = m.parts(a, data, t.Elem, n*int64(t.Size))
	default:
		err = m.fixed(a, data, t)
	}
	return a, err
}

// buffer returns buffer i of data, nil if there is none.
func buffer(data arrow.ArrayData, i int) []byte {
	if i >= len(data.Buffers()) || data.Buffers()[i] == nil {
		return nil
	}
	return data.Buffers()[i].Bytes()
}

// fixed describes values of one width.
func (m mapping) fixed(a *C.zonebox_array, data arrow.ArrayData, t wire.Type) (err error) {
	n := int64(data.Len())
	if t.ID == "BOOLEAN" {
		a.kind = C.ZONEBOX_BITS
		a.data, err = m.span(buffer(data, 1), (n+7)/8)
		return err
	}
	dt := data.DataType().(arrow.FixedWidthDataType)
	width := int64(dt.Bytes())
	a.kind, a.from, a.width = C.ZONEBOX_FIXED, C.int32_t(width), C.int64_t(width)
	if w := t.Width(); w != 0 {
		a.width = C.int64_t(w)
	}
	switch {
	case t.ID == "INTERVAL":
		a.kind = C.ZONEBOX_INTERVAL
	case t.ID == "UUID":
		a.kind = C.ZONEBOX_UUID
	case int64(a.width) < width:
		a.kind = C.ZONEBOX_NARROW
	case int64(a.width) > width && arrow.IsSignedInteger(dt.ID()):
		a.kind = C.ZONEBOX_WIDEN
	case int64(a.width) > width && arrow.IsUnsignedInteger(dt.ID()):
		a.kind = C.ZONEBOX_WIDEN_UNSIGNED
	case int64(a.width) > width:
		return errSegment
	}
	a.data, err = m.span(buffer(data, 1), n*width)
	return err
}

// strings describes text or bytes in any of Arrow's forms.
func (m mapping) strings(a *C.zonebox_array, data arrow.ArrayData) (err error) {
	n := int64(data.Len())
	switch data.DataType().ID() {
	case arrow.STRING, arrow.BINARY:
		a.kind = C.ZONEBOX_TEXT32
		return m.offsets(a, data, 4)
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		a.kind = C.ZONEBOX_TEXT64
		return m.offsets(a, data, 8)
	case arrow.STRING_VIEW, arrow.BINARY_VIEW:
		a.kind = C.ZONEBOX_VIEW
		if a.data, err = m.span(buffer(data, 1), 16*n); err != nil {
			return err
		}
		return m.buffers(a, data)
	case arrow.DICTIONARY:
		a.kind = C.ZONEBOX_CODES
		a.from = C.int32_t(data.DataType().(*arrow.DictionaryType).IndexType.(arrow.FixedWidthDataType).Bytes())
		if a.data, err = m.span(buffer(data, 1), n*int64(a.from)); err != nil {
			return err
		}
		return m.words(a, data)
	}
	return errSegment
}

// offsets describes width-byte offsets and, but for lists, the bytes they cut.
func (m mapping) offsets(a *C.zonebox_array, data arrow.ArrayData, width int64) error {
	n := int64(data.Len())
	if n == 0 {
		return nil
	}
	offsets, err := m.span(buffer(data, 1), (n+1)*width)
	if err != nil {
		return err
	}
	a.offsets = offsets.data
	if a.kind == C.ZONEBOX_TEXT32 || a.kind == C.ZONEBOX_TEXT64 {
		a.data, err = m.text(buffer(data, 2))
	}
	return err
}

// buffers lists what views point into.
func (m mapping) buffers(a *C.zonebox_array, data arrow.ArrayData) error {
	n := len(data.Buffers()) - 2
	if n <= 0 {
		return nil
	}
	a.buffers = (*C.zonebox_span)(C.calloc(C.size_t(n), C.sizeof_zonebox_span))
	if a.buffers == nil {
		return faulted("memory")
	}
	for i := range n {
		s, err := m.text(buffer(data, 2+i))
		if err != nil {
			return err
		}
		unsafe.Slice(a.buffers, n)[i] = s
	}
	a.count = C.uint64_t(n)
	return nil
}

// words makes the engine's strings of a dictionary's values once for all scans.
func (m mapping) words(a *C.zonebox_array, data arrow.ArrayData) error {
	values, err := m.array(data.Dictionary(), wire.Type{ID: "VARCHAR"})
	if err != nil {
		return err
	}
	defer C.zonebox_forget(values)
	if values.length == 0 {
		return nil
	}
	a.words = (*C.zonebox_string)(C.calloc(C.size_t(values.length), C.sizeof_zonebox_string))
	if a.words == nil {
		return faulted("memory")
	}
	if !C.zonebox_words(values, a.words) {
		return errSegment
	}
	a.count, a.words_valid = C.uint64_t(values.length), values.valid
	return nil
}

// list describes a list, or a map as a list of pairs.
func (m mapping) list(a *C.zonebox_array, data arrow.ArrayData, t wire.Type) error {
	width := int64(4)
	a.kind = C.ZONEBOX_LIST32
	if data.DataType().ID() == arrow.LARGE_LIST {
		a.kind, width = C.ZONEBOX_LIST64, 8
	}
	if err := m.offsets(a, data, width); err != nil {
		return err
	}
	elem := t.Elem
	if t.ID == "MAP" {
		elem = []wire.Type{{ID: "STRUCT", Elem: t.Elem}}
	}
	return m.parts(a, data, elem, 0)
}

// parts describes the children of data, which must have n values or more.
func (m mapping) parts(a *C.zonebox_array, data arrow.ArrayData, elem []wire.Type, n int64) error {
	if len(data.Children()) != len(elem) {
		return errSegment
	}
	a.children = (**C.zonebox_array)(C.calloc(C.size_t(len(elem)), C.size_t(unsafe.Sizeof(uintptr(0)))))
	if a.children == nil {
		return faulted("memory")
	}
	for i, e := range elem {
		child, err := m.array(data.Children()[i], e)
		if err != nil {
			return err
		}
		if int64(child.length) < n {
			return errSegment
		}
		unsafe.Slice(a.children, len(elem))[i] = child
	}
	a.count = C.uint64_t(len(elem))
	return nil
}
