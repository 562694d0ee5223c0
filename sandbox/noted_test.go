package sandbox_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox"
	"zonebox/sandbox/internal/wire"
)

// members are the rows of each group of a column, ascending and as often as they
// were met, by number of the group.
func members(n sandbox.Noted, column int) map[uint32][]uint32 {
	of := make([]uint32, n.Groups+1)
	for i := range of {
		of[i] = uint32(i)
	}
	find := func(i uint32) uint32 {
		for of[i] != i {
			i = of[i]
		}
		return i
	}
	for i := 0; i < len(n.Same); i += 2 {
		of[find(n.Same[i])] = find(n.Same[i+1])
	}
	out := map[uint32][]uint32{}
	for _, run := range n.Columns[column].Group {
		for i, g := range run.Values {
			if g != 0 {
				out[find(g)] = append(out[find(g)], run.First+uint32(i))
			}
		}
	}
	for i, more := 0, n.Columns[column].More; i < len(more); i += 2 {
		out[find(more[i+1])] = append(out[find(more[i+1])], more[i])
	}
	for n := range of {
		if f := find(uint32(n)); f != uint32(n) {
			out[uint32(n)] = out[f]
		}
	}
	for _, rows := range out {
		slices.Sort(rows)
	}
	return out
}

// A row set notes every row of every group, as often as a join repeats it, of groups
// that HAVING and LIMIT drop too, and its value is the group's number.
func TestARowSetNotesTheRowsOfEveryGroup(t *testing.T) {
	const rows = 100_000
	g := func(x uint32) uint32 { return x * 7 % 1000 }
	for _, c := range []struct {
		rule, sql string
		sets      []sandbox.RowSet
		shown     int
		groups    int // that were noted
		set       int
		in        func(group, row uint32) int // how often, by group key
	}{
		{"by group", `SELECT x * 7 % 1000 AS g, __rows_1_1(x::UINTEGER) AS s FROM range(100000) t(x) GROUP BY g`, []sandbox.RowSet{{Number: 1, Columns: 1}}, 1000, 1000, 0,
			func(group, row uint32) int { return one(g(row) == group) }},
		{"of groups that are not shown", `SELECT x * 7 % 1000 AS g, __rows_1_1(x::UINTEGER) AS s FROM range(100000) t(x) GROUP BY g HAVING count(*) = 100 AND min(x) < 3 ORDER BY g LIMIT 2`,
			[]sandbox.RowSet{{Number: 1, Columns: 1}}, 2, 1000, 0, func(group, row uint32) int { return one(g(row) == group) }},
		{"without groups", `SELECT 0 AS g, __rows_1_1(x::UINTEGER) AS s FROM range(100000) t(x) WHERE x % 3 = 1`, []sandbox.RowSet{{Number: 1, Columns: 1}}, 1, 1, 0,
			func(_, row uint32) int { return one(row%3 == 1) }},
		{"the second column by its condition", `SELECT x * 7 % 1000 AS g, __rows_1_2(x::UINTEGER, CASE WHEN x % 2 = 0 THEN (x + 5)::UINTEGER END) AS s FROM range(100000) t(x) GROUP BY g`,
			[]sandbox.RowSet{{Number: 1, Columns: 2}}, 1000, 1000, 1, func(group, row uint32) int { return one(row >= 5 && row%2 == 1 && g(row-5) == group) }},
		{"a row in two groups, and twice in each", `SELECT y % 2 AS g, __rows_1_1(x::UINTEGER) AS s FROM range(100000) t(x), range(4) u(y) GROUP BY g`,
			[]sandbox.RowSet{{Number: 1, Columns: 1}}, 2, 2, 0, func(uint32, uint32) int { return 2 }},
	} {
		for _, threads := range []int{1, 2} {
			p := pool(t, sandbox.Config{Threads: threads})
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.SetRowSets(c.sets); err != nil {
				t.Fatal(err)
			}
			r, err := s.Execute(t.Context(), c.sql, hash(t, p, c.sql), sandbox.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", c.rule, err)
			}
			numbers := map[string]string{} // by key
			for {
				b, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v", c.rule, err)
				}
				for i := range int(b.NumRows()) {
					numbers[b.Column(0).ValueStr(i)] = b.Column(1).ValueStr(i)
				}
				b.Release()
			}
			got := members(r.Noted()[0], c.set)
			distinct := map[string]bool{}
			for _, m := range got {
				distinct[fmt.Sprint(m[:1], len(m))] = true
			}
			if len(numbers) != c.shown || c.groups <= 1000 && len(distinct) > c.groups {
				t.Errorf("%s, %d threads: %d groups shown and at least %d noted, want %d and %d", c.rule, threads, len(numbers), len(distinct), c.shown, c.groups)
			}
			for key, number := range numbers {
				var group, n uint32
				if _, err := fmt.Sscan(key+" "+number, &group, &n); err != nil {
					t.Fatal(err)
				}
				var want []uint32
				for row := range uint32(rows + 5) {
					if row < rows || c.set == 1 {
						for range c.in(group, row) {
							want = append(want, row)
						}
					}
				}
				if c.set == 0 && len(want) == 0 || !slices.Equal(got[n], want) {
					t.Errorf("%s, %d threads: group %s has %d rows, want %d", c.rule, threads, key, len(got[n]), len(want))
				}
			}
			total := 0
			for _, run := range r.Noted()[0].Columns[c.set].Group {
				for _, g := range run.Values {
					total += one(g > 0)
				}
			}
			if strings.Contains(c.rule, "not shown") && total != rows {
				t.Errorf("%s: %d rows are noted, want all %d", c.rule, total, rows)
			}
		}
	}
}

