package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EntryMove is something that a catalogue entry says otherwise than when a grant
// of it was agreed to: the level of a column, or with Column empty the share or
// open type of the dataset. Was is empty where there was no entry to agree under.
type EntryMove struct{ Column, Field, Was, Now string }

// String returns the move of a column of dataset as one word after the other.
func (m EntryMove) String(dataset string) string {
	if m.Column != "" {
		dataset += "." + m.Column
	}
	return strings.Join([]string{dataset, m.Field, m.Was, m.Now}, " ")
}

// entryMoves compares the entry that was in force at since with all that came
// after it, for the columns a grant gives (YC22-25, JM19-35). What moved and moved
// back has moved: the entry that people agreed under was withdrawn.
func (r *Registry) entryMoves(ctx context.Context, q querier, g Grant, since time.Time) ([]EntryMove, error) {
	var first, after int64
	err := q.QueryRowContext(ctx, `SELECT coalesce(max(version) FILTER (WHERE applied_at <= ?1), 0), count(*) FILTER (WHERE applied_at > ?1)
		FROM documents WHERE kind = ?2 AND name = ?3`, since.UnixNano(), KindDataset, g.Dataset).Scan(&first, &after)
	if err != nil {
		return nil, fmt.Errorf("registry: read entries of %s: %w", g.Dataset, err)
	}
	if first == 0 {
		return []EntryMove{{Field: "entry", Now: "new"}}, nil
	}
	if after == 0 {
		return nil, nil
	}
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND name = ? AND version >= ? ORDER BY version`, KindDataset, g.Dataset, first)
	if err != nil {
		return nil, err
	}
	var base Dataset
	var moves []EntryMove
	for i, s := range rows {
		d, err := SpecOf[Dataset](s.Document)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			base = d
			continue
		}
		moves = append(moves, d.moved(base, g)...)
	}
	return slices.Compact(moves), nil
}

// moved returns what d says otherwise than base of what g gives.
func (d Dataset) moved(base Dataset, g Grant) []EntryMove {
	var moves []EntryMove
	note := func(column, field, was, now string) {
		if was != now {
			moves = append(moves, EntryMove{column, field, was, now})
		}
	}
	note("", "open_type", base.OpenType, d.OpenType)
	note("", "share_type", base.ShareType, d.ShareType)
	for _, given := range g.Columns {
		was, known := base.column(given.Name)
		now, there := d.column(given.Name)
		if known && there {
			note(given.Name, "level", fmt.Sprint(was.Level), fmt.Sprint(now.Level))
		}
	}
	return moves
}

// column returns the column of that name, whatever its case.
func (d Dataset) column(name string) (Column, bool) {
	i := slices.IndexFunc(d.Columns, func(col Column) bool { return strings.EqualFold(col.Name, name) })
	if i < 0 {
		return Column{}, false
	}
	return d.Columns[i], true
}
