package maskingtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

func layouts(t *testing.T, s Subject) {
	if s.Column != "string" {
		return
	}
	for _, nulls := range []bool{false, true} {
		arr := s.column(t, rows, nulls)
		want, wanted := s.mask(t, arr, 0)
		for _, typ := range []arrow.DataType{
			arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary, arrow.BinaryTypes.BinaryView,
		} {
			other := like(t, arr, typ)
			got, misfits := s.mask(t, other, 0)
			equal(t, typ.Name(), got, want)
			if misfits != wanted {
				t.Errorf("%s: %d misfits, want %d", typ, misfits, wanted)
			}
			if s.Whole {
				continue
			}
			part, wantPart := array.NewSlice(other, 1000, 4000), array.NewSlice(want, 1000, 4000)
			defer part.Release()
			defer wantPart.Release()
			got, _ = s.mask(t, part, 1000)
			equal(t, typ.Name()+" in part", got, wantPart)
		}
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range rows {
		b.Append(fmt.Sprintf("1%010d", i*7919))
	}
	arr := b.NewArray()
	defer arr.Release()
	want, _ := s.mask(t, arr, 0)
	got, _ := s.mask(t, like(t, arr, &arrow.FixedSizeBinaryType{ByteWidth: 11}), 0)
	equal(t, "fixed size", got, want)
}

// dictionaries have some of 700 entries, one of them twice and one nowhere.
func dictionaries(t *testing.T, s Subject) {
	k := s.kernel(t, theKeys)
	if s.Recipe.Typed() && s.Column != "string" || k.PerEntity() {
		return
	}
	entries := s.column(t, 700, false)
	r := rand.New(rand.NewPCG(3, 4))
	b := array.NewUint16Builder(memory.DefaultAllocator)
	defer b.Release()
	for range rows {
		if r.IntN(6) == 0 {
			b.AppendNull()
		} else {
			b.Append(uint16(r.IntN(entries.Len() - 1)))
		}
	}
	index := b.NewUint16Array()
	defer index.Release()
	typ := &arrow.DictionaryType{IndexType: index.DataType(), ValueType: entries.DataType()}
	dict := array.NewDictionaryArray(typ, index, entries)
	defer dict.Release()
	plain := plainOf(t, dict)
	want, wanted := s.mask(t, plain, 0)
	got, misfits := s.mask(t, dict, 0)
	equal(t, "a dictionary", got, want)
	if misfits != wanted {
		t.Errorf("%d misfits in a dictionary, want %d", misfits, wanted)
	}
	part, plainPart := array.NewSlice(dict, 11, 3000), array.NewSlice(plain, 11, 3000)
	defer part.Release()
	defer plainPart.Release()
	want, wanted = s.mask(t, plainPart, 11)
	got, misfits = s.mask(t, part, 11)
	equal(t, "part of a dictionary", got, want)
	if misfits != wanted {
		t.Errorf("%d misfits in part of a dictionary, want %d", misfits, wanted)
	}
}

// plainOf returns the rows of a dictionary as an array of its values.
func plainOf(t *testing.T, dict *array.Dictionary) arrow.Array {
	null := array.MakeArrayOfNull(memory.DefaultAllocator, dict.Dictionary().DataType(), 1)
	defer null.Release()
	parts := make([]arrow.Array, dict.Len())
	for i := range parts {
		if dict.IsNull(i) {
			parts[i] = null
		} else {
			parts[i] = array.NewSlice(dict.Dictionary(), int64(dict.GetValueIndex(i)), int64(dict.GetValueIndex(i)+1))
			defer parts[i].Release()
		}
	}
	plain, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Release)
	return plain
}

