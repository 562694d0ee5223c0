package masking

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// nested masks the leaves of lists, maps (keys as well) and structs, each of
// which must be of the compiled type. Values below a null are masked like
// others, so that the buffers under it hold nothing raw, and counted like
// others.
func (k Kernel) nested(alloc memory.Allocator, arr arrow.Array) (arrow.Array, int64, error) {
	if k.whole {
		return nil, 0, fmt.Errorf("masking: apply to %s: %w", arr.DataType(), ErrInput)
	}
	switch a := arr.(type) {
	case *array.Struct:
		return k.fields(alloc, a)
	case *array.Map:
		if k.typed != nil { // whose misfits are null, which no key may be
			return nil, 0, fmt.Errorf("masking: apply to %s: %w", arr.DataType(), ErrInput)
		}
		return lists[int32](k, alloc, a, func(entries arrow.DataType) arrow.DataType {
			s := entries.(*arrow.StructType)
			t := arrow.MapOf(s.Field(0).Type, s.Field(1).Type)
			t.KeysSorted = false
			return t
		})
	case *array.List:
		return lists[int32](k, alloc, a, func(values arrow.DataType) arrow.DataType {
			return arrow.ListOfField(ofType(a.DataType().(*arrow.ListType).ElemField(), values))
		})
	case *array.LargeList:
		return lists[int64](k, alloc, a, func(values arrow.DataType) arrow.DataType {
			return arrow.LargeListOfField(ofType(a.DataType().(*arrow.LargeListType).ElemField(), values))
		})
	case *array.FixedSizeList:
		return k.fixedLists(alloc, a)
	}
	return nil, 0, fmt.Errorf("masking: apply to %s: %w", arr.DataType(), ErrInput)
}

func ofType(f arrow.Field, t arrow.DataType) arrow.Field {
	f.Type, f.Nullable = t, true
	return f
}

func (k Kernel) fields(alloc memory.Allocator, a *array.Struct) (arrow.Array, int64, error) {
	t := a.DataType().(*arrow.StructType)
	fields := make([]arrow.Field, a.NumField())
	children := make([]arrow.ArrayData, a.NumField())
	sum := int64(0)
	for i := range fields {
		child, misfits, err := k.Apply(alloc, a.Field(i))
		if err != nil {
			return nil, 0, err
		}
		defer child.Release()
		fields[i], children[i] = t.Field(i), child.Data()
		fields[i].Type = child.DataType()
		fields[i].Nullable = fields[i].Nullable || k.typed != nil
		sum += misfits
	}
	return assemble(alloc, a, arrow.StructOf(fields...), nil, children...), sum, nil
}

// lists masks lists by offsets of type T, of whose values of the given type of
// gives the list's.
func lists[T int32 | int64](k Kernel, alloc memory.Allocator, a array.ListLike, of func(values arrow.DataType) arrow.DataType) (arrow.Array, int64, error) {
	n := a.Len()
	offsets := memory.NewResizableBuffer(alloc)
	defer offsets.Release()
	offsets.Resize((n + 1) * int(unsafe.Sizeof(T(0))))
	to := elements[T](offsets, 0)
	to[0] = 0
	first, last := int64(0), int64(0)
	if n > 0 {
		from := elements[T](a.Data().Buffers()[1], a.Data().Offset())
		first, last = int64(from[0]), int64(from[n])
		for i := range to {
			to[i] = from[i] - from[0]
		}
	}
	used := array.NewSlice(a.ListValues(), first, last)
	defer used.Release()
	values, misfits, err := k.Apply(alloc, used)
	if err != nil {
		return nil, 0, err
	}
	defer values.Release()
	return assemble(alloc, a, of(values.DataType()), offsets, values.Data()), misfits, nil
}

func (k Kernel) fixedLists(alloc memory.Allocator, a *array.FixedSizeList) (arrow.Array, int64, error) {
	t := a.DataType().(*arrow.FixedSizeListType)
	size, at := int64(t.Len()), int64(a.Data().Offset())
	used := array.NewSlice(a.ListValues(), at*size, (at+int64(a.Len()))*size)
	defer used.Release()
	values, misfits, err := k.Apply(alloc, used)
	if err != nil {
		return nil, 0, err
	}
	defer values.Release()
	return assemble(alloc, a, arrow.FixedSizeListOfField(t.Len(), ofType(t.ElemField(), values.DataType())), nil, values.Data()), misfits, nil
}

// assemble returns an array of the length and null positions of like.
func assemble(alloc memory.Allocator, like arrow.Array, t arrow.DataType, offsets *memory.Buffer, children ...arrow.ArrayData) arrow.Array {
	validity := nulls(alloc, like)
	if validity != nil {
		defer validity.Release()
	}
	buffers := []*memory.Buffer{validity}
	if offsets != nil {
		buffers = append(buffers, offsets)
	}
	data := array.NewData(t, like.Len(), buffers, children, like.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data)
}
