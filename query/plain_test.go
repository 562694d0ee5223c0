package query_test

import (
	"errors"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// writtenStatement is a statement of testdata/plain.txt.
type writtenStatement struct{ sql, code, marked string }

func writtenStatements(t *testing.T) []writtenStatement {
	t.Helper()
	var out []writtenStatement
	for _, line := range strings.Split(mustRead(t, "testdata/plain.txt"), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '=':
			last := &out[len(out)-1]
			last.code, last.marked, _ = strings.Cut(strings.TrimPrefix(line, "= "), " @ ")
		default:
			out = append(out, writtenStatement{sql: line})
		}
	}
	return out
}

// Over open data everything of the engine's SELECT works and gives what the engine
// alone gives; what cannot leave is refused with a reason and its place.
func TestWhatPeopleWriteOverOpenDataWorks(t *testing.T) {
	t.Parallel()
	tables := openTables()
	d := openDomain(t, tables)
	alone := &loneEngine{pool: livePool(t, 2), tables: tables}
	all := writtenStatements(t)
	if len(all) < 230 {
		t.Fatalf("%d statements, want at least 230", len(all))
	}
	for _, c := range all {
		got, err := governed(t, d, c.sql)
		if c.code != "" {
			if got.code != c.code {
				t.Errorf("%s\nends with %q (%v), want %s", c.sql, got.code, err, c.code)
			}
			if e, ok := errors.AsType[*query.Error](err); ok && c.marked != "" {
				if e.Span == nil || c.sql[e.Span.Start:e.Span.End] != c.marked {
					t.Errorf("%s\nis marked at %v, want at %q", c.sql, e.Span, c.marked)
				}
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\n%s", c.sql, querytest.Text(err))
			continue
		}
		want, err := alone.run(t, c.sql)
		if err != nil {
			t.Errorf("%s\nfails alone: %v", c.sql, err)
			continue
		}
		if how := got.differs(want, orderedTree(want.tree)); how != "" {
			t.Errorf("%s\ndiffers: %s", c.sql, how)
		}
	}
}
