package worker

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox/internal/wire"
)

// wholeTypes are the engine types that are stored as whole numbers.
var wholeTypes = []string{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DATE",
	"DECIMAL(3,1)", "DECIMAL(4,0)", "DECIMAL(9,2)", "DECIMAL(12,2)", "DECIMAL(18,6)"}

func isUnsigned(typ wire.Type) bool { return strings.HasPrefix(typ.ID, "U") }

// whole returns a random number of up to bits bits that typ has, edges as often
// as others. One of an unsigned type has the bits of an uint64.
func whole(r *rand.Rand, typ wire.Type, bits int) int64 {
	if bits == 0 {
		return 0
	}
	n := integer(r, bits)
	switch {
	case isUnsigned(typ):
		return int64(uint64(n) << (64 - bits) >> (64 - bits))
	case typ.ID == "DATE":
		return n % 2_000_000 // years the engine has
	case typ.ID == "DECIMAL":
		bound := int64(1)
		for range typ.Precision {
			bound *= 10
		}
		return n % bound
	}
	return n
}

// cell is n as a cell of typ.
func cell(typ wire.Type, n int64) any {
	switch {
	case isUnsigned(typ):
		return uint64(n)
	case typ.ID == "DECIMAL":
		return big.NewInt(n)
	}
	return n
}

// integers makes an array of dt of the low bytes of numbers, null or not.
func integers(dt arrow.FixedWidthDataType, numbers []int64, null []bool) arrow.Array {
	var values []byte
	valid := make([]byte, (len(numbers)+7)/8)
	for i, n := range numbers {
		values = append(values, binary.LittleEndian.AppendUint64(nil, uint64(n))[:dt.Bytes()]...)
		if !null[i] {
			valid[i/8] |= 1 << (i % 8)
		}
	}
	data := array.NewData(dt, len(numbers), []*memory.Buffer{memory.NewBufferBytes(valid), memory.NewBufferBytes(values)}, nil, array.UnknownNullCount, 0)
	return array.MakeFromData(data)
}

// TestNarrowNumbersEqualTheEnginesOwn scans every type of whole numbers from every
// width that carries it, with anything behind the nulls.
func TestNarrowNumbersEqualTheEnginesOwn(t *testing.T) {
	const rows = vectorSize + 100 // a whole vector and a rest
	for seed, name := range wholeTypes {
		typ, err := wire.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, dt := range codeTypes {
			if !wire.Matches(dt, name) {
				continue
			}
			t.Run(name+" as "+dt.String(), func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, uint64(seed)))
				e := open(t, 2)
				fixed := dt.(arrow.FixedWidthDataType)
				columns, types := []wire.Column{{Name: "i", Type: "BIGINT"}}, []wire.Type{{ID: "BIGINT"}}
				table := make([][]any, rows)
				index := make([]int64, rows)
				for i := range table {
					table[i], index[i] = []any{int64(i)}, int64(i)
				}
				files := []int{memfd(t, written(t, []arrow.Array{longs(index...)}, 1))}
				for _, p := range nullPatterns {
					columns, types = append(columns, wire.Column{Name: p.name, Type: name}), append(types, typ)
					numbers, null := make([]int64, rows), make([]bool, rows)
					for i := range table {
						numbers[i], null[i] = whole(r, typ, fixed.BitWidth()), p.null(r, i, rows)
						if null[i] {
							table[i] = append(table[i], nil)
						} else {
							table[i] = append(table[i], cell(typ, numbers[i]))
						}
					}
					files = append(files, memfd(t, written(t, []arrow.Array{integers(fixed, numbers, null)}, 1)))
				}
				fillNative(t, e, "native", columns, types, table)
				scanned, err := e.table(wire.Table{Name: "scanned", Columns: columns})
				if err != nil {
					t.Fatal(err)
				}
				if err := scanned.add(wire.Part{Rows: rows, Files: len(files)}, files); err != nil {
					t.Fatal(err)
				}
				same(t, e, "native", "scanned", columns)
			})
		}
	}
}

// TestSealedNumbersOfAnyWidth: whatever the width of a column's numbers, a column
// sealed from the engine type's own Arrow type equals the oracle's.
func TestSealedNumbersOfAnyWidth(t *testing.T) {
	const budget = 5 * time.Second
	first := uint64(time.Now().UnixNano())
	begun, done := time.Now(), 0
	for seed := first; time.Since(begun) < budget && !t.Failed(); seed++ {
		r := rand.New(rand.NewPCG(seed, 3))
		e := open(t, 1)
		rows := 1 + r.IntN(2*vectorSize+100)
		columns, types := []wire.Column{{Name: "i", Type: "BIGINT"}}, []wire.Type{{ID: "BIGINT"}}
		table := make([][]any, rows)
		index := array.NewInt64Builder(memory.DefaultAllocator)
		for i := range table {
			table[i] = []any{int64(i)}
			index.Append(int64(i))
		}
		segment := []arrow.Array{index.NewArray()}
		for c := range 8 {
			name := wholeTypes[r.IntN(len(wholeTypes))]
			typ, err := wire.ParseType(name)
			if err != nil {
				t.Fatal(err)
			}
			columns, types = append(columns, wire.Column{Name: fmt.Sprintf("c %d", c), Type: name}), append(types, typ)
			bits, nulls := r.IntN(8*typ.Width()+1), 1+r.IntN(20)
			before, after := r.IntN(70), r.IntN(3)
			var numbers []int64
			var null []bool
			for i := range before + rows + after {
				numbers, null = append(numbers, whole(r, typ, bits)), append(null, nulls < 15 && r.IntN(nulls) == 0)
				if null[i] || i < before || i >= before+rows {
					numbers[i] = int64(r.Uint64()) // of no width
				}
				if i < before || i >= before+rows {
					continue
				}
				if null[i] {
					table[i-before] = append(table[i-before], nil)
				} else {
					table[i-before] = append(table[i-before], cell(typ, numbers[i]))
				}
			}
			segment = append(segment, array.NewSlice(integers(ownType(typ, r), numbers, null), int64(before), int64(before+rows)))
		}
		fillNative(t, e, "native", columns, types, table)
		attach(t, e, "scanned", columns, segment)
		same(t, e, "native", "scanned", columns)
		if t.Failed() {
			t.Logf("seed %d, columns %v", seed, columns)
		}
		done++
	}
	t.Logf("%d tables from seed %d on", done, first)
}

// ownType is an Arrow type as wide as typ or, for decimals, wider.
func ownType(typ wire.Type, r *rand.Rand) arrow.FixedWidthDataType {
	switch {
	case typ.ID != "DECIMAL":
		dt, err := wire.Arrow(typ.ID)
		if err != nil {
			panic(err)
		}
		return dt.(arrow.FixedWidthDataType)
	case typ.Precision <= 9 && r.IntN(2) == 0:
		return &arrow.Decimal32Type{Precision: typ.Precision, Scale: typ.Scale}
	}
	return &arrow.Decimal64Type{Precision: typ.Precision, Scale: typ.Scale}
}
