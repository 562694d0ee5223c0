package worker

import (
	"encoding/binary"
	"unsafe"
)

// stringT is the engine's string of a vector: up to 12 bytes stand in place,
// longer ones behind a pointer, with their first four bytes repeated.
type stringT struct {
	length uint32
	prefix [4]byte
	rest   [8]byte // bytes 4 to 11, or a pointer
}

const inlined = 12

// text returns the string. It shares the engine's memory.
func (s *stringT) text() string {
	if s.length <= inlined {
		return unsafe.String(&s.prefix[0], s.length)
	}
	return unsafe.String(*(**byte)(unsafe.Pointer(&s.rest[0])), s.length)
}

// set makes s the string of text without copying what is longer than 12 bytes:
// text must live outside the Go heap and as long as the vector.
func (s *stringT) set(text []byte) {
	*s = stringT{length: uint32(len(text))}
	if len(text) <= inlined {
		copy(unsafe.Slice(&s.prefix[0], inlined), text)
		return
	}
	copy(s.prefix[:], text)
	binary.NativeEndian.PutUint64(s.rest[:], uint64(uintptr(unsafe.Pointer(&text[0]))))
}

// vector is the engine's memory of a vector as a slice.
func vector[T any](data unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(data), n) }
