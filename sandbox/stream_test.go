package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"zonebox/sandbox"
	"zonebox/sandbox/internal/wire"
)

// streamed announces segments of people and counts what is opened.
func streamed(opened *atomic.Int64, recs ...arrow.RecordBatch) (out []sandbox.Streamed) {
	for _, r := range recs {
		out = append(out, sandbox.Streamed{Rows: r.NumRows(), Open: func() (sandbox.Segment, error) {
			opened.Add(1)
			return lend(r.Columns()...)
		}})
	}
	return out
}

func lend(columns ...arrow.Array) (g sandbox.Segment, _ error) {
	g.Rows = int64(columns[0].Len())
	for _, arr := range columns {
		c, err := sandbox.Lend(arr)
		if err != nil {
			return g, errors.Join(err, g.Close())
		}
		g.Columns = append(g.Columns, c)
	}
	return g, nil
}

// TestStreamedSegmentsAnswerAsAttachedOnes asks what scans alone, twice at once,
// one after the other, in part and again and again.
func TestStreamedSegmentsAnswerAsAttachedOnes(t *testing.T) {
	p := pool(t, sandbox.Config{Threads: 4})
	const each = 150_000 // more than one morsel
	var recs []arrow.RecordBatch
	for i := range 6 {
		r := peopleBatch(i*each, each-i)
		defer r.Release()
		recs = append(recs, r)
	}
	for _, c := range []struct {
		rule, sql string
		least     int64 // segments that streaming all six opens
	}{
		{"every column", `SELECT count(*), count(DISTINCT name), min(born), max(seen), sum(income), sum(visits), sum(paid), sum(debt), count(*) FILTER (WHERE insured), sum(__entity) FROM people`, 6},
		{"no column", `SELECT count(*) FROM people`, 6},
		{"text as group", `SELECT name, count(*), sum(visits) FROM people GROUP BY name ORDER BY name`, 6},
		{"text kept by a sort", `SELECT name, visits FROM people ORDER BY name DESC, visits DESC NULLS LAST LIMIT 10`, 6},
		{"text kept by an aggregate", `SELECT min(name), max(name), first(name ORDER BY visits) FROM people`, 6},
		{"two scans at once", `SELECT count(*), sum(a.visits), max(b.name) FROM people a JOIN people b ON a.visits = b.visits`, 6},
		{"two scans in turn", `SELECT (SELECT sum(visits) FROM people), (SELECT max(name) FROM people WHERE visits < 100000)`, 6},
		{"twelve scans", `SELECT sum(n) FROM (SELECT sum(visits) n FROM people UNION ALL SELECT count(name) FROM people UNION ALL SELECT sum(visits) FROM people UNION ALL SELECT count(debt) FROM people UNION ALL SELECT sum(paid) FROM people UNION ALL SELECT count(*) FROM people)`, 6},
		{"again and again", `WITH RECURSIVE r(i, s) AS (SELECT 0, 0::HUGEINT UNION ALL SELECT i + 1, (SELECT sum(visits) FROM people WHERE visits > i) FROM r WHERE i < 3) SELECT i, s FROM r ORDER BY i`, 6},
		{"an end before the end", `SELECT count(*) FROM (SELECT name FROM people LIMIT 5)`, 1},
	} {
		t.Run(c.rule, func(t *testing.T) {
			h := hash(t, p, c.sql)
			ask := func(attached int) ([][]string, int64) {
				s, err := p.Start(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				for _, r := range recs {
					r.Retain() // seal gives them back
				}
				attach(t, s, people, seal(t, recs[:attached]...)...)
				var opened atomic.Int64
				if err := s.Announce(t.Context(), people, streamed(&opened, recs[attached:]...)); err != nil {
					t.Fatalf("Announce() = %v", err)
				}
				got, err := rows(s.Execute(t.Context(), c.sql, h, sandbox.Limits{}))
				if err != nil {
					t.Fatalf("%d attached: Execute() = %v", attached, err)
				}
				return got, opened.Load()
			}
			want, _ := ask(len(recs))
			for _, attached := range []int{0, 2} {
				got, opened := ask(attached)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d attached (-attached +streamed):\n%s", attached, diff)
				}
				if attached == 0 && opened < c.least {
					t.Errorf("%d segments opened, want %d at least", opened, c.least)
				}
			}
		})
	}
}

// wide is a table of one number per row, in segments of 16 MB.
const wideRows = 2 << 20

var wide = sandbox.Table{Name: "wide", Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}}

