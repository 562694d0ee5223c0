package zone

import (
	"context"
	"crypto/sha256"
)

// spread is how the values of a column are spread over rows.
type spread struct {
	rows  int64
	stats ColumnStats
}

// spreadSize is about what one of them takes.
const spreadSize = 256

// Spread returns what Stats says of a column, without its look, of the rows of a
// projection alone, and how many rows these are; columns and needs of the projection
// do not matter. What it found out once it knows the next time. Errors are those of
// Project.
func (s *Store) Spread(ctx context.Context, p Projection, column string) (c ColumnStats, rows int64, err error) {
	p.Columns, p.Entity, p.Needs = []Project{{Name: column}}, false, nil
	var seen []Column
	parts := []string{"spread", column}
	for piece, err := range s.Project(ctx, p) {
		if err != nil {
			return c, 0, err
		}
		seen = append(seen, piece.Columns[0])
		parts = append(parts, string(piece.Columns[0].ID[:]))
	}
	id := sha256.Sum256(binding(parts...))
	if k, ok := s.spreads.get(id); ok {
		return k.stats, k.rows, nil
	}
	k := newSketch()
	for _, c := range seen {
		arr, err := c.values(c.view.plan[c.at].chunk)
		if err != nil {
			return ColumnStats{}, 0, err
		}
		k.add(arr)
		rows += int64(arr.Len())
		arr.Release()
	}
	c = k.stats(column)
	s.spreads.put(id, p.Zone, spread{rows, c}, spreadSize)
	return c, rows, nil
}
