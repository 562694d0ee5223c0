package wire

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// WriteColumn writes the file of one attached column: Arrow IPC with one field
// and one batch. arr may be a slice of a longer array; only its values are
// written. Whole numbers, dates and decimals of up to 18 digits take the fewest of
// 1, 2, 4 or 8 bytes that hold every value, as integers of their signedness if
// that is less than their own width (Matches).
//
// It returns an error if text is not UTF-8 or a decimal has more digits than its
// type: the engine relies on both.
func WriteColumn(w io.Writer, arr arrow.Array) error {
	if !validText(arr) {
		return errText
	}
	if !validParts(arr) {
		return errDecimal
	}
	arr, err := narrow(arr) // checks the digits of what is no part of another
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

var errText = errors.New("wire: text is not UTF-8")

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

// validParts reports whether the decimals that lists, arrays, structs and maps are
// made of have no more digits than their type.
func validParts(arr arrow.Array) bool {
	switch a := arr.(type) {
	case *array.Struct:
		for i := range a.NumField() {
			if !validPart(a.Field(i)) {
				return false
			}
		}
	case array.ListLike:
		return validPart(a.ListValues())
	}
	return true
}

func validPart(arr arrow.Array) bool {
	switch a := arr.(type) {
	case *array.Decimal32:
		return validDigits(a, a.Values())
	case *array.Decimal64:
		return validDigits(a, a.Values())
	case *array.Decimal128:
		return validDigits(a, a.Values())
	}
	return validParts(arr)
}

func validDigits[T interface{ FitsInPrecision(int32) bool }](arr arrow.Array, values []T) bool {
	precision := arr.DataType().(arrow.DecimalType).GetPrecision()
	for i, v := range values {
		if arr.IsValid(i) && !v.FitsInPrecision(precision) {
			return false
		}
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
