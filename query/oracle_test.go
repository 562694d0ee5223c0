package query_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zonebox/query/analysis"
	"zonebox/sandbox"
)

// verdict compares what the engine made of a rewrite with what may leave. It
// returns "" if they agree.
func (q posed) verdict(got [][]*string) string {
	rows := q.gate(got)
	if len(rows) != len(got) {
		return fmt.Sprintf("the rewrite lets %d rows through that its own counts drop", len(got)-len(rows))
	}
	if problem := q.inOrder(rows, q.want.order); problem != "" {
		return problem
	}
	from, to := 0, len(rows)
	if q.st.Offset != nil {
		from = min(to, int(q.st.Offset.N))
	}
	if q.st.Limit != nil {
		to = min(to, from+int(q.st.Limit.N))
	}
	a, b := sortedRows(rows[from:to], func(v *string) any { return cellValue(v) }), sortedRows(q.want.rows, func(v any) any { return v })
	if !slices.EqualFunc(a, b, sameCells) {
		return fmt.Sprintf("engine %s\noracle %s", showRows(a), showRows(b))
	}
	return ""
}

// gate drops rows and blanks cells whose hidden counts are under K, as the
// release does.
func (q posed) gate(got [][]*string) [][]*string {
	var out [][]*string
	outputs := len(q.st.Outputs)
next:
	for _, row := range got {
		kept := slices.Clone(row[:outputs])
		for i, h := range q.st.Hidden {
			n, err := strconv.Atoi(*row[outputs+i])
			switch {
			case err == nil && n >= h.K:
			case h.Kind == "group":
				continue next
			default:
				kept[h.Output] = nil
			}
		}
		out = append(out, kept)
	}
	return out
}

// inOrder checks the leading sort keys that are in the answer, as far as no
// blanked cell is among them.
func (q posed) inOrder(rows [][]*string, order []bruteOrder) string {
	for i := 1; i < len(rows); i++ {
		for _, o := range order {
			if o.output < 0 || slices.ContainsFunc(q.st.Hidden, func(h analysis.Hidden) bool { return h.Kind == "cell" && h.Output == o.output }) {
				break
			}
			c := o.compare(cellValue(rows[i-1][o.output]), cellValue(rows[i][o.output]))
			if c > 0 {
				return fmt.Sprintf("row %d is out of order", i+1)
			}
			if c < 0 {
				break
			}
		}
	}
	return ""
}

// cellValue reads a cell as a number if it is one.
func cellValue(v *string) any {
	if v == nil {
		return nil
	}
	if f, err := strconv.ParseFloat(*v, 64); err == nil {
		return f
	}
	return *v
}

// sortedRows returns rows in one order, with numbers as float64.
func sortedRows[T any](rows [][]T, cell func(T) any) [][]any {
	var out [][]any
	for _, r := range rows {
		var rowLine []any
		for _, v := range r {
			c := cell(v)
			switch n := c.(type) {
			case int64:
				c = float64(n)
			case bool:
				c = strconv.FormatBool(n)
			}
			rowLine = append(rowLine, c)
		}
		out = append(out, rowLine)
	}
	slices.SortFunc(out, func(a, b []any) int { return strings.Compare(rowLine(a), rowLine(b)) })
	return out
}

// rowLine rounds, so that the last digit of an average does not decide an order.
func rowLine(row []any) string {
	var b strings.Builder
	for _, v := range row {
		if f, ok := v.(float64); ok {
			v = math.Round(f*1e6) / 1e6
		}
		fmt.Fprintf(&b, "%v|", v)
	}
	return b.String()
}

func sameCells(a, b []any) bool {
	return slices.EqualFunc(a, b, func(x, y any) bool {
		f, ok1 := x.(float64)
		g, ok2 := y.(float64)
		if ok1 && ok2 {
			return f == g || !math.IsInf(f-g, 0) && math.Abs(f-g) <= 1e-9*max(1, math.Abs(f), math.Abs(g))
		}
		return x == y
	})
}

func showRows(rows [][]any) string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, rowLine(r))
	}
	return fmt.Sprintf("%d rows\n\t%s", len(rows), strings.Join(lines, "\n\t"))
}

// poser poses random statements over random tables, eight over each.
type poser struct {
	*grammar
	session *sandbox.Session
	sets    int
	refused map[string]int // by fault
}

