package wire

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// WriteColumn writes the file of one attached column: Arrow IPC with one field
// and one batch. arr may be a slice of a longer array; only its values are
// written. Decimals of up to 9 and 18 digits become 4 and 8 bytes wide, which
// the engine takes as they are.
//
// It returns an error if text is not UTF-8 or a decimal has more digits than its
// type: the engine relies on both.
func WriteColumn(w io.Writer, arr arrow.Array) error {
	if !validText(arr) {
		return errText
	}
	arr, err := narrow(arr)
	if err != nil {
		return err
	}
	defer arr.Release()
	schema := arrow.NewSchema([]arrow.Field{{Type: arr.DataType(), Nullable: true}}, nil)
	rec := array.NewRecordBatch(schema, []arrow.Array{arr}, int64(arr.Len()))
	defer rec.Release()
	f, err := ipc.NewFileWriter(w, ipc.WithSchema(schema))
	if err != nil {
		return err
	}
	if err := f.Write(rec); err != nil {
		return err
	}
	return f.Close()
}

var (
	errText    = errors.New("wire: text is not UTF-8")
	errDecimal = errors.New("wire: decimal has more digits than its type")
)

// narrow returns arr, retained, or its decimals in the width the engine stores.
func narrow(arr arrow.Array) (arrow.Array, error) {
	a, ok := arr.(*array.Decimal128)
	if !ok {
		arr.Retain()
		return arr, nil
	}
	t := a.DataType().(*arrow.Decimal128Type)
	for i := range a.Len() {
		if a.IsValid(i) && !a.Value(i).FitsInPrecision(t.Precision) {
			return nil, errDecimal
		}
	}
	switch {
	case t.Precision <= 9:
		b := array.NewDecimal32Builder(memory.DefaultAllocator, &arrow.Decimal32Type{Precision: t.Precision, Scale: t.Scale})
		defer b.Release()
		b.Reserve(a.Len())
		for i := range a.Len() {
			if a.IsNull(i) {
				b.UnsafeAppendBoolToBitmap(false)
				continue
			}
			b.UnsafeAppend(decimal.Decimal32(int32(a.Value(i).LowBits())))
		}
		return b.NewArray(), nil
	case t.Precision <= 18:
		b := array.NewDecimal64Builder(memory.DefaultAllocator, &arrow.Decimal64Type{Precision: t.Precision, Scale: t.Scale})
		defer b.Release()
		b.Reserve(a.Len())
		for i := range a.Len() {
			if a.IsNull(i) {
				b.UnsafeAppendBoolToBitmap(false)
				continue
			}
			b.UnsafeAppend(decimal.Decimal64(int64(a.Value(i).LowBits())))
		}
		return b.NewArray(), nil
	}
	arr.Retain()
	return arr, nil
}

// validText reports whether every string of arr is UTF-8.
func validText(arr arrow.Array) bool {
	switch a := arr.(type) {
	case *array.String:
		return validRun(a, a.ValueBytes(), a.ValueOffset)
	case *array.LargeString:
		return validRun(a, a.ValueBytes(), func(i int) int { return int(a.ValueOffset(i)) })
	case *array.StringView:
		return validEach(a)
	case *array.Dictionary:
		return validText(a.Dictionary())
	case *array.Struct:
		for i := range a.NumField() {
			if !validText(a.Field(i)) {
				return false
			}
		}
	case array.ListLike:
		return validText(a.ListValues())
	}
	return true
}

type texts interface {
	arrow.Array
	Value(int) string
}

// validRun looks at all bytes of a at once: if they are UTF-8 and no string
// begins within a character, so is every string.
func validRun(a texts, bytes []byte, offset func(int) int) bool {
	if a.Len() == 0 {
		return true
	}
	if !utf8.Valid(bytes) {
		return validEach(a)
	}
	for i, first := 0, offset(0); i < a.Len(); i++ {
		if at := offset(i) - first; at < len(bytes) && !utf8.RuneStart(bytes[at]) {
			return false
		}
	}
	return true
}

// validEach leaves out what stands behind nulls.
func validEach(a texts) bool {
	for i := range a.Len() {
		if a.IsValid(i) && !utf8.ValidString(a.Value(i)) {
			return false
		}
	}
	return true
}