func wideSegment(first int64) (sandbox.Segment, error) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Resize(wideRows)
	for i := range int64(wideRows) {
		b.UnsafeAppend(first + i<<20) // no run of small numbers that could be sealed narrower
	}
	arr := b.NewArray()
	defer arr.Release()
	return lend(arr)
}

// TestATableMayBeLargerThanMemory reads a gigabyte with a worker that could not
// map half of it, once per scan.
func TestATableMayBeLargerThanMemory(t *testing.T) {
	const segments = 64
	p := pool(t, sandbox.Config{Memory: 384 << 20, Spill: -1, Threads: 2, Wall: 5 * time.Minute})
	sql := `SELECT count(*), sum(n % 1000), (SELECT max(n) FROM wide) FROM wide`
	h := hash(t, p, sql)
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	opened, want := 0, int64(0)
	var announced []sandbox.Streamed
	for i := range int64(segments) {
		for j := range int64(wideRows) {
			want += (i + j<<20) % 1000
		}
		announced = append(announced, sandbox.Streamed{Rows: wideRows, Open: func() (sandbox.Segment, error) {
			opened++
			return wideSegment(i)
		}})
	}
	if err := s.Announce(t.Context(), wide, announced); err != nil {
		t.Fatal(err)
	}
	got, err := rows(s.Execute(t.Context(), sql, h, sandbox.Limits{}))
	if err != nil {
		t.Fatalf("Execute() = %v", err)
	}
	if w := []string{fmt.Sprint(segments * wideRows), fmt.Sprint(want), fmt.Sprint(segments - 1 + (wideRows-1)<<20)}; !slices.Equal(got[0], w) {
		t.Errorf("Execute() = %v, want %v", got[0], w)
	}
	if most := s.Streamed(); most > 6*wideRows*9 || most < wideRows*8 {
		t.Errorf("the worker held %d MB of segments at a time, want those its threads are in", most>>20)
	}
	if opened < segments || opened > 2*segments {
		t.Errorf("%d segments opened, want %d for each of two scans at most", opened, segments)
	}
}

// TestStreamedMemoryIsBounded has a worker ask for more than may be mapped at a
// time.
func TestStreamedMemoryIsBounded(t *testing.T) {
	p := pool(t, sandbox.Config{Memory: 8 << 20, Spill: -1, Threads: 1})
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Probe("rogue " + string(want(0, 0))); err != nil {
		t.Fatal(err)
	}
	s.Streams(wide, sandbox.Streamed{Rows: wideRows, Open: func() (sandbox.Segment, error) { return wideSegment(0) }})
	if _, err = rows(s.Execute(t.Context(), `SELECT 1`, [32]byte{}, sandbox.Limits{})); !errors.Is(err, sandbox.ErrMemory) {
		t.Errorf("Execute() = %v, want ErrMemory", err)
	}
}

// TestAStreamedSegmentMayHaveMoreColumnsThanDescriptors of a worker.
func TestAStreamedSegmentMayHaveMoreColumnsThanDescriptors(t *testing.T) {
	const columns = 300
	table := sandbox.Table{Name: "many"}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues([]int64{1, 2, 3}, nil)
	arr := b.NewArray()
	defer arr.Release()
	for i := range columns {
		table.Columns = append(table.Columns, sandbox.Column{Name: fmt.Sprintf("c%d", i), Type: "BIGINT"})
	}
	p := pool(t, sandbox.Config{})
	sql := `SELECT sum(c0), sum(c299) FROM many`
	h := hash(t, p, sql)
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	part := sandbox.Streamed{Rows: 3, Open: func() (sandbox.Segment, error) { return lend(slices.Repeat([]arrow.Array{arr}, columns)...) }}
	if err := s.Announce(t.Context(), table, []sandbox.Streamed{part, part}); err != nil {
		t.Fatal(err)
	}
	got, err := rows(s.Execute(t.Context(), sql, h, sandbox.Limits{}))
	if err != nil || !slices.Equal(got[0], []string{"12", "12"}) {
		t.Errorf("Execute() = %v, %v, want two sums of 12", got, err)
	}
}