func newPoser(s *sandbox.Session, seed uint64) *poser {
	return &poser{&grammar{Rand: rand.New(rand.NewPCG(seed, 1))}, s, 0, map[string]int{}}
}

// next returns n accepted statements, or a few more.
func (p *poser) next(t *testing.T, n int) []posed {
	t.Helper()
	var out []posed
	for ; len(out) < n; p.sets++ {
		p.names = [3]string{fmt.Sprintf("visits%d", p.sets), fmt.Sprintf("persons%d", p.sets), fmt.Sprintf("codes%d", p.sets)}
		tables := p.tables()
		for range 8 {
			q, err := pose(t, p.session, p.statement(), tables)
			refusal, ok := errors.AsType[*analysis.Refusal](err)
			_, engine := errors.AsType[*sandbox.StatementError](err)
			switch {
			case ok:
				p.refused[refusal.Faults[0].Code]++
			case engine && q.st != nil:
				p.refused["by the engine"]++
			case errors.Is(err, errBrutePairs):
			case err != nil:
				t.Fatalf("%s\n%v", q.sql, err)
			default:
				out = append(out, q)
			}
		}
	}
	return out
}

// poseMany returns n accepted statements over random tables and how often each
// fault refused another.
func poseMany(t *testing.T, s *sandbox.Session, seed uint64, n int) ([]posed, map[string]int) {
	t.Helper()
	p := newPoser(s, seed)
	return p.next(t, n), p.refused
}

// The answers of the engine to the rewrites are those that brute force finds
// under the rule of the minimum group: equal where a group and a cell may be
// released, absent where not.
func TestRandomAnswersEqualBruteForce(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	seed := seedOf(t)
	poser := newPoser(nil, seed)
	asked, alone, rows, cells, empty, failed := 0, 0, 0, 0, 0, 0
	check := func(q posed, got [][]*string) {
		if problem := q.verdict(got); problem != "" {
			if failed++; failed <= 5 {
				t.Errorf("ZONEBOX_SEED=%d\n%v%s", seed, q, problem)
			}
		}
		if len(got) == 0 {
			empty++
		}
		rows += len(got)
		for _, r := range got {
			cells += len(r)
		}
	}
	covered := coverage{}
	// Most share a worker with others; some run as the gate runs them, alone and
	// with nothing attached but what they are said to read, a few of those without
	// the rows that nobody needs.
	round := func() {
		parser, err := p.Start(t.Context())
		if err != nil {
			t.Fatalf("Start() = %v", err)
		}
		defer parser.Close()
		poser.session = parser
		qs := poser.next(t, 300)
		asked += len(qs)
		for batch := range slices.Chunk(qs, 50) {
			sqls := make([]string, len(batch))
			for i, q := range batch {
				sqls[i] = q.st.SQL
			}
			for i, got := range runTogether(t, p, parser, batch, sqls) {
				check(batch[i], got)
				covered.add(batch[i], len(batch[i].want.rows) > 0)
			}
		}
		for i, q := range qs {
			if tables, dropped := q.without(); dropped > 0 || i%20 == 0 {
				alone++
				check(q, runAlone(t, p, parser, q.st.SQL, tables, q.scans()))
			}
		}
	}
	for n := repeats(600, 20_000); asked < n; {
		round()
	}
	t.Logf("%d statements, %d of them once more alone, %d answers without a row, %d rows and %d cells released; refused: %v",
		asked, alone, empty, rows, cells, poser.refused)
	t.Log(covered)
	if failed > 0 {
		t.Errorf("%d answers differ", failed)
	}
}

func TestNamedAnswersEqualBruteForce(t *testing.T) {
	t.Parallel()
	p := livePool(t, 2)
	parser := liveSession(t, p)
	for _, c := range namedCases(t) {
		t.Run(c.name, func(t *testing.T) {
			q, err := pose(t, parser, c.sql, c.tables)
			if c.refused != (err != nil) {
				t.Fatalf("%s\n%v, want refused = %v", c.sql, err, c.refused)
			}
			if err != nil {
				return
			}
			if problem := q.verdict(runAlone(t, p, parser, q.st.SQL, q.tables, q.scans())); problem != "" {
				t.Errorf("%v%s", q, problem)
			}
		})
	}
}