// Threads that meet one group give it several numbers, which are told to be the same.
func TestThreadsNoteOneGroup(t *testing.T) {
	const segments, each = 8, 200_000
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Uint32}}, nil)
	table := sandbox.Table{Name: "t", Columns: []sandbox.Column{{Name: "x", Type: "UINTEGER"}}}
	p := pool(t, sandbox.Config{Threads: 2})
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range uint32(segments) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range uint32(each) {
			b.Field(0).(*array.Uint32Builder).Append(n*each + i)
		}
		rec := b.NewRecordBatch()
		g, err := sandbox.SealBatch(rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(t.Context(), table, []sandbox.Segment{g}); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	const sql = `SELECT x % 10 AS g, __rows_1_1(x) AS s FROM t GROUP BY g`
	if err := s.SetRowSets([]sandbox.RowSet{{Number: 1, Columns: 1}}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Execute(t.Context(), sql, hash(t, p, sql), sandbox.Limits{})
	if _, err := rows(r, err); err != nil {
		t.Fatal(err)
	}
	noted := r.Noted()[0]
	groups := map[string]bool{}
	for _, m := range members(noted, 0) {
		groups[fmt.Sprint(m[0], len(m))] = true
		for _, row := range m {
			if row%10 != m[0]%10 {
				t.Fatalf("row %d is in the group of row %d", row, m[0])
			}
		}
	}
	if len(noted.Same) == 0 || len(groups) != 10 || !groups[fmt.Sprint(7, segments*each/10)] {
		t.Errorf("%d pairs of numbers of one group, groups %v, want some and 10 groups of %d rows", len(noted.Same)/2, groups, segments*each/10)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Nothing that a worker says of rows is believed that is out of order, of a set nobody
// asked for, or too much.
func TestARogueWorkersRowsAreNotBelieved(t *testing.T) {
	p := pool(t, sandbox.Config{Wall: 5 * time.Second})
	schema := wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}})
	done := func(rows int64) []byte { return wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: rows}) }
	part := func(set uint16, p wire.RowsPart, column uint8, first uint32, numbers ...uint32) []byte {
		b := wire.RowsFrame{Set: set, Part: p, Column: column, First: first}.Append(nil)
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return wire.Append(nil, wire.Rows, b)
	}
	head := part(0, wire.RowsHead, 0, 0, 3)
	sets := []sandbox.RowSet{{Number: 1, Columns: 2}}
	for _, c := range []struct {
		rule   string
		answer []byte
		sets   []sandbox.RowSet
		want   error
	}{
		{"control", join(schema, batch(t, []int64{1}), head, part(0, wire.RowsGroup, 0, 0, 1, 2), part(0, wire.RowsGroup, 0, 9, 3), part(0, wire.RowsMore, 1, 0, 5, 1), part(0, wire.RowsSame, 0, 0, 1, 2), done(1)), sets, nil},
		{"control without sets", join(schema, batch(t, []int64{1}), done(1)), nil, nil},
		{"rows nobody asked for", join(schema, head, done(0)), nil, sandbox.ErrProtocol},
		{"no rows", join(schema, done(0)), sets, sandbox.ErrProtocol},
		{"a batch after rows", join(schema, head, batch(t, []int64{1}), done(1)), sets, sandbox.ErrProtocol},
		{"rows before the schema", join(head, schema, done(0)), sets, sandbox.ErrProtocol},
		{"rows before their head", join(schema, part(0, wire.RowsGroup, 0, 0, 1), head, done(0)), sets, sandbox.ErrProtocol},
		{"a head twice", join(schema, head, head, done(0)), sets, sandbox.ErrProtocol},
		{"the head of another set", join(schema, part(1, wire.RowsHead, 0, 0, 3), done(0)), sets, sandbox.ErrProtocol},
		{"a column too many", join(schema, head, part(0, wire.RowsGroup, 2, 0, 1), done(0)), sets, sandbox.ErrProtocol},
		{"rows twice", join(schema, head, part(0, wire.RowsGroup, 0, 0, 1, 2), part(0, wire.RowsGroup, 0, 1, 1), done(0)), sets, sandbox.ErrProtocol},
		{"rows beyond the last", join(schema, head, part(0, wire.RowsGroup, 0, 1<<32-1, 1, 2), done(0)), sets, sandbox.ErrProtocol},
		{"half a pair", join(schema, head, part(0, wire.RowsMore, 0, 0, 1), done(0)), sets, sandbox.ErrProtocol},
		{"pairs with a gap", join(schema, head, part(0, wire.RowsMore, 0, 2, 1, 1), done(0)), sets, sandbox.ErrProtocol},
		{"an unknown part", join(schema, head, part(0, 9, 0, 0, 1), done(0)), sets, sandbox.ErrProtocol},
		{"no numbers", join(schema, head, part(0, wire.RowsGroup, 0, 0), done(0)), sets, sandbox.ErrProtocol},
		{"part of a number", join(schema, head, wire.Append(nil, wire.Rows, make([]byte, wire.RowsHeader+3)), done(0)), sets, sandbox.ErrProtocol},
		{"more than allowed", join(schema, head, part(0, wire.RowsGroup, 0, 0, slices.Repeat([]uint32{1}, 60_000)...), done(0)), sets, sandbox.ErrOutput},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Probe("rogue " + string(c.answer)); err != nil {
				t.Fatal(err)
			}
			if err := s.SetRowSets(c.sets); err != nil {
				t.Fatal(err)
			}
			_, err = rows(s.Execute(t.Context(), `SELECT 1`, [32]byte{}, sandbox.Limits{Rows: 100, Noted: 200_000}))
			if !errors.Is(err, c.want) {
				t.Errorf("Execute() = %v, want %v", err, c.want)
			}
		})
	}
}

