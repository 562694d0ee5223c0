package query

import (
	"fmt"
	"testing"

	"zonebox/query/analysis"
	"zonebox/sandbox"
)

// BenchmarkEvidence reads what a worker noted of a statement over so many rows, ten of
// each entity, in 1,000 groups, by all rows and by those of one cell.
func BenchmarkEvidence(b *testing.B) {
	for _, rows := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			entities := make([]uint32, rows)
			told := sandbox.Noted{Groups: 1000, Columns: make([]sandbox.NotedColumn, 2)}
			for i := range entities {
				entities[i] = uint32(i / 10)
			}
			for c := range told.Columns {
				for first := 0; first < rows; first += 1 << 16 {
					run := sandbox.Run{First: uint32(first)}
					for row := first; row < min(rows, first+1<<16); row++ {
						run.Values = append(run.Values, uint32(row*7919%1000+1))
					}
					told.Columns[c].Group = append(told.Columns[c].Group, run)
				}
			}
			st := &analysis.Statement{References: []analysis.Reference{{Table: "t", K: 10}}, Evidence: []analysis.Evidence{{Number: 1, Releases: true, Root: true,
				Columns: []analysis.EvidenceColumn{{}, {Condition: 1}}}}}
			w := &worker{intent: &intent{decided: &decided{bound: &bound{approved: &approved{analyzed: &analyzed{Statement: st}}}}}}
			tables := map[string]*versionRows{"t": newVersionRows(entities)}
			for b.Loop() {
				e, err := newEvidence(w, tables, []sandbox.Noted{told}, nil)
				if err != nil || len(e.cells[0].groups) != 1000 {
					b.Fatal(err)
				}
			}
		})
	}
}