// TestWhatARogueWorkerKeepsIsTakenBack has a worker map a page of each segment
// and say that it let the segment go, but for the later ones.
func TestWhatARogueWorkerKeepsIsTakenBack(t *testing.T) {
	const segments, gone = 8, 3
	p := pool(t, sandbox.Config{})
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for p.Stats().Idle == 0 {
		time.Sleep(time.Millisecond)
	}
	before := descriptors(t)
	var held []func() int64 // one descriptor each
	var frames [][]byte
	var announced []sandbox.Streamed
	for i := range int64(segments) {
		frames = append(frames, want(0, i))
		if i < gone {
			frames = append(frames, drop(0, i))
		}
		announced = append(announced, sandbox.Streamed{Rows: wideRows, Open: func() (sandbox.Segment, error) {
			g, err := wideSegment(i)
			if err == nil {
				held = append(held, g.Columns[0].Held(t))
			}
			return g, err
		}})
	}
	frames = append(frames, wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}}),
		batch(t, []int64{1}), wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: 1}))
	if _, err := s.Probe("keep " + string(join(frames...))); err != nil {
		t.Fatal(err)
	}
	s.Streams(wide, announced...)
	if _, err = rows(s.Execute(t.Context(), `SELECT 1`, [32]byte{}, sandbox.Limits{})); err != nil || len(held) != segments {
		t.Fatalf("Execute() = %v with %d segments opened, want %d", err, len(held), segments)
	}
	for i, size := range held {
		if n := size(); (n > 0) != (i >= gone) {
			t.Errorf("segment %d holds %d bytes; the worker says that it let the first %d go", i, n, gone)
		}
	}
	_ = s.Close()
	for end := time.Now().Add(5 * time.Second); held[segments-1]() > 0 || descriptors(t) > before+segments; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after its worker the last segment holds %d bytes; %d descriptors are open, %d before", held[segments-1](), descriptors(t)-segments, before)
		}
	}
}

func want(table, segment int64) []byte {
	return wire.AppendJSON(nil, wire.Want, wire.SegmentMessage{Table: table, Segment: segment})
}

func drop(table, segment int64) []byte {
	return wire.AppendJSON(nil, wire.Drop, wire.SegmentMessage{Table: table, Segment: segment})
}

func TestARogueWorkerGetsAnnouncedSegmentsOnly(t *testing.T) {
	p := pool(t, sandbox.Config{Wall: 5 * time.Second})
	result := join(wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}}),
		batch(t, []int64{1}), wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: 1}))
	for _, c := range []struct {
		rule   string
		answer []byte
		want   error
	}{
		{"control", result, nil},
		{"a table that is not there", want(1, 0), sandbox.ErrProtocol},
		{"a table before the first", want(-1, 0), sandbox.ErrProtocol},
		{"a segment that is not there", want(0, 1), sandbox.ErrProtocol},
		{"a segment before the first", want(0, -1), sandbox.ErrProtocol},
		{"a segment let go that it has not", drop(0, 0), sandbox.ErrProtocol},
		{"a wish with a field more", wire.Append(nil, wire.Want, []byte(`{"table":0,"segment":0,"more":1}`)), sandbox.ErrProtocol},
		{"a wish that is none", wire.Append(nil, wire.Want, []byte(`{}`)), sandbox.ErrProtocol},
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
			s.Streams(wide, sandbox.Streamed{Rows: wideRows, Open: func() (sandbox.Segment, error) {
				t.Error("a segment was opened")
				return sandbox.Segment{}, context.Canceled
			}})
			_, err = rows(s.Execute(t.Context(), `SELECT 1`, [32]byte{}, sandbox.Limits{}))
			if !errors.Is(err, c.want) {
				t.Errorf("Execute() = %v, want %v", err, c.want)
			}
		})
	}
	t.Run("a wish of a session that announced nothing", func(t *testing.T) {
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Probe("rogue " + string(want(0, 0))); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Parse(t.Context(), `SELECT 1`); !errors.Is(err, sandbox.ErrProtocol) {
			t.Errorf("Parse() = %v, want ErrProtocol", err)
		}
	})
}

// TestASegmentThatCannotBeHadEndsTheStatement, and nothing is left of either.
func TestASegmentThatCannotBeHadEndsTheStatement(t *testing.T) {
	p := pool(t, sandbox.Config{})
	sql := `SELECT sum(n) FROM wide`
	h := hash(t, p, sql)
	damaged := errors.New("damaged")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, c := range []struct {
		rule string
		open func() (sandbox.Segment, error)
		want error
	}{
		{"a segment that fails", func() (sandbox.Segment, error) { return sandbox.Segment{}, damaged }, damaged},
		{"a caller that leaves meanwhile", func() (sandbox.Segment, error) { cancel(); return wideSegment(0) }, context.Canceled},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Announce(t.Context(), wide, []sandbox.Streamed{{Rows: wideRows, Open: c.open}}); err != nil {
				t.Fatal(err)
			}
			_, err = rows(s.Execute(ctx, sql, h, sandbox.Limits{}))
			if !errors.Is(err, c.want) {
				t.Errorf("Execute() = %v, want %v", err, c.want)
			}
			for end := time.Now().Add(5 * time.Second); s.Alive(); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the worker lives on")
				}
			}
		})
	}
}