// A statement notes by the row sets of its message and by no other.
func TestStatementsNoteByTheSetsOfTheirMessage(t *testing.T) {
	const sql = `SELECT __rows_1_1(x::UINTEGER) AS n FROM range(50) t(x)`
	for _, sets := range [][]sandbox.RowSet{nil, {{Number: 2, Columns: 1}}, {{Number: 1, Columns: 2}}} {
		s := start(t, sandbox.Config{})
		if err := s.SetRowSets(sets); err != nil {
			t.Fatal(err)
		}
		var fault *sandbox.StatementError
		if _, err := s.Bind(t.Context(), nil, sql); !errors.As(err, &fault) || fault.Code != "catalog" {
			t.Errorf("Bind() with %v = %v, want the fault catalog", sets, err)
		}
	}
	s := start(t, sandbox.Config{})
	for _, sets := range [][]sandbox.RowSet{{{Number: 0, Columns: 1}}, {{Number: 1, Columns: 0}}, {{Number: 1, Columns: 33}}, {{Number: 513, Columns: 1}}, {{Number: 1, Columns: 1}, {Number: 1, Columns: 1}}} {
		if err := s.SetRowSets(sets); err == nil {
			t.Errorf("SetRowSets(%v) succeeds", sets)
		}
	}
	if err := s.SetRowSets([]sandbox.RowSet{{Number: 1, Columns: 1}, {Number: 512, Columns: 32}}); err != nil {
		t.Fatal(err)
	}
	if columns, err := s.Bind(t.Context(), nil, sql); err != nil || columns[0] != (sandbox.Column{Name: "n", Type: "UINTEGER"}) {
		t.Errorf("Bind() = %v, %v, want n UINTEGER", columns, err)
	}
}