// nested columns have the values of a plain one as leaves: lists of 0 to 4, the
// first of them empty, every seventh null; fixed lists of 2; structs of two
// columns; maps with values of the column as keys and items.
func nested(t *testing.T, s Subject) {
	leaves := s.column(t, rows, true)
	keys := s.column(t, rows, false)
	k := s.kernel(t, theKeys)
	offsets, large := []int32{0, 0}, []int64{0, 0}
	for i := 1; offsets[len(offsets)-1] < rows; i++ {
		offsets = append(offsets, min(rows, offsets[i]+int32(i%5)))
		large = append(large, int64(offsets[i+1]))
	}
	n := len(offsets) - 1
	validity := memory.NewBufferBytes(make([]byte, rows/8+1))
	for i := range rows {
		if i%7 != 0 {
			validity.Bytes()[i/8] |= 1 << (i % 8)
		}
	}
	leaf := leaves.DataType()
	make := func(typ arrow.DataType, n int, offsets []byte, children ...arrow.ArrayData) arrow.Array {
		buffers := []*memory.Buffer{validity}
		if offsets != nil {
			buffers = append(buffers, memory.NewBufferBytes(offsets))
		}
		data := array.NewData(typ, n, buffers, children, array.UnknownNullCount, 0)
		defer data.Release()
		arr := array.MakeFromData(data)
		t.Cleanup(arr.Release)
		return arr
	}
	small := arrow.Int32Traits.CastToBytes(offsets)
	pair := arrow.StructOf(arrow.Field{Name: "a", Type: leaf, Nullable: true}, arrow.Field{Name: "b", Type: leaf, Nullable: true})
	structs := make(pair, rows, nil, leaves.Data(), keys.Data())
	mapType := arrow.MapOf(leaf, leaf)
	entriesData := array.NewData(mapType.Elem(), rows, []*memory.Buffer{nil}, []arrow.ArrayData{keys.Data(), leaves.Data()}, 0, 0)
	defer entriesData.Release()
	for what, arr := range map[string]arrow.Array{
		"list":                 make(arrow.ListOf(leaf), n, small, leaves.Data()),
		"large list":           make(arrow.LargeListOf(leaf), n, arrow.Int64Traits.CastToBytes(large), leaves.Data()),
		"fixed-size list":      make(arrow.FixedSizeListOf(2, leaf), rows/2, nil, leaves.Data()),
		"struct":               structs,
		"map":                  make(mapType, n, small, entriesData),
		"list of structs":      make(arrow.ListOf(pair), n, small, structs.Data()),
		"list of fixed lists":  make(arrow.ListOf(arrow.FixedSizeListOf(1, leaf)), n, small, make(arrow.FixedSizeListOf(1, leaf), rows, nil, leaves.Data()).Data()),
		"part of a list":       cut(t, make(arrow.ListOf(leaf), n, small, leaves.Data())),
		"part of a fixed list": cut(t, make(arrow.FixedSizeListOf(2, leaf), rows/2, nil, leaves.Data())),
		"part of a struct":     cut(t, structs),
		"part of a map":        cut(t, make(mapType, n, small, entriesData)),
	} {
		if k.PerEntity() || s.Whole || s.Recipe.Typed() && (what == "map" || what == "part of a map") {
			if _, _, err := k.Apply(memory.DefaultAllocator, arr); !errors.Is(err, masking.ErrInput) {
				t.Errorf("%s: Apply = %v, want ErrInput", what, err)
			}
			continue
		}
		out, _ := s.mask(t, arr, 0)
		if out.Len() != arr.Len() || out.NullN() != arr.NullN() || out.DataType().ID() != arr.DataType().ID() {
			t.Fatalf("%s: %d rows, %d nulls of %s, want %d, %d of %s", what, out.Len(), out.NullN(), out.DataType(), arr.Len(), arr.NullN(), arr.DataType())
		}
		for i := range arr.Len() {
			if arr.IsNull(i) != out.IsNull(i) {
				t.Fatalf("%s: row %d: null %v became %v", what, i, arr.IsNull(i), out.IsNull(i))
			}
		}
		s.sameLeaves(t, what, arr, out)
	}
	foreignLeaf := array.MakeArrayOfNull(memory.DefaultAllocator, arrow.ListOf(arrow.PrimitiveTypes.Uint8), 3)
	defer foreignLeaf.Release()
	if _, _, err := k.Apply(memory.DefaultAllocator, foreignLeaf); !errors.Is(err, masking.ErrInput) {
		t.Errorf("Apply to a list of uint8 = %v, want ErrInput", err)
	}
}

func cut(t *testing.T, arr arrow.Array) arrow.Array {
	part := array.NewSlice(arr, 3, int64(arr.Len()-2))
	t.Cleanup(part.Release)
	return part
}

// sameLeaves walks two nested arrays down, row by row, to leaves that mask to
// each other.
func (s Subject) sameLeaves(t *testing.T, what string, in, out arrow.Array) {
	t.Helper()
	switch a := in.(type) {
	case *array.Struct:
		for i := range a.NumField() {
			s.sameLeaves(t, what, a.Field(i), out.(*array.Struct).Field(i))
		}
		return
	case array.ListLike:
		b := out.(array.ListLike)
		for i := range a.Len() {
			from, to := a.ValueOffsets(i)
			from2, to2 := b.ValueOffsets(i)
			if to-from != to2-from2 {
				t.Fatalf("%s: row %d has %d values, want %d", what, i, to2-from2, to-from)
			}
		}
		if a.Len() > 0 {
			from, _ := a.ValueOffsets(0)
			_, to := a.ValueOffsets(a.Len() - 1)
			from2, _ := b.ValueOffsets(0)
			x, y := array.NewSlice(a.ListValues(), from, to), array.NewSlice(b.ListValues(), from2, from2+to-from)
			defer x.Release()
			defer y.Release()
			s.sameLeaves(t, what, x, y)
		}
		return
	}
	want, _ := s.mask(t, in, 0)
	equal(t, what, out, want)
}

func foreign(t *testing.T, s Subject) {
	k := s.kernel(t, theKeys)
	for column, typ := range Types {
		if column == s.Column {
			continue
		}
		arr := array.MakeArrayOfNull(memory.DefaultAllocator, typ, 3)
		defer arr.Release()
		if _, _, err := apply(memory.DefaultAllocator, k, arr, 0); !errors.Is(err, masking.ErrInput) {
			t.Errorf("Apply to %s = %v, want ErrInput", column, err)
		}
	}
	for _, typ := range []arrow.DataType{arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Date64, arrow.FixedWidthTypes.Timestamp_ns, arrow.Null} {
		arr := array.MakeArrayOfNull(memory.DefaultAllocator, typ, 3)
		defer arr.Release()
		if _, _, err := apply(memory.DefaultAllocator, k, arr, 0); !errors.Is(err, masking.ErrInput) {
			t.Errorf("Apply to %s = %v, want ErrInput", typ, err)
		}
	}
	if k.PerEntity() {
		arr := s.column(t, 3, false)
		if _, _, err := k.Apply(memory.DefaultAllocator, arr); !errors.Is(err, masking.ErrInput) {
			t.Errorf("Apply without entities = %v, want ErrInput", err)
		}
		if _, _, err := k.ApplyBy(memory.DefaultAllocator, arr, s.column(t, 2, false)); !errors.Is(err, masking.ErrInput) {
			t.Errorf("ApplyBy with entities for other rows = %v, want ErrInput", err)
		}
	}
}
