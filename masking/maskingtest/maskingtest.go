// Package maskingtest holds a kernel to what package masking promises of every
// one: length, nulls and type; slices, layouts, dictionaries and nesting give
// what plain columns give; equal input and key give equal output, and other keys
// other output; values outside the shape are masked whole and counted; no
// memory is left or allocated per value; and of no text is more shown than the
// recipe says.
//
// Run is the suite, Samples are recipes of every kind with what each may show.
// A kind without a sample fails the tests of masking.
package maskingtest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

// Types are catalogue types of every kind, and their Arrow types.
var Types = map[string]arrow.DataType{
	"string": arrow.BinaryTypes.String, "int64": arrow.PrimitiveTypes.Int64, "float64": arrow.PrimitiveTypes.Float64,
	"bool": arrow.FixedWidthTypes.Boolean, "date": arrow.FixedWidthTypes.Date32,
	"timestamp":     &arrow.TimestampType{Unit: arrow.Microsecond},
	"decimal(10,2)": &arrow.Decimal128Type{Precision: 10, Scale: 2},
	"decimal(38,3)": &arrow.Decimal128Type{Precision: 38, Scale: 3},
}

// A Subject is a kernel to test: a sample over one type of column.
type Subject struct {
	Sample
	Column string
}

// Subjects are all samples over all types that take them.
func Subjects() []Subject {
	var all []Subject
	for _, s := range Samples {
		for column := range Types {
			if s.Recipe.Validate(column) == nil {
				all = append(all, Subject{s, column})
			}
		}
	}
	return all
}

// Name names the subject as a subtest.
func (s Subject) Name() string {
	return strings.TrimSpace(s.Recipe.String()+" "+string(s.Algorithm)) + " of " + s.Column
}

// Run tests the subject.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"length, nulls and type stay", shapes},
		{"no rows, no values", empties},
		{"a part of a column", slices},
		{"other layouts", layouts},
		{"dictionaries", dictionaries},
		{"nested", nested},
		{"foreign types", foreign},
		{"again", determinism},
		{"other keys", keys},
		{"misfits are masked and counted", misfits},
		{"what lies under a null", underNulls},
		{"memory", allocations},
		{"any text", anyText},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

var theKeys = masking.Keys{Token: bytes.Repeat([]byte{7}, masking.KeySize), Scope: "a release"}

func (s Subject) kernel(t testing.TB, k masking.Keys) masking.Kernel {
	t.Helper()
	k.Algorithm = s.Algorithm
	kernel, err := masking.Compile(s.Column, s.Recipe, k)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return kernel
}

// mask masks rows from the one at on, of which a kernel per entity knows whom
// they are about. It checks that no memory is left but the result's.
func (s Subject) mask(t testing.TB, arr arrow.Array, at int) (arrow.Array, int64) {
	t.Helper()
	return s.maskWith(t, s.kernel(t, theKeys), arr, at)
}

func (s Subject) maskWith(t testing.TB, k masking.Kernel, arr arrow.Array, at int) (arrow.Array, int64) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	out, misfits, err := apply(alloc, k, arr, at)
	if err != nil {
		t.Fatalf("Apply to %s: %v", arr.DataType(), err)
	}
	t.Cleanup(func() {
		out.Release()
		alloc.AssertSize(t, 0)
	})
	valid := array.ValidateFull
	if s.Whole { // bytes that are no text stay so
		valid = array.Validate
	}
	if err := valid(out); err != nil {
		t.Fatalf("the result is not valid: %v", err)
	}
	return out, misfits
}

func apply(alloc memory.Allocator, k masking.Kernel, arr arrow.Array, at int) (arrow.Array, int64, error) {
	if !k.PerEntity() {
		return k.Apply(alloc, arr)
	}
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	for i := range arr.Len() {
		if (at+i)%11 == 5 {
			b.AppendNull()
		} else {
			b.Append(fmt.Sprint("entity ", (at+i)%29))
		}
	}
	entities := b.NewArray()
	defer entities.Release()
	return k.ApplyBy(alloc, arr, entities)
}

// output is the Arrow type of the result.
func (s Subject) output() arrow.DataType {
	if s.Recipe.Typed() {
		return Types[s.Column]
	}
	return arrow.BinaryTypes.String
}

// equal fails the test unless two arrays have the same nulls and values.
func equal(t *testing.T, what string, got, want arrow.Array) {
	t.Helper()
	if row := differ(got, want); row >= 0 {
		t.Fatalf("%s: row %d differs, of %d and %d", what, row, got.Len(), want.Len())
	}
}

// differ returns the first row in which two arrays differ, -1 if there is none.
// A NaN equals a NaN.
func differ(a, b arrow.Array) int {
	if a.Len() != b.Len() {
		return min(a.Len(), b.Len())
	}
	if array.Equal(a, b) {
		return -1
	}
	for i := range a.Len() {
		if a.IsNull(i) != b.IsNull(i) || a.ValueStr(i) != b.ValueStr(i) {
			return i
		}
	}
	if arrow.TypeEqual(a.DataType(), b.DataType()) {
		return -1
	}
	return a.Len()
}
