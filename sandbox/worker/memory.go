package worker

import "unsafe"

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

// vector is the engine's memory of a vector as a slice.
func vector[T any](data unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(data), n) }
