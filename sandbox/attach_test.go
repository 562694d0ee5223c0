package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox"
)

// column seals values as a column.
func column(t *testing.T, values ...int64) *sandbox.Sealed {
	t.Helper()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(values, nil)
	arr := b.NewArray()
	defer arr.Release()
	c, err := sandbox.Seal(arr)
	if err != nil {
		t.Fatalf("Seal() = %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestTablesOfAnyWidth attaches more columns than one message carries files and
// than the worker may have open, in several segments that share them.
func TestTablesOfAnyWidth(t *testing.T) {
	p := pool(t, sandbox.Config{})
	var sealed []*sandbox.Sealed
	for i := range 100 {
		sealed = append(sealed, column(t, int64(i), int64(1000*i)))
	}
	for _, width := range []int{1, 63, 64, 65, 5000} {
		table := sandbox.Table{Name: "wide"}
		g := sandbox.Segment{Rows: 2}
		for i := range width {
			table.Columns = append(table.Columns, sandbox.Column{Name: fmt.Sprintf("c%d", i), Type: "BIGINT"})
			g.Columns = append(g.Columns, sealed[i%len(sealed)])
		}
		const segments = 3
		sql := fmt.Sprintf(`SELECT count(*), sum(c0), sum(c%d), min(c%d) FROM wide`, width-1, width/2)
		h := hash(t, p, sql)
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// In one call and in two: what Attach adds up.
		attach(t, s, table, g)
		attach(t, s, table, g, g)
		got, err := rows(s.Execute(t.Context(), sql, h, sandbox.Limits{}))
		if err != nil {
			t.Fatalf("%d columns: Execute() = %v", width, err)
		}
		want := fmt.Sprint([]string{fmt.Sprint(2 * segments), "0", fmt.Sprint(1001 * segments * ((width - 1) % 100)), fmt.Sprint(width / 2 % 100)})
		if fmt.Sprint(got[0]) != want {
			t.Errorf("%d columns: %v, want %v", width, got[0], want)
		}
		_ = s.Close()
	}
}

func TestWhatTheEngineReliesOnIsSealed(t *testing.T) {
	text := func(s string) arrow.Array {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.Append("good")
		b.Append(s)
		return b.NewArray()
	}
	number := func(n int64) arrow.Array {
		b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 4, Scale: 2})
		b.Append(decimal128.FromI64(n))
		return b.NewArray()
	}
	// Two halves of one character: UTF-8 only together.
	halves := func() arrow.Array {
		offsets, bytes := []byte{0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0}, []byte("李")
		return array.NewStringData(array.NewData(arrow.BinaryTypes.String, 2,
			[]*memory.Buffer{nil, memory.NewBufferBytes(offsets), memory.NewBufferBytes(bytes)}, nil, 0, 0))
	}
	for _, c := range []struct {
		rule  string
		arr   arrow.Array
		fails bool
	}{
		{"text", text("李"), false},
		{"text that is not UTF-8", text("\xff\xfe"), true},
		{"half a character", text("李"[:2]), true},
		{"a character in two strings", halves(), true},
		{"a decimal", number(9999), false},
		{"a decimal with too many digits", number(10000), true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := sandbox.Seal(c.arr)
			if (err != nil) != c.fails {
				t.Fatalf("Seal() = %v", err)
			}
			if err == nil {
				_ = s.Close()
			}
		})
	}
}

func TestSealGivesBackWhatItTakes(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	b := array.NewStringBuilder(mem)
	defer b.Release()
	for i := range 100 {
		b.Append(strings.Repeat("x", i))
	}
	arr := b.NewArray()
	defer arr.Release()
	part := array.NewSlice(arr, 10, 20)
	defer part.Release()
	c, err := sandbox.Seal(part)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Rows() != 10 || c.Size() > 2000 {
		t.Errorf("Seal() of 10 of 100 rows: %d rows, %d bytes", c.Rows(), c.Size())
	}
}
