package zone

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// The fault of a key that is told is the first by row, wherever batches end.
func TestTheFirstFaultOfAKeyIsTold(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	schema := arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	for round := range 300 {
		u, err := newUnique(Spec{Columns: []ColumnSpec{{"k", "int64"}}, Key: []string{"k"}}, &budget{left: 1 << 20}, drawTest)
		if err != nil {
			t.Fatal(err)
		}
		var recs []arrow.RecordBatch
		var want error
		first := map[int64]int64{}
		row := int64(0)
		for range 1 + random.IntN(4) {
			b := array.NewInt64Builder(memory.DefaultAllocator)
			for range random.IntN(200) {
				row++
				if random.IntN(400) == 0 {
					b.AppendNull()
					if want == nil {
						want = &KeyError{Row: row, Column: "k"}
					}
					continue
				}
				v := random.Int64N(100_000)
				b.Append(v)
				if at := first[v]; at > 0 && want == nil {
					want = &KeyError{Row: row, First: at}
				}
				first[v] = row
			}
			arr := b.NewArray()
			recs = append(recs, array.NewRecordBatch(schema, []arrow.Array{arr}, int64(arr.Len())))
		}
		err = u.add(recs)
		u.release()
		if fmt.Sprint(err) != fmt.Sprint(want) || want != nil && !errors.As(err, new(*KeyError)) {
			t.Fatalf("round %d: %v, want %v", round, err, want)
		}
		if want == nil && u.count != row {
			t.Fatalf("round %d: %d keys of %d rows", round, u.count, row)
		}
	}
}
