package bench

import (
	_ "embed"
	"strings"
)

// A Query is one statement of a list.
type Query struct {
	Name    string
	Class   string // the list says which there are
	Stress  string // what it is there for
	SQL     string
	Ordered bool // the order of its rows is part of its answer
}

var (
	//go:embed queries.sql
	queries string
	//go:embed minimum.sql
	minimum string
)

// Queries returns the statements of queries.sql in their order.
func Queries() []Query { return list(queries) }

// Minimum returns the statements of minimum.sql in their order.
func Minimum() []Query { return list(minimum) }

func list(text string) []Query {
	var out []Query
	for _, block := range strings.Split(text, ";\n") {
		var q Query
		var sql []string
		for line := range strings.Lines(block) {
			comment, is := strings.CutPrefix(line, "-- ")
			if parts := strings.Split(strings.TrimSpace(comment), " | "); is && len(parts) == 3 {
				q.Name, q.Class, q.Stress = parts[0], parts[1], parts[2]
			}
			if q.Name != "" && !strings.HasPrefix(line, "--") {
				sql = append(sql, line)
			}
		}
		if q.Name != "" {
			q.SQL = strings.TrimSpace(strings.Join(sql, ""))
			q.Ordered = strings.Contains(q.SQL, "ORDER BY")
			out = append(out, q)
		}
	}
	return out
}
