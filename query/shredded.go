package query

import (
	"slices"

	"zonebox/query/analysis"
)

// readableStill refuses a statement that reads a column whose key was destroyed.
func (p *parsed) readableStill(s *analysis.Statement) error {
	for _, scan := range s.Scans {
		d := p.catalog.datasets[scan.Table]
		if d.Data == nil {
			continue
		}
		for _, c := range scan.Columns {
			if slices.Contains(d.Data.Shredded, c) {
				return fail("DATA_SHREDDED", nil).because(scan.Table+"."+c, scan.Table+"."+c).of(p.id)
			}
		}
	}
	return nil
}
