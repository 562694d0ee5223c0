package maskbench

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// digest is SHA-256 over the values of arrays, one after the other: each as its
// length, 4 bytes, and its bytes, a null as 2^32 - 1. Arrays with equal values
// have one digest, whatever their layouts and wherever they are divided.
func digest(arrs []arrow.Array) string {
	h := sha256.New()
	var buf []byte
	for _, arr := range arrs {
		value := valuesOf(arr)
		for i := range arr.Len() {
			if arr.IsNull(i) {
				buf = binary.LittleEndian.AppendUint32(buf, 1<<32-1)
				continue
			}
			v := value(i)
			buf = binary.LittleEndian.AppendUint32(buf, uint32(len(v)))
			if buf = append(buf, v...); len(buf) > 1<<16 {
				h.Write(buf)
				buf = buf[:0]
			}
		}
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

// valuesOf returns the function that gives the bytes of value i of arr, as they
// lie in memory.
func valuesOf(arr arrow.Array) func(i int) []byte {
	switch a := arr.(type) {
	case *array.String:
		data, start := a.ValueBytes(), a.ValueOffset(0)
		return func(i int) []byte { return data[a.ValueOffset(i)-start:][:a.ValueLen(i)] }
	case *array.Dictionary:
		entry := valuesOf(a.Dictionary())
		return func(i int) []byte { return entry(a.GetValueIndex(i)) }
	}
	data, width := valueBytes(arr), arr.DataType().(arrow.FixedWidthDataType).Bytes()
	return func(i int) []byte { return data[i*width:][:width] }
}
